# Requests in flight: what becomes of them when their client goes, and how many
# one client may have.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

use RealtimeTest;

my $depth = 16;            # realtime.queue_depth; half of it is for one client
my $node = new_node(
	'realtime.queue_depth' => $depth,
	'realtime.payload_memory' => '8MB',
	'realtime.executors' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(t text) RETURNS text LANGUAGE sql AS
$$SELECT t FROM pg_sleep(0.001)$$;
-- wait as long as the test holds the lock
CREATE FUNCTION app.wait() RETURNS void LANGUAGE sql AS
$$SELECT pg_advisory_xact_lock_shared(1)$$;
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE sql AS
'SELECT true FROM pg_advisory_xact_lock_shared(1)';
SELECT realtime.rpc('app/echo', 'app.echo(text)'),
	realtime.rpc('app/wait', 'app.wait()'),
	realtime.topic('gate:{room}', access => 'app.gate(text)');
});
wait_for_call($node, 'app/echo', ['x']);
my $ws = ws_connect($node);

sub call_frame
{
	my ($id, $text) = @_;
	return ws_frame('text', qq({"rpc":"app/echo","id":"$id","args":["$text"]}));
}

# Clients that go at once, with calls, batches and subscriptions in flight.
# The long texts are more than payload_memory holds.
my $long = 'x' x 300_000;
for my $i (1 .. 60)
{
	my $gone = ws_connect($node);

	ws_raw($gone, $i % 3 == 0 ? call_frame('a', $long) x 3
		: $i % 3 == 1 ? join '', map { call_frame($_, 'short')
			  . ws_frame('text', qq({"type":"subscribe","topic":"gate:$i","ref":1})) } 1 .. 3
		: ws_frame('text', '{"sequential":true,"batch":[' . join(',', map {
			qq({"rpc":"app/echo","id":"$_","args":["x"]}) } 1 .. 20) . ']}'));
	setsockopt $gone->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $i % 2;
	close $gone->{socket};
}
ok(poll_until(sub {
		$node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway') == 1;
	}), 'clients with requests in flight can go');

# All slots and all memory must be there again.
ok(poll_until(sub { all_slots_work($ws, ws_connect($node)) }), 'and leave no request behind');
is(length((ws_call($ws, 'app/echo', [ 'x' x 1_000_000 ])->{data}) // ''), 1_000_000,
	'nor memory') for 1 .. 8;

# Whether two clients can have as many calls in flight as there are slots.
sub all_slots_work
{
	my (@client) = @_;
	my $good = 0;

	ws_raw($_, join '', map { call_frame("s$_", 'x') } 1 .. $depth / 2) for @client;
	for my $client (@client)
	{
		for my $id (map { "s$_" } 1 .. $depth / 2)
		{
			my $reply = ws_wait($client, sub { ($_->{event} // '') eq $id });
			$good++ if $reply->{data}{ok};
		}
	}
	return $good == $depth;
}

# One client cannot take all slots, by whatever it asks for.
my $lock = $node->background_psql('postgres');
for my $kind ('calls', 'subscriptions')
{
	my $greedy = ws_connect($node);
	my $frames = join '', map { ws_frame('text', $kind eq 'calls'
		? qq({"rpc":"app/wait","id":"g$_","args":[]})
		: qq({"type":"subscribe","topic":"gate:g$_","ref":"g$_"})) } 1 .. 2 * $depth;

	$lock->query_safe('SELECT pg_advisory_lock(1)');
	ws_raw($greedy, $frames);
	my $refused = grep {
		my $answer = ws_wait($greedy, sub { ($_->{ref} // $_->{event} // '') =~ /^g/ });
		($answer->{reason} // $answer->{data}{code} // '') eq 'OVERLOADED' } 1 .. 1.5 * $depth;
	is($refused, 1.5 * $depth, "$kind beyond half of the slots are refused");
	ws_raw($ws, call_frame("other $kind", 'x'));
	is_deeply([ ws_quiet_until_refused($greedy) ], [], 'and nothing else is answered');
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	is(ws_wait($ws, sub { ($_->{event} // '') eq "other $kind" })->{data}{data}, 'x',
		'the others are for others');
	my $answered = grep {
		my $answer = ws_wait($greedy, sub { ($_->{ref} // $_->{event} // '') =~ /^g/ });
		($answer->{type} // '') eq 'subscribed' || $answer->{data}{ok} } 1 .. $depth / 2;
	is($answered, $depth / 2, 'what was not refused is done');
	ws_close($greedy);
}

# Frames that have come for nobody to wait for, behind a call that is refused
# as well.
sub ws_quiet_until_refused
{
	my ($connection) = @_;

	ws_raw($connection, call_frame('last', 'x'));
	ws_wait($connection, sub { ($_->{event} // '') eq 'last' });
	return splice @{ $connection->{queue} };
}

# A subscription that is asked for again when there is no room keeps the
# verdict that it waits for.
my $again = ws_connect($node);
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_raw($again, join '', map {
	ws_frame('text', qq({"type":"subscribe","topic":"gate:again","ref":$_})) } 1 .. $depth);
is(ws_wait($again, sub { ($_->{ref} // '') eq $depth })->{reason}, 'OVERLOADED',
	'there is no room for more verdicts');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(ws_wait($again, sub { ($_->{ref} // '') eq $depth / 2 })->{type}, 'subscribed',
	'those that were asked for come');
$node->safe_psql('postgres', q{SELECT realtime.publish('gate:again', 'x')});
is(ws_wait($again, sub { exists $_->{event} })->{event}, 'x', 'and mean what they say');

$lock->quit;
ws_close($_) for $ws, $again;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
