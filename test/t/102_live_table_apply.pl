# Live tables where logical replication applies changes, on hot standbys, and
# after a crash.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical');
$publisher->start;
my $node = new_node(
	'wal_level' => 'replica',
	'max_wal_senders' => 4,
	'hot_standby' => 'on',
	'restart_after_crash' => 'on');

my $tables = q{
CREATE TABLE always (id integer PRIMARY KEY, n integer, wide text);
CREATE TABLE sometimes (id integer PRIMARY KEY, n integer, wide text);
CREATE TABLE part (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
};
$publisher->safe_psql('postgres', $tables);
$publisher->safe_psql('postgres', 'CREATE PUBLICATION pub FOR ALL TABLES WITH (publish_via_partition_root)');
$node->safe_psql('postgres', $tables);
$node->safe_psql('postgres', q{
SELECT realtime.topic('always', open => true), realtime.topic('sometimes', open => true),
	realtime.topic('part', open => true);
SELECT realtime.live_table('always', 'always', always => true);
SELECT realtime.live_table('sometimes', 'sometimes');
SELECT realtime.live_table('part', 'part', always => true);
});
$node->safe_psql('postgres', sprintf 'CREATE SUBSCRIPTION sub CONNECTION %s PUBLICATION pub',
	q{'} . ($publisher->connstr('postgres') =~ s/'/''/gr) . q{'});
$node->wait_for_subscription_sync($publisher, 'sub');

my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 'always')->{type} eq 'subscribed' }), 'subscribed');
ws_subscribe($ws, $_) for 'sometimes', 'part';

# What has arrived once the subscriber has applied all that was published.
sub applied
{
	my ($sql) = @_;
	my @events;

	$publisher->safe_psql('postgres', $sql);
	$publisher->wait_for_catchup('sub');
	$node->safe_psql('postgres', q{SELECT realtime.publish('always', 'end')});
	while (1)
	{
		my $frame = ws_wait($ws, sub { exists $_->{event} });
		last if $frame->{event} eq 'end';
		push @events, [ @$frame{qw(topic event data)} ];
	}
	return \@events;
}

is_deeply(applied(q{
BEGIN;
INSERT INTO always VALUES (1, 1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i));
INSERT INTO sometimes VALUES (1, 1);
INSERT INTO part VALUES (1, 1);
COMMIT;
})->[1], [ 'part', 'created', { id => 1, n => 1 } ], 'what is applied is told where it always is');
my $wide = $node->safe_psql('postgres', 'SELECT wide FROM always');
is_deeply(applied(q{UPDATE always SET n = 2; UPDATE sometimes SET n = 2; UPDATE part SET n = 2;}), [
	[ 'always', 'updated', { id => 1, n => 2, wide => $wide } ],
	[ 'part', 'updated', { id => 1, n => 2 } ],
], 'updates, with values that lie elsewhere and were not sent');
is_deeply([ map { "@$_[0, 1]" } @{ applied(q{UPDATE always SET id = 2; DELETE FROM always; DELETE FROM part;}) } ],
	[ 'always deleted', 'always created', 'always deleted', 'part deleted' ], 'another key, and deletes');
is_deeply([ sort map { "@$_[0, 1]" } @{ applied('TRUNCATE always, sometimes, part') } ],
	[ 'always truncated', 'part truncated' ], 'TRUNCATE');
$node->safe_psql('postgres', q{INSERT INTO sometimes VALUES (2)});
is(ws_wait($ws, sub { exists $_->{event} })->{topic}, 'sometimes', 'the other one is told of local changes only');
$node->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$publisher->stop;

# A hot standby has the triggers and fires none.
my $backup = 'b';
$node->backup($backup);
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, $backup, has_streaming => 1);
$standby->append_conf('postgresql.conf',
	'realtime.port = ' . PostgreSQL::Test::Cluster::get_free_port());
$standby->start;
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM realtime.live_tables'), 3, 'a standby has the live tables');
my ($status, undef, $stderr) = $standby->psql('postgres', 'INSERT INTO always VALUES (1)');
like($stderr, qr/cannot execute INSERT in a read-only transaction/, 'and does not write them');
($status, undef, $stderr) = $standby->psql('postgres', q{SELECT realtime.live_table('always', 'x')});
like($stderr, qr/ERROR: .*(recovery|read-only)/, 'nor declares any');
$standby->promote;
$standby->safe_psql('postgres', 'INSERT INTO always VALUES (1)');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM always'), 1, 'until it is promoted');
$standby->stop;

# A crash in the middle of transactions: what had committed is there, and goes on.
$node->safe_psql('postgres', q{SELECT realtime.topic('kept', class => 'replay', replay_size => 10000000);
	SELECT realtime.live_table('always', 'kept')});
my $pgbench = $node->basedir . '/insert.sql';
append_to_file($pgbench, "INSERT INTO always SELECT nextval('n'), 1 FROM generate_series(1, 3);\n");
$node->safe_psql('postgres', 'CREATE SEQUENCE n; TRUNCATE always');
my $load = IPC::Run::start([ 'pgbench', '-n', '-c', '4', '-T', '100', '-f', $pgbench,
	'-h', $node->host, '-p', $node->port, 'postgres' ], '>', '/dev/null', '2>', '/dev/null');
ok($node->poll_query_until('postgres', 'SELECT count(*) > 300 FROM always'), 'rows are written');
$node->stop('immediate');
$load->finish;
$node->start;
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM always a FULL JOIN
		(SELECT (data::jsonb ->> 'id')::integer AS id FROM realtime.replay_message WHERE event = 'created') m USING (id)
	WHERE a.id IS NULL OR m.id IS NULL}), 0, 'after a crash the events are those of the rows');
is($node->safe_psql('postgres', q{
	SELECT count(*) - (max(seq) - min(seq) + 1) FROM realtime.replay_message WHERE topic = 'kept'}), 0,
	'without a gap');
wait_for_gateway($node);
$node->safe_psql('postgres', 'INSERT INTO always VALUES (0)');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, 'nothing has crashed of itself');

done_testing();
