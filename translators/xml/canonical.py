"""Canonical XML: the members of canonical JSON as elements of the same name, a list as its element repeated.

The root is named by the document's type, in the namespace `NAMESPACE`; several documents stand below a root
``documents``. There are no attributes and no mixed content; decimals, dates and booleans are written as in JSON.
"""

from collections.abc import Iterator
from typing import Any, Final

from lxml import etree

from translators.building import Built, Path, Tree, build, finding
from translators.document_reading import BodyRead, DocumentRead
from translators.documents import DOCUMENTS, SCHEMA_VERSION, Document
from translators.findings import Finding, Level
from translators.shapes import Field, as_json, shape
from translators.xml.parsing import DEPTH_MAX, parse

NAMESPACE: Final = "urn:partner-gateway:canonical:1"
_NSMAP: Final[Any] = {None: NAMESPACE}  # the stubs know no default namespace
_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_NAMES_KNOWN_BY_NAMESPACE: Final = "urn:oasis:names:specification:ubl:schema:xsd:"


def read(data: bytes) -> Iterator[DocumentRead | BodyRead]:
    """The documents of a body, one by one, and at last what was wrong with the body itself.

    Nothing is raised whatever the bytes are, and nothing outside of them is opened.
    """
    root, findings = parse(data)
    if root is None:
        yield BodyRead(tuple(findings))
        return
    name = etree.QName(root)
    if name.namespace != NAMESPACE:
        yield BodyRead((*findings, _unsupported(name, root)))
        return
    if name.localname != "documents":
        yield _document(root, f"/{name.localname}")
        yield BodyRead(tuple(findings))
        return
    children = list(root.iterchildren(etree.Element))
    for index, child in enumerate(children, 1):
        yield _document(child, f"/documents/*[{index}]")
    if not children:
        findings.append(
            Finding(Level.FILE, "no-document", "the body holds no document; send one", pointer="/documents")
        )
    yield BodyRead(tuple(findings))


def _unsupported(name: etree.QName, root: etree._Element) -> Finding:
    seen = f"{name.localname} in namespace {name.namespace}" if name.namespace else f"{name.localname} in no namespace"
    standard = ""
    if name.localname == "cXML":
        standard = " (cXML)"
    elif (name.namespace or "").startswith(_NAMES_KNOWN_BY_NAMESPACE):
        standard = " (UBL)"
    message = f"the document is {seen[:200]}{standard}; documents in namespace {NAMESPACE} are read"
    return Finding(
        Level.FILE,
        "unsupported-document",
        message,
        value=name.localname[:99],
        pointer=f"/{name.localname[:99]}",
        line=_line(root),
    )


def _document(root: etree._Element, place: str) -> DocumentRead:
    reading = _Reading()
    name = etree.QName(root)
    tree: dict[str, Tree] = {"document_type": name.localname}
    of = DOCUMENTS.get(name.localname) if name.namespace == NAMESPACE else None
    held = reading.object(root, shape(of).fields if of else {}, (), 1, is_document=True)
    built: Built = build(tree | held, texts_only=True) if of else build({"document_type": name.localname})
    findings = [
        finding(problem, _xpath(place, problem.path), _line(_element(root, problem.path))) for problem in built.problems
    ]
    faults = [
        Finding(Level.DOCUMENT, code, message, pointer=_xpath(place, path), line=line)
        for path, code, message, line in (reading.faults if of else ())
    ]
    return DocumentRead(
        document=None if faults else built.document,
        document_type=built.document_type,
        pointer=place,
        findings=(*faults, *findings),
        findings_omitted=built.omitted + reading.faults_omitted,
    )


class _Reading:
    """Elements to a tree of the shape that the document asks for; what fits no shape is left to `build` to tell."""

    def __init__(self) -> None:
        self.faults: list[tuple[Path, str, str, int | None]] = []
        self.faults_omitted = 0

    def object(
        self, element: etree._Element, fields: dict[str, Field], path: Path, depth: int, *, is_document: bool = False
    ) -> dict[str, Tree]:
        members: dict[str, Tree] = {}
        self._check(element, path)
        texts = [element.text, *(child.tail for child in element)]
        if any(text is not None and text.strip() for text in texts):
            self._fault(path, "unexpected-text", "text stands between elements; put it into an element", element)
        for child in element.iterchildren(etree.Element):
            name = etree.QName(child)
            known = name.namespace == NAMESPACE
            key = name.localname if known else f"{{{name.namespace or ''}}}{name.localname}"
            field = fields.get(key)
            if field is not None and field.many:
                items = members.setdefault(key, [])
                if isinstance(items, list):
                    items.append(self._value(child, field, (*path, key, len(items)), depth))
            elif key in members:
                self._fault((*path, key), "repeated-element", f"{key[:99]} may stand only once here", child)
            elif is_document and key == "document_type":
                self._fault((*path, key), "unknown-field", "the root's name tells the document's type", child)
            else:
                members[key] = self._value(child, field, (*path, key), depth)
        return members

    def _value(self, element: etree._Element, field: Field | None, path: Path, depth: int) -> Tree:
        if depth >= DEPTH_MAX:
            self._fault(path, "too-deep", f"elements are nested deeper than {DEPTH_MAX}", element)
            return None
        if field is not None and field.type is not None:
            return self.object(element, shape(field.type).fields, path, depth + 1)
        self._check(element, path)
        if next(element.iterchildren(etree.Element), None) is not None and field is not None:
            self._fault(path, "unexpected-element", "a text is expected here, not elements", element)
        return "".join([element.text or "", *(child.tail or "" for child in element)])

    def _check(self, element: etree._Element, path: Path) -> None:
        for name in element.attrib:
            if not str(name).startswith(_INSTANCE):
                message = f"attribute {str(name)[:99]} is not known; canonical XML has none"
                self._fault(path, "unexpected-attribute", message, element)

    def _fault(self, path: Path, code: str, message: str, element: etree._Element) -> None:
        if len(self.faults) < _FAULTS_MAX:
            self.faults.append((path, code, message, _line(element)))
        else:
            self.faults_omitted += 1


_FAULTS_MAX: Final = 100


def _xpath(place: str, path: Path) -> str:
    steps: list[str] = []
    for step in path:
        if isinstance(step, int) and steps:
            steps[-1] += f"[{step + 1}]"
        else:
            steps.append(str(step))
    return "/".join([place, *steps])


def _element(root: etree._Element, path: Path) -> etree._Element:
    """The element at a path, or the nearest around it."""
    found = root
    steps = list(path)
    while steps:
        name = str(steps.pop(0))
        index = steps.pop(0) if steps and isinstance(steps[0], int) else 0
        tag = name if name.startswith("{") else f"{{{NAMESPACE}}}{name}"
        matching = [child for child in found.iterchildren(etree.Element) if child.tag == tag]
        if not isinstance(index, int) or index >= len(matching):
            return found
        found = matching[index]
    return found


def _line(element: etree._Element) -> int | None:
    line: object = element.sourceline
    return line if isinstance(line, int) else None


def write(*documents: Document) -> bytes:
    """Documents as canonical XML in UTF-8, several of them below a root ``documents``.

    Raises ValueError for text that XML cannot carry (control characters).
    """
    made = [_element_of(document) for document in documents]
    if len(made) == 1:
        root = made[0]
    else:
        root = etree.Element(f"{{{NAMESPACE}}}documents", nsmap=_NSMAP)
        root.extend(made)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _element_of(document: Document) -> etree._Element:
    root = etree.Element(f"{{{NAMESPACE}}}{document.document_type}", nsmap=_NSMAP)
    members = as_json(document)
    del members["document_type"]
    members["schema_version"] = SCHEMA_VERSION
    _append(root, members)
    return root


def _append(parent: etree._Element, members: dict[str, Any]) -> None:
    for name, value in members.items():
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue  # a null unit is told by the absence of the element
            child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(item, dict):
                _append(child, item)
            elif isinstance(item, bool):
                child.text = "true" if item else "false"
            else:
                child.text = str(item)
