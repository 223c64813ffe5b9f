# From the JSON of a client to the values of a call.
use strict;
use warnings;
use utf8;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1);
my $json = JSON::PP->new->utf8->allow_nonref->canonical;

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;

CREATE DOMAIN app.amount AS integer CHECK (VALUE BETWEEN 1 AND 100);
CREATE DOMAIN app.required AS text NOT NULL;
CREATE DOMAIN app.word AS text CONSTRAINT is_word CHECK (VALUE ~ '^\w+$') CONSTRAINT is_short CHECK (length(VALUE) < 10);
CREATE DOMAIN app.few AS integer[] CHECK (cardinality(VALUE) < 3);
CREATE DOMAIN app.object AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');
CREATE FUNCTION app.is_even(n integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF n % 2 <> 0 THEN
		RAISE EXCEPTION '% is odd', n;
	END IF;
	RETURN true;
END $$;
CREATE DOMAIN app.even AS integer CHECK (app.is_even(VALUE));
CREATE FUNCTION app.is_polite(t text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM realtime.raise('RUDE', 'Say please') WHERE t !~ 'please';
	RETURN true;
END $$;
CREATE DOMAIN app.polite AS text CHECK (app.is_polite(VALUE));
CREATE TYPE app.mood AS ENUM ('happy', 'sad');
CREATE TYPE app.place AS (x integer, y numeric, label app.word);
CREATE DOMAIN app.quadrant AS app.place CHECK ((VALUE).x > 0);
CREATE TYPE app.route AS (name text, stops app.place[], meta jsonb, raw json);
CREATE TYPE app.amounts AS RANGE (subtype = app.amount);
CREATE DOMAIN app.loud AS text CHECK (upper(VALUE) = VALUE);
CREATE TYPE app.loud_range AS RANGE (subtype = app.loud);

-- Takes a value of a type and tells what it got, as text of PostgreSQL.
DO $$
DECLARE
	type text;
	number int := 0;
BEGIN
	FOREACH type IN ARRAY '{
		smallint,integer,bigint,numeric,real,double precision,boolean,text,varchar,character,name,
		bytea,uuid,date,time,timestamptz,timestamp,interval,inet,json,jsonb,xml,money,bit varying,
		int4range,int4multirange,tstzrange,point,regclass,
		integer[],text[],numeric[],boolean[],timestamptz[],json[],jsonb[],app.mood[],app.amount[],app.place[],
		app.amount,app.required,app.word,app.few,app.object,app.even,app.polite,app.mood,app.place,app.quadrant,
		app.route,app.amounts,app.loud,app.loud_range,app.loud[]}'::text[]
	LOOP
		number := number + 1;
		EXECUTE format('CREATE FUNCTION app.take_%s(value %s) RETURNS text LANGUAGE plpgsql STABLE AS
			''BEGIN RETURN value::text; END''', number, type);
		PERFORM realtime.rpc('take/' || regexp_replace(replace(type, '[]', '_array'), '[^a-z0-9_]', '_', 'g'),
			format('app.take_%s(%s)', number, type)::regprocedure);
	END LOOP;
END $$;
});
wait_for_call($node, 'take/text', ['x']);
my $ws = ws_connect($node);
my $calls = 0;

# The result of a call whose arguments are sent as they are.
sub call_text
{
	my ($path, $arguments) = @_;
	my $id = 'x' . ++$calls;

	utf8::encode($arguments) if utf8::is_utf8($arguments);
	ws_send($ws, qq({"rpc":"$path","id":"$id","args":$arguments}));
	my $reply = ws_wait($ws, sub { ($_->{event} // '') eq $id })->{data};
	delete $reply->{id};
	return $reply;
}

# What PostgreSQL makes of the same JSON as a column of the type.
sub populated
{
	my ($type, $value) = @_;

	utf8::encode($value) if utf8::is_utf8($value);
	return $node->safe_psql('postgres', qq{CREATE TYPE pg_temp.r AS (v $type);
		SELECT coalesce(v::text, '(null)') FROM jsonb_populate_record(NULL::pg_temp.r, jsonb \$x\${"v":$value}\$x\$)});
}

sub path_of { my ($type) = @_; $type =~ s/\[\]/_array/; $type =~ s/[^a-z0-9_]/_/g; return "take/$type"; }

# type, JSON, what the handler gets
sub takes
{
	my ($type, $value, $expected) = @_;
	my $reply = call_text(path_of($type), "[$value]");
	my $name = "$type from " . substr $value, 0, 60;

	if ($reply->{ok})
	{
		is($reply->{data}, $expected, $name);
	}
	else
	{
		is($json->encode($reply), $expected, $name);
	}
	return;
}

# The same, and expects nothing but what a column would get.
sub takes_as_column
{
	my ($type, @values) = @_;

	for my $value (@values)
	{
		my $expected = populated($type, $value);
		utf8::decode($expected);
		takes($type, $value, $expected eq '(null)' ? undef : $expected);
	}
	return;
}

# type, JSON, pattern of the issue's message
sub refuses
{
	my ($type, $value, $pattern, $path) = @_;
	my $reply = call_text(path_of($type), "[$value]");
	my $name = "$type not from " . substr $value, 0, 60;

	is_deeply([ @$reply{qw(ok code error)}, map { $_->{path} } @{ $reply->{issues} } ],
		[ JSON::PP::false, 'VALIDATION', 'Validation failed', [ $path // 'value' ] ], $name)
	  or diag $json->encode($reply);
	like($reply->{issues}[0]{message}, $pattern, "$name: message");
	return;
}

###########################################################################
# Numbers

takes('numeric', '12345678901234567890.12345678901234567890', '12345678901234567890.12345678901234567890');
takes('jsonb', '12345678901234567890.12345678901234567890', '12345678901234567890.12345678901234567890');
takes('json', '12345678901234567890.12345678901234567890', '12345678901234567890.12345678901234567890');
takes('text', '12345678901234567890.12345678901234567890', '12345678901234567890.12345678901234567890');
takes('numeric[]', '[0.1, 9007199254740993, 1e-20]', '{0.1,9007199254740993,0.00000000000000000001}');
takes('bigint', '9007199254740993', '9007199254740993');
takes('bigint', '-9223372036854775808', '-9223372036854775808');
takes($_, '1e400', '1' . '0' x 400) for qw(numeric jsonb text);
takes('numeric', '1' . '0' x 300 . '.5', '1' . '0' x 300 . '.5');
takes('json', '1e400', '1e400');
takes_as_column($_, qw(0 -0 1 -1 1.0 1.50 1e2 1E+2 15e-1 -0.0)) for qw(numeric text jsonb);
takes_as_column('integer', qw(0 -0 7 1e2 2147483647 -2147483648 "7"), '" 7 "');
takes_as_column('double precision', qw(0.1 1e308 5e-324 1 "NaN" "Infinity" -0));
takes_as_column('real', qw(0.1 3e38 1));
takes_as_column('money', '"12.30"', '12.3');
refuses('integer', '2147483648', qr/out of range/);
refuses('smallint', '32768', qr/out of range/);
refuses('bigint', '9223372036854775808', qr/out of range/);
refuses('double precision', '1e400', qr/out of range/);
refuses('real', '1e39', qr/out of range/);
refuses('integer', '1.5', qr/invalid input syntax/);
refuses('integer', '1.0', qr/invalid input syntax/);
refuses('integer', $_, qr/invalid input syntax/) for qw("one" true {} [] [1] "");
refuses('numeric', '"abc"', qr/invalid input syntax/);
# A few bytes that would become gigabytes
refuses('numeric', '1e999999999', qr/numbers are too long/);
refuses('numeric', '1e131072', qr/overflow/);
refuses($_, '1e131073', qr/overflow/) for qw(jsonb text);
refuses($_, '[' . join(',', ('1e131071') x 100) . ']', qr/numbers are too long/) for qw(jsonb text text[] jsonb[]);
refuses('app.route', '{"meta":[' . join(',', ('-1.5E-9999') x 200) . ']}', qr/numbers are too long/);
takes('json', '[' . join(',', ('1e131071') x 100) . ']', '[' . join(',', ('1e131071') x 100) . ']');
takes('jsonb', '["' . 'a1e131071' x 100 . '\\"1e999999"]', '["' . 'a1e131071' x 100 . '\\"1e999999"]');
takes('text[]', '[' . join(',', ('1e-400') x 1000) . ']', '{' . join(',', ('0.' . '0' x 399 . '1') x 1000) . '}');

###########################################################################
# Other scalars

takes_as_column('boolean', qw(true false "true" "f" "yes" 1 0));
refuses('boolean', $_, qr/invalid input syntax/) for qw("maybe" 2 {} "");
takes_as_column('text', qw(1 1.5 true false), '{"b":1,"a":[2, 3]}', '[1, {"a":null}]', '{}', '""', '"a"');
takes_as_column('varchar', '"a b "', '7');
takes_as_column('character', '"a"');
takes_as_column('name', '"' . 'n' x 100 . '"');
takes_as_column('uuid', '"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"');
refuses('uuid', '"nonsense"', qr/invalid input syntax for type uuid/);
takes_as_column('bytea', '"\\\\x00ff41"', '"abc"', '""');
refuses('bytea', '"\\\\x0"', qr/invalid hexadecimal/);
takes_as_column('date', '"2024-02-29"', '"infinity"');
refuses('date', '"2023-02-29"', qr/out of range/);
refuses('date', '20240229.5', qr/invalid input syntax|out of range/);
takes_as_column('time', '"12:34:56.789"');
takes_as_column('timestamp', '"2024-01-01T12:00:00"');
takes_as_column('timestamptz', '"2024-01-01T12:00:00.123456Z"', '"2024-01-01T12:00:00+05:30"', '"-infinity"');
refuses('timestamptz', '"tomorrowish"', qr/invalid input syntax/);
refuses('timestamptz', '1704110400', qr/out of range|invalid input syntax/);
takes_as_column('interval', '"P1DT2H"', '"2 hours"');
takes_as_column('inet', '"::1/64"');
takes_as_column('int4range', '"[1,5]"', '"empty"', '"(,)"', '[1,5]');
refuses('int4range', '"[5,1]"', qr/lower bound/);
refuses('int4range', '{}', qr/malformed range literal/);
takes_as_column('int4multirange', '"{[1,2],[4,5]}"');
takes_as_column('tstzrange', '"[2024-01-01,2024-02-01)"');
takes_as_column('point', '"(1,2)"');
takes_as_column('bit varying', '"0101"');
takes_as_column('app.mood', '"sad"');
refuses('app.mood', '"grumpy"', qr/invalid input value for enum/);
refuses('app.mood', '1', qr/invalid input value for enum/);
takes_as_column('regclass', '"pg_class"');
refuses('regclass', '"no_class"', qr/does not exist/);

# Text
takes_as_column('text', '"\\u00fc\\n\\t\\"\\\\\\/"', '"ü€😀"', '"\\ud83d\\ude00"', '"\\u0001\\u001f\\u007f"', '"\\u2028"');
takes('varchar', '"\\ud83d\\ude00"', '😀');
refuses($_, '"a\\u0000b"', qr/Unicode escape/) for qw(text varchar jsonb app.word);
refuses('text[]', '["a\\u0000b"]', qr/Unicode escape/);
takes('json', '"a\\u0000b"', '"a\\u0000b"');
takes('text', '"' . 'x' x 100_000 . '"', 'x' x 100_000);

# JSON
takes('json', '{"b": 1,  "a":2, "a" : 3}', '{"b": 1,  "a":2, "a" : 3}');
takes('jsonb', '{"b": 1,  "a":2, "a" : 3}', '{"a": 3, "b": 1}');
takes('jsonb', '"text"', '"text"');
takes('jsonb', '[1, [2, [3, {"a": [null, true]}]]]', '[1, [2, [3, {"a": [null, true]}]]]');
takes('json', '[' x 60 . ']' x 60, '[' x 60 . ']' x 60);

# null is NULL for every type
for my $type ('integer', 'numeric', 'boolean', 'text', 'json', 'jsonb', 'uuid', 'app.mood', 'integer[]', 'app.place',
	'app.amount', 'app.word', 'app.few', 'app.object', 'app.route', 'int4range')
{
	takes($type, 'null', undef);
}

###########################################################################
# Arrays, composite types, domains

takes_as_column('integer[]', '[1, 2, null]', '[]', '[[1,2],[3,4]]', '[[[1]]]', '["1"]', '"{1,2}"');
takes_as_column('text[]', '["a", "b c", "", null, 1, true, {"a":1}, "\\u00fc{},\\""]');
takes_as_column('boolean[]', '[true, "no"]');
takes_as_column('timestamptz[]', '["2024-01-01T00:00:00Z"]');
takes_as_column('json[]', '[{"a":1}, [1,2], null, "x"]');
takes_as_column('jsonb[]', '[1, {"a":[1.10]}]');
takes_as_column('app.mood[]', '["sad","happy"]');
takes_as_column('app.place[]', '[{"x":1,"y":2.50,"label":"a"}, {"label":null}, null, {}]');
refuses('integer[]', $_, qr/expected JSON array/) for qw(1 {});
refuses('integer[]', '[1, "two"]', qr/invalid input syntax/);
refuses('integer[]', '[[1],[2,3]]', qr/malformed JSON array/);
refuses('integer[]', '[1,[2]]', qr/invalid input syntax/);
refuses('app.mood[]', '["sad","mad"]', qr/invalid input value for enum/);
takes_as_column('app.amount[]', '[1,100]');
refuses('app.amount[]', '[1,101]', qr/violates check constraint/);

takes_as_column('app.place', '{"x":1,"y":12345678901234567890.123,"label":"here"}', '{}', '{"X":1,"more":2}', '{"y":"1.0"}', '"(1,2,z)"');
refuses('app.place', '[1,2]', qr/cannot call|malformed|expected/);
refuses('app.place', '{"x":"one"}', qr/invalid input syntax/);
refuses('app.place', '{"label":"two words"}', qr/violates check constraint "is_word"/);
takes_as_column('app.route', '{"name":"r","stops":[{"x":1},{"y":2}],"meta":{"b":1,"a":1e2},"raw":{"b": 1, "a":1e2}}');
takes_as_column('app.quadrant', '{"x":1}');
refuses('app.quadrant', '{"x":-1}', qr/violates check constraint/);

takes('app.amount', '7', '7');
takes('app.amount', '"7"', '7');
refuses('app.amount', '0', qr/value for domain app.amount violates check constraint "amount_check"/);
refuses('app.amount', '2147483648', qr/out of range/);
refuses('app.required', 'null', qr/does not allow null values/);
takes('app.required', '""', '');
refuses('app.word', '"far too long"', qr/violates check constraint/);
refuses('app.few', '[1,2,3]', qr/violates check constraint/);
takes('app.few', '[1,2]', '{1,2}');
refuses('app.object', '[]', qr/violates check constraint/);
takes('app.object', '{"a":1e2}', '{"a": 100}');
takes('app.even', '2', '2');
refuses('app.even', '3', qr/^3 is odd$/);
takes('app.amounts', '"[1,5]"', '[1,5]');
refuses('app.amounts', '"[1,500]"', qr/violates check constraint/);
is_deeply(call_text('take/app_polite', '["tea"]'), { ok => JSON::PP::false, code => 'RUDE', error => 'Say please' },
	'a domain may raise a code of its own');

# A domain that changes, and a type
$node->safe_psql('postgres', q{
	ALTER DOMAIN app.amount DROP CONSTRAINT amount_check;
	ALTER DOMAIN app.amount ADD CONSTRAINT small CHECK (VALUE < 5);
	ALTER TYPE app.mood ADD VALUE 'mad';
	ALTER TYPE app.place ADD ATTRIBUTE z boolean});
takes('app.amount', '0', '0');
refuses('app.amount', '5', qr/violates check constraint "small"/);
refuses('app.amount[]', '[5]', qr/violates check constraint "small"/);
takes('app.mood', '"mad"', 'mad');
takes('app.mood[]', '["mad"]', '{mad}');
takes('app.place', '{"x":1,"z":true}', '(1,,,t)');
takes('app.place[]', '[{"x":1,"z":true}]', '{"(1,,,t)"}');
takes('app.quadrant', '{"x":1,"z":true}', '(1,,,t)');

###########################################################################
# How many, and which

$node->safe_psql('postgres', q{
CREATE SEQUENCE app.number;
GRANT ALL ON app.number TO realtime_anonymous;
CREATE FUNCTION app.none() RETURNS text LANGUAGE sql AS $$ SELECT 'none' $$;
CREATE FUNCTION app.two(a text, b text) RETURNS text LANGUAGE sql AS $$ SELECT format('%s|%s', a, b) $$;
CREATE FUNCTION app.unnamed(text, integer) RETURNS text LANGUAGE sql AS $$ SELECT format('%s|%s', $1, $2) $$;
CREATE FUNCTION app.defaults(a text, b text DEFAULT 'b' || '!', c bigint DEFAULT nextval('app.number'),
	d text DEFAULT NULL, e name DEFAULT current_user, f app.amount DEFAULT 3) RETURNS text
LANGUAGE sql AS $$ SELECT format('%s|%s|%s|%s|%s|%s', a, b, c, d, e, f) $$;
CREATE FUNCTION app.wrong_default(a app.amount DEFAULT 77) RETURNS text LANGUAGE sql AS $$ SELECT a::text $$;
CREATE FUNCTION app.secret() RETURNS text LANGUAGE sql AS $$ SELECT 'secret' $$;
REVOKE ALL ON FUNCTION app.secret() FROM PUBLIC;
CREATE FUNCTION app.secret_default(a text DEFAULT app.secret()) RETURNS text LANGUAGE sql AS $$ SELECT a $$;
CREATE FUNCTION app.variadic(a text, VARIADIC b integer[]) RETURNS text LANGUAGE sql AS $$ SELECT format('%s|%s', a, b) $$;
CREATE FUNCTION app.variadic_default(a text, VARIADIC b integer[] DEFAULT '{7}') RETURNS text
LANGUAGE sql AS $$ SELECT format('%s|%s', a, b) $$;
CREATE FUNCTION app.variadic_places(VARIADIC b app.place[]) RETURNS text LANGUAGE sql AS $$ SELECT b::text $$;
CREATE FUNCTION app.variadic_amounts(VARIADIC b app.amount[]) RETURNS text LANGUAGE sql AS $$ SELECT b::text $$;
CREATE FUNCTION app.strict(a text, b text) RETURNS text LANGUAGE plpgsql STRICT AS $$
BEGIN PERFORM nextval('app.number'); RETURN a || b; END $$;
CREATE FUNCTION app.strict_set(a text) RETURNS SETOF text LANGUAGE sql STRICT AS $$ SELECT a $$;
CREATE FUNCTION app.out_only(a text, OUT b text, INOUT c text, OUT d text) LANGUAGE sql AS $$ SELECT a, c, a || c $$;
DO $$
BEGIN
	EXECUTE format('CREATE FUNCTION app.hundred(%s) RETURNS int LANGUAGE sql AS ''SELECT $1 + $100''',
		(SELECT string_agg('int', ', ') FROM generate_series(1, 100)));
END $$;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace
	AND proname !~ '^(take|is)_' AND proname <> 'secret';
SELECT realtime.rpc('builtin/upper', 'upper(text)'), realtime.rpc('builtin/lpad', 'lpad(text,integer,text)');
});
sub gives
{
	my ($path, $arguments, $expected) = @_;
	is_deeply(call_text($path, $arguments), { ok => JSON::PP::true, data => $expected }, "$path$arguments");
	return;
}
sub is_wrong
{
	my ($path, $arguments, $parameter, $message) = @_;
	is_deeply(call_text($path, $arguments), { ok => JSON::PP::false, code => 'VALIDATION', error => 'Validation failed',
		issues => [ { path => [$parameter], message => $message } ] }, "$path$arguments");
	return;
}
gives('app/none', '[]', 'none');
is_deeply(ws_call($ws, 'app/none', [])->{data}, 'none', 'no arguments');
ws_send($ws, '{"rpc":"app/none","id":"no-args"}');
is(ws_wait($ws, sub { ($_->{event} // '') eq 'no-args' })->{data}{data}, 'none', 'no args at all');
is_wrong('app/none', '[1]', '$1', 'too many arguments');
gives('app/two', '["a","b"]', 'a|b');
gives('app/two', '[null,"b"]', '|b');
is_wrong('app/two', '[]', 'a', 'argument is missing');
is_wrong('app/two', '["a"]', 'b', 'argument is missing');
is_wrong('app/two', '["a","b","c"]', '$3', 'too many arguments');
gives('app/unnamed', '["a",1]', 'a|1');
is_wrong('app/unnamed', '["a","b"]', '$2', 'invalid input syntax for type integer: "b"');
gives('app/defaults', '["a"]', 'a|b!|1||realtime_anonymous|3');
gives('app/defaults', '["a"]', 'a|b!|2||realtime_anonymous|3');
gives('app/defaults', '["a","B",7,"D","E",4]', 'a|B|7|D|E|4');
gives('app/defaults', '["a",null,null]', 'a|||' . '|realtime_anonymous|3');
is_wrong('app/wrong_default', '[]', 'a', 'value for domain app.amount violates check constraint "small"');
gives('app/wrong_default', '[1]', '1');
is(call_text('app/secret_default', '[]')->{code}, 'FORBIDDEN', 'a DEFAULT that the caller has no right to');
gives('app/secret_default', '["a"]', 'a');
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION app.two(a text, b text DEFAULT 'B') RETURNS text
	LANGUAGE sql AS $$ SELECT format('%s/%s', a, b) $$});
gives('app/two', '["a"]', 'a/B');

gives('app/variadic', '["a"]', 'a|{}');
gives('app/variadic', '["a",1]', 'a|{1}');
gives('app/variadic', '["a", 1 , 2,null, "4"]', 'a|{1,2,NULL,4}');
gives('app/variadic', '["a",' . join(',', 1 .. 500) . ']', 'a|{' . join(',', 1 .. 500) . '}');
is_wrong('app/variadic', '["a",1,"two"]', 'b', 'invalid input syntax for type integer: "two"');
is_wrong('app/variadic', '[]', 'a', 'argument is missing');
gives('app/variadic_default', '["a"]', 'a|{7}');
gives('app/variadic_default', '["a",1]', 'a|{1}');
gives('app/variadic_places', '[{"x":1},null,{"y":2}]', '{"(1,,,)",NULL,"(,2,,)"}');
gives('app/variadic_places', '[]', '{}');
is_wrong('app/variadic', '["a",' . join(',', ('1e100000') x 100) . ']', 'b', 'numbers are too long');
is_wrong('app/variadic_amounts', '[1,5]', 'b', 'value for domain app.amount violates check constraint "small"');

gives('app/strict', '["a","b"]', 'ab');
gives('app/strict', '["a",null]', undef);
gives('app/strict_set', '["a"]', ['a']);
gives('app/strict_set', '[null]', []);
is($node->safe_psql('postgres', 'SELECT last_value FROM app.number'), 3, 'a strict function does not run for a NULL');
gives('app/out_only', '["a","b"]', { b => 'a', c => 'b', d => 'ab' });
is_wrong('app/out_only', '["a"]', 'c', 'argument is missing');
gives('app/hundred', '[' . join(',', 1 .. 100) . ']', 101);
is_wrong('app/hundred', '[' . join(',', 1 .. 101) . ']', '$101', 'too many arguments');
gives('builtin/upper', '["äb"]', 'ÄB');
gives('builtin/lpad', '["a",3,"-"]', '--a');

###########################################################################
# What is constant in a DEFAULT is computed once, and anew after a change

$node->safe_psql('postgres', q{
	CREATE DOMAIN app.free AS integer;
	CREATE FUNCTION app.compiled() RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'old'; END $$;
	CREATE FUNCTION app.inlined() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'old' $$;
	CREATE FUNCTION app.outer() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT upper(app.compiled()) $$;
	CREATE FUNCTION app.mix(a app.free DEFAULT 1, c text DEFAULT app.compiled(), d text DEFAULT app.inlined(),
		e text DEFAULT app.outer()) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws('|', a, c, d, e) $$;
	CREATE FUNCTION app.free_only(n app.free DEFAULT 1) RETURNS text LANGUAGE sql AS $$ SELECT n::text $$;
	SELECT realtime.rpc('app/' || proname, oid::regprocedure)
	FROM pg_proc WHERE proname IN ('mix', 'free_only') AND pronamespace = 'app'::regnamespace;
});
gives('app/mix', '[]', '1|old|old|OLD') for 1 .. 2;
gives('app/free_only', '[]', '1');

$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION app.compiled() RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'new'; END $$});
gives('app/mix', '[]', '1|new|old|NEW');
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION app.inlined() RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'young' $$});
gives('app/mix', '[]', '1|new|young|NEW');

$node->safe_psql('postgres', q{ALTER DOMAIN app.free ADD CONSTRAINT large CHECK (VALUE BETWEEN 5 AND 9)});
is_wrong('app/free_only', '[]', 'n', 'value for domain app.free violates check constraint "large"');
gives('app/free_only', '[5]', '5');
$node->safe_psql('postgres', q{ALTER DOMAIN app.free DROP CONSTRAINT large});
gives('app/free_only', '[]', '1');

###########################################################################
# What wrong arguments cost

# Bytes of the executor's memory contexts
sub memory
{
	my $from = -s $node->logfile;
	$node->safe_psql('postgres', q{SELECT pg_log_backend_memory_contexts(pid) FROM pg_stat_activity
		WHERE backend_type = 'realtime executor'});
	my $total;
	poll_until(sub { ($total) = slurp_file($node->logfile, $from) =~ /Grand total: (\d+) bytes/ });
	return $total;
}
my $x = 'x' x 50_000;
my %long = (
	'app.loud' => qq("$x"), 'app.loud_range' => qq{"[$x,)"}, 'app.loud[]' => qq(["$x"]),
	'app.few' => '[' . join(',', 1 .. 10_000) . ']', 'integer' => qq("$x"), 'text' => qq("\\u0000$x"));
for my $type (sort keys %long)
{
	my $long = $long{$type};
	my $path = path_of($type);
	call_text($path, "[$long]") for 1 .. 3;
	my $before = memory();
	call_text($path, "[$long]") for 1 .. 200;
	cmp_ok(memory() - $before, '<', 2_000_000, "refused values of type $type leave no memory behind");
}

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
