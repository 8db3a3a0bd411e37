"""Values as the texts of elements, and segments that take more than their table says."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.translators.x12.writing.test_written_documents import LINE, ORDER, lines_of, told
from translators.document_parts import (
    CodeAsSent,
    DateReference,
    LeadTime,
    Mark,
    Measure,
    Packages,
    Schedule,
    Split,
    Unmapped,
    UnmappedElement,
)
from translators.x12.dictionary import ElementRule
from translators.x12.writing import write_set
from translators.x12.writing.losses import Loss
from translators.x12.writing.values import fit_date, fit_number, fit_text, fit_time


def rule(kind, low, high, codes=(), number="127"):
    return ElementRule(number, "Name", kind, low, high, frozenset(codes))


@pytest.mark.parametrize(
    ("kind", "low", "high", "number", "text", "loss"),
    [
        ("R", 1, 5, "12.50", "12.50", None),
        ("R", 1, 3, "12.50", "12.5", None),
        ("R", 1, 2, "12.50", None, Loss.NUMBER),
        ("R", 1, 2, "0.25", ".25", None),
        ("R", 1, 2, "-0.25", "-.25", None),
        ("R", 4, 9, "-7", "-0007", None),
        ("R", 1, 9, "1E+3", "1000", None),
        ("N0", 1, 9, "7", "7", None),
        ("N0", 1, 9, "7.0", "7", None),
        ("N0", 1, 9, "7.5", None, Loss.NUMBER),
        ("N0", 1, 2, "777", None, Loss.NUMBER),
        ("N2", 1, 9, "12.5", "1250", None),
        ("N2", 1, 9, "12.505", None, Loss.NUMBER),
        ("AN", 1, 9, "12.5", "12.5", None),
    ],
)
def test_numbers_fit_exactly_or_not_at_all(kind, low, high, number, text, loss):
    fitted = fit_number(rule(kind, low, high), Decimal(number))
    assert (fitted.text, fitted.loss) == (text, loss)


@pytest.mark.parametrize(
    ("kind", "low", "high", "codes", "element", "value", "text", "loss"),
    [
        ("AN", 1, 5, (), "127", "abc  ", "abc", None),
        ("AN", 4, 5, (), "127", "abc", "abc ", None),
        ("AN", 1, 5, (), "127", "   ", None, None),
        ("AN", 1, 3, (), "127", "abcd", None, Loss.TOO_LONG),
        ("AN", 1, 3, (), "93", "abcd", "abc", Loss.TOO_LONG),
        ("AN", 1, 9, (), "127", "a\tb", "a b", Loss.CHARACTER),
        ("ID", 2, 2, ("AA",), "98", "AA", "AA", None),
        ("ID", 2, 2, ("AA",), "98", "BB", None, Loss.CODE_NOT_LISTED),
        ("R", 1, 9, (), "380", "12", "12", None),
        ("R", 1, 9, (), "380", "many", None, Loss.NUMBER),
    ],
)
def test_texts_are_cut_only_where_people_read_them(kind, low, high, codes, element, value, text, loss):
    fitted = fit_text(rule(kind, low, high, codes, element), value)
    assert (fitted.text, fitted.loss) == (text, loss)


@pytest.mark.parametrize(
    ("high", "time", "text", "loss"),
    [
        (8, dt.time(9, 5), "0905", None),
        (8, dt.time(9, 5, 7), "090507", None),
        (8, dt.time(9, 5, 7, 120_000), "09050712", None),
        (8, dt.time(9, 5, 7, 123_456), "09050712", Loss.TOO_LONG),
        (6, dt.time(9, 5, 7, 120_000), "090507", Loss.TOO_LONG),
        (4, dt.time(9, 5, 7), "0905", Loss.TOO_LONG),
    ],
)
def test_times_are_as_exact_as_the_element(high, time, text, loss):
    fitted = fit_time(rule("TM", 4, high), time)
    assert (fitted.text, fitted.loss) == (text, loss)


def test_dates_have_six_or_eight_digits():
    assert fit_date(rule("DT", 8, 8), dt.date(999, 1, 2)).text == "09990102"
    assert fit_date(rule("DT", 6, 6), dt.date(1970, 1, 2)).text == "700102"
    assert fit_date(rule("DT", 6, 6), dt.date(1969, 1, 2)).loss is Loss.DATE
    assert fit_date(rule("DT", 6, 6), dt.date(1969, 1, 2), has_century=True).text == "690102"


def written_line(**change):
    return write_set(replace(ORDER, lines=(replace(LINE, **change),)), "004010")


def test_lead_times_of_a_line_stand_between_their_bounds():
    written = written_line(lead_times=(LeadTime(code="AF", quantity=Decimal(3), period="DA"),))
    assert lines_of(written)[3:6] == ["LS*LDT", "LDT*AF*3*DA", "LE*LDT"]
    assert written.findings == ()


def test_splits_of_one_unit_share_a_segment():
    splits = tuple(Split(str(n).zfill(4), "92", Decimal(n)) for n in range(1, 13))
    other = Split("0099", "9", Decimal(1), "KGM")
    written = written_line(splits=(*splits, other, Split("0100", "92"), Split("0101", "92", Decimal(1), "ZZZ")))
    assert not written.is_sound
    assert ("missing-value", "/lines/0/splits/13/quantity", "SDQ", 4) in told(written)
    assert ("unit-unknown", "/lines/0/splits/14", "SDQ", 1) in told(written)
    sound = written_line(splits=(*splits, other))
    assert [line[:18] for line in lines_of(sound)[3:6]] == [
        "SDQ*EA*92*0001*1*0",
        "SDQ*EA*92*0011*11*",
        "SDQ*KG*9*0099*1",
    ]
    assert sound.findings == ()


def test_marks_are_numbers_ranges_or_containers():
    marks = (Mark("CP", None, "C1", "C9"), Mark(sscc="006141410000000012"), Mark(number="X"))
    written = written_line(marks=marks)
    assert lines_of(written)[3:6] == ["MAN*CP*C1*C9", "MAN*GM*00006141410000000012", "MAN*GM*X"]
    assert told(written) == [("assumed", "/lines/0/marks/2/qualifier", "MAN", 1)]
    assert ("missing-value", "/lines/0/marks/0/number", "MAN", 2) in told(written_line(marks=(Mark("CP"),)))
    refused = written_line(marks=(Mark("QQ", None, "1"),))
    assert ("not-carried", "/lines/0/marks/0", "MAN", 1) in told(refused)


def test_a_third_date_of_a_schedule_is_told():
    dates = tuple(DateReference("002", date=dt.date(2026, 1, day)) for day in (1, 2, 3))
    written = written_line(schedules=(Schedule(quantity=Decimal(5), unit="EA", dates=dates),))
    assert "SCH*5*EA***002*20260101**002*20260102" in lines_of(written)
    assert [(code, pointer) for code, pointer, _, _ in told(written)] == [
        ("not-carried", "/lines/0/schedules/0/dates/2")
    ]


def test_measures_keep_unit_and_qualifier():
    weight = Measure(Decimal("41.5"), "G", "LBR")
    order = replace(ORDER, packages=(Packages(quantity=Decimal(2), packaging_code="CTN25", weight=weight),))
    assert "TD1*CTN25*2****G*41.5*LB" in lines_of(write_set(order, "004010"))
    odd = replace(ORDER, packages=(Packages(volume=Measure(Decimal(1), "G", "ZZZ")),))
    codes = {(code, pointer) for code, pointer, _, _ in told(write_set(odd, "004010"))}
    assert codes >= {("unit-unknown", "/packages/0/volume/unit"), ("not-carried", "/packages/0/volume/qualifier")}


@pytest.mark.parametrize("code_list", ["cxml", "cxml_older", "rec20"])
def test_units_of_other_lists_go_by_rec_20(code_list):
    written = written_line(unit=None, unit_as_sent=CodeAsSent("KGM", code_list))
    assert "PO1*1*5*KG*1.25**VP*A" in lines_of(written)


def element(number, value):
    return UnmappedElement(number, value)


def test_loops_that_found_no_field_go_back_whole():
    order = replace(
        ORDER,
        unmapped=(
            Unmapped("SPI", 3, "SPI", (element(1, "ZZ"),), "SPI[1]/SPI[1]"),
            Unmapped("REF", 4, "SPI", (element(1, "ZZ"), element(2, "7")), "SPI[1]/REF[1]"),
            Unmapped("CB1", 5, "SPI/CB1", (element(1, "01"),), "SPI[1]/CB1[1]/CB1[1]"),
            Unmapped("REF", 9, "SPI", (element(1, "ZZ"),), "SPI[2]/REF[1]"),
            Unmapped("BEG", 2, None, (element(3, "other"),), "BEG[1]"),
            Unmapped("PO1", 9, "PO1", (element(99, "x"),), "PO1[1]/PO1[1]"),
            Unmapped("ZZZ", 9, "PO1", (element(1, "x"),), None),
            Unmapped("ZZY", 9, "PO1", ()),
        ),
    )
    written = write_set(order, "004010")
    assert lines_of(written)[2:5] == ["SPI*ZZ", "REF*ZZ*7", "CB1*01"]
    assert [(code, pointer) for code, pointer, _, _ in told(written)] == [
        ("not-carried", "/unmapped/4/elements/0"),
        ("not-carried", "/unmapped/5/elements/0"),
        ("not-carried", "/unmapped/6"),
        ("not-carried", "/unmapped/3"),
    ]
