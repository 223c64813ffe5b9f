# Limits of calls: who is counted together, over gateways and executors, and what
# happens when there is no room to count.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.gateways' => 2, 'realtime.executors' => 3, 'realtime.upgrade_rate' => 0, 'realtime.rate_identities' => 2);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.who(request jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT coalesce(request -> 'query', '{}') $$;
CREATE FUNCTION app.one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.no() RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.rows() RETURNS jsonb STABLE LANGUAGE sql AS $$ SELECT '[]'::jsonb $$;
SELECT realtime.hook('authenticate', 'app.who(jsonb)');
SELECT realtime.rpc('app/ready', 'app.one()');
SELECT realtime.rpc('app/five', 'app.one()', rate_limit => 5, rate_window => '1 h');
SELECT realtime.rpc('app/two', 'app.one()', rate_limit => 2, rate_window => '1 h');
SELECT realtime.rpc('app/other', 'app.one()', rate_limit => 5, rate_window => '1 h');
SELECT realtime.rpc('app/closed', 'app.one()', guard => '{app.no()}', rate_limit => 2, rate_window => '1 h');
SELECT realtime.rpc('app/short', 'app.one()', rate_limit => 2, rate_window => '500 ms');
SELECT realtime.stream('app/rows', 'rows', 'app.rows()');
});
wait_for_call($node, 'app/ready', []);

sub connect_as { my ($id) = @_; return ws_connect($node, defined $id ? (path => "/ws?id=$id") : ()); }
sub code { my ($ws, $path) = @_; my $reply = ws_call($ws, $path, []); return $reply->{ok} ? 'ok' : $reply->{code}; }
sub codes { my ($path, @sockets) = @_; return join ' ', map { code($_, $path) } @sockets; }

# anonymous clients of one address are one, on whatever gateway
my @nobody = map { connect_as() } 1 .. 6;
is(codes('app/five', @nobody), 'ok ok ok ok ok RATE_LIMITED', 'an address may call five times');
my $refused = ws_call($nobody[0], 'app/five', []);
is($refused->{error}, 'Too many requests', 'a refusal says what it is');
ok($refused->{retryAfter} > 3000_000 && $refused->{retryAfter} <= 7200_000, 'and when it is worth trying')
  or diag explain $refused;
is(codes('app/other', @nobody), 'ok ok ok ok ok RATE_LIMITED', 'each path has a limit of its own');
is(code($nobody[0], 'app/ready'), 'ok', 'others have none');
is(codes('app/closed', @nobody[0 .. 2]), 'UNAUTHENTICATED UNAUTHENTICATED RATE_LIMITED', 'calls that fail are counted');

# a user is one, on whatever connection
my @ann = map { connect_as('ann') } 1 .. 6;
is(codes('app/five', @ann), 'ok ok ok ok ok RATE_LIMITED', 'a user may call five times');

# each call of a batch counts
is(ws_batch($ann[0], 1, ('app/two') x 2, 'app/ready', 'app/two'), 'ok ok ok RATE_LIMITED', 'each call of a batch is counted');
is(ws_batch($nobody[0], 0, ('app/two') x 3) =~ s/(\w+) (\w+) (\w+)/join ' ', sort $1, $2, $3/er, 'RATE_LIMITED ok ok', 'also if they run at the same time');

# two are counted already: there is no room for a third
my $bob = connect_as('bob');
my $crowded = ws_call($bob, 'app/five', []);
is($crowded->{code}, 'RATE_LIMITED', 'who cannot be counted is refused');
is($crowded->{error}, 'Too many concurrent rate-limit identities', 'and told why');
is(code($bob, 'app/other'), 'ok', 'a path is crowded, not the server');

is($node->safe_psql('postgres', q{SELECT identities, passed, refused FROM realtime.stat_rate_limit WHERE path = 'app/five'}),
	'2|10|4', 'what has become of calls is shown');
is($node->safe_psql('postgres', q{SELECT sum(realtime.call('app/five')::integer) FROM generate_series(1, 7)}), '7',
	'sessions are not limited');

# a window goes by, and with it who was counted in it
my @short = map { connect_as($_) } qw(ann bob cat);
code($short[0], 'app/short') for 1 .. 3;
ok(poll_until(sub { code($short[0], 'app/short') eq 'ok' }), 'who waits may call again');
code($short[1], 'app/short');
ok(poll_until(sub { code($short[2], 'app/short') eq 'ok' }), 'who does not call any more makes room for others');

# a changed declaration counts at once
$node->safe_psql('postgres', q{SELECT realtime.rpc('app/five', 'app.one()', rate_limit => 6, rate_window => '1 h')});
is(codes('app/five', @ann[0, 1]), 'ok RATE_LIMITED', 'a higher limit lets pass what is above the old one');
$node->safe_psql('postgres', q{SELECT realtime.rpc('app/five', 'app.one()')});
is(codes('app/five', @ann, $bob), join(' ', ('ok') x 7), 'without a limit there is none');

# Rules for paths that say nothing, or too much
$node->safe_psql('postgres', q{
SELECT realtime.rpc('rule/' || name, 'app.one()') FROM unnest('{ruled,any,exempt}'::text[]) name;
SELECT realtime.rpc('rule/own', 'app.one()', rate_limit => 3, rate_window => '1 h'),
	realtime.rpc('rule/exempt', 'app.one()', rate_limit => 1, rate_window => '1 h'),
	realtime.rate_limits('rule/ruled', 2, '1 h'), realtime.rate_limits('rule/own', 1, '1 h'),
	realtime.rate_limits('*', 1, '1 h'), realtime.rate_limits('rule/exempt', exempt => true), realtime.rate_limits('rule/later', 2, '1 h');
SELECT realtime.rpc('rule/later', 'app.one()') });
my $ruled = connect_as();
my %expected = (ruled => 'ok ok RATE_LIMITED', own => 'ok ok ok', any => 'ok RATE_LIMITED RATE_LIMITED', exempt => 'ok ok ok', later => 'ok ok RATE_LIMITED');
is(codes("rule/$_", ($ruled) x 3), $expected{$_}, "what is $_") for sort keys %expected;
is(code($ruled, 'rule/own'), 'RATE_LIMITED', 'a limit of its own goes before a rule');
$node->safe_psql('postgres', q{SELECT realtime.rate_limits('*'), realtime.rate_limits('rule/ruled')});
is(codes("rule/$_", ($ruled) x 3), 'ok ok ok', "without the rule $_ has no limit") for qw(any ruled);
for (
	[ q{'*', exempt => true} => 'not all paths can be exempt' ], [ q{'a/b', 1, exempt => true} => 'a path cannot be exempt and have a limit' ],
	[ q{'a/b', 0} => 'rate_limit must be greater than 0' ], [ q{'a/b', 1, NULL} => 'rate_window must not be null' ],
	[ q{'a/b', 1, '0'} => 'rate_window must be at least one millisecond' ], [ q{'a', 1} => 'is not valid' ], [ q{NULL} => 'path must not be null' ])
{
	my (undef, undef, $error) = $node->psql('postgres', "SELECT realtime.rate_limits($_->[0])");
	like($error, qr/ERROR:  .*\Q$_->[1]\E/, "rate_limits($_->[0]) is refused");
}

done_testing();
