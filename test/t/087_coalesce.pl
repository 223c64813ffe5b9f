# Events that come so fast that the gateway is not woken for each.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1, synchronous_commit => 'off');

$node->safe_psql('postgres', q{SELECT realtime.topic('storm', open => true)});
wait_for_gateway($node);

my $ws = ws_connect($node);
is(ws_subscribe($ws, 'storm')->{type}, 'subscribed', 'a subscriber');

# Transactions that publish one event each, as fast as they can
my $session = $node->background_psql('postgres', on_error_stop => 1);
sub storm
{
	my ($from, $to) = @_;
	$session->query_safe(qq{DO \$\$ BEGIN
		FOR i IN $from .. $to LOOP
			PERFORM realtime.publish('storm', 'n', to_jsonb(i));
			COMMIT;
		END LOOP; END \$\$});
}
sub next_number { return ws_wait($ws, sub { ($_->{topic} // '') eq 'storm' })->{data}; }

my $wrong = 0;
storm(1, 20_000);
for my $n (1 .. 20_000) { $wrong++ if next_number() != $n; }
is($wrong, 0, 'all of 20,000 events, in order');

# An event right behind a storm, which may come while the gateway sleeps
# without wanting to be woken, and one when it is quiet again
my $number = 20_000;
$wrong = 0;
for my $round (1 .. 30)
{
	storm($number + 1, $number + 300);
	storm($number + 301, $number + 301);
	for my $n ($number + 1 .. $number + 301) { $wrong++ if next_number() != $n; }
	$number += 301;
}
is($wrong, 0, 'and each that follows a storm');

ws_close($ws);
$session->quit;
$node->stop;
done_testing();
