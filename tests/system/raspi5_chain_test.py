# SPDX-License-Identifier: BSD-2-Clause
"""Raspberry Pi 5, the whole chain on our model of it (tests/raspi5): a byte that RP1's UART0 receives becomes a message over PCIe, an
inbound window makes it a doorbell of MIP, MIP raises an SPI, the GIC interrupts the core, and five servers later it is read. With
stock and upstream-shaped trees, links that firmware left trained, and what can be missing or wrong."""
import random
import re
import struct
import time

import boot as library
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
MEBIBYTE = 1 << 20


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
        self.port.read()  # what is said before somebody listens is lost
        return self

    def servers(self):
        """{server's name: its state, as `tree` shows them}"""
        return dict(re.findall(r" (\w+) +(running|starting|waits|FAILED|BROKEN)\b", self.machine.run("tree", timeout=20)))

    def await_servers(self, names):
        """PCIe comes later than the prompt: PERST# alone takes 100 ms."""
        assert library.machine.wait_until(lambda: all(self.servers().get(name) == "running" for name in names)), self.machine.run("tree")
        return self

    def log(self):
        return self.machine.run("log", timeout=20)

    def await_log(self, text):
        assert library.machine.wait_until(lambda: text in self.log()), (text, self.log())


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


# ---- the chain ----

# What each hop says it found or set, in this order. (MIP's own start is no part of it: nothing orders that and the bridge's.)
STAGES = [
    ("pcie_brcmstb", "bridge: set, out of reset (found without a link)"),
    ("pcie_brcmstb", "SCB access: set on (MISC_CTRL 203480)"),
    ("pcie_brcmstb", "inbound 1: set PCI 0x0 as CPU 0x1f00000000, 0x400000 bytes"),
    ("pcie_brcmstb", "inbound 2: set PCI 0x1000000000 as CPU 0x0, 0x1000000000 bytes"),
    ("pcie_brcmstb", "inbound 3: set PCI 0xfffffff000 as CPU 0x1000130000, 0x1000 bytes"),
    ("pcie_brcmstb", "outbound 0: set CPU 0x1f00000000 as PCI 0x0, 0x100000000 bytes"),
    ("pcie_brcmstb", "outbound 1: set CPU 0x1c00000000 as PCI 0x400000000, 0x300000000 bytes"),
    ("pcie_brcmstb", "PHY: set for 54 MHz"),
    ("pcie_brcmstb", "link: set up, 5.0 GT/s x4"),
    ("pcie_brcmstb", "buses 0 to 1: 2 functions (1 bridge)"),
    ("pcie_brcmstb", "1:0.0: found 1de4:0001; MSI-X at 0xb0, 61 entries, BAR 0 + 0x0"),
    ("pcie_brcmstb", "1:0.0: BAR 0 set 0x410000, 1 set 0x0, 2 set 0x400000"),
    ("rp1", "found chip ID 0x20001927, platform 0x00000002"),
    ("bcm2712_mip", "1:0.0: set vectors 0 to 60 as inputs 0 to 60"),
    ("rp1", "set a vector of MSI-X for each source"),
    ("rp1", "source 25: set vector 25, level, IACK"),
    ("bcm2712_mip", "1:0.0: set vector 25: input 25, SPI 153, INTID 185"),
    ("gicv2", "INTID 185: edge set, priority a0 set, core 0 set, group hidden"),
    ("init", "drv/pl011 (rank "),
]
NODES = {"pcie_brcmstb": PCIE, "rp1": PCIE + "/pci@0,0/dev@0,0", "bcm2712_mip": "/axi/msi-controller@1000130000",
         "gicv2": "/soc@107c000000/interrupt-controller@7fff9000", "init": UART0}


def check_stages(log):
    at = [log.find(f"[{server}] {NODES[server]}: {text}") for server, text in STAGES]
    assert -1 not in at, ([stage for stage, where in zip(STAGES, at) if where < 0], log)
    assert at == sorted(at), log
    assert f"[bcm2712_mip] {NODES['bcm2712_mip']}: set: edge, open to the CPU, masked to the VideoCore\n" in log, log
    assert f"[bcm2712_mip] {NODES['bcm2712_mip']}: inputs 0 to 63 at PCI 0xfffffff000: SPI 128 to 191, INTID 160 to 223\n" in log, log


def test_a_byte_at_the_header_comes_through_five_servers(pi):
    board = pi().prompt().await_servers(CHAIN)
    check_uart0(board)
    before = raspi.events(board.machine, "serial@30000")
    board.port.run("echo count")
    board.machine.prompt()
    assert raspi.events(board.machine, "serial@30000") > before
    check_stages(board.log())
    library.check_columns(board.machine.text)
    irq = board.machine.run("irq", timeout=20)
    assert re.search(r"^ *25 +level +\d+ +\d+ +\S+/serial@30000$", irq, re.M), irq  # RP1's source
    assert re.search(r"^ *185 .*dev@0,0", irq, re.M), irq  # its message at the GIC
    board.machine.send("poweroff\r")
    assert board.machine.ended() == 0


@pytest.mark.parametrize("name, stepping", [("bcm2712-rpi-cm5-cm5io", "c1"), ("bcm2712d0-rpi-5-b", "d0"), ("bcm2712-rpi-500", "d0")])
def test_the_chain_comes_up_with_the_tree_of(pi, name, stepping):
    board = pi(name=name, properties=[f"stepping={stepping}"]).prompt().await_servers(CHAIN)
    check_uart0(board)


def with_uart0(tree):
    """An edit of Linux' tree, which has no UART of RP1's: UART0 on the bus below RP1's function, with RP1's clock and pins."""
    bus = UPSTREAM + "/pci-ep-bus@1"
    clocks = tree.getprop(tree.path_offset(bus + "/clocks@40018000"), "phandle").as_uint32()
    tree.add_subnode(tree.path_offset(bus + "/pinctrl@400d0000"), "uart0-pins")
    pins = bus + "/pinctrl@400d0000/uart0-pins"
    node = bus + "/serial@40030000"
    tree.add_subnode(tree.path_offset(bus), "serial@40030000")
    for path, name, value in (
            (pins, "function", b"uart0\0"), (pins, "pins", b"gpio14\0gpio15\0"), (pins, "phandle", struct.pack(">I", 0x7001)),
            (node, "compatible", b"arm,pl011-axi\0"), (node, "reg", struct.pack(">4I", 0, 0x40030000, 0, 0x100)),
            (node, "interrupts", struct.pack(">2I", 25, 4)), (node, "clocks", struct.pack(">4I", clocks, 15, clocks, 6)),
            (node, "clock-names", b"uartclk\0apb_pclk\0"), (node, "pinctrl-names", b"default\0"),
            (node, "pinctrl-0", struct.pack(">I", 0x7001))):
        tree.setprop(tree.path_offset(path), name, value)


UPSTREAM = PCIE + "/pci@0,0/dev@0,0"


def test_the_chain_comes_up_with_linux_tree(pi, tmp_path):
    if not referee.find():
        pytest.skip(referee.MISSING)
    with open(referee.find()[BOARD + ".dtb"], "rb") as f:
        tree = libfdt.Fdt(f.read())
    tree.resize(tree.totalsize() + 4096)
    with_uart0(tree)
    board = pi(tree=library.save(tmp_path, "upstream.dtb", library.blob(tree))).prompt().await_servers(CHAIN)
    assert re.search(r" serial@40030000 +pl011 +running\n", board.machine.run("tree", timeout=20))
    check_uart0(board, UPSTREAM + "/pci-ep-bus@1/serial@40030000")  # a path of 70 characters
    assert re.search(r"^ *25 +level +([2-9]|\d\d+) +\d+ +\S+/serial@40030000$", board.machine.run("irq", timeout=20), re.M)


def test_the_console_is_where_stdout_path_says(pi):
    def edit(tree):
        enable(UART0)(tree)
        tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", UART0 + ":115200n8")

    board = pi(edit=edit).prompt()  # on UART10, until the header is there
    board.port.wait("cambium> $")
    assert board.port.run("echo at the header") == "at the header\n"
    assert re.search(rf"^{UART0} +pl011, the console$", said := board.port.run("console"), re.M), said
    assert "at the header" not in board.machine.text


# ---- what firmware leaves ----

@pytest.mark.parametrize("window", ["1f", "1c"])
def test_a_link_that_firmware_trained_is_adopted(pi, window):
    board = pi(properties=["pciex4-reset=off", f"rp1-window={window}"]).prompt().await_servers(CHAIN)
    log = board.log()
    assert "link: found up" in log, log
    assert ("not as the tree says" in log) == (window == "1c"), log
    check_uart0(board)


# ---- what is missing or wrong ----

def check_rest(board):
    """All that does not need RP1 runs."""
    servers = board.servers()
    assert all(servers.get(name) == "running" for name in ("gicv2", "bcm2712_mip", "bcm2835_mbox", "iproc_rng200")), servers
    assert board.machine.run("echo the rest runs") == "the rest runs\n"


def check_said_soon(board, text, seconds=0.3):
    """Said, and within that time of the bridge's start. The clock in the log counts instructions: boot with icount."""
    assert library.machine.wait_until(lambda: re.search(text, board.log())), board.log()
    log = board.log()
    began, said = (re.search(rf"^\[ *([\d.]+)\] .*?{what}", log, re.M) for what in (r"\[pcie_brcmstb\] \S+: bridge: ", text))
    assert float(said[1]) - float(began[1]) < seconds, log


@pytest.mark.parametrize("properties", [["rp1=off"], ["pcie2-link=down"]], ids=["nobody", "link down"])
def test_without_a_link_the_bridge_is_said_and_the_rest_runs(pi, properties):
    board = pi(properties=properties, icount=True).prompt()
    check_said_soon(board, r"error: \[pcie_brcmstb\] \S+: link down: nobody trains")
    assert board.servers()["pcie_brcmstb"] == "FAILED"
    check_rest(board)


def test_another_vendor_gets_no_server(pi):
    board = pi(extra=["-global", "rp1.vendor-id=0x1234"], icount=True).prompt().await_servers(["pcie_brcmstb"])
    check_said_soon(board, rf"error: \[pcie_brcmstb\] \S+: 1:0.0: no driver for 1234:0001, where the tree has {RP1}:")
    assert "1234:0001" in board.machine.run("pci")
    assert "rp1" not in board.servers()
    check_rest(board)


def test_without_msix_rp1s_sources_share_inta(pi):
    board = pi(extra=["-global", "rp1.msix=off"], icount=True).prompt().await_servers(CHAIN)
    check_said_soon(board, r"\[rp1\] \S+: set INTA for all sources")
    check_uart0(board)


def test_a_tree_without_a_window_for_messages_gets_lines(pi):
    def edit(tree):
        enable(UART0)(tree)
        node = tree.path_offset(PCIE)
        tree.setprop(node, "dma-ranges", bytes(tree.getprop(node, "dma-ranges"))[:2 * 7 * 4])

    board = pi(edit=edit).prompt().await_servers(CHAIN)
    assert "set INTA for all sources" in board.log()
    check_uart0(board)


def test_a_tree_that_puts_rp1_elsewhere_than_its_bar_starts_nobody_there(pi):
    def edit(tree):
        enable(UART0)(tree)
        node = tree.path_offset(RP1)
        cells = list(struct.unpack(">7I", bytes(tree.getprop(node, "ranges"))))
        cells[4] = 0x123000  # where no BAR can begin
        tree.setprop(node, "ranges", struct.pack(">7I", *cells))

    board = pi(edit=edit).prompt().await_servers(["rp1"])
    board.await_log("nothing on its bus is started")
    check_rest(board)


# ---- RP1 reset under its drivers ----

def test_rp1_that_is_reset_under_its_drivers_is_brought_up_again_with_all_of_them(pi, tmp_path):
    monitor = library.Monitor(tmp_path)
    board = pi(extra=monitor.options).prompt().await_servers(CHAIN)
    check_uart0(board)

    def link(value):
        monitor.ask("info version")
        monitor.command("qom-set", {"path": "/machine", "property": "pcie2-link", "value": value})

    # the link trains again by itself: either that is seen while it is down, or later the function's switches, which are off
    link("down"), link("up")
    board.await_log("serial@30000: drv/pl011 restarted (1)")
    log = board.log()
    assert "1:0.0: it was reset under its driver" in log or "the link is lost" in log
    for line in ("dev@0,0: was reset: 4 servers begin anew", "drv/rp1 restarted (1)", "drv/rp1_clocks restarted (1)",
                 "drv/rp1_gpio restarted (1)"):
        assert line in log, (line, log)
    assert "moves" not in log and "fault:" not in log, log  # nobody accessed what was being brought up
    assert board.port.run("echo after a reset") == "after a reset\n"

    # it stays away: an error with the reason, and all else runs; back, it needs one command
    link("down")
    board.await_log("link down: nobody trains")
    assert "the link is lost" in board.log()
    assert board.servers()["pcie_brcmstb"] == "FAILED"
    check_rest(board)
    link("up")
    board.machine.run(f"restart {PCIE}")
    board.await_log("serial@30000: drv/pl011 restarted (2)")
    board.await_servers(CHAIN)
    assert "moves" not in (log := board.log()) and "fault:" not in log, log
    check_uart0(board)  # anew: a port whose server is given up is left


# ---- deaths ----

def check_paste(board, victims, gap_ms, size):
    """`size` bytes typed at the header while servers die; -> what cksum says of them."""
    random.seed(5)
    data = bytes(random.choice(b"abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(size))
    board.port.send("console use " + UART0.rsplit("/", 1)[1])
    board.port.wait("cambium> $")
    board.port.send(f"test-killer {gap_ms} {len(victims)} {' '.join(victims)} &")
    board.port.wait("cambium> $")
    board.port.send(f"cksum -r {size}")
    board.port.wait(f"cksum -r {size}\n")
    time.sleep(0.5)
    board.port.connection.sendall(data)  # as fast as QEMU takes it
    text = board.port.wait(rf"(?s)(?=.*killer: done)(?=.*\d {size}\n).*cambium> $", timeout=120)
    return f"{raspi.posix_cksum(data)} {size}", text


def test_a_mebibyte_at_the_header_arrives_whole_while_the_chain_dies(pi, tmp_path):
    victims = 4 * ["gicv2", "bcm2712_mip", "pcie_brcmstb", "rp1"]
    contents = {**library.entries(), "bin/test-killer": library.program("killer")}
    board = pi(initrd=library.archive(tmp_path, contents)).prompt().await_servers(CHAIN)
    check_uart0(board)
    wanted, text = check_paste(board, victims, 400, MEBIBYTE)
    assert wanted in text, text[-500:]
    tree = board.port.run("tree")
    for server in set(victims):
        assert re.search(rf" {server} +running, restarted [1-4] times?\n", tree), tree
