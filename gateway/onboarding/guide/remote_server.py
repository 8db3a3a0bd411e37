"""The partner's own SFTP server, where we are the client: what they set up for us, and how we behave there."""

from collections.abc import Iterator
from typing import Final

from gateway.carriers.sftp import path_of
from gateway.model.file_names import FileFacts, file_name
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Fact, FactTable, TransportSection
from gateway.onboarding.guide.words import counted, listed
from partners.sftp_server_terms import SftpFetch, SftpPush, SftpServer

ANCHOR: Final = "sftp-server"
TITLE: Final = "Your SFTP server"
_EXAMPLE_ID: Final = "01KJ6Z5S4T8W9X2Y3Z4A5B6C7D"
_EXAMPLE_MS: Final = 1_772_366_400_000  # 2026-03-01 12:00:00 UTC
_USUAL_EVERY_MINUTES: Final = 15
_USUAL_KINDS: Final = "purchase_order"


def remote_server_section(facts: Facts, terms: SftpServer) -> TransportSection:
    """What has to be there for us, what we put there and what we take away."""
    tables = [FactTable("What you set up for us", tuple(_preparations(facts, terms)))]
    if terms.push is not None:
        tables.append(FactTable("What we put there", tuple(_push(facts, terms.push))))
    tables += [FactTable(f"What we fetch: {item.name}", tuple(_fetch(item))) for item in terms.fetch]
    return TransportSection(
        anchor=ANCHOR,
        title=TITLE,
        about="We log in at your SFTP server, put there what we have for you and take what you have for us. We know "
        "your server by its host key alone: while it shows another one, nothing is exchanged.",
        tables=tuple(tables),
    )


def _preparations(facts: Facts, terms: SftpServer) -> Iterator[Fact]:
    yield Fact("We connect to", f"{terms.host}, port {terms.port}", is_code=True)
    yield Fact("We come from", "the addresses that we tell you apart", "allow them in your firewall")
    yield Fact("Our user", terms.user, is_code=True)
    if terms.key is not None:
        told = facts.ssh_key or "not made yet; we will send you its public part"
        note = "one line for the authorized_keys of our user; from time to time we send you the next one"
        yield Fact("Our public key", told, note, is_code=bool(facts.ssh_key), is_open=not facts.ssh_key)
    if terms.password is not None:
        yield Fact("Our password", "as agreed apart", "better give us a way to log in with a key")
    yield Fact(
        "Your host keys",
        terms.host_keys,
        "compare them; tell us of the next one before you change it, so that both are known for a while",
        is_code=True,
    )
    if terms.algorithms:
        old = listed(list(terms.algorithms))
        yield Fact("Old algorithms", old, "we speak them with you alone; please bring your server up to date")
    yield Fact("Your answers", f"within {counted(terms.timeout_s, 'second')}", "else we come again later")


def _push(facts: Facts, push: SftpPush) -> Iterator[Fact]:
    documents = [item.document for item in facts.profile.agreements if item.direction == "outbound"]
    kinds = list(dict.fromkeys(documents)) or [_USUAL_KINDS]
    folders = [push.folder.replace("{document}", kind) for kind in kinds] if "{document}" in push.folder else []
    yield Fact("Folder", tuple(folders) or push.folder, "we may write and rename there; we make no folders", True)
    example = FileFacts(_EXAMPLE_ID, kinds[0], "4711", "edi", _EXAMPLE_MS)
    name = file_name(push.file_name, example)
    yield Fact("Names of files", push.file_name, f"such as {name}; a name is never used again", is_code=True)
    if push.temporary_folder is not None:
        unfinished = path_of(push.temporary_folder, name).decode()
        note = "written there, then renamed into the folder; both have to be on one disk"
    else:
        unfinished, note = name + push.temporary_suffix, "leave such files alone: they are renamed when they are whole"
    yield Fact("While they are written", unfinished, note, is_code=True)
    yield Fact(
        "Repetitions",
        "a file that is there already is never replaced",
        "where a line breaks, we come again and look whether our file has arrived",
    )


def _fetch(item: SftpFetch) -> Iterator[Fact]:
    yield Fact("Folder", item.folder, "we may list and read it", is_code=True)
    yield Fact("Files", item.files, is_code=True)
    if item.except_files:
        yield Fact("Not these", item.except_files, "write under such a name, rename when it is whole", is_code=True)
    when = f"{item.cron} ({item.time_zone})" if item.cron is not None else None
    minutes = item.every_minutes or _USUAL_EVERY_MINUTES
    yield Fact("We look", when or f"every {counted(minutes, 'minute')}", is_code=when is not None)
    if item.stable_s:
        yield Fact("We take a file", f"once it has not changed for {counted(item.stable_s, 'second')}")
    after = {
        "delete": "we remove it; our user has to be allowed to",
        "move": f"we move it to {item.move_to}; our user has to be allowed to",
        "leave": "it stays; a file with the same name and content is known again",
    }
    yield Fact("Once it is kept here", after[item.then])
