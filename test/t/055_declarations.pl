# Declarations come, change and go while calls are made; dumps carry them.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 2);
my $ws;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.one() RETURNS text LANGUAGE sql AS $$ SELECT 'one' $$;
CREATE FUNCTION app.two() RETURNS text LANGUAGE sql AS $$ SELECT 'two' $$;
SELECT realtime.rpc('app/ready', 'app.one()');
});
wait_for_call($node, 'app/ready');
$ws = ws_connect($node);

sub outcome
{
	my ($reply) = @_;
	return $reply->{code} unless $reply->{ok};
	return ref $reply->{data} ? join ' ', @{ $reply->{data} } : $reply->{data};
}
# What both executors answer: several calls at once are run by both of them.
sub answers
{
	my ($path, $arguments) = @_;
	my @ids = map { "a$_-" . ++$ws->{ids} } 1 .. 20;
	my %seen;

	ws_raw($ws, join '', map {
		ws_frame('text', qq({"rpc":"$path","id":"$_","args":) . ($arguments // '[]') . '}') } @ids);
	for my $id (@ids)
	{
		$seen{ outcome(ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data}) // 'null' }++;
	}
	return join ' or ', sort keys %seen;
}
sub sql { return $node->safe_psql('postgres', @_); }
sub sql_error
{
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]");
	return $err;
}
my $pids = sql(q{SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM realtime.stat_executor});

###########################################################################
# Declaring

is(answers('app/x'), 'NOT_FOUND', 'nothing is declared');
sql(q{SELECT realtime.rpc('app/x', 'app.one()')});
is(answers('app/x'), 'one', 'a declaration holds at once');
sql(q{SELECT realtime.rpc('app/x', 'app.two()')});
is(answers('app/x'), 'two', 'so does the one that replaces it');
sql(q{BEGIN; SELECT realtime.rpc('app/x', 'app.one()'); SELECT realtime.rpc('app/y', 'app.one()'); ROLLBACK});
is(answers('app/x'), 'two', 'one that is rolled back does not');
is(answers('app/y'), 'NOT_FOUND', 'nor a new one');
sql(q{BEGIN; SELECT realtime.rpc('app/y', 'app.two()'); SAVEPOINT s; SELECT realtime.rpc('app/y', 'app.one()');
	ROLLBACK TO s; COMMIT});
is(answers('app/y'), 'two', 'one rolled back to a savepoint neither');

my $session = $node->background_psql('postgres', on_error_stop => 1);
$session->query_safe(q{BEGIN; SELECT realtime.rpc('app/x', 'app.one()'); SELECT realtime.drop('app/y');});
is(answers('app/x') . ', ' . answers('app/y'), 'two, two', 'before the commit nothing changes');
$session->query_safe('COMMIT');
is(answers('app/x') . ', ' . answers('app/y'), 'one, NOT_FOUND', 'after it everything has');
is(sql(q{SELECT realtime.drop('app/x')}), 't', 'dropping');
is(answers('app/x'), 'NOT_FOUND', 'holds at once as well');
is(sql(q{SELECT realtime.drop('app/x')}), 'f', 'and says whether there was something');

# All options of a declaration are replaced, not only those that are given.
sql(q{
CREATE FUNCTION app.never() RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.read_only() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('transaction_read_only') $$;
SELECT realtime.rpc('app/o', 'app.read_only()', guard => '{app.never()}', read_only => true)});
is(answers('app/o'), 'UNAUTHENTICATED', 'a guard');
sql(q{SELECT realtime.rpc('app/o', 'app.read_only()', read_only => true)});
is(answers('app/o'), 'on', 'no guard');
sql(q{SELECT realtime.rpc('app/o', 'app.read_only()')});
is(answers('app/o'), 'off', 'nor read only');

# Topics
is(ws_subscribe($ws, 'news')->{reason}, 'FORBIDDEN', 'a topic is closed');
sql(q{SELECT realtime.topic('news', open => true)});
is(ws_subscribe($ws, 'news')->{type}, 'subscribed', 'until it is declared');
sql(q{SELECT realtime.drop('news')});
ws_send($ws, { type => 'unsubscribe', topic => 'news' });
is(ws_subscribe($ws, 'news')->{reason}, 'FORBIDDEN', 'and when it no longer is');

###########################################################################
# The functions behind

sql(q{SELECT realtime.rpc('app/x', 'app.one()')});
is(answers('app/x'), 'one', 'a handler');
sql(q{CREATE OR REPLACE FUNCTION app.one() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'another'; END $$});
is(answers('app/x'), 'another', 'CREATE OR REPLACE');
sql(q{BEGIN; CREATE OR REPLACE FUNCTION app.one() RETURNS text LANGUAGE sql AS $$ SELECT 'none' $$; ROLLBACK});
is(answers('app/x'), 'another', 'rolled back');
sql(q{ALTER FUNCTION app.one() RENAME TO "First"});
is(answers('app/x'), 'another', 'renamed');
sql(q{CREATE SCHEMA elsewhere; GRANT USAGE ON SCHEMA elsewhere TO PUBLIC; ALTER FUNCTION app."First"() SET SCHEMA elsewhere});
is(answers('app/x'), 'another', 'moved');
sql(q{ALTER SCHEMA elsewhere RENAME TO "Else where"});
is(answers('app/x'), 'another', 'with its schema renamed');
sql(q{ALTER FUNCTION "Else where"."First"() STABLE});
is(answers('app/x'), 'another', 'altered');

my $error = sql_error(q{DROP FUNCTION "Else where"."First"()});
like($error, qr/ERROR:  2BP01: .*"Else where"\."First"\(\)/, 'a handler cannot be dropped');
like($error, qr/DETAIL:  .*function realtime\."rpc app\/x"\(\) depends on .*HINT:  Use DROP \.\.\. CASCADE/s, 'and why not, and what to do');
like(sql_error(q{DROP SCHEMA "Else where"}), qr/ERROR:  2BP01/, 'nor with its schema');
like(sql_error(q{SELECT realtime.rpc('app/g', 'app.two()', guard => '{app.never()}'); DROP FUNCTION app.never()}),
	qr/ERROR:  2BP01/, 'nor a guard');
is(answers('app/x') . ', ' . answers('app/g'), 'another, UNAUTHENTICATED', 'nothing has happened to them');
sql(q{BEGIN; SELECT realtime.drop('app/x'); SELECT realtime.drop('app/ready'); DROP FUNCTION "Else where"."First"();
	CREATE FUNCTION "Else where"."First"(a int DEFAULT 7) RETURNS int LANGUAGE sql AS 'SELECT a';
	SELECT realtime.rpc('app/x', '"Else where"."First"(int)'); COMMIT});
is(answers('app/x'), 7, 'dropped and made anew together with its declaration');
sql(q{BEGIN; DROP SCHEMA "Else where" CASCADE; ROLLBACK});
is(answers('app/x'), 7, 'or not');
$error = sql_error(q{DROP SCHEMA "Else where" CASCADE});
like($error, qr/NOTICE:  00000: drop cascades to 2 other objects\nDETAIL:  .*function realtime\."rpc app\/x"\(\)/s, 'CASCADE');
is(answers('app/x'), 'NOT_FOUND', 'takes the declaration along');
sql(q{CREATE SCHEMA "Else where"; GRANT USAGE ON SCHEMA "Else where" TO PUBLIC;
	CREATE FUNCTION "Else where"."First"(a int DEFAULT 7) RETURNS int LANGUAGE sql AS 'SELECT a';
	SELECT realtime.rpc('app/x', '"Else where"."First"(int)')});
is(answers('app/x'), 7, 'declared again');

# A parameter's type that is renamed
sql(q{CREATE TYPE app.mood AS ENUM ('sad'); CREATE FUNCTION app.feel(m app.mood) RETURNS app.mood LANGUAGE sql AS 'SELECT m';
	SELECT realtime.rpc('app/feel', 'app.feel(app.mood)')});
is(answers('app/feel', '["sad"]'), 'sad', 'a type');
sql(q{ALTER TYPE app.mood RENAME TO "Mood"});
is(answers('app/feel', '["sad"]'), 'sad', 'that is renamed');
sql(q{ALTER TYPE app."Mood" RENAME VALUE 'sad' TO 'blue'});
is(answers('app/feel', '["sad"]') . ', ' . answers('app/feel', '["blue"]'), 'VALIDATION, blue', 'or its value is');

# Rights
sql(q{REVOKE EXECUTE ON FUNCTION app.two() FROM PUBLIC; SELECT realtime.rpc('app/two', 'app.two()')});
is(answers('app/two'), 'FORBIDDEN', 'no right to the handler');
sql(q{GRANT EXECUTE ON FUNCTION app.two() TO realtime_anonymous});
is(answers('app/two'), 'two', 'a right to it');
sql(q{CREATE ROLE app_role; REVOKE EXECUTE ON FUNCTION app.two() FROM realtime_anonymous;
	GRANT EXECUTE ON FUNCTION app.two() TO app_role});
is(answers('app/two'), 'FORBIDDEN', 'the right of another role');
sql(q{GRANT app_role TO realtime_anonymous});
is(answers('app/two'), 'two', 'of which it becomes a member');
sql(q{DROP OWNED BY app_role; DROP ROLE app_role});
is(answers('app/two'), 'FORBIDDEN', 'until that role is gone');

# Another role for everybody
sql(q{CREATE ROLE app_guest; GRANT realtime_publisher TO app_guest; GRANT USAGE ON SCHEMA app TO app_guest;
	GRANT EXECUTE ON FUNCTION app.two() TO app_guest;
	CREATE FUNCTION app.whoami() RETURNS text LANGUAGE sql AS $$ SELECT format('%s, %s', current_user,
		current_setting('request.jwt.claims')::json->>'role') $$;
	SELECT realtime.rpc('app/whoami', 'app.whoami()');
	CREATE TABLE app.row AS SELECT unnest('{app_guest,realtime_anonymous}'::name[]) AS owner;
	GRANT SELECT ON app.row TO app_guest, realtime_anonymous;
	ALTER TABLE app.row ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON app.row USING (owner = current_user);
	CREATE FUNCTION app.rows() RETURNS text LANGUAGE plpgsql AS
		$$ BEGIN RETURN (SELECT string_agg(owner, ' ') FROM app.row); END $$;
	CREATE FUNCTION app.rows_set() RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT owner::text FROM app.row $$;
	SELECT realtime.rpc('app/rows', 'app.rows()'), realtime.rpc('app/rows_set', 'app.rows_set()')});
is(answers('app/' . $_), 'realtime_anonymous', "$_: rows of the role") for qw(rows rows_set);
sql(q{
	ALTER SYSTEM SET realtime.anonymous_role = 'app_guest'; SELECT pg_reload_conf()});
ok(poll_until(sub { answers('app/whoami') eq 'INTERNAL_ERROR' }), 'a role that executors are no members of');
sql(q{GRANT app_guest TO realtime_executor});
is(answers('app/whoami'), 'app_guest, app_guest', 'becomes the role of calls with its membership');
is(answers('app/two'), 'two', 'with its rights');
is(answers('app/' . $_), 'app_guest', "$_: and its rows") for qw(rows rows_set);
sql(q{ALTER ROLE app_guest RENAME TO app_visitor});
is(ws_close_code($ws), 1012, 'without the role there is no service');
sql(q{ALTER ROLE app_visitor RENAME TO app_guest});
wait_for_call($node, 'app/whoami', []);
$ws = ws_connect($node);
is(answers('app/whoami'), 'app_guest, app_guest', 'and back');
sql(q{ALTER SYSTEM RESET realtime.anonymous_role; SELECT pg_reload_conf()});
ok(poll_until(sub { answers('app/whoami') eq 'realtime_anonymous, realtime_anonymous' }), 'the usual role again');
is(answers('app/' . $_), 'realtime_anonymous', "$_: with its rows") for qw(rows rows_set);

is(sql(q{SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM realtime.stat_executor}), $pids,
	'no process was started anew for any of this');

###########################################################################
# Calls while declarations change

$session->query_safe(q{
CREATE FUNCTION app.a() RETURNS text LANGUAGE sql AS $$ SELECT 'a'::text $$;
CREATE FUNCTION app.b(x int DEFAULT 1) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'b'; END $$;
SELECT realtime.rpc('app/ab', 'app.a()');});
my %seen;
for my $round (1 .. 40)
{
	ws_raw($ws, join '', map { ws_frame('text', qq({"rpc":"app/ab","id":"r$round-$_","args":[]})) } 1 .. 50);
	$session->query_safe($round % 2 ? q{BEGIN; SELECT realtime.drop('app/ab'); SELECT realtime.rpc('app/ab', 'app.b(int)');
		CREATE OR REPLACE FUNCTION app.a() RETURNS text LANGUAGE sql AS 'SELECT ''a''::text'; COMMIT;}
		: q{BEGIN; SELECT realtime.rpc('app/ab', 'app.a()');
		CREATE OR REPLACE FUNCTION app.b(x int DEFAULT 1) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN ''b''; END'; COMMIT;});
	my @last = (answers('app/ab'), $round % 2 ? 'b' : 'a');
	$seen{"$last[0] instead of $last[1]"}++ if $last[0] ne $last[1];
	$seen{ outcome(ws_wait($ws, sub { ($_->{event} // '') =~ /^r$round-/ })->{data}) }++ for 1 .. 50;
}
is_deeply([ sort keys %seen ], [ 'a', 'b' ], 'calls find one or the other, and nothing else');
$session->quit;

###########################################################################
# Dumps

sql(q{
SELECT realtime.drop(path) FROM realtime.rpc_declaration WHERE path !~ '^app/(x|feel)$';
CREATE FUNCTION app.one_more() RETURNS text LANGUAGE sql AS $$ SELECT 'one more, ' || current_setting('transaction_read_only') $$;
CREATE FUNCTION app.pass() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION app.pass_path(path text) RETURNS boolean LANGUAGE sql AS $$ SELECT path = 'app/g' $$;
CREATE FUNCTION app.enter(room text) RETURNS boolean LANGUAGE sql AS $$ SELECT room = 'lobby' $$;
CREATE FUNCTION app.enter_any(room text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT realtime.rpc('app/g', 'app.one_more()', guard => '{app.pass(),"app.pass_path(text)"}', timeout => '1 min', read_only => true),
	realtime.topic('open:{what}', class => 'volatile', open => true),
	realtime.topic('room:{room}', access => 'app.enter(text)'),
	realtime.channel('app/channel', 'channel:{room}', merge => 'crud', key => 'name', max => 7, replay => true,
		replay_size => 5, replay_ttl => '1 day', access => 'app.enter_any(text)');
});
my $dump = $node->backup_dir . '/dump.sql';
mkdir $node->backup_dir;
$node->command_ok([ 'pg_dump', '--file', $dump, '-d', $node->connstr('postgres') ], 'pg_dump');
my $text = slurp_file($dump);
is_deeply([ sort $text =~ /^COPY realtime\.(\w+_declaration) /mg ],
	[ map { "${_}_declaration" } qw(admission aggregate aggregate_window breaker bridge cron effect group guard hook middleware pipe query queue rate_limit rpc stream topic webhook) ], 'a dump carries all tables');
my $count = () = $text =~ /^app\/g\t/mg;
is($count, 1, 'and each declaration once');
unlike($text, qr/CREATE (TABLE|VIEW|TYPE|FUNCTION) realtime\.(?!")/, 'but nothing of the extension');
is_deeply([ sort $text =~ /CREATE FUNCTION realtime\."(.*)"\(\)/g ],
	[ 'rpc app/feel', 'rpc app/g', 'rpc app/x', 'stream app/channel', 'topic room:{room}' ], 'and what makes functions known');

my $archive = $node->backup_dir . '/dump.archive';
$node->command_ok([ 'pg_dump', '-Fc', '--file', $archive, '-d', $node->connstr('postgres') ], 'pg_dump -Fc');
sub rows
{
	my ($database) = @_;
	return $node->safe_psql($database, 'SELECT * FROM realtime.rpc_declaration ORDER BY 1')
	  . $node->safe_psql($database, 'SELECT * FROM realtime.topic_declaration ORDER BY 1')
	  . $node->safe_psql($database, 'SELECT * FROM realtime.stream_declaration ORDER BY 1');
}
sql('CREATE DATABASE copy');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, '-d', $node->connstr('copy') ],
	'a dump is restored');
is(rows('copy'), rows('postgres'), 'with the declarations as they were');
sql('CREATE DATABASE parallel_copy');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '3', '-d', $node->connstr('parallel_copy'), $archive ], 'an archive');
is(rows('parallel_copy'), rows('postgres'), 'by several processes');
# The extension may be there already.
sql('CREATE DATABASE prepared');
$node->safe_psql('prepared', 'CREATE EXTENSION realtime');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', $dump, '-d', $node->connstr('prepared') ],
	'a dump is restored where the extension is');
is(rows('prepared'), rows('postgres'), 'the same');

# Restored over itself, and over what has been declared meanwhile
for my $jobs (1, 3)
{
	$node->safe_psql('copy', q{SELECT realtime.rpc('app/x', 'app.one_more()'), realtime.topic('more:{x}', open => true)});
	$node->command_ok([ 'pg_restore', '--clean', '--exit-on-error', '-j', $jobs, '-d', $node->connstr('copy'), $archive ],
		"pg_restore --clean, $jobs at once");
	is(rows('copy'), rows('postgres'), 'the same');
	$node->safe_psql('copy', 'SELECT realtime.drop(declaration) FROM realtime.declared_functions()');
	$node->command_ok([ 'pg_restore', '--clean', '--if-exists', '--exit-on-error', '-j', $jobs, '-d', $node->connstr('copy'), $archive ],
		'and where some of it is gone');
	is(rows('copy'), rows('postgres'), 'the same');
}
$node->command_ok([ 'pg_dump', '--clean', '--file', "$dump.clean", '-d', $node->connstr('postgres') ], 'pg_dump --clean');
$node->command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', "$dump.clean", '-d', $node->connstr('copy') ],
	'its script');
is(rows('copy'), rows('postgres'), 'the same');
$node->safe_psql('copy', q{SELECT realtime.rpc('app/late', 'app.one_more()')});
like(($node->psql('copy', 'BEGIN; DROP FUNCTION realtime."rpc app/g"(); DROP FUNCTION app.one_more()'))[2],
	qr/function realtime\."rpc app\/late"\(\) depends on function app\.one_more\(\)/, 'what the dump does not know of stands in the way');
$node->command_ok([ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-c', q{SELECT realtime.drop('app/late')}, '-f',
	"$dump.clean", '-d', $node->connstr('copy') ], 'until it is removed');

# What was restored serves calls.
ws_close($ws);
sql(q{ALTER ROLE realtime_executor SET search_path = app; ALTER ROLE realtime_anonymous SET search_path = elsewhere});
$node->append_conf('postgresql.conf', "realtime.database = 'copy'\n");
$node->restart;
wait_for_gateway($node);
$ws = ws_connect($node);
$node->safe_psql('copy', q{CREATE OR REPLACE FUNCTION app.pass() RETURNS boolean LANGUAGE sql AS
	$$ SELECT current_database() = 'copy' $$});
is(answers('app/x'), 7, 'a restored declaration');
is(answers('app/g'), 'one more, on', 'with guards and options');
is(answers('app/feel', '["blue"]'), 'blue', 'with types of its own');
$node->safe_psql('copy', q{CREATE FUNCTION app.path() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('search_path') $$;
	SELECT realtime.rpc('app/path', 'app.path()')});
is(answers('app/path'), 'elsewhere', "settings of the caller's role hold in calls");
sql(q{ALTER ROLE realtime_anonymous RESET search_path});
is(answers('app/path'), 'app', "and those of the executors' role where it has none");
my $channel = ws_call($ws, 'app/channel', ['a'], stream => JSON::PP::true);
is_deeply([ @$channel{qw(topic merge key max seq)} ], [ 'channel:a', 'crud', 'name', 7, 0 ], 'a restored channel');
is(ws_subscribe($ws, 'open:a')->{type}, 'subscribed', 'a restored topic');
is(ws_subscribe($ws, 'room:lobby')->{type}, 'subscribed', 'with an access function');
is(ws_subscribe($ws, 'room:other')->{reason}, 'UNAUTHENTICATED', 'that refuses');
$node->safe_psql('copy', q{SELECT realtime.publish('open:a', 'tick', '1')});
ok(ws_wait($ws, sub { ($_->{topic} // '') eq 'open:a' && $_->{event} eq 'tick' }), 'and events');
like(($node->psql('copy', 'DROP FUNCTION app.one_more()'))[2], qr/function realtime\."rpc app\/g"\(\) depends on function app\.one_more/,
	'restored declarations protect their functions');
$node->safe_psql('copy', q{SELECT realtime.drop('app/x')});
is(answers('app/x'), 'NOT_FOUND', 'and can be dropped');

# Declarations that arrive before their functions do
$node->safe_psql('copy', q{
SET session_replication_role = replica;
INSERT INTO realtime.rpc_declaration (path, handler) VALUES ('app/early', 'app.early(text)')});
is(answers('app/early', '["bird"]'), 'NOT_FOUND', 'a declaration without a function');
$node->safe_psql('copy', q{CREATE FUNCTION app.early(text) RETURNS text LANGUAGE sql AS 'SELECT $1'});
is(answers('app/early', '["bird"]'), 'bird', 'works when there is one');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
