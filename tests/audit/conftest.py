"""Folders to audit, and a model that answers at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from sqlalchemy import URL

from core.audit import lifecycle
from core.audit.configuration import Configuration
from core.audit.lifecycle import Order, carry_out
from core.audit.store.audits import AuditStore
from core.detectors.card import CLASSES, Card
from core.detectors.precision import best_compute
from core.detectors.preprocessing import Preprocessing
from core.errors import ModelError
from core.provenance.trust import trusted_signers
from tests.audit.stand_in import Stub


def card(name: str = "stub", ai_above: float = 0.7) -> Card:
    return Card(
        name=name,
        family="resnet18",
        summary="Answers at once.",
        recipe="none",
        seed=0,
        classes=CLASSES,
        commit="none",
        trained="2026-01-01",
        kept_epoch=0,
        epochs=1,
        preprocessing=Preprocessing(short_side=32, window=32),
        calibration={"slope": 1.0, "intercept": 0.0, "fitted_on": "nothing"},
        thresholds={"human_below": 0.3, "ai_above": ai_above, "policy": "none"},
        corpus={"version": "none", "train_human": 0, "train_ai": 0, "val_human": 0, "val_ai": 0},
        initialisation={"origin": "none", "license": "none"},
        weights={"file": "weights.safetensors", "sha256": "0" * 64},
    )


class Pair(Stub):
    """Has a stage `quick`, which is sure of what is dark, and a stage `slow`."""

    def predict_by_stage(self, artworks):
        p_ai = self.predict(artworks)
        return p_ai, ["quick" if p < 0.42 else "slow" for p in p_ai]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    """The model "stub"; `other` differs in its thresholds, `pair` has two stages."""
    only = Stub(card())
    models = {"stub": only, "other": Stub(card("other", 0.9)), "pair": Pair(card("pair"))}

    def load(name: str | None) -> tuple[Stub, Configuration]:
        if name not in {None, *models}:
            raise ModelError(f"There is no model '{name}'.")
        chosen = models[name or "stub"]
        return chosen, Configuration.of(chosen.card, best_compute(), trusted_signers().sha256)

    monkeypatch.setattr(lifecycle, "load_model", load)
    return only


@pytest.fixture
def store(tmp_path: Path):
    with AuditStore.open(URL.create("sqlite", database=str(tmp_path / "store" / "audits.db"))) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path, drawings) -> Path:
    """40 pictures, of which one is given twice, one in another size, one damaged; and a text file."""
    made = tmp_path / "works"
    (made / "sub").mkdir(parents=True)
    for number in range(40):
        (made / f"{number:02}.jpg").write_bytes(drawings.file(drawings.painting((64, 48), number), "JPEG"))
    (made / "sub" / "again.jpg").write_bytes((made / "03.jpg").read_bytes())
    (made / "sub" / "cut.jpg").write_bytes((made / "04.jpg").read_bytes()[:500])
    larger = drawings.painting((64, 48), 5).resize((128, 96))
    (made / "sub" / "larger.png").write_bytes(drawings.file(larger))
    (made / "sub" / "notes.txt").write_text("hello")
    return made


@pytest.fixture
def audit(stub: Stub, store: AuditStore, tmp_path: Path):
    """Runs an audit, with the stub where no model is named, into `tmp_path/<name>`."""

    def run(*inputs: Path, name: str = "out", watcher=ignore, **options):
        asked = {"model": stub.card.name} | options
        return carry_out(Order(inputs, tmp_path / name, **asked), store, watcher=watcher)

    return run


def ignore(_):
    """Watch nothing."""


FULL_DISK = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(
    not FULL_DISK.exists(), reason="this system has no disk that is always full"
)

UNSPECIFIED = 2
COLOURS = ((200, 20, 20), (20, 200, 20), (20, 20, 220))


def film(
    path: Path,
    colours=COLOURS,
    frames: int = 10,
    size=(96, 64),
    options=None,
    *,
    late: int = 0,
    sound=None,
    codec: str = "mpeg4",
    matrix: int = UNSPECIFIED,
) -> Path:
    """A video of 10 frames a second with a cut wherever the colour changes.

    Its clock says `late` (seconds) when it starts; `sound`, if any, starts when the clock says that, and is silence.
    `matrix` is how it says that its colours are coded (ITU-T H.273, 8.3), which they are not; MPEG-4 says nothing.
    """
    with av.open(path, "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=10)
        stream.codec_context.colorspace = matrix
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if sound is not None:
            audio = container.add_stream("aac", rate=48_000)
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            silence.sample_rate, silence.pts = 48_000, sound * 48_000
            container.mux([*audio.encode(silence), *audio.encode()])
        for number, colour in enumerate(np.repeat(np.array(colours, np.uint8), frames, axis=0)):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), colour, np.uint8), "rgb24")
            frame.pts, frame.time_base = late * 10 + number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def song(path: Path, film=None) -> Path:
    """A second of silence with a cover and, if `film` is a colour, a second of film in it."""
    with av.open(path, "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = (
            96,
            64,
            "yuvj420p",
            Disposition.attached_pic,
        )
        audio = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 48_000), np.float32), "fltp", "stereo")
        silence.sample_rate = 48_000
        streams = [(cover, np.full((64, 96, 3), 99, np.uint8), 1)]
        if film is not None:
            video = container.add_stream("mpeg4", rate=10)
            video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
            streams.append((video, np.full((64, 96, 3), film, np.uint8), 10))
        container.mux([*audio.encode(silence), *audio.encode()])
        for stream, still, frames in streams:
            for _ in range(frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(still, "rgb24")))
            container.mux(stream.encode())
    return path
