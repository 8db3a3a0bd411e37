"""Name constraints (RFC 5280 4.2.1.10): the names that an authority may give certificates to.

Directory names, DNS names, mail and IP addresses are compared. A constraint on another form of name forbids every
certificate that bears such a name, since nobody here could say whether it fits.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network

from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.certificates import Certificate

CONSTRAINTS_MAX = 256


def name_objection(path: Sequence[Certificate]) -> str | None:
    """Why a name in a chain (end entity first, authority last) is one that an authority above it may not give.

    The extensions of all of them can be read; `certs.chain` has seen to that.
    """
    for level, authority in enumerate(path):
        constraints = _constraints(authority)
        if constraints is None:
            continue
        permitted, excluded = constraints.permitted_subtrees or (), constraints.excluded_subtrees or ()
        if len(list(permitted)) + len(list(excluded)) > CONSTRAINTS_MAX:
            return f"{authority.subject} has more than {CONSTRAINTS_MAX} name constraints"
        for position, certificate in enumerate(path[:level]):
            if position > 0 and certificate.subject == certificate.issuer:
                continue  # what an authority issued to itself is not bound, unless it is the end (RFC 5280 6.1.3 b)
            for name in _names(certificate):
                if not _allowed(name, list(permitted), list(excluded)):
                    return f"{authority.subject} may not issue for the name {_words(name)} of {certificate.subject}"
    return None


def _constraints(certificate: Certificate) -> x509.NameConstraints | None:
    try:
        return certificate.parsed.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def _names(certificate: Certificate) -> Iterator[x509.GeneralName]:
    subject = certificate.parsed.subject
    if list(subject):
        yield x509.DirectoryName(subject)
    try:
        alternatives = certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        # A mail address in the subject counts where there are no alternative names (RFC 5280 4.2.1.10).
        for attribute in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
            if isinstance(attribute.value, str) and attribute.value.isascii() and attribute.value:
                yield x509.RFC822Name(attribute.value)
        return
    yield from alternatives


def _allowed(
    name: x509.GeneralName, permitted: Sequence[x509.GeneralName], excluded: Sequence[x509.GeneralName]
) -> bool:
    if any(_within(name, subtree) is not False for subtree in _same_form(name, excluded)):
        return False
    wanted = list(_same_form(name, permitted))
    return not wanted or any(_within(name, subtree) is True for subtree in wanted)


def _same_form(name: x509.GeneralName, subtrees: Iterable[x509.GeneralName]) -> Iterator[x509.GeneralName]:
    return (subtree for subtree in subtrees if type(subtree) is type(name))


def _within(name: x509.GeneralName, subtree: x509.GeneralName) -> bool | None:
    """Whether a name lies below a subtree of the same form; None where that cannot be said."""
    if isinstance(name, x509.DirectoryName) and isinstance(subtree, x509.DirectoryName):
        outer = list(subtree.value.rdns)
        return list(name.value.rdns)[: len(outer)] == outer
    if isinstance(name, x509.DNSName) and isinstance(subtree, x509.DNSName):
        return _dns_within(name.value, subtree.value)
    if isinstance(name, x509.RFC822Name) and isinstance(subtree, x509.RFC822Name):
        return _mail_within(name.value, subtree.value)
    if isinstance(name, x509.IPAddress) and isinstance(subtree, x509.IPAddress):
        network = subtree.value
        if not isinstance(network, IPv4Network | IPv6Network) or isinstance(name.value, IPv4Network | IPv6Network):
            return None
        return name.value in network
    return None


def _dns_within(host: str, domain: str) -> bool:
    host, domain = host.lower().rstrip("."), domain.lower().strip(".")
    return not domain or host == domain or host.endswith("." + domain)


def _mail_within(address: str, constraint: str) -> bool:
    """One address, all of a host, or (with a leading dot) all hosts of a domain."""
    host = address.rpartition("@")[2].lower()
    if "@" in constraint:
        local, _, domain = constraint.rpartition("@")
        return address.rpartition("@")[0] == local and host == domain.lower()
    if constraint.startswith("."):
        return host.endswith(constraint.lower())
    return not constraint or host == constraint.lower()


def _words(name: x509.GeneralName) -> str:
    value = name.value
    return value.rfc4514_string() if isinstance(value, x509.Name) else str(value)
