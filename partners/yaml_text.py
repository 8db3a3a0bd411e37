"""A value as a profile would hold it, on one line: for whatever writes profiles or shows how they are written."""

from typing import Final

import yaml

_LINE_WIDTH: Final = 1_000_000


def on_one_line(value: object) -> str:
    """YAML's flow form; quotes stand where the value would not be read back as it is."""
    text = yaml.safe_dump(value, default_flow_style=True, width=_LINE_WIDTH, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
