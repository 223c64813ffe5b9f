=pod

=head1 NAME

RealtimeQueries - random tables, SELECTs over them and writes

=head1 SYNOPSIS

  my $world = random_world();         # uses rand: srand first
  $node->safe_psql('postgres', $world->{sql});
  my $query = random_query($world);   # { sql, key, args }
  my @sql = random_script($world, 1);  # transactions of a session, which has a number
  my $ddl = random_command($world);

All that is made has one right answer at each moment: where collations or types
have several texts for one value, none of them is shown that SQL may choose freely.

random_world(large => 1) has tables of more pages than a run that is restricted may
read from end to end, all that they are compared by is indexed, and no query has a
part that is the same for each row, which would have to be read as a whole.  In
random_world(plain => 1) no table has partitions.

=cut

package RealtimeQueries;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(random_world random_query random_script random_command random_literal grouped_query);

# ---- values ----

my %types = (
	integer => [ map { "$_" } 1 .. 8 ],
	bigint => [ map { "$_" } 1 .. 7, 5000000000 ],
	text => [ map { "'$_'" } 'a' .. 'h' ],
	'text COLLATE app.anycase' => [ map { "'$_'" } qw(a A b B c d E f) ],
	numeric => [ qw(1 1.0 2 2.00 3.5 4 5 6) ],
	'app.mood' => [ map { "'m$_'" } 1 .. 8 ],
	uuid => [ map { "'00000000-0000-0000-0000-00000000000$_'" } 1 .. 8 ]);

sub any { return $_[ int rand @_ ]; }
sub chance { return rand() < $_[0]; }
sub small { return int rand 6; }

# Values beside those, of many rows; of types whose comparisons policies let pass.
my %more = (
	integer => '1000 + i', bigint => '1000 + i', text => q{'z' || i},
	uuid => q{('00000000-0000-0000-0001-' || lpad(i::text, 12, '0'))::uuid});

# Whether SQL may choose between texts of one value.
sub is_vague { return $_[0] =~ /anycase|numeric/; }

sub shown
{
	my ($column, $type) = @_;

	return $type =~ /anycase/ ? "lower($column COLLATE \"C\")" : $type eq 'numeric' ? "trim_scale($column)" : $column;
}

sub literal
{
	my ($type, $nulls) = @_;

	return 'NULL' if $nulls && chance(0.2);
	return any(@{ $types{$type} });
}

# One that is not NULL.
sub random_literal
{
	my ($world, $column) = @_;

	return literal($world->{types}{$column});
}

# ---- tables ----

sub table
{
	my ($world, $name) = @_;
	my $t = $world->{types};
	my $columns = "id $t->{id} NOT NULL, a $t->{a}, b $t->{b}, n integer, p numeric, filler text";
	my @sql;

	if (chance($world->{plain} ? 0 : $world->{large} ? 0.2 : 0.3))
	{
		push @sql, "CREATE TABLE app.$name ($columns, PRIMARY KEY (id)) PARTITION BY HASH (id)",
			"CREATE TABLE app.${name}_0 PARTITION OF app.$name FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
			"CREATE TABLE app.${name}_1 (p numeric, filler text, n integer, spare text, b $t->{b}, a $t->{a}, id $t->{id} NOT NULL)",
			"ALTER TABLE app.${name}_1 DROP spare",
			"ALTER TABLE app.$name ATTACH PARTITION app.${name}_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1)";
		$world->{partitioned}{$name} = 1;
	}
	else
	{
		push @sql, "CREATE TABLE app.$name ($columns, PRIMARY KEY (id))";
	}
	push @sql, "CREATE INDEX ON app.$name ($_)" for grep { $world->{large} || chance(0.5) } qw(a b n);
	push @sql, map { sprintf 'INSERT INTO app.%s VALUES (%s) ON CONFLICT DO NOTHING', $name, row($world) } 1 .. 8;
	push @sql, sprintf q{INSERT INTO app.%s SELECT %s, %s, %s, 1000 + i, 1000 + i, repeat('x', 1500) FROM generate_series(1, 700) i}, $name, map { $more{ $t->{$_} } } qw(id a b)
		if $world->{large};
	return @sql;
}

sub row
{
	my ($world) = @_;
	my $t = $world->{types};

	return join ', ', literal($t->{id}), literal($t->{a}, 1), literal($t->{b}, 1), any('NULL', small()), any('NULL', '1', '1.0', '2.5', '4');
}

my $me = q{coalesce(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', '-')};

sub condition_of_members
{
	my ($name) = @_;
	my $column = any(qw(a b));

	return any("EXISTS (SELECT FROM app.member m WHERE m.$column = $name.$column AND m.who = $me)",
		"$column IN (SELECT m.$column FROM app.member m WHERE m.who = $me)");
}

sub condition_of_tenants
{
	my ($world, $name) = @_;
	my $column = any(qw(a b));

	return any("n > 2 OR id IN (SELECT id FROM app.t1)", "$column IN (SELECT $column FROM app.member WHERE n > 1)",
		"NOT EXISTS (SELECT FROM app.t1 x WHERE x.a = $name.a AND x.n = 3)") if !$world->{large};
	return any("EXISTS (SELECT FROM app.t1 x WHERE x.id = $name.id AND x.n <> 3)", "NOT EXISTS (SELECT FROM app.t1 x WHERE x.a = $name.a AND x.n = 3)");
}

sub policies
{
	my ($world, $name) = @_;

	push @{ $world->{protected} }, $name;
	return ("ALTER TABLE app.$name ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY members ON app.$name FOR SELECT TO realtime_anonymous, realtime_authenticated USING (" . condition_of_members($name) . ')',
		"CREATE POLICY tenants ON app.$name FOR SELECT TO tenant USING (" . condition_of_tenants($world, $name) . ')');
}

sub random_world
{
	my (%world) = (@_, tables => [ map { "t$_" } 1 .. 5 ], partitioned => {}, protected => []);
	my @names = grep { !$world{large} || $more{$_} } sort keys %types;
	my $t = $world{types} = { n => 'integer', p => 'numeric', map { $_ => any(@names) } qw(id a b) };

	$t->{a} = $t->{id} if chance(0.6);
	my @sql = ('CREATE SCHEMA app', 'GRANT USAGE ON SCHEMA app TO PUBLIC',
		q{CREATE COLLATION app.anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)},
		q{CREATE TYPE app.mood AS ENUM ('m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8')},
		"CREATE TABLE app.member (a $t->{a}, b $t->{b}, n integer, who text)",
		'CREATE INDEX ON app.member (a)', 'CREATE INDEX ON app.member (b)',
		map { table(\%world, $_) } @{ $world{tables} });
	push @sql, map { sprintf q{INSERT INTO app.member VALUES (%s, %s, %d, '%s')}, literal($t->{a}), literal($t->{b}), small(), any(qw(- anna ben)) } 1 .. 8;
	push @sql, 'UPDATE app.t4 SET a = NULL', 'ALTER TABLE app.t4 ADD FOREIGN KEY (a) REFERENCES app.t3 ON DELETE ' . any('CASCADE', 'SET NULL') . ' ON UPDATE CASCADE'
		if !$world{large} && $t->{a} eq $t->{id} && chance(0.7);
	push @sql, 'CREATE FUNCTION app.copies() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
			INSERT INTO app.t5 (id, a, b, n) VALUES (new.id, new.a, new.b, new.n) ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1; RETURN NULL; END$$',
		'CREATE TRIGGER copies AFTER INSERT OR UPDATE ON app.t2 FOR EACH ROW WHEN (new.n > 3) EXECUTE FUNCTION app.copies()' if chance(0.6);
	push @sql, 'CREATE FUNCTION app.limits() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.n := new.n % 5; RETURN new; END$$',
		'CREATE TRIGGER limits BEFORE INSERT OR UPDATE ON app.t3 FOR EACH ROW WHEN (new.n > 4) EXECUTE FUNCTION app.limits()' if chance(0.3);
	push @sql, 'CREATE VIEW app.v1 AS SELECT id, a, b, n, p FROM app.t1 WHERE n > 1',
		sprintf('CREATE VIEW app.v2 AS SELECT x.id, x.a, %s.b, x.n, y.p FROM app.t2 x LEFT JOIN app.t3 y ON y.id = x.id', $world{large} ? 'x' : 'y'),
		'CREATE VIEW app.v3 AS SELECT x.id, x.a, x.b, (SELECT count(*)::integer FROM app.t3 y WHERE y.a = x.a) AS n, x.p FROM app.t1 x';
	push @sql, map { policies(\%world, $_) } grep { chance(0.6) } qw(t2 t5);
	push @sql, 'GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC', 'ANALYZE';
	$world{relations} = [ (map { "app.$_" } @{ $world{tables} }) x 2, qw(app.v1 app.v2), $world{large} ? () : 'app.v3' ];
	$world{sql} = join ";\n", @sql;
	return \%world;
}

# ---- queries ----

sub relation { return any(@{ $_[0]{relations} }); }

# Columns of one type, or the same one.
sub pair
{
	my ($t) = @_;
	my @pairs = grep { $t->{ $_->[0] } eq $t->{ $_->[1] } } map { my $x = $_; map { [ $x, $_ ] } qw(id a b) } qw(id a b);

	return @{ any(@pairs) };
}

sub parameter
{
	my ($q, $type) = @_;

	push @{ $q->{types} }, $type;
	return '$' . @{ $q->{types} };
}

sub condition
{
	my ($q, $x, $depth) = @_;
	my $t = $q->{world}{types};
	my ($c, $d) = pair($t);
	my $s = 's' . ++$q->{aliases};
	my $r = relation($q->{world});
	my $more = chance(0.4) ? "$s.n " . any('>', '=', '<') . ' ' . small() : $depth < 2 && chance(0.3) ? condition($q, $s, $depth + 1) : 'true';

	my @uncorrelated = $q->{world}{large} ? () : (
		sub { "$x.$d NOT IN (SELECT $s.$c FROM $r $s WHERE $more)" },
		sub { "$x.n > (SELECT min(n) FROM $r)" });

	return any(@uncorrelated,
		sub { "$x.n " . any('>', '<', '=', '<>') . ' ' . small() },
		sub { my $k = any(qw(a b id)); "$x.$k = " . literal($t->{$k}) },
		(sub { return 'true' if @{ $q->{types} } >= 2; my $k = any(qw(a b n)); "$x.$k = " . parameter($q, $t->{$k}) }) x 2,
		sub { "$x." . any(qw(a b n)) . ' IS ' . any('NULL', 'NOT NULL') },
		(sub { any('', 'NOT ') . "EXISTS (SELECT FROM $r $s WHERE $s.$c = $x.$d AND $more)" }) x 3,
		(sub { "$x.$d IN (SELECT $s.$c FROM $r $s WHERE $more)" }) x 2,
		sub { "$x.n " . any('<', '>') . " (SELECT count(*) FROM $r $s WHERE $s.$c = $x.$d AND $more)" },
		sub { "$x.n >= (SELECT max($s.n) FROM $r $s WHERE $s.$c = $x.$d)" },
		sub { my $k = any(qw(a b)); "($x.$k = " . literal($t->{$k}) . " OR $x.n > " . small() . ')' })->();
}

# A FROM with joins: its aliases, the columns that name a row, and a WHERE.
sub source
{
	my ($q, $joins) = @_;
	my $t = $q->{world}{types};
	my @aliases = ('x');
	my $from = relation($q->{world}) . ' x';
	my @key = ('x.id AS id');

	for my $i (1 .. $joins // any(0, 0, 1, 1, 2))
	{
		my $y = qw(x y z)[$i];
		my $of = any(@aliases);
		my ($c, $d) = pair($t);

		($c, $d) = ('id', 'id') if chance(0.2);
		$from .= ' ' . any('JOIN', 'JOIN', $q->{inner} ? () : ('LEFT JOIN', 'LEFT JOIN'), $q->{world}{large} ? () : chance(0.3) ? ('RIGHT JOIN', 'FULL JOIN') : ())
			. ' ' . relation($q->{world}) . " $y ON $y.$c = $of.$d" . (chance(0.2) && $from !~ /FULL/ ? " AND $y.n > " . small() : '');
		$from =~ s/(FULL JOIN \S+ y ON \S+ = \S+) AND .*/$1/;
		push @aliases, $y;
		push @key, "$y.id AS ${y}id";
	}
	my @where = map { condition($q, any(@aliases), 0) } 1 .. any(0, 1, 1, 2);

	# few of many rows
	push @where, '(x.p < 1004 OR x.p IS NULL)' if $q->{world}{large};
	return { from => $from . (@where ? ' WHERE ' . join(' AND ', @where) : ''), aliases => \@aliases, key => \@key };
}

# Rows are restricted by columns that an outer join may have made NULL only after it.
sub grouping_source
{
	my ($q, $joins) = @_;
	local $q->{inner} = $q->{world}{large};

	return source($q, $joins);
}

sub key_names { return join ',', map { /AS (\w+)/ } @_; }

sub values_of
{
	my (@aliases) = @_;
	my @columns = map { my $x = $_; map { "$x.$_ AS $x$_" } grep { chance(0.5) } qw(a b n p) } @aliases;

	return map { ", $_" } @columns;
}

sub order
{
	my ($s) = @_;
	my @by = map { any(@{ $s->{aliases} }) . '.' . any(qw(a b n p)) . any('', ' DESC') . any('', ' NULLS FIRST', ' NULLS LAST') } 1 .. any(1, 1, 2);

	# where texts differ that sort alike the key tells them apart
	return ' ORDER BY ' . join ', ', @by, map { s/ AS.*//r . any('', ' DESC') } @{ $s->{key} };
}

sub limit { return ' LIMIT ' . (1 + int rand 6) . (chance(0.4) ? ' OFFSET ' . small() : ''); }

sub aggregates
{
	my ($x) = @_;

	return join ', ', any("count(*) AS c", "count($x.b) AS c"), any("sum($x.n) AS s", "max($x.n) AS s", "sum($x.p) AS s", "array_agg($x.n ORDER BY $x.n) AS s", "bool_or($x.n > 2) AS s");
}

# What is counted and summed of one table, most of it so that it can be kept by counting.
my @counts = ('count(*)', 'count(*)', 'count(n)', 'sum(n)', 'sum(n)', 'coalesce(sum(n), 0)', 'sum(n::bigint)', 'count(*) FILTER (WHERE n > 2)',
	'sum(n) FILTER (WHERE n < 4)', 'sum(CASE WHEN n > 2 THEN 1 ELSE 0 END)', '10 * count(*) - coalesce(sum(n), 0)', 'sum(n) > 5', 'count(id)',
	'count(DISTINCT n)', 'max(n)', 'sum(p)', 'sum(n + 1)');

sub own_condition
{
	my ($q) = @_;
	my $t = $q->{world}{types};

	return any(sub { 'n ' . any('>', '<', '<>') . ' ' . small() }, sub { any(qw(a b n)) . ' IS ' . any('NULL', 'NOT NULL') },
		(sub { return 'true' if @{ $q->{types} } >= 2; my $k = any(qw(a b n)); "$k = " . parameter($q, $t->{$k}) }) x 2,
		sub { my $k = any(qw(a b)); "$k = " . literal($t->{$k}) }, sub { my $k = any(qw(a b)); "(n > " . small() . " OR $k = " . literal($t->{$k}) . ')' })->();
}

sub counted_query
{
	my ($q) = @_;
	my $t = $q->{world}{types};
	my @by = any([], ['a'], ['b'], ['n'], [ 'a', 'n' ], [ 'a', 'b' ]);
	my @groups = $q->{world}{large} ? grep { $_ ne 'n' } @{ $by[0] } : @{ $by[0] };
	my @shown = map { shown($_, $t->{$_} // 'integer') . " AS g$_" } @groups;
	my @counts = map { any(@counts) . " AS c$_" } 1 .. any(1, 2, 2, 3);
	my @where = map { own_condition($q) } 1 .. any(0, 0, 1, 1, 2);
	my $relation = $q->{world}{large} || chance(0.9) ? 'app.' . any(@{ $q->{world}{tables} }) : relation($q->{world});

	push @where, '(n < 1004 OR n IS NULL)' if $q->{world}{large};
	return ('SELECT ' . join(', ', '1 AS one', @shown, @counts) . " FROM $relation" . (@where ? ' WHERE ' . join ' AND ', @where : '')
		. (@groups ? ' GROUP BY ' . join ', ', @groups : '') . (chance(0.25) ? ' HAVING ' . any('count(*) > 1', 'sum(n) > 3', 'count(n) <> 2') : ''),
		join ',', 'one', map { "g$_" } @groups);
}

# A subquery in groups is read as a whole if it is not joined by what a run is restricted by.
my $grouped = sub {
	my ($q) = @_;
	my $world = $q->{world};
	my ($c, $d) = pair($world->{types});
	my $inner = "SELECT o.$c, count(*) AS c, sum(o.n) AS s FROM " . relation($world) . " o GROUP BY o.$c" . (chance(0.3) ? ' HAVING count(*) > 1' : '');
	my $s = source($q, 0);
	my ($from, $where) = split / WHERE /, $s->{from}, 2;
	return ("SELECT x.id, g.c, g.s FROM $from " . any('JOIN', 'LEFT JOIN') . " ($inner) g ON g.$c = x.$d" . (defined $where ? " WHERE $where" : ''), 'id');
};

my @shapes = (
	(sub {
		my ($q) = @_;
		my $s = source($q);
		return ("SELECT " . join(', ', @{ $s->{key} }) . join('', values_of(@{ $s->{aliases} })) . " FROM $s->{from}", key_names(@{ $s->{key} }));
	}) x 4,
	(sub {
		my ($q) = @_;
		my $s = source($q);
		return ("SELECT " . join(', ', @{ $s->{key} }) . join('', values_of(@{ $s->{aliases} })) . " FROM $s->{from}" . order($s) . (chance(0.8) ? limit() : ''), key_names(@{ $s->{key} }));
	}) x 4,
	(sub {
		my ($q) = @_;
		my $s = grouping_source($q);
		my $x = any(@{ $s->{aliases} });
		my $c = any(qw(a b));
		my $having = chance(0.4) ? ' HAVING count(*) ' . any('>', '<', '=') . ' ' . (1 + int rand 3) : '';
		return ("SELECT 1 AS one, " . shown("$x.$c", $q->{world}{types}{$c}) . " AS g, " . aggregates(any(@{ $s->{aliases} })) . " FROM $s->{from} GROUP BY $x.$c$having", 'one,g');
	}) x 3,
	sub {
		my ($q) = @_;
		my $s = grouping_source($q, any(1, 2));
		my ($x, $y) = @{ $s->{aliases} };
		my $t = $q->{world}{types};
		return ("SELECT " . shown("$x.a", $t->{a}) . " AS g, " . shown("$y.b", $t->{b}) . " AS h, count(*) AS c FROM $s->{from} GROUP BY $x.a, $y.b", 'g,h');
	},
	(\&counted_query) x 5,
	(sub {
		my ($q) = @_;
		my $t = $q->{world}{types};
		my @columns = grep { !is_vague($t->{$_}) } qw(a b n);
		my $s = grouping_source($q);
		my @shown = map { [ any(@{ $s->{aliases} }), any(@columns) ] } 1, 2;
		return ("SELECT DISTINCT $shown[0][0].$shown[0][1] AS g, $shown[1][0].$shown[1][1] AS h FROM $s->{from}", 'g,h');
	}) x 2,
	(sub {
		my ($q) = @_;
		my $s = grouping_source($q);
		my $c = any(@{ $s->{aliases} }) . '.' . any(qw(a b n));
		return ("SELECT DISTINCT ON ($c) $c AS g, " . join(', ', @{ $s->{key} }) . ", x.n FROM $s->{from} ORDER BY $c, x.n " . any('', 'DESC', 'NULLS FIRST') . join('', map { ', ' . s/ AS.*//r } @{ $s->{key} }), key_names(@{ $s->{key} }));
	}) x 2,
	(sub {
		my ($q) = @_;
		my $s = grouping_source($q);
		my $c = any(@{ $s->{aliases} }) . '.' . any(qw(a b));
		my $ids = join ', ', map { s/ AS.*//r } @{ $s->{key} };
		my $d = chance(0.3) ? any(@{ $s->{aliases} }) . '.b' : $c;
		return ("SELECT * FROM (SELECT " . join(', ', @{ $s->{key} }) . ", $c AS g, row_number() OVER (PARTITION BY $c ORDER BY x.n DESC NULLS LAST, $ids) AS r, "
			. any("sum(x.n) OVER (PARTITION BY $d)", "rank() OVER (PARTITION BY $d ORDER BY x.n)", "lag(x.n) OVER (PARTITION BY $c ORDER BY $ids)")
			. " AS w FROM $s->{from}) q" . (chance(0.6) ? ' WHERE r <= ' . (1 + int rand 3) : ''), key_names(@{ $s->{key} }));
	}) x 2,
	(sub {
		my ($q) = @_;
		my $t = $q->{world}{types};
		my $c = any(grep { !is_vague($t->{$_}) } qw(id a b n));
		my @arms = map { my $s = grouping_source($q, any(0, 0, 1)); my $x = any(@{ $s->{aliases} }); "SELECT $x.$c AS g, $x.n AS h FROM $s->{from}" } 1 .. any(2, 2, 3);
		my $sql = $arms[0];
		$sql = any("$sql " . any('UNION', 'EXCEPT', 'INTERSECT') . " $_", "($sql) " . any('UNION', 'EXCEPT') . " ($_)") for @arms[ 1 .. $#arms ];
		return ($sql . (chance(0.3) ? ' ORDER BY h ' . any('NULLS FIRST', 'DESC', '') . ', g' . limit() : ''), 'g,h');
	}) x 2,
	sub {
		my ($q) = @_;
		my @arms = map { my $s = source($q, 0); "SELECT '$_' AS arm, x.id, x.n FROM $s->{from}" } 'l', 'r';
		return (join(' UNION ALL ', @arms) . (chance(0.5) ? ' ORDER BY n DESC NULLS LAST, arm, id' . limit() : ''), 'arm,id');
	},
	(sub {
		my ($q) = @_;
		my $s = source($q, any(0, 0, 1));
		my ($c, $d) = pair($q->{world}{types});
		return ("SELECT x.id, " . (@{ $s->{aliases} } > 1 ? 'y.id AS yid, ' : '') . "(SELECT " . any('count(*)', 'sum(o.n)', 'max(o.n)', 'array_agg(o.n ORDER BY o.n)') . " FROM " . relation($q->{world}) . " o WHERE o.$c = x.$d) AS c FROM $s->{from}", key_names(map { s/x\.id AS id/x.id AS id/r } @{ $s->{key} }));
	}) x 2,
	(sub {
		my ($q) = @_;
		my $world = $q->{world};
		my ($c, $d) = pair($world->{types});
		my $s = source($q, 0);
		my ($from, $where) = split / WHERE /, $s->{from}, 2;
		return ("SELECT x.id, l.oid, l.n FROM $from " . any('CROSS JOIN LATERAL', 'LEFT JOIN LATERAL') . " (SELECT o.id AS oid, o.n FROM " . relation($world) . " o WHERE o.$c = x.$d ORDER BY o.n " . any('', 'DESC', 'NULLS FIRST') . ", o.id LIMIT 2) l"
			. " ON true" . (defined $where ? " WHERE $where" : ''), 'id,oid');
	}) x 1,
	(sub {
		my ($q) = @_;
		my $world = $q->{world};
		my $inner = source($q, 0);
		my $s = source($q, 1);
		my $cte = "WITH w AS " . any('', '', 'MATERIALIZED ') . "(SELECT x.id, x.a, x.b, x.n, x.p FROM $inner->{from}) ";
		my $from = $s->{from};
		$from =~ s/app\.\w+ x/w x/;
		$from =~ s/app\.\w+ y/w y/ if chance(0.6);
		return ($cte . "SELECT " . join(', ', @{ $s->{key} }) . ", x.n, y.p FROM $from", key_names(@{ $s->{key} }));
	}) x 2,
	sub {
		my ($q) = @_;
		my $s = source($q);
		return ('SELECT 1 AS one, ' . aggregates('x') . ", sum(x.p) AS total FROM $s->{from}", 'one');
	});

# Of groups of one table, one of which is NULL: its key has one text for each.
sub grouped_query
{
	my ($world) = @_;

	return { sql => 'SELECT 1 AS one, ' . shown('a', $world->{types}{a}) . ' AS g, count(*) AS c FROM app.t1 GROUP BY a', key => 'one,g', types => [], arguments => [ [] ] };
}

sub random_query
{
	my ($world) = @_;
	my $q = { world => $world, types => [], aliases => 0 };
	my ($sql, $key) = any(@shapes, $world->{large} ? () : ($grouped) x 2)->($q);

	$sql =~ s/CROSS JOIN LATERAL (.*?) ON true/CROSS JOIN LATERAL $1/;
	# some have been made for conditions that were not taken
	my (%number, @types);
	$sql =~ s/\$(\d)/'$' . ($number{$1} \/\/= push @types, $q->{types}[$1 - 1])/ge;
	$q->{types} = \@types;
	return { sql => $sql, key => $key, types => $q->{types},
		arguments => [ map { [ map { value(literal($_)) } @{ $q->{types} } ] } 1 .. (@{ $q->{types} } ? 2 : 1) ] };
}

sub value
{
	my ($literal) = @_;

	return $1 if $literal =~ /^'(.*)'$/;
	return $literal =~ /\./ ? "$literal" : $literal + 0;
}

# ---- writes ----

my @writes = (
	(sub { my ($w, $r) = @_; sprintf 'INSERT INTO %s VALUES (%s) ON CONFLICT (id) DO UPDATE SET n = excluded.n, b = excluded.b', $r, row($w) }) x 4,
	(sub { my ($w, $r) = @_; my $c = any(qw(a b)); sprintf 'UPDATE %s SET %s = %s WHERE id = %s', $r, $c, literal($w->{types}{$c}, 1), literal($w->{types}{id}) }) x 4,
	(sub { my ($w, $r) = @_; my $c = any(qw(id a b)); sprintf 'UPDATE %s SET n = %s WHERE %s = %s', $r, any('NULL', small(), '5 - n'), $c, literal($w->{types}{$c}) }) x 4,
	(sub { my ($w, $r) = @_; my $c = any(qw(id a b)); sprintf 'UPDATE %s SET p = %s WHERE %s = %s', $r, any('NULL', '1', '1.00', '3'), $c, literal($w->{types}{$c}) }) x 2,
	(sub { my ($w, $r) = @_; sprintf 'DELETE FROM %s WHERE id = %s', $r, literal($w->{types}{id}) }) x 3,
	(sub { my ($w, $r) = @_; my $c = any(qw(a b)); sprintf 'DELETE FROM %s WHERE %s = %s', $r, $c, literal($w->{types}{$c}) }),
	# the key of a row, which may move it to another partition
	(sub { my ($w, $r) = @_; my ($from, $to) = map { literal($w->{types}{id}) } 1, 2; "UPDATE $r SET id = $to WHERE id = $from AND NOT EXISTS (SELECT FROM $r o WHERE o.id = $to)" }) x 3,
	sub { my ($w, $r) = @_; my ($a, $b) = map { literal($w->{types}{id}) } 1, 2; sprintf 'UPDATE %s SET n = CASE WHEN id = %s THEN n - 1 ELSE n + 1 END WHERE id IN (%s, %s)', $r, $a, $a, $b },
	sub { my ($w, $r) = @_; sprintf q{MERGE INTO %s t USING (SELECT * FROM app.t1 ORDER BY id LIMIT 3) s ON t.id = s.id
		WHEN MATCHED AND s.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n, b = s.b WHEN NOT MATCHED THEN INSERT (id, n, b) VALUES (s.id, s.n, s.b)}, $r },
	(sub { my ($w, $r) = @_; my @rows = map { literal($w->{types}{id}) =~ s/'//gr . any(',3', ',') } 1 .. any(1, 2); "COPY $r (id, n) FROM PROGRAM 'printf \"" . join('\\n', @rows) . "\"' (FORMAT csv)" }) x 2,
	sub { my ($w, $r) = @_; my $c = any(qw(id a b)); sprintf 'SELECT n FROM %s WHERE %s = %s FOR %s', $r, $c, literal($w->{types}{$c}), any('UPDATE', 'SHARE', 'NO KEY UPDATE') },
	sub { my ($w, $r) = @_; sprintf 'INSERT INTO %s SELECT x.id, NULL, x.b, x.n, x.p FROM %s x ON CONFLICT DO NOTHING', $r, any(map { "app.$_" } @{ $w->{tables} }) },
	(sub { my ($w) = @_; my $t = $w->{types}; sprintf q{INSERT INTO app.member VALUES (%s, %s, %d, '%s')}, literal($t->{a}, 1), literal($t->{b}, 1), small(), any(qw(- anna ben)) }) x 2,
	sub { my ($w) = @_; my $c = any(qw(a b)); sprintf q{DELETE FROM app.member WHERE %s = %s}, $c, literal($w->{types}{$c}) },
	sub { sprintf q{UPDATE app.member SET who = '%s' WHERE n = %d}, any(qw(- anna ben)), small() },
	sub { my ($w, $r) = @_; any(("SELECT 1") x 12, "TRUNCATE $r CASCADE") });

sub random_write
{
	my ($world) = @_;

	return any(@writes)->($world, 'app.' . any(@{ $world->{tables} }));
}

# How it begins, and how it ends: also not at all, or in two steps.
sub random_transaction
{
	my ($world, $session) = @_;
	my @commands = map { random_write($world) } 1 .. any(1, 1, 1, 2, 3, 5);
	my $begin = 'BEGIN' . any(('') x 4, ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE');
	my $name = "'prepared $session'";

	splice @commands, int rand(@commands + 1), 0, 'SAVEPOINT a', random_write($world), any('ROLLBACK TO a', 'RELEASE a')
		if chance(0.25);
	return @commands if @commands == 1 && chance(0.8);
	return ($begin, @commands, "PREPARE TRANSACTION $name", random_write($world), any('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED $name")
		if chance(0.06);
	return ($begin, @commands, chance(0.1) ? 'ROLLBACK' : 'COMMIT');
}

sub random_script
{
	my ($world, $session) = @_;

	return map { random_transaction($world, $session) } 1 .. any(1, 1, 2, 3);
}

# ---- what the queries rest on ----

my @commands = (
	(sub { my ($w) = @_; my $t = any(@{ $w->{protected} }) // return; "ALTER POLICY members ON app.$t USING (" . condition_of_members($t) . ')' }) x 3,
	(sub { my ($w) = @_; my $t = any(@{ $w->{protected} }) // return; "ALTER POLICY tenants ON app.$t USING (" . condition_of_tenants($w, $t) . ')' }) x 2,
	(sub { my ($w) = @_; my $t = any(@{ $w->{protected} }) // return; "ALTER TABLE app.$t " . any('ENABLE', 'ENABLE', 'DISABLE') . ' ROW LEVEL SECURITY' }) x 2,
	sub { my ($w) = @_; my $t = any(@{ $w->{protected} }) // return; "BEGIN; DROP POLICY tenants ON app.$t; CREATE POLICY tenants ON app.$t FOR SELECT TO tenant USING (" . condition_of_tenants($w, $t) . '); COMMIT' },
	sub { 'CREATE OR REPLACE VIEW app.v1 AS SELECT id, a, b, n, p FROM app.t1 WHERE n > ' . small() },
	sub { my ($w) = @_; sprintf 'CREATE INDEX ON app.%s (%s)', any(@{ $w->{tables} }), any(qw(a b n)) },
	sub { my ($w) = @_; sprintf 'ALTER TABLE app.%s ADD c%d integer DEFAULT 1', any(@{ $w->{tables} }), int rand 1e6 },
	# it is written anew
	sub { my ($w) = @_; sprintf 'BEGIN; ALTER TABLE app.%s ALTER filler TYPE varchar; ALTER TABLE app.%1$s ALTER filler TYPE text USING substr(filler, 1, 1490); COMMIT', any(@{ $w->{tables} }) });

sub random_command { return any(@commands)->($_[0]) // 'SELECT 1'; }

1;
