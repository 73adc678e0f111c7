# SPDX-License-Identifier: BSD-2-Clause
"""A model of a trace as a drawing: a lane for each thread, time to the right in strips one below the other, arrows for what
threads send each other. Time is linear, but what is long and has no event in it is cut short, with a mark and its length."""
import bisect
from xml.sax.saxutils import escape

import plan_svg
from plan_svg import width_of

MARGIN, LABELS, STRIP = 24, 150, 1340  # left and right; names of lanes; a strip's lanes, at most
LANE, BOX, AXIS, GAP = 30, 17, 22, 26  # heights: lane, box in it, time axis above, space between strips
LONGEST = 60  # us; what is longer without an event is cut to
CUT = 64      # px
ARROWS = {  # kind: colour, dashed, words for the legend
    "interrupt": ("#c1121f", False, "interrupt"), "notify": ("#d97706", False, "notification"), "call": ("#0b5cad", False, "call"),
    "reply": ("#0b5cad", True, "answer"), "timer": ("#7a3fa0", False, "timer"), "wake": ("#2e7d32", False, "wakes"),
    "start": ("#2e7d32", True, "starts"), "fault": ("#c1121f", True, "fault"),
}
CHAIN = "#c1121f"


def us(time):
    """12 345.6"""
    return f"{time / 1000:,.1f}".replace(",", "\u202f").removesuffix(".0")


def span(time):
    return f"{us(time)} µs" if time < 1e6 else f"{time / 1e6:,.1f} ms".replace(",", "\u202f") if time < 1e9 else f"{time / 1e9:,.1f} s"


class Strip:
    """A part of the time axis: positions of its points; between them linear."""
    def __init__(self, begin):
        self.times, self.xs, self.cuts = [begin], [0.0], []  # cuts: (begin, end)
        self.y = 0

    def add(self, time, width, is_cut):
        if is_cut:
            self.cuts.append((self.times[-1], time))
        self.times.append(time)
        self.xs.append(self.xs[-1] + width)

    @property
    def begin(self):
        return self.times[0]

    @property
    def end(self):
        return self.times[-1]

    def has(self, time):
        return self.begin <= time <= self.end

    def x(self, time):
        time = min(max(time, self.begin), self.end)
        index = max(1, bisect.bisect_left(self.times, time))
        if len(self.times) == 1:
            return MARGIN + LABELS
        t0, t1, x0, x1 = self.times[index - 1], self.times[index], self.xs[index - 1], self.xs[index]
        return MARGIN + LABELS + x0 + (x1 - x0) * (time - t0) / (t1 - t0)


def points(model, begin, end):
    """All times of events in the window, with its ends."""
    found = {begin, end}
    for thread in model.threads:
        for state in thread.states:
            found.update((state.begin, state.end))
        found.update(moment.time for moment in thread.moments)
    for arrow in model.arrows:
        found.update((arrow.begin, arrow.end))
    return sorted(time for time in found if begin <= time <= end)


def strips(model, begin, end, scale):
    """The window cut into strips, where the core is idle if that comes soon enough."""
    times = points(model, begin, end)
    busy = sorted((b, e) for core in model.cores.values() for b, e, _ in core.slices)
    found = [Strip(begin)]
    for before, time in zip(times, times[1:]):
        is_cut = (time - before) / 1000 > LONGEST
        width = CUT if is_cut else max((time - before) / 1000 * scale, 0.5)
        strip = found[-1]
        index = bisect.bisect_right(busy, (before, 1 << 62)) - 1
        is_idle = is_cut and not (index >= 0 and busy[index][1] > before)
        if strip.xs[-1] + width > STRIP or is_idle and strip.xs[-1] > 0.45 * STRIP:
            strip = Strip(before)
            found.append(strip)
        strip.add(time, width, is_cut)
    return found


def short(state):
    """What fits into a box."""
    return state.text.rpartition(": ")[2] if state.text.startswith("serves") else state.text


class Timeline:
    def __init__(self, model, begin, end, scale):
        self.model, self.begin, self.end, self.scale = model, begin, end, scale
        self.out = plan_svg.Drawing()
        self.lanes, self.groups, self.colours = {}, [], {}
        self.index = 0
        for core in sorted(model.cores):
            self.lane(("core", core))
        processes = model.processes()
        for number, (_, name, threads) in enumerate(processes[1:] + processes[:1] if processes and processes[0][1] == "init" else processes):
            inside = [t for t in threads if any(s.begin < end and s.end > begin for s in t.states) or any(begin <= m.time <= end for m in t.moments)]
            for thread in inside:
                self.colours[thread] = plan_svg.COLOURS[number % len(plan_svg.COLOURS)]
                self.lane(thread)
            if len(inside) > 1:
                self.groups.append((name, inside))
        self.strips = strips(model, begin, end, scale)

    def lane(self, key):
        self.lanes[key] = self.index
        self.index += 1

    def y(self, strip, key):
        return strip.y + AXIS + self.lanes[key] * LANE + LANE / 2

    # ---- a strip ----

    def axis(self, strip):
        out, right = self.out, strip.x(strip.end)
        bottom = strip.y + AXIS + len(self.lanes) * LANE
        for key in self.lanes:
            y = self.y(strip, key)
            label = f"core {key[1]}" if isinstance(key, tuple) else key.label
            out.text(MARGIN, y + 4, label, 12, "#222" if isinstance(key, tuple) else self.colours[key], weight="bold")
            out.line([(MARGIN + LABELS, y), (right, y)], "#e4e4e4", 1)
        for _, threads in self.groups:
            x = MARGIN + LABELS - 8
            out.line([(x, self.y(strip, threads[0]) - 9), (x, self.y(strip, threads[-1]) + 9)], "#999", 2)
        last = -1e9
        for (begin, end), (x0, x1) in zip(zip(strip.times, strip.times[1:]), zip(strip.xs, strip.xs[1:])):
            if (begin, end) in strip.cuts:
                continue
            step = 10000 if self.scale >= 2 else 20000 if self.scale >= 1 else 100000
            for time in range(-(-(begin - self.model.begin) // step) * step, end - self.model.begin + 1, step):
                x = strip.x(time + self.model.begin)
                out.line([(x, strip.y + AXIS - 3), (x, bottom)], "#f3f3f3", 1)
                text = us(time)
                if x - width_of(text, 10) / 2 > last + 10 and x + width_of(text, 10) / 2 < MARGIN + LABELS + STRIP + 10:
                    out.line([(x, strip.y + AXIS - 6), (x, strip.y + AXIS)], "#999", 1)
                    out.text(x, strip.y + AXIS - 9, text, 10, "#666", "middle")
                    last = x + width_of(text, 10) / 2
        out.line([(MARGIN + LABELS, strip.y + AXIS - 3), (right, strip.y + AXIS - 3)], "#999", 1)
        out.text(MARGIN, strip.y + AXIS - 7, "µs", 10, "#666")

    def cuts(self, strip):
        """Over all lanes, so that nobody takes the length for a time."""
        bottom = strip.y + AXIS + len(self.lanes) * LANE
        for begin, end in strip.cuts:
            x = (strip.x(begin) + strip.x(end)) / 2
            self.out.parts.append(f'<path d="M{x - 3:.1f},{strip.y + AXIS - 6} L{x - 3:.1f},{bottom} L{x + 3:.1f},{bottom} L{x + 3:.1f},{strip.y + AXIS - 6} z" fill="#fff"/>')
            for dx in (-3, 3):
                self.out.line([(x + dx, strip.y + AXIS - 6), (x + dx, bottom)], "#aaa", 1, True)
            self.out.text(x, bottom + 12, span(end - begin), 10, "#777", "middle")

    def box(self, strip, thread, state):
        left, right, y = strip.x(state.begin), strip.x(state.end), self.y(strip, thread)
        colour = self.colours[thread]
        hint = f"{thread.label} {us(state.begin - self.model.begin)} to {us(state.end - self.model.begin)} µs ({span(state.end - state.begin)}): {state.text}"
        if state.kind == "runs":
            shape = (f'<rect x="{left:.1f}" y="{y - BOX / 2:.1f}" width="{max(right - left, 1):.1f}" height="{BOX}" rx="2" fill="{colour}" '
                     f'fill-opacity="0.22" stroke="{colour}" stroke-width="1"/>')
        elif state.kind == "ready":
            shape = f'<rect x="{left:.1f}" y="{y - 3:.1f}" width="{max(right - left, 0.5):.1f}" height="6" fill="#f2c14e"/>'
        else:
            shape = (f'<path d="M{left:.1f},{y:.1f} H{right:.1f}" stroke="{colour}" stroke-width="2" stroke-dasharray="2 3" fill="none"/>')
        self.out.parts.append(f"<g><title>{escape(hint)}</title>{shape}</g>")

    def words(self, strip, thread, state):
        """In a box, if they fit; not where the arrow says it."""
        left, right, text = strip.x(state.begin), strip.x(state.end), short(state)
        if state.kind == "runs" and width_of(text, 10) < right - left - 4 and not text.startswith("back"):
            self.out.text(left + 3, self.y(strip, thread) + 3.5, text, 10, "#222")

    def core(self, strip, number, core):
        y = self.y(strip, ("core", number))
        begin = strip.begin
        for slice_begin, slice_end, _ in [*core.slices, (strip.end, strip.end, None)]:
            if slice_end < strip.begin or slice_begin > strip.end:
                continue
            left, right = strip.x(begin), strip.x(slice_begin)
            if slice_begin > begin and right - left > 1:
                self.out.parts.append(f'<rect x="{left:.1f}" y="{y - 5:.1f}" width="{right - left:.1f}" height="10" fill="#ececec"/>')
                if right - left > 30:
                    self.out.text((left + right) / 2, y + 3.5, "idle", 10, "#888", "middle")
            begin = max(begin, slice_end)
        for time, _, text in core.signals:
            if strip.has(time):
                x, colour = strip.x(time), ARROWS["timer" if text == "timer" else "interrupt"][0]
                self.out.parts.append(f'<g><title>{escape(text)} at {us(time - self.model.begin)} µs</title><path d="M{x - 5:.1f},{y - 10:.1f} h10 l-5,12 z" fill="{colour}"/></g>')
                self.out.text(x + 9, y - 1, text, 10, colour, weight="bold")

    def moment(self, strip, thread, moment):
        x, y, out = strip.x(moment.time), self.y(strip, thread), self.out
        if moment.kind == "fault":
            out.line([(x - 5, y - 5), (x + 5, y + 5)], CHAIN, 2.4)
            out.line([(x - 5, y + 5), (x + 5, y - 5)], CHAIN, 2.4)
            out.text(x + 7, y - 10, moment.text, 10, CHAIN, weight="bold")
        elif moment.kind in ("start", "end", "exit"):
            out.line([(x, y - BOX / 2 - 3), (x, y + BOX / 2 + 3)], "#222", 2)
            out.text(x + (4 if moment.kind != "end" else -4), y - 10, moment.text, 10, "#222", "start" if moment.kind != "end" else "end")
        else:
            out.parts.append(f'<g><title>{escape(moment.text)}</title><path d="M{x:.1f},{y + BOX / 2:.1f} l4,6 h-8 z" fill="#7a3fa0"/></g>')

    def arrow(self, strip, arrow):
        source = arrow.source if arrow.source is not None else ("core", arrow.core)
        if source not in self.lanes or arrow.target not in self.lanes or source == arrow.target:
            return
        colour, is_dashed, _ = ARROWS[arrow.kind]
        y0, y1 = self.y(strip, source), self.y(strip, arrow.target)
        down = 1 if y1 > y0 else -1
        y0, y1 = y0 + down * (2 if arrow.source is None else BOX / 2), y1 - down * BOX / 2
        x0, x1 = strip.x(arrow.begin), strip.x(arrow.end)
        is_whole = strip.has(arrow.begin) and strip.has(arrow.end)
        if not strip.has(arrow.begin):
            x0, y0 = MARGIN + LABELS, y1 - down * LANE / 2
        if not strip.has(arrow.end):
            x1, y1 = strip.x(strip.end), y0 + down * LANE / 2
        width = 2.4 if arrow.chain is not None else 1.3
        hint = f"{arrow.kind}: {arrow.text}; {us(arrow.begin - self.model.begin)} to {us(arrow.end - self.model.begin)} µs"
        self.out.parts.append(f"<g><title>{escape(hint)}</title>")
        length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 0.1)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        head = 7 if strip.has(arrow.end) else 0
        self.out.line([(x0, y0), (x1 - ux * head, y1 - uy * head)], colour, width, is_dashed)
        if head:
            bx, by = x1 - ux * head, y1 - uy * head
            self.out.parts.append(f'<path d="M{x1:.1f},{y1:.1f} L{bx - uy * 3.4:.1f},{by + ux * 3.4:.1f} L{bx + uy * 3.4:.1f},{by - ux * 3.4:.1f} z" fill="{colour}"/>')
        self.out.parts.append("</g>")
        if arrow.chain is not None and arrow in arrow.chain.hops and is_whole:
            hop = arrow.chain.hops.index(arrow) + 1
            x, y = (x0 + x1) / 2 + 11, (y0 + y1) / 2
            self.out.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{CHAIN}"/>')
            self.out.text(x, y + 3.5, str(hop), 10, "#fff", "middle", "bold")

    def strip(self, strip):
        self.axis(strip)
        inside = [(thread, state) for thread in self.lanes if not isinstance(thread, tuple) for state in thread.states
                  if state.begin < strip.end and state.end > strip.begin]
        for thread, state in inside:
            self.box(strip, thread, state)
        self.cuts(strip)
        for thread, state in inside:
            self.words(strip, thread, state)
        for number, core in self.model.cores.items():
            self.core(strip, number, core)
        for arrow in self.model.arrows:
            if arrow.begin <= strip.end and arrow.end >= strip.begin and arrow.begin < self.end and arrow.end > self.begin:
                if strip.has(arrow.begin) or strip.has(arrow.end):
                    self.arrow(strip, arrow)
        for thread in self.lanes:
            if not isinstance(thread, tuple):
                for moment in thread.moments:
                    if strip.has(moment.time):
                        self.moment(strip, thread, moment)

    # ---- around it ----

    def legend(self, y):
        out, x = self.out, MARGIN
        for kind, (colour, is_dashed, word) in ARROWS.items():
            out.line([(x, y - 4), (x + 24, y - 4)], colour, 2, is_dashed)
            out.parts.append(f'<path d="M{x + 31},{y - 4} l-8,-3.6 v7.2 z" fill="{colour}"/>')
            out.text(x + 36, y, word, 11, "#444")
            x += 36 + width_of(word, 11) + 16
        y += 20
        x = MARGIN
        for shape, word in (('<rect x="{x}" y="{y}" width="26" height="12" rx="2" fill="#0072b2" fill-opacity="0.22" stroke="#0072b2"/>', "runs"),
                            ('<rect x="{x}" y="{y6}" width="26" height="6" fill="#f2c14e"/>', "is ready, another runs"),
                            ('<path d="M{x},{y6} h26" stroke="#0072b2" stroke-width="2" stroke-dasharray="2 3" fill="none"/>', "waits for an answer"),
                            (f'<circle cx="{{x13}}" cy="{{y6}}" r="7" fill="{CHAIN}"/>', "an interrupt's hops, in their order"),
                            ('<path d="M{x},{y} v13 M{x6},{y} v13" stroke="#aaa" stroke-dasharray="5 3"/>', "time cut out, its length below")):
            out.parts.append(shape.format(x=x, y=y - 10, y6=y - 5, x13=x + 13, x6=x + 6))
            out.text(x + 34, y, word, 11, "#444")
            x += 34 + width_of(word, 11) + 16
        return y + 20

    def chains(self, y):
        """The ways of interrupts, in words."""
        inside = [chain for chain in self.model.chains if self.begin <= chain.begin <= self.end and chain.hops]
        for chain in inside[:12]:
            self.out.text(MARGIN, y, f"{chain.title} at {us(chain.begin - self.model.begin)} µs: {way(chain)}", 11, "#444")
            y += 16
        if len(inside) > 12:
            self.out.text(MARGIN, y, f"and {len(inside) - 12} more interrupts", 11, "#444")
            y += 16
        return y

    def draw(self, title):
        out = self.out
        out.text(MARGIN, 32, title, 18, weight="bold")
        y = 52
        dump = self.model.dump
        window = "" if (self.begin, self.end) == (self.model.begin, self.model.end) else \
            f"; shown: {us(self.begin - self.model.begin)} to {us(self.end - self.model.begin)} µs"
        out.text(MARGIN, y, f"{len(dump.records)} records in {span(self.model.end - self.model.begin)}{window}", 12, "#444")
        for problem in dump.problems:
            y += 16
            out.text(MARGIN, y, problem, 12, "#b3261e")
        y = self.legend(y + 26)
        y = self.chains(y + 4) + 8
        for strip in self.strips:
            strip.y = y
            self.strip(strip)
            y += AXIS + len(self.lanes) * LANE + GAP
        width = MARGIN + LABELS + max(strip.xs[-1] for strip in self.strips) + MARGIN
        return out.svg(max(width, 900), y + 6)


def way(chain):
    """core 0 -> gicv2/2 +5.0 -> pl011/3 +88.1 µs"""
    hops = [f"{hop.target.label} +{us(hop.end - chain.begin)}" for hop in chain.hops]
    return " \u2192 ".join([f"core {chain.hops[0].core}", *hops]) + " µs"


def draw(model, title, begin=None, end=None, scale=3.0):
    """SVG text of the window (ns as in the model; None: all); scale: px per µs."""
    return Timeline(model, model.begin if begin is None else begin, model.end if end is None else end, scale).draw(title)
