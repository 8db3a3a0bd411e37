"""Public answers about the interface itself. They are the same for everybody and change with a release alone."""

import hashlib
from dataclasses import dataclass
from functools import cache

import orjson
from aiohttp import hdrs, web

from gateway.api.openapi import openapi
from gateway.api.operations import OPERATIONS
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import JSON, Handler, Routes
from gateway.edge.refusals import PROBLEMS_PATH, catalogue
from gateway.edge.rest.accepting import chosen
from gateway.edge.rest.door import Door
from gateway.edge.rest.reference.page import PAGE_PARTS, problem_page, problems_page, reference_page
from gateway.edge.rest.serving import is_known
from gateway.model.refusals import Reason, Refused
from translators.documents import DOCUMENTS
from translators.shapes import schema

SCHEMAS_PATH = "/v1/schemas"
REFERENCE_PATH = OPERATIONS["get_reference"].path
SCHEMA_JSON = "application/schema+json"
HTML = "text/html; charset=utf-8"
# Nothing from elsewhere, no script or style within the page, no frame around it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_PROBLEM_NAMES = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True)
class Leaf:
    """Bytes that stay the same as long as this program runs."""

    body: bytes
    content_type: str
    tag: str


class Reference:
    """Answers about the interface.

    Args:
        edge: what it stands on.
    """

    def __init__(self, edge: Edge) -> None:
        self._public_url = edge.settings.public_url

    def add_to(self, routes: Routes, door: Door) -> None:
        """Put its routes among the others."""
        add = door.add
        add(routes, "get_openapi", self.openapi)
        add(routes, "get_reference", self.reference)
        add(routes, "list_schemas", self.schemas)
        add(routes, "get_schema", self.schema)
        add(routes, "list_problems", self.problems)
        add(routes, "get_problem", self.problem)
        self.add_parts_to(routes)

    def add_problems_to(self, routes: Routes) -> None:
        """The kinds of problems alone, for a port that has no partners."""
        routes.add("GET", PROBLEMS_PATH, self.problems)
        routes.add("GET", OPERATIONS["get_problem"].route, self.problem)
        self.add_parts_to(routes)

    def add_parts_to(self, routes: Routes) -> None:
        """Style and script of the pages."""
        for name in PAGE_PARTS:
            routes.add("GET", f"{REFERENCE_PATH}/{name}", _part(name))

    async def openapi(self, request: Request) -> web.Response:
        """The OpenAPI document."""
        return _answer(request, _openapi(self._public_url))

    async def reference(self, request: Request) -> web.Response:
        """The page."""
        return _answer(request, _reference(self._public_url))

    async def schemas(self, request: Request) -> web.Response:
        """Every schema there is."""
        return _answer(request, _schemas())

    async def schema(self, request: Request, name: str) -> web.Response:
        """One schema."""
        if name not in DOCUMENTS:
            raise Refused(Reason.NOT_FOUND, f"there is no such schema; {SCHEMAS_PATH} lists those there are")
        return _answer(request, _schema(name))

    async def problems(self, request: Request) -> web.Response:
        """Every kind of problem."""
        return _answer(request, _problems(self._public_url, page=_wants_page(request)), hdrs.ACCEPT)

    async def problem(self, request: Request, name: str) -> web.Response:
        """One kind of problem."""
        if name not in _PROBLEM_NAMES:
            raise Refused(Reason.NOT_FOUND, f"there is no such kind of problem; {PROBLEMS_PATH} lists those there are")
        return _answer(request, _problem(name, self._public_url, page=_wants_page(request)), hdrs.ACCEPT)


def _answer(request: Request, leaf: Leaf, vary: str = "") -> web.Response:
    headers = {
        hdrs.ETAG: leaf.tag,
        hdrs.CACHE_CONTROL: "no-cache",  # kept, and asked about each time
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    if leaf.content_type == HTML:
        headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    if vary:
        headers[hdrs.VARY] = vary
    if is_known(request, leaf.tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=leaf.body, headers=headers | {hdrs.CONTENT_TYPE: leaf.content_type})


def _wants_page(request: Request) -> bool:
    """People's browsers ask for pages; programs that say nothing get JSON."""
    return chosen(request, (JSON, "text/html")) == "text/html"


def _leaf(body: bytes, content_type: str) -> Leaf:
    return Leaf(body, content_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _part(name: str) -> Handler:
    content_type, body = PAGE_PARTS[name]
    leaf = _leaf(body, content_type)

    async def answer(request: Request) -> web.Response:
        return _answer(request, leaf)

    return answer


@cache
def _openapi(public_url: str | None) -> Leaf:
    return _leaf(orjson.dumps(openapi(public_url or "/")), JSON)


@cache
def _reference(public_url: str | None) -> Leaf:
    return _leaf(reference_page(openapi(public_url or "/")), HTML)


@cache
def _schemas() -> Leaf:
    listed = [
        {
            "name": name,
            "describes": schema(name)["description"],
            "links": {"self": f"{SCHEMAS_PATH}/{name}"},
        }
        for name in DOCUMENTS
    ]
    return _leaf(orjson.dumps({"schemas": listed}), JSON)


@cache
def _schema(name: str) -> Leaf:
    return _leaf(orjson.dumps(schema(name)), SCHEMA_JSON)


@cache
def _problems(public_url: str | None, *, page: bool) -> Leaf:
    told = catalogue(public_url)
    return _leaf(problems_page(told), HTML) if page else _leaf(orjson.dumps({"problems": told}), JSON)


@cache
def _problem(name: str, public_url: str | None, *, page: bool) -> Leaf:
    (told,) = [one for one in catalogue(public_url) if one["name"] == name]
    return _leaf(problem_page(told), HTML) if page else _leaf(orjson.dumps(told), JSON)
