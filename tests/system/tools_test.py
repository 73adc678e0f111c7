# SPDX-License-Identifier: BSD-2-Clause
"""The command lines of tools/run as people and scripts use them."""
import os
import re
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
    assert re.search(r"gicv3 +running", out)
    assert "/pl011@" in out.split("cambium> irq")[1]


def test_exec_fails_if_a_command_fails():
    code, _, err = run("--exec", "echo fine; nonsense; echo 'fine; too'")
    assert code == 1
    assert "nonsense: status 127" in err


def test_exec_knows_the_status_of_the_command_before():
    code, out, err = run("--exec", "echo $?; hello 1 2; echo $?; hello 'a b' \"c\" d; echo \"it is $?\" '$?'")
    assert code == 1, err
    for answer in ("echo $?\n0\n", "echo $?\n2\n", "\nit is 3 $?\n"):
        assert answer in out


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


def test_exec_may_end_with_poweroff():
    code, _, err = run("--exec", "echo fine; poweroff")
    assert code == 0, err
    code, _, err = run("--exec", "poweroff; ps")
    assert code == 1
    assert "ps: not run" in err


def test_dtb_takes_a_tree_as_qemu_wrote_it(tmp_path):
    """QEMU's own is 1 MiB long; doubled by QEMU it would be too long for the kernel."""
    path = str(tmp_path / "tree.dtb")
    subprocess.run(library.machine.command(image=None, properties=[f"dumpdtb={path}"]), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert os.path.getsize(path) == 1 << 20
    code, out, err = run("--dtb", path, "--exec", "echo fine", timeout=60)
    assert code == 0, err
    assert "fine" in out


def test_the_command_works_through_a_link_from_another_folder_with_another_locale(tmp_path):
    (tmp_path / "run").symlink_to(os.path.join(library.ROOT, "tools", "run"))
    environment = {**os.environ, "LANG": "de_DE.UTF-8"}
    environment.pop("TERM", None)
    done = subprocess.run([tmp_path / "run", "--no-install", "--exec", "echo fine"], cwd=tmp_path, env=environment,
                          timeout=120, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert "fine" in done.stdout


def test_qemu_options_reach_qemu():
    code, _, err = run("--exec", "echo x", "--", "-M", "no-such-machine")
    assert code == 1
    assert "no-such-machine" in err + _


@pytest.mark.parametrize("options, reason", [
    (["--machine", "raspi5b"], "not supported yet"), (["--gic", "4"], "invalid choice"),
    (["--smp", "9"], "1 to 8 cores"), (["--smp", "0"], "1 to 8 cores"), (["--gic", "3", "--smp", "124"], "1 to 123 cores"),
    (["--memory", "foo"], "not a size"), (["--memory", "8M"], "needs 64M"), (["--dtb", "missing.dtb"], "no such file"),
    (["--dtb", __file__], "not a device tree blob"), (["--add", __file__], "not an ELF file"),
    (["--exec", "echo 'a"], "a quote is not closed"), (["--timeout", "0"], "more than 0 seconds"),
    (["--gdb", "--exec", "ps"], "waits for a person"), (["--machine", "raspi3b", "--smp", "2"], "has 4 cores"),
    (["--machine", "raspi3b", "--memory", "2G"], "has 1G"), (["--machine", "raspi4b", "--memory", "1G"], "has 2G"),
    (["--machine", "raspi3b", "--gic", "2"], "of its board")])
def test_what_the_machine_lacks_is_refused_with_the_reason(options, reason):
    code, _, err = run(*options)
    assert code == 2
    assert reason in err


def test_a_board_without_a_device_tree_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMBIUM_DTB_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, _, err = run("--machine", "raspi3b", "--exec", "echo x")
    assert code == 2
    for way in ("--dtb", "CAMBIUM_DTB_DIR", "tools/firmware", str(tmp_path / "cache")):
        assert way in err
    (tmp_path / "bcm2710-rpi-3-b.dtb").write_bytes(b"\xd0\x0d\xfe\xed" + bytes(60))
    code, _, err = run("--machine", "raspi3b", "--exec", "echo x")
    assert code == 2 and "damaged" in err
