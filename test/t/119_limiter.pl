# Limits that functions ask for themselves: realtime.consume().
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 2, 'realtime.rate_identities' => 5, 'realtime.trusted_proxies' => '127.0.0.1');
$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.who(request jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT coalesce(request -> 'query', '{}') $$;
CREATE FUNCTION app.try(cost integer) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(c) FROM realtime.consume('calls', 3, '1 h', cost => cost) c $$;
CREATE FUNCTION app.fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM realtime.consume('calls', 3, '1 h'); PERFORM realtime.raise('NO'); END $$;
CREATE TABLE app.done (allowed boolean);
CREATE FUNCTION app.wait() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	INSERT INTO app.done SELECT allowed FROM realtime.consume('calls', 3, '1 h'); END $$;
CREATE FUNCTION app.lets_in(request jsonb) RETURNS boolean LANGUAGE sql AS $$ SELECT allowed FROM realtime.consume('doors', 1, '1 h') $$;
CREATE FUNCTION app.rows() RETURNS SETOF integer STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.may() RETURNS boolean LANGUAGE sql AS $$ SELECT allowed FROM realtime.consume('pages', 1, '1 h') $$;
SELECT realtime.rpc('app/wait', 'app.wait()'), realtime.stream('app/rows', 'rows', 'app.rows()', access => 'app.may()');
SELECT realtime.hook('authenticate', 'app.who(jsonb)'), realtime.rpc('app/try', 'app.try(integer)'), realtime.rpc('app/fail', 'app.fail()') });
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub consume { my ($arguments) = @_; return sql("SELECT allowed, remaining FROM realtime.consume($arguments)"); }
sub as_user { return ws_connect($node, path => '/ws' . (defined $_[0] ? "?id=$_[0]" : '')); }
sub try_call { my ($ws, $cost) = @_; my $data = ws_call($ws, 'app/try', [ $cost // 1 ])->{data}; return ($data->{allowed} ? 'yes' : 'no') . " $data->{remaining}"; }

my $anna = as_user('anna');
ok(poll_until(sub { ws_call($anna, 'app/fail', [])->{code} eq 'NO' }), 'a call that fails');
is(try_call($anna), 'yes 1', 'has taken a point');
is(try_call($anna, 2), 'no 1', 'who wants more than there is gets nothing');
is(try_call(as_user('anna')), 'yes 0', 'a user is one on all connections');
is(try_call($anna), 'no 0', 'until there is nothing left');
is(try_call(as_user('bert')), 'yes 2', 'others have their own');
is(try_call(as_user()), 'yes 2', 'anonymous clients');
is(try_call(as_user()), 'yes 1', 'are one by their address');
is(sql(q{SELECT realtime.limiter_reset('calls', 'anna')}), 't', 'what a user has consumed is forgotten');
is(try_call($anna), 'yes 2', 'so it begins anew');
sql(q{SELECT realtime.limiter_ban('calls', 'anna', '1 h')});
is(try_call($anna), 'no 0', 'who is banned gets nothing');
is(sql(q{SELECT realtime.limiter_unban('calls', 'anna')} ) . sql(q{SELECT realtime.limiter_unban('calls', 'anna')}), 'tf', 'until that ends');
is(try_call($anna), 'yes 1', 'and has what it had');
is(sql(q{SELECT realtime.limiter_clear('calls')}), 3, 'all can be forgotten');

# Whoever has no socket, or none any more, counts by its address
sub from { my ($address) = @_; return ('X-Forwarded-For' => $address); }
my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(1)');
my $gone = ws_connect($node, headers => { from('10.1.1.1') });
ws_send($gone, { rpc => 'app/wait', id => 'v', args => [] });
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) == 1 }), 'a client has called');
close $gone->{socket};
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.connections WHERE remote_address = '10.1.1.1'}) == 0 }), 'and is gone');
$lock->query_safe('SELECT pg_advisory_unlock(1)');
$lock->quit;
ok(poll_until(sub { sql('SELECT count(*) FROM app.done') == 1 }), 'when it consumes');
is(try_call(ws_connect($node, headers => { from('10.1.1.1') })), 'yes 1', 'which counts for its address');
is(try_call(ws_connect($node, headers => { from('10.2.2.2') })), 'yes 2', 'another address has all points');
is(sql(q{SELECT realtime.limiter_clear('pages') + realtime.limiter_clear('doors')}), 0, 'nobody has used these');
is((http_request($node, 'GET /__realtime/load/app/rows?args=[]', from($_)))[0], 200, "a page of $_") for '10.3.3.1', '10.3.3.2', '2001:db8::1', '2001:db8:0:1::1';
is((http_request($node, 'GET /__realtime/load/app/rows?args=[]', from($_)))[0], 401, "another one of $_") for '10.3.3.1', '2001:db8:0:1::2';
sql(q{SELECT realtime.limiter_clear('pages'), realtime.hook('upgrade', 'app.lets_in(jsonb)')});
ok(poll_until(sub { !eval { ws_close(ws_connect($node, headers => { from('10.4.4.4') })); 1 } }), 'an address that is used up opens no WebSocket');
ok(eval { ws_close(ws_connect($node, headers => { from('10.4.4.5') })); 1 }, 'another one does');
sql(q{SELECT realtime.limiter_clear('doors'), realtime.limiter_clear('calls'), realtime.hook('upgrade', NULL)});
ok(poll_until(sub { eval { as_user('anna'); as_user('anna'); 1 } }), 'the door is open');


is(consume(q{'sql', 2, '1 h', 'a'}), 't|1', 'from SQL with a key');
is(sql(q{BEGIN; SELECT FROM realtime.consume('sql', 2, '1 h', 'a'); ROLLBACK; SELECT allowed FROM realtime.consume('sql', 2, '1 h', 'a')}), 'f', 'a rollback gives nothing back');
cmp_ok(sql(q{SELECT reset_ms FROM realtime.consume('sql', 2, '1 h', 'a')}), '>', 3500_000, 'it says for how long');
is(consume(q{'other', 2, '1 h', 'a'}), 't|1', 'another limiter is another one');
is(consume(q{'short', 1, '1 ms', 'a'}), 't|0', 'a short period');
ok(poll_until(sub { consume(q{'short', 1, '1 ms', 'a'}) eq 't|0' }), 'is soon over');
is(consume(q{'block', 1, '1 ms', 'a', 2, '1 h'}), 'f|1', 'who is blocked');
ok(poll_until(sub { consume(q{'block', 1, '1 ms', 'a', block => '1 h'}) eq 'f|0' }, 1), 'is so for longer than the period');
sql(q{SELECT realtime.limiter_clear(l) FROM unnest('{sql,other,short,block}'::text[]) l});
is(sql(q{SELECT string_agg(c.allowed::text, ' ' ORDER BY n) FROM generate_series(1, 42) n, LATERAL realtime.consume('full', 1, '1 h', n::text) c}),
	join(' ', ('true') x 40, ('false') x 2), 'there is room for so many');
is(consume(q{'full', 2, '1 h', '1'}), 't|0', 'those that are there go on');
(my ($rc, $out, $error)) = $node->psql('postgres', q{SELECT realtime.limiter_ban('full', 'x')});
like($error, qr/no room/, 'nobody can be banned without room');
for ([ q{'x', 0, '1 h', 'a'}, 'points must be greater than 0' ], [ q{'x', 1, '0', 'a'}, 'period is out of range' ], [ q{'x', 1, '1 h', 'a', 0}, 'cost must be' ],
	[ q{'x', 1, '1 h', 'a', 1, '-1 s'}, 'block is out of range' ], [ q{NULL, 1, '1 h', 'a'}, 'limiter must not be null' ], [ q{'x', 1, '1 h'}, 'there is no caller' ])
{
	($rc, $out, $error) = $node->psql('postgres', "SELECT realtime.consume($_->[0])");
	like($error, qr/ERROR:  \Q$_->[1]\E/, "consume($_->[0]) is refused");
}
done_testing();
