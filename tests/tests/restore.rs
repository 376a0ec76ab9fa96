//! A log that was restored from a backup: clients that saw what came after it are told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use headwater_testkit::Hub;
use headwater_testkit::peer::{Connection, Stream};

fn publish(hub: &Hub, data: &str) -> String {
    Connection::open(hub.address()).unwrap().publish("a", data).unwrap().id()
}

fn subscribe(hub: &Hub, query: &str, fields: &[(&str, &str)]) -> Stream {
    Connection::open(hub.address()).unwrap().subscribe(query, fields).unwrap()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

// IDG-04, guarantee 4: without another epoch an id from after the backup would soon stand for another event.
#[test]
fn idg_04_a_restored_log_with_a_new_epoch_knows_older_ids_from_its_own() {
    let mut hub = Hub::start();
    let data = hub.data();
    let folder = data.to_str().unwrap();
    let kept: Vec<String> = (0..5).map(|n| publish(&hub, &format!("kept {n}"))).collect();
    let old = kept[0].split_once('-').unwrap().1.to_owned();

    // While the hub runs its log is left alone.
    let refused = hub.run(&["log", "new-epoch", "--data", folder]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("a hub is using") && said.contains("stop it first"), "{said}");

    hub.terminate();
    let backup = tempfile::tempdir().unwrap();
    copy(&data, &backup.path().join("data"));
    hub.restart();
    let lost: Vec<String> = (0..5).map(|n| publish(&hub, &format!("lost {n}"))).collect();
    hub.terminate();

    copy(&backup.path().join("data"), &data);
    let renewed = hub.run(&["log", "new-epoch", "--data", folder]);
    assert!(renewed.status.success(), "{renewed:?}");
    let said = String::from_utf8(renewed.stdout).unwrap();
    assert!(said.contains(&format!("instead of {old}")), "{said}");
    hub.restart();
    // It grows past the ids that were lost.
    let new: Vec<String> = (0..9).map(|n| publish(&hub, &format!("new {n}"))).collect();
    let epoch = new[0].split_once('-').unwrap().1;
    assert_ne!(epoch, old);
    assert!(said.contains(&format!("has epoch {epoch} ")), "{said}");

    for id in lost.iter().chain(&kept) {
        let mut stream = subscribe(&hub, "?topic=a", &[("last-event-id", id)]);
        let gap = stream.events.expect();
        assert_eq!((gap.event.as_str(), gap.id.as_str()), ("headwater.gap", new[8].as_str()));
        for part in ["\"reason\":\"epoch\"".to_owned(), format!("\"requested\":\"{id}\"")] {
            assert!(gap.data.contains(&part), "{} has no {part}", gap.data);
        }
    }
    // Everything of the backup is there, under the new epoch.
    let mut stream = subscribe(&hub, "?topic=a&since=earliest", &[]);
    for (n, id) in kept.iter().enumerate() {
        let event = stream.events.expect();
        assert_eq!((event.data, event.id), (format!("kept {n}"), id.replace(&old, epoch)));
    }
    for (n, id) in new.iter().enumerate() {
        let event = stream.events.expect();
        assert_eq!((&event.data, &event.id), (&format!("new {n}"), id));
    }
}
