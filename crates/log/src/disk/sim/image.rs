//! The state of the simulated disk: files, names, faults to come.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::file::Inode;
use super::rng::Rng;
use super::{Fault, Loss, OpNumber};

/// Everything behind a [`super::SimDisk`].
pub(super) struct Image {
    /// Which run of the machine may use it.
    run: u64,
    /// The power is gone until the next run.
    dead: bool,
    inodes: HashMap<u64, Inode>,
    next_inode: u64,
    /// Names as the running machine sees them.
    names: BTreeMap<PathBuf, u64>,
    /// Names as a power cut would leave them.
    durable_names: BTreeMap<PathBuf, u64>,
    /// What lies between the two, in order.
    pending: Vec<NameChange>,
    locks: HashSet<PathBuf>,
    pub(super) history: Vec<&'static str>,
    pub(super) faults: BTreeMap<OpNumber, Fault>,
    pub(super) failures: Vec<String>,
    pub(super) capacity: Option<u64>,
    pub(super) rng: Rng,
}

/// A change of names that is not synced.
#[derive(Clone)]
enum NameChange {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// An operation that may go on, or do as much as its fault lets it.
#[must_use]
pub(super) struct Begun {
    pub(super) fault: Option<Fault>,
}

impl Image {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            run: 0,
            dead: false,
            inodes: HashMap::new(),
            next_inode: 1,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending: Vec::new(),
            locks: HashSet::new(),
            history: Vec::new(),
            faults: BTreeMap::new(),
            failures: Vec::new(),
            capacity: None,
            rng: Rng::new(seed),
        }
    }

    pub(super) fn fork(&self) -> Self {
        Self {
            run: self.run,
            dead: self.dead,
            inodes: self.inodes.clone(),
            next_inode: self.next_inode,
            names: self.names.clone(),
            durable_names: self.durable_names.clone(),
            pending: self.pending.clone(),
            locks: HashSet::new(),
            history: self.history.clone(),
            faults: BTreeMap::new(),
            failures: Vec::new(),
            capacity: self.capacity,
            rng: self.rng.clone(),
        }
    }

    /// Whether a run is still on.
    pub(super) fn alive(&self, run: u64) -> io::Result<()> {
        match run == self.run && !self.dead {
            true => Ok(()),
            false => Err(io::Error::other("the machine is off")),
        }
    }

    /// Counts an operation and finds its fault.
    pub(super) fn begin(&mut self, run: u64, what: &'static str, path: &Path) -> io::Result<Begun> {
        self.alive(run)?;
        self.history.push(what);
        let number = self.history.len() as OpNumber;
        let fault = self.faults.remove(&number);
        if let Some(fault) = fault {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            self.failures.push(format!("{fault:?} at operation {number} ({what} {name})"));
            self.dead = fault == Fault::Crash;
        }
        Ok(Begun { fault })
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, Inode::default());
        self.change(NameChange::Create(path.to_owned(), inode));
        Ok(inode)
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<u64> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn list(&self, folder: &Path) -> Vec<PathBuf> {
        self.names.keys().filter(|path| path.parent() == Some(folder)).cloned().collect()
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.find(from)?;
        self.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.find(path)?;
        self.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, folder: &Path) {
        let (synced, left) =
            std::mem::take(&mut self.pending).into_iter().partition(|change: &NameChange| change.is_in(folder));
        self.pending = left;
        for change in synced {
            change.apply(&mut self.durable_names);
        }
    }

    pub(super) fn lock(&mut self, run: u64, path: &Path) -> io::Result<()> {
        self.alive(run)?;
        match self.locks.insert(path.to_owned()) {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    pub(super) fn unlock(&mut self, run: u64, path: &Path) {
        if run == self.run {
            self.locks.remove(path);
        }
    }

    /// Cuts the power and starts the next run; its number.
    pub(super) fn reboot(&mut self, loss: Loss) -> u64 {
        if loss != Loss::Nothing {
            let kept = if loss == Loss::All { 0 } else { self.rng.upto(self.pending.len()) };
            for change in std::mem::take(&mut self.pending).into_iter().take(kept) {
                change.apply(&mut self.durable_names);
            }
            self.names.clone_from(&self.durable_names);
        }
        let durable = &self.durable_names;
        self.inodes.retain(|inode, _| self.names.values().chain(durable.values()).any(|named| named == inode));
        // In the order of their names, so that the dice fall the same way every time.
        for inode in self.names.values() {
            if let Some(inode) = self.inodes.get_mut(inode) {
                inode.cut(loss, &mut self.rng);
            }
        }
        self.locks.clear();
        self.faults.clear();
        self.dead = false;
        self.run += 1;
        self.run
    }

    /// The bytes behind an open file. A file whose name is gone stays usable until the next run.
    pub(super) fn inode(&mut self, inode: u64) -> &mut Inode {
        self.inodes.entry(inode).or_default()
    }

    pub(super) fn fail_sync(&mut self, inode: u64) {
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.fail_sync(&mut self.rng);
        }
    }

    pub(super) fn path(&self, inode: u64) -> PathBuf {
        self.names.iter().find(|(_, named)| **named == inode).map(|(path, _)| path.clone()).unwrap_or_default()
    }

    pub(super) fn used(&self) -> u64 {
        self.names.values().filter_map(|inode| self.inodes.get(inode)).map(Inode::used).sum()
    }

    pub(super) fn files(&self) -> Vec<(PathBuf, u64)> {
        let length = |inode| self.inodes.get(inode).map_or(0, |inode| inode.live.len() as u64);
        self.names.iter().map(|(path, inode)| (path.clone(), length(inode))).collect()
    }

    pub(super) fn flip(&mut self, path: &Path, offset: u64, bits: u8) -> io::Result<()> {
        let inode = self.find(path)?;
        self.inode(inode).flip(offset as usize, bits)
    }

    fn change(&mut self, change: NameChange) {
        self.pending.push(change.clone());
        change.apply(&mut self.names);
    }
}

impl NameChange {
    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Create(path, _) | Self::Remove(path) | Self::Rename(_, path) => path.parent() == Some(folder),
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Create(path, inode) => {
                names.insert(path, inode);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
            Self::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

impl Begun {
    /// Ends the operation with what its fault says.
    pub(super) fn done(self) -> io::Result<()> {
        match self.fault {
            None => Ok(()),
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Error | Fault::Short) => Err(io::Error::other("simulated I/O error")),
            Some(Fault::Crash) => Err(io::Error::other("the machine is off")),
        }
    }
}
