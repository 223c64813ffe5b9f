# From the result of a function to the JSON of a client.
use strict;
use warnings;
use utf8;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1, 'work_mem' => '64kB');

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
SELECT realtime.rpc('app/none', 'pg_catalog.pg_backend_pid()');
});
wait_for_call($node, 'app/none');
my $ws = ws_connect($node);
my $calls = 0;
# One session for the many statements
my $session = $node->background_psql('postgres', on_error_stop => 1);

# The reply to a call: the text of its data, undef if it has none.
sub raw_call
{
	my ($path, $arguments) = @_;
	my $id = 'r' . ++$calls;

	ws_send($ws, qq({"rpc":"$path","id":"$id","args":) . ($arguments // '[]') . '}');
	while (1)
	{
		my ($kind, $text) = @{ ws_recv($ws) };
		next unless $kind eq 'text' && $text =~ /^\{"topic":"__rpc","event":"$id",/;
		return $1 if $text =~ /^\{"topic":"__rpc","event":"$id","data":\{"id":"$id","ok":true,"data":(.*)\}\}$/s;
		return undef if $text eq qq({"topic":"__rpc","event":"$id","data":{"id":"$id","ok":true}});
		return $text =~ /"code":"(\w+)"/ ? $1 : $text;
	}
}

# Declares and calls a function; its result must be this text.
my $functions = 0;
sub function_gives
{
	my ($name, $expected, $returns, $body, %option) = @_;
	my $function = 'f' . ++$functions;
	my $language = $option{language} // 'sql';
	my $attributes = $option{attributes} // '';

	$session->query_safe(qq{CREATE FUNCTION app.$function($returns LANGUAGE $language $attributes AS \$f\$ $body \$f\$;
		SELECT realtime.rpc('app/$function', 'app.$function($option{types})')});
	is(raw_call("app/$function", $option{arguments}), $expected, $name);
	return "app/$function";
}
sub returns { my ($name, $expected, $type, $body, @more) = @_;
	return function_gives($name, $expected, ") RETURNS $type", $body, types => '', @more); }

sub sql
{
	my ($query) = @_;
	utf8::encode($query) if utf8::is_utf8($query);
	return $session->query_safe($query);
}

###########################################################################
# Values: as to_json() writes them

$node->safe_psql('postgres', q{
CREATE TYPE app.mood AS ENUM ('happy', 'sad');
CREATE TYPE app.feeling AS ENUM ('warm', 'cold');
CREATE FUNCTION app.feeling_json(app.feeling) RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('is', $1::text) $$;
CREATE CAST (app.feeling AS json) WITH FUNCTION app.feeling_json(app.feeling);
CREATE DOMAIN app.amount AS integer;
CREATE DOMAIN app.feel AS app.feeling;
CREATE DOMAIN app.document AS json;
CREATE TYPE app.place AS (x integer, "the ""label""" text, f app.feeling);
CREATE DOMAIN app.somewhere AS app.place;
CREATE TYPE app.route AS (name text, stops app.place[], start app.place, meta jsonb);
CREATE TABLE app.row (gone1 int, a int, gone2 text, b text, gone3 int);
ALTER TABLE app.row DROP gone1, DROP gone2, DROP gone3;
INSERT INTO app.row VALUES (1, 'one'), (2, NULL);
GRANT SELECT ON app.row TO PUBLIC;
});
my @values = (
	smallint => '-7', integer => '2147483647', bigint => '-9223372036854775808', bigint => '9007199254740993',
	numeric => '12345678901234567890.12345678901234567890', numeric => "'NaN'", numeric => "'Infinity'",
	numeric => "'-Infinity'", numeric => '1e400', numeric => '1e-30', numeric => '1.50', numeric => '-0.0',
	'double precision' => '0.1', 'double precision' => "'NaN'", 'double precision' => "'-Infinity'",
	'double precision' => '1e300', 'double precision' => "'-0'", real => '0.1', real => "'Infinity'",
	boolean => 'true', boolean => 'false',
	text => q{''}, text => q{E'a"b\\\\c\\b\\f\\n\\r\\t\\x01\\x1f\\x7f'}, text => q{'ü€😀'}, text => q{E'\\u2028</script>'},
	text => q{repeat('x', 10000)}, varchar => q{'a '}, 'character(5)' => q{'ab'}, name => q{'n"'}, '"char"' => q{'c'},
	bytea => q{'\x00ff'}, uuid => q{'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'},
	date => q{'2024-02-29'}, date => q{'infinity'}, date => q{'0044-03-15 BC'}, time => q{'12:34:56.7'},
	timetz => q{'12:34:56+02'}, timestamp => q{'2024-01-01 12:00:00.5'}, timestamp => q{'-infinity'},
	timestamptz => q{'2024-01-01 12:00:00+05:30'}, timestamptz => q{'infinity'}, interval => q{'1 day 2 hours'},
	inet => q{'::1/64'}, cidr => q{'10.0.0.0/8'}, macaddr => q{'08:00:2b:01:02:03'}, money => q{'12.30'}, 'bit varying' => q{'010'},
	json => q{E'{"b":1,\\n  "a" : [1,\\t2], "a":null}'}, json => q{'1e400'}, json => q{'"\u0000"'}, json => q{'null'},
	jsonb => q{'{"b":1, "a":[1.10,{"c":null}]}'}, jsonb => q{'null'}, jsonb => q{'"x"'}, jsonb => '\'' . '[' x 500 . ']' x 500 . '\'',
	int4range => q{'[1,5]'}, tstzrange => q{'[2024-01-01,)'}, int4multirange => q{'{[1,2],[4,5]}'},
	point => q{'(1,2)'}, tsvector => q{'a:1 b:2'}, oid => '4294967295', regclass => q{'pg_class'}, pg_lsn => q{'0/16B3748'},
	'integer[]' => q{'{1,NULL,3}'}, 'integer[]' => q{'{}'}, 'integer[]' => q{'{{1,2},{3,4}}'}, 'integer[]' => q{'[5:6]={1,2}'},
	'text[]' => q{ARRAY['a"', NULL, '', 'ü']}, 'numeric[]' => q{'{1.50,NaN}'}, 'timestamptz[]' => q{'{2024-01-01 UTC}'},
	'json[]' => q{ARRAY['{"a": 1}'::json]}, 'bytea[]' => q{ARRAY['\x01'::bytea]}, 'app.mood[]' => q{'{sad}'},
	'app.feeling[]' => q{'{cold}'},
	'app.mood' => q{'sad'}, 'app.feeling' => q{'warm'}, 'app.amount' => '7', 'app.feel' => q{'cold'},
	'app.document' => q{'{"a" : 1}'},
	'app.place' => q{ROW(1, 'l', 'warm')}, 'app.place' => q{ROW(NULL, NULL, NULL)}, 'app.somewhere' => q{ROW(1, 'l', 'cold')},
	'app.place[]' => q{ARRAY[ROW(1, 'l', 'warm')::app.place, NULL]},
	'app.route' => q{ROW('r', ARRAY[ROW(1, 'l', 'warm')::app.place], ROW(2, NULL, NULL), '{"b":1,"a":2}')});
my %types;
while (my ($type, $value) = splice @values, 0, 2)
{
	my $expected = sql("SELECT to_json(x) FROM (SELECT CAST($value AS $type) AS x) AS q;");
	my $label = length $value > 60 ? substr($value, 0, 57) . '...' : $value;
	utf8::encode($value) if utf8::is_utf8($value);
	returns("$type: $label", $expected, $type, "SELECT CAST($value AS $type)");
	$types{$type} = 1;
}
for my $type (sort keys %types)
{
	returns("NULL of type $type", 'null', $type, "SELECT CAST(NULL AS $type)");
	returns("no $type at all", 'null', $type, "SELECT CAST(NULL AS $type) WHERE false");
}
# Settings of the function, which hold for what it does, not for its result
returns('SET on the function', '"2024-01-01T00:00:00+00:00"', 'timestamptz', q{SELECT '2024-01-01Z'::timestamptz},
	attributes => q{SET TimeZone = 'Asia/Tokyo'});
returns('a setting of the handler', '"2024-01-01T09:00:00+09:00"',
	'timestamptz', q{BEGIN SET TimeZone = 'Asia/Tokyo'; RETURN '2024-01-01Z'; END}, language => 'plpgsql');

###########################################################################
# Shapes

returns('void of SQL', undef, 'void', 'SELECT 1');
returns('void of PL/pgSQL', undef, 'void', 'BEGIN END', language => 'plpgsql');
returns('void of PL/pgSQL that returns', undef, 'void', 'BEGIN RETURN; END', language => 'plpgsql');
returns('a set of void', undef, 'SETOF void', 'SELECT 1');

returns('a row of a table', '{"a":1,"b":"one"}', 'app.row', 'SELECT * FROM app.row WHERE a = 1');
returns('a row of PL/pgSQL', '{"a":7,"b":"x"}', 'app.row', q{DECLARE r app.row; BEGIN r.a := 7; r.b := 'x'; RETURN r; END},
	language => 'plpgsql');
returns('no row of PL/pgSQL', 'null', 'app.row', 'BEGIN RETURN NULL; END', language => 'plpgsql');
returns('a row of PL/pgSQL that was not touched', 'null', 'app.row', 'DECLARE r app.row; BEGIN RETURN r; END',
	language => 'plpgsql');
returns('a record', '{"f1":1,"f2":"x"}', 'record', q{BEGIN RETURN ROW(1, 'x'::text); END}, language => 'plpgsql');
returns('a record with names', '{"n":1,"t":"x"}', 'record', q{DECLARE r record; BEGIN SELECT 1 AS n, 'x'::text AS t INTO r; RETURN r; END},
	language => 'plpgsql');

function_gives('an OUT parameter', '{"a":7}', 'OUT a int)', 'SELECT 7', types => '');
function_gives('OUT parameters', '{"a":7,"b b":"x"}', 'OUT a int, OUT "b b" text)', q{SELECT 7, 'x'}, types => '');
function_gives('OUT parameters of PL/pgSQL', '{"a":7,"b":null}', 'OUT a int, OUT b text)', 'BEGIN a := 7; END',
	language => 'plpgsql', types => '');
function_gives('an INOUT parameter', '{"a":8}', 'INOUT a int)', 'SELECT a + 1', types => 'int', arguments => '[7]');
function_gives('parameters in and out', '{"b":7,"c":8,"d":{"x":1,"the \"label\"":null,"f":null}}',
	'a int, OUT b int, INOUT c int, OUT d app.place)', 'SELECT a, c, ROW(1, NULL, NULL)::app.place',
	types => 'int,int', arguments => '[7,8]');
function_gives('OUT parameters without names', '{"column1":1,"column2":2}', 'OUT int, OUT int)', 'SELECT 1, 2', types => '');
function_gives('an OUT parameter without a name', '1', 'OUT int)', 'SELECT 1', types => '');

# Sets, by every way in which functions give them
my @kinds = (
	[ 'SQL', 'SELECT * FROM q', '' ],
	[ 'STABLE SQL', 'SELECT * FROM q', 'STABLE' ],
	[ 'STABLE STRICT SQL', 'SELECT * FROM q', 'STABLE STRICT' ],
	[ 'STABLE SECURITY DEFINER SQL', 'SELECT * FROM q', 'STABLE SECURITY DEFINER' ],
	[ 'PL/pgSQL', 'BEGIN RETURN QUERY SELECT * FROM q; END', '' ],
	[ 'PL/pgSQL row by row', 'BEGIN FOR r IN SELECT * FROM q LOOP RETURN NEXT r; END LOOP; END', '' ]);
my @sets = (
	# name, type, rows, expected
	[ 'scalars', 'SETOF int', '(VALUES (1), (NULL), (3))', '[1,null,3]', 'int' ],
	[ 'no scalars', 'SETOF int', '(SELECT 1 WHERE false)', '[]', 'int' ],
	[ 'texts', 'SETOF text', q{(VALUES ('a"'::text), ('ü'))}, '["a\\"","ü"]', 'text' ],
	[ 'rows', 'SETOF app.row', 'app.row', '[{"a":1,"b":"one"},{"a":2,"b":null}]', 'app.row' ],
	[ 'composite values', 'SETOF app.place', q{(VALUES (1, 'l'::text, 'warm'::app.feeling), (NULL, NULL, NULL))},
		'[{"x":1,"the \\"label\\"":"l","f":{"is" : "warm"}},{"x":null,"the \\"label\\"":null,"f":null}]', 'app.place' ],
	[ 'a table', 'TABLE(n int, t text)', q{(VALUES (1, 'x'::text), (2, NULL))}, '[{"n":1,"t":"x"},{"n":2,"t":null}]', undef ],
	[ 'a table of one column', 'TABLE(n int)', '(VALUES (1), (NULL))', '[{"n":1},{"n":null}]', undef ],
	[ 'an empty table', 'TABLE(n int, t text)', q{(SELECT 1, 'x'::text WHERE false)}, '[]', undef ]);
for my $set (@sets)
{
	my ($name, $type, $rows, $expected, $row_type) = @$set;
	utf8::encode($expected);
	utf8::encode($rows);
	for my $kind (@kinds)
	{
		my ($how, $body, $attributes) = @$kind;
		my $language = $how =~ /PL/ ? 'plpgsql' : 'sql';
		next if $how =~ /row by row/ && !$row_type;
		(my $text = $body) =~ s/FROM q/FROM $rows AS q/;
		$text = "DECLARE r $row_type; $text" if $how =~ /row by row/;
		my $path = returns("$name: $how", $expected, $type, $text, language => $language, attributes => $attributes);
		is(raw_call($path), $expected, 'and again');
	}
}
function_gives('a set of OUT parameters', '[{"a":1,"b":2}]', 'OUT a int, OUT b int) RETURNS SETOF record', 'SELECT 1, 2', types => '');
function_gives('a STABLE set of OUT parameters', '[{"a":1,"b":2}]', 'OUT a int, OUT b int) RETURNS SETOF record', 'SELECT 1, 2',
	types => '', attributes => 'STABLE');
returns('a set of a domain over rows', '[{"x":1,"the \\"label\\"":null,"f":null}]', 'SETOF app.somewhere',
	'SELECT ROW(1, NULL, NULL)::app.place::app.somewhere');
returns('many rows', '[' . join(',', 1 .. 50_000) . ']', 'SETOF int', 'SELECT generate_series(1, 50000)');
returns('many rows by a query', '[' . join(',', 1 .. 50_000) . ']', 'SETOF int', 'SELECT generate_series(1, 50000)',
	attributes => 'STABLE');
returns('rows that come while they are made', '[' . join(',', 1 .. 20_000) . ']', 'SETOF int',
	'BEGIN FOR i IN 1 .. 20000 LOOP RETURN NEXT i; END LOOP; END', language => 'plpgsql');

# Functions of PostgreSQL itself, in C
$node->safe_psql('postgres', q{
SELECT realtime.rpc('c/' || split_part(f, '(', 1), f::regprocedure) FROM unnest('{
	"generate_series(integer,integer)","regexp_split_to_table(text,text)","jsonb_each(jsonb)","jsonb_object_keys(jsonb)",
	"pg_get_keywords()","jsonb_pretty(jsonb)","pg_sleep(double precision)","unnest(tsvector)","pg_tablespace_size(name)",
	"string_to_array(text,text)","pg_options_to_table(text[])"
}'::text[]) AS f;
});
is(raw_call('c/generate_series', '[1,3]'), '[1,2,3]', 'a row per call');
is(raw_call('c/generate_series', '[1,0]'), '[]', 'not even one');
is(raw_call('c/generate_series', '[null,3]'), '[]', 'strict');
is(raw_call('c/generate_series', '[1,1000000000]'), 'PAYLOAD_TOO_LARGE', 'far too many, of which few are made');
is(raw_call('c/regexp_split_to_table', '["a-b","-"]'), '["a","b"]', 'texts');
is(raw_call('c/jsonb_each', '[{"a":1,"b":{"c":2}}]'), '[{"key":"a","value":1},{"key":"b","value":{"c": 2}}]', 'all rows at once');
is(raw_call('c/jsonb_object_keys', '[{"a":1,"b":2}]'), '["a","b"]', 'again');
is(raw_call('c/jsonb_object_keys', '[1]'), 'VALIDATION', 'an error on the way');
is(raw_call('c/jsonb_object_keys', '[{"a":1,"b":2}]'), '["a","b"]', 'and once more');
like(raw_call('c/pg_get_keywords'), qr/^\[\{"word":"abort","catcode":"U",/, 'rows of a catalog function');
is(raw_call('c/jsonb_pretty', '[{"a":1}]'), '"{\\n    \\"a\\": 1\\n}"', 'a scalar');
is(raw_call('c/pg_sleep', '[0]'), undef, 'void');
is(raw_call('c/unnest', '["a:1"]'), '[{"lexeme":"a","positions":[1],"weights":["D"]}]', 'a row with arrays');
is(raw_call('c/string_to_array', '["a,b",","]'), '["a","b"]', 'an array');

###########################################################################
# Names

$node->safe_psql('postgres', q{
CREATE SCHEMA "Odd ""Schema";
GRANT USAGE ON SCHEMA "Odd ""Schema" TO PUBLIC;
CREATE TYPE "Odd ""Schema"."My Type" AS ("My Column" int);
CREATE FUNCTION "Odd ""Schema"."select"(a "Odd ""Schema"."My Type", VARIADIC b int[]) RETURNS SETOF "Odd ""Schema"."My Type"
LANGUAGE sql STABLE AS $$ SELECT a UNION ALL SELECT ROW(x)::"Odd ""Schema"."My Type" FROM unnest(b) AS x $$;
CREATE FUNCTION app.over(a int) RETURNS text LANGUAGE sql AS $$ SELECT 'int' $$;
CREATE FUNCTION app.over(a text) RETURNS text LANGUAGE sql AS $$ SELECT 'text' $$;
CREATE FUNCTION app.over(a text, b int DEFAULT 0) RETURNS text LANGUAGE sql AS $$ SELECT 'two' $$;
CREATE FUNCTION app.over_set(a int) RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT 'int'::text $$;
CREATE FUNCTION app.over_set(a bigint) RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT 'bigint'::text $$;
CREATE FUNCTION app.over_set(VARIADIC a int[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$ SELECT 'variadic'::text $$;
SELECT realtime.rpc('odd/select', '"Odd ""Schema"."select"("Odd ""Schema"."My Type",int[])'),
	realtime.rpc('over/int', 'app.over(int)'), realtime.rpc('over/text', 'app.over(text)'),
	realtime.rpc('over/two', 'app.over(text,int)'),
	realtime.rpc('over/set-int', 'app.over_set(int)'), realtime.rpc('over/set-bigint', 'app.over_set(bigint)'),
	realtime.rpc('over/set-variadic', 'app.over_set(int[])');
});
is(raw_call('odd/select', '[{"My Column":1},2,3]'), '[{"My Column":1},{"My Column":2},{"My Column":3}]', 'names of all kinds');
is(raw_call('over/int', '[1]'), '"int"', 'functions of the same name');
is(raw_call('over/text', '[1]'), '"text"', 'are told apart by their parameters');
is(raw_call('over/two', '[1]'), '"two"', 'also with defaults');
is(raw_call('over/set-int', '[1]'), '["int"]', 'also in queries');
is(raw_call('over/set-bigint', '[1]'), '["bigint"]', 'whatever would fit better');
is(raw_call('over/set-variadic', '[1]'), '["variadic"]', 'or look like it');

###########################################################################
# Change

my @rows = map { returns("rows before a change: $_->[0]", '[{"a":1,"b":"one"},{"a":2,"b":null}]', 'SETOF app.row', $_->[1],
		language => $_->[2], attributes => $_->[3]) }
	[ 'SQL', 'SELECT * FROM app.row', 'sql', '' ], [ 'STABLE SQL', 'SELECT * FROM app.row', 'sql', 'STABLE' ],
	[ 'PL/pgSQL', 'BEGIN RETURN QUERY SELECT * FROM app.row; END', 'plpgsql', '' ];
$node->safe_psql('postgres', 'CREATE DOMAIN app.some_row AS app.row');
my @row = map { returns("$_->[0] before a change", '{"a":1,"b":"one"}', @$_) }
	[ 'app.row', 'SELECT * FROM app.row WHERE a = 1' ], [ 'app.some_row', 'SELECT r::app.some_row FROM app.row r WHERE a = 1' ];
$node->safe_psql('postgres', 'ALTER TABLE app.row ADD c boolean DEFAULT true');
is(raw_call($_), '[{"a":1,"b":"one","c":true},{"a":2,"b":null,"c":true}]', 'a new column') for @rows;
is(raw_call($_), '{"a":1,"b":"one","c":true}', 'in a single row') for @row;
$node->safe_psql('postgres', 'ALTER TABLE app.row RENAME b TO "B"; ALTER TABLE app.row ALTER a TYPE text');
is(raw_call($_), '[{"a":"1","B":"one","c":true},{"a":"2","B":null,"c":true}]', 'another name and another type') for @rows;
is(raw_call($row[0] =~ s/$/-2/r), 'NOT_FOUND', 'a path that is not there');
$node->safe_psql('postgres', 'ALTER TABLE app.row DROP a');
is(raw_call($_), '[{"B":"one","c":true},{"B":null,"c":true}]', 'a column less') for @rows;
my $path = returns('a function before a change', '1', 'int', 'SELECT 1');
(my $name = $path) =~ s{app/}{};
$node->safe_psql('postgres', "CREATE OR REPLACE FUNCTION app.$name() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'");
is(raw_call($path), '2', 'CREATE OR REPLACE FUNCTION');
$node->safe_psql('postgres', "SELECT realtime.drop('$path'); DROP FUNCTION app.$name();
	CREATE FUNCTION app.$name() RETURNS SETOF text LANGUAGE sql AS 'SELECT ''3''::text'; SELECT realtime.rpc('$path', 'app.$name()')");
is(raw_call($path), '["3"]', 'another function of the name');

# Different rows from one function
$node->safe_psql('postgres', q{
CREATE FUNCTION app.some(n int) RETURNS record LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	EXECUTE 'SELECT ' || (SELECT string_agg(format('%s AS c%s', i, i), ', ') FROM generate_series(1, n) AS i) INTO r;
	RETURN r;
END $$;
SELECT realtime.rpc('app/some', 'app.some(int)');
});
is(raw_call('app/some', "[$_]"), '{' . join(',', map { qq("c$_":$_) } 1 .. $_) . '}', "a record of $_") for 1, 2, 1, 3, 100, 1;

###########################################################################
# Too much

$node->safe_psql('postgres', q{
CREATE TABLE app.trail (n serial, what text);
GRANT ALL ON app.trail, app.trail_n_seq TO realtime_anonymous;
CREATE FUNCTION app.fill(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES ('fill'); RETURN repeat('x', n); END $$;
CREATE FUNCTION app.fill_escaped(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES ('fill'); RETURN repeat(E'\x01', n); END $$;
CREATE FUNCTION app.fill_jsonb(n int) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES ('fill'); RETURN to_jsonb(repeat('x', n)); END $$;
CREATE FUNCTION app.fill_set(n int) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN INSERT INTO app.trail (what) VALUES ('fill'); RETURN NEXT repeat('x', n); END $$;
CREATE FUNCTION app.fill_query(n int) RETURNS TABLE(t text) LANGUAGE sql STABLE AS $$ SELECT repeat('x', n) $$;
CREATE FUNCTION app.endless() RETURNS SETOF bigint LANGUAGE sql STABLE AS
$$ SELECT generate_series(1::bigint, 1000000000000) $$;
SELECT realtime.rpc('app/' || proname, oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND proname ~ '^(fill|endless)';
});
# A frame has 1 MiB; ids have their length twice.
sub room
{
	my ($around) = @_;
	my $id = 'r' . ($calls + 1);
	return 1024 * 1024 - length(qq({"topic":"__rpc","event":"$id","data":{"id":"$id","ok":true,"data":$around}}));
}
for my $case ([ 'fill', '""' ], [ 'fill_jsonb', '""' ], [ 'fill_set', '[""]' ], [ 'fill_query', '[{"t":""}]' ])
{
	my ($function, $around) = @$case;
	my $n = room($around);
	is(length raw_call("app/$function", "[$n]"), $n + length $around, "$function: a frame of 1 MiB");
	$n = room($around) + 1;
	is(raw_call("app/$function", "[$n]"), 'PAYLOAD_TOO_LARGE', "$function: a byte more");
	is(raw_call("app/$function", '[3000000]'), 'PAYLOAD_TOO_LARGE', "$function: much more");
}
is(raw_call('app/fill_escaped', '[180000]'), 'PAYLOAD_TOO_LARGE', 'what grows by being escaped');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.trail'), 3, 'is rolled back');
is(raw_call('app/endless'), 'PAYLOAD_TOO_LARGE', 'a set without an end ends');
is(raw_call('app/fill', '[3]'), '"xxx"', 'the next call is well');

ws_close($ws);
$session->quit;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
