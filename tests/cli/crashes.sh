# What the command says when an image crashes, with the place, and its exit status.
. "$(dirname "$0")/lib.sh"
guests=$PELOAD_BUILD/tests/fault/guest
need "$guests/unhandled.exe" "$guests/library.dll" "$guests/bad_start.dll"

# run WHAT STATUS TEXT: the program ends with an exception, whose code's low byte is the status.
run() {
    peload run "$guests/unhandled.exe" "$1"
    same "$1: exit status" "$2" "$status"
    has "$1: stderr" "peload: the image crashed: $3" "$err"
}
run write 5 "invalid memory access (exception 0xC0000005)"
run thread 5 "invalid memory access (exception 0xC0000005) in unhandled.exe+0x"
run host 5 "invalid memory access (exception 0xC0000005)"
run divide 148 "integer division by zero (exception 0xC0000094)"
run illegal 29 "invalid instruction (exception 0xC000001D)"
run trap 3 "breakpoint (exception 0x80000003)"
run fastfail 9 "it found itself damaged (fast fail) (exception 0xC0000409) in unhandled.exe+0x"
peload run --json "$guests/unhandled.exe" write
tail -n 1 "$work/out" >"$work/last" && mv "$work/last" "$work/out"
same "--json: exit code" 3221225477 "$(json 'j["exit_code"]')"

# A sanitizer's handlers say more, and other things.
peload call "$guests/library.dll" fault_read 0x10000
same "an exception that is handled" 0xc0000005 "$out"
peload call "$guests/library.dll" fault_read_unhandled 0x10000
case $err in
*AddressSanitizer*) ;;
*)
    fails_clearly "call" "peload: the image crashed: invalid memory access (SIGSEGV) in library.dll!fault_read+0x"
    peload call "$guests/library.dll" fault_in_thread 0x10000
    fails_clearly "thread" "peload: the image crashed: invalid memory access (SIGSEGV)"
    peload call "$guests/library.dll" fault_recurse 0
    fails_clearly "overflow" "peload: the image crashed: invalid memory access (SIGSEGV) in library.dll!fault_recurse+0x"
    ;;
esac
peload call "$guests/bad_start.dll" start
fails_clearly "DllMain" "it raised an exception (found 0xc0000005"

finish
