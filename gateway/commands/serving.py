"""Whether a gateway serves the store that a command works on."""

from pathlib import Path

from gateway.settings import LOCK_FILE, Settings

_LOCKS = Path("/proc/locks")


def is_served(settings: Settings) -> bool | None:
    """Whether a gateway runs on this data_dir; None where that cannot be told (PostgreSQL, another machine).

    Looked up and not tried: a lock of ours, however short, would keep a gateway from starting at that moment.
    """
    if settings.database_url is not None and not settings.resolved_database_url().startswith("sqlite"):
        return None
    try:
        inode = (settings.data_dir / LOCK_FILE).stat().st_ino
    except OSError:
        return False
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    # "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234567 0 EOF"; the device is another one on some file systems.
    held = [line.split() for line in lines]
    return any(words[1:2] == ["FLOCK"] and words[5:6] and words[5].endswith(f":{inode}") for words in held)
