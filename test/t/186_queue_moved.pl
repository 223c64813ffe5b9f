# Queues: a job that an executor has claimed and comes to when its row is elsewhere, or in another's hands for a
# moment, is run all the same, and soon; so is one that it has tried, while it does others.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql('SELECT * FROM realtime.jobs'));
	return;
}

sql(q{
CREATE SCHEMA app;
CREATE FUNCTION app.pass(payload jsonb, job bigint, attempt integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF payload = '"once"' AND attempt = 1 THEN RAISE division_by_zero; END IF;
	IF payload = '"move"' THEN UPDATE realtime.job SET attempts = 1 WHERE job.payload = '"moved"'; END IF;
	IF payload = '1' THEN PERFORM pg_advisory_xact_lock_shared(7); END IF;
END $$;
SELECT realtime.queue('pass', 'app.pass(jsonb, bigint, integer)', concurrency => 1);
});
my $holder = $node->background_psql('postgres');

# Jobs are known to be short, so an executor claims several.
sub be_short
{
	sql(q{SELECT realtime.enqueue('pass') FROM generate_series(1, 30)});
	wait_sql('SELECT count(*) FROM realtime.job', '0', 'jobs are short');
	return;
}

# Its executor waits in the first of two; returns the second.
sub hold_first
{
	be_short();
	$holder->query_safe('SELECT pg_advisory_lock(7)');
	sql(q{SELECT realtime.queue('pass', 'app.pass(jsonb, bigint, integer)', concurrency => 1, active => false)});
	my ($first, $second) = split /\n/, sql(q{SELECT realtime.enqueue('pass', to_jsonb(n)) FROM generate_series(1, 2) n});
	sql(q{SELECT realtime.queue('pass', 'app.pass(jsonb, bigint, integer)', concurrency => 1)});
	wait_sql("SELECT count(*) FROM realtime.stat_get_jobs() WHERE id = $first", '1', 'the first one is run');
	return $second;
}

# With the scheduler out of the way nobody but the executor of the first can run the second.
be_short();
wait_sql(q{SELECT substring(realtime.metrics_text() FROM 'realtime_request_slots ([0-9]+)')}, '1', 'an executor is asked for the next');
my $scheduler = sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'realtime scheduler'});
kill 'STOP', $scheduler;
my (undef, $second) = split /\n/, sql(q{SELECT realtime.enqueue('pass', payload) FROM unnest('{"\"move\"", "\"moved\""}'::jsonb[]) payload});
wait_sql("SELECT state || ' ' || attempts FROM realtime.jobs WHERE id = $second", 'done 2', 'the second one is, too, though its row has moved');
kill 'CONT', $scheduler;

# What somebody has had for a moment is looked at again.
$second = hold_first();
my $other = $node->background_psql('postgres');
$other->query_safe("BEGIN; SELECT FROM realtime.job WHERE id = $second FOR UPDATE");
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql('SELECT count(*) FROM realtime.job', '1', 'an executor passes by one that is locked');
$other->query_safe('ROLLBACK');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $second", 'done', 'it is run afterwards');

# What has failed is not left to who has tried it and does another one: somebody else is there at once.  Nobody
# but the look of 30 seconds would find it.
my $both = q{SELECT realtime.queue('pass', 'app.pass(jsonb, bigint, integer)', concurrency => 2, backoff => '0', active => %s)};
be_short();
$holder->query_safe('SELECT pg_advisory_lock(7)');
sql(sprintf $both, 'false');
my ($failing) = split /\n/, sql(q{SELECT realtime.enqueue('pass', payload) FROM unnest('{"\"once\"", "1"}'::jsonb[]) payload});
sql(sprintf $both, 'true');
wait_sql("SELECT state || ' ' || attempts FROM realtime.jobs WHERE id = $failing", 'done 2', 'one that has failed is tried again');
wait_sql("SELECT finished_at < created_at + interval '20 s' FROM realtime.jobs WHERE id = $failing", 't', 'while who has tried it does something else');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql('SELECT count(*) FROM realtime.job', '0', 'which ends, too');
$_->quit for $holder, $other;
$node->stop('fast');
done_testing();
