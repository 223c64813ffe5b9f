# GET /readyz and /healthz: what each of them says, and when.
use strict;
use warnings;

use IO::Select;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.queue_depth' => 32,
	'realtime.pressure_subscribers' => 0, 'realtime.shutdown_timeout' => '1min', 'wal_level' => 'replica', 'max_wal_senders' => 4);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id bigint);
GRANT ALL ON app.item TO realtime_anonymous;
CREATE FUNCTION app.echo(what integer) RETURNS integer LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.wait(key integer) RETURNS void LANGUAGE sql AS 'SELECT FROM pg_advisory_xact_lock_shared(key)';
CREATE FUNCTION app.down() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '08006'; END $$;
CREATE FUNCTION app.insert() RETURNS void LANGUAGE sql AS 'INSERT INTO app.item VALUES (1)';
SELECT realtime.rpc('app/echo', 'app.echo(integer)'), realtime.rpc('app/wait', 'app.wait(integer)'),
	realtime.rpc('app/insert', 'app.insert()'),
	realtime.breaker('behind', 1, '1 h'), realtime.rpc('app/down', 'app.down()', breaker => 'behind'),
	realtime.topic('items', open => true);
});
wait_for_call($node, 'app/echo', [0]);
my $ws = ws_connect($node);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub ask { my ($path) = @_; my ($status, undef, $text) = http_request($node, "GET $path"); chomp $text; return "$status $text"; }
sub becomes { my ($path, $answer) = @_; return poll_until(sub { ask($path) =~ $answer }); }

is(ask('/readyz'), '200 ready', 'ready');
is(ask('/healthz'), '200 ready', 'and well');
is((http_request($node, 'HEAD /readyz'))[0], 200, 'HEAD');
is((http_request($node, 'POST /readyz'))[0], 405, 'not with POST');
is((http_request($node, 'GET /readyz', Host => 'lb.example.com'))[0], 200, 'whatever the server is called');

# executors that do not come back
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my @waiting = map { ws_connect($node) } 1 .. 4;
ws_send($_, { rpc => 'app/wait', id => 'w', args => [1] }) for @waiting;
ok(becomes('/readyz', qr/^503 executors are behind/), 'not ready while nobody takes what waits');
is(ask('/healthz'), '200 ready', 'a restart would not help');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
ws_wait($_, sub { ($_->{event} // '') eq 'w' }) for @waiting;
ok(becomes('/readyz', qr/^200/), 'ready again');

# what is out of order behind the database, and what is scarce
ws_call($ws, 'app/down', []);
is(ask('/healthz'), "200 ready\ndegraded: a circuit breaker is broken", 'a broken breaker is told');
is(ask('/readyz'), '200 ready', 'and does not matter to who is not ready');
configure($node, 'realtime.pressure_subscribers' => 1);
ws_subscribe($ws, 'items');
ws_subscribe($ws, $_) for map { "items:$_" } 1 .. 3;
sql(q{SELECT realtime.topic('items:{n}', open => true)});
poll_until(sub { grep { ws_subscribe($ws, "items:$_")->{type} eq 'subscribed' } 1 .. 20 });
ws_subscribe($ws, "items:$_") for 1 .. 20;
ok(becomes('/healthz', qr/^200 ready\ndegraded[^\n]*\npressure: SUBSCRIBERS$/), 'so is pressure');
configure($node, 'realtime.pressure_subscribers' => 0);

# standbys that are gone: answers of calls that have written wait, half of all slots
configure($node, 'synchronous_standby_names' => 'nobody');
ok(poll_until(sub {
	push @waiting, ws_connect($node);
	ws_send($waiting[-1], { rpc => 'app/insert', id => 'i', args => [] });
	return ask('/readyz') =~ /^503 too many answers wait for synchronous standbys/;
}), 'not ready without its standbys') or diag ask('/readyz');
configure($node, 'synchronous_standby_names' => '');
ok(becomes('/readyz', qr/^200/), 'ready when they are not asked for');

# without the extension
sql('DROP EXTENSION realtime CASCADE');
ok(becomes('/readyz', qr/^503 the extension is not installed$/), 'not without the extension');
is(ask('/healthz') =~ s/\n.*//sr, '503 the extension is not installed', 'nor well');
sql('CREATE EXTENSION realtime');
sql(q{SELECT realtime.rpc('app/wait', 'app.wait(integer)')});
ok(becomes('/readyz', qr/^200/), 'with it, it is');
wait_for_call($node, 'app/wait', [2]);

# at the end: who asks on a connection that is there still gets an answer
my $late = ws_connect($node);
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_send($late, { rpc => 'app/wait', id => 'w', args => [1] });
poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) == 1 });
my $kept = tcp_connect($node);
my $request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
like(http_raw($kept, $request, qr/ready\n/), qr/^HTTP\/1.1 200/, 'ready before the end');
kill TERM => sql('SELECT pid FROM realtime.stat_gateway');
my $answer;
poll_until(sub { $answer = http_raw($kept, $request, qr/\n\z/, 5) // ''; $answer !~ /^HTTP\/1.1 200/ });
like($answer, qr/^HTTP\/1.1 503 .*the server is stopping\n\z/s, 'not ready while it stops');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;

$node->stop;

# A gateway that does not get on, told by another one
$node = new_node(name => 'two', 'realtime.gateways' => 2, 'realtime.executors' => 2, 'realtime.ring_size' => '256kB');
sql(q{SELECT realtime.topic('news', open => true)});
my @sockets = map { ws_connect($node) } 1 .. 8;
poll_until(sub { ws_subscribe($sockets[0], 'news')->{type} eq 'subscribed' });
ws_subscribe($_, 'news') for @sockets;
my @pids = split /\n/, sql('SELECT pid FROM realtime.stat_gateway ORDER BY number');

# Whoever answers of several that are asked: the one that stands still does not.
sub ask_anybody
{
	my @asked = map { tcp_connect($node) } 1 .. 16;
	syswrite $_, $request for @asked;
	my ($one) = IO::Select->new(@asked)->can_read(soon());
	my $text = http_raw($one, '', qr/\n\z/) =~ s/^.*\r\n\r\n//sr;
	chomp $text;
	return $text;
}
is(ask_anybody(), 'ready', 'two gateways that get on');
kill STOP => $pids[0];
sql(q{SELECT realtime.publish('news', 'n', to_jsonb(repeat('x', 16000)))}) for 1 .. 10;
ok(poll_until(sub { ask_anybody() =~ /^a gateway is behind/ }), 'not ready while one of them does not') or diag ask_anybody();
kill CONT => $pids[0];
ok(poll_until(sub { ask_anybody() eq 'ready' }), 'ready when it does');

$node->stop;
done_testing();
