# SPDX-License-Identifier: BSD-2-Clause
"""The root interrupt server dies at every single instruction of its handler, of the interrupt and of the acknowledge: each
time it is restarted, the key press that it died over arrives, and the tick goes on. And: nothing is pending any more when
the interrupt is acknowledged."""
import os
import re
import subprocess

import boot as library
import gdbstub
import pytest

KERNEL = 0xffffffff80000000  # where the image lies if the tree has no seed
HANDLER_MAX = 200  # instructions
TRIES = 20  # until an interrupt goes the way that the first one went: others are the timer's, or of a server just started


class Kernel:
    """The addresses of it at which a machine is to stop."""

    def __init__(self):
        elf = os.path.join(library.BUILD, "kernel", "kernel.elf")
        listing = subprocess.run(["aarch64-linux-gnu-objdump", "-d", elf], check=True, stdout=subprocess.PIPE,
                                 text=True).stdout
        self.exits = [KERNEL + int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):\t[0-9a-f]{8} \teret$", listing, re.M)]
        # an interrupt begins its way here while a thread runs, there while none does
        self.interrupts = [KERNEL + int(re.search(rf"^0*([0-9a-f]+) <{name}>:$", listing, re.M).group(1), 16)
                           for name in ("device_irq", "irq_deliver")]

# The distributor of this QEMU machine and the line of its UART. (Tests may know boards; the system may not.)
GICD, UART = 0x08000000, 33
GICD_ISENABLER, GICD_ICENABLER = 0x100, 0x180


def is_user(pc):
    return pc >> 63 == 0


class Handler:
    """The way of the server from one exit of the kernel to its next call."""

    def __init__(self, stub, machine, kernel, is_ack):
        self.stub, self.machine, self.kernel, self.is_ack = stub, machine, kernel, is_ack
        self.pc = 0

    def enter(self):
        """A key is pressed; stops before the handler's first instruction."""
        self.stub.run_to(self.kernel.interrupts, lambda: self.machine.send("e"))
        self._to_user()
        if self.is_ack:
            server = self.block
            while is_user(self._step()):
                pass
            self._to_user()
            while self.block != server:
                self._to_user()

    def _step(self):
        self.pc = self.stub.step()
        return self.pc

    def _to_user(self):
        """To the next exit from the kernel, and over it. There sp is the block of the thread that runs next."""
        while True:
            self.stub.run_to(self.kernel.exits)
            self.block = self.stub.register(gdbstub.SP)
            if is_user(self._step()):
                return

    def whole(self):
        """Steps to the end; the addresses of the handler's instructions."""
        way = []
        while is_user(self.pc) and len(way) < HANDLER_MAX:
            way.append(self.pc)
            self._step()
        return way

    def reaches(self, way):
        """Steps along `way`; False as soon as it turns out to be another one."""
        for number, address in enumerate(way):
            if number > 0:
                self._step()
            if self.pc != address:
                return False
        return True


def drop_line(machine):
    machine.send("\x15echo dropped\r")
    machine.expect(r"\ndropped\r")
    machine.prompt()


@pytest.mark.parametrize("is_ack", [False, True], ids=["interrupt", "acknowledge"])
def test_the_root_server_may_die_at_every_instruction_of_an(boot, gic, is_ack, tmp_path):
    stub = gdbstub.Stub(tmp_path)
    machine = boot(gic=gic, extra=stub.options, timeout=20, properties=["dtb-randomness=off"])
    machine.prompt()
    stub.connect()
    handler = Handler(stub, machine, Kernel(), is_ack)
    for _ in range(3):  # the first of a server starts elsewhere, behind its registration
        handler.enter()
        way = handler.whole()
        stub.go()
        drop_line(machine)
        stub.interrupt()
    assert 10 < len(way) < HANDLER_MAX, [hex(pc) for pc in way]
    for number in range(len(way)):
        for _ in range(TRIES):
            handler.enter()
            if handler.reaches(way[:number + 1]):
                break
            stub.go()
            drop_line(machine)
            stub.interrupt()
        else:
            pytest.fail(f"no interrupt reached {way[number]:#x} again")
        stub.set_register(gdbstub.PC, 0)  # nobody's page: it faults there and is ended
        stub.go()
        machine.send(f"cho alive-{number}\r")  # the e before it came by the interrupt that was lost
        machine.expect(rf"\nalive-{number}\r")
        machine.prompt()
        machine.run("sleep 0.01")
        machine.run(f"restart gicv{gic}")  # so that the deaths are not counted as those of a broken server
        drop_line(machine)
        stub.interrupt()
    stub.go()
    stub.close()
    assert re.search(rf"gicv{gic} +running, restarted {2 * len(way)} times", machine.run("tree"))
    assert "Hello from Cambium." in machine.run("hello")
    assert "PANIC" not in machine.text
    print(f"# {len(way)} instructions")


def test_an_interrupt_that_is_gone_when_it_is_acknowledged_is_borne(boot, gic, tmp_path):
    stub = gdbstub.Stub(tmp_path)
    machine = boot(gic=gic, extra=stub.options, timeout=20, properties=["dtb-randomness=off"])
    machine.prompt()
    stub.connect()
    kernel = Kernel()
    for number in range(10):
        stub.run_to(kernel.interrupts, lambda: machine.send("e"))
        stub.write_physical(GICD + GICD_ICENABLER + UART // 32 * 4, 1 << UART % 32)
        stub.go()
        with pytest.raises(library.machine.Stopped):
            machine.expect("e", timeout=0.3)  # it really was this one
        stub.interrupt()
        stub.write_physical(GICD + GICD_ISENABLER + UART // 32 * 4, 1 << UART % 32)
        stub.go()
        machine.send(f"cho alive-{number}\r")
        machine.expect(rf"\nalive-{number}\r")
        machine.prompt()
        machine.run("sleep 0.01")
        drop_line(machine)
        stub.interrupt()
    stub.go()
    stub.close()
    assert re.search(rf"gicv{gic} +running\n", machine.run("tree"))
    assert "PANIC" not in machine.text
