//! A database's files are in one store, and a server that looks elsewhere does not start.

use std::path::Path;

use voronka_api::objects::{Objects, Place};
use voronka_integration_tests::{TestServer, postgres};
use voronka_persistence::Store;

fn place(path: &Path) -> Place {
    Place::Directory(path.to_owned())
}

fn marker(path: &Path) -> String {
    std::fs::read_to_string(path.join("voronka-store")).unwrap().trim().to_owned()
}

#[test]
fn a_server_with_another_store_does_not_start() {
    let store = Store::new(&postgres::database(), 4);
    let directory = tempfile::tempdir().unwrap();
    let [own, empty, missing, others] =
        ["own", "empty", "missing", "others"].map(|name| directory.path().join(name));
    assert!(Objects::check(Some(&store), &place(&own)).unwrap().contains("will be kept"));
    assert!(!own.exists());
    Objects::of(&store, &place(&own)).unwrap();
    Objects::of(&store, &place(&own)).unwrap();
    let other = Store::new(&postgres::database(), 4);
    Objects::of(&other, &place(&others)).unwrap();
    std::fs::create_dir(&empty).unwrap();
    let id = marker(&own);
    for (wrong, is) in [
        (&empty, "is no store of files yet".to_owned()),
        (&missing, "is no store of files yet".to_owned()),
        (&others, format!("is store {}", marker(&others))),
    ] {
        for refused in [
            Objects::of(&store, &place(wrong)).map(|_| ()),
            Objects::check(Some(&store), &place(wrong)).map(|_| ()),
        ] {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(&is) && refused.contains(&format!("store {id}")), "{refused}");
            assert!(refused.contains("VORONKA_FILES"), "{refused}");
        }
    }
    // Nobody has made a store of it meanwhile.
    assert!(!missing.exists() && std::fs::read_dir(&empty).unwrap().next().is_none());
    assert!(Objects::check(Some(&store), &place(&own)).unwrap().contains(&id));
}

/// A store that is there already, as one that was moved with a database of its own, is taken as it is.
#[test]
fn a_new_database_takes_a_store_that_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| Store::new(&postgres::database(), 4));
    Objects::of(&one, &place(directory.path())).unwrap();
    let id = marker(directory.path());
    Objects::of(&other, &place(directory.path())).unwrap();
    assert_eq!(marker(directory.path()), id);
    assert_eq!(other.file_store().unwrap().unwrap().to_string(), id);
}

#[test]
fn servers_that_start_at_once_agree() {
    for _ in 0..5 {
        let store = Store::new(&postgres::database(), 8);
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..6)
                .map(|_| scope.spawn(|| Objects::of(&store, &place(directory.path())).map(|_| ())))
                .collect();
            for start in starts {
                start.join().unwrap().unwrap();
            }
        });
        let noted = store.file_store().unwrap().unwrap();
        assert_eq!(noted.to_string(), marker(directory.path()));
    }
}

/// With a directory each, only one of them can be right.
#[test]
fn of_servers_with_a_store_each_one_starts() {
    let store = Store::new(&postgres::database(), 8);
    let directory = tempfile::tempdir().unwrap();
    let started = std::thread::scope(|scope| {
        let (store, directory) = (&store, &directory);
        let starts: Vec<_> = (0..4)
            .map(|number| {
                let own = directory.path().join(number.to_string());
                scope.spawn(move || Objects::of(store, &place(&own)).is_ok())
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).filter(|ok| *ok).count()
    });
    assert_eq!(started, 1);
}

#[tokio::test]
async fn another_server_reads_what_the_first_one_took() {
    let server = TestServer::start().await;
    let admin = &server.admin;
    let deal = admin.deal(&admin.deal_type(&["first"]).await, "1").await;
    let file = admin.add_file("deal", &deal, "a.txt", b"abc").await.expect(201).id();
    let beside = TestServer::beside(&server).await;
    let there = beside.admin.with_token(admin.token.clone().unwrap());
    let content = there.get(&format!("/v1/files/{file}/content")).await.expect(200);
    assert_eq!(content.text, "abc");
}
