# Queues: what a key of order that cannot be had costs others, and what the order is among keys; and what a queue that is
# full counts.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 10, 'max_prepared_transactions' => 4);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub error_of { my ($query) = @_; return ($node->psql('postgres', "\\set VERBOSITY verbose\n$query"))[2]; }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql('SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5'));
	return;
}

sub wait_state { my ($id, $state, $name) = @_; wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", $state, $name); return; }

# So many looks for jobs have been taken.
sub look_often
{
	my ($times) = @_;
	wait_state(sql(q{SELECT realtime.enqueue('work')}), 'done', 'jobs go on') for 1 .. $times;
	return;
}

# Not found by a look at what nobody has told of.
sub was_soon
{
	my ($id, $name) = @_;
	is(sql("SELECT finished_at < created_at + interval '20 s' FROM realtime.jobs WHERE id = $id"), 't', $name);
	return;
}

sql(q{
CREATE SCHEMA app;
CREATE ROLE stranger;
GRANT EXECUTE ON FUNCTION realtime.retry_job(bigint) TO stranger;
CREATE FUNCTION app.work(payload jsonb, job bigint, attempt integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF payload ? 'fails' THEN RAISE 'not yet'; END IF;
	PERFORM pg_advisory_xact_lock_shared((payload->>'lock')::integer);
END $$;
SELECT realtime.queue('work', 'app.work(jsonb, bigint, integer)', backoff => '1 h'), realtime.queue('hand'),
	realtime.queue('small', 'app.work(jsonb, bigint, integer)', backoff => '1 h', jitter => 0, max_size => 1);
});
my ($holder, $one, $two) = map { $node->background_psql('postgres') } 1 .. 3;
my $locked = q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 21066 AND pid = pg_backend_pid()};
my $taken = q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM realtime.take_jobs('hand', %d)};

# ---- no key ----

like(error_of(q{SELECT realtime.enqueue('work', order_key => '')}), qr/22023.*order_key must not be empty/s, 'a key is not empty');

# ---- a key that is not free ----

$holder->query_safe('SELECT pg_advisory_lock(7)');
my $long = sql(q{SELECT realtime.enqueue('work', '{"lock": 7}', order_key => 'a')});
wait_state($long, 'running', 'a job takes long');
my $first = sql(q{SELECT realtime.enqueue('work', priority => 5, order_key => 'a')});
my $xid = sql('SELECT pg_current_xact_id()');
look_often(20);
cmp_ok(sql('SELECT pg_current_xact_id()') - $xid, '<', 200, 'nobody tries again and again to begin with the next of its key');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_state($first, 'done', 'which is run then');
was_soon($first, 'soon');

sql(q{SELECT realtime.queue('work', 'app.work(jsonb, bigint, integer)', backoff => '1 h', active => false)});
my $held = sql(q{SELECT realtime.enqueue('work', order_key => 'b')});
my @others = split /\n/, sql(q{SELECT realtime.enqueue('work', order_key => 'key ' || n) FROM generate_series(1, 5) n});
$one->query_safe("BEGIN; SELECT realtime.cancel_job($held)");
sql(q{SELECT realtime.queue('work', 'app.work(jsonb, bigint, integer)', backoff => '1 h')});
wait_state($_, 'done', 'one that a session has in its hands keeps nobody with another key') for @others;
look_often(3);
$one->query_safe('ROLLBACK');
wait_state($held, 'done', 'and is run when it is let go');
was_soon($held, 'soon, too');

# ---- a session ----

my @ids = split /\n/, sql(q{SELECT realtime.enqueue('hand', order_key => 'a') FROM generate_series(1, 2)});
is($one->query_safe('BEGIN; ' . sprintf $taken, 1), $ids[0], 'a session has one');
$first = sql(q{SELECT realtime.enqueue('hand', order_key => 'a', priority => 5)});
is($two->query_safe('BEGIN; ' . sprintf $taken, 1), '', 'the next is not to be had');
is($two->query_safe($locked), '0', 'so its key is not locked');
is(sql("SELECT id FROM realtime.job WHERE id = $first FOR UPDATE SKIP LOCKED"), $first, 'nor its row');
$_->query_safe('ROLLBACK') for $one, $two;
$one->query_safe("BEGIN; SELECT FROM realtime.job WHERE id = $first FOR UPDATE");
is($two->query_safe('BEGIN; ' . sprintf $taken, 1), '', 'one whose row another has is not to be had');
is($two->query_safe($locked), '0', 'and its key is not locked');
$_->query_safe('ROLLBACK') for $one, $two;
sql('DELETE FROM realtime.job');

@ids = split /\n/, sql(q{SELECT realtime.enqueue('hand', order_key => 'key ' || n) FROM generate_series(1001, 1150) n});
is($one->query_safe('BEGIN; ' . sprintf $taken, 1000), "@ids[0 .. 99]", 'a session has a hundred keys');
is($two->query_safe('BEGIN; ' . sprintf $taken, 1000), "@ids[100 .. 149]", 'another one the others');
$_->query_safe('ROLLBACK') for $one, $two;
$one->query_safe("BEGIN; SELECT FROM realtime.job WHERE id <= $ids[139] FOR UPDATE");
is($two->query_safe('BEGIN; ' . sprintf $taken, 10), "@ids[140 .. 149]", 'so it is if their rows are not to be had');
$_->query_safe('ROLLBACK') for $one, $two;
sql('DELETE FROM realtime.job');

# ---- the order ----

my @expected;
for my $n (1 .. 12)
{
	my ($priority, $key) = ($n % 3, $n % 2 ? "'key $n'" : 'NULL');
	push @expected, [ $priority, sql("SELECT realtime.enqueue('hand', priority => $priority, order_key => $key)") ];
}
@expected = map { $_->[1] } sort { $b->[0] <=> $a->[0] || $a->[1] <=> $b->[1] } @expected;
my @got = map { sql(sprintf $taken, 1) } @expected;
is("@got", "@expected", 'jobs are had by priority, then by age, with keys or without');
sql('DELETE FROM realtime.job');

# ---- many that wait ----

sql(q{SELECT realtime.enqueue('hand', order_key => 'key ' || n, run_at => now() + interval '1 hour') FROM generate_series(1, 1000) n});
my $scans = sql('BEGIN; ' . sprintf($taken, 1) . q{; SELECT pg_stat_get_xact_numscans(oid) FROM pg_class WHERE relname IN ('job_ordered', 'job_ordered_ready'); ROLLBACK});
cmp_ok($_, '<', 10, 'a look does not pass keys whose jobs are all to come') for grep { length } split /\n/, $scans;
sql('DELETE FROM realtime.job');

# ---- tried again ----

my $dead = sql(q{SELECT realtime.enqueue('hand', unique_key => 'secret')});
sql("SELECT realtime.cancel_job($dead); SELECT realtime.enqueue('hand', unique_key => 'secret')");
like(error_of("SET ROLE stranger; SELECT realtime.retry_job($dead)"), qr/42501.*must be owner of queue/s, 'who may not try one again learns nothing of others');
sql('DELETE FROM realtime.job');

# ---- a queue that is full ----

$holder->query_safe('SELECT pg_advisory_lock(7)');
my $running = sql(q{SELECT realtime.enqueue('small', '{"lock": 7}')});
wait_state($running, 'running', 'a job is run');
my $waiting = sql(q{SELECT realtime.enqueue('small', order_key => 'x', run_at => now() + interval '1 hour'); SELECT realtime.queue('small', 'app.work(jsonb, bigint, integer)', backoff => '1 h', jitter => 0, max_size => 1, concurrency => 1);
	SELECT realtime.enqueue('small', '{"fails": true}')});
($waiting) = $waiting =~ /(\d+)\s*\z/;
like(error_of(q{SELECT realtime.enqueue('small')}), qr/RT529.*1 jobs wait to be run/s, 'one that runs does not count, one that waits does');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_sql("SELECT attempts FROM realtime.jobs WHERE id = $waiting", '1', 'that one fails');
like(error_of(q{SELECT realtime.enqueue('small')}), qr/RT529/, 'and counts while it waits for its next attempt');
is(sql("SELECT realtime.cancel_job($waiting)"), 't', 'until it is over');
wait_state(sql(q{SELECT realtime.enqueue('small')}), 'done', 'then there is room');

# ---- attempts that were none ----

$held = sql(q{SELECT realtime.queue('work', 'app.work(jsonb, bigint, integer)', active => false); SELECT realtime.enqueue('work', order_key => 'c')});
($held) = $held =~ /(\d+)\s*\z/;
is(sql(q{BEGIN; SELECT id FROM realtime.take_jobs('work'); PREPARE TRANSACTION 'has one'}), $held, 'a prepared transaction has one');
$first = sql(q{SELECT realtime.enqueue('work', priority => 5, order_key => 'c')});
$_->quit for $holder, $one, $two;
$node->stop('immediate');
$node->start;
sql(q{SELECT realtime.queue('work', 'app.work(jsonb, bigint, integer)')});
look_often(7);
is(sql("SELECT state || ' ' || crashes FROM realtime.jobs JOIN realtime.job USING (id) WHERE id = $first"), 'waiting 0', 'one that waits for that was not tried');
sql(q{ROLLBACK PREPARED 'has one'});
wait_state($first, 'done', 'and is run then');
wait_state($held, 'done', 'behind it the other one');
$node->stop('fast');
done_testing();
