# SPDX-License-Identifier: BSD-2-Clause
"""What threads did, made of the kernel's records: states (runs, is ready, waits for an answer), arrows (calls, answers,
notifications, interrupts ...), moments, and for each interrupt its way through the servers.

The kernel records little, and what follows from it is computed here. Who notifies, wakes or starts is who runs on that core,
or a timer if TRACE_TIMER stands before. A call is recorded when it is received: if its caller did not run then, it was
queued when the caller stopped. Who stops without a call and runs again without having been woken was ready in between. Where
records are missing nothing is concluded across the gap. Times are made different, at least 1 ns apart."""
import trace_words as words

UNKNOWN = object()  # who runs on a core, before a record tells
NO_INTID = 1 << 63


class Thread:
    def __init__(self, number, process=None, name="?"):
        self.id, self.process, self.name = number, process, name
        self.states, self.moments = [], []
        self.name_parts = b""
        self.stopped = None  # when it last ran, if nothing is known since
        self.ready = self.waits = None  # the open State
        self.is_calling = False  # and has no answer yet
        self.why = None      # text of the next run
        self.arriving = []   # arrows that end when it runs
        self.pending = []    # those that end when it takes events
        self.chain = None    # the interrupt on whose account it works
        self.is_faulty = False   # its next call is the fault

    @property
    def label(self):
        return f"{self.name}/{self.id}"


class State:
    """kind: runs, ready, waits."""
    def __init__(self, kind, begin, end, text, core=None):
        self.kind, self.begin, self.end, self.text, self.core = kind, begin, end, text, core


class Arrow:
    """kind: call, fault, reply, notify, interrupt, timer, wake, start. source None: the core itself, for interrupts and timers.
    end: None until it arrives."""
    def __init__(self, kind, source, begin, target, text, core, chain=None):
        self.kind, self.source, self.begin, self.target, self.text, self.core, self.chain = kind, source, begin, target, text, core, chain
        self.end = None


class Moment:
    """kind: fault, slice, timer, start, end, pending."""
    def __init__(self, kind, time, text):
        self.kind, self.time, self.text = kind, time, text


class Chain:
    """An interrupt; hops are its arrows, from the core on."""
    def __init__(self, number, intid, begin):
        self.number, self.intid, self.begin, self.hops = number, intid, begin, []

    @property
    def title(self):
        return "interrupt" if self.intid is None else f"interrupt {self.intid}"


class Core:
    def __init__(self, number, begin):
        self.number = number
        self.runs = UNKNOWN
        self.since = begin   # from when on that is so
        self.run = None      # the open State
        self.slices = []     # (begin, end, thread)
        self.signals = []    # [begin, end, text]: interrupts and timers
        self.timer = None    # the thread whose timer fired, if the next record is the notification; and when
        self.timer_at = begin


class Model:
    def __init__(self, dump):
        self.dump = dump
        self.threads = []    # in order of appearance
        self.alive = {}      # id -> Thread
        self.arrows, self.chains, self.cores = [], [], {}
        self.unknown = {}    # event number -> how many
        self.begin = dump.records[0].time
        self.floor = self.begin  # nothing is known of what was before
        names = {number: kind for number, kind in words.events().items()}
        gaps = set(dump.gaps)
        time = self.begin - 1
        for index, record in enumerate(dump.records):
            if record.seq in gaps and index:
                self.forget(time + 1)
            time = max(record.time, time + 1)
            if record.seq in gaps and index:
                self.floor = time
            for core in self.cores.values():  # a core's signal lasts to the next record
                if core.signals and core.signals[-1][1] is None:
                    core.signals[-1][1] = time
            core = self.cores.setdefault(record.core, Core(record.core, self.floor))
            if index == 0 or record.seq in gaps:
                core.since = time
            kind = names.get(record.event)
            after = dump.records[index + 1] if index + 1 < len(dump.records) else None
            handler = getattr(self, "on_" + kind.lower(), None) if kind else None
            if handler is None:
                self.unknown[record.event] = self.unknown.get(record.event, 0) + 1
                continue
            thread = self.thread(record.thread) if record.thread and kind != "START" else None
            if thread is None and kind not in ("SWITCH", "START", "PENDING", "TIMER"):
                continue  # the kernel names a thread in all others
            self.record, self.after = record, after
            handler(core, thread, record.argument, time)
        self.end = time + 1
        self.forget(self.end)
        if self.unknown:
            kinds = ", ".join(str(number) for number in sorted(self.unknown))
            dump.problems.append(f"{sum(self.unknown.values())} records are of kinds that this tools/trace does not know ({kinds}): "
                                 "a newer kernel's; left out")
        self.arrows = [arrow for arrow in self.arrows if self.has_place(arrow)]
        for chain in self.chains:
            chain.hops = [arrow for arrow in chain.hops if self.has_place(arrow)]

    # ---- threads ----

    def thread(self, number):
        if number not in self.alive:
            process, name = self.dump.threads.get(number, (None, "?"))
            self.alive[number] = Thread(number, process, name)
            self.threads.append(self.alive[number])
        return self.alive[number]

    def forget(self, time):
        """At a gap, and at the end: what is open ends here, and is not known any more."""
        for core in self.cores.values():
            self.stop(core, time)
            core.runs = UNKNOWN
            for signal in core.signals[-1:]:
                signal[1] = signal[1] or time
        for thread in self.threads:
            self.close(thread, time)
            self.arrive(thread)
            thread.stopped = thread.why = thread.chain = None
            thread.is_calling = thread.is_faulty = False
            thread.pending = []

    @staticmethod
    def has_place(arrow):
        """It arrived, and at both ends its thread did something that is known."""
        return arrow.end is not None and arrow.begin <= arrow.end and all(
            thread is None or any(state.begin <= time < state.end for state in thread.states)
            for thread, time in ((arrow.source, arrow.begin), (arrow.target, arrow.end)))

    def close(self, thread, time):
        for state in (thread.ready, thread.waits):
            if state is not None:
                state.end = time
                self.keep(thread, state)
        thread.ready = thread.waits = None

    @staticmethod
    def keep(thread, state):
        if state.begin is not None and state.end > state.begin:
            thread.states.append(state)

    @staticmethod
    def arrive(thread, time=None):
        """The thread runs; None: it will not, and its arrows end where it became ready."""
        for arrow, ready in thread.arriving:
            arrow.end = ready if time is None else time
        thread.arriving = []

    # ---- running ----

    def stop(self, core, time):
        """Who runs on this core stops."""
        thread = core.runs
        if not isinstance(thread, Thread):
            return
        core.run.end = time
        self.keep(thread, core.run)
        core.slices.append((core.run.begin, time, thread))
        thread.stopped = time
        if thread.waits is not None and thread.waits.begin is None:
            thread.waits.begin = time
        core.runs, core.run = UNKNOWN, None
        core.since = time

    def start(self, core, thread, time):
        """The thread runs from now on."""
        if core.runs is thread:
            return
        self.stop(core, time)
        is_woken = thread.ready is not None
        if not is_woken and thread.stopped is not None and thread.waits is None:
            self.keep(thread, State("ready", thread.stopped, time, "ready"))
            thread.why = thread.why or "goes on"
        self.close(thread, time)
        core.runs, core.run = thread, State("runs", time, None, thread.why or "runs", core.number)
        thread.why = thread.stopped = None
        self.arrive(thread, time)

    def acts(self, core, thread, time):
        """The record says that the thread runs, which may be news at the beginning and after a gap."""
        if core.runs is UNKNOWN:
            self.start(core, thread, min(time, max([core.since] + [state.end for state in thread.states[-1:]])))

    def actor(self, core):
        return core.runs if isinstance(core.runs, Thread) else None

    def wake(self, core, thread, time, why, arrow=None):
        """Something comes to the thread, whether it waited or runs and takes it."""
        if arrow is not None:
            self.arrows.append(arrow)
        if core.runs is thread:  # it took what was there already
            begin = core.run.begin
            if begin < time:
                self.stop(core, time)
                thread.stopped = None
                core.runs, core.run = thread, State("runs", time, None, why, core.number)
            else:
                core.run.text = why
            if arrow is not None:
                arrow.end = time
            return
        if thread.waits is not None:
            thread.waits.end = time
            self.keep(thread, thread.waits)
            thread.waits = None
        if thread.ready is None:
            thread.ready = State("ready", time, None, "ready")
        thread.stopped = None
        thread.why = why
        if arrow is not None:
            thread.arriving.append((arrow, time))

    # ---- one method for each kind of record ----

    def on_switch(self, core, thread, _, time):
        if thread is None:
            self.stop(core, time)
            core.runs = None
        else:
            self.start(core, thread, time)

    def on_call(self, core, caller, argument, time):
        server = self.thread(argument >> 32)
        if server is caller:
            return
        is_fault, caller.is_faulty = caller.is_faulty, False
        kind, what = ("fault", "fault") if is_fault else ("call", words.request(server.name, argument & 0xffffffff))
        caller.waits = State("waits", None, None, f"fault: {server.label} decides" if is_fault else f"calls {server.label}: {what}")
        if caller.stopped is None:
            self.acts(core, caller, time)
        begin = time
        if core.runs is not caller:  # it was queued, from when it stopped
            begin = caller.stopped - 1 if caller.stopped is not None else None
            caller.waits.begin = caller.stopped if caller.stopped is not None else self.floor
        caller.is_calling = True
        server.chain = None
        arrow = Arrow(kind, caller, begin, server, what, core.number) if begin is not None else None
        self.wake(core, server, time, f"serves {caller.label}: {what}", arrow)

    def on_reply(self, core, server, argument, time):
        caller = self.thread(argument >> 32)
        status = argument & 0xffffffff
        if server is caller:
            return
        self.acts(core, server, time)
        if caller.waits is None and not caller.is_calling:  # the call is older than what is known
            caller.waits = State("waits", caller.stopped if caller.stopped is not None else self.floor, None, f"calls {server.label}")
        text = words.error(status) if status else "answer"
        arrow = Arrow("reply", server, time, caller, text, core.number)
        if server.chain is not None and server.chain is not caller.chain:
            arrow.chain = server.chain
            server.chain.hops.append(arrow)
            caller.chain = None
        caller.is_calling = False
        self.wake(core, caller, time, f"back from {server.label}" + (f": {text}" if status else ""), arrow)

    def notified(self, core, target, bits, time):
        """The arrow of a notification that happens now; from a timer, if that was the record before."""
        source = self.actor(core)
        if core.timer is target:
            arrow = Arrow("timer", None, core.timer_at, target, f"timer, events {bits:#x}", core.number)
        else:
            arrow = Arrow("notify", source, time, target, f"events {bits:#x}", core.number)
            if source is None:
                return None
            arrow.chain = source.chain
            if arrow.chain is not None:
                arrow.chain.hops.append(arrow)
        core.timer = None
        return arrow

    def on_notify(self, core, target, bits, time):
        arrow = self.notified(core, target, bits, time)
        target.chain = arrow.chain if arrow else None
        self.wake(core, target, time, f"events {bits:#x}", arrow)

    def on_pending(self, core, target, bits, time):
        if target is not None:
            arrow = self.notified(core, target, bits, time)
            if arrow is not None:
                target.pending.append(arrow)
                self.arrows.append(arrow)

    def on_events(self, core, thread, bits, time):
        self.acts(core, thread, time)
        thread.chain = None
        for arrow in thread.pending:
            arrow.end = time
            thread.chain = arrow.chain or thread.chain
        thread.pending = []
        self.wake(core, thread, time, f"events {bits:#x}")

    def on_irq(self, core, server, intid, time):
        chain = Chain(len(self.chains) + 1, None if intid >= NO_INTID else intid, time)
        self.chains.append(chain)
        core.signals.append([time, None, chain.title])
        arrow = Arrow("interrupt", None, time, server, chain.title, core.number, chain)
        chain.hops.append(arrow)
        server.chain = chain
        self.wake(core, server, time, chain.title, arrow)

    def on_timer(self, core, thread, _, time):
        core.signals.append([time, None, "timer"])
        core.timer, core.timer_at = thread, time
        if thread is None:
            return
        after = self.after
        if after is None or words.events().get(after.event) != "NOTIFY" or after.thread != thread.id or after.core != core.number:
            core.timer = None  # its wait or call has ended
            thread.is_calling, thread.chain = False, None
            self.wake(core, thread, time, "deadline passed", Arrow("timer", None, time, thread, "deadline passed", core.number))

    def on_slice(self, core, thread, _, time):
        self.acts(core, thread, time)
        thread.moments.append(Moment("slice", time, "its time slice ends"))

    def on_fault(self, core, thread, cause, time):
        self.acts(core, thread, time)
        name = words.faults().get(cause, str(cause))
        thread.is_faulty = True
        thread.moments.append(Moment("exit" if name == "exit" else "fault", time, "exits" if name == "exit" else f"fault: {name}"))

    def on_wake(self, core, thread, x0, time):
        high, low = x0 >> 32, x0 & 0xffffffff
        text = "is told: a client is gone" if high == 3 else f"its call fails: {words.error(low)}" if x0 else "woken"
        if x0 >> 63:
            thread.is_calling = False
        thread.chain = None
        source = self.actor(core)
        arrow = Arrow("wake", source, time, thread, text, core.number) if source not in (None, thread) else None
        self.wake(core, thread, time, text, arrow)

    def on_start(self, core, _, process, time):
        number = self.record.thread
        if number in self.alive:  # its end is not in the log, or the number was given twice
            self.arrive(self.alive[number])
            self.close(self.alive.pop(number), time)
        thread = self.thread(number)
        self.belongs(thread, process)
        thread.moments.append(Moment("start", time, "begins"))
        source = self.actor(core)
        self.wake(core, thread, time, "begins", source and Arrow("start", source, time, thread, "starts", core.number))

    def belongs(self, thread, process):
        """It is of this process, and not of that which a dump's list gives for its number."""
        if process != thread.process:
            thread.process, thread.name = process, "?"

    def on_name(self, _core, thread, part, _time):
        thread.name_parts += part.to_bytes(8, "little")
        if len(thread.name_parts) == 16:
            text = thread.name_parts.split(b"\0")[0].decode("ascii", "replace")
            thread.name = "".join(c if c.isprintable() and c != " " and c != "\ufffd" else "?" for c in text) or "?"

    def on_end(self, core, thread, process, time):
        self.belongs(thread, process)
        thread.name_parts = b""
        thread.moments.append(Moment("end", time, "ends"))
        if core.runs is thread:
            self.stop(core, time)
        self.close(thread, time)
        thread.stopped = thread.chain = None
        thread.is_calling = False
        self.arrive(thread)

    # ---- for those who draw ----

    def processes(self):
        """[(process id or None, name, [threads])] in the order of their ids, threads in theirs; those that did nothing are left out.
        Who lived only in what is missing has no process: it is one of its own."""
        found = {}
        for thread in self.threads:
            if thread.states or thread.moments:
                number = thread.process
                found.setdefault((True, len(found)) if number is None else (False, number), []).append(thread)
        return [(threads[0].process, threads[0].name, sorted(threads, key=lambda t: t.id)) for _, threads in sorted(found.items(), key=lambda item: item[0])]
