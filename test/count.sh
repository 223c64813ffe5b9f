# test/count.sh - what the tools of the stages have printed, in numbers.
#
# To be sourced by run.
#
# shellcheck shell=bash

# count_<kind> <log>: prints "passed failed skipped".
count_build() { echo 1 0 0; }
count_lint() { count_tap "$1"; }
count_shell() { count_prove "$1"; }
count_unit() { count_prove "$1"; }
count_fuzz() { awk '/^# fuzz_/ {n++} END {print n + 0, 0, 0}' "$1"; }
count_regress() { count_pg_regress "$1"; }
count_isolation() { count_pg_regress "$1"; }
count_pgtap() { count_prove "$1"; }
count_tap_stage() { count_prove "$1"; }
count_node() { count_node_spec "$1"; }
count_browser() { count_node_spec "$1"; }
count_left() { count_tap "$1"; }
count_valgrind() { count_both "$1"; }

# What prove prints of several files, and a line of TAP.
count_both() { paste -d' ' <(count_prove "$1") <(count_tap "$1") | awk '{print $1 + $4, $2 + $5, $3 + $6}'; }

count_tap()
{
    awk '/^not ok/ && !/# TODO/ {failed++; next}
         /^(not )?ok/ {if (/# SKIP/) skipped++; else passed++}
         END {print passed + 0, failed + 0, skipped + 0}' "$1"
}

# Since 16 pg_regress prints TAP, with "+" for what runs in parallel.
count_pg_regress()
{
    awk '/\.\.\. ok +[0-9]+ ms/ || /^ok [0-9]+ +[-+] / {passed++}
         /\.\.\. FAILED/ || /^not ok [0-9]+ +[-+] / {failed++}
         END {print passed + 0, failed + 0, 0}' "$1"
}

count_prove()
{
    awk '/^Files=[0-9]+, Tests=[0-9]+/ {split($2, t, "[=,]"); tests = t[2]}
         /\(Wstat: .* Failed: [0-9]+\)/ {
             sub(/.* Failed: /, ""); failed += $0 + 0}
         / \.+ skipped: / {skipped++}
         END {print tests - failed, failed + 0, skipped + 0}' "$1"
}

# Lines like "i pass 12", where the first letter is a symbol.
count_node_spec()
{
    awk 'NF == 3 && $2 == "pass" {passed += $3}
         NF == 3 && ($2 == "fail" || $2 == "cancelled") {failed += $3}
         NF == 3 && $2 == "skipped" {skipped += $3}
         END {print passed + 0, failed + 0, skipped + 0}' "$1"
}
