# SPDX-License-Identifier: BSD-2-Clause
"""The tree code against a second opinion: the same facts computed here with python3-libfdt, from the Devicetree
Specification and in another way (a table of nodes with parents, whole numbers of any width, recursion). Runs over the
good trees of dts/trees, and over every blob in the folder $CAMBIUM_DTB_DIR (Raspberry Pi's stock trees, for example)."""
import glob
import itertools
import os
import shutil
import struct
import subprocess

import libfdt
import pytest

TREES = os.environ["CAMBIUM_TREES"]
DUMP = os.environ["CAMBIUM_TREE_DUMP"]
STOCK = os.environ.get("CAMBIUM_DTB_DIR", "")
E_OK, E_NOSYS, E_RANGE, E_NOTFOUND, E_FORMAT = 0, -12, -14, -18, -20
TOP = 1 << 64
UARTS = {"arm,pl011", "arm,pl011-axi", "arm,sbsa-uart", "brcm,bcm2835-aux-uart", "ns16550a", "snps,dw-apb-uart"}
OVERLAYS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dts", "overlays")
MINI_UART, PL011 = "/soc/serial@7e215040", "/soc/serial@7e201000"


class Bad(Exception):
    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Node:
    def __init__(self, name, parent):
        self.name, self.parent, self.children, self.props = name, parent, [], {}
        if parent:
            parent.children.append(self)

    @property
    def path(self):
        return "/" if not self.parent else self.parent.path.rstrip("/") + "/" + self.name

    def line(self):
        """The node and its ancestors, from the root."""
        return (self.parent.line() if self.parent else []) + [self]

    def cells(self, name):
        value = self.props.get(name)
        return None if value is None else list(struct.unpack(f">{len(value) // 4}I", value[:len(value) // 4 * 4]))

    def one(self, name, otherwise):
        cells = self.cells(name)
        return otherwise if cells is None else cells[0]

    def text(self, name):
        return self.props.get(name, b"").rstrip(b"\0").decode("latin-1")

    @property
    def okay(self):
        return self.props.get("status", b"okay\0") in (b"okay\0", b"ok\0")


def number(cells):
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


class Tree:
    def __init__(self, path):
        with open(path, "rb") as file:
            blob = file.read()
        self.fdt = libfdt.FdtRo(blob)
        at = self.fdt.off_mem_rsvmap()
        rows = struct.iter_unpack(">QQ", blob[at:at + (len(blob) - at) // 16 * 16])
        self.memreserve = list(itertools.takewhile(lambda row: row[1], rows))
        self.nodes, offset, stack = [], 0, []
        depth = 0
        while offset >= 0 and depth >= 0:
            del stack[depth:]
            node = Node(self.fdt.get_name(offset), stack[-1] if stack else None)
            stack.append(node)
            self.nodes.append(node)
            prop = self.fdt.first_property_offset(offset, libfdt.QUIET_NOTFOUND)
            while prop >= 0:
                entry = self.fdt.get_property_by_offset(prop)
                node.props[entry.name] = bytes(entry)
                prop = self.fdt.next_property_offset(prop, libfdt.QUIET_NOTFOUND)
            offset, depth = self.fdt.next_node(offset, depth, (libfdt.BADOFFSET, libfdt.NOTFOUND))
        self.handles = {}
        for node in self.nodes:
            for name in ("phandle", "linux,phandle"):
                if name in node.props:
                    self.handles.setdefault(number(node.cells(name)), node)
        self.root = self.nodes[0]

    # ---- addresses ----

    def up(self, bus, space, address, length):
        """From the addresses of the children of `bus` to the CPU's."""
        if bus is self.root:
            return address
        own, parent = bus.one("#address-cells", 2), bus.parent.one("#address-cells", 2)
        size = bus.one("#size-cells", 1)
        ranges = bus.cells("ranges")
        if ranges is None:
            raise Bad(E_NOSYS)
        if not ranges:
            return self.up(bus.parent, space, address, length)
        for i in range(0, len(ranges), own + parent + size):
            row = ranges[i:i + own + parent + size]
            child, above, window = row[:own], row[own:own + parent], number(row[own + parent:])
            if self.space(bus, child) == space and address in range(number(child[-2:]), number(child[-2:]) + window) \
                    and address + length <= number(child[-2:]) + window:
                offset = address - number(child[-2:])
                return self.up(bus.parent, self.space(bus.parent, above), number(above[-2:]) + offset, length)
        raise Bad(E_RANGE)

    @staticmethod
    def space(bus, cells):
        if len(cells) < 3:
            return "memory" if len(cells) < 3 and bus.one("#address-cells", 2) == 3 else ""
        if not bus.text("device_type").startswith("pci"):
            return cells[0] if len(cells) == 3 else ""
        return {0: "configuration", 1: "io"}.get(cells[0] >> 24 & 3, "memory")

    def reg(self, node):
        cells = node.cells("reg")
        if not cells or not node.parent:
            return [(E_NOTFOUND,)]
        address, size = node.parent.one("#address-cells", 2), node.parent.one("#size-cells", 1)
        if address == 3 and node.parent.text("device_type").startswith("pci"):
            cells = node.cells("assigned-addresses") or cells
        answers = []
        for i in range(0, len(cells), address + size):
            base, length = cells[i:i + address], number(cells[i + address:i + address + size])
            try:
                value = self.up(node.parent, self.space(node.parent, base),
                                number(base[-2:] if address == 3 else base), length)
                answers.append((E_OK, value, length) if value + length < TOP else (E_RANGE,))
            except Bad as bad:
                answers.append((bad.status,))
        return answers + [(E_NOTFOUND,)]

    # ---- references and interrupts ----

    def references(self, node, name, cells_name):
        """(provider, specifier) of every entry, None for a hole."""
        if len(node.props.get(name, b"")) % 4:
            raise Bad(E_FORMAT)
        cells = node.cells(name) or []
        while cells:
            provider, count = self.handles.get(cells[0]), 0
            if cells[0]:
                count = provider.one(cells_name, None) if provider else None
                if count is None or len(cells) < 1 + count:
                    raise Bad(E_FORMAT)
            yield (provider, cells[1:1 + count]) if cells[0] else None
            cells = cells[1 + count:]

    def interrupt_parent(self, node):
        for step in reversed(node.line()):
            if step is not node and "#interrupt-cells" in step.props:
                return step
            if "interrupt-parent" in step.props:
                parent = self.handles.get(step.one("interrupt-parent", 0))
                if parent is None:
                    raise Bad(E_NOTFOUND)
                return parent if "#interrupt-cells" in parent.props else self.interrupt_parent(parent)
        raise Bad(E_NOTFOUND)

    def interrupts(self, node):
        if "interrupts-extended" in node.props:
            entries = list(self.references(node, "interrupts-extended", "#interrupt-cells"))
        elif "interrupts" in node.props:
            cells, parent = node.cells("interrupts"), self.interrupt_parent(node)
            count = parent.one("#interrupt-cells", 0)
            if count == 0 or len(cells) % count:
                raise Bad(E_FORMAT)
            entries = [(parent, cells[i:i + count]) for i in range(0, len(cells), count)]
        else:
            entries = []
        answers = [self.route(entry, node.cells("reg") or []) for entry in entries]
        if node.text("device_type") == "pci":
            answers += [self.route((parent, cells), address) if all(n.okay for n in parent.line()) else (E_NOTFOUND,)
                        for _, parent, address, cells in self.rows(node)]
        return answers

    def map_address_cells(self, node):
        return next((step.one("#address-cells", 0) for step in reversed(node.line()) if "#address-cells" in step.props), 2)

    def rows(self, node):
        """(child's cells, parent, its address, its specifier) of every row of an interrupt-map."""
        rows, count = node.cells("interrupt-map") or [], self.map_address_cells(node) + node.one("#interrupt-cells", 0)
        while rows:
            child, parent, rows = rows[:count], self.handles[rows[count]], rows[count + 1:]
            address, rows = rows[:parent.one("#address-cells", 0)], rows[parent.one("#address-cells", 0):]
            cells, rows = rows[:parent.one("#interrupt-cells", 0)], rows[parent.one("#interrupt-cells", 0):]
            yield child, parent, address, cells

    def route(self, entry, unit):
        if entry is None:
            return (E_NOTFOUND,)
        at, specifier = entry
        controller = "interrupt-controller" in at.props
        if "interrupt-map" not in at.props:
            return (E_OK, at.path, specifier) if controller else self.route((self.interrupt_parent(at), specifier), unit)
        size = self.map_address_cells(at)
        wanted = (unit + [0] * size)[:size] + specifier
        mask = at.cells("interrupt-map-mask") or [0xffffffff] * len(wanted)
        for child, parent, address, cells in self.rows(at):
            if all((a ^ b) & m == 0 for a, b, m in zip(wanted, child, mask)) and all(n.okay for n in parent.line()):
                return (E_OK, at.path, cells) if parent is at else self.route((parent, cells), address)
        return (E_OK, at.path, specifier) if controller else (E_NOTFOUND,)

    # ---- memory ----

    def pairs(self, node):
        cells, size = node.cells("reg") or [], node.parent.one("#size-cells", 1)
        step = node.parent.one("#address-cells", 2) + size
        for i in range(0, len(cells), step):
            yield number(cells[i:i + step - size]), number(cells[i + step - size:i + step])

    def memory(self):
        return [(E_OK, base, length) for node in self.root.children
                if node.text("device_type") == "memory" and node.okay
                for base, length in self.pairs(node) if length]

    def reservations(self):
        found = [("reserved", *pair) for pair in self.memreserve]
        for node in self.root.children:
            if node.name == "reserved-memory" and node.okay:
                found += [("no-map" if "no-map" in child.props else "reserved", base, length)
                          for child in node.children if child.okay for base, length in self.pairs(child) if length]
        return found

    # ---- the console ----

    def find(self, path):
        """The node of a path, which may begin with an alias and end with options; None."""
        first, _, rest = path.partition(":")[0].partition("/")
        aliases = next((n.props for n in self.root.children if n.name == "aliases"), {})
        start = aliases.get(first, b"").rstrip(b"\0").decode() if first else ""
        names = [name for name in f"{start}/{rest}".split("/") if name] if start or not first else [None]
        node = self.root
        for name in names:
            node = node and next((n for n in node.children if name in (n.name, n.name.partition("@")[0])), None)
        return node

    def console(self):
        def usable(node):
            if node is None or not UARTS & set(node.text("compatible").split("\0")) or not all(n.okay for n in node.line()):
                return False
            if any(n.text("device_type").startswith("pci") for n in node.line() if n is not node):
                return False  # before the bridge's server has been there, nothing answers
            status, *window = self.reg(node)[0]
            return status == E_OK and window[1] >= 8 and sum(window) <= 1 << 48 and not any(
                window[0] < base + length and base < sum(window) for _, base, length in self.memory())
        chosen = next((n for n in self.root.children if n.name == "chosen"), self.root)
        named = [chosen.text("stdout-path"), chosen.text("linux,stdout-path"), "serial0"]
        ways = [*(self.find(path) for path in named if path), *self.nodes]
        node = next((node for node in ways if usable(node)), None)
        return (E_OK, node.path, self.reg(node)[0][1]) if node else (E_NOTFOUND,)


# ---- both opinions as the same lines ----

def indexed(what, answers):
    """Lines of one list; each answer is a status, and for E_OK a path or numbers, and cells."""
    for index, answer in enumerate(answers):
        words = [what, str(index), str(answer[0])]
        for word in answer[1:]:
            words += [word] if isinstance(word, str) else [f"{n:x}" for n in (word if isinstance(word, list) else [word])]
        yield " ".join(words)


def clocks(tree, node):
    answers = []
    try:
        for entry in tree.references(node, "clocks", "#clock-cells"):
            if entry is None:
                return answers + [(E_NOTFOUND,)]
            answers.append((E_OK, entry[0].path, entry[1]))
    except Bad as bad:
        return answers + [(bad.status,)]
    return answers + [(E_NOTFOUND,)]


def referee(path):
    tree = Tree(path)
    yield f"check {E_OK}"
    yield from indexed("memory", tree.memory() + [(E_NOTFOUND,)])
    reserved = tree.reservations()
    for index, (what, base, length) in enumerate(reserved):
        yield f"{what} {index} {E_OK} {base:x} {length:x}"
    yield f"reserved {len(reserved)} {E_NOTFOUND}"
    chosen = next((n for n in tree.root.children if n.name == "chosen"), tree.root)
    start, end = (number(chosen.cells(f"linux,initrd-{name}") or [0]) for name in ("start", "end"))
    yield f"initrd 0 {E_OK} {start:x} {end - start:x}" if end > start else f"initrd 0 {E_NOTFOUND}"
    yield next(indexed("console", [tree.console()]))
    for node in tree.nodes:
        line = node.line()
        yield f"node {node.path} {int(all(n.okay for n in line))} {int(any(n.name.startswith('__') for n in line[1:]))}"
        yield from indexed("reg", tree.reg(node))
        try:
            answers = tree.interrupts(node)
        except Bad:
            answers = []
        yield f"interrupts {len(answers)}"
        yield from indexed("interrupt", answers)
        yield from indexed("clock", clocks(tree, node))


def compare(path):
    ours = subprocess.run([DUMP, path], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
    theirs = list(referee(path))
    node = ""
    for left, right in zip(ours, theirs):
        node = left if left.startswith("node") else node
        assert left == right, f"{os.path.basename(path)}: {node}"
    assert len(ours) == len(theirs)
    return ours


@pytest.mark.parametrize("name", sorted(os.path.basename(p)[:-4] for p in glob.glob(f"{TREES}/good-*.dtb")))
def test_museum(name):
    compare(f"{TREES}/{name}.dtb")


@pytest.mark.parametrize("name", sorted(os.path.basename(p)[:-4] for p in glob.glob(f"{STOCK}/*.dtb")) if STOCK else [""])
def test_stock(name):
    if not name:
        pytest.skip("CAMBIUM_DTB_DIR names no folder of stock trees")
    compare(f"{STOCK}/{name}.dtb")


def console_of(path):
    return next(line for line in compare(path) if line.startswith("console")).split()[3]


def put(tree, kind, *arguments):
    """fdtput's way of setting a property ("s": strings, "x": cells), or of taking it away ("d")."""
    subprocess.run(["fdtput", *(["-d"] if kind == "d" else ["-t", kind]), tree, *arguments], check=True)


def patched(tree, folder):
    """The tree with VideoCore's share taken from the RAM, as the firmware hands it over: upstream's for Pi 3 give all of
    the first GiB, registers included, to RAM."""
    out = shutil.copy(tree, os.path.join(str(folder), "patched.dtb"))
    if "bcm2837" in tree:
        put(out, "x", "/memory@0", "reg", "0", "3c000000")
    return out


def overlaid(tree, overlay, folder):
    """The tree with dts/overlays/OVERLAY.dts applied, as the firmware would."""
    out, blob = os.path.join(str(folder), "out.dtb"), os.path.join(str(folder), "overlay.dtbo")
    subprocess.run(["dtc", "-I", "dts", "-O", "dtb", "-o", blob, os.path.join(OVERLAYS, overlay + ".dts")], check=True)
    subprocess.run(["fdtoverlay", "-i", tree, "-o", out, blob], check=True)
    return out


PI_3_AND_4 = sorted(path for family in ("2710", "2711", "2837") for path in glob.glob(f"{STOCK}/bcm{family}-*.dtb"))


@pytest.mark.parametrize("path", PI_3_AND_4 if STOCK and PI_3_AND_4 else [""], ids=os.path.basename)
def test_overlays_move_the_console_to_the_pl011(path, tmp_path):
    if not path:
        pytest.skip("CAMBIUM_DTB_DIR names no folder of stock trees")
    path = patched(path, tmp_path)
    has_bluetooth = any(n.path == PL011 + "/bluetooth" and n.okay for n in Tree(path).nodes)
    assert console_of(path) == (MINI_UART if has_bluetooth else PL011)
    for overlay, mini_uart_stays in (("disable-bt", False), ("miniuart-bt", True)):
        moved = overlaid(path, overlay, tmp_path)
        assert console_of(moved) == PL011
        tree = Tree(moved)
        assert tree.find("serial0").path == tree.find(tree.find("/chosen").text("stdout-path")).path == PL011
        assert tree.find(MINI_UART).okay == mini_uart_stays
        assert not tree.find(PL011 + "/bluetooth").okay
        assert bool(tree.find(MINI_UART + "/bluetooth") and tree.find(MINI_UART + "/bluetooth").okay
                    and tree.find(MINI_UART).okay) == mini_uart_stays


@pytest.mark.parametrize("path", PI_3_AND_4[:1] + [p for p in PI_3_AND_4 if "bcm2837" in p][:1] if STOCK else [""],
                         ids=os.path.basename)
def test_after_an_overlay_the_other_ways_to_name_the_console_still_count(path, tmp_path):
    if not path:
        pytest.skip("CAMBIUM_DTB_DIR names no folder of stock trees")
    moved = overlaid(patched(path, tmp_path), "miniuart-bt", tmp_path)
    put(moved, "s", "/chosen", "linux,stdout-path", "serial1")
    assert console_of(moved) == PL011
    put(moved, "s", "/chosen", "stdout-path", "/nothing")
    assert console_of(moved) == MINI_UART
    put(moved, "d", "/chosen", "stdout-path")
    assert console_of(moved) == MINI_UART
    put(moved, "d", "/chosen", "linux,stdout-path")
    assert console_of(moved) == PL011  # the alias serial0
    put(moved, "s", PL011, "status", "disabled")
    assert console_of(moved) == MINI_UART  # the first that is enabled
