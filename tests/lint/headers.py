# SPDX-License-Identifier: BSD-2-Clause
"""Compiles each header alone, with the flags of the nearest source file in compile_commands.json. Prints TAP.

usage: headers.py SOURCE-ROOT BUILD-DIRECTORY
"""
import json
import os
import shlex
import subprocess
import sys

import rules


def nearest(commands, header):
    """The command of the file that shares the longest path with the header: same flags, same include path."""
    return max(commands, key=lambda c: (len(os.path.commonpath(["/" + c["path"], "/" + header])),
                                        c["path"].startswith("servers/")))


def flags(command):
    words, kept, skip = shlex.split(command["command"]), [], False
    for word in words:
        if skip or word in ("-o", "-MF", "-MQ", "-c"):
            skip = not skip and word != "-c"
        elif word not in ("-MD", command["file"]):
            kept.append(word)
    return kept


def main():
    root, build = map(os.path.abspath, sys.argv[1:3])
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    for command in commands:
        command["path"] = os.path.relpath(os.path.join(command["directory"], command["file"]), root)
    headers = [h for h in rules.Tree(root).under("kernel", "libsys", "servers")
               if h.endswith(".h")]
    commands = [c for c in commands if c["path"].startswith(("kernel/", "libsys/", "servers/"))
                and "aarch64" in c["command"].split()[0]]
    print(f"1..{len(headers)}")
    for number, header in enumerate(headers, 1):
        # A translation unit must not be empty, hence the declaration.
        unit = f'#include "{os.path.join(root, header)}"\nextern int header_compiles_alone;\n'
        done = subprocess.run([*flags(nearest(commands, header)), "-fdiagnostics-color=never", "-fmax-errors=1", "-x", "c",
                               "-fsyntax-only", "-"], input=unit, text=True,
                              cwd=build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in done.stdout.splitlines()[:8]:
            print("# " + line)
        print(f"{'not ok' if done.returncode else 'ok'} {number} - {header} compiles alone")


if __name__ == "__main__":
    main()
