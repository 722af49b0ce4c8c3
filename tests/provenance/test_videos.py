"""What files of videos say of themselves."""

import hashlib
import io
import json
import random
import struct

import av
import numpy as np
import pytest

from core import video_formats
from core.provenance import containers, credentials
from core.provenance.credentials import VIDEO_MIME
from core.provenance.evidence import LONGEST, Kind, Says, Signer, Trust
from core.provenance.readers import evidence_of_video
from core.provenance.trust import TrustedSigners
from tests.commands import invoke
from tests.provenance.damage import damaged
from tests.provenance.signing import Studio
from tests.provenance.test_generators import A1111
from tests.provenance.test_xmp import TYPE, packet

WORKFLOW = {"3": {"class_type": "KSampler", "inputs": {}}}
FORMATS = {"mp4": "MP4", "mov": "MP4", "avi": "AVI", "mkv": "MATROSKA"}
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def film(suffix, **tags):
    """The bytes of a drawn video of five grey frames, with tags of its container."""
    target = io.BytesIO()
    kind = {"mkv": "matroska"}.get(suffix, suffix)
    options = {"movflags": "use_metadata_tags"} if suffix in {"mp4", "mov"} else {}
    with av.open(target, "w", format=kind, options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        grey = np.full((64, 96, 3), 128, np.uint8)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def box(name, body):
    return struct.pack(">I4s", 8 + len(body), name) + body


def told(data, suffix="mp4", signers=credentials.NOBODY):
    assert video_formats.recognise(data[: video_formats.SIGNATURE_BYTES]) == FORMATS[suffix]
    return evidence_of_video(io.BytesIO(data), FORMATS[suffix], signers)


def of_kind(kind, found):
    return [each for each in found if each.kind is kind]


@pytest.fixture(scope="module")
def studio():
    return Studio()


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi"])
def test_a_signed_video_says_that_a_generator_made_it(studio, suffix):
    data = studio.sign(film(suffix), VIDEO_MIME[FORMATS[suffix]], "trainedAlgorithmicMedia")
    (found,) = of_kind(Kind.CREDENTIALS, told(data, suffix))
    assert (found.says, found.trust, found.signer) == (Says.AI, Trust.INTACT, Signer.UNVERIFIED)
    listed = TrustedSigners(studio.root.decode(), "of the list")
    (found,) = of_kind(Kind.CREDENTIALS, told(data, suffix, listed))
    assert found.signer is Signer.LISTED


@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_a_video_altered_after_signing_is_told(studio, suffix):
    data = bytearray(studio.sign(film(suffix), VIDEO_MIME[FORMATS[suffix]], "digitalCapture"))
    picture = data.index(b"mdat" if suffix == "mp4" else b"movi") + 40
    data[picture] ^= 255
    (found,) = of_kind(Kind.CREDENTIALS, told(bytes(data), suffix))
    assert found.trust is Trust.BROKEN


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_video_without_traces_names_its_encoder_alone(suffix):
    assert {(each.kind, each.says) for each in told(film(suffix), suffix)} <= {(Kind.SOFTWARE, Says.NEUTRAL)}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_workflow_of_comfyui_is_found_in_tags_of_their_own(suffix):
    (found,) = of_kind(Kind.GENERATOR, told(film(suffix, prompt=json.dumps(WORKFLOW)), suffix))
    assert (found.says, found.word, found.where) == (Says.AI, "ComfyUI", "video tag 'prompt'")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("prompt", [WORKFLOW, json.dumps(WORKFLOW)])
def test_a_workflow_of_comfyui_is_found_in_the_comment(suffix, prompt):
    data = film(suffix, comment=json.dumps({"prompt": prompt, "workflow": {}}))
    (found,) = of_kind(Kind.GENERATOR, told(data, suffix))
    assert (found.says, found.word) == (Says.AI, "ComfyUI")


def test_settings_of_other_generators_are_read_by_the_same_rules():
    (found,) = of_kind(Kind.GENERATOR, told(film("mp4", parameters=A1111)))
    assert (found.says, found.word) == (Says.AI, "AUTOMATIC1111")


def test_programs_comments_and_cameras_are_named():
    made = of_kind(Kind.SOFTWARE, told(film("mkv", software="RunwayML Gen-3"), "mkv"))
    assert (Says.AI, "Runway") in {(each.says, each.word) for each in made}
    assert Says.AI in {each.says for each in told(film("mp4", comment="Made with Google Veo"))}
    long = "I asked myself whether Midjourney could ever have drawn this. " * 3
    assert Says.AI not in {each.says for each in told(film("mp4", comment=long))}
    (camera,) = of_kind(Kind.CAMERA, told(film("mov", make="Apple", model="iPhone 15"), "mov"))
    assert (camera.says, camera.word) == (Says.HUMAN, "Apple iPhone 15")


def test_a_device_that_is_called_as_a_generator_speaks_for_nobody_unless_it_is_in_glasses():
    (camera,) = of_kind(Kind.CAMERA, told(film("mov", make="Midjourney", model="V6"), "mov"))
    assert (camera.says, camera.word) == (Says.NEUTRAL, "Midjourney V6")
    glasses = film("mov", make="Meta AI", model="Ray-Ban Meta Smart Glasses 2")
    (camera,) = of_kind(Kind.CAMERA, told(glasses, "mov"))
    assert camera.says is Says.HUMAN


def test_xmp_of_a_video_is_read():
    xmp = packet(f'Iptc4xmpExt:DigitalSourceType="{TYPE}trainedAlgorithmicMedia"')
    (found,) = of_kind(Kind.SOURCE_TYPE, told(film("mp4") + box(b"uuid", XMP_BOX + xmp)))
    assert found.says is Says.AI


def test_huge_credentials_and_countless_boxes_are_left_alone(studio, monkeypatch):
    """The library takes the square of the number of boxes: a small file could keep it busy for hours."""
    data = studio.sign(film("mp4"), "video/mp4", "digitalCapture")
    padded = data + box(b"free", b"") * 400
    assert of_kind(Kind.CREDENTIALS, told(padded))[0].trust is Trust.INTACT
    monkeypatch.setattr(containers, "MOST_BOXES", 300)
    for many in (padded, data + box(b"moov", box(b"free", b"") * 400)):
        assert of_kind(Kind.CREDENTIALS, told(many))[0].trust is Trust.UNREADABLE
    assert not of_kind(Kind.CREDENTIALS, told(film("mp4") + box(b"free", b"") * 400))
    monkeypatch.setattr(credentials, "MOST_BYTES", 1_000)
    assert of_kind(Kind.CREDENTIALS, told(data))[0].trust is Trust.UNREADABLE


def test_boxes_in_a_meta_box_with_a_version_hide_nothing(studio):
    held = box(b"moov", box(b"udta", box(b"meta", bytes(4) + box(b"ilst", b""))))
    signed = studio.sign(film("mp4"), "video/mp4", "digitalCapture")
    at = signed.index(b"uuid") - 4
    credentials_box = signed[at : at + int.from_bytes(signed[at : at + 4], "big")]
    assert containers.video_credentials_size(io.BytesIO(held + credentials_box), "MP4") == len(
        credentials_box
    )


def test_damage_anywhere_raises_nothing_and_tells_nothing_odd(studio):
    """400 files with bytes changed, cut out or doubled, the same on every run."""
    chance = random.Random(5)  # noqa: S311
    whole = [
        (studio.sign(film("mp4", comment="x", make="Canon"), "video/mp4", "digitalCapture"), "mp4"),
        (studio.sign(film("avi", comment="x"), "video/avi", "digitalCapture"), "avi"),
        (film("mkv", comment="x", software="Runway ML"), "mkv"),
    ]
    for number in range(400):
        start, suffix = whole[number % len(whole)]
        data = damaged(start, chance)
        for each in evidence_of_video(io.BytesIO(data), FORMATS[suffix]):
            assert all(
                text.isprintable() and len(text) <= LONGEST for text in (each.where, each.finding, each.word)
            )


def test_the_verb_evidence_reads_videos(studio, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(studio.sign(film("mp4"), "video/mp4", "trainedAlgorithmicMedia"))
    result = invoke("evidence", str(path), "--json")
    line = json.loads(result.stdout)
    assert (result.exit_code, line["error"]) == (0, None)
    assert len(line["sha256"]) == 64
    assert line["evidence"][0]["says"] == "ai"


@pytest.mark.parametrize("data", [b"\0\0\0\x18ftypmp42" + bytes(400), b"\x1aE\xdf\xa3" + bytes(400)])
def test_a_video_that_cannot_be_opened_is_an_error_with_its_sha256(data, tmp_path):
    (tmp_path / "cut").write_bytes(data)
    result = invoke("evidence", str(tmp_path / "cut"), "--json")
    line = json.loads(result.stdout)
    assert result.exit_code == 1
    assert line["evidence"] is None
    assert "'cut' starts like a video" in line["error"]
    assert line["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_video_that_is_too_large_is_an_error_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(film("mp4"))
    monkeypatch.setattr(video_formats, "MAX_BYTES", 100)
    result = invoke("evidence", str(tmp_path / "a.mp4"))
    assert result.exit_code == 1
    assert "cut it into parts" in result.stdout


@pytest.mark.parametrize(
    "text",
    [
        "(c) 2024 Jane Doe. No AI: OpenAI and Midjourney may not train on this.",
        "Interview with the founder of OpenAI. Camera: J. Doe",
        "Béatrice Dalle at Cannes, 1986",
        "Handmade in three weeks, not made with Midjourney",
        "Grok Point harbour at dusk",
        "Dalle",
        "Made with Photoshop, not Midjourney",
        "Made with Midjourney and not a camera",
        "Made with Midjourney-free tools only",
        "Made with ComfyUI? Never!",
        "Film produced by Dalle Pictures",
        "Made by Dall E. Smith",
        "Made in Grok Point, Alaska",
    ],
)
@pytest.mark.parametrize("tag", ["comment", "description", "copyright"])
def test_a_caption_that_mentions_a_generator_accuses_nobody(tag, text):
    assert Says.AI not in {each.says for each in told(film("mp4", **{tag: text}))}


@pytest.mark.parametrize(
    "text",
    [
        "Made with Google Veo 3",
        "AI video generated by RunwayML",
        "Midjourney",
        "Created with OpenAI Sora",
        "Made with Runway Gen-3 Alpha",
        "Created with Kling AI 2.1 Master",
        "Generated by AI: Midjourney",
        "DALLE 3",
        "Image generated by Stable Diffusion XL",
    ],
)
def test_a_credit_names_the_generator(text):
    assert Says.AI in {each.says for each in told(film("mp4", comment=text))}
