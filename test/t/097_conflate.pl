# coalesce_by: a client that does not read gets the newest event of each key.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $limit = 256 * 1024;    # realtime.max_backpressure
my $node = new_node('realtime.max_backpressure' => $limit,
	'realtime.idle_timeout' => 0, 'realtime.stall_timeout' => 0, 'realtime.executors' => 3);
my $true = JSON::PP::true;
my $json = JSON::PP->new->utf8->allow_nonref->canonical;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.item (id integer PRIMARY KEY, n integer, x text);
GRANT SELECT ON app.item TO realtime_anonymous;
CREATE FUNCTION app.items() RETURNS SETOF app.item STABLE LANGUAGE sql AS 'SELECT * FROM app.item ORDER BY id';
CREATE FUNCTION app.key_of(data jsonb) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$BEGIN
	IF data->>'id' = 'broken' THEN
		RAISE EXCEPTION 'no key';
	END IF;
	RETURN data->>'id';
END$$;
CREATE FUNCTION app.say(topic text, event text, data jsonb) RETURNS void LANGUAGE sql AS
	'SELECT realtime.publish(topic, event, data)';
SELECT realtime.live_table('app.item', 'items'),
	realtime.stream('co/ticks', 'ticks', 'app.items()', coalesce_by => 'id'),
	realtime.stream('co/deep', 'deep:{1}', coalesce_by => 'who.id'),
	realtime.stream('co/function', 'function', coalesce_by => 'app.key_of(jsonb)'),
	realtime.stream('co/items', 'items', 'app.items()', coalesce_by => 'id'),
	realtime.stream('co/set', 'set', 'app.items()', coalesce_by => 'id'),
	realtime.rpc('co/say', 'app.say(text,text,jsonb)');
});
wait_for_call($node, 'co/say', [ 'x', 'y', {} ]);

sub sql { return $node->safe_psql('postgres', $_[0]); }
sub follow { my ($ws, $path, @args) = @_; return ws_call($ws, $path, \@args, stream => $true); }
sub slow_reader { return ws_connect($node, receive_buffer => 4096); }
sub publish { my ($topic, $name, $data) = @_; sql("SELECT realtime.publish('$topic', '$name', '$data')"); return; }

# More than a socket takes: events of 4 kB, of some keys in turn.
my $many = 4000;
sub fill
{
	my ($topic, $data) = @_;
	sql(qq{SELECT count(realtime.publish('$topic', 'updated', $data || jsonb_build_object('n', n, 'x', repeat('x', 4000))))
		FROM generate_series(1, $many) n});
	return;
}

# The events of a topic up to one with a name, as [name, data].
sub events_until
{
	my ($ws, $topic, $name) = @_;
	my @events;

	while (1)
	{
		my $frame = ws_recv($ws) or die "the stream has ended\n";
		next unless $frame->[0] eq 'text' && $frame->[1] =~ /^\{"topic":"\Q$topic\E"/;
		my $event = $json->decode($frame->[1]);
		return @events if $event->{event} eq $name;
		push @events, [ @$event{qw(event data)} ];
	}
}

# Whether what a client got of each key ends with the newest, and goes on only.
sub is_newest
{
	my ($key, $keys, $what, @events) = @_;
	my %last;
	my $backwards = 0;

	for (@events)
	{
		my $data = $_->[1];
		my $value = $key->($data);
		$backwards++ if $data->{n} <= ($last{$value} // 0);
		$last{$value} = $data->{n};
	}
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([ sort { $a <=> $b } values %last ], [ $many - $keys + 1 .. $many ], "$what: of each key the newest");
	is($backwards, 0, 'and nothing older after what is newer');
	cmp_ok(scalar @events, '<', $many, 'but not all');
	is(scalar(grep { $_->[0] eq 'truncated' } @events), 0, 'and nothing is lost');
	return;
}

# A member
my $slow = slow_reader();
is(follow($slow, 'co/ticks')->{ok}, $true, 'a stream');
fill('ticks', q{jsonb_build_object('id', n % 5)});
publish('ticks', 'end', '{}');
is_newest(sub { $_[0]{id} }, 5, 'a member', events_until($slow, 'ticks', 'end'));
publish('ticks', 'updated', qq({"id": 1, "n": $_})) for 1 .. 3;
publish('ticks', 'end', '{}');
is(scalar(events_until($slow, 'ticks', 'end')), 3, 'who reads gets all');

# A member of a member; 1 and "1" are two keys
is(follow($slow, 'co/deep', 'x')->{ok}, $true, 'a channel');
fill('deep:x', q{jsonb_build_object('who', jsonb_build_object('id', CASE WHEN n % 2 = 0 THEN '1'::jsonb ELSE '"1"'::jsonb END))});
publish('deep:x', 'end', '{}');
is_newest(sub { $json->encode($_[0]{who}{id}) }, 2, 'a member of a member', events_until($slow, 'deep:x', 'end'));

# A function
is(follow($slow, 'co/function')->{ok}, $true, 'a channel with a function');
fill('function', q{jsonb_build_object('id', n % 3)});
publish('function', 'end', '{}');
is_newest(sub { $_[0]{id} }, 3, 'a function', events_until($slow, 'function', 'end'));
is($node->psql('postgres', q{SELECT realtime.publish('function', 'updated', '{"id": "broken"}')}), 3, 'one that fails is an error of its publisher');

# Rows that come and go meanwhile
fill('ticks', q{jsonb_build_object('id', 1)});
sql(q{SELECT realtime.publish('ticks', 'created', '{"id": 10, "n": 1}'), realtime.publish('ticks', 'updated', '{"id": 10, "n": 2}'),
	realtime.publish('ticks', 'created', '{"id": 11, "n": 1}'), realtime.publish('ticks', 'deleted', '{"id": 11}'),
	realtime.publish('ticks', 'deleted', '{"id": 12}'), realtime.publish('ticks', 'created', '{"id": 12, "n": 1}'),
	realtime.publish('ticks', 'updated', '{"id": 13, "n": 1}'), realtime.publish('ticks', 'updated', '{"id": 13, "n": 2}'),
	realtime.publish('ticks', 'noted', '{"n": 1}'), realtime.publish('ticks', 'noted', '{"n": 2}'),
	realtime.publish('ticks', 'updated', '{"id": 13, "n": 3}'), realtime.publish('ticks', 'updated', '{"id": 13, "n": 4}'),
	realtime.publish('ticks', 'end', '{}')});
is_deeply([ grep { ($_->[1]{id} // 0) != 1 } events_until($slow, 'ticks', 'end') ],
	[ [ created => { id => 10, n => 2 } ], [ deleted => { id => 11 } ], [ created => { id => 12, n => 1 } ],
		[ updated => { id => 13, n => 2 } ], [ noted => { n => 1 } ], [ noted => { n => 2 } ], [ updated => { id => 13, n => 4 } ] ],
	'rows that clients do not know are created, and what has no key keeps its place');

# A live table
is(follow($slow, 'co/items')->{ok}, $true, 'a live table');
sql('INSERT INTO app.item SELECT g, 0 FROM generate_series(0, 3) g');
sql(qq{DO \$\$BEGIN FOR n IN 1 .. $many LOOP UPDATE app.item SET n = n.n, x = repeat('x', 4000) FROM (SELECT n) n WHERE id = n.n % 4; COMMIT; END LOOP; END\$\$});
publish('items', 'end', '{}');
is_newest(sub { $_[0]{id} }, 4, 'a live table', grep { $_->[0] eq 'updated' } events_until($slow, 'items', 'end'));

# A call's own event comes before its answer
fill('ticks', q{jsonb_build_object('id', n % 5)});
ws_send($slow, { rpc => 'co/say', id => 'own', args => [ 'ticks', 'updated', { id => 3, n => 99999 } ] });
{
	my $seen = 0;
	while (1)
	{
		my $frame = ws_recv($slow) or die "the stream has ended\n";
		$seen = 1 if $frame->[1] =~ /99999/;
		last if $frame->[1] =~ /^\{"topic":"__rpc","event":"own"/;
	}
	ok($seen, 'a call has its event before its answer');
}

# Following it again while events wait: the value has them
{
	fill('set', q{jsonb_build_object('id', n % 5)}) for 1 .. 2;
	is(follow($slow, 'co/set')->{ok}, $true, 'followed');
	fill('set', q{jsonb_build_object('id', n % 5)});
	ws_send($slow, { type => 'unsubscribe', topic => 'set' });
	ws_send($slow, { rpc => 'co/set', id => 'again', args => [], stream => $true });
	my $reply = ws_wait($slow, sub { ($_->{event} // '') eq 'again' });
	is($reply->{data}{ok}, $true, 'and followed again');
	@{ $slow->{queue} } = ();
	publish('set', 'updated', '{"id": 1, "n": 7}');
	publish('set', 'end', '{}');
	is_deeply([ events_until($slow, 'set', 'end') ], [ [ updated => { id => 1, n => 7 } ] ], 'what waited before is gone');
}

# More keys than there is room for: the value is loaded again
my $other = slow_reader();
follow($other, 'co/set');
fill('set', q{jsonb_build_object('id', n)});
my @events = events_until($other, 'set', 'truncated');
cmp_ok(scalar @events, '<', $many, 'too many keys are too many');
is(follow($other, 'co/set')->{ok}, $true, 'who is told follows it again');
publish('set', 'end', '{}');
is_deeply([ events_until($other, 'set', 'end') ], [], 'from there on');

# Who goes takes everything along
fill('set', q{jsonb_build_object('id', n % 50)});
close $other->{socket};
ws_close($slow);
ok(poll_until(sub { sql('SELECT connections FROM realtime.stat_gateway') == 0 }), 'all are gone');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/, 'nothing crashed');

done_testing();
