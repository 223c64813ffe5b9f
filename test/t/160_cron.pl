# Jobs at times: one run for each time, by a clock that only moves when it is told to.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeMetrics;
use RealtimeTest;

my $start = 1_772_000_000 - 1_772_000_000 % 3600;    # an hour of February 2026
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 8, 'realtime.cron_clock' => $start, 'TimeZone' => 'UTC', 'restart_after_crash' => 'on');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub clock
{
	my ($seconds) = @_;
	sql("ALTER SYSTEM SET realtime.cron_clock = '" . ($start + $seconds) . "'");
	$node->reload;
	return;
}

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql("SELECT * FROM realtime.cron_run ORDER BY id DESC LIMIT 5"));
	return;
}

sub wait_next
{
	my ($path, $seconds, $name) = @_;
	my $next = defined $seconds ? "= to_timestamp(" . ($start + $seconds) . ")" : 'IS NULL';
	wait_sql("SELECT next_at $next FROM realtime.cron_state WHERE path = '$path'", 't', $name);
	return;
}

sub runs
{
	my ($path) = @_;
	return sql("SELECT string_agg(extract(epoch FROM due_at)::bigint - $start || ' ' || status, ', ' ORDER BY id) FROM realtime.cron_run WHERE path = '$path'");
}

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.done (n serial, what text, who text DEFAULT current_user, claims text DEFAULT current_setting('request.jwt.claims', true));
CREATE FUNCTION app.work() RETURNS jsonb LANGUAGE sql AS $$INSERT INTO app.done (what) VALUES ('work'); SELECT to_jsonb(count(*)) FROM app.done$$;
CREATE FUNCTION app.nothing() RETURNS text LANGUAGE sql AS $$INSERT INTO app.done (what) VALUES ('nothing'); SELECT NULL$$;
CREATE FUNCTION app.null() RETURNS jsonb LANGUAGE sql AS $$SELECT 'null'::jsonb$$;
CREATE FUNCTION app.fail() RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO app.done (what) VALUES ('fail'); RAISE 'it cannot be done'; END$$;
CREATE FUNCTION app.refuse() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM realtime.raise('TOO_EARLY', 'come back'); END$$;
CREATE FUNCTION app.wait() RETURNS void LANGUAGE sql AS $$SELECT pg_advisory_xact_lock(7); INSERT INTO app.done (what) VALUES ('wait')$$;
CREATE FUNCTION app.endless() RETURNS void LANGUAGE sql AS $$SELECT pg_sleep(3600)$$;
CREATE FUNCTION app.late() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 2 LOOP
		BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END;
	END LOOP;
END $$;
CREATE FUNCTION app.errors(e jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$INSERT INTO app.done (what, who) VALUES ('hook', e->>'path')$$;
GRANT EXECUTE ON FUNCTION app.errors(jsonb) TO PUBLIC;
SELECT realtime.topic('jobs', open => true);
SELECT realtime.hook('error', 'app.errors(jsonb)');
});
my $ws = ws_connect($node);
is(ws_subscribe($ws, 'jobs')->{type}, 'subscribed', 'somebody follows the topic');

# ---- a run ----

sql(q{SELECT realtime.cron('app/work', '*/5 * * * *', 'app.work()', 'jobs')});
wait_next('app/work', 300, 'the first time is the next one of the schedule');
clock(299);
clock(300);
wait_next('app/work', 600, 'when it comes the next one follows');
is(runs('app/work'), '300 succeeded', 'it was run once, for its time');
is_deeply(ws_wait($ws, sub { ($_->{topic} // '') eq 'jobs' }), { topic => 'jobs', event => 'set', data => 1 }, 'and what it returned is published');
is(sql(q{SELECT who || ' ' || claims FROM app.done}), sql('SELECT current_user') . ' {"role": "' . sql('SELECT current_user') . '"}',
	'as the role that has declared it, which executors cannot become, for nobody');

sql(q{SELECT realtime.cron('app/nothing', '@every 10m', 'app.nothing()', 'jobs'), realtime.cron('app/null', '@every 10m', 'app.null()', 'jobs')});
wait_next('app/nothing', 600, 'a duration counts from 1970');
clock(600);
wait_next('app/nothing', 1200, 'it is run');
wait_next('app/null', 1200, 'as others are');
my @told = map { ws_wait($ws, sub { ($_->{topic} // '') eq 'jobs' })->{data} } 1, 2;
is(scalar(grep { !defined } @told), 1, 'a JSON null is published, and NULL is not');
is(scalar(grep { ($_->{topic} // '') eq 'jobs' } ws_quiet($ws)), 0, 'nothing else');
sql(q{SELECT realtime.drop('app/nothing'), realtime.drop('app/null')});
wait_sql(q{SELECT count(*) FROM realtime.cron_run WHERE path IN ('app/nothing', 'app/null')}, '0', 'what is dropped is forgotten');

# ---- parameters ----

sql(q{CREATE FUNCTION app.given(a integer DEFAULT 2 + 3, b text DEFAULT current_user, VARIADIC rest integer[] DEFAULT '{7}') RETURNS text LANGUAGE sql AS $$SELECT concat_ws(' ', a, b, rest)$$;
	CREATE FUNCTION app.given_late(a integer DEFAULT nextval('app.done_n_seq')) RETURNS integer LANGUAGE plpgsql AS $$BEGIN RETURN a; END$$;
	SELECT realtime.cron('app/given', '@every 10m', 'app.given(integer,text,integer[])', 'jobs'), realtime.cron('app/given-late', '@every 10m', 'app.given_late(integer)', 'jobs')});
wait_next('app/given', 1200, 'a function with parameters that all have a default');
wait_next('app/given-late', 1200, 'also one that is computed');
my $next = sql(q{SELECT last_value + 1 FROM app.done_n_seq}) + 1;
clock(1200);
wait_next('app/given', 1800, 'is run');
wait_next('app/given-late', 1800, 'with that');
my %given = map { (ws_wait($ws, sub { ($_->{topic} // '') eq 'jobs' })->{data} => 1) } 1 .. 3;
ok($given{ '5 ' . sql('SELECT current_user') . ' {7}' }, 'they have their defaults');
ok($given{$next} || $given{ $next - 1 }, 'a new one each time');
sql(q{SELECT realtime.drop('app/given'), realtime.drop('app/given-late')});

# ---- errors ----

sql(q{SELECT realtime.cron('app/fail', '* * * * *', 'app.fail()'), realtime.cron('app/refuse', '* * * * *', 'app.refuse()')});
wait_next('app/fail', 1260, 'a job that fails');
clock(1260);
wait_next('app/fail', 1320, 'is over for that time');
wait_next('app/refuse', 1320, 'so is one that refuses');
is(sql(q{SELECT status || ' ' || code || ' ' || message FROM realtime.cron_run WHERE path = 'app/fail'}), 'failed INTERNAL_ERROR it cannot be done', 'its row says why');
is(sql(q{SELECT status || ' ' || code || ' ' || message FROM realtime.cron_run WHERE path = 'app/refuse'}), 'failed TOO_EARLY come back', 'with its own code');
is(sql(q{SELECT runs || ' ' || failures || ' ' || last_status || ' ' || last_message FROM realtime.cron_jobs WHERE path = 'app/fail'}), '1 1 failed it cannot be done', 'so does the view');
is(sql(q{SELECT count(*) FROM app.done WHERE what = 'fail'}), '0', 'what it did is rolled back');
wait_sql(q{SELECT string_agg(who, ' ' ORDER BY who) FROM app.done WHERE what = 'hook'}, 'cron app/fail cron app/refuse', 'the error hook is told of both, as nobody else is');
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/it cannot be done.*?realtime call "cron app\/fail", request of the scheduler/s, 'and the log');
sql(q{SELECT realtime.drop('app/fail'), realtime.drop('app/refuse')});

sql(q{SELECT realtime.cron('app/endless', '0 * * * *', 'app.endless()', timeout => '50 ms'), realtime.cron('app/late', '0 * * * *', 'app.late()', timeout => '50 ms')});
wait_next('app/endless', 3600, 'a job without end');
wait_next('app/late', 3600, 'one that does not listen when its time is up');
sql(q{SELECT realtime.alter_cron('app/work', active => false)});
wait_next('app/work', undef, 'one that is not active has no next time');
clock(3600);
wait_next('app/endless', 7200, 'has one by its time-out');
is(sql(q{SELECT code FROM realtime.cron_run WHERE path = 'app/endless'}), 'TIMEOUT', 'which its row says');
wait_next('app/late', 7200, 'so has the other one');
is(sql(q{SELECT count(*) || code FROM realtime.cron_run WHERE path = 'app/late' GROUP BY code}), '1TIMEOUT', 'of which it is said once');
sql(q{SELECT realtime.drop('app/endless'), realtime.drop('app/late')});
sql(q{SELECT realtime.alter_cron('app/work', active => true)});
wait_next('app/work', 3900, 'active again it begins with now');

# ---- no overlap; what is missed ----

my $holder = $node->background_psql('postgres');
$holder->query('SELECT pg_advisory_lock(7)');
for my $missed (qw(skip once all))
{
	sql("SELECT realtime.cron('app/$missed', '* * * * *', 'app.wait()', missed => '$missed')");
	wait_next("app/$missed", 3660, "a job that takes long ($missed)");
}
clock(3660);
wait_sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7}, '3', 'all of them run');
clock(3660 + 600 + 30);
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7}), '3', 'none overlaps itself');
$holder->query('SELECT pg_advisory_unlock(7)');
wait_next('app/skip', 4320, 'when they are through');
wait_next('app/once', 4320, 'they go on');
wait_next('app/all', 4320, 'all of them');
is(runs('app/skip'), '3660 succeeded, 4260 succeeded', 'skip runs the last time, which is not over for long');
is(runs('app/once'), '3660 succeeded, 4260 succeeded', 'once as well');
is(runs('app/all'), join(', ', map { 3660 + 60 * $_ . ' succeeded' } 0 .. 10), 'all runs each, in order');
sql(q{SELECT realtime.drop('app/all')});

# over for longer than the grace
sql(q{ALTER SYSTEM SET realtime.cron_grace = '20s'});
clock(3660 + 1200 + 45);
wait_next('app/skip', 4920, 'much later');
wait_next('app/once', 4920, 'they go on');
is(runs('app/skip'), '3660 succeeded, 4260 succeeded, 4860 skipped', 'skip leaves out what is over for long');
is(runs('app/once'), '3660 succeeded, 4260 succeeded, 4860 succeeded', 'once runs it');
is(sql(q{SELECT skipped FROM realtime.cron_jobs WHERE path = 'app/skip'}), '1', 'which is counted');
my $metrics = parse_metrics(sql('SELECT realtime.metrics_text(open_metrics => true)'), 'open');
sub told { my ($path, $status) = @_; return metric($metrics, 'realtime_cron_total', path => $path, status => $status); }
is(join(' ', map { told('app/skip', $_) } qw(ok error skipped)), '2 0 1', 'by metrics as well');
is(metric($metrics, 'realtime_cron_duration_seconds_count', path => 'app/skip'), 2, 'with times');
is(metric($metrics, 'realtime_rpc_total', path => 'app/skip'), undef, 'and not as calls');
is(told('app/fail', 'error') . ' ' . metric($metrics, 'realtime_cron_errors_total', path => 'app/fail'), '1 1', 'those that have failed');
is(sql(q{SELECT kind || ' ' || calls FROM realtime.stat_handler WHERE path = 'app/skip'}), 'cron 2', 'realtime.stat_handler has them, too');
$holder->quit;

# ---- history ----

sql(q{ALTER SYSTEM SET realtime.cron_history = 3; SELECT realtime.drop('app/skip'), realtime.drop('app/work')});
clock(3660 + 1260);
wait_next('app/once', 4980, 'with a shorter history');
is(runs('app/once'), '4260 succeeded, 4860 succeeded, 4920 succeeded', 'only the last runs are kept');

# ---- another schedule, other owners ----

sql(q{SELECT realtime.alter_cron('app/once', schedule => '0 5 * * *', time_zone => 'Europe/Berlin')});
wait_sql(q{SELECT to_char(next_at AT TIME ZONE 'Europe/Berlin', 'HH24:MI') || ' ' || time_zone FROM realtime.cron_state WHERE path = 'app/once'}, '05:00 Europe/Berlin', 'a changed schedule counts at once');
sql(q{CREATE ROLE worker; GRANT realtime_admin TO worker; GRANT USAGE ON SCHEMA app TO worker; ALTER ROLE worker SET search_path = app;
	CREATE FUNCTION app.show() RETURNS text LANGUAGE sql AS $$SELECT current_user || ' ' || current_setting('search_path')$$;
	SET ROLE worker; SELECT realtime.cron('app/role', '* * * * *', 'app.show()', 'jobs')});
wait_next('app/role', 4980, 'a job of another role');
clock(4980);
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'jobs' })->{data}, 'worker app', 'runs as that, with its settings');
sql(q{REVOKE EXECUTE ON FUNCTION app.show() FROM PUBLIC});
clock(5040);
wait_next('app/role', 5100, 'without EXECUTE');
like(sql(q{SELECT message FROM realtime.cron_run WHERE path = 'app/role' ORDER BY id DESC LIMIT 1}), qr/permission denied for function/, 'it fails');
sql(q{DROP OWNED BY worker; DROP ROLE worker});
clock(5100);
wait_next('app/role', 5160, 'without its owner');
like(sql(q{SELECT message FROM realtime.cron_run WHERE path = 'app/role' ORDER BY id DESC LIMIT 1}), qr/role that owns the job does not exist/, 'likewise');
sql(q{SELECT realtime.drop('app/role')});

# ---- what ends on the way ----

sub pid_of_runner
{
	return sql(q{SELECT pid FROM pg_stat_activity WHERE query = 'cron app/kill' AND state = 'active'});
}
sql(q{SELECT realtime.cron('app/kill', '* * * * *', 'app.wait()', missed => 'all'); TRUNCATE app.done});
wait_next('app/kill', 5160, 'a job that is ended');
for my $who (qw(executor scheduler server))
{
	my $before = sql(q{SELECT count(*) FROM app.done});
	my $at = sql(q{SELECT extract(epoch FROM next_at)::bigint FROM realtime.cron_state WHERE path = 'app/kill'});
	my $holds = $node->background_psql('postgres');
	$holds->query('SELECT pg_advisory_lock(7)');
	clock($at - $start);
	wait_sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 7}, '1', "runs ($who)");
	sql('SELECT pg_terminate_backend(' . pid_of_runner() . ')') if $who eq 'executor';
	if ($who eq 'scheduler')
	{
		my ($pid, $calls) = split /\|/, sql(q{SELECT s.pid, sum(calls) FROM realtime.stat_scheduler s, realtime.stat_executor GROUP BY 1});
		sql("SELECT pg_terminate_backend($pid)");
		wait_sql("SELECT pid <> $pid FROM realtime.stat_scheduler WHERE state = 'running'", 't', 'another scheduler');
		wait_sql("SELECT sum(calls) > $calls + 1 FROM realtime.stat_executor", 't', 'asks for what is under way');
		sql("SELECT realtime.alter_cron('app/kill', schedule => '*/2 * * * *'); SELECT realtime.alter_cron('app/kill', schedule => '* * * * *');
			SELECT realtime.cron('app/other', '* * * * *', 'app.null()')");
		wait_next('app/other', $at - $start + 60, 'and is not held up by it');
		sql("SELECT realtime.drop('app/other')");
		cmp_ok(sql('SELECT sum(calls) FROM realtime.stat_executor'), '<', $calls + 50, 'nor asks all the time');
	}
	if ($who eq 'server')
	{
		$holds->quit;
		$node->stop('immediate');
		$node->start;
	}
	else
	{
		$holds->query('SELECT pg_advisory_unlock(7)');
		$holds->quit;
	}
	wait_next('app/kill', $at - $start + 60, "its time is over in the end ($who)");
	is(sql(q{SELECT count(*) FROM app.done}), $before + 1, "and was run once ($who)");
}

sql(q{SELECT realtime.drop('app/kill')});

# a function that ends its process each time
my $now = sql(q{SHOW realtime.cron_clock}) - $start;
sql(q{CREATE FUNCTION app.end() RETURNS void LANGUAGE plpgsql AS $$BEGIN COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'; END$$;
	SELECT realtime.cron('app/end', '* * * * *', 'app.end()', missed => 'once')});
wait_next('app/end', $now + 60, 'a job that ends the server');
clock($now += 60);
my $over = 'SELECT next_at = to_timestamp(' . ($start + $now + 60) . ") FROM realtime.cron_state WHERE path = 'app/end'";
# a psql that cannot connect may end before it has been told what to ask
ok(poll_until(sub { (eval { sql($over) } // '') eq 't' }), 'is over in the end');
is(sql(q{SELECT status || ' ' || message FROM realtime.cron_run WHERE path = 'app/end'}), 'failed each of 5 runs has ended its process', 'after some attempts');
sql(q{SELECT realtime.drop('app/end')});

# what another server refuses is a failure like others
sql(q{CREATE FUNCTION app.remote() RETURNS void LANGUAGE plpgsql AS $$BEGIN RAISE 'there is no answer' USING ERRCODE = '08006'; END$$;
	SELECT realtime.cron('app/remote', '* * * * *', 'app.remote()')});
wait_next('app/remote', $now + 60, 'a job that needs another server');
clock($now += 60);
wait_next('app/remote', $now + 60, 'is over for that time');
is(sql(q{SELECT status || ' ' || code || ' ' || message FROM realtime.cron_run WHERE path = 'app/remote'}), 'failed SERVICE_UNAVAILABLE there is no answer', 'and says so');
sql(q{SELECT realtime.drop('app/remote')});

# the zone of the database, and the switch
sql(q{SELECT realtime.cron('app/zone', '0 3 * * *', 'app.null()')});
wait_sql(q{SELECT to_char(next_at, 'HH24:MI') FROM realtime.cron_state WHERE path = 'app/zone'}, '03:00', 'a job in the zone of the database');
sql(q{ALTER DATABASE postgres SET TimeZone = 'Asia/Kolkata'});
wait_sql(q{SELECT to_char(next_at AT TIME ZONE 'UTC', 'HH24:MI') || ' ' || time_zone FROM realtime.cron_state WHERE path = 'app/zone'}, '21:30 Asia/Kolkata', 'follows it');
my $at = sql(q{SELECT extract(epoch FROM next_at)::bigint FROM realtime.cron_state WHERE path = 'app/zone'}) - $start;
clock($at);
wait_next('app/zone', $at + 86400, 'so do executors');
sql(q{ALTER DATABASE postgres RESET TimeZone; SELECT realtime.drop('app/zone')});
sql(q{ALTER SYSTEM SET realtime.cron = off});
$node->reload;
sql(q{SELECT realtime.cron('app/off', '* * * * *', 'app.null()')});
sql(q{ALTER SYSTEM RESET realtime.cron});
$node->reload;
wait_sql(q{SELECT count(*) FROM realtime.cron_state WHERE path = 'app/off'}, '1', 'switched off and on again, jobs are looked at');
sql(q{SELECT realtime.drop('app/off')});

# nobody writes jobs of others
sql(q{CREATE ROLE writer; GRANT pg_write_all_data TO writer; GRANT INSERT, UPDATE, DELETE ON realtime.cron_declaration TO writer; GRANT USAGE ON SCHEMA realtime TO writer});
like(($node->psql('postgres', q{SET ROLE writer; INSERT INTO realtime.cron_declaration (path, schedule, handler, owner) VALUES ('a/b', '* * * * *', 'app.null()', 10)}))[2] // '',
	qr/violates row-level security policy/, 'not who may write all data');

# the system's clock: a job of each second
sql(q{ALTER SYSTEM SET realtime.cron_clock = ''; SELECT realtime.cron('app/second', '* * * * * *', 'app.null()')});
$node->reload;
wait_sql(q{SELECT count(*) >= 2 FROM realtime.cron_run WHERE path = 'app/second'}, 't', 'without a clock of ours the system has one');
is(sql(q{SELECT count(DISTINCT due_at) = count(*) FROM realtime.cron_run}), 't', 'no time came twice');
done_testing();
