# SPDX-License-Identifier: BSD-2-Clause
"""Disks: what `block` writes is in the file behind the disk, what it reads was there, from devices of either version; wrong words
and wrong places are said; a restart of the driver is not seen."""
import os
import re
import struct
import zlib

import pytest

MODERN = ["-global", "virtio-mmio.force-legacy=false"]
MIB = 1024 * 1024


def disk(folder, size=8 * MIB, name="disk.img", drive="", device=""):
    """QEMU's options for a disk of so many bytes, of which each sector's first word is its number."""
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        for sector in range(0, min(size, MIB) // 512):
            f.seek(sector * 512)
            f.write(struct.pack("<Q", sector))
        f.truncate(size)
    number = name.split(".")[0]
    return path, ["-drive", f"file={path},format=raw,if=none,id={number}{drive}", "-device",
                  f"virtio-blk-device,drive={number}{device}"]


def pattern(seed, first, count):
    """What `block write --pattern` makes."""
    mask = 2**64 - 1
    words = []
    for place in range(first * 64, (first + count) * 64):
        x = (seed + place * 0x9e3779b97f4a7c15) & mask
        x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & mask
        x = ((x ^ x >> 27) * 0x94d049bb133111eb) & mask
        words.append(x ^ x >> 31)
    return struct.pack(f"<{len(words)}Q", *words)


def cksum(data):
    """The CRC of POSIX cksum: zlib's polynomial, but the highest bit first, and the length behind."""
    length = len(data).to_bytes((len(data).bit_length() + 7) // 8, "little")
    table = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))
    crc = zlib.crc32((data + length).translate(table), 0xffffffff)  # begins with 0
    return int(f"{crc ^ 0xffffffff:032b}"[::-1], 2) ^ 0xffffffff


def name_of(machine):
    """The whole disk's name."""
    return re.search(r"^(disk0?) ", machine.run("block"), re.M)[1]


def read_at(path, sector, count=1):
    with open(path, "rb") as f:
        f.seek(sector * 512)
        return f.read(count * 512)


def shown(answer):
    """The bytes that `block read` printed, with repeated rows filled in."""
    data = b""
    for line in answer.splitlines():
        row = re.match(r" *([0-9a-f]+)  ((?:[0-9a-f]{2} ){16}) ", line)
        if row:
            at = int(row[1], 16)
            if data == b"":
                first = at
            data += data[-16:] * ((at - first - len(data)) // 16)
            data += bytes.fromhex(row[2])
    return data


@pytest.mark.parametrize("gic, options", [(2, []), (3, MODERN)], ids=["gicv2-legacy", "gicv3-modern"])
def test_what_is_written_is_on_the_disk_and_what_is_read_was_there(boot, tmp_path, gic, options):
    path, extra = disk(tmp_path)
    machine = boot(gic=gic, extra=[*options, *extra])
    machine.prompt()
    name = name_of(machine)
    assert re.search(rf"^{name} +0 +{16384} +512 +8 MiB", machine.run("block"), re.M)
    for line in machine.run("block").splitlines():
        assert len(line) <= 80
    assert shown(machine.run(f"block read {name} 77 2"))[::512] == struct.pack("<B", 77) + struct.pack("<B", 78)
    machine.run(f"block write {name} 3 'hello there'")
    assert machine.status() == 0
    assert read_at(path, 3) == b"hello there".ljust(512, b"\0")
    assert read_at(path, 2)[:8] == struct.pack("<Q", 2) and read_at(path, 4)[:8] == struct.pack("<Q", 4)
    machine.run(f"block write {name} 0x400 --pattern 99 1500")
    machine.run(f"block flush {name}")
    assert read_at(path, 0x400, 1500) == pattern(99, 0x400, 1500)
    for first, count in ((0x400, 1500), (0, 16384)):
        want = cksum(read_at(path, first, count))
        assert f"{want} {count * 512} {name}\n" in machine.run(f"block sum {name} {first} {count}")
    machine.run("kill virtio_blk")
    assert f"{want} {16384 * 512} {name}\n" in machine.run(f"block sum {name}")
    machine.run(f"block discard {name} 0x400 8")
    assert machine.status() == 0
    assert "warn" not in machine.run("log") and "error" not in machine.run("log")


def test_a_disk_is_as_large_and_as_writable_as_it_is(boot, tmp_path):
    _, extra = disk(tmp_path, drive=",readonly=on", device=",logical_block_size=4096,physical_block_size=4096")
    machine = boot(extra=[*MODERN, *extra])
    machine.prompt()
    name = name_of(machine)
    assert re.search(rf"^{name} +0 +2048 +4096 +8 MiB .*read only", machine.run("block"), re.M)
    assert f"block: {name}: not written: " in machine.run(f"block write {name} 0 hello")
    assert machine.status() == 1
    assert shown(machine.run(f"block read {name} 1"))[:8] == struct.pack("<Q", 8)
    assert f"block: {name}: not read: " in machine.run(f"block read {name} 2048")
    assert "(E_RANGE)" in machine.run(f"block read {name} 2047 2")


def test_a_device_without_a_disk_of_sense_is_said_and_the_rest_runs(boot, tmp_path):
    """A disk of no sectors: nothing can be attached to it."""
    _, extra = disk(tmp_path, size=0)
    machine = boot(extra=extra)
    machine.prompt()
    assert "(E_" in machine.run("block read disk 0") + machine.run("block read disk0 0")
    assert machine.status() == 1


def test_words_that_mean_nothing_are_said(boot, tmp_path):
    _, extra = disk(tmp_path)
    machine = boot(extra=extra)
    machine.prompt()
    name = name_of(machine)
    for words in ("read", f"read {name}", f"read {name} x", f"read {name} 1 0", f"read {name} 1 2 3", f"read {name} -1",
                  f"write {name} 1", f"write {name} 1 --pattern", f"write {name} 1 --pattern 1 0", f"write {name} 1 a b",
                  f"sum {name} 1", f"flush {name} 1", f"discard {name} 1", f"discard {name} 1 0", f"erase {name}", "help"):
        answer = machine.run(f"block {words}")
        assert machine.status() == 2, words
        assert "usage: block" in answer or "see block --help" in answer
        assert max(map(len, answer.splitlines())) <= 80
    assert "block: diskette: no such disk or partition" in machine.run("block read diskette 0")
    assert machine.status() == 1
    assert "usage: block" in machine.run("block --help")
    assert machine.status() == 0
    assert max(map(len, machine.run("block --help").splitlines())) <= 80


def test_no_disk_is_no_error_until_somebody_asks(shell):
    assert "block: no disk: " in shell.run("block")
    assert shell.status() == 1
