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

# It goes without the other one, and goes with it
$node->safe_psql('postgres', 'DROP EXTENSION realtime_test');
$node->safe_psql('postgres', 'CREATE EXTENSION realtime_test; DROP EXTENSION realtime CASCADE');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname ~ '^realtime'}), 0, 'it goes with the extension that it tests');
done_testing();
