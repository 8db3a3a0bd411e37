"""Content-Digest: the examples of RFC 9530, what counts and what does not."""

import mmap
from base64 import b64encode
from hashlib import sha256, sha512

import pytest

from gateway.signatures import Cause, DigestAlgorithm, ExpectedDigest, SignatureRefused, content_digest
from gateway.signatures.digests import read_content_digest

# RFC 9530, appendix B.1 and B.6: the body with its line feed.
BODY = b'{"hello": "world"}\n'
SHA256 = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
SHA512 = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"


def refused(value: str) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        read_content_digest(value)
    assert caught.value.cause is Cause.MALFORMED
    return caught.value


def test_the_examples_of_the_rfc():
    assert content_digest(BODY) == SHA256
    assert content_digest(BODY, [DigestAlgorithm.SHA_512]) == SHA512
    for value in (SHA256, SHA512, f"{SHA256}, {SHA512}", f"{SHA512},{SHA256}"):
        assert read_content_digest(value).matches(BODY)
        assert not read_content_digest(value).matches(BODY[:-1])


def test_the_empty_body():
    assert content_digest(b"") == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    assert read_content_digest(content_digest(b"")).matches(b"")


def test_every_known_digest_has_to_match():
    wrong = b64encode(sha512(b"other").digest()).decode()
    assert not read_content_digest(f"{SHA256}, sha-512=:{wrong}:").matches(BODY)
    wrong = b64encode(sha256(b"other").digest()).decode()
    assert not read_content_digest(f"sha-256=:{wrong}:, {SHA512}").matches(BODY)


def test_others_are_passed_over_but_are_not_enough():
    others = "md5=:AAAA:, unixsum=30637, sha=?1, id-sha-256=(1 2)"
    assert read_content_digest(f"{others}, {SHA256};x=1").matches(BODY)
    assert "neither" in refused(others).detail


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sha-256",
        'sha-256="RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg="',
        "sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP:",
        "sha-256=:AAAA:",
        f"{SHA256}, {SHA256}",
        "SHA-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        "sha-512=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
        f"{SHA256}, " + "x" * 2_048,
        ", ".join(f"a{number}=1" for number in range(9)),
    ],
)
def test_what_is_written_otherwise_is_refused(value):
    assert "Content-Digest" in refused(value).detail


def test_a_digest_at_hand_is_not_computed_again():
    expected = read_content_digest(SHA256)
    assert expected.matches(b"not looked at", sha256(BODY).digest())
    assert not expected.matches(BODY, sha256(b"x").digest())
    both = read_content_digest(f"{SHA256}, {SHA512}")
    assert both.matches(BODY, sha256(BODY).digest())
    assert not both.matches(b"x", sha256(BODY).digest()), "the other one is computed"


def test_a_large_body_in_a_file_is_gone_over_in_windows(tmp_path):
    data = b"0123456789abcdef" * 65_536 * 6
    path = tmp_path / "body"
    path.write_bytes(data)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        view = memoryview(mapped)
        value = content_digest(view, list(DigestAlgorithm))
        assert read_content_digest(value) == ExpectedDigest(sha256(data).digest(), sha512(data).digest())
        assert read_content_digest(value).matches(view)
        view.release()


def test_the_refusal_says_what_to_do_and_nothing_of_the_body():
    with pytest.raises(SignatureRefused, match="12 bytes") as caught:
        read_content_digest(SHA256).check(b"another body")
    assert caught.value.cause is Cause.DIGEST
    assert "after any compression" in caught.value.detail


def test_no_digest_is_no_match():
    assert not ExpectedDigest(None, None).matches(b"")
