"""One section for each agreement: what is exchanged, how it is built, what may stand in it, and how it looks."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from gateway.agreements import overrides, reading_rules
from gateway.onboarding.guide.elements import SegmentDetail, details_of
from gateway.onboarding.guide.evidence import Evidence, gather
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.names import DOCUMENT_NAMES, DocumentName
from gateway.onboarding.guide.own_terms import own_terms
from gateway.onboarding.guide.rules import business_words, vocabulary_words
from gateway.onboarding.guide.shapes import ShapeTables, shape_tables
from gateway.onboarding.guide.structure import PlaceRow, Usage, places_in_words, rows_of
from gateway.onboarding.guide.tables import Fact
from gateway.onboarding.guide.transmissions import AnchorOf, Transmission, explain, visible_lines
from gateway.onboarding.guide.words import listed
from gateway.onboarding.guide.worked_examples import example_of
from gateway.onboarding.samples.reading import Sample
from partners.profile import Agreement
from translators.catalog import TranslatedDocument, sniff, translate
from translators.guide import ReadingRules
from translators.x12.dictionary import choose_release
from translators.x12.grammar import grammar
from translators.x12.overrides import agreed_tables
from translators.x12.sets import FUNCTIONAL_IDS

DEFAULT_RELEASE: Final = "004010"
SAMPLES_SHOWN_MAX: Final = 12  # of one document
TEXT_CHARACTERS_MAX: Final = 40_000  # of a sample in JSON or XML
_TOLD: Final = frozenset({Usage.MUST, Usage.USED})


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample as the guide shows it.

    Attributes:
        text: of JSON and XML, as it is.
        transmission: of X12, explained.
        rejected: we reject it, and the faults say why.
        answer: the acknowledgment that it earns, explained.
        ours: it is no sample of the partner's but an example that we wrote.
    """

    anchor: str
    title: str
    about: str
    transmission: Transmission | None
    text: str = ""
    rejected: bool = False
    faults: tuple[str, ...] = ()
    answer: Transmission | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class X12Layout:
    """How a document is built in X12.

    Attributes:
        release: of the tables.
        others: further releases that the agreement allows, each with what differs.
        rows: the places that the document uses, in order.
        also: those that are understood, too.
        details: the segments in use; ``also_details`` the others that are understood.
        kept: what is accepted and kept without meaning, in words; ``never`` what must not be sent.
    """

    release: str
    set_type: str
    functional_id: str
    others: tuple[tuple[str, str], ...]
    rows: tuple[PlaceRow, ...]
    also: tuple[PlaceRow, ...]
    anchors: Mapping[int, str]
    details: tuple[SegmentDetail, ...]
    also_details: tuple[SegmentDetail, ...]
    kept: tuple[str, ...]
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """Everything a guide says of one agreement."""

    anchor: str
    agreement: Agreement
    name: DocumentName
    direction: Literal["inbound", "outbound"]
    releases: tuple[str, ...]
    terms: tuple[Fact, ...]
    business: tuple[str, ...]
    vocabulary: tuple[str, ...]
    samples: tuple[SampleView, ...]
    samples_omitted: int = 0
    x12: X12Layout | None = None
    shapes: ShapeTables | None = None
    why_no_tables: str = ""

    @property
    def title(self) -> str:
        """What the document is called."""
        return self.name.title

    @property
    def syntax_words(self) -> str:
        """Its syntax for people."""
        if self.agreement.syntax == "x12":
            return f"X12 {self.name.set_type}"
        return {"json": "JSON", "xml": "XML"}[self.agreement.syntax]


@dataclass(slots=True)
class _Found:
    """The samples of one agreement, before they are explained."""

    samples: list[tuple[Sample, bytes]] = field(default_factory=list)


def sections_of(facts: Facts) -> tuple[DocumentSection, ...]:
    """A section for each agreement, in the order of the profile."""
    names = [f"{item.document}-{item.direction}-{item.syntax}" for item in facts.profile.agreements]
    taken: dict[str, int] = {}
    found = _by_agreement(facts)
    sections = []
    for index, (agreement, name) in enumerate(zip(facts.profile.agreements, names, strict=True)):
        taken[name] = taken.get(name, 0) + 1
        anchor = name.replace("_", "-") + (f"-{taken[name]}" if taken[name] > 1 else "")
        sections.append(_Section(facts, agreement, anchor, found.get(index, _Found()).samples).made())
    return tuple(sections)


def _by_agreement(facts: Facts) -> dict[int, _Found]:
    """Each sample with the first agreement that it can belong to."""
    found: dict[int, _Found] = {}
    for sample in facts.samples:
        content = sample.content
        if sample.direction == "outbound":
            content = next((data for name, data in sorted(sample.expected.items()) if name.startswith("sent.")), b"")
        held = _documents(content)
        for index, agreement in enumerate(facts.profile.agreements):
            if agreement.direction == sample.direction and any(_fits(agreement, *one) for one in held):
                found.setdefault(index, _Found()).samples.append((sample, content))
                break
    return found


def _documents(content: bytes) -> frozenset[tuple[str, str, str]]:
    """The documents in a sample: type, syntax and release."""
    syntax = sniff(content) or ""
    return frozenset(
        (item.document_type, syntax, item.location.release or "")
        for item in translate(content, ReadingRules())
        if isinstance(item, TranslatedDocument)
    )


def _fits(agreement: Agreement, document_type: str, syntax: str, release: str) -> bool:
    """Whether an agreement covers a document; release 004010 also covers 004010VICS."""
    if (agreement.document, agreement.syntax) != (document_type, syntax):
        return False
    return not release or not agreement.releases or any(release.startswith(known) for known in agreement.releases)


class _Section:
    """Makes the section of one agreement."""

    def __init__(
        self, facts: Facts, agreement: Agreement, anchor: str, samples: Sequence[tuple[Sample, bytes]]
    ) -> None:
        self._facts = facts
        self._agreement = agreement
        self._anchor = anchor
        self._samples = samples
        self._rules = reading_rules(facts.loaded, facts.settings.identities)

    def made(self) -> DocumentSection:
        agreement = self._agreement
        profile = self._facts.profile
        name = DOCUMENT_NAMES[agreement.document]
        tolerances = agreement.business_tolerances or profile.business_tolerances
        section = DocumentSection(
            anchor=self._anchor,
            agreement=agreement,
            name=name,
            direction=agreement.direction,
            releases=agreement.releases,
            terms=own_terms(agreement) if agreement.syntax == "x12" else (),
            business=tuple(business_words(tolerances)) if agreement.direction == "inbound" else (),
            vocabulary=tuple(vocabulary_words(agreement.vocabulary, profile.vocabulary, agreement.direction)),
            samples=(),
            samples_omitted=max(0, len(self._samples) - SAMPLES_SHOWN_MAX),
        )
        return self._x12(section) if agreement.syntax == "x12" else self._plain(section)

    def _x12(self, section: DocumentSection) -> DocumentSection:
        agreement = self._agreement
        release = self._release()
        set_type = section.name.set_type
        standard = grammar(set_type, release)
        rules = overrides(agreement)
        agreed = agreed_tables(set_type, release, rules)
        if standard is None or agreed is None:
            why = f"There are no tables of {set_type} in release {release}."
            return replace(section, why_no_tables=why, samples=tuple(self._views({})))
        evidence = self._evidence(release)
        rows = rows_of(standard, agreed, rules, evidence)
        told = tuple(row for row in rows if row.usage in _TOLD)
        also = tuple(row for row in rows if row.usage is Usage.MAY)
        anchors = dict(_anchors(self._anchor, told, also))
        segments = standard.release.segments
        layout = X12Layout(
            release=release,
            set_type=set_type,
            functional_id=agreement.group_code or FUNCTIONAL_IDS.get(set_type, ""),
            others=tuple(self._others(release, set_type)),
            rows=told,
            also=also,
            anchors=anchors,
            details=details_of(told, anchors, segments, rules, evidence),
            also_details=details_of(
                [row for row in also if anchors[row.number] not in {anchors[one.number] for one in told}],
                anchors,
                segments,
                rules,
                evidence,
            ),
            kept=places_in_words(_outermost(rows, Usage.KEPT)),
            never=places_in_words(_outermost(rows, Usage.NEVER)),
        )
        places = {(row.loop, row.code): anchors[row.number] for row in (*also, *told)}
        return replace(section, x12=layout, samples=tuple(self._views(places)))

    def _plain(self, section: DocumentSection) -> DocumentSection:
        contents = [content for _, content in self._samples]
        example = example_of(self._facts.profile, self._agreement, "", self._facts.settings)
        shown = contents or ([example] if example else [])
        tables = shape_tables(self._agreement.document, self._agreement.syntax, shown)
        return replace(section, shapes=tables, samples=tuple(self._views({})))

    def _release(self) -> str:
        """The release whose tables are shown."""
        seen = self._sampled_release()
        names = self._agreement.releases or ((seen,) if seen else ())
        known = (choose_release(name).name for name in (*names, DEFAULT_RELEASE))
        return next(name for name in known if name is not None)

    def _sampled_release(self) -> str:
        if self._agreement.releases:
            return ""
        read = (explain(content, ReadingRules()).release for _, content in self._samples)
        return next((release for release in read if release), "")

    def _evidence(self, release: str) -> Evidence:
        contents = [content for _, content in self._samples]
        if not contents:
            example = example_of(self._facts.profile, self._agreement, release, self._facts.settings)
            contents = [example] if example is not None else []
        sets = itertools.chain.from_iterable(explain(content, ReadingRules()).sets for content in contents)
        wanted = DOCUMENT_NAMES[self._agreement.document].set_type
        return gather(found.tree for found in sets if found.tree is not None and found.type == wanted)

    def _others(self, release: str, set_type: str) -> Iterator[tuple[str, str]]:
        """What the further releases of the agreement have otherwise."""
        base = grammar(set_type, release)
        for name in self._agreement.releases[1:]:
            chosen = choose_release(name).name
            other = grammar(set_type, chosen) if chosen is not None else None
            if other is None or base is None:
                yield name, "is read with the tables above"
                continue
            more, less = sorted(other.codes - base.codes), sorted(base.codes - other.codes)
            words = [f"has {listed(more)} besides"] if more else []
            words += [f"does not have {listed(less)}"] if less else []
            yield name, "; ".join(words) or "has the same segments"

    def _views(self, places: Mapping[tuple[str, str], str]) -> Iterator[SampleView]:
        known = self._samples[:SAMPLES_SHOWN_MAX]
        for number, (sample, content) in enumerate(known, 1):
            yield self._view(sample, content, f"{self._anchor}-sample-{number}", places)
        if not known:
            example = example_of(self._facts.profile, self._agreement, self._release(), self._facts.settings)
            if example is not None:
                yield self._example(example, f"{self._anchor}-example", places)

    def _view(self, sample: Sample, content: bytes, anchor: str, places: Mapping[tuple[str, str], str]) -> SampleView:
        rules = self._rules if sample.direction == "inbound" else ReadingRules()
        answer = sample.expected.get("acknowledgment.edi")
        is_x12 = self._agreement.syntax == "x12"
        transmission = explain(content, rules, _anchor_in(places)) if is_x12 else None
        faults = () if is_x12 else tuple(_faults(content, rules))
        is_rejected = (not transmission.accepted) if transmission is not None else bool(faults)
        return SampleView(
            anchor=anchor,
            title=f"{sample.title[:1].upper()}{sample.title[1:]}",
            about=sample.about,
            transmission=transmission,
            text="" if is_x12 else _text(content),
            rejected=is_rejected and sample.direction == "inbound",
            faults=transmission.faults if transmission is not None else faults,
            answer=explain(answer, ReadingRules()) if answer else None,
        )

    def _example(self, content: bytes, anchor: str, places: Mapping[tuple[str, str], str]) -> SampleView:
        is_x12 = self._agreement.syntax == "x12"
        return SampleView(
            anchor=anchor,
            title="An example",
            about="Written by the tables of this agreement, not taken from traffic.",
            transmission=explain(content, ReadingRules(), _anchor_in(places)) if is_x12 else None,
            text="" if is_x12 else _text(content),
            ours=True,
        )


def _anchor_in(places: Mapping[tuple[str, str], str]) -> AnchorOf:
    return lambda loop, code: places.get((loop, code), "")


def _text(content: bytes) -> str:
    """A sample in JSON or XML as text; what is no character shows its value."""
    text = visible_lines(content.decode("utf-8", "replace"))
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[:TEXT_CHARACTERS_MAX]}\n..."


def _faults(content: bytes, rules: ReadingRules) -> Iterator[str]:
    """What is wrong with JSON or XML."""
    for item in translate(content, rules):
        for finding in item.findings:
            if finding.severity == "error":
                where = f"{finding.pointer}: " if finding.pointer else ""
                yield f"{where}{finding.message}"


def _anchors(prefix: str, told: Sequence[PlaceRow], also: Sequence[PlaceRow]) -> Iterator[tuple[int, str]]:
    """An anchor for each place; places whose segment has the same elements share one."""
    known: dict[tuple[str, int], str] = {}
    counts: dict[str, int] = {}
    for row in (*told, *also):
        key = (row.code, id(row.rule))
        if key not in known:
            counts[row.code] = counts.get(row.code, 0) + 1
            suffix = f"-{counts[row.code]}" if counts[row.code] > 1 else ""
            known[key] = f"{prefix}-{row.code}{suffix}"
        yield row.number, known[key]


def _outermost(rows: Sequence[PlaceRow], usage: Usage) -> Iterator[PlaceRow]:
    """Places with a usage; of a loop that has it as a whole the loop alone."""
    whole: list[str] = []
    for row in rows:
        if row.usage is not usage or any(row.loop == loop or row.loop.startswith(f"{loop}/") for loop in whole):
            continue
        if row.opens_loop:
            whole.append(row.loop)
        yield row
