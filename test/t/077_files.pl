# The files of realtime.document_root: what is served, and what is not.
use strict;
use warnings;

use POSIX qw(mkfifo);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

my $place = PostgreSQL::Test::Utils::tempdir;
my $root = "$place/root";
my $random = join '', map { pack 'L', int rand 2**32 } 1 .. 750_000;
mkdir $_ for $root, "$root/sub", "$root/sub/empty", "$root/a b\xc3\xa9";
append_to_file("$place/$_->[0]", $_->[1]) for (
	[ 'secret.txt', 'secret' ], [ 'index.html', 'secret' ],
	[ 'root/index.html', 'start' ], [ 'root/sub/index.html', 'below' ],
	[ 'root/page.txt', 'page' ], [ "root/a b\xc3\xa9/index.html", 'odd' ],
	[ 'root/empty.txt', '' ],
	map({ [ "root/file.$_", $_ ] } qw(mjs wasm webp pdf svg unknown JS)), [ 'root/none', 'none' ]);
open my $out, '>:raw', "$root/large.bin" or die;
print $out $random;
close $out;
symlink "$place/secret.txt", "$root/outside.txt";
symlink '../secret.txt', "$root/above.txt";
symlink '..', "$root/up";
symlink "$place", "$root/away";
symlink 'page.txt', "$root/link.txt";
symlink 'sub', "$root/folder";
symlink 'loop', "$root/loop";
symlink '/proc/self/environ', "$root/proc.txt";
mkfifo("$root/pipe", 0666) or die;

my $node = new_node('realtime.document_root' => $root);
my $host = "Host: localhost\r\n";

# The status, headers and body for a path, which is sent as it is.
sub get
{
	my ($path, %header) = @_;
	my $more = join '', map { "$_: $header{$_}\r\n" } sort keys %header;
	my $answer = http_raw($node, "GET $path HTTP/1.1\r\n$host${more}Connection: close\r\n\r\n") // 'nothing';
	my ($head, $body) = split /\r\n\r\n/, $answer, 2;
	my ($status) = $head =~ m{\AHTTP/1.1 (\d{3}) };
	my %found = map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } split /\r\n/, $head;
	return ($status, \%found, $body);
}

# What is served
my %file = (
	'/' => 'start', '/index.html' => 'start', '/page.txt' => 'page', '//page.txt' => 'page',
	'/sub/' => 'below', '/sub/index.html' => 'below', '/sub/../page.txt' => 'page', '/./page.txt' => 'page',
	'/page.txt?a=b' => 'page', '/%70age.txt' => 'page', '/empty.txt' => '', '/none' => 'none',
	'/link.txt' => 'page', '/folder/' => 'below', '/folder/index.html' => 'below',
	'/a%20b%C3%A9/' => 'odd', 'http://localhost/page.txt' => 'page');
for (sort keys %file)
{
	my ($status, $headers, $body) = get($_);
	is("$status $body", "200 $file{$_}", "$_ is served");
	is($headers->{'content-length'}, length $file{$_}, 'with its length');
}
my %type = (
	'/' => 'text/html; charset=utf-8', '/page.txt' => 'text/plain; charset=utf-8',
	'/file.mjs' => 'text/javascript; charset=utf-8', '/file.JS' => 'text/javascript; charset=utf-8',
	'/file.wasm' => 'application/wasm', '/file.webp' => 'image/webp', '/file.pdf' => 'application/pdf',
	'/file.svg' => 'image/svg+xml', '/file.unknown' => 'application/octet-stream',
	'/none' => 'application/octet-stream');
is((get($_))[1]{'content-type'}, $type{$_}, "the type of $_") for sort keys %type;
my (undef, $headers) = get('/');
like($headers->{'content-security-policy'}, qr/default-src 'none'.*script-src 'self'/, 'pages run no scripts inside');
is($headers->{'x-content-type-options'}, 'nosniff', 'and nobody guesses types');
my $answer = http_raw($node, "HEAD /page.txt HTTP/1.1\r\n${host}Connection: close\r\n\r\n");
like($answer, qr{\AHTTP/1.1 200 OK\r\n.*\r\nContent-Length: 4\r\n.*\r\n\r\n\z}s, 'HEAD gets a head');
like(http_raw($node, "POST /page.txt HTTP/1.1\r\n${host}Connection: close\r\n\r\n"),
	qr{\AHTTP/1.1 405 .*\r\nAllow: GET, HEAD\r\n}s, 'POST nothing');

# Folders
for ([ '/sub', '/sub/' ], [ '//sub', '/sub/' ], [ '/folder', '/folder/' ], [ '/sub?a=b', '/sub/?a=b' ],
	[ '/a%20b%C3%A9', '/a%20b%C3%A9/' ], [ '/sub/../sub', '/sub/' ], [ '/sub/empty', '/sub/empty/' ])
{
	my ($status, $headers) = get($_->[0]);
	is("$status $headers->{location}", "301 $_->[1]", "$_->[0] is at $_->[1]");
}
is((get('/sub/empty/'))[0], 404, 'a folder without a page');
is((get('/page.txt/'))[0], 404, 'a file is no folder');

# Tags
(my $status, $headers) = get('/page.txt');
my $tag = $headers->{etag};
like($tag, qr/\A"[^"]+"\z/, 'a file has a tag');
is($headers->{'cache-control'}, 'no-cache', 'and is asked for again');
for ($tag, "W/$tag", "\"x\", $tag", "\"a,b\" ,$tag", '*')
{
	my ($status, $headers, $body) = get('/page.txt', 'If-None-Match' => $_);
	is("$status $body", '304 ', "who has it does not get it again ($_)");
	is($headers->{etag}, $tag, 'but its tag');
}
is((get('/page.txt', 'If-None-Match' => $_))[0], 200, "who has another does ($_)") for '"x"', substr($tag, 1), '""';
append_to_file("$root/page.txt", 's');
($status, undef, my $body) = get('/page.txt', 'If-None-Match' => $tag);
is("$status $body", '200 pages', 'and so does everybody when it has changed');

# What is not served
for (
	'/none.txt', '/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt',
	'/%2e%2e%2fsecret.txt', '/sub/../../secret.txt', '/sub/..%2f..%2fsecret.txt',
	'/..%00', '/..%00/', '/sub/..%00/../../secret.txt', '//../secret.txt', '/..//secret.txt',
	'/....//secret.txt', '/..;/secret.txt', '/%c0%ae%c0%ae/secret.txt', '/%252e%252e/secret.txt',
	'/..\\secret.txt', '/.%2e/.%2e/secret.txt', '/' . '../' x 50 . 'secret.txt',
	'/' . 'a' x 5000, '/' . 'a/' x 2500, "$place/secret.txt", "/$place/secret.txt", '/page.txt%00.html',
	'/outside.txt', '/above.txt', '/up', '/up/', '/up/secret.txt', '/up/root/page.txt', '/away', '/away/',
	'/away/secret.txt', '/loop', '/proc.txt', '/pipe', '/pipe/')
{
	my ($status, undef, $body) = get($_);
	my $shown = length $_ > 60 ? substr($_, 0, 60) . '...' : $_;
	like($status // 'nothing', qr/\A40[04]\z/, "$shown is not served");
	unlike($body // '', qr/secret\z|\Apage/, 'and gives nothing away');
}

# Whole files, however slowly they are read, and what is asked for behind them
my $socket = tcp_connect($node, receive_buffer => 4096);
$answer = http_raw($socket, "GET /large.bin HTTP/1.1\r\n$host\r\n"
	  . "GET /page.txt HTTP/1.1\r\n$host\r\nGET /large.bin HTTP/1.1\r\n$host\r\n"
	  . "GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n");
my @body;
while ($answer =~ s/\AHTTP.*?\r\nContent-Length: (\d+)\r\n.*?\r\n\r\n//s)
{
	push @body, substr $answer, 0, $1, '';
}
is(scalar @body, 4, 'four answers');
ok($body[0] eq $random && $body[2] eq $random, 'large files come as they are');
is("$body[1] $body[3]", "pages ready\n", 'so does what is asked for between them');
my ($began, $read) = (time, '');
$socket = tcp_connect($node, receive_buffer => 4096);
syswrite $socket, "GET /large.bin HTTP/1.1\r\n${host}Connection: close\r\n\r\n";
while (IO::Select->new($socket)->can_read(soon()))
{
	sysread $socket, $read, 3001, length $read or last;
	is((get('/healthz'))[0], 200, 'others are served meanwhile') if !(length($read) % 301);
}
$read =~ s/\A.*?\r\n\r\n//s;
ok($read eq $random, 'in small pieces');
ok((grep { $_ eq $random } map { (get('/large.bin'))[2] } 1 .. 5) == 5, 'again and again');

# A file that shrinks while it is sent cannot be whole: the connection ends.
open $out, '>:raw', "$root/shrinks.bin" or die;
print $out $random x 10;
close $out;
$socket = tcp_connect($node, receive_buffer => 4096);
syswrite $socket, "GET /shrinks.bin HTTP/1.1\r\n$host\r\n";
sysread $socket, $read, 1000 or die;
truncate "$root/shrinks.bin", 10 or die;
$answer = http_raw($socket, '');
ok(defined $answer && length $answer < 10 * length $random, 'a file that shrinks ends its connection');

# A client that hangs up in the middle
for (1 .. 5)
{
	$socket = tcp_connect($node);
	syswrite $socket, "GET /large.bin HTTP/1.1\r\n$host\r\n";
	sysread $socket, $read, 1000;
	close $socket;
}
my $pid = $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway');
ok(poll_until(sub { !grep { (readlink($_) // '') =~ /\Q$root/ } glob "/proc/$pid/fd/*" }),
	'files are closed');
ok($node->poll_query_until('postgres', 'SELECT memory = 0 FROM realtime.stat_gateway'), 'and nothing is kept');

# Somebody waits for the pipe to be read: the server stops nevertheless.
is((get('/pipe'))[0], 404, 'a pipe is not opened');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
