# SPDX-License-Identifier: BSD-2-Clause
"""Raspberry Pi 5, the chain of raspi5_chain_test hop by hop: what Cambium left in the registers of each, read from outside and compared
with the table of one received byte (pads to GIC), what a byte makes each hop do, in which order, and that their counters agree; edges,
storms, too few vectors, and windows that swallow messages. Skipped where that QEMU was not built (tools/raspi5-qemu)."""
import re
import struct

import boot as library
import gdbstub
import pytest
from raspi5_chain_test import BOARD, CHAIN, PCIE, RP1, UART0, Pi, check_rest, check_uart0, enable
from raspi5_pcie import (CFG, COMMAND, HARD_DEBUG, IDDQ, INT_RAISE, LINK_ACTIVE, MASK_HOST, MASK_VPU, MASTER, MEMORY, MESSAGE, MISC_CTRL,
                         PCIE_STATUS, PHY_UP, SCB_ACCESS_EN)
from raspi5_rp1_test import (APBS, BAR0, CLR, CONFIG, CR, DR, ENABLE, IACK, IACK_EN, IBRD, IMSC, INPUT, INT_UART0, IO, LCR_H, MIP0_SPI,
                             MSIX_ENABLE, OUTPUT_OFF, PADS, PULL_UP, RX_CAUSES, SET, TEST, UART_FUNCTION)
from raspi5_rp1_test import UART0 as UART0_AT
from raspi import edited

import raspi5_qemu

MIP = "/axi/msi-controller@1000130000"
RC_AT, MIP_AT, RP1_AT = 0x1000120000, 0x1000130000, 0x1f00000000  # the CPU's addresses
MSIX_CAPABILITY, MSIX_FUNCTION_MASK = 0xb0, 1 << 30
INTID = 32 + MIP0_SPI + INT_UART0
# of a GIC's distributor (GICv2 Architecture Specification, 4.3)
GICD_CTLR, GICD_ISENABLER, GICD_ICENABLER, GICD_IPRIORITYR, GICD_ITARGETSR, GICD_ICFGR = 0, 0x100, 0x180, 0x400, 0x800, 0xc00
GICC_CTLR, GICC_PMR, GICC_EOIR = 0, 4, 0x10  # of its CPU interface (4.4)


@pytest.fixture(autouse=True)
def qemu():
    return raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)


class Trace:
    """What QEMU writes down of its devices. Pass .options as extra: of these events from the start on."""

    def __init__(self, folder, monitor, *events):
        self.path, self.monitor = str(folder / "trace"), monitor
        self.options = ["-D", self.path, *(word for event in events for word in ("-trace", event))]

    def switch(self, is_on, *events):
        for event in events:
            assert not self.monitor.ask(f"trace-event {event} {'on' if is_on else 'off'}")

    def lines(self):
        with open(self.path, encoding="ascii", errors="replace") as f:
            return f.read().splitlines()


class Hops:
    """A board whose registers are read from outside. What a GIC has no monitor can read: the last writes tell."""

    def __init__(self, boot, folder, edits=(enable(UART0),), **options):
        self.monitor = library.Monitor(folder)
        self.trace = Trace(folder, self.monitor, "gic_dist_write", "gic_cpu_write")
        extra = [*self.monitor.options, *self.trace.options, *options.pop("extra", [])]

        def edit(tree):
            for one in edits:
                one(tree)
        self.pi = Pi(boot, folder, edited(folder, BOARD, edit), extra=extra, **options)
        self.pi.prompt()
        self.machine, self.port = self.pi.machine, self.pi.port
        self.monitor.ask("info version")

    def read(self, address, words=1):
        said = self.monitor.ask(f"xp /{words}wx {address:#x}")
        values = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})\b", said)]
        assert len(values) == words, said
        return values if words > 1 else values[0]

    def rp1(self, offset, words=1):
        return self.read(RP1_AT + offset, words)

    def rc(self, offset, words=1):
        return self.read(RC_AT + offset, words)

    def irq(self):
        """{(line, node's name): (kind, events, what stands behind the path)} of the shell's `irq`."""
        rows = re.findall(r"^ +(\d+) +(\S+) +(\d+) +\d+  (\S+)(.*)$", self.machine.run("irq", timeout=20), re.M)
        return {(int(line), path.rsplit("/", 1)[-1]): (kind, int(events), rest) for line, kind, events, path, rest in rows}

    # ---- the GIC, as it was written

    def gicd(self, offset):
        """What was last written to a word of the distributor."""
        return [int(value, 16) for value in
                re.findall(rf"gic_dist_write dist write at 0x{offset:08x} size 4: (0x\w+)", "\n".join(self.trace.lines()))][-1]

    def gicd_byte(self, offset, intid):
        return self.gicd(offset + intid // 4 * 4) >> intid % 4 * 8 & 0xff

    def gicd_enabled(self, intid):
        word, bit = intid // 32 * 4, 1 << intid % 32
        written = re.findall(rf"gic_dist_write dist write at 0x0000({GICD_ISENABLER + word:04x}|{GICD_ICENABLER + word:04x}) size 4: (0x\w+)",
                             "\n".join(self.trace.lines()))
        return [int(at, 16) < GICD_ICENABLER for at, value in written if int(value, 16) & bit][-1]

    def gicc(self, offset):
        return [int(value, 16) for value in
                re.findall(rf"gic_cpu_write cpu 0 iface write at 0x{offset:08x} (0x\w+)", "\n".join(self.trace.lines()))][-1]


def cfg_at(source, alias=0):
    """RP1's word for a source."""
    return APBS + alias + 8 + 4 * source


# ---- a received byte ----

# from RXD to the vector, in order: QEMU's words for each hop's part
WAY = [rf"memory_region_ops_write .* addr {MIP_AT + INT_RAISE:#x} value {INT_UART0:#x} size 4 name 'bcm2712-mip'",
       rf"gic_set_irq irq {INTID} level 1 ",
       rf"gic_acknowledge_irq cpu 0 acknowledged irq {INTID}$",
       rf"gic_cpu_write cpu 0 iface write at {GICC_EOIR:#010x} {INTID:#010x}$",
       rf"memory_region_ops_read .* addr {UART0_AT + DR:#x} value 0xd size 4 name 'rp1-uart'",
       rf"memory_region_ops_write .* addr {cfg_at(INT_UART0, SET):#x} value {IACK:#x} size 4 name 'rp1-pcie-apbs'"]
WATCHED = ("gic_set_irq", "gic_acknowledge_irq", "memory_region_ops_read", "memory_region_ops_write")


def check_registers(hops):
    """The table of one received byte (pins, UART, RP1, MSI-X, root complex, MIP, GIC), stage by stage."""
    rxd, txd = 15, 14
    assert hops.rp1(PADS + 4 + 4 * rxd) & (INPUT | PULL_UP | OUTPUT_OFF) == INPUT | PULL_UP
    for pin in (txd, rxd):
        assert hops.rp1(IO + 8 * pin + 4) & 0x1f == UART_FUNCTION
        assert hops.rp1(IO + 8 * pin + 4) >> 12 & 0xff == 0  # no override of output, its enable, input or interrupt
    assert hops.rp1(UART0_AT + CR) & 0x301 == 0x301 and hops.rp1(UART0_AT + LCR_H) & 0x10  # enabled, both directions; FIFOs
    assert hops.rp1(UART0_AT + IMSC) & RX_CAUSES == RX_CAUSES
    assert hops.rp1(cfg_at(INT_UART0)) == ENABLE | IACK_EN
    assert [hops.rp1(BAR0 + 16 * INT_UART0 + 4 * word) for word in range(4)] == [MESSAGE & 0xffffffff, MESSAGE >> 32, INT_UART0, 0]
    assert hops.rp1(CONFIG + MSIX_CAPABILITY) & (MSIX_ENABLE | MSIX_FUNCTION_MASK) == MSIX_ENABLE
    assert hops.rp1(CONFIG + COMMAND) & (MEMORY | MASTER) == MEMORY | MASTER
    # an entry that nobody has attached is masked
    assert hops.rp1(BAR0 + 16 * (INT_UART0 + 1) + 12) & 1 and hops.rp1(cfg_at(INT_UART0 + 1)) == 0

    assert hops.rc(COMMAND) & (MEMORY | MASTER) == MEMORY | MASTER  # the root port's own
    assert hops.rc(PCIE_STATUS) & (PHY_UP | LINK_ACTIVE) == PHY_UP | LINK_ACTIVE and not hops.rc(HARD_DEBUG) & IDDQ
    assert hops.rc(MISC_CTRL) & SCB_ACCESS_EN
    window = 3  # as the tree has it: behind RP1 itself and RAM
    assert (hops.rc(0x402c + 8 * (window - 1)), hops.rc(0x4030 + 8 * (window - 1))) == (MESSAGE & 0xffffffff | 0x1c, MESSAGE >> 32)
    assert (hops.rc(0x40ac + 8 * (window - 1)), hops.rc(0x40b0 + 8 * (window - 1))) == (MIP_AT & 0xffffffff | 1, MIP_AT >> 32)

    bit = 1 << INT_UART0
    assert not hops.read(MIP_AT + MASK_HOST) & bit and hops.read(MIP_AT + MASK_VPU) & bit and hops.read(MIP_AT + CFG) & bit

    assert hops.gicd(GICD_CTLR) & 1 and hops.gicc(GICC_CTLR) & 1
    assert hops.gicd_enabled(INTID) and not hops.gicd_enabled(INTID + 1)
    assert hops.gicd(GICD_ICFGR + INTID // 16 * 4) >> INTID % 16 * 2 & 2  # an edge
    assert hops.gicd_byte(GICD_ITARGETSR, INTID) == 1
    assert hops.gicd_byte(GICD_IPRIORITYR, INTID) < hops.gicc(GICC_PMR)


def type_return(hops):
    """One byte at the header; the prompt that answers it comes out at both consoles."""
    hops.port.connection.sendall(b"\r")
    hops.port.wait("cambium> ")
    hops.machine.prompt()


def check_way(hops):
    """One byte: each hop does its part once, one behind the other, and the source is acknowledged only when it was served."""
    before = len(hops.trace.lines())
    hops.trace.switch(True, *WATCHED)
    type_return(hops)
    assert library.machine.wait_until(lambda: any(re.search(WAY[-1], line) for line in hops.trace.lines()[before:]))
    hops.trace.switch(False, *WATCHED)
    lines = hops.trace.lines()[before:]
    at = [[number for number, line in enumerate(lines) if re.search(step, line)] for step in WAY]
    assert [len(found) for found in at] == len(WAY) * [1], (at, lines)
    assert at == sorted(at), (at, lines)


def check_counters(hops, bytes_typed=10):
    """The GIC's server and RP1's count the same; -> how many there were."""
    gic, rp1 = (INTID, "dev@0,0"), (INT_UART0, "serial@30000")
    before = hops.irq()
    for _ in range(bytes_typed):
        type_return(hops)

    def agree():
        now = hops.irq()
        told = now[rp1][1] - before[rp1][1]
        return told if told >= bytes_typed and now[gic][1] - before[gic][1] == told else 0
    assert library.machine.wait_until(agree), (before, hops.irq())
    assert before[gic][0] == "MSI-X" and before[rp1][0] == "level"


def test_each_hop_has_its_registers_and_does_its_part_of_a_byte_once(boot, tmp_path):
    hops = Hops(boot, tmp_path)
    hops.pi.await_servers(CHAIN)
    check_uart0(hops.pi)
    check_registers(hops)
    check_way(hops)
    check_counters(hops)


# ---- edges ----

def as_edge(path, index=0):
    """An edit: an interrupt of RP1's is called a rising edge."""
    def edit(tree):
        specifiers = bytearray(tree.getprop(tree.path_offset(path), "interrupts"))
        struct.pack_into(">I", specifiers, 8 * index + 4, 1)
        tree.setprop(tree.path_offset(path), "interrupts", bytes(specifiers))
    return edit


USB, INT_USB = RP1 + "/usb@200000", 31  # RP1's two edges are its USB controllers'


def with_counter(tree):
    """In USB's place a driver that counts its events (programs/sharer.c)."""
    enable(USB)(tree)
    tree.setprop_str(tree.path_offset(USB), "compatible", "cambium,test-sharer")


def test_edges_are_all_told_the_last_one_too_and_never_acknowledged(boot, tmp_path):
    stub = gdbstub.Stub(tmp_path)
    contents = {**library.entries(), "drv/sharer": library.program("sharer")}
    hops = Hops(boot, tmp_path, [enable(UART0), as_edge(UART0), as_edge(RP1 + "/gpio@d0000"), with_counter], extra=stub.options,
                initrd=library.archive(tmp_path, contents))
    hops.pi.await_servers([*CHAIN, "sharer"])
    assert hops.rp1(cfg_at(INT_USB)) == ENABLE and hops.rp1(cfg_at(INT_UART0)) == ENABLE and hops.rp1(cfg_at(0)) == ENABLE
    assert hops.irq()[INT_USB, "usb@200000"][0] == "edge"
    before = len(hops.trace.lines())
    hops.trace.switch(True, "memory_region_ops_write")

    def counted():
        return hops.irq()[INT_USB, "usb@200000"][1]

    def pulse(times):
        stub.interrupt()
        for _ in range(times):
            stub.write_physical(RP1_AT + cfg_at(INT_USB, SET), TEST)
            stub.write_physical(RP1_AT + cfg_at(INT_USB, CLR), TEST)
        stub.go()
    stub.connect()
    stub.go()
    for _ in range(5):  # one by one: each is an event
        start = counted()
        pulse(1)
        assert library.machine.wait_until(lambda: counted() == start + 1)  # noqa: B023
    start = counted()
    pulse(20)  # faster than anybody runs: one event, behind the last
    assert library.machine.wait_until(lambda: counted() == start + 1)
    start = counted()
    for _ in range(20):  # in whatever the machine is doing: some may come together
        pulse(1)
    assert library.machine.wait_until(lambda: start < counted() <= start + 20)
    start = counted()
    pulse(1)
    assert library.machine.wait_until(lambda: counted() == start + 1)

    # a UART's as an edge: nothing that is typed gets lost
    check_uart0(hops.pi)
    # pins': the last level is seen, however many come together
    def wire(level):
        assert hops.monitor.command("qom-set", {"path": "/machine/pins", "property": "gpio17", "value": level}) == {}
    wire("low")
    hops.machine.send("gpio watch 17\r")
    hops.machine.expect(r"\] 0\r*\n", timeout=20)  # as it is
    for level in 9 * ["high", "low"] + ["high"]:
        wire(level)
    seen = []
    with pytest.raises(library.machine.Stopped):  # silence
        while True:
            seen.append(hops.machine.expect(r"\] (\d)(, \d+ changes)?\r*\n", timeout=2)[1])
    assert seen[-1] == "1", seen
    hops.machine.send("\x03")
    hops.machine.prompt()

    hops.trace.switch(False, "memory_region_ops_write")
    written = re.findall(r"addr (0x\w+) value (0x\w+) size 4 name 'rp1-pcie-apbs'", "\n".join(hops.trace.lines()[before:]))
    acknowledged = {int(at, 16) for at, value in written if int(value, 16) & IACK}
    assert not acknowledged & {cfg_at(source, SET) for source in (INT_USB, INT_UART0, 0)}, acknowledged


# ---- too few vectors ----

def with_inputs(count):
    """An edit: MIP0 has so many inputs."""
    def edit(tree):
        cells = list(struct.unpack(">5I", bytes(tree.getprop(tree.path_offset(MIP), "msi-ranges"))))
        tree.setprop(tree.path_offset(MIP), "msi-ranges", struct.pack(">5I", *cells[:4], count))
    return edit


def without_inta(tree):
    tree.delprop(tree.path_offset(PCIE), "interrupt-map")


def start(boot, folder, *edits, **options):
    def edit(tree):
        for one in edits:
            one(tree)
    return Pi(boot, folder, edited(folder, BOARD, edit), **options).prompt()


def test_with_too_few_vectors_all_sources_share_inta(boot, tmp_path):
    board = start(boot, tmp_path, enable(UART0), with_inputs(16)).await_servers(CHAIN)
    log = board.log()
    assert "15 vectors for 61 sources: not used" in log and "INTA for all sources" in log, log
    check_uart0(board)
    irq = board.machine.run("irq", timeout=20)
    assert re.search(r"^ *25 +level +[1-9]\d* +\d+  \S+/serial@30000$", irq, re.M) and "MSI" not in irq, irq
    check_rest(board)


def test_without_inta_too_only_sources_with_a_vector_work_and_the_others_are_named(boot, tmp_path):
    board = start(boot, tmp_path, enable(UART0), with_inputs(16), without_inta).await_servers(CHAIN)
    board.await_log("source 25 has no vector")
    board.await_log(UART0 + ": drv/pl011 did not start")
    assert re.search(r"^ *0 +level +\d+ +\d+  \S+/gpio@d0000$", board.machine.run("irq", timeout=20), re.M)
    assert re.search(r" serial@30000 +pl011 +FAILED", board.machine.run("tree"))
    check_rest(board)


# ---- storms ----

STORM = [(IBRD, 27), (LCR_H, 0x70), (CR, 0x101), (IMSC, 1 << 5), (DR, 0x21)]  # "sent" is enabled, and stays


def as_storm(path, silent=False):
    """An edit: the UART's driver is one that serves nothing (programs/storm.c), and acknowledges, or does not."""
    def edit(tree):
        enable(path)(tree)
        tree.setprop_str(tree.path_offset(path), "compatible", "cambium,test-storm")
        tree.setprop(tree.path_offset(path), "writes", b"".join(struct.pack(">2I", *write) for write in STORM))
        tree.setprop_u32(tree.path_offset(path), "silent", silent)
    return edit


def test_sources_that_nobody_serves_are_named_and_the_others_go_on(boot, tmp_path):
    """A level that is acknowledged and stays, one that is never acknowledged, and one that the tree calls an edge. A storm starves who
    is below it for some tenths of a second on a real machine's clock, hence icount."""
    level, silent, edge = (RP1 + f"/serial@{at}" for at in ("34000", "38000", "3c000"))
    contents = {**library.entries(), "drv/storm": library.program("storm")}
    board = start(boot, tmp_path, enable(UART0), as_storm(level), as_storm(silent, True), as_storm(edge), as_edge(edge),
                  initrd=library.archive(tmp_path, contents), icount=True)
    for line, path in ((42, level), (44, edge)):
        board.machine.expect(rf"\[rp1\] \S+: line {line}, interrupt 0 of {path}, stays asserted: masked", timeout=120)
    board.await_servers([*CHAIN, "storm"])
    irq = board.machine.run("irq", timeout=20)
    assert re.search(rf"^ *42 +level +\d+ +\d+  {level} .*STORM: masked$", irq, re.M), irq
    assert re.search(rf"^ *43 +level +\d +\d  {silent}  \(being handled\)$", irq, re.M), irq
    assert re.search(rf"^ *44 +edge +\d+ +\d+  {edge} .*STORM: masked$", irq, re.M), irq
    assert irq.count("STORM") == 2, irq  # none of their messages at the GIC
    check_uart0(board)
    check_rest(board)
    again = board.machine.run("irq", timeout=20)
    for line in (42, 43, 44):
        assert re.search(rf"^ *{line} .*", irq, re.M)[0] == re.search(rf"^ *{line} .*", again, re.M)[0]


# ---- windows ----

def inbound(*windows):
    """An edit: entries of dma-ranges (PCI, CPU, length)."""
    def edit(tree):
        rows = [struct.pack(">I3Q", 0x03000000, *window) for window in windows]
        tree.setprop(tree.path_offset(PCIE), "dma-ranges", b"".join(rows))
    return edit


DOORBELL = (MESSAGE, MIP_AT, 0x1000)


@pytest.mark.parametrize("windows, said", [
    ([(MESSAGE & ~0xfffffff, 0, 0x10000000), DOORBELL], "is taken by another: left out"),
    ([*((n << 12, n << 12, 0x1000) for n in range(10)), DOORBELL], "is one too many: left out"),
    ([(MESSAGE, MIP_AT + 0x1000, 0x1000)], "where msi-parent is not")], ids=["RAM is there", "ten are used", "leads elsewhere"])
def test_a_doorbell_that_is_taken_is_said_and_sources_share_inta(boot, tmp_path, windows, said):
    board = start(boot, tmp_path, enable(UART0), inbound(*windows)).await_servers(CHAIN)
    log = board.log()
    assert re.search(rf"error: \[pcie_brcmstb\] .*PCI 0x{MESSAGE:x}\b.*{said}", log), log
    assert "dma-ranges let no messages out of the bus to 0xfffffff000" in log and "INTA for all sources" in log, log
    check_uart0(board)
    check_rest(board)


# ---- trees ----

def cells(path, name, *values, at=None):
    """An edit: a property is these cells, or has them from the at-th on."""
    def edit(tree):
        node = tree.path_offset(path)
        whole = bytearray(tree.getprop(node, name)) if at is not None else bytearray(4 * len(values))
        struct.pack_into(f">{len(values)}I", whole, 4 * (at or 0), *values)
        tree.setprop(node, name, bytes(whole))
    return edit


def test_what_a_tree_gets_wrong_beside_uart0_is_named_and_uart0_works(boot, tmp_path):
    uart1, uart2, uart3, uart4, uart5 = (RP1 + f"/serial@{at}" for at in ("34000", "38000", "3c000", "40000", "44000"))

    def more_windows(tree):  # one over another
        node = tree.path_offset(PCIE)
        tree.setprop(node, "ranges", bytes(tree.getprop(node, "ranges")) + struct.pack(">I3Q", 0x02000000, 1 << 36, RP1_AT, 1 << 20))
    board = start(boot, tmp_path, enable(UART0, uart1, uart2, uart3, uart4, uart5), cells(uart1, "interrupts", 61, 4),
                  cells(uart2, "interrupts", 43, 1), cells(uart3, "interrupts", 43, 4), cells(uart4, "reg", 0xd0, at=0),
                  cells(uart5, "interrupts", 46, 2), cells(PCIE, "max-link-speed", 99), more_windows,
                  cells("/axi/msi-controller@1000131000", "msi-ranges", 0x9999, at=0)).await_servers(CHAIN)
    check_uart0(board)
    for said in (rf"interrupt 0 of {uart1}: this controller has no such line",
                 rf"interrupt 0 of ({uart2}|{uart3}): on a line that is another's",
                 rf"{uart4}: refused: reg 0 ", rf"interrupt 0 of {uart5}: its specifier means nothing here",
                 r"max-link-speed: there is no 99", rf"ranges: CPU {RP1_AT:#x} as PCI 0x1000000000 lies over another: left out",
                 r"/axi/msi-controller@1000131000: drv/bcm2712_mip waits for msi-ranges"):
        assert re.search(said, board.log()), (said, board.log())
    assert len(re.findall(r" serial@\w+ +pl011 +FAILED", board.machine.run("tree", timeout=20))) == 3  # of UART1, 5, and one of 2 and 3


@pytest.mark.parametrize("edit, said, works", [
    (cells(PCIE, "resets", 0x9999, at=0), "drv/pcie_brcmstb waits for resets rescal, which leads nowhere", False),
    (cells(PCIE, "ranges", 0, 0, at=5), f"{PCIE}: refused: its reg, or a ranges above", False),
    (cells(MIP, "msi-ranges", 0, at=4), "msi-ranges and brcm,msi-offset make no sense", True),
    (cells(PCIE, "msi-parent", 0x9999), "msi-parent leads to nobody who serves messages: its line instead", True)],
    ids=["no reset", "ranges of 0", "no inputs", "no controller"])
def test_a_tree_that_is_wrong_where_the_chain_needs_it_is_named_and_the_rest_runs(boot, tmp_path, edit, said, works):
    board = start(boot, tmp_path, enable(UART0), edit)
    board.await_log(said)
    if works:
        board.await_servers([name for name in CHAIN if name != "bcm2712_mip"])
        check_uart0(board)
    assert board.machine.run("echo the rest runs") == "the rest runs\n"
