from typing import TypeVar

import httpx
from pydantic import BaseModel

import voronka_client as models
from steps import EMAIL, MARK, PASSWORD, URL, end, equal, have, step

M = TypeVar("M", bound=BaseModel)
http = httpx.Client(base_url=URL)


def post(path: str, body: BaseModel, answer: type[M]) -> M:
    response = http.post(path, json=body.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return read(response, answer)


def get(path: str, answer: type[M], params: dict[str, str]) -> M:
    return read(http.get(path, params=params), answer)


def read(response: httpx.Response, answer: type[M]) -> M:
    if not response.is_success:
        problem = models.Problem.model_validate_json(response.text)
        raise AssertionError(f"{response.status_code} {problem.code}: {problem.errors}")
    return answer.model_validate_json(response.text)


def log_in() -> None:
    tokens = post("/v1/auth/token", models.Login(email=EMAIL, password=PASSWORD), models.TokenPair)
    http.headers["Authorization"] = f"Bearer {tokens.access_token}"


def define_type() -> models.DealType:
    new = models.NewDealType.model_validate(
        {
            "name": f"Models {MARK}",
            "mode": "manual",
            "stages": [
                {"name": "Lead", "norm_days": 14},
                {
                    "name": "Offer",
                    "gate": [
                        {"kind": "field", "field": "client_id"},
                        {"kind": "document", "document": "quote", "state": "sent"},
                    ],
                },
            ],
            "rules": [
                {
                    "key": "hot",
                    "on": "deal.opened",
                    "if": {"field": "deal.lead_temperature", "op": "eq", "value": "hot"},
                    "then": [
                        {"do": "create_task", "task": {"key": "call", "title": "Call {client.name}", "due_days": 0}},
                        {"do": "set", "field": "lead_temperature", "value": "warm"},
                    ],
                }
            ],
        }
    )
    made = post("/v1/deal-types", new, models.DealType)
    first, second = (action.root for action in made.rules[0].then)
    assert isinstance(first, models.CreateTaskRuleAction) and isinstance(second, models.SetRuleAction), (first, second)
    equal((first.task.key, second.value), ("call", "warm"), "the actions")
    assert isinstance(made.stages[1].gate[1].root, models.DocumentGateRequirement), made.stages[1].gate
    return made


def create_client() -> models.Client:
    return post("/v1/clients", models.NewClient(name=f"Alder Mill {MARK}", tags=["wood"]), models.Client)


def open_deal() -> models.Deal:
    new = models.NewDeal(
        title="Saws",
        deal_type_id=have(deal_type).id,
        client_id=have(client).id,
        amount=models.Money(amount="1999.95", currency="EUR"),
        lead_temperature=models.LeadTemperature.HOT,
    )
    return post("/v1/deals", new, models.Deal)


def move() -> None:
    moved = post(f"/v1/deals/{have(deal).id}/transition", models.Transition.model_validate({"to": "next"}), models.Deal)
    equal((moved.stage_key, moved.lead_temperature), ("offer", models.LeadTemperature.WARM), "the deal")


def batch() -> None:
    id = have(deal).id
    items = [
        {"op": "create", "title": "Axes", "deal_type_id": have(deal_type).id},
        {"op": "update", "id": id, "title": "Saws and axes", "expected_close_on": None},
        {"op": "transition", "id": id, "to": "stage", "stage_key": "lead"},
        {"op": "transition", "id": id, "to": "won"},
    ]
    made = post("/v1/deals/batch", models.DealBatch.model_validate({"items": items}), models.DealBatchResult)
    equal([item.status for item in made.items], [201, 200, 200, 422], "the answers")
    problem = made.items[3].problem
    equal(problem.code if problem else None, "stage_gate_unmet", "the refusal")
    body = made.items[1].body
    equal(body.title if body else None, "Saws and axes", "the changed deal")


def list_deals() -> None:
    titles: list[str] = []
    params = {"deal_type_id": str(have(deal_type).id), "status": "open,won", "sort": "-created_at", "limit": "1"}
    while True:
        page = get("/v1/deals", models.DealPage, params)
        titles += [item.title for item in page.items]
        if page.page.next_cursor is None:
            break
        params["cursor"] = page.page.next_cursor
    equal(titles, ["Axes", "Saws and axes"], "the pages")


def list_without_client() -> None:
    page = get("/v1/deals", models.DealPage, {"deal_type_id": str(have(deal_type).id), "client_id": "null"})
    equal([item.title for item in page.items], ["Axes"], "the deals without a client")


def open_funnel() -> None:
    funnel = get("/v1/reports/funnel/open", models.OpenFunnel, {"deal_type_id": str(have(deal_type).id)})
    equal((len(funnel.stages), funnel.totals.deals), (2, 2), "the open funnel")


def closed_funnel() -> None:
    params = {"deal_type_id": str(have(deal_type).id), "from": "2020-01-01", "to": "2099-12-31", "basis": "created"}
    funnel = get("/v1/reports/funnel/closed", models.ClosedFunnel, params)
    equal((len(funnel.stages), funnel.totals.won), (2, 0), "the closed funnel")


def problem() -> None:
    body = {"title": "Saws", "deal_type_id": str(have(deal_type).id), "amount": {"amount": "1", "currency": "EURO"}}
    response = http.post("/v1/deals", json=body)
    found = models.Problem.model_validate_json(response.text)
    equal((response.status_code, found.code), (422, "validation_failed"), "the problem")
    faults = [(fault.pointer, fault.code) for fault in found.errors]
    equal(faults, [("/amount/currency", "unknown_currency")], "its faults")


def csv() -> None:
    response = http.get("/v1/deals.csv", params={"deal_type_id": str(have(deal_type).id)})
    lines = response.text.splitlines()
    equal((response.status_code, lines[0].startswith("id,title,status"), len(lines)), (200, True, 3), "the sheet")


step("login", log_in)
deal_type = step("type", define_type)
client = step("client", create_client)
deal = step("open", open_deal)
step("move", move)
step("batch", batch)
step("list", list_deals)
step("null", list_without_client)
step("funnel_open", open_funnel)
step("funnel_closed", closed_funnel)
step("problem", problem)
step("csv", csv)
end()
