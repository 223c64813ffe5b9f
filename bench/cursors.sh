# bench/cursors.sh - the part "cursors" of bench/run: cursors that everybody moves
# and everybody sees, with realtime, a Node server with ws and one with Socket.IO.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

cursor_rate=20
# <cursors>:<connections>: on one board
cursor_boards=(100:100 1000:1000 20:1000)

cursors_setup()
{
    sql "
CREATE FUNCTION bench.point(board text) RETURNS void LANGUAGE sql AS
    \$\$SELECT realtime.cursor_join(board, jsonb_build_object('name', 'user'))\$\$;
SELECT realtime.rpc('bench/point', 'bench.point(text)')" >/dev/null
}

cursor_server_start()
{
    local deadline=$((SECONDS + 30))

    port_reserve 17900
    CURSOR_PORT=$RT_PORT
    : >"$RT_RUN/cursor-server.log"
    PORT=$CURSOR_PORT node "$RT_TOP/bench/cursor-server.mjs" "$1" \
        >"$RT_RUN/cursor-server.log" 2>&1 </dev/null &
    CURSOR_PID=$!
    until grep -q '^ready' "$RT_RUN/cursor-server.log"; do
        kill -0 "$CURSOR_PID" 2>/dev/null && [ $SECONDS -lt $deadline ] || {
            cat "$RT_RUN/cursor-server.log" >&2
            die "the server of cursors \"$1\" does not start"
        }
        sleep 0.1
    done
}

cursor_server_stop()
{
    [ -n "$CURSOR_PID" ] || return 0
    kill "$CURSOR_PID" 2>/dev/null
    wait "$CURSOR_PID" 2>/dev/null
    CURSOR_PID=
}

# cursor_options <system>: sets options.
cursor_options()
{
    local position='{"x":{rand:0:1920},"y":{rand:0:1080},"n":{id},"t":{t}}'

    case $1 in
        realtime)
            options=(--url "$(realtime_url)" --hello '{"type":"hello","caps":["batch"]}'
                --subscribe '{"rpc":"bench/point","id":"1","args":["board"]}' --last '"snapshot"'
                --message '{"type":"cursor","topic":"board","data":'"$position"'}'
                --cpu-of "$POSTMASTER_PID") ;;
        socket.io)
            options=(--url "ws://127.0.0.1:$CURSOR_PORT/socket.io/?EIO=4&transport=websocket" --no-welcome
                --subscribe 40 --last '40{"sid"' --message '42["cursor",'"$position"']'
                --cpu-of "$CURSOR_PID") ;;
        *)
            options=(--url "ws://127.0.0.1:$CURSOR_PORT/"
                --message '{"type":"cursor","topic":"board","data":'"$position"'}'
                --cpu-of "$CURSOR_PID") ;;
    esac
}

# measure_cursors <cursors> <connections> <system> <round>
measure_cursors()
{
    local result options

    [ "$3" = realtime ] || cursor_server_start "$3"
    cursor_options "$3"
    run_load cursors --connections "$2" --movers "$1" --rate $cursor_rate \
        --seconds "$seconds" --warmup "$warmup" "${options[@]}"
    [ "$3" = realtime ] || cursor_server_stop
    [ -n "$result" ] || return
    printf '    %4d cursors, %4d see them  %-9s %10.0f/s  p50 %8.0f us  p99 %8.0f us  %7.3f us CPU each, %3d%% CPU\n' \
        "$1" "$2" "$3" "$(value per_second "$result")" "$(value p50_us "$result")" \
        "$(value p99_us "$result")" "$(value cpu_us_each "$result")" "$(value cpu_percent "$result")"
    note cursors "$1:$2" "$3" "$4" "$(value per_second "$result")" "$(value p50_us "$result")" \
        "$(value p99_us "$result")" "$(value cpu_us_each "$result")" "$(value cpu_percent "$result")" \
        "$(value missing "$result")"
}

part_cursors()
{
    local round board system

    cursors_setup
    for ((round = 1; round <= rounds; round++)); do
        say "cursors, round $round of $rounds"
        for board in "${cursor_boards[@]}"; do
            for system in realtime ws-bulk ws socket.io; do
                measure_cursors "${board%:*}" "${board#*:}" $system $round
            done
        done
    done
}
