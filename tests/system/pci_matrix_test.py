# SPDX-License-Identifier: BSD-2-Clause
"""Each interrupt controller with each kind of interrupt behind each kind of bus, in one machine (pcibus.py): every function has its
driver, and the best interrupts that it, its bus and the controller have; `pci` and `irq` say so; and every driver is used, so its
interrupts arrive."""
import re

import boot as library
import pcibus
import pytest
from console_test import Port

DRIVERS = {(0x1af4, 0x1044): "virtio_rng", (0x1af4, 0x1005): "virtio_rng", (0x1af4, 0x1042): "virtio_blk",
           (0x1234, 0x11e8): "edu_card", (0x1b36, 0x0002): "ns16550"}
# the interrupt controller, and whether the tree says where messages go (QEMU's root ports insist that the machine can)
CASES = {"gicv2-v2m": (2, True), "gicv2-lines": (2, False), "gicv3-its": (3, True), "gicv3-lines": (3, False)}
BYTES = r"^[0-9a-f]{16}$"


class Bus:
    """A machine at its prompt, with all that is plugged in."""

    def __init__(self, folder, gic, has_messages):
        self.disk, self.port = str(folder / "disk"), Port(folder)
        with open(self.disk, "wb") as f:
            f.truncate(1 << 20)
        self.has_messages = has_messages
        self.extra = pcibus.options(self.disk, f"socket,path={self.port.path},server=on,wait=off") + \
            ["-append", "edu.dma_bits=40"]
        tree = library.qemu_tree(folder, gic=gic)
        self.host = pcibus.host_ranges(tree)
        if not has_messages:
            tree.delprop(tree.path_offset(pcibus.HOST), "msi-map")
        self.machine = library.start(gic=gic, dtb=library.save(folder, "tree.dtb", library.blob(tree)), extra=self.extra)
        self.machine.prompt()
        self.functions = pcibus.facts(self.machine)

    def driven(self):
        return [f for f in self.functions.values() if f.ids in DRIVERS]

    def of(self, driver):
        found = [f for f in self.driven() if DRIVERS[f.ids] == driver]
        assert found
        return found

    def mode(self, function):
        """The best that it can have."""
        return next((mode for mode in ("MSI-X", "MSI") if mode in function.names and self.has_messages), "INTx")

    def irqs(self, ask=None):
        """{path: [(line, trigger, events, handled)]} as `irq` lists them."""
        found = {}
        text = (ask or self.machine.run)("irq")
        for line, trigger, *counts, path in re.findall(r"^ *(\d+)  (\S+) +(\d+) +(\d+)  (/\S+)$", text, re.M):
            found.setdefault(path, []).append((int(line), trigger, *map(int, counts)))
        return found


@pytest.fixture(scope="module", params=CASES, ids=str)
def bus(request, tmp_path_factory):
    found = Bus(tmp_path_factory.mktemp("bus"), *CASES[request.param])
    yield found
    found.machine.kill()


def test_everything_is_placed_and_has_its_driver(bus):
    assert len(bus.functions) > pcibus.MANY + 20
    pcibus.check_placement(bus.functions, bus.host)
    for f in bus.functions.values():
        wanted = f"{DRIVERS[f.ids]}, running" if f.ids in DRIVERS else \
            "pcie_ecam, running, the host bridge's" if f.buses else "none"
        assert f.more["driver"] == wanted, f
    assert {DRIVERS[f.ids] for f in bus.driven()} == set(DRIVERS.values())


def test_each_has_the_best_interrupts_that_it_can_have_and_irq_agrees(bus):
    listed_by_irq = bus.irqs()
    for f in bus.driven():
        match = re.fullmatch(r"(INTx|MSI|MSI-X)(?:, (\d+) vectors?)?, line (\d+)", f.more["interrupts"])
        assert match, f
        mode, vectors, line = match[1], int(match[2] or 1), int(match[3])
        assert mode == bus.mode(f), f
        rows = listed_by_irq[f.more["node"]]
        assert [row[1] for row in rows] == vectors * [mode], (f, rows)
        assert line in [row[0] for row in rows], (f, rows)
        assert ("INTx off" in f.more["command"]) == (mode != "INTx"), f
    modes = {f.more["interrupts"].split(",")[0] for f in bus.driven()}
    assert modes == ({"INTx", "MSI", "MSI-X"} if bus.has_messages else {"INTx"})


def use_all(bus):
    """Bytes of each random number generator, which come by its interrupt."""
    before, seen = bus.irqs(), set()
    for f in bus.of("virtio_rng"):
        answer = bus.machine.run(f"random 8 {f.more['node']}")
        assert re.search(BYTES, answer, re.M), (f, answer)
        seen.add(answer)
    assert len(seen) == len(bus.of("virtio_rng")) >= pcibus.MANY
    after = bus.irqs()
    for f in bus.of("virtio_rng"):
        path = f.more["node"]
        assert sum(row[2] for row in after[path]) > sum(row[2] for row in before[path]), (f, after[path])


def test_every_random_number_generator_gives_bytes_by_its_interrupt(bus):
    use_all(bus)


def test_edu_computes_interrupts_and_masters_the_bus_both_ways(bus):
    first = bus.of("edu_card")[0]
    assert "messages (MSI)" in bus.machine.run("edu") if bus.has_messages else "INTx" in bus.machine.run("edu")
    assert bus.machine.run("edu factorial 10") == "10! = 3628800\n"
    assert bus.machine.run("edu dma there_and_back") == "there_and_back\n"
    assert sum(row[2] for row in bus.irqs()[first.more["node"]]) >= 3


def test_what_is_written_to_the_disk_is_in_the_file_behind_it(bus):
    name = re.search(r"^(disk\d*) ", bus.machine.run("block"), re.M)[1]
    assert bus.machine.run(f"block write {name} 7 deep-in-a-switch") == "" and bus.machine.run(f"block flush {name}") == ""
    with open(bus.disk, "rb") as f:
        f.seek(7 * 512)
        assert f.read(16) == b"deep-in-a-switch"
    assert "deep-in-a-switch" in bus.machine.run(f"block read {name} 7")


def test_the_console_goes_to_the_serial_port_and_back(bus):
    node = bus.of("ns16550")[0].more["node"]
    assert re.search(rf"^{node} +ns16550\b", bus.machine.run("console"), re.M)
    before = sum(row[2] for row in bus.irqs()[node])
    bus.port.read()
    bus.machine.send(f"console use {node}\r")
    bus.port.wait(r"(?s)console: it is on .*cambium> ")
    assert bus.port.run("echo by a 16550") == "by a 16550\n"
    assert sum(row[2] for row in bus.irqs(bus.port.run)[node]) > before
    bus.port.send("console use pl011@9000000")
    bus.machine.expect("console: it is on /pl011@9000000")
    bus.machine.prompt()


def test_a_restart_of_the_bus_moves_nothing_and_its_drivers_work_on(bus):
    def same(functions):
        return {f.id: (f.bars, f.windows, f.buses, f.more["driver"].split(",")[0], f.more["interrupts"].split(",")[0])
                for f in functions.values()}

    bus.machine.run("kill pcie_ecam")
    assert library.machine.wait_until(lambda: re.search("pcie_ecam +running, restarted 1 time", bus.machine.run("tree")))
    assert same(pcibus.facts(bus.machine)) == same(bus.functions)
    use_all(bus)
    assert bus.machine.run("edu factorial 5") == "5! = 120\n"
