# SPDX-License-Identifier: BSD-2-Clause
"""tools/plan: its addresses, pages and routes against tree_referee_test.py's second opinion, computed with python3-libfdt;
what is known of the boards; its text and drawing; wrong files; and plans of damaged trees (plan_damage.c). Runs over the good
trees of dts/trees, and over every blob in the folder $CAMBIUM_DTB_DIR (Raspberry Pi's stock trees, for example)."""
import functools
import glob
import json
import os
import re
import subprocess
import sys
import xml.dom.minidom

import pytest

import tree_referee_test as referee

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import plan as plan_tool  # noqa: E402
import plan_svg  # noqa: E402

PLANNER = os.environ["CAMBIUM_PLAN_JSON"]
DAMAGE = os.environ["CAMBIUM_PLAN_DAMAGE"]
ARCHIVE = os.environ["CAMBIUM_ARCHIVE"]
GOOD = sorted(glob.glob(f"{referee.TREES}/good-*.dtb"))
STOCK = sorted(glob.glob(f"{referee.STOCK}/*.dtb")) if referee.STOCK else []
NO_STOCK = "CAMBIUM_DTB_DIR names no folder of stock trees"
PAGE = 4096


def name_of(path):
    return os.path.basename(path)[:-4] if path else ""


def stock(function, soc=""):
    """The test runs for each stock tree of that SoC; without any it is skipped, and says why."""
    def guarded(path):
        if not path:
            pytest.skip(NO_STOCK)
        function(path)
    guarded.__name__ = function.__name__
    paths = [path for path in STOCK if name_of(path).startswith(soc)]
    return pytest.mark.parametrize("path", paths or [""], ids=name_of)(guarded)


def run(path, *memory, archive=ARCHIVE):
    """It ends with what it has read still in memory, which is no leak."""
    return subprocess.run([PLANNER, path, archive, *memory], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})


def planned(path, *memory):
    done = run(path, *memory)
    assert done.returncode == 0, done.stderr
    return plan_tool.Plan(json.loads(done.stdout))


# ---- against the referee ----

STATUS = {"E_RANGE": referee.E_RANGE, "E_NOSYS": referee.E_NOSYS, "E_FORMAT": referee.E_FORMAT}


def windows_of(node):
    """As Tree.reg has them."""
    return [(STATUS[w["error"]],) if "error" in w else (referee.E_OK, int(w["base"], 16), int(w["len"], 16)) for w in node["windows"]]


def expected_windows(tree, node):
    for answer in tree.reg(node):
        if answer[0] == referee.E_NOTFOUND:
            return
        yield answer
        if answer[0] not in (referee.E_OK, referee.E_RANGE):
            return


def pages(base, length):
    return set(range(base // PAGE, (base + length - 1) // PAGE + 1)) if 0 < length < 1 << 32 else set()


def compare(path, *memory):
    tree, plan = referee.Tree(path), planned(path, *memory)
    assert [n.path for n in tree.nodes] == [n["path"] for n in plan.nodes]
    if not memory:
        assert [(int(r["base"], 16), int(r["len"], 16)) for r in plan.data["memory"]] == [row[1:] for row in tree.memory()]
    reserved = [("no-map" if r["no_map"] else "reserved", int(r["base"], 16), int(r["len"], 16)) for r in plan.data["reservations"]]
    assert reserved == [row for row in tree.reservations() if row[2]]
    owners = {}  # page -> nodes with registers there
    for theirs, ours in zip(tree.nodes, plan.nodes):
        okay = all(n.okay for n in theirs.line())
        assert (ours["state"] == "disabled") == (not okay), theirs.path
        if ours["state"] == "kernel" or ours.get("is_data"):
            continue
        assert windows_of(ours) == list(expected_windows(tree, theirs)), theirs.path
        for _, *window in [w for w in windows_of(ours) if len(w) == 3]:
            for page in pages(*window):
                owners.setdefault(page, set()).add(theirs.path)
        if okay:
            check_interrupts(tree, theirs, ours)
    for node in plan.nodes:
        for window in node["windows"]:
            if "base" in window:
                check_pages(owners, node, window)
    return plan


def check_interrupts(tree, theirs, ours):
    try:
        answers = tree.interrupts(theirs)
    except referee.Bad:
        answers = []
    assert len(answers) == len(ours["interrupts"]), theirs.path
    for (status, *rest), line in zip(answers, ours["interrupts"]):
        assert ("controller" in line) == (status == referee.E_OK), theirs.path
        if status == referee.E_OK:
            assert [line["controller"], line["specifier"]] == rest, theirs.path


def check_pages(owners, node, window):
    """The others in the window's pages are those of the referee; what a server gets is rounded only if there are none."""
    base, length = int(window["base"], 16), int(window["len"], 16)
    others = set().union(*(owners[page] for page in pages(base, length)), set()) - {node["path"]}
    assert len(window["pages_shared_with"]) == min(len(others), 16) and set(window["pages_shared_with"]) <= others, node["path"]
    if "device" in window:
        device = int(window["device"]["base"], 16), int(window["device"]["len"], 16)
        rounded = base // PAGE * PAGE, len(pages(base, length)) * PAGE
        assert device == ((base, length) if others else rounded), node["path"]


@pytest.mark.parametrize("path", [p for p in GOOD if "good-plan" not in p], ids=name_of)
def test_museum(path):
    compare(path)


@stock
def test_stock(path):
    """Also with the memory that firmware might have written, so that windows are given and not refused."""
    compare(path)
    compare(path, "0+1000000")


# ---- what is known of the boards ----

# SoC: PL011 and its line (the BCM2712's stepping D0 has another), mailbox and its line, root controller; from Linux' and
# Raspberry Pi's sources.
SOCS = {
    "brcm,bcm2837": (0x3f201000, ["bank 2 line 25"], 0x3f00b880, ["bank 0 line 1"], 0x40000000),
    "brcm,bcm2711": (0xfe201000, ["SPI 121, level high"], 0xfe00b880, ["SPI 33, level high"], 0xff841000),
    "brcm,bcm2712": (0x107d001000, ["SPI 121, level high", "SPI 120, level high"], 0x107c013880, ["SPI 33, level high"],
                     0x107fff9000),
}


def at(plan, address):
    """The enabled node whose first window is there."""
    found = [n for n in plan.nodes if n["windows"] and n["windows"][0].get("base") == f"{address:#x}" and plan_tool.is_enabled(n)]
    assert len(found) == 1, f"{address:#x}: {[n['path'] for n in found]}"
    return found[0]


@stock
def test_a_board_has_its_uart_mailbox_and_controller_where_its_soc_has_them(path):
    plan = planned(path, "0+1000000")
    soc = next((name for name in plan.data["compatible"] if name in SOCS), None)
    if soc is None:
        pytest.skip(f"not of an SoC that is known here: {', '.join(plan.data['compatible'])}")
    uart, uart_lines, mailbox, mailbox_lines, root = SOCS[soc]
    assert plan.root == at(plan, root)["path"]
    assert "arm,pl011" in at(plan, uart)["compatible"]
    for address, lines in (uart, uart_lines), (mailbox, mailbox_lines):
        steps = plan.route(at(plan, address)["interrupts"][0])
        assert steps[0][0] in lines and steps[-1] == ("CPU", None) and steps[-2][1] == plan.root
        assert len(steps) == (3 if soc == "brcm,bcm2837" else 2)
    if soc == "brcm,bcm2837":
        assert any("brcm,bcm2836-armctrl-ic" in plan.by_path[other]["compatible"]
                   for other in at(plan, mailbox)["windows"][0]["pages_shared_with"])


@stock
def test_kernel_and_init_choose_the_same_console(path):
    plan = planned(path, "0+1000000")
    reference, = next(s for s in plan.data["services"] if s["name"] == "console")["references"]
    assert reference["node"] == plan.data["console"]["early"]["node"]
    assert reference["property"] == "stdout-path"


@functools.partial(stock, soc="bcm2711")
def test_8_gib_on_both_sides_of_the_registers_cost_no_device(path):
    """Raspberry Pi 4 is the one with registers between its RAM."""
    # as its firmware writes them: #size-cells is 1, so 4 GiB are two entries
    plan = planned(path, "0+3b400000", "40000000+bc000000", "100000000+80000000", "180000000+80000000")
    assert [n["state"] for n in plan.nodes] == [n["state"] for n in planned(path, "0+1000000").nodes]
    assert all("second root" in n["why"] for n in plan.nodes if n["state"] == "refused")


@stock
def test_every_interrupt_has_a_way_to_the_cpu(path):
    plan = planned(path)
    for node in filter(plan_tool.is_enabled, plan.nodes):
        for line in node["interrupts"]:
            assert plan.route(line)[-1] == ("CPU", None), (node["path"], plan.route(line))


def test_rp1s_interrupts_reach_the_gic_as_messages():
    path = next((p for p in STOCK if name_of(p).startswith("bcm2712")), None)
    if path is None:
        pytest.skip(NO_STOCK)
    plan = planned(path, "0+1000000")
    line = at(plan, 0x1f00100000)["interrupts"][0]  # its network
    steps = plan.route(line)
    assert steps[0][0] == "<6 4>" and steps[1][0] == "by message"
    assert "brcm,bcm2712-mip" in plan.by_path[steps[1][1]]["compatible"]
    assert steps[2][1] == plan.root and steps[3] == ("CPU", None)


# ---- text and drawing ----

def is_drawn_to_the_cpu(row, seen=()):
    """Following the lines from a row as a person does: each ends at the CPU, whatever branch is taken."""
    assert row not in seen
    ways = [lane for lane, _ in row.ports if lane.target is None or lane.target.title != "console"]
    assert ways, f"the line ends at {row.title}"
    return all(lane.target is None or is_drawn_to_the_cpu(lane.target, (*seen, row)) for lane in ways)


def check_presentation(path):
    plan = planned(path)
    text = "\n".join(plan_tool.text(plan, everything=True))
    svg = plan_svg.draw(plan, plan_tool)
    assert svg.startswith("<svg") and xml.dom.minidom.parseString(svg)
    rows = plan_svg.make_rows(plan, plan_tool)
    lanes = plan_svg.make_lanes(plan, rows)
    assert len({lane.title for lane in lanes.values()}) == len(lanes)
    for node in plan.nodes:
        if not node.get("is_data"):
            assert re.search(rf"[ ,\n]{re.escape(node['path'])}[,:\n ]", text + "\n"), node["path"]
        if plan_tool.is_device(node):
            assert node["path"] in rows
            if node["interrupts"] and plan.root:
                assert is_drawn_to_the_cpu(rows[node["path"]]), node["path"]
        for line in node["interrupts"] if plan_tool.is_enabled(node) else []:
            if line.get("controller") in (None, node["path"]):
                continue  # a controller's own, of itself
            words = plan_tool.line_text(plan.by_path[line["controller"]], line)
            assert words in text


@pytest.mark.parametrize("path", [p for p in GOOD if "virt" in p and "least" not in p], ids=name_of)
def test_text_and_drawing_show_every_device_of_virt(path):
    check_presentation(path)


@stock
def test_text_and_drawing_show_every_device(path):
    check_presentation(path)


def test_what_only_devices_see_is_no_fault():
    text = "\n".join(plan_tool.text(planned(f"{referee.TREES}/good-brcm.dtb"), False))
    assert re.search(r"drv/bcm2712_mip +/axi/msi-controller@1000130000\n +window 0: 0x1000130000 \+ 0xc0\b.*\n"
                     r" +window 1: what devices see, no address of the CPU's\n", text), text
    assert "cannot be translated" not in text, text


def test_the_power_buttons_line_is_a_reference():
    text = "\n".join(plan_tool.text(planned(f"{referee.TREES}/good-virt-gicv2.dtb"), False))
    assert re.search(r"drv/gpio_keys +/gpio-keys\n +uses gpios 0: /pl061@9030000\n", text), text


def test_specifiers_are_read_as_their_controllers_bindings_say():
    def words(compatible, *cells):
        return plan_tool.line_text({"compatible": [compatible]}, {"specifier": list(cells)})

    assert words("arm,gic-400", 0, 33, 4) == "SPI 33, level high"
    assert words("arm,gic-v3", 1, 9, 0xf08) == "PPI 9, level low"
    assert words("arm,gic-400", 0, 5, 0) == "SPI 5, flags 0x0"
    assert words("brcm,bcm2836-armctrl-ic", 2, 25) == "bank 2 line 25"
    assert words("brcm,bcm2836-l1-intc", 8, 4) == "line 8"
    assert words("test,other", 1, 2) == "<1 2>"


def test_memory_ranges_are_read():
    assert plan_tool.memory_range("0+948M") == "0+3b400000"
    assert plan_tool.memory_range("0x40000000+3g") == "40000000+c0000000"
    for text in ("", "1", "+", "1+", "x+y", "-1+2", "0+1T", "0xffffffffffffffff+2"):
        with pytest.raises(plan_tool.argparse.ArgumentTypeError):
            plan_tool.memory_range(text)


# ---- wrong files ----

def refused(path, *arguments):
    done = run(str(path), *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"tools/plan: {path}: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path):
    good = open(f"{referee.TREES}/good-virt-gicv2.dtb", "rb").read()

    def file(name, data):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    assert "No such file" in refused(tmp_path / "missing.dtb")
    assert "s a directory" in refused(tmp_path)
    assert "empty" in refused(file("empty.dtb", b""))
    assert "not a device tree blob" in refused(file("text.dtb", b"/dts-v1/;\n" * 10))
    assert "not a device tree blob" in refused(file("short.dtb", good[:20]))
    assert "cut short" in refused(file("cut.dtb", good[:1000]))
    assert "too long" in refused(file("long.dtb", good[:4] + (3 << 20).to_bytes(4, "big") + good[8:] + bytes(3 << 20)))
    assert "damaged" in refused(file("damaged.dtb", good[:8] + b"\xff" * 4 + good[12:]))
    assert "nested deeper" in refused(f"{referee.TREES}/bad-nesting.dtb")
    assert "no memory node" in refused(f"{referee.TREES}/bad-virt-no-memory.dtb", "0+1000")
    done = run(f"{referee.TREES}/good-virt-gicv2.dtb", archive=str(file("archive", b"nothing of the kind")))
    assert done.returncode == 1 and "archive: not a boot archive" in done.stderr


@pytest.mark.parametrize("path", sorted(glob.glob(f"{referee.TREES}/bad-*.dtb")), ids=name_of)
def test_bad_trees_have_a_plan_or_a_reason(path):
    done = run(path)
    if done.returncode:
        refused(path)
    else:
        plan = plan_tool.Plan(json.loads(done.stdout))
        assert "\n".join(plan_tool.text(plan, everything=True))
        assert xml.dom.minidom.parseString(plan_svg.draw(plan, plan_tool))


# ---- damaged trees ----

@stock
def test_damaged_trees_grant_nothing_else(path):
    """Each tree is cut off at each $CAMBIUM_DAMAGE_STRIDE-th of its tokens; 80 copies of it are mutated."""
    done = subprocess.run([DAMAGE, path, os.environ["CAMBIUM_DAMAGE_STRIDE"], "80"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr[-6000:]
    intact, plans, windows = map(int, re.fullmatch(r"intact (\d+) plans (\d+) windows (\d+)\n", done.stdout).groups())
    assert intact >= 10 and plans > 80 and windows > 5 * plans
