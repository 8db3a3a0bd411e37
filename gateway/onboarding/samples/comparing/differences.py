"""One difference between what was expected and what came."""

from dataclasses import dataclass

import orjson

DIFFERENCES_MAX = 20  # of one file; more help nobody
VALUE_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        file: of the sample, such as ``documents.json``.
        place: in it: a JSON pointer, an XPath, or segment and element; empty for the whole file.
        expected: what the sample says there; None where it says nothing.
        came: what came out there; None where nothing did.
    """

    file: str
    place: str
    expected: str | None
    came: str | None

    def as_json(self) -> dict[str, object]:
        """The difference as commands show it."""
        return {"file": self.file, "place": self.place, "expected": self.expected, "came": self.came}


def shortened(text: str) -> str:
    """A value for people, cut where it is long."""
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}..."


def in_json(value: object) -> str:
    """A JSON value for people."""
    return shortened(orjson.dumps(value).decode())
