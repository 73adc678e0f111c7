# SPDX-License-Identifier: BSD-2-Clause
"""Bring-up of the BCM2712's root complexes and MIPs through the monitor (raspi5_monitor), step by step, so that a test can leave a
step out or take a wrong one. Written after the published sequence, not after a driver."""
RESETS, RESCAL = 0x1001504318, 0x1000119500
SET, CLEAR, STATUS, BANK = 0x0, 0x4, 0x8, 0x18
RAM_ON_BUS, MESSAGE = 0x1000000000, 0xfffffff000  # where functions see RAM, and where they send messages

ROOT_CLASS, LINK_CAP, VENDOR_ENDIAN = 0x43c, 0x4dc, 0x188
LNKSTA, LNKCTL2 = 0xac + 0x12, 0xac + 0x30
MDIO_ADDR, MDIO_WRITE, MDIO_READ, PHY_CTL_15 = 0x1100, 0x1104, 0x1108, 0x184c
MISC_CTRL, PCIE_CTRL, PCIE_STATUS, HARD_DEBUG = 0x4008, 0x4064, 0x4068, 0x4304
UBUS_CTRL, READ_ERROR_DATA = 0x40a4, 0x4170
MSI_BAR, MSI_DATA, MSI_INTR2 = 0x4044, 0x404c, 0x4500
EXT_CFG_DATA, EXT_CFG_INDEX = 0x8000, 0x9000
PERSTB, IDDQ = 1 << 2, 1 << 27
PHY_UP, LINK_ACTIVE, IN_L23, RC_MODE = 1 << 4, 1 << 5, 1 << 6, 1 << 7
SUPPRESS = 1 << 13 | 1 << 19
RCB, SCB_ACCESS_EN, CFG_READ_UR, BURST_512 = 1 << 7 | 1 << 10, 1 << 12, 1 << 13, 2 << 20
PHY_54MHZ = [(0x1f, 0x1600), (0x16, 0x50b9), (0x17, 0xbda1), (0x18, 0x0094), (0x19, 0x97b4), (0x1b, 0x5030), (0x1c, 0x5030),
             (0x1e, 0x0007)]
COMMAND, MEMORY, MASTER, INTX_OFF = 0x04, 1 << 1, 1 << 2, 1 << 10
INT_RAISE, INT_CLEAR, CFG, MASK_HOST, MASK_VPU, STATUS_HOST, STATUS_VPU = 0x00, 0x10, 0x20, 0x40, 0x60, 0x80, 0xa0
MIP1_SPI = 247  # of data 0; data 8..15 are wired


def reset_id(rc):
    return 42 + rc


def assert_reset(core, number):
    core.write(RESETS + number // 32 * BANK + SET, 1 << number % 32)


def release_reset(core, number):
    core.write(RESETS + number // 32 * BANK + CLEAR, 1 << number % 32)


def is_in_reset(core, number):
    return bool(core.read(RESETS + number // 32 * BANK + STATUS) & 1 << number % 32)


def rescal(core):
    """Calibrates; how long it took, None: too long."""
    core.write(RESCAL, 1)
    assert core.read(RESCAL) & 1
    took = core.poll(RESCAL + 8, 1, 1, 1000000)
    core.write(RESCAL, 0)
    return took


def size_code(size):
    bits = size.bit_length() - 1
    return 0x1c + bits - 12 if bits < 16 else bits - 15


class RootComplex:
    """One of three; registers by offset."""

    def __init__(self, core, number):
        self.core, self.number = core, number
        self.base = 0x1000100000 + 0x10000 * number
        self.outbound = 0x1400000000 + (number << 34)  # the prefetchable area; the other 12 GiB higher

    def read(self, offset, size=4):
        return self.core.read(self.base + offset, size)

    def write(self, offset, value, size=4):
        self.core.write(self.base + offset, value, size)

    def change(self, offset, clear=0, set=0, size=4):
        self.write(offset, self.read(offset, size) & ~clear | set, size)

    def reset_bridge(self):
        assert_reset(self.core, reset_id(self.number))
        self.core.wait(100)
        release_reset(self.core, reset_id(self.number))
        self.core.wait(100)

    def mdio_write(self, register, value, port=0):
        self.write(MDIO_ADDR, port << 16 | register)
        self.read(MDIO_ADDR)
        self.write(MDIO_WRITE, 1 << 31 | value)
        assert self.core.poll(self.base + MDIO_WRITE, 1 << 31, 0, 1000000) is not None

    def mdio_read(self, register, port=0):
        self.write(MDIO_ADDR, 1 << 20 | port << 16 | register)
        self.read(MDIO_ADDR)
        assert self.core.poll(self.base + MDIO_READ, 1 << 31, 1 << 31, 1000000) is not None
        return self.read(MDIO_READ) & 0x7fffffff

    def set_inbound(self, window, pci, cpu, size, enable=1):
        """Window 1..10; size 0 disables."""
        bar = 0x402c + 8 * (window - 1) if window < 4 else 0x40d4 + 8 * (window - 4)
        remap = 0x40ac + 8 * (window - 1) if window < 4 else 0x410c + 8 * (window - 4)
        self.write(bar, pci & 0xfffff000 | (size_code(size) if size else 0))
        self.write(bar + 4, pci >> 32)
        self.write(remap, cpu & 0xfffff000 | enable)
        self.write(remap + 4, cpu >> 32)

    def set_outbound(self, window, cpu, pci, size):
        last = cpu + size - 1
        self.write(0x400c + 8 * window, pci & 0xffffffff)
        self.write(0x4010 + 8 * window, pci >> 32)
        self.write(0x4070 + 4 * window, (cpu >> 20 & 0xfff) << 4 | (last >> 20 & 0xfff) << 20)
        self.write(0x4080 + 8 * window, cpu >> 32)
        self.write(0x4084 + 8 * window, last >> 32)

    def prepare(self, phy=True, suppress=False):
        """All before PERST# is released, with windows as Linux's tree has them: 4 GiB non-prefetchable from PCI 0, RAM at
        RAM_ON_BUS through inbound window 2, the MIP at MESSAGE through window 3."""
        self.reset_bridge()
        self.change(HARD_DEBUG, clear=IDDQ)
        self.core.wait(100)
        self.write(MISC_CTRL, SCB_ACCESS_EN | CFG_READ_UR | RCB | BURST_512)
        if suppress:
            self.change(UBUS_CTRL, set=SUPPRESS)
            self.write(READ_ERROR_DATA, 0xffffffff)
        self.set_inbound(2, RAM_ON_BUS, 0, 1 << 36)
        self.set_inbound(3, MESSAGE, 0x1000130000 if self.number == 2 else 0x1000131000, 4096)
        assert self.read(PCIE_STATUS) & RC_MODE
        self.change(ROOT_CLASS, clear=0xffffff, set=0x060400)
        self.change(VENDOR_ENDIAN, clear=0xc)
        self.set_outbound(0, self.outbound + (12 << 30), 0, 1 << 32)
        if phy:
            for register, value in PHY_54MHZ:
                self.mdio_write(register, value)
        self.change(PHY_CTL_15, clear=0xff, set=0x12)
        self.change(LINK_CAP, clear=0xf, set=2)
        self.change(LNKCTL2, clear=0xf, set=2, size=2)

    def release(self):
        """Releases PERST#; microseconds until the link was up, None: it did not come up in half a second."""
        self.change(PCIE_CTRL, set=PERSTB)
        return self.core.poll(self.base + PCIE_STATUS, PHY_UP | LINK_ACTIVE, PHY_UP | LINK_ACTIVE, 500000)

    def number_buses(self, limit=0x00400000):
        """The root port: bus numbers, memory window from 0 to `limit`'s MiB, commands."""
        self.write(0x18, 0x00010100)
        self.write(0x20, limit & 0xfff00000)
        self.write(COMMAND, MEMORY | MASTER, 2)

    def bring_up(self, **how):
        """All of it, up to a bus that can be looked at; microseconds of the link's training, or None."""
        self.prepare(**how)
        took = self.release()
        if took is not None:
            self.number_buses()
        return took

    def window(self, pci=0):
        """The CPU's address of one of the bus, through outbound window 0."""
        return self.outbound + (12 << 30) + pci

    def select(self, bus=1, device=0, function=0):
        self.write(EXT_CFG_INDEX, bus << 20 | device << 15 | function << 12)

    def config_read(self, offset, size=4, **function):
        self.select(**function)
        return self.read(EXT_CFG_DATA + offset, size)

    def config_write(self, offset, value, size=4, **function):
        self.select(**function)
        self.write(EXT_CFG_DATA + offset, value, size)

    def capability(self, wanted):
        """The offset of a capability of function 1:0.0."""
        at = self.config_read(0x34, 1)
        while at and self.config_read(at, 1) != wanted:
            at = self.config_read(at + 1, 1)
        return at


class Mip:
    """MIP0 or MIP1."""

    def __init__(self, core, number):
        self.core, self.base = core, 0x1000130000 + 0x1000 * number

    def read(self, offset):
        return self.core.read(self.base + offset)

    def write(self, offset, value):
        self.core.write(self.base + offset, value)

    def init(self, vpu=0xffffffff, edge=0xffffffff):
        """As all drivers do: open to the host, closed to the VideoCore, all edge."""
        for half in (0x00, 0x10):
            self.write(MASK_HOST + half, 0)
            self.write(MASK_VPU + half, vpu)
            self.write(CFG + half, edge)
