# What a client has been told is true after a crash: also of what others have
# committed, and of what was published without writing.
use strict;
use warnings;

use IO::Select;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;

# Nobody flushes but those who must.
my $node = new_node(
	'realtime.executors' => 2,
	unflushed_settings());

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id bigint PRIMARY KEY);
GRANT ALL ON app.item TO realtime_anonymous;
CREATE FUNCTION app.insert(id bigint) RETURNS bigint LANGUAGE sql AS $$ INSERT INTO app.item VALUES (id) RETURNING id $$;
CREATE FUNCTION app.insert_off(id bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT set_config('synchronous_commit', 'off', true);
	INSERT INTO app.item VALUES (id) RETURNING id $$;
CREATE FUNCTION app.newest() RETURNS bigint LANGUAGE sql AS $$ SELECT max(id) FROM app.item $$;
CREATE FUNCTION app.tell() RETURNS void LANGUAGE sql AS $$ SELECT realtime.publish('news', 'newest', to_jsonb(max(id))) FROM app.item $$;
CREATE FUNCTION app.open() RETURNS boolean LANGUAGE sql AS $$ SELECT max(id) % 2 = 0 FROM app.item $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO realtime_anonymous;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace;
SELECT realtime.topic('news', open => true);
SELECT realtime.topic('doubtful', access => 'app.open()');
});
wait_for_call($node, 'app/newest');

my $newest = 0;
my ($ws, $listener);
sub connect_clients
{
	wait_for_gateway($node);
	wait_for_call($node, 'app/newest');
	$ws = ws_connect($node);
	$listener = ws_connect($node);
	ws_subscribe($listener, 'news');
	return;
}

# A session that does not wait for its commit.
sub commit_unflushed
{
	$newest += 2;
	$node->safe_psql('postgres', "SET synchronous_commit = off; INSERT INTO app.item VALUES ($newest); " . ($_[0] // ''));
	return;
}

# The server crashes; what was told must be there.
sub is_there_after_crash
{
	my ($what) = @_;

	$node->stop('immediate');
	$node->start;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', 'SELECT max(id) FROM app.item'), $newest, $what);
	connect_clients();
	return;
}

connect_clients();

commit_unflushed();
is(ws_call($ws, 'app/newest', [])->{data}, $newest, 'a call reads what a session has not flushed');
is_there_after_crash('and it is there after a crash');

commit_unflushed();
is(ws_call($ws, 'app/insert', [$newest])->{code}, 'CONFLICT', 'a call fails because of it');
is_there_after_crash('and it is there after a crash');

commit_unflushed();
is(ws_subscribe($ws, 'doubtful')->{type}, 'subscribed', 'a verdict rests on it');
is_there_after_crash('and it is there after a crash');

commit_unflushed();
is(ws_call($ws, 'app/tell', [])->{ok}, JSON::PP::true, 'a call tells others of it and writes nothing');
is(ws_wait($listener, sub { ($_->{event} // '') eq 'newest' })->{data}, $newest, 'they learn of it');
is_there_after_crash('and it is there after a crash');

commit_unflushed();
$node->safe_psql('postgres', 'SELECT app.tell()');
is(ws_wait($listener, sub { ($_->{event} // '') eq 'newest' })->{data}, $newest, 'a session tells of it and writes nothing');
is_there_after_crash('and it is there after a crash');

commit_unflushed('SELECT app.tell()');
is(ws_wait($listener, sub { ($_->{event} // '') eq 'newest' })->{data}, $newest, 'the session tells of it itself');
is_there_after_crash('and it is there after a crash');

commit_unflushed(q{SELECT realtime.debounce('news', 'newest', to_jsonb(max(id)), '10 ms') FROM app.item});
is(ws_wait($listener, sub { ($_->{event} // '') eq 'newest' })->{data}, $newest, 'a debounced event tells of it');
is_there_after_crash('and it is there after a crash');

$newest += 2;
is(ws_call($ws, 'app/insert_off', [$newest])->{data}, $newest, 'a call that does not wait for its commit');
is(ws_call($ws, 'app/newest', [])->{data}, $newest, 'is seen by another');
is_there_after_crash('and it is there after a crash');

# With nothing unflushed nothing is flushed.
{
	my $before = $node->safe_psql('postgres', 'SELECT sum(flushes) FROM realtime.stat_executor');

	is(ws_call($ws, 'app/newest', [])->{data}, $newest, 'a call reads again') for 1 .. 10;
	is($node->safe_psql('postgres', 'SELECT sum(flushes) FROM realtime.stat_executor'), $before,
		'what is flushed is not flushed again');
}

###########################################################################
# Two connections, calls of both in flight, a flush that takes long

$node->append_conf('postgresql.conf', "commit_delay = 100000\ncommit_siblings = 0");
$node->reload;
for my $round (1 .. 5)
{
	my $reader = ws_connect($node);
	my ($sent, $answered, $told) = (0, 0, $newest);
	my $first = $newest;
	my $reads = 0;
	my $select = IO::Select->new($ws->{socket}, $reader->{socket});

	# until a client has been told of a row whose writer has not
	while ($answered < 20 && $told <= $first + $answered)
	{
		ws_send($ws, { rpc => 'app/insert', id => 'w', args => [ $first + ++$sent ] }) if $sent == $answered;
		for (; $reads < 7; $reads++)
		{
			ws_send($reader, { rpc => 'app/newest', id => 'r', args => [] });
		}
		$select->can_read(1) if $ws->{buffer} eq '' && $reader->{buffer} eq '';
		for my $client ($ws, $reader)
		{
			next unless $client->{buffer} ne '' || IO::Select->new($client->{socket})->can_read(0);
			my $reply = ws_recv_json($client);
			next unless ($reply->{topic} // '') eq '__rpc';
			$answered++ if $reply->{event} eq 'w';
			next unless $reply->{event} eq 'r';
			$reads--;
			$told = $reply->{data}{data} if $reply->{data}{data} > $told;
		}
	}
	# at once: pg_ctl takes as long as the flush
	kill 'QUIT', $node->{_pid};
	cmp_ok($told, '>', $first, "round $round: a client reads what another one writes");
	$node->stop('immediate', fail_ok => 1);
	$node->start;
	$newest = $node->safe_psql('postgres', 'SELECT max(id) FROM app.item');
	cmp_ok($newest, '>=', $told, 'all it was told of is there after a crash');
	connect_clients();
}

###########################################################################
# The launcher flushes, and ends, while somebody holds the catalogs

{
	my $vacuum = $node->background_psql('postgres', on_error_stop => 1);
	my $session = $node->background_psql('postgres', on_error_stop => 1);
	my ($launcher) = worker_pids($node, 'launcher');
	my ($executor) = worker_pids($node, 'executor');

	$session->query_safe('SET synchronous_commit = off');
	$vacuum->query_safe('BEGIN; LOCK TABLE pg_database, pg_authid IN ACCESS EXCLUSIVE MODE');
	for (1 .. 3)
	{
		$newest += 2;
		$session->query_safe("INSERT INTO app.item VALUES ($newest); SELECT app.tell()");
		is(eval { ws_wait($listener, sub { ($_->{event} // '') eq 'newest' }, soon())->{data} }, $newest,
			'the launcher flushes what an event waits for while the catalogs are locked');
	}
	kill 'TERM', $executor;
	ok(poll_until(sub { !kill 0, $executor }, soon()), 'an executor ends, which wakes the launcher');
	kill 'TERM', $launcher;
	ok(poll_until(sub { !kill 0, $launcher }, soon()), 'and ends when it is told to');
	$vacuum->query_safe('COMMIT');
	ok(replaced($node, 'launcher', [$launcher], 1), 'it is replaced');
	$_->quit for $vacuum, $session;
}

$node->stop('fast');
no_crash($node);

done_testing();
