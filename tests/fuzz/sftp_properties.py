"""What holds for any bytes that come in an SFTP session: requests, or a protocol error, wherever they are cut.

Each property takes bytes and raises AssertionError where it does not hold; any other exception is a fault as well.
"""

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator

from gateway.sftp import (
    Attributes,
    Coverage,
    Declined,
    OpenFlag,
    PacketReader,
    ProtocolError,
    absolute,
    answers,
    long_name,
    objection_to,
    requests,
    resolve,
    shown,
)
from gateway.sftp.paths import SHOWN_LENGTH_MAX
from gateway.sftp.requests import HEAD_BYTES, Malformed, PacketType, Request, Unsupported
from tests.fuzz.seeds import FOUND
from tests.sftp.packets import INIT, packet, packet_of

FOUND_IN_SFTP = FOUND / "sftp"
PACKET_BYTES_MAX = 4_096
_ATTRIBUTES = Attributes(5_000, 0, 0, 0o100_644, 1_790_000_000, 1_790_000_000, ((b"a@example.com", b"b"),))
SESSION: tuple[Request, ...] = (
    requests.Init(3, ((b"posix-rename@openssh.com", b"1"),)),
    requests.Realpath(1, b"."),
    requests.Open(2, b"/inbox/../inbox//order.edi.part", OpenFlag.WRITE | OpenFlag.CREAT, _ATTRIBUTES),
    requests.Write(3, b"h1", 32_768, memoryview(b"ISA*00*")),
    requests.Write(4, b"h1", 0, memoryview(b"")),
    requests.Fsetstat(5, b"h1", _ATTRIBUTES),
    requests.Fstat(6, b"h1"),
    requests.Close(7, b"h1"),
    requests.PosixRename(8, b"inbox/order.edi.part", b"inbox/\xff\xe2\x80\xae"),
    requests.Rename(9, b"a", b"b"),
    requests.Setstat(10, b"a", Attributes()),
    requests.Opendir(11, b"/outbox"),
    requests.Readdir(12, b"h2"),
    requests.Read(13, b"h3", 2**64 - 1, 2**32 - 1),
    requests.Symlink(14, b"/etc/passwd", b"a"),
    requests.Limits(15),
)
WORDS = (
    *(bytes([kind]) for kind in PacketType),
    *(packet_of(request) for request in SESSION),
    *(b"posix-rename@openssh.com", b"limits@openssh.com", b"hardlink@openssh.com", b"/inbox/", b"../", b"//", b"."),
    *(b"\x80\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x04", b"\x00\x00\x10\x00", b"\xed\xb2\x80", b"\x7f"),
)


def _read(pieces: Iterable[bytes]) -> tuple[list[Request], str | None]:
    reader = PacketReader(PACKET_BYTES_MAX)
    found: list[Request] = []
    try:
        for piece in pieces:
            found.extend(reader.feed(piece))
            assert reader.pending_bytes < PACKET_BYTES_MAX + 4
    except ProtocolError as error:
        return found, str(error)
    return found, None


def is_read_in_any_pieces(data: bytes) -> None:
    """Whole, byte by byte and in pieces of any size: the same requests, the same end."""
    whole = _read([data])
    assert whole[1] is None or whole[1].isprintable()
    assert len(whole[0]) <= len(data) // (HEAD_BYTES + 4)
    assert _read(data[at : at + 1] for at in range(len(data))) == whole
    chance, pieces, at = random.Random(data), [], 0
    while at < len(data):
        size = chance.choice((1, 3, 4, 5, 9, 60, 4_096))
        pieces.append(data[at : at + size])
        at += size
    assert _read(pieces) == whole


def means_what_it_says(data: bytes) -> None:
    """What was read is written the same again, and everything in it is within its limits and can be shown."""
    for request in _read([data])[0]:
        match request:
            case Malformed(words=words) | Unsupported(name=words):
                assert words.isprintable()
                assert len(words) < 2 * SHOWN_LENGTH_MAX
                assert len(answers.status(request.id, 5, words)) < 1_100
                continue
            case _:
                assert next(iter(_read([INIT, packet_of(request)])[0][1:]), request) == request
        for name in (getattr(request, field, None) for field in ("path", "old_path", "new_path", "link_path")):
            if name is not None:
                _is_harmless(name)


def _is_harmless(path: bytes) -> None:
    names = resolve(path)
    assert resolve(absolute(names)) == names
    for name in names:
        assert name not in {b"", b".", b".."}
        assert b"/" not in name
        text = shown(name)
        assert text.isprintable()
        assert len(text) <= SHOWN_LENGTH_MAX
        if objection_to(name) is None:
            assert len(name) <= 255
        assert b"\n" not in long_name(name, _ATTRIBUTES, 1_790_000_000)


def keeps_account(data: bytes) -> None:
    """Ranges in any order: never more than the limit, and what is said of them is what was added."""
    coverage, model = Coverage(ranges_max=8), set[int]()
    for place in range(0, len(data) - 1, 2):
        offset, length = data[place], data[place + 1] % 16
        with contextlib.suppress(Declined):
            coverage.add(offset, length)
            model.update(range(offset, offset + length))
    assert coverage.end == max(model, default=-1) + 1
    assert coverage.has_hole == (coverage.end > coverage.contiguous)
    assert coverage.contiguous not in model
    assert all(byte in model for byte in range(coverage.contiguous))


def sftp_seeds() -> Iterator[bytes]:
    """A session of every request, its parts, packets that lie, and what broke a property before."""
    yield b"".join(packet_of(request) for request in SESSION)
    for request in SESSION[1:]:
        yield INIT + packet_of(request)
    yield INIT + packet(PacketType.STAT, 1, b"/inbox", tail=b"\x00\x00\x00\x05")
    yield INIT + packet(PacketType.EXTENDED, 1, b"statvfs@openssh.com", b"/") + packet(101, 1, 0, b"Success", b"")
    yield INIT + packet(PacketType.SETSTAT, 1, b"a", 0x8000_0000, 65)
    yield bytes(range(256))
    for path in sorted(FOUND_IN_SFTP.glob("*")):
        yield path.read_bytes()


def sftp_dictionary() -> str:
    """What sessions are made of, in libFuzzer's notation."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in sorted(WORDS))


SFTP_PROPERTIES: dict[str, Callable[[bytes], None]] = {
    "sftp-pieces": is_read_in_any_pieces,
    "sftp-requests": means_what_it_says,
    "sftp-ranges": keeps_account,
}
