"""Install a Debian package quietly, without letting its service start."""

import os
import shutil
import subprocess
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
INSTALL_SECONDS_MAX = 480


class ServiceUnavailable(Exception):  # noqa: N818  # says what is, as a fixture's error reads
    """A service that the tests need can be neither found nor installed here. The text says what to do."""


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str) -> None:
    """Install `package` as root. The tests run their own throw-away servers, so the packaged one must not start."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    own_policy = not POLICY.exists()
    if own_policy:
        # invoke-rc.d asks this script before it starts a service; 101 says no.
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        # Without an update the package lists of a fresh machine are empty, or name versions that are gone.
        for call in (["update"], ["install", "-y", "--no-install-recommends", package]):
            done = subprocess.run(
                ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", *call],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS_MAX,
                check=False,
            )
            if done.returncode != 0 and call[0] == "install":
                raise ServiceUnavailable(f"apt-get install {package} failed: {done.stderr.strip()[-2000:]}")
    finally:
        if own_policy:
            POLICY.unlink(missing_ok=True)
