# Cursors: moved by frames of clients, seen by the cursor plugin, over several
# gateways and their ends, however fast they move and however slowly one reads.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 3,
	'realtime.jwt_secret' => $secret, 'realtime.cursor_interval' => 0, 'realtime.cursor_ttl' => '1h');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
CREATE FUNCTION app.enter(board text, data jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS 'SELECT realtime.cursor_join(board, data)';
CREATE FUNCTION app.watch(board text) RETURNS void LANGUAGE sql AS 'SELECT realtime.cursor_watch(board)';
CREATE FUNCTION app.quit(board text DEFAULT NULL) RETURNS void LANGUAGE sql AS 'SELECT realtime.cursor_leave(board)';
CREATE FUNCTION app.put(board text, data jsonb) RETURNS void LANGUAGE sql AS 'SELECT realtime.cursor_update(board, data)';
CREATE FUNCTION app.hide(board text) RETURNS void LANGUAGE sql AS 'SELECT realtime.cursor_remove(board)';
CREATE FUNCTION app.fail(board text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.cursor_join(board); RAISE 'no'; END $$;
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/enter', 'app.enter(text, jsonb)'), realtime.rpc('app/watch', 'app.watch(text)'),
	realtime.rpc('app/quit', 'app.quit(text)'), realtime.rpc('app/put', 'app.put(text, jsonb)'), realtime.rpc('app/hide', 'app.hide(text)'),
	realtime.rpc('app/fail', 'app.fail(text)');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my ($user, %option) = @_;
	$option{headers} = { Authorization => 'Bearer ' . jwt({ sub => $user }, secret => $secret) } if $user;
	my $ws = ws_connect($node, %option);
	$ws->{me} = ws_call($ws, 'app/me', [])->{data};
	return $ws;
}

sub enter { return ws_call($_[0], 'app/enter', [ @_[ 1 .. $#_ ] ]); }
sub move { my ($ws, $board, $data) = @_; return ws_send($ws, { type => 'cursor', topic => $board, data => $data }); }
sub gateway_of { return sql("SELECT gateway FROM realtime.connections WHERE connection_id = '$_[0]{me}'"); }

# Applies an event, as the plugin does
sub apply
{
	my ($ws, $event) = @_;
	return unless ($event->{topic} // '') =~ /^__cursor:(.*)/;
	my ($seen, $data) = ($ws->{seen}{$1} //= {}, $event->{data});

	%$seen = () if $event->{event} eq 'snapshot';
	$seen->{ $_->{key} } = $_ for $event->{event} =~ /^(snapshot|bulk)$/ ? @$data : $event->{event} eq 'update' ? $data : ();
	delete $seen->{ $data->{key} } if $event->{event} eq 'remove';
	push @{ $ws->{events} }, $event;
	return;
}

# Takes the next frame about cursors
sub next_frame
{
	my ($ws) = @_;
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') =~ /^__cursor:/ || ($_->{type} // '') eq 'batch' });
	apply($ws, $_) for ($frame->{type} // '') eq 'batch' ? @{ $frame->{events} } : $frame;
	return $frame;
}

# Follows until the cursors are where they are said to be
sub see
{
	my ($ws, $board, $text) = @_;
	next_frame($ws) until seen($ws, $board) eq $text;
	return 1;
}

sub seen
{
	my ($ws, $board) = @_;
	return 'nothing' unless $ws->{seen}{$board};
	return join ' ', map { "$_:" . place($ws->{seen}{$board}{$_}{data}) } sort keys %{ $ws->{seen}{$board} };
}
# The same of what is expected
sub at { my %at = @_; return join ' ', map { "$_:$at{$_}" } sort keys %at; }
sub place { return ref $_[0] ? $_[0]{x} : $_[0]; }
sub quiet { return scalar grep { ($_->{topic} // '') =~ /^__cursor/ } ws_quiet($_[0]); }
sub there { return sql("SELECT string_agg(key || ':' || data, ' ' ORDER BY key) FROM realtime.cursor_list('$_[0]')"); }

# ---- who may, and what is told ----

my $ann = client('ann');
move($ann, 'board', 0);
is(quiet($ann), 0, 'who has not been let in moves nothing');
is(enter($ann, 'board', { name => 'Ann' })->{ok}, JSON::PP::true, 'a call lets in');
is_deeply(next_frame($ann), { topic => '__cursor:board', event => 'snapshot', data => [] }, 'who comes first is told that nobody is there');

my $ben;
do { $ben = client('ben') } until gateway_of($ben) != gateway_of($ann);
enter($ben, 'board');
see($ben, 'board', '');
move($ann, 'board', { x => 1, y => 2 });
is_deeply(next_frame($ben), { topic => '__cursor:board', event => 'update', data => { key => 'ann', user => { name => 'Ann' }, data => { x => 1, y => 2 } } },
	'a position comes to another gateway');
see($ann, 'board', 'ann:1');
pass('and to who has sent it');
is(sql(q{SELECT key || user_data || data || (moved_at BETWEEN now() - interval '5 min' AND now() + interval '1 s') FROM realtime.cursor_list('board')}), 'ann{"name": "Ann"}{"x": 1, "y": 2}true', 'SQL sees it');
is(sql(q{SELECT topic || cursors FROM realtime.stat_cursor}), 'board1', 'and how many there are');
ws_send($ben, { type => 'cursor', topic => 'board', position => 2 });
see($ann, 'board', 'ann:1 ben:2');
is_deeply($ann->{seen}{board}{ben}{user}, {}, 'nothing is told of a user that his function has not said');
move($ben, 'board', 2);
is(quiet($ann), 0, 'who stays where he is is not told again');

my $cid = client('cid');
enter($cid, 'board');
see($cid, 'board', 'ann:1 ben:2');
is($cid->{events}[0]{event}, 'snapshot', 'who comes gets all');
ws_send($cid, { type => 'cursor-snapshot', topic => 'board' });
is(next_frame($cid)->{event}, 'snapshot', 'and again when he asks');
ws_send($cid, { type => 'cursor-snapshot', topic => 'other' });
ws_send($cid, { type => 'cursor-snapshot', topic => 7 });
ws_send($cid, { type => 'cursor', topic => 'other', data => 1 });
ws_send($cid, { type => 'cursor', topic => 'board' });
is(quiet($cid), 0, 'but not of what he does not follow');
ws_call($cid, 'app/fail', ['secret']);
move($cid, 'secret', 1);
ws_quiet($cid);
is(there('secret'), '', 'a call that fails lets nobody in');

my $eye = client();
ws_call($eye, 'app/watch', ['board']);
see($eye, 'board', 'ann:1 ben:2');
move($eye, 'board', 5);
is(quiet($eye), 0, 'who only watches moves nothing');

# ---- users and their connections ----

my $tab = client('ben');
enter($tab, 'board');
move($tab, 'board', 3);
see($ann, 'board', 'ann:1 ben:3');
pass('a user has one cursor, where any of his tabs has been last');
ws_close($ben);
is(quiet($ann), 0, 'it stays when another tab ends');
ws_close($tab);
see($ann, 'board', 'ann:1');
pass('and goes with the one that has moved it');
is($ann->{events}[-1]{event}, 'remove', 'as is told');

ws_call($eye, 'app/enter', ['board']);
move($eye, 'board', 6);
see($ann, 'board', join ' ', sort 'ann:1', "$eye->{me}:6");
pass('who is nobody has a cursor by his connection');
ws_send($eye, { type => 'auth', token => jwt({ sub => 'dan' }, secret => $secret) });
see($ann, 'board', 'ann:1 dan:6');
pass('who becomes somebody has it as that');

ws_call($eye, 'app/put', [ 'board', 7 ]);
see($ann, 'board', 'ann:1 dan:7');
ws_call($eye, 'app/hide', ['board']);
see($ann, 'board', 'ann:1');
move($eye, 'board', 8);
see($ann, 'board', 'ann:1 dan:8');
ws_call($cid, 'app/put', [ 'board', 9 ]);
see($ann, 'board', 'ann:1 cid:9 dan:8');
pass('functions move and take away');
enter($cid, 'board', { name => 'Cid' });
next_frame($ann) until ($ann->{seen}{board}{cid}{user}{name} // '') eq 'Cid';
pass('another name is told');
ws_call($eye, 'app/quit', ['board']);
see($ann, 'board', 'ann:1 cid:9');
see($cid, 'board', 'ann:1 cid:9');
move($eye, 'board', 9);
ws_quiet($eye);
move($ann, 'board', 10);
see($cid, 'board', 'ann:10 cid:9');
is(quiet($eye), 0, 'who leaves neither moves nor sees');
ws_call($cid, 'app/quit', []);
see($ann, 'board', 'ann:10');
pass('who leaves everything leaves this');

# ---- the interval ----

sub metric
{
	my ($name) = @_;
	my ($text, $sum) = (sql('SELECT realtime.metrics_text()'), 0);
	$sum += $1 while $text =~ /^$name\{[^}]*\} (\d+)/mg;
	return $sum;
}

configure($node, 'realtime.cursor_interval' => '3s');
my $eva = client('eva');
enter($eva, 'board');
see($eva, 'board', 'ann:10');
$ann->{events} = [];
my ($throttled, $taken) = (metric('realtime_cursor_throttled_total'), metric('realtime_cursor_updates_total'));
ws_raw($eva, join '', map { ws_frame('text', qq({"type":"cursor","topic":"board","data":$_})) } 1 .. 200);
see($ann, 'board', 'ann:10 eva:200');
my @told = map { $_->{data}{data} } @{ $ann->{events} };
is($told[0], 1, 'the first position is told');
is($told[-1], 200, 'and the last');
cmp_ok(scalar @told, '<', 10, scalar(@told) . ' of 200 in all');
cmp_ok(metric('realtime_cursor_throttled_total') - $throttled, '>=', 190, 'as metrics say');
is(metric('realtime_cursor_updates_total') - $taken, 200, 'of how many have come');
my $twin = client('eva');
enter($twin, 'board');
$ann->{events} = [];
for my $n (1 .. 20)
{
	move($eva, 'board', "a$n");
	move($twin, 'board', "b$n");
}
next_frame($ann) until ($ann->{seen}{board}{eva}{data} // '') =~ /^[ab]20$/ && @{ $ann->{events} };
cmp_ok(scalar @{ $ann->{events} }, '<', 10, 'several tabs share the interval');
ws_close($twin);
ws_close($eva);
see($ann, 'board', 'ann:10');
pass('one that ends while it waits is gone');
configure($node, 'realtime.cursor_interval' => 0);

# ---- who does not move ----

configure($node, 'realtime.cursor_ttl' => '200ms');
see($ann, 'board', '');
is(there('board'), '', 'a cursor that does not move is gone');
configure($node, 'realtime.cursor_ttl' => '1h');
move($ann, 'board', 11);
see($ann, 'board', 'ann:11');
pass('until it does');

# ---- a gateway ends ----

my @crowd = map { my $ws = client("user$_"); enter($ws, 'hall'); move($ws, 'hall', $_); $ws } 1 .. 24;
my $gateway = sql(qq{SELECT min(gateway) FROM realtime.connections WHERE gateway <> (SELECT gateway FROM realtime.connections WHERE connection_id = '$ann->{me}')});
my $watcher;
do { $watcher = client('watcher') } until gateway_of($watcher) != $gateway;
ws_call($watcher, 'app/watch', ['hall']);
see($watcher, 'hall', at(map { ("user$_" => $_) } 1 .. 24));
my @stay = split /\n/, sql(qq{SELECT user_id FROM realtime.connections WHERE gateway <> $gateway AND user_id LIKE 'user%'});
kill TERM => sql("SELECT pid FROM realtime.stat_gateway WHERE number = $gateway");
see($watcher, 'hall', at(map { /(\d+)/; ($_ => $1) } @stay));
pass('cursors of its connections are gone with it, ' . (24 - @stay) . ' of 24');
is(sql(q{SELECT count(*) FROM realtime.cursor_list('hall')}), scalar @stay, 'also for SQL');
ok(poll_until(sub { sql("SELECT count(*) FROM realtime.stat_gateway WHERE listening") == 3 }), 'another one takes its place');
ws_close($_) for grep { my $ws = $_; grep { sql(qq{SELECT 1 FROM realtime.connections WHERE connection_id = '$ws->{me}'}) } 1 } @crowd;
see($watcher, 'hall', '');
is(sql(q{SELECT count(*) FROM realtime.stat_cursor WHERE topic = 'hall'}), 0, 'an empty topic is not shown');

# ---- who reads slowly ----

sub say_batch { ws_send($_[0], { type => 'hello', caps => ['batch'] }); return $_[0]; }
my $fast = say_batch(client('fast'));
my $slow = say_batch(client('slow', receive_buffer => 4096));
ws_call($_, 'app/watch', ['race']) for $fast, $slow;
see($_, 'race', '') for $fast, $slow;
# who has only moved by a call is let in, and sees nothing
my @movers = map { my $ws = client("m$_"); ws_call($ws, 'app/put', [ 'race', 0 ]); $ws } 1 .. 20;
my $rounds = 40;
for my $round (1 .. $rounds)
{
	move($movers[ $_ - 1 ], 'race', { x => $round, filling => 'x' x 7000 }) for 1 .. 20;
	see($fast, 'race', at(map { ("m$_" => $round) } 1 .. 20));
}
is(quiet($movers[0]), 0, 'who moves without having joined is told nothing');
ws_call($movers[0], 'app/quit', ['race']);
ws_close($movers[1]);
my $end = at(map { ("m$_" => $rounds) } 3 .. 20);
see($fast, 'race', $end);
$slow->{events} = [];
see($slow, 'race', $end);
my $moved = sub { my $n = 0; $n += $_->{event} =~ /^(bulk|snapshot)$/ ? @{ $_->{data} } : 1 for @{ $_[0]{events} }; return $n; };
my ($much, $few) = map { $moved->($_) } $fast, $slow;
cmp_ok($few, '<', $much * 0.8, "who reads nothing for a while gets $few positions where another one gets $much, and the last ones");
is(quiet($slow), 0, 'and nothing more');
move($movers[5], 'race', { x => 'again' });
$end =~ s/m6:\d+/m6:again/;
see($slow, 'race', $end);
pass('then he keeps up');

# who is away for longer than what is gone is remembered
ws_close($_) for $slow, @movers[ 2 .. 19 ];
see($fast, 'race', '');

# ---- little room ----

$node->append_conf('postgresql.conf', "realtime.cursor_memory = 1MB\nrealtime.gateways = 1\n");
$node->restart;
wait_for_call($node, 'app/me', []);
my $greedy = client('greedy');
for my $n (1 .. 20)
{
	enter($greedy, "greedy$n");
	move($greedy, "greedy$n", 'x' x 7000);
}
ws_quiet($greedy);
is(sql(q{SELECT count(*) FROM realtime.stat_cursor WHERE topic LIKE 'greedy%'}), 9, 'a connection has a sixteenth of the memory');
ok(count_in_log($node, qr/has no room for a cursor/) > 0, 'and the log says so');
ok(sql(q{SELECT hits FROM realtime.limits WHERE name = 'cursor_memory'}) >= 11, 'it is counted');
my @many = map { my $ws = client("many$_"); ws_call($ws, 'app/put', [ 'full', 0 ]); move($ws, 'full', 'x' x 7000); $ws } 1 .. 150;
ws_quiet($_) for @many;
my $full = sql(q{SELECT count(*) FROM realtime.cursor_list('full') WHERE length(data::text) > 7000});
cmp_ok($full, '>', 50, "many have room ($full)");
cmp_ok($full, '<', 150, 'not all');
cmp_ok(sql(q{SELECT current::float8 / maximum FROM realtime.limits WHERE name = 'cursor_memory'}), '>', 0.7, 'the memory is taken');
ws_close($_) for @many;
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.cursor_list('full')}) == 0 }), 'they go');
@many = map { my $ws = client("more$_"); ws_call($ws, 'app/put', [ 'full', 0 ]); move($ws, 'full', 'x' x 7000); $ws } 1 .. 50;
ws_quiet($_) for @many;
is(sql(q{SELECT count(*) FROM realtime.cursor_list('full')}), 50, 'and at once there is room for others');
ok(sql(q{SELECT current < peak FROM realtime.limits WHERE name = 'cursor_memory'}) eq 't', 'which is seen');
ws_close($_) for @many;

# more than a frame has, for who comes
@many = map { my $ws = client("more$_"); ws_call($ws, 'app/put', [ 'wide', 0 ]); move($ws, 'wide', 'y' x 4000); $ws } 1 .. 60;
ws_quiet($_) for @many;
my $late = client('late');
ws_call($late, 'app/watch', ['wide']);
next_frame($late) until keys %{ $late->{seen}{wide} // {} } == 60;
is(join(' ', map { $_->{event} } @{ $late->{events} }), 'snapshot bulk', 'many come in several frames');

# ---- errors ----

is(enter($late, '__board')->{code}, 'INVALID_TOPIC', 'a topic of the server');
is(enter($late, 'x' x 241)->{code}, 'INVALID_TOPIC', 'a long topic');
is(enter($late, 'board', 'x' x 5000)->{ok}, JSON::PP::false, 'a long user');
is(ws_call($late, 'app/put', [ 'board', 'x' x 9000 ])->{ok}, JSON::PP::false, 'a long position');
my ($rc, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
SELECT realtime.cursor_join('board')});
like($err, qr/55000/, 'nobody joins from a session');
no_crash($node);

done_testing();
