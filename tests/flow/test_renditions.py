"""What lies in an inbox, put into another syntax."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flow.outward.renditions import CannotRender, Renditions, render
from tests.flow.dispatching import order
from tests.site import acknowledgment_855


async def test_x12_is_had_as_canonical_json_and_xml():
    made = json.loads(await Renditions().of(acknowledgment_855(1), "application/edi-x12", "json"))
    assert made["document_type"] == "purchase_order_acknowledgment"
    assert [line["quantity"] for line in made["lines"]] == ["10"]
    assert b"purchase_order_acknowledgment" in await Renditions().of(acknowledgment_855(1), "", "xml")


def test_several_documents_stay_several():
    both = b"[" + order("PO-1") + b"," + order("PO-2") + b"]"
    as_xml = render(both, "application/json", "xml")
    assert isinstance(as_xml, bytes)
    back = render(as_xml, "application/xml", "json")
    assert isinstance(back, bytes)
    assert [one["number"] for one in json.loads(back)] == ["PO-1", "PO-2"]


@pytest.mark.parametrize("payload", [b"", b"no document", b"{}", b"[]", b"<a/>", b"ISA*", b'{"document_type": "x"}'])
async def test_what_is_no_document_cannot_be_had_otherwise(payload):
    for syntax in ("json", "xml"):
        with pytest.raises(CannotRender, match="cannot be put into"):
            await Renditions().of(payload, "", syntax)


@given(st.binary(max_size=200), st.sampled_from(["json", "xml"]), st.sampled_from(["", "application/json", "text/xml"]))
def test_nothing_makes_it_raise(payload, syntax, content_type):
    assert render(payload, content_type, syntax)
