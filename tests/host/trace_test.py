# SPDX-License-Identifier: BSD-2-Clause
"""tools/trace: what it concludes from records written here by hand; that its JSON satisfies trace_check.py and its drawing is
one, whatever the log; that trace_check.py sees each fault that is planted; logs that are cut, mixed, damaged, from a newer kernel."""
import copy
import json
import os
import random
import subprocess
import sys
import xml.etree.ElementTree

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tools", "lib"), os.path.dirname(os.path.abspath(__file__))]
import trace_check  # noqa: E402
import trace_json  # noqa: E402
import trace_log  # noqa: E402
import trace_model  # noqa: E402
import trace_svg  # noqa: E402
import trace_words  # noqa: E402

SWITCH, CALL, REPLY, NOTIFY, IRQ, FAULT, PENDING, EVENTS, WAKE, TIMER, SLICE, START, END, NAME = range(1, 15)
NO_INTID = (1 << 64) - 1
THREADS = {1: (1, "init"), 2: (2, "gicv2"), 3: (3, "pl011"), 4: (4, "serial"), 5: (5, "shell")}
WRITE, ACK = 2, 1


# ---- logs ----

def line(text):
    a = b = 0
    for c in text.encode():
        a = (a + c) % 255
        b = (b + a) % 255
    return f"~{text} *{b:02x}{a:02x}\n"


def log(records, threads=None, wanted=0, first=0):
    """records: (time in us, event, thread, argument)."""
    threads = THREADS if threads is None else threads
    return (line(f"trace 1 {wanted:x} {first:x} {first + len(records):x}")
            + "".join(line(f"t {number:x} {pid:x} {name}") for number, (pid, name) in threads.items())
            + "".join(line(f"r {first + n:x} {int(time * 1000):x} {event:x} 0 {thread:x} {argument:x}")
                      for n, (time, event, thread, argument) in enumerate(records))
            + line(f"end {len(records):x} {len(threads):x}"))


def model_of(records, **more):
    return trace_model.Model(trace_log.read(log(records, **more)))


def thread_of(model, number):
    return next(thread for thread in model.threads if thread.id == number)


def states(model, number):
    return [(s.kind, (s.begin - model.begin) / 1000, (s.end - model.begin) / 1000, s.text) for s in thread_of(model, number).states]


def arrows(model):
    return [(a.kind, a.source.id if a.source else None, (a.begin - model.begin) / 1000, a.target.id, (a.end - model.begin) / 1000)
            for a in model.arrows]


def end_records(time, thread, process, name):
    parts = name.encode().ljust(16, b"\0")
    return [(time, END, thread, process)] + [(time, NAME, thread, int.from_bytes(parts[at:at + 8], "little")) for at in (0, 8)]


# A key press, as the kernel records it; the shell waits for keys from before the trace.
KEY = [(0, SWITCH, 0, 0), (100, IRQ, 2, NO_INTID), (101, SWITCH, 2, 0), (110, NOTIFY, 3, 1), (112, SWITCH, 3, 0),
       (120, CALL, 3, 2 << 32 | ACK), (122, SWITCH, 2, 0), (130, REPLY, 2, 3 << 32), (132, SWITCH, 3, 0), (140, NOTIFY, 4, 0x10000),
       (142, SWITCH, 4, 0), (150, REPLY, 4, 5 << 32), (152, SWITCH, 5, 0), (160, CALL, 5, 4 << 32 | WRITE), (162, SWITCH, 4, 0)]
EXCHANGE = [(0, SWITCH, 5, 0), (10, CALL, 5, 4 << 32 | WRITE), (12, SWITCH, 4, 0), (20, REPLY, 4, 5 << 32), (23, SWITCH, 5, 0), (30, SWITCH, 0, 0)]
LIFE = [(0, SWITCH, 1, 0), (5, START, 6, 9), (8, SWITCH, 6, 0), (15, FAULT, 6, 10), (16, CALL, 6, 1 << 32), (18, SWITCH, 1, 0),
        *end_records(25, 6, 9, "hello"), (30, SWITCH, 0, 0), (50, TIMER, 4, 0), (50, NOTIFY, 4, 2), (53, SWITCH, 4, 0), (60, SWITCH, 0, 0),
        (80, TIMER, 5, 0), (83, SWITCH, 5, 0), (90, WAKE, 4, 3 << 32 | 7), (95, SLICE, 5, 0), (99, SWITCH, 4, 0), (101, END, 5, 5)]


# ---- what follows from records ----

def test_a_call_and_its_answer_are_arrows_and_the_caller_waits_between():
    model = model_of(EXCHANGE)
    assert arrows(model) == [("call", 5, 10, 4, 12), ("reply", 4, 20, 5, 23)]
    assert states(model, 5) == [("runs", 0, 12, "runs"), ("waits", 12, 20, "calls serial/4: write"), ("ready", 20, 23, "ready"),
                                ("runs", 23, 30, "back from serial/4")]
    assert states(model, 4) == [("ready", 10, 12, "ready"), ("runs", 12, 23, "serves shell/5: write")]
    assert not model.dump.problems


def test_an_interrupt_is_followed_to_whom_it_was_for():
    model = model_of(KEY)
    assert [(hop.kind, hop.target.label, (hop.end - model.begin) // 1000) for hop in model.chains[0].hops] == [
        ("interrupt", "gicv2/2", 101), ("notify", "pl011/3", 112), ("notify", "serial/4", 142), ("reply", "shell/5", 152)]
    assert [(a.kind, a.chain is not None) for a in model.arrows if a.target.id == 2 or a.begin >= 160000] == [
        ("interrupt", True), ("call", False), ("call", False)]
    assert model.chains[0].title == "interrupt"
    assert "core 0 \u2192 gicv2/2 +1 \u2192 pl011/3 +12 \u2192 serial/4 +42 \u2192 shell/5 +52 µs" == trace_svg.way(model.chains[0])


def test_an_interrupt_through_two_controllers_has_a_hop_more():
    records = [(0, SWITCH, 0, 0), (10, IRQ, 2, 33), (11, SWITCH, 2, 0), (20, NOTIFY, 3, 1), (21, SWITCH, 3, 0), (30, NOTIFY, 4, 2),
               (31, SWITCH, 4, 0), (40, NOTIFY, 5, 4), (41, SWITCH, 5, 0)]
    model = model_of(records)
    assert [hop.target.id for hop in model.chains[0].hops] == [2, 3, 4, 5] and model.chains[0].title == "interrupt 33"


def test_two_interrupts_are_two_ways():
    model = model_of(KEY + [(170, SWITCH, 0, 0)] + [(time + 200, *rest) for time, *rest in KEY])
    assert [[hop.target.id for hop in chain.hops] for chain in model.chains] == [[2, 3, 4, 5], [2, 3, 4, 5]]


def test_a_call_to_a_busy_server_begins_when_the_caller_stopped():
    model = model_of([(0, SWITCH, 5, 0), (10, SWITCH, 4, 0), (20, CALL, 5, 4 << 32 | WRITE), (30, SWITCH, 0, 0)])
    assert arrows(model) == [("call", 5, 9.999, 4, 20)]
    assert states(model, 5)[1][:3] == ("waits", 10, 30.001)
    assert states(model, 4) == [("runs", 10, 20, "runs"), ("runs", 20, 30, "serves shell/5: write")]


def test_events_that_come_to_a_busy_server_arrive_when_it_takes_them():
    model = model_of([(0, SWITCH, 3, 0), (5, PENDING, 4, 2), (7, PENDING, 4, 1), (10, SWITCH, 4, 0), (15, EVENTS, 4, 3), (20, SWITCH, 0, 0)])
    assert arrows(model) == [("notify", 3, 5, 4, 15), ("notify", 3, 7, 4, 15)]
    assert states(model, 4) == [("runs", 10, 15, "runs"), ("runs", 15, 20, "events 0x3")]


def test_an_interrupt_goes_on_through_events_that_wait():
    model = model_of([(0, SWITCH, 3, 0), (5, IRQ, 2, 7), (6, SWITCH, 2, 0), (7, PENDING, 3, 1), (8, SWITCH, 3, 0), (9, EVENTS, 3, 1),
                      (12, NOTIFY, 4, 1), (13, SWITCH, 4, 0)])
    assert [hop.target.id for hop in model.chains[0].hops] == [2, 3, 4]


def test_who_is_preempted_is_ready_and_who_is_alone_goes_on():
    model = model_of([(0, SWITCH, 5, 0), (5, IRQ, 2, 1), (6, SWITCH, 2, 0), (9, SWITCH, 5, 0), (12, SWITCH, 5, 0), (15, SWITCH, 0, 0)])
    assert states(model, 5) == [("runs", 0, 6, "runs"), ("ready", 6, 9, "ready"), ("runs", 9, 15, "goes on")]


def test_lives_faults_timers_and_wake_ups_are_told():
    model = model_of(LIFE)
    hello = thread_of(model, 6)
    assert hello.label == "hello/6" and hello.process == 9
    assert [(m.kind, m.text) for m in hello.moments] == [("start", "begins"), ("exit", "exits"), ("end", "ends")]
    assert [a[:2] + a[3:4] for a in arrows(model)] == [("start", 1, 6), ("fault", 6, 1), ("timer", None, 4), ("timer", None, 5), ("wake", 5, 4)]
    assert [(s.kind, s.text) for s in thread_of(model, 5).states][-1] == ("runs", "deadline passed")
    assert [text for _, _, text in model.cores[0].signals] == ["timer", "timer"]
    assert thread_of(model, 5).moments[0].kind == "slice"


def test_times_that_are_equal_become_different():
    model = model_of([(0, *rest) for _, *rest in EXCHANGE])
    assert [a[0] for a in arrows(model)] == ["call", "reply"] and not trace_check.check(trace_json.text(model))


def test_numbers_have_the_names_that_the_source_gives_them():
    assert trace_words.request("pl011", 2) == "write" and trace_words.request("gicv2", 1) == "ack" and trace_words.request("init", 2) == "spawn"
    assert trace_words.request("bcm2835_armctrl", 1) == "ack"  # as much of its name as is kept
    assert trace_words.request("nobody", 7) == "op 7" and trace_words.request("pl011", 99) == "op 99"
    assert trace_words.error(0xfffffff8) == "E_TIMEOUT" and trace_words.faults()[10] == "exit"
    assert [trace_words.events()[n] for n in (SWITCH, IRQ, TIMER, END)] == ["SWITCH", "IRQ", "TIMER", "END"]


# ---- what is written ----

STORIES = {"exchange": EXCHANGE, "key": KEY, "life": LIFE, "one": [(0, SWITCH, 5, 0)], "only an end": end_records(0, 5, 5, "shell")}


@pytest.mark.parametrize("name", STORIES)
def test_json_is_in_order_and_the_drawing_is_one(name):
    model = model_of(STORIES[name])
    assert trace_check.check(trace_json.text(model)) == []
    xml.etree.ElementTree.fromstring(trace_svg.draw(model, "a & b <c>"))


def test_json_has_every_arrow_with_its_hop():
    events = json.loads(trace_json.text(model_of(KEY)))["traceEvents"]
    hops = [event["args"] for event in events if event["ph"] == "f" and "hop" in event["args"]]
    assert [(hop["hop"], hop["from"], hop["to"]) for hop in hops] == [
        (1, "core 0", "gicv2/2"), (2, "gicv2/2", "pl011/3"), (3, "pl011/3", "serial/4"), (4, "serial/4", "shell/5")]
    names = {event["args"]["name"] for event in events if event["ph"] == "M" and event["name"] == "thread_name"}
    assert {"core 0", "gicv2/2", "shell/5"} <= names


def test_the_drawing_shows_lanes_hops_and_what_is_cut_out():
    text = trace_svg.draw(model_of(KEY), "key")
    for word in ("gicv2/2", "pl011/3", "serial/4", "shell/5", ">1</text>", ">4</text>", "interrupt at 100", "interrupt at 100 µs", "idle"):
        assert word in text, word
    assert len(trace_svg.draw(model_of(KEY), "key", 100000, 125000)) < len(text)


# ---- the checker sees what is wrong ----

def good():
    return json.loads(trace_json.text(model_of(KEY)))


def index_of(events, ph, nth=0):
    return [index for index, event in enumerate(events) if event["ph"] == ph][nth]


def planted():
    """(name, function that spoils the events, words of the fault that must be said)"""
    def at(phase, nth=0, /, **change):
        def spoil(events):
            event = events[index_of(events, phase, nth)]
            for key, value in change.items():
                if value is None:
                    del event[key]
                else:
                    event[key] = value
        return spoil

    def drop(ph, nth=0):
        return lambda events: events.pop(index_of(events, ph, nth))

    def twice(ph, nth=0):
        return lambda events: events.insert(index_of(events, ph, nth), copy.deepcopy(events[index_of(events, ph, nth)]))

    def swap(ph, other):
        def spoil(events):
            a, b = index_of(events, ph), index_of(events, other)
            events[a], events[b] = events[b], events[a]
        return spoil

    def empty_slice(events):
        end = index_of(events, "E")
        begin = next(e for e in reversed(events[:end]) if e["ph"] == "B" and (e["pid"], e["tid"]) == (events[end]["pid"], events[end]["tid"]))
        events.insert(events.index(begin) + 1, {**events[end], "ts": begin["ts"]})
        events.remove(events[end + 1])

    def step_after_end(events):
        at = index_of(events, "f")
        events.insert(at + 1, {key: value for key, value in events[at].items() if key != "bp"} | {"ph": "t"})

    def complete(**change):
        return lambda events: events.append({"ph": "X", "pid": 3, "tid": 3, "ts": events[-1]["ts"] + 1, "dur": 5.0, "name": "x", "cat": "x", **change})

    def overlapping(events):
        complete()(events)
        complete(dur=50.0, ts=events[-1]["ts"] + 1)(events)

    return [
        ("an end is missing", drop("E", -1), "is not closed"), ("a begin is missing", drop("B"), "E without B"),
        ("an end twice", twice("E"), "E without B"), ("a slice that does not last", empty_slice, "does not last"),
        ("a flow that does not end", drop("f"), "does not end"), ("a flow that does not begin", drop("s"), "does not begin"),
        ("a flow begun twice", twice("s"), "begins twice"), ("a flow ended twice", twice("f"), "ends twice"),
        ("a flow that goes on after its end", step_after_end, "goes on after its end"),
        ("a flow that ends before it begins", swap("s", "f"), "does not begin"),
        ("a flow in no slice", at("f", 0, pid=3, tid=3), "binds to no slice"), ("a flow bound to the next slice", at("f", 0, bp="n"), "does not bind"),
        ("a flow with another name", at("f", 0, name="other"), "another name"), ("an id that is none", at("s", 0, id=None), "without id"),
        ("time that goes back", at("B", 3, ts=0.0), " after "), ("time below zero", at("B", 0, ts=-1.0), "ts -1"),
        ("time that is a word", at("B", 0, ts="1"), "ts '1'"), ("time between nanoseconds", at("E", -1, ts=1e4 + 0.00012345), "whole nanoseconds"),
        ("time that is endless", at("E", -1, ts=float("inf")), "ts 'Infinity'"), ("no time", at("B", 0, ts=None), "without ts"),
        ("no name", at("B", 0, name=None), "without name"), ("an empty name", at("B", 0, name=""), "name ''"),
        ("an unknown phase", at("B", 0, ph="b"), "phase 'b'"), ("no process", at("B", 0, pid=None), "without pid"),
        ("a thread that is a word", at("B", 0, tid="1"), "tid '1'"), ("an unknown key", at("B", 0, color="red"), "with color"),
        ("arguments that are none", at("B", 0, args=[]), "args"), ("a process without a name", drop("M"), "has no name"),
        ("a thread without a name", lambda events: events.pop(next(i for i, e in enumerate(events) if e.get("name") == "thread_name")), "has no name"),
        ("a name twice", twice("M"), "twice"), ("metadata that nobody knows", at("M", 0, name="procces_name"), "metadata"),
        ("a name that is a number", at("M", 0, args={"name": 5}), "is 5"), ("a thread in two processes", at("B", 1, pid=7), "two processes"),
        ("a moment without a scope", lambda events: events.append({"ph": "i", "pid": 3, "tid": 3, "ts": events[-1]["ts"], "name": "x", "cat": "x", "s": "x"}), "scope"),
        ("no length", complete(dur=0), "dur 0"), ("slices that overlap", overlapping, "ends after the one around it"),
        ("an event that is none", lambda events: events.append(7), "no object"),
    ]


@pytest.mark.parametrize("name, spoil, words", planted(), ids=[name for name, _, _ in planted()])
def test_the_checker_sees(name, spoil, words):
    data = good()
    assert trace_check.check(json.dumps(data)) == []
    spoil(data["traceEvents"])
    faults = trace_check.check(json.dumps(data))
    assert any(words in fault for fault in faults), faults


def test_the_checker_sees_what_is_no_trace():
    assert trace_check.check("{") and trace_check.check("[]") and trace_check.check('{"traceEvents": 1}')
    assert trace_check.check('{"traceEvents": []}') == ["displayTimeUnit None"]
    assert trace_check.check('{"traceEvents": [], "displayTimeUnit": "ns"}') == []


# ---- logs that are not as they should be ----

def problems(text, which=None):
    dump = trace_log.read(text, which)
    model = trace_model.Model(dump)
    assert trace_check.check(trace_json.text(model)) == []
    xml.etree.ElementTree.fromstring(trace_svg.draw(model, "x"))
    return " | ".join(dump.problems)


def test_other_lines_and_escapes_do_not_matter():
    lines = log(KEY).splitlines()
    noise = ["[    1.234567] [init] something", "cambium> ", "\x1b[2K\rcambium> trace dump\r", "~", "~r of something else", "\ufffd\0"]
    text = "".join(noise[n % len(noise)] + "\r\n" + ("\x1b[Kcambium> " if n % 3 == 0 else "") + l + "\r\n" for n, l in enumerate(lines))
    assert problems(text) == ""
    assert len(trace_log.read(text).records) == len(KEY)


def test_a_log_cut_off_at_any_character_gives_a_trace_or_a_sentence():
    text = log(KEY)
    for cut in range(0, len(text), 7):
        for part in (text[:cut], text[cut:]):
            try:
                said = problems(part)
            except trace_log.Unusable as what:
                assert "no trace in it" in str(what)
                continue
            assert cut == 0 or "the log" in said or "damaged" in said, (cut, said)


def test_what_is_missing_is_said():
    lines = log(KEY).splitlines(True)
    assert "records 0 to 2 are not in the log" in problems("".join(lines[:6] + lines[9:]))
    assert "record 4 is not in the log" in problems("".join(lines[:10] + lines[11:]))
    assert "ends in the middle of the dump, at record 10 of 14" in problems("".join(lines[:17]))
    assert "begins in the middle of the dump" in problems("".join(lines[8:]))
    spoiled = lines[8].replace("~r", "~r 1", 1)
    assert "1 line is damaged" in problems("".join(lines[:8] + [spoiled] + lines[9:]))
    broken = lines[8][:6] + "[    1.5] [pl011] hello\r\n" + lines[8][6:]
    assert "1 line is damaged" in problems("".join(lines[:8] + [broken] + lines[9:]))
    assert "the first 1952 records were overwritten" in problems(log(KEY, wanted=48, first=2000))


def test_nothing_is_concluded_across_a_gap():
    lines = log([*EXCHANGE[:3], (13, SWITCH, 3, 0), (14, SWITCH, 2, 0), *EXCHANGE[3:]]).splitlines(True)
    model = trace_model.Model(trace_log.read("".join(lines[:9] + lines[11:])))
    assert [a[0] for a in arrows(model)] == ["call", "reply"]
    assert [s[:3] for s in states(model, 5)] == [("runs", 0, 12), ("waits", 12, 12.001), ("ready", 20, 23), ("runs", 23, 30)]
    assert [s[:3] for s in states(model, 4)] == [("ready", 10, 12), ("runs", 12, 12.001), ("runs", 20, 23)]
    assert "records 3 to 4" in model.dump.problems[0]


def test_an_answer_without_its_call_is_shown_as_one_that_was_waited_for_all_the_time():
    model = model_of(EXCHANGE[2:])
    assert states(model, 5)[0][:3] == ("waits", 0, 8)
    assert arrows(model) == [("reply", 4, 8, 5, 11)]


def test_records_of_a_newer_kernel_are_left_out_and_said():
    said = problems(log([*EXCHANGE, (40, 77, 5, 1), (41, 200, 0, 0), (42, 0, 0, 0)]))
    assert "3 records are of kinds that this tools/trace does not know (0, 77, 200)" in said


def test_a_newer_format_is_refused():
    with pytest.raises(trace_log.Unusable, match="format 2"):
        trace_log.read(line("trace 2 0 0 1") + line("r 0 0 1 0 1 0"))


def test_absurd_times_and_cores_are_left_out_or_pushed():
    assert "goes back in records 2" in problems(log([(0, SWITCH, 5, 0), (10, SWITCH, 4, 0), (5, SWITCH, 5, 0), (20, SWITCH, 0, 0)]))
    text = log(EXCHANGE)
    assert "damaged" in problems(text + "".join([line(f"r {len(EXCHANGE):x} {1 << 63:x} 1 0 5 0")])) or "damaged" in problems(
        text.replace(line("end 6 5"), line(f"r 6 {1 << 63:x} 1 0 5 0") + line(f"r 7 100000 1 100 5 0") + line("end 6 5")))
    assert problems(log([*EXCHANGE, (3e9, SWITCH, 5, 0)])) == ""  # most of an hour later


def test_a_thread_id_that_is_used_again_is_another_thread():
    model = model_of([*LIFE[:9], (40, START, 6, 10), (42, SWITCH, 6, 0), *end_records(44, 6, 10, "next")])
    labels = [(t.label, t.process) for t in model.threads if t.id == 6]
    assert labels == [("hello/6", 9), ("next/6", 10)]
    assert trace_check.check(trace_json.text(model)) == []


def test_who_began_before_what_is_left_and_ended_in_it_has_a_name():
    model = model_of([(0, SWITCH, 1, 0), (1, SWITCH, 6, 0), *end_records(5, 6, 9, "hello"), (6, SWITCH, 0, 0)], wanted=0, first=3000)
    assert thread_of(model, 6).label == "hello/6" and thread_of(model, 6).process == 9


def test_names_are_made_printable():
    model = model_of([(0, SWITCH, 1, 0), *end_records(1, 6, 9, "a\x1b[2Jb\xff c"), (2, SWITCH, 6, 0)])
    assert thread_of(model, 6).name.isprintable() and " " not in thread_of(model, 6).name


def test_the_last_whole_dump_is_taken_or_the_one_asked_for():
    text = log(EXCHANGE) + log(KEY) + log(LIFE)[:-5]
    assert len(trace_log.read(text).records) == len(KEY)
    assert len(trace_log.read(text, 1).records) == len(EXCHANGE)
    assert len(trace_log.read(text, 3).records) == len(LIFE)
    with pytest.raises(trace_log.Unusable, match="no dump 4 in it: there are 3"):
        trace_log.read(text, 4)
    two = log(EXCHANGE).split("\n", 1)[1] * 2  # without their first lines
    assert len(trace_log.dumps(two)) == 2


def mutated(rng, records):
    """Records that a kernel would not write: events in any order, of any thread, with any argument."""
    records = [list(record) for record in records]
    for _ in range(rng.randrange(1, 12)):
        what, at = rng.randrange(6), rng.randrange(len(records))
        if what == 0:
            del records[at:at + rng.randrange(1, 4)]
        elif what == 1:
            records.insert(at, [rng.choice(records)[0] if records else 0, rng.randrange(0, 17), rng.randrange(0, 8), rng.choice([0, 1, 5, 1 << 63, rng.getrandbits(64)])])
        elif what == 2:
            records[at][2] = rng.randrange(0, 8)
        elif what == 3:
            records[at][1] = rng.randrange(0, 17)
        elif what == 4:
            records[at][3] = rng.choice([0, 2, 4 << 32 | 4, rng.getrandbits(64)])
        else:
            other = rng.randrange(len(records))
            records[at], records[other] = records[other], records[at]
        if not records:
            return [[0, SWITCH, 5, 0]]
    return records


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_records_are_json_and_drawing_are_in_order(seed):
    rng = random.Random(seed)
    story = KEY + [(170, SWITCH, 0, 0)] + [(time + 200, *rest) for time, *rest in EXCHANGE] + [(time + 300, *rest) for time, *rest in LIFE]
    for _ in range(60):
        records = mutated(rng, story)
        try:
            problems(log(records))
        except Exception:
            print(records)
            raise


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_log_is_there_is_a_trace_or_a_sentence(seed):
    rng = random.Random(seed)
    text = log(KEY) + log(LIFE)
    for _ in range(60):
        characters = list(text)
        for _ in range(rng.randrange(1, 40)):
            at = rng.randrange(len(characters))
            characters[at:at + rng.choice([0, 1, 1, 30])] = rng.choice(["", "\n", "~", "*", "0", "f", " ", "\x1b[K", "\ufffd", chr(rng.randrange(1, 0x300))])
        try:
            problems("".join(characters))
        except trace_log.Unusable as what:
            assert str(what)


# ---- the command ----

def tool(*args, text=None):
    done = subprocess.run([os.path.join(ROOT, "tools", "trace"), *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_captured_log_becomes_json_a_drawing_and_words(tmp_path):
    source = tmp_path / "console.log"
    source.write_text(log(KEY), encoding="utf-8")
    code, out, err = tool(str(source), "-o", str(tmp_path / "out.json"), "--svg", str(tmp_path / "out.svg"))
    assert (code, err) == (0, "")
    assert trace_check.check((tmp_path / "out.json").read_text(encoding="utf-8")) == []
    xml.etree.ElementTree.parse(str(tmp_path / "out.svg"))
    assert "core 0 → gicv2/2 +1 → pl011/3 +12" in out and "15 records" in out and all(len(l) <= 80 for l in out.splitlines()[:8])
    code, out, _ = tool("-", text=log(KEY))
    assert code == 0 and "15 records" in out
    code, _, err = tool(str(source), "--interrupt", "1", "--svg", str(tmp_path / "one.svg"))
    assert code == 0 and "shown: 80 to 162" in (tmp_path / "one.svg").read_text(encoding="utf-8"), err


def test_wrong_files_and_options_get_a_sentence(tmp_path):
    def said(code, words, *args, text=None):
        got, _, err = tool(*args, text=text)
        assert got == code and words in err, (args, got, err)

    source = tmp_path / "console.log"
    source.write_text(log(KEY), encoding="utf-8")
    (tmp_path / "junk").write_bytes(bytes(random.Random(1).randbytes(5000)))
    (tmp_path / "empty").write_bytes(b"")
    said(1, "nothing.log: No such file", str(tmp_path / "nothing.log"))
    said(1, "Is a directory", str(tmp_path))
    said(1, "no trace in it: type `trace dump`", str(tmp_path / "junk"))
    said(1, "no trace in it", str(tmp_path / "empty"))
    said(1, "no trace in it", "-", text="cambium> nothing recorded: trace start\n")
    said(1, "no-folder/out.json: No such file", str(source), "-o", str(tmp_path / "no-folder" / "out.json"))
    said(1, "no interrupt 2: the trace has 1", str(source), "--interrupt", "2")
    said(1, "nothing between --from and --to", str(source), "--from", "900")
    said(2, "give a FILE")
    said(2, "give a FILE", str(source), "--exec", "hello")
    said(2, "belong to --exec", str(source), "--gic", "3")
    said(2, "--interrupt chooses", str(source), "--interrupt", "1", "--from", "1")
    said(2, "--scale", str(source), "--scale", "0")
    said(2, "a quote is not closed", "--exec", "echo 'x")
    said(2, "raspi3b has the interrupt controller of its board", "--exec", "hello", "--machine", "raspi3b", "--gic", "3")
    said(2, "no such file", "--exec", "hello", "--dtb", str(tmp_path / "none.dtb"))
