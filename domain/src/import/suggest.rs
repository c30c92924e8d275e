//! Which column a field may be in, by the names that files give their columns.

use super::{custom::CUSTOM, kind::ImportKind, synonyms::names};
use crate::workspace::custom_field::CustomField;

/// A column that a field may be in; confidence from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    pub field: String,
    pub required: bool,
    pub column: Option<(String, f64)>,
}

/// In small letters, with one blank between words, whatever stood between them.
fn folded(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// 1 for the most telling name of a field, nearly as much for its own and others, half for a column that has one among its words.
fn confidence(field: &str, names: &[&str], column: &str) -> f64 {
    let rank = names.iter().position(|name| *name == column);
    match rank {
        Some(0) => 1.0,
        _ if column == folded(field) => 0.99,
        Some(rank) => 0.95 - 0.01 * f64::from(u8::try_from(rank).unwrap_or(20)),
        None => {
            let padded = format!(" {column} ");
            let among = |name: &&&str| padded.contains(&format!(" {name} ")) && name.len() > 3;
            if names.iter().find(among).is_some() { 0.5 } else { 0.0 }
        }
    }
}

/// A column for each field of the kind, custom ones too, as far as the names tell; no column for two fields.
pub fn suggest(
    kind: ImportKind,
    header: &[String],
    custom_fields: &[CustomField],
) -> Vec<Suggestion> {
    let columns: Vec<String> = header.iter().map(|name| folded(name)).collect();
    let own = kind.fields().iter().map(|field| ((*field).to_owned(), names(kind, field).to_vec()));
    let custom = custom_fields.iter().filter(|field| !field.archived);
    let custom = custom.filter(|field| Some(field.entity) == kind.entity());
    let custom: Vec<_> =
        custom.map(|field| (field, folded(&field.key), folded(&field.name))).collect();
    let called = custom.iter().map(|(field, key, name)| {
        (format!("{CUSTOM}{}", field.key), vec![key.as_str(), name.as_str()])
    });
    let fields: Vec<(String, Vec<&str>)> = own.chain(called).collect();
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (field, (name, names)) in fields.iter().enumerate() {
        for (index, column) in columns.iter().enumerate() {
            let confidence = confidence(name, names, column);
            if confidence > 0.0 {
                pairs.push((confidence, field, index));
            }
        }
    }
    // The surest first; of equals, in order of the fields and of the file.
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut taken: Vec<(usize, usize, f64)> = Vec::new();
    for (confidence, field, index) in pairs {
        if taken.iter().all(|(other, column, _)| *other != field && *column != index) {
            taken.push((field, index, confidence));
        }
    }
    let suggestion = |(number, (field, _)): (usize, (String, Vec<&str>))| {
        let found = taken.iter().find(|(other, ..)| *other == number);
        let column = found.and_then(|(_, index, sure)| Some((header.get(*index)?.clone(), *sure)));
        Suggestion { required: kind.required().contains(&field.as_str()), field, column }
    };
    fields.into_iter().enumerate().map(suggestion).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(kind: ImportKind, header: &[&str]) -> Vec<(String, String)> {
        let header: Vec<_> = header.iter().map(|name| (*name).to_owned()).collect();
        let found = suggest(kind, &header, &[]).into_iter();
        found.filter_map(|one| Some((one.field, one.column?.0))).collect()
    }

    #[test]
    fn columns_are_known_by_their_names() {
        let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let texts =
                |(field, column): &(&str, &str)| ((*field).to_owned(), (*column).to_owned());
            pairs.iter().map(texts).collect()
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
            suggested(ImportKind::Deals, &header),
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
            suggested(ImportKind::Deals, &header),
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
            suggested(ImportKind::StageEvents, &header),
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
                suggested(ImportKind::ExchangeRates, &header),
                of(&[("currency", header[1]), ("day", header[0]), ("rate", header[2])])
            );
        }
        assert_eq!(suggested(ImportKind::Deals, &["a", "b"]), []);
    }
}
