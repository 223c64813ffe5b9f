# The frames "replay" and "resume": what a client has missed of topics that it
# knows by name.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $limit = 64 * 1024;     # realtime.max_backpressure
my $node = new_node('realtime.executors' => 3,
	'realtime.max_backpressure' => $limit, 'realtime.queue_depth' => 16);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.may(room text) RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN RETURN CASE room WHEN 'error' THEN 1 / (length(room) - 5) = 1 ELSE room <> 'closed' END; END$$;
-- waits as long as the test holds the lock
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE sql AS
'SELECT true FROM pg_advisory_xact_lock_shared(1)';
-- so does the first time of this one
CREATE SEQUENCE app.turn;
GRANT USAGE ON app.turn TO realtime_anonymous;
CREATE FUNCTION app.turn(room text) RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN
	IF nextval('app.turn') = 1 THEN
		PERFORM pg_advisory_xact_lock_shared(2);
	END IF;
	RETURN true;
END$$;
CREATE FUNCTION app.say(topic text) RETURNS void LANGUAGE sql AS
$$SELECT realtime.publish(topic, 'said', '{}')$$;
SELECT realtime.rpc('app/say', 'app.say(text)'),
	realtime.topic('open:{room}', class => 'replay', open => true, replay_size => 10000),
	realtime.topic('asked:{room}', class => 'replay', access => 'app.may(text)'),
	realtime.topic('gate:{room}', class => 'replay', access => 'app.gate(text)'),
	realtime.topic('turn:{room}', class => 'replay', access => 'app.turn(text)'),
	realtime.topic('plain:{room}', open => true),
	realtime.channel('kept/rows', 'kept:{room}', replay => true);
});
wait_for_call($node, 'app/say', ['open:0']);
my $ws = ws_connect($node);

sub publish
{
	my ($topic, $count, $size) = @_;
	my $data = $size ? "to_jsonb(repeat('x', $size))" : "'{\"a\": 1}'";
	$node->safe_psql('postgres', "SELECT realtime.publish('$topic', 'n', $data);" x $count);
	return;
}

# In short: what has arrived
sub short
{
	my ($frame) = @_;
	my $data = $frame->{data};

	return $frame->{type} if $frame->{type};
	(my $topic = $frame->{topic}) =~ s/^__replay:/</;
	return "$topic $frame->{event}"
	  . (ref $data eq 'HASH' ? join '', map { defined $data->{$_} && !ref $data->{$_} ? " $_=$data->{$_}" : '' }
		  grep { /^(seq|reqId|code)$/ } sort keys %$data : '')
	  . (ref $data eq 'HASH' && $data->{truncated} ? ' truncated' : '')
	  . ($frame->{seq} ? " $frame->{seq}" : '');
}

sub arrived
{
	my ($connection, $count) = @_;
	return join ', ', map { short($_) } ws_quiet($connection, $count);
}

# Everything up to the end of an answer.
sub up_to_end
{
	my ($connection) = @_;
	my @got;

	do { push @got, ws_recv_json($connection) }
	  until ($got[-1]{topic} // '') =~ /^__replay:/ && $got[-1]{event} eq 'end';
	return @got;
}

# Asks and returns that, in short.
sub replay
{
	my ($connection, $topic, $since, %more) = @_;

	ws_send($connection, { type => 'replay', topic => $topic, since => $since, reqId => 5, %more });
	return join ', ', map { short($_) } up_to_end($connection);
}

# The answer
publish('open:a', 3);
is(replay($ws, 'open:a', 1), '<open:a msg reqId=5 seq=2, <open:a msg reqId=5 seq=3, <open:a end reqId=5', 'what was missed');
ws_send($ws, '{"type":"replay","topic":"open:a","since":2}');
is_deeply([ up_to_end($ws) ], [
	{ topic => '__replay:open:a', event => 'msg', data => { seq => 3, event => 'n', data => { a => 1 } } },
	{ topic => '__replay:open:a', event => 'end', data => undef } ], 'without reqId');
is(replay($ws, 'open:a', 3), '<open:a end reqId=5', 'nothing was missed');
is(replay($ws, 'open:new', 0), '<open:new end reqId=5', 'of a topic without events');
is(replay($ws, 'open:a', 0), join(', ', (map { "<open:a msg reqId=5 seq=$_" } 1 .. 3), '<open:a end reqId=5'), 'all of it');
ws_send($ws, '{"type":"replay","topic":"open:a","reqId":7}');
is(join(', ', map { short($_) } up_to_end($ws)), join(', ', (map { "<open:a msg reqId=7 seq=$_" } 1 .. 3), '<open:a end reqId=7'), 'without a number');

# What is not there any more
$node->safe_psql('postgres', q{DELETE FROM realtime.replay_message WHERE topic = 'open:a' AND seq < 3});
is(replay($ws, 'open:a', 1), '<open:a truncated, <open:a msg reqId=5 seq=3, <open:a end reqId=5 truncated',
	'what is left is told, and that it is not all');
is(replay($ws, 'open:a', 9), '<open:a truncated, <open:a msg reqId=5 seq=3, <open:a end reqId=5 truncated',
	'a number that is none of ours');
is(replay($ws, 'open:a', -1.5), '<open:a truncated, <open:a msg reqId=5 seq=3, <open:a end reqId=5 truncated',
	'nor is this one');
is(replay($ws, 'plain:a', 0), '<plain:a truncated, <plain:a end reqId=5 truncated', 'nothing is kept of other topics');

# Who may not
is(replay($ws, 'asked:closed', 0), '<asked:closed denied code=UNAUTHENTICATED reqId=5, <asked:closed end reqId=5', 'denied');
is(replay($ws, 'asked:error', 0), '<asked:error denied code=INTERNAL_ERROR reqId=5, <asked:error end reqId=5', 'for an error');
is(replay($ws, 'asked:a', 0), '<asked:a end reqId=5', 'allowed');
is(replay($ws, 'nothing', 0), '<nothing denied code=FORBIDDEN reqId=5, <nothing end reqId=5', 'not declared');
is(replay($ws, 'kept:a', 0), '<kept:a denied code=FORBIDDEN reqId=5, <kept:a end reqId=5', 'the topic of a stream');
is(replay($ws, $_, 0), "<$_ denied code=INVALID_TOPIC reqId=5, <$_ end reqId=5", "no topic: $_")
  for '__rpc', 'a"b', "\x{e9}", 'x' x 300;
ws_send($ws, '{"type":"replay","topic":5,"since":0,"reqId":5}');
is(arrived($ws), '', 'a number is ignored');

# With a subscription: one piece, and events go on behind it.
ws_subscribe($ws, 'open:s');
publish('open:s', 5);
arrived($ws, 5);
is(replay($ws, 'open:s', 3), '<open:s msg reqId=5 seq=4, <open:s msg reqId=5 seq=5, <open:s end reqId=5', 'what was seen comes again');
publish('open:s', 1);
is(arrived($ws, 1), 'open:s n 6', 'then what is new');
ws_raw($ws, ws_frame('text', '{"type":"replay","topic":"open:s","since":6,"reqId":8}')
	  . ws_frame('text', '{"rpc":"app/say","id":"s","args":["open:s"]}'));
ws_wait($ws, sub { ($_->{event} // '') eq 's' });
my $got = join ', ', map { short($_) } up_to_end($ws), ws_quiet($ws);
ok($got eq '<open:s end reqId=8, open:s said 7' || $got eq 'open:s said 7, <open:s end reqId=8, open:s said 7'
	  || $got eq 'open:s said 7, <open:s msg reqId=8 seq=7, <open:s end reqId=8'
	  || $got eq '<open:s msg reqId=8 seq=7, <open:s end reqId=8', 'an event at that moment is in the answer or behind it')
  or diag $got;

# Many times, while somebody publishes: the client drops what comes before the
# end, and still misses nothing.
my $busy = $node->background_psql('postgres');
my ($seen, @wrong) = (7);
for my $round (1 .. 100)
{
	$busy->query_safe("SELECT realtime.publish('open:s', 'n', '{}');" x 5);
	ws_send($ws, qq({"type":"replay","topic":"open:s","since":$seen,"reqId":$round}));
	my $ended = 0;
	my $until = $seen + 5;
	while (!$ended || $seen < $until)
	{
		my $frame = ws_recv_json($ws);
		if (($frame->{topic} // '') eq '__replay:open:s')
		{
			$ended = 1 if $frame->{event} eq 'end';
			next if $ended;
			push @wrong, "$round: msg $frame->{data}{seq} after $seen" if $frame->{data}{seq} != $seen + 1;
			$seen = $frame->{data}{seq};
		}
		elsif ($ended && ($frame->{topic} // '') eq 'open:s')
		{
			push @wrong, "$round: event $frame->{seq} after $seen" if $frame->{seq} != $seen + 1;
			$seen = $frame->{seq};
		}
	}
}
is_deeply(\@wrong, [], 'a hundred replays among events');
$busy->quit;
is(arrived($ws), '', 'and nothing twice');

# More than an answer takes
publish('open:long', 100, 2000);
is((split /, /, replay($ws, 'open:long', 0))[-1], '<open:long end reqId=5 truncated', 'without a subscription it is truncated');
ws_subscribe($ws, 'open:long');
my @long = split /, /, replay($ws, 'open:long', 0);
is(pop @long, '<open:long end reqId=5', 'with one it is not');
cmp_ok(scalar @long, '<', 50, 'although not all fits');
push @long, short(ws_wait($ws, sub { ($_->{topic} // '') eq 'open:long' })) for @long + 1 .. 100;
is(join(' ', map { /(\d+)$/ ? $1 : $_ } @long), join(' ', 1 .. 100), 'the rest follows as events');
publish('open:long', 1);
is(arrived($ws, 1), 'open:long n 101', 'and then what is new');

# The first question waits, so the replay is answered before the subscription.
my $lock = $node->background_psql('postgres');
publish('turn:a', 100, 2000);
$lock->query_safe('SELECT pg_advisory_lock(2)');
ws_send($ws, '{"type":"subscribe","topic":"turn:a","ref":1}');
ok(poll_until(sub { $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 2 AND objsubid = 1 AND NOT granted}) }), 'a verdict waits');
@long = split /, /, replay($ws, 'turn:a', 0);
is(pop @long, '<turn:a end reqId=5', 'with a subscription that is not granted yet it is not truncated either');
cmp_ok(scalar @long, '<', 50, 'although not all fits');
is(arrived($ws), '', 'nothing more comes without the verdict');
$lock->query_safe('SELECT pg_advisory_unlock(2)');
is(ws_wait($ws, sub { ($_->{ref} // '') eq 1 })->{type}, 'subscribed', 'it is granted');
push @long, short(ws_wait($ws, sub { ($_->{topic} // '') eq 'turn:a' })) for @long + 1 .. 100;
is(join(' ', map { /(\d+)$/ ? $1 : $_ } @long), join(' ', 1 .. 100), 'and the rest follows');
publish('turn:a', 1);
is(arrived($ws, 1), 'turn:a n 101', 'and then what is new');

# Without executors to ask: what is beyond a connection's share waits in its gateway
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_raw($ws, join '', map { ws_frame('text', qq({"type":"replay","topic":"gate:$_","since":0,"reqId":$_})) } 1 .. 12);
ok(poll_until(sub { $node->safe_psql('postgres',
	q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1 AND objsubid = 1 AND NOT granted}) }), 'a connection can ask more than is asked for it at once');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
is(scalar(grep { ws_wait($ws, sub { ($_->{event} // '') eq 'end' }) } 1 .. 12), 12, 'and is answered');
is(scalar(grep { ($_->{event} // '') eq 'denied' } ws_quiet($ws)), 0, 'all of it');
ws_close($ws);

# Resume: what is allowed and has numbers, then the acknowledgement
$ws = ws_connect($node);
publish('asked:r', 2);
publish('asked:closed', 2);
publish('kept:r', 2);

sub resume
{
	my ($connection, $seqs) = @_;
	my @got;

	ws_send($connection, { type => 'resume', sessionId => 'x', defined $seqs ? (lastSeenSeqs => $seqs) : () });
	do { push @got, ws_recv_json($connection) } until ($got[-1]{type} // '') eq 'resumed';
	return join ', ', sort map { short($_) } @got;
}

is(resume($ws), 'resumed', 'nothing to resume');
is(resume($ws, {}), 'resumed', 'no topics');
is(resume($ws, [1]), 'resumed', 'none that could be understood');
is(resume($ws, { '__rpc' => 1, 'a"' => 1, 'open:a' => 'x', 'asked:closed' => 1, 'kept:r' => 1, 'plain:a' => 1, nothing => 1 }),
	'resumed', 'none that may be had');
is(resume($ws, { 'asked:r' => 1, 'open:s' => $seen - 9, 'open:a' => 1, 'asked:closed' => 1 }),
	join(', ', sort '<asked:r msg seq=2', '<asked:r end', (map { "<open:s msg seq=$_" } $seen - 8 .. $seen),
		'<open:s end', '<open:a truncated', '<open:a msg seq=3', '<open:a end truncated', 'resumed'),
	'what was missed of several');
is(resume($ws, { map { ("open:many$_" => 0) } 1 .. 400 }) =~ tr/</</, 256, 'of so many at most');
like(resume($ws, { 'open:long' => 0 }), qr/<open:long end truncated/, 'what does not fit is truncated');

# A client that comes back: resume, then subscribe
ws_raw($ws, ws_frame('text', '{"type":"resume","sessionId":"x","lastSeenSeqs":{"asked:r":1}}')
	  . ws_frame('text', '{"type":"subscribe-batch","topics":["asked:r"],"ref":1}')
	  . ws_frame('text', '{"rpc":"app/say","id":"say","args":["asked:r"]}'));
my (%told, %done);
until ($done{say} && $done{resumed} && $told{3})
{
	my $frame = ws_recv_json($ws);
	$done{ $frame->{type} // $frame->{event} } = 1;
	my $number = $frame->{seq} // (ref $frame->{data} ? $frame->{data}{seq} : undef);
	$told{$number} = 1 if $number;
}
is(join(' ', sort keys %told), '2 3', 'misses nothing');

$lock->quit;
ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
