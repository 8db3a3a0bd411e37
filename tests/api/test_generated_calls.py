from pathlib import Path

import pytest

from tests.api.generated_calls import open_site, run, stock
from tests.site import RunningGateway

SECONDS = 15


@pytest.mark.timeout(300)
def test_whatever_is_sent_the_answer_is_one_that_was_promised(tmp_path: Path):
    with RunningGateway(open_site(tmp_path)) as gateway:
        stock(gateway)
        done = run(gateway, seconds=SECONDS, examples=3, report=tmp_path / "report.xml")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "No issues found" in done.stdout
