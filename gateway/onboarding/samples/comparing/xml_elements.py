"""XML by elements, attributes and text: blanks around them, prefixes and the order of attributes do not count."""

from collections.abc import Iterator

from lxml import etree

from gateway.onboarding.samples.comparing.differences import shortened
from translators.xml.parsing import parse

_Part = tuple[str, str | None, str | None]  # place, expected, came


def xml_differences(expected: bytes, came: bytes) -> Iterator[_Part]:
    """Where two XML texts differ, as XPaths."""
    (ours, our_faults), (theirs, their_faults) = parse(expected), parse(came)
    if ours is None or theirs is None:
        yield "", our_faults[0].message if our_faults else "XML", their_faults[0].message if their_faults else "XML"
        return
    yield from _of(ours, theirs, f"/{_name(ours)}")


def _of(one: etree._Element, other: etree._Element, place: str) -> Iterator[_Part]:
    if one.tag != other.tag:
        yield place, str(one.tag), str(other.tag)
        return
    for name in sorted({*map(str, one.attrib), *map(str, other.attrib)}):
        if one.get(name) != other.get(name):
            yield f"{place}/@{name}", _shown(one.get(name)), _shown(other.get(name))
    texts = (one.text or "").strip(), (other.text or "").strip()
    if texts[0] != texts[1]:
        yield f"{place}/text()", _shown(texts[0]), _shown(texts[1])
    seen: dict[str, int] = {}
    for index in range(max(len(one), len(other))):
        child, beside = (held[index] if index < len(held) else None for held in (one, other))
        shown = child if child is not None else beside
        assert shown is not None  # noqa: S101  # one of the two is that long
        name = _name(shown)
        seen[name] = seen.get(name, 0) + 1
        below = f"{place}/{name}[{seen[name]}]"
        if child is not None and beside is not None:
            yield from _of(child, beside, below)
        else:
            yield below, _whole(child), _whole(beside)


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def _whole(element: etree._Element | None) -> str | None:
    if element is None:
        return None
    return shortened(etree.tostring(element, encoding="unicode", with_tail=False))


def _shown(text: object) -> str | None:
    return shortened(str(text)) if text else None
