# SPDX-License-Identifier: BSD-2-Clause
"""tools/gdb: what it says of a machine is what the machine itself says; it stops in the kernel and in a named server wherever
they are; and what is wrong is a sentence."""
import os
import re
import shutil
import subprocess
import threading

import boot as library
import gdbstub
import openocd
import pytest

pytestmark = pytest.mark.skipif(not shutil.which("gdb-multiarch"), reason="gdb-multiarch is not installed")
TOOL = os.path.join(library.ROOT, "tools", "gdb")


def arguments(commands, options):
    words = [TOOL, "--no-install", "--build", library.BUILD, *options, "--", "-nx", "-batch"]
    return words + [word for command in commands for word in ("-ex", command)]


def gdb(*commands, options=(), timeout=60):
    """What tools/gdb says, errors included; never a traceback."""
    done = subprocess.run(arguments(commands, options), timeout=timeout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    assert "Traceback" not in done.stdout and "Python Exception" not in done.stdout, done.stdout
    return done.returncode, done.stdout


class Debugged:
    """A machine at its prompt, and tools/gdb on it."""

    def __init__(self, folder, start, **options):
        self.stub = gdbstub.Stub(folder)
        self.options = ["--remote", self.stub.path]
        self.monitor = library.Monitor(folder)
        options.setdefault("memory", "128M")
        if "initrd" not in options:
            options["initrd"] = library.archive(folder, library.few_servers(), "few.cpio")
        extra = options.pop("extra", [])
        self.machine = start(extra=[*self.stub.options, *self.monitor.options, *extra], **options)

    def gdb(self, *commands, options=()):
        return gdb(*commands, options=[*self.options, *options])[1]

    def gdb_while(self, commands, typed):
        """The same, and this is typed at the machine when gdb lets it run."""
        running = subprocess.Popen(arguments(commands, self.options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        watchdog = threading.Timer(60, running.kill)
        watchdog.start()
        try:
            said = ""
            for line in running.stdout:
                said += line
                if line == "go\n":
                    self.machine.send(typed)
            running.wait()
        finally:
            watchdog.cancel()
            running.kill()
        assert "Traceback" not in said and "Python Exception" not in said, said
        return said


GO = ["echo go\\n", "continue"]


@pytest.fixture
def debugged(boot, tmp_path):
    machine = Debugged(tmp_path, boot)
    machine.machine.prompt()
    return machine


def rows(text):
    """id, name, priority, pages, limit, threads, handles of the lines that `ps` prints."""
    return re.findall(r"^ *(\d+) (\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) ", text, re.M)


def at_the_prompt(listing):
    """What the shell's ps said, after it: mux/serial holds the answer to the shell's read as one handle more."""
    return [(*row[:6], str(int(row[6]) + 1)) if row[1] == "serial" else row for row in listing]


def test_what_it_lists_is_what_the_shell_lists(debugged):
    shell = rows(debugged.machine.run("ps"))
    text = debugged.gdb("cam ps", "echo ---", "cam threads", "echo ---", "cam tree", "echo ---", "cam ports", "echo ---", "cam devices")
    processes, threads, tree, ports, devices = text.split("---")
    assert len(shell) == 5
    assert rows(processes) == at_the_prompt(shell)
    assert re.search(r"shell .*  calls serial\n", processes) and re.search(r"pl011 .*  receives\n", processes)
    assert len(re.findall(r"^ +\d+ (?:init|gicv2|pl011|serial|shell) ", threads, re.M)) == 5

    def servers(listing):
        return sorted(re.findall(r"^ *(\S+) +(\w+) +running$", listing, re.M))
    assert servers(tree) == servers(debugged.machine.run("tree")) and len(servers(tree)) == 4
    port = next(part for part in ports.split("port 0x") if "served by pl011" in part)
    assert re.search(r"pl011 \(thread \d+\) receives", port) and "may be called by init, serial\n" in port
    assert "may be notified by init, gicv2, pl011\n" in port
    # derived from the root: the node's, kept by init; from that the driver's, which mapped it
    assert re.search(r"^every address that is not RAM.*\n(?:  .*\n)*  0x9000000\+0x1000  /pl011@9000000; held by init\n"
                     r"    0x9000000\+0x1000  /pl011@9000000; mapped by pl011; held by init, pl011\n", devices, re.M)


def test_handles_have_their_names_rights_and_objects(debugged):
    text = debugged.gdb("cam handles pl011", "cam handles 5")
    for pattern in (r"--R----- +0  port of pl011  \"port\"", r"c------- +2  port of init  \"init\"",
                    r"---rw--- +0  device, 0x9000000\+0x1000  \"device\"", r"c------- +\w+  port of gicv2  \"interrupts 0\"",
                    r"------m- +0  process \d+, shell  \"self\""):
        assert re.search(pattern, text), (pattern, text)
    assert len(re.findall(r"^ +[0-9a-f]{4} ", text, re.M)) == 9 + 7


def test_backtraces_of_threads_that_do_not_run_have_files_and_lines(debugged):
    text = debugged.gdb("cam bt pl011", "cam bt init", "cam bt shell full", "info inferiors")
    assert re.search(r"thread \d+ of pl011 \(\d+\) receives\n#0 (?:.*\n)*?#\d+ .* in main \(\) at \S*servers/drv/pl011/pl011\.c:\d+", text)
    assert re.search(r"#\d+ .*serve \(init=0x\w+ <init>\) at \S*servers/init/main\.c:\d+", text)
    assert re.search(r"read_line \(.*\) at \S*servers/app/shell/shell\.c:\d+", text)
    assert "history" in text or "keys" in text  # locals
    assert len(re.findall(r"^#\d+ ", text, re.M)) < 30
    assert len(re.findall(r"^[* ] \d+ +process", text, re.M)) == 1 and "core" not in text.split("Num")[1], text
    assert debugged.machine.run("echo alive") == "alive\n"


def test_it_stops_in_the_kernel_and_in_a_named_server_only(debugged):
    """frame_receive is in each server; the handler of interrupts of gicv2's runs at each key."""
    text = debugged.gdb_while(["cam break pl011 event_done", *GO, "bt", "info symbol $pc",
                               "cam ps", "delete", "break irq_deliver", "cam break serial event_wait", *GO, "bt 3", "delete"], "\r")
    assert re.search(r"Hardware assisted breakpoint 1 at 0x\w+: file \S*libsys/src/driver\.c", text)
    first, second = text.split("go\n")[1:]
    assert re.search(r"#\d+ .*main \(\) at \S*servers/drv/pl011/pl011\.c:\d+", first), text
    assert re.search(r"pl011 .*  runs\n", first)
    assert "pl011.elf" in first
    assert re.search(r"irq_deliver .*kernel/core/irq\.c|servers/mux/serial/serial\.c", second), text
    assert debugged.machine.run("echo alive") == "alive\n"


def test_of_two_processes_at_one_address_only_the_named_one_stops(boot, tmp_path):
    """Without a seed every process lies at the same address, and two run the same code there, in turn."""
    path = library.archive(tmp_path, {**library.few_servers(), "bin/nap": library.program("nap")})
    debugged = Debugged(tmp_path, boot, initrd=path, properties=["dtb-randomness=off"])
    debugged.machine.prompt()
    debugged.machine.run("nap &")
    debugged.machine.run("nap &")
    text = debugged.gdb("cam bt nap", "cam break 7 nap", *["continue", "cam ps"] * 4)
    assert "Several processes are called nap; say which by its id: 6 7" in text
    assert re.findall(r"^ +(\d) nap .*  runs$", text, re.M) == ["7"] * 4, text


def test_a_server_that_is_restarted_is_met_at_its_first_instruction(debugged):
    text = debugged.gdb_while(["echo go\\n", "cam wait pl011", "cam break pl011 main", "continue", "bt", "cam ps"], "restart pl011\r")
    assert re.search(r"pl011 \(6\) begins\.", text)
    assert re.search(r"#0 +main \(\) at \S*servers/drv/pl011/pl011\.c:\d+", text)
    assert re.search(r"^ +6 pl011 .*  runs\n", text, re.M)


def test_from_the_first_instruction_to_the_random_place(boot, tmp_path):
    """Step by step with --early; else at once."""
    for name in "early", "boot":
        (tmp_path / name).mkdir()
    early = Debugged(tmp_path / "early", boot, extra=["-S"])
    text = early.gdb("cam ps", "hbreak early_map", "continue", "bt 1", "cam boot", "bt 1", "tbreak start_init", "continue", "cam tree",
                     options=["--early"])
    assert "has not begun yet" in text and "`cam boot` runs it" in text
    assert re.search(r"#0 +early_map \(.*\) at \S*kernel/arch/aarch64/early\.c:\d+", text), text
    assert re.search(r"The kernel is at 0xffffff\w{10}, before its first line there", text), text
    assert re.search(r"#0 +boot_main \(.*\) at \S*kernel/boot/main\.c:\d+", text)
    assert re.search(r"start_init \(.*\) at \S*kernel/boot/start\.c:\d+", text)
    assert "There is no process 1; running: " in text  # cam tree, while nobody is there
    early.machine.prompt()
    assert rows(early.gdb("cam ps")) == at_the_prompt(rows(early.machine.run("ps")))
    late = Debugged(tmp_path / "boot", boot, extra=["-S"])
    text = late.gdb("cam wait gicv2", "cam break gicv2 main", "continue", "bt")
    assert re.search(r"#0 +main \(\) at \S*servers/drv/gicv2/gicv2\.c:\d+", text), text


def test_after_a_reboot_the_kernel_is_found_anew(debugged):
    """It stops where the next kernel has built its first page tables, one to one."""
    at = 0x40200000 + library.kernel_symbols()["mmu_on"]
    text = debugged.gdb_while(["cam ps", f"hbreak *{at:#x}", *GO, "delete", "cam ps", "cam boot", "bt 1", "cam boot"], "reboot\r")
    first, second = text.split("go\n")
    assert len(rows(first)) == 5 and len(rows(second)) == 0
    assert "The kernel has not begun yet: `cam boot`" in second, text
    assert re.search(r"#0 +boot_main \(.*kernel/boot/main\.c:\d+", second), text
    assert "The kernel has begun already" in second
    assert len(re.findall(r"The kernel is at (0x\w+)", text)) == 2  # mostly the same: QEMU keeps kaslr-seed
    debugged.machine.expect("Type help")
    debugged.machine.prompt()
    assert len(rows(debugged.gdb("cam ps"))) == 5


def test_after_a_panic_and_from_a_dump_of_it(debugged, tmp_path):
    text = debugged.gdb_while(["cam break init names_serve", *GO, "delete", "set $pc = 0", "break stop_at_fault", "continue", "bt", "cam ps"],
                              "tree\r")
    assert re.search(r"#0 +stop_at_fault \(.*\n#1 .*thread_fault .*kernel/core/thread\.c:\d+", text), text
    debugged.machine.expect("PANIC: init: execute 0x0")
    live = debugged.gdb("cam ps", "cam tree", "cam devices", "cam bt shell", "bt")
    assert re.search(r"init .*  stopped in a fault\n", live) and re.search(r"shell .*  calls init\n", live)
    assert re.search(r"stop_at_fault .*\n", live)
    dump = str(tmp_path / "memory.dump")
    debugged.monitor.ask("info status")
    assert debugged.monitor.command("dump-guest-memory", {"paging": False, "protocol": f"file:{dump}"}) == {}
    status, dead = gdb("cam ps", "cam tree", "cam devices", "cam bt shell", "bt", "cam break pl011 main", "cam handles pl011",
                       options=["--dump", dump])
    assert status == 0
    for listing in live, dead:
        assert len(rows(listing)) == 5 and re.search(r"pl011 +running", listing) and "mapped by pl011" in listing
        assert re.search(r"tree_command .*servers/app/shell/tree_command\.c:\d+", listing), listing
    assert rows(live) == rows(dead)
    assert re.search(r"#\d .*thread_fault .*kernel/core/thread\.c:\d+", dead), dead
    assert "A dump does not run" in dead and '"interrupts 0"' in dead
    os.chmod(dump, 0o600)
    with open(dump, "r+b") as file:
        file.truncate(os.path.getsize(dump) // 2)
    status, text = gdb("cam ps", options=["--dump", dump])
    assert status == 1 and "is cut short" in text


def test_a_process_that_has_ended_is_said_to_have(debugged):
    """It stops where the kernel takes a process's space apart: threads and handles are gone."""
    text = debugged.gdb_while(["break mmu_flush_space", *GO, "cam ps", "cam bt hello", "cam handles hello", "cam break hello main",
                               "cam core hello /nowhere/file", "delete"], "hello\r")
    assert re.search(r"^ +\d+ hello .*  ended\n", text, re.M), text
    assert len(re.findall(r"hello \(\d+\) has ended: nothing of it is left but its name", text)) == 3


def test_names_that_are_none_and_other_mistakes_are_sentences(debugged, tmp_path):
    text = debugged.gdb("cam bt nobody", "cam handles 77", "cam break pl011 nothing", "cam symbols init",
                        "cam break pl011 names_serve", "cam break pl011",
                        "cam tree all all", "cam boot", "cam core pl011 /nowhere/file", "cam break 3 pl011.c:99999", "detach", "cam ps")
    for sentence in ("There is no process nobody; running: 1 init, 2 gicv2, 3 pl011, 4 serial, 5 shell",
                     "There is no process 77", "pl011 has no nothing (", "pl011 has no names_serve; other loaded files have",
                     "Usage: cam break PID|NAME FUNCTION|FILE:LINE", "Usage: cam tree [all]", "The kernel has begun already",
                     "/nowhere/file: No such file", "The machine is gone: start tools/gdb again"):
        assert sentence in text, (sentence, text)
    other = tmp_path / "other"
    (other / "kernel").mkdir(parents=True)
    code = bytearray((open(os.path.join(library.BUILD, "kernel", "kernel.elf"), "rb")).read())
    at = library.kernel_symbols()["schedule"]
    code[0x10000 + at] ^= 0xff  # segments begin at their addresses, 64 KiB into the file or less
    code[0x1000 + at] ^= 0xff
    (other / "kernel" / "kernel.elf").write_bytes(code)
    status, text = gdb(options=[*debugged.options, "--build", str(other)])
    assert status == 1 and "but it is not" in text and "--build DIR" in text


def test_a_program_of_another_build_is_told_apart(boot, tmp_path):
    """A file of the right name whose code is other, none at all, and the one that --elf names."""
    hello = library.entries()["bin/hello"]
    path = library.archive(tmp_path, {**library.few_servers(), "bin/mine": library.program("spin"), "bin/cat": hello})
    debugged = Debugged(tmp_path, boot, initrd=path)
    debugged.machine.prompt()
    debugged.machine.run("mine &")
    text = debugged.gdb("cam bt mine")
    assert re.search(r"No ELF file is what mine \(\d+\) runs: no file mine.elf in the build directory", text) and "--elf FILE" in text
    mine = shutil.copy(os.path.join(library.PROGRAMS, "spin.elf"), tmp_path / "mine.elf")
    status, text = gdb("cam bt mine", options=[*debugged.options, "--elf", str(mine)])
    assert status == 0 and re.search(r"main \(.*programs/spin\.c:\d+", text), text
    shutil.copy(os.path.join(library.BUILD, "servers", "cat.elf"), mine)
    status, text = gdb("cam bt mine", options=[*debugged.options, "--elf", str(mine)])
    assert re.search(r"No ELF file is what mine \(\d+\) runs; other code is in", text)


def test_a_probe_that_reads_words_is_enough(debugged, tmp_path):
    """No system registers, no physical mode: as OpenOCD. The kernel is found where a loader's Image is said to be."""
    server = openocd.Server(tmp_path, debugged.stub)
    status, text = gdb("cam ps", "cam handles pl011", "cam bt serial", "cam break pl011 main",
                       options=["--remote", server.path, "--image-at", "0x40200000"], timeout=120)
    assert status == 0 and len(rows(text)) == 5, text
    assert '"interrupts 0"' in text and re.search(r"main \(\) at \S*servers/mux/serial/serial\.c:\d+", text)
    assert "does not tell whose address space" in text
    assert all(command.startswith("mdw phys 0x") for command in server.commands) and len(server.commands) > 20


def test_options_that_make_no_sense_are_refused_with_the_reason(tmp_path):
    for options, reason in ((["--dump", "missing"], "missing: no such file"), (["--elf", "missing"], "missing: no such file"),
                            (["--dump", __file__, "--early"], "--dump is no machine"), (["--image-at", "here"], "not an address"),
                            (["--build", str(tmp_path)], "no kernel/kernel.elf there")):
        status, text = gdb(options=options)
        assert status == 2 and reason in text, text
    status, text = gdb(options=["--dump", __file__])
    assert status == 1 and "is not an ELF core of an AArch64 machine" in text
    status, text = gdb(options=["--remote", str(tmp_path / "nobody")])
    assert status == 1 and "Is a machine there?" in text
