"""How files of our own and from the field are read, pinned: bytes in segments, and each set with its segments.

The pins of the corpus count only where it lies beside the project; those of our own fixtures always do.
`tests.translators.x12.pinning` tells how to pin anew.
"""

import pytest

from tests.translators.x12.pinning import CORPUS, files, pinned, pins


def cases():
    return pins("fixture") + [row for row in pins("corpus") if (CORPUS / row["file"]).exists()]


@pytest.mark.parametrize("row", cases(), ids=lambda row: row["file"])
def test_a_file_is_read_as_before(row):
    assert pinned(row["where"], row["file"]) == row


@pytest.mark.parametrize("where", ["fixture", "corpus"])
def test_every_file_is_pinned(where):
    assert set(files(where)) <= {row["file"] for row in pins(where)}


def test_the_corpus_is_pinned_even_where_it_is_absent():
    assert len(pins("corpus")) > 100
