# SPDX-License-Identifier: BSD-2-Clause
"""The SDK that `meson install` makes: a driver and a program outside of the tree are built with nothing else, and run."""
import json
import os
import re
import shutil
import subprocess

import boot as library
import pytest

FP = "double half(double value);\ndouble half(double value)\n{\n    return value * 0.5;\n}\n"


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    """Installed as a package would be, then moved, which its cross file must be told."""
    folder = tmp_path_factory.mktemp("sdk")
    with open(os.path.join(library.BUILD, "meson-info", "intro-installed.json"), encoding="utf-8") as f:
        libraries = [os.path.relpath(path, library.BUILD) for path in json.load(f) if path.endswith(".a")]
    library.build.compile_all(library.BUILD, libraries)  # picolibc's empty ones have no name that a test could depend on
    subprocess.run(["meson", "install", "-C", library.BUILD, "--no-rebuild", "--destdir", str(folder / "staged")], check=True,
                   stdout=subprocess.DEVNULL)
    prefix = library.build.asked(library.BUILD, "prefix")
    moved = shutil.move(f"{folder}/staged{prefix}/lib/cambium", f"{folder}/moved")
    left = [name for _, _, files in os.walk(folder / "staged") for name in files]
    assert left == [], "something was installed beside the SDK"
    cross = os.path.join(moved, "aarch64.ini")
    with open(cross, encoding="utf-8") as f:
        text = f.read()
    assert text.count(f"{prefix}/lib/cambium") == 1
    with open(cross, "w", encoding="utf-8") as f:
        f.write(text.replace(f"{prefix}/lib/cambium", moved))
    return moved


def built(sdk, folder, example):
    """The example copied out of the SDK and built by Meson; its ELF file."""
    source = shutil.copytree(os.path.join(sdk, "examples", example), os.path.join(folder, example))
    out = os.path.join(source, "build")
    subprocess.run(["meson", "setup", out, source, "--cross-file", os.path.join(sdk, "aarch64.ini")], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "--quiet", "-C", out, "-d", "keepdepfile"], check=True, stdout=subprocess.DEVNULL)
    return next(os.path.join(out, name) for name in os.listdir(out) if name.endswith(".elf"))


def read_by_the_compiler(elf):
    """The files that the compiler read for an ELF file of Meson's."""
    folder = elf + ".p"
    for name in os.listdir(folder):
        if name.endswith(".d"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                yield from f.read().split(":", 1)[1].replace("\\\n", " ").split()


def compiled(sdk, folder, package, source):
    """What became of compiling a text with that package's flags."""
    flags = subprocess.run(["pkg-config", "--cflags", package], check=True, stdout=subprocess.PIPE, text=True,
                           env={**os.environ, "PKG_CONFIG_LIBDIR": os.path.join(sdk, "pkgconfig")}).stdout.split()
    path = library.save(folder, "x.c", source.encode())
    return subprocess.run(["aarch64-linux-gnu-gcc", "-O2", *flags, "-c", path, "-o", path + ".o"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def test_a_driver_and_a_program_are_built_with_the_sdk_alone_and_run(sdk, tmp_path):
    elves = [built(sdk, tmp_path, example) for example in ("driver", "program")]
    for elf in elves:
        read = [os.path.realpath(os.path.join(os.path.dirname(elf), path)) for path in read_by_the_compiler(elf)]
        assert os.path.join(sdk, "include", "cambium", "sys.h") in read
        for path in read:
            assert path.startswith((sdk, str(tmp_path), "/usr/lib/gcc")), path
    done = subprocess.run([os.path.join(library.ROOT, "tools", "run"), "--no-install", "--add", f"cfi_flash={elves[0]}",
                           "--add", elves[1], "--exec",
                           "tree /flash@0; ask flash 1; restart cfi_flash; sleep 1; ask /flash@0 1; log"], timeout=120,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"cfi_flash +running", done.stdout)
    assert done.stdout.count("w0 0x4000000 (67108864)\nw1 0x40000 (262144)\nw2 0x2 (2)") == 2
    assert "[cfi_flash] /flash@0: 65536 KiB of flash in blocks of 256 KiB" in done.stdout
    assert "/flash@0: drv/cfi_flash restarted (1)" in done.stdout


def test_make_builds_them_too(sdk, tmp_path):
    for example in ("driver", "program"):
        source = shutil.copytree(os.path.join(sdk, "examples", example), tmp_path / example)
        subprocess.run(["make", "-s", "-C", source, f"SDK={sdk}"], check=True)
        elf, = (name for name in os.listdir(source) if name.endswith(".elf"))
        assert library.tools_image.look(os.path.join(source, elf)).kind == example


def test_floating_point_is_for_programs_only(sdk, tmp_path):
    assert compiled(sdk, tmp_path, "cambium", FP).returncode == 0
    refused = compiled(sdk, tmp_path, "cambium-server", FP)
    assert refused.returncode != 0 and "mgeneral-regs-only" in refused.stdout


def test_each_public_header_can_be_included_alone(sdk, tmp_path):
    headers = [os.path.relpath(os.path.join(folder, name), os.path.join(sdk, "include"))
               for part in ("abi", "cambium") for folder, _, names in os.walk(os.path.join(sdk, "include", part)) for name in names
               if name.endswith(".h")]
    assert "abi/abi.h" in headers and "cambium/proto/serial.h" in headers
    for header in [*headers, "tree.h", "libfdt.h"]:
        done = compiled(sdk, tmp_path, "cambium-server", f"#include <{header}>\n")
        assert done.returncode == 0, f"{header}: {done.stdout}"
