# Lost events of topics with numbers: they are read from the table, and nobody
# has to load anew.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $limit = 128 * 1024;    # realtime.max_backpressure
my $node = new_node(
	'realtime.executors' => 3,
	'realtime.max_backpressure' => $limit,
	'realtime.ring_size' => '4MB');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
-- waits as long as the test holds the lock
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE sql AS
'SELECT true FROM pg_advisory_xact_lock_shared(1)';
SELECT realtime.channel('kept/rows', 'kept:{room}', merge => 'crud', replay => true, replay_size => 100000),
	realtime.channel('plain/rows', 'plain:{room}', merge => 'crud'),
	realtime.channel('fast/rows', 'fast:{room}', merge => 'crud', volatile => true),
	realtime.channel('slow/rows', 'gate:{room}', access => 'app.gate(text)'),
	realtime.topic('wire:{room}', class => 'replay', open => true, replay_size => 100000);
});
wait_for_call($node, 'kept/rows', ['x']);
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway');
my %last;

# Publishes events of about 8 kB, each in a transaction of its own, numbered by
# topic.
sub publish
{
	my ($count, @topics) = @_;
	my $sql = '';

	for (1 .. $count)
	{
		for my $topic (@topics)
		{
			my $n = ++$last{$topic};
			$sql .= "SELECT realtime.publish('$topic', 'created', jsonb_build_object('id', $n, 'x', repeat('x', 8000)));";
		}
	}
	$node->safe_psql('postgres', $sql);
	return;
}

sub follow
{
	my ($connection, $path, $args, %more) = @_;
	return ws_call($connection, $path, $args, stream => JSON::PP::true, %more);
}

# The next frame: topic, event, id and seq.  Decoding long events would take
# most of the test's time.
sub next_event
{
	my ($connection) = @_;

	if (my $frame = shift @{ $connection->{queue} })
	{
		return ($frame->{topic}, $frame->{event}, ref $frame->{data} ? $frame->{data}{id} : undef, $frame->{seq});
	}
	while (1)
	{
		my $frame = ws_recv($connection) or die "the server has closed the stream\n";
		next unless $frame->[1] =~ /^\{"topic":"([^"]*)","event":"(\w+)"/;
		my ($topic, $event) = ($1, $2);
		my ($id, $seq) = substr($frame->[1], -60) =~ /"id": ?(\d+)\}(?:,"seq":(\d+))?\}$/;
		return ($topic, $event, $id, $seq);
	}
}

# Reads until each of the topics has brought its last event; returns for each
# what came, as numbers and names of other events.
sub read_all
{
	my ($connection, @topics) = @_;
	my %got = map { $_ => [] } @topics;
	my %missing = map { $_ => 1 } @topics;

	while (%missing)
	{
		my ($topic, $event, $id, $seq) = next_event($connection);
		next unless $got{ $topic // '' };
		push @{ $got{$topic} }, $event eq 'created' ? $id : $event;
		die "$topic: $seq is event $id\n" if $seq && $seq != $id;
		delete $missing{$topic} if ($id // 0) == $last{$topic};
	}
	return \%got;
}

sub stat_gateway
{
	my ($column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM realtime.stat_gateway");
}

# A client that does not read, by stream and by name
my $slow = ws_connect($node, receive_buffer => 4096);
follow($slow, 'kept/rows', ['a']);
follow($slow, 'kept/rows', ['b']);
follow($slow, 'plain/rows', ['a']);
follow($slow, 'fast/rows', ['a']);
ws_subscribe($slow, 'wire:a');
my $quick = ws_connect($node);
follow($quick, 'kept/rows', ['a']);
my @topics = ('kept:a', 'kept:b', 'plain:a', 'fast:a', 'wire:a');
publish(1, @topics);
publish(600, 'kept:a');
publish(150, @topics);
is(stat_gateway('repairs'), 0, 'nothing is repaired before it has drained');
ok(poll_until(sub { stat_gateway('dropped') > 0 }), 'events are dropped');
is_deeply(read_all($quick, 'kept:a'), { 'kept:a' => [ 1 .. $last{'kept:a'} ] }, 'others get theirs');

my $got = read_all($slow, 'kept:a', 'kept:b', 'wire:a');
is_deeply($got->{$_}, [ 1 .. $last{$_} ], "$_: everything comes, in order, without a marker")
  for 'kept:a', 'kept:b', 'wire:a';
cmp_ok(stat_gateway('repairs'), '>', 5, 'in pieces');
publish(1, @topics);
$got = read_all($slow, @topics);
is_deeply($got->{$_}, [ $last{$_} ], "$_: and what is new") for 'kept:a', 'kept:b', 'wire:a';
ok(poll_until(sub { stat_gateway('markers') > 0 }), 'there is a marker');
is($got->{'plain:a'}[-1], $last{'plain:a'}, 'for the topic without numbers');
is(scalar(grep { /truncated/ } map { @$_ } values %$got), 0, 'which has come before');

# While events go on
my $loud = $node->background_psql('postgres');
$slow = ws_connect($node, receive_buffer => 4096);
follow($slow, 'kept/rows', ['loud']);
$last{'kept:loud'} = 1000;
for my $part (0 .. 9)
{
	$loud->query_safe(join ';', map {
		my $n = $part * 100 + $_;
		"SELECT realtime.publish('kept:loud', 'created', jsonb_build_object('id', $n, 'x', repeat('x', 8000)))"
	} 1 .. 100);
	# reads a little now and then
	$slow->{seen}++ while ($slow->{seen} // 0) < $part * 20 && push @{ $slow->{early} }, ws_recv_json($slow);
}
$got = read_all($slow, 'kept:loud');
is_deeply([ (map { $_->{seq} } @{ $slow->{early} }), @{ $got->{'kept:loud'} } ], [ 1 .. 1000 ],
	'a reader that is always late gets everything');
$loud->quit;
ws_close($slow);

# A gateway that is overrun
ws_close($quick);
$quick = ws_connect($node);
follow($quick, 'kept/rows', ['over']);
follow($quick, 'plain/rows', ['over']);
ws_subscribe($quick, $_) for 'wire:over', 'wire:quiet';
publish(1, 'kept:over', 'plain:over', 'wire:over');
read_all($quick, 'kept:over', 'plain:over', 'wire:over');
my $markers = stat_gateway('markers');
kill STOP => $pid;
publish(400, 'kept:over', 'plain:over', 'wire:over');
kill CONT => $pid;
$got = read_all($quick, 'kept:over', 'wire:over');
is_deeply($got->{$_}, [ 2 .. $last{$_} ], "$_: everything comes after an overrun") for 'kept:over', 'wire:over';
cmp_ok(stat_gateway('ring_overruns'), '>', 0, 'it was one');
poll_until(sub { stat_gateway('markers') > $markers });
is(stat_gateway('markers'), $markers + 1, 'with a marker for the topic without numbers alone');
publish(1, 'kept:over', 'plain:over', 'wire:over', 'wire:quiet');
$got = read_all($quick, 'kept:over', 'plain:over', 'wire:over', 'wire:quiet');
is_deeply([ map { $got->{$_}[-1] } 'kept:over', 'plain:over', 'wire:over', 'wire:quiet' ], [ 402, 402, 402, 1 ],
	'and all goes on');

# What is not kept any more cannot be had.
kill STOP => $pid;
publish(400, 'kept:over', 'wire:over');
$node->safe_psql('postgres', q{DELETE FROM realtime.replay_message WHERE topic = 'kept:over' AND seq < 500});
kill CONT => $pid;
is(ws_wait($quick, sub { ($_->{topic} // '') eq 'kept:over' })->{event}, 'truncated', 'then there is a marker');
$got = read_all($quick, 'wire:over');
is_deeply($got->{'wire:over'}, [ 403 .. $last{'wire:over'} ], 'for that topic');
publish(1, 'kept:over', 'wire:over');
$got = read_all($quick, 'kept:over', 'wire:over');
is_deeply($got->{'kept:over'}, [803], 'behind it events go on');

my $again = follow($quick, 'kept/rows', ['over']);
is_deeply([ @$again{qw(replay channel seq data)} ], [ JSON::PP::false, undef, 803, [] ],
	'whoever asks again after a marker has a value that is out of date');

# Executors that are not there
kill STOP => $pid;
publish(600, 'kept:over');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM realtime.stat_executor});
kill CONT => $pid;
$got = read_all($quick, 'kept:over');
is_deeply($got->{'kept:over'}, [ 804 .. $last{'kept:over'} ], 'a repair waits for executors');
wait_for_call($node, 'kept/rows', ['x']);

# A marker waits for replies that are on their way: a client that waits for one
# would take it for an event.
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_send($quick, '{"rpc":"slow/rows","id":"gate","args":["a"],"stream":true}');
$node->poll_query_until('postgres',
	q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
kill STOP => $pid;
publish(600, 'plain:over', 'kept:over');
kill CONT => $pid;
$got = read_all($quick, 'kept:over');
is($got->{'kept:over'}[0], $last{'kept:over'} - 599, 'a repair does not wait');
$markers = stat_gateway('markers');
publish(1, 'kept:over');
read_all($quick, 'kept:over');
is(stat_gateway('markers'), $markers, 'a marker waits for the reply of a stream');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
my @order = map {
	my $frame = ws_wait($quick, sub { ($_->{event} // '') =~ /^(gate|truncated)$/ });
	$frame->{event} } 1, 2;
is("@order", 'gate truncated', 'and comes behind it');
$lock->quit;

# Volatile events are dropped and counted, and nobody is told.
$slow = ws_connect($node, receive_buffer => 4096);
follow($slow, 'fast/rows', ['v']);
my $dropped = stat_gateway('dropped');
$markers = stat_gateway('markers');
my $overruns = stat_gateway('ring_overruns');
publish(400, 'fast:v') for 1 .. 3;
ok(poll_until(sub { stat_gateway('dropped') > $dropped }), 'volatile events are dropped and counted');
my $volatile = 0;
while (1)
{
	my $frame = eval { ws_recv_json($slow, 1) } or last;
	$volatile++;
	BAIL_OUT('a volatile event has a number') if exists $frame->{seq};
}
cmp_ok($volatile, '<', 1200, 'some do not come');
SKIP:
{
	# a busy machine may have been too slow for the ring
	my $now = stat_gateway("markers || ' ' || ring_overruns");
	skip 'the gateway was overrun', 1 if $now =~ s/ (\d+)// && $1 != $overruns;
	is($now, $markers, 'nobody is told');
}

ws_close($_) for $slow, $quick;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
