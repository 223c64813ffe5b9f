# Roles that are dropped, missing, and created again: nothing has to be
# restarted.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife qw(count_in_log no_crash service_state worker_pids);
use RealtimeTest;

my $node = new_node('realtime.executors' => 2);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub comes { my ($what, $state) = @_; return ok(poll_until(sub { service_state($node) =~ $state }), $what); }

sql(q{
SELECT realtime.topic('t', open => true);
CREATE FUNCTION who() RETURNS text LANGUAGE sql AS 'SELECT session_user || '' '' || current_user';
SELECT realtime.rpc('app/who', 'who()')});
wait_for_call($node, 'app/who');
my $ws = ws_connect($node);
is(ws_call($ws, 'app/who', [])->{data}, 'realtime_executor realtime_anonymous', 'calls run as usual');

# As pg_dumpall --clean does it
my @before = worker_pids($node, 'executor');
sql(q{
BEGIN;
DROP ROLE realtime_executor;
CREATE ROLE realtime_executor LOGIN NOINHERIT;
GRANT realtime_anonymous, realtime_authenticated TO realtime_executor;
COMMIT});
wait_for_call($node, 'app/who');
ok(poll_until(sub {
	my $again = eval { ws_connect($node) } or return 0;
	my $reply = eval { ws_call($again, 'app/who', []) } // {};
	ws_close($again);
	return ($reply->{data} // '') eq 'realtime_executor realtime_anonymous'; }), 'so do they with an executor role of another OID');
ok(poll_until(sub { my %old = map { $_ => 1 } @before; !grep { $old{$_} } worker_pids($node, 'executor') }), 'in other executors');

sql('DROP ROLE realtime_executor');
comes('without the role the service waits', qr/executor role does not exist/);
sql('CREATE ROLE realtime_executor LOGIN NOINHERIT; GRANT realtime_anonymous, realtime_authenticated TO realtime_executor');
comes('and goes on with it', qr/^ready/);
wait_for_call($node, 'app/who');

# The role of clients
sql(q{ALTER SYSTEM SET realtime.anonymous_role = 'guest'; SELECT pg_reload_conf()});
comes('a role of clients that does not exist is waited for', qr/role of anonymous connections does not exist/);
is((http_request($node, 'GET /healthz'))[0], 503, 'balancers are told');
ok(poll_until(sub { count_in_log($node, qr/realtime waits for role "guest"/) }), 'the log says so');
is(sql(q{SELECT count(*) > 0 FROM realtime.check() WHERE object = 'role "guest"' AND severity = 'error'}), 't', 'realtime.check() as well');
sql(q{SELECT realtime.throttle('t', 'e', to_jsonb(i), '1 s') FROM generate_series(1, 3) i});
sql(q{SELECT realtime.debounce('t', 'late', '1', '1 ms')});
ok(poll_until(sub { sql('SELECT waiting = 0 AND published >= 2 FROM realtime.stat_timer') eq 't' }), 'throttled events are published nevertheless');
is(sql('SELECT failed FROM realtime.stat_timer'), 0, 'at the first attempt');
sql('CREATE ROLE guest; GRANT guest TO realtime_executor');
comes('the role is created, and nothing restarted', qr/^ready/);
wait_for_call($node, 'app/who');
$ws = ws_connect($node);
is(ws_call($ws, 'app/who', [])->{data}, 'realtime_executor guest', 'calls run as it');
sql('DROP ROLE guest');
comes('dropped', qr/role of anonymous connections does not exist/);
sql(q{ALTER SYSTEM RESET realtime.anonymous_role; SELECT pg_reload_conf()});
comes('another one named', qr/^ready/);
is(count_in_log($node, qr/INTERNAL_ERROR/), 0, 'nothing of it is an internal error');

$node->stop('fast');
no_crash($node);
done_testing();
