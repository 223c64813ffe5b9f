# What PostgreSQL has learnt after 15 and what would harm the workers.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node(extension => 0, start => 0, 'realtime.executors' => 1);
$node->start;
life_schema($node, 'postgres');
wait_for_gateway($node);
my $version = $node->safe_psql('postgres', 'SHOW server_version_num');
wait_for_call($node, 'app/echo', ['x']);
my $ws = ws_connect($node);

# A time-out of transactions, meant for sessions of clients, ends no worker.
SKIP:
{
	skip 'there is no transaction_timeout before 17', 3 if $version < 170000;
	$node->append_conf('postgresql.conf', "transaction_timeout = '100ms'");
	# not for the sessions of this test
	$ENV{PGOPTIONS} = '-c transaction_timeout=0';
	$node->restart;
	wait_for_call($node, 'app/echo', ['x']);
	my $others = join(' ', worker_pids($node, 'executor'), worker_pids($node, 'scheduler'));
	$ws = ws_connect($node);
	my $id = call_begin($ws, 'app/sleep', [1]);
	is(call_end($ws, $id)->{data}, 'awake', 'a call lasts longer than transaction_timeout');
	is(join(' ', worker_pids($node, 'executor'), worker_pids($node, 'scheduler')), $others,
		'and its executor, and the scheduler, live');
	is(count_in_log($node, qr/transaction timeout/), 0, 'no worker was ended by it');
}

# A member that may not become the role.
SKIP:
{
	skip 'each member may become the role before 16', 4 if $version < 160000;
	my $executor = $node->safe_psql('postgres', 'SHOW realtime.executor_role');
	$node->safe_psql('postgres', "CREATE ROLE guest;
		GRANT USAGE ON SCHEMA app TO guest;
		GRANT guest TO $executor WITH SET FALSE;
		ALTER SYSTEM SET realtime.anonymous_role = 'guest';
		SELECT pg_reload_conf()");
	ok(poll_until(sub { ws_call($ws, 'app/echo', ['x'])->{code} }),
		'a role that the executors are a member of WITH SET FALSE is refused');
	my $check = q{SELECT hint FROM realtime.check() WHERE object = 'role "guest"'};
	my $hint = $node->safe_psql('postgres', $check);
	is($hint, "GRANT guest TO $executor WITH SET TRUE;", 'and found by realtime.check()');
	$node->safe_psql('postgres', $hint);
	is($node->safe_psql('postgres', $check), '', 'WITH SET TRUE nothing is found');
	ok(poll_until(sub { (ws_call($ws, 'app/echo', ['x'])->{data} // '') eq 'x' }),
		'nor is it refused');
}

ok(defined $ws, 'the version is ' . $version);
done_testing();
