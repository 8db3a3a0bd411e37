"""What another content of a file beside a profile means: a certificate, a table, a list."""

import csv
import io

from certs.certificates import CertificateError, read_certificates
from partners.loader import LoadedProfile


def file_words(loaded: LoadedProfile, name: str, before: bytes, after: bytes) -> str:
    """What changes in a file that the profile names."""
    if name in loaded.profile.table_files():
        return _table_words(name, before, after)
    try:
        old, new = read_certificates(before), read_certificates(after)
    except CertificateError:
        return f"{name} has other content ({len(before):,} -> {len(after):,} bytes)"
    if [one.fingerprint for one in old] == [one.fingerprint for one in new]:
        return f"{name} is written another way; its certificates are the same"
    was, becomes = old[0], new[0]
    same_key = ", for the same key" if was.parsed.public_key() == becomes.parsed.public_key() else ""
    return (
        f"{name} is another certificate{same_key}: {becomes.subject}, SHA-256 {becomes.fingerprint[:16]}..., valid "
        f"until {becomes.not_after:%Y-%m-%d} (was {was.fingerprint[:16]}..., until {was.not_after:%Y-%m-%d})"
    )


def _table_words(name: str, before: bytes, after: bytes) -> str:
    old, new = _rows(before), _rows(after)
    added, removed = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    changed = sum(1 for key in old.keys() & new.keys() if old[key] != new[key])
    said = [
        f"{number:,} {what}" for number, what in ((added, "new"), (changed, "changed"), (removed, "gone")) if number
    ]
    return f"{name}: {', '.join(said) or 'no identifier changes'} of {len(new):,} rows"


def _rows(data: bytes) -> dict[str, list[str]]:
    """The rows of a table by their first cell; only counted here, so nothing is judged."""
    text = data.decode("utf-8-sig", "replace")
    try:
        return {row[0]: row[1:] for row in csv.reader(io.StringIO(text)) if row}
    except csv.Error:
        return {}
