"""A partner's own SFTP server as the guide, the sheet and the differences tell it."""

from dataclasses import replace

import pytest

from gateway.onboarding.differences import compare
from gateway.onboarding.guide.rendering import guide_page
from gateway.onboarding.guide.steps import steps_of
from gateway.onboarding.guide.transport import transports_of
from tests.onboarding.guides import NOTICE, ORDER, facts, loaded

PIN, NEXT = "SHA256:" + "A" * 43, "SHA256:" + "B" * 43
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ partner-gateway-acme"
SERVER = {
    "host": "sftp.acme.example",
    "port": 2222,
    "user": "bigcorp",
    "host_keys": [PIN],
    "key": "acme",
    "push": {"folder": "/incoming/{document}", "file_name": "PO-{number}-{id}.{extension}"},
    "fetch": [{"name": "notices", "folder": "/outgoing", "files": ["*.edi"], "then": "move", "move_to": "/done"}],
}


def made(**changes):
    return loaded(as2=None, agreements=[ORDER, NOTICE], sftp_server=SERVER | changes)


def told(held):
    (section,) = [way for way in transports_of(held) if way.anchor == "sftp-server"]
    return {fact.name: " ".join((*fact.lines, fact.note)) for table in section.tables for fact in table.facts}


def test_the_guide_tells_what_they_set_up_for_us():
    said = told(replace(facts(made()), ssh_key=KEY))
    assert "sftp.acme.example, port 2222" in said["We connect to"]
    assert said["Our user"].startswith("bigcorp")
    assert KEY in said["Our public key"]
    assert PIN in said["Your host keys"]
    assert "PO-4711-01KJ6Z5S4T8W9X2Y3Z4A5B6C7D.edi.part" in said["While they are written"]
    assert said["We look"].startswith("every 15 minutes")
    assert "/done" in said["Once it is kept here"]
    assert "not made yet" in told(facts(made()))["Our public key"]


def test_a_folder_of_each_kind_and_a_folder_for_the_unfinished():
    push = {"folder": "/in/{document}", "temporary_folder": "/unfinished"}
    said = told(facts(made(push=push, fetch=[])))
    assert "/in/purchase_order" in said["Folder"]
    assert "/unfinished/" in said["While they are written"]


def test_the_page_and_the_steps_have_it():
    held = replace(facts(made()), ssh_key=KEY)
    page = guide_page(held)
    assert "Your SFTP server" in page
    assert KEY in page
    assert any("our public key" in step.what for step in steps_of(held))


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"host": "other.example"}, "sftp_server.host", "we connect to other.example (was sftp.acme.example)"),
        ({"host_keys": [PIN, NEXT]}, "sftp_server.host_keys", f"believed from now on with {NEXT}"),
        ({"host_keys": [NEXT]}, "sftp_server.host_keys", f"no more with {PIN}"),
        ({"key": "acme-2027"}, "sftp_server.key", "we log in with our key acme-2027 (was acme)"),
        ({"push": SERVER["push"] | {"folder": "/new"}}, "sftp_server.push.folder", "what we send is put into /new"),
        ({"user": "other"}, "sftp_server.user", "bigcorp -> other"),
    ],
)
def test_differences_are_told_in_business_words_and_weighty(changes, name, words):
    found = {change.name: change for change in compare(made(), made(**changes))}
    assert words in found[name].words
    assert found[name].is_weighty


def test_folders_that_come_and_go_are_told():
    more = [*SERVER["fetch"], {"name": "invoices", "folder": "/invoices"}]
    came = {change.name: change for change in compare(made(), made(fetch=more))}["sftp_server.fetch[1].folder"]
    assert "fetched from /invoices of their server" in came.words
    assert came.is_weighty
    went = {change.name: change for change in compare(made(fetch=more), made())}["sftp_server.fetch[1].folder"]
    assert "nothing is fetched from /invoices" in went.words
