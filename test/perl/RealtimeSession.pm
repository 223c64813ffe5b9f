# Sessions of BackgroundPsql that behave alike with all releases of PostgreSQL.
#
# The time that PG_TEST_TIMEOUT_DEFAULT gives is for each query: a session may live
# for as long as its test does.
#
# In the first releases of 16 a query returns when the mark behind its result has
# begun to come, and leaves the rest of that to the next query.
package RealtimeSession;

use strict;
use warnings;

use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use Test::More;

my $query_of_release = \&PostgreSQL::Test::BackgroundPsql::query;
my $begin_of_release = \&PostgreSQL::Test::Cluster::background_psql;
my $quit_of_release = \&PostgreSQL::Test::BackgroundPsql::quit;
my $queries = 0;

sub begin
{
	my $self = $begin_of_release->(@_);
	$self->set_query_timer_restart;
	return $self;
}

sub quit
{
	my ($self) = @_;
	$self->{timeout}->start;
	return $quit_of_release->(@_);
}

# What later releases do, which count their queries.
sub query
{
	my ($self, $query) = @_;
	return $query_of_release->(@_) if exists $self->{query_cnt};

	my $mark = 'end of query ' . ++$queries;
	note "issuing query via background psql: $query";
	$self->{timeout}->start if defined $self->{query_timer_restart};
	$self->{stdin} .= "$query\n;\n\\echo '$mark'\n\\warn '$mark'\n";
	$self->{run}->pump
	  until (2 == grep { /\Q$mark\E\n/ } @$self{qw(stdout stderr)}) || $self->{timeout}->is_expired;
	die "psql query timed out" if $self->{timeout}->is_expired;

	s/\n?\Q$mark\E\n// for @$self{qw(stdout stderr)};
	my $output = $self->{stdout};
	$self->{stdout} = '';
	return wantarray ? ($output, $self->{stderr} eq '' ? 0 : 1) : $output;
}

{
	no warnings 'redefine';
	*PostgreSQL::Test::BackgroundPsql::query = \&query;
	*PostgreSQL::Test::Cluster::background_psql = \&begin;
	*PostgreSQL::Test::BackgroundPsql::quit = \&quit;
}

1;
