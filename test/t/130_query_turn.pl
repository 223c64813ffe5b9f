# Live queries: what changes while somebody has the turn of rounds wakes nobody, and
# is not forgotten when the turn is given back, or who has it dies.
use strict;
use warnings;

use Test::More;

use RealtimeCopy;
use RealtimeTest;

my $node = new_node('realtime.executors' => 3);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.item (id integer PRIMARY KEY, n integer);
INSERT INTO app.item SELECT i, i FROM generate_series(1, 20) i;
GRANT SELECT ON app.item TO PUBLIC;
-- waits as long as the test holds the lock
CREATE FUNCTION app.wait(n integer) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN n;
END $$;
});
declare_query($node, 'q/item', 'id', 'SELECT id, n FROM app.item');
declare_query($node, 'q/wait', 'id', 'SELECT id, app.wait(n) AS n FROM app.item', q{, depends_on => '{app.item}'});
wait_for_call($node, 'q/wait', []);
my $ws = ws_connect($node);
my @copies = map { follow($ws, $_) } qw(q/item q/wait);
my $lock = $node->background_psql('postgres');

sub waiting
{
	return $node->safe_psql('postgres', q{SELECT coalesce(string_agg(pid::text, ','), '') FROM pg_stat_activity
		WHERE backend_type = 'realtime executor' AND wait_event = 'advisory'});
}

sub change { return $node->safe_psql('postgres', "UPDATE app.item SET n = n + 1 WHERE id = $_[0]"); }

# A round that waits, and a change that comes meanwhile
sub hold_round
{
	$lock->query_safe('SELECT pg_advisory_lock(1)');
	change(1);
	ok(poll_until(sub { waiting() ne '' }), 'a round is being made');
	change($_) for 2 .. 5;
	return waiting();
}

sub let_go { return $lock->query_safe('SELECT pg_advisory_unlock(1)'); }

for my $n (1 .. 3)
{
	hold_round();
	let_go();
	is_true($_, 'what has changed meanwhile is told afterwards') for @copies;
}

my $pid = hold_round();
like($pid, qr/^\d+$/, 'one executor makes it');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok(poll_until(sub { waiting() ne $pid }), 'it is gone');
let_go();
is_true($_, 'another one makes the round') for @copies;

$lock->quit;
done_testing();
