=pod

=head1 NAME

RealtimePort - ports that several runs of the tests share

=head1 DESCRIPTION

A port that is free now may be taken by another test before the server listens
on it, or while it restarts.  Whoever wants one asks here: it is kept by a socket
in the abstract namespace that is named after it.  The kernel sees to it that
there is one of a name, whoever asks for it, and that it goes with its process.

=over

=item reserve_port($first)

A port from $first on that nobody listens on and nobody else has reserved, for
as long as this process lives; undef if there is none.

=back

=cut

package RealtimePort;

use strict;
use warnings;

use Exporter 'import';
use Socket;

our @EXPORT = qw(reserve_port);

my @held;

sub reserve_port
{
	my ($first) = @_;

	for my $port ($first .. 65535)
	{
		my $hold = bound(AF_UNIX, pack_sockaddr_un("\0realtime-port-$port")) or next;
		bound(AF_INET, pack_sockaddr_in($port, INADDR_LOOPBACK)) or next;
		push @held, $hold;
		return $port;
	}
	return;
}

# A socket that listens on the address, unless somebody else's does.
sub bound
{
	my ($family, $address) = @_;

	socket(my $socket, $family, SOCK_STREAM, 0) or die "socket: $!\n";
	# What a server has left in TIME_WAIT does not count.
	setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, 1) or die "setsockopt: $!\n"
	  if $family == AF_INET;
	return bind($socket, $address) && listen($socket, 1) ? $socket : undef;
}

1;
