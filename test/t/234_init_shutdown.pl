# The hooks init and shutdown: once for each start and stop, before and after all that
# clients ask, and whatever becomes of them.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.shutdown_timeout' => '10s', 'restart_after_crash' => 'on');
sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.log (id serial, what text);
CREATE TABLE app.go (n integer);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.note(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO app.log (what) VALUES (what) $$;
CREATE FUNCTION app.begins() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT EXISTS (SELECT FROM app.go) LOOP PERFORM pg_sleep(0.01); END LOOP;
	PERFORM app.note(concat_ws(' ', 'init', current_user, realtime.user_id()));
	IF (SELECT max(n) FROM app.go) = 2 THEN RAISE EXCEPTION 'init has failed'; END IF;
END $$;
CREATE FUNCTION app.ends() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.note('shutdown');
	IF (SELECT max(n) FROM app.go) = 2 THEN PERFORM realtime.raise('BROKEN', 'shutdown has failed'); END IF;
	IF (SELECT max(n) FROM app.go) = 3 THEN PERFORM pg_sleep(600); END IF;
END $$;
CREATE FUNCTION app.call(seconds float) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(seconds); SELECT app.note('call') $$;
CREATE FUNCTION app.told(error jsonb) RETURNS void LANGUAGE sql AS $$ SELECT app.note('told ' || (error ->> 'path') || ' ' || (error ->> 'message')) $$;
SELECT realtime.rpc('app/call', 'app.call(float)'), realtime.hook('init', 'app.begins()'), realtime.hook('shutdown', 'app.ends()');
INSERT INTO app.go VALUES (1);
});
sub happened { return sql(q{WITH gone AS (DELETE FROM app.log RETURNING *) SELECT string_agg(what, ', ' ORDER BY id) FROM gone}) }
sub terminate_executors
{
	my $pids = sql(q{SELECT array_agg(pid) FROM pg_stat_activity WHERE backend_type = 'realtime executor'});
	sql("SELECT pg_terminate_backend(unnest('$pids'::int[]))");
	return poll_until(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND pid <> ALL ('$pids'::int[])") == 3 });
}
my $init = 'init realtime_anonymous';

wait_for_call($node, 'app/call', [0]);
happened();
ok(terminate_executors(), 'executors come and go');
wait_for_call($node, 'app/call', [0]);
is(happened(), 'call', 'what is declared later is for the next start');

# A call that runs, a stop, and a start at which calls wait.
my $ws = ws_connect($node);
ws_send($ws, { rpc => 'app/call', args => [0.3] });
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 1 }), 'a call runs');
sql('TRUNCATE app.go');
$node->stop('fast');
$node->start;
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND query = 'init hook' AND state = 'active'}) == 1 }), 'the init hook runs, in one executor');
ok(poll_until(sub { $ws = eval { ws_connect($node) } }), 'sockets open');
ws_send($ws, { rpc => 'app/call', id => 'c', args => [0] });
is(happened(), 'call, shutdown', 'the other one has run behind the last call');
sql('INSERT INTO app.go VALUES (1)');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'c' })->{data}{ok}, JSON::PP::true, 'a call waits');
is(happened(), "$init, call", 'until it has ended');
ok(terminate_executors(), 'executors come and go');
wait_for_call($node, 'app/call', [0]);
is(happened(), 'call', 'and it is not run again');

# A crash, an immediate stop
sql('SELECT 1');
my $pid = sql(q{SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'realtime executor'});
kill 'KILL', $pid;
ok(poll_until(sub { (eval { sql(q{SELECT string_agg(what, ', ') FROM app.log}) } // '') eq $init }), 'init is run after a crash, too');
$node->stop('immediate');
$node->start;
ok(poll_until(sub { sql(q{SELECT string_agg(what, ', ') FROM app.log}) eq "$init, $init" }), 'and after an immediate stop, which runs no shutdown hook');
happened();

# What runs last does not end in time, and its process with it: another one has stayed.
sql(q{CREATE FUNCTION app.stubborn() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		BEGIN
			PERFORM pg_sleep(600);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
	END LOOP;
END $$; SELECT realtime.rpc('app/stubborn', 'app.stubborn()')});
$node->append_conf('postgresql.conf', "realtime.shutdown_timeout = 300ms\n");
$node->reload;
ok(poll_until(sub { sql('SHOW realtime.shutdown_timeout') eq '300ms' }), 'with little time');
wait_for_call($node, 'app/call', [0]);
happened();
ok(poll_until(sub { $ws = eval { ws_connect($node) } }), 'sockets open');
ws_send($ws, { rpc => 'app/stubborn', args => [] });
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND query = 'app/stubborn' AND state = 'active'}) == 1 }), 'a call that ends with its process');
my $log_size = -s $node->logfile;
$node->restart;
wait_for_call($node, 'app/call', [0]);
is(happened() =~ s/(, call)+$//r, "shutdown, $init", 'the shutdown hook is run by another one');
like(slurp_file($node->logfile, $log_size), qr/FATAL:  terminating background worker/, 'which has stayed for that');
$node->append_conf('postgresql.conf', "realtime.shutdown_timeout = 10s\n");

# The last executor has run as many calls as it may, or what has spoiled its session.
$node->append_conf('postgresql.conf', "realtime.executors = 1\nrealtime.max_executors = 1\nrealtime.executor_max_calls = 1\n");
$node->restart;
wait_for_call($node, 'app/call', [0]);
happened();
ok(poll_until(sub { $ws = eval { ws_connect($node) } }), 'sockets open');
ws_send($ws, { rpc => 'app/call', args => [0.3] });
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND query = 'app/call' AND state = 'active'}) == 1 }), 'its last call runs');
ws_send($ws, { rpc => 'app/call', args => [0] });
$node->restart;
poll_until(sub { sql(qq{SELECT count(*) FROM app.log WHERE what = '$init'}) == 1 });
like(happened(), qr/^call, (call, )?shutdown, $init$/, 'the shutdown hook is run behind it');
$node->append_conf('postgresql.conf', "realtime.executors = 3\nrealtime.max_executors = -1\nrealtime.executor_max_calls = 0\n");
$node->reload;
ok(poll_until(sub { sql('SHOW realtime.executor_max_calls') eq '0' }), 'executors stay');
wait_for_call($node, 'app/call', [0]) for 1, 2;
happened();

# Hooks that fail, or do not end
sql(q{SELECT realtime.hook('error', 'app.told(jsonb)'); UPDATE app.go SET n = 2});
$node->restart;
wait_for_call($node, 'app/call', [0]);
is(happened(), 'told shutdown hook shutdown has failed, told init hook init has failed, call', 'those that fail are told, and the server serves');
like(slurp_file($node->logfile), qr/ERROR:  init has failed/, 'and are logged');
sql('UPDATE app.go SET n = 3');
$node->append_conf('postgresql.conf', "realtime.shutdown_timeout = 300ms\n");
$node->reload;
ok(poll_until(sub { sql('SHOW realtime.shutdown_timeout') eq '300ms' }), 'with little time');
wait_for_call($node, 'app/call', [0]);
$node->restart;
wait_for_call($node, 'app/call', [0]);
is(happened() =~ s/call, (call, )?//r, "told shutdown hook Request timed out, $init, call", 'one that does not end is ended')
  or diag(slurp_file($node->logfile));

# A database that comes later
sql(q{SELECT realtime.hook('error', NULL)});
happened();
$node->safe_psql('template1', 'ALTER DATABASE postgres RENAME TO other');
$node->safe_psql('template1', 'ALTER DATABASE other RENAME TO postgres');
wait_for_call($node, 'app/call', [0]);
is(happened(), 'call', 'a database that is renamed has begun already');

done_testing();
