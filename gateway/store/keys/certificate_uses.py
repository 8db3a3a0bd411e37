"""When certificates were last used, of ours and of partners: noted in memory, written down now and then.

What is lost with the power is a few seconds of "last used"; nothing waits for it.
"""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection, select

from gateway.store.engine.statements import Prepared, given, table_of
from gateway.store.tables import CertificateUse

_USE = table_of(CertificateUse)


class Use(StrEnum):
    """What a certificate, or the key that belongs to it, was used for."""

    SIGNING = "signing"  # we signed with our key
    DECRYPTION = "decryption"  # we decrypted with our key
    TLS = "tls"  # shown as client, or seen of their server
    VERIFICATION = "verification"  # a signature of theirs was verified with it
    ENCRYPTION = "encryption"  # we encrypted to it


Key = tuple[str, str, str]  # owner, fingerprint, use


def identity_owner(name: str) -> str:
    """Our identity as the owner of certificates."""
    return f"identity:{name}"


def partner_owner(partner_id: str) -> str:
    """A partner as the owner of certificates."""
    return f"partner:{partner_id}"


class LastUses:
    """The uses of this process that are not written down yet; one dictionary entry a use, so that noting is cheap."""

    def __init__(self) -> None:
        self._noted: dict[Key, int] = {}

    def ours(self, identity: str, fingerprint: object, use: Use, at_ms: int) -> None:
        """One of our keys was used; from any thread. Nothing is noted without a fingerprint."""
        if isinstance(fingerprint, str):
            self._noted[identity_owner(identity), fingerprint, use.value] = at_ms

    def theirs(self, partner_id: str, fingerprint: object, use: Use, at_ms: int) -> None:
        """A certificate of a partner was used; from any thread. Nothing is noted without a fingerprint."""
        if isinstance(fingerprint, str):
            self._noted[partner_owner(partner_id), fingerprint, use.value] = at_ms

    def take(self) -> dict[Key, int]:
        """What was noted since the last call."""
        taken, self._noted = self._noted, {}
        return taken

    def put_back(self, taken: Mapping[Key, int]) -> None:
        """What could not be written down; newer notes stay."""
        self._noted = dict(taken) | self._noted


def _later() -> Prepared:
    def build(insert):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # the dialect's own insert
        new = insert(_USE).values(
            owner=given("owner"), fingerprint=given("fingerprint"), use=given("use"), last_used_at_ms=given("at_ms")
        )
        return new.on_conflict_do_update(
            index_elements=["owner", "fingerprint", "use"],
            set_={"last_used_at_ms": new.excluded.last_used_at_ms},
            # Another node may have used it later.
            where=new.excluded.last_used_at_ms > _USE.c.last_used_at_ms,
        )

    return Prepared(build)


_keep = _later()


def keep(connection: Connection, uses: Mapping[Key, int]) -> None:
    """Write uses down, in one order, so that two nodes do not wait for each other."""
    for (owner, fingerprint, use), at_ms in sorted(uses.items()):
        _keep.post(connection, owner=owner, fingerprint=fingerprint, use=use, at_ms=at_ms)


def every(connection: Connection) -> dict[Key, int]:
    """The last uses, in milliseconds since 1970."""
    rows = connection.execute(select(_USE.c.owner, _USE.c.fingerprint, _USE.c.use, _USE.c.last_used_at_ms))
    return {(row[0], row[1], row[2]): row[3] for row in rows}
