# SPDX-License-Identifier: BSD-2-Clause
"""Every dts/trees/bad-virt-*.dts (and good-virt-least) is booted and must do what its first comment says, line by line:

    Must: halted: TEXT      the kernel halts, and its reason has TEXT in it
    Must: no prompt         init says that there will be no prompt
    Must: prompt            the shell's prompt comes       (one of these four)
    Must: unseen: TEXT      the tree offers no output; the reason is in the kernel's log in memory
    Must: log: TEXT         is printed before that (`rank N`: whichever it is)
    Must: tree PATH: TEXT   the shell's `tree PATH` says it of that node

What dtc cannot write, or would be too long to read, is made here."""
import glob
import os
import re
import struct

import boot as library
import pytest
from bad_tree_test import silent_reason

SOURCES = os.path.join(library.ROOT, "dts", "trees")
BLOBS = os.path.join(library.BUILD, "tests", "host")
NAMES = sorted(os.path.basename(path)[:-4] for path in [*glob.glob(f"{SOURCES}/bad-virt-*.dts"), "good-virt-least.dts"])
ENDS = {"prompt": re.escape(library.machine.PROMPT), "halted": r"halted: [^\n]*\n", "no prompt": r"there will be no prompt"}


def musts(name):
    with open(f"{SOURCES}/{name}.dts", encoding="utf-8") as f:
        return re.findall(r"^ \* Must: (.*)$", f.read().split("*/")[0], re.M)


def museum(name):
    with open(f"{BLOBS}/{name}.dtb", "rb") as f:
        return f.read()


def run_to_end(boot, folder, tree, timeout=20):
    """The machine, how it ended, and what it printed up to there."""
    machine = boot(**library.loaded_by_hand(folder, tree))
    machine.expect(list(ENDS.values()), timeout)
    end = next(name for name, pattern in ENDS.items() if re.search(pattern + r"\Z", machine.text))
    return machine, end, library.machine.unfolded(library.machine.clean(machine.text))


def test_the_museum_is_open():
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_museum(boot, tmp_path, name):
    rules = [rule.partition(": ") for rule in musts(name)]
    ends = [rule for rule in rules if rule[0] in (*ENDS, "unseen")]
    assert len(ends) == 1, f"{name}.dts must say exactly one of halted, no prompt, prompt, unseen"
    (wanted, _, reason), = ends
    if wanted == "unseen":
        assert reason in silent_reason(boot, tmp_path, tree=museum(name))
        return
    machine, end, output = run_to_end(boot, tmp_path, museum(name))
    assert (end, reason in output.splitlines()[-1]) == (wanted, True), output
    for what, _, text in rules:
        if what == "log":
            assert re.search(re.escape(text).replace("rank\\ N", r"rank\ \d+"), output), output
        elif what.startswith("tree "):
            answer = " ".join(machine.run(what).split())
            assert f"{what.rpartition('/')[2]} " in answer and text in answer, answer
        else:
            assert what in ENDS, f"{name}.dts: what is '{what}'?"


# ---- trees that are made ----

def good():
    """The tree from which the museum's are derived, with room to edit."""
    import libfdt
    tree = libfdt.Fdt(museum("good-virt-gicv2"))
    tree.resize(tree.totalsize() + 4096)
    return tree


def crowd(count, compatible):
    """The same tree with `count` more nodes behind the others, each with registers where the machine has nothing. (dtc's
    parser cannot take so many, and libfdt takes long.)"""
    tree = museum("good-virt-gicv2")
    at, strings, size = (struct.unpack_from(">I", tree, offset)[0] for offset in (8, 12, 36))

    def prop(name, value):
        data = value + bytes(-len(value) % 4)
        return struct.pack(">III", 3, len(value), tree.index(b"\0" + name + b"\0", strings) + 1 - strings) + data

    nodes = b"".join(struct.pack(">I", 1) + b"n%05d\0\0" % n + prop(b"compatible", compatible + b"\0") +
                     prop(b"reg", struct.pack(">QQ", 1 << 40 | n << 12, 4096)) + struct.pack(">I", 2) for n in range(count))
    end = at + size - 8  # the root's FDT_END_NODE
    header = bytearray(tree[:40])
    struct.pack_into(">I", header, 4, len(tree) + len(nodes))  # totalsize
    struct.pack_into(">I", header, 12, strings + len(nodes))
    struct.pack_into(">I", header, 36, size + len(nodes))
    return bytes(header) + tree[40:end] + nodes + tree[end:]


def test_ten_thousand_nodes_boot(boot, tmp_path):
    machine, end, output = run_to_end(boot, tmp_path, crowd(10000, b"test,nobody"))
    assert end == "prompt", output
    _, others = map(int, re.search(r"10057 nodes, (\d+) servers, (\d+) devices without one", output).groups())
    assert others > 10000 and f"{others} more nodes without a server" in machine.run("tree")


def test_ten_thousand_uarts_are_too_many_servers_and_the_log_stays_short(boot, tmp_path):
    machine, end, output = run_to_end(boot, tmp_path, crowd(10000, b"arm,pl011"))
    assert end == "prompt" and "refused: more than 128 servers" in output, output
    assert re.search(r"\d+ more nodes are refused or covered", output), output
    assert output.count("\n") < 200
    assert "REFUSED: more than 128 servers" in machine.run("tree /n09999")
    assert "waits for interrupts" in machine.run("tree /n00001")


def test_nodes_cut_out_by_nops_are_not_there(boot, tmp_path):
    tree = good()
    tree.setprop_str(library.subnode(tree, 0, "pl031"), "compatible", "arm,pl011")
    machine, end, output = run_to_end(boot, tmp_path, nop_node(library.blob(tree), b"pl031"))
    assert end == "prompt" and "56 nodes, " in output, output
    assert "no such node" in machine.run("tree /pl031@9010000")


def test_a_tree_of_more_than_2_mib_is_told_on_its_own_console(boot, tmp_path):
    tree = bytearray(museum("good-virt-gicv2"))
    tree += bytes((2 << 20) + 4096 - len(tree))
    struct.pack_into(">I", tree, 4, len(tree))  # totalsize
    _, end, output = run_to_end(boot, tmp_path, bytes(tree))
    assert end == "halted" and f"{len(tree)} bytes, cannot be used: it must have 2 MiB at most" in output, output


def test_a_tree_damaged_behind_its_console_is_told_there(boot, tmp_path):
    tree = bytearray(museum("good-virt-gicv2"))
    at, size = struct.unpack_from(">I", tree, 8)[0], struct.unpack_from(">I", tree, 36)[0]
    struct.pack_into(">I", tree, at + size - 8, 0x5eed)  # instead of the root's FDT_END_NODE
    _, end, output = run_to_end(boot, tmp_path, bytes(tree))
    assert end == "halted" and "cannot be used: it is damaged" in output, output


def test_reservations_by_the_byte_before_the_tree_boot(boot, tmp_path):
    """/memreserve/ may name anything: here single bytes, nothing, the end of the address space, and a wrap."""
    tree = bytearray(museum("good-virt-gicv2"))
    tree += bytes(-len(tree) % 8)
    struct.pack_into(">I", tree, 16, len(tree))  # off_mem_rsvmap
    for pair in (library.RAM + 0x5000001, 1), (library.RAM + 0x5000fff, 2), ((1 << 64) - 4096, 4095), ((1 << 64) - 1, 2), (0, 0):
        tree += struct.pack(">QQ", *pair)
    struct.pack_into(">I", tree, 4, len(tree))
    _, end, output = run_to_end(boot, tmp_path, bytes(tree))
    assert end == "prompt" and "reservation 3 of the tree is malformed or wraps" in output, output


def nop_node(blob, prefix):
    """The blob with FDT_NOP over every token of the root's child whose name starts with `prefix`."""
    tree = bytearray(blob)
    base, at, depth, start = struct.unpack_from(">I", tree, 8)[0], 0, 0, None
    while True:
        tag, = struct.unpack_from(">I", tree, base + at)
        here, at = at, at + 4
        if tag == 1:
            name = tree[base + at:tree.index(0, base + at)]
            at += len(name) + 4 & ~3
            depth += 1
            if depth == 2 and name.startswith(prefix):
                start = here
        elif tag == 2:
            depth -= 1
            if depth == 1 and start is not None:
                tree[base + start:base + at] = struct.pack(">I", 4) * ((at - start) // 4)
                return bytes(tree)
        elif tag == 3:
            at += 8 + struct.unpack_from(">I", tree, base + at)[0] + 3 & ~3
