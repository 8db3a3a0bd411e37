"""The templates that come with the gateway: each says what it is for, and makes a sound profile of what is asked."""

from pathlib import Path

import pytest

from gateway.onboarding.checking.checker import check
from partners.loader import LoadedProfile, load_profile
from partners.templates import Templates
from tests.onboarding.test_agreements import BIGCORP, NOW
from tests.onboarding.test_check import GOOD
from tests.partners.profiles import KEY_DIGEST, write

AS2 = "as2: {id: NEW-AS2, url: https://as2.new.example/as2, certificate: new.pem}\n"
X12 = "x12: {qualifier: ZZ, id: NEWPARTNER}\n"
SFTP = "sftp: {user: new-partner, keys: [{label: first, file: new.pub}]}\n"
SFTP_SERVER = (
    "sftp_server: {host: sftp.new.example, user: bigcorp, key: new-partner, host_keys: SHA256:"
    + "A" * 43
    + ", push: {folder: /in}, fetch: [{name: answers, folder: /out}]}\n"
)
PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHzHr09MZzSivLaCqbXpB0RHPMmPSUkQDRhqYSNBlOQy new@partner\n"
# What is a partner's own, for each template.
OWN = {
    "as2-automotive": AS2 + X12,
    "as2-json": AS2,
    "as2-retail-vics": AS2 + X12,
    "as2-x12": AS2 + X12,
    "as2-xml": AS2,
    "connection": AS2 + "speaks_for: {qualifier: ZZ, id: NEWPARTNER}\n",
    "rest-json": f"api_keys: [{{label: production, sha256: {KEY_DIGEST}}}]\n",
    "sftp-server-x12": SFTP_SERVER + X12,
    "sftp-x12": SFTP + X12,
    "sftp-xml": SFTP,
    "via-connection": "via: new-van\n" + X12,
}
VAN = "id: new-van\nname: V\nextends: connection\n" + AS2 + "speaks_for: {qualifier: ZZ, id: NEWPARTNER}\n"


def founded(partners_dir: Path, template: str) -> LoadedProfile:
    text = f"id: new-partner\nname: New Partner\nextends: {template}\n{OWN[template]}"
    there = {"new_pem": GOOD, "new_pub": PUBLIC_KEY}
    files = {name: content for name, content in there.items() if name.replace("_", ".") in text}
    loaded = load_profile(write(partners_dir, "new-partner", text, **files))
    assert isinstance(loaded, LoadedProfile), loaded
    return loaded


def test_every_template_is_looked_at_here() -> None:
    assert Templates().names() == sorted(OWN)


@pytest.mark.parametrize("template", sorted(OWN))
def test_a_profile_upon_it_has_no_problems(tmp_path: Path, template: str) -> None:
    loaded = founded(tmp_path, template)
    assert template in loaded.template_names()
    if template == "via-connection":
        write(tmp_path, "new-van", VAN, new_pem=GOOD)
    found = check(tmp_path, identities=[BIGCORP], now=NOW)
    if template.startswith(("sftp", "rest")):  # nothing is fetched from us yet, which is said and no more
        found = [problem for problem in found if problem.severity == "error"]
    assert found == []


@pytest.mark.parametrize("template", sorted(OWN))
def test_it_gives_nothing_that_is_a_partners_own(template: str) -> None:
    held = Templates().get(template)
    assert held is not None
    text = held.data.decode()
    for key in ("id", "name", "status", "x12", "via"):
        assert f"\n{key}:" not in text
    first = text.split("\n", 1)[0]
    assert first.startswith("# ")
    assert first.endswith(".")


def test_what_retail_agrees(tmp_path: Path) -> None:
    profile = founded(tmp_path, "as2-retail-vics").profile
    by_document = {item.document: item for item in profile.agreements}
    assert profile.acknowledgment.expected_within_hours == 4
    assert profile.acknowledgment.envelope == "per_group"
    assert by_document["purchase_order"].releases == ("004010VICS",)
    assert by_document["ship_notice"].releases == ("004010VICS", "005010VICS")
    assert by_document["ship_notice"].rules[2].codes == ("GM", "AA", "CP")
    assert profile.as2 is not None
    assert profile.as2.sending.receipt == "signed"  # from the template below it


def test_retail_of_the_newer_release(tmp_path: Path) -> None:
    newer = "agreements: [{document: purchase_order, direction: outbound, syntax: x12, releases: [005010VICS]}]\n"
    text = f"id: new-partner\nname: N\nextends: as2-retail-vics\n{OWN['as2-retail-vics']}{newer}"
    loaded = load_profile(write(tmp_path, "new-partner", text, new_pem=GOOD))
    assert isinstance(loaded, LoadedProfile), loaded
    order = next(item for item in loaded.profile.agreements if item.document == "purchase_order")
    assert order.releases == ("005010VICS",)
    assert check(tmp_path, identities=[BIGCORP], now=NOW) == []


def test_the_automotive_one_takes_away_what_it_builds_on(tmp_path: Path) -> None:
    agreed = [(item.document, item.direction) for item in founded(tmp_path, "as2-automotive").profile.agreements]
    assert ("planning_schedule", "inbound") in agreed
    assert ("ship_notice", "outbound") in agreed
    assert ("ship_notice", "inbound") not in agreed
    assert "purchase_order" not in {document for document, _ in agreed}


def test_a_profile_changes_one_agreement_and_no_other(tmp_path: Path) -> None:
    differs = """\
agreements:
  - {document: purchase_order, direction: outbound, syntax: x12, releases: [005010]}
  - {document: invoice, direction: inbound, syntax: x12, in_use: false}
"""
    text = f"id: new-partner\nname: N\nextends: as2-x12\n{OWN['as2-x12']}{differs}"
    loaded = load_profile(write(tmp_path, "new-partner", text, new_pem=GOOD))
    assert isinstance(loaded, LoadedProfile), loaded
    assert [(item.document, item.releases) for item in loaded.profile.agreements] == [
        ("purchase_order", ("005010",)),
        ("purchase_order_acknowledgment", ("004010",)),
        ("ship_notice", ("004010",)),
    ]
