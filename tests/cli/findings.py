"""The findings of all images below a folder are those of the table, each of which was looked into.

    findings.py PELOAD FOLDER

CHECKSUM_WRONG is left out: pefile agrees on every checksum (differential.py), and half of all images
have a stale one.
"""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# End of the path: findings, and why they are right.
EXPECTED = {
    # A kernel of which the test data of Go keep the first 474 bytes.
    "testdata/vmlinuz-4.15.0-47-generic": [
        ("DIRECTORY_COUNT_UNUSUAL", None), ("RAW_DATA_OUTSIDE_FILE", ".setup"),
        ("RAW_DATA_OUTSIDE_FILE", ".reloc"), ("RAW_DATA_OUTSIDE_FILE", ".text"),
        ("DIRECTORY_OUTSIDE_IMAGE", "certificate"), ("TABLE_BROKEN", "certificate")],
    # objcopy ends SizeOfImage at another alignment than SectionAlignment.
    "efi/linuxx64.efi.stub": [("SIZE_OF_IMAGE_WRONG", None)],
    "efi/systemd-bootx64.efi": [("SIZE_OF_IMAGE_WRONG", None)],
    # Headers that are written by hand, in assembly; the ELF file's symbols follow.
    "efi/linuxaa64.efi.stub": [("DIRECTORY_COUNT_UNUSUAL", None), ("OVERLAY", None)],
    "efi/systemd-bootaa64.efi": [("DIRECTORY_COUNT_UNUSUAL", None), ("OVERLAY", None)],
    # An installer of NSIS: its payload follows, .reloc lies in another section and is no table.
    "win32-loader.exe": [("OVERLAY", None), ("RAW_DATA_OVERLAP", ".reloc"),
                         ("TABLE_BROKEN", "base relocation")],
    "xen-4.17-amd64.efi": [("ENTRY_POINT_WRITABLE", None), ("SECTION_WRITE_EXECUTE", ".text"),
                           ("SECTION_WRITE_EXECUTE", ".init")],
    # Go's own linker does not sort .pdata when it takes objects of gcc in.
    "win32-x64@0.28.2/package/esbuild.exe": [("FUNCTIONS_UNSORTED", None)],
    "4.1.0/package/ffmpeg.exe": [("SECTION_WRITE_EXECUTE", ".rodata")],
    "next-swc.win32-x64-msvc.node": [("SECTION_NAME_REPEATED", ".data")],
    **{f"6.3.1/package/bin/{name}": [("RELOCS_STRIPPED_BUT_DYNAMIC_BASE", None)]
       for name in ("Compil32.exe", "ISCC.exe", "Setup.e32", "SetupLdr.e32", "unins000.exe")},
    # Packed by UPX.
    "nircmd.exe": [("ENTRY_POINT_WRITABLE", None), ("SECTION_WRITE_EXECUTE", "UPX0"),
                   ("SECTION_WRITE_EXECUTE", "UPX1"), ("CODE_ENTROPY_HIGH", "UPX1")],
}


def expected(path):
    """The findings that the table has for a path; none for a path that it does not name."""
    return next((found for end, found in EXPECTED.items() if path.endswith(end)), [])


def is_odd_without_doubt(path, finding):
    """Wine's modules for ARM64 have a relocation block of 8 zeros for an empty table."""
    return "/libwine_arm64/" in path and finding == ("TABLE_BROKEN", "base relocation")


def findings(peload, path):
    result = subprocess.run([peload, "inspect", "--json", "--only", "findings", path],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    items = json.loads(result.stdout).get("findings", {"items": []})["items"]
    found = [(item["name"], item.get("section_name", item.get("directory"))) for item in items]
    return [finding for finding in found
            if finding[0] != "CHECKSUM_WRONG" and not is_odd_without_doubt(path, finding)]


def candidates(folder):
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            with open(path, "rb") as source:
                if source.read(2) == b"MZ":
                    yield path


def main(peload, folder):
    paths = list(candidates(folder))
    different = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, found in zip(paths, pool.map(lambda path: findings(peload, path), paths)):
            if found != expected(path):
                different += 1
                print(f"{path}: {found}, not {expected(path)}")
    print(f"{len(paths)} images, {different} with other findings than expected")
    if not paths:
        print("SKIPPED: no images")
        return 77
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
