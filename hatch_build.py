"""Metadata that a build adds: where the project lives, and a README whose links work on the page of a package index.

The environment variable WSMON_REPOSITORY has the address of the repository, such as ``https://forge.example/org/wsmon``.
It becomes the project's URLs, and links and pictures of the README become absolute, to the tag of the version. Without
it there are no URLs, and the README is as it stands in the repository.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "WSMON_REPOSITORY"
# A link or a picture in Markdown whose target is a file of the repository
_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!\w+:|#)(?P<path>[^)\s]+)\)")


class ProjectMetadata(MetadataHookInterface):
    """Hatch calls ``update`` with the fields of ``[project]``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme`` and ``urls``."""
        readme = (Path(self.root) / "README.md").read_text("utf-8")
        repository = os.environ.get(REPOSITORY, "").rstrip("/")
        if repository:
            readme = with_absolute_links(readme, repository, f"v{metadata['version']}")
            metadata["urls"] = urls(repository)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def urls(repository: str) -> dict[str, str]:
    """Return the links that an index shows beside the README."""
    return {
        "Repository": repository,
        "Documentation": f"{repository}/tree/HEAD/docs",
        "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def with_absolute_links(readme: str, repository: str, tag: str) -> str:
    """Return a README with links to files of the repository at a tag, and to pictures as they are."""

    def absolute(found: re.Match[str]) -> str:
        kind = "raw" if found["picture"] else "blob"
        return f"{found['picture']}[{found['text']}]({repository}/{kind}/{tag}/{found['path']})"

    return _LINK.sub(absolute, readme)
