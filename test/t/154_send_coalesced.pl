# send_coalesced: all of it to who takes it, of each key the newest to who does not.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 2, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 2, 'realtime.jwt_secret' => $secret);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my ($user, %option) = @_;
	my $ws = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $user }, secret => $secret) }, %option);
	ws_quiet($ws);
	return $ws;
}

sub sqlstate_of
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]");
	return $err =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : "none: $out$err";
}

# Values of two keys, each in a transaction of its own
sub send_values
{
	my ($user, $from, $to, $filling) = @_;
	sql(join ';', map {
		my $n = $_;
		map { "SELECT realtime.send_coalesced('$user', '$_', 'prices', 'price', jsonb_build_object('key', '$_', 'n', $n, 'x', repeat('x', $filling)))" } 'a', 'b'
	} $from .. $to);
	return;
}

# What comes until both keys have a number
sub until_last
{
	my ($ws, $last) = @_;
	my (%newest, @all);
	while (($newest{a} // 0) != $last || ($newest{b} // 0) != $last)
	{
		my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq 'prices' });
		push @all, $frame->{data};
		$newest{ $frame->{data}{key} } = $frame->{data}{n};
	}
	return @all;
}

my $fast = client('fast');
send_values('fast', 1, 20, 0);
my @all = until_last($fast, 20);
is(join(' ', map { "$_->{key}$_->{n}" } @all), join(' ', map { ("a$_", "b$_") } 1 .. 20), 'who reads gets all, in order');

my $slow = client('slow', receive_buffer => 4096);
send_values('slow', 1, 300, 20_000);
@all = until_last($slow, 300);
cmp_ok(scalar @all, '<', 600, 'who does not read gets ' . @all . ' of 600, and the newest of each key');
for my $key ('a', 'b')
{
	my @numbers = map { $_->{n} } grep { $_->{key} eq $key } @all;
	is("@numbers", join(' ', sort { $a <=> $b } @numbers), "none of $key is older than the one before");
}
is(scalar(@{ [ ws_quiet($slow) ] }), 0, 'and nothing else');
send_values('slow', 301, 310, 0);
is(scalar(@{ [ until_last($slow, 310) ] }), 20, 'then all again');

# values that wait go with their connection
my $gone = client('gone', receive_buffer => 4096);
send_values('gone', 1, 300, 20_000);
close $gone->{socket};
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.connections WHERE user_id = 'gone'}) == 0 }), 'a connection ends that has values waiting');
send_values('gone', 1, 2, 0);
send_values('fast', 21, 22, 0);
is(scalar(@{ [ until_last($fast, 22) ] }), 4, 'which concerns nobody else');

sql(q{BEGIN; SELECT realtime.send_coalesced('fast', 'a', 'prices', 'price'); ROLLBACK});
is(scalar(@{ [ ws_quiet($fast) ] }), 0, 'what is rolled back is not sent');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', '', 'prices', 'price')}), '22023', 'no key');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', repeat('x', 256), 'prices', 'price')}), '22023', 'a long key');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', NULL, 'prices', 'price')}), '22004', 'a NULL');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', 'a', '__x', 'price')}), 'RT430', 'a topic of the server');
no_crash($node);

done_testing();
