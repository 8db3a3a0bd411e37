"""An SFTP server that says what a test wants: about names, sizes, times and contents."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncssh
from asyncssh.sftp import SFTPAttrs, SFTPName

FILE_MODE = 0o100644


@dataclass
class Lie:
    """A file that does not have to be what it is listed as.

    Attributes:
        size: as listed; that of the content by default.
        endless: reading never ends.
        sizes: each look at the file itself says the next of these, the last for ever.
        breaks_after: the connection ends when more than so much is read.
        vanishes: there is nothing any more once all of it was read.
        stat_s: its time as a look at the file itself says it, when that is another than in listings.
        is_gone: it is listed, and not there.
        hangs_up: the connection ends once all of it was read.
    """

    content: bytes = b"order"
    size: int | None = None
    modified_s: int | None = 1_700_000_000
    mode: int = FILE_MODE
    endless: bool = False
    sizes: list[int] = field(default_factory=list)
    breaks_after: int | None = None
    vanishes: bool = False
    is_gone: bool = False
    hangs_up: bool = False
    stat_s: int | None = None

    def attributes(self) -> SFTPAttrs:
        size = len(self.content) if self.size is None else self.size
        return SFTPAttrs(size=size, mtime=self.modified_s, atime=self.modified_s, permissions=self.mode)


@dataclass
class Liar:
    """The server's folder /out, and what was done to it."""

    files: dict[bytes, Lie] = field(default_factory=dict)
    endless_listing: bool = False
    opened: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    renamed: list[tuple[bytes, bytes]] = field(default_factory=list)
    listings: int = 0
    port: int = 0
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))

    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint("sha256")

    def named(self, path: bytes) -> Lie:
        name = path.removeprefix(b"/out/")
        if name not in self.files:
            raise asyncssh.SFTPNoSuchFile("not there")
        return self.files[name]


class _Session(asyncssh.SFTPServer):
    def __init__(self, liar: Liar, channel: asyncssh.SSHServerChannel) -> None:
        super().__init__(channel)
        self._liar = liar

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        self._liar.listings += 1
        for name, lie in list(self._liar.files.items()):
            yield SFTPName(name, attrs=lie.attributes())
        number = 0
        while self._liar.endless_listing:
            yield SFTPName(b"%09d.edi" % number, attrs=Lie().attributes())
            number += 1

    def stat(self, path: bytes) -> SFTPAttrs:
        lie = self._liar.named(path)
        attributes = lie.attributes()
        if lie.stat_s is not None:
            attributes.mtime = lie.stat_s
        if lie.sizes:
            attributes.size = lie.sizes.pop(0) if len(lie.sizes) > 1 else lie.sizes[0]
        return attributes

    lstat = stat

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> Lie:
        self._liar.opened.append(path)
        lie = self._liar.named(path)
        if lie.is_gone:
            raise asyncssh.SFTPNoSuchFile("not there")
        return lie

    open56 = open  # noqa: A003 - asyncssh calls it by this name

    def read(self, file_obj: Lie, offset: int, size: int) -> bytes:
        if file_obj.breaks_after is not None and offset + size > file_obj.breaks_after:
            self.channel.get_connection().abort()
        if file_obj.endless:
            return b"x" * size
        return file_obj.content[offset : offset + size]

    def close(self, file_obj: Lie) -> None:
        if file_obj.hangs_up:
            file_obj.hangs_up = False
            self.channel.get_connection().abort()
        if file_obj.vanishes:
            self._liar.files = {name: lie for name, lie in self._liar.files.items() if lie is not file_obj}

    def fstat(self, file_obj: Lie) -> SFTPAttrs:
        return file_obj.attributes()

    def remove(self, path: bytes) -> None:
        self._liar.named(path)
        self._liar.removed.append(path)
        del self._liar.files[path.removeprefix(b"/out/")]

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._liar.renamed.append((oldpath, newpath))

    def realpath(self, path: bytes) -> bytes:
        return path


class _Anybody(asyncssh.SSHServer):
    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True


@asynccontextmanager
async def lying(liar: Liar) -> AsyncIterator[Liar]:
    def session(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
        return _Session(liar, channel)

    make: Callable[..., asyncssh.SFTPServer] = session
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=_Anybody, server_host_keys=[liar.host_key], sftp_factory=make
    )
    liar.port = server.get_port()
    try:
        yield liar
    finally:
        server.close()
        await server.wait_closed()
