# SPDX-License-Identifier: BSD-2-Clause
"""tools/test: installs what is missing, builds, runs every test, and ends with `N passed, N failed`."""
import argparse
import json
import os
import re
import subprocess
import sys

import build
import debian
import helptext
import raspi5_qemu
import referee

DESCRIPTION = """\
Installs what is missing, builds, and runs every test through `meson test`. The suites are host (units and models on
this machine), target (programs inside Cambium), system (whole boots in QEMU) and lint (the rules of the source).
Stock trees are read from $CAMBIUM_DTB_DIR, or from ../shared/dtb/stock beside the source if that is there.
The last line is `N passed, N failed`, with `, N skipped` if some were; their names and reasons stand above it.
"""
BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")
TAP_LINE = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)$", re.M)
TAP_SKIP = re.compile(r"#\s*(?:skip|todo)\S*\s*(.*)$", re.I)


CLANG = os.path.join(build.BUILD, "variant-clang")  # the same that tests/system makes
STOCK = os.path.join(os.path.dirname(build.ROOT), "shared", "dtb", "stock")


def environment():
    """The environment of the tests. Stock trees lie beside the checkout on the machines that have them."""
    env = dict(os.environ)
    if "CAMBIUM_DTB_DIR" not in env and os.path.isdir(STOCK):
        env["CAMBIUM_DTB_DIR"] = STOCK
    return env


def options():
    parser = argparse.ArgumentParser(prog="tools/test", description=DESCRIPTION,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("-k", metavar="WORD", help="only tests with WORD in their name")
    parser.add_argument("--fast", action="store_true",
                        help="under three minutes: the suites host and lint, and the short ones of the others")
    parser.add_argument("--compiler", choices=["gcc", "clang"], default="gcc",
                        help="clang: the suites target and system with everything built by Clang and lld")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    parser.add_argument("--referee-latest", action="store_true", help="the machine raspi5b is judged by the newest kernel that "
                        "Debian has, unstable or experimental, not by the pinned one; prints which that is (120 MB to fetch)")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what the tests print")
    return parser.parse_args()


def introspect(what, folder):
    return json.loads(subprocess.run(["meson", "introspect", what, folder], cwd=build.ROOT, check=True, stdout=subprocess.PIPE,
                                     text=True).stdout)


def prerequisites(folder, names):
    """What is built for these tests, as ninja calls it: what is built by default, and what they need beside that. (Ninja's own
    target `all` has the executables of all tests in it.)"""
    wanted = {target for test in introspect("--tests", folder) if test["name"] in names for target in test["depends"]}
    return sorted(os.path.relpath(path, folder) for target in introspect("--targets", folder)
                  if target["id"] in wanted or (target["build_by_default"] and not target.get("subproject"))
                  for path in target["filename"])


def chosen(args, folder):
    """Names of the tests to run, as `meson test` wants them; the tests that exist are Meson's to say."""
    names = []
    for test in introspect("--tests", folder):
        suites = {suite.rpartition(":")[2] for suite in test["suite"]}
        if not any(suite.partition(":")[0] == "cambium" for suite in test["suite"]):
            continue  # a subproject's own
        if args.k and args.k.lower() not in test["name"].lower():
            continue
        if args.fast and not suites & {"host", "lint", "fast"}:
            continue
        if args.compiler == "clang" and not suites & {"target", "system"}:
            continue  # runs on this machine: no other with another cross compiler
        names.append(test["name"])
    return names


def counts(test):
    """(passed, failures, skips) of one line of testlog.json. TAP lines count one by one; a test that Meson calls bad
    (short TAP, bail-out, time-out too) counts as a failure even if its lines say nothing."""
    output = test.get("stdout", "")
    lines = TAP_LINE.findall(output) if re.search(r"^1\.\.\d", output, re.M) else []
    passed, failures, skips = 0, [], []
    for bad, rest in lines:
        skip = TAP_SKIP.search(rest)
        name = rest.split("#")[0].strip()
        if skip:
            skips.append(f"{test['name']}: {name}: {skip.group(1) or 'no reason given'}")
        elif bad:
            failures.append(f"{test['name']}: {name}")
        else:
            passed += 1
    if test["result"] in BAD and not failures:
        failures.append(f"{test['name']}: {test['result']}")
    if not lines and test["result"] in ("OK", "EXPECTEDFAIL"):
        passed += 1
    if not lines and test["result"] == "SKIP":
        skips.append(f"{test['name']}: {(output.strip().splitlines() or ['no reason given'])[-1]}")
    return passed, failures, skips


def summary(log, names=()):
    """Prints the last lines; the exit status. A test of `names` that is not in the log did not run: a failure."""
    passed, failures, skips, missing = 0, [], [], list(names)
    if os.path.exists(log):
        with open(log, encoding="utf-8") as lines:
            for line in lines:
                test = json.loads(line)
                test["name"] = test["name"].rpartition(" / ")[2]
                if test["name"] in missing:
                    missing.remove(test["name"])
                p, f, s = counts(test)
                passed, failures, skips = passed + p, failures + f, skips + s
    failures += [f"{name}: did not run" for name in missing]
    for title, lines in (("failed", failures), ("skipped", skips)):
        for line in lines:
            print(f"  {title}: {line}")
    print(f"{passed} passed, {len(failures)} failed" + (f", {len(skips)} skipped" if skips else ""))
    return 0 if passed and not failures else 1


def main():
    args = options()
    if args.referee_latest:
        os.environ["CAMBIUM_REFEREE"] = "latest"
    clang = args.compiler == "clang"
    folder = CLANG if clang else build.BUILD
    build.everything(install=not args.no_install, build=folder, cross="aarch64-clang.ini" if clang else "aarch64.ini",
                     targets=["build.ninja"] if args.k else None)  # with -k it is not known yet which tests are to be built
    names = chosen(args, folder)
    if not names:
        print("no test has that name", file=sys.stderr)
        print("0 passed, 0 failed")
        return 1
    if any("raspi5" in name for name in names):
        try:
            raspi5_qemu.make(not args.no_install)
            referee.fetch(not args.no_install)
            build.say(f"The machine raspi5b is judged by Debian's Linux {referee.version()}.")
        except (raspi5_qemu.Failed, debian.Failed) as what:
            build.say(f"tools/test: tests of the machine raspi5b are skipped: {what}")
    if args.k:
        build.compile_all(folder, prerequisites(folder, names))
    log = os.path.join(folder, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    subprocess.run(["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", "2", "--print-errorlogs",
                    *(["--verbose"] if args.verbose else []), *names], cwd=build.ROOT, env=environment())
    return summary(log, names)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(1)
