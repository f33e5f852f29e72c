"""The fuzzer tells apart what can come of a case, keeps what it finds, and makes a case again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow

# In a process of its own: the fuzzer forks, and leaves libraries one thread each.
CODE = """
import json, os, signal, sys
from pathlib import Path
from benchmarks import fuzz
from benchmarks.fuzzing import child
from benchmarks.fuzzing.kinds import KINDS, Kind
from cellclassifier.errors import InputError

child.CPU_SECONDS, child.WALL_SECONDS = 1, 2
out = Path(sys.argv[1])

def refuse(text):
    raise InputError(text)

def refuse_as_it_is(text):
    error = InputError("")
    error.args = (text,)
    raise error

def hide():
    try:
        bytearray(3 * 2**30)
    except MemoryError as error:
        raise InputError("cannot be read") from error

def spin():
    while True:
        pass

READERS = {
    "read": lambda: None,
    "refused": lambda: refuse("a sentence"),
    "refused: no such file": lambda: open("nowhere"),
    "traceback": lambda: 1 / 0,
    "traceback: two lines": lambda: refuse_as_it_is("two\\nlines"),
    "traceback: no UTF-8": lambda: refuse_as_it_is(chr(0xDCFF)),
    "traceback: moves the cursor": lambda: refuse_as_it_is(chr(27) + "[2J"),
    "traceback: a screen full": lambda: refuse_as_it_is("long" * 1000),
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "memory": lambda: bytearray(3 * 2**30),
    "memory: in a sentence": hide,
    "code run": lambda: os.system("true"),
    "code run: its file": lambda: Path("ran").touch(),
    "crash: it ends itself": lambda: os._exit(0),
    "hang": spin,
    "hang: a pipe": lambda: (os.mkfifo("pipe"), open("pipe")),
    "not made": lambda: None,
    "not made: no memory for it": lambda: None,
    "not made: it hangs": lambda: None,
}
DAMAGES = {
    "not made": lambda rng, path: 1 / 0,
    "not made: no memory for it": lambda rng, path: bytearray(3 * 2**30),
    "not made: it hangs": lambda rng, path: spin(),
}

def damage(rng, path):
    path.write_bytes(rng.randbytes(8))

for name, read in READERS.items():
    damages = (DAMAGES.get(name, damage),)
    write = lambda folder: (folder / "good.npy").write_bytes(b"good")
    KINDS[name] = Kind(write, damages, lambda path, read=read: read())
good = {name: out / "good" / name for name in READERS}
for name in READERS:
    good[name].mkdir(parents=True)
    KINDS[name].write(good[name])
for times in (1, 2):
    config = fuzz.Config(kinds=tuple(READERS), cases=1, output=out / f"found{times}")
    counts, found = fuzz.fuzz(config, good, out / "work")
print(json.dumps({kind: what for kind, what in counts if what != "seconds"}))
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of a run, and what came of each reader."""
    folder = tmp_path_factory.mktemp("fuzz")
    command = [sys.executable, "-c", CODE, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_outcomes_are_told_apart(ran):
    assert {kind: kind.split(":")[0] for kind in ran[1]} == ran[1]
    assert len(ran[1]) == 19


def test_offences_are_kept_and_are_the_same_again(ran):
    folder, outcomes = ran
    for times in (1, 2):
        kept = {path.name for path in (folder / f"found{times}").iterdir()}
        harmless = ("read", "refused", "not made")
        assert kept == {f"{k}-0-0" for k, what in outcomes.items() if what not in harmless}
    first, second = (folder / f"found{times}/crash-0-0" for times in (1, 2))
    assert (first / "case.npy").read_bytes() == (second / "case.npy").read_bytes() != b"good"
    about = json.loads((first / "about.json").read_text())
    assert about["outcome"] == "crash" and "SIGSEGV" in about["how"]
    assert "--kinds crash --seed 0 --first 0 --cases 1" in about["command"]


BATCHES = """
import os, signal, sys
from pathlib import Path
from benchmarks.fuzzing import cases
from benchmarks.fuzzing.kinds import KINDS, Kind

good, made = Path(sys.argv[1]) / "good", set()
good.mkdir()
(good / "good.npy").write_bytes(b"good")

def number(path):
    return int(path.parent.name.split("-")[-1])

def alone(path):
    if number(path) in (3, 4, 8):
        os.kill(os.getpid(), signal.SIGSEGV)

def after_others(path):
    made.add(path)
    if len(made) == 3:
        os.kill(os.getpid(), signal.SIGSEGV)

def full(path):
    global KEPT
    KEPT = bytearray(1500 * 2**20)

for name, read in {"alone": alone, "after": after_others, "full": full}.items():
    KINDS[name] = Kind(None, (lambda rng, path: None,), read)
    found, _ = cases.Batch(name, 0, 0, 10).run(good, Path(sys.argv[1]) / name)
    assert [finding.case.number for finding in found] == list(range(10))
    for finding in found:
        what, command = finding.outcome.what, finding.command
        if what != "read":
            print(name, finding.case.number, what, command.split("first")[1])
"""


def test_a_process_that_ends_costs_no_case(tmp_path):
    """Every case is run within limits of its own; one that needs others is told with them."""
    command = [sys.executable, "-c", BATCHES, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    alone = [f"alone {i} crash  {i} --cases 1" for i in (3, 4, 8)]
    after = [f"after {i} crash  {i - 2} --cases 3" for i in (2, 5, 8)]
    assert done.stdout.splitlines() == alone + after, done.stderr
