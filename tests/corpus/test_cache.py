import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.corpus import cache
from core.corpus.cache import ImageCache
from core.errors import CorpusError, ImageError
from tests.corpus.conftest import draw


@pytest.fixture
def store(tmp_path):
    return ImageCache(home=tmp_path / "home", roots=(tmp_path / "home", tmp_path / "other"))


@pytest.fixture
def computer(tmp_path, monkeypatch):
    """A computer with nothing on it: no variable, no shared images, an empty user's cache folder."""
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    monkeypatch.setattr(cache, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", lambda app: str(tmp_path / "user" / app))
    return tmp_path


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(("image_format", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_an_added_image_is_found_by_its_hash(store, image_format, extension):
    data = draw(1, image_format=image_format)
    sha256 = hashlib.sha256(data).hexdigest()
    path = store.add(data)
    assert path == store.home / "images" / sha256[:2] / f"{sha256}.{extension}"
    assert path.read_bytes() == data
    assert store.find(sha256) == path


def test_an_image_that_is_nowhere_is_none(store):
    assert store.find("0" * 64) is None


def test_adding_twice_keeps_one_file(store):
    assert store.add(draw(1)) == store.add(draw(1))
    assert len([name for name in files(store.home) if name.startswith("images")]) == 1


def test_adding_repairs_a_damaged_file(store):
    path = store.add(draw(1))
    path.write_bytes(b"half")
    assert store.add(draw(1)).read_bytes() == draw(1)


def test_adding_takes_over_what_a_killed_writer_left(store):
    path = store.add(draw(1))
    path.rename(path.with_name(f".{path.name}.part"))
    store.add(draw(1))
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("data", [b"", b"no picture", draw(1)[:-40]])
def test_what_is_no_image_is_refused_and_leaves_nothing(store, data):
    with pytest.raises(ImageError):
        store.add(data)
    assert files(store.home) == []


def test_many_threads_may_add_the_same_image(store):
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(store.add, [draw(1)] * 24))
    assert len(paths) == 1
    assert paths.pop().read_bytes() == draw(1)


def test_roots_are_searched_in_order(store, tmp_path):
    elsewhere = ImageCache(home=tmp_path / "other", roots=()).add(draw(1))
    sha256 = elsewhere.stem
    assert store.find(sha256) == elsewhere
    assert store.find(store.add(draw(1)).stem) == store.home / "images" / sha256[:2] / elsewhere.name


def test_paths_come_in_the_order_asked_for(store):
    paths = [store.add(draw(n)) for n in range(3)]
    assert store.paths(path.stem for path in reversed(paths)) == paths[::-1]


def test_every_hash_has_a_path_of_its_own(store):
    first, second = (store.add(draw(n)) for n in range(2))
    asked = [first, second, first]
    assert store.paths(path.stem for path in asked) == asked


def test_paths_that_do_not_exist_are_counted_and_the_first_is_named(store):
    known = store.add(draw(1)).stem
    with pytest.raises(CorpusError, match=r"2 of 3 images are not on this computer \(the first is 0000"):
        store.paths([known, "0" * 64, "1" * 64])


def test_the_default_is_the_users_cache_folder(computer):
    store = ImageCache.default()
    assert store.home == computer / "user" / "verso" / "corpus"
    assert store.roots == (store.home,)


def test_the_variable_comes_first_then_the_manifests_folder_then_the_shared_images(computer, monkeypatch):
    for folder in ("mine", "shared"):
        (computer / folder / "images").mkdir(parents=True)
    monkeypatch.setenv(cache.VARIABLE, str(computer / "chosen"))
    store = ImageCache.default(computer / "mine" / "manifest.csv")
    assert store.home == computer / "chosen"
    assert store.roots == tuple(computer / name for name in ("chosen", "mine", "shared", "user/verso/corpus"))


def test_without_the_variable_new_images_never_go_to_the_manifests_folder(computer):
    (computer / "mine" / "images").mkdir(parents=True)
    store = ImageCache.default(computer / "mine" / "manifest.csv")
    store.add(draw(1))
    assert files(computer / "mine") == []


def test_a_manifests_folder_without_images_is_not_a_root(computer):
    (computer / "mine").mkdir()
    assert computer / "mine" not in ImageCache.default(computer / "mine" / "manifest.csv").roots


def test_a_variable_that_names_a_file_is_refused(computer, monkeypatch):
    (computer / "file").write_text("")
    monkeypatch.setenv(cache.VARIABLE, str(computer / "file"))
    with pytest.raises(CorpusError, match=r"VERSO_CORPUS is .*file.*: expected a folder"):
        ImageCache.default()
