# SPDX-License-Identifier: BSD-2-Clause
"""The monitor itself: accesses of every size, faults that it survives, time and interrupts of the machine raspi5b. What tests of
the model's parts (raspi5_*_test.py) stand on."""
import pytest
import raspi5_monitor

SYSTMR, SPI_SYSTMR1 = 0x107c003000, 65
RAM = 0x10000000


@pytest.fixture
def core(boot):
    return raspi5_monitor.start(boot)


def test_it_reads_writes_faults_waits_and_takes_interrupts(core):
    for size in (1, 2, 4, 8):
        core.write(RAM, 0, 8)
        core.write(RAM, 0xfedcba9876543210, size)
        assert core.read(RAM, 8) == 0xfedcba9876543210 & (1 << 8 * size) - 1
        assert core.read(RAM, size) == core.read(RAM, 8)
    # nothing is there, and one access later all is as before
    for size in (1, 2, 4, 8):
        assert core.aborts(0x1c00000000, size) and core.aborts(0x1c00000000, size, value=1)
        assert not core.aborts(RAM, size)
    with pytest.raises(raspi5_monitor.Abort) as what:
        core.read(RAM + 1, 4)
    assert what.value.esr & 0x3f == 0x21  # an alignment fault: memory is Device with the MMU off

    start = core.now()
    core.wait(1000)
    assert 1000 <= core.now() - start

    # the system timer's channel 1: a level line that stays until its status bit is cleared
    core.enable_spi(SPI_SYSTMR1, edge=False)
    assert core.taken() == []
    soon = 500000  # the core counts on while the host sends the next command
    core.write(SYSTMR + 0x10, core.read(SYSTMR + 0x04) + soon)
    assert core.poll(SYSTMR, 1 << 1, 1 << 1, 10 * soon) is not None
    assert core.taken() == [SPI_SYSTMR1] * 8
    core.write(SYSTMR, 1 << 1)
    assert core.taken() == []
