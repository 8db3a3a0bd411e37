"""`gateway partner show`: one partner as its profile says it."""

import argparse
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from certs.certificates import CertificateError, read_certificate
from gateway.commands.certs_listing import held_in
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_pairs, print_table, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.profiles import profile_of
from gateway.commands.storing import reading
from gateway.flow.credentials import KnownCredential, credentials_of
from gateway.flow.outward.ways import own_way
from gateway.model.instants import rfc3339
from gateway.settings import DATABASE_FILE, Settings
from gateway.store.credentials import uses
from partners.as2_terms import CertificateFile
from partners.effective import EffectiveValue, effective_values
from partners.loader import LoadedProfile
from partners.profile import Profile
from partners.x12_terms import Duplicates

VALUE_CHARACTERS_MAX = 64


def build(under: Verbs) -> None:
    """Add `show`."""
    parser = verb(
        under,
        "show",
        _show,
        does="one partner: addresses, certificates with their days, keys, agreements; or every value and its origin",
        example="gateway partner show acme-supply\n"
        "gateway partner show acme-supply --effective             # what holds, and the file and line that says so\n"
        "gateway partner show acme-supply --effective --written   # without the defaults",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner, the name of its folder")
    parser.add_argument(
        "--effective", action="store_true", help="every value after templates and overlays, with its origin"
    )
    parser.add_argument("--written", action="store_true", help="with --effective: only what is written, no defaults")
    add_format(parser)
    add_config(parser)


def _repetition_words(told: Duplicates) -> str:
    """What a control number earns that was seen before, or out of turn."""
    return (
        f"ISA13 {told.action}, GS06 {told.group}, ST02 {told.transaction_set} within {told.window_days} days; "
        f"out of sequence {told.out_of_sequence}"
    )


def _show(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    loaded = profile_of(settings, called.partner)
    if called.written and not called.effective:
        raise Unusable("--written says which values --effective shows; give both")
    if called.effective:
        return _show_effective(loaded, written_only=called.written, as_json=called.format == "json")
    certificates = _certificates(loaded) + _exchanged(settings, loaded.id)
    credentials = credentials_of(loaded.profile, _used(settings, loaded.id))
    if called.format == "json":
        shown_profile = loaded.profile.model_dump(mode="json", exclude_none=True)
        print_json(
            shown_profile
            | {
                "digest": loaded.digest,
                "path": loaded.path,
                "certificates": certificates,
                "credentials": [one.as_json() for one in credentials],
            }
        )
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
            ("way out", _way_out(profile)),
            ("x12", ", ".join(f"{item.qualifier}/{item.id}" for item in profile.x12)),
            ("via", profile.via),
            ("tolerances", ", ".join(profile.tolerances)),
            ("acknowledgment", f"TA1 {profile.acknowledgment.ta1}, functional {profile.acknowledgment.functional}"),
            ("on a bad set", profile.processing.on_bad_set),
            ("repeated numbers", _repetition_words(profile.duplicates)),
        ]
    )
    _print_credentials(credentials)
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


def _show_effective(loaded: LoadedProfile, *, written_only: bool, as_json: bool) -> int:
    values = [item for item in effective_values(loaded) if item.origin is not None or not written_only]
    if as_json:
        for item in values:
            origin = item.origin
            place = None if origin is None else {"file": origin.file, "line": origin.line, "column": origin.column}
            print_json({"name": item.name, "value": item.plain, "origin": place, "description": item.description})
        return 0
    note(f"profile {loaded.digest[:12]} of {loaded.path}")
    print_table(
        ("NAME", "VALUE", "ORIGIN"),
        [(item.name, _short(item.text), _origin_words(loaded, item)) for item in values],
        empty="nothing is written",
    )
    return 0


def _short(text: str) -> str:
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[: VALUE_CHARACTERS_MAX - 3]}..."


def _origin_words(loaded: LoadedProfile, item: EffectiveValue) -> str:
    """Where a value comes from: `profile.yaml:12`, `template as2-x12:7`, `default`."""
    if item.origin is None:
        return "default"
    file = Path(item.origin.file)
    if file.parent == Path(loaded.path).parent:
        return f"{file.name}:{item.origin.line}"
    return f"template {file.parent.name}:{item.origin.line}"


def _print_credentials(credentials: list[KnownCredential]) -> None:
    if not credentials:
        return
    today = datetime.now(UTC).date()
    say()
    print_table(
        ("CREDENTIAL", "LABEL", "STANDING", "SCOPES", "LAST USED"),
        [
            (
                one.means.replace("_", " "),
                one.label,
                one.standing(today),
                " ".join(one.scopes) or ("all" if one.opens_api else "mailbox"),
                "never" if one.last_used_at_ms is None else rfc3339(one.last_used_at_ms),
            )
            for one in credentials
        ],
        empty="",
    )


def _used(settings: Settings, partner: str) -> dict[uses.Shown, int]:
    """When the credentials were last used, where a gateway ran."""
    if settings.database_url is None and not (settings.data_dir / DATABASE_FILE).is_file():
        return {}  # no gateway ran here
    try:
        with reading(settings) as database:
            return database.read_now(partial(uses.of_partner, partner_id=partner))
    except Unusable as unusable:
        note(f"when credentials were last used is not shown: {unusable}")
        return {}


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
    return _named({"file": item.file, "use": item.use}, loaded.file(item.file))


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


def _way_out(profile: Profile) -> str | None:
    """How what we have for them reaches them, in words."""
    if profile.sandbox:
        return "the sandbox plays them"
    hours, server = profile.delivery.confirm_within_hours, profile.sftp_server
    by_removal = profile.sftp is not None and profile.sftp.delivered_on == "removal"
    words = {
        "as2": "as2",
        "sftp": f"sftp: put on their server {server.host}" if server is not None else "sftp",
        "inbox": f"inbox: they fetch it by the API and confirm it within {hours} hours",
        "mailbox": f"mailbox: they fetch it from outbox/{' and remove it' if by_removal else ''} within {hours} hours",
        "webhook": f"webhook: posted to {profile.delivery.webhook}",
    }
    way = own_way(profile)
    if way is not None:
        return words[way]
    return f"by the connection {profile.via}" if profile.via is not None else None
