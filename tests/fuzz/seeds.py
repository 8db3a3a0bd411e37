"""Files to begin with: our own, those that broke something once, and the corpus where it lies beside the project."""

from collections.abc import Iterator

from tests.fuzz.mutations import SPLICES
from tests.translators.x12.conftest import CORPUS, FIXTURES

FOUND = FIXTURES.parent / "fuzz"  # inputs that broke a property, kept for good
SEED_BYTES_MAX = 4_096


def seeds(*, with_corpus: bool = True) -> Iterator[bytes]:
    """Each file once; long ones teach a fuzzer little."""
    seen: set[bytes] = set()
    for folder in (FIXTURES, FOUND, CORPUS)[: 3 if with_corpus else 2]:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".tsv" and 0 < path.stat().st_size <= SEED_BYTES_MAX:
                data = path.read_bytes()
                if data not in seen:
                    seen.add(data)
                    yield data


def dictionary() -> str:
    """What the format is made of, in libFuzzer's notation."""
    words = {*SPLICES, *(f"{code}*".encode() for code in ("BEG", "PO1", "N1", "HL", "REF", "DTM", "CTT", "SN1", "ACK"))}
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in sorted(words))
