"""`gateway certs exchange`: certificates by message (CEM), those that partners send and those that we send to them."""

import argparse
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from certs.certificates import CertificateError, read_certificate
from certs.lives import FINGERPRINT_CHARACTERS_SHOWN, Life, live, planned_after
from gateway.as2_agreements import identities_for
from gateway.commands.certs_opening import add_identity, add_moment, check_identity, key_store, words
from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_pairs, print_table, say
from gateway.commands.parsing import Parser, Unusable, add_config, add_format, add_limit, shown, verb, verbs
from gateway.commands.profiles import profile_of
from gateway.commands.storing import actor, changing, now_ms, or_unusable, reading
from gateway.flow.certificates import decisions, requests
from gateway.flow.certificates.keys import life_of
from gateway.flow.certificates.requests import Asked, Progress, Standing, speaks_exchange
from gateway.model.certificate_exchange import CertificateEvent, CertificateState
from gateway.model.ids import IdSource
from gateway.model.instants import moment, rfc3339
from gateway.settings import IdentitySettings, Settings
from gateway.store import keys
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredCertificate
from partners.directory import load_directory
from partners.loader import LoadedProfile

AS2_PATH = "/as2"
_PROGRESS_WORDS = {
    Progress.ACCEPTED: "accepted it",
    Progress.REJECTED: "rejected it",
    Progress.DELIVERED: "has it and did not answer yet",
    Progress.OVERDUE: "did not answer in time",
    Progress.UNDER_WAY: "is being sent it",
    Progress.FAILED: "could not be sent it",
    Progress.NOT_ASKED: "was not asked by message",
}


def build(under: "argparse._SubParsersAction[Parser]") -> None:
    """Add the verb and those below it."""
    does = "certificates by message: what partners sent, what we send, who accepted"
    below = verbs(under.add_parser("exchange", help=does, description=f"{does[:1].upper()}{does[1:]}."))
    listing = verb(
        below,
        "list",
        _list,
        does="the certificates that partners sent by message, the newest first",
        example="gateway certs exchange list --state pending",
    )
    listing.add_argument("--partner", metavar="ID", help="only of this partner")
    listing.add_argument("--state", choices=[state.value for state in CertificateState], help="only in this state")
    add_limit(listing, 100)
    add_format(listing, "one object a line, one line a certificate")
    show = verb(
        below, "show", _show, does="one of them: whose, what for, until when", example="gateway certs exchange show ID"
    )
    accept = verb(
        below,
        "accept",
        _accept,
        does="take a certificate over: it verifies at once, and we encrypt to it from its first day on",
        example="gateway certs exchange accept 01J9ZK4T3M8Q6W2E7R5Y1X0ABC-certificate-1",
    )
    add_moment(accept, "--from", "encrypt to it only from then on (default: its own first day)", end_of_day=False)
    reject = verb(
        below,
        "reject",
        _reject,
        does="refuse a certificate, or withdraw one that was accepted",
        example="gateway certs exchange reject 01J9ZK4T3M8Q6W2E7R5Y1X0ABC-certificate-1 --reason 'not from them'",
    )
    reject.add_argument("--reason", required=True, help="why; the partner is told, too, when it waits for an answer")
    for one in (show, accept, reject):
        one.add_argument("certificate", metavar="ID", help="its id, as `gateway certs exchange list` shows it")
        add_format(one)
    send, status = _build_ours(below)
    for each in (listing, show, accept, reject, send, status):
        add_config(each)


def _build_ours(below: "argparse._SubParsersAction[Parser]") -> tuple[Parser, Parser]:
    send = verb(
        below,
        "send",
        _send,
        does="ask partners by message to trust our next certificate",
        example="gateway certs exchange send bigcorp --all --respond-by 2027-01-20\n"
        "gateway certs exchange send bigcorp --partner acme-supply --certificate 3f9a",
    )
    whom = send.add_mutually_exclusive_group(required=True)
    whom.add_argument("--partner", metavar="ID", help="this partner alone")
    whom.add_argument(
        "--all", action="store_true", help="every partner of this identity whose profile has `certificate_exchange`"
    )
    add_moment(send, "--respond-by", "until when an answer is wanted", end_of_day=True)
    status = verb(
        below,
        "status",
        _status,
        does="who accepted our next certificate; exit code 1 while somebody has not",
        example="gateway certs exchange status bigcorp && gateway certs roll bigcorp",
    )
    for each in (send, status):
        add_identity(each)
        each.add_argument(
            "--certificate",
            metavar="FINGERPRINT",
            help="which of ours, or the beginning of it (default: the one that waits to sign, else the newest)",
        )
        add_format(each, "one object a line, one line a partner")
    return send, status


# --- theirs ----------------------------------------------------------------------------------------------------------


def describe(row: StoredCertificate) -> dict[str, object]:
    """A row as JSON; the certificate itself as PEM."""
    described: dict[str, object] = {
        "id": row.id,
        "partner": row.partner_id,
        "identity": row.identity,
        "state": row.state,
        "usages": row.usages.split(),
        "fingerprint": row.fingerprint,
        "message": row.message_id,
        "request": row.request_id,
        "received_at": rfc3339(row.created_at_ms),
        "respond_by": rfc3339(row.respond_by_ms) if row.respond_by_ms is not None else None,
        "encrypt_from": rfc3339(row.valid_from_ms) if row.valid_from_ms is not None else None,
        "decided_by": row.decided_by or None,
        "decided_at": rfc3339(row.decided_at_ms) if row.decided_at_ms is not None else None,
        "reason": row.reason or None,
    }
    try:
        certificate = read_certificate(row.certificate)
    except CertificateError:
        return described | {"subject": None, "issuer": row.issuer, "serial_number": row.serial_number}
    return described | {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial_number": str(certificate.serial_number),
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "pem": certificate.pem().decode("ascii"),
    }


def _list(called: argparse.Namespace) -> int:
    state = CertificateState(called.state) if called.state else None
    with reading(open_settings(called)) as database:
        rows = database.read_now(
            partial(partner_certificates.find, partner_id=called.partner, state=state, limit=called.limit)
        )
    found = [describe(row) for row in rows]
    if called.format == "json":
        for row in found:
            print_json(row)
        return 0
    print_table(
        ("ID", "PARTNER", "STATE", "USE", "VALID UNTIL", "SUBJECT", "FINGERPRINT"),
        [
            (
                str(row["id"]),
                str(row["partner"]),
                str(row["state"]),
                " ".join(row["usages"]),  # type: ignore[arg-type]  # of `describe`
                str(row.get("not_after") or "")[:10],
                str(row["subject"] or ""),
                str(row["fingerprint"])[:FINGERPRINT_CHARACTERS_SHOWN],
            )
            for row in found
        ],
        empty="no partner sent a certificate by message",
    )
    return 0


def _row(connection: Connection, certificate_id: str) -> StoredCertificate:
    row = partner_certificates.get(connection, certificate_id)
    if row is None:
        known = "`gateway certs exchange list` shows those there are"
        raise Unusable(f"there is no exchanged certificate {shown(certificate_id)}; {known}")
    return row


def _show(called: argparse.Namespace) -> int:
    with reading(open_settings(called)) as database:
        row = database.read_now(partial(_row, certificate_id=called.certificate))
    described = describe(row)
    if called.format == "json":
        print_json(described)
        return 0
    pem = described.pop("pem", "")
    described["usages"] = " ".join(row.usages.split())
    print_pairs([(name.replace("_", " "), str(value)) for name, value in described.items() if value is not None])
    if row.state == CertificateState.PENDING:
        say()
        say("compare the fingerprint with the partner by another way than this message, then", style="dim")
        say(f"  gateway certs exchange accept {row.id}", style="dim")
    if pem:
        say()
        say(str(pem).rstrip())
    return 0


def _accept(called: argparse.Namespace) -> int:
    begins: datetime | None = getattr(called, "from")
    valid_from_ms = int(begins.timestamp() * 1_000) if begins is not None else None
    return _settle(called, CertificateEvent.ACCEPT, "", valid_from_ms)


def _reject(called: argparse.Namespace) -> int:
    return _settle(called, CertificateEvent.REJECT, called.reason.strip(), None)


def _settle(called: argparse.Namespace, event: CertificateEvent, reason: str, valid_from_ms: int | None) -> int:
    settings = open_settings(called)
    with changing(settings) as database:
        unit = partial(
            decisions.settle,
            certificate_id=called.certificate,
            event=event,
            now_ms=now_ms(),
            actor=actor().name,
            identities=settings.identities,
            reason=reason,
            valid_from_ms=valid_from_ms,
        )
        errors = (decisions.NoSuchCertificate, decisions.NotPossible)
        decided = or_unusable(partial(database.write_now, unit), *errors)
    row = decided.certificate
    if called.format == "json":
        print_json(describe(row) | {"response": decided.delivery_id})
        return 0
    say(f"{row.id} of {row.partner_id} is {row.state}; a running gateway acts by it within seconds")
    if decided.delivery_id is not None:
        say(f"the partner is told: gateway messages show {decided.delivery_id}", style="dim")
    elif row.state == CertificateState.WITHDRAWN:
        note("the partner was told before that it is accepted: tell them otherwise by other means")
    return 0


# --- ours ------------------------------------------------------------------------------------------------------------


def _send(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    identity = _identity(settings, called.identity)
    if settings.public_url is None:
        raise Unusable("a request names where the answer goes: set public_url to how partners reach us, and try again")
    partners = _partners(settings, identity, called.partner)
    ids = IdSource(now_ms, secrets.randbits)
    with key_store(settings) as database:
        ours = _chosen(database.read_now(keys.every), identity.name, called.certificate)
        asked: list[tuple[LoadedProfile, Asked]] = []
        for loaded in partners:
            unit = partial(
                requests.ask,
                loaded=loaded,
                identity=identity,
                certificate=ours.certificate,
                chain=ours.chain,
                respond_by=called.respond_by,
                response_url=settings.public_url.rstrip("/") + AS2_PATH,
                delivery_id=ids.next(),
                now_ms=now_ms(),
                actor=actor().name,
            )
            asked.append((loaded, database.write_now(unit)))
    for loaded, one in asked:
        if called.format == "json":
            print_json({"partner": loaded.id, "request": one.request.request_id, "new": one.is_new})
        elif one.is_new:
            say(f"{loaded.id} is sent {ours.short}: gateway messages show {one.request.delivery_id}")
        else:
            say(f"{loaded.id} was asked before; the request is {one.request.state}")
    if called.format == "text":
        say(f"who accepted: gateway certs exchange status {identity.name}", style="dim")
    return 0


def _identity(settings: Settings, name: str) -> IdentitySettings:
    check_identity(settings, name)
    found = next((one for one in settings.identities if one.name == name and one.as2_id is not None), None)
    if found is None:
        raise Unusable(f"the identity {shown(name)} has no `as2_id` in the settings; certificates are exchanged by AS2")
    return found


def _partners(settings: Settings, identity: IdentitySettings, named: str | None) -> Sequence[LoadedProfile]:
    if named is not None:
        loaded = profile_of(settings, named)
        if identity not in identities_for(loaded.profile, settings.identities):
            raise Unusable(f"{named} does not trade with {identity.name} by AS2")
        if not speaks_exchange(loaded):
            wanted = "`as2.url` and `as2.certificate_exchange: ask`"
            raise Unusable(f"no certificates are exchanged by message with {named}: its profile needs {wanted}")
        return [loaded]
    found = [loaded for loaded in _trading(settings, identity) if speaks_exchange(loaded)]
    if not found:
        raise Unusable("no profile has `as2.certificate_exchange: ask` (or accept) and an address; send it to them")
    return found


def _trading(settings: Settings, identity: IdentitySettings) -> list[LoadedProfile]:
    """The active AS2 partners of an identity."""
    directory, _ = load_directory(settings.partners_dir, environment=settings.environment)
    return [
        loaded
        for loaded in directory
        if loaded.profile.is_active and identity in identities_for(loaded.profile, settings.identities)
    ]


def _chosen(stored: Iterable[keys.StoredKey], identity: str, beginning: str | None) -> Life:
    """The pair that is meant: as named, the next to sign, or the newest."""
    lives = [words(partial(life_of, row)) for row in stored if row.identity == identity]
    if beginning is not None:
        found = [life for life in live(lives) if life.fingerprint.startswith(beginning.lower())]
        if len(found) != 1:
            many = "several pairs" if found else "no pair"
            raise Unusable(f"{many} of {identity} begin with {shown(beginning)}; see `gateway certs list`")
        return found[0]
    waiting = (*planned_after(lives, datetime.now(UTC)), *live(lives))
    if not waiting:
        raise Unusable(f"{identity} has no keys; make one with `gateway certs new {identity}`")
    return waiting[0]


def _status(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    identity = _identity(settings, called.identity)
    trading = [loaded.id for loaded in _trading(settings, identity)]
    with reading(settings) as database:
        ours = _chosen(database.read_now(keys.every), identity.name, called.certificate)
        found: list[Standing] = database.read_now(
            partial(
                requests.standings,
                partners=trading,
                identity=identity.name,
                fingerprint=ours.fingerprint,
                now_ms=now_ms(),
            )
        )
    missing = [standing for standing in found if standing.progress is not Progress.ACCEPTED]
    if called.format == "json":
        for standing in found:
            print_json(_standing(standing, ours))
        return 1 if missing else 0
    begins = f", signs from {ours.signs_from:%Y-%m-%d}" if ours.signs_from is not None else ""
    say(f"{ours.certificate.subject}  {ours.short}  until {ours.certificate.not_after:%Y-%m-%d}{begins}", style="bold")
    print_table(
        ("PARTNER", "PROGRESS", "ASKED", "ANSWERED", "ANSWER BY", "REASON"),
        [_cells(standing) for standing in found],
        empty="no partner trades with this identity by AS2",
    )
    if missing:
        words_of = ", ".join(f"{one.partner_id} {_PROGRESS_WORDS[one.progress]}" for one in missing)
        say(f"a cut-over would not be safe yet: {words_of}", style="yellow")
        return 1
    say("every partner accepted it: the cut-over is safe", style="green")
    return 0


def _standing(standing: Standing, ours: Life) -> dict[str, object]:
    request = standing.request
    return {
        "partner": standing.partner_id,
        "fingerprint": ours.fingerprint,
        "progress": standing.progress.value,
        "request": request.request_id if request else None,
        "delivery": request.delivery_id if request else None,
        "asked_at": rfc3339(request.created_at_ms) if request else None,
        "answered_at": rfc3339(request.answered_at_ms) if request and request.answered_at_ms else None,
        "respond_by": rfc3339(request.respond_by_ms) if request and request.respond_by_ms else None,
        "reason": request.reason if request and request.reason else None,
    }


def _cells(standing: Standing) -> tuple[str, ...]:
    request = standing.request
    if request is None:
        return (standing.partner_id, standing.progress.value, "", "", "", "tell them by other means")
    days = (request.created_at_ms, request.answered_at_ms, request.respond_by_ms)
    shown_days = (f"{moment(at_ms):%Y-%m-%d}" if at_ms is not None else "" for at_ms in days)
    return (standing.partner_id, standing.progress.value, *shown_days, request.reason)
