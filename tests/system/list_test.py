# SPDX-License-Identifier: BSD-2-Clause
"""A program opens what its starter lists, and a starter lists no more than it may itself: whoever is below gets less.
`lister` asks for "irq block +spawn" in its image; at the prompt it gets that. `test-lister` is the same program with no such
section, so that its name is all that it has."""
import re

import boot as library
import pytest

NAMES = "irq /pl011@9000000 console nothing"


@pytest.fixture
def machine(boot, tmp_path):
    asks = library.program("lister")
    silent = asks.replace(b"\0.cambium.needs\0", b"\0.cambium.other\0")
    assert silent != asks
    it = boot(initrd=library.archive(tmp_path, {**library.entries(), "bin/lister": asks, "bin/test-lister": silent}))
    it.prompt()
    return it


def opened(machine, command):
    """{name: what came of opening it}."""
    return dict(re.findall(r"^(\S+): (E_\w+)$", machine.run(f"{command} open {NAMES}"), re.M))


def answers(irq, pl011):
    return {"irq": irq, "/pl011@9000000": pl011, "console": "E_OK", "nothing": "E_NOTFOUND"}


def test_a_program_opens_what_was_listed_and_nothing_else(machine):
    """Asked for and given by the shell; not asked for; listed by its starter; a fourth generation."""
    assert opened(machine, "lister") == answers("E_OK", "E_RIGHTS")
    assert opened(machine, "test-lister") == answers("E_RIGHTS", "E_RIGHTS")
    assert opened(machine, "lister give irq test-lister") == answers("E_OK", "E_RIGHTS")
    assert opened(machine, "lister give - lister") == answers("E_RIGHTS", "E_RIGHTS")
    assert opened(machine, "lister give +needs lister") == answers("E_OK", "E_RIGHTS")
    assert opened(machine, "lister give +needs test-lister") == answers("E_RIGHTS", "E_RIGHTS")
    chain = "lister give irq,+spawn lister give irq,+spawn lister give irq test-lister"
    assert opened(machine, chain) == answers("E_OK", "E_RIGHTS")


def test_a_starter_gives_no_more_than_it_has(machine):
    for word in ["serial", "/pl011@9000000", "*", "+control", "+info", "+create"]:
        assert "hello not started: E_RIGHTS" in machine.run(f"lister give {word} hello")
        assert f'bin/hello: not started: its list has "{word}", which its starter may not itself' in machine.run("log")
        assert "hello not started: E_RIGHTS" in machine.run(f"lister give irq,{word} hello")
    assert "Hello" in machine.run("lister give irq hello")


def test_what_was_not_passed_on_is_out_of_reach_below(machine):
    assert "hello not started: E_RIGHTS" in machine.run("lister give irq lister give - hello")  # no +spawn
    assert "hello not started: E_RIGHTS" in machine.run("lister give +spawn lister give irq hello")
    assert opened(machine, "lister give +spawn lister give +needs lister") == answers("E_RIGHTS", "E_RIGHTS")
    assert "hello not started: E_INVAL" in machine.run("lister give +all hello")
    assert 'its list has "+all", which means nothing' in machine.run("log")
