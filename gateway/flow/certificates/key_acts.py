"""What people do to our keys. Each act is one unit of work with its audit entry, one at a time over all nodes.

A running gateway follows within seconds. What makes no sense is refused with a `KeyRingError` that says what would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from certs.keyring import KeyRingError, seal
from certs.lives import Life, day, live, planned_after, signer_at
from gateway.flow.certificates.keys import life_of, unlock
from gateway.flow.operations import Actor
from gateway.model.instants import moment
from gateway.store import keys
from gateway.store.credentials import sealing
from gateway.store.keys import StoredKey
from gateway.store.keys.certificate_uses import Key, Use, identity_owner
from gateway.store.oversight import audit

PREFIX_CHARACTERS_MIN = 4
STILL_USED = timedelta(days=14)


def of_identity(stored: Sequence[StoredKey], identity: str) -> list[Life]:
    """The pairs of one identity, the oldest first."""
    return [life_of(one) for one in stored if one.identity == identity]


def chosen(lives: Sequence[Life], identity: str, fingerprint: str) -> Life:
    """The pair that a person named by its fingerprint or the beginning of it.

    Raises:
        KeyRingError: none or several are called so.
    """
    wanted = fingerprint.replace(":", "").replace(" ", "").lower()
    found = [life for life in lives if len(wanted) >= PREFIX_CHARACTERS_MIN and life.fingerprint.startswith(wanted)]
    if len(found) != 1:
        known = ", ".join(life.short for life in lives) or "none"
        what = "no pair" if not found else "several pairs"
        raise KeyRingError(f"{identity} has {what} {fingerprint!r} (it has: {known}). See `gateway certs list`.")
    return found[0]


def add(connection: Connection, new: StoredKey, passphrase: bytes, actor: Actor, *, action: str) -> None:
    """Keep a pair that was made or brought.

    Raises:
        KeyRingError: the identity has it already, or the passphrase does not open the keys that are there.
    """
    keys.lock(connection)
    for one in keys.every(connection):
        if one.wrapped_key:  # one passphrase opens them all, or the gateway cannot start
            unlock(one, passphrase)
    sealing.check(connection, passphrase)
    if not keys.add(connection, new):
        raise KeyRingError(f"{new.identity} has this pair already ({new.fingerprint}). See `gateway certs list --all`.")
    _record(connection, actor, action, new.identity, new.created_at_ms, {"fingerprint": new.fingerprint})


def roll(
    connection: Connection,
    identity: str,
    fingerprint: str,
    *,
    on: datetime,
    decrypt_until: datetime | None,
    actor: Actor,
    now_ms: int,
) -> list[Life]:
    """Have another pair sign from a moment on; it decrypts already. Returns the pairs as they are then.

    A roll that was planned before and has not come yet is taken back: there is one plan at a time.

    Raises:
        KeyRingError: there is no such pair, or it cannot sign then.
    """
    keys.lock(connection)
    now = moment(now_ms)
    lives = of_identity(keys.every(connection), identity)
    new = chosen(lives, identity, fingerprint)
    old = signer_at(lives, now)
    _must_be_able_to_sign(new, on)
    if old == new and not planned_after(lives, now):
        raise KeyRingError(f"{identity} signs with {new.short} already.")
    if decrypt_until is not None:
        _must_leave_a_decrypting_pair(lives, old, new, decrypt_until, on)
    for planned in planned_after(lives, now):
        if planned != new:
            keys.change(connection, identity, planned.fingerprint, {"signs_from_ms": None})
    at_ms = round(on.timestamp() * 1_000)
    keys.change(connection, identity, new.fingerprint, {"signs_from_ms": at_ms, "decrypts_until_ms": None})
    if old is not None and old != new:
        values: dict[str, object] = {} if old.signs_from is not None else {"signs_from_ms": _before(old, now_ms)}
        if decrypt_until is not None:
            values["decrypts_until_ms"] = round(decrypt_until.timestamp() * 1_000)
        if values:
            keys.change(connection, identity, old.fingerprint, values)
    detail: dict[str, object] = {
        "to": new.fingerprint,
        "from": old.fingerprint if old is not None else None,
        "on": on.isoformat(),
        "decrypt_until": decrypt_until.isoformat() if decrypt_until is not None else None,
    }
    _record(connection, actor, "key.roll", identity, now_ms, detail)
    return of_identity(keys.every(connection), identity)


def _before(old: Life, now_ms: int) -> int:
    """A pair that signed by being the only one signed from its first moment on; else the plan would seem the first."""
    return min(round(old.created_at.timestamp() * 1_000), now_ms)


def _must_be_able_to_sign(new: Life, on: datetime) -> None:
    certificate = new.certificate
    if not new.is_live:
        raise KeyRingError(f"{new.short} is retired. Make a new pair with `gateway certs roll --new`.")
    if not certificate.not_before <= on <= certificate.not_after:
        raise KeyRingError(
            f"The certificate of {new.short} is valid from {day(certificate.not_before)} to "
            f"{day(certificate.not_after)}, not on {day(on)}. Choose a day in between."
        )


def _must_leave_a_decrypting_pair(
    lives: Sequence[Life], old: Life | None, new: Life, until: datetime, on: datetime
) -> None:
    if until < on:
        raise KeyRingError(
            f"The old pair would cease to decrypt on {day(until)}, before the cut-over on {day(on)}: partners change "
            "at a time of their own. Choose a later day."
        )
    others = [life for life in live(lives) if life != old and life.takes_ciphertext and life.decrypts_until is None]
    if not others and not new.takes_ciphertext:
        raise KeyRingError(
            "Then no pair would be left that partners can encrypt to: content keys travel under RSA, and the new pair "
            "is an elliptic curve. Leave the old pair without an end, or make an RSA pair beside it."
        )


def retire(
    connection: Connection,
    identity: str,
    fingerprint: str,
    *,
    erase: bool,
    even_if_used: bool,
    uses: Mapping[Key, int],
    actor: Actor,
    now_ms: int,
) -> Life:
    """Have a pair neither sign nor decrypt any more; `erase` also destroys its private key. Returns it as it is then.

    Raises:
        KeyRingError: there is no such pair, it signs, or partners still use it.
    """
    keys.lock(connection)
    now = moment(now_ms)
    lives = of_identity(keys.every(connection), identity)
    life = chosen(lives, identity, fingerprint)
    if life.is_live:
        _must_be_idle(life, lives, now, None if even_if_used else uses)
    elif not erase:
        raise KeyRingError(f"{life.short} is retired already.")
    values: dict[str, object] = {"signs_from_ms": None}
    if life.retired_at is None:
        values["retired_at_ms"] = now_ms
    if erase:
        values["wrapped_key"] = b""
    keys.change(connection, identity, life.fingerprint, values)
    detail: dict[str, object] = {"fingerprint": life.fingerprint, "erased": erase}
    _record(connection, actor, "key.retire", identity, now_ms, detail)
    return replace(life, retired_at=life.retired_at or now, erased=life.erased or erase, signs_from=None)


def _must_be_idle(life: Life, lives: Sequence[Life], now: datetime, uses: Mapping[Key, int] | None) -> None:
    if signer_at(lives, now) == life:
        raise KeyRingError(f"{life.short} is the pair that signs. Change over first with `gateway certs roll`.")
    if life in planned_after(lives, now):
        raise KeyRingError(f"{life.short} is to sign soon. Plan another one first with `gateway certs roll --to`.")
    if life.takes_ciphertext and not any(other.takes_ciphertext for other in live(lives) if other != life):
        raise KeyRingError(f"{life.short} is the last pair that partners can encrypt to. Make an RSA pair first.")
    if uses is None:
        return
    used_ms = uses.get((identity_owner(life.identity), life.fingerprint, Use.DECRYPTION.value))
    if used_ms is not None and now - moment(used_ms) < STILL_USED:
        raise KeyRingError(
            f"A message was decrypted with {life.short} on {day(moment(used_ms))}: a partner still encrypts to it, and "
            "its messages would be refused. Ask the partner to change over, or use --even-if-used."
        )


def rewrap(connection: Connection, old: bytes, new: bytes, actor: Actor, now_ms: int) -> int:
    """Wrap every private key, and the key that seals our secrets, under a new passphrase, all or none.

    Returns how many private keys there are.

    Raises:
        KeyRingError: one of them does not open under the old passphrase.
    """
    keys.lock(connection)
    stored = [one for one in keys.every(connection) if one.wrapped_key]
    for one in stored:
        pair = unlock(one, old)
        wrapped = seal(pair.private_key, new)
        unlock(replace(one, wrapped_key=wrapped), new)
        keys.change(connection, one.identity, one.fingerprint, {"wrapped_key": wrapped})
    sealed = sealing.rewrap(connection, old, new)
    _record(connection, actor, "key.rewrap", "", now_ms, {"keys": len(stored), "sealing_key": sealed})
    return len(stored)


def opens(connection: Connection, passphrase: bytes) -> bool:
    """Whether a passphrase opens every key that is kept, the one that seals our secrets included."""
    try:
        for one in keys.every(connection):
            if one.wrapped_key:
                unlock(one, passphrase)
        sealing.check(connection, passphrase)
    except KeyRingError:
        return False
    return True


def told_of_export(connection: Connection, life: Life, actor: Actor, now_ms: int) -> None:
    """The audit of a private key that leaves the ring."""
    _record(connection, actor, "key.export-private", life.identity, now_ms, {"fingerprint": life.fingerprint})


def _record(
    connection: Connection, actor: Actor, action: str, subject: str, now_ms: int, detail: dict[str, object]
) -> None:
    audit.record(connection, audit.Act(now_ms, actor.name, action, subject, actor.remote, detail))
