# Live queries in dumps: declarations and triggers are carried, each once, and
# work in the restored database; a declaration can then be changed there.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.database' => 'restored', 'start' => 0, 'extension' => 0);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE original');
$node->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
my $dump = $node->basedir . '/dump';

$node->safe_psql('original', q{
CREATE EXTENSION realtime;
CREATE TABLE todo (id integer PRIMARY KEY, list integer, "ti""tle" text, junk text);
CREATE TABLE part (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE FUNCTION mine(l integer) RETURNS SETOF todo STABLE LANGUAGE sql AS 'SELECT * FROM public.todo WHERE list = l';
SELECT realtime.query('todo/list', 'SELECT id, "ti""tle" FROM todo WHERE list = $1', depends_on => '{part}', stale_after => '1 h');
SELECT realtime.query('todo/mine', loader => 'mine(integer)');
SELECT realtime.query('part/all', 'SELECT id FROM part');
INSERT INTO todo VALUES (1, 1, 'one');
});
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('original') ], 'pg_dump');
$node->command_ok([ 'pg_restore', '-1', '--exit-on-error', '-d', $node->connstr('restored'), $dump ],
	'pg_restore into an empty database');
wait_for_gateway($node);

sub both
{
	my ($what, $sql) = @_;
	my $original = $node->safe_psql('original', $sql);
	isnt($original, '', "$what: there are some");
	is($node->safe_psql('restored', $sql), $original, "$what: the same");
	return;
}
my $triggers = q{
	SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0, pg_get_triggerdef(oid)
	FROM pg_trigger WHERE tgname ~ '^__realtime_query' ORDER BY tgrelid::regclass::text, tgname};
both('declarations', 'SELECT * FROM realtime.query_declaration ORDER BY path');
both('triggers', $triggers);
both('anchors', q{SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE proname ~ '^query '});

# The tests read what executors would, so none may be there.
$node->safe_psql('restored', q{ALTER ROLE realtime_executor NOLOGIN;
	SELECT pg_terminate_backend(pid) FROM realtime.stat_executor WHERE pid IS NOT NULL});
ok($node->poll_query_until('restored', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'realtime_executor'}),
	'there are no executors');

# They work, and follow the declarations.
$node->safe_psql('restored', q{
CREATE FUNCTION listen(boolean) RETURNS void LANGUAGE c STRICT AS 'realtime', 'realtime_test_listen';
CREATE FUNCTION changes(boolean) RETURNS text[] LANGUAGE c STRICT AS 'realtime', 'realtime_test_changes';
SELECT listen(true);
});
$node->safe_psql('restored', 'INSERT INTO part VALUES (2)');
is($node->safe_psql('restored', q{SELECT array_remove(changes(true), 'overrun')}), '{"part/part1 +id=2"}', 'a restored trigger tells');
$node->safe_psql('restored', q{SELECT realtime.query('todo/list', 'SELECT id, "ti""tle" FROM todo WHERE list = $1 AND junk IS NULL')});
is($node->safe_psql('restored', $triggers), $node->safe_psql('original', $triggers),
	'a query that reads what others read already changes no trigger');
$node->safe_psql('restored', q{SELECT realtime.drop('todo/list'), realtime.drop('todo/mine'), realtime.drop('part/all')});
is($node->safe_psql('restored', $triggers), '', 'and with the last declaration they go');

# DROP EXTENSION
my ($status, undef, $stderr) = $node->psql('original', 'DROP EXTENSION realtime');
isnt($status, 0, 'the extension cannot be dropped while tables are watched');
like($stderr, qr/trigger __realtime_query on table todo depends on function realtime\.query_table_changed\(\)/,
	'the error names them');
$node->safe_psql('original', 'DROP EXTENSION realtime CASCADE');
is($node->safe_psql('original', $triggers), '', 'CASCADE leaves the tables without their triggers');
$node->safe_psql('original', q{INSERT INTO todo VALUES (3)});

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
