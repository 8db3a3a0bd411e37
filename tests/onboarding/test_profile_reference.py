"""The reference of all keys: whole, found by anchors, and the one in the repository is that of the model."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gateway.onboarding.reference.entries import Entry, anchor, parts_of
from gateway.onboarding.reference.markdown import as_markdown
from gateway.onboarding.reference.page import as_page
from partners.schema import profile_schema

PARTS = parts_of(profile_schema())
ENTRIES = {entry.path: entry for part in PARTS for entry in part.entries}
PAGE = as_page(PARTS, "1.0")


class Read(HTMLParser):
    """The ids and links of a page, and whether its elements are closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if held.get("id"):
            self.ids.append(str(held["id"]))
        if "href" in held:
            self.links.append(str(held["href"]))
        assert "src" not in held
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_one_in_the_repository_is_current() -> None:
    held = Path("partners/REFERENCE.md").read_text()
    assert held == as_markdown(PARTS), "run `gateway schema profile --to markdown > partners/REFERENCE.md`"


def test_it_holds_every_key_once() -> None:
    schema = profile_schema()
    told = {title for title in schema["$defs"] if not title.endswith("Layer")}
    keys = len(schema["properties"]) + sum(len(schema["$defs"][title]["properties"]) for title in told)
    assert len(ENTRIES) == keys
    assert len({anchor(path) for path in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id", ("text", (), True, None)),
        ("as2.id", ("text", (), True, None)),
        ("x12[].qualifier", ("text", (), True, None)),
        ("as2.sending.receipt", ("one word", ("signed", "unsigned", "none"), False, "signed")),
        ("as2.sending.timeout_s", ("whole number from 1 to 3,600", (), False, "120")),
        ("limits.body_bytes_max", ("whole number from 1,024 to 1,073,741,824", (), False, None)),
        ("business_tolerances.price_under_percent", ("number from 0 to 100", (), False, "100")),
        ("api_keys[].expires_on", ("day", (), False, None)),
        ("acknowledgment.functional", ("one word", ("997", "999", "none"), False, "'997'")),
        ("agreements[].rules[].codes", ("one or several: texts", (), False, "[]")),
        ("as2.sending", ("keys", (), False, None)),
    ],
)
def test_what_is_told_of_a_key(path: str, expected: tuple[str, tuple[str, ...], bool, str | None]) -> None:
    entry: Entry = ENTRIES[path]
    assert (entry.type, entry.allowed, entry.required, entry.default) == expected
    assert entry.meaning
    assert entry.example


def test_the_page_needs_nothing_else_and_every_link_leads_somewhere() -> None:
    page = Read()
    page.feed(PAGE)
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert {anchor(path) for path in ENTRIES} <= set(page.ids)
    assert "@media print" in PAGE
    assert "http" not in re.sub(r"https?://[a-z0-9.]*\.example", "", PAGE)


def test_every_link_of_the_markdown_leads_somewhere() -> None:
    text = as_markdown(PARTS)
    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 6, line
