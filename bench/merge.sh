# merge.sh - the part "merge" of bench/run: what it takes the client to change a value by
# an event, for each way of merging.
#
# To be sourced by bench/run.
#
# shellcheck shell=bash

part_merge()
{
    local round result

    for ((round = 1; round <= rounds; round++)); do
        say "merge, round $round of $rounds"
        while read -r result; do
            printf '    %-9s %6d rows  %-9s %9.0f ns each, coming and going %9.0f, 16 in a frame %9.0f\n' \
                "$(value merge "$result")" "$(value size "$result")" "$(value system "$result")" \
                "$(value change_ns "$result")" "$(value pass_ns "$result")" "$(value frame_ns "$result")"
            note merge "$(value merge "$result")" "$(value size "$result")" "$(value system "$result")" "$round" \
                "$(value change_ns "$result")" "$(value pass_ns "$result")" "$(value frame_ns "$result")"
        done < <(as_user node "$RT_TOP/bench/merge.mjs" "$seconds" 2>"$RT_RUN/merge.err")
        [ ! -s "$RT_RUN/merge.err" ] || problem "merge: $(grep -m 1 Error "$RT_RUN/merge.err" | cut -c 1-300)"
    done
}
