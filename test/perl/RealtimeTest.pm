=pod

=head1 NAME

RealtimeTest - a server with realtime and a WebSocket client for TAP tests

=head1 SYNOPSIS

  use RealtimeTest;
  use Test::More;

  my $node = new_node('realtime.idle_timeout' => '2s');
  $node->safe_psql('postgres', q{SELECT realtime.topic('chat', open => true)});

  my $ws = ws_connect($node);
  ws_send($ws, { type => 'subscribe', topic => 'chat', ref => 1 });
  ws_wait($ws, sub { ($_->{type} // '') eq 'subscribed' });

  my $reply = ws_call($ws, 'chat/echo', [1]);

The client is written by hand so that tests can also send what no library
would: see ws_raw() and ws_frame().  Every wait has a deadline, and no test
sleeps in the hope that something has happened meanwhile.

=cut

package RealtimeTest;

use strict;
use warnings;

use Exporter 'import';
use Compress::Raw::Zlib qw(Z_OK Z_BUF_ERROR);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(first max);
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(INADDR_LOOPBACK IPPROTO_TCP SOL_SOCKET SO_RCVBUF TCP_NODELAY
  pack_sockaddr_in);
use Test::More;
use Time::HiRes qw(time sleep);

use RealtimePort;
use RealtimeSession;

our @EXPORT = qw(
  new_node gateway_port wait_for_gateway wait_for_call poll_until soon
  tcp_connect http_request http_raw
  ws_connect ws_send ws_raw ws_frame ws_recv ws_recv_json ws_wait ws_quiet
  ws_call ws_batch ws_subscribe ws_close ws_close_code
);

# Seconds that anything may take before the test gives up: long, because the
# machine may have much else to do.
our $patience = $ENV{RT_TEST_PATIENCE} || 120;

# A file that hangs, or waits in vain again and again, must not take the time of all.
my $limit = $ENV{RT_FILE_TIMEOUT} || 5 * $patience;
$SIG{ALRM} = sub {
	diag("not over within $limit seconds");
	exit 1;
};
alarm $limit;

# Tests are called by what they do, in any characters.  PostgreSQL::Test::Utils
# has put its own handles before those of Test::More, in an INIT before this one,
# and since 16 a warning of such a character ends the test.
INIT
{
	for my $handle (Test::More->builder->output, Test::More->builder->failure_output)
	{
		my $tee = tied *$handle;
		binmode $_, ':utf8' for $tee ? @$tee : ();
	}
}

# Since 18 PostgreSQL::Test::Utils wants to be called when a child ends, to save
# some time, unless somebody has a say in that.  Then a child that ends interrupts
# reading from a socket.
$SIG{CHLD} //= 'DEFAULT';

my @answers;				# the last ones to SQL, with what was asked

my $json = JSON::PP->new->utf8->allow_nonref->canonical;
my %opcode = (
	continuation => 0x0, text => 0x1, binary => 0x2,
	close => 0x8, ping => 0x9, pong => 0xA);

###########################################################################
# The server

=pod

=head1 SERVER

=over

=item new_node(setting => value, ...)

Makes and starts a server that preloads the library, creates the extension in
the database postgres and waits until calls can be served.  Calls, silence and
handshakes have more time than usual, and there is no autovacuum, unless settings
say otherwise.  A number of
executors is exact unless realtime.max_executors is given as well.  Three keys
are no settings: C<name> of the node (main), C<start> and C<extension> (1; 0
leaves that step out, and the waiting with it).

=cut

sub new_node
{
	my (%settings) = @_;
	my $name = delete $settings{name} // 'main';
	my $start = delete $settings{start} // 1;
	my $extension = delete $settings{extension} // 1;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init;
	$node->{realtime_port} = delete $settings{'realtime.port'}
	  // reserve_port(20000 + int rand 8000);
	$settings{'realtime.max_executors'} //= $settings{'realtime.executors'}
	  if exists $settings{'realtime.executors'};
	%settings = (
		'shared_preload_libraries' => 'realtime',
		'max_worker_processes' => 32,
		'realtime.port' => $node->{realtime_port},
		'realtime.listen_addresses' => '127.0.0.1',
		# It comes after a minute, which not all tests have ended by, and has plans
		# and queries looked at anew.
		'autovacuum' => 'off',
		# Tests connect more often than an attacker may,
		'realtime.upgrade_rate' => 0,
		# and hold calls and leave clients alone while they do something else,
		# which may take long.
		'realtime.handler_timeout' => '10min',
		'realtime.idle_timeout' => '1h',
		'realtime.stall_timeout' => '10min',
		'realtime.handshake_timeout' => '60s',
		%settings);
	$node->append_conf('postgresql.conf',
		join('', map { "$_ = '$settings{$_}'\n" } sort keys %settings));
	return $node unless $start;

	$node->start;
	if ($extension)
	{
		$node->safe_psql('postgres', 'CREATE EXTENSION realtime');
		wait_for_gateway($node);
	}
	return $node;
}

=item gateway_port($node)

The port of the node's gateway.

=cut

sub gateway_port { return $_[0]->{realtime_port}; }

=item wait_for_gateway($node)

Waits until the gateway answers that it and the executors are at work.

=cut

sub wait_for_gateway
{
	my ($node) = @_;

	poll_until(sub { ((eval { http_request($node, 'GET /healthz') })[0] // 0) == 200 })
	  or die "the gateway does not answer\n";
	return;
}

=item wait_for_call($node, path)

Waits until a call is no longer answered with NOT_FOUND or refused for want of
an executor: a declaration takes effect a moment after its commit.

=cut

sub wait_for_call
{
	my ($node, $path, $args) = @_;

	poll_until(sub {
		my $ws = eval { ws_connect($node) } or return 0;
		my $reply = eval { ws_call($ws, $path, $args // []) } // {};
		ws_close($ws);
		return ($reply->{code} // '') !~ /^(NOT_FOUND|OVERLOADED|INTERNAL_ERROR)$/;
	}) or die "nothing answers calls of \"$path\"\n";
	return;
}

=item poll_until(sub, seconds)

Calls sub until it returns something true, and returns that; undef if it has
not by the deadline.  If no seconds are given it should have, and what the server
has answered to SQL the last time is told.

=cut

sub poll_until
{
	my ($condition, $seconds) = @_;
	my $deadline = time + ($seconds // $patience);

	while (1)
	{
		my $late = time > $deadline;
		@answers = () if $late;
		my $result = $condition->();
		return $result if $result;
		next unless $late;
		diag(join "\n  ", "waited for $patience seconds", @answers) unless defined $seconds;
		return undef;
	}
	continue
	{
		sleep 0.05;
	}
}

# Has poll_until() know what is asked.
my $safe_psql = \&PostgreSQL::Test::Cluster::safe_psql;

sub noted_psql
{
	my (undef, undef, $sql) = @_;
	my $answer = $safe_psql->(@_);

	push @answers, substr(($sql // '') . ': ' . ($answer // ''), 0, 500);
	shift @answers if @answers > 3;
	return $answer;
}

{
	no warnings 'redefine';
	*PostgreSQL::Test::Cluster::safe_psql = \&noted_psql;
}

=item soon()

Seconds within which is done what waits for nothing, on a busy machine too.
What would go wrong instead takes longer, or never ends.

=back

=cut

sub soon { return 30; }

###########################################################################
# HTTP

=pod

=head1 HTTP

=over

=item tcp_connect($node, receive_buffer => bytes, tls => { ... })

A connected socket, or undef.  With a small receive buffer the server soon
notices that nobody reads.  With tls, which are options of IO::Socket::SSL, it
speaks TLS; those in C<< $node->{realtime_tls} >> are for all connections.

=cut

sub tcp_connect
{
	my ($node, %option) = @_;
	my $socket = IO::Socket::INET->new(Proto => 'tcp') or return undef;

	# The size counts only if it is set before the connection is made.
	setsockopt($socket, SOL_SOCKET, SO_RCVBUF, $option{receive_buffer})
	  if $option{receive_buffer};
	connect($socket, pack_sockaddr_in(gateway_port($node), INADDR_LOOPBACK))
	  or return undef;
	setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
	my $tls = $option{tls} // $node->{realtime_tls} or return $socket;
	require IO::Socket::SSL;
	return IO::Socket::SSL->start_SSL($socket, %$tls);
}

=item http_request($node, "GET /healthz", header => value, ...)

Sends one HTTP/1.1 request and reads until the server closes the connection
or the announced body is complete; an upgrade is not followed.  Returns (status, {headers}, body).

=cut

sub http_request
{
	my ($node, $line, %header) = @_;
	my $socket = tcp_connect($node) or die "could not connect: $!\n";
	my ($buffer, $status, $headers) = ('');
	my $deadline = time + $patience;

	%header = (Host => '127.0.0.1:' . gateway_port($node),
		Connection => 'close', %header);
	print $socket "$line HTTP/1.1\r\n",
	  (map { defined $header{$_} ? "$_: $header{$_}\r\n" : () } sort keys %header), "\r\n";
	while (1)
	{
		if (!$headers && $buffer =~ s/\A(.*?)\r\n\r\n//s)
		{
			($status, $headers) = parse_head($1);
		}
		if ($headers)
		{
			my $length = $headers->{'content-length'};
			last if $status == 101;
			last if defined $length && length $buffer >= $length;
		}
		last unless read_more($socket, \$buffer, $deadline);
	}
	return ($status, $headers // {}, $buffer);
}

=item http_raw($node or socket, bytes, pattern, seconds)

Writes bytes, to a new connection or to one that is there, and reads until the
server closes the connection or, if given, a pattern has arrived.  Returns what
has, undef if neither came by the deadline.

=back

=cut

sub http_raw
{
	my ($to, $bytes, $until, $seconds) = @_;
	my $socket = $to->isa('IO::Socket') ? $to : tcp_connect($to) or return undef;
	my $deadline = time + ($seconds // $patience);
	my $answer = '';

	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $n = syswrite $socket, $bytes, 65536;
		last unless defined $n;
		substr $bytes, 0, $n, '';
	}
	while (!$until || $answer !~ $until)
	{
		last unless read_more($socket, \$answer, $deadline);
	}
	return time < $deadline ? $answer : undef;
}

# The status and the headers, names in lower case, of a response's head.
sub parse_head
{
	my ($head) = @_;
	my ($first, @lines) = split /\r\n/, $head;
	my ($status) = $first =~ m{^HTTP/1\.[01] (\d{3})};

	return ($status, { map { /^([^:]+):\s*(.*?)\s*$/ ? (lc $1, $2) : () } @lines });
}

# Appends what has arrived; false at the end of the stream and the deadline.
sub read_more
{
	my ($socket, $buffer, $deadline) = @_;
	my $left = $deadline - time;

	my $has_some = $socket->can('pending') && $socket->pending > 0;

	return 0 if $left <= 0 || (!$has_some && !IO::Select->new($socket)->can_read($left));
	my $n = sysread $socket, $$buffer, 65536, length $$buffer;
	return defined $n && $n > 0;
}

###########################################################################
# WebSocket

=pod

=head1 WEBSOCKET

=over

=item ws_connect($node, path => '/ws', headers => { ... }, welcome => 1)

Opens a connection and dies if the server refuses it.  The welcome frame is
read and put into C<< $ws->{welcome} >>, unless welcome is 0.  If it has
agreed on permessage-deflate, what the server compresses is inflated and counted
in C<< $ws->{inflated} >>.  Takes the options of tcp_connect() as well.

=cut

sub ws_connect
{
	my ($node, %option) = @_;
	my $socket = tcp_connect($node, %option) or die "could not connect: $!\n";
	my $key = encode_base64(join('', map { chr int rand 256 } 1 .. 16), '');
	my $ws = { socket => $socket, buffer => '', queue => [], fragments => '' };
	my $deadline = time + $patience;
	my %header = (
		Host => '127.0.0.1:' . gateway_port($node),
		Upgrade => 'websocket',
		Connection => 'Upgrade',
		'Sec-WebSocket-Key' => $key,
		'Sec-WebSocket-Version' => 13,
		%{ $option{headers} // {} });

	print $socket 'GET ', $option{path} // '/ws', " HTTP/1.1\r\n",
	  (map { defined $header{$_} ? "$_: $header{$_}\r\n" : () } sort keys %header), "\r\n";
	while (!$ws->{status})
	{
		read_more($socket, \$ws->{buffer}, $deadline)
		  or die "no answer to the upgrade\n";
		($ws->{status}, $ws->{headers}) = parse_head($1)
		  if $ws->{buffer} =~ s/\A(.*?)\r\n\r\n//s;
	}
	die "the upgrade was answered with $ws->{status}\n" if $ws->{status} != 101;
	$ws->{deflate} = ($ws->{headers}{'sec-websocket-extensions'} // '') =~ /^permessage-deflate/;

	if ($option{welcome} // 1)
	{
		$ws->{welcome} = ws_recv_json($ws);
		die "the first frame is no welcome\n"
		  unless ($ws->{welcome}{type} // '') eq 'welcome';
	}
	return $ws;
}

=item ws_frame(kind, payload, fin => 1, mask => 1, rsv => 0)

The bytes of a frame; kind is text, binary, continuation, ping, pong, close or
a number.

=cut

sub ws_frame
{
	my ($kind, $payload, %option) = @_;
	my $length = length $payload;
	my $masked = $option{mask} // 1;
	my $first = ($option{fin} // 1 ? 0x80 : 0) | (($option{rsv} // 0) << 4)
	  | ($opcode{$kind} // $kind);
	my $second = $masked ? 0x80 : 0;
	my $head =
	    $length < 126 ? pack('CC', $first, $second | $length)
	  : $length < 65536 ? pack('CCn', $first, $second | 126, $length)
	  : pack('CCQ>', $first, $second | 127, $length);

	return $head . $payload unless $masked;
	my $mask = pack 'N', int rand 2**32;
	my $pattern = $mask x int($length / 4 + 1);
	return $head . $mask . ($payload ^ substr $pattern, 0, $length);
}

=item ws_raw($ws, bytes)

Writes bytes as they are.  Returns false if the peer is gone.

=cut

sub ws_raw
{
	my ($ws, $bytes) = @_;
	my $deadline = time + $patience;

	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $left = $deadline - time;
		die "could not write before the deadline\n"
		  if $left <= 0 || !IO::Select->new($ws->{socket})->can_write($left);
		my $n = syswrite $ws->{socket}, $bytes, 65536;
		return 0 unless defined $n;
		substr $bytes, 0, $n, '';
	}
	return 1;
}

=item ws_send($ws, text or reference)

Sends a text frame; a reference is sent as JSON.

=cut

sub ws_send
{
	my ($ws, $what) = @_;

	return ws_raw($ws, ws_frame('text', ref $what ? $json->encode($what) : $what));
}

=item ws_recv($ws, seconds)

The next frame as [kind, payload], fragments put together, or undef at the end
of the stream.  Dies at the deadline.  Nothing is answered on its own.

=cut

sub ws_recv
{
	my ($ws, $seconds) = @_;
	my $deadline = time + ($seconds // $patience);
	my %name = reverse %opcode;

	while (1)
	{
		while (my ($fin, $op, $payload) = take_frame($ws))
		{
			return [ $name{$op} // $op, $payload ] if $op >= 0x8;
			$ws->{kind} = $name{$op} if $op != 0;
			$ws->{fragments} .= $payload;
			next unless $fin;
			my $message = [ $ws->{kind}, $ws->{fragments} ];
			$ws->{fragments} = '';
			return $message;
		}
		next if read_more($ws->{socket}, \$ws->{buffer}, $deadline);
		die "no frame before the deadline\n" if time >= $deadline;
		return undef;
	}
}

# Cuts one complete frame off the buffer: (fin, opcode, payload), or nothing.
sub take_frame
{
	my ($ws) = @_;
	my $have = length $ws->{buffer};

	return if $have < 2;
	my ($first, $second) = unpack 'CC', $ws->{buffer};
	die "the server has masked a frame\n" if $second & 0x80;
	die "the server has set a reserved bit\n"
	  if $first & ($ws->{deflate} && ($first & 0x0f) == 0x1 ? 0x30 : 0x70);
	my ($head, $length) = (2, $second & 0x7f);
	if ($length >= 126)
	{
		$head = $length == 126 ? 4 : 10;
		return if $have < $head;
		$length = unpack $length == 126 ? 'x2n' : 'x2Q>', $ws->{buffer};
	}
	return if $have < $head + $length;
	my $payload = substr $ws->{buffer}, $head, $length;
	substr $ws->{buffer}, 0, $head + $length, '';
	if ($first & 0x40)
	{
		$payload = inflate($payload);
		$ws->{inflated}++;
	}
	return ($first & 0x80, $first & 0x0f, $payload);
}

# RFC 7692, without context takeover.
sub inflate
{
	my ($bytes) = @_;
	my ($inflater) = Compress::Raw::Zlib::Inflate->new(-WindowBits => -15);
	my $text = '';

	$bytes .= "\0\0\xff\xff";
	my $status = $inflater->inflate($bytes, $text);
	die "the server has sent what cannot be inflated: $status\n"
	  if $status != Z_OK && $status != Z_BUF_ERROR;
	return $text;
}

=item ws_recv_json($ws, seconds)

The next text frame, decoded.  Pings are answered on the way, and the frames
that say the same are left out: they come when a test takes long.  Dies if the
server closes the connection or sends something else.

=cut

sub ws_recv_json
{
	my ($ws, $seconds) = @_;

	return shift @{ $ws->{queue} } if @{ $ws->{queue} };
	return read_json($ws, $seconds);
}

sub read_json
{
	my ($ws, $seconds) = @_;
	my $deadline = time + ($seconds // $patience);

	while (1)
	{
		my $frame = ws_recv($ws, $deadline - time)
		  or die "the server has closed the stream\n";
		my ($kind, $payload) = @$frame;
		next if $payload eq '{"type":"ping"}';
		return $json->decode($payload) if $kind eq 'text';
		if ($kind eq 'close')
		{
			$ws->{closed} = $frame;
			die 'the server has closed with '
			  . (length $payload >= 2 ? unpack('n', $payload) : 'no code') . "\n";
		}
		die "unexpected $kind frame\n" unless $kind =~ /^p[io]ng$/;
		ws_raw($ws, ws_frame('pong', $payload)) if $kind eq 'ping';
	}
}

=item ws_wait($ws, sub, seconds)

Waits for a text frame for which sub, given it as C<$_>, returns true, and
returns the frame.  Others stay in the queue for later calls, in order.

=cut

sub ws_wait
{
	my ($ws, $condition, $seconds) = @_;
	my $deadline = time + ($seconds // $patience);
	my $queue = $ws->{queue};

	for my $i (0 .. $#$queue)
	{
		local $_ = $queue->[$i];
		return splice @$queue, $i, 1 if $condition->();
	}
	while (1)
	{
		local $_;
		eval { $_ = read_json($ws, $deadline - time); 1 } or die in_vain($@, $queue);
		return $_ if $condition->();
		push @$queue, $_;
	}
}

# What went wrong, with who has waited and what has come instead.
sub in_vain
{
	my ($error, $queue) = @_;
	my (undef, $file, $line) = caller 1;
	my @last = map { substr $json->encode($_), 0, 200 } @$queue[ max(0, @$queue - 3) .. $#$queue ];

	chomp $error;
	return "$error, for $file line $line; unread are " . @$queue . " frames: @last\n";
}

=item ws_quiet($ws, count)

Returns the frames that nobody has waited for; waits for so many (0), then makes
sure that the server had no more to send.  For that it calls a path that does
not exist: the reply comes behind the events of what was committed before.  It
says nothing of what executors still have to answer, to this connection or
others: whatever must come has to be waited for, by its number here or with
ws_wait().

=cut

sub ws_quiet
{
	my ($ws, $count) = @_;
	my $queue = $ws->{queue};

	push @$queue, read_json($ws) while @$queue < ($count // 0);
	ws_call($ws, 'no/such-path', []);
	return splice @{ $ws->{queue} };
}

=item ws_call($ws, path, [args], member => value, ...)

Calls and returns the result, {ok, data} or {ok, code, error}.

=cut

sub ws_call
{
	my ($ws, $path, $args, %more) = @_;
	my $id = 't' . ++$ws->{ids};

	ws_send($ws, { rpc => $path, id => $id, args => $args, %more });
	my $reply = ws_wait($ws,
		sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id });
	return $reply->{data};
}

=item ws_batch($ws, sequential, path, ...)

Calls them as one batch, and returns what has become of each, ok or a code, with
spaces between; the answers come together or in several frames.

=cut

sub ws_batch
{
	my ($ws, $sequential, @paths) = @_;
	my %outcome;

	ws_send($ws, { batch => [ map { { rpc => $paths[$_], id => "b$_", args => [] } } 0 .. $#paths ], $sequential ? (sequential => JSON::PP::true) : () });
	while (keys %outcome < @paths)
	{
		my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq '__rpc' });
		$outcome{ $_->{id} } = $_->{ok} ? 'ok' : $_->{code} for $frame->{event} eq '__batch' ? @{ $frame->{data}{batch} } : $frame->{data};
	}
	return join ' ', map { $outcome{"b$_"} } 0 .. $#paths;
}

=item ws_subscribe($ws, topic)

Subscribes by name and returns the server's acknowledgement or denial.

=cut

sub ws_subscribe
{
	my ($ws, $topic) = @_;
	my $ref = ++$ws->{refs};

	ws_send($ws, { type => 'subscribe', topic => $topic, ref => $ref });
	return ws_wait($ws, sub {
		($_->{type} // '') =~ /^subscribe(d|-denied)$/ && $_->{ref} eq $ref });
}

=item ws_close($ws)

Closes the connection properly.

=cut

sub ws_close
{
	my ($ws) = @_;

	ws_raw($ws, ws_frame('close', pack 'n', 1000));
	eval { ws_close_code($ws, 5) };
	close $ws->{socket};
	return;
}

=item ws_close_code($ws, seconds)

Waits until the server closes: the close code, 1005 if it sent none, 1006 if
the stream just ended.  Other frames are skipped.

=back

=cut

sub ws_close_code
{
	my ($ws, $seconds) = @_;
	my $deadline = time + ($seconds // $patience);
	my $frame = $ws->{closed};

	while (!$frame || $frame->[0] ne 'close')
	{
		$frame = ws_recv($ws, $deadline - time) or return 1006;
	}
	return length $frame->[1] >= 2 ? unpack('n', $frame->[1]) : 1005;
}

1;
