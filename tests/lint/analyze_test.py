# SPDX-License-Identifier: BSD-2-Clause
"""Static analysers find nothing in kernel, libsys and servers that tools/analyze.accepted does not explain; and each finds a
fault that is seeded, or all that would prove nothing. CAMBIUM_ANALYSERS names those to run."""
import importlib.util
import os
import re
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("CAMBIUM_BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
SPEC = importlib.util.spec_from_file_location("cambium_analyze", os.path.join(ROOT, "tools", "lib", "analyze.py"))
analyze = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(analyze)

ANALYSERS = os.environ.get("CAMBIUM_ANALYSERS", " ".join(analyze.TOOLS)).split()
ENTRIES, FAULTS = analyze.accepted()
SEED = """
#include <stddef.h>
int seed(const int *p);
int seed(const int *p)
{
    if (p == NULL)
        return *p;
    return 0;
}
"""
SEES = {"gcc": "-Wanalyzer-null-dereference", "cppcheck": "nullPointer", "clang-tidy": "readability-braces-around-statements",
        "clang-analyzer": "clang-analyzer-core.NullDereference"}


@pytest.fixture(params=ANALYSERS)
def analyser(request):
    if analyze.missing(request.param):
        pytest.skip(analyze.missing(request.param))
    return request.param


def test_finds_a_seeded_fault(analyser, tmp_path):
    """In a server's place, with a server's flags; and its line is not one of those that are accepted."""
    path = tmp_path / "seed.c"
    path.write_text(SEED)
    found = analyze.analyze(analyser, {str(path): analyze.sources(BUILD)["servers/init/main.c"]}, BUILD)
    left = analyze.unexplained(found, ENTRIES)
    assert [f for f in left if SEES[analyser] in f.check], found


def test_that_cannot_read_a_file_says_so(analyser, tmp_path):
    path = tmp_path / "seed.c"
    path.write_text("int seed(void) {\n")
    found = analyze.analyze(analyser, {str(path): analyze.sources(BUILD)["servers/init/main.c"]}, BUILD)
    assert analyze.unexplained(found, ENTRIES)


def test_finds_nothing_that_is_not_explained(analyser):
    compiled = analyze.sources(BUILD)
    assert len(compiled) > 90
    left = analyze.unexplained(analyze.analyze(analyser, compiled, BUILD), ENTRIES)
    assert not left, "\n".join(f"{f.file}:{f.line}: {f.text} [{f.check}]" for f in left)


def test_what_is_accepted_has_a_reason_and_a_line():
    assert ENTRIES and not FAULTS
    assert not analyze.stale(ENTRIES)
    assert not [entry for entry in ENTRIES if entry.file == "*"]


def test_an_acceptance_without_reason_or_without_its_line_is_seen(tmp_path):
    path = tmp_path / "accepted"
    path.write_text("# It is never NULL.\ngcc -Wx kernel/core/frames.c no such line\n\ngcc -Wx kernel/core/frames.c\n\n# Why.\ngcc -Wx\n")
    entries, faults = analyze.accepted(str(path))
    assert len(entries) == 1 and analyze.stale(entries) == entries
    assert [fault.split(": ")[1] for fault in faults] == ["no reason stands above it", "not `TOOL CHECK FILE [SOURCE]`"]


def test_each_check_that_is_off_has_a_reason():
    with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as f:
        comment, _, checks = f.read().partition("\nChecks:")
    off = re.findall(r"(?<![\w-])-([\w.-]+)", checks.partition("\nHeader")[0])
    reasons = {name.strip() for line in re.findall(r"^# ([\w., -]+): \S", comment, re.M) for name in line.split(",")}
    assert off and set(off) == reasons
