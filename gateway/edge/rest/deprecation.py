"""What answers say of calls and parameters on their way out: Deprecation (RFC 9745), Sunset (RFC 8594), Link."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import hdrs

from gateway.api.operations import Deprecation, Operation
from gateway.api.promises import PROMISES
from gateway.edge.bodies import Request

DEPRECATION, SUNSET = "Deprecation", "Sunset"


def fields_of(deprecation: Deprecation, documentation: str) -> dict[str, str]:
    """The header fields.

    Args:
        deprecation: since when, until when, what comes instead.
        documentation: the path of a page that says more.
    """
    links = [f'<{documentation}>; rel="deprecation"; type="text/html"']
    if deprecation.successor:
        links.insert(0, f'<{deprecation.successor}>; rel="successor-version"')
    return {
        DEPRECATION: f"@{int(deprecation.since.timestamp())}",
        SUNSET: _http_date(deprecation.sunset),
        hdrs.LINK: ", ".join(links),
    }


class Deprecations:
    """What an operation has of the kind, worked out once.

    Args:
        operation: itself or parameters of it may be on their way out.
    """

    def __init__(self, operation: Operation) -> None:
        documentation = f"/v1/reference#{operation.id}"
        promise = PROMISES.get(operation.id)
        self._always = fields_of(operation.deprecated, documentation) if operation.deprecated is not None else {}
        self._by_parameter: Mapping[str, dict[str, str]] = {
            parameter.name: fields_of(parameter.deprecated, documentation)
            for parameter in (promise.parameters if promise is not None else ())
            if parameter.deprecated is not None and parameter.where == "query"
        }

    def tell(self, request: Request) -> None:
        """Put the fields on whatever the request is answered with."""
        fields = self._always
        if self._by_parameter and request.query_string:
            for name in request.query:
                fields = fields or self._by_parameter.get(name, {})
        if fields:
            request.extra_headers = dict(request.extra_headers) | fields


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)
