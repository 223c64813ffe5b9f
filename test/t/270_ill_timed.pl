# What comes at a bad moment: a clock that is set back by an hour, whose hour nothing
# waits for; and the end of the last connection before its call has.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

# What the server takes for the time of day is put off by what a file says.
my $folder = PostgreSQL::Test::Utils::tempdir;
my $library = "$folder/clock.so";
append_to_file("$folder/clock.c", q{
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	static int (*real) (struct timeval *, void *);
	FILE	   *file = fopen(getenv("CLOCK_FILE"), "r");
	long		seconds = 0;

	if (real == NULL)
		real = (int (*) (struct timeval *, void *)) dlsym(RTLD_NEXT, "gettimeofday");
	if (file != NULL)
	{
		if (fscanf(file, "%ld", &seconds) != 1)
			seconds = 0;
		fclose(file);
	}
	if (real(now, zone) != 0)
		return -1;
	now->tv_sec += seconds;
	return 0;
}
});
system_or_bail('cc', '-shared', '-fPIC', '-O1', '-o', $library, "$folder/clock.c", '-ldl');

my $node = new_node('realtime.executors' => 2, start => 0);
{
	local $ENV{CLOCK_FILE} = "$folder/offset";
	local $ENV{LD_PRELOAD} = $library;
	$node->start;
}
sub sql { return $node->safe_psql('postgres', $_[0]); }
sub executors { return sql(q{SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE backend_type = 'realtime executor'}); }

sql(q{
CREATE EXTENSION realtime;
CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
SELECT realtime.rpc('app/one', 'one()')});
wait_for_gateway($node);
wait_for_call($node, 'app/one');

my $before = sql('SELECT extract(epoch FROM clock_timestamp())::bigint');
is(sql(q{SELECT allowed FROM realtime.consume('limit', 1, '1 s', 'ann')}), 't', 'a limit of one a second');
append_to_file("$folder/offset", '-3600');
cmp_ok(sql('SELECT extract(epoch FROM clock_timestamp())::bigint'), '<', $before - 3000, 'the clock goes back');
ok(poll_until(sub { sql(q{SELECT allowed FROM realtime.consume('limit', 1, '1 s', 'ann')}) eq 't' }, soon()), 'a second ends the second all the same');

for my $n (1 .. 3)
{
	my $gone = executors();
	my $list = join ' OR ', map { "pid = $_" } split /,/, $gone;
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $list");
	ok(poll_until(sub { my %gone = map { $_ => 1 } split /,/, $gone; (grep { !$gone{$_} } split /,/, executors()) == 2 }, soon()), "executors that end are started again ($n)");
}
wait_for_call($node, 'app/one');

# ---- the last connection ends, and then its call joins a group ----

sql(q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE FUNCTION app.enter() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
	PERFORM realtime.group_join('team');
	PERFORM pg_advisory_xact_lock_shared(7);
	RETURN true;
END$$;
SELECT realtime.group('team'), realtime.rpc('app/enter', 'app.enter()')});
wait_for_call($node, 'app/enter');
sub waits { return sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}); }

my $lock = $node->background_psql('postgres');
$lock->query_safe('SELECT pg_advisory_lock(7)');
my $ws = ws_connect($node);
ws_send($ws, { rpc => 'app/enter', id => 'x', args => [] });
ok(poll_until(sub { waits() == 1 }), 'a call has joined a group');
ws_close($ws);
ok(poll_until(sub { sql('SELECT count(*) FROM realtime.connections') == 0 }), 'its connection ends, and there is no other');
$lock->query_safe('SELECT pg_advisory_unlock(7)');
ok(poll_until(sub { sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'realtime executor' AND state = 'active'}) == 0 }), 'the call ends');
ok(poll_until(sub { sql(q{SELECT coalesce(sum(members), 0) FROM realtime.group_state}) == 0 }, soon()), 'and nobody is left in the group');
$lock->quit;
$node->stop;
done_testing();
