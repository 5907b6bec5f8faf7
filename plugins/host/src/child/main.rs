//! `main` of the child: from an empty process to a confined, linked, created adapter.
#![allow(unsafe_code, reason = "_exit, mallopt and taking over descriptor 0")]

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::sync::Arc;

use juzhen_abi::pack;
use rustix::event::EventfdFlags;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::executor::{Executor, Inbox, Progress};
use super::io_thread::IoThread;
use super::uplink::{ChildUplink, Outbox};
use crate::boundary::entry;
use crate::boundary::host::HostObject;
use crate::boundary::scope::Scopes;
use crate::isolation;
use crate::lane::Sandbox;
use crate::refused::LoadRefused;
use crate::wire::frame::Splitter;
use crate::wire::{Hello, Ready, ToChild, ToParent, build_id};

/// The whole life of an adapter's process. A program that opens adapters calls this first thing in `main` when its
/// first argument is `adapter-host`, before it starts any thread.
pub fn child_main() -> ! {
    isolation::close_inherited();
    // One arena: an arena more per thread would reserve 128 MiB of the address space.
    // SAFETY: no other thread exists.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    match start() {
        Ok(executor) => {
            let outbox = Arc::clone(&executor.outbox);
            executor.run();
            outbox.flush();
            end(0)
        }
        Err(Stop::Refused(socket, why)) => {
            let json = serde_json::to_vec(&why).unwrap_or_default();
            let outbox = Outbox::new(socket, counter().unwrap_or_else(|e| end_with(73, &e.to_string())));
            outbox.push(&ToParent::Failed(json), usize::MAX);
            end(0)
        }
        Err(Stop::Broken(why)) => end_with(73, &why),
    }
}

/// Without any handler that the adapter may have registered.
pub(super) fn end(code: i32) -> ! {
    // SAFETY: ends the process, nothing more.
    unsafe { libc::_exit(code) }
}

pub(super) fn end_with(code: i32, why: &str) -> ! {
    use std::io::Write as _;
    // Standard error goes to the daemon's log; nobody is left to tell if it does not take this.
    let _ = writeln!(io::stderr(), "juzhen adapter-host: {why}");
    end(code)
}

enum Stop {
    /// To be reported to the daemon.
    Refused(Arc<OwnedFd>, LoadRefused),
    /// There is no daemon to report to.
    Broken(String),
}

fn start() -> Result<Executor, Stop> {
    let socket = Arc::new(take_socket().map_err(broken("no socket on descriptor 0; started by hand?"))?);
    let (packed, library, splitter) = receive_hello(&socket).map_err(broken("no HELLO"))?;
    let (hello, config): (Hello, &[u8]) =
        pack::unpack(&packed).map_err(|e| Stop::Broken(format!("HELLO: {e}")))?;
    let refuse = |why| Stop::Refused(Arc::clone(&socket), why);
    if hello.build != build_id() {
        return Err(refuse(LoadRefused::OtherBuild { parent: hello.build, child: build_id() }));
    }
    let memory = File::open("/proc/self/statm").ok();
    entry::preload(&hello.needed);

    let report = isolation::confine(&hello.limits, library.as_fd());
    let missing = report.missing();
    if hello.sandbox == Sandbox::Required && !missing.is_empty() {
        return Err(refuse(LoadRefused::SandboxMissing(missing.join(", "))));
    }
    // From here on code of the adapter runs.
    let linked = entry::link(library.as_fd(), hello.manifest.as_bytes()).map_err(refuse)?;
    std::mem::forget(library);

    let outbox = Outbox::new(Arc::clone(&socket), counter().map_err(broken("no event counter"))?);
    let inbox = Inbox::for_this_thread();
    let progress = Progress::new();
    let io = IoThread {
        socket: Arc::clone(&socket),
        outbox: Arc::clone(&outbox),
        inbox: Arc::clone(&inbox),
        progress: Arc::clone(&progress),
        memory,
        splitter,
    };
    io.start().map_err(broken("no I/O thread"))?;
    let uplink = ChildUplink::new(Arc::clone(&outbox));
    let scopes = Arc::<Scopes>::default();
    let host = HostObject::new(Arc::clone(&uplink) as _, Arc::clone(&scopes));
    let instance = progress.watch(|| linked.create(&host, config)).map_err(refuse)?;
    let ready = Ready { flags: linked.flags, build_info: linked.build_info, isolation: report };
    outbox.push(&ToParent::Ready(serde_json::to_vec(&ready).unwrap_or_default()), usize::MAX);
    Ok(Executor {
        instance: Arc::new(instance),
        scopes,
        uplink,
        outbox,
        inbox,
        progress,
        tasks: HashMap::new(),
    })
}

fn broken(what: &str) -> impl Fn(io::Error) -> Stop {
    move |error| Stop::Broken(format!("{what}: {error}"))
}

fn counter() -> io::Result<OwnedFd> {
    Ok(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

/// Moves the socket away from descriptor 0 and puts an empty file there: an adapter that reads standard input or
/// closes it does not touch the connection (F77).
fn take_socket() -> io::Result<OwnedFd> {
    // SAFETY: the daemon passes the socket here, and nothing in this process has used descriptor 0.
    let given = unsafe { OwnedFd::from_raw_fd(0) };
    let socket = rustix::io::fcntl_dupfd_cloexec(&given, 16)?;
    rustix::net::sockopt::socket_type(&socket)?;
    let nothing = File::open("/dev/null")?;
    let mut standard_input = given;
    rustix::io::dup2(&nothing, &mut standard_input)?;
    std::mem::forget(standard_input);
    Ok(socket)
}

/// The first frame and the descriptor that comes with its first byte.
fn receive_hello(socket: &OwnedFd) -> io::Result<(Vec<u8>, OwnedFd, Splitter)> {
    let mut splitter = Splitter::default();
    let mut library = None;
    let mut chunk = vec![0; 32 << 10];
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut attached = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut chunk)],
            &mut attached,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        for message in attached.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                library = descriptors.last().or(library);
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        splitter.feed(chunk.get(..received.bytes).unwrap_or_default());
        let Some(frame) = splitter.next_frame().map_err(io::Error::other)? else { continue };
        let ToChild::Hello(packed) = ToChild::decode(&frame).map_err(io::Error::other)? else {
            return Err(io::Error::other("another frame came first"));
        };
        let library = library.ok_or_else(|| io::Error::other("it came without the library"))?;
        return Ok((packed, library, splitter));
    }
}
