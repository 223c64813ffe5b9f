# Subscribing: what happens around the verdict, who is let in, and limits.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $max_subscriptions = 300;
my $node = new_node('realtime.executors' => 4,
	'realtime.max_subscriptions' => $max_subscriptions);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.door (answer boolean);
GRANT SELECT ON app.door TO realtime_anonymous;
INSERT INTO app.door VALUES (true);
CREATE FUNCTION app.say(topic text) RETURNS void LANGUAGE sql AS
$$SELECT realtime.publish(topic, 'said')$$;
CREATE FUNCTION app.slowly(room text) RETURNS boolean LANGUAGE sql AS
$$SELECT true FROM pg_sleep(0.05)$$;
-- waits as long as the test holds the lock
CREATE FUNCTION app.gate(room text) RETURNS boolean LANGUAGE sql AS
'SELECT true FROM pg_advisory_xact_lock_shared(1)';
CREATE FUNCTION app.door(room text) RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN RETURN CASE room WHEN 'error' THEN 1/0 = 1 ELSE (SELECT answer FROM app.door) END; END$$;
SELECT realtime.rpc('app/say', 'app.say(text)'),
	realtime.topic('open:{room}', open => true),
	realtime.topic('closed:{room}'),
	realtime.topic('slow:{room}', access => 'app.slowly(text)'),
	realtime.topic('gate:{room}', access => 'app.gate(text)'),
	realtime.topic('door:{room}', access => 'app.door(text)');
});
wait_for_call($node, 'app/say', ['open:1']);
my $ws = ws_connect($node);

sub frame
{
	my ($type, $topic, $ref) = @_;
	return ws_frame('text', qq({"type":"$type","topic":"$topic")
		  . (defined $ref ? qq(,"ref":$ref) : '') . '}');
}

sub say_frame
{
	my ($topic, $id) = @_;
	return ws_frame('text', qq({"rpc":"app/say","id":"$id","args":["$topic"]}));
}

sub publish
{
	my ($topic, @names) = @_;
	$node->safe_psql('postgres',
		join ';', map { "SELECT realtime.publish('$topic', '$_')" } @names);
	return;
}

# What has arrived at a connection, in short.
sub arrived
{
	my ($connection, $count) = @_;
	return join ', ', map { exists $_->{event} ? "$_->{topic} $_->{event}"
		: join ' ', $_->{type}, $_->{ref} // (), $_->{reason} // () } ws_quiet($connection, $count);
}

# Tests that this arrives, and no more.
sub arrives
{
	my ($connection, $expected, $what) = @_;
	my $count = () = split /, /, $expected;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(arrived($connection, $count), $expected, $what);
	return;
}

# Whoever subscribes and writes at once sees its own event.
for my $kind ('open', 'slow')
{
	my ($sent, @late) = (0);
	my @writer = map { ws_connect($node) } 1 .. 4;
	for my $i (1 .. 200)
	{
		ws_raw($writer[ $i % 4 ], frame('subscribe', "$kind:$i", $i) . say_frame("$kind:$i", "s$i"));
	}
	for my $writer (@writer)
	{
		my (%seen, %state);
		while (keys %seen < 50)
		{
			my $got = eval { ws_recv_json($writer) } or last;
			next if ($got->{topic} // '') !~ /^$kind:(\d+)$/;
			my $i = $1;
			push @late, $i if ($got->{type} // '') ne 'subscribed' && !$state{$i};
			$state{$i} = 1;
			$seen{$i}++ if ($got->{event} // '') eq 'said';
		}
		$sent += grep { $_ == 1 } values %seen;
		push @late, grep { ($_->{topic} // '') ne '__rpc' } ws_quiet($writer);
		ws_close($writer);
	}
	is($sent, 200, "an event right after the subscription arrives (topics that are $kind)");
	is_deeply(\@late, [], 'after the acknowledgement, and once');
}
my @missed;
for my $i (1 .. 200)
{
	ws_raw($ws, frame('subscribe', "open:again$i", $i) . say_frame("open:again$i", "a$i"));
	ws_wait($ws, sub { ($_->{event} // '') eq "a$i" });
	# the verdict is another executor's, and the event waits for it
	my @got = map { $_->{type} // $_->{event} } ws_quiet($ws, 2);
	push @missed, "$i: @got" if "@got" ne 'subscribed said';
	ws_raw($ws, frame('unsubscribe', "open:again$i"));
}
is_deeply(\@missed, [], 'nor does it matter when the other calls are done');

# Events before and after the verdict
my $lock = $node->background_psql('postgres');

sub hold_verdicts
{
	$lock->query_safe('SELECT pg_advisory_lock(1)');
	return;
}

sub wait_for_verdicts
{
	my ($count) = @_;
	return $node->poll_query_until('postgres', qq{SELECT count(*) = $count FROM pg_locks
		WHERE locktype = 'advisory' AND NOT granted});
}

sub release_verdicts
{
	$lock->query_safe('SELECT pg_advisory_unlock(1)');
	return;
}

hold_verdicts();
publish('gate:1', 'before');
ws_raw($ws, frame('subscribe', 'gate:1', 1));
wait_for_verdicts(1);
publish('gate:1', 'one', 'two');
is(arrived($ws), '', 'nothing is delivered before the verdict');
publish('gate:1', 'three');
release_verdicts();
ws_wait($ws, sub { ($_->{event} // '') eq 'three' });
publish('gate:1', 'four');
arrives($ws, 'subscribed 1, gate:1 one, gate:1 two, gate:1 four',
	'then everything since, in order');

# An end before the verdict
hold_verdicts();
ws_raw($ws, frame('subscribe', 'gate:2', 1) . frame('unsubscribe', 'gate:2'));
wait_for_verdicts(1);
publish('gate:2', 'one');
release_verdicts();
ws_wait($ws, sub { ($_->{ref} // '') eq 1 });
publish('gate:2', 'two');
is(arrived($ws), '', 'a verdict has nothing to grant after an unsubscribe');

hold_verdicts();
ws_raw($ws, frame('subscribe', 'gate:3', 1));
wait_for_verdicts(1);
publish('gate:3', 'one');
ws_raw($ws, frame('unsubscribe', 'gate:3') . frame('subscribe', 'gate:3', 2));
wait_for_verdicts(2);
publish('gate:3', 'two');
release_verdicts();
ws_wait($ws, sub { ($_->{ref} // '') eq 1 });
ws_wait($ws, sub { ($_->{ref} // '') eq 2 });
publish('gate:3', 'three');
arrives($ws, 'gate:3 two, gate:3 three', 'a new subscription sees what came after it');

# Each frame has its own verdict: an old one does not grant what the next may
# deny.
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION app.gate(room text) RETURNS boolean
LANGUAGE plpgsql AS $$DECLARE was boolean := (SELECT answer FROM app.door);
BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN was; END$$});
hold_verdicts();
ws_raw($ws, frame('subscribe', 'gate:4', 1));
wait_for_verdicts(1);
$node->safe_psql('postgres', 'UPDATE app.door SET answer = false');
ws_raw($ws, frame('unsubscribe', 'gate:4') . frame('subscribe', 'gate:4', 2));
wait_for_verdicts(2);
release_verdicts();
ws_wait($ws, sub { ($_->{ref} // '') eq 1 && $_->{type} eq 'subscribed' });
ws_wait($ws, sub { ($_->{ref} // '') eq 2 && $_->{type} eq 'subscribe-denied' });
publish('gate:4', 'one');
is(arrived($ws), '', 'the verdict of an earlier subscription grants nothing');
$node->safe_psql('postgres', 'UPDATE app.door SET answer = true');
$lock->quit;

# Membership is there or not, however often it is asked for.
ws_raw($ws, join '', map { frame('subscribe', 'open:1', $_) } 1 .. 3);
for my $ref (1 .. 3)
{
	ws_wait($ws, sub { ($_->{ref} // '') eq $ref && $_->{type} eq 'subscribed' });
}
publish('open:1', 'one');
arrives($ws, 'open:1 one', 'three subscriptions are one');
ws_raw($ws, frame('unsubscribe', 'open:1'));
publish('open:1', 'two');
is(arrived($ws), '', 'and one unsubscribe ends them');
ws_raw($ws, join '', map { frame('subscribe', 'open:1', $_) . frame('unsubscribe', 'open:1') } 1 .. 50);
for my $ref (1 .. 50)
{
	ws_wait($ws, sub { ($_->{ref} // '') eq $ref });
}
publish('open:1', 'three');
is(arrived($ws), '', 'a burst that ends with an unsubscribe leaves none');
ws_raw($ws, join '', map { frame('unsubscribe', 'open:1') . frame('subscribe', 'open:1', $_) } 1 .. 50);
for my $ref (1 .. 50)
{
	ws_wait($ws, sub { ($_->{ref} // '') eq $ref });
}
publish('open:1', 'four');
arrives($ws, 'open:1 four', 'one that ends with a subscribe leaves one');
ws_raw($ws, frame('subscribe', 'open:quiet'));
ok(poll_until(sub { publish('open:quiet', 'x'); arrived($ws) =~ /open:quiet x/ }),
	'without a ref there is no acknowledgement but a subscription');

# Who is let in
my $long = 'open:' . 'x' x 251;
for (
	[ 'closed:1', 'FORBIDDEN' ], [ 'unknown', 'FORBIDDEN' ], [ 'open', 'FORBIDDEN' ],
	[ 'open:1:2', 'FORBIDDEN' ], [ '__rpc', 'INVALID_TOPIC' ], [ '__realtime', 'INVALID_TOPIC' ],
	[ '', 'INVALID_TOPIC' ], [ "${long}x", 'INVALID_TOPIC' ], [ 'open:a\\"b', 'INVALID_TOPIC' ],
	[ 'open:a\\\\b', 'INVALID_TOPIC' ], [ 'open:a\\nb', 'INVALID_TOPIC' ],
	[ "open:\xc3\xa4", 'INVALID_TOPIC' ], [ 'door:error', 'INTERNAL_ERROR' ])
{
	my ($topic, $reason) = @$_;
	ws_raw($ws, frame('subscribe', $topic, 9));
	my $answer = ws_wait($ws, sub { ($_->{ref} // '') eq 9 });
	is($answer->{reason}, $reason, 'denied: ' . substr $topic, 0, 20);
}
is(ws_subscribe($ws, $long)->{type}, 'subscribed', 'a name may have 256 bytes');
is(ws_subscribe($ws, 'door:1')->{type}, 'subscribed', 'an access function lets in');
ws_raw($ws, frame('unsubscribe', 'door:1'));
for my $answer ('false', 'NULL')
{
	$node->safe_psql('postgres', "UPDATE app.door SET answer = $answer");
	is(ws_subscribe($ws, 'door:1')->{reason}, 'UNAUTHENTICATED', "or not ($answer)");
}
is(arrived($ws), '', 'and nothing else');

# What has been found open is remembered until a declaration changes.
my ($first, $second, $third) = map { ws_connect($node) } 1 .. 3;
is(ws_subscribe($first, 'open:shared')->{type}, 'subscribed', 'an open topic');
is(ws_subscribe($second, 'open:shared')->{type}, 'subscribed', 'is open to others');
$node->safe_psql('postgres', q{SELECT realtime.topic('open:{room}')});
is(ws_subscribe($third, 'open:shared')->{reason}, 'FORBIDDEN', 'until it is closed');
is(ws_subscribe($third, 'open:other')->{reason}, 'FORBIDDEN', 'with all of its template');
publish('open:shared', 'secret');
is(arrived($third), '', 'whoever is denied gets nothing');
$node->safe_psql('postgres', q{SELECT realtime.topic('open:{room}', open => true)});
is(ws_subscribe($third, 'open:shared')->{type}, 'subscribed', 'and when it is opened again');
publish('open:shared', 'public');
arrives($third, 'open:shared public', 'gets events');

# Batches and limits
my $held = 'SELECT subscriptions FROM realtime.stat_gateway';
my $before = $node->safe_psql('postgres', $held);
my $many = ws_connect($node);
my @topic = map { "open:b$_" } 1 .. 257;
ws_send($many, { type => 'subscribe-batch', topics => [ @topic, 5, undef, {} ], ref => 7 });
my %got;
$got{ $_->{topic} } = "$_->{type} $_->{ref}"
  for map { ws_wait($many, sub { 1 }) } 1 .. 256;
is(scalar(grep { ($got{$_} // '') eq 'subscribed 7' } @topic), 256,
	'a batch may have 256 topics');
is(arrived($many), '', 'the rest is ignored');
$node->safe_psql('postgres', join ';', 'BEGIN',
	map({ "SELECT realtime.publish('$_', 'x')" } @topic), 'COMMIT');
arrives($many, join(', ', map { "$_ x" } @topic[ 0 .. 255 ]), 'all of them are delivered');
ws_send($many, { type => 'subscribe-batch', ref => 8,
	topics => [ 'open:b1', 'closed:1', '__x', 'open:b1', 'slow:1', 'open:b300' ] });
my @answers = sort map { my $a = ws_wait($many, sub { ($_->{ref} // '') eq 8 });
	"$a->{topic} " . ($a->{reason} // $a->{type}) } 1 .. 6;
is(join(', ', @answers), '__x INVALID_TOPIC, closed:1 FORBIDDEN, open:b1 subscribed, '
	  . 'open:b1 subscribed, open:b300 subscribed, slow:1 subscribed', 'each is answered for itself');
ws_send($many, { type => 'subscribe-batch', topics => [], ref => 9 });
is(arrived($many), '', 'an empty batch is nothing');

my $room = $max_subscriptions - 258;
is(join(' ', map { ws_subscribe($many, "open:c$_")->{type} } 1 .. $room),
	join(' ', ('subscribed') x $room), 'so many subscriptions are allowed');
is(ws_subscribe($many, 'open:d')->{reason}, 'RATE_LIMITED', 'and no more');
is(ws_subscribe($many, 'open:b1')->{type}, 'subscribed', 'what is there may be asked for');
ws_raw($many, frame('unsubscribe', 'open:b1'));
is(ws_subscribe($many, 'open:d')->{type}, 'subscribed', 'what is given back may be used');
is($node->safe_psql('postgres', $held) - $before, $max_subscriptions,
	'the statistics count them');

# Late verdicts for many topics: what they have missed is looked for once.
my $late = ws_connect($node);
my $gateway = $node->safe_psql('postgres', 'SELECT pid FROM realtime.stat_gateway');
$node->safe_psql('postgres', 'UPDATE app.door SET answer = true');
$lock = $node->background_psql('postgres');
hold_verdicts();
ws_send($late, { type => 'subscribe-batch', topics => [ map { "gate:l$_" } 1 .. 256 ], ref => 1 });
wait_for_verdicts(1);
$node->safe_psql('postgres', join ';',
	"SELECT realtime.publish('gate:l' || n, 'missed') FROM generate_series(1, 256) AS n",
	map { "SELECT realtime.publish('gate:else', 'x', to_jsonb(repeat('x', 1000000)))" } 1 .. 40);
my $burnt = processor_time();
release_verdicts();
$lock->quit;
ws_wait($late, sub { ($_->{type} // '') eq 'subscribed' }) for 1 .. 256;
is(scalar(grep { ws_wait($late, sub { exists $_->{event} })->{event} eq 'missed' } 1 .. 256), 256,
	'many subscriptions get what they have missed');
cmp_ok(processor_time() - $burnt, '<', 150, 'quickly');

# Processor time that the gateway has used, hundredths of a second
sub processor_time
{
	my @stat = split / /, slurp_file("/proc/$gateway/stat");
	return $stat[13] + $stat[14];
}

ws_close($_) for $ws, $first, $second, $third, $many, $late;
ok($node->poll_query_until('postgres',
	'SELECT subscriptions + connections = 0 FROM realtime.stat_gateway'),
	'and nothing is left of them');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
