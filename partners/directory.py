"""Who is this? All partners at one moment, found by the ids and keys they claim; a reload makes a new directory.

Nothing here watches or waits: the program asks again, and folders that did not change are not read again.
"""

import gc
import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from partners.folders import stamp_of
from partners.loader import PROFILE_FILE, LoadedProfile, Look, Problems, load_profile, look
from partners.problems import Location, Problem, one_of, shown
from partners.templates import Template, Templates

PARTNERS_MAX = 20_000
_NO_DIGEST = "0" * 64
_MANY = 100  # so many folders read at once make garbage collection a large part of the work

# What only one partner may have: ("as2", id), ("x12", qualifier, id), ("api_key", digest) or ("sftp", user).
Claim = tuple[str, ...]
_Claimants = list[tuple[LoadedProfile, Location]]


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose API key it was, and which of theirs."""

    partner: LoadedProfile
    label: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last look at all folders found, so that the next one reads only what changed since.

    Attributes:
        basis: the folder and the environment that were looked at, and the names of the folders in it.
        looks: by the name of the folder.
        templates: by name.
        problems: everything that was wrong.
    """

    basis: tuple[Path | None, str | None, tuple[str, ...]]
    looks: Mapping[str, Look] = field(default_factory=dict)
    templates: Mapping[str, Template | None] = field(default_factory=dict)
    problems: Problems = ()


_NOTHING_SEEN = _Seen((None, None, ()))


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
        claimants: Mapping[Claim, _Claimants] | None = None,
    ) -> None:
        self._by_id = {loaded.id: loaded for loaded in profiles}
        self._seen = seen
        self.refused: Mapping[str, Problems] = dict(refused or {})
        self._by_claim: dict[Claim, LoadedProfile] = {}
        self._carried: dict[str, list[LoadedProfile]] = {}
        for claim, of_it in (claimants if claimants is not None else _claimants(self._by_id.values())).items():
            rivals = _rivals(of_it)
            if len(rivals) == 1:
                self._by_claim[claim] = rivals[0][0]
        for loaded in self._by_id.values():
            if loaded.profile.via is not None:
                self._carried.setdefault(loaded.profile.via, []).append(loaded)

    @property
    def was_read(self) -> bool:
        """Whether it came from a folder that could be read."""
        return self._seen is not None

    def after(self, last_good: Iterable[LoadedProfile]) -> "Directory":
        """A directory to look again with, as though these profiles had been in force before this one was read."""
        seen = replace(self._seen, basis=_NOTHING_SEEN.basis) if self._seen is not None else None
        return Directory(last_good, self.refused, seen)

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
                match = KeyHolder(loaded, key.label)
        if not keys:
            hmac.compare_digest(_NO_DIGEST.encode("ascii"), presented)
        return match

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
) -> tuple[Directory, Problems]:
    """The partners below a folder as they are now, and everything that is wrong with them.

    `environment` is whose overlays lie over the profiles; `built_in` are partners without a folder, whose ids and
    addresses nobody else may have.

    A broken profile, or one that claims what another partner has, leaves the partner's last good profile in place
    (none where there was none). A removed folder removes the partner; all stay where `partners_dir` cannot be read.
    `previous` itself comes back when nothing changed.
    """
    before = _with_built_in(previous if previous is not None else Directory(), built_in)
    reserved = {loaded.id: loaded for loaded in built_in}
    try:
        folders = _folders(partners_dir)
    except OSError as error:
        what = f"the folder of the partners cannot be read ({error.strerror})"
        return before, (Problem(str(partners_dir), 1, 1, "", what, "set `partners_dir` to a folder that exists"),)
    basis = (partners_dir, environment, tuple(folder.name for folder in folders))
    known = before._seen or _NOTHING_SEEN  # noqa: SLF001  # its own kind
    looks = dict(known.looks) if known.basis[:2] in (basis[:2], _NOTHING_SEEN.basis[:2]) else {}
    templates = Templates(partners_dir, known.templates)
    stale = [
        folder
        for folder in folders
        if folder.name not in reserved and not _is_current(looks.get(folder.name), templates)
    ]
    if not stale and known.basis == basis:
        return before, known.problems
    with _without_collection(len(stale)):
        for folder in stale:
            looks[folder.name] = _look_again(folder, looks.get(folder.name), templates, environment)
    looks = {folder.name: looks[folder.name] for folder in folders if folder.name not in reserved}
    refused, candidates = _candidates(looks, before)
    candidates |= reserved
    problems = [problem for outcome in refused.values() for problem in outcome]
    problems += [_reserved(folder) for folder in folders if folder.name in reserved]
    clashes, claimants = _settle(candidates, before, refused)
    told = tuple(dict.fromkeys((*problems, *clashes, *connection_problems(candidates.values()))))
    seen = _Seen(basis, looks, {**known.templates, **templates.looked_at}, told)
    return Directory(candidates.values(), refused, seen, claimants), told


def _candidates(looks: Mapping[str, Look], before: Directory) -> tuple[dict[str, Problems], dict[str, LoadedProfile]]:
    """What is refused for its own sake, and who would be in force."""
    refused: dict[str, Problems] = {}
    candidates: dict[str, LoadedProfile] = {}
    for name, found in looks.items():
        if isinstance(found.outcome, LoadedProfile):
            candidates[name] = found.outcome
            continue
        refused[name] = found.outcome
        last_good = before.by_id(name)
        if last_good is not None:
            candidates[name] = last_good
    return refused, candidates


@contextmanager
def _without_collection(folders: int) -> Iterator[None]:
    """What reading makes stays or goes by itself; looking for circles in it again and again would find none."""
    if folders < _MANY or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def load_all(partners_dir: Path, *, environment: str | None = None) -> tuple[tuple[LoadedProfile, ...], Problems]:
    """Every profile below a folder that is fine by itself, whatever it claims, and what is wrong with the others.

    Raises:
        OSError: the folder itself cannot be read.
    """
    templates = Templates(partners_dir)
    loaded: list[LoadedProfile] = []
    problems: list[Problem] = []
    folders = _folders(partners_dir)
    with _without_collection(len(folders)):
        for folder in folders:
            outcome = load_profile(folder, templates, environment)
            if isinstance(outcome, LoadedProfile):
                loaded.append(outcome)
            else:
                problems += outcome
    return tuple(loaded), tuple(problems)


def claim_problems(profiles: Iterable[LoadedProfile]) -> Problems:
    """Ids and keys that more than one profile claims; one problem for each claimant."""
    clashes = {claim: claimants for claim, claimants in _claimants(profiles).items() if len(claimants) > 1}
    return tuple(problem for of_one in _clash_problems(clashes).values() for problem in of_one)


def _clash_problems(clashes: Mapping[Claim, _Claimants]) -> dict[str, Problems]:
    """What to say to each of the claimants."""
    problems: dict[str, Problems] = {}
    for claim, claimants in clashes.items():
        for loaded, location in claimants:
            other, place = next(item for item in claimants if item[0] is not loaded)
            what = f"{_claim_words(claim)} is also claimed by {other.path}:{other.line_of(place)}"
            right = "an id belongs to one partner; take it from one of the two"
            problems[loaded.id] = (*problems.get(loaded.id, ()), loaded.problem(location, what, right))
    return problems


def connection_problems(profiles: Iterable[LoadedProfile]) -> Problems:
    """Connections that are named but unknown, or that do not list the partner who names them."""
    by_id = {loaded.id: loaded for loaded in profiles}
    problems: list[Problem] = []
    for loaded in by_id.values():
        if loaded.profile.via is None:
            continue
        connection = by_id.get(loaded.profile.via)
        if connection is None:
            what = f"no partner has the id {shown(loaded.profile.via)}"
            connections = [item.id for item in by_id.values() if item.profile.speaks_for]
            problems.append(loaded.problem(("via",), what, one_of(loaded.profile.via, connections)))
            continue
        listed = {(item.qualifier, item.id) for item in connection.profile.speaks_for}
        for address in loaded.profile.x12:
            if (address.qualifier, address.id) not in listed:
                what = f"the connection {shown(connection.id)} does not speak for {address.qualifier}/{address.id}"
                right = f"add {{qualifier: {address.qualifier}, id: {address.id}}} to `speaks_for` in {connection.path}"
                problems.append(loaded.problem(("via",), what, right))
    return tuple(problems)


def _claims(loaded: LoadedProfile) -> Iterator[tuple[Claim, Location]]:
    profile = loaded.profile
    if profile.as2 is not None:
        yield ("as2", profile.as2.id), ("as2", "id")
    for index, address in enumerate(profile.x12):
        yield ("x12", address.qualifier, address.id), ("x12", index, "id")
    for index, key in enumerate(profile.api_keys):
        yield ("api_key", key.sha256), ("api_keys", index, "sha256")
    if profile.sftp is not None:
        yield ("sftp", profile.sftp.user), ("sftp", "user")


def _rivals(claimants: _Claimants) -> _Claimants:
    """Those whose claims count against each other: a draft takes nothing from partners with whom one exchanges."""
    if len(claimants) == 1:
        return claimants
    return [item for item in claimants if item[0].profile.status != "draft"] or claimants


def _claimants(profiles: Iterable[LoadedProfile]) -> dict[Claim, _Claimants]:
    found: dict[Claim, _Claimants] = {}
    for loaded in profiles:
        for claim, location in _claims(loaded):
            found.setdefault(claim, []).append((loaded, location))
    return found


def _claim_words(claim: Claim) -> str:
    if claim[0] == "as2":
        return f"the AS2 id {shown(claim[1])}"
    if claim[0] == "x12":
        return f"the X12 address {claim[1]}/{claim[2]}"
    if claim[0] == "sftp":
        return f"the SFTP user {shown(claim[1])}"
    return "this API key"


def _settle(
    candidates: dict[str, LoadedProfile], before: Directory, refused: dict[str, Problems]
) -> tuple[Problems, dict[Claim, _Claimants]]:
    """Take back changes until no id is claimed twice: who claims anew yields to who had it; without a past, both go.

    What is taken back stands in `refused` afterwards. Drafts claim nothing that others have. Returns what is wrong, and
    who claims what then.
    """
    told: list[Problem] = []
    while True:
        claimed = _claimants(candidates.values())
        clashes = {claim: claimants for claim, claimants in claimed.items() if _is_contested(claimants)}
        if not clashes:
            return tuple(told), claimed
        problems = _clash_problems(clashes)
        told += [problem for of_one in problems.values() for problem in of_one]
        contested = {loaded.id: loaded for claimants in clashes.values() for loaded, _ in _rivals(claimants)}
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


def _is_contested(claimants: _Claimants) -> bool:
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


def _reserved(folder: Path) -> Problem:
    what = f"{folder.name} is the name of a partner that is built in, so this folder is not read"
    right = f"give the folder and its id another name, or set `{folder.name}: false` in gateway.yaml"
    return Problem(str(folder / PROFILE_FILE), 1, 1, "id", what, right)


def _folders(partners_dir: Path) -> list[Path]:
    """The partners' folders in the order of their names; hidden ones belong to git, editors and orchestrators."""
    with os.scandir(partners_dir) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith((".", "_")) and entry.is_dir()]
    return [partners_dir / name for name in sorted(names)[:PARTNERS_MAX]]


def _is_current(known: Look | None, templates: Templates) -> bool:
    """Whether a look would find the same again: nothing that was looked for has changed, come or gone."""
    return (
        known is not None
        and all(stamp_of(path) == stamp for path, stamp in known.stamps.items())
        and all(_template_stamp(templates, name) == stamp for name, stamp in known.templates.items())
    )


def _look_again(folder: Path, known: Look | None, templates: Templates, environment: str | None) -> Look:
    found = look(folder, templates, environment)
    # Re-read but the same: keep the value that others may hold.
    return Look(known.outcome, found.stamps, found.templates) if known and known.outcome == found.outcome else found


def _template_stamp(templates: Templates, name: str) -> object:
    template = templates.get(name)
    return template.stamp if template is not None else None
