# SPDX-License-Identifier: BSD-2-Clause
"""The pure parts of the tools: splitting --exec, reducing series, reading archives, QEMU's command line."""
import importlib.machinery
import json
import os
import re
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import bench  # noqa: E402
import build  # noqa: E402
import goals  # noqa: E402
import machine  # noqa: E402
import run  # noqa: E402
import test as test_tool  # noqa: E402
import trees  # noqa: E402

MKARCHIVE = os.path.join(ROOT, "tools", "mkarchive")


def test_commands_are_split_at_semicolons_outside_of_quotes():
    assert run.split_commands("tree; ps;irq ;; mem;") == ["tree", "ps", "irq", "mem"]
    assert run.split_commands("echo 'a; b' \"c;d\"; ps") == ["echo 'a; b' \"c;d\"", "ps"]
    assert run.split_commands("") == []
    assert run.split_commands("ps\nmem; echo a\\;b") == ["ps", "mem", "echo a\\;b"]
    assert run.split_commands("echo a#b # c; d\nps; # all\n#") == ["echo a#b", "ps"]
    assert run.split_commands("echo \"it's\" '\"'; hello &") == ["echo \"it's\" '\"'", "hello &"]
    for wrong in ("echo 'a", "echo it's", 'echo "a; ps', "echo " + 600 * "x", "echo '\n'", "echo \x03"):
        try:
            assert run.split_commands(wrong) is None, wrong
        except ValueError:
            pass


def values(*totals):
    return [{**dict.fromkeys(bench.COUNTERS, 0), "total": t, "kernel": t} for t in totals]


def test_series_are_reduced_as_the_goals_say():
    assert bench.reduced(values(5, 100, 7), "median")["total"] == 7
    assert bench.reduced(values(300, 302, 298), "half")["total"] == 150
    assert bench.reduced(values(*[2] * 50, 54, 2, 56, 54), "spikes")["total"] == 52
    assert bench.reduced(values(2, 2, 2), "spikes") is None
    assert bench.reduced(values(80, 150, 82, 152, 81, 151), "first")["total"] == 81
    assert bench.reduced(values(80, 150, 82, 152, 81, 151), "second")["total"] == 151
    assert bench.reduced(values(8192, 4096, 12288), "byte")["total"] == 2
    assert bench.reduced(values(1600, 800, 3200), "request")["total"] == 10
    assert bench.reduced([], "median") is None


def test_every_series_of_the_guest_has_a_goal_and_the_reverse():
    keys = bench.keys_in_order() + bench.keys_in_order("serial_keys") + bench.keys_in_order("disk_keys")
    keys += {key for board in bench.RECOVERED.values() for key in board}
    assert all(key in goals.GOALS for key in keys)
    assert all(goals.SERIES_OF.get(key, key) in keys for key, (_, _, how) in goals.GOALS.items() if how)


def test_host_and_guest_agree_about_their_series():
    with open(os.path.join(ROOT, "servers", "app", "bench", "serial.h"), encoding="utf-8") as f:
        numbers = {name: int(value) for name, value in re.findall(r"(SERIAL_\w+) = (\d+)", f.read())}
    assert numbers == {"SERIAL_LAP": goals.LAP_BYTES, "SERIAL_BYTES": bench.SERIAL_BYTES, "SERIAL_KEYS": bench.SERIAL_KEYS}
    with open(os.path.join(ROOT, "servers", "app", "bench", "disk.h"), encoding="utf-8") as f:
        assert f"DISK_LAP = {goals.LAP_REQUESTS} " in f.read()
    with open(os.path.join(ROOT, "servers", "app", "bench", "recover.h"), encoding="utf-8") as f:
        assert f"RECOVER_LAPS = {bench.RECOVER_LAPS} " in f.read()


def test_lines_of_the_plugin_are_read():
    series, marks, longest = bench.parse(["mark first_user 0 9 1 0 0 2", "value 0 3 4 0 0 0 0", "longest 12 40 99"])
    assert series == {bench.keys_in_order()[0]: [{"user": 3, "kernel": 4, "isb": 0, "dsb": 0, "tlbi": 0, "mmio": 0,
                                                  "total": 7}]}
    assert marks["first_user"]["total"] == 9 and longest == (12, 0x40, 99)


def run_of(total, board):
    """A guest in which each lap of every series, and each mark, took `total`."""
    keys = bench.keys_in_order()
    lines = [f"mark {mark} 0 {total} 0 0 0 0" for mark in ("first_user", "prompt")]
    for n, key in enumerate(keys):
        spiky = [2] * 50 + [total + 2] * 5 if key == "timer_tick" else [total] * 4
        lines += [f"value {n} 1 {t - 1} 0 0 0 1" for t in spiky]
    return bench.of_run(lines + [f"longest {total} 40 99"], board)


def test_each_machine_has_its_column_and_each_goal_its_machine():
    results = {"virt": run_of(100, "virt"), "raspi3b": run_of(300, "raspi3b")}
    results["virt"]["irq_to_driver_gicv3"] = bench.result_of(bench.reduced(values(77), "median"), values=1)
    table = bench.by_key(results)
    assert list(table) == list(goals.GOALS)
    assert table["irq_to_driver"]["measured"] == 100 and table["irq_to_driver"]["ok"]
    assert table["irq_to_driver"]["machines"]["raspi3b"]["measured"] == 300  # beside it, judged by the key of its own
    assert table["irq_to_driver_raspi3b"]["measured"] == 300 and table["irq_to_driver_raspi3b"]["ok"]
    assert table["irq_to_driver_raspi3b"]["machines"].keys() == {"raspi3b"}
    assert table["irq_to_driver_gicv3"]["machines"].keys() == {"virt"}
    assert table["irq_to_driver_raspi4b"]["measured"] is None and not table["irq_to_driver_raspi4b"]["ok"]
    assert table["thread_yield"]["measured"] == 50  # a lap is two of it
    for key in "ipc_round_trip_0w", "timer_tick", "page_fault", "boot_prompt", "masked_longest":
        assert [table[key]["machines"][name]["measured"] for name in results] == [100, 300]


def test_the_table_fits_a_terminal_and_leaves_out_what_no_machine_measures():
    results = {name: run_of(1234567, name) for name in bench.MACHINES}
    lines = list(bench.rows(bench.by_key(results), bench.MACHINES))
    assert max(map(len, lines + bench.NOTES.splitlines())) <= 80
    assert lines[0].split() == ["key", "virt", "raspi3b", "raspi4b", "raspi5b", "goal", "ok"]
    assert any(line.startswith("irq_ack ") and line.endswith("NO") and line.count("1 234 567") == 4 for line in lines)
    alone = "\n".join(bench.rows(bench.by_key({"raspi4b": results["raspi4b"]}), ["raspi4b"]))
    assert "raspi3b" not in alone and "kernel_lines" not in alone
    assert "irq_to_driver_raspi4b" in alone


def test_a_board_without_a_tree_is_not_measured_and_that_is_said(monkeypatch):
    monkeypatch.setattr(bench, "count", lambda timeout, gic=2, board="virt", traced=False: ([], "") if board == "raspi4b" else
                        (["value 0 1 2 0 0 0 0"], "null_syscall    9 us\nbench: no port: E_FULL"))
    monkeypatch.setattr(bench, "count_serial", lambda timeout, traced=False: ["value 0 4096 8192 0 0 0 0"])
    monkeypatch.setattr(bench, "count_disk", lambda timeout, traced=False: ["value 1 160 320 0 0 0 0"])
    monkeypatch.setattr(bench, "count_recover", lambda timeout, board: [f"value 1 {n} 1000 0 0 0 0" for n in (5, 9, 7)])
    monkeypatch.setattr(bench, "count_pci", lambda timeout: ["mark pci_enumerate 5 6 0 0 0 3"])
    monkeypatch.setattr(bench, "size", dict)
    results, printed = bench.measure(["virt", "raspi4b"], 1)
    assert results["virt"]["pci_enumerate"]["measured"] == 11
    assert results["virt"]["serial_rx_byte"]["measured"] == 3 and results["virt"]["serial_echo"]["measured"] is None
    assert results["virt"]["recover_gic"]["measured"] == 1007 and results["virt"]["recover_pl011"]["measured"] is None
    assert bench.by_key(results)["recover_gic"]["ok"] and "recover_rp1" not in results["virt"]  # no goal, none missed
    assert any(re.fullmatch(r"recover_gic +1 007 +- +-", line) for line in bench.rows(bench.by_key(results), ["virt"]))
    assert results["virt"]["blk_read_4k_qd16"]["measured"] == 3 and results["virt"]["blk_read_4k"]["measured"] is None
    assert results.keys() == {"virt"} and results["virt"]["null_syscall"]["measured"] == 3
    assert "tools/firmware" in printed["raspi4b"] and printed["virt"] == "bench: no port: E_FULL"


@pytest.mark.parametrize("name", sorted(name for name in os.listdir(build.TOOLS) if os.path.isfile(os.path.join(build.TOOLS, name))
                                        and os.access(os.path.join(build.TOOLS, name), os.X_OK) and not name.startswith("mk")))
def test_help_fits_a_terminal(name):
    done = subprocess.run([os.path.join(build.TOOLS, name), "--help"], env={**os.environ, "COLUMNS": "80"}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 0 and "usage: " in done.stdout, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout


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


def test_files_in_an_archive_lie_on_multiples_of_eight(tmp_path):
    words = [f"word-{n:02}".encode() for n in range(16)]
    for n, word in enumerate(words):
        (tmp_path / str(n)).write_bytes(word + b"." * n)
    names = [("n" * (n + 1)) for n in range(16)]
    subprocess.run([MKARCHIVE, "-o", tmp_path / "out", "--names", ",".join(names), *(tmp_path / str(n) for n in range(16))],
                   check=True)
    archive = (tmp_path / "out").read_bytes()
    assert [archive.index(word) % 8 for word in words] == [0] * 16


def test_ctrl_c_reaches_the_guest():
    """QEMU's "mon:" in front of stdio turns signals off; -nographic's own multiplexer does too, plain stdio does not."""
    command = machine.command()
    assert command[command.index("-serial") + 1] == "mon:stdio"


def console_tree(tmp_path, stdout):
    with open(os.path.join(os.environ["CAMBIUM_TREES"], "good-console.dtb"), "rb") as f:
        blob = f.read()
    old = b"/soc/serial@5000:115200n8"
    assert old in blob and len(stdout) <= len(old)
    path = tmp_path / "tree.dtb"
    path.write_bytes(blob.replace(old, stdout.ljust(len(old), b"\0")))
    return str(path)


def test_the_terminal_is_at_the_serial_line_that_the_tree_names(tmp_path):
    first, second = ["-serial", "mon:stdio"], ["-serial", "null", "-serial", "mon:stdio"]
    for stdout, serials in ((b"/soc/serial@3000:115200n8", second), (b"serial0:115200n8", second), (b"serial0", second),
                            (b"/soc/serial@2000", first), (b"/soc/serial@9999", first), (b"serial1:9600", first)):
        command = machine.command(board="raspi3b", dtb=console_tree(tmp_path, stdout))
        at = command.index("-serial")
        assert command[at:at + len(serials)] == serials, stdout
        assert command.count("-serial") == len(serials) // 2
    assert trees.console_is(console_tree(tmp_path, b"/soc/serial@2000"), "arm,sbsa-uart")


def test_a_board_gets_no_options_of_virts(tmp_path):
    tree = console_tree(tmp_path, b"serial0")
    command = machine.command(board="raspi3b", dtb=tree, icount=True)
    assert "-icount" in command and "-accel" not in command
    assert not {"-smp", "-m", "-cpu"} & set(command)
    assert "thread=single" in " ".join(machine.command(board="raspi3b", dtb=tree))
    assert machine.refusal("raspi3b") is machine.refusal("raspi3b", smp=4, memory="1024M") is None
    assert "4 cores" in machine.refusal("raspi3b", smp=1) and "has 1G" in machine.refusal("raspi3b", memory="x")
    assert machine.refusal("virt") is None and "1 to 8" in machine.refusal("virt", smp=0)


def test_trees_are_looked_for_in_the_folder_named_and_then_in_the_cache(tmp_path, monkeypatch):
    named, cache = tmp_path / "named", tmp_path / "cache"
    named.mkdir(), cache.mkdir()
    monkeypatch.setenv("CAMBIUM_DTB_DIR", str(named))
    monkeypatch.setattr(trees, "CACHE", str(cache))
    monkeypatch.setattr(trees, "DEBIAN", str(tmp_path / "debian"))
    assert trees.find(["a.dtb", "b.dtb"]) is None
    (cache / "a.dtb").touch()
    assert trees.find(["a.dtb", "b.dtb"]) == str(cache / "a.dtb")
    (named / "b.dtb").touch()
    assert trees.find(["a.dtb", "b.dtb"]) == str(named / "b.dtb")
    (named / "a.dtb").touch()
    assert trees.find(["a.dtb", "b.dtb"]) == str(named / "a.dtb")
    monkeypatch.delenv("CAMBIUM_DTB_DIR")
    assert trees.find(["b.dtb"]) is None and str(cache) in trees.missing(["b.dtb"])
    (tmp_path / "debian").mkdir(), (tmp_path / "debian" / "b.dtb").touch(), (tmp_path / "debian" / "a.dtb").touch()
    assert trees.find(["b.dtb"]) == str(tmp_path / "debian" / "b.dtb")
    assert trees.find(["a.dtb"]) == str(cache / "a.dtb")


def test_terminal_sequences_are_removed():
    assert machine.clean("\x1b[Ka\r\n\x1b[2Db") == "a\nb"


def test_memory_sizes_are_read_as_qemu_writes_them():
    assert machine.mebibytes("128M") == machine.mebibytes("128") == machine.mebibytes("131072k") == 128
    assert machine.mebibytes("6G") == 6144
    assert machine.mebibytes("") is machine.mebibytes("-1M") is machine.mebibytes("6 G") is machine.mebibytes("x") is None


# ---- tools/setup on a machine that is made of scripts: what it calls, and what a person reads ----

SCRIPTS = {
    "apt-get": """echo "apt-get $*" >>"$CALLS"
case "$*" in
*update*--print-uris*) echo "'http://mirror.example/debian/dists/bookworm/InRelease' x 0" ;;
*install*--print-uris*) printf "'http://mirror.example/%s' x 1500000 x\\n" a b ;;
esac""",
    "qemu-system-aarch64": "echo 'QEMU emulator version 7.2.22'",
    "sudo": 'echo "sudo $*" >>"$CALLS"; exit 1',
    "id": 'echo "$USER_ID"',
}


def setup_on(folder, *options, user=0, without=()):
    """(status, what it said, what apt and sudo were told) of tools/setup where only the scripts above are installed."""
    for name, body in SCRIPTS.items():
        if name not in without:
            (folder / name).write_text("#!/bin/sh\n" + body + "\n")
            (folder / name).chmod(0o755)
    for name in ("awk", "cat", "dirname", "env", "find", "grep", "head", "mktemp", "rm", "sed", "sh", "sleep", "sort", "tail",
                 "tee", "wc"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    calls = folder / "calls"
    calls.write_text("")
    done = subprocess.run([os.path.join(ROOT, "tools", "setup"), *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=30, env={"PATH": str(folder), "CALLS": str(calls), "USER_ID": str(user)})
    return done.returncode, done.stdout, calls.read_text()


def changes(calls):
    """The calls that change the system."""
    return [line for line in calls.splitlines() if "--print-uris" not in line and "indextargets" not in line]


def test_setup_never_installs_if_told_so_and_says_how_to(tmp_path):
    status, said, calls = setup_on(tmp_path, "--no-install", "--boot-only")
    assert status == 1
    assert "QEMU must be 10 or newer, and is 7.2" in said
    assert "apt-get install --no-install-recommends" in said and "gcc-aarch64-linux-gnu" in said
    assert changes(calls) == []


def test_setup_without_root_and_sudo_says_what_to_install(tmp_path):
    status, said, calls = setup_on(tmp_path, "--boot-only", user=1000, without=["sudo"])
    assert status == 1
    assert "there is no sudo" in said and "gcc-aarch64-linux-gnu" in said
    assert changes(calls) == []


def test_setup_leaves_out_what_only_tests_need(tmp_path):
    said = setup_on(tmp_path, "--no-install", "--boot-only")[1]
    assert "libcmocka-dev" not in said and "spin" not in said


# ---- tools/test ----

def test_stock_trees_beside_the_checkout_are_found_unless_a_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("CAMBIUM_DTB_DIR", raising=False)
    assert test_tool.STOCK == os.path.join(os.path.dirname(ROOT), "shared", "dtb", "stock")
    monkeypatch.setattr(test_tool, "STOCK", str(tmp_path / "none"))
    assert "CAMBIUM_DTB_DIR" not in test_tool.environment()
    monkeypatch.setattr(test_tool, "STOCK", str(tmp_path))
    assert test_tool.environment()["CAMBIUM_DTB_DIR"] == str(tmp_path)
    monkeypatch.setenv("CAMBIUM_DTB_DIR", "/elsewhere")
    assert test_tool.environment()["CAMBIUM_DTB_DIR"] == "/elsewhere"


# ---- the build directory ----

def configured_for(folder, source):
    (folder / "meson-info").mkdir(parents=True)
    (folder / "meson-info" / "meson-info.json").write_text(
        json.dumps({"directories": {"source": str(source), "build": str(folder)}}))
    (folder / "meson-info" / "intro-buildoptions.json").write_text(json.dumps([{"name": "tests", "value": False}]))
    (folder / "build.ninja").write_text("")
    return str(folder)


def test_a_build_directory_of_another_source_tree_is_not_used(tmp_path):
    own = configured_for(tmp_path / "own", ROOT)
    other = configured_for(tmp_path / "other", tmp_path)
    assert build.is_configured(own) and os.path.exists(own)
    assert not build.is_configured(other) and not os.path.exists(other)
    assert not build.is_configured(str(tmp_path / "none"))


def test_an_option_of_a_build_directory_is_read(tmp_path):
    own = configured_for(tmp_path / "own", ROOT)
    assert build.asked(own, "tests") is False
    assert build.asked(own, "of a later version") is None


def test_setup_asks_for_a_commands_tools_where_they_are_used(tmp_path):
    for option, package in ("--card", "mtools"), ("--gdb", "gdb-multiarch"):
        for folder, options, asked in (("a", ["--boot-only"], False), ("b", ["--boot-only", option], True), ("c", [], True)):
            (tmp_path / package / folder).mkdir(parents=True)
            said = setup_on(tmp_path / package / folder, "--no-install", *options)[1]
            assert (package in said) == asked and ("spin" in said) == (folder == "c"), said


def test_a_chosen_tests_needs_are_built_and_no_others(monkeypatch):
    listings = {"--tests": [{"name": "a", "depends": ["1", "2"]}, {"name": "b", "depends": ["3"]}, {"name": "c", "depends": []}],
                "--targets": [{"id": n, "filename": [f"/build/tests/{n}"], "build_by_default": n in "456", "subproject": who}
                              for n, who in (*((n, None) for n in "12345"), ("6", "libc"))]}
    monkeypatch.setattr(test_tool, "introspect", lambda what, folder: listings[what])
    assert test_tool.prerequisites("/build", ["a", "c"]) == ["tests/1", "tests/2", "tests/4", "tests/5"]
    assert test_tool.prerequisites("/build", ["c"]) == ["tests/4", "tests/5"]
