"""`partner show`: what lets a partner's programs in, with its days and its last use."""

from functools import partial

from gateway.store.credentials import uses
from tests.commands.conftest import Run
from tests.commands.stocked import Stocked
from tests.partners.profiles import KEY_DIGEST


def test_credentials_are_shown_with_their_last_use(stocked: Stocked, run: Run) -> None:
    profile, label = stocked.site.partners_dir / "acme-supply" / "profile.yaml", "production"
    profile.write_text(f"{profile.read_text()}api_keys: [{{label: {label}, sha256: {KEY_DIGEST}}}]\n")
    ended = run("partner", "show", "acme-supply", "--format", "json", "--config", stocked.site.config)
    (before,) = ended.rows
    assert before["credentials"][0]["label"] == label
    assert before["credentials"][0]["last_used_at"] is None
    with stocked.database() as database:
        database.write_now(partial(uses.keep, uses={("acme-supply", "api_key", label): 1_800_000_000_000}))
    ended = run("partner", "show", "acme-supply", "--format", "json", "--config", stocked.site.config)
    assert ended.rows[0]["credentials"][0]["last_used_at"] == "2027-01-15T08:00:00.000Z"
    ended = run("partner", "show", "acme-supply", "--config", stocked.site.config)
    assert "LAST USED" in ended.out
    assert any(line.split()[:3] == ["api", "key", label] for line in ended.out.splitlines())
    assert "2027-01-15T08:00:00.000Z" in ended.out
