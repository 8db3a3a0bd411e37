"""How often Python looks for garbage in processes that read files."""

import gc

# A set of 20,000 lines is half a million objects that hold each other in a tree without cycles: looking through them
# again and again finds nothing and takes as long as translating them.
_NEW_OBJECTS = 50_000
_YOUNG_ROUNDS = 20
_OLD_ROUNDS = 100


def collect_rarely() -> None:
    """Set what is loaded so far apart, and look through new objects less often than Python does by itself."""
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_ROUNDS, _OLD_ROUNDS)
