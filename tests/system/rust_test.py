# SPDX-License-Identifier: BSD-2-Clause
"""The program in Rust runs like any other. Built with this build, or else beside it, out of core's source; where no rustc can do
that the tests that need it are skipped."""
import os
import re
import subprocess

import boot as library
import pytest

MKRUST = os.path.join(library.ROOT, "tools", "mkrust")


def mkrust(*args, path=None):
    environment = {**os.environ, **({"PATH": path, "HOME": path} if path else {})}
    return subprocess.run(["/usr/bin/python3", MKRUST, *args], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def program():
    path = os.path.join(library.BUILD, "servers", "rust_hello.elf")
    if not os.path.exists(path):
        found = mkrust("find", "--from-source")
        if not found.stdout:
            pytest.skip(found.stderr.strip())
        folder = library.variant("rust", ["servers/rust_hello.elf"], ["-Drust=enabled"], tests=False)
        path = os.path.join(folder, "servers", "rust_hello.elf")
    with open(path, "rb") as file:
        return file.read()


def test_it_prints_asks_a_server_and_ends_with_its_status(boot, tmp_path, program):
    path = library.archive(tmp_path, {**library.few_servers(), "bin/rust_hello": program})
    machine = boot(initrd=path)
    machine.prompt()
    servers = ["Hello from Rust, by ABI 1. The servers, by rank:", "  1  drv/gicv2", "  2  drv/pl011", "  3  mux/serial", "  4  bin/shell"]
    assert machine.run("rust_hello").splitlines() == servers
    assert machine.status() == 0
    before = re.findall(r"^  [a-zA-Z].*\d+$", machine.run("mem"), re.M)
    assert machine.run("rust_hello 'one argument' two three").splitlines() == [*servers, "rust_hello: exit status 3"]
    assert machine.status() == 3
    assert re.findall(r"^  [a-zA-Z].*\d+$", machine.run("mem"), re.M) == before and len(before) >= 7


def test_one_for_another_abi_is_refused(boot, tmp_path, program):
    at = program.index(b"\x7fELF") + section(tmp_path, program, ".cambium.abi")
    other = program[:at] + bytes([program[at] + 1]) + program[at + 1:]
    machine = boot(initrd=library.archive(tmp_path, {**library.entries(), "bin/rust_hello": other}))
    machine.prompt()
    said = machine.run("rust_hello")
    assert "Hello" not in said and "ABI" in said
    assert machine.status() != 0


def section(folder, program, name):
    """Where in the file a section is."""
    path = library.save(folder, "program.elf", program)
    listing = subprocess.run(["aarch64-linux-gnu-readelf", "-SW", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(rf" {re.escape(name)} +\w+ +\w+ +(\w+) ", listing)[1], 16)


def test_a_name_that_the_headers_lack_is_said(tmp_path):
    main = library.save(tmp_path, "main.rs", b"fn f() -> u64 { abi::ABI_VERSION + abi::E_NOTHING } // abi::IN_A_COMMENT")
    done = mkrust("build", "rustc", "-o", str(tmp_path / "x.o"), "--core", str(tmp_path / "core.a"), main, "abi/abi.h", "--",
                  "aarch64-linux-gnu-gcc", "-ffreestanding", "-I" + os.path.join(library.ROOT, "kernel"))
    assert done.returncode == 1 and "E_NOTHING" in done.stderr and "does not know what the program names as abi::" in done.stderr
    assert "IN_A_COMMENT" not in done.stderr


def test_where_no_compiler_is_that_is_said(tmp_path):
    """A rustc that knows the target, but has nothing of it."""
    rustc = tmp_path / "rustc"
    rustc.write_text("#!/bin/sh\n[ $2 = sysroot ] && echo /nowhere || echo /nowhere/lib\n")
    rustc.chmod(0o755)
    done = mkrust("find", path=str(tmp_path))
    assert done.stdout in ("", "/usr/bin/rustc\n")
    if done.stdout == "":
        assert str(rustc) in done.stderr and "rustup target add aarch64-unknown-none" in done.stderr
