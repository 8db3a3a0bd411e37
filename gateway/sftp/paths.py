"""Paths in a virtual tree, and names in it: names are data, no path of ours is ever built from them.

A path of a client is a position in the mailbox and nothing else: it is resolved by its letters alone, and what comes
out is looked up among the names that the mailbox has.
"""

NAME_BYTES_MAX = 255
SHOWN_LENGTH_MAX = 120
_CONTROL_END = 0x20
_DELETE = 0x7F


def resolve(path: bytes) -> tuple[bytes, ...]:
    """The names from the root of the mailbox down to what a path means; empty for the root itself.

    Every path begins at the root, whether it starts with a slash or not: there is no other directory to start from.
    `..` at the root stays there, empty names and `.` are no names.
    """
    names: list[bytes] = []
    for name in path.split(b"/"):
        if name == b"..":
            del names[-1:]
        elif name not in {b"", b"."}:
            names.append(name)
    return tuple(names)


def absolute(names: tuple[bytes, ...]) -> bytes:
    """The one way to write what `resolve` gave, as REALPATH answers it."""
    return b"/" + b"/".join(names)


def objection_to(name: bytes) -> str | None:
    """Why a file cannot have this name, and what to do; None where nothing speaks against it.

    Everything that is no trouble to a listing, a log or a path of POSIX is a name: bytes that are no UTF-8, spaces,
    leading dashes, what Windows calls devices.
    """
    if not name:
        return "a file needs a name; give it one"
    if name in {b".", b".."}:
        return f'"{name.decode()}" means a directory; give the file another name'
    if b"/" in name:
        return "a name cannot hold a slash, which separates directories; leave it out"
    if len(name) > NAME_BYTES_MAX:
        return f"a name of {len(name)} bytes is too long; use at most {NAME_BYTES_MAX}"
    control = next((byte for byte in name if byte < _CONTROL_END or byte == _DELETE), None)
    if control is not None:
        return f"the name holds the control character 0x{control:02x}; rename the file without it"
    return None


def shown(name: bytes, length_max: int = SHOWN_LENGTH_MAX) -> str:
    r"""A name for logs and people: printable UTF-8 as it is, every other byte as `\xNN`, at most so many characters.

    Controls, invalid bytes, what turns the direction of writing or cannot be seen, spaces other than the space and the
    backslash itself are written by their bytes, so two names never look the same by such means.
    """
    # No character needs more than four bytes: what lies behind cannot be shown any more.
    text = name[: 4 * (length_max + 1)].decode("utf-8", "surrogateescape")
    whole = len(name) <= 4 * (length_max + 1)
    if whole and len(text) <= length_max and text.isprintable() and "\\" not in text:
        return text
    pieces: list[str] = []
    length = 0
    for character in text:
        piece = _shown_character(character)
        if length + len(piece) > length_max:
            whole = False
            break
        pieces.append(piece)
        length += len(piece)
    if whole:
        return "".join(pieces)
    while pieces and length >= length_max:
        length -= len(pieces.pop())
    return "".join(pieces) + "…"


def _shown_character(character: str) -> str:
    if character.isprintable() and character != "\\":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
