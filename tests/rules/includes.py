"""Each folder includes only what the design lets it include.

    includes.py SOURCE_FOLDER

The way data goes is pe -> section -> image -> modules -> win32 or native: a stage knows the stages before it
and none after it. Operating-system headers are for os/, win32/, native/ and cli/ only, and pe/ is
freestanding; its folders know pe/image, and nothing else of each other but public headers.
"""
import os
import re
import sys

FREESTANDING = {"stdbool.h", "stddef.h", "stdint.h", "stdarg.h", "stdalign.h", "limits.h", "float.h"}
STANDARD_C = FREESTANDING | {
    "assert.h", "ctype.h", "errno.h", "inttypes.h", "math.h", "stdatomic.h", "stdio.h", "stdlib.h",
    "string.h", "time.h"}
PE_FOLDERS = (
    "certificates", "chpe", "clr", "coff", "config", "debug", "dos", "dynamic", "exceptions",
    "file", "findings", "image", "linking", "resources")
PE_PUBLIC = {"peload/pe.h"} | {f"peload/pe/{name}.h" for name in PE_FOLDERS}
PUBLIC = {"peload/pe.h", "peload/section.h", "peload/loader.h"}
ANY = None  # operating-system headers as well

# folder: (project folders, public headers, system headers). A folder may always include itself and
# what is below it.
RULES = {
    **{f"pe/{name}": (["pe/image"], PE_PUBLIC, FREESTANDING | {"string.h"}) for name in PE_FOLDERS},
    "loader/section": (["loader/os"], {"peload/pe.h", "peload/section.h"}, STANDARD_C),
    "loader/image": (["loader/os", "loader/section"], {"peload/pe.h", "peload/section.h"}, STANDARD_C),
    "loader/modules": (["loader/os", "loader/section", "loader/image"], PUBLIC, STANDARD_C),
    "loader/win32": (["loader/os", "loader/section", "loader/image", "loader/modules"], PUBLIC, ANY),
    "loader/native": (["loader/os", "loader/section", "loader/image", "loader/modules"], PUBLIC, ANY),
    "loader/os": ([], {"peload/pe.h", "peload/section.h"}, ANY),
    "loader/cli": ([], PUBLIC, ANY),
    "samples": ([], PUBLIC, STANDARD_C),
}


def includes(path):
    with open(path, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if found:
                yield number, found.group(1) == "<", found.group(2)


def folder_of(name, folder):
    """The project folder that a quoted include of a file in `folder` comes from."""
    if name.startswith("pe/"):
        return os.path.dirname(name)
    return ("loader/" + os.path.dirname(name)) if os.path.dirname(name) else folder


def is_allowed(folder, is_system, name):
    folders, public, system = RULES[folder]
    if name.startswith("peload/"):
        return name in public
    if is_system:
        return system is ANY or name in system
    other = folder_of(name, folder)
    return any(other == mine or other.startswith(mine + "/") for mine in folders + [folder])


def sources(root, folder):
    for place, _, names in sorted(os.walk(os.path.join(root, folder))):
        if os.path.basename(place) == "guest":  # Windows programs
            continue
        for name in sorted(names):
            if name.endswith((".c", ".h", ".S")):
                yield os.path.join(place, name)


def main(root):
    broken = seen = 0
    for folder in RULES:
        for path in sources(root, folder):
            for line, is_system, included in includes(path):
                seen += 1
                if not is_allowed(folder, is_system, included):
                    print(f"{os.path.relpath(path, root)}:{line}: {folder}/ may not include {included}")
                    broken += 1
    print(f"{seen} includes, {broken} broken rules")
    return 1 if broken or not seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
