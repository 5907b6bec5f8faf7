//! `adapters/README.md` is honest: its code is quoted from files that are compiled, and its commands, run one after another
//! as they stand, lead from nothing to a published post.

use std::time::Instant;

use crate::page::{Block, blocks, commands};
use crate::shell::Shell;
use juzhen_tests::{client, eventually, root};
use serde_json::Value;

const PAGE: &str = "adapters/README.md";

#[test]
fn every_piece_of_code_is_quoted_from_a_file_that_is_compiled_or_read() {
    let mut quoted = 0;
    for Block { kind, file, text } in blocks(PAGE) {
        let Some(file) = file else {
            assert!(
                ["sh", "text"].contains(&kind.as_str()),
                "a block of {kind} that nobody looks at: {text}"
            );
            continue;
        };
        let source = std::fs::read_to_string(root().join(&file)).unwrap();
        let bare = |text: &str| {
            text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let (source, text) = (bare(&source), bare(&text));
        assert!(
            source.windows(text.len()).any(|part| part == text),
            "{file} does not say:\n{}",
            text.join("\n")
        );
        quoted += 1;
    }
    assert!(quoted > 10, "the page quotes {quoted} pieces");
}

#[test]
fn the_commands_that_nobody_can_run_here_have_the_options_of_the_program() {
    let help = Shell::new(0, 0).run("juzhen adapter record --help");
    for block in blocks(PAGE).into_iter().filter(|block| block.kind == "text") {
        for option in block.text.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(
                help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                "{option}: {help}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_published_post_by_the_commands_of_the_page() {
    let (sandbox, daemon) = (free_port(), free_port());
    let mut shell = Shell::new(sandbox, daemon);
    let chapters: Vec<Vec<String>> = blocks(PAGE)
        .into_iter()
        .filter(|block| block.kind == "sh")
        .map(|block| commands(&block.text))
        .collect();
    let began = Instant::now();
    let mut ran = 0;
    for command in &chapters[0] {
        shell.run(command);
        ran += 1;
        if command.contains("adapter record") {
            println!("a published post after {ran} commands and {:.1} s", began.elapsed().as_secs_f32());
            assert!(ran < 10, "{ran} commands");
            assert_eq!(published(sandbox, "第一条").await, 1);
        }
    }
    assert!(ran > 4, "the first chapter has {ran} commands");
    for command in chapters[1..].iter().flatten() {
        shell.run(command);
    }
    eventually("the daemon's post", async || published(sandbox, "由新适配器发布").await == 1).await;
    let ledger = ledger(sandbox).await;
    assert_eq!(ledger["effects"].as_array().unwrap().len(), 2, "{ledger:#}");
    assert_eq!(ledger["violations"].as_array().unwrap().len(), 0, "{ledger:#}");
    println!("all of the page: {:.1} s", began.elapsed().as_secs_f32());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_c_passes_the_kit_and_publishes_by_the_commands_of_its_page() {
    let sandbox = free_port();
    let mut shell = Shell::new(sandbox, 0);
    shell.in_checkout();
    for block in blocks("adapters/c-example/README.md").into_iter().filter(|block| block.kind == "sh") {
        for command in commands(&block.text) {
            shell.run(&command);
        }
    }
    assert_eq!(published(sandbox, "用 C 写的").await, 1);
}

async fn published(port: u16, text: &str) -> usize {
    let ledger = ledger(port).await;
    ledger["effects"].as_array().unwrap().iter().filter(|effect| effect["text"] == text).count()
}

async fn ledger(port: u16) -> Value {
    let asked = client().get(format!("http://127.0.0.1:{port}/ledger")).send().await;
    asked.unwrap().json().await.unwrap()
}

/// One that nobody listens on now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
