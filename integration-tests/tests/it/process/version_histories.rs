//! Random histories of deals and of their process, over HTTP: every figure of every report is that of a model
//! which knows only events, keys and versions, and that of its list; and the past stays as it was.

mod model;
mod play;

use serde_json::Value;
use voronka_integration_tests::{Api, TestServer, histories};

use crate::analytics::drill_down::check_all;
use model::Model;
use play::{DAY, Play};

/// Deals and steps of a history.
const STEPS: usize = 90;

/// What does not mean another thing when only time has passed, or a stage was renamed.
fn lasting(mut report: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for passing in
                    ["drill_down", "name", "from", "to", "as_of", "published_at", "detail"]
                {
                    fields.remove(passing);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut report);
    report
}

async fn read(api: &Api, path: &str) -> Value {
    api.get(path).await.expect(200).json
}

/// Reports whose past is over, with what they answered.
struct Remembered {
    /// Days before today, of a period; or microseconds of an instant.
    closed: Option<i64>,
    as_of: Option<i64>,
    /// Days that had passed then.
    passed: i64,
    answer: Value,
}

impl Remembered {
    fn paths(play: &Play, closed: Option<i64>, as_of: Option<i64>) -> String {
        match (closed, as_of) {
            (Some(day), _) => play.closed_path(Some(day), "closed", None),
            (_, Some(at)) => play.open_path(at, None),
            _ => unreachable!(),
        }
    }

    async fn of(play: &Play, closed: Option<i64>, as_of: Option<i64>) -> Self {
        let path = Self::paths(play, closed, as_of);
        let answer = lasting(read(&play.api, &path).await);
        Self { closed, as_of, passed: play.passed, answer }
    }

    async fn still_holds(&self, play: &Play) {
        let since = play.passed - self.passed;
        let (closed, as_of) =
            (self.closed.map(|day| day + since), self.as_of.map(|at| at - since * DAY));
        let path = Self::paths(play, closed, as_of);
        let answer = lasting(read(&play.api, &path).await);
        assert_eq!(answer, self.answer, "{path}");
    }
}

/// Each report, by the versions that there are, equals the model; some of them equal their lists.
async fn all_reports(play: &mut Play, server: &TestServer) {
    let model = Model::load(server, play).await;
    let mut given: Vec<Option<usize>> = vec![None];
    given.extend((0..model.versions.len()).map(Some));
    let instants = play.instants.clone();
    for given in given {
        let id = given.map(|index| model.versions[index].id.clone());
        for basis in ["closed", "created"] {
            for until in [None, Some(play.some(40))] {
                let path = play.closed_path(until, basis, id.as_deref());
                let report = read(&play.api, &format!("{path}&group_by=month")).await;
                model.check_closed(&report, basis, play.end_of(until), given);
            }
        }
        let at = instants[play.some_index(instants.len())];
        model.check_open(&read(&play.api, &play.open_path(at, id.as_deref())).await, at, given);
        for by in ["stage", "deepest_stage"] {
            let report = read(&play.api, &play.losses_path(by, id.as_deref())).await;
            model.check_losses(&report, by, play.end_of(None), given);
        }
        let report = read(&play.api, &play.durations_path(id.as_deref())).await;
        model.check_durations(&report, play.end_of(None), given);
    }
    let at = *instants.last().unwrap();
    for path in [
        play.closed_path(None, "created", None),
        play.open_path(at, None),
        play.losses_path("deepest_stage", None),
        play.durations_path(None),
    ] {
        check_all(&play.api, &path).await;
    }
}

#[tokio::test]
async fn every_figure_is_that_of_events_keys_and_versions() {
    let server = TestServer::start().await;
    let api = server.workspace("Histories", "EUR", "UTC").await;
    let mut counted = 0;
    for seed in 1..=4_u64 {
        let mut play = Play::begin(&server, &api, seed).await;
        let mut past: Vec<Remembered> = Vec::new();
        for step in 0..STEPS {
            let done = play.step(&server).await;
            match done {
                // A withdrawal changes the past, and so does a deal that is reopened.
                "withdraw" => past.clear(),
                "reopen" => past.retain(|one| one.closed.is_none()),
                "wait" => {
                    let day = play.some(30) + 1;
                    past.push(Remembered::of(&play, Some(day), None).await);
                    let at = play.pick(&play.instants.clone());
                    past.push(Remembered::of(&play, None, Some(at)).await);
                }
                _ => {}
            }
            if step % 45 == 44 {
                all_reports(&mut play, &server).await;
                for one in &past {
                    one.still_holds(&play).await;
                }
                counted += past.len();
            }
        }
    }
    assert!(counted > 20, "{counted} answers of the past were looked at again");
    histories::check(&mut server.connection());
}
