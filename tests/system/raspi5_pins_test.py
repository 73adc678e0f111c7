# SPDX-License-Identifier: BSD-2-Clause
"""RP1's pins, clock and UART of a Raspberry Pi 5, on our model of it (tests/raspi5): a UART's pins are what its node asks for before its
driver starts, in the stock tree's form and with what can be wrong in it; characters arrive in both directions, at the right speed, or
the model garbles them; lines of all three banks are read, driven and watched, with edges as interrupts; and the drivers may die."""
import queue
import re
import threading

import boot as library
import libfdt
import pytest
from console_test import Port
from raspi5_chain_test import BOARD, RP1, UART0, Pi, enable
from raspi import edited

import raspi5_qemu

GPIO = RP1 + "/gpio@d0000"
SERVERS = ["rp1_gpio", "rp1_clocks", UART0]


@pytest.fixture(autouse=True)
def qemu():
    return raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)


class Drained(Port):
    """Reads all the time: QEMU waits, with the whole machine, when some hundred single bytes have not been read."""

    def read(self):
        if self.connection is None:
            self.connection, self.chunks = library.connected(self.path), queue.SimpleQueue()
            threading.Thread(target=self.drain, daemon=True).start()
        while not self.chunks.empty():
            self.text += self.chunks.get().decode(errors="replace").replace("\r", "")
        return self.text

    def drain(self):
        self.connection.settimeout(None)
        while data := self.connection.recv(65536):
            self.chunks.put(data)


class Board(Pi):
    """With wires at RP1's pins, and UART0's server there."""

    def __init__(self, boot, folder, edit):
        self.monitor = library.Monitor(folder)
        super().__init__(boot, folder, edited(folder, BOARD, edit), extra=self.monitor.options)
        self.port = Drained(folder)
        self.prompt()
        self.monitor.ask("info version")
        self.port.read()  # what is said before somebody listens is lost
        assert library.machine.wait_until(lambda: "serial@30000" in self.running()), self.machine.text

    def running(self):
        return re.findall(r"^ +(\S+) +\w+ +running", self.machine.run("tree", timeout=20), re.M)

    def restarts(self, name):
        row = re.search(rf" {name}(?: +\w+)? +running, restarted (\d+) times?\n", self.machine.run("tree", timeout=20))
        return int(row[1]) if row else 0

    def told(self, pin):
        """Interrupts of a line that were told to who watched it."""
        return int(re.search(rf"^ *{pin} +{pin}  \w+ +\d +(\d+)", self.machine.run("gpio", timeout=20), re.M)[1])

    def wire(self, pin, level):
        assert self.monitor.command("qom-set", {"path": "/machine/pins", "property": f"gpio{pin}", "value": level}) == {}

    def level(self, pin):
        return self.monitor.command("qom-get", {"path": "/machine/pins", "property": f"gpio{pin}"})


@pytest.fixture
def board(boot, tmp_path):
    def start(*edits):
        def edit(tree):
            for one in [enable(UART0), *edits]:
                one(tree)
        return Board(boot, tmp_path, edit)
    return start


def set_string(path, name, value):
    return lambda tree: tree.setprop_str(tree.path_offset(path), name, value)


def open_console(pi):
    assert "too" in pi.machine.run(f"console add {UART0}")
    pi.port.wait("cambium> ")


def check_both_directions(pi):
    for number in range(3):
        assert pi.port.run(f"echo {number} from the header") == f"{number} from the header\n"
        pi.machine.prompt()
    assert pi.machine.run("echo from UART10") == "from UART10\n"
    pi.port.wait("from UART10\ncambium> ")


def log_of(pi, server):
    return re.findall(rf"\] ((?:\w+: )?\[{server}\] .*)", pi.machine.run("log", timeout=20))


def test_the_uarts_pins_are_set_before_it_starts(board):
    pi = board()
    assert pi.level(14) == "high" and pi.level(15) == "high"  # an idle TXD, and a pull at RXD
    assert "no divisor" not in "".join(log_of(pi, "pl011"))
    assert "does not tell" not in pi.machine.run("irq") and pi.machine.status() == 0
    assert not log_of(pi, "rp1_gpio") and not log_of(pi, "rp1_clocks")
    assert re.search(r"pinctrl-0 0 -> \S*gpio@d0000", pi.machine.run(f"tree {UART0}"))
    open_console(pi)
    check_both_directions(pi)
    for number, server in enumerate(2 * SERVERS):  # the UART goes on, over restarts of each
        name = server.rsplit("/", 1)[-1]
        pi.machine.run(f"kill {server}", timeout=20)
        assert library.machine.wait_until(lambda: pi.restarts(name) == number // 3 + 1), name  # noqa: B023
        check_both_directions(pi)


def test_lines_of_every_bank_are_read_driven_and_watched(board):
    pi = board()
    for pin in (17, 29, 50):
        for level in (1, 0):
            pi.machine.run(f"gpio write {pin} {level}")
            assert pi.machine.status() == 0
            assert pi.level(pin) == ("low", "high")[level]
        assert pi.machine.run(f"gpio input {pin}") == ""
        pi.wire(pin, "high")
        assert pi.machine.run(f"gpio read {pin}") == "1\n"
        before = pi.told(pin)
        pi.machine.send(f"gpio watch {pin}\r")
        for level in (0, 1, 0):
            pi.wire(pin, ("low", "high")[level])
            pi.machine.expect(rf"\] {level}\r*\n", timeout=20)
        pi.machine.send("\x03")
        pi.machine.prompt()
        assert pi.told(pin) >= before + 2  # the first level may have come before it was watched
    # a UART's pins are nobody else's
    assert re.search(f"{UART0} has it", pi.machine.run("gpio write 14 0"))
    assert pi.level(14) == "high"


@pytest.mark.parametrize("path, name, value, said, level", [
    ("rp1_uart0_14_15/pin_rxd", "function", "uart9", r"/pin_rxd: gpio15 has no function \"uart9\"", "low"),
    ("rp1_uart0_14_15/pin_txd", "pins", "gpio54", r"/pin_txd: RP1 has no pins called \"gpio54\"", "low")])
def test_pins_that_make_no_sense_are_named_and_the_uart_starts_all_the_same(board, path, name, value, said, level):
    pi = board(set_string(f"{GPIO}/{path}", name, value))
    assert re.search(said, "\n".join(log_of(pi, "rp1_gpio")))
    assert any("pins of pinctrl-0 0 not set" in line for line in log_of(pi, "pl011")), log_of(pi, "pl011")
    assert pi.level(14) == level  # nothing of the state is set: TXD reaches no pin
    pi.machine.run(f"console add {UART0}")
    assert pi.machine.run("echo on UART10") == "on UART10\n"
    with pytest.raises(AssertionError):
        pi.port.wait("on UART10")


def test_two_nodes_that_want_one_pin_are_named_and_the_first_has_it(board):
    pi = board(enable(RP1 + "/serial@34000"),
               lambda tree: tree.setprop(tree.path_offset(RP1 + "/serial@34000"), "pinctrl-0",
                                         bytes(tree.getprop(tree.path_offset(UART0), "pinctrl-0"))))
    said = "\n".join(log_of(pi, "rp1_gpio"))
    for pin in (14, 15):
        assert f"line {pin} is claimed by {UART0} and by {RP1}/serial@34000: the first has it" in said
    assert re.search(r"rp1_uart0_14_15: pin 14 is claimed by \S*serial@30000: nothing of it is set", said)
    open_console(pi)
    check_both_directions(pi)
