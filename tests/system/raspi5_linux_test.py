# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux judges our model of a Raspberry Pi 5 (tests/raspi5): its drivers were proven on the board, so where it and the
model disagree, the model is wrong. With its own trees and with Raspberry Pi's it must find four cores, the banks of RAM, UART10
and the mailbox, and take their interrupts. Skipped where QEMU or Linux are not there (tools/raspi5-qemu --referee)."""
import re

import pytest
from raspi import tree_of

import raspi5_qemu
import referee

PROMPT = r"~ # "
INIT = ["/bin/busybox --install -s /bin", "mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "cd /", "export HOME=/",
        "exec setsid cttyhack sh"]


@pytest.fixture
def linux(boot, tmp_path):
    """linux(tree, stepping) -> a machine at the shell of the initial RAM disk."""
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    if not referee.find():
        pytest.skip(referee.MISSING)

    def start(tree, stepping):
        machine = boot(board="raspi5b", image=referee.find()["vmlinuz"], dtb=tree, properties=[f"stepping={stepping}"],
                       initrd=referee.initramfs(tmp_path, INIT), icount=True, extra=["-append", "console=ttyAMA10,115200"])
        machine.expect(PROMPT, timeout=300)
        return machine
    return start


def said(machine, line):
    """What a command prints."""
    start = len(machine.text)
    machine.send(line + "\n")
    machine.expect(PROMPT, timeout=60)
    return machine.text[start:].replace("\r", "")


def interrupts(machine):
    """{what /proc/interrupts calls it: (INTID, counts per core)}"""
    rows = re.findall(r"^ *\d+: +((?:\d+ +){4})GICv2 +(\d+) \w+ +(\S.*?) *$", said(machine, "cat /proc/interrupts"), re.M)
    return {name: (int(intid), [int(n) for n in counts.split()]) for counts, intid, name in rows}


@pytest.mark.parametrize("tree, is_own, stepping, uart", [
    ("bcm2712-rpi-5-b", True, "c1", 153), ("bcm2712-rpi-5-b", False, "c1", 153), ("bcm2712-d-rpi-5-b", True, "d0", 152),
], ids=["own tree", "stock tree", "own tree of a D0"])
def test_linux_finds_the_board_with_its(linux, tree, is_own, stepping, uart):
    path = referee.find() and referee.find()[tree + ".dtb"] if is_own else tree_of(tree)
    machine = linux(path, stepping)
    boot = machine.text
    assert f"Linux version {referee.version()}" in boot
    assert f"Machine model: Raspberry Pi 5 Model B Rev 1.{int(stepping == 'd0')}" in boot
    assert "All CPU(s) started at EL2" in boot and "PSCIv1.1 detected in firmware" in boot
    assert "Brought up 1 node, 4 CPUs" in boot
    for core in (1, 2, 3):
        assert f"CPU{core}: Booted secondary processor 0x0000000{core}00 [0x414fd0b1]" in boot
    assert "cp15 timer running at 54.00MHz (hyp-phys)" in boot
    assert re.search(r"107d001000\.serial: ttyAMA10 (at )?MMIO[: ]0x0*107d001000 ", boot)  # words of 7.2, of 7.3
    assert "Attached to firmware" in boot or not is_own  # the mailbox's property channel
    assert not re.search("Internal error|Oops|BUG:|abort", boot)
    ram = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM$", said(machine, "cat /proc/iomem"),
                                                          re.M)]
    assert ram == [(0x80000, 0x3fbfffff), (0x40000000, 0xffffffff)]
    before = interrupts(machine)
    for name in ("uart-pl011", "arch_timer"):
        assert name in before, before
    assert before["uart-pl011"][0] == uart
    assert before["arch_timer"][0] in (26, 30) and min(before["arch_timer"][1]) > 0
    if is_own:
        assert before["107c013880.mailbox"][0] == 65 and sum(before["107c013880.mailbox"][1]) > 0
    assert "\n4\n" in said(machine, "nproc")
    assert sum(interrupts(machine)["uart-pl011"][1]) > sum(before["uart-pl011"][1])  # what was typed
    machine.send("poweroff -f\n")
    machine.expect("reboot: Power down")
    assert machine.ended() == 0
