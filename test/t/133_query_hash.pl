# Live queries: of the cut that is the key half a hash is remembered.  Keys that share it are told apart.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.query_check' => 'all');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer);
CREATE TABLE app.list (id integer PRIMARY KEY, name text);
INSERT INTO app.list VALUES (1, 'one'), (2, 'two');
GRANT SELECT ON ALL TABLES IN SCHEMA app TO PUBLIC;
});
declare_query($node, 'q/items', 'id', 'SELECT id, n FROM app.item WHERE list = 1');
declare_query($node, 'q/joined', 'id', 'SELECT i.id, i.n, l.name FROM app.item i JOIN app.list l ON l.id = i.list');
declare_query($node, 'q/grouped', 'id', 'SELECT id, count(*) AS c, sum(n) AS n FROM app.item GROUP BY id');
wait_for_call($node, 'q/items', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

# the lower half, as C computes it
my @pairs = map { [ split /\|/ ] } split /\n/, sql(q{
	SELECT min(i), max(i) FROM (SELECT i, hashint4extended(i, 0) & 4294967295 AS half FROM generate_series(1, 400000) i) h
	GROUP BY half HAVING count(*) = 2 LIMIT 5});
cmp_ok(scalar @pairs, '>', 0, 'there are such keys');
my @ids = map { @$_ } @pairs;
sql("INSERT INTO app.item SELECT i, 1 + i % 2, i FROM unnest('{@{[ join ',', @ids ]}}'::integer[]) i");
sql('INSERT INTO app.item SELECT i, 1, i FROM generate_series(500001, 500020) i');
my $ws = ws_connect($node);
my @copies = map { follow($ws, $_) } qw(q/items q/joined q/grouped);
is_true($_, "$_->{path} at first") for @copies;

sub change
{
	my ($sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	sql($sql);
	return subtest $sql => sub { is_true($_, $_->{path}) for @copies; };
}

for my $pair (@pairs)
{
	my ($a, $b) = rand() < 0.5 ? @$pair : reverse @$pair;

	change("UPDATE app.item SET list = 1 WHERE id IN ($a, $b)");
	change("UPDATE app.item SET n = n + 1 WHERE id = $a");
	change("UPDATE app.item SET list = 2 WHERE id = $a");
	change("UPDATE app.item SET n = n + 1 WHERE id = $b");
	change("DELETE FROM app.item WHERE id = $a");
	change("INSERT INTO app.item VALUES ($a, 1, 7)");
	change("DELETE FROM app.item WHERE id = $b");
	change("UPDATE app.item SET id = $b WHERE id = $a");
	change("BEGIN; INSERT INTO app.item VALUES ($a, 1, 8); DELETE FROM app.item WHERE id = $b; COMMIT");
	change("UPDATE app.list SET name = name || 'x' WHERE id = 1");
}
is(sql('SELECT sum(runs - restricted) FROM realtime.stat_query'), 0, 'all of it was found by what has changed');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/is not what it should be|TRAP:|PANIC/, 'and is true after each run');
done_testing();
