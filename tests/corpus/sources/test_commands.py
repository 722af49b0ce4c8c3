import base64
import hashlib

import pandas as pd
import pytest
from typer.testing import CliRunner

from core.corpus import manifest
from core.corpus.sources.commands import app
from core.errors import SourceError
from tests.corpus.conftest import draw
from tests.corpus.sources.conftest import read_csv
from tests.corpus.sources.images_api import ImagesApi, picture_of
from tests.corpus.sources.server import file, status
from tests.corpus.sources.test_github import pinned, raw

QUICKLY = ["--interval", "0", "--first-wait", "0.01", "--attempts", "2"]


@pytest.fixture
def run():
    def invoke(*arguments, **options):
        return CliRunner().invoke(app, [*QUICKLY, *map(str, arguments)], **options)

    return invoke


@pytest.fixture
def order(tmp_path, site, run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    api = ImagesApi(site)

    def invoke(*more, **options):
        return run(
            *("openai-images", "--output", tmp_path / "out", "--count", 2, "--base-url", api.url, *more),
            **options,
        )

    invoke.api = api
    invoke.out = tmp_path / "out"
    return invoke


def test_paintings_end_to_end(tmp_path, site, run):
    site.routes |= {"/1.jpg": [file(draw(1))], "/2.jpg": [status(404)]}
    (tmp_path / "list.csv").write_text(f"page,picture\nx,{site.url}/1.jpg\ny,{site.url}/2.jpg\n")
    result = run("paintings", tmp_path / "list.csv", "--output", tmp_path / "out", "--column", "picture")
    assert result.exit_code == 0, result.output
    assert "1 images brought, 0 were here already, 1 not to be had" in result.output
    assert read_csv(tmp_path / "out" / "manifest.csv")[0]["sha256"] == hashlib.sha256(draw(1)).hexdigest()


def test_what_may_still_come_gives_exit_code_1(tmp_path, site, run):
    site.routes["/1.jpg"] = [status(503)]
    (tmp_path / "list.csv").write_text(f"{site.url}/1.jpg\n")
    result = run("paintings", tmp_path / "list.csv", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert "run again" in result.output
    assert site.count("/1.jpg") == 2


def test_the_manifest_says_why_paintings_are_known_to_be_by_people(tmp_path, site, run):
    site.routes["/1.jpg"] = [file(draw(1))]
    (tmp_path / "list.csv").write_text(f"{site.url}/1.jpg\n")
    attested = ("--attestation", "the curator saw them painted")
    run("paintings", tmp_path / "list.csv", "--output", tmp_path / "out", *attested)
    (row,) = read_csv(tmp_path / "out" / "manifest.csv")
    assert row["attestation"] == "the curator saw them painted"


def test_paintings_refused_for_good_are_asked_for_again_on_request(tmp_path, site, run):
    site.routes["/1.jpg"] = [status(404), file(draw(1))]
    (tmp_path / "list.csv").write_text(f"{site.url}/1.jpg\n")
    command = ("paintings", tmp_path / "list.csv", "--output", tmp_path / "out")
    run(*command)
    run(*command)
    assert site.count("/1.jpg") == 1
    assert "1 images brought" in run(*command, "--retry-refused").output
    assert read_csv(tmp_path / "out" / "manifest.csv")[0]["sha256"] == hashlib.sha256(draw(1)).hexdigest()


def test_originals_refused_for_good_are_asked_for_again_on_request(tmp_path, site, run):
    original = draw(1, (300, 300))
    site.routes[raw("a.png")] = [status(404), file(original)]
    published = manifest.write(pd.DataFrame([pinned(original, "a.png")]), tmp_path / "published.csv")
    command = ("github", "--manifest", published.path, "--output", tmp_path / "out", "--base-url", site.url)
    run(*command)
    run(*command)
    assert site.count(raw("a.png")) == 1
    assert "1 images brought" in run(*command, "--retry-refused").output
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == published.path.read_bytes()


def test_originals_in_debian_packages_are_not_said_to_come_by_running_again(tmp_path, site, run):
    packaged = pinned(draw(1, (300, 300)), "/usr/x.png", source="debian:art (bookworm)", commit="")
    rows = [packaged, pinned(draw(2, (300, 300)), "a.png")]
    site.routes[raw("a.png")] = [status(503), status(503), file(draw(2, (300, 300)))]
    published = manifest.write(pd.DataFrame(rows), tmp_path / "published.csv")
    command = ("github", "--manifest", published.path, "--output", tmp_path / "out", "--base-url", site.url)
    first, second = run(*command), run(*command)
    for result in (first, second):
        assert result.exit_code == 1
        assert "1 of them lie in packages of Debian: run again with --debian-mirror" in result.output
    assert "Some may still come" in first.output
    assert "1 images brought" in second.output
    assert "Some may still come" not in second.output


def test_a_dry_run_shows_plan_and_estimate_and_touches_nothing(order, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    result = order("--dry-run")
    assert result.exit_code == 0
    assert "2 calls to gpt-image-2" in result.output
    assert "about $0.09 (an estimate from the prices of 06 May 2026" in result.output
    assert order.api.calls == []
    assert not order.out.exists()


def test_nothing_is_spent_without_a_yes(order):
    result = order(input="n\n")
    assert result.exit_code == 1
    assert "Send these calls?" in result.output
    assert order.api.calls == []
    assert not order.out.exists()


def test_without_a_key_it_does_not_even_ask(order, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    result = order(input="y\n")
    assert isinstance(result.exception, SourceError)
    assert "Send these calls?" not in result.output


def test_a_yes_spends_and_a_second_run_has_nothing_to_ask(order, monkeypatch):
    result = order(input="y\n")
    assert result.exit_code == 0, result.output
    assert "2 images in" in result.output
    monkeypatch.delenv("OPENAI_API_KEY")
    result = order()
    assert result.exit_code == 0, result.output
    assert "0 calls" in result.output
    assert "Send these calls?" not in result.output
    assert len(order.api.calls) == 2


def test_the_quality_that_was_chosen_is_ordered(order):
    order("--yes", "--quality", "high")
    assert [call["quality"] for call in order.api.calls] == ["high", "high"]


def test_the_sizes_that_were_chosen_are_ordered(order):
    order("--yes", "--size", "1536x1024", "--size", "640x480")
    assert {call["size"] for call in order.api.calls} == {"1536x1024", "640x480"}


def test_addresses_of_pictures_are_ordered_where_they_were_chosen(order):
    order.api.answer = "url"
    order("--yes", "--model", "dall-e-3", "--answer", "url")
    assert [call["response_format"] for call in order.api.calls] == ["url", "url"]
    rows = read_csv(order.out / "manifest.csv")
    assert {row["sha256"] for row in rows} == {
        hashlib.sha256(picture_of(call["prompt"])).hexdigest() for call in order.api.calls
    }


def test_generated_pictures_become_uniform_copies_on_request(order):
    order.api.content = lambda _: {"b64_json": base64.b64encode(draw(1, (500, 400))).decode()}
    order("--yes", "--uniform")
    (row,) = read_csv(order.out / "manifest.csv")
    assert (row["height"], row["original_format"]) == ("352", "PNG")


def test_an_address_that_is_none_is_refused(run, tmp_path):
    result = run("openai-images", "--output", tmp_path, "--count", 1, "--base-url", "api.openai.com")
    assert isinstance(result.exception, SourceError)


def test_an_output_inside_the_folder_that_is_read_is_refused(tmp_path, run):
    (tmp_path / "human").mkdir()
    result = run("folder", tmp_path, "--output", tmp_path / "human" / "out")
    assert "lies in" in str(result.exception)


def test_own_images_with_rejections_are_done(tmp_path, run):
    (tmp_path / "in" / "human").mkdir(parents=True)
    (tmp_path / "in" / "human" / "a").write_bytes(draw(1))
    (tmp_path / "in" / "human" / "b").write_bytes(b"")
    result = run("folder", tmp_path / "in", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "1 left out, with reasons, in" in result.output


def test_a_csv_file_labels_own_images_wherever_they_lie(tmp_path, run):
    (tmp_path / "in" / "human").mkdir(parents=True)
    (tmp_path / "in" / "human" / "a.png").write_bytes(draw(1))
    (tmp_path / "labels.csv").write_text("path,label,generator\nhuman/a.png,ai,flux\n")
    run("folder", tmp_path / "in", "--output", tmp_path / "out", "--labels", tmp_path / "labels.csv")
    (row,) = read_csv(tmp_path / "out" / "manifest.csv")
    assert (row["label"], row["generator"]) == ("ai", "flux")


@pytest.mark.parametrize("source", ["folder", "paintings"])
@pytest.mark.parametrize(("option", "height"), [("--uniform", "352"), ("--raw", "400")])
def test_images_are_kept_as_they_come_or_as_uniform_copies(tmp_path, site, run, source, option, height):
    (tmp_path / "in" / "human").mkdir(parents=True)
    (tmp_path / "in" / "human" / "1.png").write_bytes(draw(1, (500, 400)))
    site.routes["/1.png"] = [file(draw(1, (500, 400)))]
    (tmp_path / "list.csv").write_text(f"{site.url}/1.png\n")
    given = {"folder": tmp_path / "in", "paintings": tmp_path / "list.csv"}[source]
    run(source, given, "--output", tmp_path / "out", option)
    (row,) = read_csv(tmp_path / "out" / "manifest.csv")
    assert row["height"] == height
