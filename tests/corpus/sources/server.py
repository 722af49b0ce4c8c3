"""A web server on this machine that can behave, and misbehave in the ways servers do."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    """One request as the server saw it."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Site:
    """A running server. The replies of a path are given one after the other, the last for ever."""

    routes: dict[str, Sequence[Reply]] = field(default_factory=dict)
    fallback: Reply | None = None
    log: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def __enter__(self):
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = unquote(self.path)
                with site.lock:
                    earlier = sum(request.path == path for request in site.log)
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    site.log.append(Request(path, headers, body, time.monotonic()))
                self.body = body
                replies = site.routes.get(path) or [site.fallback or status(404)]
                replies[min(earlier, len(replies) - 1)](self)

            do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def count(self, path):
        with self.lock:
            return sum(request.path == path for request in self.log)

    def asked(self):
        with self.lock:
            return [request.path for request in self.log]


def send(handler, code, body, content_type, headers=(), length=None):
    handler.send_response(code)
    if content_type is not None:
        handler.send_header("Content-Type", content_type)
    for name, value in dict(headers).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def file(data, content_type="image/png") -> Reply:
    return lambda handler: send(handler, 200, data, content_type)


def status(code, headers=()) -> Reply:
    return lambda handler: send(handler, code, b"no", "text/plain", headers)


def redirect(to, code=302) -> Reply:
    return status(code, {"Location": to})


def html() -> Reply:
    return file(b"<!doctype html><p>Please log in.</p>", "text/html; charset=utf-8")


def slow(seconds, then) -> Reply:
    def reply(handler):
        time.sleep(seconds)
        then(handler)

    return reply


def dripping(data, pause) -> Reply:
    """A few bytes at a time, so that the connection is never silent for long."""

    def reply(handler):
        send(handler, 200, b"", "image/png", length=len(data))
        for start in range(0, len(data), 16):
            handler.wfile.write(data[start : start + 16])
            handler.wfile.flush()
            time.sleep(pause)

    return reply


def truncated(data, content_type="image/png") -> Reply:
    """Half of what Content-Length announces, then the end of the connection."""

    def reply(handler):
        send(handler, 200, data[: len(data) // 2], content_type, length=len(data))
        handler.close_connection = True

    return reply


def as_json(code, content) -> Reply:
    return lambda handler: send(handler, code, json.dumps(content).encode(), "application/json")
