"""The shared library exports the functions of the public headers, and nothing else.

    exports.py SOURCE_FOLDER LIBRARY PELOAD DLL

DLL, the library for Windows, need not be there; it is read by PELOAD.
"""
import glob
import json
import os
import re
import subprocess
import sys

HEADERS = ["loader/section.h", "loader/loader.h"]


def headers(root):
    folders = glob.glob(os.path.join(root, "pe", "*", ""))
    return HEADERS + [f"pe/{name}/{name}.h" for name in
                      (os.path.basename(folder.rstrip("/")) for folder in sorted(folders))]


def declared(root):
    names = set()
    for header in headers(root):
        with open(os.path.join(root, header), encoding="utf-8") as source:
            text = re.sub(r"/\*.*?\*/", "", source.read(), flags=re.S)
        names |= set(re.findall(r"^(?:PE_API|LDR_API)\b[^;(]*?(\w+)\s*\(", text, flags=re.M))
    return names


def listed(root):
    with open(os.path.join(root, "loader/package/exports.map"), encoding="utf-8") as source:
        return set(re.findall(r"^\s+(\w+);$", source.read(), flags=re.M))


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    symbols = [line.split() for line in lines]
    return {name.partition("@")[0] for _, kind, name in symbols if kind != "A"}


def exported_by_dll(peload, dll):
    told = subprocess.run([peload, "inspect", "--json", dll], check=True, stdout=subprocess.PIPE)
    return {item["name"] for item in json.loads(told.stdout)["exports"]["items"]}


def compare(what, expected, found):
    for name in sorted(expected - found):
        print(f"missing in {what}: {name}")
    for name in sorted(found - expected):
        print(f"not declared, but in {what}: {name}")
    return expected == found


def main(root, library, peload, dll):
    names = declared(root)
    print(f"{len(names)} functions declared")
    same_list = compare("loader/package/exports.map", names, listed(root))
    same_library = compare("the library", names, exported(library))
    same_dll = not os.path.exists(dll) or compare("the DLL", names, exported_by_dll(peload, dll))
    return 0 if names and same_list and same_library and same_dll else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
