"""A second opinion on X12 files: pyx12 judges by maps exported from our grammar, and the two are compared.

The way through: `export` writes our grammar as pyx12's maps, `maps` keeps them, `judge` has pyx12 read a file,
`compare` puts its observations beside our findings, `explanations` says why they differ. Importing this loads pyx12.
"""

from gateway.second_opinion.compare import Disagreement, SecondOpinion, second_opinion
from gateway.second_opinion.judge import JUDGE, Judgment, judge
from gateway.second_opinion.maps import Maps, temporary_maps
from gateway.second_opinion.observations import Kind, Observation, Unjudged

__all__ = [
    "JUDGE",
    "Disagreement",
    "Judgment",
    "Kind",
    "Maps",
    "Observation",
    "SecondOpinion",
    "Unjudged",
    "judge",
    "second_opinion",
    "temporary_maps",
]
