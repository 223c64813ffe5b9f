# docs/internet.md, followed: the settings, nginx's configuration and the SQL of that
# page are taken from it as they stand there, with other ports and folders.
use strict;
use warnings;

use IO::Socket::SSL;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimePort;
use RealtimeTest;
use RealtimeToken;

my $json = JSON::PP->new->canonical;
my $true = JSON::PP::true;
my ($nginx) = grep { -x $_ } map { "$_/nginx" } "$ENV{RT_WORK}/unpacked/usr/sbin", '/usr/sbin', split /:/, $ENV{PATH};
plan skip_all => 'there is no nginx' unless $nginx;

# The page: code of each section, by its language
my %page;
{
	my ($section, $language) = ('', undef);
	for my $line (split /^/m, slurp_file("$ENV{RT_TOP}/docs/internet.md"))
	{
		$section = $1 if !$language && $line =~ /^## (\d)/;
		if ($line =~ /^```(\w*)/) { $language = $language ? undef : $1 }
		elsif ($language) { $page{$section}{$language} .= $line }
	}
}

# An authority, and a certificate for the name of the page
my $folder = PostgreSQL::Test::Utils::tempdir();
my $name = 'app.example.com';
chmod 0755, $folder;
system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', "/CN=$name",
	'-addext', "subjectAltName=DNS:$name", '-days', '1', '-keyout', "$folder/privkey.pem", '-out', "$folder/fullchain.pem");
chmod 0600, "$folder/privkey.pem";
my ($public, $private) = key_pair($folder, 'ed25519');
append_to_file("$folder/jwks.json", $json->encode({ keys => [ $json->decode(okp_jwk($public, 'k')) ] }));

# As it stands there, but for ports, folders and the one database of the test
my $node = new_node(start => 0);
my $port = gateway_port($node);
my $front = reserve_port($port + 1);
sub here
{
	my ($text) = @_;
	$text =~ s{/etc/ssl/realtime}{$folder}g;
	$text =~ s{/var/log/nginx}{$folder}g;
	$text =~ s{listen 443 ssl}{listen 127.0.0.1:$front ssl};
	$text =~ s{127\.0\.0\.1:7432}{127.0.0.1:$port}g;
	$text =~ s{^realtime\.port = \d+}{realtime.port = $port}mg;
	$text =~ s{^realtime\.listen_addresses = '\*'}{realtime.listen_addresses = '127.0.0.1'}mg;
	return $text;
}
ok($page{$_->[0]}{$_->[1]}, "section $_->[0] has $_->[1]") for [ 1, 'ini' ], [ 2, 'ini' ], [ 3, 'ini' ], [ 3, 'nginx' ], [ 4, 'ini' ], [ 4, 'sql' ], [ 5, 'sh' ], [ 5, 'sql' ];
$node->append_conf('postgresql.conf', here($page{1}{ini} . $page{2}{ini} . $page{4}{ini}));
$node->start;
is($node->psql('postgres', here($page{4}{sql}), on_error_stop => 1), 0, 'the SQL runs');

my %tls = (SSL_ca_file => "$folder/fullchain.pem", SSL_verifycn_name => $name, SSL_verifycn_scheme => 'http', SSL_hostname => $name);
$node->{realtime_tls} = \%tls;
my $now = time;
sub token { return jwt({ iss => 'https://id.example.com/', aud => 'app', sub => $_[0], exp => $now + 3600 }, alg => 'EdDSA', key => $private, kid => 'k') }
sub enter
{
	my ($who, %header) = @_;
	return ws_connect($node, headers => { Host => $name, Origin => "https://$name", Authorization => 'Bearer ' . token($who), %header });
}
sub refused { my $ws = eval { ws_connect($node, headers => { Host => $name, @_ }) } or return $@ =~ /(\d{3})/ ? $1 : $@; return ws_close_code($ws) }

# The requests of section 5: method, path, headers and what they are answered with
my @checks;
for my $line (split /\n/, $page{5}{sh})
{
	next unless $line =~ m{^curl (.*) https://\Q$name\E(/\S*)\s+# (\d+)$};
	my ($options, $path, $status) = ($1, $2, $3);
	my %header = $options =~ /-H '([^:]+): ([^']+)'/g;
	push @checks, [ $options =~ /-X POST/ ? 'POST' : 'GET', $path, \%header, $status ];
}
cmp_ok(scalar @checks, '>=', 5, 'requests to check it with');

sub request
{
	my ($method, $path, %header) = @_;
	return (http_request($node, "$method $path", Host => $name, ($method eq 'POST' ? ('Content-Length' => 0) : ()), %header))[0];
}

# What holds in both ways
sub check_service
{
	my ($how) = @_;
	ok(poll_until(sub { eval { ws_call(enter('ann'), 'note/add', ['x'])->{ok} } }), "$how: who has a token comes in");
	my ($ann, $bob) = map { enter($_) } qw(ann bob);
	my $query = ws_call($ann, 'note/all', [], stream => $true);
	ok($query->{ok}, 'and follows what is hers');
	my $before = @{ $query->{data} };
	ok(ws_call($bob, 'note/add', ["of bob, $how"])->{ok}, 'another one writes');
	ok(ws_call($ann, 'note/add', ["of ann, $how"])->{ok}, 'and she does');
	my $event = ws_wait($ann, sub { ($_->{topic} // '') eq $query->{topic} });
	is_deeply([ $event->{event}, $event->{data}{body} ], [ 'created', "of ann, $how" ], 'she gets her own and not the other\'s');
	is(refused(), 4401, 'nobody comes in without a token');
	is(refused(Authorization => 'Bearer ' . jwt({ iss => 'https://id.example.com/', aud => 'other', sub => 'ann' }, alg => 'EdDSA', key => $private, kid => 'k')), 4401,
		'nor with one for somebody else');
	is(refused(Origin => 'https://evil.example', Authorization => 'Bearer ' . token('ann')), 403, 'nor from a page of another');
	my ($status, undef, $body) = http_request($node, 'GET /__realtime/load/note/all', Host => $name, Authorization => 'Bearer ' . token('ann'));
	is($status, 200, 'a page is rendered');
	unlike($body, qr/of bob/, 'of what is hers');
	is((map { my $code; for my $n (1 .. 25) { $code = ws_call($bob, 'note/add', ['x'])->{code} and last } $code } 1)[0], 'RATE_LIMITED', 'who writes too much waits');
	return;
}

# TLS in the gateway
check_service('TLS in the gateway');
is(request($_->[0], $_->[1], %{ $_->[2] }), $_->[3], "$_->[0] $_->[1] " . $json->encode($_->[2])) for @checks;
is($node->safe_psql('postgres', $page{5}{sql} =~ s/SELECT name.*//sr), '', 'realtime.check() finds nothing');

# TLS in nginx: the gateway without
$node->append_conf('postgresql.conf', "realtime.tls_cert_file = ''\nrealtime.tls_key_file = ''\n" . here($page{3}{ini}));
$node->restart;
my $conf = here($page{3}{nginx});
append_to_file("$folder/nginx.conf", <<"CONF");
pid $folder/nginx.pid;
daemon on;
error_log $folder/error.log;
events { worker_connections 256; }
http {
	client_body_temp_path $folder/body;
	proxy_temp_path $folder/proxy;
	fastcgi_temp_path $folder/fastcgi;
	uwsgi_temp_path $folder/uwsgi;
	scgi_temp_path $folder/scgi;
$conf
}
CONF
mkdir "$folder/empty";
command_ok([ $nginx, '-q', '-t', '-p', "$folder/empty", '-c', "$folder/nginx.conf" ], 'nginx takes the configuration');
system_or_bail($nginx, '-p', "$folder/empty", '-c', "$folder/nginx.conf");
END { system('kill', slurp_file("$folder/nginx.pid") =~ s/\s//gr) if defined $folder && -e "$folder/nginx.pid" }
$node->{realtime_port} = $front;
check_service('TLS in nginx');
for my $check (@checks)
{
	my ($method, $path, $header, $status) = @$check;
	next if $path eq '/healthz' || exists $header->{Host};
	is(request($method, $path, %$header), $status, "$method $path by nginx");
}
is(request('GET', '/healthz'), 404, 'other paths are not passed on');
is(request('GET', '/metrics'), 404, 'nor is what is for the operator');

# Who a client is
my $ws = enter('carol', 'X-Forwarded-For' => '6.6.6.6');
ws_call($ws, 'note/add', ['x']);
is($node->safe_psql('postgres', q{SELECT DISTINCT remote_address FROM realtime.connections WHERE user_id = 'carol'}), '127.0.0.1', 'a client does not say where it is');
unlike(slurp_file("$folder/realtime.log"), qr/token|eyJ|\?/, 'no query is in the log of nginx');
like(slurp_file("$folder/realtime.log"), qr/"GET \/ws" 101/, 'what has been done is');
unlike(slurp_file($node->logfile), qr/PANIC: |TRAP:|was terminated by signal/, 'nothing has crashed');

done_testing();
