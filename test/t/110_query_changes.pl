# What live queries are told of changes in the tables that they read: read from
# shared memory by functions of the tests' own, as the server reads it.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.query_ring_size' => '64kB', 'realtime.query_changes_max' => 20,
	'max_prepared_transactions' => 3);
$node->safe_psql('postgres', q{
CREATE FUNCTION listen(boolean) RETURNS void LANGUAGE c STRICT AS 'realtime', 'realtime_test_listen';
CREATE FUNCTION changes(boolean DEFAULT true) RETURNS text[] LANGUAGE c STRICT AS 'realtime', 'realtime_test_changes';
CREATE FUNCTION round_wanted() RETURNS boolean LANGUAGE c AS 'realtime', 'realtime_test_round_wanted';
CREATE FUNCTION hold_commit(text) RETURNS void LANGUAGE c STRICT AS 'realtime', 'realtime_test_hold_commit';

CREATE PROCEDURE watch(relation regclass, VARIADIC columns text[]) LANGUAGE plpgsql AS $$
DECLARE
	arguments text := (SELECT coalesce(string_agg(quote_literal(c), ', '), '') FROM unnest(columns) AS c);
BEGIN
	EXECUTE format('CREATE TRIGGER __realtime_query AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW'
		' EXECUTE FUNCTION realtime.query_table_changed(%s)', relation, arguments);
	EXECUTE format('CREATE TRIGGER __realtime_query_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT'
		' EXECUTE FUNCTION realtime.query_table_changed(%s)', relation, arguments);
	EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER __realtime_query,'
		' ENABLE ALWAYS TRIGGER __realtime_query_truncate', relation);
END $$;

CREATE TABLE list (id integer PRIMARY KEY, owner text);
CREATE TABLE item (id integer PRIMARY KEY, list integer REFERENCES list ON DELETE CASCADE, done boolean, body text);
CREATE TABLE part (body text, id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part2 (id integer PRIMARY KEY, dropped integer, body text);
ALTER TABLE part2 DROP dropped;
ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (10) TO (20);
CREATE TABLE wide (id integer, body text, n numeric);
CALL watch('list', 'id', 'owner');
CALL watch('item', 'id', 'list', 'done');
CALL watch('part', 'id', 'body');
CALL watch('wide', 'id', 'body', 'n');
});

# The tests read what executors would, so none may be there.
$node->safe_psql('postgres', q{ALTER ROLE realtime_executor NOLOGIN;
	SELECT pg_terminate_backend(pid) FROM realtime.stat_executor WHERE pid IS NOT NULL});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'realtime_executor'}),
	'there are no executors');

# What a new snapshot shows, one change a line
sub changes
{
	return $node->safe_psql('postgres', q{SELECT array_to_string(changes(), E'\n')});
}

# Of these statements, which are one transaction each unless they say otherwise
sub told_of
{
	my ($sql) = @_;
	$node->safe_psql('postgres', $_) for split /;;/, $sql;
	return changes();
}

is(told_of('INSERT INTO list VALUES (0)'), '', 'nothing is told as long as nobody listens');
is($node->safe_psql('postgres', 'SELECT round_wanted()'), 'f', 'nor is anybody woken');
$node->safe_psql('postgres', 'SELECT listen(true)');

is(told_of(q{INSERT INTO list VALUES (1, 'anna');;
	INSERT INTO item VALUES (1, 1, false, 'x');; UPDATE item SET done = true;; DELETE FROM item}), q{list +id=1,owner=anna
item +id=1,list=1,done=f
item -id=1,list=1,done=f +id=1,list=1,done=t
item -id=1,list=1,done=t}, 'insert, update and delete, with the columns that are watched');
$node->safe_psql('postgres', 'INSERT INTO item VALUES (1, 1, NULL)');
is($node->safe_psql('postgres', 'SELECT round_wanted()'), 't', 'somebody is to look');
is(changes(), 'item +id=1,list=1,done=NULL', 'NULL is a value');
is($node->safe_psql('postgres', 'SELECT round_wanted()'), 'f', 'and then has looked');
is(told_of(q{UPDATE item SET body = 'y'; UPDATE item SET done = NULL}), '',
	'nothing if no watched column is another');
is(told_of('UPDATE item SET done = true WHERE id = 2'), '', 'nor if there was no row');
is(told_of('BEGIN; INSERT INTO list VALUES (2); ROLLBACK'), '', 'nor after a rollback');

is(told_of(q{BEGIN;
INSERT INTO list VALUES (2, 'a');
SAVEPOINT a;
INSERT INTO list VALUES (3, 'b');
SAVEPOINT b;
INSERT INTO list SELECT g, 'c' FROM generate_series(100, 199) g;
ROLLBACK TO b;
INSERT INTO list VALUES (4, 'd');
RELEASE a;
SAVEPOINT c;
INSERT INTO list VALUES (5, 'e');
ROLLBACK TO c;
COMMIT}), "list +id=2,owner=a\nlist +id=3,owner=b\nlist +id=4,owner=d",
	'what a savepoint takes back is not told, nor that it was too much');

is(told_of(q{COPY list FROM PROGRAM 'printf "6\ta\n7\tb\n"'}), "list +id=6,owner=a\nlist +id=7,owner=b", 'COPY');
is(told_of(q{MERGE INTO list USING (VALUES (6, 'z'), (8, 'n')) AS new (id, owner) ON list.id = new.id
	WHEN MATCHED THEN UPDATE SET owner = new.owner WHEN NOT MATCHED THEN INSERT VALUES (new.id, new.owner)}),
	"list -id=6,owner=a +id=6,owner=z\nlist +id=8,owner=n", 'MERGE');
is(told_of(q{INSERT INTO list VALUES (8, 'o') ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner}),
	'list -id=8,owner=n +id=8,owner=o', 'ON CONFLICT');
is(told_of('DELETE FROM list WHERE id = 1'), "list -id=1,owner=anna\nitem -id=1,list=1,done=NULL", 'a cascade');

is(told_of(q{INSERT INTO part VALUES ('a', 1), ('b', 11)}), "part/part1 +id=1,body=a\npart/part2 +id=11,body=b",
	'partitions, whose columns may stand elsewhere');
is(told_of('UPDATE part SET id = 12 WHERE id = 1'), "part/part1 -id=1,body=a\npart/part2 +id=12,body=a",
	'a row that moves to another partition');
is(told_of(q{UPDATE part2 SET body = 'c' WHERE id = 11}), 'part/part2 -id=11,body=b +id=11,body=c',
	'a partition by its own name');

is(told_of('TRUNCATE part2'), 'part any', 'TRUNCATE of a partition');
is(told_of('TRUNCATE part'), 'part any', 'of all of them, once');
is(told_of('TRUNCATE list CASCADE'), "list any\nitem any", 'and of what refers to it');
is(told_of('BEGIN; INSERT INTO list VALUES (1); TRUNCATE list CASCADE; INSERT INTO list VALUES (2); COMMIT'),
	"list any\nitem any", 'which says all that there is to say');

is(told_of('INSERT INTO list SELECT g FROM generate_series(10, 29) g') =~ tr/\n//, 19,
	'as many rows as realtime.query_changes_max');
is(told_of('INSERT INTO list SELECT g FROM generate_series(30, 50) g'), 'list any', 'and one more');
is(told_of(q{INSERT INTO wide VALUES (1, repeat('x', 9000), 1.50)}), 'wide any', 'a long value');
is(told_of(q{INSERT INTO wide VALUES (2, repeat('x', 3000), 1e100)}) =~ s/x+/x/r =~ s/0+$/0/r, 'wide +id=2,body=x,n=10',
	'one that is compressed, and unpacked');
is(told_of(q{INSERT INTO wide SELECT 1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 100) i)}) =~ tr/0-9a-f//, 3200 + length('wide1d'),
	'one that is stored elsewhere, and fetched');
is(told_of(q{INSERT INTO wide SELECT g, (SELECT string_agg(md5((g * 1000 + i)::text), '') FROM generate_series(1, 100) i)
	FROM generate_series(1, 5) g}), 'wide any', 'more bytes than one transaction may tell');
is(told_of(q{SET session_replication_role = replica; INSERT INTO list VALUES (90)}), 'list +id=90,owner=NULL',
	'where triggers are for others');

# Commands
is(told_of('ALTER TABLE list RENAME owner TO whose;; UPDATE list SET whose = $$x$$ WHERE id = 90'),
	"everything\nlist -id=90,whose=NULL +id=90,whose=x", 'a column that gets another name is watched by that');
is(told_of('ALTER TABLE part RENAME body TO text;; INSERT INTO part VALUES ($$q$$, 3)'), "everything\npart/part1 +id=3,text=q",
	'in partitions, too');
is(told_of('ALTER TABLE list DROP whose;; INSERT INTO list VALUES (91)'), "everything\nlist +id=91", 'one that is dropped is not');
is(told_of("$_"), 'everything', $_)
	for 'ALTER TABLE part DETACH PARTITION part2', 'ALTER TABLE part ATTACH PARTITION part2 FOR VALUES FROM (10) TO (20)',
	'CREATE TABLE part3 PARTITION OF part FOR VALUES FROM (20) TO (30)', 'CREATE VIEW v AS SELECT * FROM list',
	'CREATE POLICY p ON list USING (true)', 'ALTER TABLE list ENABLE ROW LEVEL SECURITY', 'DROP POLICY p ON list',
	'GRANT SELECT ON list TO PUBLIC', 'DROP VIEW v', 'CREATE FUNCTION f() RETURNS integer LANGUAGE sql RETURN 1', 'DROP FUNCTION f';
is(told_of($_), '', $_)
	for 'CREATE TEMP TABLE t (i integer); INSERT INTO t VALUES (1); ALTER TABLE t ADD j integer; DROP TABLE t', 'CREATE INDEX i ON list (id)', 'ANALYZE list',
	'CREATE TABLE unrelated (i integer)', 'BEGIN; DROP TABLE unrelated; ROLLBACK';

# What a snapshot does not show comes later.
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
my $open = $node->background_psql('postgres');
$open->query_safe('BEGIN; INSERT INTO list VALUES (200)');
$node->safe_psql('postgres', 'INSERT INTO list VALUES (201)');
is(changes(), 'list +id=201', 'a transaction that is not over does not keep others waiting');
$open->query_safe('COMMIT');
is($old->query_safe('SELECT changes(false)'), '{}', 'a snapshot is not told what it does not show');
$old->query_safe('COMMIT');
is(changes(), 'list +id=200', 'which is there for the next one');
$old->quit;

# A transaction that can be seen and has not told yet: who sees it waits.
my $file = $node->basedir . '/hold';
$open->query_safe(qq{BEGIN; INSERT INTO list VALUES (210); SELECT hold_commit('$file')});
$open->{stdin} .= "COMMIT;\n";
$open->{run}->pump_nb;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM list WHERE id = 210'), 'it can be seen');
my $reader = $node->background_psql('postgres');
my $pid = $reader->query_safe('SELECT pg_backend_pid()');
$reader->{stdin} .= "SELECT changes();\n\\echo done\n";
$reader->{run}->pump_nb;
ok($node->poll_query_until('postgres', "SELECT state = 'active' AND query ~ 'changes' FROM pg_stat_activity WHERE pid = $pid"),
	'somebody wants to know what has changed');
append_to_file($file, '');
$reader->{run}->pump until $reader->{stdout} =~ /done/;
like($reader->{stdout}, qr/\{"list \+id=210"\}/, 'and is told when it has been told');
$open->query_safe('SELECT 1');
$reader->query_safe('SELECT 1');

# They may tell in another order than they can be seen in: each is told once.
$file = $node->basedir . '/hold2';
$open->query_safe(qq{BEGIN; INSERT INTO list VALUES (211); SELECT hold_commit('$file')});
$open->{stdin} .= "COMMIT;\n";
$open->{run}->pump_nb;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM list WHERE id = 211'), 'one can be seen and has not told yet');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->safe_psql('postgres', 'INSERT INTO list VALUES (212)');
append_to_file($file, '');
$open->query_safe('SELECT 1');
is($reader->query_safe('SELECT changes(false)'), '{"list +id=211"}', 'who has seen it is told of it, behind another one');
is(changes(), 'list +id=212', 'which alone is there for the next one');
is(changes(), '', 'and nothing comes again');
$reader->query_safe('COMMIT');
$_->quit for $open, $reader;

# Prepared transactions
is(told_of(q{BEGIN; INSERT INTO list VALUES (220); PREPARE TRANSACTION 'p'}), '', 'a prepared transaction has not changed anything yet');
$node->safe_psql('postgres', q{COMMIT PREPARED 'p'});
is($node->safe_psql('postgres', 'SELECT round_wanted()'), 't', 'somebody is to look when it is committed');
is(changes(), 'overrun', 'and takes it that everything has changed');
is(changes(), '', 'once');
is(told_of(q{BEGIN; SELECT 1; PREPARE TRANSACTION 'p';; COMMIT PREPARED 'p'}), '', 'not by one that has not changed anything');

# More than the ring holds
is(told_of(join ';;', map { "INSERT INTO wide SELECT g, repeat('x', 700) FROM generate_series(1, 9) g" } 1 .. 12), 'overrun',
	'what was overwritten is everything');
is(told_of('INSERT INTO list VALUES (230)'), 'list +id=230', 'and the next one is told');

# Prepared before the server was started
$node->safe_psql('postgres', q{BEGIN; INSERT INTO list VALUES (240); PREPARE TRANSACTION 'q'});
$node->restart;
$node->safe_psql('postgres', 'SELECT listen(true)');
is(changes(), '', 'after a restart it is still prepared');
is(told_of(q{COMMIT PREPARED 'q'}), 'overrun', 'and is committed as before');

# In another database nobody is concerned.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q{CREATE EXTENSION realtime; CREATE TABLE t (i integer);
	CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION realtime.query_table_changed('i');
	INSERT INTO t VALUES (1)});
is(changes(), '', 'nothing is told of another database');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
