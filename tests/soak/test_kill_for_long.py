"""The kill test, long enough to meet rare moments: on SQLite and on PostgreSQL."""

import pytest

from tests.faults.conftest import erp, http  # noqa: F401  # fixtures
from tests.faults.killing import kill_under_load
from tests.site import RunningGateway, Site

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3_600)]

ROUNDS = 10
ACKNOWLEDGED_MIN = 10_000
LEASE_S = 2
# On PostgreSQL the leases of the killed last on; some lives are shorter than that, most are longer.
ALIVE_S = {"sqlite": (0.2, 1.6), "postgresql": (0.5, 8.0)}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_many_kills_among_ten_thousand_messages(request, database, tmp_path, broker_url, http, erp):  # noqa: F811
    settings = {"broker_url": broker_url}
    if database == "postgresql":
        settings |= {"database_url": request.getfixturevalue("database_url"), "limits": {"claim_lease_s": LEASE_S}}
    gateway = RunningGateway(Site(tmp_path / "site", settings))
    try:
        ledger = await kill_under_load(
            http, gateway, erp, rounds=ROUNDS, acknowledged_min=ACKNOWLEDGED_MIN, alive_s=ALIVE_S[database]
        )
    finally:
        gateway.kill()
    assert ledger.acknowledged >= ACKNOWLEDGED_MIN
    assert ledger.in_doubt, "no kill hit a request under way: the test proved nothing"
    print(
        f"{ledger.acknowledged} acknowledged, {len(ledger.in_doubt)} were in doubt, {ledger.refusals} invited to retry"
    )
