"""When credentials of partners were last used: noted in memory, written down now and then.

What is lost with the power is a few seconds of "last used"; nothing waits for it.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from gateway.store.api_tables import CredentialUse
from gateway.store.engine.statements import Prepared, given, table_of

_USE = table_of(CredentialUse)

# Means and label, as a profile has them.
Shown = tuple[str, str]
Key = tuple[str, str, str]  # partner, means, label


class CredentialUses:
    """The uses of this process that are not written down yet; one dictionary entry a use, so that noting is cheap."""

    def __init__(self) -> None:
        self._noted: dict[Key, int] = {}

    def note(self, partner_id: str, means: str, label: str, at_ms: int) -> None:
        """A credential opened a door."""
        self._noted[partner_id, means, label] = at_ms

    def take(self) -> dict[Key, int]:
        """What was noted since the last call."""
        taken, self._noted = self._noted, {}
        return taken

    def put_back(self, taken: Mapping[Key, int]) -> None:
        """What could not be written down; newer notes stay."""
        self._noted = dict(taken) | self._noted

    def newest(self, partner_id: str) -> dict[Shown, int]:
        """What is noted of a partner and not written down yet."""
        return {(means, label): at_ms for (owner, means, label), at_ms in self._noted.items() if owner == partner_id}


def _later() -> Prepared:
    def build(insert):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # the dialect's own insert
        new = insert(_USE).values(
            partner_id=given("partner_id"), means=given("means"), label=given("label"), last_used_at_ms=given("at_ms")
        )
        return new.on_conflict_do_update(
            index_elements=["partner_id", "means", "label"],
            set_={"last_used_at_ms": new.excluded.last_used_at_ms},
            # Another node may have seen it later.
            where=new.excluded.last_used_at_ms > _USE.c.last_used_at_ms,
        )

    return Prepared(build)


_keep = _later()


def keep(connection: Connection, uses: Mapping[Key, int]) -> None:
    """Write uses down, in one order, so that two nodes do not wait for each other."""
    for (partner_id, means, label), at_ms in sorted(uses.items()):
        _keep.post(connection, partner_id=partner_id, means=means, label=label, at_ms=at_ms)


def of_partner(connection: Connection, partner_id: str) -> dict[Shown, int]:
    """When each credential of a partner was last used, in milliseconds since 1970."""
    query = select(_USE.c.means, _USE.c.label, _USE.c.last_used_at_ms).where(_USE.c.partner_id == partner_id)
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def every(connection: Connection) -> dict[str, dict[Shown, int]]:
    """The same of all partners, by their ids."""
    found: dict[str, dict[Shown, int]] = {}
    for row in connection.execute(select(_USE.c.partner_id, _USE.c.means, _USE.c.label, _USE.c.last_used_at_ms)):
        found.setdefault(row[0], {})[row[1], row[2]] = row[3]
    return found
