"""Every property that is fuzzed, with what its inputs begin with and where those that break it are kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.as2_properties import AS2_PROPERTIES
from tests.fuzz.as2_seeds import FOUND_IN_AS2, as2_dictionary, as2_seeds
from tests.fuzz.profile_properties import FOUND_IN_PROFILES, PROFILE_PROPERTIES, profile_dictionary, profile_seeds
from tests.fuzz.properties import PROPERTIES
from tests.fuzz.seeds import FOUND, dictionary, seeds
from tests.fuzz.sftp_properties import FOUND_IN_SFTP, SFTP_PROPERTIES, sftp_dictionary, sftp_seeds
from tests.fuzz.signature_properties import (
    FOUND_IN_SIGNATURES,
    SIGNATURE_PROPERTIES,
    signature_dictionary,
    signature_seeds,
)


@dataclass(frozen=True)
class Target:
    """One property."""

    holds: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    dictionary: Callable[[], str]
    found: Path


TARGETS = {
    **{name: Target(holds, seeds, dictionary, FOUND) for name, holds in PROPERTIES.items()},
    **{name: Target(holds, as2_seeds, as2_dictionary, FOUND_IN_AS2) for name, holds in AS2_PROPERTIES.items()},
    **{
        name: Target(holds, profile_seeds, profile_dictionary, FOUND_IN_PROFILES)
        for name, holds in PROFILE_PROPERTIES.items()
    },
    **{
        name: Target(holds, signature_seeds, signature_dictionary, FOUND_IN_SIGNATURES)
        for name, holds in SIGNATURE_PROPERTIES.items()
    },
    **{name: Target(holds, sftp_seeds, sftp_dictionary, FOUND_IN_SFTP) for name, holds in SFTP_PROPERTIES.items()},
}
