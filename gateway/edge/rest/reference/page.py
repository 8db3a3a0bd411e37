"""Pages for people, made of the OpenAPI document and of the kinds of problems: they need nothing from elsewhere.

They can be read without any script; the script is for trying calls out. Every value is escaped by the templates.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import orjson
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from gateway import __version__
from gateway.edge.rest.reference.viewing import Call, Schema, View, view_of

_FOLDER: Final = "files"
_MARKED: Final = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@cache
def _files() -> Mapping[str, str]:
    folder = resources.files(__package__).joinpath(_FOLDER)
    return {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.is_file()}


def _parts() -> Iterator[tuple[str, tuple[str, bytes]]]:
    for name, text in _files().items():
        kind = name.rpartition(".")[2]
        if kind in _TYPES:
            yield name, (_TYPES[kind], text.encode())


# Style and script by name: media type and bytes.
PAGE_PARTS: Final[Mapping[str, tuple[str, bytes]]] = MappingProxyType(dict(_parts()))


def reference_page(document: Schema) -> bytes:
    """Every call of an OpenAPI document, to be read and to be tried."""
    view: View = view_of(document)
    return _page("reference.html", view=view)


def problems_page(problems: Sequence[Mapping[str, object]]) -> bytes:
    """Every kind of problem."""
    return _page("problems.html", problems=problems, only=None)


def problem_page(problem: Mapping[str, object]) -> bytes:
    """One kind of problem."""
    return _page("problems.html", problems=[problem], only=problem)


def _page(name: str, **values: object) -> bytes:
    return _environment().get_template(name).render(version=__version__, **values).encode()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=DictLoader(_files()), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # The address of a part changes with its bytes, so that no browser mixes those of two releases.
    tags = {name: hashlib.sha256(body).hexdigest()[:12] for name, (_, body) in PAGE_PARTS.items()}
    made.globals |= {"part": lambda name: f"/v1/reference/{name}?v={tags[name]}"}
    made.filters |= {"prose": _prose, "pretty": _pretty, "words": _words}
    return made


def _prose(text: object) -> Markup:
    """Text with `code` and **strong words**, all of it escaped."""
    pieces: list[Markup] = []
    behind, plain = 0, str(text)
    for found in _MARKED.finditer(plain):
        pieces.append(escape(plain[behind : found.start()]))
        pieces.append(Markup("<{0}>{1}</{0}>").format("code" if found[1] else "strong", found[1] or found[2]))
        behind = found.end()
    pieces.append(escape(plain[behind:]))
    return Markup("").join(pieces)


def _pretty(value: Any) -> str:  # noqa: ANN401  # JSON has no better type
    """An example as it is sent: JSON with its lines, a text as it stands."""
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _words(call: Call) -> str:
    """What a call is found by."""
    return " ".join((call.method, call.path, call.summary, call.id, call.scope or "", call.says)).lower()
