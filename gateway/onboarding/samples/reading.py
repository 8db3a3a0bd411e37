"""Reads a partner's samples: each a folder below `samples/` with what goes in and what has to come out.

    samples/order-response/received.edi          what they send: .edi, .json or .xml
                           documents.json        the canonical documents that it becomes
                           findings.json         what is wrong with it
                           acknowledgment.edi    the TA1, 997 or 999 that it earns
    samples/order/document.json                  what the ERP wants sent
                  sent.edi                       how it is written: .edi, .json or .xml
                  findings.json                  what was said while writing it
    samples/*/sample.yaml                        `title`, `about`, `required`; may be absent

Samples are no part of the profile: its digest is the same with and without them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path
from typing import Literal

import orjson

from gateway.onboarding.samples.folder import NOT_THERE, bytes_of, names_in
from partners.fields import SLUG
from partners.nodes import Mapping as Keys
from partners.nodes import Node, Scalar, read_nodes
from partners.problems import Place, Problem, Severity, one_of, shown

SAMPLES_FOLDER = "samples"
SAMPLES_MAX = 256
FILES_MAX = 64  # in one sample's folder
CONTENT_BYTES_MAX = 4_194_304
EXPECTED_BYTES_MAX = 33_554_432  # canonical documents are larger than the X12 that they come from
ALL_BYTES_MAX = 268_435_456  # of a partner's samples together, since they are held in memory
ABOUT_BYTES_MAX = 16_384
TITLE_CHARACTERS_MAX = 200
ABOUT_CHARACTERS_MAX = 4_000

SAMPLE_FILE = "sample.yaml"
DOCUMENT, DOCUMENTS, FINDINGS, ACKNOWLEDGMENT = "document.json", "documents.json", "findings.json", "acknowledgment.edi"
RECEIVED = ("received.edi", "received.json", "received.xml")
SENT = ("sent.edi", "sent.json", "sent.xml")
_INBOUND = (DOCUMENTS, FINDINGS, ACKNOWLEDGMENT)
_OUTBOUND = (*SENT, FINDINGS)
_KNOWN = (*RECEIVED, DOCUMENT, *_INBOUND, *SENT, SAMPLE_FILE)
_LISTS = frozenset({DOCUMENTS, FINDINGS})

Direction = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a partner.

    Attributes:
        name: of its folder.
        title: for people; the name in words where `sample.yaml` gives none.
        about: what it shows, for people; may be empty.
        direction: inbound: they send it; outbound: we do.
        folder: where it lies.
        content: what goes in: the bytes that they send, or the canonical document that we are to send.
        content_name: the file of it, such as ``received.edi``.
        expected: what has to come out, by file name; what is not recorded yet is not here.
        required: whether it has to pass before the partner goes live, where the profile names no `required_samples`.
    """

    name: str
    title: str
    about: str
    direction: Direction
    folder: Path
    content: bytes
    content_name: str
    expected: Mapping[str, bytes]
    required: bool

    @property
    def content_path(self) -> Path:
        """The file that goes in."""
        return self.folder / self.content_name


def read_samples(partner_folder: Path) -> tuple[tuple[Sample, ...], tuple[Problem, ...]]:
    """The samples of a partner by name, and what is wrong with their folders; one that has an error is left out."""
    root = partner_folder / SAMPLES_FOLDER
    names = names_in(root, partner_folder, SAMPLES_MAX)
    if isinstance(names, str):
        return (), () if names == NOT_THERE else (_of_file(root, f"{SAMPLES_FOLDER} {names}", "mend it"),)
    samples: list[Sample] = []
    problems: list[Problem] = []
    left = ALL_BYTES_MAX
    for name in names:
        found = _read(partner_folder, root / name)
        problems += found.problems
        if found.sample is None:
            continue
        left -= len(found.sample.content) + sum(map(len, found.sample.expected.values()))
        if left < 0:
            what = f"the samples up to {shown(name)} have more than {ALL_BYTES_MAX:,} bytes together"
            problems.append(_of_file(root / name, what, "keep small ones; one line shows as much as a thousand"))
            break
        samples.append(found.sample)
    return tuple(samples), tuple(problems)


@dataclass(frozen=True, slots=True)
class _Read:
    sample: Sample | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """What `sample.yaml` says."""

    title: str = ""
    about: str = ""
    required: bool = True


def _read(partner: Path, folder: Path) -> _Read:
    names = names_in(folder, partner, FILES_MAX)
    if isinstance(names, str):
        right = f"keep one folder a sample below {SAMPLES_FOLDER}/, its files inside"
        return _Read(None, (_of_file(folder, f"{shown(folder.name)} {names}", right),))
    problems = [*_name_problems(folder), *_unknown_files(folder, names)]
    content_name = _content_name(folder, names, problems)
    words = _words(partner, folder, problems) if SAMPLE_FILE in names else _Words()
    if content_name is None:
        return _Read(None, tuple(problems))
    content = _bytes(partner, folder / content_name, CONTENT_BYTES_MAX, problems)
    direction: Direction = "outbound" if content_name == DOCUMENT else "inbound"
    belonging = _OUTBOUND if direction == "outbound" else _INBOUND
    if content_name == DOCUMENT and content:
        problems += _translated(folder / DOCUMENT, content)
    expected: dict[str, bytes] = {}
    for name in names:
        if name not in _KNOWN or name in {content_name, SAMPLE_FILE}:
            continue
        if name not in belonging:
            what = f"{shown(name)} says nothing about {shown(content_name)}"
            problems.append(_of_file(folder / name, what, f"remove it; expected are {', '.join(belonging)}"))
            continue
        data = _bytes(partner, folder / name, EXPECTED_BYTES_MAX, problems)
        expected[name] = data
        if name in _LISTS and data:
            problems += _list_problems(folder / name, data)
    sent = [name for name in expected if name in SENT]
    if len(sent) > 1:
        problems.append(_of_file(folder / sent[1], f"beside {shown(sent[0])}", "a document is sent in one form"))
    if any(problem.severity == "error" for problem in problems):
        return _Read(None, tuple(problems))
    title = words.title or folder.name.replace("-", " ")
    sample = Sample(folder.name, title, words.about, direction, folder, content, content_name, expected, words.required)
    return _Read(sample, tuple(problems))


def _name_problems(folder: Path) -> Iterator[Problem]:
    if not SLUG.matches(folder.name):
        yield _of_file(folder, f"a sample is named {shown(folder.name)}", SLUG.right)


def _unknown_files(folder: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    for name in names:
        if name not in _KNOWN:
            what = f"{shown(name)} means nothing in a sample"
            yield _of_file(folder / name, what, one_of(name, _KNOWN), severity="warning")


def _content_name(folder: Path, names: tuple[str, ...], problems: list[Problem]) -> str | None:
    """The one file that goes in."""
    given = [name for name in names if name in RECEIVED or name == DOCUMENT]
    if len(given) == 1:
        return given[0]
    if given:
        what = f"{' and '.join(shown(name) for name in given)} in one sample"
        problems.append(_of_file(folder / given[1], what, "make a sample of each"))
    else:
        what = "nothing that goes in"
        right = f"put what they send into {', '.join(RECEIVED)}, or what we send into {DOCUMENT}"
        problems.append(_of_file(folder, what, right))
    return None


def _bytes(partner: Path, path: Path, bytes_max: int, problems: list[Problem]) -> bytes:
    """The content of a file; empty where there is a problem, which is added."""
    data = bytes_of(path, partner, bytes_max)
    if isinstance(data, str):
        problems.append(_of_file(path, f"{shown(path.name)} {data}", f"put a file into {path.parent}"))
        return b""
    if not data:
        problems.append(_of_file(path, f"{shown(path.name)} is empty", "fill or remove it"))
    return data


def _translated(path: Path, data: bytes) -> Iterator[Problem]:
    """`gateway translate` puts the document among what it says of it; only the document can be sent."""
    try:
        value = orjson.loads(data)
    except JSONDecodeError:
        return  # what is wrong with it is a finding: a sample may show that it is refused
    if isinstance(value, dict) and isinstance(inside := value.get("document"), dict) and "document_type" in inside:
        what = f"{shown(path.name)} holds what `gateway translate` says, not the document alone"
        yield _of_file(path, what, "keep what stands in `document`: gateway translate FILE | jq .document")


def _list_problems(path: Path, data: bytes) -> Iterator[Problem]:
    try:
        value = orjson.loads(data)
    except JSONDecodeError as error:
        what = f"{shown(path.name)} is no JSON: {error.msg}"
        yield Problem(str(path), error.lineno, error.colno, "", what, "mend it, or have it written with --record")
        return
    if not isinstance(value, list):
        yield _of_file(path, f"{shown(path.name)} holds no list", "write `[` and `]` around it")


def _words(partner: Path, folder: Path, problems: list[Problem]) -> _Words:
    path = folder / SAMPLE_FILE
    data = bytes_of(path, partner, ABOUT_BYTES_MAX)
    if isinstance(data, str):
        problems.append(_of_file(path, f"{SAMPLE_FILE} {data}", "mend or remove it"))
        return _Words()
    if not data.strip():
        return _Words()
    nodes = read_nodes(data, str(path))
    if isinstance(nodes, tuple):
        problems += nodes
        return _Words()
    for key, place in nodes.keys.items():
        if key not in _Words.__slots__:
            problems.append(_at(path, place, key, f"{shown(key)} means nothing here", one_of(key, _Words.__slots__)))
    return _Words(
        title=_line(path, nodes, "title", TITLE_CHARACTERS_MAX, problems),
        about=_line(path, nodes, "about", ABOUT_CHARACTERS_MAX, problems),
        required=_is_required(path, nodes, problems),
    )


def _line(path: Path, nodes: Keys, key: str, characters_max: int, problems: list[Problem]) -> str:
    node = nodes.values.get(key)
    if node is None:
        return ""
    text = _text(node)
    if text is None:
        problems.append(_at(path, nodes.keys[key], key, f"`{key}` is no text", "write it in one or more lines"))
        return ""
    if len(text) > characters_max:
        what, right = f"`{key}` has more than {characters_max} characters", "shorten it"
        problems.append(_at(path, node.place, key, what, right))
    return text.strip()


def _is_required(path: Path, nodes: Keys, problems: list[Problem]) -> bool:
    node = nodes.values.get("required")
    if node is None or (text := _text(node)) == "true":
        return True
    if text != "false":
        what = "`required` is neither true nor false"
        problems.append(_at(path, node.place, "required", what, "write true or false"))
    return False


def _text(node: Node) -> str | None:
    return node.text if isinstance(node, Scalar) else None


def _of_file(path: Path, what: str, would_be_right: str, severity: Severity = "error") -> Problem:
    return Problem(str(path), 1, 1, "", what, would_be_right, severity)


def _at(path: Path, place: Place, field: str, what: str, would_be_right: str) -> Problem:
    return Problem(str(path), place.line, place.column, field, what, would_be_right)
