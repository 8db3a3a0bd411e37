"""Partners with samples for tests, recorded as they come out by themselves, and the two houses that play them."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from certs.certificates import KeyPair
from gateway.app import CannotStart, Gateway
from gateway.demo.premises import sample as of_the_demo
from gateway.onboarding.samples.live.houses import House
from gateway.onboarding.samples.live.loopback import Loopback, PlayedLive, loopback
from gateway.onboarding.samples.reading import Sample, read_samples
from gateway.onboarding.samples.recording import record
from gateway.onboarding.samples.rehearsal import rehearsal
from gateway.onboarding.samples.trying import try_sample
from gateway.settings import Settings
from partners.directory import load_directory
from partners.loader import LoadedProfile
from tests.site import key_pair

ORDER, NOTICE = of_the_demo("purchase-order.json"), of_the_demo("ship-notice.json")
RESPONSE, BROKEN = of_the_demo("order-response.edi"), of_the_demo("order-response-broken.edi")
OURS = {"name": "bigcorp", "as2_id": "BIGCORP-AS2", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}}
X12 = {"qualifier": "ZZ", "id": "ACMESUPPLY"}
URL = "https://as2.acme.example/as2"
AS2: dict[str, Any] = {"id": "ACME-AS2", "url": URL, "certificate": "acme.pem"}
AGREEMENTS = [
    {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]},
    {"document": "purchase_order_acknowledgment", "direction": "inbound", "syntax": "x12"},
]


class Stage:
    """Partners with samples, recorded as they come out by themselves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.opened = 0
        self.settings = Settings.model_validate({"partners_dir": str(root), "identities": [OURS]})

    def add(self, partner: str, samples: dict[str, bytes] | None = None, **profile: object) -> None:
        folder = self.root / partner
        folder.mkdir()
        (folder / "profile.yaml").write_text(yaml.safe_dump({"id": partner, "name": partner} | profile))
        (folder / "acme.pem").write_bytes(key_pair("acme-supply").certificate.pem())
        for path, content in (samples or {}).items():
            (folder / "samples" / path).parent.mkdir(parents=True)
            (folder / "samples" / path).write_bytes(content)

    async def samples(self, partner: str) -> tuple[LoadedProfile, dict[str, Sample]]:
        directory, problems = load_directory(self.root)
        assert problems == ()
        loaded = directory.by_id(partner)
        assert loaded is not None
        found, _ = read_samples(self.root / partner)
        with rehearsal(self.settings, directory) as stage:
            for sample in found:
                record(await try_sample(stage, loaded, sample, found))
        return loaded, {sample.name: sample for sample in read_samples(self.root / partner)[0]}

    async def play(self, partner: str, folder: Path, **changes: bytes) -> dict[str, PlayedLive]:
        """Every sample live; `changes` go into what a sample expects (`order__sent.edi`)."""
        loaded, samples = await self.samples(partner)
        for key, content in changes.items():
            name, _, file = key.partition("__")
            file = file.replace("_edi", ".edi").replace("_json", ".json")
            samples[name] = replace(samples[name], expected={**samples[name].expected, file: content})
        async with AsyncExitStack() as stack:
            stage = await self.open(stack, folder, loaded)
            ordered = sorted(samples.values(), key=lambda sample: (sample.direction, sample.name))
            return {sample.name: await stage.play(sample, ordered) for sample in ordered}

    async def open(self, stack: AsyncExitStack, folder: Path, loaded: LoadedProfile) -> Loopback:
        directory, _ = load_directory(self.root)
        return await stack.enter_async_context(
            loopback(folder, loaded, directory, self.settings, self.house, CannotStart, pair=pair)
        )

    def house(self, settings: Settings) -> House:
        self.opened += 1
        return Gateway(settings, database_synchronous="OFF")


def pair(name: str) -> KeyPair:
    return key_pair(name)
