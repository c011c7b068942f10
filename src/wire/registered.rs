//! What becomes of who is registered here: it is written down, counted, and told to whom it concerns.

use tracing::info;

use super::clock;
use super::shell::Shell;
use crate::id::Id;
use crate::sip::{Binding, Command, End};

impl Shell {
    /// A phone has registered: that is written down and counted, its connection is kept, and the circle hears of it.
    pub(super) fn bound(
        &mut self,
        binding: Box<Binding>,
        (fresh, is_news): (bool, bool),
        out: &mut Vec<Command>,
    ) {
        if fresh {
            self.count(&binding.device);
        }
        binding.source.flow.into_iter().for_each(|flow| self.streams.keep(flow, binding.expires_at));
        if fresh {
            info!(device = %binding.device, line = %binding.aor.uri(), from = %binding.source, "a phone registered");
        }
        if let Ok(device) = binding.device.parse() {
            if fresh || is_news { self.circle.arrived(device) } else { self.circle.refreshed(device) }
        }
        if let Some(flow) = binding.ends_with().filter(|flow| !self.streams.stands(*flow)) {
            self.endpoint.closed(flow, out);
        }
        self.writer.put(binding, is_news);
    }

    /// A phone is registered no more.
    pub(super) fn unbound(&mut self, binding: &Binding, end: &End) {
        info!(device = %binding.device, line = %binding.aor.uri(), reason = end.words(), "a registration ended");
        self.writer.remove(binding);
        self.ends.tell(binding, end, clock().1);
        self.count(&binding.device);
    }

    /// Drops the notes of bindings that ended while nobody listened: nobody is told now.
    pub(super) fn drop_notes(&self, ended: &[Binding]) {
        for binding in ended {
            self.writer.remove(binding);
        }
    }

    /// Says how many contacts a device has.
    pub(super) fn count(&self, device: &str) {
        if let Ok(id) = device.parse::<Id>() {
            self.registrations.set(id, self.endpoint.bindings(device).count());
        }
    }
}
