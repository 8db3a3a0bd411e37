"""Bodies of the calls that judge or keep documents: too large, encoded, or told in two ways (faults 16 to 18)."""

import pytest

from tests.edge.house import ACME_KEY, X12, House, acme, globex, open_house, problem_in

PATHS = ["/v1/documents", "/v1/validate"]
TWENTY_MIB = 20 * 1_048_576
# After a refusal the rest of the body is waited for as long as a head would be.
LINGERS_S = 2.0


def head(path, *fields):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"X-API-Key: {ACME_KEY}", *fields, "", ""]
    return "\r\n".join(lines).encode()


async def refused(house: House, path: str, *fields: str, body: bytes = b"") -> dict:
    answered = await house.raw(head(path, *fields) + body)
    told = problem_in(answered)
    assert answered.split(b" ", 2)[1] == b"%d" % told["status"]
    assert answered.count(b"Content-Length:") == 1  # what followed was not read as a request
    return told


@pytest.mark.parametrize("path", PATHS)
async def test_too_much_is_refused_by_its_head_and_while_it_comes(tmp_path, path):
    profiles = [acme("limits: {body_bytes_max: 2000}\n"), globex()]
    async with open_house(tmp_path, profiles=profiles, header_timeout_s=LINGERS_S) as house:
        told = await refused(house, path, "Content-Length: 2001")  # no byte of it was sent
        assert (told["status"], told["body_bytes_max"]) == (413, 2_000)
        chunk = b"3e8\r\n" + b"{" + b" " * 999 + b"\r\n"
        told = await refused(house, path, "Transfer-Encoding: chunked", body=chunk * 3)
        assert (told["status"], told["body_bytes_max"]) == (413, 2_000)
        assert house.bodies.held_bytes == 0
        assert not house.arrived


async def test_a_dry_run_has_a_limit_of_its_own(tmp_path):
    async with open_house(tmp_path, header_timeout_s=LINGERS_S) as house:
        told = await refused(house, "/v1/validate", f"Content-Length: {TWENTY_MIB + 1}")
    assert (told["status"], told["body_bytes_max"]) == (413, TWENTY_MIB)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("Content-Encoding: gzip", f"Content-Length: {len(X12)}"), 415),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        (("Content-Length: 5", "Content-Length: 6"), 400),
        (("Transfer-Encoding: gzip, chunked",), 400),
        (("X-API-Key: another", "Content-Length: 5"), 400),
    ],
)
async def test_what_can_be_read_in_two_ways_is_refused(house, path, fields, status):
    assert (await refused(house, path, *fields, body=X12))["status"] == status
    assert not house.arrived


@pytest.mark.parametrize("keys", [("a", "a"), ("a", "b"), ('"a"', "a")])
async def test_two_idempotency_keys_are_none(house, keys):
    fields = [f"Idempotency-Key: {key}" for key in keys]
    told = await refused(house, "/v1/documents", *fields, f"Content-Length: {len(X12)}", body=X12)
    assert (told["status"], told["type"].rpartition(":")[2]) == (400, "invalid-request")
    assert "came 2 times" in told["detail"]
    assert not house.arrived
