# SPDX-License-Identifier: BSD-2-Clause
"""A bring-up of the machine raspi5b in Python, as through a debugger: single accesses of its first core, by the monitor of
tests/raspi5/monitor. Not what Cambium's drivers do: what hardware answers."""
import os

import boot as library
import pytest
from raspi import tree_of

import raspi5_qemu

IMAGE = os.path.join(library.MAIN, "tests", "raspi5", "monitor", "monitor")
TICKS_PER_US = 54
GICD, GICC = 0x107fff9000, 0x107fffa000
SPURIOUS = 1023


class Abort(Exception):
    """The access faulted; .esr is the syndrome."""

    def __init__(self, what, esr):
        super().__init__(f"{what}: ESR {esr:#x}")
        self.esr = esr


class Core:
    """A core at EL2 with its MMU off, that does what it is told."""

    def __init__(self, machine):
        self.machine = machine
        machine.expect("= 0+\r?\n", timeout=60)

    def ask(self, line):
        self.machine.send(line + "\n")
        kind, value = self.machine.expect(r"([=!?]) ?([0-9a-f]*)\r?\n", timeout=20).groups()
        assert kind != "?", f"the monitor does not understand {line!r}"
        if kind == "!":
            raise Abort(line, int(value, 16))
        return int(value, 16)

    def read(self, address, size=4):
        return self.ask(f"r {size} {address:x}")

    def write(self, address, value, size=4):
        self.ask(f"w {size} {address:x} {value:x}")

    def aborts(self, address, size=4, value=None):
        """Whether a read, or the write of a value, ends in an external abort."""
        try:
            if value is None:
                self.read(address, size)
            else:
                self.write(address, value, size)
        except Abort as what:
            assert what.esr >> 26 == 0x25 and what.esr & 0x3f == 0x10, what  # data abort, synchronous external
            return True
        return False

    def now(self):
        """Microseconds of the generic timer."""
        return self.ask("t") / TICKS_PER_US

    def wait(self, us):
        end = self.now() + us
        while self.now() < end:
            pass

    def poll(self, address, mask, value, us):
        """Microseconds until a register's bits are so; None if they were not in `us`."""
        start = self.now()
        while self.read(address) & mask != value:
            if self.now() - start > us:
                return None
        return self.now() - start

    # ---- the GIC, seen from the non-secure side: SPIs to the first core, taken by polling

    def enable_spi(self, spi, edge):
        """Enables an SPI as edge or level, to this core."""
        intid = spi + 32
        self.write(GICD + 0x000, 1)  # GICD_CTLR: group 1
        self.write(GICC + 0x004, 0xf0)  # GICC_PMR
        self.write(GICC + 0x000, 1)  # GICC_CTLR
        config = GICD + 0xc00 + intid // 16 * 4
        shift = intid % 16 * 2
        self.write(config, self.read(config) & ~(3 << shift) | (2 if edge else 0) << shift)
        self.write(GICD + 0x400 + intid, 0xa0, 1)  # GICD_IPRIORITYR
        self.write(GICD + 0x800 + intid, 1, 1)  # GICD_ITARGETSR
        self.write(GICD + 0x100 + intid // 32 * 4, 1 << intid % 32)  # GICD_ISENABLER

    def take(self):
        """The SPI that is signalled, now active; None if none is."""
        intid = self.read(GICC + 0x00c) & 0x3ff  # GICC_IAR
        return None if intid == SPURIOUS else intid - 32

    def end(self, spi):
        self.write(GICC + 0x010, spi + 32)  # GICC_EOIR

    def taken(self):
        """Takes and ends all that is signalled, at most 8 times; the SPIs in that order."""
        spis = []
        while len(spis) < 8 and (spi := self.take()) is not None:
            self.end(spi)
            spis.append(spi)
        return spis


def start(boot, tree=None, **options):
    """A Core on a new machine, with the options of boot.start(). Time is counted in instructions, and goes on while a command is
    on its way: a wait is never too short, and may be much longer than asked for."""
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    options.setdefault("icount", True)
    return Core(boot(board="raspi5b", image=IMAGE, dtb=tree or tree_of("bcm2712-rpi-5-b"), **options))
