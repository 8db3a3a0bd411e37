"""The identity of files that have none."""

import hashlib

from gateway.model.file_identity import transport_id_of

ONE, OTHER = (hashlib.sha256(content).hexdigest() for content in (b"one", b"other"))


def test_same_name_and_content_are_the_same_file() -> None:
    assert transport_id_of(b"a.edi", ONE) == transport_id_of(b"a.edi", ONE)
    assert len({transport_id_of(name, digest) for name in (b"a.edi", b"b.edi", b"") for digest in (ONE, OTHER)}) == 6


def test_a_name_cannot_pass_for_another_name_with_other_content() -> None:
    assert transport_id_of(b"a", ONE) != transport_id_of(b"a" + bytes.fromhex(ONE)[:1], ONE)


def test_it_is_written_down_for_good() -> None:
    # Duplicates are recognised for more than a year: this must never change.
    expected = hashlib.sha256(b"\0\0\0\0\0\0\0\x05a.edi" + hashlib.sha256(b"one").digest()).hexdigest()
    assert transport_id_of(b"a.edi", ONE) == expected
