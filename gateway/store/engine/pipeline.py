"""PostgreSQL in one round trip: statements prepared once a connection, and sent on with the next that wants an answer.

The driver scans a statement's text at each execution and asks the server twice. On the hot path this connection speaks
the extended query protocol (PostgreSQL manual, "Message Flow") by itself: a statement is parsed once, then Bind and
Execute are enough, and one Sync ends as many of them as have gathered.

An error makes the server skip everything up to the Sync, so it says which statement failed: the first that was not
completed. When that one was posted by a unit before the one that runs now, nobody can be told yet; the group is given
up, and each of its units is run alone.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pg8000.converters import make_param
from pg8000.core import IN_FAILED_TRANSACTION, Context
from pg8000.dbapi import Connection as DriverConnection
from pg8000.dbapi import convert_paramstyle
from pg8000.exceptions import InterfaceError

from gateway.store.engine.failures import STALE_STATEMENT_STATES

# What has gathered is sent at the latest when it is this large.
POSTED_BYTES_MAX = 262_144

_ROW, _COMPLETE, _ERROR, _READY = b"D", b"C", b"E", b"Z"
_SYNC = b"S" + struct.pack("!i", 4)
# Execute: the unnamed portal, all rows.
_EXECUTE = b"E" + struct.pack("!i", 9) + b"\0" + struct.pack("!i", 0)
_DESCRIBE_PORTAL = b"D" + struct.pack("!i", 6) + b"P\0"
_TEXT, _BINARY = b"\0\0", b"\0\1"
_NULL = struct.pack("!i", -1)
_head = struct.Struct("!ci")
_count = struct.Struct("!H")
_length = struct.Struct("!i")


class _Statement(NamedTuple):
    """A prepared statement: its name, ended by NUL as the protocol has it, and what reads its columns."""

    name: bytes
    columns: list[dict[str, Any]] | None
    readers: list[Any]


@dataclass(slots=True)
class _Posted:
    """What waits to be sent; `border` is where the unit that runs now began."""

    data: bytearray
    statements: int = 0
    border_bytes: int = 0
    border_statements: int = 0


class PipelinedConnection(DriverConnection):  # type: ignore[misc]  # the driver has no annotations
    """The driver's connection; whatever else goes through it is sent behind what was posted."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401  # the driver's own
        self._prepared: dict[str, _Statement] = {}
        self._posted = _Posted(bytearray())
        self._waits_for_disk = True
        super().__init__(*arguments, **named)

    def run(self, text: str, values: Sequence[object]) -> tuple[list[Sequence[Any]], int]:
        """Run a statement, its parameters `%s`; its rows, and how many rows it selected or changed."""
        return self._exchange(self._post(text, values))

    def post(self, text: str, values: Sequence[object]) -> None:
        """Have a statement run before the next one that wants an answer; its failure comes up there."""
        self._post(text, values)
        if len(self._posted.data) > POSTED_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Run what was posted."""
        if self._posted.statements:
            self._exchange(None)

    def choose_durability(self, *, waits_for_disk: bool) -> None:
        """Whether the commit of the next transaction waits for the disk."""
        self._waits_for_disk = waits_for_disk

    def begin_units(self) -> None:
        """Begin a transaction whose units fail alone."""
        durability = "" if self._waits_for_disk else "SET LOCAL synchronous_commit TO OFF; "
        self.execute_simple(f"BEGIN; {durability}SAVEPOINT unit")

    def next_unit(self) -> None:
        """Keep what the unit did. What it posted may still fail: that is told as a failure of the connection."""
        self._post("RELEASE SAVEPOINT unit", ())
        self._post("SAVEPOINT unit", ())
        self._draw_border()

    def undo_unit(self) -> None:
        """Take back what the unit did."""
        posted = self._posted
        del posted.data[posted.border_bytes :]
        posted.statements = posted.border_statements
        self._post("ROLLBACK TO SAVEPOINT unit", ())
        self._draw_border()

    def execute_simple(self, statement: str) -> Context:
        """What the driver does, behind what was posted."""
        self.flush()
        return super().execute_simple(statement)

    def execute_unnamed(
        self,
        statement: str,
        vals: Iterable[object] = (),
        oids: Sequence[int] = (),
        stream: Any = None,  # noqa: ANN401  # the driver's own
    ) -> Context:
        """What the driver does in two round trips, in one, behind what was posted."""
        self.flush()
        if stream is not None:
            return super().execute_unnamed(statement, vals=vals, oids=oids, stream=stream)
        parse = b"\0" + statement.encode() + b"\0" + _count.pack(len(oids))
        # -1 is the driver's word for "you tell", 0 the protocol's.
        parse += b"".join(_length.pack(0 if oid == -1 else oid) for oid in oids)
        self._send(_message(b"P", parse) + self._bound(b"\0", list(vals)) + _DESCRIBE_PORTAL + _EXECUTE + _SYNC)
        context = Context(statement)
        self.handle_messages(context)
        return context

    def commit(self) -> None:
        """What the driver does, together with what was posted."""
        if not self._posted.statements:
            if self._transaction_status == IN_FAILED_TRANSACTION:
                # The server would take it for a rollback and find nothing wrong.
                raise InterfaceError("in failed transaction block")
            if not self._in_transaction:
                return
        self._exchange(self._post("COMMIT", ()))

    def rollback(self) -> None:
        """What the driver does; what was posted is not worth sending any more."""
        self._posted = _Posted(bytearray())
        super().rollback()

    def _draw_border(self) -> None:
        self._posted.border_bytes = len(self._posted.data)
        self._posted.border_statements = self._posted.statements

    def _post(self, text: str, values: Sequence[object]) -> _Statement:
        statement = self._prepared.get(text) or self._prepare(text)
        # Nothing is added where a value cannot be encoded.
        self._posted.data += self._bound(statement.name, values) + _EXECUTE
        self._posted.statements += 1
        return statement

    def _prepare(self, text: str) -> _Statement:
        self.flush()
        if not self._in_transaction and not self.autocommit:
            self.execute_simple("BEGIN")
        numbered, _ = convert_paramstyle("format", text, ())
        statement = self._prepared[text] = _Statement(*self.prepare_statement(numbered, ()))
        return statement

    def _bound(self, name: bytes, values: Sequence[object]) -> bytes:
        """Bind a statement to the unnamed portal; bytes go as they are, everything else as text."""
        formats, parameters = bytearray(), bytearray()
        for value in values:
            if value is None:
                formats += _TEXT
                parameters += _NULL
                continue
            if isinstance(value, bytes):
                formats += _BINARY
                data = value
            else:
                formats += _TEXT
                data = (value if isinstance(value, str) else str(make_param(self.py_types, value))).encode()
            parameters += _length.pack(len(data))
            parameters += data
        number = _count.pack(len(values))
        # The results as text: no format codes.
        return _message(b"B", b"".join((b"\0", name, number, formats, number, parameters, b"\0\0")))

    def _exchange(self, wanted: _Statement | None) -> tuple[list[Sequence[Any]], int]:
        """Send what was posted, and read the answers; those of the last statement are wanted."""
        posted, self._posted = self._posted, _Posted(bytearray())
        if not self._in_transaction and not self.autocommit:
            self.execute_simple("BEGIN")
        self._send(posted.data + _SYNC)
        context = Context(None, columns=None, input_funcs=wanted.readers if wanted else [])
        context.rows = []
        done, count, code = 0, -1, b""
        while code != _READY:
            code, data = self._receive()
            if code == _ROW:
                if wanted is not None and done == posted.statements - 1:
                    self.handle_DATA_ROW(data, context)
            elif code == _COMPLETE:
                done += 1
                number = data[:-1].rpartition(b" ")[2]
                count = int(number) if number.isdigit() else -1
            else:
                self.message_types[code](data, context)
        if context.error is None:
            return context.rows, count
        if _sqlstate(context.error) in STALE_STATEMENT_STATES:
            self._prepared.clear()
        if done < posted.border_statements:
            # Not the fault of the unit that runs now. Whose it is shows when each is run alone.
            raise InterfaceError("an earlier unit of the group failed") from context.error
        raise context.error

    def _send(self, data: bytes | bytearray) -> None:
        if self._usock is None:
            raise InterfaceError("connection is closed")
        try:
            self._usock.sendall(data)
        except OSError as error:
            raise InterfaceError("network error") from error

    def _receive(self) -> tuple[bytes, bytes]:
        code, length = _head.unpack(self._read(_head.size))
        return code, self._read(length - 4)

    def _read(self, size: int) -> bytes:
        if size == 0:
            return b""
        try:
            data: bytes = self._sock.read(size)
        except OSError as error:
            raise InterfaceError("network error") from error
        if len(data) < size:  # the reader is buffered: it gives less only at the end
            raise InterfaceError("network error")
        return data


def _sqlstate(error: Exception) -> str | None:
    fields = error.args[0] if error.args else None
    return fields.get("C") if isinstance(fields, dict) else None


def _message(code: bytes, data: bytes) -> bytes:
    return code + _length.pack(len(data) + 4) + data
