"""The settings that generators leave in a file: as texts of a PNG, as the comment of a GIF or JPEG, or in any EXIF.

The parsers are those of sd-parsers. Its own reading of files is not used: it decodes whole pictures, and keeps the last
comment in a variable that all threads share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sd_parsers.data import PromptInfo
from sd_parsers.exceptions import ParserError
from sd_parsers.parsers import (
    AUTOMATIC1111Parser,
    ComfyUIParser,
    FooocusParser,
    InvokeAIParser,
    NovelAIParser,
)

from core.images import Metadata
from core.provenance.evidence import Evidence, Kind, Says, plain
from core.provenance.exif import saved_settings, user_comment
from core.provenance.makers import generator_named

PARSERS: Final = (FooocusParser, AUTOMATIC1111Parser, ComfyUIParser, InvokeAIParser, NovelAIParser)
WRITTEN: Final = {
    "parameters": 50_000,
    "Dream": 10_000,
    "Description": 50_000,
    "Source": 1_000,
    "Comment": 50_000,
}
"""Keywords of PNG texts that are read letter by letter, and the most characters of each: some parsers take their square."""
STRUCTURED: Final = dict.fromkeys(
    ("prompt", "workflow", "sd-metadata", "invokeai_metadata", "invokeai_graph"), 1_000_000
)
"""Keywords of PNG texts that are JSON, and the most characters of each."""
LIMITS: Final = WRITTEN | STRUCTURED
COMPANIONS: Final = {"Description", "Source", "Comment"}
"""Keywords that hold settings only together."""
TOOLS: Final = ("Software", "Creation Tool")
"""Keywords of PNG texts in which programs name themselves."""
MOST_NODES: Final = 500
"""Nodes and links of a ComfyUI workflow that are followed to its model and prompt."""
QUOTED: Final = 120
NOT_WANTED: Final = "Negative prompt:"
SWARM: Final = "SwarmUI"
INVOKE: Final = "InvokeAI"
INVOKED: Final = re.compile(r"(txt2img|img2img|inpaint|outpaint)$")
"""Ends of the modes in which InvokeAI generates."""
COMMENT: Final = "EXIF UserComment"
FILE_COMMENT: Final = "GIF/JPEG comment"
EXIF: Final = "EXIF text"
PNG: Final = "PNG text"
GENERATES: Final = re.compile(
    r"(?i:(?<!re|up)(?<!down|over)sampler)|NanoBanana"
    r"|OpenAI(Dalle|GPTImage|VideoSora)|Ideogram|GeminiImage|Grok(Image|Video)|ReveImage|Pika[a-z]*[A-Z]?\w*(Node|V2)"
    r"|StabilityStableImage|ByteDance\w*(Image|Video|Seedream|Frame|Text)|LtxvApi|Moonvalley|Pixverse\w*((Text|Image)To|Transition)"
    r"|Flux\w*(Pro|Max|Ultra)\w*(Image|Fill|Expand|Canny|Depth)|Luma(Image|Video)\w*Node|(Image|Video)GenerationNode|Veo\w*(Video|Frame)"
    r"|Kling(?!LipSync)\w*((Text|Image)(To|2)(Video|Image)|I2V|T2V|StartEndFrame|FirstLastFrame|VideoExtend|VideoNode|OmniPro)"
    r"|Minimax\w*Video|Recraft\w*(TextTo|ImageToImage|ImageInpainting)|Runway\w*(TextTo|ImageTo|FirstLastFrame)|Vidu\w*Video|Wan\w*Api"
)
"""Nodes of ComfyUI that generate: samplers, and those that ask a generator elsewhere; enlargers and the like are none."""
PICKS: Final = re.compile(
    r"((image|video|frame|list|batch|colou?r|pixel|palette|mask|random|uniform)[ _]?)+(re|up|down|over)?sampler",
    re.IGNORECASE,
)
"""Nodes that are called samplers and only pick from what they are given."""


SPEAKS: Final = re.compile(r"llava|llm|vlm|caption", re.IGNORECASE)
"""Parts of the names of nodes that are called samplers and give words: whoever describes a painting generates none."""


def read_generators(metadata: Metadata, place: str = PNG) -> list[Evidence]:
    """Return which generator left its settings in a file, with the model and the beginning of the prompt.

    Args:
        metadata: of the file.
        place: what its `texts` are called.
    """
    held = {key: metadata.texts[key] for key in LIMITS if key in metadata.texts}
    comment, saved = user_comment(metadata), saved_settings(metadata)
    settings = (
        (f"{place} {_quoted(held)}", held),
        (COMMENT, {"parameters": comment} if comment else {}),
        (FILE_COMMENT, {"parameters": metadata.comment} if metadata.comment else {}),
        (f"{EXIF} {_quoted(saved)}", saved),
    )
    places = {where: texts for where, texts in settings if texts}
    for where, texts in places.items():
        if parsed := _parsed(_short(texts)):
            return [Evidence(Kind.GENERATOR, where, _settings(parsed), parsed.generator.value, Says.AI)]
        for name, said in ((SWARM, _of_swarm(_short(texts))), (INVOKE, _of_invoke(_short(texts)))):
            if said:
                return [Evidence(Kind.GENERATOR, where, said, name, Says.AI)]
    unknown = [found for where, texts in places.items() for found in _not_parsed(texts, where)]
    workflow = _workflow(_short(held), place) or _workflow(_short(saved), EXIF)
    return workflow or _named(metadata.texts, place) or unknown


def _quoted(texts: Mapping[str, str]) -> str:
    return ", ".join(f"'{key}'" for key in texts)


def _short(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that are short enough to be read."""
    return {key: text for key, text in texts.items() if len(text) <= LIMITS[key]}


def _parsed(texts: Mapping[str, str]) -> PromptInfo | None:
    texts = {key: _once(text) if key == "parameters" else text for key, text in texts.items()}
    for parser in PARSERS:
        if parser is ComfyUIParser and not _small_workflow(texts):
            continue
        try:
            found = parser(debug=False).parse(dict(texts))
        except (ParserError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
            continue  # the settings are another generator's, or damaged
        if found.samplers:
            return found
    return None


def _once(parameters: str) -> str:
    """Leave one line of what is not wanted, of which the parser of AUTOMATIC1111 expects no second."""
    before, found, after = parameters.partition(NOT_WANTED)
    return before + found + after.replace(NOT_WANTED, "")


def _of_swarm(texts: Mapping[str, str]) -> str:
    """Return what SwarmUI's settings say, "" if these are none."""
    settings = _object(texts.get("parameters", "")).get("sui_image_params")
    return (
        _written_by(SWARM, settings.get("model"), settings.get("prompt"))
        if isinstance(settings, dict)
        else ""
    )


def _of_invoke(texts: Mapping[str, str]) -> str:
    """Return what InvokeAI's settings say for models that the parser does not know, as FLUX; "" if these are none."""
    settings = _object(texts.get("invokeai_metadata", ""))
    if not INVOKED.search(str(settings.get("generation_mode"))):
        return ""
    model = settings.get("model")
    return _written_by(
        INVOKE, model.get("name") if isinstance(model, dict) else model, settings.get("positive_prompt")
    )


def _written_by(program: str, model: object, prompt: object) -> str:
    said = [f"Settings as {program} writes them"]
    if model:
        said.append(f"model {plain(str(model), QUOTED)}")
    if prompt:
        said.append(f"prompt '{plain(str(prompt), QUOTED)}'")
    return "; ".join(said) + "."


def _settings(parsed: PromptInfo) -> str:
    said = [f"Settings as {parsed.generator.value} writes them"]
    models = [sampler.model.name for sampler in parsed.samplers if sampler.model]
    names = sorted({name for name in models if isinstance(name, str) and name})
    prompts = [prompt.value for sampler in parsed.samplers for prompt in sampler.prompts if prompt.value]
    if names:
        said.append("model " + plain(", ".join(names), QUOTED))
    if prompts:
        said.append(f"prompt '{plain(str(prompts[0]), QUOTED)}'")
    return "; ".join(said) + "."


def _small_workflow(texts: Mapping[str, str]) -> bool:
    prompt, workflow = _object(texts.get("prompt", "")), _object(texts.get("workflow", ""))
    links = workflow.get("links")
    return bool(prompt) and isinstance(links, list) and len(prompt) + len(links) <= MOST_NODES


def _workflow(texts: Mapping[str, str], place: str) -> list[Evidence]:
    """Tell a workflow of ComfyUI by its nodes alone, where its model and prompt could not be followed."""
    nodes = [
        node["class_type"]
        for node in _object(texts.get("prompt", "")).values()
        if isinstance(node, dict) and isinstance(node.get("class_type"), str)
    ]
    if not nodes:
        return []
    where, word = f"{place} 'prompt'", "ComfyUI"
    if any(map(_generates, nodes)):
        said = f"A workflow of {len(nodes):,} nodes as ComfyUI writes it; it generates."
        return [Evidence(Kind.GENERATOR, where, said, word, Says.AI)]
    said = f"A workflow of {len(nodes):,} nodes as ComfyUI writes it, none of which is known to generate."
    return [Evidence(Kind.GENERATOR, where, said, f"{word}, no generator known")]


def _generates(node: str) -> bool:
    return bool(GENERATES.search(node)) and not (PICKS.fullmatch(node) or SPEAKS.search(node))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(texts: Mapping[str, str], place: str) -> list[Evidence]:
    for key in TOOLS:
        if tool := texts.get(key, "").strip():
            generator = generator_named(tool)
            says = Says.AI if generator else Says.NEUTRAL
            said = f"Names '{plain(tool, QUOTED)}'."
            return [Evidence(Kind.SOFTWARE, f"{place} '{key}'", said, generator or plain(tool, 40), says)]
    return []


def _not_parsed(texts: Mapping[str, str], where: str) -> list[Evidence]:
    """Say what stands where generators leave their settings and reads like none of them.

    Comments are passed over: cameras, programs and people write there as well.
    """
    if len(_short(texts)) < len(texts):
        return [Evidence.unreadable(Kind.GENERATOR, where, "the text is too long")]
    if where in {COMMENT, FILE_COMMENT} or not set(texts) - COMPANIONS:
        return []
    said = "Text where generators leave their settings, in no form that Verso knows."
    return [Evidence(Kind.GENERATOR, where, said, "unknown form")]
