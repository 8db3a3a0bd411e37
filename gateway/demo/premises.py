"""A throw-away gateway's folder: settings, keys, four partner profiles, and the secrets that its suppliers hold."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template

import asyncssh
import yaml

from certs.certificates import Certificate, KeyPair
from certs.creation import create_key_pair
from gateway.flow.certificates.keys import first_pair, stored_of
from gateway.settings import DATABASE_FILE
from gateway.store import keys
from gateway.store.database import Database
from gateway.store.schema import migrate

CERTIFICATE_DAYS = 60  # with fewer the demo would begin with warnings that they end
IDENTITY = "bigcorp"
OUR_AS2_ID = "BIGCORP-AS2"
ACME = "acme-supply"
ACME_AS2_ID = "ACME-AS2"
NORTHWIND = "northwind-parts"
HARBOR = "harbor-tools"
HARBOR_AS2_ID = "HARBOR-AS2"
DELTA = "delta-castings"
SFTP_USER = "delta"
DELTA_KEY_FILE = "delta-key"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Premises:
    """What was furnished.

    Attributes:
        config: the settings, for `--config` of every command.
        ours: our certificate, as partners have it.
        acme: the supplier's key, which only a supplier would have.
        harbor: likewise.
        delta_key: the private SSH key of the supplier who comes by SFTP.
        api_keys: by partner id.
    """

    folder: Path
    config: Path
    ours: Certificate
    acme: KeyPair
    harbor: KeyPair
    delta_key: str
    api_keys: dict[str, str]


def furnish(
    folder: Path, *, edge_port: int, operator_port: int, sftp_port: int, acme_port: int, harbor_port: int, now: datetime
) -> Premises:
    """Write everything that a gateway needs into an empty folder; nothing in it outlives the demo's certificates.

    `acme_port` and `harbor_port` are those of the suppliers' own AS2 servers.
    """
    data_dir, partners_dir = folder / "data", folder / "partner-profiles"
    passphrase_file = folder / "key-passphrase"
    passphrase = secrets.token_urlsafe(32)
    _write_secret(passphrase_file, passphrase)
    ours, acme, harbor = (
        create_key_pair(as2_id, now=now, valid_days=CERTIFICATE_DAYS, organization=f"{name} (demo)")
        for as2_id, name in ((OUR_AS2_ID, "BigCorp"), (ACME_AS2_ID, "ACME Supply"), (HARBOR_AS2_ID, "Harbor Tools"))
    )
    _keep_key(data_dir, ours, passphrase.encode(), now)
    api_keys = {partner: secrets.token_urlsafe(32) for partner in (ACME, NORTHWIND, DELTA)}
    for partner, as2_port in ((ACME, acme_port), (NORTHWIND, 0), (HARBOR, harbor_port), (DELTA, 0)):
        _write_profile(partners_dir / partner, partner, api_keys.get(partner, ""), as2_port)
    (partners_dir / ACME / "acme-as2.pem").write_bytes(acme.certificate.pem())
    (partners_dir / HARBOR / "harbor-as2.pem").write_bytes(harbor.certificate.pem())
    delta_key = asyncssh.generate_private_key("ssh-ed25519")
    (partners_dir / DELTA / "delta.pub").write_bytes(delta_key.export_public_key())
    _write_secret(folder / DELTA_KEY_FILE, delta_key.export_private_key().decode())
    config = folder / "gateway.yaml"
    settings = {
        "data_dir": str(data_dir),
        "partners_dir": str(partners_dir),
        "key_passphrase_file": str(passphrase_file),
        "edge_port": edge_port,
        "public_url": f"http://{LOOPBACK}:{edge_port}",
        "operator_port": operator_port,
        "sftp_port": sftp_port,
        "identities": [
            {"name": IDENTITY, "as2_id": OUR_AS2_ID, "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}}
        ],
    }
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    return Premises(folder, config, ours.certificate, acme, harbor, delta_key.export_private_key().decode(), api_keys)


def sample(name: str) -> bytes:
    """A document of the demo: a supplier's, or an order of the ERP."""
    return files("gateway.demo").joinpath("samples", name).read_bytes()


def _write_profile(folder: Path, partner: str, key: str, as2_port: int) -> None:
    folder.mkdir(parents=True)
    text = files("gateway.demo").joinpath("profiles", f"{partner}.yaml").read_text("utf-8")
    digest = hashlib.sha256(key.encode()).hexdigest()
    (folder / "profile.yaml").write_text(Template(text).substitute(api_key_sha256=digest, as2_port=as2_port))


def _keep_key(data_dir: Path, pair: KeyPair, passphrase: bytes, now: datetime) -> None:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored = stored_of(first_pair(IDENTITY, pair, now), pair, passphrase)
    database = Database(f"sqlite:///{data_dir / DATABASE_FILE}")
    try:
        migrate(database)
        database.write_now(lambda connection: keys.add(connection, stored))
    finally:
        database.close()


def _write_secret(path: Path, secret: str) -> None:
    path.touch(mode=0o600)
    path.write_text(secret)
