#!/bin/bash
# Files that have failed are run once more, alone, if they are few.
. "$(dirname "$0")/tap.sh"
. "$top/test/again.sh"

cat >"$base/tap.log" <<'TEXT'
test/t/010_good.pl .... ok
#   Failed test 'it is there'
#   at test/t/020_bad.pl line 7.
#          got: ''
#   Failed test 'elsewhere'
#   at test/t/040_worse.pl line 9.
#   Failed test at test/t/020_bad.pl line 8.
Test Summary Report
-------------------
test/t/020_bad.pl   (Wstat: 256 (exited 1) Tests: 5 Failed: 1)
  Failed test:  2
  Non-zero exit status: 1
test/t/030_todo.pl  (Wstat: 0 Tests: 3 Failed: 0)
  TODO passed:   2
test/t/050_cut.pl (Wstat: 0 Tests: 3 Failed: 0)
  Parse errors: No plan found in TAP output
Files=4, Tests=11,  3 wallclock secs
Result: FAIL
TEXT
is "$(failed_files "$base/tap.log" | xargs)" 'test/t/020_bad.pl test/t/050_cut.pl' 'files that prove calls failed'
is "$(failed_checks "$base/tap.log" test/t/020_bad.pl | head -n 1)" "line 7: 'it is there'" 'and at what'
is "$(failed_checks "$base/tap.log" test/t/050_cut.pl)" '' 'if it is known'

cat >"$base/node.log" <<'TEXT'
✖ failing tests:

✖ one (1 ms)
  'test failed'
failed: test/node/a.test.mjs
ℹ fail 0
✖ failing tests:
test at test/node/c.test.mjs:3:1
✖ two (1 ms)
✖ three (1 ms)
failed: test/node/c.test.mjs
TEXT
is "$(failed_files "$base/node.log" | xargs)" 'test/node/a.test.mjs test/node/c.test.mjs' 'files of Node that have failed'
is "$(failed_checks "$base/node.log" test/node/c.test.mjs | xargs)" 'two (1 ms) three (1 ms)' 'and at what'

# Plays a stage: the files that fail again stand in $bad.
stage_execute()
{
    ran+=("$1 $RT_AGAIN")
    echo "again: $RT_AGAIN" >"$2"
    case " $bad " in *" $RT_AGAIN "*) return 1 ;; esac
}

# again <stage> <log>: what is run again, and the verdict.
again()
{
    ran=()
    stage_again "$1" "$2"
    echo "$?: ${ran[*]}"
}

bad=
ran=()
ok 'two files pass when they are run again' stage_again tap "$base/tap.log"
is "${ran[*]}" 'tap test/t/020_bad.pl tap test/t/050_cut.pl' 'one after the other'
is "${unsteady[*]}" 'test/t/020_bad.pl test/t/050_cut.pl' 'they are unsteady'
ok 'the first log is kept' grep -q 'Result: FAIL' "$base/tap.log"
ok 'and that of the second time' grep -q 'again: test/t/020_bad.pl' "$base/tap.again.020_bad.pl.log"
is "$(again node "$base/node.log")" '1: ' 'more of them are too many'
unsteady=(test/t/060_other.pl)
is "$(again node "$base/node.log")" '1: ' 'in all stages together'
unsteady=()
bad=test/node/c.test.mjs
ok 'one that fails again' not stage_again node "$base/node.log"
is "${unsteady[*]}" '' 'has failed'
is "$(again regress "$base/tap.log")" '1: ' 'stages without files are not run again'
: >"$base/empty.log"
is "$(again tap "$base/empty.log")" '1: ' 'nor one that says nothing of files'
done_testing
