"""What the demo tells, as lines for whoever prints them: no printing here, no looking anything up."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.demo.claims import Act
from gateway.demo.orders import Ordered
from gateway.demo.premises import ACME, DELTA, DELTA_KEY_FILE, LOOPBACK, NORTHWIND, SFTP_USER
from gateway.demo.scenario import Sent
from gateway.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the story; the style is a word that rich knows."""

    text: str
    style: str = ""


def opening(stage: Stage) -> Iterator[Line]:
    """Where everything is."""
    yield Line(
        "A gateway of its own on this machine, with an ERP and four suppliers who reach it by HTTP and SSH.",
        "bold",
    )
    yield Line(f"  partners reach it at   {stage.edge_url}")
    yield Line(f"  mailboxes are at       sftp://{LOOPBACK}:{stage.sftp_port}")
    yield Line(f"  operators reach it at  {stage.operator_url}")
    yield Line(f"  it reaches ACME at     {stage.acme.url}, Harbor at {stage.harbor.url}")
    yield Line(f"  everything lies in     {stage.premises.folder}")
    yield Line("")


def told(number: int, act: Act) -> Iterator[Line]:
    """An act and what was seen of it."""
    yield Line(f"{number:>2}. {act.claim}")
    yield Line(f"    {'ok' if act.held else 'NOT SO'}: {act.seen}", "green" if act.held else "bold red")


def heading(sent: Sent) -> Iterator[Line]:
    """Before the timeline of one message."""
    yield Line("")
    yield Line(f"{sent.label}, from {sent.partner}", "bold")


def outgoing(order: Ordered) -> Iterator[Line]:
    """Before the timeline of one delivery."""
    yield Line("")
    yield Line(f"{order.label}, to {order.partner}", "bold")


def contents(view: Mapping[str, Any]) -> Iterator[Line]:
    """What was in a message: each document with its event, or with what is wrong and where."""
    for document in view["documents"]:
        order = f" for order {document['purchase_order_number']}" if document["purchase_order_number"] else ""
        yield Line(f"  {document['type']} {document['number'] or ''}{order}: {document['status']}")
        for finding in document["findings"]:
            element = f"{finding['element']:02d}" if finding["element"] else ""
            place = f"{finding['segment'] or ''}{element}"
            at = ", ".join((*_whereabouts(finding, place), f"code {finding['code']}"))
            yield Line(f"    {at}: {finding['message']}", "red")
    for acknowledgment in view["acknowledgments"]:
        state = acknowledgment["state"].replace("_", " ")
        yield Line(f"  {' '.join(acknowledgment['kinds'])} for the partner, {state}:", "dim")
        for segment in acknowledgment["x12"].split("~"):
            if segment.strip().startswith(("TA1", "AK", "IK")):
                yield Line(f"    {segment.strip()}~", "dim")


def _whereabouts(finding: Mapping[str, Any], place: str) -> Iterator[str]:
    """Where a finding stands: of X12 segment and byte, of JSON and XML the pointer; some are of the whole."""
    if where := place or finding.get("pointer"):
        yield where
    if finding["position"] is not None:
        yield f"segment {finding['position']}"
    if finding["byte_offset"] is not None:
        yield f"byte {finding['byte_offset']}"


def verdict(acts: Sequence[Act]) -> Iterator[Line]:
    """Whether all of it happened."""
    failed = [act for act in acts if not act.held]
    yield Line("")
    if not failed:
        yield Line(
            f"All {len(acts)} claims were checked against the running gateway, and all of them hold.", "bold green"
        )
        return
    yield Line(f"{len(failed)} of {len(acts)} claims do not hold:", "bold red")
    for act in failed:
        yield Line(f"  {act.claim}: {act.seen}", "red")


def what_next(stage: Stage, sent: Sequence[Sent], ordered: Sequence[Ordered]) -> Iterator[Line]:
    """Commands to copy, while the gateway stays up."""
    config = f"--config {shlex.quote(str(stage.premises.config))}"
    samples = stage.premises.folder / "samples"
    key = stage.premises.api_keys[NORTHWIND]
    order, first = samples / "purchase-order.json", next(iter(ordered), None)
    rejected = next((one for one in sent if one.final == "rejected"), None)
    yield Line("")
    yield Line("What to try next, in another terminal:", "bold")
    post = (
        f"curl -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' "
        f"--data-binary @{shlex.quote(str(samples / 'ship-notice.json'))} {stage.edge_url}/v1/documents"
    )
    delta_key = shlex.quote(str(stage.premises.folder / DELTA_KEY_FILE))
    sftp = f"sftp -P {stage.sftp_port} -i {delta_key} {SFTP_USER}@{LOOPBACK}"
    metrics = f"curl -H 'Authorization: Bearer {stage.operator_token}' {stage.operator_url}/metrics"
    for what, command in (
        ("what came in and went out", f"gateway messages list {config}"),
        ("why one was rejected", f"gateway messages show {rejected.message_id} {config}" if rejected else ""),
        ("events as they come", f"gateway events --follow {config}"),
        ("be a supplier: post something", post),
        ("be Delta: look into its mailbox (ls -l; get outbox/*; put FILE inbox)", sftp),
        ("what lies in it", f"gateway sftp mailbox {DELTA} {config}"),
        ("be the ERP: order from ACME", f"gateway send {shlex.quote(str(order))} --partner {ACME} --wait {config}"),
        ("does the way to a partner work", f"gateway partner ping {ACME} {config}"),
        ("what proves a delivery", f"gateway messages evidence {first.delivery_id} {config}" if first else ""),
        ("what waits for a person", f"gateway exceptions list {config}"),
        ("the metrics", metrics),
        ("check a file", f"gateway validate {shlex.quote(str(samples / 'order-response-broken.edi'))}"),
        ("partners and their rules", f"gateway partner show acme-supply {config}"),
    ):
        if command:
            yield Line(f"  # {what}", "dim")
            yield Line(f"  {command}")
    yield Line("")
    yield Line("The gateway stays up until ctrl-C.", "bold")
