# SPDX-License-Identifier: BSD-2-Clause
"""Boots the archive whose init is ktest and prints the TAP that it writes to the kernel's log.

WORD: "stress"; "hostile SEED CALLS"; or what the names of the tests to run must contain.
"""
import argparse
import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "lib"))
sys.dont_write_bytecode = True
import machine  # noqa: E402

STAMP = re.compile(r"^\[ *\d+\.\d+\] ")
TAP = re.compile(r"^(1\.\.\d|ok \d|not ok \d|Bail out!)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gic", type=int, choices=[2, 3], default=2)
    parser.add_argument("image")
    parser.add_argument("archive")
    parser.add_argument("word", nargs="?")
    parser.add_argument("--timeout", type=int, default=120, help="seconds of the host: a hang (%(default)s)")
    parser.add_argument("--real-time", action="store_true",
                        help="without -icount: several times faster, and no two runs are the same")
    args = parser.parse_intermixed_args()
    extra = ["-append", args.word] if args.word else []
    command = machine.command(image=args.image, initrd=args.archive, gic=args.gic, memory="256M",
                              icount=not args.real_time, extra=extra,
                              properties=["dtb-randomness=off"])  # so that the tests know what kernel addresses to try
    command[command.index("-serial") + 1] = "stdio"
    run = subprocess.Popen(command + ["-monitor", "none"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    why = []
    timer = threading.Timer(args.timeout, lambda: (why.append(f"it did not end in {args.timeout} s"), run.kill()))
    timer.start()
    ended = False
    for raw in run.stdout:
        text = STAMP.sub("", raw.decode(errors="replace").rstrip())
        ended = ended or text == "# end"
        print(text if TAP.match(text) or text.startswith("#") else "# " + text, flush=True)
        if "PANIC" in text and not why: # a report of some lines follows, then nothing for ever
            why.append("the kernel panicked")
            timer.cancel()
            timer = threading.Timer(2, run.kill)
            timer.start()
    status = run.wait()
    timer.cancel()
    why.append(f"QEMU ended with status {status}")
    if not ended:
        print(f"Bail out! the machine stopped before the end: {why[0]}")


if __name__ == "__main__":
    main()
