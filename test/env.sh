# test/env.sh - what run, bench/run and test/torture/run share.
#
# To be sourced by bash.  Packages, the private copy of PostgreSQL, the build
# and private clusters: everything lives in .work of the checkout, nothing in
# the system but the packages.
#
# PostgreSQL finds its libraries and extensions relative to the place of its
# programs.  So .work/pg holds copies of the programs and, beside them, links to
# the system's files; "make install DESTDIR=.work/pg" adds the extension there,
# and the system's PostgreSQL never hears of it.  PG_CONFIG names another
# PostgreSQL than the packaged one.
#
# A server does not run as root.  Started as root, clusters and whatever
# starts clusters run as the user "postgres", which the package has made.
#
# shellcheck shell=bash

umask 022
export LC_ALL=C.UTF-8

RT_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
RT_WORK=$RT_TOP/.work
RT_PG=$RT_WORK/pg
RT_MAJOR=15
RT_PACKAGED_EXTENSIONS=/usr/share/postgresql/$RT_MAJOR/extension
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$RT_MAJOR/bin/pg_config}

# A server elsewhere that the environment points at is none of ours.
for rt_name in ${!PG*}; do
    [[ $rt_name = PG_* ]] || unset "$rt_name"
done
unset rt_name
export PG_CONFIG RT_TOP RT_WORK RT_PG

RT_USER=
[ "$(id -u)" -ne 0 ] || RT_USER=postgres
export RT_USER

# ---------------------------------------------------------------------------
# The Debian packages, all of them, by what needs them.  "package:command"
# means that the command will do, wherever it comes from.

RT_PACKAGES_BUILD=(
    gcc libc6-dev make:make
    postgresql-$RT_MAJOR postgresql-server-dev-$RT_MAJOR
    libwebsockets-dev libuv1-dev zlib1g-dev
    libcjose-dev libjansson-dev libssl-dev
    libkrb5-dev                     # gssapi.h, which libpq/libpq.h wants
)
RT_PACKAGES_NODE=(
    nodejs:node npm:npm ca-certificates     # protocol tests, load generators
)
RT_PACKAGES_TEST=(
    "${RT_PACKAGES_NODE[@]}"
    perl libipc-run-perl libio-socket-ssl-perl          # TAP tests
    postgresql-$RT_MAJOR-pgtap libtap-parser-sourcehandler-pgtap-perl
    postgresql-plperl-$RT_MAJOR postgresql-pltcl-$RT_MAJOR          # what they leave
    chromium                                            # browser tests
    python3-prometheus-client                           # reads metrics
    clang:clang libclang-rt-14-dev libjansson-dev       # unit tests, fuzzing
)
# A package that would start a service is unpacked below .work instead.
RT_PACKAGES_UNPACKED=(
    nginx:nginx                                         # docs/internet.md is followed
)
RT_PACKAGES_VALGRIND=(
    valgrind libc6-dbg                                  # the stage valgrind
)

# ---------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# Runs a command as the user that may run a server.
as_user()
{
    if [ -n "$RT_USER" ]; then
        setpriv --reuid="$RT_USER" --regid="$RT_USER" --init-groups -- \
            env HOME="${RT_RUN:-/nonexistent}/home" USER="$RT_USER" "$@"
    else
        "$@"
    fi
}

# Makes a directory that the server's user may write.
user_dir()
{
    mkdir -p "$@"
    [ -z "$RT_USER" ] || chown "$RT_USER" "$@"
}

# Unpacks packages, each named with its command, instead of installing them.  Without one
# the tests that want it are skipped.
packages_try()
{
    local entry dir=$RT_WORK/unpacked

    for entry in "$@"; do
        ! command -v "${entry#*:}" >/dev/null || continue
        [ ! -x "$dir/usr/sbin/${entry#*:}" ] || continue
        mkdir -p "$dir"
        (cd "$dir" && apt-get download -qq "${entry%%:*}" &&
            dpkg-deb -x ./*.deb . && rm ./*.deb) </dev/null >"$RT_WORK/packages.log" 2>&1 ||
            say "could not unpack the Debian package ${entry%%:*} (see $RT_WORK/packages.log)"
    done
}

packages_install()
{
    local entry missing=() sudo=()

    for entry in "$@"; do
        case $entry in
            *:*) command -v "${entry#*:}" >/dev/null && continue ;;
        esac
        entry=${entry%%:*}
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$entry" 2>/dev/null)" = installed ] ||
            missing+=("$entry")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    command -v apt-get >/dev/null ||
        die "this is not Debian; please install what these packages hold: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            die "missing packages, and neither root nor sudo to install them: ${missing[*]}"
        sudo=(sudo)
    fi
    say "installing Debian packages: ${missing[*]}"
    {
        "${sudo[@]}" apt-get update -qq &&
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install \
                -y -qq --no-install-recommends "${missing[@]}"
    } </dev/null >"$RT_WORK/packages.log" 2>&1 || {
        tail -n 20 "$RT_WORK/packages.log" >&2
        die "could not install the packages (see $RT_WORK/packages.log)"
    }
}

# npm_install [directory ...]: the npm packages of the Node tests, or those of some
# directories, as package-lock.json pins them.
npm_install()
{
    local dir lock

    [ $# -gt 0 ] || set -- test/node client bench
    for dir in "$@"; do
        lock=$RT_TOP/$dir/package-lock.json
        [ -f "$lock" ] || continue
        cmp -s "$lock" "$RT_TOP/$dir/node_modules/.installed" && continue
        say "installing npm packages for $dir"
        (cd "$RT_TOP/$dir" &&
            npm ci --cache "$RT_WORK/npm" --ignore-scripts --no-audit \
                --no-fund --no-update-notifier --loglevel=error </dev/null) &&
            mkdir -p "$RT_TOP/$dir/node_modules" &&
            cp "$lock" "$RT_TOP/$dir/node_modules/.installed" ||
            die "could not install the npm packages of $dir"
    done
}

# ---------------------------------------------------------------------------
# PostgreSQL and the extension

# prove_tap <directory> <that of the server's programs> <option of prove or file ...>
prove_tap()
{
    local dir=$1 bindir=$2 pgxs
    shift 2

    pgxs=$("$PG_CONFIG" --pgxs)
    pgxs=${pgxs%/makefiles/pgxs.mk}
    user_dir "$dir"
    as_user env PATH="$RT_TOP/test/bin:$bindir:$PG_BINDIR:$PATH" TESTDIR="$dir" \
        TESTDATADIR="$dir/tmp_check" TESTLOGDIR="$dir/tmp_check/log" \
        PG_REGRESS="$pgxs/test/regress/pg_regress" \
        PG_TEST_PORT_DIR="$RT_RUN/tap/ports" PGCTLTIMEOUT="${PGCTLTIMEOUT:-300}" \
        prove --timer -I "$RT_TOP/test/perl" -I "$pgxs/test/perl" "$@"
}

# Makes .work/pg for the server that PG_CONFIG names, or what has changed of it.
#
# Packages may come, go and be upgraded between any two commands, so each one
# compares it with what is installed.  What is right already is left alone and
# the rest replaced file by file: a server may be running from it, and trees of
# other servers lie beside this one.
postgres_overlay()
{
    local bindir

    [ -x "$PG_CONFIG" ] || die "there is no $PG_CONFIG (set PG_CONFIG to another)"
    bindir=$("$PG_CONFIG" --bindir)
    PG_BINDIR=$RT_PG$bindir
    export PG_BINDIR
    mkdir -p "$PG_BINDIR"
    {
        flock 8
        overlay_programs "$bindir"
        overlay_links "$("$PG_CONFIG" --pkglibdir)"
        overlay_pgtap "$("$PG_CONFIG" --sharedir)/extension"
        overlay_links "$("$PG_CONFIG" --sharedir)"
    } 8>"$RT_PG/lock"
}

# Copies the programs of a directory that are not in .work/pg, or differ.
overlay_programs()
{
    local file copy

    for file in "$1"/*; do
        copy=$RT_PG$file
        cmp -s "$file" "$copy" && continue
        # A running program cannot be written to, but replaced.
        cp -pL "$file" "$copy.new" && mv -f "$copy.new" "$copy"
    done
    for copy in "$RT_PG$1"/*; do
        [ -e "${copy#"$RT_PG"}" ] || rm -f "$copy"
    done
}

# Links the files of a directory that are not in .work/pg, and removes links
# to files that are gone.  A realtime of the system would be another version.
overlay_links()
{
    local dir=$1 copy=$RT_PG$1

    mkdir -p "$copy"
    find "$copy" -xtype l -delete
    comm -23 <(files_below "$dir" | grep -Ev '^\./(extension/)?realtime') \
        <(files_below "$copy") |
        while IFS= read -r file; do
            mkdir -p "$copy/${file%/*}"
            ln -sfn "$dir/${file#./}" "$copy/$file"
        done
}

files_below() { (cd "$1" && find . ! -type d | sort); }

# pgTAP is packaged for the server of the packages.  It is nothing but SQL, and
# does for any other server that has none of its own.
overlay_pgtap()
{
    local own=$1 packaged=$RT_PACKAGED_EXTENSIONS file

    [ "$own" != "$packaged" ] || return 0
    mkdir -p "$RT_PG$own"
    if [ -e "$own/pgtap.control" ]; then
        find "$RT_PG$own" -lname "$packaged/*" -delete
        return
    fi
    for file in "$packaged/pgtap"*; do
        [ ! -e "$file" ] || ln -sfn "$file" "$RT_PG$own/"
    done
}

# Builds with the given make variables and installs into .work/pg.
build()
{
    postgres_overlay
    set -- "$@" ${SANITIZE:+SANITIZE=1} ${RT_DEBUG:+RT_DEBUG=1}
    make -C "$RT_TOP" -s -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@" &&
        make -C "$RT_TOP" -s PG_CONFIG="$PG_CONFIG" "$@" \
            install DESTDIR="$RT_PG"
}

# ---------------------------------------------------------------------------
# Private clusters, in $RT_RUN/cluster/<name>.  They listen on a Unix socket
# in a directory that is closed to other users, so "trust" is enough.

# Prepares $RT_RUN and TMPDIR, both for this subcommand only.
run_dir()
{
    RT_RUN=$RT_WORK/$1
    mkdir -p "$RT_RUN" || die "could not write $RT_RUN (made by another user?)"
    user_dir "$RT_RUN/home" "$RT_RUN/template"
    # The path of a Unix socket ends after 107 characters; Chromium appends 45.
    TMPDIR=$RT_RUN/tmp
    if [ ${#TMPDIR} -gt 60 ]; then
        [ ! -L "$TMPDIR" ] || rm -rf "$(readlink "$TMPDIR")" "$TMPDIR"
        ln -s "$(TMPDIR=/tmp mktemp -d -t realtime.XXXXXX)" "$TMPDIR"
        TMPDIR=$(readlink "$TMPDIR")
    else
        mkdir -p "$TMPDIR"
    fi
    chmod 1777 "$TMPDIR"
    export RT_RUN TMPDIR
}

# Stops all clusters below $RT_RUN and removes the directory.
run_dir_remove()
{
    clusters_stop "$RT_RUN"
    [ ! -L "$RT_RUN/tmp" ] || rm -rf "$(readlink "$RT_RUN/tmp")"
    rm -rf "$RT_RUN"
}

# Stops every cluster whose data directory lies below a directory, and prints
# these data directories.
clusters_stop()
{
    local file data pid pg_ctl

    while IFS= read -r file; do
        data=${file%/*}
        pid=$(head -n 1 "$file" 2>/dev/null)
        # A postmaster lives in its data directory: no stranger is hit.
        [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$data" ] || continue
        echo "$data"
        # It need not be the server that PG_CONFIG names now.
        pg_ctl=$(readlink "/proc/$pid/exe")
        pg_ctl=${pg_ctl%/*}/pg_ctl
        [ -x "$pg_ctl" ] || pg_ctl=$PG_BINDIR/pg_ctl    # it runs in valgrind
        as_user "$pg_ctl" -D "$data" -s -m fast -t 20 stop 2>/dev/null ||
            as_user "$pg_ctl" -D "$data" -s -m immediate -t 20 stop ||
            kill -KILL "$pid"
    done < <(find "$1" -name postmaster.pid 2>/dev/null)
}

# cluster_start <name> [setting=value ...]: makes and starts a cluster that
# preloads the library; PGHOST, PGUSER and RT_CLUSTER then point to it.
cluster_start()
{
    local name=$1 setting
    shift
    RT_CLUSTER=$RT_RUN/cluster/$name
    user_dir "$RT_RUN/cluster" "$RT_CLUSTER"
    PGHOST=$(as_user mktemp -d -p "$TMPDIR" "$name.XXXXXX")
    PGUSER=postgres
    export RT_CLUSTER PGHOST PGUSER

    as_user "$RT_TOP/test/bin/initdb" -D "$RT_CLUSTER/data" -U postgres -A trust \
        --no-sync --locale=C.UTF-8 --encoding=UTF8 >"$RT_RUN/initdb.log" ||
        die "initdb failed (see $RT_RUN/initdb.log)"
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$PGHOST'"
        echo "shared_preload_libraries = 'realtime'"
        echo "max_worker_processes = 32"
        echo "log_line_prefix = '%m [%p] %b %q%a '"
        for setting in "$@"; do
            echo "${setting%%=*} = '${setting#*=}'"
        done
    } >>"$RT_CLUSTER/data/postgresql.conf"
    as_user "$PG_BINDIR/pg_ctl" -D "$RT_CLUSTER/data" -s -w -t 180 \
        -l "$RT_CLUSTER/server.log" start </dev/null || {
        tail -n 20 "$RT_CLUSTER/server.log" >&2
        die "could not start the server"
    }
}

cluster_stop()
{
    as_user "$PG_BINDIR/pg_ctl" -D "$RT_CLUSTER/data" -s -w -t 180 -m fast stop
    as_user rmdir "$PGHOST" 2>/dev/null || true
    unset PGHOST
}

# Whether something accepts connections on a port of this machine.
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets RT_PORT to the first port from a number on that is free, and keeps it
# from others who ask in this way (see test/perl/RealtimePort.pm) for as long as
# this shell or a server that it has started lives.
port_reserve()
{
    local hold

    # In the background, so that a "wait" here does not wait for it.
    exec {hold}< <(perl "$RT_TOP/test/port" "$1" </dev/null 2>/dev/null &)
    read -r RT_PORT <&"$hold" || die "there is no free port from $1 on"
}

# Waits until the gateway on a port answers that it and the executors are at
# work, for at most two minutes.
gateway_wait()
{
    local deadline=$((SECONDS + 120)) status

    until [ "${status:-}" = 200 ]; do
        [ $SECONDS -lt $deadline ] || return 1
        [ -z "${status+x}" ] || sleep 0.1
        status=$(
            exec 3<>"/dev/tcp/127.0.0.1/$1" &&
                printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3 &&
                read -r -t 5 _ status _ <&3 && echo "$status"
        ) 2>/dev/null
    done
}
