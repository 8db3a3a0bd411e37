"""`gateway partner ping` for a partner's SFTP server: the way in, step by step, and the folders that the profile names.

Nothing is written there unless the caller asks for it, and then under a temporary name, which they leave alone, and
removed again.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.carriers.guard import Resolve
from gateway.carriers.sftp import path_of
from gateway.carriers.sftp_connection import ClientKey, SftpDoor
from gateway.carriers.sftp_failures import CannotConnect, RemoteFailed, Step, Trouble
from gateway.carriers.sftp_remote import RemoteServer
from gateway.flow.holding import why_held
from gateway.onboarding.pinging.ping import Pinged
from gateway.onboarding.pinging.steps import Report, Writing
from gateway.onboarding.pinging.steps import Step as Told
from gateway.settings import Limits
from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.sftp_server_terms import SftpServer

# In the order in which a connection comes about; the door says at which it ended.
CONNECTION_STEPS = (Step.DNS, Step.TCP, Step.SSH, Step.HOST_KEY, Step.LOGIN, Step.SFTP)
FOLDERS, WRITE = "folders", "write"
CONTENT = b"This is a test of the SFTP connection. It is no business document and may be removed.\r\n"


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that the profile names, and what we do there."""

    path: str
    purpose: str
    is_read: bool


class SftpPing:
    """Walks the way to a partner's SFTP server.

    Args:
        limits: of the settings.
        directory: the partners.
        client_key: opens a key of ours by its name.
        heard: gets each step as soon as it is over.
        resolve: (host, port) -> addresses; the system's own by default.
    """

    def __init__(
        self,
        limits: Limits,
        directory: Directory,
        client_key: ClientKey,
        heard: Callable[[Told], None],
        *,
        resolve: Resolve | None = None,
    ) -> None:
        self._limits = limits
        self._directory = directory
        self._client_key = client_key
        self._resolve = resolve
        self._report = Report(heard)

    async def whole(self, partner_id: str, *, writes: bool = False) -> Pinged:
        """Connect, log in, look at the folders; `writes` puts a temporary file there and removes it again."""
        bearer = self._profile(partner_id)
        others = (FOLDERS, WRITE) if writes else (FOLDERS,)
        if bearer is None:
            self._report.skip((*CONNECTION_STEPS, *others), "the profile comes first")
            return self._over()
        terms = bearer.profile.sftp_server
        assert terms is not None  # noqa: S101 - the profile step looked
        door = SftpDoor(self._limits, self._client_key, resolve=self._resolve)
        began = time.monotonic()
        try:
            async with door.connected(bearer) as remote:
                self._connected(remote, terms, time.monotonic() - began)
                await self._folders(remote, bearer, terms)
                if writes:
                    await self._write(remote, terms)
        except CannotConnect as cannot:
            self._not_connected(cannot)
            self._report.skip(others, "there is no connection")
        except RemoteFailed as failed:
            with self._report.step(FOLDERS) as step:
                step.fail(failed.words)
        finally:
            await door.close()
        return self._over()

    def _over(self) -> Pinged:
        return Pinged(tuple(self._report.steps), self._report.worked, "")

    def _profile(self, partner_id: str) -> LoadedProfile | None:
        with self._report.step("profile") as step:
            bearer = server_of(self._directory, partner_id)
            if bearer is None:
                step.fail(f"the profile of {partner_id} names no SFTP server of theirs: add `sftp_server`")
                loaded = self._directory.by_id(partner_id)
                if loaded is not None and loaded.profile.sftp is not None:
                    step.say(
                        f"they come to their mailbox here: `gateway sftp mailbox {partner_id}` shows what lies there"
                    )
                return None
            if bearer.profile.status == "draft":
                step.fail(
                    f"{bearer.id} is a draft: nobody connects before its profile says `status: testing` or `live`"
                )
                return None
            if why_held(bearer):
                step.fail(why_held(bearer))
                return None
            terms = bearer.profile.sftp_server
            assert terms is not None  # noqa: S101 - server_of looked
            step.say(f"{terms.user} at {terms.host}, port {terms.port}")
            if bearer.id != partner_id:
                step.say(f"what goes to {partner_id} is carried by {bearer.id}")
            if terms.key is not None:
                step.say(f"we log in with our key {terms.key}")
            step.facts |= {"host": terms.host, "port": terms.port, "user": terms.user, "via": bearer.id}
            return bearer

    def _connected(self, remote: RemoteServer, terms: SftpServer, seconds: float) -> None:
        facts = remote.facts
        pinned = f"{facts.host_key} ({facts.host_key_kind}) is pinned"
        if len(terms.host_keys) > 1:
            pinned += f", one of {len(terms.host_keys)}"
        told = {
            Step.DNS: f"{terms.host} is {facts.address}",
            Step.TCP: f"{facts.address} port {terms.port} takes connections",
            Step.SSH: f"it calls itself {facts.software}",
            Step.HOST_KEY: pinned,
            Step.LOGIN: f"{facts.user} is let in",
            Step.SFTP: f"ready {seconds:.2f} s after we began",
        }
        for name, words in told.items():
            with self._report.step(name) as step:
                step.say(words)
                if name is Step.HOST_KEY:
                    step.facts["host_key"] = facts.host_key

    def _not_connected(self, cannot: CannotConnect) -> None:
        """The steps before the one that failed worked, those behind it were not reached."""
        failed_at = CONNECTION_STEPS.index(cannot.step) if cannot.step in CONNECTION_STEPS else 0
        for place, name in enumerate(CONNECTION_STEPS):
            with self._report.step(name) as step:
                if place == failed_at:
                    step.fail(cannot.reason)
                elif place > failed_at or cannot.is_ours:
                    step.skip("nothing was tried" if cannot.is_ours else "it was not reached")

    async def _folders(self, remote: RemoteServer, bearer: LoadedProfile, terms: SftpServer) -> None:
        with self._report.step(FOLDERS) as step:
            for folder in folders_of(bearer, terms):
                try:
                    await _look(remote, folder, step)
                except RemoteFailed as failed:
                    step.fail(f"{folder.purpose}: {failed.reason}")
                    if not remote.is_usable:
                        return

    async def _write(self, remote: RemoteServer, terms: SftpServer) -> None:
        with self._report.step(WRITE) as step:
            if terms.push is None:
                step.skip("the profile has no `push`: nothing is put there")
                return
            name = f"connection-test-{secrets.token_hex(6)}.txt{terms.push.temporary_suffix}"
            folder = terms.push.temporary_folder or terms.push.folder.partition("/{document}")[0]
            path = path_of(folder, name)
            shown_path = path.decode()
            try:
                written = await remote.write(path, CONTENT)
                await remote.remove(path)
            except RemoteFailed as failed:
                step.fail(failed.words)
                return
            synced = "on their disk" if written.is_synced else "taken, though their server cannot be asked to sync it"
            step.say(f"{shown_path} was written, {synced}, and removed again")


def server_of(directory: Directory, partner_id: str) -> LoadedProfile | None:
    """Whose SFTP server a partner is reached by: its own, or that of the connection it comes `via`; None for none."""
    partner = directory.by_id(partner_id)
    connection = directory.by_id(partner.profile.via) if partner is not None and partner.profile.via else None
    found = (loaded for loaded in (partner, connection) if loaded is not None)
    return next((loaded for loaded in found if loaded.profile.sftp_server is not None), None)


def folders_of(bearer: LoadedProfile, terms: SftpServer) -> Iterator[_Folder]:
    """The folders that a profile names, each once."""
    if terms.push is not None:
        sent = [item.document for item in bearer.profile.agreements if item.direction == "outbound"]
        above = terms.push.folder.partition("/{document}")[0] or "/"
        kinds = sent if "{document}" in terms.push.folder else []
        for path in dict.fromkeys(terms.push.folder.replace("{document}", kind) for kind in kinds) or (above,):
            yield _Folder(path, f"push to {path}", is_read=False)
        if terms.push.temporary_folder is not None:
            yield _Folder(terms.push.temporary_folder, f"write in {terms.push.temporary_folder}", is_read=False)
    for item in terms.fetch:
        above, _, last = item.folder.rstrip("/").rpartition("/")
        has_wildcards = "*" in last or "?" in last
        yield _Folder((above or "/") if has_wildcards else item.folder, f"fetch {item.name}", is_read=True)
        if item.move_to is not None:
            yield _Folder(item.move_to, f"move what was fetched by {item.name}", is_read=False)


async def _look(remote: RemoteServer, folder: _Folder, step: Writing) -> None:
    path = folder.path.encode()
    found = await remote.attributes(path)
    if found is None:
        step.fail(f"{folder.purpose}: {folder.path} is not there; ask the partner to make it, or correct the profile")
    elif not found.is_folder:
        step.fail(f"{folder.purpose}: {folder.path} is no folder")
    elif not folder.is_read:
        step.say(f"{folder.purpose}: it is there")
    else:
        try:
            names = await remote.list(path)
        except RemoteFailed as failed:
            if failed.trouble is not Trouble.TOO_LARGE:
                raise
            step.warn(f"{folder.purpose}: {failed.reason}")
            return
        files = sum(1 for entry in names if not entry.is_folder)
        step.say(f"{folder.purpose}: {folder.path} holds {files} {'file' if files == 1 else 'files'}")
