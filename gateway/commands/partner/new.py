"""`gateway partner new`: a partner's folder out of a template and some answers, complete or not at all."""

import argparse
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, get_args

from certs.certificates import read_certificate
from certs.lives import signer_at
from gateway.commands.asking import Asking, can_ask, yes
from gateway.commands.certs_listing import held_in
from gateway.commands.opening import config_file, open_settings
from gateway.commands.output import note, print_json, print_pairs, print_table, say
from gateway.commands.own_keys import make_first_key
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, shown, verb
from gateway.commands.partner.keys import KEY_BYTES, KEY_WARNING
from gateway.commands.partner.sheet import sheet_of, write_sheet
from gateway.onboarding.certificate_facts import certificate_facts
from gateway.onboarding.checking.checker import Checker
from gateway.onboarding.founding.blueprints import Blueprint, blueprints, shipped
from gateway.onboarding.founding.profile_text import ApiKeyDigest, Draft, profile_text
from gateway.onboarding.founding.questions import Answers, Ours, Question, gather
from gateway.onboarding.founding.schemas import place_schemas
from gateway.onboarding.founding.sheet import our_identity
from gateway.onboarding.founding.values import Beside, choice
from gateway.onboarding.whole_files import FolderExists, place_folder
from gateway.settings import Settings
from partners.directory import load_directory
from partners.fields import SLUG
from partners.loader import PROFILE_FILE, LoadedProfile, load_profile, parse_profile
from partners.problems import Problem
from partners.profile import Status
from partners.templates import Templates

_ANSWERS: Final = (
    ("--name", "NAME", "their name, as people write it"),
    ("--as2-id", "ID", "AS2-From of their messages"),
    ("--as2-url", "URL", "where we send to"),
    ("--as2-certificate", "FILE", "their certificate, PEM or DER; may be given several times"),
    ("--our-identity", "NAME", "which of our identities they know, where gateway.yaml has several"),
    ("--x12", "QUALIFIER/ID", "ISA05 and ISA06 of what they send, such as ZZ/ACMESUPPLY"),
    ("--group-id", "ID", "GS02 of what they send (default: the same as in ISA06)"),
    ("--way", "WAY", "how they reach us, where the template leaves it open: as2, rest, sftp, sftp-server or via"),
    ("--via", "ID", "the connection that carries their traffic"),
    ("--speaks-for", "QUALIFIER/ID", "for a connection: whom it may speak for; several with commas"),
    ("--api-key", "LABEL", "the label of the API key that is made (default: production); none: make none"),
    ("--sftp-user", "NAME", "their user at our SFTP server (default: the id)"),
    ("--sftp-key", "FILE", "their public SSH key; may be given several times"),
    ("--sftp-server", "HOST[:PORT]", "their own SFTP server, where we are the client"),
    ("--sftp-server-host-key", "SHA256:..", "the fingerprint of its host key; may be given several times"),
    ("--sftp-server-user", "NAME", "our user there"),
    ("--sftp-server-key", "NAME", "our SSH key, of `gateway sftp keys` (default: the id)"),
    ("--sftp-server-fetch", "FOLDER", "where we fetch what they have for us; may be given several times"),
    ("--sftp-server-folder", "FOLDER", "where we put what we have for them"),
    ("--documents", "NAMES", "what we exchange, such as 850,856 or purchase_order (default: all of the template)"),
    ("--contact", "PERSON", "whom one asks there: 'Jane Doe <edi@acme.example>'"),
)


def build(under: Verbs) -> None:
    """Add `new`."""
    parser = verb(
        under,
        "new",
        _new,
        does="begin with a partner: questions (or flags), a commented profile, the sheet to send to them",
        example="gateway partner new acme-supply                       # asks for everything\n"
        "gateway partner new acme-supply --template as2-x12 --name 'ACME Supply Inc.' --as2-id ACME-AS2 \\\n"
        "    --as2-url https://as2.acme.example/as2 --as2-certificate acme.pem --x12 ZZ/ACMESUPPLY --sheet acme.txt\n"
        "gateway partner new --list-templates",
    )
    about = "\n".join(f"  {name:<18} {says}" for name, says in shipped())
    parser.epilog = f"templates (and those in PARTNERS_DIR/_templates):\n{about}\n\n{parser.epilog}"
    parser.add_argument("partner", nargs="?", metavar="ID", help="a short name: letters a-z, digits, hyphens")
    parser.add_argument("--template", metavar="NAME", help="what it builds on (asked for)")
    parser.add_argument("--list-templates", action="store_true", help="show the templates and end")
    for option, metavar, says in _ANSWERS:
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=says)
    parser.add_argument(
        "--status", choices=get_args(Status), default="draft", help="the stage it begins in (default: draft)"
    )
    parser.add_argument(
        "--own-key",
        action=argparse.BooleanOptionalAction,
        help="make our own key where our identity has none (asked for; without a terminal: no)",
    )
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write the sheet for the partner there")
    parser.add_argument("--no-questions", action="store_true", help="ask nothing: flags and defaults alone")
    add_format(parser)
    add_config(parser)


@dataclass(frozen=True, slots=True)
class _Begun:
    """What was made.

    Attributes:
        loaded: the profile as it lies there now.
        key: an API key; here alone it is known.
        own_key: the short fingerprint of a key of ours that was made, if one was.
        found: what the check says of it.
    """

    loaded: LoadedProfile
    answers: Answers
    key: str | None
    own_key: str | None
    found: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        return not any(problem.severity == "error" for problem in self.found)


def _new(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    templates = Templates(settings.partners_dir)
    if called.list_templates:
        return _list_templates(templates, called.format)
    folder = _free_folder(settings, called.partner)
    if called.sheet is not None and called.sheet.exists():
        raise Unusable(f"{called.sheet} exists; name a file that does not with --sheet")
    at_terminal = called.format == "text" and can_ask(no_questions=called.no_questions)
    asking = Asking(_given(called), at_terminal=at_terminal)
    plan = _plan(asking, templates)
    if plan is not None:
        _refuse_without_identity(settings, plan, has_file=config_file(called) is not None)
        answers = gather(asking, folder.name, plan, Ours(settings.identities, partial(_connections, settings)))
    asking.refuse_gaps("call it")
    assert plan is not None  # noqa: S101  # a template that is missing was refused above
    begun = _begin(called, settings, folder, _named(folder.name, answers), plan, at_terminal=at_terminal)
    _show(called, settings, begun)
    return 0 if begun.is_sound else 1


def _list_templates(templates: Templates, form: str) -> int:
    found = blueprints(templates)
    if form == "json":
        for one in found:
            agreed = [{"document": x.document, "direction": x.direction, "syntax": x.syntax} for x in one.agreed]
            print_json({"name": one.name, "about": one.about, "agreements": agreed})
    else:
        print_table(("TEMPLATE", "FOR"), [(one.name, one.about) for one in found], empty="there are no templates")
    return 0


def _free_folder(settings: Settings, partner: str | None) -> Path:
    if partner is None:
        raise Unusable("name the partner: gateway partner new ID; --list-templates shows what it can build on")
    if not SLUG.matches(partner):
        raise Unusable(f"{shown(partner)} is no id; {SLUG.right}")
    folder = settings.partners_dir / partner
    if folder.is_symlink() or folder.exists():
        raise Unusable(_exists(folder))
    return folder


def _exists(folder: Path) -> str:
    return f"{folder} exists; nothing was changed. Edit its profile.yaml, or choose another id"


def _given(called: argparse.Namespace) -> dict[str, Sequence[str]]:
    given = {option: getattr(called, option.removeprefix("--").replace("-", "_")) for option, _, _ in _ANSWERS}
    return given | {"--template": [called.template] if called.template is not None else []}


def _plan(asking: Asking, templates: Templates) -> Blueprint | None:
    known = {one.name: one for one in blueprints(templates)}
    about = "\n".join(f"{one.name}: {one.about}" for one in known.values())
    read = choice(tuple(known), "template")
    found = asking(Question("--template", f"Which template ({', '.join(known)})", about, read, required=True))
    return known[found[0]] if found else None


def _refuse_without_identity(settings: Settings, plan: Blueprint, *, has_file: bool) -> None:
    """A partner of AS2 or X12 needs to know who we are, and so do we."""
    speaks_x12 = any(item.syntax == "x12" for item in plan.agreed)
    if settings.identities or not (plan.as2 or speaks_x12):
        return
    if not has_file:
        raise Unusable("there is no gateway.yaml that says who we are; begin with `gateway init`, which writes one")
    raise Unusable(
        "the settings have no `identities:`; add who we are to gateway.yaml, such as\n"
        "  identities:\n"
        "    - {name: bigcorp, as2_id: BIGCORP-AS2, x12: {qualifier: ZZ, id: BIGCORP, group_id: BIGCORP}}"
    )


def _connections(settings: Settings) -> tuple[str, ...]:
    if not settings.partners_dir.is_dir():
        return ()
    directory, _ = load_directory(settings.partners_dir, environment=settings.environment)
    return tuple(loaded.id for loaded in directory if loaded.profile.speaks_for)


def _named(partner: str, answers: Answers) -> Answers:
    """Each file under a name of its own: the one that it has, where it has one that can be kept."""
    taken = {PROFILE_FILE}

    def named(beside: Sequence[Beside], ending: str) -> tuple[Beside, ...]:
        made: list[Beside] = []
        for number, one in enumerate(beside, start=1):
            name = one.name if one.name and one.name not in taken else f"{partner}-{number}{ending}"
            taken.add(name)
            made.append(replace(one, name=name))
        return tuple(made)

    return replace(
        answers,
        certificates=named(answers.certificates, "-as2.pem"),
        sftp_keys=named(answers.sftp_keys, ".pub"),
    )


def _begin(
    called: argparse.Namespace,
    settings: Settings,
    folder: Path,
    answers: Answers,
    plan: Blueprint,
    *,
    at_terminal: bool,
) -> _Begun:
    now = datetime.now(UTC)
    key = secrets.token_urlsafe(KEY_BYTES) if answers.api_key_label is not None else None
    digest = ApiKeyDigest(answers.api_key_label or "", hashlib.sha256(key.encode()).hexdigest()) if key else None
    beside = (*answers.certificates, *answers.sftp_keys)
    draft = Draft(
        folder.name,
        plan.name,
        called.status,
        answers,
        tuple(one.name for one in answers.certificates),
        tuple(one.name for one in answers.sftp_keys),
        digest,
        now.date(),
    )
    files = {PROFILE_FILE: profile_text(draft).encode()} | {one.name: one.content for one in beside}
    _refuse_unsound(folder, files, Templates(settings.partners_dir))
    settings.partners_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    for schema in place_schemas(settings.partners_dir):
        note(f"{schema} is of another version; renew it with `gateway schema {schema.name.split('.')[0]} > {schema}`")
    try:
        place_folder(folder, files)
    except FolderExists:
        raise Unusable(_exists(folder)) from None
    loaded = load_profile(folder, environment=settings.environment)
    if not isinstance(loaded, LoadedProfile):
        raise Unusable(f"{folder} was written, but does not load\n" + _lines(loaded))
    own_key = _own_key(called, settings, loaded, at_terminal=at_terminal)
    return _Begun(loaded, answers, key, own_key, _checked(settings, folder, now))


def _refuse_unsound(folder: Path, files: Mapping[str, bytes], templates: Templates) -> None:
    """Nothing is written that would not load; what a draft leaves open is told afterwards."""
    layers: dict[str, bytes] = {}
    for one in templates.names():
        template = templates.get(one)
        if template is not None:
            layers[f"_templates/{one}.yaml"] = template.data
    outcome = parse_profile({**files, **layers}, str(folder / PROFILE_FILE))
    if not isinstance(outcome, LoadedProfile):
        raise Unusable("with these answers the profile would not do\n" + _lines(outcome))


def _lines(problems: Sequence[Problem]) -> str:
    return "\n".join(f"  {problem.what}; {problem.would_be_right}" for problem in problems)


def _own_key(called: argparse.Namespace, settings: Settings, loaded: LoadedProfile, *, at_terminal: bool) -> str | None:
    """A first key for the identity that the partner knows, where it has none and one is wanted."""
    identity = our_identity(loaded.profile, settings)
    if loaded.profile.as2 is None or identity is None or called.own_key is False:
        return None
    lives = [life for life in held_in(settings).lives if life.identity == identity.name]
    if signer_at(lives, datetime.now(UTC)) is not None:
        return None
    asks = f"{identity.name} has no key yet. Make it now"
    says = "It signs what we send and opens what they encrypt; it is kept encrypted under the settings' passphrase."
    if called.own_key or yes(asks, says, at_terminal=at_terminal, otherwise=at_terminal):
        try:
            return make_first_key(settings, identity.name).short
        except Unusable as unusable:  # the partner's folder is there, and this can be made up for
            note(str(unusable))
    note(f"{identity.name} has no key yet; make it with `gateway certs new {identity.name}`")
    return None


def _checked(settings: Settings, folder: Path, now: datetime) -> tuple[Problem, ...]:
    checker = Checker(settings.partners_dir, settings.environment)
    return tuple(checker.look(settings.identities, now, only=[folder.name]))


def _show(called: argparse.Namespace, settings: Settings, begun: _Begun) -> None:
    sheet = sheet_of(settings, begun.loaded)
    if called.sheet is not None:
        write_sheet(called.sheet, sheet)
    if called.format == "json":
        print_json(
            {
                "partner": begun.loaded.id,
                "path": begun.loaded.path,
                "status": begun.loaded.profile.status,
                "files": sorted(path.name for path in Path(begun.loaded.path).parent.iterdir()),
                "api_key": begun.key,
                "own_key": begun.own_key,
                "problems": [problem.as_json() for problem in begun.found],
                "sheet": sheet,
            }
        )
        return
    say(f"{begun.loaded.path} is written: {begun.loaded.profile.status}", style="green")
    for one in begun.answers.certificates:
        say()
        say(f"{one.name}: compare this with them on the telephone")
        print_pairs(certificate_facts(read_certificate(one.content)))
    if begun.own_key is not None:
        say()
        say(f"our own key {begun.own_key} is made; its certificate stands on the sheet")
    if begun.key is not None:
        say()
        note(KEY_WARNING)
        say(f"API key {begun.answers.api_key_label}: {begun.key}")
    _show_open(called, begun)
    say()
    if called.sheet is not None:
        say(f"{called.sheet} is the sheet for them; `gateway partner sheet {begun.loaded.id}` shows it again")
    else:
        say("the sheet to send to them:")
        say()
        for line in sheet.splitlines():
            say(line)


def _show_open(called: argparse.Namespace, begun: _Begun) -> None:
    say()
    say("what is open yet:" if begun.found else "nothing is open: it could be tested now")
    for problem in begun.found:
        say(f"  {problem}", style="red" if problem.severity == "error" else "yellow")
    say()
    say("next:")
    more = f" --config {called.config}" if called.config is not None else ""
    partner, as2 = begun.loaded.id, begun.loaded.profile.as2
    steps = [
        ("check", partner, "until nothing is open"),
        ("test", partner, "its samples, once there are some in samples/"),
        ("guide", partner, "their implementation guide, one page to send"),
        ("status", f"{partner} testing", "exchange, marked as a test both ways"),
        *([("ping", partner, "the way to them, step by step")] if as2 is not None and as2.url is not None else []),
        ("test", f"{partner} --live", "a scenario between two gateways here, by AS2 or REST"),
        ("go-live", partner, "once the required samples have passed"),
    ]
    calls = [f"gateway partner {name} {rest}{more}" for name, rest, _ in steps]
    width = max(map(len, calls))
    for call, (_, _, why) in zip(calls, steps, strict=True):
        say(f"  {call.ljust(width)}  # {why}")
