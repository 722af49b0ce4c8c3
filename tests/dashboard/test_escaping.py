import pytest

from dashboard.parts.escaping import escaped


@pytest.mark.parametrize("text", ["“Fête”", "2 × 3 — fin…", "日本「語」", "naïve ½ €"])
def test_letters_and_marks_that_mean_nothing_in_markdown_stay_as_they_are(text):
    assert escaped(text) == text


def test_what_means_something_in_markdown_means_nothing():
    assert escaped("a_b *c* [x](y) $1$ :smile:") == r"a\_b \*c\* \[x\]\(y\) \$1\$ \:smile\:"
