"""A partner's SFTP server as a way out of the house: each document becomes one file there, whole, and once.

    look at the name  ->  write under a temporary name  ->  sync, close, look at the size  ->  rename

Whoever reads their folder never sees half a file, and no file of anybody is ever replaced. The name is made once in the
life of a delivery and holds its id, so that an attempt after one that ended nobody knows how (a process that was killed
between the renaming and our note of it, a line that broke there) finds what is already delivered and does not do it
again. A temporary file that is left over is ours by its name, and is written anew.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass

from gateway.buffers import Buffer, windows
from gateway.carriers.parcels import Carrier, Consignment, Delivered, Failed, Held, Outcome, Parcel, Refused
from gateway.carriers.sftp_connection import SftpDoor
from gateway.carriers.sftp_failures import BREAKS_CONNECTION, CannotConnect, RemoteFailed, Step, Trouble
from gateway.carriers.sftp_remote import RemoteAttributes, RemoteServer
from gateway.model.file_names import FileFacts, facts_of, file_name
from gateway.sftp import shown
from partners.sftp_server_terms import SftpPush

# What is kept in the parcel.
NAME, FOLDER = "name", "folder"
PATH_CHARACTERS_MAX = 800
IN_LOOP_BYTES_MAX = 1_048_576
_UNWANTED = re.compile(r"[^A-Za-z0-9_-]+")
# Servers of version 3 have few words of their own.
_HINTS = {
    (Step.WRITE, Trouble.MISSING): "the folder is not there; correct `sftp_server.push`, or ask the partner to make it",
    (Step.WRITE, Trouble.DENIED): "ask the partner whether our user may write into this folder",
    (Step.WRITE, Trouble.FAILED): "their disk may be full, or our quota there used up; ask the partner",
    (Step.RENAME, Trouble.DENIED): "we may write there, but not rename; ask the partner to permit it",
    (Step.RENAME, Trouble.MISSING): "somebody there takes files under their temporary names; ask the partner which "
    "names they leave alone, and set `sftp_server.push.temporary_suffix` or `temporary_folder`",
    (Step.RENAME, Trouble.FAILED): "the temporary folder may be on another disk of theirs",
    (Step.RENAME, Trouble.UNSUPPORTED): "their server renames nothing; this way out needs it",
}
# A folder that is missing or closed to us is a mistake of configuration, here or there.
_NEEDS_PERSON = frozenset(
    {
        (Step.WRITE, Trouble.MISSING),
        (Step.WRITE, Trouble.DENIED),
        (Step.RENAME, Trouble.DENIED),
        (Step.RENAME, Trouble.UNSUPPORTED),
    }
)


@dataclass(frozen=True, slots=True)
class _File:
    """What has to be there in the end.

    Attributes:
        path: the final one.
        temporary: under which it is written.
        sha256: of the payload, in hex.
    """

    path: bytes
    temporary: bytes
    payload: Buffer
    sha256: str

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.payload)

    @property
    def name(self) -> str:
        """The path, for people."""
        return shown(self.path, PATH_CHARACTERS_MAX)


class SftpCarrier:
    """Puts documents on partners' servers.

    Args:
        door: to their servers.
    """

    def __init__(self, door: SftpDoor) -> None:
        self._door = door

    @property
    def carrier(self) -> Carrier:
        """This way out, as the line knows it."""
        return Carrier(self.pack, self.carry)

    async def pack(self, consignment: Consignment) -> Parcel | Held:
        """The payload, and the name that it has in every attempt."""
        push = _push_of(consignment)
        if isinstance(push, Held):
            return push
        facts = facts_of(consignment)
        name, folder = file_name(push.file_name, facts), folder_of(push, facts)
        payload = consignment.payload
        is_small = len(payload) <= IN_LOOP_BYTES_MAX
        sha256 = _sha256(payload) if is_small else await asyncio.to_thread(_sha256, payload)
        told = {"path": shown(path_of(folder, name), PATH_CHARACTERS_MAX), "bytes": len(payload), "sha256": sha256}
        # The kind of document is not known to an attempt: what its folder would be called is kept.
        headers = ((NAME, name), (FOLDER, folder), ("document", _document(facts)))
        return Parcel(headers, payload, expects_receipt=False, facts=told)

    async def carry(self, consignment: Consignment, parcel: Parcel) -> Outcome:
        """Make one attempt."""
        push = _push_of(consignment)
        if isinstance(push, Held):
            return push
        kept = dict(parcel.headers)
        folder = push.folder.replace("{document}", kept["document"])
        sha256 = parcel.facts.get("sha256")
        temporary = path_of(push.temporary_folder or folder, kept[NAME])
        if push.temporary_folder is None or temporary == path_of(folder, kept[NAME]):
            temporary += push.temporary_suffix.encode()
        file = _File(path_of(folder, kept[NAME]), temporary, parcel.body, sha256 if isinstance(sha256, str) else "")
        # Where the folder was another one when the first attempt was made, it may lie there already.
        before = path_of(kept[FOLDER], kept[NAME])
        try:
            async with self._door.connected(consignment.bearer) as remote:
                if before != file.path and (found := await _found(remote, file, before)) is not None:
                    return found
                return await _put(remote, file)
        except CannotConnect as cannot:
            return Held(cannot.reason) if cannot.is_ours else _failed(cannot)
        except RemoteFailed as failed:
            if failed.step is Step.RENAME and failed.trouble in BREAKS_CONNECTION:
                return await self._renamed(consignment, file, failed)
            return _failed(failed)

    async def _renamed(self, consignment: Consignment, file: _File, failed: RemoteFailed) -> Outcome:
        """The answer to the renaming was lost, and it may have come about: look, before it is called a failure."""
        try:
            async with self._door.connected(consignment.bearer) as remote:
                there = await _look(remote, file.path)
                if there is not None:
                    return await _judged(remote, file, file.path, there)
        except RemoteFailed:
            pass  # the next attempt looks again
        return _failed(failed)


def folder_of(push: SftpPush, facts: FileFacts) -> str:
    """The folder of a document."""
    return push.folder.replace("{document}", _document(facts))


def path_of(folder: str, name: str) -> bytes:
    """A path at their server; a folder without a slash in front is below the one that they start us in."""
    return f"{folder.rstrip('/')}/{name}".encode("utf-8", "surrogateescape")


def _document(facts: FileFacts) -> str:
    return _UNWANTED.sub("_", facts.document).strip("_") or "document"


def _push_of(consignment: Consignment) -> SftpPush | Held:
    terms = consignment.bearer.profile.sftp_server
    if terms is None or terms.push is None:
        return Held(
            f"the profile of {consignment.bearer.id} says no longer where to put it: add `sftp_server: {{push: ..}}`"
        )
    return terms.push


async def _put(remote: RemoteServer, file: _File) -> Outcome:
    there = await _look(remote, file.path)
    if there is not None:
        return await _judged(remote, file, file.path, there)
    try:
        written = await remote.write(file.temporary, file.payload)
        # After the closing: only now some servers have written everything down.
        closed = await _look(remote, file.temporary)
        size = closed.size if closed is not None and closed.size is not None else written.size
        if size in {None, file.size}:
            await remote.rename(file.temporary, file.path)
    except RemoteFailed as failed:
        if failed.trouble not in BREAKS_CONNECTION:
            await _clear(remote, file.temporary)
        if failed.trouble is Trouble.EXISTS and (there := await _look(remote, file.path)) is not None:
            return await _judged(remote, file, file.path, there)
        raise
    if size not in {None, file.size}:
        await _clear(remote, file.temporary)
        words = (
            f"their server has {size} bytes of the {file.size} that were written: it may rewrite line ends, or have no "
            "room; the file is removed again"
        )
        raise RemoteFailed(Step.WRITE, words)
    facts = _facts(remote, file, file.path) | {"synced": written.is_synced}
    return Delivered(facts=facts if size is not None else facts | {"size": "not told by their server"})


async def _found(remote: RemoteServer, file: _File, path: bytes) -> Outcome | None:
    """What an earlier attempt has delivered under another folder; None where there is nothing of ours."""
    there = await _look(remote, path)
    if there is None:
        return None
    judged = await _judged(remote, file, path, there)
    return judged if isinstance(judged, Delivered) else None


async def _judged(remote: RemoteServer, file: _File, path: bytes, there: RemoteAttributes) -> Outcome:
    """There is something of this name already: ours, since it is the same, or somebody else's."""
    name = shown(path, PATH_CHARACTERS_MAX)
    stays = "it is not replaced; have it removed there, then send this once more"
    if there.is_folder:
        return Refused(f"{name} is a folder at their server", facts=_facts(remote, file, path))
    if there.size not in {None, file.size}:
        words = f"{name} is there already with {there.size} bytes, and ours has {file.size}: {stays}"
        return Refused(words, facts=_facts(remote, file, path))
    sink = _Digest()
    try:
        await remote.read(path, sink, file.size)
    except RemoteFailed as failed:
        if failed.trouble in BREAKS_CONNECTION:
            raise
        if failed.trouble is not Trouble.TOO_LARGE and there.size is not None:
            # We may put files there and not read them, or they have just taken it: the id in its name is ours.
            return Delivered(facts=_facts(remote, file, path) | {"found": "by name and size"})
        if failed.trouble is not Trouble.TOO_LARGE:
            raise
        sink.write(b"more")
    if sink.hexdigest() == file.sha256:
        return Delivered(facts=_facts(remote, file, path) | {"found": "by name and content"})
    return Refused(f"{name} is there already with another content: {stays}", facts=_facts(remote, file, path))


async def _look(remote: RemoteServer, path: bytes) -> RemoteAttributes | None:
    """What lies there, as far as they let us look: some let us put files and do nothing else."""
    try:
        return await remote.attributes(path)
    except RemoteFailed as failed:
        if failed.trouble in {Trouble.DENIED, Trouble.UNSUPPORTED}:
            return None
        raise


async def _clear(remote: RemoteServer, path: bytes) -> None:
    """A file that is of no use is not left there, where that can be helped."""
    try:
        await remote.remove(path)
    except RemoteFailed:
        return  # the next attempt writes it anew


def _failed(failed: RemoteFailed) -> Failed:
    hint = _HINTS.get((failed.step, failed.trouble))
    return Failed(
        failed.words if hint is None else f"{failed.words}: {hint}",
        facts={"step": failed.step.value},
        needs_person=failed.step is Step.HOST_KEY or (failed.step, failed.trouble) in _NEEDS_PERSON,
    )


def _facts(remote: RemoteServer, file: _File, path: bytes) -> dict[str, object]:
    return {
        "path": shown(path, PATH_CHARACTERS_MAX),
        "bytes": file.size,
        "sha256": file.sha256,
        "address": remote.facts.address,
        "host_key": remote.facts.host_key,
        "server": remote.facts.software,
    }


class _Digest:
    """A sink that keeps no more than the digest of what it was given."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, piece: Buffer, /) -> None:
        self._digest.update(piece)

    def view(self) -> Buffer:
        return b""

    def hexdigest(self) -> str:
        """Of everything so far, in hex."""
        return self._digest.hexdigest()


def _sha256(payload: Buffer) -> str:
    digest = _Digest()
    for piece in windows(payload):
        digest.write(piece)
    return digest.hexdigest()
