"""What only one partner may have, and what partners say of each other: ids claimed twice, unknown connections."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from partners.loader import LoadedProfile, Problems
from partners.problems import Location, Problem, one_of, shown

# ("as2", id), ("x12", qualifier, id), ("api_key", digest), ("oauth", client id), ("signature", key id),
# ("certificate", fingerprint) or ("sftp", user).
Claim = tuple[str, ...]
Claimants = list[tuple[LoadedProfile, Location]]


def claim_problems(profiles: Iterable[LoadedProfile]) -> Problems:
    """Ids and keys that more than one profile claims; one problem for each claimant."""
    clashes = {claim: claimants for claim, claimants in claimants_of(profiles).items() if len(claimants) > 1}
    return tuple(problem for of_one in clash_problems(clashes).values() for problem in of_one)


def problems_between(profiles: Iterable[LoadedProfile]) -> dict[str, Problems]:
    """What is wrong between these profiles, by partner: ids claimed twice, connections that do not fit.

    A draft takes nothing from those with whom one exchanges: it is warned, and they are told nothing of it.
    """
    held = tuple(profiles)
    found: dict[str, Problems] = {}
    drafts = {loaded.id for loaded in held if loaded.profile.status == "draft"}
    clashes = {claim: claimants for claim, claimants in claimants_of(held).items() if len(claimants) > 1}
    for claim, claimants in clashes.items():
        among = rivals(claimants)
        told = claimants if len(among) > 1 else [item for item in claimants if item[0].id in drafts]
        for partner, problems in clash_problems({claim: claimants}).items():
            if partner in {loaded.id for loaded, _ in told}:
                found[partner] = (*found.get(partner, ()), *problems)
    for partner, problems in _connection_problems(held).items():
        found[partner] = (*found.get(partner, ()), *problems)
    return {
        partner: tuple(replace(item, severity="warning") for item in problems) if partner in drafts else problems
        for partner, problems in found.items()
    }


def clash_problems(clashes: Mapping[Claim, Claimants]) -> dict[str, Problems]:
    """What to say to each of the claimants."""
    problems: dict[str, Problems] = {}
    for claim, claimants in clashes.items():
        for loaded, location in claimants:
            other, place = next(item for item in claimants if item[0] is not loaded)
            what = f"{_claim_words(claim)} is also claimed by {other.path}:{other.line_of(place)}"
            right = "an id belongs to one partner; take it from one of the two"
            problems[loaded.id] = (*problems.get(loaded.id, ()), loaded.problem(location, what, right))
    return problems


def connection_problems(profiles: Iterable[LoadedProfile]) -> Problems:
    """Connections that are named but unknown, or that do not list the partner who names them."""
    return tuple(problem for of_one in _connection_problems(profiles).values() for problem in of_one)


def _connection_problems(profiles: Iterable[LoadedProfile]) -> dict[str, Problems]:
    by_id = {loaded.id: loaded for loaded in profiles}
    return {
        loaded.id: tuple(_of_connection(loaded, loaded.profile.via, by_id))
        for loaded in by_id.values()
        if loaded.profile.via is not None
    }


def _of_connection(loaded: LoadedProfile, via: str, by_id: Mapping[str, LoadedProfile]) -> Iterator[Problem]:
    connection = by_id.get(via)
    if connection is None:
        connections = [item.id for item in by_id.values() if item.profile.speaks_for]
        yield loaded.problem(("via",), f"no partner has the id {shown(via)}", one_of(via, connections))
        return
    for address in loaded.profile.x12:
        if not connection.speaks_for(address.qualifier, address.id):
            what = f"the connection {shown(connection.id)} does not speak for {address.qualifier}/{address.id}"
            right = f"add {{qualifier: {address.qualifier}, id: {address.id}}} to `speaks_for` in {connection.path}"
            yield loaded.problem(("via",), what, right)


def _claims(loaded: LoadedProfile) -> Iterator[tuple[Claim, Location]]:
    profile = loaded.profile
    if profile.as2 is not None:
        yield ("as2", profile.as2.id), ("as2", "id")
    for index, address in enumerate(profile.x12):
        yield ("x12", address.qualifier, address.id), ("x12", index, "id")
    for index, key in enumerate(profile.api_keys):
        yield ("api_key", key.sha256), ("api_keys", index, "sha256")
    for index, client in enumerate(profile.api.oauth_clients):
        yield ("oauth", client.client_id), ("api", "oauth_clients", index, "client_id")
    for index, signing in enumerate(profile.api.signatures.keys):
        yield ("signature", signing.id), ("api", "signatures", "keys", index, "id")
    for index, fingerprint in enumerate(loaded.client_certificates):
        yield ("certificate", fingerprint), ("api", "certificates", index, "file")
    if profile.sftp is not None:
        yield ("sftp", profile.sftp.user), ("sftp", "user")


def rivals(claimants: Claimants) -> Claimants:
    """Those whose claims count against each other: a draft takes nothing from partners with whom one exchanges."""
    if len(claimants) == 1:
        return claimants
    return [item for item in claimants if item[0].profile.status != "draft"] or claimants


def claimants_of(profiles: Iterable[LoadedProfile]) -> dict[Claim, Claimants]:
    """Who claims what, and where."""
    found: dict[Claim, Claimants] = {}
    for loaded in profiles:
        for claim, location in _claims(loaded):
            found.setdefault(claim, []).append((loaded, location))
    return found


_WORDS = {"as2": "the AS2 id", "sftp": "the SFTP user", "oauth": "the OAuth client", "signature": "the signature key"}


def _claim_words(claim: Claim) -> str:
    if claim[0] == "x12":
        return f"the X12 address {claim[1]}/{claim[2]}"
    if claim[0] in _WORDS:
        return f"{_WORDS[claim[0]]} {shown(claim[1])}"
    return "this client certificate" if claim[0] == "certificate" else "this API key"
