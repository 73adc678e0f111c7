# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of PCI share: a machine with a bus of every kind in it, what `pci -v` prints as facts, and what must be true of
any facts, whoever placed the BARs."""
import re
from dataclasses import dataclass, field

import boot as library

HOST = "/pcie@10000000"  # of QEMU's virt machine
MANY = 20  # random number generators in three slots

# id, and QEMU's options; a bus is in front of what is plugged into it. An address is SLOT or SLOT.FUNCTION.
TOPOLOGY = [
    "pcie-root-port,id=single,addr=1,chassis=1",
    "virtio-rng-pci,bus=single",
    # a slot with two root ports, and a function that is none
    "pcie-root-port,id=first,addr=2.0,chassis=2,multifunction=on", "edu,bus=first,dma_mask=0xffffffffff",
    "pcie-root-port,id=second,addr=2.1,chassis=3", "virtio-rng-pci,bus=second,vectors=0",
    "virtio-rng-pci,addr=2.7,disable-legacy=on",
    # a switch, and below it another one
    "pcie-root-port,id=above,addr=3,chassis=4", "x3130-upstream,id=switch,bus=above",
    "xio3130-downstream,id=down0,bus=switch,addr=0,chassis=5,slot=0", "edu,bus=down0",
    "xio3130-downstream,id=down1,bus=switch,addr=1,chassis=6,slot=1", "x3130-upstream,id=inner,bus=down1",
    "xio3130-downstream,id=deep0,bus=inner,addr=0,chassis=7,slot=0", "virtio-rng-pci,bus=deep0",
    "xio3130-downstream,id=deep1,bus=inner,addr=3,chassis=8,slot=1", "pci-testdev,bus=deep1,membar=64M",
    "xio3130-downstream,id=deep2,bus=inner,addr=4,chassis=11,slot=2", "virtio-blk-pci,bus=deep2,drive=disk",
    "xio3130-downstream,id=empty,bus=switch,addr=5,chassis=9,slot=2",
    # conventional PCI, two levels of it
    "pcie-pci-bridge,id=old,addr=4", "pci-serial,bus=old,addr=1,chardev=line", "virtio-rng-pci,bus=old,addr=2",
    "pci-bridge,id=older,bus=old,addr=3,chassis_nr=10", "edu,bus=older,addr=1f", "pci-testdev,bus=older,addr=7",
    # many on the root bus, every third of them with messages: not all that a GICv2m's frame has
    *(f"virtio-rng-pci,addr={8 + n // 8:x}.{n % 8},multifunction=on,disable-legacy=on{',vectors=0' if n % 3 else ''}"
      for n in range(MANY)),
]


def options(disk=None, line="null"):
    """QEMU's. `disk`: a file (None: a disk without one, of 1 MiB); `line`: the chardev at the serial port."""
    drive = f"file={disk},format=raw" if disk else "file.driver=null-co,file.size=1048576"
    return ["-drive", f"if=none,id=disk,{drive}", "-chardev", f"{line},id=line",
            *(word for device in TOPOLOGY for word in ("-device", device))]


@dataclass
class Range:
    """A BAR or window on the bus."""
    at: int
    size: int
    is_io: bool = False
    is_64: bool = False
    is_prefetchable: bool = False

    @property
    def end(self):
        return self.at + self.size

    def contains(self, other):
        return self.is_io == other.is_io and self.at <= other.at and other.end <= self.end

    def overlaps(self, other):
        return self.is_io == other.is_io and self.at < other.end and other.at < self.end


@dataclass
class Function:
    """What is known of one function, by either side."""
    id: str
    parent: str  # the bridge's id, or None
    ids: tuple  # vendor, device
    class_code: int
    revision: int
    subsystem: tuple
    buses: tuple = None  # of bridges: secondary, last
    bars: dict = field(default_factory=dict)  # number (6: ROM): Range
    windows: list = field(default_factory=list)
    capabilities: list = field(default_factory=list)  # offsets, in their order
    names: list = field(default_factory=list)  # of capabilities; ours
    more: dict = field(default_factory=dict)  # ours: driver, interrupts, command, status, node


UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def range_of(text):
    """'0x10000000, 4 KiB, memory, 64 bits, prefetchable'"""
    match = re.fullmatch(r"0x([0-9a-f]+), (\d+) (\w+), (I/O|memory)(, 64 bits)?(, prefetchable)?(?:, CPU 0x[0-9a-f]+)?", text)
    assert match, text
    return Range(int(match[1], 16), int(match[2]) * UNITS[match[3]], match[4] == "I/O", bool(match[5]), bool(match[6]))


def function_of(lines):
    """Of the lines of one function; the first is '01:00.0 unclassified device'."""
    id, name = lines[0].split(" ", 1)
    found = Function(id, None, None, None, None, (0, 0), more={"name": name})
    for line in lines[1:]:
        assert re.match(r"  \S", line) and len(line) <= 80, line
        label, value = line[2:14].rstrip(), line[14:]
        if label == "IDs":
            match = re.fullmatch(r"(\w{4}):(\w{4}), revision (\w\w), class (\w{6})", value)
            found.ids, found.revision, found.class_code = (int(match[1], 16), int(match[2], 16)), int(match[3], 16), int(match[4], 16)
        elif label == "subsystem":
            found.subsystem = tuple(int(id, 16) for id in value.split(":"))
        elif label == "buses":
            found.buses = tuple(int(bus, 16) for bus in re.fullmatch(r"(\w\w) to (\w\w) behind it", value).groups())
        elif label == "window":
            found.windows.append(range_of(value))
        elif label.startswith("BAR ") or label == "ROM":
            found.bars[6 if label == "ROM" else int(label[4:])] = range_of(value)
        elif label.startswith("at "):
            found.capabilities.append(int(label[3:], 16))
            found.names.append(value.split(",")[0])
            if value.startswith("subsystem IDs, "):  # bridges have them there
                found.subsystem = tuple(int(id, 16) for id in value[15:].split(":"))
        else:
            found.more[label] = value
    return found


def facts(machine):
    """{id: Function} as `pci -v` prints them; the parents are those of the tree that `pci` prints."""
    text = machine.run("pci -v", timeout=60)
    assert machine.status() == 0, text
    blocks = text.rstrip("\n").split("\n", 1)[1].split("\n\n")
    functions = {found.id: found for found in (function_of(block.split("\n")) for block in blocks)}
    above = []
    for indent, id in re.findall(r"^( *)(\w\w:\w\w\.\w) ", machine.run("pci"), re.M):
        del above[len(indent) // 2:]
        functions[id].parent = above[-1] if above else None
        above.append(id)
    return functions


def host_ranges(tree):
    """[Range] of the host bridge's node: where functions may be placed."""
    cells = bytes(tree.getprop(tree.path_offset(HOST), "ranges"))
    words = [int.from_bytes(cells[at:at + 4], "big") for at in range(0, len(cells), 4)]
    rows = [words[at:at + 7] for at in range(0, len(words), 7)]
    return [Range(row[1] << 32 | row[2], row[5] << 32 | row[6], row[0] >> 24 & 3 == 1) for row in rows]


def check_placement(functions, host):
    """Every BAR is aligned, overlaps no other, and is inside of the windows of all bridges above, and of the host's ranges."""
    placed = []
    for function in functions.values():
        for number, bar in function.bars.items():
            assert bar.at % bar.size == 0 and bar.size & (bar.size - 1) == 0, (function.id, number, bar)
            for id, other in placed:
                assert not bar.overlaps(other), (function.id, bar, id, other)
            placed.append((function.id, bar))
            inside(functions, function, bar, host)
        for window in function.windows:
            inside(functions, function, window, host)
    for function in functions.values():
        for other in functions.values():
            if other is not function and other.parent == function.parent:
                for window in function.windows:
                    assert not any(window.overlaps(theirs) for theirs in other.windows + list(other.bars.values())), \
                        (function.id, other.id, window)
    return placed


def inside(functions, function, what, host):
    """In each bridge above the window must not be prefetchable unless `what` is."""
    above = function.parent
    while above is not None:
        windows = [w for w in functions[above].windows if w.contains(what) and (what.is_prefetchable or not w.is_prefetchable)]
        assert windows, f"{function.id}: {what} is in no window of {above}: {functions[above].windows}"
        above = functions[above].parent
    assert any(r.contains(what) for r in host), f"{function.id}: {what} is outside of the host bridge's ranges"


