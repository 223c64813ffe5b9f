# What clients make a gateway keep is bounded, for one of them and for all, and
# whoever asks for little still gets it.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node(
	'realtime.executors' => 4,
	'realtime.max_payload' => '1MB',
	'realtime.max_backpressure' => '1MB',
	'realtime.connection_memory' => '1MB',
	'realtime.gateway_memory' => '16MB');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.text(n int) RETURNS text LANGUAGE sql AS $$SELECT repeat('x', n)$$;
-- waits as long as the test holds the lock
CREATE FUNCTION app.wait() RETURNS void LANGUAGE sql AS
$$SELECT pg_advisory_xact_lock_shared(1)$$;
SELECT realtime.rpc('app/text', 'app.text(int)'),
	realtime.rpc('app/wait', 'app.wait()'),
	realtime.topic('news:{n}', open => true);
});
wait_for_call($node, 'app/text', [1]);
my $watch = ws_connect($node);

sub stat_gateway
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime.stat_gateway");
}

# A sequential batch whose first call waits for the lock.
sub long_batch
{
	my ($id, $bytes) = @_;
	my $filler = 'x' x $bytes;

	return ws_frame('text', qq({"sequential":true,"batch":[)
		  . qq({"rpc":"app/wait","id":"$id","args":[]},)
		  . qq({"rpc":"app/text","id":"$id-","args":[1],"filler":"$filler"}]}));
}

sub reply_to
{
	my ($ws, $id) = @_;
	my $data = ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data};
	return $data->{code} // 'ok';
}

# Batches that wait: what one connection may have of them
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my $greedy = ws_connect($node);
ws_raw($greedy, long_batch("b$_", 300_000)) for 1 .. 4;
is(reply_to($greedy, $_), 'RATE_LIMITED', 'a connection has its own budget')
  for 'b4', 'b4-';
cmp_ok(stat_gateway('memory'), '>', 900_000, 'the statistics show it');

# ... and all of them together
my @others = map { ws_connect($node) } 1 .. 12;
ws_raw($_, long_batch('b', 900_000)) for @others;
my $refused = 0;
for (@others)
{
	# answered by the gateway itself
	ws_raw($_, ws_frame('text', '{"rpc":"nopath","id":"here"}'));
	ws_wait($_, sub { ($_->{event} // '') eq 'here' });
	$refused++ if grep { ($_->{data}{code} // '') eq 'OVERLOADED' } @{ $_->{queue} };
}
cmp_ok($refused, '>', 0, 'the gateway has one, too');
cmp_ok(stat_gateway('memory'), '<=', 8 * 1024 * 1024, 'which is kept');
my $modest = ws_connect($node);
ws_raw($modest, long_batch('m', 1000));
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(reply_to($modest, $_), 'ok', 'who wants little gets it all the same') for 'm', 'm-';
is(reply_to($greedy, $_), 'ok', 'what was not refused is done') for map { ("b$_", "b$_-") } 1 .. 3;
ok(poll_until(sub { stat_gateway('memory') == 0 }), 'nothing is kept in the end');
close $_->{socket} for $greedy, $modest, @others;

# Subscriptions
my $subscriber = ws_connect($node);
my ($held, $reason) = subscribe_until_denied($subscriber, 1, 20_000);
is($reason, 'RATE_LIMITED', 'a connection cannot have any number of subscriptions');
cmp_ok($held, '>', 1000, 'but thousands');
is(ws_subscribe($watch, 'news:2')->{type}, 'subscribed', 'others are not concerned');
is(ws_subscribe($subscriber, 'news:3')->{type}, 'subscribed', 'it keeps those it has');
ws_send($subscriber, { type => 'unsubscribe', topic => 'news:3' });
is(ws_subscribe($subscriber, 'news:again')->{type}, 'subscribed', 'one less makes room for another');
my @subscribers = map { ws_connect($node) } 1 .. 20;
my %reasons = map { $_ => 1 } map { (subscribe_until_denied($_, 1, 20_000))[1] } @subscribers;
is(join(' ', sort keys %reasons), 'OVERLOADED RATE_LIMITED', 'nor can all of them together');
cmp_ok(stat_gateway('memory'), '<=', 8 * 1024 * 1024, 'which is kept');
is(ws_subscribe($modest = ws_connect($node), 'news:4')->{type}, 'subscribed',
	'who wants one gets it');
$node->safe_psql('postgres', q{SELECT realtime.publish('news:1', 'n', NULL)});
is(ws_wait($_, sub { ($_->{event} // '') eq 'n' })->{topic}, 'news:1', 'all of them work')
  for $subscriber, $subscribers[-1];
close $_->{socket} for $subscriber, $modest, @subscribers;
ok(poll_until(sub { stat_gateway('subscriptions') == 1 && stat_gateway('memory') < 1000 }),
	'they end with their connections');
ws_send($watch, { type => 'unsubscribe', topic => 'news:2' });

# Subscribes to topics by number, some (200) at a time, until one is denied: how
# many were not, and the reason.
sub subscribe_until_denied
{
	my ($ws, $from, $to, $step) = @_;
	my $held = 0;

	$step //= 200;
	for (my $n = $from; $n <= $to; $n += $step)
	{
		ws_send($ws, { type => 'subscribe-batch', ref => $n,
				topics => [ map { "news:$_" } $n .. $n + $step - 1 ] });
		for (1 .. $step)
		{
			my $answer = ws_wait($ws, sub { ($_->{ref} // 0) == $n });
			return ($held, $answer->{reason}) if $answer->{reason};
			$held++;
		}
	}
	return ($held, '');
}

# The machine has no more memory: that is refused to who asks for it, and
# nobody else notices.
set_memory('4GB', '8GB');
my $pid = stat_gateway('pid');
my ($size) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s+(\d+) kB/m;
system_or_bail('prlimit', "--pid=$pid", '--as=' . ($size + 8 * 1024) * 1024 . ':');
$greedy = ws_connect($node);
($held, $reason) = subscribe_until_denied($greedy, 1, 200_000, 20);
is($reason, 'OVERLOADED', 'a subscription that finds no memory is refused');
cmp_ok($held, '>', 1000, 'after some that found it');
is(ws_call($watch, 'app/text', [3])->{data}, 'xxx', 'calls go on');
is(ws_call($greedy, 'app/text', [3])->{data}, 'xxx', 'also of who asked');
is(stat_gateway('pid'), $pid, 'the gateway has not ended');
system_or_bail('prlimit', "--pid=$pid", '--as=unlimited:');
is(ws_subscribe($greedy, 'news:back')->{type}, 'subscribed', 'with memory it goes on');
close $greedy->{socket};
set_memory('1MB', '16MB');
ok(poll_until(sub { stat_gateway('memory') == 0 }), 'nothing is kept');

sub set_memory
{
	my ($connection, $gateway) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET realtime.connection_memory = '$connection'");
	$node->safe_psql('postgres', "ALTER SYSTEM SET realtime.gateway_memory = '$gateway'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('realtime.gateway_memory') = '$gateway'");
	ws_call($watch, 'app/text', [1]);
	return;
}

# Messages that do not come to their end
my @unfinished = map { ws_connect($node) } 1 .. 40;
ws_raw($_, ws_frame('text', 'x' x 1_000_000, fin => 0)) for @unfinished;
ok(poll_until(sub {
		stat_gateway('connections') < 41 && stat_gateway('memory') < 16 * 1024 * 1024;
	}), 'some of many long messages are refused');
is(ws_close_code($unfinished[-1]), 1013, 'with a code that means: try again later');
is(ws_call($watch, 'app/text', [3])->{data}, 'xxx', 'short ones are not');
close $_->{socket} for @unfinished;
ok(poll_until(sub { stat_gateway('memory') == 0 }), 'nothing of them is kept');

# Messages of which hardly more than their length has come take no more memory.
my @announced = map { ws_connect($node) } 1 .. 200;
ws_raw($_, substr ws_frame('text', 'x' x 1_000_000), 0, 100) for @announced;
ok(poll_until(sub { ws_call($watch, 'app/text', [1]); stat_gateway('memory') >= 200 * 4096 }),
	'each with a small buffer');
cmp_ok(stat_gateway('memory'), '<', 200 * 4096 + 100_000, 'and not with the memory that they announce');
close $_->{socket} for @announced;
ok(poll_until(sub { stat_gateway('memory') == 0 }), 'which is given back');

# Replies that nobody reads
my @deaf;
for (1 .. 30)
{
	push @deaf, ws_connect($node, receive_buffer => 4096);
	ws_raw($deaf[-1], ws_frame('text', '{"rpc":"app/text","id":"d","args":[900000]}'))
	  for 1 .. 3;
	ws_call($watch, 'app/text', [1]);
}
ok(poll_until(sub { stat_gateway('stalled') >= 10 }),
	'those who do not read are ended when there is no room for more');
cmp_ok(stat_gateway('memory'), '<=', 16 * 1024 * 1024, 'and what is kept for all is bounded');
is(length(ws_call($watch, 'app/text', [ 900_000 ])->{data}), 900_000,
	'who reads does not notice');
ok(poll_until(sub { !grep { is_open($_) } @deaf[ 0 .. 9 ] }), 'the first to go were those who had not read for the longest time');
close $_->{socket} for @deaf;
ok(poll_until(sub { stat_gateway('memory') == 0 }), 'nothing of it is kept');

# Whether the server has not closed a connection; what it has sent is read.
sub is_open
{
	my ($ws) = @_;

	while (IO::Select->new($ws->{socket})->can_read(0))
	{
		return 0 unless sysread $ws->{socket}, my $bytes, 1 << 20;
	}
	return 1;
}

$lock->quit;
ws_close($watch);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
