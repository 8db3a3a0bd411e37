"""The text of a new profile: the answers, and the keys that most people need next as comments with their meaning.

What a key means is taken from the model's own schema, so that the words here are those of editors and the reference.
"""

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from gateway.onboarding.founding.questions import Answers, ServerOfTheirs
from gateway.onboarding.reference.entries import Entry, parts_of
from partners.profile import Status
from partners.schema import profile_schema
from partners.yaml_text import on_one_line

MODELINE: Final = "# yaml-language-server: $schema=../profile.schema.json"
_WIDTH: Final = 118
_STATUS_SAYS: Final = "draft, testing, live or suspended; `gateway partner status` and `go-live` change it"
# What is offered as a comment, by the part that it stands in.
_OF_AS2: Final = ("certificate_exchange", "receipts_to", "sending", "connection")
_OF_SFTP_SERVER: Final = ("private_networks",)
_OF_ALL: Final = ("delivery", "throttling", "limits")
_OF_API: Final = ("api", "webhooks")
_OF_X12: Final = (
    "tolerances",
    "validation",
    "acknowledgment",
    "framing",
    "duplicates",
    "processing",
    "control_numbers",
    "business_tolerances",
)


@dataclass(frozen=True, slots=True)
class ApiKeyDigest:
    """A key that was made, without the key."""

    label: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A profile that is about to be written."""

    partner: str
    template: str
    status: Status
    answers: Answers
    certificates: tuple[str, ...]  # names of the files beside it
    sftp_keys: tuple[str, ...]
    api_key: ApiKeyDigest | None
    made_on: date


def profile_text(draft: Draft) -> str:
    """The whole profile.yaml."""
    said, schema = draft.answers, profile_schema()
    known = {entry.path: entry for part in parts_of(schema) for entry in part.entries}
    lines = [*_head(draft), *_who(draft), *_contacts(said, known)]
    if said.as2_id is not None:
        lines += ["", *_as2(draft, known)]
    if draft.api_key is not None:
        entry = {"label": draft.api_key.label, "sha256": draft.api_key.sha256}
        lines += ["", "api_keys: # the digest of the key; the key itself is kept nowhere", f"  - {on_one_line(entry)}"]
    if said.sftp_user is not None:
        lines += ["", *_sftp(said.sftp_user, draft.sftp_keys)]
    if said.sftp_server is not None:
        lines += ["", *_sftp_server(said.sftp_server, known)]
    if said.x12 is not None:
        address = {"qualifier": said.x12.qualifier, "id": said.x12.id}
        if said.group_id not in {None, said.x12.id}:
            address["group_id"] = said.group_id or ""
        lines += ["", f"x12: {on_one_line(address)} # ISA05 and ISA06 when they send"]
    if said.via is not None:
        lines += ["", f"via: {on_one_line(said.via)} # the connection that lists the address above in its `speaks_for`"]
    if said.speaks_for:
        held = [{"qualifier": one.qualifier, "id": one.id} for one in said.speaks_for]
        lines += ["", "speaks_for: # whom it may speak for; any other address is refused"]
        lines += [f"  - {on_one_line(one)}" for one in held]
    lines += ["", *_agreements(draft), *_offers(draft, known)]
    return "\n".join(lines) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    yield MODELINE
    yield "#"
    words = (
        f"Begun on {draft.made_on} by `gateway partner new`, upon the template {draft.template}: what is not said here "
        f"comes from there, and `gateway partner show {draft.partner} --effective` shows all of it with its origin. "
        "Lines that begin with `#` and a key are offers: remove the `#` and write what is agreed. Every key there is: "
        "`gateway schema profile --to html`."
    )
    yield from _comment(words)
    yield ""


def _who(draft: Draft) -> Iterator[str]:
    yield f"id: {on_one_line(draft.partner)} # the name of this folder; it appears in routing keys and reports"
    yield f"name: {on_one_line(draft.answers.name)}"
    yield f"extends: {on_one_line(draft.template)}"
    yield f"status: {draft.status} # {_STATUS_SAYS}"


def _contacts(said: Answers, known: dict[str, Entry]) -> Iterator[str]:
    yield ""
    if not said.contacts:
        yield from _offer("", known["contacts"])
        return
    yield "contacts:"
    for one in said.contacts:
        yield f"  - {on_one_line({'name': one.name} | ({'email': one.email} if one.email else {}))}"


def _as2(draft: Draft, known: dict[str, Entry]) -> Iterator[str]:
    said = draft.answers
    yield "as2:"
    yield f"  id: {on_one_line(said.as2_id)} # AS2-From of their messages; capital and small letters differ"
    if said.our_identity is not None:
        yield f"  our_identity: {on_one_line(said.our_identity)} # which of our identities they know"
    if said.as2_url is not None:
        yield f"  url: {on_one_line(said.as2_url)} # where we send to"
    else:
        yield from _offer("  ", known["as2.url"])
    if len(draft.certificates) > 1:
        yield "  certificates: # signatures of either count; we encrypt to the newest"
        yield from (f"    - {on_one_line({'file': name})}" for name in draft.certificates)
    else:
        name = draft.certificates[0] if draft.certificates else f"{draft.partner}-as2.pem"
        told = "theirs, beside this file" + ("" if draft.certificates else "; it has not come yet: put it there")
        yield f"  certificate: {on_one_line(name)} # {told}"
    for key in _OF_AS2:
        yield from _offer("  ", known[f"as2.{key}"])


def _sftp(user: str, keys: tuple[str, ...]) -> Iterator[str]:
    yield "sftp:"
    yield f"  user: {on_one_line(user)}"
    if not keys:
        yield '  keys: [] # none came yet; then: - {label: "1", file: THEIRS.pub}'
        return
    yield "  keys:"
    for number, name in enumerate(keys, start=1):
        yield f"    - {on_one_line({'label': f'key-{number}', 'file': name})}"


def _sftp_server(said: ServerOfTheirs, known: dict[str, Entry]) -> Iterator[str]:
    yield "sftp_server: # theirs, where we are the client"
    yield f"  host: {on_one_line(said.place.host)}"
    if said.place.port is not None:
        yield f"  port: {said.place.port}"
    yield f"  user: {on_one_line(said.user)} # ours there"
    yield "  host_keys: # compared with what they told you another way"
    yield from (f"    - {on_one_line(one)}" for one in said.host_keys)
    yield f"  key: {on_one_line(said.key)} # `gateway sftp keys new {said.key}` makes it"
    if said.push is not None:
        yield "  push:"
        yield f"    folder: {on_one_line(said.push)}"
    else:
        yield from _offer("  ", known["sftp_server.push"])
    if said.fetch:
        yield "  fetch:"
        for number, folder in enumerate(said.fetch, start=1):
            yield f"    - {on_one_line({'name': f'folder-{number}', 'folder': folder})}"
    for key in _OF_SFTP_SERVER:
        yield from _offer("  ", known[f"sftp_server.{key}"])


def _agreements(draft: Draft) -> Iterator[str]:
    words = (
        f"What we exchange stands in the template {draft.template}. An agreement here on the same document changes "
        "that one alone; any other joins them; `in_use: false` takes one away."
    )
    yield from _comment(words)
    if not draft.answers.declined:
        return
    yield "agreements: # not with this partner:"
    for item in draft.answers.declined:
        held: dict[str, Any] = {"document": item.document, "direction": item.direction, "syntax": item.syntax}
        yield f"  - {on_one_line(held | {'in_use': False})}"


def _offers(draft: Draft, known: dict[str, Entry]) -> Iterator[str]:
    said = draft.answers
    keys = (
        *(("testing",) if said.as2_id is not None else ()),
        *(_OF_API if said.api_key_label is not None else ()),
        *_OF_ALL,
        *(_OF_X12 if said.x12 is not None else ()),
    )
    for key in keys:
        yield ""
        yield from _offer("", known[key])


def _offer(indentation: str, entry: Entry) -> Iterator[str]:
    """A key as a comment that becomes part of the profile once its `# ` is removed."""
    yield from _comment(entry.meaning, indentation)
    yield f"{indentation}# {entry.name}: {entry.example}"


def _comment(words: str, indentation: str = "") -> Iterable[str]:
    before = f"{indentation}#   " if indentation else "#   "
    first = f"{indentation}# "
    return textwrap.wrap(
        words, _WIDTH, initial_indent=first, subsequent_indent=before, break_long_words=False, break_on_hyphens=False
    )
