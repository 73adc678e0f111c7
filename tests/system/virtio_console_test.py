# SPDX-License-Identifier: BSD-2-Clause
"""drv/virtio_console as QEMU's virtconsole, with somebody at a socket behind it: over MMIO and as PCI function it is a serial port more,
and can be the console, with log and shell, through deaths of its driver; what is typed and said is all there."""
import fcntl
import os
import re
import termios
import time

import boot as library
import pytest
from console_test import FIRST, Port, listed

SOCKET, FUNCTION = r"/virtio_mmio@a003e00", r"/pcie@10000000/dev@\d+,0"
CASES = {"legacy": (2, "virtio-serial-device", [], SOCKET),
         "modern": (3, "virtio-serial-device", ["-global", "virtio-mmio.force-legacy=false"], SOCKET),
         "pci": (2, "virtio-serial-pci", [], FUNCTION),
         "pci-line": (3, "virtio-serial-pci,vectors=0,disable-legacy=on", [], FUNCTION)}


@pytest.mark.parametrize("gic, device, options, where", CASES.values(), ids=CASES.keys())
def test_it_can_be_the_console(boot, tmp_path, gic, device, options, where):
    port = Port(tmp_path)
    machine = boot(gic=gic, extra=[*options, "-chardev", f"socket,id=c,path={port.path},server=on,wait=off",
                                   "-device", device, "-device", "virtconsole,chardev=c"])
    machine.prompt()
    assert library.machine.wait_until(lambda: re.search(r" virtio_console +running\n", machine.run("tree")))
    assert port.read() == ""
    path = re.search(rf"^({where}) +virtio_console$", machine.run("console"), re.M)[1]
    machine.send(f"console use {path}\r")
    port.wait(rf"console: it is on {path}\n(.*\n)*cambium> ")
    assert listed(port.run("console")) == {FIRST: "pl011, the console at boot", path: "virtio_console, the console"}
    text = " ".join(str(n) for n in range(1000, 1020))
    assert port.run(f"echo '{text}'") == text + "\n"
    port.send("kill virtio_console")
    port.wait("cambium> $")
    assert port.run("echo still here") == "still here\n"
    assert re.search(r" virtio_console +running, restarted 1 time\n", port.run("tree"))
    if where == FUNCTION:
        port.send("kill pcie_ecam")
        port.wait("cambium> $")
        assert port.run("echo and here") == "and here\n"
    port.send(f"console use {FIRST}")
    machine.expect(f"console: it is on {FIRST}")
    machine.prompt()
    assert machine.run("echo back") == "back\n"
    assert "warn" not in machine.run("log") and "error" not in machine.run("log")


def test_what_is_typed_before_anybody_reads_is_all_there(boot, tmp_path):
    """More than the driver has room for: QEMU keeps the rest until the driver gives buffers back. Pipes, since QEMU drops what a socket
    does not take at once; these have room for all that is said."""
    ends = []
    for name in ("in", "out"):
        os.mkfifo(tmp_path / f"pipe.{name}")
        ends.append(os.open(tmp_path / f"pipe.{name}", os.O_RDWR | os.O_NONBLOCK))
    try:
        machine = boot(extra=["-chardev", f"pipe,id=c,path={tmp_path}/pipe", "-device", "virtio-serial-device",
                              "-device", "virtconsole,chardev=c"])
        machine.prompt()
        words = [f"{n} {'x' * 90}" for n in range(1000, 1120)]
        typed = "".join(f"echo {word}\r" for word in words).encode()
        assert os.write(ends[0], typed) == len(typed)

        def is_full():  # at most 8 KiB are in the driver: a ring, and four buffers that it does not give back
            left = int.from_bytes(fcntl.ioctl(ends[0], termios.FIONREAD, bytes(4)), "little")
            return len(typed) - 8192 <= left < len(typed) - 4096

        assert library.machine.wait_until(is_full)
        time.sleep(0.5)
        assert is_full()
        machine.send(f"console use {SOCKET}\r")
        text = ""

        def all_said():
            nonlocal text
            try:
                text += os.read(ends[1], 1 << 16).decode().replace("\r", "")
            except BlockingIOError:
                pass
            return text.endswith(f"{words[-1]}\ncambium> ") and text.count(words[-1]) == 2

        assert library.machine.wait_until(all_said), text
        assert text.partition("\n")[2] == "".join(f"cambium> echo {word}\n{word}\n" for word in words) + "cambium> "
    finally:
        for end in ends:
            os.close(end)
