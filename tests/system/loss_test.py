# SPDX-License-Identifier: BSD-2-Clause
"""A UART's driver is killed, again and again, under a paste. Only what it had taken from its device and not delivered is lost, what
arrives is in order, and what is lost was counted: the log and `console` say how much."""
import re
import time

import boot as library
import pytest
from console_test import Port
from raspi5_chain_test import BOARD, CHAIN, UART0, Pi, enable
from raspi import edited

import raspi5_qemu

KILLS, GAP_MS, LINES = 12, 450, 1 << 14  # longer than test-sink reads nothing
SECOND = "/pl011@9040000"  # of virt


def on_virt(boot, folder, initrd):
    """Somebody at the first port of virt and somebody at the second: (machine, port)."""
    port = Port(folder)
    machine = boot(initrd=initrd, extra=["-serial", f"unix:{port.path},server=on,wait=off"])
    machine.prompt()
    return machine, port


def on_a_pi(boot, folder, initrd):
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    board = Pi(boot, folder, edited(folder, BOARD, enable(UART0)), initrd=initrd).prompt().await_servers(CHAIN)
    return board.machine, board.port


def paste(machine, port, path, lines):
    """Numbered lines, typed at that port while its driver is killed KILLS times; -> (bytes that arrived, missing, places)."""
    name = path.rsplit("/", 1)[1]
    machine.send(f"console use {name}\r")
    port.wait("cambium> $")
    port.send(f"test-killer {GAP_MS} {KILLS} {path} &")
    port.wait("cambium> $")
    port.send("test-sink")
    port.wait("test-sink\n")
    time.sleep(0.3)  # until it reads raw
    port.connection.sendall(b"".join(b"%07d\n" % n for n in range(lines)))  # as fast as QEMU takes it
    port.wait("killer: done, 0 failed\n", timeout=120)
    port.connection.sendall(b"~")
    said = port.wait(r"(?s)sink: [^\n]*\n.*cambium> $", timeout=60)
    found = re.search(r"sink: (\d+) bytes, (\d+) missing in (\d+) places\n", said)
    assert found, said
    return map(int, found.groups())


@pytest.mark.parametrize("start, path", [(on_virt, SECOND), (on_a_pi, UART0)], ids=["virt", "the header of a Raspberry Pi 5"])
def test_a_killed_driver_loses_what_it_held_and_no_more_and_the_report_counts_it_at(boot, tmp_path, start, path):
    contents = {**library.entries(), "bin/test-killer": library.program("killer"), "bin/test-sink": library.program("sink")}
    machine, port = start(boot, tmp_path, library.archive(tmp_path, contents))
    arrived, missing, places = paste(machine, port, path, LINES)
    assert arrived + missing == 8 * LINES
    log = port.run("log")
    lost = [(int(i), int(o)) for i, o in re.findall(rf"\[serial\] the driver of {path.rsplit('/', 1)[1]} ended: lost (\d+) in, (\d+) out\n", log)]
    assert 0 < places <= KILLS and places <= len(lost) <= KILLS, log  # the paste was going on
    # a byte between the device and the count is all that may be lost unsaid
    assert 0 <= missing - sum(i for i, _ in lost) <= KILLS, (missing, lost)
    said = port.run("console")
    assert f"lost with drivers that ended: {sum(i for i, _ in lost)} bytes in, {sum(o for _, o in lost)} bytes out\n" in said, said
