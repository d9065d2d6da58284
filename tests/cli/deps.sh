# peload deps: where each DLL comes from, what is missing, and that nothing is run.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$zlib32" "$guests/dependent.dll" "$cli_guests/chained.dll"

peload deps "$zlib"
same "zlib: exit status" 0 "$status"
has "zlib: the file" "zlib1.dll: $zlib, AMD64" "$out"
has "zlib: host module" "  KERNEL32.dll: kernel32.dll of peload" "$out"
same "zlib: lines" 3 "$(wc -l <"$work/out" | tr -d ' ')"

peload deps --json "$zlib"
same "json: modules" "['zlib1.dll', 'kernel32.dll', 'msvcrt.dll']" "$(json '[m["name"] for m in j["modules"]]')"
same "json: providers" "['file', 'host', 'host']" "$(json '[m["provider"] for m in j["modules"]]')"
same "json: needs" "[1, 2]" "$(json '[n["module"] for n in j["modules"][0]["needs"]]')"

peload deps --dot "$zlib"
has "dot" "n0 -> n1 [style=solid, tooltip=\"KERNEL32.dll\"]" "$out"
if command -v dot >/dev/null; then
    dot -Tsvg "$work/out" >"$work/svg" || same "dot: syntax" good bad
fi

# Beside the DLL, in the system folder, and nowhere.
mkdir "$work/a" "$work/system"
cp "$guests/dependent.dll" "$work/a"
peload deps "$work/a/dependent.dll"
same "missing: exit status" 1 "$status"
has "missing: in the tree" "  dependency.dll: NOT FOUND" "$out"
has "missing: who asks" "  dependency.dll, for dependent.dll" "$out"
peload deps --json "$work/a/dependent.dll"
same "missing: json" "[('dependency.dll', 'dependent.dll', 'import')]" \
    "$(json '[(m["dll"], m["importer"], m["kind"]) for m in j["missing"]]')"
cp "$guests/dependency.dll" "$work/system"
peload deps --system-dir "$work/system" "$work/a/dependent.dll"
same "system folder: exit status" 0 "$status"
has "system folder" "$work/system/dependency.dll (system)" "$out"
cp "$guests/dependency.dll" "$work/a/DEPENDENCY.Dll"
peload deps --system-dir "$work/system" "$work/a/dependent.dll"
has "beside it, in any case" "$work/a/DEPENDENCY.Dll (importer)" "$out"
peload deps --policy windows --system-dir "$work/system" "$work/a/dependent.dll"
has "policy" "$work/system/dependency.dll (system)" "$out"

# A DLL without what is asked of it, one that is none, one for another machine.
cp "$zlib" "$work/a/DEPENDENCY.Dll"
peload deps --functions "$work/a/dependent.dll"
same "functions: exit status" 1 "$status"
has "functions" "dependency.dll!" "$out"
peload deps "$work/a/dependent.dll"
has "functions: only counted" "functions are missing: --functions lists them" "$out"
echo "no image" >"$work/a/DEPENDENCY.Dll"
peload deps "$work/a/dependent.dll"
same "no image: exit status" 1 "$status"
has "no image" "  dependency.dll (refused), for dependent.dll" "$out"
cp "$zlib32" "$work/a/DEPENDENCY.Dll"
peload deps "$work/a/dependent.dll"
has "another machine" "rule A18" "$out"

# 32-bit images get nothing from peload itself.
peload deps "$zlib32"
same "32 bits: exit status" 1 "$status"
has "32 bits" "zlib1.dll: $zlib32, I386" "$out"
has "32 bits: no host modules" "KERNEL32.dll: NOT FOUND" "$out"

peload deps "$work/absent.dll"
fails_clearly "absent" "no such file"
echo text >"$work/text"
peload deps "$work/text"
fails_clearly "not an image" STATUS_INVALID_IMAGE_NOT_MZ
peload deps --json "$work/text"
same "not an image: json" STATUS_INVALID_IMAGE_NOT_MZ "$(json 'j["status_name"]')"
for wrong in "" "--policy none $zlib" "$zlib $zlib"; do
    peload deps $wrong
    same "$wrong: exit status" 2 "$status"
done


# Delay loads are marked, and do not keep the file from being loaded.
mkdir "$work/late"
python3 "$folder/add_delay.py" "$guests/dependency.dll" "$work/late/late.dll" far.dll far_function
peload deps "$work/late/late.dll"
same "delay: exit status" 0 "$status"
has "delay: marked" "  far.dll [delay]: NOT FOUND" "$out"
has "delay: who asks" "  far.dll, for late.dll [delay]" "$out"
cp "$work/a/dependent.dll" "$work/late/far.dll"
peload deps --functions "$work/late/late.dll"
has "delay: function" "  far.dll!far_function, for late.dll [delay]" "$out"
has "delay: what it needs itself" "    dependency.dll: NOT FOUND" "$out"
same "delay: exit status with what it needs" 0 "$status"
peload deps --json "$work/late/late.dll"
same "delay: json" True "$(json '[m["delayed"] for m in j["modules"] if m["name"] == "far.dll"][0]')"
peload deps --dot "$work/late/late.dll"
has "delay: dot" "style=dashed" "$out"
peload deps --no-delay "$work/late/late.dll"
same "--no-delay" "" "$(grep far "$work/out")"

# Forwarders: a chain as long as the loader follows, one that goes round, and one to nowhere that only
# a delay load follows, through a module that is needed anyway.
mkdir "$work/chain"
cp "$cli_guests/chain.dll" "$cli_guests/chained.dll" "$work/chain"
peload deps --functions "$work/chain/chained.dll"
same "chain: exit status" 0 "$status"
same "chain: functions missing" "" "$(grep 'chain.dll!' "$work/out")"
peload call --ret int "$work/chain/chained.dll" last_step
same "chain: as loaded" 40 "$out"
python3 "$folder/add_delay.py" "$work/chain/chained.dll" "$work/chain/round.dll" chain.dll round
peload deps --functions "$work/chain/round.dll"
has "chain: one that goes round" "  chain.dll!round, for round.dll [delay]" "$out"
python3 "$folder/add_delay.py" "$work/chain/chained.dll" "$work/chain/gone.dll" chain.dll gone
peload deps "$work/chain/gone.dll"
has "chain: to nowhere" "absent [forwarder absent.absent_one]: NOT FOUND" "$out"
same "chain: to nowhere when called: exit status" 0 "$status"

# System modules of Wine for three machines, beside a loader in Python.
wine=$corpus/deb/libwine/usr/lib/x86_64-linux-gnu/wine/x86_64-windows
wine32=$corpus/deb/libwine_i386/usr/lib/i386-linux-gnu/wine/i386-windows
wine_arm=$corpus/deb/libwine_arm64/usr/lib/aarch64-linux-gnu/wine/aarch64-windows
if [ -d "$wine" ]; then
    python3 "$folder/deps.py" "$PELOAD" "$wine" "$(dirname "$zlib")" || failures=$((failures + 1))
fi
if [ -d "$wine32" ]; then
    python3 "$folder/deps.py" "$PELOAD" "$wine32" "$(dirname "$zlib32")" || failures=$((failures + 1))
fi
if [ -d "$wine_arm" ]; then
    python3 "$folder/deps.py" "$PELOAD" "$wine_arm" "$wine_arm" || failures=$((failures + 1))
fi
finish
