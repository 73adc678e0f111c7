# SPDX-License-Identifier: BSD-2-Clause
"""What tools/gdb is on: the machine or dump, where its kernel is, and whose symbols are loaded; and what all commands share.
Runs inside gdb."""
import os
import tempfile
import textwrap

import gdb

from cam_kernel import Machine, System, register
from cam_memory import ADDRESS, PAGE, Dump, Probe, Stub, Trouble, write_core

machine = None  # a Machine, once attached
loaded = {}  # symbols of processes: {(process id, base): (ELF file, base)}
folder = tempfile.TemporaryDirectory(prefix="cambium-gdb-")  # of core files, as long as gdb runs


def say(text):
    gdb.write(text + "\n")


def say_wrapped(text):
    """A line that may be long, for 80 columns."""
    indent = " " * (len(text) - len(text.lstrip()))
    say(textwrap.fill(text, 80, subsequent_indent=indent + "      ", break_long_words=False, break_on_hyphens=False))


def quietly(command):
    """What a command says, which is not printed; nor is that the machine stopped, or that gdb looks elsewhere."""
    gdb.execute("set suppress-cli-notifications on")
    try:
        return gdb.execute(command, to_string=True)
    finally:
        gdb.execute("set suppress-cli-notifications off")


def system():
    """The kernel's objects at this moment."""
    if machine is None:
        raise Trouble("gdb is on no machine yet: `cam attach`, after `target remote HOST:PORT`")
    if gdb.selected_inferior() != machine.inferior:
        quietly(f"inferior {machine.inferior.num}")
    cores = machine.inferior.threads()
    if not cores:
        raise Trouble("The machine is gone: start tools/gdb again")
    first = min(cores, key=lambda core: core.num)
    if first.is_running():
        raise Trouble("The machine runs: stop it first (Ctrl-C)")
    if gdb.selected_thread() != first:
        first.switch()  # the core that Cambium uses
    if not machine.is_placed():
        machine.locate()
        place(machine.image if machine.base is None else machine.base)
    return System(machine)


def load(process):
    """Loads a process's symbols where it has them; (ELF file, base)."""
    elf, base = process.image()
    if (process.id, base) not in loaded:
        quietly(f"add-symbol-file {elf.path} -o {base:#x}")
        loaded[process.id, base] = elf, base
    return elf, base


def forget_dead(now):
    """Symbols of processes that are gone would only be in the way."""
    alive = {p.id for p in now.processes() if not p.is_dead}
    for number, base in [key for key in loaded if key[0] not in alive]:
        elf, _ = loaded.pop((number, base))
        try:
            quietly(f"remove-symbol-file -a {base + elf.section('.text')[0]:#x}")
        except gdb.error:
            pass  # the user removed it


# ---- attaching ----

def place(address):
    """The kernel's symbols are at this address."""
    quietly("symbol-file")
    loaded.clear()
    quietly(f"symbol-file -o {address:#x} {machine.elf.path}")


def reader():
    connection = gdb.selected_inferior().connection
    if not isinstance(connection, gdb.RemoteTargetConnection):
        raise Trouble("gdb is on no machine: `target remote HOST:PORT` first")
    return Stub(connection) if Stub.fits(connection) else Probe()


def attach_to_remote():
    """gdb is connected to a debug server."""
    global machine
    machine = Machine(reader(), gdb.selected_inferior(), option("image_at"))
    attach()


def attach():
    """Finds the kernel, and gives its symbols their addresses."""
    machine.locate()
    if machine.base is not None:
        place(machine.base)
        say(f"The kernel is at {machine.base:#x}, its image at physical {machine.image:#x}.")
    else:
        place(machine.image)
        say(f"The kernel has not begun yet; until it has its MMU on, it is at physical {machine.image:#x}.")


def open_dump(path):
    """gdb's view of a dump: a core file of the kernel's address space."""
    global machine
    machine = Machine(Dump(path), gdb.selected_inferior(), option("image_at"))
    machine.locate()
    place(machine.base)
    regions = []
    for va, length, entry in System(machine).space.entries(high=True):
        pa = entry & ADDRESS & -length
        if machine.reader.read(pa, 1):  # RAM
            regions.append((va, length, lambda pa=pa, length=length: pieces(pa, length)))
    core = os.path.join(folder.name, "kernel.core")
    write_core(core, list(enumerate(machine.reader.cpus, 1)), regions)
    quietly(f"core-file {core}")
    say(f"A dump of {sum(length for _, length, _ in machine.reader.ram) >> 20} MiB; the kernel is at {machine.base:#x}.")
    gdb.execute("frame")


def pieces(pa, length):
    for at in range(pa, pa + length, PAGE):
        yield machine.reader.read(at, PAGE) or bytes(PAGE)


def run_to(address):
    if register("pc") == address:
        return
    breakpoint_ = gdb.Breakpoint(f"*{address:#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True, temporary=True)
    breakpoint_.silent = True
    quietly("continue")
    if register("pc") != address:
        raise Trouble(f"The machine stopped at {register('pc'):#x} on the kernel's way to its place")


def boot():
    """Runs the kernel to where its place is chosen, and its own code begins there. It goes: mmu_on, one to one; the upper
    half; boot_slide, which says how far it moves."""
    at = machine.elf.address
    run_to(machine.image + at("mmu_on"))
    here = machine.placed()
    if here is None:
        raise Trouble("The kernel's first page tables do not show it")
    run_to(here + at("boot_slide"))
    run_to(register("x30"))
    machine.base = here + register("x0") & 2**64 - 1
    place(machine.base)
    run_to(machine.base + at("boot_main"))
    say(f"The kernel is at {machine.base:#x}, before its first line there.")


def option(name):
    text = os.environ.get("CAMBIUM_GDB_" + name.upper())
    return int(text, 0) if text else None


# ---- commands ----

class CamCommand(gdb.Command):
    """What all share: arguments are words, and errors are sentences."""
    least, most = 0, 0

    def __init__(self):
        first, *more, usage = self.__doc__.splitlines()
        type(self).__doc__ = f"{first}\n{textwrap.fill(' '.join(' '.join(more).split()), 79)}\n{usage.strip()}"
        super().__init__("cam " + type(self).__name__.lower(), gdb.COMMAND_USER)

    def invoke(self, line, from_tty):
        words = gdb.string_to_argv(line)
        if not self.least <= len(words) <= self.most:
            raise gdb.GdbError(self.__doc__.splitlines()[-1].strip())
        try:
            self.run(*words)
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from None
        except (ArithmeticError, LookupError, ValueError) as error:  # what memory holds is no structure of Cambium's
            raise gdb.GdbError(f"The machine's memory makes no sense here ({type(error).__name__}: {error})") from None
