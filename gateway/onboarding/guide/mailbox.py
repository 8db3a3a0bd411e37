"""The partner's mailbox at our SFTP server: where it is, what lies in which folder, and when a file is complete."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from gateway.model.file_names import FileFacts, file_name
from gateway.onboarding.guide.endpoint import TO_BE_TOLD, sizes, we_send
from gateway.onboarding.guide.facts import Facts, ServerKey
from gateway.onboarding.guide.tables import Curl, Fact, FactTable, TransportSection
from gateway.onboarding.guide.words import counted, day_words, listed
from gateway.settings import Settings
from partners.sftp_terms import Sftp, SftpKey, SftpPassword

_SOME_ID: Final = "01JQ7XK3V8E4T6M2N9R5W0Z1YB"
_SOME_TIME_MS: Final = 1_767_261_600_000
_EXTENSIONS: Final = {"x12": "edi", "json": "json", "xml": "xml"}
_MINUTES: Final = "every 5 to 15 minutes"


def mailbox_section(facts: Facts, sftp: Sftp) -> TransportSection:
    """What they need to know of their mailbox."""
    return TransportSection(
        anchor="sftp",
        title="SFTP mailbox",
        about="You have a mailbox at our SFTP server, which nobody else sees: you put your files into inbox/, and "
        "fetch ours from outbox/. Folders are fixed; there are no links, permissions or owners in it.",
        tables=(
            FactTable("How you log in", (*_door(facts, sftp), *_keys(facts, sftp))),
            FactTable("Folders", tuple(_folders(sftp))),
            FactTable("When your file is complete", (*_complete(sftp), *sizes(facts))),
            *((FactTable("What you fetch", tuple(_fetching(facts, sftp))),) if _fetches(facts) else ()),
        ),
        calls=tuple(_calls(facts, sftp)),
    )


def fingerprint_of_file(public_key: bytes | None) -> str:
    """The fingerprint of an OpenSSH public key, as `ssh-keygen -l` prints it."""
    parts = (public_key or b"").split()
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        return "the key cannot be read"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{digest}"


def _fetches(facts: Facts) -> bool:
    return we_send(facts) or any(item.syntax == "x12" for item in facts.profile.agreements)


def address_of_mailboxes(settings: Settings) -> tuple[str, int] | None:
    """Host and port; None where nobody has said yet how the server is reached from outside."""
    public = settings.sftp_public_host
    if public is None:
        return None
    host, _, port = public.partition(":")
    return host, int(port) if port else settings.sftp_port


def present_host_keys(keys: Iterable[ServerKey]) -> tuple[str, ...]:
    """What our server shows now, in words."""
    return tuple(f"{key.algorithm} {key.fingerprint}" for key in keys if key.signs)


def next_host_keys(keys: Iterable[ServerKey]) -> tuple[str, ...]:
    """What will take its place, in words, with the day where that is settled."""
    return tuple(
        f"{key.algorithm} {key.fingerprint}" + (f", from {day_words(key.signs_from.date())}" if key.signs_from else "")
        for key in keys
        if not key.signs
    )


def _door(facts: Facts, sftp: Sftp) -> Iterator[Fact]:
    address = address_of_mailboxes(facts.settings)
    if address is None:
        yield Fact("Host and port", TO_BE_TOLD, is_open=True)
    else:
        yield Fact("Host", address[0], is_code=True)
        yield Fact("Port", str(address[1]), is_code=True)
    yield Fact("User", sftp.user, is_code=True)
    present = present_host_keys(facts.host_keys)
    if present:
        yield Fact("Our host key", present, "compare it by telephone before the first login", is_code=True)
    else:
        yield Fact("Our host key", TO_BE_TOLD, is_open=True)
    following = next_host_keys(facts.host_keys)
    if following:
        yield Fact("Our next host key", following, "make it known to your software now, beside the present one", True)


def _keys(facts: Facts, sftp: Sftp) -> Iterator[Fact]:
    keys = tuple(
        f"{key.label}: {fingerprint_of_file(facts.loaded.files.get(key.file))}{_days(key)}" for key in sftp.keys
    )
    if keys or not sftp.passwords:
        yield Fact(
            "Your keys",
            keys or ("none yet: send us your public key",),
            "public keys; several may be in use while one takes the place of another",
            is_open=not keys,
        )
    if sftp.passwords:
        passwords = tuple(f"{password.label}{_days(password)}" for password in sftp.passwords)
        yield Fact("Your passwords", passwords, "a key is safer: send us a public one whenever you can")
    if sftp.networks:
        yield Fact("You come from", tuple(map(str, sftp.networks)), "other addresses are refused", is_code=True)
    yield Fact("At the same time", f"{counted(sftp.sessions_max, 'session')}, {counted(sftp.handles_max, 'open file')}")


def _days(item: SftpKey | SftpPassword) -> str:
    begins = f", from {day_words(item.valid_from)}" if item.valid_from is not None else ""
    return begins + (f", until {day_words(item.expires_on)}" if item.expires_on is not None else "")


def _folders(sftp: Sftp) -> Iterator[Fact]:
    shown = f"a file that we took is shown for {counted(sftp.shown_hours, 'hour')}; it cannot be read back"
    archive = counted(sftp.archive_days, "day")
    yield Fact("inbox/", "you put your files here", shown)
    yield Fact("outbox/", "you fetch our documents here")
    yield Fact("outbox/archive/", "what you have fetched", f"for {archive}, in case that you lost it")
    yield Fact("acknowledgments/", "what your X12 files earned: TA1, 997, 999", "fetched as files in outbox/ are")
    yield Fact(
        "errors/",
        "files of yours that were refused, each with NAME.report.txt, which says what was wrong and what to do",
        f"look here; remove them when you have read them, or they go after {archive}",
    )


def _complete(sftp: Sftp) -> Iterator[Fact]:
    ends = f"end with {listed(list(sftp.temporary_suffixes))}" if sftp.temporary_suffixes else ""
    begins = f"begin with {listed(list(sftp.temporary_prefixes))}" if sftp.temporary_prefixes else ""
    temporary = f"names that {' or '.join(filter(None, (ends, begins)))}" if ends or begins else ""
    if sftp.complete_on == "rename":
        yield Fact("Complete", "when you rename it from a temporary name to its final one")
    else:
        cure = "use temporary names" if temporary else "use a newer one, without -B"
        yield Fact(
            "Complete",
            "when your program closes it, or renames it to its final name",
            "with `sftp -B` or OpenSSH before 8.7 an interrupted upload cannot be told from a whole one: " + cure,
        )
    if temporary:
        yield Fact("Temporary", temporary, "such a file is not looked at before you rename it")
    yield Fact(
        "Once it is complete",
        "we hold it durably before your program is told that it is done",
        "after an error send it again: the same content under the same name is recognised, and never taken twice",
    )
    yield Fact(
        "An upload that breaks off",
        f"is not looked at, and can be gone on with for {counted(sftp.unfinished_hours, 'hour')}",
        f"at most {counted(sftp.unfinished_files_max, 'file')} at the same time",
    )
    yield Fact("An empty file", "is not taken as a document", "some programs make one before they write it")
    yield Fact(
        "Names",
        "any of up to 255 bytes; each new file needs no new name",
        "they are kept and shown as you wrote them: write them in UTF-8, since some programs cannot list a folder in "
        "which another name lies (paramiko's listdir ends with UnicodeDecodeError until it is gone)",
    )
    if sftp.attributes == "refused":
        yield Fact("Times and permissions", "are refused", "turn off that your program preserves them")


def _fetching(facts: Facts, sftp: Sftp) -> Iterator[Fact]:
    yield Fact("Look there", _MINUTES)
    syntaxes = [item.syntax for item in facts.profile.agreements if item.direction == "outbound"] or ["x12"]
    document = next((item.document for item in facts.profile.agreements if item.direction == "outbound"), "997")
    example = file_name(
        sftp.file_name, FileFacts(_SOME_ID, document, "4500012345", _EXTENSIONS[syntaxes[0]], _SOME_TIME_MS)
    )
    yield Fact("File names", example, "the long part is our id of the document: it never comes twice", is_code=True)
    if sftp.delivered_on == "fetch":
        yield Fact(
            "Delivered",
            "when you have read all of a file and closed it",
            "it moves to outbox/archive/; your program may remove it from outbox/, or need not",
        )
    else:
        yield Fact(
            "Delivered",
            "when you remove the file from outbox/, or rename it, after you have read it",
            "it moves to outbox/archive/; until then it stays in outbox/",
        )
    yield Fact("A download that breaks off", "can be gone on with (`reget`)", "it counts as fetched once all was read")
    hours = facts.profile.delivery.confirm_within_hours
    yield Fact("Within", counted(hours, "hour"), "what was not fetched by then has a person here ask you")


def _calls(facts: Facts, sftp: Sftp) -> Iterator[Curl]:
    host, port = address_of_mailboxes(facts.settings) or ("OUR-HOST", facts.settings.sftp_port)
    key = "~/.ssh/YOUR-KEY"
    user = sftp.user
    first = next((one for one in facts.host_keys if one.signs and one.algorithm == "ssh-ed25519"), None)
    if first is not None:
        where = host if port == 22 else f"[{host}]:{port}"  # noqa: PLR2004  # of SSH
        yield Curl(
            "The line for ~/.ssh/known_hosts, by which OpenSSH, lftp and curl know our server",
            f"{where} {first.public_key}",
        )
    yield Curl(
        "With OpenSSH: put a file, fetch what waits",
        f"sftp -P {port} -i {key} {user}@{host} <<'END'\nput order.edi inbox/\nget outbox/*.* .\nEND",
    )
    yield Curl(
        "With scp (-s speaks SFTP, which OpenSSH before 9.0 does only so)",
        f"scp -s -P {port} -i {key} order.edi {user}@{host}:inbox/",
    )
    yield Curl(
        "With lftp, which removes what it has fetched",
        f'lftp -e \'set sftp:connect-program "ssh -a -x -i {key}"; put -O inbox order.edi; '
        f"mget -E outbox/*.*; bye' sftp://{user}:@{host}:{port}",
    )
    yield Curl(
        "With curl",
        f"curl --key {key} -u {user}: -T order.edi sftp://{host}:{port}/inbox/\n"
        f"curl --key {key} -u {user}: --list-only sftp://{host}:{port}/outbox/\n"
        f"curl --key {key} -u {user}: -O sftp://{host}:{port}/outbox/NAME",
    )
    pinned = f' -hostkey="ssh-ed25519 255 {first.fingerprint.removeprefix("SHA256:")}"' if first is not None else ""
    yield Curl(
        "With WinSCP, as a script (winscp.com /script=FILE)",
        f"open sftp://{user}@{host}:{port}/ -privatekey=YOUR-KEY.ppk{pinned}\n"
        "put -nopreservetime -nopermissions order.edi /inbox/\n"
        "get -delete /outbox/*.*\nexit",
    )
