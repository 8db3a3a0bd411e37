"""How values of a profile that speak of files, folders and SSH are written."""

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

from partners.fields import Written, worded

FILE_NAME_FIELDS = ("document", "number", "id", "date", "time", "extension")
CRON_FIELDS_COUNT = 5
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def _file_name_pattern(text: str) -> str:
    names = _PLACEHOLDER.findall(text)
    unknown = [name for name in names if name not in FILE_NAME_FIELDS]
    if unknown or "{" in _PLACEHOLDER.sub("", text) or "}" in _PLACEHOLDER.sub("", text):
        fields = ", ".join(f"{{{name}}}" for name in FILE_NAME_FIELDS)
        raise worded("holds braces that are no field", f"the fields are {fields}")
    if names.count("id") != 1:
        raise worded("does not hold {id} once", "add {id}: without it two files could have one name")
    return text


def _folder(text: str) -> str:
    if any(part in {"", ".", ".."} for part in text.strip("/").split("/")) and text.strip("/"):
        raise worded("is no plain path", "write it without `//`, `.` and `..`")
    return text


def _cron(text: str) -> str:
    right = 'write minute, hour, day, month and weekday, such as "0 6-18 * * mon-fri"'
    if len(text.split()) != CRON_FIELDS_COUNT:  # cronsim would take seconds before them
        raise worded("is no schedule of cron", right)
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise worded(f"is no schedule of cron ({error})", right) from None
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError):  # unknown, or no name at all
        raise worded("is no time zone that is known here", "write UTC, or a name such as America/Chicago") from None
    return text


# The whole name has to fit into the 255 bytes that file systems take.
FileNamePattern = Annotated[
    str,
    Written(
        r"[A-Za-z0-9{][A-Za-z0-9._{}-]{0,127}",
        "write letters, digits and . _ - with fields in braces, such as PO-{number}-{id}.edi",
    ),
    AfterValidator(_file_name_pattern),
]
NameSuffix = Annotated[
    str, Written(r"[._~-][A-Za-z0-9._~-]{0,31}", "write the end of a file name, such as .part or .filepart")
]
NamePrefix = Annotated[
    str, Written(r"[A-Za-z0-9._~-]{1,32}", "write the beginning of a file name, such as .in. or tmp-")
]
FileGlob = Annotated[
    str,
    Written(r"[^/\x00-\x1f\x7f]{1,128}", "write a file name, in which * and ? stand for anything, such as *.edi"),
]
RemoteFolder = Annotated[
    str,
    Written(r"[^\x00-\x1f\x7f\\]{1,512}", "write a path on their server, such as /outgoing/orders"),
    AfterValidator(_folder),
]
SshUser = Annotated[
    str, Written(r"[!-~](?:[ -~]{0,62}[!-~])?", "write 1 to 64 printable ASCII characters without blanks at the ends")
]
HostKeyFingerprint = Annotated[
    str,
    Written(r"SHA256:[A-Za-z0-9+/]{43}", "write the fingerprint as ssh-keygen -l shows it: SHA256: and 43 characters"),
]
# All alike: how long a wrong password takes must not tell whose it was meant to be.
PasswordHash = Annotated[
    str,
    Written(
        r"\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}",
        "write what `gateway sftp password` prints, never the password itself",
    ),
]
CronExpression = Annotated[
    str, Written(r"[ -~]{9,128}", 'write the five fields of cron, such as "0 6-18 * * mon-fri"'), AfterValidator(_cron)
]
TimeZone = Annotated[
    str, Written(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", "write a name such as America/Chicago"), AfterValidator(_time_zone)
]
