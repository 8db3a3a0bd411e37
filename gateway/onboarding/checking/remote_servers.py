"""What can be known to be wrong with the way to a partner's SFTP server before anybody connects.

A part of `gateway partner check`: nothing is opened here, `gateway partner ping` does that.
"""

import re
from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from gateway.carriers.addresses import refusal
from gateway.carriers.credentials import SecretMissing, read_secret
from gateway.flow.outward.ways import SFTP, own_way
from partners.loader import LoadedProfile
from partners.problems import Location, Problem, one_of, shown
from partners.sftp_server_terms import SftpPush, SftpServer

_SERVER = "sftp_server"
_WIDE_BITS_V4, _WIDE_BITS_V6 = 8, 7  # 10.0.0.0/8 and fc00::/7 are the widest networks that are one
_FIELD = re.compile(r"\{([^{}]*)\}")

# The names of our SSH keys, asked for where a profile names one; None where they are not known.
NamesOfKeys: TypeAlias = Callable[[], Collection[str] | None]


def nobody_knows() -> None:
    """Where there is no store to ask."""


def remote_server_problems(loaded: LoadedProfile) -> Iterator[Problem]:
    """What is wrong with `sftp_server` of a profile that loads, by the profile alone."""
    terms = loaded.profile.sftp_server
    if terms is None:
        return
    yield from _address_problems(loaded, terms)
    yield from _fetch_problems(loaded, terms)
    if terms.push is not None:
        yield from _push_problems(loaded, terms.push)
    for index, name in enumerate(terms.algorithms):
        right = "remove it as soon as their server knows a newer one"
        what = f"the old algorithm {shown(name)} is spoken with their server"
        yield loaded.problem((_SERVER, "algorithms", index), what, right, warning=True)


def remote_login_problems(
    loaded: LoadedProfile, *, has_passphrase: bool | None, ssh_keys: NamesOfKeys
) -> Iterator[Problem]:
    """What would keep us from logging in from here; warnings, where another machine may be meant.

    Args:
        loaded: the profile.
        has_passphrase: whether our keys can be opened here; None where that is not known.
        ssh_keys: asks for the names of our keys here.
    """
    terms = loaded.profile.sftp_server
    if terms is None:
        return
    if terms.key is not None and has_passphrase is False:
        what = "we cannot log in with a key here: keys are kept sealed, and there is no passphrase"
        right = "set `key_passphrase_file` in gateway.yaml, or the variable GATEWAY_KEY_PASSPHRASE"
        yield loaded.problem((_SERVER, "key"), what, right, warning=True)
    elif terms.key is not None and (known := ssh_keys()) is not None and terms.key not in known:
        what = f"there is no SSH key {shown(terms.key)} of ours here: until there is one, what goes to them waits"
        right = f"make it with `gateway sftp keys new {terms.key}` and give the partner its public part"
        if known:
            right += f", or {one_of(terms.key, sorted(known))}"
        yield loaded.problem((_SERVER, "key"), what, right, warning=True)
    if terms.password is not None:
        try:
            read_secret(terms.password)
        except SecretMissing as missing:
            right = "see that the gateway finds it where it runs; until then what goes to them waits"
            yield loaded.problem((_SERVER, "password"), f"it cannot be read here: {missing}", right, warning=True)


def _address_problems(loaded: LoadedProfile, terms: SftpServer) -> Iterator[Problem]:
    networks = [ip_network(text) for text in terms.private_networks]
    try:
        ip_address(terms.host)
    except ValueError:
        pass
    else:
        reason = refusal(terms.host, networks)
        if reason is not None:
            what = f"{terms.host} is not connected to: it is {reason}"
            right = "if it is meant, name its network in `private_networks`"
            yield loaded.problem((_SERVER, "host"), what, right)
    for index, network in enumerate(networks):
        if network.prefixlen < (_WIDE_BITS_V4 if network.version == 4 else _WIDE_BITS_V6):  # noqa: PLR2004 - IPv4
            what = f"{network} opens more than one private network, loopback and cloud metadata among them"
            right = "name the network that their server is in"
            yield loaded.problem((_SERVER, "private_networks", index), what, right, warning=True)


def _fetch_problems(loaded: LoadedProfile, terms: SftpServer) -> Iterator[Problem]:
    first: dict[tuple[str, frozenset[str]], int] = {}
    folders = {_plain(item.folder): item.name for item in terms.fetch}
    for index, item in enumerate(terms.fetch):
        where: Location = (_SERVER, "fetch", index)
        same = first.setdefault((_plain(item.folder), frozenset(item.files)), index)
        if same != index:
            what = f"the same files as fetch[{same}]: which of the two takes one is left to chance"
            yield loaded.problem((*where, "folder"), what, "keep one of the two, or name other `files`")
        into = _plain(item.move_to) if item.move_to is not None else None
        if into is not None and into in folders and into != _plain(item.folder):
            what = f"what is fetched goes into a folder that {shown(folders[into])} looks into: it would come again"
            yield loaded.problem((*where, "move_to"), what, "move it into a folder that nobody looks into")
        if terms.push is not None and _plain(terms.push.folder) == _plain(item.folder):
            what = "what we put there, we would fetch ourselves"
            right = "push into another folder, or let `files` and `except_files` leave ours out"
            yield loaded.problem((*where, "folder"), what, right, warning=True)


def _push_problems(loaded: LoadedProfile, push: SftpPush) -> Iterator[Problem]:
    where: Location = (_SERVER, "push")
    for field, text in (("folder", push.folder), ("temporary_folder", push.temporary_folder or "")):
        allowed = {"document"} if field == "folder" else set()
        for name in _FIELD.findall(text):
            if name not in allowed:
                what = f"{{{name}}} is no field here and would stand there as it is"
                right = "{document} is the only one" if field == "folder" else "write the folder itself"
                yield loaded.problem((*where, field), what, right, warning=True)
    if push.temporary_folder is not None and _plain(push.temporary_folder) == _plain(push.folder):
        what = "files would be written where they are looked for"
        right = "name another folder on the same disk of theirs, or remove it: `temporary_suffix` will do"
        yield loaded.problem((*where, "temporary_folder"), what, right)
    profile = loaded.profile
    if not profile.sandbox and profile.via is None and own_way(profile) != SFTP:
        what = f"documents go by {profile.way_out}, and nothing is ever put into {shown(push.folder)}"
        yield loaded.problem(where, what, "set `delivery: {way: sftp}`, or remove `push`", warning=True)


def _plain(folder: str) -> str:
    return folder.rstrip("/") or "/"
