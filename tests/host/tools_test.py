# SPDX-License-Identifier: BSD-2-Clause
"""The pure parts of the tools: splitting --exec, reducing series, reading archives, QEMU's command line."""
import importlib.machinery
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import bench  # noqa: E402
import goals  # noqa: E402
import machine  # noqa: E402
import run  # noqa: E402

MKARCHIVE = os.path.join(ROOT, "tools", "mkarchive")


def test_commands_are_split_at_semicolons_outside_of_quotes():
    assert run.split_commands("tree; ps;irq ;; mem;") == ["tree", "ps", "irq", "mem"]
    assert run.split_commands("echo 'a; b' \"c;d\"; ps") == ["echo 'a; b' \"c;d\"", "ps"]
    assert run.split_commands("") == []


def values(*totals):
    return [{**dict.fromkeys(bench.COUNTERS, 0), "total": t, "kernel": t} for t in totals]


def test_series_are_reduced_as_the_goals_say():
    assert bench.reduced(values(5, 100, 7), "median")["total"] == 7
    assert bench.reduced(values(300, 302, 298), "half")["total"] == 150
    assert bench.reduced(values(*[2] * 50, 54, 2, 56, 54), "spikes")["total"] == 52
    assert bench.reduced(values(2, 2, 2), "spikes") is None
    assert bench.reduced(values(80, 150, 82, 152, 81, 151), "first")["total"] == 81
    assert bench.reduced(values(80, 150, 82, 152, 81, 151), "second")["total"] == 151
    assert bench.reduced([], "median") is None


def test_every_series_of_the_guest_has_a_goal_and_the_reverse():
    keys = bench.keys_in_order()
    assert all(key in goals.GOALS for key in keys)
    assert all(goals.SERIES_OF.get(key, key) in keys for key, (_, _, how) in goals.GOALS.items() if how)


def test_lines_of_the_plugin_are_read():
    series, marks, longest = bench.parse(["mark first_user 0 9 1 0 0 2", "value 0 3 4 0 0 0 0", "longest 12 40 99"])
    assert series == {bench.keys_in_order()[0]: [{"user": 3, "kernel": 4, "isb": 0, "dsb": 0, "tlbi": 0, "mmio": 0,
                                                  "total": 7}]}
    assert marks["first_user"]["total"] == 9 and longest == (12, 0x40, 99)


def test_archives_are_the_same_for_the_same_input_and_can_be_extended(tmp_path):
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(b"second!")
    for name in "1", "2":
        subprocess.run([MKARCHIVE, "-o", tmp_path / name, "--names", "x,bin/y", tmp_path / "a", tmp_path / "b"], check=True)
    subprocess.run([MKARCHIVE, "--base", tmp_path / "1", "-o", tmp_path / "3", "--names", "x", tmp_path / "b"], check=True)
    sys.dont_write_bytecode = True
    mkarchive = importlib.machinery.SourceFileLoader("mkarchive", MKARCHIVE).load_module()
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert mkarchive.entries(tmp_path / "1") == [("bin/y", b"second!"), ("x", b"first")]
    assert mkarchive.entries(tmp_path / "3") == [("bin/y", b"second!"), ("x", b"second!")]


def test_ctrl_c_reaches_the_guest():
    """QEMU's "mon:" in front of stdio turns signals off; -nographic's own multiplexer does too, plain stdio does not."""
    command = machine.command()
    assert command[command.index("-serial") + 1] == "mon:stdio"


def test_terminal_sequences_are_removed():
    assert machine.clean("\x1b[Ka\r\n\x1b[2Db") == "a\nb"
