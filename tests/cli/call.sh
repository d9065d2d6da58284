# peload call: arguments of every form arrive, results of every type are printed.
. "$(dirname "$0")/lib.sh"
need "$guests/fixed.dll" "$cli_guests/values.dll" "$cli_guests/needy.dll" "$guests/dependent.dll" "$zlib"
values=$cli_guests/values.dll

call() { # EXPECTED ARG...
    expected=$1
    shift
    peload call "$@"
    same "call $*: exit status ($err)" 0 "$status"
    same "call $*" "$expected" "$out"
}

call 0xcbf43926 "$zlib" crc32 0 str:123456789 9
call 0x28a "$values" twelve_ints 1 2 3 4 5 6 7 8 9 10 11 12
call -650 --ret i64 "$values" twelve_ints -1 -2 -3 -4 -5 -6 -7 -8 -9 -10 -11 -12
call 670 --ret f64 "$values" twelve_mixed 1 2.5f64 3 4.5f64 5.5f64 6 7.5f64 8 9 10.5f64 11 12.5f64
call -1 --ret int "$values" nothing
call 4294967295 --ret uint "$values" nothing
call "" --ret void "$values" nothing
call 1.25 --ret f64 "$values" half 2.5f64
call -0.25 --ret f64 "$values" half -0.5f64
call 5 --ret int "$values" text_length str:hello
call 0 --ret int "$values" text_length str:
call 7 --ret int "$values" wide_length "wstr:grüß 😀"
call 'a "text"' --ret str "$values" text
call "grüß 😀" --ret wstr "$values" wide_text
call NULL --ret str "$values" null
call 0x0 --ret ptr "$values" null
call 0x1ff "$values" sum_bytes hex:00FFff01 4
printf '\001\002\003' >"$work/bytes"
call 0x6 "$values" sum_bytes "file:$work/bytes" 3
call "0x0
argument 1 (buf:6): 010203040000
argument 2 (u32:4): 0x8" "$values" fill buf:6 u32:4
call "argument 1 (u64:0x100000000): 0x200000000" --ret void "$values" double_it u64:0x100000000

# By ordinal: the same function as by name.
peload inspect --json "$zlib"
ordinal=$(json '[e["ordinal"] for e in j["exports"]["items"] if e["name"] == "crc32"][0]')
call 0xcbf43926 "$zlib" "#$ordinal" 0 str:123456789 9

peload call --json "$values" fill buf:4 u32:3
same "call --json: result" "0x0" "$(json 'j["result"]')"
same "call --json: buffers" "01020300 0x6" \
    "$(json '" ".join(a["after"] for a in j["arguments"])')"
peload call --json --ret wstr "$values" wide_text
same "call --json: text" "grüß 😀" "$(json 'j["result"]')"
peload call --json --ret f64 "$values" half 1f64
same "call --json: double" "0.5" "$(json 'j["result"]')"

call 7 --ret int "$guests/fixed.dll" fixed_value

# Dependencies: beside the image, or in a folder that is named.
call 42 --ret int "$guests/dependent.dll" dependent_answer
mkdir "$work/alone" "$work/other"
cp "$guests/dependent.dll" "$work/alone"
cp "$guests/dependency.dll" "$work/other/DEPENDENCY.DLL"
peload call "$work/alone/dependent.dll" dependent_answer
same "a DLL is missing: exit status" 1 "$status"
has "a DLL is missing" "dependency.dll" "$err"
call 42 --ret int --search "$work/other" "$work/alone/dependent.dll" dependent_answer

# Missing imports: all of them, one line each.
peload call "$cli_guests/needy.dll" needs_nothing
same "missing imports: exit status" 1 "$status"
has "missing imports" "absent.dll" "$err"
peload call --json "$cli_guests/needy.dll" needs_nothing
has "missing imports in JSON" "absent.dll" "$(json '[m["dll"] for m in j["missing"]]')"
call 5 --ret int --missing stub "$cli_guests/needy.dll" needs_nothing
peload call --missing stub "$cli_guests/needy.dll" needs_both
fails_clearly "a stub is called" "absent.dll!absent_one"

# What the image does to itself is its failure, said in one line (sanitizers say more).
if ! grep -q '^PELOAD_SANITIZE:BOOL=ON' "$PELOAD_BUILD/CMakeCache.txt"; then
    peload call "$values" fill 0 u32:4
    fails_clearly "a crash" "invalid memory access"
fi
peload call "$values" end 0
fails_clearly "an exit" "ended the process"
# What it needs, from a system folder.
mkdir "$work/dll" "$work/system"
cp "$guests/dependent.dll" "$work/dll"
cp "$guests/dependency.dll" "$work/system/DEPENDENCY.DLL"
peload call "$work/dll/dependent.dll" dependent_answer --ret int
same "without the system folder: exit status" 1 "$status"
peload call --ret int --system-dir "$work/system" "$work/dll/dependent.dll" dependent_answer
same "--system-dir" 42 "$out"
peload call --ret int --policy none "$work/dll/dependent.dll" dependent_answer
same "--policy none: exit status" 2 "$status"
finish
