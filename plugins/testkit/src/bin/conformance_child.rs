//! The children of the conformance kit, as its tests start them in place of the daemon's binary.

fn main() {
    juzhen_testkit::conformance::become_child();
}
