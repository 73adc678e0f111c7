# SPDX-License-Identifier: BSD-2-Clause
"""The program gpio on the PL061 of QEMU's virt, whose line 3 is the power button: what it lists, reads, drives and watches, what
it is refused, and that lines stay driven and watched when the driver dies."""
import re
import time

import boot as library
import pytest
from kill_test import restarts

COLUMNS = r" *(\d+) +(\d+)  (in|out) +([01]) +(\d+)  (\S.*)"


def lines(machine):
    """[(direction, level, events, who)] by number."""
    text = machine.run("gpio")
    assert machine.status() == 0 and max(map(len, text.splitlines())) <= 80
    rows = re.findall(f"^{COLUMNS}$", text, re.M)
    assert [int(row[0]) for row in rows] == list(range(8)) == [int(row[1]) for row in rows]
    assert re.search(r"^/pl061@9030000$", text, re.M)
    return [(row[2], int(row[3]), int(row[4]), row[5]) for row in rows]


def test_lines_are_listed_read_and_driven(shell):
    free = ("in", 0, 0, "-")
    button = ("in", 0, 0, "/gpio-keys/poweroff, watched")
    assert lines(shell) == 3 * [free] + [button] + 4 * [free]
    for level in (1, 0, 1):
        assert shell.run(f"gpio write 5 {level}") == ""
        assert shell.status() == 0
        assert shell.run("gpio read 5") == f"{level}\n"
        assert lines(shell)[5] == ("out", level, 0, "-")
    shell.run("kill pl061")
    assert library.machine.wait_until(lambda: restarts(shell, "pl061") == 1)
    assert lines(shell) == 3 * [free] + [button, free, ("out", 1, 0, "-"), free, free]
    assert shell.run("gpio input 5") == ""
    assert lines(shell)[5][0] == "in"
    assert shell.run("gpio read 3") == "0\n"


@pytest.mark.parametrize("command, status, said", [
    ("write 3 1", 1, "gpio: 3: /gpio-keys/poweroff has it; it can be read only\n"),
    ("input 3", 1, "gpio: 3: /gpio-keys/poweroff has it; it can be read only\n"),
    ("watch 3", 1, "gpio: 3: /gpio-keys/poweroff has it; it can be read only\n"),
    ("read 8", 1, "gpio: 8: no such line; gpio shows all\n"),
    ("write 2147483647 1", 1, "gpio: 2147483647: no such line; gpio shows all\n"),
    *((words, 2, "usage: gpio [read N | write N 0|1 | input N | watch N]\n") for words in (
        "read", "read x", "read -1", "read 1x", "read 99999999999", "write 1", "write 1 2", "write 1 on", "watch 1 2", "nonsense"))])
def test_bad_input_is_refused(bad_input, command, status, said):
    assert bad_input.run(f"gpio {command}").startswith(said)
    assert bad_input.status() == status


@pytest.fixture(scope="module")
def bad_input():
    """One machine for all of them."""
    machine = library.start()
    machine.prompt()
    yield machine
    machine.kill()


def watching(machine, pressed):
    """The levels that are printed while the button is pressed and let go."""
    if pressed:
        machine.expect(r"\] 1\r*\n", timeout=20)
    machine.expect(r"\] 0\r*\n", timeout=20)


def test_a_line_without_a_node_is_watched_also_after_the_driver_died(boot, tmp_path):
    monitor = library.Monitor(tmp_path)
    tree = library.qemu_tree(tmp_path)
    tree.setprop_str(library.subnode(tree, 0, "gpio-keys"), "status", "disabled")
    machine = boot(dtb=library.save(tmp_path, "free.dtb", library.blob(tree)), extra=monitor.options)
    machine.prompt()
    assert lines(machine)[3] == ("in", 0, 0, "-")
    machine.send("gpio watch 3 &\r")
    watching(machine, False)
    monitor.ask("system_powerdown")
    watching(machine, True)
    assert lines(machine)[3] == ("in", 0, 2, "a program, watched")
    assert machine.run("gpio watch 3").startswith("gpio: 3: another program has it")
    machine.run("kill pl061")
    assert library.machine.wait_until(lambda: restarts(machine, "pl061") == 1)
    time.sleep(1.5)  # the program looks once a second
    monitor.ask("system_powerdown")
    watching(machine, True)
    machine.run("kill gpio")
    assert library.machine.wait_until(lambda: lines(machine)[3][3] == "-")
    machine.send("gpio watch 3\r")  # what it had, the next may have
    watching(machine, False)
    monitor.ask("system_powerdown")
    watching(machine, True)
    machine.send("\x03")
    machine.prompt()
    assert machine.status() == 130
