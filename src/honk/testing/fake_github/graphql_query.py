"""Reads a GraphQL document: operations, fields, arguments, fragments and variables. By https://spec.graphql.org."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'(?P<skip>[\s,\ufeff]+|\#[^\n]*)|(?P<block>"""(?:[^"]|"(?!""))*""")|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<spread>\.\.\.)|(?P<mark>[!$&()\[\]{}:=@|])"
)


class Unreadable(Exception):
    """The document is no GraphQL."""


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass
class Selection:
    """A field, or (with `on`) the fields for one type, or (with `spread`) those of a fragment."""

    name: str = ""
    alias: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    selections: list["Selection"] = field(default_factory=list)
    on: str | None = None
    spread: str = ""

    @property
    def key(self) -> str:
        return self.alias or self.name


@dataclass
class Document:
    kind: str = "query"
    selections: list[Selection] = field(default_factory=list)
    #: variables to whether they are needed, with their defaults
    variables: dict[str, tuple[bool, Any]] = field(default_factory=dict)
    fragments: dict[str, Selection] = field(default_factory=dict)


class Reader:
    """One pass over the words of a document."""

    def __init__(self, text: str) -> None:
        self._words: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise Unreadable(f"Parse error on {text[at]!r}")
            if found.lastgroup != "skip":
                self._words.append((str(found.lastgroup), found.group()))
            at = found.end()
        self._at = 0

    def document(self) -> Document:
        """All of it; of several operations the first."""
        found, seen = Document(), False
        while self._at < len(self._words):
            word = self._peek()
            if word == "fragment":
                self._fragment(found)
            elif word == "{" or word in ("query", "mutation"):
                self._operation(found if not seen else Document())
                seen = True
            else:
                raise Unreadable(f"Parse error on {word!r}")
        if not seen:
            raise Unreadable("A query attribute must be specified and must be a string.")
        return found

    def _peek(self) -> str:
        return self._words[self._at][1] if self._at < len(self._words) else ""

    def _next(self, wanted: str = "") -> str:
        if self._at >= len(self._words):
            raise Unreadable("Unexpected end of document")
        word = self._words[self._at][1]
        if wanted and word != wanted:
            raise Unreadable(f"Parse error on {word!r}, expected {wanted!r}")
        self._at += 1
        return word

    def _name(self) -> str:
        if self._at >= len(self._words) or self._words[self._at][0] != "name":
            raise Unreadable(f"Parse error on {self._peek()!r}, expected a name")
        return self._next()

    def _operation(self, found: Document) -> None:
        if self._peek() != "{":
            found.kind = self._name()
            if self._peek() not in ("{", "(", "@"):
                self._name()
        if self._peek() == "(":
            self._variables(found)
        found.selections = self._set()

    def _variables(self, found: Document) -> None:
        self._next("(")
        while self._peek() != ")":
            self._next("$")
            name = self._name()
            self._next(":")
            needed, otherwise = self._type(), None
            if self._peek() == "=":
                self._next()
                needed, otherwise = False, self._value()
            found.variables[name] = (needed, otherwise)
        self._next(")")

    def _type(self) -> bool:
        if self._peek() == "[":
            self._next()
            self._type()
            self._next("]")
        else:
            self._name()
        if self._peek() == "!":
            self._next()
            return True
        return False

    def _set(self) -> list[Selection]:
        self._next("{")
        found = []
        while self._peek() != "}":
            found.append(self._selection())
        self._next("}")
        return found

    def _selection(self) -> Selection:
        if self._peek() == "...":
            self._next()
            if self._peek() == "on":
                self._next()
                kind = self._name()
                return Selection(on=kind, selections=self._set())
            if self._peek() == "{":
                return Selection(on="", selections=self._set())
            return Selection(spread=self._name())
        made = Selection(name=self._name())
        if self._peek() == ":":
            self._next()
            made.alias, made.name = made.name, self._name()
        if self._peek() == "(":
            made.arguments = self._arguments()
        if self._peek() == "{":
            made.selections = self._set()
        return made

    def _arguments(self) -> dict[str, Any]:
        self._next("(")
        found = {}
        while self._peek() != ")":
            name = self._name()
            self._next(":")
            found[name] = self._value()
        self._next(")")
        return found

    def _value(self) -> Any:
        if self._at >= len(self._words):
            raise Unreadable("Unexpected end of document")
        kind, word = self._words[self._at]
        self._at += 1
        if kind == "string":
            return json.loads(word)
        if kind == "block":
            return word[3:-3].strip()
        if kind == "number":
            return json.loads(word)
        if kind == "name":
            return {"true": True, "false": False, "null": None}.get(word, word)
        if word == "$":
            return Variable(self._name())
        return self._many(word)

    def _many(self, word: str) -> Any:
        if word == "[":
            items = []
            while self._peek() != "]":
                items.append(self._value())
            self._next("]")
            return items
        if word != "{":
            raise Unreadable(f"Parse error on {word!r}")
        found = {}
        while self._peek() != "}":
            name = self._name()
            self._next(":")
            found[name] = self._value()
        self._next("}")
        return found

    def _fragment(self, found: Document) -> None:
        self._next("fragment")
        name = self._name()
        self._next("on")
        kind = self._name()
        found.fragments[name] = Selection(on=kind, selections=self._set())
