# Aggregates whose functions fail, whose states grow, that are declared anew, and whose publishers are stuck.
use strict;
use warnings;

use Test::More;

use RealtimeTest;

my $start = 1_792_879_200;
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'realtime.cron_clock' => $start, 'TimeZone' => 'UTC', 'max_connections' => 20, 'wal_level' => 'replica', 'max_wal_senders' => 2, 'max_locks_per_transaction' => 10);

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

sub wait_value
{
	my ($path, $window, $expected, $name) = @_;
	wait_sql(qq{SELECT value FROM realtime.aggregates WHERE path = '$path' AND "window" = '$window'}, $expected, $name);
	return;
}

# ---- functions that fail with what has been counted ----

sql(q{CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.add(a integer, b integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT a + b';
CREATE FUNCTION app.join(a integer, b integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF a + b = 3 THEN RAISE 'three do not fit together'; END IF; RETURN a + b; END$$;
CREATE FUNCTION app.inverse(a integer) RETURNS numeric IMMUTABLE LANGUAGE sql AS 'SELECT round(12::numeric / (a - 3))';
CREATE AGGREGATE app.joined(integer) (SFUNC = app.add, STYPE = integer, INITCOND = '0', COMBINEFUNC = app.join);
CREATE AGGREGATE app.inverted(integer) (SFUNC = app.add, STYPE = integer, INITCOND = '0', COMBINEFUNC = app.add, FINALFUNC = app.inverse);
SELECT realtime.aggregate('shop/final', 'sales', NULL, realtime.reducer('n', 'count(*)'), realtime.reducer('i', 'app.inverted(integer)', 'amount'));
SELECT realtime.aggregate_window('shop/final', 'minute', 'tumbling', 'minute');
SELECT realtime.aggregate('shop/joined', 'sales', NULL, realtime.reducer('n', 'app.joined(integer)', 'amount'));
SELECT realtime.aggregate_window('shop/joined', 'last', 'sliding', duration => '30 s', slide => '10 s')});
my $sell = q{SELECT realtime.publish('sales', 'sold', '{"amount": 1}')};
my $ws = ws_connect($node);
is(ws_call($ws, 'shop/final/__window/minute', [], stream => JSON::PP::true)->{data}{n}, 0, 'a period is followed');
sql($sell) for 1 .. 2;
wait_value('shop/final', '', '{"i": -12, "n": 2}', 'a value');
wait_value('shop/joined', 'last', '{"n": 2}', 'and that of a window that slides');
set('realtime.cron_clock', $start + 10);
sql($sell);
wait_sql(q{SELECT count(*) FROM realtime.intake}, '0', 'an event with which no value can be made');
wait_value('shop/final', '', '{"i": -12, "n": 2}', 'is taken, and the value stays as it is');
wait_sql(q{SELECT last_error FROM realtime.aggregates WHERE path = 'shop/final' AND "window" = ''}, 'division by zero', 'an error says why');
wait_value('shop/joined', '', '{"n": 3}', 'where nothing is put together there is one');
wait_sql(q{SELECT value::text || ' ' || events || ' ' || last_error FROM realtime.aggregates WHERE path = 'shop/joined' AND "window" = 'last'}, '{"n": 2} 3 three do not fit together', 'and of what cannot be put together not');
is(sql(q{SELECT min(errors) > 0 FROM realtime.stat_computed WHERE path IN ('shop/final', 'shop/joined')}), 't', 'it is counted');
sql($sell);
wait_value('shop/final', '', '{"i": 12, "n": 4}', 'with the next event it can, and all have been counted');
wait_value('shop/joined', 'last', '{"n": 4}', 'in the window that slides, too');
set('realtime.cron_clock', $start + 35);
wait_value('shop/joined', 'last', '{"n": 2}', 'which goes on');
sql($sell);
wait_sql(q{SELECT last_error || ' ' || value::text FROM realtime.aggregates WHERE path = 'shop/joined' AND "window" = 'last'}, 'three do not fit together {"n": 2}', 'until it fails again');
set('realtime.cron_clock', $start + 45);
wait_value('shop/joined', 'last', '{"n": 1}', 'and goes on again, when that is over');
set('realtime.cron_clock', $start + 70);
wait_value('shop/final', 'minute', '{"i": -4, "n": 0}', 'a period ends');
sql($sell) for 1 .. 3;
wait_sql(q{SELECT count(*) FROM realtime.intake}, '0', 'one whose value cannot be made');
set('realtime.cron_clock', $start + 130);
wait_value('shop/final', 'minute', '{"i": -4, "n": 0}', 'ends as well');
sql($sell);
wait_value('shop/final', 'minute', '{"i": -6, "n": 1}', 'and the next one goes on');
my @told;
push @told, ws_wait($ws, sub { ($_->{topic} // '') eq 'shop/final:minute' })->{data}{n} until @told >= 10 + (@told && $told[0] == 0);
shift @told if $told[0] == 0;	# that of the beginning, if it was told after somebody followed
is_deeply(\@told, [ 1, 2, 4, 5, 5, 0, 1, 2, 0, 1 ], 'clients get what can be made') or diag("@told");

# ---- states that are large, and what functions leave beside them ----

sql(q{CREATE FUNCTION app.most(a bigint) RETURNS bigint LANGUAGE sql AS 'SELECT greatest(a, (SELECT sum(total_bytes) FROM pg_backend_memory_contexts))';
CREATE AGGREGATE app.memory(*) (SFUNC = app.most, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8larger);
CREATE FUNCTION app.size(integer[]) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT cardinality($1)'});
my $long = '{' . join(',', 1 .. 30000) . '}';
sql("CREATE AGGREGATE app.list(integer) (SFUNC = array_append, STYPE = integer[], FINALFUNC = app.size, COMBINEFUNC = array_cat, INITCOND = '$long')");
set('realtime.intake', 'off');
sql(q{SELECT realtime.aggregate('shop/list', 'list', NULL, realtime.reducer('list', 'app.list(integer)', 'n'), realtime.reducer('memory', 'app.memory(*)'));
SELECT realtime.aggregate_window('shop/list', 'last', 'sliding', duration => '30 s', slide => '10 s');
SELECT realtime.publish('list', 'x', jsonb_build_object('n', n)) FROM generate_series(1, 400) n});
set('realtime.intake', 'on');
wait_sql(q{SELECT count(*) FROM realtime.intake}, '0', 'events for states that are arrays');
is(sql(q{SELECT value->>'list' FROM realtime.aggregates WHERE path = 'shop/list' AND "window" = ''}), '30400', 'all are in them');
is(sql(q{SELECT value->>'list' FROM realtime.aggregates WHERE path = 'shop/list' AND "window" = 'last'}), '90400', 'also put together');
cmp_ok(sql(q{SELECT value->>'memory' FROM realtime.aggregates WHERE path = 'shop/list' AND "window" = ''}), '<', 60_000_000, 'memory does not grow with the number of events');

sql(q{DO $$BEGIN EXECUTE format('CREATE AGGREGATE app.long(text) (SFUNC = textcat, STYPE = text, FINALFUNC = length, INITCOND = %L)', repeat('x', 17000000)); END$$;
SELECT realtime.aggregate('shop/long', 'long', NULL, realtime.reducer('len', 'app.long(text)', 'text'), realtime.reducer('sum', 'sum(numeric)', 'n'));
SELECT realtime.publish('long', 'x', '{"n": 2, "text": "!"}') FROM generate_series(1, 5)});
wait_value('shop/long', '', '{"len": 17000005, "sum": 10}', 'states that are large themselves are right');

# ---- the snapshot is in it once ----

sql(q{CREATE TABLE app.sale (n jsonb);
CREATE FUNCTION app.count(bigint, integer) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
CREATE AGGREGATE app.count(integer) (SFUNC = app.count, STYPE = bigint, INITCOND = '0');
CREATE FUNCTION app.sales() RETURNS SETOF jsonb LANGUAGE sql STABLE AS 'SELECT jsonb_build_object(''n'', n) FROM app.sale';
CREATE FUNCTION app.sell(integer) RETURNS bigint LANGUAGE sql AS $$
	WITH sale AS (INSERT INTO app.sale SELECT to_jsonb(generate_series(1, $1)) RETURNING n)
	SELECT count(realtime.publish('sale', 'sold', jsonb_build_object('n', n))) FROM sale
$$;
CREATE FUNCTION app.declare() RETURNS void LANGUAGE sql AS $$SELECT realtime.aggregate('shop/sale', 'sale', ARRAY[realtime.reducer('n', 'app.count(integer)', 'n')], snapshot => 'app.sales()')$$});
my $all = q{SELECT value->>'n' = (SELECT count(*) FROM app.sale)::text FROM realtime.aggregates WHERE path = 'shop/sale' AND "window" = '' AND (SELECT count(*) FROM realtime.intake) = 0};
set('realtime.intake', 'off');
sql(q{INSERT INTO app.sale VALUES ('1'), ('2'), ('3'); SELECT app.declare(); SELECT app.sell(5000)});
set('realtime.intake', 'on');
wait_sql($all, 't', 'what came before, and more events than are taken at once, are counted once');
sql(q{SELECT app.sell(1)});
wait_sql($all, 't', 'and so is what comes later');
set('realtime.intake', 'off');
sql(q{SELECT realtime.drop('shop/sale'); SELECT app.declare()});
is(sql(q{SELECT count(value) FROM realtime.aggregates WHERE path = 'shop/sale'}), '0', 'what was dropped is not shown as what is declared now');
sql(q{WITH sale AS (INSERT INTO app.sale SELECT to_jsonb(generate_series(1, 100)) RETURNING n) SELECT count(realtime.publish('sale', 'sold', jsonb_build_object('n', n, 'pad', repeat('x', 40000)))) FROM sale}) for 1 .. 4;
set('realtime.intake', 'on');
wait_sql($all, 't', 'events that are more than what is read at once, too');

set('realtime.intake', 'off');
sql(q{SELECT realtime.drop('shop/sale'); INSERT INTO app.sale VALUES ('"many"');
SELECT app.declare(); SELECT app.sell(400); SELECT realtime.publish('sale', 'sold', '{"n": "none"}')});
set('realtime.intake', 'on');
$all =~ s/count\(\*\) FROM app.sale/count(*) - 1 FROM app.sale/;
wait_sql($all, 't', 'also if one of them cannot be');
is(sql(q{SELECT failed FROM realtime.aggregates WHERE path = 'shop/sale'}), '2', 'which is left out');

# Declared anew while an executor is between finding out what there is and counting.
sql(q{DELETE FROM app.sale WHERE n = '"many"'});
$all =~ s/count\(\*\) - 1/count(*)/;
for my $n (1 .. 10)
{
	sql(q{BEGIN; SELECT realtime.drop('shop/sale'); SELECT app.declare(); SELECT app.sell(1); COMMIT; SELECT app.sell(1)});
	sql(q{SELECT app.sell(1)});
	sql(q{BEGIN; SELECT realtime.drop('shop/sale'); SELECT app.declare(); COMMIT});
	next if $n % 5 != 0;
	$node->poll_query_until('postgres', $all, 't') or last;
}
wait_sql($all, 't', 'declared anew again and again');

# ---- who publishes is stuck when a period ends ----

sql(q{SELECT realtime.aggregate('shop/cities', 'city:*', NULL, realtime.reducer('n', 'count(*)'));
SELECT realtime.aggregate_window('shop/cities', 'minute', 'tumbling', 'minute'); SELECT realtime.publish('city:oslo', 'x', NULL); SELECT realtime.stat_reset_handler()});
wait_value('shop/cities', 'minute', '{"n": 1}', 'a period with an event');

# At a time the clock says, somebody has published on a topic and waits for a standby that is not there.
sub stick
{
	my ($topic, $clock) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	set('synchronous_standby_names', 'nobody');
	$session->{stdin} .= "INSERT INTO app.sale SELECT '9' FROM realtime.publish('$topic', 'x', NULL);\n";
	$session->{run}->pump_nb;
	ok($node->poll_query_until('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}, '1'), 'who has published waits for a standby');
	sql("SET synchronous_commit = local; ALTER SYSTEM SET realtime.cron_clock = '$clock'");
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW realtime.cron_clock', $clock);
	return $session;
}

sub release
{
	sql(q{SET synchronous_commit = local; ALTER SYSTEM SET synchronous_standby_names = ''});
	$node->reload;
	return;
}

my $stuck = stick('city:rome', $start + 190);
for my $n (2 .. 3)
{
	sql(q{SET synchronous_commit = local; SELECT realtime.publish('city:oslo', 'x', NULL)});
	wait_value('shop/cities', '', qq({"n": $n}), 'events are counted though the period cannot end');
}
is(sql(q{SELECT value FROM realtime.aggregates WHERE path = 'shop/cities' AND "window" = 'minute'}), '{"n": 1}', 'which stays as it was');
is(sql(q{SELECT errors FROM realtime.stat_computed WHERE path = 'shop/cities'}), '0', 'and nothing fails');
release();
wait_value('shop/cities', 'minute', '{"n": 2}', 'it ends when who was stuck has committed');
wait_value('shop/cities', '', '{"n": 4}', 'whose event is counted');
$stuck->quit;
$stuck = stick('elsewhere', $start + 250);
is(sql(q{SELECT value FROM realtime.aggregates WHERE path = 'shop/cities' AND "window" = 'minute'}), '{"n": 2}', 'if he has published elsewhere the next period cannot end either');
release();
wait_value('shop/cities', 'minute', '{"n": 0}', 'it does when he has committed, without an event');
$stuck->quit;

done_testing();
