# Live queries: what may have changed is found by indexes, however large tables are,
# and what it is compared with is all of the query.
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
CREATE TABLE app.list (id integer PRIMARY KEY, owner integer, filler text);
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer, filler text);
CREATE TABLE app.note (id numeric PRIMARY KEY, list integer, n integer, filler text);
CREATE TABLE app.bare (id integer PRIMARY KEY, item integer, filler text);
INSERT INTO app.list SELECT i, i / 10, repeat('x', 400) FROM generate_series(1, 2000) i;
INSERT INTO app.item SELECT i, i / 10, i, repeat('x', 100) FROM generate_series(1, 20000) i;
INSERT INTO app.note SELECT i, i / 10 + 1, i, repeat('x', 100) FROM generate_series(1, 20000) i;
INSERT INTO app.bare SELECT i, i, repeat('x', 400) FROM generate_series(1, 2000) i;
CREATE INDEX ON app.list (owner);
CREATE INDEX ON app.item (list);
CREATE INDEX ON app.item (n, id);
CREATE INDEX ON app.note (list);
ALTER TABLE app.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY lists ON app.note USING (EXISTS (SELECT FROM app.list l WHERE l.id = note.list AND l.owner >= 0));
CREATE VIEW app.counted WITH (security_barrier) AS SELECT list, count(*) AS items, max(n) AS most FROM app.item GROUP BY list;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
VACUUM ANALYZE;
});

my @queries = (
	[ 'q/filter', 'id', 'SELECT id, n FROM app.item WHERE n % 100 = 7' ],
	[ 'q/join', 'id', 'SELECT i.id, i.n, l.owner FROM app.item i JOIN app.list l ON l.id = i.list WHERE l.owner % 50 = 3' ],
	[ 'q/grouped', 'id', 'SELECT l.id, x.items FROM app.list l LEFT JOIN app.counted x ON x.list = l.id WHERE l.owner % 50 = 3' ],
	[ 'q/owners', 'owner', 'SELECT l.owner, sum(i.n) AS n FROM app.list l JOIN app.item i ON i.list = l.id GROUP BY l.owner' ],
	[ 'q/exists', 'id', 'SELECT id FROM app.list l WHERE NOT EXISTS (SELECT FROM app.item i WHERE i.list = l.id AND i.n % 10 = 3)' ],
	[ 'q/in', 'id', 'SELECT id FROM app.list WHERE owner % 5 = 3 AND id IN (SELECT list FROM app.item GROUP BY list HAVING max(n) % 3 = 0)' ],
	[ 'q/window', 'id', 'SELECT id, row_number() OVER (PARTITION BY list ORDER BY n, id) AS r FROM app.item WHERE n % 100 = 7' ],
	[ 'q/distinct', 'list', 'SELECT DISTINCT ON (list) list, id FROM app.item WHERE list % 100 = 7 ORDER BY list, n DESC' ],
	[ 'q/except', 'list', 'SELECT id AS list FROM app.list EXCEPT SELECT list FROM app.item' ],
	[ 'q/union', 'list', 'SELECT list FROM app.item WHERE n % 100 = 7 UNION SELECT id FROM app.list WHERE owner % 50 = 3' ],
	[ 'q/twice', 'id', 'WITH x AS (SELECT list, max(n) AS n FROM app.item GROUP BY list) SELECT l.id, a.n, b.n AS m FROM app.list l JOIN x a ON a.list = l.id JOIN x b ON b.list = l.id WHERE l.owner % 50 = 3' ],
	[ 'q/policy', 'id', 'SELECT id, n FROM app.note WHERE n % 100 = 7' ],
	[ 'q/top', 'id', 'SELECT id, n FROM app.item ORDER BY n, id LIMIT 5' ]);

declare_query($node, @$_) for @queries;
declare_query($node, 'q/bare', 'id', 'SELECT i.id, b.id AS bare FROM app.item i JOIN app.bare b ON b.item = i.id WHERE i.list = 5');
wait_for_call($node, 'q/top', []);
my $ws = ws_connect($node);
my @copies = map { my $copy = follow($ws, $_->[0]); ok($copy->{reply}{ok}, "$_->[0] is followed"); $copy } @queries;

sub logged { return scalar(grep { /reads all of table/ } split /\n/, slurp_file($node->logfile)); }

for my $sql (
	'UPDATE app.item SET n = n + 1 WHERE id IN (7, 306, 1507)',
	'UPDATE app.item SET list = 37 WHERE id = 307',
	'DELETE FROM app.item WHERE list = 30',
	'INSERT INTO app.item VALUES (30001, NULL, 108), (30002, 1530, 7)',
	'UPDATE app.list SET owner = 3 WHERE id IN (37, 38)',
	'UPDATE app.note SET n = 107, list = 31 WHERE id = 5')
{
	$node->safe_psql('postgres', $sql);
	subtest $sql => sub { is_true($_, $_->{path}) for @copies };
}
is($node->safe_psql('postgres', 'SELECT string_agg(path, $$, $$ ORDER BY path) FROM realtime.stat_query WHERE restricted < runs OR runs = 0'), '',
	'every run was of what may have changed');
is(logged(), 0, 'none has read all of a table');
unlike(slurp_file($node->logfile), qr/not what it should be/, 'all have found what there was');

# Where there is no index there is no other way
my $bare = follow($ws, 'q/bare');
$node->safe_psql('postgres', 'UPDATE app.item SET list = 5 WHERE id = 70');
is_true($bare, 'without an index');
cmp_ok(logged(), '>', 0, 'one does, and that is seen');

done_testing();
