# Live queries whose large groups are counted and not read.  Each run is compared with
# all of the query, tallies too.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.query_check' => 'all', max_prepared_transactions => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, state text, n integer, small smallint, big bigint, body text);
CREATE INDEX ON app.item (list);
INSERT INTO app.item SELECT i, CASE WHEN i <= 3000 THEN 1 WHEN i <= 3010 THEN 2 END, CASE WHEN i % 2 = 0 THEN 'open' ELSE 'done' END, i % 7, i % 5, i FROM generate_series(1, 3013) i;
CREATE FUNCTION hold_commit(text) RETURNS void LANGUAGE c STRICT AS 'realtime', 'realtime_test_hold_commit';
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
});

my %queries = (
	groups => [ 'k,list', 'SELECT 1 AS k, list, count(*) AS c, sum(n) AS n FROM app.item GROUP BY list' ],
	two => [ 'k,list,state', q{SELECT 1 AS k, list, state, count(n) AS c, sum(small) AS s, sum(big) AS b FROM app.item WHERE NOT state = 'gone' GROUP BY list, state} ],
	having => [ 'list', 'SELECT list, count(*) AS c FROM app.item WHERE list IS NOT NULL GROUP BY list HAVING count(*) <> 3000' ],
	all => [ 'k', 'SELECT 1 AS k, count(*) AS c, sum(n) AS n, 100 * count(*) FILTER (WHERE n > 3) / greatest(count(*), 1) AS part FROM app.item' ],
	some => [ 'k', q{SELECT 1 AS k, count(*) AS c, coalesce(sum(n), 0) AS n FROM app.item WHERE list = $1} ],
	biggest => [ 'k', 'SELECT 1 AS k, sum(big) AS b, count(big) AS c FROM app.item WHERE list = 1' ],
	read => [ 'k,list', 'SELECT 1 AS k, list, max(n) AS m, count(*) AS c FROM app.item GROUP BY list' ],
	shown => [ 'k,list', 'SELECT 1 AS k, list, count(*) AS c FROM app.item GROUP BY list' ]);

$node->safe_psql('postgres', q{CREATE FUNCTION app.shows(item jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT CASE WHEN item->>'list' = '1' THEN item END$$});
declare_query($node, "t/$_", @{ $queries{$_} }, $_ eq 'shown' ? q{, transform => 'app.shows(jsonb)'} : '') for sort keys %queries;
wait_for_call($node, 't/all', []);
my $ws = ws_connect($node);
my %copies = map { $_ => follow($ws, "t/$_", $_ eq 'some' ? 1 : ()) } sort keys %queries;
my @all = grep { $_ ne 'shown' } sort keys %copies;

sub run { $node->safe_psql('postgres', $_) for @_; return; }
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub counters { return { map { /^t\/(\w+)\|(\d+)\|(\d+)$/ ? ($1 => [ $2, $3 ]) : () } split /\n/, sql('SELECT path, sum(runs), sum(counted) FROM realtime.stat_query GROUP BY path') }; }
sub why { return sql("SELECT why_full FROM realtime.stat_query WHERE path = 't/$_[0]'"); }

# Who was counted, of those named.
sub change
{
	my ($what, $sql, @counted) = @_;
	my $before = counters();
	my %told = map { $_ => scalar @{ $copies{$_}{events} } } @all;

	run(ref $sql ? @$sql : $sql);
	subtest $what => sub {
		is_true($copies{$_}, $_) for @all;
		my $after = counters();
		for (@counted)
		{
			my ($name, $how) = /^(!?)(\w+)$/ ? ($2, $1) : ();
			my ($runs, $counted) = map { $after->{$name}[$_] - $before->{$name}[$_] } 0, 1;
			cmp_ok($runs, '>', 0, "$name is run");
			is($counted, $how eq '' ? $runs : 0, "and $name is " . ($how eq '' ? 'counted' : 'not'));
		}
	};
	return;
}

# By how much a change has grown runs and counted of t/groups.
sub grown_by
{
	my ($sql) = @_;
	my $before = counters()->{groups};

	run($sql);
	poll_until(sub { counters()->{groups}[0] > $before->[0] });
	my $after = counters()->{groups};
	return map { $after->[$_] - $before->[$_] } 0, 1;
}

is_true($copies{$_}, "$_ at first") for @all;
my @counts = qw(groups two all biggest);

# ---- rows of large groups ----

change('a row comes', q{INSERT INTO app.item VALUES (10001, 1, 'open', 3, 3, 3)}, @counts, qw(!having some !read));
change('and changes', 'UPDATE app.item SET n = 5, small = -7, big = 9 WHERE id = 10001', @counts, 'some');
change('in what nobody shows', q{UPDATE app.item SET body = 'x' WHERE id = 10001});
change('and becomes NULL', 'UPDATE app.item SET n = NULL, small = NULL, big = NULL WHERE id = 10001', @counts);
change('and nothing but NULL', q{UPDATE app.item SET n = 1, big = 9 WHERE id = 10001}, @counts);
change('and has another value of a group', q{UPDATE app.item SET state = 'done' WHERE id = 10001}, 'two');
change('leaves a condition', q{UPDATE app.item SET state = 'gone' WHERE id = 10001}, 'two');
change('comes back', q{UPDATE app.item SET state = 'open' WHERE id = 10001}, 'two');
change('goes, and HAVING does not want as many as there are', 'DELETE FROM app.item WHERE id = 10001', 'groups', 'all', 'having');
change('comes to a group of which nothing is known', q{INSERT INTO app.item VALUES (10001, 1, 'open', 1)}, '!having', 'groups');
change('and more again', q{INSERT INTO app.item VALUES (10002, 1, 'open', 1)}, 'having');
change('less again', 'DELETE FROM app.item WHERE id = 10002', 'having');

# ---- rows that move ----

change('a row moves to a small group', 'UPDATE app.item SET list = 2 WHERE id = 1', qw(groups two biggest));
change('back', 'UPDATE app.item SET list = 1 WHERE id = 1', qw(groups two biggest));
change('to a new one', 'UPDATE app.item SET list = 77 WHERE id = 1', qw(groups two));
change('and out of it, which was its last', 'UPDATE app.item SET list = 1 WHERE id = 1', qw(groups two));
change('to one that is NULL', 'UPDATE app.item SET list = NULL WHERE id = 1', qw(groups two));
change('and back', 'UPDATE app.item SET list = 1 WHERE id = 1', qw(groups two));
change('a NULL goes', 'DELETE FROM app.item WHERE list IS NULL', qw(groups two));
change('and comes', q{INSERT INTO app.item VALUES (10003, NULL, NULL, NULL), (10004, NULL, 'open', 4)}, qw(groups two));
change('a sum of nothing', 'UPDATE app.item SET n = NULL, small = NULL, big = NULL WHERE id = 10004', qw(groups two));
change('and of something', 'UPDATE app.item SET n = 0, small = 0, big = 0 WHERE id = 10004', qw(groups two));

# ---- transactions ----

change('many changes of a row', 'BEGIN; ' . join('; ', map { "UPDATE app.item SET n = n + $_, list = 1 + $_ % 2 WHERE id = 5" } 1 .. 9) . '; COMMIT', @counts);
change('a row that was there for a moment', 'BEGIN; INSERT INTO app.item VALUES (10010, 1, NULL, 3); UPDATE app.item SET n = 8 WHERE id = 10010; DELETE FROM app.item WHERE id = 10010; UPDATE app.item SET n = n + 1 WHERE id = 7; COMMIT', @counts);
change('what a savepoint takes back', 'BEGIN; SAVEPOINT a; UPDATE app.item SET n = 100 WHERE id < 9; ROLLBACK TO a; UPDATE app.item SET n = n + 1 WHERE id = 8; COMMIT', qw(groups all));
change('rows that take each others place', ['BEGIN; DELETE FROM app.item WHERE id = 9; INSERT INTO app.item VALUES (9, 1, NULL, 2); COMMIT'], @counts);
change('many rows', 'UPDATE app.item SET n = n + 1 WHERE id <= 300', qw(groups two all));
change('more than are told', 'UPDATE app.item SET n = n + 1 WHERE id <= 1200', map { "!$_" } @counts);
is(why('all'), 'anything in a table may have changed', 'are why all is run');
change('and then it goes on', 'UPDATE app.item SET n = n - 1 WHERE id = 2', qw(groups two all));
change('one that is prepared', q{BEGIN; UPDATE app.item SET n = n + 1 WHERE id = 3; PREPARE TRANSACTION 'p'});
change('and committed', q{COMMIT PREPARED 'p'}, map { "!$_" } @counts);
change('and then it goes on', 'UPDATE app.item SET n = n - 1 WHERE id = 3', qw(groups two all));

# ---- sums that are too long for an integer ----

change('much', 'UPDATE app.item SET big = 9223372036854775807 WHERE id IN (11, 12, 13)', 'biggest');
change('and more', 'UPDATE app.item SET big = 9223372036854775807 WHERE id IN (14, 15)', 'biggest');
cmp_ok(length $copies{biggest}{rows}[0]{b}, '>', 19, 'a sum is longer than a bigint');
change('and less', 'UPDATE app.item SET big = -9223372036854775808 WHERE id IN (11, 12, 13, 14)', 'biggest');
change('and little', 'UPDATE app.item SET big = id WHERE id < 20', 'biggest');

# ---- changes that are told in another order than they can be seen in ----

my ($first, $file) = ($node->background_psql('postgres', on_error_stop => 1), $node->basedir . '/hold');
for my $i (1 .. 5)
{
	unlink $file;
	$first->query_safe(qq{BEGIN; UPDATE app.item SET n = n + 1 WHERE id = 20; SELECT hold_commit('$file')});
	my $n = sql('SELECT n FROM app.item WHERE id = 20');
	$first->{stdin} .= "COMMIT;\n";
	$first->{run}->pump_nb;
	$node->poll_query_until('postgres', "SELECT n > $n FROM app.item WHERE id = 20");
	run('UPDATE app.item SET n = n + 1 WHERE id = 21') for 1 .. 3;
	append_to_file($file, '');
	run('UPDATE app.item SET n = n + 1 WHERE id = 22');
	$first->query_safe('SELECT 1');
	change("one that can be seen before it is told, $i", 'UPDATE app.item SET n = n + 1 WHERE id = 23');
}
$first->quit;

# ---- what is not counted ----

is_deeply([ map { $_->{list} } @{ $copies{shown}{rows} } ], [1], 'a transform leaves groups out');
is(sql(q{SELECT sum(counted) FROM realtime.stat_query WHERE path IN ('t/read', 't/shown')}), 0, 'which are read, as those of other aggregates are');
like(sql(q{SELECT tally FROM realtime.explain_query('t/read')}), qr/^none: an aggregate is neither/, 'as is told');
is(sql(q{SELECT tally FROM realtime.explain_query('t/two')}), 'counts: 4, sums: 2', 'as is what is counted');

change('all goes', 'TRUNCATE app.item', map { "!$_" } 'groups', 'all');
change('one comes', q{INSERT INTO app.item VALUES (1, 5, 'open', 1, 1, 1)}, '!groups', '!all');
change('a small group is read', 'UPDATE app.item SET n = 2', '!groups', '!two', '!all');
change('it grows', q{INSERT INTO app.item SELECT i, 5, 'open', i FROM generate_series(2, 300) i; INSERT INTO app.item SELECT i, 5, 'open', i FROM generate_series(301, 600) i}, '!groups');
is(why('groups'), 'a group has become large, and is counted from now on', 'and is large');
change('and is counted', 'UPDATE app.item SET n = 3 WHERE id = 5', 'groups');
change('and is small again', 'DELETE FROM app.item WHERE id > 3; DELETE FROM app.item WHERE id > 1', 'groups');
change('is gone', 'DELETE FROM app.item', 'groups', 'all');
change('and comes', 'INSERT INTO app.item VALUES (1, 5, NULL, 1, 1, 1)', 'groups', 'all');

# ---- a policy says which rows there are ----

run('ALTER TABLE app.item ENABLE ROW LEVEL SECURITY', 'CREATE POLICY p ON app.item USING (n > 0)');
run(q{INSERT INTO app.item SELECT i, 6, 'open', i % 3 FROM generate_series(1001, 2900) i});
for ([ 'n > 0', 'n > 0', 1 ], [ 'n + 0 > 0', 'n > 0', 0 ], [ q{state = 'open' AND n < 5}, 'n < 5', 1 ])
{
	my ($policy, $where, $counts) = @$_;
	my $truth = "SELECT 1 AS k, list, count(*) AS c, sum(n) AS n FROM app.item WHERE $where AND state = 'open' GROUP BY list";

	run("ALTER POLICY p ON app.item USING (($policy) AND state = 'open')");
	is_true($copies{groups}, "a policy: $policy", $truth);
	my $before = counters();
	run('UPDATE app.item SET n = 0 WHERE id = 1200', 'UPDATE app.item SET n = 6 WHERE id = 1203', 'UPDATE app.item SET n = 1 WHERE id IN (1200, 1203, 1204)');
	is_true($copies{groups}, 'and changes under it', $truth);
	is(counters()->{groups}[1] > $before->{groups}[1] ? 1 : 0, $counts, $counts ? 'are counted' : 'are read');
}
run('ALTER TABLE app.item DISABLE ROW LEVEL SECURITY');
is_true($copies{$_}, "without it $_") for @all;

# ---- who could tell it twice ----

run(q{CREATE TRIGGER again AFTER INSERT OR UPDATE OR DELETE ON app.item FOR EACH ROW EXECUTE FUNCTION realtime.query_table_changed('list', 'n')});
change('where there is a second trigger', 'UPDATE app.item SET n = n + 1 WHERE id = 1201', '!groups');
change('groups are read', 'UPDATE app.item SET n = n + 1 WHERE id = 1201', '!groups');
run('DROP TRIGGER again ON app.item');
change('without it', 'UPDATE app.item SET n = n + 1 WHERE id = 1201');
change('they are counted', 'UPDATE app.item SET n = n + 1 WHERE id = 1201', 'groups');

# ---- it can be switched off ----

sub set_rows
{
	my ($sql, $counts, $name) = @_;

	run("ALTER SYSTEM $sql");
	$node->reload;
	ok(poll_until(sub {
		run('ALTER TABLE app.item ALTER n SET STATISTICS 10');
		has_truth($copies{groups});
		my ($runs, $counted) = grown_by('UPDATE app.item SET n = n + 1 WHERE id = 1200');
		return $runs == 1 && $counted == $counts;
	}), $name);
	is_true($copies{$_}, $_) for @all;
	return;
}

set_rows('SET realtime.query_tally_rows = 2147483647', 0, 'no group is large');
set_rows('RESET realtime.query_tally_rows', 1, 'and one is again');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
unlike(slurp_file($node->logfile), qr/is not what it should be/, 'after no round was anything else than it should be');

done_testing();
