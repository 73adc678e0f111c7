# SPDX-License-Identifier: BSD-2-Clause
"""The kernel built -O0, -O2 and -Os throughout boots and works as the default build does (which all other tests use).
Servers and programs are those of the default build: what the kernel must bear is its own code."""
import os

import boot as library
import pytest


@pytest.mark.parametrize("level", ["0", "2", "s"])
def test_built_with(boot, level):
    folder = os.path.join(library.BUILD, f"variant-O{level}")
    library.build.configure(folder, [f"-Dkernel_optimization={level}", f"-Darchive={library.BUILD}/servers/archive.cpio"],
                            tests=False)
    library.build.compile_all(folder, ["kernel/Image"])
    machine = boot(image=os.path.join(folder, "kernel", "Image"))
    machine.prompt()
    assert "[kernel] Cambium on" in machine.text  # the early console
    assert machine.run("threads") and machine.status() == 0
    assert "right" in machine.run("prodcons")
    machine.send("poweroff\r")
    assert machine.ended() == 0
