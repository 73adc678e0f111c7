# SPDX-License-Identifier: BSD-2-Clause
"""64 KiB pasted into cksum arrive complete and in order, while others write to the console and drivers log."""
import os
import random
import re
import select
import time

BYTES = 65536


def posix_cksum(data):
    """POSIX.1-2017, cksum."""
    crc = 0
    length = len(data)
    tail = bytearray()
    while length:
        tail.append(length & 0xff)
        length >>= 8
    for byte in data + bytes(tail):
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04c11db7 if crc >> 31 else 0)) & 0xffffffff
    return ~crc & 0xffffffff


def paste(machine, data, timeout=120):
    """Writes as fast as the machine takes it, and reads meanwhile, so that neither side blocks the other."""
    fd, at, end = machine.child.child_fd, 0, time.monotonic() + timeout
    heard = b""
    while at < len(data) and time.monotonic() < end:
        readable, writable, _ = select.select([fd], [fd], [], 1)
        if readable:
            heard += os.read(fd, 65536)
        if writable:
            at += os.write(fd, data[at:at + 512])
    assert at == len(data), f"only {at} of {len(data)} bytes went out"
    return heard.decode(errors="replace")


def test_checksum_of_the_known():
    assert posix_cksum(b"") == 4294967295 and posix_cksum(b"hello\n") == 3015617425


def test_a_paste_arrives_complete(shell):
    random.seed(1)
    data = bytes(random.choice(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") for _ in range(BYTES))
    shell.send(f"cksum -r {BYTES}\r")
    shell.expect(f"cksum -r {BYTES}\r+\n")  # before it the prompt may stand several times, behind others' lines
    time.sleep(0.5)  # until cksum reads raw
    heard = paste(shell, data)
    text = heard + shell.prompt(timeout=60)
    assert re.search(rf"\b{posix_cksum(data)} {BYTES}\b", text), text[-500:]


def test_a_paste_arrives_complete_while_others_write_and_log(shell):
    random.seed(2)
    data = bytes(random.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(BYTES))
    shell.run("stream 400 &")
    shell.send(f"cksum -r {BYTES}\r")
    shell.expect(f"cksum -r {BYTES}\r+\n")  # before it the prompt may stand several times, behind others' lines
    time.sleep(0.5)
    heard = paste(shell, data)
    text = heard + shell.prompt(timeout=60)
    assert re.search(rf"\b{posix_cksum(data)} {BYTES}\b", text), text[-500:]
