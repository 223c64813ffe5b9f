# Messages to somebody: signal, notify, send and send_to, over two gateways.
use strict;
use warnings;

use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 3, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 2,
	'realtime.jwt_secret' => $secret, 'realtime.attribute_claims' => 'org, admin, level');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
CREATE FUNCTION app.tell(who text, what text) RETURNS void LANGUAGE sql AS
	$$SELECT realtime.signal(who, what, '{"by": "a handler"}')$$;
CREATE FUNCTION app.here(what text) RETURNS void LANGUAGE sql AS
	$$SELECT realtime.connection_send(realtime.connection_id(), 'here', what, '{"id": 1}'), realtime.connection_notify(realtime.connection_id(), what, '[2]')$$;
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/tell', 'app.tell(text, text)'), realtime.rpc('app/here', 'app.here(text)');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my %claims = @_;
	my $ws = %claims ? ws_connect($node, headers => { Authorization => 'Bearer ' . jwt(\%claims, secret => $secret) })
	  : ws_connect($node);
	$ws->{me} = ws_call($ws, 'app/me', [])->{data};
	return $ws;
}

# The events that a client has got and nobody has waited for
sub got
{
	return join ' ', map { $_->{type} ? "$_->{type}:$_->{event}" : "$_->{topic}:$_->{event}" }
		grep { ($_->{type} // '') ne 'welcome' } ws_quiet($_[0]);
}

sub sqlstate_of
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]");
	return $err =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : "none: $out$err";
}

# Connections that are on both gateways, so that what is told here is of both
my @anns = map { client(sub => 'ann', org => 'acme', admin => JSON::PP::true, level => 3) } 1 .. 6;
my @bobs = map { client(sub => 'bob', org => 'acme', level => 4, tags => ['a']) } 1 .. 2;
my $cid = client(sub => 'cid', org => 'other');
my $nobody = client();
cmp_ok(sql(q{SELECT count(DISTINCT gateway) FROM realtime.connections WHERE user_id = 'ann'}), '>=', 1, 'ann is connected');
got($_) for @anns, @bobs, $cid, $nobody;

# ---- signal ----

sql(q{SELECT realtime.signal('ann', 'hello', '{"n": 1}')});
for my $ann (@anns)
{
	is_deeply(ws_wait($ann, sub { ($_->{topic} // '') eq '__signal:ann' }),
		{ topic => '__signal:ann', event => 'hello', data => { n => 1 } }, 'a signal comes to every connection of the user');
}
is(got($_), '', 'and to nobody else') for @bobs, $cid, $nobody;

sql(q{BEGIN; SELECT realtime.signal('bob', 'never'); ROLLBACK;
	BEGIN; SAVEPOINT a; SELECT realtime.signal('bob', 'never'); ROLLBACK TO a; SELECT realtime.signal('bob', 'first');
	SELECT realtime.signal('bob', 'second', 'null'); COMMIT});
is(join(' ', map { "$_->{event}:" . (exists $_->{data} ? 'data' : 'none') } map { ws_wait($bobs[0], sub { ($_->{topic} // '') eq '__signal:bob' }) } 1, 2),
	'first:data second:data', 'what is rolled back is not sent, the rest in order');
is(got($bobs[0]), '', 'and once');

is(ws_call($nobody, 'app/tell', [ 'cid', 'from-a-call' ])->{ok}, JSON::PP::true, 'a handler may signal');
is(ws_wait($cid, sub { ($_->{event} // '') eq 'from-a-call' })->{data}{by}, 'a handler', 'somebody else');

ws_send($cid, { type => 'unsubscribe', topic => '__signal:cid' });
sql(q{SELECT realtime.signal('cid', 'still')});
is(ws_wait($cid, sub { ($_->{event} // '') eq 'still' })->{topic}, '__signal:cid', 'nobody can unsubscribe from signals');
is(ws_subscribe($nobody, '__signal:ann')->{reason}, 'INVALID_TOPIC', 'nor subscribe to those of others');

# Who he is from a frame on, and not before
ws_send($nobody, { type => 'auth', token => jwt({ sub => 'dan', org => 'acme', level => 3 }, secret => $secret) });
ws_wait($nobody, sub { ($_->{type} // '') eq 'auth' });
sql(q{SELECT realtime.signal('dan', 'now')});
is(ws_wait($nobody, sub { ($_->{event} // '') eq 'now' })->{topic}, '__signal:dan', 'who logs in by a frame gets signals from then on');

# ---- notify and send: the connection that was opened last ----

my $last = client(sub => 'ann', org => 'acme');
is(sql(q{SELECT connection_id FROM realtime.lookup('ann')}), $last->{me}, 'lookup() gives the last connection');
is(sql(q{SELECT count(*) FROM realtime.lookup('nobody')}), 0, 'and nothing for who is not connected');
sql(q{SELECT realtime.notify('ann', 'ring', '[1]')});
my $ring = ws_wait($last, sub { ($_->{type} // '') eq 'request' });
is_deeply([ @$ring{qw(event data)} ], [ 'ring', [1] ], 'notify() comes as a request');
ws_send($last, { type => 'reply', ref => $ring->{ref}, data => 'ignored' });
sql(q{SELECT realtime.send('ann', 'inbox', 'created', '{"id": 7}')});
is_deeply(ws_wait($last, sub { ($_->{topic} // '') eq 'inbox' }), { topic => 'inbox', event => 'created', data => { id => 7 } },
	'send() comes as an event of its topic, without a subscription');
is(got($_), '', 'others of the user get neither') for @anns;
ws_close($last);
ok(poll_until(sub { sql(q{SELECT connection_id FROM realtime.lookup('ann')}) ne $last->{me} }), 'the last one is gone');
sql(q{SELECT realtime.notify('ann', 'again')});
ok(poll_until(sub { grep { my $g = got($_); $g =~ /request:again/ } @anns }), 'then it goes to another one');

# ---- one connection: a tab that is not the last one, and one that is nobody's ----

my $anonymous = client();
for my $tab ($anns[0], $anns[3], $anonymous)
{
	got($_) for @anns, $anonymous;
	ws_call($tab, 'app/here', ['created']);
	is_deeply(ws_wait($tab, sub { ($_->{topic} // '') eq 'here' }), { topic => 'here', event => 'created', data => { id => 1 } },
		'a call may send something to its own connection');
	my $request = ws_wait($tab, sub { ($_->{type} // '') eq 'request' });
	is_deeply([ @$request{qw(event data)} ], [ 'created', [2] ], 'and notify it');
	is(got($_), '', 'others of the user get nothing') for grep { $_ != $tab } @anns, $anonymous;
}
is(ws_subscribe($anonymous, 'here')->{type}, 'subscribe-denied', 'which opens the topic to nobody');
sql(qq{BEGIN; SELECT realtime.connection_send('$anonymous->{me}', 'here', 'deleted', '{"id": 1}'); ROLLBACK;
	SELECT realtime.connection_send('$anonymous->{me}', 'here', 'updated', '{"id": 1}')});
is(ws_wait($anonymous, sub { ($_->{topic} // '') eq 'here' })->{event}, 'updated', 'what is rolled back is not sent');
my $sent = sql(q{SELECT value FROM realtime.metrics() WHERE name = 'realtime_push_sends_total' AND labels ->> 'result' = 'not_found'});
ws_close($anonymous);
ok(poll_until(sub { sql(qq{SELECT count(*) FROM realtime.connections WHERE connection_id = '$anonymous->{me}'}) == 0 }), 'the connection is gone');
is(sql(qq{SELECT realtime.connection_send(id, 'here', 'updated', '{"id": 1}'), realtime.connection_notify(id, 'x')
	FROM (VALUES ('$anonymous->{me}'), (''), ('nobody'), (repeat('x', 10000))) v (id)}), "|\n|\n|\n|", 'one that is gone, or never was, gets nothing');
is(sql(q{SELECT value FROM realtime.metrics() WHERE name = 'realtime_push_sends_total' AND labels ->> 'result' = 'not_found'}) - $sent, 8, 'which is counted');

# ---- send_to ----

my @all = (@anns, @bobs, $cid, $nobody);
my $told = 0;
sub told_by
{
	my ($criteria) = @_;
	my $n = ++$told;
	sql(qq{SELECT realtime.send_to('$criteria', 'news', 'e$n', '{"n": $n}')});
	sql(q{SELECT realtime.signal(who, 'end') FROM (VALUES ('ann'), ('bob'), ('cid'), ('dan')) v(who)});
	my $count = 0;
	for my $ws (@all)
	{
		ws_wait($ws, sub { ($_->{event} // '') eq 'end' });
		$count += grep { ($_->{event} // '') eq "e$n" } ws_quiet($ws);
	}
	return $count;
}
is(told_by('{"org": "acme"}'), 9, 'by a text');
is(told_by('{"org": "acme", "level": 4}'), 2, 'all of several must be so');
is(told_by('{"level": 4, "org": "acme"}'), 2, 'in any order');
is(told_by('{"admin": true}'), 6, 'by a boolean');
is(told_by('{"admin": "true"}'), 6, 'which is the same as its text');
is(told_by('{"level": 3}'), 7, 'by a number');
is(told_by('{"org": "nobody"}'), 0, 'nobody');
is(told_by('{"sub": "ann"}'), 0, 'what the setting does not name is not looked at');
is(told_by('{"org": "acme", "sub": "ann"}'), 0, 'nor beside others');

# what is no text, number or boolean, or too long, is no attribute
my $odd = client(sub => 'odd', org => ['acme'], admin => { a => 1 }, level => undef);
my $long = client(sub => 'long', org => 'x' x 257, level => 'y' x 256);
push @all, $odd, $long;
sql(qq{SELECT realtime.send_to('{"$_->[0]": "$_->[1]"}', 'odd', 'odd')}) for [ 'org', '["acme"]' =~ s/"/\\"/gr ], [ 'org', 'acme' ], [ 'admin', '{"a": 1}' =~ s/"/\\"/gr ], [ 'level', 'null' ], [ 'level', '' ];
sql(q{SELECT realtime.signal('odd', 'end'), realtime.signal('long', 'end')});
ws_wait($_, sub { ($_->{event} // '') eq 'end' }) for $odd, $long;
is(scalar(grep { ($_->{event} // '') eq 'odd' } ws_quiet($odd)), 0, 'what is no scalar is no attribute');
is(sqlstate_of(q{SELECT realtime.send_to(jsonb_build_object('org', repeat('x', 257)), 'odd', 'odd')}), '22023', 'nor can what is too long be asked for');
sql(q{SELECT realtime.send_to(jsonb_build_object('level', repeat('y', 256)), 'odd', 'odd')});
is(ws_wait($long, sub { ($_->{event} // '') eq 'odd' })->{topic}, 'odd', 'but what is as long as it may be');

# ---- errors ----

is(sqlstate_of(q{SELECT realtime.signal('a"b', 'x')}), 'RT000', 'a user that nobody can be');
is(sqlstate_of(q{SELECT realtime.signal(repeat('x', 257), 'x')}), 'RT000', 'nor with so long a name');
is(sqlstate_of(q{SELECT realtime.signal('', 'x')}), 'RT000', 'nor without one');
is(sqlstate_of(q{SELECT realtime.signal(NULL, 'x')}), '22004', 'a NULL');
is(sqlstate_of(q{SELECT realtime.notify('ann', NULL)}), '22004', 'another NULL');
is(sqlstate_of(q{SELECT realtime.signal('ann', E'a\nb')}), '22023', 'a bad name');
is(sqlstate_of(q{SELECT realtime.signal('ann', 'x', to_jsonb(repeat('x', 1048577)))}), '54000', 'too much');
is(sqlstate_of(q{SELECT realtime.send('ann', '__signal:ann', 'x')}), 'RT430', 'a topic of the server');
is(sqlstate_of(q{SELECT realtime.send('ann', 'inbox', 'created')}), '22023', 'an event that clients cannot merge');
is(sqlstate_of(qq{SELECT realtime.send_to('$_', 'news', 'x')}), '22023', "criteria $_") for '{}', '[]', '1', '{"a": [1]}', '{"a": null}', '{"a": {}}', '{"": 1}';
is(sqlstate_of(q{SELECT realtime.send_to(NULL, 'news', 'x')}), '22004', 'no criteria');
is(sqlstate_of(q{SELECT realtime.send_to(jsonb_object_agg('k' || n, n), 'news', 'x') FROM generate_series(1, 17) n}), '22023', 'too many criteria');
is(sqlstate_of(q{BEGIN; SELECT realtime.signal('ann', 'x'); PREPARE TRANSACTION 'p'}), '0A000', 'a prepared transaction');
is(ws_call($cid, 'app/tell', [ "a\"b", 'x' ])->{code}, 'INVALID_USER_ID', 'a client sees which');
is(sqlstate_of(qq{SELECT realtime.$_}), 'RT422', "a bad user of $_") for q{notify('a"', 'x')}, q{send('', 'inbox', 'x')}, q{send_coalesced(repeat('x', 257), 'k', 'inbox', 'x')};
is(sqlstate_of(qq{SELECT realtime.$_}), '22004', "a NULL in $_") for q{connection_send(NULL, 'here', 'x')}, q{connection_notify(NULL, 'x')}, q{connection_notify('x', NULL)};
is(sqlstate_of(q{SELECT realtime.connection_send('x', '__realtime', 'degraded')}), 'RT430', 'a topic of the server, by id');

done_testing();
