# SPDX-License-Identifier: BSD-2-Clause
"""PCI Express on QEMU's virt: what is plugged in is found behind any bridge, gets its addresses, its driver and its interrupts, and
keeps them while the bus's server is killed. What is unplugged goes, with its driver, and nothing else does."""
import re

import boot as library
import machine as tools_machine

RNG = "virtio-rng-pci"


def devices(*lines):
    """QEMU's options for these devices, in order."""
    return [word for line in lines for word in ("-device", line)]


def switch(count):
    """A root port `rp`, a switch with `count` ports d0, d1, ..., a source of random bytes r0, r1, ... behind each."""
    lines = ["pcie-root-port,id=rp,chassis=1,addr=1", "x3130-upstream,id=up,bus=rp"]
    for n in range(count):
        lines += [f"xio3130-downstream,id=d{n},bus=up,chassis={n + 2},addr={n:x}", f"{RNG},id=r{n},bus=d{n}"]
    return devices(*lines)


def running(machine):
    """The paths of functions that have a driver which runs, by their last two names."""
    path, paths = [], []
    for line in machine.run("tree").splitlines():
        match = re.match(r"^( *)((?:pci|dev)\w*@\S+) *(.*)$", line)
        if match:
            depth = len(match.group(1)) // 2
            path = path[:depth] + [""] * (depth - len(path)) + [match.group(2)]
            if match.group(2).startswith("dev@") and match.group(3).endswith("running"):
                paths.append("/" + "/".join(name for name in path if name))
    return paths


def random_of(machine, path):
    return re.fullmatch(r"[0-9a-f]{16}\n", machine.run(f"random 8 {path}"))


def registers_of(machine, path):
    return [line for line in machine.run(f"tree {path}").splitlines() if line.startswith("  reg ")]


def test_a_disk_goes_while_it_is_read(boot, tmp_path, gic):
    """Who reads it gets an error and ends; its neighbour behind the next port notices nothing."""
    disk = library.save(tmp_path, "disk.img", b"")
    with open(disk, "r+b") as f:
        f.truncate(1 << 30)
    monitor = library.Monitor(tmp_path)
    machine = boot(gic=gic, extra=devices(
        "pcie-root-port,id=p0,chassis=1,addr=1", "pcie-root-port,id=p1,chassis=2,addr=2",
        "virtio-blk-pci,id=disk,bus=p0,drive=d", f"{RNG},bus=p1") +
        ["-drive", f"file={disk},format=raw,if=none,id=d"] + monitor.options)
    machine.prompt()
    assert tools_machine.wait_until(lambda: len(running(machine)) == 2)
    name = re.search(r"^(disk\d*) ", machine.run("block"), re.M)[1]
    machine.send(f"block sum {name}\r")
    machine.expect("block sum")
    monitor.ask("device_del disk")
    machine.expect(r"block: .*\n", timeout=30)
    machine.prompt()
    assert machine.status() == 1
    assert running(machine) == ["/pcie@10000000/pci@2,0/dev@0,0"]
    assert random_of(machine, running(machine)[0])
    assert tools_machine.wait_until(lambda: 'id "disk"' not in monitor.ask("info qtree"))
    machine.run("kill pcie_ecam")
    assert random_of(machine, running(machine)[0])
    no_complaints(machine)


def no_complaints(machine):
    log = machine.run("log")
    assert "warn: [pcie_ecam]" not in log and "error:" not in log, log


def test_functions_behind_bridges_of_all_kinds_work_and_stay_over_restarts(boot, gic):
    """MSI-X where there is a server of messages, else the line; a conventional bridge; two functions of one device."""
    machine = boot(gic=gic, extra=switch(2) + devices(
        "pcie-pci-bridge,id=pb,addr=2", f"{RNG},bus=pb,addr=3,disable-legacy=on",
        f"{RNG},addr=9.0,multifunction=on", f"{RNG},addr=9.1"))
    machine.prompt()
    paths = ["/pcie@10000000/" + path for path in (
        "pci@1,0/pci@0,0/pci@0,0/dev@0,0", "pci@1,0/pci@0,0/pci@1,0/dev@0,0", "pci@2,0/dev@3,0", "dev@9,0", "dev@9,1")]
    assert tools_machine.wait_until(lambda: sorted(running(machine)) == sorted(paths))
    for path in paths:
        assert random_of(machine, path), path
    before = [registers_of(machine, path) for path in paths]
    for _ in range(3):
        machine.run("kill pcie_ecam")
        for path in paths:
            assert random_of(machine, path), path
    for path in paths:
        machine.run(f"kill {path}")
        assert random_of(machine, path), path
    machine.run("kill gicv2m")
    machine.run(f"kill gicv{gic}")
    for path in paths:
        assert random_of(machine, path), path
    assert all(before) and before == [registers_of(machine, path) for path in paths]
    log = machine.run("log")
    assert "buses 0 to 5: 11 functions (5 bridges)" in log
    no_complaints(machine)


def test_twenty_devices(boot, gic):
    """More than there are lines, and the last ones share everything."""
    machine = boot(gic=gic, extra=devices(*(f"{RNG},id=r{n}" for n in range(20))))
    machine.prompt()
    assert tools_machine.wait_until(lambda: len(running(machine)) == 20, timeout=30)
    for path in running(machine):
        assert random_of(machine, path), path
    no_complaints(machine)


def test_what_is_unplugged_goes_with_its_driver_and_nothing_else(boot, tmp_path, gic):
    monitor = library.Monitor(tmp_path)
    machine = boot(gic=gic, extra=switch(3) + monitor.options)
    machine.prompt()
    base = "/pcie@10000000/pci@1,0/pci@0,0/"
    paths = [base + f"pci@{n},0/dev@0,0" for n in range(3)]
    assert tools_machine.wait_until(lambda: sorted(running(machine)) == paths)
    monitor.ask("device_del r1")
    assert tools_machine.wait_until(lambda: "id \"r1\"" not in monitor.ask("info qtree"), timeout=20)
    assert "random: " in machine.run(f"random 8 {paths[1]}")
    assert machine.status() == 1
    assert sorted(running(machine)) == [paths[0], paths[2]]
    for path in (paths[0], paths[2]):
        assert random_of(machine, path), path
    machine.run("kill pcie_ecam")
    for path in (paths[0], paths[2]):
        assert random_of(machine, path), path
    log = machine.run("log")
    assert "2:1.0: what is in its slot is to be taken out: its drivers end" in log
    assert "2:1.0: what was in its slot can be taken out" in log
    no_complaints(machine)
