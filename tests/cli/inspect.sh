# peload inspect: the facts of a real DLL, as text and as JSON.
. "$(dirname "$0")/lib.sh"
need "$zlib"

peload inspect "$zlib"
same "inspect: exit status" 0 "$status"
for part in "PE32+ DLL for x64" "Windows 10 accepts it" "image_base" ".text" "KERNEL32.dll" \
    "VirtualProtect" "crc32"; do
    has "inspect" "$part" "$out"
done

peload inspect --json "$zlib"
same "inspect --json: exit status" 0 "$status"
same "status" "0x00000000 STATUS_SUCCESS" "$(json 'j["status"] + " " + j["status_name"]')"
same "format" "PE32+" "$(json 'j["format"]')"
same "machine" "0x8664" "$(json 'j["file_header"]["machine"]')"
same "sections" "$(json 'j["file_header"]["section_count"]')" "$(json 'j["sections"]["count"]')"
same "section names" "True" "$(json '".text" in [s["name"] for s in j["sections"]["items"]]')"
same "imports are counted in functions" "True" \
    "$(json 'j["imports"]["count"] == sum(len(d["functions"]) for d in j["imports"]["items"])')"
same "imported DLLs" "['KERNEL32.dll', 'msvcrt.dll']" \
    "$(json '[d["dll"] for d in j["imports"]["items"]]')"
same "exports" "True" "$(json '"crc32" in [e["name"] for e in j["exports"]["items"]]')"
same "tables are whole" "{'success'}" \
    "$(json '{j[t]["status"] for t in ("sections", "imports", "exports",
        "resources", "relocations", "tls")}')"
same "resources, relocations, callbacks" "(1, 64, 2)" \
    "$(json 'j["resources"]["count"], j["relocations"]["count"], j["tls"]["count"]')"

same "checksum" "True" "$(json 'j["file_facts"]["checksum"]["is_valid"]')"
same "nothing is odd" "0" "$(json 'j["findings"]["count"]')"
same "exceptions are counted in functions of 12 bytes" "True" \
    "$(json '[j["exceptions"]["count"]] == [d["size"] // 12 for d in j["directories"]["items"]
        if d["name"] == "exception"]')"
same "version information" "1.2.13" "$(json '[s["value"]
    for t in j["decoded_resources"]["version"]["items"][0]["tables"]
    for s in t["strings"] if s["name"] == "FileVersion"][0]')"
same "flags have names" "True" "$(json '"DLL" in j["file_header"]["characteristics_names"]')"

case $(json 'j["hashes"]["imphash"]') in
# As pefile computes it; None without libcrypto.
7054bc5ac8a978bbae7b34d81f3160a3 | None) ;;
*) same "imphash" "pefile's" "$(json 'j["hashes"]["imphash"]')" ;;
esac

peload inspect --json --only tls,sections "$zlib"
same "--only: members" "['sections', 'tls']" \
    "$(json '[m for m in j if isinstance(j[m], dict)]')"
peload inspect --only imports,frob "$zlib"
same "--only: exit status" 2 "$status"
has "--only: stderr" "no such part: frob" "$err"

head -c 20000 "$zlib" >"$work/cut.dll"
peload inspect --json --only findings "$work/cut.dll"
has "a file that is cut off" "RAW_DATA_OUTSIDE_FILE" "$(json '[f["name"] for f in j["findings"]["items"]]')"

if command -v script >/dev/null; then
    escape=$(printf '\033')
    on_terminal() { script -qec "$1 '$PELOAD' inspect --only sections '$zlib'" /dev/null; }
    has "colours on a terminal" "$escape" "$(on_terminal 'env -u NO_COLOR')"
    same "no colours with NO_COLOR" "" "$(on_terminal 'env NO_COLOR=1' | grep "$escape")"
fi
finish
