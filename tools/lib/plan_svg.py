# SPDX-License-Identifier: BSD-2-Clause
"""tools/plan --svg: the tree, its servers and the way of each interrupt to the CPU, as one drawing.

Each node is a row: name, registers, interrupts, and a box with its server. To the right is a lane for each interrupt
controller, that is, for what is wired to it. A device's line leaves its box, ends in a dot on a lane, and the lane
leads with an arrow into the box of its controller, whose own line goes on to the next lane; the last lane leads up
to the CPU. One more lane leads from the console's driver to its mux. Dashed: by message (MSI)."""
import math
from xml.sax.saxutils import escape, quoteattr

ROW, TOP, MARGIN, INDENT = 26, 190, 24, 16
BOX_WIDTH, BOX_HEIGHT = 152, 20
LANE_GAP, CPU_GAP = 26, 92
SLANT = 38  # degrees, of the lanes' names
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
# Okabe and Ito's palette, without its yellow (too light for lines on white).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#8c564b")
CPU_COLOUR = "#222222"
BOXES = {  # state: fill, stroke
    "served": ("#d7f0df", "#1b7f4b"), "waiting": ("#fff0cf", "#b27700"), "refused": ("#fbd9d3", "#b3261e"),
    "covered": ("#fbe6dc", "#b3261e"), "kernel": ("#dce9f7", "#1f5f9e"), "unclaimed": ("#ffffff", "#b5b5b5"),
    "none": ("#ffffff", "#dddddd"),
}


def width_of(text, size):
    """What DejaVu Sans needs at most; other fonts are narrower."""
    return sum(0.4 if c in " .,:;|'()ijlt" else 0.9 if c in "<>+@mMwW" else 0.66 for c in text) * size


class Row:
    def __init__(self, node, title, depth):
        self.node, self.title, self.depth = node, title, depth
        self.registers = self.lines = ""
        self.hint = ""        # for who points at it
        self.ports = []       # lanes to which a line leaves the box: (lane, dashed)
        self.enters = []      # lanes that lead into the box
        self.y = self.trunk_y = 0  # trunk_y: down to where its trunk is drawn


class Lane:
    def __init__(self, title, target):
        self.title, self.target = title, target  # target: the row into which it leads; None: the CPU
        self.rows, self.x, self.colour = [], 0, CPU_COLOUR


# ---- what is drawn ----

def shown(plan, helpers):
    """The nodes worth a row, with those above them, in the tree's order."""
    paths = set()
    for node in plan.nodes:
        is_ours = node["state"] == "kernel" and node["compatible"] and not node["path"].startswith(("/cpus/", "/reserved-memory/"))
        if helpers.is_device(node) or is_ours:
            paths.update(above["path"] for above in plan.ancestors(node["path"]))
    return [node for node in plan.nodes if node["path"] in paths]


def lines_summary(plan, helpers, node):
    """All interrupts in a few words: "SPI 64 65 66 67", "bank 1: 16 17 18 ...", "<25 4>"."""
    groups = {}
    for line in node["interrupts"]:
        if line.get("controller") == node["path"]:
            continue
        text = helpers.line_text(plan.by_path[line["controller"]], line).partition(",")[0] if "controller" in line else "nowhere"
        kind, _, number = text.rpartition(" ") if text[0] != "<" else ("", "", text)
        numbers = groups.setdefault(kind, [])
        if number not in numbers:
            numbers.append(number)
    parts = []
    for kind, numbers in groups.items():
        more = f" and {len(numbers) - 4} more" if len(numbers) > 5 else ""
        parts.append(f"{kind} {' '.join(numbers[:4] if more else numbers)}{more}".strip())
    return ", ".join(parts)


def make_rows(plan, helpers):
    rows = {}
    for node in shown(plan, helpers):
        path = node["path"]
        row = rows[path] = Row(node, path.rpartition("/")[2] or "/", path.count("/") - 1)
        windows = [window for window in node["windows"] if "base" in window]
        if windows:
            more = f"  +{len(windows) - 1} more" if len(windows) > 1 else ""
            row.registers = f"{windows[0]['base']} + {windows[0]['len']}{more}"
        row.lines = lines_summary(plan, helpers, node)
        row.hint = "\n".join([path, ", ".join(node["compatible"]), node.get("why", ""), *helpers.node_lines(plan, node)])
    for service in plan.data["services"]:
        node = {**service, "state": "waiting" if "why" in service else "served", "windows": [], "interrupts": []}
        row = rows[service["name"]] = Row(node, service["name"], 0)
        row.registers = ", ".join(f"{ref['property']}: {plan.short(ref['node'])}" for ref in service["references"]) or service["requires"]
        row.hint = service.get("why", "")
    for index, row in enumerate(rows.values()):
        row.y = TOP + index * ROW
        row.trunk_y = row.y + 9
    return rows


def make_lanes(plan, rows):
    """Lanes by the path of what they lead into; "CPU" is the last."""
    lanes = {}

    def connect(path, key, title, dashed=False):
        target = rows.get(key)
        lane = lanes.setdefault(key, Lane(title, target))
        row = rows[path]
        if row not in lane.rows:
            lane.rows.append(row)
            row.ports.append((lane, dashed))

    for path, row in rows.items():
        for line in row.node["interrupts"]:
            key = line.get("controller")
            if key not in (None, path) and key in rows:
                connect(path, key, plan.short(key))
        if row.node.get("interrupt_controller") and path != plan.root and path in {
                line.get("controller") for other in rows.values() for line in other.node["interrupts"] if other is not row}:
            key, words = plan.above(path)
            if key in rows:
                connect(path, key, plan.short(key), words == "by message")
        if "msi_to" in row.node and row.node["msi_to"] in rows:
            connect(path, row.node["msi_to"], plan.short(row.node["msi_to"]))
    for service in plan.data["services"]:
        for ref in service["references"]:
            if ref.get("node") in rows:
                connect(ref["node"], service["name"], service["name"])
    if plan.root in rows:
        connect(plan.root, "CPU", "CPU")
    order = sorted(lanes.items(), key=lambda item: (item[0] == "CPU", item[0] == plan.root, -item[1].rows[0].y))
    lanes = dict(order)
    coloured = [lane for key, lane in reversed(order) if key != "CPU"]  # the root's first: it has the most lines
    for index, lane in enumerate(coloured):
        lane.colour = COLOURS[index % len(COLOURS)]
    for lane in lanes.values():
        if lane.target:
            lane.target.enters.append(lane)
    return lanes


# ---- the drawing ----

class Drawing:
    def __init__(self):
        self.parts = []

    def text(self, x, y, text, size=12, colour="#222", anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
                          f'font-weight="{weight}">{escape(text)}</text>')

    def rim(self, x, end_x, y):
        """Below a level line that seems to pass over all lanes between x and end_x; not over that at end_x."""
        if end_x - 5 > x:
            self.parts.append(f'<path d="M{x:.1f},{y:.1f} H{end_x - 5:.1f}" fill="none" stroke="#fff" stroke-width="5"/>')

    def line(self, points, colour, width=1.6, dashed=False):
        path = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        self.parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}"/>')

    def arrow(self, x, y, colour):
        """A head that points to the left."""
        self.parts.append(f'<path d="M{x:.1f},{y:.1f} l9,-4.5 v9 z" fill="{colour}"/>')

    def box(self, x, y, width, height, state, text, hint=""):
        fill, stroke = BOXES[state]
        dash = ' stroke-dasharray="3 2"' if state == "unclaimed" else ""
        self.parts.append(f'<g><title>{escape(hint)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{width}" height="{height}" rx="4" '
                          f'fill="{fill}" stroke="{stroke}"{dash}/></g>')
        self.text(x + width / 2, y + height / 2 + 4, text, 11, "#222" if state != "unclaimed" else "#888", "middle",
                  "bold" if state == "served" else "normal")

    def svg(self, width, height):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
                f'viewBox="0 0 {width:.0f} {height:.0f}" font-family={quoteattr(FONT)}>\n'
                f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def box_text(node):
    name = node.get("server", "").rpartition("/")[2]
    if "decided_by_registers" in node:
        return "a socket"
    return {"served": f"{node.get('rank', '')}  {name}", "waiting": f"{name} waits", "refused": f"{name} refused",
            "covered": f"{name}: covered", "kernel": "kernel", "unclaimed": "no server"}.get(node["state"], "")


def ports_of(row):
    """Where lines touch the right side of a row's box: what enters is above what leaves."""
    count = len(row.enters) + len(row.ports)
    step = min(6.0, (BOX_HEIGHT - 4) / max(count - 1, 1))
    at = [row.y + (index - (count - 1) / 2) * step for index in range(count)]
    return at[:len(row.enters)], at[len(row.enters):]


def draw_rows(out, rows, columns):
    name_x, registers_x, lines_x, box_x, end_x = columns
    for index, row in enumerate(rows.values()):
        if index % 2:
            out.parts.append(f'<rect x="{MARGIN / 2}" y="{row.y - ROW / 2}" width="{end_x:.0f}" height="{ROW}" fill="#f6f7f9"/>')
    open_rows = []
    for row in rows.values():
        del open_rows[row.depth:]
        if open_rows:
            parent, x = open_rows[-1], name_x + (row.depth - 1) * INDENT + 5
            out.line([(x, parent.trunk_y), (x, row.y), (x + INDENT - 8, row.y)], "#b0b0b0", 1)
            parent.trunk_y = row.y
        open_rows += [row] * (row.depth + 1 - len(open_rows))
        plain = row.node["state"] in ("none", "unclaimed")
        out.text(name_x + row.depth * INDENT, row.y + 4, row.title, 12, "#666" if plain else "#111", weight="normal" if plain else "bold")
        out.text(registers_x, row.y + 4, row.registers, 11, "#444")
        if any(window.get("pages_shared_with") for window in row.node["windows"]):
            out.text(registers_x - 14, row.y + 4, "\u25d0", 11, "#b27700")
        out.text(lines_x, row.y + 4, row.lines, 11, "#444")


def draw_lanes(out, rows, lanes, box_x):
    right = box_x + BOX_WIDTH
    enter_y, leave_y = {}, {}
    for row in rows.values():
        entering, leaving = ports_of(row)
        enter_y.update({(id(row), id(lane)): y for lane, y in zip(row.enters, entering)})
        leave_y.update({(id(row), id(lane)): y for (lane, _), y in zip(row.ports, leaving)})
    for lane in lanes.values():  # the lanes below all lines that cross them
        ends = [leave_y[id(row), id(lane)] for row in lane.rows]
        ends.append(enter_y[id(lane.target), id(lane)] if lane.target else TOP - ROW)
        out.line([(lane.x, TOP - ROW + 4), (lane.x, min(ends))], lane.colour, 0.5)  # up to its name
        out.line([(lane.x, min(ends)), (lane.x, max(ends))], lane.colour, 2.6)
    dashes = {(id(row), id(lane)): dashed for row in rows.values() for lane, dashed in row.ports}
    for lane in lanes.values():
        for row in lane.rows:
            y = leave_y[id(row), id(lane)]
            out.rim(right + 8, lane.x, y)
            out.line([(right, y), (lane.x, y)], lane.colour, 1.4, dashes[id(row), id(lane)])
        if lane.target:
            y = enter_y[id(lane.target), id(lane)]
            out.rim(right + 8, lane.x, y)
            out.line([(lane.x, y), (right + 8, y)], lane.colour, 2.6)
            out.arrow(right, y, lane.colour)
    for lane in lanes.values():
        for row in lane.rows:
            out.dot(lane.x, leave_y[id(row), id(lane)], lane.colour)


def draw_lane_titles(out, lanes, box_x):
    """Each lane's name above the rows, at a slant, and a thin line from there to the lane."""
    for key, lane in lanes.items():
        if key == "CPU":
            out.parts.append(f'<rect x="{lane.x - 26:.1f}" y="{TOP - ROW - 26}" width="52" height="26" rx="4" fill="{CPU_COLOUR}"/>')
            out.text(lane.x, TOP - ROW - 9, "CPU", 13, "#fff", "middle", "bold")
        else:
            out.parts.append(f'<text transform="translate({lane.x + 3:.1f},{TOP - ROW}) rotate(-{SLANT})" font-size="11" '
                             f'fill="{lane.colour}">{escape(lane.title)}</text>')


def legend(out, x, y):
    for state, words in (("served", "served, with its rank"), ("waiting", "waits"), ("refused", "refused"),
                         ("kernel", "the kernel's"), ("unclaimed", "no server")):
        fill, stroke = BOXES[state]
        out.parts.append(f'<rect x="{x}" y="{y - 9}" width="14" height="11" rx="2" fill="{fill}" stroke="{stroke}"/>')
        out.text(x + 19, y, words, 11, "#444")
        x += 19 + width_of(words, 11) + 14
    out.text(x, y, "\u25d0", 11, "#b27700")
    out.text(x + 15, y, "page of registers shared with another node", 11, "#444")
    out.text(MARGIN, y + 20, "An interrupt's line leaves its node's box and ends in a dot on the lane of its controller. The lane leads with an", 11, "#444")
    out.text(MARGIN, y + 35, "arrow into the controller's box; from there it goes on, at last to the CPU. Dashed: as a message (MSI).", 11, "#444")


def notes(plan, helpers):
    """What stands below: why things wait."""
    for node in plan.nodes:
        if node["state"] in ("waiting", "refused", "covered"):
            yield f"{node['path']}: {node['server']} {'waits for ' if node['state'] == 'waiting' else ''}{node['why']}"
    for service in plan.data["services"]:
        if "why" in service:
            yield f"{service['name']}: {service['server']} waits for {service['why']}"
    rest = sum(1 for node in plan.nodes if helpers.is_enabled(node)) - len(shown(plan, helpers))
    yield f"{rest} enabled nodes that describe no device (clocks, settings of pins, reserved memory, CPUs) are not drawn."


def draw(plan, helpers):
    """The whole drawing, as SVG text. helpers: the module plan, which imports this one."""
    rows = make_rows(plan, helpers)
    lanes = make_lanes(plan, rows)
    name_x = MARGIN
    registers_x = name_x + max(row.depth * INDENT + width_of(row.title, 12) for row in rows.values()) + 28
    lines_x = registers_x + max(width_of(row.registers, 11) for row in rows.values()) + 14
    box_x = lines_x + max(80, *(width_of(row.lines, 11) for row in rows.values())) + 10
    x = box_x + BOX_WIDTH + 34
    for key, lane in lanes.items():
        x += CPU_GAP - LANE_GAP if key == "CPU" else 0
        lane.x = x
        x += LANE_GAP
    end_x = x + 10
    slanted = math.cos(math.radians(SLANT))
    width = max([end_x, *(lane.x + width_of(lane.title, 11) * slanted for lane in lanes.values())]) + MARGIN
    out = Drawing()
    out.text(MARGIN, 32, plan.data["model"] or plan.data["file"], 18, weight="bold")
    memory = [helpers.range_text(r) for r in plan.data["memory"] if "base" in r] or ["not in this file"]
    reserved = [helpers.range_text(r) for r in plan.data["reservations"] if "base" in r]
    out.text(MARGIN, 54, "memory " + ", ".join(memory[:3]) + ("; reserved " + ", ".join(reserved[:3]) if reserved else ""), 12, "#444")
    out.text(MARGIN, 74, "console: " + helpers.console_text(plan), 12, "#444")
    legend(out, MARGIN, 96)
    for x, words in ((name_x, "node"), (registers_x, "registers (CPU address)"), (lines_x, "interrupts"), (box_x, "server")):
        out.text(x, TOP - ROW / 2 - 8, words, 11, "#888")
    draw_rows(out, rows, (name_x, registers_x, lines_x, box_x, end_x))
    draw_lanes(out, rows, lanes, box_x)
    for row in rows.values():
        if row.node["state"] != "none":
            out.box(box_x, row.y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT, row.node["state"], box_text(row.node), row.hint)
        elif row.ports or row.enters:
            out.box(box_x, row.y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT, "none", "", row.hint)
    draw_lane_titles(out, lanes, box_x)
    y = TOP + len(rows) * ROW + 10
    for note in notes(plan, helpers):
        out.text(MARGIN, y, note, 11, "#555")
        y += 16
    return out.svg(max(width, 900), y + 10)
