# Live queries: what happens while a run is under way.  Queries that call app.gate()
# stand still as long as somebody has closed it.  After each round all groups are
# compared with their queries.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 4, 'realtime.gateways' => 2, 'realtime.query_ring_size' => '64kB',
	'realtime.query_check' => 'all', 'realtime.query_timeout' => '2min', max_prepared_transactions => 2, 'realtime.shutdown_timeout' => '300ms', deadlock_timeout => '1h');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer);
CREATE TABLE app.other (id integer PRIMARY KEY, n integer);
INSERT INTO app.item SELECT i, i % 3, i FROM generate_series(1, 12) i;
INSERT INTO app.other SELECT i, i FROM generate_series(1, 5) i;
CREATE FUNCTION app.least() RETURNS integer STABLE LANGUAGE sql AS 'SELECT 0';
ALTER TABLE app.other ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON app.other USING (n > app.least());
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
});
$node->safe_psql('postgres', gate_function());
declare_query($node, 'q/gated', 'id', 'SELECT i.id, i.n FROM app.item i WHERE i.list = $1 AND app.gate(i.id)');
declare_query($node, 'q/items', 'id', 'SELECT id, list, n FROM app.item');
declare_query($node, 'q/other', 'id', 'SELECT id, n FROM app.other');
declare_query($node, 'q/joined', 'id', 'SELECT o.id, o.n FROM app.other o WHERE app.gate(o.id)');

sub run { $node->safe_psql('postgres', $_) for @_; return; }
sub sql { return $node->safe_psql('postgres', $_[0]); }

my $locker = $node->background_psql('postgres', on_error_stop => 1);

sub somebody_stands { return ok(poll_until(sub { standing($node) ne '' }), $_[0]); }

wait_for_call($node, 'q/items', []);
my $ws = ws_connect($node);
my ($gated, $items, $other, $joined) = map { follow($ws, @$_) } [ 'q/gated', 1 ], ['q/items'], ['q/other'], ['q/joined'];

sub all_true { my ($name) = @_; return subtest $name => sub { is_true($_, $_->{path}) for $gated, $items, $other, $joined }; }

all_true('at first');

# ---- one run of a group at a time ----

close_gate($locker);
run('UPDATE app.item SET n = n + 1 WHERE id = 1');
somebody_stands('a run is under way');
my $runner = standing($node);
for my $i (1 .. 20)
{
	run("UPDATE app.item SET n = n + $i WHERE list = 1");
	like(standing($node), qr/^\d+$/, 'nobody else begins one');
}
is(standing($node), $runner, 'and it is the same one');
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE query = 'realtime: live queries' AND state = 'active'}), 1, 'there is one round');
open_gate($locker);
all_true('what has been changed meanwhile comes afterwards');

# ---- an executor that is ended in the middle of a round ----

for my $i (1 .. 3)
{
	close_gate($locker);
	run("UPDATE app.item SET n = n + 1, list = list % 2 + 1 WHERE id = $i");
	somebody_stands('a run is under way');
	my $victim = standing($node);
	sql("SELECT pg_terminate_backend($victim)");
	ok(poll_until(sub { my $now = standing($node); $now ne '' && $now ne $victim }), 'when its executor ends another one does the round');
	run('UPDATE app.item SET n = n + 1 WHERE id = 5');
	open_gate($locker);
	all_true('and nothing is lost');
}
ok((!grep { $_ eq 'truncated' } map { @{ $_->{events} } } $gated, $items), 'nobody was told to load again');

# ---- what the query rests on changes ----

for (
	[ 'a function that a policy calls', q{CREATE OR REPLACE FUNCTION app.least() RETURNS integer STABLE LANGUAGE sql AS 'SELECT 2'}, 'SELECT id, n FROM app.other WHERE n > 2' ],
	[ 'a policy', 'ALTER POLICY few ON app.other USING (n > 3)', 'SELECT id, n FROM app.other WHERE n > 3' ],
	[ 'a policy that goes', 'DROP POLICY few ON app.other', 'SELECT id, n FROM app.other WHERE false' ],
	[ 'row-level security', 'ALTER TABLE app.other DISABLE ROW LEVEL SECURITY', 'SELECT id, n FROM app.other' ])
{
	my ($name, $command, $truth) = @$_;
	my $session = $node->background_psql('postgres', on_error_stop => 1);

	close_gate($locker);
	run('UPDATE app.other SET n = n WHERE id = 1', 'UPDATE app.other SET n = n + 1 WHERE id = 5');
	somebody_stands("a run is under way when $name changes");
	# it may have to wait for the run
	$session->{stdin} .= "$command;\n";
	$session->{run}->pump_nb;
	poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND backend_type = 'client backend'}) > 0
		|| sql(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'idle' AND query LIKE '%other%' OR query LIKE '%least%'}) > 0 });
	open_gate($locker);
	$session->quit;
	is_true($other, "$name counts", $truth);
	is_true($joined, 'for what was run at that moment, too', $truth);
}

# Its id is another one then: clients are told to ask again.
close_gate($locker);
run('UPDATE app.item SET n = n + 1 WHERE list = 1');
somebody_stands('a run is under way when the query is declared again');
my $declarer = $node->background_psql('postgres', on_error_stop => 1);
$declarer->{stdin} .= q{SELECT realtime.query('q/gated', 'SELECT i.id, -i.n AS n FROM app.item i WHERE i.list = $1 AND app.gate(i.id)');} . "\n";
$declarer->{run}->pump_nb;
open_gate($locker);
$declarer->quit;
ok(take_until($ws, sub { grep { $_ eq 'truncated' } @{ $gated->{events} } }), 'those who follow it are told to ask again');
my $again = follow($ws, 'q/gated', 1);
is_true($again, 'and have what it is now', 'SELECT id, -n AS n FROM app.item WHERE list = 1');

# ---- who goes while a value is on its way ----

declare_query($node, 'q/gated', 'id', 'SELECT i.id, i.n FROM app.item i WHERE i.list = $1 AND app.gate(i.id)');
$gated = follow($ws, 'q/gated', 1);
my $goer = ws_connect($node);
my $leaver = ws_connect($node);
close_gate($locker);
ws_send($_, { rpc => 'q/gated', id => 'x', args => [2], stream => JSON::PP::true }) for $goer, $leaver;
somebody_stands('a first run is under way');
my $topic = sql(q{SELECT topic FROM realtime.stat_query WHERE path = 'q/gated' AND arguments = '["2"]' LIMIT 1});
ws_close($goer);
ws_send($leaver, { type => 'unsubscribe', topic => $topic });
run('UPDATE app.item SET n = n + 1 WHERE list = 2');
open_gate($locker);
is(ws_wait($leaver, sub { ($_->{event} // '') eq 'x' })->{data}{ok}, JSON::PP::true, 'who gives it up has its reply');
run('UPDATE app.item SET n = n + 1 WHERE list IN (1, 2)');
all_true('those who stay have theirs');
my $comer = ws_connect($node);
is_true(follow($comer, 'q/gated', 2), 'and who comes then has what there is');
is_deeply([ grep { ($_->{topic} // '') eq $topic } ws_quiet($leaver) ], [], 'nothing comes to who has given it up');

# ---- more changes than the ring holds, and a transaction that waits ----

close_gate($locker);
run("BEGIN; UPDATE app.item SET n = 1000 WHERE id = 4; PREPARE TRANSACTION 'waits'");
run('UPDATE app.item SET n = n + 1 WHERE id = 1');
somebody_stands('a run is under way');
run('INSERT INTO app.item SELECT i, i % 3, i FROM generate_series(1000, 1400) i') for 1;
run("UPDATE app.item SET n = n + 1 WHERE id > 1000 AND id % 7 = $_", "DELETE FROM app.item WHERE id = 1000 + $_") for 0 .. 6;
open_gate($locker);
all_true('more changes than there is room for');
run("COMMIT PREPARED 'waits'");
all_true('and then a transaction that has waited for long');
is(sql('SELECT n FROM app.item WHERE id = 4'), 1000, 'which has changed something');
run('UPDATE app.item SET n = 5 WHERE id = 4');
all_true('and goes on');

# ---- a gateway that ends ----

my @connections = map { ws_connect($node) } 1 .. 6;
my @copies = map { follow($connections[$_], 'q/gated', 10 + $_) } 0 .. 5;
my %gateways = map { $_ => 1 } split /\n/, sql('SELECT pid FROM realtime.stat_gateway');
my ($victim) = sort keys %gateways;
kill 'TERM', $victim;
ok(poll_until(sub { my @now = split /\n/, sql('SELECT pid FROM realtime.stat_gateway'); @now == 2 && !grep { $_ == $victim } @now }), 'a gateway ends, and another one begins');
my @alive = grep { my $c = $_; eval { is_alive($c); 1 } } @connections;
note scalar(@alive) . ' of 6 connections are left';
sub is_alive { my ($c) = @_; ws_call($c, 'q/items', []); return; }
run('INSERT INTO app.item SELECT 5000 + i, 10 + i, i FROM generate_series(0, 5) i');
for my $i (0 .. 5)
{
	next if !grep { $_ == $connections[$i] } @alive;
	is_true($copies[$i], 'who has stayed is told');
}
is(sql(q{SELECT count(*) FROM realtime.stat_query WHERE gateways > 0 AND path = 'q/gated' AND arguments::text LIKE '["1_"]'}), scalar @alive,
	'nobody has the groups of who has gone');
my $back = ws_connect($node);
is_true(follow($back, 'q/gated', 10 + $_), 'who comes back has its rows') for 0 .. 5;
ws_close($_) for @alive, $back;

# All of it is given back in the end.
for my $left ($ws, $leaver, $comer)
{
	eval { ws_close($left) };
}
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.stat_query WHERE gateways > 0}) eq '0' }), 'no group is anybody\'s');
ok(poll_until(sub { run('UPDATE app.item SET n = n + 1; UPDATE app.other SET n = n + 1'); sql('SELECT count(*), coalesce(sum(memory), 0) FROM realtime.stat_query') eq '0|0' }), 'and none takes memory');

unlike(slurp_file($node->logfile), qr/is not what it should be|PANIC|TRAP:|terminated by signal/, 'after no round was anything else than it should be');
$locker->quit;

done_testing();
