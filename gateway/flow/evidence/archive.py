"""Evidence on one message, either way: everything that is kept of it, in a zip that proves itself without us.

The same records give the same bytes: names are sorted, times are fixed, nothing says when or where it was made. Large
bodies go from the store into files piece by piece, and from there into the zip.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson
from sqlalchemy import Connection

from certs.certificates import Certificate, CertificateError, KeyPair, read_certificate, read_certificates
from certs.trust import PINNED, Trust
from gateway.as2.cms.algorithms import Digest
from gateway.as2.cms.signed_data import Content
from gateway.as2.mic import Mic, parse_mic
from gateway.as2.writing import compressed_part, payload_part
from gateway.as2_agreements import partner_trust
from gateway.buffers import Buffer
from gateway.flow import views
from gateway.flow.certificates.keys import life_of
from gateway.flow.evidence.layers import Dissection, Layers, ReceiptFacts
from gateway.flow.evidence.readme import (
    AS2,
    AUTHORITIES,
    BETWEEN,
    CONFIRMATION,
    FETCHED,
    SPLIT_SCRIPT,
    SPLIT_SIGNED,
    Facts,
    readme,
)
from gateway.model.delivery import FETCHED_CHANNELS, INBOX, MAILBOX, DeliveryKind
from gateway.model.instants import rfc3339
from gateway.spool import SpoolFolder
from gateway.store import deliveries, keys, messages
from gateway.store.deliveries import StoredDelivery
from gateway.store.engine.statements import storable
from gateway.store.messages import StoredMessage, acknowledgments
from gateway.store.oversight import audit, timeline
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners import profiles
from partners.loader import LoadedProfile, unpack

MESSAGE, RECEIPT, PAYLOAD, SUMS = "message.eml", "receipt.eml", "payload", "SHA256SUMS"
AGREEMENT = "agreement.json"
CERTIFICATES = "certificates"
SPOOL_FROM_BYTES = 1_048_576
_CHUNK_BYTES = 1_048_576
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


class NoEvidence(Exception):  # noqa: N818  # told to a person
    """There is nothing under this id."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What both directions have in common."""

    id: str
    is_inbound: bool
    partner_id: str
    profile_digest: str
    identity: str
    channel: str
    transport_id: str
    content_type: str
    filename: str
    mics: tuple[str, ...]
    recipient: str  # fingerprint
    record: Mapping[str, object]


def gather(
    connection: Connection, subject_id: str, folder: Path, *, our_keys: Sequence[KeyPair], decompressed_bytes_max: int
) -> None:
    """Put everything that is kept of a message or a delivery into an empty folder, README.txt included.

    Args:
        connection: read only.
        subject_id: of a received message or of a delivery.
        folder: where to.
        our_keys: to show what was encrypted for us; none when they cannot be opened here.
        decompressed_bytes_max: limit on what decompression may make.

    Raises:
        NoEvidence: there is nothing under this id.
    """
    message = messages.get(connection, subject_id)
    delivery = deliveries.get(connection, subject_id) if message is None else None
    if message is not None:
        subject = _inbound(connection, message, folder)
    elif delivery is not None:
        subject = _outbound(connection, delivery, folder)
    else:
        raise NoEvidence(f"there is no message or delivery {subject_id}")
    _records(connection, subject, folder)
    loaded = _profile(connection, subject)
    theirs, ours = _their_certificates(connection, subject, loaded), _our_certificates(connection)
    if loaded is not None and loaded.profile.as2 is not None:
        # What was agreed about security; how we reach their server concerns nobody who judges a message.
        _json(folder / AGREEMENT, loaded.profile.as2.model_dump(mode="json", exclude={"connection"}))
    signers = (*theirs, *ours)
    dissection = Dissection(folder, our_keys if subject.is_inbound else (), signers, decompressed_bytes_max)
    trust = partner_trust(loaded) if loaded is not None else PINNED
    _tell(subject, folder, dissection, theirs, ours, trust)
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in _digests(folder)))


def pack(folder: Path, target: IO[bytes]) -> None:
    """The files of a folder as a zip: the same files give the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in _names(folder):
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            with (folder / name).open("rb") as source, archive.open(entry, "w", force_zip64=True) as place:
                while piece := source.read(_CHUNK_BYTES):
                    place.write(piece)


# --- from the store --------------------------------------------------------------------------------------------------


def _inbound(connection: Connection, message: StoredMessage, folder: Path) -> _Subject:
    # What came over another channel is no entity that could be taken apart.
    _store(folder / (MESSAGE if message.channel == AS2 else "message"), messages.pieces(connection, message.id, "wire"))
    _store(folder / PAYLOAD, messages.pieces(connection, message.id, "payload"))
    answer = messages.body(connection, message.id, "answer")
    if answer is not None and message.channel == AS2:
        _answer(folder / RECEIPT, answer)
    for later in deliveries.of_message(connection, message.id):
        if later.kind == DeliveryKind.RECEIPT.value and not (folder / RECEIPT).exists():
            fields = _field_lines(later.answers)
            _store(folder / RECEIPT, (fields, *deliveries.pieces(connection, later.id, "payload")))
    for earned in acknowledgments.of_message(connection, message.id):
        (folder / "acknowledgments").mkdir(exist_ok=True)
        (folder / "acknowledgments" / f"{_safe(earned.id)}.edi").write_bytes(earned.body)
    security = orjson.loads(message.security)
    return _Subject(
        id=message.id,
        is_inbound=True,
        partner_id=message.partner_id,
        profile_digest=message.profile_digest,
        identity=message.identity,
        channel=message.channel,
        transport_id=message.transport_id or "",
        content_type=message.content_type,
        filename=message.filename,
        mics=(str(security["mic"]),) if security.get("mic") else (),
        recipient=str(security.get("decrypted_for") or ""),
        record=views.message_view(connection, message.id) or {},
    )


def _answer(path: Path, packed: bytes) -> None:
    """The receipt that was the answer to the request, as it is kept: a line of JSON, then the body."""
    head, _, body = packed.partition(b"\n")
    with suppress(ValueError, KeyError, TypeError):
        fields = [(str(name), str(value)) for name, value in orjson.loads(head)["headers"]]
        if fields:
            _store(path, (_field_lines(fields), body))


def _outbound(connection: Connection, delivery: StoredDelivery, folder: Path) -> _Subject:
    parcel = delivery.parcel
    is_fetched = delivery.channel in FETCHED_CHANNELS
    if parcel is not None and not is_fetched:
        wire = deliveries.pieces(connection, delivery.id, "wire")
        _store(folder / MESSAGE, wire, first=_field_lines(parcel.headers))
    _store(folder / PAYLOAD, deliveries.pieces(connection, delivery.id, "payload"))
    receipt = {INBOX: CONFIRMATION, MAILBOX: FETCHED}.get(delivery.channel, RECEIPT)
    _store(folder / receipt, deliveries.pieces(connection, delivery.id, "receipt"))
    facts = parcel.facts if parcel is not None else {}
    record = asdict(delivery) | {"parcel": asdict(parcel) if parcel is not None else None}
    return _Subject(
        id=delivery.id,
        is_inbound=False,
        partner_id=delivery.partner_id,
        profile_digest=delivery.profile_digest,
        identity=delivery.identity,
        channel=delivery.channel,
        transport_id=delivery.transport_id,
        content_type=str(facts.get("content_type") or delivery.content_type),
        filename=delivery.filename,
        mics=tuple(parcel.mics) if parcel is not None else (),
        recipient=str(facts.get("encrypted_to") or ""),
        record=record,
    )


def _field_lines(fields: Iterable[tuple[str, str]]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return lines.encode("utf-8", "surrogateescape") + b"\r\n"


def _store(path: Path, pieces: Iterable[Buffer], *, first: bytes = b"") -> None:
    """Write pieces into a file; none where there are none."""
    file = None
    for piece in pieces:
        if file is None:
            file = path.open("wb")
            file.write(first)
        file.write(piece)
    if file is not None:
        file.close()


def _records(connection: Connection, subject: _Subject, folder: Path) -> None:
    _json(folder / ("message.json" if subject.is_inbound else "delivery.json"), subject.record)
    steps = [
        {"at": rfc3339(step.at_ms), "step": step.step, **step.detail}
        for step in timeline.of_message(connection, subject.id)
    ]
    told = subject.record.get("timeline")
    whole = told if isinstance(told, list) else steps
    _json(folder / "timeline.json", whole)
    lines = [
        f"{step['at']}  {step['step']:<20}  {_words({k: v for k, v in step.items() if k not in ('at', 'step')})}"
        for step in whole
    ]
    (folder / "timeline.txt").write_text("".join(f"{line.rstrip()}\n" for line in lines), "utf-8")
    ours = (subject.id,) if subject.is_inbound else (subject.id, subject.transport_id)
    theirs = (f"partner:{subject.partner_id}", subject.transport_id) if subject.is_inbound else None
    acts = audit.about(connection, ours, chosen=theirs)
    _json(folder / "audit.json", [asdict(act) | {"at": rfc3339(act.at_ms)} for act in acts])


def _words(detail: Mapping[str, object]) -> str:
    return orjson.dumps(detail, option=orjson.OPT_SORT_KEYS, default=str).decode() if detail else ""


def _json(path: Path, value: object) -> None:
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str) + b"\n")


def _profile(connection: Connection, subject: _Subject) -> LoadedProfile | None:
    packed = profiles.get(connection, subject.profile_digest)
    loaded = unpack(packed) if packed is not None else None
    return loaded if isinstance(loaded, LoadedProfile) else None


def _their_certificates(
    connection: Connection, subject: _Subject, loaded: LoadedProfile | None
) -> tuple[Certificate, ...]:
    found: list[Certificate] = []
    if loaded is not None and loaded.profile.as2 is not None:
        for item in loaded.profile.as2.certificate_files:
            with suppress(CertificateError):
                found.append(read_certificate(loaded.file(item.file)))
    for row in partner_certificates.find(connection, partner_id=subject.partner_id):
        with suppress(CertificateError):
            found += read_certificates(row.certificate) if row.certificate else ()
    return tuple(dict.fromkeys(found))


def _our_certificates(connection: Connection) -> tuple[Certificate, ...]:
    return tuple(life_of(stored).certificate for stored in keys.every(connection))


# --- taken apart -----------------------------------------------------------------------------------------------------


def _tell(
    subject: _Subject,
    folder: Path,
    dissection: Dissection,
    theirs: Sequence[Certificate],
    ours: Sequence[Certificate],
    trust: Trust,
) -> None:
    has_message = (folder / MESSAGE).exists()
    layers = dissection.take_apart(MESSAGE) if has_message else Layers()
    receipt = said = None
    if (folder / RECEIPT).exists():
        receipt = dissection.take_apart(RECEIPT, "receipt-")
        said = dissection.receipt_facts(receipt)
    payload = PAYLOAD if (folder / PAYLOAD).exists() else None
    mics = [mic for mic in map(parse_mic, subject.mics) if mic is not None]
    wanted = said.mic if said is not None and said.mic is not None else next(iter(mics), None)
    mic_content, is_rebuilt = (
        _mic_content(subject, folder, dissection, layers, wanted) if has_message else (None, False)
    )
    source, offset = layers.innermost, None
    if payload and has_message:
        offset = _payload_offset(folder, dissection, layers)
        if offset is None and is_rebuilt and mic_content is not None:
            # The receipt confirms the digest of this; without this step it would say nothing of the content.
            source, offset = mic_content, _offset_at_end(dissection, mic_content)
    recipient = next((one for one in (*ours, *theirs) if one.fingerprint == subject.recipient), None)
    used = [one for part in (layers, receipt) if part is not None and part.signed for one in (part.signed.signer,)]
    if trust.authorities:
        _write_bundle(folder / AUTHORITIES, trust.authorities)
        came = layers.signed.beside if layers.signed is not None else ()
        _write_bundle(folder / BETWEEN, (*trust.between, *came))
    files_of = _write_certificates(folder, [one for one in (*used, recipient) if one is not None], theirs)
    facts = Facts(
        subject=f"{'MESSAGE' if subject.is_inbound else 'DELIVERY'} {subject.id}",
        is_inbound=subject.is_inbound,
        partner=subject.partner_id,
        identity=subject.identity,
        channel=subject.channel,
        message_id=subject.transport_id,
        has_message=has_message,
        has_confirmation=(folder / CONFIRMATION).exists() or (folder / FETCHED).exists(),
        layers=layers,
        receipt=receipt,
        receipt_facts=said,
        payload=payload,
        payload_offset=offset,
        payload_length=(folder / PAYLOAD).stat().st_size if payload else 0,
        payload_source=source,
        mic_content=mic_content,
        mics=mics,
        files_of=files_of,
        recipient=recipient,
        is_rebuilt=is_rebuilt,
    )
    _json(folder / "digests.json", _digests_record(subject, folder, said, mics, mic_content))
    if layers.encrypted is not None and layers.decrypted is None:
        (folder / SPLIT_SCRIPT).write_text(SPLIT_SIGNED)
    (folder / "README.txt").write_text(readme(facts), "utf-8")


def _mic_content(
    subject: _Subject, folder: Path, dissection: Dissection, layers: Layers, wanted: Mic | None
) -> tuple[str | None, bool]:
    """The file with the bytes that the MIC is over, and whether it was made again from the content."""
    if wanted is None or wanted.algorithm is None:
        return None, False
    if layers.signed is not None:
        return layers.signed.content, False
    candidates: list[Buffer] = []
    is_open = layers.encrypted is None or layers.decrypted is not None
    if is_open:
        entity = dissection.view(layers.innermost)
        if layers.encrypted is not None or layers.compressed:
            candidates.append(entity)
        if layers.body_offset is not None:
            candidates.append(entity[layers.body_offset : layers.body_offset + layers.body_length])
    for content in candidates:
        if Content(content).digest(wanted.algorithm) == wanted.digest:
            return dissection.write("mic-content", content), False
    if subject.is_inbound or not (folder / PAYLOAD).exists():
        return None, False
    # What we encrypted for a partner we cannot open; but we know what went into it.
    scratch = SpoolFolder(folder).scratch(SPOOL_FROM_BYTES)
    with suppress(ValueError):
        part = payload_part(dissection.view(PAYLOAD), subject.content_type, subject.filename or None)
        for rebuilt in (part.content(), compressed_part(part, scratch).content()):
            if rebuilt.digest(wanted.algorithm) == wanted.digest:
                with (folder / "mic-content").open("wb") as file:
                    for piece in rebuilt.pieces():
                        file.write(piece)
                return "mic-content", True
    return None, False


def _payload_offset(folder: Path, dissection: Dissection, layers: Layers) -> int | None:
    """Where the content stands in the innermost entity, when it stands there as it is."""
    if layers.body_offset is None or (layers.encrypted is not None and layers.decrypted is None) or layers.problem:
        return None
    if layers.body_length != (folder / PAYLOAD).stat().st_size:
        return None
    body = dissection.view(layers.innermost)[layers.body_offset : layers.body_offset + layers.body_length]
    same = Content(body).digest(Digest.SHA256) == Content(dissection.view(PAYLOAD)).digest(Digest.SHA256)
    return layers.body_offset if same else None


def _offset_at_end(dissection: Dissection, name: str) -> int | None:
    """Where the content stands in an entity that we made of it: at its end, unless it is compressed there."""
    whole, content = dissection.view(name), dissection.view(PAYLOAD)
    offset = len(whole) - len(content)
    if offset < 0 or Content(whole[offset:]).digest(Digest.SHA256) != Content(content).digest(Digest.SHA256):
        return None
    return offset


def _write_certificates(folder: Path, used: Iterable[Certificate], theirs: Sequence[Certificate]) -> dict[str, str]:
    """Each certificate in a file that says whose it is; those of the partner are there also when none was needed."""
    (folder / CERTIFICATES).mkdir(exist_ok=True)
    used = list(used)
    files: dict[str, str] = {}
    for certificate in dict.fromkeys((*theirs, *used)):
        whose = "partner" if certificate in theirs else "ours"
        name = f"{CERTIFICATES}/{whose}-{certificate.fingerprint[:16]}.pem"
        (folder / name).write_bytes(certificate.pem())
        files[certificate.fingerprint] = name
    return files


def _write_bundle(path: Path, certificates: Iterable[Certificate]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(one.pem() for one in dict.fromkeys(certificates)))


def _digests_record(
    subject: _Subject, folder: Path, said: ReceiptFacts | None, mics: Sequence[Mic], mic_content: str | None
) -> Mapping[str, object]:
    return {
        "mics": [str(mic) for mic in mics],
        "mic_content": mic_content,
        "receipt": None
        if said is None
        else {
            # What is no UTF-8 in it is shown escaped; receipt.eml has it as it came.
            "original_message_id": storable(said.original_message_id),
            "disposition": storable(said.disposition),
            "mic": storable(said.mic_text) if said.mic_text else None,
        },
        "payload_sha256": subject.record.get("sha256") or subject.record.get("payload_sha256"),
        "sha256": dict(_digests(folder)),
    }


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    for name in _names(folder):
        with (folder / name).open("rb") as file:
            yield name, hashlib.file_digest(file, "sha256").hexdigest()


def _safe(name: str) -> str:
    return "".join(character if character.isalnum() or character in "-_." else "_" for character in name)
