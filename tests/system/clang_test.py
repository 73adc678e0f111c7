# SPDX-License-Identifier: BSD-2-Clause
"""Clang and lld build everything, too: kernel, servers, programs, libraries; the kernel's tests pass with that build on both
interrupt controllers, and hostile programs find nothing. (meson.build runs system tests with it; tools/test --compiler
clang, all.)"""
import os
import subprocess
import sys

import boot as library
import pytest

RUN = os.path.join(library.ROOT, "tests", "target", "run.py")


def test_clang_built_it():
    with open(os.path.join(library.BUILD, "kernel", "kernel.elf"), "rb") as elf:
        content = elf.read()
    assert b"clang version" in content and b"GNU C17" not in content  # DW_AT_producer


@pytest.mark.parametrize("arguments", [["--gic", "2"], ["--gic", "3"], ["--gic", "2", "stress"], ["--gic", "3", "stress"],
                                       ["--real-time", "hostile 3 2000000"]], ids=" ".join)
def test_target(arguments):
    archive = os.path.join(library.BUILD, "tests", "target", "archive-test.cpio")
    done = subprocess.run([sys.executable, RUN, "--timeout", "600", library.IMAGE, archive, *arguments],
                          stdout=subprocess.PIPE, text=True)
    print("".join("# " + line + "\n" for line in done.stdout.splitlines()))
    lines = done.stdout.splitlines()
    assert "# end" in lines and not any(line.startswith(("not ok", "Bail out")) for line in lines)
