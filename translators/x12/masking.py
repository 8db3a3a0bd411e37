"""Keeps the passwords of interchanges out of sight: ISA02 and ISA04 may hold one."""

import re

MASKED = "(masked)"

# ISA01 and ISA03, the qualifiers, tell nothing; what follows each up to the next separator may be a password. The
# text may be cut short anywhere.
_ISA = re.compile(r"(ISA([^\w\s])[^\r\n]{0,4}?\2)([^\r\n]*?)(?:(\2[^\r\n]{0,4}?\2)([^\r\n]*?))?(?=\2|[\r\n]|\Z)")


def without_passwords(text: str) -> str:
    """A text with ISA02 and ISA04 of every ISA in it masked; blank ones stay as they are."""
    return _ISA.sub(_masked, text) if "ISA" in text else text


def masked(value: str) -> str:
    """A value of ISA02 or ISA04 as people may see it: that there was one, not which."""
    return MASKED if value.strip() else value


def _masked(found: re.Match[str]) -> str:
    head, _, authorization, between, security = found.groups()
    return head + masked(authorization) + (between + masked(security) if between is not None else "")
