//! An adapter's process and nothing else: what tests start in place of the daemon's binary.

fn main() -> ! {
    juzhen_host::child_main()
}
