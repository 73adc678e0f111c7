# SPDX-License-Identifier: BSD-2-Clause
"""tools/coverage: which lines and branches of the kernel and libsys the tests reach, on the target and on the host."""
import argparse
import collections
import concurrent.futures
import glob
import importlib.machinery
import json
import os
import re
import subprocess
import sys
import textwrap

import build
import coverage_drivers
import coverage_map
import helptext

DESCRIPTION = """\
Builds kernel, servers and host tests without optimisation (in build/variant-coverage), runs the target suite, the system
tests that boot this build, and the host tests, and prints for each file how many lines and how many outcomes of conditional
branches were reached. On the target nothing is instrumented: a plugin for QEMU notes which instructions are executed. On
the host gcov counts. With --check the command fails if something that is not reached is missing in tests/README.md, or if
something there is reached. With --driver NAME it is about one driver, mux or program instead: what its host tests reach of its own
source, in seconds, and what they do not.
"""
FOLDER = os.path.join(build.BUILD, "variant-coverage")
OPTIONS = ("-Doptimization=0", "-Dkernel_optimization=0", "-Dcoverage=true")
FOLDERS = ("kernel", "libsys")
LIST = os.path.join(build.ROOT, "tests", "README.md")
# Not those that build kernels of their own, and not those that repeat one thing for long.
SYSTEM = ("bad_archive", "bad_tree", "boot", "crash", "dma", "kill", "list", "memory", "museum", "programs", "random",
          "root", "shared_line", "shell")
SOME = (("lint/seeded_test.py", "kernel_that_panics"),)
HOSTILE = "hostile 1 300000"


def options(argv=None):
    parser = argparse.ArgumentParser(prog="tools/coverage", description=DESCRIPTION,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("--missing", action="store_true", help="list every line and outcome that was not reached")
    parser.add_argument("--check", action="store_true", help="compare these with the list in tests/README.md")
    parser.add_argument("--json", metavar="FILE", help="also write {path: {lines, branches, ...}} to FILE")
    parser.add_argument("--again", action="store_true", help="report from the last run's records, without running")
    parser.add_argument("--driver", metavar="NAME", action="append",
                        help="only what the host tests of this driver (mux, program) reach of it, and what they do not; may be "
                             "repeated; all: a table of all that have host tests (with --missing also what is not reached)")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    args = parser.parse_args(argv)
    if args.driver and (args.check or args.again):
        parser.error("--driver goes with --missing, --json and --no-install only")
    return args


# ---- the target ----

def archives():
    """(archive, {name in it: the ELF with debug information}), where the names differ."""
    return ((os.path.join(FOLDER, "servers", "archive.cpio"), {}),
            (os.path.join(FOLDER, "tests", "target", "archive-test.cpio"), {"init": "ktest"}))


def images_of(folder):
    """All images that the tests boot, as coverage_map.Images, and the code of all."""
    mkarchive = importlib.machinery.SourceFileLoader("mkarchive", os.path.join(build.TOOLS, "mkarchive")).load_module()
    images, code = coverage_map.Images(), {}
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.elf"), recursive=True)):
        if "variant-" in os.path.relpath(path, folder):  # what a test built there with other options
            continue
        code[os.path.basename(path)[:-4]] = coverage_map.code_of(path, build.ROOT, FOLDERS)
        with open(path, "rb") as f:
            images.add(f.read(), code[os.path.basename(path)[:-4]])
    for archive, names in archives():
        for name, elf in mkarchive.entries(archive):
            name = os.path.basename(name)
            images.add(elf, code[names.get(name, name)])
    return images, code


def runs():
    """Name and command of each run on the target."""
    image = os.path.join(FOLDER, "kernel", "Image")
    script = [sys.executable, "-B", os.path.join(build.ROOT, "tests", "target", "run.py"), "--timeout", "1800"]
    for word in "", HOSTILE:
        for gic in "2", "3":
            yield f"target {word} gicv{gic}", [*script, "--gic", gic, image, archives()[1][0], *([word] if word else [])]
    for path, word in [*((f"system/{name}_test.py", "") for name in SYSTEM), *SOME]:
        yield f"{path} {word}".strip(), [sys.executable, "-B", "-m", "pytest", "-s", "-p", "no:terminal", "-p",
                                         "no:cacheprovider", "-p", "tap", os.path.join(build.ROOT, "tests", path),
                                         *(["-k", word] if word else [])]


PAGES, RECORD = (os.path.join(FOLDER, name) for name in ("coverage.pages", "coverage.record"))


def run_target(images):
    """All runs; what failed in them."""
    images.write(PAGES)
    with open(RECORD, "wb") as f:
        f.truncate(images.size())
    env = {**os.environ, "CAMBIUM_BUILD": FOLDER, "PYTHONPATH": os.path.join(build.ROOT, "tests"),
           "CAMBIUM_PLUGIN": f"{compile_plugin()},pages={PAGES},out={RECORD}"}
    failed = []

    def one(run):
        name, command = run
        done = subprocess.run(command, cwd=build.ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with open(os.path.join(FOLDER, "coverage-" + re.sub(r"\W+", "-", name) + ".log"), "w", encoding="utf-8") as f:
            f.write(done.stdout)
        build.say(f"  {name}: {len(re.findall('^ok ', done.stdout, re.M))} passed")
        bad = re.findall(r"^(?:not ok|Bail out!).*", done.stdout, re.M)
        failed.extend(f"{name}: {line}" for line in bad or (["did not run"] if done.returncode else []))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, runs()))
    return failed


def compile_plugin():
    plugin = os.path.join(FOLDER, "coverage-plugin.so")
    build.step("compiling the plugin", ["gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", plugin,
                                        os.path.join(build.TOOLS, "coverage-plugin.c")])
    return plugin


# ---- the host ----

def run_host():
    """Runs all tests that are compiled from tests/host."""
    run_tests(FOLDER, [test["name"] for test in introspect("--tests") if test["name"] == "tree_referee" or
                       test["cmd"][0].startswith(os.path.join(FOLDER, "tests", "host") + os.sep)])


def introspect(what):
    return json.loads(subprocess.run(["meson", "introspect", what, FOLDER], cwd=build.ROOT, check=True, stdout=subprocess.PIPE,
                                     text=True).stdout)


def run_tests(folder, names):
    """Runs host tests; below folder only what they count stays. (A driver's system test may have its host test's name.)"""
    for path in coverage_map.counts_of(folder):
        os.remove(path)
    build.step("host tests", ["meson", "test", "-C", FOLDER, "--no-rebuild", "--print-errorlogs", "--suite", "host", *names])


# ---- drivers ----

def chosen(names, known, what):
    """The names, each once; all of known for `all`. known: {name: folder}; what: of what kind it is, for the sentence."""
    if "all" in names:
        return sorted(known)
    for name in names:
        if name not in known:
            raise LookupError(f"--driver {name}: no {what} has that name. There are {', '.join(sorted(known))}; all is all of "
                              "them.")
    return list(dict.fromkeys(names))


def drivers(args):
    """tools/coverage --driver."""
    servers = coverage_drivers.servers(build.ROOT)
    chosen(args.driver, servers, "driver, mux or program")
    build.everything(install=not args.no_install, build=FOLDER, options=OPTIONS, targets=["build.ninja"])
    tests, targets = introspect("--tests"), introspect("--targets")
    compiled = coverage_drivers.compiled(tests, targets, build.ROOT)
    names = chosen(args.driver, {name: at for name, at in servers.items() if at in compiled}, "driver with a host test")
    wanted = {test: exe for name in names for test, exe in compiled[servers[name]].tests.items()}
    needed = {id for test in tests if test["name"] in wanted and test["cmd"][0] in wanted.values() for id in test["depends"]}
    build.compile_all(FOLDER, [*(os.path.relpath(exe, FOLDER) for exe in sorted(wanted.values())),
                               *sorted(os.path.relpath(path, FOLDER) for target in targets if target["id"] in needed
                                       for path in target["filename"])])
    run_tests(os.path.join(FOLDER, "tests", "host"), sorted(wanted))
    report = {name: driver_report(servers[name], compiled[servers[name]]) for name in names}
    show_drivers(report, args.missing or "all" not in args.driver)
    if "all" in args.driver:
        print(textwrap.fill("No host test: " + ", ".join(sorted(set(servers) - set(names))) + ".", 80))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(report, f, indent=1)
            f.write("\n")
    return 0


COUNTS = ("lines", "lines_reached", "outcomes", "outcomes_reached")


def driver_report(folder, compiled):
    """What the tests that ran last say of one server, as --json has it."""
    reports = [report for exe in sorted(compiled.tests.values())
               for report in coverage_map.gcov_reports(exe + ".p", build.ROOT, [folder])]
    cover = coverage_drivers.cover_of(reports, source)
    missing = cover.outcomes()
    rows = {name: {key: row[key] for key in COUNTS} for name, row in table(cover, missing)}
    there = sorted(os.path.relpath(path, build.ROOT) for path in glob.glob(os.path.join(build.ROOT, folder, "*.c")))
    return {**rows[folder + "/"], "path": folder, "tests": sorted(compiled.tests),
            "files": {path: row for path, row in rows.items() if path != "all" and not path.endswith("/")},
            "not_compiled": [path for path in there if path not in compiled.files],
            "unreached": sorted({(path, line, what) for path, _, line, what in not_reached(cover, missing)})}


def show_drivers(report, details):
    """The table; with details also which tests ran, and what they did not reach."""
    print(f"{'':24}{'lines reached':>17}   outcomes of branches")
    for name, row in report.items():
        print(f"{name:22}{share(row['lines_reached'], row['lines'])} {share(row['outcomes_reached'], row['outcomes'])}")
    for name, row in report.items() if details else ():
        print(f"{name}: host tests: {', '.join(row['tests'])}")
        for path, line, what in row["unreached"]:
            print(f"{path}:{line}: {what}: {source(path)[line - 1].strip()}")
    for row in report.values():
        for path in row["not_compiled"]:
            print(f"{path}: in no host test")


# ---- the report ----

def whole_libsys():
    """All of libsys in one ELF file: what no image links is reached by nothing either."""
    out = os.path.join(FOLDER, "coverage-libsys.whole")
    libc, = glob.glob(os.path.join(FOLDER, "subprojects", "picolibc*", "newlib", "libc.a"))
    build.step("linking", ["aarch64-linux-gnu-ld", "-e", "0", "--unresolved-symbols=ignore-all", "-o", out, "--whole-archive",
                           os.path.join(FOLDER, "libsys", "libsys.a"), "--no-whole-archive", libc])
    return out


def existing(code):
    """Coverage of nothing yet: all lines and branches that there are."""
    cover = coverage_map.Coverage()
    for instructions in [*code.values(), coverage_map.code_of(whole_libsys(), build.ROOT, FOLDERS)]:
        cover.exists(instructions)
    cover.forget(source)
    return cover


SOURCES = {}


def source(path):
    """The lines of a source file."""
    if path not in SOURCES:
        with open(os.path.join(build.ROOT, path), encoding="utf-8") as f:
            SOURCES[path] = f.read().splitlines()
    return SOURCES[path]


def table(cover, missing):
    """Rows (name, counts) for each file and each folder, and for all."""
    rows = collections.defaultdict(collections.Counter)
    for path, line in cover.lines:
        for name in path, os.path.dirname(path) + "/", "all":
            rows[name].update(lines=1, lines_reached=cover.reached((path, line)),
                              target=(path, line) in cover.target_lines, host=(path, line) in cover.host_lines)
    for branch, names in missing.items():
        for name in branch[0], os.path.dirname(branch[0]) + "/", "all":
            rows[name].update(outcomes=2, outcomes_reached=2 - len(names))
    return sorted(rows.items(), key=lambda row: (row[0] == "all", row[0]))


def share(part, whole):
    return f"{part:6}/{whole:<6}{100 * part / whole:5.1f} %" if whole else f"{'-':>20}"


def show(rows):
    print(f"{'':38}{'lines reached':>17}{'target':>12}{'host':>7}   outcomes of branches")
    for name, row in rows:
        print(f"{name:38}{share(row['lines_reached'], row['lines'])}{row['target']:8}{row['host']:7}  "
              f"{share(row['outcomes_reached'], row['outcomes'])}")


def written(path, function, line):
    """What the source calls a function. In a header: the name at the last line that begins at the margin with one, since
    the symbol may be that of any function that it was inlined into; else without the prefix that a macro adds (sys_)."""
    if path.endswith(".h"):
        names = (re.match(r"(?:\w[\w *]*[ *])?(\w+)\(", text) for text in reversed(source(path)[:line]))
        return next((match[1] for match in names if match), function)
    is_there = any(re.search(rf"\b{re.escape(function)}\b", text) for text in source(path))
    return function if is_there else function.partition("_")[2] or function


def not_reached(cover, missing):
    """{(path, function as the compiler calls it, line, what)}. Branches of a line that was not reached are not told apart."""
    found = {(path, function, line, "not reached") for (path, line), function in cover.lines.items()
             if not cover.reached((path, line))}
    for (path, function, line, ordinal), names in missing.items():
        if cover.reached((path, line)):
            found |= {(path, function, line, f"branch {ordinal + 1} never {name}") for name in names}
    return found


def unreached(cover, missing):
    """What was not reached, as (path, function, line, what)."""
    found = {(path, written(path, function, line), line, what) for path, function, line, what in not_reached(cover, missing)}
    return sorted(found, key=lambda u: (u[0], u[2], u[3]))


# ---- the list ----

ROW = re.compile(r"^\| `([\w./-]+):(\w+)` \| (.*) \|$")


def listed(text):
    """[(path, function, [fragments of lines; none: all], by chance)] of the rows `| PATH:FUNCTION | all or FRAGMENTS |` in
    a page. The heading above says why; what stands under "By chance" may be reached."""
    rows, heading = [], ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.strip("# ")
        match = ROW.match(line)
        if match:
            fragments = [f.replace("\\|", "|") for f in re.findall("`(.+?)`", match[3])]
            if bool(fragments) == (match[3] == "all"):
                raise SystemExit(f"tests/README.md: neither all nor fragments of lines: {line}")
            rows.append((match[1], match[2], fragments, heading == "By chance"))
    return rows


def differences(found, rows):
    """What was found and is not listed, and what is listed and was not found, as lines."""
    used = set()
    for path, function, line, what in found:
        text = source(path)[line - 1].strip()
        hits = []
        for row, (row_path, row_function, fragments, _) in enumerate(rows):
            if (row_path, row_function) == (path, function):
                hits += [(row, i) for i, f in enumerate(fragments) if f in text] if fragments else [(row, None)]
        used.update(hits)
        if not hits:
            yield f"{path}:{line}: {function}: {what}, and not listed: {text}"
    for row, (path, function, fragments, by_chance) in enumerate(rows):
        for i in range(len(fragments)) if fragments else [None]:
            if (row, i) not in used and not by_chance:
                yield f"{path}:{function}: listed, and reached: {fragments[i] if fragments else 'all'}"


def main():
    args = options()
    if args.driver:
        try:
            return drivers(args)
        except LookupError as e:
            build.say(textwrap.fill(e.args[0], 80))
            return 2
    build.everything(install=not args.no_install, build=FOLDER, options=OPTIONS)
    images, code = images_of(FOLDER)
    failed = []
    if args.again:
        if not images.written(PAGES):
            raise SystemExit("--again: the last run was of another build")
    else:
        build.say("Running the tests on the target.")
        failed = run_target(images)
        build.say("Running the tests on the host.")
        run_host()
    cover = existing(code)
    with open(RECORD, "rb") as f:
        cover.on_target(images.executed(f.read()))
    for path, report in coverage_map.gcov_reports(FOLDER, build.ROOT, FOLDERS):
        cover.on_host(path, report)
    missing = cover.outcomes()
    rows, found = table(cover, missing), unreached(cover, missing)
    show(rows)
    if args.missing:
        for path, function, line, what in found:
            print(f"{path}:{line}: {function}: {what}: {source(path)[line - 1].strip()}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({**dict(rows), "unreached": found}, f, indent=1)
            f.write("\n")
    wrong = []
    if args.check:
        with open(LIST, encoding="utf-8") as f:
            wrong = list(differences(found, listed(f.read())))
    for line in wrong + [f"a test failed in this build: {line}" for line in failed]:
        print(line)
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(1)
