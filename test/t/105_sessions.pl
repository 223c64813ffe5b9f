# Identities that are known are held by connections and by requests: whoever of
# gateways and executors ends, no place in their table is lost.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $room = 4;
my $node = life_node('realtime.executors' => 3, 'realtime.max_executors' => 3, 'realtime.upgrade_rate' => 0,
	'realtime.max_sessions' => $room, 'realtime.jwt_secret' => $secret, 'realtime.shutdown_timeout' => '200ms');

$node->safe_psql('postgres', q{
GRANT USAGE ON SCHEMA app TO realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.user_id()';
CREATE FUNCTION app.wait() RETURNS text VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN realtime.user_id();
END $$;
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/wait', 'app.wait()');
});
wait_for_call($node, 'app/me', []);

my $lock = $node->background_psql('postgres');

# A connection of somebody new
my $users = 0;
sub newcomer
{
	my $token = jwt({ sub => 'user ' . ++$users }, secret => $secret);
	return ws_connect($node, headers => { Authorization => "Bearer $token" });
}

# Whether the newest connection has been let in, as who it is
sub is_known
{
	my ($ws) = @_;
	my $reply = eval { ws_call($ws, 'app/me', []) } or return 0;
	return $reply->{data} eq "user $users";
}

# The connections of so many that there is no place for another one
sub crowd
{
	my @crowd;
	poll_until(sub {
		my $ws = newcomer();
		push @crowd, $ws if is_known($ws);
		return @crowd == $room;
	});
	is(scalar @crowd, $room, 'all places are taken');
	is(ws_close_code(ws_connect($node, headers => {
		Authorization => 'Bearer ' . jwt({ sub => 'one more' }, secret => $secret) })), 1013, 'and there are no more');
	return @crowd;
}

# Calls of all of them: as many run as there are executors for what takes long,
# and at least one is queued.
sub wait_for_lock
{
	my @crowd = @_;

	$lock->query_safe('SELECT pg_advisory_lock(1)');
	my %id = map { ("$_" => call_begin($_, 'app/wait', [])) } @crowd;
	ok(poll_until(sub { $node->safe_psql('postgres', q{SELECT
		(SELECT in_flight FROM realtime.stat_gateway),
		(SELECT count(*) >= 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)})
		eq "$room|t" }), 'all have asked for something that takes long');
	return \%id;
}

sub end_of_lock { return $lock->query_safe('SELECT pg_advisory_unlock(1)'); }

# Connections that do nothing
my @crowd = crowd();
ws_close(shift @crowd);
my $ws;
ok(poll_until(sub { $ws = newcomer(); is_known($ws) }), 'who goes leaves a place');

for my $ending ('idle', 'running')
{
	my ($gateway) = worker_pids($node, 'gateway');

	wait_for_lock(@crowd, $ws) if $ending eq 'running';
	kill 'TERM', $gateway;
	ok(replaced($node, 'gateway', [$gateway]), "$ending: the gateway ends and is replaced");
	wait_for_gateway($node);
	end_of_lock() if $ending eq 'running';
	($ws, @crowd) = crowd();
}

# Executors that end while they run what has been asked
my $ids = wait_for_lock(@crowd, $ws);
my @executors = worker_pids($node, 'executor');
kill 'TERM', @executors;
ok(replaced($node, 'executor', \@executors), 'executors end and are replaced');
end_of_lock();
call_end($_, $ids->{"$_"}) for @crowd, $ws;
ws_close($_) for @crowd, $ws;
@crowd = crowd();

# Who goes while its requests run
wait_for_lock(@crowd);
ws_close($_) for @crowd;
ok(poll_until(sub { $node->safe_psql('postgres', 'SELECT connections FROM realtime.stat_gateway') == 0 }),
	'all go before their answers come');
end_of_lock();
@crowd = crowd();

ws_close($_) for @crowd;
$lock->quit;
$node->stop('fast');
no_crash($node);

done_testing();
