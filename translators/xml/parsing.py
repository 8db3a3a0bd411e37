"""Bytes to an XML tree, without DTDs, entities, the network or surprises in size."""

import codecs
import re
from typing import Final

from lxml import etree

from translators.findings import Finding, Level

DEPTH_MAX: Final = 64
ELEMENTS_MAX: Final = 1_000_000

_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
_DECLARATION: Final = re.compile(rb"^\s*<\?xml\b[^>]{0,200}\?>")
_ENCODING: Final = re.compile(rb"""\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# What may stand before the root or the DOCTYPE. Possessive, so that nothing is tried twice.
_PROLOG: Final = re.compile(rb"(?:\s++|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+")
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE\s+([A-Za-z_][\w.:-]{0,99})", re.IGNORECASE)
_SUBSET: Final = re.compile(rb"<!DOCTYPE[^>]{0,2000}?\[", re.IGNORECASE)


def parse(data: bytes) -> tuple[etree._Element | None, list[Finding]]:
    """The root of an XML text, or None and why; DTDs are refused before anything in them is expanded."""
    text, refusal = _in_utf8(data)
    if refusal is None:
        refusal = _doctype(text)
    if refusal is not None:
        return None, [refusal]
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        message = (
            f"the text is no well-formed XML: {(error.msg or 'nothing in it')[:200]} (line {line}, column {column})"
        )
        return None, [Finding(Level.FILE, "syntax", message, pointer="/", line=max(line, 1))]
    except ValueError as error:
        # lxml refuses some encodings and names by ValueError.
        return None, [Finding(Level.FILE, "syntax", f"the text is no well-formed XML: {error}"[:300], pointer="/")]
    if root.getroottree().docinfo.internalDTD is not None:
        return None, [_forbidden("a DOCTYPE stands in the text")]
    return _within_limits(root)


def _in_utf8(data: bytes) -> tuple[bytes, Finding | None]:
    """The bytes in an encoding in which the prolog can be read as ASCII."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return b"", _encoding("UTF-32")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            decoded = data.decode("utf-16").encode("utf-8")
        except UnicodeError:
            return b"", Finding(Level.FILE, "syntax", "the text is not the UTF-16 that it begins as", pointer="/")
        return _DECLARATION.sub(b"", decoded, count=1), None
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\x00" in data[:200]:
        return b"", _encoding("UTF-16 or UTF-32 without byte order mark")
    declaration = _DECLARATION.match(data)
    named = _ENCODING.search(declaration[0]) if declaration else None
    if named is not None and named[1].decode("ascii").lower() not in _ENCODINGS:
        return b"", _encoding(named[1].decode("ascii"))
    return data, None


def _encoding(name: str) -> Finding:
    message = f"encoding {name} is not read; send UTF-8"
    return Finding(Level.FILE, "unsupported-encoding", message, value=name, pointer="/", line=1, byte_offset=0)


def _doctype(text: bytes) -> Finding | None:
    prolog = _PROLOG.match(text)
    at = prolog.end() if prolog else 0
    if text[at : at + 9].upper() != b"<!DOCTYPE":
        return None
    name = _DOCTYPE.match(text, at)
    line = text.count(b"\n", 0, at) + 1
    if name is not None and name[1] == b"cXML" and not _SUBSET.match(text, at):
        message = "the document is cXML; documents in namespace urn:partner-gateway:canonical:1 are read"
        return Finding(
            Level.FILE, "unsupported-document", message, value="cXML", pointer="/cXML", line=line, byte_offset=at
        )
    return _forbidden("a DOCTYPE stands before the document", line, at)


def _forbidden(what: str, line: int | None = None, at: int | None = None) -> Finding:
    message = f"{what}; DTDs, entities and external references are not read: remove it"
    return Finding(Level.FILE, "doctype-forbidden", message, pointer="/", line=line, byte_offset=at)


def _within_limits(root: etree._Element) -> tuple[etree._Element | None, list[Finding]]:
    depth = count = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "end":
            depth -= 1
            continue
        depth += 1
        count += 1
        if depth > DEPTH_MAX:
            message = f"elements are nested deeper than {DEPTH_MAX}"
            return None, [Finding(Level.FILE, "too-deep", message, pointer="/", line=element.sourceline)]
        if count > ELEMENTS_MAX:
            message = f"the text holds more than {ELEMENTS_MAX} elements; send fewer documents at once"
            return None, [Finding(Level.FILE, "too-large", message, pointer="/", line=element.sourceline)]
    return root, []
