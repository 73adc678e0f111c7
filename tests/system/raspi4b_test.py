# SPDX-License-Identifier: BSD-2-Clause
"""The same Image as everywhere else, on QEMU's Raspberry Pi 4 with the boards' own trees: the prompt on the UART that the
tree names, interrupts through the GIC-400, UARTs whose windows are smaller than a page, the death of every server, cores and
memory that nobody gave us. Without a source of the trees (tools/lib/trees.py) the tests of them are skipped."""
import re
import time

import boot as library
import pytest
import raspi
from raspi import events, tree_of

MINI_UART, PL011 = r"^ +125 +level [ \d]+/soc/serial@7e215040", r"^ +153 +level [ \d]+/soc/serial@7e201000"
BOARD = "bcm2711-rpi-4-b"
BOARDS = {  # in both shapes, Raspberry Pi's and upstream's; and the line of the UART that stdout-path names
    BOARD: MINI_UART, "bcm2711-rpi-400": MINI_UART, "bcm2711-rpi-cm4": MINI_UART, "bcm2711-rpi-cm4s": PL011,
    "bcm2711-rpi-cm4-io": MINI_UART}
SERVERS = ["gicv2", "bcm2835_aux", "bcm2835_aux_uart", "pl011", "bcm2835_mbox", "rpi_firmware", "bcm2835_cprman",
           "bcm2835_pm", "serial"]
LOCAL = "/soc/interrupt-controller@40000000"  # the cores' own, which could be the root; here the GIC is


@pytest.fixture
def pi(boot):
    """pi(**options of boot.start, tree=path) -> a machine at its prompt."""
    return raspi.starter(boot, "raspi4b", BOARD)


@pytest.mark.parametrize("name", BOARDS)
def test_the_prompt_comes_with_the_tree_of(pi, name):
    machine = pi(tree=tree_of(name))
    servers = [server for server in SERVERS if BOARDS[name] == MINI_UART or server != "bcm2835_aux_uart"]
    tree = raspi.check_session(machine, servers, BOARDS[name])
    assert re.findall("^.*REFUSED.*$", tree, re.M) == re.findall(rf"^.*{LOCAL.rpartition('/')[2]} +REFUSED: a second root; the "
                                                                 "CPU's is.*$", tree, re.M)
    library.check_columns(machine.text)
    assert "0 of them while no interrupt server waited" in machine.run("irq")
    firmware = machine.run("firmware")
    assert re.search(r"revision +0xb03115 +\(revision 1\.5, 2048 MiB\)", firmware), firmware
    if name == BOARD:
        machine.send("reboot\r")
        machine.expect("entered at EL2")
        machine.prompt()
    assert "warn:" not in machine.text
    machine.send("poweroff\r")
    assert machine.ended() == 0


def test_both_uarts_have_their_line_of_the_gic(pi, tmp_path):
    """stdout-path moves the console to the PL011, which shares its page with four others."""
    def to_pl011(tree):
        tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", "serial1:115200n8")
    path = raspi.edited(tmp_path, BOARD, to_pl011)
    assert library.machine.board_serials(path) == ["-serial", "mon:stdio"]
    for tree, uart in ((None, "serial@7e215040"), (path, "serial@7e201000")):
        machine = pi(tree=tree)
        before = events(machine, uart)
        for number in range(10):
            assert machine.run(f"echo {number}") == f"{number}\n"
            time.sleep(0.05)  # so that each is an interrupt of its own
        assert events(machine, uart) >= before + 10
        assert "STORM" not in machine.run("irq")
        raspi.check_paste(machine)


def test_five_pl011s_share_a_page_and_a_line(pi, tmp_path):
    """The console is on the first, the one that QEMU has; the others, which the stock tree has disabled, are told each time."""
    uarts = [f"/soc/serial@7e20{at}" for at in ("1000", "1400", "1600", "1800", "1a00")]

    def edit(tree):
        tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", "serial1:115200n8")
        for uart in uarts:
            tree.setprop_str(tree.path_offset(uart), "status", "okay")
    machine = pi(tree=raspi.edited(tmp_path, BOARD, edit))
    tree = machine.run("tree")
    assert len(re.findall(r" pl011 +running\n", tree)) == 5, tree
    # in the order in which they attached, which is the scheduler's
    assert sorted(re.findall(r"^ +153 +level .*?(/soc/serial@\w+)", machine.run("irq"), re.M)) == uarts
    before = [events(machine, uart) for uart in uarts]
    for number in range(10):
        assert machine.run(f"echo {number}") == f"{number}\n"
    assert all(events(machine, uart) >= count + 10 for uart, count in zip(uarts, before))
    raspi.check_paste(machine)
    machine.run(f"kill {uarts[1]}")
    assert library.machine.wait_until(lambda: re.search(r" pl011 +running, restarted 1 time\n", machine.run("tree")))
    assert machine.run("echo here") == "here\n"
    assert "STORM" not in machine.run("irq")


def test_every_server_may_die(pi):
    raspi.check_deaths(pi(), SERVERS)


def test_the_holders_of_windows_reach_nothing_else_in_their_pages(pi, tmp_path):
    """aux shares its page with the mini UART, through which the prompt comes all the same; a PL011 with four others."""
    nodes = {"/soc/aux@7e215000": 8, "/soc/serial@7e201000": 0x200}

    def edit(tree):
        for node in nodes:
            raspi.make_neighbour(tree, node)
    contents = {**library.entries(), "drv/neighbour": library.program("neighbour")}
    machine = pi(tree=raspi.edited(tmp_path, BOARD, edit), initrd=library.archive(tmp_path, contents))
    for node, own in nodes.items():
        raspi.check_neighbour(machine, node, own)
    assert "Hello from Cambium." in machine.run("hello")


def test_what_nobody_gave_us_stays_as_it_was(boot, tmp_path):
    """The firmware describes RAM on both sides of VideoCore's share (QEMU, in its place, only the lower: it leaves a node
    alone that is not called memory); in the upper one there is a reservation. The other cores poll their release words."""
    share, upper, kept = 0x3c000000, 0x40000000, 0x7f000000

    def edit(tree):
        bank = tree.add_subnode(0, f"upper@{upper:x}")
        tree.setprop(bank, "reg", b"".join(n.to_bytes(4, "big") for n in (0, upper, 0x40000000)))
        tree.setprop_str(tree.path_offset(f"/upper@{upper:x}"), "device_type", "memory")
        node = tree.add_subnode(tree.path_offset("/reserved-memory"), f"kept@{kept:x}")
        tree.setprop(node, "reg", b"".join(n.to_bytes(4, "big") for n in (0, kept, 0x1000000)))
    monitor = library.Monitor(tmp_path)
    areas = [raspi.Untouched(tmp_path, monitor, *area) for area in ((share, 0x4000000), (kept, 0x1000000))]
    machine = raspi.starter(boot, "raspi4b", BOARD)(
        tree=raspi.edited(tmp_path, BOARD, edit), extra=[*monitor.options, *areas[0].options, *areas[1].options])
    assert re.search(r"RAM 1984 MiB in 2 ranges", machine.text), machine.text
    raspi.use_memory(machine)
    total = int(re.search(r"total +(\d+) KiB", machine.run("mem")).group(1))
    assert 1950 * 1024 < total < (1984 - 16) * 1024
    for area in areas:
        area.check()
    words = re.findall(r"0x([0-9a-f]{16})", monitor.ask("xp /4gx 0xd8"))
    assert words == 4 * [16 * "0"]
    counters = [int(pc, 16) for pc in re.findall(r"PC=([0-9a-f]{16})", monitor.ask("info registers -a"))]
    assert len(counters) == 4 and max(counters[1:]) < 0x1000, counters
