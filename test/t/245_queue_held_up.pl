# Queues: what a job that waits holds up.  Nobody but its executor: neither jobs that this one has claimed besides nor
# the queue, however many of its executors wait; and who cancels a job stops who has it, or waits for that.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

chomp(my $processors = `getconf _NPROCESSORS_ONLN`);
my $most = 2 * $processors;	# executors for short jobs
my $executors = $most + 6;
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => $executors, 'realtime.job_executors' => $most + 2,
	'max_worker_processes' => $executors + 16);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql('SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5'));
	return;
}

# Not found by the look of 30 seconds at what nobody has told of.
sub were_soon
{
	my ($ids, $name) = @_;
	is(sql("SELECT count(*) FROM realtime.jobs WHERE id IN ($ids) AND finished_at > created_at + interval '20 s'"), '0', $name);
	return;
}

sub running { my ($count, $name) = @_; wait_sql('SELECT count(*) FROM realtime.stat_get_jobs()', $count, $name); return; }

sql(q{
CREATE SCHEMA app;
CREATE SEQUENCE app.tries;
CREATE FUNCTION app.pass(payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF payload = '21' THEN
		IF nextval('app.tries') = 1 THEN RAISE SQLSTATE '40001'; END IF;
	END IF;
	IF payload IN ('1', '21') THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
END $$;
SELECT realtime.queue('pass', 'app.pass(jsonb)');
});
my $holder = $node->background_psql('postgres');
my $other = $node->background_psql('postgres');

# Jobs are known to be short, so an executor claims several.
sub be_short
{
	sql(q{SELECT realtime.enqueue('pass') FROM generate_series(1, 500)});
	wait_sql('SELECT count(*) FROM realtime.job', '0', 'jobs are short');
	$holder->query_safe('SELECT pg_advisory_lock(7)');
	return;
}

sub let_go
{
	$holder->query_safe('SELECT pg_advisory_unlock(7)');
	wait_sql('SELECT count(*) FROM realtime.job', '0', 'those that waited end');
	return;
}

# ---- behind one that waits ----

be_short();
my $ids = join ',', split /\n/, sql(q{SELECT realtime.enqueue('pass', to_jsonb(n)) FROM generate_series(1, 20) n});
wait_sql('SELECT count(*) FROM realtime.job', '1', 'those that its executor has claimed are run by others');
were_soon($ids, 'at once');
let_go();

# One that is tried again at once, and waits only then.
be_short();
$ids = join ',', split /\n/, sql(q{SELECT realtime.enqueue('pass', to_jsonb(n)) FROM generate_series(21, 40) n});
wait_sql('SELECT count(*) FROM realtime.job', '1', 'so are those behind one that is tried again');
is(sql(q{SELECT last_value FROM app.tries}), '2', 'which it was');
were_soon($ids, 'at once');
let_go();

# ---- many that wait ----

be_short();
sql("SELECT realtime.enqueue('pass', '1') FROM generate_series(1, $most)");
running($most, 'as many jobs wait as short ones have executors');
$ids = sql(q{SELECT realtime.enqueue('pass')});
wait_sql("SELECT state FROM realtime.jobs WHERE id = $ids", 'done', 'another one has one more');
were_soon($ids, 'at once, too');
let_go();

# ---- cancelled while an executor tries in vain ----

# One that stands still has begun with a job, and does not come to lock it before a session does.
sql(q{SELECT realtime.queue('pass', 'app.pass(jsonb)', active => false)});
my $id = sql(q{SELECT realtime.enqueue('pass')});
$other->query_safe('BEGIN; LOCK TABLE realtime.job IN SHARE MODE');
sql(q{SELECT realtime.queue('pass', 'app.pass(jsonb)')});
my $waiting = q{SELECT %s FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE relation = 'realtime.job'::regclass AND NOT granted AND backend_type = 'realtime executor'};
wait_sql(sprintf($waiting, 'count(*)'), '1', 'an executor is about to lock a job');
my $pid = sql(sprintf $waiting, 'pid');
kill 'STOP', $pid;
$other->query_safe("COMMIT; BEGIN; SELECT FROM realtime.job WHERE id = $id FOR UPDATE");
$holder->query_until(qr//, "SELECT realtime.cancel_job($id);\n\\echo cancelled\n");
wait_sql(q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'cancel_job' AND wait_event_type = 'Extension'}, '1', 'who cancels it waits for what becomes of that');
is(sql("SELECT state FROM realtime.jobs WHERE id = $id"), 'waiting', 'nobody runs it');
kill 'CONT', $pid;
wait_sql(q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'realtime.cancel_job' AND wait_event_type = 'Lock'}, '1', 'then for who has it');
$other->query_safe('ROLLBACK');
$holder->query_until(qr/cancelled/, '');
is(sql("SELECT state FROM realtime.jobs WHERE id = $id"), 'cancelled', 'and it is cancelled');
$_->quit for $holder, $other;
$node->stop('fast');
done_testing();
