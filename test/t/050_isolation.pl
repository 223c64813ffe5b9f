# Calls are strangers to each other: whose rights they have, and that nothing
# of one is left for the next, in the same executor.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node(
	'realtime.executors' => 1,
	'realtime.shutdown_timeout' => '100ms',
	# for a replication slot, which a call can leave behind too
	'wal_level' => 'logical',
	'max_replication_slots' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE, CREATE ON SCHEMA app TO realtime_anonymous;
CREATE ROLE app_owner;
CREATE ROLE app_reader;
GRANT USAGE ON SCHEMA app TO app_owner, app_reader;

-- All that a call can see of its session.
CREATE SEQUENCE app.number;
GRANT ALL ON SEQUENCE app.number TO realtime_anonymous;
CREATE FUNCTION app.probe() RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
	last text := 'none';
BEGIN
	BEGIN
		last := pg_catalog.lastval()::text;
	EXCEPTION WHEN object_not_in_prerequisite_state THEN
		NULL;
	END;
	RETURN jsonb_build_object(
		'pid', pg_catalog.pg_backend_pid(),
		'user', current_user,
		'session user', session_user,
		'role', current_setting('role'),
		'session authorization', current_setting('session_authorization'),
		'settings', (SELECT jsonb_object_agg(name, setting) FROM pg_catalog.pg_settings
			WHERE name IN ('search_path', 'statement_timeout',
				'lock_timeout', 'synchronous_commit', 'TimeZone', 'DateStyle', 'IntervalStyle',
				'extra_float_digits', 'bytea_output', 'work_mem', 'enable_seqscan',
				'default_transaction_read_only', 'default_transaction_isolation',
				'transaction_read_only', 'transaction_isolation', 'row_security',
				'check_function_bodies', 'xmlbinary', 'session_replication_role', 'log_min_messages',
				'log_min_error_statement', 'deadlock_timeout')),
		'claims', current_setting('request.jwt.claims'),
		'temporary relations', (SELECT count(*) FROM pg_catalog.pg_class
			WHERE relnamespace = pg_catalog.pg_my_temp_schema()),
		'temporary types', (SELECT count(*) FROM pg_catalog.pg_type
			WHERE typnamespace = pg_catalog.pg_my_temp_schema()),
		'temporary functions', (SELECT count(*) FROM pg_catalog.pg_proc
			WHERE pronamespace = pg_catalog.pg_my_temp_schema()),
		'prepared statements', (SELECT count(*) FROM pg_catalog.pg_prepared_statements),
		'cursors', (SELECT jsonb_agg(name) FROM pg_catalog.pg_cursors),
		'channels', (SELECT count(*) FROM pg_catalog.pg_listening_channels()),
		'advisory locks', (SELECT count(*) FROM pg_catalog.pg_locks
			WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()),
		'last value', last);
END $$;

-- A handler does anything, ...
CREATE FUNCTION app.run(VARIADIC commands text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	command text;
BEGIN
	FOREACH command IN ARRAY commands LOOP
		EXECUTE command;
	END LOOP;
END $$;
-- ... as does one with the rights of somebody else, ...
CREATE FUNCTION app.run_as_owner(VARIADIC commands text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	command text;
BEGIN
	FOREACH command IN ARRAY commands LOOP
		EXECUTE command;
	END LOOP;
END $$;
-- ... and then fails, ...
CREATE FUNCTION app.run_and_fail(VARIADIC commands text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.run(VARIADIC commands);
	PERFORM realtime.raise('FAILED');
END $$;
-- ... or catches its own failure, ...
CREATE FUNCTION app.run_and_catch(VARIADIC commands text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.run(VARIADIC commands);
	PERFORM 1 / 0;
EXCEPTION WHEN OTHERS THEN
	NULL;
END $$;
-- ... or does it all at the very end.
CREATE TABLE app.deferred (commands text[], fails boolean);
GRANT ALL ON app.deferred TO realtime_anonymous;
CREATE FUNCTION app.run_deferred() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.run(VARIADIC NEW.commands);
	IF NEW.fails THEN
		PERFORM realtime.raise('FAILED');
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER run AFTER INSERT ON app.deferred
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.run_deferred();
CREATE FUNCTION app.defer(VARIADIC commands text[]) RETURNS void
LANGUAGE sql AS 'INSERT INTO app.deferred VALUES (commands, false)';
CREATE FUNCTION app.defer_and_fail(VARIADIC commands text[]) RETURNS void
LANGUAGE sql AS 'INSERT INTO app.deferred VALUES (commands, true)';

SELECT realtime.rpc('app/probe', 'app.probe()', read_only => false);
SELECT realtime.rpc('app/' || proname, oid)
FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND provariadic <> 0;
});
wait_for_call($node, 'app/probe');
my $ws = ws_connect($node);

sub call { return ws_call($ws, shift, [@_]); }
sub outcome { my ($reply) = @_; return $reply->{ok} ? 'ok' : $reply->{code}; }

###########################################################################
# What a call leaves behind

my $clean = call('app/probe')->{data};
is($clean->{user}, 'realtime_anonymous', 'a call has the role of its connection');
is($clean->{'last value'}, 'none', 'and finds nothing in its session');

my @ways = qw(run run_as_owner run_and_fail run_and_catch defer defer_and_fail);

# Does something in every way, and sees that the next call meets a session as
# clean as the first.  outcome: of the plain ways; those that fail at the end
# fail anyhow.
sub leaves_nothing
{
	my ($name, $outcome, @commands) = @_;
	my (%got, @left);
	my %expected = map { $_ => $outcome } @ways;

	$expected{$_} = $outcome eq 'ok' ? 'FAILED' : $outcome
	  for grep { /fail/ } @ways;
	$expected{run_and_catch} = 'ok';
	for my $way (@ways)
	{
		$got{$way} = outcome(call("app/$way", @commands));
		my $after = call('app/probe')->{data};
		for my $key (sort keys %$clean)
		{
			push @left, "$way leaves $key: " . explain_one($after->{$key})
			  if explain_one($after->{$key}) ne explain_one($clean->{$key});
		}
	}
	is_deeply(\%got, \%expected, "$name: outcome") or diag explain \%got;
	is_deeply(\@left, [], "$name: nothing is left");
	return;
}

sub explain_one { return JSON::PP->new->allow_nonref->canonical->encode($_[0]); }

leaves_nothing('SET ROLE', 'FORBIDDEN', 'SET ROLE postgres');
leaves_nothing('SET ROLE to itself', 'FORBIDDEN', 'SET ROLE realtime_anonymous');
leaves_nothing('SET LOCAL ROLE', 'FORBIDDEN', 'SET LOCAL ROLE realtime_authenticated');
leaves_nothing('SET ROLE NONE', 'FORBIDDEN', 'SET ROLE NONE');
leaves_nothing('RESET ROLE', 'FORBIDDEN', 'RESET ROLE');
leaves_nothing('SET SESSION AUTHORIZATION', 'FORBIDDEN', 'SET SESSION AUTHORIZATION postgres');
leaves_nothing('SET SESSION AUTHORIZATION DEFAULT', 'FORBIDDEN',
	'SET SESSION AUTHORIZATION DEFAULT');
leaves_nothing('RESET SESSION AUTHORIZATION', 'FORBIDDEN', 'RESET SESSION AUTHORIZATION');
leaves_nothing('set_config of the role', 'FORBIDDEN',
	q{SELECT set_config('role', 'postgres', false)});
leaves_nothing('a DO block that sets the role', 'FORBIDDEN',
	'DO $$ BEGIN RESET ROLE; SET ROLE postgres; END $$');
leaves_nothing('a function that sets the role', 'FORBIDDEN',
	'CREATE FUNCTION pg_temp.up() RETURNS name LANGUAGE sql SET role = postgres'
	  . ' AS $$ SELECT current_user $$',
	'SELECT pg_temp.up()');

leaves_nothing('SET', 'ok',
	'SET search_path = pg_temp, app',
	q{SET statement_timeout = '1ms'}, q{SET lock_timeout = '1ms'},
	'SET synchronous_commit = off', q{SET TimeZone = 'Asia/Tokyo'},
	'SET DateStyle = German', 'SET IntervalStyle = iso_8601',
	'SET extra_float_digits = 0', 'SET bytea_output = escape',
	q{SET work_mem = '64kB'}, 'SET enable_seqscan = off', 'SET row_security = off',
	'SET default_transaction_read_only = on',
	'SET default_transaction_isolation = serializable',
	'SET check_function_bodies = off',
	q{SET request.jwt.claims = '{"role": "postgres", "sub": "root"}'});
leaves_nothing('SET LOCAL', 'ok',
	'SET LOCAL search_path = pg_temp, app',
	q{SET LOCAL statement_timeout = '1ms'}, q{SET LOCAL lock_timeout = '1ms'},
	'SET LOCAL synchronous_commit = local', q{SET LOCAL TimeZone = 'Asia/Tokyo'},
	q{SET LOCAL work_mem = '64kB'},
	q{SET LOCAL request.jwt.claims = '{"role": "postgres", "sub": "root"}'});
leaves_nothing('set_config', 'ok',
	q{SELECT set_config('search_path', 'app', false)},
	q{SELECT set_config('TimeZone', 'Asia/Tokyo', true)},
	q{SELECT set_config('statement_timeout', '1ms', false)},
	q{SELECT set_config('request.jwt.claims', '', false)});
leaves_nothing('UPDATE pg_settings', 'ok',
	q{UPDATE pg_settings SET setting = 64 WHERE name = 'work_mem'});
leaves_nothing('RESET ALL', 'ok', q{SET work_mem = '64kB'}, 'RESET ALL');
leaves_nothing('DISCARD ALL', 'INTERNAL_ERROR', 'DISCARD ALL');
leaves_nothing('SET TRANSACTION', 'ok', 'SET TRANSACTION READ ONLY');
leaves_nothing('SET SESSION CHARACTERISTICS', 'ok',
	'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE');

leaves_nothing('LISTEN', 'INTERNAL_ERROR', 'LISTEN chatter');
leaves_nothing('NOTIFY', 'ok', 'NOTIFY chatter');
leaves_nothing('UNLISTEN', 'ok', 'UNLISTEN *');

leaves_nothing('a temporary table', 'ok', 'CREATE TEMP TABLE note (a int PRIMARY KEY)',
	'INSERT INTO note VALUES (1)');
leaves_nothing('a temporary table in place of another', 'ok',
	'CREATE TEMP TABLE deferred (a int)', 'SET search_path = pg_temp, app');
leaves_nothing('a temporary sequence', 'ok', 'CREATE TEMP SEQUENCE s', q{SELECT nextval('s')});
leaves_nothing('a temporary view', 'ok', 'CREATE TEMP VIEW v AS SELECT 1');
leaves_nothing('a temporary type', 'ok', 'CREATE DOMAIN pg_temp.text AS integer');
leaves_nothing('a temporary function', 'ok',
	'CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$');
# By now there is a temporary schema, which has a name of its own.
leaves_nothing('a type in the schema of temporary objects', 'ok',
	q{DO $$ BEGIN EXECUTE format('CREATE DOMAIN %s.text AS integer',
		pg_my_temp_schema()::regnamespace); END $$});
leaves_nothing('a function in the schema of temporary objects', 'ok',
	q{DO $$ BEGIN EXECUTE format('CREATE FUNCTION %s.f() RETURNS int LANGUAGE sql AS ''SELECT 1''',
		pg_my_temp_schema()::regnamespace); END $$});

leaves_nothing('advisory locks', 'ok', 'SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2)',
	'SELECT pg_advisory_lock(1), pg_advisory_xact_lock(3)');
leaves_nothing('prepared statements', 'ok', 'PREPARE p AS SELECT 1', 'PREPARE q AS SELECT 2');
leaves_nothing('a cursor WITH HOLD', 'ok',
	'DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 10000)');
leaves_nothing('an open portal', 'ok', 'DECLARE c CURSOR FOR SELECT 1',
	'DO $$ DECLARE c refcursor; BEGIN OPEN c FOR SELECT 1; END $$');
leaves_nothing('a sequence', 'ok', q{SELECT nextval('app.number')});

# A failure in the middle of each of these is as good as at the end.
for my $command ('PREPARE p AS SELECT 1/0', 'CREATE TEMP TABLE x AS SELECT 1/0',
	'DECLARE c CURSOR WITH HOLD FOR SELECT 1/0', 'SELECT pg_advisory_lock(1), 1/(random()*0)::int',
	'SET TimeZone = nowhere')
{
	for my $way (@ways)
	{
		call("app/$way", $command);
		is_deeply(call('app/probe')->{data}, $clean, "after $way of $command");
	}
}

# Settings that only a superuser may change, who may still not change roles
is(outcome(call('app/run_as_owner', 'SET session_replication_role = replica', 'SET log_min_messages = panic',
	'SET LOCAL log_min_error_statement = panic', q{SET deadlock_timeout = '1h'})), 'ok', 'SET by a superuser');
is_deeply(call('app/probe')->{data}, $clean, 'is undone');

# What a call has left in tables is not there by accident.
is($node->safe_psql('postgres', q{SELECT count(*) > 0 FROM app.deferred WHERE NOT fails}), 't',
	'the deferred commands were committed');
is($node->safe_psql('postgres', q{SELECT count(*) FROM app.deferred WHERE fails}), 0,
	'but not those that failed');

###########################################################################
# Rights

$node->safe_psql('postgres', q{
CREATE TABLE app.seen (place text, who name DEFAULT current_user);
GRANT INSERT ON app.seen TO PUBLIC;
CREATE FUNCTION app.see(place text) RETURNS boolean
LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.seen VALUES (place); RETURN true; END $$;

CREATE DOMAIN app.seen_text AS text CHECK (app.see('domain'));
CREATE TYPE app.pair AS (a app.seen_text);
CREATE TYPE app.mood AS ENUM ('happy', 'sad');
CREATE FUNCTION app.mood_json(app.mood) RETURNS json
LANGUAGE plpgsql AS $$ BEGIN PERFORM app.see('cast'); RETURN '"a mood"'; END $$;
CREATE CAST (app.mood AS json) WITH FUNCTION app.mood_json(app.mood);

CREATE TABLE app.traced (a int CHECK (app.see('check')), b boolean DEFAULT app.see('column default'));
GRANT ALL ON app.traced TO realtime_anonymous;
CREATE FUNCTION app.trace() RETURNS trigger
LANGUAGE plpgsql AS $$ BEGIN PERFORM app.see(TG_ARGV[0]); RETURN NEW; END $$;
CREATE TRIGGER before BEFORE INSERT ON app.traced FOR EACH ROW EXECUTE FUNCTION app.trace('trigger');
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.traced DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION app.trace('deferred trigger');
CREATE FUNCTION app.trace_ddl() RETURNS event_trigger
LANGUAGE plpgsql AS $$ BEGIN PERFORM app.see('event trigger'); END $$;
CREATE EVENT TRIGGER trace_create ON ddl_command_start EXECUTE FUNCTION app.trace_ddl();
CREATE EVENT TRIGGER trace_drop ON sql_drop EXECUTE FUNCTION app.trace_ddl();

CREATE FUNCTION app.everywhere(x app.seen_text, y app.pair, z text DEFAULT app.see('default')::text)
RETURNS app.mood LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.traced VALUES (1);
	PERFORM app.see('handler');
	CREATE TEMP TABLE mine (a int);
	DECLARE
		c CURSOR FOR SELECT app.see('cursor');
	BEGIN
		OPEN c;
		FETCH c INTO z;
	END;
	EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT app.see(''held cursor'')';
	RETURN 'sad';
END $$;
CREATE FUNCTION app.everywhere_set() RETURNS SETOF app.mood
LANGUAGE sql STABLE AS $$ SELECT 'sad'::app.mood $$;
CREATE FUNCTION app.guard(path text) RETURNS boolean
LANGUAGE sql AS $$ SELECT app.see('guard') $$;
CREATE FUNCTION app.guard_everywhere(x app.seen_text, y app.pair, z text DEFAULT '') RETURNS boolean
LANGUAGE sql AS $$ SELECT app.see('guard with arguments') $$;
CREATE FUNCTION app.enter(topic app.seen_text) RETURNS boolean
LANGUAGE plpgsql AS $$ BEGIN RETURN app.see('access'); END $$;
SELECT realtime.rpc('app/everywhere', 'app.everywhere(app.seen_text,app.pair,text)',
		guard => '{app.guard(text),"app.guard_everywhere(app.seen_text,app.pair,text)"}'),
	realtime.rpc('app/everywhere_set', 'app.everywhere_set()', read_only => false),
	realtime.topic('room:{topic}', access => 'app.enter(app.seen_text)');
TRUNCATE app.seen;
});
is(outcome(call('app/everywhere', 'a', { a => 'b' })), 'ok', 'code in many places');
is(call('app/everywhere_set')->{data}[0], 'a mood', 'a cast to json writes the result');
is(ws_subscribe($ws, 'room:1')->{type}, 'subscribed', 'a topic with an access function');
is($node->safe_psql('postgres', q{SELECT DISTINCT who FROM app.seen}), 'realtime_anonymous',
	'all of it runs as the caller');
is_deeply([ split /\n/, $node->safe_psql('postgres', q{SELECT DISTINCT place FROM app.seen ORDER BY 1}) ],
	[ 'access', 'cast', 'check', 'column default', 'cursor', 'default', 'deferred trigger', 'domain',
		'event trigger', 'guard', 'guard with arguments', 'handler', 'held cursor', 'trigger' ],
	'and all of it has run');
$node->safe_psql('postgres', q{
	DROP EVENT TRIGGER trace_create; DROP EVENT TRIGGER trace_drop});

$node->safe_psql('postgres', q{
CREATE TABLE app.secret (a int);
INSERT INTO app.secret VALUES (42);
GRANT ALL ON app.secret TO app_owner;
CREATE FUNCTION app.read_secret() RETURNS int LANGUAGE sql AS 'SELECT a FROM app.secret';
CREATE FUNCTION app.read_secret_rows() RETURNS SETOF int LANGUAGE sql STABLE AS 'SELECT a FROM app.secret';
CREATE FUNCTION app.read_as_owner() RETURNS text
LANGUAGE sql SECURITY DEFINER AS $$ SELECT a || ' as ' || current_user FROM app.secret $$;
ALTER FUNCTION app.read_as_owner() OWNER TO app_owner;
CREATE FUNCTION app.fail_as_owner() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM realtime.raise('FAILED'); END $$;
ALTER FUNCTION app.fail_as_owner() OWNER TO app_owner;
CREATE FUNCTION app.closed() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION app.closed() FROM PUBLIC;

CREATE TABLE app.post (owner name, author text, body text);
INSERT INTO app.post VALUES
	('realtime_anonymous', 'realtime_anonymous', 'mine'),
	('realtime_anonymous', 'postgres', 'not by me'),
	('postgres', 'realtime_anonymous', 'not mine');
ALTER TABLE app.post ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON app.post USING (owner = current_user);
CREATE POLICY author ON app.post AS RESTRICTIVE
	USING (author = current_setting('request.jwt.claims')::json->>'role' AND realtime.user_id() IS NULL);
GRANT ALL ON app.post TO realtime_anonymous;
CREATE FUNCTION app.posts() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT body FROM app.post';
CREATE FUNCTION app.post() RETURNS void
LANGUAGE sql AS $$ INSERT INTO app.post VALUES ('postgres', 'realtime_anonymous', 'x') $$;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc
WHERE pronamespace = 'app'::regnamespace AND pronargs = 0
	AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype);
});
wait_for_call($node, 'app/posts');
is(outcome(call('app/read_secret')), 'FORBIDDEN', 'a table that is not granted');
is(outcome(call('app/read_secret_rows')), 'FORBIDDEN', 'nor through a query');
is(call('app/read_as_owner')->{data}, '42 as app_owner', 'SECURITY DEFINER reads it');
is(outcome(call('app/fail_as_owner')), 'FAILED', 'SECURITY DEFINER fails');
is_deeply(call('app/probe')->{data}, $clean, 'and the next call is itself');
is(outcome(call('app/closed')), 'FORBIDDEN', 'EXECUTE is needed');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION app.closed() TO realtime_anonymous');
is(outcome(call('app/closed')), 'ok', 'a GRANT takes effect at once');
$node->safe_psql('postgres', 'REVOKE EXECUTE ON FUNCTION app.closed() FROM realtime_anonymous');
is(outcome(call('app/closed')), 'FORBIDDEN', 'and so does a REVOKE');
$node->safe_psql('postgres', q{
	GRANT EXECUTE ON FUNCTION app.closed() TO app_reader; GRANT app_reader TO realtime_anonymous});
is(outcome(call('app/closed')), 'ok', 'and a membership');
$node->safe_psql('postgres', 'REVOKE app_reader FROM realtime_anonymous');
is(outcome(call('app/closed')), 'FORBIDDEN', 'and its end');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION app.closed() TO pg_database_owner');
$node->safe_psql('postgres', 'ALTER DATABASE postgres OWNER TO realtime_anonymous');
is(outcome(call('app/closed')), 'ok', 'and the ownership of the database');
$node->safe_psql('postgres', 'ALTER DATABASE postgres OWNER TO postgres');
is(outcome(call('app/closed')), 'FORBIDDEN', 'and its end');
is_deeply(call('app/posts')->{data}, ['mine'], 'row-level security by role and claims');
is(outcome(call('app/post')), 'FORBIDDEN', 'also for what is written');
$node->safe_psql('postgres', q{
	REVOKE USAGE ON SCHEMA app FROM realtime_anonymous; });
is(outcome(call('app/posts')), 'FORBIDDEN', 'names in a function need USAGE of their schema');
$node->safe_psql('postgres', q{
	GRANT USAGE ON SCHEMA app TO realtime_anonymous; });
is(outcome(call('app/posts')), 'ok', 'which can be given again');

# The executor by itself
my ($status, $out, $err);
for my $command ('SELECT * FROM app.secret', 'SELECT * FROM app.traced', 'SELECT app.closed()',
	q{SELECT realtime.publish('a', 'b')}, q{SELECT realtime.drop('app/probe')},
	'SELECT * FROM realtime.rpc_declaration')
{
	($status, $out, $err) = $node->psql('postgres', $command, extra_params => [ '-U', 'realtime_executor' ]);
	like($err, qr/permission denied/, "the executor's role may not $command");
}
is($node->safe_psql('postgres', q{SELECT rolsuper OR rolinherit OR rolcreaterole OR rolcreatedb OR
	rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = 'realtime_executor'}), 'f',
	'nor anything else');

###########################################################################
# What needs more than rights

# synchronous_commit of the handler itself: the log is not flushed for it.
$node->safe_psql('postgres', q{
CREATE TABLE app.careless (position pg_lsn);
CREATE TABLE app.careful (LIKE app.careless);
GRANT ALL ON app.careless, app.careful TO realtime_anonymous;
CREATE FUNCTION app.careless(level text) RETURNS pg_lsn LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('synchronous_commit', level, false);
	INSERT INTO app.careless VALUES (pg_current_wal_insert_lsn());
	RETURN pg_current_wal_insert_lsn();
END $$;
SELECT realtime.rpc('app/careless', 'app.careless(text)');
ALTER SYSTEM SET wal_writer_delay = '10s';
ALTER SYSTEM SET bgwriter_delay = '10s';
});
$node->restart;
wait_for_gateway($node);
$ws = ws_connect($node);
sub flushed_beyond
{
	my ($position) = @_;
	return $node->safe_psql('postgres', "SELECT pg_current_wal_flush_lsn() >= '$position'");
}
is(flushed_beyond(call('app/careless', 'on')->{data}), 't', 'a call is flushed when it is answered');
is(flushed_beyond(call('app/careless', 'local')->{data}), 't', 'also with synchronous_commit = local');
ok((grep { flushed_beyond(call('app/careless', 'off')->{data}) eq 'f' } 1 .. 5),
	'but not with synchronous_commit = off');
is(flushed_beyond(call('app/careless', 'on')->{data}), 't', 'and the next call is flushed again');

# A slot that an error leaves acquired would stay so as long as the executor.
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('slot', 'pgoutput')});
call('app/run_as_owner', q{SELECT pg_logical_slot_get_changes('slot', NULL, NULL, 'no-such-option', 'x')});
is($node->safe_psql('postgres', q{SELECT active FROM pg_replication_slots}), 'f',
	'an error gives a replication slot back');

# Between calls
ok(poll_until(sub { $node->safe_psql('postgres', q{
	SELECT bool_and(state = 'idle' AND xact_start IS NULL AND backend_xmin IS NULL AND backend_xid IS NULL)
		AND NOT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE backend_type = 'realtime executor')
	FROM pg_stat_activity WHERE backend_type = 'realtime executor'}) eq 't' }),
	'an executor holds no transaction, no snapshot and no lock');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
