"""JSONata, the one language of mappings and conditions, behind this one file.

An expression is deterministic: the same data and bindings give the same result. Its clock is the binding `now` (ms
since the epoch); `$random`, `$shuffle` and `$eval` are refused. Every call is limited in time, depth and length, and
`expression_guards` limits what single built-ins may make.

    KitError
      ExpressionError
        ExpressionSyntaxError   at `compile`
        ExpressionFailed        at the call

The evaluator binds a compiled expression to its thread (using it elsewhere is a panic) and holds the GIL, hence the
cache per thread. Numbers are IEEE doubles: integers beyond 2^53 - 1 would lose digits silently and are refused instead.
"""

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import jsonatapy

from service_kit import expression_guards
from service_kit.errors import KitError
from service_kit.expression_guards import Refused

TIME_LIMIT_MS = 100
# The evaluator looks at the clock on the wall. A machine that gave the thread less than half of its time in between is
# to blame itself: the expression is evaluated again.
TRIES_WITHOUT_PROCESSOR = 5
_OUT_OF_TIME = "D1012"
DEPTH_LIMIT = 200
SEQUENCE_LIMIT = 100_000
SOURCE_LIMIT = 32_768
PAD_LIMIT = 10_000
LARGEST_INTEGER = 2**53 - 1
_KEPT_PER_THREAD = 4_096


class ExpressionError(KitError):
    """Something is wrong with a JSONata expression."""


class ExpressionSyntaxError(ExpressionError):
    """The expression cannot be parsed. `position` is the offset of the first character that does not fit."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class ExpressionFailed(ExpressionError):
    """The expression could not be evaluated."""


class Expression:
    """A compiled expression. May be called from any thread; equal when the sources are equal."""

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        self.source = source

    def __call__(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """Evaluate over JSON `data`; what is undefined gives None. Bindings are `$name`; `now` (ms) is the clock.

        Raises `ExpressionFailed`, and nothing else.
        """
        _check_value(data, "the input", DEPTH_LIMIT)
        variables = dict(bindings) if bindings else None
        _thread.now = variables.pop("now", None) if variables else None
        if variables:
            _check_value(variables, "a binding", DEPTH_LIMIT)
        result = _evaluate(self.source, data, variables)
        _check_value(result, "the result", DEPTH_LIMIT)
        return result

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)


def compile(source: str) -> Expression:
    """Parse `source`. Raises `ExpressionSyntaxError`."""
    if len(source) > SOURCE_LIMIT:
        raise ExpressionSyntaxError(f"longer than {SOURCE_LIMIT} characters", SOURCE_LIMIT)
    problem = _parse_problem(source)
    if problem is not None:
        raise ExpressionSyntaxError(problem, _first_misfit(source, problem))
    problem = _parse_problem(expression_guards.guarded(source))
    if problem is not None:
        raise ExpressionSyntaxError(problem, len(source))
    _refuse_large_literals(source)
    return Expression(source)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.compiled: dict[str, jsonatapy.JsonataExpression] = {}
        self.now: Any = None


_thread = _Thread()


def _evaluate(source: str, data: Any, variables: dict[str, Any] | None) -> Any:
    compiled = _thread.compiled.get(source) or _compile_here(source)
    for last in (False,) * TRIES_WITHOUT_PROCESSOR + (True,):
        expression_guards.begin()
        began = time.thread_time()
        try:
            return compiled.evaluate(
                data,
                variables,
                timeout=TIME_LIMIT_MS,
                max_stack_depth=DEPTH_LIMIT,
                max_sequence_length=SEQUENCE_LIMIT,
            )
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the evaluator's panics are no Exceptions
            used = (time.thread_time() - began) * 1_000
            if last or used > TIME_LIMIT_MS / 2 or _OUT_OF_TIME not in str(error):
                raise ExpressionFailed(_reason(error)) from error
    raise AssertionError("the last try returns or raises")


def _reason(error: BaseException) -> str:
    text = str(error)
    for noise in ("host function raised Refused: ", "Parse error: ", "Invalid syntax: "):
        text = text.replace(noise, "")
    return text or type(error).__name__


def _compile_here(source: str) -> jsonatapy.JsonataExpression:
    if len(_thread.compiled) >= _KEPT_PER_THREAD:
        _thread.compiled.clear()
    compiled = jsonatapy.compile(expression_guards.guarded(source))
    for name, function in expression_guards.HOST_FUNCTIONS.items():
        compiled.register(name, function)
    for name, function in _OVERRIDES.items():
        compiled.register_override(name, function)
    _thread.compiled[source] = compiled
    return compiled


def _parse_problem(source: str) -> str | None:
    try:
        jsonatapy.compile(source)
    except Exception as error:
        return _reason(error)
    return None


def _first_misfit(source: str, problem: str) -> int:
    # The parser gives no position: the shortest beginning with the same problem ends with the character at fault.
    if "S0207" in problem or "S0101" in problem:
        return len(source)
    for end in range(1, len(source)):
        if _parse_problem(source[:end]) == problem:
            return end - 1
    return max(0, len(source) - 1)


_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|/\*.*?\*/|[A-Za-z_$]\w*|(\d+)(?![\d.eE])', re.DOTALL
)


def _refuse_large_literals(source: str) -> None:
    for token in _TOKEN.finditer(source):
        if token[1] and int(token[1]) > LARGEST_INTEGER:
            raise ExpressionSyntaxError(f"{token[1]} is beyond 2^53 - 1: write it as a string", token.start())


def _check_value(value: Any, where: str, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is dict:
        _check_items(value.values(), where, depth)
    elif kind is list:
        _check_items(value, where, depth)
    elif kind is int or kind is float:
        _check_number(value, where)
    else:
        raise ExpressionFailed(f"{where} holds a {kind.__name__}, which is no JSON value")


def _check_items(items: Any, where: str, depth: int) -> None:
    if not depth:
        raise ExpressionFailed(f"{where} is nested too deeply")
    for item in items:
        if type(item) is not str:
            _check_value(item, where, depth - 1)


def _check_number(value: int | float, where: str) -> None:
    if -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        return
    if math.isfinite(value):
        raise ExpressionFailed(f"{where} holds the number {value}, beyond 2^53 - 1: carry it as a string")
    raise ExpressionFailed(f"{where} holds {value}, which is no JSON number")


def _refuse(name: str) -> Callable[..., NoReturn]:
    def refused(*_: Any) -> NoReturn:
        raise Refused(f"${name} is not available: expressions must give the same result every time")

    return refused


def _now(*picture_and_timezone: Any) -> Any:
    now = _thread.now
    if now is None:
        raise Refused("there is no clock here: $now and $millis need the binding `now`")
    expression_guards.check_picture(picture_and_timezone[0] if picture_and_timezone else None)
    arguments = dict(zip("mpz", (now, *picture_and_timezone), strict=False))
    return jsonatapy.evaluate(f"$fromMillis({', '.join('$' + name for name in arguments)})", None, arguments)


def _millis() -> Any:
    if _thread.now is None:
        raise Refused("there is no clock here: $now and $millis need the binding `now`")
    return _thread.now


def _pad(text: Any, width: Any, fill: Any = " ") -> str | None:
    if text is None:
        return None
    if abs(width) > PAD_LIMIT:
        raise Refused(f"$pad is limited to {PAD_LIMIT} characters")
    expression_guards.spend(abs(width))
    missing = int(abs(width)) - len(text)
    filling = ((fill or " ") * max(0, missing))[: max(0, missing)]
    padded: str = text + filling if width >= 0 else filling + text
    return padded


def _to_millis(*arguments: Any) -> Any:
    if len(arguments) > 1 and "[Y" not in str(arguments[1]):
        raise Refused("$toMillis needs a picture with a year: a time alone would mean today's")
    expression_guards.check_picture(arguments[1] if len(arguments) > 1 else None)
    if not arguments or arguments[0] is None:
        return None
    names = dict(zip("tp", arguments, strict=False))
    return jsonatapy.evaluate(f"$toMillis({', '.join('$' + name for name in names)})", None, names)


_OVERRIDES: dict[str, Callable[..., Any]] = {
    "now": _now,
    "millis": _millis,
    "pad": _pad,
    "toMillis": _to_millis,
    "random": _refuse("random"),
    "shuffle": _refuse("shuffle"),
    "eval": _refuse("eval"),
}
