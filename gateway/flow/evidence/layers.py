"""A kept message or receipt is taken apart into files that anybody can check without this program.

Nothing is written anew: each file is a range of bytes of the one it was cut from, or what decryption or decompression
made of it, so that the signatures on it stay good.
"""

import mmap
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from certs.certificates import Certificate, KeyPair
from gateway.as2.cms.algorithms import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    ENVELOPED_DATA,
    SIGNED_DATA,
    Cipher,
    Digest,
)
from gateway.as2.cms.ber import BerError, Element
from gateway.as2.cms.compressed_data import decompress
from gateway.as2.cms.content_info import CmsError, Fault, read_content_info
from gateway.as2.cms.enveloped_data import decrypt
from gateway.as2.cms.signed_data import Content, SignedData, covered_by, read_signed_data, verify
from gateway.as2.mic import Mic, parse_mic
from gateway.as2.mime import Entity, MimeError, read_entity, split_multipart
from gateway.as2.signers import certificates_in
from gateway.buffers import Buffer, Scratch, windows
from gateway.spool import SpoolFolder

LAYERS_MAX = 6
SPOOL_FROM_BYTES = 1_048_576
_PKCS7_MIME = ("application/pkcs7-mime", "application/x-pkcs7-mime")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature as files.

    Attributes:
        content: file with the bytes that were signed.
        signature: file with the CMS structure, DER or BER.
        container: file that the signed bytes were cut from, None where they stand inside the CMS structure.
        offset: where they begin in it.
        signer: whose certificate verified it here; None when none that is known did.
        from_message: the certificate came inside the message, and an authority vouched for it.
        beside: the certificates that came inside the message.
    """

    content: str
    signature: str
    container: str | None
    offset: int
    length: int
    signer: Certificate | None
    from_message: bool
    beside: tuple[Certificate, ...] = ()


@dataclass(slots=True)
class Layers:
    """What was found from the outside in.

    Attributes:
        encrypted: file with the encrypted CMS structure, and with what was inside of it, where we have the key.
        compressed: pairs of files: what was compressed, and what was in it.
        innermost: the file with the innermost entity that could be reached.
        body_offset: where the body stands in it; None where a transfer encoding lies between.
        problem: why the rest could not be looked into.
    """

    signed: Signed | None = None
    encrypted: str | None = None
    decrypted: str | None = None
    compressed: list[tuple[str, str]] = field(default_factory=list)
    innermost: str = ""
    body_offset: int | None = None
    body_length: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a receipt says."""

    original_message_id: str
    disposition: str
    mic: Mic | None
    mic_text: str


class Dissection:
    """Cuts entities in a folder into further files there.

    Args:
        folder: where they lie.
        keys: ours, to decrypt with; none when they cannot be opened here.
        certificates: everybody's that may have signed.
        decompressed_bytes_max: limit on what decompression may make.
    """

    def __init__(
        self,
        folder: Path,
        keys: Sequence[KeyPair],
        certificates: Iterable[Certificate],
        decompressed_bytes_max: int,
    ) -> None:
        self._folder = folder
        self._keys = keys
        self._certificates = tuple(dict.fromkeys(certificates))
        self._limit = decompressed_bytes_max
        self._scratch: Scratch = SpoolFolder(folder).scratch(SPOOL_FROM_BYTES)

    def take_apart(self, name: str, prefix: str = "") -> Layers:
        """The layers of an entity; its parts are written beside it, under names that begin with `prefix`."""
        layers = Layers(innermost=name)
        try:
            for _ in range(LAYERS_MAX):
                entity = read_entity(self.view(layers.innermost))
                inner = self._peel(entity, layers, prefix)
                if inner is None:
                    data, start, end = entity.decoded(self._scratch)
                    layers.body_offset = start if data is entity.data else None
                    layers.body_length = end - start
                    break
                layers.innermost = inner
        except (MimeError, BerError, CmsError) as error:
            layers.problem = str(error)
        return layers

    def _peel(self, entity: Entity, layers: Layers, prefix: str) -> str | None:
        kind = entity.content_type.value
        if kind == "multipart/signed":
            return self._detached(entity, layers, prefix)
        if kind not in _PKCS7_MIME:
            return None
        data, start, end = entity.decoded(self._scratch)
        content_type, element = read_content_info(data, start, end)
        peel = _PEELS.get(content_type)
        if peel is None:
            raise CmsError(Fault.UNSUPPORTED, "a CMS structure that is neither signed, encrypted nor compressed")
        return peel(self, content_type, element, data[start:end], layers, prefix)

    def _detached(self, entity: Entity, layers: Layers, prefix: str) -> str:
        parts = split_multipart(entity).parts
        if len(parts) != 2:  # noqa: PLR2004 - RFC 1847 2.1
            raise MimeError("multipart/signed without exactly two parts")
        content, signature = parts
        name = self.write(f"{prefix}signed-content", content.encoded)
        data, start, end = signature.decoded(self._scratch)
        cms = self.write(f"{prefix}signature.p7s", data[start:end])
        _, element = read_content_info(data, start, end)
        signed = read_signed_data(element, self._scratch)
        signer, from_message = self._signer(signed, covered_by(signed, Content(content.encoded)))
        length = content.end - content.start
        beside = certificates_in(signed)
        layers.signed = Signed(name, cms, layers.innermost, content.start, length, signer, from_message, beside)
        return name

    def _opaque(self, _: bytes, element: Element, cms: Buffer, layers: Layers, prefix: str) -> str:
        signed = read_signed_data(element, self._scratch)
        content = covered_by(signed, None)
        name = self.write(f"{prefix}signed-content", content.data)
        signer, from_message = self._signer(signed, content)
        kept = self.write(f"{prefix}signature.p7m", cms)
        beside = certificates_in(signed)
        layers.signed = Signed(name, kept, None, 0, len(content), signer, from_message, beside)
        return name

    def _compressed(self, _: bytes, element: Element, cms: Buffer, layers: Layers, prefix: str) -> str:
        content = decompress(element, bytes_max=self._limit, ratio_max=10_000, scratch=self._scratch)
        number = len(layers.compressed) + 1
        kept = self.write(f"{prefix}compressed-{number}.p7z", cms)
        name = self.write(f"{prefix}decompressed-{number}", content)
        layers.compressed.append((kept, name))
        return name

    def _encrypted(self, kind: bytes, element: Element, cms: Buffer, layers: Layers, prefix: str) -> str | None:
        layers.encrypted = self.write(f"{prefix}encrypted.p7m", cms)
        if not self._keys:
            return None
        decrypted = decrypt(kind, element, keys=self._keys, ciphers=frozenset(Cipher), scratch=self._scratch)
        if not decrypted.intact:
            raise CmsError(Fault.UNSUPPORTED, f"it cannot be decrypted with the keys here: {decrypted.reason}")
        layers.decrypted = self.write(f"{prefix}decrypted", decrypted.content[: decrypted.size])
        return layers.decrypted

    def _signer(self, signed: SignedData, content: Content) -> tuple[Certificate | None, bool]:
        for certificates, from_message in ((self._certificates, False), (certificates_in(signed), True)):
            with suppress(CmsError):
                found = verify(signed, content, certificates=certificates, digests=frozenset(Digest))
                return found.certificate, from_message
        return None, False

    def receipt_facts(self, layers: Layers) -> ReceiptFacts | None:
        """What the innermost entity says as a receipt; None when it is none."""
        try:
            for part in split_multipart(read_entity(self.view(layers.innermost))).parts:
                if part.content_type.value == "message/disposition-notification":
                    data, start, end = part.decoded(self._scratch)
                    fields = read_entity(data, start, end).headers
                    text = fields.get("received-content-mic") or ""
                    original = fields.get("original-message-id") or ""
                    return ReceiptFacts(original, fields.get("disposition") or "", parse_mic(text), text)
        except MimeError:
            return None
        return None

    def view(self, name: str) -> Buffer:
        """The bytes of a file, mapped."""
        path = self._folder / name
        if path.stat().st_size == 0:
            return b""
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def write(self, name: str, content: Buffer) -> str:
        """Write a file; returns its name."""
        with (self._folder / name).open("wb") as file:
            for piece in windows(content):
                file.write(piece)
        return name


_Peel = Callable[[Dissection, bytes, Element, Buffer, Layers, str], str | None]
_PEELS: Mapping[bytes, _Peel] = {
    SIGNED_DATA: Dissection._opaque,  # noqa: SLF001  # a table of its own methods
    COMPRESSED_DATA: Dissection._compressed,  # noqa: SLF001
    ENVELOPED_DATA: Dissection._encrypted,  # noqa: SLF001
    AUTH_ENVELOPED_DATA: Dissection._encrypted,  # noqa: SLF001
}
