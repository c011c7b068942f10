//! What is kept of what phones send, and what is not.

use super::*;

fn device(number: u8) -> Id {
    Id::from_bytes([number; 16])
}

fn body(bytes: usize) -> Bytes {
    vec![b'x'; bytes].into()
}

fn uploads(most: u64) -> (tempfile::TempDir, Uploads) {
    let folder = tempfile::tempdir().unwrap();
    let uploads = Uploads::open(&folder.path().join("uploads"), most).unwrap();
    (folder, uploads)
}

async fn names(uploads: &Uploads, device: Id) -> Vec<String> {
    uploads.list(device).await.unwrap().into_iter().map(|upload| upload.name).collect()
}

#[tokio::test]
async fn what_is_taken_is_there_until_it_is_replaced_or_removed() {
    let (_folder, uploads) = uploads(1 << 20);
    assert!(uploads.take(device(1), "a.log", "one".into()).await.unwrap());
    assert!(!uploads.take(device(1), "a.log", "two".into()).await.unwrap());
    let (read, received) = uploads.read(device(1), "a.log").await.unwrap().unwrap();
    assert!(read == "two" && received > 1_600_000_000);
    assert!(uploads.read(device(2), "a.log").await.unwrap().is_none());
    assert_eq!(names(&uploads, device(1)).await, ["a.log"]);
    assert!(uploads.remove(device(1), "a.log").await.unwrap());
    assert!(!uploads.remove(device(1), "a.log").await.unwrap());
    assert!(names(&uploads, device(1)).await.is_empty());
}

#[tokio::test]
async fn what_phones_send_is_bounded() {
    let (_folder, uploads) = uploads(3 << 20);
    let most = body(MAX_UPLOAD);
    assert!(matches!(uploads.take(device(1), "a", body(MAX_UPLOAD + 1)).await, Err(Refusal::TooLong)));
    for name in ["a", "b", "a", "b", "a"] {
        uploads.take(device(1), name, most.clone()).await.unwrap();
    }
    uploads.take(device(2), "c", most.clone()).await.unwrap();
    assert!(matches!(uploads.take(device(2), "d", body(1)).await, Err(Refusal::Full)));
    uploads.forget(&[device(2)]).await;
    for number in 0..MOST_OF_ONE {
        uploads.take(device(3), &format!("{number}.log"), body(1)).await.unwrap();
    }
    assert!(matches!(uploads.take(device(3), "more.log", body(1)).await, Err(Refusal::TooMany)));
    uploads.take(device(3), "1.log", body(1)).await.unwrap();
}

#[tokio::test]
async fn what_was_sent_outlives_the_process_and_what_was_half_written_does_not() {
    let (folder, uploads) = uploads(10);
    uploads.take(device(1), "a.log", body(8)).await.unwrap();
    let own = folder.path().join("uploads").join(device(1).to_string());
    std::fs::write(own.join(".7"), "half").unwrap();
    let again = Uploads::open(&folder.path().join("uploads"), 10).unwrap();
    assert!(!own.join(".7").exists());
    assert_eq!(names(&again, device(1)).await, ["a.log"]);
    assert!(matches!(again.take(device(1), "b.log", body(3)).await, Err(Refusal::Full)));
    again.take(device(1), "b.log", body(2)).await.unwrap();
}

#[tokio::test]
async fn a_name_leads_to_what_was_taken_and_nowhere_else() {
    let (folder, uploads) = uploads(10);
    uploads.take(device(1), "a.log", body(1)).await.unwrap();
    std::fs::write(folder.path().join("secret"), "x").unwrap();
    for hostile in ["../../secret", "/etc/passwd", "..", ".", "", ".7", "a.log/..", "a\0"] {
        assert!(uploads.read(device(1), hostile).await.unwrap().is_none(), "{hostile:?}");
        assert!(!uploads.remove(device(1), hostile).await.unwrap(), "{hostile:?}");
    }
}

#[tokio::test]
async fn a_name_that_no_file_can_have_is_not_there() {
    let (_folder, uploads) = uploads(10);
    uploads.take(device(1), "a.log", body(1)).await.unwrap();
    let name = "a".repeat(256);
    assert!(uploads.read(device(1), &name).await.unwrap().is_none());
    assert!(!uploads.remove(device(1), &name).await.unwrap());
}

#[tokio::test]
async fn strange_things_in_the_folder_are_passed_over() {
    let (folder, uploads) = uploads(10);
    uploads.take(device(1), "a.log", body(8)).await.unwrap();
    let all = folder.path().join("uploads");
    let own = all.join(device(1).to_string());
    std::fs::create_dir(own.join(".x")).unwrap();
    std::fs::create_dir(own.join("b.log")).unwrap();
    std::fs::write(all.join(device(2).to_string()), "no folder").unwrap();
    let again = Uploads::open(&all, 10).unwrap();
    assert_eq!(names(&again, device(1)).await, ["a.log"]);
    assert!(again.read(device(1), "b.log").await.unwrap().is_none());
    assert!(!again.remove(device(1), "b.log").await.unwrap());
    again.take(device(1), "c.log", body(2)).await.unwrap();
    std::fs::remove_dir_all(&all).unwrap();
    std::fs::write(&all, "no folder").unwrap();
    let refused = Uploads::open(&all, 10).unwrap_err().to_string();
    assert!(refused.contains(&all.display().to_string()), "{refused}");
}

#[tokio::test]
async fn what_is_used_is_what_is_on_the_disk() {
    let (folder, uploads) = uploads(10);
    for number in 1..=2 {
        uploads.take(device(number), "a.log", body(5)).await.unwrap();
    }
    let all = folder.path().join("uploads");
    std::fs::remove_dir_all(all.join(device(1).to_string())).unwrap();
    std::fs::write(all.join(device(3).to_string()), "cannot be removed as a folder").unwrap();
    uploads.forget(&[device(3), device(2)]).await;
    assert!(names(&uploads, device(2)).await.is_empty());
    assert!(matches!(uploads.take(device(4), "a.log", body(6)).await, Err(Refusal::Full)));
    uploads.count().await.unwrap();
    uploads.take(device(4), "a.log", body(10)).await.unwrap();
}

#[tokio::test]
async fn only_the_owner_of_the_process_may_read_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, uploads) = uploads(10);
    uploads.take(device(1), "a.log", body(1)).await.unwrap();
    let own = folder.path().join("uploads").join(device(1).to_string());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&own), mode(&own.join("a.log"))), (0o700, 0o600));
}

#[tokio::test]
async fn who_breaks_off_while_his_file_is_written_takes_no_room_from_others() {
    let (_folder, uploads) = uploads(10);
    for _ in 0..50 {
        let sending = uploads.take(device(1), "log", body(2));
        tokio::select! { biased; _taken = sending => {}, () = tokio::task::yield_now() => {} }
    }
    for _ in 0..500 {
        if uploads.take(device(2), "log", body(8)).await.is_ok() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("there is no room for a file that fits");
}
