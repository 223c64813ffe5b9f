# Queues: jobs are run once, with their effect, as the queue's owner; retries, delays, priorities, unique keys,
# cancellation, progress and tasks.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeMetrics;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 8, 'max_prepared_transactions' => 2);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql("SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5"));
	return;
}

sub wait_state
{
	my ($id, $state, $name) = @_;
	wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", $state, $name);
	return;
}

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.done (n serial, what text, job bigint, attempt integer, who text DEFAULT current_user);
CREATE FUNCTION app.note(payload jsonb, job bigint, attempt integer) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.done (what, job, attempt) VALUES (payload->>'what', job, attempt);
	IF attempt <= (payload->>'fails')::integer THEN RAISE 'it cannot be done'; END IF;
	RETURN jsonb_build_object('n', attempt);
END $$;
CREATE FUNCTION app.nothing(payload jsonb) RETURNS void LANGUAGE sql AS $$SELECT$$;
CREATE FUNCTION app.wait(payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.job_progress('{"step": 1}');
	PERFORM pg_advisory_xact_lock(7);
	INSERT INTO app.done (what) VALUES ('waited');
END $$;
CREATE FUNCTION app.refuse(payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$BEGIN PERFORM realtime.raise('TOO_EARLY', 'come back'); END$$;
SELECT realtime.queue('note', 'app.note(jsonb, bigint, integer)', max_attempts => 3, backoff => '10 ms', topic => 'job');
SELECT realtime.queue('nothing', 'app.nothing(jsonb)', retention => '0');
SELECT realtime.queue('wait', 'app.wait(jsonb)', topic => 'job');
SELECT realtime.queue('refuse', 'app.refuse(jsonb)', max_attempts => 1);
CREATE FUNCTION app.long(payload jsonb) RETURNS jsonb LANGUAGE sql AS $$SELECT to_jsonb(repeat('x', 2000000))$$;
SELECT realtime.queue('long', 'app.long(jsonb)', max_attempts => 1, topic => 'job', active => false);
SELECT realtime.queue('by/hand', visibility => '1 h', max_attempts => 2, backoff => '0');
SELECT realtime.topic('job:{id}', open => true);
});

# ---- a run ----

my $ws = ws_connect($node);
my $id = sql(q{SELECT realtime.enqueue('note', '{"what": "one"}')});
wait_state($id, 'done', 'a job is run');
is(sql("SELECT what, attempt, who FROM app.done WHERE job = $id"), 'one|1|' . sql('SELECT current_user'), 'with its payload, id and attempt, as the owner of the queue');
is(sql("SELECT result, attempts, payload FROM realtime.jobs WHERE id = $id"), '{"n": 1}|1|{"what": "one"}', 'its row has what it returned');
sql(q{BEGIN; SELECT realtime.enqueue('note', '{"what": "gone"}'); SAVEPOINT s; SELECT realtime.enqueue('note', '{"what": "gone"}'); ROLLBACK TO s; ROLLBACK});
sql(q{BEGIN; SAVEPOINT s; SELECT realtime.enqueue('note', '{"what": "gone"}'); ROLLBACK TO s; SELECT realtime.enqueue('note', '{"what": "kept"}'); COMMIT});
wait_sql(q{SELECT count(*) FROM app.done WHERE what = 'kept'}, '1', 'what is committed is run');
$id = sql(q{SELECT realtime.enqueue('nothing')});
wait_sql("SELECT count(*) FROM realtime.job WHERE id = $id", '0', 'a job without a payload');
is(sql("SELECT count(*) FROM realtime.jobs WHERE id = $id"), '0', 'of a queue that keeps nothing leaves nothing');
is(sql(q{SELECT count(*) FROM app.done WHERE what = 'gone'}), '0', 'what is rolled back is not run');

# ---- failures ----

$id = sql(q{SELECT realtime.enqueue('note', '{"what": "again", "fails": 2}')});
wait_state($id, 'done', 'one that fails is tried again');
is(sql("SELECT attempts FROM realtime.jobs WHERE id = $id"), '3', 'until it does not');
is(sql(q{SELECT count(*) FROM app.done WHERE what = 'again'}), '1', 'what failed attempts did is rolled back');
$id = sql(q{SELECT realtime.enqueue('note', '{"what": "never", "fails": 9}')});
wait_state($id, 'dead', 'or is dead after its last attempt');
is(sql("SELECT attempts, code, message FROM realtime.jobs WHERE id = $id"), '3|INTERNAL_ERROR|it cannot be done', 'its row says why');
like(slurp_file($node->logfile), qr/it cannot be done.*?realtime call "job note"/s, 'and the log');
sql("UPDATE realtime.job_finished SET payload = '{\"what\": \"revived\"}' WHERE id = $id");
is(sql("SELECT realtime.retry_job($id)"), 't', 'what is dead');
wait_state($id, 'done', 'can be tried again');
is(sql("SELECT realtime.retry_job($id)"), 'f', 'what is done cannot');
$id = sql(q{SELECT realtime.enqueue('note', '{"what": "once", "fails": 9}', max_attempts => 1)});
wait_state($id, 'dead', 'a job may have attempts of its own');
is(sql("SELECT attempts FROM realtime.jobs WHERE id = $id"), '1', 'one');

# ---- results that are long ----

$id = sql(q{SELECT realtime.enqueue('long')});
ws_subscribe($ws, "job:$id");
sql(q{SELECT realtime.queue('long', 'app.long(jsonb)', max_attempts => 1, topic => 'job')});
is_deeply(ws_wait($ws, sub { ($_->{topic} // '') eq "job:$id" })->{data}, { id => $id, queue => 'long', state => 'done', attempts => 1 }, 'an event has no result that is too long for it');
is(sql("SELECT length(result::text) FROM realtime.jobs WHERE id = $id"), '2000002', 'the job has');

# ---- order, delays ----

sql(q{SELECT realtime.queue('note', 'app.note(jsonb, bigint, integer)', max_attempts => 3, backoff => '10 ms', active => false)});
sql(q{SELECT realtime.enqueue('note', jsonb_build_object('what', 'order'), priority => p) FROM unnest('{0, -5, 7, 0}'::integer[]) p});
my $later = sql(q{SELECT realtime.enqueue('note', '{"what": "later"}', run_at => now() + interval '1 hour')});
sql(q{SELECT realtime.queue('note', 'app.note(jsonb, bigint, integer)', max_attempts => 3, backoff => '10 ms', concurrency => 1, topic => 'job')});
wait_sql(q{SELECT count(*) FROM app.done WHERE what = 'order'}, '4', 'a queue that was not active has kept its jobs');
is(sql(q{SELECT string_agg(priority::text, ' ' ORDER BY d.n) FROM app.done d JOIN realtime.jobs j ON j.id = d.job WHERE what = 'order'}), '7 0 0 -5', 'they are run by priority');
is(sql(q{SELECT bool_and(before) FROM (SELECT lag(job, 1, 0::bigint) OVER (ORDER BY d.n) < job AS before FROM app.done d JOIN realtime.jobs j ON j.id = d.job WHERE what = 'order' AND priority = 0) x}), 't', 'then by age');
is(sql("SELECT state FROM realtime.jobs WHERE id = $later"), 'waiting', 'one that is to be run later waits');
sql("UPDATE realtime.job SET run_at = 'infinity' WHERE id = $later");
$id = sql(q{SELECT realtime.enqueue('note', '{"what": "soon"}', run_at => clock_timestamp() + interval '100 ms')});
wait_state($id, 'done', 'until its time comes, and keeps no other one, though its own be infinity');
is(sql("SELECT started_at >= run_at FROM realtime.jobs WHERE id = $id"), 't', 'not before');

# ---- unique keys ----

my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
my $first = sql(q{SELECT realtime.enqueue('wait', unique_key => 'k')});
wait_state($first, 'running', 'a job that runs');
is(sql(q{SELECT realtime.enqueue('wait', unique_key => 'k')}), $first, 'has its key until it is over');
is(sql(q{SELECT count(*) FROM realtime.jobs WHERE unique_key = 'k'}), '1', 'there is no other one');
isnt(sql(q{SELECT realtime.enqueue('by/hand', unique_key => 'k')}), $first, 'another queue has keys of its own');
is(sql("SELECT progress FROM realtime.jobs WHERE id = $first"), '{"step": 1}', 'it says how far it has come');
is(sql("SELECT realtime.job_state($first)->'progress'"), '{"step": 1}', 'who may see it is told');

# ---- cancellation ----

ws_subscribe($ws, "job:$first");
is(sql("SELECT realtime.cancel_job($first)"), 't', 'it is cancelled');
wait_state($first, 'cancelled', 'and stops');
is(ws_wait($ws, sub { ($_->{topic} // '') eq "job:$first" })->{data}{state}, 'cancelled', 'which its topic says');
is(sql("SELECT realtime.cancel_job($first)"), 'f', 'once');
my $second = sql(q{SELECT realtime.enqueue('wait', unique_key => 'k')});
isnt($second, $first, 'then the key is free');
is(sql("SELECT realtime.cancel_job($later)"), 't', 'one that waits is cancelled');
is(sql("SELECT state FROM realtime.jobs WHERE id = $later"), 'cancelled', 'at once');
sql("SELECT realtime.retry_job($later)");
sql("BEGIN; SELECT realtime.cancel_job($later); ROLLBACK");
wait_state($later, 'done', 'or not, if that is rolled back; tried again it is due');
wait_state($second, 'running', 'the next one');
ws_subscribe($ws, "job:$second");
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_state($second, 'done', 'is run to its end');
is(sql(q{SELECT count(*) FROM app.done WHERE what = 'waited'}), '1', 'the cancelled one was rolled back');
is(ws_wait($ws, sub { ($_->{topic} // '') eq "job:$second" && $_->{data}{state} eq 'done' })->{data}{attempts}, 1, 'its topic says so');

# ---- tasks ----

is(sql(q{SELECT realtime.run_task('note', '{"what": "task", "fails": 1}')}), '{"n": 2}', 'a task returns what its handler does, after retries');
is(sql(q{BEGIN; SELECT realtime.run_task('nothing', '{}') IS NULL; ROLLBACK}), 't', 'one that returns nothing');
my ($ret, $out, $err) = $node->psql('postgres', q{SELECT realtime.run_task('refuse')}, on_error_die => 0);
like($err, qr/ERROR:  come back/, 'or fails as it does');
$holder->query_safe('SELECT pg_advisory_lock(7)');
($ret, $out, $err) = $node->psql('postgres', q{SELECT realtime.run_task('wait', timeout => '50 ms')}, on_error_die => 0);
like($err, qr/request timed out.*The task goes on/s, 'or takes too long');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql(q{SELECT count(*) FROM app.done WHERE what = 'waited'}, '2', 'and goes on');

# ---- prepared transactions ----

sql(q{BEGIN; SELECT realtime.enqueue('note', '{"what": "prepared"}'); PREPARE TRANSACTION 'p'});
sql(q{ROLLBACK PREPARED 'p'});
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/TRAP:|PANIC/, 'nothing went wrong');
done_testing();
