# Sessions that publish on one topic, one waiting for the other: they let go of
# it before their commit is flushed, and are told of it afterwards as ever.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

# Nobody flushes but those who must.
my $node = new_node(
	'realtime.executors' => 2,
	'wal_level' => 'replica',
	'max_wal_senders' => 4,
	unflushed_settings());

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id text PRIMARY KEY);
CREATE TABLE app.counter (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO app.counter SELECT i, 0 FROM generate_series(1, 4) i;
GRANT SELECT ON app.item TO realtime_anonymous;
CREATE FUNCTION app.count() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM app.item $$;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS $$ SELECT what $$;
CREATE FUNCTION app.write(id text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.item VALUES (id);
	SELECT realtime.publish('hot', 'created', to_jsonb(id)) $$;
CREATE FUNCTION app.step(which int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	what text;
BEGIN
	UPDATE app.counter SET n = n + 1 WHERE id = which RETURNING id || '.' || n INTO what;
	INSERT INTO app.item VALUES (what);
	PERFORM realtime.publish('steps', 'step', to_jsonb(what));
	RETURN what;
END $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO realtime_anonymous;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND proname IN ('count', 'echo');
SELECT realtime.topic('hot', class => 'replay', open => true);
SELECT realtime.topic('steps', open => true);
});
wait_for_call($node, 'app/echo', ['x']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub set { return configure($node, @_); }

my ($reader, $listener);
sub connect_clients
{
	wait_for_call($node, 'app/echo', ['x']);
	($reader, $listener) = map { ws_connect($node) } 1 .. 2;
	ws_subscribe($listener, $_) for qw(hot steps);
	return;
}

###########################################################################
# With a standby that has gone, whoever waits does so for as long as we like

$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");

# A session, and what it has to do without our waiting for it
sub session
{
	my ($settings) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query($settings) if defined $settings;
	$session->{pid} = $session->query('SELECT pg_backend_pid()');
	return $session;
}
sub begin
{
	my ($session, $statement) = @_;
	$session->query_until(qr/begun/, "\\echo begun\n$statement;\n");
	return;
}
sub waits
{
	my ($event, $what, @sessions) = @_;
	my $pids = join ',', map { $_->{pid} } @sessions;
	my $count = @sessions;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids) AND wait_event = '$event'") == $count }), $what)
	  or diag(sql("SELECT pid, state, wait_event, query FROM pg_stat_activity WHERE pid IN ($pids)"));
	return;
}
sub has_item { return sql("SELECT count(*) FROM app.item WHERE id = '$_[0]'"); }
# The last line of what a session says; what it was doing ends before
sub answer { my ($session, $sql) = @_; return $session->query($sql) =~ s/.*\n//sr; }
sub level_of { return answer($_[0], 'SHOW synchronous_commit'); }

# Somebody has the topic and waits for the standby, nobody else being there
my $holder = session();
my $held = 0;
sub hold_topic
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	begin($holder, "SELECT app.write('held " . ++$held . "')");
	waits('SyncRep', 'a session has the topic and waits for the standby', $holder);
	return;
}
# What it has committed is there, though no standby has confirmed it
sub let_go
{
	sql("SELECT pg_cancel_backend($holder->{pid})");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(answer($holder, 'SELECT 1'), 1, 'its wait is cancelled');
	return;
}
sub standby_start
{
	$standby->start;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { sql('SELECT sync_state FROM pg_stat_replication') eq 'sync' }), 'the standby is there');
	return;
}
sub standby_stop
{
	$standby->stop;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { sql('SELECT count(*) FROM pg_stat_replication') == 0 }), 'the standby has gone');
	return;
}

connect_clients();
set(synchronous_standby_names => '*');
ok(poll_until(sub { sql('SHOW synchronous_standby_names') eq '*' }), 'a standby is asked for');
# at once: the setting above asks for standbys only when the checkpointer has seen it
standby_start();
sql(q{SELECT app.write('first')});
is(ws_wait($listener, sub { ($_->{topic} // '') eq 'hot' })->{data}, 'first', 'an event');
standby_stop();

my @levels = ('on', 'remote_write', 'remote_apply');
my @writers = map { session("SET synchronous_commit = $_") } @levels;
hold_topic();
begin($writers[$_], "SELECT app.write('writer $_')") for 0 .. 2;
waits('advisory', 'others wait for the topic', @writers);
is(has_item("writer $_"), 0, 'and have not committed') for 0 .. 2;
let_go();
waits('SyncRep', 'all others go on at once, and wait for the standby', @writers);
is(has_item("writer $_"), 1, 'what they have committed is seen') for 0 .. 2;
{
	my $local = session('SET synchronous_commit = local');
	is(answer($local, q{SELECT app.write('local'); SELECT 'told'}), 'told', 'one more that asks for no standby is done');
	is(level_of($local), 'local', 'its synchronous_commit is what it was');
	$local->quit;
}
is(ws_call($reader, 'app/echo', ['x'])->{data}, 'x', 'a call that has seen no table is answered');
my $count = call_begin($reader, 'app/count', []);
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 0 }),
	'a call that reads what they have committed has run');
is_deeply([ grep { ($_->{event} // '') eq $count } ws_quiet($reader) ], [], 'and is not answered');
my @told = map { "$_->{seq} $_->{data}" } grep { ($_->{topic} // '') eq 'hot' } ws_quiet($listener);
is_deeply([ grep { /writer/ } @told ], [], 'nor are clients told of it');
standby_start();
is(answer($writers[$_], 'SELECT 1'), 1, 'they are told when the standby is back') for 0 .. 2;
is(level_of($writers[$_]), $levels[$_], "synchronous_commit is $levels[$_] as before") for 0 .. 2;
is(call_end($reader, $count)->{data}, 6, 'and the call is answered');
{
	my @stored = split /\n/, sql(q{SELECT seq || ' ' || (data::jsonb #>> '{}') FROM realtime.replay_message WHERE topic = 'hot' ORDER BY seq});

	shift @stored;    # told before
	while (@told < @stored)
	{
		my $event = ws_wait($listener, sub { ($_->{topic} // '') eq 'hot' });
		push @told, "$event->{seq} $event->{data}";
	}
	is_deeply(\@told, \@stored, 'events come, in the order of commits');
}

# Its synchronous_commit is in force again: alone it waits for the standby
standby_stop();
begin($writers[0], q{SELECT app.write('alone')});
waits('SyncRep', 'a session alone waits for the standby', $writers[0]);
is(has_item('alone'), 0, 'before others can see what it has done');
sql("SELECT pg_cancel_backend($writers[0]{pid})");
is(answer($writers[0], 'SELECT 1'), 1, 'until it is cancelled');

# One is cancelled, one terminated while it waits
{
	my $log = log_position($node);
	hold_topic();
	begin($writers[0], q{SELECT app.write('cancelled')});
	begin($writers[1], q{SELECT app.write('terminated')});
	waits('advisory', 'others wait for the topic', @writers[0, 1]);
	let_go();
	waits('SyncRep', 'they have let go of it', @writers[0, 1]);
	sql("SELECT pg_cancel_backend($writers[0]{pid})");
	is(answer($writers[0], q{SELECT 'alive'}), 'alive', 'one is cancelled');
	is(level_of($writers[0]), 'on', 'its synchronous_commit is what it was');
	sql("SELECT pg_terminate_backend($writers[1]{pid})");
	ok(poll_until(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $writers[1]{pid}") == 0 }), 'one is terminated');
	cmp_ok(count_in_log($node, qr/WARNING:  canceling (the )?wait for synchronous replication/, $log), '>=', 3, 'with the usual WARNINGs');
	is(has_item($_), 1, "committed is what was $_") for qw(cancelled terminated);
	eval { $writers[1]->quit };
}

# A commit that fails after all, after it was to be early
{
	my $loser = session('SET default_transaction_isolation = serializable');
	$loser->query(q{BEGIN; SELECT count(*) FROM app.counter WHERE id = 1});
	my $winner = session('SET default_transaction_isolation = serializable; SET synchronous_commit = local');
	$winner->query(q{BEGIN; SELECT count(*) FROM app.counter WHERE id = 2; UPDATE app.counter SET n = n WHERE id = 1});
	$loser->query(q{UPDATE app.counter SET n = n WHERE id = 2; SELECT app.write('failed')});
	$winner->query('COMMIT');
	hold_topic();
	my $log = log_position($node);
	begin($loser, 'COMMIT');
	waits('advisory', 'another waits for the topic', $loser);
	let_go();
	is(level_of($loser), 'on', 'its synchronous_commit is what it was');
	is(count_in_log($node, qr/could not serialize access/, $log), 1, 'though its commit has failed');
	is(has_item('failed'), 0, 'and is not seen');
	begin($loser, q{SELECT app.write('later')});
	waits('SyncRep', 'its next commit waits for the standby', $loser);
	is(has_item('later'), 0, 'unseen');
	sql("SELECT pg_cancel_backend($loser->{pid})");
	is(answer($loser, 'SELECT 1'), 1, 'until it is cancelled');
	$_->quit for $loser, $winner;
}

# Without it they go on one by one
set('realtime.early_release' => 'off');
ok(poll_until(sub { answer($writers[0], 'SHOW realtime.early_release') eq 'off' }), 'realtime.early_release = off');
ok(poll_until(sub { answer($writers[2], 'SHOW realtime.early_release') eq 'off' }), 'everywhere');
hold_topic();
begin($writers[0], q{SELECT app.write('slow 0')});
waits('advisory', 'one waits for the topic', $writers[0]);
begin($writers[2], q{SELECT app.write('slow 2')});
waits('advisory', 'and another', $writers[2]);
let_go();
waits('SyncRep', 'the first goes on', $writers[0]);
waits('advisory', 'the second does not', $writers[2]);
is(has_item("slow $_"), 0, 'and nothing is seen of them') for 0, 2;
sql("SELECT pg_cancel_backend($_->{pid})") for @writers[0, 2];
is(answer($_, 'SELECT 1'), 1, 'until they are cancelled') for @writers[0, 2];
$_->quit for $holder, @writers[0, 2];

###########################################################################
# Many at a time, and crashes

set('realtime.early_release' => 'on', synchronous_standby_names => '', commit_delay => 20000, commit_siblings => 0);
$node->restart;
connect_clients();

# Sessions that take steps, one commit each, and say which they were told of
sub walkers
{
	my ($steps) = @_;
	my @walkers;

	for my $counter (1 .. 4)
	{
		my $dir = PostgreSQL::Test::Utils::tempdir();
		my %walker = map { $_ => "$dir/$_" } qw(script out err);

		append_to_file($walker{script}, "SELECT 'told ' || app.step($counter);\n" x $steps);
		append_to_file($walker{script}, "DO \$\$ BEGIN FOR i IN 1 .. 5 LOOP PERFORM app.step($counter); COMMIT; END LOOP; END \$\$;\n");
		$walker{run} = IPC::Run::start(
			[ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $walker{script} ],
			'<', '/dev/null', '>', $walker{out}, '2>', $walker{err});
		push @walkers, \%walker;
	}
	return @walkers;
}
sub told_of { return slurp_file($_[0]{out}) =~ /^told (\S+)$/mg; }
# Each counter's steps, as they come
sub steps_of
{
	my (@steps) = @_;
	my %steps;

	/^(\d+)\.(\d+)$/ and push @{ $steps{$1} }, $2 for @steps;
	return \%steps;
}

{
	my @walkers = walkers(30);
	my @told = map { ws_wait($listener, sub { ($_->{topic} // '') eq 'steps' })->{data} } 1 .. 4 * 35;

	$_->{run}->finish for @walkers;
	is(slurp_file($_->{err}), '', 'a session that shares the topic with others ends well') for @walkers;
	is_deeply(steps_of(@told), { map { $_ => [ 1 .. 35 ] } 1 .. 4 }, 'events come in the order of commits');
}

for my $round (1 .. 3)
{
	my @walkers = walkers(1000);
	my @told;

	# until some have been told, then at once: pg_ctl takes as long as a flush
	push @told, ws_wait($listener, sub { ($_->{topic} // '') eq 'steps' })->{data} for 1 .. 10 + 7 * $round;
	ok(poll_until(sub { grep { told_of($_) } @walkers }), "round $round: sessions are told of commits");
	kill 'QUIT', $node->{_pid};
	$_->{run}->finish for @walkers;
	push @told, map { $_->{data} } grep { ($_->{topic} // '') eq 'steps' } eval { ws_quiet($listener) };
	my @answered = map { told_of($_) } @walkers;
	$node->stop('immediate', fail_ok => 1);
	$node->start;
	my %there = map { $_ => 1 } split /\n/, sql('SELECT id FROM app.item');
	is_deeply([ grep { !$there{$_} } @answered ], [], 'they are there after a crash: ' . @answered);
	is_deeply([ grep { !$there{$_} } @told ], [], 'and so is what clients were told');
	connect_clients();
}

$node->stop('fast');
no_crash($node);

done_testing();
