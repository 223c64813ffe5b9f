# Live queries: results of which no rows are remembered, because they are too long, have clients told of what has changed
# all the same, and of nothing that they may not know.  What SQL says is what they have; what is told is compared with
# all of the query after each run (realtime.query_check).
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $seed = $ENV{RT_SEED} || 1 + int rand 1e6;
my $batches = $ENV{RT_BATCHES} || 30;
note "RT_SEED=$seed";
srand $seed;

# a sixteenth of the memory is 64 kB
my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.query_memory' => '1MB', 'realtime.query_check' => 'all',
	'realtime.ring_size' => '16MB');
my $rows = 400;					# with long keys

$node->safe_psql('postgres', qq{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (i integer, id text GENERATED ALWAYS AS (lpad(i::text, 200, 'k')) STORED PRIMARY KEY, list integer, n integer,
	name text GENERATED ALWAYS AS (lpad(n::text, 200, 'g')) STORED, done boolean DEFAULT false, price numeric DEFAULT 1);
CREATE TABLE app.part (i integer, id text GENERATED ALWAYS AS (lpad(i::text, 200, 'k')) STORED, list integer, n integer) PARTITION BY LIST (list);
CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES IN (1);
CREATE TABLE app.part_2 (n integer, list integer, i integer, id text GENERATED ALWAYS AS (lpad(i::text, 200, 'k')) STORED);
ALTER TABLE app.part ATTACH PARTITION app.part_2 DEFAULT;
CREATE TABLE app.list (id integer PRIMARY KEY, shown boolean);
CREATE TABLE app.own (id integer PRIMARY KEY, n integer);
ALTER TABLE app.own ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON app.own USING (n < 30000);
INSERT INTO app.item (i, list, n) SELECT i, i % 2, i FROM generate_series(1, 2 * $rows) i;
INSERT INTO app.part (i, list, n) SELECT i, i % 3, i FROM generate_series(1, $rows) i;
INSERT INTO app.list SELECT i, true FROM generate_series(0, 1) i;
INSERT INTO app.own SELECT i, i FROM generate_series(1, $rows) i;
CREATE INDEX ON app.item (name);
CREATE INDEX ON app.part (id);
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.strip(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS \$\$SELECT data - 'n'\$\$;
ANALYZE;
});
declare_query($node, 'k/list', 'id', 'SELECT id, n FROM app.item WHERE list = $1');
declare_query($node, 'k/open', 'id', 'SELECT id, list, n FROM app.item WHERE list = $1 AND NOT done AND n > 0');
declare_query($node, 'k/groups', 'name', 'SELECT name, count(*) AS c, sum(list) AS s FROM app.item WHERE list = $1 GROUP BY name');
declare_query($node, 'k/part', 'id', 'SELECT id, n FROM app.part WHERE list <> 7');
declare_query($node, 's/join', 'id', 'SELECT i.id, i.n FROM app.item i JOIN app.list l ON l.id = i.list WHERE l.shown AND i.n < 300');
declare_query($node, 's/having', 'name', 'SELECT name, count(*) AS c FROM app.item WHERE n < 300 GROUP BY name HAVING count(*) > 1');
declare_query($node, 's/own', 'id', 'SELECT id, n FROM app.own WHERE n < 300');
declare_query($node, 's/price', 'id', 'SELECT id, price FROM app.item WHERE list = 1 AND n < 300 AND price > 0');
declare_query($node, 's/short', 'id', 'SELECT id, n FROM app.item WHERE list = $1 AND n < 50');
declare_query($node, 's/strip', 'id', 'SELECT id, n, list FROM app.item WHERE list = 1 AND n < 300', ", transform => 'app.strip(jsonb)'");
wait_for_call($node, 's/short', [1]);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub states { return sql(q{SELECT coalesce(string_agg(DISTINCT state, ' '), '') FROM realtime.stat_query WHERE path LIKE '} . $_[0] . q{'}); }

my $ws = ws_connect($node);
ws_send($ws, { type => 'hello', caps => ['parts'] });
my @keyless = map { follow($ws, @$_) } [ 'k/list', 1 ], [ 'k/open', 1 ], [ 'k/groups', 0 ], ['k/part'];
is(states('k/%'), 'keyless', 'a plain table, with conditions, in groups, in partitions');
is_true($_, "$_->{path} at first") for @keyless;
cmp_ok(sql(q{SELECT max(memory) FROM realtime.stat_query WHERE path LIKE 'k/%'}), '<', 2048, 'take no memory');
is(sql(q{SELECT rows FROM realtime.stat_query WHERE path = 'k/list'}), $rows, 'how many rows there were is known');

# ---- what is told ----

my $list = $keyless[0];
sub tells
{
	my ($copy, $command, @events) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	has_truth($copy);
	@{ $copy->{events} } = ();
	sql($command);
	is_true($copy, $command);
	return is(join(' ', @{ $copy->{events} }), "@events", 'told as ' . (join(' ', @events) || 'nothing'));
}

tells($list, 'UPDATE app.item SET n = n + 1 WHERE i = 1', 'created');
tells($list, 'UPDATE app.item SET list = 0 WHERE i = 1', 'deleted');
tells($list, 'UPDATE app.item SET list = 1 WHERE i = 1', 'created');
tells($list, 'DELETE FROM app.item WHERE i IN (3, 5)', 'deleted', 'deleted');
tells($list, 'INSERT INTO app.item (i, list, n) VALUES (3, 1, 3), (5, 1, 5)', 'created', 'created');
tells($list, 'UPDATE app.item SET i = i + 100000 WHERE i = 7', 'deleted', 'created');
tells($keyless[1], 'UPDATE app.item SET done = true WHERE i = 9', 'deleted');
tells($keyless[2], 'UPDATE app.item SET n = 17000 WHERE i = 100', 'deleted', 'created');
tells($keyless[3], 'UPDATE app.part SET list = 2, n = -1 WHERE i = 1', 'created');

# What is not in the result is not told of, neither before nor after.
my $open = $keyless[1];
has_truth($open);
@{ $open->{events} } = ();
sql('UPDATE app.item SET n = n + 1 WHERE i = 9; UPDATE app.item SET done = NOT done WHERE i = 10; DELETE FROM app.item WHERE i = 9; UPDATE app.item SET n = 1 WHERE i = 11');
is_true($open, 'rows that never were among them');
is(join(' ', @{ $open->{events} }), 'created', 'are not mentioned');

# ---- where keys are needed ----

my @others = map { follow($ws, @$_) } ['s/join'], ['s/having'], ['s/own'], ['s/price'], [ 's/short', 1 ], ['s/strip'];
is(states('s/%'), 'ready', 'where a key alone would tell too much, rows are remembered');
is(sql(q{SELECT string_agg(path, ' ' ORDER BY path) FROM realtime.stat_query WHERE path LIKE 's/%' AND memory > 2048}),
	's/join s/own s/price s/short s/strip', 'and take memory');
is(join(' ', grep { $_ } map { $_->{reply}{code} } @others), '', 'of which there is enough');
my $strip = pop @others;
my $stripped = 'SELECT id, list FROM app.item WHERE list = 1 AND n < 300';
is_true($strip, 'a transform leaves something out', $stripped);
@{ $_->{events} } = () for @others;
sql('UPDATE app.list SET shown = false WHERE id = 1');
is_true($others[0], 'rows of a hidden list are gone');
@{ $others[0]{events} } = ();
sql('UPDATE app.item SET n = 40 WHERE i = 41; UPDATE app.item SET n = 41 WHERE i = 40; DELETE FROM app.item WHERE i = 43');
is_true($_, "$_->{path} is true") for @others;
is(join(' ', @{ $others[0]{events} }), 'updated', 'and what becomes of them is not told');
sql('UPDATE app.item SET list = 1 WHERE i = 42; DELETE FROM app.item WHERE i = 45');
is_true($strip, 'what is left out stays out', $stripped);

# ---- what runs in full ----

sub reloaded
{
	my ($copy) = @_;
	my $again = grep { $_ eq 'truncated' } @{ $copy->{events} };

	return $copy if !$again;
	return follow($copy->{ws}, $copy->{path}, @{ $copy->{args} });
}
for my $command ('UPDATE app.item SET n = n + 10000 WHERE i % 4 = 1 AND i > 100', 'TRUNCATE app.part', 'ALTER TABLE app.item ADD other integer',
	'INSERT INTO app.part (i, list, n) SELECT i, i % 3, i FROM generate_series(1, 400) i')
{
	@{ $_->{events} } = () for @keyless;
	sql($command);
	take_until($ws, sub { text_of($keyless[3]) eq truth_of($keyless[3]) }) if $command eq 'TRUNCATE app.part';
	all_is_told($command);
}
sub all_is_told
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $deadline = time + soon();

	for my $copy (@keyless)
	{
		$copy = reloaded($copy) while !has_truth_now($copy) && time < $deadline;
		is(text_of($copy), truth_of($copy), "$copy->{path} is true after $name");
	}
	return;
}
sub has_truth_now
{
	my ($copy) = @_;
	my $truth = truth_of($copy);

	eval { take_until($copy->{ws}, sub { text_of($copy) eq $truth || grep { $_ eq 'truncated' } @{ $copy->{events} } }) };
	return text_of($copy) eq $truth;
}
is(states('k/%'), 'keyless', 'they stay so');

# Few rows are remembered again
sql('DELETE FROM app.part WHERE i > 100');
all_is_told('most rows have gone');
is(states('k/part'), 'ready', 'a short one is remembered');
for my $step (0 .. 3)
{
	sql('INSERT INTO app.part (i, list, n) SELECT i, i % 3, i FROM generate_series(' . (101 + 100 * $step) . ', ' . (200 + 100 * $step) . ') i');
}
all_is_told('they have come again, by and by');
is(states('k/part'), 'keyless', 'until it is too long');

# ---- at random, and by who was away ----

my @clients = map { my $client = ws_connect($node); ws_send($client, { type => 'hello', caps => ['parts'] }); follow($client, @$_) }
	[ 'k/list', 0 ], [ 'k/open', 0 ], [ 'k/groups', 1 ], ['k/part'];
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
sub id { return 1 + int rand 200; }
my @changes = (
	(sub { 'UPDATE app.item SET n = n + 1 WHERE i = ' . id() }) x 3,
	sub { 'UPDATE app.item SET list = 1 - list WHERE i = ' . id() },
	sub { 'UPDATE app.item SET done = NOT done WHERE i = ' . id() },
	sub { 'DELETE FROM app.item WHERE i = ' . id() },
	sub { sprintf 'INSERT INTO app.item (i, list, n) VALUES (%d, %d, %d) ON CONFLICT (id) DO UPDATE SET n = excluded.n', id(), int rand 2, id() },
	sub { sprintf 'UPDATE app.part SET list = %d WHERE i = %d', int rand 4, id() },
	sub { my $i = 10000 + id(); "DELETE FROM app.part WHERE i = $i; INSERT INTO app.part (i, list, n) VALUES ($i, 1, 1)" },
	sub { my $i = 20000 + id(); "INSERT INTO app.part (i, list, n) VALUES ($i, 1, 1); DELETE FROM app.part WHERE i = $i" },
	sub { 'UPDATE app.part SET n = -n WHERE i = ' . id() });
my ($wrong, $compared) = (0, 0);
my $in_full = q{SELECT sum(runs - restricted) FROM realtime.stat_query WHERE path LIKE 'k/%'};
my $before = sql($in_full);
for my $batch (1 .. $batches)
{
	my $away = rand() < 0.4 ? int rand @clients : -1;

	ws_close($clients[$away]{ws}) if $away >= 0;
	for my $i (1 .. 1 + int rand 3)
	{
		my @commands = map { $changes[ int rand @changes ]->() } 1 .. 1 + int rand 4;
		$sessions[ $i % 2 ]->query('BEGIN; ' . join('; ', @commands) . '; ' . (rand() < 0.1 ? 'ROLLBACK' : 'COMMIT') . ';');
	}
	if ($away >= 0)
	{
		my $client = ws_connect($node);
		ws_send($client, { type => 'hello', caps => ['parts'] });
		$clients[$away] = come_back($client, $clients[$away]);
	}
	for (@clients, @keyless)
	{
		$compared++;
		next if has_truth($_);
		$wrong++;
		diag "$_->{path} is wrong in batch $batch";
	}
	last if $wrong;
}
is($wrong, 0, "$compared times clients have what SQL says");
is(sql($in_full), $before, 'what has changed is asked for alone');
$_->quit for @sessions;

# ---- no room for others ----

declare_query($node, 's/fill', 'name', "SELECT repeat('k', 600) || i AS name FROM app.item WHERE i > \$1");
declare_query($node, 'k/late', 'id', 'SELECT id, list FROM app.item WHERE list >= 0 AND i > $1');
my $fill = ws_connect($node);
ws_send($fill, { type => 'hello', caps => ['parts'] });
my ($full) = grep { ($_ // '') eq 'OVERLOADED' } map { follow($fill, 's/fill', $_)->{reply}{code} } 1 .. 4;
ok($full, 'who needs memory that is not there is refused');
my @late = map { follow($fill, 'k/late', 650 + $_) } 1 .. 40;
is(join(' ', grep { $_ } map { $_->{reply}{code} } @late), '', 'who needs none is not');
is(states('k/late'), 'keyless ready', 'even if a result is short');
sql('UPDATE app.item SET list = 3 WHERE i = 700; DELETE FROM app.item WHERE i = 750; UPDATE app.item SET list = -1 WHERE i = 760');
is((grep { !has_truth($_) } @late), 0, 'and all are true');

$node->stop('fast');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');
unlike($log, qr/is not what it should be/, 'and what is told is so');
done_testing();
