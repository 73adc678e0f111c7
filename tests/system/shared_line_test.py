# SPDX-License-Identifier: BSD-2-Clause
"""Nodes that share an interrupt line: here two with a driver that only counts share the console's. Every command that is
typed and every answer that comes shows that the line opens again."""
import re

import boot as library
import pytest


def machine(boot, folder, gic, nodes):
    """A machine at its prompt with these nodes on the UART's line: {name: silent or not}."""
    tree = library.qemu_tree(folder, gic=gic)
    uart = library.subnode(tree, 0, "pl011@")
    line = bytes(tree.getprop(uart, "interrupts"))
    for name, silent in nodes.items():
        node = tree.add_subnode(0, name)
        tree.setprop_str(node, "compatible", "cambium,test-sharer")
        tree.setprop(node, "interrupts", line)
        if silent:
            tree.setprop_u32(node, "silent", 1)
    contents = {**library.entries(), "drv/sharer": library.program("sharer")}
    it = boot(gic=gic, initrd=library.archive(folder, contents), dtb=library.save(folder, "shared.dtb", library.blob(tree)))
    it.prompt()
    return it


def sharers(it):
    """{node: (events, handled)} of the UART's line."""
    rows = re.findall(r"^ +(\d+)  level +(\d+) +(\d+)  (/\S+)", it.run("irq"), re.M)
    line = next(row[0] for row in rows if row[3].startswith("/pl011@"))
    return {row[3].split("@")[0]: (int(row[1]), int(row[2])) for row in rows if row[0] == line}


def test_every_sharer_is_told_of_every_interrupt(boot, tmp_path, gic):
    it = machine(boot, tmp_path, gic, {"one": False, "two": False})
    before = sharers(it)
    assert set(before) == {"/pl011", "/one", "/two"}
    for _ in range(10):
        assert "Hello" in it.run("hello")
    after = sharers(it)
    assert min(after[name][0] - before[name][0] for name in after) > 10
    assert len({after[name][0] - before[name][0] for name in after}) == 1
    assert min(handled for events, handled in after.values()) > 10
    assert "detached" not in it.run("log")


def test_drivers_and_the_controller_may_die(boot, tmp_path, gic):
    it = machine(boot, tmp_path, gic, {"one": False, "two": False})
    for name in 2 * ["sharer", "pl011", f"gicv{gic}"]:
        assert "not" not in it.run(f"kill {name}")
        assert library.machine.wait_until(lambda: len(sharers(it)) == 3)
        assert "Hello" in it.run("hello")
    assert "detached" not in it.run("log")


def test_a_silent_one_costs_a_second_and_is_detached(boot, tmp_path, gic):
    it = machine(boot, tmp_path, gic, {"one": False, "quiet": True})
    assert "Hello" in it.run("hello")
    log = it.run("log")
    assert len(re.findall(r"which others share, waited a second for /quiet: detached until it attaches again", log)) == 1
    assert set(sharers(it)) == {"/pl011", "/one"}
    it.run("restart sharer")
    it.run("hello")
    assert "for /one" not in it.run("log")
