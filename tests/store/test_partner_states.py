"""Which profile of a partner is in force: kept once, told once, whatever the problems look like."""

from gateway.store.partners import states as partner_states
from gateway.store.partners.states import PROBLEM_LINES_MAX
from tests.partners.profiles import ACME, loaded


def test_the_same_again_changes_nothing(stock):
    first, second = loaded(ACME), loaded(ACME + "status: suspended\n")
    assert stock.do(partner_states.put_in_force, first, 1)
    assert not stock.do(partner_states.put_in_force, first, 2)
    assert stock.do(partner_states.put_in_force, second, 3)
    known = stock.see(partner_states.get, "acme-supply")
    assert (known.digest, known.status, known.in_force_since_ms) == (second.digest, "suspended", 3)
    assert stock.see(partner_states.get, "nobody") is None


def test_problems_stay_beside_what_is_in_force_until_they_are_solved(stock):
    stock.do(partner_states.put_in_force, loaded(ACME), 1)
    assert stock.do(partner_states.put_problems, "acme-supply", ["a:1:1: wrong; mend it"], 2)
    assert not stock.do(partner_states.put_problems, "acme-supply", ["a:1:1: wrong; mend it"], 3)
    known = stock.see(partner_states.get, "acme-supply")
    assert (known.problems, known.problems_since_ms, known.status) == (("a:1:1: wrong; mend it",), 2, "live")
    assert stock.do(partner_states.put_problems, "acme-supply", [], 4)
    assert not stock.do(partner_states.put_problems, "acme-supply", [], 5)
    known = stock.see(partner_states.get, "acme-supply")
    assert (known.problems, known.problems_since_ms) == ((), None)


def test_lines_are_few_and_whole_and_storable(stock):
    lines = [f"{number}: a\nb\x00\ud800" for number in range(100)]
    stock.do(partner_states.put_problems, "acme-supply", lines, 1)
    known = stock.see(partner_states.get, "acme-supply")
    assert len(known.problems) == PROBLEM_LINES_MAX
    assert known.problems[0].startswith("0: a b")
    assert known.problems[-1] == "and 81 more; see `gateway partner check acme-supply`"
    assert (known.digest, known.status) == (None, None)
    assert not stock.do(partner_states.put_problems, "acme-supply", lines, 2), "kept and given are compared alike"


def test_who_is_gone_is_known_no_more(stock):
    stock.do(partner_states.put_in_force, loaded(ACME), 1)
    assert list(stock.see(partner_states.every)) == ["acme-supply"]
    assert stock.do(partner_states.remove, "acme-supply")
    assert not stock.do(partner_states.remove, "acme-supply")
    assert stock.see(partner_states.every) == {}
