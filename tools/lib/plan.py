# SPDX-License-Identifier: BSD-2-Clause
"""tools/plan: what Cambium would do with a device tree. build/tools/plan-json, which is init's own code, makes the plan;
here it becomes text (or with plan_svg.py a drawing)."""
import argparse
import json
import os
import re
import subprocess
import sys
import textwrap

import build
import helptext
import machine
import plan_svg

DESCRIPTION = """\
Says what Cambium would do on a board with this device tree, without the board: which server drives each node or why
none does, the windows of registers that it gets, the way of its interrupts to the CPU, memory, reservations and the
console. It is computed with init's own code and the servers of the boot archive that is built here.
"""
EPILOG = "status: 0 there is a plan, 1 the file cannot be read or is no sound device tree, 2 wrong options"
PLANNER = os.path.join(build.BUILD, "tools", "plan-json")

TRIGGERS = {1: "rising edge", 2: "falling edge", 4: "level high", 8: "level low"}
GIC_KINDS = {0: "SPI", 1: "PPI", 2: "ESPI", 3: "EPPI"}


# ---- what several nodes have to do with each other ----

class Plan:
    """What plan-json printed, and ways through it."""

    def __init__(self, data):
        self.data = data
        self.nodes = data["nodes"]
        self.by_path = {}
        for node in self.nodes:
            self.by_path.setdefault(node["path"], node)
        names = [node["path"].rpartition("/")[2] for node in self.nodes]
        self.ambiguous = {name for name in names if names.count(name) > 1}
        self.root = data.get("root_controller")
        self.users = {}  # (controller, specifier without flags) -> paths of enabled nodes
        for node in self.nodes:
            for line in node["interrupts"]:
                if "controller" in line and is_enabled(node):
                    paths = self.users.setdefault((line["controller"], wire(self.by_path[line["controller"]], line)), [])
                    if node["path"] not in paths:
                        paths.append(node["path"])

    def total(self):
        """Bytes of memory."""
        return sum(int(entry["len"], 16) for entry in self.data["memory"] if "len" in entry)

    def short(self, path):
        """The node's name, if no other node has it."""
        name = path.rpartition("/")[2]
        return path if name in self.ambiguous or not name else name

    def ancestors(self, path):
        """The node and those above it, upwards."""
        while path:
            if path in self.by_path:
                yield self.by_path[path]
            path = path.rpartition("/")[0]

    def above(self, controller):
        """What this interrupt controller reports to: (path, the words for the way there); (None, why) at an end."""
        node = self.by_path[controller]
        if controller == self.root:
            return None, "CPU"
        for line in node["interrupts"]:
            if line.get("controller") not in (None, controller):
                return line["controller"], line_text(self.by_path[line["controller"]], line)
        if "msi_to" in node:
            return node["msi_to"], "by a line of its own"
        parent = next((n["msi_parent"] for n in self.ancestors(controller) if "msi_parent" in n), None)
        if parent not in (None, controller):
            return parent, "by message"
        return None, "the way ends there"

    def route(self, line):
        """The whole way of an interrupt, as (words, path) pairs and at last the word for its end."""
        steps, seen = [(line_text(self.by_path[line["controller"]], line), line["controller"])], []
        while steps[-1][1] is not None:
            at = steps[-1][1]
            if at in seen:
                return steps + [("in a circle", None)]
            seen.append(at)
            parent, words = self.above(at)
            steps.append((words, parent))
        return steps


def is_enabled(node):
    return node["state"] != "disabled" and not node.get("is_data")


def is_device(node):
    """Whether a person would miss it in a list of devices: all that is more than a name, a clock or a setting of pins."""
    return is_enabled(node) and node["state"] != "kernel" and (
        node["state"] != "none" or any("base" in window for window in node["windows"]) or "interrupt_controller" in node)


def is_gic(controller):
    return any("gic" in name for name in controller["compatible"])


def wire(controller, line):
    """The specifier without what only says how the line behaves."""
    cells = line["specifier"]
    return tuple(cells[:2] if is_gic(controller) else cells[:1] if is_local(controller) else cells)


def is_local(controller):
    return "brcm,bcm2836-l1-intc" in controller["compatible"]


def line_text(controller, line):
    """A specifier in the words of its controller's binding, or else its numbers."""
    cells = line["specifier"]
    if is_gic(controller) and len(cells) >= 3:
        flags = TRIGGERS.get(cells[2] & 0xf, f"flags {cells[2]:#x}")
        return f"{GIC_KINDS.get(cells[0], f'type {cells[0]}')} {cells[1]}, {flags}"
    if any(name.endswith("armctrl-ic") for name in controller["compatible"]) and len(cells) == 2:
        return f"bank {cells[0]} line {cells[1]}"
    if is_local(controller) and len(cells) == 2:
        return f"line {cells[0]}"
    return "<" + " ".join(map(str, cells)) + ">"


def size(length):
    """A length as people say it."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if length >= unit and length % unit == 0:
            return f"{length // unit} {name}"
    return f"{length} bytes"


def amount(count, one, many=None):
    return f"{count} {one if count == 1 else many or one + 's'}"


# ---- text ----

INDENT = " " * 6


def range_text(entry):
    return f"{entry['base']} + {entry['len']} ({size(int(entry['len'], 16))})"


def window_text(plan, node, window):
    if "error" in window:
        return ("what devices see, no address of the CPU's" if window["for_devices"] else
                "no address of the CPU's: a bus above has no ranges" if window["error"] == "E_NOSYS" else
                f"cannot be translated ({window['error']})")
    text = f"{window['base']} + {window['len']}"
    others = [plan.short(path) + ("" if is_enabled(plan.by_path[path]) else " (disabled)")
              for path in window["pages_shared_with"]]
    shared = f"page shared with {', '.join(others)}" if others else ""
    if "device" not in window:
        return f"{text}{', ' + shared if shared else ''}"
    if window["device"]["base"] != window["base"] or window["device"]["len"] != window["len"]:
        return f"{text}, mapped as {window['device']['base']} + {window['device']['len']}"
    aligned = int(window["base"], 16) % 4096 == 0 and int(window["len"], 16) % 4096 == 0
    if aligned and window["whole_pages"]:
        return f"{text}, mapped"
    return f"{text}, by checked accesses{': ' + shared if shared else ''}"


def route_text(plan, node, line):
    """What an interrupt is to its controller, the way from there to the CPU, and what else is to be said of it."""
    if "controller" not in line:
        return f"leads nowhere ({line['error']})", "", ""
    (first, path), *steps = plan.route(line)
    way = ""
    for words, above in steps:
        way += f" -> {plan.short(path)}{'' if is_enabled(plan.by_path[path]) else ' (disabled)'} -> {words}"
        path = above
    users = plan.users.get((line["controller"], wire(plan.by_path[line["controller"]], line)), [])
    others = [plan.short(path) for path in users if path != node["path"]]
    return first, way, f"; line shared with {', '.join(others)}" if others else ""


def node_lines(plan, node):
    """What stands below a node's first line."""
    for index, window in enumerate(node["windows"]):
        yield f"window {index}: {window_text(plan, node, window)}"
    last, seen = None, set()
    for index, line in enumerate(node["interrupts"]):
        if line.get("controller") != node["path"]:
            name = f" ({line['name']})" if "name" in line else ""
            words, way, note = route_text(plan, node, line)
            if "row" in line and (words, way) in seen:
                continue  # rows of an interrupt-map lead to a few lines again and again
            what = "INTx" if "row" in line else f"interrupt {index}{name}"
            yield f"{what}: {words}{way if way != last else ', likewise'}{note}"
            if "row" in line:
                seen.add((words, way))
            last = way
    for ref in node.get("references", []):
        if ref["property"] != "interrupts" and "node" in ref:
            yield f"uses {ref['property']} {ref['index']}: {ref['node']}{'' if ref['required'] else ' (can do without)'}"


def server_title(entry, name):
    return f"{entry.get('rank', ''):>3}  {entry['server']:<16} {name}"


def console_text(plan):
    console = plan.data["console"]
    service = next((s for s in plan.data["services"] if s["name"] == "console"), None)
    path = console.get("stdout_path")
    if service is None:
        return "no server of the archive provides one"
    if "why" in service:
        return f"{service['server']} waits for {service['why']}"
    on, by = next(((ref["node"], ref["property"]) for ref in service["references"] if "node" in ref), ("?", "?"))
    named = f"stdout-path \"{path}\"" if path else "no stdout-path"
    return f"{service['server']} on {on} (" + (named if by == "stdout-path" else f"{by}; {named}") + ")"


def head(plan):
    data = plan.data
    yield f"{data['model'] or 'no model'} ({', '.join(data['compatible'])})"
    yield ""
    for entry in data["memory"] or [None]:
        text = ("none in this file: firmware or a loader writes it (--memory plans with some)" if entry is None else
                f"an entry that makes no sense ({entry['error']})" if "error" in entry else range_text(entry))
        yield f"memory         {text}"
    over = sum(1 for node in plan.nodes if node["state"] == "refused" and "lies over RAM" in node["why"])
    if over and plan.total():
        yield (f"               it lies over the registers of {amount(over, 'node')}. If firmware writes another, plan with that: "
               "--memory")
    for entry in data["reservations"]:
        text = f"an entry that makes no sense ({entry['error']})" if "error" in entry else (
            range_text(entry) + (", never mapped" if entry["no_map"] else ""))
        yield f"reserved       {text}"
    if "initrd" in data:
        yield f"archive        {range_text(data['initrd'])}"
    if "initrd_error" in data:
        yield f"archive        its place in /chosen makes no sense ({data['initrd_error']})"
    yield f"console        {console_text(plan)}"
    early = data["console"].get("early")
    yield "early console  " + (f"{early['kind']} at {early['base']}, {early['node']}" if early else "none")
    if plan.root:
        server = plan.by_path[plan.root].get("server")
        yield f"interrupts     reach the CPU through {plan.root}" + (f" ({server})" if server else ", for which there is no server")
    else:
        yield "interrupts     the tree does not say which controller the CPU's timer is wired to"
    if "left_out" in data:
        yield f"left out       {amount(data['left_out'], 'server or reference', 'servers or references')}: more than init's tables hold"


def group(plan, title, nodes, first_line):
    if nodes:
        yield ""
        yield title
        for node in nodes:
            yield first_line(node)
            for line in node_lines(plan, node):
                yield INDENT + line


def kernels(plan, nodes):
    """What the kernel keeps for itself: the names alone, except for what has interrupts."""
    plain = [node["path"] for node in nodes if not node["interrupts"]]
    yield from group(plan, "The kernel's own", [node for node in nodes if node["interrupts"]], lambda n: f"     {n['path']}")
    yield from textwrap.wrap(", ".join(plain), 120, initial_indent="     ", subsequent_indent="     ", break_long_words=False,
                             break_on_hyphens=False)


def sockets(plan, nodes, everything):
    """What init looks into when it starts: the nodes of each kind in one paragraph, or, with everything, each by itself."""
    title = "Sockets: what their registers say when init starts decides"
    kinds = {}
    for node in nodes:
        kinds.setdefault(f"{', '.join(node['compatible'])}: {', '.join(node['decided_by_registers'])}, or none", []).append(node)
    if everything:
        for kind, members in kinds.items():
            yield from group(plan, f"{title}\n     {kind}", members, lambda n: f"     {n['path']}")
        return
    if kinds:
        yield ""
        yield title
    for kind, paths in ((kind, [node["path"] for node in members]) for kind, members in kinds.items()):
        yield f"     {kind}"
        yield from textwrap.wrap(", ".join(paths), 120, initial_indent=INDENT, subsequent_indent=INDENT, break_long_words=False,
                                 break_on_hyphens=False)


def text(plan, everything=False):
    """All lines of the plan."""
    nodes = [node for node in plan.nodes if is_enabled(node)]
    ranked = [(n["rank"], n, n["path"]) for n in nodes if n["state"] == "served"]
    ranked += [(s["rank"], {**s, "windows": [], "interrupts": []}, s["name"]) for s in plan.data["services"] if "rank" in s]
    yield from head(plan)
    yield ""
    yield "Servers by rank; each calls only those above it" if ranked else "No server can be started"
    for _, entry, name in sorted(ranked, key=lambda item: item[0]):
        yield server_title(entry, name)
        for line in node_lines(plan, entry):
            yield INDENT + line
    waiting = [n for n in nodes if n["state"] == "waiting"]
    waiting += [{**s, "path": s["name"], "windows": [], "interrupts": []} for s in plan.data["services"] if "why" in s]
    yield from group(plan, "Waiting", waiting,
                     lambda n: f"{server_title(n, n['path'])}\n{INDENT}waits for {n['why']}")
    yield from group(plan, "Refused, or part of another node", [n for n in nodes if n["state"] in ("refused", "covered")],
                     lambda n: f"{server_title(n, n['path'])}\n{INDENT}{n['why']}")
    yield from sockets(plan, [n for n in nodes if "decided_by_registers" in n], everything)
    yield from group(plan, "Devices without a server",
                     [n for n in nodes if n["state"] == "unclaimed" and "decided_by_registers" not in n],
                     lambda n: f"     {n['path']}: {', '.join(n['compatible'])}" +
                     (f"\n{INDENT}for the server of {n['bus']} to start" if "bus" in n else ""))
    yield from kernels(plan, [n for n in nodes if n["state"] == "kernel"])
    rest = [n for n in nodes if n["state"] == "none"]
    disabled = [n for n in plan.nodes if not is_enabled(n) and not n.get("is_data")]
    if everything:
        yield from group(plan, "Nothing to drive", rest, lambda n: f"     {n['path']}")
        yield from group(plan, "Disabled", disabled, lambda n: f"     {n['path']}")
    else:
        yield ""
        yield (f"{amount(len(rest), 'more node', 'more nodes')} with nothing to drive, {len(disabled)} disabled: "
               "--all lists them")


# ---- the command ----

def memory_range(text):
    """BASE+LEN, each decimal or 0x..., with K, M or G behind it if wanted, as plan-json takes it."""
    match = re.fullmatch(r"(0x[0-9a-f]+|\d+)([KMG]?)\+(0x[0-9a-f]+|\d+)([KMG]?)", text, re.I)
    if not match:
        raise argparse.ArgumentTypeError(f"{text} is not BASE+LEN, such as 0+948M or 0x40000000+3G")
    base, length = (int(number, 0) << {"": 0, "K": 10, "M": 20, "G": 30}[unit.upper()]
                    for number, unit in (match.group(1, 2), match.group(3, 4)))
    if base + length > 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} ends beyond the last address")
    return f"{base:x}+{length:x}"


def options():
    parser = argparse.ArgumentParser(prog="tools/plan", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("tree", metavar="FILE.dtb", help="the device tree, as dtc or a loader writes it")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help="print all of it for programs: every node, as one JSON object")
    what.add_argument("--svg", metavar="FILE", help="draw the tree, its servers and the way of each interrupt to the CPU")
    what.add_argument("--all", action="store_true", help="list the nodes too that are disabled or have nothing to drive, and each socket")
    parser.add_argument("--memory", metavar="BASE+LEN", action="append", default=[], type=memory_range,
                        help="plan with this RAM instead of the tree's, for example 0+948M; may be repeated. Stock trees are "
                        "templates: firmware writes the memory before it starts the kernel")
    parser.add_argument("--archive", metavar="FILE", help="the boot archive whose servers count (default: the one built here)")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    return parser.parse_args()


def must_be_readable(path):
    """Says what is wrong with a file before anything is built for its sake."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        raise SystemExit(f"tools/plan: {path}: {error.strerror}") from None


def main():
    args = options()
    for path in filter(None, (args.tree, args.archive)):
        must_be_readable(path)
    build.everything(install=not args.no_install, targets=["tools/plan-json", "servers/archive.cpio"])
    made = subprocess.run([PLANNER, args.tree, args.archive or machine.ARCHIVE, *args.memory], stdout=subprocess.PIPE)
    if made.returncode:
        return 1  # it has said why
    if args.json:
        sys.stdout.buffer.write(made.stdout)
        return 0
    plan = Plan(json.loads(made.stdout))
    if not args.svg:
        print("\n".join(text(plan, args.all)))
        return 0
    try:
        with open(args.svg, "w", encoding="utf-8") as file:
            file.write(plan_svg.draw(plan, sys.modules[__name__]))
    except OSError as error:
        raise SystemExit(f"tools/plan: {args.svg}: {error.strerror}") from None
    return 0


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
        sys.exit(status)
    except BrokenPipeError:  # into head, for example
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)
