# SPDX-License-Identifier: BSD-2-Clause
"""tools/symbolise: function, file and line for the addresses in what Cambium says of a crash. tools/run does it on the fly.

init and the kernel print `NAME ID: pc +0xA lr +0xB +0xC ...`: offsets in an image's ELF file, and a number that the code
makes. A file with another number is another build: then that is said, and nothing is looked up in it.
"""
import argparse
import bisect
import os
import re
import struct
import subprocess
import sys
import zlib

import build
import helptext

ADDR2LINE = "aarch64-linux-gnu-addr2line"
CALLS = re.compile(r"\[(init|kernel)\] +(\S+) (?:0x)?([0-9a-f]{1,8}): ((?:(?:pc |lr )?\+?0x[0-9a-f]+(?:\*\d+)?(?: |$))+)$")
CALL = re.compile(r"(pc |lr )?(\+?)0x([0-9a-f]+)(?:\*(\d+))?")
INIT_BUILD = re.compile(r"\[init\] build ([0-9a-f]{8})$")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
MOV_X29_SP, MOV_X29_MASK = 0x910003fd, 0xffc003ff  # add x29, sp, #n: from there on the frame record is its own


# ---- one ELF file ----

class Wrong(Exception):
    """Not an ELF file that can be looked into."""


class Elf:
    """What code is where in an AArch64 ELF file with debug information."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            self.data = f.read()
        if self.data[:6] != b"\x7fELF\x02\x01" or self.data[18:20] != b"\xb7\0":
            raise Wrong(f"{path} is not an ELF file for AArch64")
        try:
            self._read()
        except (struct.error, IndexError, ValueError, zlib.error) as what:
            raise Wrong(f"{path} is damaged: {what}") from None

    def _read(self):
        headers, sections = struct.unpack_from("<2Q", self.data, 32)
        size, count, section_size, section_count, names = struct.unpack_from("<5H", self.data, 54)
        self.segments = [struct.unpack_from("<IIQQQQ", self.data, headers + i * size) for i in range(count)]
        table = [struct.unpack_from("<IIQQQQIIQQ", self.data, sections + i * section_size) for i in range(section_count)]
        at = table[names][4] if section_count else 0
        self.sections = {self._string(at + section[0]): section for section in table}
        self.functions = sorted(self._functions(table))
        self.starts = [start for start, _, _ in self.functions]
        self.rows = {}  # of the line table, when it is asked for

    def _string(self, at):
        return self.data[at:self.data.index(0, at)].decode(errors="replace")

    def _functions(self, table):
        """(start, end, name) of the code's symbols; where one has no size, it ends where the next begins."""
        found = []
        for kind, at, length, link in [(s[1], s[4], s[5], s[6]) for s in table]:
            for i in range(at, at + length if kind == 2 else at, 24):  # SHT_SYMTAB
                name, info, _, section, value, size = struct.unpack_from("<IBBHQQ", self.data, i)
                name = self._string(table[link][4] + name)
                if 0 < section < len(table) and table[section][2] & 4 and info & 15 <= 2 and name and name[0] != "$":
                    end = table[section][3] + table[section][5]
                    found.append((value, value + size if size else end, name, size != 0))
        starts = sorted({value for value, *_ in found})
        for value, end, name, has_size in found:
            following = bisect.bisect_right(starts, value)
            if not has_size and following < len(starts):
                end = min(end, starts[following])
            yield value, end, name

    def section(self, name):
        """Its bytes, decompressed; empty if there is none."""
        if name not in self.sections:
            return b""
        _, kind, flags, _, at, length, *_ = self.sections[name]
        data = self.data[at:at + length]
        if kind == 8:  # SHT_NOBITS
            return b""
        return zlib.decompress(data[24:]) if flags & 0x800 else data  # SHF_COMPRESSED, by zlib

    def id(self):
        """As servers/init/fault.c:fault_image_id; of the kernel as kernel/core/log.c:stop_at_fault."""
        if ".boot" in self.sections:  # kernel.ld
            code = self.section(".text")
            code += bytes(-len(code) % 4096)
        else:
            code = b"".join(self._loaded())
        number = 0
        for word, in struct.iter_unpack("<I", code[:len(code) & ~3]):
            number = (number * 31 + word) & 0xffffffff
        return number

    def _loaded(self):
        for kind, flags, at, _, _, length in self.segments:
            if kind == 1 and flags & 1:  # PT_LOAD, PF_X
                code = self.data[at:at + length]
                yield code[64 + 56 * struct.unpack_from("<H", code, 56)[0]:] if code[:4] == b"\x7fELF" else code

    def function(self, offset):
        """(start, name) of the function there, or None. Of two with the same code the one with the plainer name."""
        i = bisect.bisect_right(self.starts, offset)
        found = [f for f in self.functions[max(0, i - 8):i] if f[1] > offset]
        best = max(found, default=None, key=lambda f: (f[0], "." not in f[2], -len(f[2])))
        return best and (best[0], best[2])

    def is_framed(self, offset):
        """Whether the code before `offset` in its function made a frame record: then x30 tells no caller any more."""
        start = self.function(offset)[0]
        for kind, flags, at, address, _, length in self.segments:
            if kind == 1 and flags & 1 and address <= start < address + length:
                words = self.data[at + start - address:at + offset - address]
                return any(word & MOV_X29_MASK == MOV_X29_SP for word, in struct.iter_unpack("<I", words[:len(words) & ~3]))
        return False

    def places(self, offset):
        """[(function, file, line)], innermost first: what was inlined there, then the function itself. File and line may be
        None."""
        function = self.function(offset)
        if function is None:
            return []
        row = self.row(offset)
        chain = self._inlined(offset)
        if not chain or plain(chain[-1][0]) != plain(function[1]):
            chain = [(function[1], None, None)]  # of one that the linker left out: its debug information is at 0
        return [(chain[0][0], *row), *chain[1:]]

    def _inlined(self, offset):
        done = subprocess.run([ADDR2LINE, "-f", "-i", "-e", self.path, hex(offset)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        words = done.stdout.splitlines()
        chain = []
        for name, place in zip(words[::2], words[1::2]):
            path, _, line = place.partition(" (")[0].rpartition(":")
            known = line.isdigit() and line != "0" and path not in ("", "??")
            chain.append((name, path, int(line)) if known else (name, None, None))
        return chain

    def row(self, offset):
        """(file, line) by the line table. addr2line (binutils 2.40) names the wrong file where a function of a header was
        not inlined, and confuses functions at low addresses with those that the linker left out."""
        if not self.rows:
            self.rows = line_rows(self) or {0: (None, None)}
            self.row_starts = sorted(self.rows)
        i = bisect.bisect_right(self.row_starts, offset)
        return self.rows[self.row_starts[i - 1]] if i > 0 else (None, None)


def plain(name):
    """Without what the compiler appends to copies."""
    return re.split(r"\.(?:isra|constprop|part|cold|lto_priv|llvm)\b", name)[0]


# ---- the line table (DWARF 5, 6.2; versions 2 to 5) ----

class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, form):
        value, = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def leb(self, signed=False):
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value - (1 << shift) if signed and byte & 64 else value

    def string(self):
        end = self.data.index(0, self.at)
        text, self.at = self.data[self.at:end].decode(errors="replace"), end + 1
        return text

    def value(self, form, strings):
        """DW_FORM_*: those that a line table's header uses."""
        if form == 0x08:
            return self.string()
        if form in (0x0e, 0x1f):  # strp, line_strp
            return Reader(strings[form], self.take("I")).string()
        if form == 0x1e:  # data16
            self.at += 16
            return None
        if form == 0x0f:
            return self.leb()
        return self.take({0x0b: "B", 0x05: "H", 0x06: "I", 0x07: "Q"}[form])


def line_rows(elf):
    """{address: (file, line)} of each row; (None, None) where a sequence ends and none begins. A sequence at address 0 is of
    a function which the linker left out: images begin with their headers, the kernel with assembly."""
    data = elf.section(".debug_line")
    strings = {0x0e: elf.section(".debug_str"), 0x1f: elf.section(".debug_line_str")}
    rows, ends, at = {}, {}, 0
    while at + 4 < len(data):
        length = struct.unpack_from("<I", data, at)[0]
        for sequence in program(Reader(data[:at + 4 + length], at + 4), strings):
            if sequence[0][0] != 0 or (sequence[0][1][0] or "").endswith(".S"):
                rows.update(sequence[:-1])
                ends.update(sequence[-1:])
        at += 4 + length
    return {**ends, **rows}


def program(r, strings):
    """The sequences of one unit: lists of (address, (file, line))."""
    version = r.take("H")
    if version >= 5:
        r.at += 2  # sizes of addresses and segment selectors
    body = r.take("I")
    body += r.at
    step = r.take("B")
    r.at += 1 if version >= 4 else 0  # operations per instruction
    r.take("B")
    base, spread, first = r.take("b"), r.take("B"), r.take("B")
    operands = [0] + [r.take("B") for _ in range(first - 1)]
    files = files_of(r, version, strings)
    r.at = body
    rows, address, file, line = [], 0, 1, 1
    while r.at < len(r.data):
        op = r.take("B")
        if op >= first:
            address += (op - first) // spread * step
            line += base + (op - first) % spread
            rows.append((address, (files.get(file), line)))
        elif op == 0:
            length = r.leb()
            end, what = r.at + length, r.take("B")
            if what == 1:  # end of the sequence
                rows.append((address, (None, None)))
                yield rows
                rows, address, file, line = [], 0, 1, 1
            elif what == 2:
                address = r.take("Q")
            r.at = end
        elif op == 1:
            rows.append((address, (files.get(file), line)))
        elif op == 2:
            address += r.leb() * step
        elif op == 3:
            line += r.leb(signed=True)
        elif op == 4:
            file = r.leb()
        elif op == 8:
            address += (255 - first) // spread * step
        elif op == 9:
            address += r.take("H")
        else:
            for _ in range(operands[op]):
                r.leb()


def files_of(r, version, strings):
    """{number: path}; relative ones are relative to the folder of the compilation, which version 5 names."""
    if version < 5:
        folders, files = [""], {}
        while folder := r.string():
            folders.append(folder)
        while name := r.string():
            files[len(files) + 1] = os.path.join(folders[r.leb()], name)
            r.leb(), r.leb()
        return files
    tables = []
    for _ in range(2):
        formats = [(r.leb(), r.leb()) for _ in range(r.take("B"))]
        tables.append([{kind: r.value(form, strings) for kind, form in formats} for _ in range(r.leb())])
    folders = [entry[1] for entry in tables[0]]
    return {i: os.path.join(folders[0], folders[entry.get(2, 0)], entry[1]) for i, entry in enumerate(tables[1])}


# ---- a stream of lines ----

class Symboliser:
    """Knows the ELF files of a build, and others that are named; remembers what the lines before said."""

    def __init__(self, folder=build.BUILD, elves=()):
        self.folder, self.given = folder, list(elves)
        self.elves = {}
        self.number, self.init_build = 0, None

    def after(self, line):
        """What is to be said behind a line, as lines."""
        line = ESCAPE.sub("", line).rstrip()
        if match := INIT_BUILD.search(line):
            self.init_build = int(match[1], 16)
        match = CALLS.search(line)
        if not match:
            return []
        who, name, number, calls = match[1], match[2], int(match[3], 16), CALL.findall(match[4])
        if who == "kernel" and name == "init":
            if self.init_build is None:
                return ["    (init: these lines do not say which build it is)"]
            number = self.init_build
        elf, why = self.find(name, number)
        return self.table(elf, calls) if elf else [f"    ({name}: {why})"]

    def find(self, name, number):
        """The ELF file with that number, or (None, why there is none)."""
        base = os.path.basename(name)
        own = [os.path.join(self.folder, "kernel" if name == "kernel" else "servers", base + ".elf")]
        if "/" in name and os.path.exists(twin := os.path.join(self.folder, "servers", name.replace("/", "_") + ".elf")):
            own = [twin]  # a server and a program of one name
        others = []
        for path in [p for p in self.given if os.path.splitext(os.path.basename(p))[0] == base] + own:
            try:
                elf = self.elves.get(path) or Elf(path)
                self.elves[path] = elf
                if elf.id() == number:
                    return elf, None
                others.append(f"{shown(path)} is another build, {elf.id():08x}")
            except OSError as what:
                others.append(f"{shown(path)}: {what.strerror}")
            except Wrong as what:
                others.append(str(what))
        return None, "no lines, " + "; ".join(others)

    def table(self, elf, calls):
        rows, pc = [], None
        for mark, plus, digits, times in calls:
            offset = int(digits, 16) - (0 if mark == "pc " else 4)  # a return address is behind its call
            if mark == "pc ":
                self.number, pc = 0, offset
            if mark == "lr " and pc is not None and elf.function(pc) and elf.is_framed(pc):
                continue  # the frame record says the same, and x30 was another's since
            places = elf.places(offset) if plus else []
            head = f"#{self.number}"
            self.number += int(times or 1)
            for i, (function, path, line) in enumerate(places):
                rows.append(("" if i else head, function, f"{shown(path)}:{line}" if path else shown(elf.path)))
            if not places:
                rows.append((head, f"{plus}0x{digits}", f"not in the code of {shown(elf.path)}"))
            if times:
                rows.append(("", f"... {times} times", ""))
        width = min(28, max(14, *(len(row[1]) for row in rows), 0))
        return [f"    {head:<3} {function:<{width}} {place}".rstrip() for head, function, place in rows]


def shown(path):
    """A path as a person at the checkout, or where the ELF was built, would write it."""
    path = os.path.normpath(path)
    inside = os.path.relpath(os.path.realpath(path), build.ROOT)
    return path if inside.startswith("..") else inside


class Stream:
    """Bytes of a terminal session in; the same out, with lines added behind those that end."""

    def __init__(self, symboliser):
        self.symboliser, self.line = symboliser, b""

    def feed(self, data):
        out = b""
        while b"\n" in data:
            end, data = data.split(b"\n", 1)
            self.line += end
            ending = b"\r\n" if self.line.endswith(b"\r") else b"\n"
            more = self.symboliser.after(self.line.decode(errors="replace"))
            out += end + b"\n" + b"".join(text.encode() + ending for text in more)
            self.line = b""
        self.line = (self.line + data)[-4096:]
        return out + data


def annotated(text, symboliser):
    """The same for text that is whole."""
    return Stream(symboliser).feed(text.encode(errors="replace")).decode(errors="replace")


def main():
    parser = argparse.ArgumentParser(prog="tools/symbolise", formatter_class=helptext.Formatter,
                                     description="Prints a log, for example of a board's serial port, with function, file and "
                                     "line behind\nwhat it says of crashes.",
                                     epilog="status: 0, 1 a file cannot be read, 2 options")
    parser.add_argument("--build", metavar="DIR", default=build.BUILD, help="the build that ran (default: %(default)s)")
    parser.add_argument("--elf", metavar="FILE.elf", action="append", default=[],
                        help="an image from elsewhere, not stripped; may be repeated")
    parser.add_argument("log", metavar="LOG", nargs="?", help="a file (default: the standard input)")
    args = parser.parse_args()
    for path in args.elf:
        try:
            Elf(path)
        except (OSError, Wrong) as what:
            parser.error(f"--elf: {what}")
    stream = Stream(Symboliser(args.build, args.elf))
    try:
        with open(args.log, "rb") if args.log else open(0, "rb", closefd=False) as log:
            while data := os.read(log.fileno(), 65536):
                sys.stdout.buffer.write(stream.feed(data))
                sys.stdout.flush()
    except OSError as what:
        print(f"tools/symbolise: {args.log or 'standard input'}: {what.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
