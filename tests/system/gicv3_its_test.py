# SPDX-License-Identifier: BSD-2-Clause
"""The ITS and the controller's LPIs, on QEMU's virt with a GICv3, and functions of PCI that send messages."""
import re

import boot as library

FUNCTION, INTX = "/pcie@10000000/dev@1,0", "/pcie@10000000/dev@2,0"
BEHIND = ("/pcie@10000000/pci@3,0/dev@1,0", "/pcie@10000000/pci@3,0/dev@2,0")  # to the ITS one device: the bridge writes for both
DEVICES = ["virtio-rng-pci", "virtio-rng-pci,vectors=0", "pcie-pci-bridge,id=b", "virtio-rng-pci,bus=b,addr=1",
           "virtio-rng-pci,bus=b,addr=2"]
HOLDERS = re.compile(r"^ +(\d+) .* (/intc@8000000(?:/its@8080000)?)$", re.M)


def restarts(machine, name):
    match = re.search(rf"{name} +running(?:, restarted (\d+) times?)?", machine.run("tree"))
    return int(match.group(1) or 0) if match else -1


def test_its_and_controller_come_back_and_keep_their_memory(boot):
    """LPIs cannot be switched off again, and the tables stay where they are: each incarnation goes on with the same."""
    machine = boot(gic=3, extra=[word for device in DEVICES for word in ("-device", device)])
    machine.prompt()
    assert re.search(r"^  intc@8000000 +gicv3 +running\n    its@8080000 +gicv3_its +running$", machine.run("tree"), re.M)
    pages = HOLDERS.findall(machine.run("mem"))
    assert sorted(path for _, path in pages) == ["/intc@8000000", "/intc@8000000/its@8080000"]
    irq = machine.run("irq")
    for function in (FUNCTION, *BEHIND):
        assert len(re.findall(rf"^ +8[12]\d\d  MSI-X +\d+ +\d+  {function}$", irq, re.M)) == 2
    assert re.search(rf"^/pcie@10000000\n +\d+  INTx +\d+ +\d+  {INTX}", irq, re.M)
    for round_ in (1, 2):
        for name, other in (("gicv3_its", "gicv3"), ("gicv3", "gicv3_its")):
            before = restarts(machine, other)
            machine.run(f"kill {name}", timeout=20)
            assert library.machine.wait_until(lambda name=name, times=round_: restarts(machine, name) == times)
            assert restarts(machine, other) == before
            for function in (FUNCTION, INTX, *BEHIND):
                assert re.fullmatch(r"[0-9a-f]{32}\n", machine.run(f"random 16 {function}", timeout=20))
    assert HOLDERS.findall(machine.run("mem")) == pages
    log = machine.run("log")
    assert "LPIs" not in log and "did not bind again" not in log and "error: " not in log


def test_without_an_its_there_are_no_tables(boot):
    machine = boot(gic=3, properties=["its=off"])
    machine.prompt()
    assert "gicv3_its" not in machine.run("tree -a")
    assert "/intc@8000000" not in machine.run("mem")
    assert "warn" not in machine.run("log")
