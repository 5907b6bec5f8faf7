//! What the operating system can take away from an adapter's process, and a report of what it did.
//!
//! Called in the child while it has one thread and no code of the adapter: constructors of the library already run
//! inside. Each mechanism is tried on its own, so that one that is missing does not take the others with it.
#![allow(unsafe_code, reason = "unshare and close_range have no safe form")]

use std::io;
use std::os::fd::BorrowedFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, PathBeneath,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, Scope,
};
use rustix::process::{DumpableBehavior, Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

use crate::lane::{IsolationReport, Limits, Mechanism};
use crate::system_calls;

/// The user that a child of a daemon run by root becomes: `nobody` on every Linux.
const NOBODY: u32 = 65534;

/// Forbids every other process of this user to read this one's memory, and core dumps of it. For the daemon itself,
/// once, at its start: it holds the secrets.
///
/// # Errors
/// When the system refuses one of them.
pub fn harden_this_process() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Closes whatever was inherited beyond the three standard descriptors.
pub(crate) fn close_inherited() {
    // SAFETY: the process has just started; nothing in it owns a descriptor above 2 yet.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}

/// Confines this process for good, except that it may still open `library` once more (to link it). It must have a
/// single thread.
pub(crate) fn confine(limits: &Limits, library: BorrowedFd<'_>) -> IsolationReport {
    let mut report = Report::default();
    // True by the way in which the child was started.
    for name in ["process", "environment", "descriptors"] {
        report.note(name, Ok(()));
    }
    limit_resources(limits, &mut report);
    report.note("memory_hidden", harden_this_process().map_err(|e| e.to_string()));
    report.note("no_new_privileges", rustix::thread::set_no_new_privs(true).map_err(|e| e.to_string()));
    let network = if rustix::process::geteuid().is_root() { leave_root(&mut report) } else { None };
    let own_user_space = separate(network, &mut report);
    report.note("threads", limit_threads(limits.threads, own_user_space));
    report.note("no_capabilities", drop_capabilities());
    restrict_access(library, &mut report);
    report.note("system_calls", system_calls::forbid().map_err(|e| e.to_string()));
    IsolationReport { mechanisms: report.mechanisms }
}

/// The report of an adapter in the daemon's own process.
pub(crate) fn none() -> IsolationReport {
    let why = Some("it runs inside the daemon (isolation: in_process)".to_owned());
    IsolationReport { mechanisms: vec![Mechanism { name: "process".into(), missing: why }] }
}

#[derive(Default)]
struct Report {
    mechanisms: Vec<Mechanism>,
}

impl Report {
    fn note(&mut self, name: &str, done: Result<(), String>) {
        self.mechanisms.push(Mechanism { name: name.to_owned(), missing: done.err() });
    }
}

fn limit_resources(limits: &Limits, report: &mut Report) {
    let mut limit = |name: &str, resource: Resource, most: u64| {
        // Never more than what the daemon itself was given.
        let most = rustix::process::getrlimit(resource).maximum.map_or(most, |given| given.min(most));
        let done = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
        report.note(name, done.map_err(|e| e.to_string()));
    };
    limit("address_space", Resource::As, limits.address_space_bytes);
    limit("open_files", Resource::Nofile, limits.open_files);
    limit("stack", Resource::Stack, limits.stack_bytes);
    limit("core_dumps", Resource::Core, 0);
    // No file may grow, a memory file neither: those are not counted as address space.
    limit("file_size", Resource::Fsize, 0);
}

/// Root keeps its files and may signal everyone even without capabilities, so it has to become someone else. The
/// network namespace is made before, while that is still allowed; returned is how that went.
fn leave_root(report: &mut Report) -> Option<Result<(), String>> {
    let network = unshare(UnshareFlags::NEWNET);
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let done = rustix::thread::set_thread_groups(&[])
        .and_then(|()| rustix::thread::set_thread_res_gid(group, group, group))
        .and_then(|()| rustix::thread::set_thread_res_uid(user, user, user));
    // Another user is another secret-holder: changing it makes the process readable for that user again.
    let hidden = done.and_then(|()| rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable));
    report.note("not_root", hidden.map_err(|e| e.to_string()));
    Some(network)
}

/// A user namespace of its own (threads are counted in it, and it permits the network namespace), and a network
/// namespace without any interface. Returns whether the former is there.
fn separate(network: Option<Result<(), String>>, report: &mut Report) -> Result<(), String> {
    let (user_space, network) = match network {
        Some(done) => (unshare(UnshareFlags::NEWUSER), done),
        None => match unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET) {
            Ok(()) => (Ok(()), Ok(())),
            // Some distributions allow the one and not the other.
            Err(why) => (unshare(UnshareFlags::NEWUSER), unshare(UnshareFlags::NEWNET).map_err(|_| why)),
        },
    };
    report.note("network_namespace", network);
    user_space
}

fn unshare(flags: UnshareFlags) -> Result<(), String> {
    // SAFETY: the descriptor table is not among the flags, and there is only this thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(|e| e.to_string())
}

/// Outside of a user namespace the limit would count every process of this user.
fn limit_threads(most: u64, own_user_space: Result<(), String>) -> Result<(), String> {
    own_user_space.map_err(|why| format!("no user namespace: {why}"))?;
    setrlimit(Resource::Nproc, Rlimit { current: Some(most), maximum: Some(most) }).map_err(|e| e.to_string())
}

fn drop_capabilities() -> Result<(), String> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).map_err(|e| e.to_string())
}

/// Landlock without rules: no file, no TCP port, no abstract socket and no signal outside of this process.
fn restrict_access(library: BorrowedFd<'_>, report: &mut Report) {
    let abi = match apply_landlock(library) {
        Ok(LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi),
        Ok(LandlockStatus::NotEnabled) => Err("landlock is switched off in this kernel".to_owned()),
        Ok(_) => Err("this kernel has no landlock".to_owned()),
        Err(why) => Err(why.to_string()),
    };
    for (name, since) in
        [("landlock_files", ABI::V1), ("landlock_tcp", ABI::V4), ("landlock_signals", ABI::V6)]
    {
        let done = match &abi {
            Ok(abi) if *abi >= since => Ok(()),
            Ok(_) => Err("this kernel's landlock is too old".to_owned()),
            Err(why) => Err(why.clone()),
        };
        report.note(name, done);
    }
}

fn apply_landlock(library: BorrowedFd<'_>) -> Result<LandlockStatus, landlock::RulesetError> {
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    // Memory files are outside of what landlock governs; only a private copy needs a rule.
    let rules = if rustix::fs::fcntl_get_seals(library).is_ok() {
        rules
    } else {
        rules.add_rule(PathBeneath::new(library, AccessFs::ReadFile | AccessFs::Execute))?
    };
    Ok(rules.restrict_self()?.landlock)
}
