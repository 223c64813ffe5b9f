# Live queries: random SELECTs over random tables, under random policies, while
# random transactions change these.  After each round the server compares every
# group with all of its query at the snapshot of the round (realtime.query_check);
# at rest every client has what a fresh run under its role gives.
# RT_SEED chooses another run, RT_WORLDS and RT_BATCHES a longer one.
use strict;
use warnings;

use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeCopy;
use RealtimeQueries;
use RealtimeTest;
use RealtimeToken;

my $seed = $ENV{RT_SEED} || 1 + int rand 1e6;
my $worlds = $ENV{RT_WORLDS} || 5;
my $batches = $ENV{RT_BATCHES} || 15;
my $declarations = 40;
my $secret = 'a secret of more than thirty-two bytes, as it should be';
my $json = JSON::PP->new->canonical->allow_nonref;

note "RT_SEED=$seed";
srand $seed;

my $node = new_node('realtime.executors' => 3, 'realtime.gateways' => 2, 'realtime.query_changes_max' => 30,
	'realtime.query_check' => 'all', 'realtime.jwt_secret' => $secret, jit => 'off');
my @users = (
	{ role => 'realtime_anonymous', claims => '' },
	(map { { role => 'realtime_authenticated', claims => $json->encode({ sub => $_ }), token => { sub => $_ } } } qw(anna ben)),
	{ role => 'tenant', claims => $json->encode({ sub => 'anna', role => 'tenant' }), token => { sub => 'anna', role => 'tenant' } });
my $truths = $node->background_psql('postgres', on_error_stop => 1);
my @sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 3;
my ($wrong, $compared, $asked, $refused, %refusals) = (0, 0, 0, 0);

$node->safe_psql('postgres', 'CREATE ROLE tenant NOLOGIN; GRANT tenant TO realtime_executor');

sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'"; }

# As anybody else asks, in a transaction of its own.
sub truth_of_user
{
	my ($copy) = @_;
	my ($query, $user) = @$copy{qw(query user)};
	my $sql = $query->{sql};

	$sql =~ s/\$(\d)/quoted($copy->{args}[$1 - 1]) . '::' . ($query->{types}[$1 - 1] =~ s,COLLATE.*,,r)/ge;
	my $rows = $truths->query_safe("BEGIN; SET LOCAL request.jwt.claims = " . quoted($user->{claims})
		. "; SET LOCAL ROLE $user->{role}; SELECT to_jsonb(q) FROM ($sql) q; COMMIT");
	my @rows = map { $json->encode($json->decode($_)) } grep { /^\{/ } split /\n/, $rows;
	@rows = sort @rows if !$copy->{ordered};
	return join "\n", @rows;
}

sub rows_of
{
	my ($copy) = @_;
	my @rows = map { my %row = %$_; delete $row{_key}; $json->encode(\%row) } @{ $copy->{rows} };

	@rows = sort @rows if !$copy->{ordered};
	return join "\n", @rows;
}

sub is_right
{
	my ($copy) = @_;
	my $truth = truth_of_user($copy);

	eval { take_until($copy->{ws}, sub { rows_of($copy) eq $truth }) };
	return rows_of($copy) eq $truth;
}

# What cannot be followed is refused; that is asked of no other test.
sub declare_random
{
	my ($world, $path) = @_;
	my $query = random_query($world);
	my ($out, $err);

	$query->{path} = $path;
	$asked++;
	$node->psql('postgres', "SELECT realtime.query('$path', \$sql\$$query->{sql}\$sql\$, key => '$query->{key}')",
		stdout => \$out, stderr => \$err) == 0 and return $query;
	$refused++;
	$refusals{ $err =~ /ERROR: +(.*)/ ? $1 : $err } = $query->{sql};
	return;
}

sub follow_random
{
	my ($clients, $query, $arguments) = @_;
	my $client = $clients->[ int rand @$clients ];
	my $copy = follow($client->{ws}, $query->{path}, @$arguments);

	@$copy{qw(query user ordered)} = ($query, $client->{user}, scalar($query->{sql} =~ /ORDER BY[^()]*$/));
	if (!$copy->{reply}{ok})
	{
		$wrong++;
		diag "RT_SEED=$seed: $query->{sql}\nis refused: " . $json->encode($copy->{reply});
	}
	return $copy;
}

sub say_wrong
{
	my ($copy, $world, @transactions) = @_;

	$wrong++;
	diag "RT_SEED=$seed: $copy->{query}{sql}\nkey $copy->{query}{key}, arguments " . $json->encode($copy->{args}) . ", $copy->{user}{role} $copy->{user}{claims}\n"
		. join("\n", @transactions) . "\nhas:\n" . rows_of($copy) . "\nshould have:\n" . truth_of_user($copy) . "\n$world->{sql}";
	return;
}

# Runs of all of a query have a reason, and that there is no cut is what is told of it.
sub check_reasons
{
	return $node->safe_psql('postgres', q{SELECT DISTINCT path || ': ' || failures || ' failures, full because ' || coalesce(why_full, '') || '; ' || sql
		FROM realtime.stat_query s JOIN realtime.query_declaration d USING (path) WHERE failures > 0 OR (why_full = 'a table has no cut' AND NOT EXISTS (
			SELECT FROM realtime.explain_query(d.path) e WHERE e.why_full IS NOT NULL))});
}

sub run_batch
{
	my ($world, $copies) = @_;
	my @transactions = map { random_transaction($world) } 1 .. 1 + int rand 3;

	# one after the other: which rows there are must not depend on who is first
	$sessions[ $_ % @sessions ]->query("$transactions[$_];") for 0 .. $#transactions;
	for my $copy (@$copies)
	{
		$compared++;
		next if is_right($copy);
		say_wrong($copy, $world, @transactions);
		return;
	}
	return;
}

for my $number (1 .. $worlds)
{
	my $world = random_world();
	my (@queries, @copies);

	$node->safe_psql('postgres', $world->{sql});
	while (@queries < $declarations)
	{
		my $query = declare_random($world, "r$number/" . scalar @queries);
		push @queries, $query if defined $query;
	}
	wait_for_call($node, $queries[0]{path}, $queries[0]{arguments}[0]);
	my @clients = map { { user => $_, ws => ws_connect($node, defined $_->{token} ?
		(headers => { Authorization => 'Bearer ' . jwt($_->{token}, secret => $secret) }) : ()) } } @users;
	for my $query (@queries)
	{
		push @copies, follow_random(\@clients, $query, $_) for @{ $query->{arguments} };
	}
	for my $batch (1 .. $batches)
	{
		run_batch($world, \@copies) if $wrong == 0;
	}
	is(check_reasons(), '', "world $number: no run has failed, and what is run in full is what is said to be");
	ws_close($_->{ws}) for @clients;
	$node->safe_psql('postgres', 'SELECT realtime.drop(path) FROM realtime.query_declaration');
	# a round that is under way may be in the way, and the other way round
	ok(poll_until(sub { $node->psql('postgres', 'DROP SCHEMA app CASCADE') == 0 }), 'its tables go');
	last if $wrong > 0;
}

my $log = slurp_file($node->logfile);
my $cases = 0;
$cases += $_ for $log =~ /(\d+) groups of live queries have been compared/g;
is($wrong, 0, "$compared copies at rest are what SQL says");
cmp_ok($cases, '>=', 1000 * $worlds, "after rounds $cases groups have been compared");
unlike($log, qr/live query "[^"]+" is not what it should be/, 'and none had anything else');
unlike($log, qr/live query "[^"]+" reads all of table/, 'no restricted run has read all of a large table');
cmp_ok($refused, '<', $asked / 3, "$refused of $asked queries are refused");
note "$_: $refusals{$_}" for sort keys %refusals;

$_->quit for @sessions, $truths;

done_testing();
