# SPDX-License-Identifier: BSD-2-Clause
"""From executed instructions and gcov's counts to lines and branches of the source, for tools/coverage.

A line is (path, number). A branch is (path, function, number of its line, how many branches of that function and line come
before it); it has two outcomes, TAKEN and PASSED. All code is built -O0, where the compiler keeps the source's structure:
each line has instructions of its own, each condition of && and || a branch of its own, and what is linked into many
images is the same in each.
"""
import collections
import json
import os
import re
import struct
import subprocess

PAGE = 4096
EXECUTED, TAKEN, PASSED = 1, 2, 4
Instruction = collections.namedtuple("Instruction", "address path function line branch")  # branch: ordinal, or None


# ---- ELF files ----

class Elf:
    """Of an AArch64 ELF file: its bytes, code pages, functions, and which parts of the code are instructions."""

    def __init__(self, data):
        self.data = data
        self.entry, segments, sections = struct.unpack_from("<3Q", data, 24)
        size, count, section_size, section_count = struct.unpack_from("<4H", data, 54)
        self.segments = [struct.unpack_from("<IIQQQQ", data, segments + i * size) for i in range(count)]
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", data, sections + i * section_size) for i in range(section_count)]

    def pages(self):
        """(address, 4096 bytes) of each page of the executable segments, as a loader fills them."""
        for kind, flags, at, address, _, length in self.segments:
            if kind != 1 or not flags & 1:  # PT_LOAD, PF_X
                continue
            if address % PAGE:
                raise ValueError(f"a segment begins at {address:#x}, not on a page")
            data = self.data[at:at + length]
            for page in range(0, len(data), PAGE):
                yield address + page, data[page:page + PAGE].ljust(PAGE, b"\0")

    def symbols(self):
        """(address, name) of each symbol of the code, by address."""
        found = []
        for _, kind, _, _, at, length, link, *_ in self.sections:
            if kind == 2:  # SHT_SYMTAB
                names = self.sections[link][4]
                for i in range(at, at + length, 24):
                    name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", self.data, i)
                    if 0 < section < len(self.sections) and self.sections[section][2] & 4:  # SHF_EXECINSTR
                        end = self.data.index(0, names + name)
                        found.append((value, self.data[names + name:end].decode()))
        return sorted(found)

    def words(self):
        """(address, instruction, function); mapping symbols ($x, $d) part instructions from data (AAELF64, 5.5.5)."""
        symbols = self.symbols()
        for _, kind, flags, address, at, length, *_ in self.sections:
            if kind != 1 or not flags & 4:  # SHT_PROGBITS
                continue
            starts = [s for s in symbols if address <= s[0] < address + length] + [(address + length, "")]
            function, is_code = None, True
            for (start, name), (end, _) in zip(starts, starts[1:]):
                if name.startswith("$"):
                    is_code = name.startswith("$x")
                else:
                    function = name
                if is_code and function:
                    for i in range(start, end - 3, 4):
                        yield i, struct.unpack_from("<I", self.data, at + i - address)[0], function


def decides(word):
    """Whether an instruction is a conditional branch: as tools/coverage-plugin.c, so one to the next instruction is none."""
    if (word & 0xff000000 == 0x54000000 and word & 0xe != 0xe) or word & 0x7e000000 == 0x34000000:
        return word >> 5 & 0x7ffff not in (0, 1)
    return word & 0x7e000000 == 0x36000000 and word >> 5 & 0x3fff not in (0, 1)


# ---- lines ----

def line_table(lines):
    """{address: (path, line)} of the first instruction of each row, and None where a sequence ends, from the output of
    `llvm-dwarfdump --debug-line`. Sequences at address 0 are functions that the linker left out, but for assembly, of
    which it leaves out nothing."""
    table, folders, files, rows = {}, {}, {}, []
    for text in lines:
        if text.startswith("0x"):
            address, line, _, number, *flags = text.split()
            rows.append((int(address, 16), None if "end_sequence" in flags else (files.get(int(number)), int(line))))
            if rows[-1][1] is None:
                if rows[0][0] != 0 or (rows[0][1][0] or "").endswith(".S"):
                    for at, place in rows:
                        if place is not None or at not in table:
                            table[at] = place
                rows = []
        elif text.startswith("debug_line["):
            folders, files, rows = {}, {}, []
        elif match := re.match(r'include_directories\[ *(\d+)\] = "(.*)"', text):
            folders[int(match[1])] = os.path.join(folders.get(0, ""), match[2])
        elif match := re.match(r"file_names\[ *(\d+)\]:", text):
            number = int(match[1])
        elif match := re.match(r' +name: "(.*)"', text):
            name = match[1]
        elif match := re.match(r" +dir_index: (\d+)", text):
            files[number] = os.path.join(folders[int(match[1])], name)
    return table


def code_of(path, root, folders):
    """The Instructions of an ELF file that come from source files in these folders of root."""
    with open(path, "rb") as f:
        elf = Elf(f.read())
    done = subprocess.run(["llvm-dwarfdump", "--debug-line", path], check=True, stdout=subprocess.PIPE, text=True)
    return list(instructions(elf.words(), line_table(done.stdout.splitlines()), root, folders))


def instructions(words, table, root, folders):
    short, place, function, ordinals = {None: None}, None, None, collections.Counter()
    for address, word, name in words:
        if name != function:
            place, function, ordinals = None, name, collections.Counter()
        place = table.get(address, place)
        if place is None or word == 0:  # padding
            continue
        if place[0] not in short:
            inside = os.path.relpath(os.path.realpath(place[0]), root)
            short[place[0]] = inside if inside.startswith(tuple(f + "/" for f in folders)) else None
        if short[place[0]] is None:
            continue
        branch = None
        if decides(word):
            branch = ordinals[place]
            ordinals[place] += 1
        yield Instruction(address, short[place[0]], function, place[1], branch)


# ---- images ----

class Images:
    """The pages of code of all images, in the order in which the plugin numbers them."""

    def __init__(self):
        self.pages = []  # (content, instructions by address of the image, address)
        self.known = {}

    def add(self, elf, code):
        """elf: the bytes that are booted; code: the instructions of the same image with debug information."""
        by_address = {i.address: i for i in code}
        for address, content in Elf(elf).pages():
            if content not in self.known:
                self.known[content] = len(self.pages)
                self.pages.append((content, by_address, address))

    def write(self, path):
        with open(path, "wb") as f:
            f.writelines(content for content, _, _ in self.pages)

    def written(self, path):
        """Whether a file is what write() would write."""
        if not os.path.exists(path):
            return False
        with open(path, "rb") as f:
            return f.read() == b"".join(content for content, _, _ in self.pages)

    def size(self):
        """Of the plugin's output."""
        return len(self.pages) * (PAGE // 4) + 8

    def executed(self, record):
        """(instruction, bits) for each instruction that the plugin's output says something about."""
        if len(record) != self.size():
            raise ValueError("the record is not of these images")
        for page, (_, by_address, address) in enumerate(self.pages):
            base = page * (PAGE // 4)
            for i in range(PAGE // 4):
                if record[base + i] and address + i * 4 in by_address:
                    yield by_address[address + i * 4], record[base + i]


# ---- what was reached ----

class Coverage:
    """Lines and branches that exist, and what was reached of them on the target and on the host."""

    def __init__(self):
        self.lines = {}                            # (path, line): function
        self.branches = set()                      # (path, function, line, ordinal)
        self.target_lines, self.host_lines = set(), set()
        self.target_ways = collections.Counter()   # branch: TAKEN | PASSED
        self.host_ways = {}                        # (path, function, line): counts of gcov's arcs, in its order

    def exists(self, code):
        for i in code:
            self.lines.setdefault((i.path, i.line), i.function)
            if i.branch is not None:
                self.branches.add((i.path, i.function, i.line, i.branch))

    def forget(self, source):
        """Drops what says nothing about the source, whose lines source(path) gives: lines that are a brace; branches of
        assertions (which must not go the other way), of the search for a case (whose lines say whether it was found) and
        inside va_arg."""
        self.lines = {(path, line): function for (path, line), function in self.lines.items()
                      if source(path)[line - 1].strip() not in ("{", "}", "};")}
        for path in {branch[0] for branch in self.branches}:
            asserting, dropped = False, set()
            for number, text in enumerate(source(path), 1):
                asserting = asserting or re.match(r"\s*assert\(", text) is not None
                if asserting or re.match(r"\s*switch \(", text) or "va_arg(" in text:
                    dropped.add(number)
                asserting = asserting and ";" not in text
            self.branches = {b for b in self.branches if b[0] != path or b[2] not in dropped}

    def on_target(self, executed):
        for i, bits in executed:
            if bits & EXECUTED:
                self.target_lines.add((i.path, i.line))
            if i.branch is not None:
                self.target_ways[i.path, i.function, i.line, i.branch] |= bits & (TAKEN | PASSED)

    def on_host(self, path, report):
        """One file of gcov's JSON."""
        for line in report["lines"]:
            number, function = line["line_number"], line.get("function_name")
            if (path, number) not in self.lines:
                continue  # what the target does not have (a fake's macro)
            if line["count"]:
                self.host_lines.add((path, number))
            # of each pair of arcs the one that falls through first
            arcs = [b["count"] for b in line["branches"]]
            for i in range(0, len(arcs) - 1, 2):
                if line["branches"][i + 1]["fallthrough"]:
                    arcs[i], arcs[i + 1] = arcs[i + 1], arcs[i]
            key = (path, function, number)
            known = self.host_ways.get(key)
            if arcs and (known is None or len(known) == len(arcs)):
                self.host_ways[key] = [a + b for a, b in zip(known or [0] * len(arcs), arcs)]

    def reached(self, line):
        return line in self.target_lines or line in self.host_lines

    def outcomes(self):
        """{branch: [names of the outcomes that nothing reached]}. The host's arcs count one by one where there are two for
        each branch of the line; else only if all of the line were reached."""
        per_line = collections.Counter(b[:3] for b in self.branches)
        missing = {}
        for branch in self.branches:
            ways, arcs = self.target_ways[branch], self.host_ways.get(branch[:3], [])
            if arcs and all(arcs):
                ways = TAKEN | PASSED
            elif len(arcs) == 2 * per_line[branch[:3]]:
                passed, taken = arcs[2 * branch[3]:2 * branch[3] + 2]
                ways |= (PASSED if passed else 0) | (TAKEN if taken else 0)
            missing[branch] = [name for way, name in ((TAKEN, "taken"), (PASSED, "passed")) if not ways & way]
        return missing


def counts_of(build):
    """All .gcda files below build; of ../../kernel/x.c Meson makes a name that begins with a dot, which glob leaves out."""
    return sorted(os.path.join(at, name) for at, _, names in os.walk(build) for name in names if name.endswith(".gcda"))


def gcov_reports(build, root, folders):
    """(path, report) of each source file in these folders, from every .gcda file below build."""
    notes = counts_of(build)
    for start in range(0, len(notes), 50):
        done = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", *notes[start:start + 50]],
                              cwd=build, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for text in done.stdout.splitlines():
            for report in json.loads(text)["files"]:
                path = os.path.relpath(os.path.realpath(os.path.join(build, report["file"])), root)
                if path.startswith(tuple(f + "/" for f in folders)):
                    yield path, report
