"""`gateway partner guide`: the implementation guide for a partner, as a web page and as PDF."""

import argparse
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from gateway.as2_agreements import identities_for
from gateway.commands.certs_listing import held_in
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_bytes, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.partner.ssh_facts import host_keys_for, ssh_key_for
from gateway.commands.profiles import connection_of, folder_of, profile_of
from gateway.edge.refusals import catalogue
from gateway.flow.certificates.inventory import Inventory, take_inventory
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.printing import CannotPrint, find_browser, print_pdf
from gateway.onboarding.guide.rendering import guide_page
from gateway.onboarding.samples.reading import read_samples
from gateway.onboarding.whole_files import replace_file
from gateway.settings import Settings
from partners.loader import LoadedProfile

_STANDARD_OUTPUT = "-"
Printed = TypeVar("Printed")


def build(under: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        under,
        "guide",
        _guide,
        does="the partner's implementation guide: connection, certificates, envelope, each document, samples",
        example="gateway partner guide acme-supply                       # writes acme-supply-guide.html\n"
        "gateway partner guide acme-supply --pdf acme.pdf        # for print; needs Chromium or Chrome\n"
        "gateway partner guide acme-supply -o - | less",
    )
    parser.add_argument(
        "partner", metavar="ID", help="id of the partner; drafts have a guide, too, which says what is open"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the web page, one file that needs nothing else; - is standard output (default: ID-guide.html here, "
        "unless only --pdf is asked for)",
    )
    parser.add_argument("--pdf", metavar="FILE", type=Path, help="also as PDF, printed by Chromium or Chrome (CHROME)")
    parser.add_argument(
        "--full", action="store_true", help="open what is folded away: everything that may be sent, too"
    )
    parser.add_argument("--open", action="store_true", help="show the page in the browser afterwards")
    add_format(parser)
    add_config(parser)


def _guide(called: argparse.Namespace) -> int:
    _check(called)
    settings = open_settings(called)
    facts = _facts(called, settings)
    browser = _printable(find_browser) if called.pdf is not None else ""
    page = guide_page(facts).encode("utf-8")
    pdf = _printable(lambda: print_pdf(page, browser)) if called.pdf is not None else b""
    if called.output == _STANDARD_OUTPUT:
        print_bytes(page)
    html = _html_file(called)
    written = {}
    if html is not None:
        written["html"] = _write(html, page)
    if called.pdf is not None:
        written["pdf"] = _write(called.pdf, pdf)
    _tell(called, facts, written)
    if called.open and html is not None:
        webbrowser.open(html.resolve().as_uri())
    return 0


def _check(called: argparse.Namespace) -> None:
    """Whether the options go together."""
    if called.output == _STANDARD_OUTPUT and called.format == "json":
        raise Unusable("the page and JSON cannot both go to standard output; name a file with -o")
    if called.output == _STANDARD_OUTPUT and called.open:
        raise Unusable("a page on standard output cannot be opened; name a file with -o")


def _html_file(called: argparse.Namespace) -> Path | None:
    if called.output == _STANDARD_OUTPUT:
        return None
    if called.output is not None:
        return Path(called.output)
    return None if called.pdf is not None and not called.open else Path(f"{called.partner}-guide.html")


def _facts(called: argparse.Namespace, settings: Settings) -> Facts:
    folder = folder_of(settings, called.partner)
    loaded = profile_of(settings, called.partner)
    _tell_missing(settings)
    samples, problems = read_samples(folder)
    for problem in problems:
        note(str(problem))
    now = datetime.now(UTC)
    return Facts(
        loaded=loaded,
        settings=settings,
        at=now,
        samples=samples,
        certificates=_certificates(settings, loaded, now),
        problems=catalogue(),
        connection=connection_of(settings, loaded),
        full=called.full,
        ssh_key=ssh_key_for(settings, loaded, "in the guide"),
        host_keys=host_keys_for(settings, loaded, "in the guide"),
    )


def _tell_missing(settings: Settings) -> None:
    """What partners look for first, and nobody has said."""
    said = {"company": settings.company, "contacts": settings.contacts, "public_url": settings.public_url}
    missing = [f"`{name}`" for name, value in said.items() if not value]
    if missing:
        note(f"gateway.yaml does not say {', '.join(missing)}: the guide has nothing to show there")


def _certificates(settings: Settings, loaded: LoadedProfile, now: datetime) -> Inventory:
    """Ours for this partner, and theirs."""
    names = {identity.name for identity in identities_for(loaded.profile, settings.identities)}
    try:
        held = held_in(settings)
    except Unusable as unusable:
        note(f"our certificates are not in the guide: {unusable}")
        return take_inventory((), [loaded], (), now)
    lives = [life for life in held.lives if life.identity in names]
    exchanged = [one for one in held.exchanged if one.partner_id == loaded.id]
    inventory = take_inventory(lives, [loaded], exchanged, now)
    for problem in inventory.problems:
        note(problem)
    return inventory


def _printable(act: Callable[[], Printed]) -> Printed:
    try:
        return act()
    except CannotPrint as error:
        raise Unusable(str(error)) from None


def _write(file: Path, content: bytes) -> str:
    """Write a file whole or not at all."""
    if file.exists() and not file.is_file():
        what = "a folder" if file.is_dir() else "no regular file"
        raise Unusable(f"{file} cannot be written: it is {what}; name a file, or - for standard output")
    try:
        replace_file(file, content)
    except OSError as error:
        raise Unusable(f"{file} cannot be written: {error.strerror}; name another file") from None
    return str(file)


def _tell(called: argparse.Namespace, facts: Facts, written: dict[str, str]) -> None:
    if called.format == "json":
        print_json(
            {
                "partner": facts.loaded.id,
                "status": facts.profile.status,
                "digest": facts.loaded.digest,
                "samples": [sample.name for sample in facts.samples],
                **written,
            }
        )
    elif called.output != _STANDARD_OUTPUT:
        for file in written.values():
            say(file)
