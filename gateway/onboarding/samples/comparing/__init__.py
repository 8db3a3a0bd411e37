"""Compares what came out with what a sample expects: by structure, never by bytes, each difference with its place."""

from gateway.onboarding.samples.comparing.differences import DIFFERENCES_MAX, Difference
from gateway.onboarding.samples.comparing.files import differences

__all__ = ["DIFFERENCES_MAX", "Difference", "differences"]
