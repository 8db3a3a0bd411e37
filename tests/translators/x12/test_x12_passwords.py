"""ISA02 and ISA04 may hold a password, which no finding shows."""

import pytest

from tests.translators.x12.conftest import findings_of, interchange, pieces_of
from translators.guide import ReadingRules
from translators.x12.masking import without_passwords

BODY = "BEG*00*SA*4500012345**20260105~PO1*1*5*EA~"
PASSWORDS = b"ISA*03*OURUSER   *01*S3CRET\xa7pass*"
WITH_PASSWORDS = interchange(BODY).replace(b"ISA*00*          *00*          *", PASSWORDS, 1)


def values_of(data, **rules):
    return [finding.value for finding in findings_of(pieces_of(data, ReadingRules(**rules)))]


def test_a_password_of_the_wrong_width_is_told_of_and_not_shown():
    assert "(masked)" in values_of(WITH_PASSWORDS)
    assert not any("S3CRET" in value or "OURUSER" in value for value in values_of(WITH_PASSWORDS))
    assert "S3CRET\xa7pass" in values_of(WITH_PASSWORDS, masks_passwords=False)


@pytest.mark.parametrize(
    "damage",
    [
        WITH_PASSWORDS[:40],  # cut short: the rest belongs to no interchange
        b"junk" + WITH_PASSWORDS[:40],
        interchange(BODY) + WITH_PASSWORDS[:60],
        WITH_PASSWORDS.replace(b"*ZZ*BIGCORP        *", b"*ZZ*ISA*03*OURUSER*01*S3CRET*", 1),
    ],
)
def test_an_isa_that_cannot_be_read_does_not_show_it_either(damage):
    values = [value for value in values_of(damage) if value is not None]
    assert values
    assert not any("S3CRET" in value or "OURUSER" in value for value in values)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ISA*00*          *01*SECRET    *ZZ*A", "ISA*00*          *01*(masked)*ZZ*A"),
        ("ISA*03*USER*01*SEC", "ISA*03*(masked)*01*(masked)"),
        ("GE*1*7|ISA|03|USER|01|", "GE*1*7|ISA|03|(masked)|01|"),
        ("ISABELLA*x", "ISABELLA*x"),
        ("", ""),
    ],
)
def test_every_isa_in_a_text_is_masked(text, shown):
    assert without_passwords(text) == shown
