from datetime import date, datetime, timezone

from voronka_client import (
    ApiClient,
    AuthenticationApi,
    Client,
    ClientsApi,
    ClosedFunnelBasis,
    Configuration,
    CreateDealItem,
    CreateTaskRuleAction,
    Deal,
    DealBatch,
    DealBatchResult,
    DealItem,
    DealsApi,
    DealsSort,
    DealStatus,
    DealType,
    DealTypeMode,
    DealTypesApi,
    DocumentGateRequirement,
    DocumentKind,
    DocumentState,
    FieldGateRequirement,
    GateRequirement,
    LeadTemperature,
    Login,
    Money,
    NewClient,
    NewDeal,
    NewDealType,
    NewStage,
    Problem,
    ProcessRule,
    ReportsApi,
    RuleAction,
    SetRuleAction,
    SetRuleActionValue,
    TaskTemplate,
    Transition,
    TransitionDealItem,
    TransitionTo,
    UpdateDealItem,
)
from voronka_client.exceptions import ApiException

from steps import EMAIL, MARK, PASSWORD, URL, end, equal, have, step

configuration = Configuration(host=URL)
api = ApiClient(configuration)
deals = DealsApi(api)
reports = ReportsApi(api)


def login() -> None:
    tokens = AuthenticationApi(api).create_token(Login(email=EMAIL, password=PASSWORD))
    configuration.access_token = tokens.access_token


def define_type() -> DealType:
    new = NewDealType(
        name=f"Generated {MARK}",
        mode=DealTypeMode.MANUAL,
        stages=[
            NewStage(name="Lead", norm_days=14),
            NewStage(
                name="Offer",
                gate=[
                    GateRequirement(FieldGateRequirement(kind="field", field="client_id")),
                    GateRequirement(
                        DocumentGateRequirement(kind="document", document=DocumentKind.QUOTE, state=DocumentState.SENT)
                    ),
                ],
            ),
        ],
        rules=[
            ProcessRule.model_validate(
                {
                    "key": "hot",
                    "on": "deal.opened",
                    "if": {"field": "deal.lead_temperature", "op": "eq", "value": "hot"},
                    "then": [
                        RuleAction(
                            CreateTaskRuleAction(
                                do="create_task", task=TaskTemplate(key="call", title="Call {client.name}", due_days=0)
                            )
                        ),
                        RuleAction(SetRuleAction(do="set", field="lead_temperature", value=SetRuleActionValue("warm"))),
                    ],
                }
            )
        ],
    )
    made = DealTypesApi(api).create_deal_type(new)
    first, second = (action.actual_instance for action in made.rules[0].then)
    assert isinstance(first, CreateTaskRuleAction) and isinstance(second, SetRuleAction), (first, second)
    equal(first.task.key, "call", "the first action")
    equal(second.value.actual_instance if second.value else None, "warm", "the second action")
    assert isinstance(made.stages[1].gate[1].actual_instance, DocumentGateRequirement)
    return made


def create_client() -> Client:
    return ClientsApi(api).create_client(NewClient(name=f"Alder Mill {MARK}", tags=["wood"]))


def open_deal() -> Deal:
    return deals.create_deal(
        NewDeal(
            title="Saws",
            deal_type_id=have(deal_type).id,
            client_id=have(client).id,
            amount=Money(amount="1999.95", currency="EUR"),
            lead_temperature=LeadTemperature.HOT,
        ),
        idempotency_key=f"generated-{MARK}",
    )


def move() -> None:
    moved = deals.transition_deal(have(deal).id, Transition(to=TransitionTo.NEXT))
    equal((moved.stage_key, moved.lead_temperature), ("offer", LeadTemperature.WARM), "the deal")


def batch() -> DealBatchResult:
    id = have(deal).id
    made = deals.batch_deals(
        DealBatch(
            items=[
                DealItem(CreateDealItem(op="create", title="Axes", deal_type_id=have(deal_type).id)),
                DealItem(UpdateDealItem(op="update", id=id, title="Saws and axes", expected_close_on=None)),
                DealItem(TransitionDealItem(op="transition", id=id, to=TransitionTo.STAGE, stage_key="lead")),
                DealItem(TransitionDealItem(op="transition", id=id, to=TransitionTo.WON)),
            ]
        )
    )
    equal([item.status for item in made.items], [201, 200, 200, 422], "the answers")
    problem = made.items[3].problem
    equal(problem.code if problem else None, "stage_gate_unmet", "the refusal")
    body = made.items[1].body
    equal(body.title if body else None, "Saws and axes", "the changed deal")
    return made


def list_deals() -> None:
    titles: list[str] = []
    cursor: str | None = None
    while True:
        page = deals.list_deals(
            deal_type_id=[have(deal_type).id],
            status=[DealStatus.OPEN, DealStatus.WON],
            opened_at_gte=datetime(2020, 1, 1, tzinfo=timezone.utc),
            sort=DealsSort("-created_at"),
            limit=1,
            cursor=cursor,
        )
        titles += [item.title for item in page.items]
        cursor = page.page.next_cursor
        if cursor is None:
            break
    equal(titles, ["Axes", "Saws and axes"], "the pages")


def list_without_client() -> None:
    page = deals.list_deals(deal_type_id=[have(deal_type).id], client_id=["null"])
    equal([item.title for item in page.items], ["Axes"], "the deals without a client")


def open_funnel() -> None:
    funnel = reports.get_open_funnel(deal_type_id=have(deal_type).id)
    equal((len(funnel.stages), funnel.totals.deals), (2, 2), "the open funnel")


def closed_funnel() -> None:
    funnel = reports.get_closed_funnel(
        deal_type_id=have(deal_type).id,
        var_from=date(2020, 1, 1),
        to=date(2099, 12, 31),
        basis=ClosedFunnelBasis.CREATED,
    )
    equal((len(funnel.stages), funnel.totals.won), (2, 0), "the closed funnel")


def problem() -> None:
    try:
        deals.create_deal(
            NewDeal(title="Saws", deal_type_id=have(deal_type).id, amount=Money(amount="1", currency="EURO"))
        )
    except ApiException as error:
        assert isinstance(error.data, Problem), error.data
        equal((error.status, error.data.code), (422, "validation_failed"), "the problem")
        faults = [(fault.pointer, fault.code) for fault in error.data.errors]
        equal(faults, [("/amount/currency", "unknown_currency")], "its faults")
    else:
        raise AssertionError("the deal was opened")


def csv() -> None:
    sheet = deals.list_deals_csv(deal_type_id=[have(deal_type).id])
    equal((sheet.startswith("id,title,status"), len(sheet.splitlines())), (True, 3), "the sheet")


step("login", login)
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
