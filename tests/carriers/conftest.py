"""Servers of partners, as carriers meet them."""

import pytest

from tests.services.openssh import SshServer, find_or_install_openssh


@pytest.fixture
def there(openssh):
    """A fresh folder on the sshd that all share."""
    return openssh.fresh_folder()


@pytest.fixture
def start(request):
    """Starts an sshd with a configuration of its own."""

    def start(**choices: object) -> SshServer:
        server = SshServer(find_or_install_openssh(), **choices)
        request.addfinalizer(server.close)
        server.start()
        return server

    return start
