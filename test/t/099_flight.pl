# Many who ask for the same stream at the same time: one load, and for each of
# them the value and what comes behind it, exactly.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 6, 'realtime.ring_size' => '1MB', 'realtime.handler_timeout' => '5min');
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id integer PRIMARY KEY, list text);
CREATE TABLE app.log (n bigserial, what text);
CREATE TABLE app.setting (broken boolean DEFAULT false);
INSERT INTO app.setting DEFAULT VALUES;
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
GRANT ALL ON app.log_n_seq TO realtime_anonymous;
-- waits as long as the test holds the lock
CREATE FUNCTION app.items(list text) RETURNS SETOF integer STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	IF (SELECT broken FROM app.setting) THEN
		PERFORM realtime.raise('BROKEN', 'not now');
	END IF;
	RETURN QUERY SELECT id FROM app.item i WHERE i.list = items.list ORDER BY id;
END$$;
CREATE FUNCTION app.mine(list text) RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN realtime.connection_id();
END$$;
CREATE FUNCTION app.counts() RETURNS boolean LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('guard') RETURNING true$$;
CREATE FUNCTION app.joined(topic text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('joined ' || topic)$$;
CREATE FUNCTION app.told(code text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('told ' || code)$$;
CREATE FUNCTION app.add(id integer, list text) RETURNS void LANGUAGE sql AS
	$$INSERT INTO app.item VALUES (id, list); SELECT realtime.publish('fl:' || list, 'x', to_jsonb(id)), realtime.publish('seq:' || list, 'x', to_jsonb(id))$$;
CREATE FUNCTION app.add_silently(id integer, list text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.item VALUES (id, list)$$;
CREATE FUNCTION app.hold(n integer) RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_xact_lock_shared(1)';
SELECT realtime.stream('fl/items', 'fl:{list}', 'app.items(text)', merge => 'latest'),
	realtime.stream('fl/numbered', 'seq:{list}', 'app.items(text)', merge => 'latest', replay => true),
	realtime.stream('fl/mine', 'mine:{list}', 'app.mine(text)', merge => 'set'),
	realtime.stream('fl/guarded', 'guarded:{list}', 'app.items(text)', merge => 'latest', guard => '{app.counts()}'),
	realtime.stream('fl/told', 'told:{list}', 'app.items(text)', merge => 'latest', on_subscribe => 'app.joined(text)', on_error => 'app.told(text)'),
	realtime.rpc('fl/add', 'app.add(integer,text)'),
	realtime.rpc('fl/add-silently', 'app.add_silently(integer,text)'),
	realtime.rpc('fl/hold', 'app.hold(integer)');
});
wait_for_call($node, 'fl/items', ['nothing']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub waiters { return sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}); }
sub are_waiting { my ($count) = @_; return poll_until(sub { waiters() == $count }); }
sub ask { my ($ws, $path, $id, @args) = @_; ws_send($ws, { rpc => $path, id => $id, args => \@args, stream => $true }); return; }
sub reply_to { my ($ws, $id) = @_; return ws_wait($ws, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id })->{data}; }
sub event_of { my ($ws, $topic) = @_; return ws_wait($ws, sub { ($_->{topic} // '') eq $topic })->{data}; }

my $holder = $node->background_psql('postgres');
sub hold { $holder->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub release { $holder->query_safe('SELECT pg_advisory_unlock(1)'); return; }

# One load for all, whenever they come, and nothing missed or doubled
for my $case ([ 'fl/items', 'fl' ], [ 'fl/numbered', 'seq' ])
{
	my ($path, $prefix) = @$case;
	my $list = "one-$prefix";
	my @crowd = map { ws_connect($node) } 1 .. 12;
	my $writer = ws_connect($node);

	hold();
	ws_call($writer, 'fl/add', [ $prefix eq 'fl' ? 1 : 11, $list ]);
	ask($crowd[0], $path, 'first', $list);
	ok(are_waiting(1), 'somebody asks');
	ws_call($writer, 'fl/add', [ $prefix eq 'fl' ? 2 : 12, $list ]);
	ask($crowd[$_], $path, "joins-$_", $list) for 1 .. 6;
	ws_quiet($crowd[$_]) for 1 .. 6;
	ws_call($writer, 'fl/add', [ $prefix eq 'fl' ? 3 : 13, $list ]);
	ask($crowd[$_], $path, "joins-$_", $list) for 7 .. 11;
	ws_quiet($crowd[$_]) for 7 .. 11;
	is(waiters(), 1, 'one load for all of them');
	release();

	my $base = $prefix eq 'fl' ? 0 : 10;
	my @replies = map { reply_to($crowd[$_], $_ == 0 ? 'first' : "joins-$_") } 0 .. 11;
	is_deeply([ map { $_->{id} } @replies ], [ 'first', map { "joins-$_" } 1 .. 11 ], 'each has an answer of its own');
	is_deeply([ map { $_->{data} } @replies ], [ ([ $base + 1 ]) x 12 ], 'the same value');
	is_deeply([ map { my $ws = $_; [ event_of($ws, "$prefix:$list"), event_of($ws, "$prefix:$list") ] } @crowd ],
		[ ([ $base + 2, $base + 3 ]) x 12 ], 'and all that came behind it');
	ws_call($writer, 'fl/add', [ $base + 4, $list ]);
	is_deeply([ map { event_of($_, "$prefix:$list") } @crowd ], [ ($base + 4) x 12 ], 'and comes later');
	is_deeply([ map { ws_quiet($_) } @crowd ], [], 'once');
	ws_close($_) for @crowd, $writer;
}

# Nobody gets a value that is older than what it knows
{
	my ($ann, $bob, $cid) = map { ws_connect($node) } 1 .. 3;

	hold();
	ask($ann, 'fl/items', 'a', 'old');
	ok(are_waiting(1), 'somebody asks');
	is(ws_call($bob, 'fl/add-silently', [ 21, 'old' ])->{ok}, $true, 'somebody else changes what no event tells of');
	ask($bob, 'fl/items', 'b', 'old');
	ok(are_waiting(2), 'and asks for itself');
	ask($cid, 'fl/items', 'c', 'old');
	ws_quiet($cid);
	is(waiters(), 2, 'others join that');
	release();
	is_deeply(reply_to($ann, 'a')->{data}, [], 'who has asked before gets what there was');
	is_deeply(reply_to($bob, 'b')->{data}, [21], 'who has written gets what it has written');
	is_deeply(reply_to($cid, 'c')->{data}, [21], 'as does who came later');
	ws_close($_) for $ann, $bob, $cid;
}

# Who asks goes
{
	my ($ann, $bob, $cid) = map { ws_connect($node) } 1 .. 3;
	my @busy = map { ws_connect($node) } 1 .. 6;

	hold();
	ask($ann, 'fl/items', 'a', 'old');
	ok(are_waiting(1), 'somebody asks');
	ask($bob, 'fl/items', 'b', 'old');
	ws_quiet($bob);
	close $ann->{socket};
	ok(poll_until(sub { sql('SELECT connections FROM realtime.stat_gateway') == 8 }), 'and goes');
	release();
	is_deeply(reply_to($bob, 'b')->{data}, [21], 'others get it');

	hold();
	ws_send($busy[$_], { rpc => 'fl/hold', id => "h$_", args => [$_] }) for 0 .. 5;
	ok(are_waiting(6), 'all executors are busy');
	$ann = ws_connect($node);
	ask($ann, 'fl/items', 'a', 'one-fl');
	ws_send($ann, { type => 'subscribe', topic => '__x', ref => 1 });
	ws_wait($ann, sub { ($_->{type} // '') eq 'subscribe-denied' });
	ask($_, 'fl/items', 'x', 'one-fl') for $bob, $cid;
	for ($bob, $cid)
	{
		ws_send($_, { type => 'subscribe', topic => '__x', ref => 1 });
		my $ws = $_;
		ws_wait($ws, sub { ($_->{type} // '') eq 'subscribe-denied' });
	}
	close $ann->{socket};
	ok(poll_until(sub { sql('SELECT connections FROM realtime.stat_gateway') == 8 }), 'who goes before it is its turn');
	release();
	is_deeply([ map { reply_to($_, 'x')->{data} } $bob, $cid ], [ ([ 1, 2, 3, 4 ]) x 2 ], 'is not missed');
	reply_to($busy[$_], "h$_") for 0 .. 5;
	ws_close($_) for $bob, $cid, @busy;
}

# Who gives up what it has asked for
{
	my ($ann, $bob) = map { ws_connect($node) } 1 .. 2;

	hold();
	ask($ann, 'fl/items', 'a', 'two');
	ok(are_waiting(1), 'somebody asks');
	ask($bob, 'fl/items', 'b', 'two');
	ws_send($bob, { type => 'unsubscribe', topic => 'fl:two' });
	ask($bob, 'fl/items', 'c', 'three');
	ws_quiet($bob);
	release();
	is(reply_to($_->[0], $_->[1])->{ok}, $true, 'an answer') for [ $ann, 'a' ], [ $bob, 'b' ], [ $bob, 'c' ];
	sql(q{SELECT realtime.publish('fl:two', 'x', '1'), realtime.publish('fl:three', 'x', '2')});
	is(event_of($ann, 'fl:two'), 1, 'who follows gets events');
	is(event_of($bob, 'fl:three'), 2, 'who has given up gets others');
	is_deeply([ ws_quiet($bob) ], [], 'only');
	ws_close($_) for $ann, $bob;
}

# Who asks twice gets what has come since once, behind both answers
{
	my ($ann, $bob, $writer) = map { ws_connect($node) } 1 .. 3;

	hold();
	ask($ann, 'fl/items', 'a', 'four');
	ok(are_waiting(1), 'somebody asks');
	ask($bob, 'fl/items', $_, 'four') for qw(b c);
	ws_quiet($bob);
	ws_call($writer, 'fl/add', [ 41, 'four' ]);
	release();
	is_deeply([ map { reply_to(@$_)->{data} } [ $ann, 'a' ], [ $bob, 'b' ], [ $bob, 'c' ] ], [ ([]) x 3 ], 'all have the value');
	is_deeply([ map { event_of($_, 'fl:four') } $ann, $bob ], [ 41, 41 ], 'and what came behind it');
	is_deeply([ map { ws_quiet($_) } $ann, $bob ], [], 'once');
	ws_close($_) for $ann, $bob, $writer;
}

# Nobody waits for what others have asked before
{
	my ($ann, $bob) = map { ws_connect($node) } 1 .. 2;

	hold();
	ws_send($ann, { rpc => 'fl/hold', id => 'busy', args => [1] });
	ok(are_waiting(1), 'somebody waits for something else');
	ask($ann, 'fl/items', 'a', 'busy');
	ok(are_waiting(2), 'and asks');
	ask($bob, 'fl/items', 'b', 'busy');
	ok(are_waiting(3), 'others ask for themselves');
	release();
	is_deeply([ reply_to($ann, 'a')->{data}, reply_to($bob, 'b')->{data} ], [ [], [] ], 'and get it');
	is(reply_to($ann, 'busy')->{ok}, $true, 'in the end all are answered');
	ws_close($_) for $ann, $bob;
}

# What is not the same for all
{
	my @crowd = map { ws_connect($node) } 1 .. 3;

	for my $round (1 .. 2)
	{
		hold();
		ask($_, 'fl/mine', 'm', 'x') for @crowd;
		ws_quiet($_) for @crowd;
		ok(poll_until(sub { waiters() >= 1 }), 'all ask');
		release();
		is_deeply([ map { reply_to($_, 'm')->{data} } @crowd ], [ map { $_->{welcome}{sessionId} } @crowd ], 'what looks at who asks is looked at for each');
		hold();
		ask($_, 'fl/guarded', 'g', 'x') for @crowd;
		ws_quiet($_) for @crowd;
		ok(poll_until(sub { waiters() >= 1 }), 'all ask');
		release();
		is_deeply([ map { reply_to($_, 'g')->{ok} } @crowd ], [ ($true) x 3 ], 'and get it');
		is(sql(q{SELECT count(*) FROM app.log WHERE what = 'guard'}), 3 * $round, 'and a guard that writes is run for each');
	}
	ws_close($_) for @crowd;
	sql('TRUNCATE app.log');
}

# Hooks, and failures
{
	my @crowd = map { ws_connect($node) } 1 .. 5;

	hold();
	ask($crowd[0], 'fl/told', 't0', 'x');
	ok(are_waiting(1), 'somebody asks');
	ask($crowd[$_], 'fl/told', "t$_", 'x') for 1 .. 4;
	ws_quiet($crowd[$_]) for 1 .. 4;
	release();
	is_deeply([ map { reply_to($crowd[$_], "t$_")->{ok} } 0 .. 4 ], [ ($true) x 5 ], 'all follow');
	ok(poll_until(sub { sql(q{SELECT count(*) FROM app.log WHERE what = 'joined told:x'}) == 5 }), 'each of them is told of');
	sql('TRUNCATE app.log; UPDATE app.setting SET broken = true');
	hold();
	ask($crowd[0], 'fl/told', 'u0', 'y');
	ok(are_waiting(1), 'somebody asks');
	ask($crowd[$_], 'fl/told', "u$_", 'y') for 1 .. 4;
	ws_quiet($crowd[$_]) for 1 .. 4;
	release();
	is_deeply([ map { [ @{ reply_to($crowd[$_], "u$_") }{qw(id code error)} ] } 0 .. 4 ], [ map { [ "u$_", 'BROKEN', 'not now' ] } 0 .. 4 ],
		'a failure is that of all');
	is(sql('SELECT string_agg(what, \',\') FROM app.log'), 'told BROKEN', 'and told of once');
	sql('UPDATE app.setting SET broken = false');
	ask($crowd[$_], 'fl/told', "v$_", 'y') for 0 .. 4;
	is_deeply([ map { reply_to($crowd[$_], "v$_")->{data} } 0 .. 4 ], [ ([]) x 5 ], 'then it works');
	ws_close($_) for @crowd;
}

# An executor that ends with the load
{
	my ($ann, $bob) = map { ws_connect($node) } 1 .. 2;

	hold();
	ask($ann, 'fl/items', 'a', 'dies');
	ok(are_waiting(1), 'somebody asks');
	ask($bob, 'fl/items', 'b', 'dies');
	ws_quiet($bob);
	sql(q{UPDATE app.setting SET broken = broken; SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
	is_deeply([ map { reply_to(@$_)->{code} } [ $ann, 'a' ], [ $bob, 'b' ] ], [ ('CANCELLED') x 2 ], 'all are told of what became of it');
	release();
	ws_close($_) for $ann, $bob;
}

# The ring goes round meanwhile: who joins is told that something is missing
{
	my ($ann, $bob) = map { ws_connect($node) } 1 .. 2;

	hold();
	ask($ann, 'fl/items', 'a', 'round');
	ok(are_waiting(1), 'somebody asks');
	ask($bob, 'fl/items', 'b', 'round');
	ws_quiet($bob);
	sql(q{SELECT realtime.publish('fl:round', 'x', '1')});
	sql(qq{SELECT realtime.publish('noise', 'x', to_jsonb(repeat('x', 100000)))}) for 1 .. 30;
	release();
	for ([ $ann, 'a' ], [ $bob, 'b' ])
	{
		is(reply_to(@$_)->{ok}, $true, 'the value comes');
		is(ws_wait($_->[0], sub { ($_->{topic} // '') eq 'fl:round' })->{event}, 'truncated', 'and that it is to be asked for again');
	}
	ws_close($_) for $ann, $bob;
}
$holder->quit;
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
