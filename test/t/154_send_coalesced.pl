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

# the newest of each key comes also if that is more than events may wait
configure($node, 'realtime.max_backpressure' => '16kB');
sub send_keys
{
	my ($user, $count, $size) = @_;
	sql(qq{DO \$\$ BEGIN FOR i IN 1 .. $count LOOP
		PERFORM realtime.send_coalesced('$user', i::text, 'prices', 'price', jsonb_build_object('key', i, 'n', i, 'x', repeat('x', $size)));
		COMMIT; END LOOP; END \$\$});
	return;
}
my $late = client('late', receive_buffer => 4096);
send_values('late', 1, 300, 20_000);
send_keys('late', 20, 20_000);
sql(q{SELECT realtime.send_coalesced('late', 'a', 'prices', 'price', jsonb_build_object('key', 'a', 'n', 301, 'x', repeat('x', 200000))), realtime.send_coalesced('late', 'b', 'prices', 'price', '{"key": "b", "n": 301}')});
my %newest;
while (keys %newest != 22 || $newest{a} != 301 || $newest{b} != 301)
{
	my $data = ws_wait($late, sub { ($_->{topic} // '') eq 'prices' })->{data};
	$newest{ $data->{key} } = $data->{n};
}
is(join(' ', map { $newest{$_} } 'a', 'b', 1 .. 20), join(' ', 301, 301, 1 .. 20), 'the newest of each key comes, however little may wait');
is(scalar(@{ [ ws_quiet($late) ] }), 0, 'and nothing else');
send_keys('late', 1000, 20_000);
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.connections WHERE user_id = 'late'}) == 0 }), 'who lets too much wait is cut off, and not left with what is old');
configure($node, 'realtime.max_backpressure' => '1MB');

sql(q{BEGIN; SELECT realtime.send_coalesced('fast', 'a', 'prices', 'price'); ROLLBACK});
is(scalar(@{ [ ws_quiet($fast) ] }), 0, 'what is rolled back is not sent');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', '', 'prices', 'price')}), '22023', 'no key');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', repeat('x', 256), 'prices', 'price')}), '22023', 'a long key');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', NULL, 'prices', 'price')}), '22004', 'a NULL');
is(sqlstate_of(q{SELECT realtime.send_coalesced('fast', 'a', '__x', 'price')}), 'RT430', 'a topic of the server');
no_crash($node);

done_testing();
