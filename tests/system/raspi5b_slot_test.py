# SPDX-License-Identifier: BSD-2-Clause
"""A card in the slot of our model of a Raspberry Pi 5, behind BCM2712's second root complex: its messages go to MIP1, or, where the
tree names the bridge itself, to that one's own controller, and none is lost when servers die; and the calibration that all complexes
share, which the slot's bridge hides while it is in reset, costs nobody a link. Skipped where that QEMU was not built
(tools/raspi5-qemu)."""
import os
import random
import re
import time

import boot as library
import gdbstub
import pytest
import raspi
from disk_kill_test import sum_of_words

import raspi5_qemu

BOARD = "bcm2712-rpi-5-b"
SLOT, RP1 = "/axi/pcie@1000110000", "/axi/pcie@1000120000"
CARD = DISK = f"{SLOT}/pci@0,0/dev@0,0"
MIB, KILLS = 128, 40
EDU = ["-device", "edu,dma_mask=0xffffffffffffffff", "-append", "edu.dma_bits=63"]


@pytest.fixture(autouse=True)
def qemu():
    return raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)


def names_itself(tree):
    """As BCM2711's bridge, and BCM2712's first: messages go to the bridge's own controller, nothing leads to MIP1."""
    node = tree.path_offset(SLOT)
    tree.setprop(node, "msi-parent", bytes(tree.getprop(node, "phandle")))
    tree.setprop(node, "dma-ranges", bytes(tree.getprop(node, "dma-ranges"))[:28])


@pytest.fixture
def slot(boot, tmp_path):
    def start(extra, edit=None, **options):
        tree = raspi.edited(tmp_path, BOARD, edit) if edit else None
        properties = ["pciex1=on", *options.pop("properties", [])]
        return raspi.starter(boot, "raspi5b", BOARD)(tree=tree, properties=properties, extra=extra, **options)
    return start


def disk(folder):
    path = os.path.join(str(folder), "disk")
    with open(path, "wb") as f:
        f.truncate(MIB * 1024 * 1024)
    return path, ["-drive", f"file={path},format=raw,if=none,id=disk", "-device", "virtio-blk-pci,drive=disk,iommu_platform=on"]


def messages(machine, heading):
    """{node: [(line, events)]} of what `irq` lists under a heading, None: at the root."""
    found, under = {}, None
    for line in machine.run("irq", timeout=20).splitlines():
        row = re.match(r" *(\d+)  (MSI|MSI-X) +(\d+) +\d+  (/\S+)", line)
        under = line if line.startswith("/") else under
        if row and under == heading:
            found.setdefault(row[4], []).append((int(row[1]), int(row[3])))
    return found


def test_messages_to_the_bridge_itself_reach_a_disks_driver_and_none_is_lost_when_servers_die(slot, tmp_path):
    path, extra = disk(tmp_path)
    contents = {**library.entries(), "bin/filler": library.program("filler")}
    machine = slot(extra, names_itself, initrd=library.archive(str(tmp_path), contents), timeout=300)
    assert library.machine.wait_until(lambda: "disk0" in machine.run("block"))
    log = machine.run("log", timeout=20)
    for line in ("MSI target: set 0xfffffffc", "MSI data: set 6540 on", "MSI: 32, all as line 256", "1:0.0: set MSI 0 to 1"):
        assert f"[pcie_brcmstb] {SLOT}: {line}\n" in log, log
    assert re.search(r"driver +virtio_blk, running\n +interrupts +MSI-X, 2 vectors, line 256\n", machine.run("pci -v", timeout=20))
    before = messages(machine, SLOT)[DISK]
    assert [line for line, _ in before] == [256, 256] and messages(machine, None).get(SLOT) is None
    machine.run("block read disk0 0 8")
    assert sum(events for _, events in messages(machine, SLOT)[DISK]) > sum(events for _, events in before)

    chance = random.Random(8)
    met = restarts = 0
    for _ in range(4):  # on a busy host many kills hit a server that is down already: then once more
        mark = len(machine.text)
        machine.run(f"filler disk0 {MIB} 8 &")
        for _ in range(KILLS):
            machine.run(f"kill {chance.choice([SLOT, SLOT, SLOT, 'virtio_blk', 'block', 'gicv2'])}", timeout=60)
            time.sleep(chance.random() * 0.1)
        if not re.search(r"filler: (right|failed|wrong)", machine.text[mark:]):
            machine.expect(r"filler: (right|failed|wrong).*\n", timeout=240)
        match = re.search(r"filler: right, sum ([0-9a-f]+), (\d+) restarts", machine.text[mark:])
        assert match and int(match[1], 16) == sum_of_words(path), machine.text[-2000:]
        met += int(match[2])
        tree = machine.run("tree", timeout=20)
        restarts = int(re.search(r" pcie@1000110000 +pcie_brcmstb +running, restarted (\d+) times\n", tree)[1])
        print(f"# of the kills {restarts} were the bridge's server's, {met} times it was attached again")
        if restarts > KILLS / 4 and met > KILLS / 8:
            break
    assert restarts > KILLS / 4 and met > KILLS / 8, "the kills did not meet it at work"
    log = machine.run("log", timeout=20)
    assert f"[pcie_brcmstb] {SLOT}: MSI target: found 0xfffffffc\n" in log
    assert "bridge: found out of reset, with a link: adopted" in log and "without end" not in log and "PANIC" not in machine.text
    assert re.search(r" pcie@1000120000 +pcie_brcmstb +running\n", tree)  # the other was left alone


@pytest.mark.parametrize("controller", ["MIP1", "the bridge"])
def test_a_cards_messages_come_where_the_tree_sends_them_also_when_its_link_was_lost(slot, controller, tmp_path):
    is_own = controller == "the bridge"
    monitor = library.Monitor(tmp_path)
    machine = slot([*EDU, *monitor.options], names_itself if is_own else None)
    expected, heading = (256, SLOT) if is_own else (287, None)
    assert library.machine.wait_until(lambda: " edu_card " in machine.run("tree"))
    assert machine.run("edu factorial 5") == "5! = 120\n"
    log = machine.run("log", timeout=20)  # MIP1's inputs, and its lines, begin at brcm,msi-offset
    mip1 = "[bcm2712_mip] /axi/msi-controller@1000131000: 1:0.0: set vector 0: input 8, SPI 255, INTID 287\n"
    assert (mip1 in log) == (not is_own) and ("MSI target" in log) == is_own, log
    for kill in (None, SLOT, "/axi/msi-controller@1000131000", "edu_card", "the link"):
        if kill == "the link":
            monitor.ask("info version")
            for value in ("down", "up"):
                monitor.command("qom-set", {"path": "/machine", "property": "pcie1-link", "value": value})
            assert library.machine.wait_until(lambda: "dev@0,0: was reset: 1 server" in machine.run("log", timeout=20))
        elif kill:
            machine.run(f"kill {kill}")
        if kill:
            assert library.machine.wait_until(lambda: machine.run("edu factorial 3") == "3! = 6\n")
        (line, events), = messages(machine, heading)[CARD]
        assert machine.run("edu factorial 12") == "12! = 479001600\n" and machine.run("edu dma") == "hello, device\n"
        (after, now), = messages(machine, heading)[CARD]
        assert line == after == expected and now == events + 3, kill
    assert "messages (MSI), " in machine.run("edu")


# ---- the calibration that all share, and which is out of reach while the slot's bridge is in reset ----

ASSERT = 0x1001504318 + 43 // 32 * 0x18  # what a one in the next word's bit puts into reset
SLOT_BRIDGE = 1 << 43 % 32


def hold_in_reset(stub):
    """Somebody who is not asked puts the slot's bridge into reset."""
    stub.connect()
    stub.write_physical(ASSERT, SLOT_BRIDGE)
    stub.go()


def said(machine, what):
    """The nodes whose server of the root complex said so, each as often as it did."""
    return re.findall(rf"\[pcie_brcmstb\] (\S+): {what}", machine.run("log", timeout=20))


def test_a_slot_that_is_in_reset_when_both_complexes_start_costs_nobody_its_link(boot, tmp_path):
    stub = gdbstub.Stub(tmp_path)
    machine = boot(board="raspi5b", dtb=raspi.tree_of(BOARD), properties=["pciex1=on"], extra=[*EDU, *stub.options, "-S"])
    hold_in_reset(stub)
    machine.prompt(timeout=120)
    assert library.machine.wait_until(lambda: sorted(said(machine, "link: set up")) == [SLOT, RP1]), machine.run("log")
    assert said(machine, r"bridge: set, out of reset \(found in reset\)") == [SLOT]
    assert library.machine.wait_until(lambda: machine.run("edu factorial 5") == "5! = 120\n")
    tree = machine.run("tree", timeout=20)
    assert re.search(r" rp1 +running\n", tree) and re.search(r" brcm_rescal +running\n", tree)
    assert machine.run("log", timeout=20).count("PHYs of PCIe: set") == 1


def test_who_asks_for_the_calibration_again_does_not_reach_for_what_the_slots_reset_hides(boot, tmp_path):
    stub = gdbstub.Stub(tmp_path)
    machine = boot(board="raspi5b", dtb=raspi.tree_of(BOARD), properties=["pciex1=on", "pcie1-link=down", "rp1=off"],
                   extra=stub.options)
    machine.prompt(timeout=120)
    assert library.machine.wait_until(lambda: sorted(said(machine, "link down")) == [SLOT, RP1])
    hold_in_reset(stub)  # as that complex's server has it for 200 us, each time that it begins
    machine.run("kill brcm_rescal")
    machine.run(f"restart {RP1}")
    assert library.machine.wait_until(lambda: said(machine, "link down").count(RP1) > 1), machine.run("log")
    assert "PHYs of PCIe: found calibrated" in machine.run("log", timeout=20)
    for name in (SLOT, RP1, "brcm_rescal", "brcmstb_reset", SLOT, RP1):  # all at once
        machine.run(f"{'kill' if name.startswith('b') else 'restart'} {name}")
    before = len(said(machine, "link down"))
    assert library.machine.wait_until(lambda: len(said(machine, "link down")) > before + 1), machine.run("log")
    log = machine.run("log", timeout=20)
    assert "do not work" not in log and "cannot be asked" not in log and log.count("PHYs of PCIe: set") == 1, log
