"""peload inspect --json against pefile, field by field, over the x64 modules of Wine and a sample of
all other images below a folder. Exit status 77 without pefile or images.

    differential.py PELOAD FOLDER

Disagreements that are explained are not reported:

    imports       pefile gives ordinals of three DLLs a name
    exports       pefile lists empty slots as exports of address 0, stops at 8,192 of them, and
                  leaves out names of more than 512 bytes; such images are not in the sample
    relocations   pefile leaves a block at the first entry that is there twice
    debug         pefile does not find the directory of xen's images, whose FileAlignment is 0x20
    imphash       pefile says "" where there are no imports, we say null
"""
import json
import os
import subprocess
import sys

try:
    import pefile
except ImportError:
    print("SKIPPED: python3-pefile is missing (tests/run installs it)")
    sys.exit(77)

SAMPLE = 40  # images of libwine, and as many of the others
LARGEST = 2 << 20  # pefile needs minutes for more


def candidates(folder):
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            with open(path, "rb") as source:
                if source.read(2) == b"MZ" and os.path.getsize(path) <= LARGEST:
                    yield path


def images(folder):
    found = list(candidates(folder))
    for from_wine in True, False:
        kind = [path for path in found if ("/libwine/" in path) == from_wine]
        yield from kind[::max(1, len(kind) // SAMPLE)]


def text(data):
    """Bytes as the JSON shows them."""
    return None if data is None else data.decode("utf-8", "replace")


def sections(pe, found):
    ours = [(s["name"], s["range"]["offset"], s["rva"], s["virtual_size"], s["raw"], s["raw_size"],
             int(s["characteristics"], 16)) for s in found["sections"]["items"]]
    theirs = [(text(s.Name.split(b"\0")[0]), s.get_file_offset(), s.VirtualAddress,
               s.Misc_VirtualSize, s.PointerToRawData, s.SizeOfRawData, s.Characteristics)
              for s in pe.sections]
    return ours, theirs


def imports(pe, found):
    base = pe.OPTIONAL_HEADER.ImageBase
    ours = [(d["dll"], f["slot"], f.get("name"), f.get("hint"), f.get("ordinal"))
            for d in found["imports"]["items"] for f in d["functions"]]
    theirs = [(text(d.dll), f.address - base, None if f.import_by_ordinal else text(f.name),
               None if f.import_by_ordinal else f.hint,
               f.ordinal if f.import_by_ordinal else None)
              for d in getattr(pe, "DIRECTORY_ENTRY_IMPORT", []) for f in d.imports]
    return ours, theirs


def bound_imports(pe, found):
    ours = [(b["dll"], int(b["time_date_stamp"], 16)) for b in found["bound_imports"]["items"]]
    theirs = [(text(e.name), e.struct.TimeDateStamp)
              for dll in getattr(pe, "DIRECTORY_ENTRY_BOUND_IMPORT", [])
              for e in [dll] + dll.entries]
    return ours, theirs


def exports(pe, found):
    ours = sorted((e["ordinal"], e["rva"], e.get("name"), e.get("forwarder"))
                  for e in found["exports"]["items"])
    theirs = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    theirs = sorted((e.ordinal, e.address, text(e.name), text(e.forwarder))
                    for e in theirs.symbols if e.address != 0) if theirs else []
    return list(map(repr, ours)), list(map(repr, theirs))


def until_repeated(entries):
    for index, entry in enumerate(entries):
        if entry in entries[:index]:
            return entries[:index]
    return entries


def relocations(pe, found):
    ours = [pair for b in found["relocations"]["items"]
            for pair in until_repeated([(e["rva"], e["type"]) for e in b["entries"]])]
    theirs = [(e.rva, e.type) for b in getattr(pe, "DIRECTORY_ENTRY_BASERELOC", [])
              for e in b.entries]
    return ours, theirs


def tls(pe, found):
    ours = found["tls"]["directory"]
    ours = ours and [int(ours[k], 16) for k in ("data_start", "data_end", "index", "callbacks",
                                                "characteristics")] + [ours["zero_fill"]]
    theirs = getattr(pe, "DIRECTORY_ENTRY_TLS", None)
    theirs = theirs and [theirs.struct.StartAddressOfRawData, theirs.struct.EndAddressOfRawData,
                         theirs.struct.AddressOfIndex, theirs.struct.AddressOfCallBacks,
                         theirs.struct.Characteristics, theirs.struct.SizeOfZeroFill]
    return ours, theirs


def leaves(directory, path=()):
    for entry in directory.entries:
        way = path + (str(entry.name) if entry.name is not None else entry.id,)
        if hasattr(entry, "directory"):
            yield from leaves(entry.directory, way)
        else:
            leaf = entry.data.struct
            yield way, leaf.OffsetToData, leaf.Size, leaf.CodePage


def resources(pe, found):
    ours = [(tuple(r["path"]), r["rva"], r["size"], r["code_page"])
            for r in found["resources"]["items"]]
    theirs = getattr(pe, "DIRECTORY_ENTRY_RESOURCE", None)
    return ours, list(leaves(theirs)) if theirs else []


def debug(pe, found):
    ours = [(e["type"], e["size"], e["rva"], e["raw"], int(e["time_date_stamp"], 16),
             e.get("codeview", {}).get("path"), e.get("codeview", {}).get("age"))
            for e in found["debug"]["items"]]
    theirs = []
    for entry in getattr(pe, "DIRECTORY_ENTRY_DEBUG", []):
        head = entry.struct
        name = getattr(entry.entry, "PdbFileName", None)
        theirs.append((head.Type, head.SizeOfData, head.AddressOfRawData, head.PointerToRawData,
                       head.TimeDateStamp, name and text(name.rstrip(b"\0")),
                       None if name is None else entry.entry.Age))
    return ours, theirs


def rich(pe, found):
    items = found["rich"]["items"]
    ours = [fact for e in items for fact in (int(e["product"], 16) << 16 | e["build"], e["count"])]
    header = getattr(pe, "RICH_HEADER", None)
    theirs = list(header.values) if header else []
    return ours + [found["hashes"]["richhash"]], theirs + [pe.get_rich_header_hash() or None]


def file_facts(pe, found):
    facts = found["file_facts"]
    overlay = facts.get("overlay", {"range": {"offset": None}})["range"]["offset"]
    return ((int(facts["checksum"]["computed"], 16), overlay),
            (pe.generate_checksum(), pe.get_overlay_data_start_offset()))


def entropy(pe, found):
    ours = [s["entropy"] for s in found["sections"]["items"]]
    theirs = [s.get_entropy() for s in pe.sections]
    return ([round(bits, 2) for bits in ours],
            [round(bits if abs(bits - us) > 0.0005 else us, 2) for us, bits in zip(ours, theirs)])


def delay_imports(pe, found):
    ours = [(d["dll"], [(f["slot"], f.get("name"), f.get("ordinal")) for f in d["functions"]])
            for d in found["delay_imports"]["items"]]
    base = pe.OPTIONAL_HEADER.ImageBase
    theirs = [(text(d.dll), [(f.address - base, text(f.name) if not f.import_by_ordinal else None,
                              f.ordinal if f.import_by_ordinal else None) for f in d.imports])
              for d in getattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT", [])]
    return ours, theirs


def strings_of_versions(pe, found):
    ours = [(s["name"], s["value"]) for leaf in found["decoded_resources"]["version"]["items"]
            for table in leaf.get("tables", []) for s in table["strings"]]
    theirs = [(text(name), text(value)) for info in getattr(pe, "FileInfo", []) for part in info
              if hasattr(part, "StringTable") for table in part.StringTable
              for name, value in table.entries.items()]
    return sorted(set(ours)), sorted(set(theirs))


def imphash(pe, found):
    ours = found["hashes"]["imphash"]
    return ours, pe.get_imphash() or None


CHECKS = (sections, imports, bound_imports, exports, relocations, tls, resources, debug, imphash,
          rich, file_facts, entropy, delay_imports, strings_of_versions)


def inspect(peload, path):
    result = subprocess.run([peload, "inspect", "--json", path], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=False)
    return json.loads(result.stdout)


def compare(path, found):
    pe = pefile.PE(path)
    different = 0
    for check in CHECKS:
        ours, theirs = check(pe, found)
        if ours == theirs:
            continue
        different += 1
        print(f"{path}: {check.__name__}: ", end="")
        if isinstance(ours, list) and isinstance(theirs, list):
            print(len(ours), len(theirs), end=" ")
            ours, theirs = next(((a, b) for a, b in zip(ours, theirs) if a != b), ("", ""))
        print(f"{ours!r} but pefile {theirs!r}")
    return different


def main(peload, folder):
    count = different = 0
    for path in images(folder):
        count += 1
        different += compare(path, inspect(peload, path))
    print(f"{count} images, {different} tables that differ")
    if not count:
        print("SKIPPED: no images")
        return 77
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
