"""The two validators side by side: what they agree on, and why they differ where they do."""

import pytest

from gateway.second_opinion import JUDGE, second_opinion, temporary_maps
from tests.translators.x12.conftest import CORPUS, FIXTURES, interchange

ORDER = "BEG*00*SA*PO1**20260105~REF*DP*1~PO1*1*5*EA*9.5**VP*A~PO1*2*5*EA*9.5**VP*B~CTT*2~"
# Broken in as many ways as there are; each is a change of a text that occurs in ORDER.
DAMAGES = [
    ("BEG*00", "BEG*99"),
    ("BEG*00", "BEG*"),
    ("*SA*", "*XX*"),
    ("20260105", "20260230"),
    ("20260105", "260105"),
    ("20260105", "2026010X"),
    ("*EA*", "*E*"),
    ("*EA*", "*EACH*"),
    ("9.5**", "9,5**"),
    ("9.5**", "-**"),
    ("9.5**", "5.**"),
    ("9.5**", "1E5**"),
    ("9.5**", "123456789012345678**"),
    ("*VP*A", "*VP"),
    ("*VP*A", "**A"),
    ("*VP*A", "*VP*A*"),
    ("*VP*A", "*VP*A\x01"),
    ("*VP*A", "*VP*É"),
    ("*VP*A", "*VP*A "),
    ("*VP*A", "*VP*A>B"),
    ("REF*DP*1~", "REF*DP~"),
    ("REF*DP*1~", "REF~"),
    ("REF*DP*1~", "REF*DP*1**DP>1~"),
    ("REF*DP*1~", "REF*DP*1**>1~"),
    ("REF*DP*1~", "REF*DP*1**DP~"),
    ("REF*DP*1~", "REF*DP*1**DP>1>DP~"),
    ("REF*DP*1~", "TD5~"),
    ("REF*DP*1~", "XYZ*1~"),
    ("REF*DP*1~", "CTT*1~"),
    ("REF*DP*1~", "CUR*BY*USD~CUR*BY*USD~"),
    ("REF*DP*1~", "DTM*002~"),
    ("REF*DP*1~", "DTM*002*20260105*2460~"),
    ("REF*DP*1~", "DTM*002*20260105*09305~"),
    ("REF*DP*1~", "REF*DP*1*2*3*4*5*6~"),
    ("REF*DP*1~", "  REF*DP*1~"),
    ("REF*DP*1~", "rEF*DP*1~"),
    ("CTT*2~", "CTT*2~CTT*2~"),
    ("CTT*2~", "CTT*two~"),
    ("PO1*1*", "PO1*1~PO1*1*"),
    ("BEG*00*SA*PO1**20260105~", ""),
]


@pytest.fixture(scope="module")
def maps():
    with temporary_maps() as maps:
        yield maps


def corpus_files():
    return sorted(
        path for folder in (CORPUS, FIXTURES) for path in folder.rglob("*") if path.is_file() and path.suffix != ".tsv"
    )


def test_two_who_see_nothing_agree(maps):
    opinion = second_opinion(interchange(ORDER), maps)
    assert opinion.disagreements == ()
    assert opinion.agreements == 0
    assert opinion.segments == 11


def test_both_see_a_wrong_code(maps):
    opinion = second_opinion(interchange(ORDER.replace("BEG*00", "BEG*99")), maps)
    assert opinion.agreements == 1
    assert opinion.disagreements == ()


def test_a_disagreement_says_where_who_and_why(maps):
    (one,) = second_opinion(interchange(ORDER.replace("*VP*A", "*VP*A ")), maps).disagreements
    assert one.where == "850 0001 segment 4 PO107"
    assert one.ours is None
    assert one.theirs is not None
    assert one.explanation is not None
    assert "X12.6" in one.explanation
    assert one.as_json()["theirs"] == {
        "code": "6",
        "kind": "wrong characters",
        "value": "A ",
        "message": one.theirs.message,
    }


def test_as_json_names_the_judge_and_what_it_could_not_judge(maps):
    shown = second_opinion(interchange(ORDER).replace(b"~CTT", b"~~CTT"), maps).as_json()
    assert shown["judge"] == JUDGE
    assert JUDGE.startswith("pyx12 4.")
    assert shown["judged"] == 7
    (one,) = shown["could_not_judge"]
    assert one["reason"].startswith(f"{JUDGE} could not judge: ")
    assert one["bytes"] > 0


@pytest.mark.parametrize("release", ["003040", "004010", "005010"])
@pytest.mark.parametrize(("sound", "damaged"), DAMAGES)
def test_every_disagreement_about_a_damaged_order_is_explained(release, sound, damaged, maps):
    opinion = second_opinion(interchange(ORDER.replace(sound, damaged, 1), release=release), maps)
    assert [one for one in opinion.disagreements if one.explanation is None] == []


@pytest.mark.parametrize("path", corpus_files(), ids=lambda path: path.name)
def test_every_disagreement_about_a_file_is_explained(path, maps):
    opinion = second_opinion(path.read_bytes(), maps)
    assert opinion.omitted == 0
    assert [one for one in opinion.disagreements if one.explanation is None] == []
