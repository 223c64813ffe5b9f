# Plans of SQL functions are kept for each role that calls them: each sees what its
# policies say, calls in turn plan nothing anew, and memory has an end.
use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;
use RealtimeToken;

my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $node = life_node('realtime.executors' => 1, 'realtime.jwt_secret' => $secret);
my $roles = 10;
my $planned_anew = substr($node->safe_psql('postgres', 'SHOW server_version_num'), 0, 2) < 18;

$node->safe_psql('postgres', q{
CREATE TABLE app.owned (id integer PRIMARY KEY, owner name);
ALTER TABLE app.owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.owned USING (owner = current_user);
CREATE FUNCTION app.one() RETURNS integer STABLE LANGUAGE sql AS 'SELECT min(id) FROM app.owned /* one */';
CREATE FUNCTION app.all_of() RETURNS SETOF integer STABLE LANGUAGE sql AS 'SELECT id FROM app.owned ORDER BY id';
SELECT realtime.rpc('app/one', 'app.one()'), realtime.rpc('app/all', 'app.all_of()');
} . join '', map { qq{
CREATE ROLE owner_$_; GRANT owner_$_ TO realtime_executor; GRANT USAGE ON SCHEMA app TO owner_$_; GRANT SELECT ON app.owned TO owner_$_;
INSERT INTO app.owned VALUES ($_, 'owner_$_'), (1000 + $_, 'owner_$_');} } 1 .. $roles);
wait_for_call($node, 'app/one');
my @ws = map { ws_connect($node, headers => { Authorization => 'Bearer ' . jwt({ sub => "u$_", role => "owner_$_" }, secret => $secret) }) } 1 .. $roles;
sub sql { return $node->safe_psql('postgres', $_[0]); }

sub in_turn
{
	my ($name, $times) = @_;
	my @wrong;
	for (1 .. $times)
	{
		for my $n (1 .. $roles)
		{
			my $one = ws_call($ws[ $n - 1 ], 'app/one', [])->{data} // 'nothing';
			my $all = join ' ', @{ ws_call($ws[ $n - 1 ], 'app/all', [])->{data} // [] };
			push @wrong, "$n: $one, $all" if $one ne $n || $all ne "$n " . (1000 + $n);
		}
	}
	is(join('; ', @wrong), '', $name);
	return;
}

# How many contexts of a name the executor has.
sub contexts
{
	my ($name) = @_;
	my $position = log_position($node);
	my ($pid) = worker_pids($node, 'executor');
	sql("SELECT pg_log_backend_memory_contexts($pid)");
	poll_until(sub { count_in_log($node, qr/Grand total:/, $position) }) or die "the executor does not list its memory\n";
	return count_in_log($node, $name, $position);
}
sub plans { return contexts(qr{CachedPlanSource: .*/\* one \*/}); }

in_turn('each role sees its own rows', 8);
SKIP:
{
	skip 'this version of PostgreSQL keeps plans of SQL functions itself', 3 unless $planned_anew;
	is(plans(), $roles + 1, 'each has a plan, and so does who is anonymous');
	configure($node, 'realtime.plan_memory' => '64kB');
	poll_until(sub { sql('SHOW realtime.plan_memory') eq '64kB' });
	in_turn('with little memory as well', 8);
	cmp_ok(plans(), '<', $roles / 2, 'but few have one');
}
configure($node, 'realtime.plan_memory' => '32MB');

# What has changed counts
sql('ALTER POLICY own ON app.owned USING (owner = current_user AND id > 1000)');
my @seen = map { ws_call($_, 'app/one', [])->{data} } @ws;
is("@seen", join(' ', map { 1000 + $_ } 1 .. $roles), 'a policy that has changed');
sql('ALTER POLICY own ON app.owned USING (owner = current_user); REVOKE SELECT ON app.owned FROM owner_3');
is(ws_call($ws[2], 'app/one', [])->{code}, 'FORBIDDEN', 'a grant that is gone');
is(ws_call($ws[3], 'app/one', [])->{data}, 4, 'is gone for nobody else');
sql('GRANT SELECT ON app.owned TO owner_3');
sql('CREATE OR REPLACE FUNCTION app.one() RETURNS integer STABLE LANGUAGE sql AS $$ SELECT max(id) FROM app.owned $$');
@seen = map { ws_call($_, 'app/one', [])->{data} } @ws;
is("@seen", join(' ', map { 1000 + $_ } 1 .. $roles), 'a function that is replaced');

# So are those of live queries, which each role has for itself.
sub analyses { return contexts(qr{CachedPlanSource: .*owner\s+FROM app\.owned .*realtime query \d+ \*/}); }
sub told { my ($n) = @_; return ws_wait($ws[ $n - 1 ], sub { ($_->{event} // '') =~ /^(?:created|refreshed)$/ })->{data}; }
sql(q{SELECT realtime.query('app/owned', 'SELECT id, owner FROM app.owned', key => 'id')});
wait_for_call($node, 'app/owned', []);
sub owned { my ($n) = @_; return join ' ', sort { $a <=> $b } map { $_->{id} } @{ ws_call($ws[ $n - 1 ], 'app/owned', [], stream => JSON::PP::true)->{data} // [] }; }
is(owned($_), "$_ " . (1000 + $_), "role $_ follows its rows") for 1 .. $roles;
cmp_ok(analyses(), '>=', $roles, 'each with a plan');
configure($node, 'realtime.plan_memory' => '64kB');
poll_until(sub { sql('SHOW realtime.plan_memory') eq '64kB' });
for my $n (1 .. $roles)
{
	sql("INSERT INTO app.owned VALUES (2000 + $n, 'owner_$n')");
	is(told($n)->{id} // 'all of it', 2000 + $n, "role $n is told of what is new");
}
# what one round has used stays until the next use of any
is(owned(1), '1 1001 2001', 'somebody asks again');
cmp_ok(analyses(), '<', $roles, 'not all have one, with little memory');
cmp_ok(hits(), '>', 0, 'which is counted');
configure($node, 'realtime.plan_memory' => '32MB');

# What queries read is known when their plans are not: they are not run for nothing.
my $families = 12;
sql(join '', map { "CREATE TABLE app.part_$_ (id integer PRIMARY KEY, n integer); GRANT SELECT ON app.part_$_ TO PUBLIC;
	SELECT realtime.query('app/part_$_', 'SELECT p.id, p.n, count(*) AS c FROM app.part_$_ p JOIN app.part_$_ o USING (n) GROUP BY p.id', key => 'id');" } 1 .. $families);
my $parts = ws_connect($node);
wait_for_call($node, "app/part_$families", []);
is(ws_call($parts, "app/part_$_", [], stream => JSON::PP::true)->{ok}, JSON::PP::true, "query $_ is followed") for 1 .. $families;
sub changed { my ($n, $id) = @_; sql("INSERT INTO app.part_$n VALUES ($id, $id)"); return ws_wait($parts, sub { ($_->{event} // '') =~ /^(?:created|refreshed)$/ && ($_->{topic} // '') =~ /part_$n\b/ }); }
sub hits { return sql(q{SELECT hits FROM realtime.limits WHERE name = 'plan_memory'}); }
sub runs { return sql(q{SELECT sum(runs) FROM realtime.stat_query WHERE path LIKE 'app/part_%'}); }
ok(changed($_, 1), "query $_ has changed") for 1 .. $families;
configure($node, 'realtime.plan_memory' => '256kB');
poll_until(sub { sql('SHOW realtime.plan_memory') eq '256kB' });
my ($runs, $hits) = (runs(), hits());
for my $id (2 .. 5)
{
	ok(changed($_, $id), "query $_ has changed") for 1, 2;
}
is(runs() - $runs, 8, 'with little memory nothing is run but what has changed');
cmp_ok(hits(), '>', $hits, 'while plans go');
configure($node, 'realtime.plan_memory' => '32MB');

# Nothing is kept of functions that are gone.
my $functions = contexts(qr/realtime function: /);
for my $n (1 .. 20)
{
	sql("CREATE FUNCTION app.passing_$n() RETURNS integer LANGUAGE sql AS 'SELECT $n'; SELECT realtime.rpc('app/passing', 'app.passing_$n()')");
	ok(poll_until(sub { (ws_call($ws[0], 'app/passing', [])->{data} // 0) == $n }), 'a function is called');
	sql("SELECT realtime.drop('app/passing'); DROP FUNCTION app.passing_$n()");
}
ok(poll_until(sub { ws_call($ws[0], 'app/passing', [])->{code} eq 'NOT_FOUND' }), 'they are gone');
ok(poll_until(sub { contexts(qr/realtime function: /) <= $functions + 1 }), 'and nothing is left of them');

no_crash($node);
done_testing();
