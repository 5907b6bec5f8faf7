//! The programs under test, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The daemon's binary.
pub fn juzhen() -> PathBuf {
    built().join("juzhen")
}

/// The shared object of an adapter.
pub fn adapter(name: &str) -> PathBuf {
    built().join(format!("lib{name}.so"))
}

/// The root of the checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Where cargo puts what it builds, and the test runner what it installs.
pub(crate) fn target() -> PathBuf {
    built().parent().unwrap().to_owned()
}

/// The folder beside this test's own binary, after a build that does nothing when nothing changed.
fn built() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let folder =
            own.ancestors().find(|f| f.ends_with("debug") || f.ends_with("release")).unwrap().to_owned();
        // A runner that has built everything says so, and spares each test the look.
        if std::env::var_os("JUZHEN_BUILT").is_none() {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args([
                "build",
                "--quiet",
                "-p",
                "juzhen",
                "-p",
                "juzhen-adapter-mock",
                "-p",
                "juzhen-adapter-hostile",
                "-p",
                "juzhen-adapter-wechat",
                "-p",
                "juzhen-adapter-weibo",
                "-p",
                "juzhen-adapter-matrix",
            ]);
            if folder.ends_with("release") {
                cargo.arg("--release");
            }
            assert!(
                cargo.current_dir(root()).status().unwrap().success(),
                "the programs under test do not build"
            );
        }
        folder
    })
}
