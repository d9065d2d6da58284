"""What the table of differences asks of an image's headers, read without peload and without checks:
bytes beyond the end of the file are zeros.
"""
import mmap
import os
import struct

PAGE, SECTOR = 4096, 512
SHARED, WRITE = 0x10000000, 0x80000000


def up(value, alignment):
    return -(-value // max(alignment, 1)) * max(alignment, 1)


class Section:
    def __init__(self, header):
        self.size, self.rva, self.raw_size, self.raw = struct.unpack_from("<4I", header, 8)
        self.flags, = struct.unpack_from("<I", header, 36)
        self.memory = self.size or self.raw_size
        self.end = up(self.rva + self.memory, PAGE)
        self.raw_end = self.raw + self.raw_size
        self.sector = self.raw - self.raw % SECTOR

    def is_beyond(self, file_size):
        """Whether a sector that it shows, as Wine counts them, lies behind the end of the file."""
        read = min(up(self.raw_end - self.sector, SECTOR), self.end - self.rva)
        return self.raw and read and self.sector + read > up(file_size, SECTOR)

    @property
    def is_shared(self):
        return self.flags & SHARED and self.flags & WRITE


class Image:
    def __init__(self, path):
        self.size = os.path.getsize(path)
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) if self.size else b""
        self.lfanew = self.u32(0x3C)
        count, optional_size, self.characteristics = (self.u16(self.lfanew + at)
                                                      for at in (6, 20, 22))
        optional = self.lfanew + 24
        self.section_alignment = self.u32(optional + 32)
        self.file_alignment = self.u32(optional + 36)
        self.size_of_image = self.u32(optional + 56)
        self.size_of_headers = self.u32(optional + 60)
        self.table = optional + optional_size
        self.sections = [Section(self.at(self.table + 40 * n, 40)) for n in range(count)]

    def at(self, offset, size):
        return self.bytes[offset:offset + size].ljust(size, b"\0")

    def u16(self, offset):
        return int.from_bytes(self.at(offset, 2), "little")

    def u32(self, offset):
        return int.from_bytes(self.at(offset, 4), "little")

    @property
    def image_base(self):
        optional = self.lfanew + 24
        if self.u16(optional) == 0x10B:
            return self.u32(optional + 28)
        return self.u32(optional + 24) | self.u32(optional + 28) << 32

    @property
    def is_flat(self):
        return self.section_alignment < PAGE

    @property
    def header_end(self):
        """Where the first section has to start."""
        return up(self.size_of_headers, self.section_alignment)

    @property
    def end(self):
        """Where the last section ends, rounded to SectionAlignment."""
        last = self.sections[-1]
        return up(last.rva + last.memory, self.section_alignment)

    def section_at(self, rva):
        return next((s for s in self.sections if s.rva <= rva < s.end), None)

    def has_gap(self):
        """Whether a section starts elsewhere than where the headers or the one before it end."""
        ends = [self.header_end] + [up(s.rva + s.memory, self.section_alignment)
                                    for s in self.sections]
        return any(s.rva != end for s, end in zip(self.sections, ends))
