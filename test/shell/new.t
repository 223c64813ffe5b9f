#!/bin/bash
# "./run new" makes the folder of an application.  That it starts, is changed and passes
# its tests is seen by test/t/211_tutorial.pl, which goes on from there.
. "$(dirname "$0")/tap.sh"

if ! command -v node >/dev/null; then
    echo '1..0 # SKIP there is no node'
    exit 0
fi

app=$base/apps/Shop_list
mkdir "$base/apps"

# creates <argument of create-realtime ...>: in $output, its status in $status
creates()
{
    output=$(cd "$base/apps" && node "$top/create-realtime/index.js" "$@" 2>&1)
    status=$?
}

creates Shop_list
is $status 0 'an application is made'
like "$output" '*cd Shop_list*./start*' 'which says what comes next'
is "$(sed -n 's/.*"name": "\(.*\)",/\1/p' "$app/package.json")" shop-list 'it is called as its folder, as npm wants it'
for file in start .gitignore migrations/001_list.sql public/index.html public/client/index.js public/client/src/client.js test/list.sql; do
    ok "it has $file" test -f "$app/$file"
done
ok 'and a command that starts it' test -x "$app/start"
creates Shop_list
is $status 2 'a folder with something in it is refused'
like "$output" 'new: "Shop_list" is not empty*' 'and why'
mkdir "$base/apps/empty"
creates empty
is $status 0 'an empty one is not'
creates
is $status 2 'a folder has to be named'
creates --force x
is $status 2 'there are no options'
output=$(cd "$app" && ./start --restart 2>&1)
is $? 1 'what the command does not know it refuses'
is "$output" 'start: there is no option "--restart"' 'and says so'
done_testing
