# The port is taken, or there are not enough worker processes: the server
# starts, says so once, and serves as soon as it can.
use strict;
use warnings;

use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimePort;
use RealtimeTest;

my $complaint = qr/WARNING: +could not listen on "127.0.0.1", port/;
my $listening = qr/realtime gateway \d listening on/;

# Another program has the port.  The gateway tries again once a second, and
# says so at DEBUG1 only.
my $port = reserve_port(20000);
my $other = IO::Socket::INET->new(
	LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1)
  or die "could not listen: $!";
my $first = new_node(
	name => 'first', start => 0, extension => 0, log_min_messages => 'debug1',
	'realtime.port' => $port, 'realtime.executors' => 1);
$first->start;
ok(poll_until(sub { count_in_log($first, $complaint) }), 'a taken port is complained about');
life_schema($first, 'postgres');
ok($first->poll_query_until('postgres', q{SELECT realtime.service_state() = 'ready'}),
	'and nothing else is wrong');
ok(poll_until(sub { count_in_log($first, qr/DEBUG: .*could not listen/) >= 2 }),
	'the gateway tries again');
is(count_in_log($first, $complaint), 1, 'but says so once');
is(count_in_log($first, $listening), 0, 'and does not listen');
is($first->safe_psql('postgres', 'SELECT listening, listen_error FROM realtime.stat_gateway'),
	'f|Address already in use', 'the statistics say so');
like($first->safe_psql('postgres', q{SELECT severity, problem FROM realtime.check() WHERE object = 'setting realtime.port'}),
	qr/\Aerror\|gateway 0 cannot listen on port $port: Address already in use\z/, 'and realtime.check() does');
close $other;
ok(poll_until(sub { count_in_log($first, $listening) }),
	'it does when the port becomes free');
wait_for_call($first, 'app/echo', ['x']);
is($first->safe_psql('postgres', q{SELECT listening, listen_error, (SELECT count(*) FROM realtime.check() WHERE severity = 'error')
	FROM realtime.stat_gateway}), 't||0', 'and nothing is wrong any more');

# Another cluster has it.
my $second = new_node(
	name => 'second', start => 0, extension => 0,
	'realtime.port' => $port, 'realtime.executors' => 1);
$second->start;
ok(poll_until(sub { count_in_log($second, $complaint) }),
	'a second cluster does not get the port');

# The first one's gateway leaves the port while it waits for a call: now the
# second gets it, and the first must not share it.
my $ws = ws_connect($first);
my $id = call_begin($ws, 'app/sleep', [3]);
busy_executor($first, 'app/sleep');
my ($gateway) = worker_pids($first, 'gateway');
kill 'TERM', $gateway;
ok(poll_until(sub { count_in_log($second, $listening) }),
	'it gets the port when the first leaves it');
is(call_end($ws, $id)->{data}, 'awake', 'a call of the first ends as it should');
is(ws_close_code($ws), 1001, 'and its socket is closed');
close $ws->{socket};
ok(replaced($first, 'gateway', [$gateway]), 'the gateway of the first comes back');
ok(poll_until(sub { count_in_log($first, $complaint) == 2 }), 'and says that it waits');
is(count_in_log($first, $listening), 1, 'it does not share the port');
$second->stop('fast');
ok(poll_until(sub { count_in_log($first, $listening) == 2 }),
	'it gets the port back when the second leaves it');
wait_for_call($first, 'app/echo', ['x']);
is(count_in_log($second, $complaint) + count_in_log($first, $complaint), 3,
	'there were no more complaints');
$first->stop('fast');
no_crash($_) for $first, $second;

# No worker process is left for executors: one is PostgreSQL's own launcher of
# logical replication.
my $narrow = new_node(
	name => 'narrow', start => 0, extension => 0,
	'max_worker_processes' => 3, 'realtime.executors' => 2);
$narrow->start;
like(slurp_file($narrow->logfile),
	qr/WARNING: .* realtime needs 6 worker processes, but max_worker_processes is 3.*HINT: .* Increase max_worker_processes/s,
	'too few worker processes: a warning with a hint at the start');
life_schema($narrow, 'postgres');
ok(poll_until(sub { count_in_log($narrow, qr/could not start realtime executor/) }),
	'and one of the launcher');
like(slurp_file($narrow->logfile), qr/HINT: .* Increase max_worker_processes \(now 3\)/,
	'with a hint');
is((http_request($narrow, 'GET /healthz'))[0], 503, 'the gateway knows');
my $began = time;
is((http_request($narrow, 'GET /ws', Upgrade => 'websocket', Connection => 'Upgrade',
	'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version' => 13))[0], 503, 'who connects waits for the hooks to be known, but not for ever');
is((http_request($narrow, 'GET /ws', Upgrade => 'websocket', Connection => 'Upgrade',
	'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version' => 13))[0], 503, 'and then not at all');
cmp_ok(time - $began, '<', soon(), 'that takes some seconds');
is($narrow->safe_psql('postgres', 'SELECT realtime.service_state()'),
	'no executor can be started', 'the state says why');
is(count_in_log($narrow, qr/could not start realtime executor/), 1,
	'and the launcher does not repeat itself');

# One too few: the scheduler goes without.
$narrow->adjust_conf('postgresql.conf', 'max_worker_processes', 5);
$narrow->restart;
wait_for_call($narrow, 'app/echo', ['x']);
ok(poll_until(sub { count_in_log($narrow, qr/could not start realtime scheduler: no worker/) == 1 }),
	'one worker process too few: calls are answered, the log says who is missing');

# Just enough of them: a worker that is replaced needs no other's place.
$narrow->adjust_conf('postgresql.conf', 'max_worker_processes', 6);
$narrow->restart;
wait_for_call($narrow, 'app/echo', ['x']);
my $position = log_position($narrow);
ok($narrow->poll_query_until('postgres',
	q{SELECT min(now() - started_at) > '5.1s' FROM realtime.stat_executor}),
	'executors that have lived for some time are replaced at once');
for my $kind (qw(executor gateway launcher scheduler))
{
	my @old = worker_pids($narrow, $kind);
	kill 'TERM', $_ for @old;
	ok(replaced($narrow, $kind, \@old), "with just enough, a $kind is replaced");
}
wait_for_call($narrow, 'app/echo', ['x']);
is(count_in_log($narrow, qr/could not start/, $position), 0, 'without a warning');
$narrow->stop('fast');
no_crash($narrow);

done_testing();
