//! Exchanges that have no recording, never come to an end, take their time, or lead to where nothing is asked.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use voronka_integration_tests::{TestServer, process::until_so};

use super::{
    check_invariants, fetching_office, objects, tell, try_for_the_last_time, until_it_is,
    until_missed, wave,
};
use crate::intake::{
    exchange::Exchange,
    host::{Answer, Host},
    office::{Office, office_in},
};

/// Case 33 and what is like it: a page on which to log in, a head without sound, nothing at all, and what breaks off.
#[tokio::test]
async fn what_is_no_recording_is_waited_for_and_never_played() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let (admin, host) = (&server.admin, Host::open());
    let html = b"<!doctype html><title>Log in</title>".to_vec();
    let cases = [
        (
            "html",
            Answer::File("text/html", html.clone()),
            "What the link leads to is no recording, but a page or something else.",
        ),
        (
            "lie",
            Answer::File("audio/wav", html),
            "What the link leads to is no recording that can be played.",
        ),
        ("head", Answer::File("audio/wav", wave(0)), "The recording has no sound."),
        ("empty", Answer::File("audio/wav", Vec::new()), "What the link leads to is empty."),
        ("broken", Answer::BrokenOff(wave(50_000)), "The recording broke off while it came."),
        ("busy", Answer::Status(503, "retry-after: 3600\r\n"), "The exchange answered 503."),
        ("secret", Answer::Status(403, ""), "The exchange answered 403."),
        ("around", Answer::Redirect("/around".to_owned()), "The link leads on and on."),
        ("removed", Answer::Status(410, ""), "The exchange answered 410."),
    ];
    let mut activities = Vec::new();
    for (name, answer, reason) in &cases {
        let url = host.says(&format!("/{name}"), [answer.clone()]);
        activities.push((*name, tell(&exchange, name, &url).await, *reason));
    }
    for (name, activity, reason) in &activities {
        // What does not pass is not tried again.
        if ["around", "removed"].contains(name) {
            let shown = until_it_is(admin, activity, "failed").await;
            assert_eq!((&shown["reason"], &shown["next_at"]), (&json!(reason), &Value::Null));
            continue;
        }
        let shown = until_missed(admin, activity, reason).await;
        let next: DateTime<Utc> = shown["next_at"].as_str().unwrap().parse().unwrap();
        // An hour, as the host asks, is more than the five seconds of the first time.
        assert_eq!(next - Utc::now() > TimeDelta::minutes(30), *name == "busy", "{name}: {next}");
        let path = format!("/v1/activities/{activity}/recording/fetch");
        admin.post(&path, json!({})).await.problem(409, "recording_not_failed");
    }
    assert_eq!((host.asked("/removed"), host.asked("/around")), (1, 4));
    try_for_the_last_time(&server);
    for (_, activity, reason) in &activities {
        let shown = until_it_is(admin, activity, "failed").await;
        assert_eq!(shown["reason"], json!(reason));
        let path = format!("/v1/activities/{activity}/recording");
        let answer = admin.get(&path).await.problem(404, "recording_not_kept");
        assert!(answer.json["detail"].as_str().unwrap().ends_with(reason), "{}", answer.text);
    }
    // Nothing of it lies in the store for good, and what is there by now can be fetched after all.
    assert_eq!((objects(&server, "kept"), objects(&server, "writing")), (0, 0));
    host.says("/html", [Answer::File("audio/wav", wave(10))]);
    let path = format!("/v1/activities/{}/recording/fetch", activities[0].1);
    assert_eq!(admin.post(&path, json!({})).await.expect(200).json["state"], "waiting");
    until_it_is(admin, &activities[0].1, "kept").await;
    check_invariants(&server);
}

#[tokio::test]
async fn a_host_that_is_endless_or_slow_is_given_up() {
    let limits = ["--file-limit", "100000", "--recording-seconds", "1"];
    let Office { server, exchange, .. } = fetching_office(&limits).await;
    let (admin, host) = (&server.admin, Host::open());
    let too_large = "The recording is larger than a file may be: 100000 bytes.";
    let fits = host.says("/fits", [Answer::File("audio/wav", wave(99_956))]);
    let endless = host.says("/endless", [Answer::Endless("audio/wav", wave(50_000))]);
    let large = host.says("/large", [Answer::File("audio/wav", wave(99_957))]);
    let page = host.says("/page", [Answer::Endless("text/html", b"<p>".to_vec())]);
    let silent = host.says("/silent", [Answer::Silent(wave(50_000))]);
    let fits = tell(&exchange, "fits", &fits).await;
    until_it_is(admin, &fits, "kept").await;
    for url in [endless, large] {
        let activity = tell(&exchange, &url, &url).await;
        let shown = until_it_is(admin, &activity, "failed").await;
        assert_eq!(shown["reason"], too_large);
    }
    let page = tell(&exchange, "page", &page).await;
    until_missed(
        admin,
        &page,
        "What the link leads to is no recording, but a page or something else.",
    )
    .await;
    let silent = tell(&exchange, "silent", &silent).await;
    until_missed(admin, &silent, "The recording took too long to come.").await;
    assert_eq!((objects(&server, "kept"), objects(&server, "writing")), (1, 0));
    check_invariants(&server);
}

/// However long a host takes, others have their recordings.
#[tokio::test]
async fn a_slow_host_is_slow_for_its_own_workspace_alone() {
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    let host = Host::open();
    for number in 0..6 {
        let path = format!("/silent/{number}");
        let url = host.says(&path, [Answer::Silent(wave(50_000))]);
        tell(&exchange, &path, &url).await;
    }
    let asked = || (0..6).map(|number| host.asked(&format!("/silent/{number}"))).sum::<usize>();
    until_so("as many as may be are asked at once", || asked() == 4).await;
    let other = server.workspace("Other", "EUR", "Europe/Amsterdam").await;
    let theirs = Exchange::open(&other, [&other, &other]).await;
    let path = format!("/v1/integrations/{}", theirs.id);
    other.patch(&path, json!({ "recordings": "fetch" })).await.expect(200);
    let url = host.says("/quick", [Answer::File("audio/wav", wave(10))]);
    let activity = tell(&theirs, "1", &url).await;
    until_it_is(&other, &activity, "kept").await;
    assert_eq!(asked(), 4);
}

/// By an address, a name or a redirect, nothing inside a network is asked, unless the operator has allowed it.
#[tokio::test]
async fn nothing_inside_a_network_is_asked() {
    let server = office_in(TestServer::start().await).await;
    let Office { server, exchange, .. } = server;
    let path = format!("/v1/integrations/{}", exchange.id);
    server.admin.patch(&path, json!({ "recordings": "fetch" })).await.expect(200);
    let host = Host::open();
    let url = host.says("/1.wav", [Answer::File("audio/wav", wave(10))]);
    let port = host.port();
    let refused = "The link leads to an address inside a network, from which nothing is fetched.";
    let mut urls = vec![url];
    for name in ["localhost", "2130706433", "[::ffff:127.0.0.1]", "0x7f000001", "0"] {
        urls.push(format!("http://{name}:{port}/1.wav"));
    }
    for (number, url) in urls.iter().enumerate() {
        let activity = tell(&exchange, &number.to_string(), url).await;
        let shown = until_it_is(&server.admin, &activity, "failed").await;
        assert_eq!(shown["reason"], refused, "{url}");
    }
    assert_eq!(host.asked("/1.wav"), 0);

    // Here one address is allowed, and what it leads to is looked at as well.
    let Office { server, exchange, .. } = fetching_office(&[]).await;
    for (path, to) in [
        ("/metadata", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("/name", format!("http://localhost.localdomain:{port}/1.wav")),
        ("/neighbour", format!("http://127.0.0.2:{port}/1.wav")),
        ("/six", format!("http://[::1]:{port}/1.wav")),
    ] {
        let url = host.says(path, [Answer::Redirect(to)]);
        let activity = tell(&exchange, path, &url).await;
        if path == "/name" {
            // It leads to whatever this machine says of it, and nowhere that is not allowed.
            until_so("it was asked", || host.asked(path) > 0).await;
            continue;
        }
        let shown = until_it_is(&server.admin, &activity, "failed").await;
        assert_eq!(shown["reason"], refused, "{path}");
    }
    let url = host.says("/file", [Answer::Redirect("file:///etc/passwd".to_owned())]);
    let activity = tell(&exchange, "file", &url).await;
    let shown = until_it_is(&server.admin, &activity, "failed").await;
    assert_eq!(shown["reason"], "The link is no address of the web.");
    let url = host.says("/fine", [Answer::Redirect("/1.wav".to_owned())]);
    let activity = tell(&exchange, "fine", &url).await;
    until_it_is(&server.admin, &activity, "kept").await;
}
