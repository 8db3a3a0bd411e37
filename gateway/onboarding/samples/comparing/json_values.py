"""JSON by value: order of keys, blanks and spelling of numbers do not count."""

from collections.abc import Iterator

from gateway.onboarding.samples.comparing.differences import in_json

_Part = tuple[str, str | None, str | None]  # place, expected, came


def json_differences(expected: object, came: object) -> Iterator[_Part]:
    """Where two JSON values differ, as JSON pointers (RFC 6901), with both values; in the order of what is expected.

    Nothing is called for each level, so that no depth is too deep.
    """
    waiting: list[tuple[str, object, object]] = [("", expected, came)]
    while waiting:
        place, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            shared = [(f"{place}/{_escaped(key)}", one[key], other[key]) for key in one if key in other]
            yield from ((f"{place}/{_escaped(key)}", in_json(one[key]), None) for key in one if key not in other)
            yield from ((f"{place}/{_escaped(key)}", None, in_json(other[key])) for key in other if key not in one)
            waiting.extend(reversed(shared))
        elif isinstance(one, list) and isinstance(other, list):
            pairs = list(zip(one, other, strict=False))
            waiting.extend(reversed([(f"{place}/{index}", *pair) for index, pair in enumerate(pairs)]))
            for index in range(len(pairs), max(len(one), len(other))):
                held = (in_json(one[index]), None) if index < len(one) else (None, in_json(other[index]))
                yield f"{place}/{index}", *held
        elif isinstance(one, bool) is not isinstance(other, bool) or one != other:
            yield place, in_json(one), in_json(other)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
