//! Which column a field may be in, by the names that files give their columns.

use super::spec::Kind;

/// A column that a field may be in; confidence from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    pub field: &'static str,
    pub required: bool,
    pub column: Option<(String, f64)>,
}

/// Names of columns, English and Russian, the most telling first.
fn names(field: &str) -> &'static [&'static str] {
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
        "currency" => &["currency", "currency code", "валюта", "код валюты", "iso"],
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

/// In small letters, with one blank between words, whatever stood between them.
fn folded(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// 1 for a field's own name, nearly as much for others of it, half for a column that has one among its words.
fn confidence(field: &str, column: &str) -> f64 {
    let rank = names(field).iter().position(|name| *name == column);
    match rank {
        _ if column == field.replace('_', " ") => 1.0,
        Some(0) => 1.0,
        Some(rank) => 0.95 - 0.01 * f64::from(u8::try_from(rank).unwrap_or(20)),
        None => {
            let padded = format!(" {column} ");
            let among = |name: &&&str| padded.contains(&format!(" {name} ")) && name.len() > 3;
            if names(field).iter().find(among).is_some() { 0.5 } else { 0.0 }
        }
    }
}

/// A column for each field of the kind, as far as the names tell; no column for two fields.
pub fn suggest(kind: Kind, header: &[String]) -> Vec<Suggestion> {
    let columns: Vec<String> = header.iter().map(|name| folded(name)).collect();
    let fields = kind.fields();
    let mut pairs: Vec<(f64, &'static str, usize)> = Vec::new();
    for field in fields {
        for (index, column) in columns.iter().enumerate() {
            let confidence = confidence(field, column);
            if confidence > 0.0 {
                pairs.push((confidence, field, index));
            }
        }
    }
    // The surest first; of equals, in order of the fields and of the file.
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken: Vec<(&'static str, usize, f64)> = Vec::new();
    for (confidence, field, index) in pairs {
        if taken.iter().all(|(other, column, _)| *other != field && *column != index) {
            taken.push((field, index, confidence));
        }
    }
    let suggestion = |field: &&'static str| {
        let found = taken.iter().find(|(other, ..)| other == field);
        let column = found.and_then(|(_, index, sure)| Some((header.get(*index)?.clone(), *sure)));
        Suggestion { field, required: kind.required().contains(field), column }
    };
    fields.iter().map(suggestion).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(kind: Kind, header: &[&str]) -> Vec<(&'static str, String)> {
        let header: Vec<_> = header.iter().map(|name| (*name).to_owned()).collect();
        let found = suggest(kind, &header).into_iter();
        found.filter_map(|one| Some((one.field, one.column?.0))).collect()
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let of = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
            pairs.iter().map(|(field, column)| (*field, (*column).to_owned())).collect()
        };
        let header = [
            "Номер сделки",
            "Название",
            "Клиент",
            "Ответственный",
            "Сумма, руб.",
            "Этап",
            "Дата закрытия",
        ];
        assert_eq!(
            suggested(Kind::Deals, &header),
            of(&[
                ("external_id", "Номер сделки"),
                ("title", "Название"),
                ("client", "Клиент"),
                ("owner", "Ответственный"),
                ("amount", "Сумма, руб."),
                ("stage", "Этап"),
                ("closed_at", "Дата закрытия"),
            ])
        );
        let header = [
            "opportunity_id",
            "sales_agent",
            "account",
            "deal_stage",
            "engage_date",
            "close_date",
            "Deal Value",
        ];
        assert_eq!(
            suggested(Kind::Deals, &header),
            of(&[
                ("external_id", "opportunity_id"),
                ("client", "account"),
                ("owner", "sales_agent"),
                ("amount", "Deal Value"),
                ("opened_at", "engage_date"),
                ("stage", "deal_stage"),
                ("closed_at", "close_date"),
            ])
        );
        let header =
            ["case:concept:name", "concept:name", "time:timestamp", "org:resource", "colour"];
        assert_eq!(
            suggested(Kind::StageEvents, &header),
            of(&[
                ("case_id", "case:concept:name"),
                ("activity", "concept:name"),
                ("occurred_at", "time:timestamp"),
                ("user", "org:resource"),
            ])
        );
        for header in [["Date", "Currency code", "Exchange rate"], ["Дата", "Код валюты", "Курс"]]
        {
            assert_eq!(
                suggested(Kind::ExchangeRates, &header),
                of(&[("currency", header[1]), ("day", header[0]), ("rate", header[2])])
            );
        }
        assert_eq!(suggested(Kind::Deals, &["a", "b"]), []);
    }
}
