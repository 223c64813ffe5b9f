# Who is present on a topic: joined by calls, seen by the presence plugin, over
# several gateways and their ends.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 3,
	'realtime.jwt_secret' => $secret, 'realtime.presence_grace' => '4s', 'realtime.presence_heartbeat' => 0);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
CREATE FUNCTION app.enter(room text, data jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS 'SELECT realtime.presence_join(room, data)';
CREATE FUNCTION app.watch(room text) RETURNS void LANGUAGE sql AS 'SELECT realtime.presence_watch(room)';
CREATE FUNCTION app.quit(room text DEFAULT NULL) RETURNS void LANGUAGE sql AS 'SELECT realtime.presence_leave(room)';
CREATE FUNCTION app.fail(room text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.presence_join(room); RAISE 'no'; END $$;
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/enter', 'app.enter(text, jsonb)'), realtime.rpc('app/watch', 'app.watch(text)'),
	realtime.rpc('app/quit', 'app.quit(text)'), realtime.rpc('app/fail', 'app.fail(text)');
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

sub enter { return ws_call($_[0], 'app/enter', [ @_[ 1 .. $#_ ] ]); }

# Applies what a client is told, as the plugin does, until a condition holds
sub follow
{
	my ($ws, $room) = @_;
	my $state = ws_wait($ws, sub { ($_->{topic} // '') eq "__presence:$room" && $_->{event} eq 'presence_state' });
	$ws->{seen}{$room} = $state->{data};
	return join ' ', sort keys %{ $ws->{seen}{$room} };
}

sub next_diff
{
	my ($ws, $room) = @_;
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq "__presence:$room" && $_->{event} =~ /^presence/ });
	my $diff = $frame->{data};

	# who has lost some, because the ring was too short, is told all anew
	if ($frame->{event} eq 'presence_state')
	{
		$ws->{seen}{$room} = $diff;
		return {};
	}
	delete @{ $ws->{seen}{$room} }{ keys %{ $diff->{leaves} } };
	$ws->{seen}{$room}{$_} = $diff->{joins}{$_} for keys %{ $diff->{joins} };
	push @{ $ws->{diffs} }, $diff;
	return $diff;
}

sub told { my $diff = next_diff(@_); return join ' ', (map { "+$_" } sort keys %{ $diff->{joins} }), (map { "-$_" } sort keys %{ $diff->{leaves} }); }
sub present { return sql("SELECT string_agg(key || ':' || connections, ' ' ORDER BY key) FROM realtime.presence('$_[0]')"); }
sub quiet { return scalar grep { ($_->{event} // '') =~ /^presence/ } ws_quiet($_[0]); }

# ---- joining and leaving ----

my $ann = client('ann');
is(enter($ann, 'room', { name => 'Ann' })->{ok}, JSON::PP::true, 'a call joins');
is(follow($ann, 'room'), 'ann', 'and is told who is there, which is itself');
is_deeply($ann->{seen}{room}{ann}, { name => 'Ann' }, 'with what it has said');
is(present('room'), 'ann:1', 'SQL sees it');
is(sql(q{SELECT realtime.presence_count('room')}), 1, 'and counts');
is(sql(q{SELECT topic || present FROM realtime.stat_presence}), 'room1', 'the view shows the topic');

my $ben = client('ben');
enter($ben, 'room', { name => 'Ben' });
is(follow($ben, 'room'), 'ann ben', 'who comes gets all');
is(told($ann, 'room'), '+ben', 'who is there is told of who comes');
is(quiet($ben), 0, 'who comes is not told once more of himself');

my @tabs = map { client('ben') } 1 .. 4;
enter($_, 'room') for @tabs;
is(follow($_, 'room'), 'ann ben', 'another tab sees the same') for @tabs;
is(present('room'), 'ann:1 ben:5', 'and counts with the others of its user');
ws_close($_) for @tabs[ 0, 1 ];
ws_call($tabs[2], 'app/quit', ['room']);
ok(poll_until(sub { present('room') eq 'ann:1 ben:2' }), 'tabs go');
is(quiet($ann), 0, 'of which nobody is told');

ws_call($ben, 'app/quit', ['room']);
is(present('room'), 'ann:1 ben:1', 'one is left');
ws_call($tabs[3], 'app/quit', []);
is(told($ann, 'room'), '-ben', 'the last one that leaves does so at once');
is(present('room'), 'ann:1', 'and is not there');
enter($ben, 'room', { name => 'Benedict' });
is(told($ann, 'room'), '+ben', 'it comes back');
enter($ben, 'room', { name => 'Benny' });
is(told($ann, 'room'), '+ben', 'other data are told as a join');
is_deeply($ann->{seen}{room}{ben}, { name => 'Benny' }, 'of which others have the newest');
enter($ben, 'room', { name => 'Benny' });
enter($ben, 'room');
is(quiet($ann), 0, 'what is as before is not told');

# ---- who only watches, and who is nobody ----

my $nobody = client();
ws_call($nobody, 'app/watch', ['room']);
is(follow($nobody, 'room'), 'ann ben', 'who watches sees who is there');
is(present('room'), 'ann:1 ben:1', 'without being there');
enter($nobody, 'room');
is(follow($nobody, 'room'), join(' ', sort 'ann', 'ben', $nobody->{me}), 'who is nobody is present by his connection');
is(told($ann, 'room'), "+$nobody->{me}", 'as others see');
ws_send($nobody, { type => 'auth', token => jwt({ sub => 'cid' }, secret => $secret) });
is(join(' ', sort split / /, told($ann, 'room')), join(' ', sort '+cid', "-$nobody->{me}"), 'who becomes somebody is present as that');
is(sql(q{SELECT data FROM realtime.presence('room') WHERE key = 'cid'}), '{}', 'with the same data');
sql(q{SELECT realtime.recheck()});
ws_call($_, 'app/me', []) for $ann, $nobody;
is(scalar(grep { ($_->{type} // '') eq 'subscribe-denied' } ws_quiet($nobody)), 0, 'and sees on who is there, whatever is asked again');
is(ws_call($ann, 'app/fail', ['other'])->{ok}, JSON::PP::false, 'a call that fails');
is(present('other'), '', 'joins nothing');

# ---- ends ----

sub back
{
	my ($ws, $user) = @_;
	my $new = client($user);
	enter($new, 'room', { name => $user });
	follow($new, 'room');
	return $new;
}
quiet($ann);
for (1 .. 10)
{
	close $ben->{socket};
	$ben = back(undef, 'ben');
}
is(join(' ', map { $_->{event} } grep { ($_->{event} // '') =~ /^presence/ } ws_quiet($ann)), 'presence_diff',
	'a page that is loaded ten times leaves and comes to nobody (its name has changed, once)');
ok(poll_until(sub { present('room') =~ /ben:1/ }), 'the old connections are gone');

my $early = client('ben');
enter($early, 'room');
close $ben->{socket};
ok(poll_until(sub { present('room') =~ /ben:1/ }), 'a client is back before its old socket is found to be dead');
is(quiet($ann), 0, 'which nobody notices');
close $early->{socket};
is(told($ann, 'room'), '-ben', 'who does not come back leaves after a while');

# a herd that is cut off and comes back in time
configure($node, 'realtime.presence_grace' => '10min');
my @herd = map { my $ws = client("herd$_"); enter($ws, 'field'); $ws } 1 .. 40;
my $shepherd = client('shepherd');
ws_call($shepherd, 'app/watch', ['field']);
is(scalar split(/ /, follow($shepherd, 'field')), 40, 'a herd is there');
close $_->{socket} for @herd;
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.presence('field') WHERE connections = 0}) == 40 }), 'and is cut off');
@herd = map { my $ws = client("herd$_"); enter($ws, 'field'); $ws } 1 .. 40;
is(sql(q{SELECT count(*) FROM realtime.presence('field') WHERE connections = 1}), 40, 'and is back');
is(quiet($shepherd), 0, 'of which nobody is told');
ws_call($_, 'app/quit', ['field']), ws_close($_) for @herd;
ws_close($shepherd);

# a time that gets shorter does so for those, too, who have gone before, and holds up nobody who goes later
my @late = map { my $ws = client("late$_"); enter($ws, 'field'); $ws } 1, 2;
close $late[0]{socket};
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.presence('field') WHERE connections = 0}) >= 1 }), 'one has gone and is expected for long');
configure($node, 'realtime.presence_grace' => '4s');
close $late[1]{socket};
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.presence('field') WHERE key LIKE 'late%'}) == 0 }), 'until the time is a shorter one');

# a gateway that ends: those who come back in time have not been away, the others leave
my @crowd = map { my $ws = client("user$_"); enter($ws, 'hall'); $ws } 1 .. 24;
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('hall')}) == 24 }), 'a hall with many');
my $eye;
my $gateway = sql(qq{SELECT min(gateway) FROM realtime.connections WHERE gateway <> (SELECT gateway FROM realtime.connections WHERE connection_id = '$ann->{me}')});
do { $eye = client('eye') } until sql(qq{SELECT gateway FROM realtime.connections WHERE connection_id = '$eye->{me}'}) != $gateway;
ws_call($eye, 'app/watch', ['hall']);
follow($eye, 'hall');
my %there = map { $_ => 1 } split / /, sql(qq{SELECT string_agg(user_id, ' ') FROM realtime.connections WHERE gateway = $gateway AND user_id LIKE 'user%'});
my @gone = sort keys %there;
my @stay = splice @gone, 0, int(@gone / 2);
my $pid = sql("SELECT pid FROM realtime.stat_gateway WHERE number = $gateway");
kill TERM => $pid;
ok(poll_until(sub { sql("SELECT count(*) FROM realtime.connections WHERE gateway = $gateway") == 0 }), 'a gateway ends');
sub client_again { my ($user) = @_; my $ws; poll_until(sub { $ws = eval { client($user) } }); return $ws; }
push @crowd, map { my $ws = client_again($_); enter($ws, 'hall'); $ws } @stay;
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('hall')}) == 24 - @gone }), 'who was with it and does not come back leaves') if @gone;
my %left;
while (@gone && keys %left < @gone)
{
	my $diff = next_diff($eye, 'hall');
	$left{$_}++ for keys %{ $diff->{leaves} };
	fail("$_ joins") for keys %{ $diff->{joins} };
}
is(join(' ', sort keys %left), join(' ', sort @gone), 'and nobody else');
is(join(' ', sort keys %{ $eye->{seen}{hall} }), join(' ', split /\n/, sql(q{SELECT key FROM realtime.presence('hall') ORDER BY key COLLATE "C"})), 'what is seen is what there is');

# a crowd that goes together is told together
quiet($eye);
$eye->{diffs} = [];
ws_close($_) for grep { fileno $_->{socket} } @crowd;
while (keys %{ $eye->{seen}{hall} }) { next_diff($eye, 'hall'); }
cmp_ok(scalar @{ $eye->{diffs} }, '<', 12, scalar(@{ $eye->{diffs} }) . ' frames for all of them');
is(sql(q{SELECT count(*) FROM realtime.stat_presence WHERE topic = 'hall'}), 0, 'an empty topic is not kept');

# ---- heartbeat ----

configure($node, 'realtime.presence_heartbeat' => '100ms');
my $beat = ws_wait($ann, sub { ($_->{event} // '') eq 'heartbeat' });
is("$beat->{topic} @{[ sort @{ $beat->{data} } ]}", '__presence:room ' . sql(q{SELECT string_agg(key, ' ' ORDER BY key COLLATE "C") FROM realtime.presence('room')}), 'a heartbeat lists who is there');
configure($node, 'realtime.presence_heartbeat' => 0);

# ---- little room ----

# entries are no longer than what the ring takes
configure($node, 'realtime.presence_grace' => 0);
$node->append_conf('postgresql.conf', "realtime.ring_size = 256kB\nrealtime.presence_memory = 1MB\nrealtime.gateways = 1\n");
$node->restart;
wait_for_call($node, 'app/me', []);
my $watcher = client('watcher');
ws_call($watcher, 'app/watch', ['full']);
follow($watcher, 'full');
my @large = map { client("large$_") } 1 .. 40;
enter($_, 'full', { text => 'x' x 8000 }) for @large;
next_diff($watcher, 'full') while keys %{ $watcher->{seen}{full} } < 40;
is(sql(q{SELECT realtime.presence_count('full')}), 40, 'many with much to show');
ws_close($_) for @large;
next_diff($watcher, 'full') while keys %{ $watcher->{seen}{full} } > 0;
is(sql(q{SELECT realtime.presence_count('full')}), 0, 'come and go');

# no more room: those leave first who have gone and may come back
sub counts { my ($name) = @_; my ($n) = sql('SELECT realtime.metrics_text()') =~ /^realtime_presence_${name} (\d+)/m; return $n; }
configure($node, 'realtime.presence_grace' => '10min');
my @old = map { my $ws = client("old$_"); enter($ws, 'full', { text => 'x' x 8000 }); $ws } 1 .. 20;
next_diff($watcher, 'full') while keys %{ $watcher->{seen}{full} } < 20;
ws_close($_) for @old;
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.presence('full') WHERE connections = 0}) == 20 }), 'some have gone and may come back');
my @new;
while (sql(q{SELECT count(*) FROM realtime.presence('full') WHERE key LIKE 'old%'}) > 0 && @new < 200)
{
	push @new, client('new' . @new);
	enter($new[-1], 'full', { text => 'x' x 8000 });
}
is(sql(q{SELECT count(*) FROM realtime.presence('full') WHERE connections = 1}), scalar(@new), 'who comes when there is no room has theirs');
is(counts('evicted_total'), 20, 'which is counted');
next_diff($watcher, 'full') while grep { /^old/ } keys %{ $watcher->{seen}{full} };
pass('and told');
is(sql(q{SELECT hits FROM realtime.limits WHERE name = 'presence_memory'}), 0, 'nobody has been left out');
while (counts('refused_total') == 0 && @new < 400)
{
	push @new, client('new' . @new);
	enter($new[-1], 'full', { text => 'x' x 8000 });
}
ok(poll_until(sub { sql(q{SELECT hits FROM realtime.limits WHERE name = 'presence_memory'}) > 0 }), 'if nobody has gone, who comes is left out');
is(sql(q{SELECT count(*) FROM realtime.presence('full')}), @new - 1, 'which nobody else notices');
is(counts('total_online'), sql(q{SELECT sum(present) FROM realtime.stat_presence}), 'all are counted');
configure($node, 'realtime.presence_grace' => 0, 'realtime.presence_heartbeat' => '100ms');
ws_wait($watcher, sub { ($_->{event} // '') eq 'heartbeat' });	# from now on that is so
ws_close($_) for @new;
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.stat_presence}) == 0 }), 'all go');

my $greedy = client('greedy');
for my $n (1 .. 20)
{
	ws_call($greedy, 'app/enter', [ "greedy$n", { text => 'x' x 8000 } ]);
}
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.stat_presence WHERE topic LIKE 'greedy%'}) == 8 }), 'a connection has a sixteenth of the memory');
ok(poll_until(sub { count_in_log($node, qr/has no room for somebody who would be present/) > 0 }), 'and the log says so');
$ann = client('ann');

# ---- errors ----

is(ws_call($ann, 'app/enter', [ '__room' ])->{code}, 'INVALID_TOPIC', 'a topic of the server');
is(ws_call($ann, 'app/enter', [ 'x' x 241 ])->{code}, 'INVALID_TOPIC', 'a long topic');
is(ws_call($ann, 'app/enter', [ 'room', 'x' x 9000 ])->{ok}, JSON::PP::false, 'long data');
my ($rc, $out, $err) = $node->psql('postgres', q{\set VERBOSITY verbose
SELECT realtime.presence_join('room')});
like($err, qr/55000/, 'nobody joins from a session');
no_crash($node);

done_testing();
