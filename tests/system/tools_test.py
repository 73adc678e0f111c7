# SPDX-License-Identifier: BSD-2-Clause
"""The command lines of tools/run as people and scripts use them."""
import os
import subprocess

import boot as library
import pytest


def run(*args, timeout=120):
    done = subprocess.run([os.path.join(library.ROOT, "tools", "run"), "--no-install", *args], timeout=timeout,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def test_exec_prints_the_answers_and_powers_off():
    code, out, err = run("--exec", "tree; ps; irq; mem")
    assert code == 0, err
    for word in ("cambium> tree", "cambium> ps", "cambium> irq", "cambium> mem", "pl011", "KiB"):
        assert word in out


def test_gic_3_is_served_by_gicv3():
    code, out, err = run("--gic", "3", "--exec", "tree; irq")
    assert code == 0, err
    assert "gicv3      running" in out
    assert "/pl011@" in out.split("cambium> irq")[1]


def test_exec_fails_if_a_command_fails():
    code, _, err = run("--exec", "echo fine; nonsense; echo 'fine; too'")
    assert code == 1
    assert "nonsense: status 127" in err


def test_exec_fails_if_it_takes_too_long():
    code, _, err = run("--exec", "sleep 1000", "--timeout", "10")
    assert code == 1
    assert "did not say in time" in err


def test_add_puts_a_program_into_the_archive(tmp_path):
    path = tmp_path / "mine.elf"
    path.write_bytes(open(os.path.join(library.BUILD, "servers", "hello.elf"), "rb").read())
    code, out, err = run("--add", str(path), "--exec", "mine")
    assert code == 0, err
    assert "Hello from Cambium." in out


def test_qemu_options_reach_qemu():
    code, _, err = run("--exec", "echo x", "--", "-M", "no-such-machine")
    assert code == 1
    assert "no-such-machine" in err + _


@pytest.mark.parametrize("options, reason", [
    (["--machine", "raspi3b"], "not supported yet"), (["--gic", "4"], "invalid choice"),
    (["--smp", "9"], "1 to 8 cores"), (["--gic", "3", "--smp", "124"], "1 to 123 cores"), (["--dtb", "missing.dtb"], "no such file"),
    (["--gdb", "--exec", "ps"], "waits for a person")])
def test_what_the_machine_lacks_is_refused_with_the_reason(options, reason):
    code, _, err = run(*options)
    assert code == 2
    assert reason in err
