"""The picture of a view shows the regions that peload map tells, and the bytes that headers tell.

    map_svg.py PELOAD WORK_FOLDER IMAGE...

What a region holds of the file is worked out here from the section table, and compared with the
bytes of --dump as well.
"""
import json
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

PELOAD, WORK, IMAGES = sys.argv[1], sys.argv[2], sys.argv[3:]
SVG = "{http://www.w3.org/2000/svg}"
OUT, DUMP = os.path.join(WORK, "out.svg"), os.path.join(WORK, "out.dump")
READ, WRITE, EXECUTE, SHARED = 0x40000000, 0x80000000, 0x20000000, 0x10000000
BLOCKS_MAX = 120
CHARACTER = 6.7  # pixels of one, of the fonts that the picture asks for

failures = 0


def check(what, is_right, found=""):
    global failures
    if not is_right:
        print(f"FAILED: {what}: {found}")
        failures += 1


def same(what, expected, found):
    check(what, expected == found, f"\n  expected: {expected!r}\n  found:    {found!r}")


# ---- Images ----

def round_up(value, unit):
    return -(-value // unit) * unit


def build(sections, alignment=0x1000, data=b"", directories=(), headers=None, slack=0):
    """A PE32+ image of (name, rva, virtual size, raw, raw size, flags), and what follows. `headers`
    is SizeOfHeaders; `slack` is what SizeOfImage counts behind the last section."""
    table = 0x188
    table_end = round_up(table + 40 * len(sections), 0x200)
    size_of_headers = headers or table_end
    image_end = max([size_of_headers] + [rva + (size or raw_size)
                                         for _, rva, size, _, raw_size, _ in sections])
    image = bytearray(max(size_of_headers, table_end))
    image[:2] = b"MZ"
    struct.pack_into("<I", image, 0x3C, 0x80)
    struct.pack_into("<IHHIIIHH", image, 0x80, 0x4550, 0x8664, len(sections), 0, 0, 0, 240, 0x22)
    file_alignment = min(alignment, 0x200)
    size_of_image = round_up(image_end + slack, alignment)
    struct.pack_into("<HHIIIIIQIIHHHHHHIIIIHHQQQQII", image, 0x98, 0x20B, 0, 0, 0, 0, 0, 0,
                     0x180000000, alignment, file_alignment, 6, 0, 0, 0, 6, 0, 0, size_of_image,
                     size_of_headers, 0, 3, 0x20, 0, 0, 0, 0, 0, 16)
    for index, rva, size in directories:
        struct.pack_into("<II", image, 0x108 + 8 * index, rva, size)
    for i, (name, rva, size, raw, raw_size, flags) in enumerate(sections):
        struct.pack_into("<8sIIIIIIHHI", image, table + 40 * i, name, size, rva, raw_size, raw,
                         0, 0, 0, 0, flags)
    return bytes(image) + data


def noise(size):
    return bytes((i * 131 + (i >> 8) * 17) % 255 + 1 for i in range(size))


def every_protection():
    flags = [0, EXECUTE, READ, READ | EXECUTE, READ | WRITE, READ | WRITE | EXECUTE,
             READ | WRITE | SHARED, READ | WRITE | EXECUTE | SHARED]
    sections = [(b"s%d" % i, 0x200000 * (i + 1), 0x1234, 0x400 + 0x400 * i, 0x400, flag)
                for i, flag in enumerate(flags)]
    return build(sections, 0x200000, noise(0x400 * len(flags)))


def odd_raw_data():
    """Raw data that start amid a sector, are longer than the pages, overlap, leave a gap; a section
    of none; certificates and other bytes behind it all."""
    sections = [(b".amid", 0x1000, 0x300, 0x410, 0x100, READ),
                (b".long", 0x2000, 0x10, 0x600, 0x1800, READ),
                (b".gap", 0x3000, 0x200, 0x2400, 0x200, READ),
                (b".again", 0x4000, 0x200, 0x2400, 0x400, READ),
                (b".zero", 0x5000, 0x3000, 0, 0, READ | WRITE),
                (b".half", 0x8000, 0x2000, 0x2800, 0x200, READ | WRITE)]
    data = noise(0x2A00 - 0x400 + 0x321)
    return build(sections, 0x1000, data, [(4, 0x2B00, 0x180)])


def behind_the_file():
    """Windows asks this of the last section only."""
    sections = [(b".cut", 0x1000, 0x3000, 0x400, 0x3000, READ),
                (b".last", 0x4000, 0x200, 0x400, 0x200, READ)]
    return build(sections, 0x1000, noise(0x1500))


def table_behind_the_headers():
    sections = [(b"s%d" % i, 0x1000 * (i + 1), 0x800, 0x600 + 0x200 * i, 0x200, READ)
                for i in range(20)]
    return build(sections, 0x1000, noise(0x200 * 20), headers=0x200)


def headers_behind_the_file():
    sections = [(b".text", 0x1000, 0x200, 0x400, 0x200, READ | EXECUTE)]
    return build(sections, 0x1000, headers=0x1000)[:0x800]


def flat():
    sections = [(b".text", 0x400, 0x200, 0x400, 0x200, READ | EXECUTE),
                (b".data", 0x640, 0x1C0, 0x640, 0x1C0, READ | WRITE)]
    return build(sections, 0x20, noise(0x800), slack=0x100)


def many(count, raw=lambda i: i):
    """Sections of a page and a sector each; neighbours are alike, since Linux limits mappings."""
    headers = round_up(0x188 + 40 * count, 0x200)
    first = round_up(headers, 0x1000)
    flags = [READ, READ | EXECUTE, READ | WRITE, READ | WRITE | EXECUTE]
    sections = [(b"s%d" % i, first + 0x1000 * i, 0x1000, headers + 0x200 * raw(i), 0x200,
                 flags[i // 16 % 4]) for i in range(count)]
    return build(sections, 0x1000, bytes(0x200 * count))


def every_second_page(pages):
    """A relocation in every second page."""
    relocs = b"".join(struct.pack("<IIHH", 0x1000 + 0x2000 * i, 12, 0xA010, 0)
                      for i in range(pages // 2))
    raw_size = round_up(len(relocs), 0x200)
    end = 0x1000 * (pages + 1)
    sections = [(b".data", 0x1000, 0x1000 * pages, 0x1000, 0x1000 * pages, READ | WRITE),
                (b".reloc", end, len(relocs), end, raw_size, READ)]
    image = build(sections, 0x1000, headers=0x1000, directories=[(5, end, len(relocs))])
    return image + noise(0x1000) * pages + relocs.ljust(raw_size, b"\0")


def save(name, image):
    path = os.path.join(WORK, name)
    with open(path, "wb") as file:
        file.write(image)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- What the headers say ----

class Headers:
    def __init__(self, image):
        nt = struct.unpack_from("<I", image, 0x3C)[0]
        self.size = len(image)
        count, optional_size = struct.unpack_from("<H12xH", image, nt + 6)
        self.alignment = struct.unpack_from("<I", image, nt + 24 + 32)[0]
        self.size_of_image, self.size_of_headers = struct.unpack_from("<II", image, nt + 24 + 56)
        is_wide = struct.unpack_from("<H", image, nt + 24)[0] == 0x20B
        self.certificates = struct.unpack_from("<II", image, nt + 24 + (144 if is_wide else 128))
        table = nt + 24 + optional_size
        self.table_end = table + 40 * count
        self.sections = [struct.unpack_from("<8s4I", image, table + 40 * i) for i in range(count)]

    def read_range(self, section):
        """Offset and size of what Windows reads of the file for a section: whole sectors, no more
        than its pages, no more than there is."""
        _, size, _, raw_size, raw = section
        if raw == 0 or raw_size == 0:
            return 0, 0
        start = raw // 512 * 512
        end = min(round_up(raw + raw_size, 512), start + round_up(size or raw_size, 4096))
        return start, max(min(end, self.size) - start, 0)

    def content(self, region, profile):
        """Offset and size of what a region holds of the file."""
        rva, start, origin = region["rva"], 0, 0
        if self.alignment < 4096:
            size = min(self.size_of_image, self.size)
        elif region["section"] is None:
            size = max(self.size_of_headers, self.table_end)
            size = self.size if profile == "winxp" else min(size, self.size)
        else:
            section = next(s for s in self.sections
                           if s[2] <= rva < s[2] + round_up(s[1] or s[3], 4096))
            origin = section[2]
            start, size = self.read_range(section)
        size = min(size - (rva - origin), region["size"])
        is_held = size > 0 and region["state"] == "MEM_COMMIT"
        return (start + rva - origin, size) if is_held else None


# ---- Pictures ----

def peload(*arguments, **options):
    return subprocess.run([PELOAD, "map", *arguments], capture_output=True, check=False, **options)


def draw(path, *options):
    """The picture and the JSON of one run."""
    if os.path.exists(OUT):
        os.remove(OUT)
    result = peload("--json", "--svg", OUT, "--dump", DUMP, *options, path)
    same(f"{path} {options}: exit status, stderr", (0, b""), (result.returncode, result.stderr))
    return ElementTree.parse(OUT).getroot(), json.loads(result.stdout)


def column(root, name):
    return [g for g in next(g for g in root.iter(SVG + "g") if g.get("class") == name)]


def blocks(root, name):
    return [g for g in column(root, name) if g.tag == SVG + "g"]


def title(element):
    return element.find(SVG + "title").text


def numbers(pattern, text):
    found = re.search(pattern, text)
    return tuple(int(number, 0) for number in found.groups()) if found else None


def is_hatched(block):
    return any(rect.get("fill") == "url(#private)" for rect in block.iter(SVG + "rect"))


def place_in_file(block):
    """Offset and size, None for a block that holds nothing of the file."""
    return numbers(r"\nfile offset (\w+), (\w+) bytes", title(block))


def box(block):
    """Top and bottom of a block."""
    rect = block.find(SVG + "rect")
    return float(rect.get("y")), float(rect.get("y")) + float(rect.get("height"))


def region_of_title(block):
    text = title(block)
    protect, backing = re.search(r"\n(\w+), (\w+)(?:\n|$)", text).groups()
    return *numbers(r"\nrva (\w+), (\w+) bytes", text), protect, backing


def expected_region(region):
    protect = region["protect"] if region["state"] == "MEM_COMMIT" else region["state"]
    return region["rva"], region["size"], protect, region["backing"]


# ---- What every picture must be ----

def words(root):
    """(left, right, baseline) of each text of one line."""
    for text in root.iter(SVG + "text"):
        scale = float(text.get("font-size", 11)) / 11
        for part in list(text) or [text]:
            x, width = float(part.get("x")), len(part.text or "") * CHARACTER * scale
            left = x - width if text.get("text-anchor") == "end" else x
            yield left, left + width, float(text.get("y"))


def check_texts(what, root):
    page = float(root.get("width")), float(root.get("height"))
    placed = sorted(words(root), key=lambda word: word[2])
    for i, (left, right, y) in enumerate(placed):
        check(f"{what}: text inside the page", 0 <= left and right <= page[0] and y <= page[1],
              (left, right, y))
        for other in placed[i + 1:]:
            if other[2] - y >= 11:
                break
            check(f"{what}: texts apart", other[1] <= left or right <= other[0],
                  ((left, right, y), other))


def check_order(what, root):
    for name in ("file", "memory"):
        boxes = [box(block) for block in blocks(root, name)]
        check(f"{what}: {name}: at most {BLOCKS_MAX} blocks", 0 < len(boxes) <= BLOCKS_MAX)
        for above, below in zip(boxes, boxes[1:]):
            check(f"{what}: {name}: one below the other", above[1] < below[0], (above, below))
        check(f"{what}: {name}: no block too low for its label",
              all(bottom - top >= 17 for top, bottom in boxes), boxes)


def check_legend(what, root, regions):
    texts = [element.text for element in column(root, "legend") if element.tag == SVG + "text"]
    protects = {text.partition(":")[0] for text in texts if text.startswith("PAGE_")}
    backings = {text.partition(":")[0] for text in texts if ":" in text} - protects
    same(f"{what}: protections of the legend", {r["protect"] for r in regions} - {"0"}, protects)
    same(f"{what}: backings of the legend", {r["backing"] for r in regions}, backings)
    fills = {}
    for block in blocks(root, "memory"):
        if block.get("class") == "region":
            fill = block.find(SVG + "rect").get("fill")
            fills.setdefault(region_of_title(block)[2], set()).add(fill)
    check(f"{what}: a colour for each protection", all(len(f) == 1 for f in fills.values()) and
          len({min(f) for f in fills.values()}) == len(fills), fills)


def check_file_column(what, root, headers):
    """Ranges follow one another from 0 to the end of the file."""
    ranges = [place_in_file(block) for block in blocks(root, "file")]
    ends = [offset + size for offset, size in ranges]
    same(f"{what}: ranges of the file", [0] + ends[:-1], [offset for offset, _ in ranges])
    same(f"{what}: end of the file", headers.size, ends[-1])


def check_every(what, root, answer, headers):
    check_texts(what, root)
    check_order(what, root)
    check_legend(what, root, answer["regions"])
    check_file_column(what, root, headers)
    heading = " ".join(column(root, "heading")[1].itertext())
    for part in (answer["status_name"], answer["status"], answer["view"]["base"],
                 answer["view"]["preferred_base"]):
        check(f"{what}: heading", re.search(rf"\b{part}\b", heading), heading)


# ---- Pictures with a block for each region ----

def check_content(what, region, found, expected, image, dump):
    same(f"{what}: file offset of {region['rva']:#x}", expected, found)
    offset, size = found or (0, 0)
    is_readable = region["protect"] not in ("0", "PAGE_NOACCESS", "PAGE_EXECUTE")
    if region["backing"] not in ("private", "relocated") and is_readable:
        here = dump[region["rva"]:region["rva"] + region["size"]]
        check(f"{what}: bytes of {region['rva']:#x}",
              here == image[offset:offset + size].ljust(region["size"], b"\0"))


def check_regions(what, root, answer, headers, image, profile):
    dump = read(DUMP)
    shown = blocks(root, "memory")
    same(f"{what}: regions", [expected_region(r) for r in answer["regions"]],
         [region_of_title(block) for block in shown])
    for block, region in zip(shown, answer["regions"]):
        same(f"{what}: hatching of {region['rva']:#x}", region["backing"] == "private",
             is_hatched(block))
        check_content(what, region, place_in_file(block), headers.content(region, profile), image,
                      dump)
        check(f"{what}: name of the section", (region["section"] or "") in
              next(block.iter(SVG + "tspan")).text, region["section"])


def file_y(root, position):
    """The block of the file that holds a position, which may be its end."""
    for block in blocks(root, "file"):
        offset, size = place_in_file(block)
        if offset <= position <= offset + size:
            yield box(block)


def check_bands(what, root, answer, headers, profile):
    """From each range of the file to the addresses that it fills, drawn where these are drawn."""
    expected = []
    for block, region in zip(blocks(root, "memory"), answer["regions"]):
        content = headers.content(region, profile)
        if content is not None:
            expected.append((content, region["rva"], box(block)))
    bands = column(root, "bands")
    same(f"{what}: bands",
         [(content[0], sum(content), rva, rva + content[1]) for content, rva, _ in expected],
         [numbers(r"offset (\w+) to (\w+)\nrva (\w+) to (\w+)", title(band)) for band in bands])
    for band, (content, rva, (top, bottom)) in zip(bands, expected):
        points = re.findall(r"(\d+),([\d.]+)", band.get("d"))
        start, end = float(points[0][1]), float(points[-1][1])
        to, to_end = float(points[3][1]), float(points[4][1])
        check(f"{what}: band to {rva:#x}", abs(to - top) <= 2 and to_end <= bottom + 2 and
              (to < to_end or content[1] < 16), (top, to, to_end, bottom))
        check(f"{what}: band from {content[0]:#x}", start <= end and
              any(a - 2 <= start <= b + 2 for a, b in file_y(root, content[0])) and
              any(a - 2 <= end <= b + 2 for a, b in file_y(root, sum(content))), (start, end))


def check_whole(path, *options, profile="win10"):
    what = f"{os.path.basename(path)} {' '.join(options)}"
    image = read(path)
    headers = Headers(image)
    root, answer = draw(path, *options)
    check_every(what, root, answer, headers)
    check_regions(what, root, answer, headers, image, profile)
    check_bands(what, root, answer, headers, profile)
    return root, answer


# ---- Tests ----

def real_images_are_shown_whole():
    for path in IMAGES:
        if not os.path.exists(path):
            continue
        _, answer = check_whole(path)
        check_whole(path, "--no-relocate")
        if path.endswith("fixed.dll"):
            continue
        _, answer = check_whole(path, "--base", "0x30000000")
        check("some pages of a relocated image are private",
              "private" in {r["backing"] for r in answer["regions"]})
        _, answer = check_whole(path, "--aslr", "force")
        check("with ASLR they are shared",
              "relocated" in {r["backing"] for r in answer["regions"]})


def built_images_are_shown_whole():
    for name, image in (("protections.exe", every_protection()), ("odd.exe", odd_raw_data()),
                        ("cut.exe", behind_the_file()), ("flat.exe", flat()),
                        ("flat_cut.exe", flat()[:0x700]),
                        ("table.exe", table_behind_the_headers()),
                        ("headers.exe", headers_behind_the_file())):
        path = save(name, image)
        check_whole(path, "--no-relocate")
        check_whole(path, "--no-relocate", "--profile", "winxp", profile="winxp")


def check_ranges(what, image, expected):
    root, _ = draw(save("ranges.exe", image), "--no-relocate")
    same(f"{what}: ranges of the file", expected,
         [tuple(title(block).split("\n")) for block in blocks(root, "file")])


def ranges_of_the_file_are_named():
    check_ranges("odd", odd_raw_data(), [
        ("headers", "file offset 0x0, 0x400 bytes"),
        ("raw data of PE section 1: .amid", "file offset 0x400, 0x200 bytes"),
        ("raw data of PE section 2: .long", "file offset 0x600, 0x1000 bytes"),
        ("gap", "file offset 0x1600, 0xe00 bytes"),
        ("raw data of PE section 3: .gap", "file offset 0x2400, 0x200 bytes",
         "ranges that start inside it: 1"),
        ("raw data of PE section 4: .again", "file offset 0x2600, 0x200 bytes",
         "starts 0x200 bytes before, in the range above"),
        ("raw data of PE section 6: .half", "file offset 0x2800, 0x200 bytes"),
        ("overlay", "file offset 0x2a00, 0x100 bytes"),
        ("certificates", "file offset 0x2b00, 0x180 bytes"),
        ("overlay", "file offset 0x2c80, 0xa1 bytes")])
    check_ranges("flat", flat(), [
        ("headers", "file offset 0x0, 0x200 bytes"), ("gap", "file offset 0x200, 0x200 bytes"),
        ("raw data of PE section 1: .text", "file offset 0x400, 0x200 bytes"),
        ("gap", "file offset 0x600, 0x40 bytes"),
        ("raw data of PE section 2: .data", "file offset 0x640, 0x1c0 bytes"),
        ("gap", "file offset 0x800, 0x100 bytes"), ("overlay", "file offset 0x900, 0x100 bytes")])


HOSTILE = {b"\x01\x1b[31m": "\ufffd\ufffd[31m", b"<>&\"'": "<>&\"'", b"]]>--": "]]>--", b"": "",
           b"a\xff\xc0\xafb": "a\ufffd\ufffd\ufffdb", b"\xe2\x80\xaexe": "\ufffdxe",
           b"\xef\xbf\xbf|": "\ufffd|", b"\xc2\x85\x7f\t": "\ufffd\ufffd\ufffd",
           b"\xed\xa0\x80": "\ufffd\ufffd\ufffd", b"\xd0\xb6\xe4\xb8\xad": "\u0436\u4e2d"}


def hostile_names_are_text():
    sections = [(name, 0x1000 * (i + 1), 0x1000, 0x400 + 0x200 * i, 0x200, READ)
                for i, name in enumerate(HOSTILE)]
    path = save("a<b>&\"'\n\x7f]]>.exe", build(sections, 0x1000, noise(0x200 * len(HOSTILE))))
    root, _ = draw(path, "--no-relocate")
    same("the title", "peload map: " + re.sub("[\n\x7f]", "\ufffd", path), title(root))
    for place, label in (("file", "text"), ("memory", "tspan")):
        shown = blocks(root, place)[1:]
        same(f"names: {place}: labels", list(HOSTILE.values()),
             [next(block.iter(SVG + label)).text or "" for block in shown])
        same(f"names: {place}: titles", list(HOSTILE.values()),
             [title(block).split("\n")[0].partition(": ")[2] for block in shown])
    check_texts("names", root)


def counted(root):
    """(protection, backing): [regions, bytes], from the titles of all blocks."""
    found = {}
    for block in blocks(root, "memory"):
        kinds = re.findall(r"\n(\w+), (\w+): (\d+) regions, (\w+) bytes", title(block))
        if block.get("class") == "region":
            _, size, protect, backing = region_of_title(block)
            kinds = [(protect, backing, 1, hex(size))]
        same(f"hatching of {title(block)}", "private" in {kind[1] for kind in kinds},
             is_hatched(block))
        for protect, backing, count, size in kinds:
            entry = found.setdefault((protect, backing), [0, 0])
            entry[0] += int(count)
            entry[1] += int(size, 0)
    return found


def check_merged(what, path, *options):
    headers = Headers(read(path))
    start = time.monotonic()
    root, answer = draw(path, *options)
    check(f"{what}: takes no long time", time.monotonic() - start < 30)
    check(f"{what}: below 1 MB", os.path.getsize(OUT) < 1 << 20, os.path.getsize(OUT))
    check_every(what, root, answer, headers)
    expected = {}
    for region in answer["regions"]:
        entry = expected.setdefault(expected_region(region)[2:], [0, 0])
        entry[0] += 1
        entry[1] += region["size"]
    same(f"{what}: regions and bytes", expected, counted(root))
    check(f"{what}: blocks are merged", len(answer["regions"]) > len(blocks(root, "memory")) > 40)
    return root


def thousands_of_sections_are_merged():
    root = check_merged("65,535 sections", save("many.exe", many(65535)))
    shown = sum(int((numbers(r"^(\d+) ranges merged", title(block)) or (1,))[0])
                for block in blocks(root, "file"))
    same("65,535 sections: ranges of the file", 65535 + 1, shown)
    check_merged("sections in another order", save("turned.exe", many(3000, lambda i: 2999 - i)))


def thousands_of_private_pages_are_merged():
    check_merged("every second page is private", save("pages.exe", every_second_page(4000)),
                 "--base", "0x30000000")


def picture_changes_nothing_else():
    fixed = ("--base", "0x30000000", IMAGES[0])
    for format_option in ((), ("--json",)):
        same("stdout", peload(*format_option, *fixed).stdout,
             peload(*format_option, "--svg", OUT, *fixed).stdout)
    first = read(OUT)
    peload("--svg", OUT, *fixed)
    same("the same picture again", first, read(OUT))


def fails(what, result, part):
    same(f"{what}: exit status", 1, result.returncode)
    check(f"{what}: stderr", part in result.stderr and result.stderr.count(b"\n") == 1,
          result.stderr)


def limit_files():
    """From here on no file can be longer, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))


def failures_leave_no_file():
    out = os.path.join(WORK, "missing", "out.svg")
    fails("no such folder", peload("--svg", out, IMAGES[0]), b"missing/out.svg: No such file")
    fails("a full device", peload("--svg", "/dev/full", IMAGES[0]), b"/dev/full: No space left")
    check("a full device is still there", os.path.exists("/dev/full"))

    sections = [(b"s%d" % i, 0x1400 + 0x20 * i, 0x20, 0x1400 + 0x20 * i, 0x20, READ)
                for i in range(100)]
    path = save("long.exe", build(sections, 0x20, noise(0x1000), headers=0x1400))
    out = os.path.join(WORK, "cut.svg")
    result = peload("--no-relocate", "--svg", out, path)
    same("a picture that is long enough", (0, True),
         (result.returncode, os.path.getsize(out) > 16384))
    fails("a full disk", peload("--no-relocate", "--svg", out, path, preexec_fn=limit_files),
          b"cut.svg: File too large")
    check("a full disk: no file", not os.path.exists(out))
    link = os.path.join(WORK, "link.svg")
    os.symlink(out, link)
    fails("a link", peload("--no-relocate", "--svg", link, path, preexec_fn=limit_files),
          b"link.svg: File too large")
    check("a link: stays, to an empty file", os.path.islink(link) and read(link) == b"")

    out = os.path.join(WORK, "refused.svg")
    fails("refused", peload("--svg", out, save("refused.exe", read(IMAGES[0])[:700])), b"refuses")
    fails("no image", peload("--svg", out, os.path.join(WORK, "none.exe")), b"no such file")
    check("refused: no file", not os.path.exists(out))


for test in (real_images_are_shown_whole, built_images_are_shown_whole,
             ranges_of_the_file_are_named, hostile_names_are_text,
             thousands_of_sections_are_merged, thousands_of_private_pages_are_merged,
             picture_changes_nothing_else, failures_leave_no_file):
    test()
    print(f"{test.__name__}: {failures} failures so far")
sys.exit(failures != 0)
