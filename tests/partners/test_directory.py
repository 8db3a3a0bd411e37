"""Who is this? Lookups, contested ids, connections, and what a reload keeps."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest

import partners.directory
import partners.survey
from partners.directory import Directory, KeyHolder, claim_problems, connection_problems, load_directory
from tests.partners.profiles import ACME, KEY_DIGEST, NORTHWIND, loaded, write

TODAY = date(2026, 10, 1)
OTHER_DIGEST = "0" * 63 + "1"
VAN = """\
id: trade-van
name: Trade VAN
as2: {id: TRADE-VAN, certificate: acme.pem}
speaks_for: [{qualifier: ZZ, id: SMALLPARTS}, {qualifier: ZZ, id: ACMESUPPLY}, {qualifier: ZZ, id: GHOST}]
"""
SMALL = """\
id: small-parts
name: Small Parts
via: trade-van
x12: {qualifier: ZZ, id: SMALLPARTS}
agreements: [{document: invoice, direction: inbound, syntax: x12, releases: 004010}]
"""


class TestLookups:
    acme, northwind = loaded(ACME), loaded(NORTHWIND)
    directory = Directory([acme, northwind])

    def test_by_id_and_as2_id(self) -> None:
        assert self.directory.by_id("acme-supply") is self.acme
        assert self.directory.by_as2_id("ACME-AS2") is self.acme
        assert self.directory.by_as2_id("acme-as2") is None  # case counts
        assert self.directory.by_id("nobody") is None
        assert list(self.directory) == [self.acme, self.northwind]

    def test_by_interchange_id_padding_does_not_count(self) -> None:
        assert self.directory.by_interchange_id("ZZ", "ACMESUPPLY     ") is self.acme
        assert self.directory.by_interchange_id("ZZ", "ACMESUPPLY") is self.acme
        assert self.directory.by_interchange_id("01", "ACMESUPPLY") is None
        assert self.directory.by_interchange_id("ZZ", " ACMESUPPLY") is None

    def test_by_api_key_until_its_last_day(self) -> None:
        assert self.directory.by_api_key(KEY_DIGEST, date(2027, 6, 30)) == KeyHolder(
            self.northwind, self.northwind.profile.api_keys[0]
        )
        assert self.directory.by_api_key(KEY_DIGEST, date(2027, 7, 1)) is None

    @pytest.mark.parametrize("presented", [OTHER_DIGEST, KEY_DIGEST.upper(), KEY_DIGEST[:-1], "", "é" * 64, "\ud800"])
    def test_another_key_opens_nothing(self, presented: str) -> None:
        assert self.directory.by_api_key(presented, TODAY) is None

    @pytest.mark.parametrize("presented", [KEY_DIGEST, OTHER_DIGEST])
    def test_known_and_unknown_keys_are_compared_alike(self, presented: str, monkeypatch: pytest.MonkeyPatch) -> None:
        compared = []

        def compare(held: bytes, shown: bytes) -> bool:
            compared.append((len(held), shown))
            return held == shown

        monkeypatch.setattr(partners.directory.hmac, "compare_digest", compare)
        self.directory.by_api_key(presented, TODAY)
        assert compared == [(64, presented.encode())]

    def test_a_suspended_partner_is_found_and_told_apart(self) -> None:
        directory = Directory([loaded(ACME + "status: suspended\n")])
        found = directory.by_as2_id("ACME-AS2")
        assert found is not None
        assert not found.profile.is_active

    def test_a_contested_id_belongs_to_nobody(self) -> None:
        rival = loaded(ACME.replace("acme-supply", "rival"))
        directory = Directory([self.acme, rival])
        assert directory.by_as2_id("ACME-AS2") is None
        assert directory.by_interchange_id("ZZ", "ACMESUPPLY") is None
        assert directory.by_id("rival") is rival


class TestConnections:
    van, small, acme = loaded(VAN), loaded(SMALL), loaded(ACME)
    directory = Directory([van, small, acme])

    def test_everybody_speaks_for_themselves(self) -> None:
        assert self.directory.speaker(self.acme, "ZZ", "ACMESUPPLY     ") is self.acme

    def test_a_connection_speaks_for_those_who_name_it(self) -> None:
        assert self.directory.speaker(self.van, "ZZ", "SMALLPARTS") is self.small
        assert self.directory.carried_by(self.van) == (self.small,)

    def test_nobody_speaks_for_others(self) -> None:
        assert self.directory.speaker(self.acme, "ZZ", "SMALLPARTS") is None
        # listed by the connection, but the partner does not name it
        assert self.directory.speaker(self.van, "ZZ", "ACMESUPPLY") is None
        assert self.directory.speaker(self.van, "ZZ", "GHOST") is None
        assert self.directory.carried_by(self.acme) == ()

    def test_naming_a_connection_is_not_enough(self) -> None:
        van = loaded(VAN.replace("SMALLPARTS", "BIGPARTS"))
        assert Directory([van, self.small]).speaker(van, "ZZ", "SMALLPARTS") is None
        (problem,) = connection_problems([van, self.small])
        assert str(problem) == (
            "profile.yaml:3:6: the connection `trade-van` does not speak for ZZ/SMALLPARTS; "
            "add {qualifier: ZZ, id: SMALLPARTS} to `speaks_for` in profile.yaml"
        )

    def test_an_unknown_connection_is_told(self) -> None:
        (problem,) = connection_problems([self.van, loaded(SMALL.replace("trade-van", "tradevan"))])
        assert "no partner has the id `tradevan`; did you mean `trade-van`?" in str(problem)


@pytest.mark.parametrize(
    ("rival", "words"),
    [
        ("id: b\nname: B\nas2: {id: ACME-AS2, certificate: acme.pem}\n", "the AS2 id `ACME-AS2` is also claimed by"),
        (
            f"id: b\nname: B\napi_keys: [{{label: a, sha256: {KEY_DIGEST}}}]\n",
            "this API key is also claimed by",
        ),
        (
            "id: b\nname: B\nvia: a\nx12: {qualifier: ZZ, id: ACMESUPPLY}\n",
            "the X12 address ZZ/ACMESUPPLY is also claimed by",
        ),
    ],
)
def test_each_claimant_is_told_about_the_other(rival: str, words: str) -> None:
    found = claim_problems([loaded(ACME), loaded(NORTHWIND), loaded(rival)])
    assert len(found) == 2
    assert all(words in str(problem) for problem in found)


class TestReload:
    def test_a_broken_profile_leaves_the_last_good_one(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME)
        write(tmp_path, "northwind-parts", NORTHWIND)
        first, problems = load_directory(tmp_path)
        assert (len(first), problems) == (2, ())
        write(tmp_path, "acme-supply", ACME.replace("qualifier: ZZ", "qualifier: zz"))
        for _ in range(3):  # it stays so, and is told each time
            second, problems = load_directory(tmp_path, first)
            assert [(item.line, item.field) for item in problems] == [(7, "x12.qualifier")]
            assert second.by_as2_id("ACME-AS2") is first.by_as2_id("ACME-AS2")
            first = second
        write(tmp_path, "acme-supply", ACME.replace("ACME Supply Inc.", "ACME Ltd."))
        third, problems = load_directory(tmp_path, second)
        assert problems == ()
        found = third.by_id("acme-supply")
        assert found is not None
        assert found.profile.name == "ACME Ltd."

    def test_a_lost_certificate_leaves_the_last_good_one(self, tmp_path: Path) -> None:
        folder = write(tmp_path, "acme-supply", ACME)
        first, _ = load_directory(tmp_path)
        (folder / "acme.pem").unlink()
        second, problems = load_directory(tmp_path, first)
        assert len(problems) == 1
        assert second.by_id("acme-supply") is first.by_id("acme-supply")

    def test_a_partner_broken_from_the_start_is_absent(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", "id: [\n")
        write(tmp_path, "northwind-parts", NORTHWIND)
        directory, problems = load_directory(tmp_path)
        assert [loaded.id for loaded in directory] == ["northwind-parts"]
        assert len(problems) == 1

    def test_a_removed_folder_removes_the_partner(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME)
        first, _ = load_directory(tmp_path)
        shutil.rmtree(tmp_path / "acme-supply")
        second, problems = load_directory(tmp_path, first)
        assert (len(second), problems) == (0, ())

    def test_an_unmounted_partners_dir_removes_nobody(self, tmp_path: Path) -> None:
        partners_dir = tmp_path / "partners"
        write(partners_dir, "acme-supply", ACME)
        first, _ = load_directory(partners_dir)
        shutil.rmtree(partners_dir)
        second, problems = load_directory(partners_dir, first)
        assert second is first
        assert "the folder of the partners cannot be read" in str(problems[0])
        assert load_directory(partners_dir)[0].by_id("acme-supply") is None

    @pytest.mark.parametrize("number", [1, 2])
    def test_a_folder_without_any_entry_removes_one_partner_and_not_several(self, tmp_path: Path, number: int) -> None:
        for name, text in (("acme-supply", ACME), ("northwind-parts", NORTHWIND))[:number]:
            write(tmp_path / "partners", name, text)
        volume = (tmp_path / "partners").rename(tmp_path / "volume")
        volume.rename(tmp_path / "partners")
        first, _ = load_directory(tmp_path / "partners")
        (tmp_path / "partners").rename(volume)
        (tmp_path / "partners").mkdir()
        second, problems = load_directory(tmp_path / "partners", first)
        if number == 1:
            assert (len(second), problems) == (0, ())
            return
        assert second is first
        assert "no entry at all" in str(problems[0])
        assert load_directory(tmp_path / "partners", second) == (first, problems), "and again"
        (tmp_path / "partners" / ".no-partners").touch()
        third, problems = load_directory(tmp_path / "partners", second)
        assert (len(third), problems) == (0, ())

    def test_unchanged_folders_are_not_read_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(tmp_path, "acme-supply", ACME)
        write(tmp_path, "northwind-parts", NORTHWIND)
        write(tmp_path, "broken", "id: [\n")
        first, before = load_directory(tmp_path)
        read: list[str] = []
        look = partners.survey.look
        monkeypatch.setattr(
            partners.survey, "look", lambda folder, *rest: read.append(folder.name) or look(folder, *rest)
        )
        second, problems = load_directory(tmp_path, first)
        assert (read, problems) == ([], before)
        assert second is first
        assert second.by_id("acme-supply") is first.by_id("acme-supply")
        (tmp_path / "acme-supply" / "acme.pem").write_bytes(b"CERTIFICATE")  # as long as before
        third, _ = load_directory(tmp_path, second)
        assert read == ["acme-supply"]
        found = third.by_id("acme-supply")
        assert found is not None
        assert found.files["acme.pem"] == b"CERTIFICATE"

    def test_a_touched_folder_keeps_its_value(self, tmp_path: Path) -> None:
        folder = write(tmp_path, "acme-supply", ACME)
        first, _ = load_directory(tmp_path)
        os.utime(folder / "profile.yaml", (1, 1))
        second, _ = load_directory(tmp_path, first)
        assert second.by_id("acme-supply") is first.by_id("acme-supply")

    def test_hidden_folders_and_loose_files_are_no_partners(self, tmp_path: Path) -> None:
        write(tmp_path, ".git", ACME)
        write(tmp_path, "_drafts", ACME)
        (tmp_path / "README.md").write_text("partners")
        directory, problems = load_directory(tmp_path)
        assert (len(directory), problems) == (0, ())


class TestContestedOnReload:
    RIVAL = ACME.replace("acme-supply", "rival").replace("ACME-AS2", "RIVAL-AS2").replace("ACMESUPPLY", "RIVAL")

    def test_a_newcomer_yields_to_who_had_the_id(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME)
        first, _ = load_directory(tmp_path)
        write(tmp_path, "rival", self.RIVAL.replace("RIVAL-AS2", "ACME-AS2"))
        second, problems = load_directory(tmp_path, first)
        assert [loaded.id for loaded in second] == ["acme-supply"]
        assert {problem.file.split("/")[-2] for problem in problems} == {"acme-supply", "rival"}

    def test_a_change_that_takes_anothers_id_is_taken_back(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME)
        write(tmp_path, "rival", self.RIVAL)
        first, _ = load_directory(tmp_path)
        write(tmp_path, "rival", self.RIVAL.replace("RIVAL-AS2", "ACME-AS2"))
        second, problems = load_directory(tmp_path, first)
        assert len(problems) == 2
        assert second.by_as2_id("ACME-AS2") is first.by_id("acme-supply")
        assert second.by_as2_id("RIVAL-AS2") is first.by_id("rival")
        again, problems = load_directory(tmp_path, second)
        assert len(problems) == 2
        assert again.by_as2_id("RIVAL-AS2") is first.by_id("rival")

    def test_without_a_past_none_of_them_is_let_in(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME)
        write(tmp_path, "rival", self.RIVAL.replace("RIVAL-AS2", "ACME-AS2"))
        write(tmp_path, "northwind-parts", NORTHWIND)
        directory, problems = load_directory(tmp_path)
        assert [loaded.id for loaded in directory] == ["northwind-parts"]
        assert len(problems) == 2

    def test_two_may_swap_their_ids(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME)
        write(tmp_path, "rival", self.RIVAL)
        first, _ = load_directory(tmp_path)
        write(tmp_path, "acme-supply", ACME.replace("ACME-AS2", "RIVAL-AS2"))
        write(tmp_path, "rival", self.RIVAL.replace("RIVAL-AS2", "ACME-AS2"))
        second, problems = load_directory(tmp_path, first)
        assert problems == ()
        found = second.by_as2_id("RIVAL-AS2")
        assert found is not None
        assert found.id == "acme-supply"

    def test_contested_ids_in_a_directory_made_by_hand_end_the_quarrel_too(self, tmp_path: Path) -> None:
        rival = self.RIVAL.replace("RIVAL-AS2", "ACME-AS2")
        write(tmp_path, "acme-supply", ACME)
        write(tmp_path, "rival", rival)
        directory, problems = load_directory(tmp_path, Directory([loaded(ACME), loaded(rival)]))
        assert len(directory) == 0
        assert len(problems) == 2


def test_folders_beyond_the_limit_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "acme-supply", ACME)
    write(tmp_path, "northwind-parts", NORTHWIND)
    monkeypatch.setattr(partners.survey, "PARTNERS_MAX", 1)
    directory, (problem,) = load_directory(tmp_path)
    assert ([one.id for one in directory], problem.file) == (["acme-supply"], str(tmp_path))
    assert "1 folders beyond the first 1 are not read" in problem.what
    again, told = load_directory(tmp_path, directory)
    assert (again is directory, told) == (True, (problem,))
    shutil.rmtree(tmp_path / "northwind-parts")
    assert load_directory(tmp_path, directory)[1] == ()
