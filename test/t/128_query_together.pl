# Live queries: groups that differ in their arguments only are run by one statement,
# and their clients are told what they are told otherwise.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.query_check' => 'on');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.list (id integer PRIMARY KEY, owner text, place numeric, filler text);
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer, tag varchar, filler text);
CREATE TABLE app.note (id numeric PRIMARY KEY, list integer, n integer, filler text);
INSERT INTO app.list SELECT i, 'owner ' || i % 7, i % 4, repeat('x', 400) FROM generate_series(1, 2000) i;
INSERT INTO app.item SELECT i, i / 10, i, 'tag ' || i % 5, repeat('x', 100) FROM generate_series(1, 20000) i;
INSERT INTO app.note SELECT i, i / 10 + 1, i, repeat('x', 100) FROM generate_series(1, 20000) i;
CREATE INDEX ON app.item (list);
CREATE INDEX ON app.note (list);
CREATE INDEX ON app.list (owner);
ALTER TABLE app.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY lists ON app.note USING (EXISTS (SELECT FROM app.list l WHERE l.id = note.list AND l.place >= 1));
CREATE VIEW app.counted WITH (security_barrier) AS SELECT list, count(*) AS items, max(n) AS most FROM app.item GROUP BY list;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
VACUUM ANALYZE;
});

# The same query twice: what asks for the caller is run one by one.
my $alone = "coalesce(realtime.user_id(), '') = ''";
my %queries = (
	plain => [ 'id', 'SELECT id, n, tag FROM app.item WHERE list = $1 AND %s' ],
	two => [ 'id', q{SELECT id, n FROM app.item WHERE list = $1 AND tag = 'tag ' || $1 %% 5 AND %s} ],
	join => [ 'id', 'SELECT i.id, i.n, l.owner FROM app.item i JOIN app.list l ON l.id = i.list WHERE l.id = $1 AND %s' ],
	left => [ 'id', 'SELECT l.id, x.items, x.most FROM app.list l LEFT JOIN app.counted x ON x.list = l.id WHERE l.id = $1 AND %s' ],
	sums => [ 'list', 'SELECT list, sum(n) AS n FROM app.item WHERE list = $1 AND %s GROUP BY list HAVING count(*) > 2' ],
	exists => [ 'id', 'SELECT id FROM app.list l WHERE l.id = $1 AND %s AND NOT EXISTS (SELECT FROM app.item i WHERE i.list = l.id AND i.n %% 10 = $1 %% 10)' ],
	window => [ 'id', 'SELECT id, row_number() OVER (PARTITION BY list ORDER BY n, id) AS r FROM app.item WHERE list = $1 AND %s' ],
	arms => [ 'id', 'SELECT id FROM app.item WHERE list = $1 AND %1$s UNION SELECT id FROM app.list WHERE id = $1 AND %1$s' ],
	with => [ 'id', 'WITH x AS (SELECT list, max(n) AS n FROM app.item GROUP BY list) SELECT l.id, a.n, b.n AS m FROM app.list l JOIN x a ON a.list = l.id LEFT JOIN x b ON b.list = l.id WHERE l.id = $1 AND %s' ],
	lateral => [ 'id', 'SELECT l.id, x.n FROM app.list l CROSS JOIN LATERAL (SELECT n FROM app.item i WHERE i.list = l.id ORDER BY n DESC LIMIT 1) x WHERE l.id = $1 AND %s' ],
	policy => [ 'id', 'SELECT id, n FROM app.note WHERE list = $1 AND %s' ],
	owner => [ 'id', q{SELECT id, place FROM app.list WHERE owner = 'owner ' || $1 AND %s} ]);

my @paths = sort keys %queries;
for my $path (@paths)
{
	my ($key, $sql) = @{ $queries{$path} };

	declare_query($node, "t/$path", $key, sprintf($sql, 'true'));
	declare_query($node, "o/$path", $key, sprintf($sql, $alone));
}
wait_for_call($node, 't/window', [1]);
my @clients = map { ws_connect($node) } 0 .. 3;
my (%together, %one);
for my $path (@paths)
{
	for my $i (1 .. 12)
	{
		push @{ $together{$path} }, follow($clients[0], "t/$path", $i);
		push @{ $one{$path} }, follow($clients[1], "o/$path", $i);
	}
}
my @all = map { (@{ $together{$_} }, @{ $one{$_} }) } @paths;
is(scalar(grep { !$_->{reply}{ok} } @all), 0, 'all are followed');

# Who asks for the truth is above policies.
my $policed = 'SELECT id, n FROM app.note WHERE list = $1 AND EXISTS (SELECT FROM app.list l WHERE l.id = note.list AND l.place >= 1)';

sub told_of { my ($copies) = @_; return join "\n", map { join ' ', sort @{ $_->{events} } } @$copies; }

sub change
{
	my ($sql) = @_;

	$node->safe_psql('postgres', $sql);
	return subtest $sql => sub
	{
		for my $path (@paths)
		{
			is_true($_, $path, $path eq 'policy' ? $policed : undef) for @{ $together{$path} }, @{ $one{$path} };
			is(told_of($together{$path}), told_of($one{$path}), "$path: the same events");
		}
	};
}

change($_) for
	'UPDATE app.item SET n = n + 1 WHERE list <= 12',
	'UPDATE app.item SET n = n - 1 WHERE id IN (11, 21, 31, 41, 51)',
	'UPDATE app.item SET list = list % 12 + 1 WHERE list <= 14 AND n % 3 = 0',
	'DELETE FROM app.item WHERE list <= 12 AND n % 5 = 0',
	'INSERT INTO app.item SELECT 30000 + i, i % 14, i, $$tag 3$$ FROM generate_series(1, 40) i',
	'UPDATE app.item SET list = NULL WHERE list BETWEEN 3 AND 9 AND n % 2 = 0',
	'UPDATE app.item SET list = 1 + id % 12 WHERE list IS NULL',
	'UPDATE app.list SET place = place + 1, owner = $$owner $$ || (id + 1) % 7 WHERE id <= 12',
	'UPDATE app.list SET place = 0 WHERE id % 2 = 0 AND id <= 12',
	'UPDATE app.note SET n = n + 1, list = list % 12 + 1 WHERE list <= 12',
	'DELETE FROM app.list WHERE id IN (2, 4, 6, 8, 10)',
	'INSERT INTO app.list SELECT i, $$owner 3$$, 2 FROM unnest($${2,4,6,8,10}$$::integer[]) i';

my $sums = sub { return $node->safe_psql('postgres', "SELECT string_agg(path, ', ' ORDER BY path) FROM (SELECT path, sum(together) AS t FROM realtime.stat_query GROUP BY path) x WHERE $_[0]"); };
is($sums->("path LIKE 't/%' AND t = 0"), '', 'each query was run for many groups by one statement');
is($sums->("path LIKE 'o/%' AND t > 0"), '', 'but not what depends on who asks');
my $log = slurp_file($node->logfile);
unlike($log, qr/not what it should be/, 'all have found what there was');
unlike($log, qr/reads all of table/, 'by indexes');

# ---- what fails for one of them ----

sub together { return $node->safe_psql('postgres', "SELECT sum(together) FROM realtime.stat_query WHERE path = '$_[0]'"); }

declare_query($node, 't/fails', 'id', 'SELECT id, 100 / (n - $1) AS x FROM app.item WHERE id BETWEEN 5550 AND 5560');
my @fails = map { follow($clients[2], 't/fails', $_) } 1 .. 6;
# Declaring it has all queries run in full, and what comes meanwhile, too
ok(poll_until(sub { $node->safe_psql('postgres', 'UPDATE app.item SET n = n + 1000 WHERE id = 5555'); together('t/fails') >= 6 }),
	'they are run together');
is_true($_, 'before') for @fails;
my $before = together('t/fails');
my $other = follow($clients[2], 't/fails', 777);
$node->safe_psql('postgres', 'UPDATE app.item SET n = 777 WHERE id = 5555');
ok(told($other, 'error'), 'an argument for which the query fails');
is_true($_, 'does not matter to the others') for @fails;
is(together('t/fails'), $before, 'which were run one by one');

# ---- more rows than are kept in memory ----

declare_query($node, 't/many', 'id', 'SELECT i.id FROM app.list l JOIN app.item i ON i.n > $1 AND i.n < l.place AND i.id < 6000 WHERE l.id = 20');
$node->safe_psql('postgres', 'UPDATE app.list SET place = 0 WHERE id = 20');
my @many = map { follow($clients[3], 't/many', $_) } 1 .. 5;
$node->safe_psql('postgres', 'UPDATE app.list SET place = 4500 WHERE id = 20');
ok(poll_until(sub { $node->safe_psql('postgres', "SELECT count(*) FROM realtime.stat_query WHERE path = 't/many' AND rows > 4000 AND runs > 0") eq 5 }),
	'many rows');
is(together('t/many'), 0, 'of too many rows each is asked for alone');

done_testing();
