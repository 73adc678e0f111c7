# SPDX-License-Identifier: BSD-2-Clause
"""Clang and lld build everything, too: kernel, servers, programs, libraries; the kernel's tests pass with that build, and
the system boots to its prompt and survives kills."""
import os
import subprocess
import sys

import boot as library
import pytest

FOLDER = os.path.join(library.BUILD, "variant-clang")
IMAGE = os.path.join(FOLDER, "kernel", "Image")
RUN = os.path.join(library.ROOT, "tests", "target", "run.py")


@pytest.fixture(scope="module", autouse=True)
def built():
    library.build.configure(FOLDER, cross="aarch64-clang.ini")
    library.build.compile_all(FOLDER, ["kernel/Image", "tests/target/archive-test.cpio"])


def test_clang_built_it():
    with open(os.path.join(FOLDER, "kernel", "kernel.elf"), "rb") as elf:
        content = elf.read()
    assert b"clang version" in content and b"GNU C17" not in content  # DW_AT_producer


@pytest.mark.parametrize("gic", [2, 3])
def test_all_tests_of_the_kernel_pass(gic):
    archive = os.path.join(FOLDER, "tests", "target", "archive-test.cpio")
    done = subprocess.run([sys.executable, RUN, "--gic", str(gic), "--timeout", "300", IMAGE, archive],
                          stdout=subprocess.PIPE, text=True)
    print("".join("# " + line + "\n" for line in done.stdout.splitlines()))
    lines = done.stdout.splitlines()
    assert "# end" in lines and not any(line.startswith(("not ok", "Bail out")) for line in lines)


def test_it_boots_runs_programs_and_survives_kills(boot, gic):
    machine = boot(image=IMAGE, gic=gic)
    machine.prompt()
    assert machine.run("threads") and machine.status() == 0
    assert "right" in machine.run("prodcons")
    assert "inheritance works" in machine.run("inversion")
    for name in (f"gicv{gic}", "pl011", "serial"):
        machine.run(f"kill {name}")
        assert "Hello from Cambium." in machine.run("hello")
    machine.send("poweroff\r")
    assert machine.ended() == 0
