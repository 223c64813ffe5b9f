# Clients that come back get what they have missed from the memory of their gateway: as from the table, but for the
# reading; and nothing that the table would not tell.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node(
	'realtime.executors' => 4,
	'realtime.gateways' => 2,
	'realtime.max_backpressure' => 128 * 1024,
	'realtime.ring_size' => '1MB');
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.closed (room text);
CREATE TABLE app.item (id integer PRIMARY KEY, room text, secret text);
GRANT SELECT ON app.closed, app.item TO realtime_anonymous;
-- waits as long as the test holds the lock
CREATE FUNCTION app.may(room text) RETURNS boolean STABLE LANGUAGE sql AS
	'SELECT NOT EXISTS (SELECT FROM app.closed c WHERE c.room = may.room) FROM pg_advisory_xact_lock_shared(1)';
CREATE FUNCTION app.items(room text) RETURNS TABLE (id integer) STABLE LANGUAGE sql AS
	'SELECT id FROM app.item i WHERE i.room = items.room ORDER BY id';
CREATE FUNCTION app.strip(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT data - 'secret'$$;
CREATE FUNCTION app.one(room text) RETURNS text STABLE LANGUAGE sql AS $$SELECT '1'$$;
SELECT realtime.live_table('app.item', 'item:{room}');
SELECT realtime.channel('kept/rows', 'kept:{room}', merge => 'crud', replay => true, replay_size => 100000, access => 'app.may(text)'),
	realtime.channel('plain/rows', 'plain:{room}'),
	realtime.channel('kept/list', 'list:{room}', merge => 'latest', max => 3, replay => true),
	realtime.stream('kept/items', 'item:{room}', 'app.items(text)', replay => true, transform => 'app.strip(jsonb)'),
	realtime.stream('kept/version', 'version:{room}', 'app.items(text)', replay => true, delta_version => 'app.one(text)');
});
wait_for_call($node, 'kept/list', ['x']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub remembered { return sql('SELECT sum(remembered) FROM realtime.stat_gateway'); }
sub was_replayed { return sql('SELECT sum(replayed) FROM realtime.stat_executor'); }
sub set { my ($memory) = @_; sql("ALTER SYSTEM SET realtime.replay_memory = $memory"); $node->reload; return; }
sub follow { my ($ws, $path, $args, %more) = @_; return ws_call($ws, $path, $args, stream => $true, %more); }
sub numbers { return join ' ', map { $_->{seq} & 0xffffffff } @_; }

my %last;
sub publish
{
	my ($topic, $count, $size) = @_;
	$size //= 0;
	sql(join ';', map { my $n = ++$last{$topic}; "SELECT realtime.publish('$topic', 'created', jsonb_build_object('id', $n, 'x', repeat('x', $size)))" } 1 .. $count);
	return;
}

# A connection to each gateway, that follows something
my %at;
while (keys %at < 2)
{
	my $ws = ws_connect($node);
	my $number = sql("SELECT gateway FROM realtime.connections WHERE connection_id = '$ws->{welcome}{sessionId}'");
	$at{$number} //= $ws;
}
my @gateways = sort keys %at;
follow($at{$_}, 'plain/rows', ['live']) for @gateways;
sub connect_to
{
	my ($number) = @_;
	while (1)
	{
		my $ws = ws_connect($node);
		return $ws if sql("SELECT gateway FROM realtime.connections WHERE connection_id = '$ws->{welcome}{sessionId}'") == $number;
		ws_close($ws);
	}
}
# Both have read what was published before.
sub all_have_read
{
	publish('plain:live', 1);
	ws_wait($_, sub { ($_->{topic} // '') eq 'plain:live' && $_->{data}{id} == $last{'plain:live'} }) for values %at;
	return;
}
# What somebody gets who has a number, from memory or not, and then live.
sub comes_back
{
	my ($number, $path, $room, $seq) = @_;
	my $ws = connect_to($number);
	my @before = (remembered(), was_replayed());
	my $reply = follow($ws, $path, [$room], seq => $seq);
	my @after = (remembered(), was_replayed());
	delete $reply->{id};
	return ($reply, ($after[0] - $before[0]) . ' ' . ($after[1] - $before[1]), $ws);
}

for my $number (@gateways)
{
	my $room = "on-$number";
	publish("kept:$room", 5);
	all_have_read();
	my ($reply, $ways, $ws) = comes_back($number, 'kept/rows', $room, 2);
	is(numbers(@{ $reply->{data} }), '3 4 5', "gateway $number: what was missed");
	is_deeply($reply->{data}[0], { seq => 3, topic => "kept:$room", event => 'created', data => { id => 3, x => '' } }, 'as from the table');
	delete $reply->{data};
	is_deeply($reply, { ok => $true, topic => "kept:$room", merge => 'crud', key => 'id', seq => 5, replay => $true }, 'and the rest');
	is($ways, '1 0', 'which nobody has read');
	publish("kept:$room", 1);
	is(ws_wait($ws, sub { ($_->{topic} // '') eq "kept:$room" })->{seq}, 6, 'what is new comes');
	is_deeply([ ws_quiet($ws) ], [], 'once');
	ws_close($ws);
}
publish('kept:a', 5);
all_have_read();
{
	my ($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'a', 5);
	is(numbers(@{ $reply->{data} }) . " $reply->{replay} $ways", ' 1 1 0', 'nothing was missed');
	($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'a', 77);
	is("$reply->{replay} $ways", '0 0 0', 'a number that nobody has given');
}

# Who may not have it does not get it from memory
sql(q{INSERT INTO app.closed VALUES ('a')});
is(((comes_back($gateways[0], 'kept/rows', 'a', 2))[0])->{code}, 'UNAUTHENTICATED', 'access is asked each time');
sql(q{DELETE FROM app.closed});

# What is shown, and where memory would not be enough
sql(qq{INSERT INTO app.item VALUES ($_, 'a', 'secret')}) for 1 .. 3;
all_have_read();
my ($reply, $ways) = comes_back($gateways[0], 'kept/items', 'a', 1);
is_deeply([ map { $_->{data} } @{ $reply->{data} } ], [ map { { id => $_, room => 'a' } } 2, 3 ], 'what transforms have left');
is($ways, '1 1', 'is what is kept');
sql(q{SELECT realtime.publish('list:a', 'e', to_jsonb(i)), realtime.publish('version:a', 'created', jsonb_build_object('id', i)) FROM generate_series(1, 4) i});
all_have_read();
($reply, $ways) = comes_back($gateways[0], 'kept/list', 'a', 1);
is_deeply([ $reply->{data}, $ways ], [ [ 2, 3, 4 ], '0 0' ], 'a list is sent again');
($reply, $ways) = comes_back($gateways[0], 'kept/version', 'a', 2);
is(numbers(@{ $reply->{data} }) . " $reply->{version} $ways", '3 4 1 0 1', 'a version has to be found out');

# While the verdict is awaited more is published, or all is forgotten
my $lock = $node->background_psql('postgres');
my $waits = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted};
for my $case ('published', 'forgotten', 'removed')
{
	my $ws = connect_to($gateways[0]);
	my $topic = "kept:$case";
	publish($topic, 5);
	all_have_read();
	$lock->query_safe('SELECT pg_advisory_lock(1)');
	ws_send($ws, { rpc => 'kept/rows', id => 'race', args => [$case], stream => $true, seq => 2 });
	ok($node->poll_query_until('postgres', "SELECT ($waits) = 1"), "$case meanwhile");
	publish($topic, 2);
	set(0) if $case eq 'forgotten';
	sql("SELECT realtime.clear_replay('$topic')") if $case eq 'removed';
	ok(poll_until(sub { sql('SHOW realtime.replay_memory') eq '0' }), 'memory is given back') if $case eq 'forgotten';
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	my $answer = ws_wait($ws, sub { ($_->{event} // '') eq 'race' })->{data};
	publish($topic, 1);
	if ($case eq 'removed')
	{
		is_deeply([ @$answer{qw(replay seq)} ], [ $false, 7 ], 'what is gone is not told');
		is(numbers(map { ws_wait($ws, sub { ($_->{topic} // '') eq $topic }) } 1 .. 3), '6 7 8', 'and what came since it was asked for goes on');
	}
	else
	{
		my @got = @{ $answer->{data} };
		push @got, ws_wait($ws, sub { ($_->{topic} // '') eq $topic }) while !@got || $got[-1]{seq} < 8;
		is(numbers(@got), '3 4 5 6 7 8', 'everything comes, in order and once');
	}
	is_deeply([ ws_quiet($ws) ], [], 'and nothing else');
	set(4096) if $case eq 'forgotten';
	ws_close($ws);
}
$lock->quit;
ok(poll_until(sub { sql('SHOW realtime.replay_memory') eq '4MB' }), 'there is memory again');

# What cannot be told from the table any more
sub is_gone
{
	my ($what, $path, $room, $seq) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($reply, $ways) = comes_back($gateways[0], $path, $room, $seq);
	return is("$reply->{replay} $ways", '0 0 0', $what) || diag explain $reply;
}
publish('kept:c', 5);
all_have_read();
is((comes_back($gateways[0], 'kept/rows', 'c', 3))[1], '1 0', 'in memory');
sql(q{DELETE FROM realtime.replay_message WHERE topic = 'kept:c' AND seq < 5});
is_gone('rows that somebody has removed', 'kept/rows', 'c', 3);
publish('kept:d', 5);
all_have_read();
sql(q{TRUNCATE app.item});
is_gone('a live table that was emptied', 'kept/items', 'a', 2);
is_gone('which concerns all numbers', 'kept/rows', 'd', 3);
publish('kept:e', 5);
all_have_read();
my $seq = sql(q{SELECT realtime.seq('kept:e')});
sql(q{SELECT realtime.channel('kept/rows', 'kept:{room}', merge => 'crud', access => 'app.may(text)')});
sql(q{SELECT realtime.channel('kept/rows', 'kept:{room}', merge => 'crud', replay => true, replay_size => 100000, access => 'app.may(text)')});
is_gone('a class that was another one for a moment', 'kept/rows', 'e', $seq - 1);
sql('TRUNCATE realtime.replay_message');
is_gone('numbers of another epoch', 'kept/rows', 'e', $seq);

# More than there is room for
set(64);
ok(poll_until(sub { sql('SHOW realtime.replay_memory') eq '64kB' }), 'there is less memory');
publish('kept:full', 20, 1000);
$at{$_} = connect_to($_) for @gateways;
follow($at{$_}, 'plain/rows', ['live']) for @gateways;
all_have_read();
$seq = sql(q{SELECT realtime.seq('kept:full')});
($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'full', $seq - 20);
is(@{ $reply->{data} } . " $ways", '20 0 0', 'what is not there any more is read');
($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'full', $seq - 3);
is(@{ $reply->{data} } . " $ways", '3 1 0', 'the newest are there');
set(16384);
ok(poll_until(sub { sql('SHOW realtime.replay_memory') eq '16MB' }), 'there is more memory');

# More than a reply takes, and a client that does not read
publish('kept:long', 40, 8000);
my ($repaired, $told) = (sql('SELECT sum(repairs) FROM realtime.stat_gateway'), remembered());
all_have_read();
$seq = sql(q{SELECT realtime.seq('kept:long')});
my ($first, undef, $ws) = comes_back($gateways[0], 'kept/rows', 'long', $seq - 40);
my @got = @{ $first->{data} };
cmp_ok(scalar @got, '<', 40, 'a reply takes some');
push @got, ws_wait($ws, sub { ($_->{topic} // '') eq 'kept:long' }) while @got < 40;
is_deeply([ map { $_->{seq} } @got ], [ $seq - 39 .. $seq ], 'and the rest follows');
$repaired = sql('SELECT sum(repairs) FROM realtime.stat_gateway') - $repaired;
cmp_ok($repaired, '>', 0, 'as repairs');
is(remembered() - $told, 1 + $repaired, 'all of them from memory');

sub pid_of { return sql("SELECT pid FROM realtime.stat_gateway WHERE number = $_[0]"); }
# A gateway that reads what was published when that is gone from the table already
publish('kept:late', 1);
all_have_read();
$seq = sql(q{SELECT realtime.seq('kept:late')});
my $late = pid_of($gateways[0]);
kill 'STOP', $late;
publish('kept:late', 2);
sql(q{SELECT realtime.clear_replay('kept:late')});
kill 'CONT', $late;
is_gone('what was cleared before it was read', 'kept/rows', 'late', $seq + 0);
is_gone('even in part', 'kept/rows', 'late', $seq + 1);

# A gateway that has not read all that was published, and one that is another one now
publish('kept:over', 2);
all_have_read();
$seq = sql(q{SELECT realtime.seq('kept:over')}) - 1;
is((comes_back($gateways[0], 'kept/rows', 'over', $seq))[1], '1 0', 'in memory');
my ($overruns, $stopped) = (sql('SELECT sum(ring_overruns) FROM realtime.stat_gateway'), pid_of($gateways[0]));
kill 'STOP', $stopped;
publish('kept:over', 2);
publish('plain:noise', 200, 10000);
publish('kept:over', 2);
kill 'CONT', $stopped;
ok(poll_until(sub { sql('SELECT sum(ring_overruns) FROM realtime.stat_gateway') > $overruns }), 'the ring was written round before it was read');
($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'over', $seq);
is_deeply([ map { $_->{seq} } @{ $reply->{data} } ], [ $seq + 1 .. $seq + 5 ], 'nothing is missing of what the gateway has not seen');
is($ways, '0 0', 'and it is not taken from memory');
($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'over', $seq + 4);
is_deeply([ map { $_->{seq} } @{ $reply->{data} } ], [ $seq + 5 ], 'nor of what it has seen since');
kill 'TERM', $stopped;
ok(poll_until(sub { (pid_of($gateways[0]) // '') !~ /^(|$stopped)$/ }), 'a gateway ends, and another one takes its place');
($reply, $ways) = comes_back($gateways[0], 'kept/rows', 'over', $seq);
is_deeply([ map { $_->{seq} } @{ $reply->{data} } ], [ $seq + 1 .. $seq + 5 ], 'which has all of it read');
is($ways, '0 0', 'as it has no memory of it');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');
done_testing();
