# Live queries: random changes from several sessions, and after each batch every
# client has what SQL says.  After each round all groups are compared with all of
# their queries, at its snapshot (realtime.query_check).  RT_SEED and RT_BATCHES choose
# another or a longer run.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;
use RealtimeToken;

my $seed = $ENV{RT_SEED} || 1 + int rand 1e6;
my $batches = $ENV{RT_BATCHES} || 100;
my $secret = 'a secret of more than thirty-two bytes, as it should be';

note "RT_SEED=$seed";
srand $seed;

# Where nothing changes groups that nobody follows are forgotten as well, half a minute later:
# looked at in the end.
my $quiet = new_node(name => 'quiet', 'realtime.executors' => 2);
$quiet->safe_psql('postgres', q{
CREATE TABLE item (id integer PRIMARY KEY);
GRANT SELECT ON item TO realtime_anonymous;
SELECT realtime.query('q/items', 'SELECT id FROM item')});
my $visitor;
ok(poll_until(sub { $visitor = eval { ws_connect($quiet) } }), 'a server that is let alone');
ok(poll_until(sub { ws_call($visitor, 'q/items', [], stream => JSON::PP::true)->{ok} }), 'but for who comes');
is($quiet->safe_psql('postgres', 'SELECT count(*) FROM realtime.stat_query'), 1, 'once');
ws_close($visitor);

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.query_changes_max' => 30,
	'realtime.query_check' => 'all', 'realtime.jwt_secret' => $secret);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE COLLATION app.anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE app.list (id integer PRIMARY KEY, owner text, rank integer);
CREATE TABLE app.item (id integer PRIMARY KEY, list_id integer, title text, n integer, price numeric, name text COLLATE app.anycase, mood app.mood);
CREATE TABLE app.note (id integer PRIMARY KEY, list_id integer REFERENCES app.list ON DELETE CASCADE ON UPDATE CASCADE, body text);
CREATE TABLE app.member (list_id integer, who text);
CREATE TABLE app.part (id integer, list_id integer, n integer) PARTITION BY LIST (list_id);
CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES IN (1, 2);
CREATE TABLE app.part_2 (n integer, list_id integer, id integer);
ALTER TABLE app.part ATTACH PARTITION app.part_2 DEFAULT;
CREATE VIEW app.owned AS SELECT i.id, i.n, i.list_id, l.owner FROM app.item i JOIN app.list l ON l.id = i.list_id WHERE l.rank > 1;
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
ALTER TABLE app.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON app.note USING (EXISTS (SELECT FROM app.member m WHERE m.list_id = note.list_id AND m.who = coalesce(realtime.user_id(), '-')));
INSERT INTO app.list SELECT i, (ARRAY['anna', 'ben', NULL])[1 + i % 3], i % 4 FROM generate_series(1, 6) i;
INSERT INTO app.item SELECT i, 1 + i % 7, 'item ' || i, i % 5, i % 3, 'a', 'ok' FROM generate_series(1, 25) i;
INSERT INTO app.member VALUES (1, '-'), (2, '-'), (3, 'ben'), (2, 'anna');
});

# For each user as policies have it.
my %truth = (
	'o/notes' => q{SELECT id, body FROM app.note WHERE list_id IN (SELECT list_id FROM app.member WHERE who = '%s')},
	'o/first_notes' => q{SELECT id, body FROM app.note WHERE list_id IN (SELECT list_id FROM app.member WHERE who = '%s') ORDER BY body DESC, id LIMIT 2},
	'o/note_count' => q{SELECT l.id, count(n.id) AS c FROM app.list l LEFT JOIN (SELECT * FROM app.note WHERE list_id IN (SELECT list_id FROM app.member WHERE who = '%s')) n ON n.list_id = l.id GROUP BY l.id},
);
my @queries = (
	[ 'o/items', 'id', 'SELECT id, title, n FROM app.item WHERE list_id = $1', [1], [2], [3], [7] ],
	[ 'o/price', 'id', 'SELECT id, price FROM app.item WHERE price = $1', [1], [2] ],
	[ 'o/mood', 'id', 'SELECT id, mood FROM app.item WHERE mood = $1', ['sad'], ['happy'] ],
	[ 'o/name', 'id', 'SELECT id, name FROM app.item WHERE name = $1', ['a'], ['B'] ],
	[ 'o/joined', 'id', 'SELECT i.id, i.n, l.owner FROM app.item i JOIN app.list l ON l.id = i.list_id WHERE l.owner = $1', ['anna'], ['ben'] ],
	[ 'o/left', 'id', 'SELECT l.id, l.owner, x.c, x.s FROM app.list l LEFT JOIN (SELECT list_id, count(*) AS c, sum(n) AS s FROM app.item GROUP BY list_id) x ON x.list_id = l.id', [] ],
	[ 'o/having', 'owner', q{SELECT coalesce(l.owner, '?') AS owner, count(*) AS c, sum(i.price) AS p FROM app.item i JOIN app.list l ON l.id = i.list_id GROUP BY 1 HAVING count(*) > $1::integer}, [2], [5] ],
	[ 'o/none', 'id', 'SELECT id, owner FROM app.list l WHERE NOT EXISTS (SELECT FROM app.item i WHERE i.list_id = l.id AND i.n > $1::integer)', [1], [3] ],
	[ 'o/in', 'id', 'SELECT id, n FROM app.item WHERE list_id IN (SELECT id FROM app.list WHERE rank = $1)', [1], [2] ],
	[ 'o/notin', 'id', 'SELECT id, n FROM app.item WHERE id NOT IN (SELECT id FROM app.list)', [] ],
	[ 'o/first', 'list', 'SELECT DISTINCT ON (coalesce(list_id, 0)) coalesce(list_id, 0) AS list, id, n FROM app.item ORDER BY coalesce(list_id, 0), n DESC NULLS LAST, id', [] ],
	[ 'o/ranked', 'id', 'SELECT * FROM (SELECT id, n, row_number() OVER (PARTITION BY list_id ORDER BY n DESC NULLS LAST, id) AS r FROM app.item) x WHERE r <= 2', [] ],
	[ 'o/union', 'id', q{SELECT 'i' || id AS id, n FROM app.item WHERE n > $1 UNION SELECT 'l' || id, rank FROM app.list}, [2] ],
	[ 'o/except', 'id', 'SELECT id FROM app.list EXCEPT SELECT list_id FROM app.item WHERE n = $1', [0], [3] ],
	[ 'o/top', 'id', 'SELECT id, n FROM app.item ORDER BY n DESC NULLS LAST, id LIMIT 5', [] ],
	[ 'o/second', 'id', 'SELECT id, n, list_id FROM app.item WHERE list_id = $1 ORDER BY n NULLS FIRST, id DESC LIMIT 3 OFFSET 1', [1], [2] ],
	[ 'o/sorted', 'id', 'SELECT id, n, title FROM app.item WHERE list_id = $1 ORDER BY n, title, id', [1], [3] ],
	[ 'o/few', 'id', 'SELECT id, n FROM app.item WHERE list_id = $1 ORDER BY n DESC, id LIMIT $2', [ 1, 2 ], [ 2, 4 ] ],
	[ 'o/page', 'id', 'SELECT i.id, i.n, l.owner FROM app.item i LEFT JOIN app.list l ON l.id = i.list_id ORDER BY l.owner DESC NULLS LAST, i.name NULLS FIRST, i.id LIMIT 4 OFFSET 3', [] ],
	[ 'o/dear', 'id', 'SELECT id, price, mood FROM app.item WHERE n > $1 ORDER BY price DESC, mood NULLS FIRST, id LIMIT 6', [1] ],
	[ 'o/busy', 'owner', q{SELECT coalesce(l.owner, '?') AS owner, count(*) AS c FROM app.item i JOIN app.list l ON l.id = i.list_id GROUP BY l.owner ORDER BY c DESC, owner LIMIT 2}, [] ],
	[ 'o/owners', 'owner', q{SELECT coalesce(l.owner, '?') AS owner, count(*) AS c FROM app.item i JOIN app.list l ON l.id = i.list_id GROUP BY l.owner}, [] ],
	[ 'o/either', 'id', q{SELECT 'i' || id AS id, n FROM app.item UNION ALL SELECT 'l' || id, rank FROM app.list ORDER BY n NULLS FIRST, id LIMIT 5 OFFSET 2}, [] ],
	[ 'o/lateral', 'id', 'SELECT l.id, x.n FROM app.list l LEFT JOIN LATERAL (SELECT n FROM app.item i WHERE i.list_id = l.id ORDER BY n DESC NULLS LAST, i.id LIMIT 1) x ON true', [] ],
	[ 'o/owned', 'id', 'WITH x AS (SELECT * FROM app.owned) SELECT a.id, a.n, b.c FROM x a JOIN (SELECT owner, count(*) AS c FROM x GROUP BY owner) b ON b.owner = a.owner', [] ],
	[ 'o/notes', 'id', 'SELECT id, body FROM app.note', [] ],
	[ 'o/first_notes', 'id', 'SELECT id, body FROM app.note ORDER BY body DESC, id LIMIT 2', [] ],
	[ 'o/note_count', 'id', 'SELECT l.id, count(n.id) AS c FROM app.list l LEFT JOIN app.note n ON n.list_id = l.id GROUP BY l.id', [] ],
	[ 'o/part', 'list_id,id', 'SELECT list_id, id, n FROM app.part WHERE list_id = $1', [1], [3] ],
	[ 'o/leaf', 'list_id,id', 'SELECT list_id, id, n FROM app.part_2', [] ],
	[ 'o/sum', 'k', 'SELECT 1 AS k, count(*) AS c, min(n) AS least, trim_scale(max(price)) AS most FROM app.item', [] ],
	[ 'o/chain', 'id', 'SELECT n.id, l.owner, count(i.id) AS c FROM app.part n LEFT JOIN app.list l ON l.id = n.list_id LEFT JOIN app.item i ON i.list_id = l.id WHERE n.list_id = 1 GROUP BY n.id, l.owner', [] ]);

declare_query($node, @$_[ 0 .. 2 ]) for @queries;
$node->safe_psql('postgres', 'INSERT INTO app.part SELECT i, 1 + i % 4, i FROM generate_series(1, 10) i; INSERT INTO app.note SELECT i, 1 + i % 6, i::text FROM generate_series(1, 8) i');

# ---- changes ----

sub any { return $_[ int rand @_ ]; }
sub number { return any('NULL', 0 .. 5); }
sub list { return any('NULL', 1 .. 7); }
sub id { return 1 + int rand 40; }
sub owner { return any(q{'anna'}, q{'ben'}, q{'carl'}, 'NULL'); }

my @changes = (
	(sub { sprintf q{INSERT INTO app.item VALUES (%d, %s, 'new', %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET n = excluded.n, list_id = excluded.list_id},
		id(), list(), number(), any('1', '1.0', '2.00', 'NULL'), any(q{'a'}, q{'A'}, q{'b'}, 'NULL'), any(q{'sad'}, q{'happy'}, 'NULL') }) x 3,
	(sub { sprintf 'UPDATE app.item SET list_id = %s WHERE id = %d', list(), id() }) x 3,
	(sub { sprintf 'UPDATE app.item SET n = %s WHERE list_id = %s', number(), list() }) x 2,
	sub { sprintf q{UPDATE app.item SET name = %s, mood = %s WHERE id %% 4 = %d}, any(q{'A'}, q{'B'}, q{'b'}), any(q{'sad'}, q{'ok'}), int rand 4 },
	sub { sprintf 'UPDATE app.item SET price = %s WHERE id = %d', any('1.00', '1', '2', 'NULL'), id() },
	sub { sprintf 'UPDATE app.item SET id = id + 50 WHERE id = %d AND NOT EXISTS (SELECT FROM app.item o WHERE o.id = item.id + 50)', id() },
	sub { sprintf 'DELETE FROM app.item WHERE id = %d OR id > 60', id() },
	sub { sprintf q{INSERT INTO app.list VALUES (%d, %s, %s) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, rank = excluded.rank}, 1 + int rand 7, owner(), number() },
	sub { sprintf 'UPDATE app.list SET owner = %s WHERE id = %s', owner(), list() },
	sub { sprintf 'DELETE FROM app.list WHERE id = %s', list() },
	sub { sprintf q{INSERT INTO app.member VALUES (%s, %s)}, list(), any(q{'-'}, q{'ben'}, q{'anna'}) },
	sub { sprintf 'DELETE FROM app.member WHERE list_id = %s', list() },
	sub { sprintf q{INSERT INTO app.note SELECT %d, (SELECT min(id) FROM app.list WHERE id >= %d), 'x' ON CONFLICT DO NOTHING}, id(), 1 + int rand 6 },
	sub { sprintf q{UPDATE app.note SET body = body || 'y' WHERE id = %d}, id() },
	sub { sprintf 'UPDATE app.part SET list_id = %d WHERE id = %d', 1 + int rand 4, id() },
	sub { sprintf 'INSERT INTO app.part SELECT coalesce(max(id), 0) + 1, %d, %s FROM app.part', 1 + int rand 4, number() },
	sub { sprintf 'UPDATE app.part_2 SET n = %s WHERE list_id = %d', number(), 1 + int rand 4 },
	sub { sprintf 'DELETE FROM app.part WHERE id = %d', id() },
	sub { sprintf q{MERGE INTO app.item t USING (SELECT %d AS id, %s::integer AS n) s ON t.id = s.id
		WHEN MATCHED AND s.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n, list_id) VALUES (s.id, s.n, 1)}, id(), number() },
	sub { sprintf 'INSERT INTO app.item SELECT i, 2, NULL, i %% 6 FROM generate_series(100, 100 + %d) i ON CONFLICT DO NOTHING', 5 + int rand 60 },
	sub { 'DELETE FROM app.item WHERE id >= 100' },
	sub { any(('SELECT 1') x 8, 'TRUNCATE app.item', 'TRUNCATE app.member', 'TRUNCATE app.part_1') });

sub transaction
{
	my @commands = map { $changes[ int rand @changes ]->() } 1 .. 1 + int rand 4;

	splice @commands, int rand(@commands + 1), 0, 'SAVEPOINT a', $changes[ int rand @changes ]->(), any('ROLLBACK TO a', 'RELEASE a')
		if rand() < 0.3;
	return @commands == 1 ? $commands[0] : join '; ', 'BEGIN', @commands, rand() < 0.1 ? 'ROLLBACK' : 'COMMIT';
}

# ---- clients ----

sub user
{
	my ($name) = @_;
	my $ws = ws_connect($node, $name eq '-' ? () :
		(headers => { Authorization => 'Bearer ' . jwt({ sub => $name }, secret => $secret) }));

	$ws->{user} = $name;
	return $ws;
}

wait_for_call($node, 'o/sum', []);
my @connections = map { user($_) } '-', 'anna', 'ben', '-';
my @copies;
for my $query (@queries)
{
	my ($path, undef, undef, @arguments) = @$query;

	push @copies, follow($_, $path) for $truth{$path} ? @connections[ 0 .. 2 ] : ();
	push @copies, map { follow(any(@connections), $path, @$_) } $truth{$path} ? () : @arguments;
}

sub truth_for
{
	my ($copy) = @_;

	return $truth{ $copy->{path} } && sprintf $truth{ $copy->{path} }, $copy->{ws}{user};
}

my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 3;
my $wrong = 0;
my $compared = 0;

for my $batch (1 .. $batches)
{
	my @transactions = map { transaction() } 1 .. 1 + int rand 3;

	# one after the other: which rows there are must not depend on who is first
	$sessions[ $_ % @sessions ]->query("$transactions[$_];") for 0 .. $#transactions;
	push @copies, follow(any(@connections), 'o/items', 1 + int rand 7) if $batch % 10 == 0;
	for my $copy (@copies)
	{
		$compared++;
		next if has_truth($copy, truth_for($copy));
		$wrong++;
		diag "RT_SEED=$seed, batch $batch: $copy->{path} @{$copy->{args}}\n" . join("\n", @transactions)
			. "\nhas:\n" . text_of($copy) . "\nshould have:\n" . truth_of($copy, truth_for($copy));
	}
	last if $wrong > 0;
}
is($wrong, 0, "$compared copies are what SQL says");
is($node->safe_psql('postgres', 'SELECT count(*) FROM realtime.stat_query WHERE failures > 0'), 0, 'no run has failed');

# ---- restricted runs ----

my $other = qr/live query "[^"]+" is not what it should be/;
my $checked = $node->safe_psql('postgres', 'SELECT sum(restricted) FROM realtime.stat_query');

cmp_ok($checked, '>', 10 * $batches, "$checked restricted runs have been compared with all of the query");
unlike(slurp_file($node->logfile), $other, 'and none has found anything else');
# of a path: a group that was followed a moment ago has had its first run only, which is of all of it
is($node->safe_psql('postgres', q{SELECT string_agg(path, ' ' ORDER BY path) FROM (SELECT path FROM realtime.stat_query
	WHERE path NOT IN ('o/notin', 'o/sum', 'o/first', 'o/having', 'o/ranked') GROUP BY path HAVING sum(restricted) = 0 AND sum(runs) > count(*)) x}), '', 'those that have cuts are restricted');

# What leaves something out is found to be wrong: otherwise this is no proof.  Of
# data in which it must be: a row of a group that is NULL comes, one of a group goes.
my ($owners) = grep { $_->{path} eq 'o/owners' } @copies;
my %list_of = (without_null => 1, without_old => 2);

sub runs { return $node->safe_psql('postgres', q{SELECT sum(runs) FROM realtime.stat_query WHERE path = 'o/owners'}); }

# Changes one thing, and waits until what is run for it has been.
sub change_and_wait
{
	my ($sql) = @_;
	my $before = runs();

	$node->safe_psql('postgres', $sql);
	poll_until(sub { runs() > $before });
	return;
}

for my $way (sort keys %list_of)
{
	my $offset;

	$node->safe_psql('postgres', 'TRUNCATE app.item, app.list CASCADE');
	$node->safe_psql('postgres', "INSERT INTO app.list VALUES (1, NULL, 1), (2, 'anna', 2); INSERT INTO app.item (id, list_id) VALUES (92, 1), (93, 2)");
	ok(has_truth($owners), "before $way all is as it should be");
	$node->safe_psql('postgres', "ALTER SYSTEM SET realtime.query_check = $way");
	$offset = -s $node->logfile;
	$node->reload;
	for (1 .. 20)
	{
		change_and_wait($_) for "INSERT INTO app.item (id, list_id) VALUES (90, $list_of{$way})", 'DELETE FROM app.item WHERE id = 90';
		last if slurp_file($node->logfile, $offset) =~ /live query "o\/owners" is not what it should be/;
	}
	like(slurp_file($node->logfile, $offset), qr/live query "o\/owners" is not what it should be/, "$way it does");
	$node->safe_psql('postgres', q{ALTER SYSTEM SET realtime.query_check = 'all'});
	$node->reload;
}
$_->quit for @sessions;

ok(poll_until(sub { $quiet->safe_psql('postgres', 'SELECT count(*) FROM realtime.stat_query') eq 0 }), 'what nobody follows is forgotten, though nothing has changed');

done_testing();
