# SPDX-License-Identifier: BSD-2-Clause
"""Cambium's kernel seen from outside, for tools/gdb: where it is, and its objects (kernel/core/objects.h). Runs inside gdb.

Structures are read by the debug information of the running kernel's own ELF file, so they are followed as they change;
what is named here are their members. All that this needs is memory: it works while the kernel runs, after its panic, and
on a dump.
"""
import glob
import os

import gdb

from cam_memory import ADDRESS, PAGE, Dump, Elf, Physical, Space, Trouble

MAGIC = 56, b"ARM\x64"  # of the arm64 Image header
HIGH = 1 << 63


def register(name):
    """Of the CPU, whichever frame is selected; None where there is no such register."""
    try:
        return int(gdb.newest_frame().read_register(name)) & 2**64 - 1
    except (ValueError, gdb.error):
        return None


def amount(count, one):
    return f"{count} {one}{'' if count == 1 else 's'}"


class Machine:
    """What gdb is attached to: a reader of physical memory, and the kernel's place in it."""

    def __init__(self, reader, inferior, image_at=None):
        self.reader, self.inferior, self.image_at = reader, inferior, image_at
        self.elf = Elf(os.path.join(os.environ["CAMBIUM_GDB_BUILD"], "kernel", "kernel.elf"))
        self.files = {}  # ELF files by path
        self.image = self.base = None

    def is_dump(self):
        return isinstance(self.reader, Dump)

    def has_mmu(self):
        """Whether the CPU translates addresses by EL1's tables; None: not known."""
        sctlr = register("SCTLR_EL1") if register("SCTLR_EL1") is not None else register("SCTLR")
        return None if sctlr is None else bool(sctlr & 1)

    def candidates(self, physical):
        """Where the kernel's image may begin in physical memory, the likely first."""
        if self.image_at is not None:
            return [self.image_at]
        if self.is_dump():
            return self.reader.find(MAGIC)
        ttbr1 = register("TTBR1_EL1")
        if self.has_mmu() and ttbr1:
            return [(ttbr1 & ADDRESS) - self.elf.address("kernel_l1")]
        if ttbr1 is None:
            return [0x200000, 0x80000]  # a probe: not to be sent about in a board's registers. Where firmware loads images
        pc = (register("pc") or 0) & -(2 << 20)
        return [0x80000, *range(pc, pc + (128 << 20), 2 << 20)]

    def locate(self):
        """Finds the image, and the address at which it runs (None: still at its physical one). Sets image and base."""
        physical = Physical(self.reader)
        seen = 0
        for image in self.candidates(physical):
            if image < 0 or image % PAGE or physical.read(image + MAGIC[0], 4) != MAGIC[1]:
                continue
            seen = image
            if not self.elf.is_at(lambda at, length, image=image: physical.read(image + at, length), 0):
                continue
            base = None if self.has_mmu() is False else self.placed(image)
            if base is not None or not self.is_dump():
                self.image, self.base = image, base
                return
        if seen:
            raise Trouble(f"A kernel lies at physical {seen:#x}, but it is not {self.elf.path}. Boot the Image of this build, "
                          "or name the build directory of the one that runs: --build DIR")
        raise Trouble("Found no kernel of Cambium in memory." + (
            "" if self.is_dump() else " If its loader still runs, go on and try `cam attach` later; if you know where its Image "
            "lies, say so: --image-at ADDRESS"))

    def placed(self, image=None):
        """The virtual address of the image, by the kernel's page tables; None: they do not show it."""
        image = self.image if image is None else image
        root = image + self.elf.address("kernel_l1")
        at = self.elf.section(".text")[0] & -PAGE  # the boot's code, before it, is unmapped later
        found = [va - at for va, length, entry in self._tables_of(Physical(self.reader), root)
                 if entry & ADDRESS == image + at and length == PAGE]
        pc = register("pc") or 0
        near = [base for base in found if base <= pc < base + self.elf.span]
        return (near or found or [None])[-1]  # two of them while the kernel moves to its random place

    def is_placed(self):
        """Whether it still is where it was found: a machine may reboot, and another kernel moves elsewhere."""
        at = self.elf.section(".text")[0]
        if self.base is None or self.has_mmu() is False:
            return False
        try:
            space = Space(Physical(self.reader), self.image + self.elf.address("kernel_l1"), "the kernel")
            return space.translate(self.base + at) == self.image + at
        except Trouble:
            return False

    @staticmethod
    def _tables_of(physical, root):
        """The kernel's mappings; none if its tables are not there yet."""
        try:
            yield from Space(physical, root, "the kernel").entries(high=True)
        except Trouble:
            return

    def elf_of(self, path):
        if path not in self.files:
            self.files[path] = Elf(path)
        return self.files[path]

    def images(self, name):
        """The ELF files of the build that a process with this name may run, which is cut at 16 bytes."""
        build = os.environ["CAMBIUM_GDB_BUILD"]
        given = [path for path in os.environ.get("CAMBIUM_GDB_ELF", "").split(os.pathsep) if path]
        paths = given + sorted(glob.glob(os.path.join(build, "servers", "*.elf"))) + \
            sorted(glob.glob(os.path.join(build, "tests", "*", "*.elf")))
        stem = {path: os.path.splitext(os.path.basename(path))[0] for path in paths}
        return [self.elf_of(path) for path in paths if name in (stem[path][:16], stem[path].removeprefix("mux_")[:16])]


class Types:
    """Types by the debug information of one ELF file, which is loaded: two files may have different ones of a name."""

    def __init__(self, symbol):
        """symbol: a function that is in the file, as gdb found it."""
        self.block = symbol.symtab.static_block()
        self.known = {}

    def __getitem__(self, name):
        if name not in self.known:
            try:
                self.known[name] = gdb.lookup_type(name, self.block)
            except gdb.error as error:
                raise Trouble(f"{error}: is the ELF file of another version than tools/gdb?") from None
        return self.known[name]

    def enumerators(self, name):
        """{value: name}; `name`: of the enum, or of one of an enum's values."""
        kind = self[name] if name.startswith("enum ") else gdb.lookup_symbol(name, self.block)[0].type
        return {field.enumval: field.name for field in kind.fields()}

    def offset(self, name, member):
        return next(f.bitpos // 8 for f in self[name].fields() if f.name == member)


def symbol_in(objfile_path, function):
    """A function's symbol out of one loaded file."""
    for objfile in gdb.objfiles():
        if os.path.realpath(objfile.filename or "") == os.path.realpath(objfile_path):
            symbol = objfile.lookup_global_symbol(function) or objfile.lookup_static_symbol(function)
            if symbol is not None:
                return symbol
    raise Trouble(f"{objfile_path} has no debug information of {function}")


class System:
    """The kernel's objects as they are now."""

    def __init__(self, machine):
        if machine.base is None:
            raise Trouble("The kernel has not begun yet: `cam boot` runs it until it has")
        self.machine = machine
        self.physical = Physical(machine.reader)
        self.space = Space(self.physical, machine.image + machine.elf.address("kernel_l1"), "the kernel")
        self.types = Types(symbol_in(machine.elf.path, "process_next"))
        self.states = self.types.enumerators("enum thread_state")
        self.object_types = self.types.enumerators("enum object_type")
        self._processes = None

    def variable(self, name, kind):
        return self.space.value(self.machine.base + self.machine.elf.address(name), kind)

    def value(self, va, name):
        return self.space.value(va, self.types[name])

    def links(self, first, kind, member):
        """The objects of a list of struct link, by address; a broken list ends with a sentence."""
        at, seen = int(first), set()
        while at:
            if at in seen or len(seen) > 100000:
                raise Trouble(f"The kernel's list of {kind} goes round in a circle at {at:#x}")
            seen.add(at)
            yield at - self.types.offset(kind, member)
            at = int(self.value(at, "struct link")["next"])

    def processes(self):
        """By id."""
        if self._processes is None:
            first = self.variable("process_all", self.types["struct link"].pointer())
            found = [Process(self, at) for at in self.links(first, "struct process", "all_link")]
            self._processes = sorted(found, key=lambda p: p.id)
        return self._processes

    def process(self, who):
        """By id or name."""
        processes = self.processes()
        name = who.rpartition("/")[2][:16]
        found = [p for p in processes if str(p.id) == who or p.name == name]
        if not found:
            raise Trouble(f"There is no process {who}; running: " + ", ".join(f"{p.id} {p.name}" for p in processes))
        if len(found) > 1:
            ids = " ".join(str(p.id) for p in found)
            raise Trouble(f"Several processes are called {who}; say which by its id: {ids}")
        return found[0]

    def threads(self):
        return [t for p in self.processes() for t in p.threads()]

    def thread_at(self, address):
        return next((t for t in self.threads() if t.address == address), None)

    def describe(self, address, kind):
        """An object in a few words."""
        if kind == "PROCESS":
            process = Process(self, address)
            return f"process {process.id}, {process.name}"
        if kind == "THREAD":
            thread = Thread(self, address)
            return f"thread {thread.id} of {thread.process.name}"
        if kind == "PORT":
            return "port of " + (", ".join(self.receivers(address)) or "nobody")
        if kind == "MEMORY":
            memory = self.value(address, "struct memory")
            text = f"memory, {int(memory['pages']) * PAGE // 1024} KiB"
            return text + (", DMA" if memory["dma"] else "") + (f" at {int(memory['first']) * PAGE:#x}" if memory["contiguous"] else "")
        if kind == "DEVICE":
            return f"device, {windows_text(self.value(address, 'struct device'))}"
        return ""

    def kind(self, handle):
        """"PORT" and so on, as enum object_type has it."""
        name = self.object_types.get(int(self.value(handle.object, "struct object")["type"]), "?")
        return name.replace("OBJECT_", "") if handle.rights else "REPLY"

    def receivers(self, port):
        """Names of the processes that serve a port. All of servers' ports are also init's, which keeps them over restarts."""
        found = [p for p in self.processes() if any(h.object == port and h.rights & RECEIVE for h in p.handles())]
        return [p.name for p in found if p.id != 1] or [p.name for p in found]


RIGHTS = "CALL NOTIFY RECEIVE READ WRITE EXEC MANAGE TRANSFER".split()  # bits, kernel/abi/abi.h
RECEIVE = 1 << RIGHTS.index("RECEIVE")
RIGHTS_LETTERS = "cnRrwxmt"


def rights_text(rights):
    return "".join(letter if rights >> bit & 1 else "-" for bit, letter in enumerate(RIGHTS_LETTERS))


def windows_text(device):
    windows = [f"{int(device['window'][i]['pa']):#x}+{int(device['window'][i]['len']):#x}" for i in range(int(device["count"]))]
    if int(device["flags"]) >> 31:
        return "every address that is not RAM"
    return ", ".join(windows) or "no window"


class Handle:
    """An entry of a handle table in use."""

    def __init__(self, entry):
        self.handle, self.object = int(entry["self"]), int(entry["object"])
        self.rights, self.badge = int(entry["meta"]) & 0xff, int(entry["meta"]) >> 8


class Process:
    def __init__(self, system, address):
        self.system, self.address = system, address
        self.value = system.value(address, "struct process")
        raw = bytes(int(self.value["name"][i]) & 0xff for i in range(self.value["name"].type.sizeof))
        self.name = raw.partition(b"\0")[0].decode(errors="replace")
        self.id = int(self.value["id"])
        self.ttbr0 = int(self.value["ttbr0"])
        self.is_dead = bool(self.value["object"]["dead"])
        self.space = Space(system.physical, self.ttbr0, self.name)
        self._places = self._handles = self._threads = None

    def threads(self):
        if self._threads is None:
            found = self.system.links(self.value["threads"], "struct thread", "process_link")
            self._threads = sorted((Thread(self.system, at, self) for at in found), key=lambda t: t.id)
        return self._threads

    def handles(self):
        if self._handles is None:
            self._handles = list(self._read_handles())
        return self._handles

    def _read_handles(self):
        pages, kind = self.value["handle_page"], self.system.types["struct handle_entry"]
        per_page = PAGE // kind.sizeof
        for index in range(1, int(self.value["handle_top"])):
            page = int(pages[index // per_page])
            if page == 0:
                raise Trouble(f"{self.name}: page {index // per_page} of its handle table is missing")
            entry = self.system.space.value(page + index % per_page * kind.sizeof, kind)
            if entry["self"] != 0:
                yield Handle(entry)

    def object_of(self, handle):
        return next((h.object for h in self.handles() if h.handle == handle), 0)

    def mapped(self):
        """(va, length) of its memory, without the windows of its devices, which reading might disturb."""
        windows = [(int(w["va"]), int(w["pages"]) * PAGE) for w in
                   (self.system.value(at, "struct window") for at in
                    self.system.links(self.value["windows"], "struct window", "process_link"))]
        for va, length, _ in self.space.entries():
            if not any(at <= va < at + size for at, size in windows):
                yield va, length

    def must_live(self):
        if self.is_dead:
            raise Trouble(f"{self.name} ({self.id}) has ended: nothing of it is left but its name")

    def places(self):
        """Where in its space images begin, and where its start page is; both say so themselves."""
        if self._places is None:
            self.must_live()
            self._places = [], None
            for va, _ in self.mapped():
                head = self.space.read(va, 8)
                if head[:4] == b"\x7fELF":
                    self._places[0].append(va)
                elif head == b"CamStart":
                    self._places = self._places[0], va
        return self._places

    def image(self):
        """(ELF file, base) of what it runs."""
        candidates = self.system.machine.images(self.name)
        for base in self.places()[0]:
            for elf in candidates:
                if elf.is_at(self.space.read, base):
                    return elf, base
        known = ", ".join(elf.path for elf in candidates)
        raise Trouble(f"No ELF file is what {self.name} ({self.id}) runs" + (f"; other code is in {known}" if known else
                      f": no file {self.name}.elf in the build directory") + ". If it came by tools/run --add, name it: --elf FILE")


class Thread:
    def __init__(self, system, address, process=None):
        self.system, self.address = system, address
        self.value = system.value(address, "struct thread")
        self.id = int(self.value["id"])
        self.state = system.states.get(int(self.value["state"]), "?")
        self.process = process or Process(system, int(self.value["process"]))

    @property
    def is_running(self):
        """It is what its core runs, in EL0 or in the kernel."""
        v = self.value
        return self.state == "TS_RUN" and v["wait"] == 0 and not v["ready"]

    def is_on_cpu(self):
        """The CPU's registers are its own: it runs in EL0."""
        return self.is_running and not (register("pc") or HIGH) & HIGH

    def registers(self):
        """x0..x30, sp, pc, pstate."""
        v = self.value
        if self.is_on_cpu():
            return [register(name) for name in [f"x{i}" for i in range(31)] + ["sp", "pc", "cpsr"]]
        return ([int(v["x"][i]) for i in range(19)] + [int(v["x19_x30"][i]) for i in range(12)] +
                [int(v["sp_el0"]), int(v["elr"]), int(v["spsr"])])

    def does(self):
        """What it does, in words."""
        v = self.value
        wait = int(v["wait"])
        if v["fault"]:
            return "stopped in a fault"
        if self.state == "TS_QUEUED":
            return "calls " + self._server(int(v["queued_at"])) + ", queued"
        if self.state == "TS_FUTEX":
            return f"waits for a futex at {int(v['futex_address']):#x}"
        if self.state != "TS_RUN":
            return "ended"
        if wait & 1:
            return "receives"
        if wait == 0:
            return "is ready" if v["ready"] else "runs"
        server = self.system.thread_at(wait)
        names = [server.process.name] if server else [p.name for p in self.system.processes() if
                                                      any(h.object == self.address and not h.rights for h in p.handles())]
        return f"calls {', '.join(names)}" if names else "waits for an answer"

    def _server(self, port):
        return ", ".join(self.system.receivers(port)) or "a port of nobody"
