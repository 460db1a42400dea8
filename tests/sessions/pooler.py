"""A pooler in transaction mode in a hundred lines: each transaction of a client runs in another of few sessions.

Tests of real ones are in tests/pgbouncer; this one changes sessions as often as it can, and can lie about which one answers.
"""

import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from psycopg import pq
from psycopg.conninfo import make_conninfo

_SSL, _GSS = 80877103, 80877104


@dataclass
class Backend:
    """A session of the server."""

    connection: pq.PGconn
    socket: socket.socket
    last: int = 0  # the client that had it


@dataclass
class Pooler:
    """Listens on `port`. says_own: tells clients a process of its own, as pgbouncer does; else the one of the first session."""

    database: str
    says_own: bool
    sessions: int = 3
    port: int = 0
    backends: list[Backend] = field(default_factory=list)
    first: pq.PGconn | None = None
    free: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return make_conninfo(self.database, host="127.0.0.1", port=self.port)

    def serve(self, listener: socket.socket) -> None:
        """Takes clients until the listener is closed."""
        number = 0
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                number += 1
                threading.Thread(target=self._client, args=(client, number), daemon=True).start()

    def _client(self, client: socket.socket, number: int) -> None:
        with client, suppress(OSError, EOFError):
            while True:
                (length,) = struct.unpack("!i", _exactly(client, 4))
                (code,) = struct.unpack("!i", _exactly(client, length - 4)[:4])
                if code not in (_SSL, _GSS):
                    break
                client.sendall(b"N")
            assert self.first is not None
            first = self.first
            known = (
                "server_version",
                "server_encoding",
                "client_encoding",
                "DateStyle",
                "TimeZone",
                "integer_datetimes",
            )
            told = [(name.encode(), first.parameter_status(name.encode()) or b"") for name in known]
            process = 2**30 + number if self.says_own else first.backend_pid
            client.sendall(
                _message(b"R", struct.pack("!i", 0))
                + b"".join(_message(b"S", name + b"\0" + value + b"\0") for name, value in told)
                + _message(b"K", struct.pack("!iI", process, number))
                + _message(b"Z", b"I")
            )
            while True:
                kind, whole = _read(client)
                if kind == b"X":
                    return
                backend = self._taken(number)
                try:
                    _transaction(client, backend.socket, kind, whole)
                finally:
                    with self.free:
                        self.backends.append(backend)
                        self.free.notify()

    def _taken(self, number: int) -> Backend:
        """A free session, another than the client had last if there is one."""
        with self.free:
            while not self.backends:
                self.free.wait()
            backend = min(self.backends, key=lambda one: one.last == number)
            self.backends.remove(backend)
            backend.last = number
            return backend


def _transaction(client: socket.socket, server: socket.socket, kind: bytes, whole: bytes) -> None:
    """Passes messages both ways until the server is ready for the next transaction."""
    server.sendall(whole)
    waiting = int(kind in (b"Q", b"S", b"F"))
    while True:
        for ready in select.select([client, server], [], [])[0]:
            kind, whole = _read(ready)
            if ready is client:
                server.sendall(whole)
                waiting += kind in (b"Q", b"S", b"F")
                continue
            client.sendall(whole)
            waiting -= kind == b"Z"
            if kind == b"Z" and whole[5:] == b"I" and not waiting:
                return


def _read(source: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(source, 5)
    return head[:1], head + _exactly(source, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(source: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = source.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


@contextmanager
def pooling(database: str, says_own: bool, sessions: int = 3) -> Iterator[Pooler]:
    """A pooler before the database, which ends with the block."""
    pooler = Pooler(database, says_own, sessions)
    for _ in range(sessions):
        connection = pq.PGconn.connect(make_conninfo(database, sslmode="disable", gssencmode="disable").encode())
        assert connection.status == pq.ConnStatus.OK, connection.error_message
        pooler.backends.append(Backend(connection, socket.socket(fileno=os.dup(connection.socket))))
        pooler.backends[-1].socket.setblocking(True)
    sessions_made = list(pooler.backends)
    pooler.first = sessions_made[0].connection
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pooler.port = listener.getsockname()[1]
        threading.Thread(target=pooler.serve, args=(listener,), daemon=True).start()
        try:
            yield pooler
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for one in sessions_made:
                one.socket.close()
                one.connection.finish()
