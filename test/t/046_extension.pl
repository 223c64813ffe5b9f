# The database, the role and the extension are waited for quietly, and may go
# and come back under load.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node(
	start => 0, extension => 0, 'realtime.database' => 'app', 'realtime.executors' => 2);

sub executors { return worker_pids($node, 'executor', 'postgres'); }

# Waits for a state of the service; tests that the log has not much to say.
sub waits_for
{
	my ($what, $state) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { (eval { service_state($node) } // '') =~ $state }), $what);
	return;
}

# Nothing is there at the start.
$node->start;
waits_for('without a database', qr/database does not exist/);
is(eval { ws_connect($node); 'open' } // $@, "the upgrade was answered with 503\n",
	'nobody can connect');
ok(poll_until(sub { count_in_log($node, qr/realtime waits for database "app"/) == 1 }), 'the log says why');
$node->safe_psql('postgres', 'CREATE DATABASE app');
waits_for('without a role', qr/role does not exist/);
$node->safe_psql('postgres', 'CREATE ROLE realtime_executor NOINHERIT');
waits_for('with a role that cannot log in', qr/role does not exist/);
$node->safe_psql('postgres', 'ALTER ROLE realtime_executor LOGIN');
waits_for('without the extension', qr/extension is not installed/);
life_schema($node, 'app');
waits_for('with everything', qr/^ready/);
wait_for_call($node, 'app/echo', ['x']);
ok(poll_until(sub { count_in_log($node, qr/realtime waits/) == 3 }), 'each has been waited for with one line');
is(count_in_log($node, qr/FATAL|background worker "realtime/), 0, 'and no worker had to end for it');
my @before = executors();

# The extension goes and comes, with calls that run, wait and publish.
for my $drop ('DROP EXTENSION realtime', 'DROP EXTENSION realtime CASCADE')
{
	my $load = load_start($node, 'app/say', ['x']);
	my ($ws, $idle) = (ws_connect($node), ws_connect($node));
	ws_subscribe($idle, 'news');
	my $id = call_begin($ws, 'app/sleep', [2]);
	busy_executor($node, 'app/sleep');

	quick($node, 'app', $drop);
	is(ws_close_code($_), 1012, 'dropped: a client is told') for $ws, $idle;
	close $_->{socket} for $ws, $idle;
	waits_for('the state says why', qr/extension is not installed/);
	$node->safe_psql('app', 'DROP SCHEMA app CASCADE');
	life_schema($node, 'app');
	waits_for('created again', qr/^ready/);
	wait_for_call($node, 'app/echo', ['x']);
	seen_only($load, 'INTERNAL_ERROR', 'NOT_FOUND', 'SERVICE_UNAVAILABLE',
		'closed 1012', 'refused 503');
}

# Without any call that could notice it
my $idle = ws_connect($node);
ws_subscribe($idle, 'news');
quick($node, 'app', 'DROP EXTENSION realtime');
is(ws_close_code($idle), 1012, 'an idle client is told as well');
close $idle->{socket};
$node->safe_psql('app', 'DROP SCHEMA app CASCADE');
life_schema($node, 'app');
wait_for_call($node, 'app/echo', ['x']);

# What is rolled back, or changes nothing, disturbs nobody.
my $load = load_start($node, 'app/say', ['x']);
quick($node, 'app', $_) for
	'BEGIN; DROP EXTENSION realtime; ROLLBACK',
	'ALTER EXTENSION realtime UPDATE';
seen_only($load);

# A new version
SKIP:
{
	my $folder = $node->config_data('--sharedir') . '/extension';
	my $version = $node->safe_psql('app',
		q{SELECT default_version FROM pg_available_extensions WHERE name = 'realtime'});
	my $script = "$folder/realtime--$version--test.sql";

	skip "$folder cannot be written", 7 unless -w $folder;
	append_to_file($script, q{
CREATE FUNCTION realtime.new() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE realtime.rpc_declaration ADD COLUMN new int;
SELECT pg_sleep(0.5);
});
	END { unlink $script if $script }
	$load = load_start($node, 'app/say', ['x']);
	quick($node, 'app', 'ALTER EXTENSION realtime UPDATE TO test');
	is($node->safe_psql('app', 'SELECT realtime.new()'), 1, 'the update has run');
	seen_only($load);
}
is_deeply([ executors() ], \@before, 'executors have stayed all the time');

# The role goes and comes.
$load = load_start($node, 'app/echo', ['x']);
$idle = ws_connect($node);
quick($node, 'app', 'ALTER ROLE realtime_executor NOLOGIN');
is(ws_close_code($idle), 1012, 'without its role the service ends');
close $idle->{socket};
waits_for('and says why', qr/role does not exist/);
quick($node, 'app', 'ALTER ROLE realtime_executor LOGIN');
waits_for('it comes back with it', qr/^ready/);
wait_for_call($node, 'app/echo', ['x']);
seen_only($load, 'SERVICE_UNAVAILABLE', 'closed 1012', 'refused 503');

# Executors that the database does not let in
{
	my $position = log_position($node);
	my @old = executors();

	$node->safe_psql('postgres', 'REVOKE CONNECT ON DATABASE app FROM PUBLIC');
	kill 'TERM', $_ for @old;
	waits_for('executors that may not connect', qr/no executor can be started/);
	cmp_ok(count_in_log($node, qr/FATAL/, $position), '<=', 16, 'try more and more rarely');
	$node->safe_psql('postgres', 'GRANT CONNECT ON DATABASE app TO PUBLIC');
	$node->safe_psql('postgres', 'ALTER ROLE realtime_executor LOGIN');
	waits_for('and come back when they may', qr/^ready/);
}

$node->stop('fast');
no_crash($node);
is(count_in_log($node, qr/terminating any other active/), 0, 'the server has never restarted');

done_testing();
