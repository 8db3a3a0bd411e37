"""Which addresses and URLs we go to."""

from ipaddress import ip_network

import pytest

from gateway.carriers.addresses import refusal
from gateway.carriers.destinations import Destination, read_url, receipt_objection
from partners.as2_terms import As2

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "[2a00:1450::1]", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PUBLIC += ["2002:808:808::1"]
NOT_PUBLIC = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "10.0.0.1": "private",
    "100.64.0.1": "shared",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "reserved",
    "192.0.2.1": "documentation",
    "192.88.99.1": "reserved",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarks",
    "198.51.100.7": "documentation",
    "203.0.113.7": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "[::1]": "loopback",
    "::127.0.0.1": "reserved",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "100::1": "reserved",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "2001:2::1": "reserved",
    "5f00::1": "reserved",
    "64:ff9b:1::a00:1": "reserved",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.1.2.3": "private",
    "::ffff:0:169.254.169.254": "link-local",
    "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::a9fe:a9fe": "link-local",
    "2002:7f00:1::1": "loopback",
    "2002:c0a8:101::1": "private",
    "2001:0:a00:1:0:0:f7f7:f7f7": "private",
    "2001:0:808:808:0:0:f5ff:fffe": "private",
    "2a00:1450::5efe:10.0.0.1": "private",
    "2a00:1450::200:5efe:192.168.0.1": "private",
    "here": "no address",
    "127.1": "no address",
    "": "no address",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_connected_to(address: str):
    assert refusal(address, ()) is None


@pytest.mark.parametrize(("address", "kind"), NOT_PUBLIC.items())
def test_what_is_not_public_is_refused_by_its_kind(address: str, kind: str):
    reason = refusal(address, ())
    assert reason is not None
    assert kind in reason


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.20.3.4", "10.20.0.0/16"),
        ("::ffff:10.20.3.4", "10.20.0.0/16"),
        ("64:ff9b::10.20.3.4", "10.20.0.0/16"),
        ("fd00::5", "fd00::/8"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_network_of_the_profile_opens_what_lies_in_it_and_nothing_else(address: str, network: str):
    assert refusal(address, [ip_network(network)]) is None
    assert refusal("10.21.0.1", [ip_network(network)]) is not None
    assert refusal("fe80::1", [ip_network(network)]) is not None


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"])
def test_no_network_opens_what_stands_for_this_host_or_for_many(address: str):
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert refusal(address, everything) is not None
    assert refusal("192.168.0.1", everything) is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://a.example@b.example/",
        "https://a.example\\@b.example/",
        "https://a.example#@b.example/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:8x/",
        "https://a example/",
        "https://a.example/\r\nHost: b.example",
        "https://a%2eexample/",
        "https://[::1/",
        "https://ä.example/",
        "gopher://a.example",
        "a.example",
        "",
        "https://a.example/" + "x" * 3_000,
    ],
)
def test_what_two_readers_could_read_differently_is_no_url(url: str):
    assert isinstance(read_url(url), str)


def test_a_url_is_read_once():
    read = read_url("HTTPS://AS2.Acme.Example.:8443/in?token=x")
    assert isinstance(read, Destination)
    assert read.origin == ("https", "as2.acme.example", 8443)
    assert read.path == "/in"
    assert "token" not in read.shown
    plain = read_url("http://[2001:db8::1]/")
    assert isinstance(plain, Destination)
    assert (plain.host, plain.port) == ("2001:db8::1", 80)


AS2 = As2(
    id="ACME",
    certificate="acme.pem",
    url="https://as2.acme.example/in",
    receipts_to=("mdn.acme.example", "https://van.example:8443/mdn"),
)


@pytest.mark.parametrize(
    "url",
    [
        "https://as2.acme.example/in",
        "https://AS2.ACME.example:4443/async",
        "https://mdn.acme.example/any?thing=1",
        "https://van.example:8443/mdn?id=7",
    ],
)
def test_receipts_go_to_the_partners_own_hosts(url: str):
    assert receipt_objection(url, AS2) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/in",
        "https://as2.acme.example.evil.example/",
        "https://xas2.acme.example/",
        "https://van.example/mdn",
        "https://van.example:8443/other",
        "http://van.example:8443/mdn",
        "http://169.254.169.254/latest/meta-data",
        "https://as2.acme.example@evil.example/",
        "http://as2.acme.example/in",
        "http://mdn.acme.example/in",
        "mailto:edi@acme.example",
    ],
)
def test_receipts_go_nowhere_else(url: str):
    assert receipt_objection(url, AS2) is not None


def test_receipts_go_without_tls_only_where_the_partner_does():
    plain = As2(id="ACME", certificate="acme.pem", url="http://as2.acme.example/in", receipts_to=("mdn.acme.example",))
    assert receipt_objection("http://as2.acme.example:4080/async", plain) is None
    assert receipt_objection("http://mdn.acme.example/", plain) is None
