# Live queries: runs are not in the way of commands over several tables, which lock
# one after the other, and what has been locked for long keeps nobody else from being
# told.  A deadlock would be noticed by the command, which waits longer, so it would
# be the one that is ended.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.query_check' => 'all', 'realtime.query_timeout' => '1min', deadlock_timeout => '500ms');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.a (id integer PRIMARY KEY, n integer);
CREATE TABLE app.b (id integer PRIMARY KEY, n integer);
CREATE TABLE app.c (id integer PRIMARY KEY, n integer);
CREATE TABLE app.part (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
CREATE TABLE app.part_1 PARTITION OF app.part DEFAULT;
CREATE VIEW app.seen AS SELECT a.id, a.n, b.n AS m FROM app.a JOIN app.b USING (id);
CREATE FUNCTION app.of_b(integer) RETURNS integer STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT sum(n) FROM app.b WHERE id > $1); END';
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
INSERT INTO app.a SELECT i, i FROM generate_series(1, 5) i;
INSERT INTO app.b SELECT * FROM app.a;
INSERT INTO app.c SELECT * FROM app.a;
INSERT INTO app.part SELECT * FROM app.a;
});
declare_query($node, 'l/a', 'id', 'SELECT id, n FROM app.a');
declare_query($node, 'l/b', 'id', 'SELECT id, n FROM app.b');
declare_query($node, 'l/c', 'id', 'SELECT id, n FROM app.c');
declare_query($node, 'l/both', 'id', 'SELECT a.id, a.n, b.n AS m FROM app.a LEFT JOIN app.b ON b.id = a.id WHERE a.id < $1');
declare_query($node, 'l/seen', 'id', 'SELECT id, n, m FROM app.seen');
declare_query($node, 'l/called', 'id', 'SELECT id, app.of_b(id) AS s FROM app.a', q{, depends_on => '{app.b}'});
declare_query($node, 'l/part', 'id', 'SELECT a.id, p.n FROM app.a JOIN app.part p ON p.id = a.id');
wait_for_call($node, 'l/c', []);

my $ws = ws_connect($node);
my ($a, $b, $c, @others) = map { follow($ws, @$_) } ['l/a'], ['l/b'], ['l/c'], [ 'l/both', 3 ], [ 'l/both', 4 ], ['l/seen'], ['l/called'], ['l/part'];
my @all = ($a, $b, $c, @others);
my $session = $node->background_psql('postgres', on_error_stop => 1);

sub run { $node->safe_psql('postgres', $_) for @_; return; }
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub lock_table { return $session->query_safe("LOCK TABLE $_[0] IN ACCESS EXCLUSIVE MODE"); }
sub all_true { my ($name) = @_; return subtest $name => sub { is_true($_, $_->{path}) for @all }; }
sub runs_of { return sql("SELECT coalesce(sum(runs), 0) FROM realtime.stat_query WHERE path = '$_[0]'"); }

# Others go on, so rounds have come by what is locked.
sub c_goes_on
{
	my ($name) = @_;

	run('UPDATE app.c SET n = n + 1');
	return is_true($c, $name);
}

all_true('at first');

# ---- a command over two tables, from either end, while runs need both ----

for my $tables ([qw(app.b app.a)], [qw(app.a app.b)], [qw(app.part_1 app.a)])
{
	my ($first, $second) = @$tables;
	my $unlocked = $second eq 'app.a' ? 'app.a' : 'app.b';

	$session->query_safe('BEGIN');
	lock_table($first);
	run("UPDATE $unlocked SET n = n + 1");
	is_true($unlocked eq 'app.a' ? $a : $b, "while $first is locked, who reads $unlocked is told");
	c_goes_on('and others');
	run("UPDATE $unlocked SET n = n + 1 WHERE id = 2");
	c_goes_on('again and again');
	lock_table($second);
	c_goes_on("$second can be locked, too");
	$session->query_safe("ALTER TABLE $_ ALTER n SET STATISTICS 50") for @$tables;
	$session->query_safe("UPDATE $second SET n = n + 10");
	$session->query_safe('COMMIT');
	all_true("and all is told when $first and $second are free");
}

# ---- who asks meanwhile ----

$session->query_safe('BEGIN');
lock_table('app.b');
my $comer = ws_connect($node);
ws_send($comer, { rpc => 'l/both', id => 'x', args => [5], stream => JSON::PP::true });
ws_send($comer, { rpc => 'l/seen', id => 'y', args => [], stream => JSON::PP::true });
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query IN ('l/both', 'l/seen')}) == 2 }), 'who asks for what is locked waits');
lock_table('app.a');
c_goes_on('which is no hindrance');
$session->query_safe('UPDATE app.a SET n = 100 WHERE id = 1');
$session->query_safe('COMMIT');
for my $id (qw(x y))
{
	my $reply = ws_wait($comer, sub { ($_->{event} // '') eq $id })->{data};
	is($reply->{ok}, JSON::PP::true, 'and gets it then');
}
is_true(follow($comer, 'l/both', 5), 'as all others have it');
all_true('all others, too');

# ---- a lock without any change ----

$session->query_safe('BEGIN');
lock_table('app.b');
run('UPDATE app.a SET n = n - 1');
c_goes_on('others do not wait');
$session->query_safe('COMMIT');
all_true('what was locked for no reason is run as well');

is(sql('SELECT coalesce(sum(failures), 0) FROM realtime.stat_query'), 0, 'no run has failed');
is_deeply([ grep { $_->{event} eq 'error' } @{ $ws->{others} // [] } ], [], 'and nobody was told an error');
unlike(slurp_file($node->logfile), qr/deadlock detected|is not what it should be|PANIC|TRAP:|terminated by signal/, 'there was no deadlock');
$session->quit;

done_testing();
