"""`gateway partner ping`: a test message to a partner, each step of its way explained."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from certs.keyring import KeyRing, KeyRingError
from gateway.as2_agreements import PartnerCertificates
from gateway.carriers.as2_packing import sniffed_media_type
from gateway.commands.files import read_input
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_table, say
from gateway.commands.parsing import Verbs, add_config, add_format, verb
from gateway.commands.profiles import directory_of, profile_of
from gateway.commands.storing import actor, changing, now_ms, or_unusable
from gateway.flow.certificates.exchanged import ExchangedCertificates
from gateway.flow.certificates.keys import Keys
from gateway.flow.operations import Actor
from gateway.flow.ssh_keys import SshKeys
from gateway.onboarding.pinging.ping import Ping, Pinged, PingMessage
from gateway.onboarding.pinging.sftp_ping import SftpPing, server_of
from gateway.onboarding.pinging.steps import Step
from gateway.settings import Settings
from gateway.store.credentials.sealing import Sealing
from gateway.store.database import Database
from gateway.store.oversight import audit
from gateway.telemetry import Metrics

_PEM = "-----BEGIN"


def build(under: Verbs) -> None:
    """Add the verb."""
    ping = verb(
        under,
        "ping",
        _run,
        does="walk the way to a partner and explain each step: a test message over AS2, or a look at their SFTP server",
        example="gateway partner ping acme-supply\n"
        "gateway partner ping acme-supply --url-only      # sends nothing\n"
        "gateway partner ping acme-supply --file order.edi\n"
        "gateway partner ping acme-supply --sftp --write  # their SFTP server: a temporary file, removed again",
    )
    ping.add_argument("partner", metavar="ID", help="id of the partner")
    what = ping.add_mutually_exclusive_group()
    what.add_argument("--url-only", action="store_true", help="look only how their server is reached; send nothing")
    what.add_argument("--file", metavar="FILE", help="send this file instead of a text that says it is a test")
    what.add_argument(
        "--sftp",
        action="store_true",
        help="their SFTP server (without it: where they are reached by SFTP alone); nothing is written there",
    )
    ping.add_argument(
        "--write", action="store_true", help="SFTP: put a small file there under a temporary name, and remove it again"
    )
    add_format(ping)
    add_config(ping)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    profile_of(settings, called.partner)
    message = _message(settings, called.file)
    with changing(settings, create=True) as database:
        by_sftp = called.sftp or _is_reached_by_sftp(settings, called)
        asked = {"url_only": called.url_only, "file": called.file, "sftp": by_sftp, "write": called.write}
        _record(database, called.partner, "partner.ping", asked)
        if by_sftp:
            pinged = asyncio.run(_ping_sftp(settings, database, called))
        else:
            pinged = asyncio.run(_ping(settings, database, called, message))
        detail = {step.name: step.result.value for step in pinged.steps}
        outcome: dict[str, object] = {"worked": pinged.worked, "message_id": pinged.message_id, "steps": detail}
        if pinged.nothing_there:
            outcome["nothing_there"] = pinged.nothing_there
        _record(database, called.partner, "partner.pinged", outcome)
    _show(called, pinged)
    return 0 if pinged.worked else 1


def _message(settings: Settings, file: str | None) -> PingMessage | None:
    if file is None:
        return None
    payload = read_input(file, settings.limits.body_bytes_max)
    name = "" if file == "-" else file.replace("\\", "/").rpartition("/")[2]
    return PingMessage(payload, sniffed_media_type(payload), name)


def _is_reached_by_sftp(settings: Settings, called: argparse.Namespace) -> bool:
    """Whether nothing but their SFTP server is there to be looked at; a question about AS2 is one for AS2."""
    if called.url_only or called.file is not None:
        return False
    directory = directory_of(settings)
    bearer = server_of(directory, called.partner)
    if bearer is None:
        return bool(called.write)  # so that it is told
    partner = directory.by_id(called.partner)
    over_as2 = [loaded for loaded in (partner, bearer) if loaded is not None and loaded.profile.as2 is not None]
    return called.write or not any(loaded.profile.as2 and loaded.profile.as2.url for loaded in over_as2)


async def _ping_sftp(settings: Settings, database: Database, called: argparse.Namespace) -> Pinged:
    sealing = Sealing(database, settings.passphrase, now_ms=now_ms)
    or_unusable(sealing.start_now, KeyRingError)
    keys = SshKeys(database, sealing, now_ms)
    ping = SftpPing(settings.limits, directory_of(settings), keys.client_key, partial(_heard, called.format))
    return await ping.whole(called.partner, writes=called.write)


async def _ping(
    settings: Settings, database: Database, called: argparse.Namespace, message: PingMessage | None
) -> Pinged:
    directory = directory_of(settings)
    keys = Keys(database, settings, now_ms=now_ms, metrics=Metrics())
    problem = ""
    try:
        await keys.start()
    except KeyRingError as error:
        problem = str(error)

    def ring() -> KeyRing:
        if problem:
            raise KeyRingError(problem)
        return keys.ring()

    exchanged = ExchangedCertificates(database)
    await exchanged.refresh()
    ping = Ping(
        settings,
        directory,
        ring,
        lambda: datetime.now(UTC),
        partial(_heard, called.format),
        PartnerCertificates(exchanged.of),
    )
    return await (ping.url_only(called.partner) if called.url_only else ping.whole(called.partner, message))


def _heard(form: str, step: Step) -> None:
    """A person sees that something goes on; the table comes at the end."""
    if form == "text" and sys.stderr.isatty():
        note(f"{step.name}: {step.result}")


def _record(database: Database, partner: str, action: str, detail: dict[str, object]) -> None:
    database.write_now(partial(_note, who=actor(), partner=partner, action=action, detail=detail))


def _note(connection: Connection, who: Actor, partner: str, action: str, detail: dict[str, object]) -> None:
    audit.record(connection, audit.Act(now_ms(), who.name, action, partner, who.remote, detail))


def _show(called: argparse.Namespace, pinged: Pinged) -> None:
    if called.format == "json":
        print_json(
            {
                "partner": called.partner,
                "worked": pinged.worked,
                "message_id": pinged.message_id,
                "nothing_there": pinged.nothing_there or None,
                "steps": [step.as_json() for step in pinged.steps],
            }
        )
        return
    rows: list[tuple[str, str, str, str]] = []
    for step in pinged.steps:
        first, *others = [word for word in step.words if not word.startswith(_PEM)] or [""]
        rows.append((step.name, step.result.value, f"{step.seconds:.2f} s", first))
        rows += [("", "", "", line) for line in others]
    print_table(("STEP", "RESULT", "TIME", "WHAT"), rows, empty="")
    say()
    for word in (word for step in pinged.steps for word in step.words if word.startswith(_PEM)):
        for line in word.splitlines():  # below the table, so that it can be copied into a file
            say(line)
        say()
    if pinged.nothing_there:
        say("there is nothing to ping")
        return
    if pinged.worked:
        say("all of it works", style="green")
        return
    failed = next((step for step in pinged.steps if step.result.value == "failed"), None)
    say(f"it does not work: {failed.name if failed is not None else 'not all of it was tried'}", style="red")
