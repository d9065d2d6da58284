"""Where Wine 8.0 is known to differ from Windows, as pe/RULES.md (which has the rules and explains
the sources) and so peload tell it. A difference that is not in here is a failure, and so is a row
that explains none of the cases.
"""
from collections import namedtuple

from headers import PAGE, SECTOR, up

# `holds` says whether a difference is of this row; what it is given is told below.
Row = namedtuple("Row", "rule what wine windows source holds")

BAD_FILE = "create STATUS_INVALID_FILE_FOR_SECTION"
BAD_FORMAT, BAD_MAP = "create STATUS_INVALID_IMAGE_FORMAT", "map STATUS_INVALID_IMAGE_FORMAT"
MAPPED, REFUSED = "mapped", "refused"

# Of whole images. `holds` gets the headers; what Wine does, what peload does and the rule that
# peload names, if it refuses, must be those of the row.
VERDICTS = [
    Row("A5", "file ends in the headers", BAD_FILE, REFUSED, "M10 V4, COR",
        lambda i: i.lfanew + 0x108 > i.size and i.sections),
    Row("A5", "file ends in the headers, no sections", MAPPED, REFUSED, "M10 V4, COR",
        lambda i: i.lfanew + 0x108 > i.size and not i.sections),
    Row("A8", "no EXECUTABLE_IMAGE", MAPPED, REFUSED, "M10 V9",
        lambda i: not i.characteristics & 2),
    Row("A9", "e_lfanew not on 4", MAPPED, REFUSED, "M10 V10, COR", lambda i: i.lfanew % 4),
    Row("A11", "FileAlignment not on 512", MAPPED, REFUSED, "M10 V12",
        lambda i: i.file_alignment % 512),
    Row("A12", "FileAlignment 0", MAPPED, REFUSED, "M10 V13", lambda i: i.file_alignment == 0),
    Row("A13", "SectionAlignment no power of two", MAPPED, REFUSED, "M10 V14",
        lambda i: i.section_alignment & (i.section_alignment - 1)),
    Row("A14", "FileAlignment no power of two", MAPPED, REFUSED, "M10 V15",
        lambda i: i.file_alignment & (i.file_alignment - 1)),
    Row("A15", "FileAlignment above SectionAlignment", MAPPED, REFUSED, "M10 V16",
        lambda i: i.file_alignment > i.section_alignment),
    Row("A16", "SizeOfImage huge", MAPPED, REFUSED, "M10 V17",
        lambda i: i.size_of_image > 0x77000000),
    Row("A17", "more than 96 sections", BAD_FORMAT, MAPPED, "M7, M10, COR",
        lambda i: len(i.sections) > 96),
    Row("A19", "headers as large as the image", MAPPED, REFUSED, "M10 V19",
        lambda i: i.size_of_headers >= i.size_of_image != 0),
    Row("A19", "SizeOfImage 0", BAD_FILE, REFUSED, "M10 V19", lambda i: i.size_of_image == 0),
    Row("A21", "ImageBase not on 64 KiB", MAPPED, REFUSED, "M10 V20",
        lambda i: i.image_base % 0x10000),
    Row("A31", "section table on a page behind the file", BAD_FILE, REFUSED, "M10 V29",
        lambda i: i.table - i.table % PAGE >= i.size),
    Row("A32", "section table ends behind the file", BAD_FILE, REFUSED, "M10 V30",
        lambda i: i.table + 40 * len(i.sections) > i.size),
    Row("A40", "SizeOfHeaders 0", MAPPED, REFUSED, "M10 V36", lambda i: i.size_of_headers == 0),
    Row("A41", "aligned headers beyond SizeOfImage", MAPPED, REFUSED, "M10 V37",
        lambda i: i.header_end > up(i.size_of_image, PAGE)),
    Row("A42", "no sections", MAPPED, REFUSED, "M10 V38", lambda i: not i.sections),
    Row("A43", "gap or overlap of sections", MAPPED, REFUSED, "M10 V44, SO",
        lambda i: i.has_gap()),
    Row("A44", "section without a size", MAPPED, REFUSED, "M10 V43",
        lambda i: any(s.memory == 0 for s in i.sections)),
    Row("A46", "section's alignment beyond SizeOfImage", MAPPED, REFUSED, "M10 V46",
        lambda i: i.end > up(i.size_of_image, PAGE)),
    Row("A47", "raw data wrap around", MAPPED, REFUSED, "M10 V42",
        lambda i: any(s.raw_end >> 32 for s in i.sections)),
    Row("A48", "raw data wrap around when aligned", MAPPED, REFUSED, "M10 V47",
        lambda i: any(up(s.raw_end, i.file_alignment) >> 32 for s in i.sections)),
    Row("A49", "section beyond the file", BAD_MAP, MAPPED, "M10, COR",
        lambda i: any(s.is_beyond(i.size) for s in i.sections)),
    Row("A49", "section beyond the file, SHARED and writable", BAD_FILE, MAPPED, "M10, COR",
        lambda i: any(s.is_beyond(i.size) and s.is_shared for s in i.sections)),
    Row("A51", "last section's raw data beyond the file", MAPPED, REFUSED, "M10 V49",
        lambda i: i.sections[-1].raw_end > i.size),
    Row("A52", "SizeOfImage beyond the sections", MAPPED, REFUSED, "M10 V48",
        lambda i: up(i.size_of_image, PAGE) - i.end >= i.section_alignment),
    Row("A60", "flat, two alignments", BAD_MAP, MAPPED, "M10 V12, COR",
        lambda i: i.is_flat and i.file_alignment != i.section_alignment),
    Row("A62", "flat, sections elsewhere than in the file", MAPPED, REFUSED, "M10 V39, V40",
        lambda i: i.is_flat and any(s.rva != s.raw or s.memory > s.raw_size or
                                    s.raw_end >> 32 for s in i.sections)),
]

# Of pages. `holds` gets the headers, where the page is, what peload and Wine tell of it (Page of
# views.py), and a function that returns the bytes of both.
NO_PAGE = "MEM_COMMIT PAGE_EXECUTE_WRITECOPY"  # how Wine shows what it reserved and never filled


def behind_headers(image, rva, ours, theirs, contents):
    start = up(min(image.size_of_headers, image.size), PAGE)
    return (start <= rva < image.header_end and ours.access == "MEM_COMMIT PAGE_READONLY" and
            theirs.access == NO_PAGE and ours.is_zero and theirs.is_zero)


def in_gap(image, rva, ours, theirs, contents):
    return (rva >= image.header_end and image.section_at(rva) is None and
            ours.access == "MEM_RESERVE 0" and theirs.access == NO_PAGE and theirs.is_zero)


def shared_writable(image, rva, ours, theirs, contents):
    section = image.section_at(rva)
    return (section is not None and section.is_shared and
            ours.access == theirs.access.replace("WRITECOPY", "READWRITE") and
            ours.checksum == theirs.checksum)


def behind_flat_image(image, rva, ours, theirs, contents):
    if not image.is_flat or ours.access != theirs.access or rva + PAGE <= image.size_of_image:
        return False
    size = image.size_of_image - rva
    of_file = image.at(rva, PAGE)
    return contents() == (of_file[:size].ljust(PAGE, b"\0"), of_file)


def empty_off_sector(image, rva, ours, theirs, contents):
    section = image.section_at(rva)
    if section is None or section.raw_size != 0 or section.raw % SECTOR == 0 or rva != section.rva:
        return False
    sector = image.at(section.sector, SECTOR).ljust(PAGE, b"\0")
    return ours.access == theirs.access and contents() == (bytes(PAGE), sector)


PAGES = [
    Row("B2", "header pages behind SizeOfHeaders or the file",
        "zeros, PAGE_EXECUTE_WRITECOPY", "zeros, PAGE_READONLY", "WT", behind_headers),
    Row("B7", "flat image, last page behind SizeOfImage", "the file's bytes", "zeros", "M7, M10",
        behind_flat_image),
    Row("B11", "SizeOfRawData 0, PointerToRawData not on 512", "a sector", "zeros", "M10, COR",
        empty_off_sector),
    Row("B17", "gaps and slack", "zeros, PAGE_EXECUTE_WRITECOPY", "reserved, no access",
        "SO, RT", in_gap),
    Row("B.3", "SHARED and writable sections", "PAGE_WRITECOPY, PAGE_EXECUTE_WRITECOPY",
        "PAGE_READWRITE, PAGE_EXECUTE_READWRITE", "RO", shared_writable),
]

# Of what the programs of samples/guest print: a line as Windows, and so peload, has it and as Wine
# does.
Line = namedtuple("Line", "rule program windows wine why")

PROGRAM_LINES = [
    Line("-", "start", "a folder: error 5", "a folder: error 6", "the error of a later step"),
    Line("H43", "grow", "filled by touching: 16 exceptions, page 16 to page 31",
         "filled by touching: 0 exceptions, page 16 to page 31", "reserved pages can be used"),
    Line("H.5", "copy", "page 0: protect 0x8, 1 pages, allocated with 0x8",
         "page 0: protect 0x8, 4 pages, allocated with 0x8", "a written page stays WRITECOPY"),
    Line("H.5", "copy", "page 1: protect 0x4, 1 pages, allocated with 0x8",
         "page 1: protect 0x8, 3 pages, allocated with 0x8", "a written page stays WRITECOPY"),
    Line("H.6", "copy", "protect READWRITE: 1, it was 0x8", "protect READWRITE: 0, it was 0",
         "READWRITE does not mean WRITECOPY"),
    Line("H.6", "copy", "written: reader V, file a", "written: reader V, file V",
         "WRITECOPY on a reader's view writes to the file"),
    Line("-", "sharing", "TRUNCATE_EXISTING to read: 87", "TRUNCATE_EXISTING to read: 0",
         "not looked at (MS: needs GENERIC_WRITE)"),
    Line("-", "sharing", "its end: 0, 5", "its end: 0, 6",
         "the host's error (MS: needs GENERIC_WRITE)"),
    Line("H2", "errors", "H2   EXECUTE_READ of a file opened to read: 5",
         "H2   EXECUTE_READ of a file opened to read: done", "no right to execute is asked for"),
    Line("H4", "errors", "H4   no handle: 6", "H4   no handle: done", "stands for no file"),
    Line("A0.6", "errors", "A0.6 a folder: 193", "A0.6 a folder: 6", "has no descriptor"),
    Line("H10", "errors", "H10  memory of 2^63 bytes: 8", "H10  memory of 2^63 bytes: 87",
         "another status"),
    Line("H15", "errors", "H15  the protection of the one that was there: 5",
         "H15  the protection of the one that was there: done",
         "only the rights of the handle count"),
    Line("H32", "errors", "H32  base in the system's space: 87",
         "H32  base in the system's space: done", "elsewhere instead"),
    Line("H33", "errors", "H33  bad handle and bad base: 6", "H33  bad handle and bad base: 1132",
         "the base first"),
    Line("H34", "errors", "H34  offset beyond the end: 5", "H34  offset beyond the end: 87",
         "another status"),
    Line("H34", "errors", "H34  more than fits into the address space: 87",
         "H34  more than fits into the address space: 5", "another status"),
    Line("H34", "errors", "H34  offset 2^63: 5", "H34  offset 2^63: 87", "another status"),
    Line("H.4", "errors", "H.4  flush memory: 487", "H.4  flush memory: done", "not looked at"),
    Line("H.4", "errors", "H.4  flush nothing: 487", "H.4  flush nothing: done", "not looked at"),
    Line("H.4", "errors", "H.4  flush more than the view: 487",
         "H.4  flush more than the view: 87", "another status"),
    Line("H.6", "errors", "H.6  beyond the view: 487", "H.6  beyond the view: 87",
         "another status"),
    Line("-", "folders", "two of them: 0 error 87", "two of them: 1 error 0",
         "not looked at (RO: no ';' in SetDllDirectory)"),
    Line("E.7", "folders", "by name: 1", "by name: 0",
         "the module that was looked up last comes before the first that was loaded"),
]
