"""peload inspect --json against llvm-readobj, field by field, over the x64 modules of Wine and a sample
of all other images below a folder. Exit status 77 without llvm-readobj or images.

    readobj.py PELOAD FOLDER [EVERY]

EVERY is 1 for all images, n for each n-th one; 0, the default, takes about 40 of each kind. Parts at
which llvm-readobj crashes are counted and left out. Disagreements that are explained:

    exports       llvm-readobj tells one name for a slot that has several, and empty slots too
    imports       llvm-readobj goes on to DLLs whose first thunk is 0, which no Windows loads (rule E4)
    load_config   llvm-readobj knows no field behind GuardEHContinuationCount
    unwind        llvm-readobj 14 stops at END_C, behind which MSVC has the frame of the whole function
    guard tables  llvm-readobj 14 shows no SafeSEH handlers beyond those the table counts in words
"""
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

READOBJ = shutil.which("llvm-readobj") or shutil.which("llvm-readobj-14")
SAMPLE = 40  # images of libwine, and as many of the others
LARGEST = 8 << 20
NUMBER = re.compile(r"0x[0-9A-Fa-f]+|\d+")


def number(text):
    """The number of a field: of "2020-01-01 00:00:00 (0x1)" and "POGO (0xD)" the one in brackets."""
    found = re.search(r"\((0x[0-9A-Fa-f]+)\)\s*$", text)
    return int(found.group(1) if found else NUMBER.search(text).group(0), 0)


def fields(lines):
    """The "Name: value" lines of a block as a dictionary; of repeated names the first."""
    found = {}
    for line in lines:
        name, colon, value = line.strip().partition(": ")
        if colon:
            found.setdefault(name, value)
        elif line.rstrip().endswith(":"):
            found.setdefault(line.strip()[:-1], "")
    return found


def blocks(text, name):
    """The lines between "NAME {" and its bracket, for each block of that name, nested ones included."""
    inside, indent = None, ""
    for line in text.splitlines():
        if inside is None and re.fullmatch(rf"\s*{name} [{{\[](?: \(.*)?", line):
            inside, indent = [], line[:len(line) - len(line.lstrip())]
        elif inside is not None and line.rstrip() in (indent + "}", indent + "]"):
            yield inside
            inside = None
        elif inside is not None:
            inside.append(line)


def sections(text, found):
    theirs = []
    for block in blocks(text, "Section"):
        of = fields(block)
        theirs.append([of["Name"].rpartition(" (")[0]] +
                      [number(of[key]) for key in ("VirtualAddress", "VirtualSize", "PointerToRawData",
                                                   "RawDataSize")])
    ours = [[s["full_name"], s["rva"], s["virtual_size"], s["raw"], s["raw_size"]]
            for s in found["sections"]["items"]]
    return ours, theirs


def symbols(block):
    for line in block:
        found = re.fullmatch(r"\s*Symbol: (.*) \((\d+)\)", line)
        if found:
            yield found.group(1), int(found.group(2))


def functions(dll):
    return [(f.get("name", ""), f.get("hint", f.get("ordinal"))) for f in dll["functions"]]


def imports(text, found):
    theirs = []
    for block in blocks(text, "Import"):
        of = fields(block)
        if "Name" in of:
            theirs.append((of["Name"], number(of["ImportLookupTableRVA"]),
                           number(of["ImportAddressTableRVA"]), list(symbols(block))))
    ours = [(d["dll"], d["original_first_thunk"], d["address_table"], functions(d))
            for d in found["imports"]["items"]]
    return ours, [dll for dll in theirs if dll[3]]


def delay_imports(text, found):
    theirs = []
    for block in blocks(text, "DelayImport"):
        of = fields(block)
        theirs.append((of["Name"], number(of["Attributes"]), number(of["ModuleHandle"]),
                       number(of["ImportAddressTable"]), number(of["ImportNameTable"]),
                       list(symbols(block))))
    ours = [(d["dll"], int(d["attributes"], 16), d["module_handle"], d["address_table"],
             d["name_table"], functions(d)) for d in found["delay_imports"]["items"]]
    return ours, theirs


def exports(text, found):
    theirs = {}
    for block in blocks(text, "Export"):
        of = fields(block)
        theirs[int(of["Ordinal"])] = (of.get("Name", ""), number(of["RVA"]))
    names = {}
    for slot in found["exports"]["items"]:
        names.setdefault((slot["ordinal"], slot["rva"]), []).append(slot.get("name", ""))
    ours = {ordinal: (theirs[ordinal][0] if theirs.get(ordinal, ("",))[0] in told else told[0], rva)
            for (ordinal, rva), told in names.items()}
    return ([slot for slot in sorted(ours.items()) if slot[1][1]],
            [slot for slot in sorted(theirs.items()) if slot[1][1]])


def relocations(text, found):
    theirs = [(fields(block)["Type"], number(fields(block)["Address"])) for block in blocks(text, "Entry")]
    ours = [(entry["type_name"], 0 if entry["type_name"] == "ABSOLUTE" else entry["rva"])
            for block in found["relocations"]["items"] for entry in block["entries"]]
    return ours, [(kind, 0 if kind == "ABSOLUTE" else rva) for kind, rva in theirs]


def tls(text, found):
    names = {"StartAddressOfRawData": "data_start", "EndAddressOfRawData": "data_end",
             "AddressOfIndex": "index", "AddressOfCallBacks": "callbacks",
             "SizeOfZeroFill": "zero_fill"}
    block = next(blocks(text, "TLSDirectory"), [])
    theirs = [number(fields(block)[name]) for name in names] if block else None
    directory = found["tls"]["directory"]
    ours = directory and [int(str(directory[name]), 0) for name in names.values()]
    return ours, theirs


def debug(text, found):
    names = {"Characteristics": "characteristics", "TimeDateStamp": "time_date_stamp",
             "MajorVersion": "major", "MinorVersion": "minor", "Type": "type", "SizeOfData": "size",
             "AddressOfRawData": "rva", "PointerToRawData": "raw"}
    theirs = [[number(fields(block)[name]) for name in names] for block in blocks(text, "DebugEntry")]
    ours = [[int(str(entry[name]), 0) for name in names.values()] for entry in found["debug"]["items"]]
    return ours, theirs


LOAD_CONFIG_NAMES = {
    "GuardCFCheckDispatch": "GUARD_CF_DISPATCH_FUNCTION",
    "GuardAddressTakenIatEntryTable": "GUARD_ADDRESS_TAKEN_IAT_TABLE",
    "GuardAddressTakenIatEntryCount": "GUARD_ADDRESS_TAKEN_IAT_COUNT",
    "GuardLongJumpTargetTable": "GUARD_LONG_JUMP_TABLE",
    "GuardLongJumpTargetCount": "GUARD_LONG_JUMP_COUNT",
    "CHPEMetadataPointer": "CHPE_METADATA",
    "GuardRFFailureRoutineFunctionPointer": "GUARD_RF_FAILURE_FUNCTION",
    "GuardRFVerifyStackPointerFunctionPointer": "GUARD_RF_VERIFY_STACK_POINTER_FUNCTION",
    "EnclaveConfigurationPointer": "ENCLAVE_CONFIGURATION",
    "VolatileMetadataPointer": "VOLATILE_METADATA",
}


def load_config(text, found):
    squash = lambda name: name.replace("_", "").lower()
    ours_by_name = {squash(f["name"]): int(f["value"], 16) for f in found["load_config"]["items"]}
    ours, theirs = [], []
    for block in blocks(text, "LoadConfig"):
        for name, value in fields(block).items():
            theirs.append((name, number(value)))
            ours.append((name, ours_by_name.get(squash(LOAD_CONFIG_NAMES.get(name, name)))))
    return ours, theirs


def guard_tables(text, found):
    names = {"GuardFidTable": "cf_functions", "GuardIatTable": "address_taken_iat",
             "GuardLJmpTable": "long_jumps", "GuardEHContTable": "eh_continuations"}
    base = int(found["optional_header"]["image_base"], 16)
    theirs = [(name, [number(line) for line in block])
              for name in names for block in blocks(text, name)]
    ours = [(name, [base + entry["target"] for entry in found["load_config"][ours_name]["items"]])
            for name, ours_name in names.items() if ours_name in found["load_config"]]
    return ours, [table for table in theirs if table[1]]


X64_CODE = re.compile(r"\s*0x([0-9A-F]{2}): (\w+)(.*)")


def x64_code(line):
    """"0x0A: SAVE_NONVOL reg=RBX, offset=0x38" as (10, "SAVE_NONVOL", "RBX", 56)."""
    at, name, rest = X64_CODE.fullmatch(line).groups()
    register = re.search(r"reg=(\w+)", rest)
    value = re.search(r"(?:size|offset)=(\w+)", rest)
    return (int(at, 16), name, register.group(1) if register and name != "SET_FPREG" else None,
            int(value.group(1), 0) if value else 0)


def address(text):
    return int(re.search(r"\((0x[0-9A-F]+)\)", text).group(1), 16)


def unwind_x64(text, found):
    base = int(found["optional_header"]["image_base"], 16)
    theirs = []
    for block in blocks(text, "RuntimeFunction"):
        of = fields(block)
        if "Version" not in of:
            continue
        codes = [x64_code(line) for line in block if X64_CODE.fullmatch(line)]
        theirs.append((address(of["StartAddress"]) - base, address(of["EndAddress"]) - base,
                       address(of["UnwindInfoAddress"]) - base, number(of["Version"]),
                       number(of["PrologSize"]), number(of["UnwindCodeCount"]), codes))
    ours = []
    for function in found["exceptions"]["items"]:
        info = function.get("unwind_info")
        if info is None or "version" not in info:
            continue
        codes = [(int(c["prolog_offset"], 16), c["operation_name"], c.get("register"),
                  int(c["value"], 16)) for c in info["codes"]]
        ours.append((function["begin"], function["end"], function["unwind"], info["version"],
                     info["prolog_size"], info["slot_count"], codes))
    return ours, theirs


END_C = 0xE5


def until_end_c(codes, scale):
    """llvm-readobj 14 stops at END_C of ARM64; the codes behind it are of the whole function."""
    if scale == 4 and END_C in codes:
        return codes[:codes.index(END_C) + 1]
    return codes


def arm_codes(lines):
    """The bytes of each code, which llvm-readobj shows before the instruction."""
    return [int(re.match(r"\s*0x([0-9a-f]+)", line).group(1), 16)
            for line in lines if re.match(r"\s*0x[0-9a-f]+\s+;", line)]


def arm_value(line):
    """The number in the instruction, without its sign; registers come before it."""
    numbers = re.findall(r"#-?(\d+)", line)
    return int(numbers[0]) if numbers else 0


def arm_lines(block, start):
    lines = itertools.dropwhile(lambda line: line.strip() != start, block)
    return list(itertools.takewhile(lambda line: line.strip() != "]", itertools.islice(lines, 1, None)))


def arm_function(block):
    of = fields(block)
    prolog = arm_lines(block, "Prologue [")
    if "ExceptionRecord" not in of or not prolog:
        return None
    starts = [number(line) for line in block if "StartOffset:" in line]
    epilogs = [arm_codes(lines) for lines in blocks("\n".join(block), "Opcodes")]
    values = [arm_value(line) for line in prolog if re.match(r"\s*0x", line)]
    return (number(of["FunctionLength"]), arm_codes(prolog), values, starts, epilogs[:len(starts)])


def our_arm_function(function, scale):
    bits = lambda codes: until_end_c([int(code["bits"], 16) for code in codes], scale)
    record = function["xdata"]
    values = [int(code["value"], 16) for code in record["prolog"]][:len(bits(record["prolog"]))]
    return (record["length"], bits(record["prolog"]), values,
            [int(e["start"], 16) // scale for e in record["epilogs"]],
            [bits(e["codes"]) for e in record["epilogs"]])


def unwind_arm(text, found):
    scale = 4 if found["machine"] == "ARM64" else 2
    theirs = [arm_function(block) for block in blocks(text, "RuntimeFunction")]
    ours = [our_arm_function(function, scale) for function in found["exceptions"]["items"]
            if "prolog" in function.get("xdata", {})]
    return ours, [function for function in theirs if function]


def unwind(text, found):
    if found["machine"] == "AMD64":
        return unwind_x64(text, found)
    return unwind_arm(text, found) if found["machine"] in ("ARM64", "ARMNT") else ([], [])


CHECKS = ((sections, "--sections"), (imports, "--coff-imports"), (delay_imports, "--coff-imports"),
          (exports, "--coff-exports"), (relocations, "--coff-basereloc"), (tls, "--coff-tls-directory"),
          (debug, "--coff-debug-directory"), (load_config, "--coff-load-config"),
          (guard_tables, "--coff-load-config"), (unwind, "--unwind"))


def candidates(folder):
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            with open(path, "rb") as source:
                if source.read(2) == b"MZ" and os.path.getsize(path) <= LARGEST:
                    yield path


def images(folder, every):
    found = list(candidates(folder))
    for from_wine in True, False:
        kind = [path for path in found if ("/libwine/" in path) == from_wine]
        yield from kind[::every or max(1, len(kind) // SAMPLE)]


def inspect(peload, path):
    result = subprocess.run([peload, "inspect", "--json", path], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, check=False)
    return json.loads(result.stdout)


def readobj(option, path):
    """What it prints, or None if it fails."""
    result = subprocess.run([READOBJ, option, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            check=False)
    return result.stdout.decode("utf-8", "replace") if result.returncode == 0 else None


def difference(ours, theirs):
    if isinstance(ours, list) and isinstance(theirs, list):
        first = next(((a, b) for a, b in zip(ours, theirs) if a != b), ("", ""))
        return f"{len(ours)} {len(theirs)} {first[0]!r} but llvm-readobj {first[1]!r}"
    return f"{ours!r} but llvm-readobj {theirs!r}"


def compare(peload, path):
    """Lines that tell differences, and the parts that could not be compared."""
    found = inspect(peload, path)
    texts, told, crashed = {}, [], []
    if "sections" not in found:
        return told, crashed
    for check, option in CHECKS:
        if option not in texts:
            texts[option] = readobj(option, path)
        if texts[option] is None:
            crashed.append(check.__name__)
            continue
        ours, theirs = check(texts[option], found)
        if ours != theirs:
            told.append(f"{path}: {check.__name__}: {difference(ours, theirs)}")
    return told, crashed


def main(peload, folder, every="0"):
    if READOBJ is None:
        print("SKIPPED: llvm-readobj is missing (tests/run installs it)")
        return 77
    paths = list(images(folder, int(every)))
    different, crashes = 0, {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for told, crashed in pool.map(lambda path: compare(peload, path), paths):
            different += len(told)
            for line in told:
                print(line)
            for part in crashed:
                crashes[part] = crashes.get(part, 0) + 1
    print(f"{len(paths)} images, {different} tables that differ, not compared: {crashes or 'none'}")
    if not paths:
        print("SKIPPED: no images")
        return 77
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
