# What a client learns of an error, and what the log does; guards; time limits;
# read-only calls; calls that nobody waits for.
use strict;
use warnings;
use utf8;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

# One executor: what one call does wrong, the next one meets.
my $node = new_node('realtime.executors' => 1, 'realtime.handler_timeout' => '3s');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.note (body text);
GRANT ALL ON app.note TO realtime_anonymous;
CREATE SEQUENCE app.attempts;
GRANT ALL ON app.attempts TO realtime_anonymous;

CREATE FUNCTION app.ok() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.fail(sqlstate text, message text DEFAULT 'swordfish', name text DEFAULT 'reason') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.note VALUES ('must not stay');
	PERFORM nextval('app.attempts');
	RAISE EXCEPTION '%', message USING ERRCODE = sqlstate, DETAIL = 'swordfish', HINT = 'swordfish',
		CONSTRAINT = name;
END $$;
CREATE FUNCTION app.raise(code text, message text DEFAULT NULL, issues jsonb DEFAULT NULL) RETURNS void
LANGUAGE sql AS 'SELECT realtime.raise(code, message, issues)';
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace;
});
wait_for_call($node, 'app/ok');
my $ws = ws_connect($node);

sub call { return ws_call($ws, shift, [@_]); }
sub outcome { my ($reply) = @_; return $reply->{ok} ? 'ok' : $reply->{code}; }
# Without what every failure has.
sub failure
{
	my $reply = call(@_);
	delete @$reply{qw(id ok)};
	return $reply;
}
# The statement of a handler that runs it as it is.
sub declare_handler
{
	my ($name, $body, %option) = @_;
	my $options = join '', map { ", $_ => $option{$_}" } grep { !/^(LANGUAGE|arguments)$/ } sort keys %option;
	my $arguments = $option{arguments} // '';
	my $language = $option{LANGUAGE} // 'plpgsql';
	(my $types = $arguments) =~ s/\w+ (\w+)/$1/g;
	$node->safe_psql('postgres', "CREATE FUNCTION app.$name($arguments) RETURNS text LANGUAGE $language AS \$\$ $body \$\$;"
		. "SELECT realtime.rpc('app/$name', 'app.$name($types)'$options)");
	return;
}
# The log since the last look.
my $looked = 0;
sub new_log
{
	my $log = slurp_file($node->logfile, $looked);
	$looked += length $log;
	return $log;
}

###########################################################################
# PostgreSQL's errors

# The defaults of our own codes, and which SQLSTATEs become them.
my @codes = (
	[ 'VALIDATION', 'Validation failed', qw(22012 22P02 22023 22004 2200G 23502 23503 23514) ],
	[ 'CONFLICT', 'Conflict', qw(23505 23P01 40001 40P01 40002 40003) ],
	[ 'UNAUTHENTICATED', 'Authentication required', qw(28000) ],
	[ 'FORBIDDEN', 'Access denied', qw(42501) ],
	[ 'OVERLOADED', 'Server is overloaded', qw(53000 53100 53200 53300 53400) ],
	[ 'LOCK_TIMEOUT', 'Could not obtain the lock in time', qw(55P03) ],
	[ 'CANCELLED', 'Cancelled', qw(57014) ],
	[ 'SERVICE_UNAVAILABLE', 'Service unavailable', qw(57P01 57P03 08000 08006) ],
	[ 'NOT_FOUND', 'Not found', qw(P0002) ],
	[ 'INTERNAL_ERROR', 'Internal server error',
		qw(P0001 P0003 P0004 0A000 21000 23000 23001 25006 28P01 2D000 42601 42P01 42883 54000 54001
			55000 57000 58030 F0000 HV000 XX000 XX001 ABCDE RT001 RT999) ]);
for my $row (@codes)
{
	my ($code, $text, @sqlstates) = @$row;
	for my $sqlstate (@sqlstates)
	{
		my $reply = failure('app/fail', $sqlstate);
		is_deeply([ @$reply{qw(code error)} ], [ $code, $text ], "$sqlstate is $code");
		unlike(JSON::PP->new->encode($reply), qr/swordfish/, "and no more of $sqlstate is told");
	}
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 0,
	'each of them was rolled back');
is(outcome(call('app/ok')), 'ok', 'the executor goes on');

# What is logged: neither refusals nor data, but all that is internal.
new_log();
failure('app/fail', $_) for qw(23505 28000 42501 57014 P0002);
unlike(new_log(), qr/ERROR|swordfish/, 'what the client has been told is not logged');
# Nobody else hears of an error about data inside of a function.
my $data_errors = 30;
failure('app/fail', '22012', 'the divisor is nought') for 1 .. $data_errors;
my $data_log = new_log();
like($data_log, qr/ERROR:\ \ the\ divisor\ is\ nought\n(?s:.*?)CONTEXT:\ \ PL\/pgSQL\ function\ app.fail(?s:.*?)
	realtime\ call\ "app\/fail",\ request/x, 'an error about data inside of a function is logged with where it was');
my $logged = () = $data_log =~ /ERROR:  the divisor is nought/g;
cmp_ok($logged, '<', $data_errors, 'but not as often as a client likes');
sub answers_nought
{
	my ($error) = @_;
	return poll_until(sub { failure('app/fail', '22012', 'the divisor is nought')->{error} eq $error });
}
$node->safe_psql('postgres', q{ALTER SYSTEM SET realtime.mode = development});
$node->reload;
ok(answers_nought('the divisor is nought'), 'a developer gets its message');
my $told = failure('app/fail', '22P02', 'no number');
is_deeply([ @$told{qw(code error)} ], [ 'VALIDATION', 'no number' ], 'with the same code');
is(failure('app/fail', $_, 'the password is swordfish')->{error} =~ /swordfish/ ? 'told' : 'not told', 'not told',
	"the message of $_ is no matter of data") for qw(23502 42501 XX000);
$node->safe_psql('postgres', q{ALTER SYSTEM RESET realtime.mode});
$node->reload;
ok(answers_nought('Validation failed'), 'in production it is not told');
new_log();
failure('app/fail', 'P0001', 'the password is swordfish');
like(new_log(), qr/ERROR:\ \ the\ password\ is\ swordfish\n
	(?s:.*)DETAIL:\ \ swordfish\n(?s:.*)HINT:\ \ swordfish\n
	(?s:.*)CONTEXT:\ \ PL\/pgSQL\ function\ app.fail\(text,text,text\)\ line\ \d+\ at\ RAISE\n
	\s+realtime\ call\ "app\/fail",\ request\ \Q$ws->{welcome}{sessionId}\E\/t\d+,\ connection\ \Q$ws->{welcome}{sessionId}\E,\ anonymous\n/x,
	'an internal error is logged with where and whose it was');
failure('app/fail', '53200', 'no room');
like(new_log(), qr/ERROR:  no room/, 'and so is a lack of resources');

# Retries
my $attempts = $node->safe_psql('postgres', 'SELECT last_value FROM app.attempts');
failure('app/fail', $_) for qw(40001 40P01 40003);
is($node->safe_psql('postgres', 'SELECT last_value FROM app.attempts'), $attempts + 4 + 4 + 1,
	'a serialization failure and a deadlock are tried again, three times');

# The violation of a constraint names what it is about.
$node->safe_psql('postgres', q{
CREATE TABLE app.kind (id int PRIMARY KEY);
CREATE TABLE app.thing (
	id int PRIMARY KEY,
	name text NOT NULL,
	amount int CONSTRAINT amount_is_positive CHECK (amount > 0),
	kind int REFERENCES app.kind,
	period int4range,
	EXCLUDE USING gist (period WITH &&));
GRANT ALL ON app.thing, app.kind TO realtime_anonymous;
CREATE FUNCTION app.insert(thing app.thing) RETURNS void LANGUAGE sql AS 'INSERT INTO app.thing SELECT thing.*';
SELECT realtime.rpc('app/insert', 'app.insert(app.thing)');
});
my %thing = (id => 1, name => 'a', amount => 1, period => '[1,5)');
is(outcome(call('app/insert', {%thing})), 'ok', 'a row that is right');
is_deeply(failure('app/insert', { %thing, id => 2, name => undef }),
	{ code => 'VALIDATION', error => 'Validation failed', issues => [ { path => ['name'], message => 'Required' } ] },
	'NOT NULL');
is_deeply(failure('app/insert', { %thing, id => 2, amount => 0 }),
	{ code => 'VALIDATION', error => 'Validation failed',
		issues => [ { path => ['amount_is_positive'], message => 'Invalid value' } ] }, 'CHECK');
is_deeply(failure('app/insert', { %thing, id => 2, period => undef, kind => 7 }),
	{ code => 'VALIDATION', error => 'Validation failed',
		issues => [ { path => ['thing_kind_fkey'], message => 'Invalid reference' } ] }, 'REFERENCES');
is_deeply(failure('app/insert', {%thing}), { code => 'CONFLICT', error => 'Conflict' }, 'UNIQUE');
is_deeply(failure('app/insert', { %thing, id => 2 }), { code => 'CONFLICT', error => 'Conflict' }, 'EXCLUDE');

###########################################################################
# realtime.raise()

is_deeply(failure('app/raise', 'KYC_PENDING'), { code => 'KYC_PENDING', error => 'KYC_PENDING' },
	'a code of the application');
is_deeply(failure('app/raise', 'KYC_PENDING', 'Wait "a" 100% moment: ü €'),
	{ code => 'KYC_PENDING', error => 'Wait "a" 100% moment: ü €' }, 'with a message');
is_deeply(failure('app/raise', 'A', 'b', [ { path => [ 'a', 'b' ], message => 'c' } ]),
	{ code => 'A', error => 'b', issues => [ { path => [ 'a', 'b' ], message => 'c' } ] }, 'with issues');
is_deeply(failure('app/raise', $_->[0]), { code => $_->[0], error => $_->[1] }, "our code $_->[0]")
  for map { [ @$_[ 0, 1 ] ] } @codes, [ 'INVALID_REQUEST', 'Invalid request' ],
	[ 'UNAUTHORIZED', 'Unauthorized' ], [ 'TIMEOUT', 'Request timed out' ],
	[ 'PAYLOAD_TOO_LARGE', 'Payload too large' ], [ 'RATE_LIMITED', 'Too many requests' ],
	[ 'INVALID_TOPIC', 'Invalid topic' ];
is(failure('app/raise', 'FORBIDDEN', 'Not for you')->{error}, 'Not for you', 'with a message of its own');
is(failure('app/raise', 'A' x 64)->{code}, 'A' x 64, 'the longest code');
for my $wrong ('A' x 65, '', 'lower', 'A-B', "A\n", undef)
{
	my $reply = failure('app/raise', $wrong);
	is($reply->{code}, 'VALIDATION', 'no code: ' . JSON::PP->new->allow_nonref->encode($wrong));
}
is(length failure('app/raise', 'A', 'x' x 100_000)->{error}, 4096, 'a long message is cut');
like(failure('app/raise', 'A', 'ü' x 100_000)->{error}, qr/^ü+$/, 'between characters');
is_deeply(failure('app/raise', 'A', 'b', [ ('x' x 1000) x 100 ]), { code => 'A', error => 'b' },
	'too many issues are left out');
# The same by hand, which is all that realtime.raise() does
is_deeply(failure('app/fail', 'RT000', 'by hand', 'BY_HAND'), { code => 'BY_HAND', error => 'by hand' },
	'SQLSTATE RT000');
is_deeply(failure('app/fail', 'RT409', 'by hand', ''), { code => 'CONFLICT', error => 'by hand' },
	'SQLSTATE RT409');
is(failure('app/fail', 'RT000', 'by hand', 'not a code')->{code}, 'INTERNAL_ERROR', 'RT000 without a code');

# In EXCEPTION blocks
declare_handler('again', q{
BEGIN
	PERFORM realtime.raise(code, 'first', '[{"path": ["a"], "message": "b"}]');
EXCEPTION WHEN SQLSTATE 'RT000' OR SQLSTATE 'RT409' THEN
	INSERT INTO app.note VALUES ('caught');
	IF again THEN
		RAISE;
	END IF;
	RETURN SQLSTATE || ' ' || SQLERRM;
END}, arguments => 'code text, again boolean');
is(call('app/again', 'MINE', JSON::PP::false)->{data}, 'RT000 first', 'an error of ours can be caught');
is(call('app/again', 'CONFLICT', JSON::PP::false)->{data}, 'RT409 first', 'by its SQLSTATE');
is_deeply(failure('app/again', 'MINE', JSON::PP::true),
	{ code => 'MINE', error => 'first', issues => [ { path => ['a'], message => 'b' } ] }, 'and raised again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 2, 'what was caught is committed');

# Outside of a call
my ($status, $out, $err) = $node->psql('postgres',
	q{\set VERBOSITY verbose
	SELECT realtime.raise('MINE', 'outside', '[1]')});
like($err, qr/ERROR:  RT000: outside\n(?s:.*)DATATYPE NAME:  \[1\]\nCONSTRAINT NAME:  MINE/,
	'realtime.raise() in any session');
($status, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
	SELECT realtime.raise('NOT_FOUND')});
like($err, qr/ERROR:  RT404: Not found\n/, 'with one of our codes');

###########################################################################
# Guards

$node->safe_psql('postgres', q{
CREATE TABLE app.trail (n serial, what text);
GRANT ALL ON app.trail, app.trail_n_seq TO realtime_anonymous;
CREATE FUNCTION app.pass() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES ('pass'); RETURN true; END $$;
CREATE FUNCTION app.pass_void() RETURNS void LANGUAGE sql AS $$ INSERT INTO app.trail (what) VALUES ('void') $$;
CREATE FUNCTION app.pass_path(path text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES (path); RETURN true; END $$;
CREATE FUNCTION app.pass_arguments(a int, b text DEFAULT '') RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES (a || b); RETURN true; END $$;
CREATE FUNCTION app.not_false() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES ('no'); RETURN false; END $$;
CREATE FUNCTION app.not_null() RETURNS boolean LANGUAGE sql AS 'SELECT NULL::boolean';
CREATE FUNCTION app.not_plain() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'swordfish'; END $$;
CREATE FUNCTION app.not_sqlstate() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege; END $$;
CREATE FUNCTION app.not_typed() RETURNS void LANGUAGE sql AS $$ SELECT realtime.raise('KYC_PENDING', 'Wait') $$;
CREATE FUNCTION app.not_ours() RETURNS void LANGUAGE sql AS $$ SELECT realtime.raise('RATE_LIMITED') $$;
CREATE FUNCTION app.broken() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 FROM no_table; RETURN true; END $$;
CREATE FUNCTION app.busy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE lock_not_available; END $$;
CREATE FUNCTION app.sleepy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN true; END $$;
CREATE FUNCTION app.strict_void(a int, b text DEFAULT '') RETURNS void STRICT LANGUAGE plpgsql AS $$
BEGIN PERFORM realtime.raise('FORBIDDEN') WHERE a <> 1; END $$;
CREATE FUNCTION app.strict_boolean(a int, b text DEFAULT '') RETURNS boolean STRICT LANGUAGE sql AS 'SELECT a = 1';

CREATE FUNCTION app.guarded(a int, b text DEFAULT '!') RETURNS text LANGUAGE sql AS $$
	INSERT INTO app.trail (what) VALUES ('handler');
	SELECT string_agg(what, ' ' ORDER BY n) FROM app.trail $$;
});
sub guarded
{
	my ($guards, @arguments) = @_;

	$node->safe_psql('postgres', qq{TRUNCATE app.trail;
		SELECT realtime.rpc('app/guarded', 'app.guarded(int,text)', guard => '{$guards}')});
	return failure('app/guarded', @arguments);
}
is_deeply(guarded('app.pass(),app.pass_void(),app.pass_path(text),"app.pass_arguments(int,text)"', 7),
	{ data => 'pass void app/guarded 7! handler' }, 'guards run in order and get what they ask for');
my $refused = { code => 'UNAUTHENTICATED', error => 'Authentication required' };
is_deeply(guarded("app.$_()", 7), $refused, "$_ refuses") for qw(not_false not_null not_plain not_sqlstate);
is_deeply(guarded('app.not_typed()', 7), { code => 'KYC_PENDING', error => 'Wait' }, 'not_typed has its own code');
is(guarded('app.not_ours()', 7)->{code}, 'RATE_LIMITED', 'not_ours one of ours');
is(guarded('app.busy()', 7)->{code}, 'LOCK_TIMEOUT', 'what the moment is to blame for is no refusal');
is_deeply(guarded('app.pass(),app.not_false(),app.pass()', 7), $refused, 'the first that refuses is the last to run');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.trail'), 0, 'and what they did is undone');
is_deeply(guarded('app.not_false()', 'seven'), $refused, 'a guard comes before a look at the arguments');
is(guarded('"app.pass_arguments(int,text)",app.not_false()', 'seven')->{code}, 'VALIDATION',
	'unless it wants them');
new_log();
is_deeply(guarded('app.broken()', 7), $refused, 'a broken guard lets nobody pass');
like(new_log(), qr/ERROR:  relation "no_table" does not exist/, 'and is logged');
guarded('app.not_plain()', 7);
unlike(new_log(), qr/swordfish/, 'while a plain refusal is not');
is_deeply(guarded('"app.strict_boolean(int,text)"', 1), { data => 'handler' }, 'a strict guard passes');
is_deeply(guarded('"app.strict_boolean(int,text)"', undef), $refused, 'but not unseen');
is_deeply(guarded('"app.strict_void(int,text)"', 1), { data => 'handler' }, 'a strict guard that returns void passes');
is_deeply(guarded('"app.strict_void(int,text)"', undef), $refused, 'and not unseen either');

# Declarations that were written by hand, or come from a dump without the functions
$node->safe_psql('postgres', q{
INSERT INTO realtime.rpc_declaration (path, handler, guards) VALUES
	('app/no-handler', 'app.nowhere()', '{}'),
	('app/no-guard', 'app.ok()', '{app.pass(),app.nowhere(),app.nowhere_either()}');
});
is(outcome(call('app/no-handler')), 'NOT_FOUND', 'a handler that does not exist');
new_log();
for (1 .. 3)
{
	is(outcome(call('app/no-guard')), 'INTERNAL_ERROR', 'a guard that does not exist');
	call('app/fail', 'P0001', 'x' x 1000);
}
like(new_log(), qr/a guard of "app\/no-guard" does not exist/, 'is told the administrator');

###########################################################################
# Time

declare_handler('slow', 'BEGIN INSERT INTO app.note VALUES (\'slow\'); PERFORM pg_sleep(60); RETURN 1; END');
declare_handler('brief', 'BEGIN PERFORM pg_sleep(60); RETURN 1; END', timeout => "'50 ms'");
declare_handler('patient', 'BEGIN PERFORM pg_sleep(3.2); RETURN 1; END', timeout => "'100 s'");
declare_handler('late', 'BEGIN CREATE TEMP TABLE t (a int); INSERT INTO app.late VALUES (1); RETURN 1; END',
	timeout => "'50 ms'");
# The first time-out ends the statement, not the handler.
declare_handler('stubborn', q{
BEGIN
	PERFORM pg_sleep(60);
EXCEPTION WHEN query_canceled THEN
	PERFORM pg_sleep(60);
	RETURN 'never';
END}, timeout => "'50 ms'");
declare_handler('graceful', q{
BEGIN
	PERFORM pg_sleep(60);
EXCEPTION WHEN query_canceled THEN
	PERFORM realtime.raise('TOO_SLOW');
END}, timeout => "'50 ms'");
$node->safe_psql('postgres', q{
CREATE TABLE app.late (a int);
GRANT ALL ON app.late TO realtime_anonymous;
CREATE FUNCTION app.sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER sleep AFTER INSERT ON app.late DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION app.sleep();
});
my $timeout = { code => 'TIMEOUT', error => 'Request timed out' };
$node->safe_psql('postgres', 'TRUNCATE app.note');
is_deeply(failure('app/slow'), $timeout, 'realtime.handler_timeout');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 0, 'rolls the call back');
is_deeply(failure('app/brief'), $timeout, 'the timeout of a declaration');
is(outcome(call('app/patient')), 'ok', 'which may also be longer');
is_deeply(failure('app/late'), $timeout, 'a deferred trigger has no more time');
is_deeply(failure('app/stubborn'), $timeout, 'nor a handler that catches the cancel');
# if it does so before the second cancel
ok(poll_until(sub { outcome(call('app/graceful')) eq 'TOO_SLOW' }), 'which may say something else');
is_deeply(guarded('app.sleepy()', 7), $timeout, 'nor a guard');
is(outcome(call('app/ok')), 'ok', 'the next call has all of its time');

# Somebody cancels
sub executor_where
{
	my ($condition) = @_;
	return poll_until(sub { $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND $condition") });
}
my $executor = executor_where('true');
declare_handler('long', 'BEGIN PERFORM pg_sleep(60); RETURN 1; END', timeout => "'60 s'");
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
ws_send($ws, { rpc => 'app/long', id => 'long', args => [] });
ok(executor_where("query = 'app/long' AND wait_event = 'PgSleep' AND state = 'active'"),
	'pg_stat_activity shows what runs');
ok(executor_where("query_start > '$before' AND xact_start > '$before'"), 'and since when');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($executor)");
is(ws_wait($ws, sub { ($_->{event} // '') eq 'long' })->{data}{code}, 'CANCELLED', 'pg_cancel_backend() ends it');
is(outcome(call('app/ok')), 'ok', 'and it alone');
for (1 .. 5)
{
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($executor)");
	is(outcome(call('app/ok')), 'ok', 'a cancel of nothing harms nothing');
}
is(executor_where('true'), $executor, 'all of this in one executor');

# The lock_timeout of a handler
declare_handler('locked', q{BEGIN SET LOCAL lock_timeout = '50ms'; LOCK TABLE app.note; RETURN 1; END});
my $locker = $node->background_psql('postgres', on_error_stop => 1);
$locker->query_safe('BEGIN; LOCK TABLE app.note');
is_deeply(failure('app/locked'), { code => 'LOCK_TIMEOUT', error => 'Could not obtain the lock in time' },
	'a lock that is not to be had');
$locker->query_safe('COMMIT');
$locker->quit;

###########################################################################
# Read-only calls

$node->safe_psql('postgres', q{
TRUNCATE app.note;
CREATE FUNCTION app.write() RETURNS text LANGUAGE sql VOLATILE AS $$ INSERT INTO app.note VALUES ('x') RETURNING body $$;
CREATE FUNCTION app.stable_write() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN app.write(); END $$;
CREATE FUNCTION app.stable_insert() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN INSERT INTO app.note VALUES ('x'); RETURN 1; END $$;
CREATE FUNCTION app.immutable_write() RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN app.write(); END $$;
CREATE FUNCTION app.set_write() RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT app.write() $$;
CREATE FUNCTION app.unlock() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN PERFORM set_config('transaction_read_only', 'off', false); RETURN app.write(); END $$;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc
	WHERE proname ~ 'write|insert|unlock' AND pronamespace = 'app'::regnamespace AND pronargs = 0;
SELECT realtime.rpc('app/read', 'app.write()', read_only => true),
	realtime.rpc('app/may_write', 'app.stable_write()', read_only => false);
});
is(outcome(call("app/$_")), 'INTERNAL_ERROR', "$_ may not")
  for qw(read stable_write stable_insert immutable_write set_write unlock);
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 0, 'nothing is written');
is(outcome(call("app/$_")), 'ok', "$_ may") for qw(write may_write);
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.note'), 2, 'something is written');

###########################################################################
# Calls without an id

declare_handler('note', q{
BEGIN
	INSERT INTO app.note VALUES (body);
	RETURN (SELECT string_agg(body, '') FROM generate_series(1, n));
END}, arguments => 'body text, n int', timeout => q('1 min'));
$node->safe_psql('postgres', 'TRUNCATE app.note');
new_log();
ws_send($ws, { rpc => 'app/note', args => [ 'x', 1 ] });
ws_send($ws, { rpc => 'app/note', args => [ 'too much to answer', 100_000 ] });
ws_send($ws, { rpc => 'app/note', args => [ 'x', 'not a number' ] });
ws_send($ws, { rpc => 'app/fail', args => ['22012'] });
ws_send($ws, { rpc => 'app/fail', args => [ 'P0001', 'nobody hears this' ] });
ws_send($ws, { rpc => 'app/nothing', args => [] });
is_deeply([ ws_quiet($ws) ], [], 'a call without an id is not answered');
ok($node->poll_query_until('postgres', q{SELECT string_agg(body, ', ' ORDER BY body) = 'too much to answer, x' FROM app.note}),
	'but runs');
like(new_log(), qr/ERROR:  nobody hears this\n(?s:.*)realtime call "app\/fail", request \Q$ws->{welcome}{sessionId}\E, connection \Q$ws->{welcome}{sessionId}\E, anonymous\n/,
	'and its errors are logged');

is(executor_where('true'), $executor, 'still the same executor');
ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
