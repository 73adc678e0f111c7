# SPDX-License-Identifier: BSD-2-Clause
"""From a crash to its line: what init says of programs and drivers that crash in each way, and the kernel of itself and of
init, names the cause in words, and symbolised the functions and lines of the way there."""
import os
import re
import struct

import boot as library
import gdbstub
import pytest
import symbolise

KERNEL = 0xffffffff80000000  # where the image lies if the tree has no seed


def source(name):
    with open(os.path.join(library.ROOT, "tests", "system", "programs", name + ".c"), encoding="utf-8") as f:
        return f.read().splitlines()


def line_of(name, word):
    """The number of the line that says so in a comment."""
    return next(number for number, text in enumerate(source(name), 1) if f"/* line: {word} */" in text)


def symboliser(*programs):
    return symbolise.Symboliser(library.BUILD, [os.path.join(library.PROGRAMS, name + ".elf") for name in programs])


def frames(text, file):
    """[(function, line)] of the rows that tools/run adds; line None: not of `file`."""
    rows = re.findall(r"^    (?:#\d+|  ) +(\S+) +(\S+):(\d+)$", text, re.M)
    return [(function, int(line) if path.endswith(file) else None) for function, path, line in rows]


def narrow(text):
    """Nothing of a report is wider than a terminal, but for what has a path or an assertion in it."""
    return all(len(line) <= 80 for line in text.splitlines() if "] error: [init]   " in line)


WAYS = {  # what init says, and the innermost calls
    "null": ["fault: cannot read 0x10\n", "NULL + 0x10\n"],
    "code": ["fault: cannot write 0x", "in its image: code\n"],
    "jump": ["fault: jumped to 0x40\n"],
    "data": ["fault: jumped to 0x", "in its image: data\n"],
    "undefined": ["fault: bad instruction 0x00000007\n"],
    "call": ["fault: no such system call: 999\n"],
    "unaligned": ["fault: unaligned access to 0x", "in its image: data\n"],
    "overflow": ["fault: stack overflow of the first thread, 16 KiB\n", "bytes below the stack"],
    "inline": ["fault: cannot read 0x20\n"],
    "assert": ["error: [crash] assertion failed: hidden == 1, ", "tests/system/programs/crash.c:", "fault: breakpoint"],
}
GARBAGE = ["frames", "loop", "stack"]  # the way there is lost, the rest is said


@pytest.fixture
def crash(boot, tmp_path):
    """A machine at its prompt; crash(way) -> what was said, symbolised."""
    machine = boot(initrd=library.archive(tmp_path, {**library.entries(), "bin/crash": library.program("crash")}))
    machine.prompt()
    symbols = symboliser("crash")
    return lambda way: symbolise.annotated(machine.run(f"crash {way}"), symbols)


def test_a_program_that_crashes_is_reported_with_cause_functions_and_lines(crash):
    for way, said in WAYS.items():
        text = crash(way)
        found = frames(text, "crash.c")
        for part in said:
            assert part in text, text
        assert narrow(text), text
        names = [name for name, _ in found]
        if way == "inline":
            assert found[:2] == [("inlined", line_of("crash", "inlined")), ("by_inline", line_of("crash", "inlining"))], text
        elif way != "overflow":
            assert (f"by_{way}", line_of("crash", way)) in found[:2], text
        else:
            assert set(names[:3]) == {"by_overflow"} and re.search(r"^ +\.\.\. \d\d times$", text, re.M), text
        assert found[names.index("middle"):][:2] == [("middle", line_of("crash", "middle")), ("main", line_of("crash", "main"))]
        assert names[-1] == "crt_main"
        text = crash(way + " in-thread")
        found = frames(text, "crash.c")
        assert ("in_thread", line_of("crash", "thread")) in found and "crt_main" not in [name for name, _ in found], text
        assert ("stack overflow of thread" in text) == (way == "overflow")
    for way in GARBAGE:
        text = crash(way)
        assert "error: [init] bin/crash: fault: cannot read" in text and "PSTATE=" in text, text
        assert frames(text, "crash.c")[0][0] in ("by_null", "by_stack") and narrow(text)
    assert "cannot read 0x10" in crash("null")  # init is as it was


@pytest.fixture
def crasher(boot, tmp_path):
    """A machine with a driver that crashes until it is broken, in a window where nothing answers."""
    tree = library.qemu_tree(tmp_path)
    tree.add_subnode(0, "crasher@b000000")
    tree.setprop_str(tree.path_offset("/crasher@b000000"), "compatible", "cambium,test-crasher")
    tree.setprop(tree.path_offset("/crasher@b000000"), "reg", struct.pack(">QQ", 0xb000000, 0x1000))
    initrd = library.archive(tmp_path, {**library.entries(), "drv/crasher": library.program("crasher")})
    return boot(initrd=initrd, dtb=library.save(tmp_path, "crasher.dtb", library.blob(tree)))


def test_a_driver_that_crashes_is_reported_with_its_node_and_what_the_window_holds(crasher):
    crasher.expect("/crasher@b000000: drv/crasher is broken", timeout=30)
    text = symbolise.annotated(library.machine.clean(crasher.text), symboliser("crasher"))
    reports = re.split(r"error: \[init\] /crasher@b000000: fault: ", text)[1:]
    says = [("the bus reports an error at 0x", "register 0x18 of window 0", "0xb000000 + 0x1000"),
            ("cannot read 0x", "4 bytes behind the end of window 0", "0xb000000 + 0x1000"),
            ("breakpoint",),
            ("stack overflow of the first thread, 16 KiB",)]
    assert len(reports) >= len(says), text
    for report, said in zip(reports, says):
        assert all(part in report for part in said) and narrow(report), report
    read = ("read_register", line_of("crasher", "read"))
    assert frames(reports[0], "crasher.c")[:3] == [("mmio_read32", None), read, ("main", line_of("crasher", "bus"))]
    assert frames(reports[1], "crasher.c")[:3] == [("mmio_read32", None), read, ("main", line_of("crasher", "behind"))]
    assert frames(reports[2], "crasher.c")[:3] == [("__assert_func", None), ("checks", line_of("crasher", "assert")),
                                                   ("main", line_of("crasher", "checks"))]
    assert ("overflows", line_of("crasher", "overflow")) in frames(reports[3], "crasher.c")


def strings_of(elf, text):
    """Where a string lies in the image."""
    return elf.section(".rodata").index(text) + elf.sections[".rodata"][3]


@pytest.mark.parametrize("how", ["read", "overflow", "jump", "assert"])
def test_a_panic_of_the_kernel_says_cause_registers_and_the_way_there(boot, tmp_path, how):
    """The kernel is made to fail in a call of the shell's by the debugger."""
    elf = symbolise.Elf(os.path.join(library.BUILD, "kernel", "kernel.elf"))
    symbols = library.kernel_symbols()
    stub = gdbstub.Stub(tmp_path)
    machine = boot(extra=stub.options, timeout=20, properties=["dtb-randomness=off"])
    machine.prompt()
    stub.connect()
    stub.run_to([KERNEL + symbols["sys_info"]], lambda: machine.send("ps\r"))
    stub.set_register(20, 0x1234567890)
    if how == "read":
        stub.set_register(0, 0x123456)
    elif how == "overflow":
        stub.set_register(gdbstub.SP, KERNEL + symbols["__boot_stack"] - 64)
    elif how == "jump":
        stub.set_register(gdbstub.PC, 0x40)
    else:
        for number, text in enumerate((b"/psci\0", b"init\0")):
            stub.set_register(number, KERNEL + strings_of(elf, text))
        stub.set_register(2, 77)
        stub.set_register(gdbstub.PC, KERNEL + symbols["assert_failed"])
    stub.go()
    machine.expect(r"\[kernel\] kernel 0x[0-9a-f]+: pc ", timeout=20)
    with pytest.raises(library.machine.Stopped) as rest:  # nothing ends it
        machine.expect("never", timeout=1)
    text = symbolise.annotated(library.machine.clean(rest.value.output) + "\n", symboliser())
    assert {"read": "PANIC: kernel: read 0x1235",
            "overflow": "(stack overflow)",
            "jump": "PANIC: kernel: execute 0x40\n",
            "assert": "PANIC: init:77: assertion failed: /psci\n"}[how] in text, text
    assert all(len(line) <= 80 for line in text[text.index("PANIC"):].splitlines() if "[kernel] " in line), text
    assert "core 0, process shell, thread " in text and "x20 0x1234567890" in text
    names = [name for name, _ in frames(text, "")]
    callers = "syscall", "slow_locked"  # by a tail call, or not where nothing is optimised
    assert names[0] in {"read": ["sys_info"], "overflow": ["sys_info"], "assert": ["assert_failed"], "jump": callers}[how], text


def test_a_panic_for_init_says_cause_registers_and_the_way_there(boot, tmp_path):
    """A program in the place of init."""
    machine = boot(initrd=library.archive(tmp_path, {**library.entries(), "init": library.program("crash")}))
    machine.expect(r"PANIC: init: read 0x10\r", timeout=20)
    found = machine.expect(r"init 0x[0-9a-f]+: pc \+(0x\w+) lr \+(0x\w+)\r+\n", timeout=5)
    offsets = [int(found[1], 16), int(found[2], 16) - 4]
    for _ in range(2):
        offsets.append(int(machine.expect(r"init 0x[0-9a-f]+: \+(0x\w+)\r+\n", timeout=5)[1], 16) - 4)
    elf = symbolise.Elf(os.path.join(library.PROGRAMS, "crash.elf"))
    places = [elf.places(offset)[-1] for offset in offsets]
    assert [name for name, _, _ in places] == ["by_null", "middle", "main", "crt_main"]
    assert places[0][2] == line_of("crash", "null") and places[1][2] == line_of("crash", "middle")
