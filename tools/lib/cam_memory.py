# SPDX-License-Identifier: BSD-2-Clause
"""Memory of a Cambium machine for tools/gdb: physical memory of whatever gdb is on, address spaces by their page tables,
ELF files, and core files made of them. Runs inside gdb.

Nothing here trusts the guest: what cannot be read raises Trouble, which gdb prints as a sentence.
"""
import mmap
import re
import struct

import gdb

PAGE = 4096
ADDRESS = 0x0000fffffffff000  # of a page-table entry, of TTBR0_EL1 and TTBR1_EL1


class Trouble(gdb.GdbError):
    """Says what is wrong, and what to do."""


# ---- physical memory ----

class Stub:
    """Of a running machine, through QEMU's gdb stub."""
    CHUNK = 2048  # the stub's packets have 4096 bytes, two for each

    def __init__(self, connection):
        self.connection = connection

    @staticmethod
    def fits(connection):
        return connection.send_packet("qqemu.PhyMemMode") in (b"0", b"1")

    def read(self, address, length):
        """`length` bytes, of one page; None: nothing is there."""
        self.connection.send_packet("Qqemu.PhyMemMode:1")
        try:
            parts = [self.connection.send_packet(f"m{at:x},{min(self.CHUNK, address + length - at):x}")
                     for at in range(address, address + length, self.CHUNK)]
        finally:
            self.connection.send_packet("Qqemu.PhyMemMode:0")  # gdb's own reads are of virtual addresses
        try:
            data = bytes.fromhex(b"".join(parts).decode())
        except ValueError:  # E14
            return None
        return data if len(data) == length else None


class Probe:
    """Of a board, through OpenOCD: its command mdw reads words. (Never run on a board.)"""

    def read(self, address, length):
        first = address & ~3
        count = (address + length - first + 3) // 4
        try:
            text = gdb.execute(f"monitor mdw phys {first:#x} {count}", to_string=True)
        except gdb.error as error:
            raise Trouble(f"The debug server reads no physical memory ({error}). tools/gdb knows QEMU and OpenOCD.") from None
        words = [int(word, 16) for line in text.splitlines() if ":" in line
                 for word in re.findall(r"\b[0-9a-f]{8}\b", line.partition(":")[2])]
        data = struct.pack(f"<{len(words)}I", *words)
        return data[address - first:address - first + length] if len(words) == count else None


class Dump:
    """Of a file that QEMU's dump-guest-memory wrote."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, "rb") as file:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise Trouble(f"{path}: {error}") from None
        head = self.data[:64]
        if head[:6] != b"\x7fELF\x02\x01" or len(head) < 64 or struct.unpack_from("<HH", head, 16) != (4, 183):
            raise Trouble(f"{path} is not an ELF core of an AArch64 machine. In QEMU's monitor: dump-guest-memory FILE (without -z, "
                          "-l, -s)")
        at, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        parts = [struct.unpack_from("<IIQQQQQQ", self.data, at + i * size) for i in range(count)
                 if at + (i + 1) * size <= len(self.data)]
        self.ram = sorted((p[4], p[5], p[2]) for p in parts if p[0] == 1 and p[5])  # address, length, place in the file
        self.cpus = []  # registers: x0..x30, sp, pc, pstate
        for part in parts:
            if part[0] == 4:
                self._notes(part[2], part[2] + part[5])
        if any(place + length > len(self.data) for _, length, place in self.ram) or not self.ram or not self.cpus:
            raise Trouble(f"{path} is cut short: not all of the machine's memory and registers are in it")

    def _notes(self, at, end):
        while at + 12 <= min(end, len(self.data)):
            name, length, kind = struct.unpack_from("<III", self.data, at)
            at += 12 + (name + 3) // 4 * 4
            if kind == 1 and length >= PRSTATUS_LEN and at + length <= len(self.data):
                self.cpus.append(struct.unpack_from("<34Q", self.data, at + PRSTATUS_REGISTERS))
            at += (length + 3) // 4 * 4

    def read(self, address, length):
        for base, size, place in self.ram:
            if base <= address and address + length <= base + size:
                return self.data[place + address - base:place + address - base + length]
        return None

    def find(self, what):
        """The physical addresses of pages in which `what` = (offset, bytes) is."""
        offset, wanted = what
        for base, size, place in self.ram:
            at = self.data.find(wanted, place, place + size)
            while at >= 0:
                if (base + at - place - offset) % PAGE == 0:
                    yield base + at - place - offset
                at = self.data.find(wanted, at + 1, place + size)


class Physical:
    """Physical memory as it is now: pages are read once."""

    def __init__(self, reader):
        self.reader = reader
        self.pages = {}

    def page(self, address):
        if address not in self.pages:
            self.pages[address] = self.reader.read(address, PAGE)
        return self.pages[address]

    def read(self, address, length):
        """None if it is not memory."""
        parts = []
        for at in range(address & -PAGE, address + length, PAGE):
            page = self.page(at)
            if page is None:
                return None
            parts.append(page)
        first = address % PAGE
        return b"".join(parts)[first:first + length]


# ---- address spaces ----

class Space:
    """What page tables show: kernel/arch/aarch64/mmu.h. `name`: whose, for messages."""
    USER_END = 1 << 39

    def __init__(self, physical, root, name):
        self.physical, self.root, self.name = physical, root & ADDRESS, name

    def _table(self, address):
        page = self.physical.page(address)
        if page is None:
            raise Trouble(f"{self.name}: its page tables, at physical {address:#x}, cannot be read")
        return struct.unpack("<512Q", page)

    def translate(self, va):
        """The physical address; None: nothing is mapped there."""
        table = self._table(self.root)
        for level in (1, 2, 3):
            shift = 39 - 9 * level
            entry = table[va >> shift & 511]
            if not entry & 1:
                return None
            if level == 3 or not entry & 2:
                return (entry & ADDRESS & -(1 << shift)) | va & (1 << shift) - 1
            table = self._table(entry & ADDRESS)
        return None

    def entries(self, high=False):
        """(va, length, entry) of all that is mapped, upwards; high: in the kernel's half."""
        top = -(1 << 39) & 2**64 - 1 if high else 0

        def walk(address, level, va):
            shift = 39 - 9 * level
            for i, entry in enumerate(self._table(address)):
                if entry & 1 and level < 3 and entry & 2:
                    yield from walk(entry & ADDRESS, level + 1, va + (i << shift))
                elif entry & 1:
                    yield va + (i << shift), 1 << shift, entry
        yield from walk(self.root, 1, top)

    def read(self, va, length):
        parts, at = [], va
        while at < va + length:
            part = min(va + length, (at | PAGE - 1) + 1) - at
            pa = self.translate(at)
            data = self.physical.read(pa, part) if pa is not None else None
            if data is None:
                raise Trouble(f"{self.name}: nothing to be read at {at:#x}")
            parts.append(data)
            at += part
        return b"".join(parts)

    def word(self, va):
        return int.from_bytes(self.read(va, 8), "little")

    def text(self, va, most=256):
        """A string that ends with a NUL."""
        found = b""
        while len(found) < most and b"\0" not in found:
            found += self.read(va + len(found), min(16, PAGE - (va + len(found)) % PAGE))
        return found.partition(b"\0")[0].decode(errors="replace")

    def value(self, va, kind):
        """A C object, as gdb's value of that type."""
        return gdb.Value(self.read(int(va), kind.sizeof), kind)


# ---- ELF files ----

class Elf:
    """An image of the build: its sections, symbols, and what of it must be in memory unchanged."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, "rb") as file:
                self.data = file.read()
        except OSError as error:
            raise Trouble(f"{path}: {error.strerror}") from None
        if self.data[:6] != b"\x7fELF\x02\x01" or len(self.data) < 64 or struct.unpack_from("<H", self.data, 18)[0] != 183:
            raise Trouble(f"{path} is not an ELF file for AArch64")
        at, = struct.unpack_from("<Q", self.data, 40)
        size, count, names = struct.unpack_from("<HHH", self.data, 58)
        heads = [struct.unpack_from("<IIQQQQIIQQ", self.data, at + i * size) for i in range(count)]
        strings = heads[names]
        self.sections = {self._string(strings, head[0]): head for head in heads}

    def _string(self, section, at):
        start = section[4] + at
        return self.data[start:self.data.index(b"\0", start)].decode()

    def section(self, name):
        """(address, bytes)"""
        if name not in self.sections:
            raise Trouble(f"{self.path} has no section {name}: is it stripped?")
        head = self.sections[name]
        return head[3], self.data[head[4]:head[4] + head[5]]

    @property
    def symbols(self):
        """{name: (address, size)}; of several with one name the last."""
        if not hasattr(self, "_symbols"):
            _, table = self.section(".symtab")
            strings = self.sections[".strtab"]
            self._symbols = {}
            for at in range(0, len(table) - 23, 24):
                name, _, _, section, value, size = struct.unpack_from("<IBBHQQ", table, at)
                if section:
                    self._symbols[self._string(strings, name)] = value, size
        return self._symbols

    def address(self, name):
        if name not in self.symbols:
            raise Trouble(f"{self.path} has no symbol {name}: is it of another version than tools/gdb?")
        return self.symbols[name][0]

    @property
    def span(self):
        """Bytes of address space from its first segment's beginning."""
        at, = struct.unpack_from("<Q", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 54)
        parts = [struct.unpack_from("<IIQQQQQQ", self.data, at + i * size) for i in range(count)]
        return max(p[3] + p[6] for p in parts if p[0] == 1)

    def is_at(self, read, base):
        """Whether its code is what read(base + ..., length) says."""
        at, code = self.section(".text")
        try:
            return read(base + at, len(code)) == code
        except Trouble:
            return False


# ---- core files ----

PRSTATUS_LEN, PRSTATUS_REGISTERS, PRSTATUS_PID = 392, 112, 32  # struct elf_prstatus of arm64


def write_core(path, threads, regions):
    """A core file for gdb. threads: (id, registers x0..x30, sp, pc, pstate); regions: (va, length, bytes or a function that
    yields them in pieces). Zeros become holes."""
    notes = b""
    for number, registers in threads:
        status = bytearray(PRSTATUS_LEN)
        struct.pack_into("<I", status, PRSTATUS_PID, number)
        struct.pack_into("<34Q", status, PRSTATUS_REGISTERS, *registers)
        notes += struct.pack("<III", 5, len(status), 1) + b"CORE\0\0\0\0" + status
    regions = list(regions)
    heads = [(4, 0, 64 + 56 * (len(regions) + 1), 0, 0, len(notes), len(notes), 4)]
    place = -(-(heads[0][2] + len(notes)) // PAGE) * PAGE
    for va, length, _ in regions:
        heads.append((1, 7, place, va, 0, length, length, PAGE))
        place += length
    with open(path, "wb") as out:
        out.write(struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 4, 183, 1, 0, 64, 0, 0, 64, 56, len(heads), 0, 0, 0))
        for head in heads:
            out.write(struct.pack("<IIQQQQQQ", *head))
        out.write(notes)
        for head, (_, _, content) in zip(heads[1:], regions):
            at = head[2]
            for piece in [content] if isinstance(content, bytes) else content():
                if piece.count(0) != len(piece):
                    out.seek(at)
                    out.write(piece)
                at += len(piece)
        out.truncate(place)
