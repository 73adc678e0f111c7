# SPDX-License-Identifier: BSD-2-Clause
"""Installs, configures and builds: what tools/run, tools/test and tools/bench do before anything else.

Everything stops with SystemExit and a reason; the build's output is shown only when it fails.
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
TOOLS = os.path.join(ROOT, "tools")


def say(text):
    print(text, file=sys.stderr, flush=True)


SHOWN_LINES = 60


def step(what, command):
    """Runs a command quietly; if it fails, shows the end of what it said and stops."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        say("\n".join(done.stdout.splitlines()[-SHOWN_LINES:]))
        raise SystemExit(f"{what} failed: {' '.join(command)}")


def setup(install=True, tests=True):
    """Installs what is missing (or, with install=False, stops if something is)."""
    options = ([] if install else ["--no-install"]) + ([] if tests else ["--boot-only"])
    code = subprocess.run([os.path.join(TOOLS, "setup"), *options]).returncode
    if code:
        raise SystemExit(code)


def fetch(install=True):
    """Fetches the third-party sources. Meson can do that too, unless only a Debian mirror is in reach."""
    command = [os.path.join(TOOLS, "fetch-subprojects")]
    if subprocess.run(command, cwd=ROOT).returncode == 0:
        return
    if install and os.path.exists("/usr/bin/apt-get"):
        say("Updating apt's lists, which name the mirror that has the libraries' sources.")
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run(sudo + ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "update"])
        if subprocess.run(command, cwd=ROOT).returncode == 0:
            return
    say("The libraries' sources could not be fetched from a Debian mirror; Meson will try their own sites.")


def configure(build=BUILD, options=()):
    if os.path.exists(os.path.join(build, "build.ninja")):
        return
    say(f"Configuring {os.path.relpath(build, ROOT)}.")
    step("configuring", ["meson", "setup", build, "--cross-file", os.path.join(TOOLS, "aarch64.ini"), *options])


def compile_all(build=BUILD, targets=()):
    """Builds with ninja. Prints one line if there is anything to do."""
    plan = subprocess.run(["ninja", "-C", build, "-n", *targets], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if plan.returncode == 0 and "no work to do" in plan.stdout:
        return
    say(f"Building in {os.path.relpath(build, ROOT)} (a first build takes about half a minute).")
    step("building", ["ninja", "-C", build, *targets])


def everything(install=True, tests=True, build=BUILD, options=()):
    """From nothing to a finished build; tests: with what only tests need."""
    setup(install, tests)
    if not os.path.exists(os.path.join(build, "build.ninja")):
        fetch(install)
    configure(build, options)
    compile_all(build, ["all", "meson-test-prereq"] if tests else ["kernel/Image"])
