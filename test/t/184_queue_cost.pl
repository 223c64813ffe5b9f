# Queues: what they spare others.  Nobody waits for the flush of a job that has taken long, short ones share
# one, and have two executors for each processor; who takes jobs does not go through those that are gone.
use strict;
use warnings;

use List::Util qw(sum);
use Test::More;

use RealtimeLife;
use RealtimeTest;

chomp(my $processors = `getconf _NPROCESSORS_ONLN`);
my $most = 2 * $processors;	# executors for short jobs
my $executors = 4 * $most;	# of which jobs may have half
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => $executors, 'max_worker_processes' => $executors + 16);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub flushes { return sql('SELECT sum(flushes) FROM realtime.stat_executor'); }

sub run_jobs
{
	my ($queue, $count) = @_;
	sql("SELECT realtime.enqueue('$queue') FROM generate_series(1, $count)");
	ok($node->poll_query_until('postgres', 'SELECT count(*) FROM realtime.job', '0'), "$count jobs are run");
	return;
}

sql(q{
CREATE SCHEMA app;
CREATE TABLE app.done (job bigint);
CREATE FUNCTION app.note(payload jsonb, job bigint) RETURNS void LANGUAGE sql AS 'INSERT INTO app.done VALUES (job)';
CREATE FUNCTION app.nap(payload jsonb, job bigint) RETURNS void LANGUAGE sql AS 'INSERT INTO app.done VALUES (job); SELECT pg_sleep(0.02)';
CREATE FUNCTION app.most() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	most bigint := 0;
BEGIN
	WHILE EXISTS (SELECT FROM realtime.job) LOOP
		most := greatest(most, (SELECT count(*) FROM realtime.stat_get_jobs()));
	END LOOP;
	RETURN most;
END $$;
SELECT realtime.queue('note', 'app.note(jsonb, bigint)'), realtime.queue('nap', 'app.nap(jsonb, bigint)'), realtime.queue('hand');
});

# ---- flushes ----

run_jobs('nap', 6);
is(flushes(), '0', 'jobs that take long are flushed before others see them');
run_jobs('note', 500);
ok($node->poll_query_until('postgres', 'SELECT sum(flushes) BETWEEN 1 AND 250 FROM realtime.stat_executor', 't'), 'short ones share a flush')
  or diag(flushes());

# ---- executors ----

# one that the machine holds up for a moment is not counted as short: then again
ok(poll_until(sub {
	sql(q{SELECT realtime.queue('note', 'app.note(jsonb, bigint)', active => false); SELECT realtime.enqueue('note') FROM generate_series(1, 5000)});
	sql(q{SELECT realtime.queue('note', 'app.note(jsonb, bigint)')});
	return sql('SELECT app.most()') <= $most + 2;
}), 'short ones have two executors for each processor');
sql('SELECT realtime.enqueue($$nap$$) FROM generate_series(1, 100)');
cmp_ok(sql('SELECT app.most()'), '>', $most + 2, 'those that wait have more');

# ---- the start of a queue that sessions take jobs of ----

my $reader = $node->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM realtime.job');
sql(q{SELECT realtime.enqueue('hand') FROM generate_series(1, 300)});
my $take = q{BEGIN;
SELECT realtime.finish_job(id) FROM realtime.take_jobs('hand', 20);
SELECT 'read', pg_stat_get_xact_tuples_returned('realtime.job_ready'::regclass);
COMMIT;
};
my @read = sql($take x 15) =~ /^read\|(\d+)$/mg;
is(sql('SELECT count(*) FROM realtime.job'), '0', 'sessions take jobs that an old transaction may still see');
# They are counted from when the session has last told of them, which it does at times.
my $total = sum(map { $read[$_] - ($_ > 0 && $read[$_] >= $read[ $_ - 1 ] ? $read[ $_ - 1 ] : 0) } 0 .. $#read);
is(scalar(@read), 15, 'each says what has been read');
cmp_ok($total, '<', 1000, 'without going through those that are gone') or diag("@read");
cmp_ok($total, '>=', 300, 'which is counted');
my $one = $node->background_psql('postgres');
my ($first, $second) = split /\n/, sql(q{SELECT realtime.enqueue('hand') FROM generate_series(1, 2)});
my $taken = q{SELECT string_agg(id::text, ' ') FROM realtime.take_jobs('hand')};
$one->query_safe('BEGIN');
is($one->query_safe($taken), $first, 'what one has taken');
is(sql("BEGIN; $taken; COMMIT"), $second, 'is left out by another');
is(sql(q{SELECT count(*) FROM realtime.take_jobs('hand')}), '0', 'then there is none');
$one->query_safe('ROLLBACK');
is(sql($taken), $first, 'but that one is there again when it is given back');
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM realtime.job');
my $third = sql(q{SELECT realtime.enqueue('hand')});
is($old->query_safe(q{SELECT count(*) FROM realtime.take_jobs('hand')}), '0', 'who looks with an old snapshot does not see a new one');
$old->query_safe('COMMIT');
is(sql($taken), $third, 'nor keep it from others');
$one->query_safe('BEGIN; SAVEPOINT s');
$third = sql(q{SELECT realtime.enqueue('hand')});
is($one->query_safe($taken), $third, 'one that is taken');
is(sql($taken), '', 'while it is');
$one->query_safe('ROLLBACK TO s; COMMIT');
is(sql($taken), $third, 'and given back by a savepoint is there after the transaction');
$_->quit for $reader, $one, $old;
$node->stop('fast');
done_testing();
