# Live queries: the cases in which others have told their clients something wrong.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.query_check' => 'all');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.list (id integer PRIMARY KEY, owner text);
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer, done boolean DEFAULT false);
CREATE TABLE app.account (id integer PRIMARY KEY, amount integer);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
INSERT INTO app.list VALUES (1, 'anna'), (2, 'ben');
INSERT INTO app.item SELECT i, 1 + i % 2, i FROM generate_series(1, 6) i;
INSERT INTO app.account VALUES (1, 100), (2, 100), (3, 100);
});

my %queries = (
	filter => [ 'id', 'SELECT id, n FROM app.item WHERE NOT done' ],
	group => [ 'list', 'SELECT list, count(*) AS c FROM app.item WHERE list IS NOT NULL GROUP BY list' ],
	having => [ 'list', 'SELECT list, count(*) AS c FROM app.item WHERE list IS NOT NULL GROUP BY list HAVING count(*) >= 3' ],
	outer => [ 'id', 'SELECT i.id, l.owner FROM app.item i LEFT JOIN app.list l ON l.id = i.list' ],
	full => [ 'lid,iid', 'SELECT l.id AS lid, i.id AS iid FROM app.list l FULL JOIN app.item i ON i.list = l.id' ],
	policy => [ 'id', 'SELECT id, list FROM app.item' ],
	sum => [ 'k', 'SELECT 1 AS k, sum(amount) AS amount FROM app.account' ],
	rich => [ 'id', 'SELECT id, amount FROM app.account WHERE amount >= 100' ],
	page => [ 'id', 'SELECT id, n FROM app.item ORDER BY n, id LIMIT 3' ],
	count => [ 'k', 'SELECT 1 AS k, count(*) AS c FROM app.item' ]);

declare_query($node, "c/$_", @{ $queries{$_} }) for sort keys %queries;
wait_for_call($node, 'c/count', []);
my $ws = ws_connect($node);
my %copies = map { $_ => follow($ws, "c/$_") } sort keys %queries;

# What is told of a query for a change, and that it is right afterwards.
sub told_by
{
	my ($name, $sql, $events, $what) = @_;
	my $copy = $copies{$name};

	has_truth($_) for values %copies;
	my $before = @{ $copy->{events} };
	$node->safe_psql('postgres', $sql);
	is_true($copy, $what);
	my @events = @{ $copy->{events} };
	is_deeply([ sort @events[ $before .. $#events ] ], $events, 'is told as ' . (join(', ', @$events) || 'nothing'));
	return;
}

# ---- in and out ----

told_by('filter', 'UPDATE app.item SET done = true WHERE id = 1', ['deleted'], 'a row that leaves a filter');
told_by('filter', 'UPDATE app.item SET n = 100 WHERE id = 1', [], 'and changes outside');
told_by('filter', 'UPDATE app.item SET done = false WHERE id = 1', ['created'], 'that comes back');
told_by('filter', 'BEGIN; UPDATE app.item SET done = true WHERE id = 2; UPDATE app.item SET done = false WHERE id = 2; COMMIT', [], 'out and in by one transaction');
told_by('group', 'UPDATE app.item SET list = 2 WHERE id = 2', [qw(updated updated)], 'a row that moves to another group');
told_by('group', 'UPDATE app.item SET list = 9 WHERE id = 2', [qw(created updated)], 'to a new one');
told_by('group', 'UPDATE app.item SET list = 1 WHERE id = 2', [qw(deleted updated)], 'the last one of a group');
told_by('having', 'DELETE FROM app.item WHERE id = 6', ['deleted'], 'a group that HAVING does not want any more');
told_by('having', 'INSERT INTO app.item VALUES (6, 1, 6)', ['created'], 'and wants again');
told_by('having', 'INSERT INTO app.item VALUES (7, 1, 7)', ['updated'], 'of which there are more');
told_by('having', 'UPDATE app.item SET n = 50 WHERE id = 7', [], 'of which nothing is shown');

# ---- the other side of an outer join ----

for (
	[ 'goes', 'DELETE FROM app.list WHERE id = 2', 'updated' ],
	[ 'comes', q{INSERT INTO app.list VALUES (2, 'ben')}, 'updated' ],
	[ 'changes', q{UPDATE app.list SET owner = 'carl' WHERE id = 2}, 'updated' ],
	[ 'has another key', 'UPDATE app.list SET id = 3 WHERE id = 2', 'updated' ],
	[ 'and its own again', 'UPDATE app.list SET id = 2 WHERE id = 3', 'updated' ])
{
	my ($what, $sql, $event) = @$_;
	my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM app.item WHERE list = 2');

	told_by('outer', $sql, [ ($event) x $rows ], "the other side of an outer join $what");
	is_true($copies{full}, 'and of a full one');
}
told_by('outer', 'UPDATE app.item SET list = NULL WHERE id = 3', ['updated'], 'a row without another side');
is_true($copies{full}, 'and in a full join');
told_by('outer', 'UPDATE app.item SET list = 2 WHERE id = 3', ['updated'], 'and with one again');

# ---- a policy that changes ----

for (
	[ 'is switched on', 'ALTER TABLE app.item ENABLE ROW LEVEL SECURITY', 'false' ],
	[ 'lets some through', 'CREATE POLICY p ON app.item USING (list = 1)', 'list = 1' ],
	[ 'lets others through', 'ALTER POLICY p ON app.item USING (list = 2)', 'list = 2' ],
	[ 'is one of two', 'CREATE POLICY o ON app.item USING (n > 5)', 'list = 2 OR n > 5' ],
	[ 'restricts', 'CREATE POLICY r ON app.item AS RESTRICTIVE USING (id <> 6)', '(list = 2 OR n > 5) AND id <> 6' ],
	[ 'is for another role', 'DROP POLICY o ON app.item', 'list = 2 AND id <> 6' ],
	[ 'is switched off', 'ALTER TABLE app.item DISABLE ROW LEVEL SECURITY', 'true' ])
{
	my ($what, $sql, $where) = @$_;

	$node->safe_psql('postgres', $sql);
	is_true($copies{policy}, "a policy $what", "SELECT id, list FROM app.item WHERE $where");
	$node->safe_psql('postgres', 'UPDATE app.item SET n = n + 1; UPDATE app.item SET list = 3 - list WHERE id IN (1, 6)');
	is_true($copies{policy}, 'and rows change under it', "SELECT id, list FROM app.item WHERE $where");
}
# whose policies look at nobody
is_true($copies{$_}, "c/$_ is as it was") for sort keys %copies;

# ---- one transaction, one moment ----

# A client that takes rounds sees its queries agree after each of them.
my $page = ws_connect($node);
ws_send($page, { type => 'hello', caps => ['pos'] });
my %shown = map { $_ => follow($page, "c/$_") } qw(sum rich filter count group);
my ($rounds, $late, @disagree) = (0, 0);
$page->{on_round} = sub {
	my $open = @{ $shown{filter}{rows} };
	my $groups = 0;

	$groups += $_->{c} for @{ $shown{group}{rows} };
	$rounds++;
	my ($frame) = @_;
	$late++ if $frame->{late};
	push @disagree, "sum $shown{sum}{rows}[0]{amount}, $open open, $shown{count}{rows}[0]{c} counted, $groups in groups" if !$frame->{late} && ($shown{sum}{rows}[0]{amount} != 300 || $open != $shown{count}{rows}[0]{c} || $groups != $open);
};
$node->safe_psql('postgres', 'UPDATE app.item SET done = false');
is_true($shown{$_}, "c/$_ of a page") for sort keys %shown;
for my $i (1 .. 25)
{
	my ($from, $to) = (1 + $i % 3, 1 + ($i + 1) % 3);

	$node->safe_psql('postgres', "BEGIN; UPDATE app.account SET amount = amount - $i WHERE id = $from; UPDATE app.account SET amount = amount + $i WHERE id = $to; COMMIT");
	$node->safe_psql('postgres', $i % 2 ? "INSERT INTO app.item VALUES (100 + $i, 1, $i)" : "DELETE FROM app.item WHERE id = 99 + $i");
}
is_true($shown{$_}, "c/$_ when money has moved and rows have come and gone") for sort keys %shown;
cmp_ok($rounds, '>', 10, "there were $rounds rounds, $late of them late");
is_deeply(\@disagree, [], 'after which list, count and groups agree, and no money is missing');
is_deeply([ grep { $_ ne 'refreshed' } @{ $shown{sum}{events} } ], [], 'the sum of it was never another one');

# ---- an order of many rows, which are remembered with what they are sorted by ----

$node->safe_psql('postgres', 'CREATE TABLE app.long (id integer PRIMARY KEY, n integer); GRANT ALL ON app.long TO PUBLIC; INSERT INTO app.long SELECT i, -i FROM generate_series(1, 900) i');
declare_query($node, 'c/long', 'id', 'SELECT id, n FROM app.long ORDER BY n, id');
wait_for_call($node, 'c/long', []);
my $long = follow(ws_connect($node), 'c/long');
is_true($long, 'many rows in an order');
$node->safe_psql('postgres', $_) for 'UPDATE app.long SET n = 5 WHERE id = 400', 'DELETE FROM app.long WHERE id = 1', 'TRUNCATE app.long', 'INSERT INTO app.long SELECT i, i % 7 FROM generate_series(1, 990) i';
is_true($long, 'and after changes');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
unlike(slurp_file($node->logfile), qr/is not what it should be/, 'after no round was anything else than it should be');

done_testing();
