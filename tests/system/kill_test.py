# SPDX-License-Identifier: BSD-2-Clause
"""Every server but init may die: it is restarted, and the session goes on."""
import re

import boot as library
import pytest


def restarts(machine, name):
    match = re.search(rf"{name} +running(?:, restarted (\d+) times?)?", machine.run("tree"))
    return int(match.group(1) or 0) if match else -1


@pytest.mark.parametrize("server", ["gicv{gic}", "pl011", "serial"])
def test_the_session_survives_the_death_of(shell_of, gic, server):
    shell, server = shell_of, server.format(gic=gic)
    before = restarts(shell, server)
    shell.send(f"kill {server}\r")
    shell.prompt(timeout=20)
    shell.send("\r")  # the answer may have gone down with the console
    shell.prompt(timeout=20)
    assert library.machine.wait_until(lambda: restarts(shell, server) == before + 1)
    assert "Hello from Cambium." in shell.run("hello")
    assert shell.status() == 0


def test_a_killed_shell_is_started_anew(shell):
    shell.send("kill shell\r")
    shell.expect("Type help", timeout=20)
    shell.prompt()
    assert shell.run("echo new") == "new\n"


def test_init_cannot_be_killed(shell):
    assert "E_RIGHTS" in shell.run("kill init")
    assert shell.status() == 1


def test_a_spinning_program_is_preempted_after_the_root_interrupt_server_died(boot, gic, tmp_path):
    """While no root server waits, a thread that computes runs with interrupts masked; afterwards it must not."""
    contents = {**library.entries(), "bin/spin": library.program("spin")}
    machine = boot(gic=gic, initrd=library.archive(tmp_path, contents))
    machine.prompt()
    for _ in range(3):
        machine.run("spin &")
        machine.run(f"kill gicv{gic}", timeout=20)
        assert "0." in machine.run("time sleep 0.1", timeout=20)
        machine.run("kill spin", timeout=20)
