"""Runs killed with SIGKILL at random moments and run again: nothing is lost, doubled, half-written or paid twice."""

import hashlib
import os
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.corpus import manifest
from core.corpus.sources.openai_images import earlier_calls
from tests.corpus.conftest import draw
from tests.corpus.sources.conftest import read_csv, stored
from tests.corpus.sources.images_api import ImagesApi
from tests.corpus.sources.server import file, slow
from tests.corpus.sources.test_github import pinned, raw
from tests.waiting import wait_until

POLITE = ("--workers", 3, "--interval", 0, "--first-wait", 0.01, "--timeout", 5)
PROC = Path("/proc")


def journalled(out):
    path = out / "journal.jsonl"
    return path.read_bytes().count(b'"row"') if path.exists() else 0


def kill_when(process, condition):
    """SIGKILL a running program once the condition holds, or let it be if it ends before."""
    while process.poll() is None and not condition():
        time.sleep(0.01)
    process.kill()
    process.wait()


def expect_whole(out, hashes):
    """The collection holds exactly these images, whole, and nothing half-written lies about."""
    rows = read_csv(out / "manifest.csv")
    assert Counter(row["sha256"] for row in rows) == Counter(hashes)
    manifest.read(out / "manifest.csv", unsplit=True)
    images, others = stored(out)
    assert others == []
    assert images.keys() == set(hashes)
    for sha256, path in images.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    assert list(out.rglob(".*.part")) == []


def run_through(process):
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def test_paintings_complete_after_kills_and_are_not_fetched_again(tmp_path, site, fetch):
    pictures = {f"/{number}.jpg": draw(number) for number in range(40)}
    site.routes |= {path: [slow(0.05, file(data))] for path, data in pictures.items()}
    listing, out = tmp_path / "list.csv", tmp_path / "out"
    listing.write_text("\n".join(site.url + path for path in pictures))
    command = (*POLITE, "paintings", listing, "--output", out)
    rng = np.random.default_rng(1)
    for _ in range(2):
        enough = journalled(out) + rng.integers(1, 15)
        kill_when(fetch(*command), lambda enough=enough: journalled(out) >= enough)
        (out / "images" / "00").mkdir(parents=True, exist_ok=True)
        (out / "images" / "00" / ".half.jpg.part").write_bytes(b"half a file of a run that was killed")
    assert 0 < journalled(out) < 40
    assert run_through(fetch(*command))[0] == 0
    expect_whole(out, [hashlib.sha256(data).hexdigest() for data in pictures.values()])
    # At each of two kills at most the three requests under way were fetched for nothing.
    assert len(site.log) <= 40 + 2 * 3


def test_the_published_corpus_completes_after_a_kill(tmp_path, site, fetch):
    originals = {f"art {number}.png": draw(number, (260, 240)) for number in range(16)}
    site.routes |= {raw(path): [slow(0.05, file(data))] for path, data in originals.items()}
    rows = [pinned(data, path) for path, data in originals.items()]
    manifest.write(pd.DataFrame(rows), tmp_path / "published.csv")
    out = tmp_path / "out"
    command = (*POLITE, "github", "--manifest", tmp_path / "published.csv", "--output", out)
    command += ("--base-url", site.url)
    kill_when(fetch(*command), lambda: journalled(out) >= 5)
    assert run_through(fetch(*command))[0] == 0
    expect_whole(out, [row["sha256"] for row in rows])
    assert (out / "manifest.csv").read_bytes() == (tmp_path / "published.csv").read_bytes()
    assert len(site.log) <= 16 + 3


def test_own_images_complete_after_a_kill(tmp_path, fetch):
    root, out = tmp_path / "in", tmp_path / "out"
    pictures = {f"{'human' if n % 2 else 'ai/x'}/{n}": draw(n, (400, 300)) for n in range(60)}
    for path, data in pictures.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    command = (*POLITE, "folder", root, "--output", out)
    kill_when(fetch(*command), lambda: journalled(out) >= 5)
    assert run_through(fetch(*command))[0] == 0
    expect_whole(out, [hashlib.sha256(data).hexdigest() for data in pictures.values()])


ORDER = ("--model", "gpt-image-2", "--count", 18, "--yes")


@pytest.fixture
def api(site):
    return ImagesApi(site, seconds=0.4, honours_keys=False)


@pytest.fixture
def order(tmp_path, api, fetch):
    def start(*more):
        arguments = (
            *POLITE,
            "openai-images",
            "--output",
            tmp_path / "out",
            "--base-url",
            api.url,
            *ORDER,
            *more,
        )
        return fetch(*arguments, OPENAI_API_KEY="sk-test-key")

    return start


@pytest.mark.parametrize(("answer", "kills"), [("b64_json", 2), ("url", 1)])
def test_no_call_is_paid_twice_when_the_program_is_killed(tmp_path, api, order, answer, kills):
    api.answer = answer
    rng = np.random.default_rng(kills)
    for _ in range(kills):
        enough = len(api.calls) + rng.integers(1, 7)
        kill_when(order(), lambda enough=enough: len(api.calls) >= enough)
        time.sleep(rng.random() / 2)
    assert 0 < len(api.calls) < 18
    code, output = run_through(order())
    assert (code, "18 images in" in output) == (0, True), output
    rows = read_csv(tmp_path / "out" / "manifest.csv")
    assert len({row["prompt"] for row in rows}) == 18
    expect_whole(tmp_path / "out", [row["sha256"] for row in rows])
    assert len(api.calls) == len(api.charged) == 18
    assert len(api.charges()) == 18


def kill_everything(process):
    """Kill the program and the process that sends for it, as a power cut would."""
    by_thread = (PROC / str(process.pid) / "task").glob("*/children")
    children = [int(pid) for listed in by_thread for pid in listed.read_text().split()]
    for pid in (process.pid, *children):
        os.kill(pid, signal.SIGKILL)
    process.wait()


@pytest.mark.skipif(
    not (PROC / "self" / "task").is_dir(), reason="finds processes by /proc, which is Linux's"
)
def test_calls_lost_in_a_power_cut_are_left_alone_until_asked_and_keep_their_keys(tmp_path, api, order):
    process = order()
    wait_until(lambda: len(api.calls) >= 7 or process.poll() is not None)
    kill_everything(process)
    time.sleep(0.6)
    reached = len(api.calls)
    states = Counter(earlier_calls(tmp_path / "out", wait=30)[1].values())
    lost = states["lost"]
    assert lost > 0
    assert states["answered"] > 0
    # A call is noted before it is sent, so some that never reached the server may count as lost.
    never_reached = states.total() - reached
    assert 0 <= never_reached <= lost

    code, output = run_through(order())
    assert code == 1
    assert f"{18 - lost} images in" in output
    assert "--repeat-lost" in output
    assert len(api.charges()) == len(api.calls) == 18 - never_reached

    api.honours_keys = True
    code, output = run_through(order("--repeat-lost"))
    assert (code, "18 images in" in output) == (0, True), output
    assert len(api.calls) == 18 - never_reached + lost
    assert len(api.charges()) == len(api.charged) == 18
    expect_whole(tmp_path / "out", [row["sha256"] for row in read_csv(tmp_path / "out" / "manifest.csv")])
