# Throttled and debounced events: the first, the last, none in between.
#
# Nothing is said about when something happens: what must not come is called
# for an hour later, and what must come is waited for.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife qw(call_begin call_end count_in_log no_crash service_state worker_pids);
use RealtimeTest;

my $node = new_node('realtime.max_timers' => 24, 'realtime.executors' => 2,
	'restart_after_crash' => 'on');

$node->safe_psql('postgres', q{
SELECT realtime.topic('t', open => true), realtime.topic('other', open => true),
	realtime.topic('many:{n}', open => true),
	realtime.topic('fast', class => 'volatile', open => true),
	realtime.topic('numbered', class => 'replay', open => true);
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.counter (n integer);
INSERT INTO app.counter VALUES (0);
CREATE FUNCTION app.count(event text) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	now_n integer;
BEGIN
	UPDATE app.counter SET n = n + 1 RETURNING n INTO now_n;
	PERFORM realtime.throttle('t', event, to_jsonb(now_n), '20 ms');
	RETURN now_n;
END $$;
SELECT realtime.rpc('app/count', 'app.count(text)');
});

my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 't')->{type} eq 'subscribed' }), 'subscribed');
ws_subscribe($ws, $_) for 'other', 'fast', 'numbered', map { "many:$_" } 1 .. 40;

sub sql { return $node->safe_psql('postgres', join('; ', @_)); }
sub stat_timer { return sql("SELECT $_[0] FROM realtime.stat_timer"); }
sub waiting { return stat_timer('waiting'); }
sub throttle { return "SELECT realtime.throttle('$_[0]', '$_[1]', '$_[2]', '$_[3]')"; }
sub debounce { return "SELECT realtime.debounce('$_[0]', '$_[1]', '$_[2]', '$_[3]')"; }

# Events until a canary that is published now, as "event data".
my $canary = 0;
sub so_far
{
	my @seen;

	sql(q{SELECT realtime.publish('t', 'canary', '} . ++$canary . q{')});
	while (1)
	{
		my $frame = ws_wait($ws, sub { exists $_->{event} });
		return \@seen if $frame->{event} eq 'canary' && $frame->{data} == $canary;
		push @seen, join(' ', $frame->{event}, $frame->{data} // '');
	}
}

# The next event.
sub next_event
{
	my $frame = ws_wait($ws, sub { exists $_->{event} });
	return "$frame->{event} $frame->{data}";
}

# Throttle: the first at once
sql(throttle('t', 'a', $_, '1 h')) for 1 .. 3;
is_deeply(so_far(), ['a 1'], 'the first one comes, those behind it wait');
is(waiting(), 1, 'one of them is kept');
sql(throttle('t', 'b', 1, '1 h'), throttle('other', 'a', 1, '1 h'), throttle('fast', 'a', 1, '1 h'));
is_deeply([ sort @{ so_far() } ], [ 'a 1', 'a 1', 'b 1' ],
	'other events and topics have intervals of their own');

# and the last at the end
sql(map { throttle('t', 'c', $_, '50 ms') } 1 .. 100);
is(next_event(), 'c 1', 'the first of many');
for (my $event = ''; $event ne 'c 100';) { $event = next_event(); }
is_deeply(so_far(), [], 'the last after an interval, and nothing behind it');
sql('BEGIN', (map { throttle('t', 'd', $_, '50 ms') } 1 .. 100), 'COMMIT');
is_deeply([ next_event(), next_event() ], [ 'd 1', 'd 100' ], 'the same in one transaction');
is_deeply(so_far(), [], 'once');
sql('BEGIN', throttle('fast', 'v', 1, '50 ms'), throttle('fast', 'v', 2, '50 ms'), 'COMMIT');
is_deeply([ next_event(), next_event() ], [ 'v 1', 'v 2' ], 'and on a volatile topic');
sql('DO $$ BEGIN FOR i IN 1 .. 100000 LOOP '
	  . "PERFORM realtime.throttle('t', 'bulk', to_jsonb(i || repeat('x', 1000)), '1 ms'); "
	  . 'END LOOP; END $$');
like(next_event(), qr/^bulk 1x/, 'a transaction may call far more than it could publish');
like(next_event(), qr/^bulk 100000x/, 'and its last value comes');

# Both of one event, and other times: the last call decides, nothing comes twice
# or too late.  What must not come has an hour.
sql(debounce('t', 'mix1', 1, '1 h'), throttle('t', 'mix1', 2, '1 ms'));
is_deeply(so_far(), ['mix1 2'], 'a throttle takes the place of what was debounced');
sql(debounce('t', 'mix1', 3, '10 ms'));
is(next_event(), 'mix1 3', 'which comes no more');
sql('BEGIN', debounce('t', 'mix2', 1, '1 h'), throttle('t', 'mix2', 2, '1 ms'), 'COMMIT');
is(next_event(), 'mix2 2', 'the same in one transaction');
sql('BEGIN', throttle('t', 'mix3', 1, '1 h'), debounce('t', 'mix3', 2, '10 ms'), 'COMMIT');
is_deeply([ next_event(), next_event() ], [ 'mix3 1', 'mix3 2' ], 'a debounce does not wait for the interval');
sql(throttle('t', 'mix3', 3, '1 ms'));
is_deeply(so_far(), [], 'which goes on');
sql(debounce('t', 'mix3', 4, '10 ms'));
is(next_event(), 'mix3 4', 'and what waits for its end gives way to what is newer');
is_deeply(so_far(), [], 'that is all');
sql(throttle('t', 'mix4', 1, '1 h'), throttle('t', 'mix4', 2, '1 ms'));
is_deeply(so_far(), ['mix4 1'], 'an interval is as long as the call said that began it');
sql('BEGIN', throttle('t', 'mix5', 1, '50 ms'), throttle('t', 'mix5', 2, '1 h'), 'COMMIT');
is_deeply([ next_event(), next_event() ], [ 'mix5 1', 'mix5 2' ], 'also in one transaction');
sql(throttle('t', 'mix5', 3, '1 ms'));
is_deeply(so_far(), [], 'and the one that it began is as long as it said');

# Over many intervals: ever newer, and in the end the newest
sql(map { (throttle('t', 'e', $_, '10 ms'), 'SELECT pg_sleep(0.002)') } 1 .. 100);
my @seen;
push @seen, (split / /, next_event())[1] until @seen && $seen[-1] == 100;
is_deeply(\@seen, [ sort { $a <=> $b } @seen ], 'over many intervals: in order');
cmp_ok(scalar(@seen), '<', 100, 'fewer than were called for');

# What is rolled back never was.
sql('BEGIN', throttle('t', 'f', 1, '1 h'), debounce('t', 'f', 1, '1 ms'), 'ROLLBACK',
	throttle('t', 'f', 2, '1 h'));
is_deeply(so_far(), ['f 2'], 'a rolled back call begins no interval');
sql('BEGIN', throttle('t', 'g', 1, '1 ms'), 'SAVEPOINT s', throttle('t', 'g', 2, '1 ms'),
	'SAVEPOINT t', throttle('t', 'g', 3, '1 ms'), 'RELEASE t', throttle('t', 'g', 4, '1 ms'),
	'ROLLBACK TO s', 'COMMIT');
is_deeply(so_far(), ['g 1'], 'nor does one that is rolled back to a savepoint wait');
sql('BEGIN', 'SAVEPOINT s', throttle('t', 'h', 1, '10 ms'), 'ROLLBACK TO s',
	throttle('t', 'h', 2, '10 ms'), 'SAVEPOINT s', throttle('t', 'h', 3, '10 ms'), 'RELEASE s',
	'SAVEPOINT s', throttle('t', 'h', 4, '10 ms'), 'ROLLBACK TO s', 'COMMIT');
is_deeply([ next_event(), next_event() ], [ 'h 2', 'h 3' ], 'the first and the last that are left');

# A throttled event keeps its place among the others, and leaves no gap.
sub publish { return "SELECT realtime.publish('t', 'p', '$_[0]')"; }
sql('BEGIN', publish(1), throttle('t', 'i', 1, '1 h'), publish(2), 'COMMIT',
	'BEGIN', publish(3), throttle('t', 'i', 2, '1 h'), publish(4), 'COMMIT');
is_deeply(so_far(), [ 'p 1', 'i 1', 'p 2', 'p 3', 'p 4' ], 'in the order of the calls');

# Debounce: after the last one
sql(debounce('t', 'j', 1, '1 h'), debounce('t', 'j', 2, '1 h'));
is_deeply(so_far(), [], 'a debounced event waits');
sql(debounce('t', 'j', 3, '1 ms'));
is(next_event(), 'j 3', 'the last call says for how long, and what');
is_deeply(so_far(), [], 'once');

# Replay topics: the number is that of the publishing.
sql('BEGIN', throttle('numbered', 'k', 1, '50 ms'), throttle('numbered', 'k', 2, '50 ms'),
	throttle('numbered', 'k', 3, '50 ms'), q{SELECT realtime.publish('numbered', 'l', '4')}, 'COMMIT');
my @numbers;
for (1 .. 3)
{
	my $frame = ws_wait($ws, sub { ($_->{topic} // '') eq 'numbered' });
	push @numbers, "$frame->{seq} $frame->{data}";
}
is_deeply(\@numbers, [ '1 1', '2 4', '3 3' ], 'an event that waits gets its number in the end');

# Calls whose commits are flushed together
my @calls = map { call_begin($ws, 'app/count', ['m']) } 1 .. 200;
my ($counted) = sort { $b <=> $a } map { call_end($ws, $_)->{data} } @calls;
is($counted, 200, 'calls that throttle');
@seen = ();
push @seen, ws_wait($ws, sub { ($_->{event} // '') eq 'm' })->{data} until @seen && $seen[-1] == 200;
is_deeply(\@seen, [ sort { $a <=> $b } @seen ], 'clients see their values grow up to the last');

# Nobody is there to publish.
for my $kind ('scheduler', 'executor')
{
	my $published = stat_timer('published');
	sql('BEGIN', throttle('t', $kind, 1, '300 ms'), throttle('t', $kind, 2, '300 ms'), 'COMMIT');
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'realtime $kind'");
	is(next_event(), "$kind 1", "$kind ended: the first is out");
	is(next_event(), "$kind 2", 'the last comes all the same');
	poll_until(sub { stat_timer('published') > $published });
	is(stat_timer('published'), $published + 1, 'exactly once');
	is_deeply(so_far(), [], 'and no other');
}

# One topic is stuck: others are not, and it gets its event in the end.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE realtime.replay_message IN ACCESS EXCLUSIVE MODE');
my $failed = stat_timer('failed');
sql(debounce('numbered', 'n', 1, '1 ms'));
ok(poll_until(sub { stat_timer('failed') > $failed }), 'a publishing that hangs is given up');
sql(debounce('t', 'n', 2, '1 ms'));
is(next_event(), 'n 2', 'others are published');
$locker->query_safe('COMMIT');
$locker->quit;
is(next_event(), 'n 1', 'and that one as soon as it can be');
is_deeply(so_far(), [], 'once');

# Two transactions at once.  A commit stops, with its timers held, at emptying
# its temporary table, which waits for who has locked that.
sub stopped_commit
{
	my ($name, @commands) = @_;
	my $session = $node->background_psql('postgres');
	my $blocker = $node->background_psql('postgres');

	$session->query_safe("CREATE TEMPORARY TABLE $name (i integer) ON COMMIT DELETE ROWS");
	$session->query_safe(join('; ', 'BEGIN', "INSERT INTO $name VALUES (1)", @commands));
	$blocker->query_safe('BEGIN; DO $$ BEGIN EXECUTE (SELECT format('
		  . q{'LOCK TABLE %s IN ACCESS SHARE MODE', oid::regclass)}
		  . " FROM pg_class WHERE relname = '$name'); END \$\$");
	$session->query_until(qr/committing/, "\\echo committing\nCOMMIT;\n");
	poll_until(sub { sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'") })
	  or die "the commit does not stop\n";
	return ($session, $blocker);
}

my $waiting = waiting();
my ($first, $blocker) = stopped_commit('one', throttle('t', 'o', 1, '50 ms'));
sql(throttle('t', 'o', 2, '50 ms'));
is(waiting(), $waiting + 1, 'who commits while another one leads does not publish');
$blocker->query_safe('COMMIT');
$first->query_safe('SELECT 1');
is(next_event(), 'o 1', 'the other one does');
is(waiting(), $waiting, 'which makes the value that was committed before out of date');
$_->quit for $first, $blocker;

($first, $blocker) = stopped_commit('two', throttle('t', 'q', 1, '1 h'));
sql(throttle('t', 'q', 2, '1 h'));
is(waiting(), $waiting + 1, 'the same, and who leads fails');
sql(q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'});
is(next_event(), 'q 2', 'then the value that waits comes at once');
is_deeply(so_far(), [], 'and nothing else');
$blocker->query_safe('COMMIT');
$blocker->quit;
eval { $first->quit };

my @both = map { $node->background_psql('postgres') } 1 .. 2;
$both[$_]->query_safe('BEGIN; ' . throttle('t', 'r', $_, '20 ms')) for 0, 1;
$both[$_]->query_safe('COMMIT') for 1, 0;
is_deeply([ next_event(), next_event() ], [ 'r 1', 'r 0' ], 'what is committed last comes last');
$_->quit for @both;

# The table is full: nothing is lost, nothing waits.
is(stat_timer('overflowed'), 0, 'there has been room so far');
sql(map { throttle("many:$_", 's', 1, '1 h') } 1 .. 40);
sql(throttle('many:40', 's', 2, '1 h'), debounce('many:40', 's', 3, '1 h'));
is_deeply([ sort @{ so_far() } ], [ ('s 1') x 40, 's 2', 's 3' ],
	'without a timer an event is published at once');
cmp_ok(stat_timer('active'), '<=', 24, 'there are no more timers than there may be');
cmp_ok(stat_timer('overflowed'), '>=', 3, 'which is counted');
is(sql(q{SELECT severity FROM realtime.check() WHERE object = 'setting realtime.max_timers'}),
	'info', 'and found by realtime.check()');
is(sql(q{SELECT last_overflow > now() - interval '1 hour' FROM realtime.stat_timer}), 't', 'with its time');

# A crash forgets what waits, and the intervals.
no_crash($node);
kill 'KILL', (worker_pids($node, 'executor'))[0];
ok(poll_until(sub { count_in_log($node, qr/all server processes terminated; reinitializing/) }),
	'a crash');
ok(poll_until(sub { (($node->psql('postgres', 'SELECT waiting FROM realtime.stat_timer'))[1] // '') eq '0' }),
	'forgets all that waits');
wait_for_gateway($node);
$ws = ws_connect($node);
ws_subscribe($ws, 't');
sql(throttle('t', 'a', 'null', '1 h'), throttle('t', 'a', 1, '1 h'));
is_deeply(so_far(), ['a '], 'and intervals begin anew');

# Without the extension nothing waits any more.
cmp_ok(waiting(), '>', 0, 'events wait');
ok(poll_until(sub {
	$node->safe_psql('postgres', 'DROP EXTENSION realtime');
	poll_until(sub { service_state($node) =~ /not installed/ });
	$node->safe_psql('postgres', 'CREATE EXTENSION realtime');
	return waiting() == 0; }), 'but not without the extension');
wait_for_gateway($node);
sql(q{SELECT realtime.topic('t', open => true)});
$ws = ws_connect($node);
ws_subscribe($ws, 't');
sql(debounce('t', 'end', 1, '1 ms'));
is(next_event(), 'end 1', 'with it everything goes on');

$node->stop('fast');
is(count_in_log($node, qr/PANIC|TRAP:/), 0, 'that was the only crash');
done_testing();
