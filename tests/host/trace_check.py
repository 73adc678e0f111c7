# SPDX-License-Identifier: BSD-2-Clause
"""A strict reader of the Trace Event Format as far as tools/trace writes it. It wants more than Perfetto does, which repairs
or drops without a word what is not in order: times that never go back, slices that are closed, that last, and whose ends
meet on one track; flows with one begin and one end, in this order, each within an open slice. check() returns all faults,
as sentences. Written from the format's description, not from tools/lib/trace_json.py."""
import json
import math

KEYS = {  # of each phase: what must be there beside ph, pid, tid; and what may be
    "M": ({"name", "args"}, set()),
    "B": ({"ts", "name", "cat"}, {"args"}),
    "E": ({"ts"}, {"name", "args"}),
    "X": ({"ts", "dur", "name", "cat"}, {"args"}),
    "i": ({"ts", "name", "cat", "s"}, {"args"}),
    "s": ({"ts", "name", "cat", "id"}, {"args"}),
    "t": ({"ts", "name", "cat", "id"}, {"args"}),
    "f": ({"ts", "name", "cat", "id", "bp"}, {"args"}),
}
METADATA = {"process_name": "name", "thread_name": "name", "process_sort_index": "sort_index", "thread_sort_index": "sort_index"}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Checker:
    def __init__(self):
        self.faults = []
        self.names = {}     # (kind, pid[, tid]) -> value
        self.open = {}      # (pid, tid) -> [(ts, name, end or None)]
        self.last_end = {}  # (pid, tid) -> ts
        self.used = set()   # tracks with events
        self.process_of = {}
        self.flows = {}     # id -> [state, name, cat, ts]
        self.latest = 0

    def fault(self, index, what):
        self.faults.append(f"event {index}: {what}")

    def event(self, index, event):
        if not isinstance(event, dict):
            return self.fault(index, "is no object")
        phase = event.get("ph")
        if phase not in KEYS:
            return self.fault(index, f"phase {phase!r}")
        must, may = KEYS[phase]
        must = must | {"ph", "pid", "tid"}
        for key in sorted(must - event.keys()):
            self.fault(index, f"{phase} without {key}")
        for key in sorted(event.keys() - must - may):
            self.fault(index, f"{phase} with {key}")
        if must - event.keys():
            return None
        for key in ("pid", "tid"):
            if not isinstance(event[key], int) or isinstance(event[key], bool) or not 0 <= event[key] < 1 << 31:
                return self.fault(index, f"{key} {event[key]!r}")
        for key in ("name", "cat"):
            if key in event and (not isinstance(event[key], str) or not event[key]):
                return self.fault(index, f"{key} {event[key]!r}")
        if "args" in event and not isinstance(event["args"], dict):
            return self.fault(index, "args is no object")
        if phase == "M":
            return self.metadata(index, event)
        ts = event["ts"]
        if not is_number(ts) or ts < 0:
            return self.fault(index, f"ts {ts!r}")
        if abs(ts * 1000 - round(ts * 1000)) > 1e-6 * max(1, ts * 1e-6):
            self.fault(index, f"ts {ts!r} is not whole nanoseconds")
        if ts < self.latest:
            self.fault(index, f"ts {ts} after {self.latest}")
        self.latest = max(self.latest, ts)
        track = event["pid"], event["tid"]
        self.used.add(track)
        if self.process_of.setdefault(event["tid"], event["pid"]) != event["pid"]:
            self.fault(index, f"tid {event['tid']} in two processes")
        self.expire(track, ts)
        getattr(self, "on_" + phase)(index, event, track, ts)
        return None

    def metadata(self, index, event):
        kind = event["name"]
        if kind not in METADATA:
            return self.fault(index, f"metadata {kind}")
        value = event["args"].get(METADATA[kind])
        if METADATA[kind] == "name" and (not isinstance(value, str) or not value) or METADATA[kind] == "sort_index" and not isinstance(value, int):
            return self.fault(index, f"{kind} is {value!r}")
        key = (kind, event["pid"]) if kind.startswith("process") else (kind, event["pid"], event["tid"])
        if key in self.names:
            self.fault(index, f"{kind} twice")
        self.names[key] = value
        return None

    def expire(self, track, ts):
        """Ends of X slices that have passed."""
        stack = self.open.setdefault(track, [])
        while stack and stack[-1][2] is not None and stack[-1][2] <= ts:
            self.last_end[track] = stack.pop()[2]

    def on_B(self, index, event, track, ts):
        self.open[track].append((ts, event["name"], None))

    def on_E(self, index, event, track, ts):
        stack = self.open[track]
        if not stack or stack[-1][2] is not None:
            return self.fault(index, "E without B")
        begin, name, _ = stack.pop()
        if event.get("name", name) != name:
            self.fault(index, f"E of {event['name']} ends {name}")
        if ts <= begin:
            self.fault(index, f"slice {name} does not last")
        self.last_end[track] = ts
        return None

    def on_X(self, index, event, track, ts):
        if not is_number(event["dur"]) or event["dur"] <= 0:
            return self.fault(index, f"dur {event['dur']!r}")
        stack = self.open[track]
        if stack and stack[-1][2] is not None and ts + event["dur"] > stack[-1][2]:
            self.fault(index, f"slice {event['name']} ends after the one around it")
        stack.append((ts, event["name"], ts + event["dur"]))
        return None

    def on_i(self, index, event, track, ts):
        if event["s"] not in ("g", "p", "t"):
            self.fault(index, f"scope {event['s']!r}")

    def flow(self, index, event, track):
        """The flow so far; both its key and its place are in order."""
        if not isinstance(event["id"], (int, str)) or isinstance(event["id"], bool):
            self.fault(index, f"id {event['id']!r}")
            return None
        if not self.open[track]:
            self.fault(index, f"flow {event['id']} binds to no slice")
        flow = self.flows.get(event["id"])
        if event["ph"] != "s" and flow is None:
            self.fault(index, f"flow {event['id']} does not begin")
        elif event["ph"] != "s" and (flow["name"], flow["cat"]) != (event["name"], event["cat"]):
            self.fault(index, f"flow {event['id']} goes on with another name or category")
        return flow

    def on_s(self, index, event, track, ts):
        if self.flow(index, event, track) is not None:
            return self.fault(index, f"flow {event['id']} begins twice")
        self.flows[event["id"]] = {"name": event["name"], "cat": event["cat"], "ended": False}
        return None

    def on_t(self, index, event, track, ts):
        flow = self.flow(index, event, track)
        if flow and flow["ended"]:
            self.fault(index, f"flow {event['id']} goes on after its end")

    def on_f(self, index, event, track, ts):
        flow = self.flow(index, event, track)
        if event["bp"] != "e":
            self.fault(index, f"flow {event['id']} does not bind to the slice around its end")
        if flow and flow["ended"]:
            self.fault(index, f"flow {event['id']} ends twice")
        if flow:
            flow["ended"] = True

    def end(self):
        for track, stack in self.open.items():
            for _, name, end in stack:
                if end is None:
                    self.faults.append(f"slice {name} of {track} is not closed")
        for number, flow in self.flows.items():
            if not flow["ended"]:
                self.faults.append(f"flow {number} does not end")
        for pid, tid in sorted(self.used):
            if ("process_name", pid) not in self.names:
                self.faults.append(f"process {pid} has no name")
            if ("thread_name", pid, tid) not in self.names:
                self.faults.append(f"thread {tid} of process {pid} has no name")


def check(text):
    """All faults of a file's text; none: it is in order."""
    try:
        data = json.loads(text, parse_constant=lambda name: name)
    except ValueError as what:
        return [f"no JSON: {what}"]
    if not isinstance(data, dict) or not isinstance(data.get("traceEvents"), list):
        return ["no object with a list traceEvents"]
    checker = Checker()
    if data.get("displayTimeUnit") not in ("ms", "ns"):
        checker.faults.append(f"displayTimeUnit {data.get('displayTimeUnit')!r}")
    for index, event in enumerate(data["traceEvents"]):
        checker.event(index, event)
    checker.end()
    return checker.faults
