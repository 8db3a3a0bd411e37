"""`gateway partner ping`: the real way to a partner, walked step by step, with words for each.

The steps are those on which onboarding gets stuck: the profile, the certificates of both sides, names, firewalls, TLS,
the path of the URL, the receipt, who signed it, what arrived. The message goes through the same carrier as any other.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from cryptography import x509

from certs.certificates import CertificateError, certificate_of, read_certificate
from certs.chain import Purpose
from certs.keyring import KeyRing, KeyRingError
from gateway.as2_agreements import PartnerCertificates
from gateway.carriers.as2 import As2Carrier, way_of
from gateway.carriers.as2_packing import CannotSend, CertificatesOf, url_of
from gateway.carriers.call_failures import Phase, Unresolved, Where, failure_of
from gateway.carriers.destinations import Destination, read_url
from gateway.carriers.guard import Guard
from gateway.carriers.http import Door, Way
from gateway.carriers.parcels import Consignment, Held
from gateway.carriers.probing import Dialled, believing_context, dial, handshake
from gateway.carriers.tls import TlsUnusable, client_context
from gateway.flow.outward.ways import SANDBOX, SFTP, NoWay, Recipient, recipient, speaking_as
from gateway.model.delivery import INBOX, MAILBOX, DeliveryKind
from gateway.model.webhook import WEBHOOK
from gateway.onboarding.pinging.receipts import tell_answer
from gateway.onboarding.pinging.steps import Report, Step, Writing, describe
from gateway.settings import Settings
from partners.as2_terms import As2
from partners.directory import Directory
from partners.loader import LoadedProfile

NETWORK_STEPS = ("dns", "tcp", "tls")
MESSAGE_STEPS = ("http", "receipt", "signature", "mic")
TEST_MEDIA_TYPE = "text/plain"
SUBJECT = "AS2 connection test"

FETCHING = (
    "they fetch what we have for them, so there is nothing of theirs to reach: `gateway partner test --live` plays it, "
    "and `gateway messages list --direction out` shows what they have confirmed"
)
MAILBOX_HERE = (
    "they come to their mailbox here, so there is nothing of theirs to reach: `gateway sftp mailbox {owner}` shows "
    "what lies there, and `gateway messages list --direction out` what they have fetched"
)
NOTHING_THERE = {
    SANDBOX: "the sandbox plays them: nothing goes over a network, so there is nothing to reach",
    INBOX: FETCHING,
    MAILBOX: MAILBOX_HERE,
}
TRIED_BY = {
    SFTP: "what we have for them is put on their SFTP server: `gateway partner ping {owner} --sftp` looks at it",
    WEBHOOK: "what we have for them is posted to their webhook: `gateway webhooks test {owner}/{hook}` tries it",
}


@dataclass(frozen=True, slots=True)
class PingMessage:
    """What is sent: a text that is no business document, or a file of the operator's."""

    payload: bytes
    content_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class Pinged:
    """A ping that is over.

    Attributes:
        worked: whether nothing that was tried failed.
        message_id: of the message that was sent; empty when none was.
        nothing_there: why there is nothing of theirs to be reached, although all is as it should be; empty otherwise.
    """

    steps: tuple[Step, ...]
    worked: bool
    message_id: str
    nothing_there: str = ""


def usual_message(partner: str, now: datetime) -> PingMessage:
    """The message that is sent unless the operator has a file."""
    text = (
        f"This is a test of the AS2 connection with {partner}, made by a person on {now:%Y-%m-%d at %H:%M:%S} UTC.\r\n"
        "It is no business document. A receipt (MDN) is all that is wanted.\r\n"
    )
    return PingMessage(text.encode(), TEST_MEDIA_TYPE, "connection-test.txt")


class Ping:
    """Walks the way to a partner.

    Args:
        settings: our identities and limits.
        directory: the partners.
        keyring: our keys; raises `KeyRingError` where they cannot be used.
        now: the clock, in UTC.
        heard: gets each step as soon as it is over.
        certificates: of partners; by default those of their profiles, without exchanged ones.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        keyring: Callable[[], KeyRing],
        now: Callable[[], datetime],
        heard: Callable[[Step], None],
        certificates: CertificatesOf | None = None,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._keyring = keyring
        self._now = now
        self._report = Report(heard)
        self._certificates_of = certificates if certificates is not None else PartnerCertificates()
        self._nothing_there = ""

    async def url_only(self, partner_id: str) -> Pinged:
        """Only how their server is reached; nothing is sent."""
        way = self._profile(partner_id)
        if way is not None:
            door = Door(self._settings.limits)
            try:
                await self._network(way, door)
            finally:
                await door.close()
        return self._over("")

    async def whole(self, partner_id: str, message: PingMessage | None = None) -> Pinged:
        """Everything, a message with its receipt included."""
        way = self._profile(partner_id, is_all_wanted=message is None)
        if self._nothing_there:
            return self._over("")
        if way is None:
            self._report.skip(("certificates", *NETWORK_STEPS, *MESSAGE_STEPS), "the profile comes first")
            return self._over("")
        identity = self._certificates(way)
        door = Door(self._settings.limits)
        try:
            reached = await self._network(way, door)
        finally:
            await door.close()
        if not reached or identity is None:
            why = "their server is not reached" if identity is not None else "the certificates come first"
            self._report.skip(MESSAGE_STEPS, why)
            return self._over("")
        return await self._message(way, identity, message or usual_message(partner_id, self._now()))

    def _over(self, message_id: str) -> Pinged:
        return Pinged(tuple(self._report.steps), self._report.worked, message_id, self._nothing_there)

    # --- what we know before anything is opened ----------------------------------------------------------------------

    def _profile(self, partner_id: str, *, is_all_wanted: bool = False) -> Recipient | None:
        """The way that is walked; None where there is none. That nothing is there is fine unless AS2 is asked for."""
        with self._report.step("profile") as step:
            try:
                way = recipient(self._directory, partner_id)
                if way.channel in NOTHING_THERE:
                    words = NOTHING_THERE[way.channel].format(owner=way.bearer.id)
                    if is_all_wanted:
                        self._nothing_there = words
                    (step.say if is_all_wanted else step.fail)(words)
                    return None
                if way.held:
                    step.fail(way.held)
                    return None
                if way.channel in TRIED_BY:
                    words = TRIED_BY[way.channel].format(owner=way.bearer.id, hook=way.bearer.profile.delivery.webhook)
                    step.fail(words)
                    return None
                as2 = way.over_as2
                destination = read_url(url_of(_consignment(way, "", "", None), as2))
            except (NoWay, CannotSend) as error:
                step.fail(str(error))
                return None
            if isinstance(destination, str):
                step.fail(f"as2.url is {destination}; write it as https://host/path")
                return None
            step.facts |= {"url": destination.shown, "as2_id": as2.id, "via": way.bearer.id}
            step.say(f"{as2.id} is reached at {destination.shown}")
            if way.bearer.id != way.partner.id:
                step.say(f"what goes to {way.partner.id} is carried by {way.bearer.id}")
            _tell_terms(step, as2, destination)
            return way

    def _certificates(self, way: Recipient) -> str | None:
        """The identity of ours that speaks, when both sides have what they need."""
        with self._report.step("certificates") as step:
            now = self._now()
            try:
                identity = speaking_as(way, self._settings.identities, None)
            except NoWay as error:
                step.fail(str(error))
                return None
            sending = way.over_as2.sending
            if sending.sign:
                try:
                    pair = self._keyring().keys_of(identity).signing
                except KeyRingError as error:
                    step.fail(str(error))
                    return None
                describe(step, "we sign with", pair.certificate, now)
                step.facts["signing"] = pair.certificate.fingerprint
                step.say("the partner must have this very certificate of ours")
            if sending.encrypt:
                self._their_certificate(step, way.bearer, "encryption", "we encrypt to", now)
            if sending.receipt == "signed":
                self._their_certificate(step, way.bearer, "signing", "they sign with", now)
            return None if step.failed else identity

    def _their_certificate(
        self, step: Writing, bearer: LoadedProfile, purpose: Purpose, whose: str, now: datetime
    ) -> None:
        usable = self._certificates_of(bearer, purpose, now)
        if usable:
            describe(step, whose, usable[0], now)
            step.facts[f"their_{purpose}"] = usable[0].fingerprint
            return
        dated = self._certificates_of(bearer, purpose, now, whatever_their_dates=True)
        for certificate in dated[:1]:
            describe(step, whose, certificate, now)
        if not dated:
            step.fail(f"the profile has no certificate of theirs for {purpose} that can be used today; ask them for it")

    # --- the network -------------------------------------------------------------------------------------------------

    async def _network(self, way: Recipient, door: Door) -> bool:
        """Whether their server is reached, and proven where TLS is spoken."""
        url = way.over_as2.url or ""
        destination = read_url(url)
        assert isinstance(destination, Destination)  # noqa: S101 - the profile step looked
        try:
            line = way_of(way.over_as2, way.bearer, url, self._keyring)
        except KeyRingError as error:
            with self._report.step("tls") as step:
                step.fail(f"our TLS client certificate cannot be used: {error}")
            return False
        host, port = destination.host, destination.port
        if line.proxy is not None:
            proxy = urlsplit(line.proxy)
            host, port = proxy.hostname or "", proxy.port or 80
        guard = door.guard(line)
        addresses = await self._names(guard, host, port, proxied=line.proxy is not None)
        if not addresses:
            self._report.skip(("tcp", "tls"), "there is no address to connect to")
            return False
        where = Where(destination.host, host if line.proxy is not None else None, self._settings.limits, secure=True)
        dialled = await self._connect(guard, addresses, port, where)
        if dialled.connection is None:
            self._report.skip(("tls",), "there is no connection")
            return False
        try:
            return await self._secure(destination, line, dialled, guard, where)
        finally:
            dialled.connection.close()

    async def _names(self, guard: Guard, host: str, port: int, *, proxied: bool) -> list[str]:
        with self._report.step("dns") as step:
            if proxied:
                step.say(f"the proxy {host} is asked; it resolves the partner's name itself")
            try:
                judged = await guard.judged(host, port)
            except Unresolved as error:
                step.fail(f"{host} cannot be resolved: {error.words}; check the host in the profile")
                return []
            good = [address for address, reason in judged if reason is None]
            step.facts["addresses"] = [{"address": address, "refused": reason} for address, reason in judged]
            if good:
                step.say(f"{host} is {', '.join(good)}")
            for address, reason in judged:
                if reason is not None:
                    words = f"{address} is not connected to: it is {reason}"
                    remedy = f"if it is meant, add it to as2.connection.private_networks: {address}"
                    (step.warn if good else step.fail)(f"{words}; {remedy}")
            return good

    async def _connect(self, guard: Guard, addresses: list[str], port: int, where: Where) -> Dialled:
        with self._report.step("tcp") as step:
            dialled = await dial(guard, addresses, port, self._settings.limits.connect_timeout_s)
            for address, error in dialled.refused:
                reason = failure_of(error, Phase.CONNECTING, where).reason
                (step.warn if dialled.connection is not None else step.fail)(f"{address} port {port}: {reason}")
            if dialled.connection is not None:
                step.say(f"{dialled.address} port {port} takes connections")
                step.facts |= {"address": dialled.address, "port": port}
            return dialled

    async def _secure(self, destination: Destination, line: Way, dialled: Dialled, guard: Guard, where: Where) -> bool:
        with self._report.step("tls") as step:
            if destination.scheme != "https":
                step.warn("no TLS: whoever is on the way sees names and headers; ask them for an https:// address")
                return True
            try:
                context = await asyncio.to_thread(
                    client_context,
                    authorities=line.authorities,
                    pinned=line.pinned,
                    client=line.client,
                    client_chain=line.client_chain,
                )
            except TlsUnusable as error:
                step.fail(str(error))
                return False
            if line.proxy is not None:
                step.say("TLS goes through the proxy; the next step shows whether it works")
                return True
            assert dialled.connection is not None  # noqa: S101 - the caller looked
            timeout_s = self._settings.limits.connect_timeout_s
            try:
                seen = await handshake(dialled.connection, context, destination.host, timeout_s)
            except OSError as error:
                step.fail(failure_of(error, Phase.CONNECTING, where).reason)
                await self._show_certificate(step, destination, dialled.address, guard)
                return False
            step.say(f"{seen.version}, {seen.cipher}; the server is proven: {_verdict(line, seen.certificate)}")
            step.facts |= {"version": seen.version, "cipher": seen.cipher}
            _tell_server(step, seen.certificate, self._now())
            if line.client is not None:
                step.say(f"we show {line.client.certificate.subject} when we are asked for a client certificate")
            return True

    async def _show_certificate(self, step: Writing, destination: Destination, address: str, guard: Guard) -> None:
        """What the server shows, whether it is believed or not: a person can compare it."""
        timeout_s = self._settings.limits.connect_timeout_s
        dialled = await dial(guard, [address], destination.port, timeout_s)
        if dialled.connection is None:
            return
        try:
            seen = await handshake(dialled.connection, believing_context(), destination.host, timeout_s)
        except OSError:
            return
        finally:
            dialled.connection.close()
        _tell_server(step, seen.certificate, self._now())
        step.say("compare the fingerprint with the partner before you pin it")

    # --- the message -------------------------------------------------------------------------------------------------

    async def _message(self, way: Recipient, identity: str, message: PingMessage) -> Pinged:
        message_id = f"<ping-{secrets.token_hex(12)}@{_host(self._settings)}>"
        bearer = _answered_at_once(way.bearer)
        partner = bearer if way.partner.id == way.bearer.id else way.partner
        consignment = _consignment(replace(way, partner=partner, bearer=bearer), identity, message_id, message)
        carrier = As2Carrier(self._settings, self._keyring, self._now, certificates=self._certificates_of)
        try:
            parcel = await carrier.pack(consignment)
            if isinstance(parcel, Held):
                with self._report.step("http") as step:
                    step.fail(parcel.reason)
                self._report.skip(MESSAGE_STEPS[1:], "nothing was sent")
                return self._over("")
            terms = carrier.terms_of(bearer, consignment.bearer.profile.as2 or way.over_as2)
            with self._report.step("http") as step:
                attempt = await carrier.attempt(consignment, parcel)
                tell = tell_answer(step, attempt, parcel, terms, self._now())
            tell.rest(self._report, MESSAGE_STEPS[1:])
        finally:
            await carrier.close()
        return self._over(message_id)


def _consignment(way: Recipient, identity: str, message_id: str, message: PingMessage | None) -> Consignment:
    return Consignment(
        id="ping",
        kind=DeliveryKind.TEST,
        partner=way.partner,
        bearer=way.bearer,
        identity=identity,
        transport_id=message_id,
        content_type=message.content_type if message is not None else "",
        filename=message.filename if message is not None else "",
        subject=SUBJECT,
        payload=message.payload if message is not None else b"",
    )


def _answered_at_once(bearer: LoadedProfile) -> LoadedProfile:
    """The profile with the receipt in the answer: a person waits for it here."""
    as2 = bearer.profile.as2
    if as2 is None or as2.sending.receipt_by == "response":
        return bearer
    sending = as2.sending.model_copy(update={"receipt_by": "response"})
    profile = bearer.profile.model_copy(update={"as2": as2.model_copy(update={"sending": sending})})
    return replace(bearer, profile=profile)


def _host(settings: Settings) -> str:
    address = read_url(settings.public_url) if settings.public_url is not None else ""
    return address.host if isinstance(address, Destination) else "partner-gateway"


def _tell_terms(step: Writing, as2: As2, destination: Destination) -> None:
    sending = as2.sending
    made = [word for word, is_so in (("signed", sending.sign), ("encrypted", sending.encrypt)) if is_so]
    made += ["compressed"] if sending.compress != "none" else []
    step.say(f"our messages are {', '.join(made) or 'neither signed nor encrypted'}; receipt: {sending.receipt}")
    if destination.scheme == "http" and not sending.encrypt:
        step.warn("neither the message nor the way is encrypted: set as2.sending.encrypt, or use https://")
    if destination.scheme == "http" and as2.connection.username is not None:
        step.warn("user and password travel in clear: use https://")
    if sending.receipt == "none":
        step.warn("no receipt is asked for: nothing proves that they have what we send")
    elif sending.receipt == "unsigned":
        step.warn("the receipt is not signed: it proves little; ask them for signed ones")
    if sending.receipt_by == "request":
        step.warn("their receipts come by requests of their own; for this test one is asked for in the answer")


def _verdict(line: Way, certificate: bytes) -> str:
    if line.pinned is None:
        by = "authorities of the profile" if line.authorities is not None else "authorities of this machine"
        return f"its certificate is vouched for by the {by}"
    try:
        is_same = read_certificate(line.pinned).der == certificate
    except CertificateError:
        is_same = False
    return "its certificate is the pinned one" if is_same else "its certificate was issued by the pinned one"


def _tell_server(step: Writing, der: bytes, now: datetime) -> None:
    try:
        certificate = certificate_of(x509.load_der_x509_certificate(der))
    except (ValueError, CertificateError) as error:
        step.say(f"the server's certificate is of a kind that cannot be shown ({error})")
        return
    was_failed = step.failed
    step.facts |= {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "not_after": certificate.not_after.isoformat(),
        "fingerprint": certificate.fingerprint,
    }
    if was_failed:
        step.say(
            f"the server shows {certificate.subject}, issued by {certificate.issuer}, valid until "
            f"{certificate.not_after:%Y-%m-%d}, SHA-256 fingerprint {certificate.fingerprint}"
        )
        return
    describe(step, f"the server, issued by {certificate.issuer}", certificate, now)
