//! `country text`: a phone number or an email address that is read is read again as the same from what it became.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voronka_domain::kernel::contact_point::{Country, email, phone};

fuzz_target!(|text: &str| {
    let (country, text) = text.split_once(' ').unwrap_or(("NL", text));
    for country in [Country::parse(country), None] {
        if let Some(number) = phone(text, country) {
            assert!(
                number.starts_with('+') && number[1..].bytes().all(|b| b.is_ascii_digit()),
                "{number}"
            );
            assert_eq!(phone(&number, None), Some(number.clone()), "{text}");
        }
    }
    if let Some(address) = email(text) {
        assert_eq!(email(&address), Some(address.clone()), "{text}");
    }
});
