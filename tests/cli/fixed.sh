# An image without relocations is refused while a view of it has its base, and fine after that.
. "$(dirname "$0")/lib.sh"
dll=$guests/fixed.dll
need "$dll"
peload call "$dll" fixed_value
same "alone" "0 0x7" "$status $out"
PELOAD=$PELOAD_BUILD/tests/cli/call_again
peload beside "$dll" "$dll" fixed_value
same "beside another view: exit status" 1 "$status"
same "beside another view: stdout" "" "$out"
has "the first view" "the first view is at its base" "$err"
has "why" "STATUS_CONFLICTING_ADDRESSES" "$err"
peload anywhere 1 1 "$dll" "$dll" fixed_value
same "at another base: exit status" 1 "$status"
has "why" "STATUS_CONFLICTING_ADDRESSES" "$err"
finish
