# SPDX-License-Identifier: BSD-2-Clause
"""tools/new-server in a copy of the tree: what it writes keeps every rule of the source, compiles, links and passes its host
test as it is; what it refuses is said with file and remedy, and leaves no trace; --remove takes away exactly what it wrote.
(tests/system/tutorial_test.py builds and boots such a server, by Meson.)"""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CAMBIUM_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "tests", "lint"))
import rules  # noqa: E402

LONGEST = "a" + 15 * "b"  # PROCESS_NAME_LEN
LONGEST_COMPATIBLE = 23 * "c" + "," + 23 * "d"


@pytest.fixture
def tree(tmp_path):
    """A copy of the source."""
    for path in rules.Tree(ROOT).paths:
        target = tmp_path / "tree" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.join(ROOT, path), target)
    return tmp_path / "tree"


def contents(tree):
    return {path: (tree / path).read_bytes() for path in rules.Tree(tree).paths}


def stamps(tree):
    """As contents, quicker: what is written has another time."""
    return {os.path.join(folder, name): os.stat(os.path.join(folder, name)).st_mtime_ns for folder, _, names in os.walk(tree)
            for name in [*names, "."]}


def run(tree, *args):
    done = subprocess.run([tree / "tools" / "new-server", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return done.returncode, done.stdout, done.stderr


def committed(tree):
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", tree, *words], check=True)


# ---- what it writes ----

def command_of(source):
    """The compiler's words for a source file, from the build directory; and how that says `the source tree`."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as f:
        found = next(c for c in json.load(f) if os.path.realpath(os.path.join(c["directory"], c["file"])) == os.path.join(ROOT, source))
    return shlex.split(found["command"]), os.path.relpath(ROOT, BUILD)


def without(words, *options):
    """Without these options and the word behind each."""
    kept, skip = [], False
    for word in words:
        if not skip and word not in options:
            kept.append(word)
        skip = not skip and word in options
    return kept


def moved(words, up, tree):
    """Paths into the source tree, except to third-party code, become paths into the copy."""
    return [word if "subprojects" in word else re.sub(rf"^(-I)?{re.escape(up)}(?=/|$)", rf"\g<1>{tree}", word) for word in words]


def compiled(tree, like, sources, output, link=()):
    words, up = command_of(like)
    words = [w for w in without(words, "-o", "-MF", "-MQ") if w not in ("-c", "-MD", os.path.join(up, like))]
    done = subprocess.run([*moved(words, up, tree), "-o", output, *[str(tree / s) for s in sources], *link], cwd=BUILD,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("server, compatibles", [
    (f"{'k' * 15}/{LONGEST}", ["--compatible", LONGEST_COMPATIBLE, "--compatible", "a", "--about", 60 * "a"]),
    ("test/chip", ["--pci", "1B36:0005", "--pci", "0x0001:ffff", "--qemu", "pci-testdev,membar=64K"]), ("test/chip", ["--pci", "0001:0002"]),
    ("serial/chip", ["--compatible", "virtio,mmio 0=74726976 8=9"])])
def test_a_server_as_written_keeps_the_rules_compiles_and_passes(tree, server, compatibles):
    name = server.split("/")[1]
    code, out, err = run(tree, server, *compatibles)
    assert code == 0 and err == "", err
    assert max(map(len, out.splitlines())) <= 80 and f"servers/drv/{name}/{name}.c" in out
    for title, (rule, _) in rules.RULES.items():
        try:
            assert not [f for f in rule(rules.Tree(tree)) if name in f], title
        except rules.Skip:
            pass
    test = str(tree.parent / "test")
    fakes = [f"tests/host/{s}" for s in ("fake_frame.c", "fake_mmio.c", "fake_pci.c")] + ["libsys/src/ring.c", "libsys/src/serial_server.c"]
    compiled(tree, "tests/host/bcm2835_mbox_test.c", [f"tests/host/{name}_test.c", *fakes], test, ["-lcmocka"])
    done = subprocess.run([test], stdout=subprocess.PIPE, text=True)
    assert done.stdout.count("\nok ") + done.stdout.startswith("ok ") == 4 and "not ok" not in done.stdout, done.stdout
    compiled(tree, "servers/drv/pl011/pl011.c", [f"servers/drv/{name}/{name}.c"], str(tree.parent / "server.o"), ["-c"])
    with open(tree.parent / "server.o", "rb") as f:
        table = f.read()
    for option, string in zip(compatibles[::2], compatibles[1::2]):
        string = {"1B36:0005": "pci1b36,5", "0x0001:ffff": "pci1,ffff", "0001:0002": "pci1,2"}.get(string, string)
        assert option in ("--about", "--qemu") or string.encode() + b"\0" in table
    system_test = tree / "tests" / "system" / f"{name}_test.py"
    assert system_test.exists() == ("--pci" not in compatibles or "--qemu" in compatibles)
    assert system_test.exists() != ("No system test" in out)
    if system_test.exists():
        compile(system_test.read_text(), name, "exec")
    code, out, err = run(tree, "--remove", server)
    assert code == 0 and err == "" and not system_test.exists()


def test_the_list_stays_sorted_and_nothing_else_is_touched(tree):
    before = contents(tree)
    assert run(tree, "gpio/m0", "--compatible", "a,m0", "--about", "Buttons, two")[0] == 0
    after = contents(tree)
    assert {p for p in after if after[p] != before.get(p)} == {
        "servers/drv/m0/m0.c", "servers/drv/m0/m0_regs.h", "servers/drv/m0/README.md", "servers/drv/m0/meson.build",
        "tests/host/m0_test.c", "tests/system/m0_test.py", "servers/drv/meson.build", "servers/drv/README.md"}
    rows = [r for r in after["servers/drv/README.md"].decode().splitlines() if r.startswith("| `")]
    assert rows == sorted(rows) and "| `m0/` | `gpio` | Buttons, two |" in rows
    lines = after["servers/drv/meson.build"].decode().splitlines()
    assert lines == sorted(lines) and "subdir('m0')" in lines


def test_remove_leaves_what_was_there_before(tree):
    committed(tree)
    before = contents(tree)
    assert run(tree, "gpio/m0", "--pci", "0123:4567", "--qemu", "m", "--about", "(a) b")[0] == 0
    code, out, _ = run(tree, "--remove", "gpio/m0")
    assert code == 0 and "servers/drv/m0/m0_regs.h" in out
    assert contents(tree) == before and not (tree / "servers/drv/m0").exists()


# ---- what it refuses ----

@pytest.mark.parametrize("args, said", [
    (["x"], "x is not CLASS/NAME"), (["a/b/c"], "a/b/c is not CLASS/NAME"), (["a/"], "the name ''"),
    (["rtc/My-Chip"], "the name 'My-Chip' must be made of small letters"), (["rtc/0x"], "with a letter first"),
    (["rtc/../../x"], "not CLASS/NAME"), (["rtc/x\n"], "small letters"), (["rtc/ö"], "small letters"),
    (["rtc/" + 17 * "a"], "has 17 characters, and 16 are what ps shows"), ([16 * "a" + "/x"], "15 are what a match table"),
    (["rtc/int"], "int is a word of C"), (["console/x", "--compatible", "a,x"], "console is the name of a service"),
    (["serial/pl011", "--compatible", "a,x"], "servers/drv/pl011 is there already"),
    (["serial/serial", "--compatible", "a,x"], "servers/mux/serial is there already"),
    (["rtc/init", "--compatible", "a,x"], "servers/init is there already"),
    (["rtc/cat", "--compatible", "a,x"], "servers/app/cat is there already"),
    (["rtc/ring", "--compatible", "a,x"], "tests/host/ring_test.c is there already"),
    (["rtc/boot", "--compatible", "a,x"], "tests/system/boot_test.py is there already"),
    (["rtc/rules", "--compatible", "a,x"], "tests/lint/rules_test.py is there already"),
    (["rtc/event", "--compatible", "a,x"], "has struct event, which the driver would define too"),
    (["rtc/x"], "which nodes is rtc/x for?"),
    (["rtc/x", "--compatible", "arm, x"], "'arm, x' is no compatible string"),
    (["rtc/x", "--compatible", ""], "'' is no compatible string"),
    (["rtc/x", "--compatible", 'a",b'], "is no compatible string"),
    (["rtc/x", "--compatible", 48 * "c"], "has 48 characters, and a match table has room for 47"),
    (["rtc/x", "--compatible", "arm,pl011"], "arm,pl011 is claimed by servers/drv/pl011/pl011.c already"),
    (["rtc/x", "--compatible", "a,free", "--compatible", "arm,gic-400"], "claimed by servers/drv/gicv2/gicv2.c"),
    (["rtc/x", "--compatible", "virtio,mmio"], "already (virtio,mmio 0="),
    (["rtc/x", "--compatible", "virtio,mmio 0=74726976 8=4"], "claimed by servers/drv/virtio_rng/virtio_rng.c already"),
    (["rtc/x", "--compatible", "arm,pl011 0=1"], "claimed by servers/drv/pl011/pl011.c already (arm,pl011)"),
    (["rtc/x", "--compatible", "a,x 0=G"], "is no compatible string"), (["rtc/x", "--compatible", "a,x 0x0=1"], "no compatible string"),
    (["rtc/x", "--compatible", "a,x", "--compatible", "a,x"], "a,x is given twice"),
    (["rtc/x", "--compatible", "arm,psci-1.0"], "servers/init/plan.c"),
    (["rtc/x", "--pci", "1b36"], "--pci 1b36: not VVVV:DDDD"), (["rtc/x", "--pci", "1b36:000g"], "not VVVV:DDDD"),
    (["rtc/x", "--pci", "1b36:5"], "not VVVV:DDDD"), (["rtc/x", "--pci", "1af4:1044"], "claimed by servers/drv/virtio_rng/virtio_rng.c"),
    (["rtc/x", "--pci", "1b36:0005", "--compatible", "a,x"], "--compatible and --pci: a node's registers are found in one way"),
    (["rtc/x", "--compatible", "a,x", "--qemu", "x"], "--qemu belongs to --pci"), (["rtc/x", "--pci", "1b36:0005", "--qemu", "a b"], "--qemu 'a b'"),
    (["rtc/x", "--compatible", "a,x", "--about", "a | b"], "--about 'a | b': a few words"),
    (["rtc/x", "--compatible", "a,x", "--about", "a */ b"], "--about"), (["rtc/x", "--compatible", "a,x", "--about", ""], "--about"),
    (["rtc/x", "--compatible", "a,x", "--about", 61 * "a"], "60 characters at most"),
    (["rtc/x", "--compatible", "a,x", "--about", "a\n"], "--about"),
    (["rtc/x", "--compatible", "a,x", "--force"], "--force belongs to --remove"),
    (["--remove", "rtc/nothing"], "servers/drv/nothing is no driver"),
    (["--remove", "rtc/../init"], "not CLASS/NAME"), (["--remove", "rtc/pl011"], "is of class serial, not rtc"),
    (["--remove", "serial/pl011"], "tools/new-server did not write that server"),
    (["--remove", "rtc/pl011", "--compatible", "a,x"], "--remove takes no --compatible")])
def test_what_is_refused_is_said_and_leaves_no_trace(shared, args, said):
    tree, before = shared
    code, out, err = run(tree, *args)
    assert code == 2 and out == ""
    assert err.startswith("tools/new-server: ") and said in err and err.count("\n") == 1
    assert stamps(tree) == before


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One copy for those that change nothing in it."""
    tree = tmp_path_factory.mktemp("shared") / "tree"
    for path in rules.Tree(ROOT).paths:
        target = tree / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.join(ROOT, path), target)
    return tree, stamps(tree)


def test_outside_of_a_checkout_it_says_what_is_missing(tmp_path):
    shutil.copytree(os.path.join(ROOT, "tools", "lib"), tmp_path / "tools" / "lib")
    shutil.copy(os.path.join(ROOT, "tools", "new-server"), tmp_path / "tools")
    code, out, err = run(tmp_path, "rtc/x", "--compatible", "a,x")
    assert code == 2 and out == ""
    assert f"{tmp_path}/servers/drv/meson.build is not there: run the tools/new-server of a checkout" in err


def test_work_that_git_does_not_have_is_not_removed(tree):
    """Changed after the commit; new in the folder; never committed."""
    committed(tree)
    assert run(tree, "gpio/m0", "--compatible", "a,m0")[0] == 0
    source = tree / "servers/drv/m0/m0.c"
    source.write_text(source.read_text() + "\n/* work */\n")
    code, _, err = run(tree, "--remove", "gpio/m0")
    assert code == 2 and "servers/drv/m0/m0.c has work in it that git does not have: commit it, or say --force" in err
    committed(tree)
    (tree / "servers/drv/m0/more.c").write_text("")
    code, _, err = run(tree, "--remove", "gpio/m0")
    assert code == 2 and "servers/drv/m0/more.c has work in it" in err and source.exists()
    assert run(tree, "--remove", "gpio/m0", "--force")[0] == 0
    assert not (tree / "servers/drv/m0").exists() and not (tree / "tests/host/m0_test.c").exists()


def test_what_others_use_is_not_removed(tree):
    assert run(tree, "gpio/m0", "--compatible", "a,m0")[0] == 0
    (tree / "tests/host/other_test.c").write_text('#include "servers/drv/m0/m0.c"\n')
    code, _, err = run(tree, "--remove", "gpio/m0")
    assert code == 2 and "tests/host/other_test.c uses servers/drv/m0: take that away first" in err
    assert (tree / "servers/drv/m0/m0.c").exists()


def test_a_file_that_cannot_be_written_changes_nothing(tree, tmp_path):
    """A dangling link into a folder that is not there is in the way of the last test, whoever runs this."""
    before = contents(tree)
    (tree / "tests/system/m0_test.py").symlink_to(tmp_path / "nowhere" / "file")
    code, out, err = run(tree, "gpio/m0", "--compatible", "a,m0")
    assert code == 1 and out == "" and "tests/system/m0_test.py: No such file or directory; nothing is changed" in err
    assert contents(tree) == before and not (tree / "servers/drv/m0").exists()
