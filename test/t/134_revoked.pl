# Who may not see a topic any more gets nothing more of it, whatever has taken it
# away: a grant, a policy, a role, the function that decides, the declaration, the
# token, or a word.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = life_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.jwt_secret' => $secret,
	'max_prepared_transactions' => 4);

$node->safe_psql('postgres', q{
CREATE ROLE red; CREATE ROLE blue; CREATE ROLE reader;
GRANT red, blue TO realtime_executor;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.secret (topic text PRIMARY KEY, who name);
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON app.secret USING (true);
INSERT INTO app.secret VALUES ('of:a', 'red');
GRANT SELECT ON app.secret TO reader;
GRANT reader TO red, blue;
CREATE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS
$$ SELECT EXISTS (SELECT FROM app.secret s WHERE s.topic = may.topic) $$;
CREATE FUNCTION app.may_not(topic text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT current_user <> $$red$$::name';
CREATE FUNCTION app.has_color(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT realtime.user_data() ->> 'color' = 'good' $$;
CREATE FUNCTION app.rows() RETURNS TABLE (id integer) STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.follows() RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM app.secret) $$;
CREATE FUNCTION app.refuse_red(topic text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT CASE WHEN current_user = 'red' AND topic LIKE 'of:%' THEN 'NOT_RED' END $$;
SELECT realtime.topic('of:{what}', access => 'app.may(text)'), realtime.topic('open:{what}', open => true),
	realtime.topic('color:{what}', access => 'app.has_color(text)'),
	realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.follows()');
});
wait_for_call($node, 'app/echo', ['x']);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub client { my ($role, %more) = @_; return ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => "u-$role", role => $role, %more }, secret => $secret) }); }

# Both see it, then one of them does not; the other one gets what comes, and when
# both have got a later event of another topic the first has had its chance.
sub subscribed
{
	my %ws = map { $_ => client($_) } qw(red blue);
	for my $ws (values %ws)
	{
		is(ws_subscribe($ws, $_)->{type}, 'subscribed', "subscribed to $_") for qw(of:a open:end);
	}
	return %ws;
}
sub taken_away
{
	my ($name, $reason, $take, $give, %option) = @_;
	my %ws = subscribed();
	my @gone = @{ $option{gone} // ['red'] };
	my @stay = grep { my $role = $_; !grep { $_ eq $role } @gone } qw(red blue);
	my $began = time;
	ref $take ? $take->(\%ws) : sql($take);
	for my $role (@gone)
	{
		my $denial = ws_wait($ws{$role}, sub { ($_->{type} // '') eq 'subscribe-denied' && $_->{topic} eq 'of:a' });
		is($denial->{reason}, $reason, "$name: $role is told why");
	}
	note(sprintf '%s: after %.3f s', $name, time - $began);
	sql(q{SELECT realtime.publish('of:a', 'secret'); SELECT realtime.publish('open:end', 'end')});
	for my $role (@gone)
	{
		is(ws_wait($ws{$role}, sub { defined $_->{event} })->{event}, 'end', "$name: $role gets nothing of it");
		is(ws_call($ws{$role}, 'app/echo', ['x'])->{data}, 'x', "$name: and is connected");
	}
	is(ws_wait($ws{$_}, sub { defined $_->{event} })->{event}, 'secret', "$name: $_ does") for @stay;
	ws_close($_) for values %ws;
	sql($give);
	my $again = client('red');
	ok(poll_until(sub { ws_subscribe($again, 'of:a')->{type} eq 'subscribed' }), "$name: given back, who asks may") if $give;
	ws_close($again);
	return;
}

taken_away('a policy that is altered', 'FORBIDDEN', q{ALTER POLICY all_of_them ON app.secret USING (current_user <> 'red')}, q{ALTER POLICY all_of_them ON app.secret USING (true)});
taken_away('a restrictive policy that is made', 'FORBIDDEN', q{CREATE POLICY not_red ON app.secret AS RESTRICTIVE USING (current_user <> 'red')}, q{DROP POLICY not_red ON app.secret});
taken_away('a policy that is dropped', 'FORBIDDEN', q{DROP POLICY all_of_them ON app.secret}, q{CREATE POLICY all_of_them ON app.secret USING (true)}, gone => [qw(red blue)]);
taken_away('a grant on a table', 'FORBIDDEN', q{REVOKE SELECT ON app.secret FROM reader}, q{GRANT SELECT ON app.secret TO reader}, gone => [qw(red blue)]);
taken_away('membership of a role', 'FORBIDDEN', q{REVOKE reader FROM red}, q{GRANT reader TO red});
taken_away('the function', 'FORBIDDEN', q{CREATE OR REPLACE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT current_user <> 'red' $$},
	q{CREATE OR REPLACE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM app.secret s WHERE s.topic = may.topic) $$});
taken_away('the declaration', 'FORBIDDEN', q{SELECT realtime.topic('of:{what}', access => 'app.may_not(text)')}, q{SELECT realtime.topic('of:{what}', access => 'app.may(text)')});
taken_away('the end of the declaration', 'FORBIDDEN', q{SELECT realtime.drop('of:{what}')}, q{SELECT realtime.topic('of:{what}', access => 'app.may(text)')}, gone => [qw(red blue)]);
taken_away('a hook', 'NOT_RED', q{SELECT realtime.hook('subscribe', 'app.refuse_red(text)')}, q{SELECT realtime.hook('subscribe', NULL)});
taken_away('row-level security that is switched on for good', 'FORBIDDEN', q{BEGIN; DROP POLICY all_of_them ON app.secret; ALTER TABLE app.secret DISABLE ROW LEVEL SECURITY; ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY; COMMIT},
	q{CREATE POLICY all_of_them ON app.secret USING (true)}, gone => [qw(red blue)]);
taken_away('a word', 'FORBIDDEN', q{BEGIN; DELETE FROM app.secret; SELECT realtime.recheck('u-red', 'of:a'); SELECT realtime.recheck('u-blue'); COMMIT}, q{INSERT INTO app.secret VALUES ('of:a', 'red')}, gone => [qw(red blue)]);

# What a transaction has taken away that was prepared: when it is committed, by whomever
sub prepared
{
	my ($name, $take, $give, %option) = @_;
	taken_away("$name, in two phases", 'FORBIDDEN', sub {
		my ($ws) = @_;
		sql("BEGIN; $take; PREPARE TRANSACTION 'taken'");
		$option{between}->($ws) if $option{between};
		sql(q{COMMIT PREPARED 'taken'});
	}, $give, %option);
	return;
}
prepared('membership of a role', q{REVOKE reader FROM red}, q{GRANT reader TO red}, between => sub {
	my ($ws) = @_;
	sql(q{SELECT realtime.publish('of:a', 'not yet')});
	is(ws_wait($ws->{$_}, sub { defined $_->{event} })->{event}, 'not yet', "$_ gets what comes before") for qw(red blue) });
prepared('a grant on a table', q{REVOKE SELECT ON app.secret FROM reader}, q{GRANT SELECT ON app.secret TO reader}, gone => [qw(red blue)]);
prepared('a policy', q{CREATE POLICY not_red ON app.secret AS RESTRICTIVE USING (current_user <> 'red')}, q{DROP POLICY not_red ON app.secret});
prepared('the function', q{CREATE OR REPLACE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT current_user <> 'red' $$},
	q{CREATE OR REPLACE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM app.secret s WHERE s.topic = may.topic) $$});
sql(q{BEGIN; REVOKE reader FROM red; PREPARE TRANSACTION 'undone'});
my %undone = subscribed();
sql(q{ROLLBACK PREPARED 'undone'; BEGIN; INSERT INTO app.secret VALUES ('of:b'); PREPARE TRANSACTION 'rows'});
sql(q{COMMIT PREPARED 'rows'});
sql(q{SELECT realtime.publish('of:a', 'still')});
is(ws_wait($undone{$_}, sub { ($_->{type} // '') eq 'subscribe-denied' || defined $_->{event} })->{event}, 'still', "$_: what is not committed, or only rows, takes nothing") for qw(red blue);
ws_close($_) for values %undone;

# Attributes of a role, its name, what it owns, its settings
sql(q{ALTER POLICY all_of_them ON app.secret USING (current_user <> 'red'); ALTER ROLE red BYPASSRLS});
taken_away('BYPASSRLS', 'FORBIDDEN', q{ALTER ROLE red NOBYPASSRLS}, q{ALTER ROLE red BYPASSRLS});
sql(q{ALTER POLICY all_of_them ON app.secret USING (true); ALTER ROLE red NOBYPASSRLS});
taken_away('all grants of a role', 'FORBIDDEN', q{DROP OWNED BY reader}, q{GRANT SELECT ON app.secret TO reader}, gone => [qw(red blue)]);
sql(q{CREATE VIEW app.seen AS SELECT topic FROM app.secret; GRANT SELECT ON app.seen TO reader; CREATE ROLE owner;
	CREATE OR REPLACE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM app.seen s WHERE s.topic = may.topic) $$});
taken_away('a view that is replaced', 'FORBIDDEN', q{CREATE OR REPLACE VIEW app.seen AS SELECT topic FROM app.secret WHERE current_user <> 'red'},
	q{CREATE OR REPLACE VIEW app.seen AS SELECT topic FROM app.secret});
taken_away('the owner of a view', 'FORBIDDEN', q{ALTER VIEW app.seen OWNER TO owner}, q{ALTER VIEW app.seen OWNER TO CURRENT_USER}, gone => [qw(red blue)]);
sql(q{CREATE OR REPLACE FUNCTION app.may(topic text) RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT coalesce(current_setting('app.closed', true), '') <> 'yes' AND EXISTS (SELECT FROM app.secret s WHERE s.topic = may.topic) $$});
taken_away('a setting of a role', 'FORBIDDEN', q{ALTER ROLE red SET app.closed = 'yes'}, q{ALTER ROLE red RESET app.closed});

# A role that is none any more: its connections have nobody to be
for my $end ([ 'dropped', q{DROP OWNED BY fading; DROP ROLE fading} ], [ 'renamed', q{ALTER ROLE fading RENAME TO faded} ])
{
	my ($how, $take) = @$end;
	sql(q{CREATE ROLE fading; GRANT reader TO fading; GRANT fading TO realtime_executor});
	my %there = (%{ { subscribed() } }, fading => client('fading'));
	is(ws_subscribe($there{fading}, $_)->{type}, 'subscribed', "a role: $_") for qw(of:a open:end);
	sql($take);
	ok(ends_or_denied($there{fading}), "a role that is $how: its connection is refused, or ends");
	sql(q{SELECT realtime.publish('of:a', 'secret')});
	is(ws_wait($there{blue}, sub { defined $_->{event} })->{event}, 'secret', "$how: others get on");
	ok(!eval { grep { ($_->{event} // '') eq 'secret' } ws_quiet($there{fading}) }, "$how: it gets nothing of it");
	ok(!eval { ws_call($there{fading}, 'app/echo', ['x'])->{ok} }, "$how: and calls nothing");
	ws_close($_) for @there{qw(red blue)};
}
sub ends_or_denied
{
	my ($ws) = @_;
	my $denial = eval { ws_wait($ws, sub { ($_->{type} // '') eq 'subscribe-denied' && $_->{topic} eq 'of:a' }) };
	note($denial ? "denied: $denial->{reason}" : "ended: $@");
	return $denial || $@ =~ /closed/;
}

# The token
my $ws = client('red', color => 'good');
is(ws_subscribe($ws, 'color:a')->{type}, 'subscribed', 'what the token lets see');
ws_send($ws, { type => 'auth', token => jwt({ sub => 'u-red', role => 'red', color => 'bad' }, secret => $secret) });
is(ws_wait($ws, sub { ($_->{type} // '') eq 'subscribe-denied' })->{reason}, 'FORBIDDEN', 'the next one does not');

# What changes nothing for anybody is not noticed
my %ws = subscribed();
my $follower = client('blue');
is(ws_call($follower, 'app/rows', [], stream => JSON::PP::true)->{ok}, JSON::PP::true, 'a stream');
sql(q{CREATE TABLE app.other (n integer); GRANT SELECT ON app.other TO red; CREATE OR REPLACE FUNCTION app.unrelated() RETURNS integer LANGUAGE sql AS 'SELECT 1';
	SELECT realtime.topic('more:{what}', open => true), realtime.rpc('app/more', 'app.unrelated()');
	SELECT realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.follows()', max => 7);
	BEGIN; REVOKE SELECT ON app.secret FROM reader; ROLLBACK});
wait_for_call($node, 'app/more');
sql(q{SELECT realtime.publish('of:a', 'still'); SELECT realtime.publish('rows', 'created', '{"id": 2}')});
is(ws_wait($ws{$_}, sub { ($_->{type} // '') eq 'subscribe-denied' || defined $_->{event} })->{event}, 'still', "$_ gets on") for qw(red blue);
is(ws_wait($follower, sub { defined $_->{event} && $_->{topic} eq 'rows' })->{event}, 'created', 'and so does who follows a stream');

# What decides about streams ends them: nothing more comes, their clients are told to
# ask anew, and are judged then
sub follow { my ($ws, $path, @args) = @_; return ws_call($ws, $path, [@args], stream => JSON::PP::true); }
sub ended
{
	my ($name, $take, $give, %option) = @_;
	my ($path, $topic) = ($option{path} // 'app/rows', $option{topic} // 'rows');
	ws_quiet($follower);	# what gave it back may have ended it once more
	is(follow($follower, $path)->{ok}, JSON::PP::true, "$name: followed");
	sql($take);
	is_deeply(ws_wait($follower, sub { ($_->{event} // '') eq 'truncated' && $_->{topic} eq $topic })->{data}, { reqId => 0, truncated => JSON::PP::true }, "$name: who follows is told to ask anew");
	sql(qq{SELECT realtime.publish('$topic', 'created', '{"id": 99}')});
	is(follow($follower, $path)->{code}, $option{code} // 'FORBIDDEN', "$name: and is refused");
	is_deeply([ grep { defined $_->{event} && $_->{event} ne 'truncated' } ws_quiet($follower) ], [], "$name: nothing comes meanwhile");
	sql($give);
	ok(poll_until(sub { follow($follower, $path)->{ok} }), "$name: given back, who asks may");
	return;
}
sub goes_on
{
	my ($name, $change) = @_;
	ws_quiet($follower);
	is(follow($follower, 'app/rows')->{ok}, JSON::PP::true, "$name: followed");
	sql($change);
	sql(q{SELECT realtime.publish('rows', 'created', '{"id": 5}')});
	is(ws_wait($follower, sub { defined $_->{event} && $_->{topic} eq 'rows' })->{event}, 'created', "$name: who follows goes on");
	return;
}
sql(q{CREATE FUNCTION app.nobody() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false';
	CREATE FUNCTION app.helper() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true';
	CREATE FUNCTION app.stops() RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.raise('FORBIDDEN'); END $$;
	SELECT realtime.stream('app/others', 'others', 'app.rows()', access => 'app.helper()'), realtime.channel('app/typing', 'typing', access => 'app.helper()')});
ok(poll_until(sub { follow($follower, $_)->{ok} }), "$_ is followed, too") for qw(app/others app/typing);
ended('a guard of a module', q{SELECT realtime.guard('app', '{app.nobody()}')}, q{SELECT realtime.guard('app')});
ok(poll_until(sub { follow($follower, $_)->{ok} }), "$_ again") for qw(app/others app/typing);
ended('another access function', q{SELECT realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.nobody()')}, q{SELECT realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.follows()')});
ended('a guard of its own', q{SELECT realtime.stream('app/rows', 'rows', 'app.rows()', guard => '{app.nobody()}', access => 'app.follows()')}, q{SELECT realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.follows()')});
ended('the body of the function', q{CREATE OR REPLACE FUNCTION app.follows() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false'},
	q{CREATE OR REPLACE FUNCTION app.follows() RETURNS boolean STABLE LANGUAGE sql AS $$ SELECT EXISTS (SELECT FROM app.secret) $$});
sql(q{SELECT realtime.publish('others', 'created', '{"id": 6}'), realtime.publish('typing', 'x')});
for my $other ([qw(others created)], [qw(typing x)])
{
	is(ws_wait($follower, sub { ($_->{topic} // '') eq $other->[0] && defined $_->{event} })->{event}, $other->[1], "$other->[0], of another path, has gone on");
}
ended('a channel', q{CREATE OR REPLACE FUNCTION app.helper() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT false'},
	q{CREATE OR REPLACE FUNCTION app.helper() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT true'}, path => 'app/typing', topic => 'typing');
ended('a policy', q{ALTER POLICY all_of_them ON app.secret USING (current_user <> 'blue')}, q{ALTER POLICY all_of_them ON app.secret USING (true)});
ended('middleware', q{SELECT realtime.middleware('stop', 'app.stops()')}, q{SELECT realtime.middleware('stop')});
ended('the end of the declaration', q{BEGIN; SELECT realtime.drop('app/rows'); SELECT realtime.topic('rows', access => 'app.may(text)'); COMMIT},
	q{SELECT realtime.drop('rows'), realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.follows()')}, code => 'NOT_FOUND');
goes_on('the same declaration', q{SELECT realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.follows()', max => 9)});
goes_on('another function', q{CREATE OR REPLACE FUNCTION app.unrelated() RETURNS integer LANGUAGE sql AS 'SELECT 2'});
goes_on('the end of a guard', q{BEGIN; SELECT realtime.guard('other', '{app.nobody()}'); ROLLBACK; SELECT realtime.guard('other')});
sql(q{SELECT realtime.recheck('u-blue')});
is(ws_close_code($follower), 4408, 'a word has who follows come back');
$follower = client('blue');
ok(follow($follower, 'app/rows')->{ok}, 'and follow');

# Attributes that are about logins: nobody logs in as these
sql(q{ALTER ROLE blue NOLOGIN; ALTER ROLE blue CONNECTION LIMIT 0; ALTER ROLE blue VALID UNTIL '2020-01-01'; ALTER ROLE blue PASSWORD 'x'});
sql(q{SELECT realtime.publish('rows', 'created', '{"id": 4}')});
is(ws_wait($follower, sub { defined $_->{event} && $_->{topic} eq 'rows' })->{data}{id}, 4, 'NOLOGIN and its like change nothing');
is(ws_call($follower, 'app/echo', ['x'])->{data}, 'x', 'for calls either');

# Who follows a stream comes back, and is asked
sql(q{CREATE TABLE app.more (n integer); ALTER TABLE app.more ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON app.more USING (true)});
is(ws_call($follower, 'app/echo', ['x'])->{data}, 'x', 'for a policy nobody has to');
ok(poll_until(sub { follow($follower, 'app/rows')->{ok} }), 'but to ask anew');
sql(q{REVOKE reader FROM blue});
is(ws_close_code($follower), 4408, 'what takes rights from a role has followers come back');
$follower = client('blue');
is(ws_call($follower, 'app/rows', [], stream => JSON::PP::true)->{code}, 'FORBIDDEN', 'and those who may not stay out');
sql(q{GRANT reader TO blue});
ok(poll_until(sub { ws_call($follower, 'app/rows', [], stream => JSON::PP::true)->{ok} }), 'until they may');
sql(q{BEGIN; REVOKE reader FROM blue; PREPARE TRANSACTION 'blue'});
is(ws_call($follower, 'app/echo', ['x'])->{data}, 'x', 'not when it is only prepared');
sql(q{COMMIT PREPARED 'blue'});
is(ws_close_code($follower), 4408, 'but when that is committed');
sql(q{GRANT reader TO blue});
$follower = client('blue');
ok(poll_until(sub { ws_call($follower, 'app/rows', [], stream => JSON::PP::true)->{ok} }), 'again');
sql(q{SELECT realtime.recheck('u-blue')});
is(ws_close_code($follower), 4408, 'so does a word');

# Prepared before the server was started again, and committed after it
sql(q{BEGIN; REVOKE reader FROM red; PREPARE TRANSACTION 'long ago'});
$node->restart;
wait_for_gateway($node);
wait_for_call($node, 'app/echo', ['x']);
taken_away('what was prepared before a restart', 'FORBIDDEN', q{COMMIT PREPARED 'long ago'}, q{GRANT reader TO red});

no_crash($node);
done_testing();
