# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux judges our model of a Raspberry Pi 5 (tests/raspi5): its drivers were proven on the board, so where it and the
model disagree, the model is wrong. With its own trees and with Raspberry Pi's it must find four cores, the banks of RAM, UART10
and the mailbox, and take their interrupts, and bring up both links of PCIe as on the board. Skipped where QEMU or Linux are not there (tools/raspi5-qemu --referee)."""
import os
import re
import struct

import pytest
from raspi import tree_of

import raspi5_qemu
import referee

PROMPT = r"~ # "
INIT = ["/bin/busybox --install -s /bin", "mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "cd /", "export HOME=/",
        "exec setsid cttyhack sh"]


@pytest.fixture
def linux(boot, tmp_path):
    """linux(tree, stepping, options of -M, other options) -> a machine at the shell of the initial RAM disk."""
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    if not referee.find():
        pytest.skip(referee.MISSING)

    def start(tree, stepping, properties=(), extra=()):
        machine = boot(board="raspi5b", image=referee.find()["vmlinuz"], dtb=tree, properties=[f"stepping={stepping}", *properties],
                       initrd=referee.initramfs(tmp_path, INIT), icount=True,
                       extra=["-append", "console=ttyAMA10,115200", *extra])
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


def said_of(log, name):
    """What the kernel said of a device, without the time."""
    return re.findall(rf"^\[ *[\d.]+\] (?:\S+ )?{re.escape(name)}: (.*)$", log, re.M)


# As logs of boards have it.
RP1_LINES = ["[1de4:0001] type 00 class 0x020000 PCIe Endpoint",
             "BAR 0 [mem 0xffffc000-0xffffffff]", "BAR 1 [mem 0xffc00000-0xffffffff]", "BAR 2 [mem 0xffff0000-0xffffffff]",
             "BAR 1 [mem 0x1f00000000-0x1f003fffff]: assigned", "BAR 2 [mem 0x1f00400000-0x1f0040ffff]: assigned",
             "BAR 0 [mem 0x1f00410000-0x1f00413fff]: assigned"]
PORT_LINES = ["[14e4:2712] type 01 class 0x060400 PCIe Root Port", "PME# supported from D0 D3hot",
              "bridge configuration invalid ([bus 00-00]), reconfiguring", "PCI bridge to [bus 01]", "enabling device (0000 -> 0002)"]

def check_pcie(machine, is_own, has_card):
    """Both root complexes, RP1, and what is in the slot. Ends with the modules loaded."""
    said(machine, "sh /modules/load")
    said(machine, "sleep 2")  # meanwhile the console tells what dmesg will
    log = said(machine, "dmesg")
    assert not re.search("Internal error|Oops|BUG:|abort", log)
    memory = said(machine, "cat /proc/iomem")
    for name in ("1000119500.reset-controller", "1001504318.reset-controller", "  1f00000000-1f004fffff : PCI Bus 0002:01"):
        assert name in memory, memory

    assert "link up, 5.0 GT/s PCIe x4 (!SSC)" in said_of(log, "1000120000.pcie")
    rp1, port = said_of(log, "0002:01:00.0"), said_of(log, "0002:00:00.0")
    assert [line for line in rp1 if line in RP1_LINES] == RP1_LINES
    assert all(line in port for line in PORT_LINES), port
    if not is_own:  # the stock tree's bootargs ask for it
        assert "Max Payload Size set to  256/ 512 (was  128), Max Read Rq  512" in port
        assert "Max Payload Size set to  256/ 256 (was  128), Max Read Rq  512" in rp1
    pme = re.findall(r"GICv2 +(\d+) Level +PCIe PME, aerdrv", said(machine, "cat /proc/interrupts"))
    assert "261" in pme

    slot, card = said_of(log, "1000110000.pcie"), said_of(log, "0001:01:00.0")
    if has_card:
        assert "link up, 2.5 GT/s PCIe x1 (!SSC)" in slot and "251" in pme
        assert "[1234:11e8] type 00 class 0x00ff00 conventional PCI endpoint" in card
        assert "BAR 0 [mem 0x1b80000000-0x1b800fffff]: assigned" in card
    else:
        assert "link down" in slot and not card


@pytest.mark.parametrize("tree, is_own, stepping, uart, properties", [
    ("bcm2712-rpi-5-b", True, "c1", 153, []), ("bcm2712-rpi-5-b", False, "c1", 153, ["pciex1=on"]),
    ("bcm2712-d-rpi-5-b", True, "d0", 152, ["pciex4-reset=off", "rp1-window=1c"]),
], ids=["own tree", "stock tree, a card in the slot", "own tree of a D0, RP1's link left trained"])
def test_linux_finds_the_board_with_its(linux, tree, is_own, stepping, uart, properties):
    path = referee.find() and referee.find()[tree + ".dtb"] if is_own else tree_of(tree)
    has_card = "pciex1=on" in properties
    machine = linux(path, stepping, properties, ["-device", "edu"] if has_card else [])
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
    check_pcie(machine, is_own, has_card)
    machine.send("poweroff -f\n")
    machine.expect("reboot: Power down")
    assert machine.ended() == 0


def with_header(folder, path):
    """The path of an Image that is this program, which has no header of its own and must begin on a page."""
    with open(path, "rb") as f:
        program = f.read()
    header = struct.pack("<IIQQQ24xII", 0x14000000 | 4096 // 4, 0, 0x200000, 4096 + len(program) + (1 << 20), 0xa, 0x644d5241, 0)
    image = os.path.join(str(folder), "Image")
    with open(image, "wb") as f:
        f.write(header.ljust(4096, b"\0") + program)
    return image


def test_u_boot_brings_up_both_links_of_pcie(boot, tmp_path):
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    u_boot = referee.u_boot()
    if not u_boot:
        pytest.skip("U-Boot with a driver for BCM2712's PCIe is not here: tools/test --referee-latest fetches it, if Debian has one")
    machine = boot(board="raspi5b", image=with_header(tmp_path, u_boot), dtb=tree_of("bcm2712-rpi-5-b"), icount=True,
                   properties=["pciex1=on"], extra=["-device", "edu"])
    machine.expect("DRAM:  4 GiB")
    machine.expect("RPI 5 Model B")
    machine.expect("autoboot", timeout=120)
    machine.send("\n")
    machine.expect("U-Boot> ")
    assert machine.text.count("PCIe BRCM: link up, 2.5 Gbps x1 (!SSC)") == 1, machine.text
    assert machine.text.count("PCIe BRCM: link up, 5.0 Gbps x4 (!SSC)") == 1, machine.text
    assert "time out" not in machine.text and "abort" not in machine.text, machine.text
    machine.send("md.l 1f00400000 1\n")  # it gives RP1's BAR 1 PCI address 0x400000
    machine.expect("1f00400000: 20001927")
