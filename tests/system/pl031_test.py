# SPDX-License-Identifier: BSD-2-Clause
"""drv/pl031 on QEMU's virt, asked by the program date: the clock tells QEMU's time, counts on from what it was set to, and neither
is lost with the driver. How fast the host is does not matter: it may be later by as much as the host took."""
import calendar
import re
import time

import boot as library

BEFORE_LEAP_DAY = 1709164795  # 2024-02-28 23:59:55 UTC, as another system's `date` says


class Clock:
    """What a clock may show that tells `start` now."""

    def __init__(self, start):
        self.start, self.began = start, time.monotonic()

    def shows(self, seconds):
        return self.start - 1 <= seconds <= self.start + (time.monotonic() - self.began) + 1


def seconds(machine):
    return int(machine.run("date +%s"))


def date(machine):
    """As seconds, by Python's calendar."""
    return calendar.timegm(time.strptime(machine.run("date"), "%a %Y-%m-%d %H:%M:%S UTC\n"))


def test_the_time_is_the_hosts(shell):
    assert re.search(r"pl031@\S+ +pl031 +running\n", shell.run("tree"))
    assert abs(seconds(shell) - time.time()) < 5


def test_the_clock_counts_on_from_what_it_was_set_to(boot):
    clock = Clock(BEFORE_LEAP_DAY)
    machine = boot(extra=["-rtc", "base=2024-02-28T23:59:55,clock=vm"])
    machine.prompt()
    before = seconds(machine)
    assert clock.shows(before)
    machine.run("sleep 6")
    assert seconds(machine) >= before + 6 and clock.shows(seconds(machine))
    assert machine.run("date").startswith("Thu 2024-02-29 00:0") and clock.shows(date(machine))
    assert machine.run("date -s '2100-02-28 23:59:59'") == "" and machine.status() == 0
    clock = Clock(calendar.timegm((2100, 2, 28, 23, 59, 59)))
    machine.run("sleep 1")
    assert machine.run("date").startswith("Mon 2100-03-01 00:0") and clock.shows(date(machine))  # no leap day in 2100
    assert "E_RANGE" in machine.run("date -s @4294967296") and machine.status() == 1
    assert clock.shows(seconds(machine))


def test_a_death_costs_no_second(shell):
    shell.run("date -s @1000000000")
    clock = Clock(1000000000)
    shell.run("kill pl031")
    assert library.machine.wait_until(lambda: re.search(r" pl031 +running, restarted 1 time\n", shell.run("tree")))
    assert clock.shows(seconds(shell)) and clock.shows(date(shell))
    assert shell.run("date").startswith("Sun 2001-09-09 01:4")
