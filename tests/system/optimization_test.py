# SPDX-License-Identifier: BSD-2-Clause
"""The kernel built -O0, -O2 and -Os throughout boots and works as the default build does (which all other tests use).
Servers and programs are those of the default build: what the kernel must bear is its own code."""
import boot as library
import pytest


@pytest.mark.parametrize("level", ["0", "2", "s"])
def test_built_with(boot, level):
    machine = boot(image=library.kernel_built(level))
    machine.prompt()
    assert "[kernel] Cambium on" in machine.text  # the early console
    assert machine.run("threads") and machine.status() == 0
    assert "right" in machine.run("prodcons")
    machine.send("poweroff\r")
    assert machine.ended() == 0
