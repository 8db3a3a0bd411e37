"""`gateway audit` as people call it: who did what, and from which address."""

import pytest

from gateway.store.oversight import audit
from gateway.store.oversight.audit import Act
from tests.site import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_the_address_is_shown_where_there_is_one(site, database, run):
    acts = [
        Act(1_764_000_000_000, "unknown", "refused.unauthenticated", "sftp", "192.0.2.7", {"user": "acme"}),
        Act(1_764_000_001_000, "command:ann", "sftp.look", "acme-supply", "", {}),
    ]
    for act in acts:
        database.write_now(lambda connection, act=act: audit.record(connection, act))
    heading, of_ann, refused = (line.split() for line in run("audit", "--config", site.config).out.splitlines())
    assert heading == ["AT", "WHO", "FROM", "ACT", "UPON", "DETAIL"]
    assert refused[1:] == ["unknown", "192.0.2.7", "refused.unauthenticated", "sftp", '{"user":"acme"}']
    assert of_ann[1:] == ["command:ann", "sftp.look", "acme-supply", "{}"]
    told = run("audit", "--action", "sftp.look", "--config", site.config).out
    assert "FROM" not in told
    json = run("audit", "--format", "json", "--config", site.config)
    assert [row["remote"] for row in json.rows] == ["", "192.0.2.7"]
