# A token that comes while a value travels in parts: whoever is the same goes on
# with it, whoever may see something else by now has to come back.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

use constant { ITEMS => 200, SIZE => 30000 };

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 1, 'realtime.max_executors' => 1, 'realtime.stall_timeout' => 0, 'realtime.jwt_secret' => $secret);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_authenticated;
CREATE FUNCTION app.items(count integer, size integer) RETURNS TABLE (id integer, body text) STABLE LANGUAGE sql AS
	$$SELECT g, repeat(realtime.user_data()->>'letter', size) FROM generate_series(1, count) g$$;
CREATE FUNCTION app.ready() RETURNS void LANGUAGE sql AS '';
SELECT realtime.stream('app/items', 'items', 'app.items(integer,integer)'), realtime.rpc('app/ready', 'app.ready()');
});
wait_for_call($node, 'app/ready', []);

sub token { return jwt({ sub => 'ann', @_ }, secret => $secret); }
sub memory { return $node->safe_psql('postgres', 'SELECT memory FROM realtime.stat_gateway'); }

# Somebody asks for a value, and is somebody else before a byte of it has been
# read: the only executor has taken the one after the other.
sub begin
{
	my ($token) = @_;
	my $ws = ws_connect($node, receive_buffer => 4096, headers => { Authorization => 'Bearer ' . token(letter => 'x') });

	ws_send($ws, { type => 'hello', caps => ['parts'] });
	ws_raw($ws, ws_frame('text', sprintf('{"rpc":"app/items","id":"v","args":[%d,%d],"stream":true}', ITEMS, SIZE)) .
		  ws_frame('text', qq({"type":"auth","token":"$token"})));
	return $ws;
}

# What there is to say of the next frame; the bodies are too long to be parsed.
sub next_frame
{
	my ($ws) = @_;
	my $frame = ws_recv($ws) or return 'end';

	return "close " . unpack('n', $frame->[1]) if $frame->[0] eq 'close';
	return $frame->[0] if $frame->[0] ne 'text';
	return 'auth ' . ($frame->[1] =~ /"ok":true/ ? 'ok' : 'not') if $frame->[1] =~ /^\{"type":"auth"/;
	return 'other' unless $frame->[1] =~ /^\{"topic":"([^"]*)","event":"([^"]*)"/;
	return $2 ne 'v' ? "$1 $2" : join ' ', $frame->[1] =~ /"more":true/ ? 'part' : 'last',
	  scalar(() = $frame->[1] =~ /"id": ?\d+/g), $frame->[1] =~ /"y/ ? 'of another' : ();
}

# What comes up to the last part, or the end of the connection.
sub value
{
	my ($ws) = @_;
	my @frames;

	push @frames, next_frame($ws) until @frames && $frames[-1] =~ /^(last|close|end)/;
	return \@frames;
}

sub items
{
	my $sum = 0;
	$sum += /^(?:part|last) (\d+)/ ? $1 : 0 for @_;
	return $sum;
}

sub publish { $node->safe_psql('postgres', q{SELECT realtime.publish('items', 'created', '{"id": 0}')}); return; }

# The same rights, and a later end
{
	my $ws = begin(token(letter => 'x', exp => time + 3600));
	ok(poll_until(sub { memory() > 5000000 }), 'a value waits for its client');
	my $frames = value($ws);

	like("@$frames", qr/^(other )*part .*auth ok .*part .*last/, 'a token is taken between two parts');
	is(items(@$frames), ITEMS, 'the value comes whole');
	publish();
	is(next_frame($ws), 'items created', 'and then events');
	ws_close($ws);
}

# Other claims
{
	my $ws = begin(token(letter => 'y'));
	my $frames = value($ws);

	like("@$frames", qr/^(other )*part .*auth ok .*part .*last/, 'one with other claims is taken, too');
	unlike("@$frames", qr/of another/, 'nothing is mixed');
	is(ws_close_code($ws), 4408, 'and the client is to come back as who it is now');
}

# Another user
is(ws_close_code(begin(jwt({ sub => 'bob', letter => 'x' }, secret => $secret))), 4403, 'another user is not let in');
ok(poll_until(sub { memory() < 1000000 }), 'nothing is kept of what was on its way');
no_crash($node);
done_testing();
