# SPDX-License-Identifier: BSD-2-Clause
"""drv/ns16550 as QEMU's pci-serial, with somebody at a socket behind it: it is a second serial port, and can be the console, with log
and shell, through deaths of its driver and of the bus's server."""
import re
import time

import boot as library
from console_test import FIRST, Port, listed


def test_a_pci_function_can_be_the_console(boot, tmp_path):
    port = Port(tmp_path)
    machine = boot(extra=["-device", "pci-serial,chardev=c", "-chardev", f"socket,id=c,path={port.path},server=on,wait=off"])
    machine.prompt()
    assert library.machine.wait_until(lambda: re.search(r" ns16550 +running\n", machine.run("tree")))
    assert port.read() == ""
    path = re.search(r"^(/pcie@10000000/dev@\d+,0) +ns16550$", machine.run("console"), re.M)[1]
    machine.send(f"console use {path.split('/')[-1]}\r")
    port.wait(rf"console: it is on {path}\n(.*\n)*cambium> ")
    assert listed(port.run("console")) == {FIRST: "pl011, the console at boot", path: "ns16550, the console"}
    text = " ".join(str(n) for n in range(1000, 1030))  # more than the FIFO holds, both ways
    assert port.run(f"echo '{text}'") == text + "\n"
    port.send("kill ns16550")
    port.wait("cambium> $")
    assert port.run("echo still here") == "still here\n"
    port.send("kill pcie_ecam")
    port.wait("cambium> $")
    assert port.run("echo and here") == "and here\n"
    assert re.search(r" ns16550 +running, restarted 1 time\n", port.run("tree"))
    port.send(f"console use {FIRST}")
    machine.expect(f"console: it is on {FIRST}")
    machine.prompt()
    assert machine.run("echo back") == "back\n"


def test_the_console_comes_back_when_its_function_is_pulled_out(boot, tmp_path):
    port, monitor = Port(tmp_path), library.Monitor(tmp_path)
    machine = boot(extra=["-device", "pcie-root-port,id=rp,chassis=1", "-device", "pci-serial,id=s,bus=rp,chardev=c",
                          "-chardev", f"socket,id=c,path={port.path},server=on,wait=off", *monitor.options])
    machine.prompt()
    assert library.machine.wait_until(lambda: re.search(r" ns16550 +running\n", machine.run("tree")))
    assert port.read() == ""
    path = re.search(r"^(/pcie@10000000/\S+) +ns16550$", machine.run("console"), re.M)[1]
    machine.send(f"console use {path}\r")
    port.wait(rf"console: it is on {path}\n(.*\n)*cambium> ")
    monitor.ask("device_del s")
    time.sleep(3)  # nothing can be asked meanwhile
    machine.send("\r")  # somebody tries the first one
    found = machine.expect(r"warn: \[serial\] .*(/pcie\S+) does not answer .*the console is where it was", timeout=20)
    assert found[1] == path
    assert machine.run("echo back") == "back\n"
    assert listed(machine.run("console")) == {FIRST: "pl011, the console, as at boot", path: "ns16550, given up"}
