# SPDX-License-Identifier: BSD-2-Clause
"""tools/analyze: GCC's -fanalyzer, clang-tidy and cppcheck over kernel, libsys and servers."""
import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import build
import helptext

DESCRIPTION = """\
Installs what is missing, builds, and lets static analysers read every C file of kernel, libsys and servers, each compiled as
for the system: gcc (the cross compiler's -fanalyzer), clang-tidy, clang-analyzer (the part of clang-tidy that follows
paths, and takes most of the time) and cppcheck. Prints what they find and tools/analyze.accepted does not name; the last line
is `N findings`, and the status is 1 if there are some. An analyser that is not here is skipped, and that is said.
"""
ACCEPTED = os.path.join(build.TOOLS, "analyze.accepted")
CHECKS = os.path.join(build.ROOT, ".clang-tidy")
FOLDERS = ("kernel/", "libsys/", "servers/")
LINE = re.compile(r"^(?P<file>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)? (?:fatal )?(?:warning|error): "
                  r"(?P<text>.*) \[(?P<check>[^][]*)\]$", re.M)
ERROR = re.compile(r"^(?:[^\s:]+:\d+:\d+: fatal error|[^\s:]+: (?:fatal )?error|Error): .*", re.M)
# What Clang does not know of GCC's flags; flags with a value come with it.
NOT_CLANGS = ("-mno-outline-atomics", "-fno-tree-loop-distribute-patterns")
OUTPUT, OUTPUT_VALUE = ("-c", "-MD", "-Werror", "-fdiagnostics-color=always"), ("-o", "-MQ", "-MF")

Finding = collections.namedtuple("Finding", "tool check file line text source")
Entry = collections.namedtuple("Entry", "tool check file source")  # of tools/analyze.accepted


# ---- what is compiled, and how ----

def sources(folder):
    """{path from the root: [compiler, flags]} of our C files in a build directory. A file that is compiled several times
    counts as it is first."""
    with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    found = {}
    for entry in commands:
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), build.ROOT)
        if path.startswith(FOLDERS) and path.endswith(".c"):
            found.setdefault(path, flags(entry))
    return found


def flags(entry):
    """The compiler and its flags, without source and outputs."""
    kept, words = [], iter(shlex.split(entry["command"]))
    for word in words:
        if word in OUTPUT_VALUE:
            next(words)
        elif word not in OUTPUT and word != entry["file"]:
            kept.append(word)
    return kept


def clang_flags(compiler_and_flags):
    """The same for Clang: its own headers instead of GCC's."""
    kept, words = [], iter(compiler_and_flags[1:])
    for word in words:
        if word == "-idirafter":
            next(words)
        elif word not in NOT_CLANGS and not word.startswith("-Wa,"):
            kept.append(word)
    resources = subprocess.run(["clang", "-print-resource-dir"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return ["--target=aarch64-none-elf", "-idirafter", os.path.join(resources, "include"), *kept]


# ---- the analysers ----

def gcc(path, compiled):
    return [compiled[0], "-fanalyzer", *compiled[1:], "-S", "-o", os.devnull, "-fdiagnostics-plain-output", path]


def clang_tidy(path, compiled, checks="-clang-analyzer-*"):
    """The checks that .clang-tidy names, without those that follow paths."""
    return ["clang-tidy", "--quiet", f"--config-file={CHECKS}", f"--checks={checks}", path, "--", *clang_flags(compiled)]


def clang_analyzer(path, compiled):
    return clang_tidy(path, compiled, "-bugprone-*,-cert-*,-misc-*,-performance-*,-portability-*,-readability-*")


def cppcheck(path, compiled):
    """It looks only for our own headers: libc's functions it knows, and of the compiler it need not know all. Registers of
    variables are beyond it; and that it leaves some branches out is no finding (2.17 says so, 2.10 does it in silence)."""
    seen = [word for word in compiled if word.startswith("-D") or word.startswith("-I") and "subprojects/picolibc" not in word]
    return ["cppcheck", "--quiet", "--enable=warning,performance,portability", "--std=c11", "--platform=unix64",
            "--template={file}:{line}:{column}: warning: {message} [{id}]", "-D__aarch64__=1", "-D__GNUC__=12", "-D__asm__(...)=", "--suppress=normalCheckLevelMaxBranches", *seen, path]


TOOLS = {"gcc": gcc, "cppcheck": cppcheck, "clang-tidy": clang_tidy, "clang-analyzer": clang_analyzer}
PROGRAMS = {"gcc": "aarch64-linux-gnu-gcc", "cppcheck": "cppcheck", "clang-tidy": "clang-tidy", "clang-analyzer": "clang-tidy"}


def missing(tool):
    """What this machine lacks for that analyser, or None."""
    needed = [PROGRAMS[tool]] + (["clang"] if tool.startswith("clang") else [])
    lacking = [program for program in needed if shutil.which(program) is None]
    return f"{lacking[0]} is not here (tools/setup installs it)" if lacking else None


def analyze(tool, compiled, folder):
    """Lets one analyser read {path: [compiler, flags]}; its findings, each line and check once. An analyser that cannot
    read a file has found something, too."""
    def one(item):
        path, how = item
        command = TOOLS[tool](os.path.join(build.ROOT, path), how)
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        found = [finding(tool, folder, match) for match in LINE.finditer(done.stdout + done.stderr)]
        found = [f for f in found if not f.file.startswith("subprojects/")]
        if not found and (done.returncode or ERROR.search(done.stderr)):
            last = (done.stderr + done.stdout).strip().splitlines() or [f"status {done.returncode}"]
            found = [Finding(tool, "cannot-read", path, 0, last[-1], "")]
        return found

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [finding for findings in pool.map(one, compiled.items()) for finding in findings]
    return sorted({(f.check, f.file, f.line): f for f in found}.values(), key=lambda f: (f.file, f.line, f.check))


def finding(tool, folder, match):
    path, number = os.path.join(folder, match["file"]), int(match["line"])
    try:
        with open(path, encoding="utf-8") as f:
            source = f.read().splitlines()[number - 1].strip()
    except (OSError, IndexError):
        source = ""
    return Finding(tool, match["check"].replace(",-warnings-as-errors", ""), os.path.relpath(os.path.realpath(path), build.ROOT), number,
                   match["text"], source)


# ---- what is accepted, with a reason ----

def accepted(path=ACCEPTED):
    """(entries, faults) of the list; its first comment says what it looks like."""
    entries, faults, reason = [], [], False
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f.read().splitlines(), 1):
            words = line.split(None, 3)
            if not words or line.startswith("#"):
                reason = line.startswith("# ")
            elif len(words) < 3 or words[0] not in ("gcc", "cppcheck", "clang"):
                faults.append(f"{path}:{number}: not `TOOL CHECK FILE [SOURCE]`")
            elif not reason:
                faults.append(f"{path}:{number}: no reason stands above it")
            else:
                entries.append(Entry(*words[:3], words[3] if len(words) > 3 else ""))
    return entries, faults


def covers(entry, found):
    return (found.tool.split("-")[0] == entry.tool and entry.check in found.check.split(",") and
            fnmatch.fnmatch(found.file, entry.file) and entry.source in found.source)


def stale(entries):
    """Entries whose line is not in the source any more. (Whether an analyser still finds fault with the line is no
    question: its versions differ.)"""
    def stands(entry):
        if "*" in entry.file:
            return True
        try:
            with open(os.path.join(build.ROOT, entry.file), encoding="utf-8") as f:
                return any(entry.source in line for line in f)
        except OSError:
            return False
    return [entry for entry in entries if not stands(entry)]


def unexplained(found, entries):
    return [f for f in found if not any(covers(entry, f) for entry in entries)]


# ---- the command ----

def options():
    parser = argparse.ArgumentParser(prog="tools/analyze", description=DESCRIPTION,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("--only", metavar="ANALYSER", action="append", choices=list(TOOLS),
                        help=f"one of {', '.join(TOOLS)}; may be given several times (default: all)")
    parser.add_argument("--fast", action="store_true", help="all but clang-analyzer")
    parser.add_argument("--all", action="store_true", help="show what is accepted, too (and do not count it)")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    parser.add_argument("path", nargs="*", help="files or folders to read (default: kernel libsys servers)")
    return parser.parse_args()


def show(found):
    print(f"{found.file}:{found.line}: {found.text} [{found.tool}: {found.check}]")


def chosen(compiled, paths):
    """Those of the sources that a path names or holds."""
    wanted = [os.path.relpath(os.path.abspath(path), build.ROOT) for path in paths]
    result = {path: how for path, how in compiled.items() if any(path == w or path.startswith(w + "/") for w in wanted)}
    if not result:
        raise SystemExit(f"no C file of {', '.join(FOLDERS)} is or lies in {' '.join(paths)}")
    return result


def main():
    args = options()
    build.everything(install=not args.no_install, targets=["kernel/Image"])  # for the headers that the build makes
    compiled = sources(build.BUILD)
    if args.path:
        compiled = chosen(compiled, args.path)
    entries, faults = accepted()
    for text in faults + [f"{ACCEPTED}: no such line any more: {' '.join(entry)}" for entry in stale(entries)]:
        print(text)
    count = len(faults) + len(stale(entries))
    for tool in args.only or [t for t in TOOLS if not (args.fast and t == "clang-analyzer")]:
        if missing(tool):
            print(f"skipped: {tool}: {missing(tool)}")
            continue
        found = analyze(tool, compiled, build.BUILD)
        left = unexplained(found, entries)
        count += len(left)
        for f in found if args.all else left:
            show(f)
        print(f"{tool}: {len(compiled)} files, {len(left)} findings, {len(found) - len(left)} accepted", flush=True)
    print(f"{count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(1)
