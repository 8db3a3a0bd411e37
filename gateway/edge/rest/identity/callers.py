"""A caller: what was shown, by one partner, and as much of it as that partner's profile asks for."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol, TypeAlias

from sqlalchemy import Connection

from gateway.buffers import Buffer
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.model.refusals import Reason, Refused
from gateway.signatures import HOUSE_POLICY
from partners.api_terms import Means, Scope, Signatures
from partners.loader import LoadedProfile


class Seal(Protocol):
    """What a signature still asks for once its head was right."""

    async def check_body(self, body: Buffer) -> None:
        """Raises `Refused` where the body is another than the one whose digest was signed."""

    def spend(self, connection: Connection) -> None:
        """Use its nonce, once; raises `Refused` where it was used before. In the transaction of what it asks for."""

    def release(self, connection: Connection) -> None:
        """Nothing came of the request: it may come again."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that was shown, and is right.

    Attributes:
        label: its name in the profile.
        scopes: what it may be used for; everything when empty.
        seal: of a signature.
    """

    partner: LoadedProfile
    means: Means
    label: str
    scopes: tuple[Scope, ...] = ()
    seal: Seal | None = None


# Looks for one kind of credential: None where nothing of the kind was shown.
# Raises Refused(UNAUTHENTICATED) where what was shown is wrong or unknown, always with the same words.
Finder: TypeAlias = Callable[[Request, date], Awaitable[Credential | None]]
ACCEPT_SIGNATURE = "Accept-Signature"
UNKNOWN = "no partner has these credentials"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever makes a call."""

    partner: LoadedProfile
    credentials: tuple[Credential, ...]

    def may(self, scope: Scope | None) -> bool:
        """Whether everything that was shown may be used for this."""
        return scope is None or all(not item.scopes or scope in item.scopes for item in self.credentials)

    @property
    def security(self) -> dict[str, object]:
        """What was shown, for the message that it brought: means and label."""
        return {item.means: item.label for item in self.credentials}

    async def check_body(self, body: Buffer) -> None:
        """Compare the body with what was signed.

        Raises:
            Refused: it is another one.
        """
        for item in self.credentials:
            if item.seal is not None:
                await item.seal.check_body(body)

    @property
    def is_sealed(self) -> bool:
        """Whether there is something to spend."""
        return any(item.seal is not None for item in self.credentials)

    def spend(self, connection: Connection) -> None:
        """Use what may be used once; called in the transaction of what the request asks for.

        Raises:
            Refused: it was used before.
        """
        for item in self.credentials:
            if item.seal is not None:
                item.seal.spend(connection)

    def release(self, connection: Connection) -> None:
        """Nothing came of the request: what may be used once is free again."""
        for item in self.credentials:
            if item.seal is not None:
                item.seal.release(connection)


def accept_signature(request: Request, terms: Signatures) -> str:
    """What a signature of this request has to cover, as the value of Accept-Signature (RFC 9421 5.1)."""
    names = [name for name in HOUSE_POLICY.components if name != "@query" or request.query_string]
    names += HOUSE_POLICY.body_components if request.body_exists else ()
    names += [name for name in terms.components if name in request.headers]
    tag = f';tag="{terms.tag}"' if terms.tag is not None else ""
    covered = " ".join([f'"{name}"' for name in dict.fromkeys(names)])
    return f"sig1=({covered});created{tag}"


class Identity:
    """Finds out who calls.

    Args:
        edge: what it stands on.
        finders: one for each kind of credential.
    """

    def __init__(self, edge: Edge, finders: Sequence[Finder]) -> None:
        self._edge = edge
        self._finders = tuple(finders)

    async def identify(self, request: Request) -> Caller:
        """Who it is.

        Raises:
            Refused: UNAUTHENTICATED, nothing or something wrong was shown, or less than the profile asks for.
        """
        now_ms = self._edge.now_ms()
        today = datetime.fromtimestamp(now_ms / 1_000, UTC).date()
        shown = tuple([found for find in self._finders if (found := await find(request, today)) is not None])
        if not shown:
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit="nothing was shown")
        partner = shown[0].partner
        if any(item.partner.id != partner.id for item in shown):
            whose = ", ".join(sorted(f"{item.means} of {item.partner.id}" for item in shown))
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit=f"credentials of several partners: {whose}")
        request.actor = f"partner:{partner.id}"
        if partner.profile.status == "draft":
            what = ", ".join(f"{item.means} {item.label}" for item in shown)
            raise Refused(Reason.UNAUTHENTICATED, UNKNOWN, audit=f"{what}: the partner is a draft")
        missing = [means for means in partner.profile.api.require if means not in {item.means for item in shown}]
        if "signature" in missing:
            asked = {ACCEPT_SIGNATURE: accept_signature(request, partner.profile.api.signatures)}
            request.extra_headers = dict(request.extra_headers) | asked
        if missing:
            raise Refused(
                Reason.UNAUTHENTICATED,
                f"your profile asks for more with each call: {', '.join(missing)}",
                audit=f"not shown: {', '.join(missing)}",
            )
        for item in shown:
            self._edge.credential_uses.note(partner.id, item.means, item.label, now_ms)
        return Caller(partner, shown)
