# bench/presence.sh - the part "presence" of bench/run: who is there comes, is cut off,
# and comes back.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

presence_connections=5000
presence_rooms=100

part_presence()
{
    local round result secret='of the benchmark, with more than thirty-two bytes'

    postgres_set realtime.jwt_secret "'$secret'"
    sql "CREATE OR REPLACE FUNCTION bench.face(room text) RETURNS jsonb STABLE LANGUAGE sql
            AS \$\$SELECT jsonb_build_object('name', 'somebody')\$\$;
        SELECT realtime.stream('bench/here', 'here:{room}', merge => 'presence', presence => 'bench.face(text)'),
            realtime.stream('bench/in', 'in:{room}', merge => 'set', presence => 'bench.face(text)')" >/dev/null
    sleep 1
    for ((round = 1; round <= rounds; round++)); do
        say "presence, round $round of $rounds"
        result=$(BENCH_SECRET=$secret node "$RT_TOP/bench/presence.mjs" "$(realtime_url)" "$presence_connections" "$presence_rooms" \
            2>"$RT_RUN/presence.err") || {
            problem "presence: $(head -n 1 "$RT_RUN/presence.err" | cut -c 1-300)"
            continue
        }
        say "    $result"
        note presence all all "$round" "$(value joined_ms "$result")" "$(value join_told_ms "$result")" \
            "$(value join_frames "$result")" "$(value left_ms "$result")" "$(value left_told_ms "$result")" \
            "$(value leave_frames "$result")" "$(value requests "$result")" "$(value back_ms "$result")" \
            "$(value back_frames "$result")" "$(value alone_us "$result")" "$(value among_us "$result")"
    done
    postgres_set realtime.jwt_secret "''"
}
