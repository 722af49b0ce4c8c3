import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from core.corpus.sources.download import Downloader, Hosts, is_address, retry_after
from core.errors import ItemRefusedError
from tests.corpus.conftest import draw
from tests.corpus.sources.server import Site, dripping, file, html, redirect, slow, status, truncated
from tests.waiting import wait_until

PICTURE = draw(1)


def refusal(downloader, url):
    with pytest.raises(ItemRefusedError) as caught:
        downloader.image(url)
    return caught.value


def test_an_image_comes_as_it_is(site, downloader):
    site.routes["/a.png"] = [file(PICTURE)]
    got = downloader.image(f"{site.url}/a.png")
    assert got.data == PICTURE
    assert got.artwork.sha256 == hashlib.sha256(PICTURE).hexdigest()


def test_a_wrong_extension_and_an_unstated_type_do_not_matter(site, downloader):
    site.routes["/a.jpg"] = [file(PICTURE, "application/octet-stream")]
    assert downloader.image(f"{site.url}/a.jpg").artwork.format == "PNG"


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_what_passes_is_asked_for_again(site, downloader, code):
    site.routes["/a.png"] = [status(code), status(code), file(PICTURE)]
    assert downloader.image(f"{site.url}/a.png").data == PICTURE
    assert site.count("/a.png") == 3


def test_what_does_not_pass_is_given_up_after_the_attempts_allowed(site, downloader):
    site.routes["/a.png"] = [status(500)]
    refused = refusal(downloader, f"{site.url}/a.png")
    assert (refused.final, refused.attempts, site.count("/a.png")) == (False, 3, 3)
    assert "500" in str(refused)


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_definite_no_is_not_asked_for_again(site, downloader, code):
    site.routes["/a.png"] = [status(code)]
    refused = refusal(downloader, f"{site.url}/a.png")
    assert (refused.final, refused.attempts, site.count("/a.png")) == (True, 1, 1)
    assert str(code) in str(refused)


def test_retry_after_is_waited_for_by_every_request_to_the_host(site, downloader):
    site.routes["/a.png"] = [status(429, {"Retry-After": "1"}), file(PICTURE)]
    site.routes["/b.png"] = [file(PICTURE)]
    first = threading.Thread(target=downloader.image, args=(f"{site.url}/a.png",))
    first.start()
    wait_until(lambda: site.log)
    time.sleep(0.1)
    downloader.image(f"{site.url}/b.png")
    first.join()
    refused_at = site.log[0].at
    assert [request.at - refused_at >= 0.95 for request in site.log[1:]] == [True, True]


def test_a_wait_beyond_patience_is_not_waited_for(site, downloader):
    site.routes["/a.png"] = [status(429, {"Retry-After": "3600"})]
    refused = refusal(downloader, f"{site.url}/a.png")
    assert (refused.final, refused.attempts) == (False, 1)
    assert "3600 s" in str(refused)


def test_a_silent_server_is_left_after_the_time_out(site, downloader):
    site.routes["/a.png"] = [slow(1.0, file(PICTURE)), file(PICTURE)]
    assert downloader.image(f"{site.url}/a.png").data == PICTURE
    assert site.count("/a.png") == 2


def test_a_server_that_drips_is_left_after_the_time_for_a_whole_transfer(site, quick):
    site.routes["/a.png"] = [dripping(PICTURE, 0.05)]
    with Downloader(quick(attempts=1, total_timeout=0.3)) as downloader:
        refused = refusal(downloader, f"{site.url}/a.png")
    assert "was not done" in str(refused)
    assert not refused.final


def test_a_body_shorter_than_announced_is_asked_for_again(site, downloader):
    site.routes["/a.png"] = [truncated(PICTURE), file(PICTURE)]
    assert downloader.image(f"{site.url}/a.png").data == PICTURE


def test_a_body_that_stays_short_is_refused(site, downloader):
    site.routes["/a.png"] = [truncated(PICTURE)]
    refused = refusal(downloader, f"{site.url}/a.png")
    assert (refused.final, refused.attempts) == (False, 3)
    assert "broke the connection" in str(refused)


def test_half_an_image_of_the_announced_length_is_refused(site, downloader):
    half = PICTURE[: len(PICTURE) // 2]
    site.routes["/a.png"] = [file(half)]
    refused = refusal(downloader, f"{site.url}/a.png")
    assert refused.attempts == 3
    assert "damaged image" in str(refused)


def test_a_page_in_place_of_an_image_is_refused_by_its_type(site, downloader):
    site.routes["/a.jpg"] = [html()]
    refused = refusal(downloader, f"{site.url}/a.jpg")
    assert refused.final
    assert "sent text/html, not an image" in str(refused)


def test_a_page_that_says_it_is_an_image_is_refused_by_its_bytes(site, downloader):
    site.routes["/a.jpg"] = [file(b"<!doctype html><p>No</p>", "image/jpeg")]
    refused = refusal(downloader, f"{site.url}/a.jpg")
    assert refused.final
    assert "text, not a picture" in str(refused)


def test_redirects_are_followed_but_not_in_a_loop(site, downloader):
    site.routes |= {"/old.png": [redirect("/new.png")], "/new.png": [file(PICTURE)]}
    site.routes |= {"/egg.png": [redirect("/hen.png")], "/hen.png": [redirect("/egg.png")]}
    assert downloader.image(f"{site.url}/old.png").data == PICTURE
    refused = refusal(downloader, f"{site.url}/egg.png")
    assert refused.final
    assert "loop" in str(refused)
    assert site.count("/egg.png") + site.count("/hen.png") <= 7


def test_a_redirect_to_a_file_is_not_followed(site, downloader):
    site.routes["/a.png"] = [redirect("file:///etc/hostname")]
    assert "away from http" in str(refusal(downloader, f"{site.url}/a.png"))


def test_a_file_over_the_limit_is_not_downloaded(site, quick):
    site.routes["/a.png"] = [file(PICTURE)]
    with Downloader(quick(), max_bytes=100) as downloader:
        refused = refusal(downloader, f"{site.url}/a.png")
    assert (refused.final, refused.attempts) == (True, 1)
    assert "over the limit" in str(refused)


def test_no_server_at_all_is_a_reason_to_run_again_later(downloader):
    with pytest.raises(ItemRefusedError) as caught:
        downloader.image("http://127.0.0.1:9/a.png")
    assert not caught.value.final


def test_a_host_in_trouble_is_left_alone_and_another_is_not(site, quick):
    site.fallback = status(503)
    with (
        Site({"/good.png": [file(PICTURE)]}) as other,
        Downloader(quick(attempts=1, patience=3)) as downloader,
    ):
        for number in range(6):
            refused = refusal(downloader, f"{site.url}/{number}.png")
        assert len(site.log) == 3
        assert (refused.final, refused.attempts) == (False, 0)
        assert "in trouble at 3 addresses in a row" in str(refused)
        assert downloader.image(other.url.replace("127.0.0.1", "localhost") + "/good.png").data == PICTURE


def test_a_definite_answer_shows_that_a_host_is_well(site, quick):
    site.fallback = status(503)
    site.routes["/gone.png"] = [status(404)]
    with Downloader(quick(attempts=1, patience=2)) as downloader:
        for path in ("/1.png", "/gone.png", "/2.png", "/gone.png", "/3.png"):
            refusal(downloader, site.url + path)
    assert len(site.log) == 5


def test_stopping_ends_the_waits(site, quick):
    site.routes["/a.png"] = [status(429, {"Retry-After": "60"})]
    downloader = Downloader(quick(longest_retry_after=100.0))
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(refusal(downloader, f"{site.url}/a.png")))
    thread.start()
    wait_until(lambda: site.log)
    downloader.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert site.count("/a.png") == 1


def test_requests_to_one_host_keep_their_distance():
    hosts = Hosts(0.05, threading.Event())
    turns = []

    def take(host):
        hosts.wait_for(host)
        turns.append((host, time.monotonic()))

    threads = [threading.Thread(target=take, args=("a",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(moment for _, moment in turns)
    assert times[-1] - times[0] >= 0.14


@pytest.mark.parametrize(
    ("header", "expected"), [("7", 7.0), ("0", 0.0), (None, None), ("soon", None), ("-1", None)]
)
def test_retry_after_in_seconds(header, expected):
    assert retry_after(header) == expected


def test_retry_after_as_a_date():
    moment = datetime.now(UTC) + timedelta(seconds=30)
    assert retry_after(format_datetime(moment, usegmt=True)) == pytest.approx(30, abs=2)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


@pytest.mark.parametrize("text", ["http://a.org/x.jpg", "https://a.org/ü.png", "HTTPS://A.ORG/%20"])
def test_addresses(text):
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Image URL", "ftp://a.org/x", "http://", "c:\\x.jpg", "http://[x/", "/x", "a.org/x.jpg"),
        *("http://a..b/x", "http://xn--/x", "http://ex ample/", f"http://{'a' * 300}/x", "http://a.org/\n"),
    ],
)
def test_what_is_no_address(text):
    assert not is_address(text)
