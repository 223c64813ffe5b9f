# Numbers that are given elsewhere: after a failover, a restore, a dump.  No
# number of before may name another event, so a new epoch begins.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $primary = new_node(
	'name' => 'primary',
	'wal_level' => 'replica',
	'max_wal_senders' => 4,
	'archive_mode' => 'on',
	'archive_command' => 'true');
my $port = PostgreSQL::Test::Cluster::get_free_port();

# What is kept of the topic, as "epoch:n event".
sub kept
{
	my ($node, $topic) = @_;
	return $node->safe_psql('postgres',
		"SELECT string_agg((seq >> 32) || ':' || (seq & 4294967295) || ' ' || coalesce(event, 'LOST'), ', ' ORDER BY seq)
		FROM realtime.replay('$topic', 0)");
}
sub publish
{
	my ($node, $topic, $event) = @_;
	return $node->safe_psql('postgres', "SELECT realtime.publish('$topic', '$event')");
}
sub epoch { return $_[0]->safe_psql('postgres', 'SELECT epoch FROM realtime.replay_epoch'); }

# A node of the same primary that listens elsewhere.
sub node_from_backup
{
	my ($name, %how) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init_from_backup($primary, 'backup', %how);
	$node->{realtime_port} = PostgreSQL::Test::Cluster::get_free_port();
	$node->append_conf('postgresql.conf', "realtime.port = $node->{realtime_port}\n");
	return $node;
}

$primary->safe_psql('postgres', q{SELECT realtime.topic('log:{name}', class => 'replay', open => true)});
is($primary->safe_psql('postgres', 'SELECT count(*) FROM realtime.replay_epoch'), 0, 'no number, no epoch');
publish($primary, 'log:a', $_) for 1 .. 3;
is(kept($primary, 'log:a'), '0:1 1, 0:2 2, 0:3 3', 'the first epoch is 0');
$primary->restart;
publish($primary, 'log:a', 4);
$primary->stop('immediate');
$primary->start;
publish($primary, 'log:a', 5);
is(kept($primary, 'log:a'), '0:1 1, 0:2 2, 0:3 3, 0:4 4, 0:5 5', 'restarts and crashes do not end it');
is(epoch($primary), 0, 'as the row says');

###########################################################################
# A hot standby, and its promotion

$primary->backup('backup');
my $standby = node_from_backup('standby', has_streaming => 1);
$standby->start;
publish($primary, 'log:a', 6);
$primary->wait_for_catchup($standby);
is(kept($standby, 'log:a'), kept($primary, 'log:a'), 'a standby can be asked for what is kept');
is($standby->safe_psql('postgres', q{SELECT realtime.seq('log:a'), realtime.seq('log:none')}), '6|0', 'and for the newest number');
is($standby->safe_psql('postgres', 'SELECT state FROM realtime.stat_scheduler'), 'absent', 'it has no scheduler');
my ($result, $out, $err) = $standby->psql('postgres', q{SELECT realtime.publish('log:a', 'e')});
like($err, qr/cannot execute realtime\.publish\(\) during recovery/, 'but not to publish');
($result, $out, $err) = $standby->psql('postgres', 'SELECT realtime.clear_replay()');
like($err, qr/cannot execute realtime\.clear_replay\(\)/, 'nor to clear');

# What the primary has told clients and the standby has never seen
$standby->stop;
publish($primary, 'log:a', 'unknown to the standby');
$primary->stop;
$standby->start;
$standby->promote;
ok($standby->poll_query_until('postgres', q{SELECT state = 'running' FROM realtime.stat_scheduler}),
	'promoted, the standby has a scheduler');
is($standby->safe_psql('postgres', q{SELECT realtime.seq('log:a')}), 6, 'promoted, the standby knows what it knows');

# Many at once find out that there is to be a new epoch.
my $script = PostgreSQL::Test::Utils::tempdir() . '/first.sql';
append_to_file($script, "SELECT realtime.publish('log:' || :client_id, 'first'), realtime.publish('log:a', 'promoted');\n");
$standby->command_ok([ 'pgbench', '-n', '-c8', '-t1', '-f', $script, 'postgres' ], 'many publish at once');
is(epoch($standby), 1, 'one new epoch has begun');
is(kept($standby, 'log:a'), '0:1 1, 0:2 2, 0:3 3, 0:4 4, 0:5 5, 0:6 6, ' . join(', ', map { "1:$_ promoted" } 1 .. 8),
	'in which numbers begin at 1');
is(kept($standby, 'log:7'), '1:1 first', 'those of other topics too');
is($standby->safe_psql('postgres', q{SELECT realtime.seq('log:none') >> 32, realtime.seq('log:none') & 4294967295}), '1|0',
	'and of topics that have none yet');
wait_for_gateway($standby);
my $ws = ws_connect($standby);
ok(poll_until(sub { ws_subscribe($ws, 'log:a')->{type} eq 'subscribed' }), 'a client subscribes');
publish($standby, 'log:a', 'last');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'last' })->{seq}, 2**32 + 9, 'and sees numbers of the epoch');
ws_close($ws);
$standby->stop;

###########################################################################
# A backup that is recovered to a point in time

$primary->start;
is(epoch($primary), 0, 'the old primary is where it was');
my $restored = node_from_backup('restored', has_restoring => 1, standby => 0);
$restored->append_conf('postgresql.conf', "recovery_target = 'immediate'\nrecovery_target_action = 'promote'\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
is(kept($restored, 'log:a'), '0:1 1, 0:2 2, 0:3 3, 0:4 4, 0:5 5', 'a backup holds what was there');
publish($restored, 'log:a', 'restored');
is(kept($restored, 'log:a'), '0:1 1, 0:2 2, 0:3 3, 0:4 4, 0:5 5, 1:1 restored', 'and begins an epoch');
$restored->stop;

###########################################################################
# Dumps

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
$primary->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'the database can be dumped');

# into another cluster
my $other = new_node(name => 'other', extension => 0);
$other->command_ok([ 'pg_restore', '-d', 'postgres', $dump ], 'and restored elsewhere');
is(epoch($other), 0, 'with its epoch');
is(kept($other, 'log:a'), '', 'and without its events');
publish($other, 'log:a', 'elsewhere');
is(kept($other, 'log:a'), '1:1 elsewhere', 'so that it begins another one');
$other->stop;

# into the same, where nothing but the tables are others
$primary->safe_psql('postgres', 'DROP EXTENSION realtime');
$primary->command_ok([ 'pg_restore', '-d', 'postgres', $dump ], 'it can be restored in its place');
is(epoch($primary), 0, 'with its epoch');
publish($primary, 'log:a', 'again');
is(kept($primary, 'log:a'), '1:1 again', 'and begins another one');

# and into another database, which then takes the place of the first
$primary->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'it can be dumped again');
$primary->safe_psql('template1', 'CREATE DATABASE copy TEMPLATE postgres');
$primary->safe_psql('template1', 'ALTER DATABASE postgres RENAME TO old');
$primary->safe_psql('template1', 'ALTER DATABASE copy RENAME TO postgres');
is(kept($primary, 'log:a'), '1:1 again', 'a copy of the database has its events');
publish($primary, 'log:a', 'copy');
is(kept($primary, 'log:a'), '1:1 again, 2:1 copy', 'and begins an epoch');

# The numbers are the extension's: without it they are forgotten.
$primary->safe_psql('postgres', q{
DROP EXTENSION realtime;
CREATE EXTENSION realtime;
SELECT realtime.topic('log:{name}', class => 'replay');
SELECT realtime.publish('log:a', 'anew')});
is(kept($primary, 'log:a'), '0:1 anew', 'another extension begins anew');

# Whoever publishes is not kept from dropping it, nor from committing when
# somebody else has dropped it.
$primary->safe_psql('postgres', q{
BEGIN;
SELECT realtime.publish('log:a', 'e'), realtime.throttle('log:a', 'e', '1', '1 s'), realtime.topic('log:{name}');
DROP EXTENSION realtime;
COMMIT;
CREATE EXTENSION realtime;
SELECT realtime.topic('log:{name}', class => 'replay')});
is(kept($primary, 'log:a'), '', 'what is published with a drop of the extension is forgotten');

$primary->safe_psql('postgres', 'CREATE TABLE written (n integer)');
my $publisher = $primary->background_psql('postgres');
my $dropper = $primary->background_psql('postgres');
my $pid = $publisher->query_safe('SELECT pg_backend_pid()');
$publisher->query_safe(q{BEGIN; SELECT realtime.publish('log:a', 'late'); INSERT INTO written VALUES (1)});
$dropper->query_safe('BEGIN; DROP EXTENSION realtime');
$publisher->query_until(qr/committing/, "\\echo committing\nCOMMIT;\n\\echo committed\n");
ok(poll_until(sub { $primary->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $pid") == 1 }),
	'somebody else drops it before the commit');
$dropper->query_safe('COMMIT');
$publisher->query_until(qr/committed/, '');
$_->quit for $publisher, $dropper;
is($primary->safe_psql('postgres', q{SELECT (SELECT count(*) FROM written), to_regclass('realtime.replay_message')}), '1|',
	'and both commit');

$primary->stop('fast');
unlike(slurp_file($_->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/, $_->name . ' has not crashed or leaked')
  for $primary, $standby, $restored, $other;

done_testing();
