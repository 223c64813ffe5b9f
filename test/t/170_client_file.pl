# The client for pages, as gateways serve it: what a page gets, who may have it, what is not sent twice, and
# that nothing else is reached.
use strict;
use warnings;

use FindBin;
use IO::Uncompress::Gunzip qw(gunzip);
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $root = PostgreSQL::Test::Utils::tempdir;
mkdir "$root/realtime";
append_to_file("$root/$_", 'of the folder') for 'realtime/client.js', 'page.txt';
my $node = new_node('realtime.allowed_origins' => 'same-origin, https://app.example', 'realtime.upgrade_rate' => 0,
	'realtime.document_root' => $root);
sub get { my ($path, %headers) = @_; return http_request($node, "GET $path", %headers); }

my $dist = "$FindBin::RealBin/../../client/dist";
my %entry = map { (s/^\Q$dist\E/\/realtime/r) => $_ } glob("$dist/client.js $dist/client/*.js");
ok($entry{'/realtime/client.js'}, 'the client is there');

for my $path (sort keys %entry)
{
	my ($status, $headers, $body) = get($path);
	is($status, 200, "$path is there");
	is($headers->{'content-type'}, 'text/javascript; charset=utf-8', 'as a script');
	ok($body eq slurp_file($entry{$path}), 'as it was built');
	($status, $headers, my $zipped) = get($path, 'Accept-Encoding' => 'br, gzip');
	is($headers->{'content-encoding'}, 'gzip', 'compressed if the client takes that');
	gunzip(\$zipped, \my $text);
	ok($text eq $body, 'to the same');
	cmp_ok(length $zipped, '<', length($body) / 2 + 200, 'and short');
}

# What a client has
my ($status, $headers, $body) = get('/realtime/client.js');
my $tag = $headers->{etag};
like($tag, qr{\AW/"[0-9a-f]{16}"\z}, 'it has a tag');
is($headers->{'cache-control'}, 'no-cache', 'and is asked for again');
like($headers->{vary}, qr/Accept-Encoding/, 'as what the client takes decides');
for ($tag, substr($tag, 2), "\"x\", $tag", '*')
{
	my ($status, $headers, $body) = get('/realtime/client.js', 'If-None-Match' => $_, 'Accept-Encoding' => 'gzip');
	is("$status $body $headers->{etag}", "304  $tag", "who has it does not get it again ($_)");
}
is((get('/realtime/client.js', 'If-None-Match' => '"x"'))[0], 200, 'who has another one does');
is((get('/realtime/client.js', 'Accept-Encoding' => 'gzip;q=0'))[1]{'content-encoding'}, undef, 'who takes no gzip gets none');
my $head = http_raw($node, "HEAD /realtime/client.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
like($head, qr{\AHTTP/1.1 200 OK\r\n.*\r\nContent-Length: @{[length $body]}\r\n.*\r\n\r\n\z}s, 'HEAD gets the head');
is((http_request($node, 'POST /realtime/client.js'))[0], 405, 'POST nothing');

# From other origins
($status, $headers) = get('/realtime/client.js', Origin => 'https://app.example');
is("$status $headers->{'access-control-allow-origin'}", '200 https://app.example', 'a page of an allowed origin may have it');
($status, $headers) = get('/realtime/client.js', Origin => 'https://app.example', 'If-None-Match' => $tag);
is("$status $headers->{'access-control-allow-origin'}", '304 https://app.example', 'and keep it');
($status, $headers) = get('/realtime/client.js', Origin => 'https://other.example');
is($status, 403, 'one of another origin may not');
is($headers->{'access-control-allow-origin'}, undef, 'and is not told that it may');
is((get('/realtime/client.js', 'Sec-Fetch-Site' => 'cross-site'))[0], 403, 'nor without a word of where it is from');
is((get('/realtime/client.js', 'Sec-Fetch-Site' => 'same-origin'))[0], 200, 'the own page may');

# What is not there
for (qw(/realtime/client /realtime/client/ /realtime/client/nothing.js /realtime/client.js/ /realtime/client.jsx
	/realtime/client/../../page.txt /realtime/client/%2e%2e/client.js /realtime/client/..%2fclient.js
	/realtime/client%00.js /realtime/client/client/client.js))
{
	my ($status, undef, $body) = get($_);
	like("$status $body", qr/\A40[04] |\A200 (?:of the folder|\Q${\ slurp_file("$dist\/client.js")}\E)\z/, "$_ leads nowhere else");
}

# It can be turned off, and then it is a file like any other
$node->append_conf('postgresql.conf', 'realtime.serve_client = off');
$node->reload;
ok(poll_until(sub { (get('/realtime/client.js'))[2] eq 'of the folder' }), 'it is not served any more');

done_testing();
