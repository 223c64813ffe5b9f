#!/bin/bash
# The two commands one after the other, where packages of the tests are missing
# at first.  It takes one away, so only where the machine is thrown away after.
. "$(dirname "$0")/tap.sh"

package=postgresql-15-pgtap
if [ "${CI:-}" != true ] || [ "$(id -u)" -ne 0 ]; then
    echo '1..0 # SKIP removes a package: only with CI=true, and as root'
    exit 0
fi

# A checkout of its own that the server's user can read.
chmod 755 "$base"
fresh=$base/fresh
mkdir "$fresh"
tar -C "$top" -cf - --exclude=./.work --exclude=./.git . | tar -C "$fresh" -xf -
trap '"$fresh/run" stop >/dev/null 2>&1; rm -rf "$base"' EXIT

# runs <argument of run ...>
runs()
{
    "$fresh/run" "$@" >"$base/output" 2>&1 </dev/null
    is $? 0 "run $*"
    [ $failed -eq 0 ] || sed 's/^/# /' "$base/output"
}

dpkg --remove --force-depends "$package" >/dev/null
runs demo --detach
runs test pgtap
is "$(dpkg-query -W -f='${db:Status-Status}' "$package")" installed 'the package is back'
address=$(sed -n 's/^realtime.port = .\([0-9]*\).$/\1/p' "$fresh/.work/demo/cluster/demo/data/postgresql.conf")
ok 'the demo is still at work' bash -c '. "$1/test/env.sh"; gateway_wait "$2"' - "$fresh" "$address"
runs stop
runs demo --detach
runs stop
done_testing
