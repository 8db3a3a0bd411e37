"""Names of files that we write: any document gives a name that every system takes, and its id is found in it."""

import re
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.model.file_names import FileFacts, facts_of, file_name, id_in
from gateway.model.ids import ulid

ID = ulid(1_764_000_000_000, 5)
DEFAULT = "{document}-{number}-{id}.{extension}"
ids = st.builds(ulid, st.integers(0, 2**48 - 1), st.integers(0, 2**80 - 1))
delivery_ids = st.one_of(ids, st.builds("{}-ack-{}".format, ids, st.integers(1, 99_999)))
literals = st.text("abcXYZ019._-", max_size=12)
fields = st.sampled_from(["{document}", "{number}", "{date}", "{time}", "{extension}"])
numbers = st.one_of(st.text(max_size=300), ids, st.builds("{}{}".format, ids, ids), st.from_regex("(ack-[0-9]-?)+"))


@st.composite
def patterns(draw):
    """Patterns as profiles take them: at most 128 characters, with {id} once."""
    left, right = (draw(st.lists(st.one_of(fields, literals), max_size=8)) for _ in range(2))
    text = "".join([*left, "{id}", *right])
    return text if len(text) <= 128 and re.match(r"[A-Za-z0-9{]", text) else DEFAULT


def facts(number="4711", document="purchase_order", of=ID, extension="edi"):
    return FileFacts(of, document, number, extension, 1_764_000_123_000)


@given(patterns(), delivery_ids, numbers, st.one_of(st.text(max_size=60), ids), st.text(max_size=20))
@example("{number}{id}{number}", ID, ID, "997", "edi")
@example("{id}-{number}", ID, "ack-1", "997", "edi")
@example("{document}{id}{document}", f"{ID}-ack-3", "", "A" * 60, "edi")
@example("{extension}" * 11 + "{id}", f"{ID}-ack-123456789", "1", "1", "e" * 16)
def test_a_name_is_short_and_harmless_and_holds_its_id(pattern, of, number, document, extension):
    name = file_name(pattern, FileFacts(of, document, number, extension, 1_764_000_123_000))
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,255}", name)
    assert id_in(pattern, name.encode()) == of


@given(patterns(), st.binary(max_size=400))
def test_names_that_nobody_wrote_hold_no_id_or_one_that_is_looked_up(pattern, name):
    found = id_in(pattern, name)
    assert found is None or found.encode() in name


@pytest.mark.parametrize(
    ("pattern", "said", "name"),
    [
        (DEFAULT, facts(), f"purchase_order-4711-{ID}.edi"),
        (DEFAULT, facts("PO 4711/ä\n../..", "997 TA1"), f"997_TA1-PO_4711-{ID}.edi"),
        (DEFAULT, facts("", ""), f"document-0-{ID}.edi"),
        (DEFAULT, facts(extension="../x"), f"purchase_order-4711-{ID}.dat"),
        ("{date}{time}_{id}", facts(), f"20251124160203_{ID}"),
        # The number is another id, and nothing would tell which of them is meant.
        ("{number}{id}{number}", facts(ulid(1, 1)), f"_{ID}_"),
        ("{number}{id}{number}", facts(ID), None),
    ],
)
def test_names(pattern, said, name):
    written = file_name(pattern, said)
    assert written == name or (name is None and id_in(pattern, written.encode()) == ID)


def test_a_long_number_is_cut_and_what_ends_the_name_stays():
    name = file_name(DEFAULT, facts("9" * 10_000))
    assert len(name) < 255
    assert name.endswith(f"9-{ID}.edi")


@pytest.mark.parametrize(
    ("kind", "filename", "content_type", "name"),
    [
        ("document", "purchase_order-1.edi", "application/edi-x12", f"invoice-0007-{ID}.edi"),
        ("document", "x.json", "application/json", f"invoice-0007-{ID}.json"),
        ("document", "", "application/xml; charset=utf-8", f"invoice-0007-{ID}.xml"),
        ("file", "Preisliste März.PDF", "application/pdf", f"file-Preisliste_M_rz-{ID}.PDF"),
        ("file", "noextension", "application/pdf", f"file-noextension-{ID}.dat"),
        ("file", "", "application/pdf", f"file-0007-{ID}.dat"),
        ("acknowledgment", "997-1.edi", "application/edi-x12", f"invoice-0007-{ID}.edi"),
    ],
)
def test_what_a_delivery_gives_its_file(kind, filename, content_type, name):
    delivery = SimpleNamespace(
        id=ID,
        kind=kind,
        document_type="invoice",
        number="0007",
        filename=filename,
        content_type=content_type,
        created_at_ms=0,
    )
    assert file_name(DEFAULT, facts_of(delivery)) == name
