# Windows of aggregates, by a clock that only moves when it is told to, over changes of local time.
use strict;
use warnings;

use Test::More;

use RealtimeTest;

my $start = 1_792_879_200;    # 2026-10-24 22:00 UTC, before clocks go back in Berlin
my $node = new_node('realtime.executors' => 2, 'realtime.max_executors' => 4, 'realtime.cron_clock' => $start, 'TimeZone' => 'UTC');

sub sql { return $node->safe_psql('postgres', $_[0]); }

sub clock
{
	my ($seconds) = @_;
	sql("ALTER SYSTEM SET realtime.cron_clock = '" . ($start + $seconds) . "'");
	$node->reload;
	$node->poll_query_until('postgres', 'SHOW realtime.cron_clock', $start + $seconds);
	return;
}

sub wait_sql
{
	my ($query, $expected, $name) = @_;
	ok($node->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql("SELECT * FROM realtime.aggregates"));
	return;
}

$node->safe_psql('postgres', q{
CREATE TABLE log (n serial, at timestamptz, amount integer);
CREATE FUNCTION sell(amount integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO log (at, amount) VALUES (to_timestamp(current_setting('realtime.cron_clock')::bigint), $1);
	SELECT realtime.publish('orders', 'sold', jsonb_build_object('amount', $1))
$$;
SELECT realtime.aggregate('shop/sales', 'orders', 'sales', realtime.reducer('n', 'count(*)'), realtime.reducer('total', 'sum(integer)', 'amount'));
SELECT realtime.aggregate_window('shop/sales', 'berlin', 'tumbling', 'day', 'Europe/Berlin'),
	realtime.aggregate_window('shop/sales', 'havana', 'tumbling', 'day', 'America/Havana'),
	realtime.aggregate_window('shop/sales', 'howe', 'tumbling', 'hour', 'Australia/Lord_Howe'),
	realtime.aggregate_window('shop/sales', 'month', 'tumbling', 'month'),
	realtime.aggregate_window('shop/sales', 'shift', 'tumbling', duration => '8 h', anchor => '2026-01-01 06:00+00'),
	realtime.aggregate_window('shop/sales', 'six', 'sliding', duration => '6 h', slide => '2 h');
});
# what belongs together, in another way than by date_trunc()
my %group = (
	berlin => q{to_char(at AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD')},
	havana => q{to_char(at AT TIME ZONE 'America/Havana', 'YYYY-MM-DD')},
	howe => q{to_char(at AT TIME ZONE 'Australia/Lord_Howe', 'YYYY-MM-DD HH24 ') || (at AT TIME ZONE 'Australia/Lord_Howe' - at AT TIME ZONE 'UTC')},
	month => q{to_char(at AT TIME ZONE 'UTC', 'YYYY-MM')},
	shift => q{floor((extract(epoch FROM at) - 6 * 3600) / (8 * 3600))::text});
my $ws = ws_connect($node);
for my $window (sort keys %group, 'six')
{
	is_deeply(ws_call($ws, "shop/sales/__window/$window", [], stream => JSON::PP::true)->{data}, { n => 0, total => undef }, "window $window is a stream");
}

# ---- events, and time that passes ----

my @at = map { $_ * 5400 + ($_ * 37) % 60 } 0 .. 19;    # Berlin: two changes of the day; back an hour at 01:00 UTC
push @at, map { 7 * 86400 + 4 * 3600 + $_ * 1800 } 0 .. 5;    # Havana, 04:00 UTC November 1st; 0:00 comes twice
push @at, map { 160 * 86400 + 16 * 3600 + $_ * 1500 } 0 .. 5;    # Lord Howe, back half an hour at 15:00 UTC
my $n = 0;
for my $at (@at)
{
	$n++;
	clock($at);
	sql("SELECT sell($n)");
	$node->poll_query_until('postgres', qq{SELECT bool_and(events >= $n) FROM realtime.aggregates WHERE "window" NOT IN ('six')}, 't') or last;
	my $value = sql(q{WITH now AS (SELECT current_setting('realtime.cron_clock')::bigint AS s)
		SELECT (v.value->>'total')::bigint = (SELECT sum(amount) FROM log, now WHERE extract(epoch FROM at) >= s / 7200 * 7200 - 14400)
		FROM realtime.aggregates v WHERE "window" = 'six'});
	next if $value eq 't';
	is($value, 't', "the sliding window has the last six hours after $at s");
	diag(sql('SELECT * FROM realtime.aggregates'));
}
is($n, scalar @at, 'all events are counted');

# ---- what is over is told once more, and then that there is nothing ----

my %told;
while (my ($window, $by) = each %group)
{
	my $current = sql(qq{SELECT value->>'n' FROM realtime.aggregates WHERE "window" = '$window'});
	is($current, sql("SELECT count(*) FROM log WHERE $by = (SELECT $by FROM log ORDER BY n DESC LIMIT 1)"), "window $window has the events of now");
}
clock($at[-1] + 40 * 86400);
wait_sql(q{SELECT bool_and(value = '{"n": 0, "total": null}') FROM realtime.aggregates WHERE "window" <> ''}, 't', 'when time has passed without events there is nothing');
my @frames = ws_quiet($ws);
for my $window (sort keys %group)
{
	# the value before each that says that it begins anew: told twice, or it had been told with others
	my @closed;
	my $before;
	for my $frame (grep { ($_->{topic} // '') eq "sales:$window" } @frames)
	{
		push @closed, $before->{total} if $before && $frame->{data}{n} < $before->{n};
		push @closed, $before->{total} if $before && $before->{n} > 0 && $frame->{data}{n} == $before->{n} && $frame->{data}{total} != $before->{total};
		$before = $frame->{data};
	}
	is(join(' ', @closed), sql("SELECT string_agg(total::text, ' ' ORDER BY first) FROM (SELECT $group{$window}, sum(amount) AS total, min(n) AS first FROM log GROUP BY 1) AS g"),
		"window $window: the value of each period that is over, and nothing of others in it");
}

# ---- a window that is declared anew, and one that goes ----

sql(q{SELECT sell(5)});
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE "window" = 'shift'}, '1', 'an event');
sql(q{SELECT realtime.aggregate_window('shop/sales', 'shift', 'tumbling', duration => '9 h'), realtime.drop_aggregate_window('shop/sales', 'month')});
wait_sql(q{SELECT string_agg("window" || ' ' || events, ', ' ORDER BY "window") FROM realtime.aggregates WHERE "window" IN ('shift', 'month')}, 'shift 0', 'a window that is another one begins anew, one that is dropped is forgotten');
is(sql(q{SELECT count(*) FROM realtime.aggregate_state WHERE name IN ('month', 'shift')}), '0', 'so are their states');
is(ws_call($ws, 'shop/sales/__window/month', [])->{code}, 'NOT_FOUND', 'and nobody can follow it');

# ---- while the server is down ----

sql(q{SELECT sell(7)});
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE "window" = 'shift'}, '1', 'an event before a stop');
$node->stop('immediate');
$node->append_conf('postgresql.auto.conf', "realtime.cron_clock = '" . ($start + $at[-1] + 80 * 86400) . "'");
$node->start;
wait_sql(q{SELECT value->>'n' FROM realtime.aggregates WHERE "window" = 'shift'}, '0', 'what is over when the server is back begins anew');

done_testing();
