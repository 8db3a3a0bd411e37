"""Profiles of our own making for the tests."""

from pathlib import Path

from partners.loader import LoadedProfile, parse_profile

ACME = """\
id: acme-supply
name: ACME Supply Inc.
as2:
  id: ACME-AS2
  certificate: acme.pem
  url: https://as2.acme.example/as2
x12: {qualifier: ZZ, id: ACMESUPPLY, group_id: ACMESUPPLY}
agreements:
  - {document: ship_notice, direction: inbound, syntax: x12, releases: [004010]}
"""
KEY_DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
NORTHWIND = f"""\
id: northwind-parts
name: Northwind Parts GmbH
api_keys:
  - {{label: production, sha256: {KEY_DIGEST}, expires_on: 2027-06-30}}
agreements:
  - {{document: ship_notice, direction: inbound, syntax: json}}
"""


def loaded(text: str, **files: bytes) -> LoadedProfile:
    """A profile out of a text that is fine; `acme_pem=b".."` is the file acme.pem."""
    named = {name.replace("_", "."): content for name, content in files.items()}
    outcome = parse_profile({"profile.yaml": text.encode(), "acme.pem": b"certificate", **named})
    assert isinstance(outcome, LoadedProfile), outcome
    return outcome


def write(partners_dir: Path, partner: str, text: str, **files: bytes) -> Path:
    """A partner's folder."""
    folder = partners_dir / partner
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.yaml").write_text(text)
    named = {"acme_pem": b"certificate"} if "acme.pem" in text else {}
    for name, content in {**named, **files}.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return folder
