#!/bin/bash
# "./run new" makes an application that works: it is started with one command, called,
# and passes its own tests.
. "$(dirname "$0")/tap.sh"
. "$top/test/env.sh"

if [ -z "${PG_BINDIR:-}" ] || [ ! -d "$top/test/node/node_modules/ws" ]; then
    echo '1..0 # SKIP only within ./run test, after the stage node has fetched its packages'
    exit 0
fi

chmod 755 "$base"
mkdir "$base/apps"
[ -z "$RT_USER" ] || chown "$RT_USER" "$base/apps"
app=$base/apps/shop-list
trap '[ ! -d "$app/.pg" ] || (cd "$app" && as_user ./start --stop) >/dev/null 2>&1; rm -rf "$base"' EXIT

# in_app <command ...>: its output in $output, its status in $status
in_app()
{
    output=$(cd "$app" && as_user env PORT="$RT_PORT" TMPDIR="$base/apps" "$@" 2>&1 </dev/null)
    status=$?
}

output=$(cd "$base/apps" && as_user node "$top/create-realtime/index.js" shop-list 2>&1)
is $? 0 'an application is made'
like "$output" '*./start*' 'which says what comes next'
is "$(sed -n 's/.*"name": "\(.*\)",/\1/p' "$app/package.json")" shop-list 'it is called as its folder'
ok 'it has the client' test -f "$app/public/client/index.js"
output=$(cd "$base/apps" && as_user node "$top/create-realtime/index.js" shop-list 2>&1)
is $? 2 'a folder with something in it is refused'
like "$output" 'new: "shop-list" is not empty*' 'and why'

port_reserve 17432
in_app ./start --detach
is $status 0 'one command starts it'
like "$output" "*migrated: 001_list*http://localhost:$RT_PORT/*" 'it has run the migrations and says where it is'
[ $status -eq 0 ] || sed 's/^/# /' <<<"$output" "$app/.pg/log"
ok 'it is served' gateway_wait "$RT_PORT"
like "$(node -e 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)' "http://localhost:$RT_PORT/")" '*A shared list*' 'with its page'

as_user ln -s "$top/test/node/node_modules" "$app/node_modules"
in_app node --test --test-reporter=tap test/list.test.mjs test/sql.test.mjs
is $status 0 'its tests pass'
like "$output" '*# pass 3*' 'all of them'
[ $status -eq 0 ] || sed 's/^/# /' <<<"$output"

as_user tee "$app/migrations/002_more.sql" >/dev/null <<<"SELECT app.add('by a migration');"
in_app ./start --migrate
is "$output" 'migrated: 002_more' 'another migration is run'
in_app ./start --migrate
is "$output" '' 'once'
in_app ./start --stop
is "$output" 'the server has stopped' 'it is stopped'
done_testing
