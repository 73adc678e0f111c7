# SPDX-License-Identifier: BSD-2-Clause
"""drv/edu_card on QEMU's virt, asked by the program edu: factorials, bytes by DMA to the device and back, with messages and on a line,
and through deaths of the driver and of the bus's server. Without memory in its reach there is no DMA, and it is said what to do."""
import re

import boot as library
import pytest

EDU = ["-device", "edu,dma_mask=0xffffffffff", "-append", "edu.dma_bits=40"]
NODE = r"/pcie@10000000/dev@\d+,0"


def started(machine, times=0):
    again = rf", restarted {times} time" if times else ""
    return library.machine.wait_until(lambda: re.search(rf" edu_card +running{again}", machine.run("tree")))


def works(machine):
    for n, product in (0, 1), (5, 120), (12, 479001600):
        assert machine.run(f"edu factorial {n}") == f"{n}! = {product}\n"
    assert machine.run("edu dma") == "hello, device\n"
    text = "forty-eight bytes are what one request can carry"
    assert len(text) == 48 and machine.run(f"edu dma '{text}'") == text + "\n" and machine.status() == 0


def without_messages(folder, gic):
    """QEMU's tree, in which the bridge has no controller for messages."""
    tree = library.qemu_tree(folder, gic=gic)
    pcie = library.subnode(tree, 0, "pcie@")
    tree.delprop(pcie, "msi-map")
    return library.save(folder, "line.dtb", library.blob(tree))


@pytest.mark.parametrize("gic, how", [(2, "messages (MSI)"), (3, "messages (MSI)"), (2, "a line (INTx)"), (3, "a line (INTx)")],
                         ids=["gicv2m", "its", "gicv2-line", "gicv3-line"])
def test_it_computes_and_moves_bytes_however_it_interrupts(boot, tmp_path, gic, how):
    machine = boot(gic=gic, extra=EDU, dtb=without_messages(tmp_path, gic) if "line" in how else None)
    machine.prompt()
    assert started(machine)
    works(machine)
    shown = re.fullmatch(r"identification 0x010000ed, alive\n(.*), (\d+) interrupts\nDMA at 0x[0-9a-f]+\n", machine.run("edu"))
    assert shown[1] == how and int(shown[2]) == 3 + 2 * 2  # each request one
    machine.run("kill edu_card")
    assert started(machine, 1)
    works(machine)
    machine.run("kill pcie_ecam")
    works(machine)
    assert "error" not in machine.run("log")


def test_without_memory_in_reach_it_is_said_what_to_do(boot):
    machine = boot(extra=["-device", "edu"])
    machine.prompt()
    assert started(machine)
    assert machine.run("edu").endswith("no DMA: it reaches no memory (see log)\n")
    assert "E_NOTFOUND" in machine.run("edu dma") and machine.status() == 1
    assert machine.run("edu factorial 4") == "4! = 24\n"
    assert re.search(rf"warn: \[edu_card\] {NODE}: no memory below 0x10000000, so no DMA: start QEMU with "
                     r"-device edu,dma_mask=0xffffffffff -append edu.dma_bits=40\n", machine.run("log"))


def test_words_that_make_no_sense_are_refused(shell):
    assert "edu: no educational device: no such name" in shell.run("edu") and shell.status() == 1
    assert shell.run("edu dma a b").startswith("usage: edu") and shell.status() == 2
    assert shell.run("edu factorial").startswith("usage: edu") and shell.status() == 2
    assert "edu: no educational device" in shell.run("edu factorial x")
