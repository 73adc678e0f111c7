# SPDX-License-Identifier: BSD-2-Clause
"""What tools/run --add looks at in an ELF file before it puts it into the boot archive: whether Cambium can load it, and
whether it is a driver, a mux or a program. init looks again (libsys/image/elf.c), and is the one to be trusted."""
import os
import re
import struct

import build

MACHINES = {3: "x86", 40: "32-bit Arm", 62: "x86-64", 183: "AArch64", 243: "RISC-V"}
ET_REL, ET_DYN, EM_AARCH64, SHT_NOBITS, SHT_SYMTAB = 1, 3, 183, 8, 2
HEAD, SEGMENT, SECTION, SYMBOL = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ", "<IIQQQQIIQQ", "<IBBHQQ"
MATCH = "<48s16s64sII"  # struct dev_match of libsys/include/cambium/match.h
MATCH_SERVICE = 2
FOLDERS = {"driver": "drv", "mux": "mux", "program": "bin"}
SPARE = "spare"  # the folder of the archive whose images claim nothing: for restart --from


class Odd(Exception):
    """Why a file cannot be an image of Cambium's: the end of a sentence that begins with its name."""


class Image:
    """.kind: "driver", "mux" or "program"; .claims: (compatible, is_service) of each entry of its match table."""

    def __init__(self, data):
        self.data = data
        self.head = check_head(data)
        sections = read_sections(data, self.head)
        check_segments(data, self.head)
        check_abi(data, sections)
        self.claims = read_claims(data, sections)
        services = [is_service for _, is_service in self.claims]
        self.kind = ("mux" if all(services) else "driver") if services else "program"
        if self.kind == "program" and "event_wait" in symbols(data, sections):
            raise Odd("loops over event_wait, as drivers do, but has no match table: DEV_MATCH_TABLE in its source names "
                      "the nodes that it serves (<cambium/match.h>)")

    @property
    def folder(self):
        return FOLDERS[self.kind]


def look(path):
    """The Image in a file; raises Odd."""
    with open(path, "rb") as f:
        return Image(f.read())


def check_head(data):
    if data[:4] != b"\x7fELF":
        raise Odd("not an ELF file")
    if len(data) > 4 and data[4] == 1:
        raise Odd("a 32-bit ELF file, where Cambium runs 64-bit AArch64 only")
    if len(data) < struct.calcsize(HEAD):
        raise Odd("cut off: shorter than an ELF header")
    head = struct.unpack_from(HEAD, data)
    kind, machine = head[1:3]
    if head[0][5] != 1 or machine != EM_AARCH64:
        name = "big-endian AArch64" if machine in (EM_AARCH64, EM_AARCH64 << 8) else MACHINES.get(machine, f"machine {machine}")
        raise Odd(f"not an ELF file for AArch64, but for {name}: compile it with the cross file of Cambium's SDK")
    if kind != ET_DYN:
        raise Odd("not linked yet (an object file)" if kind == ET_REL else
                  "not position independent: link it with the options of cambium.pc or cambium-server.pc")
    return head


def read_sections(data, head):
    """{name: (type, offset, size)}"""
    at, size, count, names = head[6], head[11], head[12], head[13]
    if count == 0 or size != struct.calcsize(SECTION) or names >= count:
        raise Odd("damaged: its section headers make no sense")
    if at + size * count > len(data):
        raise Odd(f"cut off: {len(data)} bytes, where its section headers go to byte {at + size * count}")
    rows = [struct.unpack_from(SECTION, data, at + size * i) for i in range(count)]
    strings = data[rows[names][4]:rows[names][4] + rows[names][5]]
    return {strings[row[0]:].split(b"\0")[0].decode("latin1"): (row[1], row[4], row[5]) for row in rows}


def check_segments(data, head):
    at, size, count = head[5], head[9], head[10]
    if size != struct.calcsize(SEGMENT) or at + size * count > len(data):
        raise Odd("damaged: its program headers make no sense")
    for i in range(count):
        _, _, offset, _, _, length, _, _ = struct.unpack_from(SEGMENT, data, at + size * i)
        if offset + length > len(data):
            raise Odd(f"cut off: {len(data)} bytes, where a segment goes to byte {offset + length}")


def contents(data, sections, name):
    kind, offset, size = sections.get(name, (SHT_NOBITS, 0, 0))
    return b"" if kind == SHT_NOBITS else data[offset:offset + size]


def our_abi():
    """ABI_VERSION of this tree."""
    with open(os.path.join(build.ROOT, "kernel", "abi", "abi.h"), encoding="utf-8") as f:
        return int(re.search(r"^#define ABI_VERSION (\d+)$", f.read(), re.M)[1])


def check_abi(data, sections):
    told = contents(data, sections, ".cambium.abi")
    if len(told) != 4:
        raise Odd("does not tell its ABI version (no section .cambium.abi): it was not linked with libsys and server.ld")
    must_be_our_abi(*struct.unpack("<I", told))


def must_be_our_abi(version):
    if version != our_abi():
        raise Odd(f"built for version {version} of the kernel's ABI, and this kernel's is {our_abi()}: build it anew against "
                  "this Cambium's SDK")


def read_claims(data, sections):
    table = contents(data, sections, ".cambium.match")
    if len(table) % struct.calcsize(MATCH):
        raise Odd("its match table is damaged: entries are DEV_MATCH(...) only (<cambium/match.h>)")
    claims = []
    for compatible, _, _, flags, abi in struct.iter_unpack(MATCH, table):
        must_be_our_abi(abi)
        claims.append((compatible.split(b"\0")[0].decode("latin1"), bool(flags & MATCH_SERVICE)))
    if any(not compatible for compatible, _ in claims):
        raise Odd("its match table has an entry without a compatible string")
    return claims


def symbols(data, sections):
    """Names in the symbol table; none in a stripped file."""
    table, strings = contents(data, sections, ".symtab"), contents(data, sections, ".strtab")
    size = struct.calcsize(SYMBOL)
    starts = [row[0] for row in struct.iter_unpack(SYMBOL, table[:len(table) // size * size])]
    return {strings[at:strings.find(b"\0", at)].decode("latin1") for at in starts}


# ---- names in the archive ----

def split(option):
    """What --add was given, as (name or None, path): FILE or NAME=FILE."""
    if os.path.exists(option) or "=" not in option:
        return None, option
    name, path = option.split("=", 1)
    return name, path


def place(option):
    """(name in the archive, path) of what --add was given; raises Odd, with the file's name in it."""
    name, path = split(option)
    if not os.path.isfile(path):
        raise Odd(f"{path}: no such file")
    try:
        image = look(path)
    except Odd as what:
        raise Odd(f"{path}: {what}") from None
    if name is None:
        name = os.path.splitext(os.path.basename(path))[0]
    folder, _, short = name.rpartition("/")
    if not re.fullmatch(r"[A-Za-z0-9_.+-]{1,31}", short):
        raise Odd(f"{path}: {short!r} is no name of at most 31 letters, digits, _ . + -; --add NAME=FILE gives it another")
    if folder not in ("", SPARE, image.folder):
        raise Odd(f"{path}: a {image.kind} goes into {image.folder}/ or {SPARE}/ of the archive, not into {folder}/")
    return f"{folder or image.folder}/{short}", path


def clash(archive, added):
    """A sentence about an image of `added` that claims what another image claims, or None. archive: {name: bytes} of all
    images, added: {name in it: path}."""
    owners = {}
    for name, data in sorted(archive.items()):
        if name.split("/")[0] not in FOLDERS.values():
            continue
        try:
            claims = Image(data).claims
        except Odd:
            continue  # init says so
        for claim in claims:
            owners.setdefault(claim, []).append(name)
    for (claim, _), names in owners.items():
        for name in names if len(names) > 1 else []:
            if name in added:
                path, other = added[name], next(n for n in names if n != name)
                short = other.split("/")[1]
                return (f"{path}: {other} claims \"{claim}\" already. To take its place: --add {short}={path}; to wait for "
                        f"`restart {short} --from {SPARE}/{name.split('/')[1]}`: --add {SPARE}/{name.split('/')[1]}={path}")
    return None
