"""Shows one interaction to people, in full.

Law: everything recorded goes through `escape` before it goes anywhere else. Lines fit the page: a terminal's width,
or none (see `console`). Nothing here reads a file or decides anything. What is not known is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from cassette_tools.content import hex_lines
from cassette_tools.shell_word import shell_word
from cassette_tools.views.console import Page, shown
from cassette_tools.views.escape import visible
from cassette_tools.views.figures import count_text, duration_text, moment_text, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cassette_tools.content import Content
    from cassette_tools.source import Facts
    from recorder.model import Body, Connection, Failure, Headers, Interaction

__all__ = ["show_interaction"]

_HEADERS_SHOWN: Final = 1000
_FORM_VALUE: Final = 2000  # characters of one field
# What pygments colours in linear time, up to how many characters. Its lexers for markup can be made to take quadratic
# time.
_COLOURED: Final = {"json": 1 << 20, "xml": 8192, "html": 8192}


def show_interaction(
    interaction: Interaction,
    *,
    number: int,
    began: datetime | None,
    contents: Mapping[str, Content],
    facts: Facts,
    page: Page,
) -> None:
    """Show one interaction in full. `contents` has the bodies by part, `began` is when its run did."""
    foreign = facts.format != "jsonl" or "origin" in interaction.extra
    identity = "" if foreign else f", id {interaction.id}"  # a conversion makes one up
    page.fact("interaction", shown(f"{number} of {facts.name}{identity}"))
    _show_circumstances(interaction, began, page, foreign=foreign)
    _show_redacted(interaction, page)
    _show_extra(interaction, page)
    request, response = interaction.request, interaction.response
    version = f" {request.http_version}" if request.http_version else ""
    page.heading("request" if request.sent else "request, which was not sent")
    page.line(shown(f"{request.method} {request.url}{version}", "bold green"))
    _show_headers(request.headers, page)
    _show_body(request.body, contents.get("request"), "request", number, facts, page)
    if response is not None:
        page.heading("response")
        start = f"{response.http_version} " if response.http_version else ""
        page.line(shown(f"{start}{response.status} {response.reason}", f"bold {_status_style(response.status)}"))
        _show_headers(response.headers, page)
        _show_body(response.body, contents.get("response"), "response", number, facts, page)
        if response.trailers:
            page.heading("trailers")
            _show_headers(response.trailers, page)
    if interaction.failure is not None:
        _show_failure(interaction.failure, page)


def _show_redacted(interaction: Interaction, page: Page) -> None:
    """Tell what was taken out of an interaction, by rule."""
    redacted = interaction.extra.get("redacted")
    if isinstance(redacted, dict) and redacted:
        page.fact("redacted", shown(", ".join(f"{rule} {count}" for rule, count in redacted.items())))


def _show_extra(interaction: Interaction, page: Page) -> None:
    """Name what another tool said beyond what is shown."""
    extra = interaction.extra.get("extra")
    if isinstance(extra, dict) and extra:
        said = [
            f"{family}: {', '.join(map(str, values))}" if isinstance(values, dict) else str(family)
            for family, values in extra.items()
        ]
        page.fact("beside", shown(f"{'; '.join(said)} (--json has it)", "dim"))


def _show_circumstances(interaction: Interaction, began: datetime | None, page: Page, *, foreign: bool) -> None:
    """Show when, how long, by whom and over which connection, as far as that is known."""
    if interaction.started_at is not None:
        started = moment_text(interaction.started_at, precise=True)
        if began is not None and interaction.started_at >= began:
            after = (interaction.started_at - began).total_seconds() * 1000
            started += f", {duration_text(after)} after the run began"
        page.fact("started", started)
    timings = ", ".join(
        f"{name.replace('_', ' ')} {duration_text(value)}" for name, value in interaction.timings_ms.items()
    )
    if timings:
        page.fact("timing", shown(timings))
    if interaction.client is not None:
        page.fact("client", shown(interaction.client))
    process = []
    if interaction.pid is not None:
        process.append(f"pid {interaction.pid}")
    if interaction.thread is not None:
        process.append(f"thread {interaction.thread}")
    if interaction.rss is not None:
        process.append(f"{size_text(interaction.rss)} resident")
    if process:
        page.fact("process", ", ".join(process))
    if interaction.connection is not None:
        _show_connection(interaction.connection, page, foreign=foreign)


def _show_connection(connection: Connection, page: Page, *, foreign: bool) -> None:
    known = [f"number {connection.id}"] if connection.id is not None else []
    if connection.reused is not None:
        known.append("reused" if connection.reused else "new")
    known += [connection.peer] if connection.peer else []
    if connection.tls is not None:
        known.append(connection.tls)
    elif not foreign:  # of other tools it only means that they did not say
        known.append("no TLS")
    known += [f"through the proxy {connection.proxy}"] if connection.proxy else []
    page.fact("connection", shown(", ".join(known) or "-"))


def _show_headers(headers: Headers, page: Page) -> None:
    for name, value in headers[:_HEADERS_SHOWN]:
        page.line(Text.assemble(shown(f"{name}:", "cyan"), " ", shown(value)))
    if len(headers) > _HEADERS_SHOWN:
        page.line(f"and {count_text(len(headers) - _HEADERS_SHOWN, 'more header')}; --json has them")


def _show_body(body: Body | None, content: Content | None, part: str, number: int, facts: Facts, page: Page) -> None:
    if body is None:
        return
    page.line()
    _say(_described(body, content), page)
    if body.coding_error:
        _say(shown(f"The content coding was not taken off: {body.coding_error}", "yellow"), page)
    if content is None:
        return
    for note in content.notes:
        _say(Text(note, style="dim"), page)
    _show_content(content, page)
    cut = content.shown < content.size
    if cut and content.kind != "binary":
        _say(Text(f"Cut here: the first {size_text(content.shown)} are shown.", style="yellow"), page)
    if cut or content.kind == "binary":
        option = "" if part == "response" else " --part request"
        command = f"ctools inspect {shell_word(facts.name)} {number} --body{option} -o FILE"
        page.line(shown(f"All of it: {command}", "dim"))


def _say(text: Text, page: Page) -> None:
    """Print a sentence of ours, in lines that fit."""
    for line in [text] if page.width is None else text.wrap(page.console, page.width):
        line.rstrip()
        page.line(line)


def _described(body: Body, content: Content | None) -> Text:
    """Return the line above a body: its kind, its size, and what was done to it."""
    said = [content.kind] if content is not None and content.kind != "empty" else []
    said.append(size_text(body.size))
    if body.wire_size is not None and body.wire_size != body.size:
        said.append(f"{size_text(body.wire_size)} on the wire")
    if body.coding:
        said.append(f"{body.coding} taken off")
    if body.framing == "chunked":
        said.append("chunked")
    if body.pieces is not None:
        said.append(f"in {count_text(body.pieces, 'piece')}")
    text = shown(f"body: {', '.join(said)}", "bold")
    if not body.complete:
        text = Text.assemble(text, shown(f", incomplete: {body.incomplete or 'unknown why'}", "red"))
    return text


def _show_content(content: Content, page: Page) -> None:
    if content.kind == "form":
        for name, value in content.fields:
            page.line(Text.assemble(shown(name[:_FORM_VALUE], "cyan"), " = ", shown(value[:_FORM_VALUE])))
    elif content.kind == "multipart":
        for at, part in enumerate(content.parts):
            page.line(Text(f"part {at + 1}, {size_text(part.content.size)} of {part.content.kind}", style="dim"))
            for line in part.headers:
                page.line(shown(line, "cyan"))
            page.line()
            _show_content(part.content, page)
    elif content.kind == "events":
        _show_events(content, page)
    elif content.kind == "binary":
        columns = 16 if page.width is None or page.width >= 76 else 6
        for row in hex_lines(content.head, columns=columns):
            page.line(row)
    elif content.kind != "empty":
        _show_text(content, page)


def _show_events(content: Content, page: Page) -> None:
    """Show a stream event by event: number and name, what else it says, its data laid out."""
    for place, event in enumerate(content.events):
        if place:
            page.line()
        page.line(Text.assemble(Text(f"event {event.number}: ", style="dim"), shown(event.name, "bold")))
        for name, value in event.facts:
            page.line(Text.assemble(shown(f"{name}:", "cyan"), " ", shown(value)))
        for note in event.content.notes:
            _say(shown(note, "dim"), page)
        _show_content(event.content, page)
        if event.content.kind != "binary" and event.content.shown < event.content.size:
            left = event.content.size - event.content.shown
            page.line(Text(f"Cut here: {size_text(left)} more in this event.", style="yellow"))


def _show_text(content: Content, page: Page) -> None:
    text = visible(content.text, lines=True)
    if page.coloured and len(text) <= _COLOURED.get(content.kind, 0):
        page.code(text.removesuffix("\n"), content.kind)
    else:
        page.plain(text.removesuffix("\n"))


def _show_failure(failure: Failure, page: Page) -> None:
    page.heading("error")
    page.fact("phase", shown(failure.phase))
    page.fact("type", shown(failure.type, "red"))
    page.fact("message", shown(failure.message))
    if failure.cause is not None:
        page.fact("cause", shown(f"{failure.cause.type}: {failure.cause.message}"))
    if failure.received:
        page.line(Text(f"What had arrived, {size_text(len(failure.received))}:", style="dim"))
        columns = 16 if page.width is None or page.width >= 76 else 6
        for row in hex_lines(failure.received[:1024], columns=columns):
            page.line(row)


def _status_style(status: int) -> str:
    if status >= 500:
        return "red"
    return "yellow" if status >= 400 else "green"
