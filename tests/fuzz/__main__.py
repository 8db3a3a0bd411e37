"""``python -m tests.fuzz [--target reader]... [--seconds 60]``: atheris looks for bytes that break a property.

What it finds is kept in `tests/fixtures/fuzz`, where the ordinary suite tries it again ever after. What it learned lies
in `.fuzz` and is taken up the next time.
"""

import argparse
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz.seeds import SEED_BYTES_MAX
from tests.fuzz.targets import TARGETS

LEARNED = Path(".fuzz")
ONE_INPUT_SECONDS_MAX = 10
MEMORY_MB_MAX = 1_024


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", action="append", choices=[*TARGETS], help="which property (default: every one)")
    parser.add_argument("--seconds", type=int, default=60, help="for each of them")
    call = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed; see `make fuzz`", file=sys.stderr)
        return 2
    broken = [name for name in call.target or TARGETS if not holds(name, call.seconds)]
    print(f"broken: {', '.join(broken)}" if broken else "nothing found")
    return 1 if broken else 0


def holds(name: str, seconds: int) -> bool:
    """Whether a property held for so long; an input that breaks it is kept."""
    target = TARGETS[name]
    corpus, artifacts = LEARNED / name, LEARNED / f"{name}-found"
    for folder in (corpus, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = LEARNED / f"{name}.dict"
    words.write_text(target.dictionary())
    print(f"--- {name}, {seconds} s", flush=True)
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.target", name, str(corpus)),
            *(f"-max_total_time={seconds}", f"-timeout={ONE_INPUT_SECONDS_MAX}", f"-rss_limit_mb={MEMORY_MB_MAX}"),
            *(f"-max_len={2 * SEED_BYTES_MAX}", f"-dict={words}", f"-artifact_prefix={artifacts}/"),
            *("-print_final_stats=1", "-verbosity=1", "-len_control=0"),
        ],
        check=False,
    )
    for found in sorted(artifacts.iterdir()):
        data = found.read_bytes()
        kept = target.found / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
        target.found.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
        found.unlink()
        print(f"kept {kept}, {len(data)} bytes")
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
