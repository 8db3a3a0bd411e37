"""Partners' profiles in one run: loading, checking, looking again, beside bare reading and YAML of the same files."""

import hashlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import yaml

from gateway.onboarding.checking.checker import check
from gateway.settings import IdentitySettings
from partners.directory import Directory, load_directory
from tests.bench.figures import Effort, Figure, figure, seconds_of

PARTNERS = 2_000
TABLE_ROWS = 100
EXAMPLE = Path("partners/examples/acme-supply")
OURS = IdentitySettings.model_validate(
    {"name": "bigcorp", "as2_id": "BIGCORP-AS2", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}}
)
UPON_A_TEMPLATE = """\
id: {name}
name: Partner {number}
extends: as2-x12
as2: {{id: AS2-{number}, url: https://as2-{number}.example/as2, certificate: acme-as2-2027.pem}}
x12: {{qualifier: ZZ, id: P{number}}}
"""
WITH_A_TABLE = "vocabulary: {tables: [{file: items.csv, of: product_ids, theirs: VN, ours: BP}]}\n"


def profiles(effort: Effort) -> Iterator[Figure]:
    """j. Profiles: a third as large as they get, two thirds upon a template, of these half with a table of items."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        bytes_written = write_partners(folder, PARTNERS)
        load: list[float] = []
        read: list[float] = []
        composed: list[float] = []
        nothing: list[float] = []
        one: list[float] = []
        checked: list[float] = []
        for _ in range(effort.runs):
            read.append(seconds_of(partial(_read_and_hash, folder)))
            composed.append(seconds_of(partial(_compose, folder)))
            load.append(seconds_of(partial(_load, folder)))
            directory = _load(folder)
            nothing.append(seconds_of(partial(load_directory, folder, directory)) * 1e3)
            changed = folder / "p0000" / "profile.yaml"
            changed.write_text(changed.read_text() + "\n")
            one.append(seconds_of(partial(load_directory, folder, directory)) * 1e3)
            checked.append(seconds_of(partial(check, folder, identities=[OURS], now=datetime.now(UTC))))
        size = {"megabytes": bytes_written / 1e6}
        of = f"{PARTNERS:,} partners"
        yield figure(f"j. {of} loaded, beside bare YAML of their profiles", load, "s", composed, "< 2 s", notes=size)
        yield figure(f"j. {of} loaded, beside reading and hashing their files", load, "s", read, "")
        yield figure(f"j. {of} checked, beside loading them", checked, "s", load, "< 20 s")
        yield figure(f"j. {of} looked at again, nothing changed", nothing, "ms", None, "")
        yield figure(f"j. {of} looked at again, one profile changed", one, "ms", None, "")


def write_partners(folder: Path, number: int) -> int:
    """Partners' folders; returns how many bytes lie in them."""
    example = (EXAMPLE / "profile.yaml").read_text()
    certificates = {path.name: path.read_bytes() for path in EXAMPLE.glob("*.pem")}
    rows = "".join(f"V{row:05},B{row:05}\n" for row in range(TABLE_ROWS))
    size = 0
    for index in range(number):
        name = f"p{index:04}"
        if index % 3 == 0:
            text = example.replace("id: acme-supply", f"id: {name}").replace("id: ACME-AS2", f"id: AS2-{index}")
            files = {"profile.yaml": text.replace("id: ACMESUPPLY", f"id: P{index}").encode(), **certificates}
        else:
            text = UPON_A_TEMPLATE.format(name=name, number=index)
            files = {"acme-as2-2027.pem": certificates["acme-as2-2027.pem"]}
            if index % 3 == 1:
                text += WITH_A_TABLE
                files["items.csv"] = f"theirs,ours\n{rows}".encode()
            files["profile.yaml"] = text.encode()
        (folder / name).mkdir()
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
            size += len(content)
    return size


def _load(folder: Path) -> Directory:
    directory, problems = load_directory(folder)
    assert len(directory) == PARTNERS, problems[:3]
    return directory


def _read_and_hash(folder: Path) -> None:
    for path in folder.glob("*/*"):
        hashlib.sha256(path.read_bytes()).digest()


def _compose(folder: Path) -> None:
    for path in folder.glob("*/profile.yaml"):
        yaml.compose(path.read_bytes(), Loader=yaml.CSafeLoader)
