# SPDX-License-Identifier: BSD-2-Clause
"""A suite that cannot fail proves nothing: seeded failures go through the same harness as the real tests, up to
tools/test's counting. (The rules' own seeds are in rules_test.py.)"""
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import importlib.util  # noqa: E402

SPEC = importlib.util.spec_from_file_location("cambium_test", os.path.join(ROOT, "tools", "lib", "test.py"))
test_tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(test_tool)


def counted(**line):
    passed, failures, skips = test_tool.counts({"name": "t", **line})
    return passed, len(failures), len(skips)


def test_counting_sees_every_tap_line():
    tap = "1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no board\n"
    assert counted(result="FAIL", stdout=tap) == (1, 1, 1)


def test_counting_sees_missing_lines_bail_out_and_time_out():
    assert counted(result="ERROR", stdout="1..2\nok 1 - a\n") == (1, 1, 0)
    assert counted(result="ERROR", stdout="1..1\nBail out!\n") == (0, 1, 0)
    assert counted(result="TIMEOUT", stdout="1..2\nok 1 - a\n") == (1, 1, 0)


def test_counting_takes_a_plain_test_as_one():
    assert counted(result="OK", stdout="whatever") == (1, 0, 0)
    assert counted(result="SKIP", stdout="no tool") == (0, 0, 1)
    assert counted(result="UNEXPECTEDPASS", stdout="1..1\nok 1 - a\n") == (1, 1, 0)


def test_no_test_at_all_is_not_success(tmp_path, capsys):
    log = tmp_path / "testlog.json"
    log.write_text("")
    assert test_tool.summary(str(log)) == 1
    log.write_text(json.dumps({"name": "t", "result": "OK", "stdout": ""}) + "\n")
    assert test_tool.summary(str(log)) == 0
    capsys.readouterr()


def test_a_test_that_did_not_run_is_a_failure(tmp_path, capsys):
    """As when Meson itself ends early."""
    log = tmp_path / "testlog.json"
    log.write_text(json.dumps({"name": "cambium:host / a", "result": "OK", "stdout": ""}) + "\n")
    assert test_tool.summary(str(log), ["a", "b"]) == 1
    assert "b: did not run\n1 passed, 1 failed\n" in capsys.readouterr().out


def run_pytest(tmp_path, text):
    case = tmp_path / "seed_test.py"
    case.write_text(text)
    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-s", "-p", "no:terminal", "-p", "no:cacheprovider", "-p",
                           "tap", str(case)], env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "tests")},
                          stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    return done.returncode, done.stdout


def test_a_failing_system_test_is_seen(tmp_path):
    code, out = run_pytest(tmp_path, "def test_good():\n    pass\n\ndef test_bad():\n    assert 1 == 2\n")
    assert code == 0 and "\nnot ok 2 - bad" in out and "\nok 1 - good" in out
    assert counted(result="FAIL", stdout=out) == (1, 1, 0)


def test_a_system_test_that_cannot_be_read_is_seen(tmp_path):
    code, out = run_pytest(tmp_path, "import no_such_module\n")
    assert code != 0 or "Bail out!" in out


def test_a_failing_host_test_is_seen(tmp_path):
    """cmocka with TAP, as tests/host uses it."""
    source = tmp_path / "seed.c"
    source.write_text("""
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
static void good(void **s) { (void)s; assert_int_equal(1, 1); }
static void bad(void **s) { (void)s; assert_int_equal(1, 2); }
int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad) };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
""")
    program = tmp_path / "seed"
    subprocess.run(["cc", "-o", program, source, "-lcmocka"], check=True)
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    assert counted(result="FAIL", stdout=done.stdout) == (1, 1, 0)


BUILD = os.environ.get("CAMBIUM_BUILD", os.path.join(ROOT, "build"))
IMAGE = os.path.join(BUILD, "kernel", "Image")


def run_target(word, image=IMAGE):
    """As tests/target/meson.build does."""
    done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "tests", "target", "run.py"), image,
                           os.path.join(BUILD, "tests", "target", "archive-test.cpio"), word],
                          stdout=subprocess.PIPE, text=True)
    return done.stdout


def test_a_failing_target_test_is_seen():
    tap = run_target("seeded")
    assert counted(result="FAIL", stdout=tap) == (1, 3, 0)
    assert "left behind: ports" in tap and "left behind: pages used" in tap


def test_a_kernel_that_panics_is_seen(tmp_path):
    """The instruction with which sys_yield begins becomes a trap."""
    symbols = subprocess.run(["aarch64-linux-gnu-nm", os.path.join(BUILD, "kernel", "kernel.elf")], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    offset = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" sys_yield"))
    with open(IMAGE, "rb") as file:
        content = bytearray(file.read())
    content[offset:offset + 4] = (0xd4207d00).to_bytes(4, "little")  # brk
    image = tmp_path / "Image"
    image.write_bytes(content)
    tap = run_target("higher runs at once", str(image))
    assert f"pc +{offset:#x} lr" in tap
    assert counted(result="ERROR", stdout=tap) == (0, 1, 0)


def test_a_hostile_run_that_does_not_cover_all_calls_is_seen():
    tap = run_target("hostile 1 3000")
    assert counted(result="FAIL", stdout=tap) == (0, 1, 0)
    assert "succeeded is 0, not 1" in tap or "failed is 0, not 1" in tap
