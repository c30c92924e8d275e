"""Real exchanges, driven by sipp, tell a real server of their calls, and a server of objects keeps its files:

    run.py SERVER [kamailio] [asterisk] [s3]

Without a name all; what cannot be installed here is skipped, unless it is named. OUTAGE=60 keeps the server down for a
minute.
"""

import os
import random
import signal
import sys
import time
from collections import Counter

from asterisk import Asterisk
from kamailio import Kamailio
from office import KNOWN, Office
from parts import LINE, Failure, Missing, Room, wait_for
from s3 import S3

OUTAGE = float(os.environ.get("OUTAGE", 5))
ROWS = []


def report(part, what, faults, got=""):
    ROWS.append((part, what, "FAILED" if faults else "ok", got))
    print(f"{part}: {what}: {'FAILED' if faults else 'ok'} {got}", flush=True)
    for fault in faults:
        print(f"    {fault}", flush=True)


def settled(exchange):
    """All that the exchange has told is taken and interpreted."""
    wait_for("The exchange is idle and has posted all", exchange.is_idle)
    wait_for("The server has interpreted all", exchange.integration.is_interpreted)


def told(office, call):
    who = office.names.get(call["user_id"])
    return (call["direction"], call["call_status"], who)


def single(office, exchange, what, caller, called, expected, talk=0.0, lasts=3.0, during=None):
    """One call, and the one activity that must come of it: (direction, status, phone of whose it is), or none."""
    before = {call["id"] for call in exchange.integration.calls()}
    program = exchange.sipp.call(exchange.port, [(caller, called)], talk=lasts)
    if during:
        talk = during(program)
    exchange.sipp.done(program)
    settled(exchange)
    new = [call for call in exchange.integration.calls() if call["id"] not in before]
    faults, got = [], "no activity"
    if len(new) != (expected is not None):
        faults.append(f"{len(new)} activities: {new}")
    elif new:
        [call] = new
        seconds = call["duration_seconds"]
        got = f"{told(office, call)} {seconds} s"
        if told(office, call) != expected:
            faults.append(f"it must be {expected}")
        if abs((seconds or 0) - talk) > 1:
            faults.append(f"the talk was {talk:.1f} s")
        number = called if expected[0] == "out" else caller
        known = number.replace("0", "+31", 1) if number.startswith("0") else number
        if call["client_id"] != (office.client if known in KNOWN else None):
            faults.append(f"the client is {call['client_id']}")
    report(exchange.name, what, faults, got)


# Whom a number that was called reaches, by its last digit: see sipp/anybody.xml.
def outcome(caller, called):
    is_out = len(caller) == 3
    if called[-1] in "12":
        status = "answered"
    else:
        status = {"3": "busy", "4": "cancelled", "5": "failed"}[called[-1]] if is_out else "missed"
    return ("out", status, caller) if is_out else ("in", status, called[-3:])


def singles(office, exchange):
    for what, caller, called in [
        ("a phone answers", KNOWN[0], LINE + "101"),
        ("a busy phone", "+31205550013", LINE + "103"),
        ("the caller gives up", "+31205550014", LINE + "104"),
        ("the same gives up again", "+31205550014", LINE + "104"),
        ("a phone that is off", "+31205550015", LINE + "105"),
        ("a call out is answered", "101", "0205550102"),
        ("a call out to a busy one", "102", "0205550103"),
        ("a call out that rings in vain", "102", "0205550104"),
        ("a call out to nobody", "102", "0205550105"),
    ]:
        expected = outcome(caller, called)
        single(office, exchange, what, caller, called, expected, 3.0 if expected[1] == "answered" else 0.0)
    single(office, exchange, "a call between phones", "101", "102", None)


def mixed(number, prefix):
    """Of five calls three are answered, one is to a busy phone and one is given up; missed ones call twice."""
    rows = []
    for index in range(number // 5):
        rows += [(f"{prefix}{1000 + 3 * index + one}", LINE + "10" + "12"[(index + one) % 2]) for one in range(3)]
        rows += [(f"{prefix}{3000 + index // 2}", LINE + "103"), (f"{prefix}{4000 + index // 2}", LINE + "104")]
    random.Random(7).shuffle(rows)
    return rows


def crowd(office, exchange, what, rows, rate, during=None):
    """Many calls at once: each becomes one activity, and each missed number one task and one entry of the inbox."""
    integration = exchange.integration
    before = {call["id"] for call in integration.calls()}
    begun = time.monotonic()
    program = exchange.sipp.call(exchange.port, rows, rate=rate)
    said = during(lambda: len(integration.calls()) - len(before)) if during else ""
    exchange.sipp.done(program)
    calling = time.monotonic() - begun
    settled(exchange)
    calls = [call for call in integration.calls() if call["id"] not in before]
    got, expected = Counter(told(office, call) for call in calls), Counter(outcome(*row) for row in rows)
    faults = []
    if got != expected:
        faults += [f"{key}: {got[key]} in place of {expected[key]}" for key in got | expected
                   if got[key] != expected[key]]
    if len({call["external_id"]["id"] for call in calls}) != len(calls):
        faults.append("a call has become two activities")
    for call in calls:
        seconds, talk = call["duration_seconds"] or 0, 3.0 if call["call_status"] == "answered" else 0.0
        if abs(seconds - talk) > 1:
            faults.append(f"{call['external_id']['id']}: {seconds} s of talk in place of {talk:.0f}")
    inbox = integration.inbox()
    callers = Counter(caller for caller, _ in rows)
    faults += [f"{number} called {count} times, the inbox says {inbox.get(number)}, and what was posted: "
               f"{integration.posted(number)}" for number, count in callers.items() if inbox.get(number) != count]
    missed = {caller for caller, called in rows if outcome(caller, called)[1] == "missed"}
    tasks = integration.call_backs()
    faults += [f"{number} has {tasks[number]} tasks" for number in callers if tasks[number] != (number in missed)]
    report(exchange.name, what, faults, f"{len(calls)} of {len(rows)} calls in {calling:.1f} s, "
           f"{len(missed)} to call back{said}")


def outage(office, exchange):
    """The server goes down in the midst of calls, and comes back."""
    def during(done):
        wait_for("The first calls are told", lambda: done() >= 5)
        before = done()
        office.stop()
        time.sleep(OUTAGE)
        waiting = exchange.waiting()
        office.start()
        if waiting < 10:
            raise Failure(f"Only {waiting} posts waited while the server was down")
        return f"; {before} were told before, {waiting} posts waited"
    rows = mixed(10 * int(OUTAGE + 7), "+3120557")
    crowd(office, exchange, f"the server is down for {OUTAGE:g} s", rows, 10, during)


def part(kind, office):
    with Room(kind.home()) as room:
        exchange = kind(room, office)
        singles(office, exchange)
        if hasattr(exchange, "more"):
            exchange.more(lambda *call, **more: single(office, exchange, *call, **more))
        crowd(office, exchange, "200 calls at 50 a second", mixed(200, "+3120556"), 50)
        outage(office, exchange)
        tasks = exchange.integration.call_backs()
        report(exchange.name, "one task for each number", [f"{number}: {count}" for number, count in tasks.items()
               if count != 1], f"{len(tasks)} tasks")
        report(exchange.name, "no post was refused or not understood", exchange.integration.troubles())


def end_once(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(143)


def main():
    server, *asked = sys.argv[1:]
    # An end by the system ends as ctrl-c does: what was started is ended.
    signal.signal(signal.SIGTERM, end_once)
    kinds = {kind.name: kind for kind in (Kamailio, Asterisk, S3)}
    if unknown := set(asked) - set(kinds):
        sys.exit(f"Not known: {' '.join(unknown)}. There are: {' '.join(kinds)}")
    for name in asked or kinds:
        try:
            kinds[name].ready()
            # A company of its own for each: what one has missed the other may have reached.
            with Room() as room:
                if name == S3.name:
                    S3.run(room, os.path.abspath(server), report)
                else:
                    part(kinds[name], Office(room, os.path.abspath(server)))
        except Missing as missing:
            must = name in asked or (name == "kamailio" and os.environ.get("CI"))
            print(f"\n*** {name} {'CANNOT RUN' if must else 'IS SKIPPED'}: {missing} ***\n", flush=True)
            ROWS.append((name, str(missing), "FAILED" if must else "skipped", ""))
        except Failure as failure:
            report(name, "the run", [failure])
    print()
    widths = [max(len(row[column]) for row in ROWS) for column in range(3)]
    for row in ROWS:
        print("  ".join(text.ljust(width) for text, width in zip(row, [*widths, 0])).rstrip())
    count = Counter(row[2] for row in ROWS)
    print(f"\n{count['ok']} passed, {count['FAILED']} failed, {count['skipped']} skipped")
    # Where nothing ran, nothing was shown.
    sys.exit(bool(count["FAILED"] or not count["ok"]))


if __name__ == "__main__":
    main()
