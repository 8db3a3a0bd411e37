"""The files of parts: what somebody looks at stays readable while another transfer goes on with it."""

import mmap

from gateway.edge.as2.parts import PartName, Parts
from gateway.settings import Limits

NAME = PartName("0" * 16, "1" * 32, "2" * 32)


def test_a_view_of_the_attempt_before_outlives_the_next_one(tmp_path):
    total = 16 * mmap.PAGESIZE + 1  # its last byte is alone on a page
    body = b"x" * total
    parts = Parts(tmp_path, Limits(), lambda: 1)
    first = parts.open(NAME, total=total, start=0, reserved=total)
    first.write(body)
    view = first.view()
    first.keep()
    held = parts.find(NAME.partner, NAME.transfer, NAME.message)
    assert (held.held, held.is_written) == (total - 1, False)
    second = parts.open(NAME, total=total, start=total - 1, reserved=total)
    assert bytes(view) == body  # a page that were gone would end the process here
    second.write(b"x")
    assert bytes(second.view()) == body
    second.remove()
    assert bytes(view) == body
