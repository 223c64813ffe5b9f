=pod

=head1 NAME

RealtimeCopy - clients of live queries and what they have

=head1 SYNOPSIS

  use RealtimeCopy;

  declare_query($node, 'q/items', 'id', 'SELECT id, n FROM item WHERE list = $1');
  my $copy = follow($ws, 'q/items', 1);
  is_true($copy, 'rows are those of the query');

A copy is kept as docs/protocol.md tells clients to keep it.

Runs of queries that call app.gate() for a row stand still while a session has closed
the gate:

  $node->safe_psql('postgres', gate_function());
  my $session = $node->background_psql('postgres', on_error_stop => 1);
  close_gate($session);
  ok(poll_until(sub { standing($node) ne '' }), 'an executor stands there');
  open_gate($session);

It is no lock: runs do not wait for those.

  ws_close($copy->{ws});
  $copy = come_back($ws, $copy);

goes on from the number that it has, be it on another connection.

=cut

package RealtimeCopy;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use Test::More;

use RealtimeTest;

our @EXPORT = qw(declare_query follow come_back take_until is_true has_truth truth_of text_of told end_sessions gate_function close_gate open_gate standing);

my $json = JSON::PP->new->canonical->allow_nonref;
my %queries;
my %sessions;

# Options are more arguments of realtime.query(), with a comma before them.
sub declare_query
{
	my ($node, $path, $key, $sql, $options) = @_;

	$queries{$path} = { node => $node, sql => $sql, ordered => scalar($sql =~ /ORDER BY[^()]*$/), key => $key };
	$node->safe_psql('postgres',
		"SELECT realtime.query('$path', \$\$$sql\$\$, key => '$key'" . ($options // '') . ')');
	return;
}

sub follow
{
	my ($ws, $path, @args) = @_;

	return begin($ws, { path => $path, args => \@args, rows => [] });
}

# A new copy of what somebody had: as it was, with what has happened, or loaded.
sub come_back
{
	my ($ws, $before) = @_;

	return begin($ws, { %$before, rows => [ @{ $before->{rows} } ] }, defined $before->{seq} ? (seq => $before->{seq}) : ());
}

sub begin
{
	my ($ws, $copy, @more) = @_;
	my $reply = ws_call($ws, $copy->{path}, $copy->{args}, stream => JSON::PP::true, @more);

	@$copy{qw(ws reply topic key events)} = ($ws, $reply, @$reply{qw(topic key)}, []);
	if ($reply->{replay})
	{
		apply($copy, $_) for @{ $reply->{data} };
	}
	else
	{
		$copy->{rows} = [ @{ $reply->{data} // [] } ];
	}
	$copy->{seq} = $reply->{seq};
	push @{ $ws->{copies}{ $reply->{topic} } }, $copy if $reply->{topic};
	return $copy;
}

sub place_of
{
	my ($copy, $key) = @_;
	my $text = $json->encode($key);

	for my $i (0 .. $#{ $copy->{rows} })
	{
		return $i if $json->encode($copy->{rows}[$i]{ $copy->{key} }) eq $text;
	}
	return -1;
}

sub apply
{
	my ($copy, $frame) = @_;
	my ($event, $data, $rows) = ($frame->{event}, $frame->{data}, $copy->{rows});
	my $place;

	push @{ $copy->{events} }, $event;
	$copy->{seq} = $frame->{seq} if exists $frame->{seq};
	if ($event eq 'refreshed')
	{
		@$rows = @$data;
		return;
	}
	$place = place_of($copy, $data->{ $copy->{key} });
	splice @$rows, $place, 1 if $place >= 0;
	return if $event eq 'deleted' || $event eq 'truncated';
	$place = !exists $frame->{after} ? scalar @$rows : !defined $frame->{after} ? 0 : 1 + place_of($copy, $frame->{after});
	splice @$rows, $place, 0, $data;
	return;
}

# Takes frames until a condition holds; false if it does not before the deadline.
# What is for no copy is kept in $ws->{others}.
sub take_until
{
	my ($ws, $done) = @_;

	while (!$done->())
	{
		my $frame = ws_recv_json($ws);

		return 0 if !defined $frame;
		take($ws, $frame);
	}
	return 1;
}

sub take
{
	my ($ws, $frame) = @_;

	return take_round($ws, $frame) if ($frame->{type} // '') eq 'round';
	my $copies = $ws->{copies}{ $frame->{topic} // '' };
	apply($_, $frame) for @{ $copies // [] };
	push @{ $ws->{others} }, $frame if !$copies;
	return;
}

# Events wait for the last frame of their round. Then $ws->{on_round} is called with that.
sub take_round
{
	my ($ws, $frame) = @_;

	push @{ $ws->{round} }, @{ $frame->{events} };
	$ws->{frames}++;
	return if $frame->{more};
	take($ws, $_) for splice @{ $ws->{round} };
	$ws->{pos} = $frame->{pos};
	$ws->{on_round}->($frame) if $ws->{on_round};
	return;
}

sub text_of
{
	my ($copy) = @_;
	my @rows = map { $json->encode($_) } @{ $copy->{rows} };

	@rows = sort @rows if !$queries{ $copy->{path} }{ordered};
	return join "\n", @rows;
}

sub literal
{
	my ($value) = @_;

	return 'NULL' if !defined $value;
	return $value if $value =~ /^-?\d+$/;
	return "'" . $value =~ s/'/''/gr . "'";
}

# Of a session that stays: there is much to be asked.
sub ask
{
	my ($node, $sql) = @_;

	$sessions{ $node->name } //= $node->background_psql('postgres', on_error_stop => 1);
	return $sessions{ $node->name }->query_safe($sql);
}

sub with_key
{
	my ($row, $copy) = @_;
	my @columns = split /,/, $queries{ $copy->{path} }{key};

	$row->{_key} = $json->encode([ map { defined $row->{$_} ? "$row->{$_}" : undef } @columns ])
		if $copy->{key} eq '_key';
	return $json->encode($row);
}

# What SQL says; the query of a user can be given, if policies leave out rows.
sub truth_of
{
	my ($copy, $sql) = @_;
	my $query = $queries{ $copy->{path} };

	$sql //= $query->{sql};
	$sql =~ s/\$(\d)/literal($copy->{args}[$1 - 1])/ge;
	my $rows = ask($query->{node}, "SELECT to_jsonb(q) FROM ($sql) q");
	my @rows = map { with_key($json->decode($_), $copy) } split /\n/, $rows;
	@rows = sort @rows if !$query->{ordered};
	return join "\n", @rows;
}

# Whether it has what SQL says before the deadline.
sub has_truth
{
	my ($copy, $sql) = @_;
	my $truth = truth_of($copy, $sql);

	eval { take_until($copy->{ws}, sub { text_of($copy) eq $truth }) };
	return text_of($copy) eq $truth;
}

sub is_true
{
	my ($copy, $name, $sql) = @_;
	my $truth = truth_of($copy, $sql);

	take_until($copy->{ws}, sub { text_of($copy) eq $truth });
	return is(text_of($copy), $truth, $name);
}

# An event on the system topic of a copy's topic; undef before the deadline.
sub told
{
	my ($copy, $event) = @_;
	my $ws = $copy->{ws};
	my $is_it = sub { $_[0]{topic} eq "__system:$copy->{topic}" && $_[0]{event} eq $event };

	take_until($ws, sub { grep { $is_it->($_) } @{ $ws->{others} } });
	my ($frame) = grep { $is_it->($_) } @{ $ws->{others} };
	@{ $ws->{others} } = grep { $_ != $frame } @{ $ws->{others} } if defined $frame;
	return $frame;
}

# Before a server ends that goes on to be asked.
sub end_sessions
{
	$_->quit for values %sessions;
	%sessions = ();
	return;
}

# ---- a gate ----

# Who comes to it has advisory lock 2, who closes it has 1.
sub gate_function
{
	return q{CREATE FUNCTION app.gate(integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
		PERFORM pg_try_advisory_xact_lock_shared(2);
		WHILE EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 1) LOOP
			PERFORM pg_sleep(0.005);
		END LOOP;
		RETURN true;
	END$$};
}

sub close_gate { $_[0]->query_safe('SELECT pg_advisory_lock(1)'); return; }
sub open_gate { $_[0]->query_safe('SELECT pg_advisory_unlock(1)'); return; }

# Their processes, with spaces between them.
sub standing
{
	my ($node) = @_;

	return $node->safe_psql('postgres', q{SELECT string_agg(a.pid::text, ' ' ORDER BY a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.objid = 2 AND a.backend_type LIKE 'realtime executor%'});
}

END
{
	end_sessions();
}

1;
