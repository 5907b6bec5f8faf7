//! The checks: id, group, what it asks, what to do when it fails, and the function.

use futures_util::future::BoxFuture;

use super::bench::Bench;
use super::report::{Finding, Group};
use super::{binary, capabilities, determinism, lifecycle, network, protocol, secrets, semantics};

/// One question to an adapter.
pub struct Check {
    /// Stable, `group.name`.
    pub id: &'static str,
    pub group: Group,
    pub title: &'static str,
    /// What its author can do when it fails.
    pub advice: &'static str,
    /// Asked when all others have been: it looks at what they saw.
    pub(crate) last: bool,
    pub(crate) run: Run,
}

pub(crate) type Run = for<'b> fn(&'b Bench) -> BoxFuture<'b, Finding>;

const fn check(id: &'static str, group: Group, title: &'static str, advice: &'static str, run: Run) -> Check {
    Check { id, group, title, advice, last: false, run }
}

/// Of what happened in any run.
const fn over_all(
    id: &'static str,
    group: Group,
    title: &'static str,
    advice: &'static str,
    run: Run,
) -> Check {
    Check { id, group, title, advice, last: true, run }
}

/// All of them, in the order of the report.
pub const CHECKS: &[Check] = {
    use Group::*;
    &[
        check(
            "binary.starts",
            Binary,
            "it starts in a process of its own, under the whole isolation",
            "see what it was doing; `new` makes no request, reads no file and takes less than 5 s",
            binary::starts,
        ),
        check(
            "binary.entry",
            Binary,
            "its entry is of this version, and its manifest the one in the file",
            "export it with export_adapter!, or fill adp_entry as the header says",
            binary::entry,
        ),
        check(
            "binary.exports",
            Binary,
            "it exports its entry and nothing else",
            "build a cdylib without #[no_mangle] of your own; in C with -fvisibility=hidden",
            binary::exports,
        ),
        check(
            "binary.needs",
            Binary,
            "it needs libraries that every system has, in versions that old ones have",
            "link other libraries statically, and build on the oldest system that it has to run on",
            binary::needs,
        ),
        check(
            "binary.size",
            Binary,
            "it is not too big",
            "build with --release, strip = \"symbols\", and without what it does not use",
            binary::size,
        ),
        check(
            "protocol.unknown_operation",
            Protocol,
            "an operation that nobody knows is unsupported",
            "answer unsupported to every name that is not yours",
            protocol::unknown,
        ),
        check(
            "protocol.operations",
            Protocol,
            "what the manifest lists is there, and nothing else",
            "bring `operations` of the manifest and the methods into line",
            protocol::declared,
        ),
        check(
            "protocol.malformed",
            Protocol,
            "bytes that are no request are answered with an error",
            "parse before anything else; a parser's error is an answer, not a panic",
            protocol::malformed,
        ),
        check(
            "protocol.unknown_fields",
            Protocol,
            "fields of a later version are not seen",
            "no deny_unknown_fields on what the daemon sends",
            protocol::unknown_fields,
        ),
        check(
            "protocol.defaults",
            Protocol,
            "a request with nothing in it is answered",
            "give every optional field its default, and say misconfigured for a setting that is not there",
            protocol::defaults,
        ),
        check(
            "protocol.settings",
            Protocol,
            "a required setting that is missing is named",
            "answer misconfigured with the setting's name, before anything leaves",
            protocol::settings,
        ),
        check(
            "protocol.at_once",
            Protocol,
            "many calls at once do not see each other",
            "keep nothing of a call outside of it; what differs between accounts comes with each call",
            protocol::at_once,
        ),
        over_all(
            "protocol.answers",
            Protocol,
            "every answer can be read",
            "answers are a length, JSON and a tail, in memory that stays until it is freed",
            protocol::well_formed,
        ),
        over_all(
            "protocol.kinds",
            Protocol,
            "every error has a kind that the daemon knows",
            "use the kinds of messages.md; anything else counts as a bug",
            protocol::kinds,
        ),
        over_all(
            "protocol.capabilities",
            Protocol,
            "every call of the host can be read",
            "pack requests as messages.md says, and name no capability that is not there",
            protocol::capability_calls,
        ),
        check(
            "protocol.instances",
            Protocol,
            "two of it do not know of each other",
            "no static that an instance depends on",
            protocol::instances,
        ),
        check(
            "protocol.versions",
            Protocol,
            "hosts of other minor versions are no trouble",
            "look at `size` before calling a function; refuse a table that is too small with an error",
            protocol::tables,
        ),
        check(
            "protocol.create",
            Protocol,
            "bytes that are no settings are no crash",
            "answer an error from `create`",
            protocol::create,
        ),
        check(
            "protocol.scopes",
            Protocol,
            "each operation speaks in its own name",
            "use the scope that came with the call, and only until it ends",
            protocol::scopes,
        ),
        check(
            "lifecycle.cancel",
            Lifecycle,
            "cancelled at any wait, it leaves nothing behind",
            "drop every future of the host with the operation's own; keep no host and no thread for it",
            lifecycle::cancel,
        ),
        check(
            "lifecycle.wakers",
            Lifecycle,
            "its wakers may be woken after its end",
            "count wakers; what a waker points to lives as long as its last clone",
            lifecycle::wakers,
        ),
        check(
            "lifecycle.polls",
            Lifecycle,
            "a poll is short, and comes when there is something to do",
            "compute no longer than 100 ms between two waits, block nowhere, and wake only when something has come",
            lifecycle::polls,
        ),
        check(
            "lifecycle.threads",
            Lifecycle,
            "it starts no threads, or says so",
            "start none; or export with `threads`",
            lifecycle::threads,
        ),
        check(
            "lifecycle.memory",
            Lifecycle,
            "many calls take no more memory than some",
            "let nothing grow by call",
            lifecycle::memory,
        ),
        check(
            "lifecycle.alone",
            Lifecycle,
            "it reaches nothing but by the host",
            "ask the host for requests, values, pictures and times; its own files and sockets are closed to it anyway",
            lifecycle::alone,
        ),
        check(
            "lifecycle.process",
            Lifecycle,
            "it leaves alone what belongs to the whole process",
            "change no signal, no folder, no mask; close what you open, and nothing else",
            lifecycle::process,
        ),
        check(
            "lifecycle.quiet",
            Lifecycle,
            "it prints nothing",
            "log with cx.log; a panic of a thread or of a drop prints, too",
            lifecycle::quiet,
        ),
        over_all(
            "lifecycle.lives",
            Lifecycle,
            "nothing takes its process down",
            "look at the signal: abort, exit and memory that is not yours are for nobody",
            lifecycle::lives,
        ),
        over_all(
            "lifecycle.ends",
            Lifecycle,
            "every operation comes to its end",
            "wait only for answers of the host; block no thread, and compute no longer than 100 ms between two waits",
            lifecycle::ends,
        ),
        over_all(
            "lifecycle.panics",
            Lifecycle,
            "nothing panics",
            "return an error instead; the place is in what was seen",
            lifecycle::panics,
        ),
        check(
            "semantics.answers",
            Semantics,
            "good answers end well",
            "give the platform's real answers with --settings; then look at the error",
            semantics::answers,
        ),
        check(
            "semantics.one_commit",
            Semantics,
            "a text becomes public by one request",
            "mark uploads and drafts that nobody sees as Effect::Safe; send the post once",
            semantics::one_commit,
        ),
        check(
            "semantics.honest",
            Semantics,
            "what the platform took is not said to have failed",
            "after an accepted post answer it, or say in_doubt",
            semantics::honest,
        ),
        check(
            "semantics.refusals",
            Semantics,
            "a refusal has the kind that fits it",
            "a no is no success; sort the platform's codes, and leave the rest to the default of the status",
            semantics::refusals,
        ),
        check(
            "semantics.silence",
            Semantics,
            "without a clear answer nothing is claimed",
            "say in_doubt after a request that may have left something, retryable after one that has not",
            semantics::silence,
        ),
        check(
            "semantics.unreadable",
            Semantics,
            "an answer that cannot be read is no refusal and no success",
            "say in_doubt when a 2xx cannot be read: it is out, and its id is lost",
            semantics::unreadable,
        ),
        check(
            "semantics.stops",
            Semantics,
            "after a request in doubt nothing more leaves",
            "return the error at once; the daemon looks at the account before anything is tried again",
            semantics::stops,
        ),
        check(
            "semantics.keys",
            Semantics,
            "the idempotency key is the same in each attempt",
            "make it of meta.idempotency_key and of nothing that changes",
            semantics::keys,
        ),
        check(
            "semantics.deadline",
            Semantics,
            "it does not sleep past its deadline",
            "compare meta.deadline_unix_ms before sleeping; else say retryable with after_ms",
            semantics::deadline,
        ),
        check(
            "semantics.replay",
            Semantics,
            "killed at any request and run again, it asks the same",
            "keep nothing in memory that a request depends on, and draw times and randomness from the host",
            semantics::replay,
        ),
        check(
            "semantics.network",
            Semantics,
            "over a real connection that breaks off, nothing is sent twice and nothing lost is called sent",
            "say in_doubt when no answer came, and do not make a final no of it",
            network::network,
        ),
        check(
            "semantics.times",
            Semantics,
            "times are the platform's",
            "answer the time that the platform gave, in milliseconds, or none",
            semantics::times,
        ),
        over_all(
            "secrets.hosts",
            Secrets,
            "requests go to hosts of the manifest only",
            "name the host in `egress`, or do not ask it",
            secrets::hosts,
        ),
        over_all(
            "secrets.bound",
            Secrets,
            "secrets are declared, and go where they are bound",
            "name it in `secrets`, with the hosts it may go to",
            secrets::bound,
        ),
        check(
            "secrets.canaries",
            Secrets,
            "what the platform hands out comes out nowhere",
            "capture tokens with `capture`, and quote no answer whole",
            secrets::canaries,
        ),
        check(
            "determinism.same",
            Determinism,
            "the same call asks the same",
            "no clock, no randomness and no order of a hash map but the host's own",
            determinism::same,
        ),
        check(
            "capabilities.text",
            Capabilities,
            "as many characters as the manifest allows leave",
            "bring limits.text and the check in `publish` into line",
            capabilities::text,
        ),
        check(
            "capabilities.title",
            Capabilities,
            "as long a title as the manifest allows leaves",
            "bring limits.title and the check in `publish` into line",
            capabilities::title,
        ),
        check(
            "capabilities.media",
            Capabilities,
            "as many pictures as the manifest allows leave",
            "bring limits.media and the check in `publish` into line",
            capabilities::media,
        ),
        check(
            "capabilities.media_bytes",
            Capabilities,
            "as big a picture as the manifest allows leaves",
            "bring limits.media_bytes and the check in `publish` into line",
            capabilities::media_bytes,
        ),
        check(
            "capabilities.requires",
            Capabilities,
            "what it uses is what it requires",
            "add it to `requires`, so that a daemon without it says so at the start",
            capabilities::requires,
        ),
    ]
};
