//! What the tests of adapters have in common.

use chrono::{DateTime, Utc};
use voronka_domain::{
    intake::call::{Call, Exchange, Judged, Told},
    kernel::contact_point::{Country, phone},
};

use super::{Adapter, Kept, Posted, Refused};

/// A moment at which posts come.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_300_000, 0).unwrap()
}

/// A post to `https://crm.example/hook`.
pub fn verified(
    adapter: &dyn Adapter,
    headers: &[(&str, &str)],
    (rest, query): (&str, &str),
    body: &[u8],
    secrets: &[&str],
) -> Result<Option<String>, Refused> {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let url = format!("https://crm.example/hook{}{query}", if query.is_empty() { "" } else { "?" });
    adapter.verify(
        &Posted { rest, query, url: Some(&url), headers: &headers, body },
        secrets,
        now(),
    )
}

/// What a post says, of an exchange in Moscow.
pub fn told(adapter: &dyn Adapter, target: &str, content_type: &str, body: &str) -> Vec<Told> {
    let kept = Kept {
        target,
        content_type: Some(content_type),
        body: body.as_bytes(),
        received_at: now(),
        zone: chrono_tz::Europe::Moscow,
    };
    adapter.read(&kept).unwrap_or_else(|error| panic!("{error} in {body}"))
}

/// Phones 101 (of user 1) and 102 (of user 2), 900 is nobody's; lines +74951110000 and +31201110000.
pub fn judged(call: &Call) -> Judged<u8> {
    let exchange = Exchange {
        extensions: [("101", Some(1)), ("102", Some(2)), ("900", None)]
            .map(|(phone, user)| (phone.to_owned(), user))
            .into(),
        lines: ["+74951110000", "+31201110000"].map(str::to_owned).into(),
        access_digit: Some('9'),
    };
    call.judged(&exchange, &|text| phone(text, Country::parse("RU")))
}

/// The call that some posts tell of, which is the same in every order of at most six of them, each told once or twice.
pub fn whole(posts: &[Vec<Told>]) -> Call {
    let calls: Vec<Call> = posts.iter().flatten().map(|told| told.call.clone()).collect();
    let fold = |order: &[usize]| {
        order.iter().fold(Call::default(), |call, index| call.with(calls[*index].clone()))
    };
    let whole = fold(&(0..calls.len()).collect::<Vec<_>>());
    for mut order in orders(calls.len().min(6)) {
        order.extend(6..calls.len());
        assert_eq!(fold(&order), whole, "{order:?}");
        let twice: Vec<usize> = order.iter().chain(order.iter().rev()).copied().collect();
        assert_eq!(fold(&twice), whole, "{twice:?}");
    }
    whole
}

fn orders(length: usize) -> Vec<Vec<usize>> {
    let Some(last) = length.checked_sub(1) else { return vec![Vec::new()] };
    let shorter = orders(last);
    shorter
        .iter()
        .flat_map(|order| {
            (0..length).map(|place| {
                let mut order = order.clone();
                order.insert(place, last);
                order
            })
        })
        .collect()
}

/// Whatever one post less says, nobody has talked who had not, and whoever had has where the rest tells it: answers how
/// the call went without each of the posts in turn.
pub fn without_each(posts: &[Vec<Told>]) -> Vec<Judged<u8>> {
    (0..posts.len())
        .map(|lost| {
            let mut left = posts.to_vec();
            left.remove(lost);
            judged(&whole(&left))
        })
        .collect()
}
