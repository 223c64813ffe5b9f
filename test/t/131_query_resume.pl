# Live queries: who was away for a moment goes on from the number of the last event that it has, without a load, if what
# it has missed is remembered; else it loads.  What it has then is what SQL says, each time.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;
use RealtimeToken;

my $seed = $ENV{RT_SEED} || 1 + int rand 1e6;
note "RT_SEED=$seed";
srand $seed;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.query_check' => 'all',
	'realtime.jwt_secret' => $secret, 'realtime.shutdown_timeout' => '300ms', 'realtime.query_timeout' => '2min', deadlock_timeout => '1h');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.closed (list integer);
CREATE TABLE app.item (id integer PRIMARY KEY, list integer, n integer, body text);
CREATE TABLE app.rest (id integer PRIMARY KEY, n integer);
CREATE TABLE app.note (id integer PRIMARY KEY, owner text, shared boolean DEFAULT false);
INSERT INTO app.item SELECT i, i % 3, i FROM generate_series(1, 30) i;
INSERT INTO app.rest VALUES (1, 1);
INSERT INTO app.note SELECT i, CASE i % 2 WHEN 0 THEN 'anna' ELSE 'ben' END FROM generate_series(1, 10) i;
ALTER TABLE app.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.note USING (owner = realtime.user_id());
CREATE FUNCTION app.may(list integer) RETURNS boolean STABLE LANGUAGE sql AS
	'SELECT NOT EXISTS (SELECT FROM app.closed c WHERE c.list = may.list)';
CREATE FUNCTION app.double(data jsonb) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$SELECT data || jsonb_build_object('n', 2 * (data->>'n')::integer)$$;
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
});
$node->safe_psql('postgres', gate_function());
declare_query($node, 'q/items', 'id', 'SELECT id, n FROM app.item WHERE list = $1', ", access => 'app.may(integer)'");
declare_query($node, 'q/bodies', 'id', 'SELECT id, n, body FROM app.item');
declare_query($node, 'q/top', 'id', 'SELECT id, n FROM app.item ORDER BY n DESC, id LIMIT 5');
declare_query($node, 'q/notes', 'id', 'SELECT id, shared FROM app.note');
declare_query($node, 'q/gated', 'id', 'SELECT i.id, i.n FROM app.item i WHERE app.gate(i.id)');
declare_query($node, 'q/rest', 'id', 'SELECT id, n FROM app.rest');
declare_query($node, 'q/parity', 'odd', 'SELECT n % 2 AS odd, count(*) AS n FROM app.item WHERE list = $1 GROUP BY 1');

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub loads { return sql('SELECT sum(loaded) FROM realtime.stat_executor'); }
sub replays { return sql('SELECT sum(replayed) FROM realtime.stat_executor'); }
sub remembered { return sql('SELECT sum(remembered) FROM realtime.stat_gateway'); }

# ---- where, and as whom ----

sub user
{
	my ($name) = @_;

	return ws_connect($node, defined $name ? (headers => { Authorization => 'Bearer ' . jwt({ sub => $name }, secret => $secret) }) : ());
}

sub gateway_of { my ($ws) = @_; return sql("SELECT gateway FROM realtime.connections WHERE connection_id = '$ws->{welcome}{sessionId}'"); }

sub connect_to
{
	my ($number, $name) = @_;

	for (1 .. 200)
	{
		my $ws = user($name);

		return $ws if gateway_of($ws) == $number;
		ws_close($ws);
	}
	die "nobody gets to gateway $number";
}

my $watcher;					# of which everything that is told has been read by its gateway
my $marks = 0;
sub sees
{
	my ($copy) = @_;

	return take_until($copy->{ws}, sub { grep { $_->{id} == 30 && $_->{n} == $marks } @{ $copy->{rows} } });
}

# A command that takes something away has closed the connections of all who follow streams.
sub watch
{
	my ($number) = @_;

	return if eval { sees($watcher->{$number}) };
	$watcher->{$number} = follow(connect_to($number), 'q/bodies');
	return sees($watcher->{$number});
}

sub leave { my ($ws) = @_; eval { ws_close($ws) }; return; }

sub all_is_told
{
	my ($number) = @_;

	$marks++;
	sql("UPDATE app.item SET n = $marks WHERE id = 30");
	watch($_) for keys %$watcher;
	return;
}

wait_for_call($node, 'q/top', []);
for my $number (0, 1)
{
	$watcher->{$number} = follow(connect_to($number), 'q/bodies');
}
my ($here, $there) = (0, 1);

# Somebody who goes away comes back after something has been done.
sub away
{
	my ($copy, $what, %more) = @_;

	leave($copy->{ws});
	$what->();
	all_is_told() if !$more{silent};
	my @before = (replays(), loads(), remembered());
	my $again = come_back($more{ws} // connect_to($more{gateway} // $here, $more{user}), $copy);
	my @after = (replays(), loads(), remembered());
	$again->{way} = join ' ', map { $after[$_] - $before[$_] } 0 .. 2;
	return $again;
}

my ($unchanged, $from_memory, $loaded) = ('1 0 0', '1 0 1', '0 1 0');

# ---- nothing, or something, has been missed ----

my $copy = follow(connect_to($here), 'q/items', 1);
like($copy->{reply}{seq}, qr/^[1-9]\d*$/, 'a number comes with the rows');
$copy = away($copy, sub { }, silent => 1);
is($copy->{way}, $unchanged, 'who has missed nothing needs no load');
is_deeply([ @{ $copy->{reply} }{qw(replay data seq)} ], [ JSON::PP::true, [], $copy->{seq} ], 'and is told so');
is_true($copy, 'and has all');
sql('UPDATE app.item SET n = n + 1 WHERE id = 1');
is_true($copy, 'what happens then comes');
is($copy->{seq}, $copy->{reply}{seq} + 1, 'with the next number');
$copy = away($copy, sub { sql('UPDATE app.item SET n = n + 1 WHERE id IN (1, 4); DELETE FROM app.item WHERE id = 7; INSERT INTO app.item VALUES (100, 1, 5)') });
is($copy->{way}, $from_memory, 'what has been missed is remembered');
is(join(' ', sort map { $_->{event} } @{ $copy->{reply}{data} }), 'created deleted updated updated', 'that is told');
is_deeply([ map { $_->{seq} } @{ $copy->{reply}{data} } ], [ $copy->{seq} - 3 .. $copy->{seq} ], 'with its numbers');
is($copy->{reply}{seq}, $copy->{seq}, 'of which the reply has the last');
is_true($copy, 'and then all is there');
sql('UPDATE app.item SET n = n + 1 WHERE id = 4');
is_true($copy, 'and goes on');
is_deeply([ sort @{ $copy->{events} } ], [ 'created', 'deleted', ('updated') x 3 ], 'with nothing twice');

my $top = follow(connect_to($here), 'q/top');
$top = away($top, sub { sql("UPDATE app.item SET n = $_") for '1000 WHERE id = 3', '999 WHERE id = 9', '1001 WHERE id = 9', '0 WHERE id = 3'; });
is($top->{way}, $from_memory, 'rows in an order, too');
is_true($top, 'are where they belong');

my $page = connect_to($here);
ws_send($page, { type => 'hello', caps => ['pos'] });
my @both = (follow($page, 'q/items', 2), follow($page, 'q/parity', 2));
take_until($page, sub { defined $page->{pos} });
ws_close($page);
sql('UPDATE app.item SET n = n + 1 WHERE id IN (2, 5); DELETE FROM app.item WHERE id = 8');
all_is_told();
my $loads = loads();
$page = connect_to($here);
ws_send($page, { type => 'hello', caps => ['pos'] });
@both = map { come_back($page, $_) } @both;
is(loads() - $loads, 0, 'queries that move together come back without a load');
is_true($_, 'and are true') for @both;
sql('UPDATE app.item SET n = n + 1 WHERE id IN (2, 5)');
is_true($_, 'and move on') for @both;
ok(take_until($page, sub { $both[0]{seq} > $both[0]{reply}{seq} && defined $page->{pos} }), 'with numbers, and a position');

# ---- what is not remembered, and what is somebody else's ----

ws_close($copy->{ws});
my %stale = (%$copy, seq => $copy->{reply}{seq} - 20);
is(away({ %stale, ws => connect_to($here) }, sub { })->{way}, $loaded, 'a number from before the group');
$stale{seq} = $copy->{seq} + 1;
is(away({ %stale, ws => connect_to($here) }, sub { }, silent => 1)->{way}, $loaded, 'one that nobody has given');
$stale{seq} = $both[0]{seq};
is(away({ %stale, ws => connect_to($here) }, sub { }, silent => 1)->{way}, $loaded, 'one of other arguments');
is(away({ %$copy, ws => connect_to($here) }, sub { }, silent => 1, gateway => $there)->{way}, $unchanged, 'who gets to another gateway needs nothing if there is nothing');
my $elsewhere = away({ %$copy, ws => connect_to($here) }, sub { sql('UPDATE app.item SET n = n + 1 WHERE id = 1') }, gateway => $there);
is($elsewhere->{way}, $from_memory, 'and gets from there what it has missed');
is_true($elsewhere, 'which is all');

my $other = away({ %$copy, ws => connect_to($here) }, sub { sql('INSERT INTO app.closed VALUES (1)') });
is($other->{reply}{code}, 'UNAUTHENTICATED', 'who may not follow it any more gets nothing');
sql('DELETE FROM app.closed');

my ($anna, $ben) = map { follow(connect_to($here, $_), 'q/notes') } 'anna', 'ben';
my %truth = map { $_ => "SELECT id, shared FROM app.note WHERE owner = '$_' OR shared" } 'anna', 'ben';
isnt($anna->{topic}, $ben->{topic}, 'users whose rows are their own');
sql('UPDATE app.note SET shared = false WHERE id <= 2');
my $false = away($anna, sub { sql('UPDATE app.note SET shared = shared') }, user => 'ben');
is($false->{way}, $loaded, 'do not go on from numbers of each other');
is_true($false, 'but load', $truth{ben});
$anna = away({ %$anna, ws => connect_to($here) }, sub { sql(q{DELETE FROM app.note WHERE owner = 'anna' AND id < 5}) }, user => 'anna');
is($anna->{way}, $from_memory, 'from their own they do');
is_true($anna, 'to what is theirs', $truth{anna});

# ---- what a query rests on changes meanwhile ----

$anna = away($anna, sub { sql('UPDATE app.note SET shared = id % 2 = 1; ALTER POLICY own ON app.note USING (owner = realtime.user_id() OR shared)') }, user => 'anna');
is_true($anna, 'a policy that shows more', $truth{anna});
$anna = away($anna, sub { sql('ALTER POLICY own ON app.note USING (owner = realtime.user_id() AND id > 6)') }, user => 'anna');
is_true($anna, 'one that shows less', q{SELECT id, shared FROM app.note WHERE owner = 'anna' AND id > 6});
$anna = away($anna, sub { sql('ALTER TABLE app.note DISABLE ROW LEVEL SECURITY') }, user => 'anna');
is($anna->{way}, $loaded, 'who asks does not count any more');
is_true($anna, 'so it is another group', 'SELECT id, shared FROM app.note');
sql('ALTER TABLE app.note ENABLE ROW LEVEL SECURITY');
leave($_->{ws}) for $false, $ben;

$copy = come_back(connect_to($here), $copy);
$copy = away($copy, sub { declare_query($node, 'q/items', 'id', 'SELECT id, -n AS n FROM app.item WHERE list = $1', ", access => 'app.may(integer)'") });
is($copy->{way}, $loaded, 'it is declared again');
is_true($copy, 'and loaded');
$copy = away($copy, sub { declare_query($node, 'q/items', 'id', 'SELECT id, n FROM app.item WHERE list = $1') }, silent => 1);
is($copy->{way}, $loaded, 'twice');
is_true($copy, 'whatever there was is not told');

# ---- it fails ----

$copy = away($copy, sub { sql('REVOKE SELECT ON app.item FROM PUBLIC') }, silent => 1);
is($copy->{reply}{code}, 'FORBIDDEN', 'who may not read the table is told so') if !$copy->{reply}{ok};
leave($copy->{ws});
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.stat_query WHERE path = 'q/items' AND state = 'ready'}) == 0 }), 'the query fails');
my $failed = come_back(connect_to($here), { %$copy, rows => [] });
is($failed->{reply}{ok}, JSON::PP::false, 'and nobody goes on from a number');
sql('GRANT SELECT ON app.item TO PUBLIC');
ok(poll_until(sub { follow($failed->{ws}, 'q/items', 1)->{reply}{ok} }), 'until it is in order again');

# ---- what is lost, or is not all remembered ----

all_is_told();
my $bodies = $watcher->{$here};
leave($bodies->{ws});
$watcher->{$here} = follow(connect_to($here), 'q/bodies');
$bodies = come_back(connect_to($here), $bodies);
my $big = "repeat('x', 100000)";
$bodies = away($bodies, sub { sql("UPDATE app.item SET body = $big WHERE id = $_") for 1 .. 6 });
is($bodies->{way}, $loaded, 'more than an eighth of the memory');
is_true($bodies, 'is loaded');
$bodies = away($bodies, sub { sql("UPDATE app.item SET body = $big WHERE id = 7") });
is($bodies->{way}, $from_memory, 'one of them is remembered');
is_true($bodies, 'and told');
sql("UPDATE app.item SET body = ''");
is_true($bodies, 'now it is less');
sql(q{ALTER SYSTEM SET realtime.replay_memory = 0});
$node->reload;
ok(poll_until(sub { sql('SHOW realtime.replay_memory') eq '0' }), 'without memory');
$bodies = away($bodies, sub { sql('UPDATE app.item SET n = n + 1 WHERE id = 1') });
is($bodies->{way}, $loaded, 'nothing is remembered');
$bodies = away($bodies, sub { }, silent => 1);
is($bodies->{way}, $unchanged, 'but nothing need be if nothing has happened');
is_true($bodies, 'to what there is');
sql(q{ALTER SYSTEM RESET realtime.replay_memory});
$node->reload;
ok(poll_until(sub { sql('SHOW realtime.replay_memory') eq '4MB' }), 'with memory');

# ---- for how long it is kept true for who is away ----

sql(q{ALTER SYSTEM SET realtime.query_linger = '1h'});
$node->reload;
my $late = follow(connect_to($here), 'q/parity', 0);
$late = away($late, sub { my $left = time; poll_until(sub { sql('UPDATE app.item SET n = n + 1 WHERE id = 3'); time > $left + 6 }) });
is($late->{way}, $from_memory, 'who is away for longer than is usual comes back to what is kept for so long');
is_true($late, 'and has all');
ws_close($late->{ws});
sql(q{ALTER SYSTEM RESET realtime.query_linger});
$node->reload;

# ---- a group that nobody has followed for long ----

my $rest = follow(connect_to($here), 'q/rest');
my $parity = follow(connect_to($here), 'q/parity', 0);
my $count = q{SELECT count(*) FROM realtime.stat_query WHERE path = 'q/parity' AND arguments = '["0"]'};
ws_close($parity->{ws});
my $quiet = time;
poll_until(sub { time > $quiet + 6 });			# query_linger, in which nothing happens
$rest = away($rest, sub { sql('UPDATE app.rest SET n = n + 1') });
is($rest->{way}, $from_memory, 'one that was followed until now is kept, when nothing has changed for longer than that');
ok(poll_until(sub { sql('UPDATE app.item SET n = n + 1 WHERE id = 3'); sql($count) == 0 }), 'one that was not is forgotten');
my $new = follow(connect_to($here), 'q/parity', 0);
$parity = away({ %$parity, ws => connect_to($here) }, sub { });
is($parity->{way}, $loaded, 'one that is made anew has other numbers');
is_true($_, 'and both know the same') for $parity, $new;
ws_close($_->{ws}) for $parity, $new;

# ---- executors end ----

my $locker = $node->background_psql('postgres', on_error_stop => 1);
my $gated = follow(connect_to($here), 'q/gated');
is_true($gated, 'at first');
ws_close($gated->{ws});
my @pids = split ' ', sql(q{SELECT string_agg(pid::text, ' ') FROM realtime.stat_executor WHERE pid IS NOT NULL});
for my $pid (@pids)
{
	sql("SELECT pg_terminate_backend($pid)");
	ok(poll_until(sub { sql("SELECT count(*) FROM realtime.stat_executor WHERE state = 'running' AND pid <> $pid") == @pids }), 'an executor ends');
}
$gated = away({ %$gated, ws => connect_to($here) }, sub { sql('UPDATE app.item SET n = n + 1 WHERE id = 1') });
is($gated->{way}, $from_memory, 'others know the numbers');
is_true($gated, 'and what has been missed');
$gated = away($gated, sub {
	close_gate($locker);
	sql('UPDATE app.item SET n = n + 1 WHERE id IN (1, 2)');
	ok(poll_until(sub { standing($node) ne '' }), 'one is in the middle of a round');
	my $victim = standing($node);
	sql("SELECT pg_terminate_backend($victim)");
	ok(poll_until(sub { my $now = standing($node); $now ne '' && $now ne $victim }), 'when it ends, and another one does that');
	open_gate($locker);
});
is($gated->{way}, $from_memory, 'which makes no difference');
is_true($gated, 'to who comes back');

# A round is under way while somebody comes back, who does not need the gate
$copy = follow(connect_to($here), 'q/items', 1);
ws_close($copy->{ws});
close_gate($locker);
sql('UPDATE app.item SET n = n + 1 WHERE id IN (1, 2)');
ok(poll_until(sub { standing($node) ne '' }), 'a round is under way');
$copy = come_back(connect_to($here), $copy);
is_deeply([ @{ $copy->{reply} }{qw(replay data)} ], [ JSON::PP::true, [] ], 'who comes back does not wait for it');
open_gate($locker);
is_true($_, 'and gets what it brings') for $copy, $gated;
$locker->quit;

# ---- all at once ----

my @clients = map { follow(user(), any(['q/items', 1], ['q/items', 2], ['q/top'], ['q/parity', 0], ['q/gated'])) } 1 .. 12;
sub any { my $one = $_[ int rand @_ ]; return ref $one ? @$one : $one; }

my ($came, $wrong) = (0, 0);
my $replays = replays();
for my $round (1 .. 60)
{
	my @gone = grep { rand() < 0.3 } 0 .. $#clients;

	ws_close($clients[$_]{ws}) for @gone;
	sql(join ';', map { any(
		'UPDATE app.item SET n = n + 1 WHERE id = ' . int(rand 30),
		'UPDATE app.item SET list = (list + 1) % 3 WHERE id = ' . int(rand 30),
		'DELETE FROM app.item WHERE id = ' . (100 + int rand 20),
		'INSERT INTO app.item VALUES (' . (100 + int rand 20) . ", 1, $round) ON CONFLICT (id) DO UPDATE SET n = -$round") } 1 .. 1 + int rand 3);
	sql('TRUNCATE app.item') if $round == 30;
	for (@gone)
	{
		$clients[$_] = come_back(user(), $clients[$_]);
		$came++;
	}
	for (@clients)
	{
		next if has_truth($_);
		$wrong++;
		diag "$_->{path} in round $round, $_->{seq}: " . text_of($_) . "\n instead of\n" . truth_of($_);
	}
	last if $wrong;
}
is($wrong, 0, "clients that have come back, $came times, have what SQL says");
cmp_ok(replays() - $replays, '>', $came / 2, 'most of them without a load');

# ---- the server ends ----

$copy = follow(user(), 'q/items', 1);
end_sessions();
$node->restart;
wait_for_gateway($node);
wait_for_call($node, 'q/top', []);
$loads = loads();
$copy = come_back(user(), $copy);
is(loads() - $loads, 1, 'another life of the server has other numbers');
is_true($copy, 'and the same rows');

$node->stop('fast');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');
unlike($log, qr/live query .* is not what it should be/, 'and what groups know was right');
done_testing();
