//! The wire between a daemon and its database: a TCP proxy that a test cuts, at a COMMIT or at any time, slows down, leads to
//! another server, and heals.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A proxy on the loopback.
pub struct Wire {
    port: u16,
    server: Arc<AtomicU16>,
    is_cut: Arc<AtomicBool>,
    lines: Arc<Mutex<Vec<TcpStream>>>,
    spots: Arc<Spots>,
}

/// Where it breaks by itself.
#[derive(Default)]
pub struct Spots {
    /// Times that a connection is to break before the word COMMIT arrives.
    pub cut_before_commit: AtomicU32,
    /// Times that it is to break after that, so that the answer is lost.
    pub cut_after_commit: AtomicU32,
    /// The next question with this word is on its way for so long.
    pub slow: Mutex<Option<(&'static str, Duration)>>,
}

impl Wire {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let wire = Self {
            port: listener.local_addr().unwrap().port(),
            server: Arc::new(AtomicU16::new(server)),
            is_cut: Arc::default(),
            lines: Arc::default(),
            spots: Arc::default(),
        };
        let (is_cut, lines) = (Arc::clone(&wire.is_cut), Arc::clone(&wire.lines));
        let (server, spots) = (Arc::clone(&wire.server), Arc::clone(&wire.spots));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Cut: whoever comes is let in and gets no answer, then the line breaks.
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server.load(Ordering::SeqCst))) else {
                    continue;
                };
                lines.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let lost = Arc::new(AtomicBool::new(false));
                let (deaf, spots) = (Arc::clone(&lost), Arc::clone(&spots));
                std::thread::spawn(move || answers(from, to, &lost));
                std::thread::spawn(move || questions(client, server, &spots, &deaf));
            }
        });
        wire
    }

    /// Where a daemon connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it breaks by itself.
    pub fn spots(&self) -> &Spots {
        &self.spots
    }

    /// Who comes from now on is led to another server.
    pub fn lead_to(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }

    /// Breaks every connection and lets no new one through, or heals.
    pub fn cut(&self, cut: bool) {
        self.is_cut.store(cut, Ordering::SeqCst);
        if cut {
            for line in self.lines.lock().unwrap().drain(..) {
                let _ = line.shutdown(Shutdown::Both);
            }
        }
    }
}

fn questions(mut from: TcpStream, mut to: TcpStream, spots: &Spots, deaf: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        let has = |word: &[u8]| buffer[..read].windows(word.len()).any(|bytes| bytes == word);
        let is_commit = has(b"COMMIT\0");
        if is_commit && take(&spots.cut_before_commit) {
            break;
        }
        if is_commit && take(&spots.cut_after_commit) {
            deaf.store(true, Ordering::SeqCst);
        }
        let slow = spots.slow.lock().unwrap().take_if(|(word, _)| has(word.as_bytes()));
        if let Some((_, time)) = slow {
            std::thread::sleep(time);
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn answers(mut from: TcpStream, mut to: TcpStream, deaf: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || deaf.load(Ordering::SeqCst) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Takes one of the times that are left.
fn take(times: &AtomicU32) -> bool {
    times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}
