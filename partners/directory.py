"""Who is this? All partners at one moment, found by the ids and keys they claim; a reload makes a new directory.

Nothing here watches or waits: the program asks again, and folders that did not change are not read again.
"""

import hmac
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from partners.loader import PROFILE_FILE, LoadedProfile, Problems, load_profile
from partners.problems import Location, Problem, one_of, shown
from partners.templates import Templates

PARTNERS_MAX = 20_000
FOLDER_ENTRIES_MAX = 256
_NO_DIGEST = "0" * 64

# A claim is what only one partner may have: ("as2", id), ("x12", qualifier, id) or ("api_key", digest).
Claim = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose API key it was, and which of theirs."""

    partner: LoadedProfile
    label: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a folder and the templates that it needs held when it was read last, and what came of it."""

    stamp: object
    outcome: LoadedProfile | Problems
    template_stamps: Mapping[str, object] = field(default_factory=dict)


class Directory:
    """The partners at one moment; never changed after it was made.

    Suspended partners are found like others, so that they can be told: whoever lets something in looks at
    `profile.is_active`. An id that two profiles claim belongs to nobody.
    """

    __slots__ = ("_by_as2_id", "_by_id", "_by_interchange_id", "_by_key", "_seen")

    def __init__(self, profiles: Iterable[LoadedProfile] = (), seen: Mapping[str, _Seen] | None = None) -> None:
        self._by_id = {loaded.id: loaded for loaded in profiles}
        self._seen = dict(seen or {})
        self._by_as2_id: dict[str, LoadedProfile] = {}
        self._by_interchange_id: dict[tuple[str, str], LoadedProfile] = {}
        self._by_key: dict[str, LoadedProfile] = {}
        for claim, claimants in _claimants(self._by_id.values()).items():
            if len(claimants) > 1:
                continue
            if claim[0] == "as2":
                self._by_as2_id[claim[1]] = claimants[0][0]
            elif claim[0] == "x12":
                self._by_interchange_id[claim[1], claim[2]] = claimants[0][0]
            else:
                self._by_key[claim[1]] = claimants[0][0]

    def __iter__(self) -> Iterator[LoadedProfile]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def by_id(self, partner: str) -> LoadedProfile | None:
        """The partner with this id."""
        return self._by_id.get(partner)

    def by_as2_id(self, as2_id: str) -> LoadedProfile | None:
        """The partner with this AS2 identifier; case counts (RFC 4130 6.2)."""
        return self._by_as2_id.get(as2_id)

    def by_api_key(self, sha256_hex: str, today: date) -> KeyHolder | None:
        """Who holds the key with this SHA-256 digest; None for unknown and expired keys alike.

        A digest tells nothing about the digests near it, so the lookup by it leaks nothing; the comparison that
        decides takes the same time wherever the digests part, and is made for unknown keys too.
        """
        loaded = self._by_key.get(sha256_hex)
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
        return self._by_interchange_id.get((qualifier, interchange_id.rstrip(" ")))

    def speaker(self, authenticated: LoadedProfile, qualifier: str, interchange_id: str) -> LoadedProfile | None:
        """Whose interchange it is that came over somebody's connection; None where they may not speak for that address.

        A partner speaks for itself; a connection also for the partners that name it in `via` and whose address
        it lists in `speaks_for`.
        """
        owner = self.by_interchange_id(qualifier, interchange_id)
        if owner is None or owner.id == authenticated.id:
            return owner
        address = (qualifier, interchange_id.rstrip(" "))
        listed = any((item.qualifier, item.id) == address for item in authenticated.profile.speaks_for)
        return owner if listed and owner.profile.via == authenticated.id else None

    def carried_by(self, connection: LoadedProfile) -> tuple[LoadedProfile, ...]:
        """The partners whose traffic a connection may carry."""
        return tuple(
            loaded
            for loaded in self
            if loaded.profile.via == connection.id
            and any(self.speaker(connection, item.qualifier, item.id) is loaded for item in loaded.profile.x12)
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
    """
    before = _with_built_in(previous if previous is not None else Directory(), built_in)
    reserved = {loaded.id: loaded for loaded in built_in}
    try:
        folders = _folders(partners_dir)
    except OSError as error:
        what = f"the folder of the partners cannot be read ({error.strerror})"
        return before, (Problem(str(partners_dir), 1, 1, "", what, "set `partners_dir` to a folder that exists"),)
    templates = Templates(partners_dir)
    seen: dict[str, _Seen] = {}
    candidates: dict[str, LoadedProfile] = {}
    problems: list[Problem] = []
    for folder in folders:
        if folder.name in reserved:
            problems.append(_reserved(folder))
            continue
        seen[folder.name] = outcome = _look(folder, before._seen.get(folder.name), templates, environment)  # noqa: SLF001  # its own kind
        if isinstance(outcome.outcome, LoadedProfile):
            candidates[folder.name] = outcome.outcome
            continue
        problems += outcome.outcome
        last_good = before.by_id(folder.name)
        if last_good is not None:
            candidates[folder.name] = last_good
    candidates |= reserved
    problems += _settle(candidates, before)
    problems += connection_problems(candidates.values())
    return Directory(candidates.values(), seen), tuple(problems)


def load_all(partners_dir: Path, *, environment: str | None = None) -> tuple[tuple[LoadedProfile, ...], Problems]:
    """Every profile below a folder that is fine by itself, whatever it claims, and what is wrong with the others.

    Raises:
        OSError: the folder itself cannot be read.
    """
    templates = Templates(partners_dir)
    loaded: list[LoadedProfile] = []
    problems: list[Problem] = []
    for folder in _folders(partners_dir):
        outcome = load_profile(folder, templates, environment)
        if isinstance(outcome, LoadedProfile):
            loaded.append(outcome)
        else:
            problems += outcome
    return tuple(loaded), tuple(problems)


def claim_problems(profiles: Iterable[LoadedProfile]) -> Problems:
    """Ids and keys that more than one profile claims; one problem for each claimant."""
    problems: list[Problem] = []
    for claim, claimants in _claimants(profiles).items():
        for loaded, location in claimants if len(claimants) > 1 else ():
            other, place = next(item for item in claimants if item[0] is not loaded)
            what = f"{_claim_words(claim)} is also claimed by {other.path}:{other.line_of(place)}"
            problems.append(loaded.problem(location, what, "an id belongs to one partner; take it from one of the two"))
    return tuple(problems)


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


def _claimants(profiles: Iterable[LoadedProfile]) -> dict[Claim, list[tuple[LoadedProfile, Location]]]:
    found: dict[Claim, list[tuple[LoadedProfile, Location]]] = {}
    for loaded in profiles:
        for claim, location in _claims(loaded):
            found.setdefault(claim, []).append((loaded, location))
    return found


def _claim_words(claim: Claim) -> str:
    if claim[0] == "as2":
        return f"the AS2 id {shown(claim[1])}"
    if claim[0] == "x12":
        return f"the X12 address {claim[1]}/{claim[2]}"
    return "this API key"


def _settle(candidates: dict[str, LoadedProfile], before: Directory) -> Problems:
    """Take back changes until no id is claimed twice: who claims anew yields to who had it; without a past, both go."""
    problems: list[Problem] = []
    while clashes := claim_problems(candidates.values()):
        problems += clashes
        claims = _claimants(candidates.values()).values()
        contested = {loaded.id: loaded for claimants in claims if len(claimants) > 1 for loaded, _ in claimants}
        retreating = [item for item in contested.values() if not _is_last_good(item, before)]
        for partner, loaded in contested.items():
            last_good = before.by_id(partner)
            if last_good is not None and last_good.digest != loaded.digest:
                candidates[partner] = last_good
                continue
            if last_good is None or len(retreating) == 0:
                del candidates[partner]
    return tuple(dict.fromkeys(problems))


def _is_last_good(loaded: LoadedProfile, before: Directory) -> bool:
    last_good = before.by_id(loaded.id)
    return last_good is not None and last_good.digest == loaded.digest


def _with_built_in(before: Directory, built_in: Sequence[LoadedProfile]) -> Directory:
    """As though the built-in partners had always been there: who claims what they have yields."""
    if all(before.by_id(loaded.id) is loaded for loaded in built_in):
        return before
    joined = {loaded.id: loaded for loaded in (*before, *built_in)}
    return Directory(joined.values(), before._seen)  # noqa: SLF001  # its own kind


def _reserved(folder: Path) -> Problem:
    what = f"{folder.name} is the name of a partner that is built in, so this folder is not read"
    right = f"give the folder and its id another name, or set `{folder.name}: false` in gateway.yaml"
    return Problem(str(folder / PROFILE_FILE), 1, 1, "id", what, right)


def _folders(partners_dir: Path) -> list[Path]:
    """The partners' folders in the order of their names; hidden ones belong to git, editors and orchestrators."""
    with os.scandir(partners_dir) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith((".", "_")) and entry.is_dir()]
    return [partners_dir / name for name in sorted(names)[:PARTNERS_MAX]]


def _look(folder: Path, before: _Seen | None, templates: Templates, environment: str | None) -> _Seen:
    # The stamp is taken first: a file that changes while it is read looks changed the next time.
    stamp = _stamp(folder)
    if (
        before is not None
        and stamp is not None
        and before.stamp == stamp
        and all(_template_stamp(templates, name) == held for name, held in before.template_stamps.items())
    ):
        return before
    outcome = load_profile(folder, templates, environment)
    # A broken profile may be broken because of any template.
    needed = outcome.template_names() if isinstance(outcome, LoadedProfile) else tuple(templates.names())
    # Re-read but the same: keep the value that others may hold.
    if before is not None and before.outcome == outcome:
        outcome = before.outcome
    return _Seen(stamp, outcome, {name: _template_stamp(templates, name) for name in needed})


def _template_stamp(templates: Templates, name: str) -> object:
    template = templates.get(name)
    return template.stamp if template is not None else None


def _stamp(folder: Path) -> object:
    """What changes when a file of the folder does; None where that cannot be told."""
    found: list[tuple[object, ...]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) >= FOLDER_ENTRIES_MAX:
                    return None
                status = os.stat(entry.path)  # noqa: PTH116  # entry.stat() may answer from the listing
                found.append((entry.name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    except OSError:
        return None
    return (str(folder), *sorted(found, key=str))
