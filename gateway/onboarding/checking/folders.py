"""What can be known to be wrong with the files beside a profile: overlays, keys, samples, and what nobody names."""

import difflib
import os
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from gateway.flow.outward.ways import own_way
from gateway.model.delivery import INBOX
from gateway.model.webhook import WEBHOOK
from gateway.onboarding.samples.reading import SAMPLES_FOLDER
from partners.fields import SLUG
from partners.folders import Folder
from partners.layers import written
from partners.loader import PROFILE_FILE, LoadedProfile
from partners.nodes import PROFILE_BYTES_MAX, Mapping, read_nodes
from partners.problems import Location, Problem, one_of, shown
from partners.sftp_terms import SftpKey

KEY_EXPIRY_WARNING = timedelta(days=30)
RSA_BITS_MIN = 2_048
ENTRIES_MAX = 1_000  # of a folder that are looked at
_OVERLAY, _SUFFIXES = "profile.", (".yaml", ".yml")


def folder_problems(loaded: LoadedProfile, environment: str | None) -> Iterator[Problem]:
    """What lies beside the profile that nothing will ever read, and what is named but does not lie there."""
    folder = Path(loaded.path).parent
    names = entries_of(folder)
    yield from _overlay_problems(folder, names, environment)
    yield from _unnamed_problems(loaded, folder, names)
    if loaded.profile.required_samples is not None:
        there = entries_of(folder / SAMPLES_FOLDER)
        for index, name in enumerate(loaded.profile.required_samples):
            if name not in there:
                what = f"there is no sample {shown(name)} in {folder / SAMPLES_FOLDER}"
                yield loaded.problem(("required_samples", index), what, one_of(name, there))


def entries_of(folder: Path) -> tuple[str, ...]:
    """The names in a folder but for hidden ones, sorted; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(ENTRIES_MAX), entries, strict=False)]
    except OSError:
        return ()
    # Hidden ones, and what editors leave behind.
    return tuple(sorted(name for name in names if not name.startswith((".", "#")) and not name.endswith("~")))


def _is_overlay(name: str) -> bool:
    return name.startswith(_OVERLAY) and name.endswith(_SUFFIXES) and name != PROFILE_FILE


def _overlay_problems(folder: Path, names: tuple[str, ...], environment: str | None) -> Iterator[Problem]:
    """Overlays that no environment lays over the profile; those of other environments are none of our business."""
    right_name = f"{_OVERLAY}{environment}.yaml"
    for name in filter(_is_overlay, names):
        of = name[len(_OVERLAY) :].rpartition(".")[0]
        path = str(folder / name)
        if not name.endswith(".yaml") or not SLUG.matches(of):
            what = f"{shown(name)} is the overlay of no environment"
            right = f"name it {_OVERLAY}ENVIRONMENT.yaml, as `environment` stands in gateway.yaml"
            yield Problem(path, 1, 1, "", what, right, "warning")
        elif environment is not None and name != right_name and right_name not in names and _is_near(of, environment):
            what = f"{shown(name)} is not laid over the profile: the environment here is {shown(environment)}"
            yield Problem(path, 1, 1, "", what, f"did you mean `{right_name}`?", "warning")


def _is_near(word: str, other: str) -> bool:
    return bool(difflib.get_close_matches(word, [other], n=1, cutoff=0.7))


def _unnamed_problems(loaded: LoadedProfile, folder: Path, names: tuple[str, ...]) -> Iterator[Problem]:
    known = {PROFILE_FILE, SAMPLES_FOLDER, *loaded.files}
    left = [name for name in names if name not in known and not _is_overlay(name) and not name.startswith("README")]
    if not left:
        return
    # What only another environment uses, or an agreement that is not in use, is named all the same.
    beside = Folder(folder)
    said = {text for name in names if _is_overlay(name) for text in _texts(beside.read(name, PROFILE_BYTES_MAX))}
    said |= _texts(loaded.files.get(PROFILE_FILE, b""))
    for name in left:
        if name not in said:
            what = f"nothing names {shown(name)}, so it is of no use"
            near = difflib.get_close_matches(name, [one for one in loaded.profile.files() if one not in names], n=1)
            right = f"did you mean `{near[0]}`?" if near else "name it in the profile, or remove it"
            yield Problem(str(folder / name), 1, 1, "", what, right, "warning")


def _texts(data: bytes | str) -> set[str]:
    """The words in a file; none where there is only a reason why it cannot be read."""
    nodes = read_nodes(data, "") if isinstance(data, bytes) else ()
    return {scalar.text for _, scalar in written(nodes) if scalar.text} if isinstance(nodes, Mapping) else set()


def sftp_problems(loaded: LoadedProfile, now: datetime) -> Iterator[Problem]:
    """Keys of an SFTP mailbox that cannot be read, are weak or end soon, and a mailbox that has no door yet."""
    sftp = loaded.profile.sftp
    if sftp is None:
        return
    what = f"this gateway has no SFTP server yet, so nobody can log in as {shown(sftp.user)}"
    yield loaded.problem(("sftp", "user"), what, "agree on AS2 or REST until it has", warning=True)
    if not sftp.keys:
        right = "add `keys:` with the public key that they send you"
        yield loaded.problem(("sftp",), "a mailbox without a key that opens it", right, warning=True)
    for index, key in enumerate(sftp.keys):
        where: Location = ("sftp", "keys", index)
        data = loaded.files.get(key.file)
        fault = _key_fault(data) if data is not None else None
        if fault is not None:
            yield loaded.problem((*where, "file"), f"{shown(key.file)}: {fault[0]}", fault[1])
        lasting = [other for other in sftp.keys if _lasts(other, now)]
        yield from _expiry_problems(loaded, (*where, "expires_on"), key, now, is_followed=bool(lasting))


def _lasts(key: SftpKey, now: datetime) -> bool:
    return key.expires_on is None or key.expires_on - now.date() > KEY_EXPIRY_WARNING


def _expiry_problems(
    loaded: LoadedProfile, where: Location, key: SftpKey, now: datetime, *, is_followed: bool
) -> Iterator[Problem]:
    if key.expires_on is None or _lasts(key, now):
        return
    if key.expires_on < now.date():
        what = f"the SFTP key {shown(key.label)} expired on {key.expires_on}"
        yield loaded.problem(where, what, "ask for a new key, or remove this one", warning=True)
    elif not is_followed:
        what = f"the SFTP key {shown(key.label)} expires on {key.expires_on}"
        yield loaded.problem(where, what, "add a new key and have the partner change over", warning=True)


def _key_fault(data: bytes) -> tuple[str, str] | None:
    """What is wrong with a public key file, and what would be right; None when it will do."""
    ask = "ask for the line in their .pub file, such as `ssh-ed25519 AAAA...`"
    if b"PRIVATE KEY-----" in data:
        return "the file holds a private key", f"delete it everywhere, have them make a new one, and {ask}"
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


def way_out_problems(loaded: LoadedProfile, by_id: MappingOf[str, LoadedProfile]) -> Iterator[Problem]:
    """Agreements on what we send, to a partner whom nothing of ours can reach; `by_id` are all partners."""
    profile = loaded.profile
    if profile.sandbox or own_way(profile) in {INBOX, WEBHOOK}:
        return
    bearer = profile if profile.via is None else by_id[profile.via].profile if profile.via in by_id else None
    if bearer is None or (bearer.as2 is not None and bearer.as2.url is not None):
        return  # an unknown connection is told where connections are
    for index, agreement in enumerate(profile.agreements):
        if agreement.direction == "outbound":
            what = f"we are to send {agreement.document}, but there is no way to them"
            right = "add `as2.url`, or `api_keys` so that they can fetch it by the API, or name a connection in `via`"
            if profile.via is not None:
                right = f"add `as2.url` to the connection {shown(profile.via)}"
                right += ", or `delivery: {way: inbox}` here, if they fetch by the API themselves"
            by_sftp = bearer.sftp is not None
            right += "; over SFTP nothing is fetched yet" if by_sftp else ""
            yield loaded.problem(("agreements", index, "direction"), what, right, warning=by_sftp)
