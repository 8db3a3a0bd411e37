"""The example partners: without a problem, each of their samples comes out as it is kept, each agreement is shown."""

from pathlib import Path

import orjson
import pytest

import partners
from gateway.onboarding.checking.checker import check
from gateway.onboarding.samples.reading import ACKNOWLEDGMENT, DOCUMENTS, FINDINGS, Sample, read_samples
from gateway.onboarding.samples.rehearsal import rehearsal
from gateway.onboarding.samples.trying import try_sample, without_sample
from gateway.settings import Settings
from partners.directory import Directory, load_directory
from tests.onboarding.test_agreements import BIGCORP, NOW

EXAMPLES = Path(partners.__file__).parent / "examples"
# After the manners of five sources: what each exchanges is shown by samples of both directions.
WITH_SAMPLES = ("canyon-merch", "forge-hardware", "harvest-apparel", "marlin-galley", "northwind-parts", "summit-aero")
# Who is told in X12 what was wrong; northwind-parts speaks JSON.
BOTH_WAYS = sorted({*WITH_SAMPLES} - {"northwind-parts"})


def examples() -> Directory:
    directory, problems = load_directory(EXAMPLES)
    assert problems == ()
    return directory


def samples_of(partner: str) -> tuple[Sample, ...]:
    samples, problems = read_samples(EXAMPLES / partner)
    assert problems == ()
    return samples


def findings_of(sample: Sample) -> list[dict[str, object]]:
    found: list[dict[str, object]] = orjson.loads(sample.expected.get(FINDINGS, b"[]"))
    return found


def test_a_check_finds_nothing_at_all() -> None:
    assert check(EXAMPLES, identities=[BIGCORP], now=NOW) == []


def test_all_that_have_samples_are_played_here() -> None:
    assert {folder.parent.name for folder in EXAMPLES.glob("*/samples")} == set(WITH_SAMPLES)


async def test_their_samples_come_out_as_they_are_kept() -> None:
    directory = examples()
    settings = Settings(partners_dir=EXAMPLES, identities=[BIGCORP])
    with rehearsal(settings, directory) as stage:
        for partner in WITH_SAMPLES:
            loaded = directory.by_id(partner)
            assert loaded is not None
            samples = samples_of(partner)
            tried = [await try_sample(stage, loaded, sample, samples) for sample in samples]
            assert {one.sample.name: one.differences for one in tried if not one.passed} == {}, partner
            assert without_sample(loaded, tried) == (), partner


@pytest.mark.parametrize("partner", BOTH_WAYS)
def test_they_show_both_ways_a_rejection_and_what_is_found(partner: str) -> None:
    samples = samples_of(partner)
    assert {sample.direction for sample in samples} == {"inbound", "outbound"}
    received = [sample for sample in samples if sample.direction == "inbound"]
    # Nothing became of one of them, and they are told in X12 what was wrong.
    rejected = [sample for sample in received if orjson.loads(sample.expected.get(DOCUMENTS, b"[]")) == []]
    assert rejected
    for sample in rejected:
        assert any(one["severity"] == "error" for one in findings_of(sample)), sample.name
        assert sample.expected[ACKNOWLEDGMENT], sample.name
    assert all(sample.about for sample in samples)
