# SPDX-License-Identifier: BSD-2-Clause
"""tools/gdb: gdb on a Cambium machine, with the kernel's symbols where they are and commands for what runs there."""
import argparse
import os
import sys

import build
import helptext

GDB = "gdb-multiarch"

EPILOG = """\
A machine: `tools/run --gdb` waits for a debugger. In a QEMU that runs already,
Ctrl-A c and `gdbserver` let one in (Ctrl-A c goes back). A dump: there,
`dump-guest-memory FILE`. A board: OpenOCD's port, --remote :3333
(dts/boards/README.md). What runs must be what was built last: nothing is built
here, and other code is refused.

commands beside gdb's own; `help cam` tells more:
  cam ps | threads | ports | devices | tree     what there is
  cam handles PID|NAME                          what a process may use
  cam bt PID|NAME [full]                        where it is; it need not run
  cam break PID|NAME FUNCTION|FILE:LINE         stop in this process only
  cam wait NAME                                 stop where such a process begins
  cam symbols PID|NAME                          load its symbols
  cam core PID|NAME FILE                        write a core file of it

Options after -- go to gdb, for example: tools/gdb -- -batch -ex 'cam ps'
"""


def options(argv):
    parser = argparse.ArgumentParser(prog="tools/gdb", epilog=EPILOG, description=__doc__.split(": ", 1)[1],
                                     formatter_class=helptext.Formatter,
                                     usage="tools/gdb [options] [-- GDB-OPTION...]")
    parser.add_argument("--remote", metavar="HOST:PORT", help="the debug server: QEMU's or OpenOCD's (default: 127.0.0.1:1234)")
    parser.add_argument("--dump", metavar="FILE", help="look at a dump of QEMU's instead of a machine")
    parser.add_argument("--build", metavar="DIR", default=build.BUILD, help="the build directory of what runs (default: build)")
    parser.add_argument("--elf", metavar="FILE", action="append", default=[],
                        help="a program or server that is not in the build directory; may be repeated")
    parser.add_argument("--early", action="store_true",
                        help="stay at the first instruction instead of going on to where the kernel has its random address")
    parser.add_argument("--image-at", metavar="ADDRESS", type=address, help="where in physical memory the kernel's Image lies, "
                        "if it is not found (default: by the CPU's registers, or where loaders put it)")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    own, gdb = (argv[:argv.index("--")], argv[argv.index("--") + 1:]) if "--" in argv else (argv, [])
    args = parser.parse_args(own)
    args.gdb = gdb
    if args.dump and (args.remote or args.early):
        parser.error("--dump is no machine: it goes with neither --remote nor --early")
    for path in [*args.elf, *([args.dump] if args.dump else [])]:
        if not os.path.isfile(path):
            parser.error(f"{path}: no such file")
    if not os.path.isfile(os.path.join(args.build, "kernel", "kernel.elf")):
        parser.error(f"{args.build}: no kernel/kernel.elf there. tools/run builds it; --build names another build directory")
    return args


def address(text):
    try:
        return f"{int(text, 0):#x}"
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not an address such as 0x200000") from None


def main():
    args = options(sys.argv[1:])
    build.setup(install=not args.no_install, tests=False, gdb=True)
    given = {"BUILD": os.path.abspath(args.build), "REMOTE": args.remote or "127.0.0.1:1234", "DUMP": args.dump or "",
             "ELF": os.pathsep.join(os.path.abspath(path) for path in args.elf), "EARLY": "1" if args.early else "",
             "IMAGE_AT": args.image_at or ""}
    os.environ.update({f"CAMBIUM_GDB_{name}": value for name, value in given.items()})
    os.execvp(GDB, [GDB, "-q", *(["-batch"] if "-batch" in args.gdb else []), "-x", os.path.join(build.TOOLS, "lib", "cam_gdb.py"),
                    *args.gdb])


if __name__ == "__main__":
    main()
