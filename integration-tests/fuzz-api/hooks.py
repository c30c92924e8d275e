"""What schemathesis cannot know of Voronka."""

import copy
import re
from datetime import date

import schemathesis
from schemathesis import GenerationMode
from schemathesis.engine import observations

_same_origin_path = observations._same_origin_path


def same_origin_path(value, origin):
    """The tool stops at a text in an answer that only begins like an address."""
    try:
        return _same_origin_path(value, origin)
    except ValueError:
        return None


observations._same_origin_path = same_origin_path

# Faults of a body's form: what the specification allows has none of them.
FORM = {"unknown_field", "unknown_parameter", "malformed_json"}

# Parameters that are lists of any texts: whatever stands in a query is one of them, `false` and 7 too.
TEXTS = set()

# What a list is sorted by only with one of some filters.
SORTS_WITH = {
    "title": {"/v1/tasks": ("deal_id", "client_id", "responsible_id")},
    "stage_entered_at": {"/v1/deals": ("overdue",)},
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """A cursor comes from a page of the same list; made up ones are left to the tests of lists. Reports know
    no future, which is where no schema can say that it begins."""
    shared = raw_schema["components"]["parameters"]
    for item in raw_schema["paths"].values():
        for operation in item.values():
            named = [one.get("$ref", "").rpartition("/")[2] for one in operation.get("parameters", [])]
            given = zip(named, operation.get("parameters", []))
            parameters = [copy.deepcopy(shared[name]) if name else one for name, one in given]
            operation["parameters"] = [one for one in parameters if one["name"] != "cursor"]
            for parameter in parameters:
                items = parameter.get("schema", {}).get("items", {})
                if items.get("type") == "string" and not items.keys() & {"enum", "format", "pattern"}:
                    TEXTS.add(parameter["name"])
                # A format ends where it ends.
                if parameter.get("schema", {}).get("format") == "int64":
                    parameter["schema"].setdefault("maximum", 2**63 - 1)
                if parameter["name"] == "as_of":
                    parameter["schema"]["pattern"] = "^(19[7-9][0-9]|20[01][0-9])"
                # Which numbers a country has no pattern says.
                if parameter["name"] == "phone":
                    parameter["schema"] = {"type": "string", "enum": ["+31201234567", "+442083661177"]}


@schemathesis.hook
def filter_query(context, query):
    return not any(name in TEXTS and isinstance(value, (bool, int, float)) for name, value in (query or {}).items())


@schemathesis.hook
def before_call(context, case, kwargs):
    """A link from a field that is null, such as a department's parent, leads nowhere; a period begins before
    it ends; a group goes with a grouping, one by stages with a deal type, and a stage's figure with a stage."""
    for name, value in (case.path_parameters or {}).items():
        if value is None or value == "None":
            case.path_parameters[name] = "00000000-0000-7000-8000-000000000000"
    query = case.query or {}
    # What is wrong on purpose stays.
    if case.meta and case.meta.generation.mode == GenerationMode.NEGATIVE:
        return
    for name, value in list(query.items()):
        if value in (None, "None", [], [None], ["None"]) or name.endswith("_id") and value in ("", [""]):
            del query[name]
    # Sorts that grow with the workspace go with a filter.
    filters = SORTS_WITH.get(str(query.get("sort")).lstrip("-"), {}).get(case.path.partition(".")[0], ())
    if filters and not any(name in query for name in filters):
        del query["sort"]
    if isinstance(query.get("from"), str) and isinstance(query.get("to"), str):
        query["from"], query["to"] = sorted([query["from"], query["to"]])
    elif isinstance(query.get("from"), str):
        query["to"] = max(query["from"], date.today().isoformat())
    if case.path.partition(".")[0].endswith("/gantt") and isinstance(query.get("to"), str) and isinstance(query.get("from"), str):
        query["from"] = max(query["from"], query["to"][:4] + "-01-01")
    # A figure of all reasons and groups is of no one of them.
    if "/losses/" in case.path and query.get("figure") == "reopened_from_review":
        for narrowed in ("loss_reason_id", "group_by", "group"):
            query.pop(narrowed, None)
    if query.get("group_by") in ("stage", "deepest_stage") and not query.get("deal_type_id"):
        del query["group_by"]
    if "/losses" in case.path and query.get("group_by") not in ("stage", "deepest_stage"):
        query.pop("version_id", None)
    if not query.get("group_by"):
        query.pop("group", None)
    if "/closed/" in case.path and isinstance(query.get("figure"), str):
        if query["figure"] in ("deals", "won"):
            query.pop("stage_key", None)
        elif query["figure"] not in ("lost", "open") and "stage_key" not in query:
            query["figure"] = "deals"


@schemathesis.check
def form_is_specified(context, response, case):
    """A request that the specification allows is never refused for its form: for a field of another type, a
    missing field or an unknown one. It may be refused for what it says."""
    # A draft may be anything: what is wrong with it is told when it is published.
    if case.path.endswith("/draft/publish"):
        return
    mode = case.meta and case.meta.generation.mode
    if mode != GenerationMode.POSITIVE or response.status_code not in (400, 422):
        return
    faults = response.json().get("errors", [])
    # Which custom fields there are, and what a condition can ask of them, the workspace says.
    # and which fields an import's mapping has, its kind.
    workspaces = re.compile("/(custom|condition|mapping)/|/gate/[0-9]+/field$|/rules/[0-9]+/(if|then)/")
    faults = [fault for fault in faults if not workspaces.search(fault["pointer"])]
    # 82.0 is an integer to JSON Schema, and to no program that reads one.
    faults = [fault for fault in faults if not re.search(r"floating point `-?[0-9]+\.0`", fault["detail"])]
    form = [fault for fault in faults if fault["code"] in FORM or "invalid type" in fault["detail"]
            or "unknown variant" in fault["detail"]]
    assert not form, f"The specification allows what the server cannot read: {form}"
