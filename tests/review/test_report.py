"""The report of a review as its reader finds it, where names are hostile."""

import io
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from core.audit.store.records import Choice
from core.detectors.card import Interval, SplitFigures
from core.detectors.store import load_detector
from core.evaluation.base_rate import worth
from core.provenance.evidence import Evidence, Kind, Says
from core.review.report import Findings, write_report
from core.review.rulings import Ruling
from core.verdict import Thresholds, decide
from tests.cards import network_card, split_figures

MADE = datetime(2026, 5, 4, 3, 2, tzinfo=UTC)


@pytest.fixture
def findings(tiny_model, drawings):
    def of(**changes):
        card = load_detector(str(tiny_model)).card
        known = {
            "name": "heron.png",
            "facts": {"Format": "PNG", "SHA-256": "ab" * 32},
            "size": (100, 100),
            "verdict": decide(0.914, Thresholds(0.3, 0.9), card.name),
            "card": card,
            "share": 0.5,
            "evidence": (),
            "picture": drawings.painting((120, 80), 1),
            "overlay": drawings.painting((120, 80), 2),
            "overlay_says": "Brighter parts spoke more for AI.",
        }
        return Findings(**known | changes)

    return of


def read(data):
    reader = PdfReader(io.BytesIO(data))
    return reader, " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def ruling(**changes):
    known = dict.fromkeys(Ruling.__dataclass_fields__, "") | {
        "verdict": "ai",
        "p_ai": 0.914,
        "model": "tiny",
        "human_below": 0.3,
        "ai_above": 0.9,
        "ruling": Choice.OVERRIDE,
        "ruled_by": "Ann",
        "ruled_at": "2026-05-04T01:00:00+00:00",
    }
    return Ruling(**known | changes)


def test_it_holds_pictures_verdict_evidence_and_rulings(findings):
    evidence = Evidence(Kind.SOFTWARE, "EXIF, tag Software", "Paint 3.1", "Paint", Says.NEUTRAL)
    reader, text = read(write_report(findings(evidence=[evidence]), [ruling(note="I saw the sketch")], MADE))
    assert sum(len(page.images) for page in reader.pages) == 2
    for said in (
        "Looks generated",
        "91 % (p_ai 0.914)",
        "human below 30.0 %, ai above 90.0 %",
        "Paint 3.1",
        "ab" * 32,
    ):
        assert said in text
    assert "2026-05-04 01:00 UTC: Ann overrides the verdict ai of tiny (p_ai 0.914): I saw the sketch" in text
    assert "from sources new to the model" in text
    assert "2026-05-04 03:02 UTC" in text


def test_one_figure_is_written_in_one_way(findings):
    card = network_card("net", splits={"ood": split_figures(0.045)})
    _, text = read(write_report(findings(card=card), [], MADE))
    assert "Works by people called ai 4.5 % (95 % range -0.5 % to 9.5 %) of 40 from sources" in text
    assert "It also said so of 4.5 % (95 % range -0.5 % to 9.5 %) of 40 human works" in text


def test_each_rate_stands_under_its_own_name(findings):
    rates = {
        "human_called_ai": Interval(value=0.01, low=0.005, high=0.02),
        "ai_called_human": Interval(value=0.3, low=0.2, high=0.4),
    }
    known = SplitFigures(human=40, ai=60, figures=rates)
    _, text = read(write_report(findings(card=network_card("net", splits={"ood": known})), [], MADE))
    assert "Works by people called ai 1.0 % (95 % range 0.5 % to 2.0 %) of 40 from sources" in text
    assert "Generated works called human 30.0 % (95 % range 20.0 % to 40.0 %) of 60 from families" in text


def test_it_says_what_the_verdict_is_worth_at_the_share_of_generated_works_expected(findings):
    _, text = read(write_report(findings(share=0.1), [], MADE))
    assert f"If 10 % of works are generated {worth(findings().verdict, findings().card, 0.1)}" in text
    assert "the probability that this one is generated is 54 %" in text.casefold()


def test_it_says_how_much_was_not_looked_at(findings):
    beyond = "% of the picture: the model judges its middle"
    _, square = read(write_report(findings(), [], MADE))
    _, strip = read(write_report(findings(size=(1000, 100)), [], MADE))
    assert beyond not in square
    assert f"Not looked at 78 {beyond}" in strip


def test_without_a_map_evidence_or_rulings_it_says_so(findings):
    reader, text = read(write_report(findings(overlay=None, overlay_says="This model has no map."), [], MADE))
    assert sum(len(page.images) for page in reader.pages) == 1
    for said in ("This model has no map.", "None yet.", "That means nothing"):
        assert said in text


def test_what_is_told_of_a_map_is_told_where_there_is_one(findings):
    _, text = read(write_report(findings(), [], MADE))
    assert "The map shows which parts raised the score" in text
    _, text = read(write_report(findings(overlay=None, overlay_says="No map."), [], MADE))
    assert "The map shows" not in text


def test_no_probability_is_a_certainty(findings):
    verdict = decide(0.99987, Thresholds(0.3, 0.9), "tiny")
    _, text = read(write_report(findings(verdict=verdict), [ruling(p_ai=0.0002)], MADE))
    assert "(p_ai > 0.999)" in text
    assert "(p_ai < 0.001)" in text


def test_hostile_names_and_endless_notes_are_shown_whole(findings):
    note = "why " * 2000
    reader, text = read(write_report(findings(name="\u202egpj.exe\x00"), [ruling(note=note)], MADE))
    assert "\\u202egpj.exe\\u0000" in text
    assert "appear as codes such as \\u202e." in text
    assert text.count("why") == 2000
    assert len(reader.pages) > 1


def test_the_same_review_gives_the_same_file(findings):
    assert write_report(findings(), [ruling()], MADE) == write_report(findings(), [ruling()], MADE)
