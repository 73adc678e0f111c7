# SPDX-License-Identifier: BSD-2-Clause
"""Cambium's drivers of BCM2712's PCIe on our model of a Raspberry Pi 5: the link to RP1 brought up, or adopted as firmware left it,
windows where the tree has them, RP1's BARs where it says, messages through MIP; and what is said where nobody is. Skipped where that
QEMU was not built (tools/raspi5-qemu)."""
import re

import boot as library
import pytest
import raspi

import raspi5_qemu

BOARD = "bcm2712-rpi-5-b"
RC = "/axi/pcie@1000120000"
MIP = "/axi/msi-controller@1000130000"
LINES = {  # what is said of every start, however it was found; (kind of start) -> found or set
    "SCB access: {} on": ("set", "found", "found"),
    "inbound 1: {} PCI 0x0 as CPU 0x1f00000000, 0x400000 bytes": ("set", "found", "set"),
    "inbound 2: {} PCI 0x1000000000 as CPU 0x0, 0x1000000000 bytes": ("set", "found", "found"),
    "inbound 3: {} PCI 0xfffffff000 as CPU 0x1000130000, 0x1000 bytes": ("set", "set", "set"),
    "outbound 0: {} CPU 0x1f00000000 as PCI 0x0, 0x100000000 bytes": ("set", "found", "set"),
    "outbound 1: {} CPU 0x1c00000000 as PCI 0x400000000, 0x300000000 bytes": ("set", "set", "set"),
    "link: {} up, 5.0 GT/s x4": ("set", "found", "found"),
}
KINDS = ([], ["pciex4-reset=off"], ["pciex4-reset=off", "rp1-window=1c"])


@pytest.fixture(autouse=True)
def qemu():
    return raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)


@pytest.fixture
def pi(boot):
    return raspi.starter(boot, "raspi5b", BOARD)


def said(machine, text, server="pcie_brcmstb", node=RC):
    return machine.run("log", timeout=20).count(f"[{server}] {node}: {text}")


def check_rp1(machine):
    pci = machine.run("pci -v", timeout=20)
    for line in ("BAR 0       0x410000, 16 KiB, memory, CPU 0x1f00410000", "BAR 1       0x0, 4 MiB, memory, CPU 0x1f00000000",
                 "BAR 2       0x400000, 64 KiB, memory, CPU 0x1f00400000", "window      0x0, 5 MiB, memory, CPU 0x1f00000000"):
        assert line in pci, pci
    assert re.search(r"IDs +1de4:0001, revision 02, class 020000", pci), pci
    assert re.search(r"at 0b0 +MSI-X, up to 61 vectors, in BAR 0", pci), pci


@pytest.mark.parametrize("kind", range(3), ids=["reset", "adopted", "adopted elsewhere"])
def test_rp1_is_where_the_tree_says(pi, kind):
    machine = pi(properties=KINDS[kind])
    assert library.machine.wait_until(lambda: said(machine, "buses 0 to 1: 2 functions (1 bridge)"))
    log = machine.run("log", timeout=20)
    for line, how in LINES.items():
        assert f"[pcie_brcmstb] {RC}: {line.format(how[kind])}" in log, log
    assert f"[bcm2712_mip] {MIP}: inputs 0 to 63 at PCI 0xfffffff000: SPI 128 to 191, INTID 160 to 223" in log
    assert ("PHYs of PCIe: set" in log) == (kind == 0)  # an adopted link's are left alone
    if kind == 2:
        assert "outbound 0: found CPU 0x1c00000000 as PCI 0x80000000, 0x80000000 bytes" in log and "outbound 0: not as the tree says" in log
        assert f"{RC}/rp1 is at 0x0 of the bus: BARs move" in log
        assert "1:0.0: BAR 1 found at 0x80000000: moves" in log
    assert "warn: [pcie_brcmstb]" not in log and "error: [pcie_brcmstb]" not in log, log
    check_rp1(machine)
    machine.run("kill pcie_brcmstb")
    assert library.machine.wait_until(lambda: raspi.restarts(machine, "pcie_brcmstb") == 1)
    assert library.machine.wait_until(lambda: said(machine, "buses 0 to 1: 2 functions (1 bridge)") == 2)
    assert said(machine, "bridge: found out of reset, with a link: adopted") == (1 if kind == 0 else 2)
    check_rp1(machine)


@pytest.mark.parametrize("absent", ["pcie2-link=down", "rp1=off"])
def test_a_link_that_does_not_come_up_is_an_error_within_300_ms_and_the_rest_runs(pi, absent):
    machine = pi(properties=[absent], icount=True)  # the log's clock counts instructions
    assert library.machine.wait_until(lambda: said(machine, "link down: nobody trains within 200 ms (PHY down, data link down)"))
    log = machine.run("log", timeout=20)
    at = [float(re.search(rf"\[ *([\d.]+)\] (?:error: )?\[pcie_brcmstb\] {RC}: {what}", log)[1]) for what in ("bridge: set", "link down")]
    assert at[1] - at[0] < 0.3, log
    assert re.search(r"pcie_brcmstb +FAILED", machine.run("tree"))
    assert "Hello from Cambium." in machine.run("hello")
