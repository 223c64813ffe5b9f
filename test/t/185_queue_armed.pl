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
CREATE FUNCTION app.nothing(payload jsonb) RETURNS void LANGUAGE sql AS 'SELECT';
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

# ---- it goes with what it is for ----

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
