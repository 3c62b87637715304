"""XML compared by path, and the same XML settled to a digest.

Law: that of `json_fields`, whose comparison this is: no change is found exactly where the digests are equal. A text is
judged by the name of its element, without prefix, an attribute by its own.

Memory: that of `json_fields`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cassette_tools.diff.findings import clipped_pieces
from cassette_tools.diff.json_fields import Kind, compare_trees, settled_tree
from cassette_tools.diff.sites import Roots, Site
from cassette_tools.diff.xml_values import TEXT, xml_path, xml_text

if TYPE_CHECKING:
    from cassette_tools.diff.findings import Findings
    from cassette_tools.diff.json_values import Tree
    from cassette_tools.diff.model import Part
    from cassette_tools.diff.rules import Rules
    from cassette_tools.diff.sites import Step
    from cassette_tools.diff.xml_values import Element

__all__ = ["compare_xml", "settled_xml", "site_of_xml"]


class _ElementSite(Site):
    """A place in XML: an element, all elements of a name, an attribute, or a text."""

    __slots__ = ()

    def __init__(self, rules: Rules, part: Part, *, above: Site | None = None, step: Step = None) -> None:
        super().__init__(rules, part, above=above, step=step)
        if step == TEXT and above is not None:
            self.name = above.name
        elif isinstance(step, str):
            self.name = step.removeprefix("@")
        named = isinstance(step, str) and step != TEXT
        self.ignored = rules.ignores(part, "xml", xml_path(self.path())) if named else None

    def _made(self, step: Step) -> Site:
        return _ElementSite(self.rules, self.part, above=self, step=step)


_ELEMENTS: Final = Roots(_ElementSite)


def _text(value: Tree, steps: tuple[Step, ...]) -> str:
    """Give a value as it is shown: a text as it is, elements as XML."""
    name = next((step for step in reversed(steps) if isinstance(step, str)), "")
    return clipped_pieces(xml_text(name, value)) if not isinstance(value, str) else value


_XML: Final = Kind("xml", xml_path, _text)


def site_of_xml(rules: Rules, part: Part) -> Site:
    """Give the place of a whole document."""
    return _ELEMENTS.root(rules, part)


def compare_xml(old: Element, new: Element, rules: Rules, findings: Findings) -> None:
    """Compare two documents. What is found goes to `findings`, by path: `/List/Contents[2]/Size`."""
    compare_trees(old, new, site_of_xml(rules, findings.part), findings, _XML)


def settled_xml(root: Element, rules: Rules, part: Part) -> bytes:
    """Give a digest of 16 bytes of a document, without what is volatile or ignored."""
    return settled_tree(root, site_of_xml(rules, part), rules)
