# SPDX-License-Identifier: BSD-2-Clause
"""What `trace dump` printed, found again in a captured log; tools/README.md has the format. A log may be cut at either
end, other lines may stand between or inside of a dump's, and its kernel may be a newer one: whatever is not as it should be is
left out and said in `problems`, in sentences for the user."""
import re

VERSION = 1
LINE = re.compile(r"~(trace|t|r|end) ([!-}][ -}]*) \*([0-9a-f]{4})(?![0-9a-f])")
BEGUN = re.compile(r"~(?:trace|t|r|end) [0-9a-f]")  # so begins a line of a dump, whole or not
HEX = re.compile(r"[0-9a-f]{1,16}")
LATEST = 1 << 53  # ns, more than 100 days: what JSON's readers count exactly
CORES = 256       # the field in the kernel's record


class Unusable(Exception):
    """Nothing can be made of it; the sentence says why, and what to do."""


class Record:
    __slots__ = ("seq", "time", "event", "core", "thread", "argument")

    def __init__(self, seq, time, event, core, thread, argument):
        self.seq, self.time, self.event, self.core, self.thread, self.argument = seq, time, event, core, thread, argument


class Dump:
    def __init__(self, wanted=None, first=None, end=None):
        self.wanted, self.first, self.end = wanted, first, end  # numbers of records: of the trace's first, those in the ring
        self.records = []     # by number, times in ns from the first on
        self.threads = {}     # id -> (process id, name), of those that lived when it was dumped
        self.is_whole = False # its last line was there
        self.damaged = 0
        self.gaps = []        # numbers of the records before which some are missing
        self.problems = []

    def lost(self):
        """How many records of the trace the kernel's ring did not hold any more."""
        return self.first - self.wanted if self.wanted is not None and self.first > self.wanted else 0


def checksum(text):
    """Fletcher's, over bytes, modulo 255."""
    a = b = 0
    for byte in text.encode("ascii", "replace"):
        a = (a + byte) % 255
        b = (b + a) % 255
    return b << 8 | a


def numbers(text, count):
    """That many hexadecimal numbers, or None."""
    words = text.split(" ")
    if len(words) != count or not all(HEX.fullmatch(word) for word in words):
        return None
    return [int(word, 16) for word in words]


def dumps(text):
    """All dumps in a log, in their order."""
    found, current = [], None
    for line in text.splitlines():
        whole = [match for match in LINE.finditer(line) if checksum(f"{match[1]} {match[2]}") == int(match[3], 16)]
        for match in whole:
            kind, rest = match[1], match[2]
            if kind == "trace":
                current = begin(rest)
                found.append(current)
            elif current is None or current.is_whole or kind == "r" and goes_back(current, rest):
                current = Dump()  # its first line is missing
                found.append(current)
            if not add(current, kind, rest):
                current.damaged += 1
        if len(BEGUN.findall(line)) > len(whole):
            if current is None:
                current = Dump()
                found.append(current)
            current.damaged += 1
    return [finished(dump) for dump in found]


def begin(rest):
    fields = numbers(rest, 4)
    if fields is None or fields[0] != VERSION:
        version = rest.split(" ")[0]
        raise Unusable(f"a trace in format {version}, and this tools/trace knows {VERSION}: take the one of the system's own source")
    return Dump(*fields[1:])


def goes_back(dump, rest):
    fields = numbers(rest, 6)
    return fields is not None and bool(dump.records) and fields[0] <= dump.records[-1].seq


def add(dump, kind, rest):
    """One line, whose checksum is right; false: it makes no sense all the same."""
    if kind == "r":
        fields = numbers(rest, 6)
        if fields is None or fields[1] >= LATEST or fields[3] >= CORES:
            return False
        dump.records.append(Record(*fields))
    elif kind == "t":
        words = rest.split(" ")
        fields = numbers(" ".join(words[:2]), 2)
        if len(words) != 3 or fields is None:
            return False
        dump.threads[fields[0]] = (fields[1], words[2])
    elif kind == "end":
        dump.is_whole = True
        return numbers(rest, 2) is not None
    return True


def some(values):
    """A list in words, cut."""
    values = [str(value) for value in values]
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def finished(dump):
    """What is missing, in words; times that go back are pushed forward."""
    say = dump.problems.append
    records = dump.records
    if dump.lost():
        say(f"the first {dump.lost()} records were overwritten: the kernel's ring holds {dump.end - dump.first}; "
            "trace something shorter")
    if dump.wanted is None:
        say("the log begins in the middle of the dump")
    missing = []
    next_seq = dump.first if dump.first is not None else records[0].seq if records else 0
    back = []
    latest = 0
    for record in records:
        if record.seq > next_seq:
            missing.append(f"{next_seq} to {record.seq - 1}" if record.seq - 1 > next_seq else str(next_seq))
            dump.gaps.append(record.seq)
        next_seq = record.seq + 1
        if record.time < latest:
            back.append(record.seq)
            record.time = latest
        latest = record.time
    if missing:
        is_one = len(missing) == 1 and " " not in missing[0]
        say(f"record {missing[0]} is not in the log" if is_one else f"records {some(missing)} are not in the log")
    if back:
        say(f"time goes back in records {some(back)}, which are taken for simultaneous with the one before")
    if dump.damaged:
        say("1 line is damaged and left out" if dump.damaged == 1 else f"{dump.damaged} lines are damaged and left out")
    if not dump.is_whole:
        say("the log ends in the middle of the dump" + (f", at record {records[-1].seq} of {dump.end - 1}"
                                                        if records and dump.end is not None else ""))
    return dump


def read(text, which=None):
    """The dump to take: the `which`-th (from 1), or the last that is whole and has records, or else the last that has any."""
    found = [dump for dump in dumps(text) if dump.records]
    if not found:
        raise Unusable("no trace in it: type `trace dump` at Cambium's prompt, and give what the console showed")
    if which is not None:
        if not 1 <= which <= len(found):
            raise Unusable(f"no dump {which} in it: there {'is 1' if len(found) == 1 else f'are {len(found)}'}")
        return found[which - 1]
    return ([dump for dump in found if dump.is_whole] or found)[-1]
