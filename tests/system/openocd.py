# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's gdb stub made to look like OpenOCD's: no registers of the system, no physical memory but by the command mdw, in the
format of OpenOCD's manual ("General Commands", mdw). What tools/gdb does with a probe is tested by this; no board was there."""
import os
import select
import socket
import threading


class Server:
    """Between gdb, at .path, and a gdbstub.Stub, which nobody else may use meanwhile. commands: what gdb's `monitor` sent."""

    def __init__(self, folder, stub):
        self.path = os.path.join(str(folder), "openocd")
        self.stub = stub
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.commands = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        self.stub.connect()
        self.gdb, _ = self.listener.accept()
        waiting = b""
        while True:
            ready, _, _ = select.select([self.gdb, self.stub.socket], [], [])
            if self.stub.socket in ready:
                data = self.stub.socket.recv(65536)
                if not data:
                    return
                self.gdb.sendall(data)
            if self.gdb in ready:
                data = self.gdb.recv(65536)
                if not data:
                    return
                waiting = self._forward(waiting + data)

    def _forward(self, data):
        """What is not a whole packet yet."""
        while data:
            if data[:1] != b"$":
                self.stub.socket.sendall(data[:1])
                data = data[1:]
                continue
            end = data.find(b"#")
            if end < 0 or len(data) < end + 3:
                break
            packet, raw, data = data[1:end], data[:end + 3], data[end + 3:]
            answer = self._answer(packet)
            if answer is None:
                self.stub.socket.sendall(raw)
            else:
                self.gdb.sendall(b"+$" + answer + b"#%02x" % (sum(answer) & 0xff))
        return data

    def _answer(self, packet):
        """None: QEMU answers."""
        if packet.startswith((b"qSupported", b"QStartNoAckMode")):
            return b"PacketSize=1000" if packet.startswith(b"qS") else b""
        if b"emu.PhyMemMode" in packet or packet.startswith(b"qXfer"):
            return b""
        if packet.startswith(b"qRcmd,"):
            command = bytes.fromhex(packet[6:].decode()).decode()
            self.commands.append(command)
            return self._command(command).encode().hex().encode()
        return None

    def _command(self, command):
        name, kind, address, count = command.split()
        assert (name, kind) == ("mdw", "phys"), command
        address, lines = int(address, 0), []
        self.stub.ask("Qqemu.PhyMemMode:1")
        for at in range(address, address + int(count) * 4, 32):
            length = min(32, address + int(count) * 4 - at)
            data = bytes.fromhex(self.stub.ask(f"m{at:x},{length:x}"))
            words = [f"{int.from_bytes(data[i:i + 4], 'little'):08x} " for i in range(0, length, 4)]
            lines.append(f"0x{at:08x}: {''.join(words)}\n")
        self.stub.ask("Qqemu.PhyMemMode:0")
        return "".join(lines)
