# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux judges the model of RP1: it enumerates it behind root complex 2 with the board's addresses, binds all its drivers
of RP1, takes interrupts of pins that are driven from QEMU's side - edges and levels, through MSI-X, MIP and GIC -, hears and is heard by
UART0, and speaks over its Ethernet, whose DMA goes through RP1's map. Skipped where QEMU or Linux are not there (tools/raspi5-qemu --referee)."""
import re
import socket
import struct

import boot as library
import libfdt
import pytest
import raspi5_linux_test
from raspi import tree_of
from raspi5_linux_test import PROMPT, interrupts, said

import raspi5_qemu
import referee

INIT = [*raspi5_linux_test.INIT[:-1], "mount -t devtmpfs dev /dev", "sh /modules/load", raspi5_linux_test.INIT[-1]]
EDGE, LEVEL = 17, 22  # GPIOs, of bank 0
KEY_EDGE, KEY_LEVEL = 30, 31
RC2 = "/axi/pcie@1000120000"
OWN_BUS = RC2 + "/pci@0,0/dev@0,0/pci-ep-bus@1"
CLOCKS, PINS = "clocks@40018000", "pinctrl@400d0000"
PHANDLE = 0x7000  # and up: in no tree
BARS = {0: (0x1f00410000, 16 << 10), 1: (0x1f00000000, 4 << 20), 2: (0x1f00400000, 64 << 10)}  # as logs of boards have them


class Tree:
    """A tree with room, whose nodes are named by path."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.fdt = libfdt.Fdt(f.read())
        self.fdt.resize(self.fdt.totalsize() + 8192)

    def add(self, parent, name, **properties):
        """A node; values are text, a list of cells, or bytes. Its path."""
        node = self.fdt.add_subnode(self.fdt.path_offset(parent), name)
        for key, value in properties.items():
            if isinstance(value, str):
                value = value.encode() + b"\0"
            elif isinstance(value, list):
                value = struct.pack(f">{len(value)}I", *value)
            self.fdt.setprop(node, key.replace("_", "-").replace("CELLS", "#"), value)
        return parent.rstrip("/") + "/" + name

    def cell(self, path, name):
        return int.from_bytes(self.fdt.getprop(self.fdt.path_offset(path), name)[:4], "big")

    def add_keys(self, pins):
        """A key on each pin. One asks for both edges of a GPIO; the other for the level only, so its pin is muxed for it."""
        self.add(pins, "level-state", function="gpio", pins=f"gpio{LEVEL}", bias_pull_down=b"", phandle=[PHANDLE])
        controller = self.cell(pins, "phandle")
        keys = self.add("/", "keys", compatible="gpio-keys", pinctrl_names="default", pinctrl_0=[PHANDLE])
        self.add(keys, "edge", label="edge", linux_code=[KEY_EDGE], gpios=[controller, EDGE, 0])
        self.add(keys, "level", label="level", linux_code=[KEY_LEVEL], interrupts_extended=[controller, LEVEL, 4])
        for key in ("edge", "level"):  # the one property with a comma
            node = self.fdt.path_offset(f"{keys}/{key}")
            code = bytes(self.fdt.getprop(node, "linux-code"))
            self.fdt.delprop(node, "linux-code")
            self.fdt.setprop(self.fdt.path_offset(f"{keys}/{key}"), "linux,code", code)

    def add_uart0(self):
        """The UART of the header, which upstream's tree of RP1 leaves out, as one whose rate others have set: as a PL011 proper it
        would want a range that is not PCI's."""
        self.add(OWN_BUS + "/" + PINS, "uart0-state", function="uart0", pins=b"gpio14\0gpio15\0", bias_pull_up=b"",
                 phandle=[PHANDLE + 3])
        self.add(OWN_BUS, "serial@40030000", compatible="arm,sbsa-uart", reg=[0, 0x40030000, 0, 0x1000], interrupts=[25, 4],
                 current_speed=[115200], pinctrl_names="default", pinctrl_0=[PHANDLE + 3])

    def add_function(self):
        """RP1's function in the shape in which Linux's driver looks for it, with clocks and pins; stock trees have another."""
        bridge = self.add(RC2, "pci@0,0", device_type="pci", reg=[0] * 5, ranges=b"", CELLSaddress_cells=[3], CELLSsize_cells=[2])
        function = self.add(bridge, "dev@0,0", compatible="pci1de4,1", reg=[0x10000, 0, 0, 0, 0], interrupt_controller=b"",
                            ranges=[1, 0, 0, 0x82010000, 0, 0, 0, 0x400000], phandle=[PHANDLE + 1],
                            CELLSaddress_cells=[3], CELLSsize_cells=[2], CELLSinterrupt_cells=[2])
        bus = self.add(function, "pci-ep-bus@1", compatible="simple-bus", ranges=[0, 0x40000000, 1, 0, 0, 0, 0x400000],
                       dma_ranges=[0x10, 0, 0x43000000, 0x10, 0, 0x10, 0], interrupt_parent=[PHANDLE + 1],
                       CELLSaddress_cells=[2], CELLSsize_cells=[2])
        self.add(bus, CLOCKS, compatible="raspberrypi,rp1-clocks", reg=[0, 0x40018000, 0, 0x10038], CELLSclock_cells=[1],
                 clocks=[self.cell(RC2 + "/rp1/clocks@18000", "clocks")])
        return self.add(bus, PINS, compatible="raspberrypi,rp1-gpio", interrupts=[0, 4, 1, 4, 2, 4], interrupt_controller=b"",
                        reg=[0, 0x400d0000, 0, 0xc000, 0, 0x400e0000, 0, 0xc000, 0, 0x400f0000, 0, 0xc000], gpio_controller=b"",
                        phandle=[PHANDLE + 2], CELLSgpio_cells=[2], CELLSinterrupt_cells=[2])


class Pins:
    """RP1's pins from QEMU's side, and what Linux counts of them."""

    def __init__(self, folder):
        self.monitor = library.Monitor(folder)
        self.machine = None

    def drive(self, pin, level):
        assert self.monitor.command("qom-set", {"path": "/machine/pins", "property": f"gpio{pin}", "value": level}) == {}

    def count(self, name):
        """Of an interrupt of the pins, at all cores."""
        row = re.search(rf"^ *\d+: +((?:\d+ +){{4}})pinctrl-rp1 +(\d+) (\w+) +{name} *$", said(self.machine, "cat /proc/interrupts"), re.M)
        assert row and row[2] == str({"edge": EDGE, "level": LEVEL}[name]) and row[3] == name.capitalize(), self.machine.text[-3000:]
        return sum(map(int, row[1].split()))


@pytest.fixture
def pins(tmp_path):
    return Pins(tmp_path)


@pytest.fixture
def linux(boot, tmp_path, pins):
    """linux(Tree, more QEMU options) -> a machine at the shell, with its modules loaded and RP1's drivers at work."""
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    if not referee.find():
        pytest.skip(referee.MISSING)

    def start(tree, extra=()):
        machine = boot(board="raspi5b", image=referee.find()["vmlinuz"], initrd=referee.initramfs(tmp_path, INIT), icount=True,
                       dtb=library.save(tmp_path, "linux.dtb", library.blob(tree.fdt)),
                       extra=["-append", "console=ttyAMA10,115200 iomem=relaxed", *pins.monitor.options, *extra])
        machine.expect(PROMPT, timeout=300)
        said(machine, "until [ -e /sys/bus/platform/drivers/pinctrl-rp1/*.pinctrl ]; do sleep 0.1; done")
        said(machine, "echo keys > /sys/bus/platform/drivers/gpio-keys/bind")  # it does not wait for interrupt controllers
        pins.machine = machine
        pins.monitor.ask("info version")
        return machine
    return start


def check_enumeration(machine):
    text = machine.text
    assert re.search(r"1000120000\.pcie: link up, 5\.0 GT/s PCIe x4", text), text[-5000:]
    assert "pci 0002:01:00.0: [1de4:0001] type 00 class 0x020000 PCIe Endpoint" in text
    for bar, (start, size) in BARS.items():
        assert f"pci 0002:01:00.0: BAR {bar} [mem {start:#x}-{start + size - 1:#x}]: assigned" in text
    assert "pci 0002:00:00.0: bridge window [mem 0x1f00000000-0x1f004fffff]: assigned" in text
    assert not re.search("Internal error|Oops|BUG:|SError|WARNING:", text)
    for driver, device in (("pci/drivers/rp1_pci", "0002:01:00.0"), ("platform/drivers/rp1-clk", "1f00018000.clocks"),
                           ("platform/drivers/pinctrl-rp1", "1f000d0000.pinctrl"), ("platform/drivers/gpio-keys", "keys")):
        assert device in said(machine, f"ls /sys/bus/{driver}"), driver
    assert said(machine, "cat /sys/bus/pci/devices/0002:01:00.0/revision").split()[-3] == "0x02"


def check_pins(pins):
    assert pins.count("edge") == 0 and pins.count("level") == 0
    for number in range(4):  # it asks for both edges; the count is read, so time passes, between them
        pins.drive(EDGE, "low" if number % 2 else "high")
        assert pins.count("edge") == number + 1
    pins.drive(LEVEL, "high")  # nothing takes it away: as often as Linux acknowledges it
    said(pins.machine, "sleep 0.1")
    pins.drive(LEVEL, "low")
    held = pins.count("level")
    assert held > 10
    said(pins.machine, "sleep 0.1")
    assert pins.count("level") == held and pins.count("edge") == 4
    assert sum(interrupts(pins.machine).get("PCIe PME, aerdrv", (0, [0]))[1]) == 0  # nothing came by INTA


def check_uart(machine, line):
    """Linux' pinctrl gives the pins the function, and what is typed comes back. The rate, which this driver leaves to a firmware,
    is set by hand."""
    assert re.findall(r"0x[0-9A-F]{8}", said(machine, "devmem 0x1f000d0074; devmem 0x1f000d007c")) == ["0x00000084"] * 2
    said(machine, "; ".join(f"devmem {0x1f00030000 + offset:#x} 32 {value:#x}"
                            for offset, value in ((0x30, 0), (0x24, 27), (0x28, 8), (0x2c, 0x70), (0x30, 0x301))))
    said(machine, "exec 3<>/dev/ttyAMA0")
    line.sendall(b"typed\n")
    line.settimeout(60)
    heard = b""
    while len(heard) < 7:
        heard += line.recv(100)
    assert heard == b"typed\r\n"
    row = re.search(r"^ *\d+: +((?:\d+ +){4})rp1_irq_chip +25 Level +uart-pl011", said(machine, "cat /proc/interrupts"), re.M)
    assert row and sum(map(int, row[1].split())) >= 1
    said(machine, "exec 3>&-")


def arp(reply, sender, target, source=b"\x02\0\0\0\0\1"):
    """A frame that asks for an address, or answers."""
    head = (b"\xff" * 6 if not reply else reply) + source + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x800, 6, 4, 2 if reply else 1)
    return head + source + bytes(sender) + (reply or bytes(6)) + bytes(target)


def check_ethernet(machine, cable):
    """Linux asks who has an address; it is told."""
    said(machine, "ifconfig eth0 10.0.0.2 up")
    said(machine, "until grep -q 1 /sys/class/net/eth0/carrier; do sleep 0.1; done")
    said_address = said(machine, "cat /sys/class/net/eth0/address")
    machine.send("arping -c 1 -w 5 -I eth0 10.0.0.1\n")
    cable.settimeout(60)
    while True:
        frame = cable.recv(2000)
        if frame[12:14] == b"\x08\x06" and frame[38:42] == bytes([10, 0, 0, 1]):
            break
    assert frame[:6] == b"\xff" * 6
    assert frame[6:12].hex(":") in said_address, said_address
    cable.send(arp(frame[6:12], [10, 0, 0, 1], [10, 0, 0, 2]) + bytes(18))
    machine.expect(r"from 10\.0\.0\.1 \[02:0*0:0*0:0*0:0*0:0*1\]")
    machine.expect(PROMPT)
    row = re.search(r"^ *\d+: +((?:\d+ +){4})rp1_irq_chip +6 Level +eth0", said(machine, "cat /proc/interrupts"), re.M)
    assert row and sum(map(int, row[1].split())) >= 2


def test_linux_binds_rp1s_drivers_and_takes_its_interrupts_with_its_own_tree(linux, pins, tmp_path):
    if not referee.find():
        pytest.skip(referee.MISSING)
    tree = Tree(referee.find()["bcm2712-rpi-5-b.dtb"])
    tree.add_keys(OWN_BUS + "/" + PINS)
    tree.add_uart0()
    uart = str(tmp_path / "uart0")
    here, there = str(tmp_path / "cable"), str(tmp_path / "rp1-eth")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as cable:
        cable.bind(here)
        machine = linux(tree, ["-netdev", f"dgram,id=cable,local.type=unix,local.path={there},remote.type=unix,remote.path={here}",
                               "-net", "nic,netdev=cable", "-chardev", f"socket,id=uart0,path={uart},server=on,wait=off",
                               "-serial", "chardev:uart0"])
        cable.connect(there)
        check_enumeration(machine)
        assert "eth0: Cadence GEM rev 0x00070109 at 0x1f00100000" in machine.text
        check_pins(pins)
        check_uart(machine, library.connected(uart))
        check_ethernet(machine, cable)
        machine.send("poweroff -f\n")
        machine.expect("reboot: Power down")
        assert machine.ended() == 0


def test_linux_takes_rp1s_interrupts_with_the_stock_tree_and_the_node_that_its_driver_needs(linux, pins):
    """The stock tree describes RP1 as Raspberry Pi's kernel wants it; upstream's driver refuses that, on the board too ("Missing
    of_node"). So the function's node is added; root complex, MIP, and all else are as they are in the stock tree."""
    tree = Tree(tree_of("bcm2712-rpi-5-b"))
    tree.add_keys(tree.add_function())
    machine = linux(tree)
    check_enumeration(machine)
    check_pins(pins)
