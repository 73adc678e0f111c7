# SPDX-License-Identifier: BSD-2-Clause
"""The root complexes, resets and MIPs of the machine raspi5b, by hand through its monitor: a bring-up as published works, and
each mistake breaks as it would on the board. Behind RC 1, the slot, sits QEMU's card edu."""
import subprocess

import pytest
import raspi5_monitor
from raspi5_pcie import (CFG, CFG_READ_UR, COMMAND, HARD_DEBUG, IDDQ, IN_L23, INT_CLEAR, INT_RAISE, INTX_OFF, LINK_ACTIVE, LINK_CAP,
                         LNKSTA, MASK_HOST, MASK_VPU, MASTER, MEMORY, MESSAGE, MIP1_SPI, MISC_CTRL, MSI_BAR, MSI_DATA, MSI_INTR2,
                         PCIE_CTRL, PCIE_STATUS, PERSTB, PHY_54MHZ, PHY_UP, RAM_ON_BUS, RC_MODE, READ_ERROR_DATA, RESCAL,
                         SCB_ACCESS_EN, STATUS_HOST, STATUS_VPU, SUPPRESS, UBUS_CTRL, Mip, RootComplex, assert_reset, is_in_reset,
                         release_reset, rescal, reset_id)

import raspi5_qemu

SLOT = 1
EDU = ["-device", "edu,dma_mask=0xffffffffffffffff"]
EDU_ID, EDU_IDENT = 0x11e81234, 0x010000ed
RAISE, ACK, DMA_FROM, DMA_TO, DMA_COUNT, DMA_COMMAND, EDU_BUFFER = 0x60, 0x64, 0x80, 0x88, 0x90, 0x98, 0x40000
TO_RAM = 2
BAR = 0x100000
RAM = 0x10000000
SPI_INTA, SPI_MSI = 219, 224
PM_RSTC, PM_WDOG = 0x107d20001c, 0x107d200024
RP1_ID, CHIP_ID = 0x00011de4, 0x20001927
MSIX_CFG_25, ENABLE, TEST, IACK, IACK_EN = 0x10806c, 1, 2, 4, 8


@pytest.fixture
def core(boot):
    return raspi5_monitor.start(boot, icount=False, extra=EDU)


class Edu:
    """The card behind RC 1, with its BAR at PCI 0x100000."""

    def __init__(self, rc):
        self.rc, self.base = rc, rc.window(BAR)
        rc.config_write(0x10, BAR)
        rc.config_write(COMMAND, MEMORY | MASTER, 2)

    def raise_line(self):
        self.rc.core.write(self.base + RAISE, 1)

    def drop_line(self):
        self.rc.core.write(self.base + ACK, 1)

    def message(self, address, data):
        """Has it send MSI instead of INTA."""
        at = self.rc.capability(0x05)
        self.rc.config_write(at + 4, address & 0xffffffff)
        self.rc.config_write(at + 8, address >> 32)
        self.rc.config_write(at + 12, data, 2)
        self.rc.config_write(at + 2, 1, 2)

    def spis_of_a_message(self):
        self.raise_line()
        spis = self.rc.core.taken()
        self.drop_line()
        return spis

    def copy(self, source, target, count=8, command=0):
        core = self.rc.core
        core.write(self.base + DMA_FROM, source, 8)
        core.write(self.base + DMA_TO, target, 8)
        core.write(self.base + DMA_COUNT, count, 8)
        core.write(self.base + DMA_COMMAND, 1 | command, 8)
        assert core.poll(self.base + DMA_COMMAND, 1, 0, 5000000) is not None

    def carried(self, bus_address):
        """Whether a word in RAM that the card should see at an address of the bus came through it and back."""
        core = self.rc.core
        core.write(RAM, 0x1122334455667788, 8)
        self.copy(bus_address, EDU_BUFFER)
        core.write(RAM, 0, 8)
        self.copy(EDU_BUFFER, bus_address, command=TO_RAM)
        return core.read(RAM, 8) == 0x1122334455667788


def test_a_bring_up_finds_the_card_and_takes_its_interrupts_messages_and_dma(core):
    rc, mip = RootComplex(core, SLOT), Mip(core, SLOT)
    assert rc.read(0) == 0x271214e4 and rc.read(0, 2) == 0x14e4 and rc.read(2, 2) == 0x2712 and rc.read(0, 1) == 0xe4
    assert rc.read(8) >> 8 != 0x060400  # an endpoint's, until it is corrected
    assert rc.read(PCIE_STATUS) == RC_MODE
    assert rescal(core) is not None

    rc.prepare()
    assert rc.read(8) == 0x06040021 and rc.read(LINK_CAP) & 0x1ff == 0x12
    for register, value in PHY_54MHZ:
        assert rc.mdio_read(register) == value
    took = rc.release()
    assert took > 100000  # what drivers wait before they look
    assert rc.read(PCIE_STATUS) == RC_MODE | PHY_UP | LINK_ACTIVE
    assert rc.read(LNKSTA, 2) & 0x3ff == 0x11  # edu is no PCIe function
    assert rc.read(0x18) == 0  # so no bus is behind it
    assert rc.config_read(0) == 0xffffffff
    rc.number_buses()
    assert rc.config_read(0) == EDU_ID and rc.config_read(2, 2) == 0x11e8 and rc.config_read(3, 1) == 0x11
    assert rc.config_read(0, device=1) == rc.config_read(0, function=1) == rc.config_read(0, bus=2) == 0xffffffff

    # its BAR, by the size of the access
    edu = Edu(rc)
    assert core.read(rc.window(BAR)) == EDU_IDENT
    core.write(rc.window(BAR) + 4, 0x12345678)
    assert core.read(rc.window(BAR) + 4) == ~0x12345678 & 0xffffffff
    core.write(rc.window(BAR) + DMA_FROM, 0x1122334455667788, 8)
    assert core.read(rc.window(BAR) + DMA_FROM, 8) == 0x1122334455667788
    assert core.aborts(rc.window(BAR), 2) and core.aborts(rc.window(BAR) + 4, 1, value=0)  # edu has words only

    # INTA, a level line
    core.enable_spi(SPI_INTA, edge=False)
    assert core.taken() == []
    edu.raise_line()
    assert core.taken() == [SPI_INTA] * 8
    edu.drop_line()
    assert core.taken() == []

    # messages, through the window, the MIP and the GIC
    rc.config_write(COMMAND, MEMORY | MASTER | INTX_OFF, 2)
    mip.init()
    for data in (8, 15):
        core.enable_spi(MIP1_SPI + data, edge=True)
        edu.message(MESSAGE, data)
        assert edu.spis_of_a_message() == [MIP1_SPI + data]
        assert edu.spis_of_a_message() == [MIP1_SPI + data]
    assert mip.read(STATUS_HOST) == 0
    edu.message(MESSAGE, 16)  # nobody's
    assert edu.spis_of_a_message() == []

    # the root complex's own messages: by target and pattern
    core.enable_spi(SPI_MSI, edge=False)
    rc.write(MSI_BAR, 0xfffffffc | 1)
    rc.write(MSI_BAR + 4, 0)
    rc.write(MSI_DATA, 0xffe06540)
    edu.message(0xfffffffc, 0x6540 + 5)
    assert edu.spis_of_a_message() == [] and rc.read(MSI_INTR2) == 1 << 5  # masked
    rc.write(MSI_INTR2 + 0x14, 1 << 5)
    assert core.taken() == [SPI_MSI] * 8
    rc.write(MSI_INTR2 + 8, 1 << 5)
    assert core.taken() == []
    edu.message(0xfffffffc, 0x1)
    assert edu.spis_of_a_message() == [] and rc.read(MSI_INTR2) == 0

    assert edu.carried(RAM_ON_BUS + RAM)


def test_without_a_link_configuration_and_bars_abort_or_read_the_pattern(core):
    rc = RootComplex(core, SLOT)
    # as the firmware leaves it: no link, no window
    for address in (rc.base + 0x8000, rc.outbound, rc.window(BAR)):
        assert core.aborts(address) and core.aborts(address, value=0)

    rc.prepare(phy=False)  # without its registers the PHY does not work from the board's clock
    assert rc.release() is None
    assert rc.read(PCIE_STATUS) == RC_MODE
    rc.number_buses()
    rc.select()
    for address in (rc.base + 0x8000, rc.window(BAR)):  # CFG_READ_UR does not help
        for size in (1, 2, 4):
            assert core.aborts(address, size) and core.aborts(address, size, value=0)
    for register, value in PHY_54MHZ:
        rc.mdio_write(register, value)
    assert core.poll(rc.base + PCIE_STATUS, LINK_ACTIVE, LINK_ACTIVE, 1000000) is not None
    assert rc.config_read(0) == EDU_ID
    assert core.aborts(rc.window(BAR))  # nobody has that address

    # what nobody answers, once errors are suppressed - both kinds
    for bits in (1 << 13, 1 << 19):
        rc.write(UBUS_CTRL, bits)
        assert core.aborts(rc.window(BAR))
    rc.write(UBUS_CTRL, SUPPRESS)
    assert core.read(rc.window(BAR)) == 0xdeaddead and core.read(rc.window(BAR) + 2, 2) == 0xdead
    assert core.read(rc.outbound, 8) == 0xdeaddeaddeaddead
    core.write(rc.window(BAR), 1)
    rc.write(READ_ERROR_DATA, 0xffffffff)
    assert core.read(rc.window(BAR)) == 0xffffffff
    assert core.read(rc.outbound) == 0xffffffff  # no window

    # a function that is not there
    rc.write(UBUS_CTRL, 0)
    assert rc.config_read(0, device=1) == 0xffffffff
    rc.change(MISC_CTRL, clear=CFG_READ_UR)
    rc.select(device=1)
    assert core.aborts(rc.base + 0x8000)
    assert rc.config_read(0) == EDU_ID

    # PERST# resets who is behind, and so the link
    Edu(rc)
    assert core.read(rc.window(BAR)) == EDU_IDENT
    rc.change(PCIE_CTRL, clear=PERSTB)
    assert rc.read(PCIE_STATUS) == RC_MODE and core.aborts(rc.window(BAR))
    assert rc.release() > 100000
    assert rc.config_read(0x10) == 0 and rc.config_read(COMMAND, 2) == 0
    Edu(rc)
    assert core.read(rc.window(BAR)) == EDU_IDENT

    # L23, on the way to power-off; and a PHY without power
    rc.change(PCIE_CTRL, set=1)
    assert rc.read(PCIE_STATUS) & (IN_L23 | LINK_ACTIVE) == IN_L23 and core.aborts(rc.window(BAR))
    rc.change(PCIE_CTRL, clear=1)
    rc.change(HARD_DEBUG, set=IDDQ)
    assert rc.read(PCIE_STATUS) == RC_MODE


def test_a_bridge_in_reset_aborts_and_only_its_own_id_helps(core):
    rc = RootComplex(core, SLOT)
    assert rc.bring_up() is not None
    Edu(rc)
    for wrong in (reset_id(0), reset_id(2), reset_id(SLOT) - 32, reset_id(SLOT) + 2):
        assert_reset(core, wrong)
        assert is_in_reset(core, wrong)
        assert core.read(rc.window(BAR)) == EDU_IDENT
        release_reset(core, wrong)
    assert_reset(core, reset_id(SLOT))
    release_reset(core, reset_id(2))
    release_reset(core, reset_id(SLOT) - 32)
    core.wait(1000)
    assert is_in_reset(core, reset_id(SLOT))
    for address in (rc.base, rc.base + PCIE_STATUS, rc.base + 0x9000, rc.window(BAR)):
        assert core.aborts(address) and core.aborts(address, value=0)
    assert core.aborts(RESCAL) and core.aborts(RESCAL, value=1)  # which is RC 1's, for all
    assert RootComplex(core, 2).read(PCIE_STATUS) == RC_MODE
    release_reset(core, reset_id(SLOT))
    core.wait(100)
    assert rescal(core) is not None
    # all that was set is gone
    assert rc.read(0x20) == 0xbff08000  # what one board's log shows
    assert rc.read(PCIE_STATUS) == RC_MODE and rc.read(MISC_CTRL) == 0 and rc.read(0x18) == 0 and rc.read(COMMAND, 2) == 0
    assert rc.read(HARD_DEBUG) & IDDQ and not rc.read(PCIE_CTRL) & PERSTB and rc.read(8) >> 8 != 0x060400
    assert rc.mdio_read(0x16) == 0
    assert core.aborts(rc.window(BAR))
    # registers are words, but for configuration
    assert core.aborts(rc.base + MISC_CTRL, 2) and core.aborts(rc.base + MISC_CTRL, 1, value=0)
    assert core.aborts(rc.base + MISC_CTRL, 8)
    # a BCM2711's reset and PHY registers are elsewhere
    rc.write(0x9210, 3)
    rc.write(0x4204, 0)
    assert rc.read(0x9210) == 0 and rc.read(HARD_DEBUG) & IDDQ
    assert rc.bring_up() is not None


def test_messages_that_the_host_never_sees(core):
    rc, mip = RootComplex(core, SLOT), Mip(core, SLOT)
    assert rc.bring_up() is not None
    edu = Edu(rc)
    spi = MIP1_SPI + 8
    edu.message(MESSAGE, 8)
    core.enable_spi(spi, edge=True)
    assert edu.spis_of_a_message() == []  # MIP as it is at the start: masked

    mip.init(vpu=0)  # the VideoCore takes them
    assert edu.spis_of_a_message() == [] and mip.read(STATUS_VPU) == 1 << 8
    mip.write(MASK_VPU, 0xffffffff)
    mip.write(INT_CLEAR, 8)
    mip.write(MASK_HOST, 1 << 8)
    assert edu.spis_of_a_message() == []
    mip.write(MASK_HOST, 0)
    assert edu.spis_of_a_message() == [spi]
    mip.write(INT_RAISE, 8)  # the same word, by the CPU
    assert core.taken() == [spi]

    core.enable_spi(spi, edge=False)  # the pulse is over before anybody looks at the level
    assert edu.spis_of_a_message() == []
    mip.write(CFG, ~(1 << 8) & 0xffffffff)  # with both level: until it is cleared
    assert edu.spis_of_a_message() == [spi] * 8 and mip.read(STATUS_HOST) == 1 << 8
    mip.write(INT_CLEAR, 8)
    assert core.taken() == []
    core.enable_spi(spi, edge=True)  # level there and edge here: once
    assert edu.spis_of_a_message() == [spi] and edu.spis_of_a_message() == []
    mip.write(INT_CLEAR, 8)
    mip.write(CFG, 0xffffffff)
    assert edu.spis_of_a_message() == [spi]

    # the way to MIP
    rc.set_inbound(3, MESSAGE, 0x1000131000, 0)
    assert edu.spis_of_a_message() == []
    rc.set_inbound(3, MESSAGE, 0x1000131000, 4096, enable=0)
    assert edu.spis_of_a_message() == []
    rc.set_inbound(3, MESSAGE & 0xffffffff, 0x1000131000, 4096)  # the high word forgotten
    assert edu.spis_of_a_message() == []
    rc.set_inbound(3, MESSAGE, 0x1000130000, 4096)  # the other MIP
    assert edu.spis_of_a_message() == []
    rc.set_inbound(3, 0, 0, 0)
    rc.set_inbound(10, MESSAGE, 0x1000131000, 4096)
    assert edu.spis_of_a_message() == [spi]
    rc.change(MISC_CTRL, clear=SCB_ACCESS_EN)
    assert edu.spis_of_a_message() == []
    rc.change(MISC_CTRL, set=SCB_ACCESS_EN)
    rc.change(COMMAND, clear=MASTER, size=2)
    assert edu.spis_of_a_message() == []
    rc.change(COMMAND, set=MASTER, size=2)
    rc.config_write(COMMAND, MEMORY, 2)  # the function's own
    assert edu.spis_of_a_message() == []
    rc.config_write(COMMAND, MEMORY | MASTER, 2)
    assert edu.spis_of_a_message() == [spi]


def test_dma_reaches_ram_only_through_an_inbound_window(core):
    rc = RootComplex(core, SLOT)
    assert rc.bring_up() is not None
    edu = Edu(rc)
    assert edu.carried(RAM_ON_BUS + RAM)
    assert not edu.carried(RAM)  # the CPU's address is none of the bus's
    rc.set_inbound(2, RAM_ON_BUS, 1 << 30, 1 << 36)  # not aligned to its size
    assert not edu.carried(RAM_ON_BUS + RAM)
    rc.set_inbound(2, 1 << 30, 0, 1 << 30)
    assert edu.carried((1 << 30) + RAM) and not edu.carried(RAM_ON_BUS + RAM)
    rc.set_inbound(4, RAM_ON_BUS, RAM, 4096)
    assert edu.carried(RAM_ON_BUS) and not edu.carried(RAM_ON_BUS + 4096)
    rc.change(MISC_CTRL, clear=SCB_ACCESS_EN)
    assert not edu.carried(RAM_ON_BUS)


@pytest.mark.parametrize("options, window", [([], 0x1f00000000), (["rp1-window=1c"], 0x1c00000000)], ids=["1f", "1c"])
def test_a_link_that_the_firmware_leaves_has_rp1_and_no_way_for_messages(boot, options, window):
    core = raspi5_monitor.start(boot, icount=False, properties=["pciex4-reset=off", *options])
    rc, mip = RootComplex(core, 2), Mip(core, 0)
    assert core.read(window) == CHIP_ID
    assert core.read(window ^ 0x300000000) == 0xdeaddead  # where other firmware has it: no abort, and writes vanish
    core.write(window ^ 0x300000000, 0)
    assert rc.read(PCIE_STATUS) == RC_MODE | PHY_UP | LINK_ACTIVE
    assert rc.read(LNKSTA, 2) & 0x3ff == 0x42
    assert rc.read(0x18) == 0 and rc.config_read(0) == 0xffffffff  # no bus numbers
    pci = 0x80000000 if options else 0
    rc.write(0x18, 0x00010100)
    assert rc.config_read(0) == RP1_ID and rc.config_read(COMMAND, 2) == MEMORY | MASTER
    assert [rc.config_read(bar) for bar in (0x14, 0x18, 0x10)] == [pci, pci + 0x400000, pci + 0x410000]

    def spis_of_a_message():
        core.write(window + MSIX_CFG_25 + 0x800, TEST)
        spis = core.taken()
        core.write(window + MSIX_CFG_25 + 0xc00, TEST)
        return spis
    core.enable_spi(128 + 25, edge=True)
    mip.init()
    for offset, value in ((0, MESSAGE & 0xffffffff), (4, MESSAGE >> 32), (8, 25), (12, 0)):
        core.write(window + 0x410000 + 16 * 25 + offset, value)
    at = rc.capability(0x11)
    rc.config_write(at + 2, 0x8000, 2)
    core.write(window + MSIX_CFG_25, ENABLE | IACK_EN)
    core.write(window + MSIX_CFG_25 + 0x800, IACK)
    assert spis_of_a_message() == []
    rc.set_inbound(3, MESSAGE, 0x1000130000, 4096)
    core.write(window + MSIX_CFG_25 + 0x800, IACK)
    assert spis_of_a_message() == [128 + 25]

    rc.reset_bridge()
    assert core.aborts(window)
    # the watchdog's reset brings it back
    core.write(PM_WDOG, 0x5a000010)
    core.machine.send(f"w 4 {PM_RSTC:x} 5a000020\n")
    core.machine.expect("= 0+\r?\n")
    assert core.read(window) == CHIP_ID


def test_by_default_the_firmware_leaves_rp1_in_reset(boot):
    core = raspi5_monitor.start(boot, icount=False)
    rc = RootComplex(core, 2)
    assert core.aborts(0x1f00000000) and core.aborts(0x1c00000000) and rc.read(PCIE_STATUS) == RC_MODE
    assert rc.bring_up() is not None
    assert rc.config_read(0) == RP1_ID and rc.read(LNKSTA, 2) & 0x3ff == 0x42
    assert [rc.config_read(bar) for bar in (0x10, 0x14, 0x18)] == [0xffffc000, 0xffc00000, 0xffff0000]
    rc.config_write(0x14, 0)
    rc.config_write(COMMAND, MEMORY | MASTER, 2)
    assert core.read(rc.window()) == CHIP_ID
    assert core.aborts(rc.window(0x410000))  # the table, while BAR 0 is unassigned
    rc.config_write(0x10, 0x410000)
    assert core.read(rc.window(0x410000) + 12) == 1
    assert core.aborts(rc.window(), 2) and core.aborts(rc.window(), 1)  # words only
    rc.write(UBUS_CTRL, SUPPRESS)
    assert core.read(rc.window() + 2, 2) == 0xdead


def test_a_link_without_anybody_stays_down(boot):
    core = raspi5_monitor.start(boot, icount=False, extra=EDU, properties=["pcie1-link=down", "rp1=off"])
    for number in range(3):
        rc = RootComplex(core, number)
        rc.prepare()
        assert rc.release() is None
        assert rc.read(PCIE_STATUS) == RC_MODE and core.aborts(rc.base + 0x8000)


@pytest.mark.parametrize("properties, extra, said", [
    (["pcie1-link=sideways"], [], "pcie1-link is up or down, not 'sideways'"),
    (["rp1-window=20"], [], "rp1-window is 1f or 1c, not '20'"),
    ([], ["-device", "edu", "-device", "edu"], "no slot/function available for edu"),
    ([], ["-device", "edu,bus=pcie2"], "Bus 'pcie2' is full"),
], ids=["link", "window", "second card", "elsewhere"])
def test_the_machine_refuses_another(properties, extra, said):
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    machine = ",".join(["raspi5b", *properties])
    done = subprocess.run([raspi5_qemu.find(), "-M", machine, "-display", "none", *extra], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and said in done.stderr
