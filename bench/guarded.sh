# bench/guarded.sh - the part "guarded" of bench/run: what it costs calls that their
# caller is known, guarded and limited, and that they are encrypted; and handshakes
# of TLS.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

guarded_count=3000

guarded_schema()
{
    sql "
CREATE FUNCTION bench.is_known() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT realtime.user_id() IS NOT NULL';
SELECT realtime.rpc('guarded/echo', 'bench.echo(jsonb)'),
    realtime.breaker('bench', 5, '30 s'), realtime.admission('bench', '{MEMORY,EXECUTORS}'),
    realtime.rpc('guarded/limited', 'bench.echo(jsonb)', rate_limit => 1000000000, rate_window => '1 h', breaker => 'bench',
        class_of_service => 'bench'),
    realtime.rpc('guarded/all', 'bench.echo(jsonb)', guard => '{bench.is_known()}', rate_limit => 1000000000, rate_window => '1 h',
        breaker => 'bench', class_of_service => 'bench');
" || die 'could not declare what is guarded'
}

# measure_guarded <case> <round> <url> <token> <path> <connections> <in flight> [CA]
measure_guarded()
{
    local result cpu0 cpu1

    cpu0=$(load cpu --cpu-of "$POSTMASTER_PID")
    result=$(node "$RT_TOP/bench/guarded.mjs" "$3" "$4" "$5" "$6" "$7" "$seconds" "${@:8}" 2>"$RT_RUN/guarded.err") || {
        problem "guarded, $1: $(head -n 1 "$RT_RUN/guarded.err" | cut -c 1-300)"
        return 1
    }
    cpu1=$(load cpu --cpu-of "$POSTMASTER_PID")
    printf '    %-28s %s x %-3s %9.0f/s  p50 %6.0f us  p99 %6.0f us\n' "$1" "$6" "$7" \
        "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")"
    note guarded "$6 × $7" "$1" "$2" "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")" \
        "$(awk "BEGIN {print ($cpu1 - $cpu0) / ($(value per_second "$result") * ($seconds + 0.5))}")"
}

# measure_handshakes <case> <round> <url> <token file> [CA]
measure_handshakes()
{
    local result cpu0 cpu1

    cpu0=$(load cpu --cpu-of "$POSTMASTER_PID")
    result=$(node "$RT_TOP/bench/logins.mjs" run "$3" "$4" "$guarded_count" 16 "${@:5}" 2>"$RT_RUN/guarded.err") || {
        problem "guarded, $1: $(head -n 1 "$RT_RUN/guarded.err" | cut -c 1-300)"
        return 1
    }
    cpu1=$(load cpu --cpu-of "$POSTMASTER_PID")
    printf '    %-28s %9.0f/s\n' "$1" "$(value per_second "$result")"
    note guarded handshakes "$1" "$2" "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")" \
        "$(awk "BEGIN {print ($cpu1 - $cpu0) / $guarded_count}")"
}

# All that is said without TLS. Each round begins with another case, so that none of
# them always comes first, on a machine that has just been idle, or last.
guarded_plain()
{
    local turn case path token connections in_flight url
    local cases=("nobody:echo" "a user:echo" "a user, limits:limited" "a user, limits, a guard:all")
    url=$(realtime_url)

    for pair in "1 1" "32 16"; do
        read -r connections in_flight <<<"$pair"
        for ((turn = 0; turn < 4; turn++)); do
            IFS=: read -r case path <<<"${cases[($1 + turn) % 4]}"
            token=-
            [ "$case" = nobody ] || token=$(cat "$2/token")
            measure_guarded "$case" "$1" "$url" "$token" "guarded/$path" "$connections" "$in_flight"
        done
    done
    measure_handshakes "without TLS" "$1" "$url" -
}

guarded_tls()
{
    local connections in_flight url
    url=$(realtime_url)
    url=${url/ws:/wss:}

    for pair in "1 1" "32 16"; do
        read -r connections in_flight <<<"$pair"
        measure_guarded "nobody, TLS" "$1" "$url" - guarded/echo "$connections" "$in_flight" "$2/cert.pem"
    done
    measure_handshakes "with TLS" "$1" "$url" - "$2/cert.pem"
}

part_guarded()
{
    local round dir=$RT_RUN/guarded

    user_dir "$dir"
    node "$RT_TOP/bench/logins.mjs" tokens "$dir" 1 || die "could not make tokens"
    head -n 1 "$dir/tokens" | tr -d '\n' >"$dir/token"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -days 2 -keyout "$dir/cert.key" -out "$dir/cert.pem" 2>/dev/null || die "could not make a certificate"
    [ -z "$RT_USER" ] || chown "$RT_USER" "$dir/cert.key"
    chmod a+r "$dir"/*.pem "$dir"/token*
    guarded_schema
    postgres_set realtime.jwt_key_file "'$dir/key.pem'"
    for ((round = 1; round <= rounds; round++)); do
        say "guarded, round $round of $rounds"
        guarded_plain "$round" "$dir"
        postgres_set realtime.tls_key_file "'$dir/cert.key'"
        postgres_set realtime.tls_cert_file "'$dir/cert.pem'"
        guarded_tls "$round" "$dir"
        postgres_set realtime.tls_cert_file "''"
        postgres_set realtime.tls_key_file "''"
    done
    postgres_set realtime.jwt_key_file "''"
}
