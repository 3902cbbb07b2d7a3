//! What a disk has after a power cut: all that was synced, and of the rest what chance left.
//!
//! A drive with a volatile cache, the worst case: of what was written since a file was last synced, each page of 4 KiB
//! may be there or not, whatever was written before or after it; and of what was done to the names in a folder since
//! that folder was last synced, each step may have happened or not.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::log::Step;
use crate::support::random::Random;

const PAGE: u64 = 4096;

/// A file's content, whatever its name.
#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Written { offset: u64, bytes: Range<usize> },
    Resized { length: u64 },
}

#[derive(Clone, Copy, PartialEq)]
enum Node {
    File(usize),
    Folder,
}

enum NameChange {
    Set(PathBuf, Node),
    Renamed(PathBuf, PathBuf, Node),
    Removed(PathBuf),
}

/// The disk, up to some step of the log.
#[derive(Default)]
pub struct Disk {
    contents: Vec<Content>,
    by_inode: HashMap<u64, usize>,
    /// As the running process sees them.
    names: BTreeMap<PathBuf, Node>,
    durable_names: BTreeMap<PathBuf, Node>,
    pending_names: Vec<NameChange>,
}

impl Disk {
    /// A disk that holds what stands in this folder, all of it durable.
    pub fn holding(folder: &Path) -> Self {
        let mut disk = Self::default();
        disk.add(folder);
        disk.durable_names = disk.names.clone();
        disk
    }

    fn add(&mut self, path: &Path) {
        let found = fs::metadata(path).expect("it is there");
        if found.is_dir() {
            self.names.insert(path.to_owned(), Node::Folder);
            for entry in fs::read_dir(path).expect("a folder") {
                self.add(&entry.expect("an entry").path());
            }
            return;
        }
        let file = self.new_content(found.ino());
        self.contents[file].durable = fs::read(path).expect("a file");
        self.names.insert(path.to_owned(), Node::File(file));
    }

    fn new_content(&mut self, inode: u64) -> usize {
        self.contents.push(Content::default());
        self.by_inode.insert(inode, self.contents.len() - 1);
        self.contents.len() - 1
    }

    /// Takes one step of the log.
    pub fn take(&mut self, step: &Step, log: &[u8]) {
        match step {
            Step::Made { inode, path } => {
                let file = Node::File(self.new_content(*inode));
                self.name(path, file);
            }
            Step::FolderMade { path } => self.name(path, Node::Folder),
            Step::Written { inode, offset, bytes } => {
                self.content(*inode).pending.push(Change::Written { offset: *offset, bytes: bytes.clone() });
            }
            Step::Resized { inode, length } => {
                self.content(*inode).pending.push(Change::Resized { length: *length });
            }
            Step::Synced { inode } => {
                let content = self.content(*inode);
                for change in std::mem::take(&mut content.pending) {
                    apply(&mut content.durable, &change, log, |_| true);
                }
            }
            Step::FolderSynced { path } => {
                for change in std::mem::take(&mut self.pending_names) {
                    if change.folder() == path {
                        change.apply(&mut self.durable_names);
                    } else {
                        self.pending_names.push(change);
                    }
                }
            }
            Step::Renamed { from, to } => {
                let node = *self.names.get(from).expect("what is renamed is there");
                let change = NameChange::Renamed(from.clone(), to.clone(), node);
                change.apply(&mut self.names);
                self.pending_names.push(change);
            }
            Step::Removed { path } => {
                self.names.remove(path);
                self.pending_names.push(NameChange::Removed(path.clone()));
            }
        }
    }

    fn content(&mut self, inode: u64) -> &mut Content {
        let file = self.by_inode[&inode];
        &mut self.contents[file]
    }

    fn name(&mut self, path: &Path, node: Node) {
        self.names.insert(path.to_owned(), node);
        self.pending_names.push(NameChange::Set(path.to_owned(), node));
    }

    /// What is there after a power cut now, made under `to` in place of `from`. Of what was not synced nothing is kept,
    /// or half of it, or nine tenths.
    pub fn cut(&self, random: &mut Random, log: &[u8], from: &Path, to: &Path) {
        let kept = [0, 5, 9][random.below(3) as usize];
        let mut keep = || random.below(10) < kept;
        let mut names = self.durable_names.clone();
        for change in &self.pending_names {
            if keep() {
                change.apply(&mut names);
            }
        }
        // Parents come before what is in them.
        for (path, node) in &names {
            let place = to.join(path.strip_prefix(from).expect("it is in the folder"));
            if !place.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match node {
                Node::Folder => drop(fs::create_dir(place)),
                Node::File(file) => {
                    let content = &self.contents[*file];
                    let mut bytes = content.durable.clone();
                    for change in &content.pending {
                        apply(&mut bytes, change, log, |_| keep());
                    }
                    fs::write(place, bytes).expect("there is room");
                }
            }
        }
    }
}

/// Applies those pages of a change that are kept.
fn apply(bytes: &mut Vec<u8>, change: &Change, log: &[u8], mut keep: impl FnMut(u64) -> bool) {
    match change {
        Change::Resized { length } => {
            if keep(0) {
                bytes.resize(*length as usize, 0);
            }
        }
        Change::Written { offset, bytes: range } => {
            let (mut at, mut data) = (*offset, &log[range.clone()]);
            while !data.is_empty() {
                let (page, rest) = data.split_at(((PAGE - at % PAGE) as usize).min(data.len()));
                if keep(at / PAGE) {
                    let (start, end) = (at as usize, at as usize + page.len());
                    bytes.resize(bytes.len().max(end), 0);
                    bytes[start..end].copy_from_slice(page);
                }
                (at, data) = (at + page.len() as u64, rest);
            }
        }
    }
}

impl NameChange {
    fn folder(&self) -> &Path {
        let (Self::Set(path, _) | Self::Renamed(_, path, _) | Self::Removed(path)) = self;
        path.parent().expect("it is in a folder")
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Set(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Removed(path) => drop(names.remove(path)),
            Self::Renamed(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
                // What is in a folder goes with it.
                let within: Vec<_> = names.keys().filter(|path| path.starts_with(from)).cloned().collect();
                for path in within {
                    let moved = to.join(path.strip_prefix(from).expect("it is in the folder"));
                    names.remove(&path).and_then(|node| names.insert(moved, node));
                }
            }
        }
    }
}
