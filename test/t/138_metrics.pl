# GET /metrics and realtime.metrics_text(): what they say, in both formats, as a
# parser understands it that is not ours; and who may read it.
use strict;
use warnings;

use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeMetrics;
use RealtimeSession;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $open_type = 'application/openmetrics-text';
my $node = new_node('realtime.gateways' => 2, 'realtime.executors' => 2, 'realtime.max_connections' => 50,
	'realtime.listen_addresses' => '*', 'realtime.allowed_hosts' => 'app.example.com', 'realtime.jwt_secret' => $secret,
	'realtime.presence_grace' => 0);
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.echo(what integer) RETURNS integer LANGUAGE sql AS 'SELECT what';
CREATE FUNCTION app.fail(code text) RETURNS void LANGUAGE sql AS 'SELECT realtime.raise(code)';
CREATE FUNCTION app.down() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'gone' USING ERRCODE = '08006'; END $$;
CREATE FUNCTION app.me() RETURNS text LANGUAGE sql AS 'SELECT realtime.user_id()';
CREATE FUNCTION app.enter(room text) RETURNS void LANGUAGE sql AS 'SELECT realtime.presence_join(room)';
CREATE FUNCTION app.wait() RETURNS void LANGUAGE sql AS 'SELECT FROM pg_advisory_xact_lock_shared(1)';
SELECT realtime.rpc('app/echo', 'app.echo(integer)'), realtime.rpc('app/fail', 'app.fail(text)'),
	realtime.rpc('app/wait', 'app.wait()'), realtime.topic('chat', open => true),
	realtime.breaker(E'a"b\\\\c', 1, '1 h'), realtime.rpc('app/broken', 'app.down()', breaker => E'a"b\\\\c'),
	realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/enter', 'app.enter(text)'),
	realtime.rpc('app/limited', 'app.echo(integer)', rate_limit => 1, rate_window => '1 h');
});
wait_for_call($node, 'app/echo', [0]);
my @ws = map { ws_connect($node) } 1 .. 6;

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub scrape
{
	my ($format, %headers) = @_;
	my ($status, $got, $body) = http_request($node, 'GET /metrics', Accept => $format eq 'open' ? $open_type : '*/*', %headers);
	die "status $status: $body" if $status != 200;
	return parse_metrics($body, $format);
}
sub status { my (@request) = @_; return (http_request($node, @request))[0]; }

sql('SELECT realtime.stat_reset_handler()');
ws_call($ws[$_], 'app/echo', [1]) for 0 .. 5;
ws_call($ws[0], 'app/fail', ['FORBIDDEN']);
ws_call($ws[0], 'app/fail', ['SOLD_OUT']);
ws_call($ws[0], 'app/broken', []) for 1 .. 2;
ws_call($ws[0], 'app/limited', [1]) for 1 .. 3;
ws_subscribe($_, 'chat') for @ws;
sql(q{SELECT realtime.publish('chat', 'hello', '1')});
ws_wait($_, sub { ($_->{topic} // '') eq 'chat' }) for @ws;

# one scrape, from whichever gateway, has all of it
for my $format (qw(text open))
{
	my $m = scrape($format);

	is(metric($m, 'realtime_rpc_total', path => 'app/echo', status => 'ok'), 6, "$format: calls by path");
	is(metric($m, 'realtime_rpc_total', path => 'app/fail', status => 'error'), 2, "$format: and those that failed");
	is(metric($m, 'realtime_rpc_errors_total', path => 'app/fail', code => 'FORBIDDEN'), 1, "$format: errors by code");
	is(metric($m, 'realtime_rpc_errors_total', path => 'app/fail', code => 'CUSTOM'), 1, "$format: codes of their own together");
	is(metric($m, 'realtime_rpc_duration_seconds_count', path => 'app/echo'), 6, "$format: times by path");
	ok(metric($m, 'realtime_rpc_duration_seconds_sum', path => 'app/echo') > 0, "$format: with their sum");
	is(metric($m, 'realtime_connections'), 6, "$format: connections of all gateways");
	is(metric($m, 'realtime_connections_limit'), 50, "$format: and how many there can be");
	is(metric($m, 'realtime_subscriptions'), 6, "$format: subscriptions");
	is(metric($m, 'realtime_events_delivered_total'), 6, "$format: events delivered");
	is(metric($m, 'realtime_gateway_up', gateway => $_), 1, "$format: gateway $_ is there") for 0, 1;
	is(metric($m, 'realtime_ratelimit_denied_total', path => 'app/limited'), 2, "$format: calls over a limit");
	is(metric($m, 'realtime_breaker_broken', breaker => 'a"b\\c'), 1, "$format: a breaker with a name that has to be escaped");
	is(metric($m, 'realtime_breaker_trips_total', breaker => 'a"b\\c'), 1, "$format: how often it broke");
	is(metric($m, 'realtime_ready'), 1, "$format: ready");
	ok(metric($m, 'realtime_queue_wait_seconds_count') >= 6, "$format: waiting for executors");
	is(metric($m, 'realtime_build_info', version => sql(q{SELECT extversion FROM pg_extension WHERE extname = 'realtime'})), 1,
		"$format: version");
	my %signal = (latency => 'realtime_rpc_duration_seconds_count', traffic => 'realtime_rpc_total', saturation => 'realtime_executors');
	is_deeply([ grep { !metric($m, $signal{$_}) } sort keys %signal ], [], "$format: latency, traffic, saturation");
	cmp_ok(metric($m, 'realtime_rpc_errors_total'), '>=', 4, "$format: errors");
	is($m->{families}{realtime_sent_bytes}{unit} // '', $format eq 'open' ? 'bytes' : '', "$format: units");
}

# Questions to clients
my $ann = ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => 'ann' }, secret => $secret) });
is(ws_call($ann, 'app/me', [])->{data}, 'ann', 'somebody who can be asked');
sub question { return ws_wait($ann, sub { ($_->{type} // '') eq 'request' }); }
my $asks = $node->background_psql('postgres', on_error_stop => 0);
for my $reply ([ data => 1 ], [ error => 'no' ], [], [])
{
	$asks->query_until(qr/begun/, "\\echo begun\nSELECT realtime.push('ann', 'q', NULL, '" . (@$reply ? '1 min' : '50 ms') . "');\n");
	my $ref = question()->{ref};
	is(metric(scrape('text'), 'realtime_push_waiting'), 1, 'a question waits') if @$reply;
	ws_send($ann, { type => 'reply', ref => $ref, @$reply }) if @$reply;
	$asks->query('SELECT 1');
	ws_send($ann, { type => 'reply', ref => $ref, data => 'late' }) unless @$reply;
}
$asks->quit;
$node->psql('postgres', q{SELECT realtime.push('nobody', 'q')});
ok(poll_until(sub { metric(scrape('text'), 'realtime_push_late_replies_total') == 2 }), 'late replies');
my $pushes = scrape('open');
is(join(' ', map { "$_:" . metric($pushes, 'realtime_push_requests_total', result => $_) } qw(ok rejected timeout not_found overloaded cancelled)),
	'ok:1 rejected:1 timeout:2 not_found:1 overloaded:0 cancelled:0', 'questions by what has become of them');
is(metric($pushes, 'realtime_push_waiting'), 0, 'none waits');
is(metric($pushes, 'realtime_push_reply_latency_ms_count'), 2, 'times of replies');
is(metric($pushes, 'realtime_push_reply_latency_ms_bucket', le => '10000.0'), 2, 'in milliseconds');
cmp_ok(metric($pushes, 'realtime_push_reply_latency_ms_sum'), '>', 0, 'with their sum');
is(sql(q{SELECT value > 0 FROM realtime.metrics() WHERE name = 'realtime_push_reply_latency_ms_sum'}), 't', 'likewise as rows');
sql(q{SELECT realtime.signal('ann', 's'), realtime.notify('ann', 'n')});
ok(poll_until(sub { metric(scrape('text'), 'realtime_push_sends_total') == 2 }), 'what is sent to somebody');

# Limits: each of the view has its counter
is(join(' ', map { "$_->[1]{limit}:$_->[2]" } sort { $a->[1]{limit} cmp $b->[1]{limit} } grep { $_->[0] eq 'realtime_limit_hits_total' } @{ scrape('open')->{samples} }),
	sql(q{SELECT string_agg(name || ':' || hits, ' ' ORDER BY name COLLATE "C") FROM realtime.limits}), 'limits, as realtime.limits has them');
my $deep = 1;
$deep = [$deep] for 1 .. 70;
is(ws_call($ws[0], 'app/echo', [$deep])->{code}, 'INVALID_REQUEST', 'one is reached');
ok(poll_until(sub { metric(scrape('text'), 'realtime_limit_hits_total', limit => 'max_depth') == 1 }), 'and counted');

# what is busy, and what waits
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
ws_send($_, { rpc => 'app/wait', id => 'w', args => [] }) for @ws[0 .. 4];
poll_until(sub { (metric(scrape('text'), 'realtime_executors', state => 'busy') // 0) >= 1 });
poll_until(sub { metric(scrape('text'), 'realtime_queue_requests') >= 3 });
my $busy = scrape('open');
cmp_ok(metric($busy, 'realtime_executors', state => 'busy'), '>=', 1, 'executors are busy');
is(metric($busy, 'realtime_executors'), 2, 'of two');
cmp_ok(metric($busy, 'realtime_queue_requests'), '>=', 3, 'requests wait');
is(metric($busy, 'realtime_request_slots'), 5, 'each takes a slot');
is(metric($busy, 'realtime_requests_in_flight'), 5, 'and is in flight');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;
ws_wait($_, sub { ($_->{event} // '') eq 'w' }) for @ws[0 .. 4];

# SQL says the same; some counters have gone on
sub names { my ($m) = @_; return join ' ', sort map { $_->[0] } @{ $m->{samples} }; }
is(names(parse_metrics(sql('SELECT realtime.metrics_text()'), 'text')), names(scrape('text')), 'SQL has the same');
is(names(parse_metrics(sql('SELECT realtime.metrics_text(open_metrics => true)'), 'open')), names(scrape('open')), 'in both formats');

# and as rows
is(sql(q{SELECT string_agg(DISTINCT name, ' ' ORDER BY name) FROM (SELECT name COLLATE "C" FROM realtime.metrics()) AS m}),
	join(' ', sort keys %{ { map { $_->[0] => 1 } @{ scrape('text')->{samples} } } }), 'as rows, too');
is(sql(q{SELECT name || ' ' || type || ' ' || value FROM realtime.metrics() WHERE labels = '{"path": "app/echo", "status": "ok"}'}),
	'realtime_rpc_total counter 6', 'with their labels');
is(sql(q{SELECT value FROM realtime.metrics() WHERE name = 'realtime_rpc_duration_seconds_bucket' AND labels = '{"path": "app/echo", "le": "+Inf"}'}), 6,
	'buckets, too');
is(sql(q{SELECT count(*) FROM realtime.metrics() WHERE name = 'realtime_breaker_broken' AND labels->>'breaker' = E'a"b\\\\c'}), 1, 'nothing is escaped');
is(sql(q{SELECT value > 0 AND value < 1 FROM realtime.metrics() WHERE name = 'realtime_payload_memory_ratio'}), 't', 'what is no count');
$node->psql('postgres', q{CREATE ROLE nobody; SET ROLE nobody; SELECT * FROM realtime.metrics()}, stderr => \my $refused);
like($refused, qr/permission denied/, 'and not for everybody');

# formats
sub type_for { my ($accept) = @_; return (http_request($node, 'GET /metrics', defined $accept ? (Accept => $accept) : ()))[1]{'content-type'}; }
my $text_type = 'text/plain; version=0.0.4; charset=utf-8';
is(type_for(undef), $text_type, 'the older format for who does not say');
is(type_for('text/html,*/*;q=0.1'), $text_type, 'and for who takes anything');
is(type_for("$open_type;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"),
	"$open_type; version=1.0.0; charset=utf-8", 'the newer one for who prefers it');
is(type_for("$open_type;version=1.0.0;q=0.3,text/plain;q=0.5"), $text_type, 'by what is wanted most');
is(type_for("$open_type;version=0.0.1"), $text_type, 'not in a version that is not ours');
my ($status, $headers, $body) = http_request($node, 'HEAD /metrics');
is($status, 200, 'HEAD');
is($body, '', 'has no content');
is(status('POST /metrics'), 405, 'nothing can be written');

SKIP:
{
	my ($promtool) = grep { -x } map { "$_/promtool" } split /:/, $ENV{PATH};
	skip 'promtool is not here', 1 unless $promtool;
	my $text = (http_request($node, 'GET /metrics'))[2];
	my $words;
	IPC::Run::run([ $promtool, 'check', 'metrics' ], \$text, '>&', \$words);
	is($words, '', "Prometheus' own tool has nothing to say");
}

# what must be true, of handlers: it is counted, logged and borne
is(sql(q{SELECT realtime.assert(true, 'shop.adds-up')}), 't', 'what is true holds');
is(sql(q{SELECT realtime.assert(false, 'shop.adds-up', '{"booking": 7}')}), 'f', 'what is not does not');
is(sql(q{SELECT realtime.assert(NULL, E'shop "odd" \\\\')}), 'f', 'nor what nobody knows');
ok(count_in_log($node, qr/LOG:  .*assertion "shop.adds-up" does not hold\n.*DETAIL:.*"booking": 7/) == 1, 'the log says so');
is(sql(q{SELECT count(*), sum(violations) FROM realtime.assertion_counters() WHERE category LIKE 'shop%'}), '2|2', 'each has a counter');
is(sql(q{SELECT sum(violations) FROM realtime.assertion_counters() WHERE category NOT LIKE 'shop%'}), 0, "and the server's own are as they should be");
sql(q{SELECT realtime.assert(false, 'many' || i) FROM generate_series(1, 70) i});
is(sql(q{SELECT count(*), max(violations) FILTER (WHERE category = 'other') FROM realtime.assertion_counters() WHERE category ~ '^(shop|many|other)'}), '65|8', 'so many of them');
like(($node->psql('postgres', q{SET realtime.assert_error = on; SELECT realtime.assert(false, 'shop.adds-up')}))[2], qr/ERROR:  assertion "shop.adds-up" does not hold/, 'in tests it is an error');
like(($node->psql('postgres', "SELECT realtime.assert(true, $_->[0])"))[2], qr/$_->[1]/, "a category cannot be $_->[0]")
  for [ 'NULL', 'must not be NULL' ], [ q{''}, 'is not a name' ], [ q{repeat('x', 64)}, 'is not a name' ], [ q{'other'}, "the server's own" ], [ q{'lock.waiter.shape'}, "the server's own" ];

# what is documented is there, whether there is something to tell or not
my $page = slurp_file('docs/monitoring.md');
my %documented = map { ($_ => 1) } $page =~ /^\| `(realtime_\w+)` \|/mg;
my ($families) = map { $_->{families} } scrape('text');
my %told = map { ($families->{$_}{type} eq 'counter' ? "${_}_total" : $_) => 1 } keys %$families;
is_deeply([ sort keys %told ], [ sort keys %documented ], 'all metrics are documented, and no others');

# who may read them
is(status('GET /metrics'), 200, 'the machine itself');
my %proxied = ('X-Forwarded-For' => '192.0.2.1', 'X-Real-IP' => '192.0.2.1', 'Forwarded' => 'for=192.0.2.1', 'Via' => '1.1 proxy');
is(status('GET /metrics', $_ => $proxied{$_}), 403, "what a proxy has passed on is not from here: $_") for sort keys %proxied;
is(status('GET /metrics', Host => 'app.example.com'), 403, 'nor is what is for a public name');
is(status('GET /metrics', Host => 'evil.example.com'), 421, 'nor for a name that we do not have');
is(status('GET /metrics', Authorization => 'Bearer something-or-other-long'), 200, 'a token that nobody has asked for does not matter');
is(status('GET /metrics', Authorization => 'Bearer something', 'X-Forwarded-For' => '192.0.2.1'), 403, 'nor help');

sub set { my ($name, $value) = @_; sql("ALTER SYSTEM SET realtime.$name = $value"); $node->reload; return; }
sub becomes { my ($expected, @request) = @_; return poll_until(sub { my %seen = map { (status(@request) => 1) } 1 .. 6; keys %seen == 1 && $seen{$expected} }); }
set(metrics_token => q{'correct-horse-battery'});
set(metrics_addresses => q{''});
ok(becomes(401, 'GET /metrics'), 'no address is enough');
($status, $headers) = http_request($node, 'GET /metrics');
like($headers->{'www-authenticate'}, qr/^Bearer/, 'a token is asked for');
is(status('GET /metrics', Authorization => "Bearer $_"), 401, "not \"$_\"")
  for 'correct-horse-batterY', 'correct-horse-batter', 'correct-horse-batteryy', 'x', '';
is(status('GET /metrics', Authorization => 'Basic correct-horse-battery'), 401, 'nor as another scheme');
is(status('GET /metrics', Authorization => 'Bearer correct-horse-battery'), 200, 'who has the token reads');
is(status('GET /metrics', Authorization => 'Bearer correct-horse-battery', 'X-Forwarded-For' => '192.0.2.1', Host => 'app.example.com'), 200,
	'wherever he is');
unlike($node->safe_psql('postgres', 'SELECT realtime.metrics_text()'), qr/correct-horse/, 'the token is in no metric');
like(($node->psql('postgres', q{SET realtime.metrics_token = 'x'}))[2], qr/cannot be changed now/, 'sessions do not set it');
$node->psql('postgres', q{ALTER SYSTEM SET realtime.metrics_token = 'short'}, stderr => \my $err);
like($err, qr/16 characters/, 'a token is long');
$node->psql('postgres', q{CREATE ROLE reader; SET ROLE reader; SHOW realtime.metrics_token}, stderr => \$err);
like($err, qr/permission denied|must be superuser|Only roles/, 'and secret');
$node->psql('postgres', q{SET ROLE reader; SELECT realtime.metrics_text()}, stderr => \$err);
like($err, qr/permission denied/, 'not everybody reads metrics in SQL');

# behind a proxy that is trusted
set(metrics_addresses => q{'192.0.2.0/24', '127.0.0.1'});
set(trusted_proxies => q{'127.0.0.1'});
ok(becomes(200, 'GET /metrics', 'X-Forwarded-For' => '192.0.2.7'), 'a client that may read them, behind a proxy');
is(status('GET /metrics', 'X-Forwarded-For' => '198.51.100.7'), 401, 'and one that may not');
set(metrics_path => q{'/internal/metrics'});
ok(becomes(404, 'GET /metrics'), 'another path');
is(status('GET /internal/metrics'), 200, 'has them');
set(metrics => 'off');
ok(becomes(404, 'GET /internal/metrics'), 'and none');
isnt(sql('SELECT realtime.metrics_text()'), '', 'but in SQL');

$node->stop;
done_testing();
