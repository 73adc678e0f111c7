# SPDX-License-Identifier: BSD-2-Clause
"""The Linux that judges the machine raspi5b: Debian's kernel of one named version, its trees and a static busybox, out of
Debian's packages for arm64, and an initial RAM disk made of them. Used by tools/test and tests/system."""
import gzip
import hashlib
import os
import re

import build
import debian
import firmware
import trees

CACHE = os.path.join(trees.OWN, "referee")
SUITE = "forky"
VERSION = "7.2.12+deb14"
# The packages, which of their files are taken, and those files' SHA-256 where the model's judgement hangs on them.
PACKAGES = {f"linux-binary-{VERSION}-arm64": r".*/vmlinuz[^/]*",
            f"linux-base-{VERSION}-arm64": r".*/broadcom/bcm2712-(d-)?rpi-5-b\.dtb",
            "busybox-static": r".*/bin/busybox"}
FILES = {
    "vmlinuz": "f548ea83c575043a80986eeba9ae32a53b27b896b2d90075d4217377f4d2cd3b",
    "bcm2712-rpi-5-b.dtb": "8aec5f3681e9c0745e3b4cd90fd77a2542ca49d90149bacee5c484fed0869d3f",
    "bcm2712-d-rpi-5-b.dtb": "4ff6c1aa8a515c5229385e919138bce77f0610ab71187d5f1da0d900c0b7119b",
    "busybox": None}


def find():
    """{name: path} of the kernel (vmlinuz), the trees and busybox; None if they were not fetched, or are not those."""
    paths = {}
    for name, wanted in FILES.items():
        path = os.path.join(CACHE, name)
        try:
            with open(path, "rb") as f:
                if wanted not in (None, hashlib.sha256(f.read()).hexdigest()):
                    return None
        except OSError:
            return None
        paths[name] = path
    return paths


MISSING = f"Debian's kernel {VERSION}, which judges the model, is not here: tools/raspi5-qemu --referee fetches it"


def fetch(may_fetch=True, say=build.say):
    """Brings them. debian.Failed: why not."""
    if find():
        return
    if not may_fetch:
        raise debian.Failed(f"Linux {VERSION} is not in {CACHE}, and --no-install forbids to fetch it")

    def store(folder, name, data):
        firmware.store(folder, re.sub(r"^vmlinuz.*", "vmlinuz", name), data)
    with debian.Apt(say, [("deb", SUITE)]) as apt:
        for package, pattern in PACKAGES.items():
            apt.fetch(package, pattern, store, CACHE)
    if not find():
        raise debian.Failed(f"what Debian has as {', '.join(PACKAGES)} is not what is pinned in tools/lib/referee.py")


def entry(name, mode, data=b"", device=(0, 0)):
    """A file of an archive as the kernel unpacks it (newc cpio)."""
    encoded = name.encode() + b"\0"
    numbers = [1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initramfs(folder, commands):
    """The path of a RAM disk, written into `folder`, whose init is busybox's shell with these lines."""
    with open(find()["busybox"], "rb") as f:
        busybox = f.read()
    init = "#!/bin/busybox sh\n" + "".join(line + "\n" for line in commands)
    archive = (entry("bin", 0o40755) + entry("dev", 0o40755) + entry("proc", 0o40755) + entry("sys", 0o40755) +
               entry("dev/console", 0o20600, device=(5, 1)) + entry("bin/busybox", 0o100755, busybox) +
               entry("init", 0o100755, init.encode()) + entry("TRAILER!!!", 0))
    path = os.path.join(str(folder), "initramfs.gz")
    with open(path, "wb") as f:
        f.write(gzip.compress(archive, 1, mtime=0))
    return path
