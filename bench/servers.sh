# bench/servers.sh - starts and stops what bench/run measures.
#
# To be sourced after test/env.sh.  All of it is private: data, configuration
# and ports; logs are in $RT_RUN.
#
# shellcheck shell=bash

# What only the benchmarks need.  These packages are not installed but unpacked
# into .work/nginx and .work/pgbouncer: installed, they would put servers on
# their ports.  They use libraries that PostgreSQL needs as well, but for those
# that are unpacked with them.
RT_PACKAGES_BENCH=(nginx libnginx-mod-nchan)
RT_PACKAGES_POOL=(pgbouncer libevent-2.1-7 libc-ares2)

NODE_PID=
CURSOR_PID=
POOL_PID=
NGINX_PID=
NGINX_DIR=

# ---------------------------------------------------------------------------
# PostgreSQL with the extension

# postgres_start: sets GATEWAY_PORT, PGPORT and POSTMASTER_PID.
postgres_start()
{
    port_reserve 17500
    GATEWAY_PORT=$RT_PORT
    port_reserve 15500
    PGPORT=$RT_PORT
    export PGPORT
    cat >"$RT_RUN/pg_hba.conf" <<TEXT
local all all trust
host postgres bench 127.0.0.1/32 trust
TEXT
    cluster_start bench listen_addresses=127.0.0.1 port="$PGPORT" \
        hba_file="$RT_RUN/pg_hba.conf" \
        shared_buffers=512MB max_connections=200 fsync=on \
        max_wal_size=8GB checkpoint_timeout=1h autovacuum=off \
        client_min_messages=error log_min_messages=error \
        realtime.port="$GATEWAY_PORT" realtime.upgrade_rate=0 \
        realtime.max_connections=20000 realtime.max_sessions=20000 \
        "${postgres_options[@]}"
    sql_file bench/schema.sql
    postgres_wait
}

postgres_restart()
{
    as_user "$PG_BINDIR/pg_ctl" -D "$RT_CLUSTER/data" -s -w -t 60 -m fast \
        -l "$RT_CLUSTER/server.log" restart </dev/null ||
        die "could not restart the server"
    postgres_wait
}

# Waits until a call is answered.
postgres_wait()
{
    local deadline=$((SECONDS + 30))

    POSTMASTER_PID=$(head -n 1 "$RT_CLUSTER/data/postmaster.pid")
    until load calls --url "$(realtime_url)" --rpc bench/echo --args '[1]' \
        --seconds 0.05 --warmup 0 >/dev/null 2>"$RT_RUN/wait.log"; do
        [ $SECONDS -lt $deadline ] || {
            tail -n 20 "$RT_CLUSTER/server.log" >&2
            die "realtime does not answer calls: $(cat "$RT_RUN/wait.log")"
        }
        sleep 0.2
    done
}

realtime_url() { echo "ws://127.0.0.1:$GATEWAY_PORT/ws"; }

# The processes of this cluster with this title.
realtime_pids()
{
    ps --ppid "$POSTMASTER_PID" -o pid=,args= | awk -v title="$1" '
        index($0, title) {print $1}'
}

sql_file()
{
    "$PG_BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -d postgres -o /dev/null \
        -f "$RT_TOP/$1" || die "could not load $1"
}

sql() { "$PG_BINDIR/psql" -X -q -At -v ON_ERROR_STOP=1 -d postgres -c "$1"; }

# postgres_set <setting> <value>, for every session
postgres_set()
{
    sql "ALTER SYSTEM SET $1 = $2" && sql 'SELECT pg_reload_conf()' >/dev/null ||
        die "could not set $1"
    sleep 0.3
}

# ---------------------------------------------------------------------------
# Node

node_start()
{
    local deadline=$((SECONDS + 30))

    port_reserve 17600
    NODE_PORT=$RT_PORT
    : >"$RT_RUN/node.log"
    PORT=$NODE_PORT PGHOST=127.0.0.1 PGUSER=bench PGDATABASE=postgres \
        node "$RT_TOP/bench/node-server.mjs" >"$RT_RUN/node.log" 2>&1 </dev/null &
    NODE_PID=$!
    until grep -q '^ready' "$RT_RUN/node.log"; do
        kill -0 "$NODE_PID" 2>/dev/null && [ $SECONDS -lt $deadline ] || {
            cat "$RT_RUN/node.log" >&2
            die "the Node server does not start"
        }
        sleep 0.1
    done
}

node_stop()
{
    [ -n "$NODE_PID" ] || return 0
    kill "$NODE_PID" 2>/dev/null
    wait "$NODE_PID" 2>/dev/null
    NODE_PID=
}

node_url() { echo "ws://127.0.0.1:$NODE_PORT/ws"; }

# ---------------------------------------------------------------------------
# nginx with nchan

# Sets NGINX and NCHAN to the program and the module, of the system or ours.
nginx_find()
{
    local root

    for root in "" "$RT_WORK/nginx"; do
        NGINX=$root/usr/sbin/nginx
        NCHAN=$root/usr/lib/nginx/modules/ngx_nchan_module.so
        [ ! -x "$NGINX" ] || [ ! -f "$NCHAN" ] || return 0
    done
    return 1
}

nginx_install()
{
    ! nginx_find || return 0
    packages_unpack nginx "${RT_PACKAGES_BENCH[@]}"
    nginx_find || die "there is no nginx in ${RT_PACKAGES_BENCH[*]}"
}

# packages_unpack <folder of .work> <package ...>: leaves the version of each in
# <package>-version.
packages_unpack()
{
    local dir=$RT_WORK/$1 package
    shift

    say "unpacking Debian packages: $*"
    rm -rf "$dir"
    mkdir -p "$dir"
    (
        cd "$dir" || exit 1
        apt-get download "$@" || { packages_update && apt-get download "$@"; } || exit 1
        for package in *.deb; do
            dpkg -x "$package" . || exit 1
            dpkg-deb -f "$package" Version >"${package%%_*}-version"
        done
        rm -f ./*.deb
    ) </dev/null >"$RT_WORK/packages.log" 2>&1 || {
        tail -n 20 "$RT_WORK/packages.log" >&2
        die "could not get $* (see $RT_WORK/packages.log)"
    }
}

packages_update() { if [ "$(id -u)" -eq 0 ]; then apt-get update -qq; else sudo -n apt-get update -qq; fi; }

# nchan makes nginx want its compiled-in directory, whatever is configured.
nginx_directory()
{
    [ ! -d /var/lib/nginx ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        mkdir -p /var/lib/nginx/body
    else
        sudo -n mkdir -p /var/lib/nginx/body
    fi || die "could not make /var/lib/nginx/body, which nchan needs"
    NGINX_DIR=/var/lib/nginx
}

nginx_directory_remove()
{
    [ -n "$NGINX_DIR" ] || return 0
    if [ "$(id -u)" -eq 0 ]; then
        rmdir "$NGINX_DIR/body" "$NGINX_DIR"
    else
        sudo -n rmdir "$NGINX_DIR/body" "$NGINX_DIR"
    fi
    NGINX_DIR=
}

# One worker, as there is one gateway.
nginx_start()
{
    local dir=$RT_RUN/nginx deadline=$((SECONDS + 30))

    nginx_directory
    rm -rf "$dir"
    user_dir "$dir"
    port_reserve 17700
    NGINX_PORT=$RT_PORT
    cat >"$dir/nginx.conf" <<TEXT
load_module $NCHAN;
worker_processes 1;
worker_rlimit_nofile $(ulimit -n);
pid $dir/nginx.pid;
error_log $dir/error.log warn;
events {
    worker_connections 15000;
}
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    keepalive_requests 1000000000;
    nchan_shared_memory_size 128M;
    server {
        listen 127.0.0.1:$NGINX_PORT backlog=4096;
        location = /publish {
            nchan_publisher;
            nchan_channel_id bench;
            nchan_message_buffer_length 100;
            nchan_message_timeout 10s;
        }
        location = /subscribe {
            nchan_subscriber websocket;
            nchan_channel_id bench;
            nchan_subscriber_first_message newest;
        }
    }
}
TEXT
    as_user "$NGINX" -p "$dir/" -c "$dir/nginx.conf" -e "$dir/error.log" \
        >"$dir/start.log" 2>&1 </dev/null
    until port_open "$NGINX_PORT"; do
        [ $SECONDS -lt $deadline ] || {
            cat "$dir/start.log" "$dir/error.log" >&2
            die "nginx does not start"
        }
        sleep 0.1
    done
    NGINX_PID=$(cat "$dir/nginx.pid")
}

nginx_stop()
{
    if [ -n "$NGINX_PID" ]; then
        kill "$NGINX_PID" 2>/dev/null
        while kill -0 "$NGINX_PID" 2>/dev/null; do
            sleep 0.1
        done
        NGINX_PID=
    fi
    nginx_directory_remove
}

nchan_version()
{
    cat "$RT_WORK/nginx/libnginx-mod-nchan-version" 2>/dev/null ||
        dpkg-query -W -f='${Version}' libnginx-mod-nchan
}

nginx_worker() { ps --ppid "$NGINX_PID" -o pid= | tr -d ' '; }

# ---------------------------------------------------------------------------
# PgBouncer

pool_install()
{
    [ -x "$RT_WORK/pgbouncer/usr/sbin/pgbouncer" ] ||
        packages_unpack pgbouncer "${RT_PACKAGES_POOL[@]}"
}

pool_version() { cat "$RT_WORK/pgbouncer/pgbouncer-version"; }

# pool_start <sessions>: sets POOL_PORT.
pool_start()
{
    local dir=$RT_RUN/pool deadline=$((SECONDS + 30))

    rm -rf "$dir"
    user_dir "$dir"
    port_reserve 17800
    POOL_PORT=$RT_PORT
    cat >"$dir/pgbouncer.ini" <<TEXT
[databases]
postgres = host=127.0.0.1 port=$PGPORT dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $POOL_PORT
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = $1
max_client_conn = 5000
ignore_startup_parameters = extra_float_digits
logfile = $dir/pgbouncer.log
pidfile = $dir/pgbouncer.pid
TEXT
    sed -i 's/^postgres = /&user=bench /' "$dir/pgbouncer.ini"
    as_user env LD_LIBRARY_PATH="$RT_WORK/pgbouncer/usr/lib/$(uname -m)-linux-gnu" \
        "$RT_WORK/pgbouncer/usr/sbin/pgbouncer" -q "$dir/pgbouncer.ini" \
        >"$dir/start.log" 2>&1 </dev/null &
    until port_open "$POOL_PORT" && [ -s "$dir/pgbouncer.pid" ]; do
        [ $SECONDS -lt $deadline ] || {
            cat "$dir/start.log" >&2
            die "PgBouncer does not start"
        }
        sleep 0.1
    done
    POOL_PID=$(cat "$dir/pgbouncer.pid")
}

pool_stop()
{
    [ -n "$POOL_PID" ] || return 0
    kill "$POOL_PID" 2>/dev/null
    while kill -0 "$POOL_PID" 2>/dev/null; do
        sleep 0.1
    done
    POOL_PID=
}

servers_stop()
{
    node_stop
    cursor_server_stop
    pool_stop
    nginx_stop
    clusters_stop "$RT_RUN" >/dev/null
}
