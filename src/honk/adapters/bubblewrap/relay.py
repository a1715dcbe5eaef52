"""Runs inside a sandbox: leads 127.0.0.1:PORT to the broker's socket, then becomes the command.

Started as `python -I -S relay.py PORT SOCKET COMMAND…` before anything else, so that the port is
open when the command begins. Only the standard library, little of it: every command waits for it.
"""

import os
import select
import socket
import sys

CHUNK = 1 << 16


class Side:
    """One of the two connected sockets of a conversation."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        #: read from the other side and not yet written to this one
        self.pending = b""
        #: nothing more comes from this side
        self.ended = False
        #: nothing more is written to this side
        self.closed = False
        self.mask = 0


class Relay:
    def __init__(self, listener: socket.socket, target: str) -> None:
        self.listener = listener
        self.target = target
        self.poll = select.epoll()
        self.poll.register(listener.fileno(), select.EPOLLIN)
        self.sides: dict[int, tuple[Side, Side]] = {}

    def serve(self) -> None:
        while True:
            for number, _ in self.poll.poll():
                if number == self.listener.fileno():
                    self.accept()
                elif number in self.sides:
                    self.move(*self.sides[number])

    def accept(self) -> None:
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.target)
        except OSError:
            client.close()
            server.close()
            return
        one, other = Side(client), Side(server)
        self.sides[client.fileno()] = (one, other)
        self.sides[server.fileno()] = (other, one)
        self.watch(one, other)
        self.watch(other, one)

    def move(self, one: Side, other: Side) -> None:
        try:
            self.copy(one, other)
            self.copy(other, one)
        except OSError:
            self.forget(one, other)
            return
        if one.closed and other.closed:
            self.forget(one, other)
            return
        self.watch(one, other)
        self.watch(other, one)

    def copy(self, source: Side, sink: Side) -> None:
        try:
            if not sink.pending and not source.ended:
                sink.pending = source.sock.recv(CHUNK)
                source.ended = not sink.pending
            if sink.pending:
                sink.pending = sink.pending[sink.sock.send(sink.pending) :]
        except BlockingIOError:
            pass
        if source.ended and not sink.pending and not sink.closed:
            sink.closed = True
            sink.sock.shutdown(socket.SHUT_WR)

    def watch(self, side: Side, other: Side) -> None:
        reads = select.EPOLLIN if not side.ended and not other.pending else 0
        mask = reads | (select.EPOLLOUT if side.pending else 0)
        if mask == side.mask:
            return
        # A socket without interest is taken out: epoll would report its hang-up for ever.
        if not side.mask:
            self.poll.register(side.sock.fileno(), mask)
        elif not mask:
            self.poll.unregister(side.sock.fileno())
        else:
            self.poll.modify(side.sock.fileno(), mask)
        side.mask = mask

    def forget(self, *sides: Side) -> None:
        for side in sides:
            del self.sides[side.sock.fileno()]
            side.sock.close()


def supervise(listener: socket.socket, target: str) -> None:
    """Starts the relay again whenever it was killed; clients lose their connections, not the way out."""
    killed = True
    while killed:
        relay = os.fork()
        if relay == 0:
            Relay(listener, target).serve()
        killed = os.WIFSIGNALED(os.waitpid(relay, 0)[1])


def main(port: int, target: str, command: list[str]) -> None:
    listener = socket.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    # Forked twice, so that the command does not find a child that it never had.
    child = os.fork()
    if child == 0:
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
        # The command's streams must end with the command.
        nothing = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        supervise(listener, target)
    os.waitpid(child, 0)
    listener.close()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
