# SPDX-License-Identifier: BSD-2-Clause
"""tools/sdcard: makes the image of an SD card with which a Raspberry Pi starts Cambium."""
import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import build
import firmware
import helptext
import machine
import trees

SIZE, PARTITION = 64 << 20, 1 << 20  # bytes; QEMU wants a power of two
SECTOR = 512
EPOCH = 315532800  # 1980-01-01, the first day of FAT: same inputs, same bytes
OVERLAYS = ("disable-bt", "miniuart-bt")

# Per board: the trees that its firmware looks for, each with upstream's name for it, the first a must; and the firmware, which
# Raspberry Pi 5 has on the board.
BOARDS = {
    "rpi3": ([("bcm2710-rpi-3-b.dtb", "bcm2837-rpi-3-b.dtb"), ("bcm2710-rpi-3-b-plus.dtb", "bcm2837-rpi-3-b-plus.dtb"),
              ("bcm2710-rpi-cm3.dtb", "bcm2837-rpi-cm3-io3.dtb"), ("bcm2710-rpi-zero-2-w.dtb", "bcm2837-rpi-zero-2-w.dtb")],
             ["bootcode.bin", "start.elf", "fixup.dat"]),
    "rpi4": ([("bcm2711-rpi-4-b.dtb",), ("bcm2711-rpi-400.dtb",), ("bcm2711-rpi-cm4.dtb", "bcm2711-rpi-cm4-io.dtb"),
              ("bcm2711-rpi-cm4s.dtb",)],
             ["start4.elf", "fixup4.dat"]),
    "rpi5": ([("bcm2712-rpi-5-b.dtb",), ("bcm2712d0-rpi-5-b.dtb",), ("bcm2712-d-rpi-5-b.dtb",), ("bcm2712-rpi-500.dtb",),
              ("bcm2712-rpi-cm5-cm4io.dtb",), ("bcm2712-rpi-cm5-cm5io.dtb",), ("bcm2712-rpi-cm5l-cm4io.dtb",),
              ("bcm2712-rpi-cm5l-cm5io.dtb",)], []),
}
KERNELS = {"rpi3": "kernel8.img", "rpi4": "kernel8.img", "rpi5": "kernel_2712.img"}

CONFIG = """\
# Cambium on Raspberry Pi. Written by tools/sdcard; dts/boards has what to do with the card.

# AArch64, and this file as it is
arm_64bit=1
kernel=kernel8.img

# The boot archive, far from the kernel: behind it would be where its zeroed memory lies.
initramfs archive.cpio 0x08000000

# The UART at GPIO14/15 (pins 8 and 10), 115200 8N1; keeps the mini UART's clock steady.
enable_uart=1

# Boot whatever the firmware thinks of the kernel.
os_check=0

# Boards with Bluetooth have the mini UART at pins 8 and 10. This gives them the PL011,
# whose clock does not depend on the core's, and leaves Bluetooth off;
# dtoverlay=miniuart-bt instead keeps Bluetooth, at the mini UART.
{disable_bt}

# The firmware's own messages before the kernel's, on the same UART (bootcode.bin's are apart).
#uart_2ndstage=1
"""

CONFIG_RPI5 = """\
# Cambium on Raspberry Pi 5. Written by tools/sdcard; dts/boards/pi5.md has what to do with the card.

kernel=kernel_2712.img

# The boot archive, far from the kernel: behind it would be where its zeroed memory lies.
initramfs archive.cpio 0x08000000

# Boot whatever the firmware thinks of the kernel.
os_check=0

# The firmware's own messages before the kernel's, on the debug UART (the 3-pin connector between
# the HDMI sockets), where Cambium's console is too.
uart_2ndstage=1

# RP1, behind which are the header's pins, is reset before the kernel starts, and Cambium brings it
# up. With these two it stays as the firmware used it, with a UART at GPIO14/15 (pins 8 and 10).
#pciex4_reset=0
#enable_rp1_uart=1
"""

DESCRIPTION = """\
Builds Cambium and makes the image of an SD card from which a Raspberry Pi 3 (also 3B+, 3A+, CM3, Zero 2 W), 4 (also 400,
CM4) or 5 (also 500, CM5) starts it: one FAT32 partition with the kernel, the boot archive, config.txt and the device trees;
for 3 and 4 two overlays for the console and the firmware, which a 5 has on the board. Needs no root. The same inputs give
the same bytes.

Trees and firmware are those that tools/firmware fetches; what is missing is fetched, unless --no-install.
"""


class Refused(Exception):
    """No card is made; the text says why."""


def config(board, disable_bt=False):
    if board == "rpi5":
        return CONFIG_RPI5
    return CONFIG.format(disable_bt=("" if disable_bt else "#") + "dtoverlay=disable-bt")


def found_trees(board, may_fetch):
    """{name on the card: path}."""
    names, _ = BOARDS[board]
    first = trees.find(names[0]) or (may_fetch and firmware.bring(list(names[0]), build.say))
    if not first:
        raise Refused(trees.missing(list(names[0])))
    others = {name[0]: trees.find(name) for name in names[1:]}
    return {names[0][0]: first, **{name: path for name, path in others.items() if path}}


def found_firmware(board, may_fetch):
    _, names = BOARDS[board]
    if not names:
        return {}
    found = firmware.find_boot(names) or (may_fetch and firmware.bring_boot(names, build.say))
    if not found:
        raise Refused(f"no firmware: {', '.join(names)} are neither in {trees.CACHE} nor in {firmware.INSTALLED} nor in "
                      f"{trees.DEBIAN}, and a board does not start from a card without them. Run tools/firmware, or "
                      "tools/firmware --debian, or say --without-firmware if you will add them yourself")
    paths, licence = found
    return {**{os.path.basename(path): path for path in paths}, "LICENCE.broadcom": licence}


def overlay(name, folder):
    path = os.path.join(folder, name + ".dtbo")
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", path,
                    os.path.join(build.ROOT, "dts", "overlays", name + ".dts")], check=True)
    return path


def partition_table():
    """The first sector: one partition, FAT32 with addresses by number, all behind the first MiB."""
    nowhere = b"\xfe\xff\xff"  # as cylinder, head and sector: beyond what they can say
    entry = struct.pack("<B3sB3sII", 0, nowhere, 0x0c, nowhere, PARTITION // SECTOR, (SIZE - PARTITION) // SECTOR)
    return bytes(440) + b"Camb" + bytes(2) + entry + bytes(48) + b"\x55\xaa"


def write_card(out, files):
    """The image with {name on the card: path}; whole under its name, or not there."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "TZ": "UTC", "LC_ALL": "C",
                   "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}

    def run(*command):
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise Refused(f"{command[0]} failed: {done.stdout.strip()}")
    with tempfile.TemporaryDirectory(prefix=".sdcard-", dir=os.path.dirname(os.path.abspath(out))) as folder:
        card = os.path.join(folder, "card")
        with open(card, "wb") as f:
            f.write(partition_table())
            f.truncate(SIZE)
        run("mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", "CAMBIUM", "--offset", str(PARTITION // SECTOR), card,
            str((SIZE - PARTITION) // 1024))
        at = ["-i", f"{card}@@{PARTITION}"]
        if any(name.startswith("overlays/") for name in files):
            run("mmd", *at, "::overlays")
        for name, path in sorted(files.items()):
            copy = shutil.copyfile(path, os.path.join(folder, "file"))
            os.utime(copy, (EPOCH, EPOCH))
            run("mcopy", *at, "-m", copy, f"::{name}")
        os.chmod(card, 0o644)
        os.replace(card, out)


def options(argv):
    parser = argparse.ArgumentParser(prog="tools/sdcard", description=DESCRIPTION,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("--board", choices=list(BOARDS), required=True, help="rpi3, rpi4 or rpi5, with its relatives")
    parser.add_argument("-o", metavar="FILE", dest="out", required=True, help="the image, of 64 MiB; written anew")
    parser.add_argument("--disable-bt", action="store_true", help="turn dtoverlay=disable-bt on in config.txt: the console is "
                        "the PL011, Bluetooth off")
    parser.add_argument("--bootargs", metavar="TEXT", help="cmdline.txt, which the firmware adds to /chosen bootargs")
    parser.add_argument("--without-firmware", action="store_true", help="leave the firmware out: no board starts from the card "
                        "until you add it")
    parser.add_argument("--no-install", action="store_true", help="never install packages, and fetch nothing")
    args = parser.parse_args(argv)
    if os.path.exists(args.out) and not os.path.isfile(args.out):
        parser.error(f"-o {args.out}: not a regular file. An image is written to a card afterwards, see dts/boards")
    if not os.path.isdir(os.path.dirname(os.path.abspath(args.out))):
        parser.error(f"-o {args.out}: no such folder")
    if args.disable_bt and args.board == "rpi5":
        parser.error("--disable-bt: Bluetooth has no UART of a Raspberry Pi 5's header")
    if args.bootargs is not None and not (args.bootargs.isascii() and args.bootargs.isprintable()):
        parser.error("--bootargs: not one line of ASCII")
    return args


def main():
    args = options(sys.argv[1:])
    build.everything(install=not args.no_install, tests=False, card=True)
    files = {KERNELS[args.board]: machine.IMAGE, "archive.cpio": machine.ARCHIVE}
    files.update(found_trees(args.board, not args.no_install))
    if not args.without_firmware:
        files.update(found_firmware(args.board, not args.no_install))
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        texts = {"config.txt": config(args.board, args.disable_bt),
                 **({"cmdline.txt": args.bootargs + "\n"} if args.bootargs else {})}
        for name, text in texts.items():
            files[name] = os.path.join(folder, name)
            with open(files[name], "w", encoding="ascii") as f:
                f.write(text)
        if args.board != "rpi5":
            files.update({f"overlays/{name}.dtbo": overlay(name, folder) for name in OVERLAYS})
        write_card(args.out, files)
        for name, path in sorted(files.items()):
            origin = "" if path.startswith(folder) else os.path.relpath(path) if path.startswith(build.ROOT + os.sep) else path
            print(f"  {name:26} {os.path.getsize(path):8}  {origin}".rstrip())
    print(f"{args.out}: for {args.board}. How to write it to a card: dts/boards/pi{args.board[-1]}.md")
    if args.without_firmware and BOARDS[args.board][1]:
        print("WITHOUT THE FIRMWARE: no board starts from this card until you copy "
              f"{', '.join(BOARDS[args.board][1])} to it.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Refused, OSError) as reason:
        sys.exit(f"tools/sdcard: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
