# SPDX-License-Identifier: BSD-2-Clause
"""mux/block: partitions by name, each client within its own; tables that are wrong are said and cost nothing else; drivers and mux
may die, and disks keep their names."""
import os
import re

import boot as library
import pytest
import tables

MIB = 1024 * 1024


def disk(folder, name, data):
    path = library.save(folder, name, bytes(data))
    return path, ["-drive", f"file={path},format=raw,if=none,id={name}", "-device", f"virtio-blk-device,drive={name}"]


@pytest.fixture
def disks(tmp_path):
    """QEMU plugs into the last socket first, so the last one is disk0. (paths, options)"""
    mbr = bytearray(4 * MIB)
    tables.put(mbr, 0, tables.mbr((0x83, 64, 1000), (0x0c, 2000, 500), (0x05, 4000, 4000)))
    tables.logical(mbr, 4000, (0x83, 4001, 99), (0x83, 4200, 100), (0x82, 5000, 3000))
    gpt = bytearray(4 * MIB)
    tables.gpt(gpt, (64, 999, "boot"), (1000, 4999, "root"))
    bad = bytearray(4 * MIB)
    tables.gpt(bad, (64, 999, "boot"), (500, 4999, "overlaps"), (5000, 9000, "beyond"), (2000, 2999, "good"))
    bad[512 + 80] ^= 1
    loop = bytearray(4 * MIB)
    tables.put(loop, 0, tables.mbr((0x83, 1, 10), (0x05, 4000, 4000)))
    tables.put(loop, 4000, tables.mbr((0x83, 1, 10), (0x05, 100, 50)))
    tables.put(loop, 4100, tables.mbr((0x83, 1, 10), (0x05, 0, 50)))
    made = [disk(tmp_path, name, data) for name, data in (("loop", loop), ("bad", bad), ("gpt", gpt), ("mbr", mbr))]
    return {os.path.basename(path): path for path, _ in made}, [option for _, options in made for option in options]


def listed(machine):
    """{name: (first, sectors, label)}"""
    return {name: (int(first), int(count), label) for name, first, count, label in
            re.findall(r"^(disk\S+) +(\d+) +(\d+) +512 +[0-9.]+ \w+(?:  (\S.*))?$", machine.run("block"), re.M)}


WANT = {"disk0": (0, 8192, "MBR"), "disk0p1": (64, 1000, "Linux"), "disk0p2": (2000, 500, "FAT32"),
        "disk0p5": (4001, 99, "Linux"), "disk0p6": (4200, 100, "Linux"), "disk0p7": (5000, 3000, "Linux swap"),
        "disk1": (0, 8192, "GPT"), "disk1p1": (64, 936, "boot"), "disk1p2": (1000, 4000, "root"),
        "disk2": (0, 8192, "GPT"), "disk2p1": (64, 936, "boot"), "disk2p4": (2000, 1000, "good"),
        "disk3": (0, 8192, "MBR"), "disk3p1": (1, 10, "Linux"), "disk3p5": (4001, 10, "Linux"),
        "disk3p6": (4101, 10, "Linux")}
SAID = ["disk2: the first GPT has a wrong checksum", "disk2: the second GPT, at the disk's end, is used",
        "disk2: partition 2 overlaps partition 1: left out", "disk2: partition 3 lies outside of what is for partitions",
        "disk3: the chain of logical partitions leads back, out, or into one: not followed"]


def test_partitions_have_names_and_wrong_tables_are_said(boot, disks):
    paths, options = disks
    machine = boot(extra=options)
    machine.prompt()
    assert listed(machine) == WANT
    log = machine.run("log")
    for sentence in SAID:
        assert log.count(f"warn: [block] {sentence}") == 1, sentence
    assert max(map(len, machine.run("block").splitlines())) <= 80


def test_a_program_has_the_partition_that_its_starter_lists_and_no_other(boot, disks, tmp_path):
    """`lister give LIST PROGRAM ...` (list_test.py)."""
    _, options = disks
    archive = library.archive(tmp_path, {**library.entries(), "bin/lister": library.program("lister")})
    machine = boot(initrd=archive, extra=options)
    machine.prompt()
    machine.run("lister give block:disk0p1 block write disk0p1 0 mine")
    assert machine.status() == 0
    assert "mine" in machine.run("lister give block:disk0p1,block:disk1p2 block read disk0p1 0")
    for other in ("disk0", "disk0p2", "disk1"):
        assert "(E_RIGHTS)" in machine.run(f"lister give block:disk0p1 block read {other} 0"), other
    assert "(E_RIGHTS)" in machine.run("lister give - block read disk0p1 0")
    assert "mine" in machine.run("lister give block,+spawn lister give block:disk0p1 block read disk0p1 0")
    assert "E_RIGHTS" in machine.run("lister give block:disk0p1,+spawn lister give block:disk0 block read disk0 0")
    assert "E_RIGHTS" in machine.run("lister give block:disk0p1,+spawn lister give block block read disk0p1 0")


def test_a_client_of_a_partition_stays_in_it_whatever_dies(boot, disks):
    paths, options = disks
    machine = boot(extra=options)
    machine.prompt()
    with open(paths["mbr"], "rb") as f:
        before = f.read()
    machine.run("block write disk0p5 0 --pattern 7 99")
    assert machine.status() == 0
    assert "(E_RANGE)" in machine.run("block write disk0p5 98 --pattern 7 2")
    assert "(E_RANGE)" in machine.run("block write disk0p5 99 text")
    assert "(E_RANGE)" in machine.run("block read disk0p5 0xffffffffffffffff")
    machine.run("kill block")
    machine.run("block write disk0p1 999 text")
    machine.run("kill virtio_blk")
    assert "text" in machine.run("block read disk0p1 999")
    machine.run("block flush disk0p1")
    with open(paths["mbr"], "rb") as f:
        after = f.read()
    changed = {at // 512 for at in range(0, len(after), 512) if after[at:at + 512] != before[at:at + 512]}
    assert changed == {*range(4001, 4100), 64 + 999}
    for name in ("disk0p3", "disk0p4", "disk0p8", "disk9", "disk", "disk0p"):
        assert f"block: {name}: no such disk or partition" in machine.run(f"block read {name} 0")
    assert listed(machine) == WANT


def test_a_new_table_is_read_when_the_mux_starts_anew(boot, tmp_path):
    _, options = disk(tmp_path, "empty", bytes(MIB))
    machine = boot(extra=options)
    machine.prompt()
    assert listed(machine) == {"disk0": (0, 2048, "")}
    made = bytearray(512)
    tables.put(made, 0, tables.mbr((0x83, 7, 70)))
    with open(os.path.join(tmp_path, "empty"), "r+b") as f:
        f.write(made)
    machine.run("kill block")
    assert listed(machine) == {"disk0": (0, 2048, "MBR"), "disk0p1": (7, 70, "Linux")}
