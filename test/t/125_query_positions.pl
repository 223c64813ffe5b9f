# Live queries: those of one connection move together, and say what they have.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 4, 'realtime.gateways' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.account (id integer PRIMARY KEY, amount integer, note text);
CREATE TABLE app.other (n integer);
INSERT INTO app.account SELECT i, 100 FROM generate_series(1, 50) i;
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.put(k integer, v integer, text text DEFAULT NULL) RETURNS integer LANGUAGE sql
	AS 'INSERT INTO app.account VALUES (k, v, text) ON CONFLICT (id) DO UPDATE SET amount = v RETURNING amount';
CREATE FUNCTION app.nothing() RETURNS void LANGUAGE sql AS 'INSERT INTO app.other VALUES (1)';
CREATE FUNCTION app.fails() RETURNS void LANGUAGE plpgsql AS $$BEGIN UPDATE app.account SET amount = 0; RAISE 'no'; END$$;
SELECT realtime.rpc('app/put', 'app.put(integer, integer, text)'), realtime.rpc('app/nothing', 'app.nothing()'), realtime.rpc('app/fails', 'app.fails()');
});
declare_query($node, 'q/list', 'id', 'SELECT id, amount FROM app.account');
declare_query($node, 'q/total', 'c', 'SELECT 1 AS c, count(*) AS count, sum(amount) AS sum FROM app.account');
declare_query($node, 'q/one', 'id', 'SELECT id, amount FROM app.account WHERE id = $1');
declare_query($node, 'q/slow', 'c', 'SELECT 1 AS c, max(amount) AS most FROM app.account WHERE id >= 1000', q{, debounce => '500ms'});
declare_query($node, 'q/part', 'id', 'SELECT id, 100 / amount AS part FROM app.account WHERE id = 2000');
declare_query($node, 'q/notes', 'id', 'SELECT id, note FROM app.account WHERE note IS NOT NULL');
wait_for_call($node, 'q/total', []);

sub connect_with_positions
{
	my $ws = ws_connect($node);

	ws_send($ws, { type => 'hello', caps => ['pos'] });
	return $ws;
}

# Of a client that waits until it has what it has done itself.
sub call_and_wait
{
	my ($ws, @args) = @_;
	my $reply = ws_call($ws, 'app/put', \@args);

	return take_until($ws, sub { ($ws->{pos} // 0) >= $reply->{pos} }) ? $reply : undef;
}

sub amount_of
{
	my ($copy, $id) = @_;
	my ($row) = grep { $_->{id} == $id } @{ $copy->{rows} };

	return $row ? $row->{amount} : undef;
}

# ---- what is told to whom ----

my $plain = ws_connect($node);
my $old = follow($plain, 'q/one', 1);
is(ws_call($plain, 'app/put', [ 1, 101 ])->{pos}, undef, 'who has not asked for positions is told none');
take_until($plain, sub { (amount_of($old, 1) // 0) == 101 });
is($plain->{frames}, undef, 'and gets events, one by one');

my $ws = connect_with_positions();
is(ws_call($ws, 'app/nothing', [])->{pos}, 0, 'nothing has changed that queries read');
is(ws_call($ws, 'app/fails', [])->{pos}, undef, 'what has failed has no position');
my $one = follow($ws, 'q/one', 1);
my $next = ws_recv_json($ws);
is($next->{type}, 'round', 'behind the rows of a query comes where it stands');
like($next->{pos}, qr/^\d+$/, 'with a position');
is($next->{more}, undef, 'and nothing is left');
my $mine = call_and_wait($ws, 1, 102);
cmp_ok($mine->{pos}, '>', 0, 'what changes something has a position');
is(amount_of($one, 1), 102, 'which is reached with the change');
ok(call_and_wait($ws, 7, 100), 'a change of what is not on the screen is reached, too');
is(scalar @{ $one->{events} }, 1, 'without an event');

# ---- two queries, and writers ----

my ($list, $total) = map { follow($ws, $_) } qw(q/list q/total);
my ($rounds, $differ) = (0, '');

sub compare
{
	my ($frame) = @_;
	my ($count, $sum) = (scalar @{ $list->{rows} }, 0);
	my $row = $total->{rows}[0];

	return if $frame->{late};
	$rounds++;
	$sum += $_->{amount} for @{ $list->{rows} };
	$differ ||= "$count and $row->{count} rows, $sum and $row->{sum} in all" if $count != $row->{count} || $sum != $row->{sum};
	return;
}

my $script = $node->basedir . '/writers.sql';
append_to_file($script, q{\set a random(1, 50)
\set b random(1, 50)
\set n random(1, 9)
\set k random(100, 130)
BEGIN;
UPDATE app.account SET amount = amount - :n WHERE id = least(:a, :b);
UPDATE app.account SET amount = amount + :n WHERE id = greatest(:a, :b);
COMMIT;
INSERT INTO app.account VALUES (:k, 5) ON CONFLICT (id) DO NOTHING;
DELETE FROM app.account WHERE id = :k - 3;
});
my ($writer_out, $writer_err) = ('', '');
my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', '3', '-t', '150', '-f', $script, $node->connstr('postgres') ],
	'>', \$writer_out, '2>', \$writer_err);
my $missing = 0;

# from here on frames are taken in the order in which they came
call_and_wait($ws, 900, 0);
$ws->{on_round} = \&compare;
for my $i (1 .. 40)
{
	call_and_wait($ws, 900, $i) or last;
	$missing++ if (amount_of($list, 900) // -1) != $i;
}
$writers->finish;
is($writer_err =~ /ERROR|FATAL/ ? $writer_err : '', '', 'writers have written');
is($missing, 0, 'with its position a client has what it has done');
ok(call_and_wait($ws, 901, 1), 'the last change is reached');
is_true($_, "$_->{path} is true at the end") for $list, $total;
is($differ, '', 'two queries have agreed after all rounds');
cmp_ok($rounds, '>', 0, 'in which none was late');

# ---- a long round ----

my $before = $ws->{frames};
$node->safe_psql('postgres', 'INSERT INTO app.account SELECT i, 1 FROM generate_series(10000, 12999) i');
is_true($_, "$_->{path} after many rows") for $list, $total;
cmp_ok($ws->{frames}, '>', $before + 1, 'that are told in several frames');
is($differ, '', 'and seen together');
my $notes = follow($ws, 'q/notes');
$node->safe_psql('postgres', "INSERT INTO app.account VALUES (800, 1, repeat('x', 200000))");
is_true($_, "$_->{path} after a long row") for $list, $total, $notes;
is($differ, '', 'likewise');
$node->safe_psql('postgres', 'DELETE FROM app.account WHERE id >= 10000');

# ---- a query that is behind the others ----

my $slow = follow($ws, 'q/slow');
my $behind = 0;
for my $i (1 .. 4)
{
	call_and_wait($ws, 1000, $i);
	$behind++ if ($slow->{rows}[0]{most} // -1) != $i;
}
is($behind, 0, 'the position is that of the query that is the last');

my $second = connect_with_positions();
my ($fast, $late) = (follow($second, 'q/one', 1000), follow($second, 'q/slow'));
call_and_wait($ws, 1000, 5);
my $reply = ws_call($ws, 'app/put', [ 1000, 6 ]);
take_until($second, sub { ($second->{pos} // 0) >= $reply->{pos} || (amount_of($fast, 1000) // 0) == 6 });
ok(($late->{rows}[0]{most} // 0) == 6 || $second->{pos} < $reply->{pos}, 'others have it before');
$reply = ws_call($second, 'app/put', [ 1000, 7 ]);
take_until($second, sub { $second->{pos} >= $reply->{pos} });
is($late->{rows}[0]{most}, 7, 'and it comes');

# ---- a query that fails ----

my $part = follow($second, 'q/part');
call_and_wait($second, 2000, 10);
is($part->{rows}[0]{part}, 10, 'a query before it fails');
my $broken = ws_call($second, 'app/put', [ 2000, 0 ]);
is(told($part, 'error')->{data}{code}, 'VALIDATION', 'it fails');
cmp_ok($second->{pos}, '<', $broken->{pos}, 'nobody says that it has this');

# it is told to be late each time, which is no event of its topic, unlike what came of it a moment before
ok(poll_until(sub { ws_call($ws, 'app/put', [ 1000, $_ ]) for 1 .. 20;
	my $busy = $node->safe_psql('postgres', q{SELECT coalesce(string_agg(t ->> 'topic', ' '), '') FROM realtime.pressure, jsonb_array_elements(top_publishers) t});
	return index(" $busy ", " $fast->{topic} ") >= 0 && index(" $busy ", " $part->{topic} ") < 0 }),
	'a query that changes is among the busiest topics, one of which there is nothing but that it is late is not');
call_and_wait($second, 2000, 4);
is($part->{rows}[0]{part}, 25, 'when it is repaired the position is reached');

ws_close($_) for $plain, $ws, $second;
$node->stop;
done_testing();
