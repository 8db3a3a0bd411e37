"""`check` on the X12 of a profile: addresses that are good for one direction, terms that say the same twice."""

from pathlib import Path

import pytest

from tests.onboarding.test_check import GOOD, checked
from tests.partners.profiles import ACME, write

SENDS = ACME.replace("group_id: ACMESUPPLY}", "group_id: ACMESUPPLY, use: inbound}")
RECEIVES = ACME.replace("group_id: ACMESUPPLY}", "group_id: ACMESUPPLY, use: outbound}")
ORDERS = "  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}\n"
SHIPS = "{document: ship_notice, direction: inbound, syntax: x12, releases: [004010]}"


def with_terms(text: str) -> str:
    return ACME.replace(SHIPS, SHIPS.replace("}", f", {text}}}"))


@pytest.mark.parametrize(
    ("profile", "where", "what"),
    [
        (SENDS + ORDERS, "10", "nothing says where it goes: every X12 address of theirs has `use: inbound`; give one"),
        (RECEIVES, "9", "nobody can send it: every X12 address of theirs has `use: outbound`; give one"),
        (
            with_terms("tolerances: [trailing-separators], validation: {trailing_separators: mandatory}"),
            "9",
            "the tolerance `trailing-separators` speaks of the same; remove the tolerance",
        ),
        (
            ACME + "tolerances: [trailing-separators]\nvalidation: {trailing_separators: not_allowed}\n",
            "11",
            "the tolerance `trailing-separators` speaks of the same; remove the tolerance",
        ),
        (with_terms('acknowledgment: {functional: "999"}'), "9", "004010 has no 999: a 997 is written; write 997"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, profile: str, where: str, what: str) -> None:
    write(tmp_path, "acme-supply", profile, acme_pem=GOOD)
    (line,) = checked(tmp_path)
    assert line.startswith(f"acme-supply/profile.yaml:{where}:"), line
    assert what in line


@pytest.mark.parametrize(
    "profile",
    [
        SENDS,
        RECEIVES.replace("inbound", "outbound"),
        ACME.replace("x12: {", "x12:\n  - {qualifier: ZZ, id: ACMEIN, use: inbound}\n  - {", 1).replace(
            "group_id: ACMESUPPLY}", "group_id: ACMESUPPLY, use: outbound}"
        )
        + ORDERS,
        with_terms('acknowledgment: {functional: "999"}').replace("004010", "005010"),
        with_terms("validation: {trailing_separators: optional, character_set: basic}"),
    ],
)
def test_what_is_right_is_not_told_of(tmp_path: Path, profile: str) -> None:
    write(tmp_path, "acme-supply", profile, acme_pem=GOOD)
    assert checked(tmp_path) == []
