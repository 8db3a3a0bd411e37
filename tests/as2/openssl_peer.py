"""The `openssl` command line as an independent peer: it signs, encrypts, verifies and decrypts CMS."""

import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from certs.certificates import KeyPair


class OpenSsl:
    """Runs `openssl cms` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self, pair: KeyPair) -> tuple[str, str]:
        """Paths of the certificate and the key."""
        name = pair.certificate.fingerprint[:16]
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        if not certificate.exists():
            certificate.write_bytes(pair.certificate.pem())
            key.write_bytes(
                pair.private_key.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                )
            )
        return str(certificate), str(key)

    def cms(self, *arguments: str, content: bytes) -> bytes:
        """What `openssl cms` prints."""
        done = subprocess.run(
            ["openssl", "cms", *arguments], input=content, capture_output=True, check=False, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def sign(self, pair: KeyPair, content: bytes, *arguments: str) -> bytes:
        certificate, key = self.files(pair)
        return self.cms("-sign", "-binary", "-signer", certificate, "-inkey", key, *arguments, content=content)

    def encrypt(self, pair: KeyPair, content: bytes, *arguments: str) -> bytes:
        certificate, _ = self.files(pair)
        options = [argument for argument in arguments if not argument.startswith("rsa_")]
        key_options = [part for argument in arguments if argument.startswith("rsa_") for part in ("-keyopt", argument)]
        return self.cms("-encrypt", "-binary", *options, "-recip", certificate, *key_options, content=content)

    def decrypt(self, pair: KeyPair, content: bytes) -> bytes:
        certificate, key = self.files(pair)
        return self.cms("-decrypt", "-binary", "-inform", "DER", "-recip", certificate, "-inkey", key, content=content)

    def verify(self, pair: KeyPair, signed: bytes, signature: bytes) -> None:
        """Fails unless the detached signature is that of the pair; a certificate inside it does not count."""
        certificate, _ = self.files(pair)
        (self.folder / "signed").write_bytes(signed)
        trust = ("-CAfile", certificate, "-certfile", certificate, "-nointern", "-partial_chain", "-no_check_time")
        arguments = ("-verify", "-binary", "-inform", "DER", "-content", "signed", "-purpose", "any", *trust)
        assert self.cms(*arguments, content=signature) == signed
