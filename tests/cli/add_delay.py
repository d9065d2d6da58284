"""Adds a delay import to a PE32+ image: a section with one descriptor, and its directory.

    add_delay.py IMAGE OUT DLL FUNCTION
"""
import struct
import sys


def main(image, out, dll, function):
    with open(image, "rb") as file:
        data = bytearray(file.read())
    header = struct.unpack_from("<I", data, 60)[0]
    count, optional = struct.unpack_from("<H", data, header + 6)[0], struct.unpack_from("<H", data, header + 20)[0]
    section_alignment, file_alignment = struct.unpack_from("<2I", data, header + 24 + 32)
    table = header + 24 + optional
    size, rva = struct.unpack_from("<2I", data, table + 40 * (count - 1) + 8)
    rva += -(-size // section_alignment) * section_alignment
    data += bytes(-len(data) % file_alignment)
    # A descriptor and the empty one, handle, IAT, INT, the function with its hint, the DLL's name.
    names = bytes(2) + function.encode() + b"\0"
    content = struct.pack("<8I", 1, rva + 128 + len(names), rva + 64, rva + 80, rva + 96, 0, 0, 0)
    content = content.ljust(80, b"\0") + struct.pack("<4Q", rva + 128, 0, rva + 128, 0)
    content = content.ljust(128, b"\0") + names + dll.encode() + b"\0"
    start = len(data)
    data += content.ljust(file_alignment, b"\0")
    struct.pack_into("<8s6I2HI", data, table + 40 * count, b".didat", section_alignment, rva, file_alignment, start,
                     0, 0, 0, 0, 0xC0000040)
    struct.pack_into("<H", data, header + 6, count + 1)
    struct.pack_into("<I", data, header + 24 + 56, rva + section_alignment)
    struct.pack_into("<2I", data, header + 24 + 112 + 8 * 13, rva, 64)
    with open(out, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
