//! Names that files give their columns, English and Russian.

use super::kind::ImportKind;

/// Names of a field's column, the most telling first.
pub(super) fn names(kind: ImportKind, field: &str) -> &'static [&'static str] {
    match (kind, field) {
        (ImportKind::Deals | ImportKind::StageEvents, field) => of_deals(field),
        (ImportKind::ExchangeRates, field) => of_rates(field),
        (ImportKind::Clients, field) => of_clients(field),
        (ImportKind::Contacts, field) => of_contacts(field),
        (ImportKind::Users, field) => of_users(field),
        (ImportKind::Products, field) => of_products(field),
        (ImportKind::Calls, field) => of_calls(field),
    }
}

fn of_deals(field: &str) -> &'static [&'static str] {
    match field {
        "external_id" => &[
            "external id",
            "deal id",
            "opportunity id",
            "deal number",
            "deal no",
            "id",
            "number",
            "no",
            "номер сделки",
            "ид сделки",
            "код сделки",
            "номер",
            "ид",
            "код",
        ],
        "case_id" => &[
            "case id",
            "case",
            "deal id",
            "opportunity id",
            "case concept name",
            "id",
            "номер сделки",
            "ид сделки",
            "сделка",
            "номер",
            "ид",
        ],
        "title" => &[
            "title",
            "deal name",
            "opportunity name",
            "deal",
            "name",
            "subject",
            "название сделки",
            "название",
            "наименование",
            "сделка",
            "тема",
        ],
        "client" => &[
            "client",
            "account",
            "account name",
            "customer",
            "company",
            "organisation",
            "organization",
            "клиент",
            "контрагент",
            "заказчик",
            "покупатель",
            "компания",
            "организация",
        ],
        "owner" => &[
            "owner",
            "deal owner",
            "sales agent",
            "seller",
            "sales rep",
            "manager",
            "responsible",
            "ответственный",
            "менеджер",
            "продавец",
            "владелец",
        ],
        "user" => &[
            "user",
            "resource",
            "org resource",
            "performed by",
            "author",
            "пользователь",
            "исполнитель",
            "сотрудник",
            "автор",
        ],
        "amount" => &[
            "amount",
            "deal value",
            "value",
            "deal amount",
            "close value",
            "price",
            "sum",
            "сумма сделки",
            "сумма",
            "бюджет",
            "стоимость",
        ],
        "source" => &["source", "lead source", "channel", "источник сделки", "источник", "канал"],
        "lead_temperature" => {
            &["lead temperature", "temperature", "температура лида", "температура"]
        }
        "expected_close_on" => &[
            "expected close on",
            "expected close date",
            "expected close",
            "forecast close date",
            "ожидаемая дата закрытия",
            "план закрытия",
            "плановая дата закрытия",
        ],
        "opened_at" => &[
            "opened at",
            "created at",
            "create date",
            "created",
            "open date",
            "opened",
            "engage date",
            "дата создания",
            "дата открытия",
            "создана",
            "открыта",
            "создано",
        ],
        "stage" => &[
            "stage",
            "deal stage",
            "pipeline stage",
            "status",
            "этап сделки",
            "этап",
            "стадия сделки",
            "стадия",
            "статус",
        ],
        "stage_entered_at" => &[
            "stage entered at",
            "stage date",
            "stage changed",
            "дата этапа",
            "дата изменения этапа",
        ],
        "closed_at" => &[
            "closed at",
            "close date",
            "closed date",
            "closed",
            "дата закрытия",
            "закрыта",
            "закрыто",
        ],
        "loss_reason" => &[
            "loss reason",
            "lost reason",
            "closed lost reason",
            "reason",
            "причина отказа",
            "причина проигрыша",
            "причина",
        ],
        "note" => &["note", "comment", "notes", "комментарий", "примечание"],
        "competitor" => &["competitor", "конкурент"],
        "activity" => &[
            "activity",
            "event",
            "concept name",
            "action",
            "событие",
            "действие",
            "этап",
            "стадия",
        ],
        "occurred_at" => &[
            "occurred at",
            "timestamp",
            "time timestamp",
            "time",
            "date",
            "when",
            "время",
            "дата",
            "дата и время",
            "когда",
        ],
        "currency" => CURRENCY,
        _ => &[],
    }
}

const CURRENCY: &[&str] = &["currency", "currency code", "валюта", "код валюты", "iso"];

fn of_rates(field: &str) -> &'static [&'static str] {
    match field {
        "currency" => CURRENCY,
        "day" => &[
            "day",
            "date",
            "rate date",
            "effective date",
            "valid from",
            "день",
            "дата",
            "дата курса",
        ],
        "rate" => &["rate", "exchange rate", "value", "курс", "курс валюты", "значение"],
        _ => &[],
    }
}

const PHONES: &[&str] = &[
    "phones",
    "phone",
    "phone number",
    "telephone",
    "mobile",
    "телефон",
    "телефоны",
    "номер телефона",
];
const EMAILS: &[&str] =
    &["emails", "email", "e mail", "mail", "почта", "эл почта", "электронная почта", "адрес почты"];
const POSITION: &[&str] = &["position", "job title", "title", "job", "должность"];
const CLIENT: &[&str] = &[
    "client",
    "account",
    "account name",
    "customer",
    "company",
    "organisation",
    "organization",
    "client name",
    "company name",
    "клиент",
    "контрагент",
    "компания",
    "организация",
    "заказчик",
];

fn of_clients(field: &str) -> &'static [&'static str] {
    match field {
        "external_id" => &[
            "external id",
            "client id",
            "account id",
            "customer id",
            "customer no",
            "customer number",
            "id",
            "no",
            "код клиента",
            "ид клиента",
            "номер клиента",
            "код",
            "ид",
        ],
        "external_source" => &["external source", "source system", "система"],
        "name" => &[
            "name",
            "client",
            "client name",
            "account",
            "account name",
            "company",
            "company name",
            "customer",
            "organisation",
            "organization",
            "наименование",
            "название",
            "клиент",
            "контрагент",
            "компания",
            "организация",
        ],
        "kind" => &["kind", "legal status", "вид"],
        "type" => &["type", "client type", "тип", "тип клиента"],
        "class" => &["class", "category", "segment", "класс", "категория"],
        "region" => {
            &["region", "office location", "location", "city", "country", "регион", "город"]
        }
        "tags" => &["tags", "labels", "теги", "метки"],
        "consent" => &["consent", "opt in", "согласие"],
        "phones" => PHONES,
        "emails" => EMAILS,
        "tax_id" => &[
            "tax id",
            "tax number",
            "vat number",
            "vat id",
            "vat",
            "taxpayer number",
            "инн",
            "налоговый номер",
        ],
        _ => &[],
    }
}

fn of_contacts(field: &str) -> &'static [&'static str] {
    match field {
        "client_external_id" => &[
            "client external id",
            "client id",
            "account id",
            "customer id",
            "company id",
            "код клиента",
            "ид клиента",
            "номер клиента",
        ],
        "client" => CLIENT,
        "name" => &[
            "name",
            "full name",
            "contact",
            "contact name",
            "person",
            "фио",
            "имя",
            "контакт",
            "контактное лицо",
        ],
        "position" => POSITION,
        "phones" => PHONES,
        "emails" => EMAILS,
        _ => &[],
    }
}

fn of_users(field: &str) -> &'static [&'static str] {
    match field {
        "email" => EMAILS,
        "name" => &[
            "name",
            "full name",
            "user",
            "employee",
            "sales agent",
            "seller",
            "фио",
            "имя",
            "сотрудник",
            "пользователь",
            "менеджер",
        ],
        "role" => &["role", "access", "роль", "доступ"],
        "position" => POSITION,
        "department" => &[
            "department",
            "team",
            "office",
            "regional office",
            "unit",
            "отдел",
            "подразделение",
            "команда",
        ],
        _ => &[],
    }
}

fn of_products(field: &str) -> &'static [&'static str] {
    match field {
        "sku" => &[
            "sku",
            "article",
            "article number",
            "product code",
            "code",
            "артикул",
            "код товара",
            "код",
        ],
        "name" => &[
            "name",
            "product",
            "product name",
            "item",
            "title",
            "наименование",
            "название",
            "товар",
            "номенклатура",
        ],
        "unit" => &["unit", "unit of measure", "uom", "единица", "ед изм", "единица измерения"],
        "price" => &["price", "list price", "sales price", "unit price", "цена", "стоимость"],
        "currency" => CURRENCY,
        _ => &[],
    }
}

fn of_calls(field: &str) -> &'static [&'static str] {
    match field {
        "call_id" => &[
            "pbx call id",
            "linkedid",
            "entry id",
            "callsid",
            "uniqueid",
            "uid",
            "ид звонка",
            "номер звонка",
        ],
        "started_at" => &[
            "started at",
            "start",
            "call date",
            "calldate",
            "start time",
            "callstart",
            "date",
            "дата и время",
            "начало",
            "дата",
            "время",
        ],
        "ended_at" => &["ended at", "end", "end time", "finish", "окончание", "завершение"],
        "direction" => &["direction", "type", "call type", "направление", "тип звонка", "тип"],
        "from" => {
            &["from", "caller", "src", "clid", "from number", "кто звонил", "от кого", "откуда"]
        }
        "to" => &["to", "callee", "dst", "destination", "to number", "кому", "куда"],
        "line" => &["line", "did", "trunk", "line number", "линия", "номер линии"],
        "extension" => &["extension", "internal", "agent", "внутренний номер", "добавочный"],
        "status" => &["status", "disposition", "result", "статус", "результат"],
        "talk_seconds" => &[
            "talk seconds",
            "billsec",
            "talk time",
            "seconds",
            "duration",
            "длительность разговора",
            "длительность",
        ],
        "recording_url" => &["recording url", "recording", "record", "запись разговора", "запись"],
        _ => &[],
    }
}
