"""Transaction sets to canonical documents: `translate` for every set that has a grammar.

`segments` and its neighbours say what each element means, `loops` and its neighbours what each segment means where it
stands; `filling` walks a tree by them, `finishing` adds what follows from the whole.
"""

from translators.x12.documents.translation import OWNERS, Mapped, translate

__all__ = ["OWNERS", "Mapped", "translate"]
