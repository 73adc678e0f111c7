# SPDX-License-Identifier: BSD-2-Clause
"""The programs of the archive check themselves; their status says so."""
import re

import pytest


@pytest.mark.parametrize("program, said", [("hello", "Hello from Cambium."), ("threads", "changes of voice"),
                                           ("prodcons", "right"), ("inversion", "inheritance works")])
def test_program_succeeds(shell, program, said):
    assert said in shell.run(program)
    assert shell.status() == 0


def test_bench_at_an_ordinary_prompt_says_what_it_ran_and_what_it_cannot(shell):
    text = shell.run("bench")
    assert shell.status() == 0
    assert len(re.findall(r"^\w+ +\d+ us$", text, re.M)) == 6
    assert "9 more need a second process" in text
    assert "E_" not in text
    shell.run("bench x")
    assert shell.status() == 2


@pytest.mark.parametrize("program", ["cat x", "cat -r x", "stream x", "stream 1 2", "stream 5x", "cksum x"])
def test_a_program_refuses_what_it_does_not_know(shell, program):
    assert "usage: " in shell.run(program, timeout=10)
    assert shell.status() == 2


def test_programs_leave_nothing_behind(shell):
    """Objects and free pages are the same after ten runs as before the first."""
    before = shell.run("mem")
    for _ in range(10):
        shell.run("prodcons")
    assert shell.run("mem") == before
