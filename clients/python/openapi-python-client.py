import datetime

from voronka_client import AuthenticatedClient
from voronka_client import Client as Anonymous
from voronka_client.api.authentication import create_token
from voronka_client.api.clients import create_client
from voronka_client.api.deal_types import create_deal_type
from voronka_client.api.deals import batch_deals, create_deal, list_deals, list_deals_csv, transition_deal
from voronka_client.api.reports import get_closed_funnel, get_open_funnel
from voronka_client.models.batch_problem import BatchProblem
from voronka_client.models.client_model import ClientModel
from voronka_client.models.closed_funnel import ClosedFunnel
from voronka_client.models.closed_funnel_basis import ClosedFunnelBasis
from voronka_client.models.create_task_rule_action import CreateTaskRuleAction
from voronka_client.models.deal import Deal
from voronka_client.models.deal_batch import DealBatch
from voronka_client.models.deal_batch_result import DealBatchResult
from voronka_client.models.deal_page import DealPage
from voronka_client.models.deal_status import DealStatus
from voronka_client.models.deal_type import DealType
from voronka_client.models.deals_sort import DealsSort
from voronka_client.models.document_gate_requirement import DocumentGateRequirement
from voronka_client.models.lead_temperature import LeadTemperature
from voronka_client.models.login import Login
from voronka_client.models.money import Money
from voronka_client.models.new_client import NewClient
from voronka_client.models.new_deal import NewDeal
from voronka_client.models.new_deal_type import NewDealType
from voronka_client.models.open_funnel import OpenFunnel
from voronka_client.models.problem import Problem
from voronka_client.models.set_rule_action import SetRuleAction
from voronka_client.models.token_pair import TokenPair
from voronka_client.models.transition import Transition
from voronka_client.types import UNSET, Unset

from steps import EMAIL, MARK, PASSWORD, URL, end, equal, have, step


def log_in() -> AuthenticatedClient:
    answer = create_token.sync(client=Anonymous(base_url=URL), body=Login(email=EMAIL, password=PASSWORD))
    assert isinstance(answer, TokenPair), answer
    return AuthenticatedClient(base_url=URL, token=answer.access_token)


def define_type() -> DealType:
    # Unions are read from what the caller has, and told apart by the generated code.
    new = NewDealType.from_dict(
        {
            "name": f"Python {MARK}",
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
    made = create_deal_type.sync(client=have(api), body=new)
    assert isinstance(made, DealType), made
    first, second = made.rules[0].then
    assert isinstance(first, CreateTaskRuleAction) and isinstance(second, SetRuleAction), (first, second)
    equal(first.task.key, "call", "the first action")
    equal(second.value, "warm", "the second action")
    assert isinstance(made.stages[1].gate[1], DocumentGateRequirement), made.stages[1].gate
    return made


def add_client() -> ClientModel:
    made = create_client.sync(client=have(api), body=NewClient(name=f"Alder Mill {MARK}", tags=["wood"]))
    assert isinstance(made, ClientModel), made
    return made


def open_deal() -> Deal:
    new = NewDeal(
        title="Saws",
        deal_type_id=have(deal_type).id,
        client_id=have(client).id,
        amount=Money(amount="1999.95", currency="EUR"),
        lead_temperature=LeadTemperature.HOT,
    )
    made = create_deal.sync(client=have(api), body=new, idempotency_key=f"python-{MARK}")
    assert isinstance(made, Deal), made
    return made


def move() -> None:
    made = transition_deal.sync(have(deal).id, client=have(api), body=Transition.from_dict({"to": "next"}))
    assert isinstance(made, Deal), made
    equal((made.stage_key, made.lead_temperature), ("offer", LeadTemperature.WARM), "the deal")


def batch() -> None:
    id = str(have(deal).id)
    items = [
        {"op": "create", "title": "Axes", "deal_type_id": str(have(deal_type).id)},
        {"op": "update", "id": id, "title": "Saws and axes", "expected_close_on": None},
        {"op": "transition", "id": id, "to": "stage", "stage_key": "lead"},
        {"op": "transition", "id": id, "to": "won"},
    ]
    made = batch_deals.sync(client=have(api), body=DealBatch.from_dict({"items": items}))
    assert isinstance(made, DealBatchResult), made
    equal([item.status for item in made.items], [201, 200, 200, 422], "the answers")
    problem = made.items[3].problem
    equal(problem.code if isinstance(problem, BatchProblem) else None, "stage_gate_unmet", "the refusal")
    body = made.items[1].body
    equal(body.title if isinstance(body, Deal) else None, "Saws and axes", "the changed deal")


def list_in_pages() -> None:
    titles: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        page = list_deals.sync(
            client=have(api),
            deal_type_id=[have(deal_type).id],
            status=[DealStatus.OPEN, DealStatus.WON],
            sort=DealsSort("-created_at"),
            opened_atgte=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
            limit=1,
            cursor=cursor,
        )
        assert isinstance(page, DealPage), page
        titles += [item.title for item in page.items]
        if not isinstance(page.page.next_cursor, str):
            break
        cursor = page.page.next_cursor
    equal(titles, ["Axes", "Saws and axes"], "the pages")


def list_without_client() -> None:
    page = list_deals.sync(client=have(api), deal_type_id=[have(deal_type).id], client_id=["null"])
    assert isinstance(page, DealPage), page
    equal([item.title for item in page.items], ["Axes"], "the deals without a client")


def read_open_funnel() -> None:
    funnel = get_open_funnel.sync(client=have(api), deal_type_id=have(deal_type).id)
    assert isinstance(funnel, OpenFunnel), funnel
    equal((len(funnel.stages), funnel.totals.deals), (2, 2), "the open funnel")


def read_closed_funnel() -> None:
    funnel = get_closed_funnel.sync(
        client=have(api),
        deal_type_id=have(deal_type).id,
        from_=datetime.date(2020, 1, 1),
        to=datetime.date(2099, 12, 31),
        basis=ClosedFunnelBasis.CREATED,
    )
    assert isinstance(funnel, ClosedFunnel), funnel
    equal((len(funnel.stages), funnel.totals.won), (2, 0), "the closed funnel")


def problem() -> None:
    answer = create_deal.sync_detailed(
        client=have(api),
        body=NewDeal(title="Saws", deal_type_id=have(deal_type).id, amount=Money(amount="1", currency="EURO")),
    )
    assert isinstance(answer.parsed, Problem), answer
    equal((answer.status_code, answer.parsed.code), (422, "validation_failed"), "the problem")
    faults = [(fault.pointer, fault.code) for fault in answer.parsed.errors]
    equal(faults, [("/amount/currency", "unknown_currency")], "its faults")


def csv() -> None:
    sheet = list_deals_csv.sync(client=have(api), deal_type_id=[have(deal_type).id])
    assert isinstance(sheet, str), sheet
    equal((sheet.startswith("id,title,status"), len(sheet.splitlines())), (True, 3), "the sheet")


api = step("login", log_in)
deal_type = step("type", define_type)
client = step("client", add_client)
deal = step("open", open_deal)
step("move", move)
step("batch", batch)
step("list", list_in_pages)
step("null", list_without_client)
step("funnel_open", read_open_funnel)
step("funnel_closed", read_closed_funnel)
step("problem", problem)
step("csv", csv)
end()
