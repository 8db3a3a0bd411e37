"""The three peers: how each is set up, what it speaks, and how it is told of a combination."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from certs.certificates import KeyPair
from tests.interop import java
from tests.interop.combinations import Combination, Direction
from tests.interop.peers.process import PeerProcess, State
from tests.services.processes import free_port

OUR_AS2_ID = "BIGCORP-AS2"
PASSWORD = "interop"
Destinations = Mapping[str, Combination]
_ACCEPTED = frozenset({"msg_sent_mdn_received_ok", "mic-match", "receipt processed"})
_REFUSED_WORDS = ("fail", "error", "exception", "mismatch", "fault", "refused")


class Peer(ABC):
    """One product.

    Attributes:
        name: in the table, and the id of the profile under which it sends to us.
        as2_id: its name when it sends to us; with a number behind it, a name under which we send to it.
    """

    name: str
    as2_id: str

    def __init__(self) -> None:
        self.port, self.receipt_port = free_port(), free_port()

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def receipt_url(self) -> str:
        """Where it takes asynchronous receipts."""
        return f"http://127.0.0.1:{self.receipt_port}/"

    @abstractmethod
    def start(self, home: Path, own: KeyPair, gateway: KeyPair, destinations: Destinations) -> PeerProcess:
        """Run it in a folder of its own; it is told under which names it is sent to, and what in which way.

        It may not listen yet when this returns.
        """

    @abstractmethod
    def silent_on(self, combination: Combination, direction: Direction) -> str | None:
        """Why it cannot play a combination; None when it can."""

    @abstractmethod
    def settings(self, combination: Combination, gateway_url: str) -> dict[str, str]:
        """Its own settings for sending to us."""

    def took_receipt(self, state: State) -> bool:
        """Whether a state says that a receipt was taken as proof."""
        return state.name in _ACCEPTED

    def objects(self, state: State) -> bool:
        """Whether a state says that something is wrong."""
        words = f"{state.name} {state.text}" if state.name == "receipt" else state.name
        return any(word in words.lower() for word in _REFUSED_WORDS)

    def write_keys(self, home: Path, own: KeyPair, gateway: KeyPair) -> None:
        """Its key and our certificate as files."""
        protection = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(1_000)
            .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(hashes.SHA1())
            .build(PASSWORD.encode())
        )
        beside = [pkcs12.PKCS12Certificate(gateway.certificate.parsed, b"gateway")]
        stored = pkcs12.serialize_key_and_certificates(
            b"peer", own.private_key, own.certificate.parsed, beside, protection
        )
        (home / "keys.p12").write_bytes(stored)
        (home / "gateway.pem").write_bytes(gateway.certificate.pem())


def _partnerships(as2_id: str, destinations: Destinations) -> str:
    """partnerships.xml as OpenAS2 and phase2 both read it.

    phase2 looks here, and not at the message, for whether the MIC of what it receives is over header fields, too.
    """
    partners = [("gateway", OUR_AS2_ID, "gateway"), *((name, name, "peer") for name in (as2_id, *destinations))]
    lines = [
        f'<partner name="{name}" as2_id="{identity}" x509_alias="{alias}" email="edi@{alias}.example"/>'
        for name, identity, alias in partners
    ]
    pairs: list[tuple[str, str, Combination | None]] = [(as2_id, "gateway", None), ("gateway", as2_id, None)]
    pairs += [("gateway", name, combination) for name, combination in destinations.items()]
    for sender, receiver, combination in pairs:
        attributes = {"protocol": "as2", "subject": "interop"}
        if combination is not None and not combination.is_plain:
            # For MICs: where phase2 finds it here, those are over header fields, too.
            attributes["sign"] = combination.digest
        if combination is not None and combination.encrypt:
            attributes["encrypt"] = combination.cipher
        lines += [f'<partnership name="{sender}-{receiver}"><sender name="{sender}"/><receiver name="{receiver}"/>']
        lines += [f'<attribute name="{name}" value="{value}"/>' for name, value in attributes.items()]
        lines += ["</partnership>"]
    return "<partnerships>\n" + "\n".join(lines) + "\n</partnerships>\n"


def _common_settings(combination: Combination, gateway_url: str) -> dict[str, str]:
    """The attributes that OpenAS2 and phase2 have in common."""
    settings = {
        "protocol": "as2",
        "subject": "interop",
        "content_type": combination.content_type,
        "content_transfer_encoding": "binary",
        "as2_url": gateway_url,
    }
    if combination.compression != "none":
        settings |= {"compression_type": "zlib", "compression_mode": f"compress-{combination.compression}"}
    if combination.receipt != "none":
        settings["as2_mdn_to"] = "edi@peer.example"
    if combination.receipt == "signed":
        settings["as2_mdn_options"] = (
            "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, "
            + combination.digest.replace("-", "")
        )
    return settings


class OpenAs2(Peer):
    """OpenAS2's server."""

    name = "openas2"
    as2_id = "OPENAS2"

    def start(
        self, home: Path, own: KeyPair, gateway: KeyPair, destinations: Destinations, *, quiet: bool = False
    ) -> PeerProcess:
        self.write_keys(home, own, gateway)
        (home / "partnerships.xml").write_text(_partnerships(self.as2_id, destinations))
        (home / "commands.xml").write_text("<commands/>")
        for folder in ("pending", "pending-info"):
            (home / folder).mkdir()
        (home / "config.xml").write_text(self._config(quiet=quiet))
        path = java.class_path(self.name, "OpenAs2Peer.java")
        options = (
            "-Dorg.apache.commons.logging.Log=org.openas2.logging.Log",
            "-DOpenAS2.logdefaultloglevel=warn",
        )
        return PeerProcess(
            java.command(path, "OpenAs2Peer", str(home / "config.xml"), options=options), home / "openas2.log"
        )

    def _config(self, *, quiet: bool) -> str:
        events = "" if quiet else '<module classname="OpenAs2Peer$Events"/>'
        logs = "false" if quiet else "true"
        listens = 'address="127.0.0.1" errordir="%home%/errors" errorformat="sender.as2_id, receiver.as2_id"'
        return f"""<openas2>
  <properties log_date_format="yyyy-MM-dd HH:mm:ss.SSS" sql_timestamp_format="yyyy-MM-dd HH:mm:ss.SSS"
    as2_message_id_format="&lt;OPENAS2-$rand.UUID$@$msg.sender.as2_id$&gt;"/>
  <certificates classname="org.openas2.cert.PKCS12CertificateFactory" filename="%home%/keys.p12"
    password="{PASSWORD}" interval="300"/>
  <partnerships classname="org.openas2.partner.XMLPartnershipFactory" filename="%home%/partnerships.xml"/>
  <loggers><logger classname="org.openas2.logging.ConsoleLogger" enabled="{logs}"/></loggers>
  <commands classname="org.openas2.cmd.XMLCommandRegistry" filename="%home%/commands.xml"/>
  <processor classname="org.openas2.processor.DefaultProcessor"
    pendingmdn="%home%/pending" pendingmdninfo="%home%/pending-info">
    <module classname="org.openas2.processor.sender.AS2SenderModule" retries="0"/>
    <module classname="org.openas2.processor.sender.MDNSenderModule" retries="0"/>
    <module classname="OpenAs2Peer$Outbox" sendfilename="true" errordir="%home%/errors"/>
    {events}
    <module classname="org.openas2.processor.storage.MessageFileModule" protocol="as2" tempdir="%home%/temp"
      filename="%home%/inbox/$msg.headers.message-id$" header="%home%/heads/$msg.headers.message-id$"/>
    <module classname="org.openas2.processor.storage.MDNFileModule" protocol="as2" tempdir="%home%/temp"
      filename="%home%/receipts/$mdn.msg.headers.message-id$"/>
    <module classname="org.openas2.processor.receiver.AS2ReceiverModule" port="{self.port}" {listens}/>
    <module classname="org.openas2.processor.receiver.AS2MDNReceiverModule" port="{self.receipt_port}" {listens}/>
  </processor>
</openas2>
"""

    def silent_on(self, combination: Combination, direction: Direction) -> str | None:
        if combination.cipher.endswith("gcm"):
            return "no AES-GCM"
        if combination.key_transport != "rsa-v1.5":
            return "no OAEP"
        if combination.signature != "rsa-v1.5" and direction == "to us":
            return "signs with PKCS #1 v1.5 alone"
        return None

    def settings(self, combination: Combination, gateway_url: str) -> dict[str, str]:
        settings = _common_settings(combination, gateway_url)
        settings.setdefault("as2_mdn_options", "none")  # it does without a receipt, but not without this word
        settings["resend_max_retries"] = "0"
        if not combination.chunked:
            settings["no_chunked_max_size"] = "104857600"  # up to this size it states a Content-Length
        if combination.encrypt:
            names = {"3des-cbc": "3DES", "aes128-cbc": "AES128", "aes192-cbc": "AES192", "aes256-cbc": "AES256"}
            settings["encrypt"] = names[combination.cipher]
        if combination.sign:
            settings["sign"] = combination.digest.replace("-", "").upper()
        if combination.receipt_by == "request":
            settings["as2_receipt_option"] = self.receipt_url
        return settings


class Phase2(Peer):
    """phase2, the library with its sender and its receivers."""

    name = "phase2"
    as2_id = "PHASE2"

    def start(self, home: Path, own: KeyPair, gateway: KeyPair, destinations: Destinations) -> PeerProcess:
        self.write_keys(home, own, gateway)
        (home / "partnerships.xml").write_text(_partnerships(self.as2_id, destinations))
        (home / "pending").mkdir()
        path = java.class_path(self.name, "Phase2Peer.java")
        options = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",)
        arguments = (str(home), str(self.port), str(self.receipt_port))
        return PeerProcess(java.command(path, "Phase2Peer", *arguments, options=options), home / "phase2.log")

    def silent_on(self, combination: Combination, direction: Direction) -> str | None:
        if combination.key_transport != "rsa-v1.5" and direction == "to us":
            return "encrypts to PKCS #1 v1.5 alone"
        if combination.chunked:
            return "states a Content-Length"
        return None

    def settings(self, combination: Combination, gateway_url: str) -> dict[str, str]:
        settings = _common_settings(combination, gateway_url)
        if combination.encrypt:
            settings["encrypt"] = combination.cipher.replace("3des-cbc", "3des")
        if combination.sign:
            pss = f"rsassa-pss-{combination.digest}"
            settings["sign"] = pss if combination.signature == "rsa-pss" else combination.digest.replace("-", "")
        if combination.receipt_by == "request":
            settings["as2_receipt_option"] = self.receipt_url
        return settings


class Pyas2lib(Peer):
    """pyas2lib, behind a small server of ours, since it has none."""

    name = "pyas2lib"
    as2_id = "PYAS2LIB"

    def start(self, home: Path, own: KeyPair, gateway: KeyPair, destinations: Destinations) -> PeerProcess:
        self.write_keys(home, own, gateway)
        module = "tests.interop.peers.pyas2lib_peer"
        return PeerProcess([sys.executable, "-m", module, str(home), str(self.port)], home / "pyas2lib.log")

    def silent_on(self, combination: Combination, direction: Direction) -> str | None:
        if combination.cipher.endswith("gcm"):
            return "no AES-GCM"
        if direction == "to us":
            if combination.key_transport != "rsa-v1.5":
                return "encrypts to PKCS #1 v1.5 alone"
            if combination.compression == "after-signing":
                return "compresses before signing alone"
        return None

    def settings(self, combination: Combination, gateway_url: str) -> dict[str, str]:
        ciphers = {"3des-cbc": "tripledes_192_cbc"} | {f"aes{n}-cbc": f"aes_{n}_cbc" for n in (128, 192, 256)}
        settings = {
            "url": gateway_url,
            "content_type": combination.content_type,
            "compress": str(combination.compression != "none").lower(),
            "sign": str(combination.sign).lower(),
            "encrypt": str(combination.encrypt).lower(),
            "enc_alg": ciphers[combination.cipher],
            "digest_alg": combination.digest.replace("-", ""),
            "sign_alg": "rsassa_pss" if combination.signature == "rsa-pss" else "rsassa_pkcs1v15",
        }
        if combination.receipt != "none":
            settings["mdn_mode"] = "ASYNC" if combination.receipt_by == "request" else "SYNC"
        if combination.receipt == "signed":
            settings["mdn_digest_alg"] = combination.digest.replace("-", "")
        if combination.chunked:
            settings["chunked"] = "true"
        return settings


PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (OpenAs2, Phase2, Pyas2lib)}
