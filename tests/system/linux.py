# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Linux for arm64 as a referee: it boots on the same QEMU command line, with a shell script as its only program, and the
script's output is what Linux knows. Kernel and busybox come out of Debian's packages, checked by apt as any other
(tools/lib/debian.py), 60 MB to fetch, of which 35 MB stay in the user's cache; where they cannot be had the test is skipped."""
import glob
import os

import boot as library
import pytest

import debian
import firmware
import trees

CACHE = os.path.join(trees.OWN, "linux")
HEAD = "#!/busybox sh\n/busybox mkdir /proc /sys\n/busybox mount -t sysfs none /sys\n/busybox echo BEGIN\n"
TAIL = "\n/busybox echo END\n/busybox poweroff -f\n"


def files():
    """(vmlinuz, busybox), fetched if they are not there yet."""
    def there():
        return [sorted(glob.glob(os.path.join(CACHE, pattern))) for pattern in ("vmlinuz-*", "busybox")]
    if not all(there()):
        try:
            with debian.Apt(say=lambda text: print(f"# {text}")) as apt:
                apt.fetch("busybox-static", r".*/bin/busybox", firmware.store, CACHE)
                apt.lists()
                apt.fetch(apt.kernel(), r".*/boot/vmlinuz-.*", firmware.store, CACHE)
        except debian.Failed as what:
            pytest.skip(f"Debian's kernel cannot be had: {str(what).splitlines()[0]}")
    kernels, busybox = there()
    return kernels[-1], busybox[0]


def output(folder, script, **machine):
    """What a busybox shell script prints as the first process; `machine` are options of machine.command."""
    kernel, busybox = files()
    with open(busybox, "rb") as f:
        contents = {"busybox": f.read(), "init": (HEAD + script + TAIL).encode()}
    extra = [*machine.pop("extra", ()), "-no-reboot", "-append", "console=ttyAMA0 loglevel=0 panic=-1"]
    initrd = library.archive(folder, contents, name="linux.cpio")
    with library.start(image=kernel, initrd=initrd, extra=extra, **machine) as running:
        running.expect("\nEND\r")
        running.ended()
    print(f"# referee: Linux, {os.path.basename(kernel)}")
    return library.machine.clean(running.text).partition("BEGIN\n")[2].partition("\nEND\n")[0]
