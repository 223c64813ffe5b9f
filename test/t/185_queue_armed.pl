# Queues: who commits a job wakes an executor itself, with a request that the scheduler has armed.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'realtime.job_executors' => 1);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql('SELECT * FROM realtime.jobs'));
	return;
}

# Requests that are armed, or at work.
sub wait_requests
{
	my ($count, $name) = @_;
	wait_sql(q{SELECT substring(realtime.metrics_text() FROM 'realtime_request_slots ([0-9]+)')}, $count, $name);
	return;
}

sub scheduler { return sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'realtime scheduler'}); }
sub run_one { my ($queue, $name) = @_; my $id = sql("SELECT realtime.enqueue('$queue')"); wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'done', $name); return; }

sql(q{
CREATE SCHEMA app;
CREATE FUNCTION app.nothing(payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF payload = '1' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
END $$;
SELECT realtime.queue('one', 'app.nothing(jsonb)'), realtime.queue('two', 'app.nothing(jsonb)', priority => -1);
});

# ---- one queue has what jobs may have ----

run_one('two', 'a job is run');
run_one('one', 'and one of another queue');
wait_requests(1, 'a request is armed for the next');
my $pid = scheduler();
kill 'STOP', $pid;
run_one('one', 'which is run though the scheduler stands still');
kill 'CONT', $pid;
run_one('two', 'the other queue gets its share');
run_one('one', 'and this one again');
wait_requests(1, 'one is armed, as jobs may have no more');

# A job that is committed before the scheduler hears that the last one has ended.
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
my $held = sql(q{SELECT realtime.enqueue('one', '1')});
wait_sql(q{SELECT count(*) FROM realtime.stat_get_jobs()}, '1', 'a job takes long');
kill 'STOP', $pid;
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $held", 'done', 'and ends');
my $wished = sql(q{SELECT realtime.enqueue('one')});
kill 'CONT', $pid;
wait_sql("SELECT state FROM realtime.jobs WHERE id = $wished", 'done', 'the next one was wished for before anything was armed');
wait_requests(1, 'then the next is');

# ---- its share ----

configure($node, 'realtime.job_executors' => 2);
run_one($_, "with two, $_") for qw(one two);
wait_requests(2, 'two are armed');
configure($node, 'realtime.job_executors' => 1);
wait_requests(1, 'one, as soon as jobs may have no more');
run_one($_, "with one, $_") for qw(one two);
wait_requests(1, 'still');

# ---- queues that share a place, of which there are 256, are not armed ----

my ($same) = split /\n/, sql(q{SELECT 'same' || n FROM generate_series(1, 5000) n WHERE hashtextextended('same' || n, 0) & 255 = hashtextextended('one', 0) & 255});
sql("SELECT realtime.queue('$same', 'app.nothing(jsonb)', priority => -2)");
run_one($_, "one that has its place with another: $_") for ('one', $same, 'one', $same);
sql("BEGIN; SELECT realtime.enqueue('$same') FROM generate_series(1, 20); SELECT realtime.enqueue('one') FROM generate_series(1, 20); COMMIT");
wait_sql('SELECT count(*) FROM realtime.job', '0', 'both together');
wait_requests(0, 'none of them is armed');
sql("SELECT realtime.drop('$same')");
run_one('one', 'until it is alone');
wait_requests(1, 'then it is');

# ---- it goes with what it is for ----

# What the scheduler has armed is at work when that ends.
$pid = scheduler();
kill 'STOP', $pid;
$holder->query_safe('SELECT pg_advisory_lock(7)');
$held = sql(q{SELECT realtime.enqueue('one', '1')});
wait_sql(q{SELECT count(*) FROM realtime.stat_get_jobs()}, '1', 'what was armed is at work');
kill 'TERM', $pid;
kill 'CONT', $pid;
wait_sql(qq{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime scheduler' AND pid <> $pid}, '1', 'the scheduler ends meanwhile');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $held", 'done', 'the job ends');
wait_requests(1, 'nothing is left of the request, and the next is armed');
run_one('one', 'which is as good');
$holder->quit;
$pid = scheduler();

sql('SELECT pg_terminate_backend(' . scheduler() . ')');
wait_sql(qq{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime scheduler' AND pid <> $pid}, '1', 'the scheduler ends');
wait_requests(1, 'and with it what it had armed; the next one arms anew');
run_one('one', 'which is as good');
sql(q{SELECT realtime.queue('one', 'app.nothing(jsonb)', active => false), realtime.queue('two', 'app.nothing(jsonb)', active => false)});
wait_requests(0, 'queues that rest have none');
sql(q{SELECT realtime.queue('one', 'app.nothing(jsonb)')});
wait_requests(1, 'one that goes on has');
sql(q{ALTER SYSTEM SET realtime.jobs = off});
$node->reload;
wait_sql(q{SELECT current_setting('realtime.jobs')}, 'off', 'jobs are stopped');
my $id = sql(q{SELECT realtime.enqueue('one')});
wait_requests(0, 'what was armed finds that out');
is(sql("SELECT state FROM realtime.jobs WHERE id = $id"), 'waiting', 'and runs nothing');
sql(q{ALTER SYSTEM RESET realtime.jobs});
$node->reload;
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'done', 'until they go on');
$node->stop('fast');
done_testing();
