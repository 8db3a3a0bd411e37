"""Plausible canonical documents by chance: each field holds what the element that it is read from could hold."""

import datetime as dt
import random
import string
from decimal import Decimal
from functools import cache

from translators.codes import rec20_units, words
from translators.document_parts import CodeAsSent, Measure, Unmapped
from translators.shapes import Kind, shape
from translators.x12.dictionary import load_release
from translators.x12.documents import OWNERS
from translators.x12.documents.places import Take
from translators.x12.writing import SET_TYPES

LETTERS = string.ascii_uppercase + string.digits
UNITS = sorted(rec20_units().items())
DEPTH_MAX = 4
# What follows from other fields, and trees that have a maker of their own.
NOT_MADE = {
    "label",
    "derived",
    "is_charge",
    "sscc",
    "line_id_assigned",
    "unmapped",
    "totals",
    "parent_id",
    "children",
    "levels",
    "id",
    "child_code",
    "transaction_type",
    "purchase_order_numbers",
    "level_id",
    "due_on",
    "line_amount",
    "order_line_id",
}


@cache
def element_rules():
    """(class, field) -> the place and rule of its element in 004010."""
    found, seen = {}, set()
    release = load_release("004010")

    def note(of, code, segment_map):
        rule = release.segments.get(code)
        for place in segment_map.places:
            if place is None or rule is None or place.take is Take.BESIDE or place.element > len(rule.elements):
                continue
            for name in {place.field, place.code_field} - {""}:
                found.setdefault((of, name), (place, rule.elements[place.element - 1]))
            if place.of is not None and place.qualifier_at:
                qualifier = rule.elements[place.qualifier_at - 1]
                found.setdefault((of, place.field, "qualifier"), (place, qualifier))

    def visit(of, owner):
        if (of, id(owner)) in seen:
            return
        seen.add((of, id(owner)))
        for code, slot in owner.items():
            if slot.field:
                field = shape(of).fields.get(slot.field)
                if field is not None and field.type is not None:
                    note(field.type, code, slot.segment)
                    visit(field.type, slot.inner)
            else:
                note(slot.segment.of if slot.segment.into else of, code, slot.segment)
                visit(of, slot.inner)

    for of, set_type in SET_TYPES.items():
        visit(of, OWNERS[set_type])
    return found


ALWAYS = {"number", "purchase_order_number", "issued_on", "issued_at", "lines", "quantity", "location"}


def is_asked(of, name):
    """Whether X12 demands the field of its object, alone or in most of its uses."""
    held = element_rules().get((of, f"{name}_code")) or element_rules().get((of, name))
    return name in ALWAYS or (held is not None and held[1].required)


class Maker:
    """Makes documents by the dice of one seed; ``fullness`` is the chance of each field."""

    def __init__(self, seed, fullness=0.3):
        self.dice = random.Random(seed)
        self.fullness = fullness

    def document(self, of):
        made = self.part(of, 0)
        if "levels" in shape(of).fields and self.dice.random() < 0.7:
            made = type(made)(**{**values_of(made), "levels": (self.level(shape(of).fields["levels"].type),)})
        return made

    def level(self, of, depth=0, ids=None):
        ids = [0] if ids is None else ids
        ids[0] += 1
        own = str(ids[0])
        code = "SOTPI"[min(depth, 4)]
        values = values_of(self.part(of, 1)) | {"id": own, "code": code, "kind": words("0735").get(code)}
        count = 0 if depth == 4 else self.dice.randint(1, 2)
        children = [self.level(of, depth + 1, ids) for _ in range(count)]
        values["children"] = tuple(type(c)(**{**values_of(c), "parent_id": own}) for c in children)
        return of(**values)

    def part(self, of, depth):
        values = {}
        fields = shape(of).fields
        for name, field in fields.items():
            if (name in NOT_MADE and not field.required) or name.endswith("_as_sent") or name in values:
                continue
            if field.type is Measure or field.type is CodeAsSent or field.type is Unmapped:
                if field.type is Measure and self.chance():
                    values[name] = self.measure()
                continue
            if not (field.required or is_asked(of, name) or self.chance(depth)):
                continue
            if name.endswith("unit") and f"{name}_as_sent" in fields:
                self.unit(values, name)
            elif f"{name}_code" in fields or (name == "status" and "code" in fields):
                self.word(of, values, name, f"{name}_code" if f"{name}_code" in fields else "code")
            elif name.endswith("_code") and name.removesuffix("_code") in fields:
                continue
            elif field.type is not None:
                if depth < DEPTH_MAX:
                    made = [self.inner(of, name, field.type, depth) for _ in range(self.dice.randint(1, 2))]
                    values[name] = tuple(made) if field.many else made[0]
            elif field.many:
                values[name] = tuple(self.text(of, name) for _ in range(self.dice.randint(1, 2)))
            else:
                values[name] = self.scalar(of, name, field.kind)
        return of(**values)

    def chance(self, depth=1):
        return self.dice.random() < (self.fullness if depth < 2 else self.fullness * 0.8)

    def inner(self, of, name, inner, depth):
        held = element_rules().get((of, name, "qualifier"))
        if held is None:
            return self.part(inner, depth + 1)
        rule = held[1]
        fields = {"qualifier": self.dice.choice(sorted(rule.codes)) if rule.codes else "ZZ"}
        if "date" in shape(inner).fields:
            return inner(date=self.date(), **fields)
        key = "number" if "number" in shape(inner).fields else "id"
        return inner(**{key: self.letters(2, 12)}, **fields)

    def scalar(self, of, name, kind):
        match kind:
            case Kind.DECIMAL:
                return self.number(of, name)
            case Kind.DATE:
                return self.date()
            case Kind.TIME:
                return dt.time(self.dice.randint(0, 23), self.dice.randint(0, 59))
            case Kind.INTEGER:
                return self.dice.randint(1, 99)
            case Kind.BOOLEAN:
                return self.dice.random() < 0.5
        return self.text(of, name)

    def date(self):
        year = self.dice.choice([2026, 2027, 2026, 1999, 1969])
        return dt.date(year, self.dice.randint(1, 12), self.dice.randint(1, 28))

    def number(self, of, name):
        held = element_rules().get((of, name))
        whole = held is not None and held[1].type == "N0"
        digits = 1 if held is None else min(held[1].max, 5)
        number = Decimal(self.dice.randint(1, 10**digits - 1))
        return number if whole or digits < 4 or self.dice.random() < 0.4 else number.scaleb(-2)

    def text(self, of, name):
        held = element_rules().get((of, name))
        if held is None:
            return self.letters(1, 6)
        rule = held[1].components[0] if held[1].components else held[1]
        if rule.codes:
            return self.dice.choice(sorted(rule.codes))
        if rule.type in {"DT", "TM"} or rule.type.startswith("N"):
            return "1"
        return self.letters(rule.min, max(rule.min, min(rule.max, 12)))

    def letters(self, least, most):
        return "".join(self.dice.choice(LETTERS) for _ in range(self.dice.randint(max(least, 1), most)))

    def unit(self, values, name):
        code, unit = self.dice.choice(UNITS)
        if self.dice.random() < 0.7:
            values[f"{name}_as_sent"] = CodeAsSent(code, "x12_355")
        values[name] = unit

    def word(self, of, values, name, code_name):
        held = element_rules().get((of, code_name))
        if held is None:
            return
        place, rule = held
        known = words(place.code_list) if place.code_list else {}
        if not known:
            values[name] = self.text(of, name)
            return
        code = self.dice.choice(sorted(rule.codes & known.keys()) or sorted(known))
        values[name] = known[code]
        if self.dice.random() < 0.7:
            values[code_name] = code

    def measure(self):
        code, unit = self.dice.choice(UNITS)
        return Measure(Decimal(self.dice.randint(1, 999)), None, unit, CodeAsSent(code, "x12_355"))


def values_of(part):
    return {name: getattr(part, name) for name in shape(type(part)).fields}


class WildMaker(Maker):
    """Makes documents that canonical JSON allows and nobody means: any text, any number, any day."""

    TEXTS = (
        "",
        " ",
        "\n",
        "a\nb",
        "*~>^",
        "\x1c\x1d",
        "\u20ac\U0001f4e6",
        "x" * 5_000,
        "-1",
        "1.5",
        "ISA*00*",
        "\u00e9" * 40,
    )
    NUMBERS = ("0", "-0", "-1.50", "1e-30", "9" * 38, "0." + "3" * 38, "1" + "0" * 37, "123456789.123456789")

    def text(self, of, name):
        return self.dice.choice(self.TEXTS) if self.dice.random() < 0.7 else super().text(of, name)

    def number(self, of, name):
        return Decimal(format(Decimal(self.dice.choice(self.NUMBERS)), "f"))

    def date(self):
        return dt.date(self.dice.choice([1, 999, 1582, 1969, 2026, 2070, 9999]), 2, 28)
