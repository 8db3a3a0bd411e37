"""What starting needs, and what can be in its way: the data_dir for one process alone, the ports, the parts kept up."""

import asyncio
import fcntl
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import IO

from gateway.edge import HttpServer
from gateway.edge.sftp.server import MailboxServer
from gateway.onboarding.checking.surroundings import Surroundings
from gateway.settings import LOCK_FILE, Settings
from gateway.store.database import StoreUnavailable
from partners.directory import Directory
from partners.loader import LoadedProfile

RESTART_AFTER_S = 1
PARTNERS_TOLD_MAX = 20

log = logging.getLogger(__name__)


class CannotStart(Exception):  # noqa: N818  # told to a person
    """The gateway cannot start; the text says why and what to do."""


def locked_data_dir(settings: Settings) -> IO[bytes] | None:
    """One gateway per data_dir: SQLite and the embedded event log belong to one process.

    Raises:
        CannotStart: another one runs there.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.database_url is not None and not settings.resolved_database_url().startswith("sqlite"):
        return None
    lock = (settings.data_dir / LOCK_FILE).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise CannotStart(
            f"another gateway runs on {settings.data_dir.resolve()}; stop it, or set data_dir to another folder "
            "(roles in processes of their own share a database of PostgreSQL: set database_url)"
        ) from None
    return lock


async def listen(port: HttpServer, name: str, host: str, number: int, tls: ssl.SSLContext | None) -> None:
    """Open a port.

    Raises:
        CannotStart: it is taken.
    """
    try:
        await port.start(host, number, tls)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {host}:{number} ({error.strerror}); free the port or set {name}_port to another"
        ) from error


async def open_mailboxes(server: MailboxServer, settings: Settings) -> None:
    """Open the port of mailboxes, where a profile has one.

    Raises:
        CannotStart: it is taken, or what is needed for it cannot be read.
    """
    try:
        await server.start()
    except StoreUnavailable as unavailable:
        raise CannotStart(f"the database cannot be used: {unavailable}") from unavailable
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {settings.sftp_host}:{settings.sftp_port} for SFTP ({os.strerror(error.errno or 0)}); "
            "free the port, or set sftp_port to another"
        ) from error


def tell_of_unmet_credentials(directory: Directory, settings: Settings) -> None:
    """Say in the log which credentials and mailboxes cannot work with these settings; nothing else is kept from it."""
    here = Surroundings.of(settings)
    clients = [partner.id for partner in directory if partner.profile.api.oauth_clients]
    if clients and not here.has_passphrase:
        log.warning(
            "no OAuth client gets a token: set key_passphrase_file, or the variable GATEWAY_KEY_PASSPHRASE",
            extra={"partners": clients[:PARTNERS_TOLD_MAX]},
        )
    showing = [partner.id for partner in directory if partner.profile.api.certificates]
    if showing and not here.sees_certificates:
        log.warning(
            "no client certificate is ever seen: set edge_mtls_port, or trusted_proxies where a proxy ends TLS",
            extra={"partners": showing[:PARTNERS_TOLD_MAX]},
        )
    named = [partner.id for partner in directory if _depends_on_address(partner)]
    if named and not here.has_address:
        log.warning(
            "signed requests and access tokens are not bound to this gateway's own address: set public_url",
            extra={"partners": named[:PARTNERS_TOLD_MAX]},
        )
    boxes = [one.id for one in directory if one.profile.sftp is not None and one.profile.status != "draft"]
    if boxes and here.hides_mailboxes and "sftp" in settings.roles:
        log.warning(
            "no other machine reaches the mailboxes, although edge_host is open to them: set sftp_host, too",
            extra={"partners": boxes[:PARTNERS_TOLD_MAX]},
        )


def _depends_on_address(partner: LoadedProfile) -> bool:
    api = partner.profile.api
    return bool(api.oauth_clients or api.signatures.keys)


async def supervise(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Start a part of the line again when it fails: a gateway that accepts must also process."""
    while True:
        try:
            await run()
        except asyncio.CancelledError:
            # A broker that vanishes can surface as a cancellation that nobody asked for.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            log.warning("a part of the line was cancelled from below and starts again", extra={"part": name})
        except Exception:
            log.exception("a part of the line failed and starts again", extra={"part": name})
        await asyncio.sleep(RESTART_AFTER_S)
