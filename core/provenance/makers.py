"""Names by which generators sign the pictures they make."""

from __future__ import annotations

import re
from typing import Final

LONGEST_CREDIT: Final = 120
"""Characters of a credit."""
_PATTERNS: Final = {
    "Midjourney": "midjourney",
    "DALL-E": "dall.?e",
    "OpenAI": "(openai|chatgpt|gpt-image(-[0-9.]+)?)",
    "Stable Diffusion": "(stable[- _]?diffusion|sdxl|stability ai|dreamstudio)",
    "AUTOMATIC1111": "automatic1111",
    "ComfyUI": "comfyui",
    "InvokeAI": "invoke ?ai",
    "Fooocus": "fooocus",
    "NovelAI": "novelai",
    "Draw Things": "draw things",
    "Adobe Firefly": "adobe firefly",
    "Google AI": "google (ai|gemini|imagen|veo)",
    "Flux": r"(flux[. ][12]|black forest labs)",
    "Ideogram": r"ideogram( ai|\.ai)?",
    "Leonardo AI": r"leonardo[. ]?ai",
    "Bing Image Creator": "(bing|microsoft) image creator",
    "Meta AI": "(meta ai|imagined with ai)",
    "Grok": "grok",
    "Craiyon": "craiyon",
    "Recraft": "recraft",
    "Runway": "runway ?(ml|ai|gen)",
    "Pika": r"pika ?(labs|\.art|ai)",
    "Kling": "kling ?ai",
    "Luma": "(luma ?(ai|labs)|luma dream machine)",
    "Hailuo": "hailuo ?(ai)?",
}
_BEFORE: Final = (
    r"\W*((ai[- ]?)?(created|edited|generated|imagined|made|produced|rendered)\s+(by|in|on|using|via|with)\s+)?"
    r"((adobe|google|meta|microsoft|openai|stability ai|the|x ?ai)\W+)*(https?://)?(www\.)?"
)
"""What may stand before a generator's name in the name of a program: how it made the picture, its firm, its address."""
_AFTER: Final = r"(?![a-z])(?!\W{0,2}(detector|free|jpeg|killer))"
"""What may not stand behind it: then it is another program's."""
_NAMED: Final = {
    name: re.compile(rf"{_BEFORE}{pattern}{_AFTER}", re.IGNORECASE) for name, pattern in _PATTERNS.items()
}
_MORE_WORDS: Final = r"(\W+(v?[\d.]+|gen\W?\d+|ai|alpha|beta|dev|fast|image|images|large|lite|master|max|medium|pro|schnell|sora|studio|turbo|ultra|veo|video|xl)){0,3}"
"""What may follow a generator's name in a credit: its version and products, and no other word."""
_CREDITED_AS: Final = {"DALL-E": r"(dall\We|dall.?e(?=[- ]?[23]))"}
"""Names that a credit must write otherwise, for people and firms are called so too."""
_CREDITED: Final = {
    name: re.compile(
        rf"\W*((ai[- ]?)?(art|clip|film|image|movie|music video|video)?\s*"
        rf"(created|generated|made|produced|rendered)\s+(by|in|on|using|via|with)\s+(ai\W+)?{_CREDITED_AS.get(name, pattern)}{_MORE_WORDS}"
        rf"|{_CREDITED_AS.get(name, pattern)}([- ]?v?[0-9.]+)?)\W*",
        re.IGNORECASE,
    )
    for name, pattern in _PATTERNS.items()
}


def generator_named(program: str) -> str:
    """Return the generator that the name of a program is of, or "".

    A program that names a generator later on is another: it may be made against that one, or deny it.
    """
    start = program[:1_000]
    return next((name for name, pattern in _NAMED.items() if pattern.match(start)), "")


def generator_credited(text: str) -> str:
    """Return the generator that a text is the credit of, as "Made with Midjourney" or its name alone, or "".

    A text that says more is none: it may as well deny the generator, or be about it.
    """
    if len(text) > LONGEST_CREDIT:
        return ""
    return next((name for name, pattern in _CREDITED.items() if pattern.fullmatch(text)), "")
