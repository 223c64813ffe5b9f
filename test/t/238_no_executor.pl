# No executor can be started, because others have all worker processes: clients and
# the log are told, calls are refused, and events go on.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

# one place is for others: launcher, gateway, executor, scheduler
my $node = new_node('realtime.executors' => 1, 'realtime.max_executors' => 1, 'realtime.upgrade_rate' => 0, 'max_worker_processes' => 5,
	'max_logical_replication_workers' => 0, 'log_statement' => 'none');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what integer) RETURNS integer LANGUAGE sql AS 'SELECT what';
SELECT realtime.rpc('app/echo', 'app.echo(integer)'), realtime.topic('news', open => true);
});
wait_for_call($node, 'app/echo', [0]);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub pid_of { return sql("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE '$_[0]%'"); }
sub workers { return sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'}); }
sub health { my ($event) = @_; return sub { ($_->{topic} // '') eq '__realtime' && $_->{event} eq $event } }

# Takes a worker process for a query that lasts.
my $forced = sql(q{SELECT name FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode')});
my @takers;
sub take_place
{
	my $before = workers();
	for (1 .. 50)
	{
		my $taker = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = $taker->query_safe('SELECT pg_backend_pid()');
		$taker->query_safe("SET $forced = on");
		$taker->query_until(qr/begun/, "\\echo begun\nSELECT pg_sleep(600);\n");
		my $deadline = time + 2;
		while (time < $deadline)
		{
			return push @takers, [ $taker, $pid ] if workers() > $before;
			select undef, undef, undef, 0.02;
		}
		sql("SELECT pg_terminate_backend($pid)");
	}
	die "no place for a worker process\n";
}

my $ws = ws_connect($node);
ws_subscribe($ws, 'news');
take_place();
my $launcher = pid_of('realtime launcher');
my $executor = pid_of('realtime executor');
kill STOP => $launcher;
sql("SELECT pg_terminate_backend($executor)");
ok(poll_until(sub { pid_of('realtime executor') eq '' }), 'the executor ends');
take_place();
kill CONT => $launcher;

ok(ws_wait($ws, health('degraded')), 'clients are told that something is missing');
ok(poll_until(sub { count_in_log($node, qr/WARNING: .*realtime has no executor: calls and new connections are refused/) == 1 }), 'and the log');
ok(count_in_log($node, qr/no worker process is left/) > 0, 'which says why');
is(ws_call($ws, 'app/echo', [1])->{code}, 'SERVICE_UNAVAILABLE', 'calls are refused');
my ($status, undef, $body) = http_request($node, 'GET /readyz');
is("$status $body", "503 no executor can be started\n", 'who balances load is told');
ok(!eval { ws_connect($node); 1 } && $@ =~ /503/, 'and who would connect') or diag $@;
is(sql(q{SELECT value FROM realtime.metrics() WHERE name = 'realtime_ready'}), 0, 'it is a metric');
sql(qq{SELECT realtime.publish('news', 'x', '$_')}) for 1 .. 3;
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'news' })->{data}, $_, "event $_ is delivered") for 1 .. 3;

sql("SELECT pg_terminate_backend($_->[1])") for @takers;
$node->reload;
ok(ws_wait($ws, health('recovered')), 'when there is room again they are told, too');
is(ws_call($ws, 'app/echo', [2])->{data}, 2, 'calls are run');
ok(poll_until(sub { count_in_log($node, qr/LOG: .*realtime has executors again/) == 1 }), 'and the log says so');
is(count_in_log($node, qr/realtime has no executor/), 1, 'once each');
ok(poll_until(sub { (http_request($node, 'GET /readyz'))[0] == 200 }), 'the server is ready');
no_crash($node);

$node->stop;
done_testing();
