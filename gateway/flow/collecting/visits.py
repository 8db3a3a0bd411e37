"""What a look stands on: the house that keeps what is fetched, and the folder that is looked into."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.buffers import Scratch
from gateway.carriers.sftp_connection import RemoteServer
from gateway.flow.receive import Reception
from gateway.store.database import Database
from gateway.store.remote_folders import StoredFolder
from gateway.telemetry import Metrics
from partners.loader import LoadedProfile
from partners.sftp_server_terms import SftpFetch


@dataclass(frozen=True, slots=True)
class Desk:
    """What fetching stands on.

    Attributes:
        owner: name of this process, for its claims.
        partner: a profile as it is now, by its id.
        bytes_max: of one file.
        rate_bytes_per_s_min: a file that comes slower is given up for this look; 0: however slow.
    """

    database: Database
    reception: Reception
    partner: Callable[[str], LoadedProfile | None]
    scratch: Scratch
    metrics: Metrics
    now_ms: Callable[[], int]
    owner: str
    bytes_max: int
    rate_bytes_per_s_min: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A look under way: whose folder, by which terms, over which connection."""

    desk: Desk
    partner: LoadedProfile
    terms: SftpFetch
    folder: StoredFolder
    remote: RemoteServer
    timeout_s: float
