# SPDX-License-Identifier: BSD-2-Clause
"""A client of QEMU's gdb stub, as small as the tests need: stop at an address, step, read and write. For machines with one
core in real time: under -icount this QEMU now and then misses a breakpoint, or never ends a step."""
import os

import boot as library

SP, PC = 0x1f, 0x20  # of aarch64-core.xml; sp is that of the current exception level


class Stub:
    """Pass `.options` as extra to boot(), then connect(), which stops the machine."""

    def __init__(self, folder):
        self.path = os.path.join(str(folder), "gdb")
        self.options = ["-chardev", f"socket,id=gdb,path={self.path},server=on,wait=off", "-gdb", "chardev:gdb"]
        self.socket = None

    def connect(self):
        self.socket = library.connected(self.path)
        self.ask("?")

    def close(self):
        if self.socket is not None:
            self.socket.close()

    def _byte(self):
        byte = self.socket.recv(1)
        if not byte:
            raise EOFError("QEMU closed the connection")
        return byte

    def _packet(self):
        while self._byte() != b"$":
            pass
        data = b""
        while (byte := self._byte()) != b"#":
            data += byte
        self._byte(), self._byte()  # the checksum: the socket loses nothing
        self.socket.sendall(b"+")
        return data.decode()

    def _send(self, command):
        self.socket.sendall(f"${command}#{sum(command.encode()) & 0xff:02x}".encode())

    def ask(self, command):
        self._send(command)
        return self._packet()

    def _ok(self, command):
        answer = self.ask(command)
        assert answer == "OK", f"{command}: {answer}"

    def _stopped(self):
        answer = self._packet()
        assert answer.startswith("T"), answer

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def set_register(self, number, value):
        self._ok(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def write_physical(self, address, value):
        """32 bits, little-endian; a device's registers too."""
        self._ok("Qqemu.PhyMemMode:1")
        self._ok(f"M{address:x},4:{value.to_bytes(4, 'little').hex()}")
        self._ok("Qqemu.PhyMemMode:0")

    def step(self):
        """One instruction, timers and interrupts stand still meanwhile; the pc after it."""
        self._send("vCont;s:1")
        self._stopped()
        return self.register(PC)

    def go(self):
        """Lets the machine run."""
        self._send("vCont;c")

    def interrupt(self):
        """Stops the running machine."""
        self.socket.sendall(b"\x03")
        self._stopped()

    def run_to(self, addresses, meanwhile=None):
        """Lets it run to one of these addresses, which is returned; it must not be at one. meanwhile(): once it runs."""
        assert self.register(PC) not in addresses
        for address in addresses:
            self._ok(f"Z1,{address:x},4")
        self.go()
        if meanwhile is not None:
            meanwhile()
        self._stopped()
        for address in addresses:
            self._ok(f"z1,{address:x},4")
        return self.register(PC)
