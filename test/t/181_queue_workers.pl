# Queues: sessions as workers, who may do what, and what a crash leaves of jobs.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 6, 'restart_after_crash' => 'on', 'realtime.cleanup_interval' => '100ms');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql("SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5"));
	return;
}

sub fails
{
	my ($sql, $error, $name) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', $sql, on_error_die => 0);
	like($err // '', $error, $name);
	return;
}

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE ROLE boss; CREATE ROLE worker IN ROLE boss, realtime_publisher; CREATE ROLE sender IN ROLE realtime_publisher; CREATE ROLE other IN ROLE realtime_publisher;
GRANT realtime_admin TO boss WITH ADMIN OPTION;
CREATE TABLE app.done (n serial, job bigint, who text DEFAULT current_user);
GRANT ALL ON app.done, app.done_n_seq TO boss;
CREATE FUNCTION app.note(payload jsonb, job bigint) RETURNS void LANGUAGE sql AS $$INSERT INTO app.done (job) VALUES (job)$$;
REVOKE EXECUTE ON FUNCTION app.note(jsonb, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.note(jsonb, bigint) TO boss, sender;
CREATE FUNCTION app.wait(payload jsonb, job bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.done (job) VALUES (job);
	PERFORM pg_advisory_xact_lock(7);
END $$;
REVOKE realtime_admin FROM worker;
SET ROLE boss;
SELECT realtime.queue('note', 'app.note(jsonb, bigint)');
SELECT realtime.queue('hand', visibility => '1 h', max_attempts => 2, backoff => '0', topic => 'hand');
RESET ROLE;
SELECT realtime.queue('wait', 'app.wait(jsonb, bigint)');
SELECT realtime.topic('hand:{id}', open => true);
});

# ---- who may do what ----

fails(q{SELECT realtime.enqueue('nothing')}, qr/there is no queue "nothing"/, 'a queue has to be declared');
fails(q{SET ROLE other; SELECT realtime.enqueue('note')}, qr/permission denied for queue "note".*may not execute/s, 'who may not execute the handler cannot enqueue');
fails(q{CREATE ROLE nobody; SET ROLE nobody; SELECT realtime.enqueue('note')}, qr/permission denied for function/, 'nor who is no publisher');
my $id = sql(q{SET ROLE sender; SELECT realtime.enqueue('note')});
wait_sql("SELECT who FROM app.done WHERE job = $id", 'boss', 'who may has it run as the owner of the queue');
fails("SET ROLE other; SELECT * FROM realtime.take_jobs('hand')", qr/must be owner of queue "hand"/, 'jobs are taken by the owner');
fails(q{SELECT realtime.enqueue('hand', run_at => NULL)}, qr/run_at must not be null/, 'NULL is no time');
fails(qq{SELECT realtime.enqueue('hand', run_at => '$_')}, qr/run_at is not valid.*not infinity/s, "nor is $_") for qw(infinity -infinity);
fails(q{SELECT realtime.enqueue('hand', priority => 200000)}, qr/priority must be between/, 'there is a range of priorities');
fails(q{SELECT realtime.queue('ha nd')}, qr/name of a queue is not valid/, 'names have rules');
fails(q{SELECT realtime.queue('hand', 'app.note(jsonb, bigint)', jitter => 2)}, qr/jitter must be between/, 'so have options');
fails(q{SELECT realtime.queue('hand', 'pg_sleep(double precision)')}, qr/cannot be a handler/, 'and handlers');
fails(q{SELECT realtime.queue('hand', max_attempts => 0)}, qr/max_attempts must be between/, 'attempts');
fails(q{SELECT realtime.queue('hand', visibility => '0')}, qr/visibility is not valid/, 'times');
fails('DROP FUNCTION app.wait(jsonb, bigint)', qr/other objects depend on it/, 'a handler cannot be dropped');
fails(q{SET ROLE worker; INSERT INTO realtime.job (queue) VALUES ('note')}, qr/permission denied/, 'nobody writes the table');

# ---- sessions as workers ----

sql(q{SELECT realtime.enqueue('hand', to_jsonb(n)) FROM generate_series(1, 4) n});
my $one = $node->background_psql('postgres');
$one->query_safe(q{SET ROLE worker; BEGIN});
is($one->query_safe(q{SELECT string_agg(payload::text || ' ' || attempt, ', ') FROM realtime.take_jobs('hand', 2)}), '1 1, 2 1', 'a session takes some');
is(sql(q{SELECT string_agg(payload::text, ', ') FROM realtime.take_jobs('hand', 10)}), '3, 4', 'another one others');
is(sql(q{SELECT count(*) FROM realtime.take_jobs('hand', 10)}), '0', 'then there are none');
is(sql(q{SELECT string_agg(state, ' ' ORDER BY id) FROM realtime.jobs WHERE queue = 'hand'}), 'waiting waiting running running', 'what is committed can be seen');
my ($first, $second, $third, $fourth) = split /\n/, sql(q{SELECT id FROM realtime.jobs WHERE queue = 'hand' ORDER BY id});
is($one->query_safe("SELECT realtime.finish_job($first, '\"ok\"', attempt => 1)"), 't', 'it finishes one');
$one->query_safe('ROLLBACK');
is(sql("SELECT state FROM realtime.jobs WHERE id = $first"), 'waiting', 'rolled back both are there again');
$one->query_safe('BEGIN');
is($one->query_safe(q{SELECT bool_and(realtime.finish_job(id, payload)) FROM realtime.take_jobs('hand', 2)}), 't', 'taken and finished by one statement');
$one->query_safe('COMMIT');
is(sql("SELECT state, result, attempts FROM realtime.jobs WHERE id = $first"), 'done|1|1', 'they are done');
is(sql("SELECT realtime.finish_job($first)"), 'f', 'once');
is(sql("SELECT realtime.extend_job($third, '1 ms', attempt => 1)"), 't', 'who needs longer says so, or shorter');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $third", 'waiting', 'what is over its time is there again');
is(sql("SELECT realtime.finish_job($third, attempt => 1)"), 'f', 'who comes too late is told');
is(sql(q{SELECT attempt FROM realtime.take_jobs('hand')}), '2', 'it is taken again');
is(sql("SELECT realtime.finish_job($third, attempt => 1)"), 'f', 'it is another attempt');
is(sql("SELECT realtime.fail_job($third, 'no', attempt => 2)"), 'dead', 'the last one has failed');
is(sql("SELECT message FROM realtime.jobs WHERE id = $third"), 'no', 'which is noted');
fails("SELECT realtime.fail_job($fourth, 'not yet', retry_at => '$_')", qr/retry_at is not valid.*not infinity/s, "$_ is no time for the next attempt") for qw(infinity -infinity);
is(sql("SELECT realtime.fail_job($fourth, 'not yet', retry_at => now() + interval '1 hour')"), 'waiting', 'another one is to be tried later');
is(sql("SELECT state || ' ' || (run_at > now() + interval '50 min') FROM realtime.jobs WHERE id = $fourth"), 'waiting true', 'when it was said');
is(sql("SELECT realtime.cancel_job($fourth)"), 't', 'or not at all');
$id = sql(q{SELECT realtime.enqueue('hand', '5', max_attempts => 1)});
my $ws = ws_connect($node);
ws_subscribe($ws, "hand:$id");
my $progress = "realtime.job_progress($id, '{\"percent\": 40}'";
is(sql("SELECT $progress)"), 'f', 'nobody says how far a job has come that he has not taken');
is(sql("SELECT count(*) FROM realtime.take_jobs('hand') WHERE id = $id"), '1', 'one that is taken');
is(sql("BEGIN; SELECT $progress, attempt => 1); ROLLBACK; SELECT $progress, attempt => 2)"), "t\nf", 'by another attempt is none');
is(sql("SELECT $progress, attempt => 1)"), 't', 'has come so far');
is_deeply(ws_wait($ws, sub { ($_->{topic} // '') eq "hand:$id" })->{data}, { id => $id, queue => 'hand', state => 'running', attempts => 1, progress => { percent => 40 } }, 'which its topic says');
is(sql("SELECT state, progress, realtime.job_state(id)->'progress' FROM realtime.jobs WHERE id = $id"), 'running|{"percent": 40}|{"percent": 40}', 'and its row');
fails("SELECT realtime.job_progress($id, to_jsonb(repeat('x', 1000)))", qr/progress of a job is too long/, 'if it is short');
fails("SET ROLE other; SELECT $progress)", qr/must be owner of queue/, 'by its owner');
sql("SELECT realtime.extend_job($id, '1 ms')");
wait_sql("SELECT state || ' ' || code || ' ' || attempts FROM realtime.jobs WHERE id = $id", 'dead TIMEOUT 1', 'one that was taken for the last time and not finished is dead');
is_deeply(ws_wait($ws, sub { ($_->{topic} // '') eq "hand:$id" })->{data}, { id => $id, queue => 'hand', state => 'dead', attempts => 1, code => 'TIMEOUT' }, 'which its topic says');
sql(q{SELECT realtime.enqueue('note')});
sql(q{BEGIN; SET ROLE worker; SELECT realtime.finish_job(id) FROM realtime.take_jobs('note'); COMMIT});
wait_sql(q{SELECT count(*) FROM realtime.job WHERE queue = 'note'}, '0', 'executors and sessions can work for the same queue');

# ---- unique keys, together ----

my @senders = map { $node->background_psql('postgres') } 1 .. 4;
$_->query_safe('BEGIN') for @senders;
my $unique = $senders[0]->query_safe(q{SELECT realtime.enqueue('hand', '6', unique_key => 'u')});
$_->query_until(qr//, "SELECT realtime.enqueue('hand', '6', unique_key => 'u');\nCOMMIT;\n\\echo done\n") for @senders[1 .. 3];
$senders[0]->query_safe('COMMIT');
$_->query_until(qr/done/, '') for @senders[1 .. 3];
is(sql(q{SELECT count(*) || ' ' || min(id) FROM realtime.jobs WHERE unique_key = 'u'}), "1 $unique", 'of those who enqueue together with one key one does');
$_->quit for @senders;
$one->query_safe('BEGIN');
is($one->query_safe(q{SELECT id FROM realtime.take_jobs('hand')}), $unique, 'a session has one in its hands');
is(sql(q{SET statement_timeout = '30 s'; SELECT realtime.enqueue('hand', '6', unique_key => 'u')}), $unique, 'nobody waits for it to get to know that it is there');
$one->query_safe('COMMIT');

# ---- a crash ----

$one->query_safe(q{RESET ROLE; SELECT pg_advisory_lock(7)});
$id = sql(q{SELECT realtime.enqueue('wait')});
sql(q{SELECT realtime.enqueue('wait') FROM generate_series(1, 3)});
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'running', 'a job that runs');
my $pid = sql("SELECT pid FROM realtime.stat_get_jobs() WHERE id = $id");
is(sql("SELECT pg_terminate_backend($pid)"), 't', 'its executor is asked to end');
kill 'KILL', $pid if 0;
$one->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql("SELECT count(*) FROM realtime.jobs WHERE queue = 'wait' AND state = 'done'", '4', 'its jobs are run');
$one->query_safe(q{SELECT pg_advisory_lock(7)});
$id = sql(q{SELECT realtime.enqueue('wait')});
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'running', 'another job');
$pid = sql("SELECT pid FROM realtime.stat_get_jobs() WHERE id = $id");
kill 'KILL', $pid;
$one->{run}->finish;
$node->poll_query_until('postgres', 'SELECT 1', '1');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'done', 'after a crash it is run again');
is(sql("SELECT count(*) FROM app.done WHERE job = $id"), '1', 'and what it did the first time is gone');
is(sql(q{SELECT count(*) FROM (SELECT job FROM app.done GROUP BY job HAVING count(*) > 1) x}), '0', 'none was done twice');

# ---- retention ----

sql(q{SELECT realtime.queue('wait', 'app.wait(jsonb, bigint)', retention => '1 ms', dead_retention => '1 ms')});
sql(q{UPDATE realtime.job_finished SET finished_at = finished_at - interval '2 min' WHERE queue = 'wait'});
wait_sql(q{SELECT count(*) FROM realtime.jobs WHERE queue = 'wait'}, '0', 'what is over for long enough is removed');
isnt(sql(q{SELECT count(*) FROM realtime.job_finished}), '0', 'what is not is kept');

# ---- a dump ----

sql(q{SELECT realtime.enqueue('hand', '"dumped"', run_at => now() + interval '1 day')});
my $dump = $node->basedir . '/jobs.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'a dump');
sql('CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('copy') ], 'is restored');
my $state = q{SELECT string_agg(id || queue || state || coalesce(payload::text, ''), ',' ORDER BY id) FROM realtime.jobs WHERE state IN ('waiting', 'dead')};
is($node->safe_psql('copy', $state), sql($state), 'with jobs that wait and those that are dead');
is($node->safe_psql('copy', q{SELECT count(*) FROM realtime.queue_declaration}), '3', 'and queues');
cmp_ok($node->safe_psql('copy', q{SELECT nextval('realtime.job_id_seq')}), '>', sql('SELECT max(id) FROM realtime.jobs'), 'and ids go on');
is(sql(q{SELECT realtime.drop('hand')}), 't', 'a queue is dropped');
like(sql(q{SELECT problem FROM realtime.check() WHERE object = 'queue "hand"'}), qr/it has jobs, but is not declared/, 'its jobs stay');
$node->stop('fast');
done_testing();
