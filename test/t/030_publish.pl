# Events: exactly what commits, in commit order, to those who have subscribed.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node(
	'max_prepared_transactions' => 1,
	'realtime.ring_size' => '256kB');

$node->safe_psql('postgres', q{
SELECT realtime.topic('chat:{room}', open => true);
SELECT realtime.topic('closed:{room}');
});

my ($ws, $other) = (ws_connect($node), ws_connect($node));
ok(poll_until(sub { ws_subscribe($ws, 'chat:1')->{type} eq 'subscribed' }),
	'an open topic can be subscribed');
is(ws_subscribe($other, 'chat:1')->{type}, 'subscribed', 'by others as well');
is(ws_subscribe($ws, 'closed:1')->{reason}, 'FORBIDDEN', 'another one cannot');
is(ws_subscribe($ws, 'unknown')->{reason}, 'FORBIDDEN', 'nor an unknown one');

# The events of a topic that have arrived at a connection until a last one.
sub events_until
{
	my ($connection, $last) = @_;
	my @events;

	while (1)
	{
		my $event = ws_wait($connection, sub { exists $_->{event} })->{event};
		return \@events if $event eq $last;
		push @events, $event;
	}
}

# What commits and what does not
$node->safe_psql('postgres', q{
BEGIN;
SELECT realtime.publish('chat:1', 'kept', '{"id": 1}');
SAVEPOINT s;
SELECT realtime.publish('chat:1', 'lost-in-savepoint');
ROLLBACK TO s;
SELECT realtime.publish('chat:1', 'after-savepoint');
SAVEPOINT t;
SELECT realtime.publish('chat:1', 'released');
RELEASE t;
COMMIT;
BEGIN;
SELECT realtime.publish('chat:1', 'lost-in-rollback');
ROLLBACK;
SELECT realtime.publish('chat:1', 'end');
});
for my $connection ($ws, $other)
{
	is_deeply(events_until($connection, 'end'),
		[ 'kept', 'after-savepoint', 'released' ],
		'what commits arrives in order, and nothing else');
}

# Commit order, not the order of publishing
my $late = $node->background_psql('postgres');
$late->query_safe(q{BEGIN; SELECT realtime.publish('chat:1', 'published-first')});
$node->safe_psql('postgres',
	q{SELECT realtime.publish('chat:1', 'committed-first')});
$late->query_safe('COMMIT');
$late->quit;
$node->safe_psql('postgres', q{SELECT realtime.publish('chat:1', 'end')});
is_deeply(events_until($ws, 'end'), [ 'committed-first', 'published-first' ],
	'events come in commit order');

# A session that is idle in its transaction holds up nobody.
my $idle = $node->background_psql('postgres');
$idle->query_safe(q{BEGIN; SELECT realtime.publish('chat:1', 'idle'), txid_current()});
$node->safe_psql('postgres', q{SELECT realtime.publish('chat:1', 'not held up')});
is(ws_wait($ws, sub { exists $_->{event} })->{event}, 'not held up',
	'an open transaction elsewhere holds up nobody');
$idle->query_safe('ROLLBACK');
$idle->quit;

# Many publishers at once: nothing is lost, each one's events stay in order.
my ($publishers, $each) = (8, 50);
my @load = map { $node->background_psql('postgres') } 1 .. $publishers;
for my $who (1 .. $publishers)
{
	$load[ $who - 1 ]->query_until(qr/started/,
		"\\echo started\n" . join('', map {
			"SELECT realtime.publish('chat:1', 'load', '{\"who\": $who, \"n\": $_}');\n"
		} 1 .. $each));
}
$_->quit for @load;
my (%seen, $disorder);
for (1 .. $publishers * $each)
{
	my $data = ws_wait($ws, sub { ($_->{event} // '') eq 'load' })->{data};
	$disorder++ if $data->{n} != ++$seen{ $data->{who} };
}
is($disorder // 0, 0, 'all events of many publishers arrive in their order');

# What was found open is remembered, until a prepared transaction closes it.
$node->safe_psql('postgres', q{
SELECT realtime.topic('lobby:{room}', open => true);
BEGIN;
SELECT realtime.topic('lobby:{room}');
PREPARE TRANSACTION 'close';
});
is(ws_subscribe($_, 'lobby:1')->{type}, 'subscribed',
	'a topic is open while a prepared transaction would close it') for $ws, $other;
$node->safe_psql('postgres', q{COMMIT PREPARED 'close'});
is(ws_subscribe(ws_connect($node), 'lobby:1')->{reason}, 'FORBIDDEN',
	'and closed once that commits');

# Events that concern none of its clients do not overrun a gateway that sleeps.
# It is woken before the ring is full, and has some time to come.
$node->safe_psql('postgres', q{SELECT realtime.publish('chat:1', 'before')});
ws_wait($ws, sub { ($_->{event} // '') eq 'before' });
$node->safe_psql('postgres', q{
DO $$
BEGIN
	FOR n IN 1 .. 40 LOOP
		PERFORM realtime.publish('nobody', 'x', to_jsonb(repeat('x', 10000)));
		COMMIT;
		PERFORM pg_sleep(0.05);
	END LOOP;
	PERFORM realtime.publish('chat:1', 'after');
END $$;
});
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'chat:1' })->{event}, 'after',
	'events that nobody wants push out none that somebody wants');

# Refusals
my ($rc, $stdout, $stderr) = $node->psql('postgres',
	q{SELECT realtime.publish('__rpc', 'x')});
isnt($rc, 0, 'a reserved topic is refused');
like($stderr, qr/^.*ERROR:/, 'with an error');
($rc) = $node->psql('postgres', q{SELECT realtime.publish('chat:1', E'a"b')});
isnt($rc, 0, 'so is an illegal name of an event');

# Unsubscribing
ws_send($ws, { type => 'unsubscribe', topic => 'chat:1' });
ws_quiet($ws);
ws_quiet($other);
$node->safe_psql('postgres', q{SELECT realtime.publish('chat:1', 'last')});
is(ws_wait($other, sub { ($_->{event} // '') eq 'last' })->{topic}, 'chat:1',
	'who is subscribed gets events');
is_deeply([ grep { ($_->{event} // '') eq 'last' } ws_quiet($ws) ], [],
	'who has unsubscribed does not');

$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
