# SPDX-License-Identifier: BSD-2-Clause
"""The kernel and the test programs built with trapping UBSan (-Duser_sanitize=true): all tests of the kernel pass and
hostile programs find nothing; and a trap in the kernel is a panic that says where, or all that would prove nothing."""
import os
import struct
import subprocess
import sys

import boot as library
import pytest

FOLDER = os.path.join(library.MAIN, "variant-sanitized")
IMAGE = os.path.join(FOLDER, "kernel", "Image")
ARCHIVE = os.path.join(FOLDER, "tests", "target", "archive-test.cpio")
RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "target", "run.py")
TRAP = struct.pack("<I", 0xd4207d00)  # brk #0x3e8, what GCC's -fsanitize-undefined-trap-on-error makes
CALLS = 10_000_000


@pytest.fixture(scope="module", autouse=True)
def sanitized():
    library.variant("sanitized", ["kernel/Image", "tests/target/archive-test.cpio"], ["-Duser_sanitize=true"])


def run(*args, image=IMAGE):
    done = subprocess.run([sys.executable, RUN, image, ARCHIVE, *args], stdout=subprocess.PIPE, text=True)
    print("".join("# " + line + "\n" for line in done.stdout.splitlines()))
    return done.stdout


def passed(tap):
    lines = tap.splitlines()
    return "# end" in lines and not any(line.startswith(("not ok", "Bail out")) for line in lines)


def test_the_kernel_really_is_instrumented():
    with open(IMAGE, "rb") as image:
        assert image.read().count(TRAP) > 500


def test_a_trap_in_the_kernel_is_a_panic_that_says_where(tmp_path):
    """Seeded: the instruction with which sys_yield begins becomes a trap."""
    symbols = subprocess.run(["aarch64-linux-gnu-nm", os.path.join(FOLDER, "kernel", "kernel.elf")], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    offset = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" sys_yield"))
    with open(IMAGE, "rb") as image:
        content = bytearray(image.read())
    content[offset:offset + 4] = TRAP
    seeded = tmp_path / "Image"
    seeded.write_bytes(content)
    tap = run("higher", image=str(seeded))
    assert "ESR 0xf20003e8" in tap and f"pc +{offset:#x}" in tap and "Bail out" in tap


def test_all_tests_of_the_kernel_pass():
    assert passed(run("--timeout", "300"))


def test_hostile_programs_find_nothing():
    assert passed(run("--real-time", "--timeout", "1500", f"hostile 2 {CALLS}"))
