import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from core import cli, images
from core.cli import Method, main
from core.detectors.card import read_card, write_card
from core.detectors.precision import BF16_TOLERANCE, INT8_TOLERANCE
from core.detectors.store import (
    DEFAULT_MODEL,
    FALLBACK_MODEL,
    find_model,
    load_card,
    load_detector,
    what_is_missing,
)
from core.evaluation.predictions import read_predictions
from core.explain import METHODS
from tests.audit.conftest import FULL_DISK
from tests.cards import head_card, lay
from tests.commands import invoke, run_cli

REPOSITORY = Path(__file__).resolve().parents[1]
OVERRIDES = "-dac_override,-dac_read_search,-fowner"
"""What lets root read a file that nobody may read."""
TOLERANCE = 1e-4
"""Largest accepted difference in p_ai between `predict` and `predictions.csv` on one machine."""


@pytest.fixture
def pictures(tmp_path, drawings):
    (tmp_path / "Stilleben März.png").write_bytes(drawings.file(drawings.painting((80, 60), 1)))
    (tmp_path / "cut.jpg").write_bytes(drawings.file(drawings.painting((80, 60), 2), "JPEG")[:400])
    return [str(tmp_path / name) for name in ("Stilleben März.png", "cut.jpg", "absent.png")]


def test_predict_json_reports_every_file_and_exits_1(tiny_model, pictures):
    result = invoke("predict", *pictures, "--model", str(tiny_model), "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert [line["path"] for line in lines] == pictures
    assert all(list(line) == ["path", "sha256", "verdict", "p_ai", "model", "error"] for line in lines)
    read, cut, absent = lines
    assert read["sha256"] == hashlib.sha256(Path(pictures[0]).read_bytes()).hexdigest()
    assert read["verdict"] in {"human", "ai", "inconclusive"}
    assert 0 <= read["p_ai"] <= 1
    assert read["error"] is None
    assert "truncated" in cut["error"]
    assert cut["sha256"] == hashlib.sha256(Path(pictures[1]).read_bytes()).hexdigest()
    assert absent["sha256"] is None
    assert "does not exist" in absent["error"]
    assert cut["p_ai"] is absent["verdict"] is None


def test_another_model_that_judges_instead_of_the_default_is_named(
    tiny_model, pictures, tmp_path, monkeypatch
):
    models = tmp_path / "models"
    lay(head_card(DEFAULT_MODEL), models)
    quick = shutil.copytree(tiny_model, models / FALLBACK_MODEL)
    write_card(read_card(quick).model_copy(update={"name": FALLBACK_MODEL}), quick)
    monkeypatch.setenv("VERSO_MODELS", str(models))
    monkeypatch.setenv("VERSO_ENCODER", str(tmp_path / "nowhere"))
    for verb in (["predict"], ["explain", "--output", str(tmp_path / "map.png")]):
        result = invoke(*verb, pictures[0])
        assert FALLBACK_MODEL in result.stdout
        said = " ".join(result.stderr.split())
        assert f"{DEFAULT_MODEL} cannot judge on this computer: the encoder's weights" in said
        assert f"{FALLBACK_MODEL} judges instead" in said
    named = invoke("predict", pictures[0], "--model", FALLBACK_MODEL)
    assert "cannot judge" not in named.stderr


def test_a_disk_that_is_full_is_a_sentence(tmp_path, monkeypatch, capsys):
    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "weights"))

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "weights cannot be read or written (No space left on device): check the disk." in " ".join(
        capsys.readouterr().err.split()
    )


def test_an_error_of_another_file_adds_nothing_to_what_was_printed(monkeypatch, capsys):
    def unplugged():
        typer.echo('{"path": "a.png"}')
        raise OSError(errno.EIO, os.strerror(errno.EIO), "b.png")

    monkeypatch.setattr(cli, "app", unplugged)
    with pytest.raises(SystemExit):
        cli.main()
    said = capsys.readouterr()
    assert said.out == '{"path": "a.png"}\n'
    assert "b.png cannot be read or written" in said.err


def test_warnings_are_sentences_and_those_of_libraries_about_metadata_are_not_repeated(tmp_path, drawings):
    (tmp_path / "a.webp").write_bytes(
        drawings.file(drawings.painting(), "WEBP", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    )
    result = run_apart("evidence", str(tmp_path / "a.webp"), VERSO_MAX_PIXELS="a lot")
    assert result.returncode == 0
    assert result.stderr.decode() == (
        f"Warning: VERSO_MAX_PIXELS is 'a lot', and must be a whole number from 1 to {2**62}: 100000000 holds instead.\n"
    )


def test_an_address_is_repeated_as_it_was_given_and_sent_to_an_audit(tiny_model):
    for verb in (["predict", "--model", str(tiny_model)], ["evidence"]):
        result = invoke(*verb, "http://x.test/a.jpg", "./a//b.jpg", "--json")
        address, path = [json.loads(line) for line in result.stdout.splitlines()]
        assert result.exit_code == 1
        assert (address["path"], path["path"]) == ("http://x.test/a.jpg", "./a//b.jpg")
        assert "'http://x.test/a.jpg' is an address" in address["error"]
        assert "python -m core audit" in address["error"]


def test_predict_exits_0_when_all_was_read(tiny_model, pictures):
    result = invoke("predict", pictures[0], "--model", str(tiny_model))
    assert result.exit_code == 0
    assert "p_ai" in result.stdout


def run_apart(
    *arguments: str | bytes, before: tuple[str, ...] = (), **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a verb in a process of its own, as scripts do; `before` is the command that starts it."""
    command = [*before, sys.executable, "-m", "core", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, check=False
    )


def what_is_said(result) -> str:
    """Standard error without the frame and the line breaks of a message on wrong usage."""
    return " ".join(result.stderr.replace("│", " ").split())


def exit_code_of(monkeypatch, *arguments: str) -> int:
    """Run the whole command line, with what it makes of errors."""
    monkeypatch.setattr(sys, "argv", ["core", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def as_a_user() -> tuple[str, ...]:
    """What starts a command for which permissions hold, whoever runs the tests."""
    if os.geteuid():
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root reads every file, and there is no setpriv to be less than root")
    return ("setpriv", "--bounding-set", OVERRIDES, "--inh-caps", OVERRIDES)


@pytest.mark.parametrize("verb", ["predict", "evidence"])
def test_a_file_that_may_not_be_read_does_not_stop_the_others(verb, tiny_model, tmp_path, drawings):
    paths = [tmp_path / name for name in ("closed.png", "open.png")]
    for path in paths:
        path.write_bytes(drawings.file(drawings.painting()))
    paths[0].chmod(0)
    model = ["--model", str(tiny_model)] if verb == "predict" else []
    result = run_apart(verb, *map(str, paths), *model, "--json", before=as_a_user())
    closed, read = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert "may not be read" in closed["error"]
    assert read["error"] is None


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("verb", ["predict", "evidence"])
def test_json_is_utf_8_whatever_the_name_of_the_file(verb, encoding, tiny_model, tmp_path, drawings):
    paths = [os.fsencode(tmp_path) + name for name in (b"/caf\xe9 \xe7\x94\xbb\n.png", b"/gone\xff.png")]
    Path(os.fsdecode(paths[0])).write_bytes(drawings.file(drawings.painting()))
    model = ["--model", str(tiny_model)] if verb == "predict" else []
    result = run_apart(verb, *paths, *model, "--json", PYTHONIOENCODING=encoding)
    read, gone = [json.loads(line) for line in result.stdout.decode("utf-8").splitlines()]
    assert result.returncode == 1
    assert (read["path"], gone["path"]) == (f"{tmp_path}/caf\\xe9 画\n.png", f"{tmp_path}/gone\\xff.png")
    assert len(read["sha256"]) == 64
    assert "does not exist" in gone["error"]


def test_a_name_that_is_no_text_is_printed_on_its_line(tiny_model, tmp_path, drawings):
    path = os.fsencode(tmp_path) + b"/caf\xe9\n\x1b[2J.png"
    Path(os.fsdecode(path)).write_bytes(drawings.file(drawings.painting()))
    result = run_apart("predict", path, "--model", str(tiny_model))
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{tmp_path}/caf\\xe9\\u000a\\u001b[2J.png: ".encode())
    assert result.stdout.count(b"\n") == 1


def test_an_error_names_the_file_as_it_is_called(tmp_path):
    name = f"[draft] {'long ' * 30}name.png"
    result = run_apart("explain", name, "--output", str(tmp_path / "x.png"))
    assert result.stderr.decode() == f"Error: '{name}' does not exist: check the path.\n"


@pytest.mark.parametrize("arguments", [["predict"], ["predict", "--no-such-option"], ["no-such-verb"]])
def test_wrong_usage_exits_2(arguments):
    assert invoke(*arguments).exit_code == 2


def test_an_error_is_one_sentence_on_stderr(pictures):
    result = run_apart("explain", pictures[1], "--output", "x.png")
    assert result.returncode == 1
    assert result.stderr.startswith(b"Error: 'cut.jpg' ")
    assert result.stderr.count(b"\n") == 1
    assert result.stdout == b""


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "x.png"],
        ["explain", "x.png", "--output", "overlay.png"],
        ["evaluate"],
        ["compare"],
        ["audit", "x.png", "--output", "out"],
    ],
)
def test_a_model_that_there_is_not_is_wrong_usage(arguments, tmp_path, drawings, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERSO_DATABASE_URL", f"sqlite:///{tmp_path}/audits.db")
    (tmp_path / "x.png").write_bytes(drawings.file(drawings.painting()))
    model = ["nobody"] if arguments[0] in {"evaluate", "compare"} else ["--model", "nobody"]
    corpus = ["--corpus", str(REPOSITORY / "data" / "manifest.csv")] if arguments[0] == "evaluate" else []
    assert exit_code_of(monkeypatch, *arguments, *model, *corpus) == 2
    shown = capsys.readouterr()
    assert "There is no model 'nobody'" in shown.err
    assert shown.out == ""
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_there_is_not_is_wrong_usage(tmp_path, monkeypatch, capsys):
    corpus = str(REPOSITORY / "data" / "manifest.csv")
    arguments = ["train", "nobody", "--corpus", corpus, "--output", str(tmp_path / "mine")]
    assert exit_code_of(monkeypatch, *arguments) == 2
    assert "There is no recipe 'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


@pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("verb", ["predict", "evidence"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_finds_no_room_is_one_sentence(verb, unbuffered, tiny_model, pictures):
    model = ["--model", str(tiny_model)] if verb == "predict" else []
    command = [sys.executable, "-m", "core", verb, pictures[0], *model, "--json"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with FULL_DISK.open("wb") as full:
        result = subprocess.run(
            command, cwd=REPOSITORY, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert result.returncode == 1
    assert result.stderr.startswith(b"Error: The output cannot be written (No space left on device)")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", ""],
        ["evidence", ""],
        ["predict", "x.jpg", "--model", ""],
        ["explain", "", "--output", "x.png"],
        ["explain", "x.jpg", "--output", ""],
        ["audit", "", "--output", "x"],
        ["audit", ".", "--output", ""],
        ["audit", ".", "--output", "x", "--model", ""],
        ["train", "verso", "--corpus", "x.csv", "--output", ""],
        ["evaluate", ""],
        ["compare", ""],
        ["quantise", ""],
    ],
)
def test_an_empty_name_or_path_is_wrong_usage(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "it is empty: give a name or a path." in what_is_said(result)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "verso", "--corpus", "x.csv", "--output"],
        ["cascade", "--output"],
        ["audit", ".", "--output"],
        ["corpus", "stats", "x.csv", "--figures"],
        ["corpus", "fetch", "folder", ".", "--output"],
    ],
)
@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_in_the_place_of_a_folder_for_results_is_wrong_usage(arguments, below, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").touch()
    result = invoke(*arguments, str(Path("x.csv") / below))
    assert result.exit_code == 2
    assert "is a file" in what_is_said(result)


def test_a_manifest_is_not_built_where_it_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").touch()
    for output, said in (("x.csv/joined.csv", "is a file"), (".", "is a folder")):
        result = invoke("corpus", "build", "x.csv", "--output", output)
        assert result.exit_code == 2
        assert said in what_is_said(result)


@pytest.mark.parametrize(
    ("arguments", "length"),
    [
        (["cascade", "--output"], 256),
        (["corpus", "stats", "x.csv", "--figures"], 256),
        (["corpus", "build", "x.csv", "--output"], 250),
        (["corpus", "leaks", "x.csv", "--output"], 250),
        (["audit", ".", "--output"], 256),
    ],
)
def test_a_name_too_long_for_the_disk_is_wrong_usage(arguments, length, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").touch()
    result = invoke(*arguments, "x" * length)
    assert result.exit_code == 2
    assert "this name is too long for the disk" in what_is_said(result)


def test_a_model_that_may_not_be_written_is_not_measured(tiny_model, tmp_path, workshop):
    folder = shutil.copytree(tiny_model, tmp_path / "closed")
    folder.chmod(0o555)
    result = run_apart("evaluate", str(folder), "--corpus", str(workshop.manifest), before=as_a_user())
    assert result.returncode == 1
    assert b"may not be written by this user" in result.stderr


def test_explain_writes_an_overlay(tiny_model, pictures, tmp_path):
    output = tmp_path / "overlay.png"
    run_cli("explain", pictures[0], "--output", str(output), "--model", str(tiny_model), "--target", "human")
    with Image.open(output) as overlay:
        assert overlay.format == "PNG"
        assert overlay.size == (80, 60)


def test_an_overlay_is_as_strong_as_its_opacity(tiny_model, drawings, tmp_path):
    picture, output = tmp_path / "wider than the model looks.png", tmp_path / "overlay.png"
    picture.write_bytes(drawings.file(drawings.painting((300, 60))))
    model = ("--model", str(tiny_model), "--target", "human")
    strengths = []
    for opacity in ("0", "0.3", "1"):
        run_cli("explain", str(picture), "--output", str(output), *model, "--opacity", opacity)
        with Image.open(picture) as before, Image.open(output) as overlay:
            strengths.append(np.abs(np.asarray(overlay, float) - np.asarray(before, float)).mean())
    none, weak, strong = strengths
    assert none == 0
    assert 0 < weak < strong / 2


@pytest.mark.parametrize("way", ["itself", "a link", "a hard link"])
def test_explain_does_not_write_over_the_picture_it_explains(way, tmp_path, drawings):
    picture, output = tmp_path / "work.png", tmp_path / "other.png"
    picture.write_bytes(drawings.file(drawings.painting()))
    before = picture.read_bytes()
    if way == "a link":
        output.symlink_to(picture)
    elif way == "a hard link":
        output.hardlink_to(picture)
    else:
        output = picture
    result = invoke("explain", str(picture), "--output", str(output))
    assert result.exit_code == 2
    assert "is the picture itself" in what_is_said(result)
    assert picture.read_bytes() == before


def test_explain_replaces_no_file_that_is_no_png(pictures, tmp_path):
    (tmp_path / "notes.png").write_text("not to be lost")
    result = invoke("explain", pictures[0], "--output", str(tmp_path / "notes.png"))
    assert result.exit_code == 2
    assert "exists and is no PNG" in what_is_said(result)
    assert (tmp_path / "notes.png").read_text() == "not to be lost"


@pytest.mark.parametrize("name", ["overlay.jpg", "overlay", ""])
def test_explain_writes_png_only_under_a_name_that_says_so(name, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke("explain", pictures[0], "--output", name)
    assert result.exit_code == 2
    assert "PNG" in what_is_said(result) or "empty" in what_is_said(result)
    assert not (tmp_path / "overlay.jpg").exists()


def test_explain_offers_every_method_and_no_other(pictures, tmp_path):
    assert [str(method) for method in Method] == list(METHODS)
    shown = invoke("explain", "--help").stdout
    assert all(method in shown for method in METHODS)
    output = tmp_path / "overlay.png"
    assert invoke("explain", pictures[0], "--output", str(output), "--method", "magic").exit_code == 2


def test_explain_says_where_it_cannot_write(tiny_model, pictures, tmp_path):
    result = invoke(
        "explain", pictures[0], "--output", str(tmp_path / "no" / "x.png"), "--model", str(tiny_model)
    )
    assert "cannot be written" in str(result.exception)


def test_bench_prints_speeds_and_their_ratio(tiny_model, capfd):
    result = invoke("bench", "--images", "3", "--rounds", "1", "--fast", str(tiny_model))
    lines = capfd.readouterr().out.splitlines()
    assert result.exit_code == 0
    assert sum("images/s" in line for line in lines) == len(("naive loop", "audit"))
    assert re.search(r"/ naive ResNet-18: \d+\.\d\d \(", lines[-1])


def test_bench_names_a_model_that_is_not_there(capfd):
    assert invoke("bench", "--images", "1", "--rounds", "1", "--fast", "nobody").exit_code == 1
    assert "nobody" in capfd.readouterr().err


def test_predict_repeats_the_predictions_of_the_card(tiny_model, workshop):
    kept = read_predictions(tiny_model).set_index("sha256")
    files = [str(path) for path in sorted((workshop.folder / "images").glob("*/*.jpg"))]
    lines = [
        json.loads(line)
        for line in run_cli("predict", *files, "--model", str(tiny_model), "--json").splitlines()
    ]
    judged = {line["sha256"]: line["p_ai"] for line in lines if line["sha256"] in kept.index}
    assert len(judged) == len(kept) > 0
    np.testing.assert_allclose(list(judged.values()), kept.loc[list(judged), "p_ai"], atol=TOLERANCE)


def test_evaluate_puts_the_figures_of_every_reported_split_on_the_card(tiny_model):
    card = read_card(tiny_model)
    assert set(card.splits) == {"val", "test", "ood"}
    assert (card.splits["test"].human, card.splits["test"].ai) == (4, 4)
    for split in card.splits.values():
        assert all(figure.low <= figure.high for figure in split.figures.values())


@pytest.mark.parametrize("name", [DEFAULT_MODEL, FALLBACK_MODEL])
def test_the_shipped_models_repeat_their_predictions_on_real_images(shared_data, name):
    if missing := what_is_missing(load_card(name), find_model(name)):
        pytest.skip(f"{name} cannot judge here: {missing}")
    detector = load_detector(name)
    kept = read_predictions(find_model(detector.card.name))
    sample = kept[kept["split"] == "val"].iloc[::60]
    paths = [shared_data / "images" / sha[:2] / f"{sha}.jpg" for sha in sample["sha256"]]
    p_ai = detector.predict([images.open(path) for path in paths])
    # They were measured in bfloat16, and in 8 bits where there are such weights: other formats may differ so much.
    tolerance = INT8_TOLERANCE if detector.card.in_int8 else BF16_TOLERANCE
    np.testing.assert_allclose(p_ai, sample["p_ai"], atol=tolerance)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["evaluate", "verso-fast", "--own", "mine", "--corpus", "other.csv"],
            "leave --perturb and --corpus out",
        ),
        (["compare", "verso-fast", "--own", "mine", "--corpus", "other.csv"], "leave the options"),
        (["train", "embedding-svm", "--corpus", "c", "--output", "o", "--workers", "1"], "--workers prepare"),
        (["corpus", "build", "data/manifest.csv", "--output", "o.csv", "--seed", "1"], "give --split too"),
        (["faithfulness", "verso-fast", "--images", "7"], "an even number"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
