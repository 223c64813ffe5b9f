# test/shell/tap.sh - what the tests of this directory share: TAP for bash.
#
# To be sourced.  Each test has a directory of its own, $base, and its own
# checkout in $tree: run and test/, nothing else.
#
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
base=$(mktemp -d) || exit 2
trap 'rm -rf "$base"' EXIT
tree=$base/tree
mkdir -p "$tree/test/perl"
cp "$top/run" "$tree/"
cp "$top/test/env.sh" "$top/test/count.sh" "$top/test/again.sh" "$top/test/port" "$tree/test/"
cp "$top/test/perl/RealtimePort.pm" "$tree/test/perl/"

number=0
failed=0

# ok <name> <command ...>
ok()
{
    local name=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        echo "# failed: $*"
        failed=$((failed + 1))
    fi
}

# is <got> <expected> <name>
is()
{
    ok "$3" test "$1" = "$2" || return
    [ "$1" = "$2" ] || printf '# got:      %s\n# expected: %s\n' "${1//$'\n'/ }" "${2//$'\n'/ }"
}

# like <text> <glob pattern> <name>
like()
{
    # shellcheck disable=SC2254
    case $1 in
        $2) ok "$3" true ;;
        *) ok "$3" false; printf '# got:      %s\n# expected: %s\n' "${1//$'\n'/ }" "$2" ;;
    esac
}

not() { ! "$@"; }

done_testing()
{
    echo "1..$number"
    exit $((failed > 0))
}
