# Warnings for developers: busy topics and silent ones.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife qw(count_in_log log_position no_crash);
use RealtimeTest;

my $node = new_node(
	'realtime.silent_topic_warning' => '1h',
	'realtime.silent_topic_suppress' => '"alarm:{building}", maintenance',
	'realtime.publish_rate_warning' => 10,
	'realtime.publish_rate_interval' => '1s');

$node->safe_psql('postgres', q{
SELECT realtime.topic(t, open => true)
FROM unnest(ARRAY['news', 'early', 'later', 'live', 'busy', 'alarm:{building}', 'maintenance', 'prices']) t;
SELECT realtime.topic('pointer:{x}', class => 'volatile', open => true);
SELECT realtime.channel('app/prices', 'prices', coalesce_by => 'id');
});

sub silent { return qr/WARNING:  nothing has been published on topic "\Q$_[0]\E"/; }
sub busy { return qr/WARNING:  topic "\Q$_[0]\E" has \d+ events per second/; }

# Changes a setting.
sub set
{
	my ($what) = @_;
	$node->append_conf('postgresql.conf', "realtime.$what");
	$node->reload;
	return;
}

# Waits for a line of the log.
sub warned
{
	my ($line, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { count_in_log($node, $line) }), $what);
	return;
}

# Publishes so many events that the rate is high whatever the machine does.
sub publish_many
{
	$node->safe_psql('postgres', q{
SELECT realtime.publish('busy', 'e', to_jsonb(n)), realtime.publish('pointer:1', 'e', to_jsonb(n)),
	realtime.publish('prices', 'e', jsonb_build_object('id', n % 7))
FROM generate_series(1, 3000) n;
SELECT realtime.publish('live', 'end')});
	return;
}

# In production nobody is warned of anything.
my $ws = ws_connect($node);
ok(poll_until(sub { ws_subscribe($ws, 'early')->{type} eq 'subscribed' }), 'subscribed');
ws_subscribe($ws, $_) for 'live', 'busy', 'pointer:1', 'alarm:north', 'maintenance';
ok(ws_call($ws, 'app/prices', [], stream => JSON::PP::true)->{ok}, 'a channel whose events give way to newer ones');
publish_many();
ws_wait($ws, sub { ($_->{topic} // '') eq 'live' });

# Busy topics; who was there before the settings changed is watched as well.
set('mode = development');
is(count_in_log($node, qr/WARNING:  (nothing|topic)/), 0, 'no warning in production');
my $position = log_position($node);
ok(poll_until(sub { publish_many(); count_in_log($node, busy('busy')) }),
	'development: a topic with many events is warned of');
is(count_in_log($node, busy('pointer:1')), 0, 'a volatile one is not');
is(count_in_log($node, busy('prices')), 0, 'nor one with coalesce_by');
like(slurp_file($node->logfile, $position), qr/HINT:  .*volatile.*coalesce_by.*throttle/, 'with a hint');
is(count_in_log($node, silent('early')), 0, 'it is too early to call a topic silent');

# Silent topics
$position = log_position($node);
set('silent_topic_warning = 1ms');
warned(silent('early'), 'a topic that is silent is warned of');
ws_subscribe($ws, 'news');
warned(silent('news'), 'so is a new one');
is(count_in_log($node, qr/on topic "(alarm:north|maintenance)"/), 0,
	'but none that is suppressed, by name or by template');
like(slurp_file($node->logfile, $position),
	qr/HINT:  .*realtime\.check\(\).*realtime\.silent_topic_suppress/, 'with a hint');

# Once, and never once there was an event
ws_send($ws, { type => 'unsubscribe', topic => $_ }) for 'news', 'live', 'busy';
publish_many();
ws_subscribe($ws, $_) for 'news', 'live', 'busy', 'later';
warned(silent('later'), 'another one');
set("silent_topic_suppress = ''");
warned(silent('alarm:north'), 'what is no longer suppressed is warned of');
is(count_in_log($node, silent('news')), 1, 'a silent topic is warned of once');
is(count_in_log($node, busy('busy')), 1, 'so is a busy one');
is(count_in_log($node, silent($_)), 0, "\"$_\", once live, is never called silent")
  for 'live', 'busy', 'pointer:1';

# A live query whose rows do not change
$node->safe_psql('postgres', q{
CREATE TABLE still (id integer PRIMARY KEY);
GRANT SELECT ON still TO PUBLIC;
SELECT realtime.query('still/rows', 'SELECT id FROM still')});
ok(poll_until(sub { my $reply = ws_call($ws, 'still/rows', [], stream => JSON::PP::true); $reply->{ok} }), 'a live query is followed');
ws_subscribe($ws, 'alarm:south');
warned(silent('alarm:south'), 'what has been subscribed after it is silent');
is(count_in_log($node, qr/nothing has been published on topic "(query:|__)/), 0, 'it is not: nobody publishes there');

# A template that is none
my ($rc, $out, $err) = $node->psql('postgres',
	"ALTER SYSTEM SET realtime.silent_topic_suppress = 'a, {b'");
like($err, qr/ERROR:  invalid value .*\n.*DETAIL:  .*"\{b" contains a brace/,
	'a bad template is refused');

$node->stop('fast');
no_crash($node);
done_testing();
