# peload map: the view of a real DLL, as text, as JSON and as bytes.
. "$(dirname "$0")/lib.sh"
need "$zlib" "$guests/fixed.dll"

peload map "$zlib"
same "map: exit status" 0 "$status"
has "map" "PAGE_EXECUTE_READ" "$out"
has "map" ".text" "$out"

peload map --json --dump "$work/dump" "$zlib"
same "map --json: exit status" 0 "$status"
same "keys" "['file', 'regions', 'status', 'status_name', 'view']" "$(json 'sorted(j)')"
same "keys of the view" "['base', 'preferred_base', 'relocated', 'size']" "$(json 'sorted(j["view"])')"
same "keys of a region" \
    "['allocation_protect', 'backing', 'protect', 'rva', 'section', 'size', 'state', 'type']" \
    "$(json 'sorted(j["regions"][0])')"
same "relocated, and said so, unless at the preferred base" "True" \
    "$(json '(j["view"]["base"] != j["view"]["preferred_base"]) == j["view"]["relocated"] ==
        (j["status_name"] == "STATUS_IMAGE_NOT_AT_BASE")')"
same "the headers come first" "0 PAGE_READONLY None" \
    "$(json '"%d %s %s" % tuple(j["regions"][0][k] for k in ("rva", "protect", "section"))')"
same "regions follow one another and fill the view" "True" \
    "$(json '[r["rva"] + r["size"] for r in j["regions"]] ==
        [r["rva"] for r in j["regions"][1:]] + [j["view"]["size"]]')"
same "the bytes of the view" "$(json 'j["view"]["size"]')" "$(wc -c <"$work/dump" | tr -d ' ')"
same "the first page" "" "$(cmp -n 512 "$zlib" "$work/dump" 2>&1)"

peload map --json --base 0x30000000 --dump "$work/moved" "$zlib"
same "--base" "0x30000000 True STATUS_IMAGE_NOT_AT_BASE" \
    "$(json '"%s %s %s" % (j["view"]["base"], j["view"]["relocated"], j["status_name"])')"
same "--base: relocated pages are private" "True" \
    "$(json '"private" in [r["backing"] for r in j["regions"]]')"

peload map --json --base 0x30000000 --no-relocate --dump "$work/raw" "$zlib"
same "--no-relocate" "False" "$(json 'j["view"]["relocated"]')"
same "--no-relocate: no private pages" "False" \
    "$(json '"private" in [r["backing"] for r in j["regions"]]')"
same "--no-relocate: other bytes than relocated ones" 1 \
    "$(cmp -s "$work/raw" "$work/moved"; echo $?)"

peload map --base 0x30001000 "$zlib"
fails_clearly "a base that is not on 64 KiB" "STATUS_MAPPED_ALIGNMENT"
peload map --json --base 0x30001000 "$zlib"
same "a base that is not on 64 KiB, in JSON" "0xc0000220" "$(json 'j["status"]')"

for profile in winxp win7 win10; do
    peload map --profile "$profile" "$zlib"
    same "--profile $profile: exit status" 0 "$status"
done

peload map --json --no-execute --snapshot "$zlib"
same "--no-execute: exit status" 0 "$status"
same "--no-execute: what may be executed" "[]" \
    "$(json '[r for r in j["regions"] if "EXECUTE" in r["protect"] + r["allocation_protect"]]')"
same "--snapshot: what comes from the file" "False" \
    "$(json '"file" in [r["backing"] for r in j["regions"]]')"

# The preferred base of zlib1.dll is not what any policy chooses. Three runs have three keys.
bases=
for run in 1 2 3; do
    peload map --json --aslr force "$zlib"
    same "--aslr: exit status" 0 "$status"
    bases="$bases $(json 'j["view"]["base"]')"
done
same "--aslr: each process has bases of its own" True \
    "$(python3 -c 'import sys; print(len(set(sys.argv[1:])) > 1)' $bases)"
same "--aslr: a base that Windows chooses is no surprise" "STATUS_SUCCESS True" \
    "$(json 'j["status_name"] + " " + str(j["view"]["relocated"])')"
same "--aslr: relocated pages are shared" "True False" \
    "$(json '"%s %s" % tuple(b in [r["backing"] for r in j["regions"]]
        for b in ("relocated", "private"))')"
for option in --platform=mips --aslr=some; do
    peload map "$option" "$zlib"
    same "$option: exit status" 2 "$status"
done

fixed=$guests/fixed.dll # linked to 0x18000000, without relocations
peload map --json "$fixed"
same "a /FIXED image at its base" "0x18000000 STATUS_SUCCESS" \
    "$(json 'j["view"]["base"] + " " + j["status_name"]')"
peload map --base 0x30000000 "$fixed"
fails_clearly "a /FIXED image elsewhere" "STATUS_CONFLICTING_ADDRESSES"

head -c 700 "$zlib" >"$work/cut.dll"
peload map --json "$work/cut.dll"
same "refused: keys" \
    "['allowed', 'detail', 'error', 'file', 'offset', 'rule', 'status', 'status_name', 'value']" \
    "$(json 'sorted(j)')"
finish
