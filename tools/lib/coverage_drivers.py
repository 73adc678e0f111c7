# SPDX-License-Identifier: BSD-2-Clause
"""Which servers and programs there are, which host tests compile them, and what gcov says exists of them: for
tools/coverage --driver. A server's host tests are those that have one of its .c files among their sources, or include one."""
import collections
import glob
import os
import re

import coverage_map

KINDS = ("drv", "mux", "app")
INCLUDE = re.compile(r'^\s*#\s*include\s+"((?:\.\./)*servers/[^"]+\.c)"', re.M)
Compiled = collections.namedtuple("Compiled", "tests files")  # {name of the test: its executable}, {path of a source}


def servers(root):
    """{name: folder below root} of all drivers, muxes and programs that are written in C."""
    found = {}
    for kind in KINDS:
        for path in sorted(glob.glob(os.path.join(root, "servers", kind, "*", "*.c"))):
            folder = os.path.relpath(os.path.dirname(path), root)
            found[os.path.basename(folder)] = folder
    return found


def sources_of(target, root):
    """Paths below root of what one target of `meson introspect --targets` compiles, with the .c files of servers that these
    include."""
    found = set()
    for group in target["target_sources"]:
        for path in group.get("sources", []):
            found.add(os.path.relpath(path, root))
            if os.path.basename(os.path.dirname(path)) == "host" and path.endswith(".c"):
                with open(path, encoding="utf-8") as f:
                    found |= {re.sub(r"^(?:\.\./)*", "", name) for name in INCLUDE.findall(f.read())}
    return found


def compiled(tests, targets, root):
    """{folder of a server: Compiled} from what `meson introspect` says of tests and targets."""
    by_executable = {target["filename"][0]: target for target in targets if target["type"] == "executable"}
    found = collections.defaultdict(lambda: Compiled({}, set()))
    for test in tests:
        executable = test["cmd"][0]
        if executable not in by_executable:
            continue
        for path in sources_of(by_executable[executable], root):
            if path.startswith("servers" + os.sep) and path.endswith(".c"):
                found[os.path.dirname(path)].tests[test["name"]] = executable
                found[os.path.dirname(path)].files.add(path)
    return dict(found)


def copies_as_one(line):
    """A line of gcov's report. One without a function was inlined into several, and has each one's arcs: they become one
    branch, whose outcome is reached if it was in any of them. (Several conditions in it are one then, too. A condition with
    which such a function begins, before it calls another, gcov has at its callers' lines.)"""
    arcs = line["branches"]
    if line.get("function_name") or len(arcs) <= 2:
        return line
    ways = {True: 0, False: 0}
    for arc in arcs:
        ways[arc["fallthrough"]] += arc["count"]
    return {**line, "branches": [{"count": ways[falls], "fallthrough": falls} for falls in (True, False)]}


def cover_of(reports, source):
    """Coverage of [(path, gcov's report)]: there is no target here, so gcov says what exists too. source: as for
    Coverage.forget."""
    cover = coverage_map.Coverage()
    reports = [(path, {"lines": [copies_as_one(line) for line in report["lines"]]}) for path, report in reports]
    for path, report in reports:
        for line in report["lines"]:
            for ordinal in range(len(line["branches"]) // 2) or [None]:
                cover.exists([coverage_map.Instruction(0, path, line.get("function_name"), line["line_number"], ordinal)])
    cover.forget(source)
    for path, report in reports:
        cover.on_host(path, report)
    return cover
