use std::os::unix::fs::PermissionsExt;

use futures_util::stream;

use super::*;

fn key() -> Key {
    Key { workspace_id: Uuid::from_u128(1), id: Uuid::now_v7() }
}

fn directory() -> (tempfile::TempDir, Objects) {
    let directory = tempfile::tempdir().unwrap();
    let objects = Objects::at(&Place::Directory(directory.path().join("files"))).unwrap();
    (directory, objects)
}

fn pieces(lengths: &[usize]) -> Vec<Result<Bytes, String>> {
    lengths.iter().zip(0_u8..).map(|(length, byte)| Ok(Bytes::from(vec![byte; *length]))).collect()
}

async fn whole(objects: &Objects, key: Key, range: Option<Range<u64>>) -> Vec<u8> {
    let stream = objects.read(key, range).await.unwrap();
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    pieces.concat()
}

/// Everything that lies in the store.
fn files(directory: &tempfile::TempDir) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory.path().join("files")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            all.push(file.unwrap().file_name().into_string().unwrap());
        }
    }
    all
}

#[actix_web::test]
async fn what_is_written_is_read_again() {
    let (_directory, objects) = directory();
    for lengths in [vec![], vec![0], vec![3, 4], vec![write::PART], vec![7 << 20, 1, 9 << 20]] {
        let (key, pieces) = (key(), pieces(&lengths));
        let all = pieces.iter().flat_map(|piece| piece.clone().unwrap()).collect::<Vec<u8>>();
        let most = all.len() as u64;
        let written =
            objects.keep(key, stream::iter(pieces), most, &AtomicU64::new(0)).await.unwrap();
        assert_eq!(written.bytes, most, "{lengths:?}");
        assert_eq!(whole(&objects, key, None).await, all, "{lengths:?}");
        if all.len() > 5 {
            assert_eq!(whole(&objects, key, Some(2..5)).await, all[2..5], "{lengths:?}");
        }
        objects.remove(key).await.unwrap();
        assert!(objects.read(key, None).await.is_err());
        objects.remove(key).await.unwrap();
    }
}

#[actix_web::test]
async fn the_digest_is_that_of_all_bytes() {
    let (_directory, objects) = directory();
    let pieces = vec![Ok::<_, String>(Bytes::from("a")), Ok(Bytes::from("bc"))];
    let written = objects.keep(key(), stream::iter(pieces), 3, &AtomicU64::new(0)).await.unwrap();
    // FIPS 180-2, appendix B.1.
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex::encode(written.sha256), known);
}

#[actix_web::test]
async fn what_is_too_large_or_cut_off_leaves_nothing() {
    let (directory, objects) = directory();
    let most = 11 << 20;
    let more = stream::iter(pieces(&[6 << 20, 6 << 20]));
    let failed = objects.keep(key(), more, most, &AtomicU64::new(0)).await.unwrap_err();
    assert!(matches!(failed, Failed::TooLarge(told) if told == most), "{failed:?}");
    let mut broken = pieces(&[6 << 20, 1]);
    broken.push(Err("hung up".to_owned()));
    let failed =
        objects.keep(key(), stream::iter(broken), most, &AtomicU64::new(0)).await.unwrap_err();
    assert!(matches!(&failed, Failed::Source(told) if told == "hung up"), "{failed:?}");
    assert_eq!(files(&directory), Vec::<String>::new());
}

#[actix_web::test]
async fn who_goes_away_leaves_nothing() {
    let (directory, objects) = directory();
    let endless = stream::iter(pieces(&[6 << 20, 6 << 20])).chain(stream::pending());
    let came = AtomicU64::new(0);
    let mut keep = Box::pin(objects.keep(key(), endless, 1 << 30, &came));
    // Written in part, and never to its end.
    while files_or_none(&directory).is_empty() {
        assert!(futures_util::poll!(&mut keep).is_pending());
        tokio::task::yield_now().await;
    }
    drop(keep);
    while !files(&directory).is_empty() {
        tokio::task::yield_now().await;
    }
}

fn files_or_none(directory: &tempfile::TempDir) -> Vec<String> {
    if directory.path().join("files").join(Uuid::from_u128(1).to_string()).exists() {
        return files(directory);
    }
    Vec::new()
}

#[actix_web::test]
async fn what_a_crash_left_beside_an_object_is_removed_with_it() {
    let (directory, objects) = directory();
    let key = key();
    objects.keep(key, stream::iter(pieces(&[1])), 1, &AtomicU64::new(0)).await.unwrap();
    let beside = directory.path().join("files").join(key.workspace_id.to_string());
    std::fs::write(beside.join(format!("{}#1", key.id)), "half").unwrap();
    objects.remove(key).await.unwrap();
    assert_eq!(files(&directory), Vec::<String>::new());
}

#[actix_web::test]
async fn strangers_do_not_look_into_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (new, old) = (directory.path().join("a/b"), directory.path().join("old"));
    std::fs::create_dir(&old).unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).unwrap();
    for (path, mode) in [(new, 0o700), (old, 0o750)] {
        Objects::at(&Place::Directory(path.clone())).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn places_are_read() {
    let bucket =
        |name: &str, prefix: &str| Place::Bucket { name: name.into(), prefix: prefix.into() };
    assert_eq!("s3://b".parse(), Ok(bucket("b", "")));
    assert_eq!("s3://b/".parse(), Ok(bucket("b", "")));
    assert_eq!("s3://b/a/c/".parse(), Ok(bucket("b", "a/c")));
    assert_eq!("./x".parse(), Ok(Place::Directory("./x".into())));
    for wrong in ["", "s3://", "s3:///x", "gs://b", "s3://key@b"] {
        assert!(wrong.parse::<Place>().is_err(), "{wrong}");
    }
}

/// As a disk that is not mounted any more: an empty directory is in its place.
#[actix_web::test]
async fn a_store_that_went_away_is_not_made_anew() {
    let (directory, objects) = directory();
    let (path, id) = (directory.path().join("files"), Uuid::now_v7());
    std::fs::write(path.join("voronka-store"), format!("{id}\n")).unwrap();
    objects.0.is.set(id).unwrap();
    let (old, new) = (key(), key());
    let keep =
        async |key| objects.keep(key, stream::iter(pieces(&[3])), 3, &AtomicU64::new(0)).await;
    keep(old).await.unwrap();
    let away = directory.path().join("away");
    std::fs::rename(&path, &away).unwrap();
    for empty in [false, true] {
        if empty {
            std::fs::create_dir(&path).unwrap();
        }
        assert!(matches!(keep(new).await, Err(Failed::Store(_))));
        assert!(objects.remove(old).await.is_err());
    }
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::rename(&away, &path).unwrap();
    assert_eq!(whole(&objects, old, None).await, [0; 3]);
    keep(new).await.unwrap();
    objects.remove(old).await.unwrap();
}
