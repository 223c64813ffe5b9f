# Streams that want to know who follows them: on_subscribe and on_unsubscribe.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.max_members' => 12);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.log (n bigserial, what text, topic text, remaining integer, connection text, role text DEFAULT current_user);
GRANT ALL ON app.log, app.log_n_seq TO realtime_anonymous;
CREATE FUNCTION app.value(room text) RETURNS text STABLE LANGUAGE sql AS 'SELECT room';
CREATE FUNCTION app.joined(topic text) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.log (what, topic, connection) VALUES ('joined', topic, realtime.connection_id())$$;
CREATE FUNCTION app.left(topic text, remaining integer) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.log (what, topic, remaining, connection) VALUES ('left', topic, remaining, realtime.connection_id());
	SELECT realtime.publish('gone', 'left', to_jsonb(topic))$$;
CREATE FUNCTION app.left_bare() RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.log (what, connection) VALUES ('left bare', realtime.connection_id())$$;
CREATE FUNCTION app.fails(topic text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
	INSERT INTO app.log (what) VALUES ('never');
	RAISE EXCEPTION 'this hook fails';
END$$;
CREATE FUNCTION app.waits(topic text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(7);
	INSERT INTO app.log (what, topic) VALUES ('waited', topic);
END$$;
CREATE FUNCTION app.serialize(topic text) RETURNS void LANGUAGE plpgsql AS $$BEGIN
	IF (SELECT count(*) FROM app.tries()) < 2 THEN
		RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'try again';
	END IF;
	INSERT INTO app.log (what) VALUES ('tried again');
END$$;
CREATE SEQUENCE app.try;
GRANT ALL ON app.try TO realtime_anonymous;
CREATE FUNCTION app.tries() RETURNS SETOF bigint LANGUAGE sql AS $$SELECT generate_series(1, nextval('app.try'))$$;
SELECT realtime.stream('on/room', 'room:{room}', 'app.value(text)', merge => 'set',
		on_subscribe => 'app.joined(text)', on_unsubscribe => 'app.left(text,integer)'),
	realtime.stream('on/also', 'room:{room}', 'app.value(text)', merge => 'set',
		on_subscribe => 'app.joined(text)', on_unsubscribe => 'app.left(text,integer)'),
	realtime.channel('on/bare', 'bare', on_unsubscribe => 'app.left_bare()'),
	realtime.channel('on/fails', 'fails', on_subscribe => 'app.fails(text)', on_unsubscribe => 'app.left(text,integer)'),
	realtime.channel('on/waits', 'waits', on_subscribe => 'app.waits(text)', on_unsubscribe => 'app.left(text,integer)'),
	realtime.channel('on/serialize', 'serialize', on_subscribe => 'app.serialize(text)'),
	realtime.channel('on/quiet', 'quiet'),
	realtime.topic('gone', open => true);
});
wait_for_call($node, 'on/room', ['nowhere']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub follow { my ($ws, $path, @args) = @_; return ws_call($ws, $path, \@args, stream => JSON::PP::true); }
sub unfollow { my ($ws, $topic) = @_; ws_send($ws, { type => 'unsubscribe', topic => $topic }); return; }

# What has been told so far, and of whom.
sub told
{
	return sql(q{SELECT string_agg(concat_ws(' ', what, topic, remaining), ', ' ORDER BY n) FROM app.log});
}
sub is_told
{
	my ($expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	poll_until(sub { told() eq $expected });
	is(told(), $expected, $what);
	sql('TRUNCATE app.log');
	return;
}

# One client
my $ws = ws_connect($node);
is(follow($ws, 'on/room', 'a')->{data}, 'a', 'a stream is followed');
ok(poll_until(sub { told() ne '' }), 'somebody is told');
is(sql('SELECT connection, role FROM app.log'), "$ws->{welcome}{sessionId}|realtime_anonymous", 'as who follows it');
is_told('joined room:a', 'it is told who joins');
is(follow($ws, 'on/room', 'a')->{data}, 'a', 'asked again, it answers');
is(follow($ws, 'on/also', 'a')->{data}, 'a', 'another stream of the topic');
is(follow($ws, 'on/quiet')->{ok}, JSON::PP::true, 'and one that does not want to know');
unfollow($ws, 'room:a');
is_told('left room:a 0', 'a member joins once and leaves once');
follow($ws, 'on/room', 'a');
is_told('joined room:a', 'and joins anew');
unfollow($ws, 'room:a');
is_told('left room:a 0', 'and leaves');
unfollow($ws, 'room:a');
follow($ws, 'on/room', 'b');
is_told('joined room:b', 'who is not there does not leave');

# Several, on two gateways
my @others = map { ws_connect($node) } 1 .. 3;
for (@others)
{
	follow($_, 'on/room', 'b');
	ws_quiet($_);
}
is_told(join(', ', ('joined room:b') x 3), 'others join');
ws_close($others[0]);
is_told('left room:b 3', 'who closes leaves the others');
close $others[1]->{socket};
is_told('left room:b 2', 'whose socket is gone leaves, too');
unfollow($ws, 'room:b');
is_told('left room:b 1', 'as does who unsubscribes');
follow($ws, 'on/bare');
unfollow($ws, 'bare');
is_told('left bare', 'without parameters, and without on_subscribe');

# What the hooks publish
ws_subscribe($others[2], 'gone');
follow($ws, 'on/room', 'c');
unfollow($ws, 'room:c');
is(ws_wait($others[2], sub { ($_->{topic} // '') eq 'gone' })->{data}, 'room:c', 'hooks publish');
is_told('joined room:c, left room:c 0', 'one after the other');

# Hooks that fail, and that are tried again
is(follow($ws, 'on/fails')->{ok}, JSON::PP::true, 'a hook that fails is nothing to the client');
unfollow($ws, 'fails');
is_told('left fails 0', 'and nothing to the other hook');
like(slurp_file($node->logfile), qr/ERROR:  this hook fails/, 'it is in the log');
follow($ws, 'on/serialize');
is_told('tried again', 'a serialization failure is tried again');

# One that has left before it was told that it has joined
my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe('SELECT pg_advisory_lock(7)');
is(follow($ws, 'on/waits')->{ok}, JSON::PP::true, 'the reply does not wait for the hook');
unfollow($ws, 'waits');
ws_quiet($ws);
is(told(), '', 'nothing is told yet');
$session->query_safe('SELECT pg_advisory_unlock(7)');
is_told('waited waits, left waits 0', 'in order');

# As many as there may be
my @crowd = map { ws_connect($node) } 1 .. 12;
my @replies = map { follow($_, 'on/room', 'd') } @crowd;
my @refused = grep { !$_->{ok} } @replies;
is_deeply({ map { $_->{code} => 1 } @refused }, { OVERLOADED => 1 }, 'too many are refused');
ok(@refused >= 1, 'and only some');
my $members = @crowd - @refused;
poll_until(sub { sql('SELECT count(*) FROM app.log') == $members });
sql('TRUNCATE app.log');
ws_close($_) for @crowd;
poll_until(sub { sql('SELECT count(*) FROM app.log') == $members });
is(sql('SELECT string_agg(remaining::text, \',\' ORDER BY remaining) FROM app.log'), join(',', 0 .. $members - 1),
	'who leave together see falling numbers');
sql('TRUNCATE app.log');
# when the gateway knows that they have been told
ok(poll_until(sub { (follow($ws, 'on/room', 'd')->{data} // '') eq 'd' }), 'and there is room again');
is_told('joined room:d', 'for a member');

# A gateway that ends while it is told who has joined
{
	my $gone = ws_connect($node);
	my $pids = sub { sql('SELECT string_agg(pid::text, \' \') FROM realtime.stat_gateway') };
	my $old = $pids->();

	$session->query_safe('SELECT pg_advisory_lock(7)');
	is(follow($gone, 'on/waits')->{ok}, JSON::PP::true, 'who joins');
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'}) == 1 }), 'is being told of');
	kill 'TERM', split / /, $old;
	ok(poll_until(sub { my %old = map { $_ => 1 } split / /, $old; my @new = grep { !$old{$_} } split / /, $pids->(); @new == 2 }),
		'other gateways come');
	ok(poll_until(sub { sql(q{SELECT count(*) FROM app.log WHERE what = 'left' AND topic IN ('room:b', 'room:d')}) == 2 }),
		'and tell of those who are gone');
	is(sql(q{SELECT count(*) FROM app.log WHERE topic = 'waits'}), 0, 'but not before it is told that they came');
	$session->query_safe('SELECT pg_advisory_unlock(7)');
	ok(poll_until(sub { sql(q{SELECT count(*) FROM app.log WHERE topic = 'waits'}) == 2 }), 'then both are told');
	is(sql(q{SELECT string_agg(what, ' ' ORDER BY n) FROM app.log WHERE topic = 'waits'}), 'waited left', 'in order');
	sql('TRUNCATE app.log');
	$ws = poll_until(sub { eval { ws_connect($node) } });
	$others[2] = poll_until(sub { eval { ws_connect($node) } });
	ok(poll_until(sub { eval { follow($ws, 'on/room', 'd')->{ok} && follow($others[2], 'on/room', 'b')->{ok} } }), 'others follow');
	ok(poll_until(sub { sql('SELECT count(*) FROM app.log') == 2 }), 'and are told of');
	sql('TRUNCATE app.log');
}

# A gateway that ends: its members have left
my $before = sql('SELECT string_agg(pid::text, \' \') FROM realtime.stat_gateway');
kill 'TERM', split / /, $before;
ok(poll_until(sub { sql('SELECT count(*) FROM app.log') == 2 }), 'the members of a gateway that ends are told of');
is(sql(q{SELECT string_agg(concat_ws(' ', what, topic, remaining), ', ' ORDER BY topic) FROM app.log}),
	'left room:b 0, left room:d 0', 'as having left');
ok(poll_until(sub { eval { my $new = ws_connect($node); follow($new, 'on/room', 'e')->{ok} } }), 'and others come');

done_testing();
