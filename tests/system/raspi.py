# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of QEMU's Raspberry Pis share: the boards' own trees, and what must hold on each. Each check takes a machine
at its prompt, or starts one."""
import os
import random
import re
import time

import boot as library
import pytest
from paste_test import paste, posix_cksum

import trees


def tree_of(name):
    """The path of a board's tree; without one the test is skipped."""
    path = trees.find([name + ".dtb"])
    if path is None:
        pytest.skip(f"{name}.dtb is in none of {', '.join(trees.folders())}")
    return path


def edited(folder, name, edit):
    """The path of a board's tree after edit(python3-libfdt object)."""
    import libfdt
    with open(tree_of(name), "rb") as f:
        tree = libfdt.Fdt(f.read())
    tree.resize(tree.totalsize() + 4096)
    edit(tree)
    return library.save(folder, "edited.dtb", library.blob(tree))


def starter(boot, board, name):
    """start(**options of boot.start, tree=path) -> a machine at its prompt."""
    def start(tree=None, **options):
        machine = boot(board=board, dtb=tree or tree_of(name), **options)
        machine.prompt(timeout=120)
        return machine
    return start


def restarts(machine, server):
    match = re.search(rf" {server} +running(?:, restarted (\d+) times?)?\n", machine.run("tree", timeout=20))
    return int(match.group(1) or 0) if match else -1


def events(machine, node):
    """Events of the line of the node whose path ends so, as `irq` shows them; the sum if it has several."""
    return sum(int(n) for n in re.findall(rf"^ +\d+ +level +(\d+) +\d+  \S*{node}", machine.run("irq", timeout=20), re.M))


def check_session(machine, servers, line):
    """A board's prompt: what was said on the way to it, every server runs, the console's line counts, the shell works."""
    assert "entered at EL2" in machine.text
    assert re.search(r"RAM 960 MiB in 1 range", machine.text), machine.text  # as QEMU, in the firmware's place, wrote it
    assert "PANIC" not in machine.text and "error:" not in machine.text, machine.text
    tree = machine.run("tree")
    for server in servers:
        assert re.search(rf" {server} +running\n", tree), tree
    assert not re.search("waiting|FAILED|BROKEN", tree), tree
    assert machine.status() == 0
    for command, shown in (("ps", servers[0]), ("mem", "KiB"), ("irq", line)):
        assert re.search(shown, machine.run(command), re.M), command
        assert machine.status() == 0
    assert re.search(r"real +0\.[2-9]|0\.[2-9]\d* s", machine.run("time sleep 0.2"))
    assert "Hello from Cambium." in machine.run("hello")
    return tree


def check_paste(machine):
    """64 KiB arrive complete while another program writes."""
    random.seed(3)
    data = bytes(random.choice(b"abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(65536))
    machine.run("stream 200 &")
    machine.send(f"cksum -r {len(data)}\r")
    machine.expect(f"cksum -r {len(data)}\r+\n")
    time.sleep(0.5)
    text = paste(machine, data) + machine.prompt(timeout=60)
    # a line of the other program may stand before it, as far as it came
    assert re.search(rf"{posix_cksum(data)} {len(data)}\b", text), text[-500:]


def check_deaths(machine, servers):
    """Each may die, one after the other, twice."""
    for server in 2 * servers:
        before = restarts(machine, server)
        machine.send(f"kill {server}\r")
        machine.prompt(timeout=20)
        machine.send("\r")  # the answer may have gone down with the console
        machine.prompt(timeout=20)
        assert library.machine.wait_until(lambda: restarts(machine, server) == before + 1), server  # noqa: B023
        assert "Hello from Cambium." in machine.run("hello", timeout=20), server
        assert machine.status() == 0
        assert re.search(r"\d", machine.run("time sleep 0.1", timeout=20))
    assert "broken" not in machine.text and "PANIC" not in machine.text


def make_neighbour(tree, node):
    """In an edit: the node's driver is the one that wants more than its window (programs/neighbour.c)."""
    tree.setprop_str(tree.path_offset(node), "compatible", "cambium,test-neighbour")


def check_neighbour(machine, node, own):
    """It reached the `own` bytes of its window and nothing else of the page."""
    said = re.search(rf"\[neighbour\] {node}: ([^\r\n]*)", machine.run("log"))
    others = 2 * 4096 // 4 - own // 4 + 6
    assert said and said.group(1) == (f"checked, own: {own // 4} of {own // 4}, others': 0 of {others}, odd: 0, "
                                      "map E_RANGE, derive E_RIGHTS"), said and said.group(1)


class Untouched:
    """Memory that is filled before the machine starts and must be the same after a session. Pass `.options` as extra."""

    def __init__(self, folder, monitor, address, size):
        self.monitor, self.address, self.size = monitor, address, size
        self.pattern = library.save(folder, f"pattern-{address:x}", random.Random(address).randbytes(size))
        self.options = ["-device", f"loader,file={self.pattern},addr={address:#x},force-raw=on"]

    def check(self):
        now = self.pattern + ".now"
        assert not self.monitor.ask(f"pmemsave {self.address:#x} {self.size:#x} \"{now}\"")
        with open(now, "rb") as a, open(self.pattern, "rb") as b:
            assert a.read() == b.read(), f"{self.address:#x}"
        os.remove(now)


def use_memory(machine):
    for line in ("hello", "threads", "prodcons", "mem"):
        machine.run(line, timeout=60)
