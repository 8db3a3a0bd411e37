"""Writes what came out of a sample into its folder, so that from now on it is what has to come out."""

import os
from pathlib import Path

from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.samples.reading import Sample


def record(judged: Judged) -> tuple[str, ...]:
    """Keep what came out as what is expected; returns the names of the files that were written or removed.

    Raises:
        OSError: the folder cannot be written.
    """
    sample, files = judged.sample, judged.played.files
    changed = {item.file for item in judged.differences} | set(judged.unrecorded)
    for file in sorted(changed & set(files)):
        _replace(sample, file, files[file])
    gone = sorted(changed - set(files))
    for file in gone:
        (sample.folder / file).unlink(missing_ok=True)
    return tuple(sorted(changed))


def _replace(sample: Sample, file: str, content: bytes) -> None:
    """As a whole or not at all: nobody reads half a file, and a crash leaves the one before."""
    beside: Path = sample.folder / f".{file}.new"
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(sample.folder / file)
    finally:
        beside.unlink(missing_ok=True)
