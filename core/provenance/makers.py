"""Names by which generators sign the pictures they make."""

from __future__ import annotations

import re
from typing import Final

_GENERATORS: Final = {
    name: re.compile(rf"(?<![a-z]){pattern}(?![a-z])", re.IGNORECASE)
    for name, pattern in {
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
    }.items()
}


def generator_named(program: str) -> str:
    """Return the generator that the name of a program is of, or ""."""
    start = program[:1_000]
    return next((name for name, pattern in _GENERATORS.items() if pattern.search(start)), "")
