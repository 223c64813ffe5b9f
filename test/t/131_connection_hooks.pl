# The open and the close hook: in which order they run, as whom, and that each
# connection's end is told once, whoever dies meanwhile.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = life_node('realtime.executors' => 4, 'realtime.gateways' => 1, 'realtime.jwt_secret' => $secret,
	'realtime.queue_depth' => 64);

$node->safe_psql('postgres', q{
CREATE ROLE tenant;
CREATE ROLE fading;
GRANT tenant, fading TO realtime_executor;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.log (n serial, what text, connection text, who text, role text, claims text, data jsonb);
GRANT ALL ON app.log TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.note(what text, data jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.log (what, connection, who, role, claims, data) VALUES (what, realtime.connection_id(), realtime.user_id(), current_user,
		current_setting('request.jwt.claims')::jsonb ->> 'color', data) $$;
CREATE FUNCTION app.on_open(connection jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF realtime.user_data() ->> 'mode' = 'wait' THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	PERFORM app.note('open', connection);
	CASE realtime.user_data() ->> 'mode'
		WHEN 'forbidden' THEN PERFORM realtime.raise('FORBIDDEN', 'Not today');
		WHEN 'unauthenticated' THEN PERFORM realtime.raise('UNAUTHENTICATED');
		WHEN 'fast' THEN PERFORM realtime.raise('RATE_LIMITED', 'Slow down');
		WHEN 'error' THEN PERFORM 1 / 0;
		ELSE NULL;
	END CASE;
END $$;
CREATE FUNCTION app.on_close(connection jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.note('close', connection);
	IF realtime.user_data() ->> 'mode' = 'bad end' THEN
		PERFORM 1 / 0;
	END IF;
END $$;
CREATE FUNCTION app.said(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(2);
	PERFORM app.note(what, NULL);
	RETURN what;
END $$;
SELECT realtime.rpc('app/said', 'app.said(text)');
});
wait_for_call($node, 'app/said', ['x']);
sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my %claims = @_;
	return %claims ? ws_connect($node, headers => { Authorization => 'Bearer ' . jwt(\%claims, secret => $secret) })
	  : ws_connect($node);
}

# What has been noted of a connection, in order.
sub history { return sql("SELECT string_agg(what, ' ' ORDER BY n) FROM app.log WHERE connection = '$_[0]'"); }
sub has_history { my ($id, $expected, $name) = @_; poll_until(sub { history($id) eq $expected }); return is(history($id), $expected, $name); }
sub known { my ($ws, $what) = @_; is(ws_call($ws, 'app/said', [ $what // 'call' ])->{data}, $what // 'call', 'a call'); return id_of($ws); }
sub id_of { return $_[0]->{welcome}{sessionId}; }
sub rows { return sql('SELECT count(*) FROM realtime.opened_connection'); }
sub no_rows { my ($name) = @_; return ok(poll_until(sub { rows() == 0 }), $name); }

sub lock_session { my ($number) = @_; my $session = $node->background_psql('postgres'); $session->query_safe("SELECT pg_advisory_lock($number)"); return $session; }
sub unlock { my ($session, $number) = @_; $session->query_safe("SELECT pg_advisory_unlock($number)"); $session->quit; return; }

# Before there are hooks
my $before = client();
my $before_id = id_of($before);
known($before);
is(rows(), 0, 'nothing is written for hooks that are not declared');
for ([ 'open', 'app.on_close(jsonb, text)' ], [ 'close', 'app.said(text)' ])
{
	my ($name, $function) = @$_;
	sql('CREATE OR REPLACE FUNCTION app.on_close(a jsonb, b text) RETURNS void LANGUAGE sql AS $$ SELECT $$');
	my ($status, undef, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT realtime.hook('$name', '$function')");
	like($stderr, qr/42P13/, "a function that is no $name hook");
}
sql(q{SELECT realtime.hook('open', 'app.on_open(jsonb)'), realtime.hook('close', 'app.on_close(jsonb)')});

# Order, identity, and what they are told
my $ws = client(sub => 'ann', color => 'red', role => 'tenant');
my $id = id_of($ws);
known($ws);
is(rows(), 1, 'who has opened has a row');
ws_close($ws);
has_history($id, 'open call close', 'open, its call, close');
is(sql("SELECT DISTINCT concat_ws(' ', who, role, claims) FROM app.log WHERE connection = '$id'"), 'ann tenant red', 'all as the caller, with its claims');
my $told = decode_json(sql("SELECT data FROM app.log WHERE connection = '$id' AND what = 'open'"));
is_deeply($told, { id => $id, user_id => 'ann', role => 'tenant', remote_address => '127.0.0.1' }, 'what open is told');
$told = decode_json(sql("SELECT data FROM app.log WHERE connection = '$id' AND what = 'close'"));
like(delete $told->{since}, qr/^\d{4}-\d\d-\d\dT/, 'since when');
is_deeply($told, { id => $id, user_id => 'ann', role => 'tenant', remote_address => '127.0.0.1', code => 1000 }, 'what close is told');
no_rows('the row is gone');

$ws = client();
$id = id_of($ws);
known($ws);
ws_raw($ws, ws_frame('close', pack 'n', 4001));
has_history($id, 'open call close', 'anonymous clients as well');
is(sql("SELECT data ->> 'code' || ' ' || coalesce(data ->> 'user_id', 'nobody') FROM app.log WHERE connection = '$id' AND what = 'close'"), '4001 nobody', 'with the code of the client');
$ws = client();
$id = id_of($ws);
known($ws);
close $ws->{socket};
has_history($id, 'open call close', 'who just goes');
is(sql("SELECT data ->> 'code' FROM app.log WHERE connection = '$id' AND what = 'close'"), '1006', 'has 1006');
$ws = client(sub => 'eve');
$id = id_of($ws);
known($ws);
sql("SELECT realtime.disconnect('eve')");
has_history($id, 'open call close', 'who is disconnected');
is(sql("SELECT data ->> 'code' FROM app.log WHERE connection = '$id' AND what = 'close'"), '4403', 'has that code');
is(history($before_id), 'call', 'who was there before the hooks is not told of');
ws_close($before);

# A call that is sent at once waits for the open hook
my $lock = lock_session(1);
$ws = client(sub => 'slow', mode => 'wait');
$id = id_of($ws);
my $call = call_begin($ws, 'app/said', ['call']);
busy_executor($node, 'open');
is(history($id), '', 'nothing happens while the open hook runs');
unlock($lock, 1);
is(call_end($ws, $call)->{data}, 'call', 'then the call is answered');
has_history($id, 'open call', 'in this order');
ws_close($ws);
has_history($id, 'open call close', 'and so to the end');

# One that goes while its open hook runs is told of, too
$lock = lock_session(1);
$ws = client(sub => 'brief', mode => 'wait');
$id = id_of($ws);
busy_executor($node, 'open');
close $ws->{socket};	# which the gateway may read before or after the answer
unlock($lock, 1);
has_history($id, 'open close', 'who goes while the open hook runs');

# Close comes after what runs
$lock = lock_session(2);
$ws = client(sub => 'late');
$id = id_of($ws);
call_begin($ws, 'app/said', ["call$_"]) for 1 .. 2;
busy_executor($node, 'app/said');
close $ws->{socket};
ok(poll_until(sub { sql('SELECT count(*) FROM realtime.connections') == 0 }), 'the client has gone');
is(history($id), 'open', 'its calls run');
unlock($lock, 2);
ok(poll_until(sub { history($id) =~ /close/ }), 'close comes');
like(history($id), qr/^open call\d call\d close$/, 'after the last call');

# Refusals
for ([ forbidden => 4403 ], [ unauthenticated => 4401 ], [ fast => 4429 ], [ error => 1013 ])
{
	my ($mode, $code) = @$_;
	$ws = client(sub => $mode, mode => $mode);
	is(ws_close_code($ws), $code, "an open hook that says $mode: $code");
}
no_rows('of them nothing is left');
is(sql("SELECT count(*) FROM app.log WHERE who IN ('forbidden', 'unauthenticated', 'fast', 'error')"), '0', 'and no close is told');

# A close hook that fails
$ws = client(sub => 'bad', mode => 'bad end');
$id = id_of($ws);
known($ws);
my $position = log_position($node);
ws_close($ws);
no_rows('a close hook that fails is not asked again');
is(history($id), 'open call', 'what it did is rolled back');
is(count_in_log($node, qr/division by zero/, $position), 1, 'and it is in the log');

# Another identity on the same connection
$ws = client();
$id = id_of($ws);
known($ws);
ws_send($ws, { type => 'auth', token => jwt({ sub => 'ann', color => 'blue' }, secret => $secret) });
ok(ws_wait($ws, sub { ($_->{type} // '') eq 'auth' })->{ok}, 'a token in a frame');
ws_close($ws);
has_history($id, 'open call close', 'no second open');
is(sql("SELECT string_agg(coalesce(who, 'nobody') || coalesce(claims, ''), ' ' ORDER BY n) FROM app.log WHERE connection = '$id'"), 'nobody nobody annblue', 'it closes as who it was last');

# A role that is gone
$ws = client(sub => 'fay', role => 'fading');
$id = id_of($ws);
known($ws);
sql('REVOKE ALL ON app.log FROM fading; DROP ROLE fading');
ws_close($ws);
no_rows('a role that has been dropped leaves no row');
is(history($id), 'open call', 'and runs nothing');

# Many at once, while others call
my @many = map { client(sub => "m$_") } 1 .. 200;
ok(poll_until(sub { rows() == 200 }), 'many open');
my $load = load_start($node, 'app/echo', ['x']);
shutdown $_->{socket}, 2 for @many;	# those who make the load have them open, too
ok(poll_until(sub { sql("SELECT count(*) FROM app.log WHERE what = 'close' AND who ~ '^m[0-9]+'") == 200 }), 'all of them are told of');
seen_only($load);
# of the load itself
no_rows('no row is left');
is(sql("SELECT count(*), count(DISTINCT connection) FROM app.log WHERE what = 'close' AND who ~ '^m[0-9]+'"), '200|200', 'once each');

# A gateway that ends
sub three_open
{
	my @clients = (client(sub => 'ann', color => 'green', role => 'tenant'), client(), client(sub => 'bob'));
	my @ids = map { id_of($_) } @clients;
	known($_) for @clients;
	return (\@clients, @ids);
}
sub told_of_all
{
	my ($how, @ids) = @_;
	has_history($_, 'open call close', "$how: its connections are told of") for @ids;
	is(sql("SELECT string_agg(DISTINCT concat_ws(' ', who, role, claims, data ->> 'code'), ', ') FROM app.log WHERE connection = '$ids[0]' AND what = 'close'"),
		'ann tenant green', "$how: as who they were, without a code");
	return no_rows("$how: no row is left");
}
my ($clients, @ids) = three_open();
my @pids = worker_pids($node, 'gateway');
kill 'TERM', @pids;
is(ws_close_code($clients->[0]), 1001, 'a gateway that is ended');
ok(replaced($node, 'gateway', \@pids), 'is replaced');
poll_until(sub { rows() == 0 });
has_history($_, 'open call close', 'terminated: its connections are told of') for @ids;
no_rows('terminated: no row is left');

# And one that is killed, with all the server
for my $kind (qw(gateway executor))
{
	($clients, @ids) = three_open();
	kill 'KILL', (worker_pids($node, $kind))[0];
	is(ws_close_code($_), 1006, "$kind killed") for @$clients;
	wait_for_gateway($node);
	told_of_all("$kind killed", @ids);
}

# A restart
($clients, @ids) = three_open();
$node->restart;
wait_for_gateway($node);
told_of_all('restart', @ids);

# Without the hook rows go as well
($clients, @ids) = three_open();
sql("SELECT realtime.hook('close', NULL)");
ws_close($_) for @$clients;
no_rows('rows of connections that open before the hook is taken away go');
is(history($ids[0]), 'open call', 'and nothing is told');
sql("SELECT realtime.hook('open', NULL)");
known(client());
is(rows(), 0, 'all is as before');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|terminated by signal (?!9)|TRAP:/, 'nothing has crashed by itself');

done_testing();
