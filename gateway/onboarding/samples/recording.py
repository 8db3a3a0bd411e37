"""Writes what came out of a sample into its folder, so that from now on it is what has to come out."""

from gateway.onboarding.samples.judging import Judged
from gateway.onboarding.whole_files import replace_file


def record(judged: Judged) -> tuple[str, ...]:
    """Keep what came out as what is expected; returns the names of the files that were written or removed.

    Raises:
        OSError: the folder cannot be written.
    """
    sample, files = judged.sample, judged.played.files
    changed = {item.file for item in judged.differences} | set(judged.unrecorded)
    for file in sorted(changed & set(files)):
        replace_file(sample.folder / file, files[file])
    gone = sorted(changed - set(files))
    for file in gone:
        (sample.folder / file).unlink(missing_ok=True)
    return tuple(sorted(changed))
