"""Who is this? All partners at one moment, found by the ids and keys they claim; a reload makes a new directory.

Nothing here watches or waits: the program asks again, and folders that did not change are not read again.
"""

import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from partners.api_terms import ApiKey
from partners.claims import (
    Claim,
    Claimants,
    claim_problems,
    claimants_of,
    clash_problems,
    connection_problems,
    rivals,
)
from partners.loader import PROFILE_FILE, LoadedProfile, Problems
from partners.problems import Problem
from partners.survey import Survey, survey

__all__ = ["Directory", "KeyHolder", "claim_problems", "connection_problems", "load_all", "load_directory"]

_NO_DIGEST = "0" * 64
# Who removes so many leaves something behind, or says that it is meant; a volume that is not mounted leaves nothing.
_EMPTIED_FROM = 2


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose API key it was, and which of theirs."""

    partner: LoadedProfile
    key: ApiKey


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look at all folders found, so that the next one reads only what changed since.

    Attributes:
        survey: the folders.
        problems: everything that was wrong; None where it was not settled yet who is in force.
    """

    survey: Survey
    problems: Problems | None


class Directory:
    """The partners at one moment; never changed after it was made.

    Suspended partners and drafts are found like others, so that they can be told: whoever lets something in looks at
    `profile.status`. An id that two profiles claim belongs to nobody, but a draft never takes one away from others.

    Args:
        profiles: those in force.
        refused: why the newest profile of a partner (by the name of its folder) is not in force.
        seen: for the next look.
        claimants: who claims what, where that is known already.
    """

    __slots__ = ("_by_claim", "_by_id", "_carried", "_seen", "refused")

    def __init__(
        self,
        profiles: Iterable[LoadedProfile] = (),
        refused: Mapping[str, Problems] | None = None,
        seen: _Seen | None = None,
        claimants: Mapping[Claim, Claimants] | None = None,
    ) -> None:
        self._by_id = {loaded.id: loaded for loaded in profiles}
        self._seen = seen
        self.refused: Mapping[str, Problems] = dict(refused or {})
        self._by_claim: dict[Claim, LoadedProfile] = {}
        self._carried: dict[str, list[LoadedProfile]] = {}
        for claim, of_it in (claimants if claimants is not None else claimants_of(self._by_id.values())).items():
            among = rivals(of_it)
            if len(among) == 1:
                self._by_claim[claim] = among[0][0]
        for loaded in self._by_id.values():
            if loaded.profile.via is not None:
                self._carried.setdefault(loaded.profile.via, []).append(loaded)

    @property
    def was_read(self) -> bool:
        """Whether it came from a folder that could be read."""
        return self._seen is not None

    def after(self, last_good: Iterable[LoadedProfile]) -> "Directory":
        """A directory to look again with, as though these profiles had been in force before this one was read."""
        seen = _Seen(self._seen.survey, None) if self._seen is not None else None
        return Directory(last_good, self.refused, seen)

    def suspending(self, partner_ids: Collection[str]) -> "Directory":
        """The same partners, these suspended whatever their profiles say."""
        if not partner_ids:
            return self
        held = {"status": "suspended"}
        profiles = (
            replace(loaded, profile=loaded.profile.model_copy(update=held)) if loaded.id in partner_ids else loaded
            for loaded in self
        )
        return Directory(profiles, self.refused, self._seen)

    def __iter__(self) -> Iterator[LoadedProfile]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_id(self, partner: str) -> LoadedProfile | None:
        """The partner with this id."""
        return self._by_id.get(partner)

    def by_as2_id(self, as2_id: str) -> LoadedProfile | None:
        """The partner with this AS2 identifier; case counts (RFC 4130 6.2)."""
        return self._by_claim.get(("as2", as2_id))

    def by_api_key(self, sha256_hex: str, today: date) -> KeyHolder | None:
        """Who holds the key with this SHA-256 digest; None for unknown and expired keys alike.

        A digest tells nothing about the digests near it, so the lookup by it leaks nothing; the comparison that
        decides takes the same time wherever the digests part, and is made for unknown keys too.
        """
        loaded = self._by_claim.get(("api_key", sha256_hex))
        keys = loaded.profile.api_keys if loaded is not None else ()
        match: KeyHolder | None = None
        presented = sha256_hex.encode("utf-8", "replace")
        for key in keys:
            if (
                hmac.compare_digest(key.sha256.encode("ascii"), presented)
                and loaded is not None
                and key.opens_on(today)
            ):
                match = KeyHolder(loaded, key)
        if not keys:
            hmac.compare_digest(_NO_DIGEST.encode("ascii"), presented)
        return match

    def by_oauth_client(self, client_id: str) -> LoadedProfile | None:
        """The partner that has this OAuth client, whatever its secret and its days."""
        return self._by_claim.get(("oauth", client_id))

    def by_signature_key(self, key_id: str) -> LoadedProfile | None:
        """The partner whose programs sign with this key, whatever its days."""
        return self._by_claim.get(("signature", key_id))

    def by_client_certificate(self, fingerprint: str) -> LoadedProfile | None:
        """The partner whose programs show this TLS certificate (SHA-256 in hex), whatever its days."""
        return self._by_claim.get(("certificate", fingerprint))

    def by_interchange_id(self, qualifier: str, interchange_id: str) -> LoadedProfile | None:
        """The partner with this ISA qualifier and id; padding does not count."""
        return self._by_claim.get(("x12", qualifier, interchange_id.rstrip(" ")))

    def by_sftp_user(self, user: str) -> LoadedProfile | None:
        """The partner who logs in to our SFTP server with this user name; case counts."""
        return self._by_claim.get(("sftp", user))

    def speaker(self, authenticated: LoadedProfile, qualifier: str, interchange_id: str) -> LoadedProfile | None:
        """Whose interchange it is that came over somebody's connection; None where they may not speak for that address.

        A partner speaks for itself; a connection also for the partners that name it in `via` and whose address
        it lists in `speaks_for`.
        """
        owner = self.by_interchange_id(qualifier, interchange_id)
        if owner is None or owner.id == authenticated.id:
            return owner
        listed = authenticated.speaks_for(qualifier, interchange_id.rstrip(" "))
        return owner if listed and owner.profile.via == authenticated.id else None

    def carried_by(self, connection: LoadedProfile) -> tuple[LoadedProfile, ...]:
        """The partners whose traffic a connection may carry."""
        return tuple(
            loaded
            for loaded in self._carried.get(connection.id, ())
            if any(self.speaker(connection, item.qualifier, item.id) is loaded for item in loaded.profile.x12)
        )


def load_directory(
    partners_dir: Path,
    previous: Directory | None = None,
    *,
    environment: str | None = None,
    built_in: Sequence[LoadedProfile] = (),
    were_in_force: int = 0,
) -> tuple[Directory, Problems]:
    """The partners below a folder as they are now, and everything that is wrong with them.

    `environment` is whose overlays lie over the profiles; `built_in` are partners without a folder, whose ids and
    addresses nobody else may have; `were_in_force` is how many others were in force before, where `previous` does not
    hold them.

    A broken profile, or one that claims what another partner has, leaves the partner's last good profile in place
    (none where there was none). A removed folder removes the partner; all stay where `partners_dir` cannot be read, or
    where several were in force and it has no entry at all.
    `previous` itself comes back when nothing changed.
    """
    before = _with_built_in(previous if previous is not None else Directory(), built_in)
    reserved = {loaded.id: loaded for loaded in built_in}
    seen = before._seen  # noqa: SLF001  # its own kind
    try:
        found = survey(
            partners_dir, seen.survey if seen is not None else None, environment=environment, without=reserved
        )
    except OSError as error:
        what = f"the folder of the partners cannot be read ({error.strerror})"
        return before, (Problem(str(partners_dir), 1, 1, "", what, "set `partners_dir` to a folder that exists"),)
    others = sum(loaded.id not in reserved for loaded in before)
    if found.is_empty and max(others, were_in_force) >= _EMPTIED_FROM:
        return before, (_emptied_problem(partners_dir),)
    if seen is not None and seen.survey is found and seen.problems is not None:
        return before, seen.problems
    refused, candidates = _candidates(found, before)
    candidates |= reserved
    problems = [*found.omission_problems(), *(problem for outcome in refused.values() for problem in outcome)]
    problems += [reserved_problem(partners_dir / name) for name in found.names if name in reserved]
    clashes, claimants = _settle(candidates, before, refused)
    told = tuple(dict.fromkeys((*problems, *clashes, *connection_problems(candidates.values()))))
    return Directory(candidates.values(), refused, _Seen(found, told), claimants), told


def _candidates(seen: Survey, before: Directory) -> tuple[dict[str, Problems], dict[str, LoadedProfile]]:
    """What is refused for its own sake, and who would be in force."""
    refused: dict[str, Problems] = {}
    candidates: dict[str, LoadedProfile] = {}
    for name, found in seen.looks.items():
        if isinstance(found.outcome, LoadedProfile):
            candidates[name] = found.outcome
            continue
        refused[name] = found.outcome
        last_good = before.by_id(name)
        if last_good is not None:
            candidates[name] = last_good
    return refused, candidates


def load_all(partners_dir: Path, *, environment: str | None = None) -> tuple[tuple[LoadedProfile, ...], Problems]:
    """Every profile below a folder that is fine by itself, whatever it claims, and what is wrong with the others.

    Raises:
        OSError: the folder itself cannot be read.
    """
    found = survey(partners_dir, environment=environment)
    broken = [look.outcome for look in found.looks.values() if not isinstance(look.outcome, LoadedProfile)]
    return found.loaded(), tuple(problem for problems in broken for problem in problems)


def _settle(
    candidates: dict[str, LoadedProfile], before: Directory, refused: dict[str, Problems]
) -> tuple[Problems, dict[Claim, Claimants]]:
    """Take back changes until no id is claimed twice: who claims anew yields to who had it; without a past, both go.

    What is taken back stands in `refused` afterwards. Drafts claim nothing that others have. Returns what is wrong, and
    who claims what then.
    """
    told: list[Problem] = []
    while True:
        claimed = claimants_of(candidates.values())
        clashes = {claim: claimants for claim, claimants in claimed.items() if _is_contested(claimants)}
        if not clashes:
            return tuple(told), claimed
        problems = clash_problems(clashes)
        told += [problem for of_one in problems.values() for problem in of_one]
        contested = {loaded.id: loaded for claimants in clashes.values() for loaded, _ in rivals(claimants)}
        retreating = [item for item in contested.values() if not _is_last_good(item, before)]
        for partner, loaded in contested.items():
            last_good = before.by_id(partner)
            if last_good is not None and last_good.digest != loaded.digest:
                candidates[partner] = last_good
            elif last_good is None or len(retreating) == 0:
                del candidates[partner]
            else:
                continue
            refused.setdefault(partner, problems[partner])


def _is_contested(claimants: Claimants) -> bool:
    return len(claimants) > 1 and sum(loaded.profile.status != "draft" for loaded, _ in claimants) > 1


def _is_last_good(loaded: LoadedProfile, before: Directory) -> bool:
    last_good = before.by_id(loaded.id)
    return last_good is not None and last_good.digest == loaded.digest


def _with_built_in(before: Directory, built_in: Sequence[LoadedProfile]) -> Directory:
    """As though the built-in partners had always been there: who claims what they have yields."""
    if all(before.by_id(loaded.id) is loaded for loaded in built_in):
        return before
    joined = {loaded.id: loaded for loaded in (*before, *built_in)}
    return Directory(joined.values(), before.refused, before._seen)  # noqa: SLF001  # its own kind


def _emptied_problem(partners_dir: Path) -> Problem:
    what = "the folder of the partners has no entry at all, though several were in force; they stay in force"
    right = "mount the volume that holds them; if all of them are to go, leave any file in it, such as `.no-partners`"
    return Problem(str(partners_dir), 1, 1, "", what, right)


def reserved_problem(folder: Path) -> Problem:
    """A folder that bears the name of a built-in partner."""
    what = f"{folder.name} is the name of a partner that is built in, so this folder is not read"
    right = f"give the folder and its id another name, or set `{folder.name}: false` in gateway.yaml"
    return Problem(str(folder / PROFILE_FILE), 1, 1, "id", what, right)
