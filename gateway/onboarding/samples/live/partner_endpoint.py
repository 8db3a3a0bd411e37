"""Samples with the partner's own test endpoint: ours are really sent there, theirs have to have come from there.

What we send goes through the running gateway's store, with the real settings, keys and control numbers. What they send
cannot be made by us: it passes when a document of the sample's kind came and was decided as the sample says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.flow.operations import Actor
from gateway.flow.outward.outbound import Outbound
from gateway.flow.outward.ways import AS2, own_way
from gateway.model.delivery import INBOX, MAILBOX
from gateway.onboarding.samples.judging import Judged, judge
from gateway.onboarding.samples.live.deliveries import acknowledged, delivered, expects_acknowledgment, receipt_words
from gateway.onboarding.samples.live.loopback import PlayedLive
from gateway.onboarding.samples.live.waiting import NotSo, until
from gateway.onboarding.samples.outcomes import said, written
from gateway.onboarding.samples.reading import FINDINGS, SENT, Sample
from gateway.onboarding.samples.rehearsal import Played
from gateway.store.database import Database
from gateway.store.deliveries import StoredDelivery
from gateway.store.deliveries import bodies as delivery_bodies
from gateway.store.messages.documents import REJECTED
from gateway.store.partners import trials
from gateway.store.partners.trials import Came
from partners.directory import Directory
from partners.loader import LoadedProfile

POLL_S: Final = 0.2
_PAYLOAD = "payload"


@dataclass(frozen=True, slots=True)
class PartnerEndpoint:
    """Plays samples with the partner.

    Attributes:
        database: of the running gateway.
        outbound: where everything comes that is to be sent.
        partner: in testing.
        directory: the partner among the others.
        since_ms: since when this version of its profile is in force.
        wait_s: how long receipts, acknowledgments and messages of theirs may take.
        actor: who plays.
        asked: told what the partner is to send now.
    """

    database: Database
    outbound: Outbound
    partner: LoadedProfile
    directory: Directory
    since_ms: int
    wait_s: float
    actor: Actor
    asked: Callable[[Sample, tuple[str, ...]], None]

    async def play(self, rehearsed: Judged) -> PlayedLive:
        """Play a sample that was rehearsed: only what comes out as it should is sent to anybody."""
        sample = rehearsed.sample
        if not rehearsed.passed:
            fault = rehearsed.fault or "not played: by itself it does not come out as recorded"
            return PlayedLive(Judged(sample, rehearsed.played, rehearsed.differences, rehearsed.unrecorded, fault))
        try:
            if sample.direction == "inbound":
                return PlayedLive(rehearsed, await self._came(rehearsed))
            if not set(SENT) & set(rehearsed.played.files):
                return PlayedLive(rehearsed, "refused here, as it has to be; nothing was sent")
            return await self._sent(sample)
        except NotSo as not_so:
            return PlayedLive(Judged(sample, rehearsed.played, fault=str(not_so)))

    async def _sent(self, sample: Sample) -> PlayedLive:
        answer = await self.outbound.accept_document(self.partner.id, sample.content, actor=self.actor)
        if not answer.is_accepted:
            raise NotSo(f"it could not be sent: {answer.reason or answer.state.value} (kept as {answer.id})")
        who = f"our message {answer.id}"
        try:
            delivery = await delivered(self.database, answer.id, self.wait_s, who, poll_s=POLL_S, retries=True)
        except NotSo as not_so:
            steps = {
                INBOX: f"they have to fetch it at /v1/inbox/{answer.id}/content, and to confirm it",
                MAILBOX: "they have to fetch it from outbox/ of their mailbox, whole",
            }
            step = steps.get(own_way(self.partner.profile) or "")
            if step is None:
                raise
            raise NotSo(f"{not_so}; {step}") from None
        bearer = self.directory.by_id(delivery.bearer_id or self.partner.id) or self.partner
        proven = [_proven(delivery, bearer)]
        if expects_acknowledgment(self.partner, delivery.document_type):
            proven.append(await acknowledged(self.database, self.partner.id, answer.id, self.wait_s, poll_s=POLL_S))
        unit = partial(delivery_bodies.body, delivery_id=answer.id, part=_PAYLOAD)
        body = await self.database.read(unit) or b""
        findings = [said(finding) for finding in answer.findings]
        expected = next((name for name in SENT if name in sample.expected), SENT[0])
        files: Mapping[str, bytes] = {expected: body} | ({FINDINGS: written(findings)} if findings else {})
        return PlayedLive(judge(sample, Played(files)), f"{', '.join(proven)}: {answer.id}")

    async def _came(self, rehearsed: Judged) -> str:
        """What came of the kind of a sample, in words, once there is something."""
        types = tuple(sorted({document for document, _ in rehearsed.played.kinds}))
        if not types:
            raise NotSo("nothing says which document of theirs shows this sample: it holds none that can be read")
        rejects = rehearsed.played.files.get("documents.json", b"[]").strip() == b"[]"

        async def look() -> Came | None:
            unit = partial(trials.came_since, partner_id=self.partner.id, document_types=types, since_ms=self.since_ms)
            found = await self.database.read(unit)
            return next((one for one in found if (one.status == REJECTED) is rejects), None)

        came = await look()
        if came is None:
            self.asked(rehearsed.sample, types)
            wanted = "rejected" if rejects else "accepted"
            missing = f"no {' or '.join(types)} of theirs came that was {wanted}"
            came = await until(look, self.wait_s, missing, poll_s=POLL_S)
        how = "rejected as it has to be" if rejects else came.status.replace("_", " ")
        return f"{came.document_type} {came.number} {how}: {came.message_id}".replace("  ", " ")


def _proven(delivery: StoredDelivery, bearer: LoadedProfile) -> str:
    """What a delivery that is delivered has proven, in words."""
    if delivery.channel == INBOX:
        return "fetched and confirmed"
    if delivery.channel == MAILBOX:
        return "fetched from their mailbox"
    if delivery.channel == AS2 and bearer.profile.as2 is not None:
        return receipt_words(bearer.profile.as2)
    return "delivered"
