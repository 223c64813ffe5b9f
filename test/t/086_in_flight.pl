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

# One client cannot take all slots, by whatever it asks for: what it asks
# beyond its share waits.
my $lock = $node->background_psql('postgres');
sub hold { $lock->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub let_go { $lock->query_safe('SELECT pg_advisory_unlock(1)'); return; }

sub asked
{
	my ($kind, $i, $padding) = @_;
	return ws_frame('text', $kind eq 'calls'
		? qq({"rpc":"app/wait","id":"g$i","args":[$padding]})
		: qq({"type":"subscribe","topic":"gate:g$i","ref":"g$i$padding"}));
}

# The next answers to what was asked so.
sub answers
{
	my ($client, $count) = @_;
	return map { ws_wait($client, sub { ($_->{ref} // $_->{event} // '') =~ /^g/ }) } 1 .. $count;
}

sub is_good { return ($_[0]->{type} // '') eq 'subscribed' || $_[0]->{data}{ok}; }

# A subscription may find no room for itself, or none for its question.
sub is_refused
{
	my ($answer) = @_;
	return ($answer->{data}{code} // '') eq 'OVERLOADED' ||
		($answer->{reason} // '') =~ /^(?:RATE_LIMITED|OVERLOADED)$/;
}

for my $kind ('calls', 'subscriptions')
{
	my @greedy = map { ws_connect($node) } 1 .. 3;

	hold();
	ws_raw($_, join '', map { asked($kind, $_, '') } 1 .. 2 * $depth) for @greedy;
	ws_raw($ws, call_frame("other $kind", 'x'));
	let_go();
	is(ws_wait($ws, sub { ($_->{event} // '') eq "other $kind" })->{data}{data}, 'x',
		"$kind: who asks for one thing is served");
	is(scalar(grep { is_good($_) } map { answers($_, 2 * $depth) } @greedy), 6 * $depth,
		'and so are those who ask for much');
	ws_close($_) for @greedy;
}

# What waits has a limit, and goes with its client.
my $many = 400;
$node->safe_psql('postgres', q{ALTER SYSTEM SET realtime.connection_memory = '64kB'});
$node->reload;
for my $kind ('calls', 'subscriptions')
{
	my $greedy = ws_connect($node);
	my $refused;

	hold();
	# a reload comes when it comes
	ok(poll_until(sub {
		ws_raw($greedy, join '', map { asked($kind, $_, ' ' x 500) } 1 .. $many);
		ws_send($greedy, '{"rpc":"","id":"last"}');
		ws_wait($greedy, sub { ($_->{event} // '') eq 'last' });
		$refused = grep { ($_->{ref} // $_->{event} // '') =~ /^g/ } @{ $greedy->{queue} };
		return $refused > 0; }), "$kind: not all can wait");
	cmp_ok($refused, '<', $many, 'some can');
	is(scalar(grep { is_refused($_) } answers($greedy, $refused)), $refused, 'the others are refused');
	close $greedy->{socket};
	let_go();
}
ok(poll_until(sub {
		$node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway') == 1;
	}), 'who waits can go');
ok(poll_until(sub { all_slots_work($ws, ws_connect($node)) }), 'and leaves nothing behind');

# A subscription that is asked for again when there is no room keeps the
# verdict that it waits for.
my $again = ws_connect($node);
hold();
ws_raw($again, join '', map {
	ws_frame('text', qq({"type":"subscribe","topic":"gate:again","ref":$_})) } 1 .. $many);
is(ws_wait($again, sub { ($_->{ref} // '') eq $many })->{reason}, 'OVERLOADED',
	'there is no room for more verdicts');
let_go();
is(ws_wait($again, sub { ($_->{ref} // '') eq $depth })->{type}, 'subscribed',
	'those that were asked for come');
$node->safe_psql('postgres', q{SELECT realtime.publish('gate:again', 'x')});
is(ws_wait($again, sub { exists $_->{event} })->{event}, 'x', 'and mean what they say');

$lock->quit;
ws_close($_) for $ws, $again;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
