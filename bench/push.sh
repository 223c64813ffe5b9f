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

# What a session of user :user does again and again: asks; or, for comparison, as much as that
# is of others' doing, sleeps as long as an answer takes, alone or behind a message that its client answers, too.
push_asks="SELECT realtime.push('user-' || :user, 'ask', '{\"n\": 1}', '30 s');"
push_sleeps="SELECT pg_sleep($push_delay * (0.5 + random()) / 1000);"
push_sends="SELECT realtime.send('user-' || :user, 'told', 'ask', '{\"n\": 1}'), pg_sleep($push_delay * (0.5 + random()) / 1000);"

# push_beside <case> <round> <statement>: measures while so many sessions do that.
push_beside()
{
    local pid deadline=$((SECONDS + 60))

    printf '\\set user :client_id\n%s\n' "$3" >"$RT_RUN/push.sql"
    as_user "$PG_BINDIR/pgbench" -n -c "$push_count" -j 2 -T 600 -f "$RT_RUN/push.sql" postgres \
        >"$RT_RUN/pgbench.out" 2>&1 </dev/null &
    pid=$!
    until [ "$(sql "SELECT count(*) >= $((push_count * 9 / 10)) FROM pg_stat_activity WHERE wait_event_type IN ('Extension', 'Timeout') AND application_name = 'pgbench'")" = t ]; do
        [ $SECONDS -lt $deadline ] || { problem "push: $1: the sessions are not under way"; break; }
        sleep 0.2
    done
    measure_push "$1" "$2"
    kill "$pid" 2>/dev/null || problem "push, $1: the sessions have ended: $(head -n 3 "$RT_RUN/pgbench.out" | tr '\n' ' ' | cut -c 1-300)"
    wait "$pid" 2>/dev/null || true
    # sessions that sleep do not notice by themselves
    until [ "$(sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgbench'")" = 0 ]; do
        sleep 0.1
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
        push_beside 'beside sessions that sleep' $round "$push_sleeps"
        push_beside 'beside sessions that send' $round "$push_sends"
        push_beside 'beside questions' $round "$push_asks"
        eval "exec ${CLIENTS[1]}>&-"
        read -r result <&"${CLIENTS[0]}" && say "    $result"
        wait "$CLIENTS_PID" 2>/dev/null || true
        sleep 1
    done
    postgres_set realtime.jwt_key_file "''"
    sql 'ALTER SYSTEM RESET max_connections'
    postgres_restart
}
