"""What the scenarios have in common: where the server is, and the steps, each told when it is done."""

import os
import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

URL = os.environ["VORONKA_URL"]
EMAIL = os.environ["VORONKA_EMAIL"]
PASSWORD = os.environ["VORONKA_PASSWORD"]
# Names are unique in a workspace, and a scenario may run on one again.
MARK = format(time.time_ns() // 1_000_000, "x")

failed = False


def step(name: str, act: Callable[[], T]) -> T | None:
    """A step that fails does not stop the others, unless they need what it answers."""
    global failed
    try:
        made = act()
    except Exception as error:  # whatever a client throws is what is looked for
        print(f"failed {name}: {type(error).__name__}: {str(error)[:1000]}")
        failed = True
        return None
    print(f"done {name}")
    return made


def equal(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def have(value: T | None) -> T:
    if value is None:
        raise AssertionError("without an earlier step")
    return value


def end() -> None:
    sys.exit(1 if failed else 0)
