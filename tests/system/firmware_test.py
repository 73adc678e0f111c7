# SPDX-License-Identifier: BSD-2-Clause
"""The firmware of QEMU's Raspberry Pi 3, asked through the mailbox with the boards' own trees: what `firmware` shows, a UART at
the clock that it tells, power-off and reboot without PSCI, every server on the way killed, nodes missing on the way. QEMU sets
no clocks and resets when a watchdog is armed: those are host tests (uart_clock, bcm2835_pm)."""
import re

import boot as library
import pytest
from raspi3b_test import BOARD, edited, pi, restarts, tree_of  # noqa: F401

WAY = ["bcm2835_mbox", "rpi_firmware", "bcm2835_cprman", "bcm2835_pm"]
UART0 = 0x3f201000


@pytest.mark.parametrize("name", [BOARD, "bcm2837-rpi-3-b"])  # the upstream shape does not say that cprman needs the firmware
def test_firmware_shows_board_memory_heat_and_clocks(pi, name):  # noqa: F811
    machine = pi(tree=tree_of(name))
    text = machine.run("firmware")
    assert machine.status() == 0
    for line in (r"revision +0xa02082 +\(revision 1.2, 1024 MiB\)", r"MAC +52:54:00:12:34:56", r"CPU +0x00000000 +960 MiB",
                 r"VideoCore +0x3c000000 +64 MiB", r"temperature +25\.0 C +\(at most 99\.0 C\)", r"throttled +never",
                 r"uart +3\.000 +- +3\.000 +3\.000", r"core +350\.000"):
        assert re.search(line, text), text
    assert max(map(len, text.splitlines())) <= 80
    tree = machine.run("tree")
    for server in WAY:
        assert re.search(rf" {server} +running\n", tree), tree
    assert re.search(r"^ +1 +128 +0 +1024 +/soc/firmware$", machine.run("mem"), re.M)  # one page of DMA memory
    assert "warn: [rpi_firmware]" not in machine.text


def console_on_uart0(tree, speed):
    tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", "serial1:115200n8")
    tree.setprop_u32(tree.path_offset("/soc/serial@7e201000"), "current-speed", speed)


def test_a_string_on_uart0_at_the_clock_that_the_firmware_tells(pi, tmp_path):  # noqa: F811
    monitor = library.Monitor(tmp_path)
    machine = pi(tree=edited(tmp_path, lambda tree: console_on_uart0(tree, 115200)), extra=monitor.options)
    words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})\b", monitor.ask(f"xp /2wx {UART0 + 0x24:#x}"))]
    assert words == [1, 40]  # 3 MHz / 16 / 115200 = 1.6276 = 1 + 40/64
    assert machine.run("firmware clock uart 48000000") == "uart 3000000 Hz\n"  # QEMU's firmware sets none, and says so
    assert machine.status() == 0
    assert machine.run("kill pl011; echo a string") is not None
    machine.send("\r")
    machine.prompt()
    assert machine.run("echo a string") == "a string\n"


def test_a_speed_that_no_clock_gives_costs_that_uart_only(pi, tmp_path):  # noqa: F811
    def too_fast(tree):
        tree.setprop_u32(tree.path_offset("/soc/serial@7e201000"), "current-speed", 460800)
    machine = pi(tree=edited(tmp_path, too_fast))
    assert "[pl011] /soc/serial@7e201000: a clock of 3000000 Hz cannot give current-speed 460800" in machine.text
    assert "Hello from Cambium." in machine.run("hello")


def test_power_off_ends_qemu(pi):  # noqa: F811
    machine = pi()
    machine.send("poweroff\r")
    assert machine.ended() == 0


def test_reboot_comes_back_to_a_prompt(pi):  # noqa: F811
    machine = pi()
    machine.send("reboot\r")
    machine.expect("entered at EL2")
    machine.prompt()
    assert machine.run("echo back") == "back\n"


def test_every_server_on_the_way_may_die(pi):  # noqa: F811
    machine = pi()
    whole = machine.run("firmware")
    for server in 2 * WAY:
        before = restarts(machine, server)
        machine.run(f"kill {server}", timeout=20)
        assert library.machine.wait_until(lambda: restarts(machine, server) == before + 1), server  # noqa: B023
        assert library.machine.wait_until(lambda: machine.run("firmware") == whole), server
    assert re.search(r"^ +1 +128 +0 +1024 +/soc/firmware$", machine.run("mem"), re.M)  # the same page all the time
    machine.send("poweroff\r")
    assert machine.ended() == 0


def test_without_a_mailbox_all_that_needs_it_waits_and_power_off_works(pi, tmp_path):  # noqa: F811
    machine = pi(tree=edited(tmp_path, lambda tree: tree.setprop_str(tree.path_offset("/soc/mailbox@7e00b880"), "status",
                                                                     "disabled")))
    assert "drv/rpi_firmware waits for mboxes of /soc/mailbox@7e00b880, which is disabled" in machine.text
    assert re.search(r"drv/bcm2835_cprman waits for service[ a-z]* of /soc/firmware, which waits", machine.text)
    assert "firmware: none here: " in machine.run("firmware")
    assert machine.status() == 1
    machine.send("poweroff\r")
    assert machine.ended() == 0


def test_a_watchdog_that_cannot_be_is_said_and_not_armed(pi):  # noqa: F811
    machine = pi(extra=["-append", "quiet watchdog=99"])
    assert "error: [bcm2835_pm] /soc/watchdog@7e100000: watchdog= in bootargs is not 1 to 15 seconds: not armed" in machine.text
    assert "Hello from Cambium." in machine.run("hello")
