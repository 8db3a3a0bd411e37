"""Templates as the author of a profile sees them: what each is for, and what it leaves to be said."""

import re
from dataclasses import dataclass
from typing import Final

from partners.layers import AGREEMENTS, lay, text_of
from partners.loader import PROFILE_FILE
from partners.nodes import Mapping, Sequence, read_nodes
from partners.templates import CHAIN_MAX, Templates, shipped_templates
from translators.x12.sets import DOCUMENT_TYPES

_MODELINE: Final = "yaml-language-server:"
_SET_TYPES: Final = {document: number for number, document in DOCUMENT_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Agreed:
    """A document that a template agrees."""

    document: str
    direction: str
    syntax: str

    @property
    def words(self) -> str:
        """`856 ship_notice, they send`."""
        number = f"{_SET_TYPES[self.document]} " if self.syntax == "x12" and self.document in _SET_TYPES else ""
        who = "they send" if self.direction == "inbound" else "we send"
        return f"{number}{self.document}, {who}"

    def is_called(self, word: str) -> bool:
        """Whether a word means it: the document, or the number of its X12 set."""
        return word == self.document or _SET_TYPES.get(self.document) == word


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A template with those that it builds on.

    Attributes:
        name: as `extends` names it.
        about: the first sentence of the comment that it begins with.
        as2: whether it says something of AS2, so that AS2 is spoken; the like for the others.
        speaks_for: whether it is that of a connection.
        agreed: what it agrees, without what it takes away again.
    """

    name: str
    about: str
    as2: bool
    rest: bool
    sftp: bool
    sftp_server: bool
    speaks_for: bool
    agreed: tuple[Agreed, ...]

    @property
    def has_way(self) -> bool:
        """Whether it says how they reach us."""
        return self.as2 or self.rest or self.sftp or self.sftp_server


def blueprints(templates: Templates) -> tuple[Blueprint, ...]:
    """Every template that can be read, by name."""
    found = (blueprint(templates, name) for name in templates.names())
    return tuple(one for one in found if one is not None)


def blueprint(templates: Templates, name: str) -> Blueprint | None:
    """One template; None where there is none, or it cannot be read as YAML."""
    first = templates.get(name)
    nodes = _joined(templates, name)
    if first is None or nodes is None:
        return None
    said = nodes.values
    return Blueprint(
        name,
        about(first.data),
        as2="as2" in said,
        rest="api_keys" in said,
        sftp="sftp" in said,
        sftp_server="sftp_server" in said,
        speaks_for="speaks_for" in said,
        agreed=_agreed(nodes),
    )


def shipped() -> tuple[tuple[str, str], ...]:
    """Name and purpose of the templates that come with the gateway; none of them is parsed."""
    files = sorted(shipped_templates().glob(f"*/{PROFILE_FILE}"))
    return tuple((file.parent.name, about(file.read_bytes())) for file in files)


def about(template: bytes) -> str:
    """The first sentence of the comment that a template begins with."""
    words: list[str] = []
    for line in template.decode("utf-8", "replace").splitlines():
        text = line.removeprefix("#").strip()
        if not line.startswith("#") or (words and not text):
            break
        if text and not text.startswith(_MODELINE):
            words.append(text)
    return re.split(r"(?<=\.)\s", " ".join(words), maxsplit=1)[0]


def _joined(templates: Templates, name: str | None) -> Mapping | None:
    joined: Mapping | None = None
    for _ in range(CHAIN_MAX):
        template = templates.get(name) if name is not None else None
        if template is None:
            break
        nodes = read_nodes(template.data, str(template.path))
        if not isinstance(nodes, Mapping):
            return None
        joined = nodes if joined is None else lay(nodes, joined)
        name = text_of(nodes, "extends")
    return joined


def _agreed(nodes: Mapping) -> tuple[Agreed, ...]:
    held = nodes.values.get(AGREEMENTS)
    items = held.items if isinstance(held, Sequence) else ()
    found = (
        Agreed(*(text_of(item, key) or "" for key in ("document", "direction", "syntax")))
        for item in items
        if text_of(item, "in_use") != "false"
    )
    return tuple(dict.fromkeys(found))
