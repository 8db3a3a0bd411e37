"""Evidence: everything kept of a message, in a zip that verifies offline; `gather` collects it, `pack` closes it."""

from gateway.flow.evidence.archive import NoEvidence, gather, pack

__all__ = ["NoEvidence", "gather", "pack"]
