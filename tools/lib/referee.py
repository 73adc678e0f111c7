# SPDX-License-Identifier: BSD-2-Clause
"""The Linux that judges the machine raspi5b: Debian's kernel of one named version, its trees, those of its modules that drive
what the machine has, and a static busybox, out of Debian's packages for arm64; and an initial RAM disk made of them. Used by
tools/test and tests/system. With CAMBIUM_REFEREE=latest in the environment (tools/test --referee-latest) it is the newest
kernel that Debian has, whichever that is."""
import functools
import gzip
import hashlib
import lzma
import os
import re
import subprocess

import build
import debian
import firmware
import trees

PINNED = "7.2.12+deb14"
SUITE, SUITES_LATEST = "forky", ["sid", "experimental"]
# Modules for the parts of the board, with all that they need. What is not here is built into the kernel, or not used.
MODULES = ["bcm2835_wdt", "clk_rp1", "fixed", "gpio_brcmstb", "gpio_keys", "gpio_regulator", "iproc_rng200", "irq_bcm2712_mip",
           "macb", "pinctrl_brcmstb_bcm2712", "pinctrl_rp1", "rp1_pci", "sdhci_brcmstb"]
# The files, and the SHA-256 of those on which the model's judgement hangs.
FILES = {
    "vmlinuz": "f548ea83c575043a80986eeba9ae32a53b27b896b2d90075d4217377f4d2cd3b",
    "bcm2712-rpi-5-b.dtb": "8aec5f3681e9c0745e3b4cd90fd77a2542ca49d90149bacee5c484fed0869d3f",
    "bcm2712-d-rpi-5-b.dtb": "4ff6c1aa8a515c5229385e919138bce77f0610ab71187d5f1da0d900c0b7119b",
    "modules.cpio": "c187c0428e6d26e672b1613c9dc8f4845cc27dcf50daef60eddb4dc4e9cd6b37",
    "busybox": None}
MISSING = ("Debian's kernel, which judges the model, is not here: tools/raspi5-qemu --referee fetches it "
           "(with CAMBIUM_REFEREE=latest: tools/test --referee-latest)")


def is_latest():
    return os.environ.get("CAMBIUM_REFEREE") == "latest"


def cache():
    return os.path.join(trees.OWN, "referee-latest" if is_latest() else "referee")


def version():
    """Of the kernel that judges. None: the newest shall, and none was fetched."""
    if not is_latest():
        return PINNED
    try:
        with open(os.path.join(cache(), "version"), encoding="utf-8") as f:
            return f.read().strip()
    except OSError:
        return None


@functools.cache
def examined(path, _stamp):
    """The SHA-256 of a file, and whether all MODULES are in it."""
    with open(path, "rb") as f:
        data = f.read()
    return hashlib.sha256(data).hexdigest(), all(f"modules/{name}.ko\0".encode() in data for name in MODULES)


def good(name):
    """The path of a file in the cache, if it is the one that is wanted; else None."""
    path = os.path.join(cache(), name)
    try:
        stamp = os.stat(path)
        sha256, has_modules = examined(path, (stamp.st_mtime_ns, stamp.st_size))
    except OSError:
        return None
    if is_latest():  # not pinned; but an archive of before MODULES grew is no good
        return path if has_modules or name != "modules.cpio" else None
    return path if FILES[name] in (None, sha256) else None


def find():
    """{name: path} of the kernel (vmlinuz), the trees, modules and busybox; None if they were not fetched, or are not those."""
    paths = {name: good(name) for name in FILES}
    return paths if all(paths.values()) and version() else None


def u_boot():
    """The path of U-Boot, the second judge, if --referee-latest brought one that has the root complex's driver; else None.
    (None is pinned: Debian's released ones have not.)"""
    path = os.path.join(cache(), "u-boot.bin")
    try:
        with open(path, "rb") as f:
            return path if b"brcm,bcm2712-pcie\0" in f.read() else None
    except OSError:
        return None


def fetch_u_boot(say):
    """Brings the newest, once; that there is none is no error, but said. (A suite of its own each: apt prefers the older.)"""
    for suite in reversed(SUITES_LATEST):
        if u_boot():
            return
        try:
            with debian.Apt(say, [("deb", suite)]) as apt:
                apt.fetch("u-boot-rpi", r".*/rpi_arm64/u-boot\.bin", firmware.store, cache())
        except debian.Failed as what:
            say(f"No U-Boot from {suite}: {what}")
    if not u_boot():
        say("Debian has no U-Boot with a driver for BCM2712's PCIe; it does not judge.")


def newest(apt):
    """The version of the newest kernel in apt's lists."""
    apt.lists()
    names = apt.run("apt-cache", "pkgnames", "linux-binary-").split()
    found = [m[1] for m in (re.fullmatch(r"linux-binary-(\d[^-]*)-arm64", name) for name in names) if m]
    if not found:
        raise debian.Failed("Debian has no package linux-binary-VERSION-arm64")
    return functools.reduce(lambda a, b: a if subprocess.run(["dpkg", "--compare-versions", a, "gt", b]).returncode == 0 else b,
                            found)


def store_kernel(folder, name, data):
    firmware.store(folder, re.sub(r"^vmlinuz.*", "vmlinuz", name), data)


def fetch(may_fetch=True, say=build.say):
    """Brings them; the newest kernel only if it is another than what is here. debian.Failed: why not."""
    if find() and not (is_latest() and may_fetch):
        return
    if not may_fetch:
        raise debian.Failed(f"Linux {version() or '(the newest)'} is not in {cache()}, and --no-install forbids to fetch it")
    with debian.Apt(say, [("deb", suite) for suite in (SUITES_LATEST if is_latest() else [SUITE])]) as apt:
        wanted = newest(apt) if is_latest() else PINNED
        keep = version() == wanted
        modules = {}
        for package, pattern, store, files in (
                (f"linux-binary-{wanted}-arm64", r".*/vmlinuz[^/]*", store_kernel, ["vmlinuz"]),
                (f"linux-base-{wanted}-arm64", r".*/broadcom/bcm2712-(d-)?rpi-5-b\.dtb", firmware.store,
                 ["bcm2712-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb"]),
                (f"linux-modules-{wanted}-arm64", r".*\.ko\.xz", lambda _, name, data: modules.update({name: data}),
                 ["modules.cpio"]),
                ("busybox-static", r".*/bin/busybox", firmware.store, ["busybox"])):
            if not keep or not all(good(name) for name in files):
                apt.fetch(package, pattern, store, cache())
        if modules:
            firmware.store(cache(), "modules.cpio", archive(modules))
        firmware.store(cache(), "version", wanted.encode())
    if is_latest():
        fetch_u_boot(say)
    if not find():
        raise debian.Failed(f"what Debian has as Linux {wanted} is not what is pinned in tools/lib/referee.py")


def needs(module):
    """The names of the modules that this one, an object file, says it depends on."""
    text = re.search(rb"\0depends=([^\0]*)\0", module)
    return text[1].decode().replace("-", "_").split(",") if text and text[1] else []


def archive(modules):
    """Of {file name: contents, compressed}: an archive of MODULES and what they need, and of a script that loads them in order."""
    packed = {re.sub(r"\.ko\.xz$", "", name).replace("-", "_"): data for name, data in modules.items()
              if name.endswith(".ko.xz")}
    unpacked = {}

    def add(name):
        if name not in packed:
            raise debian.Failed(f"Debian's kernel has no module {name}")
        data = lzma.decompress(packed.pop(name))
        for other in needs(data):
            if other not in unpacked:
                add(other)
        unpacked[name] = data
    for name in MODULES:
        if name not in unpacked:
            add(name)
    script = "".join(f"/bin/busybox insmod /modules/{name}.ko\n" for name in unpacked)
    return (entry("modules", 0o40755) + entry("modules/load", 0o100644, script.encode()) +
            b"".join(entry(f"modules/{name}.ko", 0o100644, data) for name, data in unpacked.items()))


def entry(name, mode, data=b"", device=(0, 0)):
    """A file of an archive as the kernel unpacks it (newc cpio)."""
    encoded = name.encode() + b"\0"
    numbers = [1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + encoded
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initramfs(folder, commands):
    """The path of a RAM disk, written into `folder`, whose init is busybox's shell with these lines. `sh /modules/load` among
    them loads MODULES."""
    with open(find()["busybox"], "rb") as f:
        busybox = f.read()
    with open(find()["modules.cpio"], "rb") as f:
        modules = f.read()
    init = "#!/bin/busybox sh\n" + "".join(line + "\n" for line in commands)
    whole = (entry("bin", 0o40755) + entry("dev", 0o40755) + entry("proc", 0o40755) + entry("sys", 0o40755) +
             entry("dev/console", 0o20600, device=(5, 1)) + entry("bin/busybox", 0o100755, busybox) + modules +
             entry("init", 0o100755, init.encode()) + entry("TRAILER!!!", 0))
    path = os.path.join(str(folder), "initramfs.gz")
    with open(path, "wb") as f:
        f.write(gzip.compress(whole, 1, mtime=0))
    return path
