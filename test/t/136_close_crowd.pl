# A thousand connections that end at once, with a close hook: it runs once for each
# of them, whoever calls meanwhile is answered, what waits is bounded, and where it
# fails it does so for itself.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeMetrics;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $hook = q{
CREATE TABLE app.log (connection text, who text);
GRANT ALL ON app.log TO PUBLIC;
CREATE FUNCTION app.on_close(connection jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	INSERT INTO app.log VALUES (connection ->> 'id', realtime.user_id());
	IF realtime.user_id() LIKE 'bad%' THEN
		PERFORM 1 / 0;
	END IF;
END $$;
SELECT realtime.hook('close', 'app.on_close(jsonb)');
};
my $crowd = 1000;
my $depth = 256;
my $node = life_node('realtime.executors' => 4, 'realtime.max_executors' => 4, 'realtime.max_connections' => $crowd + 50,
	'realtime.queue_depth' => $depth, 'realtime.jwt_secret' => $secret);
$node->safe_psql('postgres', $hook);
my $other = ws_connect($node);
poll_until(sub { ws_call($other, 'app/echo', ['x'])->{ok} });

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub rows { return sql('SELECT count(*) FROM realtime.opened_connection'); }
sub told { return sql('SELECT count(*) FROM app.log'); }
sub connections { return sql('SELECT sum(connections) FROM realtime.stat_gateway'); }
sub in_flight { return sql('SELECT sum(in_flight) FROM realtime.stat_gateway'); }
sub client { my ($user) = @_; return ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $user }, secret => $secret) }); }
sub hold { my $session = $node->background_psql('postgres'); $session->query_safe('SELECT pg_advisory_lock(1)'); return $session; }
sub release { my ($session) = @_; $session->query_safe('SELECT pg_advisory_unlock(1)'); $session->quit; return; }
# those who make a load have the sockets open, too
sub leave { shutdown $_->{socket}, 2 for @_; return; }

# They end while the hook stands still.
my @all = map { client("u$_") } 1 .. $crowd;
ok(poll_until(sub { rows() >= $crowd }), 'a crowd is there');
my $there = rows();
my $lock = hold();
leave(@all);
ok(poll_until(sub { connections() <= 1 }), 'and has gone');
busy_executor($node, 'close');
cmp_ok(in_flight(), '<=', $depth / 8 + 1, 'no more are asked for at a time than a gateway may ask for itself');
is(ws_call($other, 'app/echo', ["$_"])->{data}, "$_", 'who is there is answered') for 1 .. 20;
my $new = client('new');
is(ws_call($new, 'app/echo', ['in'])->{data}, 'in', 'and somebody comes in');
is(told(), 0, 'while nobody was told anything');
release($lock);
ok(poll_until(sub { told() == $crowd }), 'then all of them are told of');
is(sql(q{SELECT count(*), count(DISTINCT connection), count(DISTINCT who) FROM app.log}), "$crowd|$crowd|$crowd", 'once each, as who it was');
ok(poll_until(sub { rows() == $there - $crowd + 1 }), 'no row of them is left');

# A hook that fails: each time for one connection alone, and quietly.
my $bad = 300;
sql('TRUNCATE app.log');
my $position = log_position($node);
@all = ((map { client("bad$_") } 1 .. $bad), map { client("u$_") } 1 .. $bad);
ok(poll_until(sub { rows() >= 2 * $bad }), 'another crowd');
my $load = load_start($node, 'app/echo', ['x']);
leave(@all);
ok(poll_until(sub { sql(q{SELECT count(*) FROM app.log WHERE who LIKE 'u%'}) == $bad }), 'others are told of while it fails for some');
seen_only($load);
ok(poll_until(sub { rows() == $there - $crowd + 1 }), 'and is not asked again for those');
is(sql(q{SELECT count(*) FROM app.log WHERE who LIKE 'bad%'}), 0, 'of which it has left nothing');
my $logged = count_in_log($node, qr/ERROR:  division by zero/, $position);
cmp_ok($logged, '>', 0, 'the log says so');
cmp_ok($logged, '<=', 40, 'but not each time');
is(metric(parse_metrics(sql('SELECT realtime.metrics_text()'), 'text'), 'realtime_log_suppressed_total'), $bad - $logged, 'the others are counted');
$node->stop;

# As many may wait to be told as there may be connections; then nobody comes in.
my $few = 10;
my $known = 5;
$node = life_node(name => 'few', 'realtime.executors' => 4, 'realtime.max_executors' => 16, 'realtime.max_connections' => $few,
	'realtime.max_sessions' => $known, 'realtime.jwt_secret' => $secret);
$node->safe_psql('postgres', $hook);
ok(poll_until(sub { ws_close(ws_connect($node)); rows() > 0 || told() > 0 }), 'a small server');
poll_until(sub { rows() == 0 });
@all = map { ws_connect($node) } 1 .. $few;
poll_until(sub { rows() == $few });
$lock = hold();
leave(@all);
poll_until(sub { connections() == 0 });
my $refused = poll_until(sub { eval { ws_connect($node) } ? 0 : $@ });
like($refused, qr/answered with 503/, 'nobody comes in while so many wait to be told of');
is(sql(q{SELECT hits > 0 FROM realtime.limits WHERE name = 'departures'}), 't', 'which is counted');
release($lock);
ok(poll_until(sub { eval { ws_connect($node) } }), 'then others do');

# Who is known has a place among those who are: those who have gone, and whose end
# is not told, have others, but no more.
poll_until(sub { connections() == 0 && rows() == 0 });
sub who { my ($ws) = @_; return eval { ws_call($ws, 'app/who', [])->{data} } // 'nobody'; }
$node->safe_psql('postgres', q{CREATE FUNCTION app.who() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.user_id()'; SELECT realtime.rpc('app/who', 'app.who()')});
wait_for_call($node, 'app/who', []);
@all = map { client("first$_") } 1 .. $known;
is(join(' ', map { who($_) } @all), join(' ', map { "first$_" } 1 .. $known), 'as many are known as can be');
is(ws_close_code(client('more')), 1013, 'and no more');
$lock = hold();
leave(@all);
ok(poll_until(sub { connections() == 0 }), 'all go at once');
@all = map { client("second$_") } 1 .. $known;
is(join(' ', map { who($_) } @all), join(' ', map { "second$_" } 1 .. $known), 'as many come in before anybody is told');
leave(@all);
ok(poll_until(sub { connections() == 0 }), 'and go');
$refused = poll_until(sub { my $code = eval { ws_close_code(client('third')) }; $code // $@ });
like($refused, qr/^1013|503/, 'nobody comes in for ever');
release($lock);
ok(poll_until(sub { my $ws = eval { client('last') } or return 0; who($ws) eq 'last' }), 'until they are told of');

no_crash($node);
done_testing();
