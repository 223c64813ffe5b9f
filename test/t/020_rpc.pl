# Calls: arguments, results, errors, transactions.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.handler_timeout' => '3s');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.note (id int PRIMARY KEY, body text);
GRANT ALL ON app.note TO realtime_anonymous;

CREATE FUNCTION app.add(a int, b int DEFAULT 10) RETURNS int
LANGUAGE sql AS 'SELECT a + b';
CREATE FUNCTION app.whoami() RETURNS text
LANGUAGE sql AS 'SELECT current_user::text';
CREATE FUNCTION app.write(id int, fail boolean) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.note VALUES (id, 'x');
	IF fail THEN
		PERFORM realtime.raise('TOO_BAD', 'no luck');
	END IF;
END $$;
CREATE FUNCTION app.secret() RETURNS void
LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the password is swordfish'; END $$;
CREATE FUNCTION app.slow() RETURNS void
LANGUAGE sql AS 'SELECT pg_sleep(60)';
CREATE FUNCTION app.closed() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION app.closed() FROM PUBLIC;
CREATE FUNCTION app.jump() RETURNS text
LANGUAGE plpgsql AS $$ BEGIN RESET ROLE; SET ROLE postgres; RETURN current_user; END $$;

SELECT realtime.rpc('app/add', 'app.add(int,int)'),
	realtime.rpc('app/whoami', 'app.whoami()'),
	realtime.rpc('app/write', 'app.write(int,boolean)'),
	realtime.rpc('app/secret', 'app.secret()'),
	realtime.rpc('app/slow', 'app.slow()'),
	realtime.rpc('app/closed', 'app.closed()'),
	realtime.rpc('app/jump', 'app.jump()');
});
wait_for_call($node, 'app/whoami');
my $ws = ws_connect($node);

# Results and arguments
is(ws_call($ws, 'app/add', [ 1, 2 ])->{data}, 3, 'a call returns its result');
is(ws_call($ws, 'app/add', [1])->{data}, 11, 'a missing argument takes its default');
is(ws_call($ws, 'app/add', [ 'one', 2 ])->{code}, 'VALIDATION',
	'an argument that does not convert');
is(ws_call($ws, 'app/whoami', [])->{data}, 'realtime_anonymous',
	'the handler runs as the role of the connection');

# Transactions
my $reply = ws_call($ws, 'app/write', [ 1, JSON::PP::false ]);
ok($reply->{ok}, 'a call that writes succeeds');
ok(!exists $reply->{data}, 'void has no data');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 1,
	'and has committed when the reply arrives');
$reply = ws_call($ws, 'app/write', [ 2, JSON::PP::true ]);
is_deeply([ @$reply{qw(code error)} ], [ 'TOO_BAD', 'no luck' ],
	'realtime.raise() reaches the client');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 1,
	'and the call is rolled back');

# Errors
$reply = ws_call($ws, 'app/secret', []);
is($reply->{code}, 'INTERNAL_ERROR', 'an error of no kind of ours');
unlike($reply->{error}, qr/swordfish/, 'tells the client nothing');
like(slurp_file($node->logfile), qr/swordfish/, 'and the log everything');
ok(!ws_call($ws, 'app/slow', [])->{ok}, 'a call that takes too long is ended');
is(ws_call($ws, 'app/closed', [])->{code}, 'FORBIDDEN',
	'a declared function without EXECUTE for the role');
isnt(ws_call($ws, 'app/jump', [])->{data} // '', 'postgres',
	'a handler cannot leave its role');
is(ws_call($ws, 'app/whoami', [])->{data}, 'realtime_anonymous',
	'nor the next one find itself in another');

# Dropping
$node->safe_psql('postgres', q{SELECT realtime.drop('app/add')});
ok(poll_until(sub { (ws_call($ws, 'app/add', [ 1, 2 ])->{code} // '') eq 'NOT_FOUND' }),
	'a dropped declaration is gone');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
