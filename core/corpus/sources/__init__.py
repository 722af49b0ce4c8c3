"""Sources of images: each brings originals and the facts about them into a folder with a manifest.

`paintings` downloads a list of addresses, `openai_images` generates, `github` fetches the published manifest
anew, `folder` takes in an analyst's own files. They share `base.Source` and are run by `collect.collect`.
"""
