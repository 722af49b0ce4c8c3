from core.corpus.stats import tables
from core.markdown_table import Table, markdown
from tests.corpus.conftest import frame, name, row


def test_markdown_sets_numbers_to_the_right_and_escapes_text():
    rows = frame(row(name(1), source="a|b", label="human"), *(row(name(n)) for n in range(2, 1200)))
    of_sources = next(one for one in tables(rows) if one.title == "The 15 largest sources")
    text = markdown(Table("Title", of_sources.frame))
    lines = text.splitlines()
    assert lines[0] == "**Title**"
    assert lines[2] == "| source | label | train | val | test | ood | all |"
    assert lines[3] == "| :-- | :-- | --: | --: | --: | --: | --: |"
    assert lines[4] == "| folder:studio | human | 1 198 | 0 | 0 | 0 | 1 198 |"
    assert lines[5].startswith("| a\\|b | human | 1 |")
