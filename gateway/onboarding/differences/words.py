"""The sentences: what a change of a field means for those who trade, not only for those who write profiles."""

import re
from collections.abc import Callable
from typing import Final, Literal

from pydantic import BaseModel

from partners.api_terms import ApiKey
from partners.effective import EffectiveValue, written_value
from partners.people_terms import Person
from partners.profile import Agreement, InterchangeAddress

Words = tuple[str, bool]  # the sentence, and whether somebody should look twice

_STATUS: Final = {
    "draft": "nothing is exchanged: what they send is refused like an unknown partner's",
    "testing": "everything exchanged is a test (ISA15 = T), and the ERP's production queue hears nothing of it",
    "live": "everything exchanged is for real (ISA15 = P)",
    "suspended": "what they send is kept and waits, and so does what goes to them",
}
_DOCUMENTS: Final = {"x12": "as X12", "json": "as JSON", "xml": "as XML"}


def sentence(
    kind: Literal["added", "removed", "changed"],
    name: str,
    before: object,
    after: object,
    of: EffectiveValue | BaseModel,
) -> Words:
    """What a change means, and whether it is weighty.

    Args:
        kind: what happens.
        name: of the value or item.
        before: as JSON has it.
        after: the same afterwards.
        of: the value, or the item that comes or goes.
    """
    if isinstance(of, BaseModel):
        return _of_item(is_added=kind == "added", item=of)
    for pattern, words in _SENTENCES:
        if re.fullmatch(pattern, name):
            said = words(before, after)
            return (said, True) if isinstance(said, str) else (_generic(of, before, after), True)
    return _generic(of, before, after), False


def _of_item(*, is_added: bool, item: BaseModel) -> Words:
    match item:
        case Agreement():
            return _agreement(item, is_added=is_added), True
        case ApiKey():
            end = f" until {item.expires_on}" if item.expires_on else ""
            opens = f"opens the door{end}" if is_added else "opens nothing any more"
            return f"the API key {item.label} {opens}", True
        case InterchangeAddress():
            does = "may be the sender of what they bring" if is_added else "is refused as sender"
            return f"{item.qualifier}/{item.id} {does}", True
        case Person():
            does = f"is asked about {item.role}" if is_added else "is nobody to ask any more"
            return f"{item.name} {does}", False
        case _:
            return written_value(item), False


def _agreement(item: Agreement, *, is_added: bool) -> str:
    who = "they send" if item.direction == "inbound" else "we send"
    releases = f" {', '.join(item.releases)}" if item.releases else ""
    what = f"{item.document.replace('_', ' ')} {_DOCUMENTS[item.syntax]}{releases}"
    if is_added:
        return f"from now on {who} {what}"
    end = "is rejected" if item.direction == "inbound" else "cannot be sent any more"
    return f"{what}, which {who}, {end}"


def _generic(of: EffectiveValue | BaseModel, before: object, after: object) -> str:
    """The field's own description behind the values."""
    told = f"{_shown(before)} -> {_shown(after)}"
    described = of.description.replace("\n", " ").strip() if isinstance(of, EffectiveValue) else ""
    first = re.split(r"(?<=[.;:]) ", described, maxsplit=1)[0].rstrip(".;:")
    return f"{told} ({first})" if first else told


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _status(before: object, after: object) -> str:
    return f"{after} (was {before}): {_STATUS[str(after)]}"


def _url(before: object, after: object) -> str:
    if after is None:
        return "nothing is sent to them any more: there is no URL"
    return f"what we send goes to {after}" + (f" (was {before})" if before else "")


def _as2_id(before: object, after: object) -> str:
    return f"they are {after} in AS2" + (f"; {before} is a stranger" if before else "")


def _demanded(what: str) -> Callable[[object, object], str]:
    def words(_: object, after: object) -> str:
        return f"{what} are demanded" if after else f"messages without {what} are let in"

    return words


def _made(what: str, without: str) -> Callable[[object, object], str]:
    def words(_: object, after: object) -> str:
        return f"what we send is {what}" if after else f"what we send is {without}"

    return words


def _tolerated(before: object, after: object) -> str:
    old, new = _listed(before), _listed(after)
    more, fewer = [x for x in new if x not in old], [x for x in old if x not in new]
    said = [f"passes from now on: {', '.join(more)}"] if more else []
    said += [f"is rejected from now on: {', '.join(fewer)}"] if fewer else []
    return "; ".join(said) or "the order of the tolerances"


def _algorithms(before: object, after: object) -> str:
    old, new = _listed(before), _listed(after)
    more, fewer = [x for x in new if x not in old], [x for x in old if x not in new]
    said = [f"accepted from now on: {', '.join(more)}"] if more else []
    said += [f"refused from now on: {', '.join(fewer)}"] if fewer else []
    said += [f"{new[0]} is what we use (was {old[0]})"] if old and new and new[0] != old[0] else []
    return "; ".join(said) or "the order of what is accepted"


def _listed(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _certificate_file(before: object, after: object) -> str:
    if after is None:
        return f"the certificate {before} is not used any more"
    return f"the certificate {after} is used" + (f" in place of {before}" if before else "")


def _releases(before: object, after: object) -> str:
    return f"written or read as X12 {_shown(after)} (was {_shown(before)})"


def _separator(before: object, after: object) -> str:
    return f"{after!r} parts what we send (was {before!r})"


def _api_key(_: object, __: object) -> str:
    # Digests tell nobody anything.
    return "it is another key: the one before opens nothing any more"


def _server_of_theirs(before: object, after: object) -> str:
    return f"we connect to {_shown(after)} (was {_shown(before)}): what stands there under our user is another server's"


def _host_keys(before: object, after: object) -> str:
    old, new = _listed(before), _listed(after)
    more, fewer = [x for x in new if x not in old], [x for x in old if x not in new]
    said = [f"their server is believed from now on with {', '.join(more)}"] if more else []
    said += [f"no more with {', '.join(fewer)}"] if fewer else []
    return "; ".join(said) or "the order of their host keys"


def _login_key(before: object, after: object) -> str:
    if after is None:
        return f"we no longer log in with our key {before}"
    return f"we log in with our key {after}" + (f" (was {before})" if before else "")


def _pushed_to(before: object, after: object) -> str:
    if after is None:
        return f"nothing is put into {before} any more"
    return f"what we send is put into {after}" + (f" (was {before})" if before else "")


def _fetched_from(before: object, after: object) -> str:
    if after is None:
        return f"nothing is fetched from {before} of their server any more"
    return f"files are fetched from {after} of their server" + (f" (was {before})" if before else "")


def _afterwards(_: object, after: object) -> str:
    does = {"delete": "removed there", "move": "moved there", "leave": "left there"}
    return f"what was fetched is {does.get(str(after), after)}"


def _sandbox(_: object, after: object) -> str:
    return "the sandbox plays them: what we send reaches nobody" if after else "the sandbox plays them no more"


def _weighty(_: object, __: object) -> None:
    """The field's own description says it; somebody should look twice all the same."""


# Names of values, as regular expressions, and their sentences; what stands in none is told by its own description.
_SENTENCES: tuple[tuple[str, Callable[[object, object], str | None]], ...] = (
    (r"status", _status),
    (r"as2\.url", _url),
    (r"as2\.id", _as2_id),
    (r"api_keys\[.*\]\.sha256", _api_key),
    (r"sandbox", _sandbox),
    (r"as2\.require_signed", _demanded("signatures")),
    (r"as2\.require_encrypted", _demanded("encryption")),
    (r"as2\.sending\.sign", _made("signed", "not signed: nobody can tell that it is ours")),
    (r"as2\.sending\.encrypt", _made("encrypted", "not encrypted: whoever carries it can read it")),
    (r"as2\.certificate|as2\.certificates\[\d+\]\.file|as2\.authorities|sftp\.keys\[\d+\]\.file", _certificate_file),
    (r"as2\.(digests|ciphers|key_transports|signatures)", _algorithms),
    (r"(agreements\[.*\]\.)?tolerances", _tolerated),
    (r"agreements\[.*\]\.releases", _releases),
    (r".*framing\.separators\..*", _separator),
    (r"sftp_server\.(host|port)", _server_of_theirs),
    (r"sftp_server\.host_keys", _host_keys),
    (r"sftp_server\.key", _login_key),
    (r"sftp_server\.push\.folder", _pushed_to),
    (r"sftp_server\.fetch\[.*\]\.folder", _fetched_from),
    (r"sftp_server\.fetch\[.*\]\.then", _afterwards),
    (r"sftp_server\.algorithms", _algorithms),
    (r"sftp_server\.(user|password|private_networks|push\..*|fetch.*)", _weighty),
    (r"as2\.(trust|certificate_exchange|receipts_to)|as2\.sending\.(receipt|receipt_by)|as2\.connection\..*", _weighty),
    (r"via|limits\..*|duplicates\..*|.*on_bad_set|.*acknowledgment\..*|.*framing\.(usage|version)", _weighty),
    (r".*business_tolerances\..*|.*vocabulary\..*|.*expires_on|sftp\..*", _weighty),
    (r"x12\[.*|.*validation\..*|as2\.our_identity|as2\.certificates\[.*", _weighty),
)
