# SPDX-License-Identifier: BSD-2-Clause
"""tools/trace: who ran, called, answered, notified and was interrupted, as JSON for Perfetto, a drawing, and in words.
trace_log.py reads, trace_model.py concludes, trace_json.py and trace_svg.py write."""
import argparse
import os
import sys
import tempfile
import textwrap

import build
import firmware
import helptext
import machine
import run
import trace_json
import trace_log
import trace_model
import trace_svg
import trees

DESCRIPTION = """\
Reads what `trace dump` printed at Cambium's prompt out of FILE, a captured console in which anything else may stand too (-:
standard input); or, with --exec, boots Cambium, traces these commands from the first key typed, and reads that. Prints
what each thread did and the way of each interrupt. -o writes JSON for https://ui.perfetto.dev, --svg a drawing.
"""
EPILOG = """\
At the prompt: trace start; ...; trace stop; trace dump. `trace show` is for people without this tool. Whether the commands of
--exec succeed is not asked, as that would be in the trace; what they print is shown.

status: 0 there is a trace (what is missing of it is said), 1 there is none, or something failed, 2 wrong options
"""


def options(argv):
    parser = argparse.ArgumentParser(prog="tools/trace", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("file", nargs="?", metavar="FILE", help="the captured console")
    parser.add_argument("-o", "--json", metavar="FILE", help="write JSON in the Trace Event Format")
    parser.add_argument("--svg", metavar="FILE", help="write a drawing")
    parser.add_argument("--dump", type=int, metavar="N", help="take the N-th dump in the log (default: the last whole one)")
    parser.add_argument("--from", type=float, metavar="US", dest="begin", help="draw from this time on, in microseconds")
    parser.add_argument("--to", type=float, metavar="US", dest="end", help="draw up to this time")
    parser.add_argument("--interrupt", type=int, metavar="N", help="draw the N-th interrupt and its way, with some time around it")
    parser.add_argument("--scale", type=float, default=3, metavar="PX", help="draw a microsecond so wide (default: 3)")
    parser.add_argument("--exec", metavar="'CMD; CMD'", dest="commands", help="boot, trace these commands, power off")
    parser.add_argument("--log", metavar="FILE", help="with --exec: write all that the console showed")
    parser.add_argument("--machine", choices=list(machine.MACHINES), default="virt", help="with --exec: the board (default: virt)")
    parser.add_argument("--gic", type=int, choices=[2, 3], help="with --exec: version of virt's interrupt controller (default: 2)")
    parser.add_argument("--dtb", metavar="FILE", help="with --exec: boot with this device tree")
    parser.add_argument("--timeout", type=float, default=120, metavar="S", help="with --exec: give up after S seconds (default: 120)")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    args = parser.parse_args(argv)
    if (args.file is None) == (args.commands is None):
        parser.error("give a FILE with what `trace dump` printed, or --exec with commands to trace")
    if args.commands is None and (args.log or args.gic or args.dtb or args.machine != "virt"):
        parser.error("--log, --machine, --gic and --dtb belong to --exec")
    if args.interrupt is not None and (args.begin is not None or args.end is not None):
        parser.error("--interrupt chooses --from and --to itself")
    if not 0.01 <= args.scale <= 1000:
        parser.error("--scale: from 0.01 to 1000")
    if not args.timeout > 0:
        parser.error("--timeout: must be more than 0 seconds")
    if args.commands is not None:
        reason = machine_options(args)
        if reason:
            parser.error(reason)
    return args


def machine_options(args):
    """Finds the board's tree and splits the commands; what does not go together, or None."""
    reason = machine.refusal(args.machine, args.gic)
    if reason is None and args.dtb:
        reason = f"{args.dtb}: no such file" if not os.path.isfile(args.dtb) else run.no_tree(args.dtb) and f"{args.dtb}: {run.no_tree(args.dtb)}"
    if reason is None and args.machine in machine.BOARDS:
        names = machine.BOARDS[args.machine]["trees"]
        args.dtb = args.dtb or trees.find(names) or (None if args.no_install else firmware.bring(names, build.say))
        reason = trees.missing(names) if args.dtb is None else run.no_board_tree(args.dtb)
        reason = reason and f"--machine {args.machine}: {reason}"
    try:
        args.commands = run.split_commands(args.commands)
    except ValueError as what:
        reason = reason or f"--exec: {what}"
    return reason


# ---- where the trace comes from ----

def traced(args):
    """Boots, traces the commands, shows what they print; the whole console."""
    build.everything(install=not args.no_install, tests=False)
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        dtb = run.packed_tree(args.dtb, folder) if args.dtb else None
        cores = machine.BOARDS.get(args.machine, {"smp": 1})["smp"]
        command = machine.command(board=args.machine, gic=args.gic or 2, smp=cores, dtb=dtb)
        with machine.Machine(command, timeout=args.timeout) as m:
            m.prompt()
            m.run("trace start")
            for line in args.commands:
                print(machine.PROMPT + line)
                print(m.run(line), end="", flush=True)
            m.run("trace stop")
            m.run("trace dump")
            m.send("poweroff\r")
            m.ended()
            return m.text


def captured(path):
    if path == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


# ---- what comes of it ----

def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def window(args, model):
    """(begin, end) of the drawing, as the model's times."""
    if args.interrupt is not None:
        if not 1 <= args.interrupt <= len(model.chains):
            raise trace_log.Unusable(f"no interrupt {args.interrupt}: the trace has {len(model.chains)}")
        chain = model.chains[args.interrupt - 1]
        last = max([hop.end for hop in chain.hops] + [chain.begin])
        return max(model.begin, chain.begin - 20000), min(model.end, last + 40000)
    begin = model.begin if args.begin is None else max(model.begin, model.begin + int(args.begin * 1000))
    end = model.end if args.end is None else min(model.end, model.begin + int(args.end * 1000))
    if begin >= end:
        raise trace_log.Unusable(f"nothing between --from and --to: the trace has 0 to {(model.end - model.begin) / 1000:.1f} us")
    return begin, end


def summary(model):
    """For a terminal of 80 columns."""
    lost = model.dump.lost()
    yield (f"{len(model.dump.records)} records in {trace_svg.span(model.end - model.begin)}, {lost or 'none'} lost; "
           f"{len(model.arrows)} arrows, "
           f"{len(model.chains)} interrupt{'' if len(model.chains) == 1 else 's'}")
    yield f"{'process/thread':22} {'runs us':>10} {'ready us':>10} {'waits us':>10} {'slices':>7} {'calls':>6} {'told':>6}"
    for _, _, threads in model.processes():
        for thread in threads:
            time = {kind: sum(s.end - s.begin for s in thread.states if s.kind == kind) for kind in ("runs", "ready", "waits")}
            sent = sum(1 for arrow in model.arrows if arrow.kind in ("call", "fault") and arrow.source is thread)
            told = sum(1 for arrow in model.arrows if arrow.kind in ("notify", "interrupt", "timer") and arrow.target is thread)
            slices = sum(1 for s in thread.states if s.kind == "runs")
            yield (f"{thread.label:22} {time['runs'] / 1000:10.1f} {time['ready'] / 1000:10.1f} {time['waits'] / 1000:10.1f} {slices:7} "
                   f"{sent:6} {told:6}")
            for moment in thread.moments:
                if moment.kind == "fault":
                    yield f"  {moment.text}, at {(moment.time - model.begin) / 1000:.1f} us"
    for chain in model.chains:
        if chain.hops:
            yield from textwrap.wrap(f"{chain.title} at {trace_svg.us(chain.begin - model.begin)} µs: {trace_svg.way(chain)}", 80,
                                     subsequent_indent="    ", break_on_hyphens=False)


def convert(args):
    text = traced(args) if args.commands is not None else captured(args.file)
    if args.log:
        write(args.log, text)
    model = trace_model.Model(trace_log.read(text, args.dump))
    begin, end = window(args, model)
    if args.json:
        write(args.json, trace_json.text(model))
    if args.svg:
        title = "trace of " + ("; ".join(args.commands) if args.commands is not None else os.path.basename(args.file))
        write(args.svg, trace_svg.draw(model, title, begin, end, args.scale))
    print("\n".join(summary(model)))
    for problem in model.dump.problems:
        print("\n".join(textwrap.wrap(f"tools/trace: {problem}", 80, subsequent_indent="    ", break_on_hyphens=False)), file=sys.stderr)


def main(argv):
    args = options(argv)
    try:
        convert(args)
    except trace_log.Unusable as what:
        sys.exit(f"tools/trace: {args.file if args.file else '--exec'}: {what}")
    except BrokenPipeError:
        raise
    except OSError as what:
        sys.exit(f"tools/trace: {what.filename}: {what.strerror}")
    except machine.Stopped as what:
        sys.exit(f"tools/trace: {machine.clean(str(what))}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # into head, for example
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(1)
