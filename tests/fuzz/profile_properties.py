"""What holds for any bytes in any layer of a profile: a profile, or problems with their place; never an exception."""

from collections.abc import Callable, Iterator

from partners.loader import PROBLEMS_MAX, LoadedProfile, parse_profile, unpack
from tests.fuzz.seeds import FOUND
from tests.partners.profiles import ACME, NORTHWIND

FOUND_IN_PROFILES = FOUND / "profiles"
LAYERS = ("profile.yaml", "profile.staging.yaml", "_templates/house.yaml", "testing")
RICH = """\
id: acme-supply
name: ACME Supply Inc.
extends: house
status: testing
contacts: [{name: Ann, email: ann@acme.example}]
as2:
  id: ACME-AS2
  certificates: [{file: acme.pem, use: both, not_after: 2027-03-31}, b.pem]
  url: https://as2.acme.example/as2
  sending: {sign: true, cipher: aes256-cbc, receipt_within_minutes: 240}
  connection: {private_networks: [10.20.0.0/16], username: us, password: env:ACME}
sftp: {user: acme, keys: [{label: laptop, file: acme.pub}]}
api_keys: [{label: production, sha256: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}]
x12: [{qualifier: ZZ, id: ACMESUPPLY, group_id: ACMESUPPLY}]
tolerances: [isa-padding]
vocabulary: {tables: [{file: items.csv, of: product_ids}], units: [{theirs: CA, ours: EA, factor: 12}]}
control_numbers: {interchange: {min: 1, max: 999_999_999}}
framing: {usage: production, separators: {element: "*", terminator: "~"}}
testing:
  as2: {url: "https://test.acme.example/as2"}
agreements:
  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}
  - document: ship_notice
    direction: inbound
    syntax: x12
    releases: [004010, 005010]
    rules: [{segment: TD5, loop: HL, max_use: 2}, {element: BSN01, codes: ["00"]}]
"""
SMALL = "limits: {body_bytes_max: 5_000}\nagreements: [{document: invoice, direction: inbound, syntax: json}]\n"
FILES = {"acme.pem": b"one", "b.pem": b"two", "acme.pub": b"key", "items.csv": b"theirs,ours\nA,B\n"}
WORDS = (
    *("&a ", "*a", "<<: *a", "!!python/object/apply:os.system ", "!!binary ", "- ", ": ", "? ", "|-\n  ", ">\n"),
    *("---\n", "...\n", "%YAML 1.1\n", "\t", "\x00", "\x85", "\u2028", "\ufeff", "\r", "null", "~", "true"),
    *("[", "]", "{", "}", "'", '"', "#", "@", "`", "extends: house\n", "in_use: false", "testing:\n", "0x1F"),
    *("status: draft\n", "1e999", "2026-02-30", ".inf", "profile.yaml", "../x"),
)


def read_in(layer: int, data: bytes) -> LoadedProfile | tuple[object, ...]:
    """A profile with this text in one of its layers, sound texts in the others."""
    house = SMALL.encode()
    if layer == 0:
        return parse_profile({**FILES, "profile.yaml": data, "_templates/house.yaml": house})
    if LAYERS[layer] == "testing":
        indented = b"\n".join(b"  " + line for line in data.split(b"\n"))
        text = ACME.encode() + b"status: testing\ntesting:\n" + indented
        return parse_profile({**FILES, "profile.yaml": text})
    files = {**FILES, "profile.yaml": RICH.encode(), "_templates/house.yaml": house}
    return parse_profile(files | {LAYERS[layer]: data})


def told(data: bytes) -> None:
    """The first byte says in which layer the others stand; what comes of it is a profile that travels, or problems."""
    if not data:
        return
    found = read_in(data[0] % len(LAYERS), data[1:])
    if isinstance(found, LoadedProfile):
        again = unpack(found.pack())
        assert again == found, "it is the same behind its way through the store"
        assert all(place.line >= 1 and place.column >= 1 and place.file for place in found.origins().values())
        return
    assert 1 <= len(found) <= PROBLEMS_MAX
    for problem in found:
        assert problem.file in LAYERS, problem
        assert min(problem.line, problem.column) >= 1
        assert problem.what, problem
        assert problem.would_be_right, problem
        assert str(problem).isprintable() or "\\" in str(problem), repr(str(problem))


def profile_seeds() -> Iterator[bytes]:
    """Each sound text in each layer."""
    for layer in range(len(LAYERS)):
        for text in (ACME, NORTHWIND, RICH, SMALL):
            yield bytes([layer]) + text.encode()
    for path in sorted(FOUND_IN_PROFILES.glob("*")):
        yield path.read_bytes()


def profile_dictionary() -> str:
    """What YAML and profiles are made of, in libFuzzer's notation."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"\n' for word in sorted(WORDS))


PROFILE_PROPERTIES: dict[str, Callable[[bytes], None]] = {"profile": told}
