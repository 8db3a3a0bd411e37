"""Which folders of partners' servers the profiles name now."""

import hashlib
from dataclasses import dataclass

from partners.directory import Directory
from partners.loader import LoadedProfile
from partners.sftp_server_terms import SftpFetch, SftpServer


@dataclass(frozen=True, slots=True)
class Named:
    """A folder that a profile names now; `digest` is of all that counts when it is looked into."""

    partner: LoadedProfile
    server: SftpServer
    terms: SftpFetch
    digest: str


def named_by(directory: Directory) -> list[Named]:
    """The folders that profiles name. A draft's wait; what a suspended partner lays out is fetched, and held here."""
    found: list[Named] = []
    for partner in directory:
        server = partner.profile.sftp_server
        if server is None or partner.profile.status == "draft":
            continue
        known = server.model_dump_json(exclude={"push", "fetch"})
        for terms in server.fetch:
            digest = hashlib.sha256(f"{known}{terms.model_dump_json()}".encode()).hexdigest()
            found.append(Named(partner, server, terms, digest))
    return found
