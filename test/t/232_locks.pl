# Keys that functions take themselves, results that calls share, what is told of a
# wait in vain, and calls that need two keys.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.jwt_secret' => $secret);
sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE SEQUENCE app.runs;
CREATE TABLE app.log (id serial PRIMARY KEY, what text);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.work(room text, who text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	got int;
BEGIN
	PERFORM nextval('app.runs');
	IF who ~ 'slow' THEN PERFORM pg_advisory_xact_lock(1); END IF;
	IF who ~ 'busy' THEN PERFORM pg_advisory_xact_lock_shared(2); END IF;
	IF who ~ 'fail' THEN RAISE EXCEPTION 'on purpose'; END IF;
	INSERT INTO app.log (what) VALUES (who) RETURNING id INTO got;
	RETURN got;
END $$;
CREATE FUNCTION app.calls(room text, who text) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	got int := app.work(room, who);
BEGIN
	PERFORM realtime.call('lock/share', '["other", "within"]');
	RETURN got;
EXCEPTION WHEN OTHERS THEN
	INSERT INTO app.log (what) VALUES ('within ' || who || ': ' || SQLSTATE);
	RETURN got;
END $$;
CREATE FUNCTION app.key(room text, who text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT room $$;
CREATE FUNCTION app.partly(room text, who text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.log (what) VALUES ('before ' || who);
	RETURN realtime.with_lock(room, 'app.work(text,text)', jsonb_build_array(room, who));
END $$;
CREATE FUNCTION app.briefly(room text, who text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT realtime.with_lock(room, 'app.work(text,text)', jsonb_build_array(room, who), '150 ms') $$;
CREATE FUNCTION app.if_free(room text, who text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT realtime.with_lock(room, 'app.work(text,text)', jsonb_build_array(room, who), '0') $$;
CREATE FUNCTION app.catches(room text, who text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN app.partly(room, who); EXCEPTION WHEN OTHERS THEN RETURN '"caught"'; END $$;
CREATE FUNCTION app.catches_late(room text, who text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.work('', who);
	RETURN app.catches(room, who);
END $$;
CREATE TABLE app.pending (room text);
GRANT ALL ON app.pending TO PUBLIC;
CREATE FUNCTION app.at_the_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.catches(NEW.room, 'deferred');
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON app.pending DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION app.at_the_end();
CREATE FUNCTION app.defers(room text) RETURNS void LANGUAGE sql AS $$ INSERT INTO app.pending VALUES (room) $$;
CREATE FUNCTION app.count(more int DEFAULT 1000) RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT count(*) + more FROM app.log $$;
CREATE FUNCTION app.load_free(room text) RETURNS bigint LANGUAGE sql AS $$ SELECT app.count() $$;
CREATE FUNCTION app.load_alone(room text) RETURNS jsonb LANGUAGE sql AS $$ SELECT realtime.with_lock(room, 'app.count(integer)') $$;
CREATE FUNCTION app.secret() RETURNS text LANGUAGE sql AS $$ SELECT 'secret' $$;
REVOKE ALL ON FUNCTION app.secret() FROM PUBLIC;
CREATE FUNCTION app.tells() RETURNS jsonb LANGUAGE sql AS $$ SELECT realtime.with_lock('x', 'app.secret()') $$;
CREATE FUNCTION app.twice(key text, answer text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	once record;
BEGIN
	SELECT * INTO once FROM realtime.idempotency_acquire('app/twice', key);
	IF once.acquired THEN
		PERFORM app.work('', answer), realtime.idempotency_answer('app/twice', key, to_jsonb(answer));
	END IF;
	RETURN jsonb_build_array(once.acquired, once.answer);
END $$;
CREATE FUNCTION app.around(path text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF path <> 'lock/around' THEN RETURN realtime.next(); END IF;
	BEGIN
		PERFORM realtime.next();
		RAISE EXCEPTION 'it is undone';
	EXCEPTION WHEN raise_exception THEN
		RETURN '"undone"';
	END;
END $$;
SELECT realtime.rpc('lock/work', 'app.work(text,text)', lock_key => 'app.key(text,text)'),
	realtime.rpc('lock/brief', 'app.work(text,text)', lock_key => 'app.key(text,text)', lock_wait => '200 ms'),
	realtime.rpc('lock/now', 'app.work(text,text)', lock_key => 'app.key(text,text)', lock_wait => '0'),
	realtime.rpc('part/now', 'app.if_free(text,text)'),
	realtime.rpc('lock/once', 'app.work(text,text)', lock_key => 'app.key(text,text)', lock_wait => '20 s', idempotent => true),
	realtime.rpc('lock/share', 'app.work(text,text)', lock_key => 'app.key(text,text)', share_result => true),
	realtime.rpc('lock/calls', 'app.calls(text,text)', lock_key => 'app.key(text,text)', share_result => true),
	realtime.rpc('lock/around', 'app.work(text,text)', idempotent => true),
	realtime.rpc('part/work', 'app.partly(text,text)'),
	realtime.rpc('part/brief', 'app.briefly(text,text)'),
	realtime.rpc('once/catch', 'app.catches_late(text,text)', idempotent => true),
	realtime.stream('free/load', 'free:{room}', 'app.load_free(text)', 'set'),
	realtime.rpc('part/defer', 'app.defers(text)'),
	realtime.rpc('part/catch', 'app.catches(text,text)'),
	realtime.rpc('part/tells', 'app.tells()'),
	realtime.rpc('part/twice', 'app.twice(text,text)'),
	realtime.rpc('free/work', 'app.work(text,text)'),
	realtime.rpc('free/busy', 'app.work(text,text)'),
	realtime.stream('part/load', 'part:{room}', 'app.load_alone(text)', 'set'),
	realtime.middleware('around', 'app.around(text)');
});
wait_for_call($node, 'free/work', ['', 'warm']);
my ($ws, @others) = map { ws_connect($node) } 1 .. 4;
my $user = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => 'ann' }, secret => $secret) });
my $session = $node->background_psql('postgres', on_error_stop => 1);

sub block { $session->query_safe('SELECT pg_advisory_lock(1)'); return }
sub unblock { $session->query_safe('SELECT pg_advisory_unlock(1)'); return }
sub blocked { return sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND objid = 1 AND NOT granted}) }
sub runs { return sql('SELECT last_value FROM app.runs') }
sub reply
{
	my ($client, $id) = @_;
	return ws_wait($client, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id })->{data};
}
sub send_call
{
	my ($client, $path, $id, $args, %more) = @_;
	ws_send($client, { rpc => $path, id => $id, args => $args, %more });
	return;
}
sub hold
{
	my ($path, %more) = @_;
	block();
	send_call($ws, $path, 'slow', ['room', 'slow'], %more);
	return poll_until(sub { blocked() == 1 });
}
# Nothing runs but what holds the key.
sub settled
{
	ws_call($_, 'free/work', ['', 'x']) for @_;
	return poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 1 });
}

# ---- calls that need two keys ----

hold('lock/work');
send_call($others[0], 'lock/once', "w$_", ['room', "w$_"], idempotencyKey => "key $_") for 1 .. 5;
settled($others[0]);
unblock();
is(reply($ws, 'slow')->{ok}, JSON::PP::true, 'one that has the second key ends');
is_deeply([ map { reply($others[0], "w$_")->{code} // 'ok' } 1 .. 5 ], [ ('ok') x 5 ], 'all who have waited with a first one get their turn');
is(sql(q{SELECT string_agg(what, ' ' ORDER BY id) FROM app.log WHERE what ~ '^w[0-9]'}), 'w1 w2 w3 w4 w5', 'in their order');

# ---- what is told of a wait in vain ----

hold('lock/work');
my $late = ws_call($others[0], 'lock/brief', ['room', 'late']);
is_deeply([ @$late{qw(code key maxWaitMs)} ], [ 'LOCK_TIMEOUT', 'room', 200 ], 'who waits in vain learns for what, and how long');
$late = ws_call($others[0], 'part/brief', ['room', 'late']);
is_deeply([ @$late{qw(code key maxWaitMs)} ], [ 'LOCK_TIMEOUT', 'room', 150 ], 'also of a part of a call');
unblock();
reply($ws, 'slow');
is(sql(q{SELECT count(*) FROM app.log WHERE what = 'late'}), 0, 'and has not run');

# ---- a part of a call ----

is(ws_call($ws, 'part/work', ['room', 'alone'])->{ok}, JSON::PP::true, 'a part of a call runs with a key');
is(ws_call($ws, 'part/work', [undef, 'none'])->{ok}, JSON::PP::true, 'or without one');
hold('lock/work');
for my $i (0 .. 3)
{
	send_call($others[ $i % 3 ], $i == 3 ? 'part/catch' : 'part/work', "p$i", ['room', "p$i"]);
	ok(settled($others[ $i % 3 ]), "call $i waits without an executor");
}
is(sql(q{SELECT count(*) FROM app.log WHERE what ~ '^(before )?p\d'}), 0, 'nothing of it is there');
unblock();
is(reply($ws, 'slow')->{ok}, JSON::PP::true, 'it is the same key as that of lock_key');
is(reply($others[ $_ % 3 ], "p$_")->{ok}, JSON::PP::true, "call $_ goes on") for 0 .. 3;
is(sql(q{SELECT count(*) FROM app.log WHERE what ~ '^before p\d'}), 4, 'all of it runs again, and counts once');
is(ws_call($ws, 'part/tells', [])->{code}, 'FORBIDDEN', 'a function that the caller may not call');

# What runs at its commit can send it away, too, and cannot catch that either.
hold('lock/work');
send_call($others[0], 'part/defer', 'deferred', ['room']);
settled($others[0]);
unblock();
reply($ws, 'slow');
is(reply($others[0], 'deferred')->{ok}, JSON::PP::true, 'a call whose deferred trigger waits for a key');
is(sql(q{SELECT count(*) FROM app.pending}), 1, 'counts once');

# A call that is sent away has happened to nobody: what executors run meanwhile answers
# nobody in its place.
my $keeper = $node->background_psql('postgres', on_error_stop => 1);
ws_call($ws, 'free/busy', ['', 'x']) for 1 .. 10;	# known to be short
$keeper->query_safe(q{BEGIN; SELECT realtime.with_lock('room', 'app.count(integer)'); SELECT pg_advisory_lock(2)});
block();
send_call($others[0], 'once/catch', 'c0', ['room', 'slow c0'], idempotencyKey => 'caught');
poll_until(sub { blocked() == 1 });
send_call($others[0], 'once/catch', "c$_", ['room', "c$_"], idempotencyKey => 'caught') for 1 .. 3;
settled($others[0]);
send_call($ws, 'free/busy', "busy$_", ['', 'busy']) for 1, 2;
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND objid = 2 AND NOT granted}) == 2 }), 'all executors are busy');
send_call($others[$_], 'free/load', "load$_", ["$_"], stream => JSON::PP::true) for 1, 2;
ok(poll_until(sub { sql('SELECT sum(in_flight) FROM realtime.stat_gateway') == 8 }), 'loads wait for an executor');
unblock();
is(reply($others[$_], "load$_")->{ok}, JSON::PP::true, "load $_ is run after it") for 1, 2;
$keeper->query_safe('SELECT pg_advisory_unlock(2); COMMIT');
is(reply($ws, "busy$_")->{ok}, JSON::PP::true, 'go on') for 1, 2;
my @caught = map { reply($others[0], "c$_")->{data} } 0 .. 3;
like($caught[0], qr/^\d+$/, 'a call that is caught while it is sent away runs again');
is_deeply(\@caught, [ ($caught[0]) x 4 ], 'and those with its key get what it has answered then');
$keeper->quit;

# ---- where nobody can be sent away ----

hold('lock/work');
send_call($others[0], 'part/load', 'load', ['room'], stream => JSON::PP::true);
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 21067 AND NOT granted}) == 1 }), 'a loader waits');
is(ws_call($others[1], 'free/work', ['', 'x'])->{ok}, JSON::PP::true, 'calls go on');
is(ws_call($user, 'part/load', ['room'], stream => JSON::PP::true)->{code}, 'OVERLOADED', 'two executors never wait');
unblock();
reply($ws, 'slow');
cmp_ok(reply($others[0], 'load')->{data}, '>', 1000, 'it gets its turn, and defaults are taken');

# ---- sessions ----

$session->query_safe('BEGIN');
is($session->query_safe(q{SELECT realtime.with_lock('room', 'app.work(text,text)', '["room", "session"]') IS NOT NULL}), 't', 'a session');
is(ws_call($others[0], 'lock/brief', ['room', 'late'])->{code}, 'LOCK_TIMEOUT', 'holds the key until its end');
is_deeply([ @{ ws_call($others[0], $_, ['room', 'late']) }{qw(code key maxWaitMs)} ], [ 'LOCK_TIMEOUT', 'room', 0 ], "who does not wait gets none: $_") for 'lock/now', 'part/now';
is(sql(q{SELECT current FROM realtime.limits WHERE name = 'max_lock_waiters'}), 0, 'and stands in no line');
like($session->query_safe(q{SELECT realtime.with_lock('room', 'app.count(integer)', '[0]', '0')}), qr/^\d+$/, 'who has it has it at once');
like(($node->psql('postgres', q{SELECT realtime.with_lock('room', 'app.count(integer)', '[0]', '0')}))[2], qr/Could not obtain the lock/, 'another session does not');
my ($rc, $out, $error) = $node->psql('postgres', q{\set VERBOSITY verbose
SELECT realtime.with_lock('room', 'app.count(integer)', '[]', '10 ms')});
like($error, qr/RT423: Could not obtain the lock/, 'another one waits in vain');
$session->query_safe('COMMIT');
ok(ws_call($others[0], $_, ['room', 'now'])->{ok}, "a key that is free is had: $_") for 'lock/now', 'part/now';
is(sql(q{SELECT realtime.with_lock('room', 'app.count(integer)', '[0]') = to_jsonb(count(*)) FROM app.log}), 't', 'or gets it');
for ([ q{'k', 'app.count(integer)', '[1, 2]'}, qr/too many arguments/ ], [ q{'k', 'app.count(integer)', '{}'}, qr/must be a JSON array/ ],
	[ q{'k', 'app.count(integer)', '["x"]'}, qr/invalid input syntax/ ], [ q{'k', NULL}, qr/function must not be null/ ],
	[ q{'k', 'sum(integer)', '[1]'}, qr/is not a plain function/ ], [ q{'k', 'app.count(integer)', '[]', '-1 ms'}, qr/max_wait must not be negative/ ])
{
	like(($node->psql('postgres', "SELECT realtime.with_lock($_->[0])"))[2], $_->[1], $_->[0]);
}

# ---- one for all ----

hold('lock/share');
my $before = runs();
for my $i (1 .. 12)
{
	send_call($others[ $i % 3 ], 'lock/share', "s$i", ['room', "s$i"]);
}
send_call($user, 'lock/share', 'other', ['room', 'other role']);
send_call($others[0], 'lock/work', 'path', ['room', 'other path']);
settled(@others[0 .. 2], $user);
unblock();
my $shared = reply($ws, 'slow')->{data};
is_deeply([ map { reply($others[ $_ % 3 ], "s$_")->{data} } 1 .. 12 ], [ ($shared) x 12 ], 'all who wait get the result of the one');
isnt(reply($user, 'other')->{data}, $shared, 'but not who has another role');
isnt(reply($others[0], 'path')->{data}, $shared, 'nor who has called something else');
is(runs() - $before, 2 + 4, 'and have not run');
isnt(ws_call($ws, 'lock/share', ['room', 'later'])->{data}, $shared, 'who comes later runs');

# A middleware may have made of it what is one user's.
my @users = map { ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $_ }, secret => $secret) }) } qw(ann bob);
block();
send_call($user, 'lock/share', 'slow', ['room', 'slow']);
poll_until(sub { blocked() == 1 });
send_call($users[$_], 'lock/share', 'mine', ['room', 'mine']) for 0, 1;
settled($others[0]);
unblock();
$shared = reply($user, 'slow')->{data};
is(reply($users[0], 'mine')->{data}, $shared, 'with a middleware the same user gets it');
isnt(reply($users[1], 'mine')->{data}, $shared, 'and no other');
sql(q{SELECT realtime.middleware('around', NULL)});
block();
send_call($user, 'lock/share', 'slow', ['room', 'slow']);
poll_until(sub { blocked() == 1 });
send_call($users[1], 'lock/share', 'any', ['room', 'any']);
settled($others[0]);
unblock();
is(reply($users[1], 'any')->{data}, reply($user, 'slow')->{data}, 'without one all do');
sql(q{SELECT realtime.middleware('around', 'app.around(text)')});

block();
send_call($ws, 'lock/share', 'slow', ['room', 'slow fail']);
poll_until(sub { blocked() == 1 });
send_call($others[0], 'lock/share', "s$_", ['room', "again $_"]) for 1 .. 3;
settled($others[0]);
$before = runs();
unblock();
is(reply($ws, 'slow')->{ok}, JSON::PP::false, 'one that fails');
my ($first, @rest) = map { reply($others[0], "s$_")->{data} } 1 .. 3;
is_deeply([ $first, @rest ], [ ($first) x 3 ], 'leaves it to the next one');
is(runs() - $before, 1, 'which runs for the others');

# A function that tries to make another call of that kind within its own is refused that,
# and its twins get its answer.
hold('lock/calls');
send_call($others[$_], 'lock/calls', 'within', ['room', "within $_"]) for 0, 1;
settled($others[0]);
unblock();
my $outer = reply($ws, 'slow')->{data};
is_deeply([ map { reply($others[$_], 'within')->{data} } 0, 1 ], [ ($outer) x 2 ], 'what is called within a call is not what twins get');
is(sql(q{SELECT string_agg(what, ',') FROM app.log WHERE what ~ 'within'}), 'within slow: 0A000', 'it is not called at all');

# ---- once ----

is_deeply(ws_call($ws, 'part/twice', ['k', 'a'])->{data}, [ JSON::PP::true, undef ], 'the first one acquires a key');
is_deeply(ws_call($others[0], 'part/twice', ['k', 'b'])->{data}, [ JSON::PP::false, 'a' ], 'the second one gets its answer');
is_deeply(ws_call($user, 'part/twice', ['k', 'c'])->{data}, [ JSON::PP::true, undef ], 'another user has keys of its own');
is(ws_call($ws, 'part/twice', ['f', 'fail'])->{ok}, JSON::PP::false, 'what fails');
is_deeply(ws_call($ws, 'part/twice', ['f', 'd'])->{data}, [ JSON::PP::true, undef ], 'has not happened');
block();
send_call($ws, 'part/twice', 'slow', ['s', 'slow']);
poll_until(sub { blocked() == 1 });
send_call($others[0], 'part/twice', 'twice', ['s', 'e']);
ok(settled($others[1]), 'a call waits for it without an executor');
$before = runs();
is(sql(q{SELECT acquired FROM realtime.idempotency_acquire('app/twice', 's')}), 't', 'a session has keys of its own');
unblock();
is_deeply(reply($others[0], 'twice')->{data}, [ JSON::PP::false, 'slow' ], 'and gets what the one before it has answered');
is(reply($ws, 'slow')->{ok}, JSON::PP::true, 'which goes on');
sql(q{SELECT realtime.idempotency_acquire('lock/once', 'mine')});
$before = runs();
is(ws_call($ws, 'lock/once', ['', 'its own'], idempotencyKey => 'mine')->{ok}, JSON::PP::true, 'no session can make a call');
is(runs() - $before, 1, 'one that has happened');
$session->query_safe('BEGIN');
is($session->query_safe(q{SELECT acquired FROM realtime.idempotency_acquire('app/twice', 'two')}), 't', 'a session acquires one');
like(($node->psql('postgres', q{SET lock_timeout = '10 ms'; SELECT realtime.idempotency_acquire('app/twice', 'two')}))[2], qr/Conflict|still running|RT409/i, 'another one waits for it');
$session->query_safe(q{SELECT realtime.idempotency_answer('app/twice', 'two', '"session"')});
$session->query_safe('COMMIT');
is(sql(q{SELECT * FROM realtime.idempotency_acquire('app/twice', 'two')}), 'f|"session"', 'and gets what it has answered');
is(sql(q{SELECT acquired FROM realtime.idempotency_acquire('app/twice', 'kept', '0'); SELECT acquired FROM realtime.idempotency_acquire('app/twice', 'kept', '0')}), "t\nt", 'without a time nothing is kept');
is(sql(q{BEGIN; SELECT acquired FROM realtime.idempotency_acquire('app/twice', 'same'); SELECT acquired FROM realtime.idempotency_acquire('app/twice', 'same'); ROLLBACK}), "t\nf", 'once in a transaction, too');
like(($node->psql('postgres', q{SELECT realtime.idempotency_answer('app/twice', 'none', '1')}))[2], qr/has not acquired that key/, 'who has not acquired it cannot answer');
like(($node->psql('postgres', q{BEGIN; SELECT realtime.idempotency_acquire('app/twice', 'two'); SELECT realtime.idempotency_answer('app/twice', 'two', '1')}))[2], qr/has not acquired that key/, 'nor who has found it acquired');
is(sql(q{SELECT answer FROM realtime.idempotency_acquire('app/twice', 'two')}), '"session"', 'the answer stays');
is(sql(q{BEGIN; SELECT acquired FROM realtime.idempotency_acquire('app/twice', 'again'); SAVEPOINT a; SELECT realtime.idempotency_answer('app/twice', 'again', '1'), realtime.idempotency_answer('app/twice', 'again', '2'); COMMIT; SELECT answer FROM realtime.idempotency_acquire('app/twice', 'again')}), "t\n|\n2", 'who has acquired it answers, and again');
for ([ q{'', 'k'}, qr/path must have/ ], [ q{'p/q', NULL}, qr/key must not be null/ ], [ q{'p/q', repeat('k', 257)}, qr/key must have/ ],
	[ q{'webhook p/q', 'k'}, qr/path "webhook p\/q" is not valid/ ], [ q{'p/q', 'k', '-1 s'}, qr/ttl must not be negative/ ])
{
	like(($node->psql('postgres', "SELECT realtime.idempotency_acquire($_->[0])"))[2], $_->[1], $_->[0]);
}

# What a middleware has undone is not what twins get.
$before = runs();
block();
send_call($ws, 'lock/around', 'slow', ['room', 'slow'], idempotencyKey => 'around');
poll_until(sub { blocked() == 1 });
send_call($ws, 'lock/around', 'twin', ['room', 'twin'], idempotencyKey => 'around');
settled($ws);
unblock();
is(reply($ws, 'slow')->{data}, 'undone', 'what is undone');
is(reply($ws, 'twin')->{data}, 'undone', 'is not shared');
is(runs() - $before, 3, 'the other one has run');

done_testing();
