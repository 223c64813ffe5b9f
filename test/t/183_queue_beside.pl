# Queues: calls beside a queue full of slow jobs, shares, time-outs, jobs that end their process, an immediate stop, a standby.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.shutdown_timeout' => '200ms', 'realtime.executors' => 2, 'realtime.max_executors' => 6, 'restart_after_crash' => 'on', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql("SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5"));
	return;
}

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.done (n serial, job bigint);
CREATE TABLE app.crash (job bigint);
CREATE FUNCTION app.quick() RETURNS integer LANGUAGE sql AS $$SELECT 1$$;
CREATE FUNCTION app.note(payload jsonb, job bigint) RETURNS void LANGUAGE sql AS $$INSERT INTO app.done (job) VALUES (job)$$;
CREATE FUNCTION app.wait(payload jsonb) RETURNS void LANGUAGE sql AS $$SELECT pg_advisory_xact_lock_shared(7)$$;
CREATE FUNCTION app.endless(payload jsonb) RETURNS void LANGUAGE sql AS $$SELECT pg_sleep(3600)$$;
CREATE FUNCTION app.late(payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 2 LOOP
		BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END;
	END LOOP;
END $$;
CREATE FUNCTION app.kill(payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('COPY (SELECT) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid());
	PERFORM pg_sleep(3600);
END $$;
SELECT realtime.rpc('app/quick', 'app.quick()');
SELECT realtime.queue('note', 'app.note(jsonb, bigint)'), realtime.queue('quick', 'app.quick()'), realtime.queue('wait', 'app.wait(jsonb)'),
	realtime.queue('two', 'app.wait(jsonb)', concurrency => 2),
	realtime.queue('endless', 'app.endless(jsonb)', timeout => '50 ms', max_attempts => 1),
	realtime.queue('late', 'app.late(jsonb)', timeout => '50 ms', max_attempts => 2, backoff => '10 ms'),
	realtime.queue('kill', 'app.kill(jsonb)');
});
wait_for_call($node, 'app/quick', []);

# ---- slow jobs ----

my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
sql(q{SELECT realtime.enqueue('two') FROM generate_series(1, 10)});
wait_sql('SELECT count(*) FROM realtime.stat_get_jobs()', '2', 'a queue has as many executors as it says');
for my $ended (q{realtime.queue('two', 'app.wait(jsonb)', concurrency => 2, active => false)}, q{realtime.drop('two')})
{
	sql("SELECT $ended");
	is(sql(q{SELECT realtime.run_task('quick')}), '1', 'it ends while they work for it');
	sql(q{SELECT realtime.queue('two', 'app.wait(jsonb)', concurrency => 2)});
	is(sql(q{SELECT realtime.run_task('quick')}), '1', 'and is there again');
	is(sql(q{SELECT count(*) FROM realtime.stat_get_jobs()}), '2', 'it has as many as before');
}
sql(q{SELECT realtime.enqueue('wait') FROM generate_series(1, 50)});
wait_sql('SELECT count(*) FROM realtime.stat_get_jobs()', '3', 'all queues together have half of them');
my $ws = ws_connect($node);
is(ws_call($ws, 'app/quick', [])->{data}, 1, 'calls are answered') for 1 .. 5;
my $high = sql(q{SELECT realtime.queue('first', 'app.note(jsonb, bigint)', priority => 10); SELECT realtime.enqueue('first')});
sql(q{ALTER SYSTEM SET realtime.job_executors = 4});
$node->reload;
wait_sql(q{SELECT count(*) FROM app.done}, '1', 'with room for one more the queue of the highest priority is served');
wait_sql('SELECT count(*) FROM realtime.stat_get_jobs()', '4', 'then the others');
is(sql(q{SELECT ready || ' ' || running FROM realtime.stat_queue WHERE queue = 'two'}), '10 2', 'which a view shows');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql(q{SELECT count(*) FROM realtime.job}, '0', 'all of them are run');
is(sql(q{SELECT count(*) FROM realtime.jobs WHERE queue IN ('wait', 'two') AND state = 'done'}), '60', 'once');
sql(q{ALTER SYSTEM RESET realtime.job_executors});
$node->reload;
my $id = sql(q{SELECT realtime.enqueue('endless')});
wait_sql("SELECT state || ' ' || code FROM realtime.jobs WHERE id = $id", 'dead TIMEOUT', 'one that takes too long is ended');

$id = sql(q{SELECT realtime.enqueue('late')});
wait_sql("SELECT state || ' ' || code || ' ' || attempts FROM realtime.jobs WHERE id = $id", 'dead TIMEOUT 2', 'so is one that does not listen at first, and that is counted');

# ---- rows that are gone, in front of a queue ----

my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM realtime.job');
sql(q{SELECT realtime.enqueue('note') FROM generate_series(1, 500)});
wait_sql(q{SELECT count(*) FROM realtime.job}, '0', 'jobs that an old transaction may still see');
$id = sql(q{SELECT realtime.enqueue('note', priority => 5)});
wait_sql("SELECT count(*) FROM app.done WHERE job = $id", '1', 'keep nobody from one that comes before them');
my $late = $node->background_psql('postgres');
$id = $late->query_safe(q{BEGIN; SELECT realtime.enqueue('note')});
my $other = sql(q{SELECT realtime.enqueue('note')});
wait_sql("SELECT count(*) FROM app.done WHERE job = $other", '1', 'one that is committed first is run first');
$late->query_safe('COMMIT');
wait_sql("SELECT count(*) FROM app.done WHERE job = $id", '1', 'and the one that was enqueued before it after it');
is(sql(q{SELECT count(*) FROM (SELECT job FROM app.done GROUP BY job HAVING count(*) > 1) x}), '0', 'none twice');
$_->quit for $reader, $late, $holder;

# ---- one that ends its process, and with it the server ----

# the session may end with the server before it hears of it
$node->psql('postgres', q{SELECT realtime.enqueue('kill')}, on_error_die => 0);
ok(poll_until(sub { (eval { sql(q{SELECT state || ' ' || message FROM realtime.jobs WHERE queue = 'kill'}) } // '') eq 'dead each of 5 attempts has ended its process' }), 'after five times it is dead');
is(count_in_log($node, qr/terminated by signal 9/), 6, 'the first one was not known to be one');
wait_for_call($node, 'app/quick', []);

# ---- one that was there before the server's start, and whose executor is stopped ----

$holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
$id = sql(q{SELECT realtime.queue('old', 'app.wait(jsonb)', active => false); SELECT realtime.enqueue('old')});
sql("UPDATE realtime.job SET created_at = created_at - interval '1 day' WHERE id = $id; SELECT realtime.queue('old', 'app.wait(jsonb)')");
my $pid = 0;
for (1, 2)
{
	wait_sql("SELECT count(*) FROM realtime.stat_get_jobs() WHERE id = $id AND pid <> $pid", '1', 'an old job is run');
	is(sql("SELECT crashes FROM realtime.job WHERE id = $id"), '1', 'and may end its process, once');
	$pid = sql("SELECT pid FROM realtime.stat_get_jobs() WHERE id = $id");
	sql("SELECT pg_terminate_backend($pid)") if $_ == 1;
}
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'done', 'it is done in the end');
$holder->quit;

# ---- a standby, an immediate stop ----

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "realtime.port = " . RealtimePort::reserve_port());
$standby->start;
sql(q{SELECT realtime.queue('note', 'app.note(jsonb, bigint)', active => false)});
$id = sql(q{SELECT realtime.enqueue('note')});
sql(q{SELECT realtime.enqueue('note', run_at => now() + interval '1 second')});
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT state FROM realtime.jobs WHERE id = $id"), 'waiting', 'a standby sees jobs');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^realtime (executor|scheduler)'}), '0', 'and runs none');
like(($standby->psql('postgres', q{SELECT realtime.enqueue('note')}))[2], qr/cannot execute realtime.enqueue\(\) in a read-only transaction/, 'nor can anything be enqueued there');

# Nobody goes by the result of a task that a standby is to confirm, and has not.
configure($node, synchronous_standby_names => '*');
ok($node->poll_query_until('postgres', 'SELECT sync_state FROM pg_stat_replication', 'sync'), 'the standby is asked to confirm');
is(sql(q{SELECT realtime.run_task('quick')}), '1', 'what it has confirmed is told');
$standby->stop;
like(($node->psql('postgres', q{SELECT realtime.run_task('quick', timeout => '300 ms')}))[2], qr/request timed out/, 'what it has not is not, though it is done');
$standby->start;
is(sql(q{SELECT realtime.run_task('quick')}), '1', 'until the standby is there again');
configure($node, synchronous_standby_names => '');
$holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
sql(q{SELECT realtime.enqueue('wait') FROM generate_series(1, 3)});
wait_sql('SELECT count(*) > 0 FROM realtime.stat_get_jobs()', 't', 'jobs run');
$node->stop('immediate');
$holder->{run}->finish;
$node->start;
sql(q{SELECT realtime.queue('note', 'app.note(jsonb, bigint)')});
wait_sql(q{SELECT count(*) FROM realtime.job}, '0', 'after an immediate stop all are run');
is(sql("SELECT count(*) FROM app.done WHERE job = $id"), '1', 'once');
$standby->stop('fast');
$node->stop('fast');
done_testing();
