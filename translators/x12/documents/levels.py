"""Levels of HL segments as a tree.

HL02 alone says where a level belongs: not the order of appearance, not BSN05, and not HL04, which is often wrong.
"""

from typing import Final, Generic, TypeVar

from translators.findings import Finding, Severity
from translators.findings import Level as Reach
from translators.x12.documents.filling import Filling, complete
from translators.x12.tree import Segment

_L = TypeVar("_L")

# S-O-T-P-I and its relatives have five or six levels, a kit in an assembly some more. Nobody needs twenty;
# canonical JSON is read up to a depth of 64, and each level takes two.
LEVEL_DEPTH_MAX: Final = 20


class Tree(Generic[_L]):
    """The levels by index, each with the indexes of its children.

    Attributes:
        roots: the indexes of the levels without a parent.
    """

    def __init__(self, filling: Filling, of: type[_L]) -> None:
        self._filling = filling
        self._of = of
        self._values = filling.levels
        self.roots: list[int] = []
        self._children: dict[int, list[int]] = {}
        self._segments: list[Segment] = [values.pop("segment") for values in self._values]
        self._place()

    def _place(self) -> None:
        index_of: dict[str, int] = {}
        depth: list[int] = []
        for index, values in enumerate(self._values):
            own = values.setdefault("id", str(index + 1))
            parent_id = values.get("parent_id")
            parent = None if parent_id is None else index_of.get(parent_id)
            if parent_id is not None and parent is None:
                self._report(index, "level-parent-unknown", f"HL02 {parent_id} names no level before it")
            if parent is not None and depth[parent] + 1 >= LEVEL_DEPTH_MAX:
                self._report(index, "level-too-deep", f"levels are nested deeper than {LEVEL_DEPTH_MAX}")
                parent = None
            if parent is None:
                self.roots.append(index)
                depth.append(0)
            else:
                self._children.setdefault(parent, []).append(index)
                depth.append(depth[parent] + 1)
            if own in index_of:
                # The later one is the parent of what follows: senders that count anew mean the nearest.
                self._report(index, "level-id-repeated", f"HL01 {own} was used before")
            index_of[own] = index

    def _report(self, index: int, code: str, message: str) -> None:
        segment = self._segments[index]
        kept = "; the level is kept at the root of the tree" if code != "level-id-repeated" else ""
        self._filling.reader.findings.append(
            Finding(
                level=Reach.DOCUMENT,
                code=code,
                message=f"{message}{kept}",
                severity=Severity.WARNING,
                segment="HL",
                position=segment.position,
                element=1 if code == "level-id-repeated" else 2,
                byte_offset=segment.start,
            )
        )

    def levels(self) -> list[_L]:
        """The roots, each with all below it."""
        return [self._level(index) for index in self.roots]

    def _level(self, index: int) -> _L:
        # The depth is bounded by LEVEL_DEPTH_MAX.
        values = dict(self._values[index])
        values["children"] = [self._level(child) for child in self._children.get(index, ())]
        level: _L = complete(self._of, values)
        return level
