"""From the files of one chunk to what was found about them: the same for every engine."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from core.audit.inputs.listing import Entry, Source
from core.audit.inputs.videos import sampled, survey
from core.audit.plan import CHUNK
from core.audit.store.records import Finding, Planned
from core.corpus.duplicates import perceptual_hash
from core.detectors.judging import predict_naming
from core.detectors.protocol import Detector
from core.errors import CorruptImageError, ImageError, NoPictureError, UnreadableVideoError
from core.images import Artwork
from core.provenance.evidence import strongest, summary
from core.provenance.readers import evidence_of, evidence_of_video
from core.provenance.trust import trusted_signers
from core.verdict import decide
from core.video_formats import too_large

DECIMALS = 6
"""Digits of `p_ai` that are kept; the verdict is decided on what is kept."""
LOOK_SIDE = 128
"""Longer side in pixels of the preview whose perceptual hash is taken: a small part of the time, the same look."""
MAX_PIXELS = 64_000_000
"""Pixels of all pictures held at once while a chunk or a video is examined, one picture aside."""

Opened = tuple[Finding, Artwork]
Frame = tuple[int, Artwork]
"""A frame of a video, with the number of its shot."""


def examine(detector: Detector, sources: Sequence[Source], chunk: Sequence[Planned]) -> list[Finding]:
    """Examine the files of one chunk; one that cannot be read gets an error and the others do not mind.

    The findings depend on the model and on the bytes of the files in this chunk, on nothing else.

    Returns:
        The findings in the order of the files, a video's before its shots'; a shot is named as a fragment of
        its file (W3C Media Fragments), `clip.mp4#t=0.000,2.400`.
    """
    findings: list[Finding] = []
    held: list[Opened] = []
    pixels = 0
    for item in chunk:
        try:
            if item.video:
                findings += _watch(detector, sources[item.source], item)
                continue
            artwork = _open(sources[item.source], item, detector.card.preprocessing.enough)
        except ImageError as error:
            picture = not isinstance(error, NoPictureError)
            findings.append(Finding(item.position, error=str(error), picture=picture))
            continue
        size = artwork.image.width * artwork.image.height
        if held and pixels + size > MAX_PIXELS:
            findings += _judge(detector, held)
            held, pixels = [], 0
        held.append((_about(item, artwork), dataclasses.replace(artwork, file=b"")))
        pixels += size
    findings += _judge(detector, held)
    return sorted(findings, key=lambda finding: (finding.position, finding.part))


def _open(source: Source, item: Planned, enough: int) -> Artwork:
    artwork = source.artwork(_entry(item), enough)
    _check_same(item, artwork.sha256, artwork.name)
    return artwork


def _check_same(item: Planned, sha256: str, name: str) -> None:
    if sha256 != item.sha256:
        raise CorruptImageError(
            f"'{name}' changed while it was being audited (sha256 {item.sha256[:12] or 'unknown'}... when planned, "
            f"{sha256[:12]}... when judged): audit it again."
        )


def _entry(item: Planned) -> Entry:
    if item.refused:
        raise ImageError(item.refused)
    return Entry(item.path, item.locator, item.size, item.stamp)


def _about(item: Planned, artwork: Artwork) -> Finding:
    """Return all there is to find about a picture but its verdict."""
    evidence = evidence_of(artwork, trusted_signers())
    return Finding(
        item.position,
        width=artwork.width,
        height=artwork.height,
        format=artwork.format,
        look=look(artwork),
        evidence=summary(evidence) or None,
        evidence_says=strongest(evidence),
    )


def _judge(detector: Detector, held: Sequence[Opened]) -> list[Finding]:
    if not held:
        return []
    found, models = predict_naming(detector, [artwork for _, artwork in held])
    return [
        _judged(detector, float(p_ai), model, finding)
        for (finding, _), p_ai, model in zip(held, found, models, strict=True)
    ]


def look(artwork: Artwork) -> int:
    """Return the 64-bit perceptual hash of a picture's preview, which needs no colours."""
    grey = artwork.image.convert("L")
    grey.thumbnail((LOOK_SIDE, LOOK_SIDE), reducing_gap=1.0)
    return int(perceptual_hash(dataclasses.replace(artwork, image=grey)))


def _judged(detector: Detector, p_ai: float, model: str, finding: Finding) -> Finding:
    rounded = round(p_ai, DECIMALS)
    verdict = decide(rounded, detector.card.rule, detector.card.name)
    return dataclasses.replace(finding, p_ai=rounded, verdict=verdict.label, model=model)


def _watch(detector: Detector, source: Source, item: Planned) -> list[Finding]:
    """Judge a video: a shot by the mean of its sampled frames, the video by the mean of its shots by length."""
    name = item.path.rsplit("/", 1)[-1]
    if not item.sha256:
        raise UnreadableVideoError(too_large(name, item.size))
    with _unchanged(source, item, name) as file:
        video = survey(file, item.video, name)
        evidence = evidence_of_video(file, item.video, trusted_signers())
        sums, counts = [0.0] * len(video.shots), [0] * len(video.shots)
        judges: list[set[str]] = [set() for _ in video.shots]
        for batch in _batches(sampled(file, item.video, name, video)):
            found, models = predict_naming(detector, [frame for _, frame in batch])
            for (number, _), p_ai, model in zip(batch, found, models, strict=True):
                sums[number] += float(p_ai)
                counts[number] += 1
                judges[number].add(model)
    of_shots = [total / count for total, count in zip(sums, counts, strict=True)]
    weights = video.weights()
    mean = sum(p_ai * weight for p_ai, weight in zip(of_shots, weights, strict=True)) / sum(weights)
    shared = Finding(item.position, width=video.width, height=video.height, format=item.video)
    whole = dataclasses.replace(shared, evidence=summary(evidence) or None, evidence_says=strongest(evidence))
    findings = [_judged(detector, mean, _together(set().union(*judges)), whole)]
    for part, (shot, p_ai, of_shot) in enumerate(zip(video.shots, of_shots, judges, strict=True), 1):
        path = f"{item.path}#t={shot.start:.3f},{shot.end:.3f}"
        shown = dataclasses.replace(shared, part=part, path=path)
        findings.append(_judged(detector, p_ai, _together(of_shot), shown))
    return findings


@contextmanager
def _unchanged(source: Source, item: Planned, name: str) -> Iterator[IO[bytes]]:
    """Open a video that is read more than once; if it is not the planned one in the end, nothing found in it counts."""
    with source.seekable(_entry(item)) as file:
        try:
            yield file
        except ImageError:
            _check_same(item, _sha256(file, name), name)
            raise
        _check_same(item, _sha256(file, name), name)


def _sha256(file: IO[bytes], name: str) -> str:
    try:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it asks for a wider protocol
    except OSError as error:
        raise UnreadableVideoError(
            f"'{name}' cannot be read to its end ({error.strerror}): check the disk."
        ) from error


def _batches(frames: Iterable[Frame]) -> Iterator[Sequence[Frame]]:
    """Deal the frames of a video: at most `CHUNK` together, and of large ones no more than `MAX_PIXELS` allows.

    A batch is emptied when the next is asked for.
    """
    batch: list[Frame] = []
    pixels = 0
    for number, artwork in frames:
        size = artwork.width * artwork.height
        if batch and (len(batch) == CHUNK or pixels + size > MAX_PIXELS):
            yield batch
            batch.clear()
            pixels = 0
        batch.append((number, artwork))
        pixels += size
    if batch:
        yield batch


def _together(models: Collection[str]) -> str:
    return " + ".join(sorted(models))
