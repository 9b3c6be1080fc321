"""`tenantatlas docs build`: the reference pages, made from the registries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PAGES = ("operations", "policy-types", "permissions", "errors", "roles", "settings")


def register(app: typer.Typer) -> None:
    """Add the `docs` commands."""
    docs = typer.Typer(help="Reference pages made from the code.", no_args_is_help=True)
    app.add_typer(docs, name="docs")

    @docs.command()
    def build(
        *,
        folder: Annotated[Path, typer.Option(help="Where the pages are.")] = Path("docs/reference"),
        check: Annotated[bool, typer.Option(help="Write nothing; fail when a page is not current.")] = False,
    ) -> None:
        """Write every reference page, or check that each is current."""
        from tenantatlas.cli.reference import render  # noqa: PLC0415 - the registries are slow to load
        from tenantatlas.core.errors import Conflict  # noqa: PLC0415 - likewise

        stale = []
        folder.mkdir(parents=True, exist_ok=True)
        for page in PAGES:
            path, text = folder / f"{page}.md", render(page)
            if path.is_file() and path.read_text(encoding="utf-8") == text:
                continue
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
        if check and stale:
            raise Conflict(
                f"Not current: {', '.join(stale)}.", hint="Run `make accept` and read the difference."
            )
        typer.echo(f"{len(PAGES)} pages, {len(stale)} {'not current' if check else 'written'}", err=True)
