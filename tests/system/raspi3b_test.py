# SPDX-License-Identifier: BSD-2-Clause
"""The same Image as everywhere else, on QEMU's Raspberry Pi 3 with the boards' own trees: the prompt on the UART that the
tree names, interrupts through two controllers, windows smaller than a page, the death of every server, and VideoCore's
memory untouched. Without a source of the trees (tools/lib/trees.py) the tests of them are skipped."""
import re
import struct
import time

import boot as library
import pytest
import raspi
from raspi import events, restarts, tree_of

MINI_UART, PL011 = r"^ +61 +level [ \d]+/soc/serial@7e215040", r"^ +89 +level [ \d]+/soc/serial@7e201000"
BOARD = "bcm2710-rpi-3-b"
BOARDS = {  # in both shapes, Raspberry Pi's and upstream's; and the line of the UART that stdout-path names
    BOARD: MINI_UART, "bcm2710-rpi-3-b-plus": MINI_UART, "bcm2710-rpi-cm3": PL011, "bcm2837-rpi-3-b": MINI_UART,
    "bcm2837-rpi-3-b-plus": MINI_UART, "bcm2837-rpi-cm3-io3": PL011}
ROOT, SECOND, UART = "bcm2836_l1_intc", "bcm2835_armctrl_ic", "bcm2835_aux_uart"
SERVERS = [ROOT, SECOND, "bcm2835_aux", UART, "pl011", "serial"]


@pytest.fixture
def pi(boot):
    """pi(**options of boot.start, tree=path) -> a machine at its prompt."""
    return raspi.starter(boot, "raspi3b", BOARD)


def edited(folder, edit):
    """The board's tree after edit(python3-libfdt object)."""
    return raspi.edited(folder, BOARD, edit)


@pytest.mark.parametrize("name", BOARDS)
def test_the_prompt_comes_with_the_tree_of(pi, name):
    machine = pi(tree=tree_of(name))
    tree = raspi.check_session(machine, [ROOT, SECOND, "bcm2835_aux", "serial",
                                         UART if BOARDS[name] == MINI_UART else "pl011"], BOARDS[name])
    assert "REFUSED" not in tree, tree


def test_the_console_is_where_stdout_path_says(pi, tmp_path):
    def to_pl011(tree):
        tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", "serial1:115200n8")
    path = edited(tmp_path, to_pl011)
    assert library.machine.board_serials(path) == ["-serial", "mon:stdio"]
    machine = pi(tree=path)
    before = events(machine, "serial@7e201000")
    assert machine.run("echo here") == "here\n"
    assert events(machine, "serial@7e201000") > before


def test_key_presses_come_through_both_controllers(pi):
    machine = pi()
    before = events(machine, "interrupt-controller@7e00b200"), events(machine, "serial@7e215040")
    for number in range(10):
        machine.run(f"echo {number}")
        time.sleep(0.05)  # so that each is an interrupt of its own
    after = events(machine, "interrupt-controller@7e00b200"), events(machine, "serial@7e215040")
    assert after[0] >= before[0] + 10 and after[1] >= before[1] + 10
    assert "being handled" not in machine.run("irq").replace("interrupt-controller@7e00b200  (being handled)", "")
    assert "STORM" not in machine.run("irq")


def test_a_storm_below_the_second_controller_is_masked_and_said(pi, tmp_path):
    """In the mini UART's place a driver that serves nothing: "transmit FIFO empty" is enabled, and stays. It starves the
    servers below it meanwhile, for a third of a second on a real machine's clock, hence icount."""
    def seed(tree):
        tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", "serial1")
        tree.setprop_str(tree.path_offset("/soc/serial@7e215040"), "compatible", "cambium,test-storm")
        tree.setprop(tree.path_offset("/soc/serial@7e215040"), "writes", struct.pack(">2I", 4, 2))  # AUX_MU_IER_REG
    contents = {**library.entries(), "drv/storm": library.program("storm")}
    machine = pi(tree=edited(tmp_path, seed), initrd=library.archive(tmp_path, contents), icount=True)
    assert re.search(r"warn: \[bcm2835_armctrl_ic\] \S+: line 61, interrupt 0 of /soc/serial@7e215040, stays asserted: masked",
                     machine.text), machine.text
    assert "did not become ready" not in machine.text
    shown = machine.run("irq")
    assert re.search(r" 61 +level +(\d+) +\d+  /soc/serial@7e215040 .*STORM: masked", shown), shown
    assert "STORM" not in re.search(r".*interrupt-controller@7e00b200\b.*\n", shown).group()  # whose line others need
    count = events(machine, "serial@7e215040")
    assert "Hello from Cambium." in machine.run("hello")
    assert events(machine, "serial@7e215040") == count


def test_a_paste_arrives_complete(pi):
    raspi.check_paste(pi())


def test_every_server_may_die(pi):
    raspi.check_deaths(pi(), SERVERS)


def test_servers_die_under_load(pi):
    machine = pi(timeout=30)
    machine.child.maxread, machine.child.searchwindowsize = 65536, 1000
    machine.run("stream &")
    for number in range(24):
        machine.send(f"kill {SERVERS[number % 4]}\r")
        time.sleep(0.1)
        for attempt in range(30):  # a line that is typed while the console dies may be lost or cut
            machine.send(f"\x15echo answer-{number}-{attempt}\r")
            try:
                machine.expect(rf"\nanswer-{number}-{attempt}\r", timeout=min(0.3 * (attempt + 1), 3))
                break
            except library.machine.Stopped:
                continue
        else:
            pytest.fail(f"no answer after kill {number} ({SERVERS[number % 4]})")
    machine.send("\x15kill stream\r")
    machine.run("sleep 1", timeout=30)
    tree = machine.run("tree", timeout=30)
    for server in SERVERS[:4]:
        assert re.search(rf" {server} +running, restarted 6 times", tree), tree


def test_the_timer_ticks_on_after_the_root_controller_died(pi, tmp_path):
    """It works only once the server has opened its line; until then a program that computes is not preempted."""
    contents = {**library.entries(), "bin/spin": library.program("spin")}
    machine = pi(initrd=library.archive(tmp_path, contents))
    for _ in range(3):
        machine.run("spin &")
        machine.run(f"kill {ROOT}", timeout=20)
        assert "0." in machine.run("time sleep 0.1", timeout=20)
        machine.run("kill spin", timeout=20)


@pytest.mark.parametrize("node, own", [("aux@7e215000", 8), ("mailbox@7e00b880", 64)])
def test_the_holder_of_a_window_reaches_nothing_else_in_its_page(pi, tmp_path, node, own):
    """The same page has the mini UART, or the interrupt controller, through which the prompt comes all the same."""
    path = edited(tmp_path, lambda tree: raspi.make_neighbour(tree, f"/soc/{node}"))
    contents = {**library.entries(), "drv/neighbour": library.program("neighbour")}
    machine = pi(tree=path, initrd=library.archive(tmp_path, contents))
    raspi.check_neighbour(machine, f"/soc/{node}", own)
    assert "Hello from Cambium." in machine.run("hello")


def test_videocores_memory_is_never_written(boot, tmp_path):
    """Between the RAM that the tree names and the registers: filled before the start, compared after a session."""
    monitor = library.Monitor(tmp_path)
    share = raspi.Untouched(tmp_path, monitor, 0x3c000000, 0x3000000)
    machine = raspi.starter(boot, "raspi3b", BOARD)(extra=[*monitor.options, *share.options])
    raspi.use_memory(machine)
    share.check()


def test_a_register_that_nothing_answers_costs_only_its_driver(pi, tmp_path):
    """A window of its own is mapped: its driver faults until it is broken. A checked access reads all ones."""
    def add(tree):
        for at, size in ((0x50000000, 0x1000), (0x50001000, 4), (0x50001800, 4)):  # two share a page
            node = tree.add_subnode(0, f"reader@{at:x}")
            tree.setprop(node, "reg", at.to_bytes(4, "big") + size.to_bytes(4, "big"))
            tree.setprop_str(tree.path_offset(f"/reader@{at:x}"), "compatible", "cambium,test-reader")
    contents = {**library.entries(), "drv/reader": library.program("reader")}
    machine = pi(tree=edited(tmp_path, add), initrd=library.archive(tmp_path, contents))
    machine.expect("/reader@50000000: drv/reader is broken[^\r\n]*", timeout=60)
    text = library.machine.clean(machine.text) + machine.run("log")
    assert re.search(r"error: \[init\] /reader@50000000: fault: [^\n]*", text)
    for at in ("50001000", "50001800"):
        assert f"[reader] /reader@{at}: checked, read 0xffffffff" in text
    assert "Hello from Cambium." in machine.run("hello")
    assert "PANIC" not in text
