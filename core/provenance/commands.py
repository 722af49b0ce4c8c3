"""`python -m core evidence`: what files say of where they come from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from core.terminal import write_json
from core.usage import a_local_path, a_name
from core.visible_text import utf8_path, visible


def evidence(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Pictures and videos.", parser=a_name)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
) -> None:
    """Read what files say of their provenance; exit 0 if all were read, 1 if some were not, 2 for wrong usage.

    Anyone can remove such traces: that there are none says nothing.
    """
    from core.errors import ImageError
    from core.provenance.readers import evidence_of_file
    from core.provenance.trust import trusted_signers

    signers = trusted_signers()
    unread = 0
    for path in paths:
        named = utf8_path(path)
        line: dict[str, object] = {"path": named, "sha256": None, "evidence": None, "error": None}
        told = "no evidence, which says nothing"
        try:
            sha256, found = evidence_of_file(a_local_path(path), signers)
        except ImageError as error:
            unread += 1
            line |= {"sha256": error.sha256, "error": str(error)}
            told = f"error: {error}"
        else:
            line |= {"sha256": sha256, "evidence": [asdict(each) for each in found]}
            if found:
                told = "".join(
                    f"\n  {each.says}: {each.finding} [{each.where}; {each.worth}]" for each in found
                )
        if as_json:
            write_json(line)
        else:
            typer.echo(f"{visible(named)}: {told}")
    if unread:
        raise typer.Exit(1)
