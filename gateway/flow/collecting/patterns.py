"""Which names are meant: patterns with * and ?, over names that are data and may be anything.

The rest of a pattern stands for itself, brackets and backslashes included, and letters are distinguished by case. A
pattern never costs more than its length times that of the name, whatever both are: no regular expressions.
"""

from collections.abc import Iterable

ANY = "*"
ONE = "?"


def readable(name: bytes) -> str:
    """A name as text for matching: bytes that are no UTF-8 stand for themselves, so two names never become one."""
    return name.decode("utf-8", "surrogateescape")


def matches(pattern: str, name: str) -> bool:
    """Whether a whole name is one that a pattern means: * stands for any characters or none, ? for exactly one."""
    at, position = 0, 0
    star, tried_from = -1, 0
    while position < len(name):
        if at < len(pattern) and pattern[at] == ANY:
            star, tried_from = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in (ONE, name[position]):
            at += 1
            position += 1
        elif star >= 0:
            # What went before the last * is settled: only how much it stands for can be otherwise.
            tried_from += 1
            at, position = star + 1, tried_from
        else:
            return False
    return not pattern[at:].strip(ANY)


def is_wanted(name: bytes, wanted: Iterable[str], unwanted: Iterable[str]) -> bool:
    """Whether a file's name is meant by one of the patterns, and by none of those that take it out again."""
    text = readable(name)
    return any(matches(one, text) for one in wanted) and not any(matches(one, text) for one in unwanted)


def has_wildcards(text: str) -> bool:
    """Whether a name of a profile is a pattern."""
    return ANY in text or ONE in text
