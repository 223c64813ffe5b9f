# Live queries: after a change only what it concerns is run, and clients have what
# all of it would give.
use strict;
use warnings;

use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.list (id integer PRIMARY KEY, owner text, place numeric);
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer, tag text);
CREATE TABLE app.tag (name text PRIMARY KEY, weight integer);
CREATE INDEX ON app.item (list);
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
INSERT INTO app.list SELECT i, 'owner ' || i % 3, i % 4 FROM generate_series(1, 10) i;
INSERT INTO app.item SELECT i, i % 12, i, 'tag ' || i % 5 FROM generate_series(1, 60) i;
INSERT INTO app.tag SELECT 'tag ' || i, i FROM generate_series(0, 3) i;
});

# Those that are restricted whatever changes in them, and others.
my @restricted = (
	[ 'q/list', 'id', 'SELECT id, n FROM app.item WHERE list = $1' ],
	[ 'q/join', 'id', 'SELECT i.id, i.n, l.owner FROM app.item i JOIN app.list l ON l.id = i.list' ],
	[ 'q/left', 'id', 'SELECT i.id, l.owner, t.weight FROM app.item i LEFT JOIN app.list l ON l.id = i.list LEFT JOIN app.tag t ON t.name = i.tag' ],
	[ 'q/owners', 'owner', 'SELECT l.owner, sum(t.weight) AS s FROM app.list l JOIN app.item i ON i.list = l.id JOIN app.tag t ON t.name = i.tag GROUP BY l.owner' ],
	[ 'q/lists', 'list', 'SELECT coalesce(list, -1) AS list, c FROM (SELECT list, count(*) AS c FROM app.item GROUP BY list) x' ],
	[ 'q/free', 'id', 'SELECT id FROM app.list l WHERE NOT EXISTS (SELECT FROM app.item i WHERE i.list = l.id AND i.n > 20)' ],
	[ 'q/rest', 'id', 'SELECT id FROM app.list EXCEPT SELECT list FROM app.item' ],
	[ 'q/hidden', 'id', q{SELECT i.id, i.n FROM app.item i JOIN app.list l ON l.id = i.list WHERE l.owner LIKE 'o%'} ],
	[ 'q/order', 'id', 'SELECT id, n FROM app.item ORDER BY n, id' ],
	[ 'q/top', 'id', 'SELECT id, n FROM app.item ORDER BY n DESC, id LIMIT 5' ],
	[ 'q/page', 'id', 'SELECT i.id, l.owner FROM app.item i LEFT JOIN app.list l ON l.id = i.list ORDER BY l.owner DESC NULLS LAST, i.n LIMIT 4 OFFSET 3' ],
	[ 'q/first', 'id', 'SELECT * FROM (SELECT id, list, row_number() OVER (PARTITION BY list ORDER BY n, id) AS r FROM app.item) x WHERE r <= 2' ]);
my @full = (
	[ 'q/count', 'c', 'SELECT count(*) AS c FROM app.item' ]);

declare_query($node, @$_) for @restricted, @full;
wait_for_call($node, 'q/count', []);
my $ws = ws_connect($node);
my @copies = map { follow($ws, $_->[0], $_->[0] eq 'q/list' ? (3) : ()) } @restricted, @full;

sub runs
{
	my ($what, $path) = @_;

	return $node->safe_psql('postgres', "SELECT $what FROM realtime.stat_query WHERE path = '$path'");
}

sub change
{
	my ($name, $sql) = @_;

	$node->safe_psql('postgres', $sql);
	return subtest $name => sub { is_true($_, $_->{path}) for @copies };
}

change('at first', 'SELECT');
change(@$_) for
	[ 'a row', 'UPDATE app.item SET n = n + 100 WHERE id = 3' ],
	[ 'that moves', 'UPDATE app.item SET list = 4 WHERE id = 3' ],
	[ 'to nowhere', 'UPDATE app.item SET list = NULL WHERE id IN (3, 4)' ],
	[ 'and back', 'UPDATE app.item SET list = 3 WHERE id = 3' ],
	[ 'a row that looks the same elsewhere', 'UPDATE app.item SET list = 2 WHERE id = 13' ],
	[ 'is concerned by what it belongs to now', 'UPDATE app.list SET owner = \'none\' WHERE id = 2' ],
	[ 'and then again', 'UPDATE app.list SET owner = \'owner 2\' WHERE id = 2' ],
	[ 'a new row', 'INSERT INTO app.item VALUES (100, 3, 1, \'tag 1\')' ],
	[ 'one less', 'DELETE FROM app.item WHERE id = 15' ],
	[ 'a whole group', 'DELETE FROM app.item WHERE list = 5' ],
	[ 'the other side of a join', 'UPDATE app.list SET owner = \'new\' WHERE id = 3' ],
	[ 'that goes', 'DELETE FROM app.list WHERE id IN (3, 7)' ],
	[ 'that comes', 'INSERT INTO app.list VALUES (3, \'owner 1\', 9), (11, \'owner 2\', 9)' ],
	[ 'at the end of a chain', 'UPDATE app.tag SET weight = weight + 10 WHERE name = \'tag 2\'' ],
	[ 'that begins to be there', 'INSERT INTO app.tag VALUES (\'tag 4\', 40)' ],
	[ 'a key', 'UPDATE app.item SET id = id + 1000 WHERE id = 8' ],
	[ 'all in one transaction', 'BEGIN; UPDATE app.item SET list = 9 WHERE id = 10; UPDATE app.list SET owner = \'x\' WHERE id = 9;
		DELETE FROM app.tag WHERE name = \'tag 0\'; UPDATE app.item SET tag = \'tag 1\' WHERE id = 22; COMMIT' ];

for my $query (@restricted)
{
	is(runs('runs - restricted', $query->[0]), 0, "$query->[0] was never run in full");
	cmp_ok(runs('restricted', $query->[0]), '>', 0, 'but for what has changed');
}
is(runs('restricted', $_->[0]), 0, "$_->[0] is run in full") for @full;

change('many rows', 'UPDATE app.item SET n = n + 1');
is(runs('runs - restricted > 0', 'q/join'), 't', 'more values than are asked for one by one: in full');
change('TRUNCATE', 'TRUNCATE app.tag');

# What restricted runs find may be wrong as well.
$node->safe_psql('postgres', 'ALTER TABLE app.item DROP CONSTRAINT item_pkey');
change('a command', 'UPDATE app.item SET n = 5 WHERE id = 20');
$node->safe_psql('postgres', 'INSERT INTO app.item VALUES (20, 4, 5, \'tag 1\')');
my ($join) = grep { $_->{path} eq 'q/join' } @copies;
is(told($join, 'error')->{data}{code}, 'CONFLICT', 'two rows with the same key');
$node->safe_psql('postgres', 'DELETE FROM app.item WHERE id = 20');
ok(told($join, 'recovered'), 'and one again');
change('then all is as it should be', 'INSERT INTO app.item VALUES (20, 4, 5, \'tag 1\')');

done_testing();
