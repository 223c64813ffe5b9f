# What functions have done with their connections - presence, cursors, groups - is done also if the gateway has
# been overrun before it could read of it, or standbys confirm late; members of groups who have missed something are told anew who is in.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.ring_size' => '256kB', 'realtime.max_backpressure' => '64kB', 'realtime.presence_grace' => 0, 'max_wal_senders' => 4, 'wal_level' => 'replica');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
-- as long as the test holds the lock nothing is committed
CREATE FUNCTION app.enter() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	PERFORM realtime.presence_join('room', '{"here": 1}'), realtime.cursor_join('board'), realtime.group_join('team');
END $$;
CREATE FUNCTION app.quit() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	PERFORM realtime.presence_leave(), realtime.cursor_leave(), realtime.group_leave('team');
END $$;
CREATE TABLE app.note (n int);
GRANT INSERT ON app.note TO realtime_anonymous;
CREATE FUNCTION app.note() RETURNS void LANGUAGE sql AS $$INSERT INTO app.note VALUES (1); SELECT realtime.presence_join('late')$$;
SELECT realtime.rpc('app/note', 'app.note()'), realtime.topic('pass', open => true), realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/enter', 'app.enter()'), realtime.rpc('app/quit', 'app.quit()'), realtime.group('team');
});
wait_for_call($node, 'app/me', []);
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway');
my $lock = $node->background_psql('postgres');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub client { my $ws = ws_connect($node); $ws->{me} = ws_call($ws, 'app/me', [])->{data}; return $ws; }

# Twice what the ring holds, of what concerns nobody
sub noise { sql(join ';', map { q{SELECT realtime.publish('noise', 'n', to_jsonb(repeat('x', 16000)))} } 1 .. 32); return; }

# Runs what is given while the gateway stands still, and has it overrun by that.
sub overrun
{
	my ($run) = @_;
	my $before = sql('SELECT ring_overruns FROM realtime.stat_gateway');

	kill STOP => $pid;
	$run->();
	noise();
	kill CONT => $pid;
	ok(poll_until(sub { sql('SELECT ring_overruns FROM realtime.stat_gateway') > $before }), '- the gateway is overrun');
	return;
}

# A call whose commit the gateway does not read
sub missed_call
{
	my ($ws, $path, $members, $then) = @_;

	$lock->query_safe('SELECT pg_advisory_lock(1)');
	ws_send($ws, { rpc => $path, id => 'm', args => [] });
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) == 1 }), '- a call is about to commit');
	overrun(sub {
		$lock->query_safe('SELECT pg_advisory_unlock(1)');
		ok(poll_until(sub { sql(q{SELECT realtime.group_count('team')}) == $members }), '- it commits');
		$then->() if $then;
	});
	return;
}

sub topic { my ($ws, $topic, $event) = @_; return ws_wait($ws, sub { ($_->{topic} // '') eq $topic && (!defined $event || $_->{event} eq $event) }); }

# Until somebody is told that somebody is present, or how many are in the group
sub sees
{
	my ($ws, $key) = @_;
	return ws_wait($ws, sub { ($_->{event} // '') eq 'presence_state' && $_->{data}{$key} || ($_->{event} // '') eq 'presence_diff' && $_->{data}{joins}{$key} });
}
sub members { my ($ws, $count) = @_; return ws_wait($ws, sub { ($_->{event} // '') eq 'members' && @{ $_->{data} } == $count }); }

my ($ann, $ben, $cid) = map { client() } 1 .. 3;
ws_call($ben, 'app/enter', []);
topic($ben, '__group:team', 'members');

# ---- joining ----

missed_call($ann, 'app/enter', 2);
is(join(' ', sort keys %{ topic($ann, '__presence:room', 'presence_state')->{data} }), join(' ', sort $ann->{me}, $ben->{me}), 'who joins by a call that is overrun is present, and told who is');
ok(members($ann, 2), 'is in the group, and told who is');
is(sql(q{SELECT realtime.presence_count('room')}), 2, 'others see him');
ok(members($ben, 2), 'a member who has missed that is told who is in');
ok(sees($ben, $ann->{me}), 'as who watches is told who is there');
ws_send($ann, { type => 'cursor', topic => 'board', data => { x => 1 } });
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.cursor_list('board')}) == 1 }), 'he may move a cursor');
sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 1}')});
is(topic($_, '__group:team', 'note')->{data}{n}, 1, 'what comes then comes to all') for $ann, $ben;

# ---- leaving ----

missed_call($ann, 'app/quit', 1);
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('room')}) == 1 }), 'who leaves by a call that is overrun is not there any more');
is(sql(q{SELECT count(*) FROM realtime.cursor_list('board')}), 0, 'nor is his cursor');
ok(members($ben, 1), 'members are told');
ws_call($ann, 'app/me', []);
ws_quiet($ann);
sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 2}')});
is(topic($ben, '__group:team', 'note')->{data}{n}, 2, 'an event comes to who is in it');
is(scalar(grep { ($_->{topic} // '') =~ /^__(group|presence|cursor)/ } ws_quiet($ann)), 0, 'and nothing to him');

# ---- one that has ended before it is known to be a member ----

missed_call($cid, 'app/enter', 2, sub { close $cid->{socket} });
ok(poll_until(sub { sql(q{SELECT realtime.group_count('team')}) == 1 }), 'who has ended meanwhile leaves the group');
is(sql(q{SELECT realtime.presence_count('room')}), 1, 'and is not present');

# ---- closing ----

ws_call($ann, 'app/enter', []);
topic($ann, '__group:team', 'members');
overrun(sub { sql(q{SELECT realtime.group_close('team', 'over')}) });
is(topic($_, '__group:team', 'close')->{data}{reason}, 'over', 'that a group is closed is told to who has missed it') for $ann, $ben;
sql(q{SELECT realtime.group('team')});
ws_call($_, 'app/enter', []) for $ann, $ben;
ok(members($ben, 2), 'and when it is open again they join it');

# ---- while executors are busy ----

my $dot = client();
ws_call($dot, 'app/enter', []);
sees($_, $dot->{me}) for $ann, $ben;
my @held = map { client() } 1 .. 3;
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_send($_, { rpc => 'app/enter', id => 'h', args => [] }) for @held;
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) >= 2 }), 'as many executors as may be are busy');
sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 3}')});
is(topic($_, '__group:team', 'note')->{data}{n}, 3, 'what is published is delivered') for $ann, $ben;
ws_send($ben, { type => 'cursor', topic => 'board', data => { x => 2 } });
is(topic($ann, '__cursor:board', 'update')->{data}{key}, $ben->{me}, 'cursors move');
close $dot->{socket};
ok(ws_wait($ann, sub { ($_->{event} // '') eq 'presence_diff' && $_->{data}{leaves}{ $dot->{me} } }), 'and who ends leaves');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
topic($_, '__group:team', 'members') for @held;
ok(poll_until(sub { sql(q{SELECT realtime.group_count('team')}) == 5 }), 'then calls, and ends of members, are done');
ws_close($_) for @held;
ok(poll_until(sub { sql(q{SELECT realtime.group_count('team')}) == 2 }), 'and of others');

# ---- who does not read ----

my $slow = ws_connect($node, receive_buffer => 4096);
ws_call($slow, 'app/enter', []);
topic($slow, '__group:team', 'members');
sql(join ';', map { qq{SELECT realtime.group_publish('team', 'note', jsonb_build_object('n', $_, 'x', repeat('x', 16000)))} } 1 .. 400);
my @got;
do { push @got, topic($slow, '__group:team') } until $got[-1]{event} eq 'members';
cmp_ok(scalar @got, '<', 400, 'a member who does not read misses events');
is(scalar @{ $got[-1]{data} }, 3, 'and is told then who is in');
is(scalar(grep { $_->{event} eq 'truncated' } @got), 0, 'not that he has missed something');
sql(q{SELECT realtime.group_publish('team', 'note', '{"n": 500}')});
my $note;
do { $note = topic($slow, '__group:team') } until $note->{event} ne 'note' || $note->{data}{n} == 500;
is($note->{event}, 'note', 'then it goes on');

# ---- standbys that confirm nothing for a while ----

my ($eve, $watch) = (client(), client());
ws_subscribe($watch, 'pass');
configure($node, 'synchronous_standby_names' => 'nobody');
poll_until(sub { sql('SHOW synchronous_standby_names') eq 'nobody' });
ws_send($eve, { rpc => 'app/note', id => 'n', args => [] });
ok(poll_until(sub { sql('SELECT count(*) FROM app.note') == 1 }), 'a call commits that no standby confirms');
sql(q{SET synchronous_commit = local; SELECT realtime.publish('pass', 'n')});
topic($watch, 'pass');
is(sql(q{SELECT realtime.presence_count('late')}), 0, 'what comes later is told, and nothing done that may be undone');
configure($node, 'synchronous_standby_names' => '');
ok(poll_until(sub { sql(q{SELECT realtime.presence_count('late')}) == 1 }), 'it is done once that is not waited for any more');
ok(exists topic($eve, '__presence:late', 'presence_state')->{data}{ $eve->{me} }, 'and told');

$lock->quit;
no_crash($node);

done_testing();
