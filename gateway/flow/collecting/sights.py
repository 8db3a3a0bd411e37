"""What a listing means: which files are at rest and fetched, which still grow, which are durable here and go there.

Pure: a listing, what was known before, the terms and the clock come in, and a plan goes out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway.carriers.sftp_connection import RemoteEntry
from gateway.flow.collecting.patterns import has_wildcards, is_wanted, matches, readable
from gateway.flow.collecting.schedule import rest_ms
from gateway.model.instants import DAY_MS
from gateway.sftp import objection_to, shown
from gateway.store.remote_files import SeenFile
from partners.sftp_server_terms import SftpFetch

# What a store can write down; no disk has more.
SIZE_MAX = 2**63 - 1
# Of one pattern of folders.
FOLDERS_MAX = 256
# What does not change is noted once a day: only that it does not go with age.
SEEN_AGAIN_MS = DAY_MS
_HIDDEN = "."


@dataclass(frozen=True, slots=True)
class Sight:
    """A file that is meant, as a listing shows it now."""

    path: bytes
    name: bytes
    size: int
    modified_s: int

    def is_as(self, seen: SeenFile | None) -> bool:
        """Whether it is the file that was seen before, as far as anybody can tell."""
        return seen is not None and (seen.bytes_count, seen.modified_s) == (self.size, self.modified_s)


@dataclass(slots=True)
class Plan:
    """What a look has to do.

    Attributes:
        fetch: files at rest, the oldest first.
        clear: files that are durable here and have to go there.
        notes: what to keep in mind of files, each as it is known from now on.
        forget: paths of which nothing has to be known any longer.
        too_large: of `notes`, those that nobody fetches, and that a person has to hear of.
        growing: how many files are not at rest yet.
        empty: how many have no content yet.
        rested_at_ms: when the first of those that may still grow may be at rest.
    """

    fetch: list[Sight] = field(default_factory=list)
    clear: list[tuple[Sight, SeenFile]] = field(default_factory=list)
    notes: list[SeenFile] = field(default_factory=list)
    forget: list[bytes] = field(default_factory=list)
    too_large: list[SeenFile] = field(default_factory=list)
    growing: int = 0
    empty: int = 0
    rested_at_ms: int | None = None


def plan_of(
    sights: Iterable[Sight],
    known: Mapping[bytes, SeenFile],
    terms: SftpFetch,
    now_ms: int,
    *,
    bytes_max: int,
    is_whole: bool,
) -> Plan:
    """Decide about each file of a look.

    Args:
        sights: files that are meant, each once.
        known: what was known before, by path.
        terms: of the folder.
        now_ms: the clock, milliseconds since 1970.
        bytes_max: nothing larger is fetched.
        is_whole: whether what is not among the sights is not there.
    """
    plan = Plan()
    there: set[bytes] = set()
    for sight in sights:
        there.add(sight.path)
        _decide(plan, sight, known.get(sight.path), terms, now_ms, bytes_max)
    if is_whole:
        # What stays there is known for as long as anybody can remember: it may be listed again.
        gone = (seen for path, seen in known.items() if path not in there)
        plan.forget += [seen.path for seen in gone if not (seen.message_id and terms.then == "leave")]
    plan.fetch.sort(key=lambda sight: (sight.modified_s, sight.path))
    return plan


def _decide(plan: Plan, sight: Sight, seen: SeenFile | None, terms: SftpFetch, now_ms: int, bytes_max: int) -> None:
    is_same = sight.is_as(seen)
    if sight.size == 0:
        plan.empty += 1
        if seen is not None:
            plan.forget.append(sight.path)
    elif seen is not None and is_same and seen.message_id:
        if terms.then != "leave":
            plan.clear.append((sight, seen))
        elif seen.reason or now_ms - seen.seen_at_ms >= SEEN_AGAIN_MS:
            plan.notes.append(replace(seen, seen_at_ms=now_ms, reason=""))
    elif sight.size > bytes_max:
        noted = _noted(sight, seen if is_same else None, now_ms)
        words = f"{sight.size:,} bytes, and at most {bytes_max:,} are fetched"
        plan.too_large.append(replace(noted, seen_at_ms=now_ms, attempts=noted.attempts + 1, reason=words))
    elif terms.stable_s == 0 or (seen is not None and is_same and _rests(seen, terms, now_ms)):
        plan.fetch.append(sight)
    else:
        _wait_for(plan, sight, seen, terms, now_ms)


def _rests(seen: SeenFile, terms: SftpFetch, now_ms: int) -> bool:
    return now_ms - seen.unchanged_since_ms >= terms.stable_s * 1_000


def _wait_for(plan: Plan, sight: Sight, seen: SeenFile | None, terms: SftpFetch, now_ms: int) -> None:
    """It is new, it has changed, or it has not been unchanged for long enough."""
    noted = _noted(sight, seen if sight.is_as(seen) else None, now_ms)
    if noted is not seen:
        changes = seen.attempts + 1 if seen is not None and not seen.message_id else 0
        noted = replace(noted, attempts=changes)
        plan.notes.append(noted)
    rested_at_ms = max(noted.unchanged_since_ms + rest_ms(terms.stable_s, noted.attempts), now_ms + 1)
    plan.growing += 1
    plan.rested_at_ms = rested_at_ms if plan.rested_at_ms is None else min(plan.rested_at_ms, rested_at_ms)


def _noted(sight: Sight, seen: SeenFile | None, now_ms: int) -> SeenFile:
    if seen is not None:
        return seen
    return SeenFile(sight.path, sight.size, sight.modified_s, unchanged_since_ms=now_ms, seen_at_ms=now_ms)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files of one folder that are meant, and those whose names or sizes nobody can use, for the log."""

    sights: tuple[Sight, ...]
    odd: tuple[str, ...]


def choose(folder: bytes, entries: Iterable[RemoteEntry], terms: SftpFetch) -> Chosen:
    """Files of a listing that the terms mean. Folders, links and devices are none, and a name leads nowhere else."""
    sights: dict[bytes, Sight] = {}
    odd: list[str] = []
    for entry in entries:
        if entry.is_folder or entry.is_link or not is_wanted(entry.name, terms.files, terms.except_files):
            continue
        # Without a size, or with one that cannot be, nobody knows when it is whole.
        if objection_to(entry.name) is not None or entry.size is None or entry.size > SIZE_MAX:
            odd.append(shown(entry.name))
            continue
        path = below(folder, entry.name)
        sights[path] = Sight(path, entry.name, entry.size, entry.modified_s or 0)
    return Chosen(tuple(sights.values()), tuple(odd))


def below(folder: bytes, name: bytes) -> bytes:
    """The path of what lies in a folder."""
    return folder.rstrip(b"/") + b"/" + name


def parent_and_pattern(folder: str) -> tuple[bytes, str] | None:
    """Where to look for folders, and which; None for a folder that is named in full."""
    above, slash, last = folder.rstrip("/").rpartition("/")
    if not has_wildcards(last):
        return None
    return (above or slash or ".").encode(), last


def choose_folders(parent: bytes, pattern: str, entries: Iterable[RemoteEntry], terms: SftpFetch) -> list[bytes]:
    """The folders that a pattern means, by their names. Hidden ones, and where files are moved to, are none of them."""
    moved_to = terms.move_to.rstrip("/").encode() if terms.move_to is not None else None
    found: list[bytes] = []
    for name in sorted(entry.name for entry in entries if entry.is_folder and not entry.is_link):
        text = readable(name)
        if objection_to(name) is not None or not matches(pattern, text):
            continue
        if text.startswith(_HIDDEN) and not pattern.startswith(_HIDDEN):
            continue
        path = name if parent == b"." else below(parent, name)
        if path != moved_to:
            found.append(path)
    return found[:FOLDERS_MAX]
