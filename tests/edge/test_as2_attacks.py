"""Attacks on the AS2 door: each is refused, told as it may be, audited, and changes nothing else.

"Nothing else" is every table but the audit, and every file: compared before and after. Where each attack and fault is
tested, beside those of this file:

===============================================================  =======================================================
MDN of nobody (`SignerInfos = {}`), unsigned, without MIC, for   test_as2_awaited_receipts: what_proves_nothing,
another message, from another partner                            with_nobody_who_signed_it, nobody_confirms_for_another;
                                                                 in the response: carriers/test_as2_receipts
the certificate inside the message; expired and foreign ones     here: ATTACKS; as2/test_attacks
merely compressed is not encrypted, signing something else       here: ATTACKS; as2/test_attacks
padding oracle: one answer, one text, one path                   here: ENCRYPTED_FAILURES; test_as2:
                                                                 every_failure_of_an_encrypted_message_looks_the_same;
                                                                 as2/test_attacks: all_failures_take_the_same_path
compression bomb, nested multiparts                              here: ATTACKS, nested_multiparts; as2/test_attacks
a length of 1.5 GB with one byte, endless chunks                 here: a_length_without_its_body; test_http
duplicate-ID poisoning                                           here: a_refused_message_burns_no_id;
                                                                 test_as2_receipts: a_failure_is_told
asynchronous receipts to others' addresses                       test_as2_receipts: where_a_receipt_may_go;
                                                                 carriers/test_addresses
paths, control characters, header injection                      here: controls_in_the_head; test_as2_matrix:
                                                                 a_filename_is_data; test_as2: names_cannot_break_out
---------------------------------------------------------------  -------------------------------------------------------
12 the same id, the same bytes / other bytes / at once           test_as2: a_duplicate_gets, the_same_id_with_other,
                                                                 ten_at_once
15 slow header, body, reader; floods of connections              test_http
16 oversize                                                      test_http; test_as2: oversize_by_the_partners_profile
17 gzip, zlib and nested MIME bombs                              here: ATTACKS; test_http: an_encoded_body_is_refused
18 smuggling, doubled fields                                     here: ATTACKS; test_http
21 a recorded message sent again                                 here: a_replay
25 rollover of keys and certificates, theirs and ours            test_as2_rollover
26 certificates that expire, theirs and ours                     test_as2_rollover; carriers/test_as2_sending
27 one partner's credentials, another's AS2 or ISA id            here: ATTACKS; flow/test_connections
28 addresses of receipts: private, redirected, rebound           test_as2_receipts; carriers/test_partner_door
29 endless and slow answers                                      carriers/test_partner_door
30 names as data                                                 test_as2_matrix: a_filename_is_data
===============================================================  =======================================================
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from certs.certificates import KeyPair
from certs.creation import certify
from gateway.as2.cms.algorithms import Cipher, Digest
from gateway.as2.cms.signed_data import Content
from gateway.as2.message import Encryption, Signing
from gateway.as2.writing import Part, encrypted_part, multipart_body, payload_part, signed_part
from gateway.edge.audit_gate import AUDIT_ENTRIES_PER_WINDOW
from tests.edge.acmes import NOBODY_SIGNED, send
from tests.edge.house import X12, acme, acme_keys, message, open_house, our_keys, profile, stranger_keys
from tests.edge.test_as2 import receipt

NOW = datetime.now(UTC)
INNER = payload_part(X12, "application/edi-x12", None)
EVIL = payload_part(b"evil", "application/edi-x12", None)


async def state(house, tmp_path):
    """Everything that may not change: the rows of every table but the audit, and the files."""
    with house.database.engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        rows = {
            table: connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # its own
            for table in tables
            if table not in {"audit", "sqlite_sequence"}
        }
    files = sorted(str(path) for path in tmp_path.rglob("*") if not path.name.startswith("gateway.db"))
    return rows, files, len(house.arrived), len(house.woken)


def made_of(part: Part, **choices):
    """A message of ACME with this as its content."""
    sent = message(**choices)
    own = tuple(field for field in sent.headers if not field[0].startswith("Content-"))
    return replace(sent, headers=(*own, *part.fields), body=part.body)


def signed(part: Part, pair: KeyPair | None = None) -> Part:
    return signed_part(Content(part.encoded()), Signing(pair or acme_keys()), "<1@acme>", NOW)


def beside(*parts: Part) -> Part:
    body = multipart_body([part.encoded() for part in parts], "b")
    return Part((("Content-Type", "multipart/mixed; boundary=b"),), body)


def signed_by_nobody() -> Part:
    signature = Part((("Content-Type", "application/pkcs7-signature"),), NOBODY_SIGNED)
    kind = 'multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b'
    return Part((("Content-Type", kind),), multipart_body([INNER.encoded(), signature.encoded()], "b"))


def sealed(part: Part) -> Part:
    return encrypted_part(part, Encryption([our_keys().certificate]))


def expired() -> Signing:
    return Signing(certify(acme_keys().private_key, "acme", now=datetime(2020, 1, 1, tzinfo=UTC), valid_days=1))


def forged() -> Signing:
    """The agreed certificate with a key of somebody else's."""
    return Signing(KeyPair(acme_keys().certificate, stranger_keys().private_key))


def altered(sent, old, new):
    return replace(sent, body=sent.body.replace(old, new))


def ending(change):
    sent = message()
    return replace(sent, body=change(sent.body))


def named(sent, name, value):
    return replace(sent, headers=tuple((key, value if key == name else known) for key, known in sent.headers))


def doubled(sent, name):
    return replace(sent, headers=(*sent.headers, (name, dict(sent.headers)[name])))


PLAIN = {"encryption": None}
BARE = PLAIN | {"signing": None}
# What is sent, to a partner that need not encrypt, and the modifier that it earns.
ATTACKS = {
    "the certificate inside": (lambda: message(signing=Signing(stranger_keys()), **PLAIN), "authentication-failed"),
    "a forged certificate": (lambda: message(signing=forged(), **PLAIN), "authentication-failed"),
    "an expired certificate": (lambda: message(signing=expired(), **PLAIN), "authentication-failed"),
    "signed by nobody": (lambda: made_of(signed_by_nobody()), "authentication-failed"),
    "an old digest": (
        lambda: message(signing=Signing(acme_keys(), Digest.SHA1), **PLAIN),
        "insufficient-message-security",
    ),
    "not signed": (lambda: message(**BARE), "insufficient-message-security"),
    "encrypted, not signed": (lambda: message(signing=None), "decryption-failed"),
    "signed beside": (lambda: made_of(beside(EVIL, signed(INNER))), "insufficient-message-security"),
    "signed inside": (lambda: made_of(beside(signed(INNER), EVIL)), "insufficient-message-security"),
    "signed beside, encrypted": (lambda: made_of(sealed(beside(EVIL, signed(INNER)))), "decryption-failed"),
    "changed": (lambda: altered(message(**PLAIN), b"BIGCORP", b"BADCORP"), "integrity-check-failed"),
    "cut off": (lambda: altered(message(**PLAIN), b"--\r\n", b""), "unexpected-processing-error"),
    "a bomb": (lambda: message(b" " * 5_000_000, compression="before-signing"), "decompression-failed"),
    "a bomb around it": (
        lambda: message(b" " * 5_000_000, compression="after-signing", **PLAIN),
        "decompression-failed",
    ),
    "two senders": (lambda: doubled(message(**PLAIN), "AS2-From"), "unexpected-processing-error"),
    "two ids": (lambda: doubled(message(**PLAIN), "Message-ID"), "unexpected-processing-error"),
    "another's name": (lambda: message(as2_from="OTHER-AS2", **PLAIN), "authentication-failed"),
    "a name in small letters": (lambda: message(as2_from="acme-as2"), "unknown-trading-relationship"),
    "to somebody else": (lambda: message(as2_to="PLANT"), "unknown-trading-relationship"),
}
# What is sent to a partner that must sign and encrypt: one answer to all of it.
ENCRYPTED_FAILURES = {
    "for another's key": lambda: message(encryption=Encryption([stranger_keys().certificate])),
    "by another's key": lambda: message(signing=Signing(stranger_keys())),
    "with a forged certificate": lambda: message(signing=forged()),
    "not signed": lambda: message(signing=None),
    "signed by nobody": lambda: made_of(sealed(signed_by_nobody())),
    "signed beside": lambda: made_of(sealed(beside(EVIL, signed(INNER)))),
    "cut off": lambda: ending(lambda body: body[:-64]),
    "no CMS": lambda: replace(message(), body=secrets.token_bytes(2_000)),
    "another padding": lambda: ending(lambda body: body[:-1] + bytes([body[-1] ^ 1])),
    "a cipher that is not agreed": lambda: message(encryption=Encryption([our_keys().certificate], Cipher.AES128_GCM)),
    "to one of us in another's name": lambda: message(as2_from="OTHER-AS2"),
}


def other(as2: str = ""):
    return profile(
        f"id: other\nname: Other\nas2:\n  id: OTHER-AS2\n  certificate: other.pem\n{as2}",
        other_pem=stranger_keys().certificate.pem(),
    )


async def refused(house, tmp_path, client, sent, modifier):
    """Refused with its receipt and without one; the human text of the receipt."""
    before = await state(house, tmp_path)
    acts = len(await house.acts(f"refused.{modifier}"))
    status, headers, body = await send(house, client, sent)
    assert status == 200
    mdn = receipt(headers, body)
    assert mdn.disposition.text == modifier
    assert mdn.mic is None
    assert mdn.original_message_id == sent.message_id
    without = tuple(field for field in sent.headers if not field[0].startswith("Disposition-Notification-"))
    status, headers, _ = await send(house, client, replace(sent, headers=without))
    assert (status in (400, 403), headers["Content-Type"]) == (True, "application/problem+json")
    assert await state(house, tmp_path) == before
    found = await house.acts(f"refused.{modifier}")
    assert len(found) == min(acts + 2, AUDIT_ENTRIES_PER_WINDOW)  # of strangers not more, lest they fill the disk
    if len(found) == acts + 2:
        assert dict(sent.headers)["AS2-From"] in found[0].subject
    return mdn.text


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_refused_and_changes_nothing(tmp_path, client, name):
    build, modifier = ATTACKS[name]
    lenient = "  require_encrypted: false\n"
    loaded = [acme(as2=lenient), other(lenient)]
    if name == "an expired certificate":
        loaded[0] = profile(
            f"id: acme\nname: ACME\nas2:\n  id: ACME-AS2\n  certificate: acme.pem\n{lenient}",
            acme_pem=expired().pair.certificate.pem(),
        )
    async with open_house(tmp_path, profiles=loaded, decompressed_bytes_max=100_000) as house:
        text = await refused(house, tmp_path, client, build(), modifier)
        causes = [act.detail["cause"] for act in await house.acts()]
        assert all(cause not in text for cause in causes)


async def test_every_failure_before_the_verified_signature_has_one_answer(tmp_path, client):
    texts = set()
    strict = "  ciphers: [aes256-cbc]\n"
    async with open_house(tmp_path, profiles=[acme(as2=strict), other(strict)]) as house:
        for build in ENCRYPTED_FAILURES.values():
            text = await refused(house, tmp_path, client, build(), "decryption-failed")
            texts.add(text.rpartition("Reference:")[0])
        assert len(texts) == 1


async def test_merely_compressed_is_not_encrypted(house, tmp_path, client):
    for choices in ({"signing": None}, {}):
        sent = message(encryption=None, compression="before-signing", **choices)
        await refused(house, tmp_path, client, sent, "insufficient-message-security")


async def test_a_refused_message_burns_no_id(house, tmp_path, client):
    for build in ENCRYPTED_FAILURES.values():
        await send(house, client, named(build(), "Message-ID", "<1@acme>"))
    _, headers, body = await send(house, client, message(message_id="<1@acme>"))
    assert receipt(headers, body).disposition.successful
    assert len(house.arrived) == 1


async def test_a_replay_is_told_what_was_told_and_changes_nothing(house, tmp_path, client):
    """A recorded message is authentic: it gets the stored receipt, and is not worked on again."""
    sent = message()
    _, _, first = await send(house, client, sent)
    before = await state(house, tmp_path)
    for _ in range(3):
        status, _, again = await send(house, client, sent)
        assert (status, again) == (200, first)
    (rows, *rest), (rows_before, *rest_before) = await state(house, tmp_path), before
    assert rest == rest_before
    assert {table for table in rows if rows[table] != rows_before[table]} == {"timeline"}  # that it came again


async def test_nested_multiparts_are_not_descended(house, tmp_path, client):
    part = INNER
    for depth in range(60):
        body = multipart_body([part.encoded()], f"b{depth}")
        part = Part((("Content-Type", f"multipart/mixed; boundary=b{depth}"),), body)
    sent = made_of(part)
    await refused(house, tmp_path, client, sent, "insufficient-message-security")
    _, headers, body = await send(house, client, made_of(sealed(signed(part))))
    assert receipt(headers, body).disposition.successful  # authentic, and kept as the one part that it is


async def test_a_length_without_its_body(tmp_path):
    async with open_house(tmp_path, header_timeout_s=0.3) as house:
        before = await state(house, tmp_path)
        head = "".join(f"{name}: {value}\r\n" for name, value in message().headers)
        for framing, status in (
            ("Content-Length: 1500000000\r\n\r\n{", b"413"),
            ("Content-Length: 50000\r\n\r\n{", b"408"),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n", b"408"),
        ):
            answered = await house.raw(f"POST /as2 HTTP/1.1\r\nHost: x\r\n{head}{framing}".encode())
            assert answered.split(b" ", 2)[1] == status
        assert house.bodies.held_bytes == 0
        assert await state(house, tmp_path) == before


FIELDS = ["AS2-From", "AS2-To", "Message-ID", "Subject", "Disposition-Notification-To"]


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1b", "\x7f", "\r"])
async def test_controls_in_the_head(house, character):
    sent = message()
    length = f"Content-Length: {len(sent.body)}\r\nConnection: close\r\n\r\n"
    for field in FIELDS:
        fields = dict(sent.headers) | {"Subject": "orders", field: f"a{character}X-Evil: 1{character}b"}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        answered = await house.raw(f"POST /as2 HTTP/1.1\r\nHost: x\r\n{head}{length}".encode("latin-1") + sent.body)
        assert answered.split(b" ", 2)[1] == b"400"
        assert b"X-Evil" not in answered
    assert not house.arrived
