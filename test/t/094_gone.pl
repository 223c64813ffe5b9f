# What a client has asked that is gone: writes are run, reads are not.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node('realtime.executors' => 1);
$node->safe_psql('postgres', q{
CREATE TABLE app.note (n int);
-- wait as long as the test holds the lock
CREATE FUNCTION app.wait() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
END $$;
CREATE FUNCTION app.note(n int) RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$INSERT INTO app.note VALUES (n)$$;
CREATE FUNCTION app.read(n int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	RAISE LOG 'somebody reads %', n;
	RETURN n;
END $$;
CREATE FUNCTION app.declared(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'somebody reads %', n;
	RETURN n;
END $$;
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE LOG 'somebody asks for %', room;
	RETURN true;
END $$;
SELECT realtime.rpc('app/wait', 'app.wait()'), realtime.rpc('app/note', 'app.note(int)'),
	realtime.rpc('app/read', 'app.read(int)'),
	realtime.rpc('app/declared', 'app.declared(int)', read_only => true),
	realtime.topic('gate:{room}', access => 'app.gate(text)', class => 'replay');
});
wait_for_call($node, 'app/wait', []);
my $lock = $node->background_psql('postgres');
my $seen = qr/LOG:  somebody/;

sub stat_gateway { return $node->safe_psql('postgres', "SELECT $_[0] FROM realtime.stat_gateway"); }

my $ws = ws_connect($node);
my $gone;

# Asks for everything while the executor is busy.
sub ask
{
	$gone = ws_connect($node);
	$lock->query_safe('SELECT pg_advisory_lock(1)');
	my $id = call_begin($ws, 'app/wait', []);
	busy_executor($node, 'app/wait');
	for my $n (1 .. 10)
	{
		call_begin($gone, "app/$_", [$n]) for qw(note read declared);
		ws_send($gone, { type => 'subscribe', topic => "gate:$n", ref => $n });
		ws_send($gone, { type => 'replay', topic => "gate:$n", since => 0, reqId => $n });
	}
	ok(poll_until(sub { stat_gateway('in_flight') == 51 }), 'a client asks for much');
	return $id;
}

# Whoever is there gets it all.
my $id = ask();
$lock->query_safe('SELECT pg_advisory_unlock(1)');
ok(call_end($ws, $id)->{ok}, 'it goes on');
ok(poll_until(sub { stat_gateway('in_flight') == 0 }), 'all is done');
cmp_ok(count_in_log($node, $seen), '>=', 30, 'reads are run');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 10, 'and writes');
ws_close($gone);

for my $how ('closes', 'vanishes')
{
	my $position = log_position($node);

	$node->safe_psql('postgres', 'TRUNCATE app.note');
	$id = ask();
	$how eq 'closes' ? ws_close($gone) : close $gone->{socket};
	ok(poll_until(sub { stat_gateway('connections') == 1 }), "one that $how");
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	ok(call_end($ws, $id)->{ok}, 'others go on');
	ok(poll_until(sub { stat_gateway('in_flight') == 0 }), 'nothing is left behind');
	is(count_in_log($node, $seen, $position), 0, 'reads are not run');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 10, 'writes are');
}

$lock->quit;
$node->stop('fast');
no_crash($node);

done_testing();
