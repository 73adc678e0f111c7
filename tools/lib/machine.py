# SPDX-License-Identifier: BSD-2-Clause
"""The QEMU command line for a machine, and a running machine under pexpect. Used by tools/run, tools/bench and
tests/system."""
import os
import re
import sys
import time

import build
import raspi5_qemu
import trees

QEMU = "qemu-system-aarch64"
IMAGE = os.path.join(build.BUILD, "kernel", "Image")
ARCHIVE = os.path.join(build.BUILD, "servers", "archive.cpio")
PROMPT = "cambium> "

MACHINES = ["virt", "raspi3b", "raspi4b", "raspi5b"]

# Machines whose cores and memory are fixed, and which take a board's own device tree: by these names, the best first.
BOARDS = {
    "raspi3b": {"smp": 4, "memory": "1G", "trees": ["bcm2710-rpi-3-b.dtb", "bcm2837-rpi-3-b.dtb"]},
    "raspi4b": {"smp": 4, "memory": "2G", "trees": ["bcm2711-rpi-4-b.dtb"]},
    "raspi5b": {"smp": 4, "memory": "4G", "trees": ["bcm2712-rpi-5-b.dtb"], "own": True},  # of the QEMU that we build
}


def mebibytes(size):
    """QEMU's way of writing a memory size ('128M', '6G', a number alone is MiB) as MiB; None if it is no size."""
    match = re.fullmatch(r"(\d+)([KMGT]?)", size, re.I)
    return int(match[1]) * {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024 * 1024}[match[2].upper()] if match else None


LEAST_MEMORY = 64  # MiB: what the system is tested with


def refusal(machine, gic=None, smp=None, memory=None):
    """Why this combination cannot run, or None. What is None was not asked for."""
    if machine in BOARDS:
        return board_refusal(machine, gic, smp, memory)
    gic, smp, memory = gic or 2, 1 if smp is None else smp, memory or "1G"
    most = {2: 8, 3: 123}[gic]
    if not 1 <= smp <= most:
        return f"--smp {smp}: QEMU's virt machine with a GICv{gic} has 1 to {most} cores"
    if mebibytes(memory) is None:
        return f"--memory {memory}: not a size such as 128M or 6G"
    if mebibytes(memory) < LEAST_MEMORY:
        return f"--memory {memory}: Cambium needs {LEAST_MEMORY}M"
    return None


def board_refusal(machine, gic, smp, memory):
    board = BOARDS[machine]
    if gic is not None:
        return f"--gic {gic}: {machine} has the interrupt controller of its board"
    if smp not in (None, board["smp"]):
        return f"--smp {smp}: {machine} has {board['smp']} cores"
    if memory is not None and mebibytes(memory) != mebibytes(board["memory"]):
        return f"--memory {memory}: {machine} has {board['memory']}"
    return None


def command(image=IMAGE, gic=2, smp=1, memory="1G", cpu="cortex-a72", dtb=None, initrd=None, properties=(),
            icount=False, extra=(), board="virt"):
    """QEMU's arguments. `properties` go to -M; icount: deterministic, one instruction is one nanosecond, the tree's seeds
    (and so all addresses) always the same. A board takes neither gic, smp, memory nor cpu, and needs dtb. tools/coverage names a
    plugin for all machines in $CAMBIUM_PLUGIN."""
    if board == "virt":
        args = [QEMU, "-M", ",".join(["virt", f"gic-version={gic}", *properties]), "-cpu", cpu, "-m", memory,
                "-smp", str(smp), "-nic", "none", "-display", "none", "-serial", "mon:stdio"]
    else:
        own = BOARDS[board].get("own")
        args = [(raspi5_qemu.find() or sys.exit(raspi5_qemu.MISSING)) if own else QEMU, "-M", ",".join([board, *properties]),
                "-nic", "none", "-display", "none", *board_serials(dtb)]
        if not icount:  # the cores that wait for their start poll, and with a host thread each would take the host's
            args += ["-accel", "tcg,thread=single"]
    if image:
        args += ["-kernel", image]
    if dtb:
        args += ["-dtb", dtb]
    if initrd:
        args += ["-initrd", initrd]
    if icount:
        args += ["-icount", "shift=0,sleep=off", "-seed", "1"]
    if os.environ.get("CAMBIUM_PLUGIN"):
        args += ["-plugin", os.environ["CAMBIUM_PLUGIN"]]
    return args + list(extra)


def board_serials(dtb):
    """The terminal at the tree's console. The first serial line of QEMU's Raspberry Pis is the PL011, the second the mini
    UART."""
    is_second = trees.console_is(dtb, "brcm,bcm2835-aux-uart")
    return (["-serial", "null"] if is_second else []) + ["-serial", "mon:stdio"]


class Stopped(Exception):
    """The machine did not do what was expected; .output is all that it printed."""

    def __init__(self, why, output):
        super().__init__(f"{why}\n--- output ---\n{output}")
        self.output = output


class Machine:
    """A QEMU whose serial port is read and written. Use as a context manager: it ends the QEMU it started."""

    def __init__(self, args, timeout=60, echo=None):
        import pexpect
        self.pexpect = pexpect
        self.text = ""
        self.timeout = timeout
        self.child = pexpect.spawn(args[0], args[1:], encoding="utf-8", codec_errors="replace", timeout=timeout,
                                   echo=False, dimensions=(50, 200))
        self.child.delaybeforesend = None
        self.child.logfile_read = echo

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self.child.isalive():
            self.child.kill(9)  # an idle guest under -icount ignores SIGTERM
        self.child.close(force=True)

    def expect(self, pattern, timeout=None):
        """Waits for a regular expression (or one of several) and returns the match."""
        patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        try:
            self.child.expect(patterns, timeout=timeout or self.timeout)
        except (self.pexpect.TIMEOUT, self.pexpect.EOF) as what:
            before = self.child.before if isinstance(self.child.before, str) else ""
            wanted = " or ".join(repr(re.sub(r"\\(.)", r"\1", p)) for p in patterns)
            why = "ended and did not say" if isinstance(what, self.pexpect.EOF) else "did not say in time"
            raise Stopped(f"QEMU {why}: {wanted}", self.text + before) from None
        self.text += self.child.before + self.child.after
        return self.child.match

    def send(self, text):
        self.child.send(text)

    def prompt(self, timeout=None):
        """Waits for the prompt; returns what was printed since the last wait, without carriage returns."""
        start = len(self.text)
        self.expect(re.escape(PROMPT), timeout)
        return clean(self.text[start:-len(PROMPT)])

    def run(self, line, timeout=None):
        """Types a command at the prompt and returns its answer. What is typed comes back first, as a whole line: before
        it the prompt may stand several times, put back behind log lines."""
        self.send(line + "\r")
        self.expect(re.escape(line) + "\r+\n" if line.isprintable() else "\n", timeout)
        return self.prompt(timeout)

    def status(self):
        """The exit status of the last command."""
        answer = re.search(r"^\d+$", self.run("echo $?"), re.M)  # a background program may have ended meanwhile
        return int(answer.group()) if answer else None

    def ended(self, timeout=None):
        """Waits until QEMU ends by itself; returns its exit status."""
        try:
            self.child.expect(self.pexpect.EOF, timeout=timeout or self.timeout)
        except self.pexpect.TIMEOUT:
            raise Stopped("QEMU did not end", self.text + (self.child.before or "")) from None
        self.text += self.child.before or ""
        self.child.close()
        return self.child.exitstatus


def clean(text):
    """Without carriage returns and terminal sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def unfolded(text):
    """With lines of the log whole that were broken to fit into a terminal (libsys/src/log_fold.c)."""
    return re.sub(r"\r*\n\[ *\d+\.\d{6}\] (?:debug: )?  (?=[^ ])", " ", text)


def wait_until(condition, timeout=10, pause=0.2):
    """Calls condition() until it returns something true, which is returned; None after the timeout."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    return None


if __name__ == "__main__":
    sys.exit("machine.py is a module of tools/run, tools/bench and tests/system")
