# The sample that fuzzes a function of a DLL: it runs, and comes to know more and more functions.
. "$(dirname "$0")/lib.sh"
fuzz=$PELOAD_BUILD/samples/fuzz_dll
if [ ! -e "$fuzz" ]; then
    echo "SKIPPED: fuzz_dll is missing (needs clang)"
    exit 77
fi
need "$zlib"
mkdir "$work/corpus"
python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(b"some text " * 100))' \
    >"$work/corpus/packed"
printf 'x' >"$work/corpus/broken"
FUZZ_DLL=$zlib ASAN_OPTIONS=detect_leaks=0 "$fuzz" -runs=2000 -seed=1 "$work/corpus" >"$work/out" 2>&1
same "exit status ($(tail -n 1 "$work/out"))" 0 "$?"
has "what libFuzzer says at the end" "Done 2000 runs" "$(cat "$work/out")"
# ft: features, which are the functions of the DLL alone: the sample's own code has few.
features=$(sed -n 's/.*INITED.* ft: \([0-9]*\).*/\1/p' "$work/out")
[ "${features:-0}" -ge 8 ] || same "functions that the corpus reaches" "8 at least" "$features"
FUZZ_DLL=/absent.dll "$fuzz" -runs=1 >"$work/out" 2>&1
same "without its DLL: exit status" 2 "$?"
has "what is said then" "FUZZ_DLL: " "$(cat "$work/out")"
finish
