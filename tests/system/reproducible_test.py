# SPDX-License-Identifier: BSD-2-Clause
"""Two builds of the same source in two places are the same, byte for byte: Image and archive hold no path and no time."""
import hashlib
import os
import shutil

import boot as library

FILES = ("kernel/Image", "servers/archive.cpio")


def digests(folder):
    digest = {}
    for name in FILES:
        with open(os.path.join(folder, name), "rb") as f:
            digest[name] = hashlib.sha256(f.read()).hexdigest()
    return digest


def test_the_same_source_elsewhere_gives_the_same_bytes(tmp_path):
    elsewhere = tmp_path / "a longer path" / "and another name"
    shutil.copytree(library.ROOT, elsewhere, symlinks=True,
                    ignore=lambda folder, names: {n for n in names if n in (".git", "__pycache__", "build")})
    # as deep in the tree as the other: asserts name files by their way from the build directory
    build = elsewhere.joinpath(*["out"] * len(os.path.relpath(library.BUILD, library.ROOT).split(os.sep)))
    library.build.step("configuring", ["meson", "setup", str(build), str(elsewhere), "--cross-file",
                                       str(elsewhere / "tools" / library.CROSS), "-Dtests=false"])
    library.build.step("building", ["ninja", "--quiet", "-C", str(build), *FILES])
    assert digests(build) == digests(library.BUILD)
