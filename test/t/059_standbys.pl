# Synchronous standbys: who waits for them, and who need not.
use strict;
use warnings;

use IO::Select;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $depth = 32;    # of the queue; half of it may wait for standbys
my $node = new_node(
	'realtime.executors' => 2,
	'realtime.queue_depth' => $depth,
	'wal_level' => 'replica',
	'max_wal_senders' => 4);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id bigint PRIMARY KEY);
CREATE TABLE app.other (id bigint PRIMARY KEY);
INSERT INTO app.other VALUES (1);
CREATE TABLE app.many (id bigint) PARTITION BY RANGE (id);
CREATE TABLE app.many_1 PARTITION OF app.many DEFAULT;
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS $$ SELECT what $$;
CREATE FUNCTION app.insert(id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.item VALUES (id);
	PERFORM realtime.publish('items', 'created', to_jsonb(id));
	RETURN id;
END $$;
CREATE FUNCTION app.insert_local(id bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT set_config('synchronous_commit', 'local', true);
	INSERT INTO app.other VALUES (id) RETURNING id $$;
CREATE FUNCTION app.insert_many(id bigint) RETURNS bigint LANGUAGE sql AS $$ INSERT INTO app.many VALUES (id) RETURNING id $$;
CREATE FUNCTION app.count() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM app.item $$;
CREATE FUNCTION app.count_other() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM app.other); END $$;
CREATE FUNCTION app.count_part() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM app.many_1 $$;
CREATE FUNCTION app.tell() RETURNS void LANGUAGE sql AS $$ SELECT realtime.publish('counts', 'count', to_jsonb(count(*))) FROM app.item $$;
CREATE FUNCTION app.say(what text) RETURNS void LANGUAGE sql AS $$ SELECT realtime.publish('news', what) $$;
CREATE FUNCTION app.log(what text) RETURNS void LANGUAGE sql AS $$ SELECT realtime.publish('log', what) $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO realtime_anonymous;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace;
SELECT realtime.topic(t, open => true) FROM unnest('{items,news,counts}'::text[]) t;
SELECT realtime.topic('log', class => 'replay', open => true);
});
wait_for_call($node, 'app/echo', ['x']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub set { return configure($node, @_); }

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");

sub standby_start
{
	$standby->start;
	ok(poll_until(sub { sql('SELECT sync_state FROM pg_stat_replication') eq 'sync' }), 'the standby is there');
	return;
}
sub standby_stop
{
	$standby->stop;
	ok(poll_until(sub { sql('SELECT count(*) FROM pg_stat_replication') == 0 }), 'the standby has gone');
	return;
}

my ($writer, $reader, $listener);
sub connect_clients
{
	wait_for_gateway($node);
	($writer, $reader, $listener) = map { ws_connect($node) } 1 .. 3;
	ws_subscribe($listener, $_) for qw(items news counts log);
	return;
}

# What has come for a call by now, and whether something else has.
sub has_reply
{
	my ($ws, $id) = @_;
	my @queue = ws_quiet($ws);    # what has come until now
	push @{ $ws->{queue} }, @queue;
	return scalar grep { ($_->{event} // '') eq $id } @queue;
}
sub ok_reply { my ($ws, $id) = @_; my $reply = call_end($ws, $id); return $reply->{ok} ? 'ok' : $reply->{code}; }
sub event_of { my ($topic) = @_; return ws_wait($listener, sub { ($_->{topic} // '') eq $topic }); }

my $next = 0;
sub insert { my ($ws) = @_; return call_begin($ws, 'app/insert', [ ++$next ]); }
# The last calls are committed here, all of them, and confirmed by nobody.
sub committed
{
	my ($what, $count) = @_;
	my $before = $next - ($count // 1);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { sql("SELECT count(*) = $next - $before FROM app.item WHERE id > $before") eq 't' }), $what);
	return;
}

# A call that has logged something is committed; what is called next comes after it
sub logged
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { sql("SELECT count(*) FROM realtime.replay_message WHERE event = '$what'") == 1 }), "$what is committed");
	return;
}

connect_clients();
set(synchronous_standby_names => '*');
standby_start();
for my $pair ([ 'remote_write', 'on' ], [ 'remote_apply', 'off' ], [ 'on', 'off' ], [ 'on', 'on' ])
{
	my ($level, $pipelined) = @$pair;
	set(synchronous_commit => $level, 'realtime.pipelined_commits' => $pipelined);
	ok(poll_until(sub { sql(q{SELECT current_setting('synchronous_commit') || current_setting('realtime.pipelined_commits')}) eq $level . $pipelined }),
		"synchronous_commit = $level, realtime.pipelined_commits = $pipelined");
	my @ids = map { insert($writer) } 1 .. 10;
	is_deeply([ map { ok_reply($writer, $_) } @ids ], [ ('ok') x 10 ], 'calls are answered while the standby runs');
	is(ws_call($reader, 'app/count', [])->{data}, $next, 'what they have done is read');
	ok(ws_wait($listener, sub { ($_->{topic} // '') eq 'items' && $_->{data} == $next }), 'and told');
}

# A call that is stuck keeps nobody from being told
{
	my $locker = $node->background_psql('postgres', on_error_stop => 1);
	$locker->query_safe('BEGIN; LOCK TABLE app.other');
	ws_call($writer, 'app/echo', ['x']) for 1 .. 20;
	my @ids = map { insert($writer) } 1 .. 5;
	my @stuck = map { call_begin($writer, 'app/count_other', []) } 1 .. 2;
	is_deeply([ map { ok_reply($writer, $_) } @ids ], [ ('ok') x 5 ], 'calls before one that is stuck are answered');
	$locker->query_safe('COMMIT');
	is(ok_reply($writer, $_), 'ok', 'it goes on when it can') for @stuck;
	$locker->quit;
}

###########################################################################
# The standby has gone

ws_quiet($listener);
standby_stop();
my @waiting = map { insert($writer) } 1 .. 4;
committed('calls are committed without a standby', scalar @waiting);
is(scalar(grep { has_reply($writer, $_) } @waiting), 0, 'and not answered');
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 0 }),
	'no executor waits');

is(ws_call($reader, 'app/echo', ['x'])->{data}, 'x', 'a call that touches no table is answered');
is(ws_call($reader, 'app/count_other', [])->{data}, 1, 'a call that reads another table as well');
is(ws_call($reader, 'app/insert_local', [ 100 + $next ])->{ok}, JSON::PP::true, 'and one that asks for no standby');
my $counted = $next;
my $count = call_begin($reader, 'app/count', []);
my $tell = call_begin($reader, 'app/tell', []);
my $twice = call_begin($reader, 'app/insert', [$next]);
ok(!has_reply($reader, $_), 'a call that has seen what nobody has confirmed is not') for $count, $tell, $twice;

# Events: for a while those of other topics wait as well, as order is kept
ws_call($reader, 'app/say', ['hello']);
is(event_of('news')->{event}, 'hello', 'events of other topics are told');
is(event_of($_)->{event}, 'truncated', "and on topics whose events wait, that some are missing: $_") for qw(items counts);
is_deeply([ grep { $_->{event} !~ /^(truncated|ping)$/ } ws_quiet($listener) ], [], 'nothing else');

# Rows that went to a partition
my $many = call_begin($writer, 'app/insert_many', [1]);
ok(poll_until(sub { sql('SELECT count(*) FROM app.many') == 1 }), 'a row goes to a partitioned table');
my $part = call_begin($reader, 'app/count_part', []);
ok(!has_reply($reader, $part), 'a call that reads the partition has seen it');
push @waiting, $many;

# As many as may wait
my $crowd = ws_connect($node);
my @crowd = map { insert($crowd) } 1 .. $depth;
my @refused;
ok(poll_until(sub {
	@refused = grep { has_reply($crowd, $_) } @crowd;
	return @refused && sql('SELECT count(*) FROM app.item') == $next - @refused;
}), 'too many are refused, and what was refused is not committed');
is_deeply({ map { call_end($crowd, $_)->{code} // 'ok' => 1 } @refused }, { OVERLOADED => 1 }, 'with OVERLOADED');
cmp_ok(scalar @refused, '<', $depth, 'but not all');
is(ws_call($reader, 'app/echo', ['y'])->{data}, 'y', 'a call that need not wait is answered');
is(ws_call($reader, 'app/count', [])->{code}, 'OVERLOADED', 'one that would have to is refused, too');
is(ws_call($reader, 'app/insert', [1])->{code}, 'OVERLOADED', 'and one that has failed, as that would tell something');

# Who leaves makes room
ws_close($crowd);
$next = 1000;
ok(poll_until(sub {
	my $id = insert($writer);
	poll_until(sub { has_reply($writer, $id) || sql("SELECT count(*) FROM app.item WHERE id = $next") });
	return push @waiting, $id unless has_reply($writer, $id);
	call_end($writer, $id);
	return 0;
}), 'clients that leave make room');

standby_start();
is_deeply([ map { ok_reply($writer, $_) } @waiting ], [ ('ok') x @waiting ], 'all are answered when the standby is back');
is(call_end($reader, $count)->{data}, $counted, 'and who has seen them');
is(ok_reply($reader, $tell), 'ok', 'and who has told of them');
is(call_end($reader, $twice)->{code}, 'CONFLICT', 'and who has failed');
is(call_end($reader, $part)->{data}, 1, 'and who has read the partition');
ws_quiet($listener);
is(ok_reply($writer, insert($writer)), 'ok', 'calls are answered');
is(event_of('items')->{data}, $next, 'and events are told again');

# Events with numbers come late, and none is missing
{
	is(ws_call($writer, 'app/log', ['one'])->{ok}, JSON::PP::true, 'an event with a number');
	is(event_of('log')->{event}, 'one', 'is told');
	standby_stop();
	my @ids;
	for my $what (qw(two three))
	{
		push @ids, call_begin($writer, 'app/log', [$what]);
		logged($what);
	}
	ws_call($reader, 'app/say', ['still here']);
	is(event_of('news')->{event}, 'still here', 'another topic goes on');
	ok(!has_reply($writer, $_), 'events with numbers wait') for @ids;
	standby_start();
	is(event_of('log')->{event}, $_, "and are told: $_") for qw(two three);
	is(ok_reply($writer, $_), 'ok', 'as are the answers') for @ids;
}

###########################################################################
# Nobody is asked any more; the server stops

standby_stop();
my $id = insert($writer);
committed('a call is committed without a standby');
ok(!has_reply($writer, $id), 'and not answered');
set(synchronous_standby_names => '');
is(ok_reply($writer, $id), 'ok', 'until no standby is asked for');

set(synchronous_standby_names => '*');
ok(poll_until(sub { sql('SHOW synchronous_standby_names') eq '*' }), 'standbys are asked for again');
$id = insert($writer);
committed('a call is committed without a standby');
ok(!has_reply($writer, $id), 'and not answered');
my ($victim) = worker_pids($node, 'executor');
sql("SELECT pg_terminate_backend($victim)");
ok(replaced($node, 'executor', [$victim], 2), 'its executor ends');
ok(!has_reply($writer, $id), 'it is still not answered');
my ($gateway) = worker_pids($node, 'gateway');
kill 'TERM', $gateway;
is(ws_close_code($writer), 1001, 'a gateway that ends says nothing of it');
ok(replaced($node, 'gateway', [$gateway], 1), 'and is replaced');
connect_clients();
ok(poll_until(sub { ws_call($writer, 'app/echo', ['z'])->{ok} }), 'calls go on');
$id = insert($writer);
committed('a call waits');
$node->stop('fast');
is(ws_close_code($writer), 1001, 'a server that stops does not wait for standbys');
no_crash($node);

done_testing();
