# SPDX-License-Identifier: BSD-2-Clause
"""The commands `cam ...` of tools/gdb. Runs inside gdb, which tools/lib/gdb.py starts with what to attach to."""
import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import cam_lists  # noqa: E402
import cam_session as session  # noqa: E402
from cam_kernel import Process, System, register  # noqa: E402
from cam_memory import Trouble, write_core  # noqa: E402
from cam_session import CamCommand, forget_dead, load, quietly, say, system  # noqa: E402


MOST_FRAMES = 64  # of a backtrace


class Cam(gdb.Command):
    """Cambium's processes, ports, devices and nodes."""

    def __init__(self):
        super().__init__("cam", gdb.COMMAND_USER, prefix=True)


class Attach(CamCommand):
    """Finds the kernel of the machine that gdb is on.
    Its symbols get the addresses at which it runs.
    Usage: cam attach"""

    def run(self):
        session.attach_to_remote()


class Boot(CamCommand):
    """Runs the kernel from its first instruction to its random address.
    Breakpoints in the kernel are where they say from then on.
    Usage: cam boot"""

    def run(self):
        if session.machine is None or session.machine.is_dump():
            raise Trouble("There is no machine to run: `cam attach` first")
        if session.machine.is_placed():
            raise Trouble("The kernel has begun already")
        session.attach()
        session.boot()


class ProcessBreakpoint(gdb.Breakpoint):
    """Stops in one process only: others may have other code at that address."""

    def __init__(self, address, process):
        super().__init__(f"*{address:#x}", type=gdb.BP_HARDWARE_BREAKPOINT)
        self.address, self.id = process.address, process.id

    def stop(self):
        ttbr0 = register("TTBR0_EL1")
        if ttbr0 is None:
            return True  # a probe does not tell
        try:
            process = Process(System(session.machine), self.address)
        except Trouble:
            return False  # it ended, and its structure's memory is another's
        return process.id == self.id and process.ttbr0 == ttbr0


class Break(CamCommand):
    """Stops when this process comes to a place.
    No other does that has something else at that address. Loads the process's symbols. A new incarnation lies
    elsewhere: say it again after a restart.
    Usage: cam break PID|NAME FUNCTION|FILE:LINE"""
    least = most = 2

    def run(self, who, where):
        if session.machine is not None and session.machine.is_dump():
            raise Trouble("A dump does not run: there is nothing to break")
        now = system()
        forget_dead(now)
        process = now.process(who)
        elf, base = load(process)
        try:
            found = [line.pc for line in gdb.decode_line(where)[1] or () if base <= line.pc < base + elf.span]
        except gdb.error as error:
            raise Trouble(f"{process.name} has no {where} ({error})") from None
        if not found:
            raise Trouble(f"{process.name} has no {where}; other loaded files have")
        for address in found:
            ProcessBreakpoint(address, process)
        if register("TTBR0_EL1") is None:
            say("(The debug server does not tell whose address space is in use: any process that comes to this address stops.)")


class Beginning(gdb.Breakpoint):
    """Stops where a process of this name is given its first thread."""

    def __init__(self, name):
        at = session.machine.base + session.machine.elf.address("thread_create")
        super().__init__(f"*{at:#x}", type=gdb.BP_HARDWARE_BREAKPOINT, internal=True)
        self.silent, self.name, self.process = True, name, None

    def stop(self):
        process = Process(System(session.machine), register("x0"))
        if process.name == self.name[:16] and process.value["thread_count"] == 0:
            self.process = process
        return self.process is not None


class Wait(CamCommand):
    """Stops where a process of this name begins.
    The machine runs until then. It has not executed anything yet: time for `cam break`.
    Usage: cam wait NAME"""
    least = most = 1

    def run(self, name):
        if session.machine is not None and session.machine.is_dump():
            raise Trouble("A dump does not run: nothing will begin")
        system()
        beginning = Beginning(name)
        try:
            quietly("continue")
        finally:
            begun = beginning.process
            beginning.delete()
        if begun is None:
            raise Trouble(f"The machine stopped before a process {name} began")
        say(f"{begun.name} ({begun.id}) begins.")


class Bt(CamCommand):
    """Prints where each thread of a process is, and how it came there.
    The process need not run. `full`: with local variables.
    Usage: cam bt PID|NAME [full]"""
    least, most = 1, 2

    def run(self, who, full=""):
        if full not in ("", "full"):
            raise gdb.GdbError("Usage: cam bt PID|NAME [full]")
        process = system().process(who)
        elf, base = process.image()
        threads = process.threads()
        core = os.path.join(session.folder.name, f"process-{process.id}.core")
        write_process(core, process, threads)
        home = gdb.selected_inferior().num
        quietly("add-inferior -no-connection")
        other = max(inferior.num for inferior in gdb.inferiors())
        try:
            quietly(f"inferior {other}")
            quietly(f"core-file {core}")
            quietly(f"symbol-file -o {base:#x} {elf.path}")
            answers = []
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                text = quietly(f"bt {full} {depth(gdb.newest_frame())}")
                answers.append((thread.ptid[1], text.replace("(More stack frames follow...)\n", "")))
        finally:
            quietly("core-file")  # an inferior that has one is not removed
            quietly(f"inferior {home}")
            quietly(f"remove-inferiors {other}")
            os.unlink(core)
        for number, text in sorted(answers):
            thread = next(t for t in threads if t.id == number)
            say(f"thread {number} of {process.name} ({process.id}) {thread.does()}"
                + (" in the kernel; x19 to x28 may be older" if thread.is_running and not thread.is_on_cpu() else ""))
            gdb.write(text)


def depth(frame):
    """How many frames make sense. A function that never returns need not save where to: from there on, gdb would find the same
    frame again and again."""
    count = 0
    while frame is not None and count < MOST_FRAMES:
        older = frame.older()
        if older is not None and older.pc() == frame.pc() and frame.type() == older.type() == gdb.NORMAL_FRAME:
            break
        frame, count = older, count + 1
    return max(count, 1)


def write_process(path, process, threads):
    process.must_live()
    regions = []
    for va, length in process.mapped():
        regions.append((va, length, process.space.read(va, length)))
    if not threads:
        raise Trouble(f"{process.name} has no thread")
    write_core(path, [(t.id, t.registers()) for t in threads], regions)


class Core(CamCommand):
    """Writes a process as a core file.
    Threads and memory, without registers of devices; says how to look at it.
    Usage: cam core PID|NAME FILE"""
    least = most = 2

    def run(self, who, path):
        process = system().process(who)
        elf, base = process.image()
        try:
            write_process(path, process, process.threads())
        except OSError as error:
            raise Trouble(f"{path}: {error.strerror}") from None
        say(f"Written. To look at it: gdb-multiarch -c {path} -ex 'symbol-file -o {base:#x} {elf.path}'")


class Symbols(CamCommand):
    """Loads a process's symbols at its addresses.
    For breakpoints by hand, and for `bt` when the machine stops in it.
    Usage: cam symbols PID|NAME"""
    least = most = 1

    def run(self, who):
        now = system()
        forget_dead(now)
        process = now.process(who)
        elf, base = load(process)
        say(f"{process.name} ({process.id}) is {elf.path} at {base:#x}.")


Cam()
for command in (Attach, Boot, cam_lists.Ps, cam_lists.Threads, cam_lists.Handles, cam_lists.Ports, cam_lists.Devices,
                cam_lists.Tree, Break, Wait, Bt, Core, Symbols):
    command()


def main():
    """What tools/gdb's options ask for. A reason why not ends gdb, unless a person is there."""
    for setting in ("pagination off", "confirm off", "osabi GNU/Linux", "print thread-events off", "debuginfod enabled off",
                    "tcp auto-retry off", f"backtrace limit {MOST_FRAMES}"):
        quietly(f"set {setting}")
    try:
        if os.environ.get("CAMBIUM_GDB_DUMP"):
            session.open_dump(os.environ["CAMBIUM_GDB_DUMP"])
            return
        remote = os.environ["CAMBIUM_GDB_REMOTE"]
        try:
            quietly("set architecture aarch64")
            quietly(f"target remote {remote}")
        except gdb.error as error:
            raise Trouble(f"{str(error).rstrip('.')}. Is a machine there? `tools/run --gdb` starts one; a running QEMU opens "
                          "the port by `gdbserver` in its monitor (Ctrl-A c)") from None
        gdb.execute("cam attach")
        if session.machine.base is None and not os.environ.get("CAMBIUM_GDB_EARLY"):
            gdb.execute("cam boot")
        gdb.execute("frame")
    except (gdb.error, Trouble) as reason:
        sys.stderr.write(f"tools/gdb: {reason}\n")
        gdb.execute("quit 1")


main()
