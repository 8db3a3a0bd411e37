import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import partners
from gateway.edge.refusals import catalogue
from gateway.onboarding.guide.facts import Facts, ServerKey
from gateway.onboarding.guide.rendering import guide_page
from partners.loader import LoadedProfile, load_profile, parse_profile
from tests.as2.parties import partner, us
from tests.onboarding.guides import AT, NOTICE, ORDER, PROFILE, RESPONSE, Page, facts, loaded, page_of, sample
from tests.site import acknowledgment_855, ship_notice_json

HOSTILE = "</title></script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def page() -> Page:
    return page_of(
        None,
        sample(acknowledgment_855(1)),
        sample(ship_notice_json(1), name="received.json", title="a notice"),
    )


def test_one_file_that_asks_for_nothing(page: Page):
    assert len(page.html) < 3_000_000
    loading = {"src", "srcset", "data", "action", "formaction", "poster", "background", "ping", "manifest"}
    for element in page.elements():
        assert not loading & element.attributes.keys(), element
        assert element.tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"], element
        assert element.attributes.get("href", "#").startswith("#"), element
    assert not re.search(r"url\((?!#)|@import", page.html)
    addresses = set(re.findall(r"https?://[^\s\"'<>&;]+", page.html)) - {"http://www.w3.org/2000/svg"}
    assert {address.split("/")[2] for address in addresses} == {"b2b.bigcorp.example", "as2.acme.example"}


def test_every_link_leads_somewhere_and_every_id_is_there_once(page: Page):
    assert len(page.ids) == len(set(page.ids))
    targets = {element.attributes["href"][1:] for element in page.elements("a")}
    for element in page.elements():
        for name in ("aria-labelledby", "for"):
            targets.update(element.attributes.get(name, "").split())
    assert targets <= set(page.ids)


def test_only_its_own_style_and_script_may_run(page: Page):
    (policy,) = [
        element.attributes["content"] for element in page.elements("meta", **{"http-equiv": "Content-Security-Policy"})
    ]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert len(page.elements("script")) == len(page.elements("style")) == 1


def test_a_person_who_does_not_see_it_finds_the_way(page: Page):
    assert page.elements("html")[0].attributes["lang"] == "en"
    assert len(page.elements("main")) == len(page.elements("nav")) == len(page.elements("h1")) == 1
    for table in page.elements("table"):
        tags = [child.tag for child in table.children]
        assert tags[:2] == ["caption", "thead"], table.words[:80]
        assert table.children[0].words
        assert all(cell.attributes.get("scope") for cell in table.all() if cell.tag == "th")
    (picture,) = page.elements("svg")
    assert picture.attributes["role"] == "img"
    title, words = (page.at(name).words for name in picture.attributes["aria-labelledby"].split())
    assert "BigCorp Industries" in title
    assert "BigCorp Industries sends 850 Purchase Order to ACME Supply Inc." in words
    assert "ACME Supply Inc. sends 855 Purchase Order Acknowledgment to BigCorp Industries" in words
    levels = [int(element.tag[1]) for element in page.elements() if re.fullmatch("h[1-6]", element.tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_no_secret_is_told(page: Page):
    for secret in ("ab" * 32, "the-passphrase-of-the-ring", "PRIVATE KEY"):
        assert secret not in page.html
    assert "portal" in page.at("rest").words


def test_secrets_by_reference_and_our_network_stay_with_us():
    way = {
        "username": "bigcorp-user",
        "password": "env:ACME_PASSWORD",
        "proxy": "http://proxy.internal.example:3128",
        "private_networks": ["10.20.0.0/16"],
    }
    told = page_of(loaded(as2=PROFILE["as2"] | {"connection": way}, agreements=[NOTICE]))
    assert "bigcorp-user" in told.words
    for ours in ("ACME_PASSWORD", "proxy.internal", "10.20.0.0"):
        assert ours not in told.html


def test_certificates_of_both_sides_can_be_compared_and_ours_copied(page: Page):
    words = page.at("certificates").words
    for pair in (us(), partner()):
        assert pair.certificate.fingerprint[:8].upper() in words.replace(":", "")
        assert f"{pair.certificate.serial_number:X}" in words
    (pem,) = [element for element in page.elements("pre") if "pem" in element.attributes.get("class", "")]
    assert "".join(pem.text).strip() == us().certificate.pem().decode().strip()
    assert partner().certificate.pem().decode().splitlines()[1] not in page.html


def test_what_others_wrote_is_text_and_nothing_else():
    hostile = loaded(
        name=HOSTILE,
        contacts=[{"name": HOSTILE}],
        as2=PROFILE["as2"] | {"sending": {"subject": "<script>alert(3)</script>"}},
        agreements=[
            ORDER | {"rules": [{"element": "BEG02", "codes_added": ["<b"], "codes": ["NE"]}]},
            RESPONSE,
            NOTICE,
        ],
    )
    edi = acknowledgment_855(1).replace(b"AX-100", b"<script>alert(4)</script>\x1b")
    told = page_of(
        hostile,
        sample(edi, title=HOSTILE, about=HOSTILE),
        sample(ship_notice_json(1).replace(b"SN-1", HOSTILE.replace('"', "'").encode()), name="received.json"),
        settings={"company": HOSTILE, "contacts": [{"name": HOSTILE}]},
    )
    assert len(told.elements("script")) == 1
    assert not told.elements("img")
    assert "alert" not in "".join(told.elements("script")[0].text)
    assert "<script>alert(4)</script>" in told.words
    assert "\x1b" not in told.html
    assert told.elements("title")[0].words.startswith("Implementation guide: </title></script><script>alert(1)")


def test_every_letter_of_the_versions_and_the_state_stand_on_the_cover(page: Page):
    cover = page.elements("header", class_="cover")[0].words
    assert "1 March 2026" in cover
    assert loaded().digest[:12] in cover
    assert "In production" in cover
    assert "Test: nothing of this reaches production" in page_of(loaded(status="testing", agreements=[])).words
    assert "Suspended" in page_of(loaded(status="suspended", agreements=[])).words


def test_the_same_facts_make_the_same_page():
    of = loaded(agreements=[RESPONSE])
    assert guide_page(facts(of)) == guide_page(facts(of))


def test_a_draft_says_what_is_open():
    draft = loaded(status="draft", as2={"id": "ACME-AS2"}, api_keys=None, agreements=[], x12=None)
    told = page_of(draft, settings={"public_url": None, "company": ""})
    assert "Draft: not in force yet" in told.words
    points = told.elements("aside")[0].words
    assert "You send to" in points
    assert "none was agreed yet" in points
    assert "signatures are required" in points
    assert not told.elements("svg")


def test_a_draft_of_nothing_has_a_guide_too():
    told = page_of(
        loaded(status="draft", as2=None, api_keys=None, x12=None, agreements=None), settings={"identities": []}
    )
    assert "no way was agreed yet" in told.elements("aside")[0].words


def test_what_is_folded_away_opens_for_print():
    of = loaded(agreements=[RESPONSE])
    assert not [one for one in page_of(of).elements("details") if "open" in one.attributes]
    opened = page_of(of, full=True).elements("details")
    assert opened
    assert all("open" in one.attributes for one in opened)


EXAMPLES = Path(partners.__file__).parent / "examples"


@pytest.mark.parametrize("name", sorted(folder.parent.name for folder in EXAMPLES.glob("*/profile.yaml")))
def test_every_partner_that_is_shipped_has_a_guide(name: str):
    example, base = load_profile(EXAMPLES / name), facts()
    assert isinstance(example, LoadedProfile)
    told = Page(guide_page(Facts(example, base.settings, AT, problems=catalogue())))
    assert len(told.ids) == len(set(told.ids))
    assert {element.attributes["href"][1:] for element in told.elements("a")} <= set(told.ids)
    for agreement in example.profile.agreements:
        assert f"{agreement.document}-{agreement.direction}-{agreement.syntax}".replace("_", "-") in told.ids


def test_a_profile_in_yaml_with_every_way():
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJNvMjR1sQ0M5Jb0q8kz7lqvVYy0lXwq0Zt7n0mYH0Xq acme"
    files = {
        "profile.yaml": yaml.safe_dump(
            PROFILE
            | {"agreements": [NOTICE], "sftp": {"user": "acme-sftp", "keys": [{"label": "main", "file": "acme.pub"}]}}
        ).encode(),
        "acme.pem": partner().certificate.pem(),
        "acme.pub": key.encode(),
    }
    made = parse_profile(files)
    assert isinstance(made, LoadedProfile), made
    told = page_of(made)
    assert "SHA256:" in told.at("sftp").words
    assert "acme-sftp" in told.at("sftp").words
    assert "not settled yet; we will tell you" in told.at("sftp").words


HOST_KEY = ServerKey("SHA256:" + "A" * 43, "ssh-ed25519", "ssh-ed25519 AAAAC3Nz", signs=True)


def mailbox_page(host: str | None = "sftp.bigcorp.example:22", **sftp: Any) -> str:
    held = loaded(sftp={"user": "acme-sftp"} | sftp, agreements=[RESPONSE, ORDER])
    next_key = replace(HOST_KEY, fingerprint="SHA256:" + "B" * 43, signs=False, signs_from=AT)
    made = replace(facts(held, settings={"sftp_public_host": host}), host_keys=(HOST_KEY, next_key))
    return Page(guide_page(made)).at("sftp").words


def test_a_mailbox_is_told_with_its_door_and_its_folders():
    told = mailbox_page()
    for words in ("sftp.bigcorp.example", "ssh-ed25519 SHA256:" + "A" * 43, "SHA256:" + "B" * 43, "outbox/archive/"):
        assert words in told
    assert "sftp.bigcorp.example ssh-ed25519 AAAAC3Nz" in told
    assert "sftp -P 22 -i ~/.ssh/YOUR-KEY acme-sftp@sftp.bigcorp.example" in told
    assert '-hostkey="ssh-ed25519 255 ' in told
    assert "when your program closes it, or renames it to its final name" in told
    assert "OpenSSH before 8.7 an interrupted upload cannot be told from a whole one: use temporary names" in told
    assert "write them in UTF-8" in told
    assert "paramiko's listdir ends with UnicodeDecodeError" in told
    assert "when you have read all of a file and closed it" in told
    assert "purchase_order-4500012345-01JQ7XK3V8E4T6M2N9R5W0Z1YB.edi" in told


def test_what_was_agreed_otherwise_of_a_mailbox_is_told():
    told = mailbox_page(
        "sftp.bigcorp.example",
        complete_on="rename",
        delivered_on="removal",
        temporary_suffixes=[".tmp"],
        attributes="ignored",
        networks=["192.0.2.0/24"],
        file_name="PO{number}_{id}.{extension}",
    )
    assert "sftp -P 2222 " in told
    assert "[sftp.bigcorp.example]:2222 ssh-ed25519" in told
    assert "when you rename it from a temporary name to its final one" in told
    assert "OpenSSH before 8.7" not in told
    assert "names that end with .tmp or begin with .in." in told
    assert "when you remove the file from outbox/, or rename it, after you have read it" in told
    assert "PO4500012345_01JQ7XK3V8E4T6M2N9R5W0Z1YB.edi" in told
    assert "192.0.2.0/24" in told
    assert "Times and permissions" not in told
