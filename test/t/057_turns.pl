# Connections take turns: who asks for one thing waits for one turn of each
# other one, however much these have asked for.  There is one executor, so the
# order in which calls are run is known.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node('realtime.executors' => 1);
$node->safe_psql('postgres', q{
CREATE TABLE app.mark (number bigserial, who text);
CREATE FUNCTION app.wait() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
END $$;
CREATE FUNCTION app.mark(who text) RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$INSERT INTO app.mark (who) VALUES (who)$$;
SELECT realtime.rpc('app/wait', 'app.wait()'), realtime.rpc('app/mark', 'app.mark(text)');
});
wait_for_call($node, 'app/wait', []);

my $many = 600;
my $lock = $node->background_psql('postgres');
my ($first, @crowd, $newcomer);
($first, @crowd[ 0, 1 ], $newcomer) = map { ws_connect($node) } 1 .. 4;

# Whether so many calls have reached the gateway and are not answered yet.
sub asked
{
	my ($count) = @_;
	return poll_until(sub { $node->safe_psql('postgres',
		'SELECT in_flight + waiting FROM realtime.stat_gateway') == $count });
}

# How many calls of others are run before those of somebody.
sub before
{
	my ($who) = @_;
	return $node->safe_psql('postgres', qq{SELECT count(*) FROM app.mark
		WHERE who <> '$who' AND number < (SELECT min(number) FROM app.mark WHERE who = '$who')});
}

# The second time it is known how long each takes.
for my $round (1, 2)
{
	$lock->query_safe('TRUNCATE app.mark; SELECT pg_advisory_lock(1)');
	my $blocker = call_begin($first, 'app/wait', []);
	busy_executor($node, 'app/wait');
	my @ids = map {
		my $client = $_;
		[ map { call_begin($client, 'app/mark', ['crowd']) } 1 .. $many ] } @crowd;
	ok(asked(2 * $many + 1), 'two clients ask for much');
	my $one = call_begin($newcomer, 'app/mark', ['newcomer']);
	ok(asked(2 * $many + 2), 'a third one comes late');
	$lock->query_safe('SELECT pg_advisory_unlock(1)');

	ok(call_end($newcomer, $one)->{ok}, 'it is served');
	ok(call_end($first, $blocker)->{ok}, 'so is who was there before');
	for my $i (0, 1)
	{
		is(scalar(grep { call_end($crowd[$i], $_)->{ok} } @{ $ids[$i] }), $many,
			'and who has asked for much');
	}
	cmp_ok(before('newcomer'), '<', $many / 4, 'who comes late need not wait for all that');
}

$lock->quit;
$node->stop('fast');
no_crash($node);

done_testing();
