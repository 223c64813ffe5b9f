# What metrics tell of what functions ask for and the server does by itself: how often,
# with what result, and what waits.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $true = JSON::PP::true;
my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.max_executors' => 3, 'realtime.gateways' => 2, 'realtime.upgrade_rate' => 0,
	'realtime.jwt_secret' => $secret, 'realtime.attribute_claims' => 'org', 'log_statement' => 'none');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE TABLE app.setting (closed boolean);
INSERT INTO app.setting VALUES (false);
GRANT SELECT ON app.setting TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text LANGUAGE sql AS 'SELECT realtime.user_id()';
CREATE FUNCTION app.wait() RETURNS text LANGUAGE sql AS $$SELECT 'done' FROM pg_advisory_xact_lock_shared(1)$$;
CREATE FUNCTION app.key() RETURNS text LANGUAGE sql AS $$SELECT 'key'$$;
CREATE FUNCTION app.enter(name text) RETURNS boolean LANGUAGE sql AS 'SELECT realtime.group_join(name)';
CREATE FUNCTION app.quit(name text) RETURNS boolean LANGUAGE sql AS 'SELECT realtime.group_leave(name)';
CREATE FUNCTION app.gives_way() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT closed FROM app.setting';
CREATE FUNCTION app.rows(n integer) RETURNS TABLE (id integer) STABLE LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION app.derive() RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '1'::jsonb$$;
CREATE FUNCTION app.act(topic text, event text, data jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF data = '"bad"' THEN RAISE 'no'; END IF; END $$;
CREATE FUNCTION app.work(payload jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN IF payload = '"bad"' THEN RAISE 'no'; END IF; END $$;
SELECT realtime.admission('low', predicate => 'app.gives_way()');
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/once', 'app.wait()', idempotent => true), realtime.rpc('app/locked', 'app.wait()', lock_key => 'app.key()', lock_wait => '50 ms'),
	realtime.rpc('app/enter', 'app.enter(text)'), realtime.rpc('app/quit', 'app.quit(text)'), realtime.rpc('app/low', 'app.me()', class_of_service => 'low'),
	realtime.group('few', max_members => 1),
	realtime.topic('kept', class => 'replay', open => true), realtime.topic('plain', open => true),
	realtime.stream('app/rows', 'rows:{n}', 'app.rows(integer)'), realtime.stream('app/others', 'others:{n}', 'app.rows(integer)'),
	realtime.derived('app/derived', '{source}', 'app.derive()'), realtime.aggregate('app/sum', 'source', 'sum', realtime.reducer('n', 'count(*)')),
	realtime.effect('app/effect', '{source}', 'app.act(text,text,jsonb)'),
	realtime.queue('work', 'app.work(jsonb)', max_attempts => 1), realtime.queue('idle', 'app.work(jsonb)', active => false), realtime.queue('taken', max_attempts => 1);
});
wait_for_call($node, 'app/me', []);
sub sql { return $node->safe_psql('postgres', $_[0]); }

# The sum of samples, as "value"; or of each value of a label
sub metric { my ($name, %labels) = @_; return sql(sprintf q{SELECT coalesce(sum(value), 0) FROM realtime.metrics() WHERE name = 'realtime_%s' AND labels @> '%s'}, $name, encode_json(\%labels)); }
sub by { my ($label, $name) = @_; return sql("SELECT string_agg(labels->>'$label' || ':' || value, ' ' ORDER BY labels->>'$label') FROM realtime.metrics() WHERE name = 'realtime_$name'"); }
sub becomes { my ($expected, $what, @asked) = @_; my $got; poll_until(sub { ($got = $asked[0] eq 'by' ? by(@asked[ 1, 2 ]) : metric(@asked)) eq $expected }); return is($got, $expected, $what); }
sub be
{
	my ($who, %more) = @_;
	my $ws = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => $who, %more }, secret => $secret) });
	ws_call($ws, 'app/me', []);
	return $ws;
}
my $held = $node->background_psql('postgres', on_error_stop => 1);

# To users: both gateways have somebody
my @all;
push @all, be('ann', org => 'acme') until sql('SELECT min(connections) FROM realtime.stat_gateway') > 0 && @all >= 2;
my $count = @all;
sql(q{SELECT realtime.signal('ann', 's'), realtime.send('ann', 'plain', 'e', '1'), realtime.send('nobody', 'plain', 'e', '1'), realtime.notify('nobody', 'n')});
becomes('dropped:0 not_found:2 ok:' . ($count + 1), 'messages to users, of each connection', by => 'result', 'push_sends_total');
sql(q{SELECT realtime.send_coalesced('ann', 'k', 'plain', 'e', '1'), realtime.send_coalesced('nobody', 'k', 'plain', 'e', '1')});
becomes('dropped:0 not_found:1 replaced:0 sent:1', 'those of which the newest counts', by => 'result', 'push_coalesced_total');
sql(qq{SELECT realtime.send_to('{"org": "$_"}', 'plain', 'e', '1')}) for qw(acme none acme other);
$node->psql('postgres', q{SELECT realtime.send_to('[]', 'plain', 'e')});
becomes('empty:2 error:1 ok:2', 'whoever has something in common: once each, however many gateways there are', by => 'result', 'push_sendto_total');
is(metric('push_registry_size'), $count, 'who can be reached');

# Groups
is(ws_call($all[0], 'app/enter', ['few'])->{data}, $true, 'a group');
ok(!ws_call($all[1], 'app/enter', ['few'])->{data}, 'is full');
sql(q{SELECT realtime.group_publish('few', 'e', '1')});
ws_call($all[0], 'app/quit', ['few']);
is(join(' ', map { "$_:" . metric("group_${_}_total") } qw(joins joins_rejected publishes leaves)), 'joins:1 joins_rejected:1 publishes:1 leaves:1', 'groups');

# Keys of calls
$held->query_safe('SELECT pg_advisory_lock(1)');
ws_send($all[$_], { rpc => 'app/once', id => "o$_", args => [], idempotencyKey => 'k' }) for 0, 1;
becomes(1, 'a twin waits', 'lock_awaited_total');
$held->query_safe('SELECT pg_advisory_unlock(1)');
ws_wait($all[0], sub { ($_->{event} // '') eq 'o0' });
ws_wait($all[1], sub { ($_->{event} // '') eq 'o1' });
ws_send($all[0], { rpc => 'app/once', id => 'o2', args => [], idempotencyKey => 'k' });
ws_wait($all[0], sub { ($_->{event} // '') eq 'o2' });
is(join(' ', map { "$_:" . metric("idempotency_${_}_total") } qw(acquired hits pending commits)), 'acquired:1 hits:1 pending:1 commits:1', 'calls that happen once');
sql(q{SELECT realtime.idempotency_acquire('app/own', 'k')}) for 1, 2;
sql(q{SELECT realtime.idempotency_acquire('app/own', 'brief', '0')});
is(join(' ', map { "$_:" . metric("idempotency_${_}_total") } qw(acquired hits commits)), 'acquired:3 hits:2 commits:2', 'and what functions do once');
$held->query_safe('SELECT pg_advisory_lock(1)');
ws_send($all[$_], { rpc => 'app/locked', id => "l$_", args => [] }) for 0, 1;
becomes(1, 'who waits for too long', 'lock_acquire_timeouts_total');
$held->query_safe('SELECT pg_advisory_unlock(1)');
cmp_ok(metric('lock_acquired_total'), '>=', 2, 'keys that were taken');

# Limiters, classes of service
sql(q{SELECT realtime.consume('l', 1, '1 h', key => 'a'), realtime.consume('l', 1, '1 h', key => 'a', block => '1 h'), realtime.limiter_ban('l', 'b')});
is(by('result', 'limiter_total') . ' bans:' . metric('ratelimit_bans_total'), 'allowed:1 denied:1 bans:2', 'what functions limit');
ws_call($all[0], 'app/low', []) for 1 .. 3;
sql('UPDATE app.setting SET closed = true');
is(ws_call($all[0], 'app/low', [])->{code}, 'OVERLOADED', 'a class gives way');
is(by('class', 'admission_accepted_total') . ' ' . by('class', 'admission_rejected_total'), 'low:3 low:1', 'is counted');

# Events that are kept
sql(q{SELECT realtime.publish('kept', 'x', '1') FROM generate_series(1, 3)});
is(metric('replay_publishes_total'), 3, 'events that are kept');
ws_subscribe($all[0], 'kept');
ws_send($all[0], { type => 'replay', topic => 'kept', since => 1, reqId => 1 });
ok(ws_wait($all[0], sub { ($_->{topic} // '') eq '__replay:kept' && $_->{event} eq 'end' }), 'read again');
cmp_ok(metric('replay_messages_replayed_total') + metric('replay_truncations_total'), '>', 0, 'is counted');

# Who follows what
ws_call($_, 'app/rows', [1], stream => $true) for @all[ 0, 1 ];
ws_call($all[0], 'app/rows', [2], stream => $true);
ws_call($all[0], 'app/others', [1], stream => $true);
ws_call($all[0], 'app/derived', [], stream => $true);
becomes('app/derived:1 app/others:1 app/rows:3', 'subscriptions by path', by => 'path', 'stream_subscriptions');
ws_send($all[0], { type => 'unsubscribe', topic => 'rows:2' });
becomes('app/derived:1 app/others:1 app/rows:2', 'one less', by => 'path', 'stream_subscriptions');
is(metric('subscriptions') - metric('stream_subscriptions'), 1, 'and by name');
sql('SELECT realtime.stat_reset_handler()');
is(metric('stream_subscriptions', path => 'app/rows'), 2, 'what is so now is not reset');

# What the server does by itself
sql(q{SELECT realtime.publish('source', 'x', '1') FROM generate_series(1, 5)});
sql(q{SELECT realtime.publish('source', 'x', '"bad"')});
becomes(6, 'an aggregate takes events', 'intake_events_total', path => 'app/sum');
becomes('error:1 ok:5', 'an effect is run for each', by => 'status', 'effect_total');
is(metric('effect_errors_total', path => 'app/effect'), 1, 'one fails');
is(metric('effect_duration_seconds_count', path => 'app/effect'), 6, 'how long it takes');
ok(metric('aggregate_total', path => 'app/sum', status => 'ok') >= 1, 'aggregates');
ok(poll_until(sub { metric('stream_reload_total', path => 'app/derived', status => 'ok') >= 1 }), 'a derived value is loaded anew');
ok(metric('stream_reload_duration_seconds_sum', path => 'app/derived') > 0, 'in some time');
sql(q{SELECT realtime.enqueue('work', '1'), realtime.enqueue('work', '"bad"'), realtime.enqueue('idle') FROM generate_series(1, 2)});
becomes('error:2 ok:2', 'jobs', by => 'status', 'job_total');
is(sql(q{SELECT count(*) FROM realtime.enqueue('taken') AS id}), 1, 'one for a session');
is(sql(q{SELECT realtime.fail_job(id) FROM realtime.take_jobs('taken')}), 'dead', 'which fails');
is(join(' ', map { "$_:" . metric("jobs_${_}_total") } qw(enqueued taken finished failed dead)), 'enqueued:7 taken:1 finished:0 failed:1 dead:3', 'what became of them');
ok(poll_until(sub { (by('path', 'job_waiting') // '') eq 'idle:2 taken:0 work:0' }), 'what waits') or diag by('path', 'job_waiting');
ok(metric('job_oldest_seconds', path => 'idle') > 0, 'for how long');
is(by('path', 'job_dead'), 'idle:0 taken:1 work:2', 'what has failed for good');
is(by('path', 'intake_waiting'), 'app/effect:0 app/sum:0', 'events that wait');
# jobs cannot be counted now, events can
$held->query_safe('BEGIN; LOCK TABLE realtime.job_finished');
sql(q{ALTER SYSTEM SET realtime.intake = off});
$node->reload;
ok(poll_until(sub { sql(q{SELECT realtime.publish('source', 'x', '1'); SELECT count(*) FROM realtime.intake}) > 4 }), 'nobody takes any');
ok(poll_until(sub { metric('intake_waiting', path => 'app/sum') > 2 && metric('intake_oldest_seconds', path => 'app/sum') > 0 }), 'which is seen');
is(by('path', 'job_waiting'), '', 'what cannot be counted is not told');
$held->query_safe('ROLLBACK');

# How connections end, and a gateway
my $closed = metric('connections_closed_total', code => '1000');
ws_close(ws_connect($node));
becomes($closed + 1, 'connections end with a code', 'connections_closed_total', code => '1000');
ws_raw(my $wrong = ws_connect($node), "\x81\x01x");
is(ws_close_code($wrong), 1002, 'one that speaks another protocol');
becomes(1, 'with its own', 'connections_closed_total', code => '1002');
kill TERM => split /\n/, sql('SELECT pid FROM realtime.stat_gateway');
becomes(0, 'subscriptions end with their gateway', 'stream_subscriptions');
no_crash($node);

$held->quit;
$node->stop;
done_testing();
