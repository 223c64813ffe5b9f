#!/bin/bash
# What ./run test counts in the output of its tools.
. "$(dirname "$0")/tap.sh"
. "$top/test/count.sh"

# counts <function> <"passed failed skipped"> <name>: of standard input
counts()
{
    cat >"$base/log"
    is "$("count_$1" "$base/log")" "$2" "$3"
}

counts regress '2 1 0' 'pg_regress of 15' <<'TEXT'
============== running regression test queries        ==============
test declare                      ... ok          413 ms
test install                      ... FAILED      105 ms
parallel group (1 tests): live_table
     live_table                   ... ok          212 ms
=======================
 1 of 3 tests failed.
TEXT
counts regress '2 1 0' 'pg_regress since 16' <<'TEXT'
# using postmaster on /tmp/x, default port
ok 1         - declare                                   413 ms
not ok 2     - install                                   105 ms
# parallel group (1 tests):  live_table
ok 3         + live_table                                212 ms
1..3
# 1 of 3 tests failed.
+ok 9 - of a difference
TEXT
counts isolation '1 0 0' 'isolation tests since 16' <<'TEXT'
ok 1         - publish_order                            1043 ms
1..1
# All 1 tests passed.
TEXT
counts pgtap '118 2 1' 'prove' <<'TEXT'
test/pgtap/a.sql .. ok
test/pgtap/c.sql .. skipped: no reason
test/pgtap/b.sql (Wstat: 0 Tests: 20 Failed: 2)
Files=2, Tests=120,  1 wallclock secs
TEXT
counts lint '1 1 1' 'TAP' <<'TEXT'
ok 1 - check_one
not ok 2 - check_two
ok 3 - check_three # SKIP: no tool
1..3
TEXT
counts valgrind '21 3 0' 'prove and TAP' <<'TEXT'
test/t/b.pl (Wstat: 0 Tests: 20 Failed: 2)
Files=2, Tests=22,  1 wallclock secs
not ok - valgrind has found something in process 17
ok - something else
TEXT
counts node '12 1 2' 'the reporter of Node' <<'TEXT'
i tests 15
i pass 12
i fail 1
i cancelled 0
i skipped 2
TEXT
done_testing
