# bench/queries.sh - the part "queries" of bench/run: what live queries cost.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

query_hello='{"type":"hello","caps":["parts"]}'
query_sizes=(1000 100000 1000000)
query_groups=10000
query_rate=50
query_rival_changes=50			# fewer of what takes long

# measure_delivery_of <name> <rows> <round> <frame> <statement>: from the statement
# until the event is there.
measure_delivery_of()
{
    local result restricted

    run_load fanout --url "$(realtime_url)" --connections 1 --rate "$query_rate" --seconds "$seconds" --warmup "$warmup" \
        --hello "$query_hello" --subscribe "$4" \
        --publisher "sql://bench@127.0.0.1:$PGPORT/postgres" --message "$5" \
        --cpu-of "$POSTMASTER_PID"
    [ -n "$result" ] || return
    restricted=$(sql "SELECT round(100.0 * sum(restricted) / nullif(sum(runs), 0)) FROM realtime.stat_query WHERE path = 'bench/$1'")
    printf '    %-10s %9d rows  p50 %8.0f us  p99 %8.0f us  %9.2f us CPU%s\n' "$1" "$2" \
        "$(value p50_us "$result")" "$(value p99_us "$result")" "$(value cpu_us_each "$result")" "${restricted:+  $restricted % restricted}"
    note queries-delivery "$1" "$2" "$3" "$(value p50_us "$result")" "$(value p99_us "$result")" \
        "$(value cpu_us_each "$result")" "$(value missing "$result")"
}

# measure_query_delivery <query> <rows> <rows that may be touched> <round>
measure_query_delivery()
{
    measure_delivery_of "$1" "$2" "$4" "$(stream_frame "bench/$1" "$2")" "SELECT bench.q_touch($2, $3, {t})"
}

# measure_query_floor <round>: the least that an event takes that comes from a row.
measure_query_floor()
{
    measure_delivery_of publish 1000 "$1" '{"type":"subscribe","topic":"bench","ref":1}' 'SELECT bench.publish_message({t})'
    measure_delivery_of live 1000 "$1" '{"type":"subscribe","topic":"q_live:1000","ref":1}' 'SELECT bench.q_touch_live(1000, 1000, {t})'
}

# measure_query_write <case> <round> <table> <rows> <followers> <frame>: a session that
# writes as fast as it can while others follow.
measure_query_write()
{
    local transactions per_second p50 p99 typical cpu received markers

    mkdir -p "$RT_RUN/pgbench"
    printf '%s\n' "\\set id random(1001, 1000 + $4)" \
        "UPDATE bench.$3 SET t = t + 1 WHERE id = :id;" >"$RT_RUN/pgbench/script.sql"
    [ "$5" -eq 0 ] || watcher_start --url "$(realtime_url)" --connections "$5" --hello "$query_hello" --subscribe "$6" || return
    run_pgbench 1 1 0.5 || { watcher_stop; return 1; }
    watcher_stop
    printf '    %-44s %9.0f/s  p50 %8.0f us  p99 %8.0f us  %7.2f us CPU  %.2f events\n' "$1" "$per_second" "$p50" "$p99" "$cpu" \
        "$(awk "BEGIN {print $received / $transactions}")"
    note queries-write "$1" "$2" "$per_second" "$p50" "$p99" "$cpu" "$(awk "BEGIN {print $received / $transactions}")"
}

# measure_query_rows <round>: what is kept of the rows of those who follow now.
measure_query_rows()
{
    local path rows bytes

    while IFS='|' read -r path rows bytes; do
        printf '    %-44s %9d rows  %.1f bytes each\n' "kept of $path" "$rows" "$(awk "BEGIN {print $bytes / $rows}")"
        note queries-memory "${path#bench/}, one group" "$1" 1 "$rows" "$bytes"
    done < <(sql "SELECT DISTINCT ON (path) path, rows, memory FROM realtime.stat_query WHERE rows > 0 ORDER BY path, rows DESC")
}

# measure_query_memory <round>: groups that nothing happens to.
measure_query_memory()
{
    local groups memory rows

    postgres_restart
    watcher_start --url "$(realtime_url)" --connections 100 --topics $((query_groups / 100)) \
        --hello "$query_hello" --subscribe "$(stream_frame bench/list '{seq}')" || return
    read -r groups memory rows < <(sql "SELECT count(*) || ' ' || sum(memory) || ' ' || sum(rows) FROM realtime.stat_query")
    watcher_stop
    printf '    %-44s %9d groups with %d rows  %.0f bytes each\n' 'idle groups' "$groups" "$rows" "$(awk "BEGIN {print $memory / $groups}")"
    note queries-memory 'without rows, or nearly so' "$1" "$groups" "$rows" "$(awk "BEGIN {print $memory / $groups}")"
}

# measure_query_groups <round> <groups> <query> <name>: one change of a row of each of so
# many groups, of which each has its own arguments.
measure_query_groups()
{
    local i before after runs together

    before=$(sql "SELECT coalesce(sum(total_time), 0) FROM realtime.stat_query WHERE path = 'bench/$3'")
    for ((i = 0; i < 5; i++)); do
        runs=$(sql "SELECT sum(runs) FROM realtime.stat_query WHERE path = 'bench/$3'")
        sql "UPDATE bench.q_item SET t = t + 1 WHERE size = 0 AND place = 1 AND list <= $2" >/dev/null
        until [ "$(sql "SELECT sum(runs) - $runs >= $2 FROM realtime.stat_query WHERE path = 'bench/$3'")" = t ]; do sleep 0.1; done
    done
    read -r after together < <(sql "SELECT sum(total_time) || ' ' || sum(together) FROM realtime.stat_query WHERE path = 'bench/$3'")
    printf '    %-44s %9d groups  %8.2f ms of runs  %d runs together\n' "$4" "$2" "$(awk "BEGIN {print ($after - $before) / 5}")" "$together"
    note queries-groups "$4" "$2" "$1" "$(awk "BEGIN {print ($after - $before) / 5}")"
}

queries_groups()
{
    local groups query

    postgres_restart
    for query in alone list; do
        watcher_start --url "$(realtime_url)" --connections 10 --topics 100 --hello "$query_hello" \
            --subscribe "$(stream_frame "bench/$query" '{seq}')" || return
        for groups in 10 100 1000; do
            measure_query_groups "$1" "$groups" "$query" "$([ $query = list ] && echo 'one statement' || echo 'one by one')"
        done
        watcher_stop
    done
}

queries_writes()
{
    local followers

    # groups of before are looked at for a while
    postgres_restart
    measure_query_write 'no query, no live table' "$1" q_none 1000 0
    measure_query_write 'live table, nobody follows' "$1" q_live 1000 0
    measure_query_write 'live table, 1 follows' "$1" q_live 1000 1 '{"type":"subscribe","topic":"q_live:1000","ref":1}'
    for followers in 0 1 100 10000; do
        [ "$followers" -le "$idle_connections" ] || continue
        measure_query_write "a query, $followers follow" "$1" q_item 1000 "$followers" "$(stream_frame bench/filter 1000)"
    done
    measure_query_write 'a query of a list, 1 value' "$1" q_item 10 1 "$(stream_frame bench/list 1)"
    measure_query_write 'a query of a list, 1,000 values' "$1" q_item 10 1000 "$(stream_frame bench/list '{seq}')"
}

# measure_query_rival <system> <rows> <round>: what others need to know of a change.
measure_query_rival()
{
    local result

    result=$(cd "$RT_TOP/bench/rivals" && PGHOST=127.0.0.1 PGUSER=bench PGDATABASE=postgres \
        timeout 300 node rivals.mjs "$1" "$2" $(($2 > 10000 ? query_rival_changes / 5 : query_rival_changes)) 2>"$RT_RUN/rival.err" | grep '^result ') || {
        problem "$1: $(head -n 1 "$RT_RUN/rival.err" | cut -c 1-300)"
        return
    }
    printf '    %-10s %9d rows  p50 %8.0f us  p99 %8.0f us\n' "$1" "$2" "$(value p50_us "$result")" "$(value p99_us "$result")"
    note queries-rival "$1" "$2" "$3" "$(value p50_us "$result")" "$(value p99_us "$result")"
}

queries_rivals()
{
    local rows system

    for rows in "${query_sizes[@]}"; do
        for system in notify tanstack pglite; do
            # PGlite takes half a second for 100,000 rows already
            [ $system != pglite ] || [ "$rows" -le 100000 ] || continue
            measure_query_rival $system "$rows" "$1"
        done
    done
}

rivals_install()
{
    (cd "$RT_TOP/bench/rivals" && { cmp -s package-lock.json node_modules/.installed ||
        { npm ci --cache "$RT_WORK/npm" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error </dev/null &&
            cp package-lock.json node_modules/.installed; }; }) || die "could not install the npm packages of bench/rivals"
}

queries_round()
{
    local query rows

    measure_query_floor "$1"
    for rows in "${query_sizes[@]}"; do
        for query in filter join grouped window; do
            measure_query_delivery $query "$rows" "$rows" "$1"
        done
        measure_query_delivery top "$rows" 20 "$1"
    done
    measure_query_rows "$1"
    queries_rivals "$1"
    queries_writes "$1"
    queries_groups "$1"
    measure_query_memory "$1"
}

part_queries()
{
    local round

    rivals_install
    sql_once bench/queries.sql
    postgres_set fsync off
    for ((round = 1; round <= rounds; round++)); do
        say "queries, round $round of $rounds"
        queries_round $round
    done
    postgres_set fsync on
}
