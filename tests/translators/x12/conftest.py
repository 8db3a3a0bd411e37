import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from translators.guide import ReadingRules
from translators.x12.reader import read
from translators.x12.reading import FileRead, GroupClosed, InterchangeClosed, Piece, SetRead

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "x12"
CORPUS = ROOT.parent / "shared" / "corpus" / "x12"
STRICT = ReadingRules()


def pieces_of(data: bytes | memoryview, rules: ReadingRules = STRICT) -> list[Piece]:
    return list(read(data, rules))


def sets_of(pieces: list[Piece]) -> list[SetRead]:
    return [piece for piece in pieces if isinstance(piece, SetRead)]


def findings_of(pieces: list[Piece]) -> Iterator[object]:
    for piece in pieces:
        if isinstance(piece, SetRead | GroupClosed | InterchangeClosed | FileRead):
            yield from piece.findings


def isa(number: int = 1, version: str = "00401", repetition: str = "U", component: str = ">", ack: str = "0") -> str:
    return (
        f"ISA*00*          *00*          *ZZ*ACMESUPPLY     *ZZ*BIGCORP        *260105*0930*{repetition}*{version}*"
        f"{number:09d}*{ack}*P*{component}~"
    )


def interchange(body: str, *, release: str = "004010", kind: str = "850", group: str = "PO", **header: str) -> bytes:
    """One set in one group in one interchange; `body` are the segments between ST and SE, each with its ``~``."""
    count = sum(re.fullmatch("[A-Z][A-Z0-9]{1,2}", text.split("*")[0]) is not None for text in body.split("~")) + 2
    text = (
        f"{isa(**header)}GS*{group}*ACMESUPPLY*BIGCORP*20260105*0930*7*X*{release}~ST*{kind}*0001~{body}"
        f"SE*{count}*0001~GE*1*7~IEA*1*000000001~"
    )
    return text.encode("latin-1")


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()
