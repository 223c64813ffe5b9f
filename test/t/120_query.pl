# Live queries: what clients have is the result of the query, after each commit.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.ring_size' => '1MB');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.list (id integer PRIMARY KEY, owner text);
CREATE TABLE app.item (id integer PRIMARY KEY, list_id integer, title text, n integer DEFAULT 0);
CREATE TABLE app.secret (id integer PRIMARY KEY, owner text, body text);
CREATE TABLE app.account (id integer PRIMARY KEY, amount integer);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
ALTER TABLE app.secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.secret USING (owner = coalesce(realtime.user_id(), '-'));
INSERT INTO app.list VALUES (1, 'anna'), (2, 'ben');
INSERT INTO app.item SELECT i, 1 + i % 2, 'item ' || i, i FROM generate_series(1, 10) i;
INSERT INTO app.secret VALUES (1, 'anna', 'a'), (2, 'ben', 'b');
INSERT INTO app.account SELECT i, 100 FROM generate_series(1, 10) i;
CREATE FUNCTION app.divided(integer) RETURNS integer STABLE LANGUAGE sql AS 'SELECT 100 / $1';
});

sub query { return declare_query($node, @_); }

query('q/items', 'id', 'SELECT id, title, n FROM app.item WHERE list_id = $1');
query('q/sorted', 'id', 'SELECT id, n FROM app.item WHERE list_id = $1 ORDER BY n, id');
query('q/top', 'id', 'SELECT id, n FROM app.item ORDER BY n DESC, id LIMIT 3');
query('q/counts', 'owner', 'SELECT l.owner, count(*) AS items, sum(i.n) AS n FROM app.item i JOIN app.list l ON l.id = i.list_id GROUP BY l.owner');
query('q/pairs', 'owner,id', 'SELECT l.owner, i.id, i.n FROM app.list l LEFT JOIN app.item i ON i.list_id = l.id');
query('q/secrets', 'id', 'SELECT id, body FROM app.secret');
query('q/sum', 'k', 'SELECT 1 AS k, sum(amount) AS amount FROM app.account');
query('q/accounts', 'id', 'SELECT id, amount FROM app.account');
query('q/broken', 'id', 'SELECT id, app.divided(n) AS d FROM app.item');
query('q/few', 'id', 'SELECT id FROM app.item', ', max_rows => 12');
query('q/twice', 'list_id', 'SELECT list_id FROM app.item WHERE n > 1000');
query('q/slow', 'id', 'SELECT id, amount FROM app.account', q{, debounce => '1 h'});

sub run { $node->safe_psql('postgres', $_) for @_; return; }

wait_for_call($node, 'q/items', [1]);
my $ws = ws_connect($node);
my $items = follow($ws, 'q/items', 1);

is($items->{reply}{merge}, 'crud', 'a live query is a list');
is($items->{reply}{key}, 'id', 'with a key');
like($items->{topic}, qr/^query:q%2Fitems:[0-9a-f]{32}$/, 'on a topic of its own');
is_true($items, 'the first value');
run("UPDATE app.item SET title = 'new' WHERE id = 2");
is_true($items, 'a row that changes');
is_deeply($items->{events}, ['updated'], 'is updated');
run("INSERT INTO app.item VALUES (20, 1, 'twenty')");
is_true($items, 'one that comes');
run('UPDATE app.item SET list_id = 2 WHERE id = 20');
is_true($items, 'one that leaves');
is_deeply($items->{events}, [qw(updated created deleted)], 'each is told as what it is');
run('DELETE FROM app.item WHERE id = 20', q{BEGIN; INSERT INTO app.item VALUES (21, 1, 'x'); ROLLBACK});

my @all = ($items, map { follow($ws, @$_) } [ 'q/items', 2 ], [ 'q/sorted', 1 ], ['q/top'], ['q/counts'], ['q/pairs']);
is($all[5]{key}, '_key', 'a key of several columns');
is_true($_, "$_->{path} @{$_->{args}}") for @all;
run('INSERT INTO app.item SELECT i, i % 3, i::text, 100 - i FROM generate_series(30, 50) i',
	'UPDATE app.item SET n = n + 5 WHERE id % 2 = 0', 'UPDATE app.item SET list_id = 1 WHERE id = 40',
	"UPDATE app.list SET owner = 'carl' WHERE id = 2", 'DELETE FROM app.item WHERE id % 5 = 0',
	'UPDATE app.item SET n = -n WHERE list_id = 1', 'INSERT INTO app.list VALUES (3, NULL)');
is_true($_, "$_->{path} @{$_->{args}} after many changes") for @all;
run('DELETE FROM app.list WHERE id = 3', 'TRUNCATE app.item');
is_true($_, "$_->{path} @{$_->{args}} after TRUNCATE") for @all;
run('INSERT INTO app.item SELECT i, 1 + i % 2, i::text, (i * 7) % 11 FROM generate_series(1, 10) i');
is_true($_, "$_->{path} @{$_->{args}} filled again") for @all;

# ---- which groups are run ----

sub runs_of
{
	my ($copy) = @_;

	return $node->safe_psql('postgres', "SELECT runs FROM realtime.stat_query WHERE topic = '$copy->{topic}'");
}

my ($one, $two) = grep { $_->{path} eq 'q/items' } @all;
my @before = map { runs_of($_) } $one, $two;
run("UPDATE app.item SET title = 'matters' WHERE list_id = 1");
is_true($one, 'rows of one list');
is_deeply([ map { runs_of($_) } $one, $two ], [ $before[0] + 1, $before[1] ], 'have only its query run');
run('UPDATE app.item SET list_id = 3 - list_id WHERE id = 2');
is_true($_, 'a row that changes lists') for $one, $two;
is_deeply([ map { runs_of($_) } $one, $two ], [ $before[0] + 2, $before[1] + 1 ], 'concerns both');
run('UPDATE app.item SET list_id = NULL WHERE id = 2');
is_true($_, 'a row without a list') for $one, $two;
run('UPDATE app.item SET list_id = 1 WHERE id = 2');
is_true($_, 'and with one again') for $one, $two;

# ---- rows that depend on who asks ----

run("INSERT INTO app.secret VALUES (3, '-', 'nobody''s')");
my $secrets = follow($ws, 'q/secrets');
my $own = q{SELECT id, body FROM app.secret WHERE owner = '-'};
is_true($secrets, 'a policy that asks who it is', $own);
run("UPDATE app.secret SET body = 'changed'", "UPDATE app.secret SET owner = '-' WHERE id = 1");
is_true($secrets, 'rows that come under it', $own);
run("UPDATE app.secret SET owner = 'anna' WHERE id = 1");
is_true($secrets, 'and leave it', $own);
is_deeply($secrets->{events}, [qw(updated created deleted)], 'nothing is told of rows of others');
is($node->safe_psql('postgres', qq{SELECT realtime.load('q/secrets', '[]', '{"id": "$_->[0]"}')->'data'->0->>'id'}), $_->[1],
	"what $_->[0] would get") for [ 'anna', 1 ], [ 'ben', 2 ];

# ---- transactions arrive whole ----

my ($sum, $accounts) = (follow($ws, 'q/sum'), follow($ws, 'q/accounts'));
for my $i (1 .. 30)
{
	my ($from, $to) = (1 + $i % 10, 1 + ($i * 7 + 3) % 10);
	run("BEGIN; UPDATE app.account SET amount = amount - 5 WHERE id = $from; UPDATE app.account SET amount = amount + 5 WHERE id = $to; COMMIT");
}
is_true($accounts, 'money that moves');
is_true($sum, 'its sum');
is_deeply($sum->{events}, [], 'never changes');

# ---- clients that come while it changes ----

my @late;
for my $i (1 .. 10)
{
	run("UPDATE app.item SET n = n + $i", "INSERT INTO app.item VALUES (100 + $i, 1, 'late', $i)");
	my $connection = ws_connect($node);
	push @late, follow($connection, 'q/items', 1), follow($connection, 'q/sorted', 1);
	run("UPDATE app.item SET title = 'x' || $i WHERE id > 100");
}
is_true($_, 'a client that came in between') for @late, @all;

# ---- what goes wrong ----

is(follow($ws, 'q/few')->{reply}{code}, 'PAYLOAD_TOO_LARGE', 'too many rows are refused');
run('DELETE FROM app.item WHERE id > 100', 'UPDATE app.item SET n = id');
my ($few, $broken, $twice) = map { follow($ws, $_) } qw(q/few q/broken q/twice);
is_true($_, $_->{path}) for $few, $broken, $twice;

run('UPDATE app.item SET n = 0 WHERE id = 1');
is(told($broken, 'error')->{data}{code}, 'VALIDATION', 'an error is told');
is_true($items, 'to nobody else');
run('UPDATE app.item SET n = 7 WHERE id = 1');
ok(told($broken, 'recovered'), 'and its end');
is_true($broken, 'with what has changed meanwhile');
run('UPDATE app.item SET n = 2000 WHERE id <= 4');
is(told($twice, 'error')->{data}{message}, 'Two rows of the result have the same key', 'two rows with one key');
run('UPDATE app.item SET n = id WHERE id < 4');
ok(told($twice, 'recovered'), 'until there is one');
is_true($twice, 'which is told');
run('INSERT INTO app.item SELECT i FROM generate_series(200, 210) i');
is(told($few, 'error')->{data}{code}, 'PAYLOAD_TOO_LARGE', 'more rows than there may be');
run('DELETE FROM app.item WHERE id >= 200');
ok(told($few, 'recovered'), 'and fewer again');
is_true($few, 'which are told');

# ---- processes that end ----

my $pids = sub { $node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor%'}) };
for my $i (1 .. 5)
{
	run("UPDATE app.item SET n = n + 1", "UPDATE app.account SET amount = amount + $i");
	$pids->();
	run("UPDATE app.item SET title = title || '.'");
	wait_for_call($node, 'q/items', [1]);
}
is_true($_, "$_->{path} survives executors") for @all, $accounts, $sum, $broken;

# ---- more than the ring holds ----

run(q{UPDATE app.item SET title = repeat(md5(i::text), 1000) FROM generate_series(1, 1) i}) for 1 .. 8;
run(q{UPDATE app.item SET title = 'short'});
is_true($items, 'long rows');

# ---- not at once ----

my $slow = follow($ws, 'q/slow');
run('UPDATE app.account SET amount = amount + 1 WHERE id = 1');
is_true($slow, 'the first change is told at once');
run('UPDATE app.account SET amount = amount + 1 WHERE id = 1');
is_true($accounts, 'the next one to others');
is_deeply($slow->{events}, ['updated'], 'and here later');
is_true(follow(ws_connect($node), 'q/slow'), 'but who comes has the result of now');
is_true($slow, 'and then everybody');

# ---- who goes ----

my $other = ws_connect($node);
my $theirs = follow($other, 'q/accounts');
is($theirs->{topic}, $accounts->{topic}, 'who asks the same shares a group');
ws_close($other);
run('UPDATE app.account SET amount = amount + 1');
is_true($accounts, 'who stays is told');

done_testing();
