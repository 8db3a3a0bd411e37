"""The rules of an agreement on segments, elements and loops, as X12 is validated and written by them."""

from partners.profile import Agreement
from partners.rules import Rule
from translators.guide import ElementOverride, ExtraSegment, LoopOverride, Override, SegmentOverride


def overrides(agreement: Agreement) -> tuple[Override, ...]:
    """The rules of an agreement as the X12 validator takes them."""
    return tuple(_override(rule) for rule in agreement.rules)


def _override(rule: Rule) -> Override:
    match rule.subject:
        case "segment":
            loop = rule.loop_path or ""
            return SegmentOverride(rule.segment or "", loop, rule.usage, rule.max_use, rule.qualifier)
        case "element":
            segment, element, component = rule.element_place
            return ElementOverride(
                segment,
                element,
                component,
                rule.loop_path,
                rule.usage,
                frozenset(rule.codes) or None,
                frozenset(rule.codes_added),
                rule.length_min,
                rule.length_max,
            )
        case "extra_segment":
            return ExtraSegment(rule.extra_segment or "", rule.after or "", rule.max_use or 1)
        case _:
            return LoopOverride(rule.loop_path or "", rule.usage, rule.repeat_max)
