# Modules and types of what is declared: the page about them is true, what is known of columns is right, what is broken
# does no harm, and nobody learns names that he must not.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node();
sub sql { return $node->safe_psql('postgres', $_[0]); }

# The page
my $page = slurp_file("$FindBin::RealBin/../../docs/types.md");
my ($example) = $page =~ /^```sql\n(.*?)^```$/ms;
my ($expected) = $page =~ /^```ts\n(.*?)^```$/ms;
my $types = sql($example);
like($types, qr/\Q$_\E/, 'the page is true') for split /(?<=\n)(?=export|\/\*\*)/, $expected =~ s/\n\z//r;

# Which columns are never NULL: t and f for each
sql(q{
CREATE TABLE a (id integer PRIMARY KEY, must text NOT NULL, may text);
CREATE TABLE b (id integer PRIMARY KEY, a integer NOT NULL, may text);
CREATE VIEW v AS SELECT * FROM a;
});
my %known = (
	'SELECT id, must, may FROM a' => 'ttf', 'SELECT * FROM a' => 'ttf', 'SELECT id, must, may FROM v' => 'fff',
	'SELECT a.id, b.id, b.a FROM a JOIN b ON b.a = a.id' => 'ttt', 'SELECT a.id, b.id FROM a LEFT JOIN b ON b.a = a.id' => 'tf',
	'SELECT a.id, b.id FROM a RIGHT JOIN b ON b.a = a.id' => 'ft', 'SELECT a.id, b.id FROM a FULL JOIN b ON b.a = a.id' => 'ff',
	'SELECT x.id, y.id, z.id FROM a x LEFT JOIN (a y JOIN b z ON z.a = y.id) ON x.id = y.id' => 'tff',
	'SELECT x.id, y.id FROM (a x CROSS JOIN b) LEFT JOIN a y ON y.id = x.id' => 'tf',
	'SELECT id FROM a JOIN b USING (id)' => 't', 'SELECT id FROM a LEFT JOIN b USING (id)' => 't', 'SELECT id FROM a RIGHT JOIN b USING (id)' => 't',
	'SELECT count(*), count(may), max(id), min(must) FROM a' => 'ttff', 'SELECT id, count(*) FROM a GROUP BY id' => 'tt',
	'SELECT id, count(*) FROM a GROUP BY ROLLUP (id)' => 'ft', 'SELECT must || may, id + 1 FROM a' => 'ff',
	q{SELECT coalesce(may, 'x'), coalesce(may, must), coalesce(may, NULL), greatest(id, NULL) FROM a} => 'ttft',
	q{SELECT CASE WHEN id > 1 THEN 1 ELSE 2 END, CASE WHEN id > 1 THEN 1 END, may IS NULL, NULL::text, 'x', id::bigint FROM a} => 'tftftf',
	'SELECT s.id, s.may FROM (SELECT id, may FROM a) s' => 'tf', 'WITH s AS (SELECT id, may FROM a) SELECT * FROM s' => 'tf',
	'WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 3) SELECT n FROM s' => 'f',
	'SELECT x, y FROM (VALUES (1, 2), (3, NULL)) AS list (x, y)' => 'tf', 'SELECT id FROM a UNION SELECT id FROM b' => 'f',
	'SELECT EXISTS (SELECT FROM a), ARRAY(SELECT id FROM a), (SELECT id FROM a LIMIT 1)' => 'ttf',
	'SELECT row_number() OVER (), lag(id) OVER () FROM a' => 'tf', 'INSERT INTO a VALUES (1, \'x\') RETURNING id, must, may' => 'ttf',
	'UPDATE a SET may = NULL RETURNING id, may' => 'tf', 'SELECT current_user, ROW(1), ARRAY[NULL]' => 'ttt',
	'SELECT generate_series(1, 2)' => 'f', 'SELECT x FROM generate_series(1, 2) AS x' => 'f');
my $n = 0;
for my $query (sort keys %known)
{
	my $function = 'f' . ++$n;
	my $columns = join ', ', map { "c$_ text" } 1 .. length $known{$query};
	my $casts = join ', ', map { "c$_" } 1 .. length $known{$query};
	# as it stands: types are of no consequence here
	sql("SET check_function_bodies = off; CREATE FUNCTION $function() RETURNS TABLE ($columns) LANGUAGE sql AS \$q\$ $query \$q\$");
	is(sql("SELECT string_agg(CASE WHEN is_required THEN 't' ELSE 'f' END, '') FROM realtime.entry_function_columns('$function()')"), $known{$query}, $query);
}
is(sql(q{CREATE FUNCTION atomic() RETURNS TABLE (id integer, may text) BEGIN ATOMIC SELECT id, may FROM a; END;
	SELECT string_agg(is_required::text, ' ') FROM realtime.entry_function_columns('atomic()')}), 'true false', 'a body that is stored parsed');
is(sql(q{SELECT count(*) FROM realtime.entry_function_columns('pg_sleep(float8)')}), 0, 'of another language nothing is known');

# Whether there is a row
my %row = ('SELECT 1' => 't', 'SELECT count(*) FROM a' => 't', 'SELECT 1 FROM a' => 'f', 'SELECT 1 WHERE false' => 'f', 'SELECT count(*) FROM a HAVING false' => 'f',
	'SELECT count(*) FROM a GROUP BY id' => 'f', 'SELECT 1 LIMIT 0' => 'f', q{INSERT INTO a VALUES (2, 'x') RETURNING id} => 't',
	q{INSERT INTO a VALUES (2, 'x') ON CONFLICT DO NOTHING RETURNING id} => 'f', q{INSERT INTO a SELECT id, 'x' FROM b RETURNING id} => 'f',
	'DELETE FROM a RETURNING id' => 'f', 'SELECT generate_series(1, 0)' => 'f');
for my $query (sort keys %row)
{
	my $function = 'f' . ++$n;
	sql("SET check_function_bodies = off; CREATE FUNCTION $function() RETURNS integer LANGUAGE sql AS \$q\$ $query \$q\$");
	is(sql("SELECT bool_and(has_row) FROM realtime.entry_function_columns('$function()')"), $row{$query}, "a row of $query");
}

# What a pipe joins
sql(q{
CREATE FUNCTION items() RETURNS SETOF a LANGUAGE sql STABLE AS 'SELECT * FROM a';
CREATE FUNCTION owners(ids text[]) RETURNS jsonb LANGUAGE sql STABLE AS $$SELECT '{}'::jsonb$$;
CREATE FUNCTION rows() RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$SELECT '{}'::jsonb$$;
SELECT realtime.stream('piped/items', 'piped', 'items()'), realtime.stream('piped/rows', 'piped-rows', 'rows()');
SELECT realtime.pipe('piped/items', realtime.pipe_sort('id'), realtime.pipe_join('id', 'owners(text[])', 'owner'), realtime.pipe_join('may', 'owners(text[])', 'other-owner'));
SELECT realtime.pipe('piped/rows', realtime.pipe_join('id', 'owners(text[])', 'owner'));
});
$types = sql(q{SELECT realtime.typescript('piped')});
like($types, qr/\Qitems: realtime.StreamFactory<(A & { "other-owner": any; owner: any })[], []>;\E/, 'what a pipe joins is in the rows');
like($types, qr/\Qrows: realtime.StreamFactory<any[], []>;\E/, 'of which nothing need be known');
sql(q{SELECT realtime.drop('piped/items'), realtime.drop('piped/rows')});

# What is broken
sql(q{
CREATE SCHEMA other;
CREATE TABLE other.here (id integer NOT NULL);
CREATE TABLE gone (id integer NOT NULL);
CREATE FUNCTION of_gone() RETURNS TABLE (id integer) LANGUAGE sql AS 'SELECT id FROM gone';
CREATE FUNCTION of_here() RETURNS TABLE (id integer) LANGUAGE sql SET search_path = other AS 'SELECT id FROM here';
SELECT realtime.rpc('broken/gone', 'of_gone()'), realtime.rpc('broken/here', 'of_here()');
DROP TABLE gone;
});
$types = sql(q{SELECT realtime.typescript('broken')});
like($types, qr/GoneRow \{\n\tid: number \| null;/, 'of a function whose table is gone less is known');
like($types, qr/HereRow \{\n\tid: number;/, 'another has its own search_path');
is(sql(q{SET search_path = 'nowhere'; SELECT md5(realtime.typescript()) = (SELECT md5(t) FROM (SELECT realtime.typescript() AS t) AS other)}), 't', 'whose is whoever asks');
sql(q{SET session_replication_role = replica; UPDATE realtime.rpc_declaration SET handler = 'nothing()' WHERE path = 'broken/gone'});
like(sql(q{SELECT realtime.typescript('broken')}), qr/export const gone: realtime\.Rpc<\[\], any>;/, 'a handler that is not there');
is(sql(q{SELECT realtime.client_module('nothing') IS NULL AND realtime.typescript('nothing') IS NULL AND realtime.client_module('todo/') IS NULL}), 't',
	'where nothing is declared nothing is');
sql(q{DELETE FROM realtime.rpc_declaration});
sql(q{DELETE FROM realtime.query_declaration});
like(sql('SELECT realtime.typescript()'), qr{\A// Types of all modules[^\n]*\s*\z}, 'nor at all');

# Who learns of it
my ($rc, undef, $err) = $node->psql('postgres', 'SET ROLE realtime_authenticated; SELECT realtime.typescript()');
like($err, qr/permission denied/, 'clients may not ask');
$node->append_conf('postgresql.conf', "realtime.serve_modules = 'development'\n");
is((http_request($node, 'GET /realtime/live.d.ts'))[0], 200, 'they are served');
$node->reload;
ok(poll_until(sub { (http_request($node, 'GET /realtime/live.d.ts'))[0] == 404 }), 'unless a setting says that they come from a build');
for (qw(/realtime/live/todo.js /realtime/live/todo.d.ts /realtime/live.d.ts))
{
	my ($status, undef, $body) = http_request($node, "GET $_");
	is($status, 404, "nobody gets $_ unless the setting says so");
	like($body, qr/realtime\.serve_modules/, 'which it says');
}
done_testing();
