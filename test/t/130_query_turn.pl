# Live queries: what changes while somebody has the turn of rounds wakes nobody, and
# is not forgotten when the turn is given back, or who has it dies.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, n integer);
INSERT INTO app.item SELECT i, i FROM generate_series(1, 20) i;
GRANT SELECT ON app.item TO PUBLIC;
});
$node->safe_psql('postgres', gate_function());
declare_query($node, 'q/item', 'id', 'SELECT id, n FROM app.item');
declare_query($node, 'q/wait', 'id', 'SELECT id, n FROM app.item WHERE app.gate(n)');
wait_for_call($node, 'q/wait', []);
my $ws = ws_connect($node);
my @copies = map { follow($ws, $_) } qw(q/item q/wait);
my $lock = $node->background_psql('postgres');

sub change { return $node->safe_psql('postgres', "UPDATE app.item SET n = n + 1 WHERE id = $_[0]"); }

# A round that waits, and a change that comes meanwhile
sub hold_round
{
	close_gate($lock);
	change(1);
	ok(poll_until(sub { standing($node) ne '' }), 'a round is being made');
	change($_) for 2 .. 5;
	return standing($node);
}

for my $n (1 .. 3)
{
	hold_round();
	open_gate($lock);
	is_true($_, 'what has changed meanwhile is told afterwards') for @copies;
}

# Who has failed to load a query waits for the turn to say so, and is cancelled.
sub wait_event_of { return $node->safe_psql('postgres', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $_[0]"); }

declare_query($node, 'q/late', 'id', 'SELECT id, n FROM app.item WHERE app.gate(n) AND id > 0');
wait_for_call($node, 'q/late', []);
close_gate($lock);
my $other = ws_connect($node);
ws_send($other, { rpc => 'q/late', args => [], stream => JSON::PP::true, id => 'late' });
ok(poll_until(sub { standing($node) =~ /^\d+$/ }), 'a query is loaded');
my $loader = standing($node);
change(6);
ok(poll_until(sub { standing($node) =~ / / }), 'while a round is being made');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($loader)");
ok(poll_until(sub { standing($node) !~ /\b$loader\b/ && wait_event_of($loader) eq 'Extension' }), 'who loads it is cancelled, and waits for the turn');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($loader)");
ok(poll_until(sub { wait_event_of($loader) eq '' }), 'cancelled again, it ends');
open_gate($lock);
ok(ws_wait($other, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq 'late' }), 'and who has asked is answered all the same');
is_true($_, 'and others go on') for @copies, follow(ws_connect($node), 'q/late');

my $pid = hold_round();
like($pid, qr/^\d+$/, 'one executor makes it');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok(poll_until(sub { standing($node) ne $pid }), 'it is gone');
open_gate($lock);
is_true($_, 'another one makes the round') for @copies;

$lock->quit;
done_testing();
