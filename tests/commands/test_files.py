"""Files without a server: validate, translate, acknowledge."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.commands import files
from tests.commands.conftest import Run
from tests.commands.stocked import Stocked
from tests.site import acknowledgment_855, ship_notice_json

X12 = Path(__file__).parents[1] / "fixtures" / "x12"
GOOD, BAD = X12 / "855-004010.edi", X12 / "broken-850-elements.edi"
FINDING_KEYS = {"segment", "position", "element", "code", "value", "byte_offset", "message"}
REPORT_KEYS = {
    "file",
    "bytes_total",
    "bytes_in_segments",
    "bytes_unaccounted",
    "accepted",
    "findings",
    "findings_omitted",
    "interchanges",
}


def test_a_good_file_is_accepted_with_every_byte_accounted_for(run: Run):
    ended = run("validate", GOOD, "--format", "json")
    assert ended.code == 0
    report = ended.json
    assert set(report) == REPORT_KEYS
    assert report["file"] == str(GOOD)
    assert report["bytes_total"] == report["bytes_in_segments"] == GOOD.stat().st_size
    assert report["bytes_unaccounted"] == 0
    (interchange,) = report["interchanges"]
    assert {"control_number", "sender", "receiver", "release", "status", "findings", "groups"} <= set(interchange)
    (group,) = interchange["groups"]
    (one,) = group["transaction_sets"]
    assert (one["type"], one["status"], one["segments"]) == ("855", "accepted", 16)


def test_a_bad_file_ends_with_1_and_names_the_places(run: Run):
    ended = run("validate", BAD, "--format", "json")
    assert ended.code == 1
    assert ended.json["accepted"] is False
    (finding, *_) = ended.json["interchanges"][0]["groups"][0]["transaction_sets"][0]["findings"]
    assert set(finding) >= FINDING_KEYS
    assert (finding["segment"], finding["element"], finding["code"]) == ("BEG", 3, "1")


def test_people_get_a_table_with_segment_element_byte_and_value(run: Run):
    ended = run("validate", BAD)
    assert ended.code == 1
    (line,) = [line for line in ended.out.splitlines() if line.strip().startswith("BEG05")]
    assert line.split()[:6] == ["BEG05", "(segment", "2)", "185", "8", "20261301"]
    assert all(line == line.rstrip() for line in ended.out.splitlines())


def test_several_files_give_a_line_each_and_the_worst_code(run: Run):
    ended = run("validate", GOOD, BAD, GOOD, "--format", "json")
    assert ended.code == 1
    assert [row["accepted"] for row in ended.rows] == [True, False, True]


def _type(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_standard_input_is_a_file(run: Run, monkeypatch: pytest.MonkeyPatch):
    _type(monkeypatch, GOOD.read_bytes())
    ended = run("validate", "-", "--format", "json")
    assert (ended.code, ended.json["file"]) == (0, "-")


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00\xff" * 500, b"ISA", b"<?xml", b"{", b"[1, 2", b'{"a": 1}'])
def test_whatever_the_bytes_are_there_is_a_report(run: Run, tmp_path: Path, data: bytes):
    file = tmp_path / "file"
    file.write_bytes(data)
    ended = run("validate", file, "--format", "json")
    assert ended.code == 1
    assert set(ended.json) >= REPORT_KEYS
    assert ended.json["bytes_unaccounted"] == 0
    assert run("validate", file).code == 1


def test_a_canonical_document_is_validated_too(run: Run, tmp_path: Path):
    file = tmp_path / "notice.json"
    file.write_bytes(ship_notice_json(1))
    good = run("validate", file, "--format", "json")
    assert good.code == 0
    assert [(one["type"], one["status"]) for one in good.json["documents"]] == [("ship_notice", "accepted")]
    file.write_bytes(ship_notice_json(1).replace(b'"5"', b'"five"'))
    bad = run("validate", file, "--format", "json")
    assert bad.code == 1
    assert bad.json["documents"][0]["findings"][0]["pointer"] == "/lines/0/quantity"
    assert "/lines/0/quantity" in run("validate", file).out


@pytest.mark.parametrize("command", ["validate", "translate", "acknowledge"])
def test_a_file_that_cannot_be_read_ends_with_2(run: Run, tmp_path: Path, command: str):
    for name in (tmp_path / "missing.edi", tmp_path):
        ended = run(command, name)
        assert ended.code == 2
        assert str(name) in ended.err


def test_a_file_beyond_the_limit_ends_with_2(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files.read_input, "__defaults__", (100,))
    ended = run("validate", GOOD)
    assert ended.code == 2
    assert "more than 100 bytes" in ended.err


def test_each_document_is_one_object_with_its_source(run: Run):
    ended = run("translate", GOOD)
    assert ended.code == 0
    assert ended.json["document"]["document_type"] == "purchase_order_acknowledgment"
    assert ended.json["document"]["purchase_order_number"] == "4500012345"
    assert ended.json["source"]["file"] == str(GOOD)
    assert ended.json["source"]["set_control_number"] == "0001"
    assert ended.json["findings"] == []


def test_raw_gives_the_documents_own_bytes(run: Run):
    ended = run("translate", GOOD, "--raw")
    assert ended.json == run("translate", GOOD).json["document"]


def test_a_rejected_document_is_told_without_one(run: Run):
    ended = run("translate", BAD)
    assert ended.code == 1
    assert ended.rows[0]["document"] is None
    assert ended.rows[0]["findings"]
    raw = run("translate", BAD, "--raw")
    assert (raw.code, raw.out) == (1, "")
    assert "rejected" in raw.err


def test_what_is_wrong_outside_of_documents_is_told_too(run: Run, tmp_path: Path):
    file = tmp_path / "garbage.edi"
    file.write_bytes(b"hello")
    ended = run("translate", file)
    assert ended.code == 1
    assert ended.json["document"] is None
    assert ended.json["findings"][0]["level"] == "file"
    assert run("translate", file, "--raw").err
    assert "outside of documents" in run("translate", file, "--format", "text").out


def test_a_partners_file_is_read_by_their_agreements(run: Run, stocked: Stocked, tmp_path: Path):
    file = tmp_path / "order.edi"
    file.write_bytes(acknowledgment_855(7))
    config = ("--config", stocked.site.config)
    assert run("translate", file, "--partner", "acme-supply", *config).code == 0
    other = run("translate", file, "--partner", "northwind-parts", *config)
    assert other.code == 1
    missing = run("translate", file, "--partner", "acme-suply", *config)
    assert missing.code == 2
    assert "did you mean acme-supply?" in missing.err


def test_only_the_canonical_form_is_offered(run: Run):
    assert run("translate", GOOD, "--to", "json").out == run("translate", GOOD, "--to", "canonical").out
    assert run("translate", GOOD, "--to", "x12").code == 2


def test_an_acknowledgment_is_itself_valid_x12(run: Run, tmp_path: Path):
    ended = run("acknowledge", BAD, "--control-number", "1207")
    assert ended.code == 1
    assert ended.out.startswith("ISA*")
    assert "*000001207*" in ended.out
    assert "AK5*R" in ended.out
    answer = tmp_path / "answer.edi"
    answer.write_text(ended.out)
    assert run("validate", answer).code == 0
    # An acknowledgment earns none.
    again = run("acknowledge", answer)
    assert (again.code, again.out) == (0, "")
    assert "earn none" in again.err


def test_an_accepted_file_is_acknowledged_with_0(run: Run):
    ended = run("acknowledge", GOOD)
    assert ended.code == 0
    assert "AK5*A" in ended.out
    assert "\nAK" not in ended.out
    assert "TA1*" in ended.out  # ISA14 asks for it


def test_a_999_where_it_is_asked_for(run: Run):
    assert "ST*999*" in run("acknowledge", X12 / "855-005010.edi", "--functional", "999").out


def test_nobody_to_answer_is_said(run: Run, tmp_path: Path):
    file = tmp_path / "notice.json"
    file.write_text(json.dumps({}))
    ended = run("acknowledge", file)
    assert (ended.code, ended.out) == (1, "")
    assert "nobody to answer" in ended.err


def test_control_numbers_wrap_as_partners_expect(run: Run):
    ended = run("acknowledge", X12 / "850-two-interchanges.edi", "--control-number", "999999999")
    assert "*999999999*" in ended.out
    assert "|000000002|" in ended.out  # 1 went to the group of the first
