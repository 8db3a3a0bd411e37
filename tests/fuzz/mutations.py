"""Ways to damage a file, each from a source of chance, so that a test can repeat them."""

import random
import re
from collections.abc import Callable

SPLICES = (
    b"ISA*00*          *00*          *ZZ*ACMESUPPLY     *ZZ*BIGCORP        *260105*0930*U*00401*000000009*1*P*>~",
    b"GS*PO*A*B*20260105*0930*9*X*004010~",
    b"ST*850*0009~",
    b"SE*1*0009~",
    b"GE*1*9~",
    b"IEA*1*000000009~",
    b"TA1*000000001*260105*0930*R*006~",
    b"HL*1*1*S~",
    b"BIN*5*~~~~~~",
    b"BDS*ASC*3*~*~~",
    b"LS*LDT~",
    b"~~",
    b"\r\n\r\n",
    b"\xef\xbb\xbf",
    b"\x00",
    b"ISA",
    b"*",
)
SEPARATORS = b"*~>|^\n\r\x1c\x1d\x1e\x1f!$:\\"


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """Some bits the other way."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def delete(data: bytes, chance: random.Random) -> bytes:
    """A run of bytes gone."""
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 40) :]


def duplicate(data: bytes, chance: random.Random) -> bytes:
    """A run of bytes twice."""
    start = chance.randrange(len(data))
    end = start + chance.randint(1, 200)
    return data[:end] + data[start:end] + data[end:]


def splice(data: bytes, chance: random.Random) -> bytes:
    """Something that means something where it should not stand."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(SPLICES) + data[at:]


def swap_separators(data: bytes, chance: random.Random) -> bytes:
    """Two separators in each other's place, from somewhere on."""
    at = chance.randrange(len(data))
    one, other = (bytes([chance.choice(SEPARATORS)]) for _ in range(2))
    return data[:at] + data[at:].translate(bytes.maketrans(one + other, other + one))


def truncate(data: bytes, chance: random.Random) -> bytes:
    """The end gone."""
    return data[: chance.randrange(len(data))]


def move_segments(data: bytes, chance: random.Random) -> bytes:
    """Segments deleted, repeated and in another order."""
    parts = re.split(rb"(?<=~)", data) if b"~" in data else data.splitlines(keepends=True)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(parts))
        match chance.randrange(3):
            case 0 if len(parts) > 1:
                del parts[at]
            case 1:
                parts.insert(at, parts[chance.randrange(len(parts))])
            case _:
                parts.insert(chance.randrange(len(parts)), parts.pop(at))
    return b"".join(parts)


def change_elements(data: bytes, chance: random.Random) -> bytes:
    """Elements with values of other elements."""
    parts = re.split(rb"([*~|\n])", data)
    for _ in range(chance.randint(1, 4)):
        parts[chance.randrange(len(parts))] = parts[chance.randrange(len(parts))]
    return b"".join(parts)


MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bits,
    delete,
    duplicate,
    splice,
    swap_separators,
    truncate,
    move_segments,
    change_elements,
)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A file after one damage or several."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            data = chance.choice(MUTATIONS)(data, chance)
    return data
