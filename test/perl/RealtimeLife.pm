=pod

=head1 NAME

RealtimeLife - what tests about the life and death of processes share

=head1 SYNOPSIS

  use RealtimeLife;

  my $node = life_node('realtime.executors' => 2);
  my $ws = ws_connect($node);
  my $id = call_begin($ws, 'app/sleep', [1]);
  my $load = load_start($node, 'app/echo', ['x']);
  ...
  my $seen = load_stop($load);      # { ok => 4711, TIMEOUT => 1, ... }
  is(call_end($ws, $id)->{ok}, ...);

=cut

package RealtimeLife;

use strict;
use warnings;

use Exporter 'import';
use IO::Handle;
use IO::Select;
use JSON::PP ();
use List::Util qw(max);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

use RealtimeTest;

our @EXPORT = qw(
  life_node life_schema worker_pids busy_executor replaced slots_are_free
  call_begin call_end answers_to load_start load_stop timed_sql
  configure unflushed_settings
  log_position count_in_log no_crash service_state quick seen_only
);

# Paths that tests call, in the database that clients reach.
my $schema = q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.sleep(seconds float8) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(seconds);
	RETURN 'awake';
END $$;
CREATE FUNCTION app.say(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.publish('news', what);
END $$;
CREATE FUNCTION app.stubborn() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	LOOP
		BEGIN
			PERFORM pg_sleep(60);
		EXCEPTION WHEN query_canceled THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT realtime.rpc('app/echo', 'app.echo(text)'),
	realtime.rpc('app/sleep', 'app.sleep(float8)'),
	realtime.rpc('app/say', 'app.say(text)'),
	realtime.rpc('app/stubborn', 'app.stubborn()'),
	realtime.topic('news', open => true);
};

=pod

=head1 SERVER

=over

=item life_node(setting => value, ...)

new_node() with functions declared as app/...: app.echo(), app.sleep(),
app.stubborn(), which no cancel ends, and app.say(), which publishes to the open
topic "news".  These are made in the database of the setting
realtime.database, which is created.

=cut

sub life_node
{
	my %settings = @_;
	my $database = $settings{'realtime.database'} // 'postgres';
	my $node = new_node('restart_after_crash' => 'on', %settings,
		start => 0, extension => 0);

	$node->start;
	$node->safe_psql('postgres', "CREATE DATABASE $database")
	  if $database ne 'postgres';
	life_schema($node, $database);
	wait_for_gateway($node);
	wait_for_call($node, 'app/echo', ['x']);
	return $node;
}

=item life_schema($node, database)

Makes the extension and what life_node() promises in a database.

=cut

sub life_schema
{
	my ($node, $database) = @_;

	$node->safe_psql($database, "BEGIN; CREATE EXTENSION realtime; $schema; COMMIT");
	return;
}

=item worker_pids($node, kind, database)

The pids of the launcher, the gateways, the executors or the scheduler, in order.  The
database is the one with the extension (postgres).

=cut

sub worker_pids
{
	my ($node, $kind, $database) = @_;
	my $query = $kind eq 'gateway'
	  ? 'SELECT pid FROM realtime.stat_gateway WHERE pid IS NOT NULL ORDER BY pid'
	  : "SELECT pid FROM pg_stat_activity
		 WHERE backend_type = 'realtime $kind' ORDER BY pid";
	my ($status, $pids) = $node->psql($database // 'postgres', $query);

	return $status == 0 ? split(/\n/, $pids) : ();
}

=item busy_executor($node, path)

Waits until an executor runs a call of the path, and returns its pid.

=cut

sub busy_executor
{
	my ($node, $path) = @_;
	my $pid = poll_until(sub {
		$node->safe_psql('postgres',
			"SELECT pid FROM pg_stat_activity
			 WHERE backend_type = 'realtime executor' AND state = 'active'
			   AND query = '$path' LIMIT 1") });

	return $pid // die "no executor runs \"$path\"\n";
}

=item replaced($node, kind, pids, number)

Waits until none of these processes is there, and a number (as many) of the
kind.

=cut

sub replaced
{
	my ($node, $kind, $pids, $number) = @_;
	my %old = map { $_ => 1 } @$pids;

	return poll_until(sub {
		my @now = worker_pids($node, $kind);
		return @now == ($number // @$pids) && !grep { $old{$_} } @now;
	});
}

=item slots_are_free($node, depth)

Whether all of realtime.queue_depth request slots can be taken: none has
leaked, and none is taken now.

=cut

sub slots_are_free
{
	my ($node, $depth) = @_;
	my $good = poll_until(sub { $node->safe_psql('postgres', q{SELECT
		(SELECT sum(in_flight) FROM realtime.stat_gateway) +
		(SELECT in_flight FROM realtime.stat_scheduler)}) == 0 });
	my @clients = (ws_connect($node), ws_connect($node));

	# One connection may take half of them.
	for my $client (@clients)
	{
		ws_raw($client, join '', map {
			ws_frame('text', qq({"rpc":"app/sleep","id":"$_","args":[0.1]}))
		} 1 .. $depth / 2);
	}
	for my $client (@clients)
	{
		for my $id (1 .. $depth / 2)
		{
			my $reply = call_end($client, $id);
			$good = 0 unless $reply->{ok};
			diag("call $id: " . explain_reply($reply)) unless $reply->{ok};
		}
		ws_close($client);
	}
	return $good;
}

sub explain_reply
{
	return JSON::PP->new->canonical->encode($_[0]);
}

=item timed_sql($node, database, sql)

Runs SQL in one session and returns (seconds, standard error); the latter is
empty if all went well.

=cut

sub timed_sql
{
	my ($node, $database, $sql) = @_;
	my $began = time;
	my ($status, $stdout, $stderr) = $node->psql($database, $sql);

	return (time - $began, $stderr);
}

=item quick($node, database, sql, error)

Runs SQL and tests that it is done soon(), that it goes well or is refused with
an error, a regexp, and that workers have not said much meanwhile.

=cut

sub quick
{
	my ($node, $database, $sql, $error) = @_;
	my $position = log_position($node);
	my ($seconds, $stderr) = timed_sql($node, $database, $sql);
	my $words = count_in_log($node,
		qr/FATAL|background worker "realtime|realtime waits/, $position);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok($seconds, '<', soon(), "$sql: quick");
	if (defined $error) { like($stderr, $error, "$sql: refused"); }
	else { is($stderr =~ s/^.*NOTICE:.*\n?//gmr, '', "$sql: done"); }
	cmp_ok($words, '<=', 6, "$sql: the log is not flooded");
	return;
}

=item service_state($node)

What the gateway says about the state of the service.

=cut

sub service_state
{
	my ($node) = @_;

	return (http_request($node, 'GET /healthz'))[2];
}

=item log_position($node), count_in_log($node, regexp, position)

The length of the server's log; how often something stands in it, behind a
position.

=cut

sub log_position { return -s $_[0]->logfile; }

sub count_in_log
{
	my ($node, $regexp, $position) = @_;
	my $count = () = slurp_file($node->logfile, $position // 0) =~ /$regexp/g;

	return $count;
}

=item no_crash($node)

Tests that nothing has crashed.

=back

=cut

sub no_crash
{
	my ($node) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike(slurp_file($node->logfile),
		qr/PANIC|was terminated by signal|TRAP:|server process .* exited/,
		'nothing has crashed');
	unlike(slurp_file($node->logfile), qr/realtime assertion .* does not hold/, 'and all books are in order');
	return;
}

###########################################################################

=pod

=head1 SETTINGS

=over

=item configure($node, name => value, ...)

Changes settings of a running server, by a reload.

=cut

sub configure
{
	my ($node, %settings) = @_;

	$node->append_conf('postgresql.conf', join '', map { "$_ = '$settings{$_}'\n" } sort keys %settings);
	$node->reload;
	return;
}

=item unflushed_settings()

With these the log is flushed by nobody but those who must: what has not been
flushed is lost in a crash.

=back

=cut

sub unflushed_settings
{
	return (
		'fsync' => 'on',
		'wal_writer_delay' => '10s',
		'wal_writer_flush_after' => '1GB',
		'checkpoint_timeout' => '1h',
		'bgwriter_lru_maxpages' => 0,
		'autovacuum' => 'off');
}

###########################################################################

=pod

=head1 CALLS

=over

=item call_begin($ws, path, [args])

Sends a call and returns its id.

=cut

sub call_begin
{
	my ($ws, $path, $args) = @_;
	my $id = 'b' . ++$ws->{begun};

	ws_send($ws, { rpc => $path, id => $id, args => $args });
	return $id;
}

=item call_end($ws, id, seconds)

Waits for the reply to a call and returns its data.

=cut

sub call_end
{
	my ($ws, $id, $seconds) = @_;
	my $reply = ws_wait($ws,
		sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id }, $seconds);

	return $reply->{data};
}

=item answers_to($ws, id)

How many more replies to a call have arrived.

=cut

sub answers_to
{
	my ($ws, $id) = @_;

	return scalar grep { ($_->{event} // '') eq $id } ws_quiet($ws);
}

=item load_start($node, path, [args], connections)

Starts processes (2) that call a path one call after the other and connect
again when they must, until load_stop().

=cut

my @stops;    # of all loads: a child must not keep another's open

sub load_start
{
	my ($node, $path, $args, $connections) = @_;
	my @children;

	for (1 .. $connections // 2)
	{
		pipe my $stopped, my $stop or die "pipe: $!";
		pipe my $result, my $report or die "pipe: $!";
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			close $_ for $stop, $result, @stops;
			print {$report} JSON::PP->new->encode(load($node, $path, $args, $stopped));
			close $report;
			POSIX::_exit(0);
		}
		close $_ for $stopped, $report;
		push @stops, $stop;
		push @children, { pid => $pid, stop => $stop, result => $result };
	}
	return \@children;
}

# One client: counts how its calls and its connections ended.
sub load
{
	my ($node, $path, $args, $stopped) = @_;
	my $select = IO::Select->new($stopped);
	my %seen = (longest => 0);
	my $pause = 0;
	my $ws;

	# On a busy machine what goes on beside us may be over before our first call.
	my $patience_ends = time + soon();

	until ($select->can_read($pause) && ($seen{ok} || time > $patience_ends))
	{
		$pause = 0.01;
		$ws //= eval { ws_connect($node) };
		if (!$ws)
		{
			$seen{ $@ =~ /answered with (\d+)/ ? "refused $1" : 'not connected' }++;
			next;
		}
		my $began = time;
		my $reply = eval { ws_call($ws, $path, $args) };
		$seen{longest} = max($seen{longest}, time - $began);
		if (!$reply)
		{
			$seen{ $@ =~ /closed with (\d+)/ ? "closed $1"
				: $@ =~ /deadline/ ? 'no answer' : 'cut off' }++;
			undef $ws;
			next;
		}
		$seen{ $reply->{ok} ? 'ok' : $reply->{code} }++;
		$pause = 0 if $reply->{ok};
	}
	ws_close($ws) if $ws;
	return \%seen;
}

=item load_stop($load)

Ends the load and returns what its clients have seen: how often "ok" or an
error's code, "closed <code>", "cut off" (without a code), "no answer",
"refused <status>", "not connected"; and the seconds of the "longest" call.

=cut

sub load_stop
{
	my ($load) = @_;
	my %seen = (longest => 0, ok => 0);

	close $_->{stop} for @$load;
	for my $child (@$load)
	{
		my $one = JSON::PP->new->decode(do { local $/; readline $child->{result} });

		$seen{longest} = max($seen{longest}, delete $one->{longest});
		$seen{$_} += $one->{$_} for keys %$one;
		waitpid $child->{pid}, 0;
	}
	note('load: ' . explain_reply(\%seen));
	return \%seen;
}

=item seen_only($load, what, ...)

load_stop(), and tests that the clients have seen successful calls, nothing
else but what is given, and no call that is not answered soon().

=back

=cut

sub seen_only
{
	my ($load, @allowed) = @_;
	my $seen = load_stop($load);
	my %allowed = map { $_ => 1 } 'ok', 'longest', @allowed;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([ grep { !$allowed{$_} } sort keys %$seen ], [],
		'clients see nothing but ' . join ', ', 'ok', @allowed);
	cmp_ok($seen->{longest}, '<', soon(), 'no call takes long');
	cmp_ok($seen->{ok}, '>', 0, 'calls succeed');
	return $seen;
}

1;
