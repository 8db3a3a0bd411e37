"""`gateway partner`: the partners' profiles, what is wrong with them, and new API keys."""

import argparse
import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime

from certs.certificates import CertificateError, read_certificate
from gateway.commands import numbers, ping
from gateway.commands.certs_listing import held_in
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_pairs, print_table, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, shown, verb, verbs
from gateway.commands.profiles import folder_of, profile_of
from gateway.onboarding.check import check
from gateway.settings import Settings
from partners.as2_terms import CertificateFile
from partners.directory import load_directory
from partners.loader import LoadedProfile
from partners.x12_terms import Duplicates

KEY_BYTES = 32
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_KEY_WARNING = "this is the only time the key is shown; give it to the partner by a safe way"


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    listing = verb(
        under,
        "list",
        _list,
        does="every partner whose profile loads, and how they reach us",
        example="gateway partner list",
    )
    add_format(listing, "one object a line, one line a partner")
    show = verb(
        under,
        "show",
        _show,
        does="one partner: addresses, certificates with their days, keys, agreements",
        example="gateway partner show acme-supply",
    )
    show.add_argument("partner", metavar="ID", help="id of the partner, the name of its folder")
    add_format(show)
    checking = verb(
        under,
        "check",
        _check,
        does="everything that is wrong with the profiles, with file and line; exit code 1 when something is",
        example="gateway partner check && git push",
    )
    checking.add_argument("partner", nargs="*", metavar="ID", help="only these partners; all by default")
    add_format(checking, "one object a line, one line a problem")
    key = verb(
        under,
        "key",
        _key,
        does="make an API key: shown once, never stored; the profile keeps its SHA-256",
        example="gateway partner key northwind-parts --label production-2027 --expires-on 2028-01-31",
    )
    key.add_argument("partner", metavar="ID", help="id of the partner")
    key.add_argument("--label", required=True, type=_slug, help="a name for the key, as it appears in the audit")
    key.add_argument("--expires-on", type=_day, metavar="DAY", help="last day (UTC) on which it opens the door")
    add_format(key)
    for each in (listing, show, checking, key):
        add_config(each)
    ping.build(under)
    numbers.build(under)


def _repetition_words(told: Duplicates) -> str:
    """What a control number earns that was seen before, or out of turn."""
    return (
        f"ISA13 {told.action}, GS06 {told.group}, ST02 {told.transaction_set} within {told.window_days} days; "
        f"out of sequence {told.out_of_sequence}"
    )


def _list(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    directory, problems = load_directory(settings.partners_dir)
    rows = [_row(loaded) for loaded in directory]
    if called.format == "json":
        for row in rows:
            print_json(row)
    else:
        print_table(
            ("ID", "NAME", "STATUS", "WAYS IN", "X12", "AGREEMENTS"),
            [
                (
                    str(row["id"]),
                    str(row["name"]),
                    str(row["status"]),
                    ", ".join(_ways_in(loaded)),
                    ", ".join(f"{item.qualifier}/{item.id}" for item in loaded.profile.x12),
                    len(loaded.profile.agreements),
                )
                for row, loaded in zip(rows, directory, strict=True)
            ],
            empty=f"no partners in {settings.partners_dir}; each has a folder ID with a profile.yaml",
        )
    if problems:
        note(f"the profiles have problems ({len(problems)}); see them with `gateway partner check`")
    return 0


def _row(loaded: LoadedProfile) -> dict[str, object]:
    profile = loaded.profile
    return {
        "id": profile.id,
        "name": profile.name,
        "status": profile.status,
        "ways_in": _ways_in(loaded),
        "x12": [{"qualifier": item.qualifier, "id": item.id} for item in profile.x12],
        "agreements": len(profile.agreements),
        "digest": loaded.digest,
    }


def _ways_in(loaded: LoadedProfile) -> list[str]:
    profile = loaded.profile
    ways = [f"as2 {profile.as2.id}"] if profile.as2 is not None else []
    ways += [f"rest ({len(profile.api_keys)} keys)"] if profile.api_keys else []
    return ways + ([f"via {profile.via}"] if profile.via is not None else [])


def _show(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    loaded = profile_of(settings, called.partner)
    certificates = _certificates(loaded) + _exchanged(settings, loaded.id)
    if called.format == "json":
        shown_profile = loaded.profile.model_dump(mode="json", exclude_none=True)
        print_json(shown_profile | {"digest": loaded.digest, "path": loaded.path, "certificates": certificates})
        return 0
    profile = loaded.profile
    print_pairs(
        [
            ("partner", profile.id),
            ("name", profile.name),
            ("status", profile.status),
            ("file", loaded.path),
            ("digest", loaded.digest[:12]),
            ("as2 id", profile.as2.id if profile.as2 else None),
            ("as2 url", profile.as2.url if profile.as2 else None),
            ("x12", ", ".join(f"{item.qualifier}/{item.id}" for item in profile.x12)),
            ("via", profile.via),
            ("api keys", ", ".join(_key_words(key.label, key.expires_on) for key in profile.api_keys)),
            ("tolerances", ", ".join(profile.tolerances)),
            ("acknowledgment", f"TA1 {profile.acknowledgment.ta1}, functional {profile.acknowledgment.functional}"),
            ("on a bad set", profile.processing.on_bad_set),
            ("repeated numbers", _repetition_words(profile.duplicates)),
        ]
    )
    if certificates:
        say()
        print_table(
            ("CERTIFICATE", "USE", "SUBJECT", "VALID UNTIL", "FINGERPRINT"),
            [
                (
                    str(c["file"]),
                    str(c["use"]),
                    str(c.get("subject", "")),
                    str(c.get("not_after", c.get("problem"))),
                    str(c.get("fingerprint", ""))[:16],
                )
                for c in certificates
            ],
            empty="",
        )
    say()
    print_table(
        ("DOCUMENT", "DIRECTION", "SYNTAX", "RELEASES"),
        [(a.document, a.direction, a.syntax, ", ".join(a.releases) or "any") for a in profile.agreements],
        empty="nothing is agreed with this partner: all they send is rejected",
    )
    return 0


def _key_words(label: str, expires_on: date | None) -> str:
    return label if expires_on is None else f"{label} (until {expires_on})"


def _certificates(loaded: LoadedProfile) -> list[dict[str, object]]:
    return [_certificate(loaded, item) for item in (loaded.profile.as2.certificate_files if loaded.profile.as2 else ())]


def _exchanged(settings: Settings, partner: str) -> list[dict[str, object]]:
    """Those that came by certificate exchange messages and are in force beside the profile's."""
    try:
        stored = [one for one in held_in(settings).exchanged if one.partner_id == partner]
    except Unusable as unusable:
        note(f"certificates that were exchanged by message are not shown: {unusable}")
        return []
    return [_named({"file": f"exchanged: {one.id}", "use": one.usages}, one.certificate) for one in stored]


def _certificate(loaded: LoadedProfile, item: CertificateFile) -> dict[str, object]:
    return _named({"file": item.file, "use": item.use}, loaded.files[item.file])


def _named(known: dict[str, object], data: bytes) -> dict[str, object]:
    try:
        certificate = read_certificate(data)
    except CertificateError as error:
        return known | {"problem": str(error)}
    return known | {
        "subject": certificate.subject,
        "fingerprint": certificate.fingerprint,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
    }


def _check(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    for partner in called.partner:
        folder_of(settings, partner)
    found = check(settings.partners_dir, identities=settings.identities, now=datetime.now(UTC))
    if called.partner:
        folders = tuple(f"{settings.partners_dir / partner}/" for partner in called.partner)
        found = [problem for problem in found if problem.file.startswith(folders)]
    errors = [problem for problem in found if problem.severity == "error"]
    if called.format == "json":
        for problem in found:
            print_json(problem.as_json())
    else:
        for problem in found:
            say(str(problem), style="red" if problem.severity == "error" else "yellow")
        warnings = len(found) - len(errors)
        counted = f"{_counted(len(errors), 'error')}, {_counted(warnings, 'warning')}"
        say(f"{counted} in {settings.partners_dir}" if found else "all is well")
    return 1 if errors else 0


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _key(called: argparse.Namespace) -> int:
    loaded = profile_of(open_settings(called), called.partner)
    if any(key.label == called.label for key in loaded.profile.api_keys):
        raise Unusable(f"{called.partner} has a key labelled {called.label} already; choose another --label")
    key = secrets.token_urlsafe(KEY_BYTES)
    entry: Mapping[str, str] = {"label": called.label, "sha256": hashlib.sha256(key.encode()).hexdigest()} | (
        {"expires_on": called.expires_on.isoformat()} if called.expires_on else {}
    )
    if called.format == "json":
        print_json({"partner": called.partner, "key": key, "api_keys": [entry]})
        return 0
    note(_KEY_WARNING)
    say(key)
    say()
    note(f"put this into {loaded.path}" + (" below the keys that are there:" if loaded.profile.api_keys else ":"))
    say("api_keys:")
    for number, (name, value) in enumerate(entry.items()):
        say(f"  {'- ' if number == 0 else '  '}{name}: {value}")
    return 0


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{shown(text)} is no label; use small letters, digits and hyphens")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no day; write it as 2028-01-31") from None
