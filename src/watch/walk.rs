//! What lies in a pack folder. A pack may come from anywhere: no symbolic link in it is followed, nothing is read that is
//! no plain file, and how much is looked at is bounded. Everything is opened by its name in a folder that is open
//! already, so that no race leads out of the pack either.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, open, openat, readlinkat, statat};

/// The most files and folders that all pack folders together may have.
pub(super) const MOST: usize = 10_000;
/// The folders of a pack, and how deep folders may lie in each of them.
pub(super) const CATALOG: (&str, usize) = ("catalog", 1);
/// See [`CATALOG`].
pub(super) const TEMPLATES: (&str, usize) = ("templates", 8);
/// See [`CATALOG`].
pub(super) const PARAMETERS: (&str, usize) = ("parameters", 1);

/// How everything in a pack is opened: a pipe without a writer does not wait for one, a link is an error.
const PLAIN: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// A folder that is open.
pub(super) struct Folder {
    open: OwnedFd,
    /// As people look for it.
    pub(super) path: PathBuf,
}

/// What a name in a folder stands for.
pub(super) enum Lies {
    /// A plain file, open for reading.
    File(File),
    /// A folder.
    Folder(Folder),
    /// A symbolic link, wherever it leads.
    Link,
    /// A pipe, a socket or a device.
    Odd,
}

impl Folder {
    /// A folder that the operator names; links on the way to it are the operator's too.
    pub(super) fn named(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(Self { open: open(path, flags, Mode::empty())?, path: path.to_owned() })
    }

    /// The names in it in their order, at most so many.
    pub(super) fn names(&self, most: usize) -> io::Result<Vec<OsString>> {
        let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        let listed = Dir::read_from(&self.open)?.map(|entry| Ok(name(entry?.file_name().to_bytes())));
        let own = listed.filter(|name| !name.as_ref().is_ok_and(|name| name == "." || name == ".."));
        let mut names = own.take(most).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// What has this name in it.
    pub(super) fn get(&self, name: &OsStr) -> io::Result<Lies> {
        let path = self.path.join(name);
        match self.lies(name, path.clone())? {
            Lies::Link => self.volume(name).map_or(Ok(Lies::Link), |volume| volume.lies(name, path)),
            lies => Ok(lies),
        }
    }

    fn lies(&self, name: &OsStr, path: PathBuf) -> io::Result<Lies> {
        match FileType::from_raw_mode(statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode) {
            FileType::RegularFile => {
                let open = openat(&self.open, name, PLAIN, Mode::empty())?;
                let is_file = FileType::from_raw_mode(fstat(&open)?.st_mode) == FileType::RegularFile;
                Ok(if is_file { Lies::File(open.into()) } else { Lies::Odd })
            }
            FileType::Directory => Ok(Lies::Folder(self.folder(name, path)?)),
            FileType::Symlink => Ok(Lies::Link),
            _ => Ok(Lies::Odd),
        }
    }

    fn folder(&self, name: &OsStr, path: PathBuf) -> io::Result<Self> {
        let open = openat(&self.open, name, PLAIN | OFlags::DIRECTORY, Mode::empty())?;
        Ok(Self { open, path })
    }

    /// The one link that leads nowhere else: Kubernetes shows what is in a mounted volume as `name -> ..data/name`, and
    /// `..data` leads to the folder beside it that holds the volume's files.
    fn volume(&self, name: &OsStr) -> Option<Self> {
        let leads_to = |name: &OsStr| readlinkat(&self.open, name, Vec::new()).ok();
        if leads_to(name)?.to_bytes() != [b"..data/", name.as_bytes()].concat() {
            return None;
        }
        let volume = leads_to(OsStr::new("..data"))?;
        let volume = OsStr::from_bytes(volume.to_bytes());
        let bytes = volume.as_bytes();
        let is_beside = bytes.len() > 2 && bytes.starts_with(b"..") && !bytes.contains(&b'/');
        is_beside.then(|| self.folder(volume, self.path.join(volume)).ok())?
    }
}

/// Shows the path of each folder of a pack that is read, before it is looked at what is in it.
pub(super) fn folders<E>(root: &Path, see: &mut impl FnMut(&Path) -> Result<(), E>) -> Result<(), E> {
    let Ok(root) = Folder::named(root) else { return Ok(()) };
    see(&root.path)?;
    let mut left = MOST;
    for (name, depth) in [CATALOG, TEMPLATES, PARAMETERS] {
        if let Ok(Lies::Folder(folder)) = root.get(OsStr::new(name)) {
            below(&folder, depth, &mut left, see)?;
        }
    }
    Ok(())
}

fn below<E>(
    folder: &Folder,
    depth: usize,
    left: &mut usize,
    see: &mut impl FnMut(&Path) -> Result<(), E>,
) -> Result<(), E> {
    see(&folder.path)?;
    let names = if depth > 1 { folder.names(*left).unwrap_or_default() } else { Vec::new() };
    *left -= names.len();
    for name in names.iter().filter(|name| !is_hidden(name)) {
        if let Ok(Lies::Folder(inner)) = folder.get(name) {
            below(&inner, depth - 1, left, see)?;
        }
    }
    Ok(())
}

/// True for names that begin with a dot.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}
