# SPDX-License-Identifier: BSD-2-Clause
"""Partition tables for tests: MBR (UEFI Specification 2.10, 5.2.1), with logical partitions, and GPT (5.3)."""
import struct
import zlib

SECTOR = 512


def mbr(*entries, sector=SECTOR, signature=b"\x55\xaa"):
    """A sector with up to four entries (type, first, count)."""
    table = b"".join(struct.pack("<B3xB3xII", 0, kind, first, count) for kind, first, count in entries)
    return (bytes(446) + table.ljust(64, b"\0") + signature).ljust(sector, b"\0")


def put(disk, sector, data, size=SECTOR):
    disk[sector * size:sector * size + len(data)] = data


def logical(disk, first, *partitions):
    """A chain of logical partitions (type, first, count), absolute, in an extended one that begins at `first`; each has its
    table in the sector before it."""
    at = first
    for i, (kind, begin, count) in enumerate(partitions):
        entries = [(kind, begin - at, count)]
        if i + 1 < len(partitions):
            _, next_begin, next_count = partitions[i + 1]
            entries.append((0x05, next_begin - 1 - first, next_count + 1))
        put(disk, at, mbr(*entries))
        if i + 1 < len(partitions):
            at = next_begin - 1


def gpt(disk, *entries, sector=SECTOR, **header):
    """Both GPTs and the protective MBR for entries (first, last, name). `header`: what its fields are instead."""
    total = len(disk) // sector
    body = b"".join(struct.pack("<16s16sQQQ72s", b"type" * 4, bytes([i]) * 16, first, last, 0, name.encode("utf-16-le"))
                    for i, (first, last, name) in enumerate(entries)).ljust(128 * 128, b"\0")
    length = len(body) // sector
    put(disk, 0, mbr((0xee, 1, total - 1), sector=sector), sector)
    for mine, other, at in ((1, total - 1, 2), (total - 1, 1, total - 1 - length)):
        field = {"signature": b"EFI PART", "revision": 0x10000, "size": 92, "mine": mine, "other": other, "first": 2 + length,
                 "last": total - 2 - length, "at": at, "count": 128, "entry": 128, "crc": zlib.crc32(body), **header}
        def pack(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", field["signature"], field["revision"], field["size"], crc, 0,
                               field["mine"], field["other"], field["first"], field["last"], b"disk" * 4, field["at"],
                               field["count"], field["entry"], field["crc"])
        put(disk, mine, pack(zlib.crc32(pack(0))), sector)
        put(disk, at, body, sector)
