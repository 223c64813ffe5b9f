# Calls that must happen once: idempotency keys of the client and of functions,
# twins that wait, failures, ends of executors and of the server.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife qw(worker_pids);
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret that is long enough for HS256';
my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.jwt_secret' => $secret,
	'realtime.cleanup_interval' => '100ms', 'realtime.shutdown_timeout' => '200ms');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.effect (id serial PRIMARY KEY, what text);
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous, realtime_authenticated;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.pay(what text) RETURNS int LANGUAGE sql AS $$
	SELECT realtime.publish('paid', 'created', '{"id": 1}');
	INSERT INTO app.effect (what) VALUES (what) RETURNING id $$;
CREATE FUNCTION app.pay_quietly(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO app.effect (what) VALUES (what) $$;
-- What waits here holds its key.
CREATE FUNCTION app.pay_slowly(what text) RETURNS int LANGUAGE sql AS $$
	SELECT pg_advisory_xact_lock(1);
	INSERT INTO app.effect (what) VALUES (what) RETURNING id $$;
CREATE FUNCTION app.fail_slowly(what text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(1);
	INSERT INTO app.effect (what) VALUES (what);
	IF (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'failing') > 0 THEN
		PERFORM realtime.raise('BROKEN');
	END IF;
	RETURN 7;
END $$;
CREATE FUNCTION app.fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.what = 'late' THEN RAISE division_by_zero; END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.effect DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION app.fail_at_commit();
CREATE FUNCTION app.key(what text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT CASE WHEN what <> 'none' THEN what END $$;
CREATE FUNCTION app.allowed(what text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT what <> 'forbidden' OR realtime.user_id() = 'anna' $$;
SELECT realtime.rpc('pay/sent', 'app.pay(text)', idempotent => true),
	realtime.rpc('pay/other', 'app.pay(text)', idempotent => true),
	realtime.rpc('pay/quietly', 'app.pay_quietly(text)', idempotent => true),
	realtime.rpc('pay/named', 'app.pay(text)', idempotency_key => 'app.key(text)'),
	realtime.rpc('pay/guarded', 'app.pay(text)', idempotent => true, guard => '{app.allowed(text)}'),
	realtime.rpc('pay/slowly', 'app.pay_slowly(text)', idempotent => true),
	realtime.rpc('pay/shared', 'app.pay_slowly(text)', idempotent => true, idempotency_ttl => '0'),
	realtime.rpc('pay/briefly', 'app.pay(text)', idempotent => true, idempotency_ttl => '1 ms'),
	realtime.rpc('pay/failing', 'app.fail_slowly(text)', idempotent => true),
	realtime.rpc('pay/impatient', 'app.pay_slowly(text)', idempotent => true, timeout => '300 ms'),
	realtime.rpc('pay/plain', 'app.pay(text)'),
	realtime.topic('paid', open => true);
});
wait_for_call($node, 'pay/plain', ['warm']);

# Without the id, which is the call's own.
sub answer
{
	my $reply = ws_call(@_);
	delete $reply->{id};
	return $reply;
}
sub effects
{
	my ($what) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM app.effect WHERE what = '$what'");
}
# All that was sent before waits, but for what holds the key.
sub settled
{
	my (@clients) = @_;
	ws_call($_, 'pay/plain', ['beside']) for @clients;
	return poll_until(sub { $node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 1 });
}
sub parked { return $node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted}) }

my ($ws, $other) = map { ws_connect($node) } 1 .. 2;
my $first = answer($ws, 'pay/sent', ['a'], idempotencyKey => 'k1');
is_deeply(answer($ws, 'pay/sent', ['a'], idempotencyKey => 'k1'), $first, 'the same key is the same answer');
is_deeply(answer($other, 'pay/sent', ['b'], idempotencyKey => 'k1'), $first, 'on another connection, with other arguments, too');
is(effects('a') + effects('b'), 1, 'and it happened once');
isnt(ws_call($ws, 'pay/sent', ['a'], idempotencyKey => 'k2')->{data}, $first->{data}, 'another key is another call');
isnt(ws_call($ws, 'pay/other', ['a'], idempotencyKey => 'k1')->{data}, $first->{data}, 'another path, too');
isnt(ws_call($ws, 'pay/plain', ['a'], idempotencyKey => 'k1')->{data}, $first->{data}, 'a path without idempotency does not look at keys');
is(ws_call($ws, 'pay/sent', ['plain'])->{ok}, JSON::PP::true, 'without a key it is a call like others') for 1 .. 2;
is(effects('plain'), 2, 'that happens each time');
is_deeply([map { answer($ws, 'pay/quietly', ['void'], idempotencyKey => 'v') } 1 .. 2], [({ ok => JSON::PP::true }) x 2],
	'what returns nothing');
is(effects('void'), 1, 'happens once, too');
ws_send($ws, { rpc => 'pay/sent', args => ['mute'], idempotencyKey => 'mute' });
ok(poll_until(sub { effects('mute') == 1 }), 'a call whose answer nobody wants');
like(ws_call($ws, 'pay/sent', ['mute'], idempotencyKey => 'mute')->{data}, qr/^\d+$/, 'keeps it');
is(effects('mute'), 1, 'and does not happen again');

# Keys
is(ws_call($ws, 'pay/sent', ['long'], idempotencyKey => 'x' x 257)->{code}, 'INVALID_REQUEST', 'a key has at most 256 bytes');
is(ws_call($ws, 'pay/sent', ['long'], idempotencyKey => "\x{fc}" x 128)->{ok}, JSON::PP::true, 'so many it may have');
is(ws_call($ws, 'pay/named', ['x' x 257])->{code}, 'INVALID_REQUEST', 'likewise one that a function gives');
is(effects('x' x 257), 0, 'and nothing has happened');
is_deeply(answer($ws, 'pay/named', ['n1']), answer($ws, 'pay/named', ['n1'], idempotencyKey => 'ignored'), 'a function names the call');
isnt(ws_call($ws, 'pay/named', ['none'])->{data}, ws_call($ws, 'pay/named', ['none'])->{data}, 'or does not');
is_deeply(answer($ws, 'pay/named', ['none'], idempotencyKey => 'k'), answer($ws, 'pay/named', ['none'], idempotencyKey => 'k'),
	'then the key that was sent counts');

# Users
sub as_user { return ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $_[0] }, secret => $secret) }); }
my ($anna, $bert) = map { as_user($_) } qw(anna bert);
my $annas = ws_call($anna, 'pay/guarded', ['forbidden'], idempotencyKey => 'mine');
is($annas->{ok}, JSON::PP::true, 'a user calls');
is(ws_call($bert, 'pay/guarded', ['forbidden'], idempotencyKey => 'mine')->{code}, 'FORBIDDEN', 'another one is stopped by the guard');
isnt(ws_call($bert, 'pay/guarded', ['free'], idempotencyKey => 'mine')->{data}, $annas->{data}, 'and has keys of his own');
isnt(ws_call($ws, 'pay/guarded', ['free'], idempotencyKey => 'mine')->{data}, $annas->{data}, 'as anonymous clients have');

my $nobody = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ role => 'realtime_authenticated' }, secret => $secret) });
is(ws_call($nobody, 'pay/guarded', ['free'], idempotencyKey => 'mine')->{code}, 'INVALID_REQUEST', 'who has no id has no keys');

# Twins
my $session = $node->background_psql('postgres', on_error_stop => 1);
sub block { $session->query_safe('SELECT pg_advisory_lock(1)'); return }
sub unblock { $session->query_safe('SELECT pg_advisory_unlock(1)'); return }
sub send_twins
{
	my ($path, $what, $count, @clients) = @_;
	my $n = 0;
	for my $client (@clients)
	{
		ws_send($client, { rpc => $path, id => "$what$_", args => [$what], idempotencyKey => $what }) for 1 .. $count;
		# whoever is first holds the key
		poll_until(sub { parked() == 1 }) unless $n++;
	}
	return;
}
sub twins_answers
{
	my ($what, $count, @clients) = @_;
	my %seen;
	for my $client (@clients)
	{
		for my $id (map { "$what$_" } 1 .. $count)
		{
			my $reply = ws_wait($client, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id })->{data};
			$seen{ $reply->{ok} ? "ok $reply->{data}" : $reply->{code} }++;
		}
	}
	return \%seen;
}
for my $path ('pay/slowly', 'pay/shared')
{
	(my $what = $path) =~ s{/}{};
	block();
	send_twins($path, $what, 10, $ws, $other);
	# who is answered behind them knows that they wait
	is(ws_call($_, 'pay/plain', ['beside'])->{ok}, JSON::PP::true, "$path: twins that wait leave executors to others")
	  for ($ws, $other) x 3;
	settled();
	is(effects($what), 0, 'nothing has happened yet');
	unblock();
	my $answers = twins_answers($what, 10, $ws, $other);
	is(join(' ', values %$answers), 20, 'all get the same answer') or diag explain $answers;
	is(effects($what), 1, 'and it has happened once');
}
isnt(ws_call($ws, 'pay/shared', ['again'], idempotencyKey => 'payshared')->{data}, undef, 'what is not kept');
is(effects('again'), 1, 'happens again');

# What middlewares make of an answer is what twins get
$node->safe_psql('postgres', q{
CREATE FUNCTION app.around(path text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN CASE WHEN path = 'pay/slowly' THEN jsonb_build_object('paid', realtime.next()) ELSE realtime.next() END; END $$;
SELECT realtime.middleware('around', 'app.around(text)'); });
block();
ws_send($ws, { rpc => 'pay/slowly', args => ['wrapped'], idempotencyKey => 'wrapped' });
ok(poll_until(sub { parked() == 1 }), 'a call whose answer nobody wants');
ws_send($_, { rpc => 'pay/slowly', id => 'wrapped', args => ['wrapped'], idempotencyKey => 'wrapped' }) for ($ws, $other);
settled($ws, $other);
unblock();
is(join(' ', keys %{ ws_wait($_, sub { ($_->{event} // '') eq 'wrapped' })->{data}{data} }), 'paid', 'and twins get what middlewares have made of it')
  for ($ws, $other);
is(effects('wrapped'), 1, 'of what has happened once');
$node->safe_psql('postgres', q{SELECT realtime.middleware('around', NULL)});

# Failures
$node->safe_psql('postgres', 'CREATE ROLE failing LOGIN SUPERUSER');
is(ws_call($ws, 'pay/sent', ['late'], idempotencyKey => 'late')->{ok}, JSON::PP::false, 'a call that fails at its commit');
is(ws_call($ws, 'pay/sent', ['not late'], idempotencyKey => 'late')->{ok}, JSON::PP::true, 'has not happened');
block();
my $failing = $node->background_psql('postgres', on_error_stop => 1);
$failing->query_safe(q{SET application_name = 'failing'});
send_twins('pay/failing', 'failing', 5, $ws, $other);
unblock();
is_deeply(twins_answers('failing', 5, $ws, $other), { BROKEN => 10 }, 'after a failure the next one runs, and fails, too');
is(effects('failing'), 0, 'and nothing has happened');
$failing->quit;
ok(poll_until(sub { $node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'failing'}) == 0 }), 'a cause that goes');
is(ws_call($ws, 'pay/failing', ['failing'], idempotencyKey => 'failing')->{data}, 7, 'until it does not fail');

# An executor ends with the key
block();
send_twins('pay/slowly', 'killed', 5, $ws, $other);
my $pid = $node->safe_psql('postgres', q{SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND NOT granted});
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)");
ok(poll_until(sub { parked() == 1 }), 'after the end of an executor the next one runs');
unblock();
my $answers = twins_answers('killed', 5, $ws, $other);
is($answers->{INTERNAL_ERROR} // $answers->{SERVICE_UNAVAILABLE}, 1, 'whose call has failed') or diag explain $answers;
is(scalar(keys %$answers), 2, 'all others have the same answer');
is(effects('killed'), 1, 'and it has happened once');

# Time
block();
ws_send($ws, { rpc => 'pay/slowly', id => 'patient', args => ['patient'], idempotencyKey => 'late twin' });
poll_until(sub { parked() == 1 });
$node->safe_psql('postgres', q{SELECT realtime.rpc('pay/slowly', 'app.pay_slowly(text)', idempotent => true, timeout => '200 ms')});
is(ws_call($other, 'pay/slowly', ['twin'], idempotencyKey => 'late twin')->{code}, 'CONFLICT', 'a twin waits for as long as it may take');
unblock();
ws_wait($ws, sub { ($_->{event} // '') eq 'patient' });
is(effects('patient') + effects('twin'), 1, 'and does not run');

my $brief = ws_call($ws, 'pay/briefly', ['brief'], idempotencyKey => 'brief')->{data};
ok(poll_until(sub { ws_call($ws, 'pay/briefly', ['brief'], idempotencyKey => 'brief')->{data} != $brief }), 'answers expire');
ok(poll_until(sub { !$node->safe_psql('postgres', q{SELECT count(*) FROM realtime.idempotency WHERE path = 'pay/briefly'}) }),
	'and are removed');

# From SQL, and in other isolation levels
is($node->safe_psql('postgres', q{SELECT realtime.call('pay/named', '["n1"]')}), ws_call($ws, 'pay/named', ['n1'])->{data},
	'realtime.call() gets the answer of a client');
my $in_sql = $node->safe_psql('postgres', q{SELECT realtime.call('pay/named', '["sql"]')});
is(ws_call($ws, 'pay/named', ['sql'])->{data}, $in_sql, 'and a client that of SQL');
$session->query_safe('BEGIN');
my $open = $session->query_safe(q{SELECT realtime.call('pay/named', '["open"]')});
ws_send($ws, { rpc => 'pay/named', id => 'open', args => ['open'] });
is(ws_call($ws, 'pay/plain', ['x'])->{ok}, JSON::PP::true, 'a client waits for a session that has not committed') for 1 .. 3;
$session->query_safe('COMMIT');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'open' })->{data}{data}, $open, 'and gets its answer');
for my $level ('repeatable read', 'serializable')
{
	$node->safe_psql('postgres', "ALTER DATABASE postgres SET default_transaction_isolation = '$level'");
	$node->restart;
	wait_for_call($node, 'pay/plain', ['warm']);
	($ws, $other) = map { ws_connect($node) } 1 .. 2;
	block() if ($session = $node->background_psql('postgres', on_error_stop => 1));
	$node->safe_psql('postgres', q{SELECT realtime.rpc('pay/slowly', 'app.pay_slowly(text)', idempotent => true)});
	send_twins('pay/slowly', $level, 5, $ws, $other);
	unblock();
	is(scalar(keys %{ twins_answers($level, 5, $ws, $other) }), 1, "$level: twins get one answer");
	is(effects($level), 1, "$level: it happens once");
	$session->quit;
}

# A crash, and a dump
my $before = answer($ws, 'pay/sent', ['crash'], idempotencyKey => 'crash');
$node->stop('immediate');
$node->start;
wait_for_call($node, 'pay/plain', ['warm']);
$ws = ws_connect($node);
is_deeply(answer($ws, 'pay/sent', ['crash'], idempotencyKey => 'crash'), $before, 'an answer that was told survives a crash');
is(effects('crash'), 1, 'and the call is not repeated');

done_testing();
