"""AS2 as a way out of the house: messages and asynchronous receipts, packed once and carried as often as it takes."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from certs.certificates import Certificate, KeyPair
from certs.keyring import KeyRing, KeyRingError
from gateway.as2.cms.algorithms import Digest
from gateway.as2_agreements import PartnerCertificates, partner_trust
from gateway.carriers.as2_answers import Terms, outcome_of
from gateway.carriers.as2_packing import (
    ETAG,
    Bench,
    CannotSend,
    CertificatesOf,
    as2_of,
    pack_message,
    url_of,
)
from gateway.carriers.call_failures import CallFailed, Step
from gateway.carriers.credentials import SecretMissing, read_secret
from gateway.carriers.destinations import read_url, receipt_objection
from gateway.carriers.http import Answer, Call, Door, Login, Way
from gateway.carriers.parcels import Carrier, Consignment, Failed, Held, Outcome, Parcel
from gateway.carriers.tls import TlsUnusable
from gateway.model.delivery import DeliveryKind
from gateway.settings import Settings
from gateway.spool import SpoolFolder
from gateway.store.keys.certificate_uses import LastUses, Use
from partners.as2_terms import As2
from partners.loader import LoadedProfile

T = TypeVar("T")

_OK, _REFUSED, _FAILED = 200, 400, 500
_LENGTH_DIGITS_MAX = 18
# What tells them who asks for which transfer.
_ASKED_WITH = frozenset({"AS2-Version", "AS2-From", "AS2-To", "Message-ID", ETAG})


@dataclass(frozen=True, slots=True)
class Attempt:
    """An outcome and, where one came, the answer that it was read from."""

    outcome: Outcome
    answer: Answer | None = None


class As2Carrier:
    """Packs and carries AS2 messages.

    Args:
        settings: our identities, limits and public address.
        keyring: our keys as they are now.
        now: the clock, in UTC.
        door: to their servers; its own by default.
        certificates: of partners; by default those of their profiles, without exchanged ones.
        uses: takes down when which certificate was used.
    """

    def __init__(
        self,
        settings: Settings,
        keyring: Callable[[], KeyRing],
        now: Callable[[], datetime],
        *,
        door: Door | None = None,
        certificates: CertificatesOf | None = None,
        uses: LastUses | None = None,
    ) -> None:
        limits = settings.limits
        scratch = SpoolFolder(settings.spool_dir, limits.disk_free_bytes_min).scratch(limits.spool_from_bytes)
        own = certificates if certificates is not None else PartnerCertificates()
        self._bench = Bench(settings, keyring, own, scratch)
        self._now = now
        self._uses = uses if uses is not None else LastUses()
        self._door = door if door is not None else Door(settings.limits)
        # OpenSSL leaves Python's lock alone, so as many as there are cores work at a time.
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="as2-out")

    @property
    def carrier(self) -> Carrier:
        """This way out, as the line knows it."""
        return Carrier(self.pack, self.carry)

    async def close(self) -> None:
        """Close connections and threads."""
        await self._door.close()
        self._threads.shutdown(wait=False)

    async def pack(self, consignment: Consignment) -> Parcel | Held:
        """The message as every attempt will send it."""
        now = self._now()
        packed = await self._in_thread(pack_message, consignment, self._bench, now)
        if isinstance(packed, Parcel):
            at_ms = _ms(now)
            self._uses.ours(consignment.identity, packed.facts.get("signed_with"), Use.SIGNING, at_ms)
            self._uses.theirs(consignment.bearer.id, packed.facts.get("encrypted_to"), Use.ENCRYPTION, at_ms)
        return packed

    async def carry(self, consignment: Consignment, parcel: Parcel) -> Outcome:
        """Make one attempt."""
        return (await self.attempt(consignment, parcel)).outcome

    async def attempt(self, consignment: Consignment, parcel: Parcel) -> Attempt:
        """Make one attempt, and tell what came back besides what it means."""
        try:
            as2 = as2_of(consignment)
            _check_recipient(parcel, self._now())
            if _reads_files(as2):
                call = await self._in_thread(self._call, consignment, parcel, as2)
            else:
                call = self._call(consignment, parcel, as2)
            way = way_of(as2, consignment.bearer, call.url, self._bench.keyring)
            answer = await self._exchange(way, call)
        except (CannotSend, SecretMissing, TlsUnusable, KeyRingError) as error:
            return Attempt(Held(str(error)))
        except CallFailed as failed:
            return Attempt(Failed(f"{failed.step}: {failed.reason}", facts={"step": failed.step.value}))
        now = self._now()
        terms = self.terms_of(consignment.bearer, as2)
        if way.client is not None:
            fingerprint = way.client.certificate.fingerprint
            self._uses.ours(as2.connection.client_certificate or "", fingerprint, Use.TLS, _ms(now))
        outcome = await self._in_thread(outcome_of, parcel, answer, terms, now)
        if not isinstance(outcome, Held):
            self._uses.theirs(consignment.bearer.id, outcome.facts.get("signer"), Use.VERIFICATION, _ms(now))
        return Attempt(outcome, answer)

    async def _exchange(self, way: Way, call: Call) -> Answer:
        """The call; what they have of a large message from an attempt that broke off is not sent again."""
        start = await self._bytes_there(way, call)
        if start:
            answer = await self._door.call(way, rest_of(call, start))
            if not _REFUSED <= answer.status < _FAILED:
                return answer
            # They kept a part and cannot go on with it after all; the whole is taken by every product.
        return await self._door.call(way, call)

    async def _bytes_there(self, way: Way, call: Call) -> int:
        """How much of the message they have (AS2 Restart: HEAD with the transfer's id, Content-Length says it)."""
        if all(name != ETAG for name, _ in call.headers):
            return 0
        asked = tuple((name, value) for name, value in call.headers if name in _ASKED_WITH)
        question = replace(call, method="HEAD", headers=asked, body=b"")
        try:
            answer = await self._door.call(way, question)
        except CallFailed as failed:
            if failed.step is not Step.HTTP:
                raise
            return 0  # their server does not know the question
        length = answer.header("content-length") or ""
        is_told = answer.status == _OK and len(length) <= _LENGTH_DIGITS_MAX and length.isascii() and length.isdigit()
        there = int(length) if is_told else 0
        # Whole, it would have been answered: what is left of it there is of no use.
        return there if there < len(call.body) else 0

    def terms_of(self, bearer: LoadedProfile, as2: As2) -> Terms:
        """What a receipt of this partner must satisfy now."""
        return Terms(
            self._bench.certificates(bearer, "signing", self._now(), whatever_their_dates=True),
            frozenset(Digest(name) for name in as2.sending.receipt_digests),
            bearer.profile.delivery.retry_after_s_max,
            partner_trust(bearer),
        )

    def _call(self, consignment: Consignment, parcel: Parcel, as2: As2) -> Call:
        """The request; in a thread where secrets are read from files."""
        if consignment.kind is DeliveryKind.RECEIPT and consignment.url is not None:
            url = consignment.url
            problem = receipt_objection(url, as2)
            if problem is not None:
                raise CannotSend(problem)
        else:
            url = url_of(consignment, as2)
        way = as2.connection
        login = proxy_login = None
        if way.username is not None and way.password is not None and is_own(url, as2):
            login = Login(_user(way.username), read_secret(way.password))
        if way.proxy_username is not None and way.proxy_password is not None:
            proxy_login = Login(_user(way.proxy_username), read_secret(way.proxy_password))
        return Call(
            url,
            parcel.headers,
            parcel.body,
            float(as2.sending.timeout_s),
            login=login,
            proxy_login=proxy_login,
            # The same Message-ID and bytes: whoever had it answers with the receipt of the first time (RFC 4130 5.5).
            repeatable=True,
        )

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments))


def way_of(as2: As2, bearer: LoadedProfile, url: str, keyring: Callable[[], KeyRing]) -> Way:
    """How a URL of theirs is reached.

    What proves us (the client certificate) is shown to the origin of the profile's `url` alone, and the pinned
    certificate is that of its host: a receipt address elsewhere has its own, which the authorities must vouch for.

    Raises:
        KeyRingError: there is no key for the client certificate.
    """
    way = as2.connection
    client: KeyPair | None = None
    chain: tuple[Certificate, ...] = ()
    if way.client_certificate is not None and is_own(url, as2):
        keys = keyring().keys_of(way.client_certificate)
        client, chain = keys.signing, tuple(keys.chain)
    target, own = read_url(url), read_url(as2.url or "")
    same_host = not isinstance(target, str) and not isinstance(own, str) and target.host == own.host
    pinned = way.server_certificate if same_host else None
    return Way(
        networks=way.private_networks,
        authorities=bearer.file(way.authorities) if way.authorities is not None else None,
        pinned=bearer.file(pinned) if pinned is not None else None,
        client=client,
        client_chain=chain,
        proxy=way.proxy,
    )


def rest_of(call: Call, start: int) -> Call:
    """The same message from a byte on (RFC 9110 14.4)."""
    size = len(call.body)
    part = ("Content-Range", f"bytes {start}-{size - 1}/{size}")
    return replace(call, headers=(*call.headers, part), body=memoryview(call.body)[start:])


def is_own(url: str, as2: As2) -> bool:
    """Whether a URL has the origin of the profile's: scheme, host and port; credentials go nowhere else."""
    target, own = read_url(url), read_url(as2.url or "")
    return not isinstance(target, str) and not isinstance(own, str) and target.origin == own.origin


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def _reads_files(as2: As2) -> bool:
    references = (as2.connection.password, as2.connection.proxy_password)
    return any(reference is not None and reference.startswith("file:") for reference in references)


def _user(name: str) -> str:
    if ":" in name:  # RFC 7617 2
        raise CannotSend("a user name with a colon cannot be sent by basic authentication; ask the partner for another")
    return name


def _check_recipient(parcel: Parcel, now: datetime) -> None:
    """A certificate that expired while the message was queued: who holds its key now is nobody's promise any more."""
    until = parcel.facts.get("encrypted_to_until")
    if isinstance(until, str) and now > datetime.fromisoformat(until):
        raise CannotSend(
            f"the certificate it was encrypted to expired on {until[:10]} while it was queued; cancel it and send it "
            "again: then it is encrypted to the partner's new one"
        )
