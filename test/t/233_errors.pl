# Who is told of errors: the error hook, on_error, the table and who listens.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'realtime.jwt_secret' => $secret, 'realtime.error_log' => 4, 'realtime.log_repeats' => 2,
	'realtime.log_repeat_interval' => '1h');
sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer, n integer);
CREATE TABLE app.told (id serial, who text, role text, what text);
INSERT INTO app.item VALUES (1, 1);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.note(error jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.told (who, role, what) VALUES (realtime.user_id(), current_user, concat_ws(' ', 'hook', error ->> 'path', error ->> 'code', error ->> 'message')) $$;
CREATE FUNCTION app.seen(code text, message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF message = 'odd' THEN RAISE EXCEPTION 'on_error fails'; END IF;
	INSERT INTO app.told (who, role, what) VALUES (realtime.user_id(), current_user, concat_ws(' ', 'on_error', code, message));
END $$;
CREATE FUNCTION app.fail(how text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CASE how WHEN 'raise' THEN PERFORM realtime.raise('REFUSED', 'not you');
		WHEN 'unknown' THEN EXECUTE 'SELECT nothing.at_all()';
		ELSE RAISE EXCEPTION USING MESSAGE = how, ERRCODE = 'XX' || lpad(how, 3, '0'); END CASE;
	RETURN how;
END $$;
CREATE FUNCTION app.enters(room text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'XX900'; END $$;
CREATE FUNCTION app.fine() RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'odd'; END $$;
CREATE FUNCTION app.divided(n integer) RETURNS integer STABLE LANGUAGE sql AS $$ SELECT 100 / n $$;
CREATE FUNCTION app.refuse() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.raise('TOO_EARLY', 'come back'); END $$;
CREATE FUNCTION app.effect(topic text, event text, data jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.raise('TOO_LATE', topic); END $$;
SELECT realtime.rpc('app/fail', 'app.fail(text)'), realtime.rpc('app/fine', 'app.fine()'),
	realtime.stream('app/rows', 'rows', 'app.rows()', on_error => 'app.seen(text,text)'),
	realtime.topic('odd:{room}', access => 'app.enters(text)'),
	realtime.effect('app/effect', '{paid}', 'app.effect(text,text,jsonb)');
});
declare_query($node, 'q/divided', 'id', 'SELECT id, app.divided(n) AS d FROM app.item', q{, on_error => 'app.seen(text,text)'});
declare_query($node, 'q/plain', 'id', 'SELECT id, 7 % n AS d FROM app.item');
wait_for_call($node, 'app/fine');
my $ws = ws_connect($node);
my $ann = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => 'ann' }, secret => $secret) });
my $listener = $node->background_psql('postgres', on_error_stop => 1);
$listener->query_safe('LISTEN realtime_error');

sub witnesses
{
	my ($count) = @_;
	poll_until(sub { sql('SELECT count(*) FROM app.told') >= $count });
	return sql(q{WITH gone AS (DELETE FROM app.told RETURNING *) SELECT string_agg(concat_ws('|', coalesce(who, '-'), role, what), E'\n' ORDER BY what) FROM gone});
}
sub kept { return sql(q{SELECT string_agg(concat_ws('|', path, code, sqlstate, message), E'\n' ORDER BY id) FROM realtime.error_log}); }

# ---- the table ----

is(ws_call($ann, 'app/fail', ['unknown'])->{code}, 'INTERNAL_ERROR', 'a call fails');
is(kept(), 'app/fail|INTERNAL_ERROR|3F000|schema "nothing" does not exist', 'and is kept');
is(sql(q{SELECT user_id, connection_id = split_part(request_id, '/', 1), at > now() - interval '10 min' FROM realtime.error_log}), 'ann|t|t', 'with whose it was');
my $noted = $listener->query_safe('SELECT 1');
like($noted, qr/"realtime_error" with payload "\{"id":1\}"/, 'who listens is told, by the id alone')
  or diag($noted);
is(ws_call($ws, 'app/fail', ['raise'])->{code}, 'REFUSED', 'what is meant');
is(ws_call($ws, 'app/fail', [])->{code}, 'VALIDATION', 'and what is wrong');
ws_call($ws, 'app/fail', ['unknown']) for 1 .. 3;
is(sql('SELECT count(*) FROM realtime.error_log'), 2, 'are not kept, nor more of a kind than are logged');
ws_call($ws, 'app/fail', [$_]) for 1 .. 5;
is(kept(), join("\n", map { sprintf 'app/fail|INTERNAL_ERROR|XX%03d|%d', $_, $_ } 2 .. 5), 'the last ones stay');
ws_subscribe($ws, "odd:$_") for 1 .. 5;
is(sql(q{SELECT string_agg(path, ' ' ORDER BY id) FROM realtime.error_log WHERE sqlstate = 'XX900'}), 'odd:1 odd:2', 'all topics of a template are one kind, whatever clients name');
is(sql(q{SELECT value, policy, peak, hits FROM realtime.limits WHERE name = 'error_log'}), '4|EVICT|4|5', 'how many there are at most, and how often one had to go');
like(($node->psql('postgres', 'SET ROLE realtime_anonymous; SELECT * FROM realtime.error_log'))[2], qr/permission denied/, 'callers do not read it');
$node->append_conf('postgresql.conf', "realtime.error_log = 0\n");
$node->reload;
sql('TRUNCATE realtime.error_log');
ok(poll_until(sub { sql('SHOW realtime.error_log') eq '0' }), 'without the setting');
poll_until(sub { my $n = 100 + int rand 800; ws_call($ws, 'app/fail', ["$n"]); my $has = sql('SELECT count(*) FROM realtime.error_log'); sql('TRUNCATE realtime.error_log'); !$has });
ws_call($ws, 'app/fail', ['99']);
is(kept(), '', 'nothing is kept');

# ---- the hook besides on_error ----

sql(q{SELECT realtime.hook('error', 'app.note(jsonb)')});
wait_for_call($node, 'app/fine');
my ($divided, $plain) = (follow($ann, 'q/divided'), follow($ws, 'q/plain'));
is(ws_call($ws, 'app/rows', [], stream => JSON::PP::true)->{code}, 'INTERNAL_ERROR', 'a stream cannot be loaded, and its on_error fails');
is(witnesses(1), '-|realtime_anonymous|hook app/rows INTERNAL_ERROR odd', 'the hook is told of the one, and not of the other');
ok(poll_until(sub { slurp_file($node->logfile) =~ /on_error of "app.rows" has failed/ }), 'which is logged');
sql('UPDATE app.item SET n = 0');
ok(told($_, 'error'), 'a live query fails') for $divided, $plain;
is(witnesses(3), join("\n", '-|realtime_authenticated|hook q/divided VALIDATION division by zero', '-|realtime_anonymous|hook q/plain VALIDATION division by zero',
	'-|realtime_authenticated|on_error VALIDATION division by zero'), 'the hook is told with the role of those who follow it, and so is on_error')
  or diag(slurp_file($node->logfile));
sql('UPDATE app.item SET n = 1');
ok(told($_, 'recovered'), 'and is well again') for $divided, $plain;

# ---- what nobody waits for ----

sql(q{SELECT realtime.publish('paid', 'x', '1')});
is(witnesses(1), '-|realtime_anonymous|hook effect app/effect TOO_LATE paid', 'an effect that fails');
sql(q{SELECT realtime.cron('app/cron', '@every 1s', 'app.refuse()')});
like(witnesses(1), qr/^-\|realtime_anonymous\|hook cron app\/cron TOO_EARLY come back$/m, 'a job of cron');
ok(slurp_file($node->logfile) =~ /ERROR:  come back/, 'they are in the log as well');
sql(q{SELECT realtime.drop('app/cron')});
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
