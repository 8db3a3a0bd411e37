"""`gateway sftp keys`: the keys with which we log in at partners' SFTP servers."""

import argparse
from collections.abc import Mapping

from sqlalchemy import Connection

from gateway.commands.opening import open_settings
from gateway.commands.output import note, print_json, print_pairs, print_table, say
from gateway.commands.parsing import Parser, Unusable, Verbs, add_config, add_format, did_you_mean, shown, verb, verbs
from gateway.commands.profiles import directory_of
from gateway.commands.sftp.opening import authorized_line, ssh_keys, words
from gateway.commands.storing import actor, reading
from gateway.flow.ssh_keys import ALGORITHMS, is_live
from gateway.flow.views import instant
from gateway.settings import Settings
from gateway.store import ssh_keys as stored_keys
from gateway.store.ssh_keys import CLIENT, StoredSshKey
from partners.directory import Directory
from partners.fields import SLUG

_HELD = "what goes to them waits, and nothing is fetched, until their profile names another key"


def build(under: Verbs) -> None:
    """Add `keys` with its verbs."""
    nouns: Parser = under.add_parser(
        "keys",
        help="the keys with which we log in at partners' servers: new, list, show, retire",
        description="The keys with which we log in at partners' SFTP servers, each under a name that profiles use in "
        "`sftp_server.key`. The private part is sealed in the store and never shown. To change a key, make one under "
        "another name, have the partner add it, name it in the profile, and retire the old one.",
    )
    below = verbs(nouns)
    new = verb(
        below,
        "new",
        _new,
        does="make a key and print its public part, which the partner needs",
        example="gateway sftp keys new acme\n"
        "gateway sftp keys new acme --algorithm ssh-rsa     # for software that knows nothing newer",
    )
    listing = verb(
        below,
        "list",
        _list,
        does="our keys and the profiles that name them",
        example="gateway sftp keys list\ngateway sftp keys list --all --format json",
    )
    show = verb(
        below,
        "show",
        _show,
        does="the public part of a key, in OpenSSH's format, for the partner's authorized_keys",
        example="gateway sftp keys show acme > acme.pub",
    )
    retire = verb(
        below,
        "retire",
        _retire,
        does="no longer log in with a key, and remove its private part for good; refused while a profile names it",
        example="gateway sftp keys retire acme\n"
        "gateway sftp keys retire acme --force     # although a profile names it: what goes to them waits from then on",
    )
    new.add_argument("--algorithm", choices=ALGORITHMS, default=ALGORITHMS[0], help=f"default: {ALGORITHMS[0]}")
    listing.add_argument("--all", action="store_true", help="retired ones, too")
    for each in (new, show, retire):
        each.add_argument("name", metavar="NAME", help="as profiles name it in `sftp_server.key`")
    retire.add_argument("--force", action="store_true", help="although profiles name it")
    add_format(listing, "one object a line, one line a key")
    for each in (new, show, retire):
        add_format(each)
    for each in (new, listing, show, retire):
        add_config(each)


def _new(called: argparse.Namespace) -> int:
    if not SLUG.matches(called.name):
        raise Unusable(f"{shown(called.name)} is no name of a key; {SLUG.right}")
    settings = open_settings(called)
    with ssh_keys(settings) as (keys, _):
        key = words(lambda: keys.new_client_key_now(called.name, called.algorithm, actor()))
    used_by = _users(settings).get(key.name, ())
    if called.format == "json":
        print_json(_view(key, used_by))
        return 0
    note(f"made {key.name}, {key.fingerprint}; the partner adds this line to the keys of our user:")
    say(authorized_line(key))
    if not used_by:
        note(f"then name it in their profile: `sftp_server: {{key: {key.name}}}`")
    return 0


def _list(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    stored = _stored(settings)
    users = _users(settings)
    rows = [one for one in stored if called.all or is_live(one)]
    if called.format == "json":
        for one in rows:
            print_json(_view(one, _used_by(one, users)))
    else:
        print_table(
            ("NAME", "ALGORITHM", "STATE", "CREATED", "USED BY", "FINGERPRINT"),
            [
                (
                    one.name,
                    one.algorithm,
                    _state(one),
                    instant(one.created_at_ms),
                    ", ".join(_used_by(one, users)) or "-",
                    one.fingerprint,
                )
                for one in rows
            ],
            empty="no keys of ours yet; `gateway sftp keys new NAME` makes one",
        )
    live = {one.name for one in stored if is_live(one)}
    for name, partners in sorted(users.items()):
        if name not in live:
            note(f"{', '.join(partners)}: `sftp_server.key` names {name}, and there is no such key")
    return 0


def _show(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    key = _named(settings, called.name)
    if called.format == "json":
        print_json(_view(key, _used_by(key, _users(settings))))
    else:
        say(authorized_line(key))
    return 0


def _retire(called: argparse.Namespace) -> int:
    settings = open_settings(called)
    found = _named(settings, called.name)
    directory = directory_of(settings)
    used_by = _users_among(directory).get(found.name, ())
    if not called.force:
        _refuse_what_is_needed(found, directory, used_by)
    with ssh_keys(settings) as (keys, _):
        key = words(lambda: keys.retire_now(found.fingerprint, actor(), purpose=CLIENT))
    if called.format == "json":
        print_json(_view(key, used_by) | {"state": "retired"})
        return 0
    print_pairs((("retired", key.name), ("fingerprint", key.fingerprint)))
    if used_by:
        note(f"{', '.join(used_by)} still {'name' if len(used_by) > 1 else 'names'} it: {_HELD}")
    note("have the partner remove its public part from the keys of our user")
    return 0


def _refuse_what_is_needed(key: StoredSshKey, directory: Directory, used_by: tuple[str, ...]) -> None:
    """The private part is gone for good, so that whoever needs it is asked about before and not told of after."""
    # A draft logs in nowhere. What does not load may be in force as it was before, and name it there.
    needing = [name for name in used_by if (one := directory.by_id(name)) and one.profile.status != "draft"]
    unread = sorted(set(directory.refused) - set(used_by))
    if not needing and not unread:
        return
    why = [f"{', '.join(needing)} {'name' if len(needing) > 1 else 'names'} it"] if needing else []
    if unread:
        why.append(f"of {', '.join(unread)} it is not known, since `gateway partner check` finds the profile broken")
    raise Unusable(
        f"{key.name} stays, because its private part would be gone for good: {'; '.join(why)}. Have the profile name "
        f"another key in `sftp_server.key` first (`gateway sftp keys new NAME`); with --force it is retired all the "
        "same, and then " + _HELD
    )


def _named(settings: Settings, name: str) -> StoredSshKey:
    live = {one.name: one for one in _stored(settings) if is_live(one)}
    if name not in live:
        hint = did_you_mean(name, sorted(live)) or "; `gateway sftp keys list` shows those there are"
        raise Unusable(f"there is no key {shown(name)} of ours{hint}")
    return live[name]


def _stored(settings: Settings) -> list[StoredSshKey]:
    def unit(connection: Connection) -> list[StoredSshKey]:
        return stored_keys.all_of(connection, CLIENT)

    with reading(settings) as database:
        return database.read_now(unit)


def _users(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """The partners whose profiles name a key, by its name."""
    return _users_among(directory_of(settings))


def _users_among(directory: Directory) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for loaded in directory:
        terms = loaded.profile.sftp_server
        if terms is not None and terms.key is not None:
            found[terms.key] = (*found.get(terms.key, ()), loaded.id)
    return found


def _used_by(key: StoredSshKey, users: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return users.get(key.name, ()) if is_live(key) else ()


def _state(key: StoredSshKey) -> str:
    return "in use" if is_live(key) else "retired"


def _view(key: StoredSshKey, used_by: tuple[str, ...]) -> dict[str, object]:
    return {
        "name": key.name,
        "fingerprint": key.fingerprint,
        "algorithm": key.algorithm,
        "state": _state(key),
        "created_at": instant(key.created_at_ms),
        "retired_at": instant(key.retired_at_ms),
        "used_by": list(used_by),
        "public_key": key.public_key,
    }
