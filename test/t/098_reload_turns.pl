# Values that are loaded anew wait for turns: who follows many streams keeps nobody
# from his one.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

# Two loads at a time: an eighth of the slots.
my $node = new_node('realtime.queue_depth' => 16, 'realtime.executors' => 5);
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.value(n integer) RETURNS integer STABLE LANGUAGE sql AS
	'SELECT n FROM pg_advisory_xact_lock_shared(n)';
CREATE FUNCTION app.echo(what text) RETURNS text STABLE LANGUAGE sql AS 'SELECT what';
SELECT realtime.stream('tu/value', 'value:{n}', 'app.value(integer)', merge => 'set'),
	realtime.rpc('tu/echo', 'app.echo(text)');
});
wait_for_call($node, 'tu/echo', ['x']);

my ($many, $one, $heir) = map { ws_connect($node) } 1 .. 3;
sub follow { my ($ws, $n) = @_; return ws_call($ws, 'tu/value', [$n], stream => $true)->{data}; }
is(follow($many, $_), $_, "who follows many streams: $_") for 1 .. 8;
is(follow($one, 9), 9, 'and who follows one');

my $lock = $node->background_psql('postgres');
sub sql { return $node->safe_psql('postgres', $_[0]); }
# Which loads are under way: each waits for a lock of its own.
sub loads
{
	return sql(q{SELECT coalesce(string_agg(objid::text, ' ' ORDER BY objid), '') FROM pg_locks WHERE locktype = 'advisory' AND NOT granted});
}
sub are_loaded
{
	my ($expected, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(poll_until(sub { loads() eq $expected }), $what) || diag('under way: ' . loads());
}
sub release { $lock->query_safe("SELECT pg_advisory_unlock($_[0])"); return; }
$lock->query_safe("SELECT pg_advisory_lock($_)") for 1 .. 9;

sql(q{SELECT realtime.invalidate('value:' || n) FROM generate_series(1, 8) n});
are_loaded('1 2', 'two are under way, six wait');
sql(q{SELECT realtime.invalidate('value:9')});
is(ws_call($one, 'tu/echo', ['x'])->{data}, 'x', 'which the gateway knows');
release(1);
are_loaded('2 3', 'then the next one');
release(2);
are_loaded('3 9', 'and now it is the other\'s turn');
release(9);
is(ws_wait($one, sub { ($_->{topic} // '') eq 'value:9' })->{event}, 'refreshed', 'who need not wait for all of them');
are_loaded('3 4', 'they go on');

# Who goes leaves his turn to who follows as well
$lock->query_safe('SELECT pg_advisory_unlock(8)');
is(follow($heir, 8), 8, 'a third one follows the last of them');
$lock->query_safe('SELECT pg_advisory_lock(8)');
ws_close($many);
ok(poll_until(sub { sql('SELECT sum(connections) FROM realtime.stat_gateway') == 2 }), 'the first one goes');
release($_) for 3, 4;
are_loaded('8', 'and what only he has followed is not loaded any more');
release(8);
is(ws_wait($heir, sub { ($_->{topic} // '') eq 'value:8' })->{event}, 'refreshed', 'but what another one follows is');
$lock->quit;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
