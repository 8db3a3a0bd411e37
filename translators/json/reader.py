"""Reads canonical JSON: one document, an array of documents, or an object ``{"documents": [...]}``."""

from collections.abc import Iterator

from translators.building import Built, Path, Tree, build, finding, pointer
from translators.document_reading import BodyRead, DocumentRead
from translators.findings import Finding, Level
from translators.json.parsing import line_and_column, parse, positions


def read(data: bytes) -> Iterator[DocumentRead | BodyRead]:
    """The documents of a body, one by one, and at last what was wrong with the body itself.

    Nothing is raised whatever the bytes are. A text that is no JSON holds no documents.
    """
    parsed = parse(data)
    findings = list(parsed.findings)
    if not parsed.is_sound:
        yield BodyRead(tuple(findings))
        return
    places = _Places(parsed.text)
    count = 0
    for path, tree in _documents(parsed.tree):
        count += 1
        yield _document(build(tree), path, places)
    if not count:
        findings.append(Finding(Level.FILE, "no-document", "the body holds no document; send one", pointer=""))
    yield BodyRead(tuple(findings))


def _documents(tree: Tree) -> Iterator[tuple[Path, Tree]]:
    if isinstance(tree, list):
        yield from (((index,), item) for index, item in enumerate(tree))
    elif isinstance(tree, dict) and tree.keys() == {"documents"} and isinstance(tree["documents"], list):
        yield from ((("documents", index), item) for index, item in enumerate(tree["documents"]))
    else:
        yield (), tree


def _document(built: Built, path: Path, places: "_Places") -> DocumentRead:
    findings = [
        finding(problem, pointer(path + problem.path), *places.of(path + problem.path)) for problem in built.problems
    ]
    return DocumentRead(
        document=built.document,
        document_type=built.document_type,
        pointer=pointer(path),
        findings=tuple(findings),
        findings_omitted=built.omitted,
    )


class _Places:
    """Lines and offsets by path; the text is gone through again only when somebody asks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._positions: dict[Path, int] | None = None

    def of(self, path: Path) -> tuple[int | None, int | None]:
        if self._positions is None:
            self._positions = positions(self._text)
        # What is missing has no place of its own: the object it is missing from has.
        while path not in self._positions and path:
            path = path[:-1]
        position = self._positions.get(path, 0)
        return line_and_column(self._text, position)[0], len(self._text[:position].encode())
