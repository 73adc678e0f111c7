# SPDX-License-Identifier: BSD-2-Clause
"""Installs, configures and builds: what tools/run, tools/test and tools/bench do before anything else.

Everything stops with SystemExit and a reason; the build's output is shown only when it fails.
"""
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "build")
TOOLS = os.path.join(ROOT, "tools")


def say(text):
    print(text, file=sys.stderr, flush=True)


def step(what, command, shown=60, hint=""):
    """Runs a command quietly; if it fails, shows the end of what it said and stops."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        say("\n".join(done.stdout.splitlines()[-shown:]))
        raise SystemExit(f"{what} failed: {' '.join(command)}" + (f"\n{hint}" if hint else ""))


def setup(install=True, tests=True, card=False, gdb=False):
    """Installs what is missing (or, with install=False, stops if something is)."""
    options = (([] if install else ["--no-install"]) + ([] if tests else ["--boot-only"]) + (["--card"] if card else []) +
               (["--gdb"] if gdb else []))
    code = subprocess.run([os.path.join(TOOLS, "setup"), *options]).returncode
    if code:
        raise SystemExit(code)


def fetch():
    """Fetches the third-party sources; whether all are there. Meson can do that too, unless only a Debian mirror is in
    reach."""
    if subprocess.run([os.path.join(TOOLS, "fetch-subprojects")], cwd=ROOT).returncode == 0:
        return True
    say("Meson will try the libraries' own sites.")
    return False


def asked(build, option):
    """The value of an option of the project in a configured build directory; None if it has no such option."""
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as f:
        return next((o["value"] for o in json.load(f) if o["name"] == option), None)


def is_configured(build):
    """There is a build directory, and it is this source tree's: a copied or renamed tree brings one that would build
    the sources at the old place."""
    try:
        with open(os.path.join(build, "meson-info", "meson-info.json"), encoding="utf-8") as f:
            folders = json.load(f)["directories"]
    except (OSError, ValueError, KeyError):
        return False
    if os.path.realpath(folders["source"]) == ROOT and os.path.realpath(folders["build"]) == os.path.realpath(build):
        return os.path.exists(os.path.join(build, "build.ninja"))
    say(f"{os.path.relpath(build, ROOT)} was made for {folders['source']}; making it anew.")
    shutil.rmtree(build)
    return False


def configure(build=BUILD, options=(), tests=True, cross="aarch64.ini"):
    """Sets the build directory up if there is none; one without tests gets them when they are asked for. cross: Meson's
    cross file, of tools/."""
    if not is_configured(build):
        hint = "" if fetch() else ("To build without a network, put the files that subprojects/*.wrap name (source_filename) "
                                   "into subprojects/packagecache/.")
        say(f"Configuring {os.path.relpath(build, ROOT)}.")
        step("configuring", ["meson", "setup", build, "--cross-file", os.path.join(TOOLS, cross),
                             f"-Dtests={str(tests).lower()}", *options], 20, hint)
        return
    changes = ["-Dtests=true"] if tests and asked(build, "tests") is False else []
    if asked(build, "libdir") == "lib":  # made when `meson install` would have put picolibc among the host's own headers
        changes += ["-Dlibdir=lib/cambium/lib", "-Dincludedir=lib/cambium/include"]
    if changes:
        say(f"Configuring {os.path.relpath(build, ROOT)} with {' '.join(changes)}.")
        step("configuring", ["meson", "setup", "--reconfigure", build, *changes], 20)


def compile_all(build=BUILD, targets=()):
    """Builds with ninja. Prints one line if there is anything to do."""
    plan = subprocess.run(["ninja", "-C", build, "-n", *targets], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if plan.returncode == 0 and "no work to do" in plan.stdout:
        return
    say(f"Building in {os.path.relpath(build, ROOT)} (a first build takes about half a minute).")
    step("building", ["ninja", "--quiet", "-C", build, *targets])


def must_be_writable():
    """The build directory and the libraries' sources lie in the source tree."""
    for folder in ROOT, os.path.join(ROOT, "subprojects"), BUILD:
        if os.path.exists(folder) and not os.access(folder, os.W_OK):
            raise SystemExit(f"{folder} is not writable, and it is where Cambium is built: copy the source tree to a folder "
                             "of your own")


def everything(install=True, tests=True, build=BUILD, options=(), targets=None, cross="aarch64.ini", card=False):
    """From nothing to a finished build. tests: with what only tests need; targets: only these (default: what tests and
    the boot need); cross: as for configure; card: with what tools/sdcard needs."""
    must_be_writable()
    setup(install, tests, card)
    configure(build, options, tests, cross)
    compile_all(build, targets or (["all", "meson-test-prereq"] if tests else ["kernel/Image"]))
