# SPDX-License-Identifier: BSD-2-Clause
"""The ITS and the controller's LPIs, on QEMU's virt with a GICv3. What devices send is for the tests of PCI."""
import re

import boot as library


def restarts(machine, name):
    match = re.search(rf"{name} +running(?:, restarted (\d+) times?)?", machine.run("tree"))
    return int(match.group(1) or 0) if match else -1


def test_its_and_controller_come_back_and_keep_their_memory(boot):
    """LPIs cannot be switched off again, and the tables stay where they are: each incarnation goes on with the same."""
    machine = boot(gic=3)
    machine.prompt()
    assert re.search(r"^  intc@8000000 +gicv3 +running\n    its@8080000 +gicv3_its +running$", machine.run("tree"), re.M)
    pages = re.findall(r"^ +(\d+) .* (/intc@8000000(?:/its@8080000)?)$", machine.run("mem"), re.M)
    assert sorted(path for _, path in pages) == ["/intc@8000000", "/intc@8000000/its@8080000"]
    for round_ in (1, 2):
        for name, other in (("gicv3_its", "gicv3"), ("gicv3", "gicv3_its")):
            before = restarts(machine, other)
            machine.run(f"kill {name}", timeout=20)
            assert library.machine.wait_until(lambda name=name, times=round_: restarts(machine, name) == times)
            assert restarts(machine, other) == before
    assert re.findall(r"^ +(\d+) .* (/intc@8000000(?:/its@8080000)?)$", machine.run("mem"), re.M) == pages
    log = machine.run("log")
    assert "LPI" not in log and "did not bind again" not in log and "error: " not in log
    assert "Hello from Cambium." in machine.run("hello")


def test_without_an_its_there_are_no_tables(boot):
    machine = boot(gic=3, properties=["its=off"])
    machine.prompt()
    assert "gicv3_its" not in machine.run("tree -a")
    assert "/intc@8000000" not in machine.run("mem")
    assert "warn" not in machine.run("log")
