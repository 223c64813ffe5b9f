# What PostgreSQL's own views say of our processes: pg_stat_activity with the path
# that is run and what is waited for, and pg_stat_statements with what handlers do.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('shared_preload_libraries' => 'realtime, pg_stat_statements', 'realtime.executors' => 3,
	'pg_stat_statements.track' => 'top', 'compute_query_id' => 'on');
$node->safe_psql('postgres', q{
CREATE EXTENSION pg_stat_statements;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id integer, what text);
GRANT ALL ON app.item TO realtime_anonymous;
CREATE FUNCTION app.wait() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); END $$;
CREATE FUNCTION app.add(id integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.item VALUES (id, 'added by plpgsql'); RETURN id; END $$;
CREATE FUNCTION app.find(id integer) RETURNS SETOF app.item STABLE LANGUAGE sql AS $$
SELECT * FROM app.item WHERE item.id = find.id AND what <> 'nothing at all' $$;
CREATE FUNCTION app.count(what text) RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT count(*) FROM app.item WHERE item.what = count.what $$;
CREATE FUNCTION app.list() RETURNS SETOF app.item STABLE LANGUAGE sql AS $$
SELECT item.* FROM app.item, pg_advisory_xact_lock_shared(1) $$;
SELECT realtime.rpc('app/wait', 'app.wait()'), realtime.rpc('app/add', 'app.add(integer)'),
	realtime.rpc('app/count', 'app.count(text)'), realtime.rpc('app/find', 'app.find(integer)'), realtime.stream('app/list', 'list', 'app.list()');
});
wait_for_call($node, 'app/add', [0]);
my $ws = ws_connect($node);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub activity { return sql("SELECT $_[0] FROM pg_stat_activity WHERE backend_type LIKE 'realtime%' AND $_[1]"); }

# who is there
is(activity('count(*)', q{backend_type LIKE 'realtime executor%'}), 3, 'executors are there') or diag activity('*', 'true');
is(activity('count(*)', q{backend_type = 'realtime scheduler'}), 1, 'and the scheduler');
my $named = sql(q{SELECT current_setting('server_version_num')::integer >= 170000}) eq 't';
ok(poll_until(sub { activity('count(*)', q{backend_type LIKE 'realtime executor%' AND state = 'idle' AND wait_event_type = 'Extension' AND wait_event = '}
	. ($named ? 'RealtimeExecutorMain' : 'Extension') . q{'}) == 3 }), 'idle ones wait for what to do, and say so')
	or diag activity('wait_event_type, wait_event, state', 'true');
ok(poll_until(sub { activity('count(*)', q{backend_type = 'realtime scheduler' AND wait_event_type = 'Extension' AND wait_event = '}
	. ($named ? 'RealtimeSchedulerMain' : 'Extension') . q{'}) == 1 }), 'so does the scheduler')
	or diag activity('backend_type, wait_event_type, wait_event', 'true');

# what they do
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
for (['app/wait', 'a call'], ['app/list', 'a stream'])
{
	my ($path, $what) = @$_;
	ws_send($ws, { rpc => $path, id => $path, args => [], $path eq 'app/list' ? (stream => JSON::PP::true) : () });
	ok(poll_until(sub { activity('count(*)', "query = '$path' AND state = 'active' AND wait_event = 'advisory' AND xact_start IS NOT NULL AND query_start <= now()") == 1 }),
		"$what is shown by its path, with what it waits for") or diag activity('query, state, wait_event, xact_start', 'true');
	is(activity('usename', "query = '$path'"), 'realtime_executor', 'by the role of executors');
}
is(sql(q{SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.query LIKE 'app/%' AND NOT l.granted}), 2,
	'locks lead to the paths');
sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'app/wait'});
is(ws_wait($ws, sub { ($_->{event} // '') eq 'app/wait' })->{data}{ok}, JSON::PP::false, 'a call can be cancelled by what is shown');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;
ws_wait($ws, sub { ($_->{event} // '') eq 'app/list' });
ok(poll_until(sub { activity('count(*)', "state = 'active'") == 0 }), 'nobody is busy afterwards');

# statements of handlers are counted as if sessions had run them
sub statements { return sql("SELECT sum(calls), max(rolname) FROM pg_stat_statements JOIN pg_roles r ON r.oid = userid WHERE query LIKE '$_[0]' AND rolname <> 'postgres'"); }
sql('SELECT pg_stat_statements_reset()');
ws_call($ws, 'app/add', [$_]) for 1 .. 5;
ws_call($ws, 'app/find', [$_]) for 1 .. 7;
is(statements('INSERT INTO app.item VALUES %'), '5|realtime_anonymous', 'statements of a PL/pgSQL function, as who has called');
ws_call($ws, 'app/count', ['x']) for 1 .. 4;
is(statements('SELECT * FROM app.find($1)'), '7|realtime_anonymous', 'a function that returns a set') or diag sql('SELECT calls, userid::regrole, toplevel, query FROM pg_stat_statements');
is(statements('%count(*) FROM app.item WHERE item.what = %'), '4|realtime_anonymous', 'the body of an SQL function') or diag sql('SELECT calls, userid::regrole, toplevel, query FROM pg_stat_statements');
is(sql(q{SELECT sum(rows) FROM pg_stat_statements WHERE query LIKE 'INSERT INTO app.item VALUES %'}), 5, 'with their rows');
is(sql(q{SELECT bool_and(queryid IS NOT NULL) FROM pg_stat_statements}), 't', 'each has an id');

$node->stop;
done_testing();
