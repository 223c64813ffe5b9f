# bench/push.sh - the part "push" of bench/run: what calls notice of a thousand
# questions to clients that wait for their answers.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

push_count=1000
push_delay=1000
push_good=200

# measure_push <case> <round>: calls of some clients, meanwhile.
measure_push()
{
    local result

    result=$(node "$RT_TOP/bench/half_open.mjs" good "$(realtime_url)" "$push_good" "$seconds" 2>"$RT_RUN/push.err") || {
        problem "push, $1: $(head -n 1 "$RT_RUN/push.err" | cut -c 1-300)"
        return 1
    }
    [ "$(value missed "$result")" = 0 ] || problem "push, $1: $(value missed "$result") calls had no answer within a second"
    printf '    %-24s p50 %6.0f us  p99 %6.0f us\n' "$1" "$(value p50_us "$result")" "$(value p99_us "$result")"
    note push "$1" all "$2" "$(value p50_us "$result")" "$(value p99_us "$result")"
}

# Sessions that ask without end, each another user.
push_sessions()
{
    sql "SELECT format('\\set user :client_id
SELECT realtime.push(''user-'' || :user, ''ask'', ''{\"n\": 1}'', ''30 s'');')" >"$RT_RUN/push.sql"
    as_user "$PG_BINDIR/pgbench" -n -c "$push_count" -j 2 -T 600 -f "$RT_RUN/push.sql" postgres \
        >"$RT_RUN/pgbench.out" 2>&1 </dev/null &
    PUSH_PID=$!
}

# push_in_flight <number>: waits until so many wait.
push_in_flight()
{
    local deadline=$((SECONDS + 60))

    until [ "$(sql "SELECT count(*) >= $1 FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND query LIKE '%realtime.push%'")" = t ]; do
        [ $SECONDS -lt $deadline ] || { problem 'push: the questions are not under way'; return 1; }
        sleep 0.2
    done
}

part_push()
{
    local round line result dir=$RT_RUN/push-tokens

    user_dir "$dir"
    node "$RT_TOP/bench/logins.mjs" tokens "$dir" "$push_count" || die "could not make tokens"
    chmod a+r "$dir"/*
    sql "ALTER SYSTEM SET max_connections = $((push_count + 100))"
    postgres_restart
    postgres_set realtime.jwt_key_file "'$dir/key.pem'"
    for ((round = 1; round <= rounds; round++)); do
        say "push, round $round of $rounds"
        measure_push alone $round
        coproc CLIENTS { node "$RT_TOP/bench/push.mjs" "$(realtime_url)" "$dir/tokens" "$push_count" "$push_delay" 2>"$RT_RUN/push.err"; }
        read -r line <&"${CLIENTS[0]}" && [ "$line" = there ] || problem "push: the clients have not come"
        measure_push "beside as many clients" $round
        push_sessions
        push_in_flight $((push_count * 9 / 10))
        measure_push "beside questions" $round
        kill "$PUSH_PID"
        wait "$PUSH_PID" 2>/dev/null || true
        eval "exec ${CLIENTS[1]}>&-"
        read -r result <&"${CLIENTS[0]}" && say "    $result"
        wait "$CLIENTS_PID" 2>/dev/null || true
        sleep 1
    done
    postgres_set realtime.jwt_key_file "''"
    sql 'ALTER SYSTEM RESET max_connections'
    postgres_restart
}
