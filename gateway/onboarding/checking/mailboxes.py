"""What is wrong with mailboxes at our SFTP server: keys that open nothing, days that are over or soon will be."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from gateway.onboarding.ssh_key_files import conversion, holds_private_key
from partners.loader import LoadedProfile
from partners.problems import Location, Problem, shown
from partners.sftp_terms import SftpKey, SftpPassword

EXPIRY_WARNING = timedelta(days=30)
RSA_BITS_MIN = 2_048


def mailbox_problems(loaded: LoadedProfile, now: datetime) -> Iterator[Problem]:
    """Keys that cannot be read or are weak, a mailbox that nothing opens or soon nothing will, old algorithms."""
    sftp = loaded.profile.sftp
    if sftp is None:
        return
    for index, key in enumerate(sftp.keys):
        data = loaded.files.get(key.file)
        fault = _key_fault(key.file, data) if data is not None else None
        if fault is not None:
            yield loaded.problem(("sftp", "keys", index, "file"), f"{shown(key.file)}: {fault[0]}", fault[1])
    yield from _days(loaded, [*sftp.keys, *sftp.passwords], now.date())
    if sftp.algorithms:
        what = f"old SSH algorithms are offered to the addresses of `networks`: {', '.join(sftp.algorithms)}"
        right = "have the partner update its software, then take them out"
        yield loaded.problem(("sftp", "algorithms"), what, right, warning=True)


def _days(loaded: LoadedProfile, opening: Sequence[SftpKey | SftpPassword], today: date) -> Iterator[Problem]:
    """Keys and passwords whose days are over, or will be with nothing to take their place."""
    if not opening:
        right = "add `keys:` with the public key that they send you"
        yield loaded.problem(("sftp",), "a mailbox without a key that opens it", right, warning=True)
        return
    last = [item for item in opening if item.expires_on is None or item.expires_on - today > EXPIRY_WARNING]
    counted = {"keys": 0, "passwords": 0}
    for item in opening:
        kind, word = ("keys", "key") if isinstance(item, SftpKey) else ("passwords", "password")
        where: Location = ("sftp", kind, counted[kind], "expires_on")
        counted[kind] += 1
        if item.expires_on is None or item in last:
            continue
        if item.expires_on < today:
            what = f"the SFTP {word} {shown(item.label)} expired on {item.expires_on}"
            yield loaded.problem(where, what, f"ask for a new {word}, or remove this one", warning=True)
        elif not last:
            what = f"the SFTP {word} {shown(item.label)} expires on {item.expires_on}"
            yield loaded.problem(where, what, f"add a new {word} and have the partner change over", warning=True)
    if not any(item.opens_on(today) for item in opening):
        later = [item.valid_from for item in opening if item.valid_from is not None and item.valid_from > today]
        what = f"nothing opens the mailbox before {min(later)}" if later else "nothing opens the mailbox any more"
        right = "set `valid_from` to an earlier day" if later else "add `keys:` with the key that they use now"
        yield loaded.problem(("sftp",), what, right, warning=True)


def _key_fault(name: str, data: bytes) -> tuple[str, str] | None:
    """What is wrong with a public key file, and what would be right; None when it will do."""
    ask = "ask for the line in their .pub file, such as `ssh-ed25519 AAAA...`"
    if holds_private_key(data):
        return "the file holds a private key", f"delete it everywhere, have them make a new one, and {ask}"
    if (options := conversion(data)) is not None:
        target = f"{Path(name).stem}-openssh.pub"
        right = f"`ssh-keygen -i{options} -f {shlex.quote(name)} > {shlex.quote(target)}` makes it; name that file here"
        return "the file holds a public key, but not as OpenSSH's one line", right
    lines = [line for line in data.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    if len(lines) != 1:
        return f"the file holds {len(lines)} lines with keys", "put each key into a file of its own" if lines else ask
    try:
        return _weakness(load_ssh_public_key(lines[0].strip()))
    except UnsupportedAlgorithm:
        return "a kind of key that is not known here", "ask for an ed25519, ECDSA or RSA key"
    except (ValueError, TypeError):
        return "the file holds no readable public key", ask


def _weakness(key: object) -> tuple[str, str] | None:
    if isinstance(key, dsa.DSAPublicKey):
        return "a DSA key, which nobody should let in any more", "ask for an ed25519 key"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        return f"the RSA key has {key.key_size} bits", f"ask for an ed25519 key, or {RSA_BITS_MIN} bits or more"
    return None
