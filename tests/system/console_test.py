# SPDX-License-Identifier: BSD-2-Clause
"""The console goes to another serial port, with log and shell, and back: when told so, and when that port is given up."""
import os
import re
import threading

import boot as library

FIRST, SECOND = "/pl011@9000000", "/pl011@9040000"  # QEMU's virt gives a second -serial a node of its own


class Port:
    """Somebody at QEMU's socket behind a serial port, who takes at once what comes: QEMU stands still while nobody does."""

    def __init__(self, folder, name="port"):
        self.path = os.path.join(str(folder), name)
        self.connection, self.text, self.lock = None, "", threading.Lock()

    def _listen(self):
        while data := self.connection.recv(65536):
            with self.lock:
                self.text += data.decode(errors="replace").replace("\r", "")

    def read(self):
        if self.connection is None:
            self.connection = library.connected(self.path)
            self.connection.settimeout(None)
            threading.Thread(target=self._listen, daemon=True).start()
        return self.text

    def wait(self, pattern, timeout=10):
        """What came up to where that pattern ends, which is then gone."""
        assert library.machine.wait_until(lambda: re.search(pattern, self.read()), timeout=timeout, pause=0.02), self.text
        with self.lock:
            found = re.search(pattern, self.text)
            before, self.text = self.text[:found.end()], self.text[found.end():]
        return before

    def send(self, line):
        self.read()
        self.connection.sendall(line.encode() + b"\r")

    def run(self, line):
        """Types a command at the prompt; its answer."""
        self.send(line)
        self.wait(re.escape(line) + "\n")
        return self.wait("cambium> $")[:-len("cambium> ")]


def listed(text):
    """{path: its server, and what is said of it}."""
    return dict(re.findall(r"^(/\S+) +(.*)$", text, re.M))


def test_the_shell_is_at_a_second_port_too(boot, tmp_path):
    port = Port(tmp_path)
    machine = boot(extra=["-serial", f"unix:{port.path},server=on,wait=off"])
    machine.prompt()
    assert port.read() == ""
    assert machine.run("console add pl011@9040000") == f"console: it is on {SECOND}, too\n"
    port.wait("too\ncambium> ")
    assert listed(machine.run("console")) == {FIRST: "pl011, the console, as at boot", SECOND: "pl011, the console, too"}
    port.wait("too\ncambium> ")
    assert machine.run("echo from here") == "from here\n"
    port.wait("echo from here\nfrom here\ncambium> ")
    assert port.run("echo from there") == "from there\n"
    machine.expect("echo from there\r+\nfrom there\r+\n")
    machine.prompt()
    assert machine.run(f"kill {SECOND}") == "" and machine.status() == 0  # its driver starts anew, and is attached to again
    assert machine.run("echo still") == "still\n"
    port.wait("still\ncambium> ")
    assert port.run("echo here, too") == "here, too\n"
    machine.prompt()
    machine.run("console drop")
    port.wait("console drop\n")
    machine.run("echo alone")
    assert "alone" not in port.read()
    assert "console add PORT" in machine.run("console add") and machine.status() == 2
    assert "is no serial port" in machine.run("console add /x") and machine.status() == 1
    assert "console: /pl011@9000000" in machine.run(f"console add {FIRST}") and machine.status() == 1  # it is there


def test_log_and_shell_go_to_another_port_and_back(boot, tmp_path):
    port = Port(tmp_path)
    machine = boot(extra=["-serial", f"unix:{port.path},server=on,wait=off"])
    machine.prompt()
    assert port.read() == ""  # QEMU keeps nothing for who comes later
    assert listed(machine.run("console")) == {FIRST: "pl011, the console, as at boot", SECOND: "pl011"}
    assert "console: /x is no serial port" in machine.run("console use /x") and machine.status() == 1
    machine.send("console use pl011@9040000\r")
    machine.expect(f"console: it goes to {SECOND}")
    before = len(machine.text)
    port.wait(rf"console: it is on {SECOND}\n(.*\n)*cambium> ")
    assert port.run("echo over there") == "over there\n"
    assert listed(port.run("console")) == {FIRST: "pl011, the console at boot", SECOND: "pl011, the console"}
    port.run("kill gpio_keys")
    machine.send("typed")  # and nobody reads it there
    port.send("console use pl011@9000000")
    machine.expect(f"console: it is on {FIRST}")
    machine.prompt()
    assert "over there" not in machine.text and "gpio_keys" not in machine.text[before:]
    machine.expect("typed")
    machine.send("\x15")  # ^U
    assert machine.run("echo back") == "back\n"
    assert listed(machine.run("console")) == {FIRST: "pl011, the console, as at boot", SECOND: "pl011"}
