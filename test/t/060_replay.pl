# Numbered events: on the wire, not before they are durable, and never twice
# with the same number, whatever crashes.
use strict;
use warnings;

use IO::Select;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Test::More;

use RealtimeLife qw(unflushed_settings);
use RealtimeTest;

# The log is written by nobody but those who must: what has not been flushed
# would be lost.
my $node = new_node(
	'realtime.executors' => 1,
	'max_prepared_transactions' => 1,
	unflushed_settings());

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.say(what jsonb) RETURNS void LANGUAGE sql AS
$$ SELECT realtime.publish('log:a', 'said', what) $$;
CREATE FUNCTION app.look() RETURNS bigint LANGUAGE plpgsql STABLE AS
$$ BEGIN PERFORM realtime.publish('log:a', 'looked'); RETURN 1; END $$;
CREATE FUNCTION app.newest() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT realtime.seq('log:a') $$;
CREATE FUNCTION app.kept() RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT max(seq) FROM realtime.replay('log:a', 0) $$;
SELECT realtime.rpc('app/newest', 'app.newest()'), realtime.rpc('app/kept', 'app.kept()');
SELECT realtime.topic('log:{name}', class => 'replay', open => true, replay_size => 1000000);
SELECT realtime.topic('plain:{name}', open => true);
SELECT realtime.rpc('app/say', 'app.say(jsonb)'), realtime.rpc('app/look', 'app.look()');
});

my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 'log:a')->{type} eq 'subscribed' }), 'a replay topic can be subscribed');
ws_subscribe($ws, $_) for 'log:b', 'plain:a';

# The next event, as the text of its frame.
sub next_event
{
	my ($seconds) = @_;
	while (1)
	{
		my $frame = ws_recv($ws, $seconds) or die "the stream has ended\n";
		return $frame->[1] if $frame->[1] =~ /^\{"topic":"(log|plain)/;
	}
}
sub sql { return $node->safe_psql('postgres', $_[0]); }

###########################################################################
# On the wire

sql(q{SELECT realtime.publish('log:a', 'created', '{"id": 1}'), realtime.publish('plain:a', 'e', '2'),
	realtime.publish('log:b', 'e'), realtime.publish('log:a', 'größer', '"x"')});
is(next_event(), '{"topic":"log:a","event":"created","data":{"id": 1},"seq":1}', 'events have a number');
is(next_event(), '{"topic":"plain:a","event":"e","data":2}', 'on topics of other classes they have none');
is(next_event(), '{"topic":"log:b","event":"e","data":null,"seq":1}', 'each topic counts by itself');
is(next_event(), '{"topic":"log:a","event":"größer","data":"x","seq":2}', 'and goes on');
sql(q{BEGIN; SELECT realtime.publish('log:a', 'never'); SAVEPOINT s; SELECT realtime.publish('log:a', 'never'); ROLLBACK;
	BEGIN; SAVEPOINT s; SELECT realtime.publish('log:a', 'never'); ROLLBACK TO s; SELECT realtime.publish('log:a', 'e', '3'); COMMIT});
is(next_event(), '{"topic":"log:a","event":"e","data":3,"seq":3}', 'what is rolled back takes none');

# Frames have one of three headers, and the digits of the number count.
my $wrong = 0;
sql(q{SELECT realtime.publish('log:b', 'e', to_jsonb(repeat('x', n)))
	FROM (SELECT generate_series(40, 90) UNION ALL SELECT generate_series(65460, 65500)) s(n)});
my $number = 1;
for my $n (40 .. 90, 65460 .. 65500)
{
	$number++;
	$wrong++ if next_event() ne '{"topic":"log:b","event":"e","data":"' . 'x' x $n . qq(","seq":$number});
}
is($wrong, 0, 'frames of all lengths are whole');
sql(q{SELECT realtime.publish('log:b', 'e', to_jsonb(repeat('x', 1048000)))});
is(next_event(), '{"topic":"log:b","event":"e","data":"' . 'x' x 1048000 . '","seq":94}', 'and of the greatest');

# Calls publish as others do, and may not in a read-only transaction.
is(ws_call($ws, 'app/say', [ { id => 7 } ])->{ok}, 1, 'a call publishes');
is(sql(q{SELECT seq, event, data FROM realtime.replay('log:a', 3)}), '4|said|{"id": 7}', 'which is kept');
is((ws_wait($ws, sub { ($_->{event} // '') eq 'said' }))->{seq}, 4, 'and delivered');
is(ws_call($ws, 'app/look', [])->{ok}, 0, 'one that is read-only does not');

# A class that changes ends the epoch, which nobody may do half.
my ($status, $out, $err) = $node->psql('postgres', q{BEGIN; SELECT realtime.drop('log:{name}'); PREPARE TRANSACTION 'turn'});
like($err, qr/cannot PREPARE a transaction that has changed the class of topics whose events are kept/,
	'a class cannot change in a prepared transaction');
is(sql('SELECT epoch FROM realtime.replay_epoch'), 0, 'so the epoch has not ended');

###########################################################################
# Not before it is durable

sub pid_of
{
	my ($type) = @_;
	return sql("SELECT pid FROM pg_stat_activity WHERE backend_type = '$type'");
}
sub publish_async
{
	my ($topic, $data) = @_;
	return $node->safe_psql('postgres', "SET synchronous_commit = off; SELECT realtime.publish('$topic', 'e', '$data')");
}

my @flushers = (pid_of('realtime launcher'), pid_of('walwriter'));
kill STOP => @flushers;
publish_async('plain:a', 1);
is(next_event(), '{"topic":"plain:a","event":"e","data":1}', 'an event without a number need not be durable');
publish_async('log:a', 1);
is(sql(q{SELECT count(*) FROM realtime.replay('log:a', 4)}), 1, 'one with a number is committed');
ok(!IO::Select->new($ws->{socket})->can_read(0.3), 'but not delivered while nobody flushes');
ok(sql('SELECT pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn()') eq 't', 'as it is not durable');
publish_async('plain:a', 2);
kill CONT => $flushers[0];
is(next_event(soon()), '{"topic":"log:a","event":"e","data":1,"seq":5}', 'the launcher flushes, and it is delivered');
is(next_event(soon()), '{"topic":"plain:a","event":"e","data":2}', 'what came after it comes after it');
kill CONT => $flushers[1];
publish_async('log:a', $_) for 2 .. 20;
is(scalar(grep { next_event(soon()) =~ /"seq":\d+\}$/ } 2 .. 20), 19, 'again and again');

# Nor is it told to who asks for it.
for my $path (qw(app/newest app/kept))
{
	my $seq = ws_call($ws, $path, [])->{data};
	kill STOP => @flushers;
	publish_async('log:a', 0);
	my $before = sql('SELECT pg_current_wal_flush_lsn()');
	is(ws_call($ws, $path, [])->{data}, $seq + 1, "$path tells the number");
	is(sql("SELECT pg_current_wal_flush_lsn() > '$before'"), 't', 'of an event that is durable then');
	kill CONT => @flushers;
}

# The launcher does its other work meanwhile.
my $pid = pid_of('realtime executor');
my $writer = $node->background_psql('postgres', on_error_stop => 1);
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'realtime executor'});
for my $i (1 .. 100)
{
	$writer->query_safe("SET synchronous_commit = off; SELECT realtime.publish('log:b', 'e', '$i')");
}
ok(poll_until(sub { (pid_of('realtime executor') || $pid) ne $pid }), 'executors are started while it flushes');
$writer->quit;

###########################################################################
# A crash

# Notes the numbers and data of all events it gets, and shows after so many
# that it is at work.
sub listener
{
	my ($file, $show) = @_;
	my $ws = ws_connect($node);
	my (@got, $shown);

	ws_subscribe($ws, 'log:crash');
	while (1)
	{
		syswrite $show, 'x' if !$shown++;
		my $frame = eval { ws_recv($ws) } or last;
		push @got, "$2 $1" if $frame->[1] =~ /"data":(\d+),"seq":(\d+)\}$/;
		syswrite $show, 'x' if @got == 2000;
	}
	append_to_file($file, join('', map { "$_\n" } @got));
	return;
}

my $script = PostgreSQL::Test::Utils::tempdir() . '/publish.sql';
append_to_file($script, q{
\set id random(1, 1000000000000)
SET synchronous_commit = off;
SELECT realtime.publish('log:crash', 'e', to_jsonb(:id));
});
my %seen;
for my $round (1 .. 3)
{
	wait_for_gateway($node);
	my $file = PostgreSQL::Test::Utils::tempdir() . "/seen$round";
	pipe my $shown, my $show or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if ($pid == 0)
	{
		listener($file, $show);
		POSIX::_exit(0);
	}
	close $show;
	sysread $shown, my $byte, 1;
	my ($out, $err) = ('', '');
	my $load = IPC::Run::start([ 'pgbench', '-n', '-c4', '-T60', '-f', $script,
		'-h', $node->host, '-p', $node->port, 'postgres' ], '>', \$out, '2>', \$err);
	ok(IO::Select->new($shown)->can_read($RealtimeTest::patience) && sysread($shown, $byte, 1), "round $round: a client gets events");
	$node->stop('immediate');
	$load->finish;
	waitpid $pid, 0;
	$node->start;

	my ($twice, $count) = (0, 0);
	for (split /\n/, slurp_file($file))
	{
		my ($seq, $data) = split / /;
		$count++;
		$twice++ if exists $seen{$seq};
		$seen{$seq} = $data;
	}
	cmp_ok($count, '>=', 2000, 'many');
	is($twice, 0, 'no number comes twice');
	my %kept = map { split /\|/ } split /\n/, sql(q{SELECT seq, data FROM realtime.replay('log:crash', 0)});
	is(scalar(grep { ($kept{$_} // '') ne $seen{$_} } keys %seen), 0, 'and what has been seen is what is kept');
	is(sql(q{SELECT max(seq) = count(*) AND realtime.seq('log:crash') = count(*) FROM realtime.replay('log:crash', 0)}), 't',
		'without a gap');
}

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
