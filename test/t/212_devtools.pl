# The stream that shows what the server does: who declares it, who sees it, and what.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.jwt_secret' => $secret);
my $true = JSON::PP::true;

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub as
{
	my ($role) = @_;
	return ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => "u-$role", role => $role, password => 'hidden' }, secret => $secret) });
}
sub follow { return ws_call($_[0], 'realtime/server', [], stream => $true) }

sql(q{
CREATE ROLE watcher NOLOGIN; GRANT pg_monitor TO watcher; GRANT watcher TO realtime_executor;
CREATE FUNCTION slow(password text) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(0.01)';
CREATE TABLE item (id integer PRIMARY KEY, note text);
GRANT SELECT ON item TO realtime_authenticated;
SELECT realtime.rpc('app/slow', 'slow(text)'), realtime.query('app/items', 'SELECT id FROM item WHERE note = $1');
});
wait_for_call($node, 'app/slow', ['x']);
my $watcher = as('watcher');
is(follow($watcher)->{code}, 'NOT_FOUND', 'it is not declared by itself');

sql('SELECT realtime.devtools()');
wait_for_call($node, 'realtime/server', []);
ok(poll_until(sub { follow($watcher)->{gated} }), 'it is closed as long as the setting is off');

sql('ALTER SYSTEM SET realtime.devtools = on');
sql('SELECT pg_reload_conf()');
my $reply;
ok(poll_until(sub { $reply = follow($watcher); !$reply->{gated} }), 'and open then');
my $somebody = as('realtime_authenticated');
is(follow($somebody)->{code}, 'FORBIDDEN', 'not to everybody');
is(follow(ws_connect($node))->{code}, 'FORBIDDEN', 'least of all to nobody');

my $items = ws_call($somebody, 'app/items', ['a secret note'], stream => $true);
ok($items->{ok}, 'somebody follows a query');
ws_call($somebody, 'app/slow', ['hush']) for 1 .. 3;
sql(q{INSERT INTO item VALUES (1, 'a secret note')});
my ($value, $text);
ok(poll_until(sub {
	my $frame = ws_wait($watcher, sub { ($_->{topic} // '') eq $reply->{topic} });
	$value = $frame->{data};
	my ($slow) = grep { $_->{path} eq 'app/slow' } @{ $value->{handlers} };
	my ($query) = @{ $value->{queries} };
	return $slow && $slow->{calls} >= 3 && $query && $query->{runs} > 0;
}), 'it is told anew while somebody looks');
is(join(' ', map { $value->{queries}[0]{$_} } qw(path groups rows)), 'app/items 1 1', 'queries are there');
cmp_ok((grep { $_->{path} eq 'app/slow' } @{ $value->{handlers} })[0]{mean_time}, '>=', 10, 'and calls with their times');
is(scalar(grep { ($_->{user_id} // '') eq 'u-realtime_authenticated' } @{ $value->{connections} }), 1, 'and connections');
is($value->{gateways}[0]{state}, 'running', 'and gateways');
is($value->{pressure}{reason}, 'NONE', 'and what is scarce');
$text = encode_json($value);
unlike($text, qr/secret note|hush|hidden|password/, 'and nothing that was sent, and no claim');

sql('ALTER SYSTEM SET realtime.devtools = off');
sql('SELECT pg_reload_conf()');
ok(poll_until(sub { follow($watcher)->{gated} }), 'it is closed again');
sql('SELECT realtime.devtools(false)');
ok(poll_until(sub { (follow($watcher)->{code} // '') eq 'NOT_FOUND' }), 'and gone');
is($node->psql('postgres', 'SET ROLE watcher; SELECT realtime.devtools()'), 3, 'who may look may not declare it');
done_testing();
