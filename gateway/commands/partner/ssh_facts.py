"""What partners have to know of our SSH keys, for guide and sheet; what is missing is noted with what makes it."""

from gateway.commands.output import note
from gateway.commands.sftp.opening import line_of_our_key, server_keys
from gateway.onboarding.guide.facts import ServerKey
from gateway.settings import Settings
from partners.loader import LoadedProfile


def ssh_key_for(settings: Settings, loaded: LoadedProfile, where: str) -> str:
    """What the partner adds to the keys of our user; empty where there is none yet.

    `where` it is missing then: ``in the guide``.
    """
    terms = loaded.profile.sftp_server
    if terms is None or terms.key is None:
        return ""
    line = line_of_our_key(settings, terms.key)
    if line is None:
        note(f"our SSH key {terms.key} is not {where}: `gateway sftp keys new {terms.key}` makes it")
    return line or ""


def host_keys_for(settings: Settings, loaded: LoadedProfile, where: str) -> list[ServerKey]:
    """By which they know our SFTP server, where they have a mailbox there; `where` as for `ssh_key_for`."""
    if loaded.profile.sftp is None:
        return []
    keys = server_keys(settings)
    if not keys:
        note(f"our host keys are not {where}: `gateway serve` makes them, once it has a key passphrase")
    if settings.sftp_public_host is None:
        note("nothing says how partners reach our SFTP server: set `sftp_public_host` in gateway.yaml")
    return keys
