# peload call --gdb: GDB knows exports by name, and the frames of guest functions.
. "$(dirname "$0")/lib.sh"
need "$zlib"
if ! gdb -batch -ex 'break main' -ex run --args /bin/true >"$work/probe" 2>&1 ||
    grep -q -i 'ptrace\|not permitted' "$work/probe"; then
    echo "SKIPPED: there is no gdb, or it may not trace"
    exit 77
fi

# session COMMAND...: what GDB says of `peload call $options zlib1.dll compress ...`.
session() {
    for command; do
        set -- "$@" -ex "$command"
        shift
    done
    ASAN_OPTIONS=detect_leaks=0 timeout 300 gdb -batch -ex 'set breakpoint pending on' \
        -ex 'set pagination off' "$@" --args "$PELOAD" call $options "$zlib" \
        compress buf:1000 u32:1000 str:123456789 9 >"$work/gdb" 2>&1
    out=$(cat "$work/gdb")
}

options=--gdb
session "break 'zlib1!deflateEnd'" run 'bt 4' 'info symbol $pc' finish delete continue
frames=$(sed -n 's/^#\([0-3]\) .* in \(.*\) ().*/\1 \2/p' "$work/gdb" | tr '\n' ';')
has "frames inside the guest" "0 zlib1!deflateEnd;1 zlib1!compress2;2 zlib1!compress;3 cli_call_guest;" \
    "$frames"
has "the export of an address" "zlib1!deflateEnd in section .text" "$out"
has "finish goes back to the caller" "in zlib1!compress2 ()" "$out"
has "the program goes on" "exited" "$out"

# A function that is no export, by its place.
session "break 'zlib1!compress2'" run 'info symbol $pc' "info address zlib1!compress2"
has "an export" "zlib1!compress2 in section .text" "$out"

options=
session "break 'zlib1!deflateEnd'" run bt
has "without --gdb" "exited normally" "$out"
finish
