# SPDX-License-Identifier: BSD-2-Clause
"""Raspberry Pi 5, the whole chain on our model of it (tests/raspi5): a byte that RP1's UART0 receives becomes a message over PCIe, an
inbound window makes it a doorbell of MIP, MIP raises an SPI, the GIC interrupts the core, and five servers later it is read. With
stock and upstream-shaped trees, links that firmware left trained, and what can be missing or wrong."""
import re

import libfdt
import pytest
import raspi
from console_test import Port
from raspi import edited, tree_of

import raspi5_qemu
import referee

BOARD = "bcm2712-rpi-5-b"
PCIE, RP1 = "/axi/pcie@1000120000", "/axi/pcie@1000120000/rp1"
UART0 = RP1 + "/serial@30000"
CHAIN = ["gicv2", "bcm2712_mip", "pcie_brcmstb", "rp1", "rp1_clocks", "rp1_gpio"]


@pytest.fixture(autouse=True)
def qemu():
    return raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)


def enable(*paths):
    """An edit: these nodes are to be used."""
    def edit(tree):
        for path in paths:
            tree.setprop_str(tree.path_offset(path), "status", "okay")
    return edit


class Pi:
    """A board with somebody at UART10 (.machine) and somebody at the header's UART0 (.port)."""

    def __init__(self, boot, folder, tree, **options):
        self.port = Port(folder)
        extra = ["-serial", f"unix:{self.port.path},server=on,wait=off", *options.pop("extra", [])]
        self.machine = boot(board="raspi5b", dtb=tree, extra=extra, **options)

    def prompt(self):
        self.machine.prompt(timeout=120)
        return self

    def servers(self):
        """{server's name: its state, as `tree` shows them}"""
        return dict(re.findall(r" (\w+) +(running|waiting|FAILED|BROKEN)\b", self.machine.run("tree", timeout=20)))


@pytest.fixture
def pi(boot, tmp_path):
    def start(tree=None, edit=enable(UART0), name=BOARD, **options):
        return Pi(boot, tmp_path, tree or edited(tmp_path, name, edit), **options)
    return start


def check_uart0(board, path=UART0):
    """What is typed at the header reaches the shell, and its answers come out there."""
    added = board.machine.run(f"console add {path}")
    assert added == f"console: it is on {path}, too\n", added
    board.port.wait("too\ncambium> ")
    for number in range(3):
        assert board.port.run(f"echo {number} from the header") == f"{number} from the header\n"
        board.machine.prompt()
    assert board.machine.run("echo from UART10") == "from UART10\n"
    board.port.wait("from UART10\ncambium> ")


def check_chain(board, missing=()):
    board.prompt()
    servers = board.servers()
    assert all(servers.get(name) == "running" for name in CHAIN if name not in missing), servers
    assert not {"FAILED", "BROKEN"} & set(servers.values()), servers


def test_a_byte_at_the_header_comes_through_five_servers(pi):
    board = pi()
    check_chain(board)
    check_uart0(board)
    before = raspi.events(board.machine, "serial@30000")
    board.port.run("echo count")
    board.machine.prompt()
    assert raspi.events(board.machine, "serial@30000") > before
