# The workers start, carry their names, survive a reload, come back after a
# termination and leave with the server.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 2);

sub worker_pids
{
	my ($title) = @_;
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity
		 WHERE backend_type LIKE '$title%' ORDER BY pid");
}

ok(poll_until(sub { worker_pids('realtime launcher') == 1 }),
	'there is one launcher');
ok(poll_until(sub { worker_pids('realtime executor') == 2 }),
	'there are as many executors as realtime.executors says');
ok(poll_until(sub { worker_pids('realtime scheduler') == 1 }),
	'there is one scheduler');
is($node->safe_psql('postgres',
	q{SELECT DISTINCT usename FROM pg_stat_activity
	  WHERE backend_type LIKE 'realtime executor%'}),
	'realtime_executor', 'executors are logged in as their role');
is($node->safe_psql('postgres',
	q{SELECT rolsuper OR rolinherit FROM pg_roles WHERE rolname = 'realtime_executor'}),
	'f', 'which has no power of its own');
ok($node->poll_query_until('postgres',
	q{SELECT count(*) = 0 FROM pg_stat_activity
	  WHERE backend_type LIKE 'realtime executor%' AND wait_event IS NULL}),
	'idle executors wait');

# A reload changes what it may and ends nobody.
my @before = worker_pids('realtime');
$node->append_conf('postgresql.conf', "realtime.idle_timeout = '77s'");
$node->reload;
ok($node->poll_query_until('postgres',
	q{SELECT current_setting('realtime.idle_timeout') = '77s'}),
	'a setting changes by a reload');
is_deeply([ worker_pids('realtime') ], \@before, 'and the workers go on');

# Terminated workers come back alone.
my $connection = ws_connect($node);
for my $kind ('executor', 'launcher', 'scheduler')
{
	my ($victim) = worker_pids("realtime $kind");
	my $number = worker_pids("realtime $kind");

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($victim)");
	ok(poll_until(sub {
		my @now = worker_pids("realtime $kind");
		return @now == $number && !grep { $_ == $victim } @now;
	}), "a terminated $kind is replaced");
}
is(ws_call($connection, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'a connection has not noticed');

# A cancelled idle executor stays.
my ($idle) = worker_pids('realtime executor');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($idle)");
is(ws_call($connection, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'calls work after pg_cancel_backend of an idle executor');
ok((grep { $_ == $idle } worker_pids('realtime executor')),
	'which is still the same process');

# So does a cancelled scheduler.
my ($scheduler) = worker_pids('realtime scheduler');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($scheduler)");
is($node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_scheduler'),
	$scheduler, 'a cancelled scheduler goes on');

# The end.
my $began = time;
$node->stop('fast');
ok(time - $began < soon(), 'the server stops without waiting for clients');
like(ws_close_code($connection), qr/^(1001|1012)$/,
	'and tells them that it goes away');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

$node->start;
wait_for_gateway($node);
ok(ws_connect($node), 'it starts again');
$node->stop('fast');

done_testing();
