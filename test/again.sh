# test/again.sh - which files of a stage have failed, at what, and whether they
# do so again.
#
# A file that fails is run once more, alone.  If it passes then the run goes on,
# and says at its end that the file is unsteady: on a machine that is shared with
# others, one check among thousands must not hide what all others have found.
# More than a few such files are no accident, and fail the run.
#
# To be sourced by run.
#
# shellcheck shell=bash

unsteady=()             # the files that have passed when run again
unsteady_max=2

# failed_files <log>: as prove lists them at its end, and run_node_tests.
failed_files()
{
    awk '/ \(Wstat: [0-9]/ {file = $1; if (/\(Wstat: [1-9]/ || /Failed: [1-9]/) print file}
         /^  Parse errors: / {print file}
         /^failed: / {print $2}' "$1" | sort -u
}

# failed_checks <log> <file>: the names of the tests that have failed.
failed_checks()
{
    awk -v file="$2" '
        /^# +Failed test/ {name = $0; sub(/^# +Failed test */, "", name); next}
        /^# +at / && $3 == file {print "line " $5 + 0 ": " name; next}
        /failing tests:$/ {listed = 1; count = 0; next}
        listed && /^[^ -~]+ / {names[++count] = substr($0, index($0, " ") + 1)}
        /^failed: / {if (listed && $2 == file) for (i = 1; i <= count; i++) print names[i]
                     listed = 0}' "$1"
}

# stage_again <stage> <log>: runs again what has failed in the stage, if it has
# files, and if these are not too many.  Whether all of them pass then.
stage_again()
{
    local stage=$1 log=$2 files file

    case $stage in tap | node | browser) ;; *) return 1 ;; esac
    mapfile -t files < <(failed_files "$log")
    [ ${#files[@]} -gt 0 ] || return 1
    [ $((${#unsteady[@]} + ${#files[@]})) -le $unsteady_max ] || return 1
    for file in "${files[@]}"; do
        RT_AGAIN=$file stage_execute "$stage" "${log%.log}.again.${file##*/}.log" || return 1
    done
    unsteady+=("${files[@]}")
}
