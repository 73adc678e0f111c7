# SPDX-License-Identifier: BSD-2-Clause
"""tools/symbolise finds function, file and line of what a crash report says, in the right file only, and never a wrong line:
an image made like a program, with inlined, discarded and header functions, is looked up instruction by instruction."""
import os
import re
import struct
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
sys.dont_write_bytecode = True
import coverage_map  # noqa: E402
import symbolise  # noqa: E402

HEADER = """\
static __attribute__((noinline)) int in_header(int x)
{
    return x * 3;
}
static inline __attribute__((always_inline)) int inlined(const int *p)
{
    return *p + 1;
}
"""
SOURCE = """\
#include "thing.h"
int discarded(int x);
int discarded(int x)
{
    for (int i = 0; i < x; i++) {
        x += in_header(x) * i;
        x ^= 0x1234;
    }
@LONG@
    return x;
}
int middle(const int *p);
__attribute__((noinline)) int middle(const int *p)
{
    return inlined(p) + in_header(*p);
}
__attribute__((noinline)) static int leaf(int x)
{
    return x / 7;
}
__asm__(".pushsection .text.in_asm, \\"ax\\"\\n.type in_asm, %function\\nin_asm: nop\\n ret\\n.size in_asm, . - in_asm\\n.popsection");
void in_asm(void);
void _start(int *p);
void _start(int *p)
{
    p[0] = middle(p);
    in_asm();
    p[1] = leaf(p[0]);
    for (;;) {
    }
}
const unsigned abi __attribute__((section(".cambium.abi"), used)) = 1;
""".replace("@LONG@", "\n".join(f"    x += *(volatile int *)0x{n}000;" for n in range(1000, 1300)))  # lies where the others are
FLAGS = ["-O2", "-ffunction-sections", "-fPIE", "-nostdlib", "-static", "-Wl,-pie", "-Wl,--no-dynamic-linker", "-Wl,--gc-sections",
         "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096", "-T", os.path.join(ROOT, "servers", "server.ld")]


def made(folder, name="thing.elf", source=SOURCE, how=("-g",)):
    """The image's path."""
    for file, text in ("thing.h", HEADER), ("thing.c", source):
        (folder / file).write_text(text)
    out = folder / name
    subprocess.run(["aarch64-linux-gnu-gcc", *how, *FLAGS, "-o", out, folder / "thing.c"], check=True, cwd=folder,
                   stderr=subprocess.DEVNULL)
    return str(out)


@pytest.fixture(scope="module")
def thing(tmp_path_factory):
    return made(tmp_path_factory.mktemp("thing"))


def at(elf, function):
    """The offset of a function's first instruction."""
    return next(start for start, _, name in elf.functions if name == function)


def report(elf, calls, name="bin/thing", number=None, who="init"):
    number = elf.id() if number is None else number
    return f"[    1.234567] error: [{who}]   {name} {number:08x}: {calls}"


def lines_of(text, function):
    """The numbers of a function's lines in the source."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if f" {function}(" in line and not line.endswith(";"))
    return range(first + 1, lines.index("}", first) + 2)


@pytest.mark.parametrize("how", [["-g"], ["-gdwarf-4"], ["-gdwarf-3", "-gstrict-dwarf"], ["-g", "-gz"], ["-g", "-O0"]],
                         ids=["dwarf5", "dwarf4", "dwarf3", "compressed", "unoptimised"])
def test_no_instruction_is_shown_at_a_line_outside_of_its_functions(tmp_path, how):
    path = made(tmp_path, how=how)
    elf = symbolise.Elf(path)
    seen = set()
    for offset, word, function in coverage_map.Elf(elf.data).words():
        places = elf.places(offset)
        if word in (0, 0xd503201f) and not places:
            continue  # between functions
        assert places[-1][0] == function
        if function == "in_asm":
            assert places == [("in_asm", None, None)]
            continue
        for name, file, line in places:
            seen.add(name)
            text, ending = (HEADER, "thing.h") if name in ("in_header", "inlined") else (SOURCE, "thing.c")
            assert file.endswith(ending) and line in lines_of(text, name), (hex(offset), places)
    assert {"_start", "middle", "leaf", "in_header"} <= seen and "discarded" not in seen
    assert "inlined" in seen


def test_a_report_gets_a_numbered_row_for_each_function(thing):
    elf = symbolise.Elf(thing)
    symbols = symbolise.Symboliser("/nowhere", [thing])
    call = next(offset for offset, word, function in coverage_map.Elf(elf.data).words()
                if function == "_start" and word >> 26 == 0x25) + 4  # bl
    rows = symbols.after(report(elf, f"pc +{at(elf, 'leaf'):#x} lr +{call:#x}"))
    assert [row.split()[:2] for row in rows] == [["#0", "leaf"], ["#1", "_start"]]
    assert rows[1].endswith(f"thing.c:{SOURCE.splitlines().index('    p[0] = middle(p);') + 1}")
    rows = symbols.after(report(elf, f"+{call:#x}*60 +{call:#x}"))  # goes on
    assert [row.split()[:2] for row in rows] == [["#2", "_start"], ["...", "60"], ["#62", "_start"]]
    assert symbols.after(report(elf, f"pc +{call:#x} lr +{call:#x}"))[0].split()[0] == "#0"


def test_the_link_register_counts_only_while_there_is_no_frame_record(thing):
    elf = symbolise.Elf(thing)
    symbols = symbolise.Symboliser("/nowhere", [thing])
    code = list(coverage_map.Elf(elf.data).words())
    made_at = next(o for o, word, function in code if function == "middle" and word & 0xffc003ff == 0x910003fd)
    lr = f"lr +{at(elf, '_start') + 16:#x}"
    assert len(symbols.after(report(elf, f"pc +{made_at:#x} {lr}"))) == 2
    rows = symbols.after(report(elf, f"pc +{made_at + 4:#x} {lr}"))
    assert not any("_start" in row for row in rows)
    assert any("_start" in row for row in symbols.after(report(elf, f"pc 0x40 {lr}")))  # jumped away


def test_another_build_is_named_and_not_looked_up(thing, tmp_path):
    other = made(tmp_path, source=SOURCE.replace("x / 7", "x / 9"))
    elf, wrong = symbolise.Elf(thing), symbolise.Elf(other)
    assert elf.id() != wrong.id()
    calls = f"pc +{at(elf, 'leaf'):#x}"
    rows = symbolise.Symboliser("/nowhere", [other]).after(report(elf, calls))
    assert len(rows) == 1 and "another build" in rows[0] and f"{wrong.id():08x}" in rows[0] and "leaf" not in rows[0]
    assert "leaf" in symbolise.Symboliser("/nowhere", [other, thing]).after(report(elf, calls))[0]
    rows = symbolise.Symboliser("/nowhere").after(report(elf, calls))
    assert len(rows) == 1 and "no lines" in rows[0] and "thing.elf" in rows[0]


def test_the_number_is_that_of_the_code_stripped_or_not(thing, tmp_path):
    """And it is the same sum as init's (init_fault_test.c has an example)."""
    subprocess.run(["aarch64-linux-gnu-strip", "-o", tmp_path / "stripped", thing], check=True)
    elf, stripped = symbolise.Elf(thing), symbolise.Elf(str(tmp_path / "stripped"))
    assert elf.id() == stripped.id()
    assert stripped.places(at(elf, "leaf")) == []
    number = 0
    for word, in struct.iter_unpack("<I", elf.section(".text")):
        number = number * 31 + word
    assert elf.id() == number % 2**32


def test_init_in_a_panic_is_looked_up_by_what_it_said_of_itself(thing, tmp_path):
    os.mkdir(tmp_path / "servers")
    os.symlink(thing, tmp_path / "servers" / "init.elf")
    elf = symbolise.Elf(thing)
    line = f"[    1.234567] [kernel] init 0xdeadbeef: pc +{at(elf, 'leaf'):#x} lr +0x0"
    symbols = symbolise.Symboliser(str(tmp_path))
    assert "do not say" in symbols.after(line)[0]
    assert symbols.after(f"[    0.100000] [init] build {elf.id():08x}") == []
    assert "leaf" in symbols.after(line)[0]
    assert symbols.after(f"[    0.100000] [init] build {elf.id() ^ 1:08x}") == []
    assert "another build" in symbols.after(line)[0]


@pytest.mark.parametrize("line", ["", "bin/thing 00000000: pc +0x10", "[init] bin/thing 00000000: pc", "[init] bin/thing: pc +0x10",
                                  "[init] bin/thing 00000000: pc +0x10 and more", "[init] bin/thing 123456789: pc +0x10",
                                  "[shell] bin/thing 00000000: pc +0x10", "[init] bin/thing 0000000g: pc +0x10"])
def test_other_lines_get_nothing(thing, line):
    assert symbolise.Symboliser("/nowhere", [thing]).after(line) == []


def test_offsets_that_are_nowhere_are_shown_as_they_are(thing):
    elf = symbolise.Elf(thing)
    symbols = symbolise.Symboliser("/nowhere", [thing])
    for offset in 0, 4, 0x10, 0xfffffff0, 0xffffffffffffffff, 10**20:
        rows = symbols.after(report(elf, f"pc +{offset:#x} lr +{offset:#x} +{offset:#x}"))
        assert rows and all("not in the code" in row for row in rows)


def test_files_that_are_damaged_are_a_reason(thing, tmp_path):
    with open(thing, "rb") as f:
        data = f.read()
    whole = symbolise.Elf(thing)
    for length in (0, 3, 20, 63, 64, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "thing.elf").write_bytes(data[:length])
        rows = symbolise.Symboliser("/nowhere", [str(tmp_path / "thing.elf")]).after(report(whole, f"pc +{at(whole, 'leaf'):#x}"))
        assert len(rows) == 1 and ("damaged" in rows[0] or "not an ELF" in rows[0] or "another build" in rows[0]
                                   or "leaf" in rows[0]), rows


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_a_stream_is_the_same_but_for_the_rows_behind_its_lines(thing, size):
    """In whatever pieces it comes, with a terminal's sequences and line ends."""
    elf = symbolise.Elf(thing)
    said = report(elf, f"pc +{at(elf, 'leaf'):#x}").encode()
    text = b"\r\x1b[K" + said + b"\r\ncambium> \xff\xfe" + 5000 * b"x" + b"\nlast\n" + said + b"\ncambium> "
    stream = symbolise.Stream(symbolise.Symboliser("/nowhere", [thing]))
    out = b"".join(stream.feed(text[i:i + size]) for i in range(0, len(text), size))
    row = rb"    #0  leaf [^\n]*thing\.c:\d+"
    assert re.search(re.escape(said) + b"\r\n" + row + b"\r\ncambium> ", out)
    assert re.search(re.escape(said) + b"\n" + row + b"\ncambium> $", out)
    assert re.sub(row + b"\r?\n", b"", out) == text


def test_the_command_reads_a_file_or_its_input_and_refuses_what_is_no_elf(thing, tmp_path):
    elf = symbolise.Elf(thing)
    (tmp_path / "log").write_text(report(elf, f"pc +{at(elf, 'leaf'):#x}") + "\n")
    (tmp_path / "no.elf").write_text("hello")

    def run(*args, **how):
        return subprocess.run([os.path.join(ROOT, "tools", "symbolise"), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, **how)

    done = run("--elf", thing, str(tmp_path / "log"))
    assert done.returncode == 0 and "leaf" in done.stdout
    with open(tmp_path / "log", encoding="utf-8") as log:
        assert run("--elf", thing, stdin=log).stdout == done.stdout
    done = run(str(tmp_path / "none"))
    assert done.returncode == 1 and "none: No such file" in done.stderr
    done = run("--elf", str(tmp_path / "no.elf"), stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "not an ELF file" in done.stderr
