"""Java and Maven, and with them the jars of the peers and the classes that drive them, kept in `.interop`."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.site import PROJECT

HERE = Path(__file__).parent
CACHE = PROJECT / ".interop"
JAVA_MAJOR_MIN = 17
_FETCH_SECONDS_MAX = 600
_INSTALL_SECONDS_MAX = 600
_PACKAGES = ("default-jdk-headless", "maven")


class NoJavaError(Exception):
    """The Java peers cannot be had here; the message says why and what would help."""


def find_or_install(programs: tuple[str, ...] = ("java", "javac", "mvn")) -> None:
    """See to it that Java and Maven are there, from the system's packages if need be.

    Raises:
        NoJavaError: they are not there and cannot be installed.
    """
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            hint = f"install them, such as by: apt-get install {' '.join(_PACKAGES)}"
            raise NoJavaError(f"{', '.join(missing)} not found; {hint}")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for call in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
            done = subprocess.run(
                ["apt-get", "-q", *call], capture_output=True, text=True, check=False, env=environment,
                timeout=_INSTALL_SECONDS_MAX,
            )  # fmt: skip
            if done.returncode != 0:
                raise NoJavaError(f"{', '.join(missing)} not found, and apt-get {call[0]} failed: {done.stderr[-500:]}")
    version = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[1].partition(".")[0]) < JAVA_MAJOR_MIN:
        raise NoJavaError(f"{version.strip()} is too old; Java {JAVA_MAJOR_MIN} or newer is needed")


def class_path(peer: str, source: str) -> str:
    """The class path of a peer: its jars as Maven brings them, and its driver compiled.

    Raises:
        NoJavaError: Maven cannot bring them, or the driver does not compile with them.
    """
    find_or_install()
    pom = HERE / "pom.xml"
    jars = CACHE / f"{peer}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not jars.exists():
        partly = jars.with_suffix(".partly")
        shutil.rmtree(partly, ignore_errors=True)
        print(f"fetching {peer} by Maven ...", file=sys.stderr, flush=True)
        call = ["mvn", "-q", "-B", "-f", str(pom), f"-P{peer}", f"-Dinto={partly}", "process-resources"]
        try:
            done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise NoJavaError(f"Maven did not bring {peer} within {_FETCH_SECONDS_MAX} s") from None
        if done.returncode != 0:
            raise NoJavaError(f"Maven cannot bring {peer}:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
        partly.rename(jars)
    driver = HERE / "peers" / source
    classes = jars / f"driver-{hashlib.sha256(driver.read_bytes()).hexdigest()[:12]}"
    if not classes.exists():
        call = ["javac", "-nowarn", "-cp", f"{jars}/*", "-d", str(classes), str(driver)]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoJavaError(f"{driver.name} does not compile:\n{done.stderr[-2_000:]}")
    return f"{classes}:{jars}/*"


def version(peer: str) -> str:
    """The version of a peer that Maven is to bring."""
    found = re.search(rf"<{peer}\.version>(.*)</", (HERE / "pom.xml").read_text())
    return found[1] if found else ""


def command(class_path: str, main: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """The call of a Java program that opens IPv4 sockets only, so that loopback is 127.0.0.1."""
    fixed = ("-Djava.net.preferIPv4Stack=true", "-Xmx2g", "-Xshare:auto")
    return ["java", *fixed, *options, "-cp", class_path, main, *arguments]
