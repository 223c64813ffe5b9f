# What a call leaves in its process is gone before the next one: with another
# seed, or in another process.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife qw(no_crash worker_pids);
use RealtimeTest;

my $node = new_node('realtime.executors' => 1, 'wal_level' => 'logical', 'max_replication_slots' => 4);
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub executor { return (worker_pids($node, 'executor'))[0] // 0; }

sql(q{
ALTER ROLE realtime_anonymous REPLICATION;
CREATE FUNCTION seed() RETURNS double precision LANGUAGE sql AS 'SELECT setseed(0.5); SELECT random()';
CREATE FUNCTION dice() RETURNS double precision LANGUAGE sql VOLATILE AS 'SELECT random()';
CREATE FUNCTION slot() RETURNS text LANGUAGE sql AS $$ SELECT slot_name FROM pg_create_physical_replication_slot('mine', true, true) $$;
CREATE FUNCTION slots() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM pg_replication_slots';
CREATE FUNCTION plain(n integer) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN n + 1; END';
SELECT realtime.rpc('app/' || f, (f || a)::regprocedure) FROM (VALUES ('seed', '()'), ('dice', '()'), ('slot', '()'), ('slots', '()'), ('plain', '(integer)')) v(f, a)});
wait_for_call($node, 'app/dice');
my $ws = ws_connect($node);
sub call { my ($path, @arguments) = @_; return ws_call($ws, "app/$path", \@arguments)->{data}; }

my $pid = executor();
call('seed');
my $first = call('dice');
call('seed');
isnt(call('dice'), $first, 'setseed() of one call does not tell the numbers of the next');
is(call('slot'), 'mine', 'a temporary replication slot');
is(call('slots'), 0, 'is dropped');
is(call('plain', $_), $_ + 1, 'PL/pgSQL') for 1 .. 3;
is(executor(), $pid, 'none of it needs another process');

# Languages and connections that keep things in the process
my @languages = (
	[ 'plperl', 'CREATE FUNCTION %s(n integer) RETURNS integer LANGUAGE plperl AS $$ return $_SHARED{n} += $_[0]; $$' ],
	[ 'pltcl', 'CREATE FUNCTION %s(n integer) RETURNS integer LANGUAGE pltcl AS $$ global GD; incr GD(n) $1; return $GD(n) $$' ]);
SKIP:
for (@languages)
{
	my ($language, $create) = @$_;

	skip "$language is not available", 6
	  unless sql("SELECT count(*) FROM pg_available_extensions WHERE name = '$language'");
	sql("CREATE EXTENSION $language; " . sprintf($create, "keep_$language"));
	sql("CREATE FUNCTION nested_$language(n integer) RETURNS integer LANGUAGE plpgsql AS 'BEGIN RETURN keep_$language(n); END';
		SELECT realtime.rpc('app/keep-$language', 'keep_$language(integer)'), realtime.rpc('app/nested-$language', 'nested_$language(integer)')");
	for my $path ("keep-$language", "nested-$language")
	{
		is_deeply([ map { call($path, 1) } 1 .. 4 ], [ 1, 1, 1, 1 ], "$path: what it keeps is gone before the next call");
		my $before = executor();
		call($path, 1);
		ok(poll_until(sub { my $now = executor(); $now && $now != $before }), 'as the process is');
	}
}
is_deeply([ map { call('plain', 1) } 1 .. 4 ], [ 2, 2, 2, 2 ], 'other calls go on');
SKIP:
{
	skip 'dblink is not available', 1 unless sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'});
	my $connection = $node->connstr('postgres') . ' user=' . sql('SELECT current_user');
	sql("CREATE EXTENSION dblink; CREATE FUNCTION link() RETURNS text LANGUAGE sql SECURITY DEFINER AS
		\$\$ SELECT dblink_connect('mine', \$c\$$connection\$c\$) \$\$;
		CREATE FUNCTION links() RETURNS text[] LANGUAGE sql AS 'SELECT dblink_get_connections()';
		SELECT realtime.rpc('app/link', 'link()'), realtime.rpc('app/links', 'links()')");
	is(call('link') . ' ' . (call('links') // 'none'), 'OK none', 'a connection of dblink is closed');
}

# As the settings say
sub set
{
	sql("ALTER SYSTEM SET $_[0]");
	$node->reload;
	my ($name, $value) = $_[0] =~ /^(\S+) = '?(.*?)'?$/;
	# the one who reads it next has read it when it has run a call after this
	call('plain', 1) for 1 .. 3;
	return;
}
set('realtime.recycle_executors = off');
SKIP:
{
	skip 'plperl is not available', 1 unless sql(q{SELECT count(*) FROM pg_extension WHERE extname = 'plperl'});
	ok(poll_until(sub { call('keep-plperl', 1); call('keep-plperl', 1) > 1 }), 'off: it is kept, for who wants that');
}
set('realtime.executor_max_calls = 5');
my %seen = ();
for (1 .. 30) { call('plain', 1); $seen{ executor() } = 1; }
cmp_ok(scalar(keys %seen), '>', 3, 'an executor is replaced after some calls');

$node->stop('fast');
no_crash($node);
done_testing();
