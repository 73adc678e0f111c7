# SPDX-License-Identifier: BSD-2-Clause
"""What our model of a Raspberry Pi 5 (tests/raspi5) has beside cores, PCIe and RP1: the watchdog that counts, RNG200, the SD host
with a card. Debian's Linux judges it: its drivers were proven on the board. The monitor does the wrong things, which must break as
on the board. Then Cambium's drivers on it. Skipped where QEMU or Linux are not there."""
import hashlib
import re

import boot as library
import pytest
import raspi5_monitor
from raspi import tree_of

import raspi5_qemu
import referee

PROMPT = r"~ # "
INIT = ["/bin/busybox --install -s /bin", "mount -t proc proc /proc", "mount -t sysfs sysfs /sys", "mount -t devtmpfs dev /dev",
        "cd /", "export HOME=/", "sh /modules/load", "exec setsid cttyhack sh"]
CARD_LEN = 64 << 20
MBOX = 0x107c013880


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
        said(machine, "sleep 2; dmesg -n 1")  # drivers probe meanwhile; what they say later shall not come between
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
    assert re.search("mmcblk0: mmc0:[0-9a-f]+ QEMU! 64.0 MiB", machine.text)
    assert "iproc-rng200 107d208000.rng: hwrng registered" in machine.text
    assert "mmc0: SDHCI controller on 1000fff000.mmc [1000fff000.mmc] using ADMA 64-bit" in machine.text
    assert not re.search("Internal error|Oops|BUG:|synchronous external abort", machine.text)

    said(machine, "dmesg -n 1")  # what RP1's drivers, which come later, say is not for this
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
    assert "@42@" not in machine.text.rpartition("sleep 5; echo")[2]  # within these five seconds


def test_linux_sees_that_no_card_is_there(linux):
    machine = linux()
    assert "mmc0: SDHCI controller on 1000fff000.mmc" in machine.text
    assert "mmcblk0" not in machine.text.replace("mmcblk0*", "")
    assert said(machine, "ls /dev/mmcblk0").startswith("ls: /dev/mmcblk0: No such file")


# ---- register by register: the right thing, and the wrong one ----

PM, RSTC, RSTS, WDOG = 0x107d200000, 0x1c, 0x20, 0x24
PASSWORD, FULL_RESET, STOPPED, HALT = 0x5a000000, 0x20, 0x102, 0x555
RNG = 0x107d208000
CTRL, RNG_RESET, RBG_RESET, INT_STATUS, FIFO, COUNT = 0x00, 0x04, 0x08, 0x18, 0x20, 0x24
STARTED, NIST_FAIL = 1 << 17, 1 << 5
UART10, MBOX = 0x107d001000, 0x107c013880
GIO, SDHOST, SDCFG = 0x107d517c00, 0x1000fff000, 0x1000fff400


def test_the_watchdog_counts_and_needs_its_password(boot):
    core = raspi5_monitor.start(boot)
    assert core.read(PM + RSTC) == STOPPED and core.read(PM + RSTS) == 0x1000 and core.read(PM + WDOG) == 0
    for size in (1, 2):
        assert core.aborts(PM + RSTC, size) and core.aborts(PM + WDOG, size, value=0)
    for wrong in (0, 0x5b000000, 0x005a0000):
        core.write(PM + WDOG, wrong | 0x1000)
        core.write(PM + RSTC, wrong | FULL_RESET)
        assert core.read(PM + WDOG) == 0 and core.read(PM + RSTC) == STOPPED
    core.write(PM + WDOG, PASSWORD | 0xffffff)  # the counter has 20 bits
    assert 0xff000 < core.read(PM + WDOG) <= 0xfffff
    core.write(PM + WDOG, PASSWORD | 6554)  # 100 ms
    start, first = core.now(), core.read(PM + WDOG)
    core.wait(50000)
    ticks = first - core.read(PM + WDOG)
    assert abs(ticks - (core.now() - start) * 65536 / 1e6) < 200
    core.wait(60000)
    assert core.read(PM + WDOG) == 0  # over, and nothing happened: no reset was asked for
    core.write(PM + WDOG, PASSWORD | 6554)
    core.write(PM + RSTC, PASSWORD | STOPPED | FULL_RESET)
    core.wait(50000)
    core.write(PM + WDOG, PASSWORD | 6554)  # fed
    core.wait(80000)
    core.write(PM + RSTC, PASSWORD | STOPPED)  # stopped in time
    core.wait(50000)
    assert core.read(PM + WDOG) == 0
    core.machine.send(f"w 4 {PM + RSTC:x} {PASSWORD | STOPPED | FULL_RESET:x}\n")  # before a time is set: at once
    again = raspi5_monitor.Core(core.machine)
    assert again.read(PM + RSTS) == 0x20 and again.read(PM + RSTC) == STOPPED and again.read(PM + WDOG) == 0


def test_partition_63_halts_the_board_and_another_does_not(boot):
    core = raspi5_monitor.start(boot)
    core.write(PM + RSTS, PASSWORD | HALT & ~4)
    core.write(PM + WDOG, PASSWORD | 10)
    core.machine.send(f"w 4 {PM + RSTC:x} {PASSWORD | FULL_RESET:x}\n")
    core = raspi5_monitor.Core(core.machine)
    core.write(PM + RSTS, PASSWORD | HALT)
    core.write(PM + WDOG, PASSWORD | 10)
    core.machine.send(f"w 4 {PM + RSTC:x} {PASSWORD | FULL_RESET:x}\n")
    assert core.machine.ended() == 0


def rng_start(core):
    core.write(RNG + CTRL, core.read(RNG + CTRL) & ~0x1fff | 1)


def rng_reset(core, *parts):
    """Linux's order, of these parts."""
    core.write(RNG + CTRL, 0)
    core.write(RNG + INT_STATUS, 0xffffffff)
    for part in parts:
        core.write(RNG + part, 1)
    for part in reversed(parts):
        core.write(RNG + part, 0)
    rng_start(core)
    core.wait(1000)


def test_the_random_generator_makes_words_in_time_and_only_when_it_runs(boot):
    core = raspi5_monitor.start(boot)
    for size in (1, 2):
        assert core.aborts(RNG + FIFO, size)
    core.wait(1000)
    assert core.read(RNG + COUNT) & 0xff == 0 and core.read(RNG + INT_STATUS) == 0  # nobody enabled it
    assert core.read(RNG + FIFO) == 0
    rng_start(core)
    core.wait(1000)
    assert core.read(RNG + COUNT) & 0xff == 16 and core.read(RNG + INT_STATUS) & STARTED  # full: it waits
    core.write(RNG + CTRL, 0)
    words = [core.read(RNG + FIFO) for _ in range(16)]
    assert len(set(words)) == 16 and 0 not in words
    core.wait(1000)
    assert core.read(RNG + COUNT) & 0xff == 0 and core.read(RNG + FIFO) == 0  # more was read than there was
    rng_start(core)
    assert core.poll(RNG + COUNT, 0xff, 16, 2000) is not None
    core.write(RNG + RBG_RESET, 1)
    core.wait(1000)
    assert core.read(RNG + COUNT) & 0xff == 0  # enabled, but in reset
    core.write(RNG + RBG_RESET, 0)
    core.wait(1000)
    assert core.read(RNG + COUNT) & 0xff == 16


def test_a_failed_test_of_the_random_generator_takes_the_whole_reset(boot):
    core = raspi5_monitor.start(boot, extra=["-global", "iproc-rng200.fail-after=20"])
    rng_start(core)
    core.wait(1000)
    for _ in range(10):
        core.read(RNG + FIFO)
    core.wait(1000)
    assert core.read(RNG + INT_STATUS) & NIST_FAIL and core.read(RNG + COUNT) & 0xff == 0
    core.write(RNG + INT_STATUS, 0xffffffff)  # to clear the cause does not heal it
    core.wait(1000)
    assert core.read(RNG + COUNT) & 0xff == 0
    rng_reset(core, RNG_RESET)  # nor does half of the reset
    assert core.read(RNG + COUNT) & 0xff == 0
    rng_reset(core, RBG_RESET, RNG_RESET)
    assert core.read(RNG + COUNT) & 0xff == 16 and not core.read(RNG + INT_STATUS) & NIST_FAIL


def test_the_firmware_leaves_uart10_enabled(boot):
    core = raspi5_monitor.start(boot)
    assert core.read(UART10 + 0x30) == 0x301 and core.read(UART10 + 0x2c) == 0x70  # UARTCR, UARTLCR_H: 8N1, FIFOs


@pytest.mark.parametrize("at, answered", [(0x10000000, True), (0xd0000000, True), (0x50000000, False)],
                         ids=["the CPU's", "those plus 0xc0000000", "beyond the first GiB"])
def test_videocore_reaches_the_first_gib_by_addresses_that_are(boot, at, answered):
    core = raspi5_monitor.start(boot)
    message = at & 0x3fffffff if answered else at
    for offset, word in enumerate((32, 0, 0x00010005, 8, 0, 0, 0, 0)):  # how much RAM is the CPU's?
        core.write(message + 4 * offset, word)
    core.write(MBOX + 0x20, at | 8)  # to the property channel
    assert core.poll(MBOX + 0x18, 1 << 30, 0, 1000000) is not None  # not empty
    assert core.read(MBOX) == at | 8
    assert (core.read(message + 4) == 0x80000000) == answered
    assert (core.read(message + 24) != 0) == answered


def test_the_card_is_seen_on_its_pin_and_by_its_host(boot, card):
    for extra, absent in (([], 1), (["-drive", f"if=sd,format=raw,file={card}"], 0)):
        core = raspi5_monitor.start(boot, extra=extra)
        assert core.read(GIO + 0x04) >> 5 & 1 == absent
        assert core.read(GIO + 0x08) & 0x3c == 0x20  # RP1_RUN, SD_IOVDD_SEL and SD_PWR_ON are outputs, SD_CDET_N is none
        assert core.read(GIO + 0x04) & 0x1c == 0x14
        assert core.read(SDHOST + 0x24) >> 16 & 1 == 1 - absent  # present state
        assert core.read(SDHOST + 0xfe, 2) & 0xff == 2  # SD specification 3.00, by an access of 16 bits
        assert core.read(SDHOST + 0x41, 1) == 200  # MHz
        for size in (1, 2):
            assert core.aborts(SDCFG, size) and core.aborts(GIO + 4, size)
        core.write(SDCFG + 0x1ac, 0x80000000)
        assert core.read(SDCFG + 0x1ac) == 0x80000000
        core.machine.kill()


def test_the_property_channel_answers_what_it_knows_and_leaves_a_tag_that_it_does_not(boot):
    core = raspi5_monitor.start(boot, extra=["-append", "a=1"])
    message, unknown = 0x10000000, 0x0003fff0
    words = [0, 0, 0x10004, 8, 0, 0, 0, 0x50001, 4, 0, 0, unknown, 4, 0, 7, 0x10002, 4, 0, 0, 0]
    words[0] = 4 * len(words)
    for i, word in enumerate(words):
        core.write(message + 4 * i, word)
    assert core.read(MBOX + 0x18) >> 30 & 1 == 1  # nothing is there
    core.write(MBOX + 0x20, message | 8)
    assert core.read(MBOX + 0x18) >> 30 & 1 == 0 and core.read(MBOX) == message | 8
    answer = [core.read(message + 4 * i) for i in range(len(words))]
    assert answer[1] == 0x80000000
    assert answer[4:7] == [0x80000008, 5, 0x10000000]  # the serial number that the tree has too
    assert answer[9:11] == [0x80000003, int.from_bytes(b"a=1", "little")]
    assert answer[11:15] == [unknown, 4, 0, 7]
    assert answer[17:19] == [0x80000004, 0xc04170]


def test_mpidr_has_the_bit_that_makes_level_1_the_core(boot):
    core = raspi5_monitor.start(boot)
    assert core.ask("m") == 0x81000000


# ---- Cambium on it ----

def cambium(boot, *extra, append="quiet"):
    raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)
    machine = boot(board="raspi5b", dtb=tree_of("bcm2712-rpi-5-b"), icount=True, extra=["-append", append, *extra])
    machine.prompt()
    return machine


def bytes_of(machine, count):
    """What `random` prints, in one line, without what is logged meanwhile."""
    text = "".join(re.findall("^[0-9a-f]+$", machine.run(f"random {count}"), re.M))
    assert len(text) == 2 * count, text
    return text


def runs_for(machine, seconds):
    """So long in the machine's time, and it is not reset."""
    machine.run(f"sleep {seconds}")
    assert machine.text.count("Cambium 0") == 1


def test_random_bytes_come_from_rng200_also_from_the_next_incarnation(boot):
    machine = cambium(boot)
    assert re.search(r"rng@7d208000 +iproc_rng200 +running\n", machine.run("tree"))
    taken = {bytes_of(machine, 64) for _ in range(4)}
    machine.run("kill iproc_rng200")
    assert library.machine.wait_until(lambda: "restarted 1 time" in machine.run("tree /soc@107c000000/rng@7d208000"))
    taken |= {bytes_of(machine, 64) for _ in range(4)}
    assert len(taken) == 8
    assert not re.search(r"(warn|error): \[iproc_rng200\]", machine.run("log"))


def test_a_random_generator_that_fails_now_and_then_is_reset_and_one_that_is_dead_is_said(boot):
    machine = cambium(boot, "-global", "iproc-rng200.fail-after=40")
    assert len({bytes_of(machine, 64) for _ in range(8)}) == 8
    assert machine.run("log").count("rng@7d208000: its own test failed: restarted") >= 2
    machine.kill()
    machine = cambium(boot, "-global", "iproc-rng200.stuck=on")
    assert "E_TIMEOUT" in machine.run("random 8") or "timed out" in machine.run("random 8")
    assert machine.run("log").count("rng@7d208000: the device gives no bytes") == 1
    machine.kill()
    machine = cambium(boot, "-global", "iproc-rng200.fail-after=1")
    machine.run("random 8")
    assert "its bits fail the tests again and again: it is broken" in machine.run("log")
    assert machine.run("tree").count("running") > 4  # the rest


def test_the_mailbox_and_the_firmware_are_served_as_on_older_boards(boot):
    machine = cambium(boot)
    for _ in range(2):
        text = machine.run("firmware")
        for line in (r"firmware of +2025-12-08", r"revision +0xc04170 +\(revision 1.0, 4096 MiB\)", r"serial +1000000000000005",
                     r"CPU +0x00000000 +1020 MiB", r"VideoCore +0x3fc00000 +4 MiB"):
            assert re.search(line, text), text
        for server in ("bcm2835_mbox", "rpi_firmware"):
            machine.run(f"kill {server}")
        assert library.machine.wait_until(lambda: len(re.findall("bcm2835_mbox|rpi_firmware", machine.run("ps"))) == 2)


def test_a_watchdog_that_the_firmware_left_armed_is_stopped(boot):
    machine = cambium(boot, "-global", "bcm2712-pm.left-armed=2")
    assert re.search(r"watchdog@7d200000 +bcm2835_pm +running\n", machine.run("tree"))
    runs_for(machine, 5)


def test_a_watchdog_that_bootargs_arm_is_fed(boot):
    machine = cambium(boot, append="watchdog=2")
    assert "watchdog armed: 2 s" in machine.run("log")
    runs_for(machine, 8)
