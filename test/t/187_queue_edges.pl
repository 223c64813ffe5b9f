# Queues: what others put into the way of jobs.  Indexes of an administrator, another database, transactions that
# are prepared, topics that cannot be told of anything, many jobs that are due at once.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 8, 'max_prepared_transactions' => 2);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql('SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5'));
	return;
}

sub wait_state
{
	my ($id, $state, $name) = @_;
	wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", $state, $name);
	return;
}

sub error_of
{
	my ($database, $query) = @_;
	my ($out, $error);
	$node->psql($database, $query, stdout => \$out, stderr => \$error);
	return $error;
}

my $declare = q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.note(payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF payload->>'what' = 'fail' THEN RAISE 'it cannot be done'; END IF;
	PERFORM pg_advisory_xact_lock_shared((payload->>'lock')::integer);
	RETURN payload;
END $$;
CREATE FUNCTION app.spoil(item jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF current_user <> 'queue_owner' THEN RAISE 'transformed by %', current_user; END IF;
	IF item->>'queue' LIKE 'spoilt%' THEN RAISE 'spoilt'; END IF;
	RETURN item;
END $$;
SELECT realtime.queue('note', 'app.note(jsonb)', max_attempts => 1), realtime.queue('hand', visibility => '1 h', max_attempts => 2);
};
sql($declare);

# ---- indexes of an administrator ----

sql(q{
CREATE INDEX by_what ON realtime.job_finished ((payload->>'what'));
CREATE INDEX of_dead ON realtime.job_finished (finished_at) WHERE state = 'dead';
CREATE INDEX of_job ON realtime.job ((payload->>'what'));
});
my $id = sql(q{SELECT realtime.enqueue('note', '{"what": "indexed"}')});
wait_state($id, 'done', 'jobs that are over may have an index of expressions');
is(sql(q{SET enable_seqscan = off; SELECT id FROM realtime.job_finished WHERE payload->>'what' = 'indexed'}), $id, 'which has them');
$id = sql(q{SELECT realtime.enqueue('note', '{"what": "fail"}')});
wait_state($id, 'dead', 'and one that is partial');
is(sql(q{SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT id FROM realtime.job_finished WHERE state = 'dead' ORDER BY finished_at}), $id, 'which has those');
sql('DROP INDEX realtime.by_what, realtime.of_dead, realtime.of_job');

# ---- transactions that are prepared ----

my $taken = q{SELECT string_agg(id::text, ' ') FROM realtime.take_jobs('hand')};
my ($hidden, $seen) = split /\n/, sql(q{BEGIN; SELECT realtime.enqueue('hand'); PREPARE TRANSACTION 'x'; SELECT realtime.enqueue('hand')});
is(sql($taken), $seen, 'a session takes a job behind one that cannot be seen yet');
sql(q{COMMIT PREPARED 'x'});
wait_sql($taken, $hidden, 'the other one is found though nobody tells of it');
my ($first, $second) = split /\n/, sql(q{SELECT realtime.enqueue('hand') FROM generate_series(1, 2)});
is(sql("BEGIN; $taken; PREPARE TRANSACTION 'x'"), $first, 'what is taken in one that is prepared');
is(sql($taken), $second, 'is passed by');
sql(q{ROLLBACK PREPARED 'x'});
wait_sql($taken, $first, 'and is found again when it is rolled back');

# ---- another database ----

$node->safe_psql('postgres', 'CREATE DATABASE other TEMPLATE template0');
$node->safe_psql('other', "CREATE EXTENSION realtime; $declare SELECT realtime.enqueue('hand') FROM generate_series(1, 3)");
my $ws = ws_connect($node);
sql(q{SELECT realtime.topic('job:{id}', open => true)});
like(error_of('other', q{SELECT realtime.run_task('note', '{"what": "elsewhere"}')}), qr/nothing runs jobs of database "other".*"postgres" are run/s, 'a task is refused where no executor is');
is(sql(q{SELECT count(*) FROM realtime.jobs WHERE payload->>'what' = 'elsewhere'}), '0', 'and not run for another database');
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
$id = sql(q{SELECT realtime.enqueue('note', '{"lock": 7}')});
wait_state($id, 'running', 'a job is run');
is($node->safe_psql('other', 'SELECT count(*) FROM realtime.stat_get_jobs()'), '0', 'which another database does not see');
my $same = $node->background_psql('other');
my $ours = $node->safe_psql('other', qq{
SELECT realtime.queue('hand', visibility => '1 h', max_attempts => 2, topic => 'job');
UPDATE realtime.job SET id = $id WHERE id = (SELECT max(id) FROM realtime.job) RETURNING id});
$same->query_safe("BEGIN; SELECT FROM realtime.job WHERE id = $id FOR UPDATE");
like(error_of('other', "SET statement_timeout = 200; SELECT realtime.cancel_job($id)"), qr/statement timeout/, 'who cancels a job of that number there waits for who has it');
is(sql("SELECT state FROM realtime.jobs WHERE id = $id"), 'running', 'and stops no other one');
$same->query_safe('ROLLBACK');
ws_subscribe($ws, "job:$id");
is($node->safe_psql('other', "SELECT realtime.cancel_job($id)"), 't', 'its own is cancelled');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_state($id, 'done', 'the other one ends');
$second = sql(q{SELECT realtime.enqueue('hand')});
is($node->safe_psql('other', q{SELECT count(*) FROM realtime.take_jobs('hand', 10)}), '2', 'jobs can be taken there');
is(sql($taken), $second, 'which keeps none from those who take them here');
sql(qq{SELECT realtime.publish('job:$id', 'end', '{}')});
is(ws_wait($ws, sub { ($_->{topic} // '') eq "job:$id" })->{event}, 'end', 'nor are clients told of them');

# ---- topics that cannot be told ----

sql(q{
CREATE ROLE queue_owner;
GRANT realtime_admin TO queue_owner;
SELECT realtime.topic('told:{id}', open => true);
SELECT realtime.stream('job/told', 'told:{id}', merge => 'set', transform => 'app.spoil(jsonb)');
SET ROLE queue_owner;
SELECT realtime.queue('spoilt', 'app.note(jsonb)', topic => 'told', max_attempts => 2, backoff => '0');
SELECT realtime.queue('spoilt/hand', visibility => '50 ms', max_attempts => 1, topic => 'told');
SELECT realtime.queue('whole', visibility => '50 ms', max_attempts => 1, topic => 'told');
});
$id = sql(q{SELECT realtime.enqueue('spoilt', '{"what": "told"}')});
wait_state($id, 'done', 'a job is done though its topic cannot be told');
$id = sql(q{SELECT realtime.enqueue('spoilt', '{"what": "fail"}')});
wait_state($id, 'dead', 'and its attempts count if it fails');
is(sql("SELECT attempts FROM realtime.jobs WHERE id = $id"), '2', 'all of them');
my ($spoilt, $whole) = split /\n/, sql(q{SELECT realtime.enqueue('spoilt/hand'); SELECT realtime.enqueue('whole')});
ws_subscribe($ws, "told:$whole");
is(sql(q{SELECT count(*) FROM realtime.take_jobs('spoilt/hand') a, realtime.take_jobs('whole') b}), '1', 'jobs that are taken and lost');
wait_state($spoilt, 'dead', 'are dead, one whose topic cannot be told');
wait_state($whole, 'dead', 'and others');
is(ws_wait($ws, sub { ($_->{topic} // '') eq "told:$whole" })->{data}{state}, 'dead', 'of which is told as their owner');
my $hand = sql(q{SELECT realtime.enqueue('spoilt/hand')});
like(error_of('postgres', q{SELECT realtime.finish_job(id) FROM realtime.take_jobs('spoilt/hand', visibility => '1 h')}), qr/WARNING:  what has become of job $hand of queue "spoilt\/hand" is not told.*spoilt/s, 'a session is warned');
is(sql("SELECT state FROM realtime.jobs WHERE id = $hand"), 'done', 'and has finished it');

# ---- many that are due ----

sql(q{ALTER SYSTEM SET realtime.jobs = off; SELECT pg_reload_conf()});
wait_sql('SHOW realtime.jobs', 'off', 'nothing is run for a while');
sql(q{INSERT INTO realtime.job (queue, ready, run_at) SELECT 'hand', false, now() - interval '1 s' FROM generate_series(1, 4000); ALTER SYSTEM RESET realtime.jobs; SELECT pg_reload_conf()});
sql(q{SELECT realtime.enqueue('note', run_at => now() + interval '1 ms')});
wait_sql(q{SELECT count(*) FROM realtime.job WHERE queue = 'hand' AND NOT ready AND NOT taken}, '0', 'many are made ready');
$_->quit for $holder, $same;
$node->stop('fast');
done_testing();
