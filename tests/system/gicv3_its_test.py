# SPDX-License-Identifier: BSD-2-Clause
"""The ITS and the controller's LPIs, on QEMU's virt with a GICv3, and functions of PCI that send messages."""
import re

import boot as library

FUNCTION = "/pcie@10000000/dev@1,0"
HOLDERS = re.compile(r"^ +(\d+) .* (/intc@8000000(?:/its@8080000)?)$", re.M)


def restarts(machine, name):
    match = re.search(rf"{name} +running(?:, restarted (\d+) times?)?", machine.run("tree"))
    return int(match.group(1) or 0) if match else -1


def test_its_and_controller_come_back_and_keep_their_memory(boot):
    """LPIs cannot be switched off again, and the tables stay where they are: each incarnation goes on with the same."""
    machine = boot(gic=3, extra=["-device", "virtio-rng-pci", "-device", "virtio-rng-pci,vectors=0"])
    machine.prompt()
    assert re.search(r"^  intc@8000000 +gicv3 +running\n    its@8080000 +gicv3_its +running$", machine.run("tree"), re.M)
    pages = HOLDERS.findall(machine.run("mem"))
    assert sorted(path for _, path in pages) == ["/intc@8000000", "/intc@8000000/its@8080000"]
    irq = machine.run("irq")
    assert len(re.findall(rf"^ +(?:8192|8193)  MSI-X +\d+ +\d+  {FUNCTION}$", irq, re.M)) == 2
    assert re.search(r"^/pcie@10000000\n +\d+  INTx +\d+ +\d+  /pcie@10000000/dev@2,0", irq, re.M)
    for round_ in (1, 2):
        for name, other in (("gicv3_its", "gicv3"), ("gicv3", "gicv3_its")):
            before = restarts(machine, other)
            machine.run(f"kill {name}", timeout=20)
            assert library.machine.wait_until(lambda name=name, times=round_: restarts(machine, name) == times)
            assert restarts(machine, other) == before
            for function in (FUNCTION, "/pcie@10000000/dev@2,0"):
                assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run(f"random 16 {function}", timeout=20))
    assert HOLDERS.findall(machine.run("mem")) == pages
    log = machine.run("log")
    assert "LPI" not in log and "did not bind again" not in log and "error: " not in log


def test_without_an_its_there_are_no_tables(boot):
    machine = boot(gic=3, properties=["its=off"])
    machine.prompt()
    assert "gicv3_its" not in machine.run("tree -a")
    assert "/intc@8000000" not in machine.run("mem")
    assert "warn" not in machine.run("log")
