# Topics of class replay keep what they should and no more, and their numbers
# go on whatever is removed.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeLife;
use RealtimeTest;

my $node = new_node('realtime.cleanup_interval' => 0);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub counter { return sql("SELECT $_[0] FROM realtime.stat_scheduler"); }

# Count, oldest and newest number, and whether the newest is a lost mark.
sub kept
{
	my ($topic) = @_;
	return sql("SELECT count(*), min(seq), max(seq), bool_or(event IS NULL) FROM realtime.replay_message WHERE topic = '$topic'");
}

sub set
{
	my ($name, $value) = @_;
	sql("ALTER SYSTEM SET $name = '$value'");
	sql('SELECT pg_reload_conf()');
	return;
}

sub publish
{
	my ($topic, $times) = @_;
	sql("SELECT realtime.publish('$topic', 'e', to_jsonb(g)) FROM generate_series(1, $times) g");
	return;
}

# A hot topic, by hints alone
sql(q{SELECT realtime.topic('hot', class => 'replay', replay_size => 100),
	realtime.topic('few', class => 'replay', replay_size => 100)});
publish('few', 50);
{
	my $most = 0;
	for (1 .. 80)
	{
		publish('hot', 250);
		my $rows = sql(q{SELECT count(*) FROM realtime.replay_message WHERE topic = 'hot'});
		$most = $rows if $rows > $most;
	}
	cmp_ok($most, '<=', 15000, '20,000 events of a topic that keeps 100 are removed as they come');
	ok(poll_until(sub { (split /\|/, kept('hot'))[0] <= 164 }), 'down to what is between hints');
	like(kept('hot'), qr/^\d+\|\d+\|20000\|f$/, 'of which the newest is the last');
	is(kept('few'), '50|1|50|f', 'a topic that has less keeps all');
	ok(poll_until(sub { counter('trimmed') >= 20000 - 164 }), 'removed rows are counted');
}

# More topics than there is room for hints while nobody takes them, and a
# scheduler that has never heard of them
sql(q{SELECT realtime.topic('t:{n}', class => 'replay', replay_size => 1)});
{
	my ($scheduler) = worker_pids($node, 'scheduler');
	kill 'STOP', $scheduler;
	sql(qq{SELECT realtime.publish('t:' || t, 'e', '1') FROM generate_series(1, 700) t, generate_series(1, 70)});
	is(sql(q{SELECT count(*) FROM realtime.replay_message WHERE topic LIKE 't:%'}), 49000,
		'while the scheduler stands still everything is kept');
	kill 'CONT', $scheduler;
	my $left = q{SELECT count(*) FROM realtime.replay_message WHERE topic LIKE 't:%'};
	ok(poll_until(sub { sql($left) <= 49000 - 200 * 69 }), 'then hints are followed');
	cmp_ok(sql($left), '>', 700, 'but some were lost');
	set('realtime.cleanup_interval', '100ms');
	ok(poll_until(sub { sql($left) == 700 }), 'which a pass makes good');
	like(kept('t:699'), qr/^1\|70\|70\|f$/, 'for each topic');
	my $passes = counter('passes');
	ok(poll_until(sub { counter('passes') > $passes + 1 }), 'passes are repeated');
	ok(poll_until(sub { kept('hot') eq '100|19901|20000|f' }), 'and are exact');
}

# Age
sql(q{SELECT realtime.topic(t, class => 'replay', replay_ttl => '1 hour') FROM unnest('{aging,young}'::text[]) t});
publish($_, 5) for 'aging', 'young';
is(sql(q{SELECT count(event) FROM realtime.replay('aging', 0)}), 5, 'what is young is kept');
sql(q{SELECT realtime.topic('aging', class => 'replay', replay_ttl => '500 ms')});
ok(poll_until(sub { kept('aging') eq '1|5|5|t' }),
	'of what is old the newest is left, as a mark that something was lost');
is(kept('young'), '5|1|5|f', 'other topics keep theirs');
is(sql(q{SELECT realtime.seq('aging')}), 5, 'the newest number is known');
publish('aging', 1);
is(sql(q{SELECT realtime.seq('aging')}), 6, 'and numbers go on');
ok(poll_until(sub { kept('aging') eq '1|6|6|t' }), 'that one ages, too');
publish('aging', 1500);
ok(poll_until(sub { kept('aging') eq '1|1506|1506|t' }), 'and many at once');

# Who holds the lock of a topic, as publishers do, is not waited for.
sql(q{SELECT realtime.topic('held', class => 'replay', replay_ttl => '1 hour')});
publish('held', 1);
{
	my $holder = $node->background_psql('postgres');
	$holder->query_safe(q{BEGIN; SELECT realtime.clear_replay('held')});
	sql(q{SELECT realtime.topic('held', class => 'replay', replay_ttl => '1 ms')});
	my ($passes, $errors) = (counter('passes'), counter('errors'));
	ok(poll_until(sub { counter('passes') > $passes + 2 }), 'passes go on while the lock of a topic is held');
	is(counter('errors'), $errors, 'without an error');
	is(kept('held'), '1|1|1|f', 'the newest number is left alone');
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	ok(poll_until(sub { kept('held') eq '1|1|1|t' }), 'until the lock is free');
}

# A smaller size
sql(q{SELECT realtime.topic('young', class => 'replay', replay_size => 2)});
ok(poll_until(sub { kept('young') eq '2|4|5|f' }), 'a smaller size counts for what is there');

# Who locks the table does not keep notifications from being read.
{
	my $position = log_position($node);
	my $errors = counter('errors');
	my $locker = $node->background_psql('postgres');

	sql(q{SELECT realtime.bridge('channel', topic => 'bridged')});
	ok(poll_until(sub { counter('bridges') == 1 }), 'with a bridge');
	$locker->query_safe('BEGIN; LOCK TABLE realtime.replay_message');
	ok(poll_until(sub { counter('errors') > $errors }), 'somebody has locked the table');
	my $before = counter('notifications');
	sql(q{NOTIFY channel, 'x'});
	ok(poll_until(sub { counter('notifications') > $before }, soon()), 'notifications are read');
	ok(poll_until(sub { counter('errors') > $errors + 1 }), 'retention tries again');
	is(count_in_log($node, qr/ERROR:.*lock timeout/, $position), 1, 'and complains once');
	$locker->query_safe('COMMIT');
	$locker->quit;
	publish('young', 3);
	ok(poll_until(sub { kept('young') eq '2|7|8|f' }), 'then it goes on');
}

# The next scheduler begins with a pass.
set('realtime.cleanup_interval', '1h');
{
	my ($victim) = worker_pids($node, 'scheduler');
	kill 'STOP', $victim;
	publish('young', 3);
	kill 'TERM', $victim;
	kill 'CONT', $victim;
	ok(replaced($node, 'scheduler', [$victim]), 'the scheduler is replaced');
	ok(poll_until(sub { kept('young') eq '2|10|11|f' }), 'and looks at all topics');
}

# A topic that is not of class replay any more; and rows of an epoch that has
# ended with it
set('realtime.cleanup_interval', '100ms');
sql(q{SELECT realtime.topic('few')});
ok(poll_until(sub { kept('few') eq '1|50|50|f' }),
	'a topic that is not of class replay any more keeps its newest number');
publish('young', 1);
ok(poll_until(sub { kept('young') =~ /^1\|(\d+)\|\1\|f$/ && $1 > 11 }),
	'nobody can resume from what was before: it is removed');

$node->stop('fast');
no_crash($node);

done_testing();
