"""peload deps --json against a loader in Python that goes through Wine's modules itself.

    deps.py PELOAD FOLDER SEARCH [EVERY]

FOLDER is Wine's, with DLLs that need each other; SEARCH is a second folder to look in. For each n-th
DLL (EVERY), and for those with the largest graphs: the same modules in the same order, from the
same files, with the same needs, forwarders, missing DLLs, missing functions and cycles.
"""
import json
import os
import struct
import subprocess
import sys
from functools import lru_cache

LARGE = ["shell32.dll", "mshtml.dll", "ieframe.dll", "quartz.dll", "wined3d.dll"]


class Image:
    """Imports and exports of a PE32+ or PE32 file, in as few lines as possible."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        header = self.u32(60)
        count, optional = self.u16(header + 6), self.u16(header + 20)
        self.wide = self.u16(header + 24) == 0x20B
        directories = header + 24 + (112 if self.wide else 96)
        table = header + 24 + optional
        self.sections = [struct.unpack_from("<4I", self.bytes, table + 40 * i + 8) for i in range(count)]
        self.export_directory = struct.unpack_from("<2I", self.bytes, directories)
        self.import_directory = struct.unpack_from("<2I", self.bytes, directories + 8)
        self.names, self.ordinals = self.read_exports()

    def u16(self, at):
        return struct.unpack_from("<H", self.bytes, at)[0]

    def u32(self, at):
        return struct.unpack_from("<I", self.bytes, at)[0]

    def at(self, rva):
        for size, start, raw_size, raw in self.sections:
            if start <= rva < start + max(size, raw_size):
                return rva - start + raw
        return rva

    def text(self, rva):
        at = self.at(rva)
        return self.bytes[at:self.bytes.index(b"\0", at)].decode("latin-1")

    def read_exports(self):
        start, size = self.export_directory
        if start == 0:
            return {}, {}
        base, slots, names, table, name_table, ordinal_table = struct.unpack_from(
            "<6I", self.bytes, self.at(start) + 16)
        ordinals = {}
        for slot in range(slots):
            rva = self.u32(self.at(table) + 4 * slot)
            if rva:
                ordinals[base + slot] = self.text(rva) if start <= rva < start + size else None
        by_name = {}
        for i in range(names):
            slot = self.u16(self.at(ordinal_table) + 2 * i)
            if base + slot in ordinals:
                by_name.setdefault(self.text(self.u32(self.at(name_table) + 4 * i)), base + slot)
        return by_name, ordinals

    def imports(self):
        at = self.at(self.import_directory[0])
        width, flag = (8, 1 << 63) if self.wide else (4, 1 << 31)
        while self.import_directory[0]:
            lookup, _, _, name, first = struct.unpack_from("<5I", self.bytes, at)
            if name == 0 or first == 0:
                return
            functions, thunk = [], self.at(lookup or first)
            while value := int.from_bytes(self.bytes[thunk:thunk + width], "little"):
                functions.append(value & 0xFFFF if value & flag else self.text(value + 2))
                thunk += width
            yield self.text(name), functions
            at += 20


@lru_cache(maxsize=None)
def image(path):
    return Image(path)


class Loader:
    """Modules by name in load order, each with what it needs: (name, kind, target, missing functions)."""

    def __init__(self, folders):
        self.files = {}
        for folder in reversed(folders):
            self.files.update({name.lower(): os.path.join(folder, name) for name in os.listdir(folder)})
        self.modules, self.needs = [], {}

    def find(self, name):
        name = name.rstrip(". ").lower()
        name = name if "." in name else name + ".dll"
        if name not in self.modules:
            self.modules.append(name)
            self.needs[name] = []
        return name

    def has(self, module, function):
        """Whether it is there, following forwarders, whose DLLs come in."""
        for _ in range(33):
            if module not in self.files:
                return True
            exports = image(self.files[module])
            ordinal = exports.names.get(function) if isinstance(function, str) else function
            if ordinal not in exports.ordinals:
                return False
            forwarder = exports.ordinals[ordinal]
            if forwarder is None:
                return True
            dll, _, function = forwarder.rpartition(".")
            target = self.find(dll)
            if target != module and not any(n[1:3] == ("forwarder", target) for n in self.needs[module]):
                self.needs[module].append((dll, "forwarder", target, 0))
            function = int(function[1:]) if function.startswith("#") else function
            module = target
        return False

    def load(self, path):
        self.files[os.path.basename(path).lower()] = path
        self.find(os.path.basename(path))
        for module in self.modules:
            if module not in self.files:
                continue
            for dll, functions in image(self.files[module]).imports():
                target = self.find(dll)
                missing = sum(not self.has(target, function) for function in functions)
                self.needs[module].append((dll, "import", target, missing))


def cycles(needs):
    """The groups of modules that need each other: by who reaches whom."""
    reached = {}
    for start in needs:
        seen, todo = set(), [start]
        while todo:
            for need in needs[todo.pop()]:
                if need[2] not in seen:
                    seen.add(need[2])
                    todo.append(need[2])
        reached[start] = seen
    return {frozenset(other for other in reached[name] if name in reached[other] or other == name)
            for name in needs if name in reached[name]}


def ours(peload, folder, search, path):
    ended = subprocess.run([peload, "deps", "--json", "--no-delay", "--policy", "files", "--system-dir",
                            folder, "--search", search, path], stdout=subprocess.PIPE, check=False)
    found = json.loads(ended.stdout)
    names = [module["name"].lower() for module in found["modules"]]
    needs = {name: [(need["name"], need["kind"], names[need["module"]], need["functions_missing"])
                    for need in module["needs"]]
             for name, module in zip(names, found["modules"])}
    files = {name: module["path"] for name, module in zip(names, found["modules"]) if module["path"]}
    groups = {}
    for name, module in zip(names, found["modules"]):
        if module["cycle"]:
            groups.setdefault(module["cycle"], set()).add(name)
    return ended.returncode, names, needs, files, {frozenset(group) for group in groups.values()}


def compare(peload, folder, search, path):
    """What differs, as text, and how many modules there are."""
    loader = Loader([folder, search])
    loader.load(path)
    status, names, needs, files, groups = ours(peload, folder, search, path)
    ordered = {name: [n for n in loader.needs[name] if n[1] == "import"] +
                     [n for n in loader.needs[name] if n[1] == "forwarder"] for name in loader.needs}
    missing = [n for name in loader.needs for n in loader.needs[name] if n[2] not in loader.files or n[3]]
    failures = []
    for what, expected, got in [
            ("modules", loader.modules, names), ("needs", ordered, needs),
            ("files", {n: loader.files[n] for n in loader.modules if n in loader.files}, files),
            ("cycles", cycles(loader.needs), groups), ("exit status", 1 if missing else 0, status)]:
        if expected != got:
            failures.append(f"{path}: {what}:\n  expected {expected}\n  found    {got}")
    return failures, len(names)


def main(peload, folder, search, every=40):
    dlls = sorted(name for name in os.listdir(folder) if name.endswith(".dll"))
    chosen = dict.fromkeys(LARGE + dlls[::int(every)])
    failures, count = [], 0
    for name in chosen:
        found, modules = compare(peload, folder, search, os.path.join(folder, name))
        failures += found
        count += modules
    print(f"{len(chosen)} graphs, {count} modules")
    for failure in failures[:5]:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
