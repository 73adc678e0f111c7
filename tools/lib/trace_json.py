# SPDX-License-Identifier: BSD-2-Clause
"""A model of a trace as JSON in the Trace Event Format, which https://ui.perfetto.dev and chrome://tracing show.

A process of Cambium is a process there, a thread a track with its states one after the other, and each core has two
tracks in a process "CPU": who runs, and interrupts and timers. Arrows are flows ("s" to "f"), each bound to the slices
at its two ends. Events stand in the order of their times; at the same time, slices end, begin, and then flows bind."""
import json

LARGEST = 1 << 29  # below it are Cambium's own process and thread ids
CPU = 1 << 30      # process id of the cores
RANK = {"M": 0, "E": 1, "B": 2, "i": 3, "s": 4, "f": 5}
CATEGORY = {"runs": "running", "ready": "ready", "waits": "waiting"}


def us(time):
    return time / 1000


def tracks(model):
    """{thread: (pid, tid)}: Cambium's numbers; others for those that are given twice, unknown or absurd."""
    ids, taken, more = {}, set(), LARGEST
    for process, _, threads in model.processes():
        pid = process
        if pid is None or pid >= LARGEST:
            pid, more = more, more + 1
        for thread in threads:
            tid = thread.id
            if tid in taken or tid >= LARGEST:
                tid, more = more, more + 1
            taken.add(tid)
            ids[thread] = pid, tid
    return ids


def events(model):
    ids = tracks(model)
    found = []

    def add(ph, where, time, **more):
        found.append({"ph": ph, "pid": where[0], "tid": where[1], "ts": us(time - model.begin), **more})

    def name(kind, where, **args):
        found.append({"ph": "M", "pid": where[0], "tid": where[1], "name": kind, "args": args})

    def slice_of(where, begin, end, text, category, **args):
        add("B", where, begin, name=text, cat=category, args=args)
        add("E", where, end)

    name("process_name", (CPU, CPU), name="CPU")
    name("process_sort_index", (CPU, CPU), sort_index=-1)
    signal_track = {}
    for number, core in sorted(model.cores.items()):
        runs, signals = (CPU, CPU + 2 * number), (CPU, CPU + 2 * number + 1)
        signal_track[number] = signals
        name("thread_name", runs, name=f"core {number}")
        name("thread_name", signals, name=f"core {number}: interrupts, timers")
        for begin, end, thread in core.slices:
            slice_of(runs, begin, end, thread.label, "core")
        for begin, end, text in core.signals:
            slice_of(signals, begin, end, text, "signal")
    for process, label, threads in model.processes():
        pid = ids[threads[0]][0]
        name("process_name", (pid, ids[threads[0]][1]), name=label)
        for thread in threads:
            name("thread_name", ids[thread], name=thread.label)
            for state in thread.states:
                more = {"core": state.core} if state.core is not None else {}
                slice_of(ids[thread], state.begin, state.end, state.text, CATEGORY[state.kind], **more)
            for moment in thread.moments:
                add("i", ids[thread], moment.time, name=moment.text, cat=moment.kind, s="t")
    for number, arrow in enumerate(model.arrows, 1):
        source = ids[arrow.source] if arrow.source is not None else signal_track[arrow.core]
        args = {"from": arrow.source.label if arrow.source is not None else f"core {arrow.core}", "to": arrow.target.label, "what": arrow.text}
        if arrow.chain is not None:
            args |= {"interrupt": arrow.chain.number, "hop": arrow.chain.hops.index(arrow) + 1}
        flow = {"id": number, "name": arrow.kind, "cat": arrow.kind, "args": args}
        add("s", source, arrow.begin, **flow)
        add("f", ids[arrow.target], arrow.end, bp="e", **flow)
    found.sort(key=lambda event: (event.get("ts", -1), RANK[event["ph"]]))
    return found


def text(model):
    data = {"displayTimeUnit": "ns", "otherData": {"system": "Cambium", "records": len(model.dump.records), "lost": model.dump.lost(),
                                                   "notes": model.dump.problems}}
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in events(model))
    return json.dumps(data)[:-1] + ', "traceEvents": [\n' + lines + "\n]}\n"
