import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.onboarding.samples.reading import Sample
from gateway.onboarding.samples.throwaway import throwaway_folder
from gateway.onboarding.samples.trials import missing_trials, required_names
from gateway.store.partners.trials import Trial

ORDER = Sample("order", "Order", "", "outbound", Path("/samples/order"), b"{}", "document.json", {}, required=True)
SAMPLES = (ORDER, replace(ORDER, name="response"), replace(ORDER, name="oddity", required=False))
PASSED = Trial("1", "acme-supply", "order", "loopback", "now", passed=True, detail="", actor="a", at_ms=1)


def missing(*trials: Trial, required: tuple[str, ...] | None = ("order",)) -> list[tuple[str, str]]:
    return [(one.sample, one.why) for one in missing_trials(SAMPLES, trials, "now", required)]


def test_required_are_those_named_else_all_that_do_not_say_otherwise() -> None:
    assert required_names(SAMPLES, None) == ("order", "response")
    assert required_names(SAMPLES, ("response", "oddity")) == ("oddity", "response")
    assert required_names(SAMPLES, ()) == ()


def test_one_way_is_enough() -> None:
    assert missing(PASSED) == []
    assert missing(replace(PASSED, way="partner")) == []
    assert [name for name, _ in missing(PASSED, required=None)] == ["response"]
    assert missing(required=()) == []


@pytest.mark.parametrize(
    ("trials", "why"),
    [
        ((), "never ran"),
        ((replace(PASSED, sample="response"),), "never ran"),
        ((replace(PASSED, digest="before"),), "passed with an earlier profile only"),
        ((replace(PASSED, digest="before", passed=False),), "never ran"),
        ((replace(PASSED, passed=False, detail="no receipt"),), "failed by way of loopback: no receipt"),
        ((PASSED, replace(PASSED, way="partner", passed=False)), "failed by way of partner"),
    ],
    ids=range(6),
)
def test_what_has_not_passed_with_this_profile(trials: tuple[Trial, ...], why: str) -> None:
    ((name, said),) = missing(*trials)
    assert (name, said.startswith(why)) == ("order", True), said


def test_what_failed_says_on_which_way() -> None:
    ways = missing_trials(SAMPLES, (PASSED, replace(PASSED, way="partner", passed=False)), "now", ("order", "response"))
    assert [(one.sample, one.way) for one in ways] == [("order", "partner"), ("response", "")]


def test_a_required_sample_that_is_not_there() -> None:
    assert missing(required=("nowhere",)) == [("nowhere", "is required by the profile, but there is no such sample")]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_nothing_stays_of_a_folder(temporary: Path) -> None:
    def use_and_fail() -> None:
        with throwaway_folder() as folder:
            (folder / "inside").mkdir()
            assert folder.parent == temporary
            assert folder.stat().st_mode & 0o077 == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        use_and_fail()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_program_left_goes_with_the_next(temporary: Path) -> None:
    def leave(name: str) -> Path:
        folder = temporary / f"partner-gateway-samples-{name}"
        folder.mkdir()
        (folder / "in-use.lock").touch()
        return folder

    left, used, begun = leave("left"), leave("used"), temporary / "partner-gateway-samples-begun"
    begun.mkdir()
    link = temporary / "partner-gateway-samples-link"
    outside = temporary / "elsewhere"
    outside.mkdir()
    (outside / "in-use.lock").touch()
    link.symlink_to(outside)
    with (used / "in-use.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with throwaway_folder():
            assert (left.exists(), used.exists(), begun.exists(), outside.exists()) == (False, True, True, True)
    assert os.listdir(outside) == ["in-use.lock"]  # noqa: PTH208  # names are what is wanted
