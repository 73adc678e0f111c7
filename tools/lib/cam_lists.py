# SPDX-License-Identifier: BSD-2-Clause
"""The commands of tools/gdb that list what there is: processes, threads, handles, ports, devices, nodes. Runs inside gdb."""
import gdb

from cam_init import Init
from cam_kernel import Types, amount, rights_text, symbol_in, windows_text
from cam_session import CamCommand, load, say, say_wrapped, system


class Ps(CamCommand):
    """Lists the processes and what their threads do.
    Columns are those of the shell's ps.
    Usage: cam ps"""

    def run(self):
        processes = system().processes()
        say(f"{'id':>5} {'name':16} {'prio':>4} {'pages':>7} {'limit':>7} {'threads':>7} {'handles':>7}  what it does")
        for process in processes:
            v, threads = process.value, process.threads()
            priority = max([int(t.value["own"]) - 1 for t in threads], default=0)
            does = "ended" if process.is_dead else ", ".join(sorted({t.does() for t in threads}))
            say(f"{process.id:5} {process.name:16} {priority:4} {int(v['pages_used']):7} {int(v['pages_limit']):7} "
                f"{int(v['thread_count']):7} {int(v['handle_count']):7}  {does}")


class Threads(CamCommand):
    """Lists the threads: priority, place, what they do.
    The priority includes what callers lend; the place is that in user space.
    Usage: cam threads"""

    def run(self):
        threads = system().threads()
        say(f"{'id':>5} {'process':16} {'prio':>4} {'pc':>14}  what it does")
        for thread in threads:
            say(f"{thread.id:5} {thread.process.name:16} {int(thread.value['level']) - 1:4} {thread.registers()[32]:#14x}  {thread.does()}")


class Handles(CamCommand):
    """Lists a process's handles.
    Rights (c call, n notify, R receive, r read, w write, x exec, m manage, t transfer), badge, object, and
    the name under which it was given at the start.
    Usage: cam handles PID|NAME"""
    least = most = 1

    def run(self, who):
        now = system()
        process = now.process(who)
        names = start_names(now, process)
        say(f"{'handle':>8} {'rights':8} {'badge':>6}  what")
        for handle in process.handles():
            if handle.rights == 0:
                caller = now.thread_at(handle.object)
                what = "answer to " + (f"thread {caller.id} of {caller.process.name}" if caller else "nobody: its caller is gone")
            else:
                kind = now.kind(handle)
                base = handle.object - (now.types.offset("struct thread", "object") if kind == "THREAD" else 0)
                what = now.describe(base, kind)
            name = f'  "{names[handle.handle]}"' if handle.handle in names else ""
            say(f"{handle.handle:8x} {rights_text(handle.rights)} {handle.badge:6x}  {what}{name}")


def start_names(now, process):
    """{handle: name} of the process's start page; of one that has none, nothing."""
    if process.is_dead or process.places()[1] is None:
        return {}
    kind = Types(symbol_in(now.machine.elf.path, "start_init"))["struct start_info"]
    info = process.space.value(process.places()[1], kind)
    return {int(info["handles"][i]["handle"]): info["handles"][i]["name"].string() for i in range(int(info["handle_count"]))}


class Ports(CamCommand):
    """Lists the ports: who serves each, what waits there.
    And who may call and notify it.
    Usage: cam ports"""

    def run(self):
        now = system()
        ports = {}
        for process in now.processes():
            for handle in process.handles():
                if handle.rights and now.kind(handle) == "PORT":
                    ports.setdefault(handle.object, []).append((process, handle))
        for address, holders in sorted(ports.items()):
            port = now.value(address, "struct port")
            say(f"port {address:#x}, served by {', '.join(now.receivers(address)) or 'nobody'}")
            say_wrapped(f"    {self.waiting(now, port)}")
            for letter, word in (("c", "called"), ("n", "notified")):
                names = names_of(holders, letter)
                if names:
                    say_wrapped(f"    may be {word} by {names}")

    @staticmethod
    def waiting(now, port):
        parts = []
        for first, word in ((port["receiver"], "receives"), (port["callers"]["head"], "calls, queued")):
            at, count = int(first), 0
            while at and count < 1000:
                thread = now.thread_at(at)
                parts.append(f"{thread.process.name} (thread {thread.id}) {word}" if thread else f"broken link to {at:#x}")
                at, count = int(thread.value["next"]) if thread else 0, count + 1
        if port["events"]:
            parts.append(f"event bits {int(port['events']):#x}")
        return "; ".join(parts) or "nobody waits"


def names_of(holders, letter):
    """Of the processes whose handles have this right, each once."""
    return ", ".join(dict.fromkeys(p.name for p, h in holders if letter in rights_text(h.rights)))


class Devices(CamCommand):
    """Draws the devices as they are derived from each other.
    With their windows, the node, who mapped them and who has a handle.
    Usage: cam devices"""

    def run(self):
        now = system()
        paths = Init(now, load).device_paths()
        holders, roots = {}, []
        for process in now.processes():
            for handle in process.handles():
                if handle.rights and now.kind(handle) == "DEVICE":
                    holders.setdefault(handle.object, []).append(process.name)
        for address in holders:
            while int(now.value(address, "struct device")["parent"]):
                address = int(now.value(address, "struct device")["parent"])
            roots += [] if address in roots else [address]
        for root in sorted(roots, key=lambda at: -int(now.value(at, "struct device")["flags"])):
            self.show(now, root, 0, holders, paths)

    def show(self, now, address, depth, holders, paths):
        device = now.value(address, "struct device")
        flags = [name.replace("DERIVE_", "").lower() for value, name in now.types.enumerators("DERIVE_CHOSEN").items()
                 if int(device["flags"]) & value]
        notes = [f"({', '.join(flags)})"] if flags else []
        notes += [paths[address]] if address in paths else []
        notes += ["revoked"] if device["object"]["dead"] else []
        windows = [device["window"][i] for i in range(int(device["count"]))]
        users = dict.fromkeys(now.value(int(w["process"]), "struct process")["name"].string() for w in windows if w["pages"])
        notes += ["mapped by " + ", ".join(users)] if users else []
        notes += ["held by " + ", ".join(dict.fromkeys(holders[address]))] if address in holders else []
        say_wrapped(f"{'  ' * depth}{windows_text(device)}  {'; '.join(notes)}")
        for child in now.links(device["children"], "struct device", "sibling"):
            self.show(now, child, depth + 1, holders, paths)


class Tree(CamCommand):
    """Draws the device tree as init sees it.
    Which server drives a node, what waits for what, as the shell's tree does.
    Usage: cam tree [all]"""
    most = 1

    def run(self, *words):
        if words and words[0] != "all":
            raise gdb.GdbError("Usage: cam tree [all]")
        init = Init(system(), load)
        nodes, servers = init.nodes(), init.servers()
        states, services = init.types.enumerators("enum node_state"), init.types.enumerators("enum service_state")
        notable = ("NODE_SERVED", "NODE_WAITING", "NODE_REFUSED", "NODE_COVERED")
        printed, hidden = set(), 0
        for index, node in enumerate(nodes):
            state = states.get(int(node["state"]), "?")
            if bool(node["is_meta"]) or state not in notable and not words:
                hidden += state == "NODE_UNCLAIMED"
                continue
            self.above(init, nodes, int(node["parent"]), printed)
            path = init.path(node["offset"])
            depth, printed = path.count("/") if path != "/" else 0, printed | {index}
            name = path.rpartition("/")[2] or "/"
            say(f"{'  ' * depth}{name:{max(40 - 2 * depth, 1)}} {self.state(init, nodes, servers, node, state, services)}".rstrip())
        rest = [s for s in servers if init.service(s) is None or int(init.service(s)["node"]) < 0]
        if rest:
            say("without a node")
        for server in rest:
            say(f"  {init.server_name(server) if init.service(server) is None else init.image_name(server['image']):38} "
                f"{self.server(init, server, services)}")
        if hidden:
            say(f"{amount(hidden, 'more node')} without a server: cam tree all")

    def above(self, init, nodes, index, printed):
        if index >= 0 and index not in printed:
            self.above(init, nodes, int(nodes[index]["parent"]), printed)
            path = init.path(nodes[index]["offset"])
            say("  " * (path.count("/") if path != "/" else 0) + (path.rpartition("/")[2] or "/"))
            printed.add(index)

    @staticmethod
    def server(init, server, services):
        state = services.get(int(server["state"]), "?").replace("SERVICE_", "").lower()
        restarts = int(server["restarts"])
        return f"{init.image_name(server['image']).rpartition('/')[2]:18} {state}" + (
            f", restarted {amount(restarts, 'time')}" if restarts else "")

    def state(self, init, nodes, servers, node, state, services):
        other = init.path(nodes[int(node["other"])]["offset"]) if int(node["other"]) >= 0 else "what the tree does not have"
        if state == "NODE_SERVED":
            return self.server(init, servers[int(node["service"])], services)
        return {"NODE_WAITING": f"waits for {other}", "NODE_COVERED": f"covered by {other}", "NODE_NONE": "",
                "NODE_REFUSED": f"refused (error {int(node['error'])})", "NODE_UNCLAIMED": "no server"}.get(
                    state, state.replace("NODE_", "").lower())
