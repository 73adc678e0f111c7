# SPDX-License-Identifier: BSD-2-Clause
"""What only init knows, for tools/gdb: nodes, servers and their states (servers/init/init.h, plan.h), read out of init's own
memory by its debug information. Runs inside gdb."""
import ctypes

from cam_kernel import Types, symbol_in
from cam_memory import Trouble

PATH_LEN = 512


class Init:
    def __init__(self, system, load):
        """load(process) loads the symbols of a process, if they are not, and gives (ELF file, base)."""
        self.system = system
        self.process = system.process("1")
        self.elf, base = load(self.process)
        self.space = self.process.space
        self.types = Types(symbol_in(self.elf.path, "main"))
        size = self.types["struct init"].sizeof
        found = [at for name, (at, length) in self.elf.symbols.items() if name.split(".")[0] == "init" and length == size]
        if len(found) != 1:
            raise Trouble(f"{self.elf.path} has no variable init of type struct init")
        self.value = self.space.value(base + found[0], self.types["struct init"])
        self._tree = None

    def array(self, first, count, kind):
        size = self.types[kind].sizeof
        return [self.space.value(int(first) + i * size, self.types[kind]) for i in range(int(count))]

    def servers(self):
        return self.array(self.value["servers"], self.value["server_count"], "struct server")

    def nodes(self):
        plan = self.value["plan"]
        return self.array(plan["nodes"], plan["node_count"], "struct plan_node")

    def image_name(self, pointer):
        """Of a struct image or struct plan_image."""
        return self.space.text(int(self.space.value(int(pointer), pointer.type.target())["name"])) if int(pointer) else "?"

    def tree(self):
        """The tree's blob, which libfdt may read."""
        if self._tree is None:
            self.fdt = ctypes.CDLL("libfdt.so.1")
            self._tree = self.space.read(int(self.value["fdt"]), int(self.value["tree_len"]))
            if self.fdt.fdt_check_full(self._tree, ctypes.c_size_t(len(self._tree))) != 0:
                raise Trouble("The device tree in init's memory is damaged")
        return self._tree

    def path(self, offset):
        out = ctypes.create_string_buffer(PATH_LEN)
        blob = self.tree()
        return out.value.decode(errors="replace") if self.fdt.fdt_get_path(blob, int(offset), out, PATH_LEN) == 0 else "?"

    def service(self, server):
        """The struct plan_service of a server; None: the shell."""
        return self.space.value(int(server["plan"]), self.types["struct plan_service"]) if int(server["plan"]) else None

    def server_name(self, server):
        """As in init's log: its node's path, or its service's name."""
        plan = self.service(server)
        if plan is not None and int(plan["node"]) >= 0:
            return self.path(self.nodes()[int(plan["node"])]["offset"])
        if plan is None:
            return self.image_name(server["image"])
        return self.space.value(int(plan["match"]), plan["match"].type.target().unqualified())["compatible"].string()

    def device_paths(self):
        """{address of a struct device: the path of the node whose registers it is}; nodes' own and incarnations'."""
        nodes, paths = self.nodes(), {}
        table = {h.handle: h.object for h in self.process.handles()}
        for server in self.servers():
            plan = self.service(server)
            if plan is None or int(plan["node"]) < 0:
                continue
            path = self.path(nodes[int(plan["node"])]["offset"])
            for member in ("node_device", "device"):
                for i in range(server[member].type.sizeof // server[member][0].type.sizeof):
                    handle = int(server[member][i])
                    if handle:
                        paths[table.get(handle)] = path
        return paths
