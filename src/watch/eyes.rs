//! What the system says about changes: a tick, and nothing else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, EventKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, DebouncedEvent, Debouncer, NoCache, new_debouncer_opt};
use tokio::sync::mpsc;

use super::walk;

/// A burst of changes has ended when nothing was seen for so long.
const SETTLE: Duration = Duration::from_millis(300);

/// How often the folders may turn out to have been replaced while their watching began.
const TRIES: usize = 5;

/// Watches until it is dropped.
pub(super) struct Eyes {
    _debouncer: Debouncer<RecommendedWatcher, NoCache>,
}

impl Eyes {
    /// Watches each folder with those in it that are read, and what its path consists of: a symlink on the way may be
    /// turned elsewhere, the folder may be replaced, even while watching begins. Every burst sends a tick, unless one
    /// is waiting already.
    pub(super) fn open(packs: &[PathBuf], sender: &mpsc::Sender<()>) -> notify::Result<Self> {
        let mut places = Places::all(packs);
        for _ in 0..TRIES {
            let eyes = Self::on(&places, sender.clone())?;
            let meanwhile = Places::all(packs);
            if meanwhile == places {
                return Ok(eyes);
            }
            places = meanwhile;
        }
        Err(notify::Error::generic("the folders are being replaced all the time"))
    }

    fn on(places: &[Places], sender: mpsc::Sender<()>) -> notify::Result<Self> {
        let roots: Vec<PathBuf> = places.iter().map(|places| places.real.clone()).collect();
        let doors: Vec<PathBuf> = places.iter().flat_map(|places| places.doors.clone()).collect();
        let seen = (roots.clone(), doors.clone());
        let tell = move |result: DebounceEventResult| {
            let matters =
                result.map_or(true, |events| events.iter().any(|event| matters(event, &seen.0, &seen.1)));
            if matters {
                let _full_or_closed = sender.try_send(());
            }
        };
        let mut debouncer = new_debouncer_opt::<_, RecommendedWatcher, _>(
            SETTLE,
            None,
            tell,
            NoCache::new(),
            Config::default(),
        )?;
        for above in doors.iter().filter_map(|door| door.parent()).filter(|above| above.is_dir()) {
            debouncer.watch(above, RecursiveMode::NonRecursive)?;
        }
        for root in &roots {
            walk::folders(root, &mut |folder| watched(debouncer.watch(folder, RecursiveMode::NonRecursive)))?;
        }
        Ok(Self { _debouncer: debouncer })
    }
}

/// A folder that went away meanwhile is missed by the one above it.
fn watched(result: notify::Result<()>) -> notify::Result<()> {
    match result {
        Err(notify::Error { kind: notify::ErrorKind::PathNotFound, .. }) => Ok(()),
        result => result,
    }
}

/// Where a pack folder is.
#[derive(PartialEq)]
struct Places {
    /// The folder itself.
    real: PathBuf,
    /// Names that lead to it: its own, and every symlink above it.
    doors: Vec<PathBuf>,
    /// Device and inode, which change when another folder takes its name.
    identity: Option<(u64, u64)>,
}

impl Places {
    fn all(packs: &[PathBuf]) -> Vec<Self> {
        packs.iter().map(|pack| Self::of(pack)).collect()
    }

    fn of(pack: &Path) -> Self {
        let named = std::path::absolute(pack).unwrap_or_else(|_| pack.to_owned());
        let real = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
        let links = named.ancestors().skip(1).filter(|above| above.is_symlink()).map(Path::to_owned);
        let doors = [named.clone(), real.clone()].into_iter().chain(links).collect();
        let identity = fs::metadata(&real).ok().map(|folder| (folder.dev(), folder.ino()));
        Self { real, doors, identity }
    }
}

/// Our own reading is no change; a neighbour of the folder is none of ours.
fn matters(event: &DebouncedEvent, roots: &[PathBuf], doors: &[PathBuf]) -> bool {
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    let read = event.kind.is_access() && event.kind != written;
    let ours = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root)) || doors.contains(path);
    event.need_rescan() || (!read && (event.paths.is_empty() || event.paths.iter().any(ours)))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use notify::Event;
    use notify::event::{CreateKind, Flag};

    use super::*;

    #[allow(clippy::disallowed_methods, reason = "the debouncer's events carry the time they were seen")]
    fn event(kind: EventKind, path: &str) -> DebouncedEvent {
        DebouncedEvent::new(Event::new(kind).add_path(path.into()), Instant::now())
    }

    fn matter(event: &DebouncedEvent) -> bool {
        matters(event, &["/srv/pack".into()], &["/etc/pack".into(), "/srv/pack".into()])
    }

    #[test]
    fn reading_is_no_change_and_writing_is_one() {
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(!matter(&event(open, "/srv/pack/templates/a.cfg")));
        assert!(matter(&event(close, "/srv/pack/templates/a.cfg")));
    }

    #[test]
    fn a_neighbour_of_the_folder_is_none_of_ours() {
        let create = EventKind::Create(CreateKind::Any);
        assert!(!matter(&event(create, "/srv/pack2")));
        assert!(matter(&event(create, "/srv/pack/catalog")));
        assert!(matter(&event(create, "/etc/pack")));
    }

    #[test]
    fn lost_events_count_as_a_change() {
        let mut lost = event(EventKind::Other, "/elsewhere");
        lost.event = lost.event.set_flag(Flag::Rescan);
        assert!(matter(&lost));
    }
}
