# Plans of procedural languages that are older than a change of types
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

my $node = new_node('realtime.executors' => 1, 'realtime.max_retries' => 0);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TYPE app.item AS (id integer, name text);
CREATE TABLE app.done (id integer);
CREATE SEQUENCE app.run;
GRANT ALL ON app.done, app.run TO realtime_anonymous;

CREATE FUNCTION app.items(x app.item[]) RETURNS SETOF app.item LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM unnest(x);
END $$;
CREATE FUNCTION app.store(x app.item[]) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO app.done SELECT id FROM unnest(x);
	RETURN (SELECT count(*) FROM app.items(x));
END $$;
CREATE FUNCTION app.allow(x app.item[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN EXISTS (SELECT FROM app.items(x));
END $$;
CREATE FUNCTION app.guarded(x app.item[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.sql_items(x app.item[]) RETURNS SETOF app.item LANGUAGE sql AS 'SELECT * FROM unnest(x)';
CREATE FUNCTION app.sql_first(x app.item[]) RETURNS app.item LANGUAGE sql AS 'SELECT * FROM unnest(x) LIMIT 1';
CREATE FUNCTION app.sql_done() RETURNS text LANGUAGE sql AS 'SELECT max(id)::text FROM app.done';
CREATE FUNCTION app.wrong() RETURNS SETOF app.item LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('app.run');
	RETURN QUERY SELECT 1;
END $$;
CREATE FUNCTION app.prepared() RETURNS void SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('app.run');
	EXECUTE 'PREPARE p AS SELECT * FROM app.done';
	EXECUTE 'ALTER TABLE app.done ADD COLUMN more integer';
	EXECUTE 'EXECUTE p';
END $$;
CREATE FUNCTION app.parse(payload text, channel text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
	IF payload = 'wrong' THEN
		CREATE TEMPORARY TABLE changes_something ();
		RAISE datatype_mismatch;
	END IF;
	RETURN (SELECT jsonb_build_object('topic', 'news', 'event', 'come', 'data', payload)
		FROM app.items(ARRAY[NULL]::app.item[]));
END $$;

SELECT realtime.rpc('app/items', 'app.items(app.item[])');
SELECT realtime.rpc('app/store', 'app.store(app.item[])');
SELECT realtime.rpc('app/guarded', 'app.guarded(app.item[])', guard => '{app.allow(app.item[])}');
SELECT realtime.rpc('app/sql-items', 'app.sql_items(app.item[])');
SELECT realtime.rpc('app/sql-first', 'app.sql_first(app.item[])');
SELECT realtime.rpc('app/sql-done', 'app.sql_done()');
SELECT realtime.rpc('app/wrong', 'app.wrong()');
SELECT realtime.rpc('app/prepared', 'app.prepared()');
SELECT realtime.topic('news', open => true);
SELECT realtime.bridge('news', parse => 'app.parse(text,text)');
});
wait_for_call($node, 'app/guarded');
ok(poll_until(sub { $node->safe_psql('postgres', 'SELECT bridges FROM realtime.stat_scheduler') eq '1' }), 'the bridge listens');
my $ws = ws_connect($node);
my @item = [ { id => 1, name => 'a' } ];

# How often the log says that a call is run again.
sub renewals
{
	my $log = slurp_file($node->logfile);
	return scalar(() = $log =~ /LOG:  realtime call "[^"]*" is run again with new plans/g);
}

sub change
{
	my ($name) = @_;
	$node->safe_psql('postgres', "ALTER TYPE app.item ADD ATTRIBUTE $name integer");
}

sub runs
{
	return $node->safe_psql('postgres', 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM app.run');
}

# Publishes through the bridge and waits for it.
sub notify
{
	my ($text) = @_;
	$node->safe_psql('postgres', "NOTIFY news, '$text'");
	return ws_wait($ws, sub { ($_->{event} // '') eq 'come' })->{data};
}

is_deeply(ws_call($ws, 'app/items', \@item)->{data}, [ { id => 1, name => 'a' } ], 'before the change');
is(renewals(), 0, 'nothing is planned anew');

change('one');
is_deeply(ws_call($ws, 'app/items', \@item)->{data}, [ { id => 1, name => 'a', one => undef } ],
	'after it: the client sees the right answer');
is(renewals(), 1, 'the log tells of it');
is_deeply(ws_call($ws, 'app/items', \@item)->{data}, [ { id => 1, name => 'a', one => undef } ], 'and again');
is(renewals(), 1, 'without ado');

is(ws_call($ws, 'app/store', \@item)->{data}, 1, 'a function that writes');
change('two');
is(ws_call($ws, 'app/store', \@item)->{data}, 1, 'and is run again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM app.done'), 2, 'has written once');
is(renewals(), 2, 'by new plans');

is(ws_call($ws, 'app/guarded', \@item)->{data}, 1, 'a guard agrees');
change('three');
is(ws_call($ws, 'app/guarded', \@item)->{data}, 1, 'after a change as well');
is(renewals(), 3, 'by new plans');

# SQL functions, whose plans PostgreSQL keeps itself since 18
my @sql = ([ 'app/sql-items', \@item ], [ 'app/sql-first', \@item ], [ 'app/sql-done' ]);
sub sql_answers { return map { ws_call($ws, $_->[0], $_->[1] // [])->{data} } @sql; }
my @answers = sql_answers();
is($answers[2], '1', 'SQL functions');
change('added');
$node->safe_psql('postgres', 'ALTER TABLE app.done ALTER COLUMN id TYPE bigint');
for my $row ($answers[0][0], $answers[1]) { $row->{added} = undef; }
is_deeply([ sql_answers() ], \@answers, 'give what is right after a change');
is_deeply([ sql_answers() ], \@answers, 'and again');

ws_subscribe($ws, 'news');
is(notify('first'), 'first', 'a bridge parses');
my $renewals = renewals();
change('four');
is(notify('second'), 'second', 'after a change as well');
is(renewals() - $renewals, 1, 'by new plans');

# Each attempt changes something, and so would explain the next one's error.
$node->safe_psql('postgres', q{
BEGIN;
NOTIFY news, 'wrong';
NOTIFY news, 'third';
COMMIT;
});
is(ws_wait($ws, sub { ($_->{event} // '') eq 'come' })->{data}, 'third', 'one that is wrong harms no other');
is(renewals() - $renewals, 2, 'and is parsed again once');

# A function that is simply wrong
ws_call($ws, 'app/wrong', []);
my $before = runs();
is(ws_call($ws, 'app/wrong', [])->{code}, 'INTERNAL_ERROR', 'a function that returns something else');
is(runs() - $before, 1, 'is not run again if nothing has changed');
change('five');
is(ws_call($ws, 'app/wrong', [])->{code}, 'INTERNAL_ERROR', 'after a change');
is(runs() - $before, 3, 'it is run twice');
is(ws_call($ws, 'app/wrong', [])->{code}, 'INTERNAL_ERROR', 'and then');
is(runs() - $before, 4, 'not again');

$before = runs();
is(ws_call($ws, 'app/prepared', [])->{code}, 'INTERNAL_ERROR', 'a statement whose result has changed');
is(runs() - $before, 2, 'is run again, once');

ws_close($ws);
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:|WARNING: .* leak/,
	'nothing has crashed or leaked');

done_testing();
