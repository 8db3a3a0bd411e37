import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.onboarding.guide.evidence import gather
from gateway.onboarding.guide.transmissions import SEGMENTS_SHOWN_MAX, Line, explain, visible_lines
from tests.site import acknowledgment_855
from translators.guide import ReadingRules

PLAIN = acknowledgment_855(1)


def lines(data: bytes, **rules) -> dict[str, Line]:
    return {line.code: line for line in explain(data, ReadingRules(**rules)).lines}


def said(line: Line) -> dict[str, tuple[str, str]]:
    return {one.ref: (one.value, one.means) for one in line.said}


def test_each_segment_says_what_it_says():
    found = lines(PLAIN)
    assert list(found) == ["ISA", "GS", "ST", "BAK", "PO1", "ACK", "CTT", "SE", "GE", "IEA"]
    assert said(found["ISA"])["ISA05"] == ("ZZ", "mutually defined")
    assert said(found["ISA"])["ISA15"] == ("P", "production")
    assert said(found["GS"])["GS01"] == ("PR", "purchase order acknowledgment")
    assert said(found["BAK"])["BAK04"] == ("20260301", "1 March 2026")
    assert said(found["ACK"])["ACK03"] == ("EA", "each")
    assert (found["PO1"].depth, found["ACK"].depth, found["CTT"].depth) == (1, 2, 1)
    assert found["PO1"].text == "PO1*1*10*EA*12.5**BP*AX-100*VP*ACME-7~"
    assert found["ISA"].is_envelope
    assert not found["BAK"].is_envelope


def test_segments_lead_to_where_they_are_described():
    anchors = {("PO1/ACK", "ACK"): "here"}
    told = explain(PLAIN, ReadingRules(), lambda loop, code: anchors.get((loop, code), ""))
    (line,) = [line for line in told.lines if line.code == "ACK"]
    assert (line.anchor, line.said[0].anchor) == ("here", "here-ACK01")
    assert not [one for line in told.lines if line.code != "ACK" for one in (line, *line.said) if one.anchor]


def test_implied_decimals_and_components_are_read():
    invoice = (
        PLAIN.replace(b"*PR*", b"*IN*")
        .replace(b"ST*855*", b"ST*810*")
        .replace(b"BAK*00*AC*PO-1*20260301****SO-1", b"BIG*20260301*I1**PO1")
        .replace(b"ACK*IA*10*EA*068*20260310", b"MEA*WT*G*4*LB>1>2")
        .replace(b"PO1*", b"IT1*")
        .replace(b"CTT*1", b"TDS*12550")
    )
    found = lines(invoice)
    assert said(found["TDS"])["TDS01"] == ("12550", "125.50")
    assert said(found["MEA"])["MEA04-1"] == ("LB", "pound")
    assert "MEA04-2" in said(found["MEA"])


def test_a_fault_stands_at_its_segment_and_the_rest_beside():
    broken = PLAIN.replace(b"BAK*00*AC*", b"BAK*00*XX*").replace(b"GE*1*", b"GE*7*")
    told = explain(broken, ReadingRules())
    assert not told.accepted
    by_code = {line.code: line.faults for line in told.lines}
    assert "AK403 = 7" in by_code["BAK"][0]
    assert any("AK905 = 5" in fault for fault in (*by_code["GE"], *told.faults))
    empty = explain(b"", ReadingRules())
    assert (empty.lines, empty.accepted) == ((), False)
    assert empty.faults


def test_passwords_are_not_shown():
    held = PLAIN.replace(b"*00*          *00*          *", b"*01*SECRETNAME*01*SECRETWORD*")
    told = explain(held, ReadingRules())
    text = repr(told.lines)
    assert "SECRETNAME" not in text
    assert "SECRETWORD" not in text
    assert "**********" in told.lines[0].text


def test_separators_of_any_kind_can_be_seen():
    held = PLAIN.replace(b"~\n", b"\x1c").replace(b"*", b"\x1d")
    found = lines(held)
    assert found["CTT"].text == "CTT<1D>1<1C>"
    assert said(found["CTT"])["CTT01"] == ("1", "")
    assert lines(PLAIN.replace(b"~\n", b"\r\n"))["CTT"].text.startswith("CTT*1<CR>")


def test_text_in_its_encoding():
    held = PLAIN.replace(b"AX-100", "Größe".encode())
    assert said(lines(held, encoding="utf-8")["PO1"])["PO107"][0] == "Größe"
    assert "Größe" in lines(held, encoding="utf-8")["PO1"].text


def test_a_bulk_file_is_cut():
    segments = b"".join(b"N9*ZZ*%d~\n" % number for number in range(SEGMENTS_SHOWN_MAX * 2))
    told = explain(PLAIN.replace(b"CTT*1~\n", segments + b"CTT*1~\n"), ReadingRules())
    assert len(told.lines) == SEGMENTS_SHOWN_MAX
    assert told.omitted == SEGMENTS_SHOWN_MAX + 10


def test_several_interchanges_are_all_explained():
    told = explain(PLAIN + acknowledgment_855(2).replace(b"*", b"|"), ReadingRules())
    assert [line.code for line in told.lines].count("ISA") == 2
    assert len(told.results) == 2
    assert "BAK|00|AC|PO-2" in "".join(line.text for line in told.lines)


def test_evidence_of_places_and_values():
    trees = [found.tree for found in explain(PLAIN, ReadingRules()).sets]
    found = gather(tree for tree in trees if tree is not None)
    assert found.holds("PO1/ACK", "ACK")
    assert not found.holds("", "ACK")
    assert found.of("PO1", 7) == ["AX-100"]
    assert found.of("PO1", 5) == []


@given(st.lists(st.tuples(st.integers(0, len(PLAIN)), st.binary(max_size=6)), max_size=4), st.booleans())
def test_whatever_the_bytes_are_nothing_is_raised(changes: list[tuple[int, bytes]], cut: bool):
    data = PLAIN
    for at, by in changes:
        data = data[:at] + by + data[at + (0 if cut else len(by)) :]
    told = explain(data, ReadingRules())
    for line in told.lines:
        assert line.text.isprintable()
        assert all(one.value.isprintable() for one in line.said)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\tb\r\nc", "a    b\nc"), ("\x00\x1b[31m", "<00><1B>[31m"), ("\u202egnp", "<202E>gnp")],
)
def test_lines_without_what_is_no_character(text: str, shown: str):
    assert visible_lines(text) == shown
