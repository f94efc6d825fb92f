"""What a body may hold besides its bytes: so many values, so many keys of an object, counted before it is read."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from domain.intake import parse_form
from domain.misspelt import check_keys
from domain.refusal import Refused
from starter.web.messages import COMMAND_BODIES, FormIn, PapersIn, _parsed, read_as
from starter.web.problems import Stopped

PAPER = {
    "kind": "other",
    "sha256": "0" * 64,
    "issued_on": "2026-01-05",
    "hospital_id": "H510400-01",
    "hospital_level": 3,
    "sealed": True,
    "signed": True,
    "diagnosed_on": "2026-01-05",
}
MEGABYTE = 1_000_000

# Not getrusage: its peak is inherited from the parent process. VmHWM is the peak of this program alone.
MEASURE = """
import re, sys
from pathlib import Path
from starter.web.messages import COMMAND_BODIES, _parsed, read_as
from starter.web.problems import Stopped

def peak():
    return int(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text()).group(1))

content = sys.stdin.buffer.read()
before = peak()
try:
    read_as(_parsed(content), COMMAND_BODIES["supply_materials"])
except Stopped as stopped:
    print(stopped.status, (peak() - before) // 1024)
"""


def body(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


HUGE = {
    "papers": body({"materials": [{}] * (MEGABYTE // 3)}),
    "floats": body({"materials": [0.5] * (MEGABYTE // 4)}),
    "keys": body({f"key{number}": 1 for number in range(MEGABYTE // 13)}),
    "keys of one paper": body({"materials": [{f"key{number}": 1 for number in range(201)}]}),
    "lists in lists": body({"materials": [[[]] * 1_000] * 100}),
}


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_a_body_of_far_more_values_than_any_of_ours_is_refused_before_it_is_read(content: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Stopped) as refused:
        _parsed(content)

    assert (refused.value.status, refused.value.refusal.field) == (422, "input")
    assert "项" in refused.value.refusal.rule
    assert time.process_time() - began < 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("content", [HUGE["papers"], body({"materials": [{}] * 4_900})], ids=["over", "under"])
def test_a_body_of_empty_papers_costs_little_memory(content: bytes) -> None:
    measured = subprocess.run([sys.executable, "-c", MEASURE], input=content, capture_output=True, check=True)
    found = re.fullmatch(r"422 ([0-9]+)\n", measured.stdout.decode())

    assert found
    assert int(found[1]) < 100


def test_the_longest_bodies_of_ours_are_read() -> None:
    papers = _parsed(body({"materials": [PAPER] * 100}))
    assert len(read_as(papers, PapersIn).materials) == 100
    supply = _parsed(body({"command_id": "c1", "materials": [PAPER] * 40, "actor": None}))
    read_as(supply, COMMAND_BODIES["supply_materials"])
    assert len(_parsed(body({f"key{number}": 1 for number in range(200)}))) == 200


def test_a_body_just_within_the_bounds_is_told_quickly_what_is_wrong() -> None:
    began = time.process_time()
    for content in (
        {"materials": [{"kind": f"k{number}", "x": number} for number in range(1_600)]},
        {"materials": [{f"kindly{number}-{each}": 1 for each in range(190)} for number in range(25)]},
    ):
        raw = _parsed(body(content))
        for model in (PapersIn, FormIn):
            with pytest.raises(Stopped):
                read_as(raw, model)
        with pytest.raises(Refused):
            parse_form(raw)

    assert time.process_time() - began < 1.5


def test_a_key_is_compared_with_ours_though_other_unknown_ones_stand_before_it() -> None:
    with pytest.raises(Refused) as refused:
        check_keys({**{f"ours{number}": 1 for number in range(100)}, "regions": "510400"})
    assert refused.value.refusal.field == "regions"
    check_keys({"x" * 900_000: 1})
    began = time.process_time()
    check_keys({"materials": [{f"z{number}q{each}": 1 for each in range(200)} for number in range(400)]})
    assert time.process_time() - began < 0.5
