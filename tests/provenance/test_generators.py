"""The settings that generators leave in files."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo

from core import images
from core.provenance.evidence import Kind, Says, Trust, summary
from core.provenance.readers import evidence_of

A1111 = (
    "a heron at dawn\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 512x512, Model hash: abc123, Model: dreamer"
)
COMFYUI = {
    "prompt": {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "dreamer.safetensors"}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a heron at dawn", "clip": ["1", 1]}},
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "sampler_name": "euler",
                "steps": 20,
                "cfg": 7,
                "model": ["1", 0],
                "positive": ["2", 0],
            },
        },
    },
    "workflow": {"links": [[1, "1", 0, "3", 0, "MODEL"], [2, "2", 0, "3", 1, "CONDITIONING"]]},
}
NOVELAI = {
    "Software": "NovelAI",
    "Source": "Stable Diffusion 1D44365E",
    "Description": "a heron at dawn",
    "Comment": json.dumps({"sampler": "k_euler", "steps": 28, "seed": 1, "scale": 11, "uc": "blurry"}),
}
FOOOCUS = {
    "base_model": "juggernaut",
    "base_model_hash": "aeb7e9e689",
    "guidance_scale": 4,
    "prompt": "a heron at dawn",
    "negative_prompt": "",
    "sampler": "dpmpp",
    "scheduler": "karras",
    "seed": "1",
    "sharpness": 2,
    "steps": 30,
    "version": "Fooocus v2.5",
}
INVOKEAI = {"invokeai_metadata": json.dumps({"positive_prompt": "a heron at dawn", "scheduler": "euler", "steps": 9, "seed": 1, "cfg_scale": 7, "model": {"name": "dreamer", "hash": "abc"}})}  # fmt: skip


@pytest.fixture
def with_texts(drawings):
    def png(texts, exif=None, **options):
        words = PngInfo()
        for key, text in texts.items():
            words.add_text(key, text if isinstance(text, str) else json.dumps(text), **options)
        return drawings.file(drawings.painting(), "PNG", pnginfo=words, exif=exif)

    return png


def told(data):
    return [each for each in evidence_of(images.open(data)) if each.kind is Kind.GENERATOR]


@pytest.mark.parametrize(
    ("texts", "generator"),
    [
        ({"parameters": A1111}, "AUTOMATIC1111"),
        (COMFYUI, "ComfyUI"),
        (NOVELAI, "NovelAI"),
        ({"parameters": FOOOCUS}, "Fooocus"),
        (INVOKEAI, "InvokeAI"),
    ],
)
def test_settings_name_their_generator_and_quote_the_prompt(with_texts, texts, generator):
    (found,) = told(with_texts(texts))
    assert (found.word, found.says, found.trust) == (generator, Says.AI, Trust.CLAIM)
    assert "a heron at dawn" in found.finding
    assert summary([found]) == f"ai: generator text ({generator})"


def test_compressed_texts_and_texts_after_the_pixels_are_found(with_texts):
    assert told(with_texts({"parameters": A1111 + " " * 2000}, zip=True))
    data = with_texts({"parameters": A1111})
    start, end = data.index(b"tEXt") - 4, data.index(b"IDAT") - 4
    tail = data.index(b"IEND") - 4
    moved = data[:start] + data[end:tail] + data[start:end] + data[tail:]
    assert told(moved) == told(data) != []


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + A1111.encode("utf-16-be"),
        b"UNICODE\0" + A1111.encode("utf-16-le"),
        b"ASCII\0\0\0" + A1111.encode(),
    ],
)
def test_settings_in_the_user_comment_of_other_formats_are_found(drawings, kind, comment):
    exif = Image.Exif()
    exif[Base.ImageDescription] = "Pillow writes no AVIF whose EXIF has a second directory alone"
    exif.get_ifd(IFD.Exif)[Base.UserComment] = comment
    (found,) = told(drawings.file(drawings.painting(), kind, exif=exif))
    assert (found.word, found.where) == ("AUTOMATIC1111", "EXIF UserComment")


@pytest.mark.parametrize("kind", ["GIF", "JPEG"])
def test_settings_in_the_comment_of_a_gif_or_jpeg_are_found(drawings, kind):
    (found,) = told(drawings.file(drawings.painting(), kind, comment=A1111.encode()))
    assert (found.word, found.where) == ("AUTOMATIC1111", "GIF/JPEG comment")
    assert told(drawings.file(drawings.painting(), kind, comment="für Zoë, created with GIMP".encode())) == []


@pytest.mark.parametrize("texts", [{"Comment": "Created with GIMP"}, {"parameters": "width: 12 mm"}])
def test_a_text_that_is_none_of_a_generator_hides_no_settings(with_texts, texts):
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"UNICODE\0" + A1111.encode("utf-16-be")
    (found,) = told(with_texts(texts, exif=exif.tobytes()))
    assert (found.word, found.where) == ("AUTOMATIC1111", "EXIF UserComment")


def test_the_comment_of_one_file_is_never_told_of_another(drawings):
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0" + A1111.encode()
    files = [
        drawings.file(drawings.painting(), "JPEG", exif=exif),
        drawings.file(drawings.painting(), "JPEG"),
    ]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(told, files * 50))
    assert [len(each) for each in found] == [1, 0] * 50


def test_a_workflow_without_links_is_told_by_its_nodes(with_texts):
    (found,) = told(with_texts({"prompt": COMFYUI["prompt"]}))
    assert (found.word, found.says) == ("ComfyUI", Says.AI)


def test_a_model_that_is_a_link_to_another_node_hides_nothing(with_texts):
    """A sampler behind a LoRA: sd-parsers takes the link for the model's name."""
    lora = {"class_type": "LoraLoader", "inputs": {"lora_name": "ink", "model": ["1", 0]}}
    prompt = COMFYUI["prompt"] | {"4": lora}
    links = [[1, "4", 0, "3", 0, "MODEL"], [2, "2", 0, "3", 1, "CONDITIONING"]]
    sampler = prompt["3"] | {"inputs": prompt["3"]["inputs"] | {"model": ["4", 0]}}
    (found,) = told(with_texts({"prompt": prompt | {"3": sampler}, "workflow": {"links": links}}))
    assert found.word == "ComfyUI"
    assert "a heron at dawn" in found.finding


def test_a_workflow_that_only_edits_accuses_nobody(with_texts):
    editing = {"1": {"class_type": "ImageScale", "inputs": {"width": 9}}}
    (found,) = told(with_texts({"prompt": editing, "workflow": {"links": []}}))
    assert found.says is Says.NEUTRAL


def test_a_comment_by_a_person_is_no_trace(drawings, with_texts):
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.UserComment] = b"ASCII\0\0\0My holiday"
    assert told(drawings.file(drawings.painting(), "JPEG", exif=exif)) == []
    assert told(with_texts({"Description": "A firefly over Midjourney Lane", "Comment": "{}"})) == []


def test_settings_in_no_known_form_are_told_as_such(with_texts):
    (found,) = told(with_texts({"parameters": "width: 12 mm"}))
    assert (found.word, found.says) == ("unknown form", Says.NEUTRAL)


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": "Hashes:{" * 20_000},
        {"Dream": '""' + " " * 9_000},
        {"Source": "a" + " " * 49_000, "Comment": '{"sampler": "x"}', "Description": "", "Dream": "x"},
        {"prompt": "[" * 900_000, "workflow": "{}"},
        {"prompt": '{"a":' * 200_000},
    ],
)
def test_hostile_settings_are_told_as_unreadable_or_unknown(with_texts, texts):
    (found,) = told(with_texts(texts))
    assert found.says is Says.NEUTRAL


def test_a_workflow_made_to_stall_its_parser_is_told_by_its_nodes(with_texts):
    sampler = {
        "class_type": "KSampler",
        "inputs": {"sampler_name": "x", "steps": 1, "cfg": 1, "model": ["0", 0]},
    }
    nodes = {str(number): sampler for number in range(4_000)}
    links = [[0, str(number + 1), 0, str(number), 0, "MODEL"] for number in range(4_000)]
    (found,) = told(with_texts({"prompt": nodes, "workflow": {"links": links}}))
    assert "4,000 nodes" in found.finding


@pytest.mark.parametrize("kind", ["WEBP", "JPEG", "PNG", "AVIF"])
def test_settings_that_comfyui_saves_as_camera_are_no_camera(drawings, kind):
    exif = Image.Exif()
    exif[Base.Model] = "prompt:" + json.dumps(COMFYUI["prompt"])
    exif[Base.Make] = "workflow:" + json.dumps(COMFYUI["workflow"])
    found = evidence_of(images.open(drawings.file(drawings.painting(), kind, exif=exif)))
    assert summary(found) == "ai: generator text (ComfyUI)"


@pytest.mark.parametrize(
    ("node", "says"),
    [
        ("KSamplerAdvanced", Says.AI),
        ("SamplerCustom", Says.AI),
        ("OpenAIGPTImage1", Says.AI),
        ("FluxProUltraImageNode", Says.AI),
        ("GeminiImageNode", Says.AI),
        ("IdeogramV3", Says.AI),
        ("KlingTextToVideoNode", Says.AI),
        ("KlingStartEndFrameNode", Says.AI),
        ("WanVideoSampler", Says.AI),
        ("ByteDanceImageNode", Says.AI),
        ("GrokImageNode", Says.AI),
        ("FluxProFillNode", Says.AI),
        ("RecraftImageInpaintingNode", Says.AI),
        ("LtxvApiTextToVideo", Says.AI),
        ("QwenImageSampler", Says.AI),
        ("RecraftV4TextToImageNode", Says.AI),
        ("KlingOmniProImageToVideoNode", Says.AI),
        ("GeminiNanoBanana2", Says.AI),
        ("ImageListSampler", Says.NEUTRAL),
        ("ImageBatchSampler", Says.NEUTRAL),
        ("VideoFrameSampler", Says.NEUTRAL),
        ("KlingLipSyncTextToVideoNode", Says.NEUTRAL),
        ("ImageResampler", Says.NEUTRAL),
        ("LLavaSamplerSimple", Says.NEUTRAL),
        ("LLMSampler", Says.NEUTRAL),
        ("ImageUpsampler", Says.NEUTRAL),
        ("ImageNoise", Says.NEUTRAL),
        ("LumaKey", Says.NEUTRAL),
        ("RecraftRemoveBackgroundNode", Says.NEUTRAL),
        ("RecraftVectorizeImageNode", Says.NEUTRAL),
    ],
)
def test_nodes_that_generate_are_told_from_those_that_edit(with_texts, node, says):
    prompt = {"1": {"class_type": node, "inputs": {}}, "2": {"class_type": "SaveImage", "inputs": {}}}
    (found,) = told(with_texts({"prompt": prompt}))
    assert (found.says, found.word.startswith("ComfyUI")) == (says, True)


def test_settings_of_invokeai_for_flux_are_read(with_texts):
    settings = {"generation_mode": "flux_txt2img", "positive_prompt": "a heron", "model": {"name": "dev"}}
    (found,) = told(with_texts({"invokeai_metadata": settings}))
    assert (found.says, found.word) == (Says.AI, "InvokeAI")
    assert found.finding == "Settings as InvokeAI writes them; model dev; prompt 'a heron'."
    (found,) = told(with_texts({"invokeai_metadata": {"generation_mode": "upscale"}}))
    assert found.says is Says.NEUTRAL


def test_settings_of_swarmui_are_read(with_texts):
    (found,) = told(
        with_texts({"parameters": {"sui_image_params": {"prompt": "a heron", "model": "dreamer"}}})
    )
    assert (found.says, found.word) == (Says.AI, "SwarmUI")
    assert "model dreamer; prompt 'a heron'" in found.finding


def test_settings_with_a_second_line_of_what_is_not_wanted_are_read(with_texts):
    (found,) = told(with_texts({"parameters": A1111.replace("blurry", "blurry\nNegative prompt: flat")}))
    assert (found.says, found.word) == (Says.AI, "AUTOMATIC1111")
