# Classes of service: what gives way when something is scarce, and what does not.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 3, 'realtime.queue_depth' => 64, 'realtime.upgrade_rate' => 0,
	'realtime.pressure_subscribers' => 0);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE FUNCTION app.echo(what text) RETURNS text LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.wait(what text) RETURNS text LANGUAGE sql AS 'SELECT what FROM pg_advisory_xact_lock_shared(1)';
CREATE FUNCTION app.sheds(class text) RETURNS boolean LANGUAGE sql AS 'SELECT realtime.shed(class)';
CREATE FUNCTION app.list() RETURNS SETOF text STABLE LANGUAGE sql AS $$VALUES ('a')$$;
CREATE TABLE app.told (pressure jsonb, who text);
GRANT ALL ON app.told TO realtime_anonymous;
CREATE FUNCTION app.many(pressure jsonb) RETURNS boolean LANGUAGE sql AS $$
SELECT (pressure ->> 'subscribers')::numeric >= 3 $$;
CREATE FUNCTION app.one_is_busy(pressure jsonb) RETURNS boolean LANGUAGE sql AS $$
SELECT pressure -> 'top_publishers' @> '[{"topic": "open:9"}]' $$;
CREATE TABLE app.row (id int PRIMARY KEY);
GRANT SELECT ON app.row TO realtime_anonymous;
SELECT realtime.admission('low', '{SUBSCRIBERS,PUBLISH_RATE,EXECUTORS,MEMORY}'), realtime.admission('memory', '{MEMORY}'),
	realtime.admission('asked', predicate => 'app.many(jsonb)'), realtime.admission('busy', predicate => 'app.one_is_busy(jsonb)');
SELECT realtime.rpc('app/echo', 'app.echo(text)'), realtime.rpc('app/wait', 'app.wait(text)'), realtime.rpc('app/sheds', 'app.sheds(text)'),
	realtime.rpc('low/echo', 'app.echo(text)', class_of_service => 'low'),
	realtime.rpc('memory/echo', 'app.echo(text)', class_of_service => 'memory'),
	realtime.rpc('busy/echo', 'app.echo(text)', class_of_service => 'busy'),
	realtime.rpc('asked/echo', 'app.echo(text)', class_of_service => 'asked'),
	realtime.stream('low/list', 'low', 'app.list()', merge => 'set', class_of_service => 'low'),
	realtime.channel('low/channel', 'channel:{1}', class_of_service => 'low'),
	realtime.query('low/query', 'SELECT id FROM app.row', class_of_service => 'low'),
	realtime.topic('open:{n}', open => true);
});
wait_for_call($node, 'app/echo', ['x']);

sub set
{
	my ($name, $value) = @_;
	$node->safe_psql('postgres', "ALTER SYSTEM SET realtime.$name = $value");
	$node->reload;
	return;
}
sub reason { return $node->safe_psql('postgres', 'SELECT reason FROM realtime.pressure'); }
my $ws = ws_connect($node);
sub outcome
{
	my ($path, $args, @more) = @_;
	my $answer = ws_call($ws, $path, $args, @more);
	return $answer->{ok} ? 'ok' : $answer->{code};
}
my @stream = (stream => JSON::PP::true);
# Settings reach executors one by one.
sub becomes
{
	my ($expected, $path, @args) = @_;
	return poll_until(sub { my %seen = map { (outcome($path, @args) => 1) } 1 .. 8;
		return keys %seen == 1 && $seen{$expected} });
}

# Nothing is scarce
is(reason(), 'NONE', 'nothing is scarce');
is(outcome($_, ['x']), 'ok', "$_ is answered") for qw(low/echo memory/echo asked/echo);
is(outcome('low/list', [], @stream), 'ok', 'a stream is followed');
is(ws_call($ws, 'app/sheds', ['low'])->{data}, JSON::PP::false, 'a handler need not leave anything out');

# Subscribers
ok(ws_subscribe($ws, "open:$_")->{type} eq 'subscribed', "topic $_") for 1 .. 3;
poll_until(sub { $node->safe_psql('postgres', 'SELECT subscribers >= 3 FROM realtime.pressure') eq 't' });
is(reason(), 'NONE', 'without a limit they are not too many');
is(outcome('asked/echo', ['x']), 'OVERLOADED', 'a function thinks otherwise');
set(pressure_subscribers => 5);
ok(poll_until(sub { $node->safe_psql('postgres', 'SHOW realtime.pressure_subscribers') eq '5' && reason() eq 'NONE' }), 'nor with one that they do not reach');
set(pressure_subscribers => 4);
ok(becomes('OVERLOADED', 'low/echo', ['x']), 'with one that they reach a call of the class is refused');
is(reason(), 'SUBSCRIBERS', 'because they are too many');
is(outcome('low/channel', ['x'], @stream), 'OVERLOADED', 'so is a subscription to a channel');
is(outcome('low/query', [], @stream), 'OVERLOADED', 'and to a query');
is(outcome('low/list', []), 'ok', 'the value alone is not');
is(outcome('memory/echo', ['x']), 'ok', 'other classes are not concerned');
is(outcome('app/echo', ['x']), 'ok', 'nor what has none');
is(ws_call($ws, 'app/sheds', ['low'])->{data}, JSON::PP::true, 'a handler learns of it');
is(ws_call($ws, 'app/sheds', ['unknown'])->{data}, JSON::PP::false, 'a class that is not declared gives way later');
$node->safe_psql('postgres', q{SELECT realtime.publish('low', 'set', '["b"]')});
is(ws_wait($ws, sub { ($_->{topic} // '') eq 'low' })->{data}[0], 'b', 'who is subscribed stays so');
is($node->safe_psql('postgres', q{SELECT realtime.call('low/echo', '["x"]') ->> 'ok'}) || 'true', 'true', 'SQL may call');
set(pressure_subscribers => 0);
ok(becomes('ok', 'low/echo', ['x']), 'and back');

# Events
set(pressure_publish_rate => 1);
ok(poll_until(sub { $node->safe_psql('postgres', q{SELECT realtime.publish('open:9', 'e', '1') FROM generate_series(1, 100)});
	return reason() eq 'PUBLISH_RATE' }), 'events are too many');
ok(poll_until(sub { $node->safe_psql('postgres', q{SELECT realtime.publish('open:' || CASE WHEN i % 4 = 0 THEN 8 ELSE 9 END, 'e', '1') FROM generate_series(1, 400) i});
	return $node->safe_psql('postgres', q{SELECT string_agg(t.value ->> 'topic', ' ' ORDER BY t.ordinality) FROM realtime.pressure,
		jsonb_array_elements(top_publishers) WITH ORDINALITY t}) eq 'open:9 open:8' }), 'and it is known of which topics');
ok(poll_until(sub { $node->safe_psql('postgres', q{SELECT realtime.publish('open:9', 'e', '1') FROM generate_series(1, 400) i});
	return outcome('busy/echo', ['x']) eq 'OVERLOADED' }), 'a function that decides knows it, too');
set(pressure_publish_rate => 0);

# Executors
set(pressure_executors => 2);
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my @busy = map { ws_connect($node) } 1, 2;
ws_send($_, { rpc => 'app/wait', id => 'w', args => ['x'] }) for @busy;
ok(poll_until(sub { reason() eq 'EXECUTORS' }), 'executors are scarce');
ok(becomes('OVERLOADED', 'low/echo', ['x']), 'the class gives way');
is(ws_call($ws, 'app/sheds', ['unknown'])->{data}, JSON::PP::true, 'and so does one that is not declared');
is(outcome('memory/echo', ['x']), 'ok', 'but not one for another reason');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;
ws_wait($_, sub { ($_->{event} // '') eq 'w' }) for @busy;
set(pressure_executors => 0);

# Memory
set(pressure_memory => 1);
my $long = ws_connect($node);
ok(ws_subscribe($long, "open:x$_")->{type} eq 'subscribed', 'subscribed') for 1;
is(outcome('memory/echo', ['x']), 'ok', 'there is memory');
set(gateway_memory => q{'4MB'});
my $half = 'x' x 400_000;
ws_raw($long, substr ws_frame('text', qq({"rpc":"app/echo","id":"l","args":["$half"]})), 0, 300_000);
ok(poll_until(sub { reason() eq 'MEMORY' }), 'there is little left');
ok(becomes('OVERLOADED', 'memory/echo', ['x']), 'and the class gives way');
close $long->{socket};
ok(becomes('ok', 'memory/echo', ['x']), 'until there is more');

# Without the class nothing gives way
set(pressure_subscribers => 1);
ok(becomes('OVERLOADED', 'low/echo', ['x']), 'a class gives way');
$node->safe_psql('postgres', q{SELECT realtime.admission('low')});
ok(becomes('ok', 'low/echo', ['x']), 'one that is removed does not');
$node->safe_psql('postgres', q{DROP FUNCTION app.many(jsonb) CASCADE});
ok(becomes('ok', 'asked/echo', ['x']), 'nor one whose function is gone');
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing has crashed');

done_testing();
