# SPDX-License-Identifier: BSD-2-Clause
"""The command lines of tools/run as people and scripts use them."""
import os
import re
import struct
import subprocess

import boot as library
import pytest


def run(*args, timeout=120):
    done = subprocess.run([os.path.join(library.ROOT, "tools", "run"), "--no-install", *args], timeout=timeout,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def test_exec_prints_the_answers_and_powers_off():
    code, out, err = run("--exec", "tree; ps; irq; mem; random")
    assert code == 0, err
    for word in ("cambium> tree", "cambium> ps", "cambium> irq", "cambium> mem", "pl011", "KiB", "virtio_rng"):
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


def elf(name):
    with open(os.path.join(library.BUILD, "servers", name + ".elf"), "rb") as f:
        return bytearray(f.read())


def test_add_puts_programs_into_the_archive(tmp_path):
    library.save(tmp_path, "mine.elf", elf("hello"))
    code, out, err = run("--add", f"{tmp_path}/mine.elf", "--add", f"other={tmp_path}/mine.elf", "--exec", "mine; other")
    assert code == 0, err
    assert out.count("Hello from Cambium.") == 2
    assert f"{tmp_path}/mine.elf is bin/mine in the boot archive." in err


def test_add_takes_what_has_a_match_table_for_a_driver_and_replaces_the_one_of_that_name(tmp_path):
    gicv2 = os.path.join(library.BUILD, "servers", "gicv2.elf")
    marked = os.path.join(library.PROGRAMS, "pl011_odd.elf")
    code, out, err = run("--add", f"pl011={marked}", "--add", gicv2, "--exec", "log")
    assert code == 0, err
    assert "drv/pl011 in the boot archive" in err and "drv/gicv2 in the boot archive" in err
    assert "/pl011@9000000: outside of the tree" in out


def test_add_refuses_a_driver_whose_nodes_another_one_claims(tmp_path):
    library.save(tmp_path, "second.elf", elf("pl011"))
    code, _, err = run("--add", f"{tmp_path}/second.elf", "--exec", "ps")
    assert code == 2
    assert "second.elf: drv/pl011 claims \"arm,pl011\" already" in err
    assert f"--add pl011={tmp_path}/second.elf" in err and f"--add spare/second={tmp_path}/second.elf" in err


def changed(name, at, format_, value):
    """An ELF file of the archive with something else at an offset, or at the start of a section."""
    data = elf(name)
    sections = library.tools_image.read_sections(data, library.tools_image.check_head(bytes(data)))
    struct.pack_into(format_, data, sections[at][1] if isinstance(at, str) else at, value)
    return bytes(data)


def without_match_table():
    """Renames the section: what happens to whoever forgets DEV_MATCH_TABLE."""
    return bytes(elf("pl011").replace(b"\0.cambium.match\0", b"\0.cambium.other\0"))


ODD_IMAGES = {
    "text": (lambda: b"#!/bin/sh\n", "x.elf: not an ELF file"),
    "empty": (lambda: b"", "x.elf: not an ELF file"),
    "header": (lambda: bytes(elf("hello")[:40]), "cut off: shorter than an ELF header"),
    "half": (lambda: bytes(elf("hello")[:len(elf("hello")) // 2]), "cut off: "),
    "32 bits": (lambda: changed("hello", 4, "<B", 1), "a 32-bit ELF file"),
    "x86": (lambda: changed("hello", 18, "<H", 62), "not an ELF file for AArch64, but for x86-64"),
    "big": (lambda: changed("hello", 5, "<B", 2), "but for big-endian AArch64"),
    "fixed": (lambda: changed("hello", 16, "<H", 2), "not position independent"),
    "object": (lambda: changed("hello", 16, "<H", 1), "not linked yet"),
    "ABI": (lambda: changed("hello", ".cambium.abi", "<I", 99), "version 99 of the kernel's ABI, and this kernel's is"),
    "driver's ABI": (lambda: changed("pl011", ".cambium.abi", "<I", 99), "version 99 of the kernel's ABI"),
    "no table": (without_match_table, "loops over event_wait, as drivers do, but has no match table"),
    "nameless": (lambda: changed("pl011", ".cambium.match", "<48s", b""), "an entry without a compatible string"),
}


@pytest.mark.parametrize("what", list(ODD_IMAGES))
def test_add_refuses_what_init_could_not_load_with_the_reason(tmp_path, what):
    data, reason = ODD_IMAGES[what]
    library.save(tmp_path, "x.elf", data())
    code, _, err = run("--add", f"{tmp_path}/x.elf", "--exec", "ps")
    assert code == 2
    assert reason in err, err


def test_add_refuses_names_that_make_no_sense(tmp_path):
    library.save(tmp_path, "x y.elf", elf("hello"))
    library.save(tmp_path, "hello.elf", elf("hello"))
    for options, reason in [
            ([f"{tmp_path}/x y.elf"], "'x y' is no name of at most 31 letters"),
            ([f"drv/hello={tmp_path}/hello.elf"], "a program goes into bin/ or spare/"),
            ([f"{tmp_path}/hello.elf", f"hello={tmp_path}/x y.elf"], f"bin/hello is {tmp_path}/hello.elf already"),
            (["mine=missing.elf"], "missing.elf: no such file")]:
        code, _, err = run(*[word for option in options for word in ("--add", option)], "--exec", "ps")
        assert code == 2
        assert reason in err, err


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
    (["--machine", "raspi5"], "invalid choice"), (["--gic", "4"], "invalid choice"),
    (["--smp", "9"], "1 to 8 cores"), (["--smp", "0"], "1 to 8 cores"), (["--gic", "3", "--smp", "124"], "1 to 123 cores"),
    (["--memory", "foo"], "not a size"), (["--memory", "8M"], "needs 64M"), (["--dtb", "missing.dtb"], "no such file"),
    (["--dtb", __file__], "not a device tree blob"), (["--add", __file__], "not an ELF file"),
    (["--exec", "echo 'a"], "a quote is not closed"), (["--timeout", "0"], "more than 0 seconds"),
    (["--gdb", "--exec", "ps"], "waits for a person"), (["--machine", "raspi3b", "--smp", "2"], "has 4 cores"),
    (["--machine", "raspi3b", "--memory", "2G"], "has 1G"), (["--machine", "raspi4b", "--memory", "1G"], "has 2G"),
    (["--machine", "raspi5b", "--smp", "2"], "has 4 cores"), (["--machine", "raspi5b", "--memory", "1G"], "has 4G"),
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


ROW = r"    #0  by_null +tests/system/programs/crash\.c:\d+\r*\n    #1  middle "


def test_exec_adds_functions_and_lines_to_a_crash():
    code, out, err = run("--add", os.path.join(library.PROGRAMS, "crash.elf"), "--exec", "crash null")
    assert code == 1 and "crash null: status 129" in err
    assert re.search(ROW, out), out


def test_a_session_keeps_its_keys_and_gets_functions_and_lines_for_a_crash():
    """Editing, Ctrl-C and the monitor's Ctrl-A are not tools/run's; the terminal is as before when it ends."""
    import pexpect
    shell = pexpect.spawn("/bin/sh", ["-c", "before=$(stty -g); \"$@\"; echo status $?; test \"$before\" = \"$(stty -g)\" && echo same",
                                      "-", os.path.join(library.ROOT, "tools", "run"), "--no-install", "--add",
                                      os.path.join(library.PROGRAMS, "crash.elf")], encoding="utf-8", timeout=120, dimensions=(24, 80))
    shell.expect("cambium> ")
    shell.send("crash nil\b\b\bnull\r")
    shell.expect(ROW)
    shell.expect("cambium> ")
    shell.send("cat\r")
    shell.send("abc")
    shell.expect("abc")
    shell.send("\x03")
    shell.expect("cambium> ")
    shell.send("\x01h")
    shell.expect("C-a x")
    shell.send("\x01x")
    shell.expect("status 0\r\nsame", timeout=20)
    shell.close()
