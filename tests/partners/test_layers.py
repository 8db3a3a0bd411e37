"""A profile in layers: what joins, what takes another's place, what holds until it is live, what depends on it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import partners.folders
import partners.layers
import partners.templates
from partners.directory import Directory, load_directory
from partners.layers import lay, split_testing, without_unused, written
from partners.loader import LoadedProfile, load_profile, parse_profile, unpack
from partners.nodes import Mapping, Node, Sequence, plain, read_nodes
from partners.problems import Place, Problem
from partners.templates import CHAIN_MAX, Templates
from tests.partners.profiles import ACME, write


def nodes(text: str, layer: str = "") -> Mapping:
    read = read_nodes(text.encode(), "profile.yaml", layer)
    assert isinstance(read, Mapping), read
    return read


def laid(below: str, above: str) -> object:
    return plain(lay(nodes(below), nodes(above)))


class TestJoining:
    @pytest.mark.parametrize(
        ("below", "above", "joined"),
        [
            ("a: 1\nb: 2\n", "b: 3\n", {"a": "1", "b": "3"}),
            ("a: {x: 1, y: {p: 1}}\n", "a: {y: {q: 2}}\n", {"a": {"x": "1", "y": {"p": "1", "q": "2"}}}),
            ("a: [1, 2]\n", "a: [3]\n", {"a": ["3"]}),
            ("a: {x: 1}\n", "a: word\n", {"a": "word"}),
            ("a: word\n", "a: {x: 1}\n", {"a": {"x": "1"}}),
            ("agreements: word\n", "agreements: [{document: invoice}]\n", {"agreements": [{"document": "invoice"}]}),
        ],
    )
    def test_keys_join_and_anything_else_takes_the_place(self, below: str, above: str, joined: object) -> None:
        assert laid(below, above) == joined

    BELOW = """\
agreements:
  - {document: invoice, direction: inbound, syntax: x12, releases: [004010]}
  - {document: invoice, direction: inbound, syntax: json}
  - {document: ship_notice, direction: inbound, syntax: x12}
"""

    def test_an_agreement_joins_the_one_on_the_same_document(self) -> None:
        above = "agreements:\n  - {document: invoice, direction: inbound, syntax: x12, rules: []}\n"
        first, *others = laid(self.BELOW, above)["agreements"]  # type: ignore[index]
        assert first == {
            "document": "invoice",
            "direction": "inbound",
            "syntax": "x12",
            "releases": ["004010"],
            "rules": [],
        }
        assert len(others) == 2

    @pytest.mark.parametrize("differs", ["direction: outbound", "syntax: xml", "our_identity: plant", "document: x"])
    def test_what_tells_agreements_apart(self, differs: str) -> None:
        key = differs.partition(":")[0]
        keys = {"document": "invoice", "direction": "inbound", "syntax": "x12"}
        item = ", ".join(f"{name}: {value}" for name, value in keys.items() if name != key)
        assert len(laid(self.BELOW, f"agreements: [{{{item}, {differs}}}]\n")["agreements"]) == 4  # type: ignore[index]

    def test_two_of_the_same_above_join_one_below_and_stand_beside_it(self) -> None:
        same = "{document: invoice, direction: inbound, syntax: x12, releases: [005010]}"
        found = laid(self.BELOW, f"agreements: [{same}, {same}]\n")["agreements"]  # type: ignore[index]
        assert [item["releases"] for item in (found[0], found[3])] == [["005010"], ["005010"]]

    def test_every_value_keeps_its_place(self) -> None:
        joined = lay(nodes("a: 1\nb: {c: 2}\n", "template"), nodes("b:\n  d: 3\n"))
        assert {location: scalar.place for location, scalar in written(joined)} == {
            ("a",): Place(1, 4, "template"),
            ("b", "c"): Place(2, 8, "template"),
            ("b", "d"): Place(2, 6),
        }
        assert joined.keys["b"] == Place(1, 1)

    def test_no_layer_is_changed(self) -> None:
        below, above = nodes("a: {x: 1}\n"), nodes("a: {y: 2}\n")
        lay(below, above)
        assert (plain(below), plain(above)) == ({"a": {"x": "1"}}, {"a": {"y": "2"}})


def test_thousands_of_agreements_are_looked_up_and_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    number, reads = 500, 0
    really = partners.layers.text_of

    def text_of(node: Node | None, key: str) -> str | None:
        nonlocal reads
        reads += 1
        return really(node, key)

    below = nodes("agreements: [" + "{document: a%d}, " * number % tuple(range(number)) + "]\n")
    above = nodes("agreements: [" + "{document: b%d}, " * number % tuple(range(number)) + "]\n")
    monkeypatch.setattr(partners.layers, "text_of", text_of)
    agreements = lay(below, above).values["agreements"]
    assert isinstance(agreements, Sequence)
    assert len(agreements.items) == 2 * number
    assert reads < 20 * number


def test_of_two_agreements_on_the_same_the_first_is_joined_first() -> None:
    below = "agreements: [{document: a, x: 1}, word, {document: a, x: 2}]\n"
    assert laid(below, "agreements: [{document: a, y: 3}]\n") == {
        "agreements": [{"document": "a", "x": "1", "y": "3"}, "word", {"document": "a", "x": "2"}]
    }
    assert laid(below, "agreements: [{document: a, y: 3}, {document: a, y: 4}, {document: a}, word]\n") == {
        "agreements": [
            {"document": "a", "x": "1", "y": "3"},
            "word",
            {"document": "a", "x": "2", "y": "4"},
            {"document": "a"},
            "word",
        ]
    }


def test_an_own_template_that_cannot_be_read_is_not_replaced_by_one_of_ours(tmp_path: Path) -> None:
    folder = write(tmp_path / "partners", "acme-supply", f"extends: as2-x12\n{ACME}")
    assert isinstance(load_profile(folder), LoadedProfile)
    own = tmp_path / "partners" / "_templates" / "as2-x12" / "profile.yaml"
    own.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("as2: {require_encrypted: true}\n")
    own.symlink_to(tmp_path / "elsewhere")
    found = load_profile(folder)
    assert isinstance(found, tuple)
    assert (found[0].file, "is a link that leaves" in found[0].what) == (str(own), True)


def test_agreements_that_are_not_in_use_are_taken_away() -> None:
    found = nodes("agreements: [{document: a, in_use: false}, {document: b, in_use: true}, {document: c}, word]\n")
    assert plain(without_unused(found)) == {
        "agreements": [{"document": "b", "in_use": "true"}, {"document": "c"}, "word"]
    }
    for text in ("name: A\n", "agreements: {in_use: false}\n", "agreements: [{document: c}]\n"):
        assert plain(without_unused(nodes(text))) == plain(nodes(text))


def test_what_differs_until_it_is_live_stands_apart() -> None:
    rest, testing = split_testing(nodes("name: A\ntesting: {name: B}\n"))
    assert isinstance(testing, Mapping)
    assert (plain(rest), plain(testing)) == ({"name": "A"}, {"name": "B"})
    assert split_testing(nodes("name: A\n"))[1] is None


TESTED = ACME + "status: {status}\ntesting:\n  as2: {{url: 'https://test.acme.example/as2', certificate: test.pem}}\n"


class TestTesting:
    def read(self, status: str, **files: bytes) -> LoadedProfile | tuple[Problem, ...]:
        named = {name.replace("_", "."): data for name, data in files.items()}
        text = TESTED.replace("{status}", status).replace("{{", "{").replace("}}", "}")
        return parse_profile({"profile.yaml": text.encode(), "acme.pem": b"real", "test.pem": b"test"} | named)

    @pytest.mark.parametrize(
        ("status", "host"),
        [("testing", "test.acme.example"), ("draft", "test.acme.example"), ("live", "as2.acme.example")],
    )
    def test_it_holds_until_the_partner_is_live(self, status: str, host: str) -> None:
        found = self.read(status)
        assert isinstance(found, LoadedProfile), found
        assert found.profile.as2 is not None
        assert host in (found.profile.as2.url or "")
        assert set(found.files) == {"profile.yaml", "acme.pem", "test.pem"}, "of both"
        assert found.digest == self.read(status).digest  # type: ignore[union-attr]
        assert found.digest != self.read(status, test_pem=b"x").digest  # type: ignore[union-attr]
        assert found.digest != self.read(status, acme_pem=b"x").digest  # type: ignore[union-attr]

    def test_what_is_wrong_in_it_is_told_also_of_a_live_partner(self) -> None:
        found = parse_profile({"profile.yaml": (ACME + "testing: {encoding: utf8}\n").encode(), "acme.pem": b""})
        assert isinstance(found, tuple)
        assert [(problem.line, problem.column) for problem in found] == [(10, 21)]

    @pytest.mark.parametrize("value", ["word", "[]", "[name: A]"])
    def test_it_holds_keys(self, value: str) -> None:
        found = parse_profile({"profile.yaml": (ACME + f"testing: {value}\n").encode(), "acme.pem": b""})
        assert isinstance(found, tuple)
        assert found[0].what == "`testing` holds no keys"


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., Path]:
    """Writes templates (`name=text`) beside the partners' folders."""

    def write_templates(**texts: str) -> Path:
        for name, text in texts.items():
            folder = tmp_path / "_templates" / name.replace("_", "-")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "profile.yaml").write_text(text)
        return tmp_path

    return write_templates


class TestTemplates:
    def test_a_chain_is_laid_from_the_farthest(self, house: Callable[..., Path]) -> None:
        partners_dir = house(
            near="extends: far\nencoding: utf-8\nlimits: {body_bytes_max: 5000}\n",
            far="encoding: latin-1\nlimits: {body_bytes_max: 4000, requests_per_second_max: 7}\n",
        )
        folder = write(partners_dir, "acme-supply", ACME + "extends: near\nlimits: {body_bytes_max: 6000}\n")
        found = load_profile(folder)
        assert isinstance(found, LoadedProfile), found
        limits = found.profile.limits
        assert (found.profile.encoding, limits.body_bytes_max, limits.requests_per_second_max) == ("utf-8", 6000, 7)
        assert found.template_names() == ("near", "far")
        origins = found.origins()
        assert origins["encoding",] == Place(2, 11, str(partners_dir / "_templates" / "near" / "profile.yaml"))
        assert origins["limits", "body_bytes_max"].file == str(folder / "profile.yaml")
        again = unpack(found.pack())
        assert again == found
        assert isinstance(again, LoadedProfile)
        assert again.template_names() == ("near", "far")
        assert again.problem(("encoding",), "wrong", "mend").file == "_templates/near.yaml"

    def test_a_circle_and_a_chain_too_long_are_told(self, house: Callable[..., Path]) -> None:
        partners_dir = house(
            one="extends: two\n",
            two="extends: one\n",
            **{f"t{number}": f"extends: t{number + 1}\n" for number in range(CHAIN_MAX + 1)},
        )
        for first, words in (("one", "build on each other in a circle"), ("t0", "more than 4 templates")):
            found = load_profile(write(partners_dir, "acme-supply", ACME + f"extends: {first}\n"))
            assert isinstance(found, tuple)
            assert words in found[0].what

    @pytest.mark.parametrize("name", ["nowhere", "../acme-supply", "/etc", "a" * 300, "'A B'"])
    def test_an_unknown_one_is_told_where_it_is_named(self, tmp_path: Path, name: str) -> None:
        found = load_profile(write(tmp_path, "acme-supply", ACME + f"extends: {name}\n"))
        assert isinstance(found, tuple)
        assert (found[0].line, found[0].column) == (10, 10)
        assert "there is no template" in found[0].what

    def test_the_operators_own_goes_before_ours(self, house: Callable[..., Path]) -> None:
        assert Templates().get("as2-x12") is not None
        partners_dir = house(as2_x12="encoding: utf-8\n")
        found = load_profile(write(partners_dir, "acme-supply", ACME + "extends: as2-x12\n"))
        assert isinstance(found, LoadedProfile), found
        assert found.profile.encoding == "utf-8"

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("a: [", "not YAML"),
            ("name:\n", "has no value"),
            ("a: 1\na: 2\n", "stands twice"),
            ("", "the file is empty"),
        ],
    )
    def test_a_broken_one_is_told_in_its_own_file(self, house: Callable[..., Path], text: str, what: str) -> None:
        partners_dir = house(house=text)
        found = load_profile(write(partners_dir, "acme-supply", ACME + "extends: house\n"))
        assert isinstance(found, tuple)
        assert found[0].file == str(partners_dir / "_templates" / "house" / "profile.yaml")
        assert what in found[0].what

    def test_one_that_is_too_large(self, house: Callable[..., Path]) -> None:
        partners_dir = house(house="#" * 300_000)
        found = load_profile(write(partners_dir, "acme-supply", ACME + "extends: house\n"))
        assert isinstance(found, tuple)
        assert "there is no template `house`" in found[0].what or "more than" in found[0].what


class TestOverlays:
    def test_the_environment_decides(self, tmp_path: Path) -> None:
        folder = write(tmp_path, "acme-supply", ACME)
        (folder / "profile.staging.yaml").write_text("encoding: utf-8\nas2: {certificate: staging.pem}\n")
        (folder / "staging.pem").write_bytes(b"staging")
        plainly, staged = load_profile(folder), load_profile(folder, environment="staging")
        assert isinstance(plainly, LoadedProfile)
        assert isinstance(staged, LoadedProfile), staged
        assert (plainly.profile.encoding, staged.profile.encoding) == ("latin-1", "utf-8")
        assert set(staged.files) == {"profile.yaml", "profile.staging.yaml", "staging.pem"}
        assert staged.digest != plainly.digest
        assert load_profile(folder, environment="other") == plainly
        assert unpack(staged.pack()) == staged

    def test_it_may_name_another_template(self, tmp_path: Path) -> None:
        folder = write(tmp_path, "acme-supply", ACME)
        (folder / "profile.staging.yaml").write_text("extends: as2-x12\n")
        staged = load_profile(folder, environment="staging")
        assert isinstance(staged, LoadedProfile), staged
        assert staged.template_names() == ("as2-x12",)

    def test_a_folder_in_its_place_is_told(self, tmp_path: Path) -> None:
        folder = write(tmp_path, "acme-supply", ACME)
        (folder / "profile.staging.yaml").mkdir()
        found = load_profile(folder, environment="staging")
        assert isinstance(found, tuple)
        assert found[0].file == str(folder / "profile.staging.yaml")
        assert found[0].what == "profile.staging.yaml is no regular file"


class TestDrafts:
    def test_what_is_missing_yet_is_an_open_point(self, tmp_path: Path) -> None:
        text = "id: acme-supply\nname: A\nstatus: draft\nas2: {id: A, url: 'https://a.example/', certificate: no.pem}\n"
        found = load_profile(write(tmp_path, "acme-supply", text + "via: van\n"))
        assert isinstance(found, LoadedProfile), found
        assert [(point.line, point.severity) for point in found.open_points] == [(5, "warning"), (4, "warning")]
        assert "the file `no.pem` is missing" in found.open_points[1].what
        assert found.file("no.pem") == b""
        again = unpack(found.pack())
        assert isinstance(again, LoadedProfile)
        assert (again, len(again.open_points)) == (found, 2)

    def test_what_is_written_wrongly_is_wrong_in_a_draft_too(self, tmp_path: Path) -> None:
        found = load_profile(write(tmp_path, "acme-supply", "id: acme-supply\nname: A\nstatus: draft\nencoding: x\n"))
        assert isinstance(found, tuple)

    def test_its_claims_yield(self) -> None:
        def one(name: str, status: str) -> LoadedProfile:
            text = ACME.replace("acme-supply", name) + f"status: {status}\nsftp: {{user: acme}}\n"
            found = parse_profile({"profile.yaml": text.encode(), "acme.pem": b""})
            assert isinstance(found, LoadedProfile), found
            return found

        live, draft = one("acme-supply", "live"), one("copied", "draft")
        directory = Directory([draft, live])
        assert directory.by_as2_id("ACME-AS2") is directory.by_sftp_user("acme") is live
        assert Directory([draft]).by_as2_id("ACME-AS2") is draft
        assert Directory([draft, one("other", "draft")]).by_as2_id("ACME-AS2") is None
        assert Directory([live, one("other", "live")]).by_sftp_user("acme") is None
        assert Directory([live]).by_sftp_user("ACME") is None


class TestLookingAgain:
    """What did not change is not opened again: neither the files of other partners nor templates."""

    @pytest.fixture
    def opened(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        found: list[str] = []
        really = partners.folders.Folder.read

        def read(self: partners.folders.Folder, name: str, bytes_max: int) -> bytes | str:
            found.append(f"{self.path.name}/{name}")
            return really(self, name, bytes_max)

        monkeypatch.setattr(partners.folders.Folder, "read", read)
        return found

    def test_one_file_of_many(self, house: Callable[..., Path], opened: list[str]) -> None:
        partners_dir = house(house="extends: as2-x12\n")
        for index, name in enumerate(("one", "two", "three")):
            text = ACME.replace("acme-supply", name).replace("ACME-AS2", f"A{index}").replace("ACMESUPPLY", f"P{index}")
            write(partners_dir, name, text + "extends: house\n")
        first, problems = load_directory(partners_dir, environment="staging")
        assert problems == ()
        assert opened.count("house/profile.yaml") == opened.count("as2-x12/profile.yaml") == 1, "once for all three"
        opened.clear()
        assert load_directory(partners_dir, first, environment="staging")[0] is first
        assert opened == []
        (partners_dir / "two" / "acme.pem").write_bytes(b"another")
        second, _ = load_directory(partners_dir, first, environment="staging")
        assert opened == ["two/profile.yaml", "two/acme.pem"]
        assert second.by_id("one") is first.by_id("one")
        opened.clear()
        (partners_dir / "two" / "profile.staging.yaml").write_text("name: S\n")
        third, _ = load_directory(partners_dir, second, environment="staging")
        assert opened == ["two/profile.yaml", "two/profile.staging.yaml", "two/acme.pem"]
        opened.clear()
        (partners_dir / "_templates" / "house" / "profile.yaml").write_text("encoding: utf-8\n")
        fourth, _ = load_directory(partners_dir, third, environment="staging")
        assert opened[0] == "house/profile.yaml"
        assert {loaded.profile.encoding for loaded in fourth} == {"utf-8"}
        shutil.rmtree(partners_dir / "three")
        opened.clear()
        fifth, _ = load_directory(partners_dir, fourth, environment="staging")
        assert (opened, len(fifth)) == ([], 2)

    def test_a_broken_one_is_looked_at_when_what_it_lacks_comes(self, tmp_path: Path, opened: list[str]) -> None:
        folder = write(tmp_path, "acme-supply", ACME + "extends: house\n")
        (folder / "acme.pem").unlink()
        first, _ = load_directory(tmp_path)
        assert list(first.refused) == ["acme-supply"]
        opened.clear()
        assert load_directory(tmp_path, first)[0] is first
        assert opened == []
        (tmp_path / "_templates" / "house").mkdir(parents=True)
        (tmp_path / "_templates" / "house" / "profile.yaml").write_text("encoding: utf-8\n")
        second, problems = load_directory(tmp_path, first)
        assert "the file `acme.pem` is missing" in problems[0].what
        (folder / "acme.pem").write_bytes(b"")
        third, problems = load_directory(tmp_path, second)
        assert (len(third), problems, dict(third.refused)) == (1, (), {})

    def test_another_environment_is_another_look(self, tmp_path: Path) -> None:
        folder = write(tmp_path, "acme-supply", ACME)
        (folder / "profile.staging.yaml").write_text("encoding: utf-8\n")
        first, _ = load_directory(tmp_path)
        second, _ = load_directory(tmp_path, first, environment="staging")
        assert [loaded.profile.encoding for loaded in (*first, *second)] == ["latin-1", "utf-8"]


def test_thousands_of_addresses_of_a_connection_are_looked_up_and_not_searched() -> None:
    listed = ", ".join(f"{{qualifier: ZZ, id: P{number}}}" for number in range(1_000))
    text = f"id: van\nname: V\nas2: {{id: V, certificate: acme.pem}}\nspeaks_for: [{listed}]\n"
    van = parse_profile({"profile.yaml": text.encode(), "acme.pem": b""})
    assert isinstance(van, LoadedProfile), van
    assert van.speaks_for("ZZ", "P999")
    assert not van.speaks_for("ZZ", "P1000")
    assert not van.speaks_for("01", "P999")


def test_what_a_shipped_template_says_is_mended_where_the_partner_writes(tmp_path: Path) -> None:
    """Nobody is sent into the installed package to write there."""
    folder = tmp_path / "acme-supply"
    folder.mkdir()
    profile = folder / "profile.yaml"
    profile.write_text("id: acme-supply\nname: ACME\nstatus: draft\nextends: as2-x12\n")
    (missing,) = load_profile(folder)
    assert (missing.field, missing.file, missing.line, missing.column) == ("as2.id", str(profile), 4, 10)
    profile.write_text(
        "id: acme-supply\nname: ACME\nextends: as2-x12\nstatus: draft\nas2:\n  id: ACME\n  url: https://as2.acme.example/as2\n"
    )
    draft = load_profile(folder)
    assert isinstance(draft, LoadedProfile), draft
    encrypting = next(one for one in draft.open_points if "encrypt" in one.what)
    assert (encrypting.field, encrypting.file, encrypting.line) == ("as2.sending", str(profile), 5)
    problem = draft.problem(("agreements", 0, "releases"), "what", "right")
    assert (problem.file, problem.line, problem.column) == (str(profile), 3, 10)


def test_what_an_own_template_says_is_mended_there(tmp_path: Path) -> None:
    own = tmp_path / "_templates" / "ours" / "profile.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("extends: as2-x12\nas2: {sending: {encrypt: true}}\n")
    folder = tmp_path / "acme-supply"
    folder.mkdir()
    (folder / "profile.yaml").write_text(
        "id: acme-supply\nname: ACME\nextends: ours\nstatus: draft\n"
        "as2: {id: ACME, url: https://as2.acme.example/as2}\n"
    )
    draft = load_profile(folder)
    assert isinstance(draft, LoadedProfile), draft
    encrypting = next(one for one in draft.open_points if "encrypt" in one.what)
    assert (encrypting.file, encrypting.line) == (str(own), 2)
