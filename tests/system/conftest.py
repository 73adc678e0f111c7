# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the system tests."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import boot as boot_library  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    """What CAMBIUM_VARIANT names is made when a test needs it first; the rest is there when tests start."""
    if boot_library.VARIANT:
        assert boot_library.VARIANT == "clang"
        boot_library.clang_built()


@pytest.fixture
def boot():
    """boot(**options of boot.start) -> a running Machine; all are ended after the test."""
    machines = []

    def start(**options):
        machines.append(boot_library.start(**options))
        return machines[-1]

    yield start
    for machine in machines:
        machine.kill()


@pytest.fixture
def shell(boot):
    """A machine at its prompt."""
    machine = boot()
    machine.prompt()
    return machine


@pytest.fixture(params=[2, 3], ids=["gicv2", "gicv3"])
def gic(request):
    """Version of the interrupt controller: the test runs on each."""
    return request.param


@pytest.fixture
def shell_of(boot, gic):
    """A machine with that controller at its prompt."""
    machine = boot(gic=gic)
    machine.prompt()
    return machine
