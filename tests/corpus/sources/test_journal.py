import json
import threading

import pytest

from core.corpus.sources.journal import Journal
from core.errors import SourceError


def test_entries_come_back_in_order(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    with Journal(path) as journal:
        journal.append({"key": "ä", "n": 1})
        journal.append({"key": "b\nc", "n": 2})
    with Journal(path) as journal:
        assert journal.entries == [{"key": "ä", "n": 1}, {"key": "b\nc", "n": 2}]


def test_a_line_that_was_being_written_never_happened(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2, "key": "hal')
    with Journal(path) as journal:
        assert journal.entries == [{"n": 1}]
        journal.append({"n": 3})
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [{"n": 1}, {"n": 3}]


def test_a_changed_line_is_named(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"n": 1}\nrubbish\n')
    with pytest.raises(SourceError, match="line 2: expected a JSON object, found b'rubbish'"):
        Journal(path)


def test_threads_do_not_mix_their_lines(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:

        def write(number):
            for _ in range(20):
                journal.append({"who": number, "text": "x" * 500})

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with Journal(path) as journal:
        assert len(journal.entries) == 80
