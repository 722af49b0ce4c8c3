import pytest

from dashboard.parts.escaping import NOTHING, escaped, escaped_but_code


@pytest.mark.parametrize("text", ["“Fête”", "2 × 3 — fin…", "日本「語」", "naïve ½ €"])
def test_letters_and_marks_that_mean_nothing_in_markdown_stay_as_they_are(text):
    assert escaped(text) == text


def test_what_means_something_in_markdown_means_nothing():
    assert escaped("a_b *c* [x](y) $1$ :smile") == r"a\_b \*c\* \[x\]\(y\) \$1\$ \:smile"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("www.evil.example", ["www", r"\.evil\.example"]),
        ("HTTPS://evil.example", ["HTTP", r"S\:\/\/evil\.example"]),
        ("a@evil.example", ["a", r"\@evil\.example"]),
        (":streamlit:", [r"\:", r"streamlit\:"]),
        ("0.7 >= x", [r"0\.7 \>", r"\= x"]),
        ("<->", [r"\<", r"\-", r"\>"]),
    ],
)
def test_what_streamlit_makes_links_and_pictures_of_is_taken_apart(text, parts):
    assert escaped(text) == NOTHING.join(parts)


@pytest.mark.parametrize("text", ["a--b.png", "C:/pictures", "httpd", "wwwroot"])
def test_what_it_makes_nothing_of_stays_in_one_piece(text):
    assert NOTHING not in escaped(text)


def test_code_stays_as_it_is():
    assert escaped_but_code("Run `core --resume x@y`.") == r"Run `core --resume x@y`\."
