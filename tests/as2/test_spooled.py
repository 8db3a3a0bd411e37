"""Messages in files: opened and written exactly as in memory, whatever they are, in memory that does not grow."""

import base64
import quopri
import random
import subprocess
import sys
import zlib
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from isal import isal_zlib

from gateway.as2.cms import compressed_data
from gateway.as2.cms.algorithms import (
    COMPRESSED_DATA,
    DATA,
    ZLIB,
    Cipher,
    Digest,
    KeyTransport,
    SignatureScheme,
    algorithm,
)
from gateway.as2.cms.ber import CONTEXT_0, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, der
from gateway.as2.cms.content_info import CmsError
from gateway.as2.message import As2Refused, Attachment, Modifier, Policy, open_message, read_envelope
from gateway.as2.mic import agrees
from gateway.buffers import WINDOW_BYTES, MemorySink
from gateway.spool import SpoolFolder, SpoolUnavailable
from tests.as2.parties import ANY, NOW, PAYLOAD, elliptic, encryption, enveloped, partner, refusal, signing, us, write

LONG = bytes(random.Random(4).choices(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ*~\r\n0123456789", k=3 * WINDOW_BYTES + 77))
FORMS = list(product((False, True), (False, True), (None, "before-signing", "after-signing")))


@pytest.fixture
def folder(tmp_path):
    return SpoolFolder(tmp_path / "spool")


@pytest.fixture
def always_spooled(folder):
    return folder.scratch(0)


def spooled(folder, data):
    spool = folder.new()
    for start in range(0, len(data), 50_000):
        spool.write(data[start : start + 50_000])
    return spool.view()


def opened_or_refused(headers, body, scratch, policy):
    try:
        opened = open_message(
            read_envelope(headers),
            headers,
            body,
            keys=[us()],
            partner_certificates=[partner().certificate],
            policy=policy,
            now=NOW,
            scratch=scratch,
        )
    except As2Refused as refused:
        # What a random key makes of a ciphertext differs each time, and so may the reason it is noise.
        return refused.modifier, refused.audit_reason.partition("could not be unwrapped")[0]
    beside = tuple(replace(item, content=bytes(item.content)) for item in opened.attachments)
    return replace(opened, payload=bytes(opened.payload), attachments=beside)


def same_both_ways(folder, headers, body, policy=ANY):
    in_memory = opened_or_refused(headers, bytes(body), MemorySink, policy)
    in_files = opened_or_refused(headers, spooled(folder, body), folder.scratch(0), policy)
    assert in_files == in_memory
    return in_files


@pytest.mark.parametrize(("signed", "encrypted", "compression"), FORMS)
@pytest.mark.parametrize("payload", [b"", PAYLOAD, LONG], ids=["empty", "small", "long"])
def test_every_case_is_the_same_in_files_as_in_memory(folder, signed, encrypted, compression, payload):
    choices = {
        "filename": "order 1.edi",
        "signing": signing() if signed else None,
        "encryption": encryption(cipher=Cipher.AES128_GCM if compression else Cipher.AES256_CBC) if encrypted else None,
        "compression": compression,
        "attachments": [Attachment(LONG[: len(payload)], "application/pdf", "../drawing.pdf")] if signed else [],
    }
    in_files = write(spooled(folder, payload), scratch=folder.scratch(0), **choices)
    in_memory = write(payload, **choices)
    if not encrypted:  # chance has no part in it
        assert (in_files.headers, bytes(in_files.body)) == (in_memory.headers, in_memory.body)
        assert in_files.mics == in_memory.mics
    opened = same_both_ways(folder, in_files.headers, in_files.body)
    assert opened.payload == payload
    assert [item.filename for item in opened.attachments] == (["drawing.pdf"] if signed else [])
    assert agrees(opened.mic, in_files.mics)
    assert (opened.signed, opened.encrypted, opened.compressed) == (signed, encrypted, compression is not None)


@pytest.mark.parametrize("compression", [None, "before-signing", "after-signing"])
@pytest.mark.parametrize("encrypted", [True, False])
def test_every_damage_is_the_same_in_files_as_in_memory(folder, encrypted, compression):
    chance = random.Random(f"{encrypted} {compression}")
    message = write(
        LONG[: WINDOW_BYTES + 5],
        signing=signing(),
        encryption=encryption() if encrypted else None,
        compression=compression,
    )
    body = bytes(message.body)
    for _ in range(25):
        damaged = bytearray(body)
        at = chance.choice((chance.randrange(len(body)), chance.randrange(600), len(body) - 1 - chance.randrange(600)))
        match chance.randrange(4):
            case 0:
                damaged[at] ^= 1 << chance.randrange(8)
            case 1:
                del damaged[at:]
            case 2:
                damaged[at:at] = chance.randbytes(chance.randrange(1, 40))
            case 3:
                del damaged[at : at + chance.randrange(1, 40)]
        same_both_ways(folder, message.headers, bytes(damaged))


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "binary"])
@pytest.mark.parametrize("damage", [b"", b"=", b"!", b"====AAAA", b"=3D=\r\n"])
def test_transfer_encodings_are_decoded_window_by_window(folder, encoding, damage):
    characters = {
        "base64": base64.encodebytes(LONG).replace(b"\n", b"\r\n"),
        "quoted-printable": b"caf=C3=A9 =3D soft=\r\n break\r\n" * 40_000 + b"no end of line " * 40_000,
        "binary": LONG,
    }[encoding]
    for at in (len(characters), len(characters) // 2):
        headers, body = enveloped("text/plain", characters[:at] + damage + characters[at:], encoding)
        opened = same_both_ways(folder, headers, body)
        if not damage:
            expected = LONG if encoding != "quoted-printable" else quopri.decodestring(characters)
            assert opened.payload == expected


def ber_pieces(data, size):
    """A constructed octet string of indefinite length, as streaming Java peers send it."""
    pieces = b"".join(der(OCTET_STRING, data[start : start + size]) for start in range(0, len(data), size))
    return b"\x24\x80" + pieces + b"\x00\x00"


def indefinite(tag, *parts):
    return bytes((tag, 0x80)) + b"".join(parts) + b"\x00\x00"


@pytest.mark.parametrize("size", [100, 1_000, WINDOW_BYTES, 2 * WINDOW_BYTES])
def test_octet_strings_in_pieces_are_read_as_they_come(folder, size):
    entity = b"Content-Type: text/plain\r\n\r\n" + LONG
    octets = ber_pieces(isal_zlib.compress(entity), size)
    held = indefinite(SEQUENCE, der(OBJECT_IDENTIFIER, DATA), indefinite(CONTEXT_0, octets))
    inner = indefinite(SEQUENCE, b"\x02\x01\x00", algorithm(ZLIB), held)
    body = indefinite(SEQUENCE, der(OBJECT_IDENTIFIER, COMPRESSED_DATA), indefinite(CONTEXT_0, inner))
    headers, body = enveloped("application/pkcs7-mime; smime-type=compressed-data", body)
    assert same_both_ways(folder, headers, body).payload == LONG
    for cut in (1, 2, 3, len(body) // 2):
        modifier, _ = same_both_ways(folder, headers, body[:-cut])
        assert modifier is Modifier.DECOMPRESSION_FAILED


def test_a_bomb_ends_at_its_limit_and_not_on_the_disk(tmp_path):
    written = []

    class Counting(MemorySink):
        def write(self, piece):
            written.append(len(piece))

    bomb = compressed_data.compress(b"Content-Type: text/plain\r\n\r\n" + bytes(300 * 1_048_576))
    assert len(bomb) < 4 * 1_048_576
    headers, body = enveloped("application/pkcs7-mime; smime-type=compressed-data", bomb)
    policy = replace(ANY, decompressed_bytes_max=20 * 1_048_576)
    modifier, reason = opened_or_refused(headers, spooled(SpoolFolder(tmp_path), body), Counting, policy)
    assert modifier is Modifier.DECOMPRESSION_FAILED
    assert "more than" in reason
    assert sum(written) <= 21 * 1_048_576


def test_what_counts_as_a_zlib_stream_does_not_hang_on_the_library():
    chance = random.Random(7)
    stream = zlib.compress(LONG[:40_000])
    for _ in range(400):
        damaged = bytearray(stream)
        damaged[chance.choice((0, 1, chance.randrange(len(stream)), len(stream) - 1 - chance.randrange(4)))] ^= (
            1 << chance.randrange(8)
        )
        try:
            expected = zlib.decompress(damaged)
        except zlib.error:
            expected = None
        try:
            found = b"".join(compressed_data._inflate([bytes(damaged)], 10_000_000, 1_000))
        except CmsError:
            found = None
        assert found == expected


def test_a_boundary_that_stands_everywhere_in_the_content_costs_no_time(folder):
    body = b"--b no end\r\n" * 300_000
    for content_type in ('multipart/signed; boundary="b"', 'multipart/mixed; boundary="b"'):
        headers, body = enveloped(content_type, body)
        modifier, reason = same_both_ways(folder, headers, body)
        assert modifier is Modifier.UNEXPECTED_PROCESSING_ERROR
        assert "boundary" in reason


@pytest.mark.parametrize("compression", [None, "before-signing"])
@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_full_disk_is_told_and_is_no_verdict_on_the_message(folder, compression, room):
    message = write(LONG, signing=signing(), encryption=encryption(), compression=compression)
    left = [room]

    class Full(MemorySink):
        def write(self, piece):
            if left[0] == 0:
                raise SpoolUnavailable("full")
            left[0] -= 1
            super().write(piece)

    with pytest.raises(SpoolUnavailable):
        opened_or_refused(message.headers, message.body, Full, ANY)
    left[0] = room
    with pytest.raises(SpoolUnavailable):
        write(LONG, signing=signing(), encryption=encryption(), compression=compression, scratch=Full)


POLICY = Policy(require_signed=False, require_encrypted=False)
INSUFFICIENT = Modifier.INSUFFICIENT_MESSAGE_SECURITY


@pytest.mark.parametrize("allowed", KeyTransport)
@pytest.mark.parametrize("used", KeyTransport)
@pytest.mark.parametrize("signed", [True, False])
def test_a_key_transport_that_is_not_agreed_is_a_failed_decryption(used, allowed, signed):
    message = write(signing=signing() if signed else None, encryption=encryption(key_transport=used))
    policy = replace(POLICY, key_transports=frozenset({allowed}))
    if used is allowed:
        assert opened_or_refused(message.headers, message.body, MemorySink, policy).key_transport is used
    else:
        modifier, reason = refusal(message, policy)
        assert modifier is Modifier.DECRYPTION_FAILED
        assert f"{used}, which the agreement does not allow" in reason


@pytest.mark.parametrize("allowed", SignatureScheme)
@pytest.mark.parametrize("used", SignatureScheme)
@pytest.mark.parametrize("encrypted", [True, False])
def test_a_signature_scheme_that_is_not_agreed_is_refused(used, allowed, encrypted):
    pair = elliptic() if used is SignatureScheme.ECDSA else partner()
    message = write(
        signing=signing(pair, scheme=used, digest=Digest.SHA384), encryption=encryption() if encrypted else None
    )
    policy = replace(POLICY, signatures=frozenset({allowed}))
    if used is not allowed:
        modifier, reason = refusal(message, policy, certificates=[partner(), elliptic()])
        assert modifier is (Modifier.DECRYPTION_FAILED if encrypted else INSUFFICIENT)
        assert f"signed with {used}, which the agreement does not allow" in reason


IN_A_PROCESS_OF_ITS_OWN = """
import sys
from pathlib import Path
from gateway.spool import SpoolFolder
from tests.as2.parties import NOW, encryption, partner, signing, us, write
from gateway.as2.message import Policy, open_message, read_envelope

folder = SpoolFolder(Path(sys.argv[1]))
scratch = folder.scratch(1_048_576)

def peak_growth(work):
    Path("/proc/self/clear_refs").write_text("5")
    before = kilobytes("VmRSS")
    value = work()
    return value, kilobytes("VmHWM") - before

def kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

def receive(message):
    return open_message(read_envelope(message.headers), message.headers, message.body, keys=[us()],
        partner_certificates=[partner().certificate], policy=Policy(), now=NOW, scratch=scratch)

for compression in (None, "before-signing", "after-signing"):
    spool = folder.new()
    line = b"".join(b"PO1*%d*10*EA*12.5**BP*AX-%06d~" % (n, n * 7919 % 1_000_000) for n in range(40_000))
    while len(spool) < 40 * 1_048_576:
        spool.write(line)
    payload = spool.view()
    choices = {"signing": signing(), "encryption": encryption(), "compression": compression, "scratch": scratch}
    write(b"warm", **choices)
    message, written = peak_growth(lambda: write(payload, **choices))
    opened, read = peak_growth(lambda: receive(message))
    assert opened.payload == payload
    print(written, read)
"""


def test_memory_does_not_grow_with_the_message(tmp_path):
    run = [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    growth_kib = [int(number) for number in done.stdout.split()]
    assert len(growth_kib) == 6
    assert max(growth_kib) < 16 * 1_024, growth_kib
