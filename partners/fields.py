"""How single values of a profile are written, each with the sentence that says what would be right."""

import re
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from pathlib import PurePosixPath
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# The type of every error raised here; its context carries `what` (to follow the field's name) and `right`.
WORDED: Final = "worded"
URL_CHARACTERS_MAX = 2_048


def worded(what: str, right: str) -> PydanticCustomError:
    """An error that brings its own words: "`field` WHAT; RIGHT"."""
    return PydanticCustomError(WORDED, "{what}; {right}", {"what": what, "right": right})


@dataclass(frozen=True, slots=True)
class Written:
    """Text that matches a pattern as a whole; `right` says it in words."""

    pattern: str
    right: str

    def matches(self, text: str) -> bool:
        """Whether a text is written so."""
        return re.fullmatch(self.pattern, text) is not None

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The check behind the string's own."""
        compiled = re.compile(self.pattern)

        def check(text: str) -> str:
            if compiled.fullmatch(text) is None:
                raise worded("is not written as it must be", self.right)
            return text

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The pattern for editors."""
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """A list that may be written as its only item."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wraps a single item before the list is checked."""

        def wrap(value: object) -> object:
            return value if isinstance(value, list | tuple) else [value]

        return core_schema.no_info_before_validator_function(wrap, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form, for editors."""
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


def _boolean(value: object) -> object:
    # YAML 1.1 also reads on, off, yes, no, y and n as booleans; here only what cannot be misread.
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    if isinstance(value, bool):
        return value
    raise worded("is neither true nor false", "write true or false")


def _number(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[0-9][0-9_]{0,17}", value) is not None:
        return int(value.replace("_", ""))
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise worded("is no whole number", "write digits, such as 1000 or 1_000")


def _date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is None:
        raise worded("is no date", "write it as 2027-01-31")
    return value


_PLAIN_FILE = re.compile(r"(?!profile\.yaml$)[A-Za-z0-9_-]{2,128}\.[A-Za-z0-9_-]{1,32}")


def _file_name(name: str) -> str:
    """Names only what lies in the profile's own folder; the loader also follows links to see that they stay inside."""
    if _PLAIN_FILE.fullmatch(name):
        return name  # nearly all are: a path is an object of many parts
    path = PurePosixPath(name)
    if path.is_absolute() or re.match(r"[A-Za-z]:", name):
        raise worded("is an absolute path", "put the file beside profile.yaml and name it without a path")
    if ".." in path.parts:
        raise worded("leaves the profile's folder", "put the file beside profile.yaml and name it without `..`")
    if len(path.parts) != 1 or "\\" in name or not name.isprintable() or str(path) != name or name == "profile.yaml":
        raise worded("is no file name", "name a file beside profile.yaml, such as acme-as2.pem")
    return name


def _url(text: str) -> str:
    right = "write it as https://host/path, without user, password and fragment"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise worded("is no URL", right) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not re.fullmatch(r"[!-~]+", text):
        raise worded("is no URL", right)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise worded("holds more than an address", right)
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise worded("is no network", "write it as 10.20.0.0/16, or one address as 10.20.0.7") from None
    return text


def _receipt_target(text: str) -> str:
    return _url(text) if "://" in text else text


SLUG = Written(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "write 1 to 63 letters a-z, digits and hyphens, such as acme-supply"
)
Slug = Annotated[str, SLUG]
# \S keeps blanks from both ends: nobody sees them, and no lookup would find them. Control characters, and those that
# turn the direction of writing, make a name look like another one.
Name = Annotated[
    str,
    Written(
        r"(?!.*[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069])\S(?:.{0,198}\S)?",
        "write 1 to 200 characters without blanks at the ends, and no control characters",
    ),
]
# RFC 4130 6.2: printable ASCII, 1 to 128 characters; a quote or backslash would need escaping that peers get wrong.
As2Id = Annotated[
    str,
    Written(
        r"[!#-\[\]-~](?:[ !#-\[\]-~]{0,126}[!#-\[\]-~])?",
        'write 1 to 128 printable ASCII characters without `"` and `\\`',
    ),
]
InterchangeQualifier = Annotated[
    str, Written(r"[A-Z0-9]{2}", "write the two characters of ISA05, such as ZZ, 01 or 12")
]
# ISA06 and ISA08 are 15 wide and padded on the wire; the profile holds them without padding.
InterchangeId = Annotated[
    str, Written(r"[!-~](?:[ -~]{0,13}[!-~])?", "write ISA06 without its padding: 1 to 15 printable ASCII characters")
]
GroupId = Annotated[
    str, Written(r"[!-~][ -~]{0,13}[!-~]", "write GS02 as the partner sends it: 2 to 15 printable ASCII characters")
]
# Six digits, or with the suffix of an industry or implementation guide, as in GS08.
Release = Annotated[
    str, Written(r"[0-9]{6}[A-Z0-9]{0,6}", "write it as in GS08, such as 004010 or 005010 or 004010VICS")
]
GroupCode = Annotated[
    str,
    Written(r"(?!FA)[0-9A-Z]{2}", "write the two capital letters or digits of GS01, such as SC; FA is that of a 997"),
]
Separator = Annotated[
    str,
    Written(
        r"[\x01-\x1f!-/:-@\[-`{-~]", 'write one character that is no letter, digit or blank, such as "*" or "\\x1c"'
    ),
]
Replacement = Annotated[str, Written(r"[ -~]", 'write one printable ASCII character, such as " " or "."')]
InterchangeVersion = Annotated[str, Written(r"[0-9]{5}", "write the five digits of ISA12, such as 00401 or 00501")]
Sha256Hex = Annotated[
    str,
    Written(
        r"[0-9a-f]{64}",
        "write the key's SHA-256 digest as 64 lower-case hex digits (printf %s KEY | sha256sum), never the key itself",
    ),
]
FileName = Annotated[
    str,
    Written(r"[^\x00]{1,255}", "name a file beside profile.yaml, such as acme-as2.pem"),
    AfterValidator(_file_name),
]
Url = Annotated[
    str,
    Written(rf"(?s:.{{1,{URL_CHARACTERS_MAX}}})", f"keep it below {URL_CHARACTERS_MAX} characters"),
    AfterValidator(_url),
]
# A host alone stands for every URL on it.
ReceiptTarget = Annotated[
    str,
    Written(
        rf"[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,253}}[A-Za-z0-9])?|https?://[!-~]{{1,{URL_CHARACTERS_MAX}}}",
        "write a host, such as edi.acme.example, or a URL",
    ),
    AfterValidator(_receipt_target),
]
Network = Annotated[str, AfterValidator(_network)]
# A secret never stands in a profile: where it is found does.
SecretReference = Annotated[
    str,
    Written(
        r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\x00]{1,1023}",
        "write where the secret is found, never the secret: env:VARIABLE or file:/absolute/path",
    ),
]
HeaderText = Annotated[
    str, Written(r"[!-~](?:[ -~]{0,198}[!-~])?", "write 1 to 200 printable ASCII characters without blanks at the ends")
]
MediaType = Annotated[
    str,
    Written(
        r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(?:; ?[A-Za-z0-9!#$&^_.+-]{1,64}=[!-~]{1,64})?",
        "write a media type, such as application/edi-x12",
    ),
]
# An identifier that stands in a header field or a token: of a signature key, an OAuth client, a tag.
KEY_ID = Written(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,126}[A-Za-z0-9])?", "write 1 to 128 letters, digits and . _ : -")
KeyId = Annotated[str, KEY_ID]
SignedComponent = Annotated[
    str,
    Written(
        r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}", "write the name of a header field in small letters, such as content-type"
    ),
]
HostName = Annotated[
    str,
    Written(
        r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]{2,45}\]?",
        "write a host without scheme and port, such as hooks.acme.example",
    ),
]
Boolean = Annotated[bool, BeforeValidator(_boolean, json_schema_input_type=bool)]
DateText = BeforeValidator(_date, json_schema_input_type=date)


def number(least: int, most: int) -> Any:  # noqa: ANN401  # an annotation made of two bounds, which has no better type
    """Bounds and spelling of a whole number."""
    return (BeforeValidator(_number, json_schema_input_type=int), Field(ge=least, le=most))
