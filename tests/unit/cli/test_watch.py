"""What ``wsmon`` answers before there is a screen."""

from __future__ import annotations

import pytest

from tests.support.processes import Home
from wsmon.config.locate import config_dir


async def test_no_configuration_offers_the_demonstration(home: Home) -> None:
    assert await home.run() == (
        2,
        "",
        (
            "wsmon: no configuration found (looked for ./wsmon.toml and "
            f"{config_dir(home.environ)}/wsmon.toml). "
            "try `wsmon demo`, or create one with `wsmon check --example > wsmon.toml`\n"
        ),
    )


async def test_a_misspelt_command_is_recognised(home: Home) -> None:
    assert await home.run("serach", "x") == (
        2,
        "",
        "wsmon: unknown command 'serach'. did you mean `wsmon search`?\n",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("missing.toml",), "missing.toml: cannot be read: no such file"),
        (("http://host/",), "url: scheme must be ws or wss (http://host/). use ws://"),
        (("wss://host/", "wsmon.toml"), "'wsmon.toml' is not a URL"),
        (("a.toml", "b.toml"), "unexpected argument 'b.toml'"),
        (("wss://host/", "-H", "Authorization"), "-H 'Authorization': missing colon"),
        (("wss://host/",), "the viewer needs a terminal"),
    ],
)
async def test_what_cannot_be_watched_is_said(home: Home, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = await home.run(*arguments)
    assert (code, out) == (2, "")
    assert sentence.lower() in err.lower()


async def test_usage_names_the_program_alone(home: Home) -> None:
    code, _, err = await home.run("--help-me")
    assert code == 2
    assert err.startswith("Usage: wsmon [OPTIONS] [CONFIG | URL …]\nTry 'wsmon --help' for help.\n")
