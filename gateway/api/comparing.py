"""Two releases of an OpenAPI document compared: every change that may break a program written against the older one.

What a caller sends may only be taken more freely, what is answered may only say more. The rules are `RULES`; each
change names its rule and its place. How two schemas differ is in `comparing_schemas`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.api.comparing_schemas import Difference, Differing, Way
from gateway.api.promising import Schema

_OPEN_PART: Final = "{}"
_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


class Rule(StrEnum):
    """What may break a program."""

    OPERATION_REMOVED = "operation-removed"
    OPERATION_RENAMED = "operation-renamed"
    PARAMETER_REMOVED = "parameter-removed"
    PARAMETER_REQUIRED = "parameter-required"
    BODY_REFUSED = "body-refused"
    BODY_REQUIRED = "body-required"
    REQUEST_MEDIA_TYPE_REMOVED = "request-media-type-removed"
    REQUEST_FIELD_REMOVED = "request-field-removed"
    REQUEST_FIELD_REQUIRED = "request-field-required"
    REQUEST_TYPE_NARROWED = "request-type-narrowed"
    REQUEST_VALUES_NARROWED = "request-values-narrowed"
    REQUEST_LIMIT_NARROWED = "request-limit-narrowed"
    REQUEST_UNKNOWN_REFUSED = "request-unknown-refused"
    STATUS_REMOVED = "status-removed"
    ANSWER_MEDIA_TYPE_REMOVED = "answer-media-type-removed"
    ANSWER_HEADER_REMOVED = "answer-header-removed"
    ANSWER_FIELD_REMOVED = "answer-field-removed"
    ANSWER_FIELD_OPTIONAL = "answer-field-optional"
    ANSWER_TYPE_WIDENED = "answer-type-widened"
    ANSWER_VALUES_WIDENED = "answer-values-widened"
    SECURITY_TIGHTENED = "security-tightened"
    EVENT_REMOVED = "event-removed"
    EVENT_HEADER_REMOVED = "event-header-removed"


RULES: Final[Mapping[Rule, str]] = MappingProxyType(
    {
        Rule.OPERATION_REMOVED: "a call is gone",
        Rule.OPERATION_RENAMED: "a call has another operationId, which generated programs are made of",
        Rule.PARAMETER_REMOVED: "a parameter is gone",
        Rule.PARAMETER_REQUIRED: "a parameter must be sent that could be left out",
        Rule.BODY_REFUSED: "a body is no longer taken",
        Rule.BODY_REQUIRED: "a body must be sent that could be left out",
        Rule.REQUEST_MEDIA_TYPE_REMOVED: "a body is no longer taken in a media type",
        Rule.REQUEST_FIELD_REMOVED: "a field of what is sent is gone",
        Rule.REQUEST_FIELD_REQUIRED: "a field must be sent that could be left out",
        Rule.REQUEST_TYPE_NARROWED: "what is sent is no longer taken as another type",
        Rule.REQUEST_VALUES_NARROWED: "a value is no longer taken",
        Rule.REQUEST_LIMIT_NARROWED: "what is sent has a narrower limit, pattern or format",
        Rule.REQUEST_UNKNOWN_REFUSED: "unknown fields are no longer taken",
        Rule.STATUS_REMOVED: "a status is no longer answered where a call succeeds",
        Rule.ANSWER_MEDIA_TYPE_REMOVED: "an answer is no longer given in a media type",
        Rule.ANSWER_HEADER_REMOVED: "a header field of an answer is gone",
        Rule.ANSWER_FIELD_REMOVED: "a field of an answer is gone",
        Rule.ANSWER_FIELD_OPTIONAL: "a field of an answer may be absent that always was there",
        Rule.ANSWER_TYPE_WIDENED: "an answer may have a type or format that it never had",
        Rule.ANSWER_VALUES_WIDENED: "an answer may have a value that it never had, where they are not open (`x-open`)",
        Rule.SECURITY_TIGHTENED: "a credential that was enough is not any more",
        Rule.EVENT_REMOVED: "an event is gone",
        Rule.EVENT_HEADER_REMOVED: "a header field of the calls to webhooks is gone",
    }
)

_OF_REQUESTS: Final[Mapping[Difference, Rule]] = MappingProxyType(
    {
        Difference.FIELD_REMOVED: Rule.REQUEST_FIELD_REMOVED,
        Difference.FIELD_REQUIRED: Rule.REQUEST_FIELD_REQUIRED,
        Difference.TYPE: Rule.REQUEST_TYPE_NARROWED,
        Difference.VALUES: Rule.REQUEST_VALUES_NARROWED,
        Difference.LIMIT: Rule.REQUEST_LIMIT_NARROWED,
        Difference.UNKNOWN: Rule.REQUEST_UNKNOWN_REFUSED,
    }
)
_OF_ANSWERS: Final[Mapping[Difference, Rule]] = MappingProxyType(
    {
        Difference.FIELD_REMOVED: Rule.ANSWER_FIELD_REMOVED,
        Difference.FIELD_OPTIONAL: Rule.ANSWER_FIELD_OPTIONAL,
        Difference.TYPE: Rule.ANSWER_TYPE_WIDENED,
        Difference.VALUES: Rule.ANSWER_VALUES_WIDENED,
    }
)


class NotComparableError(Exception):
    """Something is no OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change that may break a program.

    Attributes:
        where: the call and the place in it, such as ``POST /v1/webhooks, body /url``.
        what: what it was and what it is.
    """

    rule: Rule
    where: str
    what: str

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {"rule": self.rule.value, "means": RULES[self.rule], "where": self.where, "what": self.what}


def breaking_changes(old: Schema, new: Schema) -> list[Change]:
    """Every change from one OpenAPI 3.1 document to a later one that may break a program.

    Args:
        old: as it was released.
        new: as it is now.

    Raises:
        NotComparableError: one of them is something else.
    """
    try:
        return list(dict.fromkeys(_Comparison(old, new).changes()))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise NotComparableError(f"one of them is no OpenAPI 3.1 document ({error!r:.99})") from None


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._differing = Differing(old, new)

    def changes(self) -> Iterator[Change]:
        then, now = _operations(self._old), _operations(self._new)
        for (route, method), (path, old) in then.items():
            where = f"{method.upper()} {path}"
            if (route, method) not in now:
                yield Change(Rule.OPERATION_REMOVED, where, f"{old.get('operationId', 'it')} is gone")
                continue
            yield from self._of_operation(where, old, now[route, method][1])
        for event, held in self._old.get("webhooks", {}).items():
            if event not in self._new.get("webhooks", {}):
                yield Change(Rule.EVENT_REMOVED, event, "is gone")
            else:
                yield from self._of_event(event, held["post"], self._new["webhooks"][event]["post"])

    def _of_operation(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            what = f"{old.get('operationId')} is called {new.get('operationId')}"
            yield Change(Rule.OPERATION_RENAMED, where, what)
        yield from self._of_parameters(where, old, new)
        yield from self._of_body(where, self._then(old.get("requestBody")), self._now(new.get("requestBody")))
        yield from self._of_answers(where, old["responses"], new["responses"])
        yield from self._of_security(where, old, new)

    def _of_parameters(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        before = _parameters([self._then(held) for held in old.get("parameters", ())])
        after = _parameters([self._now(held) for held in new.get("parameters", ())])
        for key, held in before.items():
            at = f"{where}, {held['in']} {held['name']}"
            if key not in after:
                yield Change(Rule.PARAMETER_REMOVED, at, "is gone")
                continue
            if after[key].get("required") and not held.get("required"):
                yield Change(Rule.PARAMETER_REQUIRED, at, "must be sent")
            yield from self._of_schemas(at, held["schema"], after[key]["schema"], Way.SENT)
        for key, held in after.items():
            if key not in before and held.get("required"):
                yield Change(
                    Rule.PARAMETER_REQUIRED, f"{where}, {held['in']} {held['name']}", "is new and must be sent"
                )

    def _of_body(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        at = f"{where}, body"
        if old and not new:
            yield Change(Rule.BODY_REFUSED, at, "is not taken")
            return
        if new.get("required") and not old.get("required"):
            yield Change(Rule.BODY_REQUIRED, at, "must be sent")
        for media_type, held in old.get("content", {}).items():
            if media_type not in new["content"]:
                yield Change(Rule.REQUEST_MEDIA_TYPE_REMOVED, at, f"{media_type} is not taken")
            else:
                yield from self._of_schemas(at, held["schema"], new["content"][media_type]["schema"], Way.SENT)

    def _of_answers(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        for status, held in old.items():
            at = f"{where}, {status}"
            if status not in new:
                if status[0] in "23":
                    yield Change(Rule.STATUS_REMOVED, at, "is not answered")
                continue
            before, after = self._then(held), self._now(new[status])
            for name in before.get("headers", {}):
                if name not in after.get("headers", {}):
                    yield Change(Rule.ANSWER_HEADER_REMOVED, at, f"{name} is gone")
            for media_type, content in before.get("content", {}).items():
                if media_type not in after.get("content", {}):
                    yield Change(Rule.ANSWER_MEDIA_TYPE_REMOVED, at, f"{media_type} is gone")
                else:
                    now = after["content"][media_type]["schema"]
                    yield from self._of_schemas(at, content["schema"], now, Way.ANSWERED)

    def _of_security(self, where: str, old: Schema, new: Schema) -> Iterator[Change]:
        after = new.get("security", self._new.get("security", []))
        schemes = self._new.get("components", {}).get("securitySchemes", {})
        was = self._old.get("components", {}).get("securitySchemes", {})
        for enough in old.get("security", self._old.get("security", [])) or [{}]:
            same = all(_scheme(was.get(name)) == _scheme(schemes.get(name)) for name in enough)
            if after and not (same and any(_suffices(enough, asked) for asked in after)):
                yield Change(Rule.SECURITY_TIGHTENED, where, f"{' and '.join(enough) or 'nothing'} is not enough")

    def _of_event(self, event: str, old: Schema, new: Schema) -> Iterator[Change]:
        names = {held["name"] for held in new.get("parameters", ())}
        for held in old.get("parameters", ()):
            if held["name"] not in names:
                yield Change(Rule.EVENT_HEADER_REMOVED, event, f"{held['name']} is gone")
        # What we send is to them what an answer is.
        for media_type, content in old["requestBody"]["content"].items():
            after = new["requestBody"]["content"].get(media_type)
            if after is None:
                yield Change(Rule.ANSWER_MEDIA_TYPE_REMOVED, event, f"{media_type} is gone")
            else:
                yield from self._of_schemas(event, content["schema"], after["schema"], Way.ANSWERED)

    def _of_schemas(self, where: str, old: Schema, new: Schema, way: Way) -> Iterator[Change]:
        rules = _OF_REQUESTS if way is Way.SENT else _OF_ANSWERS
        for found in self._differing.between(old, new, way):
            yield Change(rules[found.difference], f"{where} {found.pointer}".rstrip(), found.what)

    def _then(self, held: Schema | None) -> Schema:
        return self._differing.then(held or {})

    def _now(self, held: Schema | None) -> Schema:
        return self._differing.now(held or {})


def _operations(document: Schema) -> dict[tuple[str, str], tuple[str, Schema]]:
    """By path, whatever its open parts are called, and method."""
    return {
        (_route(path), method): (path, operation)
        for path, operations in document.get("paths", {}).items()
        for method, operation in operations.items()
        if method in _METHODS
    }


def _route(path: str) -> str:
    return "/".join(_OPEN_PART if part.startswith("{") else part for part in path.split("/"))


def _parameters(held: list[Schema]) -> dict[tuple[str, str], Schema]:
    """By place and name; the open parts of a path by their order."""
    found: dict[tuple[str, str], Schema] = {}
    for parameter in held:
        in_path = parameter["in"] == "path"
        # Names of header fields are the same in capital and small letters.
        name = str(len(found)) if in_path else parameter["name"]
        found[parameter["in"], name.lower() if parameter["in"] == "header" else name] = parameter
    return found


def _suffices(shown: Mapping[str, list[str]], asked: Mapping[str, list[str]]) -> bool:
    return all(name in shown and set(scopes) <= set(shown[name]) for name, scopes in asked.items())


def _scheme(held: Schema | None) -> Schema:
    """What makes a scheme what it is."""
    return {name: (held or {}).get(name) for name in ("type", "scheme", "in", "name")}
