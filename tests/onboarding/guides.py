"""Partners made of a few lines, their guide, and the guide taken apart again."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import yaml

from certs.lives import Life
from gateway.edge.refusals import catalogue
from gateway.flow.certificates.inventory import take_inventory
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.rendering import guide_page
from gateway.onboarding.samples.reading import Sample
from gateway.settings import load_settings
from partners.loader import LoadedProfile, parse_profile
from tests.as2.parties import partner, us

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
VOID = frozenset(
    {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "path", "line", "rect"}
)
IDENTITY = {
    "name": "bigcorp",
    "as2_id": "BIGCORP-AS2",
    "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"},
}
SETTINGS: dict[str, Any] = {
    "company": "BigCorp Industries",
    "public_url": "https://b2b.bigcorp.example",
    "contacts": [{"name": "EDI desk", "email": "edi@bigcorp.example"}],
    "identities": [IDENTITY],
    "key_passphrase": "the-passphrase-of-the-ring",
}
ORDER = {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]}
RESPONSE = {
    "document": "purchase_order_acknowledgment",
    "direction": "inbound",
    "syntax": "x12",
    "releases": ["004010"],
}
NOTICE = {"document": "ship_notice", "direction": "inbound", "syntax": "json"}
PROFILE: dict[str, Any] = {
    "id": "acme",
    "name": "ACME Supply Inc.",
    "as2": {"id": "ACME-AS2", "certificate": "acme.pem", "url": "https://as2.acme.example/as2"},
    "api_keys": [{"label": "portal", "sha256": "ab" * 32}],
    "x12": {"qualifier": "ZZ", "id": "ACMESUPPLY", "group_id": "ACMEGROUP"},
    "agreements": [ORDER, RESPONSE, NOTICE],
}


def loaded(**changes: Any) -> LoadedProfile:
    """The partner, with other values for some keys; a key that is None is left out."""
    values = {key: value for key, value in (PROFILE | changes).items() if value is not None}
    files = {
        "profile.yaml": yaml.safe_dump(values, allow_unicode=True).encode(),
        "acme.pem": partner().certificate.pem(),
    }
    made = parse_profile(files)
    assert isinstance(made, LoadedProfile), [str(problem) for problem in made]
    return made


def sample(content: bytes, *, direction: Any = "inbound", name: str = "received.edi", **changes: Any) -> Sample:
    values: dict[str, Any] = {
        "name": "first",
        "title": "the first sample",
        "about": "",
        "direction": direction,
        "folder": Path("samples/first"),
        "content": content,
        "content_name": name,
        "expected": {},
        "required": True,
    }
    return Sample(**(values | changes))


def facts(
    of: LoadedProfile | None = None, *samples: Sample, settings: dict[str, Any] | None = None, full: bool = False
) -> Facts:
    held = of or loaded()
    made = load_settings(None, {}).settings.model_validate(SETTINGS | (settings or {}))
    ours = Life("bigcorp", us().certificate, (), AT)
    return Facts(
        loaded=held,
        settings=made,
        at=AT,
        samples=samples,
        certificates=take_inventory([ours], [held], (), AT),
        problems=catalogue(),
        full=full,
    )


def page_of(of: LoadedProfile | None = None, *samples: Sample, **choices: Any) -> "Page":
    return Page(guide_page(facts(of, *samples, **choices)))


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: list[str] = field(default_factory=list)
    children: "list[Element]" = field(default_factory=list)

    @property
    def words(self) -> str:
        """All text inside, blanks made one."""
        return " ".join("".join(self._pieces()).split())

    def _pieces(self):
        for piece in self.text:
            yield piece if isinstance(piece, str) else ""
        for child in self.children:
            yield " "
            yield from child._pieces()

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()


class Page(HTMLParser):
    """A page as a tree; what is not nested as it should be is an error."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.root = Element("", {})
        self._open = [self.root]
        self.ids: list[str] = []
        self.feed(html)
        self.close()
        assert len(self._open) == 1, f"not closed: {[element.tag for element in self._open[1:]]}"

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if "id" in element.attributes:
            self.ids.append(element.attributes["id"])
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert tag not in VOID, f"</{tag}>"
        assert self._open[-1].tag == tag, f"</{tag}> inside of <{self._open[-1].tag}> at {self.getpos()}"
        self._open.pop()

    def handle_data(self, data):
        self._open[-1].text.append(data)

    def elements(self, tag: str = "", **attributes: str) -> list[Element]:
        return [
            element
            for element in self.root.all()
            if (not tag or element.tag == tag)
            and all(element.attributes.get(name.rstrip("_")) == value for name, value in attributes.items())
        ]

    def at(self, anchor: str) -> Element:
        (found,) = self.elements(id=anchor)
        return found

    def rows(self, anchor: str) -> list[list[str]]:
        """The cells of every table row below an anchor."""
        return [
            [cell.words for cell in row.children if cell.tag in {"td", "th"}]
            for row in self.at(anchor).all()
            if row.tag == "tr"
        ]

    @property
    def words(self) -> str:
        return self.root.words
