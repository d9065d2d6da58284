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
    "$(json '{j[t]["status"] for t in ("sections", "imports", "exports")}')"
finish
