//! The child's other thread: reads what the daemon sends, answers its pings, and ends the process with it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::executor::{Event, Inbox, Progress};
use super::main::{end, end_with};
use super::uplink::Outbox;
use crate::wire::frame::Splitter;
use crate::wire::{ToChild, ToParent};

/// Its stack: nothing here recurses, and no code of the adapter runs here.
const STACK: usize = 128 << 10;

pub(super) struct IoThread {
    pub(super) socket: Arc<OwnedFd>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) progress: Arc<Progress>,
    /// `/proc/self/statm`, opened before files were out of reach.
    pub(super) memory: Option<File>,
    /// What was read after HELLO.
    pub(super) splitter: Splitter,
}

impl IoThread {
    pub(super) fn start(self) -> std::io::Result<()> {
        let builder = std::thread::Builder::new().name("adapter-io".into()).stack_size(STACK);
        builder.spawn(move || {
            // Whatever ends this thread ends the process: without it nobody would notice the daemon's end.
            struct Last;
            impl Drop for Last {
                fn drop(&mut self) {
                    end(70);
                }
            }
            let _last = Last;
            self.run();
        })?;
        Ok(())
    }

    fn run(mut self) {
        let mut events = Vec::new();
        let mut chunk = vec![0; 32 << 10];
        loop {
            self.take_frames(&mut events);
            self.inbox.push_all(&mut events);
            let all_sent = self.outbox.try_flush();
            self.wait(all_sent);
            match rustix::net::recv(&*self.socket, &mut chunk[..], RecvFlags::DONTWAIT) {
                // The daemon is gone. The executor may be spinning; it is not asked.
                Ok((_, 0)) => end(0),
                Ok((_, read)) => self.splitter.feed(chunk.get(..read).unwrap_or_default()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => end_with(71, &format!("lost the connection to the daemon: {error}")),
            }
        }
    }

    fn wait(&self, all_sent: bool) {
        let wanted = if all_sent { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let mut waited =
            [PollFd::new(&*self.socket, wanted), PollFd::new(self.outbox.backlog(), PollFlags::IN)];
        match poll(&mut waited, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => end_with(71, &format!("cannot wait for the daemon: {error}")),
        }
        let [_, backlog] = waited;
        if !backlog.revents().is_empty() {
            let _ = rustix::io::read(self.outbox.backlog(), &mut [0_u8; 8]);
        }
    }

    fn take_frames(&mut self, events: &mut Vec<Event>) {
        loop {
            let frame = match self.splitter.next_frame() {
                Ok(Some(raw)) => ToChild::decode(&raw),
                Ok(None) => return,
                Err(error) => Err(error),
            };
            match frame {
                Ok(ToChild::Ping { id }) => self.pong(id),
                Ok(ToChild::Call { id, scope, operation, replay, request }) => {
                    events.push(Event::Call { id, scope, operation, replay, request });
                }
                Ok(ToChild::Cancel { id }) => events.push(Event::Cancel { id }),
                Ok(ToChild::HostReply { id, answer }) => events.push(Event::HostReply { id, answer }),
                Ok(ToChild::Shutdown) => events.push(Event::Shutdown),
                Ok(ToChild::Hello(_)) => end_with(72, "a second HELLO"),
                Err(error) => end_with(72, &format!("not a frame of the daemon: {error}")),
            }
        }
    }

    fn pong(&self, id: u64) {
        let frame = ToParent::Pong {
            id,
            stuck_ms: self.progress.stuck_ms(),
            in_flight: self.progress.in_flight(),
            rss_bytes: self.memory.as_ref().and_then(resident).unwrap_or_default(),
        };
        self.outbox.push(&frame, usize::MAX);
    }
}

/// The second number of `statm`, in pages.
fn resident(statm: &File) -> Option<u64> {
    let mut text = [0; 128];
    let read = statm.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(text.get(..read)?).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}
