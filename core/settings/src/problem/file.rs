//! Faults of a file as a file: where it lies, how it is written, whether it is YAML that we take.

use super::{Texts, say};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileProblem {
    Missing,
    NoUnits,
    NoFolder { path: String },
    Unreadable { cause: String },
    NotRegular,
    OutsideFolder,
    WorldWritable { folder: bool },
    FileTooLarge { bytes: u64, limit: u64 },
    SetTooLarge { bytes: u64, limit: u64 },
    TooManyFiles { files: usize, limit: usize },
    NameNotUtf8,
    NotRead { near: Option<String> },
    Gbk,
    Utf16,
    NotUtf8,
    NulByte,
    Empty,
    Foreign { language: &'static str },
    Syntax { english: String, chinese: Option<&'static str> },
    TabIndent,
    SecondDocument,
    TextAfterEnd,
    NoEndMark,
    Directive,
    Anchor,
    Alias,
    Tag,
    MergeKey,
    ComplexKey,
    TooDeep { limit: usize },
    TooManyNodes { limit: usize },
    DuplicateKey { key: String, first_line: u32 },
    MoreFaults { left_out: usize },
    WordMissing,
    WordNotWrong { word: String },
    WordTooLong { characters: usize, limit: usize },
    WordUnseen { code: u32 },
    NoCategory { found: String },
    NoSeverity { found: String },
    ListsTooLong { said: String },
}

impl FileProblem {
    /// A table, one row a fault: long, and nothing to follow.
    pub(super) fn texts(&self) -> Texts {
        match self {
            Self::Missing => say("the file is missing", "缺少此文件").hint(
                "take it back from a copy, or write one from `juzhen schema`; nothing changes until it is there",
                "请从备份恢复，或参照 `juzhen schema` 重新编写；补齐之前一切照旧运行",
            ),
            Self::NoUnits => say("there is no file in this folder: no unit is described", "此目录中没有文件：尚未描述任何单位")
                .hint("each unit is one file, such as units/OFFICE.yaml", "一个单位一个文件，例如 units/OFFICE.yaml"),
            Self::NoFolder { path } => say(format!("cannot open the folder: {path}"), format!("无法打开目录：{path}")),
            Self::Unreadable { cause } => {
                say(format!("cannot read the file: {cause}"), format!("无法读取文件：{cause}"))
            }
            Self::NotRegular => say(
                "not a regular file (a folder, pipe, socket or device)",
                "不是普通文件（是目录、管道、套接字或设备）",
            ),
            Self::OutsideFolder => say(
                "the link leads out of the configuration folder",
                "符号链接指向配置目录之外",
            )
            .hint("put the file itself into the folder", "请把文件本身放进配置目录"),
            Self::WorldWritable { folder } => {
                let (what, zh) = if *folder { ("folder", "目录") } else { ("file", "文件") };
                say(format!("anybody on this machine may change this {what}"), format!("本机任何人都可以修改此{zh}"))
                    .hint("run `chmod o-w` on it", "请对它执行 `chmod o-w`")
            }
            Self::FileTooLarge { bytes, limit } => say(
                format!("the file has {bytes} bytes; the limit is {limit}"),
                format!("文件有 {bytes} 字节，上限为 {limit} 字节"),
            ),
            Self::SetTooLarge { bytes, limit } => say(
                format!("all files together have {bytes} bytes; the limit is {limit}"),
                format!("全部文件共 {bytes} 字节，上限为 {limit} 字节"),
            ),
            Self::TooManyFiles { files, limit } => say(
                format!("the folder has {files} files; the limit is {limit}"),
                format!("目录中有 {files} 个文件，上限为 {limit} 个"),
            ),
            Self::NameNotUtf8 => say("the file name is not UTF-8", "文件名不是 UTF-8 编码")
                .hint("use letters and digits in file names", "文件名请用字母和数字"),
            Self::NotRead { near } => say("this file is not read", "此文件不会被读取").did_you_mean(near.as_deref()),
            Self::Gbk => say("not UTF-8: it looks like GBK", "不是 UTF-8 编码：看起来是 GBK")
                .hint("save the file as UTF-8", "请在编辑器中另存为 UTF-8 编码"),
            Self::Utf16 => say("not UTF-8: it looks like UTF-16", "不是 UTF-8 编码：看起来是 UTF-16")
                .hint("save the file as UTF-8", "请在编辑器中另存为 UTF-8 编码"),
            Self::NotUtf8 => say("not UTF-8", "不是 UTF-8 编码").hint("save the file as UTF-8", "请在编辑器中另存为 UTF-8 编码"),
            Self::NulByte => say("a NUL byte: this is no text file, or it is damaged", "含有 NUL 字节：不是文本文件，或文件已损坏"),
            Self::Empty => say("empty configuration: the file has nothing but blanks and comments", "配置为空：文件中只有空白和注释"),
            Self::Foreign { language } => say(
                format!("this is {language}; YAML is expected"),
                format!("这是 {language}；此处需要 YAML"),
            ),
            Self::TabIndent => say("a tab indents this line; YAML takes spaces only", "此行用制表符缩进；YAML 只允许空格")
                .hint("replace each tab by two spaces", "请把每个制表符换成两个空格"),
            Self::SecondDocument => say("a second document starts here; one is expected", "此处开始了第二个文档；每个文件只能有一个")
                .hint("remove the `---`", "请删除 `---`"),
            Self::TextAfterEnd => say("text after the end mark `...`", "结束标记 `...` 之后还有内容")
                .hint("move it above the line `...`", "请移到 `...` 这一行之前"),
            Self::NoEndMark => say(
                "the end mark is missing: the file may have been cut off",
                "缺少结束标记：文件可能不完整",
            )
            .hint("make `...` (three dots) the last line", "请在最后另起一行写 `...`（三个英文句点）"),
            Self::Directive => say("a `%` directive; none is taken", "不允许 `%` 指令").hint("remove the line", "请删除此行"),
            Self::Anchor => say("an anchor (`&name`); none is taken", "不允许锚点（`&名称`）")
                .hint("write the value where it is used", "请在使用处直接写出内容"),
            Self::Alias => say("an alias (`*name`); none is taken", "不允许别名（`*名称`）")
                .hint("write the value itself; text that starts with `*` needs quotes", "请直接写出内容；以 `*` 开头的文字要加引号"),
            Self::Tag => say("a tag (`!name`); none is taken", "不允许标签（`!名称`）")
                .hint("remove it; text that starts with `!` needs quotes", "请删除；以 `!` 开头的文字要加引号"),
            Self::MergeKey => say("a merge key (`<<`); none is taken", "不允许合并键（`<<`）")
                .hint("write the keys themselves", "请逐项写出"),
            Self::ComplexKey => say("a key that is no plain text", "键必须是普通文字"),
            Self::TooDeep { limit } => say(
                format!("nested deeper than {limit} levels"),
                format!("嵌套超过 {limit} 层"),
            ),
            Self::TooManyNodes { limit } => say(
                format!("more than {limit} values in one file"),
                format!("一个文件中的值超过 {limit} 个"),
            ),
            Self::DuplicateKey { key, first_line } => say(
                format!("key `{key}` is written twice; first on line {first_line}"),
                format!("键 `{key}` 重复；首次出现在第 {first_line} 行"),
            )
            .hint("keep one of them", "请只保留一个"),
            Self::MoreFaults { left_out } => say(
                format!("{left_out} more faults in this file are not shown"),
                format!("此文件还有 {left_out} 处错误未列出"),
            ),
            Self::WordMissing => say("a word is missing on this line", "此行缺少词")
                .hint("write `wrong<tab>right` or `word<tab>category`", "应为“错误<制表符>正确”或“词<制表符>类别”"),
            Self::WordNotWrong { word } => say(
                format!("`{word}` is corrected to itself"),
                format!("“{word}”改正后与原来相同"),
            ),
            Self::WordTooLong { characters, limit } => say(
                format!("{characters} characters are no word; the limit is {limit}"),
                format!("{characters} 个字符不是一个词，上限为 {limit}"),
            ),
            Self::WordUnseen { code } => say(
                format!("holds U+{code:04X}, which cannot be seen"),
                format!("含有看不见的字符 U+{code:04X}"),
            ),
            Self::NoCategory { found } => say(
                format!("there is no category `{found}`; there are c1 to c7"),
                format!("没有类别“{found}”，只有 c1 至 c7"),
            ),
            Self::NoSeverity { found } => say(
                format!("there is no severity `{found}`; there are block, confirm, warn and info"),
                format!("没有处置方式“{found}”，只有 block、confirm、warn、info"),
            ),
            Self::ListsTooLong { said } => say(
                format!("the word lists cannot be searched: {said}"),
                format!("词表无法用于检索：{said}"),
            ),
            Self::Syntax { english, chinese } => say(
                format!("not YAML: {english}"),
                format!("YAML 语法错误：{}", chinese.unwrap_or(english)),
            ),
        }
    }
}
