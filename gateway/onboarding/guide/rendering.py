"""Puts everything into one page: templates with every value escaped, style and script inside, nothing from outside."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from gateway.onboarding.guide.answers import answers_of
from gateway.onboarding.guide.certificates import our_certificates, their_certificates
from gateway.onboarding.guide.code_words import code_label
from gateway.onboarding.guide.documents import DocumentSection, sections_of
from gateway.onboarding.guide.elements import SegmentDetail
from gateway.onboarding.guide.envelope import envelope_of
from gateway.onboarding.guide.error_codes import DISPOSITIONS
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.picture import picture_of
from gateway.onboarding.guide.steps import checklist_of, open_points_of, steps_of
from gateway.onboarding.guide.structure import USAGE_WORDS
from gateway.onboarding.guide.transport import transports_of
from gateway.onboarding.guide.words import counted, day_words, listed
from translators.x12.dictionary import load_release

DIGEST_CHARACTERS_SHOWN: Final = 12
_FOLDER: Final = "templates"
_BREAKS: Final = re.compile(r"(?<=[./_\]])")
_TICKED: Final = re.compile(r"``([^`]+)``|`([^`]+)`")


@dataclass(frozen=True, slots=True)
class CodeList:
    """A whole list of the standard, for the appendix."""

    anchor: str
    release: str
    element: str
    name: str
    codes: tuple[tuple[str, str], ...]
    in_use: bool


def guide_page(facts: Facts) -> str:
    """The guide as one HTML page that needs nothing else."""
    sections = sections_of(facts)
    page = _environment()
    style, script = _source("style.html"), _source("script.html")
    return page.get_template("guide.html").render(
        facts=facts,
        profile=facts.profile,
        us=facts.us,
        them=facts.profile.name,
        sections=sections,
        picture=picture_of(facts, sections),
        transports=transports_of(facts),
        ours=our_certificates(facts),
        theirs=their_certificates(facts),
        envelope=envelope_of(facts),
        answers=answers_of(facts),
        dispositions=DISPOSITIONS,
        steps=steps_of(facts),
        checklist=checklist_of(facts, sections),
        open_points=open_points_of(facts),
        code_lists=tuple(_code_lists(sections)),
        usages=USAGE_WORDS,
        version=facts.loaded.digest[:DIGEST_CHARACTERS_SHOWN],
        made_on=day_words(facts.at),
        style=Markup(style),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _code_lists(sections: Sequence[DocumentSection]) -> Iterator[CodeList]:
    """The long lists that element tables name, each once a release."""
    wanted: dict[tuple[str, str], str] = {}
    used: set[tuple[str, str]] = set()
    for layout in (section.x12 for section in sections if section.x12 is not None):
        for detail in (*layout.details, *layout.also_details):
            for key, name in _keys(detail):
                wanted.setdefault((layout.release, key), name)
        used.update((layout.release, key) for detail in layout.details for key, _ in _keys(detail))
    for (release, key), name in sorted(wanted.items(), key=lambda item: (item[0][0], item[0][1].zfill(4))):
        labelled = tuple((code, code_label(key, code)) for code in sorted(load_release(release).codes(key)))
        anchor, in_use = code_list_anchor(release, key), (release, key) in used
        yield CodeList(anchor, release, key, name, labelled, in_use=in_use)


def _keys(detail: SegmentDetail) -> Iterator[tuple[str, str]]:
    for row in detail.rows:
        if row.codes is not None and row.codes.list_key:
            yield row.codes.list_key, row.element.name


def code_list_anchor(release: str, element: str) -> str:
    """Where a whole list stands."""
    return f"codes-{release}-{element}"


def _ticked(text: object) -> Markup:
    """Text with what stands between backticks as code, all of it escaped."""
    pieces: list[Markup] = []
    behind = 0
    plain = str(text)
    for found in _TICKED.finditer(plain):
        pieces += [escape(plain[behind : found.start()]), Markup("<code>{}</code>").format(found[1] or found[2])]
        behind = found.end()
    pieces.append(escape(plain[behind:]))
    return Markup("").join(pieces)


def _breakable(path: object) -> Markup:
    """A path that may go on in the next line behind a point, slash, bracket or underscore, and is copied as it is."""
    return Markup("<wbr>").join(_BREAKS.split(str(path)))


@cache
def _environment() -> Environment:
    files = {file.name: file.read_text("utf-8") for file in resources.files(__package__).joinpath(_FOLDER).iterdir()}
    made = Environment(
        loader=DictLoader(files),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"ticked": _ticked, "breakable": _breakable, "listed": listed}
    made.globals |= {"counted": counted, "code_list_anchor": code_list_anchor}
    return made


def _source(name: str) -> str:
    return resources.files(__package__).joinpath(_FOLDER, name).read_text("utf-8").strip()


def _hash(text: str) -> str:
    """A source of Content-Security-Policy: this very style or script may run, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
