# Settings that are refused, states that are logged, and how a connection that
# the server ends is closed.

use strict;
use warnings;

use RealtimeTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('realtime.idle_timeout' => '1s', 'realtime.ping_interval' => '0');
my $log = sub { slurp_file($node->logfile) };

# Settings

sub refused
{
	my ($setting, $value, $detail, $name) = @_;
	my ($rc, $out, $err) =
	  $node->psql('postgres', "ALTER SYSTEM SET $setting = '$value'");

	like($err, qr/invalid value for parameter "$setting".*$detail/s, $name);
}

refused('realtime.allowed_origins', 'https://a.example/', 'is no origin', 'an origin has no path');
refused('realtime.allowed_origins', 'a.example', 'is no origin', 'nor is a bare host one');
refused('realtime.allowed_origins', 'https://*.example', 'is no origin', 'nor a pattern');
is($node->psql('postgres',
	"ALTER SYSTEM SET realtime.allowed_origins = 'same-origin', 'https://a.example', 'http://localhost:5173', 'capacitor://localhost'"),
	0, 'a list of origins is taken');
refused('realtime.allowed_hosts', 'http://a.example', 'is no host', 'a host has no scheme');
refused('realtime.allowed_hosts', 'a.example:80', 'is no host', 'nor a port');
refused('realtime.allowed_hosts', 'a.*', 'is no host', 'and an asterisk only before it');
is($node->psql('postgres', "ALTER SYSTEM SET realtime.allowed_hosts = 'a.example', '*.b.example', '::1', '[2001:db8::1]', '192.0.2.1', '*'"),
	0, 'a list of hosts is taken');
refused('realtime.document_root', 'files', 'absolute path', 'a document root is absolute');
refused('realtime.path', '/healthz', 'health checks', 'the path of health checks is taken');
refused('realtime.path', '/a?b', 'cannot contain', 'a path has no query');

# States

$node->safe_psql('postgres', 'DROP EXTENSION realtime');
ok(poll_until(sub { $log->() =~ /realtime waits for its extension.*CREATE EXTENSION realtime/s }),
	'a dropped extension is logged');
my $ready = () = $log->() =~ /realtime is ready to call functions of database "postgres"/g;
is($ready, 1, 'it had been ready before, and said so once');
$node->safe_psql('postgres', 'CREATE EXTENSION realtime');
ok(poll_until(sub {
	my $count = () = $log->() =~ /realtime is ready to call functions/g;
	$count == 2 }), 'a created one as well');

# One close frame, not two

my $ws = ws_connect($node);
is(ws_close_code($ws), 1001, 'a silent connection is closed');
ws_raw($ws, ws_frame('close', pack 'n', 1001));
is(ws_recv($ws), undef, 'the answer to a close is not answered');

$node->stop('fast');
done_testing();
