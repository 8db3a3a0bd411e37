"""The first key of one of our identities, as `gateway certs new` makes it."""

from datetime import UTC, datetime
from functools import partial

from certs.creation import create_key_pair
from certs.lives import Life
from gateway.commands.certs_opening import key_store, passphrase_of_ring, words
from gateway.commands.storing import actor, now_ms
from gateway.flow.certificates import key_acts
from gateway.flow.certificates.keys import stored_of
from gateway.model.instants import moment
from gateway.settings import Settings


def make_first_key(settings: Settings, identity: str) -> Life:
    """Make and keep a pair; what is wrong with the passphrase ends the command in its own words."""
    passphrase = passphrase_of_ring(settings)
    with key_store(settings) as database:
        organization = settings.company or None
        pair = words(lambda: create_key_pair(identity, now=datetime.now(UTC), organization=organization))
        life = Life(identity, pair.certificate, (), moment(now_ms()))
        row = stored_of(life, pair, passphrase)
        act = partial(key_acts.add, new=row, passphrase=passphrase, actor=actor(), action="key.new")
        words(lambda: database.write_now(act))
        return life
