# Installing: nothing that others have prepared in the database is run or
# owned by the extension, whatever the session's settings and the database's
# encoding; and it can go, come back, be dumped and upgraded.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.database' => 'app', start => 0, extension => 0);
$node->start;

# All that psql has to say about it
sub says
{
	my ($database, $sql) = @_;
	my ($status, $out, $err) = $node->psql($database, "\\set VERBOSITY verbose\n$sql");
	return "$out$err";
}

sub sql { return $node->safe_psql('app', $_[0]); }

###########################################################################
# Somebody who may create things in the database

$node->safe_psql('postgres', q{
CREATE ROLE mallory LOGIN;
CREATE DATABASE app TEMPLATE template0;
GRANT CREATE ON DATABASE app TO mallory});
sql(q{GRANT CREATE ON SCHEMA public TO mallory});

# Functions and operators that suit better than PostgreSQL's own what the
# script, the views and the functions of the extension do; run by a superuser
# they tell.
my $traps = q{
CREATE FUNCTION %1$s.trap() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('is_superuser') = 'on' THEN
		CREATE TABLE %1$s.trapped (); GRANT ALL ON %1$s.trapped TO mallory;
	END IF;
EXCEPTION WHEN duplicate_table THEN NULL;
END $$;
DO $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT row_number() OVER () AS number, column1 AS result, column2::text[] AS arguments, column3 AS operator
		FROM (VALUES
			('boolean', '{oid,regprocedure}', '='), ('boolean', '{regproc,regprocedure}', '='),
			('boolean', '{"\"char\"",text}', '='), ('boolean', '{"\"char\"",text}', '<>'),
			('boolean', '{name,varchar}', '='), ('boolean', '{varchar,name}', '='), ('boolean', '{name,varchar}', '<>'),
			('smallint', '{smallint,integer}', '&'), ('boolean', '{smallint,text}', '='),
			('boolean', '{interval,text}', '>'), ('boolean', '{text,varchar}', '~'), ('boolean', '{bigint,text}', '>'),
			('integer', '{text[]}', 'cardinality'), ('integer', '{text}', 'octet_length'), ('boolean', '{text,varchar}', 'starts_with'),
			('text', '{text,text}', 'format'), ('text', '{text,name}', 'format'), ('text', '{text,oid}', 'format'),
			('text', '{text}', 'current_setting')) AS traps
	LOOP
		EXECUTE format('CREATE FUNCTION %1$s.%%s(%%s) RETURNS %%s LANGUAGE plpgsql IMMUTABLE AS
				''BEGIN PERFORM %1$s.trap(); RETURN NULL; END''',
			CASE WHEN f.operator ~ '[a-z]' THEN f.operator ELSE 'trap' || f.number END,
			array_to_string(f.arguments, ','), f.result);
		IF f.operator !~ '[a-z]' THEN
			EXECUTE format('CREATE OPERATOR %1$s.%%s (FUNCTION = %1$s.trap%%s, LEFTARG = %%s, RIGHTARG = %%s)',
				f.operator, f.number, f.arguments[1], f.arguments[2]);
		END IF;
	END LOOP;
END $$;
};
$node->safe_psql('app', 'CREATE SCHEMA realtime;' . sprintf($traps, 'realtime'), extra_params => [ '-U', 'mallory' ]);

my $said = says('app', 'CREATE EXTENSION realtime');
like($said, qr/ERROR:  42P06: schema "realtime" exists already/, 'a schema of that name is refused');
like($said, qr/DETAIL:  It belongs to role mallory.*HINT:  See what is in it/s, 'and whose it is, is said');
is(sql(q{SELECT to_regclass('realtime.trapped'), count(*) FROM pg_extension WHERE extname = 'realtime'}), '|0',
	'nothing of it has been run');
is(sql(q{SELECT count(*) FROM pg_roles WHERE rolname ~ '^realtime_'}), 0, 'and nothing is left behind');

sql('ALTER SCHEMA realtime RENAME TO mine');
$node->safe_psql('app', sprintf($traps, 'public'), extra_params => [ '-U', 'mallory' ]);
is(says('app', 'SET search_path = public, mine, pg_catalog; CREATE EXTENSION realtime'), '',
	'the extension does not mind what is in other schemas');
wait_for_gateway($node);

# Its own statements, run by a superuser whose search_path is as bad as can be
is(says('app', q{
SET search_path = public, mine, pg_catalog;
CREATE FUNCTION public.f(a text) RETURNS text LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION public.g(a text) RETURNS text LANGUAGE sql AS 'SELECT a';
CREATE TABLE public.t (id int PRIMARY KEY, room text);
DO $$ BEGIN
	PERFORM realtime.rpc('a/b', 'f(text)'), realtime.topic('r:{room}', class => 'replay', open => true),
		realtime.topic('c:{x}'), realtime.channel('a/c', 'c:{x}'), realtime.bridge('x'), realtime.live_table('t', 'r:{room}');
	INSERT INTO public.t VALUES (1, 'a');
	PERFORM realtime.publish('r:a', 'e', '1'), realtime.throttle('r:a', 'e', '1', '1 s');
END $$;
DO $$ BEGIN
	PERFORM realtime.check(), realtime.seq('r:a'), realtime.replay('r:a', 0), realtime.clear_replay('r:a');
	PERFORM FROM realtime.topic_patterns, realtime.live_tables, realtime.stat_gateway, realtime.stat_executor,
		realtime.stat_scheduler, realtime.stat_timer;
	ALTER FUNCTION public.f(text) RENAME TO h;
	PERFORM realtime.drop('a/b'), realtime.drop('a/c'), realtime.drop('x'), realtime.drop_live_table('t'), realtime.drop('r:{room}');
END $$}), '', 'all of it works');
is(sql(q{SELECT to_regclass('public.trapped'), to_regclass('mine.trapped')}), '|', 'and runs nothing of theirs');

# What it consists of refers to nothing that is not its own or PostgreSQL's.
is(sql(q{
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) || ' needs ' || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_depend d, LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) r, LATERAL pg_identify_object(d.classid, d.objid, 0) o
WHERE (o.schema = 'realtime' OR o.identity ~ ' realtime\.') AND r.schema NOT IN ('realtime', 'pg_catalog')}), '',
	'it depends on no object of theirs');
is(sql(q{
SELECT string_agg(i.identity, ', ') FROM pg_depend d, LATERAL pg_identify_object(d.classid, d.objid, 0) i
WHERE d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
	AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'realtime')
	AND d.classid <> 'pg_event_trigger'::regclass -- they have no schema
	AND coalesce(i.schema, i.name, i.identity) <> 'realtime' AND i.identity !~ '^realtime\.'}), '',
	'and all of it is in its schema');

###########################################################################
# Going and coming back

$said = says('app', 'DROP SCHEMA realtime CASCADE');
like($said, qr/2BP01: cannot drop schema realtime because extension realtime requires it.*HINT:  You can drop extension realtime instead/s,
	'the schema is a part of the extension');
sql('DROP EXTENSION realtime');
is(sql(q{SELECT to_regnamespace('realtime')}), '', 'and goes with it');
is(says('app', 'CREATE EXTENSION realtime'), '', 'it can come back');
sql('CREATE TABLE realtime.mine (id int)');
like(says('app', 'DROP EXTENSION realtime'), qr/2BP01: .*table realtime\.mine depends on schema realtime/s,
	'what users keep in the schema is not dropped without CASCADE');
sql('DROP TABLE realtime.mine; DROP EXTENSION realtime');

###########################################################################
# Settings of the session that creates it

my $comments = q{SELECT md5(string_agg(d, E'\n')) FROM (
	SELECT format('%s: %s', pg_describe_object(classoid, objoid, objsubid), description) AS d FROM pg_description
	WHERE pg_describe_object(classoid, objoid, objsubid) ~ 'realtime' ORDER BY 1) AS all_of_them};
sql('CREATE EXTENSION realtime');
my $usual = sql($comments);
is(sql(q{SELECT count(*) FROM pg_description WHERE description ~ '\\\\'}), 0, 'no comment has a backslash');
for my $setting ('standard_conforming_strings = off', 'quote_all_identifiers = on', q{DateStyle = 'German'},
	q{IntervalStyle = 'sql_standard'}, 'extra_float_digits = -15', q{TimeZone = 'Asia/Kathmandu'},
	'default_transaction_isolation = serializable', q{search_path = ''}, 'transform_null_equals = on',
	'check_function_bodies = off', 'array_nulls = off', q{client_encoding = 'LATIN1'})
{
	is(says('app', "DROP EXTENSION realtime; SET $setting; CREATE EXTENSION realtime"), '', "created with $setting, without a word");
	is(sql($comments), $usual, 'with the same comments');
}

###########################################################################
# Encodings

for my $encoding ('SQL_ASCII', 'LATIN1')
{
	$node->safe_psql('postgres', qq{CREATE DATABASE "$encoding" TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'});
	$said = says($encoding, 'CREATE EXTENSION realtime');
	like($said, qr/ERROR:  0A000: realtime cannot serve a database with encoding $encoding.*HINT:  Clients speak UTF-8/s,
		"a database with encoding $encoding is refused");
	is($node->safe_psql($encoding, q{SELECT to_regnamespace('realtime')}), '', 'and nothing is left in it');
}

###########################################################################
# Dumps and pg_upgrade

sql(q{
DROP EXTENSION realtime;
CREATE EXTENSION realtime;
CREATE FUNCTION public.echo(a text) RETURNS text LANGUAGE sql AS 'SELECT a';
SELECT realtime.rpc('app/echo', 'echo(text)'), realtime.topic('log:{name}', class => 'replay');
SELECT realtime.publish('log:a', 'e');
REVOKE USAGE ON SCHEMA realtime FROM PUBLIC});
my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
$node->command_ok([ 'pg_restore', '-1', '--exit-on-error', '-d', $node->connstr('copy'), $dump ],
	'pg_restore into an empty database');
my $state = q{
SELECT extversion, extnamespace::regnamespace, has_schema_privilege('mallory', 'realtime', 'USAGE'),
	(SELECT string_agg(path || ' ' || handler, ',') FROM realtime.rpc_declaration),
	(SELECT count(*) FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND refobjid = pg_extension.oid AND deptype = 'e')
FROM pg_extension WHERE extname = 'realtime'};
$usual = sql($state);
like($usual, qr/pg_catalog\|f\|app\/echo public\.echo\(text\)/, 'the state is as expected');
is($node->safe_psql('copy', $state), $usual, 'the same is in the copy, rights included');
$node->stop('fast');

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', join '', map { "$_\n" }
	"shared_preload_libraries = 'realtime'", 'realtime.port = ' . $node->{realtime_port}, "realtime.database = 'app'",
	'max_worker_processes = 32', "realtime.listen_addresses = '127.0.0.1'");
$new->{realtime_port} = $node->{realtime_port};
chdir $node->basedir or die;
my $bin = $node->config_data('--bindir');
command_ok([ 'pg_upgrade', '--no-sync', '-b', $bin, '-B', $bin, '-d', $node->data_dir, '-D', $new->data_dir,
	'-s', $new->host, '-p', $node->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
wait_for_gateway($new);
is($new->safe_psql('app', $state), $usual, 'the same is in the upgraded server');
is($new->safe_psql('app', q{SELECT string_agg(seq::text, ',') FROM realtime.replay_message}), 1, 'events included');
$new->safe_psql('app', q{SELECT realtime.publish('log:a', 'e')});
is($new->safe_psql('app', q{SELECT string_agg((seq >> 32) || ':' || (seq & 4294967295), ', ') FROM realtime.replay_message}), '0:1, 1:1',
	'which begins an epoch');
like(($new->psql('app', 'DROP FUNCTION echo(text)'))[2], qr/function realtime\."rpc app\/echo"\(\) depends on function echo\(text\)/,
	'declarations protect their functions');
is($new->safe_psql('app', q{DROP FUNCTION echo(text) CASCADE; SELECT count(*) FROM realtime.rpc_declaration}), 0,
	'and go with them');
is($new->safe_psql('app', q{GRANT USAGE ON SCHEMA realtime TO PUBLIC; DROP EXTENSION realtime; CREATE EXTENSION realtime;
	SELECT to_regnamespace('realtime')}), 'realtime', 'and has an extension that can go and come back');
$new->stop('fast');
unlike(slurp_file($_->logfile), qr/PANIC|was terminated by signal|TRAP:/, $_->name . ' has not crashed') for $node, $new;

done_testing();
