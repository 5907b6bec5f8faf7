//! An item as its author keeps it: a Markdown or YAML file with its pictures beside it. Pictures are uploaded first; what goes
//! to the daemon names them by their bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::failure::Usage;
use crate::output::field;

/// Reads the file and uploads its pictures; what comes back is a request without the file's own words.
pub(super) async fn read(client: &Client, path: &Path) -> Result<Map<String, Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    let parsed = match kind {
        "md" | "markdown" => markdown(&text),
        "yaml" | "yml" | "json" => yaml(&text),
        _ => bail!(Usage(format!("{}: write a .md or a .yaml file", path.display()))),
    };
    let mut item = parsed.with_context(|| format!("{} holds no item", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    for variant in
        item.get_mut("variants").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut())
    {
        let media = variant.get_mut("media").and_then(Value::as_array_mut);
        for picture in media.into_iter().flatten() {
            upload(client, &folder, picture).await?;
        }
    }
    Ok(item)
}

/// `file` becomes the `sha256` of the upload.
async fn upload(client: &Client, folder: &Path, picture: &mut Value) -> Result<()> {
    let Some(fields) = picture.as_object_mut() else { return Ok(()) };
    let Some(file) = fields.remove("file").and_then(|file| file.as_str().map(PathBuf::from)) else {
        return Ok(());
    };
    let path = folder.join(file);
    let bytes = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    let stored =
        client.upload(bytes).await.with_context(|| format!("could not upload {}", path.display()))?;
    fields.insert("sha256".to_owned(), json!(field(&stored, "/sha256")));
    Ok(())
}

/// The request itself, with `media: [{file: …, alt: …}]` for pictures beside it.
fn yaml(text: &str) -> Result<Map<String, Value>> {
    Ok(serde_saphyr::from_str(text)?)
}

/// Between two lines of `---` what goes with it (`platforms`, and the fields of the request), then a title after `# `, texts
/// and pictures. Every platform gets the same.
fn markdown(text: &str) -> Result<Map<String, Value>> {
    let rest =
        text.trim_start_matches('\u{feff}').strip_prefix("---\n").context("it has to begin with ---")?;
    let (head, body) = rest.split_once("\n---\n").context("the head has to end with ---")?;
    let mut item = yaml(head)?;
    let platforms =
        item.remove("platforms").context("the head has to name `platforms`, such as [weibo, wechat]")?;
    let variant = variant(body);
    let names = platforms.as_array().into_iter().flatten().filter_map(Value::as_str);
    let variants: Map<_, _> = names.map(|name| (name.to_owned(), variant.clone())).collect();
    item.insert("variants".to_owned(), Value::Object(variants));
    Ok(item)
}

fn variant(body: &str) -> Value {
    let (mut title, mut lines, mut media) = (None, Vec::new(), Vec::new());
    for line in body.lines().map(str::trim_end) {
        if let (None, Some(found)) = (&title, line.strip_prefix("# ")) {
            title = Some(found.trim().to_owned());
        } else if let Some((alt, file)) = picture(line) {
            media.push(if alt.is_empty() {
                json!({"file": file})
            } else {
                json!({"file": file, "alt": alt})
            });
        } else {
            lines.push(line);
        }
    }
    // Paragraphs of Markdown are an empty line apart, those of a post are not.
    let text = lines.join("\n");
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let text = paragraphs.collect::<Vec<_>>().join("\n");
    super::without_nulls(json!({"title": title, "text": text, "media": media}))
}

/// `![what it shows](file)` on a line of its own.
fn picture(line: &str) -> Option<(&str, &str)> {
    let (alt, file) = line.trim().strip_prefix("![")?.strip_suffix(')')?.split_once("](")?;
    Some((alt.trim(), file.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_markdown_file_is_an_item() {
        let text = "---\nplatforms: [weibo, wechat]\ncolumn: bianmin\nfiling: {info_nature: convenience}\n---\n\
                    # 停水通知\n\n明天停水。\n\n![水厂](a.png)\n\n请储水。\n";
        let item = Value::Object(markdown(text).unwrap());
        let said = json!({"title": "停水通知", "text": "明天停水。\n请储水。", "media": [{"file": "a.png", "alt": "水厂"}]});
        assert_eq!(
            item,
            json!({
                "column": "bianmin", "filing": {"info_nature": "convenience"},
                "variants": {"weibo": said, "wechat": said},
            })
        );
    }

    #[test]
    fn what_is_no_item_says_what_is_missing() {
        for (text, words) in [
            ("停水", "begin with ---"),
            ("---\ncolumn: a\n", "end with ---"),
            ("---\ncolumn: a\n---\n停水", "`platforms`"),
        ] {
            assert!(markdown(text).unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
