"""Paths are split while they are encoded, and each part is decoded once."""

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.edge.paths import PATH_CHARACTERS_MAX, encoded, parts_of
from gateway.model.refusals import Reason, Refused
from tests.edge.house import ACME_KEY, problem_in

HEAD = f" HTTP/1.1\r\nHost: x\r\nX-API-Key: {ACME_KEY}\r\nConnection: close\r\n\r\n".encode()
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200)


@given(st.lists(texts, max_size=3))
def test_whatever_a_part_holds_it_comes_back(parts):
    path = "/v1/" + "/".join(map(encoded, parts))
    if len(path) <= PATH_CHARACTERS_MAX:
        assert parts_of(path) == ("", "v1", *(parts or [""]))
        # And clients that normalise what they send leave it alone.
        assert URL(f"http://x{path}", encoded=True).raw_path == path


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Cs"]), max_size=60))
def test_any_path_is_read_or_refused(path):
    try:
        parts = parts_of(path)
    except Refused:
        assert "%" in path
    else:
        assert len(parts) == path.count("/") + 1


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/a%2Fb/c", ("", "a/b", "c")),
        ("/%252F", ("", "%2F")),
        ("/../%2e%2e/.", ("", "..", "..", ".")),
        ("/%C3%BC+%20", ("", "ü+ ")),
        ("", ("",)),
    ],
)
def test_each_part_is_decoded_once(path, parts):
    assert parts_of(path) == parts


@pytest.mark.parametrize("path", ["/%", "/%2", "/%zz", "/%ff", "/%C3", "/%ED%A0%80", "/%c0%af"])
def test_what_is_encoded_wrongly_is_refused(path):
    with pytest.raises(Refused) as refused:
        parts_of(path)
    assert refused.value.reason is Reason.INVALID_REQUEST


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/v1/%64ocuments", 200),
        (b"/v1%2Fdocuments", 404),
        (b"/v1/documents/%2e%2e", 404),
        (b"/v1/documents/..", 404),
        (b"/v1/documents/../documents", 404),
        (b"/v1/documents/", 404),
        (b"//v1/documents", 404),
        (b"http://other.example/v1/documents", 200),
        (b"/v1/documents/a%2Fb", 404),
        (b"/v1/documents/%00", 404),
        (b"/v1/documents/%ff", 400),
        (b"/v1/documents/%", 400),
        (b"/v1/documents/" + b"a" * PATH_CHARACTERS_MAX, 404),
        (b"/health/live?x=%zz", 200),
    ],
)
async def test_addresses_that_are_written_oddly(house, path, status):
    answered = await house.raw(b"GET " + path + HEAD)
    assert int(answered.split(b" ")[1]) == status
    if status >= 400:
        assert problem_in(answered)["status"] == status


async def test_a_wrong_method_is_told_for_an_encoded_path_too(house):
    async with aiohttp.ClientSession() as client:
        url = URL(f"{house.url}/v1/documents/a%2Fb", encoded=True)
        async with client.delete(url, headers={"X-API-Key": ACME_KEY}) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
