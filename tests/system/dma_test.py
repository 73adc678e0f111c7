# SPDX-License-Identifier: BSD-2-Clause
"""Memory that devices access belongs to the node: it outlives its driver and the client that gave it, and is let go when
the driver says that its device was reset."""
import re

import boot as library
import pytest


@pytest.fixture
def machine(boot, tmp_path):
    """A machine at its prompt, with a node /dma, its driver and the driver's client."""
    tree = library.qemu_tree(tmp_path)
    tree.setprop_str(tree.add_subnode(0, "dma"), "compatible", "cambium,test-dma")
    contents = {**library.entries(), "drv/dma": library.program("dma"), "bin/test-dma": library.program("dma_client")}
    it = boot(initrd=library.archive(tmp_path, contents), dtb=library.save(tmp_path, "dma.dtb", library.blob(tree)))
    it.prompt()
    return it


def memories(machine):
    """What the drivers said in order: [(old or new, address, with what)]."""
    return re.findall(r"/dma: (old|new) memory at (0x[0-9a-f]+) with ([a-z ]+)\n", machine.run("log"))


def kill(machine):
    """Kills the driver; waits for the next one."""
    count = len(memories(machine))
    machine.run("kill dma")
    assert library.machine.wait_until(lambda: len(memories(machine)) > count)
    assert library.machine.wait_until(lambda: re.search(r"dma +running", machine.run("tree")))


def counts(machine):
    return {name: int(value) for name, value in re.findall(r"^ +([A-Za-z ]+?) +(\d+)\b", machine.run("mem"), re.M)}


def test_the_next_incarnation_finds_its_memory_at_the_same_address(machine):
    for _ in range(3):
        kill(machine)
    said = memories(machine)
    address = said[0][1]
    assert said == [("new", address, "zeroes")] + 3 * [("old", address, "the pattern")]
    assert "refused: another length E_BUSY, too much E_BUDGET" in machine.run("log")
    assert re.search(r"warn: \[init\] /dma: no room for 1099511627776 bytes of DMA: it holds 2 of \d+ pages", machine.run("log"))
    assert re.search(r"^ +2 +128 +0 +1024 +/dma$", machine.run("mem"), re.M)


def test_a_buffer_outlives_its_client_and_the_driver_until_the_device_was_reset(machine):
    machine.run("test-dma plain")
    kill(machine)
    before = counts(machine)
    assert "give: E_OK" in machine.run("test-dma give")
    kept = counts(machine)
    assert kept["memories"] == before["memories"] + 1
    assert kept["free"] <= before["free"] - 16 * 4  # KiB
    assert re.search(r" 16 +1024 +/dma$", machine.run("mem"), re.M)
    kill(machine)
    assert counts(machine)["memories"] == kept["memories"]
    assert "reset: E_OK" in machine.run("test-dma reset")
    after = counts(machine)
    assert before.pop("free") - after.pop("free") in (0, 4)  # KiB: a restart may take a page (kill_stress_test.py)
    assert after == before


def test_a_buffer_whose_address_nobody_may_learn_is_refused(machine):
    machine.run("test-dma plain")
    before = counts(machine)
    assert "plain: E_RIGHTS" in machine.run("test-dma plain")
    assert counts(machine) == before
