# SPDX-License-Identifier: BSD-2-Clause
"""The frame that makes interrupts of messages, on QEMU's virt with a GICv2, and a function of PCI that sends them."""
import re

import boot as library
import pytest

FUNCTION = "/pcie@10000000/dev@1,0"


@pytest.fixture(name="machine")
def with_gicv2(boot):
    machine = boot(gic=2, extra=["-device", "virtio-rng-pci"])
    machine.prompt()
    return machine


def restarts(machine, name):
    match = re.search(rf"{name} +running(?:, restarted (\d+) times?)?", machine.run("tree"))
    return int(match.group(1) or 0) if match else -1


def messages(machine):
    """Of the function: line, trigger and events of each vector."""
    return re.findall(rf"^ +(\d+)  (MSI-X|MSI|message) +(\d+) +\d+  {FUNCTION}$", machine.run("irq"), re.M)


def test_the_frame_has_a_server_below_the_controllers(machine):
    assert re.search(r"^  intc@8000000 +gicv2 +running\n    v2m@8020000 +gicv2m +running$", machine.run("tree"), re.M)
    assert "warn" not in machine.run("log") and "error" not in machine.run("log")


def test_messages_arrive_whoever_was_restarted(machine):
    before = messages(machine)
    assert len(before) == 2 and {trigger for _, trigger, _ in before} == {"MSI-X"}
    assert all(80 <= int(line) < 144 for line, _, _ in before)
    assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run(f"random 16 {FUNCTION}", timeout=20))
    assert sum(int(events) for _, _, events in messages(machine)) == sum(int(events) for _, _, events in before) + 1
    for name, other in (("gicv2m", "gicv2"), ("gicv2", "gicv2m")):
        count = restarts(machine, other)
        machine.run(f"kill {name}", timeout=20)
        assert library.machine.wait_until(lambda name=name: restarts(machine, name) == 1)
        assert restarts(machine, other) == count
        assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run(f"random 16 {FUNCTION}", timeout=20))
        assert sum(int(events) for _, _, events in messages(machine)) >= 1
    assert "did not bind again" not in machine.run("log")
