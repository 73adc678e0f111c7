# SPDX-License-Identifier: BSD-2-Clause
"""tools/coverage says what was reached and what was not: a tiny guest with seeded lines and branches goes through plugin,
line table and report, and each way in which the mapping could be wrong without a word is tried. Likewise a tiny driver."""
import json
import os
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
sys.dont_write_bytecode = True
import coverage  # noqa: E402
import coverage_drivers  # noqa: E402
import coverage_map as cm  # noqa: E402
import machine  # noqa: E402

GUEST = """\
#include <stddef.h>
__asm__(".global _start\\n_start: ldr x1, =0x40100000\\n mov sp, x1\\n b guest\\n");
int one(int x)
{
    if (x > 0) {
        return 1;
    }
    return 0; /* seeded: never reached */
}
int both(int x)
{
    return x > 5 ? 2 : 3;
}
int never(int x)
{
    return x + 4;
}
void guest(void)
{
    for (int i = 1; i < 10; i++) {
        one(i);
        both(i);
    }
    register long x0 __asm__("x0") = 0x84000008; /* PSCI SYSTEM_OFF */
    __asm__ volatile("hvc #0" : "+r"(x0));
}
"""


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    """(folder, ELF of the guest)."""
    folder = tmp_path_factory.mktemp("guest")
    (folder / "src").mkdir()
    (folder / "src" / "guest.c").write_text(GUEST)
    elf = folder / "guest.elf"
    subprocess.run(["aarch64-linux-gnu-gcc", "-g", "-O0", "-ffreestanding", "-nostdlib", "-static", "-Wl,-Ttext=0x40080000",
                    "-Wl,-z,max-page-size=4096", "-Wl,-z,separate-code", "-Wl,--build-id=none", "-mgeneral-regs-only", "-o",
                    elf, folder / "src" / "guest.c"], check=True)
    return folder, elf


@pytest.fixture(scope="module")
def plugin(guest):
    path = guest[0] / "plugin.so"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", path,
                    os.path.join(ROOT, "tools", "coverage-plugin.c")], check=True)
    return path


def executed(folder, elf, plugin, images):
    """Runs the guest; the record."""
    images.write(folder / "pages")
    (folder / "record").write_bytes(bytes(images.size()))
    command = machine.command(image=str(elf), extra=["-plugin", f"{plugin},pages={folder}/pages,out={folder}/record"])
    command[command.index("-serial") + 1] = "null"
    done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return (folder / "record").read_bytes()


@pytest.fixture(scope="module")
def cover(guest, plugin):
    """What the guest reached, as Coverage."""
    folder, elf = guest
    code = cm.code_of(str(elf), str(folder), ("src",))
    images = cm.Images()
    images.add(elf.read_bytes(), code)
    it = cm.Coverage()
    it.exists(code)
    it.on_target(images.executed(executed(folder, elf, plugin, images)))
    return it


def line_of(text):
    return next(n for n, line in enumerate(GUEST.splitlines(), 1) if text in line)


def test_lines_that_ran_are_reached_and_seeded_ones_are_not(cover):
    for text in "if (x > 0)", "return 1;", "x > 5 ? 2 : 3", "one(i);", "for (int i":
        assert cover.reached(("src/guest.c", line_of(text))), text
    for text in "seeded: never reached", "return x + 4":
        line = ("src/guest.c", line_of(text))
        assert line in cover.lines and not cover.reached(line), text
    assert cover.lines["src/guest.c", line_of("return x + 4")] == "never"


def test_both_ways_of_a_branch_are_told_apart(cover):
    missing = {branch[2]: names for branch, names in cover.outcomes().items()}
    assert len(missing[line_of("if (x > 0)")]) == 1  # it went one way only
    assert missing[line_of("x > 5 ? 2 : 3")] == []
    assert missing[line_of("for (int i")] == []


def test_what_is_not_reached_is_in_the_report(cover, monkeypatch):
    monkeypatch.setitem(coverage.SOURCES, "src/guest.c", GUEST.splitlines())
    found = coverage.unreached(cover, cover.outcomes())
    assert ("src/guest.c", "one", line_of("seeded"), "not reached") in found
    assert any(what.startswith("branch 1 never") and line == line_of("if (x > 0)") for _, _, line, what in found)
    assert not any(line == line_of("one(i);") for _, _, line, _ in found)


def test_code_of_another_build_is_not_taken_for_this_one(guest, plugin):
    """One instruction differs: its page is none that is known, and all of it counts as unknown."""
    folder, elf = guest
    code = cm.code_of(str(elf), str(folder), ("src",))
    changed = bytearray(elf.read_bytes())
    at = changed.index((0xd4000002).to_bytes(4, "little"))  # hvc #0
    changed[at + 4:at + 8] = (0xd503203f).to_bytes(4, "little")  # what follows it: yield
    images = cm.Images()
    images.add(bytes(changed), code)
    record = executed(folder, elf, plugin, images)
    assert list(images.executed(record)) == [] and int.from_bytes(record[-8:], "little") > 10


def test_a_record_of_other_images_is_refused(guest, tmp_path):
    images = cm.Images()
    images.add(guest[1].read_bytes(), [])
    with pytest.raises(ValueError):
        list(images.executed(bytes(images.size() + 4096)))
    images.write(tmp_path / "pages")
    assert images.written(tmp_path / "pages") and not cm.Images().written(tmp_path / "pages")
    assert not images.written(tmp_path / "none")


def test_functions_that_the_linker_left_out_hide_no_code_at_low_addresses():
    table = cm.line_table("""\
debug_line[0x00000000]
include_directories[  0] = "/src"
include_directories[  1] = "x"
file_names[  0]:
           name: "a.c"
      dir_index: 0
file_names[  1]:
           name: "b.S"
      dir_index: 1
0x0000000000000000      7      1      0   0             0  is_stmt
0x0000000000000100      7      1      0   0             0  is_stmt end_sequence
0x0000000000000000      3      1      1   0             0  is_stmt
0x0000000000000008      3      1      1   0             0  is_stmt end_sequence
0x0000000000000008     12      1      0   0             0  is_stmt
0x0000000000000010     12      1      0   0             0  is_stmt end_sequence
""".splitlines())
    assert table == {0: ("/src/x/b.S", 3), 8: ("/src/a.c", 12), 16: None}


def test_conditional_branches_are_those_that_the_plugin_takes():
    assert all(map(cm.decides, (0x54000040, 0xb4000040, 0x35ffffe0, 0x36000040, 0x37f7ffe0)))  # b.eq cbz cbnz tbz tbnz
    assert not any(map(cm.decides, (0x5400004e, 0x14000002, 0xd65f03c0, 0x54000020, 0xb4000020)))  # b.al b ret; to the next


def host(*arcs):
    """gcov's report of line 1 with these arcs (count, falls through)."""
    return {"lines": [{"line_number": 1, "function_name": "f", "count": 1, "branches": [
        {"count": count, "fallthrough": falls} for count, falls in arcs]}]}


def one_line(branches):
    it = cm.Coverage()
    it.exists([cm.Instruction(4 * i, "a.c", "f", 1, i) for i in range(branches)])
    return it


def test_the_hosts_arcs_count_one_by_one_where_they_are_those_of_the_target():
    it = one_line(2)
    it.on_host("a.c", host((3, True), (0, False), (0, False), (5, True)))
    assert list(it.outcomes().values()) == [["taken"], ["taken"]]
    it.on_target([(cm.Instruction(0, "a.c", "f", 1, 0), cm.EXECUTED | cm.TAKEN)])
    assert sorted(it.outcomes().values()) == [[], ["taken"]]


def test_the_hosts_arcs_count_only_together_where_they_are_others():
    it = one_line(2)
    it.on_host("a.c", host((3, True), (0, False)))
    assert list(it.outcomes().values()) == [["taken", "passed"]] * 2
    it = one_line(2)
    it.on_host("a.c", host((3, True), (1, False)))
    assert list(it.outcomes().values()) == [[], []]


def test_counts_in_files_that_begin_with_a_dot_are_found(tmp_path):
    (tmp_path / "x.p").mkdir()
    for name in ".._.._libsys_src_ring.c.gcda", "ring_test.c.gcda", "ring_test.c.gcno":
        (tmp_path / "x.p" / name).write_bytes(b"")
    assert len(cm.counts_of(str(tmp_path))) == 2


PAGE = """\
### Needs silicon

| where | what |
|---|---|
| `a.c:f` | `return E_FULL;` |
| `a.c:g` | all |

### By chance

| `a.c:h` | `x \\| y`, `z` |
"""


def test_what_is_neither_reached_nor_listed_fails_the_check(monkeypatch):
    monkeypatch.setitem(coverage.SOURCES, "a.c", ["return E_FULL;", "g();", "x | y", "new = 1;"])
    rows = coverage.listed(PAGE)
    known = [("a.c", "f", 1, "not reached"), ("a.c", "g", 2, "not reached")]
    assert list(coverage.differences(known, rows)) == []
    assert list(coverage.differences([*known, ("a.c", "h", 3, "branch 1 never taken")], rows)) == []
    bad = list(coverage.differences([*known, ("a.c", "f", 4, "not reached")], rows))
    assert len(bad) == 1 and bad[0].startswith("a.c:4: f: not reached, and not listed: new = 1;")


def test_what_is_listed_and_reached_fails_the_check(monkeypatch):
    monkeypatch.setitem(coverage.SOURCES, "a.c", ["return E_FULL;", "g();"])
    rows = coverage.listed(PAGE)
    assert list(coverage.differences([("a.c", "g", 2, "not reached")], rows)) == ["a.c:f: listed, and reached: return E_FULL;"]
    assert list(coverage.differences([("a.c", "f", 1, "not reached")], rows)) == ["a.c:g: listed, and reached: all"]


def test_every_line_that_is_listed_exists():
    with open(coverage.LIST, encoding="utf-8") as f:
        rows = coverage.listed(f.read())
    assert len(rows) > 50
    for path, function, fragments, _ in rows:
        text = coverage.source(path)
        assert any(function in line for line in text), f"{path}: no {function}"
        for fragment in fragments:
            assert any(fragment in line for line in text), f"{path}: no line with {fragment}"


def test_a_row_that_says_nothing_is_refused():
    with pytest.raises(SystemExit):
        coverage.listed("| `a.c:f` | some of it |")


def test_functions_are_called_what_the_source_calls_them(monkeypatch):
    monkeypatch.setitem(coverage.SOURCES, "a.h", ["static inline int first(int x)", "{", "    return x;", "}",
                                                 "static int *second(int x)", "{", "    g(x);"])
    monkeypatch.setitem(coverage.SOURCES, "a.c", ["SYSCALL(port_create)", "{", "static int sys_own(int x)"])
    assert [coverage.written("a.h", "whoever", n) for n in (3, 7)] == ["first", "second"]
    assert [coverage.written("a.c", f, 2) for f in ("sys_port_create", "sys_own")] == ["port_create", "sys_own"]


def test_braces_assertions_and_searches_for_a_case_are_no_lines_or_branches():
    it = cm.Coverage()
    it.exists([cm.Instruction(4 * n, "a.c", "f", n, 0) for n in range(1, 7)])
    text = ["{", "    assert(a &&", "           b);", "    switch (c) {", "    if (d) {", "}"]
    it.forget(lambda path: text)
    assert sorted(line for _, line in it.lines) == [2, 3, 4, 5]
    assert [branch[2] for branch in it.branches if branch[2] not in (1, 6)] == [5]


@pytest.mark.skipif(shutil.which("gcov") is None, reason="gcov is not installed")
def test_gcovs_report_is_read(tmp_path):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "f.c").write_text("int main(int c, char **v)\n{\n    (void)v;\n    if (c > 1) {\n        return 3;\n    }\n"
                                             "    return 0;\n}\n")
    subprocess.run(["gcc", "--coverage", "-fprofile-abs-path", "-O0", "-o", "f", "kernel/f.c"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "f"], cwd=tmp_path, check=True)
    (path, report), = cm.gcov_reports(str(tmp_path), str(tmp_path), ("kernel",))
    it = cm.Coverage()
    it.exists([cm.Instruction(0, "kernel/f.c", "main", n, 0 if n == 4 else None) for n in (4, 5, 7)])
    it.on_host(path, report)
    assert sorted(line for _, line in it.host_lines) == [4, 7]
    assert len(*it.outcomes().values()) == 1


# ---- --driver ----

DRIVER = """\
#include "toy.h"
static int nine(void)
{
    return 9;
}
static inline __attribute__((always_inline)) int limited(int x)
{
    int most = nine();
    if (x > most) {
        return most;
    }
    return x;
}
int twice(int x)
{
    if (x < 0 && x > -9) {
        return -1; /* seeded: never reached */
    }
    return limited(2 * x);
}
int thrice(int x)
{
    return limited(3 * x);
}
"""  # limited(): one way in the copy in thrice(), both in that in twice()
DRIVER_TEST = """\
#include "servers/drv/toy/toy.c"
int main(void)
{
    return twice(1) == 2 && twice(8) == 9 && thrice(2) == 6 ? 0 : 1;
}
"""


@pytest.fixture(name="toy")
def toy_driver(tmp_path):
    """A tree with a driver of two files, of which its host test includes one; and what Meson would say of that test."""
    drv, host_folder = tmp_path / "servers" / "drv" / "toy", tmp_path / "tests" / "host"
    drv.mkdir(parents=True)
    host_folder.mkdir(parents=True)
    (drv / "toy.h").write_text("int twice(int x);\nint thrice(int x);\n")
    (drv / "toy.c").write_text(DRIVER)
    (drv / "more.c").write_text("int more;\n")
    (host_folder / "toy_test.c").write_text(DRIVER_TEST)
    executable = tmp_path / "build" / "toy_test"
    targets = [{"type": "executable", "filename": [str(executable)],
                "target_sources": [{"sources": [str(host_folder / "toy_test.c")]}, {"linker": ["cc"]}]}]
    return tmp_path, [{"name": "toy", "cmd": [str(executable)]}, {"name": "lint", "cmd": ["python3"]}], targets


def test_a_driver_is_measured_by_the_tests_that_compile_it(toy):
    root, tests, targets = toy
    assert coverage_drivers.servers(str(root)) == {"toy": "servers/drv/toy"}
    found = coverage_drivers.compiled(tests, targets, str(root))
    assert found == {"servers/drv/toy": ({"toy": tests[0]["cmd"][0]}, {"servers/drv/toy/toy.c"})}


@pytest.mark.skipif(shutil.which("gcov") is None, reason="gcov is not installed")
def test_what_a_drivers_test_leaves_out_is_told_line_by_line(toy, monkeypatch, capsys):
    root, tests, targets = toy
    objects = root / "build" / "toy_test.p"
    objects.mkdir(parents=True)
    subprocess.run(["gcc", "--coverage", "-fprofile-abs-path", "-O0", "-I", root, "-c", "-o", "toy_test.o",
                    root / "tests" / "host" / "toy_test.c"], cwd=objects, check=True)
    subprocess.run(["gcc", "--coverage", "-o", "../toy_test", "toy_test.o"], cwd=objects, check=True)
    subprocess.run([root / "build" / "toy_test"], check=True)
    monkeypatch.setattr(coverage.build, "ROOT", str(root))
    monkeypatch.setattr(coverage, "SOURCES", {})
    report = coverage.driver_report("servers/drv/toy", coverage_drivers.compiled(tests, targets, str(root))["servers/drv/toy"])
    seeded = next(n for n, text in enumerate(DRIVER.splitlines(), 1) if "seeded" in text)
    path = "servers/drv/toy/toy.c"
    assert (path, seeded, "not reached") in report["unreached"]
    lines = {line for _, line, _ in report["unreached"]}
    assert lines == {seeded, seeded - 1}  # limited() is reached whole, by all its copies together
    assert report["lines_reached"] == report["lines"] - 1 and report["not_compiled"] == ["servers/drv/toy/more.c"]
    assert report["outcomes"] == 6 and report["outcomes_reached"] == 3
    coverage.show_drivers({"toy": report}, True)
    said = capsys.readouterr().out
    assert f"{path}:{seeded}: not reached: return -1;" in said and "servers/drv/toy/more.c: in no host test" in said
    assert "toy: host tests: toy" in said
    assert all(len(line) <= 80 for line in said.splitlines()[:2])


def test_a_branch_that_was_inlined_into_several_functions_is_one():
    def arcs(*counts):
        return {"branches": [{"count": n, "fallthrough": i % 2 == 0} for i, n in enumerate(counts)]}
    assert coverage_drivers.copies_as_one(arcs(3, 0, 0, 0, 0, 2)) == arcs(3, 2)
    assert coverage_drivers.copies_as_one(arcs(3, 0, 4, 0)) == arcs(7, 0)
    own = {"function_name": "f", **arcs(3, 0, 4, 0)}
    assert coverage_drivers.copies_as_one(own) == own


def test_a_driver_that_is_not_there_is_answered_with_those_that_are():
    for names, words in (["nosuch"], "no driver, mux or program has that name. There are "), (["pl031", "gic"], "--driver gic: "):
        done = subprocess.run([os.path.join(ROOT, "tools", "coverage"), "--no-install", *(f"--driver={n}" for n in names)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = " ".join(done.stdout.split())
        assert done.returncode == 2 and words in said and "gicv3" in said and "Traceback" not in said
    known = {"a": "servers/drv/a", "b": "servers/drv/b"}
    assert coverage.chosen(["b", "b"], known, "driver") == ["b"] and coverage.chosen(["all"], known, "driver") == ["a", "b"]
    for other in "--check", "--again":
        with pytest.raises(SystemExit) as refused:
            coverage.options(["--driver", "pl031", other])
        assert refused.value.code == 2


@pytest.mark.skipif(shutil.which("gcov") is None, reason="gcov is not installed")
def test_the_command_builds_and_runs_just_a_drivers_test(tmp_path):
    done = subprocess.run([os.path.join(ROOT, "tools", "coverage"), "--no-install", "--driver", "pl031", "--json",
                           tmp_path / "json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    report = json.loads((tmp_path / "json").read_text())["pl031"]
    assert report["tests"] == ["pl031"] and report["lines"] > 20 and report["files"]["servers/drv/pl031/pl031.c"]
    assert f"{report['lines_reached']}/{report['lines']}" in done.stdout
