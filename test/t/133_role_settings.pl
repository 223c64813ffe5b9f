# Settings of roles (ALTER ROLE ... SET) hold for what runs as them and for nobody
# else; those of the database reach executors that are there.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = life_node('realtime.executors' => 2, 'realtime.jwt_secret' => $secret, 'max_prepared_transactions' => 2,
	timezone => 'UTC');

$node->safe_psql('postgres', q{
CREATE ROLE red; CREATE ROLE blue; CREATE ROLE plain;
GRANT red, blue, plain TO realtime_executor;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE SCHEMA one; CREATE SCHEMA two;
GRANT USAGE ON SCHEMA one, two TO PUBLIC;
CREATE TABLE one.item (name text); CREATE TABLE two.item (name text); CREATE TABLE app.item (name text);
INSERT INTO one.item VALUES ('one'); INSERT INTO two.item VALUES ('two'); INSERT INTO app.item VALUES ('app');
GRANT SELECT ON one.item, two.item, app.item TO PUBLIC;
CREATE TABLE app.event (id integer PRIMARY KEY, at timestamptz);
GRANT SELECT ON app.event TO PUBLIC;
CREATE FUNCTION app.see() RETURNS json STABLE LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	BEGIN
		SELECT i.name INTO name FROM item i;
	EXCEPTION WHEN undefined_table THEN
		name := 'none';
	END;
	RETURN json_build_object('item', name, 'zone', current_setting('TimeZone'), 'timeout', current_setting('statement_timeout'),
		'own', current_setting('app.own', true), 'replica', current_setting('session_replication_role'), 'role', current_user,
		'isolation', current_setting('transaction_isolation'), 'work_mem', current_setting('work_mem'),
		'sub', current_setting('request.jwt.claims', true)::json ->> 'sub');
END $$;
CREATE FUNCTION app.see_sql() RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_setting('TimeZone') || ' ' || '2026-01-01 12:00+00'::timestamptz::text $$;
CREATE FUNCTION app.change() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	SET search_path = two; SET TimeZone = 'Asia/Tokyo'; SET app.own = 'left'; RESET statement_timeout;
	RETURN current_setting('TimeZone');
END $$;
CREATE FUNCTION app.fail() RETURNS text LANGUAGE plpgsql AS $$ BEGIN SET app.own = 'left'; EXECUTE 'SELECT nothing.at_all()'; END $$;
CREATE FUNCTION app.rows() RETURNS json STABLE LANGUAGE sql AS $$ SELECT app.see() $$;
CREATE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT current_setting('app.own', true) = 'red' $$;
CREATE FUNCTION app.nap(seconds float8) RETURNS float8 STABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(seconds); RETURN seconds; END $$;
CREATE FUNCTION app.nap_rows(ms integer) RETURNS json STABLE LANGUAGE sql AS $$ SELECT to_json(app.nap(ms / 1000.0)) $$;
CREATE TABLE app.nap (id integer PRIMARY KEY, seconds float8);
GRANT SELECT ON app.nap TO PUBLIC;
SELECT realtime.stream('app/nap', 'nap:{ms}', 'app.nap_rows(integer)', merge => 'set'),
	realtime.query('app/naps', 'SELECT id, app.nap(seconds) AS slept FROM app.nap', depends_on => '{app.nap}');
SELECT realtime.rpc('app/see', 'app.see()'), realtime.rpc('app/see_sql', 'app.see_sql()'), realtime.rpc('app/change', 'app.change()'), realtime.rpc('app/fail', 'app.fail()'),
	realtime.stream('app/rows', 'rows:{user_id}', 'app.rows()', merge => 'set'), realtime.topic('of:{what}', access => 'app.may(text)'),
	realtime.query('app/events', 'SELECT id, at::text AS at FROM app.event');
});
wait_for_call($node, 'app/events');
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub client { my ($role) = @_; return ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => "u-$role", role => $role }, secret => $secret) }); }
my %ws = map { $_ => client($_) } qw(red blue plain);
sub see { return ws_call($ws{ $_[0] }, 'app/see', [])->{data}; }
sub seen { my ($role, @what) = @_; my $data = see($role); return join ' ', map { length($data->{$_} // '') ? $data->{$_} : 'null' } @what; }

is(seen('red', qw(item zone timeout own role)), 'none UTC 0 null red', 'before there are settings');
is(ws_call($ws{red}, 'app/see_sql', [])->{data}, 'UTC 2026-01-01 12:00:00+00', 'likewise in SQL');
sql(q{ALTER ROLE red SET search_path = one; ALTER ROLE red SET TimeZone = 'Europe/Vienna'; ALTER ROLE red SET statement_timeout = '45s';
	ALTER ROLE red SET app.own = 'red'; ALTER ROLE blue SET search_path = app, two});
is(seen('red', qw(item zone timeout own role)), 'one Europe/Vienna 45s red red', 'the next call has them');
is(seen('blue', qw(item zone timeout own role)), 'app UTC 0 null blue', 'those of another role');
is(seen('plain', qw(item zone timeout own role)), 'none UTC 0 null plain', 'and who has none has none');
is(ws_call($ws{red}, 'app/see_sql', [])->{data}, 'Europe/Vienna 2026-01-01 13:00:00+01', 'a plan from before');

# In turn, also after what changes them and what fails
for my $round (1 .. 5)
{
	is(ws_call($ws{red}, 'app/change', [])->{data}, 'Asia/Tokyo', 'a call may change them') if $round == 2;
	is(ws_call($ws{red}, 'app/fail', [])->{code}, 'INTERNAL_ERROR', 'and may fail') if $round == 3;
	my $all = join ', ', map { seen($_, qw(item zone own)) } qw(red plain blue plain);
	is($all, 'one Europe/Vienna red, none UTC null, app UTC null, none UTC null', "in turn, $round");
}

# In the database, elsewhere, not at all
sql(q{CREATE DATABASE elsewhere});
sql(q{ALTER ROLE red IN DATABASE postgres SET search_path = two; ALTER ROLE red IN DATABASE elsewhere SET TimeZone = 'Asia/Tokyo'});
is(seen('red', qw(item zone own)), 'two Europe/Vienna red', 'IN DATABASE goes first, and that of another database counts not');
sql(q{BEGIN; ALTER ROLE red SET app.own = 'rolled back'; ROLLBACK});
is(seen('red', 'own'), 'red', 'what is rolled back');
sql(q{BEGIN; ALTER ROLE red SET app.own = 'prepared'; PREPARE TRANSACTION 'p'});
is(seen('red', 'own'), 'red', 'what is prepared');
sql(q{COMMIT PREPARED 'p'});
is(seen('red', 'own'), 'prepared', 'and committed');
sql(q{ALTER ROLE red SET app.own = 'red'; ALTER ROLE red IN DATABASE postgres RESET ALL});
is(seen('red', qw(item own)), 'one red', 'and taken back');

# What only superusers may set
sql(q{ALTER ROLE red SET session_replication_role = 'replica'; ALTER ROLE red SET log_min_messages = 'debug5'; ALTER ROLE red SET work_mem = '3MB'});
is(seen('red', qw(replica work_mem own)), 'origin 3MB red', 'is left out, the rest is not');
sql(q{GRANT SET ON PARAMETER session_replication_role TO realtime_executor});
is(seen('red', 'replica'), 'replica', 'unless executors may');
is(seen('plain', 'replica'), 'origin', 'for this role');
sql(q{REVOKE SET ON PARAMETER session_replication_role FROM realtime_executor});
is(seen('red', 'replica'), 'origin', 'and it is taken back');
sql(q{ALTER ROLE red SET role = 'blue'; ALTER ROLE red SET request.jwt.claims = '{"sub": "other"}'});
is(seen('red', qw(role sub)), 'red u-red', 'who it is no setting says');

# Times
sql(q{ALTER ROLE red SET statement_timeout = '200ms'});
is(ws_call($ws{red}, 'app/sleep', [600])->{code}, 'TIMEOUT', 'statement_timeout ends calls');
is(ws_call($ws{plain}, 'app/sleep', [0.3])->{data}, 'awake', 'of this role');
sql(q{ALTER ROLE red SET statement_timeout = 0});
is(ws_call($ws{red}, 'app/sleep', [0.3])->{data}, 'awake', '0 is none');
sql(q{ALTER ROLE red SET default_transaction_isolation = 'serializable'});
is(seen('red', 'isolation') . ' ' . seen('plain', 'isolation'), 'serializable read committed', 'default_transaction_isolation');
sql(q{ALTER ROLE red RESET default_transaction_isolation});

# Loaders, access functions, live queries, and calls in SQL
is(ws_call($ws{red}, 'app/rows', [], stream => JSON::PP::true)->{data}{item}, 'one', 'loaders');
is(ws_call($ws{blue}, 'app/rows', [], stream => JSON::PP::true)->{data}{item}, 'app', 'of each role');
is(ws_subscribe($ws{red}, 'of:a')->{type}, 'subscribed', 'access functions');
is(ws_subscribe($ws{plain}, 'of:a')->{type}, 'subscribe-denied', 'of each role');
is(ws_call($ws{$_}, 'app/events', [], stream => JSON::PP::true)->{ok}, JSON::PP::true, 'a live query') for qw(red plain);
sql(q{INSERT INTO app.event VALUES (1, '2026-01-01 12:00+00')});
for ([ red => '2026-01-01 13:00:00+01' ], [ plain => '2026-01-01 12:00:00+00' ])
{
	my ($role, $expected) = @$_;
	is(ws_wait($ws{$role}, sub { ($_->{event} // '') eq 'created' })->{data}{at}, $expected, "is told to $role as its settings say");
}

# Settings that change: what live queries have shown is shown anew
sub told_at { my ($role) = @_; return ws_wait($ws{$role}, sub { ($_->{event} // '') =~ /^(?:updated|refreshed)$/ && $_->{topic} =~ /^query:app%2Fevents/ })->{data}; }
sub at_of { my $data = told_at($_[0]); return ref $data eq 'ARRAY' ? $data->[0]{at} : $data->{at}; }
sql(q{ALTER ROLE red SET TimeZone = 'Asia/Tokyo'});
is(at_of('red'), '2026-01-01 21:00:00+09', 'when they change, rows that did not change are told as they are now');
$node->safe_psql('elsewhere', q{ALTER ROLE red SET TimeZone = 'Asia/Kolkata'});
is(at_of('red'), '2026-01-01 17:30:00+05:30', 'also when that was done in another database');
sql(q{ALTER DATABASE postgres SET TimeZone = 'America/New_York'});
is(at_of('plain'), '2026-01-01 07:00:00-05', 'and those of the database');
sql(q{ALTER DATABASE postgres RESET TimeZone});
is(at_of('plain'), '2026-01-01 12:00:00+00', 'back again');
sql(q{ALTER ROLE red SET TimeZone = 'Europe/Vienna'});
is(at_of('red'), '2026-01-01 13:00:00+01', 'all as before');

# Times of loads and rounds
sql(q{ALTER ROLE red SET statement_timeout = '200ms'});
is(ws_call($ws{red}, 'app/nap', [1500], stream => JSON::PP::true)->{code}, 'TIMEOUT', 'statement_timeout ends loads');
is(ws_call($ws{plain}, 'app/nap', [300], stream => JSON::PP::true)->{data}, 0.3, 'of this role');
is(ws_call($ws{$_}, 'app/naps', [], stream => JSON::PP::true)->{ok}, JSON::PP::true, "a live query of $_") for qw(red plain);
sql(q{INSERT INTO app.nap VALUES (1, 0.6)});
is(ws_wait($ws{plain}, sub { ($_->{event} // '') eq 'created' && $_->{topic} =~ /naps/ })->{data}{id}, 1, 'a round takes its time');
is(ws_wait($ws{red}, sub { ($_->{event} // '') eq 'error' && $_->{topic} =~ /^__system:query:app%2Fnaps/ })->{data}{code}, 'TIMEOUT', 'and that of this role');
is(sql(q{SELECT hits > 0 FROM realtime.limits WHERE name = 'query_timeout'}), 't', 'which is counted');
is(ws_call(client('red'), 'app/naps', [], stream => JSON::PP::true)->{code}, 'TIMEOUT', 'who asks for it is told the same');
sql(q{ALTER ROLE red SET statement_timeout = 0});
my $good = ws_wait($ws{red}, sub { ($_->{event} // '') =~ /^(?:created|refreshed)$/ && $_->{topic} =~ /naps/ })->{data};
is((ref $good eq 'ARRAY' ? $good->[0] : $good)->{id}, 1, 'without it, it is made good');
is(sql(q{SELECT realtime.call('app/see', user_data => '{"id": "u", "role": "red"}') ->> 'zone' || ' ' || current_setting('TimeZone')}), 'Europe/Vienna UTC', 'realtime.call() does the same, and leaves nothing');

# Settings of the database and of the executor's role
my @pids = worker_pids($node, 'executor');
sql(q{ALTER DATABASE elsewhere SET app.own = 'elsewhere'; ALTER ROLE plain SET app.own = 'plain'});
is(seen('plain', 'own'), 'plain', 'of others');
is_deeply([ worker_pids($node, 'executor') ], \@pids, 'they replace no executor');
sql(q{ALTER ROLE plain RESET ALL});
sql(q{ALTER DATABASE postgres SET app.own = 'database'});
is(seen('plain', 'own') . ' ' . seen('red', 'own'), 'database red', 'a setting of the database reaches the next call, and the role goes first');
sql(q{ALTER ROLE realtime_executor SET app.own = 'executor'});
is(seen('plain', 'own') . ' ' . seen('red', 'own'), 'executor red', 'one of the executor\'s role as well');
sql(q{ALTER ROLE realtime_executor RESET app.own; ALTER DATABASE postgres RESET app.own});
is(seen('plain', 'own'), 'null', 'and so does their end');
my $load = load_start($node, 'app/echo', ['x']);
for my $n (1 .. 5)
{
	sql(qq{ALTER DATABASE postgres SET app.own = 'n$n'});
	is(seen('plain', 'own'), "n$n", 'under load');
}
seen_only($load);

no_crash($node);
done_testing();
