"""What becomes of documents in a group or interchange that is rejected after they were read."""

import json
from pathlib import Path

import pytest

from gateway.commands import decided
from tests.commands.conftest import Run

ISA = "ISA*00*          *00*          *ZZ*BUYER          *ZZ*SUPPLIER       *240229*1230*U*00401*{:09d}*0*T*:~"


def order(number: int) -> str:
    body = f"BEG*00*SA*PO{number}**20240229~PO1*1*1*EA*9.5**VP*A{number}~SE*4*{number:04d}~"
    return f"ST*850*{number:04d}~{body}"


def group(number: int, *orders: int, ge: str | None = None) -> str:
    sets = "".join(map(order, orders))
    return f"GS*PO*BUY*SUP*20240229*1230*{number}*X*004010~{sets}{ge or f'GE*{len(orders)}*{number}~'}"


def interchange(number: int, *groups: str, iea: str | None = None) -> str:
    return ISA.format(number) + "".join(groups) + (iea or f"IEA*{len(groups)}*{number:09d}~")


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """Three interchanges: one group of two has a wrong GE, the second interchange a wrong IEA, the third is sound."""
    path = tmp_path / "sent.edi"
    path.write_text(
        interchange(1, group(11, 1, 2), group(12, 3, 4, ge="GE*3*12~"))
        + interchange(2, group(21, 5), iea="IEA*1*000000009~")
        + interchange(3, group(31, 6, 7))
    )
    return path


@pytest.mark.parametrize("in_memory_bytes", [decided.HELD_IN_MEMORY_BYTES_MAX, 100])
def test_a_document_is_rejected_with_its_group_or_interchange(
    run: Run, sent: Path, monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
):
    monkeypatch.setattr(decided, "HELD_IN_MEMORY_BYTES_MAX", in_memory_bytes)
    ended = run("translate", sent)
    assert ended.code == 1
    *documents, closing = ended.rows
    assert [one["status"] for one in documents] == [
        *["accepted"] * 2, *["rejected"] * 3, *["accepted"] * 2,
    ]  # fmt: skip
    assert [one["document"] and one["document"]["number"] for one in documents] == [
        "PO1", "PO2", None, None, None, "PO6", "PO7",
    ]  # fmt: skip
    assert [finding["code"] for one in documents for finding in one["findings"]] == [
        "rejected-with-group", "rejected-with-group", "rejected-with-interchange",
    ]  # fmt: skip
    assert [finding["segment"] for finding in closing["findings"]] == ["GE", "IEA"]


def test_raw_hands_out_what_is_accepted_alone_and_names_the_rest(run: Run, sent: Path):
    ended = run("translate", "--raw", sent)
    assert ended.code == 1
    assert [json.loads(line)["number"] for line in ended.out.splitlines()] == ["PO1", "PO2", "PO6", "PO7"]
    assert all(f"purchase_order {ordinal} is rejected" in ended.err for ordinal in (3, 4, 5))


def test_what_is_rejected_with_its_group_is_not_written_as_x12(run: Run, sent: Path):
    ended = run("translate", "--to", "x12", sent)
    assert [row["document"] is not None for row in ended.rows[:-1]] == [
        True, True, False, False, False, True, True,
    ]  # fmt: skip


def test_nothing_of_a_sound_file_is_held_back(run: Run, tmp_path: Path):
    path = tmp_path / "sound.edi"
    path.write_text(interchange(1) + interchange(2, group(21, 1)) + interchange(3) + interchange(4, group(41, 2, 3)))
    ended = run("translate", "--raw", path)
    assert [json.loads(line)["number"] for line in ended.out.splitlines()] == ["PO1", "PO2", "PO3"]


def test_validate_does_not_call_a_file_rejected_of_which_a_part_is_accepted(run: Run, sent: Path, tmp_path: Path):
    ended = run("validate", sent)
    assert ended.code == 1
    assert f"{sent}  partially accepted" in ended.out
    bad = tmp_path / "bad.edi"
    bad.write_text(interchange(1, group(11, 1, ge="GE*9*11~")))
    assert f"{bad}  rejected" in run("validate", bad).out
