# Live queries: what one client may take, and what is said of runs of all rows.
use strict;
use warnings;

use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.max_query_groups' => 40, 'realtime.query_changes_max' => 5000);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer);
INSERT INTO app.item SELECT i, i % 100, i FROM generate_series(1, 2000) i;
GRANT SELECT ON app.item TO PUBLIC;
});
declare_query($node, 'q/list', 'id', 'SELECT id, n FROM app.item WHERE list = $1');
declare_query($node, 'q/all', 'id', 'SELECT id, n FROM app.item');
declare_query($node, 'q/lists', 'list', 'SELECT list, sum(n) AS n FROM app.item GROUP BY list');
declare_query($node, 'q/count', 'c', 'SELECT count(*) AS c FROM app.item');
declare_query($node, 'q/top', 'id', 'SELECT id, n FROM app.item ORDER BY n DESC, id LIMIT 3');
wait_for_call($node, 'q/count', []);

# ---- a client's part of all groups ----

my $greedy = ws_connect($node);
my @replies = map { follow($greedy, 'q/list', $_)->{reply} } 1 .. 17;
is_deeply([ map { $_->{code} // 'ok' } @replies ], [ ('ok') x 16, 'OVERLOADED' ], 'one client may have 16 of 40 groups');

my $ws = ws_connect($node);
my $own = follow($ws, 'q/list', 20);
is($own->{reply}{ok}, JSON::PP::true, 'others get theirs');
is(follow($greedy, 'q/list', 20)->{reply}{ok}, JSON::PP::true, 'and it may share those');
ws_close($greedy);
ok(poll_until(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM realtime.stat_query WHERE gateways > 0') eq 1 }),
	'groups of who has gone are nobody\'s');
ok((!grep { !follow($ws, 'q/list', $_)->{reply}{ok} } 21 .. 30), 'there is room for others again');

# ---- why all rows were asked for ----

sub why
{
	my ($copy, $sql) = @_;

	$node->safe_psql('postgres', $sql);
	is_true($copy, $sql);
	return $node->safe_psql('postgres', "SELECT why_full FROM realtime.stat_query WHERE path = '$copy->{path}' AND (path <> 'q/list' OR arguments = '[\"20\"]')");
}

my ($all, $lists, $count, $top) = map { follow($ws, $_) } qw(q/all q/lists q/count q/top);
is(why($all, 'UPDATE app.item SET n = n + 1 WHERE id = 7'), '', 'a row is asked for alone');
is(why($all, 'UPDATE app.item SET n = n + 1 WHERE id BETWEEN 100 AND 180'), '', 'so are more of a large result');
is(why($count, 'DELETE FROM app.item WHERE id = 7'), 'a table has no cut', 'a table without a cut');
is(why($lists, 'UPDATE app.item SET n = n + 1 WHERE id BETWEEN 100 AND 180'), 'many values of a cut', 'more values than are asked for');
is(why($lists, 'UPDATE app.item SET n = n + 1 WHERE id <= 1000'), 'many rows have changed', 'more rows than are looked at');
is(why($all, 'TRUNCATE app.item'), 'anything in a table may have changed', 'TRUNCATE');
is(why($top, 'INSERT INTO app.item SELECT i, 1, i FROM generate_series(1, 40) i'), 'anything in a table may have changed', 'likewise');
is(why($top, 'UPDATE app.item SET n = 100 WHERE id = 1'), 'anything in a table may have changed', 'none of all rows');
is(why($top, 'DELETE FROM app.item WHERE id > 20'), 'not enough of the order was known', 'more rows than are remembered behind');
is(why($own, 'INSERT INTO app.item VALUES (200, 20, 1)'), 'anything in a table may have changed', 'of its own list');

# ---- which groups a change is a matter of ----

# The runs of each group of a query, by its arguments
sub runs
{
	my ($path) = @_;
	return $node->safe_psql('postgres', "SELECT string_agg(arguments || ' ' || runs, ', ' ORDER BY arguments::text COLLATE \"C\") FROM realtime.stat_query WHERE path = '$path'");
}

declare_query($node, 'q/two', 'id', 'SELECT id, n FROM app.item WHERE list = $1 AND n > $2');
declare_query($node, 'q/far', 'id', 'SELECT id, n FROM app.item WHERE n > $1 AND n > $2 AND n > $3 AND n > $4 AND list = $5');
my $other = ws_connect($node);
my @two = map { follow($other, 'q/two', @$_) } [ 51, 0 ], [ 52, 0 ], [ undef, 0 ];
my @far = map { follow($other, 'q/far', 0, 0, 0, 0, $_) } 51, 52, undef;
$node->safe_psql('postgres', 'INSERT INTO app.item VALUES (5100, 51, 1)');
is_true($_, 'of the list of a row') for $two[0], $far[0];
is(runs('q/two'), '["51","0"] 1, ["52","0"] 0, [null,"0"] 0', 'one group is run of those with other arguments');
is(runs('q/far'), '["0","0","0","0","51"] 1, ["0","0","0","0","52"] 0, ["0","0","0","0",null] 0', 'whichever argument it is');
$node->safe_psql('postgres', 'UPDATE app.item SET list = 52 WHERE id = 5100');
is_true($_, 'of the list that a row leaves or comes to') for @two[0, 1], @far[0, 1];
is(runs('q/two'), '["51","0"] 2, ["52","0"] 1, [null,"0"] 0', 'both lists of a row are run');

done_testing();
