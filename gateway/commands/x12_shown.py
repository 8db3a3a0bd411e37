"""X12 for people to read: one segment a line."""


def segments(x12: str) -> list[str]:
    """The segments of an interchange of ours, each with its terminator, which ISA has as its 106th character."""
    terminator = x12[105:106]
    return (
        [f"{segment.strip()}{terminator}" for segment in x12.split(terminator) if segment.strip()] if terminator else []
    )
