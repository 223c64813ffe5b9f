# Logical replication: declarations that it changes count at once, and the
# events of one server do not become rows of another.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my %settings = ('wal_level' => 'logical', 'max_wal_senders' => 8, 'max_replication_slots' => 8,
	'max_logical_replication_workers' => 8);
my $publisher = new_node(name => 'publisher', %settings);
# It keeps its events however long this takes.
my $subscriber = new_node(name => 'subscriber', %settings, 'realtime.cleanup_interval' => 0);

sub sql
{
	my ($node, $query) = @_;
	return $node->safe_psql('postgres', $query);
}

# What the subscriber has when all is there that the publisher has.
sub arrived
{
	$publisher->wait_for_catchup('sub');
	return;
}

# What is kept of a topic, as "epoch:n event".
sub kept
{
	my ($node, $topic) = @_;
	return sql($node, "SELECT string_agg((seq >> 32) || ':' || (seq & 4294967295) || ' ' || coalesce(event, 'LOST'), ', ' ORDER BY seq)
		FROM realtime.replay_message WHERE topic = '$topic'");
}

# Both have events of their own on the same topics, with the same numbers.
for my $node ($publisher, $subscriber)
{
	sql($node, q{
SELECT realtime.topic('log:{name}', class => 'replay', replay_size => 4, open => true);
CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'});
	sql($node, "SELECT realtime.publish('log:a', '$_')") for 1 .. 3;
}
sql($subscriber, 'DELETE FROM realtime.topic_declaration');
sql($publisher, 'CREATE PUBLICATION pub FOR ALL TABLES');
my $connection = $publisher->connstr('postgres');
sql($subscriber, "CREATE SUBSCRIPTION sub CONNECTION \$\$$connection\$\$ PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');

is(sql($subscriber, 'SELECT template, class FROM realtime.topic_declaration'), 'log:{name}|replay', 'declarations are copied');
is(kept($subscriber, 'log:a'), '0:1 1, 0:2 2, 0:3 3', 'events are not');
is(sql($subscriber, 'SELECT epoch FROM realtime.replay_epoch'), 1, 'but an epoch begins that is used nowhere else');

# The class of the topics has changed here as well, in either order.
my $floor = sql($subscriber, q{SELECT realtime.seq('log:a') & 4294967295});
my $own = join ', ', '0:1 1, 0:2 2, 0:3 3', map { '1:' . ($floor + $_) . " here $_" } 1 .. 3;

# A client of the subscriber
my $ws = ws_connect($subscriber);
is(ws_subscribe($ws, 'log:a')->{type}, 'subscribed', 'a declaration that was copied holds');
is(ws_call($ws, 'app/one', [])->{code}, 'NOT_FOUND', 'nothing can be called yet');
sql($publisher, q{SELECT realtime.rpc('app/one', 'one()')});
arrived();
is(ws_call($ws, 'app/one', [])->{data}, 1, 'what is declared on the publisher can be called on the subscriber');
sql($publisher, q{UPDATE realtime.topic_declaration SET open = false WHERE template = 'log:{name}'});
arrived();
is(ws_subscribe($ws, 'log:b')->{type}, 'subscribe-denied', 'what is closed there is closed here');
sql($publisher, q{SELECT realtime.drop('app/one')});
arrived();
is(ws_call($ws, 'app/one', [])->{code}, 'NOT_FOUND', 'what is revoked there is revoked here');
sql($publisher, q{SELECT realtime.rpc('app/one', 'one()'), realtime.topic('log:{name}', class => 'replay', replay_size => 4, open => true)});
arrived();
is(ws_call($ws, 'app/one', [])->{data}, 1, 'and declared again');
is(ws_subscribe($ws, 'log:a')->{type}, 'subscribed', 'who had lost it subscribes again');
sql($publisher, 'TRUNCATE realtime.rpc_declaration');
arrived();
is(ws_call($ws, 'app/one', [])->{code}, 'NOT_FOUND', 'TRUNCATE counts too');

# Numbers of both, side by side: what comes, goes and changes on the publisher
# changes nothing on the subscriber.
sql($publisher, "SELECT realtime.publish('log:a', 'there $_')") for 1 .. 3;
sql($subscriber, "SELECT realtime.publish('log:a', 'here $_')") for 1 .. 3;
arrived();
is(kept($subscriber, 'log:a'), $own, 'each has its own');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'here 1' })->{seq}, 2**32 + $floor + 1, 'clients get numbers of the new epoch');
sql($publisher, q{SELECT realtime.clear_replay()});
sql($publisher, "SELECT realtime.publish('log:a', 'more $_') FROM generate_series(1, 200)");
ok(poll_until(sub { sql($publisher, q{SELECT count(*) < 50 FROM realtime.replay_message}) eq 't' }), 'the publisher removes old ones');
sql($publisher, 'DELETE FROM realtime.replay_message; UPDATE realtime.replay_message SET event = NULL, data = NULL');
arrived();
is(kept($subscriber, 'log:a'), $own, 'and nothing of it arrives');

# The publisher reaches the epoch that the subscriber is in. (A change of class
# ends that of the publisher further below.)
sql($publisher, 'UPDATE realtime.replay_epoch SET system_identifier = 0');
sql($publisher, q{SELECT realtime.publish('log:b', 'e')});
arrived();
sql($subscriber, q{SELECT realtime.publish('log:b', 'e')});
is(kept($publisher, 'log:b') . ' and ' . kept($subscriber, 'log:b'), '1:1 e and 2:1 e', 'the subscriber goes on in another one');
sql($publisher, 'UPDATE realtime.replay_epoch SET system_identifier = 1');
arrived();
sql($subscriber, q{SELECT realtime.publish('log:b', 'e')});
is(kept($subscriber, 'log:b'), '2:1 e, 2:2 e', 'an earlier one is nothing to it');

# A class that changes by replication
sql($publisher, q{UPDATE realtime.topic_declaration SET class = 'ordered' WHERE template = 'log:{name}'});
arrived();
sql($publisher, q{UPDATE realtime.topic_declaration SET class = 'replay' WHERE template = 'log:{name}'});
arrived();
sql($subscriber, q{SELECT realtime.publish('log:b', 'e')});
like(kept($subscriber, 'log:b'), qr/\A2:1 e, 2:2 e, 3:\d e\z/, 'no number of before is good to resume from');
my $newest = sql($subscriber, q{SELECT realtime.seq('log:b')});

# Who truncates the table has it carried as well: numbers go on nevertheless.
sql($publisher, 'TRUNCATE realtime.replay_message');
arrived();
sql($subscriber, q{SELECT realtime.publish('log:b', 'e')});
is(sql($subscriber, "SELECT bool_and(seq > $newest) FROM realtime.replay_message"), 't',
	'a table that was emptied does not give numbers twice');

is(sql($subscriber, q{SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL}), 1, 'the apply worker lives');
is(sql($subscriber, q{SELECT sum(apply_error_count), sum(sync_error_count) FROM pg_stat_subscription_stats}), '0|0', 'and has met no error');
$_->stop('fast') for $subscriber, $publisher;
unlike(slurp_file($_->logfile), qr/PANIC|was terminated by signal|TRAP:/, $_->name . ' has not crashed') for $publisher, $subscriber;

done_testing();
