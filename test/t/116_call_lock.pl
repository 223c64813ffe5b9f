# lock_key: calls that run one after the other, in order, and without executors
# that wait.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.max_lock_waiters' => 160,
	'realtime.shutdown_timeout' => '200ms');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.log (id serial PRIMARY KEY, who text);
CREATE TABLE app.counter (n int);
INSERT INTO app.counter VALUES (0);
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.work(room text, who text) RETURNS int LANGUAGE sql AS $$
	SELECT pg_advisory_xact_lock(1) WHERE who = 'slow';
	INSERT INTO app.log (who) VALUES (who) RETURNING id $$;
-- Loses updates, unless it is alone.
CREATE FUNCTION app.count_up() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	seen int := (SELECT n FROM app.counter);
BEGIN
	PERFORM pg_sleep(0.001);
	UPDATE app.counter SET n = seen + 1;
	RETURN seen + 1;
END $$;
CREATE FUNCTION app.read() RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT count(*) FROM app.log $$;
CREATE FUNCTION app.key(room text, who text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT room $$;
CREATE FUNCTION app.one() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'one' $$;
CREATE FUNCTION app.catches(room text, who text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN RETURN app.work(room, who); EXCEPTION WHEN OTHERS THEN RETURN -1; END $$;
SELECT realtime.rpc('lock/work', 'app.work(text,text)', lock_key => 'app.key(text,text)'),
	realtime.rpc('lock/other', 'app.work(text,text)', lock_key => 'app.key(text,text)'),
	realtime.rpc('lock/brief', 'app.work(text,text)', lock_key => 'app.key(text,text)', lock_wait => '200 ms'),
	realtime.rpc('lock/count', 'app.count_up()', lock_key => 'app.one()'),
	realtime.rpc('lock/read', 'app.read()', lock_key => 'app.one()'),
	realtime.rpc('free/work', 'app.work(text,text)');
});
wait_for_call($node, 'free/work', ['', 'warm']);
my ($ws, $other) = map { ws_connect($node) } 1 .. 2;
my $session = $node->background_psql('postgres', on_error_stop => 1);
sub block { $session->query_safe('SELECT pg_advisory_lock(1)'); return }
sub unblock { $session->query_safe('SELECT pg_advisory_unlock(1)'); return }
sub blocked { return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted}) }
sub reply
{
	my ($client, $id) = @_;
	return ws_wait($client, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id })->{data};
}
sub send_call
{
	my ($client, $path, $id, @args) = @_;
	ws_send($client, { rpc => $path, id => $id, args => \@args });
	return;
}
sub hold
{
	block();
	send_call($ws, 'lock/work', 'slow', 'room', 'slow');
	return poll_until(sub { blocked() == 1 });
}
# All that was sent before waits, but for what holds the key.
sub settled
{
	my (@clients) = @_;
	ws_call($_, 'free/work', ['', 'x']) for @clients;
	return poll_until(sub { $node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 1 });
}
sub order { return $node->safe_psql('postgres', q{SELECT string_agg(who, ' ' ORDER BY id) FROM app.log WHERE who ~ '^\d+$'}) }

# In order, without executors
ok(hold(), 'a call holds a key');
for (1 .. 20)
{
	send_call($other, $_ % 2 ? 'lock/work' : 'lock/other', "w$_", 'room', $_);
	# one after the other, so that it is known who came first
	settled($other);
}
is(order(), '', 'others with the same key wait');
is(ws_call($ws, 'lock/work', ['elsewhere', 'x'])->{ok}, JSON::PP::true, 'those with another key do not');
is(ws_call($ws, 'lock/work', [undef, 'x'])->{ok}, JSON::PP::true, 'nor those without one');
is(ws_call($ws, 'lock/work', ['', 'x'])->{ok}, JSON::PP::true, 'nor those with an empty one');
unblock();
is(reply($ws, 'slow')->{ok}, JSON::PP::true, 'the first one ends');
is(reply($other, "w$_")->{ok}, JSON::PP::true, "number $_ gets its turn") for 1 .. 20;
is(order(), join(' ', 1 .. 20), 'in the order in which they came');

# Many at once: nothing is lost, and each sees what the one before it has done.
my @clients = map { ws_connect($node) } 1 .. 8;
for my $client (@clients)
{
	send_call($client, 'lock/count', "c$_") for 1 .. 5;
}
my %seen;
for my $client (@clients)
{
	$seen{ reply($client, "c$_")->{data} }++ for 1 .. 5;
}
is(join(' ', sort { $a <=> $b } keys %seen), join(' ', 1 .. 40), 'forty calls have counted one after the other');

# Too many
hold();
send_call($other, 'lock/work', "m$_", 'room', 'many') for 1 .. 41;
my $refused = ws_wait($other, sub { ($_->{event} // '') =~ /^m/ })->{event};
settled($other);
is_deeply([ ws_quiet($other) ], [], 'one connection has no more than its share, and not less');
for my $client (@clients[0 .. 2])
{
	send_call($client, 'lock/work', "m$_", 'room', 'many') for 1 .. 40;
}
settled(@clients[0 .. 2]);
send_call($clients[3], 'lock/work', 'm', 'room', 'many');
is(reply($clients[3], 'm')->{code}, 'OVERLOADED', 'more than realtime.max_lock_waiters are refused');
unblock();
reply($ws, 'slow');
for my $client ($other, @clients[0 .. 2])
{
	is(reply($client, "m$_")->{ok}, JSON::PP::true, "number $_ was not")
	  for $client == $other ? grep { "m$_" ne $refused } 1 .. 41 : 1 .. 40;
}

# Time
hold();
send_call($other, 'lock/brief', 'brief', 'room', 'brief');
send_call($other, 'lock/work', 'behind', 'room', 'behind');
my $late = reply($other, 'brief');
is($late->{code}, 'LOCK_TIMEOUT', 'who waits for too long gives up');
is_deeply($late->{issues}, [{ path => [], message => 'key "room"' }], 'and learns for what');
is($node->safe_psql('postgres', q{SELECT count(*) FROM app.log WHERE who = 'brief'}), 0, 'it has not run');
unblock();
reply($ws, 'slow');
is(reply($other, 'behind')->{ok}, JSON::PP::true, 'who is behind it gets its turn');

# Ends: of the client that waits, of the executor that holds the key, of who
# waits at the head of the line
hold();
my $gone = ws_connect($node);
send_call($gone, 'lock/work', 'gone', 'room', 'gone');
settled($gone);
ws_close($gone);
send_call($other, 'lock/work', 'after', 'room', 'after');
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted});
is(reply($ws, 'slow')->{ok}, JSON::PP::false, 'an executor ends with the key');
is(reply($other, 'after')->{ok}, JSON::PP::true, 'the next ones get it');
unblock();

# Other sessions
my $sql = $node->background_psql('postgres', on_error_stop => 1);
$sql->query_safe('BEGIN');
$sql->query_safe(q{SELECT realtime.call('lock/work', '["room", "sql"]')});
send_call($other, 'lock/work', 'sql', 'room', 'after sql');
ws_call($other, 'free/work', ['', 'x']);
is($node->safe_psql('postgres', q{SELECT count(*) FROM app.log WHERE who = 'after sql'}), 0, 'a client waits for a session');
$sql->query_safe('SAVEPOINT a');
$sql->query_safe('ROLLBACK TO a');
is($node->safe_psql('postgres', q{SELECT count(*) FROM app.log WHERE who = 'after sql'}), 0, 'until its transaction ends');
$sql->query_safe('COMMIT');
is(reply($other, 'sql')->{ok}, JSON::PP::true, 'and then gets its turn');
$sql->query_safe('BEGIN');
$sql->query_safe('SAVEPOINT a');
$sql->query_safe(q{SELECT realtime.call('lock/work', '["room", "sql"]')});
send_call($other, 'lock/work', 'savepoint', 'room', 'x');
ws_call($other, 'free/work', ['', 'x']);
$sql->query_safe('ROLLBACK TO a');
is(reply($other, 'savepoint')->{ok}, JSON::PP::true, 'the end of a subtransaction counts as well');
$sql->quit;
hold();
my ($rc, $out, $error) = $node->psql('postgres', q{SELECT realtime.call('lock/brief', '["room", "sql"]')});
like($error, qr/Could not obtain the lock in time/, 'a session waits no longer than lock_wait');
unblock();
reply($ws, 'slow');

# The server stops while calls wait
hold();
send_call($other, 'lock/work', "s$_", 'room', 'stop') for 1 .. 3;
ws_call($other, 'free/work', ['', 'x']);
$session->quit;
$node->stop('fast');
$node->start;
wait_for_call($node, 'free/work', ['', 'warm']);
$ws = ws_connect($node);
is(ws_call($ws, 'lock/work', ['room', 'x'])->{ok}, JSON::PP::true, 'after a restart nobody holds anything');

done_testing();
