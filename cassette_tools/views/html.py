"""Makes every HTML page of the toolkit: one file that needs nothing else, in which nothing recorded can run.

Law: no other module makes HTML. A page is a Jinja2 template of this package (`views/web`) with autoescape on, always:
what a template is given is text, never markup. Three walls stand behind each other:

- text is escaped, and characters that hide or reorder other text are written out (`escape.visible`);
- the Content-Security-Policy, first child of `head`, forbids everything (`default-src 'none'`) but the styles and
  scripts that stand inline, each by its SHA-256 digest (W3C CSP 3, section 2.3.1). No attribute holds a handler or a
  style. `data:` images are allowed where a page asks for them;
- Trusted Types are required, and no policy may be made: a script of ours that set `innerHTML` would fail.

Memory: the style and script files, and what a template holds of its values; `render` gives a page piece by piece.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cassette_tools.views.escape import visible
from cassette_tools.views.figures import count_text, duration_text, moment_text, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["render"]

_PACKAGE: Final = "cassette_tools"
_FOLDER: Final = "views/web"

_ALWAYS_STYLES: Final = ("base.css",)
_ALWAYS_SCRIPTS: Final = ("base.js",)


def render(
    template: str,
    *,
    styles: Iterable[str] = (),
    scripts: Iterable[str] = (),
    data_images: bool = False,
    **values: object,
) -> Iterator[str]:
    """Yield a page piece by piece: `template` (a file of `views/web` that extends `base.html.j2`) with its values.

    `styles` and `scripts` are files of `views/web` that stand inline beside base.css and base.js, in this order. With
    `data_images` the page may show images from `data:` URLs. An iterable among `values` that the template runs through
    is taken one by one, so that a page may be larger than memory. Pieces hold no lone surrogates: UTF-8 can write them.

    Raises jinja2.TemplateError for a template that asks for a value it was not given.
    """
    style_texts = [_asset(name) for name in (*_ALWAYS_STYLES, *styles)]
    script_texts = [_asset(name) for name in (*_ALWAYS_SCRIPTS, *scripts)]
    yield from (
        _environment()
        .get_template(template)
        .generate(
            policy=_policy(style_texts, script_texts, data_images=data_images),
            styles=[Markup(text) for text in style_texts],  # noqa: S704 - a file of this package, by the law of `_asset`
            head_scripts=[Markup(text) for text in script_texts[: len(_ALWAYS_SCRIPTS)]],  # noqa: S704 - the same
            scripts=[Markup(text) for text in script_texts[len(_ALWAYS_SCRIPTS) :]],  # noqa: S704 - the same
            **values,
        )
    )


def _policy(styles: Iterable[str], scripts: Iterable[str], *, data_images: bool) -> str:
    """Return the Content-Security-Policy of a page with these styles and scripts inline."""
    directives = [
        "default-src 'none'",
        f"style-src {_digests(styles)}",
        f"script-src {_digests(scripts)}",
        *(["img-src data:"] if data_images else []),
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return "; ".join(directives)


def _digests(texts: Iterable[str]) -> str:
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE, _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(size=size_text, duration=duration_text, moment=moment_text, count=count_text)
    return environment


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a template puts out
    """Write out what would hide in a text. Markup is ours: Jinja2 escapes everything else behind this."""
    return visible(value, lines=True) if type(value) is str else value


@cache
def _asset(name: str) -> str:
    """Return a style or script of this package. It must not end its own element: then the rest would be markup."""
    loader = _environment().loader
    if loader is None:
        raise TypeError("the environment has no loader")
    text = loader.get_source(_environment(), name)[0]
    if "</" in text or "<!--" in text:
        raise ValueError(f"{name} holds '</' or '<!--', and could end the element that it stands in")
    return text
