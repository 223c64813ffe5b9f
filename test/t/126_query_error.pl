# Live queries whose runs fail: who follows them is told, and so is on_error.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.jwt_secret' => $secret);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer, list integer, n integer, spare integer);
CREATE TABLE app.own (id integer PRIMARY KEY, owner text, n integer);
CREATE TABLE app.log (i bigserial, code text, message text, topic text, who text DEFAULT realtime.user_id(), role text DEFAULT current_user);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT ALL ON SEQUENCE app.log_i_seq TO PUBLIC;
INSERT INTO app.item SELECT i, 1, i, i FROM generate_series(1, 5) i;
INSERT INTO app.own VALUES (1, 'anna', 1), (2, 'ben', 1);
CREATE FUNCTION app.divided(integer) RETURNS integer STABLE LANGUAGE sql AS 'SELECT 100 / $1';
CREATE FUNCTION app.checked(n integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
	IF n < 0 THEN RAISE EXCEPTION 'the policy does not like %', n; END IF;
	RETURN true;
END$$;
ALTER TABLE app.own ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.own USING (app.checked(n) AND owner = coalesce(realtime.user_id(), '-'));
CREATE FUNCTION app.told(code text, message text, topic text) RETURNS void LANGUAGE sql AS
	'INSERT INTO app.log (code, message, topic) VALUES (code, message, topic); SELECT realtime.mark_degraded(topic, code)';
CREATE FUNCTION app.fails() RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO app.log (code) VALUES ('never'); RAISE 'on_error itself fails'; END$$;
CREATE FUNCTION app.hangs() RETURNS void LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(600); END$$;
CREATE FUNCTION app.wrong(integer) RETURNS void LANGUAGE sql AS '';
});
my $told = q{, on_error => 'app.told(text, text, text)'};
declare_query($node, 'e/divided', 'id', 'SELECT id, app.divided(n) AS d FROM app.item WHERE list = $1', $told);
declare_query($node, 'e/own', 'id', 'SELECT id, n FROM app.own', $told);
declare_query($node, 'e/spare', 'id', 'SELECT id, spare FROM app.item', $told);
declare_query($node, 'e/twice', 'id', 'SELECT id, n FROM app.item WHERE list = 2', $told);
declare_query($node, 'e/fails', 'id', 'SELECT id, app.divided(n) AS d FROM app.item WHERE list = 3', q{, on_error => 'app.fails()'});
declare_query($node, 'e/hangs', 'id', 'SELECT id, app.divided(n) AS d FROM app.item WHERE list = 3', q{, on_error => 'app.hangs()'});
declare_query($node, 'e/fine', 'id', 'SELECT id, n FROM app.item');
wait_for_call($node, 'e/fine', []);

sub run { $node->safe_psql('postgres', $_) for @_; return; }
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub logged
{
	my ($expected, $name) = @_;
	my $query = q{SELECT coalesce(string_agg(concat_ws('|', code, message, who, role), ', ' ORDER BY i), '') FROM app.log};

	poll_until(sub { sql($query) eq $expected });
	is(sql($query), $expected, $name);
	sql('TRUNCATE app.log');
	return;
}

my ($ret, $out, $err) = $node->psql('postgres', q{SELECT realtime.query('e/x', 'SELECT 1 AS id', on_error => 'app.wrong(integer)')});
like($err, qr/on_error function.*\n.*takes nothing, \(code text\)/s, 'an on_error of other parameters is refused');

my $ws = ws_connect($node);
my ($divided, $spare, $twice, $fine) = map { follow($ws, @$_) } [ 'e/divided', 1 ], ['e/spare'], ['e/twice'], ['e/fine'];

# ---- a row that cannot be computed ----

run('UPDATE app.item SET n = 0 WHERE id = 1');
is_deeply(told($divided, 'error')->{data}, { code => 'VALIDATION', message => 'Validation failed' }, 'a row that cannot be computed');
logged('VALIDATION|division by zero|realtime_anonymous', 'is told to on_error with what clients do not learn, as their role');
is_deeply(told($divided, 'degraded')->{data}, { reason => 'VALIDATION' }, 'which may publish');
is(scalar @{ $divided->{rows} }, 5, 'clients keep what they have');
run('UPDATE app.item SET n = 3 WHERE id = 2', 'UPDATE app.item SET n = 4 WHERE id = 2');
is_true($fine, 'others go on');
logged('', 'and it is told once');
is(follow(ws_connect($node), 'e/divided', 1)->{reply}{code}, 'VALIDATION', 'who comes is refused');
logged('VALIDATION|division by zero|realtime_anonymous', 'which is another error of the query');
run('UPDATE app.item SET n = 7 WHERE id = 1');
ok(told($divided, 'recovered'), 'it is over when it can be computed');
is_true($divided, 'with what has changed meanwhile');
run('UPDATE app.item SET n = 0 WHERE id = 1');
ok(told($divided, 'error'), 'it may come again');
logged('VALIDATION|division by zero|realtime_anonymous', 'and is told again');
run('UPDATE app.item SET n = 1 WHERE id = 1');
ok(told($divided, 'recovered'), 'and be over again');

# ---- a policy that raises ----

my %user = map { $_ => ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $_ }, secret => $secret) }) } qw(anna ben);
my %own = map { $_ => follow($user{$_}, 'e/own') } sort keys %user;
run('UPDATE app.own SET n = -1');
is(told($own{$_}, 'error')->{data}{code}, 'INTERNAL_ERROR', "a policy that raises an error is told to $_") for sort keys %own;
ok(poll_until(sub { sql('SELECT count(*) FROM app.log') == 2 }), 'and to on_error for each of the groups');
is(sql(q{SELECT string_agg(concat_ws('|', code, message, who, role), ', ' ORDER BY who) FROM app.log}),
	join(', ', map { "INTERNAL_ERROR|the policy does not like -1|$_|realtime_authenticated" } qw(anna ben)), 'as those whose group it is');
run('TRUNCATE app.log', 'UPDATE app.own SET n = 5');
ok(told($own{$_}, 'recovered'), "$_ is told that it is over") for sort keys %own;
is_true($own{$_}, "and $_ has what it is now", "SELECT id, n FROM app.own WHERE owner = '$_'") for sort keys %own;

# ---- for long ----

my $since = -s $node->logfile;
sub failures { return sql(q{SELECT min(failures) FROM realtime.stat_query WHERE path = 'e/own'}) // 0; }
my $failed = failures();
run(q{CREATE OR REPLACE FUNCTION app.checked(n integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'for long'; END$$});
ok(told($own{$_}, 'error'), "what fails is told to $_") for sort keys %own;
ok(poll_until(sub { failures() >= $failed + 3 }), 'it is tried again');
run('UPDATE app.own SET n = n + 1');
ok(poll_until(sub { failures() >= $failed + 5 }), 'and again, also when rows change');
cmp_ok(scalar(() = slurp_file($node->logfile, $since) =~ /ERROR:  for long/g), '<=', 2 * 3, 'the log has the first attempts, and fewer then');
run(q{CREATE OR REPLACE FUNCTION app.checked(n integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN true; END'});
ok(told($own{$_}, 'recovered'), "it is over for $_ when the cause is gone") for sort keys %own;
is_true($own{$_}, "and $_ has what it is", "SELECT id, n FROM app.own WHERE owner = '$_'") for sort keys %own;
run('TRUNCATE app.log');

# ---- a column that is not there, a key that is there twice ----

run('ALTER TABLE app.item RENAME spare TO other');
is(told($spare, 'error')->{data}{code}, 'INTERNAL_ERROR', 'a column that is not there any more');
logged('INTERNAL_ERROR|column "spare" does not exist|realtime_anonymous', 'is told of by its name');
run('ALTER TABLE app.item RENAME other TO spare');
ok(told($spare, 'recovered'), 'until it is there');
run('INSERT INTO app.item VALUES (10, 2, 1), (10, 2, 2)');
is_deeply(told($twice, 'error')->{data}, { code => 'CONFLICT', message => 'Two rows of the result have the same key' }, 'a key that is there twice');
ok(poll_until(sub { sql(q{SELECT count(*) FROM app.log WHERE code = 'CONFLICT'}) > 0 }), 'is told of');
run('DELETE FROM app.item WHERE id = 10 AND n = 2');
ok(told($twice, 'recovered'), 'until it is there once');
is_true($twice, 'which clients have then');
run('TRUNCATE app.log');

# ---- an on_error that is no help ----

my ($fails, $hangs) = map { follow($ws, $_) } 'e/fails', 'e/hangs';
run('INSERT INTO app.item VALUES (20, 3, 0)');
ok(told($_, 'error'), "$_->{path} fails") for $fails, $hangs;
ok(poll_until(sub { slurp_file($node->logfile) =~ /ERROR:  on_error itself fails/ }), 'an on_error that fails is in the log');
ok(poll_until(sub { slurp_file($node->logfile) =~ /on_error of "e.hangs" has failed/ }), 'one that would take long is ended');
logged('', 'and leaves nothing behind');
run('UPDATE app.item SET n = 1 WHERE id = 20');
is_true($_, "$_->{path} goes on") for $fails, $hangs, $fine;

# ---- it goes with its function ----

like(($node->psql('postgres', 'DROP FUNCTION app.fails()'))[2], qr/depends on|other objects depend/, 'the function cannot be dropped');
run('DROP FUNCTION app.fails() CASCADE');
is(sql(q{SELECT count(*) FROM realtime.query_declaration WHERE path = 'e/fails'}), 0, 'but with the declaration');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
