"""The maps that are exported are maps: pyx12's own program validates by them, and no place is lost."""

import io
from xml.etree import ElementTree as ET

import pytest
from pyx12.params import ParamsBase
from pyx12.x12n_document import x12n_document

from gateway.second_opinion.export import CONTROL_MAPS, write_maps
from tests.translators.x12.conftest import interchange
from translators.x12.dictionary import releases
from translators.x12.grammar import LoopRule, grammar, set_types

ORDER = "BEG*00*SA*PO1**20260105~N1*ST*Acme*92*12~PO1*1*5*EA*9.5**VP*A~CTT*1~"


def own_program_accepts(folder, data: bytes) -> bool:
    answer = io.StringIO()
    text = io.StringIO(data.decode("latin-1"))
    return x12n_document(ParamsBase(), text, answer, None, map_path=str(folder))


def test_pyx12_itself_validates_by_the_exported_maps(tmp_path):
    write_maps(tmp_path, "850", "004010")
    assert own_program_accepts(tmp_path, interchange(ORDER))
    assert not own_program_accepts(tmp_path, interchange(ORDER.replace("9.5", "nine")))
    assert not own_program_accepts(tmp_path, interchange(ORDER.replace("BEG*00", "BEG*99")))
    assert not own_program_accepts(tmp_path, interchange(ORDER.replace("CTT", "BEG")))


def test_a_folder_holds_all_that_pyx12_asks_for(tmp_path):
    own = write_maps(tmp_path, "856", "005010")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"maps.xml", "codes.xml", "dataele.xml", own.name, *CONTROL_MAPS}


def test_a_set_without_grammar_has_no_map(tmp_path):
    with pytest.raises(ValueError, match="no grammar for 123"):
        write_maps(tmp_path, "123", "004010")


@pytest.mark.parametrize("release", releases())
def test_every_place_of_every_grammar_is_in_its_map(release, tmp_path):
    for set_type in sorted(set_types(release)):
        root = ET.parse(write_maps(tmp_path, set_type, release)).getroot()
        loop = root.find("./loop/loop/loop[@xid='ST_LOOP']")
        book = grammar(set_type, release)
        assert places_of(loop) == rows_of(book.root)
        # pyx12 counts by path and holds back by position: neither may stand twice.
        positions = [int(one.findtext("pos")) for one in loop.iter() if one.tag in {"loop", "segment"}]
        assert positions == sorted(set(positions))
        names = [one.get("xid") for one in loop.iter("loop")]
        assert len(names) == len(set(names))
        for inner in loop.iter("loop"):
            codes = [one.get("xid") for one in inner.findall("segment")]
            assert len(codes) == len(set(codes))


def places_of(loop):
    found = []
    for child in loop:
        if child.tag == "segment":
            found.append((child.get("xid"), child.findtext("usage"), child.findtext("max_use")))
        elif child.tag == "loop":
            found.append((child.findtext("usage"), child.findtext("repeat"), places_of(child)))
    return found


def rows_of(loop):
    def times(most):
        return ">1" if most > 10**9 else str(most)

    return [
        ("R" if item.min else "S", times(item.max), rows_of(item))
        if isinstance(item, LoopRule)
        else (item.code, "R" if item.min else "S", times(item.max))
        for item in loop.items
    ]


def test_elements_carry_usage_type_length_codes_and_notes(tmp_path):
    own = write_maps(tmp_path, "850", "005010")
    segments = {one.get("xid"): one for one in ET.parse(own).getroot().iter("segment")}
    assert [one.text for one in segments["N1"].findall("syntax")] == ["R0203", "P0304"]
    first = segments["N1"].find("element")
    assert (first.get("data_ele"), first.get("usage")) == ("98", "R")
    assert first.find("valid_codes").get("external") == "98"
    elements = {one.get("ele_num"): one.attrib for one in ET.parse(tmp_path / "dataele.xml").getroot()}
    assert elements["98"] | {"name": ""} == {
        "ele_num": "98",
        "data_type": "ID",
        "min_len": "2",
        "max_len": "3",
        "name": "",
    }
    lists = {
        one.findtext("id"): {code.text for code in one.iter("code")}
        for one in ET.parse(tmp_path / "codes.xml").getroot()
    }
    assert "ST" in lists["98"]
    composites = segments["REF"].findall("composite")
    assert [one.get("data_ele") for one in composites] == ["C040"]
    assert [one.get("xid") for one in composites[0]][:2] == ["REF04-01", "REF04-02"]
