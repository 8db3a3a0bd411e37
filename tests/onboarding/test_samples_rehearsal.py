"""What comes out of samples: the line's own rules, a clock that stands still, and a store that forgets."""

import asyncio
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from gateway.demo.premises import sample as of_the_demo
from gateway.flow.terms import TermsOfProfiles
from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.reading import Sample, read_samples
from gateway.onboarding.samples.recording import record
from gateway.onboarding.samples.rehearsal import CLOCK_MS, Rehearsal, keep_orders, rehearsal
from gateway.onboarding.samples.staging import cast
from gateway.onboarding.samples.trying import try_sample, without_sample
from gateway.settings import Settings
from gateway.store import claims
from gateway.store.database import Database
from gateway.store.messages import documents
from partners.directory import Directory, load_directory
from partners.loader import LoadedProfile
from tests.migrated import migrate

RESPONSE, BROKEN = of_the_demo("order-response.edi"), of_the_demo("order-response-broken.edi")
ORDER, NOTICE = of_the_demo("purchase-order.json"), of_the_demo("ship-notice.json")
OURS: dict[str, Any] = {
    "name": "bigcorp",
    "as2_id": "BIGCORP-AS2",
    "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"},
}
X12 = {"qualifier": "ZZ", "id": "ACMESUPPLY"}
AGREEMENTS = [
    {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]},
    {"document": "purchase_order_acknowledgment", "direction": "inbound", "syntax": "x12"},
]


class Stage:
    """Partners, their samples and the rehearsal that plays them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Settings.model_validate({"partners_dir": str(root), "identities": [OURS]})
        self.add("acme-supply", as2={"id": "ACME-AS2", "require_signed": False}, x12=X12, agreements=AGREEMENTS)

    def add(self, partner: str, **profile: object) -> Path:
        folder = self.root / partner
        folder.mkdir(exist_ok=True)
        (folder / "profile.yaml").write_text(yaml.safe_dump({"id": partner, "name": partner} | profile))
        return folder

    def sample(self, content: bytes, name: str = "one", partner: str = "acme-supply", **expected: bytes) -> None:
        folder = self.root / partner / "samples" / name
        folder.mkdir(parents=True, exist_ok=True)
        if content[:1] != b"{":
            going_in = "received.edi"
        else:
            going_in = "received.json" if partner == "northwind-parts" else "document.json"
        (folder / going_in).write_bytes(content)
        for file, data in expected.items():
            (folder / file.replace("__", ".")).write_bytes(data)

    def partner(self, partner: str) -> tuple[LoadedProfile, Directory]:
        directory, problems = load_directory(self.root)
        assert problems == ()
        loaded = directory.by_id(partner)
        assert loaded is not None
        return loaded, directory

    async def try_all(self, partner: str = "acme-supply") -> dict[str, Judged]:
        loaded, directory = self.partner(partner)
        samples, problems = read_samples(self.root / partner)
        assert problems == ()
        with rehearsal(self.settings, directory) as played_in:
            return {sample.name: await self.tried(played_in, loaded, sample, samples) for sample in samples}

    async def tried(
        self, stage: Rehearsal, loaded: LoadedProfile, sample: Sample, samples: tuple[Sample, ...]
    ) -> Judged:
        judged = await try_sample(stage, loaded, sample, samples)
        assert judged.fault == ""
        return judged

    async def only(self, partner: str = "acme-supply") -> Judged:
        (judged,) = (await self.try_all(partner)).values()
        return judged


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def segments(judged: Judged, file: str = "acknowledgment.edi") -> list[str]:
    return judged.played.files[file].decode().rstrip("~").split("~")


def found(judged: Judged) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = orjson.loads(judged.played.files.get("findings.json", b"[]"))
    return findings


async def test_what_they_send(stage: Stage) -> None:
    stage.sample(RESPONSE)
    judged = await stage.only()
    assert (judged.passed, judged.unrecorded) == (False, ("acknowledgment.edi", "documents.json"))
    (document,) = orjson.loads(judged.played.files["documents.json"])
    assert (document["document_type"], len(document["lines"])) == ("purchase_order_acknowledgment", 3)
    assert segments(judged)[0].endswith("*260102*0304*U*00401*000000001*0*P*>")
    assert segments(judged)[-4] == "AK9*A*1*1*1"


async def test_recorded_once_it_passes_until_something_changes(stage: Stage) -> None:
    stage.sample(BROKEN)
    judged = await stage.only()
    assert record(judged) == ("acknowledgment.edi", "documents.json", "findings.json")
    assert (await stage.only()).passed
    folder = stage.root / "acme-supply" / "samples" / "one"
    (folder / "received.edi").write_bytes(RESPONSE)
    again = await stage.only()
    assert {item.file for item in again.differences} == {"acknowledgment.edi", "documents.json", "findings.json"}
    record(again)
    assert sorted(path.name for path in folder.iterdir()) == ["acknowledgment.edi", "documents.json", "received.edi"]
    assert (await stage.only()).passed


async def test_what_is_rejected_is_told_and_earns_its_997(stage: Stage) -> None:
    stage.sample(BROKEN)
    judged = await stage.only()
    assert judged.played.files["documents.json"].strip() == b"[]"
    assert "AK5*R*5" in segments(judged)
    assert [(item["document"], item["segment"], item["element"]) for item in found(judged)] == [(1, "BAK", 2)]


async def test_what_is_rejected_with_its_envelope_earns_a_ta1(stage: Stage) -> None:
    stage.sample(RESPONSE.replace(b"BIGCORP        *260105", b"NOBODY         *260105"))
    judged = await stage.only()
    assert [segment[:3] for segment in segments(judged)] == ["ISA", "TA1", "IEA"]
    assert (segments(judged)[1][-5:], found(judged)[0]["code"]) == ("R*008", "008")


async def test_tolerances_and_rules_of_the_profile_hold(stage: Stage) -> None:
    shortened = RESPONSE.replace(b"SE*16*0001", b"SE*15*0001")
    stage.sample(shortened)
    assert "AK5*R*4" in segments(await stage.only())
    tolerant = [AGREEMENTS[0], AGREEMENTS[1] | {"tolerances": ["trailer-counts"]}]
    stage.add("acme-supply", as2={"id": "A", "require_signed": False}, x12=X12, agreements=tolerant)
    assert "AK9*E*1*1*1" in segments(await stage.only())
    rule = {"segment": "REF", "usage": "not_used"}
    strict = [AGREEMENTS[0], tolerant[1] | {"rules": [rule]}]
    stage.add("acme-supply", as2={"id": "A", "require_signed": False}, x12=X12, agreements=strict)
    judged = await stage.only()
    assert [item["segment"] for item in found(judged) if item["severity"] == "error"] == ["REF"]


async def test_what_we_send(stage: Stage) -> None:
    stage.sample(ORDER)
    judged = await stage.only()
    assert judged.unrecorded == ("sent.edi",)
    isa, group, kind, beginning, *_ = segments(judged, "sent.edi")
    assert isa.startswith("ISA*00*          *00*          *ZZ*BIGCORP        *ZZ*ACMESUPPLY     *260102*0304*")
    assert (group[:22], kind, beginning[:3]) == ("GS*PO*BIGCORP*ACMESUPP", "ST*850*0001", "BEG")


async def test_each_sample_finds_the_same_numbers(stage: Stage) -> None:
    for name in ("first", "second"):
        stage.sample(ORDER, name)
        stage.sample(RESPONSE, f"{name}-response")
    tried = await stage.try_all()
    assert tried["first"].played == tried["second"].played
    assert tried["first-response"].played == tried["second-response"].played


async def test_what_is_not_to_be_sent_is_refused(stage: Stage) -> None:
    stage.sample(NOTICE)
    judged = await stage.only()
    assert set(judged.played.files) == {"findings.json"}
    assert [item["code"] for item in found(judged)] == ["not-sent"]
    assert "no outbound agreement on ship_notice" in found(judged)[0]["message"]
    record(judged)
    assert (await stage.only()).passed


async def test_what_does_not_fit_into_x12_is_refused(stage: Stage) -> None:
    order = orjson.loads(ORDER)
    order["number"] = "4500012345" * 5
    stage.sample(orjson.dumps(order))
    judged = await stage.only()
    assert set(judged.played.files) == {"findings.json"}
    assert {item["severity"] for item in found(judged)} >= {"error"}


async def test_a_sample_that_expects_what_no_longer_comes(stage: Stage) -> None:
    stage.sample(RESPONSE, findings__json=b'[{"code": "7"}]', documents__json=b"[]", acknowledgment__edi=b"ISA")
    judged = await stage.only()
    assert judged.unrecorded == ()
    told = {(item.file, item.place, item.came is None) for item in judged.differences}
    assert ("findings.json", "", True) in told
    assert ("documents.json", "/0", False) in told


async def test_json_and_xml(stage: Stage) -> None:
    agreements = [
        {"document": "ship_notice", "direction": "inbound", "syntax": "json"},
        {"document": "purchase_order", "direction": "outbound", "syntax": "xml"},
    ]
    key = {"label": "tests", "sha256": hashlib.sha256(b"key").hexdigest()}
    folder = stage.add("northwind-parts", api_keys=[key], agreements=agreements)
    stage.sample(NOTICE, "notice", "northwind-parts")
    (folder / "samples" / "order").mkdir()
    (folder / "samples" / "order" / "document.json").write_bytes(ORDER)
    tried = await stage.try_all("northwind-parts")
    assert list(tried["notice"].played.files) == ["documents.json"]
    # Nothing says yet how the order reaches them: that does not keep it from being written.
    assert list(tried["order"].played.files) == ["sent.xml"]
    for judged in tried.values():
        record(judged)
    assert all(judged.passed for judged in (await stage.try_all("northwind-parts")).values())


async def test_a_partner_that_comes_by_a_connection(stage: Stage) -> None:
    speaks_for = [{"qualifier": "ZZ", "id": "ACMESUPPLY"}]
    stage.add("van", as2={"id": "VAN", "require_signed": False}, speaks_for=speaks_for)
    stage.add("acme-supply", via="van", x12=X12, agreements=AGREEMENTS)
    stage.sample(RESPONSE, "response")
    stage.sample(ORDER, "order")
    tried = await stage.try_all()
    assert "AK9*A*1*1*1" in segments(tried["response"])
    assert segments(tried["order"], "sent.edi")[2] == "ST*850*0001"


@pytest.mark.parametrize("status", ["draft", "suspended", "testing"])
async def test_whatever_the_status(stage: Stage, status: str) -> None:
    stage.sample(RESPONSE, "response")
    stage.sample(ORDER, "order")
    before = await stage.try_all()
    for judged in before.values():
        record(judged)
    as2 = {"id": "ACME-AS2", "require_signed": False}
    stage.add("acme-supply", status=status, as2=as2, x12=X12, agreements=AGREEMENTS)
    assert {name: judged.differences for name, judged in (await stage.try_all()).items()} == dict.fromkeys(before, ())


async def test_answers_repeat_what_the_order_said(stage: Stage) -> None:
    agreements: list[dict[str, object]] = [
        {"document": "purchase_order", "direction": "inbound", "syntax": "json"},
        {"document": "purchase_order_acknowledgment", "direction": "outbound", "syntax": "x12", "releases": ["004010"]},
    ]
    as2 = {"id": "A", "require_signed": False}
    stage.add("acme-supply", as2=as2, x12=X12, agreements=AGREEMENTS)
    stage.sample(RESPONSE)
    (response,) = orjson.loads((await stage.only()).played.files["documents.json"])
    stage.add("acme-supply", as2=as2, x12=X12, agreements=agreements)
    folder = stage.root / "acme-supply" / "samples"
    (folder / "one" / "received.edi").unlink()
    for line in response["lines"]:
        line.pop("unit_price", None)
    (folder / "one" / "document.json").write_bytes(orjson.dumps(response))
    alone = segments(await stage.only(), "sent.edi")
    (folder / "their-order").mkdir()
    (folder / "their-order" / "received.json").write_bytes(ORDER)
    answered = segments((await stage.try_all())["one"], "sent.edi")
    assert (any("*12.5*" in one for one in alone), any("*12.5*" in one for one in answered)) == (False, True)


async def test_orders_become_known_while_somebody_is_at_work_for_the_partner(stage: Stage) -> None:
    agreements: list[dict[str, object]] = [{"document": "purchase_order", "direction": "inbound", "syntax": "json"}]
    stage.add("acme-supply", as2={"id": "A", "require_signed": False}, x12=X12, agreements=agreements)
    folder = stage.root / "acme-supply" / "samples" / "their-order"
    folder.mkdir(parents=True)
    (folder / "received.json").write_bytes(ORDER)
    loaded, directory = stage.partner("acme-supply")
    (sample,), _ = read_samples(folder.parents[1])
    actors = cast(loaded, directory, stage.settings.identities)
    database = Database(f"sqlite:///{stage.root / 'house.sqlite'}")
    try:
        migrate(database)
        # A worker of the house has the partner, far beyond the time at which samples are played.
        lease = partial(claims.take, name="partner:acme-supply", owner="worker", now_ms=CLOCK_MS, until_ms=2 * CLOCK_MS)
        assert database.write_now(lease)
        terms = TermsOfProfiles(database, actors.identities, lambda: actors.directory).read(loaded, directory)
        keep_orders(database, actors, terms, sample, "order-0")
        number = orjson.loads(ORDER)["number"]
        known = database.read_now(partial(documents.orders, partner_id=loaded.id, purchase_order_numbers=[number]))
        assert list(known) == [number]
    finally:
        database.close()


async def test_agreements_that_no_sample_shows(stage: Stage) -> None:
    loaded, _ = stage.partner("acme-supply")
    order, response = "outbound purchase_order in x12", "inbound purchase_order_acknowledgment in x12"
    stage.sample(BROKEN)
    tried = (await stage.try_all()).values()
    assert [str(item) for item in without_sample(loaded, tried)] == [order, response]
    stage.sample(RESPONSE, name="another")
    tried = (await stage.try_all()).values()
    assert [str(item) for item in without_sample(loaded, tried)] == [order]


def test_nothing_is_left_where_recording_fails(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.sample(RESPONSE)
    judged = asyncio.run(stage.only())

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        record(judged)
    assert [path.name for path in judged.sample.folder.iterdir()] == ["received.edi"]


async def test_a_fault_of_ours_fails_one_sample_and_names_the_place(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("what a partner sent must not be shown")

    stage.sample(RESPONSE)
    loaded, directory = stage.partner("acme-supply")
    (sample,), _ = read_samples(stage.root / "acme-supply")
    monkeypatch.setattr("gateway.onboarding.samples.rehearsal.decide", fault)
    with rehearsal(stage.settings, directory) as played_in:
        judged = await try_sample(played_in, loaded, sample, (sample,))
    assert (judged.passed, without_sample(loaded, [judged])) == (False, ())
    assert judged.fault.startswith("it could not be played, by our own fault (ZeroDivisionError in test_samples_reh")
    assert "must not be shown" not in judged.fault
