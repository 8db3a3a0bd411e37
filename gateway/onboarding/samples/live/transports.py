"""By which transport a sample is really played between two gateways here, and which of a profile is not tried so."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from gateway.flow.outward.ways import SFTP, WITHOUT_AS2, own_way
from gateway.model.delivery import MAILBOX
from gateway.model.webhook import WEBHOOK
from gateway.onboarding.samples.reading import Sample
from gateway.onboarding.samples.trials import Ran
from partners.profile import Profile
from translators.catalog import sniff

BY_AS2: Final = "AS2"
BY_REST: Final = "REST"


def transport_of(sample: Sample, partner: Profile, bearer: Profile) -> str:
    """AS2 or REST; `bearer` is the connection that carries the partner, or the partner itself."""
    if sample.direction == "outbound":
        return BY_REST if own_way(partner) in WITHOUT_AS2 else BY_AS2
    is_json = (sniff(sample.content) or "x12") == "json"
    return BY_REST if bearer.as2 is None or (is_json and bearer.has_api) else BY_AS2


def untried_transports(partner: Profile) -> tuple[str, ...]:
    """What carries a partner's documents for real, and nothing between two gateways here."""
    server = partner.sftp_server
    by_sftp = own_way(partner) in {MAILBOX, SFTP} or partner.sftp is not None or (server is not None and server.fetch)
    return (*(("SFTP",) if by_sftp else ()), *(("their webhook",) if own_way(partner) == WEBHOOK else ()))


def is_only_fetched_from(profile: Profile) -> bool:
    """Whether all that we ever have of a partner lies on its SFTP server, and nothing says how it is reached."""
    return own_way(profile) is None and profile.as2 is None and profile.sftp_server is not None


def words_of_passed(
    partner: Profile, bearer: Profile, samples: Iterable[Sample], trials: Sequence[Ran], digest: str
) -> str:
    """How samples that passed with this very profile travelled: ``by REST between two gateways here, not by SFTP``.

    Args:
        partner: whose samples they are.
        bearer: the connection that carries it, or the partner itself.
        samples: those that have to pass.
        trials: the last of each sample and way.
        digest: of the profile.
    """
    with_them = {trial.sample for trial in trials if trial.passed and (trial.way, trial.digest) == ("partner", digest)}
    here = dict.fromkeys(transport_of(one, partner, bearer) for one in samples if one.name not in with_them)
    said = []
    if here:
        said.append(f"by {' and '.join(here)} between two gateways here{_but_not(untried_transports(partner))}")
    if with_them & {one.name for one in samples}:
        said.append("with the partner itself")
    return "; ".join(said)


def _but_not(untried: Collection[str]) -> str:
    return f", not by {' and '.join(untried)}" if untried else ""
