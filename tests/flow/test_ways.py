"""How something of ours reaches a partner: which way, over whose connection, as whom of us."""

import pytest

from gateway.flow.outward.ways import NoWay, Recipient, own_way, recipient, speaking_as
from gateway.model.webhook import profile_subscription_id
from partners.directory import Directory
from tests.flow.dispatching import IDENTITIES, profile
from tests.site import key_pair

KEY = f"api_keys: [{{label: main, sha256: {'0' * 64}}}]\n"
X12 = "x12: {qualifier: ZZ, id: SMALL}\n"
AS2 = "as2: {id: THEM, our_identity: bigcorp, certificate: their.pem, url: 'https://them.example/as2'}\n"
VAN = "as2: {id: VAN, our_identity: bigcorp, certificate: their.pem, url: 'https://van.example/as2'}\n"
VAN += "speaks_for: [{qualifier: ZZ, id: SMALL}]\n"
MAILBOX = f"sftp: {{user: them, passwords: [{{label: old, scrypt: '$scrypt$ln=15,r=8,p=1${'A' * 22}${'A' * 43}'}}]}}\n"
SERVER = f"sftp_server: {{host: sftp.them.example, user: us, host_keys: 'SHA256:{'A' * 43}', key: ours, "
SERVER += "push: {folder: /incoming}}\n"
HOOK = "webhooks: {hosts: hooks.example, subscriptions: [{name: orders, url: 'https://hooks.example/in', "
HOOK += "secrets: 'env:KEY'}]}\n"


def way_to(text: str, **others: str) -> Recipient:
    keys, texts = key_pair("their"), {"them": text} | others
    directory = Directory([profile(name, said, keys) for name, said in texts.items()])
    return recipient(directory, "them")


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        (AS2, "as2"),
        (KEY, "inbox"),
        (KEY + AS2, "as2"),
        (KEY + AS2 + "delivery: {way: inbox}\n", "inbox"),
        (MAILBOX, "mailbox"),
        (KEY + MAILBOX, "inbox"),
        (KEY + MAILBOX + "delivery: {way: mailbox}\n", "mailbox"),
        (MAILBOX + SERVER, "sftp"),
        (MAILBOX + SERVER + AS2, "as2"),
        (HOOK + KEY + "delivery: {way: webhook, webhook: orders}\n", "webhook"),
    ],
)
def test_the_way_is_what_the_profile_says(text, channel):
    way = way_to(text)
    assert (way.channel, way.bearer) == (channel, way.partner)
    assert (way.as2 is not None) is (channel == "as2")
    addresses = {"webhook": profile_subscription_id("them", "orders"), "mailbox": "mailbox/them", "sftp": "sftp/them"}
    assert way.destination == addresses.get(channel, "")
    if channel != "as2":
        with pytest.raises(NoWay, match="them is not reached over AS2"):
            _ = way.over_as2


def test_who_comes_by_a_connection_is_reached_over_it_unless_they_fetch_themselves():
    by_van = way_to(KEY + X12 + "via: van\n", van=VAN)
    assert (by_van.channel, by_van.bearer.id) == ("as2", "van")
    alone = way_to(KEY + X12 + "via: van\ndelivery: {way: inbox}\n", van=VAN)
    assert (alone.channel, alone.bearer.id) == ("inbox", "them")
    assert own_way(by_van.partner.profile) is None


@pytest.mark.parametrize(
    ("van", "channel"),
    [("{mailbox}", "mailbox"), ("{server}", "sftp"), ("{mailbox}{server}", "sftp"), ("{key}{mailbox}", "mailbox")],
)
def test_files_for_those_who_come_by_a_connection_lie_in_its_mailbox_or_are_put_on_its_server(van, channel):
    text = van.format(mailbox=MAILBOX, server=SERVER, key=KEY) + "speaks_for: [{qualifier: ZZ, id: SMALL}]\n"
    way = way_to(KEY + X12 + "via: van\n", van=text)
    assert (way.channel, way.bearer.id, way.destination) == (channel, "van", f"{channel}/van")


def test_who_comes_by_a_connection_may_have_a_mailbox_of_its_own():
    way = way_to(MAILBOX + X12 + "via: van\ndelivery: {way: mailbox}\n", van=VAN)
    assert (way.channel, way.bearer.id, way.destination) == ("mailbox", "them", "mailbox/them")


def test_a_connection_has_no_inbox():
    van = KEY + "speaks_for: [{qualifier: ZZ, id: SMALL}]\n"
    with pytest.raises(NoWay, match=r"delivery: \{way: inbox\}"):
        way_to(KEY + X12 + "via: van\n", van=van)


def test_without_as2_the_one_that_is_named_speaks_else_the_only_one():
    way = way_to(KEY)
    assert speaking_as(way, IDENTITIES, "shop") == "shop"
    assert speaking_as(way, IDENTITIES[:1], None) == "bigcorp"
    with pytest.raises(NoWay, match="which of our identities speaks"):
        speaking_as(way, IDENTITIES, None)
    with pytest.raises(NoWay, match="none of our identities is named 'nobody'"):
        speaking_as(way, IDENTITIES, "nobody")
    with pytest.raises(NoWay, match="add an identity"):
        speaking_as(way, (), None)
