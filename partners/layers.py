"""A profile in layers: templates, the profile itself, what holds in one environment, what holds until it is live.

    templates/as2-x12          what `extends` names, itself perhaps upon another
    profile.yaml               the partner
    profile.staging.yaml       what differs where gateway.yaml says `environment: staging`
    testing:                   a part of the profile: what differs until `status: live`

Each lies over the one before: keys of a mapping join, an agreement joins the one on the same document, and anything
else takes the other's place. Every value keeps the place it was written at, so that a problem names the right line.
"""

from collections.abc import Iterator

from partners.nodes import Mapping, Node, Scalar, Sequence, place_of
from partners.problems import Location, Place
from partners.templates import shipped_templates

TESTING = "testing"
# What `testing:` cannot change: who it is, what it builds on, and whether it holds at all.
NOT_FOR_TESTING = ("id", "extends", "status", TESTING)
AGREEMENTS = "agreements"
# What tells the agreements of two layers apart.
_AGREED_ON = ("document", "direction", "syntax", "our_identity")


def lay(below: Mapping, above: Mapping) -> Mapping:
    """One layer over another."""
    marks, values = below.marks | above.marks, dict(below.values)
    for key, node in above.values.items():
        other = values.get(key)
        if isinstance(node, Mapping) and isinstance(other, Mapping):
            values[key] = lay(other, node)
        elif key == AGREEMENTS and isinstance(node, Sequence) and isinstance(other, Sequence):
            values[key] = _agreements(other, node)
        else:
            values[key] = node
    return Mapping(marks, values, above.mark, above.layer)


def split_testing(nodes: Mapping) -> tuple[Mapping, Node | None]:
    """A profile as it is for real, and what differs until then."""
    if TESTING not in nodes.values:
        return nodes, None
    values = {key: node for key, node in nodes.values.items() if key != TESTING}
    return Mapping(nodes.marks, values, nodes.mark, nodes.layer), nodes.values[TESTING]


def without_unused(nodes: Mapping) -> Mapping:
    """A profile without the agreements that are `in_use: false`."""
    agreements = nodes.values.get(AGREEMENTS)
    if not isinstance(agreements, Sequence):
        return nodes
    kept = [item for item in agreements.items if text_of(item, "in_use") != "false"]
    if len(kept) == len(agreements.items):
        return nodes
    values = nodes.values | {AGREEMENTS: Sequence(kept, agreements.mark, agreements.layer)}
    return Mapping(nodes.marks, values, nodes.mark, nodes.layer)


def text_of(node: Node | None, key: str) -> str | None:
    """The text of a key; None where it has none."""
    value = node.values.get(key) if isinstance(node, Mapping) else None
    return value.text if isinstance(value, Scalar) else None


def place_to_mend(nodes: Mapping, location: Location) -> Place:
    """Where a person mends what is wrong with a field.

    Nobody writes in the templates that come with the gateway: what stands there is mended in what the partner's own
    files say around it, or where they name the template.
    """
    shipped = f"{shipped_templates()}/"
    place = place_of(nodes, location)
    while place.file.startswith(shipped) and location:
        location = location[:-1]
        place = place_of(nodes, location or ("extends",))
    return place


def written(node: Node, location: Location = ()) -> Iterator[tuple[Location, Scalar]]:
    """Every single value with its location, in the order of the layers."""
    if isinstance(node, Scalar):
        yield location, node
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from written(item, (*location, index))
    else:
        for key, value in node.values.items():
            yield from written(value, (*location, key))


def _agreements(below: Sequence, above: Sequence) -> Sequence:
    """Agreements of two layers: those on the same document join, the others stand one behind the other."""
    joined: list[Node] = list(below.items)
    # Looked up, not searched for: two files of thousands would otherwise be compared each with each.
    free: dict[tuple[str | None, ...], list[int]] = {}
    for index in reversed(range(len(below.items))):
        other = below.items[index]
        if isinstance(other, Mapping):
            free.setdefault(_agreed_on(other), []).append(index)
    for item in above.items:
        same = free.get(_agreed_on(item)) if isinstance(item, Mapping) else None
        if not same or not isinstance(item, Mapping):
            joined.append(item)
            continue
        index = same.pop()
        other = joined[index]
        joined[index] = lay(other, item) if isinstance(other, Mapping) else item
    return Sequence(joined, above.mark, above.layer)


def _agreed_on(item: Mapping) -> tuple[str | None, ...]:
    return tuple(text_of(item, key) for key in _AGREED_ON)
