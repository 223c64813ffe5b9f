# The database that clients reach can be dropped, renamed, moved and copied
# under load: nothing hangs, clients are told, and the service comes back.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node('realtime.database' => 'app', 'realtime.executors' => 3);

sub executors { return worker_pids($node, 'executor', 'postgres'); }

# Copying and moving: calls wait until it is over.
my $load = load_start($node, 'app/echo', ['x']);
quick($node, 'postgres', 'CREATE DATABASE copy TEMPLATE app');
wait_for_call($node, 'app/echo', ['x']);
quick($node, 'postgres', "CREATE DATABASE copy$_ TEMPLATE app STRATEGY file_copy") for 2 .. 4;
wait_for_call($node, 'app/echo', ['x']);
my $folder = PostgreSQL::Test::Utils::tempdir();
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$folder'");
quick($node, 'postgres', 'ALTER DATABASE app SET TABLESPACE elsewhere');
wait_for_call($node, 'app/echo', ['x']);
quick($node, 'postgres', 'ALTER DATABASE app SET TABLESPACE pg_default');
wait_for_call($node, 'app/echo', ['x']);
seen_only($load);

# Renaming in a transaction that is rolled back: the same.
{
	my $ws = ws_connect($node);
	my $session = $node->background_psql('postgres');
	$session->query_safe('BEGIN; ALTER DATABASE app RENAME TO gone');
	my $id = call_begin($ws, 'app/echo', ['waited']);
	ok(poll_until(sub { service_state($node) =~ /being changed/ }), 'the state says that it is being renamed');
	$session->query_safe('ROLLBACK');
	is(call_end($ws, $id)->{data}, 'waited',
		'a call that waits for a rename is run when that is rolled back');
	$session->quit;
	ok(poll_until(sub { service_state($node) =~ /ready/ }), 'the state says that all is well');
	ws_close($ws);
}

# Renaming and back
$load = load_start($node, 'app/echo', ['x']);
wait_for_call($node, 'app/echo', ['x']);
my $idle = ws_connect($node);
quick($node, 'postgres', 'ALTER DATABASE app RENAME TO gone');
is(ws_close_code($idle), 1012, 'renamed: an idle client is told');
close $idle->{socket};
like(service_state($node), qr/does not exist/, 'and the state says why');
quick($node, 'postgres', 'ALTER DATABASE gone RENAME TO app');
wait_for_call($node, 'app/echo', ['x']);
seen_only($load, 'SERVICE_UNAVAILABLE', 'closed 1012', 'refused 503');

# Dropping, with calls that run, calls that no cancel ends and calls that wait
for my $drop ('DROP DATABASE app', 'DROP DATABASE app WITH (FORCE)')
{
	$load = load_start($node, 'app/echo', ['x']);
	my $ws = ws_connect($node);
	my $idle = ws_connect($node);
	my $session = $drop =~ /FORCE/ ? $node->background_psql('app', on_error_stop => 0) : undef;
	my @ids = (call_begin($ws, 'app/stubborn', []), call_begin($ws, 'app/sleep', [60]));
	busy_executor($node, $_) for 'app/stubborn', 'app/sleep';
	push @ids, map { call_begin($ws, 'app/sleep', [60]) } 1 .. 5;

	quick($node, 'postgres', $drop);
	like(eval { call_end($ws, $_)->{code} } // 'no answer',
		qr/^(SERVICE_UNAVAILABLE|INTERNAL_ERROR)$/, 'a call that runs or waits is answered')
	  for @ids;
	is(ws_close_code($_), 1012, 'dropped: a client is told') for $ws, $idle;
	close $_->{socket} for $ws, $idle;
	eval { $session->{timeout} = undef; $session->quit } if $session;

	quick($node, 'postgres', 'CREATE DATABASE app');
	ok(poll_until(sub { service_state($node) =~ /extension is not installed/ }),
		'created anew: the extension is waited for');
	life_schema($node, 'app');
	wait_for_call($node, 'app/echo', ['x']);
	seen_only($load, 'SERVICE_UNAVAILABLE', 'closed 1012', 'refused 503');
}

# Who gives up disturbs nobody either: a call that runs is not cancelled later,
# and no executor has to come back.
{
	my $ws = ws_connect($node);
	my $id = call_begin($ws, 'app/sleep', [3]);
	busy_executor($node, 'app/sleep');
	my ($session, $killer) = map { $node->background_psql('postgres', on_error_stop => $_) } 0, 1;
	# is connected already: the call is cancelled two seconds later
	$killer->query_until(qr/looking/, q{\echo looking
DO $$
BEGIN
	LOOP
		PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01);
		PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query = 'DROP DATABASE app;' AND wait_event_type IN ('Extension', 'Timeout');
		EXIT WHEN FOUND;
	END LOOP;
END $$;
});
	$session->query_until(qr/began/, "\\echo began\nDROP DATABASE app;\n");
	is($killer->query_safe('SELECT 1'), 1, 'DROP DATABASE waits for a call, and is terminated');
	$killer->quit;
	is(call_end($ws, $id)->{data}, 'awake', 'the call goes on');
	eval { $session->quit };
	ok(poll_until(sub { service_state($node) =~ /^ready/ && executors() == 3 }),
		'and so does everything else');
	ws_close($ws);
}

# What is refused: executors come back if they have left at all.
{
	my $ws = ws_connect($node);
	my $session = $node->background_psql('app');
	my ($seconds, $error) = timed_sql($node, 'postgres', 'DROP DATABASE app');
	like($error, qr/is being accessed by other users/,
		'DROP DATABASE fails while somebody else is connected');
	cmp_ok($seconds, '<', soon(), 'as soon as PostgreSQL gives up');
	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'calls of an open connection go on');
	$session->quit;
	ws_close($ws);
}

$node->safe_psql('postgres', q{
CREATE ROLE nobody LOGIN;
CREATE ROLE creator LOGIN CREATEDB;
});
ok(poll_until(sub { executors() == 3 }), 'all executors are there');
my @before = executors();
$load = load_start($node, 'app/echo', ['x']);
my $refused = qr/must be owner|permission denied|cannot run inside|current database/;
quick($node, 'postgres', $_, $refused) for
	'SET ROLE nobody; DROP DATABASE app',
	'SET ROLE nobody; DROP DATABASE app WITH (FORCE)',
	'SET ROLE nobody; ALTER DATABASE app RENAME TO mine',
	'SET ROLE nobody; ALTER DATABASE app SET TABLESPACE elsewhere',
	'SET ROLE nobody; CREATE DATABASE mine TEMPLATE app',
	'SET ROLE creator; CREATE DATABASE mine TEMPLATE app',
	'SET ROLE creator; DROP DATABASE app',
	'BEGIN; DROP DATABASE app',
	'BEGIN; CREATE DATABASE mine TEMPLATE app';
is_deeply([ executors() ], \@before, 'who has no right to it disturbs nobody');

# Other databases
quick($node, 'postgres', $_) for
	'CREATE DATABASE other',
	'ALTER DATABASE other RENAME TO another',
	'ALTER DATABASE another SET TABLESPACE elsewhere',
	'CREATE DATABASE third TEMPLATE another',
	'ALTER DATABASE another SET work_mem = 4096',
	'DROP DATABASE another',
	'DROP DATABASE third WITH (FORCE)',
	"COMMENT ON DATABASE app IS 'ours'";
is_deeply([ executors() ], \@before, 'nor does what happens to other databases');
quick($node, 'postgres', 'ALTER DATABASE app SET work_mem = 4096');
my %before = map { $_ => 1 } @before;
ok(poll_until(sub { my @now = executors(); return @now == 3 && !grep { $before{$_} } @now }), 'executors are replaced to begin with the settings of their database');
seen_only($load);

$node->stop('fast');
no_crash($node);
is(count_in_log($node, qr/terminating any other active/), 0, 'the server has never restarted');

done_testing();
