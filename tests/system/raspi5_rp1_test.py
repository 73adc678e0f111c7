# SPDX-License-Identifier: BSD-2-Clause
"""RP1 of the machine raspi5b, register by register through the monitor: what the board has is there, what is done rightly works,
and what is done wrongly breaks as on the board."""
import socket

import boot as library
import pytest
import raspi5_monitor
from raspi5_pcie import COMMAND, MASTER, MEMORY, MESSAGE, RAM_ON_BUS, Mip, RootComplex

RC2 = 2
INTA_SPI, MIP0_SPI = 229, 128
RAM = 0x10000000
MSIX_ENABLE = 1 << 31
BAR1, BAR2, BAR0 = 0x000000, 0x400000, 0x410000  # where Linux puts them, on PCI

CLOCKS, PLL_SYS, PLL_AUDIO, UART0 = 0x018000, 0x020000, 0x024000, 0x030000
IO, RIO, PADS = 0x0d0000, 0x0e0000, 0x0f0000
ETH, APBS, CONFIG = 0x100000, 0x108000, 0x109000
SET, CLR = 0x800, 0xc00  # of APBS
ENABLE, TEST, IACK, IACK_EN = 1, 2, 4, 8
XOR_ALIAS, SET_ALIAS, CLR_ALIAS = 0x1000, 0x2000, 0x3000  # of the others

DR, FR, IBRD, FBRD, LCR_H, CR, IMSC, ICR = 0x00, 0x18, 0x24, 0x28, 0x2c, 0x30, 0x38, 0x44
BUSY, RXFE, TXFF, TXFE = 1 << 3, 1 << 4, 1 << 5, 1 << 7
RX_CAUSES, ALL_CAUSES = 0x50, 0x7ff

FELL, ROSE, IS_LOW, IS_HIGH, IRQRESET = 1 << 20, 1 << 21, 1 << 22, 1 << 23, 1 << 28
PULL_DOWN, PULL_UP, INPUT, OUTPUT_OFF = 1 << 2, 1 << 3, 1 << 6, 1 << 7
NO_FUNCTION, GPIO, UART_FUNCTION = 0x1f, 5, 4
PCIE_INTE, PCIE_INTS = 0x11c, 0x124
BANKS = ((0, 28), (28, 6), (34, 20))
INT_UART0, INT_ETH = 25, 6


class Rp1:
    """RP1 behind a root complex that is up; its registers by offset in BAR1."""

    def __init__(self, core, assign=True):
        self.core, self.rc, self.mip = core, RootComplex(core, RC2), Mip(core, 0)
        assert self.rc.bring_up(suppress=False) is not None
        self.mip.init()
        self.base = self.rc.window(BAR1)
        if assign:
            self.assign()

    def assign(self):
        for offset, address in ((0x10, BAR0), (0x14, BAR1), (0x18, BAR2)):
            self.rc.config_write(offset, address)
        self.rc.config_write(COMMAND, MEMORY | MASTER, 2)

    def read(self, offset, size=4):
        return self.core.read(self.base + offset, size)

    def write(self, offset, value, size=4):
        self.core.write(self.base + offset, value, size)

    def set_vector(self, vector):
        """MSI-X: the vector's message raises the MIP's input of the same number, open."""
        self.core.enable_spi(MIP0_SPI + vector, edge=True)
        for word, value in enumerate((MESSAGE & 0xffffffff, MESSAGE >> 32, vector, 0)):
            self.write(BAR0 + 16 * vector + 4 * word, value)

    def enable_msix(self):
        at = self.rc.capability(0x11)
        self.rc.config_write(at, self.rc.config_read(at) | MSIX_ENABLE)

    def cfg(self, vector, value, alias=SET):
        self.write(APBS + alias + 8 + 4 * vector, value)

    def source(self, vector):
        """Whether INTSTAT says that the source is active."""
        return bool(self.read(APBS + 0x108 + vector // 32 * 4) & 1 << vector % 32)

    # ---- pins

    @staticmethod
    def at(block, pin, stride, offset=0):
        bank, first = max((n, first) for n, (first, _) in enumerate(BANKS) if first <= pin)
        return block + 0x4000 * bank + stride * (pin - first) + offset

    def ctrl(self, pin):
        return self.at(IO, pin, 8, 4)

    def status(self, pin):
        return self.read(self.at(IO, pin, 8))

    def pad(self, pin):
        return self.at(PADS, pin, 4, 4)

    def set_uart0_pins(self):
        """As Linux orders it: the pads, then the functions."""
        self.write(self.pad(14), 0x50)
        self.write(self.pad(15), 0x50 | PULL_UP)
        for pin in (14, 15):
            self.write(self.ctrl(pin), self.read(self.ctrl(pin)) & ~0x1f | UART_FUNCTION)

    def set_uart0(self):
        """115200 baud, 8N1, FIFOs."""
        for offset, value in ((CR, 0), (IBRD, 27), (FBRD, 8), (LCR_H, 0x70), (ICR, ALL_CAUSES), (IMSC, 0), (CR, 0x301)):
            self.write(UART0 + offset, value)


class Line:
    """The far end of RP1's UART0, and the pins' wires, from QEMU's side."""

    def __init__(self, folder):
        self.path = str(folder / "uart0")
        self.monitor = library.Monitor(folder)
        self.options = ["-chardev", f"socket,id=uart0,path={self.path},server=on,wait=off", "-serial", "chardev:uart0",
                        *self.monitor.options]
        self.socket = None

    def connect(self):
        self.monitor.ask("info version")
        self.socket = library.connected(self.path)

    def heard(self, count, seconds=10):
        """The next `count` bytes, or what came of them until then."""
        data = b""
        self.socket.settimeout(seconds)
        try:
            while len(data) < count:
                data += self.socket.recv(count - len(data))
        except socket.timeout:
            pass
        return data

    def hears(self, rp1, byte):
        """What arrives of a byte that the guest sends; a second of this machine is enough for all that do."""
        rp1.write(UART0 + DR, byte[0])
        return self.heard(1, seconds=1)

    def drive(self, pin, level):
        return self.monitor.command("qom-set", {"path": "/machine/pins", "property": f"gpio{pin}", "value": level})

    def level(self, pin):
        return self.monitor.command("qom-get", {"path": "/machine/pins", "property": f"gpio{pin}"})


@pytest.fixture
def line(tmp_path):
    return Line(tmp_path)


@pytest.fixture
def core(boot, line):
    core = raspi5_monitor.start(boot, extra=line.options)
    line.connect()
    return core


def test_rp1_is_what_the_board_has_and_takes_32_bits_only(core):
    rp1 = Rp1(core, assign=False)
    rc = rp1.rc
    assert rc.config_read(0) == 0x00011de4 and rc.config_read(8) == 0x02000002
    for bar, size in ((0x10, 16 << 10), (0x14, 4 << 20), (0x18, 64 << 10), (0x1c, 0)):
        rc.config_write(bar, 0xffffffff)
        assert rc.config_read(bar) == -size & 0xffffffff, hex(bar)  # 32 bits, not prefetchable
        rc.config_write(bar, 0)
    assert [rc.capability(wanted) for wanted in (0x01, 0x10, 0x11)] == [0x40, 0x70, 0xb0]
    assert [rc.config_read(0xb0 + offset) for offset in (0, 4, 8)] == [0x003c0011, 0, 0x2000]
    assert rc.config_read(0x70 + 0x12, 2) & 0x3ff == 0x42  # 5.0 GT/s, four lanes

    # nothing answers before there is an address and MEMORY
    assert core.aborts(rp1.base)
    for offset, address in ((0x10, BAR0), (0x14, BAR1), (0x18, BAR2)):
        rc.config_write(offset, address)
    assert core.aborts(rp1.base)
    rc.config_write(COMMAND, MEMORY | MASTER, 2)
    assert rp1.read(0) == 0x20001927 and rp1.read(4) == 2

    # the configuration as RP1 itself sees it: what the seed's 16-bit read at 2 failed on
    assert rp1.read(CONFIG) == 0x00011de4 and rp1.read(CONFIG + 0x14) == BAR1
    assert rp1.read(CONFIG, 2) == 0x1de4
    for size in (1, 2):
        assert core.aborts(rp1.base + CONFIG + 2, size)
    for offset in (0, CLOCKS + 0x58, PLL_SYS, UART0 + FR, IO, RIO, PADS, ETH + 0xf8, APBS + 8, 0x014000):
        assert not core.aborts(rp1.base + offset), hex(offset)
        for size in (1, 2, 8):
            assert core.aborts(rp1.base + offset, size) and core.aborts(rp1.base + offset, size, value=0), hex(offset)
    for offset in (0x002000, 0x048000, IO + 8 * 28, APBS, APBS + 0x400 + 8, 0x160000):  # nobody knows of anything there
        assert core.aborts(rp1.base + offset) and core.aborts(rp1.base + offset, value=0), hex(offset)

    for size in (1, 2, 4, 8):  # memory takes all
        core.write(rc.window(BAR2) + 0xfff8, 0x0123456789abcdef, size)
        assert core.read(rc.window(BAR2) + 0xfff8, size) == 0x0123456789abcdef & (1 << 8 * size) - 1

    # RP1's own copy of failed reads: the root complex' pattern, when errors are suppressed
    rc.change(0x40a4, set=1 << 13 | 1 << 19)
    assert rp1.read(CONFIG + 2, 2) == 0xdead
    rc.write(0x4170, 0xffffffff)
    assert rp1.read(UART0 + FR, 1) == 0xff

    # PERST#: RP1 is as after power-on, without an address
    rc.change(0x4064, clear=1 << 2)
    assert rc.release() is not None
    assert rc.config_read(0x10) == 0xffffc000 and rc.config_read(COMMAND, 2) == 0


def test_clocks_are_as_rp1s_firmware_left_them_and_plls_lock(core):
    rp1 = Rp1(core)
    assert rp1.read(PLL_SYS) >> 31 == 1 and rp1.read(PLL_SYS + 0x08) == 20 and rp1.read(PLL_SYS + 0x10) == 0x51010
    assert rp1.read(CLOCKS + 0x20) == 1 << 2  # the system's clock comes from its PLL
    assert rp1.read(CLOCKS + 0x54) == 1 << 11 | 2 << 5 and rp1.read(CLOCKS + 0x58) == 1  # the UARTs', from the oscillator
    assert rp1.read(CLOCKS + 0x60) == 1
    rp1.write(CLOCKS + CLR_ALIAS + 0x54, 1 << 11)
    assert rp1.read(CLOCKS + 0x54) == 2 << 5 and rp1.read(CLOCKS + 0x60) == 0
    rp1.write(CLOCKS + SET_ALIAS + 0x54, 1 << 11)
    rp1.write(CLOCKS + XOR_ALIAS + 0x54, 3 << 5)
    assert rp1.read(CLOCKS + 0x54) == 1 << 11 | 1 << 5

    assert rp1.read(PLL_AUDIO) >> 31 == 0 and rp1.read(PLL_AUDIO + 0x14) >> 31 == 1  # off, with a secondary output
    rp1.write(PLL_AUDIO + 0x08, 30)
    assert core.poll(rp1.base + PLL_AUDIO, 1 << 31, 1 << 31, 1000) is None
    rp1.write(PLL_AUDIO + 0x04, 1 << 2)
    took = core.poll(rp1.base + PLL_AUDIO, 1 << 31, 1 << 31, 1000)
    assert took is not None and took > 5
    rp1.write(PLL_AUDIO + 0x04, 0x3f)
    assert rp1.read(PLL_AUDIO) >> 31 == 0


def test_a_uart_is_heard_and_hears_only_through_its_pins_its_clock_and_the_right_rate(core, line):
    rp1 = Rp1(core)
    assert rp1.read(UART0 + FR) & (RXFE | TXFE) == RXFE | TXFE
    rp1.set_uart0()
    assert line.hears(rp1, b"1") == b""  # no pin has its function
    rp1.set_uart0_pins()
    assert line.hears(rp1, b"2") == b"2"

    def received(byte):
        line.socket.sendall(byte)
        if core.poll(rp1.base + UART0 + FR, RXFE, 0, 300000) is None:
            return b""
        return bytes([rp1.read(UART0 + DR) & 0xff])
    assert received(b"a") == b"a"

    ctrl, pad = rp1.ctrl(14), rp1.pad(14)
    for what, register, bits in (("no function", ctrl, 0x1f), ("inverted", ctrl, 1 << 12), ("held low", ctrl, 2 << 12),
                                 ("output disabled", ctrl, 2 << 14), ("pad's output off", pad, OUTPUT_OFF)):
        before = rp1.read(register)
        rp1.write(register + SET_ALIAS, bits)
        assert line.hears(rp1, b"3") == b"", what
        rp1.write(register, before)
        assert line.hears(rp1, b"4") == b"4", what
    for what, register, bits in (("no function", rp1.ctrl(15), 0x1f), ("held high", rp1.ctrl(15), 3 << 16)):
        rp1.write(register + SET_ALIAS, bits)
        assert received(b"b") == b"", what
        rp1.write(register + CLR_ALIAS, bits)
        rp1.write(register + SET_ALIAS, UART_FUNCTION)
        assert received(b"c") == b"c", what
    rp1.write(rp1.pad(15) + CLR_ALIAS, INPUT)
    assert received(b"d") == b""
    rp1.write(rp1.pad(15) + SET_ALIAS, INPUT)
    rp1.write(UART0 + CR, 0x101)  # the receiver off
    assert received(b"e") == b""
    rp1.write(UART0 + CR, 0x301)
    assert received(b"f") == b"f"

    # the rate: 48 MHz assumed is near enough, another is garbage both ways
    rp1.write(UART0 + IBRD, 26)
    rp1.write(UART0 + FBRD, 3)
    assert line.hears(rp1, b"5") == b"5"
    rp1.write(UART0 + IBRD, 13)
    assert line.hears(rp1, b"6") not in (b"", b"6") and received(b"g") not in (b"", b"g")
    rp1.write(UART0 + IBRD, 27)
    rp1.write(UART0 + FBRD, 8)
    rp1.write(CLOCKS + 0x58, 2)  # half the clock
    assert line.hears(rp1, b"7") not in (b"", b"7")
    rp1.write(CLOCKS + 0x58, 1)

    # no clock: registers answer, the FIFO of 32 fills, and nothing leaves
    rp1.write(CLOCKS + CLR_ALIAS + 0x54, 1 << 11)
    assert line.hears(rp1, b"A") == b""
    assert rp1.read(UART0 + FR) & (BUSY | TXFF | TXFE) == BUSY
    for n in range(1, 32):
        rp1.write(UART0 + DR, 0x41 + n)
    assert rp1.read(UART0 + FR) & (BUSY | TXFF | TXFE) == BUSY | TXFF
    rp1.write(CLOCKS + SET_ALIAS + 0x54, 1 << 11)
    assert line.heard(32) == bytes(range(0x41, 0x61)) and rp1.read(UART0 + FR) & (BUSY | TXFF | TXFE) == TXFE


def test_a_level_source_sends_one_message_until_it_is_acknowledged(core, line):
    rp1 = Rp1(core)
    spi = MIP0_SPI + INT_UART0
    rp1.set_uart0_pins()
    rp1.set_uart0()
    rp1.write(UART0 + IMSC, RX_CAUSES)

    def arrive(byte=b"x"):
        line.socket.sendall(byte)
        assert core.poll(rp1.base + UART0 + FR, RXFE, 0, 1000000) is not None

    def drain():
        while not rp1.read(UART0 + FR) & RXFE:
            rp1.read(UART0 + DR)
        rp1.write(UART0 + ICR, ALL_CAUSES)
        assert not rp1.source(INT_UART0)

    # entries reset masked; a message that is held back is pending, and goes out when the mask falls
    rp1.enable_msix()
    rp1.cfg(INT_UART0, ENABLE | IACK_EN)
    arrive()
    assert rp1.source(INT_UART0) and rp1.read(BAR0 + 0x2000) == 1 << INT_UART0
    rp1.set_vector(INT_UART0)
    assert core.taken() == [spi] and rp1.read(BAR0 + 0x2000) == 0

    # serviced and not acknowledged: silence, as often as it becomes active again
    drain()
    for _ in range(3):
        arrive()
        assert rp1.source(INT_UART0) and core.taken() == []
        drain()
    rp1.cfg(INT_UART0, IACK)
    assert core.taken() == []  # it is not active
    arrive()
    assert core.taken() == [spi]
    arrive(b"y")
    assert core.taken() == []
    rp1.cfg(INT_UART0, IACK)  # still active: one more, at once
    assert core.taken() == [spi]
    drain()
    rp1.cfg(INT_UART0, IACK)
    assert rp1.read(APBS + 8 + 4 * INT_UART0) == ENABLE | IACK_EN  # IACK is not stored

    # active before ENABLE: only IACK makes a message of it
    rp1.cfg(INT_UART0, ENABLE, CLR)
    arrive()
    rp1.cfg(INT_UART0, ENABLE)
    assert core.taken() == []
    rp1.cfg(INT_UART0, IACK)
    assert core.taken() == [spi]

    # edge mode holds nothing back: a storm, as long as the source is active
    rp1.cfg(INT_UART0, IACK_EN, CLR)
    for _ in range(4):
        core.wait(30)
        assert core.taken() != []
    drain()
    core.taken()
    core.wait(30)
    assert core.taken() == []

    # TEST forces it, and the source's state does not tell
    rp1.cfg(INT_UART0, IACK_EN | IACK)
    rp1.cfg(INT_UART0, TEST)
    assert core.taken() == [spi] and not rp1.source(INT_UART0)
    rp1.cfg(INT_UART0, TEST, CLR)
    rp1.cfg(INT_UART0, IACK)

    # not a master: no message
    rp1.rc.config_write(COMMAND, MEMORY, 2)
    arrive()
    assert rp1.source(INT_UART0) and core.taken() == []


def test_without_bar0_there_are_no_messages_and_without_msix_there_is_inta(core, line):
    rp1 = Rp1(core, assign=False)
    rc = rp1.rc
    rc.config_write(0x14, BAR1)
    rc.config_write(0x18, BAR2)
    rc.config_write(0x10, 0xfffc0000)  # outside of the port's window: BAR0 is not reached
    rc.config_write(COMMAND, MEMORY | MASTER, 2)
    assert core.aborts(rp1.base + BAR0 + 16 * INT_UART0, value=0)
    rp1.set_uart0_pins()
    rp1.set_uart0()
    rp1.write(UART0 + IMSC, RX_CAUSES)
    rp1.cfg(INT_UART0, ENABLE | IACK_EN)
    core.enable_spi(MIP0_SPI + INT_UART0, edge=True)
    rp1.enable_msix()
    line.socket.sendall(b"x")
    assert core.poll(rp1.base + UART0 + FR, RXFE, 0, 1000000) is not None
    assert rp1.source(INT_UART0) and core.taken() == []

    # INTA: held until IACK, however often it is taken
    core.enable_spi(INTA_SPI, edge=False)
    assert core.taken() == []
    rc.config_write(0xb0, rc.config_read(0xb0) & ~MSIX_ENABLE)
    assert core.taken() == [INTA_SPI] * 8
    rp1.read(UART0 + DR)
    rp1.write(UART0 + ICR, ALL_CAUSES)
    assert not rp1.source(INT_UART0) and core.taken() == [INTA_SPI] * 8
    rp1.cfg(INT_UART0, IACK)
    assert core.taken() == []
    line.socket.sendall(b"y")
    assert core.poll(rp1.base + UART0 + FR, RXFE, 0, 1000000) is not None
    assert core.taken() == [INTA_SPI] * 8
    rc.config_write(COMMAND, MEMORY | MASTER | 1 << 10, 2)  # INTx off
    assert core.taken() == []


def test_pins_latch_edges_follow_levels_and_raise_their_banks_interrupt(core, line):
    rp1 = Rp1(core)
    rp1.enable_msix()
    assert line.level(0) == "high" and line.level(20) == "low" and line.level(40) == "low"  # the pulls after reset
    assert "low, high or float" in str(line.drive(3, "hi"))
    assert rp1.read(rp1.ctrl(0)) == 0x9f

    for vector, (first, count) in enumerate(BANKS):
        pin, spi = first + count - 1, MIP0_SPI + vector
        bank = 0x4000 * vector
        bit = 1 << count - 1
        ctrl = rp1.ctrl(pin)
        rp1.set_vector(vector)
        rp1.cfg(vector, ENABLE | IACK_EN)

        # with its input off the pad says low
        line.drive(pin, "high")
        assert not rp1.read(RIO + bank + 8) & bit and not rp1.status(pin) & (ROSE | IS_HIGH)
        rp1.write(rp1.pad(pin), INPUT | PULL_DOWN)
        assert rp1.read(RIO + bank + 8) & bit and rp1.status(pin) & (ROSE | IS_HIGH) == ROSE | IS_HIGH
        rp1.write(ctrl + SET_ALIAS, IRQRESET)
        assert not rp1.status(pin) & ROSE and not rp1.read(ctrl) & IRQRESET

        # edges: latched whatever is enabled, one message per IACK
        line.drive(pin, "low")
        line.drive(pin, "high")
        rp1.write(ctrl + SET_ALIAS, 0)  # they stay, whatever else is done
        assert rp1.status(pin) & (ROSE | FELL) == ROSE | FELL and core.taken() == []
        rp1.write(ctrl + SET_ALIAS, IRQRESET | FELL)
        assert core.taken() == []
        rp1.write(IO + bank + SET_ALIAS + PCIE_INTE, bit)
        line.drive(pin, "float")  # the pull takes it down
        assert core.taken() == [spi] and rp1.read(IO + bank + PCIE_INTS) == bit and rp1.source(vector)
        line.drive(pin, "high")
        line.drive(pin, "low")
        assert core.taken() == []
        rp1.write(ctrl + SET_ALIAS, IRQRESET)
        rp1.cfg(vector, IACK)
        assert core.taken() == [] and not rp1.source(vector)
        line.drive(pin, "high")
        line.drive(pin, "low")
        rp1.cfg(vector, IACK)
        assert core.taken() == [spi]

        # levels: as long as it is high, each IACK brings another
        rp1.write(ctrl + CLR_ALIAS, FELL)
        rp1.write(ctrl + SET_ALIAS, IRQRESET | IS_HIGH)
        rp1.cfg(vector, IACK)
        assert core.taken() == []
        line.drive(pin, "high")
        for _ in range(3):
            assert core.taken() == [spi]
            rp1.write(ctrl + SET_ALIAS, IRQRESET)
            rp1.cfg(vector, IACK)
        line.drive(pin, "low")
        core.taken()
        rp1.cfg(vector, IACK)
        assert core.taken() == [] and not rp1.read(IO + bank + PCIE_INTS)
        line.drive(pin, "float")
        rp1.write(ctrl + CLR_ALIAS, IS_HIGH)

        # output: function 5, the RIO's enable, the pad's
        rp1.write(RIO + bank + SET_ALIAS, bit)
        rp1.write(RIO + bank + SET_ALIAS + 4, bit)
        assert line.level(pin) == "low"
        rp1.write(ctrl + CLR_ALIAS, 0x1f)
        rp1.write(ctrl + SET_ALIAS, GPIO)
        assert line.level(pin) == "high"
        rp1.write(RIO + bank + XOR_ALIAS, bit)
        assert line.level(pin) == "low"
        rp1.write(RIO + bank, bit)
        rp1.write(rp1.pad(pin) + SET_ALIAS, OUTPUT_OFF)
        assert line.level(pin) == "low"
        rp1.write(rp1.pad(pin), PULL_DOWN | PULL_UP)
        assert line.level(pin) == "high"
        rp1.write(RIO + bank + CLR_ALIAS + 4, bit)
        assert line.level(pin) == "float"


def test_the_ethernet_reaches_ram_through_rp1s_map_only(core):
    """RP1's masters see RAM at 0x10_00000000, as it is on PCI, and once more at 0. What is sent is of no interest: a descriptor
    that was fetched is marked as used."""
    rp1 = Rp1(core)
    descriptor, frame = RAM, RAM + 0x1000
    assert rp1.read(ETH + 0xfc) == 0x00070109
    rp1.write(ETH + 0x10, 1 << 30 | 0x00020784)  # 64-bit descriptors

    def fetched(base):
        for word, value in enumerate(((base + frame) & 0xffffffff, 64 | 1 << 15 | 1 << 30, base + frame >> 32, 0)):
            core.write(descriptor + 4 * word, value)
        rp1.write(ETH + 0x00, 0)
        rp1.write(ETH + 0x4c8, base + descriptor >> 32)
        rp1.write(ETH + 0x1c, (base + descriptor) & 0xffffffff)
        rp1.write(ETH + 0x00, 1 << 3)
        rp1.write(ETH + 0x00, 1 << 3 | 1 << 9)
        return bool(core.read(descriptor + 4) & 1 << 31)
    assert fetched(RAM_ON_BUS) and fetched(0)
    assert not fetched(2 * RAM_ON_BUS)  # the offset twice
    assert not fetched(0x1c00000000)
    rp1.rc.set_inbound(2, RAM_ON_BUS + (1 << 35), 0, 1 << 35)  # RAM is elsewhere on the bus
    assert not fetched(RAM_ON_BUS) and not fetched(0) and fetched(RAM_ON_BUS + (1 << 35))
    rp1.rc.set_inbound(2, RAM_ON_BUS, 0, 1 << 36)
    assert fetched(RAM_ON_BUS)

    rp1.enable_msix()
    rp1.set_vector(INT_ETH)
    rp1.cfg(INT_ETH, ENABLE | IACK_EN)
    rp1.read(ETH + 0x24)
    rp1.write(ETH + 0x28, 1 << 7)  # transmitted
    rp1.cfg(INT_ETH, IACK)
    core.taken()
    assert fetched(0) and core.taken() == [MIP0_SPI + INT_ETH] and rp1.source(INT_ETH)

    rp1.rc.config_write(COMMAND, MEMORY, 2)  # not a master
    assert not fetched(RAM_ON_BUS)


@pytest.mark.parametrize("window", ["1f", "1c"])
def test_the_firmware_can_leave_uart0_ready_behind_the_adopted_link(boot, line, window):
    core = raspi5_monitor.start(boot, extra=line.options,
                                properties=["pciex4-reset=off", f"rp1-window={window}", "rp1-uart=on"])
    line.connect()
    base = int(window, 16) << 32
    core.write(base + UART0 + DR, ord("!"))
    assert line.heard(1) == b"!"
    line.socket.sendall(b"?")
    assert core.poll(base + UART0 + FR, RXFE, 0, 1000000) is not None and core.read(base + UART0 + DR) == ord("?")
    assert core.read(base) == 0x20001927
    assert core.read((0x1c if window == "1f" else 0x1f) << 32) == 0xdeaddead  # where the other firmware has it


def test_tests_can_have_another_vendor_and_no_msix(boot):
    core = raspi5_monitor.start(boot, extra=["-global", "rp1.vendor-id=0x1234", "-global", "rp1.device-id=7",
                                             "-global", "rp1.msix=off"])
    rp1 = Rp1(core)
    assert rp1.rc.config_read(0) == 0x00071234 and rp1.rc.capability(0x11) == 0 and rp1.rc.capability(0x10) == 0x70
