# One transaction that changes a million rows of live tables needs no more
# memory than one that changes some hundred, and its subscribers are told to
# load again.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.live_table_memory' => '1MB',
	'fsync' => 'off', 'max_wal_size' => '4GB');
$node->safe_psql('postgres', q{
SELECT realtime.topic('all', open => true), realtime.topic('list:{list}', open => true);
CREATE TABLE counter (n integer, wide text);
SELECT realtime.live_table('counter', 'all', key => 'n');
CREATE TABLE todo (list integer, title text);
SELECT realtime.live_table('todo', 'list:{list}', key => 'list');
CREATE TABLE flag (id integer PRIMARY KEY, name text, hidden integer DEFAULT 0);
SELECT realtime.live_table('flag', 'all', columns => '{name}');
});

# What the memory contexts of a session hold, in kB
sub memory_of
{
	my ($session) = @_;
	return $session->query_safe('SELECT sum(used_bytes) / 1024 FROM pg_backend_memory_contexts') =~ s/\..*//r;
}

# The events of a topic end with a marker; returns how many came before it.
sub events_before_marker
{
	my ($ws, $topic) = @_;
	my $events = 0;

	while (1)
	{
		my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq $topic });
		last if $frame->{event} eq 'truncated';
		$events++;
	}
	pass("subscribers of $topic are told to load again");
	return $events;
}

my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 'all')->{type} eq 'subscribed' }), 'subscribed');
ws_subscribe($ws, $_) for 'list:1', 'list:99999';
my $session = $node->background_psql('postgres');

# One topic, and one for each row: these are too many to note them one by one.
for my $case ([ 'counter', 'all' ], [ 'todo', 'list:1', 'list:99999' ])
{
	my ($table, @topics) = @$case;
	my $insert = sub { "INSERT INTO $table SELECT i, repeat('x', 50) FROM generate_series(1, $_[0]) AS i" };

	$session->query_safe('BEGIN; ' . $insert->(100));
	my $before = memory_of($session);
	for my $i (1 .. 5)
	{
		$session->query_safe($insert->(100_000));
		cmp_ok(memory_of($session) - $before, '<', 3 * 1024, "$table: memory after $i * 100,000 rows");
	}
	$session->query_safe('COMMIT');
	cmp_ok(events_before_marker($ws, $_), '<', 10_000, 'behind a part of the events') for @topics;
	# Clients of other topics may be told as well.
	is_deeply([ grep { ($_->{event} // 'truncated') ne 'truncated' } ws_quiet($ws) ], [],
		'and no event comes behind that');
	ws_subscribe($ws, 'all');
}

# Changes that nobody sees are kept in mind as well, where others hang on them.
$session->query_safe('BEGIN; INSERT INTO flag SELECT generate_series(1, 100)');
my $before = memory_of($session);
for my $i (1 .. 5)
{
	$session->query_safe(q{DO $$ BEGIN FOR i IN 1 .. 100 LOOP UPDATE flag SET hidden = i; END LOOP; END $$});
	cmp_ok(memory_of($session) - $before, '<', 3 * 1024, "memory after $i * 10,000 changes that are not published");
}
$session->query_safe('COMMIT');
is(events_before_marker($ws, 'all'), 100, 'behind what had changed before');
ws_subscribe($ws, 'all');

is($node->safe_psql('postgres', 'SELECT count(*) FROM counter') + $node->safe_psql('postgres', 'SELECT count(*) FROM todo'),
	1_000_200, 'all rows are there');
$node->safe_psql('postgres', q{UPDATE counter SET wide = 'y' WHERE n = 100000});
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'all' })->{data}{wide}, 'y', 'and gets events');

$session->quit;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
