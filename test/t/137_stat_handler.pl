# realtime.stat_handler: what has become of what clients have asked for, by path.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 4, 'realtime.gateways' => 2, 'realtime.stat_paths' => 8);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what integer) RETURNS integer LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.fail(code text) RETURNS void LANGUAGE sql AS 'SELECT realtime.raise(code)';
CREATE FUNCTION app.bug() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN ASSERT false; END $$;
CREATE FUNCTION app.slow() RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(0.3)';
CREATE FUNCTION app.list() RETURNS SETOF integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.key() RETURNS text LANGUAGE sql AS $$ SELECT 'one' $$;
CREATE SEQUENCE app.tries;
GRANT ALL ON app.tries TO realtime_anonymous;
CREATE FUNCTION app.again() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('app.tries') < 3 THEN RAISE serialization_failure; END IF;
END $$;
SELECT realtime.rpc('app/echo', 'app.echo(integer)'), realtime.rpc('app/fail', 'app.fail(text)'),
	realtime.rpc('app/bug', 'app.bug()'), realtime.rpc('app/slow', 'app.slow()', lock_key => 'app.key()'),
	realtime.rpc('app/again', 'app.again()'), realtime.stream('app/list', 'list', 'app.list()', merge => 'set');
});
wait_for_call($node, 'app/echo', [0]);
my $ws = ws_connect($node);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub of { my ($columns, $path) = @_; return sql("SELECT $columns FROM realtime.stat_handler WHERE path = '$path'"); }

sql('SELECT realtime.stat_reset_handler()');
is(sql('SELECT count(*) FROM realtime.stat_handler'), 0, 'paths without calls are not shown');
ws_call($ws, 'app/echo', [$_]) for 1 .. 5;
is(of('kind, calls, errors, error_codes', 'app/echo'), 'call|5|0|{}', 'calls are counted');
is(of('(SELECT sum(n::bigint) FROM jsonb_each_text(buckets) AS b (le, n))', 'app/echo'), 5, 'and the buckets hold them all');
is(of('total_time > 0 AND mean_time <= max_time AND max_time <= total_time', 'app/echo'), 't', 'with their times');

ws_call($ws, 'app/fail', [$_]) for qw(NOT_FOUND NOT_FOUND FORBIDDEN SOLD_OUT TOO_LATE);
is(of('calls, errors, error_codes', 'app/fail'), '5|5|{"CUSTOM": 2, "FORBIDDEN": 1, "NOT_FOUND": 2}', 'errors are counted by code');
ws_call($ws, 'app/bug', []);
is(of('error_codes', 'app/bug'), '{"INTERNAL_ERROR": 1}', 'internal ones, too');
ws_call($ws, 'app/echo', ['x']);
is(of('calls, error_codes', 'app/echo'), '6|{"VALIDATION": 1}', 'and arguments that do not fit');

# what is run again, or waits for others, is one call
ok(ws_call($ws, 'app/again', [])->{ok}, 'a call is tried again');
is(of('calls, errors', 'app/again'), '1|0', 'and counted once');
my @others = map { ws_connect($node) } 1 .. 2;
ws_send($_, { rpc => 'app/slow', id => 's', args => [] }) for @others;
ws_wait($_, sub { ($_->{event} // '') eq 's' }) for @others;
is(of('calls, errors', 'app/slow'), '2|0', 'so is one that waits for a key');
is(of(q{buckets ->> '0.25', (buckets ->> '0.5')::integer + (buckets ->> '1.0')::integer + (buckets ->> '+Inf')::integer >= 1,
	max_time >= 300, total_time >= 600}, 'app/slow'), '0|t|t|t', 'slow ones are in the buckets of slow ones')
	or diag of('buckets, max_time, total_time', 'app/slow');

# streams
ws_call($ws, 'app/list', [], stream => JSON::PP::true);
ws_call($ws, 'app/list', []);
is((http_request($node, 'GET /__realtime/load/app/list'))[0], 200, 'a value over HTTP');
is(of('kind, calls, errors', 'app/list'), 'stream|3|0', 'streams are counted, in whatever way they are asked for');

# no client can fill the table
ws_call($ws, "no/such$_", []) for 1 .. 20;
is(of('calls, error_codes', '(unknown)'), '20|{"NOT_FOUND": 20}', 'paths that are not declared are counted together');
sql("SELECT realtime.rpc('many/p$_', 'app.echo(integer)')") for 1 .. 6;
wait_for_call($node, 'many/p6', [0]);
sql(q{SELECT realtime.stat_reset_handler('(other)')});
ws_call($ws, "many/p$_", [1]) for 1 .. 6;
is(sql(q{SELECT count(*) FROM realtime.stat_handler WHERE path NOT LIKE '(%'}), 8, 'there is room for so many paths as a setting says');
is(sql(q{SELECT sum(calls) FROM realtime.stat_handler WHERE path = '(other)' OR path LIKE 'many/%'}) + 0 >= 6, 1, 'and none is lost');
cmp_ok(of('calls', '(other)'), '>', 0, 'those beyond are counted together');

# each is counted once, whoever runs it
sql(q{SELECT realtime.stat_reset_handler('app/echo')});
my @many = map { ws_connect($node) } 1 .. 8;
for my $n (1 .. 100)
{
	ws_send($_, { rpc => 'app/echo', id => "c$n", args => [$n] }) for @many;
}
ws_wait($_, sub { ($_->{event} // '') eq 'c100' }) for @many;
ok(poll_until(sub { of('calls', 'app/echo') == 800 }), 'four executors count together') or diag of('calls', 'app/echo');
is(of('calls, errors, (SELECT sum(n::bigint) FROM jsonb_each_text(buckets) AS b (le, n))', 'app/echo'), '800|0|800', 'without losing one');

# to begin anew
my $since = of('stats_reset', 'app/fail');
sql(q{SELECT realtime.stat_reset_handler('app/echo')});
is(of('calls', 'app/echo'), '', 'one path is reset');
is(of('calls, stats_reset', 'app/fail'), "5|$since", 'others are not');
sql('SELECT realtime.stat_reset_handler()');
is(sql('SELECT count(*) FROM realtime.stat_handler'), 0, 'all are');
my ($rc, $out, $err) = $node->psql('postgres', q{SELECT realtime.stat_reset_handler('app/none')});
like($err, qr/ERROR:  there are no statistics of path "app\/none"/, 'a path that nobody has called');
sql('CREATE ROLE reader; CREATE ROLE watcher; GRANT pg_monitor TO watcher');
like(($node->psql('postgres', 'SET ROLE reader; SELECT * FROM realtime.stat_handler'))[2], qr/permission denied/, 'not everybody may look');
is(($node->psql('postgres', 'SET ROLE watcher; SELECT count(*) FROM realtime.stat_handler'))[1], '0', 'who watches may');
like(($node->psql('postgres', 'SET ROLE watcher; SELECT realtime.stat_reset_handler()'))[2], qr/permission denied/, 'but not reset');

$node->stop;
done_testing();
