"""amqps: the broker's certificate is verified, against the file that the URL names."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.broker import BrokerUnavailable
from tests.broker.conftest import event_of, next_message
from tests.broker.proxy import Proxy


def certificate_for(address, folder):
    """A self-signed certificate and its key for an address, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


async def tls_proxy(broker_url, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    parts = urlsplit(broker_url)
    return Proxy(parts.hostname, parts.port, ssl_context=context)


def through(proxy, broker_url, query=""):
    parts = urlsplit(broker_url)
    credentials = parts.netloc.rpartition("@")[0]
    return parts._replace(scheme="amqps", netloc=f"{credentials}@127.0.0.1:{proxy.port}", query=query).geturl()


async def test_events_travel_over_tls(brokers, broker_url, client, tmp_path):
    certificate, key = certificate_for("127.0.0.1", tmp_path)
    async with await tls_proxy(broker_url, certificate, key) as proxy:
        broker = await brokers(through(proxy, broker_url, f"cafile={certificate}"))
        await broker.publish(event_of(1))
        assert (await next_message(client, "erp.inbound")).message_id == "EV-1.received"
        await broker.close()


@pytest.mark.parametrize(("address", "trusted"), [("127.0.0.1", False), ("192.0.2.1", True)])
async def test_a_certificate_unknown_or_for_another_host_is_refused(brokers, broker_url, tmp_path, address, trusted):
    certificate, key = certificate_for(address, tmp_path)
    async with await tls_proxy(broker_url, certificate, key) as proxy:
        url = through(proxy, broker_url, f"cafile={certificate}" if trusted else "")
        broker = await brokers(url, connected=False)
        while "certificate" not in (broker.last_error or "").lower():  # no event tells of a failure
            await asyncio.sleep(0.01)
        assert "guest:" not in broker.last_error
        with pytest.raises(BrokerUnavailable):
            await broker.publish(event_of(1))
        await broker.close()
