"""kill -9 at any moment: what was acknowledged is kept and published, a retry changes nothing."""

from tests.faults.killing import kill_under_load


async def test_kills_under_load_lose_nothing_and_double_nothing(http, gateway, erp):
    ledger = await kill_under_load(http, gateway, erp, rounds=3, acknowledged_min=300)
    assert ledger.in_doubt, "no kill hit a request under way: the test proved nothing"
