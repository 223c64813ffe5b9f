# How aggregates take events: who is late, who commits in another order, declarations that change meanwhile, statistics.
use strict;
use warnings;

use Test::More;

use RealtimeTest;

my $start = 1_792_879_200;
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'realtime.cron_clock' => $start, 'TimeZone' => 'UTC', 'max_connections' => 30, 'wal_level' => 'replica', 'max_wal_senders' => 2);
my $true = JSON::PP::true;

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub set
{
	my ($name, $value) = @_;
	sql("ALTER SYSTEM SET $name = '$value'");
	$node->reload;
	$node->poll_query_until('postgres', "SHOW $name", $value);
	return;
}

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql("SELECT * FROM realtime.aggregates"));
	return;
}

# ---- a sliding window of many parts is what a fresh computation gives ----

sql(q{CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.log (at timestamptz, amount integer, kind text);
CREATE FUNCTION app.sell(amount integer, kind text DEFAULT 'a', ago integer DEFAULT 0) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.log SELECT to_timestamp(current_setting('realtime.cron_clock')::bigint - $3), $1, $2;
	SELECT realtime.publish('orders', 'sold', jsonb_build_object('amount', $1, 'kind', $2)) WHERE $3 = 0;
	INSERT INTO realtime.intake SELECT 'shop/sales', nextval('realtime.intake_id'), 1, 'orders', 'sold', jsonb_build_object('amount', $1, 'kind', $2)::text,
		to_timestamp(current_setting('realtime.cron_clock')::bigint - $3) WHERE $3 > 0
$$;
SELECT realtime.aggregate('shop/sales', 'orders', NULL, realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(numeric)', 'amount'), realtime.reducer('kinds', 'realtime.counts(text)', 'kind'));
SELECT realtime.aggregate_window('shop/sales', 'hour', 'sliding', duration => '1 h', slide => '10 s')});

my $fresh = q{SELECT value = (SELECT jsonb_build_object('n', count(*), 'total', sum(amount), 'kinds', coalesce((SELECT jsonb_object_agg(kind, n) FROM (SELECT kind, count(*) AS n FROM app.log
		WHERE kind IS NOT NULL AND at >= to_timestamp(floor(current_setting('realtime.cron_clock')::bigint / 10) * 10 - 3590) GROUP BY kind) k), '{}')) FROM app.log
	WHERE at >= to_timestamp(floor(current_setting('realtime.cron_clock')::bigint / 10) * 10 - 3590)) FROM realtime.aggregates WHERE path = 'shop/sales' AND "window" = 'hour'};
my $taken = q{SELECT count(*) FROM realtime.intake};

sql(q{SELECT app.sell(n, 'k' || n % 3, n * 12) FROM generate_series(1, 299) n; SELECT app.sell(1)});
wait_sql($taken, '0', 'all events are taken');
is(sql($fresh), 't', 'a window of many parts comes to what they come to together');
cmp_ok(sql(q{SELECT count(*) FROM realtime.aggregate_state WHERE name = 'hour' AND bucket > '-infinity'}), '>', 250, 'they are many');
sql(q{SELECT app.sell(2), app.sell(3, NULL)});
wait_sql($fresh, 't', 'events of now');
sql(q{SELECT app.sell(5, 'late', 1000), app.sell(7, 'too late', 4000), app.sell(4)});
wait_sql($taken, '0', 'those that come late');
is(sql($fresh), 't', 'count in the part that they belong to, if that is not over');
sql(q{SELECT app.sell(6, 'wrong', 2000); INSERT INTO realtime.intake SELECT path, nextval('realtime.intake_id'), 1, topic, event, '{"amount": "many"}', now() FROM (VALUES ('shop/sales', 'orders', 'sold')) AS i (path, topic, event); SELECT app.sell(8)});
wait_sql($taken, '0', 'one that cannot be counted');
is(sql($fresh), 't', 'harms no other, late or not');
set('realtime.cron_clock', $start + 25);
wait_sql($fresh, 't', 'the window moves');
sql(q{SELECT app.sell(9, 'new')});
wait_sql($fresh, 't', 'and goes on');
sql(q{SELECT app.sell(9, 'late', 20), app.sell(1)});
wait_sql($fresh, 't', 'late by a part');
set('realtime.cron_clock', $start + 3000);
wait_sql($fresh, 't', 'when most are over');
sql(q{SELECT realtime.aggregate('shop/sales', 'orders', NULL, realtime.reducer('more', 'max(integer)', 'amount'), realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(numeric)', 'amount'), realtime.reducer('kinds', 'realtime.counts(text)', 'kind')); SELECT app.sell(11)});
(my $more = $fresh) =~ s/value =/value - 'more' =/;
wait_sql($more, 't', 'reducers that stay go on with their parts');
is(sql(q{SELECT value->>'more' FROM realtime.aggregates WHERE "window" = 'hour'}), '11', 'and one that is new begins with now');
is(sql(q{SELECT realtime.combine_sum('2', '3.5'), realtime.combine_max('2', '10'), realtime.combine_min('2', '10'), realtime.combine_counts('{"a": 1}', '{"a": 2, "b": 3}'), realtime.combine_merge('{"a": 1}', '{"a": 2, "b": 3}'), realtime.combine_counts('{}', '{}')}),
	'5.5|10|2|{"a": 3, "b": 3}|{"a": 2, "b": 3}|{}', 'parts that are jsonb can be put together');

# ---- periods that end ----

sql(q{SELECT realtime.aggregate('shop/ends', 'ends', 'ended', realtime.reducer('n', 'count(*)')); SELECT realtime.aggregate_window('shop/ends', 'minute', 'tumbling', 'minute')});
my $ws = ws_connect($node);
is(ws_call($ws, 'shop/ends/__window/minute', [], stream => $true)->{data}{n}, 0, 'a period is followed');
sql(q{SELECT realtime.publish('ends', 'x', NULL)});
ok(ws_wait($ws, sub { ($_->{topic} // '') eq 'ended:minute' && $_->{data}{n} == 1 }), 'an event');
set('realtime.intake', 'off');
sql(q{INSERT INTO realtime.intake SELECT 'shop/ends', nextval('realtime.intake_id'), 1, 'ends', 'x', 'null', to_timestamp(current_setting('realtime.cron_clock')::bigint + 60 * n) FROM generate_series(1, 2) n, generate_series(1, n + 1)});
sql("ALTER SYSTEM SET realtime.cron_clock = '" . ($start + 3120) . "'; ");
set('realtime.intake', 'on');
my @told;
push @told, ws_wait($ws, sub { ($_->{topic} // '') eq 'ended:minute' })->{data}{n} until @told && $told[-1] == 3;
shift @told if $told[0] == 0;	# that of the beginning, if it was told after somebody followed
is_deeply(\@told, [ 1, 0, 2, 0, 3 ], 'of periods that end together each is told, and that the next one begins with nothing');

# ---- who commits later with a number that is lower ----

sql(q{SELECT realtime.aggregate('shop/cities', 'city:*', NULL, realtime.reducer('n', 'count(*)'))});
set('synchronous_standby_names', 'nobody');
my $first = $node->background_psql('postgres', on_error_stop => 0);
$first->{stdin} .= "SELECT realtime.publish('city:rome', 'x', NULL);\n";
$first->{run}->pump_nb;
ok($node->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}, '1'), 'who has its number waits for a standby');
for my $n (1 .. 3)
{
	sql(q{SET synchronous_commit = local; SELECT realtime.publish('city:oslo', 'x', NULL)});
	wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE path = 'shop/cities'}, $n, 'later ones are counted meanwhile');
}
set('synchronous_standby_names', '');
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE path = 'shop/cities'}, '4', 'and the first one when it has committed');
$first->quit;

# ---- declared anew while events are taken ----

sql(q{CREATE FUNCTION app.pass(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT pg_advisory_lock_shared(9); SELECT pg_advisory_unlock_shared(9)';
CREATE DOMAIN app.slow AS bigint CHECK (app.pass(VALUE));
CREATE FUNCTION app.slow(n app.slow) RETURNS app.slow LANGUAGE sql AS 'SELECT n + 1';
CREATE AGGREGATE app.slow(*) (SFUNC = app.slow, STYPE = app.slow, INITCOND = '0');
SELECT realtime.aggregate('shop/anew', 'anew', NULL, realtime.reducer('n', 'app.slow(*)')); SELECT realtime.publish('anew', 'x', NULL)});
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE path = 'shop/anew'}, '1', 'an aggregate whose state takes its time');
my $holder = $node->background_psql('postgres');
$holder->query('SELECT pg_advisory_lock(9)');
sql(q{SELECT realtime.publish('anew', 'x', NULL)});
ok($node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = 9 AND NOT granted}), 'is about to take an event');
sql(q{BEGIN; SELECT realtime.drop('shop/anew'); SELECT realtime.aggregate('shop/anew', 'anew', NULL, realtime.reducer('n', 'count(*)')); COMMIT; SELECT realtime.publish('anew', 'x', NULL)});
$holder->query('SELECT pg_advisory_unlock(9)');
$holder->quit;
wait_sql(q{SELECT count(*) FROM realtime.intake}, '0', 'when it has been dropped and declared anew');
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE path = 'shop/anew'}, '1', 'what was published since is counted by the new one, and nothing else');

# ---- statistics ----

sql(q{CREATE TABLE app.done (what jsonb);
CREATE FUNCTION app.do(topic text, event text, data jsonb) RETURNS void LANGUAGE plpgsql AS $$BEGIN IF data = '"fail"' THEN RAISE 'it cannot be done'; END IF; INSERT INTO app.done VALUES (data); END$$;
CREATE FUNCTION app.number() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1 / (CASE WHEN count(*) < 2 THEN 1 ELSE 0 END) FROM app.done';
GRANT SELECT ON app.done TO PUBLIC;
SELECT realtime.effect('shop/do', '{do,do:*}', 'app.do(text,text,jsonb)'), realtime.derived('shop/number', '{do}', 'app.number()');
SELECT realtime.stat_reset_handler()});
is(ws_call($ws, 'shop/number', [], stream => $true)->{ok}, $true, 'a derived value is followed');
sql(q{SELECT realtime.publish('do', 'x', '1'), realtime.publish('do', 'x', '"fail"'), realtime.publish('orders', 'sold', '{"amount": "none"}'), realtime.publish('orders', 'sold', '{"amount": 1}')});
wait_sql(q{SELECT runs || ' ' || errors || ' ' || events || ' ' || waiting || ' ' || last_error FROM realtime.stat_computed WHERE path = 'shop/do'}, '2 1 2 0 it cannot be done', 'what has become of an effect');
wait_sql(q{SELECT errors || ' ' || events || ' ' || waiting || ' ' || (lag IS NULL) || ' ' || last_error FROM realtime.stat_computed WHERE path = 'shop/sales'}, '1 2 0 true invalid input syntax for type integer: "none"', 'of an aggregate');
sql(q{BEGIN; INSERT INTO app.done VALUES ('0'); SELECT realtime.publish('do', 'x', '2'); COMMIT});
wait_sql(q{SELECT (runs > 0) || ' ' || (errors > 0) || ' ' || last_error FROM realtime.stat_computed WHERE path = 'shop/number'}, 'true true division by zero', 'of a derived value');
set('realtime.intake', 'off');
sql(q{SELECT realtime.publish('do:x', 'x', '3')});
is(sql(q{SELECT waiting || ' ' || (lag IS NOT NULL) FROM realtime.stat_computed WHERE path = 'shop/do'}), '1 true', 'and what waits');
set('realtime.intake', 'on');
wait_sql(q{SELECT waiting FROM realtime.stat_computed WHERE path = 'shop/do'}, '0', 'until it is taken');
sql(q{SELECT realtime.stat_reset_handler('shop/do')});
is(sql(q{SELECT runs || ' ' || events || ' ' || (last_error IS NULL) FROM realtime.stat_computed WHERE path = 'shop/do'}), '0 0 true', 'counting begins anew');

done_testing();
