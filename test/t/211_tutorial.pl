# docs/tutorial.md, followed from its commands only: they are run as they stand there, in
# order, with a home of their own.  What would change this machine is done to the test's
# server instead: sudo, systemctl, apt-get and make are programs of the test.
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Path qw(make_path);
use IPC::Run qw(run);
use Test::More;

use PostgreSQL::Test::Utils;
use RealtimeSnippets;
use RealtimeTest;

my $top = $ENV{RT_TOP};
my $modules = "$top/test/node/node_modules";
plan skip_all => 'the packages of npm are not there' unless -d "$modules/ws";

my $node = new_node(start => 0, extension => 0);
my $port = gateway_port($node);
my $home = PostgreSQL::Test::Utils::tempdir_short();
my $bin = "$home/bin";
make_path($bin, "$home/srv");
symlink $top, "$home/realtime" or die;

# The programs that would change the machine
sub program
{
	my ($name, $text) = @_;
	append_to_file("$bin/$name", "#!/bin/bash\n$text\n");
	chmod 0755, "$bin/$name";
	return;
}
program('sudo', '[ "$1" != -u ] || shift 2; exec env PGHOST=' . $node->host . ' PGPORT=' . $node->port . ' PGDATABASE=postgres "$@"');
program('apt-get', 'case $1 in update) exit ;; esac; shift 2; for p in "$@"; do [ "$p" = nodejs -o "$p" = npm ] || dpkg -s "$p" >/dev/null 2>&1 || apt-cache show "$p" >/dev/null || exit 1; done');
program('make', 'exit 0');		# it is built and installed already
program('npm', qq{case \$1 in install) ln -s "$modules" node_modules ;; *) exec "\$(PATH=\${PATH#*:} command -v npm)" "\$@" ;; esac});
program('systemctl', '[ "$*" = "restart postgresql@15-main" ] && exec pg_ctl -D "' . $node->data_dir . '" -s -w -l "' . $node->logfile . '" start');

# Other places and another port than those that people have
sub here
{
	my ($text) = @_;
	$text =~ s{\b7432\b}{$port}g;
	$text =~ s{/srv/}{$home/srv/}g;
	$text =~ s{/etc/postgresql/15/main/conf\.d/realtime\.conf}{"$home/realtime.conf"}ge;
	return $text;
}
append_to_file("$home/realtime.conf", '');
$node->append_conf('postgresql.conf', "realtime.port = $port\ninclude = '$home/realtime.conf'\n");

local $ENV{HOME} = $home;
local $ENV{PATH} = "$bin:$ENV{PATH}";
local $ENV{PORT} = $port;
delete local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)};

my %output;
my @blocks = grep { $_->{language} eq 'sh' } snippets("$top/docs/tutorial.md");
for my $block (@blocks)
{
	my $output = '';
	# A shell of each reader's, who stops where something fails
	my $ok = run([ 'bash', '-e', '-O', 'expand_aliases' ], \here($block->{text}), '>&', \$output);
	ok($ok, "line $block->{line} works") or diag($output), last;
	$output{ $block->{line} } = $output;
}
my $all = join '', map { $output{ $_->{line} } // '' } @blocks;
like($all, qr/migrated: 001_list.*localhost:$port/s, 'the application is started');
like($all, qr/migrated: 002_who/, 'and changed');
like($all, qr/"title":"Bread, says psql","done":false,"who":null/, 'what psql has written is there over HTTP, with the new column');
like($all, qr/# pass 4\b/, 'its tests pass');
like($all, qr/\(0 rows\)\s+ready/, 'the server has nothing to complain of');
like($all, qr/<h1>A shared list/, 'and the page');

ok(wait_for_call($node, 'list/bring', [ 1, 'Ann' ]) || 1, 'calls are served');
is($node->safe_psql('postgres', "SELECT count(*) FROM app.item WHERE who IS NOT NULL"), '0', 'nobody brings what is not there');
$node->_update_pid(1);
$node->stop;
done_testing();
