# Live tables in dumps: carried once, with the table, and nothing is published
# by a restore.
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

my ($status, undef, $stderr) = $node->psql('original', q{
CREATE EXTENSION realtime;
SELECT realtime.topic('todos:{list}', class => 'replay', open => true), realtime.topic('parts', class => 'replay');
CREATE ROLE someone IN ROLE realtime_admin;
CREATE TABLE todo (id integer PRIMARY KEY, list text, "ti""tle" text);
ALTER TABLE todo OWNER TO someone;
CREATE TABLE part (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
SELECT realtime.live_table('todo', 'todos:{list}', columns => '{"ti\"tle"}'),
	realtime.live_table('part', 'parts', always => true);
INSERT INTO todo VALUES (1, 'a', 'one');
INSERT INTO part VALUES (1), (11);
});
is($status, 0, 'the original database is made') or diag($stderr);
like($stderr, qr/WARNING:  changes of live tables are not published in this database/,
	'declaring warns in a database that nobody is connected to');
my @warnings = $stderr =~ /WARNING:  changes of live tables/g;
is(scalar @warnings, 2 + 1, 'writing warns once in a session, and goes well');
is($node->safe_psql('original', 'SELECT count(*) FROM realtime.replay_message'), 0, 'nothing is published there');

# Custom format, restored in one transaction as its usual order is.
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('original') ], 'pg_dump');
$node->command_ok([ 'pg_restore', '-1', '--exit-on-error', '-d', $node->connstr('restored'), $dump ],
	'pg_restore into an empty database');
wait_for_gateway($node);

sub both
{
	my ($what, $sql) = @_;
	is($node->safe_psql('restored', $sql), $node->safe_psql('original', $sql), $what);
	return;
}
both('the declarations are the same',
	'SELECT * FROM realtime.live_tables ORDER BY relation::text');
both('so are the triggers, in partitions too', q{
	SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0, pg_get_triggerdef(oid)
	FROM pg_trigger WHERE tgname ~ '^__realtime_live' ORDER BY tgrelid::regclass::text, tgname});
both('and the rows', 'SELECT * FROM todo, part ORDER BY 1, 4');
is($node->safe_psql('restored', 'SELECT count(*) FROM realtime.replay_message'), 0,
	'a restore publishes nothing');

# Plain SQL holds each trigger once.
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", $node->connstr('original') ], 'pg_dump as SQL');
my $sql = slurp_file("$dump.sql");
my @triggers = $sql =~ /^CREATE TRIGGER (\w+ .* ON \S+)/mg;
is_deeply([ sort @triggers ], [
	'__realtime_live_table AFTER INSERT OR DELETE OR UPDATE ON public.part',
	'__realtime_live_table AFTER INSERT OR DELETE OR UPDATE ON public.todo',
	'__realtime_live_table_truncate AFTER TRUNCATE ON public.part',
	'__realtime_live_table_truncate AFTER TRUNCATE ON public.todo' ],
	'a dump carries each trigger once');

# And they work.
my $ws = ws_connect($node);
is(ws_subscribe($ws, 'todos:a')->{type}, 'subscribed', 'the topic was restored');
$node->safe_psql('restored', q{
INSERT INTO todo VALUES (2, 'a', 'two');
INSERT INTO part VALUES (2), (12);
});
is_deeply(ws_wait($ws, sub { exists $_->{event} })->{data}, { id => 2, 'ti"tle' => 'two' },
	'the restored table is live');
is($node->safe_psql('restored', q{SELECT string_agg(data, ' ') FROM realtime.replay_message WHERE topic = 'parts'}),
	'{"id":2} {"id":12}', 'so are restored partitions');

# The owner of a table who may declare can restore it alone.
$node->command_ok([ 'pg_dump', '-t', 'todo', '-f', "$dump.one", $node->connstr('original') ], 'pg_dump -t');
$node->safe_psql('restored', 'DROP TABLE todo; GRANT CREATE ON SCHEMA public TO someone; ALTER ROLE someone LOGIN');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.one",
	'-d', $node->connstr('restored') . ' user=someone' ], 'restored by its owner');
is($node->safe_psql('restored', 'SELECT topic FROM realtime.live_tables WHERE relation = $$todo$$::regclass'),
	'todos:{list}', 'and it is live');

# DROP EXTENSION
($status, undef, $stderr) = $node->psql('restored', 'DROP EXTENSION realtime');
isnt($status, 0, 'the extension cannot be dropped while tables are live');
like($stderr, qr/trigger __realtime_live_table on table todo depends on function realtime\.live_table_changed\(\)/,
	'the error names them');
$node->safe_psql('restored', 'DROP EXTENSION realtime CASCADE');
is($node->safe_psql('restored', 'SELECT count(*) FROM todo'), 1, 'CASCADE leaves the tables');
is($node->safe_psql('restored', 'SELECT count(*) FROM pg_trigger WHERE tgname ~ $$realtime$$'), 0,
	'without their triggers');
$node->safe_psql('restored', q{INSERT INTO todo VALUES (3, 'a')});

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
