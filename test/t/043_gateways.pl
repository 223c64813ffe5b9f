# Several gateways share the port, and one of them may go.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $gateways = 3;
my $node = life_node(
	'realtime.gateways' => $gateways,
	'realtime.executors' => 2,
	'realtime.shutdown_timeout' => '1s');

# Waits until so many sockets have begun to listen since the server's start.
sub listening
{
	my ($times) = @_;
	return poll_until(sub { count_in_log($node, qr/realtime gateway \d listening on/) == $times });
}

sub connections_of
{
	my ($number) = @_;
	return $node->safe_psql('postgres',
		"SELECT connections FROM realtime.stat_gateway WHERE number = $number");
}

# Connections that live; the others must have been closed with 1001.
sub living
{
	my @living;

	for my $ws (@_)
	{
		if (eval { (ws_call($ws, 'app/echo', ['x'])->{data} // '') eq 'x' })
		{
			push @living, $ws;
			next;
		}
		is(ws_close_code($ws), 1001, 'a client of the gateway that ends is told so');
		close $ws->{socket};
	}
	return @living;
}

# Publishes an event and returns how many connections have got it once.
sub reached
{
	my ($event, @clients) = @_;
	my $count = 0;

	$node->safe_psql('postgres', "SELECT realtime.publish('news', '$event')");
	for my $ws (@clients)
	{
		ws_wait($ws, sub { ($_->{event} // '') eq $event });
		$count++ unless grep { ($_->{topic} // '') eq 'news' } ws_quiet($ws);
	}
	return $count;
}

ok(listening($gateways), 'all gateways listen on one port');
my @clients = map { ws_connect($node) } 1 .. 60;
my @counts = map { connections_of($_) } 0 .. $gateways - 1;
note("connections: @counts");
is(scalar(grep { $_ > 0 } @counts), $gateways, 'connections spread');
is(scalar(grep { ws_subscribe($_, 'news')->{type} eq 'subscribed' } @clients), 60,
	'all subscribe');
is(reached('first', @clients), 60, 'an event reaches each of them once');

# One after the other ends: the first one, which looks whether the port is
# free, and another.
my $times = $gateways;
for my $victim (1, 0)
{
	my $lost = connections_of($victim);
	my $all = @clients;
	my $pid = $node->safe_psql('postgres',
		"SELECT pid FROM realtime.stat_gateway WHERE number = $victim");

	kill 'TERM', $pid;
	ok(poll_until(sub { !tcp_connect_to($victim, $pid) }), "gateway $victim stops");
	@clients = living(@clients);
	is(scalar @clients, $all - $lost, 'only its clients are disconnected');
	is(reached("without $victim", @clients), scalar @clients,
		'the others go on getting events');

	ok(listening(++$times), 'it comes back and listens again');
	my @new = map { ws_connect($node) } 1 .. 60;
	cmp_ok(connections_of($victim), '>', 0, 'and gets its share of connections');
	ws_subscribe($_, 'news') for @new;
	push @clients, @new;
	is(reached("with $victim", @clients), scalar @clients, 'an event reaches all');
}

# The connections that a gateway of this pid has; none if it is another now.
sub tcp_connect_to
{
	my ($number, $pid) = @_;
	return $node->safe_psql('postgres',
		"SELECT connections FROM realtime.stat_gateway
		 WHERE number = $number AND pid = $pid");
}

# All at once
my @old = worker_pids($node, 'gateway');
kill 'TERM', $_ for @old;
is(ws_close_code($_), 1001, 'all end: a client is told so') for $clients[0];
close $_->{socket} for @clients;
ok(replaced($node, 'gateway', \@old), 'all come back');
ok(listening($times + $gateways), 'and listen');
my $ws = ws_connect($node);
is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', 'and serve');
ws_close($ws);

is(count_in_log($node, qr/could not listen/), 0, 'without a complaint');
$node->stop('fast');
no_crash($node);

done_testing();
