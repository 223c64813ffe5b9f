# Aggregates: each event that has been committed counts once, whoever publishes at the same time and whatever ends when.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.jobs' => 'off', 'realtime.executors' => 2, 'realtime.max_executors' => 6, 'restart_after_crash' => 'on', 'max_connections' => 40);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql("SELECT * FROM realtime.aggregates"));
	return;
}

sub of_topic
{
	my ($ws, $topic, $want) = @_;
	return ws_wait($ws, sub { ($_->{topic} // '') eq $topic && $want->($_->{data}) });
}

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.log (id bigserial, amount integer, name text, late boolean DEFAULT false);
CREATE FUNCTION app.sell(amount integer, name text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.log (amount, name) VALUES ($1, $2);
	SELECT realtime.publish('orders', 'sold', jsonb_build_object('amount', $1, 'order', jsonb_build_object('name', $2)))
$$;
CREATE FUNCTION app.before() RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
	SELECT jsonb_build_object('amount', amount, 'order', jsonb_build_object('name', name)) FROM app.log ORDER BY id
$$;
SELECT app.sell(5, 'before');
SELECT realtime.aggregate('shop/sales', 'orders', 'sales', realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(integer)', 'amount'),
	realtime.reducer('mean', 'avg(integer)', 'amount'), realtime.reducer('most', 'max(integer)', 'amount'),
	realtime.reducer('first', 'min(text)', 'order.name'));
});

# ---- the stream ----

my $ws = ws_connect($node);
my $reply = ws_call($ws, 'shop/sales', [], stream => JSON::PP::true);
is_deeply($reply->{data}, { n => 0, total => undef, mean => undef, most => undef, first => undef }, 'before the first event it is what the aggregates give for no rows');
is_deeply([ @$reply{qw(merge topic)} ], [ 'set', 'sales' ], 'it is a stream of its topic');
sql(q{SELECT app.sell(3, 'b')});
is_deeply(of_topic($ws, 'sales', sub { $_[0]{n} == 1 }), { topic => 'sales', event => 'set', data => { n => 1, total => 3, mean => 3, most => 3, first => 'b' } }, 'an event changes it');
sql(q{BEGIN; SELECT app.sell(4, 'a'); SAVEPOINT s; SELECT app.sell(100, 'c'); ROLLBACK TO s; SELECT app.sell(6, 'd'); COMMIT; BEGIN; SELECT app.sell(1000, 'e'); ROLLBACK});
is_deeply(of_topic($ws, 'sales', sub { $_[0]{n} == 3 })->{data}, { n => 3, total => 13, mean => 4.3333333333333333, most => 6, first => 'a' }, 'what is rolled back does not count');
is_deeply(ws_call($ws, 'shop/sales', [])->{data}{total}, 13, 'so says a call');
is(sql(q{SELECT count(*) FROM realtime.intake}), '0', 'nothing waits');
sql(q{SELECT realtime.publish('orders', 'sold', '{"amount": null}'), realtime.publish('orders', 'sold', NULL), realtime.publish('orders', 'sold', '[1]'),
	realtime.publish('orders', 'sold', '{"amount": "7", "order": {"name": null}}')});
is_deeply(of_topic($ws, 'sales', sub { $_[0]{n} == 7 })->{data}, { n => 7, total => 20, mean => 5, most => 7, first => 'a' }, 'what an event does not have is NULL');

# ---- an event that cannot be counted ----

sql(q{CREATE FUNCTION app.told(e jsonb) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$INSERT INTO app.log (name, late) VALUES (e->>'path', true)$$;
	GRANT EXECUTE ON FUNCTION app.told(jsonb) TO PUBLIC; SELECT realtime.hook('error', 'app.told(jsonb)')});
sql(q{SELECT realtime.publish('orders', 'sold', '{"amount": 1}'), realtime.publish('orders', 'sold', '{"amount": "many"}'), realtime.publish('orders', 'sold', '{"amount": 2}')});
is_deeply(of_topic($ws, 'sales', sub { $_[0]{n} == 9 })->{data}{total}, 23, 'an event that cannot be counted is left out, and no other');
is(sql(q{SELECT events || ' ' || failed || ' ' || last_error FROM realtime.aggregates WHERE path = 'shop/sales'}), '9 1 invalid input syntax for type integer: "many"', 'the view says so');
wait_sql(q{SELECT name FROM app.log WHERE late}, 'aggregate shop/sales', 'and the error hook is told');
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/an event on topic "orders" is not counted by aggregate "shop\/sales": invalid input syntax/, 'and the log');
sql(q{SELECT realtime.hook('error', NULL); DELETE FROM app.log WHERE late});

# ---- many at the same time, rollbacks, processes that end ----

sql(q{CREATE FUNCTION app.last(jsonb, jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS 'SELECT CASE WHEN jsonb_typeof($2) = ''object'' THEN $2 ELSE $1 END';
CREATE AGGREGATE app.last(jsonb) (SFUNC = app.last, STYPE = jsonb);
CREATE AGGREGATE app.list(jsonb) (SFUNC = array_append, STYPE = jsonb[]);
SELECT realtime.drop('shop/sales'); TRUNCATE app.log;
SELECT realtime.aggregate('shop/sales', 'orders', 'sales', realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(integer)', 'amount'),
	realtime.reducer('names', 'app.list(jsonb)', 'order.name'), realtime.reducer('last', 'app.last(jsonb)'));
SELECT realtime.aggregate_window('shop/sales', 'always', 'lifetime')});
wait_sql(q{SELECT string_agg(events::text, ' ') FROM realtime.aggregates}, '0 0', 'who is declared anew after a drop begins anew');

# Several sessions publish, in order per session; some roll back.
sub begin_writers
{
	my ($round) = @_;
	my @writers;
	for my $writer (1 .. 4)
	{
		my $session = $node->background_psql('postgres', on_error_stop => 0);
		my $text = join("\n", map {
			my $n = $_;
			$n % 5 == 0 ? "BEGIN; SELECT app.sell(1, 'gone'); ROLLBACK;"
			  : $n % 7 == 0 ? "BEGIN; SAVEPOINT a; SELECT app.sell(1, 'gone'); ROLLBACK TO a; SELECT app.sell($n, '$round.$writer.$n'); SELECT app.sell($n, '$round.$writer.$n+'); COMMIT;"
			  : "SELECT app.sell($n, '$round.$writer.$n');" } 1 .. 60);
		$session->{stdin} .= "$text\n";
		$session->{run}->pump_nb;
		push @writers, $session;
	}
	return @writers;
}

sub end_writers
{
	for my $session (@_)
	{
		eval { $session->quit };
	}
	return;
}

sub check_sums
{
	my ($name) = @_;
	wait_sql(q{SELECT count(*) FROM realtime.intake}, '0', "$name: nothing is left");
	wait_sql(q{SELECT bool_and((value->>'n')::bigint = (SELECT count(*) FROM app.log)) FROM realtime.aggregates}, 't', "$name: each is counted once");
	is(sql(q{SELECT (value->>'total')::bigint = (SELECT sum(amount) FROM app.log) FROM realtime.aggregates WHERE "window" = ''}), 't', 'the sum is right');
	is(sql(q{WITH v AS (SELECT value FROM realtime.aggregates WHERE "window" = 'always'), n AS (SELECT name, ord FROM v, jsonb_array_elements_text(value->'names') WITH ORDINALITY AS e(name, ord))
		SELECT count(*) || ' ' || count(*) FILTER (WHERE ord IS NULL) || ' ' || (SELECT count(*) FROM (SELECT l.id, n.ord, lag(n.ord) OVER (PARTITION BY split_part(l.name, '.', 1), split_part(l.name, '.', 2) ORDER BY l.id) AS before
			FROM app.log l JOIN n USING (name)) o WHERE ord < before) FROM app.log l LEFT JOIN n USING (name)}),
		sql('SELECT count(*) FROM app.log') . ' 0 0', 'all are there, those of a session in their order');
	return;
}

end_writers(begin_writers(1));
check_sums('concurrent publishers');

my @writers = begin_writers(2);
$node->poll_query_until('postgres', q{SELECT count(*) > 300 FROM app.log});
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor%' OR backend_type = 'realtime scheduler'});
end_writers(@writers);
check_sums('executors and the scheduler have been ended');

@writers = begin_writers(3);
$node->poll_query_until('postgres', q{SELECT count(*) > 500 FROM app.log});
my $executor = sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor%' LIMIT 1});
kill 'KILL', $executor;
end_writers(@writers);
$node->poll_query_until('postgres', 'SELECT 1', '1');
check_sums('a process has been killed, and the server has begun anew');

@writers = begin_writers(4);
$node->poll_query_until('postgres', q{SELECT count(*) > 650 FROM app.log});
$node->stop('immediate');
end_writers(@writers);
$node->start;
check_sums('the server has been stopped at once');

sql(q{ALTER AGGREGATE app.list(jsonb) RENAME TO list_of});
@writers = begin_writers(6);
end_writers(@writers);
check_sums('an aggregate has been renamed');

# ---- declared anew; what had been there before ----

sql(q{SELECT realtime.aggregate('shop/sales', 'orders', 'sales', realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(bigint)', 'amount'))});
sql(q{SELECT app.sell(8, 'after')});
wait_sql(q{SELECT value->>'total' FROM realtime.aggregates WHERE "window" = ''}, '8', 'another aggregate begins anew');
is(sql(q{SELECT (value->>'n')::bigint = (SELECT count(*) FROM app.log) FROM realtime.aggregates WHERE "window" = ''}), 't', 'and one that is the same goes on');

@writers = begin_writers(5);
$node->poll_query_until('postgres', q{SELECT count(*) > 800 FROM app.log});
sql(q{SELECT realtime.aggregate('shop/all', 'orders', ARRAY[realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(integer)', 'amount')], snapshot => 'app.before()')});
end_writers(@writers);
wait_sql(q{SELECT (value->>'n')::bigint || ' ' || (value->>'total') FROM realtime.aggregates WHERE path = 'shop/all'},
	sql('SELECT count(*) || \' \' || sum(amount) FROM app.log'), 'what was before an aggregate counts, and no event twice or not, while others publish');

# ---- a pattern; one after the other; access ----

sql(q{CREATE FUNCTION app.nobody() RETURNS boolean LANGUAGE sql AS 'SELECT false';
	SELECT realtime.aggregate('shop/cities', 'city:*', 'cities', realtime.reducer('n', 'count(*)'));
	SELECT realtime.aggregate('shop/steps', 'cities', ARRAY[realtime.reducer('most', 'max(integer)', 'n')], topic => 'steps', access => 'app.nobody()')});
is(ws_call($ws = ws_connect($node), 'shop/steps', [], stream => JSON::PP::true)->{code}, 'UNAUTHENTICATED', 'access is asked');
sql(qq{SELECT realtime.publish('city:$_', 'sold', NULL)}) for qw(berlin rome);
sql(q{SELECT realtime.publish('city', 'sold', NULL)});
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE path = 'shop/cities'}, '2', 'all topics of a pattern count');
wait_sql(q{SELECT value->>'most' FROM realtime.aggregates WHERE path = 'shop/steps'}, '2', 'values of an aggregate are events for another');
sql(q{SELECT realtime.drop('shop/cities'), realtime.drop('shop/steps'), realtime.drop('shop/all'), realtime.drop('shop/sales')});
wait_sql(q{SELECT (SELECT count(*) FROM realtime.aggregate_value) + (SELECT count(*) FROM realtime.aggregate_state) + (SELECT count(*) FROM realtime.intake)}, '0', 'what is dropped is forgotten');

# ---- switched off; what comes is restored without anybody being told ----

sub switch
{
	my ($intake) = @_;
	sql("ALTER SYSTEM SET realtime.intake = $intake");
	sql('ALTER SYSTEM SET realtime.jobs = on');
	$node->reload;
	return;
}

sql(q{SELECT realtime.aggregate('shop/off', 'off', NULL, realtime.reducer('n', 'count(*)')), realtime.aggregate('shop/other', 'off', NULL, realtime.reducer('n', 'count(*)'))});
sql(q{SELECT realtime.queue('seen', 'app.told(jsonb)'), realtime.aggregate('shop/long', 'long', 'lengths', realtime.reducer('n', 'count(*)')), realtime.enqueue('seen', '{"path": "off"}'), realtime.publish('off', 'x', NULL)});
wait_sql(q{SELECT string_agg(value->>'n', ' ') FROM realtime.aggregates WHERE path <> 'shop/long'}, '1 1', 'they count');
$ws = ws_connect($node);
is(ws_call($ws, 'shop/long', [], stream => JSON::PP::true)->{data}{n}, 0, 'long events are followed');
switch('off');
wait_sql(q{SELECT count(*) FROM app.log WHERE name = 'off'}, '1', 'the scheduler has read its settings');
sql(q{SELECT realtime.publish('off', 'x', NULL) FROM generate_series(1, 3);
	INSERT INTO realtime.aggregate_value SELECT (v).* FROM (SELECT jsonb_populate_record(v, '{"path": "shop/late"}') AS v FROM realtime.aggregate_value v WHERE path = 'shop/off') x;
	INSERT INTO realtime.intake SELECT path, id, n + 1000, topic, event, data, published_at FROM realtime.intake WHERE path = 'shop/other'});
sql(q{SELECT realtime.queue('seen_too', 'app.told(jsonb)'); SELECT realtime.enqueue('seen_too', '{"path": "anew"}')});
wait_sql(q{SELECT count(*) FROM app.log WHERE name = 'anew'}, '1', 'it has seen that there are other declarations');
is(sql(q{SELECT count(*) || ' ' || (SELECT count(*) FROM realtime.aggregate_value WHERE path = 'shop/late') FROM realtime.intake}), '9 1', 'nothing is taken or forgotten while it is off');
sql(q{SELECT realtime.publish('long', 'x', to_jsonb(repeat('x', 1000000))) FROM generate_series(1, 20)});
switch('on');
wait_sql(q{SELECT string_agg(path || ' ' || (value->>'n'), ' ' ORDER BY path) FROM realtime.aggregates WHERE path <> 'shop/long'}, 'shop/off 4 shop/other 7', 'all of it is, when it is on again');
wait_sql(q{SELECT count(*) FROM realtime.aggregate_value WHERE path = 'shop/late'}, '0', 'and what nobody has declared is forgotten');
is_deeply([ map { of_topic($ws, 'lengths', sub { 1 })->{data}{n} } 1 .. 3 ], [ 9, 18, 20 ], 'long events are taken a few at a time');

# ---- a function that goes on after its time-out, every other time ----

sql(q{CREATE SEQUENCE app.runs; CREATE FUNCTION app.slow(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('app.runs') % 2 = 0 THEN RETURN n + 1; END IF;
	FOR i IN 1 .. 2 LOOP
		BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
	END LOOP;
	RETURN n + 1;
END $$;
CREATE AGGREGATE app.slow(*) (SFUNC = app.slow, STYPE = bigint, INITCOND = '0')});
$node->append_conf('postgresql.conf', "realtime.handler_timeout = '200ms'\n");
$node->reload;
sql(q{SELECT realtime.aggregate('shop/slow', 'slow', NULL, realtime.reducer('n', 'app.slow(*)')); SELECT realtime.publish('slow', 'x', NULL)});
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE path = 'shop/slow'}, '1', 'the second run can commit although the first was too late');
is(sql('SELECT last_value FROM app.runs'), '2', 'at once');

done_testing();
