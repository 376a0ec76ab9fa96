//! The simulator keeps its own promises.

use super::*;

fn disk() -> (SimDisk, PathBuf) {
    (SimDisk::new(7), PathBuf::from("/log"))
}

fn read(disk: &SimDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn keeps_only_what_was_synced() {
    let (disk, folder) = disk();
    let (named, unnamed) = (folder.join("named"), folder.join("unnamed"));
    let file = disk.create(&named).unwrap();
    disk.sync_dir(&folder).unwrap();
    file.write_all_at(b"synced", 0).unwrap();
    file.sync().unwrap();
    file.write_all_at(b"lost!!", 0).unwrap();
    disk.create(&unnamed).unwrap().sync().unwrap();
    assert_eq!(read(&disk, &named), b"lost!!");
    let killed = disk.fork().reboot(Loss::Nothing);
    assert_eq!(read(&killed, &named), b"lost!!");
    assert_eq!(killed.files().len(), 2);
    // A killed process takes nothing along, but what it has not synced is no safer than before.
    assert_eq!(read(&killed.reboot(Loss::All), &named), b"synced");
    let cut = disk.reboot(Loss::All);
    assert_eq!(read(&cut, &named), b"synced");
    assert_eq!(cut.files(), [(named, 6)]);
    // The run before is over, its files with it.
    assert!(file.sync().is_err() && file.len().is_err());
    assert!(disk.list(&folder).is_err());
}

#[test]
fn renames_and_removals_wait_for_the_folder() {
    let (disk, folder) = disk();
    let (a, b) = (folder.join("a"), folder.join("b"));
    for (path, bytes) in [(&a, b"aa"), (&b, b"bb")] {
        let file = disk.create(path).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.sync().unwrap();
    }
    disk.sync_dir(&folder).unwrap();
    disk.rename(&a, &b).unwrap();
    assert_eq!(read(&disk, &b), b"aa");
    let before = disk.fork().reboot(Loss::All);
    assert_eq!((read(&before, &a), read(&before, &b)), (b"aa".to_vec(), b"bb".to_vec()));
    disk.sync_dir(&folder).unwrap();
    disk.remove(&b).unwrap();
    assert_eq!(read(&disk.reboot(Loss::All), &b), b"aa");
}

#[test]
fn tears_what_was_not_synced_the_same_way_for_a_seed() {
    let torn = |seed, loss| {
        let disk = SimDisk::new(seed);
        let path = PathBuf::from("/log/a");
        let file = disk.create(&path).unwrap();
        disk.sync_dir(Path::new("/log")).unwrap();
        file.write_all_at(&[1; 4000], 0).unwrap();
        file.sync().unwrap();
        file.write_all_at(&[2; 4000], 100).unwrap();
        read(&disk.reboot(loss), &path)
    };
    for loss in [Loss::Tail, Loss::Sectors] {
        assert_eq!(torn(1, loss), torn(1, loss));
        let outcomes: Vec<_> = (0..64).map(|seed| torn(seed, loss)).collect();
        assert!(outcomes.iter().any(|bytes| bytes.contains(&1) && bytes.contains(&2)), "{loss:?} never tore");
        assert!(outcomes.iter().all(|bytes| bytes.len() >= 4000 && bytes[..100] == [1; 100]), "{loss:?}");
    }
    // Whole sectors only: every sector of the file holds one kind of byte, but for the unaligned ends of the write.
    for bytes in (0..64).map(|seed| torn(seed, Loss::Sectors)) {
        for sector in bytes.chunks(512).skip(1).take(6) {
            assert!(sector.iter().all(|byte| *byte == sector[0]));
        }
    }
}

#[test]
fn fails_where_it_is_told_to() {
    for (fault, kind) in [(Fault::Error, io::ErrorKind::Other), (Fault::Full, io::ErrorKind::StorageFull)] {
        let (disk, folder) = disk();
        let file = disk.create(&folder.join("a")).unwrap();
        assert_eq!(disk.operations(), 1);
        disk.fail_at(3, fault);
        file.write_all_at(&[1; 10], 0).unwrap();
        assert_eq!(file.write_all_at(&[2; 10], 0).unwrap_err().kind(), kind);
        file.write_all_at(&[3; 10], 0).unwrap();
        assert_eq!(disk.failures(), [format!("{fault:?} at operation 3 (write a)")]);
    }
}

#[test]
fn a_short_write_leaves_a_prefix() {
    let lengths: Vec<usize> = (0..32)
        .map(|seed| {
            let disk = SimDisk::new(seed);
            let path = PathBuf::from("/log/a");
            let file = disk.create(&path).unwrap();
            disk.fail_at(2, Fault::Short);
            assert!(file.write_all_at(&[9; 100], 0).is_err());
            let bytes = read(&disk, &path);
            assert!(bytes.iter().all(|byte| *byte == 9));
            bytes.len()
        })
        .collect();
    assert!(lengths.iter().any(|length| (1..100).contains(length)));
}

#[test]
fn a_failed_sync_may_lose_what_a_later_one_cannot_bring_back() {
    let lost = (0..32).any(|seed| {
        let disk = SimDisk::new(seed);
        let path = PathBuf::from("/log/a");
        let file = disk.create(&path).unwrap();
        disk.sync_dir(Path::new("/log")).unwrap();
        file.write_all_at(b"gone", 0).unwrap();
        disk.fail_at(4, Fault::Error);
        assert!(file.sync().is_err());
        file.sync().unwrap();
        read(&disk.reboot(Loss::All), &path).is_empty()
    });
    assert!(lost);
}

#[test]
fn the_power_stays_off_until_the_next_run() {
    let (disk, folder) = disk();
    let file = disk.create(&folder.join("a")).unwrap();
    disk.sync_dir(&folder).unwrap();
    let _lock = disk.lock(&folder.join("lock")).unwrap();
    assert_eq!(disk.lock(&folder.join("lock")).err().unwrap().kind(), io::ErrorKind::WouldBlock);
    disk.fail_at(3, Fault::Crash);
    assert!(file.write_all_at(b"x", 0).is_err());
    assert!(file.sync().is_err() && disk.open(&folder.join("a")).is_err() && disk.sync_dir(&folder).is_err());
    let next = disk.reboot(Loss::All);
    assert_eq!(read(&next, &folder.join("a")), b"");
    assert!(next.lock(&folder.join("lock")).is_ok());
}

#[test]
fn a_full_disk_takes_what_fits_and_recovers() {
    let (disk, folder) = disk();
    disk.set_capacity(Some(8192));
    let file = disk.create(&folder.join("a")).unwrap();
    file.set_len(1 << 20).unwrap();
    assert_eq!(disk.used(), 0);
    file.write_all_at(&[1; 5000], 0).unwrap();
    let error = file.write_all_at(&[2; 5000], 5000).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(read(&disk, &folder.join("a"))[8190..8194], [2, 2, 0, 0]);
    file.write_all_at(&[3; 8192], 0).unwrap();
    disk.set_capacity(None);
    file.write_all_at(&[2; 5000], 5000).unwrap();
    assert_eq!(disk.used(), 3 * 4096);
    disk.remove(&folder.join("a")).unwrap();
    assert_eq!(disk.used(), 0);
}

#[test]
fn flips_bits_for_good() {
    let (disk, folder) = disk();
    let path = folder.join("a");
    let file = disk.create(&path).unwrap();
    file.write_all_at(b"abc", 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(&folder).unwrap();
    disk.flip(&path, 1, 1).unwrap();
    assert_eq!(read(&disk, &path), b"acc");
    assert!(disk.flip(&path, 3, 1).is_err());
    assert_eq!(read(&disk.reboot(Loss::All), &path), b"acc");
}
