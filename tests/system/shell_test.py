# SPDX-License-Identifier: BSD-2-Clause
"""What a person does at the prompt: commands, statuses, Ctrl-C, editing."""
import re


def test_every_command_of_the_contract_is_listed(shell):
    text = shell.run("help")
    for name in ("help", "echo", "sleep", "tree", "ps", "irq", "mem", "log", "kill", "restart", "run", "time", "reboot",
                 "poweroff", "trace"):
        assert re.search(rf"^ *{name}\b", text, re.M), name
    assert shell.status() == 0


def test_tree_of_a_path_tells_what_the_node_is_and_refers_to(shell):
    lines = shell.run("tree /pl011@9000000").splitlines()
    assert re.fullmatch(r"pl011@9000000 +pl011 +running", lines[0])
    assert lines[1:] == ["  compatible arm,pl011, arm,primecell", "  reg 0: 0x9000000, 0x1000 bytes",
                         "  interrupts 0 -> /intc@8000000"]


def test_tree_ps_irq_and_mem_show_the_system(shell):
    assert re.search(r"pl011@\w+ .*pl011 +running", shell.run("tree"))
    assert shell.status() == 0
    assert re.search(r"\binit\b", shell.run("ps"))
    assert shell.status() == 0
    assert re.search(r"/pl011@\w+", shell.run("irq"))
    assert shell.status() == 0
    assert re.search(r"free +\d+ KiB", shell.run("mem"))
    assert shell.status() == 0


def test_the_trace_shows_the_way_of_a_key_press(shell):
    assert "nothing recorded" in shell.run("trace show")
    assert "nothing recorded" in shell.run("trace dump")
    assert shell.run("trace start") == ""
    shell.run("hello")
    assert shell.run("trace stop") == ""
    text = shell.run("trace show")
    assert shell.status() == 0
    for event in (r"gicv2/\d+ +gets interrupt", r"pl011/\d+ +is woken by events 0x1", r"pl011/\d+ +calls gicv2/\d+, op 1",
                  r"serial/\d+ +is woken by events", r"serial/\d+ +calls pl011/\d+, op \d+", r"serial/\d+ +answers shell/\d+",
                  r"hello/\d+ +begins", r"hello/\d+ +faults, cause \(exit\)", r"hello/\d+ +ends", r"- +idle"):
        assert re.search(event, text), event
    times = [int(line.split()[0]) for line in text.splitlines()[1:]]
    assert times == sorted(times) and all(len(line) < 80 for line in text.splitlines())
    assert shell.run("trace start; trace stop") == ""
    assert "hello" not in shell.run("trace show")  # a new trace
    for words in ("sideways", "", "start now"):
        shell.run("trace " + words)
        assert shell.status() == 2, words


def test_a_command_without_arguments_refuses_any(shell):
    for line in ("help me", "irq x", "mem x", "ps -a", "reboot now", "poweroff --help"):
        assert "usage: " in shell.run(line), line
        assert shell.status() == 2


def test_who_cannot_be_killed_or_restarted_is_named(shell):
    for line in ("kill nobody", "restart nobody", "kill job 99", "kill 99999", "kill /timer"):
        assert shell.run(line).startswith(line.split()[0] + ": " + line.split(" ", 1)[1] + ": no such server")
        assert shell.status() == 1
    for name in ("init", "1"):
        assert "not allowed" in shell.run("kill " + name)
        assert shell.status() == 1


def test_what_a_server_logs_is_set_at_run_time_and_for_its_later_incarnations(shell):
    line = "[pl011] /pl011@9000000: interrupt 0 attached again: E_OK"

    def attached_again():
        """How often pl011 said so in the log, after one more restart of its controller."""
        shell.run("kill gicv2; sleep 0.5")
        return shell.run("log").count(line)

    assert attached_again() == 0
    assert shell.run("log pl011 debug") == ""
    assert attached_again() == 1
    shell.run("kill pl011; sleep 0.5")
    assert attached_again() == 2
    assert line not in shell.run("log info")
    shell.run("log pl011 info")
    assert attached_again() == 2
    assert "no such server" in shell.run("log nobody debug")
    assert "has no level" in shell.run("log init debug")
    assert shell.status() == 1
    assert "usage: log" in shell.run("log pl011 loud")
    assert shell.status() == 2


def test_an_unknown_command_has_status_127(shell):
    assert "no such command or program" in shell.run("nonsense")
    assert shell.status() == 127


def test_arguments_and_exit_status_travel(shell):
    assert "argument 2: b c" in shell.run("hello a 'b c'")
    assert shell.status() == 2


def test_ctrl_c_ends_a_program_and_not_the_session(shell):
    shell.send("stream\r")
    shell.expect("lazy dog")
    shell.send("\x03")
    shell.prompt()
    assert shell.status() == 130
    assert shell.run("echo alive") == "alive\n"


def test_ctrl_c_ends_a_sleep(shell):
    shell.send("sleep 1000\r")
    shell.expect("\n")
    shell.send("\x03")
    shell.prompt(timeout=10)
    assert shell.status() == 130


def test_ctrl_c_ends_a_line_of_commands_that_do_not_wait_and_not_the_next(shell):
    shell.send("ps; " * 50 + "echo the end\r")
    shell.expect("cpu ms")
    shell.send("\x03")
    assert "the end\n" not in shell.prompt()
    assert shell.status() == 130
    shell.run("sleep 0.1")
    assert shell.status() == 0


def test_what_is_typed_behind_a_command_is_its_programs(shell):
    shell.send("cksum\rhello\r\x04")
    assert "3015617425 6\n" in shell.prompt()
    assert shell.status() == 0
    shell.send("cksum\rhello\x03")
    shell.prompt()
    assert shell.status() == 130


def test_ctrl_c_at_the_prompt_drops_the_line(shell):
    shell.send("echo not this\x03")
    shell.prompt()
    assert shell.run("echo this") == "this\n"


def test_commands_follow_each_other_and_words_are_quoted(shell):
    assert shell.run("echo 'a;  b' ; echo c") == "a;  b\nc\n"


def test_editing_history_and_completion(shell):
    assert shell.run("echo abd\x7fc") == "abc\n"
    assert shell.run("\x1b[A") == "abc\n"       # up: the last line again
    assert "Hello from Cambium." in shell.run("hell\t")
    assert "nothing recorded" in shell.run("trace d\t")


def test_a_program_runs_in_the_background(shell):
    assert re.search(r"\[\d+\] hello", shell.run("hello &"))
    assert shell.status() == 0


def test_time_tells_how_long(shell):
    assert re.search(r"0\.\d{6} s", shell.run("time sleep 0.2"))
