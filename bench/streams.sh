# bench/streams.sh - the part "streams" of bench/run: what it costs to follow.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

herd=5000
log_events=100000

# stream_frame <path> <argument> [<more members>]
stream_frame()
{
    printf '{"rpc":"%s","id":"a","args":[%s],"stream":true%s}' "$1" "$2" "${3:-}"
}

# measure_subscribe <case> <round> <path, or pgbench>: one of 1,000 topics, or 100
# rooms, is followed by one of 32 connections with 16 questions under way.
measure_subscribe()
{
    local per_second p50 p99 typical cpu transactions result

    if [ "$3" = pgbench ]; then
        mkdir -p "$RT_RUN/pgbench"
        printf '%s\n' '\set a random(1, 100)' 'SELECT bench.feed_of(:a);' >"$RT_RUN/pgbench/script.sql"
        run_pgbench 32 1 "$warmup" || return
    else
        run_load calls --url "$(realtime_url)" --rpc "$3" \
            --args '[{rand:1:'"$([ "$3" = bench/channel ] && echo 1000 || echo 100)"'}],"stream":true' \
            --connections 32 --in-flight 16 --seconds "$seconds" --warmup "$warmup" \
            --cpu-of "$POSTMASTER_PID" || return
        per_second=$(value per_second "$result") p50=$(value p50_us "$result")
        p99=$(value p99_us "$result") cpu=$(value cpu_us_each "$result")
    fi
    printf '    %-44s %9.0f/s  p50 %8.0f us  p99 %8.0f us  %7.2f us CPU\n' \
        "$1" "$per_second" "$p50" "$p99" "$cpu"
    note streams-subscribe "$1" "$2" "$per_second" "$p50" "$p99" "$cpu"
}

# measure_delivery <case> <round> <path> <function> <subscribers>
measure_delivery()
{
    local result

    run_load fanout --url "$(realtime_url)" --connections "$5" --rate 50 \
        --seconds "$seconds" --warmup "$warmup" --subscribe "$(stream_frame "$3" 0)" \
        --publisher "sql://bench@127.0.0.1:$PGPORT/postgres" --message "SELECT bench.$4({t})" \
        --cpu-of "$POSTMASTER_PID" || return
    printf '    %-44s %9s    p50 %8.0f us  p99 %8.0f us  %7.2f us CPU\n' "$1, $5 subscribers" "" \
        "$(value p50_us "$result")" "$(value p99_us "$result")" "$(value cpu_us_each "$result")"
    note streams-delivery "$1" "$5" "$2" "$(value p50_us "$result")" "$(value p99_us "$result")" \
        "$(value cpu_us_each "$result")" "$(value missing "$result")"
}

# measure_back <case> <round> <memory of gateways>: clients come back to one of 100
# topics, of which they have missed the last 10 events.
measure_back()
{
    local result since

    postgres_set realtime.replay_memory "'$3'"
    # a gateway that nobody listens to does not read what is published
    watcher_start --url "$(realtime_url)" --subscribe "$(stream_frame bench/back 1)" || return
    sql "SELECT realtime.publish('back:' || topic, 'created', jsonb_build_object('id', n, 'text', repeat('x', 100)))
        FROM generate_series(1, 100) topic, generate_series(1, 20) n" >/dev/null
    since=$(sql "SELECT realtime.seq('back:1') - 10")
    sleep 0.3
    run_load calls --url "$(realtime_url)" --rpc bench/back --args '[{rand:1:100}],"stream":true,"seq":'"$since" \
        --connections 32 --in-flight 16 --seconds "$seconds" --warmup "$warmup" --cpu-of "$POSTMASTER_PID"
    watcher_stop
    postgres_set realtime.replay_memory "'4MB'"
    [ -n "$result" ] || return
    printf '    %-44s %9.0f/s  p50 %8.0f us  p99 %8.0f us  %7.2f us CPU\n' "$1" "$(value per_second "$result")" \
        "$(value p50_us "$result")" "$(value p99_us "$result")" "$(value cpu_us_each "$result")"
    note streams-subscribe "$1" "$2" "$(value per_second "$result")" "$(value p50_us "$result")" \
        "$(value p99_us "$result")" "$(value cpu_us_each "$result")"
}

loads_run()
{
    sql "SELECT pg_stat_force_next_flush()" >/dev/null
    sql "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'feed_room'"
}

# measure_herd <case> <round> <first question> <question again>
measure_herd()
{
    local phase result loads before after

    postgres_restart
    sleep 1
    before=$(loads_run)
    load follow --url "$(realtime_url)" --connections "$herd" --opening 1000 \
        --subscribe "$3" --again "$4" --cpu-of "$POSTMASTER_PID" \
        >"$RT_RUN/load.out" 2>"$RT_RUN/load.err" || {
        problem "$1: $(head -n 1 "$RT_RUN/load.err" | cut -c 1-300)"
        return
    }
    # executors report what they have scanned when they are idle
    sleep 2
    after=$(loads_run)
    loads=$((after - before))
    for phase in first again; do
        result=$(grep "^result mode=follow phase=$phase " "$RT_RUN/load.out")
        printf '    %-44s %9.3f s  p50 %8.0f us  %9.0f ms CPU  %.1f MB\n' "$1, $phase" \
            "$(value seconds "$result")" "$(value p50_us "$result")" \
            "$(awk "BEGIN {print $(value cpu_us "$result") / 1000}")" \
            "$(awk "BEGIN {print $(value bytes "$result") / 1e6}")"
        note streams-herd "$1" "$phase" "$2" "$(value seconds "$result")" \
            "$(awk "BEGIN {print $(value p50_us "$result") / 1000}")" \
            "$(awk "BEGIN {print $(value cpu_us "$result") / 1000}")" \
            "$(awk "BEGIN {print $(value bytes "$result") / 1e6}")" "$loads"
    done
}

# measure_catch_up <round> <case>: reads a topic from its first event on, after a
# restart, once more with the same executor, or as psql does.
measure_catch_up()
{
    local result used bytes began cpu

    case $2 in
        first | again)
            run_load follow --url "$(realtime_url)" --subscribe "$(stream_frame bench/log 1 ',"seq":0')" \
                --last "\"n\": $log_events," --cpu-of "$POSTMASTER_PID" || return
            used=$(value seconds "$result") bytes=$(value bytes "$result")
            cpu=$(value cpu_us "$result") ;;
        copy)
            began=${EPOCHREALTIME/./} cpu=$(load cpu --cpu-of "$POSTMASTER_PID")
            bytes=$("$PG_BINDIR/psql" -X -q -d postgres -c \
                "COPY (SELECT seq, event, data FROM realtime.replay('log:1', 0)) TO STDOUT" | wc -c)
            used=$(awk "BEGIN {print (${EPOCHREALTIME/./} - $began) / 1e6}")
            cpu=$(($(load cpu --cpu-of "$POSTMASTER_PID") - cpu)) ;;
    esac
    set -- "$2" "$1" "$used" "$(awk "BEGIN {print $bytes / 1e6}")" \
        "$(awk "BEGIN {printf \"%.1f\", $bytes / 1e6 / $used}")" "$(awk "BEGIN {printf \"%.1f\", $bytes / $cpu}")"
    printf '    %-44s %9.3f s  %8.1f MB  %8.1f MB/s  %8.1f MB per second of CPU\n' "catching up, $1" "${@:3}"
    note streams-catch-up "$@"
}

streams_round()
{
    local question

    measure_subscribe 'channel, 1,000 topics' "$1" bench/channel
    measure_subscribe 'stream of 20 rows, 100 topics' "$1" bench/feed
    measure_subscribe 'unchanged, by its version' "$1" bench/versioned
    measure_subscribe 'the loader alone, pgbench' "$1" pgbench
    measure_back '10 missed events, from memory' "$1" 4MB
    measure_back '10 missed events, from the table' "$1" 0
    for question in 1 100; do
        measure_delivery 'live table' "$1" bench/feed feed_insert $question
        measure_delivery 'publish()' "$1" bench/told feed_publish $question
    done
    measure_herd 'value' "$1" "$(stream_frame bench/feed '{rand:1:100}')" "$(stream_frame bench/feed '{rand:1:100}')"
    measure_herd 'by version' "$1" "$(stream_frame bench/versioned '{rand:1:100}' ',"version":"one"')" \
        "$(stream_frame bench/versioned '{rand:1:100}' ',"version":"one"')"
    measure_herd 'by number' "$1" "$(stream_frame bench/kept '{rand:1:100}' ',"seq":0')" \
        "$(stream_frame bench/kept '{rand:1:100}' ',"seq":0')"
    measure_catch_up "$1" first
    measure_catch_up "$1" again
    measure_catch_up "$1" copy
}

part_streams()
{
    local round

    sql_once bench/streams.sql
    sql "CALL bench.fill_log('log:1', $log_events)"
    sql 'VACUUM realtime.replay_message'
    for ((round = 1; round <= rounds; round++)); do
        say "streams, round $round of $rounds"
        streams_round $round
    done
    replay_empty
}
