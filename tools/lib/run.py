# SPDX-License-Identifier: BSD-2-Clause
"""tools/run: installs what is missing, builds, boots Cambium in QEMU and gives its shell."""
import argparse
import importlib.machinery
import importlib.util
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import time

import build
import firmware
import helptext
import image
import machine
import raspi5_qemu
import symbolise
import trees

MKARCHIVE = os.path.join(build.TOOLS, "mkarchive")
LONGEST_LINE = 511  # of Cambium's shell: EDIT_LEN - 1 of servers/app/shell/edit.h

DEVICES = {"virt": ["-device", "virtio-rng-device"]}  # what a machine has beside its own: each costs a server at boot

EPILOG = """\
In the session, Ctrl-C goes to Cambium's shell. To leave: `poweroff` at the prompt, or Ctrl-A then x.

Options after -- go to QEMU, for example: tools/run -- -M virtualization=on
virt has a source of random bytes plugged in (-device virtio-rng-device).

status: 0 the machine powered off (with --exec: and every command succeeded), 1 something failed,
        2 options that do not go together, or that this machine lacks
"""


def options(argv):
    parser = argparse.ArgumentParser(prog="tools/run", epilog=EPILOG, description=__doc__.split(": ", 1)[1],
                                     formatter_class=helptext.Formatter,
                                     usage="tools/run [options] [-- QEMU-OPTION...]")
    parser.add_argument("--machine", choices=machine.MACHINES, default="virt",
                        help="the board (default: virt); raspi5b takes a QEMU that tools/raspi5-qemu builds first")
    parser.add_argument("--gic", type=int, choices=[2, 3],
                        help="version of virt's interrupt controller (default: 2)")
    parser.add_argument("--smp", type=int, metavar="N", help="virt's cores (default: 1; only the first is used yet)")
    parser.add_argument("--memory", metavar="SIZE", help="virt's RAM, for example 128M or 6G (default: 1G)")
    parser.add_argument("--dtb", metavar="FILE", help="boot with this device tree instead of QEMU's own, or, with a "
                        "Raspberry Pi, of the board's from the folder CAMBIUM_DTB_DIR or from what tools/firmware fetches")
    parser.add_argument("--gdb", action="store_true",
                        help="wait for a debugger on port 1234 before the first instruction")
    parser.add_argument("--add", metavar="[NAME=]FILE.elf", action="append", default=[],
                        help="put a driver (drv/FILE), a mux (mux/FILE) or a program (bin/FILE) into the boot archive, in place "
                        "of one of that name; as spare/NAME=FILE it claims no node, but `restart SERVER --from spare/NAME` "
                        "takes it; may be repeated")
    parser.add_argument("--exec", metavar="'CMD; CMD'", dest="commands",
                        help="type these commands at the prompt, print the answers, power off")
    parser.add_argument("--timeout", type=float, metavar="S", help="end QEMU after S seconds, with status 1 "
                        "(default: none; with --exec 120)")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    own, qemu = (argv[:argv.index("--")], argv[argv.index("--") + 1:]) if "--" in argv else (argv, [])
    args = parser.parse_args(own)
    args.qemu = qemu
    reason = machine.refusal(args.machine, args.gic, args.smp, args.memory)
    if reason:
        parser.error(reason)
    args.add = images_to_add(args.add, parser.error)
    if args.dtb:
        reason = no_tree(args.dtb) if os.path.isfile(args.dtb) else "no such file"
        if reason:
            parser.error(f"{args.dtb}: {reason}")
    if args.machine in machine.BOARDS:
        names = machine.BOARDS[args.machine]["trees"]
        args.dtb = args.dtb or trees.find(names) or (None if args.no_install else firmware.bring(names, build.say))
        reason = trees.missing(names) if args.dtb is None else no_board_tree(args.dtb)
        if reason:
            parser.error(f"--machine {args.machine}: {reason}")
    if args.timeout is not None and not args.timeout > 0:
        parser.error("--timeout: must be more than 0 seconds")
    if args.commands is not None:
        try:
            args.commands = split_commands(args.commands)
        except ValueError as what:
            parser.error(f"--exec: {what}")
    if args.gdb and args.commands is not None:
        parser.error("--gdb and --exec: the one waits for a person, the other for nobody")
    return args


def images_to_add(options, error):
    """{name in the archive: path} of what --add was given."""
    added = {}
    for option in options:
        try:
            name, path = image.place(option)
        except image.Odd as what:
            error(f"--add {what}")
        if name in added:
            error(f"--add {path}: {name} is {added[name]} already; --add NAME={path} gives it another name")
        added[name] = path
    return added


def no_tree(path):
    """Why a file cannot be a device tree, or None."""
    with open(path, "rb") as f:
        blob = f.read()
    if blob[:4] != b"\xd0\x0d\xfe\xed" or len(blob) < 40:
        return "not a device tree blob (dtc makes one of a .dts file)"
    if struct.unpack_from(">I", blob, 4)[0] > len(blob):
        return "a device tree blob that is cut short"
    return None


def no_board_tree(path):
    """The same for one in which the console must be found."""
    reason = no_tree(path)
    if reason is None:
        try:
            trees.Tree(path)
        except trees.Odd:
            reason = "a device tree blob that is damaged"
    return reason and f"{path}: {reason}"


def packed_tree(path, folder):
    """The tree without room for additions behind it; its path. QEMU doubles a tree's size to have room of its own, and a
    tree that QEMU itself wrote (dumpdtb) is 1 MiB, which would then exceed the 2 MiB that the boot protocol allows."""
    with open(path, "rb") as f:
        blob = bytearray(f.read())
    structs, strings = struct.unpack_from(">2I", blob, 8)
    strings_len, structs_len = struct.unpack_from(">2I", blob, 32)
    size = max(structs + structs_len, strings + strings_len)
    if size > len(blob) or structs_len == 0:
        return path  # odd: let QEMU and the kernel see it as it is
    struct.pack_into(">I", blob, 4, size)
    out = os.path.join(folder, "tree.dtb")
    with open(out, "wb") as f:
        f.write(blob[:size])
    return out


def add_images(added, folder):
    """A boot archive with more images in it; its path. SystemExit: one that claims what another does."""
    out = os.path.join(folder, "archive.cpio")
    subprocess.run([MKARCHIVE, "--base", machine.ARCHIVE, "-o", out, "--names", ",".join(added), *added.values()], check=True)
    reason = image.clash(dict(mkarchive().entries(out)), added)
    if reason:
        build.say(f"tools/run: --add {reason}")
        raise SystemExit(2)
    for name, path in added.items():
        build.say(f"{path} is {name} in the boot archive.")
    return out


def mkarchive():
    """tools/mkarchive as a module."""
    loader = importlib.machinery.SourceFileLoader("mkarchive", MKARCHIVE)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mkarchive", loader))
    loader.exec_module(module)
    return module


def interactive(command, args):
    if args.gdb:
        print("Waiting for a debugger: `tools/gdb` in another terminal.", file=sys.stderr)
    print("Leave with `poweroff`, or with Ctrl-A then x. Ctrl-C goes to the shell.", file=sys.stderr, flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as qemu:
        if not copied(qemu.stdout.fileno(), symbolise.Stream(symboliser(args)), args.timeout):
            qemu.terminate()  # it gives the terminal back; one that hangs does not
            try:
                qemu.wait(5)
            except subprocess.TimeoutExpired:
                qemu.kill()
            print(f"\ntools/run: ended after {args.timeout:g} s", file=sys.stderr)
    return 0 if qemu.returncode == 0 else 1


def symboliser(args):
    return symbolise.Symboliser(elves=list(args.add.values()))


def copied(source, stream, timeout):
    """Shows what comes from `source`, through `stream`, as it comes; False: the time is over and it has not ended. The
    terminal's keys are QEMU's own: it reads them raw, which also makes our output one that does not wait."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        if not select.select([source], [], [], None if end is None else max(0, end - time.monotonic()))[0]:
            return False
        data = os.read(source, 65536)
        if not data:
            return True
        data = stream.feed(data)
        while data:
            try:
                data = data[os.write(1, data):]
            except BlockingIOError:
                select.select([], [1], [])


def split_commands(text):
    """'a; b "c; d"' -> ['a', 'b "c; d"']: at semicolons and line ends, as the shell reads quotes, \\ and #."""
    commands = [""]
    for token in re.findall(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"|(?<![^\s;])#[^\n]*|.", text, re.S):
        if token in "'\"":
            raise ValueError("a quote is not closed")
        if token in ";\n":
            commands.append("")
        elif token[0] != "#" or len(token) == 1 and commands[-1][-1:].strip():
            commands[-1] += " " if token == "\t" else token
    commands = [command.strip() for command in commands if command.strip()]
    for command in commands:
        if len(command.encode()) > LONGEST_LINE or not command.isprintable():
            raise ValueError(f"not a line of at most {LONGEST_LINE} printable characters: {command[:40]!r}")
    return commands


def with_status(line, status):
    """The line with `status` for each $? that the shell would replace: asking for the status made it 0 there."""
    return re.sub(r"\\.|'[^']*'|\$\?", lambda found: str(status) if found[0] == "$?" else found[0], line)


def execute(command, args):
    """--exec: types, prints, powers off."""
    failed, status = [], 0
    symbols = symboliser(args)
    with machine.Machine(command, timeout=args.timeout or 120) as m:
        try:
            print(symbolise.annotated(m.prompt(), symbols), end="")
            for number, line in enumerate(args.commands, 1):
                print(machine.PROMPT + line)
                if line == "poweroff":
                    failed += [f"{later}: not run, the machine is off" for later in args.commands[number:]]
                    break
                print(symbolise.annotated(m.run(with_status(line, status)), symbols), end="", flush=True)
                status = m.status()
                if status != 0:
                    failed.append(f"{line}: status {status}")
            m.send("poweroff\r")
            code = m.ended()
            if code != 0:
                failed.append(f"power-off: QEMU ended with status {code}")
        except machine.Stopped as what:
            failed.append(symbolise.annotated(machine.clean(str(what)), symbols))
    for reason in failed:
        print(f"tools/run: {reason}", file=sys.stderr)
    return 1 if failed else 0


def main():
    args = options(sys.argv[1:])
    build.everything(install=not args.no_install, tests=False)
    if args.machine == "raspi5b":
        try:
            raspi5_qemu.make(not args.no_install)
        except raspi5_qemu.Failed as what:
            build.say(f"tools/run: --machine raspi5b: {what}")
            return 1
    cores = args.smp or machine.BOARDS.get(args.machine, {"smp": 1})["smp"]
    if cores > 1:
        build.say(f"Of the {cores} cores only the first is used yet.")
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        initrd = add_images(args.add, folder) if args.add else None
        extra = (["-S", "-gdb", "tcp:127.0.0.1:1234"] if args.gdb else []) + DEVICES.get(args.machine, []) + args.qemu
        dtb = packed_tree(args.dtb, folder) if args.dtb else None
        command = machine.command(board=args.machine, gic=args.gic or 2, smp=cores, memory=args.memory or "1G", dtb=dtb,
                                  initrd=initrd, extra=extra)
        return execute(command, args) if args.commands is not None else interactive(command, args)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(1)
