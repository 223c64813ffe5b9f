# Two users of two roles do the same things on the same executor, and nothing of
# one ever reaches the other, by whatever way: each row, value and text of a user
# has a mark, and all bytes that a connection has got are searched for the other's.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;
use RealtimeToken;

my $json = JSON::PP->new->allow_nonref->canonical;
my $true = JSON::PP::true;
my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = new_node('realtime.executors' => 1, 'realtime.jwt_secret' => $secret, 'realtime.query_check' => 'on');

$node->safe_psql('postgres', q{
CREATE ROLE red;
CREATE ROLE blue;
GRANT red, blue TO realtime_executor;
GRANT realtime_publisher TO red, blue;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO red, blue;
CREATE FUNCTION app.me() RETURNS text STABLE LANGUAGE sql AS 'SELECT realtime.user_id()';
CREATE TABLE app.note (id integer PRIMARY KEY, owner text, body text UNIQUE, n integer DEFAULT 0 CONSTRAINT small CHECK (n < 1000));
ALTER TABLE app.note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.note USING (owner = app.me()) WITH CHECK (true);
INSERT INTO app.note VALUES (1, 'ann', 'mark-ann-1'), (2, 'bob', 'mark-bob-2'), (3, 'ann', 'mark-ann-3'), (4, 'bob', 'mark-bob-4');
CREATE TABLE app.blue_only (body text);
INSERT INTO app.blue_only VALUES ('mark-bob-only');
GRANT ALL ON app.note TO red, blue;
GRANT SELECT ON app.blue_only TO blue;
CREATE TABLE app.trace (who text, as_role text);
GRANT ALL ON app.trace TO red, blue;

-- reading, in plans that are kept
CREATE FUNCTION app.rows_sql() RETURNS SETOF app.note STABLE LANGUAGE sql AS 'SELECT * FROM app.note ORDER BY id';
CREATE FUNCTION app.rows_plain() RETURNS SETOF app.note STABLE LANGUAGE plpgsql AS
$$BEGIN RETURN QUERY SELECT * FROM app.note ORDER BY id; END$$;
CREATE FUNCTION app.rows_late() RETURNS SETOF app.note STABLE LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN QUERY SELECT * FROM app.note ORDER BY id; END$$;
CREATE FUNCTION app.only() RETURNS SETOF text STABLE LANGUAGE plpgsql AS
$$BEGIN RETURN QUERY SELECT body FROM app.blue_only; END$$;
CREATE FUNCTION app.only_sql() RETURNS SETOF text STABLE LANGUAGE sql AS 'SELECT body FROM app.blue_only';

-- errors that have somebody's text in them
CREATE FUNCTION app.fail(how text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS $$
<<b>>
DECLARE
	body text := (SELECT max(n.body) FROM app.note n WHERE n.owner <> app.me());
BEGIN
	CASE how
		WHEN 'raise' THEN RAISE EXCEPTION '%', body USING DETAIL = body, HINT = body;
		WHEN 'unique' THEN INSERT INTO app.note VALUES (1000, 'x', body);
		WHEN 'check' THEN UPDATE app.note n SET n = 1000 WHERE n.body = b.body;
		WHEN 'cast' THEN RETURN body::integer;
		WHEN 'assert' THEN ASSERT false, body;
		WHEN 'column' THEN EXECUTE format('SELECT %I', body);
		WHEN 'deferred' THEN INSERT INTO app.trace VALUES ('fail', body);
	END CASE;
	RETURN '';
END $$;
CREATE FUNCTION app.fail_load(how text) RETURNS TABLE (id text) STABLE LANGUAGE sql AS 'SELECT app.fail(how)';
CREATE FUNCTION app.at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.who = 'fail' THEN RAISE EXCEPTION '% %', NEW.as_role, current_user; END IF;
	IF NEW.who <> app.me() OR NEW.as_role <> current_user THEN RAISE EXCEPTION 'somebody else'; END IF;
	INSERT INTO app.trace_end VALUES (app.me(), current_user);
	RETURN NULL;
END $$;
CREATE TABLE app.trace_end (who text, as_role text);
GRANT INSERT ON app.trace_end TO red, blue;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON app.trace DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.at_commit();
CREATE FUNCTION app.trace() RETURNS void LANGUAGE sql AS $$INSERT INTO app.trace VALUES (app.me(), current_user)$$;

-- what a session keeps
CREATE FUNCTION app.leave() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('app.kept', 'mark-' || app.me(), false), realtime.set_context('kept', to_jsonb('mark-' || app.me()));
	EXECUTE format('CREATE TEMP TABLE kept AS SELECT %L::text AS body', 'mark-' || app.me());
	EXECUTE format('PREPARE kept AS SELECT %L::text', 'mark-' || app.me());
	RETURN 'mark-' || app.me();
END $$;
CREATE FUNCTION app.look() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN concat_ws(',', nullif(current_setting('app.kept', true), ''), realtime.context('kept'), to_regclass('kept'),
		(SELECT string_agg(statement, ',') FROM pg_prepared_statements), current_setting('request.jwt.claims'));
END $$;

-- calls that happen once
CREATE FUNCTION app.once() RETURNS text LANGUAGE sql AS $$SELECT 'mark-' || app.me() FROM pg_advisory_xact_lock_shared(7)$$;

-- changes, on topics of each
CREATE FUNCTION app.write(what jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS $$
BEGIN
	DELETE FROM app.note WHERE id = (what ->> 'delete')::int;
	INSERT INTO app.note SELECT (what ->> 'id')::int, what ->> 'owner', what ->> 'body' WHERE what ? 'id'
	ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, body = excluded.body;
	PERFORM realtime.publish('log:' || (what ->> 'owner'), 'created', what) WHERE what ? 'owner';
END $$;
CREATE FUNCTION app.is_me(user_id text) RETURNS boolean STABLE LANGUAGE sql AS 'SELECT user_id = app.me()';

-- what a definer gives away on purpose: the test must see it
CREATE FUNCTION app.careless() RETURNS SETOF text STABLE LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS 'SELECT body FROM app.note';

SELECT realtime.rpc('leak/sql', 'app.rows_sql()'), realtime.rpc('leak/plain', 'app.rows_plain()'),
	realtime.rpc('leak/only', 'app.only()'), realtime.rpc('leak/only_sql', 'app.only_sql()'),
	realtime.rpc('leak/fail', 'app.fail(text)'), realtime.rpc('leak/trace', 'app.trace()'),
	realtime.rpc('leak/leave', 'app.leave()'), realtime.rpc('leak/look', 'app.look()'),
	realtime.rpc('leak/once', 'app.once()', idempotent => true), realtime.rpc('leak/write', 'app.write(jsonb)'),
	realtime.rpc('leak/careless', 'app.careless()');
SELECT realtime.stream('leak/own', 'own:{user_id}', 'app.rows_sql()'), realtime.stream('leak/all', 'all', 'app.rows_plain()'),
	realtime.stream('leak/late', 'late', 'app.rows_late()'), realtime.stream('leak/broken', 'broken:{how}', 'app.fail_load(text)'),
	realtime.stream('leak/log', 'log:{user_id}', 'app.rows_plain()', replay => true),
	realtime.topic('row:{user_id}', access => 'app.is_me(text)'), realtime.live_table('app.note', 'row:{owner}'),
	realtime.query('leak/query', 'SELECT id, owner, body FROM app.note ORDER BY id'),
	realtime.query('leak/top', 'SELECT id, owner, body FROM app.note ORDER BY id DESC LIMIT 2'),
	realtime.query('leak/count', 'SELECT owner, count(*) AS n, max(body) AS body FROM app.note GROUP BY owner', key => 'owner');
});
wait_for_call($node, 'leak/careless', []);

# All that a connection has ever got
{
	no warnings 'redefine';
	my $take = \&RealtimeTest::take_frame;
	*RealtimeTest::take_frame = sub {
		my @frame = $take->(@_);
		$_[0]{heard} .= $frame[2] if @frame;
		return @frame;
	};
}
my @told;						# over HTTP, by user
sub token { my ($who, $role) = @_; return jwt({ sub => $who, role => $role }, secret => $secret) }
sub enter { my ($who, $role) = @_; return ws_connect($node, headers => { Authorization => 'Bearer ' . token($who, $role) }) }
my %role = (ann => 'red', bob => 'blue');
my %ws = map { $_ => enter($_, $role{$_}) } sort keys %role;
sub call { my ($who, $path, @args) = @_; return ws_call($ws{$who}, $path, \@args) }
sub follow { my ($who, $path, @args) = @_; return ws_call($ws{$who}, $path, \@args, stream => $true) }
sub bodies { return [ map { $_->{body} } @{ $_[0] } ] }
sub page
{
	my ($who, $path) = @_;
	my ($status, $head, $body) = http_request($node, "GET /__realtime/load/$path", Authorization => 'Bearer ' . token($who, $role{$who}));
	push @told, [ $who, $body ];
	return ($status, $body);
}
sub hold { my $session = $node->background_psql('postgres', on_error_stop => 1); $session->query_safe('SELECT pg_advisory_lock(7)'); return $session }

my %own = (ann => [ 'mark-ann-1', 'mark-ann-3' ], bob => [ 'mark-bob-2', 'mark-bob-4' ]);

# Plans that are kept
for my $round (1 .. 8)
{
	for my $who ($round % 2 ? qw(ann bob) : qw(bob ann))
	{
		for my $path (qw(leak/sql leak/plain))
		{
			my $got = bodies(call($who, $path)->{data});
			is_deeply($got, $own{$who}, "$path of $who") if $round == 1 || "@$got" ne "@{$own{$who}}";
		}
		for my $path (qw(leak/only leak/only_sql))
		{
			my $reply = call($who, $path);
			my $good = $who eq 'bob' ? ($reply->{data}[0] // '') eq 'mark-bob-only' : ($reply->{code} // '') eq 'FORBIDDEN';
			ok($good, "$path of $who, $round") if $round == 1 || !$good;
		}
	}
}

# What stays in a session
for my $pair ([ 'ann', 'bob' ], [ 'bob', 'ann' ])
{
	is(call($pair->[0], 'leak/leave')->{data}, "mark-$pair->[0]", "$pair->[0] leaves much behind");
	unlike(call($pair->[1], 'leak/look')->{data} // '', qr/mark/, "$pair->[1] finds nothing of it");
}

# Triggers at the commit, of calls that are committed together
my $held = hold();
ws_send($ws{ann}, { rpc => 'leak/once', id => 'hold', args => [] });
for my $n (1 .. 10)
{
	ws_send($ws{$_}, { rpc => 'leak/trace', id => "trace$n", args => [] }) for qw(ann bob);
}
$held->query_safe('SELECT pg_advisory_unlock(7)');
for my $who (qw(ann bob))
{
	my @bad;
	for my $n (1 .. 10)
	{
		push @bad, $n unless ws_wait($ws{$who}, sub { ($_->{event} // '') eq "trace$n" })->{data}{ok};
	}
	is_deeply(\@bad, [], "the commits of $who are those of $who");
}
is($node->safe_psql('postgres', 'SELECT who, as_role, count(*) FROM app.trace_end GROUP BY 1, 2 ORDER BY 1'), "ann|red|10\nbob|blue|10", 'each as the role that it was');

# Errors: by calls, loads, live queries and pages
my %code = (raise => 'INTERNAL_ERROR', unique => 'CONFLICT', check => 'VALIDATION', cast => 'VALIDATION', assert => 'INTERNAL_ERROR',
	column => 'INTERNAL_ERROR', deferred => 'INTERNAL_ERROR');
for my $how (sort keys %code)
{
	is(call($_, 'leak/fail', $how)->{code}, $code{$how}, "$_ is told of $how") for qw(ann bob);
	next if $how eq 'deferred';
	ok(!follow($_, 'leak/broken', $how)->{ok}, "by a stream as well") for qw(ann bob);
	isnt((page($_, "leak/broken?args=%5B%22$how%22%5D"))[0], 200, 'and a page') for qw(ann bob);
}

# Once: the same keys of two users, one after the other and at the same time; and such that look alike with the user's name
my %twin = map { $_ => enter($_, $role{$_}) } qw(ann bob);
is(ws_call($ws{$_}, 'leak/once', [], idempotencyKey => 'k')->{data}, "mark-$_", "$_ has an answer of his own") for qw(ann bob ann bob);
$held = hold();
ws_send($_->[0]{ $_->[1] }, { rpc => 'leak/once', id => 'twin', args => [], idempotencyKey => 'late' })
  for ([ \%ws, 'ann' ], [ \%ws, 'bob' ], [ \%twin, 'bob' ], [ \%twin, 'ann' ]);
$held->query_safe('SELECT pg_advisory_unlock(7)');
for my $who (qw(ann bob))
{
	is(ws_wait($_, sub { ($_->{event} // '') eq 'twin' })->{data}{data}, "mark-$who", "twins of $who have theirs") for $ws{$who}, $twin{$who};
}
my ($short, $long) = (enter('an', 'red'), enter('ann', 'red'));
is(ws_call($short, 'leak/once', [], idempotencyKey => 'nkey')->{data}, 'mark-an', 'a name and a key');
is(ws_call($long, 'leak/once', [], idempotencyKey => 'key')->{data}, 'mark-ann', 'are not those that are written alike');

# Streams that are asked for at the same time, and anew
$held = hold();
ws_send($_, { rpc => 'leak/late', id => 'late', args => [], stream => $true }) for $ws{ann}, $ws{bob}, $twin{ann}, $twin{bob};
$held->query_safe('SELECT pg_advisory_unlock(7)');
for my $who (qw(ann bob))
{
	is_deeply(bodies(ws_wait($_, sub { ($_->{event} // '') eq 'late' })->{data}{data}), $own{$who}, "a load of $who is of $who") for $ws{$who}, $twin{$who};
}
is_deeply(bodies(follow($_, 'leak/all')->{data}), $own{$_}, "one topic, and the value of $_") for qw(ann bob);
$node->safe_psql('postgres', q{SELECT realtime.invalidate('all'), realtime.invalidate('late')});
for my $who (qw(ann bob))
{
	for my $topic (qw(all late))
	{
		my $event = ws_wait($ws{$who}, sub { ($_->{topic} // '') eq $topic });
		is_deeply([ $event->{event}, @{ bodies($event->{data}) } ], [ 'refreshed', @{ $own{$who} } ], "$topic anew for $who");
	}
	is((page($who, 'leak/all'))[0], 200, 'a page');
}

# Topics of others
# Topics of streams are acknowledged to anybody, and bring nothing by that
is(ws_subscribe($ws{ann}, "$_:bob")->{type}, 'subscribe-denied', "$_ of others is refused") for qw(row __system __signal);
for my $topic (qw(own log))
{
	ws_subscribe($ws{ann}, "$topic:bob");
	ws_subscribe($ws{bob}, "$topic:ann");
}
is(ws_subscribe($ws{$_}, "row:$_")->{type}, 'subscribed', "$_ and the rows of $_") for qw(ann bob);
follow($_, 'leak/own') for qw(ann bob);
my %seq = map { $_ => follow($_, 'leak/log')->{seq} } qw(ann bob);
my %query = map { my $who = $_; ($who => { map { $_ => follow($who, "leak/$_") } qw(query top count) }) } qw(ann bob);
is_deeply(bodies($query{$_}{query}{data}), $own{$_}, "a live query of $_") for qw(ann bob);
for my $who (qw(ann bob))
{
	my $other = $who eq 'ann' ? 'bob' : 'ann';
	for my $topic (map { $query{$other}{$_}{topic} } qw(query top count))
	{
		ws_subscribe($ws{$who}, $topic);
	}
}

# Rows that come, change, move to the other and back, and go
my $id = 10;
for my $round (1 .. 6)
{
	for my $who (qw(ann bob))
	{
		my $other = $who eq 'ann' ? 'bob' : 'ann';
		my $row = ++$id;
		for my $step ([ $who, 'new' ], [ $who, 'changed' ], [ $other, 'moved' ], [ $who, 'back' ])
		{
			my ($owner, $what) = @$step;
			my $reply = call($who, 'leak/write', { id => $row, owner => $owner, body => "mark-$owner-$row-$what" });
			ok($reply->{ok}, $what) if $round == 1 || !$reply->{ok};
		}
		call($who, 'leak/write', { delete => $row }) if $round % 2;
	}
}
for my $who (qw(ann bob))
{
	call($who, 'leak/write', { id => 99 + ($who eq 'bob'), owner => $who, body => "mark-$who-end" });
	for my $topic ("row:$who", "log:$who", map { $query{$who}{$_}{topic} } qw(query top count))
	{
		ok(ws_wait($ws{$who}, sub { ($_->{topic} // '') eq $topic && $json->encode($_) =~ /mark-$who-end/ }), "$who has all of $topic");
	}
}

# What is kept: by number, by another's number, by name
for my $who (qw(ann bob))
{
	my $other = $who eq 'ann' ? 'bob' : 'ann';
	my $late = enter($who, $role{$who});
	my $reply = ws_call($late, 'leak/log', [], stream => $true, seq => $seq{$who});
	is($reply->{replay}, $true, "$who comes back");
	is((grep { $json->encode($_) =~ /mark-$other/ } @{ $reply->{data} }), 0, 'and gets nothing of others');
	ws_call($late, 'leak/log', [], stream => $true, seq => $_) for $seq{$other}, 0;
	ws_send($late, { type => 'replay', topic => "log:$other", since => 0, reqId => 1 });
	ws_send($late, { type => 'resume', sessionId => $ws{$other}{welcome}{sessionId}, lastSeenSeqs => { "log:$other" => 0, "log:$who" => $seq{$who} } });
	ws_wait($late, sub { ($_->{type} // '') eq 'resumed' });
	ws_quiet($late);
	$ws{$who}{heard} .= $late->{heard};
}

# Nor may they ask as somebody else
for my $path (qw(realtime.load realtime.call))
{
	is($node->psql('postgres', qq{SET ROLE red; SELECT $path('leak/sql', '[]', '{"id": "bob", "role": "blue"}')}), 3, "$path is not for users");
}

# All of it
sub heard
{
	my ($who) = @_;
	return join '', map({ $_->{heard} // '' } $ws{$who}, $twin{$who}), map { $_->[1] } grep { $_->[0] eq $who } @told;
}
ws_quiet($_) for values %ws, values %twin;
for my $who (qw(ann bob))
{
	my $other = $who eq 'ann' ? 'bob' : 'ann';
	my $heard = heard($who);
	my ($leak) = $heard =~ /(.{0,200}mark-$other.{0,80})/s;
	is($leak, undef, "$who has never got anything of $other");
	like($heard, qr/mark-$who/, 'but what is its own');
}
call('ann', 'leak/careless');
like(heard('ann'), qr/mark-bob/, 'a leak would have been seen');
unlike(slurp_file($node->logfile), qr/PANIC: |TRAP:|was terminated by signal|query_check/, 'nothing has crashed');

done_testing();
