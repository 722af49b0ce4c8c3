"""Who signed, by the analyst's own list; apart from whether the signature is intact."""

import json
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest

from core import images
from core.audit.model import load_model
from core.errors import TrustListError
from core.provenance.evidence import Kind, Signer, Trust, summary
from core.provenance.readers import evidence_of
from core.provenance.trust import VARIABLE, TrustedSigners, trusted_signers
from tests.commands import invoke
from tests.provenance.signing import Studio


@pytest.fixture(scope="module")
def known():
    return Studio("Known studio")


@pytest.fixture(scope="module")
def stranger():
    return Studio("Known studio")  # anyone can put any name on a certificate


@pytest.fixture
def picture(drawings):
    return drawings.file(drawings.painting(), "JPEG")


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """Set the list to what is given."""

    def put(content):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.pem"  # a list is read once a process
        path.write_bytes(content)
        monkeypatch.setenv(VARIABLE, str(path))
        return path

    return put


def told(data):
    artwork = images.open(data)
    return [each for each in evidence_of(artwork, trusted_signers()) if each.kind is Kind.CREDENTIALS]


def test_without_a_list_who_signed_is_not_verified(known, picture, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    (found,) = told(known.sign(picture, "image/jpeg", "trainedAlgorithmicMedia"))
    assert (found.trust, found.signer) == (Trust.INTACT, Signer.UNVERIFIED)
    assert found.worth == "signed and unchanged since; who signed is not verified"


def test_a_signer_on_the_list_is_told_from_one_that_only_bears_its_name(known, stranger, picture, listed):
    listed(b"# the issuers of R\xc3\xa9gion\n" + Studio("Another").root + b"\nKnown:\n" + known.root)
    (mine,) = told(known.sign(picture, "image/jpeg", "digitalCapture"))
    (other,) = told(stranger.sign(picture, "image/jpeg", "digitalCapture"))
    assert (mine.trust, mine.signer) == (Trust.INTACT, Signer.LISTED)
    assert (other.trust, other.signer) == (Trust.INTACT, Signer.UNKNOWN)
    assert summary([mine]) == "human: Content Credentials (digitalCapture, intact, signer listed)"
    assert summary([other]) == "human: Content Credentials (digitalCapture, intact, signer unknown)"


def test_a_damaged_file_is_damaged_whoever_signed_it(known, picture, listed):
    listed(known.root)
    data = known.sign(picture, "image/jpeg", "digitalCapture")
    (found,) = told(data[:-2] + b"\0" + data[-2:])
    assert (found.trust, found.signer) == (Trust.BROKEN, None)
    assert found.word == "digitalCapture, broken"


@pytest.mark.parametrize("recorded", [b"known", b"stranger", b"both", b""])
def test_an_earlier_version_is_vouched_for_by_its_own_signer_and_by_the_later_one(
    known, stranger, picture, listed, recorded
):
    """Whatever whoever signed the later version took for trusted."""
    roots = {b"known": known.root, b"stranger": stranger.root, b"both": known.root + stranger.root, b"": b""}
    made = stranger.sign(picture, "image/jpeg", "trainedAlgorithmicMedia")
    data = known.sign(made, "image/jpeg", "digitalCreation", parent=made, trusting=roots[recorded].decode())
    for pem, earlier, latest in (
        (known.root, Signer.UNKNOWN, Signer.LISTED),
        (stranger.root, Signer.UNKNOWN, Signer.UNKNOWN),
        (roots[b"both"], Signer.LISTED, Signer.LISTED),
    ):
        listed(pem)
        found = told(data)
        assert found[0].finding.startswith("An earlier version")
        assert (found[1].signer, found[0].signer) == (latest, earlier), (recorded, pem == known.root)


def test_nobody_is_framed_with_the_signature_of_another_picture(known, stranger, picture, drawings, listed):
    """That a generated picture was the earlier version of this one is the word of a stranger, whoever signed that picture."""
    generated = known.sign(drawings.file(drawings.painting(), "PNG"), "image/png", "trainedAlgorithmicMedia")
    listed(known.root)
    framed = stranger.sign(picture, "image/jpeg", "humanEdits", parent=generated, parent_mime="image/png")
    of_the_other, own = told(framed)
    assert of_the_other.signer is own.signer is Signer.UNKNOWN
    assert (
        of_the_other.word == "trainedAlgorithmicMedia in an earlier version or a part, intact, signer unknown"
    )


def test_a_version_between_that_a_stranger_signed_vouches_for_nothing_before_it(
    known, stranger, picture, listed
):
    first = known.sign(picture, "image/jpeg", "trainedAlgorithmicMedia")
    between = stranger.sign(first, "image/jpeg", parent=first)
    last = known.sign(between, "image/jpeg", parent=between)
    listed(known.root)
    (found,) = told(last)
    assert (found.trust, found.signer) == (Trust.INTACT, Signer.UNKNOWN)
    listed(known.root + stranger.root)
    assert told(last)[0].signer is Signer.LISTED


def test_what_was_broken_when_it_was_signed_again_stays_broken(known, stranger, picture, listed):
    """Who signs a picture again that holds the manifest of another one writes down that it does not fit."""
    signed = known.sign(picture, "image/jpeg", "digitalCapture")
    grafted = signed[:-2] + b"\0" + signed[-2:]
    assert told(grafted)[0].trust is Trust.BROKEN
    again = stranger.sign(grafted, "image/jpeg", "digitalCreation", parent=grafted)
    listed(known.root + stranger.root)
    found = {each.word.split(",")[0]: (each.trust, each.signer) for each in told(again)}
    assert found == {
        "digitalCapture in an earlier version or a part": (Trust.BROKEN, None),
        "digitalCreation in a part or a change": (Trust.INTACT, Signer.LISTED),
    }


def test_an_expired_certificate_without_a_time_stamp_is_an_unknown_signer(picture, listed):
    passing = Studio(lasting=timedelta(seconds=3))
    data = passing.sign(picture, "image/jpeg", "digitalCapture")
    listed(passing.root)
    while datetime.now(UTC) <= passing.ends + timedelta(seconds=1):
        sleep(0.1)
    (found,) = told(data)
    assert (found.trust, found.signer) == (Trust.INTACT, Signer.UNKNOWN)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds no certificate"),
        (b"hello", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds a damaged certificate"),
    ],
)
def test_a_list_that_is_none_is_named_in_one_sentence(listed, content, says):
    path = listed(content)
    with pytest.raises(TrustListError, match=says) as error:
        trusted_signers()
    assert str(path) in str(error.value)
    assert f"set {VARIABLE} to a PEM file" in str(error.value)


def test_a_list_that_is_missing_or_a_folder_is_named(tmp_path, monkeypatch):
    for path in (tmp_path / "absent.pem", tmp_path):
        monkeypatch.setenv(VARIABLE, str(path))
        with pytest.raises(TrustListError, match="cannot be read"):
            trusted_signers()


def test_the_verb_evidence_tells_the_signer_and_stops_at_a_bad_list(known, picture, listed, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(known.sign(picture, "image/jpeg", "digitalCapture"))
    listed(known.root)
    result = invoke("evidence", str(path), "--json")
    (found,) = json.loads(result.stdout)["evidence"]
    assert found["signer"] == "the signer is on your list"
    listed(b"")
    result = invoke("evidence", str(path))
    assert isinstance(result.exception, TrustListError)


def test_another_list_is_another_configuration_of_an_audit(tiny_model, known, listed, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    _, without = load_model(str(tiny_model))
    assert without.signers == ""
    listed(known.root)
    _, listing = load_model(str(tiny_model))
    assert listing.signers == trusted_signers().sha256
    assert without.differs(listing).startswith("signers ( -> ")
    assert TrustedSigners() != trusted_signers()
