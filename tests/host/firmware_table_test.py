# SPDX-License-Identifier: BSD-2-Clause
"""The table of property tags (libsys/include/cambium/proto/firmware.h): a right line is all that a new tag needs; a wrong one,
and a wrong use, does not compile, and says why."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(ROOT, "libsys/include/cambium/proto/firmware.h")
LAST = "    TAG(notify_xhci_reset,"

USE = """
#include <cambium/firmware.h>
status_t use(handle_t service);
status_t use(handle_t service)
{
    %s
    return firmware_ask(service, &ask, DEADLINE_NEVER);
}
"""
GOOD_USE = "struct firmware_tag_clock_rate ask = FIRMWARE_ASK(clock_rate, .clock = FIRMWARE_CLOCK_UART);"


def compiled(folder, line="", values="", use=GOOD_USE):
    """What the compiler says about the header with a line (and structs for its values) more, and a use; "": nothing."""
    (folder / "cambium/proto").mkdir(parents=True)
    with open(HEADER, encoding="utf-8") as f:
        text = f.read()
    assert text.count(LAST) == 1 and text.count("/* ---- the table ---- */") == 1
    text = text.replace("/* ---- the table ---- */", values)
    if line:
        text = text.replace(LAST, f"    {line} \\\n{LAST}")
    (folder / "cambium/proto/firmware.h").write_text(text)
    (folder / "use.c").write_text(USE % use)
    done = subprocess.run(["cc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{folder}",
                           f"-I{ROOT}/libsys/include", f"-I{ROOT}/kernel", folder / "use.c"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert (done.returncode == 0) == (done.stdout == "")
    return done.stdout


def test_the_table_as_it_is_compiles(tmp_path):
    assert compiled(tmp_path) == ""


def test_a_line_is_all_that_a_new_tag_needs(tmp_path):
    assert compiled(tmp_path, "TAG(voltage, 0x30003, id, level)", "struct firmware_level { uint32_t id, microvolts; };",
                    "struct { struct firmware_tag_voltage v; struct firmware_tag_throttled t; } ask ="
                    "{ FIRMWARE_ASK(voltage, .id = 1), FIRMWARE_ASK(throttled) };") == ""


@pytest.mark.parametrize("line, values, says", [
    ("TAG(again, 0x30002, clock_id, clock_hz)", "", "duplicate case value"),
    ("TAG(clock_rate, 0x30099, clock_id, clock_hz)", "", "redeclaration of enumerator"),
    ("TAG(voltage, 0x30003, id, level)", "", "incomplete type"),
    ("TAG(voltage, 0x30003, id)", "", "requires 4 arguments"),
    ("TAG(wide, 0x30099, id, wide)", "struct firmware_wide { uint64_t hz; };", "its value would be padded"),
    ("TAG(long, 0x30099, id, long)", "struct firmware_long { uint32_t word[14]; };", "longer than a message"),
    ("TAG(set_it, 0x38099, nothing, state)", "", "it has nothing to set"),
    ("TAG(answer, 0x80030002, id, state)", "", "not the number of a tag"),
    ("TAG(none, 0, id, state)", "", "not the number of a tag"),
])
def test_a_wrong_line_does_not_compile(tmp_path, line, values, says):
    assert says in compiled(tmp_path, line, values)


@pytest.mark.parametrize("use, says", [
    ("struct firmware_tag_clock_rate ask = FIRMWARE_ASK(clock_rate, .hz = 1);", "has no member named"),
    ("struct firmware_tag_clock_rate ask = FIRMWARE_ASK(clock_speed, .clock = 1);", "undeclared"),
    ("struct { struct firmware_tag_clock_rate rate[5]; } ask = { .rate = { FIRMWARE_ASK(clock_rate, .clock = 1) } };",
     "a message is a struct of tags"),
    ("struct { struct firmware_tag_throttled t; uint8_t odd; } __attribute__((packed)) ask = { FIRMWARE_ASK(throttled), 0 };",
     "a message is a struct of tags"),
])
def test_a_wrong_use_does_not_compile(tmp_path, use, says):
    assert says in compiled(tmp_path, use=use)
