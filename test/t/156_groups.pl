# Groups: roles, as many members as there is room for over several gateways,
# events to a role, closing, and the ends of connections, gateways and the server.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 4, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 3, 'realtime.jwt_secret' => $secret);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.log (n serial, what text);
GRANT INSERT ON app.log TO realtime_anonymous, realtime_authenticated;
GRANT USAGE ON SEQUENCE app.log_n_seq TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
CREATE FUNCTION app.enter(name text, role text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS 'SELECT realtime.group_join(name, role)';
CREATE FUNCTION app.quit(name text) RETURNS boolean LANGUAGE sql AS 'SELECT realtime.group_leave(name)';
CREATE FUNCTION app.mine(name text) RETURNS boolean LANGUAGE sql AS 'SELECT realtime.group_has(name)';
CREATE FUNCTION app.fail(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.group_join(name); RAISE 'no'; END $$;
CREATE FUNCTION app.came(name text, role text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('came ' || name || ' ' || role || ' ' || coalesce(realtime.user_id(), '-'))$$;
CREATE FUNCTION app.went(name text, role text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('went ' || name || ' ' || role || ' ' || coalesce(realtime.user_id(), '-'))$$;
CREATE FUNCTION app.full(name text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('full ' || name)$$;
CREATE FUNCTION app.closed(name text, reason text) RETURNS void LANGUAGE sql AS $$INSERT INTO app.log (what) VALUES ('closed ' || name || ' ' || coalesce(reason, '-'))$$;
CREATE FUNCTION app.refuse(name text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/enter', 'app.enter(text, text)'), realtime.rpc('app/quit', 'app.quit(text)'),
	realtime.rpc('app/mine', 'app.mine(text)'), realtime.rpc('app/fail', 'app.fail(text)');
SELECT realtime.group('team', meta => '{"color": "red"}', on_join => 'app.came(text, text)', on_leave => 'app.went(text, text)', on_close => 'app.closed(text, text)');
SELECT realtime.group('few', max_members => 5, on_full => 'app.full(text)');
SELECT realtime.group('stubborn', on_leave => 'app.refuse(text)');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my ($user) = @_;
	my $ws = ws_connect($node, $user ? (headers => { Authorization => 'Bearer ' . jwt({ sub => $user }, secret => $secret) }) : ());
	$ws->{me} = ws_call($ws, 'app/me', [])->{data};
	return $ws;
}

sub enter { return ws_call($_[0], 'app/enter', [ @_[ 1 .. $#_ ] ])->{data}; }
sub told
{
	my ($ws, $name) = @_;
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq "__group:$name" });
	my $data = $frame->{data};
	return join ' ', $frame->{event}, ref $data eq 'ARRAY' ? map { $_->{role} } @$data
	  : ref $data ? map { ref $data->{$_} ? '' : "$_=$data->{$_}" } sort keys %$data : $data // 'null';
}
sub quiet { return scalar grep { ($_->{topic} // '') =~ /^__group/ } ws_quiet($_[0]); }
sub logged { my $text = sql('SELECT string_agg(what, \', \' ORDER BY n) FROM app.log'); sql('DELETE FROM app.log'); return $text; }
sub sqlstate_of
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]");
	return $err =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : "none: $out$err";
}

# ---- joining and leaving ----

my $ann = client('ann');
is(enter($ann, 'team', 'admin'), JSON::PP::true, 'a connection joins');
is(told($ann, 'team'), 'members admin', 'and is told who is in it, by their roles');
is(logged(), 'came team admin ann', 'on_join is called as who joins');
my $ben;
do { $ben = client('ben') } until sql(qq{SELECT count(DISTINCT gateway) FROM realtime.connections WHERE connection_id IN ('$ann->{me}', '$ben->{me}')}) == 2;
is(enter($ben, 'team'), JSON::PP::true, 'another one joins, at another gateway');
is(told($ann, 'team'), 'join count=2 role=member', 'of which members are told');
is(told($ben, 'team'), 'members admin member', 'and who comes gets all');
is(quiet($ben), 0, 'but not that he has joined');
is(enter($ben, 'team', 'viewer'), JSON::PP::true, 'joining again');
is(quiet($ann), 0, 'changes nothing');
is(sql(q{SELECT string_agg(user_id || ':' || role, ' ' ORDER BY joined_at) FROM realtime.group_members('team')}), 'ann:admin ben:member', 'SQL sees who is in it');
is(sql(q{SELECT realtime.group_count('team')}), 2, 'and how many');
is(sql(qq{SELECT realtime.group_has('team', '$ben->{me}')::text || realtime.group_has('few', '$ben->{me}')::text}), 'truefalse', 'and whether somebody is');
is(ws_call($ben, 'app/mine', ['team'])->{data}, JSON::PP::true, 'as he does himself');
ws_call($ann, 'app/fail', ['few']);
is(sql(q{SELECT realtime.group_count('few')}), 0, 'a call that fails joins nothing');
my $cid = client();
enter($cid, 'team', 'viewer');
told($_, 'team') for $ann, $ben, $cid;

# ---- events ----

sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 1}')});
is(told($_, 'team'), 'note n=1', 'an event comes to all') for $ann, $ben, $cid;
sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 2}', 'admin')});
is(told($ann, 'team'), 'note n=2', 'one for a role to those who have it');
sql(qq{SELECT realtime.group_send('team', '$cid->{me}', 'note', '{"n": 3}')});
is(told($cid, 'team'), 'note n=3', 'one to a member');
is(quiet($_), 0, 'and to nobody else') for $ann, $ben, $cid;
sql(q{BEGIN; SELECT realtime.group_publish('team', 'note'); ROLLBACK});
is(quiet($ann), 0, 'nothing after a rollback');
is(sql(q{SELECT realtime.group_meta('team')}), '{"color": "red"}', 'what is kept about it');
sql(q{SELECT realtime.group_set_meta('team', '{"color": "blue"}')});
is(sql(q{SELECT realtime.group_meta('team')}), '{"color": "blue"}', 'changes');
my $stranger = client('eve');
is(ws_subscribe($stranger, '__group:team')->{reason}, 'INVALID_TOPIC', 'nobody else can follow it');

# ---- leaving ----

logged();
is(ws_call($ben, 'app/quit', ['team'])->{data}, JSON::PP::true, 'a connection leaves');
is(told($ann, 'team'), 'leave count=2 role=member', 'of which the others are told');
is(ws_call($ben, 'app/quit', ['team'])->{data}, JSON::PP::false, 'once');
is(logged(), 'went team member ben', 'on_leave is called');
sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 4}')});
told($ann, 'team');
is(quiet($ben), 0, 'who has left gets nothing more');
close $cid->{socket};
is(told($ann, 'team'), 'leave count=1 role=viewer', 'a connection that ends leaves');
is(logged(), 'went team viewer -', 'on_leave is called as who it was');
enter($ben, 'team');
told($ann, 'team');
enter($stranger, 'stubborn');
ws_close($stranger);
ok(poll_until(sub { sql(q{SELECT realtime.group_count('stubborn')}) == 0 }), 'one leaves whose on_leave fails');

# ---- as many as there is room for ----

my @crowd = map { client("user$_") } 1 .. 20;
ws_send($_, { rpc => 'app/enter', id => 'e', args => ['few'] }) for @crowd;
my @in = grep { ws_wait($_, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq 'e' })->{data}{data} } @crowd;
is(scalar @in, 5, 'of twenty that come at once, at three gateways, five get in');
is(sql(q{SELECT realtime.group_count('few')}), 5, 'and are counted');
is(logged(), 'came team member ben, ' . join(', ', ('full few') x 15), 'on_full is called for the others');
ws_close($in[0]);
ok(poll_until(sub { sql(q{SELECT realtime.group_count('few')}) == 4 }), 'one ends');
my ($next) = grep { my $ws = $_; !grep { $_ == $ws } @in } @crowd;
is(enter($next, 'few'), JSON::PP::true, 'and there is room for another one');
is(enter((grep { my $ws = $_; $ws != $next && !grep { $_ == $ws } @in } @crowd)[0], 'few'), JSON::PP::false, 'not for two');
is(sql(q{SELECT realtime.group_count('few')}), 5, 'as many as there may be');

# with snapshots of before, too
sql(q{SELECT realtime.group('old', max_members => 5)});
configure($node, 'default_transaction_isolation' => 'repeatable read');
ws_send($_, { rpc => 'app/enter', id => 'old', args => ['old'] }) for @crowd[ grep { $crowd[$_] != $in[0] } 0 .. $#crowd ];
my @replies = map { ws_wait($_, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq 'old' })->{data} } grep { $_ != $in[0] } @crowd;
my $let_in = grep { $_->{ok} && $_->{data} } @replies;
cmp_ok($let_in, '<=', 5, "with old snapshots $let_in get in");
is(sql(q{SELECT realtime.group_count('old')}), $let_in, 'who are counted');
is(join(' ', sort map { $_->{code} // '' } grep { !$_->{ok} && ($_->{code} // '') ne 'CONFLICT' } @replies), '', 'others are told no, or to try again');
configure($node, 'default_transaction_isolation' => 'read committed');

# ---- members of whose end nobody has told ----

is(sql(q{SELECT member_ttl || ' ' || coalesce(max_members::text, 'any') FROM realtime.group_declaration WHERE name = 'stubborn'}), '00:02:00 any', 'what holds if nothing is said');

sql(q{SELECT realtime.group('lone', max_members => 1, member_ttl => '1 hour')});
sql(q{INSERT INTO realtime.group_member SELECT 'lone', 'ghost', 'viewer', NULL, '', NULL, life, 0, 1, 0, 1, now() - interval '59 minutes' FROM realtime.group_member LIMIT 1;
	INSERT INTO realtime.group_state VALUES ('lone', 1)});
is(enter($ann, 'lone'), JSON::PP::false, 'one whose end nobody has told counts');
sql(q{UPDATE realtime.group_member SET joined_at = now() - interval '61 minutes' WHERE name = 'lone'});
is(enter($ann, 'lone'), JSON::PP::true, 'for member_ttl');
is(sql(q{SELECT string_agg(user_id, ' ') FROM realtime.group_members('lone')}) . sql(q{SELECT realtime.group_count('lone')}), 'ann1', 'and then makes room');
sql(q{UPDATE realtime.group_member SET joined_at = now() - interval '1 day' WHERE name = 'lone'});
is(enter($stranger = client('eve'), 'lone'), JSON::PP::false, 'who is connected stays for longer');
is(told($ann, 'lone'), 'members member', 'and is told who is in it');
is(quiet($ann), 0, 'once');

# ---- ends of gateways and servers ----

my $gateway = sql(qq{SELECT gateway FROM realtime.connections WHERE connection_id = '$ben->{me}'});
my $others = sql(qq{SELECT count(*) FROM realtime.group_members('few') m JOIN realtime.connections c USING (connection_id) WHERE c.gateway <> $gateway});
kill TERM => sql("SELECT pid FROM realtime.stat_gateway WHERE number = $gateway");
is(told($ann, 'team'), 'leave count=1 role=member', 'members of a gateway that ends leave');
ok(poll_until(sub { sql(q{SELECT realtime.group_count('few')}) == $others }), 'also those of another group');
$node->restart;
wait_for_call($node, 'app/me', []);
ok(poll_until(sub { sql(q{SELECT realtime.group_count('team') + realtime.group_count('few')}) == 0 }), 'after a restart there is nobody');
$ann = client('ann');
enter($ann, 'team');
told($ann, 'team');
is(sql(q{SELECT realtime.group_count('team')}), 1, 'but who comes');

# ---- closing ----

logged();
is(sql(q{SELECT realtime.group_close('team', 'over')}), 't', 'a group is closed');
is(told($ann, 'team'), 'close reason=over', 'of which members are told, with the reason');
is(logged(), 'closed team over', 'on_close is called');
is(sql(q{SELECT realtime.group_count('team')}), 0, 'nobody is in it');
is(sql(q{SELECT realtime.group_close('team')}), 'f', 'it is closed once');
is(enter($ann, 'team'), JSON::PP::false, 'nobody can join it');
sql(q{SELECT realtime.group('team')});
is(enter($ann, 'team'), JSON::PP::true, 'before it is declared again');
told($ann, 'team');
sql(q{SELECT realtime.group_close('team')});
is(told($ann, 'team'), 'close null', 'without a reason there is none');
is(sql(q{SELECT realtime.drop('few')}), 't', 'it can be dropped');
is(ws_call($ann, 'app/enter', ['few'])->{ok}, JSON::PP::false, 'then it does not exist');

# ---- errors ----

is(sqlstate_of(q{SELECT realtime.group_join('team')}), '55000', 'nobody joins from a session');
is(sqlstate_of(q{SELECT realtime.group_publish('none', 'x')}), '42704', 'no such group');
is(sqlstate_of(q{SELECT realtime.group_publish('team', 'x', role => 'boss')}), '22023', 'no such role');
is(sqlstate_of(q{SELECT realtime.group_send('team', 'nobody', 'x')}), 'RT404', 'no such member');
is(sqlstate_of(q{SELECT realtime.group('__x')}), 'RT430', 'a name of the server');
is(sqlstate_of(q{SELECT realtime.group(repeat('x', 241))}), 'RT430', 'a long name');
is(sqlstate_of(q{SELECT realtime.group('x', max_members => 0)}), '22023', 'room for nobody');
is(sqlstate_of(q{SELECT realtime.group('x', on_join => 'app.me()')}), '42P13', 'a function that does not fit');
is(sqlstate_of(q{DROP FUNCTION app.refuse(text)}), '2BP01', 'a function that a group needs stays');
no_crash($node);

done_testing();
