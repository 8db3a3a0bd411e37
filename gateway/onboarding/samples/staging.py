"""The partners as a rehearsal sees them: this one can be exchanged with, whatever its status and its way say today."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.as2_agreements import identity_for
from gateway.flow.outward.ways import WITHOUT_AS2
from gateway.settings import IdentitySettings
from partners.as2_terms import As2
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.profile import Profile

# Nothing is sent there: a rehearsal ends when the bytes are made.
_NOWHERE = "https://rehearsal.invalid/as2"
_SOME_ID = "REHEARSAL"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part.

    Attributes:
        partner: whose samples they are.
        bearer: whose connection carries them: the partner's own, or that of its VAN or 3PL.
        directory: both among the others.
        identities: ours, one of them with an AS2 id.
    """

    partner: LoadedProfile
    bearer: LoadedProfile
    directory: Directory
    identities: tuple[IdentitySettings, ...]


def cast(
    partner: LoadedProfile, others: Directory, identities: Sequence[IdentitySettings], *, reachable: bool = True
) -> Cast:
    """A partner as it plays: active, and (`reachable`) with a way to send to it where its profile has none yet."""
    ours = tuple(identities)
    if reachable and not any(identity.as2_id is not None for identity in ours):
        ours = tuple(identity.model_copy(update={"as2_id": _SOME_ID}) for identity in ours[:1]) + ours[1:]
    ready = _active(partner)
    via = partner.profile.via
    connection = others.by_id(via) if via is not None else None
    bearer = ready if connection is None else _active(connection)
    if reachable:
        bearer = _reachable(bearer, ours)
    if connection is None:
        # A partner whose connection is not there yet is rehearsed as one that comes by itself.
        ready = bearer = _with(bearer, bearer.profile.model_copy(update={"via": None}))
    cast_ids = {ready.id, bearer.id}
    rest = [loaded for loaded in others if loaded.id not in cast_ids]
    return Cast(ready, bearer, Directory([*rest, ready, *([bearer] if bearer is not ready else [])]), ours)


def _active(loaded: LoadedProfile) -> LoadedProfile:
    """Drafts are tested before they are live, and suspended partners as they were."""
    if loaded.profile.is_active:
        return loaded
    status = "testing" if loaded.profile.is_test else "live"
    return _with(loaded, loaded.profile.model_copy(update={"status": status}))


def _reachable(loaded: LoadedProfile, identities: Sequence[IdentitySettings]) -> LoadedProfile:
    if loaded.profile.way_out in WITHOUT_AS2:
        return loaded  # they are, as far as a rehearsal goes
    as2 = loaded.profile.as2 or As2(id=_SOME_ID)
    known = identity_for(loaded.profile.model_copy(update={"as2": as2}), identities)
    named = known or next((identity for identity in identities if identity.as2_id is not None), None)
    update = {"url": as2.url or _NOWHERE, "our_identity": named.name if named is not None else None}
    return _with(loaded, loaded.profile.model_copy(update={"as2": as2.model_copy(update=update)}))


def _with(loaded: LoadedProfile, profile: Profile) -> LoadedProfile:
    return replace(loaded, profile=profile)
