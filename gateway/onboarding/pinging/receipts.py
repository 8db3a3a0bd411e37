"""What came back on the message of a ping, in words: the status, the receipt, who signed it, what arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.as2.disposition import remedy_for
from gateway.as2.envelope import Envelope, read_envelope
from gateway.as2.mdn import Mdn, MdnError, Verdict, judge_mdn, read_mdn
from gateway.as2.mic import agrees, parse_mic
from gateway.carriers.as2 import Attempt
from gateway.carriers.as2_answers import Terms, shown, status_words
from gateway.carriers.as2_claims import Claims, claims_of
from gateway.carriers.http import Answer
from gateway.carriers.parcels import Delivered, Held, Parcel
from gateway.onboarding.pinging.steps import Report, Writing

_OK, _NOT_OK = 200, 300
_MIC_REASONS = (
    "usual reasons: something on the way changes line ends or adds a disclaimer; their product works the MIC out over "
    "other bytes (with or without headers); compression before and after the signature are mixed up: try another "
    "as2.sending.compress"
)


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a ping, for the steps that follow."""

    parcel: Parcel
    terms: Terms
    now: datetime
    answer: Answer | None
    why_not: str = ""

    def rest(self, report: Report, names: Sequence[str]) -> None:
        """The steps on the receipt."""
        if self.answer is None:
            report.skip(names, self.why_not)
            return
        sent = read_envelope(self.parcel.headers)
        if sent.mdn_request is None:
            for name in names:
                with report.step(name) as step:
                    step.say("none is agreed")
            return
        claims = claims_of(self.answer.headers, self.answer.body)
        mdn, problem = self._read(sent)
        with report.step("receipt") as step:
            _tell_receipt(step, self.answer, claims, sent, mdn)
        if claims.mdn is None and mdn is None:
            report.skip(names[1:], "there is no receipt")
            return
        with report.step("signature") as step:
            _tell_signature(step, claims, sent, mdn, problem)
        with report.step("mic") as step:
            self._tell_mic(step, mdn or claims.mdn)

    def _read(self, sent: Envelope) -> tuple[Mdn | None, str]:
        assert self.answer is not None  # noqa: S101 - the caller looked
        request = sent.mdn_request
        try:
            mdn = read_mdn(
                self.answer.headers,
                self.answer.body,
                partner_certificates=self.terms.certificates,
                now=self.now,
                require_signed=request is not None and request.signed,
                digests=self.terms.digests,
                trust=self.terms.trust,
            )
        except MdnError as error:
            return None, str(error)
        return mdn, ""

    def _tell_mic(self, step: Writing, mdn: Mdn | None) -> None:
        if mdn is None or mdn.mic is None:
            step.fail("the receipt states no MIC, so it does not say what arrived; ask them to switch it on")
            return
        mics = [mic for mic in map(parse_mic, self.parcel.mics) if mic is not None]
        step.facts["mic"] = str(mdn.mic)
        if agrees(mdn.mic, mics):
            step.say(f"the MIC agrees ({shown(mdn.mic.label)}): what they have is what we sent")
            return
        if any(mic.digest == mdn.mic.digest for mic in mics):
            step.fail(f"the MIC is right, but named {shown(mdn.mic.label)}, which is another algorithm")
            return
        step.fail(f"the MIC differs ({shown(mdn.mic.label)}): what they have is not what we sent", _MIC_REASONS)


def tell_answer(step: Writing, attempt: Attempt, parcel: Parcel, terms: Terms, now: datetime) -> Told:
    """The HTTP step."""
    answer, outcome = attempt.answer, attempt.outcome
    if answer is None:
        reason = "" if isinstance(outcome, Delivered) else getattr(outcome, "reason", "")
        step.fail(reason)
        why = "nothing was sent" if isinstance(outcome, Held) else "there is no answer"
        return Told(parcel, terms, now, None, why)
    step.facts |= {"status": answer.status, "address": answer.peer.address, "tls": answer.peer.tls}
    server = answer.header("server")
    if server is not None:
        step.facts["server"] = shown(server)
    by = f" by {shown(server)}" if server else ""
    if _OK <= answer.status < _NOT_OK:
        step.say(f"HTTP {answer.status}{by}: they took {len(parcel.body)} bytes")
    else:
        step.fail(status_words(answer), *((f"it was answered{by}",) if by else ()))
    return Told(parcel, terms, now, answer)


def _tell_receipt(step: Writing, answer: Answer, claims: Claims, sent: Envelope, mdn: Mdn | None) -> None:
    report = mdn or claims.mdn
    if report is None:
        if answer.body.strip():
            kind = shown(answer.header("content-type") or "without a type")
            step.fail(f"the answer is no receipt: {kind}")
        else:
            step.fail("the answer is empty: their product must send the receipt in it (synchronous MDN)")
        return
    step.facts["disposition"] = shown(str(report.disposition))
    if not report.disposition.successful:
        step.fail(f"they did not process it: {shown(str(report.disposition))}", remedy_for(report.disposition))
    else:
        step.say(f"there is a receipt: {shown(str(report.disposition))}")
    if report.text:
        step.say(f"they say: {shown(report.text)}")
    judged = judge_mdn(report, message_id=sent.message_id, as2_from=sent.as2_from, as2_to=sent.as2_to, mics=())
    if judged.verdict is Verdict.WORTHLESS and "MIC" not in judged.reason:
        step.fail(
            f"{judged.reason}: it says {shown(report.original_message_id)} from {shown(report.as2_from)} "
            f"to {shown(report.as2_to)}"
        )


def _tell_signature(step: Writing, claims: Claims, sent: Envelope, mdn: Mdn | None, problem: str) -> None:
    wanted = sent.mdn_request is not None and sent.mdn_request.signed
    if mdn is not None and mdn.signature is not None:
        signature = mdn.signature
        step.facts |= {"signer": signature.certificate.fingerprint, "digest": signature.digest.value}
        step.say(f"signed with {signature.certificate.subject} ({signature.scheme}, {signature.digest}), as agreed")
        return
    if mdn is not None and not wanted:
        step.say("the receipt is not signed, as agreed")
        return
    step.fail(shown(problem))
    stranger = claims.stranger
    if stranger is not None and "agreed" in problem:
        step.facts["signer"] = stranger.fingerprint
        step.say(
            f"signed with a certificate we do not know: {stranger.subject}, valid until {stranger.not_after:%Y-%m-%d}, "
            f"SHA-256 fingerprint {stranger.fingerprint}",
            "compare the fingerprint with the partner by another way; if it is theirs, put this certificate beside the "
            "profile and name it in as2.certificates",
            stranger.pem().decode("ascii").strip(),
        )
    elif claims.is_signed and stranger is None:
        step.say("the signature is wrong, or its certificate is not in it: ask which one their product signs with")
    elif not claims.is_signed:
        step.say("their product sends unsigned receipts: have signed ones switched on")
