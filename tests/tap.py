# SPDX-License-Identifier: BSD-2-Clause
"""A pytest plugin that prints TAP, so that Meson and tools/test count every case. Used as
`python3 -m pytest -s -p no:terminal -p no:cacheprovider -p tap FILE` with this folder in PYTHONPATH."""
import pytest


def say(text):
    print(text, flush=True)


def comment(text):
    for line in str(text).splitlines():
        say("# " + line)


def pytest_addoption(parser):
    parser.addoption("--verbose", type=int, default=0)  # the terminal plugin's; explained asserts ask for it


def pytest_configure(config):
    config.tap_number = 0


def pytest_collectreport(report):
    if report.failed:
        comment(report.longrepr)
        say("Bail out! collection failed")


def pytest_collection_finish(session):
    say(f"1..{len(session.items)}")


class Result:
    """One TAP line per test, written when its teardown is over: a failure in any phase counts once."""

    def __init__(self):
        self.worst = {}


RESULT = Result()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    kept = RESULT.worst.setdefault(item.nodeid, report)
    if report.failed or (report.skipped and not kept.failed):
        RESULT.worst[item.nodeid] = report
    if report.when != "teardown":
        return
    item.config.tap_number += 1
    worst = RESULT.worst.pop(item.nodeid)
    name = item.name.replace("test_", "", 1).replace("_", " ").replace("#", "")
    if worst.failed:
        comment(worst.longrepr)
        say(f"not ok {item.config.tap_number} - {name}")
    elif worst.skipped:
        reason = worst.longrepr[2] if isinstance(worst.longrepr, tuple) else str(worst.longrepr)
        say(f"ok {item.config.tap_number} - {name} # SKIP {reason.replace('Skipped: ', '', 1)}")
    else:
        say(f"ok {item.config.tap_number} - {name}")


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.TESTS_FAILED:
        session.exitstatus = 0  # the "not ok" lines say it; another status would be an error of the harness
