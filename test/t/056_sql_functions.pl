# SQL functions: their bodies are planned once, and nobody must notice.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use JSON::PP;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
CREATE SCHEMA other;
GRANT USAGE ON SCHEMA app, other TO realtime_anonymous;
SELECT realtime.rpc('app/ready', 'pg_catalog.pg_backend_pid()');
CREATE TABLE other.item (id int PRIMARY KEY, body text);
GRANT ALL ON other.item TO realtime_anonymous;
INSERT INTO other.item VALUES (1, 'one'), (2, 'two'), (3, 'three');
});
wait_for_call($node, 'app/ready');
my $ws = ws_connect($node);

# Creates or replaces app.<name>(<parameters>) and declares it.
sub declare
{
	my ($name, $parameters, $rest) = @_;

	$node->safe_psql('postgres', qq{
		CREATE OR REPLACE FUNCTION app.$name($parameters) $rest;
		SELECT realtime.rpc('app/$name', (SELECT oid FROM pg_proc WHERE proname = '$name' AND pronamespace = 'app'::regnamespace)::regprocedure)});
}

# Calls it three times: unplanned, planned, planned.
sub always
{
	my ($path, $arguments, $expected, $name) = @_;
	my @replies = map { my $r = ws_call($ws, $path, $arguments); $r->{ok} ? $r->{data} : $r->{code} } 1 .. 3;

	is_deeply(\@replies, [ ($expected) x 3 ], $name);
}

sub rows
{
	my ($query) = @_;
	return $node->safe_psql('postgres', $query);
}

###########################################################################
# Names of parameters

declare('by_name', 'id int', q{RETURNS text LANGUAGE sql STABLE AS 'SELECT body FROM other.item i WHERE i.id = by_name.id'});
always('app/by_name', [2], 'two', 'function.parameter');
declare('by_number', 'int, text DEFAULT $$!$$', q{RETURNS text LANGUAGE sql STABLE AS 'SELECT body || $2 FROM other.item WHERE id = $1'});
always('app/by_number', [3], 'three!', '$1 and a default');
declare('column_wins', 'body text', q{RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM other.item WHERE body = body'});
always('app/column_wins', ['none'], 3, 'a column hides the parameter of its name');

###########################################################################
# Statements

declare('two', 'n int', q{RETURNS text LANGUAGE sql AS
	'UPDATE other.item SET body = body || n WHERE id = 1;
	 SELECT 7;
	 SELECT body FROM other.item WHERE id = 1'});
is(ws_call($ws, 'app/two', [5])->{data}, 'one5', 'a statement sees what the one before it did');
is(ws_call($ws, 'app/two', [6])->{data}, 'one56', 'again');

declare('first_of_many', '', q{RETURNS int LANGUAGE sql AS 'UPDATE other.item SET body = body RETURNING 42'});
my $updates = rows(q{SELECT txid_current()});
always('app/first_of_many', [], 42, 'the first row counts');
is(rows(qq{SELECT count(*) FROM other.item WHERE xmin::text::bigint > $updates}), 3, 'and all rows are updated');

declare('first_selected', '', q{RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM other.item ORDER BY id DESC'});
always('app/first_selected', [], 3, 'the first row of a query');
declare('no_row', '', q{RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM other.item WHERE false'});
always('app/no_row', [], undef, 'no row is NULL');
declare('nothing', '', q{RETURNS void LANGUAGE sql AS 'SELECT 1; UPDATE other.item SET body = body; SELECT 2'});
always('app/nothing', [], undef, 'void throws rows away');
declare('empty', '', q{RETURNS void LANGUAGE sql AS ''});
always('app/empty', [], undef, 'an empty body');
declare('modifying', '', q{RETURNS bigint LANGUAGE sql AS
	'WITH changed AS (UPDATE other.item SET body = body RETURNING id) SELECT id FROM changed ORDER BY id'});
always('app/modifying', [], 1, 'a query that changes rows');

###########################################################################
# What PostgreSQL's handler has to run

declare('cast', '', q{RETURNS bigint LANGUAGE sql STABLE AS 'SELECT max(id) FROM other.item'});
always('app/cast', [], 3, 'a result that is cast');
declare('atomic', 'x int', q{RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT max(id) + x FROM other.item; END});
always('app/atomic', [4], 7, 'BEGIN ATOMIC');
# It would hold on to the columns that change below.
rows(q{SELECT realtime.drop('app/atomic'); DROP FUNCTION app.atomic(int)});
declare('utility', '', q{RETURNS int LANGUAGE sql AS 'CREATE TEMP TABLE t (a int) ON COMMIT DROP; SELECT 1'});
always('app/utility', [], 1, 'a utility command');
declare('configured', '', q{RETURNS text LANGUAGE sql SET work_mem = '123kB' AS 'SELECT current_setting(''work_mem'')'});
always('app/configured', [], '123kB', 'a setting of its own');
declare('definer', '', q{RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'});
unlike(ws_call($ws, 'app/definer', [])->{data}, qr/anonymous/, 'SECURITY DEFINER');
declare('invoker', '', q{RETURNS text LANGUAGE sql AS 'SELECT current_user::text'});
always('app/invoker', [], 'realtime_anonymous', 'SECURITY INVOKER');
declare('strict', 'x int', q{RETURNS int LANGUAGE sql STRICT AS 'SELECT coalesce($1, 9)'});
always('app/strict', [undef], undef, 'STRICT');
declare('row', '', q{RETURNS other.item LANGUAGE sql STABLE AS 'SELECT * FROM other.item WHERE id = 2'});
always('app/row', [], { id => 2, body => 'two' }, 'a row');

###########################################################################
# Errors

declare('reader', '', q{RETURNS int LANGUAGE sql STABLE AS 'UPDATE other.item SET body = NULL RETURNING 1'});
always('app/reader', [], 'INTERNAL_ERROR', 'a STABLE function cannot write');
is(rows(q{SELECT count(*) FROM other.item WHERE body IS NULL}), 0, 'and has not');

declare('halfway', 'x int', q{RETURNS int LANGUAGE sql AS 'UPDATE other.item SET body = ''gone''; SELECT 1 / $1'});
is(ws_call($ws, 'app/halfway', [0])->{ok}, JSON::PP::false, 'an error in the second statement');
is(rows(q{SELECT count(*) FROM other.item WHERE body = 'gone'}), 0, 'undoes the first');
is(ws_call($ws, 'app/halfway', [1])->{data}, 1, 'and the plan is still good');
rows(q{UPDATE other.item SET body = 'two' WHERE id = 2});

###########################################################################
# Changes

declare('two', 'n int', q{RETURNS text LANGUAGE sql AS 'SELECT ''new '' || n'});
is(ws_call($ws, 'app/two', [5])->{data}, 'new 5', 'another body');

declare('typed', '', q{RETURNS int LANGUAGE sql STABLE AS 'SELECT id FROM other.item WHERE id = 2'});
always('app/typed', [], 2, 'an int column');
rows(q{ALTER TABLE other.item ALTER id TYPE smallint});
always('app/typed', [], 2, 'is a smallint now, and cast');
rows(q{ALTER TABLE other.item ALTER id TYPE int});
always('app/typed', [], 2, 'and an int again');
rows(q{ALTER TABLE other.item RENAME body TO text});
is(ws_call($ws, 'app/by_name', [2])->{code}, 'INTERNAL_ERROR', 'a column that is gone');
rows(q{ALTER TABLE other.item RENAME text TO body});
always('app/by_name', [2], 'two', 'and back');
rows(q{SELECT realtime.drop('app/row'); DROP FUNCTION app.row();
	DROP TABLE other.item; CREATE TABLE other.item (id int, body text); INSERT INTO other.item VALUES (2, 'anew'); GRANT SELECT ON other.item TO realtime_anonymous});
always('app/by_name', [2], 'anew', 'another table of the name');

# Names are resolved with the rights of today
rows(q{REVOKE USAGE ON SCHEMA other FROM realtime_anonymous});
is(ws_call($ws, 'app/by_name', [2])->{ok}, JSON::PP::false, 'without USAGE on the schema');
rows(q{GRANT USAGE ON SCHEMA other TO realtime_anonymous});
always('app/by_name', [2], 'anew', 'with it again');
rows(q{REVOKE SELECT ON other.item FROM realtime_anonymous});
is(ws_call($ws, 'app/by_name', [2])->{ok}, JSON::PP::false, 'without SELECT on the table');

ws_close($ws);
$node->stop;
done_testing();
