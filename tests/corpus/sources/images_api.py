"""A local server that speaks the OpenAI Images API and keeps an account of every call it charges for."""

import base64
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.corpus.conftest import draw
from tests.corpus.sources.server import Site, as_json, file, send


@dataclass
class ImagesApi:
    """Charges for every call it begins to answer; with `honours_keys`, once per idempotency key.

    `before` may return a reply to give instead (nothing is charged then), `instead` one to give after charging.
    """

    site: Site
    seconds: float = 0.0
    answer: str = "b64_json"
    honours_keys: bool = True
    before: object = None
    instead: object = None
    calls: list[dict] = field(default_factory=list)
    charged: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self):
        self.site.routes["/v1/images/generations"] = [self.generate]
        self.site.fallback = self.picture

    @property
    def url(self):
        return self.site.url + "/v1"

    def generate(self, handler):
        request = json.loads(handler.body)
        key = handler.headers.get("Idempotency-Key")
        with self.lock:
            self.calls.append(request | {"key": key, "authorization": handler.headers.get("Authorization")})
        if self.before and (reply := self.before(request, len(self.calls))):
            reply(handler)
            return
        with self.lock:
            if not (self.honours_keys and key in self.charged):
                self.charged.append(key)
        time.sleep(self.seconds)
        if self.instead and (reply := self.instead(request, len(self.calls))):
            reply(handler)
            return
        as_json(200, {"created": 1_760_000_000, "data": [self.content(request)]})(handler)
        with self.lock:
            self.delivered.append(key)

    def content(self, request):
        data = picture_of(request["prompt"])
        if self.answer == "b64_json":
            return {"b64_json": base64.b64encode(data).decode()}
        self.site.routes.setdefault(path := f"/files/{abs(hash(request['prompt']))}.png", [file(data)])
        return {"url": self.site.url + path}

    def picture(self, handler):
        send(handler, 404, b"no", "text/plain")

    def charges(self):
        with self.lock:
            return Counter(self.charged)


def picture_of(prompt):
    return draw(sum(prompt.encode()) * 1000 + len(prompt), (48, 40))


def error(code, kind=None, message="no", headers=()):
    content = json.dumps({"error": {"message": message, "type": "x", "code": kind}}).encode()
    return lambda handler: send(handler, code, content, "application/json", headers)
