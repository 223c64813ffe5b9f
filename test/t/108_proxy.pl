# Behind a proxy: whom a request is from is what a trusted one says, and only it.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.upgrade_rate' => 3, 'realtime.trusted_proxies' => '192.0.2.7, fd00::/8');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.where(request jsonb) RETURNS jsonb LANGUAGE sql AS
$$SELECT jsonb_build_object('id', 'x', 'from', request -> 'remote_address')$$;
CREATE FUNCTION app.me() RETURNS jsonb STABLE LANGUAGE sql AS
$$SELECT realtime.user_data() || jsonb_build_object('address', host(realtime.remote_address()))$$;
SELECT realtime.rpc('app/me', 'app.me()'), realtime.hook('authenticate', 'app.where(jsonb)');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub trust
{
	my %setting = @_;
	sql(join '', map { "ALTER SYSTEM SET $_ = $setting{$_};" } sort keys %setting);
	$node->reload;
	return;
}

# A connection with these headers, and where its client is; the setting may have
# to be read first.
sub from
{
	my %headers = @_;
	my $ws = ws_connect($node, headers => \%headers);
	my ($from, $address) = @{ ws_call($ws, 'app/me', [])->{data} }{qw(from address)};
	my $shown = sql("SELECT host(remote_address) FROM realtime.connections WHERE connection_id = '$ws->{welcome}{sessionId}'");
	ws_close($ws);
	is($address, $shown, 'a call knows where it comes from');
	return "$from $shown";
}

my $last = 0;
sub somebody { return '198.51.100.' . ++$last; }

is(from('X-Forwarded-For' => somebody()), '127.0.0.1 127.0.0.1', 'who is not trusted says nothing');
trust('realtime.trusted_proxies' => q{'192.0.2.7, 127.0.0.0/8, fd00::/8'});
my $who;
ok(poll_until(sub { $who = somebody(); from('X-Forwarded-For' => "6.6.6.6, $who, 192.0.2.7") eq "$who $who" }),
	'a trusted proxy says who it is');
is(from('X-Forwarded-For' => '2001:db8::7', Forwarded => 'for=6.6.6.6'), '2001:db8::7 2001:db8::7', 'in the one header');
my @limited = map { eval { ws_connect($node, headers => { 'X-Forwarded-For' => '203.0.113.9' }); 101 } // $@ } 1 .. 4;
is_deeply([ grep { $_ eq '101' } @limited ], [ 101, 101, 101 ], 'each client has its own rate');
like($limited[3], qr/429/, 'which ends');
is(from('X-Forwarded-For' => '203.0.113.10'), '203.0.113.10 203.0.113.10', 'and others have theirs');
my ($status, undef, $body) = http_request($node, 'POST /__ws/auth', 'X-Forwarded-For' => '203.0.113.10', 'Content-Length' => 0);
is($status, 204, 'who asks over HTTP is somebody, too');

trust('realtime.forwarded_header' => q{'forwarded'});
ok(poll_until(sub { $who = somebody(); from(Forwarded => "for=6.6.6.6, for=\"$who:99\";proto=https", 'X-Forwarded-For' => '6.6.6.6')
	eq "$who $who" }), 'or in the other');

my ($rc, $out, $err) = $node->psql('postgres', q{ALTER SYSTEM SET realtime.trusted_proxies = '10.0.0.0/40'});
like($err, qr/is no address or network/, 'what is no network is refused');

$node->stop('fast');
no_crash($node);

done_testing();
