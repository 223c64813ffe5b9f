# Queues: docs/jobs.md, followed; a client follows its own job, and nobody else's; who may cancel.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.max_executors' => 8, 'realtime.jwt_secret' => $secret);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name) or diag(sql("SELECT * FROM realtime.jobs"));
	return;
}

sub client
{
	my ($user) = @_;
	return ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $user, role => 'realtime_authenticated' }, secret => $secret) });
}

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.mail (to_user text, text text);
CREATE FUNCTION app.export(payload jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.job_progress('{"percent": 40}');
	PERFORM pg_advisory_xact_lock(7);
	RETURN '{"rows": 3}';
END $$;
CREATE FUNCTION app.may_follow(id bigint) RETURNS boolean STABLE LANGUAGE sql AS $$SELECT realtime.job_state(id) IS NOT NULL$$;
CREATE FUNCTION app.start() RETURNS bigint LANGUAGE sql AS $$SELECT realtime.enqueue('export')$$;
CREATE FUNCTION app.stop(id bigint) RETURNS boolean LANGUAGE sql AS $$SELECT realtime.cancel_job(id)$$;
CREATE FUNCTION app.wait_for() RETURNS jsonb LANGUAGE sql AS $$SELECT realtime.run_task('export', timeout => '20 s')$$;
CREATE FUNCTION app.quick() RETURNS integer LANGUAGE sql AS $$SELECT 1$$;
SELECT realtime.rpc('app/start', 'app.start()'), realtime.rpc('app/stop', 'app.stop(bigint)'), realtime.rpc('app/wait', 'app.wait_for()'),
	realtime.rpc('app/quick', 'app.quick()');
});

# ---- the page ----

my @examples = slurp_file('docs/jobs.md') =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @examples, '>=', 5, 'the page has examples');
for my $i (0 .. $#examples)
{
	my ($ret, $out, $err) = $node->psql('postgres', $examples[$i], on_error_die => 0, extra_params => [ '-v', 'ON_ERROR_STOP=1' ]);
	is($err, '', "example $i can be run");
}
wait_sql(q{SELECT string_agg(to_user, ' ' ORDER BY to_user) FROM app.mail}, 'ann eve joe kim lou', 'the mails of those whose time has come are there');

# ---- a client's own job ----

my ($ann, $ben) = map { client($_) } qw(ann ben);
my $holder = $node->background_psql('postgres');
$holder->query_safe('SELECT pg_advisory_lock(7)');
my $id = ws_call($ann, 'app/start', [])->{data};
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'running', 'a client has a job enqueued by a function');
is(sql("SELECT user_id FROM realtime.jobs WHERE id = $id"), 'ann', 'it is hers');
my $first = ws_call($ann, 'exports/follow', [ $id ], stream => JSON::PP::true);
is_deeply([ @{ $first->{data} }{qw(id state progress)} ], [ $id, 'running', { percent => 40 } ], 'she sees how it stands')
  or diag(explain($first));
is(ws_call($ben, 'exports/follow', [ $id ], stream => JSON::PP::true)->{code}, 'FORBIDDEN', 'nobody else does');
is(ws_call($ben, 'app/stop', [ $id ])->{code}, 'FORBIDDEN', 'nor may another user cancel it');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
my $event = ws_wait($ann, sub { ($_->{topic} // '') eq "export:$id" && ($_->{data}{state} // '') eq 'done' });
is_deeply($event->{data}{result}, { rows => 3 }, 'and is told the result');
$holder->query_safe('SELECT pg_advisory_lock(7)');
$id = ws_call($ann, 'app/start', [])->{data};
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'running', 'another one');
is(ws_call($ann, 'app/stop', [ $id ])->{data}, JSON::PP::true, 'she cancels it herself');
wait_sql("SELECT state FROM realtime.jobs WHERE id = $id", 'cancelled', 'it is cancelled');

# ---- calls that wait for tasks ----

my @waiting = map { client("user$_") } 1 .. 3;
ws_send($waiting[$_], { rpc => 'app/wait', id => 'w', args => [] }) for 0 .. 2;
wait_sql(q{SELECT count(*) FROM realtime.job WHERE queue = 'export'}, '3', 'calls wait for tasks');
is(ws_call($ben, 'app/quick', [])->{data}, 1, 'others go on meanwhile');
$holder->query_safe('SELECT pg_advisory_unlock(7)');
is_deeply(ws_wait($_, sub { ($_->{topic} // '') eq '__rpc' })->{data}{data}, { rows => 3 }, 'a call gets the result of its task') for @waiting;
is(sql(q{SELECT count(DISTINCT user_id) FROM realtime.jobs WHERE user_id LIKE 'user%' AND state = 'done'}), '3', 'tasks are their users\'');
$holder->quit;
$node->stop('fast');
done_testing();
