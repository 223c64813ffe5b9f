# A transaction that somebody leaves open does not stall calls or delivery,
# whatever it holds.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

# One that a call holds, and one that is kept for what is short
my $node = life_node('realtime.executors' => 3);
my $ws = ws_connect($node);
my $subscriber = ws_connect($node);
ws_subscribe($subscriber, 'news');
$node->safe_psql('postgres', q{
CREATE TABLE app.unrelated (i int);
GRANT ALL ON app.unrelated TO PUBLIC;
CREATE FUNCTION app.row() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.unrelated VALUES (1);
END $$;
SELECT realtime.rpc('app/row', 'app.row()'),
	realtime.topic('more', open => true);
});

# Tests that calls run and events arrive, from calls and from sessions.
my $number = 0;
sub all_is_well
{
	my ($while) = @_;
	my ($from_call, $from_session) = map { ++$number . $_ } qw(call session);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(ws_call($ws, 'app/echo', ['x'])->{data}, 'x', "$while: calls run");
	ok(ws_call($ws, 'app/say', [$from_call])->{ok}, "$while: calls publish");
	$node->safe_psql('postgres', "SELECT realtime.publish('news', '$from_session')");
	is_deeply([ map { (eval { ws_wait($subscriber, sub { exists $_->{event} }) } // {})->{event} } 1 .. 2 ],
		[ $from_call, $from_session ], "$while: events arrive in order");
	my $new = ws_connect($node);
	is(ws_subscribe($new, 'news')->{type}, 'subscribed', "$while: topics can be subscribed");
	ws_close($new);
	return;
}

sub session
{
	my ($database, @sql) = @_;
	my $session = $node->background_psql($database);

	$session->query_safe($_) for @sql;
	return $session;
}

all_is_well('with nothing open');

# Snapshots and locks, here and elsewhere
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
my @sessions = (
	session('postgres', 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM pg_class'),
	session('elsewhere', 'BEGIN ISOLATION LEVEL SERIALIZABLE', 'SELECT count(*) FROM pg_class'));
all_is_well('with snapshots held');
push @sessions, session('postgres', 'BEGIN', 'LOCK TABLE app.unrelated IN ACCESS EXCLUSIVE MODE');
all_is_well('with an unrelated table locked');

# Who has published and not committed yet holds up nobody; its event comes with
# its commit.
push @sessions, session('postgres', 'BEGIN', q{SELECT realtime.publish('news', 'late')});
all_is_well('with an event not committed');

# Who has declared something and not committed yet
push @sessions, session('postgres', 'BEGIN',
	q{SELECT realtime.topic('undecided', open => true)});
all_is_well('with a declaration not committed');

# One call that waits for the lock waits alone, and is not forgotten.
my $id = call_begin($ws, 'app/row', []);
busy_executor($node, 'app/row');
all_is_well('with a call that waits for a lock');

# Listeners that never read are nothing to us, nor we to them.
push @sessions, session('postgres', 'LISTEN something', 'BEGIN', 'SELECT 1');
$node->safe_psql('postgres', q{SELECT count(pg_notify('something', i::text)) FROM generate_series(1, 1000) i});
all_is_well('with notifications that nobody reads');

# Vacuum: gateways hold no snapshot, and executors none between calls.
ok($node->poll_query_until('postgres', q{
	SELECT count(*) = 0 FROM pg_stat_activity
	WHERE backend_type LIKE 'realtime%' AND state = 'idle' AND
		(backend_xmin IS NOT NULL OR backend_xid IS NOT NULL OR xact_start IS NOT NULL)}),
	'no idle worker holds a snapshot');

$sessions[3]->query_safe('COMMIT');
is(ws_wait($subscriber, sub { exists $_->{event} })->{event}, 'late',
	'an event comes with its commit');
$_->quit for @sessions;
ok(call_end($ws, $id)->{ok}, 'the call that waited is answered');
is(answers_to($ws, $id), 0, 'once');

$node->stop('fast');
no_crash($node);

done_testing();
