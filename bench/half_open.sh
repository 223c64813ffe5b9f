# bench/half_open.sh - the part "half-open" of bench/run: what clients notice of
# connections that never complete a handshake.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

half_open_count=10000
half_open_good=1000

# measure_half_open <case> <round>
measure_half_open()
{
    local result cpu0 cpu1 begun cpu

    cpu0=$(load cpu --cpu-of "$POSTMASTER_PID")
    begun=$(date +%s%N)
    result=$(node "$RT_TOP/bench/half_open.mjs" good "$(realtime_url)" "$half_open_good" "$seconds" 2>"$RT_RUN/half_open.err") || {
        problem "half-open, $1: $(head -n 1 "$RT_RUN/half_open.err" | cut -c 1-300)"
        return 1
    }
    [ "$(value missed "$result")" = 0 ] || problem "half-open, $1: $(value missed "$result") calls had no answer within a second"
    cpu1=$(load cpu --cpu-of "$POSTMASTER_PID")
    cpu=$(awk "BEGIN {print ($cpu1 - $cpu0) / (($(date +%s%N) - $begun) / 1000) * 100}")
    printf '    %-24s p50 %6.0f us  p99 %6.0f us  %5.1f %% CPU\n' "$1" "$(value p50_us "$result")" "$(value p99_us "$result")" "$cpu"
    note half-open clients "$1" "$2" "$(value p50_us "$result")" "$(value p99_us "$result")" "$cpu"
}

# measure_beside <case> <round> <url>
#
# With the crowd at <url>, which is the server that is measured or a sink.
measure_beside()
{
    local line

    coproc CROWD { nice -n 19 node "$RT_TOP/bench/half_open.mjs" crowd "$3" "$half_open_count"; }
    read -r line <&"${CROWD[0]}" && [ "$line" = there ] || problem "half-open: the crowd has not come"
    measure_half_open "$1" "$2"
    eval "exec ${CROWD[1]}>&-"
    wait "$CROWD_PID" 2>/dev/null || true
    sleep 1
}

part_half_open()
{
    local round sink port

    : >"$RT_RUN/sink"
    exec {sink}> >(exec node "$RT_TOP/bench/half_open.mjs" sink >"$RT_RUN/sink")
    until port=$(awk '$1 == "port" {print $2}' "$RT_RUN/sink") && [ -n "$port" ]; do sleep 0.05; done
    postgres_set realtime.handshake_timeout "'60s'"
    for ((round = 1; round <= rounds; round++)); do
        say "half-open, round $round of $rounds"
        measure_half_open alone $round
        measure_beside "beside as many at a sink" $round "ws://127.0.0.1:$port/"
        measure_beside "beside half-open ones" $round "$(realtime_url)"
    done
    postgres_set realtime.handshake_timeout "'10s'"
    exec {sink}>&-
}
