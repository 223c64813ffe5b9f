# Queues: jobs with one key are run one after the other, whoever runs them, while those of other keys go on; and a queue
# that has enough refuses more.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 10);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql('SELECT * FROM realtime.jobs ORDER BY id DESC LIMIT 5'));
	return;
}

sub wait_state { my ($id, $state, $name) = @_; wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", $state, $name); return; }
sub error_of { my ($query) = @_; return ($node->psql('postgres', $query))[2]; }

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.done (n serial, key text, job bigint, xid xid8 DEFAULT pg_current_xact_id(), seen pg_snapshot DEFAULT pg_current_snapshot());
CREATE FUNCTION app.work(payload jsonb, job bigint, attempt integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	my_key text := (SELECT order_key FROM realtime.job j WHERE j.id = work.job);
BEGIN
	INSERT INTO app.done (key, job) VALUES (my_key, work.job);
	IF attempt <= (payload->>'fails')::integer THEN RAISE 'not yet'; END IF;
	PERFORM pg_advisory_xact_lock_shared((payload->>'lock')::integer);
	PERFORM pg_sleep((payload->>'s')::float8);
END $$;
SELECT realtime.queue('work', 'app.work(jsonb, bigint, integer)', backoff => '10 ms'), realtime.queue('hand', max_attempts => 1, visibility => '1 h'),
	realtime.queue('small', max_size => 3);
CREATE FUNCTION app.fill() RETURNS bigint LANGUAGE sql AS $$SELECT realtime.enqueue('small')$$;
SELECT realtime.rpc('app/fill', 'app.fill()');
});
my $late = q{SELECT count(*) FROM (SELECT job < lag(job) OVER (PARTITION BY key ORDER BY n) AS late FROM app.done WHERE key <> '') x WHERE late};
# Neither has seen what the other one did.
my $beside = q{SELECT count(*) FROM app.done a JOIN app.done b USING (key) WHERE a.job < b.job AND NOT pg_visible_in_snapshot(a.xid, b.seen) AND NOT pg_visible_in_snapshot(b.xid, a.seen)};

# ---- one after the other ----

sql(q{SELECT realtime.enqueue('work', jsonb_build_object('fails', (n % 7 = 0)::integer, 's', (n % 5) * 0.001), order_key => 'key ' || n % 3) FROM generate_series(1, 120) n;
SELECT realtime.enqueue('work') FROM generate_series(1, 50)});
wait_sql('SELECT count(*) FROM realtime.job', '0', 'jobs with keys and without are run');
is(sql('SELECT count(*) FROM app.done'), '170', 'each once');
is(sql($late), '0', 'those of a key in order');
is(sql($beside), '0', 'one at a time');
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
my ($first, $second) = split /\n/, sql(q{SELECT realtime.enqueue('work', payload, order_key => 'a') FROM unnest('{"{\"lock\": 7}", "{}"}'::jsonb[]) payload});
my $other = sql(q{SELECT realtime.enqueue('work', order_key => 'b')});
wait_state($other, 'done', 'one that waits keeps nobody with another key');
is(sql("SELECT string_agg(state, ' ' ORDER BY id) FROM realtime.jobs WHERE id IN ($first, $second)"), 'running waiting', 'but those behind it with its own');
is(sql(q{SELECT ready || ' ' || running FROM realtime.stat_queue WHERE queue = 'work'}), '2 1', 'which a view counts');
my $before = sql(q{SELECT realtime.enqueue('work', priority => 5, order_key => 'a')});
is(sql("SELECT realtime.cancel_job($second)"), 't', 'one of them can be cancelled');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_state($before, 'done', 'one of a higher priority comes first, but after the one that is run');
is(sql($beside), '0', 'not beside it');
$first = sql(q{SELECT realtime.enqueue('work', order_key => 'c', run_at => now() + interval '1 hour')});
$second = sql(q{SELECT realtime.enqueue('work', order_key => 'c')});
wait_state(sql(q{SELECT realtime.enqueue('work', order_key => 'd')}), 'done', 'one whose time is to come');
is(sql("SELECT state FROM realtime.jobs WHERE id = $second"), 'waiting', 'is waited for');
is(sql("SELECT realtime.cancel_job($first)"), 't', 'until it is cancelled');
wait_state($second, 'done', 'then the next has its turn');
is(sql("SELECT order_key FROM realtime.jobs WHERE id = $first"), 'c', 'the key is kept');
sql("SELECT realtime.retry_job($first)");
wait_state($first, 'done', 'and had again by one that is tried again');

# ---- sessions ----

my $taken = q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM realtime.take_jobs('hand', 10)};
my @a = split /\n/, sql(q{SELECT realtime.enqueue('hand', order_key => 'a') FROM generate_series(1, 3)});
my @b = split /\n/, sql(q{SELECT realtime.enqueue('hand', order_key => 'b') FROM generate_series(1, 2)});
my $free = sql(q{SELECT realtime.enqueue('hand')});
is(sql($taken), "$a[0] $b[0] $free", 'a session gets the first of each key, and those without');
is(sql($taken), '', 'others get nothing while it has them');
is(sql("SELECT realtime.finish_job($a[0])"), 't', 'it finishes one');
is(sql("BEGIN; $taken; ROLLBACK"), $a[1], 'the next has its turn');
is(sql($taken), $a[1], 'again, as that was rolled back');
sql("SELECT realtime.extend_job($a[1], '1 ms')");
wait_sql($taken, $a[2], 'one that is lost is over');
sql("SELECT realtime.finish_job($_)") for $b[0], $a[2];
is(sql($taken), $b[1], 'and one that is done');
sql("SELECT realtime.finish_job($b[1])");

# One that was enqueued before, and is committed after another one has been taken.
my ($slow, $one) = map { $node->background_psql('postgres') } 1 .. 2;
my $early = $slow->query_safe(q{BEGIN; SELECT realtime.enqueue('hand', order_key => 'e')});
my $later = sql(q{SELECT realtime.enqueue('hand', order_key => 'e')});
is($one->query_safe("BEGIN; $taken"), $later, 'one is taken that was enqueued after another');
$slow->query_safe('COMMIT');
is(sql($taken), '', 'which does not come beside it');
$one->query_safe('COMMIT');
is(sql($taken), '', 'nor when that is committed');
is(sql("SELECT realtime.finish_job($later)"), 't', 'but when it is done');
is(sql($taken), $early, 'it is there');
$early = $slow->query_safe(q{BEGIN; SELECT realtime.enqueue('work', order_key => 'f')});
$holder->query_safe('SELECT pg_advisory_lock(7)');
$later = sql(q{SELECT realtime.enqueue('work', '{"lock": 7}', order_key => 'f')});
wait_state($later, 'running', 'an executor runs one that was enqueued after another');
$slow->query_safe('COMMIT');
wait_state(sql(q{SELECT realtime.enqueue('work')}), 'done', 'which is looked at');
is(sql("SELECT state FROM realtime.jobs WHERE id = $early"), 'waiting', 'and not run beside it');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
wait_state($early, 'done', 'but then');
is(sql($beside), '0', 'never two of a key were run at once');
sql(q{SELECT realtime.queue('by/both', 'app.work(jsonb, bigint, integer)', active => false)});
my ($theirs, $ours) = split /\n/, sql(q{SELECT realtime.enqueue('by/both', order_key => 'g') FROM generate_series(1, 2)});
is($one->query_safe(q{BEGIN; SELECT id FROM realtime.take_jobs('by/both', 10)}), $theirs, 'a session takes one');
sql(q{SELECT realtime.queue('by/both', 'app.work(jsonb, bigint, integer)')});
$one->query_safe("SELECT realtime.finish_job($theirs); COMMIT");
wait_state($ours, 'done', 'an executor runs the next');
like(error_of(q{SELECT realtime.enqueue('work', order_key => repeat('x', 1025))}), qr/order_key is too long.*1024 bytes/s, 'keys have an end');

# ---- a queue that is full ----

sql(q{SELECT realtime.enqueue('small', run_at => now() + interval '1 hour') FROM generate_series(1, 5)});
sql(q{SELECT realtime.enqueue('small', unique_key => 'u'); SELECT realtime.enqueue('small', order_key => n::text) FROM generate_series(1, 2) n});
like(error_of(q{SELECT realtime.enqueue('small')}), qr/queue "small" is full.*3 jobs wait to be run, as many as max_size allows/s, 'a queue that has enough refuses more');
my $ws = ws_connect($node);
is(ws_call($ws, 'app/fill', [])->{code}, 'OVERLOADED', 'which clients are told');
like(sql(q{SELECT realtime.enqueue('small', unique_key => 'u')}), qr/^\d+$/, 'what is there already is not refused');
sql(q{SELECT realtime.enqueue('small', run_at => now() + interval '1 hour')});
sql(q{SELECT realtime.finish_job(id) FROM realtime.take_jobs('small')});
like(sql(q{SELECT realtime.enqueue('small')}), qr/^\d+$/, 'when one is over there is room');
like(error_of(q{SELECT realtime.queue('small', max_size => 0)}), qr/max_size must be between 1 and 100000/, 'a size is positive');
$_->quit for $holder, $slow, $one;
$node->stop('fast');
done_testing();
