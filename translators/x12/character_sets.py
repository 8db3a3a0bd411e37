"""The character sets of X12: which characters data may hold (X12.6 3.3).

A character that separates in an interchange is none of its data, so nothing is said of separators here. Control
characters are in no set.
"""

import functools
import re
from typing import Final, Literal

CharacterSet = Literal["any", "extended", "basic"]

# As they stand between the brackets of a regular expression, all without the star, which stands there for the element
# separator. What may stand is listed, which is matched quicker than what may not.
_BASIC: Final = r"A-Z0-9 !\"&'()+,\-./:;?="
# Every other printable character of ASCII, and the language characters that X12.6 3.3.2 names.
_EXTENDED: Final = " -)+-~ÀÁÂÄàáâäÈÉÊèéêëÌÍÎìíîïÒÓÔÖòóôöÙÚÛÜùúûüÇçÑñ¿¡"
_ANY: Final = r" -)+-~\x80-\xff"
_LISTED: Final[dict[CharacterSet, str]] = {"any": _ANY, "extended": _EXTENDED, "basic": _BASIC}


def text_pattern(character_set: CharacterSet) -> str:
    """One character of a set in a text with one character for each byte and stars between its elements."""
    return f"[{_LISTED[character_set]}]"


def foreign_characters(value: str, character_set: CharacterSet) -> str:
    """The characters of a value that the set does not have, each once; control characters are told of elsewhere."""
    if character_set == "any":
        return ""
    return "".join(dict.fromkeys(_foreign(character_set).findall(value)))


@functools.cache
def _foreign(character_set: CharacterSet) -> re.Pattern[str]:
    return re.compile(rf"[^*{_LISTED[character_set]}]")
