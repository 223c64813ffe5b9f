# Many calls at once: who waits for whom, retries, and that nothing leaves
# before it is durable.
use strict;
use warnings;

use IO::Select;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife qw(unflushed_settings);
use RealtimeTest;

# The log is written by nobody but those who must: what has not been flushed
# would be lost.
my $node = new_node(
	'realtime.executors' => 1,
	'realtime.handler_timeout' => '100s',
	'deadlock_timeout' => '100ms',
	unflushed_settings());

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id bigint PRIMARY KEY);
CREATE TABLE app.counter (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO app.counter VALUES (1), (2);
CREATE SEQUENCE app.attempts;
CREATE SEQUENCE app.arrivals;
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO realtime_anonymous;

CREATE FUNCTION app.insert(id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.item VALUES (id);
	PERFORM realtime.publish('items', 'created', to_jsonb(id));
	RETURN id;
END $$;
CREATE FUNCTION app.position() RETURNS pg_lsn LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.item VALUES (-nextval('app.attempts'));
	RETURN pg_current_wal_insert_lsn();
END $$;
CREATE FUNCTION app.touch(which int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	result int;
BEGIN
	PERFORM realtime.publish('counters', 'updated', to_jsonb(which));
	UPDATE app.counter SET n = n + 1 WHERE id = which RETURNING n INTO result;
	RETURN result;
END $$;
CREATE FUNCTION app.fail() RETURNS void LANGUAGE sql AS $$ SELECT realtime.raise('FAILED') $$;
CREATE FUNCTION app.sleep(seconds float8) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(seconds); END $$;
CREATE FUNCTION app.isolation() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('transaction_isolation') $$;

-- Changes two counters, the first time only when somebody else waits for the first.
CREATE FUNCTION app.change_both() RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	attempt bigint := nextval('app.attempts');
BEGIN
	PERFORM app.touch(2);
	WHILE attempt = 1 AND NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	RETURN app.touch(1);
END $$;
-- Two of these, in opposite order, the first time in step.
CREATE FUNCTION app.cross(one int, other int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM app.touch(one);
	PERFORM nextval('app.arrivals');
	WHILE (SELECT last_value FROM app.arrivals) < 2 LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
	PERFORM app.touch(other);
END $$;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace;
SELECT realtime.topic('items', open => true), realtime.topic('counters', open => true);
});
wait_for_call($node, 'app/sleep', [0]);

my ($ws, $listener);
sub connect_clients
{
	wait_for_gateway($node);
	$ws = ws_connect($node);
	$listener = ws_connect($node);
	ws_subscribe($listener, $_) for qw(items counters);
	return;
}
connect_clients();

my $ids = 0;
sub frame
{
	my ($path, $arguments, $id) = @_;
	return ws_frame('text', qq({"rpc":"$path","id":"$id","args":$arguments}));
}
# Sends calls in one write; returns their ids.
sub send_calls
{
	my @ids;
	ws_raw($ws, join '', map { push @ids, 'c' . ++$ids; frame(@$_, $ids[-1]) } @_);
	return @ids;
}
sub reply
{
	my ($id, $seconds) = @_;
	return ws_wait($ws, sub { ($_->{event} // '') eq $id }, $seconds)->{data};
}
sub outcome { my ($reply) = @_; return $reply->{ok} ? 'ok' : $reply->{code}; }
sub event
{
	my ($topic, $data, $seconds) = @_;
	return ws_wait($listener, sub { ($_->{topic} // '') eq $topic && $_->{data} eq $data }, $seconds);
}
sub executor_where
{
	my ($condition) = @_;
	return poll_until(sub { $node->safe_psql('postgres',
		"SELECT true FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND $condition LIMIT 1") });
}
sub statistic { return $node->safe_psql('postgres', "SELECT sum($_[0]) FROM realtime.stat_executor"); }
sub set_and_wait
{
	my ($setting, $value) = @_;
	my $before = time;
	$node->safe_psql('postgres', "ALTER SYSTEM SET $setting = '$value'");
	$node->reload;
	return;
}

###########################################################################
# Who waits for whom

# Such calls are known to be short.
my @warm = send_calls((map { [ 'app/insert', "[$_]" ] } 1 .. 50), (map { [ 'app/touch', '[2]' ] } 1 .. 50));
is_deeply({ map { outcome(reply($_)) => 1 } @warm }, { ok => 1 }, 'calls one after the other');
event('items', 50);

my $locker = $node->background_psql('postgres', on_error_stop => 1);
my $next = 1000;
for my $round (1 .. 8)
{
	# such calls must seem to be short again
	reply($_) for send_calls(([ 'app/touch', '[2]' ]) x 60);
	$locker->query_safe('BEGIN; UPDATE app.counter SET n = n WHERE id = 1;');
	my @calls = send_calls((map { [ 'app/insert', '[' . ++$next . ']' ] } 1 .. 5 + $round), [ 'app/fail', '[]' ],
		[ 'app/insert', '[' . ++$next . ']' ], [ 'app/touch', '[1]' ]);
	my $stuck = pop @calls;
	my %outcomes;
	$outcomes{ outcome(eval { reply($_, soon()) } // { code => 'NONE' }) }++ for @calls;
	is_deeply(\%outcomes, { ok => 6 + $round, FAILED => 1 }, "round $round: calls before one that is stuck are answered");
	ok(eval { event('items', $next, soon()) }, 'and their events are delivered');
	ok(executor_where("query = 'app/touch' AND wait_event_type = 'Lock'"), 'while it is stuck');
	is($node->safe_psql('postgres', "SELECT count(*) FROM app.item WHERE id = $next"), 1, 'they are committed');
	$locker->query_safe('COMMIT');
	is(outcome(reply($stuck)), 'ok', 'it goes on when it can');
}
my @calls = send_calls((map { [ 'app/insert', '[' . ++$next . ']' ] } 1 .. 10), [ 'app/sleep', '[60]' ]);
my $slow = pop @calls;
is_deeply([ map { outcome(eval { reply($_, soon()) } // {}) } @calls ], [ ('ok') x 10 ], 'calls before a slow one are answered');
ok(executor_where("query = 'app/sleep' AND state = 'active'"), 'while it runs');
my @behind = send_calls([ 'app/insert', '[' . ++$next . ']' ]);
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'app/sleep'});
is(outcome(reply($slow)), 'CANCELLED', 'it is ended');
is(outcome(reply($behind[0])), 'ok', 'what is behind it comes then');
ws_quiet($listener);

###########################################################################
# Retries

# A serialization failure
set_and_wait('default_transaction_isolation', 'repeatable read');
ok(poll_until(sub { ws_call($ws, 'app/isolation', [])->{data} eq 'repeatable read' }), 'calls are REPEATABLE READ');
my $retries = statistic('retries');
my $n = $node->safe_psql('postgres', 'SELECT n FROM app.counter WHERE id = 1');
$locker->query_safe('BEGIN; UPDATE app.counter SET n = n + 10 WHERE id = 1;');
my ($id) = send_calls([ 'app/touch', '[1]' ]);
ok(executor_where("query = 'app/touch' AND wait_event_type = 'Lock'"), 'a call waits for a row');
$locker->query_safe('COMMIT');
is(reply($id)->{data}, $n + 11, 'which has changed then: the call is run again');
is(statistic('retries'), $retries + 1, 'once');
ok(event('counters', 1), 'it has published its event');
is_deeply([ ws_quiet($listener) ], [], 'once as well');
set_and_wait('default_transaction_isolation', 'read committed');
ok(poll_until(sub { ws_call($ws, 'app/isolation', [])->{data} eq 'read committed' }), 'calls are READ COMMITTED');

# A deadlock, which nobody but the executor notices
$locker->query_safe(q{SET deadlock_timeout = '10min'; SELECT setval('app.attempts', 1, false);});
$locker->query_safe('BEGIN; UPDATE app.counter SET n = n + 10 WHERE id = 1;');
$retries = statistic('retries');
($id) = send_calls([ 'app/change_both', '[]' ]);
ok(executor_where("query = 'app/change_both' AND wait_event = 'PgSleep'"), 'a call has changed one row');
$locker->query_safe('UPDATE app.counter SET n = n + 10 WHERE id = 2; COMMIT;');
is(reply($id)->{data}, $n + 22, 'a deadlock is tried again');
# and again if the call was quick enough to get in the way once more
cmp_ok(statistic('retries'), '>', $retries, 'as is counted');

###########################################################################
# Two calls at the same time: one executor more is kept for what is short.

$locker->quit;
$node->append_conf('postgresql.conf', "realtime.executors = 3\nrealtime.max_executors = 3\n");
$node->restart;
connect_clients();
@calls = send_calls([ 'app/cross', '[1, 2]' ], [ 'app/cross', '[2, 1]' ]);
is_deeply([ map { outcome(reply($_)) } @calls ], [ 'ok', 'ok' ], 'two calls that hinder each other succeed');
cmp_ok(statistic('retries'), '>=', 1, 'as one has been tried again');

# pipelined_commits = off: each call flushes by itself.
sub flushed_beyond { return $node->safe_psql('postgres', "SELECT pg_current_wal_flush_lsn() >= '$_[0]'") eq 't'; }
for my $pipelined (qw(on off))
{
	set_and_wait('realtime.pipelined_commits', $pipelined);
	ok(poll_until(sub {
		my $before = statistic('flushes');
		reply($_) for send_calls(([ 'app/position', '[]' ]) x 10);
		return (statistic('flushes') > $before) == ($pipelined eq 'on');
	}), "realtime.pipelined_commits = $pipelined");
	my @positions = map { reply($_)->{data} } send_calls(([ 'app/position', '[]' ]) x 100);
	is(scalar(grep { /^[0-9A-F]+\/[0-9A-F]+$/ } @positions), 100, 'answers 100 calls');
	my ($last) = sort { length $b <=> length $a || $b cmp $a } @positions;
	ok(flushed_beyond($last), 'all of them flushed');
	my $event = ++$next;
	send_calls([ 'app/insert', "[$event]" ]);
	ok(event('items', $event, soon()), 'and delivers events');
}

set_and_wait('realtime.pipelined_commits', 'on');

###########################################################################
# A crash

# A client that calls as fast as it may, notes what it is told, and shows
# after so many answers that it is at work.
sub client
{
	my ($file, $show, $first) = @_;
	my $ws = ws_connect($node);
	my (@told, $shown);
	my ($sent, $answered) = (0, 0);

	ws_subscribe($ws, 'items');
	while (1)
	{
		if ($sent - $answered < 200)
		{
			ws_raw($ws, join '', map { frame('app/insert', '[' . ($first + $_) . ']', $_) } $sent + 1 .. $sent + 100) or last;
			$sent += 100;
		}
		my $frame = eval { ws_recv($ws) } or last;
		next unless $frame->[0] eq 'text';
		if ($frame->[1] =~ /^\{"topic":"__rpc".*"ok":true,"data":(\d+)/)
		{
			push @told, "reply $1";
			$answered++;
		}
		elsif ($frame->[1] =~ /^\{"topic":"items","event":"created","data":(\d+)/)
		{
			push @told, "event $1";
		}
		elsif ($frame->[1] =~ /^\{"topic":"__rpc"/)
		{
			$answered++;
		}
		if (@told > 2000 && !$shown)
		{
			syswrite $show, 'x';
			$shown = 1;
		}
	}
	open my $out, '>', $file or die;
	print $out "$_\n" for @told;
	close $out;
	return;
}

$next = 1_000_000;
for my $round (1 .. 3)
{
	wait_for_gateway($node);
	wait_for_call($node, 'app/sleep', [0]);
	pipe my $shown, my $show or die "pipe: $!";
	my $file = $node->data_dir . "/../told";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		client($file, $show, $next);
		POSIX::_exit(0);
	}
	close $show;
	ok(IO::Select->new($shown)->can_read($RealtimeTest::patience) && sysread($shown, my $byte, 1), "round $round: a client is at work");
	$node->stop('immediate');
	waitpid $pid, 0;
	$node->start;

	my %told;
	/^(\w+) (\d+)$/ && push @{ $told{$1} }, $2 for split /\n/, slurp_file($file);
	my %there = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "SELECT id FROM app.item WHERE id > $next");
	note(join ', ', map { "$_: " . @{ $told{$_} } } sort keys %told);
	for my $what (qw(reply event))
	{
		cmp_ok(scalar @{ $told{$what} // [] }, '>', 100, "$what: many");
		is(scalar(grep { !$there{$_} } @{ $told{$what} // [] }), 0, "$what: none tells of what the crash has undone");
	}
	$next += 1_000_000;
}

wait_for_gateway($node);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
