"""A document checked and not sent: everything that the line would say of it, and nothing kept."""

from dataclasses import asdict

import orjson
from aiohttp import hdrs, web

from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.rest.submitting import CHANNEL, CONTENT_TYPE_CHARACTERS_MAX
from gateway.flow.envelopes import envelope_report
from gateway.flow.holding import why_held
from gateway.flow.terms import TermsMissing
from gateway.flow.validating import Judged, Submitted
from gateway.model.refusals import Reason, Refused
from gateway.store.engine.statements import storable
from gateway.workers import WorkerFailed
from translators.catalog import TranslatedDocument, sniff

# Whoever checks more than this sends it for a test.
BODY_BYTES_MAX = 20 * 1_048_576


class Validate:
    """Answers what would become of a document.

    Args:
        edge: what it stands on.
        door: lets calls in.
    """

    def __init__(self, edge: Edge, door: Door) -> None:
        self._edge = edge
        self._door = door

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        self._door.add(routes, "validate_document", self.validate)

    async def validate(self, request: Request, caller: Caller) -> web.Response:
        """Judge a document as though it had been sent. An Idempotency-Key means nothing here."""
        validating = self._edge.validating
        if validating is None:
            raise Refused(Reason.NOT_POSSIBLE, "this gateway checks nothing beforehand; send it as a test")
        body = await self._door.read_body(request, caller, BODY_BYTES_MAX)
        content_type = storable(request.headers.get(hdrs.CONTENT_TYPE, "")[:CONTENT_TYPE_CHARACTERS_MAX])
        if not body:
            raise Refused(Reason.BODY_EMPTY, "the request has no body")
        if sniff(body, content_type) is None:
            raise Refused(Reason.UNSUPPORTED_SYNTAX, "the body begins neither like X12 nor like JSON nor like XML")
        partner, now_ms = caller.partner, self._edge.now_ms()
        submitted = Submitted(partner.id, partner.digest, CHANNEL, content_type, body)
        try:
            judged = await validating.judge(submitted, self._edge.reception.new_id(), now_ms)
        except (WorkerFailed, TermsMissing) as failed:
            detail = "it could not be read to its end; sent, it would be kept and seen to by our people"
            raise Refused(Reason.INTERNAL, detail, audit=str(failed)) from failed
        return json_response(_told(judged, why_held(partner)))


def _told(judged: Judged, held: str) -> dict[str, object]:
    return {
        "valid": judged.is_accepted,
        "outcome": "rejected" if judged.is_rejected else "accepted",
        "reason": judged.reason or None,
        # Of a suspended partner: it would wait, and then become what is said here.
        "held": held or None,
        "syntax": judged.result.syntax,
        "report": envelope_report(judged.result, judged.interchanges),
        "documents": [_document(document) for document in judged.documents],
        "documents_omitted": judged.result.documents - len(judged.documents),
        "acknowledgments": [body.decode("latin-1") for body in judged.acknowledgments],
    }


def _document(document: TranslatedDocument) -> dict[str, object]:
    return {
        "type": document.document_type,
        "number": document.number,
        "purchase_order_number": document.purchase_order_number,
        "status": document.status.value,
        "location": asdict(document.location),
        "findings": [finding.as_json() for finding in document.findings],
        "findings_omitted": document.findings_omitted,
        "document": orjson.Fragment(document.document) if document.document is not None else None,
    }
