# SPDX-License-Identifier: BSD-2-Clause
"""The frame that makes interrupts of messages, on QEMU's virt with a GICv2. What devices send is for the tests of PCI."""
import re

import boot as library
import pytest


@pytest.fixture(name="machine")
def with_gicv2(boot):
    machine = boot(gic=2)
    machine.prompt()
    return machine


def restarts(machine, name):
    match = re.search(rf"{name} +running(?:, restarted (\d+) times?)?", machine.run("tree"))
    return int(match.group(1) or 0) if match else -1


def test_the_frame_has_a_server_below_the_controllers(machine):
    assert re.search(r"^  intc@8000000 +gicv2 +running\n    v2m@8020000 +gicv2m +running$", machine.run("tree"), re.M)
    assert "warn" not in machine.run("log") and "error" not in machine.run("log")


def test_frame_and_controller_come_back_without_each_other(machine):
    machine.run("kill gicv2m", timeout=20)
    assert library.machine.wait_until(lambda: restarts(machine, "gicv2m") == 1)
    assert restarts(machine, "gicv2") == 0
    machine.run("kill gicv2", timeout=20)
    assert library.machine.wait_until(lambda: restarts(machine, "gicv2") == 1)
    assert restarts(machine, "gicv2m") == 1
    assert "did not bind again" not in machine.run("log")
    assert "Hello from Cambium." in machine.run("hello")
