# Live queries: every way of changing what they read is noticed.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2,
	'realtime.query_changes_max' => 100, max_prepared_transactions => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.list (id integer PRIMARY KEY, owner text);
CREATE TABLE app.item (id integer, list integer REFERENCES app.list ON DELETE CASCADE, n integer, PRIMARY KEY (list, id))
	PARTITION BY LIST (list);
CREATE TABLE app.item_1 PARTITION OF app.item FOR VALUES IN (1);
CREATE TABLE app.item_2 (spare text, n integer, list integer NOT NULL, id integer NOT NULL);
ALTER TABLE app.item_2 DROP COLUMN spare;
ALTER TABLE app.item ATTACH PARTITION app.item_2 FOR VALUES IN (2);
CREATE TABLE app.item_3 PARTITION OF app.item FOR VALUES IN (3, 4) PARTITION BY LIST (list);
CREATE TABLE app.item_3a PARTITION OF app.item_3 FOR VALUES IN (3);
CREATE TABLE app.item_3b PARTITION OF app.item_3 FOR VALUES IN (4);
CREATE TABLE app.thing (id integer, n integer);
CREATE TABLE app.heir (extra text) INHERITS (app.thing);
CREATE TABLE app.member (list integer, who text);
CREATE VIEW app.sums AS SELECT list, sum(n) AS n FROM app.item GROUP BY list;
CREATE FUNCTION app.copy_thing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
	INSERT INTO app.item VALUES (new.id, 1, new.n) ON CONFLICT DO NOTHING; RETURN new; END';
CREATE TRIGGER copies AFTER INSERT ON app.thing FOR EACH ROW EXECUTE FUNCTION app.copy_thing();
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
INSERT INTO app.list VALUES (1, 'anna'), (2, 'ben'), (3, 'carl'), (4, 'dora');
INSERT INTO app.item SELECT i, 1 + i % 4, i FROM generate_series(1, 20) i;
INSERT INTO app.thing SELECT i, i FROM generate_series(1, 3) i;
INSERT INTO app.heir SELECT i, i, 'x' FROM generate_series(4, 6) i;
INSERT INTO app.member VALUES (1, '-'), (2, 'ben');
});

declare_query($node, @$_) for
	[ 'q/items', 'list,id', 'SELECT list, id, n FROM app.item' ],
	[ 'q/list', 'id', 'SELECT id, n FROM app.item WHERE list = $1' ],
	[ 'q/part', 'id', 'SELECT id, n FROM app.item_2' ],
	[ 'q/middle', 'list,id', 'SELECT list, id, n FROM app.item_3' ],
	[ 'q/things', 'id', 'SELECT id, n FROM app.thing' ],
	[ 'q/heirs', 'id', 'SELECT id, n, extra FROM app.heir' ],
	[ 'q/sums', 'list', 'SELECT s.list, s.n, l.owner FROM app.sums s JOIN app.list l ON l.id = s.list' ];

sub run { $node->safe_psql('postgres', $_) for @_; return; }

wait_for_call($node, 'q/things', []);
my $ws = ws_connect($node);
my @all = map { follow($ws, @$_) } [ 'q/items' ], [ 'q/list', 1 ], [ 'q/list', 2 ], [ 'q/list', 3 ], [ 'q/part' ], [ 'q/middle' ],
	[ 'q/things' ], [ 'q/heirs' ], [ 'q/sums' ];

sub all_true
{
	my ($name) = @_;

	subtest $name => sub { is_true($_, "$_->{path} @{$_->{args}}") for @all };
	return;
}

all_true('at first');
for (
	[ 'a row of a partition', 'UPDATE app.item SET n = n + 1 WHERE id = 1' ],
	[ 'a row in the partition', 'UPDATE app.item_2 SET n = n + 1' ],
	[ 'a partition that is changed by its name', 'INSERT INTO app.item_3a VALUES (100, 3, 7)' ],
	[ 'a row that moves to another partition', 'UPDATE app.item SET list = 2 WHERE list = 1 AND id = 4' ],
	[ 'between partitions of partitions', 'UPDATE app.item SET list = 7 - list WHERE list IN (3, 4) AND id < 8' ],
	[ 'COPY', "COPY app.item FROM PROGRAM 'seq -f %g,2,5 200 220' (FORMAT csv)" ],
	[ 'more rows than are told one by one', 'INSERT INTO app.item SELECT i, 1, i FROM generate_series(1000, 1200) i' ],
	[ 'and fewer again', 'DELETE FROM app.item WHERE id >= 200' ],
	[ 'ON CONFLICT', 'INSERT INTO app.item VALUES (5, 2, 50), (300, 2, 50) ON CONFLICT (list, id) DO UPDATE SET n = excluded.n' ],
	[ 'MERGE', 'MERGE INTO app.thing t USING (VALUES (1, 10), (4, 40), (9, 90)) v (id, n) ON t.id = v.id
		WHEN MATCHED AND v.id = 4 THEN DELETE WHEN MATCHED THEN UPDATE SET n = v.n WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.n)' ],
	[ 'an heir', 'UPDATE app.heir SET n = n * 2' ],
	[ 'a parent with its heirs', 'UPDATE app.thing SET n = n + 1' ],
	[ 'a trigger that writes', 'INSERT INTO app.thing VALUES (50, 1)' ],
	[ 'a cascade', 'DELETE FROM app.list WHERE id = 4' ],
	[ 'savepoints', 'BEGIN; UPDATE app.item SET n = 0 WHERE list = 1; SAVEPOINT a; UPDATE app.item SET n = 1 WHERE list = 2;
		DELETE FROM app.thing; ROLLBACK TO a; UPDATE app.thing SET n = n + 1; RELEASE a; COMMIT' ],
	[ 'a change that is taken back', 'BEGIN; DELETE FROM app.item; ROLLBACK' ],
	[ 'TRUNCATE of a partition', 'TRUNCATE app.item_2' ],
	[ 'of an heir', 'TRUNCATE app.heir' ],
	[ 'rows again', 'INSERT INTO app.item SELECT i, 2, i FROM generate_series(1, 5) i',
		"INSERT INTO app.heir SELECT i, i, 'y' FROM generate_series(60, 63) i" ],
	[ 'a partition that goes', 'ALTER TABLE app.item DETACH PARTITION app.item_1' ],
	[ 'and changes alone', 'UPDATE app.item_1 SET n = -1' ],
	[ 'and comes back', 'ALTER TABLE app.item ATTACH PARTITION app.item_1 FOR VALUES IN (1)' ],
	[ 'and changes', 'UPDATE app.item_1 SET n = n - 1' ],
	[ 'a new partition', 'INSERT INTO app.list VALUES (5)', 'CREATE TABLE app.item_5 PARTITION OF app.item FOR VALUES IN (5)',
		'INSERT INTO app.item VALUES (1, 5, 1)' ],
	[ 'a new heir', 'CREATE TABLE app.heir2 () INHERITS (app.thing)', 'INSERT INTO app.heir2 VALUES (70, 7)' ],
	[ 'which changes', 'UPDATE app.heir2 SET n = 8' ],
	[ 'an heir that is no longer one', 'ALTER TABLE app.heir2 NO INHERIT app.thing' ],
	[ 'a view that is replaced', 'CREATE OR REPLACE VIEW app.sums AS SELECT list, sum(n * 2) AS n FROM app.item GROUP BY list' ],
	[ 'a prepared transaction', "BEGIN; UPDATE app.item SET n = n + 1; PREPARE TRANSACTION 'a'", "COMMIT PREPARED 'a'" ],
	[ 'a table that is written anew', 'ALTER TABLE app.thing ALTER n TYPE bigint USING n * 3' ],
	[ 'and changes', 'UPDATE app.thing SET n = n + 1' ],
	[ 'a row that nobody looks at', "UPDATE app.list SET owner = owner WHERE id = 1" ],
	[ 'TRUNCATE of all', 'TRUNCATE app.list CASCADE' ])
{
	my ($name, @commands) = @$_;

	run(@commands);
	all_true($name);
}

# ---- policies and rights ----

my ($things) = grep { $_->{path} eq 'q/things' } @all;

run('ALTER TABLE app.thing ENABLE ROW LEVEL SECURITY');
is_true($things, 'row-level security without a policy', 'SELECT id, n FROM app.thing WHERE false');
run(q{CREATE POLICY members ON app.thing USING (EXISTS (SELECT FROM app.member m WHERE m.list = thing.n % 2 AND m.who = coalesce(realtime.user_id(), '-')))});
my $policed = q{SELECT id, n FROM app.thing WHERE n % 2 IN (SELECT list FROM app.member WHERE who = '-')};
my $own = follow($ws, 'q/things');
is_true($own, 'a policy that is new', $policed);
run("INSERT INTO app.member VALUES (0, '-')");
is_true($own, 'a row that a policy reads', $policed);
run('DELETE FROM app.member');
is_true($own, 'and does not any more', $policed);
run("INSERT INTO app.member VALUES (1, '-')", 'UPDATE app.thing SET n = n + 1');
is_true($own, 'a column that only the policy looks at', $policed);
run('DROP POLICY members ON app.thing', 'CREATE POLICY few ON app.thing USING (id > 5)');
is_true($own = follow($ws, 'q/things'), 'another policy', 'SELECT id, n FROM app.thing WHERE id > 5');
run('ALTER POLICY few ON app.thing USING (id > 60)');
is_true($own, 'that is altered', 'SELECT id, n FROM app.thing WHERE id > 60');
run('REVOKE SELECT ON app.thing FROM PUBLIC');
is(told($own, 'error')->{data}{code}, 'FORBIDDEN', 'rights that are taken away');
run('GRANT SELECT ON app.thing TO PUBLIC');
ok(told($own, 'recovered'), 'and given back');
is_true($own, 'with the rows', 'SELECT id, n FROM app.thing WHERE id > 60');
run('ALTER TABLE app.thing DISABLE ROW LEVEL SECURITY');
is_true(follow($ws, 'q/things'), 'no policy any more');

# ---- tables that nobody may watch ----

run('CREATE ROLE maker', 'GRANT ALL ON SCHEMA app TO maker', 'CREATE VIEW app.own AS SELECT id, n FROM app.thing',
	'ALTER VIEW app.own OWNER TO maker', 'GRANT SELECT ON app.own TO PUBLIC',
	'CREATE TABLE app.closed (id integer, n bigint)', 'GRANT SELECT ON app.closed TO maker');
declare_query($node, 'q/own', 'id', 'SELECT id, n FROM app.own');
my $view = follow($ws, 'q/own');
is_true($view, 'a view of somebody else');
run('SET ROLE maker; CREATE OR REPLACE VIEW app.own AS SELECT id, n FROM app.closed');
is(told($view, 'error')->{data}{code}, 'INTERNAL_ERROR', 'that reads a table now whose owner has not consented');
is(follow(ws_connect($node), 'q/own')->{reply}{code}, 'INTERNAL_ERROR', 'is told to who comes, too');
run('INSERT INTO app.closed VALUES (1, 1)', 'ALTER TABLE app.closed SET (fillfactor = 90)');
ok(told($view, 'recovered'), 'until somebody has the triggers made');
is_true($view, 'with what has changed meanwhile');
run('UPDATE app.closed SET n = 2');
is_true($view, 'and changes are told');

# ---- columns and tables that go ----

my ($heirs) = grep { $_->{path} eq 'q/heirs' } @all;

run('ALTER TABLE app.heir DISABLE TRIGGER ALL', 'UPDATE app.heir SET n = n + 1');
is_true($heirs, 'triggers that are disabled are enabled again');
run('ALTER TABLE app.heir RENAME extra TO other');
ok(told($heirs, 'error'), 'a column that has another name');
run("UPDATE app.heir SET other = 'z'", 'ALTER TABLE app.heir RENAME other TO extra');
ok(told($heirs, 'recovered'), 'and its own again');
is_true($heirs, 'with its values');
run('ALTER TABLE app.heir DROP COLUMN extra');
ok(told($heirs, 'error'), 'a column that is dropped');
declare_query($node, 'q/heirs', 'id', 'SELECT id, n FROM app.heir');
$heirs = follow($ws, 'q/heirs');
is_true($heirs, 'a query that is declared again');
run('UPDATE app.heir SET n = 5');
is_true($heirs, 'is live');

done_testing();
