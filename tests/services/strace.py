"""strace: watches the system calls of a process, and kills it at a chosen one."""

import shutil

from tests.services.install import ServiceUnavailable, apt_install, can_install


def find_or_install_strace() -> str:
    """Where strace is.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    if shutil.which("strace") is None and can_install():
        apt_install("strace")
    found = shutil.which("strace")
    if found is None:
        raise ServiceUnavailable("strace is not installed here, and apt-get as root cannot bring it: install it")
    return found
