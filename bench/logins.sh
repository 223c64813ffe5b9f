# bench/logins.sh - the part "logins" of bench/run: what it costs to find out who
# somebody is.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

login_count=10000
login_users=1000
login_clients=16

# measure_logins <case> <system> <round> <tokens>
measure_logins()
{
    local url pid result cpu0 cpu1 cpu

    url=$("${2}_url")
    pid=$POSTMASTER_PID
    [ "$2" != node ] || pid=$NODE_PID
    cpu0=$(load cpu --cpu-of "$pid")
    result=$(node "$RT_TOP/bench/logins.mjs" run "$url" "$4" "$login_count" "$login_clients" 2>"$RT_RUN/logins.err") || {
        problem "logins: $(grep -m 1 Error "$RT_RUN/logins.err" | cut -c 1-300)"
        return 1
    }
    cpu1=$(load cpu --cpu-of "$pid")
    cpu=$(awk "BEGIN {printf \"%.1f\", ($cpu1 - $cpu0) / $login_count}")
    printf '    %-12s %-10s %9.0f/s  p50 %8.0f us  p99 %8.0f us  %8.1f us CPU\n' "$1" "$2" \
        "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")" "$cpu"
    note logins "$1" "$2" "$3" "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")" "$cpu"
}

part_logins()
{
    local round system dir=$RT_RUN/logins

    user_dir "$dir"
    node "$RT_TOP/bench/logins.mjs" tokens "$dir" "$login_users" || die "could not make tokens"
    head -n 1 "$dir/tokens" >"$dir/token"
    chmod a+r "$dir"/*
    postgres_set realtime.jwt_key_file "'$dir/key.pem'"
    JWT_KEY=$dir/key.pem node_start
    for ((round = 1; round <= rounds; round++)); do
        say "logins, round $round of $rounds"
        for system in realtime node; do
            measure_logins nobody $system $round -
            measure_logins "one user" $system $round "$dir/token"
            measure_logins "$login_users users" $system $round "$dir/tokens"
        done
    done
    node_stop
    postgres_set realtime.jwt_key_file "''"
}
