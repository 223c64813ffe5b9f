#!/bin/bash
# Whoever asks for help, or mistypes, gets an answer and nothing is started.
. "$(dirname "$0")/tap.sh"

mkdir -p "$tree/bench" "$tree/test/torture"
cp "$top/bench/run" "$top"/bench/*.sh "$tree/bench/"
cp "$top/test/torture/run" "$tree/test/torture/"
mkdir -p "$tree/test/browser"
cp "$top/test/browser/pictures" "$tree/test/browser/"

# What is started all the same has no server, and says so.
export PG_CONFIG=$base/none

# answers <status> <first line, a pattern> <argument of run ...>
answers()
{
    local status=$1 pattern=$2 output rc
    shift 2
    output=$("$tree/run" "$@" 2>&1 </dev/null)
    rc=$?
    is $rc "$status" "run $*: its status"
    like "${output%%$'\n'*}" "$pattern" "run $*: its answer"
    ok "run $*: nothing is set up" not test -e "$tree/.work"
    rm -rf "$tree/.work"
}

for command in demo stop new test bench torture pictures; do
    for words in "$command --help" "$command -h" "help $command"; do
        # shellcheck disable=SC2086
        answers 0 "usage: ./run $command*" $words
    done
done
for words in '' help --help -h 'help me'; do
    # shellcheck disable=SC2086
    answers 0 'usage: ./run <command>' $words
done
answers 2 'usage: ./run <command>' dmeo
answers 2 'run: demo does not take "--hlep"' demo --hlep
answers 2 'run: demo does not take "please"' demo --detach please
answers 2 'run: stop does not take "now"' stop now
answers 2 'run: new does not take "nothing"' new
answers 2 'run: test does not take "regres"' test build regres
answers 2 'run: test does not take "--quick"' test --quick
answers 2 'bench/run: there is no part and no option "cals"' bench cals
answers 2 'bench/run: --rounds wants a value' bench --rounds
answers 2 'test/torture/run: there is no option "500"' torture 500
answers 2 'test/torture/run: --events wants a number' torture --events
answers 2 'test/torture/run: --seed wants a number' torture --seed --every 3
answers 1 'run: no demo is running here' stop
answers 0 'usage: ./run demo*' demo --detach --help
done_testing
