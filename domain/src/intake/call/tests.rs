//! Calls as they really went wrong elsewhere, and what holds of every call.

use proptest::prelude::*;

use super::*;
use crate::intake::listed::ListedCall;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000 + second, 0).unwrap()
}

fn e164(text: &str) -> Option<String> {
    crate::kernel::contact_point::phone(text, crate::kernel::contact_point::Country::parse("NL"))
}

/// Phones 101 to 103 are those of employees 1 to 3, 104 is nobody's.
fn exchange() -> Exchange<u8> {
    let phones = [("101", Some(1)), ("102", Some(2)), ("103", Some(3)), ("104", None)];
    Exchange {
        extensions: phones.map(|(phone, user)| (phone.to_owned(), user)).into(),
        lines: ["+31201110000".to_owned()].into(),
        access_digit: Some('9'),
    }
}

const CLIENT: &str = "020 123 4567";
const LINE: &str = "+31 20 111 0000";

fn between(from: &str, to: &str) -> Call {
    let parties = Parties {
        at: at(0),
        from: Some(from.to_owned()),
        to: Some(to.to_owned()),
        line: None,
        direction: None,
    };
    Call { parties: Some(parties), began_at: Some(at(0)), last_at: Some(at(0)), ..Call::default() }
}

fn leg(id: &str, party: &str, told: Leg) -> Call {
    let party = Some(party.to_owned());
    Call { legs: [(id.to_owned(), Leg { party, ..told })].into(), ..Call::default() }
}

fn rings(id: &str, party: &str, second: i64) -> Call {
    leg(id, party, Leg { rang_at: Some(at(second)), ..Leg::default() })
}

fn bridged(id: &str, party: &str, second: i64) -> Call {
    leg(id, party, Leg { bridged_at: Some(at(second)), ..Leg::default() })
}

fn ends(id: &str, party: &str, second: i64, end: LegEnd) -> Call {
    leg(id, party, Leg { ended_at: Some(at(second)), end: Some(end), ..Leg::default() })
}

fn over(second: i64) -> Call {
    Call { over_at: Some(at(second)), last_at: Some(at(second)), ..Call::default() }
}

fn judged(told: impl IntoIterator<Item = Call>) -> Judged<u8> {
    told.into_iter().fold(Call::default(), Call::with).judged(&exchange(), &e164)
}

/// asterlink#3, #7: the finish before the answer, and the answer twice.
#[test]
fn talk_goes_before_the_order_of_what_is_told() {
    let call = judged([
        between(CLIENT, LINE),
        ends("a", "101", 70, LegEnd::HungUp),
        over(70),
        bridged("a", "101", 10),
        bridged("a", "101", 10),
        rings("a", "101", 1),
    ]);
    assert_eq!(
        (call.status, call.user, call.talk_seconds),
        (Some(CallStatus::Answered), Some(1), 60)
    );
    assert_eq!(call.e164.as_deref(), Some("+31201234567"));
}

/// odoopbx/addons#11, fusionpbx PR5778, signalwire/freeswitch#1028: five phones ring and one is faster.
#[test]
fn a_ring_group_is_one_call_of_whoever_was_faster() {
    let mut told = vec![between(CLIENT, LINE), over(100)];
    for (id, phone) in [("a", "101"), ("c", "103"), ("d", "104"), ("b", "102")] {
        told.push(rings(id, phone, 1));
        let end = if id == "c" { LegEnd::Cancelled } else { LegEnd::AnsweredElsewhere };
        told.push(ends(id, phone, if id == "b" { 90 } else { 20 }, end));
    }
    told.push(bridged("b", "102", 20));
    let call = judged(told);
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(2)));
    assert_eq!((call.others.as_slice(), call.talk_seconds), (&[][..], 70));
}

/// FreePBX#1033: an end is told at the attended transfer while the talk goes on.
#[test]
fn a_call_that_was_passed_on_is_of_the_last_to_talk() {
    let before = [
        between(CLIENT, LINE),
        bridged("a", "101", 10),
        over(40),
        ends("a", "101", 40, LegEnd::HungUp),
        bridged("b", "102", 41),
    ];
    let call = judged(before.clone());
    assert_eq!((call.status, call.user), (None, Some(2)));
    let call = judged(before.into_iter().chain([ends("b", "102", 100, LegEnd::HungUp), over(100)]));
    assert_eq!((call.status, call.user), (Some(CallStatus::Answered), Some(2)));
    assert_eq!((call.others, call.talk_seconds), (vec![1], 30 + 59));
}

/// mikopbx#1125: the transfer fails and the call comes back: talk is the sum of bridges.
#[test]
fn a_failed_transfer_is_the_same_call() {
    let call = judged([
        between(CLIENT, LINE),
        bridged("a", "101", 10),
        ends("a", "101", 40, LegEnd::HungUp),
        rings("b", "102", 41),
        ends("b", "102", 50, LegEnd::NoAnswer),
        bridged("a2", "101", 51),
        ends("a2", "101", 61, LegEnd::HungUp),
        over(61),
    ]);
    assert_eq!((call.user, call.talk_seconds), (Some(1), 40));
}

/// Asterisk-CDR-Viewer-Mod#67: the queue answered, and nobody in it did.
#[test]
fn who_hangs_up_in_the_queue_was_missed() {
    let queue =
        Leg { bridged_at: Some(at(2)), ended_at: Some(at(42)), machine: true, ..Leg::default() };
    let call = judged([
        between(CLIENT, LINE),
        leg("q", "600", queue),
        rings("a", "101", 5),
        ends("a", "101", 42, LegEnd::Cancelled),
        over(42),
    ]);
    assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Missed), 0));
    assert_eq!(call.user, Some(1));
}

/// mikopbx#480: the phone was offline, and no leg was made.
#[test]
fn a_call_without_legs_was_missed() {
    let call = judged([between(CLIENT, LINE), over(1)]);
    assert_eq!((call.direction, call.status), (Direction::In, Some(CallStatus::Missed)));
}

/// yaai#191, #43, #179, #125: the way of a call is that of phones and lines, whatever channels are called.
#[test]
fn phones_and_lines_say_which_way_a_call_goes() {
    let way = |from: &str, to: &str| {
        let call = judged([between(from, to)]);
        (call.direction, call.e164)
    };
    let client = Some("+31201234567".to_owned());
    assert_eq!(way("101", CLIENT), (Direction::Out, client.clone()));
    assert_eq!(way("101", "90201234567"), (Direction::Out, client.clone()));
    assert_eq!(way(LINE, CLIENT), (Direction::Out, client.clone()));
    assert_eq!(way(CLIENT, "101"), (Direction::In, client.clone()));
    assert_eq!(way(CLIENT, LINE), (Direction::In, client));
    assert_eq!(way("101", "102"), (Direction::Internal, None));
    // Whatever the exchange says: a dialplan may take every call of a phone for one out.
    for told in [Direction::In, Direction::Out] {
        let mut call = between("101", "102");
        if let Some(parties) = &mut call.parties {
            parties.direction = Some(told);
        }
        assert_eq!(judged([call]).direction, Direction::Internal);
    }
    // Six digits are no phone of ours unless the map says so, and are told as they are.
    let city = judged([between("735797", "101")]);
    assert_eq!(
        (city.direction, city.number.as_deref(), city.e164),
        (Direction::In, Some("735797"), None)
    );
    // An exchange that tells a click to call as a call in.
    let mut call = between("101", CLIENT);
    call.parties.as_mut().unwrap().direction = Some(Direction::In);
    assert_eq!(judged([call]).direction, Direction::Out);
}

/// yaai#179: of a click to call the first leg rings the employee.
#[test]
fn a_click_to_call_is_answered_by_the_client() {
    let before = [between("101", CLIENT), bridged("a", "101", 1), rings("b", CLIENT, 2)];
    let busy = [ends("b", CLIENT, 5, LegEnd::Busy), ends("a", "101", 6, LegEnd::HungUp), over(6)];
    let call = judged(before.iter().cloned().chain(busy));
    assert_eq!((call.status, call.user, call.talk_seconds), (Some(CallStatus::Busy), Some(1), 0));
    let talk = [bridged("b", CLIENT, 5), ends("b", CLIENT, 35, LegEnd::HungUp), over(35)];
    let call = judged(before.into_iter().chain(talk));
    assert_eq!((call.status, call.talk_seconds), (Some(CallStatus::Answered), 30));
    let cancelled = [between("101", CLIENT), ends("b", CLIENT, 5, LegEnd::Cancelled), over(5)];
    assert_eq!(judged(cancelled).status, Some(CallStatus::Cancelled));
}

/// Simple-Dialer#442, somleng#1820: who hides is nobody.
#[test]
fn a_hidden_caller_has_no_number() {
    for hidden in ["-1", "anonymous", "Restricted", "", " Unknown "] {
        let call = judged([between(hidden, LINE), over(3)]);
        assert_eq!((call.number, call.e164), (None, None), "{hidden}");
        assert_eq!((call.direction, call.status), (Direction::In, Some(CallStatus::Missed)));
    }
}

/// A call's own line is no client, whichever side of it is told.
#[test]
fn a_line_is_never_the_client() {
    assert_eq!(judged([between(LINE, "101")]).number, None);
    assert_eq!(judged([between("104", LINE)]).number, None);
}

/// Of a list: a call in that lasted so many seconds.
fn listed(phone: &str, status: CallStatus, seconds: i64) -> Call {
    of_list(phone, status, seconds).told(&exchange(), &e164).call
}

fn of_list(phone: &str, status: CallStatus, seconds: i64) -> ListedCall {
    ListedCall {
        root: "1".to_owned(),
        started_at: at(0),
        ended_at: Some(at(seconds)),
        direction: None,
        from: Some(CLIENT.to_owned()),
        to: Some(LINE.to_owned()),
        line: None,
        extension: Some(phone.to_owned()),
        status,
        talk_seconds: (status == CallStatus::Answered).then_some(seconds),
        recording: None,
    }
}

#[test]
fn a_list_tells_what_was_lost_and_nothing_twice() {
    let answered = |phone| listed(phone, CallStatus::Answered, 60);
    let missed = || listed("101", CallStatus::Missed, 20);
    let how = |told: Vec<Call>| {
        let judged = judged(told);
        (judged.status, judged.user, judged.talk_seconds)
    };
    let talk = |user, seconds| (Some(CallStatus::Answered), Some(user), seconds);
    // Nothing was told but the list.
    assert_eq!(how(vec![answered("101")]), talk(1, 60));
    assert_eq!(how(vec![missed()]), (Some(CallStatus::Missed), Some(1), 0));
    // All was told: it stays as it was told, with the one who talked last.
    let told = || {
        let first = [bridged("1", "101", 0), ends("1", "101", 40, LegEnd::HungUp)];
        let second = [bridged("2", "102", 40), ends("2", "102", 60, LegEnd::HungUp)];
        [vec![between(CLIENT, LINE)], first.to_vec(), second.to_vec(), vec![over(60)]].concat()
    };
    assert_eq!(how([told(), vec![answered("101")]].concat()), talk(2, 60));
    assert_eq!(how([vec![missed()], told()].concat()), talk(2, 60));
    // The answer was lost, and the end.
    let ringing = || vec![between(CLIENT, LINE), rings("1", "102", 1)];
    assert_eq!(how([ringing(), vec![answered("101")]].concat()), talk(1, 60));
    assert_eq!(how([ringing(), vec![missed()]].concat()), (Some(CallStatus::Missed), Some(2), 0));
    // A list says how long they talked, and when it was over: before they talked it rang.
    let rang = ListedCall { talk_seconds: Some(30), ..of_list("101", CallStatus::Answered, 60) };
    let rang = rang.told(&exchange(), &e164).call;
    assert_eq!(how(vec![rang.clone()]), talk(1, 30));
    let half = [bridged("1", "102", 30), ends("1", "102", 60, LegEnd::HungUp), over(60)];
    assert_eq!(how([vec![between(CLIENT, LINE), rang], half.to_vec()].concat()), talk(2, 30));
    // Why nobody answered was lost.
    let out = vec![between("101", CLIENT), rings("1", CLIENT, 1), over(20)];
    assert_eq!(how(out.clone()).0, Some(CallStatus::Missed));
    let busy = ListedCall {
        from: Some("101".to_owned()),
        to: Some(CLIENT.to_owned()),
        extension: None,
        ..of_list("101", CallStatus::Busy, 20)
    };
    let busy = busy.told(&exchange(), &e164).call;
    assert_eq!(how([out, vec![busy]].concat()), (Some(CallStatus::Busy), Some(1), 0));
    // Nor whose phone rang.
    assert_eq!(
        how(vec![between(CLIENT, LINE), over(20), missed()]),
        (Some(CallStatus::Missed), Some(1), 0)
    );
    // A call that was passed on has a line for each phone.
    assert_eq!(how(vec![answered("101"), answered("102")]).2, 120);
}

#[test]
fn a_listed_call_out_is_of_whoever_called() {
    let out = |from: &str, extension: Option<&str>| ListedCall {
        root: "1".to_owned(),
        started_at: at(0),
        ended_at: None,
        direction: None,
        from: Some(from.to_owned()),
        to: Some(CLIENT.to_owned()),
        line: None,
        extension: extension.map(str::to_owned),
        status: CallStatus::Answered,
        talk_seconds: Some(30),
        recording: None,
    };
    for one in [out("101", None), out("101", Some("101")), out(LINE, Some("101"))] {
        let told = one.told(&exchange(), &e164).call;
        assert_eq!(told.began(), Some(at(0)));
        let judged = judged([told]);
        assert_eq!((judged.direction, judged.user), (Direction::Out, Some(1)));
        assert_eq!((judged.status, judged.talk_seconds), (Some(CallStatus::Answered), 30));
        assert_eq!(judged.number.as_deref(), Some(CLIENT));
    }
    let told = ListedCall { status: CallStatus::Busy, ..out("101", None) }.told(&exchange(), &e164);
    assert_eq!(judged([told.call]).status, Some(CallStatus::Busy));
}

fn told() -> impl Strategy<Value = Vec<Call>> {
    let phones = prop::sample::select(vec!["101", "102", "103", "104"]);
    let ends = prop::sample::select(vec![
        LegEnd::NoAnswer,
        LegEnd::Busy,
        LegEnd::AnsweredElsewhere,
        LegEnd::HungUp,
    ]);
    let one =
        (phones, 0..5_u8, 0..300_i64, ends).prop_map(|(phone, what, second, end)| match what {
            0 => rings(phone, phone, second),
            1 => bridged(phone, phone, second),
            2 => self::ends(phone, phone, second, end),
            3 => listed(phone, CallStatus::Answered, second),
            _ => over(second),
        });
    prop::collection::vec(one, 0..12).prop_map(|mut told| {
        told.push(between(CLIENT, LINE));
        told
    })
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        (told, mixed) in told().prop_flat_map(|told| {
            let again = told.iter().chain(told.iter().take(4)).cloned().collect::<Vec<_>>();
            (Just(told), Just(again).prop_shuffle())
        })
    ) {
        let fold = |told: Vec<Call>| told.into_iter().fold(Call::default(), Call::with);
        let call = fold(told);
        prop_assert_eq!(&fold(mixed), &call);
        prop_assert_eq!(call.clone().with(call.clone()), call);
    }

    #[test]
    fn what_is_told_later_takes_no_talk_back(told in told(), more in told()) {
        let before = judged(told.clone());
        let after = judged(told.into_iter().chain(more));
        if before.status == Some(CallStatus::Answered) {
            prop_assert!(matches!(after.status, None | Some(CallStatus::Answered)));
        }
        prop_assert!(after.talk_seconds > 0 || before.talk_seconds == 0);
    }
}

#[test]
fn what_is_told_of_a_call_is_put_together_and_of_no_other() {
    let one = |root: &str, also: &[&str], call: Call| Told {
        root: root.to_owned(),
        also: also.iter().map(|id| (*id).to_owned()).collect(),
        call,
    };
    let told = [
        one("1", &[], between(CLIENT, LINE)),
        one("2", &[], rings("a", "102", 1)),
        one("1", &["3"], bridged("a", "101", 2)),
        one("1", &[], over(30)),
    ];
    let whole = between(CLIENT, LINE).with(bridged("a", "101", 2)).with(over(30));
    let expected = vec![one("1", &["3"], whole), one("2", &[], rings("a", "102", 1))];
    assert_eq!(Told::together(told), expected);
}

/// A queue that rings for long makes hundreds of legs, and the one that was answered is not among the first.
#[test]
fn legs_that_rang_in_vain_make_room_for_the_one_that_was_bridged() {
    let mut told = vec![between(CLIENT, LINE), over(900)];
    for number in 0..2 * MOST_LEGS {
        let id = format!("leg {number}");
        told.push(rings(&id, "101", 1));
        told.push(ends(&id, "101", 20, LegEnd::NoAnswer));
    }
    told.push(bridged("last", "102", 700));
    told.push(ends("last", "102", 900, LegEnd::HungUp));
    let whole = told.iter().cloned().fold(Call::default(), Call::with);
    assert_eq!(whole.legs.len(), MOST_LEGS);
    told.reverse();
    for told in [judged(told.clone()), whole.judged(&exchange(), &e164)] {
        assert_eq!(
            (told.status, told.user, told.talk_seconds),
            (Some(CallStatus::Answered), Some(2), 200)
        );
    }
}
