# A value that is longer than a frame travels in parts, to those who have said
# that they take them: whole, once, at their own pace, and what comes behind it
# comes behind it.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 6, 'realtime.ring_size' => '1MB', 'realtime.stall_timeout' => 0,
	'realtime.idle_timeout' => 0, 'realtime.handler_timeout' => '5min');
my $true = JSON::PP::true;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.list (name text PRIMARY KEY, size integer);
CREATE TABLE app.item (list text, id integer, PRIMARY KEY (list, id));
GRANT ALL ON ALL TABLES IN SCHEMA app TO realtime_anonymous;
INSERT INTO app.list VALUES ('small', 10), ('mid', 30000), ('long', 50000), ('huge', 1000000), ('item', 1048000);
INSERT INTO app.item SELECT 'small', g FROM generate_series(1, 3) g UNION ALL SELECT 'mid', g FROM generate_series(1, 50) g
	UNION ALL SELECT 'long', g FROM generate_series(1, 140) g UNION ALL SELECT 'huge', g FROM generate_series(1, 9) g
	UNION ALL SELECT 'item', g FROM generate_series(1, 2) g;
-- waits as long as the test holds the lock
CREATE FUNCTION app.rows(list text) RETURNS TABLE (id integer, body text) STABLE LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_xact_lock_shared(1);
	RETURN QUERY SELECT i.id, repeat('x', l.size) FROM app.item i JOIN app.list l ON l.name = i.list WHERE l.name = rows.list ORDER BY 1;
END$$;
CREATE FUNCTION app.text(n integer) RETURNS text STABLE LANGUAGE sql AS $$SELECT repeat('x', n)$$;
CREATE FUNCTION app.page(list text) RETURNS realtime.page STABLE LANGUAGE sql AS
	$$SELECT jsonb_agg(to_jsonb(r)), true, '"more"'::jsonb FROM app.rows(list) r$$;
CREATE FUNCTION app.version(list text) RETURNS text STABLE LANGUAGE sql AS $$SELECT 'two'::text$$;
CREATE FUNCTION app.diff(since text, list text) RETURNS jsonb STABLE LANGUAGE sql AS
	$$SELECT jsonb_agg(to_jsonb(r) || '{"changed": true}') FROM app.rows(list) r$$;
CREATE FUNCTION app.add(list text, id integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO app.item VALUES (list, id);
	SELECT realtime.publish(p || ':' || list, 'created', jsonb_build_object('id', id)) FROM unnest('{pt,seq,page,ver}'::text[]) p$$;
SELECT realtime.stream('pt/rows', 'pt:{list}', 'app.rows(text)', invalidate_on => '{changed}'),
	realtime.stream('pt/numbered', 'seq:{list}', 'app.rows(text)', replay => true, replay_size => 100000),
	realtime.stream('pt/page', 'page:{list}', 'app.page(text)'),
	realtime.stream('pt/version', 'ver:{list}', 'app.rows(text)', delta_version => 'app.version(text)', delta_diff => 'app.diff(text,text)'),
	realtime.stream('pt/text', 'text:{n}', 'app.text(integer)', merge => 'set'),
	realtime.rpc('pt/add', 'app.add(text,integer)');
});
wait_for_call($node, 'pt/rows', ['small']);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub memory { return sql('SELECT memory FROM realtime.stat_gateway'); }
sub ask { my ($ws, $path, $id, $arg, %more) = @_; ws_send($ws, { rpc => $path, id => $id, args => [$arg], stream => $true, %more }); return; }

sub takes_parts
{
	my (%option) = @_;
	my $ws = ws_connect($node, %option);

	ws_send($ws, { type => 'hello', caps => ['parts'] });
	return $ws;
}

# What matters of a frame: [topic, event, ids, rest], bodies left out.  They are
# too long for JSON::PP to take them apart in time.
sub next_frame
{
	my ($ws) = @_;

	while (1)
	{
		my $frame = ws_recv($ws) or die "the stream has ended\n";
		my $text = $frame->[1];

		next unless $frame->[0] eq 'text' && $text =~ /^\{"topic":"([^"]*)","event":"([^"]*)"/;
		my ($topic, $event) = ($1, $2);
		die "a frame of " . length($text) . " bytes\n" if length $text > 1024 * 1024;
		my @ids = $text =~ /"id": ?(\d+)/g;
		$text =~ s/x+//g;
		return { topic => $topic, event => $event, ids => \@ids, text => $text };
	}
}

# Reads until the value of an id is whole: its items' ids, its frames, and what
# else has come.
sub value
{
	my ($ws, $id) = @_;
	my $value = { ids => [], frames => 0, others => [], reply => '' };

	while (1)
	{
		my $frame = next_frame($ws);

		if ($frame->{event} ne $id)
		{
			push @{ $value->{others} }, $frame;
			next;
		}
		$value->{reply} = $frame->{text} if $frame->{topic} eq '__rpc';
		push @{ $value->{ids} }, @{ $frame->{ids} };
		$value->{frames}++;
		return $value unless $frame->{text} =~ /"more":true/;
		die "no part\n" if $value->{frames} > 1 && $frame->{topic} ne '__parts';
	}
}

sub events
{
	my ($ws, $count) = @_;
	return map { my $frame = next_frame($ws); "$frame->{topic} $frame->{event} @{ $frame->{ids} }" } 1 .. $count;
}

# Who says nothing
{
	my $ws = ws_connect($node);
	my $reply = ws_call($ws, 'pt/rows', ['mid'], stream => $true);

	is($reply->{code}, 'PAYLOAD_TOO_LARGE', 'a client that has not said that it takes parts');
	like($reply->{error}, qr/pages/, 'is told what to do');
	ws_close($ws);
}

# Who does
{
	my $ws = takes_parts();
	my $value;

	ask($ws, 'pt/rows', 'a', 'small');
	$value = value($ws, 'a');
	is($value->{frames}, 1, 'what fits into a frame comes in one');
	unlike($value->{reply}, qr/more/, 'and says nothing else');

	ask($ws, 'pt/rows', 'b', 'mid');
	$value = value($ws, 'b');
	is_deeply($value->{ids}, [ 1 .. 50 ], 'a long value comes whole');
	cmp_ok($value->{frames}, '>', 10, 'in parts');
	like($value->{reply}, qr/"data":\[\{.*"topic":"pt:mid","merge":"crud","key":"id","more":true\}\}$/, 'behind the reply');
	sql("SELECT app.add('mid', 51)");
	is_deeply([ events($ws, 1) ], ['pt:mid created 51'], 'and then events');

	ask($ws, 'pt/page', 'c', 'mid');
	$value = value($ws, 'c');
	is_deeply($value->{ids}, [ 1 .. 51 ], 'a long page');
	like($value->{reply}, qr/"hasMore":true,"cursor":"more","more":true/, 'has its cursor in the reply');
	ask($ws, 'pt/version', 'd', 'mid', version => 'one');
	$value = value($ws, 'd');
	like($value->{reply}, qr/"delta":true,.*"version":"two","more":true/, 'a long difference');
	is_deeply($value->{ids}, [ 1 .. 51 ], 'comes so, too');

	for my $case ([ 'pt/text', 1100000, 'a text' ], [ 'pt/rows', 'huge', 'what is beyond all measure' ], [ 'pt/rows', 'item', 'an item' ])
	{
		my $reply = ws_call($ws, $case->[0], [ $case->[1] ], stream => $true);
		is($reply->{code}, 'PAYLOAD_TOO_LARGE', "$case->[2] that is too long is refused");
	}
	is(ws_call($ws, 'pt/rows', ['mid'])->{code}, 'PAYLOAD_TOO_LARGE', 'as is what is only called');
	ws_close($ws);
}

# At the client's own pace, with events from both sides of the snapshot
for my $case ([ 'pt/rows', 'pt' ], [ 'pt/numbered', 'seq' ])
{
	my ($path, $prefix) = @$case;
	my $ws = takes_parts(receive_buffer => 4096);
	my $writer = ws_connect($node);
	my $value;

	ask($ws, $path, 'slow', 'long');
	ok(poll_until(sub { memory() > 5000000 }), "$path: what a client does not take is kept by the gateway");
	is(ws_call($writer, 'pt/add', [ 'long', $prefix eq 'pt' ? 200 : 300 ])->{ok}, $true, 'everybody else goes on');
	is(ws_call($writer, 'pt/add', [ 'long', $prefix eq 'pt' ? 201 : 301 ])->{ok}, $true, 'and events come');
	$value = value($ws, 'slow');
	is_deeply($value->{ids}, [ 1 .. 140, $prefix eq 'pt' ? () : (200, 201) ], 'the value is that of the beginning');
	is_deeply($value->{others}, [], 'nothing comes between its parts');
	is_deeply([ events($ws, 2) ], [ map { "$prefix:long created $_" } $prefix eq 'pt' ? (200, 201) : (300, 301) ],
		'what was published meanwhile comes behind the last one');
	ws_close($_) for $ws, $writer;
	ok(poll_until(sub { memory() < 1000000 }), 'and nothing is kept any more');
}

# Calls go through, and so does another value, but not any number of them
{
	my $ws = takes_parts(receive_buffer => 4096);
	my $calls = sql('SELECT sum(calls) FROM realtime.stat_executor');
	my (%ids, $refusal, $called);

	# in one piece: a client that takes nothing is not read from, either
	ws_raw($ws, join '', map { ws_frame('text', $_) } '{"rpc":"pt/rows","id":"call","args":["small"]}',
		map { qq({"rpc":"pt/rows","id":"$_","args":["long"],"stream":true}) } qw(one two three));
	ok(poll_until(sub { sql('SELECT sum(calls) FROM realtime.stat_executor') == $calls + 4 }), 'three values are loaded, and one is called');
	my $other = ws_connect($node);
	ws_call($other, 'pt/rows', ['small']);
	ws_close($other);
	until ($refusal && $called && 2 == grep { $_->{whole} } values %ids)
	{
		my $frame = next_frame($ws);
		my $id = $frame->{event};

		$called = 1 if $id eq 'call';
		$refusal = $frame->{text} if $frame->{text} =~ /"ok":false/;
		next if $id eq 'call' || $frame->{text} =~ /"ok":false/;
		push @{ $ids{$id}{ids} }, @{ $frame->{ids} };
		$ids{$id}{whole} = $frame->{text} !~ /"more":true/;
	}
	like($refusal, qr/RATE_LIMITED/, 'more than a connection may make the gateway keep is refused');
	is_deeply([ map { scalar @{ $_->{ids} } } values %ids ], [ 144, 144 ], 'the others come');
	ws_close($ws);
	ok(poll_until(sub { memory() < 1000000 }), 'and nothing is left');
}

# Who goes, and who does not want it any more
{
	my ($gone, $unsubscribed) = map { takes_parts(receive_buffer => 4096) } 1 .. 2;

	ask($gone, 'pt/rows', 'x', 'long');
	ok(poll_until(sub { memory() > 5000000 }), 'a value waits');
	close $gone->{socket};
	ok(poll_until(sub { memory() < 1000000 }), 'it goes with its connection');

	ask($unsubscribed, 'pt/rows', 'y', 'long');
	ok(poll_until(sub { memory() > 5000000 }), 'a value waits');
	ws_send($unsubscribed, { type => 'unsubscribe', topic => 'pt:long' });
	ws_send($unsubscribed, { type => 'subscribe', topic => '__x', ref => 1 });
	is(scalar(@{ value($unsubscribed, 'y')->{ids} }), 144, 'it comes all the same');
	sql("SELECT app.add('long', 400)");
	is_deeply([ grep { ($_->{topic} // '') eq 'pt:long' } ws_quiet($unsubscribed) ], [], 'but no events');
	ws_close($unsubscribed);
}

# So slow that the ring has gone round
{
	my ($ordered, $numbered) = map { takes_parts(receive_buffer => 4096) } 1 .. 2;

	ask($ordered, 'pt/rows', 'o', 'long');
	ask($numbered, 'pt/numbered', 'n', 'long');
	ok(poll_until(sub { memory() > 12000000 }), 'two values wait');
	sql(join ';', map { "SELECT realtime.publish('seq:long', 'other', jsonb_build_object('id', g, 'body', repeat('x', 1000))) FROM generate_series($_, $_ + 99) g" }
		map { 1000 + 100 * $_ } 0 .. 19);
	sql("SELECT app.add('long', 500)");
	is(scalar(@{ value($numbered, 'n')->{ids} }), 145, 'the value of before');
	is_deeply([ events($numbered, 2001) ], [ (map { "seq:long other $_" } 1000 .. 2999), 'seq:long created 500' ],
		'and all events, where they have numbers');
	is(scalar(@{ value($ordered, 'o')->{ids} }), 145, 'the value of before');
	is_deeply([ events($ordered, 1) ], ['pt:long truncated '], 'and else word that some are missing');
	ws_close($_) for $ordered, $numbered;
}

# Many who ask for the same
{
	my @crowd = map { takes_parts() } 1 .. 3;
	my $other = ws_connect($node);
	my $holder = $node->background_psql('postgres');
	my $waiters = sub { sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) };

	$holder->query_safe('SELECT pg_advisory_lock(1)');
	ask($crowd[0], 'pt/rows', 'i', 'mid');
	ok(poll_until(sub { $waiters->() == 1 }), 'somebody asks');
	for ([ $crowd[1], 'an-id-that-is-longer' ], [ $crowd[2], '' . 'y' x 200 ])
	{
		ask($_->[0], 'pt/rows', $_->[1], 'mid');
		ws_quiet($_->[0]);
	}
	is($waiters->(), 1, 'others join');
	ask($other, 'pt/rows', 'short', 'mid');
	ok(poll_until(sub { $waiters->() == 2 }), 'but nobody who could not take it');
	$holder->query_safe('SELECT pg_advisory_unlock(1)');
	for ([ $crowd[0], 'i' ], [ $crowd[1], 'an-id-that-is-longer' ], [ $crowd[2], 'y' x 200 ])
	{
		# next_frame() takes rows of "x" out of texts, and ids are none of those
		is_deeply(value(@$_)->{ids}, [ 1 .. 51 ], 'each has the value, by its own id');
	}
	is(ws_wait($other, sub { ($_->{event} // '') eq 'short' })->{data}{code}, 'PAYLOAD_TOO_LARGE', 'that one is told so');
	sql("SELECT app.add('mid', 52)");
	is_deeply([ map { events($_, 1) } @crowd ], [ ('pt:mid created 52') x 3 ], 'events follow');
	ws_close($_) for @crowd, $other;
	$holder->quit;
}

# A value that grows beyond a frame
{
	my ($parts, $plain) = (takes_parts(), ws_connect($node));

	ask($parts, 'pt/rows', 'p', 'small');
	value($parts, 'p');
	ok(ws_call($plain, 'pt/rows', ['small'], stream => $true)->{ok}, 'two follow a short value');
	sql("UPDATE app.list SET size = 400000 WHERE name = 'small'; SELECT realtime.publish('changed', 'x')");
	my $event = ws_wait($plain, sub { ($_->{topic} // '') eq '__system:pt:small' });
	is($event->{data}{code}, 'PAYLOAD_TOO_LARGE', 'who does not take parts keeps it and is told');
	is_deeply([ events($parts, 1) ], ['pt:small truncated '], 'who does is to ask again');
	ask($parts, 'pt/rows', 'q', 'small');
	is_deeply(value($parts, 'q')->{ids}, [ 1 .. 3 ], 'and gets it');
	ws_close($_) for $parts, $plain;
}

# A live query is kept true for who takes long over its first value
{
	my $ws = takes_parts(receive_buffer => 4096);
	my $gateways = q{SELECT max(gateways) FROM realtime.stat_query WHERE path = 'pt/query'};

	sql(q{SELECT realtime.query('pt/query', 'SELECT id, repeat(''x'', 50000) AS body FROM app.item WHERE list = $1')});
	wait_for_call($node, 'pt/query', ['small']);
	ask($ws, 'pt/query', 'q', 'long');
	ok(poll_until(sub { memory() > 5000000 }), 'the value of a live query waits');
	is(sql($gateways), 1, 'its group is somebody\'s meanwhile');
	sql("INSERT INTO app.item VALUES ('long', 900)");
	is(scalar(@{ value($ws, 'q')->{ids} }), 146, 'it comes whole');
	like((events($ws, 1))[0], qr/^query:.* created 900$/, 'and then what has changed');
	ask($ws, 'pt/query', 'r', 'long');
	ok(poll_until(sub { memory() > 5000000 }), 'another one waits');
	is(sql($gateways), 1, 'of the same group');
	value($ws, 'r');
	is(sql($gateways), 1, 'which is still followed when it is there');
	ws_close($ws);
	ok(poll_until(sub { sql($gateways) eq 0 }), 'until the client has gone');
	sql("DELETE FROM app.item WHERE list = 'long' AND id = 900");
}

# The gateway ends in the middle
{
	my $ws = takes_parts(receive_buffer => 4096);

	ask($ws, 'pt/rows', 'x', 'long');
	ok(poll_until(sub { memory() > 5000000 }), 'a value waits');
	my $pid = sql('SELECT pid FROM realtime.stat_gateway');

	# the next one begins with it
	sql($_) for q{ALTER SYSTEM SET realtime.connection_memory = '1MB'}, 'SELECT pg_reload_conf()';
	kill TERM => $pid;
	ok(!eval { value($ws, 'x'); 1 }, 'its gateway ends, and so does the connection');
	ok(poll_until(sub { sql("SELECT count(*) FROM realtime.stat_gateway WHERE pid <> $pid") == 1 }), 'there is another one');
	wait_for_gateway($node);
	$ws = takes_parts();
	ask($ws, 'pt/rows', 'x', 'long');
	is(scalar(@{ value($ws, 'x')->{ids} }), 146, 'which has it, longer than all that a connection may make it keep');
	ws_close($ws);
}

done_testing();
