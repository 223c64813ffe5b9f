# What throttle() and debounce() have accepted has room in its transaction, also
# if it cannot wait.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife qw(no_crash);
use RealtimeTest;

my $node = new_node('realtime.max_timers' => 1, 'realtime.ring_size' => '256kB');

$node->safe_psql('postgres', q{
SELECT realtime.topic('t', open => true), realtime.topic('other', open => true);
CREATE SCHEMA app;
-- publishes until nothing fits any more, and says how many were published
CREATE FUNCTION app.fill() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	n integer := 0;
BEGIN
	LOOP
		BEGIN
			PERFORM realtime.publish('other', 'fill', to_jsonb(repeat('x', 500)));
			n := n + 1;
		EXCEPTION WHEN program_limit_exceeded THEN
			RETURN n;
		END;
	END LOOP;
END $$;
CREATE FUNCTION app.keep(first integer, last integer) RETURNS void LANGUAGE sql AS $$
	SELECT realtime.debounce('t', 'kept', to_jsonb(repeat('y', 500)), '1 h'),
		realtime.debounce('t', 'kept ' || i, to_jsonb(i || repeat('z', 2000)), '1 h')
	FROM generate_series(first, last) i $$;
});

my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 't')->{type} eq 'subscribed' }), 'subscribed');

sub sql { return $node->safe_psql('postgres', join('; ', @_)); }
sub kept { return [ map { ws_wait($ws, sub { ($_->{topic} // '') eq 't' })->{event} } 1 .. $_[0] ]; }

sql(q{SELECT realtime.throttle('t', 'first', '0', '1 h'), realtime.throttle('t', 'first', '1', '1 h')});
is_deeply(kept(1), ['first'], 'all timers are in use');

my $most = sql('SELECT app.fill()');
cmp_ok($most, '>', 20, 'a transaction can publish some events');

my $beside = (split /\n/, sql('BEGIN', 'SELECT app.keep(1, 9)', 'SELECT app.fill()', 'COMMIT'))[-1];
cmp_ok($beside, '<', $most, 'fewer beside what has been kept');
is_deeply([ sort @{ kept(10) } ], [ 'kept', map { "kept $_" } 1 .. 9 ], 'all that was kept is published, as nothing can wait');

is((split /\n/, sql('BEGIN', 'SAVEPOINT s', 'SELECT app.keep(1, 9)', 'ROLLBACK TO s', 'SELECT app.fill()', 'COMMIT'))[-1], $most,
	'what is rolled back takes no room');
is((split /\n/, sql('BEGIN', (map { 'SELECT app.keep(1, 1)' } 1 .. 50), 'SELECT app.keep(1, 9)', 'SELECT app.fill()', 'COMMIT'))[-1], $beside,
	'nor does what is replaced');
is_deeply([ sort @{ kept(10) } ], [ 'kept', map { "kept $_" } 1 .. 9 ], 'and each is published once');

my ($status, $stdout, $stderr) = $node->psql('postgres', 'BEGIN; SELECT app.fill(); SELECT app.keep(1, 9); COMMIT');
like($stderr, qr/a transaction cannot publish more than/, 'what does not fit beside events is refused when it is called');

$node->stop('fast');
no_crash($node);
done_testing();
