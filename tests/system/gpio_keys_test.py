# SPDX-License-Identifier: BSD-2-Clause
"""The power button: QEMU's system_powerdown raises line 3 of the PL061 for a tenth of a second, and the machine switches itself
off; at the prompt, beside running programs, after every server on the way was killed."""
import re

import boot as library
import pytest
from kill_test import restarts

WAY = ["pl061", "gpio_keys"]


@pytest.fixture
def machine(boot, tmp_path, gic):
    """A machine at its prompt, with .press()."""
    monitor = library.Monitor(tmp_path)
    it = boot(gic=gic, extra=monitor.options)
    it.prompt()
    it.press = lambda: monitor.ask("system_powerdown")
    return it


def check_switched_off(machine):
    assert machine.ended(timeout=20) == 0
    assert "warn: [gpio_keys] /gpio-keys: poweroff pressed: switching off" in library.machine.clean(machine.text)


def test_the_button_ends_the_machine(machine):
    tree = machine.run("tree /gpio-keys")
    assert re.search(r" gpio_keys +running\n", tree) and "gpios 0 -> /pl061@9030000\n" in tree
    machine.press()
    check_switched_off(machine)


def test_every_server_on_the_way_may_die(machine, gic):
    for server in 2 * [*WAY, f"gicv{gic}", "pl011", "serial"]:
        before = restarts(machine, server)
        machine.send(f"kill {server}\r")
        machine.prompt(timeout=20)
        machine.send("\r")  # the answer may have gone down with the console
        machine.prompt(timeout=20)
        assert library.machine.wait_until(lambda: restarts(machine, server) == before + 1), server  # noqa: B023
    assert "did not" not in machine.run("log")
    machine.press()
    check_switched_off(machine)


@pytest.mark.parametrize("server", WAY)
def test_a_press_right_after_a_death_counts(machine, server):
    machine.send(f"kill {server}\r")
    machine.press()
    check_switched_off(machine)


def test_programs_do_not_keep_it_from_switching_off(machine):
    machine.run("threads &")
    machine.send("stream 100000\r")
    machine.expect("lazy dog")
    machine.press()
    assert machine.ended(timeout=20) == 0
