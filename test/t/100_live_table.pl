# Live tables: what subscribers get of what changes in them.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node(
	'realtime.ring_size' => '8MB',
	'realtime.live_table_memory' => '256kB');

$node->safe_psql('postgres', q{
SELECT realtime.topic('list:{list}', open => true);
SELECT realtime.topic('all', open => true);
SELECT realtime.topic('parts', open => true);
CREATE TABLE todo (id integer PRIMARY KEY, list text, title text, done boolean);
SELECT realtime.live_table('todo', 'list:{list}');
CREATE TABLE counter (id integer PRIMARY KEY, n integer NOT NULL, wide text);
SELECT realtime.live_table('counter', 'all');
});

my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 'all')->{type} eq 'subscribed' }), 'subscribed');
ws_subscribe($ws, $_) for 'list:a', 'list:b', 'parts';

sub sql { return $node->safe_psql('postgres', join "\n", @_); }

# What SQL made arrive at a connection: [topic, event, data] until all of it has.
sub events_of
{
	my ($connection, @sql) = @_;
	my @events;

	sql(@sql, q{;SELECT realtime.publish('all', 'end');});
	while (1)
	{
		my $frame = ws_wait($connection, sub { exists $_->{event} });
		last if $frame->{event} eq 'end';
		push @events, [ @$frame{qw(topic event data)} ];
	}
	return \@events;
}

sub row { my ($id, $list, $title, $done) = @_;
	return { id => $id, list => $list, title => $title,
		done => $done ? JSON::PP::true : JSON::PP::false }; }

# ---- rows ----

is_deeply(events_of($ws, q{
INSERT INTO todo VALUES (1, 'a', 'milk', false), (2, 'b', 'bread', false), (3, NULL, 'secret', false);
UPDATE todo SET done = true WHERE id = 1;
DELETE FROM todo WHERE id = 1;
}), [
	[ 'list:a', 'created', row(1, 'a', 'milk') ],
	[ 'list:b', 'created', row(2, 'b', 'bread') ],
	[ 'list:a', 'updated', row(1, 'a', 'milk', 1) ],
	[ 'list:a', 'deleted', row(1, 'a', 'milk', 1) ],
], 'created, updated and deleted go to the topic of the row; NULL has none');

is_deeply(events_of($ws, q{
UPDATE todo SET list = 'a' WHERE id = 2;
UPDATE todo SET id = 20 WHERE id = 2;
UPDATE todo SET list = 'a' WHERE id = 3;
UPDATE todo SET list = NULL WHERE id = 3;
UPDATE todo SET title = title;
}), [
	[ 'list:b', 'deleted', row(2, 'b', 'bread') ],
	[ 'list:a', 'created', row(2, 'a', 'bread') ],
	[ 'list:a', 'deleted', row(2, 'a', 'bread') ],
	[ 'list:a', 'created', row(20, 'a', 'bread') ],
	[ 'list:a', 'created', row(3, 'a', 'secret') ],
	[ 'list:a', 'deleted', row(3, 'a', 'secret') ],
], 'a row that moves or gets another key is deleted and created');

is_deeply(events_of($ws, q{
BEGIN;
INSERT INTO todo VALUES (4, 'a', 'kept');
SAVEPOINT s;
INSERT INTO todo VALUES (5, 'a', 'lost');
ROLLBACK TO s;
COMMIT;
BEGIN;
DELETE FROM todo;
ROLLBACK;
INSERT INTO todo VALUES (4, 'a', 'again', true)
	ON CONFLICT (id) DO UPDATE SET done = EXCLUDED.done;
MERGE INTO todo USING (VALUES (4), (6)) AS new (id) ON todo.id = new.id
	WHEN MATCHED THEN DELETE
	WHEN NOT MATCHED THEN INSERT VALUES (new.id, 'a', 'merged', false);
}), [
	[ 'list:a', 'created', { %{ row(4, 'a', 'kept') }, done => undef } ],
	[ 'list:a', 'updated', row(4, 'a', 'kept', 1) ],
	[ 'list:a', 'deleted', row(4, 'a', 'kept', 1) ],
	[ 'list:a', 'created', row(6, 'a', 'merged') ],
], 'what is rolled back is not told; ON CONFLICT and MERGE are');

is_deeply(events_of($ws, "COPY todo (id, list) FROM stdin;\n7\ta\n8\tb\n\\.\n"), [
	[ 'list:a', 'created', { id => 7, list => 'a', title => undef, done => undef } ],
	[ 'list:b', 'created', { id => 8, list => 'b', title => undef, done => undef } ],
], 'COPY');

# The events of a transaction, applied by key, give what the table has.
is_deeply(events_of($ws, q{
CREATE TABLE seat (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, who text);
SELECT realtime.live_table('seat', 'all');
INSERT INTO seat VALUES (1, 'ann'), (2, 'bob');
UPDATE seat SET id = 3 - id;
BEGIN;
INSERT INTO seat VALUES (1, 'carl'), (3, 'dora');
DELETE FROM seat WHERE who IN ('bob', 'dora');
COMMIT;
DROP TABLE seat;
}), [
	[ 'all', 'created', { id => 1, who => 'ann' } ],
	[ 'all', 'created', { id => 2, who => 'bob' } ],
	[ 'all', 'updated', { id => 2, who => 'ann' } ],
	[ 'all', 'updated', { id => 1, who => 'bob' } ],
	[ 'all', 'updated', { id => 1, who => 'carl' } ],
], 'keys that two rows have for a while');

# A trigger that changes the row again must not leave clients with the old one.
is_deeply(events_of($ws, q{
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE counter SET n = n + 1 WHERE id IN (1, 2) AND n < 10;
	RETURN NULL;
END $$;
CREATE TRIGGER again AFTER INSERT ON counter FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO counter VALUES (1, 0), (2, 0);
DROP TRIGGER again ON counter;
})->[-1][2], { id => 2, n => 2, wide => undef }, 'triggers of the user: the newest version comes last');
is(sql('SELECT n FROM counter WHERE id = 2'), 2, 'which is what the table has');

# ---- many rows, large rows ----

sub is_marker
{
	my ($topic, $what) = @_;
	my $marker = ws_wait($ws, sub { ($_->{topic} // '') eq $topic && $_->{event} ne 'created' });

	is($marker->{event}, 'truncated', "$what: a marker");
	is(ws_subscribe($ws, $topic)->{type}, 'subscribed', "$what: subscribed again");
	return;
}

sql(q{INSERT INTO counter VALUES (10, 0, repeat('x', 1500000))});
is_marker('all', 'a row that does not fit into a frame');
is(sql('SELECT length(wide) FROM counter WHERE id = 10'), 1500000, 'the row is there');
is_deeply(events_of($ws, 'DELETE FROM counter WHERE id = 10'),
	[ [ 'all', 'deleted', { id => 10 } ] ], 'it is deleted by its key');

sql(q{BEGIN; INSERT INTO counter SELECT i, i FROM generate_series(1001, 20000) i; COMMIT});
is_marker('all', 'a transaction over realtime.live_table_memory');
is(sql('SELECT count(*) FROM counter WHERE id > 1000'), 19000, 'all rows are there');

# More topics than are noted one by one.
sql(q{INSERT INTO todo SELECT i, 'x' || i, 'many' FROM generate_series(1001, 9000) i;
	UPDATE todo SET list = 'y' || id, title = 'more' WHERE id > 1000;});
is_marker('list:a', 'a transaction with many topics');
ws_subscribe($ws, $_) for 'list:b', 'all', 'parts';
ws_quiet($ws);
is_deeply(events_of($ws, q{
BEGIN;
SAVEPOINT s;
INSERT INTO counter SELECT i, i FROM generate_series(30001, 40000) i;
ROLLBACK TO s;
UPDATE counter SET n = 77 WHERE id = 1;
COMMIT;
}), [ [ 'all', 'updated', { id => 1, n => 77, wide => undef } ] ],
	'a savepoint takes the markers back');

# ---- TRUNCATE ----

sql('TRUNCATE counter');
is_marker('all', 'TRUNCATE with one topic');
sql('TRUNCATE todo');
is_marker('list:a', 'TRUNCATE with many topics');
is_deeply([ map { "$_->{topic} $_->{event}" } ws_quiet($ws, 1) ], [ 'list:b truncated' ],
	'and for no others');
ws_subscribe($ws, 'list:b');
sql(q{BEGIN; SAVEPOINT s; TRUNCATE todo; ROLLBACK TO s; COMMIT});
is_deeply([ ws_quiet($ws) ], [ ], 'none if it is rolled back');

# ---- partitions ----

is_deeply(events_of($ws, q{
CREATE TABLE part (id integer, kind text, note text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');
SELECT realtime.live_table('part', 'parts', key => 'id');
CREATE TABLE part_b (note text, gone text, kind text NOT NULL, id integer NOT NULL);
ALTER TABLE part_b DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_b FOR VALUES IN ('b');
INSERT INTO part VALUES (1, 'a', 'one'), (2, 'b', 'two');
INSERT INTO part_b VALUES ('three', 'b', 3);
UPDATE part SET kind = 'b' WHERE id = 1;
UPDATE part SET note = 'changed' WHERE id = 2;
}), [
	[ 'parts', 'created', { id => 1, kind => 'a', note => 'one' } ],
	[ 'parts', 'created', { id => 2, kind => 'b', note => 'two' } ],
	[ 'parts', 'created', { id => 3, kind => 'b', note => 'three' } ],
	[ 'parts', 'updated', { id => 1, kind => 'b', note => 'one' } ],
	[ 'parts', 'updated', { id => 2, kind => 'b', note => 'changed' } ],
], 'partitions, also those attached later');
sql('TRUNCATE part');
is_marker('parts', 'TRUNCATE of a partitioned table');
sql(q{INSERT INTO part VALUES (1, 'a')});
ws_wait($ws, sub { ($_->{topic} // '') eq 'parts' });
sql('TRUNCATE part_a');
is_marker('parts', 'TRUNCATE of a partition');

# ---- columns that change ----

is_deeply(events_of($ws, q{
INSERT INTO todo VALUES (1, 'a', 'x');
ALTER TABLE todo ADD COLUMN owner text DEFAULT 'me';
UPDATE todo SET done = true;
ALTER TABLE todo DROP COLUMN title;
ALTER TABLE todo ALTER COLUMN id TYPE text;
UPDATE todo SET done = false;
ALTER TABLE todo RENAME TO task;
CREATE SCHEMA elsewhere;
ALTER TABLE task SET SCHEMA elsewhere;
UPDATE elsewhere.task SET done = true;
})->[-1], [ 'list:a', 'updated', { id => '1', list => 'a', done => JSON::PP::true, owner => 'me' } ],
	'the table can be altered, renamed and moved');
sql(q{ALTER TABLE elsewhere.task RENAME COLUMN owner TO "reqId";
	UPDATE elsewhere.task SET done = false});
is_marker('list:a', 'a column that clients stumble over');
ws_subscribe($ws, 'all');

# ---- a table in use ----

my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN; INSERT INTO counter VALUES (-1, 0)');
for my $call (q{live_table('counter', 'all')}, q{drop_live_table('counter')})
{
	my ($status, undef, $stderr) = $node->psql('postgres',
		"SET lock_timeout = '20ms'; SELECT realtime.$call");
	like($stderr, qr/ERROR:  canceling statement due to lock timeout\nHINT:  Somebody has been using table "counter"/,
		"$call does not wait for long");
}
$writer->query_safe('ROLLBACK');
$writer->quit;

# ---- many writers of one row ----

sql(q{INSERT INTO counter VALUES (1, 0)});
my $writers = 64;
my @load = map { $node->background_psql('postgres') } 1 .. $writers;
for my $writer (@load)
{
	$writer->query_until(qr/started/, "\\echo started\n"
		. "UPDATE counter SET n = n + 1 WHERE id = 1;\n" x 20);
}
$_->quit for @load;
my $last;
my $disorder = 0;
sql(q{SELECT realtime.publish('all', 'end')});
while (1)
{
	my $frame = ws_wait($ws, sub { exists $_->{event} });
	last if $frame->{event} eq 'end';
	$disorder++ if defined $last && $frame->{data}{n} != $last + 1;
	$last = $frame->{data}{n};
}
is($last, $writers * 20, 'the last state that is delivered is that of the table');
is($disorder, 0, 'and all came in the order of commits');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
