"""Files without a server: validate, translate, acknowledge."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.commands import files
from gateway.commands.parsing import Unusable
from tests.bench.samples import x12_850, x12_855
from tests.commands.conftest import Run
from tests.commands.stocked import Stocked
from tests.site import acknowledgment_855, ship_notice_json
from tests.translators.x12.conftest import interchange

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


def test_people_see_the_segment_with_a_caret_under_the_element(run: Run):
    ended = run("validate", BAD)
    assert ended.code == 1
    lines = ended.out.splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.strip().startswith("BEG05")]
    assert lines[at].startswith("        BEG05 (segment 2, byte 185)  ")
    assert lines[at].endswith("[AK403 8]")
    assert lines[at + 1 : at + 3] == ["          BEG*00*SA***20261301", "                      ^^^^^^^^"]
    assert all(line == line.rstrip() for line in lines)


def test_the_caret_stands_behind_the_segment_where_something_is_missing(run: Run, tmp_path: Path):
    file = tmp_path / "order.edi"
    file.write_bytes(interchange("BEG*00*SA*45~PO1*1*5*EA~"))
    lines = run("validate", file).out.splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.strip().startswith("BEG05")]
    assert lines[at + 1 : at + 3] == ["          BEG*00*SA*45", "                      ^"]


def test_long_segments_are_cut_around_the_caret_and_controls_are_shown_safely(run: Run, tmp_path: Path):
    file = tmp_path / "order.edi"
    file.write_bytes(interchange(f"BEG*00*SA*45**20260101~PO1*1*5*EA~MSG*{'x' * 300}*\x1b[2J*{'y' * 300}~"))
    lines = run("validate", file).out.splitlines()
    at = next(at for at, line in enumerate(lines) if line.strip().startswith("MSG02")) + 1
    assert "..." in lines[at]
    assert len(lines[at]) < 130
    assert "\x1b" not in "".join(lines)
    assert lines[at + 1].index("^") == lines[at].index("\\x1b")


def test_what_isa02_and_isa04_hold_is_not_shown(run: Run, tmp_path: Path):
    file = tmp_path / "order.edi"
    data = interchange("BEG*00*SA*45**20260101~PO1*1*5*EA~").replace(b"*00*          *ZZ", b"*01*hunter2pw *ZZ")
    file.write_bytes(data.replace(b"*0*P*", b"*0*Q*"))
    ended = run("validate", file)
    assert "ISA15" in ended.out
    assert "hunter2" not in ended.out


def test_a_group_with_many_sound_sets_is_told_in_few_lines(run: Run, tmp_path: Path):
    file = tmp_path / "orders.edi"
    file.write_bytes(x12_855(1, 10**9, sets=50, lines=1))
    ended = run("validate", file)
    assert ended.code == 0
    assert "and 30 more transaction sets without findings" in ended.out
    assert "50 of 50 transaction sets accepted" in ended.out


def test_findings_that_are_not_shown_are_counted(run: Run, tmp_path: Path):
    file = tmp_path / "order.edi"
    file.write_bytes(interchange(f"BEG*00*SA*45**20260101~{'REF*DPXX*1~' * 150}PO1*1*5*EA~"))
    ended = run("validate", file)
    assert "and 50 more findings like these" in ended.out
    assert "50 findings are not shown" in ended.out
    assert run("validate", file, "--format", "json").json["findings_omitted"] == 50


def test_a_partners_tolerances_hold_for_validate(run: Run, stocked: Stocked, tmp_path: Path):
    file = tmp_path / "order.edi"
    file.write_bytes(acknowledgment_855(7))
    config = ("--config", stocked.site.config)
    assert run("validate", file, "--partner", "acme-supply", *config).code == 0
    assert run("validate", file, "--partner", "northwind-parts", *config).code == 1
    assert run("validate", file, "--partner", "acme-suply", *config).code == 2


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
    lines = run("validate", file).out.splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.strip().startswith("/lines/0/quantity (line ")]
    assert '"five"' in lines[at + 1]
    assert lines[at + 2].index("^") == lines[at + 1].index('"five"')


@pytest.mark.parametrize("command", ["validate", "translate", "acknowledge"])
def test_a_file_that_cannot_be_read_ends_with_2(run: Run, tmp_path: Path, command: str):
    for name in (tmp_path / "missing.edi", tmp_path):
        ended = run(command, name)
        assert ended.code == 2
        assert str(name) in ended.err


def test_a_file_beyond_a_limit_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "IN_MEMORY_BYTES_MAX", 300)
    for name in (str(GOOD), "-"):
        _type(monkeypatch, GOOD.read_bytes())
        with pytest.raises(Unusable, match="more than 400 bytes"), files.open_input(name, 400):
            pass
    with pytest.raises(Unusable, match="more than 100 bytes"):
        files.read_input(str(GOOD), 100)


@pytest.mark.parametrize("in_memory", [10, 10**6])
def test_files_and_pipes_of_any_size_are_sources(monkeypatch: pytest.MonkeyPatch, in_memory: int):
    data = GOOD.read_bytes()
    monkeypatch.setattr(files, "IN_MEMORY_BYTES_MAX", in_memory)
    for name in (str(GOOD), "-"):
        _type(monkeypatch, data)
        with files.open_input(name) as source:
            assert len(source) == len(data)
            for part in (slice(0, 4), slice(50, 10**9), slice(7, 7), slice(10**9, 10**9 + 1)):
                assert bytes(source[part]) == data[part]


def test_the_report_is_the_same_from_memory_and_from_disk(run: Run, monkeypatch: pytest.MonkeyPatch):
    expected = run("validate", BAD, "--format", "json").out
    monkeypatch.setattr(files, "IN_MEMORY_BYTES_MAX", 10)
    assert run("validate", BAD, "--format", "json").out == expected


def test_memory_does_not_grow_with_the_file(tmp_path: Path):
    """The peak of a process that validates thirty megabytes stays near that of one that validates one."""
    peaks = []
    for orders in (250, 7_500):
        file = tmp_path / f"{orders}.edi"
        file.write_bytes(x12_850(orders, 20))
        program = (
            "import re, sys; from gateway.commands.program import main;"
            f"code = main(['validate', {str(file)!r}, '--format', 'json']);"
            "status = open('/proc/self/status').read();"
            "print(re.search('VmHWM:[^0-9]*([0-9]+)', status)[1], file=sys.stderr); sys.exit(code)"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, cwd=tmp_path)
        assert ended.returncode == 0
        report = json.loads(ended.stdout)
        assert report["bytes_total"] == report["bytes_in_segments"] == file.stat().st_size
        peaks.append(int(ended.stderr.split()[-1]))
    assert file.stat().st_size > 30_000_000
    assert peaks[1] < peaks[0] + 12_000  # kilobytes


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


def test_both_names_of_the_canonical_form_say_the_same(run: Run):
    assert run("translate", GOOD, "--to", "json").out == run("translate", GOOD, "--to", "canonical").out


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
    assert "earns nothing" in again.err


def test_an_accepted_file_is_acknowledged_with_0(run: Run):
    ended = run("acknowledge", GOOD)
    assert ended.code == 0
    assert "AK5*A" in ended.out
    assert "\nAK" not in ended.out
    assert "TA1*" in ended.out  # ISA14 asks for it


def test_a_999_where_it_is_asked_for(run: Run):
    assert "ST*999*" in run("acknowledge", X12 / "855-005010.edi", "--functional", "999").out


def test_an_answer_as_a_partners_profile_says(run: Run, stocked: Stocked, tmp_path: Path):
    profile = stocked.site.partners_dir / "acme-supply" / "profile.yaml"
    profile.write_text(
        profile.read_text() + "acknowledgment: {ta1: always, accepted_sets: false}\nframing: {line_end: lf}\n"
    )
    file = tmp_path / "answer.edi"
    file.write_bytes(acknowledgment_855(7))
    config = ("--config", stocked.site.config)
    ended = run("acknowledge", file, "--partner", "acme-supply", *config)
    assert ended.code == 0
    said = [line for line in ended.out.splitlines() if line[:3] in {"TA1", "AK1", "AK2", "AK9"}]
    assert said == ["TA1*000000007*260301*0930*A*000~", "AK1*PR*7~", "AK9*A*1*1*1~"]
    assert "TA1" not in run("acknowledge", file, "--partner", "acme-supply", "--ta1", "never", *config).out
    # Somebody who may not speak for this address is told so.
    assert "*R*006~" in run("acknowledge", file, "--partner", "northwind-parts", *config).out
    assert run("acknowledge", file, "--partner", "acme-suply", *config).code == 2


def test_what_a_call_says_goes_before_the_agreement(run: Run, stocked: Stocked, tmp_path: Path):
    profile = stocked.site.partners_dir / "acme-supply" / "profile.yaml"
    text = profile.read_text().replace("direction: inbound", "direction: inbound\n  acknowledgment: {functional: none}")
    profile.write_text(text + "validation: {character_set: basic}\n")
    file = tmp_path / "answer.edi"
    file.write_bytes(acknowledgment_855(7).replace(b"SO-7", b"so-7"))
    config = ("--config", stocked.site.config)
    ended = run("acknowledge", file, "--partner", "acme-supply", *config)
    assert (ended.code, ended.out) == (1, "")
    ended = run("acknowledge", file, "--partner", "acme-supply", "--functional", "997", *config)
    assert "AK4*8*127*6*so-7~" in ended.out
    ended = run("validate", file, "--partner", "acme-supply", "--format", "json", *config)
    (finding,) = ended.json["interchanges"][0]["groups"][0]["transaction_sets"][0]["findings"]
    assert (ended.code, finding["code"], finding["segment"], finding["element"]) == (1, "6", "BAK", 8)


def test_what_a_connection_brings_is_answered_by_the_terms_of_each_partner(run: Run, stocked: Stocked, tmp_path: Path):
    partners = stocked.site.partners_dir
    for name, x12, functional in (("one", "ONE", "997"), ("two", "TWO", "none")):
        (partners / name).mkdir()
        (partners / name / "profile.yaml").write_text(
            f"id: {name}\nname: {name}\nvia: van\nx12: {{qualifier: ZZ, id: {x12}}}\n"
            f'acknowledgment: {{functional: "{functional}", ta1: always}}\n'
            "agreements: [{document: purchase_order_acknowledgment, direction: inbound, syntax: x12}]\n"
        )
    (partners / "van").mkdir()
    (partners / "van" / "profile.yaml").write_text(
        f"id: van\nname: VAN\napi_keys: [{{label: a, sha256: {'0' * 64}}}]\n"
        "speaks_for: [{qualifier: ZZ, id: ONE}, {qualifier: ZZ, id: TWO}]\n"
    )
    file = tmp_path / "answers.edi"
    sent = [acknowledgment_855(at).replace(b"ACMESUPPLY     ", x12.ljust(15)) for at, x12 in ((1, b"ONE"), (2, b"TWO"))]
    file.write_bytes(b"".join(sent))
    ended = run("acknowledge", file, "--partner", "van", "--config", stocked.site.config)
    assert ended.code == 0
    assert [text[:3] for text in ended.out.split("~") if text[:3] in {"ISA", "TA1", "AK1"}] == [
        "ISA", "TA1", "AK1", "ISA", "TA1",
    ]  # fmt: skip


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


@pytest.mark.parametrize("command", ["validate", "translate"])
def test_a_file_that_cannot_be_read_stops_no_other(run: Run, tmp_path, command):
    ended = run(command, GOOD, tmp_path / "absent.edi", BAD, "--format", "json")
    assert ended.code == 2
    assert "absent.edi: No such file or directory" in ended.err
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert {one["file"] if command == "validate" else one["source"]["file"] for one in told} == {str(GOOD), str(BAD)}
