"""Composing YAML in C, for the hundreds of files that opsbook itself brings along.

libyaml scans YAML 1.1; what a scalar is, is decided by the rules of 1.2 here, so that our files
read as :func:`.yamlfile.read_yaml` reads them. Files that people write are not read this way: they
may differ in what else 1.2 changed, and a parser in C does not tell of endless nesting, it ends.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import implicit_resolvers
from yaml import YAMLError  # type: ignore[import-untyped]
from yaml.cyaml import CParser  # type: ignore[import-untyped]
from yaml.resolver import BaseResolver  # type: ignore[import-untyped]

__all__ = ["Constructor", "YAMLError", "compose"]


class _Loader(CParser, BaseResolver):  # type: ignore[misc]
    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


for _versions, _tag, _pattern, _first in implicit_resolvers:
    if (1, 2) in _versions:
        _Loader.add_implicit_resolver(_tag, _pattern, _first)


def compose(text: str) -> Any:
    """The node of the one document in ``text``, None where it is empty. Raises YAMLError."""
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class Constructor:
    """Makes a number, a truth value or nothing of a node, as ruamel.yaml does."""

    def __init__(self) -> None:
        self._of_ruamel = YAML(typ="safe", pure=True).constructor

    def construct_object(self, node: Any) -> Any:
        """The value of a scalar. Raises ValueError, OverflowError."""
        return self._of_ruamel.construct_object(ScalarNode(node.tag, node.value))
