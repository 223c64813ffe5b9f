# bench/uploads.sh - the part "uploads" of bench/run: a gigabyte to a handler that reads
# and forgets it, and to one that puts it into a table, beside a Node server; and
# how much memory that takes.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

upload_megabytes=1024
upload_frame=65536

UPLOAD_NODE_PID=
UPLOAD_NODE_PORT=

upload_node_start()
{
    local deadline=$((SECONDS + 30))

    port_reserve 17650
    UPLOAD_NODE_PORT=$RT_PORT
    : >"$RT_RUN/upload-node.log"
    PORT=$UPLOAD_NODE_PORT PGHOST=127.0.0.1 PGUSER=bench PGDATABASE=postgres \
        node "$RT_TOP/bench/uploads.mjs" server >"$RT_RUN/upload-node.log" 2>&1 </dev/null &
    UPLOAD_NODE_PID=$!
    until grep -q '^ready' "$RT_RUN/upload-node.log"; do
        kill -0 "$UPLOAD_NODE_PID" 2>/dev/null && [ $SECONDS -lt $deadline ] ||
            die "the Node server for uploads does not start"
        sleep 0.1
    done
}

# private_memory <pid>: kB that nobody shares.
private_memory() { awk '/^RssAnon/ {print $2}' "/proc/$1/status" 2>/dev/null || echo 0; }

# watch_memory <file> <pid ...>: writes the most that they have together until it is ended.
watch_memory()
{
    local file=$1 most=0 sum pid

    shift
    while :; do
        sum=0
        for pid; do sum=$((sum + $(private_memory "$pid"))); done
        [ "$sum" -le $most ] || { most=$sum; echo $most >"$file"; }
        sleep 0.05
    done
}

executor_pids() { sql "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'realtime executor%'"; }

# measure_upload <target> <system> <round>
measure_upload()
{
    local url result pids before watch grown cpu0 cpu1 cpu

    sql 'TRUNCATE bench.chunk'
    sql CHECKPOINT
    if [ "$2" = node ]; then
        url=ws://127.0.0.1:$UPLOAD_NODE_PORT pids=$UPLOAD_NODE_PID
    else
        url=$(realtime_url) pids="$(pgrep -P "$POSTMASTER_PID" -f 'realtime gateway') $(executor_pids)"
    fi
    before=0
    for pid in $pids; do before=$((before + $(private_memory "$pid"))); done
    echo "$before" >"$RT_RUN/upload-memory"
    # shellcheck disable=SC2086
    watch_memory "$RT_RUN/upload-memory" $pids &
    watch=$!
    cpu0=$(load cpu --cpu-of "$POSTMASTER_PID" ${UPLOAD_NODE_PID:+--cpu-of "$UPLOAD_NODE_PID"})
    result=$(node "$RT_TOP/bench/uploads.mjs" send "$url" "$2" "$1" "$upload_megabytes" "$upload_frame" 2>"$RT_RUN/upload.err")
    cpu1=$(load cpu --cpu-of "$POSTMASTER_PID" ${UPLOAD_NODE_PID:+--cpu-of "$UPLOAD_NODE_PID"})
    kill $watch
    wait $watch 2>/dev/null
    [ -n "$result" ] || { problem "uploads, $1, $2: $(grep -m 1 Error "$RT_RUN/upload.err" | cut -c 1-300)"; return 1; }
    grown=$(($(cat "$RT_RUN/upload-memory") - before))
    cpu=$(awk "BEGIN {printf \"%.2f\", ($cpu1 - $cpu0) / 1000 / $upload_megabytes}")
    printf '    %-10s %-10s %8.1f MB/s  %8d kB grown  %6.2f ms CPU/MB\n' "$1" "$2" "$(value mb_per_second "$result")" "$grown" "$cpu"
    note uploads "$1" "$2" "$3" "$(value mb_per_second "$result")" "$grown" "$cpu"
}

part_uploads()
{
    local round system target

    upload_node_start
    for ((round = 1; round <= rounds; round++)); do
        say "uploads, round $round of $rounds"
        for target in discard table; do
            for system in realtime node; do
                measure_upload $target $system "$round"
            done
        done
    done
    kill "$UPLOAD_NODE_PID"
    wait "$UPLOAD_NODE_PID" 2>/dev/null
    sql 'TRUNCATE bench.chunk'
}
