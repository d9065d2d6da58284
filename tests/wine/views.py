"""What peload and the oracle tell of an image, in the same words."""
import json
import subprocess
import zlib
from collections import namedtuple

from headers import PAGE

STATES = {0x1000: "MEM_COMMIT", 0x2000: "MEM_RESERVE", 0x10000: "MEM_FREE"}
PROTECTIONS = {0: "0", 1: "PAGE_NOACCESS", 2: "PAGE_READONLY", 4: "PAGE_READWRITE",
               8: "PAGE_WRITECOPY", 0x10: "PAGE_EXECUTE", 0x20: "PAGE_EXECUTE_READ",
               0x40: "PAGE_EXECUTE_READWRITE", 0x80: "PAGE_EXECUTE_WRITECOPY"}
TYPES = {0: "0", 0x20000: "MEM_PRIVATE", 0x40000: "MEM_MAPPED", 0x1000000: "MEM_IMAGE"}
STATUSES = {0: "STATUS_SUCCESS", 0x40000003: "STATUS_IMAGE_NOT_AT_BASE",
            0xC0000020: "STATUS_INVALID_FILE_FOR_SECTION",
            0xC000007B: "STATUS_INVALID_IMAGE_FORMAT",
            0xC000011B: "STATUS_INVALID_IMAGE_NE_FORMAT",
            0xC000012F: "STATUS_INVALID_IMAGE_NOT_MZ",
            0xC0000130: "STATUS_INVALID_IMAGE_PROTECT",
            0xC0000131: "STATUS_INVALID_IMAGE_WIN_16"}
UNREADABLE = "PAGE_NOACCESS", "PAGE_EXECUTE"


class Page(namedtuple("Page", "access kind checksum")):
    """`access` is state and protection, `kind` what all pages of a view have in common; `checksum`
    is None where nothing can be read.
    """
    ZERO = zlib.crc32(bytes(PAGE))

    @property
    def is_zero(self):
        return self.checksum == self.ZERO

    def __str__(self):
        return f"{self.access} {self.kind}" + (f" {self.checksum:08x}" if self.checksum else "")


# `outcome` is "mapped", or what refused it and the status; `pages` are made as they are asked for,
# for the largest views are those that only one side maps.
View = namedtuple("View", "outcome status rule base pages", defaults=("", 0, ()))


def of_peload(command, path, dump):
    """Unrelocated, so that the bytes do not depend on the base."""
    run = subprocess.run([command, "map", "--json", "--no-relocate", "--dump", dump, path],
                         capture_output=True, check=False)
    if run.returncode not in (0, 1):
        return View("peload ended: " + run.stderr.decode(errors="replace")[-300:], "")
    told = json.loads(run.stdout)
    if "regions" not in told:
        return View(told["status_name"], told["status_name"], told["rule"])
    return View("mapped", told["status_name"], "", int(told["view"]["base"], 16),
                peload_pages(told["regions"], dump))


def peload_pages(regions, dump):
    with open(dump, "rb") as view:
        for region in regions:
            is_readable = region["state"] == "MEM_COMMIT" and region["protect"] not in UNREADABLE
            access = f"{region['state']} {region['protect']}"
            kind = f"{region['type']} {region['allocation_protect']}"
            for rva in range(region["rva"], region["rva"] + region["size"], PAGE):
                view.seek(rva)
                yield Page(access, kind, zlib.crc32(view.read(PAGE)) if is_readable else None)


def of_oracle(told):
    """Of a line of oracle.exe."""
    for stage in "error", "create", "map":
        status = STATUSES.get(told.get(stage), f"status {told.get(stage, 0):#x}")
        if told.get(stage, 0) >> 31 or "error" in told:
            return View(f"{stage} {status}", status)
    return View("mapped", status, "", told["base"], oracle_pages(told["regions"]))


def oracle_pages(regions):
    for region in regions:
        access = f"{STATES[region['state']]} {PROTECTIONS[region['protect']]}"
        kind = f"{TYPES[region['type']]} {PROTECTIONS[region['allocation_protect']]}"
        for index in range(region["size"] // PAGE):
            yield Page(access, kind, region["pages"][index] if region["pages"] else None)
