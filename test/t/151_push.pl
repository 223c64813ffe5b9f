# realtime.push(): asks a client and waits, whatever happens to either.
use strict;
use warnings;

use JSON::PP;
use Test::More;

use RealtimeLife;
use RealtimeSession;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 5, 'realtime.upgrade_rate' => 0, 'realtime.gateways' => 2,
	'realtime.jwt_secret' => $secret);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous, realtime_authenticated;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.connection_id()';
CREATE FUNCTION app.ask(who text, what jsonb, wait interval DEFAULT '20 s') RETURNS jsonb LANGUAGE sql AS
	$$SELECT realtime.push(who, 'question', what, wait)$$;
CREATE FUNCTION app.careful(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN realtime.push(who, 'question', NULL, '20 s')::text;
EXCEPTION WHEN SQLSTATE 'RT424' THEN RETURN 'rejected: ' || SQLERRM;
	WHEN SQLSTATE 'RT404' THEN RETURN 'gone';
	WHEN SQLSTATE 'RT408' THEN RETURN 'late';
END $$;
CREATE FUNCTION app.own() RETURNS jsonb LANGUAGE sql AS $$SELECT realtime.connection_push(realtime.connection_id(), 'question', NULL, '20 s')$$;
CREATE FUNCTION app.one(connection text) RETURNS jsonb LANGUAGE sql AS $$SELECT realtime.connection_push(connection, 'question', NULL, '20 s')$$;
SELECT realtime.rpc('app/own', 'app.own()'), realtime.rpc('app/one', 'app.one(text)');
SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/ask', 'app.ask(text, jsonb, interval)'), realtime.rpc('app/careful', 'app.careful(text)');
});
wait_for_call($node, 'app/me', []);

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub client
{
	my ($user) = @_;
	my $ws = ws_connect($node, $user ? (headers => { Authorization => 'Bearer ' . jwt({ sub => $user }, secret => $secret) }) : ());
	ws_call($ws, 'app/me', []);
	return $ws;
}

sub question { return ws_wait($_[0], sub { ($_->{type} // '') eq 'request' }); }

sub reply
{
	my ($ws, $question, %more) = @_;
	ws_send($ws, { type => 'reply', ref => $question->{ref}, %more });
}

sub sqlstate_of
{
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$_[0]");
	return $err =~ /(?:ERROR|FATAL):  (\w{5}):/ ? $1 : "none: $out$err";
}

my $asker = client();
my $ann = client('ann');

# ---- answers ----

for my $answer ({ a => [ 1, "x" ] }, 'text', 0, JSON::PP::false, undef)
{
	my $id = call_begin($asker, 'app/ask', [ 'ann', { q => 1 } ]);
	my $question = question($ann);
	is_deeply([ @$question{qw(event data)} ], [ 'question', { q => 1 } ], 'the client is asked');
	reply($ann, $question, data => $answer);
	is_deeply(call_end($asker, $id), { id => $id, ok => JSON::PP::true, data => $answer }, 'and its answer is the result');
}

my $id = call_begin($asker, 'app/ask', [ 'ann', 1 ]);
reply($ann, question($ann));
is(call_end($asker, $id)->{data}, undef, 'an answer without data is null');

my $long = 'x' x 300_000;
$id = call_begin($asker, 'app/ask', [ 'ann', $long ]);
my $question = question($ann);
is(length $question->{data}, 300_000, 'a long question');
reply($ann, $question, data => $long);
is(length call_end($asker, $id)->{data}, 300_000, 'and a long answer');

$id = call_begin($asker, 'app/ask', [ 'ann', 1 ]);
reply($ann, question($ann), error => 'I will "not"');
is_deeply([ @{ call_end($asker, $id) }{qw(ok code error)} ], [ JSON::PP::false, 'REJECTED', 'I will "not"' ], 'a client that refuses');
$id = call_begin($asker, 'app/careful', ['ann']);
reply($ann, question($ann), error => 'no');
is(call_end($asker, $id)->{data}, 'rejected: no', 'which a function may catch');

# ---- nobody, late, gone ----

is(ws_call($asker, 'app/ask', [ 'nobody', 1 ])->{code}, 'NOT_FOUND', 'who is not connected cannot be asked');
$id = call_begin($asker, 'app/ask', [ 'ann', 1, '100 ms' ]);
$question = question($ann);
is(call_end($asker, $id)->{code}, 'TIMEOUT', 'who does not answer in time');
reply($ann, $question, data => 'late');
$id = call_begin($asker, 'app/ask', [ 'ann', 2 ]);
my $next = question($ann);
isnt($next->{ref}, $question->{ref}, 'the next question has another number');
reply($ann, $question, data => 'late once more');
reply($ann, $next, data => 'right');
is(call_end($asker, $id)->{data}, 'right', 'and is not answered by a late reply to the one before');

my $ben = client('ben');
$id = call_begin($asker, 'app/ask', [ 'ann', 1 ]);
$question = question($ann);
reply($ben, $question, data => 'forged');
reply($ben, { ref => $_ }, data => 'forged') for 1 .. 200;
ws_call($ben, 'app/me', []);
reply($ann, $question, data => 'true');
is(call_end($asker, $id)->{data}, 'true', 'nobody answers for somebody else');

$id = call_begin($asker, 'app/careful', ['ben']);
question($ben);
ws_close($ben);
is(call_end($asker, $id)->{data}, 'gone', 'a connection that ends is no answer, at once');

# two connections: the last one is asked, and if it ends nobody else is
my $first = client('dan');
my $second = client('dan');
$id = call_begin($asker, 'app/ask', [ 'dan', 1 ]);
reply($second, question($second), data => 'second');
is(call_end($asker, $id)->{data}, 'second', 'the connection that was opened last is asked');
is(scalar(grep { ($_->{type} // '') eq 'request' } ws_quiet($first)), 0, 'and no other');
ws_close($second);
ok(poll_until(sub { sql(q{SELECT count(*) FROM realtime.connections WHERE user_id = 'dan'}) == 1 }), 'one is left');
$id = call_begin($asker, 'app/ask', [ 'dan', 1 ]);
reply($first, question($first), data => 'first');
is(call_end($asker, $id)->{data}, 'first', 'then the other one is');

# one connection: of two tabs that which asks, or is asked for, and one that is nobody's
my $tab = client('eve');
my $later = client('eve');
for my $asks ($tab, $asker)
{
	$id = call_begin($asks, 'app/own', []);
	$question = question($asks);
	reply($later, $question, data => 'forged');
	ws_call($later, 'app/me', []);
	reply($asks, $question, data => 'mine');
	is(call_end($asks, $id)->{data}, 'mine', 'a call may ask its own connection, for which no other answers');
}
is(scalar(grep { ($_->{type} // '') eq 'request' } ws_quiet($later)), 0, 'nor is asked');
$id = call_begin($asker, 'app/one', [ ws_call($tab, 'app/me', [])->{data} ]);
question($tab);
ws_close($tab);
is(call_end($asker, $id)->{code}, 'NOT_FOUND', 'if it ends, the other tab is not asked in its place');
is(scalar(grep { ($_->{type} // '') eq 'request' } ws_quiet($later)), 0, 'as it has seen');

# ---- a session ----

my $session = $node->background_psql('postgres', on_error_stop => 0);
is(sqlstate_of(q{SELECT realtime.push('ann', 'question', '1', '50 ms')}), 'RT408', 'a session may ask, too');
is(sqlstate_of(q{SELECT realtime.push('nobody', 'question')}), 'RT404', 'nobody');
is(sqlstate_of(q{SELECT realtime.push(NULL, 'question')}), '22004', 'a NULL');
is(sqlstate_of(q{SELECT realtime.push('a"', 'question')}), 'RT422', 'a bad user');
is(sqlstate_of(q{SELECT realtime.connection_push(NULL, 'question')}), '22004', 'no connection');
is(sqlstate_of(q{SELECT realtime.connection_push('nobody', 'question')}), 'RT404', 'one that is not there');
is(sqlstate_of(qq{SELECT realtime.push('ann', 'question', NULL, $_)}), '22023', "a timeout of $_") for 'NULL', "'0'", "'-1 s'", "'2 days'";
is(sqlstate_of(q{SET statement_timeout = '100ms'; SELECT realtime.push('ann', 'question', NULL, '1 hour')}), '57014', 'a wait can be cancelled');

like(sql(q{SELECT pg_get_function_arguments('realtime.push(text, text, jsonb, interval)'::regprocedure)}), qr/timeout interval DEFAULT '00:00:05'::interval$/, 'it is five seconds if nothing is said');

# what was sent before the commit is known to nobody else
$session->query_until(qr/begun/, "BEGIN;\n\\echo begun\nSELECT realtime.publish('never', 'x');\nSELECT realtime.push('ann', 'inside', NULL, '1 min');\n");
# those before may have been over before they were sent
$question = ws_wait($ann, sub { ($_->{type} // '') eq 'request' && $_->{event} eq 'inside' });
is($question->{event}, 'inside', 'it leaves before the transaction ends');
my $pid = sql(q{SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND query LIKE '%inside%' AND pid <> pg_backend_pid()});
like($pid, qr/^\d+$/, 'the session waits');
sql("SELECT pg_terminate_backend($pid)");
ok(poll_until(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") == 0 }), 'and can be ended');
reply($ann, $question, data => 1);
eval { $session->quit };
ws_quiet($ann);
$id = call_begin($asker, 'app/ask', [ 'ann', 1 ]);
reply($ann, question($ann), data => 'yes');
is(call_end($asker, $id)->{data}, 'yes', 'which leaves nothing behind');

# ---- executors ----

# Three of five may wait; the others go on, and what would be one too many is told so.
my @ids = map { call_begin($asker, 'app/ask', [ 'ann', $_ ]) } 1 .. 3;
my @questions = map { question($ann) } 1 .. 3;
is(ws_call(client(), 'app/ask', [ 'ann', 4 ])->{code}, 'OVERLOADED', 'two executors never wait for clients');
like(ws_call(client(), 'app/me', [])->{data}, qr/^[0-9a-f-]+$/, 'and run what others ask');
reply($ann, $_, data => $_->{data}) for reverse @questions;
is(join(' ', map { call_end($asker, $_)->{data} } @ids), '1 2 3', 'each has its own answer');

# ---- ends ----

my ($gateway) = sql(q{SELECT g.pid FROM realtime.connections c JOIN realtime.stat_gateway g ON g.number = c.gateway WHERE user_id = 'ann'}) =~ /(\d+)/;
SKIP:
{
	# another gateway's client asks, or it would go with it
	my $other;
	for (1 .. 40)
	{
		my $ws = client();
		my $me = ws_call($ws, 'app/me', [])->{data};
		next if sql(qq{SELECT count(*) FROM realtime.connections c JOIN realtime.stat_gateway g ON g.number = c.gateway WHERE connection_id = '$me' AND pid = $gateway}) > 0;
		$other = $ws;
		last;
	}
	skip 'all connections are on one gateway', 4 if !$other;
	$id = call_begin($other, 'app/careful', ['ann']);
	question($ann);
	kill TERM => $gateway;
	is(call_end($other, $id)->{data}, 'gone', 'a gateway that ends takes what its clients were asked with it');

	# the same before it has seen what is asked
	my $gateway_of = sub {
		return sql(q{SELECT gateway FROM realtime.connections WHERE connection_id = '} . ws_call($_[0], 'app/me', [])->{data} . q{'});
	};
	my $eve;
	do { ws_close($eve) if $eve; $eve = client('eve') } until $gateway_of->($eve) ne $gateway_of->($other);
	$gateway = sql('SELECT pid FROM realtime.stat_gateway WHERE number = ' . $gateway_of->($eve));
	kill STOP => $gateway;
	$id = call_begin($other, 'app/careful', ['eve']);
	ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor%' AND wait_event = 'RealtimePush'}) > 0
		|| sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor%' AND wait_event = 'Extension' AND backend_xmin IS NOT NULL}) > 0 }),
		'a call waits for a gateway that does not run');
	kill TERM => $gateway;
	kill CONT => $gateway;
	is(call_end($other, $id)->{data}, 'gone', 'and for no longer than that is there');
	no_crash($node);
}

done_testing();
