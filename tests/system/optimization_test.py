# SPDX-License-Identifier: BSD-2-Clause
"""Kernel and servers built -O0 and -Os boot and work as the -O2 build does (which all other tests use)."""
import os

import boot as library
import pytest


@pytest.mark.parametrize("level", ["0", "s"])
def test_built_with(boot, level):
    folder = os.path.join(library.BUILD, f"variant-O{level}")
    library.build.configure(folder, [f"-Doptimization={level}", f"-Dkernel_optimization={level}"])
    library.build.compile_all(folder, ["kernel/Image"])
    machine = boot(image=os.path.join(folder, "kernel", "Image"))
    machine.prompt()
    assert "[kernel] Cambium on" in machine.text  # the early console
    assert machine.run("threads") and machine.status() == 0
    assert "right" in machine.run("prodcons")
    machine.send("poweroff\r")
    assert machine.ended() == 0
