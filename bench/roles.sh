# bench/roles.sh - the part "roles" of bench/run: calls by many roles in turn, to
# functions over a table with row-level security and over one without.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

role_counts=(1 2 20 200)
role_connections=200

roles_setup()
{
    sql "
CREATE TABLE bench.owned (id integer PRIMARY KEY, owner text NOT NULL, balance integer NOT NULL);
INSERT INTO bench.owned SELECT id, 'bench_role_' || id % 200, id FROM generate_series(1, 100000) AS id;
ALTER TABLE bench.owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON bench.owned USING (owner = current_user OR balance > 0);
ANALYZE bench.owned;
CREATE FUNCTION bench.rls_sql(account integer) RETURNS integer LANGUAGE sql STABLE AS
    'SELECT balance FROM bench.owned WHERE id = rls_sql.account';
CREATE FUNCTION bench.rls_set(account integer) RETURNS SETOF integer LANGUAGE sql STABLE AS
    'SELECT balance FROM bench.owned WHERE id = rls_set.account';
CREATE FUNCTION bench.rls_plpgsql(account integer) RETURNS integer LANGUAGE plpgsql STABLE AS
    'BEGIN RETURN (SELECT balance FROM bench.owned WHERE id = rls_plpgsql.account); END';
SELECT realtime.rpc('bench/rls_sql', 'bench.rls_sql(integer)'), realtime.rpc('bench/rls_set', 'bench.rls_set(integer)'),
    realtime.rpc('bench/rls_plpgsql', 'bench.rls_plpgsql(integer)');
CREATE SEQUENCE bench.comer;
CREATE TABLE bench.role_count AS SELECT 1 AS roles;
CREATE FUNCTION bench.who_comes(request jsonb) RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS
    \$\$SELECT jsonb_build_object('id', n, 'role', 'bench_role_' || n % roles) FROM bench.role_count, nextval('bench.comer') AS n\$\$;
DO \$\$ BEGIN
    FOR n IN 0 .. 199 LOOP
        EXECUTE format('CREATE ROLE bench_role_%s', n);
        EXECUTE format('GRANT bench_role_%s TO realtime_executor', n);
        EXECUTE format('GRANT USAGE ON SCHEMA bench TO bench_role_%s', n);
        EXECUTE format('GRANT SELECT ON bench.owned, bench.account TO bench_role_%s', n);
    END LOOP;
END \$\$;
SELECT realtime.hook('authenticate', 'bench.who_comes(jsonb)')" >/dev/null
}

# measure_roles <function> <roles> <round>
measure_roles()
{
    local result

    sql "UPDATE bench.role_count SET roles = $2" >/dev/null
    run_load calls --url "$(realtime_url)" --rpc "bench/$1" --args '[{rand:1:100000}]' \
        --connections $role_connections --in-flight 1 --seconds "$seconds" --warmup "$warmup" \
        --cpu-of "$POSTMASTER_PID" || return
    printf '    %-16s %3d roles  %9.0f/s  p50 %8.0f us  p99 %8.0f us  %7.2f us CPU\n' "$1" "$2" \
        "$(value per_second "$result")" "$(value p50_us "$result")" "$(value p99_us "$result")" "$(value cpu_us_each "$result")"
    note roles "$1" "$2" "$3" "$(value per_second "$result")" "$(value p50_us "$result")" "$(value cpu_us_each "$result")"
}

part_roles()
{
    local round function roles

    roles_setup
    for ((round = 1; round <= rounds; round++)); do
        say "roles, round $round of $rounds"
        for function in lookup_sql lookup_plpgsql rls_sql rls_set rls_plpgsql; do
            for roles in "${role_counts[@]}"; do
                measure_roles "$function" "$roles" $round
            done
        done
    done
    sql "SELECT realtime.hook('authenticate', NULL)" >/dev/null
}
