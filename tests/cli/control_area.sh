# peload map --control-area and --locate: what stands behind the view of a real DLL.
. "$(dirname "$0")/lib.sh"
need "$zlib"

peload map --json --control-area --locate 0x1010 --locate 0 --dump "$work/dump" "$zlib"
same "exit status" 0 "$status"
same "keys" "['control_area', 'file', 'locations', 'regions', 'status', 'status_name', 'view']" \
    "$(json 'sorted(j)')"
same "attributes" "['SEC_IMAGE', 'SEC_FILE']" "$(json 'j["control_area"]["attributes"]')"
same "the file" "$(stat -c '%s %d %i' "$zlib")" \
    "$(json '"%d %d %d" % tuple(j["control_area"]["file"][k] for k in ("size", "device", "index"))')"
same "pages of the segment" True \
    "$(json 'sum(s["pages"] + s["unused_pages"] for s in j["control_area"]["subsections"]) * 4096
        == j["view"]["size"] == j["control_area"]["segment"]["size"]')"

# Sectors and pages of the subsections against the section table as pefile reads it.
cat >"$work/table.py" <<'PYTHON'
import pefile, sys
pe = pefile.PE(sys.argv[1], fast_load=True)
print([(s.Name.rstrip(b"\0").decode(), s.VirtualAddress, -(-s.Misc_VirtualSize // 4096),
        s.PointerToRawData // 512 if s.SizeOfRawData else 0) for s in pe.sections])
PYTHON
same "subsections" "$(/usr/bin/python3 "$work/table.py" "$zlib")" \
    "$(json '[(s["section"], s["rva"], s["pages"], s["first_sector"])
        for s in j["control_area"]["subsections"][1:]]')"

# The byte at the file offset that an address leads to is the byte of the view.
same "--locate: .text" "0x1010 .text 1" \
    "$(json '"0x%x %s %d" % tuple(j["locations"][0][k] for k in ("rva", "section", "subsection"))')"
offset=$(json 'j["locations"][0]["file_offset"]')
same "--locate: the file has the same there" "" \
    "$(cmp -n 16 -i "$offset:4112" "$zlib" "$work/dump" 2>&1)"
same "--locate: the page tables make the address" True \
    "$(json 'all((at["pml4"] << 39 | at["pdpt"] << 30 | at["pd"] << 21 | at["pt"] << 12) +
        at["page_offset"] == int(at["address"], 16) for at in j["locations"])')"

peload map --control-area --locate 0x1010 "$zlib"
has "text: control area" "SEC_IMAGE | SEC_FILE" "$out"
has "text: location" "in .text (subsection 1)" "$out"
peload map --base 0x30000000 --json --locate 0x30001010 "$zlib"
same "--locate: an address of the view" 4112 "$(json 'j["locations"][0]["rva"]')"

peload map --locate 0x7fffffff0000 "$zlib"
fails_clearly "--locate: outside" "not in the view"
peload map --locate here "$zlib"
same "--locate: not a number" 2 "$status"
finish
