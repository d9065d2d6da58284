# What the tests of the command share. Set by ctest: PELOAD (the command), PELOAD_BUILD and
# PELOAD_SOURCE. A script ends with `finish`.
set -u

folder=$PELOAD_SOURCE/tests/cli
guests=$PELOAD_BUILD/samples/guest
cli_guests=$PELOAD_BUILD/tests/cli/guest
corpus=${PELOAD_CORPUS:-$PELOAD_SOURCE/build/corpus}
zlib=$corpus/deb/libz-mingw-w64/usr/x86_64-w64-mingw32/lib/zlib1.dll
zlib32=$corpus/deb/libz-mingw-w64/usr/i686-w64-mingw32/lib/zlib1.dll
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# need FILE...: the test is skipped, visibly, unless all files are there.
need() {
    for file; do
        if [ ! -e "$file" ]; then
            echo "SKIPPED: $file is missing (tests/run makes or fetches it, some with --corpus only)"
            exit 77
        fi
    done
}

# same WHAT EXPECTED FOUND
same() {
    [ "$2" = "$3" ] && return
    printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

# has WHAT PART FOUND: PART is somewhere in FOUND.
has() {
    case $3 in *"$2"*) return ;; esac
    printf 'FAILED: %s\n  expected: ...%s...\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

# peload ARG...: runs the command; what it did is in $out, $err and $status.
peload() {
    "$PELOAD" "$@" >"$work/out" 2>"$work/err"
    status=$?
    out=$(cat "$work/out")
    err=$(cat "$work/err")
}

# json EXPRESSION: a Python expression about the JSON in $work/out, which is `j`.
json() {
    python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); print(eval("(" + sys.argv[2] + ")"))' \
        "$work/out" "$1" 2>&1
}

# fails_clearly WHAT PART: exit status 1, nothing on stdout, and one line with PART on stderr.
fails_clearly() {
    same "$1: exit status" 1 "$status"
    same "$1: stdout" "" "$out"
    same "$1: lines on stderr" 1 "$(wc -l <"$work/err" | tr -d ' ')"
    has "$1: stderr" "$2" "$err"
}

finish() {
    [ "$failures" = 0 ] || exit 1
}
