# Binary calls and uploads: what a handler gets, what clients are told, what stays
# of those that fail, and what hostile clients can do.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node(
	'realtime.executors' => 2, 'realtime.max_executors' => 8,
	'realtime.upload_buffer' => '128kB', 'realtime.upload_idle_timeout' => '1h',
	'realtime.upgrade_rate' => 0, 'work_mem' => '1MB');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sql(q{
CREATE TABLE app.piece (upload text, number serial, bytes bytea);
CREATE TABLE app.allowed (yes boolean);
INSERT INTO app.allowed VALUES (true);
CREATE FUNCTION app.size(payload bytea, name text DEFAULT 'none') RETURNS jsonb LANGUAGE sql AS
$$SELECT jsonb_build_object('size', length(payload), 'name', name, 'sum', encode(sha256(payload), 'hex'))$$;
CREATE FUNCTION app.not_empty(payload bytea, name text DEFAULT NULL) RETURNS boolean LANGUAGE sql AS $$SELECT length(payload) > 0$$;
CREATE FUNCTION app.keep(note text DEFAULT '') RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE piece bytea; total bigint := 0; count int := 0;
BEGIN
	LOOP
		piece := realtime.upload_next();
		EXIT WHEN piece IS NULL;
		INSERT INTO app.piece (upload, bytes) VALUES (realtime.upload_id(), piece);
		total := total + length(piece);
		count := count + 1;
	END LOOP;
	RETURN jsonb_build_object('size', total, 'count', count, 'note', note);
END $$;
CREATE FUNCTION app.keep_rows() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$
	INSERT INTO app.piece (upload, bytes) SELECT 'rows', realtime.upload_chunks();
	SELECT sum(length(bytes)) FROM app.piece WHERE upload = 'rows'$$;
CREATE FUNCTION app.keep_table() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$
	SELECT encode(sha256(string_agg(chunk, NULL ORDER BY n)), 'hex') FROM realtime.upload_chunks() WITH ORDINALITY c (chunk, n)$$;
CREATE FUNCTION app.keep_lo() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE lo oid := realtime.upload_to_lo();
BEGIN
	RETURN encode(sha256(lo_get(lo)), 'hex');
END $$;
CREATE FUNCTION app.first() RETURNS int LANGUAGE sql AS $$SELECT length(realtime.upload_next())$$;
CREATE FUNCTION app.stuck() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
	INSERT INTO app.piece (upload) VALUES ('stuck'); SELECT pg_sleep(3600)$$;
CREATE FUNCTION app.deaf() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	INSERT INTO app.piece (upload) VALUES ('deaf');
	LOOP
		BEGIN
			PERFORM realtime.upload_next();
		EXCEPTION WHEN OTHERS THEN
			EXIT;
		END;
	END LOOP;
END $$;
CREATE FUNCTION app.key() RETURNS text LANGUAGE sql AS $$SELECT 'upload'$$;
CREATE FUNCTION app.refused() RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE FUNCTION app.while_allowed() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT yes FROM app.allowed';
CREATE FUNCTION app.peek() RETURNS boolean LANGUAGE sql AS 'SELECT realtime.upload_next() IS NULL';
SELECT realtime.binary('app/size', 'app.size(bytea,text)', max_size => 1000),
	realtime.binary('app/guarded', 'app.size(bytea,text)', guard => '{"app.not_empty(bytea,text)"}'),
	realtime.upload('app/keep', 'app.keep(text)', max_size => 4000000, max_per_session => 3, max_total => 4),
	realtime.upload('app/small', 'app.keep(text)', max_size => 10),
	realtime.upload('app/keep_rows', 'app.keep_rows()'),
	realtime.upload('app/keep_table', 'app.keep_table()'),
	realtime.upload('app/keep_lo', 'app.keep_lo()'),
	realtime.upload('app/first', 'app.first()'),
	realtime.upload('app/stuck', 'app.stuck()'),
	realtime.upload('app/short', 'app.stuck()', timeout => '100 ms'),
	realtime.upload('app/deaf', 'app.deaf()'),
	realtime.upload('app/refused', 'app.keep(text)', guard => '{app.refused()}'),
	realtime.upload('app/peeking', 'app.keep(text)', guard => '{app.peek()}'),
	realtime.upload('app/locked', 'app.keep(text)', lock_key => 'app.key()'),
	realtime.upload('app/checked', 'app.keep(text)', guard => '{app.while_allowed()}', reauth_every => 1000);
});

# A handler that waits for more of its upload; before 17 all our waits have one name.
my $waits = "(state = 'active' AND wait_event_type = 'Extension')";
my $ws = ws_connect($node);
my $streams = 0;

sub frame { return ws_raw($_[0], ws_frame('binary', $_[1])); }

# A call with bytes; returns its result.
sub binary
{
	my ($path, $payload, @args) = @_;
	my $id = 'b' . ++$ws->{ids};
	my $header = qq({"rpc":"$path","id":"$id") . (@args ? ',"args":[' . join(',', @args) . ']' : '') . '}';
	frame($ws, pack('Cn/a*a*', 0, $header, $payload));
	return ws_wait($ws, sub { ($_->{topic} // '') eq '__rpc' && $_->{event} eq $id })->{data};
}

sub chunk { my ($stream, $seq, $last, $bytes) = @_; return pack 'CCNNa*', 1, $last ? 2 : 0, $stream, $seq, $bytes; }

# Begins an upload with its first chunk; returns its number.
sub begin_upload
{
	my ($client, $path, $args, $last, $bytes) = @_;
	my $stream = ++$streams;
	frame($client, pack('CCNNn/a*a*', 1, $last ? 3 : 1, $stream, 0, qq({"rpc":"$path","args":$args}), $bytes));
	return $stream;
}

sub result
{
	my ($client, $stream) = @_;
	my $event = sprintf '%08x', $stream;
	return ws_wait($client, sub { ($_->{topic} // '') eq '__upload' && $_->{event} eq $event })->{data};
}

sub upload
{
	my ($path, $args, @chunks) = @_;
	my $stream = begin_upload($ws, $path, $args, @chunks == 1, $chunks[0]);
	frame($ws, chunk($stream, $_, $_ == $#chunks, $chunks[$_])) for 1 .. $#chunks;
	return result($ws, $stream);
}

sub is_code
{
	my ($result, $code, $name) = @_;
	is($result->{ok} ? 'ok' : $result->{code}, $code, $name);
	return $result;
}

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name);
	return;
}

sub kept { return sql("SELECT count(*) FROM app.piece WHERE upload = '$_[0]'"); }
sub no_uploads { return wait_sql("SELECT count(*) FROM pg_stat_activity WHERE ($waits OR wait_event = 'PgSleep')", '0', $_[0]); }

# Binary calls.
my $bytes = join '', map { chr } 0 .. 255;
is_deeply(binary('app/size', $bytes, '"a.png"'), { id => 'b1', ok => JSON::PP::true,
	data => { size => 256, name => 'a.png', sum => sha256_hex($bytes) } }, 'a function gets bytes and arguments');
is(binary('app/size', '')->{data}{size}, 0, 'or no bytes and no arguments');
is_code(binary('app/size', 'x' x 1001), 'PAYLOAD_TOO_LARGE', 'too many bytes');
is_code(binary('app/echo', 'x'), 'INVALID_REQUEST', 'what takes no bytes gets none');
is_code(binary('app/keep', 'x'), 'INVALID_REQUEST', 'nor an upload');
is_code(ws_call($ws, 'app/size', ['x']), 'INVALID_REQUEST', 'what takes bytes gets them');
is_code(ws_call($ws, 'app/keep', ['x']), 'INVALID_REQUEST', 'likewise an upload');
is_code(binary('app/nothing', 'x'), 'NOT_FOUND', 'a path that is not there');
is_code(binary('app/size', 'x', '1', '2'), 'VALIDATION', 'arguments are checked');
is_code(binary('app/guarded', '', '"x"'), 'UNAUTHENTICATED', 'guards get the bytes');
is_code(binary('app/guarded', 'x', '"x"'), 'ok', 'and let pass');
frame($ws, "\0\0\0");
frame($ws, "\0\0\x12" . '{"rpc":"app/size"}');
is_code(ws_call($ws, 'app/echo', ['x']), 'ok', 'what is malformed is ignored');

# Uploads: pieces are what a frame has, or parts of it.
is_deeply(upload('app/keep', '["hello"]', 'abc', '', 'defg'),
	{ __cap => 1048576, ok => JSON::PP::true, data => { size => 7, count => 2, note => 'hello' } }, 'an upload');
is_deeply(upload('app/keep', '[]', ''), { ok => JSON::PP::true, data => { size => 0, count => 0, note => '' } }, 'an empty one');
my $large = join '', map { pack 'N', $_ } 1 .. 250_000;
my @frames = unpack '(a300000)*', $large;
is(upload('app/keep', '[]', @frames)->{data}{size}, 1_000_000, 'one that is larger than its buffer');
is(sql("SELECT encode(sha256(string_agg(bytes, NULL ORDER BY number)), 'hex') FROM app.piece WHERE upload = '00000003'"),
	sha256_hex($large), 'comes as it was sent');
is(sql("SELECT max(length(bytes)) FROM app.piece"), 65536, 'in pieces of 64 kB at most');
is(upload('app/keep_rows', '[]', @frames)->{data}, 1_000_000, 'as rows');
is(upload('app/keep_table', '[]', @frames)->{data}, sha256_hex($large), 'as a table');
is(upload('app/keep_lo', '[]', @frames)->{data}, sha256_hex($large), 'as a large object');
is(upload('app/first', '[]', 'abc', 'x' x 500_000, 'y' x 500_000)->{data}, 3, 'one whose handler does not read all');

# What is refused.
is_code(upload('app/small', '[]', 'x' x 6, 'x' x 6), 'PAYLOAD_TOO_LARGE', 'more than is taken');
is_code(upload('app/echo', '[]', 'x'), 'INVALID_REQUEST', 'to what is no upload');
is_code(upload('app/size', '[]', 'x'), 'INVALID_REQUEST', 'nor to a binary call');
is_code(upload('app/nothing', '[]', 'x'), 'NOT_FOUND', 'to nothing');
is_code(upload('app', '[]', 'x'), 'INVALID_REQUEST', 'to no path');
is_code(upload('app/keep', '{}', 'x'), 'INVALID_REQUEST', 'with no arguments');
is_code(upload('app/keep', '[1,2]', 'x'), 'VALIDATION', 'with wrong ones');
is_code(upload('app/refused', '[]', 'x'), 'UNAUTHENTICATED', 'by a guard');
is_code(upload('app/peeking', '[]', 'x'), 'UNAUTHENTICATED', 'which cannot read it');
is(sql(q{SELECT count(*) FROM app.piece WHERE bytes = 'x'}), 0, 'nothing of these is kept');
my ($rc, undef, $error) = $node->psql('postgres', 'SELECT realtime.upload_next()');
like($error, qr/there is no upload to read/, 'outside of an upload there is nothing to read');
is(sql('SELECT realtime.upload_id() IS NULL AND realtime.upload_aborted() IS NULL'), 't', 'nor to ask');

# Chunks out of order, of others, of none.
my $stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
frame($ws, chunk($stream, 2, 1, 'ghi'));
is_code(result($ws, $stream), 'INVALID_REQUEST', 'a chunk is missing');
frame($ws, chunk($stream, 1, 1, 'def'));
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
$streams--;
begin_upload($ws, 'app/keep', '[]', 0, 'abc');
is_code(result($ws, $stream), 'INVALID_REQUEST', 'a number that is in use');
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
my $other = ws_connect($node);
frame($other, chunk($stream, 1, 1, 'evil'));
frame($other, pack 'CCN', 2, 0x10, $stream);
is_deeply([ ws_quiet($other) ], [], 'who sends a chunk of another one\'s upload is told nothing');
frame($ws, chunk($stream, 1, 1, 'def'));
is(result($ws, $stream)->{data}{size}, 6, 'nor is that one concerned');
is(sql(q{SELECT count(*) FROM app.piece WHERE bytes = 'evil'}), 0, 'its bytes are its own');
frame($ws, chunk(4_000_000_000, 0xffffffff, 0, 'x'));
frame($ws, pack('CCNNna*', 1, 1, 77, 0, 0xffff, '{"rpc":"app/keep"}'));
is_deeply([ ws_quiet($ws) ], [], 'what cannot be is ignored');

# A cancel, and an end of the connection, roll back.
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE $waits", '1', 'a handler waits for more');
frame($ws, pack 'CCN', 2, 0x10, $stream);
is_deeply(result($ws, $stream), { ok => JSON::PP::false, code => 'CANCELLED', error => 'upload cancelled by client' }, 'it is cancelled');
no_uploads('its handler ends');
is(kept(sprintf '%08x', $stream), 0, 'and nothing of it is kept');
$stream = begin_upload($ws, 'app/stuck', '[]', 1, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", '1', 'a handler does something else');
frame($ws, pack 'CCN', 2, 0x10, $stream);
is_code(result($ws, $stream), 'CANCELLED', 'it is cancelled, too');
no_uploads('its handler ends all the same');
$stream = begin_upload($ws, 'app/deaf', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE $waits", '1', 'a handler that does not listen');
frame($ws, pack 'CCN', 2, 0x10, $stream);
is_code(result($ws, $stream), 'CANCELLED', 'is cancelled');
begin_upload($other, 'app/stuck', '[]', 1, 'abc');
begin_upload($other, 'app/keep', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE ($waits OR wait_event = 'PgSleep')", '2', 'two uploads of a client');
close $other->{socket};
no_uploads('end with its connection');
# One that is held up: others go on, and its end is noticed though nobody reads it, by a look that
# takes none for idle whose first chunk had no bytes.
my $empty = begin_upload($ws, 'app/keep', '[]', 0, '');
$other = ws_connect($node);
$stream = begin_upload($other, 'app/stuck', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", '1', 'a handler does not read');
frame($other, chunk($stream, $_, 0, 'x' x 60_000)) for 1 .. 3;
is_code(ws_call($ws, 'app/echo', ['x']), 'ok', 'calls of others go on');
ws_send($other, { rpc => 'app/echo', id => 'held', args => ['x'] });
close $other->{socket};
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", '0', 'it ends with its connection, too');
frame($ws, chunk($empty, 1, 1, 'abc'));
is(result($ws, $empty)->{data}{size}, 3, 'nothing happens to one that begins without bytes');
is(kept('stuck') + kept('deaf'), 0, 'nothing of all these is kept');
is_code(upload('app/short', '[]', 'x'), 'TIMEOUT', 'one that takes too long');

# Those who were let in are asked again.
is(upload('app/checked', '[]', map { 'x' x 600 } 1 .. 5)->{data}{size}, 3000, 'guards let all of it pass');
$stream = begin_upload($ws, 'app/checked', '[]', 0, 'x');
sql('UPDATE app.allowed SET yes = false');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE $waits", '1', 'guards have let it begin');
frame($ws, chunk($stream, 1, 0, 'x' x 1000));
is_code(result($ws, $stream), 'UNAUTHENTICATED', 'and end it when they change their mind');
no_uploads('so does its handler');
is(kept(sprintf '%08x', $stream), 0, 'nothing of it is kept');

# How many there may be: of a path, of a connection, and in all.
my @open = map { begin_upload($ws, 'app/keep', '[]', 0, 'abc') } 1 .. 4;
is_code(ws_wait($ws, sub { ($_->{topic} // '') eq '__upload' })->{data}, 'TOO_MANY_UPLOADS', 'more of a connection than its path takes');
my $second = ws_connect($node);
my @more = map { begin_upload($second, 'app/keep', '[]', 0, 'abc') } 1 .. 2;
is_code(ws_wait($second, sub { ($_->{topic} // '') eq '__upload' })->{data}, 'TOO_MANY_UPLOADS', 'more than its path takes in all');
is_code(ws_call($ws, 'app/echo', ['x']), 'ok', 'calls go on');
my @crowd = map { ws_connect($node) } 1 .. 20;
my $uploads = $streams;
for my $client (@crowd)
{
	begin_upload($client, 'app/first', '[]', 0, '') for 1 .. 50;
}
my %told;
for my $client (@crowd)
{
	$told{ $_->{data}{code} }++ for grep { ($_->{topic} // '') eq '__upload' } ws_quiet($client, 46);
}
is(join(' ', sort keys %told), 'TOO_MANY_UPLOADS', 'a thousand at once are too many');
cmp_ok($told{TOO_MANY_UPLOADS}, '>=', 998, 'for all but as many as there are places');
is_code(ws_call($ws, 'app/echo', ['x']), 'ok', 'and calls go on');
close $_->{socket} for @crowd;
close $second->{socket};
frame($ws, pack 'CCN', 2, 0x10, $_) for @open;
no_uploads('all end with their clients');
cmp_ok(sql("SELECT sum(hits) FROM realtime.limits WHERE name LIKE 'max_uploads%'"), '>=', 998, 'it is counted');
is_code(upload('app/keep', '[]', 'x'), 'ok', 'and others can begin');

# Those with a key wait for it without an executor, what they have sent with them; and are cancelled there, too.
my $holder = $node->background_psql('postgres', on_error_stop => 1);
$holder->query_safe(q{BEGIN; SELECT realtime.with_lock('upload', 'app.refused()')});
sub are_parked { my ($count) = @_; return wait_sql(q{SELECT current FROM realtime.limits WHERE name = 'max_lock_waiters'}, $count, "$count wait for the key"); }
@open = map { begin_upload($ws, 'app/locked', qq(["locked $_"]), $_ < 3, "abc$_") } 1 .. 3;
are_parked(3);
is_code(ws_call($ws, 'app/echo', ['x']), 'ok', 'calls go on');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'", '0', 'in all executors');
frame($ws, pack 'CCN', 2, 0x10, $open[1]);
is_code(result($ws, $open[1]), 'CANCELLED', 'one is cancelled meanwhile');
$other = ws_connect($node);
begin_upload($other, 'app/locked', '["gone"]', 0, 'gone');
are_parked(4);
close $other->{socket};
frame($ws, chunk($open[2], 1, 1, 'def'));
$holder->query_safe('COMMIT');
$holder->quit;
is_deeply([ map { my $data = result($ws, $open[$_])->{data}; "$data->{note} $data->{size}" } 0, 2 ], [ 'locked 1 4', 'locked 3 7' ], 'the others get it, with all that was sent');
no_uploads('and are over');
is(sql(q{SELECT count(*) FROM app.piece WHERE bytes IN ('abc2', 'gone')}), 0, 'nothing is kept of those that had been given up');
are_parked(0);

# Who sends nothing.
sql("ALTER SYSTEM SET realtime.upload_idle_timeout = '200ms'");
$node->reload;
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
is_code(result($ws, $stream), 'TIMEOUT', 'one of which nothing more comes');
no_uploads('its handler ends');

# Nothing half: an executor, a gateway, all of it.
sql("ALTER SYSTEM SET realtime.upload_idle_timeout = 0");
$node->reload;
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE $waits", '1', 'an upload is under way');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $waits");
my $restarted = result($ws, $stream);
ok(!$restarted->{ok}, 'its executor is ended: ' . ($restarted->{code} // ''));
is(kept(sprintf '%08x', $stream), 0, 'and nothing is kept');
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE $waits", '1', 'another one is');
kill 'TERM', sql('SELECT pid FROM realtime.stat_gateway');
no_uploads('its gateway is ended, and so is the handler');
wait_for_gateway($node);
$ws = ws_connect($node);
$stream = begin_upload($ws, 'app/keep', '[]', 0, 'abc');
wait_sql("SELECT count(*) FROM pg_stat_activity WHERE $waits", '1', 'the next gateway takes one');
kill 'KILL', sql("SELECT pid FROM pg_stat_activity WHERE $waits");
is(ws_close_code($ws), 1006, 'a crash ends all of it');
$node->poll_query_until('postgres', 'SELECT true');
wait_for_gateway($node);
wait_for_call($node, 'app/echo', ['x']);
is(sql("SELECT count(*) FROM app.piece WHERE bytes = 'abc' AND upload = '" . sprintf('%08x', $stream) . "'"), 0, 'and nothing half is there');
$ws = ws_connect($node);
is_code(upload('app/keep', '[]', 'x'), 'ok', 'uploads go on after it');
$node->stop('fast');

done_testing();
