import pandas as pd

from core.evaluation.failures import PER_LABEL, known_failures
from core.verdict import Thresholds

BAND = Thresholds(0.4, 0.7)


def predictions(*rows) -> pd.DataFrame:
    columns = ["split", "label", "medium", "family", "p_ai"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        sha256=[f"{number:02x}" * 32 for number in range(len(rows))], source=frame["label"] + "/source"
    )


def test_a_failure_gives_the_facts_and_how_often_its_kind_fails():
    frame = predictions(
        ("ood", "human", "oil", "", 0.95),
        ("ood", "human", "oil", "", 0.5),
        ("ood", "human", "print", "", 0.1),
        ("ood", "ai", "", "flux", 0.05),
        ("test", "human", "oil", "", 0.2),
    )
    accused, missed = known_failures(frame, BAND)
    assert accused == (
        "ood 000000000000: work by a person (medium oil) from human/source called ai, p_ai 0.950; "
        "so is 1 of 2 works of its kind there."
    )
    assert missed == (
        "ood 030303030303: work by flux from ai/source called human, p_ai 0.050; "
        "so is 1 of 1 works of its kind there."
    )


def test_an_inconclusive_verdict_is_no_failure():
    assert (
        known_failures(predictions(("val", "human", "oil", "", 0.7), ("val", "ai", "", "flux", 0.4)), BAND)
        == ()
    )


def test_only_the_most_confident_are_named_the_surest_first():
    frame = predictions(*(("test", "human", "", "", 0.71 + number / 100) for number in range(20)))
    found = known_failures(frame, BAND)
    assert len(found) == PER_LABEL
    assert [failure.split("p_ai ")[1][:5] for failure in found] == ["0.900", "0.890", "0.880", "0.870"]
    assert all("medium not stated" in failure and "20 of 20" in failure for failure in found)
