"""What holds for any bytes that come as a signed request: it is verified, or refused with words that may be shown.

Each property takes bytes and raises AssertionError where it does not hold; any other exception is a fault as well.
"""

import contextlib
import re
from collections.abc import Callable, Iterator

from gateway.signatures import (
    Algorithm,
    Cause,
    RequestHead,
    SignatureRefused,
    StructuredFieldError,
    Verified,
    read_content_digest,
    verify_head,
)
from gateway.signatures.components import Components
from gateway.signatures.structured_fields import parse_dictionary, serialize_dictionary
from tests.fuzz.seeds import FOUND
from tests.signatures.requests import NOW_S, get, known, post, signed
from tests.signatures.rfc9421 import PROXIED, REQUEST, TRANSFORMED

FOUND_IN_SIGNATURES = FOUND / "signatures"
WORDS = (
    *(b'"@method"', b'"@authority"', b'"@path"', b'"@query"', b'"@target-uri"', b'"@request-target"', b'"@scheme"'),
    *(b'"@query-param";name="a"', b'"content-digest"', b'"content-type"', b'"host"', b'"@signature-params"', b";bs"),
    *(b";sf", b';key="sha-256"', b";req", b";tr", b"sig1=(", b")", b";created=1800000000", b";expires=1800000060"),
    *(b';nonce="12345678"', b';keyid="ed25519"', b';alg="ed25519"', b';tag="x"', b"sig1=:AAAA:", b", sig2="),
    *(b"\r\nSignature-Input: ", b"\r\nSignature: ", b"\r\nContent-Digest: sha-256=:", b"\r\nContent-Type: ", b"\r\n"),
    *(b"POST /a?b=c", b" ", b"\t", b"\xc3\xa9", b"%0A", b"\\", b"?1", b"?0", b"-1.5", b"999999999999999", b"*"),
)
_LINE = re.compile(rb"([!-9;-~]{1,100}):([^\n]*)\n")
_KNOWN = known()


def request(data: bytes) -> RequestHead:
    """A head as an HTTP server would hand it over, but for checks of its own: control characters may stand in it."""
    first, _, rest = data.partition(b"\r\n")
    method, _, target = first.decode("utf-8", "surrogateescape").partition(" ")
    fields = [
        (name.decode("ascii"), value.decode("utf-8", "surrogateescape").removesuffix("\r"))
        for name, value in _LINE.findall(rest + b"\n")
    ]
    host = next((value.strip() for name, value in fields if name.lower() == "host"), "api.example.com")
    return RequestHead(method, "https", host, target, tuple(fields))


def written(head: RequestHead) -> bytes:
    """The other way round, for seeds."""
    lines = [f"{head.method} {head.target}", *(f"{name}: {value}" for name, value in head.fields)]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def is_judged(data: bytes) -> None:
    """Verified, and then it says what it covers; or refused in words that are short and can be shown."""
    head = request(data)
    for has_body in (False, True):
        found = judged(head, has_body=has_body)
        if isinstance(found, SignatureRefused):
            assert found.detail, "a refusal says what to do"
            assert len(found.detail) < 1_000
            assert found.cause in Cause
            continue
        assert found.key_id in set(Algorithm)
        assert {"@method", "@authority", "@path"} <= found.covered.pieces
        assert not has_body or found.digest is not None
        assert abs(found.created - NOW_S) <= 300
        assert NOW_S <= found.expires_at <= found.created + 300
        assert 8 <= len(found.nonce) <= 255
        assert judged(head, has_body=has_body) == found


def judged(head: RequestHead, *, has_body: bool) -> Verified | SignatureRefused:
    """One or the other."""
    try:
        return verify_head(head, _KNOWN, now_s=NOW_S, has_body=has_body)
    except SignatureRefused as refused:
        return refused


def reads_fields(data: bytes) -> None:
    """A dictionary that reads is written in one way, which reads as the same and is written the same again."""
    text = data.decode("utf-8", "surrogateescape")
    with contextlib.suppress(StructuredFieldError):
        dictionary = parse_dictionary(text)
        strict = serialize_dictionary(dictionary)
        assert parse_dictionary(strict) == dictionary
        assert serialize_dictionary(parse_dictionary(strict)) == strict
        assert strict.isascii()
        assert strict == "" or strict.isprintable()
    with contextlib.suppress(SignatureRefused):
        expected = read_content_digest(text)
        assert {expected.sha256, expected.sha512} != {None}
    with contextlib.suppress(SignatureRefused):
        Components(request(data))


def signature_seeds() -> Iterator[bytes]:
    """Signed requests of every algorithm, fields alone, and what broke a property before."""
    for algorithm in Algorithm:
        yield written(signed(post(), algorithm))
        yield written(signed(get(), algorithm, names_algorithm=False, components=["@method", "@target-uri"]))
    for head in (REQUEST, PROXIED, TRANSFORMED):
        yield written(head)
    yield b'sig1=("@method" "@query-param";name="a\\"b");created=1;tag="x", b;c=?0, d=1.5, e=:AAE:, f=*t'
    yield b"sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:, sha-512=:AA==:"
    for path in sorted(FOUND_IN_SIGNATURES.glob("*")):
        yield path.read_bytes()


def signature_dictionary() -> str:
    """What signed requests are made of, in libFuzzer's notation."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in sorted(WORDS))


SIGNATURE_PROPERTIES: dict[str, Callable[[bytes], None]] = {
    "signature": is_judged,
    "structured-fields": reads_fields,
}
