# SPDX-License-Identifier: BSD-2-Clause
"""Sockets for virtio: init starts a server for what is plugged in, and for nothing else. Random bytes reach programs as the
device writes them, each once, from devices of either version, through any restart of their server."""
import os
import re

import boot as library
import pytest

MODERN = ["-global", "virtio-mmio.force-legacy=false"]
RNG = ["-device", "virtio-rng-device"]
LAST, BEFORE = "/virtio_mmio@a003e00", "/virtio_mmio@a003c00"  # QEMU plugs into the last one first


def random_bytes(machine, command):
    answer = machine.run(command, timeout=60)
    assert re.fullmatch(r"(?:[0-9a-f]{64}\n)*(?:[0-9a-f]{2}){1,32}\n", answer), answer
    return bytes.fromhex(answer.replace("\n", ""))


def source(folder, data):
    """QEMU's options for a device that writes these bytes, and then none."""
    return ["-object", f"rng-random,id=r,filename={library.save(folder, 'bytes', data)}", "-device", "virtio-rng-device,rng=r"]


@pytest.mark.parametrize("gic, options", [(2, []), (3, []), (2, MODERN), (3, MODERN)],
                         ids=["gicv2-legacy", "gicv3-legacy", "gicv2-modern", "gicv3-modern"])
def test_bytes_are_the_devices_and_given_once(boot, tmp_path, gic, options):
    data = bytes(n % 251 + 1 for n in range(4000))
    machine = boot(gic=gic, extra=[*options, *source(tmp_path, data)])
    machine.prompt()
    assert re.search(r"virtio_mmio@a003e00 +virtio_rng +running\n", machine.run("tree"))
    assert random_bytes(machine, "random") == data[:16]
    assert random_bytes(machine, "random 1000") == data[16:1016]
    machine.run("kill virtio_rng")
    assert random_bytes(machine, f"random 100 {LAST}") == data[1016:1116]
    assert random_bytes(machine, "random 1") == data[1116:1117]
    assert "warn" not in machine.run("log") and "error" not in machine.run("log")


@pytest.mark.parametrize("gic, options, how", [(2, "", "MSI-X"), (2, ",vectors=0", "INTx"), (2, ",disable-legacy=on", "MSI-X"),
                                               (3, "", "MSI-X"), (3, ",vectors=0", "INTx")],
                         ids=["transitional", "line", "modern", "its", "gicv3-line"])
def test_as_a_pci_function_it_is_the_same(boot, tmp_path, gic, options, how):
    """QEMU's `vectors=0` is a device without MSI-X."""
    data = bytes(n % 251 + 1 for n in range(4000))
    file = library.save(tmp_path, "bytes", data)
    machine = boot(gic=gic, extra=["-object", f"rng-random,id=r,filename={file}", "-device", f"virtio-rng-pci,rng=r{options}"])
    machine.prompt()
    assert library.machine.wait_until(lambda: re.search(r" dev@1,0 +virtio_rng +running\n", machine.run("tree")))
    assert random_bytes(machine, "random") == data[:16]
    assert random_bytes(machine, "random 1000") == data[16:1016]
    machine.run("kill virtio_rng")
    assert random_bytes(machine, "random 100 /pcie@10000000/dev@1,0") == data[1016:1116]
    machine.run("kill pcie_ecam")
    assert random_bytes(machine, "random 1") == data[1116:1117]
    rows = re.findall(r"^ +\d+ +(\S+) +(\d+) +\d+ +/pcie@10000000/dev@1,0$", machine.run("irq"), re.M)
    assert {kind for kind, _ in rows} == {how} and sum(int(events) for _, events in rows) > 0, rows
    assert "warn" not in machine.run("log") and "error" not in machine.run("log")


def test_without_the_modern_interface_a_pci_function_is_refused(boot):
    machine = boot(extra=["-device", "virtio-rng-pci,disable-modern=on"])
    machine.prompt()
    assert library.machine.wait_until(lambda: re.search(r" dev@1,0 +virtio_rng +FAILED", machine.run("tree")))
    assert re.search(r"error: \[virtio_rng\] /pcie@10000000/dev@1,0: only the legacy interface .*disable-modern=off",
                     machine.run("log"))


def test_a_silent_device_is_a_timeout_and_works_when_it_speaks_again(boot, tmp_path):
    """A FIFO into which nobody writes. The device still has the buffer of those who gave up: what comes for them is given to
    nobody, unless somebody asks before it comes."""
    fifo = os.path.join(tmp_path, "fifo")
    os.mkfifo(fifo)
    end = os.open(fifo, os.O_RDWR)  # else QEMU would wait for somebody who writes
    try:
        machine = boot(extra=["-object", f"rng-random,id=r,filename={fifo}", "-device", "virtio-rng-device,rng=r"])
        machine.prompt()
        for _ in range(2):
            assert "random: no bytes: the deadline passed (E_TIMEOUT)" in machine.run("random")
            assert machine.status() == 1
        log = machine.run("log")
        assert log.count(f"warn: [virtio_rng] {LAST}: the device gives no bytes") == 1
        os.write(end, b"a" * 16 + b"b" * 16)
        assert random_bytes(machine, "random 16") in (b"a" * 16, b"b" * 16)
        machine.run("kill virtio_rng")
        os.write(end, b"c" * 16)
        assert random_bytes(machine, "random 8") in (b"b" * 8, b"c" * 8)
    finally:
        os.close(end)


def test_nothing_plugged_in_is_no_error_and_no_process(shell):
    assert "virtio" not in shell.run("ps")
    assert "virtio" not in shell.run("log")
    tree = shell.run("tree -a")
    assert len(re.findall(r"^  virtio_mmio@a00\w+ +empty$", tree, re.M)) == 32
    assert "virtio" not in shell.run("tree")
    assert re.search(r"^1 more node without a server, 32 empty, 0 disabled", shell.run("tree"), re.M)
    assert "random: no source of entropy: " in shell.run("random")
    assert shell.status() == 1


def test_two_devices_have_a_server_each_and_another_device_none(boot, gic):
    machine = boot(gic=gic, extra=[*RNG, *RNG, "-device", "virtio-balloon-device"])
    machine.prompt()
    tree = machine.run("tree -a")
    for path, state in ((LAST, "virtio_rng +running"), (BEFORE, "virtio_rng +running"),
                        ("/virtio_mmio@a003a00", "no server"), ("/virtio_mmio@a003800", "empty")):
        assert re.search(rf"^  {path[1:]} +{state}$", tree, re.M), tree
    assert machine.run("ps").count("virtio_rng") == 2
    seen = {random_bytes(machine, command) for command in
            (f"random 32 {LAST}", f"random 32 {BEFORE}", "random 32", f"random 32 {LAST}", f"random 32 {BEFORE}")}
    assert len(seen) == 5
    machine.run(f"kill {LAST}")
    assert len(random_bytes(machine, f"random 32 {BEFORE}")) == 32
    assert re.search(rf"{LAST[1:]} +virtio_rng +running, restarted 1 time", machine.run("tree"))
    assert re.search(rf"{BEFORE[1:]} +virtio_rng +running\n", machine.run("tree"))


@pytest.mark.parametrize("command", ["random 0", "random 65537", "random x", "random 1x", "random -1", "random 1 2 3"])
def test_random_refuses_what_it_does_not_know(shell, command):
    assert "usage: random" in shell.run(command)
    assert shell.status() == 2


def test_random_names_a_source_that_there_is_not(boot):
    machine = boot(extra=RNG)
    machine.prompt()
    for path in ("/nowhere", "/virtio_mmio@a000000"):
        assert f"random: {path}: no such name" in machine.run(f"random 4 {path}")
        assert machine.status() == 1
    assert "random: /pl011@9000000: " in machine.run("random 4 /pl011@9000000")  # no source of entropy, and not in its list
    assert machine.status() == 1


def said(machine):
    """The asker's next line: (answers to whom few bytes do, to whom many, requests that died)."""
    match = machine.expect(r"asker: (\d+) and (\d+) answers, (\d+) died, (\d+) repeated\r|asker: (E_\w+)", timeout=30)
    assert match[5] is None, match[5]
    assert match[4] == "0"
    return [int(n) for n in match.groups()[:3]]


@pytest.mark.parametrize("gic, options", [(2, []), (3, MODERN)], ids=["gicv2-legacy", "gicv3-modern"])
def test_kills_under_load_lose_no_request_starve_nobody_and_leak_nothing(boot, tmp_path, gic, options):
    """Four clients ask without end while their server dies: each request is answered, or fails with its server. The device is
    slow, so that a kill finds somebody waiting."""
    contents = {**library.entries(), "bin/asker": library.program("asker")}
    machine = boot(gic=gic, initrd=library.archive(tmp_path, contents), 
                   extra=[*options, "-device", "virtio-rng-device,max-bytes=128,period=10"])
    machine.prompt()
    machine.run("random 100")

    def counts():
        return {name: int(value) for name, value in re.findall(r"^ +([A-Za-z ]+?) +(\d+)\b", machine.run("mem"), re.M)}

    before = counts()
    machine.run("asker &")
    machine.run("asker &")
    for _ in range(100):
        machine.run("kill virtio_rng")
    said(machine), said(machine)
    last = [said(machine), said(machine)]
    print(f"# {last}: answers to those who want few and many bytes, requests that died")
    for few, many, died in last:
        assert died > 10
        assert few > 20 and few / 4 < many < few * 4  # a turn each
    machine.run("kill asker")
    machine.run("kill asker")
    machine.run("sleep 1")
    after = counts()
    assert before.pop("free") - after.pop("free") in (0, 4)  # KiB: a restart may take a page (kill_stress_test.py)
    assert after == before
    assert re.search(r"virtio_rng +running, restarted 100 times", machine.run("tree"))
    assert len(random_bytes(machine, "random 100")) == 100


def test_a_node_where_nothing_answers_is_refused_and_the_rest_runs(boot, tmp_path):
    """init looks into a socket that is a hole in the address map: the bus error is an answer, not init's end."""
    tree = library.qemu_tree(tmp_path)
    node = tree.path_offset("/virtio_mmio@a000000")
    tree.setprop(node, "reg", (0xb000000).to_bytes(8, "big") + (0x200).to_bytes(8, "big"))
    machine = boot(dtb=library.save(tmp_path, "hole.dtb", library.blob(tree)), extra=RNG)
    machine.prompt()
    why = "/virtio_mmio@a000000: refused: nothing answers at its reg 0, which would say what is there"
    assert why in machine.run("log")
    assert "REFUSED: nothing answers" in machine.run("tree")
    assert len(random_bytes(machine, "random")) == 16
