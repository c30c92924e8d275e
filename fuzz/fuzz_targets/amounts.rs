//! `code amount`: an amount that is read is kept to the digit, within its bounds, and read again from what is
//! printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_decimal::Decimal;
use voronka_domain::{Currency, kernel::money::{format_amount, parse_amount}};

fuzz_target!(|text: &str| {
    let (code, amount) = text.split_once(' ').unwrap_or(("EUR", text));
    let currency = Currency::parse(code);
    if let Ok(currency) = currency {
        assert_eq!(currency.code(), code);
    }
    if let Ok(read) = parse_amount("/amount", amount) {
        assert!(read >= Decimal::ZERO && read < Decimal::from(1_000_000_000_000_000_i64));
        assert!(read.scale() <= 4, "{read}");
        let digits = |text: &str| {
            let (whole, part) = text.split_once('.').unwrap_or((text, ""));
            let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
            (whole.to_owned(), part.to_owned())
        };
        assert_eq!(digits(amount), digits(&read.to_string()));
        if let Ok(currency) = currency {
            let printed = format_amount(read, currency);
            assert_eq!(parse_amount("/amount", &printed), Ok(read), "{printed}");
            assert_eq!(digits(amount), digits(&printed));
        }
    }
});
