"""`$filter`, as much of it as Graph's clients use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tenantatlas.core.json import Json

from .errors import AnswerError

Test = Callable[[Json], bool]
Term = Callable[[Json], Json]

_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<punct>[(),])|(?P<word>[^\s(),']+))", re.DOTALL)


def _refuse(text: str) -> AnswerError:
    return AnswerError(400, "BadRequest", f"Invalid filter clause: {text}")


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _get(body: Json, path: str) -> Json:
    for part in path.split("/"):
        if part.startswith("microsoft.graph."):
            continue
        body = body.get(part) if isinstance(body, Mapping) else None
    return body


def _flags(value: Json) -> set[str]:
    return {part.strip() for part in _as_text(value).split(",")}


def _isof(row: Json, wanted: Json) -> bool:
    return isinstance(row, Mapping) and _as_text(row.get("@odata.type")).removeprefix("#") == wanted


def _compare(name: str, left: Json, right: Json) -> bool:
    try:
        return bool({"gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[name])
    except TypeError:
        return False


class _Parser:
    def __init__(self, text: str, *, ignore_case: bool) -> None:
        self.text = text
        self.fold = str.lower if ignore_case else str
        self.tokens = self._scan(text)
        self.at = 0

    def _scan(self, text: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise _refuse(text)
            tokens.append((match.lastgroup, match.group(match.lastgroup)))
            position = match.end()
        return tokens

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _take(self, expected: str = "") -> str:
        token = self._peek()
        if not token or (expected and token.lower() != expected):
            raise _refuse(self.text)
        self.at += 1
        return token

    def parse(self) -> Test:
        test = self._either()
        if self.at != len(self.tokens):
            raise _refuse(self.text)
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek().lower() == "or":
            self._take()
            tests.append(self._both())
        return lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._peek().lower() == "and":
            self._take()
            tests.append(self._single())
        return lambda row: all(test(row) for test in tests)

    def _single(self) -> Test:
        if self._peek().lower() == "not":
            self._take()
            inner = self._single()
            return lambda row: not inner(row)
        if self._peek() == "(":
            self._take()
            inner = self._either()
            self._take(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        left = self._term()
        operator = self._peek().lower()
        if operator in {"eq", "ne", "gt", "ge", "lt", "le", "has", "in"}:
            self._take()
            return self._operator(operator, left)
        return lambda row: left(row) is True

    def _operator(self, name: str, left: Term) -> Test:
        if name == "in":
            values = self._list()
            return lambda row: any(self._same(left(row), value(row)) for value in values)
        right = self._term()
        if name == "has":
            return lambda row: _flags(right(row)) <= _flags(left(row))
        if name == "eq":
            return lambda row: self._same(left(row), right(row))
        if name == "ne":
            return lambda row: not self._same(left(row), right(row))
        return lambda row: _compare(name, left(row), right(row))

    def _same(self, left: Json, right: Json) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return self.fold(left) == self.fold(right)
        return bool(left == right)

    def _list(self) -> list[Term]:
        self._take("(")
        values = [self._term()]
        while self._peek() == ",":
            self._take()
            values.append(self._term())
        self._take(")")
        return values

    def _term(self) -> Term:
        if self.at >= len(self.tokens):
            raise _refuse(self.text)
        kind, token = self.tokens[self.at]
        self.at += 1
        if kind == "string":
            literal = token[1:-1].replace("''", "'")
            return lambda _: literal
        if self._peek() == "(":
            return self._function(token.lower())
        return self._word(token)

    def _word(self, token: str) -> Term:
        constants: dict[str, Json] = {"true": True, "false": False, "null": None}
        if token in constants:
            return lambda _: constants[token]
        if re.fullmatch(r"-?\d+", token):
            number = int(token)
            return lambda _: number
        return lambda row: _get(row, token)

    def _function(self, name: str) -> Term:
        arguments = self._list()
        if name == "tolower" and len(arguments) == 1:
            return lambda row: _as_text(arguments[0](row)).lower()
        if name == "isof" and len(arguments) == 1:
            return lambda row: _isof(row, arguments[0](row))
        tests: dict[str, Callable[[str, str], bool]] = {
            "startswith": str.startswith,
            "endswith": str.endswith,
            "contains": lambda text, part: part in text,
        }
        if name not in tests or len(arguments) != 2:  # noqa: PLR2004 - two arguments, as the function's name says
            raise _refuse(self.text)
        test, left, right = tests[name], arguments[0], arguments[1]
        return lambda row: test(self.fold(_as_text(left(row))), self.fold(_as_text(right(row))))


def parse_filter(text: str, *, ignore_case: bool = False) -> Test:
    """A test for rows; what cannot be parsed is a 400."""
    return _Parser(text, ignore_case=ignore_case).parse()
