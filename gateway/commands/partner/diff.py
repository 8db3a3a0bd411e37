"""`gateway partner diff`: what the profile on the disk would change against the one that runs, in business words."""

import argparse
from functools import partial

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, say
from gateway.commands.parsing import Unusable, Verbs, add_config, add_format, verb
from gateway.commands.profiles import profile_of
from gateway.commands.storing import reading
from gateway.onboarding.differences import Change, compare
from gateway.settings import Settings
from gateway.store.partners import profiles
from gateway.store.partners import states as partner_states
from partners.loader import LoadedProfile, unpack

_MARKS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def build(under: Verbs) -> None:
    """Add the verb."""
    parser = verb(
        under,
        "diff",
        _run,
        does="what the profile on the disk would change against the version that runs; exit code 1 when it changes any",
        example="gateway partner diff acme-supply\n"
        "gateway partner diff acme-supply --against 3f9a2c   # another version, by its digest\n"
        "GATEWAY_PARTNERS_DIR=copy gateway partner diff acme-supply  # an edit that no gateway has taken up yet",
    )
    parser.add_argument("partner", metavar="ID", help="id of the partner")
    parser.add_argument(
        "--against", metavar="DIGEST", help="a version that was in force once: the first characters of its digest"
    )
    add_format(parser, "one object a line, one line a change")
    add_config(parser)


def _run(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    after = profile_of(settings, called.partner)
    before = _former(settings, called.partner, called.against)
    changes = compare(before, after)
    if called.format == "json":
        for change in changes:
            print_json(_as_json(change))
        return 1 if changes else 0
    against = f"version {before.digest[:12]}" if before is not None else "nothing: no version of it was ever in force"
    note(f"{after.path} (version {after.digest[:12]}) against {against}")
    if not changes:
        same = before is not None and before.digest == after.digest
        say("nothing changes" if same else "nothing changes but the text: comments, order, places")
        return 0
    width = max(len(change.name) for change in changes)
    for change in changes:
        mark, style = _MARKS[change.kind]
        say(f"{mark} {change.name.ljust(width)}  {change.words}{'   (!)' if change.is_weighty else ''}", style=style)
    if any(change.is_weighty for change in changes):
        note("(!) look twice: it changes who gets in, what passes, where things go or what counts")
    return 1


def _as_json(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind,
        "name": change.name,
        "before": change.before,
        "after": change.after,
        "words": change.words,
        "weighty": change.is_weighty,
    }


def _former(settings: Settings, partner: str, against: str | None) -> LoadedProfile | None:
    """The version in force, or the one that is named; None where there was none yet.

    Raises:
        Unusable: no store, no such version, or one that this program does not understand.
    """
    with reading(settings) as database:
        digest = against
        if digest is None:
            state = database.read_now(partial(partner_states.get, partner_id=partner))
            if state is None or state.digest is None:
                return None
            digest = state.digest
        found = database.read_now(partial(profiles.of_partner, partner_id=partner, digest_begins=digest, limit=2))
    if not found:
        raise Unusable(f"{partner} never had a version {digest[:12]}; `gateway partner list --format json` names them")
    if len(found) > 1:
        raise Unusable(f"{len(found)} versions of {partner} begin with {digest}; write more of it")
    loaded = unpack(found[0])
    if not isinstance(loaded, LoadedProfile):
        raise Unusable(f"the version {digest[:12]} cannot be read by this program: {loaded[0].what}")
    return loaded
