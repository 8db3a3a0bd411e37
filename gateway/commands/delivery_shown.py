"""One delivery for people: what was wanted, how it was made, where it stands, what proves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.commands import timelines
from gateway.commands.findings import print_findings
from gateway.commands.output import print_pairs, say, size
from gateway.commands.parsing import shown
from gateway.flow.outward.ways import owner_in
from gateway.model.delivery import DELIVERY_FINAL_STATES, MAILBOX, DeliveryKind
from gateway.model.file_names import facts_of, file_name
from gateway.store.deliveries import StoredDelivery
from partners.directory import Directory

DOCUMENT_CHARACTERS_MAX = 4_000


@dataclass(frozen=True, slots=True)
class LiesIn:
    """Where a delivery lies that a partner has not fetched yet.

    Attributes:
        owner: the id of the partner whose mailbox it is.
        is_connection: the mailbox is that of a connection, and the delivery for somebody who comes by it.
        folder: outbox or acknowledgments.
        name: of the file.
    """

    owner: str
    is_connection: bool
    folder: str
    name: str

    @property
    def path(self) -> str:
        """As they see it."""
        return f"{self.folder}/{self.name}"

    @property
    def words(self) -> str:
        """The same for people."""
        whose = f" of the mailbox of {self.owner}" if self.is_connection else ""
        return f"it lies in {self.folder}/{whose} as {self.name} until they fetch it"


def lies_in(directory: Directory, delivery: StoredDelivery) -> LiesIn | None:
    """Where a delivery lies; None where that is in no mailbox, or not any more."""
    if delivery.channel != MAILBOX or delivery.state in DELIVERY_FINAL_STATES:
        return None
    owner = directory.by_id(owner_in(delivery.channel, delivery.destination) or "")
    if owner is None or owner.profile.sftp is None:
        return None
    folder = "acknowledgments" if delivery.kind == DeliveryKind.ACKNOWLEDGMENT else "outbox"
    name = file_name(owner.profile.sftp.file_name, facts_of(delivery))
    return LiesIn(owner.id, owner.id != delivery.partner_id, folder, name)


def print_delivery(view: Mapping[str, Any]) -> None:
    """A delivery, or what was wanted and has none, as `gateway.flow.traffic.view` describes it."""
    numbers = view.get("control_numbers")
    print_pairs(
        [
            ("delivery", view["id"]),
            ("partner", f"{view['partner']} over {view['over']}" if _by_connection(view) else view["partner"]),
            ("profile", timelines.profile_version(view)),
            ("kind", view["kind"]),
            ("state", view["status"]),
            ("reason", view["reason"]),
            ("lies in", view.get("lies_in")),
            ("wanted", _wanted(view)),
            ("document", f"{view['document_type']} {view['number'] or ''}".strip() if view["document_type"] else None),
            ("numbers", timelines.in_words(numbers) if numbers else None),
            ("size", size(view["bytes"])),
            ("file name", view["filename"]),
            ("content type", view["content_type"]),
            ("Message-ID", view["transport_id"]),
            ("speaks as", view.get("identity")),
            ("security", timelines.in_words(view.get("security") or {})),
            ("attempts", view["attempts"] or None),
            ("next", view["next_attempt_at"]),
            ("settled", view["settled_at"]),
            ("receipt", _receipt(view)),
            ("repeats", view.get("repeats")),
            ("repeated as", ", ".join(view["repeated_as"]) or None),
            ("answers", view.get("message")),
            ("sha256", view["sha256"]),
        ]
    )
    if view.get("findings"):
        say()
        print_findings(view["findings"], view["findings_omitted"])
    if view["document"] is not None:
        say()
        _print_document(view["document"])
    say()
    say(f"its way: gateway messages trace {view['id']}", style="dim")
    if view["transport_id"] is None:
        say(f"try again: gateway exceptions retry outbound_refused:{view['id']}", style="dim")


def _by_connection(view: Mapping[str, Any]) -> bool:
    return view.get("over") not in (None, view["partner"])


def _wanted(view: Mapping[str, Any]) -> str | None:
    by = f" by {view['actor']}" if view.get("actor") else ""
    source = f", {shown(view['source_id'])} of {view['source']}" if view.get("source") else ""
    return f"{view['created_at']}{by}{source}"


def _receipt(view: Mapping[str, Any]) -> str | None:
    if view.get("receipt_bytes"):
        return f"{size(view['receipt_bytes'])}; gateway messages show {view['id']} --receipt"
    return None


def _print_document(document: object) -> None:
    text = document if isinstance(document, str) else orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    for line in text[:DOCUMENT_CHARACTERS_MAX].splitlines():
        say(line)
    if len(text) > DOCUMENT_CHARACTERS_MAX:
        say(f"... {len(text) - DOCUMENT_CHARACTERS_MAX} more characters: --document shows all of it", style="dim")
