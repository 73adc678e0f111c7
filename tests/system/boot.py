# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share: starting QEMU in every way a loader can, and trees and archives that are wrong."""
import fcntl
import importlib.machinery
import json
import os
import re
import socket
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
sys.dont_write_bytecode = True
import build  # noqa: E402
import image as tools_image  # noqa: E402
import machine  # noqa: E402

MAIN = os.environ.get("CAMBIUM_BUILD", build.BUILD)  # any configured build directory
CROSS = os.environ.get("CAMBIUM_CROSS", "aarch64.ini")  # the cross file of MAIN, for the variants that are made beside it
VARIANT = os.environ.get("CAMBIUM_VARIANT")  # None, or "clang": the tests are about that build, which is made in MAIN
BUILD = os.path.join(MAIN, f"variant-{VARIANT}") if VARIANT else MAIN
IMAGE = os.path.join(BUILD, "kernel", "Image")
ARCHIVE = os.path.join(BUILD, "servers", "archive.cpio")
MKARCHIVE = os.path.join(ROOT, "tools", "mkarchive")
mkarchive = importlib.machinery.SourceFileLoader("mkarchive", MKARCHIVE).load_module()
PROGRAMS = os.path.join(BUILD, "tests", "system")

# Where this QEMU machine has RAM, for loading by hand. (Tests may know boards; the system may not.)
RAM = 0x40000000
STUB_AT, IMAGE_AT, TREE_AT = RAM + 0x3f00000, RAM + 0x200000, RAM + 0x8000000
DEVICE_AT = RAM + 0x20000000  # in RAM too: with_node()


class Machine(machine.Machine):
    """Whose answers have each line of the log whole: tests quote what was said, not how it was broken. .text has the screen."""

    def prompt(self, timeout=None):
        return machine.unfolded(super().prompt(timeout))


def start(timeout=60, **options):
    """QEMU with the options of machine.command(); returns a Machine."""
    options.setdefault("image", IMAGE)
    return Machine(machine.command(**options), timeout=timeout)


def check_columns(text):
    """No line of the log on the screen is wider than a terminal, but for warnings and errors, which are one line each."""
    stamped = [line for line in machine.clean(text).split("\n") if re.match(r"\[ *\d+\.\d{6}\] ", line)]
    assert len(stamped) > 20, text
    wide = [line for line in stamped if len(line) > 80 and not re.match(r"\[[^]]*\] (error: |warn: )", line)]
    assert not wide, "\n".join(wide)


def loaded_by_hand(folder, tree=None, tree_address=None, image=IMAGE, image_address=IMAGE_AT):
    """Options for start(): the Image jumped to at the highest exception level, with x0 = `tree_address` (0: no tree),
    after putting `tree` (bytes) there. QEMU neither checks nor completes the tree, which it does with -kernel and -dtb."""
    address = tree_address if tree_address is not None else (TREE_AT if tree else 0)
    # ldr x0, .+16; ldr x9, .+20; br x9; nop; then the two addresses
    stub = struct.pack("<IIIIQQ", 0x58000080, 0x580000a9, 0xd61f0120, 0xd503201f, address, image_address)
    extra = ["-device", f"loader,file={save(folder, 'stub.bin', stub)},addr={STUB_AT:#x},force-raw=on",
             "-device", f"loader,file={image},addr={image_address:#x},force-raw=on",
             "-device", f"loader,addr={STUB_AT:#x},cpu-num=0"]
    if tree:
        extra += ["-device", f"loader,file={save(folder, 'tree.dtb', tree)},addr={address:#x},force-raw=on"]
    return {"image": None, "extra": extra}


def save(folder, name, data):
    path = os.path.join(str(folder), name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def variant(name, targets, options=(), **how):
    """MAIN's build directory for a variant, configured (with build.configure's arguments) and built. Tests that need the
    same one may run side by side."""
    folder = os.path.join(MAIN, f"variant-{name}")
    os.makedirs(folder, exist_ok=True)
    with open(folder + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build.configure(folder, options, **{"cross": CROSS, **how})
        build.compile_all(folder, targets)
    return folder


def clang_built():
    """Everything built by Clang and lld; its build directory."""
    return variant("clang", ["all"], cross="aarch64-clang.ini")


def kernel_built(level):
    """The Image with the kernel built at another optimisation level ('0', '2', 's') and the default build's archive."""
    folder = variant(f"O{level}", ["kernel/Image"], [f"-Dkernel_optimization={level}", f"-Darchive={ARCHIVE}"], tests=False)
    return os.path.join(folder, "kernel", "Image")


def kernel_symbols():
    """Where in the image each symbol of this build's kernel is."""
    listing = subprocess.run(["aarch64-linux-gnu-nm", os.path.join(BUILD, "kernel", "kernel.elf")], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    return {name: int(at, 16) for at, name in re.findall(r"^([0-9a-f]+) \w (\w+)$", listing, re.M)}


# ---- trees ----

def qemu_tree(folder, **options):
    """The tree that QEMU generates, packed, as a python3-libfdt object with room to edit."""
    import libfdt
    path = os.path.join(str(folder), "qemu.dtb")
    properties = [*options.pop("properties", ()), f"dumpdtb={path}"]
    subprocess.run(machine.command(image=None, properties=properties, **options), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, "rb") as f:
        tree = libfdt.Fdt(f.read())
    tree.pack()
    tree.resize(tree.totalsize() + 4096)
    return tree


def subnode(tree, parent, prefix):
    """Offset of the child of the node at `parent` whose name starts with `prefix`."""
    import libfdt
    node = tree.first_subnode(parent, libfdt.QUIET_NOTFOUND)
    while node >= 0:
        if tree.get_name(node).startswith(prefix):
            return node
        node = tree.next_subnode(node, libfdt.QUIET_NOTFOUND)
    raise KeyError(prefix)


def blob(tree):
    tree.pack()
    return bytes(tree.as_bytearray())


def with_node(folder, name, compatibles, registers=(), length=0x1000, **properties):
    """Options for start(): QEMU's tree with one node more, `name` at DEVICE_AT, whose registers are RAM that the tree does not
    tell of. They hold `registers` ({offset: value}, else zero) and then what is written to them: a device that does nothing.
    `properties`: more of the node, each a list of cells (`_` for `-`), such as interrupts=[0, 100, 4]."""
    tree = qemu_tree(folder)
    tree.setprop(subnode(tree, 0, "memory"), "reg", struct.pack(">QQ", RAM, DEVICE_AT - RAM))
    node = tree.add_subnode(0, f"{name}@{DEVICE_AT:x}")
    tree.setprop(node, "compatible", b"".join(compatible.encode() + b"\0" for compatible in compatibles))
    tree.setprop(node, "reg", struct.pack(">QQ", DEVICE_AT, length))
    for key, cells in properties.items():
        tree.setprop(node, key.replace("_", "-"), struct.pack(f">{len(cells)}I", *cells))
    options = loaded_by_hand(folder, blob(tree))
    for offset, value in dict(registers).items():
        options["extra"] += ["-device", f"loader,addr={DEVICE_AT + offset:#x},data={value:#x},data-len=4"]
    return options


# ---- archives ----

def entries(path=ARCHIVE):
    """{name: bytes} of an archive that tools/mkarchive wrote."""
    return dict(mkarchive.entries(path))


def few_servers():
    """entries() with the drivers that give a prompt and no others, for tests that count or number processes."""
    return {name: data for name, data in entries().items()
            if not name.startswith(("drv/", "mux/")) or name in ("drv/gicv2", "drv/gicv3", "drv/pl011", "mux/serial")}


def archive(folder, contents, name="archive.cpio"):
    """Writes {name: bytes} as an archive; its path."""
    files = [save(folder, entry.replace("/", "_") + ".bin", data) for entry, data in contents.items()]
    out = os.path.join(str(folder), name)
    subprocess.run([MKARCHIVE, "-o", out, "--names", ",".join(contents), "--no-strip", *files], check=True)
    return out


def program(name):
    """The ELF of a test program (tests/system/meson.build), as bytes."""
    with open(os.path.join(PROGRAMS, name + ".elf"), "rb") as f:
        return f.read()


# ---- looking into a machine that says nothing ----

def connected(path):
    """A connection to QEMU's socket, which is there some time after QEMU was started, and listens a little later."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)

    def connect():
        try:
            connection.connect(path)
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    assert machine.wait_until(connect, timeout=20), path
    return connection


class Monitor:
    """QEMU's monitor over a socket: what a test asks when the guest has no output. Pass `.options` as extra."""

    def __init__(self, folder):
        self.path = os.path.join(str(folder), "monitor")
        self.options = ["-qmp", f"unix:{self.path},server=on,wait=off"]
        self.file = None

    def ask(self, line):
        if self.file is None:
            connection = connected(self.path)
            self.file = connection.makefile("rw")
            self.file.readline()
            self.command("qmp_capabilities")
        return self.command("human-monitor-command", {"command-line": line})

    def command(self, name, arguments=None):
        self.file.write(json.dumps({"execute": name, **({"arguments": arguments} if arguments else {})}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer or "error" in answer:
                return answer.get("return", answer.get("error"))
