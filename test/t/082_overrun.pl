# The ring is written round before a gateway has read it: a marker where
# something may have been missed, never silence, and nothing elsewhere.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret that is long enough for HS256';
my $node = new_node('realtime.ring_size' => '256kB', 'realtime.jwt_secret' => $secret);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
-- waits as long as the test holds the lock
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE sql AS
'SELECT true FROM pg_advisory_xact_lock_shared(1)';
SELECT realtime.topic('news:{n}', open => true),
	realtime.topic('noise:{n}', class => 'volatile', open => true),
	realtime.topic('slow:{room}', access => 'app.may(text)');
});
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway');

# Topics of three partitions; the second one shares the first one's.
my $partition = q{(hashtext(t)::bigint & 4294967295) % 1024};
my ($lost, $neighbour, $kept, $noise) = ('news:1', map {
	$node->safe_psql('postgres', qq{SELECT t FROM generate_series(1, 100000) n,
		LATERAL (SELECT '$_->[0]:' || n) x(t)
		WHERE t <> 'news:1' AND ($partition = (SELECT $partition FROM (VALUES ('news:1')) y(t))) = $_->[1]
		LIMIT 1}) }[ 'news', 'true' ], [ 'news', 'false' ], [ 'noise', 'false' ]);

sub publish
{
	my (@topics) = @_;
	$node->safe_psql('postgres',
		join ';', map { "SELECT realtime.publish('$_', 'n', to_jsonb(repeat('x', 16000)))" } @topics);
	return;
}

sub stat_gateway
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime.stat_gateway");
}

# The events that have arrived, as "topic event".
sub events
{
	my ($ws, $count) = @_;
	return join ', ', map { exists $_->{event} ? "$_->{topic} $_->{event}" : () } ws_quiet($ws, $count);
}

my ($ws, $slow) = (ws_connect($node), ws_connect($node));
poll_until(sub { ws_subscribe($ws, $lost)->{type} eq 'subscribed' });
ws_subscribe($ws, $_) for $neighbour, $kept, $noise;
publish($lost, $neighbour, $kept, $noise);
is(events($ws, 4), "$lost n, $neighbour n, $kept n, $noise n", 'the topics are delivered');

# One waits for a verdict meanwhile.
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_send($slow, { type => 'subscribe', topic => 'slow:1', ref => 1 });
ok($node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}),
	'a verdict is waited for');

kill STOP => $pid;
publish($lost, 'slow:1', map { ($lost) x 10 } 1 .. 10);
kill CONT => $pid;
is(ws_wait($ws, sub { ($_->{topic} // '') eq $neighbour })->{event}, 'truncated',
	'a topic that shares a partition with a lost one is marked');
is(events($ws, 1), "$lost truncated", 'so is the lost one, and no other');
is(stat_gateway('ring_overruns'), 1, 'the overrun is counted');
publish($lost, $neighbour, $kept, $noise);
is(events($ws, 4), "$lost n, $neighbour n, $kept n, $noise n", 'events after it are delivered');

$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(ws_wait($slow, sub { 1 })->{type}, 'subscribed', 'the verdict comes');
is(ws_wait($slow, sub { 1 })->{event}, 'truncated', 'and then the marker');
publish('slow:1');
is(events($slow, 1), 'slow:1 n', 'once');

# What was sent to somebody is told to be missing, and to nobody else.
my ($ann, $bob) = map { ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $_ }, secret => $secret) }) } qw(ann bob);
my $no_data = { reqId => 0, truncated => JSON::PP::true };
sub overrun_with
{
	my ($sql) = @_;
	kill STOP => $pid;
	$node->safe_psql('postgres', $sql);
	publish(map { ($lost) x 10 } 1 .. 10);
	kill CONT => $pid;
	return;
}
overrun_with(q{SELECT realtime.signal('ann', 'lost'), realtime.send_coalesced('ann', 'k', 'price', 'lost')});
is_deeply(ws_wait($ann, sub { exists $_->{event} }), { topic => '__signal:ann', event => 'truncated', data => $no_data }, 'a signal that is lost is told to be');
$node->safe_psql('postgres', q{SELECT realtime.signal('ann', 'next'), realtime.signal('bob', 'next')});
is(events($ann, 1), '__signal:ann next', 'once, and then they come');
overrun_with(q{SELECT realtime.notify('ann', 'lost')});
is(ws_wait($ann, sub { exists $_->{event} })->{event}, 'truncated', 'likewise what was sent to one connection');
is(join(', ', grep { $_ ne '__signal:bob truncated' } split /, /, events($bob, 1)), '__signal:bob next', 'who has missed nothing else was told nothing else');
ws_quiet($_) for $ws, $slow;

# Who does not read is told so when he does.
$node->safe_psql('postgres', q{ALTER SYSTEM SET realtime.max_backpressure = '16kB'});
$node->reload;
my $deaf = ws_connect($node, receive_buffer => 4096, headers => { Authorization => 'Bearer ' . jwt({ sub => 'deaf' }, secret => $secret) });
$node->safe_psql('postgres', q{DO $$ BEGIN FOR i IN 1 .. 800 LOOP PERFORM realtime.signal('deaf', 'n', to_jsonb(repeat('x', 10000))); COMMIT; END LOOP; END $$});
my %got;
$got{ ws_wait($deaf, sub { exists $_->{event} })->{event} }++ until $got{truncated};
cmp_ok($got{n}, '<', 800, 'what there is no room for is dropped, which is told');
ok(poll_until(sub {
	$node->safe_psql('postgres', q{SELECT realtime.signal('deaf', 'next')});
	events($deaf) =~ /__signal:deaf next/ }), 'and they come again');
ws_close($_) for $ann, $bob, $deaf;

# One that has lost more topics than fit into its output is told of each.
$node->safe_psql('postgres', q{ALTER SYSTEM SET realtime.max_backpressure = '16kB'});
$node->reload;
my $many = ws_connect($node, receive_buffer => 4096);
my $filler = '0' x 180;
for my $frame (1 .. 400)
{
	ws_send($many, { type => 'subscribe-batch', topics =>
		[ map { "news:$filler" . ($frame * 30 + $_) } 0 .. 29 ], ref => $frame });
	ws_wait($many, sub { ($_->{ref} // 0) == $frame }) for 1 .. 30;
}
kill STOP => $pid;
$node->safe_psql('postgres', join ';', map {
	"SELECT realtime.publish('news:$filler' || n, 'n', NULL)
	 FROM generate_series(30 + $_ * 100, 129 + $_ * 100) n" } 0 .. 119);
kill CONT => $pid;
my %told;
while (keys %told < 12000)
{
	my $event = ws_wait($many, sub { exists $_->{event} });
	last if $told{ $event->{topic} }++ || $event->{event} ne 'truncated';
}
is(scalar keys %told, 12000, 'twelve thousand lost topics are told, each once');
close $many->{socket};
ws_quiet($_) for $ws, $slow;

# What waits for a verdict needs a marker only if its own topic has moved.
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_send($slow, { type => 'subscribe', topic => 'slow:2', ref => 2 });
$node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
publish(($kept) x 50);
like(events($ws, 1), qr/^$kept (n|truncated)(, $kept (n|truncated))*$/, 'others go on meanwhile');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;
is(ws_wait($slow, sub { ($_->{ref} // '') eq 2 })->{type}, 'subscribed', 'the verdict comes');
publish('slow:2');
is(events($slow, 1), 'slow:2 n', 'and no marker');

# Nobody is concerned by what nobody has subscribed to.
ws_close($_) for $ws, $slow;
ok(poll_until(sub { stat_gateway('connections') == 0 }), 'the clients have gone');
my $overruns = stat_gateway('ring_overruns');
publish(($lost) x 50);
$ws = ws_connect($node);
ws_subscribe($ws, $lost);
publish($lost);
is(events($ws, 1), "$lost n", 'a new subscriber has missed nothing');
is(stat_gateway('ring_overruns'), $overruns, 'nor has the gateway');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
