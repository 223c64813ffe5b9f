# Live queries: events as long as a frame may be, and rows that are as long.
use strict;
use warnings;

use List::Util qw(max);
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $frame_max = 1024 * 1024;
my $longest = 0;

# All that comes is measured.
{
	no warnings 'redefine';
	my $receive = \&RealtimeTest::ws_recv;
	*RealtimeTest::ws_recv = sub {
		my $frame = $receive->(@_);
		$longest = max($longest, length $frame->[1]) if $frame;
		return $frame;
	};
}

my $node = new_node('realtime.executors' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.long (k text, n integer);
CREATE TABLE app.row (id integer PRIMARY KEY, n integer, body text);
INSERT INTO app.long VALUES ('a', 1);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
});
declare_query($node, 'q/long', 'k', 'SELECT k, n FROM app.long');
declare_query($node, 'q/row', 'id', q{SELECT id, n, repeat('x', n) AS body FROM app.row});
wait_for_call($node, 'q/long', []);

sub connect_with
{
	my (@caps) = @_;
	my $ws = ws_connect($node);

	ws_send($ws, { type => 'hello', caps => \@caps });
	return $ws;
}

# A value in parts is put together.
sub follow_parts
{
	my ($ws, $path) = @_;
	my $copy = follow($ws, $path);

	for (my $more = $copy->{reply}{more}; $more;)
	{
		my $part = ws_wait($ws, sub { ($_->{topic} // '') eq '__parts' })->{data};
		push @{ $copy->{rows} }, @{ $part->{items} };
		$more = $part->{more};
	}
	return $copy;
}

# ---- a key that is gone ----

# Those who follow it are told that a row has come that is too long for a frame. That it is gone would
# just fit into one, but not as all of a round.
$node->safe_psql('postgres', q{INSERT INTO app.long SELECT repeat(k, 500000), 2 FROM (VALUES ('d'), ('e')) v (k)});
my $ws = connect_with(qw(parts pos));
my $long = follow_parts($ws, 'q/long');
my $around = length qq({"topic":"$long->{topic}","event":"deleted","data":{"k":""}});

sub next_event
{
	my $seen = @{ $long->{events} };

	take_until($ws, sub { @{ $long->{events} } > $seen });
	return $long->{events}[-1];
}

is(scalar @{ $long->{rows} }, 3, 'long keys are there');
for my $room (0, 40, 79)
{
	my $length = $frame_max - $around - $room;

	$node->safe_psql('postgres', "INSERT INTO app.long VALUES (repeat('b', $length), 3)");
	is(next_event(), 'truncated', "a key that is too long ($room)");
	$node->safe_psql('postgres', 'DELETE FROM app.long WHERE n = 3');
	is(next_event(), 'refreshed', 'that it is gone is not told alone');
}
cmp_ok($longest, '<=', $frame_max, 'no frame is longer than one may be');

# ---- rows ----

$node->safe_psql('postgres', 'INSERT INTO app.row SELECT i, 10 FROM generate_series(1, 5) i');
my $rows = follow(connect_with(qw(parts pos)), 'q/row');
is_true($rows, 'short rows');
for my $length (524000, 524288, 700000, 10)
{
	$node->safe_psql('postgres', "UPDATE app.row SET n = $length WHERE id = 3");
	is_true($rows, "one of $length bytes");
}
is_deeply($rows->{events}, [ ('updated') x 4 ], 'is told alone, however long it is');
is($node->safe_psql('postgres', q{SELECT restricted || ' ' || coalesce(why_full, 'not in full') FROM realtime.stat_query WHERE path = 'q/row'}), '4 not in full',
	'and nothing else is looked at for it');
cmp_ok($longest, '<=', $frame_max, 'still no frame is too long');

done_testing();
