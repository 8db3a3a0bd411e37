"""Accept, whatever stands in it: one of what is offered, or a refusal."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from gateway.edge.rest.accepting import chosen
from gateway.model.refusals import Reason, Refused

OFFERED = ("application/edi-x12", "application/json", "application/xml")


def choice(*accept: str) -> str:
    request = SimpleNamespace(headers=CIMultiDict(("Accept", one) for one in accept))
    return chosen(request, OFFERED)  # type: ignore[arg-type]  # of a request nothing else is read


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ((), "application/edi-x12"),
        (("",), "application/edi-x12"),
        (("*/*",), "application/edi-x12"),
        (("application/json", "application/xml;q=0.9"), "application/json"),
        (("application/*;q=0.2, application/xml;q=0.3",), "application/xml"),
        (("*/*;q=1, application/edi-x12;q=0",), "application/json"),
        (("application/json;q=0.000, */*;q=0.001",), "application/edi-x12"),
        ((" , application/xml , ",), "application/xml"),
        (("application/json;version=1;q=0.5, text/*",), "application/json"),
    ],
)
def test_what_is_liked_best(accept, wanted):
    assert choice(*accept) == wanted


@given(st.text(alphabet="aplicton/jsxm*;q=.,01 \t-", max_size=80))
def test_anything_is_a_choice_or_a_refusal(accept):
    reason = None
    try:
        assert choice(accept) in OFFERED
    except Refused as refused:
        reason = refused.reason
    assert reason in {None, Reason.NOT_ACCEPTABLE, Reason.INVALID_REQUEST}
