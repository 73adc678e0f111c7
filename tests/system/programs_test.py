# SPDX-License-Identifier: BSD-2-Clause
"""The programs of the archive check themselves; their status says so. And what every program relies on: its start, its
input, a heap that threads share."""
import re

import boot as library
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


@pytest.fixture
def with_programs(boot, tmp_path):
    """A machine at its prompt, with programs of tests/system/programs in its archive."""
    contents = {**library.entries(), **{f"bin/{name}": library.program(name) for name in ("begin", "heap")}}
    machine = boot(initrd=library.archive(tmp_path, contents))
    machine.prompt()
    return machine


def test_the_heap_bears_threads_that_are_preempted_in_it(with_programs):
    assert "heap: 0 damaged" in with_programs.run("heap")
    assert with_programs.status() == 0


def test_a_program_starts_with_constructors_and_thread_local_storage_of_a_page(with_programs):
    words = [f"w{i}" for i in range(20)]
    with_programs.send(" ".join(["begin", *words]) + "\r")
    with_programs.expect("constructed 1, zeros 4096, initialized 4711, 20 arguments, the last w19")
    with_programs.send("\x04")
    with_programs.prompt()
    assert with_programs.status() == 0


def test_a_program_reads_lines_until_their_end(with_programs):
    with_programs.send("begin\r")
    with_programs.expect("name\\? ")  # seen before the answer is waited for, although no line has ended
    with_programs.send("Ada\r")
    with_programs.expect("hello Ada\r*\nname\\? ")
    with_programs.send("Grace\r")
    with_programs.expect("hello Grace\r*\nname\\? ")
    with_programs.send("\x04")
    with_programs.expect("end")
    with_programs.prompt()
    assert with_programs.status() == 0
