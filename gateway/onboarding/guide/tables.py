"""The plain values that pages are made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """A name with what is said of it.

    Attributes:
        value: one line or several.
        note: what to mind.
        is_code: the value is typed or compared letter by letter.
        is_open: nobody has said it yet.
    """

    name: str
    value: str | tuple[str, ...]
    note: str = ""
    is_code: bool = False
    is_open: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The value line by line."""
        return (self.value,) if isinstance(self.value, str) else self.value


@dataclass(frozen=True, slots=True)
class FactTable:
    """Facts below one caption."""

    caption: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Curl:
    """A call that can be copied, or what it is answered with."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class TransportSection:
    """One way that documents travel."""

    anchor: str
    title: str
    about: str
    tables: tuple[FactTable, ...]
    calls: tuple[Curl, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the onboarding: who does it, what is done, and where the guide has more of it."""

    who: str
    what: str
    link: str = ""
    link_words: str = ""
