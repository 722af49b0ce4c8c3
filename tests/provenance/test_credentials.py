"""Content Credentials: what they say, whether they are intact, and that nothing is fetched."""

import io
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import sleep

import c2pa
import numpy as np
import pytest
from PIL import Image

from core import images
from core.image_headers import tiff_forms
from core.provenance import credentials
from core.provenance.containers import MANY, credentials_size
from core.provenance.credentials import MIME
from core.provenance.evidence import Kind, Says, Trust
from core.provenance.readers import evidence_of
from tests.provenance.signing import Studio


@pytest.fixture(scope="module")
def studio():
    return Studio()


def told(data):
    return [each for each in evidence_of(images.open(data)) if each.kind is Kind.CREDENTIALS]


@pytest.mark.parametrize("kind", MIME)
def test_a_signed_picture_says_that_a_generator_made_it(studio, drawings, kind):
    data = studio.sign(drawings.file(drawings.painting(), kind), MIME[kind], "trainedAlgorithmicMedia")
    (found,) = told(data)
    assert (found.says, found.trust) == (Says.AI, Trust.INTACT)
    assert "Studio of nobody" in found.finding
    assert found.word == "trainedAlgorithmicMedia, intact"


@pytest.mark.parametrize(
    ("source_type", "says"),
    [
        ("compositeWithTrainedAlgorithmicMedia", Says.AI),
        ("digitalCapture", Says.HUMAN),
        ("digitalCreation", Says.HUMAN),
        ("screenCapture", Says.NEUTRAL),
        ("somethingNew", Says.NEUTRAL),
    ],
)
def test_source_types_speak_for_what_they_mean(studio, drawings, source_type, says):
    data = studio.sign(drawings.file(drawings.painting(), "JPEG"), "image/jpeg", source_type)
    assert [each.says for each in told(data)] == [says]


def test_a_picture_altered_after_signing_is_told_from_an_intact_one(studio, drawings):
    data = studio.sign(drawings.file(drawings.painting(), "JPEG"), "image/jpeg", "digitalCapture")
    (found,) = told(data[:-2] + b"\0" + data[-2:])
    assert found.trust is Trust.BROKEN
    assert found.word == "digitalCapture, broken"


def test_an_expired_certificate_changes_nothing(drawings):
    """The same file must say the same next year: whether its signer may still sign is a question of trust."""
    passing = Studio(lasting=timedelta(seconds=3))
    data = passing.sign(drawings.file(drawings.painting(), "PNG"), "image/png", "trainedAlgorithmicMedia")
    before = told(data)
    while datetime.now(UTC) <= passing.ends + timedelta(seconds=1):
        sleep(0.1)
    with c2pa.Reader("image/png", io.BytesIO(data)) as reader:
        assert "expired" in reader.json()
    assert told(data) == before
    assert before[0].trust is Trust.INTACT


def test_credentials_that_say_nothing_of_the_making_are_neutral():
    edited = {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.color_adjustments"}]}}
    store = {"active_manifest": "one", "manifests": {"one": {"assertions": [edited]}}}
    (found,) = credentials._told(store)
    assert (found.says, found.trust) == (Says.NEUTRAL, Trust.INTACT)


def of_actions(*actions, **more):
    made = {"label": "c2pa.actions.v2", "data": {"actions": list(actions), **more}}
    return credentials._told({"active_manifest": "one", "manifests": {"one": {"assertions": [made]}}})


@pytest.mark.parametrize(
    "action",
    [
        {"action": "c2pa.edited", "digitalSourceType": "x/trainedAlgorithmicMedia"},
        {"action": "c2pa.placed", "digitalSourceType": "x/trainedAlgorithmicMedia"},
        {"action": "c2pa.created", "digitalSourceType": "x/trainedAlgorithmicMedia", "changes": [{}]},
    ],
)
def test_a_generated_change_is_not_told_of_the_whole_picture(action):
    (found,) = of_actions(action)
    assert found.finding.startswith("A part of the picture, or a change to it: made by a generator")
    assert found.word == "trainedAlgorithmicMedia in a part or a change, intact"
    (whole,) = of_actions({"action": "c2pa.created", "digitalSourceType": "x/trainedAlgorithmicMedia"})
    assert whole.finding.startswith("The picture: made by a generator")


def test_a_source_type_may_stand_in_a_template_or_a_related_action():
    template = {"action": "c2pa.edited", "digitalSourceType": "x/trainedAlgorithmicMedia"}
    created = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
    found = of_actions(created, {"action": "c2pa.edited"}, templates=[template])
    assert [(each.says, each.word) for each in found] == [
        (Says.AI, "trainedAlgorithmicMedia in a part or a change, intact"),
        (Says.NEUTRAL, "empty, intact"),
    ]
    of_all = {"action": "*", "digitalSourceType": "x/digitalCreation"}
    assert [each.says for each in of_actions({"action": "c2pa.edited"}, templates=[of_all, template])] == [
        Says.AI
    ]
    (found,) = of_actions({"action": "c2pa.opened", "related": [template]})
    assert found.says is Says.AI


def test_a_generator_is_told_however_many_other_types_stand_before_it():
    """A long history of edits must not push out what made the picture."""
    others = [{"action": "c2pa.edited", "digitalSourceType": f"x/other{number}"} for number in range(20)]
    found = of_actions(*others, {"action": "c2pa.created", "digitalSourceType": "x/trainedAlgorithmicMedia"})
    assert len(found) == credentials.MOST_FINDINGS
    assert found[0].word == "trainedAlgorithmicMedia, intact"


def test_a_generated_part_is_told_as_a_part():
    made = {"actions": [{"action": "c2pa.created", "digitalSourceType": "x/trainedAlgorithmicMedia"}]}
    part = {"assertions": [{"label": "c2pa.actions", "data": made}]}
    (found,) = credentials._told({"active_manifest": "whole", "manifests": {"whole": {}, "part": part}})
    assert found.says is Says.AI
    assert "An earlier version or a part" in found.finding


def test_credentials_kept_elsewhere_are_named_and_not_fetched(studio, drawings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa"
        data = studio.sign(
            drawings.file(drawings.painting(), "JPEG"), "image/jpeg", "digitalCapture", remote=address
        )
        (found,) = told(data)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    assert found.word == "kept elsewhere"
    assert found.says is Says.NEUTRAL


def test_damaged_credentials_are_one_finding(studio, drawings):
    data = studio.sign(drawings.file(drawings.painting(), "JPEG"), "image/jpeg", "digitalCapture")
    at = data.index(b"c2pa.assertions")
    (found,) = told(data[:at] + b"\xff" * 9 + data[at + 9 :])
    assert found.trust is Trust.UNREADABLE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_huge_credentials_are_left_alone(studio, drawings, kind, monkeypatch):
    data = studio.sign(
        drawings.file(drawings.painting(), kind), MIME[kind], "digitalCapture", extra=["x" * 50] * 4_000
    )
    assert told(data)[0].trust is Trust.INTACT
    monkeypatch.setattr(credentials, "MOST_BYTES", 200_000)
    assert told(data)[0].trust is Trust.UNREADABLE


def test_large_credentials_are_read_one_after_the_other(studio, drawings, monkeypatch):
    """Their reader may take half a gigabyte: as many at once as there are threads would not fit a computer's memory."""
    drawn = drawings.file(drawings.painting(), "JPEG")
    small = studio.sign(drawn, "image/jpeg", "digitalCapture")
    large = studio.sign(drawn, "image/jpeg", "digitalCapture", extra=["x" * 50] * 4_000)
    monkeypatch.setattr(credentials, "FEW_BYTES", 200_000)
    with ThreadPoolExecutor() as pool:
        with credentials._ONE_AT_A_TIME:
            assert pool.submit(told, small).result(timeout=60)[0].trust is Trust.INTACT
            waiting = pool.submit(told, large)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        assert waiting.result()[0].trust is Trust.INTACT


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"big_tiff": True}),
        ("GIF", {}),
        ("AVIF", {"quality": 90}),
    ],
)
def test_a_large_picture_does_not_hide_its_small_credentials(studio, drawings, kind, options, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (800, 900, 3), np.uint8)
    data = studio.sign(drawings.file(Image.fromarray(noise), kind, **options), MIME[kind], "digitalCapture")
    monkeypatch.setattr(credentials, "MOST_BYTES", len(data) - 10_000)
    assert told(data)[0].trust is Trust.INTACT


def test_a_large_picture_that_only_mentions_them_has_none(drawings, monkeypatch):
    monkeypatch.setattr(credentials, "MOST_BYTES", 100)
    drawn = {kind: drawings.file(drawings.painting(), kind) for kind in ("TIFF", "AVIF")}
    for data in (
        drawn["TIFF"] + b"c2pa",
        drawn["AVIF"] + bytes([0, 0, 0, 12]) + b"freec2pa",
        drawings.file(drawings.painting(), "GIF", comment=b"without c2pa"),
    ):
        assert told(data) == []


def test_a_tiff_whose_directories_never_end_is_left_alone(studio, drawings):
    data = studio.sign(drawings.file(drawings.painting(), "TIFF"), MIME["TIFF"], "digitalCapture")
    first, where, count, entry = tiff_forms(data)
    (at,) = struct.unpack_from(where, data, first)
    (entries,) = struct.unpack_from(count, data, at)
    end = at + struct.calcsize(count) + entries * struct.calcsize(entry)
    assert told(data)[0].trust is Trust.INTACT
    (found,) = told(data[:end] + struct.pack(where, at) + data[end + struct.calcsize(where) :])
    assert found.finding == "Could not be read: more than 5 MB of them, or too many parts."


def test_a_tiff_that_points_to_one_large_directory_again_and_again_is_left_alone(drawings):
    """Its reader follows every pointer: 17 kB kept it busy for 8 seconds."""
    plain = drawings.file(drawings.painting(), "TIFF")
    first, where, count, _ = tiff_forms(plain)
    (at,) = struct.unpack_from(where, plain, first)
    (entries,) = struct.unpack_from(count, plain, at)
    held = plain[at + 2 : at + 2 + 12 * entries]
    table = len(plain) + 2 + 12 * (entries + 2) + 4
    large = table + 4 * 1_000
    directory = struct.pack("<H", entries + 2) + held
    directory += struct.pack("<HHII", 330, 4, 1_000, table) + struct.pack("<HHII", 0xCD41, 7, 4, 8) + bytes(4)
    tags = b"".join(struct.pack("<HHII", 1_000 + tag, 4, 1, 1) for tag in range(1_000))
    data = plain[:first] + struct.pack("<I", len(plain)) + plain[8:] + directory
    data += struct.pack("<I", large) * 1_000 + struct.pack("<H", 1_000) + tags + bytes(4) + b"c2pa"
    assert credentials_size(data, "TIFF") == MANY
    assert told(data)[0].finding.endswith("or too many parts.")
