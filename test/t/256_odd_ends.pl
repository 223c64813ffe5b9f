# What an error has passed through is as good as new the next time: functions in SQL
# that end in their middle, whatever they are for.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1, 'realtime.max_executors' => 4);
sub sql { return $node->safe_psql('postgres', $_[0]); }

# Each of them has a statement before and one behind the one that fails.
sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE SEQUENCE app.times;
CREATE TABLE app.log (what text);
CREATE TABLE app.state (fails boolean);
INSERT INTO app.state VALUES (false);
GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;
GRANT ALL ON ALL SEQUENCES IN SCHEMA app TO PUBLIC;
CREATE FUNCTION app.fail(always boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF always AND NOT (SELECT fails FROM app.state) THEN RETURN; END IF;
	IF always THEN RAISE 'on purpose'; END IF;
	IF nextval('app.times') % 2 = 1 THEN RAISE serialization_failure; END IF;
END $$;
CREATE FUNCTION app.retried(n integer) RETURNS integer LANGUAGE sql AS $$
	INSERT INTO app.log VALUES ('retried'); SELECT app.fail(); SELECT n + 1 $$;
CREATE FUNCTION app.key(n integer) RETURNS text LANGUAGE sql AS $$ SELECT 1; SELECT app.fail(true); SELECT n::text $$;
CREATE FUNCTION app.may(n integer) RETURNS boolean LANGUAGE sql AS $$ SELECT 1; SELECT app.fail(true); SELECT true $$;
CREATE FUNCTION app.is_open(topic text) RETURNS boolean LANGUAGE sql AS $$ SELECT 1; SELECT app.fail(true); SELECT true $$;
CREATE FUNCTION app.echo(n integer) RETURNS integer LANGUAGE sql AS $$ SELECT n $$;
CREATE FUNCTION app.parts(n integer) RETURNS jsonb LANGUAGE sql AS $$
	INSERT INTO app.log VALUES ('parts'); SELECT realtime.with_lock('key', 'app.echo(integer)', jsonb_build_array(n)); SELECT to_jsonb(n + 1) $$;
CREATE FUNCTION app.work(payload jsonb) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.log VALUES ('begun'); SELECT app.fail(true); INSERT INTO app.log VALUES ('worked') $$;
SELECT realtime.rpc('app/retried', 'app.retried(integer)'), realtime.rpc('app/echo', 'app.echo(integer)'),
	realtime.rpc('app/named', 'app.echo(integer)', lock_key => 'app.key(integer)'),
	realtime.rpc('app/guarded', 'app.echo(integer)', guard => '{app.may(integer)}'),
	realtime.rpc('app/parts', 'app.parts(integer)'),
	realtime.topic('open', access => 'app.is_open(text)'),
	realtime.queue('works', 'app.work(jsonb)', max_attempts => 100, backoff => '1 ms', max_backoff => '1 ms');
});
wait_for_call($node, 'app/echo', [1]);
my $ws = ws_connect($node);
sub outcome { my $reply = ws_call($ws, @_); return $reply->{ok} ? $reply->{data} : $reply->{code}; }
sub set_failing { sql("UPDATE app.state SET fails = $_[0]"); return; }

is(outcome('app/retried', [$_]), $_ + 1, 'a call that is tried again') for 1 .. 3;
is(sql(q{SELECT count(*) FROM app.log WHERE what = 'retried'}), 3, 'counts once each');

for (['app/named', 'INTERNAL_ERROR'], ['app/guarded', 'UNAUTHENTICATED'])
{
	my ($path, $failure) = @$_;

	is(outcome($path, [1]), 1, "$path: it works");
	set_failing('true');
	is(outcome($path, [2]), $failure, "$path: it fails") for 1, 2;
	set_failing('false');
	is(outcome($path, [$_]), $_, "$path: it works again") for 3, 4;
}

sub verdict
{
	ws_send($ws, { type => 'unsubscribe', topic => 'open' });
	ws_send($ws, { type => 'subscribe', topic => 'open', ref => ++$ws->{refs} });
	return ws_wait($ws, sub { ($_->{type} // '') =~ /^subscribe/ && $_->{ref} == $ws->{refs} })->{type};
}
is(verdict(), 'subscribed', 'a topic');
set_failing('true');
is(verdict(), 'subscribe-denied', 'whose function fails') for 1, 2;
set_failing('false');
is(verdict(), 'subscribed', 'and works again') for 1, 2;

# One that has to wait for a key is given up in its middle, and begins anew.
my $holder = $node->background_psql('postgres', on_error_stop => 1);
for my $n (1, 2)
{
	$holder->query_safe(q{BEGIN; SELECT realtime.with_lock('key', 'app.echo(integer)', '[0]')});
	ws_send($ws, { rpc => 'app/parts', id => "p$n", args => [$n] });
	ok(poll_until(sub { sql(q{SELECT current FROM realtime.limits WHERE name = 'max_lock_waiters'}) == 1 }), 'a call waits for a key');
	$holder->query_safe('COMMIT');
	is(ws_wait($ws, sub { ($_->{event} // '') eq "p$n" })->{data}{data}, $n + 1, 'and runs from its beginning');
}
$holder->quit;

set_failing('true');
sql(q{SELECT realtime.enqueue('works')});
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.jobs WHERE attempts >= 2}) == 1 }), 'a job that fails');
set_failing('false');
ok(poll_until(sub { sql(q{SELECT string_agg(what, ' ') FROM app.log WHERE what IN ('begun', 'worked')}) eq 'begun worked' }), 'until it does not');

done_testing();
