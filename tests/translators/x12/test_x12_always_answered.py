"""Whoever can be answered is answered: each damage with the exact answer that it earns."""

import re

import pytest

from tests.translators.x12.conftest import CORPUS, FIXTURES, interchange, isa
from tests.translators.x12.test_x12_acknowledgment import BODY, answer, segments
from translators.guide import Identity

GOOD = interchange(BODY).decode()
SECOND_GROUP = f"GS*PO*ACMESUPPLY*BIGCORP*20260105*0930*8*X*004010~ST*850*0001~{BODY}SE*4*0001~GE*1*8~"
SET = re.compile("ST.*SE.4.0001~")


def changed(*changes):
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def sent(body, **how):
    return interchange(body, **how).decode()


# what happened, what came, and TA1 and AK1 to AK9 of the answer
CASES = [
    ("nothing wrong", GOOD, ["AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]),
    (
        "asked",
        changed(("*0*P*", "*1*P*")),
        ["TA1*000000001*260105*0930*A*000", "AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"],
    ),
    ("unknown set", sent("XYZ*1~", kind="841", group="SP"), ["AK1*SP*7", "AK2*841*0001", "AK5*R*1", "AK9*R*1*1*0"]),
    (
        "set nobody knows",
        sent("XYZ*1~", kind="899", group="PO"),
        ["AK1*PO*7", "AK2*899*0001", "AK5*R*1", "AK9*R*1*1*0"],
    ),
    ("empty ST01", changed(("ST*850*", "ST**")), ["AK1*PO*7", "AK9*R*1*1*0"]),
    ("ST01 of two chars", changed(("ST*850*", "ST*85*")), ["AK1*PO*7", "AK9*R*1*1*0"]),
    ("ST01 with a control", changed(("ST*850*", "ST*85\x05*")), ["AK1*PO*7", "AK9*R*1*1*0"]),
    (
        "empty ST02",
        changed(("ST*850*0001", "ST*850"), ("SE*4*0001", "SE*4")),
        [
            "AK1*PO*7",
            "AK2*850*0000",
            "AK3*ST*1**8",
            "AK4*2*329*1",
            "AK3*SE*4**8",
            "AK4*2*329*1",
            "AK5*R*7*5",
            "AK9*R*1*1*0",
        ],
    ),
    (
        "short ST02",
        changed(("ST*850*0001", "ST*850*1"), ("SE*4*0001", "SE*4*1")),
        [
            "AK1*PO*7",
            "AK2*850*0001",
            "AK3*ST*1**8",
            "AK4*2*329*4*1",
            "AK3*SE*4**8",
            "AK4*2*329*4*1",
            "AK5*R*7*5",
            "AK9*R*1*1*0",
        ],
    ),
    ("set in wrong group", changed(("GS*PO", "GS*PR")), ["AK1*PR*7", "AK2*850*0001", "AK5*R*6", "AK9*R*1*1*0"]),
    ("no SE", changed(("SE*4*0001~", "")), ["AK1*PO*7", "AK2*850*0001", "AK5*R*2", "AK9*R*1*1*0"]),
    ("wrong count SE01", changed(("SE*4", "SE*5")), ["AK1*PO*7", "AK2*850*0001", "AK5*R*4", "AK9*R*1*1*0"]),
    ("wrong SE02", changed(("SE*4*0001", "SE*4*0002")), ["AK1*PO*7", "AK2*850*0001", "AK5*R*3", "AK9*R*1*1*0"]),
    (
        "repeated ST02",
        changed(("GE*1", "ST*850*0001~" + BODY + "SE*4*0001~GE*2")),
        ["AK1*PO*7", "AK2*850*0001", "AK5*A", "AK2*850*0001", "AK5*R*23", "AK9*P*2*2*1"],
    ),
    (
        "unknown release",
        changed(("*X*004010", "*X*007060")),
        ["AK1*PO*7*007060", "AK2*850*0001", "AK5*R*1", "AK9*R*1*1*0*2"],
    ),
    (
        "older release",
        changed(("*X*004010", "*X*004060")),
        ["AK1*PO*7*004060", "AK2*850*0001", "AK5*A", "AK9*E*1*1*1*2"],
    ),
    ("nonsense release", changed(("*X*004010", "*X*FOUR")), ["AK1*PO*7", "AK2*850*0001", "AK5*R*1", "AK9*R*1*1*0*2"]),
    ("no release", changed(("*X*004010~", "*X~")), ["TA1*000000001*260105*0930*R*024"]),
    ("suffix", changed(("*X*004010", "*X*004010VICS")), ["AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]),
    ("guide", changed(("*X*004010", "*X*004010X091")), ["AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]),
    ("no GE", changed(("GE*1*7~", "")), ["AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*1*1*0*3"]),
    ("wrong GE01", changed(("GE*1*7", "GE*9*7")), ["AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*9*1*0*5"]),
    ("wrong GE02", changed(("GE*1*7", "GE*1*8")), ["AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*1*1*0*4"]),
    ("no ST at all", SET.sub("", GOOD), ["AK1*PO*7", "AK9*R*1*0*0*5"]),
    ("empty group", SET.sub("", GOOD).replace("GE*1*7", "GE*0*7"), ["AK1*PO*7", "AK9*A*0*0*0"]),
    ("unknown GS01", changed(("GS*PO", "GS*QQ")), ["AK1*QQ*7", "AK2*850*0001", "AK5*R*6", "AK9*R*1*1*0*1"]),
    ("long GS01", changed(("GS*PO", "GS*PURCHASE")), ["TA1*000000001*260105*0930*E*024"]),
    ("empty GS01", changed(("GS*PO", "GS*")), ["TA1*000000001*260105*0930*R*024"]),
    ("empty GS02", changed(("GS*PO*ACMESUPPLY", "GS*PO*")), ["TA1*000000001*260105*0930*R*024"]),
    ("empty GS03", changed(("*BIGCORP*2026", "**2026")), ["TA1*000000001*260105*0930*R*024"]),
    ("empty GS06", changed(("*0930*7*X", "*0930**X")), ["TA1*000000001*260105*0930*R*024"]),
    ("letters GS06", changed(("*0930*7*X", "*0930*A7*X")), ["AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*1*1*0*6*4"]),
    (
        "repeated GS06",
        changed(("IEA*1", SECOND_GROUP.replace("*8*X", "*7*X").replace("GE*1*8", "GE*1*7") + "IEA*2")),
        ["AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1", "AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*1*1*0*6"],
    ),
    (
        "second group fine",
        changed(("GE*1*7", "GE*9*7"), ("IEA*1", SECOND_GROUP + "IEA*2")),
        ["AK1*PO*7", "AK2*850*0001", "AK5*R", "AK9*R*9*1*0*5", "AK1*PO*8", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"],
    ),
    ("no IEA", changed(("IEA*1*000000001~", "")), ["TA1*000000001*260105*0930*R*023"]),
    (
        "no IEA, next ISA",
        changed(("IEA*1*000000001~", "")) + GOOD.replace("000000001", "000000002"),
        ["TA1*000000001*260105*0930*R*022", "AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"],
    ),
    ("no GE no IEA", changed(("GE*1*7~", ""), ("IEA*1*000000001~", "")), ["TA1*000000001*260105*0930*R*023"]),
    ("cut in the set", GOOD[:190], ["TA1*000000001*260105*0930*R*023"]),
    ("wrong IEA01", changed(("IEA*1", "IEA*2")), ["TA1*000000001*260105*0930*R*021"]),
    ("wrong IEA02", changed(("IEA*1*000000001", "IEA*1*000000002")), ["TA1*000000001*260105*0930*R*001"]),
    ("segment between groups", changed(("IEA*1", "N1*ST*X~IEA*1")), ["TA1*000000001*260105*0930*R*022"]),
    (
        "set without group",
        isa() + "ST*850*0001~" + BODY + "SE*4*0001~IEA*0*000000001~",
        ["TA1*000000001*260105*0930*R*022"],
    ),
    ("group and set without headers", isa() + "IEA*0*000000001~", []),
    ("empty interchange asked", isa(ack="1") + "IEA*0*000000001~", ["TA1*000000001*260105*0930*A*000"]),
    ("ISA05 blank", changed(("*ZZ*ACME", "*  *ACME")), ["TA1*000000001*260105*0930*R*005"]),
    ("ISA06 blank", changed(("ACMESUPPLY     ", "               ")), []),
    ("ISA08 blank", changed(("BIGCORP        ", "               ")), []),
    ("ISA13 letters", changed(("*000000001*0*P", "*00000000A*0*P")), ["TA1*000000000*260105*0930*R*018"]),
    ("ISA13 blank", changed(("*000000001*0*P", "*         *0*P")), ["TA1*000000000*260105*0930*R*018"]),
    ("ISA12 nonsense", changed(("*00401*", "*0040A*")), ["TA1*000000001*260105*0930*R*017"]),
    ("ISA15 nonsense", changed(("*0*P*", "*0*X*")), ["TA1*000000001*260105*0930*R*020"]),
    ("ISA date", changed(("*260105*0930*U", "*261305*0930*U")), ["TA1*000000001*261305*0930*R*014"]),
    ("ISA padding", changed(("ACMESUPPLY     ", "ACMESUPPLY")), ["TA1*000000001*260105*0930*R*006"]),
    (
        "ISA cut",
        "ISA*00*          *00*          *ZZ*ACMESUPPLY     *ZZ*BIGCORP        *260105*0930*U*00401~" + GOOD[106:],
        [],
    ),
    ("ISA02 missing", changed(("ISA*00*          *", "ISA*00*")), []),
    ("ISA only", GOOD[:106], ["TA1*000000001*260105*0930*R*023"]),
    ("half ISA", GOOD[:60], []),
    ("not X12", "hello", []),
    ("997", sent("AK1*PO*7~AK9*A*1*1*1~", kind="997", group="FA"), []),
    ("997 broken", sent("AK1*PO*7~AK9*Q*1*1*1~", kind="997", group="FA"), []),
    ("997 in PO group", sent("AK1*PO*7~AK9*A*1*1*1~", kind="997", group="PO"), []),
    ("850 in FA group", sent(BODY, group="FA"), ["AK1*FA*7", "AK2*850*0001", "AK5*R*6", "AK9*R*1*1*0"]),
    ("997 asked", sent("AK1*PO*7~AK9*A*1*1*1~", kind="997", group="FA", ack="1"), ["TA1*000000001*260105*0930*A*000"]),
    (
        "997 bad envelope",
        sent("AK1*PO*7~AK9*A*1*1*1~", kind="997", group="FA").replace("IEA*1", "IEA*2"),
        ["TA1*000000001*260105*0930*R*021"],
    ),
    ("TA1", isa() + "TA1*000000041*260106*0708*A*000~IEA*0*000000001~", []),
    ("TA1 asked", isa(ack="1") + "TA1*000000041*260106*0708*A*000~IEA*0*000000001~", []),
    ("TA1 bad env", isa() + "TA1*000000041*260106*0708*A*000~IEA*0*000000002~", []),
    (
        "TA1 and group",
        changed(("GS*PO", "TA1*000000041*260106*0708*A*000~GS*PO")),
        ["AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"],
    ),
]


@pytest.mark.parametrize(("came", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_damage_and_its_answer(came, expected):
    said = segments(answer(came.encode()))
    assert [text for text in said if text and not text.startswith("IEA")] == expected


def test_an_interchange_to_nobody_is_answered_in_our_name():
    to_nobody = changed(("BIGCORP        ", "               ")).encode()
    written = answer(to_nobody, ours=Identity("01", "123456789"))
    assert segments(written) == ["TA1*000000001*260105*0930*R*008", "IEA*0*000000041"]
    assert written.startswith(b"ISA*00*          *00*          *01*123456789      *ZZ*ACMESUPPLY     *")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("never", [False, False, False, False]),
        ("on_error", [False, True, False, False]),
        ("as_requested", [True, True, False, False]),
        ("always", [True, True, True, False]),
    ],
)
def test_when_an_interchange_is_told_of_its_envelope(when, expected):
    came = [
        changed(("*0*P*", "*1*P*")),
        changed(("IEA*1", "IEA*2")),
        GOOD,
        isa() + "TA1*000000041*260106*0708*A*000~IEA*0*000000001~",
    ]
    assert [b"TA1" in answer(text.encode(), ta1=when) for text in came] == expected


def test_a_group_that_no_ak1_can_name_is_told_of_by_ta1_beside_the_answer_to_the_others():
    came = changed(("GS*PO", "GS*PURCHASE"), ("IEA*1", SECOND_GROUP + "IEA*2")).encode()
    assert segments(answer(came)) == [
        "TA1*000000001*260105*0930*E*024",
        "AK1*PO*8", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1", "IEA*1*000000041",
    ]  # fmt: skip


def test_each_group_in_an_interchange_of_its_own():
    came = changed(("*0*P*", "*1*P*"), ("IEA*1", SECOND_GROUP + "IEA*2")).encode()
    assert segments(answer(came, envelope="per_group")) == [
        "TA1*000000001*260105*0930*A*000",
        "AK1*PO*7", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1", "IEA*1*000000041",
        "AK1*PO*8", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1", "IEA*1*000000043",
    ]  # fmt: skip
    assert segments(answer(came, envelope="per_group", functional="none")) == [
        "TA1*000000001*260105*0930*A*000",
        "IEA*0*000000041",
    ]


def test_accepted_sets_can_go_unnamed():
    came = changed(("GE*1", f"ST*850*0002~BEG*QQ~SE*3*0002~ST*850*0003~{BODY}SE*4*0003~GE*3")).encode()
    named = [text for text in segments(answer(came)) if text.startswith("AK2")]
    assert named == ["AK2*850*0001", "AK2*850*0002", "AK2*850*0003"]
    unnamed = [text for text in segments(answer(came, accepted_sets=False)) if text[:3] in {"AK2", "AK9"}]
    assert unnamed == ["AK2*850*0002", "AK9*P*3*3*2"]
    # Where the whole group is rejected none of them was accepted.
    whole = [
        text for text in segments(answer(came.replace(b"GE*3", b"GE*4"), accepted_sets=False)) if text[:3] == "AK2"
    ]
    assert len(whole) == 3


# Files of the corpus that earn no answer beside those that hold nothing but acknowledgments, and why.
UNANSWERED = {
    "hellooops_vscode-edi-support__documentSymbolsEdiProvider.test.ts.edi": "an ISA without addresses",
    "hellooops_vscode-edi-support__ediUtils.test.ts.edi": "an ISA without addresses",
    "walmartlabs_gozer__x12.no.line.break.no.delim.txt": "nothing ends the ISA, so no separator can be told",
    "EDIandXML_OBOE__justTA1TestCase.edi": "only a TA1",
    "broken-not-x12.edi": "no X12",
    "ta1-004010.edi": "only a TA1",
}


def some_files():
    found = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".tsv")
    return sorted(FIXTURES.glob("*.edi")) + found


@pytest.mark.parametrize("path", some_files(), ids=lambda path: path.name)
def test_every_file_is_answered_but_mere_acknowledgments(path):
    data = path.read_bytes()
    holds_documents = re.search(rb"[^A-Z]ST[^A-Za-z0-9](?!997|999)[0-9]{3}", data) is not None
    if answer(data):
        assert path.name not in UNANSWERED
    else:
        assert path.name in UNANSWERED or (b"AK9" in data and not holds_documents)


def test_an_application_code_that_is_none_gives_way_to_the_address():
    written = answer(changed(("GS*PO*ACMESUPPLY", "GS*PO*\x07")).encode())
    assert b"GS*FA*BIGCORP*ACMESUPPLY*" in written
