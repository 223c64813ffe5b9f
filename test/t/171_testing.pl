# docs/testing.md: its examples are a test that passes, leave nothing behind, and are installed with a server.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $page = slurp_file("$FindBin::RealBin/../../docs/testing.md");
my @blocks = $page =~ /^```sql\n(.*?)^```$/msg;
my $node = new_node();
cmp_ok(scalar @blocks, '>', 1, 'the page has examples');

my ($rc, $out, $err) = $node->psql('postgres', join("\n", @blocks), extra_params => ['-q', '-v', 'ON_ERROR_STOP=1']);
is("$rc $err", '0 ', 'they run without an error');
like($out, qr/^1\.\.\d+$/m, 'as a test');
unlike($out, qr/^not ok|^# Looks like/m, 'which passes') or diag($out);
my ($plan) = $out =~ /^1\.\.(\d+)$/m;
is(scalar(() = $out =~ /^ok \d+/mg), $plan, 'as a whole');
is($node->safe_psql('postgres', q{SELECT count(*) FROM todo}), 0, 'and leaves nothing');

# Calls with bytes, by their declaration
my $bytes = q{
BEGIN;
CREATE SCHEMA bin;
GRANT USAGE ON SCHEMA bin TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION bin.take(bytes bytea, name text DEFAULT 'none') RETURNS jsonb LANGUAGE sql AS
	$$ SELECT jsonb_build_array(encode(bytes, 'hex'), name, realtime.user_id()) $$;
CREATE FUNCTION bin.known() RETURNS boolean LANGUAGE sql AS 'SELECT realtime.user_id() IS NOT NULL';
SELECT realtime.binary('bin/take', 'bin.take(bytea, text)', max_size => 4, guard => '{bin.known()}'), realtime.rpc('bin/text', 'bin.known()');
SELECT realtime_test.act_as('{"id": "ann"}');
};
sub binary { return $node->psql('postgres', "$bytes \\set VERBOSITY verbose\n$_[0]; ROLLBACK", extra_params => ['-q']); }
like((binary(q{SELECT realtime_test.binary('bin/take', '\x00ff00', '["a.png"]')}))[1], qr/\["00ff00", "a\.png", "ann"\]$/, 'bytes, arguments and who calls');
like((binary(q{SELECT realtime_test.binary('bin/take', '')}))[1], qr/\["", "none", "ann"\]$/, 'none of them');
for ([ q{'bin/take', '\x0102030405'}, 'RT413' ], [ q{'bin/take', '\x01', '[]', NULL}, 'RT401' ], [ q{'bin/take', '\x01', '[1, 2]'}, '22023' ],
	[ q{'bin/text', '\x01'}, 'RT400' ], [ q{'bin/none', '\x01'}, 'RT404' ], [ q{'bin/take', NULL}, '22004' ])
{
	like((binary("SELECT realtime_test.binary($_->[0])"))[2], qr/ERROR:  $_->[1]: /, "$_->[0]: $_->[1]");
}
like((binary(q{SELECT realtime_test.call('bin/take', '[]')}))[2], qr/ERROR:  RT400: /, 'without bytes it is not called');

# It goes without the other one, and goes with it
$node->safe_psql('postgres', 'DROP EXTENSION realtime_test');
$node->safe_psql('postgres', 'CREATE EXTENSION realtime_test; DROP EXTENSION realtime CASCADE');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname ~ '^realtime'}), 0, 'it goes with the extension that it tests');
done_testing();
