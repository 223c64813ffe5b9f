# browser.sh - the part "browser" of bench/run: a list of 10,000 rows in a page of
# Chromium that change a thousand times a second, and what that takes of the page.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

browser_rates=(1000 10000)

# measure_browser <system> <changes> <rate> <round>
measure_browser()
{
    local result

    result=$(as_user node "$RT_TOP/bench/browser.mjs" "$1" "$2" "$3" "$seconds" 2>"$RT_RUN/browser.err") || {
        problem "browser, $1, $2: $(head -n 1 "$RT_RUN/browser.err" | cut -c 1-300)"
        return 1
    }
    printf '    %5d/s %-8s %-10s %8.1f us each  %6.2f %% of frames not drawn  p99 %5.1f ms between frames\n' \
        "$3" "$2" "$1" "$(value us_each "$result")" "$(value percent "$result")" "$(value p99_ms "$result")"
    note browser "$3" "$2" "$1" "$4" "$(value us_each "$result")" "$(value percent "$result")" "$(value p99_ms "$result")"
}

part_browser()
{
    local round changes rate system

    for ((round = 1; round <= rounds; round++)); do
        say "browser, round $round of $rounds"
        for rate in "${browser_rates[@]}"; do
            for changes in updates all; do
                for system in realtime published scan; do
                    measure_browser $system $changes "$rate" $round
                done
            done
        done
    done
}
