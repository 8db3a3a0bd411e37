"""README.txt of an evidence file: what it proves in plain words, and the commands with which anybody sees it.

Every command stands on a line of its own behind ``$``, works offline in the unpacked folder with a POSIX shell and the
openssl command line, and ends with exit code 0 only if what it shows is so.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote
from textwrap import fill, wrap

from certs.certificates import Certificate
from gateway.as2.cms.algorithms import Digest
from gateway.as2.mic import Mic
from gateway.flow.evidence.layers import Layers, ReceiptFacts, Signed
from gateway.model.delivery import INBOX, MAILBOX

AS2 = "as2"
KEY_FILE = "recipient-key.pem"
AUTHORITIES, BETWEEN = "certificates/authorities.pem", "certificates/between.pem"
SPLIT_SCRIPT = "split-signed.sh"
# The request with which they confirmed, or declined, what they fetched.
CONFIRMATION = "confirmation.http"
FETCHED = "fetched.txt"
QUOTED_CHARACTERS_MAX = 1_000
_WIDTH = 100
_QUOTE = "    | "
_OPENSSL_DIGESTS = {
    Digest.SHA1: "sha1",
    Digest.SHA224: "sha224",
    Digest.SHA256: "sha256",
    Digest.SHA384: "sha384",
    Digest.SHA512: "sha512",
}

# Cuts a multipart/signed entity at its boundaries, byte by byte: openssl's own reader changes line ends on the way.
SPLIT_SIGNED = r"""#!/bin/sh
# usage: sh split-signed.sh ENTITY   writes ENTITY.content (the signed bytes) and ENTITY.p7s (the signature)
set -eu
LC_ALL=C
export LC_ALL
boundary=$(tr -d '\r' < "$1" | sed -n '1,/^$/p' | tr '\n' ' ' | sed -n 's/.*boundary="\{0,1\}\([^";]*\)"\{0,1\}.*/\1/p')
first=$(grep -a -b -o -F -e "--$boundary" "$1" | sed -n '1s/:.*//p')
second=$(grep -a -b -o -F -e "--$boundary" "$1" | sed -n '2s/:.*//p')
start=$((first + 2 + ${#boundary} + 2))
tail -c +$((start + 1)) "$1" | head -c $((second - 2 - start)) > "$1.content"
tail -c +$((second + 1)) "$1" | tr -d '\r' | sed -e '1,/^$/d' -e '/^--/,$d' | openssl base64 -d > "$1.p7s"
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the text is made from; file names are those in the zip."""

    subject: str
    is_inbound: bool
    partner: str
    identity: str
    channel: str
    message_id: str
    has_message: bool
    has_confirmation: bool
    layers: Layers
    receipt: Layers | None
    receipt_facts: ReceiptFacts | None
    payload: str | None
    payload_offset: int | None
    payload_length: int
    payload_source: str
    mic_content: str | None
    mics: Sequence[Mic]
    files_of: dict[str, str]  # fingerprint of a certificate -> its file
    recipient: Certificate | None
    is_rebuilt: bool


def readme(facts: Facts) -> str:
    """The text."""
    sections = [
        _head(facts),
        _section("1. Nothing in here was changed", _integrity()),
        _section("2. Who made the message", _origin(facts)),
        _section("3. What was in it", _content(facts)),
        _section("4. What the receiver confirmed", _confirmation(facts)),
        _section("What this does not prove", _limits(facts)),
    ]
    return "\n\n".join(sections) + "\n"


def _head(facts: Facts) -> str:
    way = (
        f"received from {facts.partner} {_by_us(facts)}"
        if facts.is_inbound
        else f"sent {_by_us(facts)} to {facts.partner}"
    )
    named = "AS2 Message-ID" if facts.channel == AS2 else "transport id"
    lines = [
        f"EVIDENCE ON {facts.subject}",
        "",
        fill(f"One message, {way} over {facts.channel}, {named}:", _WIDTH),
        _quoted(facts.message_id),
        fill(
            "Unpack the zip into an empty folder and run the commands there. Each ends with exit code 0 only if what "
            "it shows is so. They need a POSIX shell and openssl 3; no network, and nothing of ours.",
            _WIDTH,
        ),
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """What somebody else wrote: on lines that can be taken for no command, without what a terminal would obey."""
    plain = "".join(character if character.isprintable() else "?" for character in text[:QUOTED_CHARACTERS_MAX])
    lines = wrap(plain, _WIDTH - len(_QUOTE), break_on_hyphens=False) or ["(none)"]
    return "\n".join(_QUOTE + line for line in lines)


def _by_us(facts: Facts) -> str:
    return f"by our identity {facts.identity}" if facts.identity else "by us"


def _section(title: str, lines: Iterator[str]) -> str:
    return "\n".join([title, "-" * len(title), *lines])


def _integrity() -> Iterator[str]:
    yield fill("SHA256SUMS lists every other file. Keep its own digest elsewhere to notice a change of both:", _WIDTH)
    yield "$ sha256sum --quiet -c SHA256SUMS"


def _origin(facts: Facts) -> Iterator[str]:
    layers = facts.layers
    if facts.channel == INBOX:
        yield fill(
            f"It lay in the inbox of {facts.partner} at our API, where no document bears a signature: that we made it, "
            "and when it lay there, is what our records say.",
            _WIDTH,
        )
        return
    if facts.channel == MAILBOX:
        yield fill(
            f"It lay in the mailbox of {facts.partner} at our SFTP server, where no document bears a signature: that "
            "we made it, and when it lay there, is what our records say.",
            _WIDTH,
        )
        return
    if not facts.has_message and facts.channel != AS2:
        yield fill(
            f"It came over {facts.channel}, where no message bears a signature: that {facts.partner} sent it is what "
            "our records say, since it came with their credentials.",
            _WIDTH,
        )
        return
    if not facts.has_message:
        yield fill("The message as it travelled is not kept any more; see the digests and the timeline.", _WIDTH)
        return
    yield fill("message.eml is the message as it travelled: its AS2 header fields, an empty line, its body.", _WIDTH)
    if layers.encrypted is not None:
        yield from _encrypted(facts)
    for compressed, content in layers.compressed:
        yield fill(
            f"{content} is what {compressed} (RFC 3274, zlib) holds; most builds of openssl cannot decompress it.",
            _WIDTH,
        )
    if layers.signed is not None:
        who = facts.partner if facts.is_inbound else f"us ({facts.identity})"
        yield fill(f"The signature over {layers.signed.content} is that of {who}:", _WIDTH)
        yield from _signature(layers.signed, facts)
    elif layers.encrypted is None or layers.decrypted is not None:
        yield fill("The message is not signed: nothing in it proves who made it.", _WIDTH)
    if layers.problem:
        yield "It was not taken apart further:"
        yield _quoted(layers.problem)


def _signature(signed: Signed, facts: Facts) -> Iterator[str]:
    if signed.signer is None:
        yield fill("None of the certificates known here verifies it; ask for the one that was agreed then.", _WIDTH)
        return
    file = facts.files_of[signed.signer.fingerprint]
    detached = f"-content {signed.content} " if signed.signature.endswith("p7s") else ""
    yield (
        f"$ openssl cms -verify -binary -inform DER -in {signed.signature} {detached}"
        f"-certfile {file} -nointern -noverify -out /dev/null"
    )
    told = "came inside the message and was vouched for by an authority" if signed.from_message else "was agreed on"
    yield fill(
        f"Only the certificate in {file} counts there, which {told}; its own dates play no part "
        f"(-noverify), since the signature was checked when the message came. Its SHA-256 fingerprint:",
        _WIDTH,
    )
    printed = ":".join(
        signed.signer.fingerprint[at : at + 2].upper() for at in range(0, len(signed.signer.fingerprint), 2)
    )
    yield f"$ openssl x509 -in {file} -noout -fingerprint -sha256 | grep -F {printed}"
    if signed.from_message:
        yield fill(f"An authority in {AUTHORITIES}, which was agreed on, issued it:", _WIDTH)
        yield (
            f"$ openssl verify -no_check_time -partial_chain -no-CApath -no-CAstore -CAfile {AUTHORITIES} "
            f"-untrusted {BETWEEN} {file}"
        )
    if signed.container is not None:
        yield fill(f"The signed bytes stand in {signed.container} as they came:", _WIDTH)
        yield _cut(signed.container, signed.offset, signed.length, signed.content)


def _cut(container: str, offset: int, length: int, name: str) -> str:
    return f"$ tail -c +{offset + 1} {container} | head -c {length} | cmp - {name}"


def _encrypted(facts: Facts) -> Iterator[str]:
    layers = facts.layers
    recipient = facts.recipient
    whose = facts.identity if facts.is_inbound else facts.partner
    file = facts.files_of.get(recipient.fingerprint) if recipient is not None else None
    yield fill(
        f"The body is encrypted for {whose} ({layers.encrypted}). Without their private key nobody can open it, and "
        "the key is not in here. Who is asked to show it needs to show no more than this command's result; "
        f"the keeper of the key puts it into {KEY_FILE} for as long as it takes:",
        _WIDTH,
    )
    recip = f" -recip {file}" if file is not None else ""
    command = f"openssl cms -decrypt -binary -inform DER -in {layers.encrypted} -inkey {KEY_FILE}{recip}"
    if layers.decrypted is not None:
        yield f"$ {command} | cmp - {layers.decrypted}"
        yield fill(
            f"{layers.decrypted} is the result, made with our key when this evidence was: what follows can be checked "
            "without any key.",
            _WIDTH,
        )
        return
    yield f"$ {command} -out opened"
    if facts.is_inbound:
        sender = next((name for name in facts.files_of.values() if name.startswith("certificates/partner")), None)
        if sender is not None:
            yield fill("If it is signed, this cuts it at its boundaries and verifies the signature:", _WIDTH)
            yield f"$ sh {SPLIT_SCRIPT} opened"
            yield (
                "$ openssl cms -verify -binary -inform DER -in opened.p7s -content opened.content "
                f"-certfile {sender} -nointern -noverify -out /dev/null"
            )


def _content(facts: Facts) -> Iterator[str]:
    if facts.payload is None:
        yield fill("The business content is not kept any more; digests.json has its SHA-256.", _WIDTH)
        return
    yield fill(f"{facts.payload} is the business content ({facts.payload_length} bytes).", _WIDTH)
    if facts.payload_offset is not None:
        yield fill(f"It stands in {facts.payload_source} byte for byte:", _WIDTH)
        yield _cut(facts.payload_source, facts.payload_offset, facts.payload_length, facts.payload)


def _confirmation(facts: Facts) -> Iterator[str]:
    receipt, said = facts.receipt, facts.receipt_facts
    if facts.channel == INBOX:
        yield from _answered(facts)
        return
    if facts.channel == MAILBOX:
        yield from _fetched(facts)
        return
    if receipt is None:
        yield fill("There is no receipt (MDN).", _WIDTH)
        return
    whose = f"us ({facts.identity})" if facts.is_inbound else facts.partner
    yield fill(f"receipt.eml is the receipt (MDN) of {whose} as it travelled.", _WIDTH)
    if receipt.signed is not None:
        yield from _signature(receipt.signed, facts)
    else:
        yield fill("It is not signed: it shows what was answered, and not that nobody else could have.", _WIDTH)
    if said is None:
        yield fill("It holds no disposition that could be read.", _WIDTH)
        return
    yield "It names the message:"
    if said.original_message_id.strip() and said.original_message_id.isprintable():
        yield f"$ grep -a -F -e {quote(said.original_message_id.strip())} {receipt.innermost}"
    else:
        yield _quoted(said.original_message_id)
    yield "It says:"
    yield _quoted(said.disposition)
    if said.mic is None:
        yield fill("It states no MIC.", _WIDTH)
        return
    digest = b64encode(said.mic.digest).decode("ascii")
    yield fill("It states this digest of what was received (MIC, RFC 4130 7.3.1):", _WIDTH)
    yield f"$ grep -a -F -e {quote(digest)} {receipt.innermost}"
    algorithm = _OPENSSL_DIGESTS.get(said.mic.algorithm) if said.mic.algorithm is not None else None
    if facts.mic_content is None or algorithm is None:
        yield fill("The bytes that it is over are not in here in a form that could be digested.", _WIDTH)
        return
    how = " (made again from the content and the agreed media type)" if facts.is_rebuilt else ""
    yield fill(f"It is the digest of {facts.mic_content}{how}:", _WIDTH)
    test = f"openssl dgst -{algorithm} -binary {facts.mic_content} | openssl base64 -A"
    yield f'$ test "$({test})" = {quote(digest)}'


def _fetched(facts: Facts) -> Iterator[str]:
    if not facts.has_confirmation:
        yield fill(f"{facts.partner} has not fetched it.", _WIDTH)
        return
    yield fill(
        f"{FETCHED} says what our SFTP server saw when {facts.partner} fetched it: the file, its SHA-256, the "
        "address, and the key or password that opened the session. SSH proves that to nobody but the two who spoke: "
        "it is what our records say. It names the document:",
        _WIDTH,
    )
    yield f"$ grep -a -F -e {facts.subject.rpartition(' ')[2]} {FETCHED}"


def _answered(facts: Facts) -> Iterator[str]:
    if not facts.has_confirmation:
        yield fill(f"{facts.partner} has neither confirmed nor declined it.", _WIDTH)
        return
    yield fill(
        f"{CONFIRMATION} is the request with which {facts.partner} confirmed or declined it, as it came, without the "
        "fields that would let somebody in. Where it bears a Signature field (RFC 9421), their key proves it; "
        "otherwise that it came with their credentials is what our records say. It names the document:",
        _WIDTH,
    )
    yield f"$ grep -a -F -e /{facts.subject.rpartition(' ')[2]}/ {CONFIRMATION}"


def _limits(facts: Facts) -> Iterator[str]:
    yield fill(
        "That a certificate belongs to the company it names: that was agreed outside of these messages, and "
        "agreement.json shows what was agreed here when the message came.",
        _WIDTH,
    )
    yield fill(
        "When it happened, beyond our own word: the times in timeline.txt and in the header fields are those of the "
        "machines that wrote them, and no third party stamped them.",
        _WIDTH,
    )
    yield fill(
        "timeline, audit and message.json are our own records. They are as true as our system is; only what a command "
        "above verifies is proven by somebody's key.",
        _WIDTH,
    )
    if facts.is_inbound:
        yield fill("A receipt of ours proves what we confirmed; that the partner got it, it does not prove.", _WIDTH)
    else:
        yield fill(
            "A receipt speaks of receipt and security alone: it does not say that the business content was accepted.",
            _WIDTH,
        )
