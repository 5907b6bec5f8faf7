//! The page as its blocks, and a block of commands as its commands.

use juzhen_tests::root;

/// What stands between two fences.
pub(crate) struct Block {
    /// `sh`, `rust`, `json`, `text`.
    pub(crate) kind: String,
    /// The file that it is quoted from.
    pub(crate) file: Option<String>,
    pub(crate) text: String,
}

/// Those of a page of the repository.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let page = std::fs::read_to_string(root().join(page)).unwrap();
    let blocks = page.split("\n```").skip(1).step_by(2);
    blocks
        .map(|block| {
            let (head, text) = block.split_once('\n').unwrap();
            let (kind, file) = match head.split_once(' ') {
                Some((kind, file)) => (kind, Some(file.to_owned())),
                None => (head, None),
            };
            Block { kind: kind.to_owned(), file, text: text.to_owned() }
        })
        .collect()
}

/// One a line, and what a command reads up to `END` belongs to it.
pub(crate) fn commands(block: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut inside = false;
    for line in block.lines() {
        match commands.last_mut() {
            Some(command) if inside => command.push_str(&format!("\n{line}")),
            _ => commands.push(line.to_owned()),
        }
        inside = if inside { line != "END" } else { line.contains("<<'END'") };
    }
    commands
}
