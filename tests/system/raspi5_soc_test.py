# SPDX-License-Identifier: BSD-2-Clause
"""What our model of a Raspberry Pi 5 (tests/raspi5) has beside cores, PCIe and RP1: the watchdog that counts, RNG200, the SD host
with a card. Debian's Linux judges it: its drivers were proven on the board. Skipped where QEMU or Linux are not there."""
import hashlib
import re

import pytest

import raspi5_qemu
import referee

PROMPT = r"~ # "
INIT = ["/bin/busybox --install -s /bin", "mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "mount -t devtmpfs dev /dev",
        "cd /", "export HOME=/", "sh /modules/load", "exec setsid cttyhack sh"]
CARD_LEN = 64 << 20


@pytest.fixture
def linux(boot, tmp_path):
    """linux(*options of QEMU) -> a machine at the shell of the initial RAM disk, all drivers loaded."""
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    if not referee.find():
        pytest.skip(referee.MISSING)

    def start(*extra):
        machine = boot(board="raspi5b", image=referee.find()["vmlinuz"], dtb=referee.find()["bcm2712-rpi-5-b.dtb"],
                       initrd=referee.initramfs(tmp_path, INIT), icount=True,
                       extra=["-append", "console=ttyAMA10,115200", *extra])
        machine.expect(PROMPT, timeout=300)
        return machine
    return start


def said(machine, line):
    """What a command prints."""
    start = len(machine.text)
    machine.send(line + "; echo @$((6*7))@\n")
    machine.expect("@42@", timeout=120)
    return machine.text[start:].replace("\r", "").rpartition("@$((6*7))@\n")[2]


@pytest.fixture
def card(tmp_path):
    """The path of a card, whose every sector is another."""
    path = tmp_path / "card.img"
    with open(path, "wb") as f:
        for start in range(0, CARD_LEN, 1 << 20):
            f.write(hashlib.sha256(str(start).encode()).digest() * (1 << 15))
    return path


def test_linux_reads_the_random_generator_and_the_card_and_is_reset_by_the_watchdog(linux, card):
    machine = linux("-drive", f"if=sd,format=raw,file={card}")
    machine.expect("mmcblk0: mmc0:[0-9a-f]+ QEMU! 64.0 MiB")
    assert "iproc-rng200 107d208000.rng: hwrng registered" in machine.text
    assert "mmc0: SDHCI controller on 1000fff000.mmc [1000fff000.mmc] using ADMA 64-bit" in machine.text
    assert not re.search("Internal error|Oops|BUG:|synchronous external abort", machine.text)

    assert said(machine, "cat /sys/class/misc/hw_random/rng_current").startswith("iproc-rng200\n")
    numbers = said(machine, "dd if=/dev/hwrng bs=64 count=4 2>/dev/null | hexdump -ve '1/4 \"%08x \"'; echo")
    words = re.findall(r"\b[0-9a-f]{8}\b", numbers)
    assert len(words) == 64 and len(set(words)) == 64

    wanted = hashlib.md5(card.read_bytes()).hexdigest()
    assert said(machine, "md5sum /dev/mmcblk0").startswith(wanted)
    said(machine, "echo here it is | dd of=/dev/mmcblk0 bs=512 seek=1000 conv=notrunc,fsync 2>/dev/null")
    with open(card, "rb") as f:
        f.seek(1000 * 512)
        assert f.read(11) == b"here it is\n"
    assert int(re.search(r"^ *\d+: +(\d+) .* GICv2 +305 Level +mmc0", said(machine, "cat /proc/interrupts"), re.M)[1]) > 10

    assert "Broadcom BCM2835 Watchdog timer\n15\n" in said(machine, "cat /sys/class/watchdog/watchdog0/identity "
                                                           "/sys/class/watchdog/watchdog0/timeout")
    said(machine, "exec 3>/dev/watchdog")
    said(machine, "sleep 5")
    assert said(machine, "cat /sys/class/watchdog/watchdog0/timeleft").split()[0] in ("9", "10")
    said(machine, "echo V >&3; exec 3>&-; sleep 20")  # stopped, it does nothing
    said(machine, "exec 3>/dev/watchdog; sleep 14")   # nobody feeds it
    machine.send("sleep 5; echo @$((6*7))@\n")
    machine.expect("Booting Linux on physical CPU 0x0000000000")
    assert machine.text.count("@42@") == machine.text.count("@$((6*7))@") - 1


def test_linux_sees_that_no_card_is_there(linux):
    machine = linux()
    said(machine, "sleep 1")
    assert "mmc0: SDHCI controller on 1000fff000.mmc" in machine.text
    assert "mmcblk0" not in machine.text.replace("mmcblk0*", "")
    assert said(machine, "ls /dev/mmcblk0").startswith("ls: /dev/mmcblk0: No such file")
